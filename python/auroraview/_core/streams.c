/*
 * streams.c - the state of a view, and auroraview._core.Channel.
 */
#include "core.h"

PyTypeObject *auvi_py_channel_type;

struct auvi_py_channel {
    PyObject_HEAD auv_channel *channel;
    struct auvi_py_app *app;
};

/* The view to call, or NULL and Closed. */
static auv_view *use_view(PyObject *object)
{
    struct auvi_py_view *self = (struct auvi_py_view *)object;

    return auvi_py_app_use(self->app) ? self->view : NULL;
}

/* ---- state -------------------------------------------------------------- */

PyObject *auvi_py_state_set(PyObject *object, PyObject *args)
{
    struct auvi_py_app *app = ((struct auvi_py_view *)object)->app;
    struct auvi_py_encoded e;
    PyObject *value, *result = NULL;
    PyThreadState *saved;
    const char *key;
    Py_ssize_t length;
    int silent = 0, rc;

    if (!use_view(object) || !PyArg_ParseTuple(args, "s#O|p:state_set", &key,
                                               &length, &value, &silent))
        return NULL;
    /* Asked again: the encoding may run Python code. */
    if (auvi_py_encode(&e, value) == 0 && use_view(object)) {
        auvi_py_app_enter(app);
        saved = auvi_py_encoded_pause(&e);
        rc = auv_view_state_set(((struct auvi_py_view *)object)->view, key,
                                (size_t)length, e.text, e.length, e.parts,
                                e.part_count, silent ? AUV_STATE_SILENT : 0);
        auvi_py_encoded_resume(saved);
        auvi_py_app_leave(app);
        result = rc < 0 ? auvi_py_raise(rc) : PyBool_FromLong(rc);
    }
    auvi_py_encoded_clear(&e);
    return result;
}

PyObject *auvi_py_state_get(PyObject *object, PyObject *args)
{
    struct auvi_py_view *self = (struct auvi_py_view *)object;
    PyObject *otherwise, *result;
    auv_message *value;
    const char *key;
    Py_ssize_t length;
    int rc;

    if (!use_view(object) ||
        !PyArg_ParseTuple(args, "s#O:state_get", &key, &length, &otherwise))
        return NULL;
    rc = auv_view_state_get(self->view, key, (size_t)length, &value);
    if (rc < 0)
        return auvi_py_raise(rc);
    if (!rc) {
        Py_INCREF(otherwise);
        return otherwise;
    }
    result = auvi_py_decode(value);
    auv_message_unref(value);
    return result;
}

PyObject *auvi_py_state_delete(PyObject *object, PyObject *args)
{
    auv_view *view = use_view(object);
    const char *key;
    Py_ssize_t length;
    int rc;

    if (!view || !PyArg_ParseTuple(args, "s#:state_delete", &key, &length))
        return NULL;
    rc = auv_view_state_delete(view, key, (size_t)length, 0);
    return rc < 0 ? auvi_py_raise(rc) : PyBool_FromLong(rc);
}

PyObject *auvi_py_state_clear(PyObject *object, PyObject *unused)
{
    auv_view *view = use_view(object);
    int rc;

    (void)unused;
    if (!view)
        return NULL;
    rc = auv_view_state_clear(view, 0);
    return rc < 0 ? auvi_py_raise(rc) : PyLong_FromLong(rc);
}

/* An exception that is set stops the rest. */
static void add_key(auv_view *view, const char *key, size_t key_length,
                    const auv_message *value, auv_side source, void *list)
{
    PyObject *text;

    (void)view;
    (void)value;
    (void)source;
    if (PyErr_Occurred())
        return;
    text = PyUnicode_DecodeUTF8(key, (Py_ssize_t)key_length, "replace");
    if (text && PyList_Append(list, text) < 0)
        Py_CLEAR(text);
    Py_XDECREF(text);
}

PyObject *auvi_py_state_keys(PyObject *object, PyObject *unused)
{
    auv_view *view = use_view(object);
    PyObject *list = view ? PyList_New(0) : NULL;
    int rc;

    (void)unused;
    if (!list)
        return NULL;
    rc = auv_view_state_each(view, add_key, list);
    if (rc < 0)
        auvi_py_raise(rc);
    if (PyErr_Occurred())
        Py_CLEAR(list);
    return list;
}

static void on_state(auv_view *view, const char *key, size_t key_length,
                     const auv_message *value, auv_side source, void *user)
{
    struct auvi_py_handler *handler = user;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *name =
        PyUnicode_DecodeUTF8(key, (Py_ssize_t)key_length, "replace");
    PyObject *now = NULL, *args = NULL;

    (void)view;
    if (value) {
        now = auvi_py_decode(value);
    } else {
        now = Py_None;
        Py_INCREF(now);
    }
    if (name && now)
        args = Py_BuildValue("(OOiO)", name, now, (int)source,
                             value ? Py_True : Py_False);
    auvi_py_notify(handler->fn, args, "state", name);
    Py_XDECREF(now);
    Py_XDECREF(name);
    PyGILState_Release(gil);
}

