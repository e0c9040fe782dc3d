/*
 * webkitgtk_priv.h - what the files of this engine share.
 *
 *     webkitgtk.c   the table, the engine, views by number
 *     display.c     which display and which way of drawing
 *     page.c        web view: settings, loading, policy
 *     page_lost.c   what follows when the page's process has ended
 *     remote_profile.c  what pages that nobody trusts may not do
 *     sandbox.c     whether page processes can have one
 *     page_link.c   the extension in the page process, its link and grants
 *     scheme.c      auroraview: URLs            asset.c  files below a folder
 *     fetches.c     URLs of the host's schemes  body.c   part of a file
 *     media.c       audio and video, for the page process
 *     pace.c        bodies no faster than the page takes them
 *     window.c      the window around the web view, whoever owns it
 *     embed_x11.c   inside a window of another program
 *     focus_x11.c   keyboard there
 *
 * All on the engine's thread, which is GTK's.
 *
 * The web view outlives its window: a host may destroy the parent at any time,
 * and set_parent() needs another kind of window. So a view owns a reference to
 * the web view, and windows come and go around it.
 */
#ifndef AUVI_WEBKITGTK_PRIV_H
#define AUVI_WEBKITGTK_PRIV_H

#include "engine/engine.h"

#include <gtk/gtk.h>
#include <webkit2/webkit2.h>

#define AUVI_WK_ANCESTORS 16

struct auvi_wk_engine {
    struct auvi_engine base;
    GMainLoop *loop;
    GHashTable *views; /* number -> struct auvi_wk_view, which it owns */
    WebKitWebsiteDataManager *data;
    char *page_dir; /* of the extension */
    int life[2];    /* a pipe: the other end is open as long as we run */
    bool sandbox;
    char *sandbox_reason; /* why not; NULL */
    bool x11;
    bool software; /* no GPU: draw on the CPU unless a page needs more */
    int xi_opcode; /* -1: no XInput 2 */
};

/* A scheme that the host answers. */
struct auvi_wk_scheme {
    char name[AUVI_SCHEME_SIZE];
    int64_t timeout_ms;
};

struct auvi_wk_load {
    uint32_t navigation; /* 0: a jump */
    char *url;           /* else html; neither: reload */
    GBytes *html;
};

struct auvi_wk_view {
    struct auvi_wk_engine *engine;
    uint32_t id;

    char *title;
    char *asset_root;
    char *csp;         /* given by the application; NULL: the default */
    int width, height; /* CSS pixels, of the next own window */
    bool dev_tools, transparent, context_menu, resizable, decorated;
    bool remote;    /* AUV_PROFILE_REMOTE: see remote_profile.c */
    char **allowed; /* patterns, NULL-terminated */

    /* ---- page ---- */
    WebKitWebContext *context;
    WebKitWebView *web;
    GBytes *html;       /* present page was given as text; else NULL */
    char **grants;      /* NULL-terminated */
    char *policy;       /* Content-Security-Policy of answers; NULL: none */
    GPtrArray *schemes; /* of struct auvi_wk_scheme; NULL: none */
    struct auvi_wk_fetches *fetches; /* of those; NULL: none */
    bool foreign_page;    /* the page is none of the application's own */
    uint32_t generation;  /* of the last link that was wanted */
    bool link_due;        /* attach_link() is to come for `generation` */
    bool link_put_off;    /* one was wanted for a stand-in */
    uint64_t linked_page; /* WebKit's number of the page that wanted it; 0 */

    /* Navigations by their numbers (page.c). One load at a time waits for its
     * start; the newest of those that were asked for meanwhile follows. */
    uint32_t navigation;         /* asked for last */
    uint32_t navigation_loading; /* given to WebKit and not started; or 0 */
    char *loading_url;           /* of that, as WebKit writes it */
    char *started_url; /* of the load that commits next; "": unknown */
    uint32_t navigation_started; /* the next commit answers it */
    uint32_t navigation_settled;
    struct auvi_wk_load *next_load; /* NULL: none */
    struct auvi_wk_load
        *open_load; /* given to WebKit, no commit yet; or NULL */

