/*
 * body.c - the body of an answer that the host writes piece by piece.
 *
 * The host's end of a stream sits in the link thread's poller, at first and
 * whenever a write has found no room to be told of room, and always to be told
 * that the reader is gone. What the link thread hears becomes one item in the
 * inbox (room_item), which the consumer answers by calling the host.
 *
 * A body that is open is in app->bodies, which holds a reference; it leaves when
 * the consumer has told of its end. `lock` guards the descriptor against the
 * page's and the view's end; nothing is called under it.
 */
#include "core/fetch.h"

#include "base/stream.h"

#include <limits.h>

/* ---- the list ------------------------------------------------------------- */

static void list_body(auv_fetch *fetch)
{
    struct auv_app *app = fetch->view->app;

    auv_fetch_ref(fetch);
    auvi_mutex_lock(&app->bodies_lock);
    if (++app->next_body == 0)
        app->next_body = 1;
    fetch->number = app->next_body;
    fetch->next_body = app->bodies;
    app->bodies = fetch;
    auvi_mutex_unlock(&app->bodies_lock);
}

static void unlist_body(auv_fetch *fetch)
{
    struct auv_app *app = fetch->view->app;
    struct auv_fetch **at;

    auvi_mutex_lock(&app->bodies_lock);
    at = &app->bodies;
    while (*at && *at != fetch)
        at = &(*at)->next_body;
    if (*at)
        *at = fetch->next_body;
    auvi_mutex_unlock(&app->bodies_lock);
    auv_fetch_unref(fetch);
}

static auv_fetch *find_body(struct auv_app *app, uint64_t key)
{
    auv_fetch *fetch;

    auvi_mutex_lock(&app->bodies_lock);
    fetch = app->bodies;
    while (fetch && AUVI_KEY_BODIES + fetch->number != key)
        fetch = fetch->next_body;
    if (fetch)
        auv_fetch_ref(fetch);
    auvi_mutex_unlock(&app->bodies_lock);
    return fetch;
}

/* ---- telling the host ----------------------------------------------------- */

/* Lock held. True: the caller is to push room_item, without the lock. */
static bool want_tell(auv_fetch *fetch)
{
    if (fetch->told)
        return false;
    return fetch->told = true;
}

static void push_tell(auv_fetch *fetch)
{
    struct auv_app *app = fetch->view->app;

    if (auvi_app_push_reserved(app, &fetch->room_item) < 0)
        auvi_body_discard(fetch); /* the application has ended */
}

/* Lock held: the descriptor goes, and the reader's end with it. */
static void let_go(auv_fetch *fetch, bool whole)
{
    if (fetch->fd < 0)
        return;
    auvi_poller_remove(fetch->view->app->link_poller, fetch->fd);
    if (whole)
        auvi_stream_finish(fetch->fd);
    else
        auvi_fd_close(fetch->fd);
    fetch->fd = -1;
}

void auvi_body_break(auv_fetch *fetch, int error)
{
    bool tell = false;

    auvi_mutex_lock(&fetch->lock);
    if (fetch->is_stream && !fetch->ended && fetch->error == AUV_OK) {
        fetch->error = error;
        let_go(fetch, false);
        tell = want_tell(fetch);
    }
    auvi_mutex_unlock(&fetch->lock);
    if (tell)
        push_tell(fetch);
}

void auvi_body_ready(struct auv_app *app, uint64_t key, unsigned events)
{
    auv_fetch *fetch = find_body(app, key);
    bool tell = false;

    if (!fetch)
        return; /* ended meanwhile */
    auvi_mutex_lock(&fetch->lock);
    if (fetch->fd >= 0 && (events & AUVI_POLL_HANGUP)) {
        fetch->error = AUV_ERR_CANCELLED;
        let_go(fetch, false);
        tell = want_tell(fetch);
    } else if (fetch->fd >= 0 && fetch->wants_room) {
        fetch->wants_room = false;
        auvi_poller_change(app->link_poller, fetch->fd, 0, key);
        tell = want_tell(fetch);
    }
    auvi_mutex_unlock(&fetch->lock);
    if (tell)
        push_tell(fetch);
    auv_fetch_unref(fetch);
}

/* After the last call of its function. */
static void forget_body(auv_fetch *fetch)
{
    if (fetch->free_user)
        fetch->free_user(fetch->user);
    fetch->free_user = NULL;
    fetch->room = NULL;
    atomic_fetch_sub_explicit(&fetch->view->bodies, 1, memory_order_relaxed);
    unlist_body(fetch);
}

void auvi_body_tell(auv_fetch *fetch)
{
    bool ended;
    int error;

    auvi_mutex_lock(&fetch->lock);
    fetch->told = false;
    ended = fetch->ended;
    error = fetch->error;
    auvi_mutex_unlock(&fetch->lock);
    if (ended) {
        forget_body(fetch);
        return;
    }
    if (fetch->room)
        fetch->room(fetch, error, fetch->user);
    if (error < 0) {
        auvi_mutex_lock(&fetch->lock);
        ended = fetch->ended; /* then its own item is on its way */
        fetch->ended = true;
        auvi_mutex_unlock(&fetch->lock);
        if (!ended)
            forget_body(fetch);
    }
}

