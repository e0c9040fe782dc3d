#include "engine/null/streams.h"

#include "auroraview/channel.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
    char *bytes;
    size_t length;
};

/* As an entry of state.js. */
struct value {
    struct value *next;
    char *name;
    size_t name_length;
    struct text json; /* bytes NULL: no such key */
    uint64_t sent;    /* number of the write that is under way; 0: none */
    bool dirty;
};

struct waiting { /* a send() without credit */
    struct waiting *next;
    uint64_t script;
    struct text json;
};

struct channel {
    struct channel *next;
    char *name;
    size_t name_length;
    uint64_t number;
    size_t window; /* 0: the host has not joined */
    size_t used, held;
    struct waiting *waiting, **waiting_tail;
    struct text received; /* "JSON,JSON," */
};

struct auvi_null_streams {
    struct auvi_null_page page;
    uint32_t generation;
    struct value *values;
    struct channel *channels;
    uint64_t last_write, last_channel;
};

char *auvi_null_put_string(char *to, const char *text, size_t length)
{
    static const char hex[] = "0123456789abcdef";

    *to++ = '"';
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\' || c < 0x20) {
            memcpy(to, "\\u00", 4);
            to[4] = hex[c >> 4];
            to[5] = hex[c & 15];
            to += 6;
        } else {
            *to++ = (char)c;
        }
    }
    *to++ = '"';
    return to;
}

/* False without memory: then `to` is as it was. */
static bool text_add(struct text *to, const char *bytes, size_t length)
{
    char *grown = realloc(to->bytes, to->length + length + 1);

    if (!grown)
        return false;
    if (length)
        memcpy(grown + to->length, bytes, length);
    to->bytes = grown;
    to->length += length;
    return true;
}

static void text_free(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}

static char *copy_name(const char *name, size_t length)
{
    char *copy = malloc(length + 1);

    if (copy)
        memcpy(copy, name, length);
    return copy;
}

static void send(struct auvi_null_streams *streams, enum auvi_frame_kind kind,
                 uint64_t id, const char *name, size_t name_length,
                 const char *json, size_t json_length)
{
    struct auvi_frame frame;

    auvi_frame_init(&frame, kind);
    frame.generation = streams->generation;
    frame.id = id;
    frame.name = name;
    frame.name_length = name_length;
    frame.payload = json;
    frame.payload_length = json_length;
    streams->page.send(streams->page.user, &frame);
}

/* The payload of a frame, mapped if need be. */
static const char *payload_of(const struct auvi_frame *frame,
                              const void **mapped)
{
    *mapped = NULL;
    if (frame->payload_fd >= 0)
        *mapped = auvi_shm_map(frame->payload_fd, frame->payload_length);
    return *mapped ? *mapped : frame->payload ? frame->payload : "";
}

/* ---- state ---------------------------------------------------------------- */

static struct value *find_value(struct auvi_null_streams *streams,
                                const char *name, size_t length)
{
    struct value **at = &streams->values;
    struct value *value;

    while (*at && ((*at)->name_length != length ||
                   memcmp((*at)->name, name, length) != 0))
        at = &(*at)->next;
    if (*at)
        return *at;
    value = calloc(1, sizeof(*value));
    if (value)
        value->name = copy_name(name, length);
    if (!value || !value->name) {
        free(value);
        return NULL;
    }
    value->name_length = length;
    *at = value;
    return value;
}

static void put_value(struct value *value, const char *json, size_t length)
{
    text_free(&value->json);
    if (json)
        text_add(&value->json, json, length);
}

static void send_value(struct auvi_null_streams *streams, struct value *value)
{
    if (!value->dirty || value->sent)
        return;
    value->dirty = false;
    value->sent = ++streams->last_write;
    send(streams,
         value->json.bytes ? AUVI_FRAME_STATE_SET : AUVI_FRAME_STATE_DELETE,
         value->sent, value->name, value->name_length, value->json.bytes,
         value->json.length);
}

static void write_value(struct auvi_null_streams *streams,
                        const struct auvi_script *script, bool set)
{
    struct value *value =
        find_value(streams, script->name, script->name_length);

    if (!value || (!set && !value->json.bytes))
        return;
    put_value(value, set ? script->json : NULL, script->json_length);
    value->dirty = true;
    send_value(streams, value);
}

/* Whether the host's word counts for it: no newer write is under way. */
static bool settle(struct auvi_null_streams *streams, struct value *value,
                   uint64_t acked)
{
    if (value->sent > acked)
        return false;
    value->sent = 0;
    if (!value->dirty)
        return true;
    send_value(streams, value);
    return false;
}

