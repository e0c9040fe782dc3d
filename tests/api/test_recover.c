/* Recovery: what comes back by itself when a page's or the engine's process has
 * ended, what is told, and that nothing is lost or done twice. */
#include "harness.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static const char never[] = "new Promise(() => {})";
static struct host host;

static int open_host(void **state)
{
    (void)state;
    host_open(&host);
    host.event_count = 0;
    return 0;
}

static int close_host(void **state)
{
    (void)state;
    host_close(&host);
    return 0;
}

/* ---- ends of the world ------------------------------------------------------ */

static void kill_page(void)
{
    assert_int_equal(auv_view_kill_page(host.view), AUV_OK);
}

static void kill_engine(void)
{
    assert_int_equal(auv_app_kill_engine(host.app), AUV_OK);
}

static size_t place_of(const struct host *at, auv_event_kind kind)
{
    const struct host_event *event = find_event(at, kind);

    assert_non_null(event);
    return (size_t)(event - at->events);
}

struct loss {
    void (*strike)(void);
    auv_event_kind told;
    int32_t what;
};

static const struct loss page_loss = {kill_page, AUV_EVENT_PAGE_LOST,
                                      AUV_LOST_PAGE};
static const struct loss engine_loss = {kill_engine, AUV_EVENT_ENGINE_LOST,
                                        AUV_LOST_ENGINE};

static void check_recovered(const struct host *at, const struct loss *loss)
{
    assert_int_equal(count_events(at, loss->told), 1);
    assert_int_equal(find_event(at, loss->told)->x, AUV_RECOVERY_UNDER_WAY);
    assert_true(strlen(find_event(at, loss->told)->text) > 0);
    assert_int_equal(count_events(at, AUV_EVENT_RECOVERED), 1);
    assert_int_equal(find_event(at, AUV_EVENT_RECOVERED)->x, loss->what);
    assert_int_equal(count_events(at, AUV_EVENT_PAGE_READY), 1);
    assert_true(place_of(at, loss->told) < place_of(at, AUV_EVENT_PAGE_READY));
    assert_true(place_of(at, AUV_EVENT_PAGE_READY) <
                place_of(at, AUV_EVENT_RECOVERED));
    assert_int_equal(auv_view_state(at->view, NULL), AUV_STATE_ACTIVE);
}

static auv_call *kept;

static void keeps(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    kept = auv_call_ref(call);
    ++*(int *)user;
}

static void answers(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)user;
    auv_call_reply(call, "[7]", NUL, NULL, 0);
}

/* ---- what comes back -------------------------------------------------------- */

static void comes_back(const struct loss *loss)
{
    struct outcome out[3] = {{0}};
    int calls = 0;

    auv_view_bind(host.view, "keeps", NUL, keeps, &calls, NULL);
    auv_view_bind(host.view, "answers", NUL, answers, NULL, NULL);
    auv_view_eval(host.view, "auroraview.call(\"keeps\", 1)", NUL, -1,
                  on_result, &out[0]);
    for (int i = 1; i < 3; i++)
        auv_view_eval(host.view, never, NUL, i == 1 ? -1 : 600000, on_result,
                      &out[i]);
    pump_until_count(host.app, &calls, 1);
    loss->strike();
    pump_until_event(&host, loss->told);
    /* What is asked for between the loss and the return is done, once. */
    auv_view_emit(host.view, "between", NUL, "1", NUL, NULL, 0);
    auv_view_emit(host.view, "between", NUL, "2", NUL, NULL, 0);
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    for (int i = 0; i < 3; i++) {
        pump_until_count(host.app, &out[i].calls, 1);
        assert_int_equal(out[i].error, AUV_ERR_ENGINE_LOST);
    }
    assert_true(auv_call_is_cancelled(kept));
    assert_true(auv_call_reply(kept, "1", NUL, NULL, 0) < 0);
    auv_call_unref(kept);
    page_listen(&host, "[\"between\"]");
    check_page_events(&host, "[[\"between\",1],[\"between\",2]]");
    /* Bindings and grants hold. */
    check_value(&host, "auroraview.call(\"answers\", 1)", "[7]");
    pump_until_idle(host.app);
    for (int i = 0; i < 3; i++)
        assert_int_equal(out[i].calls, 1);
    check_recovered(&host, loss);
    check_page_events(&host, "[]");
}

