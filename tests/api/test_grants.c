/*
 * test_grants.c - grants by method and event, the remote profile, the audit and
 * the engine's own word, on every engine.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>

static struct host host;
static int calls, events;

static void answer(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)user;
    calls++;
    auv_call_reply(call, "7", NUL, NULL, 0);
}

static void hear(auv_view *view, const auv_message *message, void *user)
{
    (void)view;
    (void)message;
    (void)user;
    events++;
}

static int open_host(void **state)
{
    (void)state;
    host_open(&host);
    calls = events = 0;
    auv_view_bind(host.view, "ok.get", NUL, answer, NULL, NULL);
    auv_view_bind(host.view, "no.get", NUL, answer, NULL, NULL);
    auv_view_on(host.view, "", 0, hear, NULL, NULL);
    return 0;
}

static int close_host(void **state)
{
    (void)state;
    host_close(&host);
    return 0;
}

static void load_again(void)
{
    assert_int_equal(auv_view_load_html(host.view, "<p>", NUL), AUV_OK);
}

static void check_refused(const char *script)
{
    struct outcome out;

    run_script(&host, script, &out);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
    if (!strstr(out.json, "PermissionDenied"))
        fail_msg("%s: %s", script, out.json);
}

struct wanted {
    const char *what, *why;
    bool granted;
    int count;
};

static void look(const auv_audit_entry *entry, void *user)
{
    struct wanted *wanted = user;

    if (entry->granted == wanted->granted &&
        entry->view == auv_view_id(host.view) &&
        !strcmp(entry->what, wanted->what) && !strcmp(entry->why, wanted->why))
        wanted->count += (int)entry->count;
}

static int audited(bool granted, const char *what, const char *why)
{
    struct wanted wanted = {what, why, granted, 0};

    assert_true(auv_app_audit(host.app, 0, look, &wanted) >= 0);
    return wanted.count;
}

static void methods_and_events_are_granted_by_pattern(void **state)
{
    static const char *const methods[] = {"ok.*"}, *const names[] = {"ok"};
    auv_grant_options options = AUV_GRANT_OPTIONS_INIT;

    (void)state;
    options.methods = methods;
    options.method_count = 1;
    options.events = names;
    options.event_count = 1;
    assert_int_equal(
        auv_view_grant(host.view, "auroraview://localhost", &options), AUV_OK);
    /* The document that is there keeps what it was given. */
    check_value(&host, "auroraview.call(\"no.get\")", "7");
    load_again();
    check_value(&host, "auroraview.call(\"ok.get\")", "7");
    check_refused("auroraview.call(\"no.get\")");
    assert_int_equal(calls, 2);
    check_value(&host, "auroraview.emit(\"no\", 1)", "null");
    check_value(&host, "auroraview.emit(\"ok\", 1)", "null");
    pump_until_count(host.app, &events, 1);
    pump_until_idle(host.app);
    assert_int_equal(events, 1);
    assert_int_equal(
        audited(false, "call no.get", "the name is not in the grant"), 1);
    assert_int_equal(audited(false, "event no", "the name is not in the grant"),
                     1);
    assert_true(audited(true, "bridge", "") >= 2);
}

static void what_is_denied_is_refused_at_once(void **state)
{
    (void)state;
    check_value(&host, "auroraview.call(\"ok.get\")", "7");
    assert_int_equal(auv_view_deny_origin(host.view, "auroraview://localhost"),
                     AUV_OK);
    check_refused("auroraview.call(\"ok.get\")");
    assert_int_equal(calls, 1);
    assert_int_equal(audited(false, "call ok.get", "the grant was taken back"),
                     1);
    assert_int_equal(auv_view_allow_origin(host.view, "auroraview://localhost"),
                     AUV_OK);
    load_again();
    check_value(&host, "auroraview.call(\"ok.get\")", "7");
}

