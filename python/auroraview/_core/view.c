/*
 * view.c - auroraview._core.View: one web view.
 */
#include "core.h"

#include <string.h>

PyTypeObject *auvi_py_view_type;

/* The view to call, or NULL and Closed. A view of a destroyed application may
 * only be released. */
static auv_view *use(PyObject *object)
{
    struct auvi_py_view *self = (struct auvi_py_view *)object;

    return auvi_py_app_use(self->app) ? self->view : NULL;
}

/* ---- making and releasing ---------------------------------------------- */

static void link_view(struct auvi_py_view *self)
{
    self->next = self->app->views;
    self->link = &self->app->views;
    if (self->next)
        self->next->link = &self->next;
    self->app->views = self;
}

static void unlink_view(struct auvi_py_view *self)
{
    if (!self->link)
        return;
    *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    self->link = NULL;
}

struct arguments {
    PyObject *app, *parent, *observer, *allowed;
    int remote, hidden, dev_tools, transparent, context_menu, resizable,
        decorated;
    int recover;
};

static bool parse(PyObject *args, PyObject *kwargs, struct arguments *a,
                  auv_view_options *options)
{
    static char *names[] = {
        "app",         "title",        "width",     "height",    "url",
        "html",        "asset_root",   "parent",    "hidden",    "dev_tools",
        "transparent", "context_menu", "resizable", "decorated", "observer",
        "remote",      "allowed",      "csp",       "recover",   NULL};

    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "O!|$ziizzzOppppppOpOzi:View", names,
            auvi_py_app_type, &a->app, &options->title, &options->width,
            &options->height, &options->url, &options->html,
            &options->asset_root, &a->parent, &a->hidden, &a->dev_tools,
            &a->transparent, &a->context_menu, &a->resizable, &a->decorated,
            &a->observer, &a->remote, &a->allowed, &options->csp, &a->recover))
        return false;
    if (a->parent) {
        unsigned long long native = PyLong_AsUnsignedLongLong(a->parent);

        if (native == (unsigned long long)-1 && PyErr_Occurred())
            return false;
        options->parent = (auv_native)native;
    }
    options->hidden = a->hidden;
    options->dev_tools = a->dev_tools;
    options->transparent = a->transparent;
    options->context_menu = a->context_menu;
    options->resizable = a->resizable;
    options->decorated = a->decorated;
    options->profile = a->remote ? AUV_PROFILE_REMOTE : AUV_PROFILE_LOCAL;
    options->recover = (auv_recover)a->recover;
    return true;
}

static PyObject *view_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    struct arguments a = {.context_menu = 1, .resizable = 1, .decorated = 1};
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    struct auvi_py_view *self;
    auv_app *app;
    int rc;

    if (!parse(args, kwargs, &a, &options))
        return NULL;
    app = auvi_py_app_use((struct auvi_py_app *)a.app);
    if (!app)
        return NULL;
    self = (struct auvi_py_view *)((allocfunc)PyType_GetSlot(
        type, Py_tp_alloc))(type, 0);
    if (!self)
        return NULL;
    self->debug = options.dev_tools;
    if (a.observer && a.observer != Py_None) {
        options.observer_user = auvi_py_handler_new(a.observer, false);
        if (!options.observer_user) {
            Py_DECREF(self);
            return NULL;
        }
        options.observer = auvi_py_on_event;
        options.free_observer_user = auvi_py_handler_free;
    }
    rc = auvi_py_view_create(app, &options, a.allowed, &self->view);
    if (rc < 0) {
        self->view = NULL;
        if (!PyErr_Occurred())
            auvi_py_raise(rc);
        Py_DECREF(self);
        return NULL;
    }
    Py_INCREF(a.app);
    self->app = (struct auvi_py_app *)a.app;
    link_view(self);
    return (PyObject *)self;
}

static void view_dealloc(PyObject *object)
{
    struct auvi_py_view *self = (struct auvi_py_view *)object;

    unlink_view(self);
    if (self->view && !auvi_py_app_is_foreign(self->app))
        auv_view_unref(self->view);
    Py_XDECREF(self->app);
    auvi_py_free(object);
}

/* ---- state ------------------------------------------------------------- */

static PyObject *view_id(PyObject *object, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLong(
        auv_view_id(((struct auvi_py_view *)object)->view));
}

