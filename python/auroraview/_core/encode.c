/*
 * encode.c - a Python value as JSON text, with its binary parts beside it.
 *
 * json.dumps() would do for the text, at three times the price of everything
 * else that emit() does; and binary values need a walk anyway.
 *
 * Where a binary part belongs stands {"$auv":N}. A message without parts is
 * never searched for it by the receiver, so a dict with a key "$auv" of its own
 * is wrapped, as {"$auv":["esc",{…}]}, only where there are parts. Whether
 * there are is known at the end: then, rarely, the value is encoded again.
 *
 * A dataclass is the object of its fields, a member of an enumeration its value.
 */
#include "core.h"

#include <math.h>
#include <string.h>

#define MARKER "$auv"
#define MARKER_LENGTH (sizeof(MARKER) - 1)

/* Deeper than any sensible value, and far from the end of the C stack. It also
 * ends a value that contains itself. */
#define MAX_DEPTH 500

/* Bytes from which a copy takes longer than giving up the GIL and getting it
 * back: some 20 µs. */
#define LONG_COPY (256u << 10)

/* Flags of PyObject_GetBuffer(), as in object.h since 3.0. */
#define BUFFER_FORMAT 0x0004
#define BUFFER_C_CONTIGUOUS (0x0020 | 0x0010 | 0x0008)
#define BUFFER_STRIDED (0x0010 | 0x0008)

static int put_value(struct auvi_py_encoded *e, PyObject *value, int depth);
static int put_member(struct auvi_py_encoded *e, PyObject *key, PyObject *value,
                      bool first, int depth);

/* ---- text -------------------------------------------------------------- */

static int grow(struct auvi_py_encoded *e, size_t more)
{
    size_t capacity = e->capacity;
    char *text;

    if (more > AUV_MAX_PAYLOAD || e->length + more > AUV_MAX_PAYLOAD + 64) {
        auvi_py_raise_with(AUV_ERR_TOO_LARGE, "the JSON text");
        return -1;
    }
    while (capacity - e->length < more)
        capacity *= 2;
    text = PyMem_Realloc(e->text == e->small ? NULL : e->text, capacity);
    if (!text) {
        PyErr_NoMemory();
        return -1;
    }
    if (e->text == e->small)
        memcpy(text, e->small, e->length);
    e->text = text;
    e->capacity = capacity;
    return 0;
}

static int put(struct auvi_py_encoded *e, const char *text, size_t length)
{
    if (e->capacity - e->length < length && grow(e, length) < 0)
        return -1;
    memcpy(e->text + e->length, text, length);
    e->length += length;
    return 0;
}

static int put_char(struct auvi_py_encoded *e, char c)
{
    return put(e, &c, 1);
}

/* Length of what must be escaped at `s`, 0 if it can stand as it is. A lone
 * surrogate is three bytes that are not UTF-8: ED A0..BF xx. */
static size_t special(const unsigned char *s, size_t left)
{
    if (*s < 0x20 || *s == '"' || *s == '\\')
        return 1;
    if (*s == 0xed && left >= 3 && s[1] >= 0xa0)
        return 3;
    return 0;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether one of eight bytes is less than n, which is at most 0x80. */
static uint64_t any_less(uint64_t word, uint64_t n)
{
    return (word - EACH(n)) & ~word & EACH(0x80);
}

size_t auvi_py_plain_length(const char *text, size_t length)
{
    size_t at = 0;
    uint64_t word;

    for (; length - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, text + at, sizeof(word));
        if (any_less(word, 0x20) || any_less(word ^ EACH('"'), 1) ||
            any_less(word ^ EACH('\\'), 1) || any_less(word ^ EACH(0xed), 1))
            break;
    }
    while (at < length &&
           special((const unsigned char *)text + at, length - at) == 0)
        at++;
    return at;
}

static int put_special(struct auvi_py_encoded *e, const unsigned char *s,
                       size_t length)
{
    static const char hex[] = "0123456789abcdef";
    unsigned unit = *s;
    char text[6] = "\\u";

    if (*s == '"' || *s == '\\') {
        text[1] = (char)*s;
        return put(e, text, 2);
    }
    if (length == 3)
        unit = (unsigned)(*s & 0x0f) << 12 | (unsigned)(s[1] & 0x3f) << 6 |
               (unsigned)(s[2] & 0x3f);
    for (int i = 0; i < 4; i++)
        text[2 + i] = hex[unit >> (12 - 4 * i) & 0xf];
    return put(e, text, 6);
}

