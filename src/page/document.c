/*
 * document.c - bridge.js in one document: in, out and its natives.
 *
 * JavaScriptCore's C API instead of GLib's jsc_*: a call costs no GObject for
 * each value, and text crosses once.
 *
 * The native function that bridge.js gets holds a number, not a pointer: script
 * of a document that has gone (a worker's message, a promise) may still call it.
 */
#include "page/document.h"

#include "base/base.h"
#include "page/bridge_js.h"
#include "page/records.h"

#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One call into the page's script carries at most about this much. */
#define BURST_BYTES ((size_t)1 << 20)
#define BURST_RECORDS 1024u

struct auvi_document {
    uint64_t number; /* in live_documents */
    uint32_t counter;
    bool granted;
    bool retired;
    bool hidden;      /* nobody sees the page: no hurry */
    unsigned running; /* calls into script on the stack */
    struct auvi_document_host host;
    JSGlobalContextRef context;
    JSObjectRef deliver;
    GHashTable *evals; /* ids (gint64) of scripts without a result yet */

    /* What bridge.js gets next. The buffers are protected from collection. */
    struct auvi_text in;
    unsigned in_records;
    GArray *in_buffers; /* JSValueRef */

    /* Memory for what bridge.js sends, and for what it is told back. */
    struct auvi_text sent;
    struct auvi_text back;
};

static GHashTable *live_documents; /* number (gint64) -> auvi_document */
static uint64_t last_number;

static void document_free(struct auvi_document *document);

/* ---- JavaScript values ---- */

static JSStringRef string_of(const char *text, size_t length)
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

/* The text of a string value, in `to`. */
static bool text_of(JSContextRef context, JSValueRef value,
                    struct auvi_text *to)
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

static void log_exception(JSContextRef context, JSValueRef exception,
                          const char *where)
{
    struct auvi_text text = {0};

    if (text_of(context, exception, &text))
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
    if (exception || !value || !text_of(context, value, &text))
        return NULL;
    return text.bytes;
}

/* An ArrayBuffer with a copy of these bytes. It is made by JavaScriptCore in
 * its own cage: a buffer over foreign memory ends the process. */
static JSValueRef make_buffer(JSContextRef context, const void *data,
                              size_t length)
{
    JSValueRef exception = NULL;
    JSObjectRef array = JSObjectMakeTypedArray(
        context, kJSTypedArrayTypeUint8Array, length, &exception);
    JSObjectRef buffer;

    if (exception || !array)
        return NULL;
    buffer = JSObjectGetTypedArrayBuffer(context, array, &exception);
    if (exception || !buffer)
        return NULL;
    if (length) {
        void *to = JSObjectGetArrayBufferBytesPtr(context, buffer, &exception);

        if (exception || !to)
            return NULL;
        memcpy(to, data, length);
    }
    return buffer;
}

/* ---- errors as JSON ---- */

static char *error_json(int error, const char *message)
{
    /* Both texts are ours: nothing to escape. */
    return g_strdup_printf("{\"name\":\"%s\",\"message\":\"%s\",\"code\":%d}",
                           auv_error_name(error), message, error);
}

static const char *push_error_text(int error)
{
    switch (error) {
    case AUV_ERR_QUEUE_FULL:
        return "the host does not read, and too much is waiting";
    case AUV_ERR_TOO_LARGE:
        return "the message is over a limit of size, name or parts";
    case AUV_ERR_CLOSED:
        return "the link to the host is lost";
    default:
        return "the message could not be sent";
    }
}

void auvi_send_eval_error(struct auvi_outbox *outbox, uint32_t counter,
                          uint64_t id, int error, const char *message)
{
    char *json = error_json(error, message);
    struct auvi_frame frame;

    auvi_frame_init(&frame, AUVI_FRAME_RESULT);
    frame.flags = AUVI_FRAME_ERROR;
    frame.generation = counter;
    frame.id = id;
    frame.payload = json;
    frame.payload_length = strlen(json);
    /* Can only fail if the link is lost, which ends the script as well. */
    (void)auvi_outbox_push(outbox, &frame);
    g_free(json);
}

