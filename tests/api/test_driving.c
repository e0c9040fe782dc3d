/* How an application is driven: descriptor, wakeup, posts, limits, quit. */
#include "harness.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static struct host host;

static int open_host(void **state)
{
    (void)state;
    host_open(&host);
    return 0;
}

static int close_host(void **state)
{
    (void)state;
    host_close(&host);
    return 0;
}

static void count(void *user)
{
    ++*(int *)user;
}

/* ---- the descriptor ------------------------------------------------------- */

static void the_descriptor_tells_of_work(void **state)
{
    int posts = 0;

    (void)state;
    pump_until_idle(host.app);
    assert_false(is_readable(host.app));
    assert_int_equal(auv_app_post(host.app, count, &posts), AUV_OK);
    assert_true(is_readable(host.app));
    assert_int_equal(auv_app_process(host.app), AUV_PROCESS_CONTINUE);
    assert_int_equal(posts, 1);
    assert_false(is_readable(host.app));
    assert_int_equal(auv_app_process(host.app), AUV_PROCESS_CONTINUE);
    assert_int_equal(auv_app_fd(host.app), auv_app_fd(host.app));
}

static void the_descriptor_tells_of_the_page(void **state)
{
    struct pollfd ready = {.fd = auv_app_fd(host.app), .events = POLLIN};
    struct outcome out = {0};

    (void)state;
    pump_until_idle(host.app);
    auv_view_eval(host.view, "[1]", NUL, DEADLINE_MS, on_result, &out);
    while (!out.calls) {
        assert_int_equal(poll(&ready, 1, DEADLINE_MS), 1);
        auv_app_process(host.app);
    }
    assert_int_equal(out.error, AUV_OK);
}

/* ---- posts ---------------------------------------------------------------- */

static char order[64];

static void note(void *user)
{
    size_t used = strlen(order);

    order[used] = *(char *)user;
    order[used + 1] = '\0';
}

static void posts_run_in_order(void **state)
{
    char letters[] = "abcdefghij";

    (void)state;
    order[0] = '\0';
    for (int i = 0; i < 10; i++)
        assert_int_equal(auv_app_post(host.app, note, &letters[i]), AUV_OK);
    pump_until_idle(host.app);
    assert_string_equal(order, letters);
    assert_int_equal(auv_app_post(host.app, NULL, NULL), AUV_ERR_ARG);
}

static void posts_again(void *user)
{
    int *left = user;

    if (--*left > 0)
        assert_int_equal(auv_app_post(host.app, posts_again, left), AUV_OK);
}

/* Or a handler that posts could hold the host's loop for ever. */
static void a_post_from_a_post_waits_for_the_next_tick(void **state)
{
    int left = 5;

    (void)state;
    pump_until_idle(host.app);
    auv_app_post(host.app, posts_again, &left);
    for (int i = 4; i >= 0; i--) {
        assert_true(is_readable(host.app));
        auv_app_process(host.app);
        assert_int_equal(left, i);
    }
    assert_false(is_readable(host.app));
}

static void posts_are_refused_when_full_and_none_is_lost(void **state)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    int ran = 0, accepted = 0, error;
    auv_app *app;

    (void)state;
    options.queue_capacity = 1024;
    app = open_app(&options);
    while ((error = auv_app_post(app, count, &ran)) == AUV_OK)
        accepted++;
    assert_int_equal(error, AUV_ERR_QUEUE_FULL);
    assert_true(accepted >= 1024);
    assert_true(auv_app_process(app) >= 0);
    assert_int_equal(ran, accepted);
    assert_int_equal(auv_app_post(app, count, &ran), AUV_OK);
    auv_app_destroy(app); /* runs what is due */
    assert_int_equal(ran, accepted + 1);
}

/* ---- one at a time -------------------------------------------------------- */

static void processes_again(void *user)
{
    *(int *)user = auv_app_process(host.app);
    assert_true(strlen(auv_last_error_message()) > 0);
}

static void processing_inside_a_handler_is_refused(void **state)
{
    int result = 0;

    (void)state;
    auv_app_post(host.app, processes_again, &result);
    pump_until_idle(host.app);
    assert_int_equal(result, AUV_ERR_BUSY);
    auv_app_post(host.app, (void (*)(void *))processes_again, &result);
    result = 0;
    pump_until_idle(host.app);
    assert_int_equal(result, AUV_ERR_BUSY);
}

static void *process_once(void *user)
{
    *(int *)user = auv_app_process(host.app);
    return NULL;
}

static void processes_on_a_thread(void *user)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, process_once, user), 0);
    pthread_join(thread, NULL);
}

static void a_second_thread_is_refused(void **state)
{
    int result = 0;

    (void)state;
    auv_app_post(host.app, processes_on_a_thread, &result);
    pump_until_idle(host.app);
    assert_int_equal(result, AUV_ERR_BUSY);
}

