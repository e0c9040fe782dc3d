/*
 * workers.c - a queue with a lock: a worker is for work that takes longer than
 * a frame, so that what this costs does not show.
 *
 * Lost wake-up: `turn` moves under the lock whenever there is something to do,
 * and a worker that goes to sleep has read it under the lock, when there was
 * nothing.
 */
#include "core/workers.h"
#include "core/core.h"

#include <stdlib.h>

struct worker {
    struct auvi_workers *pool;
    struct auvi_thread *thread;
    _Atomic uint32_t ended; /* futex; the thread is about to return */
};

struct auvi_workers {
    struct auv_app *app;
    void (*free_app)(struct auv_app *app);
    _Atomic uint32_t refs; /* the application, and each thread */
    _Atomic uint32_t turn; /* futex */

    struct auvi_mutex lock;
    struct auv_call *first, **tail; /* each with a reference, and weighed */
    unsigned queued, idle;
    bool stopping;

    struct worker workers[AUVI_WORKERS_MAX]; /* consumer */
    unsigned count;                          /* consumer: those with a thread */
};

static void pool_unref(struct auvi_workers *pool)
{
    /* Acquire and release: what the others did must be over before the free. */
    if (atomic_fetch_sub_explicit(&pool->refs, 1, memory_order_acq_rel) != 1)
        return;
    pool->free_app(pool->app);
    free(pool);
}

static struct auv_call *next_call(struct auvi_workers *pool)
{
    struct auv_call *call;

    auvi_mutex_lock(&pool->lock);
    while (!pool->first && !pool->stopping) {
        uint32_t seen = atomic_load_explicit(&pool->turn, memory_order_relaxed);

        pool->idle++;
        auvi_mutex_unlock(&pool->lock);
        auvi_futex_wait(&pool->turn, seen, -1);
        auvi_mutex_lock(&pool->lock);
        pool->idle--;
    }
    call = pool->first;
    if (call) {
        pool->first = call->work_next;
        if (!pool->first)
            pool->tail = &pool->first;
        pool->queued--;
    }
    auvi_mutex_unlock(&pool->lock);
    return call;
}

static void worker_main(void *user)
{
    struct worker *worker = user;
    struct auvi_workers *pool = worker->pool;
    struct auv_call *call;

    while ((call = next_call(pool))) {
        auvi_pressure_remove(call->view, call->message);
        call->work(call, true);
        auv_call_unref(call);
    }
    atomic_store_explicit(&worker->ended, 1, memory_order_release);
    auvi_futex_wake_all(&worker->ended);
    pool_unref(pool);
}

static struct auvi_workers *pool_create(struct auv_app *app)
{
    struct auvi_workers *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return NULL;
    pool->app = app;
    pool->tail = &pool->first;
    atomic_init(&pool->refs, 1);
    auvi_mutex_init(&pool->lock, AUVI_RANK_LEAF, "workers");
    return pool;
}

static int start_worker(struct auvi_workers *pool)
{
    struct worker *worker = &pool->workers[pool->count];
    int error;

    worker->pool = pool;
    atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed);
    error = auvi_thread_start(&worker->thread, "auroraview-work", worker_main,
                              worker);
    if (error < 0)
        atomic_fetch_sub_explicit(&pool->refs, 1, memory_order_relaxed);
    else
        pool->count++;
    return error;
}

int auvi_workers_run(struct auv_app *app, struct auv_call *call,
                     auvi_work_fn fn)
{
    struct auvi_workers *pool = app->workers;
    bool short_of_hands;
    int error = AUV_OK;

    if (!pool) {
        pool = app->workers = pool_create(app);
        if (!pool)
            return auvi_fail(AUV_ERR_NOMEM, "no memory for a worker");
    }
    auvi_mutex_lock(&pool->lock);
    short_of_hands = pool->queued >= pool->idle;
    auvi_mutex_unlock(&pool->lock);
    /* Fewer than could be are no reason to refuse a call. */
    if (short_of_hands && pool->count < AUVI_WORKERS_MAX)
        error = start_worker(pool);
    if (!pool->count)
        return error;

    call->work = fn;
    call->work_next = NULL;
    auv_call_ref(call);
    auvi_pressure_add(call->view, call->message);
    auvi_mutex_lock(&pool->lock);
    *pool->tail = call;
    pool->tail = &call->work_next;
    pool->queued++;
    atomic_fetch_add_explicit(&pool->turn, 1, memory_order_relaxed);
    auvi_mutex_unlock(&pool->lock);
    auvi_futex_wake_one(&pool->turn);
    return AUV_OK;
}

static void drop_queue(struct auvi_workers *pool)
{
    struct auv_call *call;

    auvi_mutex_lock(&pool->lock);
    pool->stopping = true;
    atomic_fetch_add_explicit(&pool->turn, 1, memory_order_relaxed);
    call = pool->first;
    pool->first = NULL;
    pool->tail = &pool->first;
    pool->queued = 0;
    auvi_mutex_unlock(&pool->lock);
    auvi_futex_wake_all(&pool->turn);
    while (call) {
        struct auv_call *next = call->work_next;

        auvi_pressure_remove(call->view, call->message);
        call->work(call, false);
        auv_call_unref(call);
        call = next;
    }
}

static bool wait_for(struct worker *worker, int64_t deadline_us)
{
    int64_t left;

    while (!atomic_load_explicit(&worker->ended, memory_order_acquire)) {
        left = deadline_us - auvi_clock_us();
        if (left <= 0)
            return false;
        auvi_futex_wait(&worker->ended, 0, left);
    }
    auvi_thread_join(worker->thread);
    return true;
}

void auvi_workers_stop(struct auv_app *app, int64_t deadline_us)
{
    struct auvi_workers *pool = app->workers;
    unsigned behind = 0;

    if (!pool)
        return;
    drop_queue(pool);
    for (unsigned i = 0; i < pool->count; i++) {
        if (wait_for(&pool->workers[i], deadline_us))
            continue;
        auvi_thread_leave(pool->workers[i].thread);
        behind++;
    }
    if (behind)
        auvi_log(AUV_LOG_WARNING,
                 "%u worker handlers did not end in time; left behind", behind);
}

void auvi_workers_leave(struct auv_app *app,
                        void (*free_app)(struct auv_app *app))
{
    struct auvi_workers *pool = app->workers;

    if (!pool) {
        free_app(app);
        return;
    }
    pool->free_app = free_app;
    pool_unref(pool);
}
