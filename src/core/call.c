/*
 * call.c - a page's question, from its arrival to its one answer.
 *
 *     PENDING --> ANSWERED     auv_call_reply(), auv_call_fail(), or the last
 *        |                     reference going without either
 *        +------> CANCELLED    the page cancelled, its document or view is gone
 *
 * One compare-and-swap decides between all of these. An unanswered call stands
 * in the table of its view; whoever ends it takes it out.
 */
#include "core/core.h"

#include <stdlib.h>
#include <string.h>

/* What a page may have its host hold in calls; beyond it a call is refused. The
 * descriptors are the scarcest: a process has often only 1,024. */
#define MAX_BYTES ((int64_t)1 << 30)
#define MAX_FDS 256

/* What a handler wants run when its call is cancelled. Becomes an item of the
 * inbox then, so that a cancel needs no memory. */
struct auvi_cancel_hook {
    struct auvi_item item;
    auv_cancel_fn fn;
    void *user;
    void (*free_user)(void *user);
};

static void hook_free(struct auvi_cancel_hook *hook)
{
    if (!hook)
        return;
    if (hook->free_user)
        hook->free_user(hook->user);
    free(hook);
}

static void weigh(auv_view *view, const struct auv_message *message, int sign)
{
    int64_t bytes = (int64_t)message->json_length;
    int32_t fds = message->json_fd >= 0;

    for (size_t i = 0; i < message->part_count; i++) {
        bytes += (int64_t)message->parts[i].length;
        fds += message->parts[i].fd >= 0;
    }
    atomic_fetch_add_explicit(&view->live_calls, (uint32_t)sign,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&view->live_bytes, sign * bytes,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&view->live_fds, sign * fds,
                              memory_order_relaxed);
}

static bool is_crowded(auv_view *view)
{
    return atomic_load_explicit(&view->live_calls, memory_order_relaxed) >=
               AUV_MAX_CALLS ||
           atomic_load_explicit(&view->live_bytes, memory_order_relaxed) >
               MAX_BYTES ||
           atomic_load_explicit(&view->live_fds, memory_order_relaxed) >
               MAX_FDS;
}

int auvi_call_create(auv_view *view, struct auv_message *message, uint64_t id,
                     uint32_t generation, struct auv_call **out)
{
    struct auv_call *call;
    bool added, taken;

    if (!id)
        return AUV_ERR_PROTOCOL;
    if (is_crowded(view))
        return auvi_fail(AUV_ERR_QUEUE_FULL,
                         "too many calls of this page wait for an answer");
    call = calloc(1, sizeof(*call));
    if (!call)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a call");
    atomic_init(&call->refs, 1);
    call->view = view;
    call->message = message;
    call->id = id;
    call->generation = generation;
    call->item.kind = AUVI_ITEM_CALL;
    call->item.u.call = call;
    auvi_mutex_lock(&view->calls_lock);
    added = auvi_call_table_add(&view->calls, call);
    taken = !added && auvi_call_table_find(&view->calls, id, generation);
    auvi_mutex_unlock(&view->calls_lock);
    if (!added) {
        free(call);
        return taken ? AUV_ERR_PROTOCOL
                     : auvi_fail(AUV_ERR_NOMEM, "no memory for a call");
    }
    auv_view_ref(view);
    weigh(view, message, 1);
    *out = call;
    return AUV_OK;
}

/* The one step from PENDING. */
static bool call_step(struct auv_call *call, enum auvi_call_state how)
{
    uint32_t pending = AUVI_CALL_PENDING;

    /* Sequentially consistent: the winner's answer and the loser's error must
     * each see the other's past; and a waiter that came in time to be seen here
     * is woken, a later one sees the new state. */
    if (!atomic_compare_exchange_strong(&call->state, &pending, how))
        return false;
    if (atomic_load(&call->waiters))
        auvi_futex_wake_all(&call->state);
    return true;
}

/* End a call whose answer is about to be sent. */
static bool call_end(struct auv_call *call)
{
    auv_view *view = call->view;
    struct auvi_cancel_hook *hook;

    if (!call_step(call, AUVI_CALL_ANSWERED))
        return false;
    auvi_mutex_lock(&view->calls_lock);
    auvi_call_table_remove(&view->calls, call);
    hook = call->hook;
    call->hook = NULL;
    auvi_mutex_unlock(&view->calls_lock);
    hook_free(hook);
    return true;
}

/* calls_lock. False: it is about to be freed. */
static bool call_try_ref(struct auv_call *call)
{
    uint32_t refs = atomic_load_explicit(&call->refs, memory_order_relaxed);

    do
        if (!refs)
            return false;
    while (!atomic_compare_exchange_weak_explicit(&call->refs, &refs, refs + 1,
                                                  memory_order_relaxed,
                                                  memory_order_relaxed));
    return true;
}

