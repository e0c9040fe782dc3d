/*
 * page.c - the web view: how it is set up, what it loads, what it may not do.
 */
#include "engine/webkitgtk/webkitgtk_priv.h"

#include "base/base.h"

#include <string.h>

/* ---- navigations and their numbers ---------------------------------------
 *
 * WebKit does not say which request a load belongs to. So one of ours at a time
 * is on its way to its start: the load that starts then, under the address that
 * was asked for, is that one, and not one that the page began meanwhile. A page
 * whose process does not answer starts nothing, and no later load either.
 *
 * Every number is settled: by the commit of its document; or, when it has come
 * to nothing (a jump, a page that called window.stop(), an error), by the end of
 * all loading. In both cases the page that is there then answers it, and tells
 * the host so itself, because only its own link is in step with its HELLO.
 */

void auvi_wk_load_free(struct auvi_wk_load *load)
{
    if (!load)
        return;
    g_free(load->url);
    g_clear_pointer(&load->html, g_bytes_unref);
    g_free(load);
}

static void settle(struct auvi_wk_view *view, uint32_t navigation)
{
    view->navigation_settled = view->navigation_started = navigation;
    if (navigation)
        auvi_wk_tell_settled(view, navigation);
}

static void loading_ended(struct auvi_wk_view *view);

/* As WebKit writes it. Not asked of the view: that one names the new address
 * only when it has left the signal that it may be in. */
static char *address_of(struct auvi_wk_view *view,
                        const struct auvi_wk_load *load)
{
    const char *current = webkit_web_view_get_uri(view->web);
    WebKitURIRequest *request;
    char *url;

    if (load->html)
        return g_strdup(AUVI_WK_BASE_URL);
    if (!load->url) /* after the end of its process the view names none */
        return g_strdup(current && *current ? current : view->page_url);
    request = webkit_uri_request_new(load->url);
    url = g_strdup(webkit_uri_request_get_uri(request));
    g_object_unref(request);
    return url;
}

/* Takes the load. */
void auvi_wk_begin_load(struct auvi_wk_view *view, struct auvi_wk_load *load)
{
    uint32_t navigation = load->navigation;

    if (view->page_lost || view->behind)
        auvi_wk_replace_lost(view, load);
    view->navigation_loading = navigation;
    if (navigation) {
        g_free(view->loading_url);
        view->loading_url = address_of(view, load);
    }
    if (load->url) {
        g_clear_pointer(&view->html, g_bytes_unref);
        webkit_web_view_load_uri(view->web, load->url);
    } else if (load->html) {
        g_clear_pointer(&view->html, g_bytes_unref);
        /* Kept: reloading the page asks the scheme for its address. */
        view->html = g_bytes_ref(load->html);
        webkit_web_view_load_bytes(view->web, view->html, "text/html", "UTF-8",
                                   AUVI_WK_BASE_URL);
    } else {
        webkit_web_view_reload(view->web);
    }
    /* Until it is committed: its process may end. */
    auvi_wk_load_free(view->open_load);
    view->open_load = load;
    if (!view->web || !navigation)
        return;
    if (!webkit_web_view_is_loading(view->web))
        loading_ended(view); /* as with a reload of nothing */
}

static void begin_next(struct auvi_wk_view *view)
{
    struct auvi_wk_load *load = view->next_load;

    view->next_load = NULL;
    view->navigation_loading = 0;
    if (load)
        auvi_wk_begin_load(view, load);
}

static void loading_ended(struct auvi_wk_view *view)
{
    if (view->next_load)
        begin_next(view);
    else {
        view->navigation_loading = 0;
        /* It has ended with its process and is to be begun again: the number
         * stays open, or the new process's empty page would answer it. */
        if (view->page_lost && view->open_load)
            return;
        if (view->navigation_settled != view->navigation)
            settle(view, view->navigation);
    }
}

