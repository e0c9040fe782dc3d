/*
 * send.c - from the outbox to the pages.
 *
 * Any thread accepts a message into the outbox. One thread at a time is the
 * sender: the consumer, right behind the handlers whose answers it has, or the
 * link thread for everything else. A thread that finds the lock taken wakes
 * the link thread, which looks again; the holder itself looks again before it
 * lets go. So an accepted message always has somebody who will come for it:
 *
 *   pusher got 1 (outbox was empty, sender asleep) -> it wakes the link thread,
 *                                                     or flushes by itself
 *   pusher got 0 -> a sender is between pop and prepare_sleep, and will see it
 *
 * A message that cannot go yet (its document is still loading, its page does
 * not read) is held with its view, in order, and counted in the backlog.
 */
#include "core/core.h"

#include <stdlib.h>

int auvi_send(auv_view *view, struct auv_message *message, bool defer)
{
    struct auv_app *app = view->app;
    bool reply = message->kind == AUVI_FRAME_REPLY;
    uint32_t backlog;
    int pushed;

    backlog =
        atomic_fetch_add_explicit(&view->backlog, 1, memory_order_relaxed);
    if (backlog >= app->capacity && !reply) {
        pushed = AUV_ERR_QUEUE_FULL;
    } else {
        message->navigation =
            atomic_load_explicit(&view->navigation, memory_order_relaxed);
        message->view = auv_view_ref(view);
        /* One lane for all kinds: what a handler emits before it answers must
         * reach the page before the answer. */
        pushed = auvi_queue_push(app->outbox, AUVI_NORMAL, message);
        if (pushed == AUV_ERR_QUEUE_FULL && reply)
            pushed = auvi_queue_push_reserved(app->outbox, message);
    }
    if (pushed < 0) {
        atomic_fetch_sub_explicit(&view->backlog, 1, memory_order_relaxed);
        if (message->view) {
            message->view = NULL;
            auv_view_unref(view);
        }
        return pushed == AUV_ERR_QUEUE_FULL
                   ? auvi_fail(pushed, "%zu messages wait for this view",
                               (size_t)backlog)
                   : auvi_fail(pushed, "the application is closing");
    }
    if (defer)
        app->replies_deferred = true;
    else if (pushed == 1)
        auvi_app_wake_link_thread(app);
    return AUV_OK;
}

/* The message has left the backlog, sent or not. */
static void message_done(struct auv_message *message)
{
    atomic_fetch_sub_explicit(&message->view->backlog, 1, memory_order_relaxed);
    auv_message_unref(message);
}

static void message_drop(struct auv_message *message)
{
    struct auv_app *app = message->view->app;
    struct auvi_request request;

    atomic_fetch_add_explicit(&app->dropped, 1, memory_order_relaxed);
    if (message->kind == AUVI_FRAME_EVAL &&
        auvi_requests_take(app->requests, message->id, &request))
        auvi_request_end(app, &request, auvi_view_loss(message->view), NULL);
    message_done(message);
}

static void hold(auv_view *view, struct auv_message *message)
{
    message->next = NULL;
    *view->held_tail = message;
    view->held_tail = &message->next;
}

enum fate {
    FATE_SEND,
    FATE_HOLD,
    FATE_DROP
};

static enum fate message_fate(const auv_view *view,
                              const struct auv_message *message)
{
    uint32_t document =
        atomic_load_explicit(&view->document, memory_order_acquire);
    uint32_t answers =
        atomic_load_explicit(&view->document_navigation, memory_order_relaxed);

    if (auvi_lifecycle_is_destroyed(&view->lifecycle))
        return FATE_DROP;
    if (message->kind == AUVI_FRAME_CANCEL) /* a page that is gone forgot it */
        return view->link && document ? FATE_SEND : FATE_DROP;
    if (message->kind == AUVI_FRAME_REPLY)
        return view->link && document == message->generation ? FATE_SEND
                                                             : FATE_DROP;
    /* Numbers of navigations wrap: compare by difference. */
    if (view->link && document && (int32_t)(answers - message->navigation) >= 0)
        return FATE_SEND;
    return FATE_HOLD;
}

/* send_lock. Room for one more id: of those that are there many have ended. */
static bool sent_evals_have_room(auv_view *view)
{
    size_t kept = 0, space = view->sent_eval_space;
    uint64_t *grown;

    if (view->sent_eval_count < space)
        return true;
    for (size_t i = 0; i < view->sent_eval_count; i++)
        if (auvi_requests_is_pending(view->app->requests, view->sent_evals[i]))
            view->sent_evals[kept++] = view->sent_evals[i];
    view->sent_eval_count = kept;
    if (kept < space / 2)
        return true;
    space = space ? space * 2 : 16;
    grown = realloc(view->sent_evals, space * sizeof(*grown));
    if (!grown)
        return kept < view->sent_eval_space;
    view->sent_evals = grown;
    view->sent_eval_space = space;
    return true;
}

void auvi_send_end_evals(auv_view *view, int error)
{
    struct auv_app *app = view->app;
    struct auvi_request request;

    auvi_mutex_assert_held(&app->send_lock);
    for (size_t i = 0; i < view->sent_eval_count; i++)
        if (auvi_requests_take(app->requests, view->sent_evals[i], &request))
            auvi_request_end(app, &request, error, NULL);
    view->sent_eval_count = 0;
}

