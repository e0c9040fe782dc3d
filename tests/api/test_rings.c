/*
 * test_rings.c - an application and its pages over rings: who is idle sleeps,
 * on both sides; who sleeps is woken; and without rings all works as well.
 */
#include "harness.h"

#include <poll.h>
#include <stdio.h>

#include "core/core.h"
#include "wire/link_priv.h"

static struct host host;
static int calls;

static void on_call(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)user;
    calls++;
    auv_call_reply(call, "[1]", NUL, NULL, 0);
}

static int open_host(void **state)
{
    (void)state;
    calls = 0;
    host_open(&host);
    auv_view_bind(host.view, "m", NUL, on_call, NULL, NULL);
    return 0;
}

static int open_without_rings(void **state)
{
    auvi_app_tuning.no_rings = true;
    return open_host(state);
}

static int close_host(void **state)
{
    (void)state;
    host_close(&host);
    auvi_app_tuning.no_rings = false;
    return 0;
}

/* Whoever looks awake, or handles something, has cleared its flag. */
static bool both_sleep(void)
{
    struct auvi_link_shared *shared = host.view->link->shared;

    return atomic_load(&shared->ring[0].asleep) == 1 &&
           atomic_load(&shared->ring[1].asleep) == 1 &&
           host.view->link->rx.ring.armed;
}

static void expect_sleep(void)
{
    int64_t end = now_ms() + DEADLINE_MS;

    pump_until_idle(host.app);
    while (!both_sleep()) {
        assert_true(now_ms() < end);
        poll(NULL, 0, 1);
    }
}

/* As a host's loop does, and not a moment more often. */
static void wait_and_process(void)
{
    struct pollfd ready = {.fd = auv_app_fd(host.app), .events = POLLIN};

    assert_int_equal(poll(&ready, 1, DEADLINE_MS), 1);
    assert_true(auv_app_process(host.app) >= 0);
}

static void call_once(void)
{
    struct outcome outcome = {0};
    int wanted = calls + 1;

    assert_int_equal(auv_view_eval(host.view, "auroraview.call(\"m\", 1)", NUL,
                                   -1, on_result, &outcome),
                     AUV_OK);
    while (calls < wanted || !outcome.calls)
        wait_and_process();
    assert_int_equal(outcome.error, AUV_OK);
}

static void the_link_has_rings(void **state)
{
    (void)state;
    call_once();
    assert_true(auvi_link_has_rings(host.view->link));
    assert_int_equal(atomic_load(&host.view->link->shared->taken), 1);
    assert_true(host.view->link->tx.use_ring);
    assert_true(host.view->link->rx.ring.head > 0);
}

static void idle_ends_sleep(void **state)
{
    struct pollfd ready = {.fd = auv_app_fd(host.app), .events = POLLIN};
    uint64_t before, after;

    (void)state;
    for (int i = 0; i < 50; i++)
        call_once();
    expect_sleep();
    before = atomic_load(&host.view->link->shared->ring[1].published);
    assert_int_equal(poll(&ready, 1, 300), 0);
    after = atomic_load(&host.view->link->shared->ring[1].published);
    assert_true(before == after);
    assert_true(both_sleep());
}

static void hidden_ends_sleep(void **state)
{
    struct pollfd ready = {.fd = auv_app_fd(host.app), .events = POLLIN};

    (void)state;
    call_once();
    assert_int_equal(auv_view_set_visible(host.view, 0), AUV_OK);
    call_once();
    expect_sleep();
    assert_int_equal(poll(&ready, 1, 300), 0);
    assert_true(both_sleep());
}

/* Every wake counts here: nobody processes without one. */
static void sleepers_are_woken(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        call_once();
        if (i % 30 == 0)
            expect_sleep();
    }
}

/* process() looks awake after an answer; when it returns, the bell is armed or
 * its own descriptor says that it must be called again. */
static void process_leaves_no_link_awake(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        call_once();
        if (!host.view->link->rx.ring.armed)
            assert_true(is_readable(host.app));
    }
}

static void all_works_without_rings(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        call_once();
    assert_false(auvi_link_has_rings(host.view->link));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_host, close_host)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_link_has_rings),
        TEST(idle_ends_sleep),
        TEST(hidden_ends_sleep),
        TEST(sleepers_are_woken),
        TEST(process_leaves_no_link_awake),
        cmocka_unit_test_setup_teardown(all_works_without_rings,
                                        open_without_rings, close_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
