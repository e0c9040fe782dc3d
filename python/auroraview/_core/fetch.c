/*
 * fetch.c - auroraview._core.Fetch: a page's request for a URL of a scheme of
 * the host's. Dropped without an answer, the page gets the status 500.
 *
 * What call.c says about calls holds here too: a fetch keeps the application's
 * object, is refused like a view, and one that is dropped while the library
 * destroys waits until that is over.
 */
#include "core.h"

#include <string.h>

/* As in object.h: any contiguous bytes. */
#define BUFFER_SIMPLE 0

struct auvi_py_fetch {
    PyObject_HEAD auv_fetch *fetch;
    struct auvi_py_app *app;
    struct auvi_py_fetch *next; /* in app->dropped_fetches */
};

PyTypeObject *auvi_py_fetch_type;

static auv_fetch *use(PyObject *object)
{
    struct auvi_py_fetch *self = (struct auvi_py_fetch *)object;

    return auvi_py_app_use(self->app) ? self->fetch : NULL;
}

static PyObject *fetch_make(auv_fetch *fetch)
{
    allocfunc alloc =
        (allocfunc)PyType_GetSlot(auvi_py_fetch_type, Py_tp_alloc);
    /* They arrive in handlers only. */
    struct auvi_py_app *app = auvi_py_app_current();
    struct auvi_py_fetch *self =
        (struct auvi_py_fetch *)alloc(auvi_py_fetch_type, 0);

    if (self) {
        self->fetch = auv_fetch_ref(fetch);
        Py_INCREF((PyObject *)app);
        self->app = app;
    }
    return (PyObject *)self;
}

static void release(struct auvi_py_fetch *self)
{
    PyObject *app = (PyObject *)self->app;

    if (!auvi_py_app_is_foreign(self->app))
        auv_fetch_unref(self->fetch);
    auvi_py_free((PyObject *)self);
    Py_DECREF(app);
}

static void fetch_dealloc(PyObject *object)
{
    struct auvi_py_fetch *self = (struct auvi_py_fetch *)object;

    if (self->app->destroying && !auvi_py_app_is_foreign(self->app)) {
        self->next = self->app->dropped_fetches;
        self->app->dropped_fetches = self;
    } else {
        release(self);
    }
}

void auvi_py_fetches_release(struct auvi_py_app *app)
{
    while (app->dropped_fetches) {
        struct auvi_py_fetch *fetch = app->dropped_fetches;

        app->dropped_fetches = fetch->next;
        release(fetch);
    }
}

/* ---- handlers ------------------------------------------------------------- */

void auvi_py_on_fetch(auv_view *view, auv_fetch *fetch, void *user)
{
    struct auvi_py_handler *handler = user;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *object = fetch_make(fetch);

    (void)view;
    auvi_py_notify(handler->fn, object ? Py_BuildValue("(N)", object) : NULL,
                   "scheme", NULL);
    PyGILState_Release(gil);
}

static void on_room(auv_fetch *fetch, int error, void *user)
{
    struct auvi_py_handler *handler = user;
    PyGILState_STATE gil = PyGILState_Ensure();

    (void)fetch;
    auvi_py_notify(handler->fn, Py_BuildValue("(i)", error), "body", NULL);
    PyGILState_Release(gil);
}

/* ---- reading it ----------------------------------------------------------- */

