/*
 * clock_posix.c - the monotonic clock.
 */
#include "base/base.h"

#include <time.h>

int64_t auvi_clock_ns(void)
{
    struct timespec now;

    /* Cannot fail: the clock exists on every kernel we start on. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t auvi_clock_us(void)
{
    return auvi_clock_ns() / 1000;
}

int64_t auvi_clock_ms(void)
{
    return auvi_clock_ns() / 1000000;
}
