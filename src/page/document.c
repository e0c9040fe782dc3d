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
#include "page/js.h"
#include "page/records.h"

#include "auroraview/channel.h"

#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One call into the page's script carries at most about this much: little
 * enough to stay in the processor's cache, enough to make the call cheap. */
#define BURST_BYTES ((size_t)16 << 10)
#define BURST_RECORDS 256u

/* A record of the text that bridge.js gets next. */
struct collected {
    char kind;
    uint64_t id;
    size_t end;        /* in the text */
    guint buffers_end; /* in the list of buffers */
};

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
    JSObjectRef shared; /* see auvi_js_records() */
    GHashTable *evals;  /* ids (gint64) of scripts without a result yet */

    /* What bridge.js gets next. The buffers are protected from collection. */
    struct auvi_text in;
    GArray *in_records; /* struct collected */
    GArray *in_buffers; /* JSValueRef */

    /* Memory for what bridge.js sends, and for what it is told back. */
    struct auvi_text sent;
    struct auvi_text back;
};

static GHashTable *live_documents; /* number (gint64) -> auvi_document */
static uint64_t last_number;

static void document_free(struct auvi_document *document);

/* ---- errors as JSON ---- */

static char *error_json(int error, const char *message)
{
    /* Both texts are ours: nothing to escape. */
    return g_strdup_printf("{\"name\":\"%s\",\"message\":\"%s\",\"code\":%d}",
                           auv_error_name(error), message, error);
}

static struct auvi_message_record plain_record(char kind, uint64_t id,
                                               const char *payload)
{
    return (struct auvi_message_record){
        .kind = kind,
        .id = id,
        .payload = payload,
        .payload_length = strlen(payload),
    };
}

static void add_plain(struct auvi_text *text, char kind, uint64_t id,
                      const char *payload)
{
    struct auvi_message_record record = plain_record(kind, id, payload);

    auvi_record_add(text, &record);
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
    enum auvi_frame_kind kind = auvi_record_frame_kind(record->kind);

    if (!kind)
        return false;
    if (record->kind == 'J')
        record->payload_length =
            auvi_name_decode(record->payload, record->payload_length);
    /* Not what keeps the page out (it has no way to get here), but what makes
     * a mistake in bridge.js harmless. */
    if (!document->granted && kind != AUVI_FRAME_RESULT)
        return false;
    auvi_frame_init(frame, kind);
    if (record->kind == 'F' || (record->kind == 'Z' && record->name_length))
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

        add_plain(&document->back, 'F', record->id, json);
        g_free(json);
    } else if (record->kind == 'E') {
        (*dropped)++;
    } else if (record->kind == 'R' || record->kind == 'F') {
        auvi_send_eval_error(document->host.outbox, document->counter,
                             record->id, error, push_error_text(error));
    } else if (record->kind == 'S' || record->kind == 'M') {
        add_plain(&document->back, record->kind == 'S' ? 'K' : 'B', record->id,
                  "");
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
        add_plain(&document->back, 'D', dropped, "");
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

    snprintf(text, sizeof(text),
             "{\"staleReplies\":%" PRIu64 ",\"refusedFrames\":%" PRIu64
             ",\"droppedEvents\":%" PRIu64 ",\"queueFull\":%" PRIu64
             ",\"spins\":%" PRIu64 ",\"up\":%s,\"waiting\":%zu}",
             counts->stale_replies, counts->refused_frames,
             counts->dropped_events, counts->queue_full, counts->spins,
             document->host.outbox->link ? "true" : "false",
             document->host.outbox->frames);
    return auvi_js_value(context, text);
}