static PyObject *view_state(PyObject *object, PyObject *unused)
{
    struct auvi_py_view *self = (struct auvi_py_view *)object;
    auv_close_reason reason = AUV_CLOSE_SHUTDOWN;
    auv_state state = AUV_STATE_DESTROYED;

    (void)unused;
    if (self->app->app && !auvi_py_app_is_foreign(self->app))
        state = auv_view_state(self->view, &reason);
    return Py_BuildValue("(ii)", (int)state, (int)reason);
}

static PyObject *view_close(PyObject *object, PyObject *args)
{
    struct auvi_py_view *self = (struct auvi_py_view *)object;
    int reason = AUV_CLOSE_APP, rc;

    if (!PyArg_ParseTuple(args, "|i:close", &reason))
        return NULL;
    if (!self->app->app || auvi_py_app_is_foreign(self->app))
        Py_RETURN_FALSE;
    rc = auv_view_request_close(self->view, (auv_close_reason)reason);
    return rc < 0 ? auvi_py_raise(rc) : PyBool_FromLong(rc);
}

static PyObject *view_wait_state(PyObject *object, PyObject *args)
{
    struct auvi_py_view *self = (struct auvi_py_view *)object;
    auv_view *view = use(object);
    PyThreadState *saved;
    long long timeout_ms;
    int state, rc;

    if (!view || !PyArg_ParseTuple(args, "iL:wait_state", &state, &timeout_ms))
        return NULL;
    auvi_py_app_enter(self->app);
    saved = PyEval_SaveThread();
    rc = auv_view_wait_state(view, (auv_state)state, timeout_ms);
    PyEval_RestoreThread(saved);
    auvi_py_app_leave(self->app);
    return auvi_py_none_or_raise(rc);
}

/* ---- content ----------------------------------------------------------- */

static PyObject *view_navigate(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    const char *url;

    if (!view || !PyArg_ParseTuple(args, "s:navigate", &url))
        return NULL;
    return auvi_py_none_or_raise(auv_view_navigate(view, url));
}

static PyObject *view_load_html(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    const char *html;
    Py_ssize_t length;

    if (!view || !PyArg_ParseTuple(args, "s#:load_html", &html, &length))
        return NULL;
    return auvi_py_none_or_raise(
        auv_view_load_html(view, html, (size_t)length));
}

static PyObject *view_reload(PyObject *object, PyObject *unused)
{
    auv_view *view = use(object);

    (void)unused;
    return view ? auvi_py_none_or_raise(auv_view_reload(view)) : NULL;
}

static PyObject *view_kill_page(PyObject *object, PyObject *unused)
{
    auv_view *view = use(object);

    (void)unused;
    return view ? auvi_py_none_or_raise(auv_view_kill_page(view)) : NULL;
}

static PyObject *view_stop(PyObject *object, PyObject *unused)
{
    auv_view *view = use(object);

    (void)unused;
    return view ? auvi_py_none_or_raise(auv_view_stop(view)) : NULL;
}

/* ---- script and events ------------------------------------------------- */

static PyObject *view_eval(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    struct auvi_py_handler *handler = NULL;
    PyObject *fn = Py_None;
    long long timeout_ms;
    const char *script;
    Py_ssize_t length;
    int rc;

    if (!view || !PyArg_ParseTuple(args, "s#L|O:eval", &script, &length,
                                   &timeout_ms, &fn))
        return NULL;
    if (fn != Py_None) {
        handler = auvi_py_handler_new(fn, false);
        if (!handler)
            return NULL;
    }
    rc = auv_view_eval(view, script, (size_t)length, timeout_ms,
                       handler ? auvi_py_on_result : NULL, handler);
    if (rc < 0 && handler)
        auvi_py_handler_free(handler);
    return auvi_py_none_or_raise(rc);
}

static PyObject *view_eval_wait(PyObject *object, PyObject *args)
{
    struct auvi_py_view *self = (struct auvi_py_view *)object;
    auv_view *view = use(object);
    auv_message *message = NULL;
    PyObject *value = NULL;
    PyThreadState *saved;
    long long timeout_ms;
    const char *script;
    Py_ssize_t length;
    int rc;

    if (!view ||
        !PyArg_ParseTuple(args, "s#L:eval_wait", &script, &length, &timeout_ms))
        return NULL;
    auvi_py_app_enter(self->app);
    saved = PyEval_SaveThread();
    rc = auv_view_eval_wait(view, script, (size_t)length, timeout_ms, &message);
    PyEval_RestoreThread(saved);
    auvi_py_app_leave(self->app);
    if (rc == AUV_ERR_SCRIPT) {
        PyObject *error = auvi_py_script_error(message);

        if (error)
            PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_XDECREF(error);
    } else if (rc < 0) {
        auvi_py_raise(rc);
    } else {
        value = auvi_py_decode(message);
    }
    auv_message_unref(message);
    return value;
}

