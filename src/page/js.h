/*
 * js.h - values of JavaScript and of C.
 *
 * Threads: the page's own.
 */
#ifndef AUVI_PAGE_JS_H
#define AUVI_PAGE_JS_H

#include "page/records.h"

#include <JavaScriptCore/JavaScript.h>

/* A string of that UTF-8, which may hold NUL and has one behind it. */
JSStringRef auvi_js_string(const char *text, size_t length);
/* A value with that UTF-8, which ends with its NUL. */
JSValueRef auvi_js_value(JSContextRef context, const char *text);
/* The records of `text` in the form that suits bridge.js best: a string; or in
 * `shared`, a Uint8Array of AUVI_JS_SHARED bytes, and their number; or a
 * Uint8Array of their own. It decodes bytes at a tenth of what it costs to make
 * a string of UTF-8 here, 2 ns a byte. */
JSValueRef auvi_js_records(JSContextRef context, JSObjectRef shared,
                           const struct auvi_text *text);
#define AUVI_JS_SHARED ((size_t)32 << 10)
/* The text of a value, in `to`; false: it has none, or there is no memory. */
bool auvi_js_text(JSContextRef context, JSValueRef value, struct auvi_text *to);
void auvi_js_log_exception(JSContextRef context, JSValueRef exception,
                           const char *where);
/* An ArrayBuffer with a copy of the part's bytes; NULL: it does not fit its
 * type, or there is no memory. It is made by JavaScriptCore in its own cage: a
 * buffer over foreign memory ends the process. */
JSValueRef auvi_js_buffer(JSContextRef context,
                          const struct auvi_frame_part *part);
/* Text of an expression's value, to be freed; NULL if it throws. Only to be
 * used before the page's own script has run. */
char *auvi_script_text(JSContextRef context, const char *expression);

#endif /* AUVI_PAGE_JS_H */
