/*
 * scheme.c - auroraview: URLs, served from the view's asset folder.
 *
 * Looking a file up and reading it may take long (a share that does not answer)
 * and this is the thread of all windows: so both happen on threads of GLib's
 * pool. A body is read as WebKit takes it, never as a whole.
 */
#include "engine/webkitgtk/scheme.h"

#include "base/base.h"
#include "base/range.h"
#include "engine/webkitgtk/asset.h"
#include "engine/webkitgtk/body.h"
#include "engine/webkitgtk/pace.h"

#include <string.h>

#define SCHEME "auroraview"

/* ---- policy --------------------------------------------------------------- */

/* Scripts are files of the application: what somebody has injected into a page
 * does not run, and has nowhere to send what it finds. Styles are laxer because
 * most component libraries write them into the page. %s: all sources of ours. */
#define DEFAULT_POLICY                                                     \
    "default-src %s; script-src %s 'wasm-unsafe-eval'; "                   \
    "style-src %s 'unsafe-inline'; img-src %s data: blob:; "               \
    "font-src %s data:; media-src %s data: blob:; "                        \
    "connect-src %s data: blob:; worker-src %s blob:; object-src 'none'; " \
    "base-uri 'self'; form-action 'self'; frame-ancestors %s"

static const char *scheme_name(const struct auvi_wk_view *view, guint index)
{
    return ((const struct auvi_wk_scheme *)view->schemes->pdata[index])->name;
}

void auvi_wk_policy_renew(struct auvi_wk_view *view)
{
    GString *own;
    const char *s;

    g_clear_pointer(&view->policy, g_free);
    if (view->csp) {
        view->policy = *view->csp ? g_strdup(view->csp) : NULL;
        return;
    }
    own = g_string_new("'self' " SCHEME ":");
    for (guint i = 0; view->schemes && i < view->schemes->len; i++)
        g_string_append_printf(own, " %s:", scheme_name(view, i));
    s = own->str;
    view->policy = g_strdup_printf(DEFAULT_POLICY, s, s, s, s, s, s, s, s, s);
    g_string_free(own, TRUE);
}

static bool is_own_scheme(const struct auvi_wk_view *view, const char *url)
{
    static const char *const always[] = {SCHEME, "about", "file"};
    char *scheme = g_uri_parse_scheme(url);
    bool own = false;

    for (size_t i = 0; scheme && i < G_N_ELEMENTS(always); i++)
        own |= strcmp(scheme, always[i]) == 0;
    for (guint i = 0; scheme && view->schemes && i < view->schemes->len; i++)
        own |= strcmp(scheme, scheme_name(view, i)) == 0;
    g_free(scheme);
    return own;
}

void auvi_wk_scheme_committed(struct auvi_wk_view *view, const char *url)
{
    bool own = !url || is_own_scheme(view, url);

    for (char **grant = view->grants; !own && grant && *grant; grant++) {
        size_t length = strlen(*grant);

        /* A user name or port behind it would make it another origin. */
        own = strncmp(url, *grant, length) == 0 &&
              (!url[length] || strchr("/?#", url[length]));
    }
    view->foreign_page = !own;
}

/* ---- answers -------------------------------------------------------------- */

bool auvi_wk_is_head(WebKitURISchemeRequest *request)
{
    return g_strcmp0(webkit_uri_scheme_request_get_http_method(request),
                     "HEAD") == 0;
}

static void replace_missing(SoupMessageHeaders *headers, const char *name,
                            const char *value)
{
    if (value && !soup_message_headers_get_one(headers, name))
        soup_message_headers_append(headers, name, value);
}

void auvi_wk_finish(struct auvi_wk_view *view, WebKitURISchemeRequest *request,
                    const struct auvi_wk_answer *answer)
{
    SoupMessageHeaders *headers =
        answer->headers
            ? answer->headers
            : soup_message_headers_new(SOUP_MESSAGE_HEADERS_RESPONSE);
    GInputStream *stream = answer->stream;
    int64_t size = answer->size;
    WebKitURISchemeResponse *response;

    if (auvi_wk_is_head(request) && stream)
        g_clear_object(&stream);
    if (stream)
        stream = auvi_paced_new(
            stream, webkit_uri_scheme_request_get_web_view(request));
    else
        stream = g_memory_input_stream_new();
    response = webkit_uri_scheme_response_new(stream, size);
    webkit_uri_scheme_response_set_status(response, answer->status, NULL);
    webkit_uri_scheme_response_set_content_type(response, answer->type);
    /* Once more as a header: the check behind "nosniff" looks only there. */
    soup_message_headers_replace(headers, "Content-Type", answer->type);
    soup_message_headers_replace(headers, "X-Content-Type-Options", "nosniff");
    if (size >= 0)
        soup_message_headers_set_content_length(headers, size);
    replace_missing(headers, "Content-Security-Policy", view->policy);
    /* A panel under development is reloaded all the time. */
    replace_missing(headers, "Cache-Control", "no-cache");
    /* Lets the view's own pages reach what lies under other "hosts" and
     * schemes, and no remote page read it. */
    replace_missing(headers, "Access-Control-Allow-Origin",
                    "auroraview://localhost");
    replace_missing(headers, "Access-Control-Expose-Headers", "*");
    webkit_uri_scheme_response_set_http_headers(response, headers);
    webkit_uri_scheme_request_finish_with_response(request, response);
    g_object_unref(response);
    g_object_unref(stream);
}

