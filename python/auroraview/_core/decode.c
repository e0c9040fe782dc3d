/*
 * decode.c - JSON text and binary parts of a message as one Python value.
 *
 * The text comes from a page and so may be anything; whatever is wrong with it
 * ends as an exception here, never further in.
 *
 * A part that arrived as shared memory is mapped by Python's own mmap object,
 * which then owns the pages: the memoryview is good for as long as anyone keeps
 * it, and nothing is copied. Other parts are copied: small ones into bytes, larger
 * ones into a bytearray that is used again once nobody looks at it any more,
 * because to have the kernel bring new pages takes longer than the copy.
 */
#include "core.h"

#include <string.h>
#include <sys/mman.h>

#define MARKER "$auv"

static int replace(PyObject **value, const auv_message *message);

/* Format characters of memoryview.cast(), by auv_part_type. */
static const char part_formats[][2] = {
    [AUV_PART_BUFFER] = "B",     [AUV_PART_U8] = "B",  [AUV_PART_I8] = "b",
    [AUV_PART_U8_CLAMPED] = "B", [AUV_PART_U16] = "H", [AUV_PART_I16] = "h",
    [AUV_PART_U32] = "I",        [AUV_PART_I32] = "i", [AUV_PART_F32] = "f",
    [AUV_PART_F64] = "d",        [AUV_PART_U64] = "Q", [AUV_PART_I64] = "q",
};

static void not_valid(const char *what)
{
    auvi_py_raise_with(AUV_ERR_PROTOCOL, what);
}

/* ---- parts ------------------------------------------------------------- */

static PyObject *map_part(int fd, size_t length)
{
    static PyObject *map;
    PyObject *args, *mapped = NULL, *options;

    if (!auvi_py_hook(&map, "mmap", "mmap"))
        return NULL;
    args = Py_BuildValue("(in)", fd, (Py_ssize_t)length);
    /* Private, because Linux before 6.7 refuses a shared mapping of a file that
     * is sealed against writing, even one that only reads. */
    options =
        Py_BuildValue("{s:i,s:i}", "flags", MAP_PRIVATE, "prot", PROT_READ);
    if (args && options)
        mapped = PyObject_Call(map, args, options);
    Py_XDECREF(args);
    Py_XDECREF(options);
    return mapped;
}

/* From here on memory is worth keeping. */
#define KEEP_FROM 65536

static PyObject *copy_part(const auv_part *part)
{
    static PyObject *kept; /* bytearray; under the GIL */
    Py_ssize_t length = (Py_ssize_t)part->length;
    PyObject *memory, *view;

    if (length < KEEP_FROM) {
        PyObject *bytes = PyBytes_FromStringAndSize(part->data, length);

        memory = bytes ? PyMemoryView_FromObject(bytes) : NULL;
        Py_XDECREF(bytes);
        return memory;
    }
    /* Views of it hold references: with one, ours, nobody has any. */
    if (kept && Py_REFCNT(kept) == 1) {
        if (PyByteArray_Resize(kept, length) < 0)
            return NULL;
        memcpy(PyByteArray_AsString(kept), part->data, part->length);
    } else {
        PyObject *fresh = PyByteArray_FromStringAndSize(part->data, length);

        if (!fresh)
            return NULL;
        Py_XDECREF(kept);
        kept = fresh;
    }
    memory = PyMemoryView_FromObject(kept);
    if (!memory)
        return NULL;
    view = PyObject_CallMethod(memory, "toreadonly", NULL);
    Py_DECREF(memory);
    return view;
}

static PyObject *part_value(const auv_message *message, long index)
{
    PyObject *owner, *memory, *typed;
    int fd = -1, rc;
    auv_part part;

    rc = auv_message_part(message, (size_t)index, &part);
    if (rc < 0)
        return auvi_py_raise(rc);
    if ((size_t)part.type >= sizeof(part_formats) / sizeof(part_formats[0])) {
        not_valid("a binary part of a type that this version does not know");
        return NULL;
    }
    if (part.length > 0)
        fd = auv_message_part_fd(message, (size_t)index);
    if (fd >= 0) {
        owner = map_part(fd, part.length);
        memory = owner ? PyMemoryView_FromObject(owner) : NULL;
        Py_XDECREF(owner);
    } else {
        memory = copy_part(&part);
    }
    if (!memory || part_formats[part.type][0] == 'B')
        return memory;
    typed = PyObject_CallMethod(memory, "cast", "s", part_formats[part.type]);
    Py_DECREF(memory);
    return typed;
}

/* ---- placeholders ------------------------------------------------------ */

static int replace_members(PyObject *dict, const auv_message *message)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;

    while (PyDict_Next(dict, &at, &key, &value)) {
        PyObject *now = value;

        Py_INCREF(now);
        if (replace(&now, message) < 0 ||
            (now != value && PyDict_SetItem(dict, key, now) < 0)) {
            Py_DECREF(now);
            return -1;
        }
        Py_DECREF(now);
    }
    return 0;
}