/* ---- page to host ---- */

static bool fill_parts(JSContextRef context, const struct auvi_record *record,
                       JSValueRef buffers, unsigned *buffer_index,
                       struct auvi_frame *frame)
{
    const char *at = record->parts;
    const char *end = at + record->parts_length;
    struct auvi_record_part part;
    int rc;

    while ((rc = auvi_record_part_next(&at, end, &part)) == 1) {
        JSValueRef exception = NULL;
        JSValueRef value;
        JSObjectRef buffer;
        const char *bytes;

        if (frame->part_count == AUV_MAX_PARTS)
            return false;
        value = JSObjectGetPropertyAtIndex(context, (JSObjectRef)buffers,
                                           (*buffer_index)++, &exception);
        if (exception || JSValueGetTypedArrayType(context, value, NULL) !=
                             kJSTypedArrayTypeArrayBuffer)
            return false;
        buffer = (JSObjectRef)value;
        bytes = part.length ? JSObjectGetArrayBufferBytesPtr(context, buffer,
                                                             &exception)
                            : "";
        if (exception || !bytes ||
            part.offset >
                JSObjectGetArrayBufferByteLength(context, buffer, NULL) ||
            part.length >
                JSObjectGetArrayBufferByteLength(context, buffer, NULL) -
                    part.offset)
            return false;
        frame->parts[frame->part_count++] = (struct auvi_frame_part){
            .data = bytes + (part.length ? part.offset : 0),
            .length = part.length,
            .type = (auv_part_type)part.type,
            .fd = -1,
        };
    }
    return rc == 0;
}

static bool fill_frame(struct auvi_document *document,
                       struct auvi_record *record, struct auvi_frame *frame)
{
    enum auvi_frame_kind kind;

    switch (record->kind) {
    case 'C':
        kind = AUVI_FRAME_CALL;
        break;
    case 'X':
        kind = AUVI_FRAME_CANCEL;
        break;
    case 'E':
        kind = AUVI_FRAME_EVENT;
        break;
    case 'J':
        kind = AUVI_FRAME_SCRIPT_ERROR;
        record->payload_length =
            auvi_name_decode(record->payload, record->payload_length);
        break;
    case 'R':
    case 'F':
        kind = AUVI_FRAME_RESULT;
        break;
    default:
        return false;
    }
    /* Not what keeps the page out (it has no way to get here), but what makes
     * a mistake in bridge.js harmless. */
    if (!document->granted && kind != AUVI_FRAME_RESULT)
        return false;
    auvi_frame_init(frame, kind);
    if (record->kind == 'F')
        frame->flags = AUVI_FRAME_ERROR;
    frame->generation = document->counter;
    frame->id = record->id;
    frame->name_length = auvi_name_decode(record->name, record->name_length);
    frame->name = record->name;
    frame->payload = record->payload;
    frame->payload_length = record->payload_length;
    return true;
}

static void tell_failure(struct auvi_document *document,
                         const struct auvi_record *record, int error,
                         unsigned *dropped)
{
    if (error == AUV_ERR_QUEUE_FULL)
        document->host.counts->queue_full++;
    if (record->kind == 'C') {
        char *json = error_json(error, push_error_text(error));

        auvi_record_begin(&document->back, 'F', record->id, "", 0);
        auvi_record_end(&document->back, json, strlen(json));
        g_free(json);
    } else if (record->kind == 'E') {
        (*dropped)++;
    } else if (record->kind == 'R' || record->kind == 'F') {
        auvi_send_eval_error(document->host.outbox, document->counter,
                             record->id, error, push_error_text(error));
    }
}

