/*
 * message.c - building messages, reading them, letting them go.
 */
#include "core/message.h"

#include "base/base.h"
#include "core/core.h"

#include <stdlib.h>
#include <string.h>

#define ALIGN8(n) (((n) + 7) & ~(size_t)7)

/* ---- memory of large messages ---------------------------------------------
 *
 * The kernel takes longer to bring the pages of a megabyte than it takes to
 * copy it, and malloc() gives such memory back at once. So one block is kept for
 * the next large message, as long as there is an application.
 */

#define SPARE_FROM AUVI_INLINE_MAX
#define SPARE_MAX (AUVI_BULK_MAX + AUVI_INLINE_MAX) /* never more is kept */

static _Atomic(struct auv_message *) spare;
static _Atomic int spare_users; /* applications */

static struct auv_message *take_block(size_t size)
{
    struct auv_message *block = NULL;

    /* Acquire: whoever put it there is done with it. */
    if (size >= SPARE_FROM)
        block = atomic_exchange_explicit(&spare, NULL, memory_order_acq_rel);
    if (block && block->size >= size)
        return block;
    free(block);
    block = malloc(size);
    if (block)
        block->size = size;
    return block;
}

static void give_block(struct auv_message *block)
{
    if (block->size >= SPARE_FROM && block->size <= SPARE_MAX &&
        atomic_load_explicit(&spare_users, memory_order_relaxed) > 0)
        block = atomic_exchange_explicit(&spare, block, memory_order_acq_rel);
    free(block);
}

void auvi_message_keep_memory(bool keep)
{
    if (keep)
        atomic_fetch_add_explicit(&spare_users, 1, memory_order_relaxed);
    else if (atomic_fetch_sub_explicit(&spare_users, 1, memory_order_relaxed) ==
             1)
        free(atomic_exchange_explicit(&spare, NULL, memory_order_acq_rel));
}

/* ---- building ------------------------------------------------------------- */

/* A message with room for that; `name` is copied, parts are zeroed. */
static struct auv_message *message_new(const char *name, size_t name_length,
                                       size_t json_room, size_t part_count,
                                       size_t inline_bytes, char **rest)
{
    size_t head = ALIGN8(sizeof(struct auv_message) +
                         part_count * sizeof(struct auvi_message_part));
    size_t size = head + ALIGN8(inline_bytes) + name_length + 1 + json_room;
    struct auv_message *message = take_block(size);
    char *text;

    if (!message)
        return NULL;
    size = message->size;
    memset(message, 0, head);
    message->size = size;
    atomic_init(&message->refs, 1);
    message->json_fd = -1;
    message->part_count = part_count;
    for (size_t i = 0; i < part_count; i++)
        message->parts[i].fd = -1;
    /* Inline parts first: they need the alignment. */
    *rest = (char *)message + head;
    text = *rest + ALIGN8(inline_bytes);
    memcpy(text, name_length ? name : "", name_length);
    text[name_length] = '\0';
    message->name = text;
    message->name_length = name_length;
    message->json = text + name_length + 1;
    return message;
}

int auvi_message_create(const char *name, size_t name_length, const char *json,
                        size_t json_length, const auv_part *parts,
                        size_t part_count, struct auv_message **out)
{
    size_t inline_bytes = 0, budget, element;
    struct auv_message *message;
    char *rest, *text;
    bool json_inline;

    if (!json) {
        json = "null";
        json_length = 4;
    }
    if (json_length == AUV_NUL_TERMINATED)
        json_length = strlen(json);
    if (name_length == AUV_NUL_TERMINATED)
        name_length = name ? strlen(name) : 0;
    if (part_count && !parts)
        return auvi_fail(AUV_ERR_ARG, "part_count is %zu, parts is NULL",
                         part_count);
    if (name_length > AUV_MAX_NAME)
        return auvi_fail(AUV_ERR_TOO_LARGE, "a name has %zu bytes, limit %zu",
                         name_length, AUV_MAX_NAME);
    if (part_count > AUV_MAX_PARTS)
        return auvi_fail(AUV_ERR_TOO_LARGE,
                         "a message has %zu binary parts, limit %zu",
                         part_count, AUV_MAX_PARTS);
    if (json_length > AUV_MAX_PAYLOAD)
        return auvi_fail(AUV_ERR_TOO_LARGE, "a text has %zu bytes, limit %zu",
                         json_length, AUV_MAX_PAYLOAD);

    /* What goes inline must fit into a ring together, whatever the single sizes
     * are: past that the rest goes into memfds. */
    budget = AUVI_BULK_MAX;
    json_inline = json_length < budget;
    budget -= json_inline ? json_length : 0;
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].length > AUV_MAX_PAYLOAD)
            return auvi_fail(AUV_ERR_TOO_LARGE,
                             "a binary part has %zu bytes, limit %zu",
                             parts[i].length, AUV_MAX_PAYLOAD);
        if (parts[i].length && !parts[i].data)
            return auvi_fail(AUV_ERR_ARG, "part %zu has no data", i);
        /* Here, where the caller hears of it: a page that got such a part
         * would have to drop the link. */
        element = auvi_part_type_size((uint32_t)parts[i].type);
        if (!element || parts[i].length % element)
            return auvi_fail(AUV_ERR_ARG,
                             "part %zu: %zu bytes do not make type %d", i,
                             parts[i].length, (int)parts[i].type);
        if (ALIGN8(parts[i].length) <= budget) {
            inline_bytes += ALIGN8(parts[i].length);
            budget -= ALIGN8(parts[i].length);
        }
    }

    message = message_new(name, name_length, json_inline ? json_length + 1 : 0,
                          part_count, inline_bytes, &rest);
    if (!message)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a message");
    message->json_length = json_length;
    if (json_inline) {
        text = (char *)message->json;
        memcpy(text, json, json_length);
        text[json_length] = '\0';
    } else {
        message->json = NULL;
        message->json_fd = auvi_shm_create(json, json_length);
        if (message->json_fd < 0)
            goto no_memfd;
    }
    budget = AUVI_BULK_MAX - (json_inline ? json_length : 0);
    for (size_t i = 0; i < part_count; i++) {
        struct auvi_message_part *part = &message->parts[i];
        size_t room = ALIGN8(parts[i].length);

        part->length = parts[i].length;
        part->type = parts[i].type;
        if (room <= budget) {
            if (parts[i].length)
                memcpy(rest, parts[i].data, parts[i].length);
            part->data = rest;
            rest += room;
            budget -= room;
        } else {
            part->fd = auvi_shm_create(parts[i].data, parts[i].length);
            if (part->fd < 0)
                goto no_memfd;
        }
    }
    *out = message;
    return AUV_OK;