/* Takes the load. */
void auvi_wk_request_load(struct auvi_wk_view *view, struct auvi_wk_load *load)
{
    if (load->navigation)
        view->navigation = load->navigation;
    if (!view->navigation_loading) {
        auvi_wk_begin_load(view, load);
        return;
    }
    if (view->next_load && !load->navigation)
        load->navigation = view->next_load->navigation;
    auvi_wk_load_free(view->next_load);
    view->next_load = load;
}

static void load_started(struct auvi_wk_view *view, const char *url)
{
    g_clear_pointer(&view->started_url, g_free);
    if (!view->navigation_loading || g_strcmp0(url, view->loading_url) != 0)
        return;
    view->navigation_started = view->navigation_loading;
    view->started_url = g_strdup(view->loading_url);
    begin_next(view);
}

/* The address of what commits, "" if it cannot be told: while a load of ours is
 * on its way to its start, the view names that one's. */
static const char *committed_url(const struct auvi_wk_view *view)
{
    const char *url = view->navigation_loading
                          ? view->started_url
                          : webkit_web_view_get_uri(view->web);

    return url ? url : "";
}

static void on_is_loading(WebKitWebView *web, GParamSpec *pspec, gpointer user)
{
    struct auvi_wk_view *view = user;

    (void)pspec;
    if (!webkit_web_view_is_loading(web))
        loading_ended(view);
}

/* ---- loading ------------------------------------------------------------- */

static void report_text(struct auvi_wk_view *view, auv_event_kind kind,
                        const char *text)
{
    auvi_wk_report(view, (auv_event){.kind = kind, .text = text ? text : ""});
}

static void report_load_failed(struct auvi_wk_view *view, int code,
                               const char *url, const char *why)
{
    char *text = g_strdup_printf("%s: %s", url ? url : "", why);

    auvi_wk_report(view, (auv_event){.kind = AUV_EVENT_LOAD_FAILED,
                                     .error = code,
                                     .text = text});
    g_free(text);
}

static void report_committed(struct auvi_wk_view *view, const char *url)
{
    struct auvi_engine_event committed = {
        .kind = AUVI_ENGINE_COMMITTED, .view = view->id, .text = url};

    auvi_engine_on_event(&view->engine->base, &committed);
}

/* Status of the main document if it is an HTTP-like error, else 0. */
static unsigned error_status(WebKitWebView *web)
{
    WebKitWebResource *resource = webkit_web_view_get_main_resource(web);
    WebKitURIResponse *response =
        resource ? webkit_web_resource_get_response(resource) : NULL;
    unsigned status =
        response ? webkit_uri_response_get_status_code(response) : 0;

    return status >= 400 ? status : 0;
}

static void on_load_changed(WebKitWebView *web, WebKitLoadEvent stage,
                            gpointer user)
{
    struct auvi_wk_view *view = user;
    /* The report may close the view, and the text with it. */
    char *url = g_strdup(webkit_web_view_get_uri(web));
    unsigned status;

    if (view->behind) { /* not a page that anybody has asked for */
        g_free(url);
        return;
    }
    switch (stage) {
    case WEBKIT_LOAD_STARTED:
        view->load_failed = false;
        view->progress = -1;
        report_text(view, AUV_EVENT_LOAD_STARTED, url);
        if (view->web)
            load_started(view, url);
        break;
    case WEBKIT_LOAD_REDIRECTED:
        g_clear_pointer(&view->started_url, g_free);
        break;
    case WEBKIT_LOAD_COMMITTED:
        view->has_page = true;
        auvi_wk_scheme_committed(view, url);
        g_clear_pointer(&view->open_load, auvi_wk_load_free);
        report_text(view, AUV_EVENT_LOAD_COMMITTED, url);
        if (view->web)
            auvi_wk_link_committed(view);
        if (view->web)
            report_committed(view, committed_url(view));
        /* Also one that the page went to: the link of a process that was left
         * may have been lost with what it had to say. */
        if (view->web)
            settle(view, view->navigation_started);
        break;
    case WEBKIT_LOAD_FINISHED:
        /* Comes after load-failed too. */
        if (view->load_failed) {
            g_clear_pointer(&view->open_load, auvi_wk_load_free);
            /* Scripts and events wait for a page: there is always one. */
            if (view->blank_due && !view->navigation_loading)
                webkit_web_view_load_uri(web, "about:blank");
            view->blank_due = false;
            break;
        }
        status = error_status(web);
        if (status) {
            char why[128];
            const char *phrase = soup_status_get_phrase(status);

            snprintf(why, sizeof(why), "%u %s", status, phrase);
            report_load_failed(view, AUV_ERR_LOAD, url, why);
        } else {
            report_text(view, AUV_EVENT_LOADED, url);
        }
        break;
    }
    g_free(url);
}

