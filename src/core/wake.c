/*
 * wake.c - tells the consumer of a queue that there is work.
 *
 * The queue says when: auvi_queue_push() returns 1 to the one producer that
 * found the consumer asleep. This file says how, and puts a wake off if
 * batching is configured.
 *
 * `signalled` is 1 from a signal to the consumer's clear, and keeps a second
 * signal from being sent before the first was heard. Who finds it set may rely
 * on the consumer: the clear exchanges it after emptying the descriptor and
 * before draining, so
 *   - a fire whose exchange comes before the clear's: the clear reads it, and
 *     through acquire sees what was pushed before; the drain finds it;
 *   - a fire whose exchange comes after: reads 0 and signals.
 * If the clear emptied the descriptor after the exchange, a signal in between
 * would be eaten while `signalled` stays set: all wakes after it would be lost.
 *
 * BATCHING. Only if configured. A wake that is put off is a timer that fires,
 * so nothing waits for the next push. While it is pending the queue counts the
 * consumer as woken and pushes return 0; so an urgent push looks for itself
 * whether a signal was sent, and if not sends it.
 *
 * PROGRESS. Everything here is wait-free but for the system's descriptor and
 * the callback's own code.
 */
#include "core/wake.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define LINE 128

struct auvi_wake {
    /* -- set before the first notify -- */
    struct auvi_wake_config config;
    void (*defer)(void *ctx, int64_t delay_us);
    void *defer_ctx;
    void (*callback)(void *user);
    void *callback_user;
    int fd;

    alignas(LINE) _Atomic uint32_t signalled;
    _Atomic int64_t last_us; /* of the last signal; with batching only */
    _Atomic uint64_t steps;
    _Atomic uint64_t wakes;
    _Atomic uint64_t deferred;
};

int auvi_wake_create(const struct auvi_wake_config *config,
                     void (*defer)(void *ctx, int64_t delay_us), void *ctx,
                     struct auvi_wake **out)
{
    struct auvi_wake *wake;

    *out = NULL;
    if (config->batch_interval_us != 0 && !defer)
        return auvi_fail(AUV_ERR_ARG, "batched wakes need a timer");
    wake = aligned_alloc(LINE, sizeof(*wake));
    if (!wake)
        return auvi_fail(AUV_ERR_NOMEM, "wake");
    memset(wake, 0, sizeof(*wake));
    wake->config = *config;
    wake->defer = defer;
    wake->defer_ctx = ctx;
    /* The first wake is never put off. */
    atomic_init(&wake->last_us, INT64_MIN);
    wake->fd = auvi_wake_fd_create();
    if (wake->fd < 0) {
        int error = wake->fd;

        free(wake);
        return error;
    }
    *out = wake;
    return AUV_OK;
}

void auvi_wake_destroy(struct auvi_wake *wake)
{
    if (!wake)
        return;
    auvi_fd_close(wake->fd);
    free(wake);
}

void auvi_wake_set_callback(struct auvi_wake *wake, void (*fn)(void *user),
                            void *user)
{
    wake->callback = fn;
    wake->callback_user = user;
}

int auvi_wake_fd(const struct auvi_wake *wake)
{
    return wake->fd;
}

void auvi_wake_fire(struct auvi_wake *wake)
{
    /* Release: the clear that reads this sees what we pushed. Acquire costs
     * nothing more and keeps the signal after the exchange. */
    if (atomic_exchange_explicit(&wake->signalled, 1, memory_order_acq_rel))
        return;
    atomic_fetch_add_explicit(&wake->wakes, 1, memory_order_relaxed);
    if (wake->config.batch_interval_us != 0)
        atomic_store_explicit(&wake->last_us, auvi_clock_us(),
                              memory_order_relaxed);
    auvi_wake_fd_signal(wake->fd);
    if (wake->callback)
        wake->callback(wake->callback_user);
}

static bool is_urgent(const struct auvi_wake *wake, enum auvi_priority lane)
{
    return wake->config.immediate_wake && lane >= AUVI_HIGH;
}

/* How long a wake must still wait; 0: not at all. */
static int64_t time_to_wait(const struct auvi_wake *wake)
{
    int64_t last = atomic_load_explicit(&wake->last_us, memory_order_relaxed);
    int64_t interval = wake->config.batch_interval_us;
    int64_t since;

    if (last == INT64_MIN)
        return 0;
    since = auvi_clock_us() - last;
    return since >= interval ? 0 : interval - since;
}

void auvi_wake_notify(struct auvi_wake *wake, int push_result,
                      enum auvi_priority lane)
{
    int64_t delay;

    if (push_result != 1) {
        /* Without batching the one who got the 1 signals at once. With it the
         * signal may be put off, and this push cannot wait for it. */
        if (wake->config.batch_interval_us != 0 && push_result == 0 &&
            is_urgent(wake, lane))
            auvi_wake_fire(wake);
        return;
    }
    atomic_fetch_add_explicit(&wake->steps, 1, memory_order_relaxed);
    if (wake->config.batch_interval_us == 0 || is_urgent(wake, lane) ||
        (delay = time_to_wait(wake)) == 0) {
        auvi_wake_fire(wake);
        return;
    }
    atomic_fetch_add_explicit(&wake->deferred, 1, memory_order_relaxed);
    wake->defer(wake->defer_ctx, delay);
}

void auvi_wake_clear(struct auvi_wake *wake)
{
    /* This order: see the top. Acquire: we see what was pushed before a signal
     * that is taken back here. Release: the descriptor is empty before. */
    auvi_wake_fd_clear(wake->fd);
    atomic_exchange_explicit(&wake->signalled, 0, memory_order_acq_rel);
}

void auvi_wake_get_stats(const struct auvi_wake *wake,
                         struct auvi_wake_stats *out)
{
    out->steps = atomic_load_explicit(&wake->steps, memory_order_relaxed);
    out->wakes = atomic_load_explicit(&wake->wakes, memory_order_relaxed);
    out->deferred = atomic_load_explicit(&wake->deferred, memory_order_relaxed);
}
