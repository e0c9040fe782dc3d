#include "engine/remote/channel.h"

#include "base/base.h"

#include <stdlib.h>
#include <string.h>

/* A peer that reads nothing may make us keep so much. */
#define KEPT_MAX ((size_t)10000)
#define KEPT_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* A message that the peer did not take yet. */
struct kept {
    struct kept *next;
    size_t size;
    struct auvi_control control; /* its texts lie behind */
    char bytes[];
};

struct auvi_channel {
    struct auvi_link *link;
    struct kept *kept, **kept_tail;
    size_t kept_count, kept_bytes;
    struct auvi_frame received;
    const void *mapped[AUV_MAX_PARTS]; /* texts that came as memfds */
    size_t mapped_length[AUV_MAX_PARTS];
};

void auvi_control_init(struct auvi_control *control, enum auvi_control_op op,
                       uint32_t view)
{
    control->op = op;
    control->view = view;
    control->generation = 0;
    memset(control->value, 0, sizeof(control->value));
    control->text_count = 0;
    control->fd = -1;
}

void auvi_control_add_text(struct auvi_control *control, const char *text,
                           size_t length)
{
    if (control->text_count == AUV_MAX_PARTS)
        return;
    control->text[control->text_count].data = text;
    control->text[control->text_count++].length = length;
}

char *auvi_control_text(const struct auvi_control *control, size_t index)
{
    char *copy;

    if (index >= control->text_count)
        return NULL;
    copy = malloc(control->text[index].length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, control->text[index].data, control->text[index].length);
    copy[control->text[index].length] = '\0';
    return copy;
}

struct auvi_channel *auvi_channel_create(struct auvi_link *link)
{
    struct auvi_channel *channel = calloc(1, sizeof(*channel));

    if (!channel) {
        auvi_link_close(link);
        return NULL;
    }
    channel->link = link;
    channel->kept_tail = &channel->kept;
    auvi_frame_init(&channel->received, AUVI_FRAME_CONTROL);
    return channel;
}

static void release_received(struct auvi_channel *channel)
{
    for (size_t i = 0; i < AUV_MAX_PARTS; i++) {
        if (channel->mapped[i])
            auvi_shm_unmap(channel->mapped[i], channel->mapped_length[i]);
        channel->mapped[i] = NULL;
    }
    auvi_frame_release(&channel->received);
}

static void unkeep(struct auvi_channel *channel, struct kept **at)
{
    struct kept *kept = *at;

    *at = kept->next;
    if (!*at)
        channel->kept_tail = at;
    channel->kept_count--;
    channel->kept_bytes -= kept->size;
    auvi_fd_close(kept->control.fd);
    free(kept);
}

void auvi_channel_destroy(struct auvi_channel *channel)
{
    if (!channel)
        return;
    while (channel->kept)
        unkeep(channel, &channel->kept);
    release_received(channel);
    auvi_link_close(channel->link);
    free(channel);
}

int auvi_channel_fd(const struct auvi_channel *channel)
{
    return auvi_link_fd(channel->link);
}

static int send_now(struct auvi_channel *channel,
                    const struct auvi_control *control)
{
    struct auvi_frame frame;
    int error;

    auvi_frame_init(&frame, AUVI_FRAME_CONTROL);
    frame.kind = (uint8_t)(AUVI_FRAME_CONTROL + (unsigned)control->op);
    frame.id = control->view;
    frame.generation = control->generation;
    frame.payload = (const char *)control->value;
    frame.payload_length = sizeof(control->value);
    frame.raw_fd = control->fd;
    frame.part_count = control->text_count;
    for (size_t i = 0; i < control->text_count; i++)
        frame.parts[i] = (struct auvi_frame_part){control->text[i].data,
                                                  control->text[i].length,
                                                  AUV_PART_BUFFER, -1};
    error = auvi_link_send(channel->link, &frame);
    if (error < 0)
        return error;
    /* A full socket keeps the packet in the link; flush goes on with it. */
    error = auvi_link_flush(channel->link);
    return error < 0 ? error : AUV_OK;
}

/* Only the latest of these matters. */
static bool is_state(const struct auvi_control *control)
{
    switch (control->op) {
    case AUVI_CONTROL_SET_TITLE:
    case AUVI_CONTROL_SET_BOUNDS:
    case AUVI_CONTROL_SET_VISIBLE:
    case AUVI_CONTROL_SET_PARENT:
    case AUVI_CONTROL_SET_FOCUS:
    case AUVI_CONTROL_SET_INPUT:
        return true;
    case AUVI_CONTROL_EVENT:
        return control->value[0] == AUV_EVENT_TITLE ||
               control->value[0] == AUV_EVENT_URL ||
               control->value[0] == AUV_EVENT_PROGRESS ||
               control->value[0] == AUV_EVENT_RESIZED ||
               control->value[0] == AUV_EVENT_MOVED;
    default:
        return false;
    }
}

