/*
 * link_thread.c - the library's own thread: it gives the engine its orders and
 * hears its reports, writes to pages what the consumer does not write itself,
 * ends what has waited too long, and reads the links where the host does not.
 *
 * It never runs host code but the wakeup callback, never waits for the host or
 * for a page, and takes no lock that is held while host code runs.
 */
#include "core/core.h"
#include "core/fetch.h"
#include "core/streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a view that closes waits for the engine; and how much longer the
 * engine may be silent before it counts as lost, with all its other views. */
#define CLOSE_WAIT_US 2000000
#define SILENCE_US 3000000
#define LINK_RETRY_US 250000

/* Keys in link_poller; smaller ones are ids of views that wait for POLL_OUT. */
#define KEY_WAKE ((uint64_t)1 << 32)
#define KEY_ENGINE ((uint64_t)2 << 32)
#define KEY_LINKS ((uint64_t)3 << 32)

/* ---- the end of a view ---------------------------------------------------- */

static void set_close_error(auv_view *view, int error, const char *text)
{
    size_t size = strlen(text) + 1;

    if (view->close_error < 0)
        return;
    view->close_error = error;
    view->close_text = malloc(size);
    if (view->close_text)
        memcpy(view->close_text, text, size);
}

/* Everything that waits for the view ends here, once. */
static void view_gone(auv_view *view, auv_close_reason reason)
{
    struct auv_app *app = view->app;

    auvi_view_begin_destroy(view, reason);
    auvi_view_set_link(view, NULL);
    view->engine_has_it = false;
    auvi_recover_forget(view);
    if (auvi_view_finish_destroy(view) != AUVI_STEP_SUCCESS)
        return;
    auvi_requests_end_view(app, view->id,
                           view->close_error < 0 ? view->close_error
                                                 : AUV_ERR_CLOSED);
    auvi_calls_cancel(view, 0, 0);
    auvi_streams_end(view, view->close_error < 0 ? view->close_error
                                                 : AUV_ERR_CLOSED);
    auvi_fetches_cancel(view, 0, AUV_ERR_CLOSED);
    auvi_mutex_lock(&app->send_lock);
    auvi_send_drop_held(view);
    auvi_mutex_unlock(&app->send_lock);
    auvi_view_tell_closed(view);
}

static void each_view(struct auv_app *app,
                      void (*fn)(struct auv_app *app, auv_view *view))
{
    uint32_t id = 0;
    auv_view *view;

    while ((view = auvi_registry_after(app, id))) {
        id = view->id;
        fn(app, view);
        auv_view_unref(view);
    }
}

/* ---- reports of the engine ------------------------------------------------ */

static void remember_url(auv_view *view, const char *url)
{
    size_t size = strlen(url) + 1;
    char *copy = malloc(size), *old;

    if (copy)
        memcpy(copy, url, size);
    auvi_mutex_lock(&view->text_lock);
    old = view->url;
    view->url = copy;
    auvi_mutex_unlock(&view->text_lock);
    free(old);
}

static void on_view_event(struct auv_app *app, auv_view *view,
                          const auv_event *event)
{
    auvi_recover_heard(view, event);
    switch (event->kind) {
    case AUV_EVENT_ACTIVE:
        if (auvi_view_activate(view) != AUVI_STEP_SUCCESS)
            return; /* closed meanwhile: its close order is on its way */
        break;
    case AUV_EVENT_CLOSE_REQUESTED:
        auv_view_request_close(view,
                               event->reason ? event->reason : AUV_CLOSE_USER);
        return; /* which tells the observers */
    case AUV_EVENT_CLOSED:
        if (event->error < 0)
            set_close_error(view, event->error, event->text);
        view_gone(view, event->reason ? event->reason : AUV_CLOSE_APP);
        return;
    case AUV_EVENT_PAGE_LOST:
        auvi_view_set_link(view, NULL);
        auvi_requests_end_view(app, view->id, AUV_ERR_ENGINE_LOST);
        auvi_heartbeat_reset(view);
        view->link_wanted = 0;
        auvi_recover_page(view, event);
        return;
    case AUV_EVENT_UNRESPONSIVE:
    case AUV_EVENT_RESPONSIVE:
        auvi_heartbeat_input(view, event->kind == AUV_EVENT_UNRESPONSIVE,
                             event->text);
        return;
    case AUV_EVENT_URL:
        remember_url(view, event->text);
        break;
    case AUV_EVENT_NATIVE:
        atomic_store_explicit(&view->native, event->native,
                              memory_order_relaxed);
        break;
    default:
        break;
    }
    auvi_view_tell(view, event);
}

