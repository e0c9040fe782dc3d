/*
 * call.c - a page's question, from its arrival to its one answer.
 *
 *     PENDING --> ANSWERED     auv_call_reply(), auv_call_fail(), or the last
 *        |                     reference going without either
 *        +------> CANCELLED    the page cancelled, its document or view is gone
 *
 * One compare-and-swap decides between all of these.
 */
#include "core/core.h"

#include <stdlib.h>
#include <string.h>

struct auv_call *auvi_call_create(auv_view *view, struct auv_message *message,
                                  uint64_t id, uint32_t generation)
{
    struct auv_call *call = calloc(1, sizeof(*call));

    if (!call)
        return NULL;
    atomic_init(&call->refs, 1);
    call->view = auv_view_ref(view);
    call->message = message;
    call->id = id;
    call->generation = generation;
    call->item.kind = AUVI_ITEM_CALL;
    call->item.u.call = call;
    auvi_mutex_lock(&view->calls_lock);
    call->next = view->calls;
    if (call->next)
        call->next->prev = call;
    view->calls = call;
    auvi_mutex_unlock(&view->calls_lock);
    return call;
}

static bool call_end(struct auv_call *call, enum auvi_call_state how)
{
    uint32_t pending = AUVI_CALL_PENDING;

    /* Acquire and release: the winner's answer and the loser's error must each
     * see the other's past. */
    return atomic_compare_exchange_strong_explicit(&call->state, &pending, how,
                                                   memory_order_acq_rel,
                                                   memory_order_acquire);
}

void auvi_calls_cancel(auv_view *view, uint64_t id, uint32_t generation)
{
    auvi_mutex_lock(&view->calls_lock);
    for (struct auv_call *call = view->calls; call; call = call->next) {
        if (id && call->id != id)
            continue;
        if (generation && call->generation != generation)
            continue;
        call_end(call, AUVI_CALL_CANCELLED);
    }
    auvi_mutex_unlock(&view->calls_lock);
}

const auv_message *auv_call_message(const auv_call *call)
{
    return call->message;
}

bool auv_call_is_cancelled(const auv_call *call)
{
    return atomic_load_explicit(&call->state, memory_order_acquire) ==
               AUVI_CALL_CANCELLED ||
           auvi_lifecycle_is_closing(&call->view->lifecycle);
}

/* Send an answer that has won. Takes message. */
static int call_send(auv_call *call, struct auv_message *message, bool error)
{
    bool in_tick;
    int result;

    message->kind = AUVI_FRAME_REPLY;
    message->flags = error ? AUVI_FRAME_ERROR : 0;
    message->id = call->id;
    message->generation = call->generation;
    if (auvi_lifecycle_is_closing(&call->view->lifecycle)) {
        auv_message_unref(message);
        return auvi_fail(AUV_ERR_CLOSED, "the view is closing or closed");
    }
    in_tick = auvi_processor_is_current(&call->view->app->processor);
    result = auvi_send(call->view, message, in_tick);
    if (result < 0)
        auv_message_unref(message);
    return result;
}

static int call_lost(const auv_call *call)
{
    uint32_t state = atomic_load_explicit(&call->state, memory_order_acquire);

    if (state == AUVI_CALL_CANCELLED)
        return auvi_fail(AUV_ERR_CANCELLED, "nobody waits for this call");
    return auvi_fail(AUV_ERR_STATE, "this call has been answered");
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
    if (!call_end(call, AUVI_CALL_ANSWERED)) {
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
    if (!call_end(call, AUVI_CALL_ANSWERED)) {
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
    auvi_mutex_lock(&view->calls_lock);
    if (call->prev)
        call->prev->next = call->next;
    else
        view->calls = call->next;
    if (call->next)
        call->next->prev = call->prev;
    auvi_mutex_unlock(&view->calls_lock);
    auv_message_unref(call->message);
    free(call);
    auv_view_unref(view);
}