static int put_utf8(struct auvi_py_encoded *e, const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t at = 0;

    for (;;) {
        size_t plain = auvi_py_plain_length(text + at, length - at);
        size_t n;

        if (put(e, text + at, plain) < 0)
            return -1;
        at += plain;
        if (at == length)
            return 0;
        n = special(s + at, length - at);
        if (put_special(e, s + at, n) < 0)
            return -1;
        at += n;
    }
}

static int put_string(struct auvi_py_encoded *e, PyObject *string)
{
    PyObject *bytes = NULL;
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(string, &length);
    int rc;

    if (!text) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return -1;
        PyErr_Clear();
        bytes = PyUnicode_AsEncodedString(string, "utf-8", "surrogatepass");
        if (!bytes)
            return -1;
        text = PyBytes_AsString(bytes);
        length = PyBytes_Size(bytes);
    }
    rc = put_char(e, '"') < 0 || put_utf8(e, text, (size_t)length) < 0 ||
                 put_char(e, '"') < 0
             ? -1
             : 0;
    Py_XDECREF(bytes);
    return rc;
}

/* ---- numbers ----------------------------------------------------------- */

static int put_unsigned(struct auvi_py_encoded *e, unsigned long long value)
{
    char digits[20];
    size_t i = sizeof(digits);

    do {
        digits[--i] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return put(e, digits + i, sizeof(digits) - i);
}

static int put_integer(struct auvi_py_encoded *e, PyObject *value)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    PyObject *text;
    int rc;

    if (number == -1 && PyErr_Occurred())
        return -1;
    if (!overflow) {
        if (number >= 0)
            return put_unsigned(e, (unsigned long long)number);
        if (put_char(e, '-') < 0)
            return -1;
        return put_unsigned(e, 0ull - (unsigned long long)number);
    }
    text = PyNumber_ToBase(value, 10);
    if (!text)
        return -1;
    {
        Py_ssize_t length;
        const char *utf8 = PyUnicode_AsUTF8AndSize(text, &length);

        rc = utf8 ? put(e, utf8, (size_t)length) : -1;
    }
    Py_DECREF(text);
    return rc;
}

static int put_float(struct auvi_py_encoded *e, PyObject *value)
{
    double number = PyFloat_AsDouble(value);
    char *text;
    int rc;

    if (!isfinite(number)) {
        PyErr_SetString(PyExc_ValueError,
                        "NaN and infinity cannot be sent to a page: JSON has "
                        "no such numbers (in a binary array they can)");
        return -1;
    }
    text = PyOS_double_to_string(number, 'r', 0, 0, NULL);
    if (!text)
        return -1;
    rc = put(e, text, strlen(text));
    PyMem_Free(text);
    return rc;
}

/* ---- binary parts ------------------------------------------------------ */

/* The JavaScript type for elements of that format, or -1. Sizes decide: "l" is
 * four bytes or eight. Objects and records have no counterpart, and their bytes
 * may be pointers. */
static int part_type(const char *format, Py_ssize_t itemsize)
{
    static const signed char is_signed[] = {
        AUV_PART_I8, AUV_PART_I16, -1, AUV_PART_I32, -1, -1, -1, AUV_PART_I64};
    static const signed char is_unsigned[] = {
        AUV_PART_U8, AUV_PART_U16, -1, AUV_PART_U32, -1, -1, -1, AUV_PART_U64};

    if (*format == '@' || *format == '=' || *format == '<' ||
        (*format == '>' && itemsize == 1))
        format++;
    if (*format == '\0' || format[1] != '\0' || itemsize < 1 || itemsize > 8)
        return -1;
    if (strchr("bhilqn", *format))
        return is_signed[itemsize - 1];
    if (strchr("BHILQN?c", *format))
        return is_unsigned[itemsize - 1];
    if (*format == 'f')
        return AUV_PART_F32;
    if (*format == 'd')
        return AUV_PART_F64;
    return -1;
}

/* A NumPy number and the like: what its item() gives, or what its only element
 * is. */