static gboolean on_load_failed(WebKitWebView *web, WebKitLoadEvent stage,
                               const char *url, GError *error, gpointer user)
{
    struct auvi_wk_view *view = user;

    (void)web;
    (void)stage;
    view->load_failed = true;
    view->blank_due =
        !view->has_page && !g_error_matches(error, WEBKIT_NETWORK_ERROR,
                                            WEBKIT_NETWORK_ERROR_CANCELLED);
    /* Cancelled: stopped, or another page was asked for meanwhile. */
    report_load_failed(view,
                       g_error_matches(error, WEBKIT_NETWORK_ERROR,
                                       WEBKIT_NETWORK_ERROR_CANCELLED)
                           ? AUV_ERR_CANCELLED
                           : AUV_ERR_LOAD,
                       url, error->message);
    if (view->web && !view->navigation_loading && !view->next_load &&
        !view->blank_due)
        loading_ended(view);
    /* The page that is there stays: WebKit's own error page would look to the
     * host like a page that has loaded. */
    return TRUE;
}

static gboolean on_tls_failed(WebKitWebView *web, const char *url,
                              GTlsCertificate *certificate,
                              GTlsCertificateFlags errors, gpointer user)
{
    struct auvi_wk_view *view = user;

    (void)web;
    (void)certificate;
    (void)errors;
    view->load_failed = true;
    view->blank_due = !view->has_page;
    report_load_failed(view, AUV_ERR_LOAD, url,
                       "its TLS certificate is not valid");
    return TRUE;
}

static void on_title(WebKitWebView *web, GParamSpec *pspec, gpointer user)
{
    char *text = g_strdup(webkit_web_view_get_title(web));

    (void)pspec;
    report_text(user, AUV_EVENT_TITLE, text);
    g_free(text);
}

static void on_url(WebKitWebView *web, GParamSpec *pspec, gpointer user)
{
    struct auvi_wk_view *view = user;
    const char *url = webkit_web_view_get_uri(web);
    char *text;

    (void)pspec;
    if (!url || !*url) /* its process has ended: it is to come back there */
        return;
    g_free(view->page_url);
    view->page_url = g_strdup(url);
    text = g_strdup(url);
    report_text(view, AUV_EVENT_URL, text);
    g_free(text);
}

static void on_progress(WebKitWebView *web, GParamSpec *pspec, gpointer user)
{
    struct auvi_wk_view *view = user;
    int percent =
        (int)(webkit_web_view_get_estimated_load_progress(web) * 100.0);

    (void)pspec;
    if (percent == view->progress)
        return;
    view->progress = percent;
    auvi_wk_report(view, (auv_event){.kind = AUV_EVENT_PROGRESS, .x = percent});
}

static void on_page_lost(WebKitWebView *web,
                         WebKitWebProcessTerminationReason reason,
                         gpointer user)
{
    struct auvi_wk_view *view = user;
    const char *text = "the page process ended";

    (void)web;
    switch (reason) {
    case WEBKIT_WEB_PROCESS_CRASHED:
        text = "the page process crashed";
        break;
    case WEBKIT_WEB_PROCESS_EXCEEDED_MEMORY_LIMIT:
        text = "the page process used too much memory";
        break;
    case WEBKIT_WEB_PROCESS_TERMINATED_BY_API:
        text = "the page process was ended on request";
        break;
    }
    view->has_page = false;
    view->page_lost = true;
    auvi_wk_link_page_lost(view);
    report_text(view, AUV_EVENT_PAGE_LOST, text);
    if (view->web)
        loading_ended(view);
}

