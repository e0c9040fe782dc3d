/*
 * outbox.c - a bounded queue in front of a link. Contract in outbox.h.
 */
#include "page/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A frame with its contents behind it. auvi_frame itself has room for all the
 * parts there can be and would cost 2 KiB each. */
struct auvi_outbox_entry {
    struct auvi_outbox_entry *next;
    size_t size;
    uint8_t kind;
    uint8_t flags;
    uint8_t lane;
    uint32_t generation;
    uint64_t id;
    size_t name_length;
    size_t payload_length;
    size_t part_count;
    struct {
        size_t length;
        auv_part_type type;
    } parts[];
};

void auvi_outbox_open(struct auvi_outbox *box, struct auvi_link *link,
                      uint32_t base)
{
    assert(!box->link);
    box->link = link;
    box->base = base;
    box->lost = false;
    box->unflushed = false;
}

void auvi_outbox_clear(struct auvi_outbox *box)
{
    while (box->head) {
        struct auvi_outbox_entry *entry = box->head;

        box->head = entry->next;
        free(entry);
    }
    box->tail = NULL;
    box->frames = 0;
    box->bytes = 0;
}

void auvi_outbox_adopt(struct auvi_outbox *box, struct auvi_outbox *from)
{
    if (!from->head)
        return;
    if (box->tail)
        box->tail->next = from->head;
    else
        box->head = from->head;
    box->tail = from->tail;
    box->frames += from->frames;
    box->bytes += from->bytes;
    from->head = NULL;
    auvi_outbox_clear(from);
}

void auvi_outbox_close(struct auvi_outbox *box, bool lost)
{
    auvi_link_close(box->link);
    box->link = NULL;
    box->lost = lost;
    box->unflushed = false;
    auvi_outbox_clear(box);
}

static bool always_fits(const struct auvi_frame *frame)
{
    return frame->kind != AUVI_FRAME_CALL && frame->kind != AUVI_FRAME_EVENT;
}

static int check_size(const struct auvi_frame *frame)
{
    if (frame->name_length > AUV_MAX_NAME ||
        frame->payload_length > AUV_MAX_PAYLOAD ||
        frame->part_count > AUV_MAX_PARTS)
        return AUV_ERR_TOO_LARGE;
    for (size_t i = 0; i < frame->part_count; i++) {
        if (frame->parts[i].length > AUV_MAX_PAYLOAD)
            return AUV_ERR_TOO_LARGE;
    }
    return AUV_OK;
}

static int keep(struct auvi_outbox *box, const struct auvi_frame *frame)
{
    struct auvi_outbox_entry *entry;
    size_t head = sizeof(*entry) + frame->part_count * sizeof(entry->parts[0]);
    size_t size = head + frame->name_length + frame->payload_length;
    char *to;

    for (size_t i = 0; i < frame->part_count; i++)
        size += frame->parts[i].length;
    /* One message may be larger than the bound, if it waits alone. */
    if (!always_fits(frame) &&
        (box->frames >= AUVI_OUTBOX_FRAMES ||
         (box->frames && box->bytes + size > AUVI_OUTBOX_BYTES)))
        return AUV_ERR_QUEUE_FULL;

    entry = malloc(size);
    if (!entry)
        return AUV_ERR_NOMEM;
    entry->next = NULL;
    entry->size = size;
    entry->kind = frame->kind;
    entry->flags = frame->flags;
    entry->lane = frame->lane;
    entry->generation = frame->generation;
    entry->id = frame->id;
    entry->name_length = frame->name_length;
    entry->payload_length = frame->payload_length;
    entry->part_count = frame->part_count;
    to = (char *)entry + head;
    if (frame->name_length)
        memcpy(to, frame->name, frame->name_length);
    to += frame->name_length;
    if (frame->payload_length)
        memcpy(to, frame->payload, frame->payload_length);
    to += frame->payload_length;
    for (size_t i = 0; i < frame->part_count; i++) {
        const struct auvi_frame_part *part = &frame->parts[i];

        entry->parts[i].length = part->length;
        entry->parts[i].type = part->type;
        if (part->length)
            memcpy(to, part->data, part->length);
        to += part->length;
    }
    if (box->tail)
        box->tail->next = entry;
    else
        box->head = entry;
    box->tail = entry;
    box->frames++;
    box->bytes += size;
    return AUV_OK;
}

static int send_entry(struct auvi_outbox *box,
                      const struct auvi_outbox_entry *entry)
{
    struct auvi_frame frame;
    const char *from = (const char *)entry + sizeof(*entry) +
                       entry->part_count * sizeof(entry->parts[0]);

    auvi_frame_init(&frame, (enum auvi_frame_kind)entry->kind);
    frame.flags = entry->flags;
    frame.lane = entry->lane;
    frame.generation = box->base + entry->generation;
    frame.id = entry->id;
    frame.name = from;
    frame.name_length = entry->name_length;
    from += entry->name_length;
    frame.payload = from;
    frame.payload_length = entry->payload_length;
    from += entry->payload_length;
    frame.part_count = entry->part_count;
    for (size_t i = 0; i < entry->part_count; i++) {
        frame.parts[i] = (struct auvi_frame_part){
            .data = from,
            .length = entry->parts[i].length,
            .type = entry->parts[i].type,
            .fd = -1,
        };
        from += entry->parts[i].length;
    }
    return auvi_link_send(box->link, &frame);
}

int auvi_outbox_push(struct auvi_outbox *box, struct auvi_frame *frame)
{
    int rc = check_size(frame);

    if (rc < 0)
        return rc;
    if (box->lost)
        return AUV_ERR_CLOSED;
    if (!box->link || box->head)
        return keep(box, frame);
    frame->generation += box->base;
    rc = auvi_link_send(box->link, frame);
    frame->generation -= box->base;
    if (rc == AUV_ERR_QUEUE_FULL)
        return keep(box, frame);
    if (rc == AUV_OK)
        box->unflushed = true;
    return rc;
}

int auvi_outbox_flush(struct auvi_outbox *box)
{
    if (!box->link)
        return box->lost ? AUV_ERR_CLOSED : 0;
    while (box->head) {
        struct auvi_outbox_entry *entry = box->head;
        int rc = send_entry(box, entry);

        if (rc == AUV_ERR_QUEUE_FULL)
            return 1;
        if (rc < 0)
            return AUV_ERR_CLOSED; /* out of memory or descriptors: give up */
        box->unflushed = true;
        box->head = entry->next;
        if (!box->head)
            box->tail = NULL;
        box->frames--;
        box->bytes -= entry->size;
        free(entry);
    }
    if (box->unflushed) {
        int rc = auvi_link_flush(box->link);

        if (rc != 0)
            return rc;
        box->unflushed = false;
    }
    return 0;
}
