/* Modes, and wakes that are put off: what is late, what is not, and that
 * nothing is lost. */
#include "harness.h"

#include <poll.h>
#include <stdatomic.h>

#define LONG_MS 60000 /* an interval that no test waits for */
#define SHORT_MS 20

static struct host host;

static void open_with(uint32_t interval_ms, bool immediate)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;

    assert_true(options.immediate_wake);
    options.batch_interval_ms = interval_ms;
    options.immediate_wake = immediate;
    host_open_with(&host, &options);
}

static void count_event(auv_view *view, const auv_message *message, void *user)
{
    (void)view;
    (void)message;
    ++*(int *)user;
}

static void answer(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    ++*(int *)user;
    auv_call_reply(call, "1", NUL, NULL, 0);
}

static auv_app_stats stats_now(void)
{
    auv_app_stats stats = {.size = sizeof(stats)};

    assert_int_equal(auv_app_get_stats(host.app, &stats), AUV_OK);
    return stats;
}

/* Run a script whose end nobody hears of, until the library has accepted
 * `messages` more from the page. */
static void script_sends(const char *script, uint64_t messages)
{
    uint64_t wanted = stats_now().messages_received + messages;
    int64_t end = now_ms() + DEADLINE_MS;

    assert_int_equal(
        auv_view_eval(host.view, script, NUL, DEADLINE_MS, NULL, NULL), AUV_OK);
    while (stats_now().messages_received < wanted && now_ms() < end)
        poll(NULL, 0, 1);
    assert_int_equal(stats_now().messages_received, wanted);
}

/* The first wake is never put off; with it told, the next one is. */
static void use_up_the_first_wake(int *events)
{
    int before = *events;

    auv_view_on(host.view, "e", NUL, count_event, events, NULL);
    pump_until_idle(host.app);
    script_sends("auroraview.emit(\"e\", 0)", 1);
    pump_until_count(host.app, events, before + 1);
    pump_until_idle(host.app);
}

static void events_wait_and_urgent_things_do_not(void **state)
{
    int events = 0, calls = 0;
    uint64_t deferred;

    (void)state;
    open_with(LONG_MS, true);
    auv_view_bind(host.view, "m", NUL, answer, &calls, NULL);
    use_up_the_first_wake(&events);
    deferred = stats_now().deferred_wakes;
    script_sends("auroraview.emit(\"e\", 1)", 1);
    script_sends("auroraview.emit(\"e\", 2)", 1);
    assert_false(is_readable(host.app));
    assert_int_equal(stats_now().deferred_wakes, deferred + 1);
    assert_int_equal(events, 1);
    /* A call cannot wait, and what waits before it comes with it. */
    script_sends("auroraview.call(\"m\", 0)", 1);
    assert_true(is_readable(host.app));
    assert_true(auv_app_process(host.app) >= 0);
    assert_int_equal(events, 3);
    assert_int_equal(calls, 1);
    host_close(&host);
}

static void a_wake_put_off_comes_by_itself(void **state)
{
    struct pollfd ready;
    int events = 0;

    (void)state;
    open_with(SHORT_MS, true);
    ready = (struct pollfd){.fd = auv_app_fd(host.app), .events = POLLIN};
    use_up_the_first_wake(&events);
    for (int i = 2; i <= 20; i++) {
        script_sends("auroraview.emit(\"e\", 0)", 1);
        /* Nothing else is sent meanwhile. */
        assert_int_equal(poll(&ready, 1, DEADLINE_MS), 1);
        pump_until_count(host.app, &events, i);
    }
    assert_true(stats_now().deferred_wakes > 0);
    host_close(&host);
}

static void add_one(void *user)
{
    ++*(int *)user;
}

static void everything_waits_if_the_host_says_so(void **state)
{
    int events = 0, calls = 0, posts = 0;

    (void)state;
    open_with(LONG_MS, false);
    auv_view_bind(host.view, "m", NUL, answer, &calls, NULL);
    use_up_the_first_wake(&events);
    script_sends("auroraview.call(\"m\", 0)", 1);
    assert_int_equal(auv_app_post(host.app, add_one, &posts), AUV_OK);
    assert_false(is_readable(host.app));
    /* Who comes all the same finds it. */
    assert_true(auv_app_process(host.app) >= 0);
    assert_int_equal(calls, 1);
    assert_int_equal(posts, 1);
    host_close(&host);
}

/* ---- the callback --------------------------------------------------------- */

static _Atomic int wakes;

static void on_wakeup(void *user)
{
    (void)user;
    atomic_fetch_add(&wakes, 1);
}

static void wait_wakes(int wanted)
{
    int64_t end = now_ms() + DEADLINE_MS;

    while (atomic_load(&wakes) < wanted && now_ms() < end)
        poll(NULL, 0, 1);
    assert_true(atomic_load(&wakes) >= wanted);
}

