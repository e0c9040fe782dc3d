/*
 * dispatch.c - the one switch over what the inbox holds. Runs on the consumer's
 * thread, with no lock held.
 */
#include "core/core.h"
#include "core/fetch.h"
#include "core/streams.h"

#include <stdlib.h>

/* Behind every item: answers that this tick has produced go out at once when
 * nothing else waits. When more waits, the next handler may be slow, so the
 * link thread gets the chance to send them meanwhile. */
static void send_deferred(struct auv_app *app)
{
    if (!app->replies_deferred)
        return;
    if (auvi_queue_is_empty(app->inbox)) {
        app->replies_deferred = app->sender_woken = false;
        auvi_send_flush(app);
    } else if (!app->sender_woken) {
        app->sender_woken = true;
        auvi_app_wake_link_thread(app);
    }
}

static void tell_latest(struct auvi_item *item)
{
    struct auvi_view_event *event = atomic_exchange_explicit(
        &item->view->latest[item->u.slot], NULL, memory_order_acq_rel);

    if (!event)
        return;
    auvi_handlers_observe(item->view, &event->event);
    free(event);
}

static void run_result(struct auvi_item *item)
{
    item->u.result.request.fn(item->view, item->u.result.error,
                              item->u.result.message,
                              item->u.result.request.user);
    auv_message_unref(item->u.result.message);
}

enum auvi_process_result auvi_dispatch(void *ctx, void *what)
{
    struct auv_app *app = ctx;
    struct auvi_item *item = what;
    auv_view *view = item->view;
    enum auvi_process_result result = AUVI_PROCESS_CONTINUE;

    switch (item->kind) {
    case AUVI_ITEM_CALL:
        auvi_pressure_remove(item->u.call->view, item->u.call->message);
        /* The item lies inside the call, which the handler may keep. */
        if (auvi_call_is_cancelled(item->u.call) ||
            auvi_handlers_call(item->u.call->view, item->u.call))
            atomic_fetch_add_explicit(&app->calls_handled, 1,
                                      memory_order_relaxed);
        auv_call_unref(item->u.call);
        send_deferred(app);
        return result;
    case AUVI_ITEM_FETCH:
        /* As with a call: the item lies inside. */
        if (!auv_fetch_is_cancelled(item->u.fetch))
            auvi_handlers_fetch(item->u.fetch->view, item->u.fetch);
        auv_fetch_unref(item->u.fetch);
        send_deferred(app);
        return result;
    case AUVI_ITEM_ROOM:
        auvi_body_tell(item->u.fetch);
        send_deferred(app);
        return result;
    case AUVI_ITEM_CANCELLED:
        auvi_call_cancelled(item, true);
        send_deferred(app);
        return result;
    case AUVI_ITEM_EVENT:
        auvi_pressure_remove(view, item->u.message);
        auvi_handlers_event(view, item->u.message);
        auv_message_unref(item->u.message);
        break;
    case AUVI_ITEM_RESULT:
        run_result(item);
        break;
    case AUVI_ITEM_HANDLER_OP:
        auvi_handlers_apply(view, item->u.op);
        break;
    case AUVI_ITEM_VIEW_EVENT:
        if (item->u.event->event.kind == AUV_EVENT_ACTIVE)
            view->told_active = true;
        auvi_handlers_observe(view, &item->u.event->event);
        free(item->u.event);
        break;
    case AUVI_ITEM_LATEST:
        tell_latest(item);
        break;
    case AUVI_ITEM_STATE: /* the items of these three lie inside of others */
        auvi_state_dispatch(view);
        auv_view_unref(view);
        send_deferred(app);
        return result;
    case AUVI_ITEM_CHANNEL:
        auvi_channel_dispatch(item->u.channel);
        send_deferred(app);
        return result;
    case AUVI_ITEM_OFFER:
        auvi_offer_dispatch(item->u.offer);
        send_deferred(app);
        return result;
    case AUVI_ITEM_POST:
        item->u.post.fn(item->u.post.user);
        break;
    case AUVI_ITEM_CLOSED:
        auvi_handlers_observe(view, &item->u.event->event);
        free(item->u.event);
        auvi_handlers_free(view);
        if (auvi_registry_remove(app, view))
            auv_view_unref(view);
        if (auvi_registry_is_done(app))
            result = AUVI_PROCESS_CLOSE;
        break;
    }
    if (view)
        auv_view_unref(view);
    free(item);
    send_deferred(app);
    return result;
}

void auvi_item_discard(struct auvi_item *item)
{
    switch (item->kind) {
    case AUVI_ITEM_CALL:
        auvi_pressure_remove(item->u.call->view, item->u.call->message);
        auv_call_unref(item->u.call);
        return;
    case AUVI_ITEM_FETCH:
        auv_fetch_unref(item->u.fetch);
        return;
    case AUVI_ITEM_ROOM:
        auvi_body_discard(item->u.fetch);
        return;
    case AUVI_ITEM_CANCELLED:
        auvi_call_cancelled(item, false);
        return;
    case AUVI_ITEM_EVENT:
        auvi_pressure_remove(item->view, item->u.message);
        auv_message_unref(item->u.message);
        break;
    case AUVI_ITEM_RESULT:
        auv_message_unref(item->u.result.message);
        break;
    case AUVI_ITEM_HANDLER_OP:
        auvi_handler_op_discard(item->u.op);
        break;
    case AUVI_ITEM_VIEW_EVENT:
    case AUVI_ITEM_CLOSED:
        free(item->u.event);
        break;
    case AUVI_ITEM_STATE:
        auv_view_unref(item->view);
        return;
    case AUVI_ITEM_CHANNEL:
        auvi_channel_discard(item->u.channel);
        return;
    case AUVI_ITEM_OFFER:
        auvi_offer_discard(item->u.offer);
        return;
    case AUVI_ITEM_LATEST:
    case AUVI_ITEM_POST:
        break;
    }
    if (item->view)
        auv_view_unref(item->view);
    free(item);
}
