/*
 * fetches.c - URLs of the host's own schemes: asked for by pages, answered by
 * the host, with a deadline.
 *
 *     page asks --> waits here --> told to the host --> answered, body read
 *                       |               |
 *                       +---------------+--> given up, or the deadline: 504
 *
 * The host is told of at most OPEN_MAX at a time, bodies that are still being
 * read included, so that a page cannot make it hold more; the others wait here.
 * Nobody waits for the host: while it is busy the engine goes on, and the page
 * gets an error in the end.
 *
 * WebKit does not say that a request was given up. It lets go of it; so we hold
 * it by a toggle reference, which tells when ours is the last one.
 */
#include "engine/webkitgtk/scheme.h"

#include "base/base.h"

#include <gio/gunixinputstream.h>
#include <string.h>

#define OPEN_MAX 256
#define HEADER_BYTES_MAX ((size_t)32 * 1024)

struct fetch {
    struct auvi_wk_fetches *all;
    uint32_t id;
    bool told;
    WebKitURISchemeRequest *request; /* a toggle reference; or */
    WebKitUserMessage *media;        /* a player's question, and */
    char *url;                       /* what it is about, */
    int64_t at;                      /* from which byte on */
    guint deadline, gone;            /* sources; 0: none */
};

/* Shared with the bodies that are being read, which may outlive the view. */
struct auvi_wk_fetches {
    struct auvi_wk_view *view; /* NULL: closed */
    GQueue waiting, told;      /* of struct fetch */
    unsigned bodies;
    uint32_t last_id;
};

static void ask_more(struct auvi_wk_fetches *all);

static const char *url_of(const struct fetch *fetch)
{
    return fetch->media ? fetch->url
                        : webkit_uri_scheme_request_get_uri(fetch->request);
}

static void on_toggle(gpointer user, GObject *request, gboolean is_last);

static void fetch_free(struct fetch *fetch)
{
    g_queue_remove(fetch->told ? &fetch->all->told : &fetch->all->waiting,
                   fetch);
    if (fetch->deadline)
        g_source_remove(fetch->deadline);
    if (fetch->gone)
        g_source_remove(fetch->gone);
    if (fetch->request)
        g_object_remove_toggle_ref(G_OBJECT(fetch->request), on_toggle, fetch);
    g_clear_object(&fetch->media);
    g_free(fetch->url);
    g_free(fetch);
}

static void report_cancelled(const struct fetch *fetch)
{
    struct auvi_wk_view *view = fetch->all->view;
    struct auvi_engine_event event = {.kind = AUVI_ENGINE_FETCH_CANCELLED,
                                      .view = view->id,
                                      .generation = fetch->id};

    if (fetch->told)
        auvi_engine_on_event(&view->engine->base, &event);
}

static gboolean on_gone(gpointer user)
{
    struct fetch *fetch = user;
    struct auvi_wk_fetches *all = fetch->all;

    fetch->gone = 0;
    report_cancelled(fetch);
    fetch_free(fetch);
    ask_more(all);
    return G_SOURCE_REMOVE;
}

static void on_toggle(gpointer user, GObject *request, gboolean is_last)
{
    struct fetch *fetch = user;

    (void)request;
    /* This is inside somebody's unref: nothing but a note is safe here. */
    if (is_last && !fetch->gone)
        fetch->gone = g_idle_add(on_gone, fetch);
}

static gboolean on_deadline(gpointer user)
{
    struct fetch *fetch = user;
    struct auvi_wk_fetches *all = fetch->all;

    fetch->deadline = 0;
    auvi_log(AUV_LOG_WARNING, "view %u: no answer in time to %s", all->view->id,
             url_of(fetch));
    if (fetch->media)
        auvi_wk_media_reply(
            fetch->media,
            &(struct auvi_wk_media){.status = 504, .size = -1, .fd = -1});
    else
        auvi_wk_finish_error(
            all->view, fetch->request, SOUP_STATUS_GATEWAY_TIMEOUT,
            "The application has not answered in time. It may be "
            "busy.");
    report_cancelled(fetch);
    fetch_free(fetch);
    ask_more(all);
    return G_SOURCE_REMOVE;
}

