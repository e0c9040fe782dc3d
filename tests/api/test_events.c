/* Events: both ways, in order, held until there is a page to hear them. */
#include "harness.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static int emit(const char *name, const char *json)
{
    return auv_view_emit(host.view, name, NUL, json, json ? NUL : 0, NULL, 0);
}

/* ---- page to host --------------------------------------------------------- */

struct heard {
    char text[1000];
    int count;
};

static void hears(auv_view *view, const auv_message *message, void *user)
{
    struct heard *heard = user;
    size_t used = strlen(heard->text);

    (void)view;
    heard->count++;
    snprintf(heard->text + used, sizeof(heard->text) - used, "%s=%s;",
             auv_message_name(message, NULL), auv_message_json(message, NULL));
}

static int on(const char *name, auv_message_fn fn, void *user)
{
    int listener = auv_view_on(host.view, name, NUL, fn, user, NULL);

    assert_true(listener > 0);
    return listener;
}

static void listeners_hear_the_page_in_order(void **state)
{
    struct heard named = {{0}, 0}, all = {{0}, 0};

    (void)state;
    on("a", hears, &named);
    on("", hears, &all);
    on("a", hears, &named);
    check_value(&host, "auroraview.emit(\"a\", 1)", "null");
    check_value(&host, "auroraview.emit(\"b\", [2])", "null");
    check_value(&host, "auroraview.emit(\"c\")", "null");
    check_value(&host, "auroraview.emit(\"a\", 3)", "null");
    pump_until_count(host.app, &named.count, 4);
    assert_string_equal(named.text, "a=1;a=1;a=3;a=3;");
    assert_string_equal(all.text, "b=[2];c=null;");
}

static int off_self;

static void hears_once(auv_view *view, const auv_message *message, void *user)
{
    hears(view, message, user);
    assert_int_equal(auv_view_off(view, off_self), AUV_OK);
}

static void a_listener_may_remove_itself(void **state)
{
    struct heard once = {{0}, 0}, all = {{0}, 0};

    (void)state;
    off_self = on("a", hears_once, &once);
    on("", hears, &all);
    check_value(&host, "auroraview.emit(\"a\", 1)", "null");
    check_value(&host, "auroraview.emit(\"a\", 2)", "null");
    pump_until_count(host.app, &all.count, 1);
    assert_string_equal(once.text, "a=1;");
    assert_string_equal(all.text, "a=2;");
    assert_int_equal(auv_view_off(host.view, off_self), AUV_OK);
    assert_int_equal(auv_view_off(host.view, 123456), AUV_OK);
    assert_int_equal(auv_view_off(host.view, -1), AUV_OK);
}

static auv_message *kept;

static void keeps(auv_view *view, const auv_message *message, void *user)
{
    (void)view;
    kept = auv_message_ref(message);
    ++*(int *)user;
}

static void a_kept_message_outlives_its_application(void **state)
{
    int count = 0;

    (void)state;
    on("kept", keeps, &count);
    check_value(&host, "auroraview.emit(\"kept\", {\"a\":[1]})", "null");
    pump_until_count(host.app, &count, 1);
    host_close(&host);
    assert_string_equal(auv_message_name(kept, NULL), "kept");
    assert_string_equal(auv_message_json(kept, NULL), "{\"a\":[1]}");
    auv_message_unref(kept);
    host_open(&host);
}

/* ---- host to page --------------------------------------------------------- */

static void the_page_hears_events_in_order(void **state)
{
    (void)state;
    page_listen(&host, "[\"a\", \"b\"]");
    assert_int_equal(emit("a", "1"), AUV_OK);
    assert_int_equal(emit("b", "[\"x\"]"), AUV_OK);
    assert_int_equal(emit("a", NULL), AUV_OK);
    assert_int_equal(
        auv_view_emit(host.view, "a junk", 1, "22 junk", 2, NULL, 0), AUV_OK);
    check_page_events(&host,
                      "[[\"a\",1],[\"b\",[\"x\"]],[\"a\",null],[\"a\",22]]");
}