static void broken_grants_are_refused(void **state)
{
    static const char *const empty[] = {""}, *const star[] = {"a*b"},
                             *const frame[] = {"view*"}, *const null[] = {NULL};
    static const char *const *const bad[] = {empty, star, null};
    auv_grant_options options = AUV_GRANT_OPTIONS_INIT;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        options.methods = bad[i];
        options.method_count = 1;
        assert_int_equal(auv_view_grant(host.view, "http://a", &options),
                         AUV_ERR_ARG);
    }
    options = (auv_grant_options)AUV_GRANT_OPTIONS_INIT;
    options.frames = frame;
    options.frame_count = 1;
    assert_int_equal(auv_view_grant(host.view, "http://a", &options),
                     AUV_ERR_ARG);
    options.size = 0;
    assert_int_equal(auv_view_grant(host.view, "http://a", &options),
                     AUV_ERR_ARG);
    assert_int_equal(auv_view_grant(NULL, "http://a", NULL), AUV_ERR_ARG);
    assert_int_equal(auv_view_deny_origin(host.view, "http://a/"), AUV_ERR_ARG);
    assert_int_equal(auv_view_deny_origin(NULL, "http://a"), AUV_ERR_ARG);
    /* An older caller's struct ends earlier. */
    options = (auv_grant_options)AUV_GRANT_OPTIONS_INIT;
    options.size = offsetof(auv_grant_options, frames);
    options.frames = frame;
    options.frame_count = 1;
    assert_int_equal(auv_view_grant(host.view, "http://a", &options), AUV_OK);
}

static void the_remote_profile_has_no_pages_of_ours(void **state)
{
    static const char *const good[] = {"*", "https://*.example.com:8443"};
    static const char *const bad[] = {"ftp://a", "https://a/", "https://*a", "",
                                      "https://A"};
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    auv_view *view;

    (void)state;
    options.profile = AUV_PROFILE_REMOTE;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        options.allowed = &bad[i];
        options.allowed_count = 1;
        assert_int_equal(auv_view_create(host.app, &options, &view),
                         AUV_ERR_ARG);
    }
    options.allowed = good;
    options.allowed_count = 2;
    options.html = "<p>";
    assert_int_equal(auv_view_create(host.app, &options, &view),
                     AUV_ERR_DENIED);
    options.html = NULL;
    options.asset_root = "/tmp";
    assert_int_equal(auv_view_create(host.app, &options, &view),
                     AUV_ERR_DENIED);
    options.asset_root = NULL;
    assert_int_equal(auv_view_create(host.app, &options, &view), AUV_OK);
    assert_int_equal(auv_view_load_html(view, "<p>", NUL), AUV_ERR_DENIED);
    assert_int_equal(auv_view_navigate(view, "file:///etc/passwd"),
                     AUV_ERR_DENIED);
    assert_int_equal(auv_view_navigate(view, "auroraview://localhost/"),
                     AUV_ERR_DENIED);
    assert_int_equal(auv_view_allow_origin(view, "http://a"), AUV_ERR_DENIED);
    assert_int_equal(auv_view_navigate(view, "https://a.example/"), AUV_OK);
    auv_view_request_close(view, AUV_CLOSE_APP);
    auv_view_unref(view);
    options.profile = (auv_profile)9;
    assert_int_equal(auv_view_create(host.app, &options, &view), AUV_ERR_ARG);
}

static void the_engine_says_what_it_is(void **state)
{
    auv_engine_info info = {.size = sizeof(info)};

    (void)state;
    assert_int_equal(auv_app_engine_info(host.app, &info), AUV_OK);
    assert_non_null(strstr(info.name, on_null() ? "null " : "webkitgtk "));
    assert_int_not_equal(info.sandbox, AUV_SANDBOX_UNKNOWN);
    info.size = 0;
    assert_int_equal(auv_app_engine_info(host.app, &info), AUV_ERR_ARG);
    assert_int_equal(auv_app_engine_info(NULL, NULL), AUV_ERR_ARG);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_host, close_host)
    const struct CMUnitTest tests[] = {
        TEST(methods_and_events_are_granted_by_pattern),
        TEST(what_is_denied_is_refused_at_once),
        TEST(broken_grants_are_refused),
        TEST(the_remote_profile_has_no_pages_of_ours),
        TEST(the_engine_says_what_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
