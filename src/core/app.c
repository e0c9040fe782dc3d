/*
 * app.c - an application: its queues, its thread, its ways to be driven.
 */
#include "core/core.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_CAPACITY 10000
/* The receiver leaves two bursts of room: a smaller queue could not move. */
#define MIN_CAPACITY 1024
#define MAX_REQUESTS 65536
/* About what a sleep and a wake across cores cost. */
#define SPIN_US 40
#define SPIN_TOTAL_US 2000
/* Looks at the rings alone before all links are polled once. */
#define LOOKS_PER_POLL 16
/* Longer would be no batch but a delay. */
#define MAX_INTERVAL_MS 60000
#define DEFAULT_UNRESPONSIVE_US 3000000
/* How long a push that is under way may take, at the end. */
#define DRAIN_US 1000000
/* How long destroy waits for handlers that run on workers. */
#define WORKERS_US 2000000

struct auvi_app_tuning auvi_app_tuning;

/* ---- waking --------------------------------------------------------------- */

void auvi_app_wake_link_thread(struct auv_app *app)
{
    auvi_wake_fd_signal(app->link_wake_fd);
}

void auvi_app_deadline_added(struct auv_app *app, int64_t deadline_us)
{
    /* Sequentially consistent on both sides: either the link thread's look at
     * the table sees the request, or we see "never" and wake it. */
    if (deadline_us <
        atomic_load_explicit(&app->link_deadline_us, memory_order_seq_cst))
        auvi_app_wake_link_thread(app);
}

void auvi_app_wake_consumer(struct auv_app *app, int push_result,
                            enum auvi_priority priority)
{
    unsigned owed = 0;

    if (!app->has_callback) {
        auvi_wake_notify(app->inbox_wake, push_result, priority);
        return;
    }
    if (push_result == 1)
        owed |= AUVI_OWED_STEP;
    /* A wake that was put off may stand before this push, which is urgent. */
    if (push_result >= 0 && app->batches_wakes && priority >= AUVI_HIGH)
        owed |= AUVI_OWED_URGENT;
    if (!owed)
        return;
    atomic_fetch_or_explicit(&app->wake_owed, owed, memory_order_release);
    auvi_app_wake_link_thread(app);
}

void auvi_app_pay_wake(struct auv_app *app)
{
    unsigned owed =
        atomic_exchange_explicit(&app->wake_owed, 0, memory_order_acq_rel);

    if (owed)
        auvi_wake_notify(app->inbox_wake, owed & AUVI_OWED_STEP ? 1 : 0,
                         owed & AUVI_OWED_URGENT || !app->batches_wakes
                             ? AUVI_HIGH
                             : AUVI_NORMAL);
}

/* The wake controller puts a wake off: the link thread has the clock. */
static void defer_wake(void *ctx, int64_t delay_us)
{
    struct auv_app *app = ctx;
    int64_t due = auvi_clock_us() + delay_us;
    int64_t pending =
        atomic_load_explicit(&app->wake_due_us, memory_order_relaxed);

    /* The earlier one stays: a thread that was held up on its way here must not
     * put off what another has promised since. */
    do
        if (pending && pending <= due)
            return;
    while (!atomic_compare_exchange_weak_explicit(&app->wake_due_us, &pending,
                                                  due, memory_order_release,
                                                  memory_order_relaxed));
    auvi_app_wake_link_thread(app);
}

int64_t auvi_app_fire_due_wake(struct auv_app *app)
{
    int64_t due = atomic_load_explicit(&app->wake_due_us, memory_order_acquire);

    if (!due)
        return INT64_MAX;
    if (due > auvi_clock_us())
        return due;
    /* One that is put in between is fired early: a wake for nothing at worst. */
    atomic_store_explicit(&app->wake_due_us, 0, memory_order_relaxed);
    auvi_wake_fire(app->inbox_wake);
    return INT64_MAX;
}

bool auvi_app_is_spilled(struct auv_app *app)
{
    return atomic_load_explicit(&app->spilled, memory_order_acquire);
}

int auvi_app_push_reserved(struct auv_app *app, struct auvi_item *item)
{
    int pushed = AUV_ERR_QUEUE_FULL;

    if (!auvi_app_is_spilled(app))
        pushed = auvi_queue_push_reserved(app->inbox, item);
    if (pushed == AUV_ERR_QUEUE_FULL) {
        auvi_mutex_lock(&app->spill_lock);
        /* Behind what is kept already. The consumer is woken for it: it may
         * have emptied the inbox, and looked here for the last time, since we
         * found the inbox full. */
        if (!app->spill)
            pushed = auvi_queue_push_reserved(app->inbox, item);
        if (pushed == AUV_ERR_QUEUE_FULL) {
            item->next = NULL;
            *app->spill_tail = item;
            app->spill_tail = &item->next;
            atomic_store_explicit(&app->spilled, true, memory_order_release);
            pushed = 1;
        }
        auvi_mutex_unlock(&app->spill_lock);
    }
    if (pushed < 0)
        return auvi_fail(pushed, "the application is closing");
    auvi_app_wake_consumer(app, pushed, AUVI_HIGH);
    return AUV_OK;
}