static void odd_names_and_payloads_arrive(void **state)
{
    (void)state;
    page_listen(&host, "[\"a\\\"b\", \"l\\n\", \"x\\u0000y\", \"\\u2028\","
                       " \"\\ud83e\\udd84\", \"__proto__\"]");
    assert_int_equal(emit("a\"b", "\"q\\\"\""), AUV_OK);
    assert_int_equal(emit("l\n", "1"), AUV_OK);
    assert_int_equal(auv_view_emit(host.view, "x\0y", 3, "2", 1, NULL, 0),
                     AUV_OK);
    assert_int_equal(emit("\xe2\x80\xa8", "\"\xe2\x80\xa8\""), AUV_OK);
    assert_int_equal(emit("\xf0\x9f\xa6\x84", "\"\\u0000\""), AUV_OK);
    assert_int_equal(emit("__proto__", "3"), AUV_OK);
    /* JSON text is not changed on its way; in a page it is parsed and made
     * again, which shows in how characters are escaped. */
    check_page_events(
        &host, on_null()
                   ? "[[\"a\\u0022b\",\"q\\\"\"],[\"l\\u000a\",1],"
                     "[\"x\\u0000y\",2],"
                     "[\"\xe2\x80\xa8\",\"\xe2\x80\xa8\"],"
                     "[\"\xf0\x9f\xa6\x84\",\"\\u0000\"],[\"__proto__\",3]]"
                   : "[[\"a\\\"b\",\"q\\\"\"],[\"l\\n\",1],[\"x\\u0000y\",2],"
                     "[\"\xe2\x80\xa8\",\"\xe2\x80\xa8\"],"
                     "[\"\xf0\x9f\xa6\x84\",\"\\u0000\"],[\"__proto__\",3]]");
}

static void large_events_arrive(void **state)
{
    size_t length = (1u << 20) + 2;
    char *json = malloc(length + 1);
    auv_message *result = NULL;
    const char *text;
    size_t got;

    (void)state;
    memset(json, 'x', length);
    json[0] = json[length - 1] = '"';
    json[length] = '\0';
    page_listen(&host, "[\"large\"]");
    assert_int_equal(
        auv_view_emit(host.view, "large", NUL, json, length, NULL, 0), AUV_OK);
    if (on_null()) { /* which keeps only what came inline: the size tells */
        check_value(&host, "1", "1");
    } else {
        assert_int_equal(auv_view_eval_wait(host.view, "takeEvents()", NUL,
                                            DEADLINE_MS, &result),
                         AUV_OK);
        text = auv_message_json(result, &got);
        assert_int_equal(got, length + strlen("[[\"large\",]]"));
        assert_memory_equal(text + strlen("[[\"large\","), json, length);
        auv_message_unref(result);
    }
    free(json);
}

static void bad_events_are_refused(void **state)
{
    auv_part part = {"abc", 3, AUV_PART_F32};
    auv_part parts[AUV_MAX_PARTS + 1];
    char name[AUV_MAX_NAME + 2];
    struct heard heard;

    (void)state;
    memset(name, 'n', sizeof(name));
    memset(parts, 0, sizeof(parts));
    assert_int_equal(auv_view_emit(NULL, "a", NUL, "1", NUL, NULL, 0),
                     AUV_ERR_ARG);
    assert_int_equal(auv_view_emit(host.view, NULL, NUL, "1", NUL, NULL, 0),
                     AUV_ERR_ARG);
    assert_int_equal(auv_view_emit(host.view, "a", NUL, "1", NUL, &part, 1),
                     AUV_ERR_ARG);
    assert_int_equal(auv_view_emit(host.view, "a", NUL, "1", NUL, NULL, 1),
                     AUV_ERR_ARG);
    part.type = (auv_part_type)99;
    assert_int_equal(auv_view_emit(host.view, "a", NUL, "1", NUL, &part, 1),
                     AUV_ERR_ARG);
    assert_int_equal(
        auv_view_emit(host.view, name, AUV_MAX_NAME + 1, "1", NUL, NULL, 0),
        AUV_ERR_TOO_LARGE);
    assert_int_equal(
        auv_view_emit(host.view, "a", NUL, "1", AUV_MAX_PAYLOAD + 1, NULL, 0),
        AUV_ERR_TOO_LARGE);
    assert_int_equal(
        auv_view_emit(host.view, "a", NUL, "1", NUL, parts, AUV_MAX_PARTS + 1),
        AUV_ERR_TOO_LARGE);
    assert_int_equal(auv_view_on(NULL, "a", NUL, hears, &heard, NULL),
                     AUV_ERR_ARG);
    assert_int_equal(auv_view_on(host.view, NULL, NUL, hears, &heard, NULL),
                     AUV_ERR_ARG);
    assert_int_equal(auv_view_on(host.view, "a", NUL, NULL, &heard, NULL),
                     AUV_ERR_ARG);
    assert_int_equal(
        auv_view_on(host.view, name, AUV_MAX_NAME + 1, hears, &heard, NULL),
        AUV_ERR_TOO_LARGE);
    assert_int_equal(auv_view_off(NULL, 1), AUV_ERR_ARG);
    check_value(&host, "5", "5"); /* and the page has its link still */
}

