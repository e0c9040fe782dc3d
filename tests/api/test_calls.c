/* Calls: bound, answered once, with or without binary parts, now or later. */
#include "harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
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

static void echo(auv_view *view, auv_call *call, void *user)
{
    const auv_message *message = auv_call_message(call);
    size_t length;
    const char *json = auv_message_json(message, &length);

    (void)view;
    if (user)
        ++*(int *)user;
    assert_false(auv_call_is_cancelled(call));
    assert_int_equal(auv_call_reply(call, json, length, NULL, 0), AUV_OK);
}

static void fails(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)user;
    assert_int_equal(
        auv_call_fail(call, "KeyError", "no \"key\"\n", 42, "{\"key\":\"x\"}"),
        AUV_OK);
}

static void says_nothing(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)call;
    (void)user;
}

static void bind(const char *name, auv_call_fn fn, void *user)
{
    assert_int_equal(auv_view_bind(host.view, name, NUL, fn, user, NULL),
                     AUV_OK);
}

static void a_call_is_answered(void **state)
{
    int count = 0;

    (void)state;
    bind("echo", echo, &count);
    check_value(&host, "auroraview.call(\"echo\", [1, \"zwei\", null])",
                on_null() ? "[1, \"zwei\", null]" : "[1,\"zwei\",null]");
    check_value(&host, "auroraview.call(\"echo\")", "null");
    assert_int_equal(count, 2);
}

static void a_failed_call_rejects(void **state)
{
    struct outcome out;

    (void)state;
    bind("fails", fails, NULL);
    run_script(&host, "auroraview.call(\"fails\", 1)", &out);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
    assert_non_null(strstr(out.json, "\"name\":\"KeyError\""));
    assert_non_null(strstr(out.json, "no \\\"key\\\""));
    if (on_null()) {
        assert_non_null(strstr(out.json, "\"code\":42"));
        assert_non_null(strstr(out.json, "\"data\":{\"key\":\"x\"}"));
    } else {
        check_value(&host,
                    "auroraview.call(\"fails\").catch(e => [e.name, e.message,"
                    " e.code, e.data.key, e instanceof Error])",
                    "[\"KeyError\",\"no \\\"key\\\"\\n\",42,\"x\",true]");
    }
}

static void an_unbound_method_is_not_found(void **state)
{
    struct outcome out;

    (void)state;
    run_script(&host, "auroraview.call(\"nobody\", 1)", &out);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
    assert_non_null(strstr(out.json, "MethodNotFound"));
    assert_non_null(strstr(out.json, "nobody"));
    assert_int_equal(auv_view_unbind(host.view, "nobody", NUL), AUV_OK);
}

static void a_handler_without_answer_rejects(void **state)
{
    struct outcome out;

    (void)state;
    bind("silent", says_nothing, NULL);
    run_script(&host, "auroraview.call(\"silent\", 1)", &out);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
    assert_non_null(strstr(out.json, "NoReply"));
}

static auv_call *kept;

static void keeps(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    kept = auv_call_ref(call);
    ++*(int *)user;
}

static void *answer_from_thread(void *user)
{
    auv_call *call = user;

    return (void *)(intptr_t)auv_call_reply(call, "\"late\"", NUL, NULL, 0);
}

static void a_late_answer_may_come_from_any_thread(void **state)
{
    struct outcome out = {0};
    pthread_t thread;
    void *result;
    int count = 0;

    (void)state;
    bind("keeps", keeps, &count);
    assert_int_equal(auv_view_eval(host.view, "auroraview.call(\"keeps\", 1)",
                                   NUL, -1, on_result, &out),
                     AUV_OK);
    pump_until_count(host.app, &count, 1);
    pump_until_idle(host.app);
    assert_int_equal(out.calls, 0);
    assert_false(auv_call_is_cancelled(kept));
    assert_int_equal(pthread_create(&thread, NULL, answer_from_thread, kept),
                     0);
    pump_until_count(host.app, &out.calls, 1);
    pthread_join(thread, &result);
    assert_int_equal((intptr_t)result, AUV_OK);
    assert_string_equal(out.json, "\"late\"");
    assert_int_equal(auv_call_reply(kept, "2", NUL, NULL, 0), AUV_ERR_STATE);
    assert_int_equal(auv_call_fail(kept, "E", "m", 0, NULL), AUV_ERR_STATE);
    auv_call_unref(kept);
}