static void on_link_wanted(struct auv_app *app, auv_view *view,
                           uint32_t generation)
{
    struct auvi_link *link;
    int error, fd;

    error = app->rings
                ? auvi_link_pair_with_rings(app->page_spin_us, &link, &fd)
                : auvi_link_pair(&link, &fd);
    if (error < 0) {
        auvi_log(AUV_LOG_ERROR, "view %u: no link for its page: %s", view->id,
                 auv_last_error_message());
        /* The process has no free descriptor now; it may have one later. What
         * the engine says of that page meanwhile stays known till then. */
        if (!view->link_wanted)
            auvi_view_set_link(view, NULL);
        view->link_wanted = generation;
        app->link_retry_us = auvi_clock_us() + LINK_RETRY_US;
        return;
    }
    if (view->link_wanted)
        auvi_view_set_late_link(view, link);
    else
        auvi_view_set_link(view, link);
    view->link_wanted = 0;
    view->recovery.links++;
    app->engine_impl->attach_link(app->engine, view->id, generation, fd);
}

static void receive(struct auv_app *app)
{
    if (auvi_receive(app))
        auvi_app_wake_consumer(app, 1, AUVI_HIGH);
}

static void on_committed(struct auv_app *app, auv_view *view, const char *url)
{
    auvi_documents_committed(view, url ? url : "");
    /* What waited for that makes no descriptor readable. */
    if (auvi_receive_has_more(app))
        receive(app);
}

/* text: "what US address US why", each part optional but the first. */
static void on_denied(struct auv_app *app, auv_view *view, const char *text)
{
    char copy[1024], origin[AUVI_ORIGIN_MAX], *url, *why;

    snprintf(copy, sizeof(copy), "%s", text ? text : "");
    url = strchr(copy, '\x1f');
    if (url)
        *url++ = '\0';
    why = url ? strchr(url, '\x1f') : NULL;
    if (why)
        *why++ = '\0';
    auvi_audit_add(&app->audit, false, view->id, NULL,
                   url && auvi_origin_parse(url, origin) ? origin : url, copy,
                   strlen(copy), why);
}

static void retry_link(struct auv_app *app, auv_view *view)
{
    if (view->link_wanted && view->engine_has_it && app->engine)
        on_link_wanted(app, view, view->link_wanted);
}

static void fail_engine(struct auv_app *app, int error, const char *text)
{
    size_t size = strlen(text) + 1;

    if (app->engine_failed)
        return;
    app->engine_failed = true;
    app->engine_error = error;
    app->engine_text = malloc(size);
    if (app->engine_text)
        memcpy(app->engine_text, text, size);
}

/* text: "name version", and what is to say of the sandbox: "; sandbox on",
 * "; sandbox off: why". */
