/*
 * message.h - a message in memory, and the envelope it travels in.
 *
 * One heap block: the struct, the part table, the name, the text and the parts.
 * Very large contents, and what came so, are sealed memfds, mapped when somebody
 * looks. What was
 * copied out of a link, or out of the caller's arguments, is never written
 * again: a message is immutable but for its envelope, which belongs to whoever
 * holds the message while it travels.
 */
#ifndef AUVI_MESSAGE_H
#define AUVI_MESSAGE_H

#include "auroraview/view.h"
#include "wire/frame.h"

#include <stdatomic.h>

struct auvi_message_part {
    const void *data; /* inline bytes; NULL when in fd */
    size_t length;
    auv_part_type type;
    int fd;
    _Atomic(const void *) mapped; /* fd, once somebody looked */
};

struct auv_message {
    _Atomic uint32_t refs;
    size_t size; /* of the block */

    /* envelope of an outgoing message */
    uint8_t kind, flags;
    uint32_t generation; /* REPLY: document that asked */
    uint32_t navigation; /* EVENT, EVAL: not for a document older than this */
    uint64_t id;
    auv_view *view; /* a reference */
    struct auv_message *next;
    struct auvi_slot *slot; /* this is the token of that slot (send.c) */

    const char *name;
    size_t name_length;
    /* The text is part number -1, so to speak: inline or in a memfd. */
    const char *json;
    size_t json_length;
    int json_fd;
    _Atomic(const char *) json_mapped;
    size_t part_count;
    struct auvi_message_part parts[]; /* then name, json, inline parts */
};

/* Copy the caller's arguments. AUV_ERR_ARG, _TOO_LARGE, _NOMEM, _SYSTEM. */
int auvi_message_create(const char *name, size_t name_length, const char *json,
                        size_t json_length, const auv_part *parts,
                        size_t part_count, struct auv_message **out);

/* Copy a frame out of its link; takes the frame's descriptors on success. */
int auvi_message_from_frame(struct auvi_frame *frame, struct auv_message **out);

/* The message as a frame that borrows everything from it. */
void auvi_message_to_frame(const struct auv_message *message,
                           struct auvi_frame *out);

/* An application begins, or ends: while there is one, the memory of a large
 * message is kept for the next. */
void auvi_message_keep_memory(bool keep);

/* {"name":…,"message":…,"code":…[,"data":…]} as a page's Error is made of. */
int auvi_message_create_error(const char *name, const char *text, int code,
                              const char *data_json, struct auv_message **out);

#endif /* AUVI_MESSAGE_H */