static void a_kept_call_without_answer_rejects_at_the_end(void **state)
{
    struct outcome out = {0};
    int count = 0;

    (void)state;
    bind("keeps", keeps, &count);
    assert_int_equal(auv_view_eval(host.view, "auroraview.call(\"keeps\", 1)",
                                   NUL, -1, on_result, &out),
                     AUV_OK);
    pump_until_count(host.app, &count, 1);
    assert_int_equal(out.calls, 0);
    auv_call_unref(kept);
    pump_until_count(host.app, &out.calls, 1);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
    assert_non_null(strstr(out.json, "NoReply"));
}

static void an_answer_after_the_close_is_refused(void **state)
{
    struct outcome out = {0};
    int count = 0, error;

    (void)state;
    bind("keeps", keeps, &count);
    auv_view_eval(host.view, "auroraview.call(\"keeps\", 1)", NUL, -1,
                  on_result, &out);
    pump_until_count(host.app, &count, 1);
    assert_int_equal(auv_view_request_close(host.view, AUV_CLOSE_APP), 1);
    assert_true(auv_call_is_cancelled(kept));
    pump_until_event(&host, AUV_EVENT_CLOSED);
    error = auv_call_reply(kept, "1", NUL, NULL, 0);
    assert_true(error == AUV_ERR_CLOSED || error == AUV_ERR_CANCELLED);
    assert_true(strlen(auv_last_error_message()) > 0);
    auv_call_unref(kept);
    assert_int_equal(out.calls, 1);
    assert_int_equal(out.error, AUV_ERR_CLOSED);
}

static void a_call_may_outlive_its_application(void **state)
{
    int count = 0;

    (void)state;
    bind("keeps", keeps, &count);
    auv_view_eval(host.view, "auroraview.call(\"keeps\", 1)", NUL, -1, NULL,
                  NULL);
    pump_until_count(host.app, &count, 1);
    host_close(&host);
    assert_true(auv_call_is_cancelled(kept));
    assert_true(auv_call_reply(kept, "1", NUL, NULL, 0) < 0);
    auv_call_unref(kept);
    host_open(&host);
}

/* ---- binary parts --------------------------------------------------------- */

static uint8_t *pattern(size_t length)
{
    uint8_t *bytes = malloc(length + 1);

    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 8));
    return bytes;
}

struct parts {
    size_t length[AUV_MAX_PARTS];
    size_t count;
};

static void gives_parts(auv_view *view, auv_call *call, void *user)
{
    struct parts *wanted = user;
    auv_part parts[AUV_MAX_PARTS];
    uint8_t *bytes = pattern(4 << 20);
    char json[1000] = "[";

    (void)view;
    for (size_t i = 0; i < wanted->count; i++) {
        parts[i] = (auv_part){bytes, wanted->length[i], AUV_PART_U8};
        snprintf(json + strlen(json), sizeof(json) - strlen(json),
                 "%s{\"$auv\":%zu}", i ? "," : "", i);
    }
    strcat(json, "]");
    assert_int_equal(auv_call_reply(call, json, NUL, parts, wanted->count),
                     AUV_OK);
    free(bytes);
}

struct result_parts {
    int calls, error;
    struct parts got;
    bool same;
};

