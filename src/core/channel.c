/*
 * channel.c - streams between host and page. Contract in auroraview/channel.h.
 *
 *     waiting --> joined --> ended --> (told) --> forgotten
 *        |                    ^
 *        +--------------------+
 *
 * The host joins: a page says "I have opened number n, its name is x"
 * (CHANNEL_OPEN), and the host answers with the window when it has an end of
 * that name, now or later. Until then n is an offer. All other frames carry n.
 * A number is used once in a document, so a frame for a channel that has ended
 * meets nobody, and is ignored.
 *
 * Each message has a cost. Sender: `used` grows by it when the message is
 * accepted, and shrinks by the CREDIT that the reader gives back. Reader:
 * `held` grows when a message comes and shrinks when credit is sent. Neither
 * may pass the window, so both sides' memory is bounded; a page that passes it
 * breaks the protocol.
 *
 * Who has ended the channel first decides what is told. The end has two parts:
 * the host's own CLOSED event, behind the messages that have come before it, and
 * the CLOSE frame, behind the messages that were sent before it. The channel is
 * listed until the frame is out.
 *
 * Lock: streams_lock of the view, for everything but the references.
 */
#include "core/channel_priv.h"

#include <stdlib.h>
#include <string.h>

static void list_init(struct message_list *list)
{
    list->first = NULL;
    list->last = &list->first;
}

void auvi_messages_add(struct message_list *list, struct auv_message *message)
{
    message->next = NULL;
    *list->last = message;
    list->last = &message->next;
}

struct auv_message *auvi_messages_take(struct message_list *list)
{
    struct auv_message *message = list->first;

    if (message) {
        list->first = message->next;
        if (!list->first)
            list->last = &list->first;
    }
    return message;
}

static void list_free(struct message_list *list)
{
    struct auv_message *message;

    while ((message = auvi_messages_take(list)))
        auv_message_unref(message);
}

size_t auvi_message_bytes(const struct auv_message *message)
{
    size_t bytes = message->json_length;

    for (size_t i = 0; i < message->part_count; i++)
        bytes += message->parts[i].length;
    return bytes;
}

/* It no longer counts as what the page makes us hold. */
static struct auv_message *take_in(struct auv_channel *channel)
{
    struct auv_message *message = auvi_messages_take(&channel->in);

    if (message)
        auvi_pressure_remove(channel->view, message);
    return message;
}

static void drop_in(struct auv_channel *channel)
{
    struct auv_message *message;

    while ((message = take_in(channel)))
        auv_message_unref(message);
}

/* ---- references --------------------------------------------------------------- */

auv_channel *auv_channel_ref(auv_channel *channel)
{
    atomic_fetch_add_explicit(&channel->refs, 1, memory_order_relaxed);
    return channel;
}

void auv_channel_unref(auv_channel *channel)
{
    auv_view *view;

    /* As auv_message_unref(). */
    if (!channel ||
        atomic_fetch_sub_explicit(&channel->refs, 1, memory_order_acq_rel) != 1)
        return;
    view = channel->view;
    drop_in(channel);
    list_free(&channel->out);
    auv_message_unref(channel->why);
    free(channel);
    auv_view_unref(view);
}

/* ---- what changes (streams_lock) ------------------------------------------------ */

void auvi_channel_wake(struct auv_channel *channel)
{
    if (!channel->waiters)
        return;
    atomic_fetch_add_explicit(&channel->futex, 1, memory_order_release);
    auvi_futex_wake_all(&channel->futex);
}

/* There is an event for the host. */
static bool has_event(const struct auv_channel *channel)
{
    if (channel->told_closed)
        return false;
    return (channel->number && !channel->told_open) ||
           (channel->in.first && !channel->pull) || channel->readable_due ||
           channel->room_due || channel->ended;
}

/* True: the caller pushes the item, without the lock. */
bool auvi_channel_item_wanted(struct auv_channel *channel)
{
    if (channel->item_queued || !has_event(channel))
        return false;
    channel->item_queued = true;
    auv_channel_ref(channel);
    return true;
}

void auvi_channel_unlist(struct auv_channel *channel)
{
    struct auvi_streams *streams = channel->view->streams;
    struct auv_channel **at = &streams->channels;

    if (!channel->listed)
        return;
    while (*at != channel)
        at = &(*at)->next;
    *at = channel->next;
    channel->listed = false;
}

void auvi_channel_leave(struct auv_channel *channel)
{
    if (channel->number)
        channel->view->streams->joined--;
    channel->number = 0;
}

