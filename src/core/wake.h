/*
 * wake.h - tells the consumer of a queue that there is work, once per step from
 * empty to not empty.
 *
 * The sink is a descriptor to poll (always there) and, if set, a callback. With
 * a batch interval configured, a wake of normal or low priority may be put off
 * until the interval has passed: then it is deferred, never dropped. The
 * default is no batching.
 */
#ifndef AUVI_WAKE_H
#define AUVI_WAKE_H

#include "core/queue.h"

struct auvi_wake_config {
    bool immediate_wake;        /* High and Critical never wait for a batch */
    uint32_t batch_interval_us; /* 0: no batching */
};

struct auvi_wake; /* heap */

struct auvi_wake_stats {
    uint64_t steps;    /* pushes that found the consumer asleep */
    uint64_t wakes;    /* signals sent */
    uint64_t deferred; /* wakes that were put off */
};

/* `defer(delay_us, ctx)` must arrange auvi_wake_fire() after the delay; needed
 * only with batching, else NULL. */
int auvi_wake_create(const struct auvi_wake_config *config,
                     void (*defer)(void *ctx, int64_t delay_us), void *ctx,
                     struct auvi_wake **out);
void auvi_wake_destroy(struct auvi_wake *wake);

/* Before the first notify. */
void auvi_wake_set_callback(struct auvi_wake *wake, void (*fn)(void *user),
                            void *user);
int auvi_wake_fd(const struct auvi_wake *wake);

/* Producer, with what auvi_queue_push() returned; negative results do nothing.
 * Calls the callback on this thread. */
void auvi_wake_notify(struct auvi_wake *wake, int push_result,
                      enum auvi_priority lane);
/* Wake now, whatever the queue says: work that was left over, or a wake that
 * was put off. Nothing happens if the last signal was not cleared yet. */
void auvi_wake_fire(struct auvi_wake *wake);
/* Consumer, before it drains, never after: the descriptor becomes unreadable.
 * A consumer that skips it will not be woken again. */
void auvi_wake_clear(struct auvi_wake *wake);

void auvi_wake_get_stats(const struct auvi_wake *wake,
                         struct auvi_wake_stats *out);

#endif /* AUVI_WAKE_H */