void auvi_app_unspill(struct auv_app *app)
{
    bool wake = false;

    if (!auvi_app_is_spilled(app))
        return;
    auvi_mutex_lock(&app->spill_lock);
    while (app->spill) {
        struct auvi_item *next = app->spill->next;
        int pushed = auvi_queue_push_reserved(app->inbox, app->spill);

        if (pushed < 0)
            break;
        wake |= pushed == 1;
        app->spill = next;
    }
    if (!app->spill) {
        app->spill_tail = &app->spill;
        atomic_store_explicit(&app->spilled, false, memory_order_release);
    }
    auvi_mutex_unlock(&app->spill_lock);
    if (wake)
        auvi_app_wake_consumer(app, 1, AUVI_HIGH);
}

/* ---- create and destroy --------------------------------------------------- */

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);

    if (copy)
        memcpy(copy, text, size);
    return copy;
}

static int app_open(auv_app *app)
{
    const struct auvi_processor_config *config = &app->processor.config;
    struct auvi_wake_config wake = {config->immediate_wake,
                                    config->batch_interval_ms * 1000};
    int error;

    if ((error = auvi_queue_create(app->capacity, &app->inbox)) < 0 ||
        (error = auvi_queue_create(app->capacity, &app->control)) < 0 ||
        (error = auvi_queue_create(app->capacity, &app->outbox)) < 0 ||
        (error = auvi_wake_create(&wake, defer_wake, app, &app->inbox_wake)) <
            0 ||
        (error = auvi_requests_create(MAX_REQUESTS, &app->requests)) < 0 ||
        (error = app->link_wake_fd = auvi_wake_fd_create()) < 0 ||
        (error = app->poller = auvi_poller_create()) < 0 ||
        (error = app->links_poller = auvi_poller_create()) < 0 ||
        (error = app->link_poller = auvi_poller_create()) < 0 ||
        (error = auvi_poller_add(app->poller, auvi_wake_fd(app->inbox_wake),
                                 AUVI_POLL_IN, 0)) < 0 ||
        /* Where wakes are put off, a page's bytes must not wake the host. */
        (!app->batches_wakes &&
         (error = auvi_poller_add(app->poller, app->links_poller, AUVI_POLL_IN,
                                  1)) < 0) ||
        (error = auvi_poller_add(app->link_poller, app->link_wake_fd,
                                 AUVI_POLL_IN, (uint64_t)1 << 32)) < 0)
        return error;
    app->processor.queue = app->inbox;
    app->processor.wake = app->inbox_wake;
    app->processor.dispatch = auvi_dispatch;
    app->processor.ctx = app;
    return auvi_thread_start(&app->thread, "auroraview", auvi_link_thread_main,
                             app);
}

static void app_free(auv_app *app)
{
    auvi_requests_destroy(app->requests);
    auvi_queue_destroy(app->inbox);
    auvi_queue_destroy(app->control);
    auvi_queue_destroy(app->outbox);
    auvi_wake_destroy(app->inbox_wake);
    auvi_fd_close(app->link_wake_fd);
    auvi_fd_close(app->poller);
    auvi_fd_close(app->links_poller);
    auvi_fd_close(app->link_poller);
    auvi_audit_fini(&app->audit);
    free(app->engine_path);
    free(app);
}

static const struct auvi_engine_impl *choose_engine(const char *name)
{
    if (!name)
        name = getenv("AURORAVIEW_BACKEND");
    if (!name || !*name)
        name = "webkitgtk";
    /* A real engine never runs in the host's process. */
    if (strcmp(name, "webkitgtk") == 0)
        name = "remote";
    return auvi_engine_find(name);
}