void auvi_channel_join(struct auv_channel *channel, uint64_t number)
{
    channel->number = number;
    channel->open_due = true;
    channel->view->streams->joined++;
}

/* First reason wins. With `tell` the page is told, behind what was sent. True:
 * this call has ended it. */
bool auvi_channel_end(struct auv_channel *channel, auv_side by, int error,
                      bool tell)
{
    if (channel->ended)
        return false;
    channel->ended = true;
    channel->by = by;
    channel->error = error;
    channel->close_due = tell && channel->number;
    auvi_channel_wake(channel);
    return true;
}

struct auv_channel *auvi_channel_find(struct auvi_streams *streams,
                                      const char *name, size_t length,
                                      bool waiting)
{
    struct auv_channel *channel = streams->channels;

    while (channel && (channel->ended || (waiting && channel->number) ||
                       channel->name_length != length ||
                       memcmp(channel->name, name, length) != 0))
        channel = channel->next;
    return channel;
}

struct auvi_offer **auvi_offer_find(struct auvi_streams *streams,
                                    const char *name, size_t length,
                                    uint64_t number)
{
    struct auvi_offer **at = &streams->offers;

    while (*at && (name ? (*at)->name_length != length ||
                              memcmp((*at)->name, name, length) != 0
                        : (*at)->number != number))
        at = &(*at)->next;
    return at;
}

void auvi_offer_drop(struct auvi_streams *streams, struct auvi_offer **at)
{
    struct auvi_offer *offer = *at;

    *at = offer->next;
    offer->listed = false;
    streams->joined--;
    if (!offer->queued)
        free(offer);
}

/* ---- opening --------------------------------------------------------------------- */

static int check_options(auv_view *view, const char *name, size_t *length,
                         const auv_channel_options *given,
                         auv_channel_options *options)
{
    *options = (auv_channel_options)AUV_CHANNEL_OPTIONS_INIT;
    if (given)
        memcpy(options, given,
               given->size < sizeof(*options) ? given->size : sizeof(*options));
    if (!options->window)
        options->window = AUV_CHANNEL_WINDOW;
    if (!view || !name || (given && !given->size))
        return auvi_fail(AUV_ERR_ARG, "view or name is NULL, or size is 0");
    if (*length == AUV_NUL_TERMINATED)
        *length = strlen(name);
    if (!*length || options->window > AUV_CHANNEL_WINDOW_MAX ||
        options->window <= AUV_CHANNEL_OVERHEAD)
        return auvi_fail(AUV_ERR_ARG, "the name is empty, or no such window");
    if (*length > AUV_MAX_NAME)
        return auvi_fail(AUV_ERR_TOO_LARGE, "a name has %zu bytes, limit %zu",
                         *length, AUV_MAX_NAME);
    return AUV_OK;
}

int auv_channel_open(auv_view *view, const char *name, size_t name_length,
                     const auv_channel_options *given, auv_channel **out)
{
    struct auvi_offer **offer;
    auv_channel_options options;
    struct auvi_streams *streams;
    struct auv_channel *channel;
    bool closed, taken, push = false;
    int error = check_options(view, name, &name_length, given, &options);

    if (error < 0)
        return error;
    if (!out)
        return auvi_fail(AUV_ERR_ARG, "out is NULL");
    channel = calloc(1, sizeof(*channel) + name_length + 1);
    if (!channel)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a channel");
    atomic_init(&channel->refs, 1);
    channel->view = auv_view_ref(view);
    channel->window = options.window;
    channel->pull = options.pull;
    channel->fn = options.fn;
    channel->user = options.user;
    list_init(&channel->in);
    list_init(&channel->out);
    channel->item.kind = AUVI_ITEM_CHANNEL;
    channel->item.u.channel = channel;
    channel->name_length = name_length;
    memcpy(channel->name, name, name_length);

    streams = view->streams;
    auvi_mutex_lock(&view->streams_lock);
    closed = streams->closed || auvi_lifecycle_is_closing(&view->lifecycle);
    taken = auvi_channel_find(streams, name, name_length, false) != NULL;
    if (!closed && !taken) {
        channel->free_user = options.free_user;
        channel->next = streams->channels;
        streams->channels = auv_channel_ref(channel);
        channel->listed = true;
        offer = auvi_offer_find(streams, name, name_length, 0);
        if (*offer) {
            auvi_channel_join(channel, (*offer)->number);
            auvi_offer_drop(streams, offer);
            push = auvi_channel_item_wanted(channel);
        }
    }
    auvi_mutex_unlock(&view->streams_lock);
    if (closed || taken) {
        auv_channel_unref(channel);
        return closed
                   ? auvi_fail(AUV_ERR_CLOSED, "the view is closing or closed")
                   : auvi_fail(AUV_ERR_STATE, "a channel of that name is open");
    }
    if (push) {
        auvi_streams_push(view, &channel->item);
        auvi_send_streams(view, false);
    }
    *out = channel;
    return AUV_OK;
}

