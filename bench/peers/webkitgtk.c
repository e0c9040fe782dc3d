/* Peer: WebKitGTK in the host's own process, in the three ways its users bind a
 * page to C.
 *   webkitgtk reply   register_script_message_handler_with_reply()
 *   webkitgtk eval    script message handler, answered by evaluate_javascript()
 *   webkitgtk scheme  fetch() of a custom URI scheme, as Tauri does by default
 * Events to the page are evaluate_javascript() in all three, for WebKitGTK has
 * nothing else for a host. */
#include "page_rows.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <webkit2/webkit2.h>

enum mode {
    REPLY,
    EVAL,
    SCHEME
};
static const char *const mode_names[] = {"reply", "eval", "scheme"};

static struct {
    enum mode mode;
    WebKitWebView *views[BENCH_VIEWS];
    GtkWidget *windows[BENCH_VIEWS];
    char *page_script;
} peer;

static const char *const adapters[] = {
    [REPLY] =
        "const h = name => window.webkit.messageHandlers[name];"
        "window.peer = { report: text => h('report').postMessage(text),"
        " echo: text => h('echo').postMessage(text),"
        " blobIn: bytes => h('blob_in').postMessage(bytes.toBase64 ? "
        "bytes.toBase64() : b64(bytes)),"
        " blobOut: async () => unb64(await h('blob_out').postMessage('')),"
        " giveJson: async size => JSON.parse(await "
        "h('give_json').postMessage(String(size))),"
        " giveBytes: async size => unb64(await "
        "h('give_bytes').postMessage(String(size))) };",
    [EVAL] = "let nextId = 1; const pending = new Map();"
             "window.answer = (id, value) => { const done = pending.get(id); "
             "pending.delete(id); done(value); };"
             "const ask = (name, value) => new Promise(done => { const id = "
             "nextId++; pending.set(id, done);"
             " window.webkit.messageHandlers[name].postMessage(id + ':' + "
             "value); });"
             "window.peer = { report: text => "
             "window.webkit.messageHandlers.report.postMessage(text),"
             " echo: text => ask('echo', text),"
             " blobIn: bytes => ask('blob_in', bytes.toBase64 ? "
             "bytes.toBase64() : b64(bytes)),"
             " blobOut: async () => unb64(await ask('blob_out', '')),"
             " giveJson: async size => JSON.parse(await ask('give_json', "
             "size)),"
             " giveBytes: async size => unb64(await ask('give_bytes', size)) "
             "};",
    [SCHEME] = "const post = (name, body) => fetch('bench://host/' + name, { "
               "method: 'POST', body });"
               "window.peer = { report: text => "
               "window.webkit.messageHandlers.report.postMessage(text),"
               " echo: async text => (await post('echo', text)).text(),"
               " blobIn: async bytes => Number(await (await post('blob_in', "
               "bytes)).text()),"
               " blobOut: async () => new Uint8Array(await (await "
               "post('blob_out', '')).arrayBuffer()),"
               " echoBytes: async bytes => new Uint8Array(await (await "
               "post('echo', bytes)).arrayBuffer()),"
               " giveJson: async size => (await post('give_json', "
               "String(size))).json(),"
               " giveBytes: async size => new Uint8Array(await (await "
               "post('give_bytes', String(size))).arrayBuffer()) };",
};

/* Used where the engine has no Uint8Array.toBase64(). */
static const char base64_helpers[] =
    "function b64(bytes) { let s = ''; for (let i = 0; i < bytes.length; i += "
    "32768)"
    " s += String.fromCharCode.apply(null, bytes.subarray(i, i + 32768)); "
    "return btoa(s); }"
    "function unb64(text) { if (Uint8Array.fromBase64) return "
    "Uint8Array.fromBase64(text);"
    " return Uint8Array.from(atob(text), c => c.charCodeAt(0)); }";

static void evaluate_in(unsigned i, const char *script)
{
    webkit_web_view_evaluate_javascript(peer.views[i], script, -1, NULL, NULL,
                                        NULL, NULL, NULL);
}