/* ---- waiting for a page --------------------------------------------------- */

static void what_is_emitted_early_is_delivered_later(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    struct outcome out = {0};

    (void)state;
    if (!on_null())
        page_listen(&host, "[\"early\"]"); /* kept for listeners: below */
    auv_view_unref(host.view);
    options.html = "<p>second</p><script>window.got = [];"
                   "auroraview.on('early', d => got.push(['early', d]));"
                   "</script>";
    assert_int_equal(auv_view_create(host.app, &options, &host.view), AUV_OK);
    assert_int_equal(emit("early", "1"), AUV_OK);
    assert_int_equal(emit("early", "2"), AUV_OK);
    assert_int_equal(auv_view_eval(host.view,
                                   on_null() ? "auroraview.events()" : "got",
                                   NUL, DEADLINE_MS, on_result, &out),
                     AUV_OK);
    pump_until_count(host.app, &out.calls, 1);
    assert_int_equal(out.error, AUV_OK);
    assert_string_equal(out.json, "[[\"early\",1],[\"early\",2]]");
}

static void messages_behind_a_navigation_reach_the_new_page(void **state)
{
    struct outcome out = {0};

    (void)state;
    page_listen(&host, "[\"old\"]");
    assert_int_equal(emit("old", "1"), AUV_OK);
    check_page_events(&host, "[[\"old\",1]]");
    assert_int_equal(auv_view_load_html(host.view,
                                        "<script>window.got = [];"
                                        "auroraview.on('new', d =>"
                                        " got.push(['new', d]));</script>",
                                        NUL),
                     AUV_OK);
    assert_int_equal(emit("new", "2"), AUV_OK);
    assert_int_equal(auv_view_eval(host.view,
                                   on_null() ? "auroraview.events()" : "got",
                                   NUL, DEADLINE_MS, on_result, &out),
                     AUV_OK);
    pump_until_count(host.app, &out.calls, 1);
    assert_string_equal(out.json, "[[\"new\",2]]");
}

/* Where nobody listens: a port that was free a moment ago. */
static const char *dead_url(void)
{
    static char url[60];
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
    return url;
}

static void a_failed_load_releases_what_waits(void **state)
{
    struct outcome out = {0};

    (void)state;
    host.event_count = 0;
    assert_int_equal(auv_view_navigate(host.view, dead_url()), AUV_OK);
    assert_int_equal(
        auv_view_eval(host.view, "[1]", NUL, DEADLINE_MS, on_result, &out),
        AUV_OK);
    pump_until_count(host.app, &out.calls, 1);
    assert_int_equal(out.error, AUV_OK);
    assert_string_equal(out.json, "[1]");
    pump_until_event(&host, AUV_EVENT_LOAD_FAILED);
    assert_int_equal(find_event(&host, AUV_EVENT_LOAD_FAILED)->error,
                     AUV_ERR_LOAD);
    assert_true(strlen(find_event(&host, AUV_EVENT_LOAD_FAILED)->text) > 0);
}

