/*
 * test_poller.c - waiting for many descriptors: keys, limits, interruptions.
 */
#include "base/base.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cmocka_all.h"

static void test_reports_key_and_events(void **state)
{
    int poller = auvi_poller_create();
    int wake = auvi_wake_fd_create();
    struct auvi_poll_event event;

    (void)state;
    assert_int_equal(auvi_poller_add(poller, wake, AUVI_POLL_IN, UINT64_MAX),
                     0);
    assert_int_equal(auvi_poller_wait(poller, &event, 1, 0), 0);
    auvi_wake_fd_signal(wake);
    assert_int_equal(auvi_poller_wait(poller, &event, 1, -1), 1);
    assert_true(event.key == UINT64_MAX);
    assert_int_equal(event.events, AUVI_POLL_IN);
    /* Still there: level-triggered. */
    assert_int_equal(auvi_poller_wait(poller, &event, 1, 0), 1);

    assert_int_equal(auvi_poller_change(poller, wake, AUVI_POLL_OUT, 0), 0);
    assert_int_equal(auvi_poller_wait(poller, &event, 1, -1), 1);
    assert_true(event.key == 0);
    assert_int_equal(event.events, AUVI_POLL_OUT);

    auvi_poller_remove(poller, wake);
    auvi_poller_remove(poller, wake); /* not there: nothing */
    assert_int_equal(auvi_poller_wait(poller, &event, 1, 0), 0);
    auvi_fd_close(wake);
    auvi_fd_close(poller);
}

static void test_hangup_needs_no_asking(void **state)
{
    int poller = auvi_poller_create();
    struct auvi_poll_event event;
    int ends[2];

    (void)state;
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(auvi_poller_add(poller, ends[0], 0, 3), 0);
    close(ends[1]);
    assert_int_equal(auvi_poller_wait(poller, &event, 1, -1), 1);
    assert_int_equal(event.events, AUVI_POLL_HANGUP);
    close(ends[0]);
    auvi_fd_close(poller);
}

static void test_poller_is_pollable(void **state)
{
    int poller = auvi_poller_create();
    int wake = auvi_wake_fd_create();
    struct pollfd wanted = {.fd = poller, .events = POLLIN};

    (void)state;
    auvi_poller_add(poller, wake, AUVI_POLL_IN, 1);
    assert_int_equal(poll(&wanted, 1, 0), 0);
    auvi_wake_fd_signal(wake);
    assert_int_equal(poll(&wanted, 1, 0), 1);
    auvi_fd_close(wake);
    auvi_fd_close(poller);
}

static void test_deadline_has_passed(void **state)
{
    static const int64_t limits[] = {1, 100, 999, 1000, 1001, 2500};
    int poller = auvi_poller_create();
    struct auvi_poll_event event;

    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        int64_t start = auvi_clock_us();

        assert_int_equal(auvi_poller_wait(poller, &event, 1, limits[i]), 0);
        assert_true(auvi_clock_us() - start >= limits[i]);
    }
    auvi_fd_close(poller);
}

static void test_more_than_fits_stays(void **state)
{
    enum {
        COUNT = 100
    };
    int poller = auvi_poller_create();
    int wakes[COUNT];
    struct auvi_poll_event events[COUNT];
    bool seen[COUNT] = {false};
    int total = 0;

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        wakes[i] = auvi_wake_fd_create();
        auvi_poller_add(poller, wakes[i], AUVI_POLL_IN, (uint64_t)i);
        auvi_wake_fd_signal(wakes[i]);
    }
    while (total < COUNT) {
        int count = auvi_poller_wait(poller, events, COUNT, 0);

        assert_in_range(count, 1, COUNT);
        for (int i = 0; i < count; i++) {
            assert_false(seen[events[i].key]);
            seen[events[i].key] = true;
            auvi_wake_fd_clear(wakes[events[i].key]);
        }
        total += count;
    }
    for (int i = 0; i < COUNT; i++)
        auvi_fd_close(wakes[i]);
    auvi_fd_close(poller);
}

/* ---- interruptions ---- */

static _Atomic int interruptions;

static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(&interruptions, 1);
}

struct interrupted {
    int wake;
    pthread_t waiter;
};

static void wake_after_interruptions(void *user)
{
    struct interrupted *shared = user;

    while (atomic_load(&interruptions) < 20) {
        const struct timespec pause = {.tv_nsec = 200000};

        pthread_kill(shared->waiter, SIGUSR1);
        nanosleep(&pause, NULL);
    }
    auvi_wake_fd_signal(shared->wake);
}

static void test_interruptions_are_not_seen(void **state)
{
    struct interrupted shared;
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART */
    int poller = auvi_poller_create();
    struct auvi_poll_event event;
    struct auvi_thread *thread;

    (void)state;
    sigaction(SIGUSR1, &action, NULL);
    shared.wake = auvi_wake_fd_create();
    shared.waiter = pthread_self();
    auvi_poller_add(poller, shared.wake, AUVI_POLL_IN, 9);
    assert_int_equal(auvi_thread_start(&thread, "interrupter",
                                       wake_after_interruptions, &shared),
                     AUV_OK);
    assert_int_equal(auvi_poller_wait(poller, &event, 1, 20 * 1000000), 1);
    assert_true(event.key == 9);
    auvi_thread_join(thread);
    auvi_fd_close(shared.wake);
    auvi_fd_close(poller);
}

static void test_bad_descriptors_fail(void **state)
{
    int poller = auvi_poller_create();
    struct auvi_poll_event event;

    (void)state;
    assert_int_equal(auvi_poller_add(poller, -1, AUVI_POLL_IN, 0),
                     AUV_ERR_SYSTEM);
    assert_int_equal(auvi_poller_change(poller, 0, AUVI_POLL_IN, 0),
                     AUV_ERR_SYSTEM);
    assert_int_equal(auvi_poller_wait(-1, &event, 1, 0), AUV_ERR_SYSTEM);
    auvi_fd_close(poller);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reports_key_and_events),
        cmocka_unit_test(test_hangup_needs_no_asking),
        cmocka_unit_test(test_poller_is_pollable),
        cmocka_unit_test(test_deadline_has_passed),
        cmocka_unit_test(test_more_than_fits_stays),
        cmocka_unit_test(test_interruptions_are_not_seen),
        cmocka_unit_test(test_bad_descriptors_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
