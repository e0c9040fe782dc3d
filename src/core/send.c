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
#include "core/streams.h"

#include <stdlib.h>

static void leave_backlog(auv_view *view);

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
        if (reply)
            auvi_pressure_add(view, message);
        /* One lane for all kinds: what a handler emits before it answers must
         * reach the page before the answer. */
        pushed = auvi_queue_push(app->outbox, AUVI_NORMAL, message);
        if (pushed == AUV_ERR_QUEUE_FULL && reply)
            pushed = auvi_queue_push_reserved(app->outbox, message);
    }
    if (pushed < 0) {
        leave_backlog(view);
        if (message->view) {
            if (reply)
                auvi_pressure_remove(view, message);
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

/* ---- waiting for room ------------------------------------------------------
 *
 * Waiter: room_wanted = 1, then look at the backlog (and at the lifecycle), then
 * sleep on `room`. Sender: backlog - 1, then look at room_wanted. All of them
 * are sequentially consistent, so one side comes second and sees the other:
 * either the waiter finds the room, or the sender finds the waiter. The waiter
 * reads `room` before all that, so a step in between keeps it from sleeping. A
 * view that closes does as the sender does, behind its step. Who is woken sets
 * room_wanted again: nobody needs to be counted.
 */

void auvi_send_room(auv_view *view)
{
    if (atomic_exchange_explicit(&view->room_wanted, 0, memory_order_seq_cst)) {
        atomic_fetch_add_explicit(&view->room, 1, memory_order_release);
        auvi_futex_wake_all(&view->room);
    }
}

static void leave_backlog(auv_view *view)
{
    atomic_fetch_sub_explicit(&view->backlog, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&view->room_wanted, memory_order_seq_cst))
        auvi_send_room(view);
}

/* Without a moment in which the count is too high: it would make another waiter
 * sleep beside free room. */
static bool enter_backlog(auv_view *view)
{
    uint32_t backlog =
        atomic_load_explicit(&view->backlog, memory_order_seq_cst);

    while (backlog < view->app->capacity)
        if (atomic_compare_exchange_weak_explicit(
                &view->backlog, &backlog, backlog + 1, memory_order_seq_cst,
                memory_order_seq_cst))
            return true;
    return false;
}

static int wait_for_room(auv_view *view, int64_t deadline_us)
{
    while (!enter_backlog(view)) {
        uint32_t seen = atomic_load_explicit(&view->room, memory_order_acquire);
        int64_t left =
            deadline_us == INT64_MAX ? -1 : deadline_us - auvi_clock_us();

        atomic_exchange_explicit(&view->room_wanted, 1, memory_order_seq_cst);
        if (auvi_lifecycle_is_closing(&view->lifecycle))
            return AUV_ERR_CLOSED;
        if (enter_backlog(view))
            break;
        if (deadline_us != INT64_MAX && left <= 0)
            return AUV_ERR_TIMEOUT;
        auvi_futex_wait(&view->room, seen, left);
    }
    return AUV_OK;
}

int auvi_send_wait(auv_view *view, struct auv_message *message,
                   int64_t deadline_us)
{
    struct auv_app *app = view->app;
    int pushed = auvi_send(view, message, false);

    if (pushed != AUV_ERR_QUEUE_FULL)
        return pushed;
    /* This thread may be the one that writes or reads for the page at other
     * times, now or behind the handler that it runs: see that the link thread
     * does both while it sleeps. */
    atomic_fetch_add(&app->sync_waiters, 1);
    auvi_app_wake_link_thread(app);
    pushed = wait_for_room(view, deadline_us);
    if (pushed == AUV_OK) {
        message->navigation =
            atomic_load_explicit(&view->navigation, memory_order_relaxed);
        message->view = auv_view_ref(view);
        /* The outbox is emptied whether the page reads or not. */
        pushed = auvi_queue_push_wait(app->outbox, AUVI_NORMAL, message,
                                      deadline_us);
        if (pushed < 0) {
            message->view = NULL;
            leave_backlog(view);
            auv_view_unref(view);
        } else if (pushed == 1) {
            auvi_app_wake_link_thread(app);
        }
    }
    if (atomic_fetch_sub_explicit(&app->sync_waiters, 1,
                                  memory_order_acq_rel) == 1)
        auvi_app_wake_link_thread(app);
    if (pushed == AUV_ERR_TIMEOUT)
        return auvi_fail(pushed, "the page has not made room in time");
    if (pushed < 0)
        return auvi_fail(pushed, "the view is closing or closed");
    return AUV_OK;
}

/* ---- what becomes of a message --------------------------------------------- */

/* The message has left the backlog, sent or not. */
static void message_done(struct auv_message *message)
{
    if (message->kind == AUVI_FRAME_REPLY)
        auvi_pressure_remove(message->view, message);
    leave_backlog(message->view);
    auv_message_unref(message);
}

static void message_drop(struct auv_message *message)
{
    struct auv_app *app = message->view->app;
    struct auvi_request request;

    if (auvi_is_token(message))
        message = auvi_slot_take(message);
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

/* Which document is there, and which navigations are settled. Whoever reads the
 * links changes both at any time: one look for all messages of a pass, or a
 * later one would overtake an earlier one. A change wants a flush of its own. */
struct stand {
    uint32_t document, answers;
};

static struct stand stand_of(const auv_view *view)
{
    struct stand stand;

    stand.document =
        atomic_load_explicit(&view->document, memory_order_acquire);
    stand.answers =
        atomic_load_explicit(&view->document_navigation, memory_order_acquire);
    return stand;
}

static enum fate message_fate(const auv_view *view, struct stand stand,
                              const struct auv_message *message)
{
    uint32_t document = stand.document;
    /* What a token stands for may be freed in this moment: the slot knows. */
    uint32_t navigation = auvi_is_token(message)
                              ? atomic_load_explicit(&message->slot->navigation,
                                                     memory_order_relaxed)
                              : message->navigation;

    if (auvi_lifecycle_is_destroyed(&view->lifecycle))
        return FATE_DROP;
    if (message->kind == AUVI_FRAME_CANCEL ||
        message->kind == AUVI_FRAME_PING) /* a page that is gone forgot it */
        return view->link && document ? FATE_SEND : FATE_DROP;
    if (message->kind == AUVI_FRAME_REPLY)
        return view->link &&
                       (document == message->generation ||
                        auvi_documents_is_frame(view, message->generation))
                   ? FATE_SEND
                   : FATE_DROP;
    /* Numbers of navigations wrap: compare by difference. */
    if (view->link && document && (int32_t)(stand.answers - navigation) >= 0)
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
    /* What no document may hear does not even reach the page's process. */
    if (message->kind == AUVI_FRAME_EVENT &&
        !auvi_documents_hear(view, message->name, message->name_length)) {
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
        if (message->kind != AUVI_FRAME_PING)
            auvi_heartbeat_owe(view);
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

/* send_lock */
static void send_streams(auv_view *view)
{
    if (!view->link || view->link_blocked)
        return;
    if (atomic_load_explicit(&view->streams_due, memory_order_acquire))
        auvi_heartbeat_owe(view);
    if (auvi_streams_send(view) == AUV_ERR_QUEUE_FULL)
        link_is_blocked(view);
}

static void send_one(auv_view *view, struct stand stand,
                     struct auv_message *message)
{
    enum fate fate = message_fate(view, stand, message);

    if (auvi_is_token(message) && fate == FATE_SEND && !view->link_blocked) {
        message = auvi_slot_take(message);
        fate = message_fate(view, stand, message);
    }
    if (fate == FATE_DROP) {
        message_drop(message);
        return;
    }
    if (fate == FATE_SEND && !view->link_blocked) {
        if (transmit(view, message))
            return;
        link_is_blocked(view);
    }
    if (message->slot && !auvi_is_token(message)) {
        struct auv_message *token = auvi_slot_put_back(message);

        if (!token) { /* replaced */
            message_done(message);
            return;
        }
        message = token;
    }
    hold(view, message);
}

/* Tokens that the outbox did not take: they are behind all that it took. */
static void hold_owed(auv_view *view)
{
    struct auv_message *token;

    while ((token = auvi_slots_next_owed(view)))
        hold(view, token);
}

/* Go through what is held; what still cannot go stays, in order. */
static void send_held(auv_view *view, struct stand stand)
{
    struct auv_message *message = view->held;

    view->held = NULL;
    view->held_tail = &view->held;
    while (message) {
        struct auv_message *next = message->next;

        send_one(view, stand, message);
        message = next;
    }
}

/* A message that comes out of the outbox. The document may have come up, or the
 * link may take bytes again, since the last look at what is held: that goes
 * first. What stays held behind this waits for a later document. */
static void send_next(auv_view *view, struct auv_message *message)
{
    struct stand stand = stand_of(view);

    /* In front: who hears of an event finds the state that was set before. */
    send_streams(view);
    if (view->held && !view->link_blocked &&
        message_fate(view, stand, view->held) != FATE_HOLD)
        send_held(view, stand);
    send_one(view, stand, message);
}

static void flush_link(auv_view *view)
{
    if (view->link && !view->link_blocked && auvi_link_flush(view->link) == 1)
        link_is_blocked(view);
}

/* ---- views whose backlog may move --------------------------------------------
 *
 * A stack of views, each at most once in it and with a reference: any thread
 * adds, the sender takes the whole. Who finds the view queued already may rely
 * on a look that is still to come: the sender clears flush_queued before it
 * looks, by an exchange that sees what was done before the adder's.
 */

void auvi_send_want_flush(auv_view *view)
{
    struct auv_app *app = view->app;
    auv_view *top;

    if (atomic_exchange_explicit(&view->flush_queued, true,
                                 memory_order_acq_rel))
        return;
    auv_view_ref(view);
    top = atomic_load_explicit(&app->flush, memory_order_relaxed);
    do
        view->flush_next = top;
    while (!atomic_compare_exchange_weak_explicit(
        &app->flush, &top, view, memory_order_release, memory_order_relaxed));
}

void auvi_send_streams(auv_view *view, bool soon)
{
    /* Whoever has set it sees to the rest; acquire and release, so that the
     * sender who clears it sees what was done before. */
    if (atomic_exchange_explicit(&view->streams_due, true,
                                 memory_order_acq_rel))
        return;
    auvi_send_want_flush(view);
    if (!soon)
        auvi_app_wake_link_thread(view->app);
}

static void unblock(auv_view *view)
{
    if (atomic_exchange_explicit(&view->writable, false,
                                 memory_order_acq_rel) &&
        view->link && view->link_blocked) {
        auvi_poller_remove(view->app->link_poller, auvi_link_fd(view->link));
        view->link_blocked = false;
    }
}

static void flush_queued(struct auv_app *app, bool forget)
{
    auv_view *view =
        atomic_exchange_explicit(&app->flush, NULL, memory_order_acquire);

    while (view) {
        auv_view *next = view->flush_next;

        atomic_exchange_explicit(&view->flush_queued, false,
                                 memory_order_acq_rel);
        if (!forget) {
            unblock(view);
            send_streams(view);
            hold_owed(view);
            send_held(view, stand_of(view));
            flush_link(view);
        }
        auv_view_unref(view);
        view = next;
    }
}

void auvi_send_forget(struct auv_app *app)
{
    flush_queued(app, true);
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
        if (atomic_load_explicit(&app->flush, memory_order_relaxed))
            flush_queued(app, false);
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
        /* Somebody may have added to it while we held the lock, and left. */
    } while (atomic_load_explicit(&app->flush, memory_order_acquire));
}

void auvi_send_finish(struct auv_app *app)
{
    auvi_mutex_lock(&app->send_lock);
    drain(app);
    auvi_mutex_unlock(&app->send_lock);
}

void auvi_send_discard(struct auv_message *message)
{
    if (auvi_is_token(message))
        message = auvi_slot_take(message);
    message_done(message);
}

void auvi_send_drop_held(auv_view *view)
{
    struct auv_message *message;

    auvi_mutex_assert_held(&view->app->send_lock);
    hold_owed(view);
    message = view->held;
    view->held = NULL;
    view->held_tail = &view->held;
    while (message) {
        struct auv_message *next = message->next;

        message_drop(message);
        message = next;
    }
}