static void push_records(struct auvi_document *document, JSContextRef context,
                         JSValueRef buffers)
{
    char *at = document->sent.bytes;
    char *end = at + document->sent.length;
    unsigned buffer_index = 0;
    unsigned dropped = 0;
    unsigned calls = 0;
    struct auvi_record record;
    struct auvi_frame frame;
    int rc;

    while ((rc = auvi_record_next(&at, end, &record)) == 1) {
        int error = AUV_ERR_ARG;

        if (document->retired)
            error = AUV_ERR_CLOSED;
        else if (fill_frame(document, &record, &frame) &&
                 fill_parts(context, &record, buffers, &buffer_index, &frame))
            error = auvi_outbox_push(document->host.outbox, &frame);
        if (error < 0)
            tell_failure(document, &record, error, &dropped);
        else if (record.kind == 'C')
            calls++;
        if (record.kind == 'R' || record.kind == 'F') {
            gint64 id = (gint64)record.id;

            g_hash_table_remove(document->evals, &id);
        }
    }
    if (rc < 0)
        auvi_log(AUV_LOG_ERROR, "page: malformed records from bridge.js");
    if (dropped) {
        auvi_record_begin(&document->back, 'D', dropped, "", 0);
        auvi_record_end(&document->back, "", 0);
    }
    if (!document->retired)
        document->host.pushed(document->host.user,
                              document->hidden ? 0 : calls);
}

static JSValueRef counts_value(struct auvi_document *document,
                               JSContextRef context)
{
    const struct auvi_page_counts *counts = document->host.counts;
    char text[320];
    JSStringRef string;
    JSValueRef value;

    snprintf(text, sizeof(text),
             "{\"staleReplies\":%" PRIu64 ",\"refusedFrames\":%" PRIu64
             ",\"droppedEvents\":%" PRIu64 ",\"queueFull\":%" PRIu64
             ",\"spins\":%" PRIu64 ",\"up\":%s,\"waiting\":%zu}",
             counts->stale_replies, counts->refused_frames,
             counts->dropped_events, counts->queue_full, counts->spins,
             document->host.outbox->link ? "true" : "false",
             document->host.outbox->frames);
    string = JSStringCreateWithUTF8CString(text);
    value = JSValueMakeString(context, string);
    JSStringRelease(string);
    return value;
}

/* What a document that is gone hears: its calls end here. */
static JSValueRef gone_value(JSContextRef context)
{
    JSStringRef string = JSStringCreateWithUTF8CString(
        "L\x1f"
        "0\x1f\x1f\x1f{\"name\":\"Closed\",\"message\":\"the document is "
        "gone\",\"code\":-6}\x1e");
    JSValueRef value = JSValueMakeString(context, string);

    JSStringRelease(string);
    return value;
}

/* native(text, buffers): records to the host; what could not be sent comes
 * back as records. native("?"): counts. native("h"), native("v"): the page is
 * hidden, visible. */
static JSValueRef native_call(JSContextRef context, JSObjectRef function,
                              JSObjectRef self, size_t count,
                              const JSValueRef values[], JSValueRef *exception)
{
    gint64 number = (gint64)(intptr_t)JSObjectGetPrivate(function);
    struct auvi_document *document =
        g_hash_table_lookup(live_documents, &number);
    JSStringRef string;
    JSValueRef value;

    (void)self;
    (void)exception;
    if (!document)
        return gone_value(context);
    if (count < 1 || !text_of(context, values[0], &document->sent))
        return JSValueMakeUndefined(context);
    if (count < 2 && *document->sent.bytes == '?')
        return counts_value(document, context);
    if (count < 2) {
        document->hidden = *document->sent.bytes == 'h';
        return JSValueMakeUndefined(context);
    }

    auvi_text_clear(&document->back);
    document->running++;
    push_records(document, context, values[1]);
    document->running--;
    if (!document->back.length || document->back.failed)
        return JSValueMakeUndefined(context);
    string = JSStringCreateWithUTF8CString(document->back.bytes);
    value = JSValueMakeString(context, string);
    JSStringRelease(string);
    return value;
}

/* ---- host to page ---- */