    char *page_url;              /* last address, also of a page that is lost */
    bool page_lost;              /* and nothing loaded since (page_lost.c) */
    struct auvi_wk_load *behind; /* a stand-in is shown for this; or NULL */

    bool load_failed; /* the present load ends with LOAD_FAILED */
    bool has_page;    /* a document was committed in this page process */
    bool blank_due;   /* the first load failed: show an empty page */
    int progress;     /* percent, last reported */

    /* ---- window ---- */
    GtkWidget *window;   /* never NULL between create and close */
    unsigned long xid;   /* of window; 0 on Wayland */
    bool wanted_visible; /* what the host asked for */
    bool shown;          /* what was reported last */
    bool focused;        /* likewise */
    bool input_blocked;
    uint32_t key_time;   /* of the last key press */
    uint32_t leave_time; /* of the key press that FOCUS_LEAVE was about */
    int x, y, w, h;      /* last reported, device pixels */

    /* ---- embedding (X11); embedded: `window` is a borderless one that lives
     *      in `parent`, or waits unmapped for the next parent (0) ---- */
    bool embedded;
    unsigned long parent;
    unsigned long ancestors[AUVI_WK_ANCESTORS]; /* parent first */
    unsigned ancestor_count;
    bool viewable;          /* parent and all its ancestors are mapped */
    bool fixed_bounds;      /* host chose a place: do not follow the parent */
    int parent_w, parent_h; /* device pixels */
    bool keys_off;          /* key events are not selected on our window */
    bool focus_wanted;      /* as soon as the window is mapped */
    auv_focus focus_kind;
    guint refocus_timer;
};

/* ---- webkitgtk.c ---- */

struct auvi_wk_view *auvi_wk_find(struct auvi_wk_engine *engine, uint32_t id);
void auvi_wk_report(struct auvi_wk_view *view, auv_event event);

/* ---- display.c ---- */

/* Open the display. AUV_ERR_NO_DISPLAY with a text that says what to do. */
int auvi_wk_display_open(struct auvi_wk_engine *engine);

/* ---- page.c ---- */

void auvi_wk_page_create(struct auvi_wk_view *view);
void auvi_wk_page_destroy(struct auvi_wk_view *view);
int auvi_wk_navigate(struct auvi_wk_view *view, uint32_t navigation,
                     const char *url);
int auvi_wk_load_html(struct auvi_wk_view *view, uint32_t navigation,
                      const char *html, size_t length);
void auvi_wk_reload(struct auvi_wk_view *view, uint32_t navigation);
void auvi_wk_stop(struct auvi_wk_view *view);
void auvi_wk_load_free(struct auvi_wk_load *load); /* NULL is fine */
/* At once, or when the load before it has started. Both take the load. */
void auvi_wk_begin_load(struct auvi_wk_view *view, struct auvi_wk_load *load);
void auvi_wk_request_load(struct auvi_wk_view *view, struct auvi_wk_load *load);
/* Put the page's own focus on its first or last element. */
void auvi_wk_focus_end(struct auvi_wk_view *view, bool last);

/* ---- page_lost.c ---- */

int auvi_wk_recover(struct auvi_wk_view *view, bool stopped);
/* The load takes the place of a lost page, or of the stand-in for one: a reload
 * is made a load of that page. */
void auvi_wk_replace_lost(struct auvi_wk_view *view, struct auvi_wk_load *load);
/* The stand-in's button was pressed: its page is on its way. */
bool auvi_wk_is_reload_link(struct auvi_wk_view *view, const char *url);

/* ---- page_link.c ---- */

char *auvi_wk_page_dir(void);
void auvi_wk_link_setup(struct auvi_wk_view *view);
void auvi_wk_link_committed(struct auvi_wk_view *view);
void auvi_wk_link_page_lost(struct auvi_wk_view *view);
/* The page that is there answers every navigation up to this number. */
void auvi_wk_tell_settled(struct auvi_wk_view *view, uint32_t navigation);
int auvi_wk_set_grants(struct auvi_wk_view *view, const char *const *origins,
                       size_t count);
int auvi_wk_attach_link(struct auvi_wk_view *view, uint32_t generation, int fd);

/* ---- remote_profile.c ---- */

