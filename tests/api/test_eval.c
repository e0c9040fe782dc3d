/* Scripts with a result: each ends exactly once, whatever happens. */
#include "harness.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char never[] = "new Promise(() => {})";
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

static int start(const char *script, int64_t timeout_ms, struct outcome *out)
{
    return auv_view_eval(host.view, script, NUL, timeout_ms, on_result, out);
}

static void a_value_comes_back(void **state)
{
    struct outcome out;

    (void)state;
    check_value(&host, "[1,\"a\",null]", "[1,\"a\",null]");
    check_value(&host, "\"\\u00e9\"",
                on_null() ? "\"\\u00e9\"" : "\"\xc3\xa9\"");
    check_value(&host, "true", "true");
    run_script(&host, "this is no script", &out);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
    assert_non_null(strstr(out.json, "\"name\":\"SyntaxError\""));
    assert_non_null(strstr(out.json, "\"message\":"));
    assert_non_null(strstr(out.json, "\"stack\":"));
}

static void real_scripts_run(void **state)
{
    struct outcome out;

    (void)state;
    if (on_null())
        return;
    check_value(&host, "1 + 1", "2");
    check_value(&host, "undefined", "null");
    check_value(&host, "new Promise(r => setTimeout(() => r({a: 1}), 20))",
                "{\"a\":1}");
    check_value(&host, "let top1 = 4; top1 * 2", "8");
    run_script(&host, "throw new RangeError('far')", &out);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
    assert_non_null(strstr(out.json, "\"name\":\"RangeError\""));
    assert_non_null(strstr(out.json, "\"message\":\"far\""));
    run_script(&host, "Promise.reject(new Error('later'))", &out);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
    assert_non_null(strstr(out.json, "later"));
    run_script(&host, "(() => { const a = []; a.push(a); return a; })()", &out);
    assert_true(out.error < 0); /* a value that JSON cannot say */
}

static void a_deadline_ends_it_once(void **state)
{
    struct outcome out = {0}, zero = {0};

    (void)state;
    assert_int_equal(start(never, 30, &out), AUV_OK);
    assert_int_equal(start(never, 0, &zero), AUV_OK);
    pump_until_count(host.app, &out.calls, 1);
    pump_until_count(host.app, &zero.calls, 1);
    pump_until_idle(host.app);
    assert_int_equal(out.calls, 1);
    assert_int_equal(out.error, AUV_ERR_TIMEOUT);
    assert_int_equal(zero.calls, 1);
    assert_int_equal(zero.error, AUV_ERR_TIMEOUT);
    assert_string_equal(out.json, "");
}

static void closing_ends_it_once(void **state)
{
    struct outcome out[50] = {{0}};

    (void)state;
    for (int i = 0; i < 50; i++)
        assert_int_equal(start(never, i % 2 ? -1 : 600000, &out[i]), AUV_OK);
    assert_int_equal(auv_view_request_close(host.view, AUV_CLOSE_APP), 1);
    assert_int_equal(start("1", -1, &out[0]), AUV_ERR_CLOSED);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    for (int i = 0; i < 50; i++)
        pump_until_count(host.app, &out[i].calls, 1);
    pump_until_idle(host.app);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(out[i].calls, 1);
        assert_int_equal(out[i].error, AUV_ERR_CLOSED);
    }
}

static void destroying_ends_it_once(void **state)
{
    struct outcome out[3] = {{0}};

    (void)state;
    assert_int_equal(start(never, -1, &out[0]), AUV_OK);
    assert_int_equal(start(never, 600000, &out[1]), AUV_OK);
    assert_int_equal(start("[2]", 600000, &out[2]), AUV_OK);
    host_close(&host);
    for (int i = 0; i < 3; i++)
        assert_int_equal(out[i].calls, 1);
    assert_int_equal(out[0].error, AUV_ERR_CLOSED);
    assert_int_equal(out[1].error, AUV_ERR_CLOSED);
    host_open(&host);
}

