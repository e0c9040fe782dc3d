/* Wakes: one per step, none lost; batching puts off, never drops. */
#include "core/wake.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

struct sink {
    int calls;
    int deferrals;
    int64_t delay_us;
};

static void on_wake(void *user)
{
    ((struct sink *)user)->calls++;
}

static void on_defer(void *user, int64_t delay_us)
{
    struct sink *sink = user;

    sink->deferrals++;
    sink->delay_us = delay_us;
}

static struct auvi_wake *make_wake(bool immediate, uint32_t interval_us,
                                   struct sink *sink)
{
    struct auvi_wake_config config = {.immediate_wake = immediate,
                                      .batch_interval_us = interval_us};
    struct auvi_wake *wake;

    *sink = (struct sink){0};
    assert_int_equal(auvi_wake_create(&config, on_defer, sink, &wake), AUV_OK);
    auvi_wake_set_callback(wake, on_wake, sink);
    return wake;
}

static bool is_readable(struct auvi_wake *wake)
{
    struct pollfd poll_fd = {.fd = auvi_wake_fd(wake), .events = POLLIN};

    return poll(&poll_fd, 1, 0) == 1;
}

static struct auvi_wake_stats stats_of(struct auvi_wake *wake)
{
    struct auvi_wake_stats stats;

    auvi_wake_get_stats(wake, &stats);
    return stats;
}

static void batching_needs_a_timer(void **unused)
{
    struct auvi_wake_config config = {.batch_interval_us = 1};
    struct auvi_wake *wake = (struct auvi_wake *)1;

    (void)unused;
    assert_int_equal(auvi_wake_create(&config, NULL, NULL, &wake), AUV_ERR_ARG);
    assert_null(wake);
    auvi_wake_destroy(NULL);
}

static void one_signal_per_step(void **unused)
{
    struct sink sink;
    struct auvi_wake *wake = make_wake(true, 0, &sink);

    (void)unused;
    assert_false(is_readable(wake));
    auvi_wake_notify(wake, 0, AUVI_CRITICAL);
    auvi_wake_notify(wake, AUV_ERR_QUEUE_FULL, AUVI_CRITICAL);
    assert_false(is_readable(wake));
    auvi_wake_notify(wake, 1, AUVI_LOW);
    assert_true(is_readable(wake));
    assert_int_equal(sink.calls, 1);
    /* Not heard yet: another one would say nothing new. */
    auvi_wake_fire(wake);
    assert_int_equal(sink.calls, 1);
    auvi_wake_clear(wake);
    assert_false(is_readable(wake));
    auvi_wake_notify(wake, 1, AUVI_LOW);
    assert_true(is_readable(wake));
    assert_int_equal(sink.calls, 2);
    assert_int_equal(stats_of(wake).steps, 2);
    assert_int_equal(stats_of(wake).wakes, 2);
    assert_int_equal(stats_of(wake).deferred, 0);
    assert_int_equal(sink.deferrals, 0);
    auvi_wake_destroy(wake);
}

static void fire_needs_no_step(void **unused)
{
    struct sink sink;
    struct auvi_wake *wake = make_wake(true, 0, &sink);

    (void)unused;
    auvi_wake_fire(wake);
    assert_true(is_readable(wake));
    assert_int_equal(sink.calls, 1);
    assert_int_equal(stats_of(wake).steps, 0);
    auvi_wake_clear(wake);
    auvi_wake_clear(wake);
    assert_false(is_readable(wake));
    auvi_wake_destroy(wake);
}

static void batched_wake_is_put_off_not_dropped(void **unused)
{
    enum {
        INTERVAL_US = 60 * 1000000
    }; /* never over in this test */
    struct sink sink;
    struct auvi_wake *wake = make_wake(true, INTERVAL_US, &sink);

    (void)unused;
    /* The first has nothing to be batched with. */
    auvi_wake_notify(wake, 1, AUVI_NORMAL);
    assert_int_equal(sink.calls, 1);
    auvi_wake_clear(wake);

    auvi_wake_notify(wake, 1, AUVI_NORMAL);
    assert_int_equal(sink.calls, 1);
    assert_false(is_readable(wake));
    assert_int_equal(sink.deferrals, 1);
    assert_in_range(sink.delay_us, 1, INTERVAL_US);
    auvi_wake_notify(wake, 0, AUVI_NORMAL);
    assert_int_equal(sink.calls, 1);
    /* The timer. */
    auvi_wake_fire(wake);
    assert_int_equal(sink.calls, 2);
    assert_true(is_readable(wake));
    assert_int_equal(stats_of(wake).deferred, 1);
    auvi_wake_destroy(wake);
}

static void urgent_does_not_wait(void **unused)
{
    struct sink sink;
    struct auvi_wake *wake = make_wake(true, 60 * 1000000, &sink);

    (void)unused;
    auvi_wake_notify(wake, 1, AUVI_NORMAL);
    auvi_wake_clear(wake);
    auvi_wake_notify(wake, 1, AUVI_HIGH);
    assert_int_equal(sink.calls, 2);
    auvi_wake_clear(wake);
    /* Behind one that was put off: its push was told 0. */
    auvi_wake_notify(wake, 1, AUVI_LOW);
    assert_int_equal(sink.calls, 2);
    auvi_wake_notify(wake, 0, AUVI_CRITICAL);
    assert_int_equal(sink.calls, 3);
    auvi_wake_notify(wake, 0, AUVI_CRITICAL);
    assert_int_equal(sink.calls, 3);
    auvi_wake_destroy(wake);

    wake = make_wake(false, 60 * 1000000, &sink);
    auvi_wake_notify(wake, 1, AUVI_CRITICAL);
    auvi_wake_clear(wake);
    auvi_wake_notify(wake, 1, AUVI_CRITICAL);
    assert_int_equal(sink.calls, 1);
    assert_int_equal(sink.deferrals, 1);
    auvi_wake_destroy(wake);
}

static void after_the_interval_at_once(void **unused)
{
    struct sink sink;
    struct auvi_wake *wake = make_wake(false, 1, &sink);
    int64_t start;

    (void)unused;
    auvi_wake_notify(wake, 1, AUVI_LOW);
    auvi_wake_clear(wake);
    for (start = auvi_clock_us(); auvi_clock_us() < start + 2;)
        ;
    auvi_wake_notify(wake, 1, AUVI_LOW);
    assert_int_equal(sink.calls, 2);
    assert_int_equal(sink.deferrals, 0);
    auvi_wake_destroy(wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batching_needs_a_timer),
        cmocka_unit_test(one_signal_per_step),
        cmocka_unit_test(fire_needs_no_step),
        cmocka_unit_test(batched_wake_is_put_off_not_dropped),
        cmocka_unit_test(urgent_does_not_wait),
        cmocka_unit_test(after_the_interval_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
