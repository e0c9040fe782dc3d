#include "harness.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char page[] =
    "<!doctype html><meta charset=utf-8><title>page</title><script>"
    "const seen = [];"
    "window.listenTo = names => { for (const name of names)"
    "  auroraview.on(name, data => seen.push([name, data ?? null])); };"
    "window.takeEvents = () => seen.splice(0);"
    "</script>";

static const char *engine_name(void)
{
    const char *name = getenv("AUV_TEST_ENGINE");

    return name && *name ? name : "null";
}

bool on_null(void)
{
    return strcmp(engine_name(), "null") == 0;
}

int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (int64_t)1000 + now.tv_nsec / 1000000;
}

auv_app *open_app(const auv_app_options *given)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_app *app = NULL;

    if (given)
        options = *given;
    options.engine = engine_name();
    assert_int_equal(auv_app_create(&options, &app), AUV_OK);
    assert_non_null(app);
    return app;
}

void record_event(auv_view *view, const auv_event *event, void *user)
{
    struct host *host = user;
    struct host_event *record;

    (void)view;
    assert_non_null(event->text);
    assert_true(event->size >= sizeof(*event));
    if (host->event_count == sizeof(host->events) / sizeof(host->events[0]))
        return;
    record = &host->events[host->event_count++];
    record->kind = event->kind;
    record->reason = event->reason;
    record->error = event->error;
    record->native = event->native;
    record->x = event->x;
    snprintf(record->text, sizeof(record->text), "%s", event->text);
}

const struct host_event *find_event(const struct host *host,
                                    auv_event_kind kind)
{
    for (size_t i = 0; i < host->event_count; i++)
        if (host->events[i].kind == kind)
            return &host->events[i];
    return NULL;
}

size_t count_events(const struct host *host, auv_event_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < host->event_count; i++)
        count += host->events[i].kind == kind;
    return count;
}

void pump_until(auv_app *app, bool (*done)(void *user), void *user)
{
    struct pollfd ready = {.fd = auv_app_fd(app), .events = POLLIN};
    int64_t end = now_ms() + DEADLINE_MS;

    while (!done(user)) {
        if (now_ms() > end)
            fail_msg("what was waited for did not come");
        poll(&ready, 1, 200);
        if (auv_app_process(app) < 0)
            fail_msg("auv_app_process: %s", auv_last_error_message());
    }
}

struct wanted_event {
    struct host *host;
    auv_event_kind kind;
};

static bool has_event(void *user)
{
    struct wanted_event *wanted = user;

    return find_event(wanted->host, wanted->kind) != NULL;
}

void pump_until_event(struct host *host, auv_event_kind kind)
{
    struct wanted_event wanted = {host, kind};

    pump_until(host->app, has_event, &wanted);
}

struct wanted_count {
    const int *count;
    int wanted;
};

static bool has_count(void *user)
{
    struct wanted_count *wanted = user;

    /* Some are counted on another thread. */
    return __atomic_load_n(wanted->count, __ATOMIC_SEQ_CST) >= wanted->wanted;
}

void pump_until_count(auv_app *app, const int *count, int wanted)
{
    struct wanted_count both = {count, wanted};

    pump_until(app, has_count, &both);
}

bool is_readable(auv_app *app)
{
    struct pollfd ready = {.fd = auv_app_fd(app), .events = POLLIN};

    return poll(&ready, 1, 0) == 1;
}

void pump_until_idle(auv_app *app)
{
    struct pollfd ready = {.fd = auv_app_fd(app), .events = POLLIN};

    while (poll(&ready, 1, 300) == 1)
        assert_true(auv_app_process(app) >= 0);
}

static void count_up(void *user)
{
    ++*(int *)user;
}

/* The null engine may have shown its page before we could ask to hear of it: it
 * tells all of that before it answers a script. */
static bool heard_all(struct host *host)
{
    int posted = 0;

    assert_int_equal(
        auv_view_eval_wait(host->view, "1", NUL, DEADLINE_MS, NULL), AUV_OK);
    assert_int_equal(auv_app_post(host->app, count_up, &posted), AUV_OK);
    pump_until_count(host->app, &posted, 1);
    return find_event(host, AUV_EVENT_LOAD_STARTED) &&
           find_event(host, AUV_EVENT_PAGE_READY);
}

void host_open_with(struct host *host, const auv_app_options *given)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;

    memset(host, 0, sizeof(*host));
    host->app = open_app(given);
    options.html = page;
    options.title = "AuroraView test";
    options.width = 300;
    options.height = 200;
    for (;;) {
        if (auv_view_create(host->app, &options, &host->view) < 0)
            fail_msg("auv_view_create: %s", auv_last_error_message());
        assert_true(auv_view_observe(host->view, record_event, host, NULL) > 0);
        if (!on_null() || heard_all(host))
            break;
        auv_view_request_close(host->view, AUV_CLOSE_APP);
        pump_until_event(host, AUV_EVENT_CLOSED);
        auv_view_unref(host->view);
        host->event_count = 0;
    }
    pump_until_event(host, AUV_EVENT_PAGE_READY);
    pump_until_event(host, AUV_EVENT_LOADED);
}

void host_open(struct host *host)
{
    host_open_with(host, NULL);
}

void host_close(struct host *host)
{
    auv_view_unref(host->view);
    auv_app_destroy(host->app);
    host->view = NULL;
    host->app = NULL;
}

void on_result(auv_view *view, int error, const auv_message *result, void *user)
{
    struct outcome *out = user;

    (void)view;
    out->calls++;
    out->error = error;
    snprintf(out->json, sizeof(out->json), "%s",
             result ? auv_message_json(result, NULL) : "");
}

void run_script(struct host *host, const char *script, struct outcome *out)
{
    memset(out, 0, sizeof(*out));
    assert_int_equal(
        auv_view_eval(host->view, script, NUL, DEADLINE_MS, on_result, out),
        AUV_OK);
    pump_until_count(host->app, &out->calls, 1);
}

void check_value(struct host *host, const char *script, const char *json)
{
    struct outcome out;

    run_script(host, script, &out);
    if (out.error != AUV_OK)
        fail_msg("%s: %s %s", script, auv_strerror(out.error), out.json);
    assert_string_equal(out.json, json);
}

void page_listen(struct host *host, const char *names_json)
{
    char script[3000];

    if (on_null())
        return;
    snprintf(script, sizeof(script), "listenTo(%s), null", names_json);
    check_value(host, script, "null");
}

void check_page_events(struct host *host, const char *json)
{
    check_value(host, on_null() ? "auroraview.events()" : "takeEvents()", json);
}