static void nobody_needs_to_want_the_result(void **state)
{
    (void)state;
    assert_int_equal(auv_view_eval(host.view, "[1]", NUL, -1, NULL, NULL),
                     AUV_OK);
    assert_int_equal(auv_view_eval(host.view, never, NUL, 20, NULL, NULL),
                     AUV_OK);
    assert_int_equal(auv_view_eval(host.view, never, NUL, -1, NULL, NULL),
                     AUV_OK);
    check_value(&host, "1", "1");
    pump_until_idle(host.app);
}

static void bad_arguments_are_refused(void **state)
{
    auv_message *message = (auv_message *)&host;
    struct outcome out = {0};

    (void)state;
    assert_int_equal(auv_view_eval(NULL, "1", NUL, -1, on_result, &out),
                     AUV_ERR_ARG);
    assert_int_equal(auv_view_eval(host.view, NULL, NUL, -1, on_result, &out),
                     AUV_ERR_ARG);
    assert_int_equal(
        auv_view_eval(host.view, "1", AUV_MAX_PAYLOAD + 1, -1, on_result, &out),
        AUV_ERR_TOO_LARGE);
    assert_int_equal(auv_view_eval_wait(NULL, "1", NUL, 10, &message),
                     AUV_ERR_ARG);
    assert_null(message);
    assert_int_equal(auv_view_eval_wait(host.view, NULL, NUL, 10, NULL),
                     AUV_ERR_ARG);
    pump_until_idle(host.app);
    assert_int_equal(out.calls, 0);
}

static void only_the_length_counts(void **state)
{
    struct outcome out = {0};

    (void)state;
    assert_int_equal(
        auv_view_eval(host.view, "12345", 2, DEADLINE_MS, on_result, &out),
        AUV_OK);
    pump_until_count(host.app, &out.calls, 1);
    assert_string_equal(out.json, "12");
}

/* ---- waiting -------------------------------------------------------------- */

static void wait_here(const char *expected)
{
    auv_message *message = NULL;
    int error =
        auv_view_eval_wait(host.view, expected, NUL, DEADLINE_MS, &message);

    if (error != AUV_OK)
        fail_msg("%s", auv_last_error_message());
    assert_string_equal(auv_message_json(message, NULL), expected);
    auv_message_unref(message);
}

static void waiting_works_on_the_consumers_thread(void **state)
{
    auv_message *message = (auv_message *)&host;

    (void)state;
    wait_here("[1]");
    assert_int_equal(auv_view_eval_wait(host.view, "[2]", NUL, -1, NULL),
                     AUV_OK);
    assert_int_equal(
        auv_view_eval_wait(host.view, "no script", NUL, -1, &message),
        AUV_ERR_SCRIPT);
    assert_non_null(message);
    assert_non_null(strstr(auv_message_json(message, NULL), "SyntaxError"));
    auv_message_unref(message);
    assert_int_equal(auv_view_eval_wait(host.view, never, NUL, 30, &message),
                     AUV_ERR_TIMEOUT);
    assert_null(message);
    assert_true(strlen(auv_last_error_message()) > 0);
    assert_int_equal(auv_view_eval_wait(host.view, never, NUL, 0, &message),
                     AUV_ERR_TIMEOUT);
}

static void waits_inside(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    ++*(int *)user;
    wait_here("[\"inside\"]");
    wait_here("[\"twice\"]");
    auv_call_reply(call, "\"done\"", NUL, NULL, 0);
}

static void waiting_works_inside_a_handler(void **state)
{
    int count = 0;

    (void)state;
    auv_view_bind(host.view, "waits", NUL, waits_inside, &count, NULL);
    check_value(&host, "auroraview.call(\"waits\", 1)", "\"done\"");
    assert_int_equal(count, 1);
}

static void waiting_runs_no_handlers(void **state)
{
    struct outcome out = {0};

    (void)state;
    assert_int_equal(start("[1]", DEADLINE_MS, &out), AUV_OK);
    wait_here("[2]");
    assert_int_equal(out.calls, 0);
    pump_until_count(host.app, &out.calls, 1);
}

