/*
 * call.c - auroraview._core.Call: a page's call, as its handler sees it. It can
 * be answered later, from any thread, and knows when nobody waits for that any
 * more. Dropped without an answer, it rejects the promise as "NoReply".
 *
 * Answering reaches through the call into the application, which may be going
 * away on another thread, or belong to the parent of a forked child. So a call
 * keeps the application's object and is refused like a view. Dropping one can
 * answer too, and cannot be refused: while the library destroys, it waits.
 *
 * Handlers that do not ask for their call never have this object: it is made by
 * current_call(), which finds the call of the handler on this thread.
 */
#include "core.h"

struct auvi_py_call {
    PyObject_HEAD auv_call *call;
    struct auvi_py_app *app;
    PyObject *on_cancel;       /* list of functions, or NULL: none so far */
    struct auvi_py_call *next; /* in app->dropped */
};

PyTypeObject *auvi_py_call_type;

/* ---- the call of the handler that runs ---------------------------------- */

static _Thread_local struct auvi_py_frame *current;

void auvi_py_frame_push(struct auvi_py_frame *frame, auv_call *call,
                        struct auvi_py_app *app)
{
    *frame = (struct auvi_py_frame){.call = call, .app = app, .outer = current};
    current = frame;
}

void auvi_py_frame_pop(struct auvi_py_frame *frame)
{
    current = frame->outer;
    Py_CLEAR(frame->object);
}

PyObject *auvi_py_frame_object(struct auvi_py_frame *frame)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot(auvi_py_call_type, Py_tp_alloc);
    struct auvi_py_call *self;

    if (!frame->object) {
        self = (struct auvi_py_call *)alloc(auvi_py_call_type, 0);
        if (!self)
            return NULL;
        self->call = auv_call_ref(frame->call);
        Py_INCREF((PyObject *)frame->app);
        self->app = frame->app;
        frame->object = (PyObject *)self;
    }
    Py_INCREF(frame->object);
    return frame->object;
}

PyObject *auvi_py_current_call(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    if (!current)
        Py_RETURN_NONE;
    return auvi_py_frame_object(current);
}

/* ---- life ---------------------------------------------------------------- */

static void release(struct auvi_py_call *self)
{
    PyObject *app = (PyObject *)self->app;

    if (!auvi_py_app_is_foreign(self->app))
        auv_call_unref(self->call);
    Py_CLEAR(self->on_cancel);
    auvi_py_free((PyObject *)self);
    Py_DECREF(app);
}

static void call_dealloc(PyObject *object)
{
    struct auvi_py_call *self = (struct auvi_py_call *)object;

    if (self->app->destroying && !auvi_py_app_is_foreign(self->app)) {
        self->next = self->app->dropped;
        self->app->dropped = self;
    } else {
        release(self);
    }
}

void auvi_py_calls_release(struct auvi_py_app *app)
{
    while (app->dropped) {
        struct auvi_py_call *call = app->dropped;

        app->dropped = call->next;
        release(call);
    }
}

/* ---- answers ------------------------------------------------------------- */

static PyObject *call_reply(PyObject *object, PyObject *value)
{
    struct auvi_py_call *self = (struct auvi_py_call *)object;
    struct auvi_py_encoded e;
    PyThreadState *saved;
    PyObject *result = NULL;
    int rc;

    /* Asked after the encoding, which may run Python code, and so destroy(). */
    if (auvi_py_encode(&e, value) == 0 && auvi_py_app_use(self->app)) {
        auvi_py_app_enter(self->app);
        saved = auvi_py_encoded_pause(&e);
        rc =
            auv_call_reply(self->call, e.text, e.length, e.parts, e.part_count);
        auvi_py_encoded_resume(saved);
        auvi_py_app_leave(self->app);
        result = auvi_py_none_or_raise(rc);
    }
    auvi_py_encoded_clear(&e);
    return result;
}

static PyObject *call_fail(PyObject *object, PyObject *args)
{
    struct auvi_py_call *self = (struct auvi_py_call *)object;
    const char *name, *message, *data = NULL;
    int code = 0;

    if (!PyArg_ParseTuple(args, "ss|iz:fail", &name, &message, &code, &data) ||
        !auvi_py_app_use(self->app))
        return NULL;
    return auvi_py_none_or_raise(
        auv_call_fail(self->call, name, message, code, data));
}

/* ---- cancellation -------------------------------------------------------- */

static bool is_cancelled(const struct auvi_py_call *self)
{
    return !self->app->app || self->app->closing ||
           auvi_py_app_is_foreign(self->app) ||
           auv_call_is_cancelled(self->call);
}

static PyObject *call_is_cancelled(PyObject *object, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(is_cancelled((struct auvi_py_call *)object));
}

static PyObject *call_cancelled(PyObject *object, void *unused)
{
    (void)unused;
    return PyBool_FromLong(is_cancelled((struct auvi_py_call *)object));
}

static PyObject *call_name(PyObject *object, void *unused)
{
    struct auvi_py_call *self = (struct auvi_py_call *)object;

    (void)unused;
    return auvi_py_message_name(auv_call_message(self->call));
}

static PyObject *call_raise(PyObject *object, PyObject *unused)
{
    (void)unused;
    if (is_cancelled((struct auvi_py_call *)object))
        return auvi_py_raise_with(AUV_ERR_CANCELLED,
                                  "nobody waits for this call any more");
    Py_RETURN_NONE;
}

