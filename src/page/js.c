/*
 * js.c - values of JavaScript and of C. Contract in js.h.
 */
#include "page/js.h"

#include "base/base.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

/* Longer text takes the slower way, which needs less memory meanwhile. */
#define UNITS_TO ((size_t)64 << 20)

/* Less text than this is a string sooner than it is decoded. */
#define BYTES_FROM ((size_t)512)

JSStringRef auvi_js_string(const char *text, size_t length)
{
    JSStringRef string;
    gunichar2 *units;
    glong count = 0;

    /* The direct way stops at NUL, but a script may hold one. */
    if (!memchr(text, 0, length))
        return JSStringCreateWithUTF8CString(text);
    units = g_utf8_to_utf16(text, (glong)length, NULL, &count, NULL);
    string = JSStringCreateWithCharacters((const JSChar *)units, (size_t)count);
    g_free(units);
    return string;
}

JSValueRef auvi_js_value(JSContextRef context, const char *text)
{
    JSStringRef string = JSStringCreateWithUTF8CString(text);
    JSValueRef value = JSValueMakeString(context, string);

    JSStringRelease(string);
    return value;
}

JSValueRef auvi_js_records(JSContextRef context, JSObjectRef shared,
                           const struct auvi_text *text)
{
    bool fits = text->length <= AUVI_JS_SHARED;
    JSObjectRef array = shared;
    void *to = NULL;

    if (text->length < BYTES_FROM)
        return auvi_js_value(context, text->bytes);
    if (!fits)
        array = JSObjectMakeTypedArray(context, kJSTypedArrayTypeUint8Array,
                                       text->length, NULL);
    if (array)
        to = JSObjectGetTypedArrayBytesPtr(context, array, NULL);
    if (!to)
        return auvi_js_value(context, text->bytes);
    memcpy(to, text->bytes, text->length);
    return fits ? JSValueMakeNumber(context, (double)text->length) : array;
}

static bool make_room(struct auvi_text *to, size_t space)
{
    char *bytes;

    if (space <= to->space)
        return true;
    bytes = malloc(space);
    if (!bytes)
        return false;
    auvi_text_free(to);
    to->bytes = bytes;
    to->space = space;
    return true;
}

/* Most text is ASCII. JavaScriptCore's own conversion looks at one character
 * after the other, 2 ns each; both its widening and this narrowing are
 * vectorised. */
static bool take_ascii(JSStringRef string, struct auvi_text *to)
{
    size_t length = JSStringGetLength(string);
    const JSChar *units = NULL;
    JSChar all = 0;
    char *bytes;

    if (length <= UNITS_TO)
        units = JSStringGetCharactersPtr(string);
    if (!units || !make_room(to, length + 1))
        return false;
    bytes = to->bytes; /* not read again after each byte, which may alias it */
    for (size_t i = 0; i < length; i++) {
        all |= units[i];
        bytes[i] = (char)units[i];
    }
    bytes[length] = '\0';
    to->length = length;
    return all < 0x80;
}

static bool take_utf8(JSStringRef string, struct auvi_text *to)
{
    size_t length;

    if (!make_room(to, JSStringGetMaximumUTF8CStringSize(string)))
        return false;
    length = JSStringGetUTF8CString(string, to->bytes, to->space);
    to->length = length ? length - 1 : 0;
    return length != 0;
}

bool auvi_js_text(JSContextRef context, JSValueRef value, struct auvi_text *to)
{
    JSStringRef string = JSValueToStringCopy(context, value, NULL);
    bool had;

    auvi_text_clear(to);
    if (!string)
        return false;
    had = take_ascii(string, to) || take_utf8(string, to);
    JSStringRelease(string);
    return had;
}

void auvi_js_log_exception(JSContextRef context, JSValueRef exception,
                           const char *where)
{
    struct auvi_text text = {0};

    if (auvi_js_text(context, exception, &text))
        auvi_log(AUV_LOG_ERROR, "page: %s: %s", where, text.bytes);
    auvi_text_free(&text);
}

char *auvi_script_text(JSContextRef context, const char *expression)
{
    JSStringRef script = JSStringCreateWithUTF8CString(expression);
    JSValueRef exception = NULL;
    JSValueRef value =
        JSEvaluateScript(context, script, NULL, NULL, 1, &exception);
    struct auvi_text text = {0};

    JSStringRelease(script);
    if (exception || !value || !auvi_js_text(context, value, &text))
        return NULL;
    return text.bytes;
}

static bool part_fits(const struct auvi_frame_part *part)
{
    static const uint8_t unit[] = {
        [AUV_PART_BUFFER] = 1,     [AUV_PART_U8] = 1,  [AUV_PART_I8] = 1,
        [AUV_PART_U8_CLAMPED] = 1, [AUV_PART_U16] = 2, [AUV_PART_I16] = 2,
        [AUV_PART_U32] = 4,        [AUV_PART_I32] = 4, [AUV_PART_F32] = 4,
        [AUV_PART_F64] = 8,        [AUV_PART_U64] = 8, [AUV_PART_I64] = 8,
    };

    return (size_t)part->type < sizeof(unit) &&
           part->length % unit[part->type] == 0;
}

JSValueRef auvi_js_buffer(JSContextRef context,
                          const struct auvi_frame_part *part)
{
    JSValueRef exception = NULL;
    JSObjectRef array, buffer;
    void *to;

    if (!part_fits(part))
        return NULL;
    array = JSObjectMakeTypedArray(context, kJSTypedArrayTypeUint8Array,
                                   part->length, &exception);
    if (exception || !array)
        return NULL;
    buffer = JSObjectGetTypedArrayBuffer(context, array, &exception);
    if (exception || !buffer)
        return NULL;
    if (!part->length)
        return buffer;
    to = JSObjectGetArrayBufferBytesPtr(context, buffer, &exception);
    if (exception || !to)
        return NULL;
    if (part->fd < 0)
        memcpy(to, part->data, part->length);
    else if (auvi_shm_read(part->fd, to, part->length) < 0)
        return NULL;
    return buffer;
}
