/* One tick: limits, budget, wakes, results, re-entrance, figures. */
#include "core/processor.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

struct fixture {
    struct auvi_processor processor;
    struct auvi_queue *queue;
    struct auvi_wake *wake;
    uintptr_t ran;
    uintptr_t expect_order; /* next item, if in_order */
    bool in_order;
    int pumped;
    uintptr_t repost;   /* times a handler posts again */
    int64_t handler_us; /* how long a handler takes */
    bool reenter;
    bool reentry_was_refused;
    enum auvi_process_result results[8]; /* by item */
};

static void send(struct fixture *f, uintptr_t n)
{
    auvi_wake_notify(f->wake,
                     auvi_queue_push(f->queue, AUVI_NORMAL, (void *)(n + 1)),
                     AUVI_NORMAL);
}

static enum auvi_process_result dispatch(void *ctx, void *message)
{
    struct fixture *f = ctx;
    uintptr_t n = (uintptr_t)message - 1;
    int64_t until = auvi_clock_us() + f->handler_us;

    if (f->in_order)
        assert_int_equal(n, f->expect_order++);
    f->ran++;
    assert_true(auvi_processor_is_current(&f->processor));
    while (auvi_clock_us() < until)
        ;
    if (f->repost > 0) {
        f->repost--;
        send(f, n);
    }
    if (f->reenter) {
        bool busy = false;

        f->reenter = false;
        assert_int_equal(auvi_processor_tick(&f->processor, &busy),
                         AUVI_PROCESS_ERROR);
        f->reentry_was_refused = busy;
    }
    return f->results[n % 8];
}

static void pump(void *ctx)
{
    ((struct fixture *)ctx)->pumped++;
}

static void set_up(struct fixture *f, struct auvi_processor_config config)
{
    struct auvi_wake_config wake_config = {.immediate_wake = true};

    *f = (struct fixture){.processor = {.config = config}};
    assert_int_equal(auvi_queue_create(1000, &f->queue), AUV_OK);
    assert_int_equal(auvi_wake_create(&wake_config, NULL, NULL, &f->wake),
                     AUV_OK);
    f->processor.queue = f->queue;
    f->processor.wake = f->wake;
    f->processor.dispatch = dispatch;
    f->processor.pump = pump;
    f->processor.ctx = f;
}

static void tear_down(struct fixture *f)
{
    auvi_queue_destroy(f->queue);
    auvi_wake_destroy(f->wake);
}

static bool has_work(struct fixture *f)
{
    struct pollfd poll_fd = {.fd = auvi_wake_fd(f->wake), .events = POLLIN};

    return poll(&poll_fd, 1, 0) == 1;
}

static enum auvi_process_result tick(struct fixture *f)
{
    bool busy = true;
    enum auvi_process_result result = auvi_processor_tick(&f->processor, &busy);

    assert_false(busy);
    return result;
}

static void presets(void **unused)
{
    struct auvi_processor_config c;

    (void)unused;
    c = auvi_processor_preset(AUV_PRESET_STANDALONE);
    assert_int_equal(c.mode, AUVI_MODE_FULL);
    assert_int_equal(c.max_messages_per_tick, 0);
    assert_true(c.immediate_wake);
    assert_int_equal(c.batch_interval_ms, 0);
    c = auvi_processor_preset(AUV_PRESET_QT_EMBEDDED);
    assert_int_equal(c.mode, AUVI_MODE_IPC_ONLY);
    assert_int_equal(c.max_messages_per_tick, 100);
    assert_true(c.immediate_wake);
    assert_int_equal(c.batch_interval_ms, 0);
    c = auvi_processor_preset(AUV_PRESET_LEGACY_EMBEDDED);
    assert_int_equal(c.mode, AUVI_MODE_FULL);
    assert_int_equal(c.max_messages_per_tick, 50);
    assert_true(c.immediate_wake);
    assert_int_equal(c.batch_interval_ms, 0);
}