no_memfd:
    auv_message_unref(message);
    return AUV_ERR_SYSTEM;
}

int auvi_message_from_frame(struct auvi_frame *frame, struct auv_message **out)
{
    size_t inline_bytes = 0;
    struct auv_message *message;
    char *rest, *text;

    for (size_t i = 0; i < frame->part_count; i++)
        if (frame->parts[i].fd < 0)
            inline_bytes += ALIGN8(frame->parts[i].length);
    message = message_new(frame->name, frame->name_length,
                          frame->payload_fd < 0 ? frame->payload_length + 1 : 0,
                          frame->part_count, inline_bytes, &rest);
    if (!message)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a message");
    message->kind = frame->kind;
    message->flags = frame->flags;
    message->generation = frame->generation;
    message->id = frame->id;
    message->json_length = frame->payload_length;
    if (frame->payload_fd >= 0) {
        message->json = NULL;
        message->json_fd = frame->payload_fd;
        frame->payload_fd = -1;
    } else {
        text = (char *)message->json;
        if (frame->payload_length)
            memcpy(text, frame->payload, frame->payload_length);
        text[frame->payload_length] = '\0';
    }
    for (size_t i = 0; i < frame->part_count; i++) {
        struct auvi_frame_part *from = &frame->parts[i];
        struct auvi_message_part *part = &message->parts[i];

        part->length = from->length;
        part->type = from->type;
        if (from->fd >= 0) {
            part->fd = from->fd;
            from->fd = -1;
        } else {
            if (from->length)
                memcpy(rest, from->data, from->length);
            part->data = rest;
            rest += ALIGN8(from->length);
        }
    }
    *out = message;
    return AUV_OK;
}

void auvi_message_to_frame(const struct auv_message *message,
                           struct auvi_frame *out)
{
    auvi_frame_init(out, message->kind);
    out->flags = message->flags;
    out->generation = message->generation;
    out->id = message->id;
    out->name = message->name;
    out->name_length = message->name_length;
    out->payload = message->json;
    out->payload_length = message->json_length;
    out->payload_fd = message->json_fd;
    out->part_count = message->part_count;
    for (size_t i = 0; i < message->part_count; i++) {
        const struct auvi_message_part *part = &message->parts[i];

        out->parts[i] = (struct auvi_frame_part){part->data, part->length,
                                                 part->type, part->fd};
    }
}

/* Bytes of the UTF-8 character at `at`, 0 if there is none. */
static size_t utf8_length(const char *at)
{
    const unsigned char *s = (const unsigned char *)at;
    size_t length = s[0] < 0x80                    ? 1
                    : s[0] >= 0xc2 && s[0] < 0xe0  ? 2
                    : (s[0] & 0xf0) == 0xe0        ? 3
                    : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                                   : 0;

    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80) /* the NUL at the end is none either */
            return 0;
    if (length == 3 &&
        ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)))
        return 0; /* overlong, surrogate */
    if (length == 4 &&
        ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)))
        return 0; /* overlong, past the last */
    return length;
}

/* Append `text` as a JSON string, with '?' for what is no UTF-8. Returns the end; room is 6 bytes per input
 * byte and the quotes. */
