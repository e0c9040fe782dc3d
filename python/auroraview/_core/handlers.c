/*
 * handlers.c - from a callback of the library to a Python function.
 *
 * Every callback runs inside auv_app_process() or auv_app_destroy(), which are
 * called without the GIL; so each takes it. An exception ends here: it becomes
 * the rejection of the page's promise, or a log record, and the next handler
 * runs. Only what is no Exception (KeyboardInterrupt, SystemExit) is kept, for
 * the process call to raise where the application can see it.
 */
#include "core.h"

#define HOOKS "auroraview.core.handlers"

struct auvi_py_handler *auvi_py_handler_new(PyObject *fn, bool with_name,
                                            bool debug)
{
    struct auvi_py_handler *handler;

    if (!PyCallable_Check(fn)) {
        PyErr_Format(PyExc_TypeError, "a handler must be callable, not %R", fn);
        return NULL;
    }
    handler = PyMem_Malloc(sizeof(*handler));
    if (!handler) {
        PyErr_NoMemory();
        return NULL;
    }
    Py_INCREF(fn);
    *handler = (struct auvi_py_handler){
        .fn = fn, .with_name = with_name, .debug = debug};
    return handler;
}

void auvi_py_handler_free(void *user)
{
    struct auvi_py_handler *handler = user;
    PyGILState_STATE gil = PyGILState_Ensure();

    Py_DECREF(handler->fn);
    PyMem_Free(handler);
    PyGILState_Release(gil);
}

/* ---- exceptions -------------------------------------------------------- */

/* Take the exception that is set. Borrowed result of what is not an Exception:
 * it goes on to the process call. */
static PyObject *take_error(void)
{
    PyObject *error = auvi_py_take_exception();
    struct auvi_py_app *app = auvi_py_app_current();

    if (error && app && !app->raised &&
        PyObject_IsInstance(error, PyExc_Exception) == 0) {
        Py_INCREF(error);
        app->raised = error;
    }
    return error;
}

/* Log the exception that is set, once. */
static void log_error(const char *kind, PyObject *name)
{
    static PyObject *hook;
    PyObject *error = take_error();
    PyObject *result = NULL;

    if (error && auvi_py_hook(&hook, HOOKS, "handler_failed"))
        result = PyObject_CallFunction(hook, "sOO", kind, name ? name : Py_None,
                                       error);
    if (!result)
        PyErr_WriteUnraisable(NULL);
    Py_XDECREF(result);
    Py_XDECREF(error);
}

/* Reject the promise with the exception that is set, and log it once. */
static void fail_call(auv_call *call, PyObject *name, bool debug)
{
    static PyObject *hook;
    PyObject *error = take_error();
    PyObject *answer = NULL;
    const char *type = "Error", *message = "the handler failed", *data = NULL;
    int code = 0;

    if (error && auvi_py_hook(&hook, HOOKS, "call_failed"))
        answer = PyObject_CallFunction(hook, "OOO", name ? name : Py_None,
                                       error, debug ? Py_True : Py_False);
    if (!answer ||
        !PyArg_ParseTuple(answer, "ssiz", &type, &message, &code, &data))
        PyErr_WriteUnraisable(NULL);
    auv_call_fail(call, type, message, code, data);
    Py_XDECREF(answer);
    Py_XDECREF(error);
}

static PyObject *message_name(const auv_message *message)
{
    size_t length;
    const char *name = auv_message_name(message, &length);

    return PyUnicode_DecodeUTF8(name, (Py_ssize_t)length, "replace");
}

/* ---- calls ------------------------------------------------------------- */

/* Absent arguments call f(), an object f(**it), an array f(*it), else f(it). */
static PyObject *call_with(PyObject *fn, PyObject *value)
{
    PyObject *args, *result;

    if (value == Py_None)
        return PyObject_CallObject(fn, NULL);
    if (PyDict_Check(value)) {
        args = PyTuple_New(0);
        result = args ? PyObject_Call(fn, args, value) : NULL;
    } else if (PyList_Check(value)) {
        args = PyList_AsTuple(value);
        result = args ? PyObject_CallObject(fn, args) : NULL;
    } else {
        return PyObject_CallFunctionObjArgs(fn, value, NULL);
    }
    Py_XDECREF(args);
    return result;
}

/* Whether that is a concurrent.futures.Future. Nothing is one in a process
 * that has not imported them, and an import here would cost it memory. */
static int is_future(PyObject *value)
{
    static PyObject *type;

    if (value == Py_None || PyUnicode_Check(value) || PyDict_Check(value) ||
        PyLong_Check(value) || PyFloat_Check(value) || PyList_Check(value))
        return 0;
    if (!type) {
        PyObject *module = PyDict_GetItemString(PyImport_GetModuleDict(),
                                                "concurrent.futures._base");

        if (!module)
            return 0;
        type = PyObject_GetAttrString(module, "Future");
        if (!type)
            return -1;
    }
    return PyObject_IsInstance(value, type);
}