static int put_scalar(struct auvi_py_encoded *e, PyObject *value, int depth)
{
    PyObject *plain = PyObject_CallMethod(value, "item", NULL);
    int rc;

    if (!plain && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyObject *memory;

        PyErr_Clear();
        memory = PyMemoryView_FromObject(value);
        if (!memory)
            return -1;
        plain = PyObject_CallMethod(memory, "tolist", NULL);
        Py_DECREF(memory);
    }
    if (!plain)
        return -1;
    rc = put_value(e, plain, depth);
    Py_DECREF(plain);
    return rc;
}

/* Look at the elements in C order; those that do not lie that way are copied
 * once more. The format is asked of the original: a copy has lost it. */
static int get_buffer(PyObject *value, struct auvi_py_buffer *buffer, int *type)
{
    PyObject *memory, *bytes;
    bool contiguous = true;
    int rc;

    if (PyObject_GetBuffer(value, buffer, BUFFER_FORMAT | BUFFER_C_CONTIGUOUS) <
        0) {
        if (!PyErr_ExceptionMatches(PyExc_BufferError) &&
            !PyErr_ExceptionMatches(PyExc_ValueError))
            return -1;
        PyErr_Clear();
        contiguous = false;
        if (PyObject_GetBuffer(value, buffer, BUFFER_FORMAT | BUFFER_STRIDED) <
            0)
            return -1;
    }
    *type = part_type(buffer->format ? buffer->format : "B", buffer->itemsize);
    if (buffer->ndim > 0 && *type < 0) {
        PyErr_Format(PyExc_ValueError,
                     "an array of format '%.100s' has no counterpart in a page "
                     "(is it big-endian, or made of records?): convert it, or "
                     "send its bytes",
                     buffer->format);
        PyBuffer_Release(buffer);
        return -1;
    }
    if (contiguous || buffer->ndim == 0)
        return 0;
    PyBuffer_Release(buffer);
    memory = PyMemoryView_FromObject(value);
    if (!memory)
        return -1;
    bytes = PyObject_CallMethod(memory, "tobytes", NULL);
    Py_DECREF(memory);
    if (!bytes)
        return -1;
    rc = PyObject_GetBuffer(bytes, buffer, BUFFER_FORMAT);
    Py_DECREF(bytes); /* the buffer keeps it */
    return rc;
}

/* Borrowed. A fresh string for each look-up would push what the host uses out
 * of the interpreter's cache of attributes. */
static PyObject *interned(PyObject **name, const char *text)
{
    if (!*name)
        *name = PyUnicode_InternFromString(text);
    return *name;
}

/* Without an error when there is none. */
static PyObject *attribute_of_type(PyObject *value, PyObject *name)
{
    PyObject *found =
        name ? PyObject_GetAttr((PyObject *)Py_TYPE(value), name) : NULL;

    if (!found && PyErr_ExceptionMatches(PyExc_AttributeError))
        PyErr_Clear();
    return found;
}

/* A dataclass as an object of its fields. dataclasses.asdict() would copy all
 * that is inside, arrays too. */
static int put_fields(struct auvi_py_encoded *e, PyObject *value, int depth)
{
    static PyObject *fields_of, *name_of_field;
    PyObject *fields, *name, *field;
    int rc = -1;

    if (!auvi_py_hook(&fields_of, "dataclasses", "fields") ||
        !interned(&name_of_field, "name"))
        return -1;
    fields = PyObject_CallFunctionObjArgs(fields_of, value, NULL);
    if (!fields)
        return -1;
    if (put_char(e, '{') < 0)
        goto out;
    for (Py_ssize_t i = 0; i < PyTuple_Size(fields); i++) {
        name = PyObject_GetAttr(PyTuple_GetItem(fields, i), name_of_field);
        field = name ? PyObject_GetAttr(value, name) : NULL;
        rc = field ? put_member(e, name, field, i == 0, depth) : -1;
        Py_XDECREF(name);
        Py_XDECREF(field);
        if (rc < 0)
            goto out;
    }
    rc = put_char(e, '}');
out:
    Py_DECREF(fields);
    return rc;
}

