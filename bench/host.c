/* AuroraView in the page rows: a plain C host with a poll() loop over its
 * standard input and auv_app_fd(). */
#include "host.h"
#include "page_rows.h"

#include <auroraview/auroraview.h>

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

static struct {
    auv_app *app;
    auv_view *views[BENCH_VIEWS];
    char *html, title[40];
    int wakeup; /* eventfd; instead of the application's descriptor */
    int timer;
    bool (*on_tick)(void);
} host;

static const char adapter[] =
    "window.peer = {"
    " report: text => auroraview.send_event('report', text),"
    " echo: text => auroraview.call('echo', text),"
    " blobIn: bytes => auroraview.call('blob_in', bytes),"
    " blobOut: () => auroraview.call('blob_out'),"
    " echoJson: value => auroraview.call('echo', value),"
    " echoBytes: bytes => auroraview.call('echo_bytes', bytes),"
    " giveJson: size => auroraview.call('give_json', size),"
    " giveBytes: size => auroraview.call('give_bytes', size) };"
    "auroraview.on('bench', detail => bench.event(detail));\n";

static void check(int result, const char *what)
{
    if (result >= 0)
        return;
    fprintf(stderr, "%s: %s (%s)\n", what, auv_strerror(result),
            auv_last_error_message());
    exit(1);
}

static unsigned number_of(const auv_view *view)
{
    unsigned i = 0;
    while (i < BENCH_VIEWS - 1 && host.views[i] != view)
        i++;
    return i;
}

/* ---- bound functions ---- */
static void echo(auv_view *view, auv_call *call, void *user)
{
    (void)user;
    bench_page_entry(number_of(view));
    size_t length;
    const char *json = auv_message_json(auv_call_message(call), &length);
    check(auv_call_reply(call, json, length, NULL, 0), "reply");
}

static void blob_in(auv_view *view, auv_call *call, void *user)
{
    (void)user;
    bench_page_entry(number_of(view));
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
    (void)user;
    bench_page_entry(number_of(view));
    check(auv_call_reply(call, json, sizeof json - 1, &part, 1), "reply");
}

static void echo_bytes(auv_view *view, auv_call *call, void *user)
{
    static const char json[] = "{\"$auv\":0}";
    (void)user;
    bench_page_entry(number_of(view));
    auv_part part;
    check(auv_message_part(auv_call_message(call), 0, &part), "part");
    check(auv_call_reply(call, json, sizeof json - 1, &part, 1), "reply");
}

static size_t size_of(auv_call *call)
{
    return strtoul(auv_message_json(auv_call_message(call), NULL), NULL, 10);
}

static void give_json(auv_view *view, auv_call *call, void *user)
{
    (void)user;
    bench_page_entry(number_of(view));
    size_t length;
    const char *json = bench_payload_json(size_of(call), &length);
    check(auv_call_reply(call, json, length, NULL, 0), "reply");
}

static void give_bytes(auv_view *view, auv_call *call, void *user)
{
    static const char json[] = "{\"$auv\":0}";
    (void)user;
    bench_page_entry(number_of(view));
    size_t size = size_of(call);
    const auv_part part = {bench_payload_bytes(size), size, AUV_PART_U8};
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
    static const struct {
        const char *name;
        auv_call_fn fn;
    } functions[] = {{"echo", echo},           {"blob_in", blob_in},
                     {"blob_out", blob_out},   {"echo_bytes", echo_bytes},
                     {"give_json", give_json}, {"give_bytes", give_bytes}};
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    auv_view *view;
    options.title = host.title;
    options.width = 400;
    options.height = 300;
    options.html = host.html;
    check(auv_view_create(host.app, &options, &view), "auv_view_create");
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        check(auv_view_bind(view, functions[i].name, AUV_NUL_TERMINATED,
                            functions[i].fn, NULL, NULL),
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
static void evaluate_in(unsigned i, const char *script)
{
    check(auv_view_eval(host.views[i], script, AUV_NUL_TERMINATED, 5000, NULL,
                        NULL),
          "eval");
}

static void evaluate(const char *script)
{
    evaluate_in(0, script);
}

static void emit(void)
{
    int result;
    while ((result = auv_view_emit(host.views[0], "bench", 5, bench_event_json,
                                   strlen(bench_event_json), NULL, 0)) ==
           AUV_ERR_QUEUE_FULL)
        sched_yield(); /* the library's thread is sending */
    check(result, "emit");
}

static void every(unsigned milliseconds, bool (*function)(void))
{
    const struct itimerspec interval = {
        .it_interval.tv_nsec = (long)milliseconds * 1000000,
        .it_value.tv_nsec = (long)milliseconds * 1000000};
    host.on_tick = function;
    if (timerfd_settime(host.timer, 0, &interval, NULL) < 0)
        abort();
}

static void tick(void)
{
    static const struct itimerspec off;
    uint64_t count;
    if (read(host.timer, &count, sizeof count) == sizeof count &&
        !host.on_tick())
        timerfd_settime(host.timer, 0, &off, NULL);
}

static void open_further(unsigned i)
{
    host.views[i] = open_view();
}

static void close_further(unsigned i)
{
    check(auv_view_request_close(host.views[i], AUV_CLOSE_APP), "close");
    auv_view_unref(host.views[i]);
    host.views[i] = NULL;
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

static void wake_up(void *user)
{
    (void)user;
    eventfd_write(host.wakeup, 1);
}

/* The link thread reads the links, and wakes this one by the call. */
static int open_wakeup(void)
{
    host.wakeup = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    check(auv_app_set_wakeup(host.app, wake_up, NULL), "wakeup");
    return host.wakeup;
}

int main(int argc, char **argv)
{
    struct bench_host_way way = bench_host_way(argc, argv);
    struct bench_page_ops ops = {
        .name = way.name,
        .version = version,
        .evaluate = evaluate,
        .emit = emit,
        .every = every,
        .open = open_further,
        .close = close_further,
        .evaluate_in = evaluate_in,
    };
    snprintf(host.title, sizeof host.title, "bench-%s", way.name);
    host.html = bench_page_html(adapter);
    bench_page_opening(&ops);
    check(auv_app_create(NULL, &host.app), "auv_app_create");
    int fd = way.wakeup ? open_wakeup() : auv_app_fd(host.app);
    host.views[0] = open_view();
    host.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct pollfd wait[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                            {.fd = fd, .events = POLLIN},
                            {.fd = host.timer, .events = POLLIN}};
    for (;;) {
        eventfd_t count;
        if (poll(wait, 3, -1) < 0)
            continue;
        if (wait[1].revents && way.wakeup)
            eventfd_read(host.wakeup, &count);
        if (wait[2].revents)
            tick();
        if (wait[1].revents)
            check(auv_app_process(host.app), "auv_app_process");
        if (wait[0].revents && !read_command())
            break;
    }
    check(auv_view_request_close(host.views[0], AUV_CLOSE_APP), "close");
    auv_view_unref(host.views[0]);
    auv_app_destroy(host.app);
    free(host.html);
    return 0;
}