static void on_ready(struct auv_app *app, const char *text)
{
    static const char on[] = "; sandbox on", off[] = "; sandbox off: ";
    const char *mark = strstr(text, "; sandbox ");
    const char *why = mark && !strncmp(mark, off, sizeof(off) - 1)
                          ? mark + sizeof(off) - 1
                          : "";
    size_t length = mark ? (size_t)(mark - text) : strlen(text);

    app->engine_ready = true;
    app->engine_returns = false;
    auvi_mutex_lock(&app->info_lock);
    if (length > sizeof(app->info.name) - 1)
        length = sizeof(app->info.name) - 1;
    memcpy(app->info.name, text, length);
    app->info.name[length] = '\0';
    app->info.sandbox =
        mark && !strcmp(mark, on) ? AUV_SANDBOX_ON : AUV_SANDBOX_OFF;
    snprintf(app->info.sandbox_reason, sizeof(app->info.sandbox_reason), "%s",
             why);
    auvi_mutex_unlock(&app->info_lock);
    auvi_log(AUV_LOG_INFO, "engine is ready: %s", text);
    if (*why)
        auvi_log(AUV_LOG_WARNING, "page processes have no sandbox: %s", why);
}

static void on_engine_event(void *ctx, const struct auvi_engine_event *event)
{
    struct auv_app *app = ctx;
    auv_view *view;

    app->engine_deadline_us = 0; /* it is alive */
    auvi_heartbeat_heard_engine(app);
    switch (event->kind) {
    case AUVI_ENGINE_READY:
        on_ready(app, event->text ? event->text : "");
        return;
    case AUVI_ENGINE_PONG:
        return; /* that it has come is all */
    case AUVI_ENGINE_FAILED:
        /* Maybe from inside a call into the engine: it is taken down by the
         * loop, when that call has returned. */
        fail_engine(app, event->error < 0 ? event->error : AUV_ERR_ENGINE_LOST,
                    event->text ? event->text : "");
        return;
    case AUVI_ENGINE_VIEW:
    case AUVI_ENGINE_LINK_WANTED:
    case AUVI_ENGINE_NAVIGATION_VOID:
    case AUVI_ENGINE_COMMITTED:
    case AUVI_ENGINE_DENIED:
    case AUVI_ENGINE_FETCH:
    case AUVI_ENGINE_FETCH_CANCELLED:
        view = auvi_registry_find(app, event->view);
        if (!view)
            return;
        if (!view->engine_has_it)
            ; /* ended without it */
        else if (event->kind == AUVI_ENGINE_LINK_WANTED)
            on_link_wanted(app, view, event->generation);
        else if (event->kind == AUVI_ENGINE_NAVIGATION_VOID)
            auvi_view_navigated(view, event->generation);
        else if (event->kind == AUVI_ENGINE_COMMITTED)
            on_committed(app, view, event->text);
        else if (event->kind == AUVI_ENGINE_DENIED)
            on_denied(app, view, event->text);
        else if (event->kind == AUVI_ENGINE_FETCH)
            auvi_fetch_begin(view, event->fetch);
        else if (event->kind == AUVI_ENGINE_FETCH_CANCELLED)
            auvi_fetches_cancel(view, event->generation, AUV_ERR_CANCELLED);
        else
            on_view_event(app, view, event->event);
        auv_view_unref(view);
        return;
    }
}

static void stop_engine(struct auv_app *app)
{
    if (!app->engine)
        return;
    app->engine_deadline_us = 0;
    if (app->engine_fd >= 0)
        auvi_poller_remove(app->link_poller, app->engine_fd);
    app->engine_fd = -1;
    app->engine_impl->destroy(app->engine);
    app->engine = NULL;
}

void auvi_link_end_view(auv_view *view, int error, const char *text)
{
    set_close_error(view, error, text);
    view_gone(view, AUV_CLOSE_ENGINE_LOST);
}

static void handle_engine_failure(struct auv_app *app)
{
    char *text = app->engine_text;

    if (!app->engine_failed)
        return;
    auvi_log(AUV_LOG_WARNING, "engine lost: %s", text ? text : "");
    if (app->engine && app->engine_impl->give_up)
        app->engine_impl->give_up(app->engine);
    stop_engine(app);
    app->engine_text = NULL;
    app->engine_failed = false;
    auvi_recover_engine(app, app->engine_error, text ? text : "");
    free(text);
    auvi_app_wake_link_thread(app); /* for orders that it did not take */
}

