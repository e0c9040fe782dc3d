/*
 * receive.c - from the data links into the inbox.
 *
 * One thread at a time is the receiver: the host's inside auv_app_process(), a
 * thread in a synchronous wait, or the link thread where the host cannot poll.
 * They only ever try the lock; the links are level-triggered, so whoever comes
 * second loses nothing by leaving.
 *
 * A page is hostile: what it sends is checked by the frame decoder, then here;
 * a page that breaks the rules loses its link and nothing else happens.
 */
#include "core/core.h"

#include <stdlib.h>

#define BURST 256 /* frames of one view before the next view gets its turn */

struct outcome {
    bool wake;  /* the inbox needs a wake */
    bool flush; /* a document has come up: held messages may go */
};

/* Room that the receiver leaves in the lane, so that the CLOSED item of a view
 * always finds a place behind the page's own messages. */
static bool inbox_has_room(struct auv_app *app)
{
    return auvi_queue_length(app->inbox) + 2 * BURST <= app->capacity;
}

bool auvi_receive_is_stalled(struct auv_app *app)
{
    return atomic_load_explicit(&app->receive_stalled, memory_order_acquire);
}

void auvi_receive_resume(struct auv_app *app)
{
    if (auvi_receive_is_stalled(app) && inbox_has_room(app) &&
        atomic_exchange_explicit(&app->receive_stalled, false,
                                 memory_order_acq_rel))
        auvi_app_wake_link_thread(app);
}

static void push(struct auv_app *app, struct auvi_item *item,
                 struct outcome *outcome)
{
    int pushed = auvi_queue_push(app->inbox, AUVI_NORMAL, item);

    if (pushed == 1)
        outcome->wake = true;
    if (pushed >= 0)
        return;
    /* Room was checked; posts and operations use other lanes. Shutdown. */
    atomic_fetch_add_explicit(&app->dropped, 1, memory_order_relaxed);
    auvi_item_discard(item);
}

static int receive_call(auv_view *view, struct auvi_frame *frame,
                        struct outcome *outcome)
{
    struct auv_message *message;
    struct auv_call *call;

    if (auvi_message_from_frame(frame, &message) < 0)
        return AUV_ERR_NOMEM;
    call = auvi_call_create(view, message, frame->id, frame->generation);
    if (!call) {
        auv_message_unref(message);
        return AUV_ERR_NOMEM;
    }
    push(view->app, &call->item, outcome);
    return AUV_OK;
}

static int receive_event(auv_view *view, struct auvi_frame *frame,
                         struct outcome *outcome)
{
    struct auvi_item *item = calloc(1, sizeof(*item));

    if (!item || auvi_message_from_frame(frame, &item->u.message) < 0) {
        free(item);
        return AUV_ERR_NOMEM;
    }
    item->kind = AUVI_ITEM_EVENT;
    item->view = auv_view_ref(view);
    push(view->app, item, outcome);
    return AUV_OK;
}

static int receive_result(auv_view *view, struct auvi_frame *frame)
{
    struct auvi_request request;
    struct auv_message *message = NULL;
    int error = frame->flags & AUVI_FRAME_ERROR ? AUV_ERR_SCRIPT : AUV_OK;

    if (!auvi_requests_take(view->app->requests, frame->id, &request))
        return AUV_OK; /* timed out, or the page made the number up */
    if (request.view != view->id) {
        /* A page guessed the number of another view's request: end it, rather
         * than leave it without an owner, and drop this page's link. */
        auvi_request_end(view->app, &request, AUV_ERR_PROTOCOL, NULL);
        return AUV_ERR_PROTOCOL;
    }
    if (auvi_message_from_frame(frame, &message) < 0)
        error = AUV_ERR_NOMEM;
    auvi_request_end(view->app, &request, error, message);
    return AUV_OK;
}

static void receive_hello(auv_view *view, const struct auvi_frame *frame,
                          struct outcome *outcome)
{
    auv_event event = {.kind = AUV_EVENT_PAGE_READY, .text = frame->name};

    /* Navigation first: the sender takes a non-zero document as the sign that
     * both are of the new document. */
    atomic_store_explicit(
        &view->document_navigation,
        atomic_load_explicit(&view->navigation_issued, memory_order_acquire),
        memory_order_relaxed);
    atomic_store_explicit(&view->document, frame->generation,
                          memory_order_release);
    outcome->flush = true;
    if (frame->id == 1)
        auvi_view_tell(view, &event);
}

/* In the lane of the page's other messages: a page that floods errors waits
 * like one that floods events. */
