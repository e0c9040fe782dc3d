/* AuroraView in the page rows: a plain C host with a poll() loop over its
 * standard input and auv_app_fd(). */
#include "page_rows.h"

#include <auroraview/auroraview.h>

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    auv_app *app;
    auv_view *view, *second;
    char *html;
} host;

static const char adapter[] =
    "window.peer = {"
    " report: text => auroraview.send_event('report', text),"
    " echo: text => auroraview.call('echo', text),"
    " blobIn: bytes => auroraview.call('blob_in', bytes),"
    " blobOut: () => auroraview.call('blob_out') };"
    "auroraview.on('bench', detail => bench.event(detail));\n";

static void check(int result, const char *what)
{
    if (result >= 0)
        return;
    fprintf(stderr, "%s: %s (%s)\n", what, auv_strerror(result),
            auv_last_error_message());
    exit(1);
}

/* ---- bound functions ---- */
static void echo(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)user;
    bench_page_entry();
    size_t length;
    const char *json = auv_message_json(auv_call_message(call), &length);
    check(auv_call_reply(call, json, length, NULL, 0), "reply");
}

static void blob_in(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)user;
    bench_page_entry();
    auv_part part;
    check(auv_message_part(auv_call_message(call), 0, &part), "part");
    bool same = part.length == BENCH_BLOB_SIZE &&
                memcmp(part.data, bench_blob, part.length) == 0;
    char json[16];
    int length = snprintf(json, sizeof json, "%zu", same ? part.length : 0);
    check(auv_call_reply(call, json, (size_t)length, NULL, 0), "reply");
}

static void blob_out(auv_view *view, auv_call *call, void *user)
{
    static const char json[] = "{\"$auv\":0}";
    const auv_part part = {bench_blob, BENCH_BLOB_SIZE, AUV_PART_U8};
    (void)view;
    (void)user;
    bench_page_entry();
    check(auv_call_reply(call, json, sizeof json - 1, &part, 1), "reply");
}

/* The text of a report arrives as a JSON string; only quotes and backslashes
 * are escaped in what page.js writes. */
static void report(auv_view *view, const auv_message *message, void *user)
{
    (void)view;
    (void)user;
    size_t length;
    const char *json = auv_message_json(message, &length);
    char *text = malloc(length + 1), *end = text;
    if (!text)
        abort();
    for (size_t i = 1; i + 1 < length; i++) {
        if (json[i] == '\\')
            i++;
        *end++ = json[i];
    }
    *end = 0;
    bench_page_report(text);
    free(text);
}

static void observe(auv_view *view, const auv_event *event, void *user)
{
    (void)view;
    (void)user;
    if (event->kind == AUV_EVENT_CLOSED && event->error < 0) {
        fprintf(stderr, "the view closed: %s\n", event->text);
        exit(1);
    }
}

static auv_view *open_view(void)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    auv_view *view;
    options.title = "bench-ours-c";
    options.width = 400;
    options.height = 300;
    options.html = host.html;
    check(auv_view_create(host.app, &options, &view), "auv_view_create");
    check(auv_view_bind(view, "echo", AUV_NUL_TERMINATED, echo, NULL, NULL),
          "bind");
    check(
        auv_view_bind(view, "blob_in", AUV_NUL_TERMINATED, blob_in, NULL, NULL),
        "bind");
    check(auv_view_bind(view, "blob_out", AUV_NUL_TERMINATED, blob_out, NULL,
                        NULL),
          "bind");
    check(auv_view_on(view, "report", AUV_NUL_TERMINATED, report, NULL, NULL),
          "on");
    check(auv_view_observe(view, observe, NULL, NULL), "observe");
    return view;
}

/* ---- rows ---- */
static const char *version(void)
{
    return auv_version();
}

/* With the deadline that the Python package has by default. */
static void evaluate(const char *script)
{
    check(
        auv_view_eval(host.view, script, AUV_NUL_TERMINATED, 5000, NULL, NULL),
        "eval");
}

static void emit(void)
{
    int result;
    while ((result = auv_view_emit(host.view, "bench", 5, bench_event_json,
                                   strlen(bench_event_json), NULL, 0)) ==
           AUV_ERR_QUEUE_FULL)
        sched_yield(); /* the library's thread is sending */
    check(result, "emit");
}

static void open_second(void)
{
    host.second = open_view();
}

static void close_second(void)
{
    check(auv_view_request_close(host.second, AUV_CLOSE_APP), "close");
    auv_view_unref(host.second);
}

/* Commands come one at a time: no line is ever split or followed by another
 * before its answer. */
static bool read_command(void)
{
    char line[128];
    ssize_t got = read(STDIN_FILENO, line, sizeof line - 1);
    if (got <= 0)
        return false;
    line[got] = 0;
    return bench_page_command(line);
}

int main(void)
{
    static const struct bench_page_ops ops = {
        .name = "ours-c",
        .version = version,
        .evaluate = evaluate,
        .emit = emit,
        .open_second = open_second,
        .close_second = close_second,
    };
    host.html = bench_page_html(adapter);
    bench_page_opening(&ops);
    check(auv_app_create(NULL, &host.app), "auv_app_create");
    host.view = open_view();
    struct pollfd wait[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                            {.fd = auv_app_fd(host.app), .events = POLLIN}};
    for (;;) {
        if (poll(wait, 2, -1) < 0)
            continue;
        if (wait[1].revents)
            check(auv_app_process(host.app), "auv_app_process");
        if (wait[0].revents && !read_command())
            break;
    }
    check(auv_view_request_close(host.view, AUV_CLOSE_APP), "close");
    auv_view_unref(host.view);
    auv_app_destroy(host.app);
    free(host.html);
    return 0;
}