/* ---- orders --------------------------------------------------------------- */

int auvi_link_start_engine(struct auv_app *app)
{
    struct auvi_engine_config config = {
        .sink = {on_engine_event, app},
        .engine_path = app->engine_path,
    };
    int error;

    if (app->engine)
        return AUV_OK;
    app->engine_ready = false;
    error = app->engine_impl->create(&config, &app->engine);
    if (error < 0) {
        app->engine = NULL;
        return error;
    }
    app->engine_fd = app->engine_impl->fd(app->engine);
    if (app->engine_fd >= 0)
        auvi_poller_add(app->link_poller, app->engine_fd, AUVI_POLL_IN,
                        KEY_ENGINE);
    return AUV_OK;
}

static void order_create(struct auv_app *app, struct auvi_order *order)
{
    auv_view *view = order->view;
    int error;

    /* Closed before it began. Its close order follows, behind what tells the
     * observers that the close was asked for, and ends it. */
    if (auvi_lifecycle_is_closing(&view->lifecycle))
        return;
    error = auvi_link_start_engine(app);
    if (error == AUV_OK) {
        view->engine_has_it = true; /* view_create() may report at once */
        error = app->engine_impl->view_create(app->engine, view->id,
                                              order->options);
    }
    if (error < 0) {
        set_close_error(view, error, auv_last_error_message());
        view_gone(view, AUV_CLOSE_ENGINE_LOST);
        return;
    }
    if (view->profile == AUV_PROFILE_REMOTE)
        return;
    error = auvi_link_grant_own(app, view, "auroraview://localhost");
    if (error == AUV_ERR_NOMEM) { /* others the engine reports by itself */
        /* Its own pages could not call the host: of no use to anybody. */
        set_close_error(view, error, auv_last_error_message());
        auv_view_request_close(view, AUV_CLOSE_ENGINE_LOST);
    }
}

static bool engine_is_full(const struct auv_app *app)
{
    return app->engine && app->engine_impl->is_full &&
           app->engine_impl->is_full(app->engine);
}

/* Lost, unless it says anything at all in this time. */
static void watch_engine(struct auv_app *app, int64_t wait_us)
{
    if (!app->engine_deadline_us)
        app->engine_deadline_us = auvi_clock_us() + wait_us;
}

static void order_close(struct auv_app *app, auv_view *view)
{
    /* What was emitted before the close is sent before it, also by a consumer
     * that is at it now. */
    auvi_send_finish(app);
    auvi_view_begin_destroy(view, AUV_CLOSE_APP);
    if (!view->engine_has_it || !app->engine) {
        view_gone(view, AUV_CLOSE_APP);
        return;
    }
    /* Nobody is there to hear of these any more, however long it takes. */
    auvi_requests_end_view(app, view->id, AUV_ERR_CLOSED);
    auvi_calls_cancel(view, 0, 0);
    auvi_fetches_cancel(view, 0, AUV_ERR_CLOSED);
    view->close_deadline_us = auvi_clock_us() + CLOSE_WAIT_US;
    if (!app->close_deadline_us)
        app->close_deadline_us = view->close_deadline_us;
    /* Armed first: the report may come from inside the call. */
    watch_engine(app, CLOSE_WAIT_US + SILENCE_US);
    app->engine_impl->view_close(app->engine, view->id);
}

/* ---- an engine that does not answer --------------------------------------- */

static void end_overdue_view(struct auv_app *app, auv_view *view)
{
    if (!view->close_deadline_us || !view->engine_has_it)
        return;
    if (view->close_deadline_us > auvi_clock_us()) {
        if (!app->close_deadline_us ||
            view->close_deadline_us < app->close_deadline_us)
            app->close_deadline_us = view->close_deadline_us;
        return;
    }
    auvi_log(AUV_LOG_WARNING,
             "view %u: the engine has not closed it in time: ended without it",
             view->id);
    view_gone(view, AUV_CLOSE_APP);
}