/* ---- sending ----------------------------------------------------------------------- */

static int ended_error(void)
{
    return auvi_fail(AUV_ERR_CLOSED, "the channel has ended");
}

static int64_t deadline_of(int64_t timeout_ms)
{
    if (timeout_ms < 0 || timeout_ms > INT64_MAX / 4000)
        return INT64_MAX;
    return auvi_clock_us() + timeout_ms * 1000;
}

/* Sleep until `ready`, with streams_lock held before and after. As in send.c
 * the link thread reads and writes meanwhile. AUV_OK, AUV_ERR_TIMEOUT. */
static int wait_until(struct auv_channel *channel, size_t cost,
                      bool (*ready)(const struct auv_channel *channel,
                                    size_t cost),
                      int64_t deadline_us)
{
    struct auv_app *app = channel->view->app;
    bool waited = false;
    int error = AUV_OK;

    while (!ready(channel, cost)) {
        uint32_t seen =
            atomic_load_explicit(&channel->futex, memory_order_acquire);
        int64_t left =
            deadline_us == INT64_MAX ? -1 : deadline_us - auvi_clock_us();

        if (deadline_us != INT64_MAX && left <= 0) {
            error = AUV_ERR_TIMEOUT;
            break;
        }
        channel->waiters++;
        auvi_mutex_unlock(&channel->view->streams_lock);
        if (!waited) {
            waited = true;
            atomic_fetch_add(&app->sync_waiters, 1);
            auvi_app_wake_link_thread(app);
        }
        auvi_futex_wait(&channel->futex, seen, left);
        auvi_mutex_lock(&channel->view->streams_lock);
        channel->waiters--;
    }
    if (waited && atomic_fetch_sub_explicit(&app->sync_waiters, 1,
                                            memory_order_acq_rel) == 1)
        auvi_app_wake_link_thread(app);
    return error;
}

static bool has_credit(const struct auv_channel *channel, size_t cost)
{
    return channel->ended || channel->used + cost <= channel->window;
}

static int channel_send(struct auv_channel *channel, const char *json,
                        size_t json_length, const auv_part *parts,
                        size_t part_count, const int64_t *timeout_ms)
{
    struct auv_message *message;
    int64_t deadline_us = timeout_ms ? deadline_of(*timeout_ms) : 0;
    size_t cost;
    int error;

    if (!channel)
        return auvi_fail(AUV_ERR_ARG, "channel is NULL");
    error = auvi_message_create("", 0, json, json_length, parts, part_count,
                                &message);
    if (error < 0)
        return error;
    message->kind = AUVI_FRAME_CHANNEL_DATA;
    cost = auvi_message_bytes(message) + AUV_CHANNEL_OVERHEAD;
    if (cost > channel->window) {
        auv_message_unref(message);
        return auvi_fail(AUV_ERR_TOO_LARGE,
                         "the message costs %zu bytes of a window of %zu", cost,
                         channel->window);
    }
    auvi_mutex_lock(&channel->view->streams_lock);
    if (timeout_ms)
        error = wait_until(channel, cost, has_credit, deadline_us);
    if (channel->ended) {
        error = AUV_ERR_CLOSED;
    } else if (error == AUV_OK && !has_credit(channel, cost)) {
        channel->room_wanted = true;
        error = AUV_ERR_QUEUE_FULL;
    } else if (error == AUV_OK) {
        channel->used += cost;
        channel->unsent += cost;
        auvi_messages_add(&channel->out, message);
    }
    auvi_mutex_unlock(&channel->view->streams_lock);
    if (error < 0) {
        auv_message_unref(message);
        if (error == AUV_ERR_CLOSED)
            return ended_error();
        return auvi_fail(error, "the page has not used up what was sent");
    }
    auvi_send_streams(channel->view, false);
    return AUV_OK;
}

int auv_channel_send(auv_channel *channel, const char *json, size_t json_length,
                     const auv_part *parts, size_t part_count)
{
    return channel_send(channel, json, json_length, parts, part_count, NULL);
}

int auv_channel_send_wait(auv_channel *channel, const char *json,
                          size_t json_length, const auv_part *parts,
                          size_t part_count, int64_t timeout_ms)
{
    return channel_send(channel, json, json_length, parts, part_count,
                        &timeout_ms);
}