static int receive_script_error(auv_view *view, struct auvi_frame *frame,
                                struct outcome *outcome)
{
    auv_event event = {.kind = AUV_EVENT_SCRIPT_ERROR, .error = AUV_ERR_SCRIPT};
    struct auvi_item *item;

    if (!frame->payload)
        return AUV_ERR_PROTOCOL; /* the bridge sends short texts only */
    event.text = frame->payload;
    event.source = frame->name;
    event.y = (int32_t)(frame->id & INT32_MAX);
    item = auvi_view_event_item(view, &event);
    if (!item)
        return AUV_ERR_NOMEM;
    push(view->app, item, outcome);
    return AUV_OK;
}

static int receive_frame(auv_view *view, struct auvi_frame *frame,
                         struct outcome *outcome)
{
    uint32_t document =
        atomic_load_explicit(&view->document, memory_order_relaxed);

    switch (frame->kind) {
    case AUVI_FRAME_HELLO:
        if (!frame->generation)
            return AUV_ERR_PROTOCOL;
        receive_hello(view, frame, outcome);
        return AUV_OK;
    case AUVI_FRAME_GONE:
        if (frame->generation == document) {
            atomic_store_explicit(&view->document, 0, memory_order_release);
            auvi_mutex_lock(&view->app->send_lock);
            auvi_send_end_evals(view, AUV_ERR_CANCELLED);
            auvi_mutex_unlock(&view->app->send_lock);
        }
        if (frame->generation)
            auvi_calls_cancel(view, 0, frame->generation);
        return AUV_OK;
    case AUVI_FRAME_CALL:
        return receive_call(view, frame, outcome);
    case AUVI_FRAME_EVENT:
        return receive_event(view, frame, outcome);
    case AUVI_FRAME_SCRIPT_ERROR:
        return receive_script_error(view, frame, outcome);
    case AUVI_FRAME_RESULT:
        return receive_result(view, frame);
    case AUVI_FRAME_CANCEL:
        if (frame->id)
            auvi_calls_cancel(view, frame->id, frame->generation);
        return AUV_OK;
    default:
        return AUV_ERR_PROTOCOL;
    }
}

/* This process had no free descriptor for what came with the frame. Whoever
 * waits for it hears so; the link is fine. */
static int receive_without_contents(auv_view *view,
                                    const struct auvi_frame *frame)
{
    struct auvi_request request;
    struct auv_message *error;

    auvi_log(AUV_LOG_ERROR, "view %u: a message was lost: %s", view->id,
             auv_last_error_message());
    atomic_fetch_add_explicit(&view->app->dropped, 1, memory_order_relaxed);
    if (frame->kind == AUVI_FRAME_RESULT &&
        auvi_requests_take(view->app->requests, frame->id, &request)) {
        auvi_request_end(view->app, &request, AUV_ERR_SYSTEM, NULL);
    } else if (frame->kind == AUVI_FRAME_CALL &&
               auvi_message_create_error(
                   auv_error_name(AUV_ERR_SYSTEM), auv_last_error_message(),
                   AUV_ERR_SYSTEM, NULL, &error) == AUV_OK) {
        error->kind = AUVI_FRAME_REPLY;
        error->flags = AUVI_FRAME_ERROR;
        error->id = frame->id;
        error->generation = frame->generation;
        if (auvi_send(view, error, false) < 0)
            auv_message_unref(error);
    }
    return AUV_OK;
}

/* receive_lock. The page process is gone, or broke the rules. The link object
 * itself stays until the link thread replaces it: the sender may hold it. */
static void link_ended(auv_view *view, int error)
{
    if (error == AUV_ERR_PROTOCOL)
        auvi_log(AUV_LOG_WARNING,
                 "view %u: its page broke the protocol; link closed", view->id);
    auvi_poller_remove(view->app->links_poller, auvi_link_fd(view->link));
    view->link_registered = false;
    view->link_has_more = false;
    auvi_link_shutdown(view->link);
    atomic_store_explicit(&view->document, 0, memory_order_release);
    auvi_calls_cancel(view, 0, 0);
    /* Not those that still wait for a page: another may be on its way, as when
     * a navigation changes the process. */
    auvi_mutex_lock(&view->app->send_lock);
    auvi_send_end_evals(view, auvi_view_loss(view));
    auvi_mutex_unlock(&view->app->send_lock);
}

