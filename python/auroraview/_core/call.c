/*
 * call.c - auroraview._core.Call: a page's call that is answered later, from
 * any thread. Dropped without an answer, it rejects the promise as "NoReply".
 */
#include "core.h"

struct call_object {
    PyObject_HEAD auv_call *call;
};

PyTypeObject *auvi_py_call_type;

PyObject *auvi_py_call_new(auv_call *call)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot(auvi_py_call_type, Py_tp_alloc);
    struct call_object *self =
        (struct call_object *)alloc(auvi_py_call_type, 0);

    if (self)
        self->call = auv_call_ref(call);
    return (PyObject *)self;
}

static void call_dealloc(PyObject *object)
{
    auv_call_unref(((struct call_object *)object)->call);
    auvi_py_free(object);
}

static PyObject *call_reply(PyObject *object, PyObject *value)
{
    struct call_object *self = (struct call_object *)object;
    struct auvi_py_encoded e;
    PyObject *result = NULL;

    if (auvi_py_encode(&e, value) == 0)
        result = auvi_py_none_or_raise(auv_call_reply(
            self->call, e.text, e.length, e.parts, e.part_count));
    auvi_py_encoded_clear(&e);
    return result;
}

static PyObject *call_fail(PyObject *object, PyObject *args)
{
    struct call_object *self = (struct call_object *)object;
    const char *name, *message, *data = NULL;
    int code = 0;

    if (!PyArg_ParseTuple(args, "ss|iz:fail", &name, &message, &code, &data))
        return NULL;
    return auvi_py_none_or_raise(
        auv_call_fail(self->call, name, message, code, data));
}

static PyObject *call_cancelled(PyObject *object, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(
        auv_call_is_cancelled(((struct call_object *)object)->call));
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
    .basicsize = sizeof(struct call_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = call_slots,
};