/* The page gets an object: None becomes {}, and anything but a dict
 * {"value": it}. A new reference. */
static PyObject *as_object(PyObject *value)
{
    PyObject *object;

    if (PyDict_Check(value)) {
        Py_INCREF(value);
        return value;
    }
    object = PyDict_New();
    if (object && value != Py_None &&
        PyDict_SetItemString(object, "value", value) < 0) {
        Py_DECREF(object);
        return NULL;
    }
    return object;
}

/* The hot one: no format string is parsed here. */
static PyObject *emit(PyObject *object, PyObject *args, Py_ssize_t count,
                      int (*send)(auv_view *view, const char *name,
                                  size_t name_length, const char *json,
                                  size_t json_length, const auv_part *parts,
                                  size_t part_count))
{
    struct auvi_py_app *app = ((struct auvi_py_view *)object)->app;
    auv_view *view = use(object);
    struct auvi_py_encoded e;
    const char *name;
    Py_ssize_t length;
    PyObject *detail, *result = NULL;
    PyThreadState *saved;
    long long timeout_ms = 0;
    int error;

    if (!view)
        return NULL;
    if (PyTuple_Size(args) != count ||
        !PyUnicode_Check(PyTuple_GetItem(args, 0))) {
        PyErr_SetString(PyExc_TypeError, "emit takes a name and a value");
        return NULL;
    }
    name = PyUnicode_AsUTF8AndSize(PyTuple_GetItem(args, 0), &length);
    if (!name)
        return NULL;
    if (!send) {
        timeout_ms = PyLong_AsLongLong(PyTuple_GetItem(args, 2));
        if (timeout_ms == -1 && PyErr_Occurred())
            return NULL;
    }
    detail = as_object(PyTuple_GetItem(args, 1));
    if (!detail)
        return NULL;
    /* Asked again, because the encoding may run Python code, and so destroy().
     * The arguments keep the name, the caller keeps the view. */
    if (auvi_py_encode(&e, detail) == 0 && use(object)) {
        auvi_py_app_enter(app);
        if (send) {
            saved = auvi_py_encoded_pause(&e);
            error = send(view, name, (size_t)length, e.text, e.length, e.parts,
                         e.part_count);
            auvi_py_encoded_resume(saved);
        } else {
            /* A thread that waits must not stop the others, nor the handler
             * that could close the view. */
            saved = PyEval_SaveThread();
            error =
                auv_view_emit_wait(view, name, (size_t)length, e.text, e.length,
                                   e.parts, e.part_count, timeout_ms);
            PyEval_RestoreThread(saved);
        }
        auvi_py_app_leave(app);
        result = auvi_py_none_or_raise(error);
    }
    auvi_py_encoded_clear(&e);
    Py_DECREF(detail);
    return result;
}

static PyObject *view_emit(PyObject *object, PyObject *args)
{
    return emit(object, args, 2, auv_view_emit);
}

static PyObject *view_emit_latest(PyObject *object, PyObject *args)
{
    return emit(object, args, 2, auv_view_emit_latest);
}

static PyObject *view_emit_wait(PyObject *object, PyObject *args)
{
    return emit(object, args, 3, NULL);
}

static PyObject *view_bind(PyObject *object, PyObject *args)
{
    struct auvi_py_view *self = (struct auvi_py_view *)object;
    auv_view *view = use(object);
    struct auvi_py_handler *handler;
    const char *name;
    Py_ssize_t length;
    PyObject *fn;
    int worker = 0, rc;

    if (!view ||
        !PyArg_ParseTuple(args, "s#O|p:bind", &name, &length, &fn, &worker))
        return NULL;
    handler = auvi_py_handler_new(fn, false);
    if (!handler)
        return NULL;
    handler->app = self->app;
    handler->debug = self->debug;
    rc = (worker ? auv_view_bind_worker
                 : auv_view_bind)(view, name, (size_t)length, auvi_py_on_call,
                                  handler, auvi_py_handler_free);
    if (rc < 0)
        auvi_py_handler_free(handler);
    return auvi_py_none_or_raise(rc);
}