static void waiting_works_for_a_view_that_is_starting(void **state)
{
    (void)state;
    auv_view_unref(host.view);
    assert_int_equal(auv_view_create(host.app, NULL, &host.view), AUV_OK);
    wait_here("[1]");
}

static void *waits_often(void *user)
{
    intptr_t bad = 0;

    (void)user;
    for (int i = 0; i < 100; i++) {
        auv_message *message = NULL;

        if (auv_view_eval_wait(host.view, "[7]", NUL, DEADLINE_MS, &message) !=
                AUV_OK ||
            strcmp(auv_message_json(message, NULL), "[7]") != 0)
            bad++;
        auv_message_unref(message);
    }
    return (void *)bad;
}

static void four_threads_may_wait_at_once(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, waits_often, NULL),
                         0);
    for (int i = 0; i < 100; i++)
        wait_here("[8]");
    for (int i = 0; i < 4; i++) {
        void *bad;

        pthread_join(threads[i], &bad);
        assert_int_equal((intptr_t)bad, 0);
    }
}

static void *waits_for_ever(void *user)
{
    (void)user;
    return (void *)(intptr_t)auv_view_eval_wait(host.view, never, NUL, -1,
                                                NULL);
}

static void closing_ends_a_wait(void **state)
{
    pthread_t thread;
    void *error;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, waits_for_ever, NULL), 0);
    check_value(&host, "1", "1");
    auv_view_request_close(host.view, AUV_CLOSE_APP);
    pthread_join(thread, &error);
    assert_int_equal((intptr_t)error, AUV_ERR_CLOSED);
}

/* ---- more than the inbox takes -------------------------------------------- */

static void count_end(auv_view *view, int error, const auv_message *result,
                      void *user)
{
    (void)view;
    (void)error;
    (void)result;
    ++*(int *)user;
}

/* Ends that nobody has processed yet may not get lost, however many. */
static void every_one_of_very_many_ends(void **state)
{
    auv_app_options small = AUV_APP_OPTIONS_INIT;
    int accepted = 0, ended = 0, error = AUV_OK;
    int64_t deadline = now_ms() + DEADLINE_MS;

    (void)state;
    host_close(&host);
    small.queue_capacity = 1024;
    host_open_with(&host, &small);
    check_value(&host, "1",
                "1"); /* its page is up: nothing is processed below */
    while (accepted < 8000 && now_ms() < deadline) {
        error = auv_view_eval(host.view, accepted % 3 ? never : "[1]", NUL, -1,
                              count_end, &ended);
        if (error == AUV_OK) {
            accepted++;
            continue;
        }
        assert_int_equal(error, AUV_ERR_QUEUE_FULL);
        /* Let the page take what waits for it. */
        auv_view_eval_wait(host.view, "1", NUL, 5, NULL);
    }
    assert_true(accepted > 1024 + 4096);
    auv_view_request_close(host.view, AUV_CLOSE_APP);
    assert_int_equal(
        auv_view_wait_state(host.view, AUV_STATE_DESTROYED, DEADLINE_MS),
        AUV_OK);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    pump_until_idle(host.app);
    assert_int_equal(ended, accepted);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_host, close_host)
    const struct CMUnitTest tests[] = {
        TEST(a_value_comes_back),
        TEST(real_scripts_run),
        TEST(a_deadline_ends_it_once),
        TEST(closing_ends_it_once),
        TEST(destroying_ends_it_once),
        TEST(nobody_needs_to_want_the_result),
        TEST(bad_arguments_are_refused),
        TEST(only_the_length_counts),
        TEST(waiting_works_on_the_consumers_thread),
        TEST(waiting_works_inside_a_handler),
        TEST(waiting_runs_no_handlers),
        TEST(waiting_works_for_a_view_that_is_starting),
        TEST(four_threads_may_wait_at_once),
        TEST(closing_ends_a_wait),
        TEST(every_one_of_very_many_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