/* ---- receiving ----------------------------------------------------------------------- */

/* streams_lock. Bytes are used up; in portions, for each costs a frame. */
static bool spend(struct auv_channel *channel, size_t cost)
{
    channel->spent += cost;
    return channel->number &&
           (!channel->in.first || channel->spent >= channel->window / 4);
}

static bool has_message(const struct auv_channel *channel, size_t cost)
{
    (void)cost;
    return channel->in.first || channel->ended;
}

int auv_channel_receive(auv_channel *channel, int64_t timeout_ms,
                        auv_message **out)
{
    struct auv_message *message;
    bool returned = false;
    int error;

    if (!channel || !out)
        return auvi_fail(AUV_ERR_ARG, "channel or out is NULL");
    if (!channel->pull)
        return auvi_fail(AUV_ERR_STATE, "its messages go to its function");
    auvi_mutex_lock(&channel->view->streams_lock);
    error = wait_until(channel, 0, has_message, deadline_of(timeout_ms));
    message = take_in(channel);
    if (message) {
        channel->readable_due = false;
        returned = spend(channel, (size_t)message->id);
    }
    auvi_mutex_unlock(&channel->view->streams_lock);
    if (returned)
        auvi_send_streams(channel->view, false);
    *out = message;
    if (message)
        return AUV_OK;
    return error == AUV_ERR_TIMEOUT
               ? auvi_fail(error, "no message has come in time")
               : ended_error();
}

/* ---- ending ---------------------------------------------------------------------------- */

static int end_here(struct auv_channel *channel, int error,
                    struct auv_message *why)
{
    bool won, push, forgotten = false;

    auvi_mutex_lock(&channel->view->streams_lock);
    won = auvi_channel_end(channel, AUV_SIDE_HOST, error, true);
    if (won) {
        channel->why = why;
        channel->readable_due = channel->room_due = false;
        drop_in(channel);
        forgotten = channel->listed && !channel->number;
        if (forgotten) /* no page has to hear of it */
            auvi_channel_unlist(channel);
    }
    push = auvi_channel_item_wanted(channel);
    auvi_mutex_unlock(&channel->view->streams_lock);
    if (!won)
        auv_message_unref(why);
    if (push)
        auvi_streams_push(channel->view, &channel->item);
    if (won)
        auvi_send_streams(channel->view, false);
    if (forgotten)
        auv_channel_unref(channel);
    return won;
}

int auv_channel_close(auv_channel *channel)
{
    if (!channel)
        return auvi_fail(AUV_ERR_ARG, "channel is NULL");
    return end_here(channel, AUV_OK, NULL);
}

int auv_channel_fail(auv_channel *channel, const char *name, const char *text,
                     int code)
{
    struct auv_message *why;
    int error;

    if (!channel)
        return auvi_fail(AUV_ERR_ARG, "channel is NULL");
    error = auvi_message_create_error(name && *name ? name : "Error",
                                      text ? text : "", code, NULL, &why);
    return error < 0 ? error : end_here(channel, AUV_ERR_CANCELLED, why);
}

void auvi_channels_gone(auv_view *view, int error, bool all)
{
    struct auvi_streams *streams = view->streams;

    for (;;) {
        struct auv_channel *channel;
        bool push;

        auvi_mutex_lock(&view->streams_lock);
        while (streams->offers)
            auvi_offer_drop(streams, &streams->offers);
        streams->joined -= streams->refused_count;
        streams->refused_count = 0;
        channel = streams->channels;
        while (channel && !channel->number && !(all || channel->ended))
            channel = channel->next;
        if (!channel) {
            auvi_mutex_unlock(&view->streams_lock);
            return;
        }
        auvi_channel_end(channel, AUV_SIDE_NONE, error, false);
        channel->close_due = channel->open_due = false;
        auvi_channel_leave(channel);
        auvi_channel_unlist(channel); /* its reference is ours now */
        push = auvi_channel_item_wanted(channel);
        auvi_mutex_unlock(&view->streams_lock);
        if (push)
            auvi_streams_push(view, &channel->item);
        auv_channel_unref(channel);
    }
}

/* ---- telling the host ------------------------------------------------------------------- */

