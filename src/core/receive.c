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
#include "core/streams.h"

#include <stdlib.h>

#define BURST 256 /* frames of one view before the next view gets its turn */

struct outcome {
    bool wake;   /* the inbox needs a wake */
    bool flush;  /* a document has come up: held messages may go */
    bool behind; /* park what finds no room, and read paused links too */
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

static const struct auv_message *item_message(const struct auvi_item *item)
{
    return item->kind == AUVI_ITEM_CALL    ? item->u.call->message
           : item->kind == AUVI_ITEM_EVENT ? item->u.message
                                           : NULL;
}

static void park(struct auv_app *app, struct auvi_item *item)
{
    item->next = NULL;
    *app->parked_tail = item;
    app->parked_tail = &item->next;
    app->parked_count++;
    atomic_store_explicit(&app->parking, true, memory_order_release);
}

static void push(struct auv_app *app, struct auvi_item *item,
                 struct outcome *outcome)
{
    const struct auv_message *message = item_message(item);
    enum auvi_priority priority;
    int pushed;

    if (message)
        auvi_pressure_add(item->kind == AUVI_ITEM_CALL ? item->u.call->view
                                                       : item->view,
                          message);
    if (app->parked || (outcome->behind && !inbox_has_room(app))) {
        park(app, item);
        return;
    }
    priority = item->kind == AUVI_ITEM_CALL ? AUVI_HIGH : AUVI_NORMAL;
    pushed = auvi_queue_push(app->inbox, AUVI_NORMAL, item);
    if (pushed >= 0 && app->batches_wakes) {
        /* Which of the messages it is decides how soon. */
        auvi_app_wake_consumer(app, pushed, priority);
        return;
    }
    if (pushed == 1)
        outcome->wake = true;
    if (pushed >= 0)
        return;
    if (pushed == AUV_ERR_QUEUE_FULL) { /* posts took the room meanwhile */
        park(app, item);
        return;
    }
    atomic_fetch_add_explicit(&app->dropped, 1, memory_order_relaxed);
    auvi_item_discard(item);
}

/* receive_lock */
static bool unpark(struct auv_app *app)
{
    bool wake = false;

    while (app->parked && inbox_has_room(app)) {
        struct auvi_item *next = app->parked->next;
        int pushed = auvi_queue_push(app->inbox, AUVI_NORMAL, app->parked);

        if (pushed < 0)
            break;
        wake |= pushed == 1;
        app->parked = next;
        app->parked_count--;
    }
    if (!app->parked) {
        app->parked_tail = &app->parked;
        atomic_store_explicit(&app->parking, false, memory_order_release);
    }
    return wake;
}

bool auvi_receive_unpark(struct auv_app *app)
{
    bool had;

    auvi_mutex_lock(&app->receive_lock);
    had = app->parked != NULL;
    unpark(app);
    auvi_mutex_unlock(&app->receive_lock);
    return had;
}

bool auvi_receive_park_behind(struct auv_app *app, struct auvi_item *item)
{
    bool parked;

    if (!atomic_load_explicit(&app->parking, memory_order_acquire))
        return false;
    auvi_mutex_lock(&app->receive_lock);
    parked = app->parked != NULL;
    if (parked)
        park(app, item);
    auvi_mutex_unlock(&app->receive_lock);
    return parked;
}

static int no_memory(void)
{
    return auvi_fail(AUV_ERR_NOMEM, "no memory for a message");
}

/* Answer a CALL that no handler will see. */
static void refuse_call(auv_view *view, const struct auvi_frame *frame,
                        int reason, const char *text)
{
    struct auv_message *error;

    if (auvi_message_create_error(auv_error_name(reason), text, reason, NULL,
                                  &error) < 0)
        return;
    error->kind = AUVI_FRAME_REPLY;
    error->flags = AUVI_FRAME_ERROR;
    error->id = frame->id;
    error->generation = frame->generation;
    auvi_call_answer(view, error, false);
}

static int receive_call(auv_view *view, struct auvi_frame *frame,
                        struct outcome *outcome)
{
    struct auv_message *message;
    struct auv_call *call;
    int error;

