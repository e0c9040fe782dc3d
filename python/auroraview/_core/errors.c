/*
 * errors.c - error codes of the library as exceptions of auroraview.errors.
 */
#include "core.h"

#include <string.h>

PyObject *auvi_py_hook(PyObject **slot, const char *module, const char *name)
{
    PyObject *found;

    if (*slot)
        return *slot;
    found = PyImport_ImportModule(module);
    if (!found)
        return NULL;
    *slot = PyObject_GetAttrString(found, name);
    Py_DECREF(found);
    return *slot;
}

PyObject *auvi_py_error(int code, const char *detail)
{
    static PyObject *hook;

    if (!auvi_py_hook(&hook, "auroraview.errors", "from_code"))
        return NULL;
    if (!detail)
        detail = "";
    /* A detail may quote a page or a path: no promise of valid UTF-8. */
    return PyObject_CallFunction(
        hook, "isN", code, auv_strerror(code),
        PyUnicode_DecodeUTF8(detail, (Py_ssize_t)strlen(detail), "replace"));
}

PyObject *auvi_py_script_error(const auv_message *result)
{
    static PyObject *hook;
    PyObject *value = NULL;

    if (!auvi_py_hook(&hook, "auroraview.errors", "from_script"))
        return NULL;
    if (result)
        value = auvi_py_decode(result);
    if (!value) {
        PyErr_Clear();
        value = Py_None;
        Py_INCREF(value);
    }
    return PyObject_CallFunction(hook, "N", value);
}

PyObject *auvi_py_raise_with(int code, const char *detail)
{
    PyObject *error = auvi_py_error(code, detail);

    if (error) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return NULL;
}

PyObject *auvi_py_raise(int code)
{
    return auvi_py_raise_with(code, auv_last_error_message());
}

PyObject *auvi_py_none_or_raise(int code)
{
    if (code < 0)
        return auvi_py_raise(code);
    Py_RETURN_NONE;
}

PyObject *auvi_py_take_exception(void)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (value && traceback)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}