/* What a document that is gone hears: its calls end here. */
static JSValueRef gone_value(JSContextRef context)
{
    return auvi_js_value(
        context,
        "[\"L\",0,0,{\"name\":\"Closed\",\"message\":\"the document is "
        "gone\",\"code\":-6}]");
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

    (void)self;
    (void)exception;
    if (!document)
        return gone_value(context);
    if (count < 1 || !auvi_js_text(context, values[0], &document->sent))
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
    if (!document->back.length)
        return JSValueMakeUndefined(context);
    auvi_records_close(&document->back);
    if (document->back.failed)
        return JSValueMakeUndefined(context);
    return auvi_js_value(context, document->back.bytes);
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

/* The parts of a frame as buffers; false leaves none. */
static bool take_buffers(struct auvi_document *document,
                         const struct auvi_frame *frame)
{
    guint before = document->in_buffers->len;

    for (size_t i = 0; i < frame->part_count; i++) {
        const struct auvi_frame_part *part = &frame->parts[i];
        JSValueRef buffer = auvi_js_buffer(document->context, part);

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

/* The payload, mapped if need be; NULL if it cannot stand in a record. */
static const char *take_payload(const struct auvi_frame *frame)
{
    const char *payload = frame->payload;

    if (!frame->payload_length)
        return "";
    if (!payload && frame->payload_fd >= 0)
        payload = auvi_shm_map(frame->payload_fd, frame->payload_length);
    if (payload && !auvi_json_stands_alone(payload, frame->payload_length)) {
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

/* Add a record to what is handed over next. */
static void collect(struct auvi_document *document,
                    const struct auvi_message_record *record)
{
    struct collected collected = {.kind = record->kind, .id = record->id};

    auvi_record_add(&document->in, record);
    collected.end = document->in.length;
    collected.buffers_end = document->in_buffers->len;
    g_array_append_val(document->in_records, collected);
}

static void collect_plain(struct auvi_document *document, char kind,
                          uint64_t id, const char *payload)
{
    struct auvi_message_record record = plain_record(kind, id, payload);

    collect(document, &record);
}

/* Count a message that the page cannot read. The kind of the record that stands
 * for it, 0: none; *error is its payload, to be freed. */
static char unreadable(struct auvi_document *document, char kind, char **error)
{
    *error = NULL;
    if (kind == 'R' || kind == 'F') {
        document->host.counts->refused_frames++;
        *error = error_json(AUV_ERR_PROTOCOL,
                            "the answer is not JSON that a page can read");
        return 'F';
    }
    document->host.counts->dropped_events++;
    auvi_log(AUV_LOG_WARNING, "page: a message is not readable JSON");
    return kind == 'M' || kind == 'Z' ? 'B' : 0; /* the channel ends */
}

static void take_message(struct auvi_document *document,
                         const struct auvi_frame *frame, char kind)
{
    const char *payload = take_payload(frame);
    char *error, instead;

    if (payload && name_is_text(frame->name, frame->name_length) &&
        take_buffers(document, frame)) {
        struct auvi_message_record record = {
            .kind = kind,
            .id = frame->id,
            .name = frame->name_length ? frame->name : NULL,
            .name_length = frame->name_length,
            .parts = frame->parts,
            .part_count = frame->part_count,
            .payload = payload,
            .payload_length = frame->payload_length,
        };

        collect(document, &record);
    } else if ((instead = unreadable(document, kind, &error)) != 0) {
        collect_plain(document, instead, frame->id, error ? error : "");
        g_free(error);
    }
    drop_payload(frame, payload);
}

void auvi_document_take(struct auvi_document *document,
                        const struct auvi_frame *frame)
{
    char kind = auvi_record_kind(frame);
    uint64_t number = frame->id;

    if (kind == 'X') {
        gint64 id = (gint64)frame->id;

        g_hash_table_remove(document->evals, &id);
        collect_plain(document, 'X', frame->id, "");
        return;
    }
    if (kind == 'M') { /* what the page gives back for it */
        number = AUV_CHANNEL_OVERHEAD + frame->payload_length;
        for (size_t i = 0; i < frame->part_count; i++)
            number += frame->parts[i].length;
    }
    if (kind == 'M' || strchr("SUAY", kind))
        collect_plain(document, 'N', number, "");
    take_message(document, frame, kind);
}

bool auvi_document_full(const struct auvi_document *document)
{
    return document->in.length >= BURST_BYTES ||
           document->in_records->len >= BURST_RECORDS;
}

/* One call of bridge.js; false: it could not read the text, and did nothing. */
static bool call_bridge(struct auvi_document *document,
                        const struct auvi_text *text, JSValueRef buffers,
                        JSValueRef value)
{
    JSContextRef context = document->context;
    JSValueRef arguments[3] = {auvi_js_records(context, document->shared, text),
                               buffers, value};
    JSValueRef read, exception = NULL;

    read = JSObjectCallAsFunction(context, document->deliver, NULL, 3,
                                  arguments, &exception);
    if (exception) {
        auvi_js_log_exception(context, exception, "bridge.js");
        return true;
    }
    return JSValueToBoolean(context, read);
}

/* Some payload among them is no JSON: each record by itself. Takes the text
 * apart where auvi_record_add() has put a '[' or ',' before each record. */
static void hand_over_singly(struct auvi_document *document, char *text,
                             const GArray *records, JSObjectRef buffers)
{
    JSContextRef context = document->context;
    JSValueRef undefined = JSValueMakeUndefined(context);
    JSValueRef own[AUV_MAX_PARTS];
    struct auvi_text one = {0};
    size_t at = 0;
    guint buffer = 0;

    for (guint i = 0; i < records->len && !document->retired; i++) {
        const struct collected *record =
            &g_array_index(records, struct collected, i);
        size_t count = 0;
        char *error, instead;

        while (buffer < record->buffers_end)
            own[count++] =
                JSObjectGetPropertyAtIndex(context, buffers, buffer++, NULL);
        auvi_text_clear(&one);
        auvi_text_add(&one, "[", 1);
        auvi_text_add(&one, text + at + 1, record->end - at - 1);
        auvi_records_close(&one);
        at = record->end;
        if (one.failed ||
            call_bridge(document, &one,
                        JSObjectMakeArray(context, count, own, NULL),
                        undefined))
            continue;
        instead = unreadable(document, record->kind, &error);
        if (!instead)
            continue;
        auvi_text_clear(&one);
        add_plain(&one, instead, record->id, error ? error : "");
        g_free(error);
        auvi_records_close(&one);
        if (!one.failed)
            call_bridge(document, &one,
                        JSObjectMakeArray(context, 0, NULL, NULL), undefined);
    }
    auvi_text_free(&one);
}

/* Hand the collected records over, and `value` with them. The page's script may
 * run a loop of its own in which more is collected: so first take all away. */
static void hand_over(struct auvi_document *document, JSValueRef value)
{
    JSContextRef context = document->context;
    GArray *buffers = document->in_buffers, *records = document->in_records;
    struct auvi_text text;
    JSObjectRef list;

    if (!records->len)
        return;
    auvi_records_close(&document->in);
    text = document->in;
    list = JSObjectMakeArray(context, buffers->len,
                             (const JSValueRef *)(void *)buffers->data, NULL);
    for (guint i = 0; i < buffers->len; i++)
        JSValueUnprotect(context, g_array_index(buffers, JSValueRef, i));
    g_array_set_size(buffers, 0);
    if (text.failed || document->retired) {
        auvi_log(AUV_LOG_ERROR, "page: no memory for messages of the host");
        g_array_set_size(records, 0);
        auvi_text_clear(&document->in);
        return;
    }
    document->in = (struct auvi_text){0};
    document->in_records = g_array_new(FALSE, FALSE, sizeof(struct collected));

    document->running++;
    JSValueProtect(context, list);
    if (!call_bridge(document, &text, list,
                     value ? value : JSValueMakeUndefined(context)))
        hand_over_singly(document, text.bytes, records, list);
    JSValueUnprotect(context, list);
    document->running--;

    if (document->in.bytes || document->in_records->len) {
        auvi_text_free(&text);
        g_array_free(records, TRUE);
    } else {
        /* The same memory again. */
        auvi_text_clear(&text);
        document->in = text;
        g_array_free(document->in_records, TRUE);
        g_array_set_size(records, 0);
        document->in_records = records;
    }
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
    JSStringRef text = auvi_js_string(script, frame->payload_length);
    JSStringRef url = JSStringCreateWithUTF8CString("auroraview:eval");
    JSValueRef exception = NULL;
    JSValueRef value;
    gint64 *id = g_new(gint64, 1);

    *id = (gint64)frame->id;
    g_hash_table_add(document->evals, id);
    value = JSEvaluateScript(document->context, text, NULL, url, 1, &exception);
    JSStringRelease(url);
    JSStringRelease(text);
    collect_plain(document, exception ? 'T' : 'V', frame->id, "");
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
        /* auvi_js_string() needs the NUL that inline payloads have behind them. */
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
    collect_plain(document, 'L', 0, json);
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
    JSValueRef arguments[5];

    if (!source) {
        source = JSStringCreateWithUTF8CString(auvi_bridge_js);
        url = JSStringCreateWithUTF8CString("auroraview:bridge.js");
    }
    maker = JSEvaluateScript(context, source, NULL, url, 1, &exception);
    if (!exception) {
        arguments[0] = make_native(context, document->number);
        arguments[1] = JSValueMakeBoolean(context, document->granted);
        arguments[2] = JSValueMakeNumber(context, (double)AUVI_INLINE_MAX);
        document->shared = JSObjectMakeTypedArray(
            context, kJSTypedArrayTypeUint8Array, AUVI_JS_SHARED, &exception);
    }
    if (!exception) {
        JSValueProtect(context, document->shared);
        arguments[3] = document->shared;
        arguments[4] = JSValueMakeBoolean(context, !document->host.shares);
        deliver = JSObjectCallAsFunction(context, (JSObjectRef)maker, NULL, 5,
                                         arguments, &exception);
        if (!exception)
            return (JSObjectRef)deliver;
    }
    auvi_js_log_exception(context, exception, "bridge.js does not start");
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
    document->in_records = g_array_new(FALSE, FALSE, sizeof(struct collected));
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
    if (document->shared)
        JSValueUnprotect(document->context, document->shared);
    JSGlobalContextRelease(document->context);
    g_array_free(document->in_buffers, TRUE);
    g_array_free(document->in_records, TRUE);
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

bool auvi_document_shares(const struct auvi_document *document)
{
    return document->granted && document->host.shares;
}