/* receive_lock */
static void receive_view(auv_view *view, struct outcome *outcome)
{
    struct auvi_frame frame;
    int got = 0;

    view->link_has_more = false;
    if (!view->link || !view->link_registered)
        return;
    for (int i = 0; i < BURST; i++) {
        got = auvi_link_receive(view->link, &frame);
        if (got == AUV_ERR_SYSTEM && frame.kind != 0)
            got = receive_without_contents(view, &frame);
        else if (got == 1)
            got = receive_frame(view, &frame, outcome);
        else
            break;
        auvi_frame_release(&frame);
        if (got == AUV_ERR_NOMEM)
            auvi_log(AUV_LOG_ERROR, "view %u: a message was lost: %s", view->id,
                     auv_last_error_message());
        else if (got < 0)
            break;
    }
    if (got == AUV_ERR_CLOSED || got == AUV_ERR_PROTOCOL)
        link_ended(view, got);
    else
        view->link_has_more = auvi_link_has_more(view->link);
    if (view->link_has_more)
        atomic_store_explicit(&view->app->receive_again, true,
                              memory_order_release);
}

/* receive_lock. Views that were left in the middle of a packet: rare. */
static void receive_rest(struct auv_app *app, struct outcome *outcome)
{
    uint32_t ids[64];
    size_t count = 0;

    auvi_mutex_lock(&app->registry_lock);
    for (auv_view *view = app->views; view; view = view->next) {
        if (!view->link_has_more)
            continue;
        if (count < 64)
            ids[count++] = view->id;
        else /* the next round */
            atomic_store_explicit(&app->receive_again, true,
                                  memory_order_release);
    }
    auvi_mutex_unlock(&app->registry_lock);
    for (size_t i = 0; i < count; i++) {
        auv_view *view = auvi_registry_find(app, ids[i]);

        if (view && inbox_has_room(app))
            receive_view(view, outcome);
        else if (view)
            atomic_store_explicit(&app->receive_again, true,
                                  memory_order_release);
        auv_view_unref(view);
    }
}

bool auvi_receive_has_more(struct auv_app *app)
{
    return atomic_load_explicit(&app->receive_again, memory_order_acquire);
}

bool auvi_receive(struct auv_app *app)
{
    struct auvi_poll_event events[16];
    struct outcome outcome = {false, false};
    int count;

    if (!auvi_mutex_try_lock(&app->receive_lock))
        return false;
    if (!inbox_has_room(app)) {
        atomic_store_explicit(&app->receive_stalled, true,
                              memory_order_release);
        auvi_mutex_unlock(&app->receive_lock);
        return false;
    }
    if (atomic_exchange_explicit(&app->receive_again, false,
                                 memory_order_acq_rel))
        receive_rest(app, &outcome);
    count = auvi_poller_wait(app->links_poller, events, 16, 0);
    for (int i = 0; i < count && inbox_has_room(app); i++) {
        auv_view *view = auvi_registry_find(app, (uint32_t)events[i].key);

        if (!view)
            continue;
        receive_view(view, &outcome);
        auv_view_unref(view);
    }
    auvi_mutex_unlock(&app->receive_lock);

    if (outcome.flush) {
        atomic_store_explicit(&app->flush_wanted, true, memory_order_release);
        auvi_send_flush(app);
    }
    return outcome.wake;
}

void auvi_view_set_link(auv_view *view, struct auvi_link *link)
{
    struct auv_app *app = view->app;
    struct auvi_link *old;

    auvi_mutex_lock(&app->receive_lock);
    auvi_mutex_lock(&app->send_lock);
    old = view->link;
    if (old && view->link_registered)
        auvi_poller_remove(app->links_poller, auvi_link_fd(old));
    if (old && view->link_blocked)
        auvi_poller_remove(app->link_poller, auvi_link_fd(old));
    view->link = link;
    view->link_blocked = false;
    view->link_has_more = false;
    view->link_registered =
        link && auvi_poller_add(app->links_poller, auvi_link_fd(link),
                                AUVI_POLL_IN, view->id) == AUV_OK;
    atomic_store_explicit(&view->document, 0, memory_order_release);
    /* A view that is being destroyed ends all it has, with its own error. */
    if (auvi_lifecycle_state(&view->lifecycle, NULL) < AUV_STATE_DESTROYING)
        auvi_send_end_evals(view,
                            link ? AUV_ERR_CANCELLED : auvi_view_loss(view));
    auvi_mutex_unlock(&app->send_lock);
    auvi_mutex_unlock(&app->receive_lock);
    auvi_link_close(old);
    if (old)
        auvi_calls_cancel(view, 0, 0);
}
