/*
 * remote_profile.c - views of pages that nobody here has written: where those
 * may go, and what they may not have. What every view refuses anyway (windows,
 * downloads, permissions) is in page.c.
 */
#include "engine/webkitgtk/webkitgtk_priv.h"

#include "base/base.h"
#include "base/grant.h"
#include "base/origin.h"

#include <string.h>

void auvi_wk_set_allowed(struct auvi_wk_view *view, const char *const *patterns,
                         size_t count)
{
    char **copy = g_new0(char *, count + 1);

    for (size_t i = 0; i < count; i++)
        copy[i] = g_strdup(patterns[i]);
    g_strfreev(view->allowed);
    view->allowed = copy;
}

bool auvi_wk_may_go(const struct auvi_wk_view *view, const char *url)
{
    /* They have no origin that reaches anything, and frames need them. WebKit
     * itself keeps a page from going to data: in its own place. */
    static const char *const empty[] = {"about:blank", "about:srcdoc"};
    char origin[AUVI_ORIGIN_MAX];

    if (!view->remote)
        return true;
    if (!url)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(empty); i++)
        if (!strcmp(url, empty[i]))
            return true;
    if (g_str_has_prefix(url, "data:") || g_str_has_prefix(url, "blob:"))
        return true;
    if (!auvi_origin_parse(url, origin) ||
        (!g_str_has_prefix(origin, "http://") &&
         !g_str_has_prefix(origin, "https://")))
        return false;
    for (char **pattern = view->allowed; pattern && *pattern; pattern++)
        if (auvi_origin_fits(*pattern, origin))
            return true;
    return false;
}

void auvi_wk_remote_settings(WebKitSettings *settings)
{
    webkit_settings_set_javascript_can_access_clipboard(settings, FALSE);
    webkit_settings_set_enable_media_stream(settings, FALSE);
    webkit_settings_set_enable_webrtc(settings, FALSE);
    webkit_settings_set_enable_mediasource(settings, TRUE);
    webkit_settings_set_enable_encrypted_media(settings, FALSE);
    webkit_settings_set_allow_file_access_from_file_urls(settings, FALSE);
    webkit_settings_set_allow_universal_access_from_file_urls(settings, FALSE);
    webkit_settings_set_allow_top_navigation_to_data_urls(settings, FALSE);
    webkit_settings_set_allow_modal_dialogs(settings, FALSE);
}

void auvi_wk_denied(struct auvi_wk_view *view, const char *what,
                    const char *url, const char *why)
{
    char *text = g_strdup_printf("%s\x1f%.512s\x1f%s", what, url ? url : "",
                                 why ? why : "");
    struct auvi_engine_event denied = {
        .kind = AUVI_ENGINE_DENIED, .view = view->id, .text = text};

    auvi_engine_on_event(&view->engine->base, &denied);
    g_free(text);
}

const char *auvi_wk_permission_name(WebKitPermissionRequest *request)
{
    if (WEBKIT_IS_GEOLOCATION_PERMISSION_REQUEST(request))
        return "permission geolocation";
    if (WEBKIT_IS_NOTIFICATION_PERMISSION_REQUEST(request))
        return "permission notifications";
    if (WEBKIT_IS_USER_MEDIA_PERMISSION_REQUEST(request))
        return "permission camera or microphone";
    if (WEBKIT_IS_POINTER_LOCK_PERMISSION_REQUEST(request))
        return "permission pointer lock";
    if (WEBKIT_IS_DEVICE_INFO_PERMISSION_REQUEST(request))
        return "permission device list";
    if (WEBKIT_IS_MEDIA_KEY_SYSTEM_PERMISSION_REQUEST(request))
        return "permission media keys";
    if (WEBKIT_IS_WEBSITE_DATA_ACCESS_PERMISSION_REQUEST(request))
        return "permission storage access";
    return "permission";
}
