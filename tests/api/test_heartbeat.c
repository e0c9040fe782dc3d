/* A page or an engine that does not answer is told of, and one that only has
 * nothing to say is not. */
#include "harness.h"
#include "processes.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 300

static struct host host;

static int open_host(void **state)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;

    (void)state;
    options.unresponsive_ms = PATIENCE_MS;
    host_open_with(&host, &options);
    pump_until_idle(host.app);
    host.event_count = 0;
    return 0;
}

static int close_host(void **state)
{
    (void)state;
    host_close(&host);
    return 0;
}

static void pump_for(int64_t ms)
{
    struct pollfd ready = {.fd = auv_app_fd(host.app), .events = POLLIN};
    int64_t end = now_ms() + ms, left;

    while ((left = end - now_ms()) > 0) {
        poll(&ready, 1, (int)left);
        assert_true(auv_app_process(host.app) >= 0);
    }
}

/* ---- pages ------------------------------------------------------------------ */

static void an_endless_loop_is_told_and_can_be_ended(void **state)
{
    struct outcome out[2] = {{0}};

    (void)state;
    auv_view_eval(host.view, "for (;;);", NUL, -1, on_result, &out[0]);
    auv_view_eval(host.view, "[1]", NUL, 200, on_result, &out[1]);
    pump_until_event(&host, AUV_EVENT_UNRESPONSIVE);
    assert_string_equal(find_event(&host, AUV_EVENT_UNRESPONSIVE)->text,
                        "the page does not answer");
    /* The host has waited for nothing but its own deadline. */
    pump_until_count(host.app, &out[1].calls, 1);
    assert_int_equal(out[1].error, AUV_ERR_TIMEOUT);
    assert_int_equal(auv_view_kill_page(host.view), AUV_OK);
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    assert_int_equal(count_events(&host, AUV_EVENT_UNRESPONSIVE), 1);
    assert_int_equal(count_events(&host, AUV_EVENT_RESPONSIVE), 0);
    pump_until_count(host.app, &out[0].calls, 1);
    assert_int_equal(out[0].error, AUV_ERR_ENGINE_LOST);
    check_value(&host, "[2]", "[2]");
}

/* An event is answered by nothing; still it is noticed that nobody takes it. */
static void events_alone_are_enough(void **state)
{
    (void)state;
    auv_view_eval(host.view, "for (;;);", NUL, -1, NULL, NULL);
    pump_until_event(&host, AUV_EVENT_UNRESPONSIVE);
    auv_view_kill_page(host.view);
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    pump_until_idle(host.app);
    host.event_count = 0;
    if (on_null())
        return; /* its page hangs only by a script */
    auv_view_eval(host.view, "auroraview.on('stop', () => { for (;;); }), null",
                  NUL, -1, NULL, NULL);
    auv_view_emit(host.view, "stop", NUL, "1", NUL, NULL, 0);
    pump_until_event(&host, AUV_EVENT_UNRESPONSIVE);
}

/* The null engine's page answers at once, however busy the machine is; for a real
 * one this would be a matter of time. */
static void a_page_that_answers_is_left_alone(void **state)
{
    (void)state;
    page_listen(&host, "[\"e\"]");
    for (int i = 0; i < 8; i++) {
        auv_view_emit(host.view, "e", NUL, "1", NUL, NULL, 0);
        auv_view_eval(host.view, "new Promise(() => {})", NUL, -1, NULL, NULL);
        pump_for(PATIENCE_MS / 3);
    }
    pump_for(2 * PATIENCE_MS);
    assert_int_equal(count_events(&host, AUV_EVENT_UNRESPONSIVE), 0);
    assert_int_equal(count_events(&host, AUV_EVENT_RESPONSIVE), 0);
}

/* The host's thread reads the links. While it is busy nobody is to blame. */
static void a_busy_host_blames_nobody(void **state)
{
    int64_t end = now_ms() + 4 * PATIENCE_MS;

    (void)state;
    auv_view_emit(host.view, "e", NUL, "1", NUL, NULL, 0);
    while (now_ms() < end)
        ;
    pump_for(PATIENCE_MS);
    assert_int_equal(count_events(&host, AUV_EVENT_UNRESPONSIVE), 0);
}