/* What the options say on top of the preset. */
static int configure(auv_app *app, const auv_app_options *options)
{
    struct auvi_processor_config *config = &app->processor.config;

    if (options->preset > AUV_PRESET_LEGACY_EMBEDDED)
        return auvi_fail(AUV_ERR_ARG, "unknown preset %d",
                         (int)options->preset);
    *config = auvi_processor_preset(options->preset);
    switch (options->mode) {
    case AUV_MODE_PRESET:
        break;
    case AUV_MODE_FULL:
        config->mode = AUVI_MODE_FULL;
        break;
    case AUV_MODE_IPC_ONLY:
        config->mode = AUVI_MODE_IPC_ONLY;
        break;
    case AUV_MODE_BATCH:
        if (!options->batch_size)
            return auvi_fail(AUV_ERR_ARG, "AUV_MODE_BATCH needs a batch_size");
        config->mode = AUVI_MODE_BATCH;
        config->batch = options->batch_size;
        break;
    default:
        return auvi_fail(AUV_ERR_ARG, "unknown mode %d", (int)options->mode);
    }
    if (options->recover > AUV_RECOVER_MANUAL)
        return auvi_fail(AUV_ERR_ARG, "unknown value of recover");
    app->recover = options->recover;
    if (options->unresponsive_ms > MAX_INTERVAL_MS &&
        options->unresponsive_ms != AUV_NEVER)
        return auvi_fail(AUV_ERR_ARG, "unresponsive_ms is over %d",
                         MAX_INTERVAL_MS);
    app->unresponsive_us = options->unresponsive_ms == AUV_NEVER ? 0
                           : options->unresponsive_ms
                               ? (int64_t)options->unresponsive_ms * 1000
                               : DEFAULT_UNRESPONSIVE_US;
    app->beat_due_us = INT64_MAX;
    if (options->max_messages_per_tick)
        config->max_messages_per_tick = options->max_messages_per_tick;
    if (options->batch_interval_ms > MAX_INTERVAL_MS)
        return auvi_fail(AUV_ERR_ARG, "batch_interval_ms is over %d",
                         MAX_INTERVAL_MS);
    config->tick_budget_us = options->tick_budget_us;
    config->batch_interval_ms = options->batch_interval_ms;
    config->immediate_wake = options->immediate_wake;
    app->batches_wakes = config->batch_interval_ms != 0;
    return AUV_OK;
}

int auv_app_create(const auv_app_options *given, auv_app **out)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_app *app;
    int error;

    if (!out || (given && given->size == 0))
        return auvi_fail(AUV_ERR_ARG, "out is NULL, or size is 0");
    if (given)
        memcpy(&options, given,
               given->size < sizeof(options) ? given->size : sizeof(options));
    app = calloc(1, sizeof(*app));
    if (!app)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for an application");
    app->link_wake_fd = app->poller = app->links_poller = app->link_poller = -1;
    app->engine_fd = -1;
    app->capacity =
        options.queue_capacity ? options.queue_capacity : DEFAULT_CAPACITY;
    if (app->capacity < MIN_CAPACITY)
        app->capacity = MIN_CAPACITY;
    /* With one processor the page cannot run while we look. */
    app->spin_us =
        auvi_cpu_count() > 1 && !auvi_app_tuning.no_spin ? SPIN_US : 0;
    app->page_spin_us = app->spin_us ? AUVI_LINK_SPIN_US : 0;
    app->rings = !auvi_app_tuning.no_rings;
    auvi_mutex_init(&app->registry_lock, AUVI_RANK_REGISTRY, "app.registry");
    auvi_mutex_init(&app->receive_lock, AUVI_RANK_RECEIVE, "app.receive");
    auvi_mutex_init(&app->send_lock, AUVI_RANK_SEND, "app.send");
    auvi_mutex_init(&app->info_lock, AUVI_RANK_LEAF, "app.info");
    auvi_audit_init(&app->audit);
    auvi_mutex_init(&app->spill_lock, AUVI_RANK_LEAF, "app.spill");
    auvi_mutex_init(&app->bodies_lock, AUVI_RANK_REGISTRY, "app.bodies");
    app->spill_tail = &app->spill;
    app->rest_tail = &app->rest;
    app->parked_tail = &app->parked;

    error = configure(app, &options);
    if (error < 0)
        goto fail;
    app->engine_impl = choose_engine(options.engine);
    if (!app->engine_impl) {
        error = auvi_fail(
            AUV_ERR_ARG, "unknown engine '%s': there are webkitgtk and null",
            options.engine ? options.engine : getenv("AURORAVIEW_BACKEND"));
        goto fail;
    }
    if (options.engine_path) {
        app->engine_path = copy_text(options.engine_path);
        if (!app->engine_path) {
            error = auvi_fail(AUV_ERR_NOMEM, "no memory for an application");
            goto fail;
        }
    }
    error = app_open(app);
    if (error < 0)
        goto fail;
    auvi_message_keep_memory(true);
    *out = app;
    return AUV_OK;