static void take_state(struct auvi_null_streams *streams,
                       const struct auvi_frame *frame)
{
    const void *mapped;
    const char *json = payload_of(frame, &mapped);
    struct value *value;

    if (frame->kind == AUVI_FRAME_STATE_SYNC && !frame->name_length) {
        for (value = streams->values; value; value = value->next)
            if (value->sent && value->sent <= frame->id &&
                settle(streams, value, frame->id))
                put_value(value, NULL, 0);
    } else {
        value = find_value(streams, frame->name, frame->name_length);
        if (value && settle(streams, value, frame->id) &&
            frame->kind != AUVI_FRAME_STATE_SYNC)
            put_value(value, frame->kind == AUVI_FRAME_STATE_SET ? json : NULL,
                      frame->payload_length);
    }
    if (mapped)
        auvi_shm_unmap(mapped, frame->payload_length);
}

static void all_values(struct auvi_null_streams *streams, uint64_t id)
{
    struct text all = {0};

    text_add(&all, "{", 1);
    for (struct value *value = streams->values; value; value = value->next) {
        char *name = malloc(value->name_length * 6 + 2);

        if (name && value->json.bytes) {
            char *end =
                auvi_null_put_string(name, value->name, value->name_length);

            if (all.length > 1)
                text_add(&all, ",", 1);
            text_add(&all, name, (size_t)(end - name));
            text_add(&all, ":", 1);
            text_add(&all, value->json.bytes, value->json.length);
        }
        free(name);
    }
    text_add(&all, "}", 1);
    streams->page.result(streams->page.user, id, all.bytes, all.length);
    text_free(&all);
}

/* ---- channels -------------------------------------------------------------- */

static struct channel *open_channel(struct auvi_null_streams *streams,
                                    const char *name, size_t length)
{
    struct channel *channel = streams->channels;

    while (channel && (channel->name_length != length ||
                       memcmp(channel->name, name, length) != 0))
        channel = channel->next;
    if (channel)
        return channel;
    channel = calloc(1, sizeof(*channel));
    if (channel)
        channel->name = copy_name(name, length);
    if (!channel || !channel->name) {
        free(channel);
        return NULL;
    }
    channel->name_length = length;
    channel->number = ++streams->last_channel;
    channel->waiting_tail = &channel->waiting;
    channel->next = streams->channels;
    streams->channels = channel;
    send(streams, AUVI_FRAME_CHANNEL_OPEN, channel->number, name, length, NULL,
         0);
    return channel;
}

static void forget_channel(struct auvi_null_streams *streams,
                           struct channel *channel)
{
    struct channel **at = &streams->channels;

    while (*at != channel)
        at = &(*at)->next;
    *at = channel->next;
    while (channel->waiting) {
        struct waiting *next = channel->waiting->next;

        streams->page.result(streams->page.user, channel->waiting->script,
                             "\"Closed\"", 8);
        text_free(&channel->waiting->json);
        free(channel->waiting);
        channel->waiting = next;
    }
    text_free(&channel->received);
    free(channel->name);
    free(channel);
}

static void send_waiting(struct auvi_null_streams *streams,
                         struct channel *channel)
{
    while (channel->waiting && channel->window) {
        struct waiting *first = channel->waiting;
        size_t cost = first->json.length + AUV_CHANNEL_OVERHEAD;
        char digits[24];

        if (channel->used && channel->used + cost > channel->window)
            return;
        channel->used += cost;
        snprintf(digits, sizeof(digits), "%zu", cost);
        send(streams, AUVI_FRAME_CHANNEL_DATA, channel->number, digits,
             strlen(digits), first->json.bytes, first->json.length);
        streams->page.result(streams->page.user, first->script, "null", 4);
        channel->waiting = first->next;
        if (!channel->waiting)
            channel->waiting_tail = &channel->waiting;
        text_free(&first->json);
        free(first);
    }
}

static void send_message(struct auvi_null_streams *streams, uint64_t id,
                         const struct auvi_script *script)
{
    struct channel *channel =
        open_channel(streams, script->name, script->name_length);
    struct waiting *waiting = calloc(1, sizeof(*waiting));

    if (!channel || !waiting ||
        !text_add(&waiting->json, script->json, script->json_length)) {
        free(waiting);
        return;
    }
    waiting->script = id;
    *channel->waiting_tail = waiting;
    channel->waiting_tail = &waiting->next;
    send_waiting(streams, channel);
}

static void take_received(struct auvi_null_streams *streams, uint64_t id,
                          struct channel *channel)
{
    struct text all = {0};
    char digits[24];