/* WebKit tells of input that its page does not handle, and of nothing else. */
static void on_responsive(WebKitWebView *web, GParamSpec *pspec, gpointer user)
{
    bool responsive = webkit_web_view_get_is_web_process_responsive(web);

    (void)pspec;
    report_text(user,
                responsive ? AUV_EVENT_RESPONSIVE : AUV_EVENT_UNRESPONSIVE,
                responsive ? "" : "the page does not handle input");
}

/* ---- policy -------------------------------------------------------------- */

static GtkWidget *on_create(WebKitWebView *web, WebKitNavigationAction *action,
                            gpointer user)
{
    (void)web;
    auvi_wk_denied(user, "window",
                   webkit_uri_request_get_uri(
                       webkit_navigation_action_get_request(action)),
                   "a view has one window");
    return NULL; /* no further windows */
}

/* A view starts with an empty page of ours, so that scripts can run: nobody went
 * there, so nobody can go back there. And pages of the remote profile go only
 * where the application said. */
static gboolean on_decide_policy(WebKitWebView *web,
                                 WebKitPolicyDecision *decision,
                                 WebKitPolicyDecisionType type, gpointer user)
{
    struct auvi_wk_view *view = user;
    WebKitNavigationAction *action;
    const char *uri;

    (void)web;
    if (type == WEBKIT_POLICY_DECISION_TYPE_RESPONSE) {
        WebKitResponsePolicyDecision *response =
            WEBKIT_RESPONSE_POLICY_DECISION(decision);

        if (webkit_response_policy_decision_is_mime_type_supported(response))
            return FALSE;
        /* It would become a download. */
        auvi_wk_denied(
            view, "download",
            webkit_uri_request_get_uri(
                webkit_response_policy_decision_get_request(response)),
            "a view downloads nothing");
        webkit_policy_decision_ignore(decision);
        return TRUE;
    }
    if (type != WEBKIT_POLICY_DECISION_TYPE_NAVIGATION_ACTION)
        return FALSE;
    action = webkit_navigation_policy_decision_get_navigation_action(
        WEBKIT_NAVIGATION_POLICY_DECISION(decision));
    uri = webkit_uri_request_get_uri(
        webkit_navigation_action_get_request(action));
    if (auvi_wk_is_reload_link(user, uri)) {
        webkit_policy_decision_ignore(decision);
        return TRUE;
    }
    if (!auvi_wk_may_go(view, uri)) {
        auvi_wk_denied(view, "navigation", uri,
                       "its origin is not on the view's list");
        webkit_policy_decision_ignore(decision);
        return TRUE;
    }
    if (webkit_navigation_action_get_navigation_type(action) !=
            WEBKIT_NAVIGATION_TYPE_BACK_FORWARD ||
        g_strcmp0(uri, "about:blank") != 0)
        return FALSE;
    webkit_policy_decision_ignore(decision);
    return TRUE;
}

static gboolean on_permission(WebKitWebView *web,
                              WebKitPermissionRequest *request, gpointer user)
{
    auvi_wk_denied(user, auvi_wk_permission_name(request),
                   webkit_web_view_get_uri(web), "a view grants none");
    webkit_permission_request_deny(request);
    return TRUE;
}

/* What a page may ask without a prompt: the answer is the same. */
static gboolean on_query_permission(WebKitWebView *web,
                                    WebKitPermissionStateQuery *query,
                                    gpointer user)
{
    (void)web;
    (void)user;
    webkit_permission_state_query_finish(query, WEBKIT_PERMISSION_STATE_DENIED);
    return TRUE;
}