static void on_parts(auv_view *view, int error, const auv_message *result,
                     void *user)
{
    struct result_parts *out = user;
    uint8_t *bytes = pattern(4 << 20);

    (void)view;
    out->calls++;
    out->error = error;
    out->same = result != NULL;
    out->got.count = result ? auv_message_part_count(result) : 0;
    for (size_t i = 0; i < out->got.count; i++) {
        auv_part part;

        assert_int_equal(auv_message_part(result, i, &part), AUV_OK);
        out->got.length[i] = part.length;
        if (part.length && memcmp(part.data, bytes, part.length) != 0)
            out->same = false;
        if (part.type != AUV_PART_U8)
            out->same = false;
        if (part.length >= 2 << 20)
            assert_true(auv_message_part_fd(result, i) >= 0);
    }
    if (result) {
        auv_part none;

        assert_int_equal(auv_message_part(result, out->got.count, &none),
                         AUV_ERR_ARG);
        assert_int_equal(auv_message_part_fd(result, out->got.count), -1);
    }
    free(bytes);
}

/* Host to page, and what the page hands on as a script's value back again. */
static void parts_make_the_round_trip(void **state)
{
    static struct parts cases[] = {
        {{5}, 1},          {{0, 1, 7, 8, 9}, 5},       {{65535}, 1},
        {{65536}, 1},      {{1 << 20, 3, 1 << 16}, 3}, {{1 << 20, 1 << 20}, 2},
        {{4 << 20, 5}, 2},
    };
    struct parts many = {.count = AUV_MAX_PARTS};

    (void)state;
    for (size_t i = 0; i < many.count; i++)
        many.length[i] = i * 300;
    for (size_t i = 0; i <= sizeof(cases) / sizeof(cases[0]); i++) {
        struct parts *wanted =
            i < sizeof(cases) / sizeof(cases[0]) ? &cases[i] : &many;
        struct result_parts out = {0};

        bind("parts", gives_parts, wanted);
        assert_int_equal(auv_view_eval(host.view,
                                       "auroraview.call(\"parts\", 1)", NUL,
                                       DEADLINE_MS, on_parts, &out),
                         AUV_OK);
        pump_until_count(host.app, &out.calls, 1);
        assert_int_equal(out.error, AUV_OK);
        assert_int_equal(out.got.count, wanted->count);
        for (size_t n = 0; n < wanted->count; n++)
            assert_int_equal(out.got.length[n], wanted->length[n]);
        assert_true(out.same);
    }
}

static void bad_parts(auv_view *view, auv_call *call, void *user)
{
    auv_part parts[AUV_MAX_PARTS + 1];
    int *stage = user;

    (void)view;
    memset(parts, 0, sizeof(parts));
    parts[0] = (auv_part){"abc", 3, AUV_PART_F32};
    assert_int_equal(auv_call_reply(call, "1", NUL, parts, 1), AUV_ERR_ARG);
    parts[0] = (auv_part){"abc", 3, (auv_part_type)99};
    assert_int_equal(auv_call_reply(call, "1", NUL, parts, 1), AUV_ERR_ARG);
    parts[0] = (auv_part){NULL, 3, AUV_PART_U8};
    assert_int_equal(auv_call_reply(call, "1", NUL, parts, 1), AUV_ERR_ARG);
    assert_int_equal(auv_call_reply(call, "1", NUL, NULL, 1), AUV_ERR_ARG);
    memset(parts, 0, sizeof(parts));
    /* An argument error leaves the call open; this one is its answer. */
    assert_int_equal(auv_call_reply(call, "1", NUL, parts, AUV_MAX_PARTS + 1),
                     AUV_ERR_TOO_LARGE);
    assert_int_equal(auv_call_reply(call, "1", NUL, NULL, 0), AUV_ERR_STATE);
    ++*stage;
}

static void bad_parts_are_refused(void **state)
{
    struct outcome out;
    int stage = 0;

    (void)state;
    bind("bad", bad_parts, &stage);
    run_script(&host, "auroraview.call(\"bad\", 1)", &out);
    assert_int_equal(stage, 1);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
    assert_non_null(strstr(out.json, "TooLarge"));
}

/* ---- bindings ------------------------------------------------------------- */

static int freed;

static void count_free(void *user)
{
    ++*(int *)user;
}