/* The list is emptied: a function runs once. */
static void on_cancelled(auv_call *call, void *user)
{
    PyObject *list = user, *due;
    PyGILState_STATE gil = PyGILState_Ensure();

    (void)call;
    due = PyList_GetSlice(list, 0, PyList_Size(list));
    if (!due || PyList_SetSlice(list, 0, PyList_Size(list), NULL) < 0)
        PyErr_WriteUnraisable(NULL);
    for (Py_ssize_t i = 0; due && i < PyList_Size(due); i++)
        auvi_py_notify(PyList_GetItem(due, i), PyTuple_New(0),
                       "function of on_cancel()", NULL);
    Py_XDECREF(due);
    PyGILState_Release(gil);
}

/* Emptied too: the call's object has it as well, and what is in it often has
 * the call. */
static void free_list(void *user)
{
    PyObject *list = user;
    PyGILState_STATE gil = PyGILState_Ensure();

    if (PyList_SetSlice(list, 0, PyList_Size(list), NULL) < 0)
        PyErr_WriteUnraisable(NULL);
    Py_DECREF(list);
    PyGILState_Release(gil);
}

enum {
    WANTED,
    IS_CANCELLED,
    ANSWERED
};

/* The library keeps the list and not this object, which would keep the call,
 * which keeps what the library was given. */
static int want_cancel(struct auvi_py_call *self)
{
    PyObject *list = PyList_New(0);
    int rc;

    if (!list)
        return -1;
    Py_INCREF(list);
    rc = auv_call_on_cancel(self->call, on_cancelled, list, free_list);
    if (rc < 0)
        Py_DECREF(list);
    if (rc == AUV_OK) {
        self->on_cancel = list;
        return WANTED;
    }
    Py_DECREF(list);
    if (rc == AUV_ERR_STATE)
        return ANSWERED;
    if (rc == AUV_ERR_CANCELLED)
        return IS_CANCELLED;
    auvi_py_raise(rc);
    return -1;
}

static PyObject *call_on_cancel(PyObject *object, PyObject *fn)
{
    struct auvi_py_call *self = (struct auvi_py_call *)object;
    int state = is_cancelled(self) ? IS_CANCELLED : WANTED;

    if (!PyCallable_Check(fn)) {
        PyErr_Format(PyExc_TypeError, "on_cancel() takes a function, not %R",
                     fn);
        return NULL;
    }
    if (state == WANTED && !self->on_cancel)
        state = want_cancel(self);
    else if (state == WANTED &&
             auv_call_wait_cancelled(self->call, 0) == AUV_ERR_STATE)
        state = ANSWERED;
    if (state < 0)
        return NULL;
    if (state == IS_CANCELLED) {
        PyObject *result = PyObject_CallObject(fn, NULL);

        if (!result)
            return NULL;
        Py_DECREF(result);
    } else if (state == WANTED && PyList_Append(self->on_cancel, fn) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *call_wait(PyObject *object, PyObject *args)
{
    struct auvi_py_call *self = (struct auvi_py_call *)object;
    PyObject *timeout = Py_None;
    int64_t timeout_ms = -1;
    PyThreadState *saved;
    double seconds;
    int rc;

    if (!PyArg_ParseTuple(args, "|O:wait_cancelled", &timeout))
        return NULL;
    if (timeout != Py_None) {
        seconds = PyFloat_AsDouble(timeout);
        if (seconds == -1 && PyErr_Occurred())
            return NULL;
        timeout_ms = seconds > 0 ? seconds < 1e12 ? (int64_t)(seconds * 1000)
                                                  : INT64_MAX / 4000
                                 : 0;
    }
    if (is_cancelled(self))
        Py_RETURN_TRUE;
    auvi_py_app_enter(self->app);
    saved = PyEval_SaveThread();
    rc = auv_call_wait_cancelled(self->call, timeout_ms);
    PyEval_RestoreThread(saved);
    auvi_py_app_leave(self->app);
    return PyBool_FromLong(rc == AUV_OK);
}

static PyMethodDef call_methods[] = {
    {"reply", call_reply, METH_O, "reply(value)\n\nAnswer with a value."},
    {"fail", call_fail, METH_VARARGS,
     "fail(name, message, code=0, data_json=None)\n\nAnswer with an error."},
    {"is_cancelled", call_is_cancelled, METH_NOARGS,
     "is_cancelled()\n\nWhether nobody waits for the answer any more."},
    {"on_cancel", call_on_cancel, METH_O,
     "on_cancel(fn)\n\n"
     "Run fn() once when nobody waits for the answer any more, on the thread\n"
     "that processes messages; at once if that is so already. Never if the\n"
     "call is answered first."},
    {"raise_if_cancelled", call_raise, METH_NOARGS,
     "raise_if_cancelled()\n\nRaise Cancelled if nobody waits any more."},
    {"wait_cancelled", call_wait, METH_VARARGS,
     "wait_cancelled(timeout=None) -> bool\n\n"
     "Wait until nobody waits for the answer any more, at most `timeout`\n"
     "seconds. False: the time is up, or the call has been answered."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef call_getset[] = {
    {"cancelled", call_cancelled, NULL,
     "Whether nobody waits for the answer any more.", NULL},
    {"name", call_name, NULL, "The method that the page called.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyObject *call_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)type;
    (void)args;
    (void)kwargs;
    PyErr_SetString(PyExc_TypeError, "calls are made by pages");
    return NULL;
}

static PyType_Slot call_slots[] = {
    {Py_tp_new, (void *)call_new},
    {Py_tp_dealloc, (void *)call_dealloc},
    {Py_tp_methods, call_methods},
    {Py_tp_getset, call_getset},
    {Py_tp_doc, "A call of a page that waits for its answer."},
    {0, NULL},
};

PyType_Spec auvi_py_call_spec = {
    .name = "auroraview._core.Call",
    .basicsize = sizeof(struct auvi_py_call),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = call_slots,
};
