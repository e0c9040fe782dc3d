/*
 * latest.c - messages of which only the newest counts.
 *
 * Each name has a slot in its view, for the view's life. `newest` holds what
 * waits; the slot's token, an otherwise empty message, stands for it in the
 * outbox and among what is held for the view, so that it has a place in the
 * order and costs one place however often it is replaced.
 *
 *   producer  old = exchange(newest, mine)
 *             old != NULL: the token is on its way. Free old; done
 *             old == NULL: the token is mine. Push it
 *   sender    has the token: reads what it needs from it, then
 *             mine = exchange(newest, NULL), and the token is the next
 *             producer's
 *
 * 1. The token has one owner: whoever turns `newest` from NULL owns it until it
 *    is pushed, then the sender, until it turns `newest` to NULL. Both are
 *    read-modify-writes with acquire and release, so the token's fields go from
 *    one to the other with them.
 * 2. Nothing is lost: `newest` is not NULL only while the token is on its way,
 *    and the sender takes whatever is the newest when the token is up.
 * 3. A message that could not be sent after all goes back by a compare-and-swap
 *    NULL -> message, which makes the sender the token's owner again. If that
 *    fails, a newer one has come, whose token is on its way: ours is replaced.
 *
 * A full outbox takes no token. Then the token stays with the slot, `owed` is
 * set, and the sender comes for it (auvi_send_want_flush()). The view may have
 * ended meanwhile, so that no sender comes: the producer, after its exchange of
 * `owed`, looks at the lifecycle; view_gone() ends the lifecycle, then exchanges
 * `owed`. One of the two exchanges is the second and sees the other side.
 *
 * PROGRESS. Lock-free. A walk over the slots is at most AUVI_SLOTS_MAX steps.
 */
#include "core/core.h"

#include <stdlib.h>
#include <string.h>

static bool has_name(const struct auvi_slot *slot,
                     const struct auv_message *message)
{
    return slot->token->name_length == message->name_length &&
           memcmp(slot->token->name, message->name, message->name_length) == 0;
}

static void slot_free(struct auvi_slot *slot)
{
    if (!slot)
        return;
    auv_message_unref(
        atomic_load_explicit(&slot->newest, memory_order_relaxed));
    auv_message_unref(slot->token);
    free(slot);
}

static struct auvi_slot *slot_new(const struct auv_message *message)
{
    struct auvi_slot *slot = calloc(1, sizeof(*slot));

    if (slot && auvi_message_create(message->name, message->name_length, NULL,
                                    0, NULL, 0, &slot->token) == AUV_OK) {
        slot->token->kind = message->kind;
        slot->token->slot = slot;
        return slot;
    }
    free(slot);
    auvi_fail(AUV_ERR_NOMEM, "no memory for a message");
    return NULL;
}

/* The slot of the message's name, made if need be. */
static int find_slot(auv_view *view, const struct auv_message *message,
                     struct auvi_slot **out)
{
    _Atomic(struct auvi_slot *) *at = &view->slots;
    struct auvi_slot *made = NULL, *slot;
    int count = 0;

    for (;;) {
        slot = atomic_load_explicit(at, memory_order_acquire);
        if (!slot) {
            if (count == AUVI_SLOTS_MAX)
                break;
            if (!made && !(made = slot_new(message)))
                return AUV_ERR_NOMEM;
            /* Release: who finds the slot finds its name. */
            if (atomic_compare_exchange_strong_explicit(at, &slot, made,
                                                        memory_order_acq_rel,
                                                        memory_order_acquire)) {
                *out = made;
                return AUV_OK;
            }
        }
        if (has_name(slot, message)) {
            slot_free(made);
            *out = slot;
            return AUV_OK;
        }
        at = &slot->next;
        count++;
    }
    slot_free(made);
    return auvi_fail(AUV_ERR_QUEUE_FULL,
                     "this view has %d names of latest messages already",
                     AUVI_SLOTS_MAX);
}

static void owe(auv_view *view, struct auvi_slot *slot)
{
    atomic_exchange_explicit(&slot->owed, true, memory_order_acq_rel);
    if (!auvi_lifecycle_is_destroyed(&view->lifecycle)) {
        auvi_send_want_flush(view);
        /* The sender may have emptied the outbox and left. */
        auvi_app_wake_link_thread(view->app);
    } else if (atomic_exchange_explicit(&slot->owed, false,
                                        memory_order_acq_rel)) {
        auvi_send_discard(slot->token);
    }
}

int auvi_send_latest(auv_view *view, struct auv_message *message)
{
    struct auv_message *old;
    struct auvi_slot *slot;
    int pushed, error = find_slot(view, message, &slot);

    if (error < 0)
        return error;
    message->slot = slot;
    message->navigation =
        atomic_load_explicit(&view->navigation, memory_order_relaxed);
    /* A hint, which may be that of a neighbour: the sender looks again at the
     * message that it takes. */
    atomic_store_explicit(&slot->navigation, message->navigation,
                          memory_order_relaxed);
    old =
        atomic_exchange_explicit(&slot->newest, message, memory_order_acq_rel);
    if (old) {
        auv_message_unref(old);
        return AUV_OK;
    }
    slot->token->view = auv_view_ref(view);
    atomic_fetch_add_explicit(&view->backlog, 1, memory_order_relaxed);
    pushed = auvi_queue_push(view->app->outbox, AUVI_NORMAL, slot->token);
    if (pushed == 1)
        auvi_app_wake_link_thread(view->app);
    else if (pushed == AUV_ERR_QUEUE_FULL)
        owe(view, slot);
    else if (pushed < 0) /* nobody may emit while the application ends */
        auvi_send_discard(slot->token);
    return AUV_OK;
}

struct auv_message *auvi_slot_take(struct auv_message *token)
{
    struct auvi_slot *slot = token->slot;
    auv_view *view = token->view;
    struct auv_message *message;

    token->view = NULL;
    message =
        atomic_exchange_explicit(&slot->newest, NULL, memory_order_acq_rel);
    message->view = view;
    return message;
}

struct auv_message *auvi_slot_put_back(struct auv_message *message)
{
    struct auvi_slot *slot = message->slot;
    auv_view *view = message->view;
    struct auv_message *empty = NULL;

    atomic_store_explicit(&slot->navigation, message->navigation,
                          memory_order_relaxed);
    message->view = NULL; /* before somebody may replace and free it */
    if (!atomic_compare_exchange_strong_explicit(&slot->newest, &empty, message,
                                                 memory_order_acq_rel,
                                                 memory_order_relaxed)) {
        message->view = view;
        return NULL;
    }
    slot->token->view = view;
    return slot->token;
}

struct auv_message *auvi_slots_next_owed(auv_view *view)
{
    struct auvi_slot *slot =
        atomic_load_explicit(&view->slots, memory_order_acquire);

    for (; slot; slot = atomic_load_explicit(&slot->next, memory_order_acquire))
        if (atomic_exchange_explicit(&slot->owed, false, memory_order_acq_rel))
            return slot->token;
    return NULL;
}

void auvi_slots_free(auv_view *view)
{
    struct auvi_slot *slot =
        atomic_load_explicit(&view->slots, memory_order_relaxed);

    while (slot) {
        struct auvi_slot *next =
            atomic_load_explicit(&slot->next, memory_order_relaxed);

        slot_free(slot);
        slot = next;
    }
}