/* The role of the consumer is not bound to a thread. */
static void any_thread_may_process_in_turn(void **state)
{
    pthread_t thread;
    int posts = 0, result = -1;

    (void)state;
    for (int i = 1; i <= 10; i++) {
        pump_until_idle(host.app);
        auv_app_post(host.app, count, &posts);
        assert_int_equal(pthread_create(&thread, NULL, process_once, &result),
                         0);
        pthread_join(thread, NULL);
        assert_int_equal(result, AUV_PROCESS_CONTINUE);
        assert_int_equal(posts, i);
    }
}

/* ---- limits --------------------------------------------------------------- */

static void check_limit(auv_preset preset, int limit)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_app_stats stats = {.size = sizeof(stats)};
    struct pollfd ready;
    auv_app *app;
    int ran = 0;

    options.preset = preset;
    app = open_app(&options);
    ready = (struct pollfd){.fd = auv_app_fd(app), .events = POLLIN};
    for (int i = 0; i < 230; i++)
        assert_int_equal(auv_app_post(app, count, &ran), AUV_OK);
    while (ran < 230) {
        int before = ran;

        assert_int_equal(poll(&ready, 1, 0), 1);
        assert_true(auv_app_process(app) >= 0);
        assert_true(ran > before);
        if (limit)
            assert_true(ran - before <= limit);
        else
            assert_int_equal(ran, 230);
    }
    assert_int_equal(poll(&ready, 1, 0), 0);
    assert_int_equal(auv_app_get_stats(app, &stats), AUV_OK);
    assert_int_equal(stats.messages_processed, 230);
    assert_int_equal(stats.ticks_processed, limit ? 229 / limit + 1 : 1);
    auv_app_destroy(app);
}

static void presets_limit_a_tick(void **state)
{
    (void)state;
    check_limit(AUV_PRESET_STANDALONE, 0);
    check_limit(AUV_PRESET_QT_EMBEDDED, 100);
    check_limit(AUV_PRESET_LEGACY_EMBEDDED, 50);
}

static void spends_a_while(void *user)
{
    int64_t end = now_ms() + 3;

    count(user);
    while (now_ms() < end)
        ;
}

static void a_budget_ends_a_tick(void **state)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_app_stats stats = {.size = sizeof(stats)};
    auv_app *app;
    int ran = 0;

    (void)state;
    options.tick_budget_us = 1000;
    app = open_app(&options);
    for (int i = 0; i < 5; i++)
        auv_app_post(app, spends_a_while, &ran);
    for (int i = 1; i <= 5; i++) {
        auv_app_process(app);
        assert_int_equal(ran, i);
    }
    auv_app_get_stats(app, &stats);
    assert_int_equal(stats.ticks_processed, 5);
    assert_true(stats.peak_tick_time_us >= 2000);
    assert_true(stats.total_processing_time_us >= 10000);
    auv_app_destroy(app);
}

/* ---- the wakeup callback -------------------------------------------------- */

static _Atomic int wakes;

static void on_wakeup(void *user)
{
    (void)user;
    atomic_fetch_add(&wakes, 1);
}

static bool wait_wakes(int wanted)
{
    int64_t end = now_ms() + DEADLINE_MS;

    while (atomic_load(&wakes) < wanted && now_ms() < end)
        poll(NULL, 0, 1);
    return atomic_load(&wakes) >= wanted;
}

static void a_wakeup_comes_once_per_step(void **state)
{
    auv_app *app = open_app(NULL);
    int posts = 0;

    (void)state;
    atomic_store(&wakes, 0);
    assert_int_equal(auv_app_set_wakeup(app, NULL, NULL), AUV_ERR_ARG);
    assert_int_equal(auv_app_set_wakeup(app, on_wakeup, NULL), AUV_OK);
    for (int i = 1; i <= 5; i++) {
        for (int n = 0; n < 20; n++)
            auv_app_post(app, count, &posts);
        assert_true(wait_wakes(i));
        assert_int_equal(auv_app_process(app), AUV_PROCESS_CONTINUE);
        assert_int_equal(posts, i * 20);
        assert_int_equal(atomic_load(&wakes), i);
    }
    auv_app_destroy(app);
}

static void answers(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    ++*(int *)user;
    auv_call_reply(call, "[1]", NUL, NULL, 0);
}

/* Nothing but the callback tells when to come. */
static void a_host_without_descriptors_is_driven(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    auv_app *app = open_app(NULL);
    struct outcome out = {0};
    auv_view *view;
    int calls = 0, heard = 0;
    int64_t end = now_ms() + DEADLINE_MS;

    (void)state;
    atomic_store(&wakes, 0);
    auv_app_set_wakeup(app, on_wakeup, NULL);
    options.html = "<p>page";
    assert_int_equal(auv_view_create(app, &options, &view), AUV_OK);
    assert_int_equal(auv_app_set_wakeup(app, on_wakeup, NULL), AUV_ERR_STATE);
    auv_view_bind(view, "m", NUL, answers, &calls, NULL);
    auv_view_eval(view, "auroraview.call(\"m\", 1)", NUL, -1, on_result, &out);
    while (!out.calls && now_ms() < end) {
        int seen = atomic_load(&wakes);

        if (seen == heard) {
            poll(NULL, 0, 1);
            continue;
        }
        heard = seen;
        assert_true(auv_app_process(app) >= 0);
    }
    assert_int_equal(calls, 1);
    assert_string_equal(out.json, "[1]");
    auv_view_unref(view);
    auv_app_destroy(app);
}