static void check_engine(struct auv_app *app)
{
    bool full = engine_is_full(app);
    int64_t now;

    if (app->link_retry_us && app->link_retry_us <= auvi_clock_us()) {
        app->link_retry_us = 0;
        each_view(app, retry_link);
    }
    if (atomic_exchange_explicit(&app->kill_wanted, false,
                                 memory_order_acq_rel) &&
        app->engine) {
        fail_engine(app, AUV_ERR_ENGINE_LOST,
                    "the engine was ended on request");
        handle_engine_failure(app);
        return;
    }
    if (!full && !app->close_deadline_us && !app->engine_deadline_us)
        return;
    now = auvi_clock_us();
    if (app->close_deadline_us && app->close_deadline_us <= now) {
        app->close_deadline_us = 0;
        each_view(app, end_overdue_view);
    }
    if (full)
        watch_engine(app, CLOSE_WAIT_US + SILENCE_US);
    if (!app->engine_deadline_us || app->engine_deadline_us > now)
        return;
    app->engine_deadline_us = 0;
    fail_engine(app, AUV_ERR_ENGINE_LOST, "the engine does not answer");
    handle_engine_failure(app);
}

/* The earlier of a time and what check_engine() waits for. */
static int64_t engine_deadline(const struct auv_app *app, int64_t next)
{
    if (app->close_deadline_us && app->close_deadline_us < next)
        next = app->close_deadline_us;
    if (app->link_retry_us && app->link_retry_us < next)
        next = app->link_retry_us;
    if (app->engine_deadline_us && app->engine_deadline_us < next)
        next = app->engine_deadline_us;
    return next;
}

int auvi_link_run_order(struct auv_app *app, struct auvi_order *order)
{
    auv_view *view = order->view;
    int error;

    auvi_heartbeat_owe_engine(app);
    if (order->kind == AUVI_ORDER_CREATE) {
        order_create(app, order);
        return AUV_OK;
    }
    if (order->kind == AUVI_ORDER_CLOSE) {
        order_close(app, view);
        return AUV_OK;
    }
    if (!app->engine || !view->engine_has_it)
        return AUV_OK; /* the view has ended */
    error = auvi_order_run(app, order);
    if (error < 0) {
        auv_event event = {.kind = AUV_EVENT_LOAD_FAILED,
                           .error = error,
                           .text = auv_last_error_message()};

        auvi_log(AUV_LOG_WARNING, "view %u: an order failed: %s", view->id,
                 auv_last_error_message());
        if (order->navigation) {
            auvi_view_navigated(view, order->navigation);
            on_view_event(app, view, &event);
        }
    }
    return error;
}

static void run_orders(struct auv_app *app)
{
    struct auvi_order *order;

    do {
        /* What an engine that does not read leaves here fills the queue, and
         * then whoever wants to add to it is told. */
        if (engine_is_full(app))
            return;
        while (!engine_is_full(app) && (order = auvi_queue_pop(app->control))) {
            auvi_link_run_order(app, order);
            auvi_recover_keep(order->view, order);
            handle_engine_failure(app);
        }
    } while (!auvi_queue_prepare_sleep(app->control));
}

/* ---- the loop ------------------------------------------------------------- */

/* The link of a view that was blocked takes bytes again. */
static void on_writable(struct auv_app *app, uint32_t id)
{
    auv_view *view = auvi_registry_find(app, id);

    if (!view)
        return;
    /* The sender unblocks it: this thread need not wait for that one's lock. */
    atomic_store_explicit(&view->writable, true, memory_order_release);
    auvi_send_want_flush(view);
    auv_view_unref(view);
}

/* Read the links here, unless the host does it or the inbox is full. A host's
 * thread that waits may be the one that reads, so read for it. */