/* What is neither JSON nor binary, but says itself what it is made of. */
static int put_described(struct auvi_py_encoded *e, PyObject *value, int depth)
{
    static PyObject *of_dataclass, *of_enum, *value_of_member;
    PyObject *mark = attribute_of_type(
        value, interned(&of_dataclass, "__dataclass_fields__"));
    int rc;

    if (mark) {
        Py_DECREF(mark);
        return put_fields(e, value, depth + 1);
    }
    if (PyErr_Occurred())
        return -1;
    mark = attribute_of_type(value, interned(&of_enum, "_member_map_"));
    if (mark) {
        PyObject *plain = NULL;

        Py_DECREF(mark);
        if (interned(&value_of_member, "value"))
            plain = PyObject_GetAttr(value, value_of_member);
        rc = plain ? put_value(e, plain, depth + 1) : -1;
        Py_XDECREF(plain);
        return rc;
    }
    if (!PyErr_Occurred())
        PyErr_Format(PyExc_TypeError, "a value of %R cannot be sent to a page",
                     (PyObject *)Py_TYPE(value));
    return -1;
}

static int put_binary(struct auvi_py_encoded *e, PyObject *value, int depth)
{
    bool full = e->part_count == AUV_MAX_PARTS;
    struct auvi_py_buffer one_too_many;
    struct auvi_py_buffer *buffer =
        full ? &one_too_many : &e->buffers[e->part_count];
    int type;

    if (get_buffer(value, buffer, &type) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError))
            return -1;
        PyErr_Clear();
        return put_described(e, value, depth);
    }
    if (buffer->ndim == 0) {
        PyBuffer_Release(buffer);
        return put_scalar(e, value, depth + 1);
    }
    if (full) {
        PyBuffer_Release(buffer);
        PyErr_Format(PyExc_ValueError,
                     "more than %d binary values in one message",
                     (int)AUV_MAX_PARTS);
        return -1;
    }
    e->parts[e->part_count] = (auv_part){.data = buffer->buf,
                                         .length = (size_t)buffer->len,
                                         .type = (auv_part_type)type};
    e->part_count++;
    if (put(e, "{\"" MARKER "\":", MARKER_LENGTH + 4) < 0 ||
        put_unsigned(e, e->part_count - 1) < 0)
        return -1;
    return put_char(e, '}');
}

/* ---- containers -------------------------------------------------------- */

static bool is_marker(PyObject *key)
{
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(key, &length);

    if (!text)
        PyErr_Clear();
    return text && length == (Py_ssize_t)MARKER_LENGTH &&
           memcmp(text, MARKER, MARKER_LENGTH) == 0;
}

static int put_key(struct auvi_py_encoded *e, PyObject *key)
{
    /* As json.dumps() does it: the names that JavaScript would print. */
    if (key == Py_None)
        return put(e, "\"null\"", 6);
    if (key == Py_True)
        return put(e, "\"true\"", 6);
    if (key == Py_False)
        return put(e, "\"false\"", 7);
    if (PyLong_Check(key) || PyFloat_Check(key)) {
        if (put_char(e, '"') < 0 ||
            (PyLong_Check(key) ? put_integer(e, key) : put_float(e, key)) < 0)
            return -1;
        return put_char(e, '"');
    }
    PyErr_Format(PyExc_TypeError, "a key of %R cannot be sent to a page",
                 (PyObject *)Py_TYPE(key));
    return -1;
}

static int put_member(struct auvi_py_encoded *e, PyObject *key, PyObject *value,
                      bool first, int depth)
{
    if (!first && put_char(e, ',') < 0)
        return -1;
    if ((PyUnicode_Check(key) ? put_string(e, key) : put_key(e, key)) < 0 ||
        put_char(e, ':') < 0)
        return -1;
    return put_value(e, value, depth);
}

static int put_members(struct auvi_py_encoded *e, PyObject *dict, int depth)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    bool first = true;

    while (PyDict_Next(dict, &at, &key, &value)) {
        int rc;

        /* Encoding a value can run foreign code, which may empty the dict. */
        Py_INCREF(key);
        Py_INCREF(value);
        rc = put_member(e, key, value, first, depth);
        Py_DECREF(key);
        Py_DECREF(value);
        if (rc < 0)
            return -1;
        first = false;
    }
    return 0;
}