void auvi_wk_set_allowed(struct auvi_wk_view *view, const char *const *patterns,
                         size_t count);
/* May a page of the view go to that address? */
bool auvi_wk_may_go(const struct auvi_wk_view *view, const char *url);
void auvi_wk_remote_settings(WebKitSettings *settings);
/* Tell the host that something was refused; `url` and `why` may be NULL. */
void auvi_wk_denied(struct auvi_wk_view *view, const char *what,
                    const char *url, const char *why);
const char *auvi_wk_permission_name(WebKitPermissionRequest *request);

/* ---- sandbox.c ---- */

/* Begin to find out; once, before anything else. */
void auvi_wk_sandbox_probe(void);
/* Wait for that: engine->sandbox and sandbox_reason are set then. */
void auvi_wk_sandbox_ready(struct auvi_wk_engine *engine);
/* Give page processes of the context one. */
void auvi_wk_sandbox_setup(struct auvi_wk_engine *engine,
                           WebKitWebContext *context);

/* ---- scheme.c ---- */

#define AUVI_WK_BASE_URL "auroraview://localhost/"
void auvi_wk_scheme_setup(struct auvi_wk_view *view);
void auvi_wk_scheme_add(struct auvi_wk_view *view, const char *scheme,
                        WebKitURISchemeRequestCallback on_scheme_request);
/* A page with this address is there now. */
void auvi_wk_scheme_committed(struct auvi_wk_view *view, const char *url);

/* ---- media.c ---- */

void auvi_wk_media_setup(struct auvi_wk_view *view);

/* ---- fetches.c ---- */

int auvi_wk_add_scheme(struct auvi_wk_view *view, const char *name,
                       int64_t timeout_ms);
int auvi_wk_answer_fetch(struct auvi_wk_view *view, uint32_t id,
                         const struct auvi_engine_answer *answer);
void auvi_wk_fetches_destroy(struct auvi_wk_view *view);

/* ---- window.c ---- */

/* Put the web view into a new window, own or borderless for embedding, in place
 * of the present one, if there is one. Reports NATIVE. */
void auvi_wk_window_renew(struct auvi_wk_view *view, bool embedded);
void auvi_wk_window_destroy(struct auvi_wk_view *view);
void auvi_wk_window_update_visible(struct auvi_wk_view *view);
void auvi_wk_window_set_bounds(struct auvi_wk_view *view, int x, int y, int w,
                               int h);
int auvi_wk_window_scale(const struct auvi_wk_view *view);
void auvi_wk_set_focus(struct auvi_wk_view *view, auv_focus focus);
void auvi_wk_report_focus(struct auvi_wk_view *view, bool focused);

/* ---- embed_x11.c ---- */

void auvi_wk_embed_init(struct auvi_wk_engine *engine);
void auvi_wk_embed_fini(struct auvi_wk_engine *engine);
/* Go into a foreign window. If there is no such window: PARENT_LOST. */
void auvi_wk_embed(struct auvi_wk_view *view, unsigned long parent);
void auvi_wk_embed_forget_parent(struct auvi_wk_view *view);
void auvi_wk_embed_set_bounds(struct auvi_wk_view *view, int x, int y, int w,
                              int h);
/* Top-level window of the host around the parent, 0 if there is none. */
unsigned long auvi_wk_embed_toplevel(const struct auvi_wk_view *view);
bool auvi_wk_is_ancestor(const struct auvi_wk_view *view, unsigned long window);

/* ---- focus_x11.c ---- */

void auvi_wk_select_keys(struct auvi_wk_view *view, bool on);
void auvi_wk_take_focus(struct auvi_wk_view *view, uint32_t time);
void auvi_wk_give_focus_back(struct auvi_wk_view *view);
void auvi_wk_focus_forget(struct auvi_wk_view *view);
/* The X focus is on our window or below it. */
bool auvi_wk_has_x_focus(const struct auvi_wk_view *view);
/* Look at a focus or crossing event of an embedded window before GDK does. */
GdkFilterReturn auvi_wk_focus_filter(struct auvi_wk_engine *engine,
                                     GdkXEvent *xevent);

#endif /* AUVI_WEBKITGTK_PRIV_H */