/* How often the library's thread was woken. */
static long switches(void)
{
    DIR *folder = opendir("/proc/self/task");
    struct dirent *entry;
    long found = -1;

    assert_non_null(folder);
    while (found < 0 && (entry = readdir(folder))) {
        char path[300], line[200];
        bool ours = false;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/self/task/%s/status",
                 entry->d_name);
        file = fopen(path, "re");
        while (file && fgets(line, sizeof(line), file)) {
            ours |= strcmp(line, "Name:\tauroraview\n") == 0;
            if (ours &&
                sscanf(line, "voluntary_ctxt_switches: %ld", &found) == 1)
                break;
        }
        if (file)
            fclose(file);
    }
    closedir(folder);
    assert_true(found >= 0);
    return found;
}

static void a_view_at_rest_costs_nothing(void **state)
{
    struct pollfd ready = {.fd = auv_app_fd(host.app), .events = POLLIN};
    int64_t end = now_ms() + DEADLINE_MS;
    long before;

    (void)state;
    check_value(&host, "[1]", "[1]");
    /* A while in which nobody is woken, once the question that follows the last
     * message is answered: how soon that is, is the machine's business. */
    do {
        assert_true(now_ms() < end);
        pump_until_idle(host.app);
        before = switches();
    } while (poll(&ready, 1, 6 * PATIENCE_MS) == 1 || switches() != before);
}

static void it_can_be_left_out(void **state)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_app *app;

    (void)state;
    options.unresponsive_ms = 60001;
    assert_int_equal(auv_app_create(&options, &app), AUV_ERR_ARG);
    host_close(&host);
    options.unresponsive_ms = AUV_NEVER;
    host_open_with(&host, &options);
    host.event_count = 0;
    auv_view_eval(host.view, "for (;;);", NUL, -1, NULL, NULL);
    pump_for(4 * PATIENCE_MS);
    assert_int_equal(count_events(&host, AUV_EVENT_UNRESPONSIVE), 0);
}

/* ---- what only real processes do --------------------------------------------- */

static void a_long_loop_ends(void **state)
{
    (void)state;
    auv_view_eval(host.view,
                  "for (const end = Date.now() + 1500; Date.now() < end;);",
                  NUL, -1, NULL, NULL);
    pump_until_event(&host, AUV_EVENT_UNRESPONSIVE);
    pump_until_event(&host, AUV_EVENT_RESPONSIVE);
    check_value(&host, "[2]", "[2]");
}

static void a_stopped_engine_is_told(void **state)
{
    pid_t engine = find_below(getpid(), "auroraview-engi");
    int64_t start;

    (void)state;
    assert_true(engine > 0);
    assert_int_equal(kill(engine, SIGSTOP), 0);
    start = now_ms();
    assert_int_equal(auv_view_set_title(host.view, "stopped"), AUV_OK);
    assert_true(now_ms() - start < 100);
    pump_until_event(&host, AUV_EVENT_UNRESPONSIVE);
    assert_string_equal(find_event(&host, AUV_EVENT_UNRESPONSIVE)->text,
                        "the engine does not answer");
    /* The page has its own link. */
    check_value(&host, "[1]", "[1]");
    assert_int_equal(kill(engine, SIGCONT), 0);
    pump_until_event(&host, AUV_EVENT_RESPONSIVE);
}

static void a_stopped_engine_can_be_replaced(void **state)
{
    pid_t engine = find_below(getpid(), "auroraview-engi");

    (void)state;
    assert_true(engine > 0);
    assert_int_equal(kill(engine, SIGSTOP), 0);
    assert_int_equal(auv_view_set_title(host.view, "stopped"), AUV_OK);
    pump_until_event(&host, AUV_EVENT_UNRESPONSIVE);
    assert_int_equal(auv_app_kill_engine(host.app), AUV_OK);
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    assert_false(is_running(engine));
    check_value(&host, "[1]", "[1]");
    assert_int_equal(count_events(&host, AUV_EVENT_RESPONSIVE), 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_host, close_host)
    const struct CMUnitTest tests[] = {
        TEST(an_endless_loop_is_told_and_can_be_ended),
        TEST(events_alone_are_enough),
        TEST(a_view_at_rest_costs_nothing),
        TEST(it_can_be_left_out),
    };
    const struct CMUnitTest real[] = {
        TEST(a_long_loop_ends),
        TEST(a_stopped_engine_is_told),
        TEST(a_stopped_engine_can_be_replaced),
    };
    const struct CMUnitTest null[] = {
        TEST(a_page_that_answers_is_left_alone),
        TEST(a_busy_host_blames_nobody),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    if (on_null())
        return failed + cmocka_run_group_tests(null, NULL, NULL);
    return failed + cmocka_run_group_tests(real, NULL, NULL);
}