static void a_lost_page_comes_back(void **state)
{
    (void)state;
    comes_back(&page_loss);
}

static void a_lost_engine_comes_back(void **state)
{
    (void)state;
    comes_back(&engine_loss);
}

/* State comes back by itself, channels end once. */
static void hears_channel(auv_channel *channel, const auv_channel_event *event,
                          void *user)
{
    (void)channel;
    if (event->kind == AUV_CHANNEL_CLOSED) {
        assert_int_equal(event->error, AUV_ERR_ENGINE_LOST);
        ++*(int *)user;
    }
}

static int set_state(const char *key, const char *json)
{
    return auv_view_state_set(host.view, key, NUL, json, NUL, NULL, 0, 0);
}

static void shared_things_outlive(const struct loss *loss)
{
    auv_channel_options options = AUV_CHANNEL_OPTIONS_INIT;
    auv_channel *channel;
    int closed = 0;

    options.fn = hears_channel;
    options.user = &closed;
    assert_int_equal(set_state("before", "1"), 1);
    assert_int_equal(
        auv_channel_open(host.view, "ends", NUL, &options, &channel), AUV_OK);
    check_value(&host,
                on_null() ? "auroraview.channel(\"ends\").send(1)"
                          : "auroraview.channel(\"ends\").send(1)"
                            ".then(() => null)",
                "null");
    check_value(&host, "auroraview.state[\"page\"] = 3", "3");
    loss->strike();
    pump_until_event(&host, loss->told);
    assert_int_equal(set_state("between", "2"), 1);
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    check_value(&host, "auroraview.state.toJSON()",
                "{\"before\":1,\"page\":3,\"between\":2}");
    pump_until_count(host.app, &closed, 1);
    auv_channel_unref(channel);
    check_value(&host,
                on_null() ? "auroraview.channel(\"again\").close()"
                          : "(auroraview.channel(\"again\").close(), null)",
                "null");
    pump_until_idle(host.app);
    assert_int_equal(closed, 1);
}

static void shared_things_outlive_a_page(void **state)
{
    (void)state;
    shared_things_outlive(&page_loss);
}

static void shared_things_outlive_an_engine(void **state)
{
    (void)state;
    shared_things_outlive(&engine_loss);
}

/* The next engine grants neither more nor less than the lost one. */
static void grants_outlive(const struct loss *loss)
{
    static const char *const methods[] = {"some"};
    static const char own[] = "auroraview://localhost";
    auv_grant_options options = AUV_GRANT_OPTIONS_INIT;
    struct outcome out = {0};

    auv_view_bind(host.view, "some", NUL, answers, NULL, NULL);
    auv_view_bind(host.view, "other", NUL, answers, NULL, NULL);
    options.methods = methods;
    options.method_count = 1;
    assert_int_equal(auv_view_grant(host.view, own, &options), AUV_OK);
    loss->strike();
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    check_value(&host, "auroraview.call(\"some\", 1)", "[7]");
    run_script(&host, "auroraview.call(\"other\", 1)", &out);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
    assert_non_null(strstr(out.json, "PermissionDenied"));
    assert_int_equal(auv_view_deny_origin(host.view, own), AUV_OK);
    check_value(&host, "1", "1"); /* the engine has it */
    host.event_count = 0;
    loss->strike();
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    run_script(&host, "auroraview.call(\"some\", 1)", &out);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
    assert_non_null(strstr(out.json, "ReferenceError"));
}