    if (!auvi_documents_may(view, frame)) {
        refuse_call(view, frame, AUV_ERR_DENIED,
                    "this document is not granted that method");
        return AUV_OK;
    }
    if (auvi_message_from_frame(frame, &message) < 0)
        return no_memory();
    error =
        auvi_call_create(view, message, frame->id, frame->generation, &call);
    if (error < 0) {
        auv_message_unref(message);
        if (error != AUV_ERR_QUEUE_FULL)
            return error;
        refuse_call(view, frame, error, auv_last_error_message());
        return AUV_OK;
    }
    push(view->app, &call->item, outcome);
    return AUV_OK;
}

static int receive_event(auv_view *view, struct auvi_frame *frame,
                         struct outcome *outcome)
{
    struct auvi_item *item;

    if (!auvi_documents_may(view, frame)) {
        atomic_fetch_add_explicit(&view->app->dropped, 1, memory_order_relaxed);
        return AUV_OK;
    }
    item = calloc(1, sizeof(*item));
    if (!item || auvi_message_from_frame(frame, &item->u.message) < 0) {
        free(item);
        return no_memory();
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
    bool foreign;

    if (!auvi_requests_take_of(view->app->requests, frame->id, view->id,
                               &request, &foreign))
        /* Timed out; or the page has guessed a number of another view's. */
        return foreign ? AUV_ERR_PROTOCOL : AUV_OK;
    if (auvi_message_from_frame(frame, &message) < 0)
        error = AUV_ERR_NOMEM;
    auvi_request_end(view->app, &request, error, message);
    return AUV_OK;
}

void auvi_view_navigated(auv_view *view, uint32_t navigation)
{
    uint32_t settled =
        atomic_load_explicit(&view->document_navigation, memory_order_relaxed);

    /* The page says so to whoever reads its link, the engine to the link
     * thread: in any order. */
    do
        if ((int32_t)(navigation - settled) <= 0)
            return;
    while (!atomic_compare_exchange_weak_explicit(
        &view->document_navigation, &settled, navigation, memory_order_release,
        memory_order_relaxed));
    auvi_send_want_flush(view);
}

static int receive_navigated(auv_view *view, const struct auvi_frame *frame,
                             uint32_t document, struct outcome *outcome)
{
    uint32_t navigation = (uint32_t)frame->id;
    uint32_t asked =
        atomic_load_explicit(&view->navigation, memory_order_relaxed);

    if (frame->id > UINT32_MAX || (int32_t)(asked - navigation) < 0)
        return AUV_ERR_PROTOCOL; /* nobody has asked for that yet */
    if (frame->generation == document && document) {
        auvi_view_navigated(view, navigation);
        outcome->flush = true;
    }
    return AUV_OK;
}

/* The top document of a HELLO is the view's now. */
static void accept_document(auv_view *view, const struct auvi_frame *frame,
                            struct outcome *outcome)
{
    auv_event event = {.kind = AUV_EVENT_PAGE_READY, .text = frame->name};

    bool shares;

    /* Which navigation it answers only its NAVIGATED tells: the page may have
     * gone there by itself, or it may be the answer to an earlier one. */
    atomic_store_explicit(&view->document, frame->generation,
                          memory_order_release);
    auvi_send_want_flush(view);
    outcome->flush = true;
    shares = auvi_documents_shares(view, frame->generation);
    auvi_streams_document(view, shares ? frame->generation : 0);
    if (auvi_documents_granted(view, frame->generation)) {
        atomic_store_explicit(&view->document_granted, frame->generation,
                              memory_order_release);
        auvi_methods_send(view, frame->generation);
        auvi_view_tell(view, &event);
    }
    auvi_recover_page_up(view);
}

#define HELD 2 /* the link must not be read on now */

static int receive_hello(auv_view *view, const struct auvi_frame *frame,
                         struct outcome *outcome)
{
    int known = auvi_documents_hello(view, frame);

