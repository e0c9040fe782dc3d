/*
 * call.c - auroraview._core.Call: a page's call that is answered later, from
 * any thread. Dropped without an answer, it rejects the promise as "NoReply".
 *
 * Answering reaches through the call into the application, which may be going
 * away on another thread, or belong to the parent of a forked child. So a call
 * keeps the application's object and is refused like a view. Dropping one can
 * answer too, and cannot be refused: while the library destroys, it waits.
 */
#include "core.h"

struct auvi_py_call {
    PyObject_HEAD auv_call *call;
    struct auvi_py_app *app;
    struct auvi_py_call *next; /* in app->dropped */
};

PyTypeObject *auvi_py_call_type;

PyObject *auvi_py_call_new(auv_call *call)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot(auvi_py_call_type, Py_tp_alloc);
    /* Calls arrive in handlers only. */
    struct auvi_py_app *app = auvi_py_app_current();
    struct auvi_py_call *self =
        (struct auvi_py_call *)alloc(auvi_py_call_type, 0);

    if (self) {
        self->call = auv_call_ref(call);
        Py_INCREF((PyObject *)app);
        self->app = app;
    }
    return (PyObject *)self;
}

static void release(struct auvi_py_call *self)
{
    PyObject *app = (PyObject *)self->app;

    if (!auvi_py_app_is_foreign(self->app))
        auv_call_unref(self->call);
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

static PyObject *call_cancelled(PyObject *object, PyObject *unused)
{
    struct auvi_py_call *self = (struct auvi_py_call *)object;

    (void)unused;
    return PyBool_FromLong(!self->app->app || self->app->closing ||
                           auvi_py_app_is_foreign(self->app) ||
                           auv_call_is_cancelled(self->call));
}

static PyMethodDef call_methods[] = {
    {"reply", call_reply, METH_O, "reply(value)\n\nAnswer with a value."},
    {"fail", call_fail, METH_VARARGS,
     "fail(name, message, code=0, data_json=None)\n\nAnswer with an error."},
    {"is_cancelled", call_cancelled, METH_NOARGS,
     "is_cancelled()\n\nWhether nobody waits for the answer any more."},
    {NULL, NULL, 0, NULL},
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
    {Py_tp_doc, "A call that waits for its answer."},
    {0, NULL},
};

PyType_Spec auvi_py_call_spec = {
    .name = "auroraview._core.Call",
    .basicsize = sizeof(struct auvi_py_call),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = call_slots,
};