static void grants_outlive_a_page(void **state)
{
    (void)state;
    grants_outlive(&page_loss);
}

static void grants_outlive_an_engine(void **state)
{
    (void)state;
    grants_outlive(&engine_loss);
}

/* The page that was asked for at the time of the loss is the one that comes. */
static void a_navigation_outlives(const struct loss *loss)
{
    struct outcome out = {0};

    assert_int_equal(auv_view_navigate(host.view, "data:text/html,<p>first"),
                     AUV_OK);
    loss->strike();
    assert_int_equal(auv_view_navigate(host.view, "data:text/html,<p>second"),
                     AUV_OK);
    pump_until_event(&host, loss->told);
    auv_view_eval(host.view,
                  on_null() ? "\"second\"" : "document.body.textContent", NUL,
                  DEADLINE_MS, on_result, &out);
    pump_until_count(host.app, &out.calls, 1);
    assert_int_equal(out.error, AUV_OK);
    assert_string_equal(out.json, "\"second\"");
    pump_until_idle(host.app);
    if (!on_null())
        check_value(&host, "document.body.textContent", "\"second\"");
    assert_int_equal(count_events(&host, AUV_EVENT_RECOVERED), 1);
    if (on_null()) { /* with the last word on its address */
        const struct host_event *last = NULL;

        for (size_t i = 0; i < host.event_count; i++)
            if (host.events[i].kind == AUV_EVENT_LOADED)
                last = &host.events[i];
        assert_non_null(last);
        assert_string_equal(last->text, "data:text/html,<p>second");
    }
}

static void a_navigation_outlives_a_page(void **state)
{
    (void)state;
    a_navigation_outlives(&page_loss);
}

static void a_navigation_outlives_an_engine(void **state)
{
    (void)state;
    a_navigation_outlives(&engine_loss);
}

static void the_address_comes_back(const struct loss *loss)
{
    const char *last = "";

    assert_int_equal(auv_view_navigate(host.view, "data:text/html,<p>there"),
                     AUV_OK);
    check_value(&host, "1", "1");
    pump_until_idle(host.app);
    host.event_count = 0;
    loss->strike();
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    pump_until_event(&host, AUV_EVENT_LOADED);
    for (size_t i = 0; i < host.event_count; i++)
        if (host.events[i].kind == AUV_EVENT_LOADED)
            last = host.events[i].text;
    assert_string_equal(last, "data:text/html,<p>there");
    if (!on_null())
        check_value(&host, "document.body.textContent", "\"there\"");
}

static void the_address_comes_back_with_a_page(void **state)
{
    (void)state;
    the_address_comes_back(&page_loss);
}

static void the_address_comes_back_with_an_engine(void **state)
{
    (void)state;
    the_address_comes_back(&engine_loss);
}

static void all_views_of_an_engine_come_back(void **state)
{
    static struct host second;
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;

    (void)state;
    memset(&second, 0, sizeof(second));
    second.app = host.app;
    options.html = "<p>second";
    assert_int_equal(auv_view_create(host.app, &options, &second.view), AUV_OK);
    auv_view_observe(second.view, record_event, &second, NULL);
    check_value(&second, "[2]", "[2]");
    pump_until_idle(host.app);
    second.event_count = host.event_count = 0;
    kill_engine();
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    pump_until_event(&second, AUV_EVENT_RECOVERED);
    check_recovered(&host, &engine_loss);
    check_recovered(&second, &engine_loss);
    check_value(&second, "[2]", "[2]");
    check_value(&host, "[1]", "[1]");
    auv_view_unref(second.view);
}

/* ---- who decides ------------------------------------------------------------ */

static void manually(void)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;

    host_close(&host);
    options.recover = AUV_RECOVER_MANUAL;
    host_open_with(&host, &options);
    host.event_count = 0;
}

