/*
 * page_host.c - see page_host.h.
 */
#include "page_host.h"

#include "base/base.h"
#include "core/document.h"

#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static WebKitWebContext *context;
bool timed_out;

/* ---- waiting ---- */

gboolean on_deadline(gpointer user)
{
    (void)user;
    timed_out = true;
    return G_SOURCE_REMOVE;
}

/* ---- the host's end ---- */

void message_free(struct message *message)
{
    for (size_t i = 0; i < message->frame.part_count; i++)
        g_bytes_unref(message->parts[i]);
    g_free(message->name);
    g_free(message->payload);
    g_free(message);
}

static struct message *copy_frame(struct auvi_frame *frame)
{
    struct message *message = g_new0(struct message, 1);
    const char *payload = frame->payload;

    message->frame = *frame;
    message->name = g_malloc(frame->name_length + 1);
    memcpy(message->name, frame->name, frame->name_length);
    message->name[frame->name_length] = '\0';
    if (frame->payload_fd >= 0)
        payload = auvi_shm_map(frame->payload_fd, frame->payload_length);
    message->payload = g_malloc(frame->payload_length + 1);
    if (frame->payload_length)
        memcpy(message->payload, payload, frame->payload_length);
    message->payload[frame->payload_length] = '\0';
    if (frame->payload_fd >= 0)
        auvi_shm_unmap(payload, frame->payload_length);
    for (size_t i = 0; i < frame->part_count; i++) {
        const struct auvi_frame_part *part = &frame->parts[i];
        const void *data = part->data;

        if (part->fd >= 0)
            data = auvi_shm_map(part->fd, part->length);
        message->parts[i] = g_bytes_new(data, part->length);
        if (part->fd >= 0)
            auvi_shm_unmap(data, part->length);
    }
    auvi_frame_release(frame);
    return message;
}

