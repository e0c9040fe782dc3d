/*
 * module.c - auroraview._core: types, constants and two functions.
 *
 * State is global and belongs to the main interpreter: the library calls back
 * on threads that know no other. The module is refused elsewhere, which takes
 * an initialisation in two phases: one in a single phase is copied into a second
 * interpreter without asking.
 */
#include "core.h"

void auvi_py_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    /* Since 3.8 an instance owns its heap type. */
    Py_DECREF(type);
}

static PyObject *core_version(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyUnicode_FromString(auv_version());
}

static PyObject *core_error_name(PyObject *module, PyObject *args)
{
    int code;

    (void)module;
    if (!PyArg_ParseTuple(args, "i:error_name", &code))
        return NULL;
    return PyUnicode_FromString(auv_error_name(code));
}

static PyObject *core_after_fork(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    auvi_py_after_fork();
    Py_RETURN_NONE;
}

/* For tests, and for who writes another transport: the text and the parts that
 * a value travels as. */
static PyObject *core_encode(PyObject *module, PyObject *value)
{
    PyObject *parts = NULL, *result = NULL;
    struct auvi_py_encoded e;

    (void)module;
    if (auvi_py_encode(&e, value) == 0)
        parts = PyList_New(0);
    for (size_t i = 0; parts && i < e.part_count; i++) {
        PyObject *part =
            Py_BuildValue("(iy#)", (int)e.parts[i].type, e.parts[i].data,
                          (Py_ssize_t)e.parts[i].length);

        if (!part || PyList_Append(parts, part) < 0)
            Py_CLEAR(parts);
        Py_XDECREF(part);
    }
    if (parts)
        result = Py_BuildValue("(s#O)", e.text, (Py_ssize_t)e.length, parts);
    Py_XDECREF(parts);
    auvi_py_encoded_clear(&e);
    return result;
}

static PyMethodDef core_methods[] = {
    {"version", core_version, METH_NOARGS, "version() -> str"},
    {"error_name", core_error_name, METH_VARARGS, "error_name(code) -> str"},
    {"encode", core_encode, METH_O,
     "encode(value) -> (JSON text, [(part type, bytes)])"},
    {"current_call", auvi_py_current_call, METH_NOARGS,
     "current_call() -> Call of the handler that runs on this thread, or None"},
    {"_after_fork", core_after_fork, METH_NOARGS,
     "Tell that this process was forked from one that used the library."},
    {NULL, NULL, 0, NULL},
};

