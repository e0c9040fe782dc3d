/*
 * stats.c - the figures of an application. Each is counted by the part that
 * knows it; here they are put together, and "set back" by remembering where
 * they stood.
 */
#include "core/core.h"

#include <string.h>

static uint64_t read_base(const _Atomic uint64_t *base)
{
    return atomic_load_explicit(base, memory_order_relaxed);
}

/* What a counter has gained. A reset on another thread may have read a newer
 * value than ours. */
static uint64_t since(uint64_t now, const _Atomic uint64_t *base)
{
    uint64_t before = read_base(base);

    return now > before ? now - before : 0;
}

static uint64_t average_us(const struct auvi_queue_metrics *now,
                           const struct auvi_queue_base *base)
{
    uint64_t samples = since(now->latency_samples, &base->latency_samples);

    return samples ? since(now->latency_ns, &base->latency_ns) / samples / 1000
                   : 0;
}

static void add_queue(auv_app_stats *stats,
                      const struct auvi_queue_metrics *now,
                      const struct auvi_queue_base *base)
{
    stats->messages_failed += since(now->failed, &base->failed);
    stats->messages_dropped += since(now->dropped, &base->dropped);
    stats->retry_attempts += since(now->retries, &base->retries);
    if (now->peak_length > stats->peak_queue_length)
        stats->peak_queue_length = now->peak_length;
}

int auv_app_get_stats(const auv_app *app, auv_app_stats *stats)
{
    struct auvi_processor_stats processor;
    struct auvi_queue_metrics inbox, control, outbox;
    struct auvi_wake_stats wake;
    auv_app_stats now = {0};
    size_t size;

    if (!app || !stats || stats->size == 0)
        return auvi_fail(AUV_ERR_ARG, "app or stats is NULL, or size is 0");
    auvi_processor_get_stats(&app->processor, &processor);
    auvi_wake_get_stats(app->inbox_wake, &wake);
    auvi_queue_get_metrics(app->inbox, &inbox);
    auvi_queue_get_metrics(app->control, &control);
    auvi_queue_get_metrics(app->outbox, &outbox);
    size = stats->size < sizeof(now) ? stats->size : sizeof(now);
    now.size = size;
    now.messages_processed = processor.messages_processed;
    now.ticks_processed = processor.ticks_processed;
    now.total_processing_time_us = processor.total_processing_time_us;
    now.peak_tick_time_us = processor.peak_tick_time_us;
    now.batch_skips = processor.batch_skips;
    now.handler_wakes = since(wake.wakes, &app->wakes_base);
    now.deferred_wakes = since(wake.deferred, &app->deferred_base);
    now.messages_sent = read_base(&app->sent);
    now.messages_dropped = read_base(&app->dropped);
    now.messages_received = since(inbox.sent, &app->inbox_base.sent);
    add_queue(&now, &inbox, &app->inbox_base);
    add_queue(&now, &control, &app->control_base);
    add_queue(&now, &outbox, &app->outbox_base);
    now.average_latency_us = average_us(&inbox, &app->inbox_base);
    now.average_send_latency_us = average_us(&outbox, &app->outbox_base);
    memcpy(stats, &now, size);
    return AUV_OK;
}

static void set_base(struct auvi_queue *queue, struct auvi_queue_base *base)
{
    struct auvi_queue_metrics now;

    auvi_queue_get_metrics(queue, &now);
    auvi_queue_reset_peak(queue);
    atomic_store_explicit(&base->sent, now.sent, memory_order_relaxed);
    atomic_store_explicit(&base->failed, now.failed, memory_order_relaxed);
    atomic_store_explicit(&base->dropped, now.dropped, memory_order_relaxed);
    atomic_store_explicit(&base->retries, now.retries, memory_order_relaxed);
    atomic_store_explicit(&base->latency_ns, now.latency_ns,
                          memory_order_relaxed);
    atomic_store_explicit(&base->latency_samples, now.latency_samples,
                          memory_order_relaxed);
}

int auv_app_reset_stats(auv_app *app)
{
    struct auvi_wake_stats wake;

    if (!app)
        return auvi_fail(AUV_ERR_ARG, "app is NULL");
    auvi_processor_reset_stats(&app->processor);
    auvi_wake_get_stats(app->inbox_wake, &wake);
    atomic_store_explicit(&app->wakes_base, wake.wakes, memory_order_relaxed);
    atomic_store_explicit(&app->deferred_base, wake.deferred,
                          memory_order_relaxed);
    set_base(app->inbox, &app->inbox_base);
    set_base(app->control, &app->control_base);
    set_base(app->outbox, &app->outbox_base);
    atomic_store_explicit(&app->sent, 0, memory_order_relaxed);
    atomic_store_explicit(&app->dropped, 0, memory_order_relaxed);
    return AUV_OK;
}