void auvi_wk_finish_error(struct auvi_wk_view *view,
                          WebKitURISchemeRequest *request, unsigned status,
                          const char *what)
{
    char *url =
        g_markup_escape_text(webkit_uri_scheme_request_get_uri(request), -1);
    char *text = g_markup_escape_text(what, -1);
    char *page = g_strdup_printf(
        "<!doctype html><meta charset=utf-8><title>%u %s</title>"
        "<style>body{font:14px sans-serif;margin:2em;color:#444}</style>"
        "<h1>%u %s</h1><p>%s<p><code>%s</code>",
        status, soup_status_get_phrase(status), status,
        soup_status_get_phrase(status), text, url);
    size_t size = strlen(page);

    g_free(text);
    g_free(url);
    auvi_wk_finish(
        view, request,
        &(struct auvi_wk_answer){.status = status,
                                 .type = "text/html; charset=utf-8",
                                 .stream = g_memory_input_stream_new_from_data(
                                     page, (gssize)size, g_free),
                                 .size = (int64_t)size});
}

void auvi_wk_finish_file(struct auvi_wk_view *view,
                         WebKitURISchemeRequest *request, int fd,
                         uint64_t offset, uint64_t size,
                         const struct auvi_wk_answer *like)
{
    SoupMessageHeaders *asked =
        webkit_uri_scheme_request_get_http_headers(request);
    struct auvi_wk_answer answer = *like;
    uint64_t first = 0, length = size;
    enum auvi_range range = AUVI_RANGE_WHOLE;

    if (!answer.headers)
        answer.headers =
            soup_message_headers_new(SOUP_MESSAGE_HEADERS_RESPONSE);
    if (answer.status == SOUP_STATUS_OK) {
        soup_message_headers_replace(answer.headers, "Accept-Ranges", "bytes");
        range = auvi_range_parse(
            asked ? soup_message_headers_get_one(asked, "Range") : NULL, size,
            &first, &length);
    }
    if (range == AUVI_RANGE_PART) {
        answer.status = SOUP_STATUS_PARTIAL_CONTENT;
        soup_message_headers_set_content_range(answer.headers, (goffset)first,
                                               (goffset)(first + length - 1),
                                               (goffset)size);
    } else if (range == AUVI_RANGE_UNSATISFIABLE) {
        char *all = g_strdup_printf("bytes */%" G_GUINT64_FORMAT, size);

        answer.status = SOUP_STATUS_REQUESTED_RANGE_NOT_SATISFIABLE;
        soup_message_headers_replace(answer.headers, "Content-Range", all);
        g_free(all);
        length = 0;
    }
    answer.stream = auvi_body_new(fd, offset + first, length);
    answer.size = (int64_t)length;
    auvi_wk_finish(view, request, &answer);
}

bool auvi_wk_admit(struct auvi_wk_view *view, WebKitURISchemeRequest *request)
{
    const char *method = webkit_uri_scheme_request_get_http_method(request);
    SoupMessageHeaders *headers =
        webkit_uri_scheme_request_get_http_headers(request);

    if (method && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        auvi_wk_finish_error(view, request, SOUP_STATUS_METHOD_NOT_ALLOWED,
                             "This can only be read (GET, HEAD).");
        return false;
    }
    /* WebKit says so of every navigation, and no element can; a script that
     * does needs our leave first, which is an OPTIONS request. */
    if (view->foreign_page &&
        !(headers &&
          soup_message_headers_get_one(headers, "Upgrade-Insecure-Requests"))) {
        auvi_log(AUV_LOG_WARNING, "view %u: a foreign page asked for %s",
                 view->id, webkit_uri_scheme_request_get_uri(request));
        auvi_wk_finish_error(view, request, SOUP_STATUS_FORBIDDEN,
                             "Only pages of the application may load this.");
        return false;
    }
    return true;
}

/* ---- files ---------------------------------------------------------------- */

char *auvi_wk_type_of(const char *name)
{
    const char *known = auvi_asset_type(name);
    const char *base = strrchr(name, '/');
    char *content, *type;

    if (known)
        return g_strdup(known);
    content = g_content_type_guess(base ? base + 1 : name, NULL, 0, NULL);
    type = g_content_type_get_mime_type(content);
    g_free(content);
    if (!type)
        return g_strdup("application/octet-stream");
    if (g_str_has_prefix(type, "text/")) {
        char *text = g_strconcat(type, "; charset=utf-8", NULL);

        g_free(type);
        type = text;
    }
    return type;
}

struct lookup {
    struct auvi_wk_engine *engine;
    uint32_t view;
    char *root;
    char path[AUVI_ASSET_PATH_MAX];
    struct auvi_asset asset;
    int result;
    char *type;
};