static void rebinds(auv_view *view, auv_call *call, void *user)
{
    (void)user;
    assert_int_equal(auv_view_bind(view, "m", NUL, echo, NULL, NULL), AUV_OK);
    assert_int_equal(freed, 0); /* this handler still runs */
    auv_call_reply(call, "\"first\"", NUL, NULL, 0);
}

static void unbinds(auv_view *view, auv_call *call, void *user)
{
    (void)user;
    assert_int_equal(auv_view_unbind(view, "m", NUL), AUV_OK);
    assert_int_equal(freed, 0);
    auv_call_reply(call, "\"last\"", NUL, NULL, 0);
}

static void a_handler_may_rebind_itself(void **state)
{
    (void)state;
    freed = 0;
    assert_int_equal(
        auv_view_bind(host.view, "m", NUL, rebinds, &freed, count_free),
        AUV_OK);
    check_value(&host, "auroraview.call(\"m\", 1)", "\"first\"");
    assert_int_equal(freed, 1);
    check_value(&host, "auroraview.call(\"m\", 7)", "7");
    assert_int_equal(freed, 1);
}

static void a_handler_may_unbind_itself(void **state)
{
    struct outcome out;

    (void)state;
    freed = 0;
    auv_view_bind(host.view, "m", NUL, unbinds, &freed, count_free);
    check_value(&host, "auroraview.call(\"m\", 1)", "\"last\"");
    assert_int_equal(freed, 1);
    run_script(&host, "auroraview.call(\"m\", 1)", &out);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
}

static void free_user_runs_once_in_process(void **state)
{
    int first = 0, second = 0, third = 0, dead = 0;

    (void)state;
    auv_view_bind(host.view, "m", NUL, echo, &first, count_free);
    auv_view_bind(host.view, "m", NUL, echo, &second, count_free);
    auv_view_on(host.view, "m", NUL, (auv_message_fn)says_nothing, &third,
                count_free);
    assert_int_equal(first, 0); /* not here: only inside process */
    pump_until_count(host.app, &first, 1);
    assert_int_equal(second, 0);
    assert_int_equal(auv_view_unbind(host.view, "m", NUL), AUV_OK);
    assert_int_equal(second, 0);
    pump_until_count(host.app, &second, 1);
    auv_view_bind(host.view, "m2", NUL, echo, &second, count_free);
    auv_view_request_close(host.view, AUV_CLOSE_APP);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    pump_until_idle(host.app);
    assert_int_equal(first, 1);
    assert_int_equal(second, 2);
    assert_int_equal(third, 1);
    assert_int_equal(
        auv_view_bind(host.view, "m", NUL, echo, &dead, count_free),
        AUV_ERR_CLOSED);
    assert_int_equal(dead, 0);
    assert_int_equal(auv_view_unbind(host.view, "m2", NUL), AUV_OK);
}

static void odd_names_are_names(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *script;
    } names[] = {
        {"a\"b\\c'd", 7, "\"a\\\"b\\\\c'd\""},
        {"l1\nl2\r\t", 7, "\"l1\\nl2\\r\\t\""},
        {"x\0y", 3, "\"x\\u0000y\""},
        {"\xe2\x80\xa8\xe2\x80\xa9", 6, "\"\\u2028\\u2029\""},
        {"\xf0\x9f\xa6\x84", 4, "\"\\ud83e\\udd84\""},
        {"\xef\xbf\xbd", 3, "\"\\ud83e\""}, /* lone: replaced */
        {"__proto__", 9, "\"__proto__\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char script[200];
        int count = 0;

        assert_int_equal(auv_view_bind(host.view, names[i].bytes,
                                       names[i].length, echo, &count, NULL),
                         AUV_OK);
        snprintf(script, sizeof(script), "auroraview.call(%s, \"%s\")",
                 names[i].script, "\\u0000\\u2028\\ud83e\\udd84 \\\"\\n");
        check_value(&host, script,
                    on_null() ? "\"\\u0000\\u2028\\ud83e\\udd84 \\\"\\n\""
                              : "\"\\u0000\xe2\x80\xa8\xf0\x9f\xa6\x84 "
                                "\\\"\\n\"");
        assert_int_equal(count, 1);
        auv_view_unbind(host.view, names[i].bytes, names[i].length);
    }
}