static void add_line(const char *name, const char *value, gpointer user)
{
    GString *lines = user;

    if (!strpbrk(value, "\r\n") &&
        lines->len + strlen(name) + strlen(value) < HEADER_BYTES_MAX)
        g_string_append_printf(lines, "%s: %s\n", name, value);
}

static void ask(struct auvi_wk_view *view, struct fetch *fetch)
{
    SoupMessageHeaders *headers =
        fetch->media
            ? NULL
            : webkit_uri_scheme_request_get_http_headers(fetch->request);
    const char *method =
        fetch->media
            ? NULL
            : webkit_uri_scheme_request_get_http_method(fetch->request);
    GString *lines = g_string_new(NULL);
    struct auvi_engine_fetch asked = {
        .id = fetch->id,
        .method = method ? method : "GET",
        .url = url_of(fetch),
    };
    struct auvi_engine_event event = {
        .kind = AUVI_ENGINE_FETCH, .view = view->id, .fetch = &asked};

    if (headers)
        soup_message_headers_foreach(headers, add_line, lines);
    else
        g_string_append_printf(lines, "Range: bytes=%" G_GINT64_FORMAT "-\n",
                               (gint64)fetch->at);
    asked.headers = lines->str;
    auvi_engine_on_event(&view->engine->base, &event);
    g_string_free(lines, TRUE);
}

static void ask_more(struct auvi_wk_fetches *all)
{
    struct fetch *fetch;

    while (all->view &&
           g_queue_get_length(&all->told) + all->bodies < OPEN_MAX &&
           (fetch = g_queue_pop_head(&all->waiting))) {
        fetch->told = true;
        g_queue_push_tail(&all->told, fetch);
        ask(all->view, fetch);
    }
}

static int64_t timeout_of(const struct auvi_wk_view *view, const char *name)
{
    for (guint i = 0; i < view->schemes->len; i++) {
        const struct auvi_wk_scheme *scheme = view->schemes->pdata[i];

        if (strcmp(scheme->name, name) == 0)
            return scheme->timeout_ms;
    }
    return 0;
}

static struct fetch *add_fetch(struct auvi_wk_view *view, const char *scheme)
{
    struct fetch *fetch = g_new0(struct fetch, 1);

    fetch->all = view->fetches;
    fetch->id = ++view->fetches->last_id;
    fetch->deadline =
        g_timeout_add((guint)timeout_of(view, scheme), on_deadline, fetch);
    g_queue_push_tail(&view->fetches->waiting, fetch);
    return fetch;
}

bool auvi_wk_fetch_media(struct auvi_wk_view *view, WebKitUserMessage *message,
                         const char *url, int64_t at)
{
    char *scheme = g_uri_parse_scheme(url);
    bool known = scheme && view->schemes && timeout_of(view, scheme) > 0;
    struct fetch *fetch;

    if (known) {
        fetch = add_fetch(view, scheme);
        fetch->media = g_object_ref(message);
        fetch->url = g_strdup(url);
        fetch->at = at;
        ask_more(view->fetches);
    }
    g_free(scheme);
    return known;
}

static void on_request(WebKitURISchemeRequest *request, gpointer user)
{
    struct auvi_wk_view *view = user;
    const char *scheme = webkit_uri_scheme_request_get_scheme(request);
    struct fetch *fetch;

    if (!auvi_wk_admit(view, request))
        return;
    fetch = add_fetch(view, scheme);
    fetch->request = request;
    g_object_add_toggle_ref(G_OBJECT(request), on_toggle, fetch);
    ask_more(view->fetches);
}

int auvi_wk_add_scheme(struct auvi_wk_view *view, const char *name,
                       int64_t timeout_ms)
{
    struct auvi_wk_scheme *scheme = NULL;

    if (!view->schemes) {
        view->schemes = g_ptr_array_new_with_free_func(g_free);
        view->fetches = g_rc_box_new0(struct auvi_wk_fetches);
        view->fetches->view = view;
    }
    for (guint i = 0; i < view->schemes->len; i++)
        if (strcmp(((struct auvi_wk_scheme *)view->schemes->pdata[i])->name,
                   name) == 0)
            scheme = view->schemes->pdata[i];
    if (!scheme) {
        scheme = g_new0(struct auvi_wk_scheme, 1);
        g_strlcpy(scheme->name, name, sizeof(scheme->name));
        g_ptr_array_add(view->schemes, scheme);
        auvi_wk_scheme_add(view, scheme->name, on_request);
        auvi_wk_policy_renew(view);
        auvi_wk_media_schemes(view);
    }
    scheme->timeout_ms = timeout_ms;
    return AUV_OK;
}

