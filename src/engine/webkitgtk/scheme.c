/*
 * scheme.c - auroraview: URLs, served from the view's asset folder.
 */
#include "engine/webkitgtk/webkitgtk_priv.h"

#include "base/base.h"
#include "engine/webkitgtk/asset.h"

#include <gio/gunixinputstream.h>
#include <libsoup/soup.h>
#include <string.h>

static void finish(WebKitURISchemeRequest *request, GInputStream *stream,
                   gint64 size, unsigned status, const char *type)
{
    WebKitURISchemeResponse *response =
        webkit_uri_scheme_response_new(stream, size);
    SoupMessageHeaders *headers =
        soup_message_headers_new(SOUP_MESSAGE_HEADERS_RESPONSE);

    webkit_uri_scheme_response_set_status(response, status, NULL);
    webkit_uri_scheme_response_set_content_type(response, type);
    /* Once more as a header: the check behind "nosniff" looks only there. */
    soup_message_headers_append(headers, "Content-Type", type);
    soup_message_headers_append(headers, "X-Content-Type-Options", "nosniff");
    /* A panel under development is reloaded all the time. */
    soup_message_headers_append(headers, "Cache-Control", "no-cache");
    /* Lets the view's own pages reach what lies under other "hosts" of the
     * folder, and no remote page read it. */
    soup_message_headers_append(headers, "Access-Control-Allow-Origin",
                                "auroraview://localhost");
    webkit_uri_scheme_response_set_http_headers(response, headers);
    webkit_uri_scheme_request_finish_with_response(request, response);
    g_object_unref(response);
    g_object_unref(stream);
}

static void finish_error(WebKitURISchemeRequest *request, unsigned status,
                         const char *what)
{
    char *url =
        g_markup_escape_text(webkit_uri_scheme_request_get_uri(request), -1);
    char *page = g_strdup_printf(
        "<!doctype html><meta charset=utf-8><title>%u %s</title>"
        "<style>body{font:14px sans-serif;margin:2em;color:#444}</style>"
        "<h1>%u %s</h1><p>%s<p><code>%s</code>",
        status, soup_status_get_phrase(status), status,
        soup_status_get_phrase(status), what, url);
    size_t size = strlen(page);

    g_free(url);
    finish(request,
           g_memory_input_stream_new_from_data(page, (gssize)size, g_free),
           (gint64)size, status, "text/html; charset=utf-8");
}

static char *guess_type(const char *name)
{
    char *content = g_content_type_guess(name, NULL, 0, NULL);
    char *type = g_content_type_get_mime_type(content);

    g_free(content);
    return type ? type : g_strdup("application/octet-stream");
}

static void on_request(WebKitURISchemeRequest *request, gpointer user)
{
    struct auvi_wk_view *view = user;
    const char *url = webkit_uri_scheme_request_get_uri(request);
    const char *method = webkit_uri_scheme_request_get_http_method(request);
    char path[AUVI_ASSET_PATH_MAX];
    struct auvi_asset asset;
    int result;

    if (method && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        finish_error(request, SOUP_STATUS_METHOD_NOT_ALLOWED,
                     "Files can only be read.");
        return;
    }
    if (view->html && strcmp(url, AUVI_WK_BASE_URL) == 0) {
        finish(request, g_memory_input_stream_new_from_bytes(view->html),
               (gint64)g_bytes_get_size(view->html), SOUP_STATUS_OK,
               "text/html; charset=utf-8");
        return;
    }
    if (!view->asset_root) {
        finish_error(request, SOUP_STATUS_NOT_FOUND,
                     "This view has no asset folder.");
        return;
    }
    result = auvi_asset_path(url, path);
    if (result == AUV_OK)
        result = auvi_asset_open(view->asset_root, path, &asset);
    switch (result) {
    case AUV_OK:
        break;
    case AUV_ERR_ARG:
        auvi_log(AUV_LOG_WARNING, "view %u: refused %s", view->id, url);
        finish_error(request, SOUP_STATUS_FORBIDDEN,
                     "That leads out of the asset folder.");
        return;
    case AUV_ERR_SYSTEM:
        finish_error(request, SOUP_STATUS_FORBIDDEN,
                     "The file cannot be read.");
        return;
    default:
        finish_error(request, SOUP_STATUS_NOT_FOUND,
                     "There is no such file in the asset folder.");
        return;
    }
    char *guessed = asset.type ? NULL : guess_type(path);

    finish(request, g_unix_input_stream_new(asset.fd, TRUE), (gint64)asset.size,
           SOUP_STATUS_OK, asset.type ? asset.type : guessed);
    g_free(guessed);
}

void auvi_wk_scheme_setup(struct auvi_wk_view *view)
{
    WebKitSecurityManager *security =
        webkit_web_context_get_security_manager(view->context);

    webkit_web_context_register_uri_scheme(view->context, "auroraview",
                                           on_request, view, NULL);
    /* Secure: a page from here has crypto.subtle, workers and the like. Not
     * local: then fetch() of its own files would be refused. */
    webkit_security_manager_register_uri_scheme_as_secure(security,
                                                          "auroraview");
    webkit_security_manager_register_uri_scheme_as_cors_enabled(security,
                                                                "auroraview");
}