static bool name_is_text(const char *name, size_t length)
{
    while (length) {
        const char *nul = memchr(name, 0, length);
        size_t piece = nul ? (size_t)(nul - name) : length;

        if (!g_utf8_validate_len(name, piece, NULL))
            return false;
        if (nul)
            piece++;
        name += piece;
        length -= piece;
    }
    return true;
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

/* The parts of a frame as buffers; false leaves none. */
static bool take_buffers(struct auvi_document *document,
                         const struct auvi_frame *frame)
{
    guint before = document->in_buffers->len;

    for (size_t i = 0; i < frame->part_count; i++) {
        const struct auvi_frame_part *part = &frame->parts[i];
        const void *data = part->data;
        JSValueRef buffer = NULL;

        if (part_fits(part)) {
            if (part->fd >= 0 && part->length)
                data = auvi_shm_map(part->fd, part->length);
            if (data || !part->length)
                buffer = make_buffer(document->context, data, part->length);
            if (part->fd >= 0 && part->length && data)
                auvi_shm_unmap(data, part->length);
        }
        if (!buffer) {
            while (document->in_buffers->len > before) {
                guint last = document->in_buffers->len - 1;

                JSValueUnprotect(
                    document->context,
                    g_array_index(document->in_buffers, JSValueRef, last));
                g_array_set_size(document->in_buffers, last);
            }
            return false;
        }
        JSValueProtect(document->context, buffer);
        g_array_append_val(document->in_buffers, buffer);
    }
    return true;
}

/* The payload, mapped if need be; NULL if it cannot be a part of a record. */
static const char *take_payload(const struct auvi_frame *frame)
{
    const char *payload = frame->payload;

    if (!frame->payload_length)
        return "";
    if (!payload && frame->payload_fd >= 0)
        payload = auvi_shm_map(frame->payload_fd, frame->payload_length);
    if (payload && !auvi_text_is_clean(payload, frame->payload_length)) {
        if (!frame->payload)
            auvi_shm_unmap(payload, frame->payload_length);
        payload = NULL;
    }
    return payload;
}

static void drop_payload(const struct auvi_frame *frame, const char *payload)
{
    if (payload && frame->payload_length && !frame->payload)
        auvi_shm_unmap(payload, frame->payload_length);
}

static void take_message(struct auvi_document *document,
                         const struct auvi_frame *frame, char kind)
{
    const char *payload = take_payload(frame);
    uint64_t id = kind == 'E' ? 0 : frame->id;

    if (payload && name_is_text(frame->name, frame->name_length) &&
        take_buffers(document, frame)) {
        auvi_record_begin(&document->in, kind, id, frame->name,
                          kind == 'E' ? frame->name_length : 0);
        for (size_t i = 0; i < frame->part_count; i++)
            auvi_record_type(&document->in, frame->parts[i].type, i == 0);
        auvi_record_end(&document->in, payload, frame->payload_length);
    } else if (kind == 'E') {
        document->host.counts->dropped_events++;
        auvi_log(AUV_LOG_WARNING, "page: an event is not readable text");
    } else {
        char *json = error_json(AUV_ERR_PROTOCOL,
                                "the answer is not text that a page can read");

        document->host.counts->refused_frames++;
        auvi_record_begin(&document->in, 'F', id, "", 0);
        auvi_record_end(&document->in, json, strlen(json));
        g_free(json);
    }
    drop_payload(frame, payload);
}

void auvi_document_take(struct auvi_document *document,
                        const struct auvi_frame *frame)
{
    document->in_records++;
    if (frame->kind == AUVI_FRAME_REPLY) {
        take_message(document, frame,
                     frame->flags & AUVI_FRAME_ERROR ? 'F' : 'R');
    } else if (frame->kind == AUVI_FRAME_EVENT) {
        take_message(document, frame, 'E');
    } else {
        gint64 id = (gint64)frame->id;

        g_hash_table_remove(document->evals, &id);
        auvi_record_begin(&document->in, 'X', frame->id, "", 0);
        auvi_record_end(&document->in, "", 0);
    }
}

bool auvi_document_full(const struct auvi_document *document)
{
    return document->in.length >= BURST_BYTES ||
           document->in_records >= BURST_RECORDS;
}

/* Hand the collected records over, and `value` with them. */
static void hand_over(struct auvi_document *document, JSValueRef value)
{
    JSContextRef context = document->context;
    GArray *buffers = document->in_buffers;
    JSValueRef arguments[3];
    JSValueRef exception = NULL;
    JSStringRef text;

    if (!document->in_records)
        return;
    if (document->in.failed || document->retired) {
        auvi_log(AUV_LOG_ERROR, "page: no memory for messages of the host");
    } else {
        text = JSStringCreateWithUTF8CString(document->in.bytes);
        arguments[0] = JSValueMakeString(context, text);
        JSStringRelease(text);
        arguments[1] =
            JSObjectMakeArray(context, buffers->len,
                              (const JSValueRef *)(void *)buffers->data, NULL);
        arguments[2] = value ? value : JSValueMakeUndefined(context);
    }
    for (guint i = 0; i < buffers->len; i++)
        JSValueUnprotect(context, g_array_index(buffers, JSValueRef, i));
    g_array_set_size(buffers, 0);
    document->in_records = 0;
    if (document->in.failed || document->retired) {
        auvi_text_clear(&document->in);
        return;
    }
    auvi_text_clear(&document->in);

    document->running++;
    JSObjectCallAsFunction(context, document->deliver, NULL, 3, arguments,
                           &exception);
    if (exception)
        log_exception(context, exception, "bridge.js");
    document->running--;
    if (document->retired && !document->running)
        document_free(document);
}

void auvi_document_deliver(struct auvi_document *document)
{
    hand_over(document, NULL);
}

static void eval_now(struct auvi_document *document,
                     const struct auvi_frame *frame, const char *script)
{
    JSStringRef text = string_of(script, frame->payload_length);
    JSStringRef url = JSStringCreateWithUTF8CString("auroraview:eval");
    JSValueRef exception = NULL;
    JSValueRef value;
    gint64 *id = g_new(gint64, 1);

    *id = (gint64)frame->id;
    g_hash_table_add(document->evals, id);
    value = JSEvaluateScript(document->context, text, NULL, url, 1, &exception);
    JSStringRelease(url);
    JSStringRelease(text);
    auvi_record_begin(&document->in, exception ? 'T' : 'V', frame->id, "", 0);
    auvi_record_end(&document->in, "", 0);
    document->in_records++;
    hand_over(document, exception ? exception : value);
}

void auvi_document_eval(struct auvi_document *document,
                        const struct auvi_frame *frame)
{
    const char *script = frame->payload;
    size_t length = frame->payload_length;

    document->running++; /* keeps it from being freed meanwhile */
    hand_over(document, NULL);
    if (!script && frame->payload_fd >= 0 && length)
        script = auvi_shm_map(frame->payload_fd, length);
    if (document->retired) {
        auvi_send_eval_error(document->host.outbox, document->counter,
                             frame->id, AUV_ERR_CANCELLED,
                             "the document is gone");
    } else if (!length) {
        eval_now(document, frame, "");
    } else if (script && name_is_text(script, length)) {
        /* string_of() needs the NUL that inline payloads have behind them. */
        char *copy = frame->payload ? NULL : g_malloc(length + 1);

        if (copy) {
            memcpy(copy, script, length);
            copy[length] = '\0';
        }
        eval_now(document, frame, copy ? copy : script);
        g_free(copy);
    } else {
        auvi_send_eval_error(document->host.outbox, document->counter,
                             frame->id, AUV_ERR_SCRIPT,
                             "the script is not UTF-8 text");
    }
    if (script && !frame->payload)
        auvi_shm_unmap(script, length);
    document->host.pushed(document->host.user, 0);
    document->running--;
    if (document->retired && !document->running)
        document_free(document);
}

void auvi_document_link_lost(struct auvi_document *document)
{
    char *json = error_json(AUV_ERR_CLOSED, push_error_text(AUV_ERR_CLOSED));

    g_hash_table_remove_all(document->evals);
    auvi_record_begin(&document->in, 'L', 0, "", 0);
    auvi_record_end(&document->in, json, strlen(json));
    document->in_records++;
    g_free(json);
    hand_over(document, NULL);
}

/* ---- life ---- */

static JSObjectRef make_native(JSContextRef context, uint64_t number)
{
    static JSClassRef native_class;

    if (!native_class) {
        JSClassDefinition definition = kJSClassDefinitionEmpty;

        definition.className = "auroraview";
        definition.callAsFunction = native_call;
        native_class = JSClassCreate(&definition);
    }
    return JSObjectMake(context, native_class, (void *)(intptr_t)number);
}

static JSObjectRef start_bridge(struct auvi_document *document)
{
    static JSStringRef source;
    static JSStringRef url;
    JSContextRef context = document->context;
    JSValueRef exception = NULL;
    JSValueRef maker;
    JSValueRef deliver;
    JSValueRef arguments[3];

    if (!source) {
        source = JSStringCreateWithUTF8CString(auvi_bridge_js);
        url = JSStringCreateWithUTF8CString("auroraview:bridge.js");
    }
    maker = JSEvaluateScript(context, source, NULL, url, 1, &exception);
    if (!exception) {
        arguments[0] = make_native(context, document->number);
        arguments[1] = JSValueMakeBoolean(context, document->granted);
        arguments[2] = JSValueMakeNumber(context, (double)AUVI_INLINE_MAX);
        deliver = JSObjectCallAsFunction(context, (JSObjectRef)maker, NULL, 3,
                                         arguments, &exception);
        if (!exception)
            return (JSObjectRef)deliver;
    }
    log_exception(context, exception, "bridge.js does not start");
    return NULL;
}

struct auvi_document *
auvi_document_create(JSGlobalContextRef context, uint32_t counter, bool granted,
                     const struct auvi_document_host *host)
{
    struct auvi_document *document = g_new0(struct auvi_document, 1);

    if (!live_documents)
        live_documents = g_hash_table_new(g_int64_hash, g_int64_equal);
    document->number = ++last_number;
    document->counter = counter;
    document->granted = granted;
    document->host = *host;
    document->context = JSGlobalContextRetain(context);
    document->evals =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    document->in_buffers = g_array_new(FALSE, FALSE, sizeof(JSValueRef));
    g_hash_table_insert(live_documents, &document->number, document);
    document->running++; /* bridge.js may call its native */
    document->deliver = start_bridge(document);
    document->running--;
    if (!document->deliver) {
        document_free(document);
        return NULL;
    }
    JSValueProtect(context, document->deliver);
    return document;
}

static void document_free(struct auvi_document *document)
{
    g_hash_table_remove(live_documents, &document->number);
    for (guint i = 0; i < document->in_buffers->len; i++)
        JSValueUnprotect(document->context,
                         g_array_index(document->in_buffers, JSValueRef, i));
    if (document->deliver)
        JSValueUnprotect(document->context, document->deliver);
    JSGlobalContextRelease(document->context);
    g_array_free(document->in_buffers, TRUE);
    g_hash_table_destroy(document->evals);
    auvi_text_free(&document->in);
    auvi_text_free(&document->sent);
    auvi_text_free(&document->back);
    g_free(document);
}

void auvi_document_retire(struct auvi_document *document)
{
    GHashTableIter iter;
    gpointer id;

    if (!document)
        return;
    document->retired = true;
    g_hash_table_iter_init(&iter, document->evals);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        auvi_send_eval_error(document->host.outbox, document->counter,
                             (uint64_t) * (gint64 *)id, AUV_ERR_CANCELLED,
                             "the document is gone");
    g_hash_table_remove_all(document->evals);
    if (!document->running)
        document_free(document);
}

uint32_t auvi_document_counter(const struct auvi_document *document)
{
    return document->counter;
}

bool auvi_document_granted(const struct auvi_document *document)
{
    return document->granted;
}