/* streams_lock. The next event, false if there is none. */
static bool next_event(struct auv_channel *channel, auv_channel_event *event,
                       struct auv_message **message)
{
    *message = NULL;
    if (channel->told_closed)
        return false;
    if (!channel->told_open && (channel->number || channel->in.first)) {
        channel->told_open = true;
        event->kind = AUV_CHANNEL_OPENED;
    } else if (!channel->pull && channel->in.first) {
        *message = take_in(channel);
        event->kind = AUV_CHANNEL_MESSAGE;
    } else if (channel->readable_due) {
        channel->readable_due = false;
        event->kind = AUV_CHANNEL_READABLE;
    } else if (channel->room_due && !channel->ended) {
        channel->room_due = false;
        event->kind = AUV_CHANNEL_WRITABLE;
    } else if (channel->ended) {
        channel->told_closed = true;
        event->kind = AUV_CHANNEL_CLOSED;
        event->by = channel->by;
        event->error = channel->error;
        if (channel->why)
            *message = auv_message_ref(channel->why);
    } else {
        return false;
    }
    event->message = *message;
    return true;
}

void auvi_channel_dispatch(struct auv_channel *channel)
{
    auv_channel_event event = {.size = sizeof(event)};
    struct auv_message *message;
    auv_view *view = channel->view;
    size_t cost;
    bool some, returned = false, more;

    auvi_mutex_lock(&view->streams_lock);
    some = next_event(channel, &event, &message);
    auvi_mutex_unlock(&view->streams_lock);
    if (some && channel->fn)
        channel->fn(channel, &event, channel->user);
    cost = message ? (size_t)message->id : 0;
    auv_message_unref(message);
    if (some && event.kind == AUV_CHANNEL_CLOSED && channel->free_user) {
        channel->free_user(channel->user);
        channel->free_user = NULL;
    }
    auvi_mutex_lock(&view->streams_lock);
    if (event.kind == AUV_CHANNEL_MESSAGE)
        returned = spend(channel, cost);
    channel->item_queued = false;
    more = auvi_channel_item_wanted(channel);
    auvi_mutex_unlock(&view->streams_lock);
    if (returned) {
        auvi_send_streams(view, true);
        view->app->replies_deferred = true;
    }
    if (more)
        auvi_streams_push(view, &channel->item);
    auv_channel_unref(channel);
}

void auvi_channel_discard(struct auv_channel *channel)
{
    /* Nobody hears of anything any more. */
    if (channel->free_user)
        channel->free_user(channel->user);
    channel->free_user = NULL;
    auv_channel_unref(channel);
}

void auvi_offer_dispatch(struct auvi_offer *offer)
{
    auv_view *view = offer->item.view;
    bool listed;

    auvi_mutex_lock(&view->streams_lock);
    listed = offer->listed;
    auvi_mutex_unlock(&view->streams_lock);
    if (listed) /* else somebody has opened it, or the page has gone */
        auvi_handlers_offer(view, offer->name, offer->name_length);
    auvi_offer_discard(offer);
}

void auvi_offer_discard(struct auvi_offer *offer)
{
    auv_view *view = offer->item.view;
    bool listed;

    auvi_mutex_lock(&view->streams_lock);
    offer->queued = false;
    listed = offer->listed;
    auvi_mutex_unlock(&view->streams_lock);
    if (!listed)
        free(offer);
    auv_view_unref(view);
}

void auvi_channels_free(struct auvi_streams *streams)
{
    /* Channels hold the view, so there are none. */
    while (streams->offers)
        auvi_offer_drop(streams, &streams->offers);
}

/* ---- small things ------------------------------------------------------------------------------ */

const char *auv_channel_name(const auv_channel *channel, size_t *length_out)
{
    if (length_out)
        *length_out = channel->name_length;
    return channel->name;
}

bool auv_channel_is_closed(const auv_channel *channel)
{
    bool ended;

    auvi_mutex_lock(&channel->view->streams_lock);
    ended = channel->ended;
    auvi_mutex_unlock(&channel->view->streams_lock);
    return ended;
}

void auv_channel_pending(const auv_channel *channel, size_t *sent_out,
                         size_t *received_out)
{
    auvi_mutex_lock(&channel->view->streams_lock);
    if (sent_out)
        *sent_out = channel->used;
    if (received_out)
        *received_out = channel->held;
    auvi_mutex_unlock(&channel->view->streams_lock);
}

int auv_channel_result(const auv_channel *channel, auv_side *by_out,
                       int *error_out, auv_message **why_out)
{
    bool ended;

    if (!channel)
        return auvi_fail(AUV_ERR_ARG, "channel is NULL");
    auvi_mutex_lock(&channel->view->streams_lock);
    ended = channel->ended;
    if (ended && by_out)
        *by_out = channel->by;
    if (ended && error_out)
        *error_out = channel->error;
    if (ended && why_out)
        *why_out = channel->why ? auv_message_ref(channel->why) : NULL;
    auvi_mutex_unlock(&channel->view->streams_lock);
    return ended;
}