static int replace_items(PyObject *list, const auv_message *message)
{
    Py_ssize_t count = PyList_Size(list);

    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *value = PyList_GetItem(list, i);
        PyObject *now = value;

        Py_INCREF(now);
        if (replace(&now, message) < 0) {
            Py_DECREF(now);
            return -1;
        }
        if (now == value)
            Py_DECREF(now);
        else if (PyList_SetItem(list, i, now) < 0)
            return -1;
    }
    return 0;
}

/* {"$auv":["esc",{…}]}: a dict that has a key "$auv" of its own. Borrowed, or
 * NULL. */
static PyObject *escaped(PyObject *marker)
{
    PyObject *inner;

    if (!PyList_Check(marker) || PyList_Size(marker) != 2)
        return NULL;
    inner = PyList_GetItem(marker, 0);
    if (!PyUnicode_Check(inner) ||
        PyUnicode_CompareWithASCIIString(inner, "esc") != 0)
        return NULL;
    inner = PyList_GetItem(marker, 1);
    return PyDict_Check(inner) ? inner : NULL;
}

/* Swap *value, a new reference, for what it stands for. */
static int replace(PyObject **value, const auv_message *message)
{
    PyObject *marker, *now;

    if (PyList_Check(*value))
        return replace_items(*value, message);
    if (!PyDict_Check(*value))
        return 0;
    marker = PyDict_GetItemString(*value, MARKER);
    if (!marker)
        return replace_members(*value, message);
    now = PyDict_Size(*value) == 1 ? escaped(marker) : NULL;
    if (now) {
        Py_INCREF(now);
        if (replace_members(now, message) < 0) {
            Py_DECREF(now);
            return -1;
        }
    } else {
        long index = PyLong_Check(marker) ? PyLong_AsLong(marker) : -1;

        PyErr_Clear(); /* of an integer beyond long */
        if (index < 0 || (size_t)index >= auv_message_part_count(message)) {
            not_valid("a placeholder that names no binary part");
            return -1;
        }
        now = part_value(message, index);
        if (!now)
            return -1;
    }
    Py_DECREF(*value);
    *value = now;
    return 0;
}

/* ---- text -------------------------------------------------------------- */

/* The C scanner behind json.loads(), without the wrappers that cost as much
 * again on a small text. */
static PyObject *scanner(void)
{
    static PyObject *scan;
    static PyObject *decoder_type;
    PyObject *decoder;

    if (scan)
        return scan;
    if (!auvi_py_hook(&decoder_type, "json.decoder", "JSONDecoder"))
        return NULL;
    decoder = PyObject_CallObject(decoder_type, NULL);
    if (!decoder)
        return NULL;
    scan = PyObject_GetAttrString(decoder, "scan_once");
    Py_DECREF(decoder);
    return scan;
}

/* A string without escapes, which most small messages are: no need of the
 * scanner. NULL without an exception: it is something else. */
static PyObject *plain_string(const char *text, size_t length)
{
    if (length < 2 || text[0] != '"' || text[length - 1] != '"' ||
        auvi_py_plain_length(text + 1, length - 2) != length - 2)
        return NULL;
    return PyUnicode_DecodeUTF8(text + 1, (Py_ssize_t)length - 2,
                                "surrogatepass");
}

static PyObject *parse(const char *text, size_t length)
{
    static PyObject *zero;
    PyObject *scan = scanner(), *string, *pair, *value = NULL;

    if (!zero)
        zero = PyLong_FromLong(0);
    if (!scan || !zero)
        return NULL;
    string = PyUnicode_DecodeUTF8(text, (Py_ssize_t)length, "surrogatepass");
    if (!string)
        return NULL;
    pair = PyObject_CallFunctionObjArgs(scan, string, zero, NULL);
    if (pair) {
        PyObject *end = PyTuple_GetItem(pair, 1);

        if (end && PyLong_AsSsize_t(end) == PyUnicode_GetLength(string)) {
            value = PyTuple_GetItem(pair, 0);
            Py_XINCREF(value);
        } else {
            not_valid("JSON text that goes on after its end");
        }
        Py_DECREF(pair);
    } else if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
        PyErr_Clear();
        not_valid("text that is not JSON");
    }
    Py_DECREF(string);
    return value;
}

PyObject *auvi_py_decode(const auv_message *message)
{
    size_t length;
    const char *text = auv_message_json(message, &length);
    PyObject *value;

    if (!text)
        return auvi_py_raise(AUV_ERR_SYSTEM);
    if (length == 4 && memcmp(text, "null", 4) == 0)
        Py_RETURN_NONE;
    value = plain_string(text, length);
    if (!value && !PyErr_Occurred())
        value = parse(text, length);
    if (value && auv_message_part_count(message) > 0 &&
        replace(&value, message) < 0)
        Py_CLEAR(value);
    return value;
}