static void the_callback_is_put_off_too(void **state)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_view_options view_options = AUV_VIEW_OPTIONS_INIT;
    int events = 0, calls = 0, before;

    (void)state;
    options.batch_interval_ms = LONG_MS;
    host = (struct host){.app = open_app(&options)};
    assert_int_equal(auv_app_set_wakeup(host.app, on_wakeup, NULL), AUV_OK);
    view_options.html = "<p>page";
    assert_int_equal(auv_view_create(host.app, &view_options, &host.view),
                     AUV_OK);
    auv_view_bind(host.view, "m", NUL, answer, &calls, NULL);
    use_up_the_first_wake(&events);
    before = atomic_load(&wakes);
    script_sends("auroraview.emit(\"e\", 1)", 1);
    /* An urgent one behind it, whose push was told that somebody else has
     * seen to the wake. */
    script_sends("auroraview.call(\"m\", 0)", 1);
    wait_wakes(before + 1);
    assert_true(auv_app_process(host.app) >= 0);
    assert_int_equal(events, 2);
    assert_int_equal(calls, 1);
    host_close(&host);
}

/* ---- modes ---------------------------------------------------------------- */

static void check_ticks(auv_app_options options, int limit)
{
    auv_app *app = open_app(&options);
    int ran = 0, tick = 0;

    for (int i = 0; i < 100; i++)
        assert_int_equal(auv_app_post(app, add_one, &ran), AUV_OK);
    while (ran < 100) {
        tick++;
        assert_true(is_readable(app));
        assert_true(auv_app_process(app) >= 0);
        assert_int_equal(ran, tick * limit > 100 ? 100 : tick * limit);
    }
    assert_false(is_readable(app));
    auv_app_destroy(app);
}

static void a_mode_decides_what_a_tick_takes(void **state)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;

    (void)state;
    check_ticks(options, 100);
    options.mode = AUV_MODE_BATCH;
    options.batch_size = 7;
    check_ticks(options, 7);
    options.max_messages_per_tick = 3;
    check_ticks(options, 3);
    options.mode = AUV_MODE_IPC_ONLY;
    check_ticks(options, 3);
    options.max_messages_per_tick = 0;
    options.mode = AUV_MODE_FULL;
    check_ticks(options, 100);
    options.preset = AUV_PRESET_LEGACY_EMBEDDED;
    options.mode = AUV_MODE_BATCH;
    options.batch_size = 60;
    check_ticks(options, 50);
}

static void what_makes_no_sense_is_refused(void **state)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_app *app;

    (void)state;
    options.mode = AUV_MODE_BATCH;
    assert_int_equal(auv_app_create(&options, &app), AUV_ERR_ARG);
    options.mode = (auv_mode)4;
    assert_int_equal(auv_app_create(&options, &app), AUV_ERR_ARG);
    options.mode = AUV_MODE_PRESET;
    options.batch_interval_ms = UINT32_MAX;
    assert_int_equal(auv_app_create(&options, &app), AUV_ERR_ARG);
    options.batch_interval_ms = 0;
    /* A caller of an older version knows nothing of these fields. */
    options.size = offsetof(auv_app_options, mode);
    options.mode = (auv_mode)4;
    options.engine = "null";
    assert_int_equal(auv_app_create(&options, &app), AUV_OK);
    auv_app_destroy(app);
}

/* ---- figures -------------------------------------------------------------- */

static void the_queues_are_measured(void **state)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_app_stats stats;
    int ran = 0, refused = 0;

    (void)state;
    options.queue_capacity = 1024;
    host_open_with(&host, &options);
    pump_until_idle(host.app);
    assert_int_equal(auv_app_reset_stats(host.app), AUV_OK);
    stats = stats_now();
    assert_int_equal(stats.messages_received, 0);
    assert_int_equal(stats.messages_failed, 0);
    assert_int_equal(stats.average_latency_us, 0);
    assert_true(stats.peak_queue_length < 64);
    while (refused < 5)
        refused += auv_app_post(host.app, add_one, &ran) == AUV_ERR_QUEUE_FULL;
    pump_until_idle(host.app);
    stats = stats_now();
    assert_int_equal(stats.messages_received, ran);
    assert_int_equal(stats.messages_processed, ran);
    assert_int_equal(stats.messages_failed, 5);
    assert_true(stats.peak_queue_length >= 1024 - 64);
    assert_true(stats.average_latency_us > 0);
    assert_int_equal(auv_app_reset_stats(host.app), AUV_OK);
    assert_int_equal(stats_now().messages_failed, 0);
    assert_true(stats_now().peak_queue_length < 64);
    host_close(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_wait_and_urgent_things_do_not),
        cmocka_unit_test(a_wake_put_off_comes_by_itself),
        cmocka_unit_test(everything_waits_if_the_host_says_so),
        cmocka_unit_test(the_callback_is_put_off_too),
        cmocka_unit_test(a_mode_decides_what_a_tick_takes),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(the_queues_are_measured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