static void names_have_a_limit(void **state)
{
    char *name = calloc(1, AUV_MAX_NAME + 2);
    char script[AUV_MAX_NAME + 100];

    (void)state;
    memset(name, 'n', AUV_MAX_NAME + 1);
    assert_int_equal(auv_view_bind(host.view, name, NUL, echo, NULL, NULL),
                     AUV_ERR_TOO_LARGE);
    name[AUV_MAX_NAME] = '\0';
    assert_int_equal(auv_view_bind(host.view, name, NUL, echo, NULL, NULL),
                     AUV_OK);
    if (!on_null()) { /* whose scripts have names of less */
        snprintf(script, sizeof(script), "auroraview.call(\"%s\", 3)", name);
        check_value(&host, script, "3");
    }
    free(name);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    assert_int_equal(auv_view_bind(NULL, "m", NUL, echo, NULL, NULL),
                     AUV_ERR_ARG);
    assert_int_equal(auv_view_bind(host.view, NULL, NUL, echo, NULL, NULL),
                     AUV_ERR_ARG);
    assert_int_equal(auv_view_bind(host.view, "m", NUL, NULL, NULL, NULL),
                     AUV_ERR_ARG);
    assert_int_equal(auv_view_unbind(NULL, "m", NUL), AUV_ERR_ARG);
    assert_int_equal(auv_view_unbind(host.view, NULL, NUL), AUV_ERR_ARG);
    assert_int_equal(auv_call_reply(NULL, "1", NUL, NULL, 0), AUV_ERR_ARG);
    assert_int_equal(auv_call_fail(NULL, "E", "m", 0, NULL), AUV_ERR_ARG);
    auv_call_unref(NULL);
    auv_message_unref(NULL);
    auv_view_unref(NULL);
}

/* ---- documents ------------------------------------------------------------ */

static void navigation_cancels_calls(void **state)
{
    auv_app_stats before = {.size = sizeof(before)};
    auv_app_stats after = {.size = sizeof(after)};
    struct outcome out = {0};
    int count = 0, error;

    (void)state;
    bind("keeps", keeps, &count);
    auv_view_eval(host.view, "auroraview.call(\"keeps\", 1)", NUL, 500,
                  on_result, &out);
    pump_until_count(host.app, &count, 1);
    host.event_count = 0;
    assert_int_equal(auv_view_reload(host.view), AUV_OK);
    pump_until_event(&host, AUV_EVENT_PAGE_READY);
    assert_true(auv_call_is_cancelled(kept));
    auv_app_get_stats(host.app, &before);
    error = auv_call_reply(kept, "1", NUL, NULL, 0);
    assert_int_equal(error, AUV_ERR_CANCELLED);
    auv_call_unref(kept);
    auv_app_get_stats(host.app, &after);
    assert_int_equal(before.messages_sent, after.messages_sent);
    pump_until_count(host.app, &out.calls, 1);
    assert_true(out.error < 0);
    check_value(&host, "5", "5");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_host, close_host)
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_answered),
        TEST(a_failed_call_rejects),
        TEST(an_unbound_method_is_not_found),
        TEST(a_handler_without_answer_rejects),
        TEST(a_late_answer_may_come_from_any_thread),
        TEST(a_kept_call_without_answer_rejects_at_the_end),
        TEST(an_answer_after_the_close_is_refused),
        TEST(a_call_may_outlive_its_application),
        TEST(parts_make_the_round_trip),
        TEST(bad_parts_are_refused),
        TEST(a_handler_may_rebind_itself),
        TEST(a_handler_may_unbind_itself),
        TEST(free_user_runs_once_in_process),
        TEST(odd_names_are_names),
        TEST(names_have_a_limit),
        TEST(bad_arguments_are_refused),
        TEST(navigation_cancels_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
