/*
 * test_clock.c - the monotonic clock: never back, one time in three units.
 */
#include "base/base.h"

#include "cmocka_all.h"

static void test_never_goes_back(void **state)
{
    int64_t last = auvi_clock_ns();

    (void)state;
    for (int i = 0; i < 10000; i++) {
        int64_t now = auvi_clock_ns();

        assert_true(now >= last);
        last = now;
    }
}

static void test_units_agree(void **state)
{
    int64_t ns = auvi_clock_ns();
    int64_t us = auvi_clock_us();
    int64_t ms = auvi_clock_ms();
    int64_t end = auvi_clock_ns();

    (void)state;
    assert_in_range(us, ns / 1000, end / 1000);
    assert_in_range(ms, ns / 1000000, end / 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_goes_back),
        cmocka_unit_test(test_units_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