PyObject *auvi_py_state_observe(PyObject *object, PyObject *fn)
{
    auv_view *view = use_view(object);
    struct auvi_py_handler *handler;
    int rc;

    if (!view || !(handler = auvi_py_handler_new(fn, false)))
        return NULL;
    rc = auv_view_state_observe(view, on_state, handler, auvi_py_handler_free);
    if (rc < 0) {
        auvi_py_handler_free(handler);
        return auvi_py_raise(rc);
    }
    return PyLong_FromLong(rc);
}

/* ---- channels ------------------------------------------------------------ */

static void on_offer(auv_view *view, const char *name, size_t name_length,
                     void *user)
{
    struct auvi_py_handler *handler = user;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *text =
        PyUnicode_DecodeUTF8(name, (Py_ssize_t)name_length, "replace");

    (void)view;
    auvi_py_notify(handler->fn, text ? Py_BuildValue("(O)", text) : NULL,
                   "channel", text);
    Py_XDECREF(text);
    PyGILState_Release(gil);
}

PyObject *auvi_py_on_channel(PyObject *object, PyObject *args)
{
    auv_view *view = use_view(object);
    struct auvi_py_handler *handler;
    const char *name;
    Py_ssize_t length;
    PyObject *fn;
    int rc;

    if (!view || !PyArg_ParseTuple(args, "s#O:on_channel", &name, &length, &fn))
        return NULL;
    handler = auvi_py_handler_new(fn, false);
    if (!handler)
        return NULL;
    rc = auv_view_on_channel(view, name, (size_t)length, on_offer, handler,
                             auvi_py_handler_free);
    if (rc < 0) {
        auvi_py_handler_free(handler);
        return auvi_py_raise(rc);
    }
    return PyLong_FromLong(rc);
}

static void on_channel_event(auv_channel *channel,
                             const auv_channel_event *event, void *user)
{
    struct auvi_py_handler *handler = user;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *value = Py_None, *args = NULL;

    (void)channel;
    if (event->message)
        value = auvi_py_decode(event->message);
    else
        Py_INCREF(value);
    if (value)
        args = Py_BuildValue("(iOii)", (int)event->kind, value, (int)event->by,
                             event->error);
    auvi_py_notify(handler->fn, args, "channel", NULL);
    Py_XDECREF(value);
    PyGILState_Release(gil);
}

