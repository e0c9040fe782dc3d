/*
 * processor.c - drains a queue and dispatches, within limit and budget.
 *
 * A tick is the consumer of its queue. `owner` makes it one at a time: the
 * compare-and-swap that enters acquires what the release that leaves gave, so
 * the queue's consumer fields go from one thread to the next without a lock.
 *
 * A message is never left without a wake. The order is: clear the wake, drain,
 * ask auvi_queue_prepare_sleep(). If that says "empty", the next push is told
 * to wake; if not, or if limit or budget ended the drain, the tick fires the
 * wake itself before it leaves. The clear comes first, because a signal between
 * drain and clear would be wiped out.
 *
 * PROGRESS. A second tick is refused, not delayed. The rest is as long as the
 * handlers are. Statistics are single relaxed counters: each is right, and two
 * of them may be of slightly different moments.
 */
#include "core/processor.h"

#include "base/base.h"

/* Empty-handed rounds before a tick leaves the wait for a producer, which has
 * claimed a place and not filled it, to the next tick. */
#define UNFILLED_ROUNDS 4

struct auvi_processor_config auvi_processor_preset(auv_preset preset)
{
    switch (preset) {
    case AUV_PRESET_QT_EMBEDDED:
        return (struct auvi_processor_config){.mode = AUVI_MODE_IPC_ONLY,
                                              .immediate_wake = true,
                                              .max_messages_per_tick = 100};
    case AUV_PRESET_LEGACY_EMBEDDED:
        return (struct auvi_processor_config){.mode = AUVI_MODE_FULL,
                                              .immediate_wake = true,
                                              .max_messages_per_tick = 50};
    case AUV_PRESET_STANDALONE:
        break;
    }
    return (struct auvi_processor_config){.mode = AUVI_MODE_FULL,
                                          .immediate_wake = true};
}

/* Messages this tick may run; at least 1. */
static uint64_t tick_limit(const struct auvi_processor *processor)
{
    const struct auvi_processor_config *config = &processor->config;
    uint64_t limit = auvi_queue_length(processor->queue);

    if (limit == 0)
        limit = 1; /* what comes while we look for it */
    if (config->max_messages_per_tick != 0 &&
        config->max_messages_per_tick < limit)
        limit = config->max_messages_per_tick;
    if (config->mode == AUVI_MODE_BATCH && config->batch != 0 &&
        config->batch < limit)
        limit = config->batch;
    return limit;
}

/* True if the queue is empty and the next push wakes; false if something is
 * left. */
static bool drain(struct auvi_processor *processor, int64_t start_us,
                  uint64_t *done, enum auvi_process_result *result)
{
    uint64_t limit = tick_limit(processor);
    int64_t budget_us = processor->config.tick_budget_us;
    int unfilled = 0;

    while (*done < limit) {
        enum auvi_process_result one;
        void *message = auvi_queue_pop(processor->queue);

        if (!message) {
            if (auvi_queue_prepare_sleep(processor->queue))
                return true;
            if (++unfilled == UNFILLED_ROUNDS)
                return false;
            continue;
        }
        one = processor->dispatch(processor->ctx, message);
        (*done)++;
        if (*result == AUVI_PROCESS_CONTINUE)
            *result = one;
        /* After each message: a handler may have taken the whole budget, and
         * the clock costs less than the cheapest handler. */
        if (budget_us != 0 && auvi_clock_us() - start_us >= budget_us)
            break;
    }
    return auvi_queue_prepare_sleep(processor->queue);
}

static void record_tick(struct auvi_processor *processor, uint64_t messages,
                        uint64_t time_us)
{
    uint64_t peak =
        atomic_load_explicit(&processor->peak_us, memory_order_relaxed);

    atomic_fetch_add_explicit(&processor->ticks, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&processor->messages, messages,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&processor->total_us, time_us,
                              memory_order_relaxed);
    /* A loop, as a reset may come between. */
    while (time_us > peak && !atomic_compare_exchange_weak_explicit(
                                 &processor->peak_us, &peak, time_us,
                                 memory_order_relaxed, memory_order_relaxed))
        ;
}

enum auvi_process_result auvi_processor_tick(struct auvi_processor *processor,
                                             bool *busy_out)
{
    enum auvi_process_result result = AUVI_PROCESS_CONTINUE;
    uint64_t nobody = 0;
    uint64_t done = 0;
    int64_t start_us;

    /* Acquire: the consumer's fields as the last tick left them. */
    if (!atomic_compare_exchange_strong_explicit(
            &processor->owner, &nobody, auvi_thread_self(),
            memory_order_acquire, memory_order_relaxed)) {
        if (busy_out)
            *busy_out = true;
        return AUVI_PROCESS_ERROR;
    }
    if (busy_out)
        *busy_out = false;

    start_us = auvi_clock_us();
    if (processor->config.mode == AUVI_MODE_FULL && processor->pump)
        processor->pump(processor->ctx);
    auvi_wake_clear(processor->wake);
    if (!drain(processor, start_us, &done, &result))
        auvi_wake_fire(processor->wake);
    record_tick(processor, done, (uint64_t)(auvi_clock_us() - start_us));

    /* Release: hands the consumer's role to the next tick. */
    atomic_store_explicit(&processor->owner, 0, memory_order_release);
    return result;
}

bool auvi_processor_is_current(const struct auvi_processor *processor)
{
    /* Relaxed: only our own store can make this true, and we see that. */
    return atomic_load_explicit(&processor->owner, memory_order_relaxed) ==
           auvi_thread_self();
}

/* Derived, so that no push has to count: each message but those that found the
 * consumer asleep came without a wake. */
static uint64_t skips_so_far(const struct auvi_processor *processor)
{
    struct auvi_queue_metrics queue;
    struct auvi_wake_stats wake;

    auvi_wake_get_stats(processor->wake, &wake);
    auvi_queue_get_metrics(processor->queue, &queue);
    /* A push counts as sent before it counts as a step; read the other way
     * round the difference is not negative, but for relaxed counters. */
    return queue.sent > wake.steps ? queue.sent - wake.steps : 0;
}

void auvi_processor_get_stats(const struct auvi_processor *processor,
                              struct auvi_processor_stats *out)
{
    uint64_t skips = skips_so_far(processor);
    uint64_t base =
        atomic_load_explicit(&processor->skips_base, memory_order_relaxed);

    out->messages_processed =
        atomic_load_explicit(&processor->messages, memory_order_relaxed);
    out->total_processing_time_us =
        atomic_load_explicit(&processor->total_us, memory_order_relaxed);
    out->peak_tick_time_us =
        atomic_load_explicit(&processor->peak_us, memory_order_relaxed);
    out->ticks_processed =
        atomic_load_explicit(&processor->ticks, memory_order_relaxed);
    out->batch_skips = skips > base ? skips - base : 0;
}

void auvi_processor_reset_stats(struct auvi_processor *processor)
{
    atomic_store_explicit(&processor->messages, 0, memory_order_relaxed);
    atomic_store_explicit(&processor->total_us, 0, memory_order_relaxed);
    atomic_store_explicit(&processor->peak_us, 0, memory_order_relaxed);
    atomic_store_explicit(&processor->ticks, 0, memory_order_relaxed);
    atomic_store_explicit(&processor->skips_base, skips_so_far(processor),
                          memory_order_relaxed);
}