fail:
    app_free(app);
    return error;
}

static void close_all(auv_app *app)
{
    uint32_t id = 0;
    auv_view *view;

    while ((view = auvi_registry_after(app, id))) {
        id = view->id;
        auv_view_request_close(view, AUV_CLOSE_SHUTDOWN);
        auv_view_unref(view);
    }
}

/* The handlers that are due, however small the preset's limit is. */
static void drain(auv_app *app)
{
    bool busy = false;

    while ((auvi_receive_unpark(app) || !auvi_queue_is_empty(app->inbox)) &&
           !busy) {
        auvi_processor_tick(&app->processor, &busy);
        auvi_app_unspill(app);
    }
}

/* Pushes under way finish, later ones are refused. False if one does not
 * finish: its thread was stopped in the middle. */
static bool end_queue(struct auvi_queue *queue)
{
    auvi_queue_shutdown(queue);
    return auvi_queue_wait_quiet(queue, DRAIN_US) == AUV_OK;
}

static void leave_it(auv_app *app)
{
    (void)app;
}

void auv_app_destroy(auv_app *app)
{
    struct auv_message *message;
    struct auvi_order *order;
    struct auvi_item *item;
    bool quiet;

    if (!app)
        return;
    if (auvi_processor_is_current(&app->processor)) {
        auvi_log(AUV_LOG_ERROR, "auv_app_destroy() inside a handler: ignored; "
                                "call auv_app_quit() there, destroy later");
        return;
    }
    close_all(app);
    atomic_store_explicit(&app->stopping, true, memory_order_release);
    auvi_app_wake_link_thread(app);
    auvi_thread_join(app->thread);

    /* First what tells the workers' handlers that nobody waits for them any
     * more, then what they have left. */
    drain(app);
    auvi_workers_stop(app, auvi_clock_us() + WORKERS_US);
    drain(app);
    /* Nobody may be using the application by now. A thread that is, against the
     * contract, gets the time to finish its push, and is refused the next. */
    quiet = end_queue(app->inbox);
    quiet = end_queue(app->control) && quiet;
    quiet = end_queue(app->outbox) && quiet;
    while ((item = auvi_queue_pop(app->inbox)))
        auvi_item_discard(item);
    while ((order = auvi_queue_pop(app->control)))
        auvi_order_free(order);
    while ((message = auvi_queue_pop(app->outbox)))
        auvi_send_discard(message);
    auvi_send_forget(app);
    auvi_receive_forget(app);
    if (!quiet)
        auvi_log(AUV_LOG_ERROR, "auv_app_destroy() while a thread still uses "
                                "the application: its memory is left to it");
    auvi_message_keep_memory(false);
    auvi_workers_leave(app, quiet ? app_free : leave_it);
}

/* ---- driving -------------------------------------------------------------- */

int auv_app_fd(auv_app *app)
{
    if (!app)
        return auvi_fail(AUV_ERR_ARG, "app is NULL");
    if (!app->has_callback && !app->batches_wakes &&
        !atomic_exchange_explicit(&app->host_receives, true,
                                  memory_order_acq_rel))
        auvi_app_wake_link_thread(app);
    return app->poller;
}

int auv_app_set_wakeup(auv_app *app, void (*fn)(void *user), void *user)
{
    if (!app || !fn)
        return auvi_fail(AUV_ERR_ARG, "app or fn is NULL");
    if (atomic_load_explicit(&app->had_views, memory_order_acquire))
        return auvi_fail(AUV_ERR_STATE, "set the wakeup before the first view");
    auvi_wake_set_callback(app->inbox_wake, fn, user);
    app->has_callback = true;
    /* A descriptor that was asked for earlier is not what the host waits on. */
    atomic_store_explicit(&app->host_receives, false, memory_order_release);
    auvi_app_wake_link_thread(app);
    return AUV_OK;
}

static uint64_t calls_handled(struct auv_app *app)
{
    return atomic_load_explicit(&app->calls_handled, memory_order_relaxed);
}

/* A handler may take its time, and wait for what the link thread reads. */
static void settle_for_link_thread(auv_app *app)
{
    auvi_receive_settle(app);
    if (auvi_receive_has_more(app))
        auvi_app_wake_link_thread(app);
}

/* A page that awaits one call after the other sends the next within a few
 * microseconds; sleeping and being woken costs several times that. So after a
 * call has been answered, and only then, look for a while before leaving. The
 * total is bounded: the host's loop has other guests. */