static void a_manual_page_waits_for_its_host(void **state)
{
    (void)state;
    manually();
    kill_page();
    pump_until_event(&host, AUV_EVENT_PAGE_LOST);
    assert_int_equal(find_event(&host, AUV_EVENT_PAGE_LOST)->x,
                     AUV_RECOVERY_NONE);
    pump_until_idle(host.app);
    assert_int_equal(count_events(&host, AUV_EVENT_PAGE_READY), 0);
    auv_view_emit(host.view, "between", NUL, "1", NUL, NULL, 0);
    assert_int_equal(auv_view_reload(host.view), AUV_OK);
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    page_listen(&host, "[\"between\"]");
    check_page_events(&host, "[[\"between\",1]]");
}

static void a_manual_view_closes_with_its_engine(void **state)
{
    (void)state;
    manually();
    kill_engine();
    pump_until_event(&host, AUV_EVENT_CLOSED);
    assert_int_equal(find_event(&host, AUV_EVENT_ENGINE_LOST)->x,
                     AUV_RECOVERY_NONE);
    assert_int_equal(find_event(&host, AUV_EVENT_CLOSED)->reason,
                     AUV_CLOSE_ENGINE_LOST);
}

/* One view may say otherwise than its application. */
static void a_view_decides_for_itself(void **state)
{
    static struct host second;
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;

    (void)state;
    manually();
    memset(&second, 0, sizeof(second));
    second.app = host.app;
    options.html = "<p>second";
    options.recover = AUV_RECOVER_AUTOMATIC;
    assert_int_equal(auv_view_create(host.app, &options, &second.view), AUV_OK);
    auv_view_observe(second.view, record_event, &second, NULL);
    check_value(&second, "[2]", "[2]");
    second.event_count = 0;
    kill_engine();
    pump_until_event(&host, AUV_EVENT_CLOSED);
    pump_until_event(&second, AUV_EVENT_RECOVERED);
    check_value(&second, "[2]", "[2]");
    options.recover = (auv_recover)99;
    assert_int_equal(auv_view_create(host.app, &options, &host.view),
                     AUV_ERR_ARG);
    auv_view_unref(second.view);
}

/* ---- too often -------------------------------------------------------------- */

static void the_third_loss_of_a_page_stops(void **state)
{
    struct outcome out = {0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        host.event_count = 0;
        kill_page();
        pump_until_event(&host, AUV_EVENT_PAGE_LOST);
        if (i < 2)
            pump_until_event(&host, AUV_EVENT_RECOVERED);
    }
    assert_int_equal(find_event(&host, AUV_EVENT_PAGE_LOST)->x,
                     AUV_RECOVERY_STOPPED);
    auv_view_emit(host.view, "between", NUL, "1", NUL, NULL, 0);
    auv_view_eval(host.view, "[1]", NUL, -1, on_result, &out);
    pump_until_idle(host.app);
    assert_int_equal(out.calls, 0);
    assert_int_equal(count_events(&host, AUV_EVENT_RECOVERED), 0);
    assert_int_equal(auv_view_reload(host.view), AUV_OK);
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    pump_until_count(host.app, &out.calls, 1);
    assert_int_equal(out.error, AUV_OK);
    page_listen(&host, "[\"between\"]");
    check_page_events(&host, "[[\"between\",1]]");
}

static void the_third_loss_of_an_engine_closes(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        host.event_count = 0;
        kill_engine();
        pump_until_event(&host, AUV_EVENT_ENGINE_LOST);
        if (i < 2)
            pump_until_event(&host, AUV_EVENT_RECOVERED);
    }
    assert_int_equal(find_event(&host, AUV_EVENT_ENGINE_LOST)->x,
                     AUV_RECOVERY_STOPPED);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    assert_int_equal(find_event(&host, AUV_EVENT_CLOSED)->reason,
                     AUV_CLOSE_ENGINE_LOST);
    assert_int_equal(find_event(&host, AUV_EVENT_CLOSED)->error,
                     AUV_ERR_ENGINE_LOST);
    /* A next view begins anew. */
    auv_view_unref(host.view);
    assert_int_equal(auv_view_create(host.app, NULL, &host.view), AUV_OK);
    check_value(&host, "[5]", "[5]");
}