    if (known == 1 && !(frame->id & AUVI_HELLO_FRAME))
        accept_document(view, frame, outcome);
    return known == 0 ? HELD : known < 0 ? known : AUV_OK;
}

/* False: the engine has still not said what the page is. Taken out of the
 * poller meanwhile, which would report it for ever. */
static bool resume_held(auv_view *view, struct outcome *outcome)
{
    struct auvi_frame hello;

    if (auvi_documents_resume(view, &hello) != 1) {
        auvi_poller_remove(view->app->links_poller, auvi_link_fd(view->link));
        return false;
    }
    accept_document(view, &hello, outcome);
    return true;
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
    if (!auvi_documents_granted(view, frame->generation)) {
        atomic_fetch_add_explicit(&view->app->dropped, 1, memory_order_relaxed);
        return AUV_OK;
    }
    event.text = frame->payload;
    event.source = frame->name;
    event.y = (int32_t)(frame->id & INT32_MAX);
    item = auvi_view_event_item(view, &event);
    if (!item)
        return no_memory();
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
        return receive_hello(view, frame, outcome);
    case AUVI_FRAME_NAVIGATED:
        return receive_navigated(view, frame, document, outcome);
    case AUVI_FRAME_GONE:
        auvi_documents_gone(view, frame->generation);
        if (frame->generation == document) {
            atomic_store_explicit(&view->document, 0, memory_order_release);
            auvi_mutex_lock(&view->app->send_lock);
            auvi_send_end_evals(view, AUV_ERR_CANCELLED);
            auvi_mutex_unlock(&view->app->send_lock);
            auvi_streams_gone(view, AUV_ERR_CANCELLED);
        }
        if (frame->generation)
            auvi_calls_cancel(view, 0, frame->generation);
        return AUV_OK;
    case AUVI_FRAME_CALL:
        return receive_call(view, frame, outcome);
    case AUVI_FRAME_EVENT:
        return receive_event(view, frame, outcome);
    case AUVI_FRAME_STATE_SET:
    case AUVI_FRAME_STATE_DELETE:
    case AUVI_FRAME_CHANNEL_OPEN:
    case AUVI_FRAME_CHANNEL_DATA:
    case AUVI_FRAME_CHANNEL_CREDIT:
    case AUVI_FRAME_CHANNEL_CLOSE:
        if (!auvi_documents_shares(view, frame->generation)) {
            atomic_fetch_add_explicit(&view->app->dropped, 1,
                                      memory_order_relaxed);
            return AUV_OK;
        }
        outcome->flush = true; /* what it is told in return */
        return auvi_streams_receive(view, frame, AUV_OK);
    case AUVI_FRAME_SCRIPT_ERROR:
        return receive_script_error(view, frame, outcome);
    case AUVI_FRAME_RESULT:
        return receive_result(view, frame);
    case AUVI_FRAME_PONG:
        return AUV_OK; /* that it has come is all */
    case AUVI_FRAME_CANCEL:
        if (frame->id)
            auvi_calls_cancel(view, frame->id, frame->generation);
        return AUV_OK;
    default:
        return AUV_ERR_PROTOCOL;
    }
}

/* This process had no free descriptor for what came with the frame, or no
 * memory for it. Whoever waits for it hears so; the link is fine. */
static int receive_without_contents(auv_view *view, struct auvi_frame *frame,
                                    int reason)
{
    struct auvi_request request;
    bool foreign;

    auvi_log(AUV_LOG_ERROR, "view %u: a message was lost: %s", view->id,
             auv_last_error_message());
    atomic_fetch_add_explicit(&view->app->dropped, 1, memory_order_relaxed);
    if (frame->kind == AUVI_FRAME_RESULT &&
        auvi_requests_take_of(view->app->requests, frame->id, view->id,
                              &request, &foreign)) {
        auvi_request_end(view->app, &request, reason, NULL);
    } else if (frame->kind == AUVI_FRAME_CALL) {
        refuse_call(view, frame, reason, auv_last_error_message());
    } else if (frame->kind == AUVI_FRAME_STATE_SET ||
               frame->kind == AUVI_FRAME_CHANNEL_DATA) {
        int result = auvi_streams_receive(view, frame, reason);

        auvi_app_wake_link_thread(view->app); /* which tells the page */
        return result;
    }
    return AUV_OK;
}

/* receive_lock. The poller knows the view by its address, so it holds a
 * reference: no lookup, and no lock, between a descriptor and its view. */
static void register_link(auv_view *view, struct auvi_link *link)
{
    view->link_registered =
        auvi_poller_add(view->app->links_poller, auvi_link_fd(link),
                        AUVI_POLL_IN, (uint64_t)(uintptr_t)view) == AUV_OK;
    if (!view->link_registered)
        return;
    auv_view_ref(view);
    view->linked_next = view->app->linked;
    view->app->linked = view;
}

/* receive_lock; the caller has a reference of its own. */
static void unregister(auv_view *view)
{
    struct auv_view **at = &view->app->linked;

    if (!view->link_registered)
        return;
    while (*at != view)
        at = &(*at)->linked_next;
    *at = view->linked_next;
    auvi_poller_remove(view->app->links_poller, auvi_link_fd(view->link));
    view->link_registered = false;
    auvi_pressure_forget(view);
    auv_view_unref(view);
}

/* receive_lock. The page process is gone, or broke the rules. The link object
 * itself stays until the link thread replaces it: the sender may hold it. */
static void link_ended(auv_view *view, int error)
{
    if (error == AUV_ERR_PROTOCOL)
        auvi_log(AUV_LOG_WARNING,
                 "view %u: its page broke the protocol; link closed", view->id);
    unregister(view);
    auvi_link_shutdown(view->link);
    auvi_documents_clear(view);
    atomic_store_explicit(&view->document, 0, memory_order_release);
    auvi_calls_cancel(view, 0, 0);
    auvi_streams_gone(view, auvi_view_loss(view));
    /* Not those that still wait for a page: another may be on its way, as when
     * a navigation changes the process. */
    auvi_mutex_lock(&view->app->send_lock);
    auvi_send_end_evals(view, auvi_view_loss(view));
    auvi_mutex_unlock(&view->app->send_lock);
}

/* receive_lock */
static void add_to_rest(auv_view *view)
{
    struct auv_app *app = view->app;

    atomic_store_explicit(&app->receive_again, true, memory_order_release);
    if (view->in_rest)
        return;
    view->in_rest = true;
    view->rest_next = NULL;
    *app->rest_tail = auv_view_ref(view);
    app->rest_tail = &view->rest_next;
}

/* receive_lock */
static void receive_view(auv_view *view, struct outcome *outcome)
{
    struct auvi_frame frame;
    bool heard = false;
    int got = 0;

    if (!view->link || !view->link_registered)
        return;
    if (!outcome->behind && atomic_load(&view->paused))
        return;
    if (auvi_documents_held(view) && !resume_held(view, outcome))
        return;
    for (int i = 0; i < BURST; i++) {
        if (!outcome->behind && auvi_pressure_pause(view))
            return;
        got = auvi_link_receive(view->link, &frame);
        heard |= got == 1;
        if (got == AUV_ERR_SYSTEM && frame.kind != 0)
            got = receive_without_contents(view, &frame, got);
        else if (got == 1)
            got = receive_frame(view, &frame, outcome);
        else
            break;
        if (got == AUV_ERR_NOMEM)
            got = receive_without_contents(view, &frame, got);
        auvi_frame_release(&frame);
        if (got < 0)
            break;
        if (got == HELD)
            break;
    }
    if (heard)
        auvi_heartbeat_heard(view);
    if (got == HELD) {
        resume_held(view, outcome); /* takes the link out of the poller */
        return;
    }
    if (got == AUV_ERR_CLOSED || got == AUV_ERR_PROTOCOL)
        link_ended(view, got);
    else if (auvi_link_has_more(view->link))
        add_to_rest(view);
}

/* receive_lock. Views that were left in the middle of a packet, or awake. */
static void receive_rest(struct auv_app *app, struct outcome *outcome)
{
    auv_view *view = app->rest;

    app->rest = NULL;
    app->rest_tail = &app->rest;
    while (view) {
        auv_view *next = view->rest_next;

        view->in_rest = false;
        if (inbox_has_room(app))
            receive_view(view, outcome);
        else
            add_to_rest(view);
        auv_view_unref(view);
        view = next;
    }
}

void auvi_receive_again(auv_view *view)
{
    if (atomic_load(&view->paused)) /* it comes again when it is not */
        return;
    auvi_poller_add(view->app->links_poller, auvi_link_fd(view->link),
                    AUVI_POLL_IN, (uint64_t)(uintptr_t)view);
    if (auvi_link_has_more(view->link) || auvi_documents_held(view))
        add_to_rest(view);
}

/* So much may be parked for an answer: as much again as the inbox takes. */
static bool parking_is_full(const struct auv_app *app)
{
    return app->parked_count > app->capacity;
}

int auvi_receive_behind(struct auv_app *app)
{
    struct outcome outcome = {.behind = true};
    auv_view *views[64];
    size_t count;
    bool full;

    if (!auvi_mutex_try_lock(&app->receive_lock))
        return AUV_OK;
    count = auvi_registry_all(app, views, 64);
    full = parking_is_full(app);
    for (size_t i = 0; i < count && i < 64; i++) {
        if (!full)
            receive_view(views[i], &outcome);
        full = parking_is_full(app);
    }
    auvi_mutex_unlock(&app->receive_lock);
    for (size_t i = 0; i < count && i < 64; i++)
        auv_view_unref(views[i]);
    if (outcome.wake)
        auvi_app_wake_consumer(app, 1, AUVI_HIGH);
    if (outcome.flush)
        auvi_send_flush(app);
    return full ? AUV_ERR_QUEUE_FULL : AUV_OK;
}

void auvi_receive_forget(struct auv_app *app)
{
    while (app->rest) {
        auv_view *view = app->rest;

        app->rest = view->rest_next;
        auv_view_unref(view);
    }
}

bool auvi_receive_has_more(struct auv_app *app)
{
    return atomic_load_explicit(&app->receive_again, memory_order_acquire);
}

/* receive_lock. Nobody looks at it, and its bell may stay silent, until
 * auvi_receive_again(). */
static bool is_left_alone(const auv_view *view)
{
    return atomic_load(&view->paused) || auvi_documents_held(view);
}

/* receive_lock. Every link that has something, without asking its descriptor;
 * or only those whose bell is silent, which then is rung again. */
static void receive_linked(struct auv_app *app, bool awake,
                           struct outcome *outcome)
{
    auv_view *view = app->linked;