static PyObject *view_register_scheme(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    struct auvi_py_handler *handler;
    long long timeout_ms = 0;
    const char *scheme;
    PyObject *fn;
    int rc;

    if (!view || !PyArg_ParseTuple(args, "sO|L:register_scheme", &scheme, &fn,
                                   &timeout_ms))
        return NULL;
    handler = auvi_py_handler_new(fn, false);
    if (!handler)
        return NULL;
    rc = auv_view_register_scheme(view, scheme, timeout_ms, auvi_py_on_fetch,
                                  handler, auvi_py_handler_free);
    if (rc < 0)
        auvi_py_handler_free(handler);
    return auvi_py_none_or_raise(rc);
}

static PyObject *view_unbind(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    const char *name;
    Py_ssize_t length;

    if (!view || !PyArg_ParseTuple(args, "s#:unbind", &name, &length))
        return NULL;
    return auvi_py_none_or_raise(auv_view_unbind(view, name, (size_t)length));
}

static PyObject *view_set_methods(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    const char *json;
    Py_ssize_t length;

    if (!view || !PyArg_ParseTuple(args, "s#:set_methods", &json, &length))
        return NULL;
    return auvi_py_none_or_raise(
        auv_view_set_methods(view, json, (size_t)length));
}

static PyObject *view_on(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    struct auvi_py_handler *handler;
    const char *name;
    Py_ssize_t length;
    PyObject *fn;
    int rc;

    if (!view || !PyArg_ParseTuple(args, "s#O:on", &name, &length, &fn))
        return NULL;
    handler = auvi_py_handler_new(fn, length == 0);
    if (!handler)
        return NULL;
    rc = auv_view_on(view, name, (size_t)length, auvi_py_on_message, handler,
                     auvi_py_handler_free);
    if (rc < 0) {
        auvi_py_handler_free(handler);
        return auvi_py_raise(rc);
    }
    return PyLong_FromLong(rc);
}

static PyObject *view_observe(PyObject *object, PyObject *fn)
{
    auv_view *view = use(object);
    struct auvi_py_handler *handler;
    int rc;

    if (!view)
        return NULL;
    handler = auvi_py_handler_new(fn, false);
    if (!handler)
        return NULL;
    rc =
        auv_view_observe(view, auvi_py_on_event, handler, auvi_py_handler_free);
    if (rc < 0) {
        auvi_py_handler_free(handler);
        return auvi_py_raise(rc);
    }
    return PyLong_FromLong(rc);
}

static PyObject *view_off(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    int listener;

    if (!view || !PyArg_ParseTuple(args, "i:off", &listener))
        return NULL;
    return auvi_py_none_or_raise(auv_view_off(view, listener));
}

/* ---- window ------------------------------------------------------------ */

static PyObject *view_set_title(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    const char *title;

    if (!view || !PyArg_ParseTuple(args, "s:set_title", &title))
        return NULL;
    return auvi_py_none_or_raise(auv_view_set_title(view, title));
}

static PyObject *view_set_bounds(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    int x, y, width, height;

    if (!view ||
        !PyArg_ParseTuple(args, "iiii:set_bounds", &x, &y, &width, &height))
        return NULL;
    return auvi_py_none_or_raise(
        auv_view_set_bounds(view, x, y, width, height));
}

static PyObject *view_set_visible(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    int visible;

    if (!view || !PyArg_ParseTuple(args, "p:set_visible", &visible))
        return NULL;
    return auvi_py_none_or_raise(auv_view_set_visible(view, visible));
}

static PyObject *view_set_parent(PyObject *object, PyObject *parent)
{
    auv_view *view = use(object);
    unsigned long long native;

    if (!view)
        return NULL;
    native = PyLong_AsUnsignedLongLong(parent);
    if (native == (unsigned long long)-1 && PyErr_Occurred())
        return NULL;
    return auvi_py_none_or_raise(auv_view_set_parent(view, (auv_native)native));
}

static PyObject *view_set_focus(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    int focus;

    if (!view || !PyArg_ParseTuple(args, "i:set_focus", &focus))
        return NULL;
    return auvi_py_none_or_raise(auv_view_set_focus(view, (auv_focus)focus));
}

static PyObject *view_set_input(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    int admitted;

    if (!view || !PyArg_ParseTuple(args, "p:set_input", &admitted))
        return NULL;
    return auvi_py_none_or_raise(auv_view_set_input(view, admitted));
}