/* ---- a loss in the middle --------------------------------------------------- */

static void a_closing_view_does_not_come_back(void **state)
{
    (void)state;
    kill_engine();
    assert_int_equal(auv_view_request_close(host.view, AUV_CLOSE_USER), 1);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    pump_until_idle(host.app);
    assert_int_equal(find_event(&host, AUV_EVENT_CLOSED)->reason,
                     AUV_CLOSE_USER);
    assert_int_equal(count_events(&host, AUV_EVENT_CLOSED), 1);
}

static uint64_t sent_to_pages(void)
{
    auv_app_stats stats = {.size = sizeof(stats)};

    assert_int_equal(auv_app_get_stats(host.app, &stats), AUV_OK);
    return stats.messages_sent;
}

/* Once the script is in the page: in one that has come back by then it would
 * wait for ever. */
static void *kill_behind_the_script(void *before)
{
    int64_t end = now_ms() + DEADLINE_MS;

    while (sent_to_pages() == *(uint64_t *)before && now_ms() < end)
        sched_yield();
    kill_page();
    return NULL;
}

static void a_wait_ends_with_the_page(void **state)
{
    uint64_t before = sent_to_pages();
    pthread_t thread;
    int error;

    (void)state;
    assert_int_equal(
        pthread_create(&thread, NULL, kill_behind_the_script, &before), 0);
    error = auv_view_eval_wait(host.view, never, NUL, DEADLINE_MS, NULL);
    pthread_join(thread, NULL);
    if (error != AUV_ERR_ENGINE_LOST)
        fail_msg("%s", auv_strerror(error));
}

static void titles_and_bounds_hold(void **state)
{
    (void)state;
    kill_engine();
    assert_int_equal(auv_view_set_title(host.view, "kept"), AUV_OK);
    assert_int_equal(auv_view_set_bounds(host.view, 10, 20, 333, 222), AUV_OK);
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    kill_engine();
    host.event_count = 0;
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    pump_until_event(&host, AUV_EVENT_RESIZED);
    check_value(&host, on_null() ? "333" : "innerWidth", "333");
}

static void nothing_is_taken_for_what_it_is_not(void **state)
{
    (void)state;
    assert_int_equal(auv_view_kill_page(NULL), AUV_ERR_ARG);
    assert_int_equal(auv_app_kill_engine(NULL), AUV_ERR_ARG);
    assert_int_equal(auv_view_request_close(host.view, AUV_CLOSE_USER), 1);
    assert_int_equal(auv_view_kill_page(host.view), AUV_ERR_CLOSED);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_host, close_host)
    const struct CMUnitTest tests[] = {
        TEST(a_lost_page_comes_back),
        TEST(a_lost_engine_comes_back),
        TEST(shared_things_outlive_a_page),
        TEST(shared_things_outlive_an_engine),
        TEST(grants_outlive_a_page),
        TEST(grants_outlive_an_engine),
        TEST(a_navigation_outlives_a_page),
        TEST(a_navigation_outlives_an_engine),
        TEST(the_address_comes_back_with_a_page),
        TEST(the_address_comes_back_with_an_engine),
        TEST(all_views_of_an_engine_come_back),
        TEST(a_manual_page_waits_for_its_host),
        TEST(a_manual_view_closes_with_its_engine),
        TEST(a_view_decides_for_itself),
        TEST(the_third_loss_of_a_page_stops),
        TEST(the_third_loss_of_an_engine_closes),
        TEST(a_closing_view_does_not_come_back),
        TEST(a_wait_ends_with_the_page),
        TEST(titles_and_bounds_hold),
        TEST(nothing_is_taken_for_what_it_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