static void empty_tick(void **unused)
{
    struct fixture f;

    (void)unused;
    set_up(&f, auvi_processor_preset(AUV_PRESET_STANDALONE));
    assert_int_equal(tick(&f), AUVI_PROCESS_CONTINUE);
    assert_int_equal(f.ran, 0);
    assert_int_equal(f.pumped, 1);
    assert_false(has_work(&f));
    assert_false(auvi_processor_is_current(&f.processor));
    /* The next message wakes. */
    send(&f, 0);
    assert_true(has_work(&f));
    tick(&f);
    assert_false(has_work(&f));
    assert_int_equal(f.ran, 1);
    tear_down(&f);
}

static void runs_all_that_waits(void **unused)
{
    struct fixture f;
    uintptr_t i;

    (void)unused;
    set_up(&f, auvi_processor_preset(AUV_PRESET_STANDALONE));
    f.in_order = true;
    for (i = 0; i < 500; i++)
        send(&f, i);
    assert_true(has_work(&f));
    assert_int_equal(tick(&f), AUVI_PROCESS_CONTINUE);
    assert_int_equal(f.ran, 500);
    assert_false(has_work(&f));
    tear_down(&f);
}

static void limit_leaves_the_rest_with_a_wake(void **unused)
{
    struct fixture f;
    uintptr_t i;

    (void)unused;
    set_up(&f, auvi_processor_preset(AUV_PRESET_QT_EMBEDDED));
    f.in_order = true;
    for (i = 0; i < 250; i++)
        send(&f, i);
    tick(&f);
    assert_int_equal(f.ran, 100);
    assert_true(has_work(&f));
    tick(&f);
    assert_int_equal(f.ran, 200);
    assert_true(has_work(&f));
    tick(&f);
    assert_int_equal(f.ran, 250);
    assert_false(has_work(&f));
    assert_int_equal(f.pumped, 0); /* IPC_ONLY */
    /* Exactly at the limit nothing is left, and the next one wakes. */
    for (i = 0; i < 100; i++)
        send(&f, 250 + i);
    tick(&f);
    assert_false(has_work(&f));
    send(&f, 350);
    assert_true(has_work(&f));
    tick(&f);
    tear_down(&f);
}

static void batch_mode_has_its_own_limit(void **unused)
{
    struct fixture f;
    uintptr_t i;

    (void)unused;
    set_up(&f, (struct auvi_processor_config){.mode = AUVI_MODE_BATCH,
                                              .batch = 7,
                                              .max_messages_per_tick = 100});
    for (i = 0; i < 10; i++)
        send(&f, i);
    tick(&f);
    assert_int_equal(f.ran, 7);
    assert_true(has_work(&f));
    tick(&f);
    assert_int_equal(f.ran, 10);
    assert_false(has_work(&f));
    tear_down(&f);
}

static void budget_ends_a_tick(void **unused)
{
    struct fixture f;
    uintptr_t i;

    (void)unused;
    set_up(&f, (struct auvi_processor_config){.tick_budget_us = 50});
    f.handler_us = 60; /* each takes it all */
    for (i = 0; i < 3; i++)
        send(&f, i);
    for (i = 1; i <= 3; i++) {
        tick(&f);
        assert_int_equal(f.ran, i);
        assert_int_equal(has_work(&f), i < 3);
    }
    tear_down(&f);
}

static void handlers_that_post_again_do_not_hold_the_loop(void **unused)
{
    struct fixture f;

    (void)unused;
    set_up(&f, auvi_processor_preset(AUV_PRESET_STANDALONE));
    f.repost = 10;
    send(&f, 0);
    send(&f, 1);
    tick(&f);
    assert_int_equal(f.ran, 2);
    assert_true(has_work(&f));
    while (has_work(&f))
        tick(&f);
    assert_int_equal(f.ran, 12);
    tear_down(&f);
}

