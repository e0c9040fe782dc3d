/*
 * test_page_process.c - links and grants while page processes come and go.
 *
 * Here the extension is the real one. A small HTTP server makes sites that
 * WebKit keeps apart: 127.0.0.1 and localhost.
 */
#include "engine/engine.h"

#include "base/base.h"
#include "wire/link.h"

#include <gio/gio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DEADLINE 20000 /* ms */
#define VIEW 1u

extern const struct auvi_engine_impl auvi_engine_webkitgtk;
static const struct auvi_engine_impl *const impl = &auvi_engine_webkitgtk;

static struct auvi_engine *engine;

/* The link of the present page process, and what came over it. */
static struct auvi_link *link_now;
static uint32_t generation;
static char hello_url[128];
static uint64_t hello_granted;
static bool hello_came;
static bool page_lost;

static void on_event(void *ctx, const struct auvi_engine_event *event)
{
    int fd;

    (void)ctx;
    if (event->kind == AUVI_ENGINE_VIEW &&
        event->event->kind == AUV_EVENT_PAGE_LOST)
        page_lost = true;
    if (event->kind != AUVI_ENGINE_LINK_WANTED)
        return;
    assert_true(event->generation > generation);
    generation = event->generation;
    auvi_link_close(link_now);
    assert_int_equal(auvi_link_pair(&link_now, &fd), AUV_OK);
    assert_int_equal(
        impl->attach_link(engine, event->view, event->generation, fd), AUV_OK);
}

static void receive(void)
{
    struct auvi_frame frame;

    while (link_now && auvi_link_receive(link_now, &frame) == 1) {
        if (frame.kind == AUVI_FRAME_HELLO && !(frame.id & 2)) {
            snprintf(hello_url, sizeof(hello_url), "%.*s",
                     (int)frame.name_length, frame.name);
            hello_granted = frame.id;
            hello_came = true;
        }
        auvi_frame_release(&frame);
    }
}

static gboolean wake(gpointer user)
{
    (void)user;
    return G_SOURCE_CONTINUE;
}

static void turn_until(const bool *flag, const char *what)
{
    /* The link is not part of the loop. */
    guint timer = g_timeout_add(5, wake, NULL);
    int64_t end = auvi_clock_ms() + DEADLINE;

    for (receive(); !*flag && auvi_clock_ms() < end; receive())
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(timer);
    if (!*flag)
        fail_msg("%s did not come", what);
}

static void expect_document(const char *url, bool granted)
{
    hello_came = false;
    turn_until(&hello_came, url);
    assert_string_equal(hello_url, url);
    assert_int_equal(hello_granted, granted);
}

/* ---- the server ---------------------------------------------------------- */

static guint16 port;

/* On a thread of its own: WebKit opens connections that it may never use. */
static gboolean on_connection(GThreadedSocketService *service,
                              GSocketConnection *connection, GObject *source,
                              gpointer user)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                                 "Content-Type: text/html\r\n"
                                 "Connection: close\r\n\r\nok";
    GIOStream *stream = G_IO_STREAM(connection);
    char request[4096];

    (void)service;
    (void)source;
    (void)user;
    g_input_stream_read(g_io_stream_get_input_stream(stream), request,
                        sizeof(request), NULL, NULL);
    g_output_stream_write_all(g_io_stream_get_output_stream(stream), answer,
                              sizeof(answer) - 1, NULL, NULL, NULL);
    g_io_stream_close(stream, NULL, NULL);
    return TRUE;
}

static const char *site(const char *host)
{
    static char url[64];

    snprintf(url, sizeof(url), "http://%s:%u/", host, port);
    return url;
}

static void grant(const char *first, const char *second)
{
    const char *origins[] = {first, second};
    const char *lines[2];
    char text[2][160];
    size_t count = second ? 2 : 1;

    for (size_t i = 0; i < count; i++) {
        snprintf(text[i], sizeof(text[i]), "%s\x1ft\x1f\x1f*\x1e\x1f*\x1e",
                 origins[i]);
        lines[i] = text[i];
    }
    assert_int_equal(impl->set_grants(engine, VIEW, lines, count), AUV_OK);
}

static void go(const char *url)
{
    assert_int_equal(impl->navigate(engine, VIEW, 0, url), AUV_OK);
}

static void open_view(void)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;

    generation = 0;
    assert_int_equal(impl->view_create(engine, VIEW, &options), AUV_OK);
}

static void close_view(void)
{
    impl->view_close(engine, VIEW);
    auvi_link_close(link_now);
    link_now = NULL;
}

/* ---- tests --------------------------------------------------------------- */

static void every_page_process_gets_a_link(void **state)
{
    char origin[64];

    (void)state;
    open_view();
    snprintf(origin, sizeof(origin), "http://127.0.0.1:%u", port);
    grant("auroraview://localhost", origin);
    impl->load_html(engine, VIEW, 0, "<p>", 3);
    expect_document("auroraview://localhost/", true);
    for (int round = 0; round < 2; round++) {
        go(site("127.0.0.1"));
        expect_document(site("127.0.0.1"), true);
        go(site("localhost"));
        expect_document(site("localhost"), false);
        impl->load_html(engine, VIEW, 0, "<p>", 3);
        expect_document("auroraview://localhost/", true);
    }
    close_view();
}

static void grants_reach_processes_kept_in_reserve(void **state)
{
    char origin[64];

    (void)state;
    open_view();
    snprintf(origin, sizeof(origin), "http://127.0.0.1:%u", port);
    grant(origin, NULL);
    go(site("127.0.0.1"));
    expect_document(site("127.0.0.1"), true);
    go(site("localhost"));
    expect_document(site("localhost"), false);

    /* Taken back while another site is shown. */
    grant("auroraview://localhost", NULL);
    go(site("127.0.0.1"));
    expect_document(site("127.0.0.1"), false);

    /* And given while yet another process is in use. */
    snprintf(origin, sizeof(origin), "http://localhost:%u", port);
    grant(origin, NULL);
    go(site("localhost"));
    expect_document(site("localhost"), true);
    close_view();
}

static void a_stale_link_is_closed(void **state)
{
    struct auvi_link *stale;
    struct auvi_frame frame;
    int fd;

    (void)state;
    open_view();
    grant("auroraview://localhost", NULL);
    impl->load_html(engine, VIEW, 0, "<p>", 3);
    expect_document("auroraview://localhost/", true);
    assert_int_equal(auvi_link_pair(&stale, &fd), AUV_OK);
    assert_int_equal(impl->attach_link(engine, VIEW, generation, fd), AUV_OK);
    assert_int_equal(auvi_link_receive(stale, &frame), AUV_ERR_CLOSED);
    auvi_link_close(stale);
    close_view();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_process_gets_a_link),
        cmocka_unit_test(grants_reach_processes_kept_in_reserve),
        cmocka_unit_test(a_stale_link_is_closed),
    };
    struct auvi_engine_config config = {.sink = {.on_event = on_event}};
    GSocketService *service = g_threaded_socket_service_new(16);
    int failed;

    port = g_socket_listener_add_any_inet_port(G_SOCKET_LISTENER(service), NULL,
                                               NULL);
    g_signal_connect(service, "run", G_CALLBACK(on_connection), NULL);
    g_socket_service_start(service);
    setenv("AURORAVIEW_PAGE_DIR", AUV_PAGE_DIR, 0);
    if (impl->create(&config, &engine) < 0) {
        fprintf(stderr, "%s\n", auv_last_error_message());
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    impl->destroy(engine);
    g_object_unref(service);
    return failed;
}
