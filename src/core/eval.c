/*
 * eval.c - scripts with a result: how a request starts, waits and ends.
 */
#include "core/core.h"

#include <stdlib.h>
#include <string.h>

/* On the stack of a thread that waits. Whoever takes the request fills it in,
 * then `done`: the last touch, after which the waiter may return. */
struct waiter {
    _Atomic uint32_t done;
    int wake_fd;
    int error;
    struct auv_message *message;
};

void auvi_request_end(struct auv_app *app, const struct auvi_request *request,
                      int error, struct auv_message *message)
{
    struct waiter *waiter = request->waiter;
    struct auvi_item *item;

    if (waiter) {
        int fd = waiter->wake_fd;

        waiter->error = error;
        waiter->message = message;
        /* The descriptor first: after `done` the waiter may close it. */
        auvi_wake_fd_signal(fd);
        /* Release: the waiter's acquire sees error and message. */
        atomic_store_explicit(&waiter->done, 1, memory_order_release);
        return;
    }
    item = request->carrier;
    if (item) {
        item->kind = AUVI_ITEM_RESULT;
        item->view = request->owner;
        item->u.result.request = *request;
        item->u.result.error = error;
        item->u.result.message = message;
        if (auvi_app_push_reserved(app, item) >= 0)
            return;
        free(item);
    }
    auv_view_unref(request->owner);
    if (request->fn)
        auvi_log(AUV_LOG_ERROR, "a result was lost: %s",
                 auv_last_error_message());
    auv_message_unref(message);
}

void auvi_requests_end_view(struct auv_app *app, uint32_t view, int error)
{
    struct auvi_request request;

    while (auvi_requests_take_view(app->requests, view, &request))
        auvi_request_end(app, &request, error, NULL);
}

/* Nobody waits for the script any more: tell the page, which may hold it as a
 * promise. Only a courtesy, so nothing is done about a failure. */
static void cancel_script(auv_view *view, uint64_t id)
{
    struct auv_message *message;

    if (auvi_message_create("", 0, NULL, 0, NULL, 0, &message) < 0)
        return;
    message->kind = AUVI_FRAME_CANCEL;
    message->id = id;
    if (auvi_send(view, message, false) < 0)
        auv_message_unref(message);
}

int64_t auvi_requests_expire(struct auv_app *app)
{
    struct auvi_request request;
    int64_t next = INT64_MAX;

    if (!auvi_requests_take_expired(app->requests, auvi_clock_us(), &request,
                                    &next))
        return next;
    do {
        if (request.owner)
            cancel_script(request.owner, request.id);
        auvi_request_end(app, &request, AUV_ERR_TIMEOUT, NULL);
    } while (auvi_requests_take_expired(app->requests, auvi_clock_us(),
                                        &request, &next));
    return next;
}

/* Build and send an EVAL under the request's number. */
static int start(auv_view *view, const char *script, size_t length,
                 struct auvi_request *request)
{
    struct auv_message *message;
    int error;

    if (!view || !script)
        return auvi_fail(AUV_ERR_ARG, "view or script is NULL");
    if (auvi_lifecycle_is_closing(&view->lifecycle))
        return auvi_fail(AUV_ERR_CLOSED, "the view is closing or closed");
    if (request->fn && auvi_app_is_spilled(view->app))
        return auvi_fail(AUV_ERR_QUEUE_FULL,
                         "too many results wait for auv_app_process()");
    error = auvi_message_create("", 0, script, length, NULL, 0, &message);
    if (error < 0)
        return error;
    /* Now: what is accepted is also ended, so its end cannot need memory. */
    if (request->fn) {
        request->carrier = calloc(1, sizeof(struct auvi_item));
        if (!request->carrier) {
            auv_message_unref(message);
            return auvi_fail(AUV_ERR_NOMEM, "no memory for a script");
        }
    }
    request->view = view->id;
    if (!request->waiter)
        request->owner = auv_view_ref(view);
    error = auvi_requests_add(view->app->requests, request);
    if (error < 0) {
        auv_message_unref(message);
        auv_view_unref(request->owner);
        free(request->carrier);
        return auvi_fail(error, "too many scripts are waiting for a result");
    }
    message->kind = AUVI_FRAME_EVAL;
    message->id = request->id;
    error = auvi_send(view, message, false);
    if (error < 0) {
        struct auvi_request taken;

        auv_message_unref(message);
        /* If somebody ended it meanwhile, the caller still hears of it once:
         * by the function or waiter, so this call then succeeded. */
        if (!auvi_requests_take(view->app->requests, request->id, &taken))
            return AUV_OK;
        auv_view_unref(taken.owner);
        free(taken.carrier);
        return error;
    }
    /* The view may have closed between the check and the add, after its
     * requests were ended: then nobody else will end this one. */
    if (auvi_lifecycle_is_destroyed(&view->lifecycle))
        auvi_requests_end_view(view->app, view->id, AUV_ERR_CLOSED);
    else
        auvi_app_deadline_added(view->app, request->deadline_us);
    return AUV_OK;
}