/* calls_lock. Cancel it, and put what is to run into the list. A call that
 * somebody is answering is left to that one. */
static void cancel_one(auv_view *view, struct auv_call *call,
                       struct auvi_item **list)
{
    struct auvi_cancel_hook *hook = call->hook;

    if (!call_step(call, AUVI_CALL_CANCELLED))
        return;
    auvi_call_table_remove(&view->calls, call);
    /* Without a reference nobody is interested any more; then whoever gave the
     * last one up frees the hook. */
    if (!hook || !call_try_ref(call))
        return;
    call->hook = NULL;
    hook->item.next = *list;
    *list = &hook->item;
}

static void cancel_document(auv_view *view, uint32_t generation,
                            struct auvi_item **list)
{
    struct auvi_call_table *table = &view->calls;

    for (size_t i = 0; table->count && i < table->chain_count; i++) {
        struct auv_call *call = table->chains[i];

        while (call) {
            struct auv_call *next = call->table_next;

            if (!generation || call->generation == generation)
                cancel_one(view, call, list);
            call = next;
        }
    }
}

void auvi_calls_cancel(auv_view *view, uint64_t id, uint32_t generation)
{
    struct auvi_item *list = NULL;
    struct auv_call *call;

    auvi_mutex_lock(&view->calls_lock);
    if (id) {
        call = auvi_call_table_find(&view->calls, id, generation);
        if (call)
            cancel_one(view, call, &list);
    } else {
        cancel_document(view, generation, &list);
    }
    auvi_mutex_unlock(&view->calls_lock);
    while (list) {
        struct auvi_item *next = list->next;

        if (auvi_app_push_reserved(view->app, list) < 0)
            auvi_item_discard(list); /* the application has ended */
        list = next;
    }
}

void auvi_call_cancelled(struct auvi_item *item, bool run)
{
    struct auvi_cancel_hook *hook = (struct auvi_cancel_hook *)item;
    struct auv_call *call = item->u.call;

    if (run)
        hook->fn(call, hook->user);
    hook_free(hook);
    auv_call_unref(call);
}

const auv_message *auv_call_message(const auv_call *call)
{
    return call->message;
}

bool auvi_call_is_cancelled(const struct auv_call *call)
{
    return atomic_load_explicit(&call->state, memory_order_acquire) ==
               AUVI_CALL_CANCELLED ||
           auvi_lifecycle_is_closing(&call->view->lifecycle);
}

static int call_lost(const auv_call *call)
{
    uint32_t state = atomic_load_explicit(&call->state, memory_order_acquire);

    if (state == AUVI_CALL_CANCELLED)
        return auvi_fail(AUV_ERR_CANCELLED, "nobody waits for this call");
    return auvi_fail(AUV_ERR_STATE, "this call has been answered");
}

int auv_call_on_cancel(auv_call *call, auv_cancel_fn fn, void *user,
                       void (*free_user)(void *user))
{
    struct auvi_cancel_hook *hook;
    uint32_t state;
    bool taken;

    if (!call || !fn)
        return auvi_fail(AUV_ERR_ARG, "call or function is NULL");
    hook = calloc(1, sizeof(*hook));
    if (!hook)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a function");
    hook->item.kind = AUVI_ITEM_CANCELLED;
    hook->item.u.call = call;
    hook->fn = fn;
    hook->user = user;
    hook->free_user = free_user;
    auvi_mutex_lock(&call->view->calls_lock);
    state = atomic_load_explicit(&call->state, memory_order_acquire);
    taken = call->hook != NULL;
    if (state == AUVI_CALL_PENDING && !taken)
        call->hook = hook;
    auvi_mutex_unlock(&call->view->calls_lock);
    if (state == AUVI_CALL_PENDING && !taken)
        return AUV_OK;
    free(hook);
    return state == AUVI_CALL_PENDING
               ? auvi_fail(AUV_ERR_STATE, "this call has such a function")
               : call_lost(call);
}

static uint32_t wait_for_end(auv_call *call, int64_t deadline)
{
    struct auv_app *app = call->view->app;
    int64_t left = -1;
    uint32_t state;

    /* As above; so the link thread reads meanwhile. */
    atomic_fetch_add(&app->sync_waiters, 1);
    auvi_app_wake_link_thread(app);
    /* Before the state is read: see call_step(). */
    atomic_fetch_add(&call->waiters, 1);
    while ((state = atomic_load(&call->state)) == AUVI_CALL_PENDING) {
        if (deadline != INT64_MAX && (left = deadline - auvi_clock_us()) <= 0)
            break;
        auvi_futex_wait(&call->state, AUVI_CALL_PENDING, left);
    }
    atomic_fetch_sub(&call->waiters, 1);
    if (atomic_fetch_sub_explicit(&app->sync_waiters, 1,
                                  memory_order_acq_rel) == 1)
        auvi_app_wake_link_thread(app);
    return state;
}