    text_add(&all, "[", 1);
    if (channel->received.length) /* but for the last comma */
        text_add(&all, channel->received.bytes, channel->received.length - 1);
    text_add(&all, "]", 1);
    text_free(&channel->received);
    if (channel->held) {
        snprintf(digits, sizeof(digits), "%zu", channel->held);
        channel->held = 0;
        send(streams, AUVI_FRAME_CHANNEL_CREDIT, channel->number, NULL, 0,
             digits, strlen(digits));
    }
    streams->page.result(streams->page.user, id, all.bytes, all.length);
    text_free(&all);
}

static void take_channel(struct auvi_null_streams *streams,
                         const struct auvi_frame *frame)
{
    const void *mapped;
    const char *json = payload_of(frame, &mapped);
    struct channel *channel = streams->channels;

    while (channel && channel->number != frame->id)
        channel = channel->next;
    if (!channel) {
        ; /* has ended here */
    } else if (frame->kind == AUVI_FRAME_CHANNEL_CLOSE) {
        forget_channel(streams, channel);
    } else if (frame->kind == AUVI_FRAME_CHANNEL_DATA) {
        channel->held += frame->payload_length + AUV_CHANNEL_OVERHEAD;
        for (size_t i = 0; i < frame->part_count; i++)
            channel->held += frame->parts[i].length;
        text_add(&channel->received, json, frame->payload_length);
        text_add(&channel->received, ",", 1);
    } else {
        size_t number = strtoul(json, NULL, 10);

        if (frame->kind == AUVI_FRAME_CHANNEL_OPEN)
            channel->window = number;
        else
            channel->used -= number;
        send_waiting(streams, channel);
    }
    if (mapped)
        auvi_shm_unmap(mapped, frame->payload_length);
}

static void close_channel(struct auvi_null_streams *streams, uint64_t id,
                          const struct auvi_script *script)
{
    struct channel *channel =
        open_channel(streams, script->name, script->name_length);

    if (channel) {
        send(streams, AUVI_FRAME_CHANNEL_CLOSE, channel->number, NULL, 0, NULL,
             0);
        forget_channel(streams, channel);
    }
    streams->page.result(streams->page.user, id, "null", 4);
}

/* ---- both ------------------------------------------------------------------ */

struct auvi_null_streams *
auvi_null_streams_create(const struct auvi_null_page *page)
{
    struct auvi_null_streams *streams = calloc(1, sizeof(*streams));

    if (streams)
        streams->page = *page;
    return streams;
}

static void forget_all(struct auvi_null_streams *streams)
{
    while (streams->channels) {
        struct channel *channel = streams->channels;

        while (channel->waiting) {
            struct waiting *next = channel->waiting->next;

            text_free(&channel->waiting->json);
            free(channel->waiting);
            channel->waiting = next;
        }
        forget_channel(streams, channel);
    }
    while (streams->values) {
        struct value *next = streams->values->next;

        text_free(&streams->values->json);
        free(streams->values->name);
        free(streams->values);
        streams->values = next;
    }
}

void auvi_null_streams_free(struct auvi_null_streams *streams)
{
    if (streams)
        forget_all(streams);
    free(streams);
}

void auvi_null_streams_reset(struct auvi_null_streams *streams,
                             uint32_t generation)
{
    struct auvi_null_page page = streams->page;

    forget_all(streams); /* its scripts end with the document */
    *streams =
        (struct auvi_null_streams){.page = page, .generation = generation};
}

bool auvi_null_streams_take(struct auvi_null_streams *streams,
                            const struct auvi_frame *frame)
{
    if (frame->kind < AUVI_FRAME_STATE_SET ||
        frame->kind > AUVI_FRAME_CHANNEL_CLOSE)
        return false;
    if (frame->generation != streams->generation)
        return true;
    if (frame->kind <= AUVI_FRAME_STATE_SYNC)
        take_state(streams, frame);
    else
        take_channel(streams, frame);
    return true;
}

bool auvi_null_streams_run(struct auvi_null_streams *streams, uint64_t id,
                           const struct auvi_script *script)
{
    struct channel *channel;

    switch (script->kind) {
    case AUVI_SCRIPT_STATE_SET:
        write_value(streams, script, true);
        streams->page.result(streams->page.user, id, script->json,
                             script->json_length);
        return true;
    case AUVI_SCRIPT_STATE_DELETE:
        write_value(streams, script, false);
        streams->page.result(streams->page.user, id, "true", 4);
        return true;
    case AUVI_SCRIPT_STATE_ALL:
        all_values(streams, id);
        return true;
    case AUVI_SCRIPT_CHANNEL_SEND:
        send_message(streams, id, script);
        return true;
    case AUVI_SCRIPT_CHANNEL_CLOSE:
        close_channel(streams, id, script);
        return true;
    case AUVI_SCRIPT_CHANNEL_TAKE:
        channel = open_channel(streams, script->name, script->name_length);
        if (channel)
            take_received(streams, id, channel);
        return true;
    default:
        return false;
    }
}