    if (atomic_load(&app->links_awake) != awake)
        atomic_store(&app->links_awake, awake);
    /* Referenced while listed, until this lock is let go; but for a view whose
     * link ends meanwhile, which leaves the list. */
    while (view) {
        auv_view *next = view->linked_next;

        if (!is_left_alone(view) && (awake ? auvi_link_look(view->link)
                                           : auvi_link_has_more(view->link))) {
            auv_view_ref(view);
            if (inbox_has_room(app))
                receive_view(view, outcome);
            else
                add_to_rest(view);
            auv_view_unref(view);
        }
        view = next;
    }
}

bool auvi_receive(struct auv_app *app)
{
    struct auvi_poll_event events[16];
    struct outcome outcome = {.behind = false};
    int count;

    if (!auvi_mutex_try_lock(&app->receive_lock))
        return false;
    if (app->parked)
        outcome.wake = unpark(app);
    if (app->parked || !inbox_has_room(app)) {
        atomic_store_explicit(&app->receive_stalled, true,
                              memory_order_release);
        auvi_mutex_unlock(&app->receive_lock);
        return outcome.wake;
    }
    if (atomic_exchange_explicit(&app->receive_again, false,
                                 memory_order_acq_rel))
        receive_rest(app, &outcome);
    if (atomic_load(&app->links_awake))
        receive_linked(app, false, &outcome);
    count = auvi_poller_wait(app->links_poller, events, 16, 0);
    for (int i = 0; i < count && inbox_has_room(app); i++) {
        /* Registered, hence referenced, until this lock is let go; but for the
         * link of this very view, which may end meanwhile. */
        auv_view *view = auv_view_ref((auv_view *)(uintptr_t)events[i].key);

        receive_view(view, &outcome);
        auv_view_unref(view);
    }
    auvi_mutex_unlock(&app->receive_lock);

    if (outcome.flush)
        auvi_send_flush(app);
    return outcome.wake;
}

static bool receive_without_polling(struct auv_app *app, bool awake)
{
    struct outcome outcome = {.behind = false};

    if (!auvi_mutex_try_lock(&app->receive_lock)) {
        /* The other thread may be past the links that we have looked at. */
        if (!awake)
            atomic_store_explicit(&app->receive_again, true,
                                  memory_order_release);
        return false;
    }
    if (!app->parked)
        receive_linked(app, awake, &outcome);
    auvi_mutex_unlock(&app->receive_lock);
    if (outcome.flush)
        auvi_send_flush(app);
    return outcome.wake;
}

bool auvi_receive_awake(struct auv_app *app, bool all)
{
    return all ? auvi_receive(app) : receive_without_polling(app, true);
}

void auvi_receive_settle(struct auv_app *app)
{
    (void)receive_without_polling(app, false);
}

bool auvi_receive_by_link_thread(struct auv_app *app)
{
    return !atomic_load(&app->host_receives) ||
           atomic_load(&app->sync_waiters) != 0;
}

static void set_link(auv_view *view, struct auvi_link *link, bool late)
{
    struct auv_app *app = view->app;
    struct auvi_link *old;

    auvi_mutex_lock(&app->receive_lock);
    auvi_mutex_lock(&app->send_lock);
    old = view->link;
    unregister(view);
    if (old && view->link_blocked)
        auvi_poller_remove(app->link_poller, auvi_link_fd(old));
    view->link = link;
    view->link_blocked = false;
    if (link)
        register_link(view, link);
    if (!late)
        auvi_documents_clear(view);
    atomic_store_explicit(&view->document, 0, memory_order_release);
    /* A view that is being destroyed ends all it has, with its own error. */
    if (auvi_lifecycle_state(&view->lifecycle, NULL) < AUV_STATE_DESTROYING)
        auvi_send_end_evals(view,
                            link ? AUV_ERR_CANCELLED : auvi_view_loss(view));
    auvi_mutex_unlock(&app->send_lock);
    auvi_mutex_unlock(&app->receive_lock);
    auvi_streams_gone(view, link ? AUV_ERR_CANCELLED : auvi_view_loss(view));
    auvi_link_close(old);
    if (old)
        auvi_calls_cancel(view, 0, 0);
}

void auvi_view_set_link(auv_view *view, struct auvi_link *link)
{
    set_link(view, link, false);
}

void auvi_view_set_late_link(auv_view *view, struct auvi_link *link)
{
    set_link(view, link, true);
}