/* ---- run and quit --------------------------------------------------------- */

static void quits(void *user)
{
    auv_app_quit(user);
}

static void run_ends_with_quit(void **state)
{
    int posts = 0;

    (void)state;
    auv_app_post(host.app, quits, host.app);
    assert_int_equal(auv_app_run(host.app), AUV_OK);
    auv_app_quit(host.app); /* also before it is called */
    assert_int_equal(auv_app_run(host.app), AUV_OK);
    auv_app_post(host.app, count, &posts);
    assert_int_equal(auv_app_process(host.app), AUV_PROCESS_CONTINUE);
    assert_int_equal(posts, 1);
}

static void closes(void *user)
{
    auv_view_request_close(user, AUV_CLOSE_APP);
}

static void run_ends_with_the_last_view(void **state)
{
    (void)state;
    auv_app_post(host.app, closes, host.view);
    assert_int_equal(auv_app_run(host.app), AUV_OK);
    assert_int_equal(auv_view_state(host.view, NULL), AUV_STATE_DESTROYED);
    assert_int_equal(count_events(&host, AUV_EVENT_CLOSED), 1);
}

static void runs_inside(void *user)
{
    *(int *)user = auv_app_run(host.app);
}

static void run_inside_a_handler_is_refused(void **state)
{
    int result = 0;

    (void)state;
    auv_app_post(host.app, runs_inside, &result);
    pump_until_idle(host.app);
    assert_int_equal(result, AUV_ERR_BUSY);
}

static void *quit_from_thread(void *user)
{
    auv_app_quit(user);
    return NULL;
}

static void run_without_a_view_waits_for_one(void **state)
{
    auv_app *app = open_app(NULL);
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, quit_from_thread, app), 0);
    assert_int_equal(auv_app_run(app), AUV_OK);
    pthread_join(thread, NULL);
    auv_app_destroy(app);
}

/* ---- figures -------------------------------------------------------------- */

static void stats_count(void **state)
{
    auv_app_stats before = {.size = sizeof(before)};
    auv_app_stats after = {.size = sizeof(after)};
    uint64_t short_stats[3] = {2 * sizeof(uint64_t), 0, 77};

    (void)state;
    assert_int_equal(auv_app_get_stats(host.app, &before), AUV_OK);
    assert_int_equal(before.size, sizeof(before));
    check_value(&host, "[1]", "[1]");
    assert_int_equal(auv_app_get_stats(host.app, &after), AUV_OK);
    assert_int_equal(after.messages_sent - before.messages_sent, 1);
    assert_true(after.messages_processed > before.messages_processed);
    assert_true(after.ticks_processed > before.ticks_processed);
    assert_true(after.handler_wakes >= before.handler_wakes);
    assert_int_equal(after.messages_dropped, before.messages_dropped);
    /* An older caller's struct: nothing is written behind it. */
    assert_int_equal(auv_app_get_stats(host.app, (auv_app_stats *)short_stats),
                     AUV_OK);
    assert_true(short_stats[1] >= after.messages_processed);
    assert_int_equal(short_stats[2], 77);
    before.size = 0;
    assert_int_equal(auv_app_get_stats(host.app, &before), AUV_ERR_ARG);
    assert_int_equal(auv_app_get_stats(host.app, NULL), AUV_ERR_ARG);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_host, close_host)
    const struct CMUnitTest tests[] = {
        TEST(the_descriptor_tells_of_work),
        TEST(the_descriptor_tells_of_the_page),
        TEST(posts_run_in_order),
        TEST(a_post_from_a_post_waits_for_the_next_tick),
        cmocka_unit_test(posts_are_refused_when_full_and_none_is_lost),
        TEST(processing_inside_a_handler_is_refused),
        TEST(a_second_thread_is_refused),
        TEST(any_thread_may_process_in_turn),
        cmocka_unit_test(presets_limit_a_tick),
        cmocka_unit_test(a_budget_ends_a_tick),
        cmocka_unit_test(a_wakeup_comes_once_per_step),
        cmocka_unit_test(a_host_without_descriptors_is_driven),
        TEST(run_ends_with_quit),
        TEST(run_ends_with_the_last_view),
        TEST(run_inside_a_handler_is_refused),
        cmocka_unit_test(run_without_a_view_waits_for_one),
        TEST(stats_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