static gboolean on_context_menu(WebKitWebView *web, WebKitContextMenu *menu,
                                GdkEvent *event, WebKitHitTestResult *hit_test,
                                gpointer user)
{
    /* They do what the policy above forbids. */
    static const WebKitContextMenuAction unwanted[] = {
        WEBKIT_CONTEXT_MENU_ACTION_OPEN_LINK_IN_NEW_WINDOW,
        WEBKIT_CONTEXT_MENU_ACTION_DOWNLOAD_LINK_TO_DISK,
        WEBKIT_CONTEXT_MENU_ACTION_OPEN_IMAGE_IN_NEW_WINDOW,
        WEBKIT_CONTEXT_MENU_ACTION_DOWNLOAD_IMAGE_TO_DISK,
        WEBKIT_CONTEXT_MENU_ACTION_OPEN_FRAME_IN_NEW_WINDOW,
        WEBKIT_CONTEXT_MENU_ACTION_OPEN_VIDEO_IN_NEW_WINDOW,
        WEBKIT_CONTEXT_MENU_ACTION_OPEN_AUDIO_IN_NEW_WINDOW,
        WEBKIT_CONTEXT_MENU_ACTION_DOWNLOAD_VIDEO_TO_DISK,
        WEBKIT_CONTEXT_MENU_ACTION_DOWNLOAD_AUDIO_TO_DISK,
    };
    struct auvi_wk_view *view = user;
    GList *next;

    (void)web;
    (void)event;
    (void)hit_test;
    if (!view->context_menu)
        return TRUE;
    for (GList *item = webkit_context_menu_get_items(menu); item; item = next) {
        WebKitContextMenuAction action =
            webkit_context_menu_item_get_stock_action(item->data);

        next = item->next;
        for (size_t i = 0; i < G_N_ELEMENTS(unwanted); i++) {
            if (action == unwanted[i]) {
                webkit_context_menu_remove(menu, item->data);
                break;
            }
        }
    }
    return webkit_context_menu_get_n_items(menu) == 0;
}

static void on_download(WebKitWebContext *context, WebKitDownload *download,
                        gpointer user)
{
    (void)context;
    auvi_wk_denied(
        user, "download",
        webkit_uri_request_get_uri(webkit_download_get_request(download)),
        "a view downloads nothing");
    webkit_download_cancel(download);
}

/* ---- input --------------------------------------------------------------- */

static gboolean on_event(GtkWidget *widget, GdkEvent *event, gpointer user)
{
    struct auvi_wk_view *view = user;

    (void)widget;
    switch (event->type) {
    case GDK_BUTTON_PRESS:
        if (view->input_blocked)
            return TRUE;
        /* A window manager moves the X focus only between windows it manages,
         * which ours is not. */
        if (view->embedded)
            auvi_wk_take_focus(view, event->button.time);
        return FALSE;
    case GDK_TOUCH_BEGIN:
        if (view->input_blocked)
            return TRUE;
        if (view->embedded)
            auvi_wk_take_focus(view, event->touch.time);
        return FALSE;
    case GDK_KEY_PRESS:
        view->key_time = event->key.time;
        return view->input_blocked;
    case GDK_2BUTTON_PRESS:
    case GDK_3BUTTON_PRESS:
    case GDK_BUTTON_RELEASE:
    case GDK_MOTION_NOTIFY:
    case GDK_KEY_RELEASE:
    case GDK_ENTER_NOTIFY:
    case GDK_SCROLL:
    case GDK_TOUCH_UPDATE:
    case GDK_TOUCH_END:
    case GDK_TOUCHPAD_SWIPE:
    case GDK_TOUCHPAD_PINCH:
        return view->input_blocked;
    default:
        return FALSE;
    }
}

/* WebKit has no way to say "Tab came in from that side". Runs in a world of its
 * own, where the page cannot see it or replace what it uses. */