static void lookup_free(gpointer data)
{
    struct lookup *lookup = data;

    auvi_fd_close(lookup->asset.fd);
    g_free(lookup->root);
    g_free(lookup->type);
    g_free(lookup);
}

static void look_up(GTask *task, gpointer source, gpointer data,
                    GCancellable *cancellable)
{
    struct lookup *lookup = data;

    (void)source;
    (void)cancellable;
    lookup->result =
        auvi_asset_open(lookup->root, lookup->path, &lookup->asset);
    if (lookup->result == AUV_OK)
        lookup->type = auvi_wk_type_of(lookup->asset.name ? lookup->asset.name
                                                          : lookup->path);
    else
        lookup->asset.fd = -1;
    g_task_return_boolean(task, TRUE);
}

static void refuse_asset(struct auvi_wk_view *view,
                         WebKitURISchemeRequest *request, int error)
{
    switch (error) {
    case AUV_ERR_ARG:
        auvi_log(AUV_LOG_WARNING, "view %u: refused %s", view->id,
                 webkit_uri_scheme_request_get_uri(request));
        auvi_wk_finish_error(view, request, SOUP_STATUS_FORBIDDEN,
                             "That leads out of the asset folder.");
        return;
    case AUV_ERR_SYSTEM:
        auvi_wk_finish_error(view, request, SOUP_STATUS_FORBIDDEN,
                             "The file cannot be read.");
        return;
    default:
        auvi_wk_finish_error(view, request, SOUP_STATUS_NOT_FOUND,
                             "There is no such file in the asset folder.");
        return;
    }
}

static void on_looked_up(GObject *source, GAsyncResult *result, gpointer user)
{
    WebKitURISchemeRequest *request = WEBKIT_URI_SCHEME_REQUEST(source);
    struct lookup *lookup = g_task_get_task_data(G_TASK(result));
    struct auvi_wk_view *view = auvi_wk_find(lookup->engine, lookup->view);
    int fd = lookup->asset.fd;

    (void)user;
    if (!view)
        return; /* closed meanwhile, and the page with it */
    if (lookup->result != AUV_OK) {
        refuse_asset(view, request, lookup->result);
        return;
    }
    lookup->asset.fd = -1;
    auvi_wk_finish_file(view, request, fd, 0, lookup->asset.size,
                        &(struct auvi_wk_answer){.status = SOUP_STATUS_OK,
                                                 .type = lookup->type});
}

static void on_request(WebKitURISchemeRequest *request, gpointer user)
{
    struct auvi_wk_view *view = user;
    const char *url = webkit_uri_scheme_request_get_uri(request);
    struct lookup *lookup;
    GTask *task;
    int result;

    if (!auvi_wk_admit(view, request))
        return;
    if (view->html && strcmp(url, AUVI_WK_BASE_URL) == 0) {
        /* The same as when it was loaded first: without headers. */
        WebKitURISchemeResponse *response;
        GInputStream *stream = g_memory_input_stream_new_from_bytes(view->html);

        response = webkit_uri_scheme_response_new(
            stream, (gint64)g_bytes_get_size(view->html));
        webkit_uri_scheme_response_set_content_type(response,
                                                    "text/html; charset=utf-8");
        webkit_uri_scheme_request_finish_with_response(request, response);
        g_object_unref(response);
        g_object_unref(stream);
        return;
    }
    if (!view->asset_root) {
        auvi_wk_finish_error(view, request, SOUP_STATUS_NOT_FOUND,
                             "This view has no asset folder.");
        return;
    }
    lookup = g_new0(struct lookup, 1);
    lookup->asset.fd = -1;
    result = auvi_asset_path(url, lookup->path);
    if (result != AUV_OK) {
        lookup_free(lookup);
        refuse_asset(view, request, result);
        return;
    }
    lookup->engine = view->engine;
    lookup->view = view->id;
    lookup->root = g_strdup(view->asset_root);
    task = g_task_new(request, NULL, on_looked_up, NULL);
    g_task_set_task_data(task, lookup, lookup_free);
    g_task_run_in_thread(task, look_up);
    g_object_unref(task);
}

void auvi_wk_scheme_add(struct auvi_wk_view *view, const char *scheme,
                        WebKitURISchemeRequestCallback on_scheme_request)
{
    WebKitSecurityManager *security =
        webkit_web_context_get_security_manager(view->context);

    webkit_web_context_register_uri_scheme(view->context, scheme,
                                           on_scheme_request, view, NULL);
    /* Secure: a page from here has crypto.subtle, workers and the like. Not
     * local: then fetch() of its own files would be refused. */
    webkit_security_manager_register_uri_scheme_as_secure(security, scheme);
    webkit_security_manager_register_uri_scheme_as_cors_enabled(security,
                                                                scheme);
}

void auvi_wk_scheme_setup(struct auvi_wk_view *view)
{
    auvi_wk_policy_renew(view);
    auvi_wk_scheme_add(view, SCHEME, on_request);
    auvi_wk_media_setup(view);
}