static PyObject *decode(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *fetch_url(PyObject *object, void *unused)
{
    auv_fetch *fetch = use(object);

    (void)unused;
    return fetch ? decode(auv_fetch_url(fetch)) : NULL;
}

static PyObject *fetch_method(PyObject *object, void *unused)
{
    auv_fetch *fetch = use(object);

    (void)unused;
    return fetch ? decode(auv_fetch_method(fetch)) : NULL;
}

static PyObject *fetch_header(PyObject *object, PyObject *args)
{
    auv_fetch *fetch = use(object);
    const char *name, *value;

    if (!fetch || !PyArg_ParseTuple(args, "s:header", &name))
        return NULL;
    value = auv_fetch_header(fetch, name);
    if (!value)
        Py_RETURN_NONE;
    return decode(value);
}

static PyObject *fetch_range(PyObject *object, PyObject *args)
{
    auv_fetch *fetch = use(object);
    unsigned long long size;
    uint64_t first, length;
    int rc;

    if (!fetch || !PyArg_ParseTuple(args, "K:range", &size))
        return NULL;
    rc = auv_fetch_range(fetch, size, &first, &length);
    if (rc < 0)
        return auvi_py_raise(rc);
    return Py_BuildValue("(OKK)", rc ? Py_True : Py_False,
                         (unsigned long long)first, (unsigned long long)length);
}

static PyObject *fetch_cancelled(PyObject *object, PyObject *unused)
{
    struct auvi_py_fetch *self = (struct auvi_py_fetch *)object;

    (void)unused;
    return PyBool_FromLong(!self->app->app || self->app->closing ||
                           auvi_py_app_is_foreign(self->app) ||
                           auv_fetch_is_cancelled(self->fetch));
}

/* ---- answering ------------------------------------------------------------ */

struct headers {
    const char **lines; /* of the list's own texts */
    size_t count;
};

static void headers_clear(struct headers *headers)
{
    PyMem_Free(headers->lines);
}

/* Lines of a list of str. */
static bool headers_take(PyObject *list, struct headers *out)
{
    Py_ssize_t count;

    memset(out, 0, sizeof(*out));
    if (!PyList_Check(list)) {
        PyErr_SetString(PyExc_TypeError, "headers must be a list");
        return false;
    }
    count = PyList_Size(list);
    out->lines = PyMem_Malloc(((size_t)count + 1) * sizeof(char *));
    if (!out->lines) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_ssize_t length;

        out->lines[i] =
            PyUnicode_AsUTF8AndSize(PyList_GetItem(list, i), &length);
        if (!out->lines[i])
            return false;
        if (strlen(out->lines[i]) != (size_t)length) {
            PyErr_SetString(PyExc_ValueError, "a header holds a NUL");
            return false;
        }
    }
    out->count = (size_t)count;
    return true;
}

static PyObject *fetch_reply(PyObject *object, PyObject *args)
{
    auv_fetch *fetch = use(object);
    auv_response response = AUV_RESPONSE_INIT;
    struct auvi_py_buffer buffer;
    struct headers headers;
    PyObject *list, *data;
    int rc;

    if (!fetch || !PyArg_ParseTuple(args, "izOO:reply", &response.status,
                                    &response.mime_type, &list, &data))
        return NULL;
    if (!headers_take(list, &headers)) {
        headers_clear(&headers);
        return NULL;
    }
    if (PyObject_GetBuffer(data, &buffer, BUFFER_SIMPLE) < 0) {
        headers_clear(&headers);
        return NULL;
    }
    response.headers = headers.lines;
    response.header_count = headers.count;
    rc = auv_fetch_reply(fetch, &response, buffer.buf, (size_t)buffer.len);
    PyBuffer_Release(&buffer);
    headers_clear(&headers);
    return auvi_py_none_or_raise(rc);
}

static PyObject *fetch_reply_fd(PyObject *object, PyObject *args)
{
    auv_fetch *fetch = use(object);
    auv_response response = AUV_RESPONSE_INIT;
    unsigned long long offset = 0, length = AUV_TO_END;
    struct headers headers;
    PyObject *list;
    int fd, rc;

    if (!fetch ||
        !PyArg_ParseTuple(args, "izOi|KK:reply_fd", &response.status,
                          &response.mime_type, &list, &fd, &offset, &length))
        return NULL;
    if (!headers_take(list, &headers)) {
        headers_clear(&headers);
        return NULL;
    }
    response.headers = headers.lines;
    response.header_count = headers.count;
    rc = auv_fetch_reply_fd(fetch, &response, fd, offset, length);
    headers_clear(&headers);
    return auvi_py_none_or_raise(rc);
}