static gboolean on_link(gint fd, GIOCondition condition, gpointer user)
{
    struct host *host = user;
    struct auvi_frame frame;
    int rc;

    (void)fd;
    (void)condition;
    while ((rc = auvi_link_receive(host->link, &frame)) == 1) {
        struct message *message = copy_frame(&frame);

        if (message->frame.kind == AUVI_FRAME_HELLO &&
            !(message->frame.id & AUVI_HELLO_FRAME))
            host->generation = message->frame.generation;
        g_queue_push_tail(&host->messages, message);
    }
    if (rc < 0) {
        host->end = rc;
        host->watch = 0;
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

void watch_link(struct host *host)
{
    host->watch =
        g_unix_fd_add(auvi_link_fd(host->link), G_IO_IN, on_link, host);
}

void unwatch_link(struct host *host)
{
    if (host->watch)
        g_source_remove(host->watch);
    host->watch = 0;
}

void give_link(struct host *host)
{
    GUnixFDList *fds = g_unix_fd_list_new();
    int fd;

    unwatch_link(host);
    auvi_link_close(host->link);
    host->end = 0;
    assert_int_equal(auvi_link_pair(&host->link, &fd), 0);
    g_unix_fd_list_append(fds, fd, NULL);
    close(fd);
    watch_link(host);
    webkit_web_view_send_message_to_page(
        host->view,
        webkit_user_message_new_with_fd_list(
            "auroraview:link", g_variant_new_uint32(++host->link_generation),
            fds),
        NULL, NULL, NULL);
    g_object_unref(fds);
}

static void want_link(struct host *host)
{
    uint64_t page = webkit_web_view_get_page_id(host->view);

    if (page == host->linked_page)
        return;
    host->linked_page = page;
    host->link_wanted = true;
    if (!host->hold_link)
        give_link(host);
}

static gboolean on_user_message(WebKitWebView *view, WebKitUserMessage *message,
                                gpointer user)
{
    (void)view;
    if (strcmp(webkit_user_message_get_name(message), "auroraview:link-wanted"))
        return FALSE;
    want_link(user);
    return TRUE;
}

/* What a process says before its load is committed may get lost. */
static void on_load_changed(WebKitWebView *view, WebKitLoadEvent event,
                            gpointer user)
{
    struct host *host = user;

    (void)view;
    if (event == WEBKIT_LOAD_COMMITTED && host->linked_page)
        want_link(host);
}

void send_frame(struct host *host, const struct auvi_frame *frame)
{
    int rc;

    while ((rc = auvi_link_send(host->link, frame)) == AUV_ERR_QUEUE_FULL) {
        struct pollfd p = {.fd = auvi_link_fd(host->link), .events = POLLOUT};

        poll(&p, 1, DEADLINE_S * 1000);
    }
    assert_int_equal(rc, AUV_OK);
}

void flush_link(struct host *host)
{
    int rc;

    while ((rc = auvi_link_flush(host->link)) == 1) {
        struct pollfd p = {.fd = auvi_link_fd(host->link), .events = POLLOUT};

        poll(&p, 1, DEADLINE_S * 1000);
    }
    assert_int_equal(rc, 0);
}

void send_text(struct host *host, enum auvi_frame_kind kind, uint64_t id,
               const char *name, const char *payload)
{
    struct auvi_frame frame;

    auvi_frame_init(&frame, kind);
    frame.id = id;
    frame.generation = kind == AUVI_FRAME_REPLY ? host->generation : 0;
    frame.name = name;
    frame.name_length = strlen(name);
    frame.payload = payload;
    frame.payload_length = strlen(payload);
    send_frame(host, &frame);
    flush_link(host);
}

/* The oldest message of that kind (and id, unless 0), taken out. */
struct message *take(struct host *host, int kind, uint64_t id)
{
    for (GList *at = host->messages.head; at; at = at->next) {
        struct message *message = at->data;

        if (message->frame.kind == kind && (!id || message->frame.id == id)) {
            g_queue_delete_link(&host->messages, at);
            return message;
        }
    }
    return NULL;
}

struct message *await(struct host *host, int kind, uint64_t id)
{
    struct message *message;

    wait_until((message = take(host, kind, id)) || host->end);
    assert_non_null(message);
    return message;
}

struct message *eval(struct host *host, const char *script)
{
    uint64_t id = ++host->next_eval;

    send_text(host, AUVI_FRAME_EVAL, id, "", script);
    return await(host, AUVI_FRAME_RESULT, id);
}

/* ---- pages ---- */

static void on_scheme(WebKitURISchemeRequest *request, gpointer user)
{
    const char *path = webkit_uri_scheme_request_get_path(request);
    const char *html = "<!doctype html><title>t</title><p>page";
    GInputStream *stream;

    (void)user;
    if (!strcmp(path, "/early"))
        html =
            "<!doctype html><script>"
            "auroraview.call('early', [1]).then(v => { window.answer = v; });"
            "auroraview.emit('hi', 'there');</script>";
    else if (!strcmp(path, "/frames"))
        html = "<!doctype html><script>window.said = {};"
               "onmessage = e => { said[e.data[0]] = e.data[1]; };</script>"
               "<iframe id=blank></iframe>"
               "<iframe src='/child'></iframe>"
               "<iframe src=\"data:text/html,<script>parent.postMessage("
               "['data', typeof auroraview], '*')</script>\"></iframe>"
               "<iframe srcdoc=\"<script>parent.postMessage(['srcdoc', typeof "
               "auroraview], '*')</script>\"></iframe>";
    else if (!strcmp(path, "/child"))
        html = "<!doctype html><script>parent.postMessage("
               "['child', typeof auroraview], '*')</script>";
    stream = g_memory_input_stream_new_from_data(html, -1, NULL);
    webkit_uri_scheme_request_finish(request, stream, -1, "text/html");
    g_object_unref(stream);
}

static void on_extensions(WebKitWebContext *ctx, gpointer user)
{
#define LINE(origin) origin "\x1ft\x1f\x1f*\x1e\x1f*\x1e"
    static const char *const lines[] = {LINE(GRANTED), LINE("file://"), NULL};

    (void)user;
    webkit_web_context_set_web_extensions_directory(ctx, AUV_PAGE_DIR);
    webkit_web_context_set_web_extensions_initialization_user_data(
        ctx, g_variant_new("(u^asb)", 1u, lines, FALSE));
}

void load(struct host *host, const char *uri)
{
    webkit_web_view_load_uri(host->view, uri);
}

static int open_host_with(void **state, bool hold_link)
{
    struct host *host = g_new0(struct host, 1);

    host->hold_link = hold_link;
    g_queue_init(&host->messages);
    host->window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
    host->view = WEBKIT_WEB_VIEW(webkit_web_view_new_with_context(context));
    g_signal_connect(host->view, "user-message-received",
                     G_CALLBACK(on_user_message), host);
    g_signal_connect(host->view, "load-changed", G_CALLBACK(on_load_changed),
                     host);
    webkit_settings_set_enable_write_console_messages_to_stdout(
        webkit_web_view_get_settings(host->view), TRUE);
    webkit_settings_set_enable_page_cache(
        webkit_web_view_get_settings(host->view), FALSE);
    gtk_container_add(GTK_CONTAINER(host->window), GTK_WIDGET(host->view));
    gtk_window_set_default_size(GTK_WINDOW(host->window), 300, 200);
    gtk_widget_show_all(host->window);
    *state = host;
    return 0;
}

int open_host(void **state)
{
    return open_host_with(state, false);
}

int open_host_held(void **state)
{
    return open_host_with(state, true);
}

int close_host(void **state)
{
    struct host *host = *state;

    unwatch_link(host);
    auvi_link_close(host->link);
    g_queue_clear_full(&host->messages, (GDestroyNotify)message_free);
    g_signal_handlers_disconnect_by_data(host->view, host);
    gtk_widget_destroy(host->window);
    g_free(host);
    return 0;
}

/* Load a page and wait for its HELLO. The initial empty document may say hello
 * as well. */
uint32_t open_page(struct host *host, const char *uri, bool granted)
{
    load(host, uri);
    for (;;) {
        struct message *hello = await(host, AUVI_FRAME_HELLO, 0);
        bool it = strcmp(hello->name, uri) == 0 &&
                  !(hello->frame.id & AUVI_HELLO_FRAME);
        uint32_t generation = hello->frame.generation;

        if (it)
            assert_int_equal(hello->frame.id, granted);
        message_free(hello);
        if (!it)
            continue;
        /* Its HELLO comes before its text is parsed: a title that a script sets
         * now would be lost, for there is no <head> to hold it. */
        wait_until(!webkit_web_view_is_loading(host->view));
        return generation;
    }
}

int start_hosts(int *argc, char ***argv)
{
    WebKitSecurityManager *security;

    if (!gtk_init_check(argc, argv)) {
        fprintf(stderr, "this test needs a display\n");
        return -1;
    }
    context = webkit_web_context_new_ephemeral();
    g_signal_connect(context, "initialize-web-extensions",
                     G_CALLBACK(on_extensions), NULL);
    webkit_web_context_register_uri_scheme(context, "auroraview", on_scheme,
                                           NULL, NULL);
    security = webkit_web_context_get_security_manager(context);
    webkit_security_manager_register_uri_scheme_as_secure(security,
                                                          "auroraview");
    webkit_security_manager_register_uri_scheme_as_cors_enabled(security,
                                                                "auroraview");
    return 0;
}