/* The new one goes to the end, not into the old one's place: what lies between,
 * such as another parent, comes before it. */
static void drop_superseded(struct auvi_channel *channel,
                            const struct auvi_control *control)
{
    struct kept **at = &channel->kept;

    if (!is_state(control))
        return;
    for (; *at; at = &(*at)->next) {
        const struct auvi_control *old = &(*at)->control;

        if (old->op == control->op && old->view == control->view &&
            (old->op != AUVI_CONTROL_EVENT ||
             old->value[0] == control->value[0])) {
            unkeep(channel, at);
            return; /* there is never a second one */
        }
    }
}

static int keep(struct auvi_channel *channel,
                const struct auvi_control *control)
{
    size_t size = 0;
    struct kept *kept;
    char *bytes;

    for (size_t i = 0; i < control->text_count; i++)
        size += control->text[i].length;
    kept = malloc(sizeof(*kept) + size);
    if (!kept)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for an order");
    drop_superseded(channel, control);
    kept->next = NULL;
    kept->size = sizeof(*kept) + size;
    kept->control = *control;
    bytes = kept->bytes;
    for (size_t i = 0; i < control->text_count; i++) {
        if (control->text[i].length)
            memcpy(bytes, control->text[i].data, control->text[i].length);
        kept->control.text[i].data = bytes;
        bytes += control->text[i].length;
    }
    *channel->kept_tail = kept;
    channel->kept_tail = &kept->next;
    channel->kept_count++;
    channel->kept_bytes += kept->size;
    return AUV_OK;
}

int auvi_channel_send(struct auvi_channel *channel,
                      const struct auvi_control *control)
{
    int error = AUV_ERR_QUEUE_FULL;

    if (!channel->kept)
        error = send_now(channel, control);
    if (error == AUV_ERR_QUEUE_FULL) {
        error = keep(channel, control);
        if (error == AUV_OK)
            return AUV_OK; /* the descriptor is kept with it */
    }
    auvi_fd_close(control->fd);
    return error;
}

bool auvi_channel_is_blocked(const struct auvi_channel *channel)
{
    return channel->kept != NULL || auvi_link_flush(channel->link) == 1;
}

bool auvi_channel_is_full(const struct auvi_channel *channel)
{
    return channel->kept_count >= KEPT_MAX ||
           channel->kept_bytes >= KEPT_BYTES_MAX;
}

int auvi_channel_flush(struct auvi_channel *channel)
{
    int error = auvi_link_flush(channel->link);

    while (error == 0 && channel->kept) {
        error = send_now(channel, &channel->kept->control);
        if (error < 0)
            break;
        unkeep(channel, &channel->kept);
    }
    return error == AUV_ERR_QUEUE_FULL ? 1 : error;
}

int auvi_channel_receive(struct auvi_channel *channel, struct auvi_control *out)
{
    struct auvi_frame *frame = &channel->received;
    int got;

    release_received(channel);
    got = auvi_link_receive(channel->link, frame);
    if (got != 1)
        return got;
    if (frame->kind < AUVI_FRAME_CONTROL ||
        frame->payload_length != sizeof(out->value) || !frame->payload)
        return AUV_ERR_PROTOCOL;
    auvi_control_init(out,
                      (enum auvi_control_op)(frame->kind - AUVI_FRAME_CONTROL),
                      (uint32_t)frame->id);
    out->generation = frame->generation;
    memcpy(out->value, frame->payload, sizeof(out->value));
    for (size_t i = 0; i < frame->part_count; i++) {
        const void *data = frame->parts[i].data;
        size_t length = frame->parts[i].length;

        if (frame->parts[i].fd >= 0) {
            data = auvi_shm_map(frame->parts[i].fd, length);
            if (!data)
                return AUV_ERR_SYSTEM;
            channel->mapped[i] = data;
            channel->mapped_length[i] = length;
        }
        auvi_control_add_text(out, data, length);
    }
    out->fd = frame->raw_fd;
    frame->raw_fd = -1;
    return 1;
}

bool auvi_channel_has_more(const struct auvi_channel *channel)
{
    return auvi_link_has_more(channel->link);
}
