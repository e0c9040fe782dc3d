/*
 * channel_page.c - frames of channels: what the page says, and what it is told.
 * How channels work: channel.c.
 */
#include "core/channel_priv.h"

#include <stdlib.h>
#include <string.h>

static struct auv_channel *find_number(struct auvi_streams *streams,
                                       uint64_t number)
{
    struct auv_channel *channel = streams->channels;

    while (channel && channel->number != number)
        channel = channel->next;
    return number ? channel : NULL;
}

/* ---- from the page ----------------------------------------------------------------------- */

static struct auvi_offer *make_offer(auv_view *view,
                                     const struct auvi_frame *frame)
{
    struct auvi_offer *offer =
        calloc(1, sizeof(*offer) + frame->name_length + 1);

    if (!offer)
        return NULL;
    offer->number = frame->id;
    offer->item.kind = AUVI_ITEM_OFFER;
    offer->item.u.offer = offer;
    offer->item.view = view;
    offer->name_length = frame->name_length;
    memcpy(offer->name, frame->name, frame->name_length);
    return offer;
}

/* streams_lock. *push: an item that is due. */
static int receive_open(auv_view *view, const struct auvi_frame *frame,
                        struct auvi_item **push)
{
    struct auvi_streams *streams = view->streams;
    struct auv_channel *channel;
    struct auvi_offer *offer;

    if (!frame->name_length || frame->id <= streams->last_number ||
        streams->joined >= AUV_CHANNEL_MAX)
        return AUV_ERR_PROTOCOL;
    streams->last_number = frame->id;
    channel = auvi_channel_find(streams, frame->name, frame->name_length, true);
    if (channel) {
        auvi_channel_join(channel, frame->id);
        if (auvi_channel_item_wanted(channel))
            *push = &channel->item;
        return AUV_OK;
    }
    if (*auvi_offer_find(streams, frame->name, frame->name_length, 0))
        return AUV_ERR_PROTOCOL; /* a page has one of a name */
    streams->joined++;
    offer = make_offer(view, frame);
    if (!offer) {
        streams->refused_channels[streams->refused_count++] = frame->id;
        return AUV_OK;
    }
    offer->next = streams->offers;
    streams->offers = offer;
    offer->listed = offer->queued = true;
    auv_view_ref(view);
    *push = &offer->item;
    return AUV_OK;
}

static bool read_digits(const char *text, size_t length, uint64_t *out)
{
    uint64_t value = 0;

    if (!text || !length || length > 12)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = value;
    return true;
}

/* streams_lock. Takes message, but for an error. */
static int receive_data(struct auv_channel *channel, uint64_t cost,
                        struct auv_message *message)
{
    if (cost < AUV_CHANNEL_OVERHEAD || cost > channel->window ||
        channel->held + cost > channel->window ||
        /* It counts characters, we bytes. */
        auvi_message_bytes(message) > cost * 4)
        return AUV_ERR_PROTOCOL;
    channel->held += (size_t)cost;
    message->id = cost;
    if (channel->pull && !channel->in.first)
        channel->readable_due = true;
    auvi_messages_add(&channel->in, message);
    auvi_pressure_add(channel->view, message);
    auvi_channel_wake(channel);
    return AUV_OK;
}

static int receive_credit(struct auv_channel *channel, uint64_t bytes)
{
    if (bytes > channel->used - channel->unsent) /* more than it has got */
        return AUV_ERR_PROTOCOL;
    channel->used -= (size_t)bytes;
    if (channel->room_wanted) {
        channel->room_wanted = false;
        channel->room_due = true;
    }
    auvi_channel_wake(channel);
    return AUV_OK;
}

/* streams_lock. The list's reference becomes the caller's. */
static void receive_close(struct auv_channel *channel, bool failed,
                          struct auv_message **message)
{
    if (auvi_channel_end(channel, AUV_SIDE_PAGE,
                         failed ? AUV_ERR_SCRIPT : AUV_OK, false) &&
        failed) {
        channel->why = *message;
        *message = NULL;
    }
    channel->close_due = channel->open_due = false;
    auvi_channel_leave(channel);
    auvi_channel_unlist(channel);
}

/* streams_lock. Takes *message, unless it is not NULL afterwards. *done: a
 * reference for the caller to let go. */
static int receive_for(struct auv_channel *channel,
                       const struct auvi_frame *frame, uint64_t number,
                       int error, struct auv_message **message,
                       struct auv_channel **done)
{
    if (frame->kind == AUVI_FRAME_CHANNEL_CLOSE) {
        receive_close(channel, frame->flags & AUVI_FRAME_ERROR, message);
        *done = channel;
        return AUV_OK;
    }
    if (frame->kind == AUVI_FRAME_CHANNEL_CREDIT)
        return receive_credit(channel, number);
    if (error < 0) {
        /* One message is missing: it must not go on as if none were. */
        auvi_channel_end(channel, AUV_SIDE_HOST, error, true);
        return AUV_OK;
    }
    if (channel->ended)
        return AUV_OK;
    error = receive_data(channel, number, *message);
    if (error == AUV_OK)
        *message = NULL;
    return error;
}