static void first_bad_result_wins_and_the_rest_runs(void **unused)
{
    struct fixture f;
    uintptr_t i;

    (void)unused;
    set_up(&f, auvi_processor_preset(AUV_PRESET_STANDALONE));
    f.results[1] = AUVI_PROCESS_CLOSE;
    f.results[2] = AUVI_PROCESS_ERROR;
    for (i = 0; i < 4; i++)
        send(&f, i);
    assert_int_equal(tick(&f), AUVI_PROCESS_CLOSE);
    assert_int_equal(f.ran, 4);
    send(&f, 2);
    send(&f, 1);
    assert_int_equal(tick(&f), AUVI_PROCESS_ERROR);
    assert_int_equal(f.ran, 6);
    tear_down(&f);
}

static void a_tick_inside_a_tick_is_refused(void **unused)
{
    struct fixture f;

    (void)unused;
    set_up(&f, auvi_processor_preset(AUV_PRESET_STANDALONE));
    f.reenter = true;
    send(&f, 0);
    send(&f, 1);
    assert_int_equal(tick(&f), AUVI_PROCESS_CONTINUE);
    assert_true(f.reentry_was_refused);
    assert_int_equal(f.ran, 2);
    tear_down(&f);
}

static void figures(void **unused)
{
    struct auvi_processor_stats stats;
    struct fixture f;
    uintptr_t i;

    (void)unused;
    set_up(&f, auvi_processor_preset(AUV_PRESET_QT_EMBEDDED));
    f.handler_us = 1;
    for (i = 0; i < 150; i++)
        send(&f, i);
    tick(&f);
    tick(&f);
    auvi_processor_get_stats(&f.processor, &stats);
    assert_int_equal(stats.messages_processed, 150);
    assert_int_equal(stats.ticks_processed, 2);
    assert_true(stats.total_processing_time_us >= 150);
    assert_true(stats.peak_tick_time_us >= 100);
    assert_true(stats.peak_tick_time_us <= stats.total_processing_time_us);
    assert_int_equal(stats.batch_skips, 149);
    auvi_processor_reset_stats(&f.processor);
    auvi_processor_get_stats(&f.processor, &stats);
    assert_int_equal(stats.messages_processed, 0);
    assert_int_equal(stats.ticks_processed, 0);
    assert_int_equal(stats.total_processing_time_us, 0);
    assert_int_equal(stats.peak_tick_time_us, 0);
    assert_int_equal(stats.batch_skips, 0);
    tear_down(&f);
}

/* ---- one consumer that sleeps, many producers: a lost wake is a hang ---- */

#define PRODUCERS 4
#define PER_PRODUCER 3000

static void *produce(void *arg)
{
    struct fixture *f = arg;
    uintptr_t i;

    for (i = 0; i < PER_PRODUCER; i++) {
        int pushed;

        while ((pushed = auvi_queue_push(f->queue, AUVI_NORMAL, (void *)1)) ==
               AUV_ERR_QUEUE_FULL)
            sched_yield();
        auvi_wake_notify(f->wake, pushed, AUVI_NORMAL);
    }
    return NULL;
}

static void nothing_waits_for_the_next_push(void **unused)
{
    struct fixture f;
    pthread_t threads[PRODUCERS];
    int i;

    (void)unused;
    set_up(&f, (struct auvi_processor_config){.max_messages_per_tick = 3});
    for (i = 0; i < PRODUCERS; i++)
        pthread_create(&threads[i], NULL, produce, &f);
    while (f.ran < PRODUCERS * PER_PRODUCER) {
        struct pollfd poll_fd = {.fd = auvi_wake_fd(f.wake), .events = POLLIN};

        assert_int_equal(poll(&poll_fd, 1, -1), 1);
        tick(&f);
    }
    for (i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets),
        cmocka_unit_test(empty_tick),
        cmocka_unit_test(runs_all_that_waits),
        cmocka_unit_test(limit_leaves_the_rest_with_a_wake),
        cmocka_unit_test(batch_mode_has_its_own_limit),
        cmocka_unit_test(budget_ends_a_tick),
        cmocka_unit_test(handlers_that_post_again_do_not_hold_the_loop),
        cmocka_unit_test(first_bad_result_wins_and_the_rest_runs),
        cmocka_unit_test(a_tick_inside_a_tick_is_refused),
        cmocka_unit_test(figures),
        cmocka_unit_test(nothing_waits_for_the_next_push),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