/* ---- answers -------------------------------------------------------------- */

static void on_body_read(gpointer user, GObject *stream)
{
    struct auvi_wk_fetches *all = user;

    (void)stream;
    all->bodies--;
    ask_more(all);
    g_rc_box_release(all);
}

static SoupMessageHeaders *headers_of(const char *lines)
{
    SoupMessageHeaders *headers =
        soup_message_headers_new(SOUP_MESSAGE_HEADERS_RESPONSE);
    char **list = g_strsplit(lines ? lines : "", "\n", -1);

    for (char **line = list; *line; line++) {
        char *colon = strchr(*line, ':');

        if (!colon)
            continue;
        *colon = '\0';
        /* What the body is, the answer itself says. */
        if (g_ascii_strcasecmp(*line, "Content-Length") != 0 &&
            g_ascii_strcasecmp(*line, "Content-Type") != 0)
            soup_message_headers_append(headers, *line, g_strstrip(colon + 1));
    }
    g_strfreev(list);
    return headers;
}

/* To the player in the page process, which counts what it holds open itself. */
static void answer_media(struct fetch *fetch,
                         const struct auvi_engine_answer *given)
{
    SoupMessageHeaders *headers = headers_of(given->headers);
    struct auvi_wk_media media = {
        .status = given->status,
        .size = given->length <= INT64_MAX ? (int64_t)given->length : -1,
        .offset = (int64_t)given->offset,
        .is_file = given->is_file,
        .fd = given->fd};
    goffset first, last, total;

    /* A part that the host has cut out itself. */
    if (given->status == SOUP_STATUS_PARTIAL_CONTENT &&
        soup_message_headers_get_content_range(headers, &first, &last,
                                               &total)) {
        media.at = first;
        media.size = total;
        media.offset -= first;
    }
    if (given->fd < 0)
        media.status = 404;
    auvi_wk_media_reply(fetch->media, &media);
    soup_message_headers_unref(headers);
}

int auvi_wk_answer_fetch(struct auvi_wk_view *view, uint32_t id,
                         const struct auvi_engine_answer *given)
{
    struct auvi_wk_fetches *all = view->fetches;
    struct auvi_wk_answer answer = {.status = (unsigned)given->status,
                                    .type = given->mime_type};
    struct fetch *fetch = NULL;

    for (GList *at = all ? all->told.head : NULL; at && !fetch; at = at->next)
        if (((struct fetch *)at->data)->id == id)
            fetch = at->data;
    if (!fetch) {
        auvi_fd_close(given->fd);
        return AUV_OK; /* given up meanwhile */
    }
    if (fetch->media) {
        answer_media(fetch, given);
        fetch_free(fetch);
        ask_more(all);
        return AUV_OK;
    }
    if (!answer.type || !*answer.type)
        answer.type = "application/octet-stream";
    answer.headers = headers_of(given->headers);
    if (given->fd >= 0 && !given->is_file) {
        answer.stream = g_unix_input_stream_new(given->fd, TRUE);
        answer.size = given->length <= INT64_MAX ? (int64_t)given->length : -1;
        all->bodies++;
        g_object_weak_ref(G_OBJECT(answer.stream), on_body_read,
                          g_rc_box_acquire(all));
        auvi_wk_finish(view, fetch->request, &answer);
    } else if (given->fd >= 0) {
        auvi_wk_finish_file(view, fetch->request, given->fd, given->offset,
                            given->length, &answer);
    } else {
        auvi_wk_finish(view, fetch->request, &answer);
    }
    fetch_free(fetch);
    ask_more(all);
    return AUV_OK;
}

void auvi_wk_fetches_destroy(struct auvi_wk_view *view)
{
    struct auvi_wk_fetches *all = view->fetches;

    if (!all)
        return;
    view->fetches = NULL;
    all->view = NULL;
    while (all->waiting.head)
        fetch_free(all->waiting.head->data);
    while (all->told.head)
        fetch_free(all->told.head->data);
    g_rc_box_release(all);
}