static char *append_json_string(char *to, const char *text)
{
    static const char hex[] = "0123456789abcdef";

    *to++ = '"';
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            *to++ = '\\';
            *to++ = (char)c;
        } else if (c < 0x20) {
            memcpy(to, "\\u00", 4);
            to[4] = hex[c >> 4];
            to[5] = hex[c & 15];
            to += 6;
        } else if (c < 0x80) {
            *to++ = (char)c;
        } else {
            size_t length = utf8_length(text);

            if (length) {
                memcpy(to, text, length);
                to += length;
                text += length - 1;
            } else {
                *to++ = '?';
            }
        }
    }
    *to++ = '"';
    return to;
}

int auvi_message_create_error(const char *name, const char *text, int code,
                              const char *data_json, struct auv_message **out)
{
    size_t data_length = data_json ? strlen(data_json) : 0;
    char *json = malloc((strlen(name) + strlen(text)) * 6 + data_length + 96);
    char *end;
    int error;

    if (!json)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for an error");
    end = json;
    memcpy(end, "{\"name\":", 8);
    end = append_json_string(end + 8, name);
    memcpy(end, ",\"message\":", 11);
    end = append_json_string(end + 11, text);
    memcpy(end, ",\"code\":", 8);
    end += 8;
    {
        /* Own digits: printf would follow the host's locale. */
        unsigned value = code < 0 ? 0u - (unsigned)code : (unsigned)code;
        char digits[12];
        int n = 0;

        if (code < 0)
            *end++ = '-';
        do
            digits[n++] = (char)('0' + value % 10);
        while (value /= 10);
        while (n)
            *end++ = digits[--n];
    }
    if (data_json) {
        memcpy(end, ",\"data\":", 8);
        memcpy(end + 8, data_json, data_length);
        end += 8 + data_length;
    }
    *end++ = '}';
    error =
        auvi_message_create("", 0, json, (size_t)(end - json), NULL, 0, out);
    free(json);
    return error;
}

const char *auv_message_name(const auv_message *message, size_t *length_out)
{
    if (length_out)
        *length_out = message->name_length;
    return message->name;
}

const char *auv_message_json(const auv_message *message, size_t *length_out)
{
    auv_message *m = (auv_message *)message; /* the mapping is a cache */
    const char *text = m->json, *expected = NULL;

    if (length_out)
        *length_out = m->json_length ? m->json_length : 4;
    if (text)
        return m->json_length ? text : "null";
    text = atomic_load_explicit(&m->json_mapped, memory_order_acquire);
    if (text)
        return text;
    text = auvi_shm_map_text(m->json_fd, m->json_length);
    if (!text)
        return NULL;
    /* Two readers may map at once; the second lets its own go. Release pairs
     * with the acquire above. */
    if (!atomic_compare_exchange_strong_explicit(&m->json_mapped, &expected,
                                                 text, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        auvi_shm_unmap_text(text, m->json_length);
        text = expected;
    }
    return text;
}

size_t auv_message_part_count(const auv_message *message)
{
    return message->part_count;
}

int auv_message_part(const auv_message *message, size_t index, auv_part *out)
{
    struct auvi_message_part *part;
    const void *data, *expected = NULL;

    if (!message || !out || index >= message->part_count)
        return auvi_fail(AUV_ERR_ARG, "no binary part %zu", index);
    part = (struct auvi_message_part *)&message->parts[index];
    data = part->data;
    if (!data && part->fd >= 0) {
        data = atomic_load_explicit(&part->mapped, memory_order_acquire);
        if (!data) {
            data = auvi_shm_map(part->fd, part->length);
            if (!data)
                return auvi_fail_errno("cannot map a binary part");
            if (!atomic_compare_exchange_strong_explicit(
                    &part->mapped, &expected, data, memory_order_acq_rel,
                    memory_order_acquire)) {
                auvi_shm_unmap(data, part->length);
                data = expected;
            }
        }
    }
    *out = (auv_part){data, part->length, part->type};
    return AUV_OK;
}

int auv_message_part_fd(const auv_message *message, size_t index)
{
    return message && index < message->part_count ? message->parts[index].fd
                                                  : -1;
}

auv_message *auv_message_ref(const auv_message *message)
{
    auv_message *m = (auv_message *)message;

    /* Relaxed: whoever passes the pointer on provides the ordering. */
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void auv_message_unref(auv_message *message)
{
    /* Release: our reads happen before the free. Acquire: the last one sees
     * that all others are done. */
    if (!message ||
        atomic_fetch_sub_explicit(&message->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (message->json_fd >= 0) {
        const char *text =
            atomic_load_explicit(&message->json_mapped, memory_order_relaxed);

        if (text)
            auvi_shm_unmap_text(text, message->json_length);
        auvi_fd_close(message->json_fd);
    }
    for (size_t i = 0; i < message->part_count; i++) {
        struct auvi_message_part *part = &message->parts[i];

        if (part->fd < 0)
            continue;
        if (atomic_load_explicit(&part->mapped, memory_order_relaxed))
            auvi_shm_unmap(
                atomic_load_explicit(&part->mapped, memory_order_relaxed),
                part->length);
        auvi_fd_close(part->fd);
    }
    if (message->view)
        auv_view_unref(message->view);
    give_block(message);
}