static int reply_later(auv_call *call, PyObject *name, PyObject *future,
                       bool debug)
{
    static PyObject *hook;
    PyObject *kept, *result = NULL;

    kept = auvi_py_call_new(call);
    if (kept && auvi_py_hook(&hook, HOOKS, "reply_later"))
        result = PyObject_CallFunction(hook, "OOOO", kept, name, future,
                                       debug ? Py_True : Py_False);
    Py_XDECREF(kept);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static int reply_now(auv_call *call, PyObject *value)
{
    struct auvi_py_encoded e;
    int rc = auvi_py_encode(&e, value);
    PyThreadState *saved;

    if (rc == 0) {
        /* The process call that runs this handler counts as a user. */
        saved = auvi_py_encoded_pause(&e);
        rc = auv_call_reply(call, e.text, e.length, e.parts, e.part_count);
        auvi_py_encoded_resume(saved);
        /* Nobody waits any more, or the handler has answered: no fault. */
        if (rc == AUV_ERR_CANCELLED || rc == AUV_ERR_CLOSED ||
            rc == AUV_ERR_STATE)
            rc = 0;
        else if (rc < 0)
            auvi_py_raise(rc);
    }
    auvi_py_encoded_clear(&e);
    return rc;
}

void auvi_py_on_call(auv_view *view, auv_call *call, void *user)
{
    struct auvi_py_handler *handler = user;
    const auv_message *message = auv_call_message(call);
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *fn = handler->fn, *value, *result = NULL, *name = NULL;
    bool debug = handler->debug;
    int future, rc = -1;

    (void)view;
    Py_INCREF(fn); /* the handler may unbind itself */
    value = auvi_py_decode(message);
    if (value)
        result = call_with(fn, value);
    if (result) {
        future = is_future(result);
        if (future > 0) {
            name = message_name(message);
            rc = name ? reply_later(call, name, result, debug) : -1;
        } else if (future == 0) {
            rc = reply_now(call, result);
        }
    }
    if (rc < 0) {
        PyObject *type, *error, *traceback;

        PyErr_Fetch(&type, &error, &traceback);
        if (!name)
            name = message_name(message);
        PyErr_Restore(type, error, traceback);
        fail_call(call, name, debug);
    }
    Py_XDECREF(name);
    Py_XDECREF(result);
    Py_XDECREF(value);
    Py_DECREF(fn);
    PyGILState_Release(gil);
}

/* ---- the rest ---------------------------------------------------------- */

/* Keep the function over a call in which its handler may be freed. Takes args;
 * NULL means that they could not be made. */
static void notify(PyObject *fn, PyObject *args, const char *kind,
                   PyObject *name)
{
    PyObject *result = NULL;

    Py_INCREF(fn);
    if (args)
        result = PyObject_CallObject(fn, args);
    if (!result)
        log_error(kind, name);
    Py_XDECREF(result);
    Py_XDECREF(args);
    Py_DECREF(fn);
}

void auvi_py_notify(PyObject *fn, PyObject *args, const char *kind)
{
    notify(fn, args, kind, NULL);
}

void auvi_py_on_message(auv_view *view, const auv_message *message, void *user)
{
    struct auvi_py_handler *handler = user;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *name = message_name(message);
    PyObject *value = name ? auvi_py_decode(message) : NULL;
    PyObject *args = NULL;

    (void)view;
    if (value)
        args = handler->with_name ? Py_BuildValue("(OO)", name, value)
                                  : Py_BuildValue("(O)", value);
    notify(handler->fn, args, "event", name);
    Py_XDECREF(value);
    Py_XDECREF(name);
    PyGILState_Release(gil);
}

void auvi_py_on_event(auv_view *view, const auv_event *event, void *user)
{
    struct auvi_py_handler *handler = user;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *text = PyUnicode_DecodeUTF8(
        event->text, (Py_ssize_t)strlen(event->text), "replace");
    const char *from = event->source ? event->source : "";
    PyObject *source =
        PyUnicode_DecodeUTF8(from, (Py_ssize_t)strlen(from), "replace");
    PyObject *args = NULL;

    (void)view;
    if (text && source)
        args = Py_BuildValue(
            "(iiiOiiiiKO)", (int)event->kind, (int)event->reason, event->error,
            text, (int)event->x, (int)event->y, (int)event->width,
            (int)event->height, (unsigned long long)event->native, source);
    notify(handler->fn, args, "observer", NULL);
    Py_XDECREF(text);
    Py_XDECREF(source);
    PyGILState_Release(gil);
}

void auvi_py_on_result(auv_view *view, int error, const auv_message *result,
                       void *user)
{
    struct auvi_py_handler *handler = user;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *value = NULL, *failure = NULL, *args = NULL;

    (void)view;
    if (error == AUV_ERR_SCRIPT) {
        failure = auvi_py_script_error(result);
    } else if (error < 0) {
        failure = auvi_py_error(error, NULL);
    } else {
        value = auvi_py_decode(result);
        if (!value)
            failure = auvi_py_take_exception();
    }
    if (value || failure)
        args = Py_BuildValue("(OO)", value ? value : Py_None,
                             failure ? failure : Py_None);
    notify(handler->fn, args, "result function", NULL);
    Py_XDECREF(value);
    Py_XDECREF(failure);
    auvi_py_handler_free(handler);
    PyGILState_Release(gil);
}

void auvi_py_on_post(void *user)
{
    struct auvi_py_handler *handler = user;
    PyGILState_STATE gil = PyGILState_Ensure();

    notify(handler->fn, PyTuple_New(0), "posted function", NULL);
    auvi_py_handler_free(handler);
    PyGILState_Release(gil);
}