PyObject *auvi_py_channel_open(PyObject *object, PyObject *args)
{
    auv_view *view = use_view(object);
    auv_channel_options options = AUV_CHANNEL_OPTIONS_INIT;
    struct auvi_py_channel *self;
    const char *name;
    Py_ssize_t length, window;
    PyObject *fn;
    int rc;

    if (!view || !PyArg_ParseTuple(args, "s#nO:channel_open", &name, &length,
                                   &window, &fn))
        return NULL;
    self = (struct auvi_py_channel *)((allocfunc)PyType_GetSlot(
        auvi_py_channel_type, Py_tp_alloc))(auvi_py_channel_type, 0);
    if (!self)
        return NULL;
    self->app = ((struct auvi_py_view *)object)->app;
    Py_INCREF((PyObject *)self->app);
    options.user = auvi_py_handler_new(fn, false);
    if (!options.user) {
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    options.fn = on_channel_event;
    options.free_user = auvi_py_handler_free;
    options.window = window < 0 ? (size_t)-1 : (size_t)window;
    options.pull = true;
    rc = auv_channel_open(view, name, (size_t)length, &options, &self->channel);
    if (rc < 0) {
        self->channel = NULL;
        auvi_py_handler_free(options.user);
        auvi_py_raise(rc);
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    return (PyObject *)self;
}

static void channel_dealloc(PyObject *object)
{
    struct auvi_py_channel *self = (struct auvi_py_channel *)object;
    PyObject *app = (PyObject *)self->app;

    if (self->channel && !auvi_py_app_is_foreign(self->app))
        auv_channel_unref(self->channel);
    auvi_py_free(object);
    Py_XDECREF(app);
}

static PyObject *send_value(PyObject *object, PyObject *value,
                            const long long *timeout_ms)
{
    struct auvi_py_channel *self = (struct auvi_py_channel *)object;
    struct auvi_py_encoded e;
    PyObject *result = NULL;
    PyThreadState *saved;
    int rc;

    if (auvi_py_encode(&e, value) == 0 && auvi_py_app_use(self->app)) {
        auvi_py_app_enter(self->app);
        if (timeout_ms) {
            /* A thread that waits must not stop the others. */
            saved = PyEval_SaveThread();
            rc = auv_channel_send_wait(self->channel, e.text, e.length, e.parts,
                                       e.part_count, *timeout_ms);
            PyEval_RestoreThread(saved);
        } else {
            saved = auvi_py_encoded_pause(&e);
            rc = auv_channel_send(self->channel, e.text, e.length, e.parts,
                                  e.part_count);
            auvi_py_encoded_resume(saved);
        }
        auvi_py_app_leave(self->app);
        if (rc == AUV_ERR_QUEUE_FULL)
            result = PyBool_FromLong(0);
        else
            result = rc < 0 ? auvi_py_raise(rc) : PyBool_FromLong(1);
    }
    auvi_py_encoded_clear(&e);
    return result;
}

static PyObject *channel_send(PyObject *object, PyObject *value)
{
    return send_value(object, value, NULL);
}

static PyObject *channel_send_wait(PyObject *object, PyObject *args)
{
    long long timeout_ms;
    PyObject *value;

    if (!PyArg_ParseTuple(args, "OL:send_wait", &value, &timeout_ms))
        return NULL;
    return send_value(object, value, &timeout_ms);
}

static PyObject *channel_receive(PyObject *object, PyObject *args)
{
    struct auvi_py_channel *self = (struct auvi_py_channel *)object;
    auv_message *message = NULL;
    PyThreadState *saved;
    long long timeout_ms;
    PyObject *value;
    int rc;

    if (!PyArg_ParseTuple(args, "L:receive", &timeout_ms) ||
        !auvi_py_app_use(self->app))
        return NULL;
    auvi_py_app_enter(self->app);
    saved = PyEval_SaveThread();
    rc = auv_channel_receive(self->channel, timeout_ms, &message);
    PyEval_RestoreThread(saved);
    auvi_py_app_leave(self->app);
    if (rc < 0)
        return auvi_py_raise(rc);
    value = auvi_py_decode(message);
    auv_message_unref(message);
    return value;
}

static PyObject *channel_close(PyObject *object, PyObject *unused)
{
    struct auvi_py_channel *self = (struct auvi_py_channel *)object;

    (void)unused;
    /* After the application it has ended anyway. */
    if (!self->app->app || auvi_py_app_is_foreign(self->app))
        Py_RETURN_FALSE;
    return PyBool_FromLong(auv_channel_close(self->channel));
}

static PyObject *channel_fail(PyObject *object, PyObject *args)
{
    struct auvi_py_channel *self = (struct auvi_py_channel *)object;
    const char *name, *text;
    int code = 0, rc;

    if (!PyArg_ParseTuple(args, "ss|i:fail", &name, &text, &code))
        return NULL;
    if (!self->app->app || auvi_py_app_is_foreign(self->app))
        Py_RETURN_FALSE;
    rc = auv_channel_fail(self->channel, name, text, code);
    return rc < 0 ? auvi_py_raise(rc) : PyBool_FromLong(rc);
}

static PyObject *channel_is_closed(PyObject *object, PyObject *unused)
{
    struct auvi_py_channel *self = (struct auvi_py_channel *)object;

    (void)unused;
    if (auvi_py_app_is_foreign(self->app))
        Py_RETURN_TRUE;
    return PyBool_FromLong(auv_channel_is_closed(self->channel));
}

static PyObject *channel_result(PyObject *object, PyObject *unused)
{
    struct auvi_py_channel *self = (struct auvi_py_channel *)object;
    auv_message *why = NULL;
    PyObject *value = Py_None, *result = NULL;
    auv_side by;
    int error;

    (void)unused;
    if (auvi_py_app_is_foreign(self->app) ||
        !auv_channel_result(self->channel, &by, &error, &why))
        Py_RETURN_NONE;
    if (why)
        value = auvi_py_decode(why);
    else
        Py_INCREF(value);
    auv_message_unref(why);
    if (value)
        result = Py_BuildValue("(iiO)", (int)by, error, value);
    Py_XDECREF(value);
    return result;
}

static PyObject *channel_pending(PyObject *object, PyObject *unused)
{
    struct auvi_py_channel *self = (struct auvi_py_channel *)object;
    size_t sent, received;

    (void)unused;
    if (!auvi_py_app_use(self->app))
        return NULL;
    auv_channel_pending(self->channel, &sent, &received);
    return Py_BuildValue("(nn)", (Py_ssize_t)sent, (Py_ssize_t)received);
}

static PyMethodDef channel_methods[] = {
    {"send", channel_send, METH_O,
     "send(value) -> False if there is no credit"},
    {"send_wait", channel_send_wait, METH_VARARGS,
     "send_wait(value, timeout_ms)"},
    {"receive", channel_receive, METH_VARARGS, "receive(timeout_ms) -> value"},
    {"close", channel_close, METH_NOARGS,
     "close() -> whether this call ended it"},
    {"fail", channel_fail, METH_VARARGS,
     "fail(name, text, code=0) -> whether this call ended it"},
    {"is_closed", channel_is_closed, METH_NOARGS, "is_closed() -> bool"},
    {"result", channel_result, METH_NOARGS,
     "result() -> None while it is open, else (side, error, value)"},
    {"pending", channel_pending, METH_NOARGS,
     "pending() -> bytes under way (sent, received)"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot channel_slots[] = {
    {Py_tp_dealloc, (void *)channel_dealloc},
    {Py_tp_methods, channel_methods},
    {Py_tp_doc, "The host's end of a channel."},
    {0, NULL},
};

PyType_Spec auvi_py_channel_spec = {
    .name = "auroraview._core.Channel",
    .basicsize = sizeof(struct auvi_py_channel),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = channel_slots,
};
