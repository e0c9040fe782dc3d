/*
 * security.c - grants, the audit and the engine's sandbox, for App and View.
 */
#include "core.h"

#include <string.h>

/* ---- lists of names ------------------------------------------------------ */

struct names {
    PyObject *list;     /* keeps the texts; NULL: no list was given */
    const char **texts; /* of it */
    size_t count;
};

static void names_free(struct names *names)
{
    Py_XDECREF(names->list);
    PyMem_Free(names->texts);
}

/* A sequence of str, or None. */
static bool names_take(PyObject *value, const char *what, struct names *out)
{
    Py_ssize_t count;

    if (!value || value == Py_None)
        return true;
    if (PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be a list of str", what);
        return false;
    }
    out->list = PySequence_List(value);
    if (!out->list)
        return false;
    count = PyList_Size(out->list);
    out->texts = PyMem_Calloc((size_t)count + 1, sizeof(char *));
    if (!out->texts) {
        PyErr_NoMemory();
        return false;
    }
    out->count = (size_t)count;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *text = PyList_GetItem(out->list, i);
        Py_ssize_t length;

        if (!PyUnicode_Check(text)) {
            PyErr_Format(PyExc_TypeError, "%s must be a list of str", what);
            return false;
        }
        out->texts[i] = PyUnicode_AsUTF8AndSize(text, &length);
        if (!out->texts[i])
            return false;
        if (strlen(out->texts[i]) != (size_t)length) {
            PyErr_Format(PyExc_ValueError, "%s: a NUL in a name", what);
            return false;
        }
    }
    return true;
}

/* ---- views ----------------------------------------------------------------- */

static auv_view *use(PyObject *object)
{
    struct auvi_py_view *self = (struct auvi_py_view *)object;

    return auvi_py_app_use(self->app) ? self->view : NULL;
}

PyObject *auvi_py_view_grant(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    auv_grant_options options = AUV_GRANT_OPTIONS_INIT;
    struct names methods = {0}, events = {0}, frames = {0};
    PyObject *m = NULL, *e = NULL, *f = NULL, *result = NULL;
    const char *origin;
    int top = 1;

    if (!view ||
        !PyArg_ParseTuple(args, "s|OOOp:grant", &origin, &m, &e, &f, &top))
        return NULL;
    if (names_take(m, "methods", &methods) &&
        names_take(e, "events", &events) && names_take(f, "frames", &frames)) {
        options.methods = methods.texts;
        options.method_count = methods.count;
        options.events = events.texts;
        options.event_count = events.count;
        options.frames = frames.texts;
        options.frame_count = frames.count;
        options.not_top = !top;
        result = auvi_py_none_or_raise(auv_view_grant(view, origin, &options));
    }
    names_free(&methods);
    names_free(&events);
    names_free(&frames);
    return result;
}

PyObject *auvi_py_view_deny_origin(PyObject *object, PyObject *args)
{
    auv_view *view = use(object);
    const char *origin;

    if (!view || !PyArg_ParseTuple(args, "s:deny_origin", &origin))
        return NULL;
    return auvi_py_none_or_raise(auv_view_deny_origin(view, origin));
}

/* A view of that profile; `allowed`: a list of str, or None. */
int auvi_py_view_create(auv_app *app, auv_view_options *options,
                        PyObject *allowed, auv_view **out)
{
    struct names names = {0};
    int rc = AUV_ERR_ARG;

    if (names_take(allowed, "allowed", &names)) {
        options->allowed = names.texts;
        options->allowed_count = names.count;
        rc = auv_view_create(app, options, out);
        options->allowed = NULL;
    }
    /* Otherwise the library has freed it, or will. */
    if (rc == AUV_ERR_ARG && options->free_observer_user)
        options->free_observer_user(options->observer_user);
    names_free(&names);
    return rc;
}

/* ---- applications ------------------------------------------------------------ */

static void add_entry(const auv_audit_entry *entry, void *user)
{
    PyObject *list = user, *tuple;

    if (PyErr_Occurred())
        return;
    tuple = Py_BuildValue("(KLIOssssK)", (unsigned long long)entry->number,
                          (long long)entry->time_ms, (unsigned)entry->view,
                          entry->granted ? Py_True : Py_False, entry->frame,
                          entry->origin, entry->what, entry->why,
                          (unsigned long long)entry->count);
    if (!tuple)
        return;
    PyList_Append(list, tuple);
    Py_DECREF(tuple);
}

PyObject *auvi_py_app_audit(PyObject *object, PyObject *args)
{
    auv_app *app = auvi_py_app_use((struct auvi_py_app *)object);
    unsigned long long since = 0;
    PyObject *list;
    int rc;

    if (!app || !PyArg_ParseTuple(args, "|K:audit", &since))
        return NULL;
    list = PyList_New(0);
    if (!list)
        return NULL;
    rc = auv_app_audit(app, since, add_entry, list);
    if (rc < 0)
        auvi_py_raise(rc);
    if (PyErr_Occurred()) {
        Py_DECREF(list);
        return NULL;
    }
    return list;
}

PyObject *auvi_py_app_audit_counts(PyObject *object, PyObject *unused)
{
    auv_app *app = auvi_py_app_use((struct auvi_py_app *)object);
    auv_audit_counts counts = {.size = sizeof(counts)};

    (void)unused;
    if (!app)
        return NULL;
    auv_app_audit_counts(app, &counts);
    return Py_BuildValue("{s:K,s:K,s:K}", "granted",
                         (unsigned long long)counts.granted, "denied",
                         (unsigned long long)counts.denied, "lost",
                         (unsigned long long)counts.lost);
}

PyObject *auvi_py_app_engine_info(PyObject *object, PyObject *unused)
{
    auv_app *app = auvi_py_app_use((struct auvi_py_app *)object);
    auv_engine_info info = {.size = sizeof(info)};
    PyObject *sandbox;

    (void)unused;
    if (!app)
        return NULL;
    auv_app_engine_info(app, &info);
    sandbox = info.sandbox == AUV_SANDBOX_UNKNOWN ? Py_None
              : info.sandbox == AUV_SANDBOX_ON    ? Py_True
                                                  : Py_False;
    return Py_BuildValue("{s:s,s:O,s:s}", "name", info.name, "sandbox", sandbox,
                         "sandbox_reason", info.sandbox_reason);
}