static PyObject *fetch_stream(PyObject *object, PyObject *args)
{
    auv_fetch *fetch = use(object);
    auv_response response = AUV_RESPONSE_INIT;
    unsigned long long length = AUV_TO_END;
    struct auvi_py_handler *handler;
    struct headers headers;
    PyObject *list, *fn;
    int rc;

    if (!fetch || !PyArg_ParseTuple(args, "izOO|K:stream", &response.status,
                                    &response.mime_type, &list, &fn, &length))
        return NULL;
    handler = auvi_py_handler_new(fn, false);
    if (!handler)
        return NULL;
    rc = -1;
    if (headers_take(list, &headers)) {
        response.headers = headers.lines;
        response.header_count = headers.count;
        rc = auv_fetch_stream(fetch, &response, length, on_room, handler,
                              auvi_py_handler_free);
        if (rc < 0)
            auvi_py_raise(rc);
    }
    headers_clear(&headers);
    if (rc < 0) {
        PyObject *type, *error, *traceback;

        PyErr_Fetch(&type, &error, &traceback);
        auvi_py_handler_free(handler);
        PyErr_Restore(type, error, traceback);
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *fetch_write(PyObject *object, PyObject *data)
{
    auv_fetch *fetch = use(object);
    struct auvi_py_buffer buffer;
    int rc;

    if (!fetch || PyObject_GetBuffer(data, &buffer, BUFFER_SIMPLE) < 0)
        return NULL;
    rc = auv_fetch_write(fetch, buffer.buf, (size_t)buffer.len);
    PyBuffer_Release(&buffer);
    return rc < 0 ? auvi_py_raise(rc) : PyLong_FromLong(rc);
}

static PyObject *fetch_end(PyObject *object, PyObject *args)
{
    auv_fetch *fetch = use(object);
    int error = AUV_OK;

    if (!fetch || !PyArg_ParseTuple(args, "|i:end", &error))
        return NULL;
    return auvi_py_none_or_raise(auv_fetch_end(fetch, error));
}

static PyMethodDef fetch_methods[] = {
    {"header", fetch_header, METH_VARARGS,
     "header(name)\n\nA header of the request, or None."},
    {"range", fetch_range, METH_VARARGS,
     "range(size)\n\n(whether a part is asked for, its first byte, its "
     "length)."},
    {"reply", fetch_reply, METH_VARARGS,
     "reply(status, mime_type, headers, data)\n\nAnswer with bytes."},
    {"reply_fd", fetch_reply_fd, METH_VARARGS,
     "reply_fd(status, mime_type, headers, fd, offset=0, length=…)\n\nAnswer "
     "with what a descriptor holds; takes it."},
    {"stream", fetch_stream, METH_VARARGS,
     "stream(status, mime_type, headers, room, length=…)\n\nBegin a body; "
     "room(error) is called when there is room for more."},
    {"write", fetch_write, METH_O,
     "write(data)\n\nWrite more of a body; how many bytes were taken."},
    {"end", fetch_end, METH_VARARGS,
     "end(error=0)\n\nEnd a body: whole, or cut off."},
    {"is_cancelled", fetch_cancelled, METH_NOARGS,
     "is_cancelled()\n\nWhether nobody waits for it any more."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef fetch_getset[] = {
    {"url", fetch_url, NULL, "The URL that is asked for.", NULL},
    {"method", fetch_method, NULL, "GET or HEAD.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyObject *fetch_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)type;
    (void)args;
    (void)kwargs;
    PyErr_SetString(PyExc_TypeError, "fetches are made by pages");
    return NULL;
}

static PyType_Slot fetch_slots[] = {
    {Py_tp_new, (void *)fetch_new},
    {Py_tp_dealloc, (void *)fetch_dealloc},
    {Py_tp_methods, fetch_methods},
    {Py_tp_getset, fetch_getset},
    {Py_tp_doc, "A request for a URL of a scheme of the host's."},
    {0, NULL},
};

PyType_Spec auvi_py_fetch_spec = {
    .name = "auroraview._core.Fetch",
    .basicsize = sizeof(struct auvi_py_fetch),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = fetch_slots,
};
