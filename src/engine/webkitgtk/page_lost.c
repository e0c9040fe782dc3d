/*
 * page_lost.c - what follows when the page's process has ended.
 *
 * A load that was under way is begun again, under its number; else the page
 * that was there is loaded again, by WebKit's own list of pages, which outlives
 * the process. Where that has happened too often, a page stands in for it: with
 * the address of the lost one, without a link, and with one button. What the
 * host sends waits meanwhile as for any page that is still to come.
 */
#include "engine/webkitgtk/webkitgtk_priv.h"

#include <string.h>

#define RELOAD_URL "auroraview-reload:"

static const char stand_in[] =
    "<!doctype html><meta charset=utf-8><title></title>"
    "<meta http-equiv=Content-Security-Policy"
    " content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "<style>body{font:14px sans-serif;margin:2em;color:#555;background:#f4f4f4;"
    "text-align:center}a{display:inline-block;margin-top:1em;padding:.5em "
    "1.5em;border:1px solid #999;border-radius:4px;color:#222;"
    "background:#fff;text-decoration:none}"
    "@media(prefers-color-scheme:dark){body{color:#bbb;background:#2b2b2b}"
    "a{color:#eee;background:#444}}</style>"
    "<p>This panel has failed several times and was stopped.</p>"
    "<a id=reload href=\"" RELOAD_URL "\">Reload</a>";

static bool shows_html(const struct auvi_wk_view *view)
{
    const char *url = view->page_url;
    size_t length = strlen(AUVI_WK_BASE_URL);

    return view->html && url && strncmp(url, AUVI_WK_BASE_URL, length) == 0 &&
           (url[length] == '\0' || url[length] == '#');
}

/* What to load in place of the lost page; without address and text: reload. */
static struct auvi_wk_load *lost_load(struct auvi_wk_view *view)
{
    struct auvi_wk_load *load = g_steal_pointer(&view->open_load);

    if (load)
        return load;
    load = g_new0(struct auvi_wk_load, 1);
    load->navigation = view->navigation;
    if (shows_html(view)) /* WebKit has no address to load it from */
        load->html = g_bytes_ref(view->html);
    return load;
}

static void stand_in_for(struct auvi_wk_view *view)
{
    struct auvi_wk_load *behind = lost_load(view);

    if (!behind->url && !behind->html)
        behind->url = g_strdup(view->page_url ? view->page_url : "about:blank");
    auvi_wk_load_free(view->behind);
    view->behind = behind;
    webkit_web_view_load_alternate_html(
        view->web, stand_in, behind->url ? behind->url : AUVI_WK_BASE_URL,
        NULL);
}

int auvi_wk_recover(struct auvi_wk_view *view, bool stopped)
{
    struct auvi_wk_load *load;

    /* Something has been asked for since: that comes instead. */
    if (!view->page_lost || view->navigation_loading)
        return AUV_OK;
    if (stopped) {
        view->page_lost = false;
        stand_in_for(view);
        return AUV_OK;
    }
    load = g_new0(struct auvi_wk_load, 1);
    load->navigation = view->navigation;
    auvi_wk_begin_load(view, load);
    return AUV_OK;
}

void auvi_wk_replace_lost(struct auvi_wk_view *view, struct auvi_wk_load *load)
{
    struct auvi_wk_load *lost =
        view->behind ? g_steal_pointer(&view->behind) : lost_load(view);

    view->page_lost = false;
    if (!load->url && !load->html) {
        load->url = g_steal_pointer(&lost->url);
        load->html = g_steal_pointer(&lost->html);
    }
    auvi_wk_load_free(lost);
}

bool auvi_wk_is_reload_link(struct auvi_wk_view *view, const char *url)
{
    struct auvi_wk_load *load;

    if (!view->behind || g_strcmp0(url, RELOAD_URL) != 0)
        return false;
    load = g_new0(struct auvi_wk_load, 1);
    load->navigation = view->navigation;
    auvi_wk_request_load(view, load);
    return true;
}