/* send_lock. True if the message is gone; false: the link is blocked. */
static bool transmit(auv_view *view, struct auv_message *message)
{
    struct auv_app *app = view->app;
    struct auvi_frame frame;
    struct auv_message *error;
    int sent;

    if (message->kind == AUVI_FRAME_EVAL &&
        !auvi_requests_is_pending(app->requests, message->id)) {
        message_done(message); /* ended while it waited: not run any more */
        return true;
    }
    if (message->kind == AUVI_FRAME_EVAL && !sent_evals_have_room(view)) {
        message_drop(message);
        return true;
    }
    auvi_message_to_frame(message, &frame);
    sent = auvi_link_send(view->link, &frame);
    if (sent == AUV_ERR_QUEUE_FULL)
        return false;
    if (sent == AUV_OK) {
        if (message->kind == AUVI_FRAME_EVAL)
            view->sent_evals[view->sent_eval_count++] = message->id;
        atomic_fetch_add_explicit(&app->sent, 1, memory_order_relaxed);
        message_done(message);
        return true;
    }
    if (sent != AUV_ERR_CLOSED) {
        auvi_log(AUV_LOG_ERROR, "view %u: a message could not be sent: %s",
                 view->id, auv_last_error_message());
        /* A promise must not hang for it: say why instead. */
        if (message->kind == AUVI_FRAME_REPLY &&
            auvi_message_create_error(auv_error_name(sent),
                                      auv_last_error_message(), sent, NULL,
                                      &error) == AUV_OK) {
            auvi_message_to_frame(error, &frame);
            frame.kind = AUVI_FRAME_REPLY;
            frame.flags = AUVI_FRAME_ERROR;
            frame.id = message->id;
            frame.generation = message->generation;
            sent = auvi_link_send(view->link, &frame);
            auv_message_unref(error);
        }
    }
    message_drop(message);
    return true;
}

/* send_lock */
static void link_is_blocked(auv_view *view)
{
    if (view->link_blocked)
        return;
    view->link_blocked =
        auvi_poller_add(view->app->link_poller, auvi_link_fd(view->link),
                        AUVI_POLL_OUT, view->id) == AUV_OK;
}

static void send_one(auv_view *view, struct auv_message *message)
{
    enum fate fate = message_fate(view, message);

    if (fate == FATE_DROP)
        message_drop(message);
    else if (fate == FATE_HOLD || view->link_blocked)
        hold(view, message);
    else if (!transmit(view, message)) {
        link_is_blocked(view);
        hold(view, message);
    }
}

/* Go through what is held; what still cannot go stays, in order. */
static void send_held(auv_view *view)
{
    struct auv_message *message = view->held;

    view->held = NULL;
    view->held_tail = &view->held;
    while (message) {
        struct auv_message *next = message->next;

        send_one(view, message);
        message = next;
    }
}

/* A message that comes out of the outbox. The document may have come up, or the
 * link may take bytes again, since the last look at what is held: that goes
 * first. What stays held behind this waits for a later document. */
static void send_next(auv_view *view, struct auv_message *message)
{
    if (view->held && !view->link_blocked &&
        message_fate(view, view->held) != FATE_HOLD)
        send_held(view);
    send_one(view, message);
}

static void flush_link(auv_view *view)
{
    if (view->link && !view->link_blocked && auvi_link_flush(view->link) == 1)
        link_is_blocked(view);
}

/* Views have no limit; taken in rounds so that no memory is needed here. */
static void each_view(struct auv_app *app, void (*fn)(auv_view *view))
{
    auv_view *some[32];
    size_t count = auvi_registry_all(app, some, 32);
    size_t got = count < 32 ? count : 32;

    for (size_t i = 0; i < got; i++) {
        fn(some[i]);
        auv_view_unref(some[i]);
    }
    if (count > 32) {
        auv_view **all = malloc(count * sizeof(auv_view *));
        size_t now = all ? auvi_registry_all(app, all, count) : 0;

        for (size_t i = 0; i < now && i < count; i++) {
            fn(all[i]);
            auv_view_unref(all[i]);
        }
        free(all);
    }
}

/* send_lock */
static void drain(struct auv_app *app)
{
    auv_view *last = NULL; /* whose link has an open packet */

    do {
        struct auv_message *message;

        while ((message = auvi_queue_pop(app->outbox))) {
            auv_view *view = message->view;

            if (view != last) {
                if (last) {
                    flush_link(last);
                    auv_view_unref(last);
                }
                last = auv_view_ref(view);
            }
            send_next(view, message);
        }
        if (atomic_exchange_explicit(&app->flush_wanted, false,
                                     memory_order_acq_rel)) {
            each_view(app, send_held);
            each_view(app, flush_link);
        }
    } while (!auvi_queue_prepare_sleep(app->outbox));
    if (last) {
        flush_link(last);
        auv_view_unref(last);
    }
}

void auvi_send_flush(struct auv_app *app)
{
    do {
        if (!auvi_mutex_try_lock(&app->send_lock)) {
            auvi_app_wake_link_thread(app);
            return;
        }
        drain(app);
        auvi_mutex_unlock(&app->send_lock);
        /* Somebody may have set it while we held the lock and then given up. */
    } while (atomic_load_explicit(&app->flush_wanted, memory_order_acquire));
}

void auvi_send_finish(struct auv_app *app)
{
    auvi_mutex_lock(&app->send_lock);
    drain(app);
    auvi_mutex_unlock(&app->send_lock);
}

void auvi_send_drop_held(auv_view *view)
{
    struct auv_message *message = view->held;

    auvi_mutex_assert_held(&view->app->send_lock);
    view->held = NULL;
    view->held_tail = &view->held;
    while (message) {
        struct auv_message *next = message->next;

        message_drop(message);
        message = next;
    }
}