static PyMethodDef view_methods[] = {
    {"state", view_state, METH_NOARGS, "state() -> (state, close reason)"},
    {"close", view_close, METH_VARARGS,
     "close(reason=2) -> whether this call closed it"},
    {"wait_state", view_wait_state, METH_VARARGS,
     "wait_state(state, timeout_ms)"},
    {"navigate", view_navigate, METH_VARARGS, "navigate(url)"},
    {"load_html", view_load_html, METH_VARARGS, "load_html(html)"},
    {"reload", view_reload, METH_NOARGS, "reload()"},
    {"kill_page", view_kill_page, METH_NOARGS,
     "kill_page()\n\nEnd the page's process."},
    {"stop", view_stop, METH_NOARGS, "stop()"},
    {"grant", auvi_py_view_grant, METH_VARARGS,
     "grant(origin, methods=None, events=None, frames=None, top=True)"},
    {"deny_origin", auvi_py_view_deny_origin, METH_VARARGS,
     "deny_origin(origin)"},
    {"eval", view_eval, METH_VARARGS,
     "eval(script, timeout_ms, fn=None): fn(value, error)"},
    {"eval_wait", view_eval_wait, METH_VARARGS,
     "eval_wait(script, timeout_ms) -> value"},
    {"emit", view_emit, METH_VARARGS, "emit(name, value)"},
    {"emit_latest", view_emit_latest, METH_VARARGS, "emit_latest(name, value)"},
    {"emit_wait", view_emit_wait, METH_VARARGS,
     "emit_wait(name, value, timeout_ms)"},
    {"bind", view_bind, METH_VARARGS, "bind(name, fn, worker=False)"},
    {"unbind", view_unbind, METH_VARARGS, "unbind(name)"},
    {"set_methods", view_set_methods, METH_VARARGS,
     "set_methods(json): what pages are told of the bound methods"},
    {"register_scheme", view_register_scheme, METH_VARARGS,
     "register_scheme(scheme, fn, timeout_ms=0): fn(fetch)"},
    {"on", view_on, METH_VARARGS,
     "on(name, fn) -> listener: fn(value), or fn(name, value) for name ''"},
    {"observe", view_observe, METH_O,
     "observe(fn) -> listener: fn(kind, reason, error, text, x, y, width, "
     "height, native, source)"},
    {"state_set", auvi_py_state_set, METH_VARARGS,
     "state_set(key, value, silent=False) -> whether it was a change"},
    {"state_get", auvi_py_state_get, METH_VARARGS,
     "state_get(key, otherwise) -> value"},
    {"state_delete", auvi_py_state_delete, METH_VARARGS,
     "state_delete(key) -> whether there was one"},
    {"state_clear", auvi_py_state_clear, METH_NOARGS,
     "state_clear() -> how many there were"},
    {"state_keys", auvi_py_state_keys, METH_NOARGS, "state_keys() -> list"},
    {"state_observe", auvi_py_state_observe, METH_O,
     "state_observe(fn) -> listener: fn(key, value, side, exists)"},
    {"on_channel", auvi_py_on_channel, METH_VARARGS,
     "on_channel(name, fn) -> listener: fn(name)"},
    {"channel_open", auvi_py_channel_open, METH_VARARGS,
     "channel_open(name, window, fn) -> Channel: fn(kind, value, side, error)"},
    {"off", view_off, METH_VARARGS, "off(listener)"},
    {"set_title", view_set_title, METH_VARARGS, "set_title(title)"},
    {"set_bounds", view_set_bounds, METH_VARARGS,
     "set_bounds(x, y, width, height)"},
    {"set_visible", view_set_visible, METH_VARARGS, "set_visible(visible)"},
    {"set_parent", view_set_parent, METH_O, "set_parent(native)"},
    {"set_focus", view_set_focus, METH_VARARGS, "set_focus(how)"},
    {"set_input", view_set_input, METH_VARARGS, "set_input(admitted)"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef view_getset[] = {
    {"id", view_id, NULL, "Number of the view.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot view_slots[] = {
    {Py_tp_new, (void *)view_new}, {Py_tp_dealloc, (void *)view_dealloc},
    {Py_tp_methods, view_methods}, {Py_tp_getset, view_getset},
    {Py_tp_doc, "A web view."},    {0, NULL},
};

PyType_Spec auvi_py_view_spec = {
    .name = "auroraview._core.View",
    .basicsize = sizeof(struct auvi_py_view),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = view_slots,
};