/* Subclasses may have an order, or items, of their own. */
static int put_items(struct auvi_py_encoded *e, PyObject *mapping, int depth)
{
    PyObject *items = PyMapping_Items(mapping);
    Py_ssize_t count = items ? PyList_Size(items) : -1;
    int rc = items ? 0 : -1;

    for (Py_ssize_t i = 0; rc == 0 && i < count; i++) {
        PyObject *pair = PyList_GetItem(items, i);

        if (!pair || !PyTuple_Check(pair) || PyTuple_Size(pair) != 2) {
            PyErr_SetString(PyExc_TypeError, "items() must give pairs");
            rc = -1;
        } else {
            rc = put_member(e, PyTuple_GetItem(pair, 0),
                            PyTuple_GetItem(pair, 1), i == 0, depth);
        }
    }
    Py_XDECREF(items);
    return rc;
}

static bool has_marker(PyObject *dict)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;

    while (PyDict_Next(dict, &at, &key, &value))
        if (PyUnicode_Check(key) && PyUnicode_GetLength(key) == 4 &&
            is_marker(key))
            return true;
    return false;
}

static int put_dict(struct auvi_py_encoded *e, PyObject *dict, int depth)
{
    bool marked = has_marker(dict);
    bool wrap = marked && e->escaping;
    int rc;

    e->saw_marker |= marked;
    if (wrap && put(e, "{\"" MARKER "\":[\"esc\",", MARKER_LENGTH + 11) < 0)
        return -1;
    if (put_char(e, '{') < 0)
        return -1;
    rc = PyDict_CheckExact(dict) ? put_members(e, dict, depth)
                                 : put_items(e, dict, depth);
    if (rc < 0 || put_char(e, '}') < 0)
        return -1;
    return wrap ? put(e, "]}", 2) : 0;
}

static int put_list(struct auvi_py_encoded *e, PyObject *list, int depth)
{
    if (put_char(e, '[') < 0)
        return -1;
    /* The size is read each time: see put_members(). */
    for (Py_ssize_t i = 0; i < PySequence_Size(list); i++) {
        PyObject *item = PySequence_GetItem(list, i);
        int rc = -1;

        if (item && (i == 0 || put_char(e, ',') == 0))
            rc = put_value(e, item, depth);
        Py_XDECREF(item);
        if (rc < 0)
            return -1;
    }
    return put_char(e, ']');
}

static int put_value(struct auvi_py_encoded *e, PyObject *value, int depth)
{
    if (depth > MAX_DEPTH) {
        PyErr_Format(PyExc_ValueError,
                     "a value nested deeper than %d levels, or in itself, "
                     "cannot be sent to a page",
                     MAX_DEPTH);
        return -1;
    }
    if (PyUnicode_Check(value))
        return put_string(e, value);
    if (value == Py_None)
        return put(e, "null", 4);
    if (value == Py_True)
        return put(e, "true", 4);
    if (value == Py_False)
        return put(e, "false", 5);
    if (PyLong_Check(value))
        return put_integer(e, value);
    if (PyFloat_Check(value))
        return put_float(e, value);
    if (PyDict_Check(value))
        return put_dict(e, value, depth + 1);
    if (PyList_Check(value) || PyTuple_Check(value))
        return put_list(e, value, depth + 1);
    return put_binary(e, value, depth);
}

static void reset(struct auvi_py_encoded *e)
{
    while (e->part_count > 0)
        PyBuffer_Release(&e->buffers[--e->part_count]);
    e->length = 0;
}

int auvi_py_encode(struct auvi_py_encoded *e, PyObject *value)
{
    e->text = e->small;
    e->capacity = sizeof(e->small);
    e->length = 0;
    e->part_count = 0;
    e->saw_marker = false;
    e->escaping = false;
    if (put_value(e, value, 0) < 0)
        return -1;
    if (e->part_count > 0 && e->saw_marker) {
        reset(e);
        e->escaping = true;
        return put_value(e, value, 0);
    }
    return 0;
}

/* The buffers are pinned by their Py_buffer, and the text is ours. */
PyThreadState *auvi_py_encoded_pause(const struct auvi_py_encoded *e)
{
    size_t total = e->length;

    for (size_t i = 0; i < e->part_count; i++)
        total += e->parts[i].length;
    return total > LONG_COPY ? PyEval_SaveThread() : NULL;
}

void auvi_py_encoded_resume(PyThreadState *saved)
{
    if (saved)
        PyEval_RestoreThread(saved);
}

void auvi_py_encoded_clear(struct auvi_py_encoded *e)
{
    reset(e);
    if (e->text != e->small)
        PyMem_Free(e->text);
}