void auvi_wk_focus_end(struct auvi_wk_view *view, bool last)
{
    static const char script[] =
        "(() => {"
        " const all = [...document.querySelectorAll('a[href],area[href],"
        "button,input,select,textarea,summary,iframe,audio[controls],"
        "video[controls],[contenteditable],[tabindex]')]"
        "  .filter(e => !e.disabled && e.tabIndex >= 0 &&"
        "   e.getClientRects().length > 0 &&"
        "   getComputedStyle(e).visibility === 'visible');"
        " const order = e => e.tabIndex > 0 ? e.tabIndex : Infinity;"
        " all.sort((a, b) => order(a) === order(b) ? 0 : order(a) - order(b));"
        " const e = all.at(%d);"
        " if (e) e.focus({ focusVisible: true });"
        "})()";
    char *text = g_strdup_printf(script, last ? -1 : 0);

    webkit_web_view_evaluate_javascript(view->web, text, -1, "auroraview-focus",
                                        NULL, NULL, NULL, NULL);
    g_free(text);
}

/* ---- the web view -------------------------------------------------------- */

static WebKitSettings *new_settings(const struct auvi_wk_view *view)
{
    WebKitSettings *settings = webkit_settings_new();

    webkit_settings_set_enable_developer_extras(settings, view->dev_tools);
    /* So that every attempt comes to on_create(), which refuses it. */
    webkit_settings_set_javascript_can_open_windows_automatically(settings,
                                                                  TRUE);
    /* A page that is left must end, and its link with it, not sleep. */
    webkit_settings_set_enable_page_cache(settings, FALSE);
    webkit_settings_set_enable_back_forward_navigation_gestures(settings,
                                                                FALSE);
    /* With a GPU composite always; without one only what asks for it (3D
     * transforms, WebGL), because starting a software GL costs time. */
    webkit_settings_set_hardware_acceleration_policy(
        settings, view->engine->software
                      ? WEBKIT_HARDWARE_ACCELERATION_POLICY_ON_DEMAND
                      : WEBKIT_HARDWARE_ACCELERATION_POLICY_ALWAYS);
    if (view->remote)
        auvi_wk_remote_settings(settings);
    return settings;
}

void auvi_wk_page_create(struct auvi_wk_view *view)
{
    WebKitSettings *settings = new_settings(view);
    /* What a page nobody trusts stores ends with its view, and no other page
     * sees it. */
    WebKitWebsiteDataManager *data =
        view->remote ? webkit_website_data_manager_new_ephemeral()
                     : g_object_ref(view->engine->data);

    /* A context per view: start-up data of the extension, asset folder and
     * grants are per context. Swapping processes keeps a remote site out of the
     * process that holds the link of a granted one. */
    view->context = g_object_new(
        WEBKIT_TYPE_WEB_CONTEXT, "website-data-manager", data,
        "process-swap-on-cross-site-navigation-enabled", TRUE, NULL);
    g_object_unref(data);
    /* Memory for pages that were left is of no use to a panel. */
    webkit_web_context_set_cache_model(view->context,
                                       WEBKIT_CACHE_MODEL_DOCUMENT_BROWSER);
    g_signal_connect(view->context, "download-started", G_CALLBACK(on_download),
                     view);
    auvi_wk_sandbox_setup(view->engine, view->context);
    if (!view->remote)
        auvi_wk_scheme_setup(view);

    /* The default goes with files only: a page that is given as text is the
     * application's own work, inline scripts and all. */
    view->web =
        g_object_new(WEBKIT_TYPE_WEB_VIEW, "web-context", view->context,
                     "settings", settings, "default-content-security-policy",
                     view->csp && *view->csp ? view->csp : NULL, NULL);
    g_object_ref_sink(view->web);
    g_object_unref(settings);
    view->progress = -1;

    auvi_wk_link_setup(view);
    g_signal_connect(view->web, "load-changed", G_CALLBACK(on_load_changed),
                     view);
    g_signal_connect(view->web, "load-failed", G_CALLBACK(on_load_failed),
                     view);
    g_signal_connect(view->web, "load-failed-with-tls-errors",
                     G_CALLBACK(on_tls_failed), view);
    g_signal_connect(view->web, "notify::is-loading", G_CALLBACK(on_is_loading),
                     view);
    g_signal_connect(view->web, "notify::title", G_CALLBACK(on_title), view);
    g_signal_connect(view->web, "notify::uri", G_CALLBACK(on_url), view);
    g_signal_connect(view->web, "notify::estimated-load-progress",
                     G_CALLBACK(on_progress), view);
    g_signal_connect(view->web, "web-process-terminated",
                     G_CALLBACK(on_page_lost), view);
    g_signal_connect(view->web, "notify::is-web-process-responsive",
                     G_CALLBACK(on_responsive), view);
    g_signal_connect(view->web, "create", G_CALLBACK(on_create), view);
    g_signal_connect(view->web, "decide-policy", G_CALLBACK(on_decide_policy),
                     view);
    g_signal_connect(view->web, "permission-request", G_CALLBACK(on_permission),
                     view);
    g_signal_connect(view->web, "query-permission-state",
                     G_CALLBACK(on_query_permission), view);
    g_signal_connect(view->web, "context-menu", G_CALLBACK(on_context_menu),
                     view);
    g_signal_connect(view->web, "event", G_CALLBACK(on_event), view);
    if (view->transparent) {
        GdkRGBA clear = {0, 0, 0, 0};

        webkit_web_view_set_background_color(view->web, &clear);
    }
    gtk_widget_show(GTK_WIDGET(view->web));
}