static int64_t deadline_of(int64_t timeout_ms)
{
    if (timeout_ms < 0 || timeout_ms > INT64_MAX / 4000)
        return INT64_MAX;
    return auvi_clock_us() + timeout_ms * 1000;
}

int auv_view_eval(auv_view *view, const char *script, size_t length,
                  int64_t timeout_ms, auv_result_fn fn, void *user)
{
    struct auvi_request request = {.fn = fn, .user = user};

    request.deadline_us = deadline_of(timeout_ms);
    return start(view, script, length, &request);
}

/* Read the links ourselves until our own answer has come. The host's thread
 * may be the one that waits, so nobody else can be relied upon. */
static void wait_for(struct auv_app *app, struct waiter *waiter, uint64_t id,
                     int64_t deadline)
{
    struct auvi_request taken;
    struct auvi_poll_event events[2];
    int poller = auvi_poller_create();

    if (poller >= 0) {
        auvi_poller_add(poller, waiter->wake_fd, AUVI_POLL_IN, 0);
        auvi_poller_add(poller, app->links_poller, AUVI_POLL_IN, 1);
    }
    while (!atomic_load_explicit(&waiter->done, memory_order_acquire)) {
        int64_t left = deadline == INT64_MAX ? -1 : deadline - auvi_clock_us();

        if (deadline != INT64_MAX && left <= 0) {
            /* Winning the slot means that nobody will touch the waiter. Else
             * somebody is filling it in this moment. */
            if (auvi_requests_take(app->requests, id, &taken)) {
                waiter->error = AUV_ERR_TIMEOUT;
                break;
            }
            left = 1000;
        }
        if (auvi_receive(app))
            auvi_app_wake_consumer(app, 1, AUVI_HIGH);
        if (atomic_load_explicit(&waiter->done, memory_order_acquire))
            break;
        if (auvi_receive_has_more(app) && !auvi_receive_is_stalled(app))
            continue;
        if (poller >= 0 && !auvi_receive_is_stalled(app) &&
            atomic_load(&app->paused_views) == 0) {
            auvi_poller_wait(poller, events, 2, left);
            continue;
        }
        /* The answer may sit behind more than the inbox can take, and this may
         * be the thread that would make room. */
        if (auvi_receive_behind(app) == AUV_ERR_QUEUE_FULL &&
            auvi_requests_take(app->requests, id, &taken)) {
            waiter->error = AUV_ERR_QUEUE_FULL;
            break;
        }
        auvi_futex_wait(&waiter->done, 0,
                        left < 0 || left > 1000 ? 1000 : left);
    }
    auvi_fd_close(poller);
}

int auv_view_eval_wait(auv_view *view, const char *script, size_t length,
                       int64_t timeout_ms, auv_message **out)
{
    struct waiter waiter = {.wake_fd = -1};
    struct auvi_request request = {.waiter = &waiter};
    int64_t deadline = deadline_of(timeout_ms);
    int error;

    if (out)
        *out = NULL;
    waiter.wake_fd = auvi_wake_fd_create();
    if (waiter.wake_fd < 0)
        return AUV_ERR_SYSTEM;
    /* The waiter keeps its own deadline: the link thread need not wake. */
    request.deadline_us = INT64_MAX;
    error = start(view, script, length, &request);
    if (error == AUV_OK) {
        auvi_send_flush(view->app);
        wait_for(view->app, &waiter, request.id, deadline);
        error = waiter.error;
        if (out)
            *out = waiter.message;
        else
            auv_message_unref(waiter.message);
        if (error == AUV_ERR_TIMEOUT)
            cancel_script(view, request.id);
        if (error == AUV_ERR_TIMEOUT)
            auvi_fail(error, "the script gave no result in %lld ms",
                      (long long)timeout_ms);
        else if (error < 0 && error != AUV_ERR_SCRIPT)
            auvi_fail(error, "%s", auv_strerror(error));
    }
    auvi_fd_close(waiter.wake_fd);
    return error;
}
