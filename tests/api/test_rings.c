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
    int64_t end = now_ms() + DEADLINE_MS;
    uint64_t before, after;
    int woken;

    (void)state;
    for (int i = 0; i < 50; i++)
        call_once();
    expect_sleep();
    /* The focus of other windows may wake us, a page at rest may not. */
    do {
        before = atomic_load(&host.view->link->shared->ring[1].published);
        woken = poll(&ready, 1, 300);
        assert_true(auv_app_process(host.app) >= 0);
    } while (woken && now_ms() < end);
    assert_int_equal(woken, 0);
    after = atomic_load(&host.view->link->shared->ring[1].published);
    assert_true(before == after);
    assert_true(both_sleep());
}

static void hidden_ends_sleep(void **state)
{
    (void)state;
    call_once();
    assert_int_equal(auv_view_set_visible(host.view, 0), AUV_OK);
    call_once();
    expect_sleep();
    pump_until_idle(host.app);
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

/* The page calls while the host looks awake, so it rings no bell. */
static void call_unheard(struct outcome *outcome)
{
    struct auvi_ring_shared *ring = host.view->link->rx.ring.shared;
    int64_t end = now_ms() + DEADLINE_MS;
    uint64_t before = atomic_load(&ring->published);

    auv_app_fd(host.app);
    (void)auvi_receive_awake(host.app, false);
    assert_int_equal(auv_view_eval(host.view, "auroraview.call(\"m\", 1)", NUL,
                                   -1, on_result, outcome),
                     AUV_OK);
    while (atomic_load(&ring->published) == before) {
        assert_true(now_ms() < end);
        poll(NULL, 0, 1);
    }
}

/* The consumer is in a handler that waits: the link thread reads for it. */
static void the_link_thread_hears_behind_who_looked_awake(void **state)
{
    int64_t end = now_ms() + DEADLINE_MS;
    struct outcome outcome = {0};

    (void)state;
    call_once();
    expect_sleep();
    call_unheard(&outcome);
    atomic_fetch_add(&host.app->sync_waiters, 1);
    auvi_app_wake_link_thread(host.app);
    while (auvi_queue_is_empty(host.app->inbox)) {
        assert_true(now_ms() < end);
        poll(NULL, 0, 1);
    }
    atomic_fetch_sub(&host.app->sync_waiters, 1);
    auvi_app_wake_link_thread(host.app);
    while (calls < 2 || !outcome.calls)
        wait_and_process();
}

/* A link that is not to be read now keeps nobody awake, and is heard again. */
static void a_paused_link_is_left_alone_until_it_is_resumed(void **state)
{
    static const int64_t flood = (int64_t)64 << 20;
    struct outcome outcome = {0};

    (void)state;
    call_once();
    expect_sleep();
    atomic_fetch_add(&host.view->waiting_bytes, flood);
    call_unheard(&outcome);
    for (int i = 0; i < 10; i++)
        (void)auvi_receive_awake(host.app, i % 5 == 4);
    auvi_receive_settle(host.app);
    assert_int_equal(atomic_load(&host.view->paused), 1);
    assert_false(auvi_receive_has_more(host.app));
    pump_until_idle(host.app); /* which ends, though the link is full */
    assert_int_equal(calls, 1);

    atomic_fetch_sub(&host.view->waiting_bytes, flood);
    atomic_store(&host.app->resume_wanted, true);
    auvi_app_wake_link_thread(host.app);
    while (calls < 2 || !outcome.calls)
        wait_and_process();
    call_once();
    expect_sleep();
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
        TEST(the_link_thread_hears_behind_who_looked_awake),
        TEST(a_paused_link_is_left_alone_until_it_is_resumed),
        cmocka_unit_test_setup_teardown(all_works_without_rings,
                                        open_without_rings, close_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