static const struct {
    const char *name;
    int value;
} constants[] = {
    {"PRESET_STANDALONE", AUV_PRESET_STANDALONE},
    {"PRESET_QT_EMBEDDED", AUV_PRESET_QT_EMBEDDED},
    {"PRESET_LEGACY_EMBEDDED", AUV_PRESET_LEGACY_EMBEDDED},
    {"MODE_PRESET", AUV_MODE_PRESET},
    {"MODE_FULL", AUV_MODE_FULL},
    {"MODE_IPC_ONLY", AUV_MODE_IPC_ONLY},
    {"MODE_BATCH", AUV_MODE_BATCH},
    {"PROCESS_CONTINUE", AUV_PROCESS_CONTINUE},
    {"PROCESS_CLOSE_REQUESTED", AUV_PROCESS_CLOSE_REQUESTED},
    {"STATE_CREATING", AUV_STATE_CREATING},
    {"STATE_ACTIVE", AUV_STATE_ACTIVE},
    {"STATE_CLOSE_REQUESTED", AUV_STATE_CLOSE_REQUESTED},
    {"STATE_DESTROYING", AUV_STATE_DESTROYING},
    {"STATE_DESTROYED", AUV_STATE_DESTROYED},
    {"CLOSE_NONE", AUV_CLOSE_NONE},
    {"CLOSE_USER", AUV_CLOSE_USER},
    {"CLOSE_APP", AUV_CLOSE_APP},
    {"CLOSE_PARENT_GONE", AUV_CLOSE_PARENT_GONE},
    {"CLOSE_ENGINE_LOST", AUV_CLOSE_ENGINE_LOST},
    {"CLOSE_SHUTDOWN", AUV_CLOSE_SHUTDOWN},
    {"FOCUS_OUT", AUV_FOCUS_OUT},
    {"FOCUS_IN", AUV_FOCUS_IN},
    {"FOCUS_FIRST", AUV_FOCUS_FIRST},
    {"FOCUS_LAST", AUV_FOCUS_LAST},
    {"EVENT_ACTIVE", AUV_EVENT_ACTIVE},
    {"EVENT_CLOSE_REQUESTED", AUV_EVENT_CLOSE_REQUESTED},
    {"EVENT_CLOSED", AUV_EVENT_CLOSED},
    {"EVENT_LOAD_STARTED", AUV_EVENT_LOAD_STARTED},
    {"EVENT_LOAD_COMMITTED", AUV_EVENT_LOAD_COMMITTED},
    {"EVENT_LOADED", AUV_EVENT_LOADED},
    {"EVENT_LOAD_FAILED", AUV_EVENT_LOAD_FAILED},
    {"EVENT_PAGE_READY", AUV_EVENT_PAGE_READY},
    {"EVENT_PAGE_LOST", AUV_EVENT_PAGE_LOST},
    {"EVENT_TITLE", AUV_EVENT_TITLE},
    {"EVENT_URL", AUV_EVENT_URL},
    {"EVENT_FOCUS_IN", AUV_EVENT_FOCUS_IN},
    {"EVENT_FOCUS_OUT", AUV_EVENT_FOCUS_OUT},
    {"EVENT_FOCUS_LEAVE", AUV_EVENT_FOCUS_LEAVE},
    {"EVENT_RESIZED", AUV_EVENT_RESIZED},
    {"EVENT_MOVED", AUV_EVENT_MOVED},
    {"EVENT_SHOWN", AUV_EVENT_SHOWN},
    {"EVENT_HIDDEN", AUV_EVENT_HIDDEN},
    {"EVENT_PARENT_LOST", AUV_EVENT_PARENT_LOST},
    {"EVENT_PROGRESS", AUV_EVENT_PROGRESS},
    {"EVENT_SCRIPT_ERROR", AUV_EVENT_SCRIPT_ERROR},
    {"EVENT_NATIVE", AUV_EVENT_NATIVE},
    {"EVENT_DESTROYING", AUV_EVENT_DESTROYING},
    {"SIDE_HOST", AUV_SIDE_HOST},
    {"SIDE_PAGE", AUV_SIDE_PAGE},
    {"CHANNEL_OPENED", AUV_CHANNEL_OPENED},
    {"CHANNEL_READABLE", AUV_CHANNEL_READABLE},
    {"CHANNEL_WRITABLE", AUV_CHANNEL_WRITABLE},
    {"CHANNEL_CLOSED", AUV_CHANNEL_CLOSED},
    {"EVENT_RECOVERED", AUV_EVENT_RECOVERED},
    {"EVENT_ENGINE_LOST", AUV_EVENT_ENGINE_LOST},
    {"EVENT_UNRESPONSIVE", AUV_EVENT_UNRESPONSIVE},
    {"EVENT_RESPONSIVE", AUV_EVENT_RESPONSIVE},
    {"RECOVER_DEFAULT", AUV_RECOVER_DEFAULT},
    {"RECOVER_AUTOMATIC", AUV_RECOVER_AUTOMATIC},
    {"RECOVER_MANUAL", AUV_RECOVER_MANUAL},
    {"RECOVERY_NONE", AUV_RECOVERY_NONE},
    {"RECOVERY_UNDER_WAY", AUV_RECOVERY_UNDER_WAY},
    {"RECOVERY_STOPPED", AUV_RECOVERY_STOPPED},
    {"LOST_PAGE", AUV_LOST_PAGE},
    {"LOST_ENGINE", AUV_LOST_ENGINE},
};

static int add_type(PyObject *module, PyTypeObject **slot, PyType_Spec *spec,
                    const char *name)
{
    /* A module made anew has the types of the old one. */
    if (!*slot)
        *slot = (PyTypeObject *)PyType_FromSpec(spec);
    if (!*slot)
        return -1;
    Py_INCREF(*slot); /* one for us, one for the module */
    if (PyModule_AddObject(module, name, (PyObject *)*slot) < 0) {
        Py_DECREF(*slot);
        return -1;
    }
    return 0;
}

static bool in_main_interpreter(void)
{
    PyInterpreterState *interpreter = NULL;

    if (PyInterpreterState_Get)
        interpreter = PyInterpreterState_Get();
    else if (_PyInterpreterState_Get)
        interpreter = _PyInterpreterState_Get();
    /* The number of the main one is 0 by definition. */
    return !interpreter || PyInterpreterState_GetID(interpreter) == 0;
}

static int core_exec(PyObject *module)
{
    if (!in_main_interpreter()) {
        PyErr_SetString(PyExc_ImportError,
                        "auroraview works in the main interpreter only, not in "
                        "a subinterpreter");
        return -1;
    }
    if (add_type(module, &auvi_py_app_type, &auvi_py_app_spec, "App") < 0 ||
        add_type(module, &auvi_py_view_type, &auvi_py_view_spec, "View") < 0 ||
        add_type(module, &auvi_py_call_type, &auvi_py_call_spec, "Call") < 0 ||
        add_type(module, &auvi_py_channel_type, &auvi_py_channel_spec,
                 "Channel") < 0 ||
        add_type(module, &auvi_py_fetch_type, &auvi_py_fetch_spec, "Fetch") < 0)
        return -1;
    for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
        if (PyModule_AddIntConstant(module, constants[i].name,
                                    constants[i].value) < 0)
            return -1;
    return 0;
}

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, (void *)core_exec},
    {0, NULL},
};

static struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "auroraview._core",
    .m_doc = "The C API of AuroraView; see auroraview for the Python one.",
    .m_methods = core_methods,
    .m_slots = core_slots,
};

/* Python 3.8 does not say it itself. */
__attribute__((visibility("default"))) PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&core_module);
}