static void choose_receiver(struct auv_app *app)
{
    bool poll =
        auvi_receive_by_link_thread(app) && !auvi_receive_is_stalled(app);

    if (poll == app->link_thread_polls)
        return;
    app->link_thread_polls = poll;
    if (poll)
        auvi_poller_add(app->link_poller, app->links_poller, AUVI_POLL_IN,
                        KEY_LINKS);
    else
        auvi_poller_remove(app->link_poller, app->links_poller);
}

/* How long to sleep. The published deadline is "never" while we look, so that
 * a request added behind our back always wakes us: auvi_app_deadline_added(). */
static int64_t next_timeout(struct auv_app *app)
{
    int64_t next, due, now = auvi_clock_us();

    /* Something is due, but its answer may sit unread in a link because the
     * host is busy: look there before giving up. */
    if (atomic_load_explicit(&app->link_deadline_us, memory_order_relaxed) <=
        now)
        receive(app);
    atomic_store_explicit(&app->link_deadline_us, INT64_MAX,
                          memory_order_seq_cst);
    next = auvi_requests_expire(app);
    atomic_store_explicit(&app->link_deadline_us, next, memory_order_seq_cst);
    next = engine_deadline(app, next);
    due = auvi_heartbeat(app);
    if (due < next)
        next = due;
    due = auvi_app_fire_due_wake(app);
    if (due < next)
        next = due;
    if (next == INT64_MAX)
        return -1;
    return next > now ? next - now : 0;
}

/* What no descriptor tells of: frames that were left, or that have come while
 * the consumer looked awake. It may now be in a handler that waits for them; who
 * waits counts himself before he wakes us, and the consumer looks at that count
 * behind its last look at the links (both sequentially consistent), so it has
 * settled or we see that it has not. */
static bool must_receive(struct auv_app *app)
{
    return app->link_thread_polls &&
           (auvi_receive_has_more(app) || (atomic_load(&app->sync_waiters) &&
                                           atomic_load(&app->links_awake)));
}

static void shut_down(struct auv_app *app);

void auvi_link_thread_main(void *ctx)
{
    struct auv_app *app = ctx;
    struct auvi_poll_event events[16];

    for (;;) {
        int64_t timeout;
        int count;

        run_orders(app);
        auvi_send_flush(app);
        handle_engine_failure(app);
        check_engine(app);
        auvi_pressure_resume(app);
        choose_receiver(app);
        auvi_app_pay_wake(app);
        if (atomic_load_explicit(&app->stopping, memory_order_acquire))
            break;
        timeout = next_timeout(app);
        auvi_app_pay_wake(app);
        if (must_receive(app)) {
            receive(app);
            timeout = 0;
        }
        count = auvi_poller_wait(app->link_poller, events, 16, timeout);
        for (int i = 0; i < count; i++) {
            if (events[i].key == KEY_WAKE)
                auvi_wake_fd_clear(app->link_wake_fd);
            else if (events[i].key == KEY_ENGINE && app->engine)
                app->engine_impl->poll_once(app->engine);
            else if (events[i].key == KEY_LINKS)
                receive(app);
            else if (events[i].key >= AUVI_KEY_BODIES)
                auvi_body_ready(app, events[i].key, events[i].events);
            else if (events[i].key < KEY_WAKE)
                on_writable(app, (uint32_t)events[i].key);
        }
        handle_engine_failure(app);
    }
    shut_down(app);
}

static void end_view(struct auv_app *app, auv_view *view)
{
    (void)app;
    view_gone(view, AUV_CLOSE_SHUTDOWN);
}

static void shut_down(struct auv_app *app)
{
    /* Orders that came in meanwhile still run: a close that was accepted sends
     * what was emitted before it. */
    run_orders(app);
    auvi_send_flush(app);
    stop_engine(app);
    each_view(app, end_view);
    free(app->engine_text);
    app->engine_text = NULL;
}
