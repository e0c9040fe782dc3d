/*
 * test_wake_fd.c - the event counter: readable from signal to clear.
 */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "cmocka_all.h"

static bool is_readable(int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};

    return poll(&wanted, 1, 0) == 1;
}

static void test_signals_coalesce(void **state)
{
    int fd = auvi_wake_fd_create();

    (void)state;
    assert_true(fd >= 0);
    assert_false(is_readable(fd));
    for (int i = 0; i < 3; i++)
        auvi_wake_fd_signal(fd);
    assert_true(is_readable(fd));
    auvi_wake_fd_clear(fd);
    assert_false(is_readable(fd));
    auvi_wake_fd_clear(fd); /* must not block */
    auvi_fd_close(fd);
}

static void test_full_counter_stays_readable(void **state)
{
    int fd = auvi_wake_fd_create();
    const uint64_t top = UINT64_MAX - 1;

    (void)state;
    assert_int_equal(write(fd, &top, sizeof(top)), sizeof(top));
    errno = 77;
    auvi_wake_fd_signal(fd);     /* must not block */
    assert_int_equal(errno, 77); /* may interrupt anything */
    assert_true(is_readable(fd));
    auvi_wake_fd_clear(fd);
    assert_false(is_readable(fd));
    auvi_fd_close(fd);
}

static void test_is_close_on_exec(void **state)
{
    int fd = auvi_wake_fd_create();

    (void)state;
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    auvi_fd_close(fd);
    auvi_fd_close(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_coalesce),
        cmocka_unit_test(test_full_counter_stays_readable),
        cmocka_unit_test(test_is_close_on_exec),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