static void evaluate(const char *script)
{
    evaluate_in(0, script);
}

/* A manager belongs to one view. */
static unsigned number_of(WebKitUserContentManager *manager)
{
    unsigned i = 0;
    while (i < BENCH_VIEWS - 1 &&
           (!peer.views[i] ||
            webkit_web_view_get_user_content_manager(peer.views[i]) != manager))
        i++;
    return i;
}

static void evaluatef(unsigned i, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void evaluatef(unsigned i, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *script = g_strdup_vprintf(format, args);
    va_end(args);
    evaluate_in(i, script);
    g_free(script);
}

/* ---- the bound functions: the same work in every mode ---- */
static gsize blob_in_base64(const char *text)
{
    gsize size;
    guchar *bytes = g_base64_decode(text, &size);
    gboolean same =
        size == BENCH_BLOB_SIZE && memcmp(bytes, bench_blob, size) == 0;
    g_free(bytes);
    return same ? size : 0;
}

/* The answer to `text` as JSON or base64, to be freed; NULL: of another kind. */
static char *given(const char *name, const char *text)
{
    gsize size = strtoul(text, NULL, 10), length;

    if (!strcmp(name, "give_json"))
        return g_strdup(bench_payload_json(size, &length));
    if (!strcmp(name, "give_bytes"))
        return g_base64_encode(bench_payload_bytes(size), size);
    return NULL;
}

static gboolean on_message_with_reply(WebKitUserContentManager *manager,
                                      JSCValue *value,
                                      WebKitScriptMessageReply *reply,
                                      gpointer name)
{
    bench_page_entry(number_of(manager));
    JSCContext *context = jsc_value_get_context(value);
    JSCValue *answer;
    if (!strcmp(name, "blob_in")) {
        char *text = jsc_value_to_string(value);
        answer = jsc_value_new_number(context, (double)blob_in_base64(text));
        g_free(text);
    } else if (!strcmp(name, "blob_out")) {
        char *text = g_base64_encode(bench_blob, BENCH_BLOB_SIZE);
        answer = jsc_value_new_string(context, text);
        g_free(text);
    } else {
        char *text = jsc_value_to_string(value), *gift = given(name, text);
        answer = jsc_value_new_string(context, gift ? gift : text);
        g_free(gift);
        g_free(text);
    }
    webkit_script_message_reply_return_value(reply, answer);
    g_object_unref(answer);
    return TRUE;
}

static void on_message_with_id(WebKitUserContentManager *manager,
                               WebKitJavascriptResult *result, gpointer name)
{
    unsigned view = number_of(manager);
    bench_page_entry(view);
    char *text =
        jsc_value_to_string(webkit_javascript_result_get_js_value(result));
    char *colon = strchr(text, ':');
    *colon = 0;
    if (!strcmp(name, "blob_in")) {
        evaluatef(view, "answer(%s,%zu)", text,
                  (size_t)blob_in_base64(colon + 1));
    } else if (!strcmp(name, "blob_out")) {
        char *bytes = g_base64_encode(bench_blob, BENCH_BLOB_SIZE);
        evaluatef(view, "answer(%s,'%s')", text, bytes);
        g_free(bytes);
    } else {
        char *gift = given(name, colon + 1);
        evaluatef(view, "answer(%s,'%s')", text, gift ? gift : colon + 1);
        g_free(gift);
    }
    g_free(text);
}

static void finish_scheme(WebKitURISchemeRequest *request, gpointer data,
                          gssize size, GDestroyNotify destroy)
{
    GInputStream *stream =
        g_memory_input_stream_new_from_data(data, size, destroy);
    WebKitURISchemeResponse *response =
        webkit_uri_scheme_response_new(stream, size);
    SoupMessageHeaders *headers =
        soup_message_headers_new(SOUP_MESSAGE_HEADERS_RESPONSE);
    soup_message_headers_append(headers, "Access-Control-Allow-Origin", "*");
    webkit_uri_scheme_response_set_http_headers(response, headers);
    webkit_uri_scheme_response_set_content_type(response,
                                                "application/octet-stream");
    webkit_uri_scheme_request_finish_with_response(request, response);
    g_object_unref(response);
    g_object_unref(stream);
}

static void on_scheme(WebKitURISchemeRequest *request, gpointer data)
{
    (void)data;
    const char *path = webkit_uri_scheme_request_get_path(request);
    if (!strcmp(path, "/page")) {
        char *html = bench_page_html(NULL);
        size_t size = strlen(html);
        GInputStream *stream =
            g_memory_input_stream_new_from_data(html, (gssize)size, free);
        webkit_uri_scheme_request_finish(request, stream, (gint64)size,
                                         "text/html");
        g_object_unref(stream);
        return;
    }
    bench_page_entry(number_of(webkit_web_view_get_user_content_manager(
        webkit_uri_scheme_request_get_web_view(request))));
    GByteArray *body = g_byte_array_new();
    GInputStream *in = webkit_uri_scheme_request_get_http_body(request);
    guchar chunk[65536];
    gssize got;
    while (in &&
           (got = g_input_stream_read(in, chunk, sizeof chunk, NULL, NULL)) > 0)
        g_byte_array_append(body, chunk, (guint)got);
    g_clear_object(&in);
    gsize length = 0, size = 0;
    if (g_str_has_prefix(path, "/give_")) {
        g_byte_array_append(body, (const guchar *)"", 1);
        size = strtoul((const char *)body->data, NULL, 10);
    }
    if (!strcmp(path, "/give_json")) {
        const char *json = bench_payload_json(size, &length);
        finish_scheme(request, (gpointer)json, (gssize)length, NULL);
    } else if (!strcmp(path, "/give_bytes")) {
        finish_scheme(request, (gpointer)bench_payload_bytes(size),
                      (gssize)size, NULL);
    } else if (!strcmp(path, "/blob_out")) {
        finish_scheme(request, bench_blob, BENCH_BLOB_SIZE, NULL);
    } else if (!strcmp(path, "/blob_in")) {
        gboolean same = body->len == BENCH_BLOB_SIZE &&
                        memcmp(body->data, bench_blob, body->len) == 0;
        char *text = g_strdup_printf("%u", same ? body->len : 0);
        finish_scheme(request, text, (gssize)strlen(text), g_free);
    } else {
        finish_scheme(request, g_memdup2(body->data, body->len),
                      (gssize)body->len, g_free);
    }
    g_byte_array_unref(body);
}

/* ---- views ---- */
static void on_report(WebKitUserContentManager *manager,
                      WebKitJavascriptResult *result, gpointer data);

static WebKitWebView *open_view(GtkWidget **window_out)
{
    static WebKitWebContext *context;
    if (!context) {
        context = webkit_web_context_get_default();
        webkit_web_context_register_uri_scheme(context, "bench", on_scheme,
                                               NULL, NULL);
        WebKitSecurityManager *security =
            webkit_web_context_get_security_manager(context);
        webkit_security_manager_register_uri_scheme_as_cors_enabled(security,
                                                                    "bench");
        webkit_security_manager_register_uri_scheme_as_secure(security,
                                                              "bench");
    }
    static const char *const calls[] = {"echo", "blob_in", "blob_out",
                                        "give_json", "give_bytes"};
    WebKitUserContentManager *manager = webkit_user_content_manager_new();
    g_signal_connect(manager, "script-message-received::report",
                     G_CALLBACK(on_report), NULL);
    webkit_user_content_manager_register_script_message_handler(manager,
                                                                "report");
    for (size_t i = 0; i < G_N_ELEMENTS(calls) && peer.mode != SCHEME; i++) {
        char *detail = g_strdup_printf(
            peer.mode == REPLY ? "script-message-with-reply-received::%s"
                               : "script-message-received::%s",
            calls[i]);
        if (peer.mode == REPLY) {
            g_signal_connect(manager, detail, G_CALLBACK(on_message_with_reply),
                             (gpointer)calls[i]);
            webkit_user_content_manager_register_script_message_handler_with_reply(
                manager, calls[i], NULL);
        } else {
            g_signal_connect(manager, detail, G_CALLBACK(on_message_with_id),
                             (gpointer)calls[i]);
            webkit_user_content_manager_register_script_message_handler(
                manager, calls[i]);
        }
        g_free(detail);
    }
    WebKitUserScript *script = webkit_user_script_new(
        peer.page_script, WEBKIT_USER_CONTENT_INJECT_TOP_FRAME,
        WEBKIT_USER_SCRIPT_INJECT_AT_DOCUMENT_START, NULL, NULL);
    webkit_user_content_manager_add_script(manager, script);
    webkit_user_script_unref(script);
    WebKitWebView *view =
        WEBKIT_WEB_VIEW(webkit_web_view_new_with_user_content_manager(manager));
    g_object_unref(manager);
    GtkWidget *window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
    char *title = g_strdup_printf("bench-webkitgtk-%s", mode_names[peer.mode]);
    gtk_window_set_title(GTK_WINDOW(window), title);
    g_free(title);
    gtk_window_set_default_size(GTK_WINDOW(window), 400, 300);
    gtk_container_add(GTK_CONTAINER(window), GTK_WIDGET(view));
    gtk_widget_show_all(window);
    webkit_web_view_load_uri(view, "bench://host/page");
    *window_out = window;
    return view;
}

/* ---- rows ---- */
static const char *version(void)
{
    static char text[32];
    snprintf(text, sizeof text, "WebKitGTK %u.%u.%u",
             webkit_get_major_version(), webkit_get_minor_version(),
             webkit_get_micro_version());
    return text;
}

static void emit(void)
{
    evaluatef(0, "bench.event(%s)", bench_event_json);
}

static gboolean on_tick(gpointer function)
{
    return ((bool (*)(void))function)();
}

static void every(unsigned milliseconds, bool (*function)(void))
{
    g_timeout_add(milliseconds, on_tick, (gpointer)function);
}

static void open_further(unsigned i)
{
    peer.views[i] = open_view(&peer.windows[i]);
}

static void close_further(unsigned i)
{
    peer.views[i] = NULL;
    gtk_widget_destroy(peer.windows[i]);
}

static void on_report(WebKitUserContentManager *manager,
                      WebKitJavascriptResult *result, gpointer data)
{
    (void)manager;
    (void)data;
    char *text =
        jsc_value_to_string(webkit_javascript_result_get_js_value(result));
    bench_page_report(text);
    g_free(text);
}

static gboolean on_line(GIOChannel *channel, GIOCondition condition,
                        gpointer data)
{
    (void)data;
    (void)condition;
    char *line = NULL;
    gboolean go_on = g_io_channel_read_line(channel, &line, NULL, NULL, NULL) ==
                         G_IO_STATUS_NORMAL &&
                     bench_page_command(line);
    g_free(line);
    if (!go_on)
        gtk_main_quit();
    return go_on;
}

int main(int argc, char **argv)
{
    static struct bench_page_ops ops = {
        .version = version,
        .evaluate = evaluate,
        .emit = emit,
        .every = every,
        .open = open_further,
        .close = close_further,
        .evaluate_in = evaluate_in,
    };
    for (int i = 0; i < 3; i++)
        if (argc > 1 && !strcmp(argv[1], mode_names[i]))
            peer.mode = (enum mode)i;
    ops.name = mode_names[peer.mode];
    char *adapter = g_strconcat(base64_helpers, adapters[peer.mode], NULL);
    peer.page_script = bench_page_script(adapter);
    g_free(adapter);
    gtk_init(&argc, &argv);
    bench_page_opening(&ops);
    peer.views[0] = open_view(&peer.windows[0]);
    GIOChannel *in = g_io_channel_unix_new(STDIN_FILENO);
    g_io_add_watch(in, G_IO_IN | G_IO_HUP, on_line, NULL);
    gtk_main();
    gtk_widget_destroy(peer.windows[0]);
    return 0;
}