/* Without any page before: there must be one to run scripts in all the same. */
static void a_failed_first_load_leaves_a_page(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    struct outcome out = {0};

    (void)state;
    auv_view_unref(host.view);
    options.url = dead_url();
    assert_int_equal(auv_view_create(host.app, &options, &host.view), AUV_OK);
    assert_int_equal(
        auv_view_eval(host.view, "[1]", NUL, DEADLINE_MS / 2, on_result, &out),
        AUV_OK);
    pump_until_count(host.app, &out.calls, 1);
    assert_int_equal(out.error, AUV_OK);
}

/* ---- order and limits ----------------------------------------------------- */

static void emits_then_answers(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)user;
    assert_int_equal(emit("first", "1"), AUV_OK);
    assert_int_equal(auv_call_reply(call, "2", NUL, NULL, 0), AUV_OK);
}

static void an_event_before_the_answer_comes_before_it(void **state)
{
    (void)state;
    auv_view_bind(host.view, "both", NUL, emits_then_answers, NULL, NULL);
    if (on_null()) {
        check_value(&host, "auroraview.call(\"both\", 1)", "2");
        check_page_events(&host, "[[\"first\",1]]");
        return;
    }
    page_listen(&host, "[\"first\"]");
    for (int i = 0; i < 20; i++)
        check_value(&host,
                    "auroraview.call('both').then(() => takeEvents().length)",
                    "1");
}

enum {
    MANY = 6000
};

static void *emits_many(void *user)
{
    (void)user;
    for (int i = 0; i < MANY; i++) {
        char json[20];

        snprintf(json, sizeof(json), "%d", i);
        if (emit("n", json) != AUV_OK)
            i--; /* full: the page takes what is there meanwhile */
    }
    return NULL;
}

/* While the first page comes up, the link fills up and empties again. */
static void a_stream_keeps_its_order(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    auv_message *result = NULL;
    pthread_t thread;
    const char *at;
    int count = 0;

    (void)state;
    auv_view_unref(host.view);
    options.html = "<script>window.got = [];"
                   "auroraview.on('n', d => got.push(['n', d]));</script>";
    assert_int_equal(auv_view_create(host.app, &options, &host.view), AUV_OK);
    assert_int_equal(pthread_create(&thread, NULL, emits_many, NULL), 0);
    pump_until_idle(host.app);
    pthread_join(thread, NULL);
    assert_int_equal(
        auv_view_eval_wait(host.view, on_null() ? "auroraview.events()" : "got",
                           NUL, DEADLINE_MS, &result),
        AUV_OK);
    at = auv_message_json(result, NULL);
    while ((at = strstr(at, "[\"n\","))) {
        assert_int_equal(strtol(at + 5, NULL, 10), count);
        count++;
        at += 5;
    }
    assert_int_equal(count, MANY);
    auv_message_unref(result);
}

static void a_full_queue_refuses_and_loses_nothing(void **state)
{
    auv_app_options small = AUV_APP_OPTIONS_INIT;
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    auv_message *result = NULL;
    const char *at;
    int accepted = 0, came = 0, error = AUV_OK;

    (void)state;
    host_close(&host);
    small.queue_capacity = 1024;
    host_open_with(&host, &small);
    if (!on_null()) {
        /* There the page takes them away faster than we may count on: behind a
         * page that never comes they wait. */
        auv_view_unref(host.view);
        options.url = "auroraview://localhost/";
        options.html = NULL;
        assert_int_equal(auv_view_create(host.app, &options, &host.view),
                         AUV_OK);
        host.event_count = 0;
    }
    for (; accepted < 100000; accepted++) {
        error = emit("n", "1");
        if (error != AUV_OK)
            break;
    }
    if (error != AUV_OK) {
        assert_int_equal(error, AUV_ERR_QUEUE_FULL);
        assert_true(accepted >= 1024);
        assert_true(strlen(auv_last_error_message()) > 0);
    }
    if (on_null()) {
        do { /* the page takes them; then there is room again */
            auv_message_unref(result);
            error = auv_view_eval_wait(host.view, "auroraview.events()", NUL,
                                       DEADLINE_MS, &result);
            if (error == AUV_OK)
                for (at = auv_message_json(result, NULL);
                     (at = strstr(at, "[\"n\",")); at++)
                    came++;
        } while (error == AUV_ERR_QUEUE_FULL || came < accepted);
        auv_message_unref(result);
        assert_int_equal(came, accepted);
        assert_int_equal(emit("n", "2"), AUV_OK);
    }
}