static enum auvi_process_result spin_for_calls(auv_app *app,
                                               enum auvi_process_result result)
{
    int64_t start = auvi_clock_us(), last = start, now = start;
    unsigned looks = 0;
    bool busy = false;

    while (result == AUVI_PROCESS_CONTINUE && now - last < app->spin_us &&
           now - start < SPIN_TOTAL_US) {
        uint64_t handled = calls_handled(app);

        auvi_receive_awake(app, !app->rings || ++looks % LOOKS_PER_POLL == 0);
        if (!auvi_queue_is_empty(app->inbox)) {
            if (auvi_receive_by_link_thread(app))
                settle_for_link_thread(app);
            result = auvi_processor_tick(&app->processor, &busy);
        }
        now = auvi_clock_us();
        if (calls_handled(app) != handled)
            last = now;
        else
            /* Where the page shares our processor it could not send before we
             * have stopped looking. */
            auvi_thread_yield();
    }
    auvi_receive_settle(app);
    if (result == AUVI_PROCESS_CONTINUE && !auvi_queue_is_empty(app->inbox))
        result = auvi_processor_tick(&app->processor, &busy);
    return result;
}

int auv_app_process(auv_app *app)
{
    enum auvi_process_result result;
    uint64_t handled;
    bool busy = false, wake;

    if (!app)
        return auvi_fail(AUV_ERR_ARG, "app is NULL");
    if (auvi_processor_is_current(&app->processor))
        return auvi_fail(AUV_ERR_BUSY, "this is inside a handler");
    handled = calls_handled(app);
    wake = auvi_receive(app);
    result = auvi_processor_tick(&app->processor, &busy);
    if (busy) {
        /* It may have looked for the last time before we pushed. */
        if (wake)
            auvi_app_wake_consumer(app, 1, AUVI_HIGH);
        return auvi_fail(AUV_ERR_BUSY, "another thread is processing");
    }
    if (calls_handled(app) != handled)
        result = spin_for_calls(app, result);
    auvi_app_unspill(app);
    auvi_receive_resume(app);
    if (auvi_receive_has_more(app))
        auvi_wake_fire(app->inbox_wake); /* come again */
    if (result == AUVI_PROCESS_CLOSE ||
        atomic_load_explicit(&app->quit, memory_order_acquire) ||
        auvi_registry_is_done(app))
        return AUV_PROCESS_CLOSE_REQUESTED;
    return AUV_PROCESS_CONTINUE;
}

int auv_app_run(auv_app *app)
{
    struct auvi_poll_event events[2];
    int result;

    if (auv_app_fd(app) < 0)
        return AUV_ERR_ARG;
    for (;;) {
        result = auv_app_process(app);
        if (result != AUV_PROCESS_CONTINUE)
            break;
        auvi_poller_wait(app->poller, events, 2, -1);
    }
    atomic_store_explicit(&app->quit, false, memory_order_release);
    return result < 0 ? result : AUV_OK;
}

void auv_app_quit(auv_app *app)
{
    if (!app)
        return;
    atomic_store_explicit(&app->quit, true, memory_order_release);
    auvi_app_wake_consumer(app, 1, AUVI_HIGH);
}

int auv_app_post(auv_app *app, void (*fn)(void *user), void *user)
{
    struct auvi_item *item;
    int pushed;

    if (!app || !fn)
        return auvi_fail(AUV_ERR_ARG, "app or fn is NULL");
    if (atomic_load_explicit(&app->stopping, memory_order_acquire))
        return auvi_fail(AUV_ERR_CLOSED, "the application is closing");
    item = calloc(1, sizeof(*item));
    if (!item)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a post");
    item->kind = AUVI_ITEM_POST;
    item->u.post.fn = fn;
    item->u.post.user = user;
    /* The lane of the page's messages: a post that posts itself again would
     * otherwise always come before them. */
    pushed = auvi_queue_push(app->inbox, AUVI_NORMAL, item);
    if (pushed < 0) {
        free(item);
        return auvi_fail(pushed, "too much waits for auv_app_process()");
    }
    auvi_app_wake_consumer(app, pushed, AUVI_HIGH);
    return AUV_OK;
}

int auv_app_engine_info(auv_app *app, auv_engine_info *info)
{
    auv_engine_info now;
    size_t size;

    if (!app || !info || info->size == 0)
        return auvi_fail(AUV_ERR_ARG, "app or info is NULL, or size is 0");
    size = info->size < sizeof(now) ? info->size : sizeof(now);
    auvi_mutex_lock(&app->info_lock);
    now = app->info;
    auvi_mutex_unlock(&app->info_lock);
    now.size = size;
    memcpy(info, &now, size);
    return AUV_OK;
}