void auvi_wk_page_destroy(struct auvi_wk_view *view)
{
    if (!view->web)
        return;
    g_signal_handlers_disconnect_by_data(view->web, view);
    g_signal_handlers_disconnect_by_data(view->context, view);
    gtk_widget_destroy(GTK_WIDGET(view->web));
    g_clear_object(&view->web);
    g_clear_object(&view->context);
    g_clear_pointer(&view->html, g_bytes_unref);
    g_clear_pointer(&view->grants, g_strfreev);
    g_clear_pointer(&view->allowed, g_strfreev);
    g_clear_pointer(&view->loading_url, g_free);
    g_clear_pointer(&view->started_url, g_free);
    g_clear_pointer(&view->page_url, g_free);
    g_clear_pointer(&view->next_load, auvi_wk_load_free);
    g_clear_pointer(&view->open_load, auvi_wk_load_free);
    g_clear_pointer(&view->behind, auvi_wk_load_free);
    auvi_wk_fetches_destroy(view);
    g_clear_pointer(&view->schemes, g_ptr_array_unref);
}

int auvi_wk_navigate(struct auvi_wk_view *view, uint32_t navigation,
                     const char *url)
{
    struct auvi_wk_load *load;

    if (!url || !*url)
        return AUV_ERR_ARG;
    load = g_new0(struct auvi_wk_load, 1);
    load->navigation = navigation;
    load->url = g_strdup(url);
    auvi_wk_request_load(view, load);
    return AUV_OK;
}

int auvi_wk_load_html(struct auvi_wk_view *view, uint32_t navigation,
                      const char *html, size_t length)
{
    struct auvi_wk_load *load;

    if (!html)
        return AUV_ERR_ARG;
    if (length == AUV_NUL_TERMINATED)
        length = strlen(html);
    load = g_new0(struct auvi_wk_load, 1);
    load->navigation = navigation;
    load->html = g_bytes_new(html, length);
    auvi_wk_request_load(view, load);
    return AUV_OK;
}

void auvi_wk_reload(struct auvi_wk_view *view, uint32_t navigation)
{
    struct auvi_wk_load *load = g_new0(struct auvi_wk_load, 1);

    load->navigation = navigation;
    auvi_wk_request_load(view, load);
}

void auvi_wk_stop(struct auvi_wk_view *view)
{
    g_clear_pointer(&view->next_load, auvi_wk_load_free);
    g_clear_pointer(&view->open_load, auvi_wk_load_free);
    webkit_web_view_stop_loading(view->web);
    if (view->web)
        loading_ended(view);
}