static void emit_then_close_is_delivered(void **state)
{
    auv_app_stats stats = {.size = sizeof(stats)};
    uint64_t sent;

    (void)state;
    check_value(&host, "1", "1");
    auv_app_get_stats(host.app, &stats);
    sent = stats.messages_sent;
    for (int i = 0; i < 100; i++)
        assert_int_equal(emit("last", "1"), AUV_OK);
    assert_int_equal(auv_view_request_close(host.view, AUV_CLOSE_APP), 1);
    assert_int_equal(emit("late", "1"), AUV_ERR_CLOSED);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    auv_app_get_stats(host.app, &stats);
    assert_int_equal(stats.messages_sent - sent, 100);
    assert_true(stats.messages_dropped >= 1);
}

/* ---- an observer from the first event on ----------------------------------- */

static void free_count(void *user)
{
    ++*(int *)user;
}

static void an_observer_of_the_options_misses_nothing(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    struct host other = {.app = host.app};

    (void)state;
    options.html = "<p>page";
    options.observer = record_event;
    options.observer_user = &other;
    assert_int_equal(auv_view_create(host.app, &options, &other.view), AUV_OK);
    /* The engine is far ahead of us by now. */
    assert_int_equal(
        auv_view_wait_state(other.view, AUV_STATE_ACTIVE, DEADLINE_MS), AUV_OK);
    pump_until_event(&other, AUV_EVENT_LOADED);
    assert_int_equal(other.events[0].kind, AUV_EVENT_ACTIVE);
    assert_int_equal(count_events(&other, AUV_EVENT_ACTIVE), 1);
    assert_int_equal(count_events(&other, AUV_EVENT_LOAD_STARTED), 1);
    assert_int_equal(count_events(&other, AUV_EVENT_SHOWN), 1);
    auv_view_request_close(other.view, AUV_CLOSE_APP);
    pump_until_event(&other, AUV_EVENT_CLOSED);
    auv_view_unref(other.view);
}

static void what_the_observer_has_is_given_back_once(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    auv_view *view = NULL;
    int freed = 0;

    (void)state;
    options.observer = record_event;
    options.observer_user = &freed;
    options.free_observer_user = free_count;
    assert_int_equal(auv_view_create(NULL, &options, &view), AUV_ERR_ARG);
    assert_int_equal(freed, 0); /* not even looked at */
    options.observer = NULL;
    assert_int_equal(auv_view_create(host.app, &options, &view), AUV_OK);
    assert_int_equal(freed, 1);
    /* A caller of an older version has no such fields. */
    options.size = offsetof(auv_view_options, observer);
    auv_view_unref(view);
    assert_int_equal(auv_view_create(host.app, &options, &view), AUV_OK);
    assert_int_equal(freed, 1);
    auv_view_unref(view);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_host, close_host)
    const struct CMUnitTest tests[] = {
        TEST(listeners_hear_the_page_in_order),
        TEST(a_listener_may_remove_itself),
        TEST(a_kept_message_outlives_its_application),
        TEST(the_page_hears_events_in_order),
        TEST(odd_names_and_payloads_arrive),
        TEST(large_events_arrive),
        TEST(bad_events_are_refused),
        TEST(what_is_emitted_early_is_delivered_later),
        TEST(messages_behind_a_navigation_reach_the_new_page),
        TEST(a_failed_load_releases_what_waits),
        TEST(a_failed_first_load_leaves_a_page),
        TEST(an_event_before_the_answer_comes_before_it),
        TEST(a_stream_keeps_its_order),
        TEST(a_full_queue_refuses_and_loses_nothing),
        TEST(emit_then_close_is_delivered),
        TEST(an_observer_of_the_options_misses_nothing),
        TEST(what_the_observer_has_is_given_back_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