int auvi_channels_receive(auv_view *view, struct auvi_frame *frame, int error)
{
    struct auvi_streams *streams = view->streams;
    struct auv_channel *channel = NULL, *done = NULL;
    struct auv_message *message = NULL;
    struct auvi_item *push = NULL;
    uint64_t number = 0;
    int result = AUV_OK;

    if (frame->kind == AUVI_FRAME_CHANNEL_DATA
            ? !read_digits(frame->name, frame->name_length, &number)
            : frame->kind == AUVI_FRAME_CHANNEL_CREDIT &&
                  !read_digits(frame->payload, frame->payload_length, &number))
        return AUV_ERR_PROTOCOL;
    if (error == AUV_OK && (frame->kind == AUVI_FRAME_CHANNEL_DATA ||
                            frame->flags & AUVI_FRAME_ERROR))
        error = auvi_message_from_frame(frame, &message);

    auvi_mutex_lock(&view->streams_lock);
    if (!streams->document || frame->generation != streams->document) {
        ; /* of a document that is gone */
    } else if (frame->kind == AUVI_FRAME_CHANNEL_OPEN) {
        result = receive_open(view, frame, &push);
    } else if ((channel = find_number(streams, frame->id))) {
        result = receive_for(channel, frame, number, error, &message, &done);
        if (auvi_channel_item_wanted(channel))
            push = &channel->item;
    } else if (frame->kind == AUVI_FRAME_CHANNEL_CLOSE) {
        struct auvi_offer **offer =
            auvi_offer_find(streams, NULL, 0, frame->id);

        if (*offer)
            auvi_offer_drop(streams, offer);
    }
    auvi_mutex_unlock(&view->streams_lock);
    auv_message_unref(message);
    if (push)
        auvi_streams_push(view, push);
    if (frame->kind != AUVI_FRAME_CHANNEL_CREDIT)
        auvi_send_streams(view, true);
    auv_channel_unref(done);
    return result;
}

/* ---- to the page ---------------------------------------------------------------------------- */

static char *put_digits(char *end, uint64_t value)
{
    *--end = '\0';
    do
        *--end = (char)('0' + value % 10);
    while (value /= 10);
    return end;
}

static int send_number(struct auv_channel *channel, enum auvi_frame_kind kind,
                       uint64_t value)
{
    struct auvi_frame frame;
    char digits[24];

    auvi_frame_init(&frame, kind);
    frame.generation = channel->view->streams->document;
    frame.id = channel->number;
    frame.payload = put_digits(digits + sizeof(digits), value);
    frame.payload_length = strlen(frame.payload);
    return auvi_link_send(channel->view->link, &frame);
}

static int send_messages(struct auv_channel *channel)
{
    struct auv_app *app = channel->view->app;
    struct auvi_frame frame;
    int error;

    while (channel->out.first) {
        auvi_message_to_frame(channel->out.first, &frame);
        frame.generation = channel->view->streams->document;
        frame.id = channel->number;
        error = auvi_link_send(channel->view->link, &frame);
        if (error < 0)
            return error;
        atomic_fetch_add_explicit(&app->sent, 1, memory_order_relaxed);
        channel->unsent -=
            auvi_message_bytes(channel->out.first) + AUV_CHANNEL_OVERHEAD;
        auv_message_unref(auvi_messages_take(&channel->out));
    }
    return AUV_OK;
}

static int send_close(struct auv_channel *channel)
{
    struct auvi_frame frame;

    static const char lost[] =
        "{\"name\":\"Error\",\"message\":\"the host could "
        "not take a message\",\"code\":-16}";

    auvi_frame_init(&frame, AUVI_FRAME_CHANNEL_CLOSE);
    if (channel->why)
        auvi_message_to_frame(channel->why, &frame);
    else if (channel->error < 0) {
        frame.payload = lost;
        frame.payload_length = sizeof(lost) - 1;
    }
    frame.kind = AUVI_FRAME_CHANNEL_CLOSE;
    if (channel->error < 0)
        frame.flags = AUVI_FRAME_ERROR;
    else
        frame.flags = 0;
    frame.generation = channel->view->streams->document;
    frame.id = channel->number;
    return auvi_link_send(channel->view->link, &frame);
}

static int send_due(struct auv_channel *channel)
{
    int error = AUV_OK;

    if (channel->open_due) {
        error = send_number(channel, AUVI_FRAME_CHANNEL_OPEN, channel->window);
        if (error < 0)
            return error;
        channel->open_due = false;
    }
    if (channel->spent && !channel->ended) {
        error = send_number(channel, AUVI_FRAME_CHANNEL_CREDIT, channel->spent);
        if (error < 0)
            return error;
        channel->held -= channel->spent;
        channel->spent = 0;
    }
    error = send_messages(channel);
    if (error == AUV_OK && channel->close_due) {
        error = send_close(channel);
        channel->close_due = error < 0;
    }
    return error;
}

static int send_refused(auv_view *view)
{
    static const char why[] =
        "{\"name\":\"OutOfMemory\",\"message\":\"the host has no memory for a "
        "channel\",\"code\":-2}";
    struct auvi_streams *streams = view->streams;
    struct auvi_frame frame;
    int error;

    while (streams->refused_count) {
        auvi_frame_init(&frame, AUVI_FRAME_CHANNEL_CLOSE);
        frame.flags = AUVI_FRAME_ERROR;
        frame.generation = streams->document;
        frame.id = streams->refused_channels[streams->refused_count - 1];
        frame.payload = why;
        frame.payload_length = sizeof(why) - 1;
        error = auvi_link_send(view->link, &frame);
        if (error < 0)
            return error;
        streams->refused_count--;
        streams->joined--;
    }
    return AUV_OK;
}

int auvi_channels_send(auv_view *view)
{
    struct auv_channel *channel = view->streams->channels, *next;
    int error = send_refused(view);

    if (error < 0)
        return error;

    for (; channel; channel = next) {
        next = channel->next;
        if (channel->number && view->streams->document) {
            error = send_due(channel);
            if (error < 0)
                return error;
        }
        if (channel->ended && !channel->close_due) {
            auvi_channel_leave(channel);
            auvi_channel_unlist(channel);
            /* Not the view's last reference: the sender has one. */
            auv_channel_unref(channel);
        }
    }
    return AUV_OK;
}
