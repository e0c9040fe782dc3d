/*
 * harness.h - one application with one view, for tests of the public API.
 *
 * AUV_TEST_ENGINE names the engine ("null" or "webkitgtk"). Scripts of the
 * tests are those that src/engine/null/script.h lists, which mean the same in
 * both. Everything here waits for an event, with a deadline that only a hang
 * reaches.
 */
#ifndef API_HARNESS_H
#define API_HARNESS_H

#include "auroraview/auroraview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DEADLINE_MS 20000
#define NUL AUV_NUL_TERMINATED

struct host_event {
    auv_event_kind kind;
    auv_close_reason reason;
    int error;
    auv_native native;
    int32_t x;
    char text[400];
};

struct host {
    auv_app *app;
    auv_view *view;
    struct host_event events[256];
    size_t event_count;
};

bool on_null(void);
int64_t now_ms(void);

/* An application on the engine under test; `options` may be NULL. */
auv_app *open_app(const auv_app_options *options);
/* With a view and a page, ready for scripts; every event is recorded. */
void host_open(struct host *host);
void host_open_with(struct host *host, const auv_app_options *options);
void host_close(struct host *host);
void record_event(auv_view *view, const auv_event *event, void *host);
const struct host_event *find_event(const struct host *host,
                                    auv_event_kind kind);
size_t count_events(const struct host *host, auv_event_kind kind);

/* Process until `done` says so; fails the test at the deadline. */
void pump_until(auv_app *app, bool (*done)(void *user), void *user);
void pump_until_event(struct host *host, auv_event_kind kind);
void pump_until_count(auv_app *app, const int *count, int wanted);
/* Process until the descriptor stays silent. */
void pump_until_idle(auv_app *app);
bool is_readable(auv_app *app);

/* A script's result: error, and JSON text (of the error object too). */
struct outcome {
    int calls;
    int error;
    char json[4000];
};
void on_result(auv_view *view, int error, const auv_message *result,
               void *outcome);
/* Start it and process until it has ended. */
void run_script(struct host *host, const char *script, struct outcome *out);
void check_value(struct host *host, const char *script, const char *json);

/* Events that came to the page since the last look, as [[name, data], …]. In a
 * real engine page_listen() must have named them. */
void page_listen(struct host *host, const char *names_json);
void check_page_events(struct host *host, const char *json);

#endif /* API_HARNESS_H */