void auvi_body_discard(auv_fetch *fetch)
{
    auvi_mutex_lock(&fetch->lock);
    let_go(fetch, false);
    fetch->ended = true;
    auvi_mutex_unlock(&fetch->lock);
    forget_body(fetch);
}

/* ---- the public functions ------------------------------------------------- */

static int refuse_stream(auv_fetch *fetch, int error)
{
    auvi_fetch_fail(fetch, 503, "Too many answers are being written.");
    return error;
}

int auv_fetch_stream(auv_fetch *fetch, const auv_response *response,
                     uint64_t length, auv_room_fn fn, void *user,
                     void (*free_user)(void *user))
{
    struct auv_app *app;
    int error, writer, reader;

    if (!fetch)
        return auvi_fail(AUV_ERR_ARG, "fetch is NULL");
    error = auvi_response_check(response);
    if (error < 0)
        return error;
    app = fetch->view->app;
    if (auvi_lifecycle_is_closing(&fetch->view->lifecycle))
        return auvi_fail(AUV_ERR_CLOSED, "the view is closing or closed");
    if (atomic_load_explicit(&fetch->state, memory_order_acquire) !=
        AUVI_FETCH_PENDING)
        return auvi_fetch_lost(fetch);
    if (atomic_fetch_add_explicit(&fetch->view->bodies, 1,
                                  memory_order_relaxed) >= AUVI_STREAMS_MAX) {
        atomic_fetch_sub_explicit(&fetch->view->bodies, 1,
                                  memory_order_relaxed);
        return refuse_stream(fetch, auvi_fail(AUV_ERR_QUEUE_FULL,
                                              "%d bodies are being written",
                                              AUVI_STREAMS_MAX));
    }
    error = auvi_stream_pair(&writer, &reader);
    if (error == AUV_OK && (error = auvi_fetch_claim(fetch)) < 0) {
        auvi_fd_close(writer);
        auvi_fd_close(reader);
    }
    if (error < 0) {
        atomic_fetch_sub_explicit(&fetch->view->bodies, 1,
                                  memory_order_relaxed);
        return error;
    }
    fetch->room = fn;
    fetch->user = user;
    fetch->free_user = free_user;
    list_body(fetch);
    auvi_mutex_lock(&fetch->lock);
    fetch->is_stream = true;
    fetch->fd = writer;
    fetch->wants_room = true; /* to be told for the first time */
    auvi_poller_add(app->link_poller, writer, AUVI_POLL_OUT,
                    AUVI_KEY_BODIES + fetch->number);
    auvi_mutex_unlock(&fetch->lock);
    /* Should it not reach the engine, the reader closes, and we are told. */
    auvi_fetch_answer(fetch, response, reader, false, 0, length);
    return AUV_OK;
}

/* Lock held. */
static int check_stream(const auv_fetch *fetch)
{
    if (!fetch->is_stream || fetch->ended)
        return auvi_fail(AUV_ERR_STATE, "no body is being written");
    if (fetch->error < 0)
        return auvi_fail(fetch->error, "nobody wants this body any more");
    return AUV_OK;
}

int auv_fetch_write(auv_fetch *fetch, const void *data, size_t length)
{
    const char *bytes = data;
    size_t taken = 0;
    int error;

    if (!fetch || (length && !data))
        return auvi_fail(AUV_ERR_ARG, "fetch or data is NULL");
    if (length > INT_MAX)
        length = INT_MAX;
    auvi_mutex_lock(&fetch->lock);
    error = check_stream(fetch);
    while (error == AUV_OK && taken < length) {
        int sent = auvi_stream_write(fetch->fd, bytes + taken, length - taken);

        if (sent < 0) /* the link thread hears it too, and tells */
            error = auvi_fail(sent, "nobody wants this body any more");
        if (sent <= 0)
            break;
        taken += (size_t)sent;
    }
    if (error == AUV_OK && taken < length && !fetch->wants_room) {
        fetch->wants_room = true;
        auvi_poller_change(fetch->view->app->link_poller, fetch->fd,
                           AUVI_POLL_OUT, AUVI_KEY_BODIES + fetch->number);
    }
    auvi_mutex_unlock(&fetch->lock);
    return error < 0 ? error : (int)taken;
}

int auv_fetch_end(auv_fetch *fetch, int error)
{
    bool tell = false;
    int result;

    if (!fetch || error > 0)
        return auvi_fail(AUV_ERR_ARG, "fetch is NULL, or error is above 0");
    auvi_mutex_lock(&fetch->lock);
    result = check_stream(fetch);
    if (fetch->is_stream && !fetch->ended) {
        let_go(fetch, error == AUV_OK);
        fetch->ended = true;
        tell = want_tell(fetch);
        result = AUV_OK;
    }
    auvi_mutex_unlock(&fetch->lock);
    if (tell)
        push_tell(fetch);
    return result;
}
