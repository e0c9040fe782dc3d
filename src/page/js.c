/*
 * js.c - values of JavaScript and of C. Contract in js.h.
 */
#include "page/js.h"

#include "base/base.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

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

bool auvi_js_text(JSContextRef context, JSValueRef value, struct auvi_text *to)
{
    JSStringRef string = JSValueToStringCopy(context, value, NULL);
    size_t space;
    size_t length;

    auvi_text_clear(to);
    if (!string)
        return false;
    space = JSStringGetMaximumUTF8CStringSize(string);
    if (space > to->space) {
        char *bytes = malloc(space);

        if (!bytes) {
            JSStringRelease(string);
            return false;
        }
        auvi_text_free(to);
        to->bytes = bytes;
        to->space = space;
    }
    length = JSStringGetUTF8CString(string, to->bytes, to->space);
    JSStringRelease(string);
    if (!length)
        return false;
    to->length = length - 1;
    return true;
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