int auv_call_wait_cancelled(auv_call *call, int64_t timeout_ms)
{
    int64_t deadline = INT64_MAX;
    uint32_t state;

    if (!call)
        return auvi_fail(AUV_ERR_ARG, "call is NULL");
    if (auvi_call_is_cancelled(call))
        return AUV_OK;
    if (timeout_ms >= 0 && timeout_ms <= INT64_MAX / 4000)
        deadline = auvi_clock_us() + timeout_ms * 1000;
    state = wait_for_end(call, deadline);
    if (state == AUVI_CALL_CANCELLED)
        return AUV_OK;
    return state == AUVI_CALL_PENDING
               ? auvi_fail(AUV_ERR_TIMEOUT, "the page still waits")
               : call_lost(call);
}

bool auv_call_is_cancelled(const auv_call *call)
{
    /* The thread that runs the handler may be the one that reads the links: it
     * would never hear of it. */
    if (!auvi_call_is_cancelled(call) &&
        auvi_processor_is_current(&call->view->app->processor))
        auvi_receive(call->view->app);
    return auvi_call_is_cancelled(call);
}

/* Whoever answers much at a time, or while the sender does not get to run, fills
 * the outbox. An answer has no second chance: so be the sender, and make room. */
int auvi_call_answer(auv_view *view, struct auv_message *message, bool defer)
{
    int result, tries = 100;

    while ((result = auvi_send(view, message, defer)) == AUV_ERR_QUEUE_FULL &&
           tries-- > 0)
        auvi_send_finish(view->app);
    if (result < 0)
        auv_message_unref(message);
    return result;
}

/* Send an answer that has won. Takes message. */
static int call_send(auv_call *call, struct auv_message *message, bool error)
{
    bool in_tick;

    message->kind = AUVI_FRAME_REPLY;
    message->flags = error ? AUVI_FRAME_ERROR : 0;
    message->id = call->id;
    message->generation = call->generation;
    if (auvi_lifecycle_is_closing(&call->view->lifecycle)) {
        auv_message_unref(message);
        return auvi_fail(AUV_ERR_CLOSED, "the view is closing or closed");
    }
    in_tick = auvi_processor_is_current(&call->view->app->processor);
    return auvi_call_answer(call->view, message, in_tick);
}

int auv_call_reply(auv_call *call, const char *json, size_t length,
                   const auv_part *parts, size_t part_count)
{
    struct auv_message *message;
    int error;

    if (!call)
        return auvi_fail(AUV_ERR_ARG, "call is NULL");
    if (atomic_load_explicit(&call->state, memory_order_acquire) !=
        AUVI_CALL_PENDING)
        return call_lost(call);
    /* Build first: a call whose answer cannot be built is answered with why. */
    error =
        auvi_message_create("", 0, json, length, parts, part_count, &message);
    if (error < 0) {
        if (error != AUV_ERR_ARG)
            auv_call_fail(call, auv_error_name(error), auv_last_error_message(),
                          error, NULL);
        return error;
    }
    if (!call_end(call)) {
        auv_message_unref(message);
        return call_lost(call);
    }
    return call_send(call, message, false);
}

int auv_call_fail(auv_call *call, const char *name, const char *text, int code,
                  const char *data_json)
{
    struct auv_message *message;
    int error;

    if (!call)
        return auvi_fail(AUV_ERR_ARG, "call is NULL");
    error =
        auvi_message_create_error(name && *name ? name : "Error",
                                  text ? text : "", code, data_json, &message);
    if (error < 0)
        return error;
    if (!call_end(call)) {
        auv_message_unref(message);
        return call_lost(call);
    }
    return call_send(call, message, true);
}

auv_call *auv_call_ref(auv_call *call)
{
    atomic_fetch_add_explicit(&call->refs, 1, memory_order_relaxed);
    return call;
}

void auv_call_unref(auv_call *call)
{
    auv_view *view;

    /* As auv_message_unref(). */
    if (!call ||
        atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (atomic_load_explicit(&call->state, memory_order_relaxed) ==
        AUVI_CALL_PENDING)
        auv_call_fail(call, "NoReply", "the handler gave no answer", 0, NULL);
    view = call->view;
    if (atomic_load_explicit(&call->state, memory_order_acquire) !=
        AUVI_CALL_ANSWERED) {
        /* Not even the error could be made; or it is cancelled, and whoever did
         * that may still be at it, until the lock is free. */
        auvi_mutex_lock(&view->calls_lock);
        if (call_step(call, AUVI_CALL_CANCELLED))
            auvi_call_table_remove(&view->calls, call);
        auvi_mutex_unlock(&view->calls_lock);
        hook_free(call->hook);
    }
    weigh(view, call->message, -1);
    auv_message_unref(call->message);
    free(call);
    auv_view_unref(view);
}
