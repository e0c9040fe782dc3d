/*
 * view.h - one web view: what it shows, what it calls, and how it is closed.
 *
 *     CREATING --> ACTIVE --> CLOSE_REQUESTED --> DESTROYING --> DESTROYED
 *
 * A view may skip states but never goes back, so a state once seen stays true
 * as a lower bound for ever. The table of legal steps: src/core/lifecycle.c.
 *
 * A view is usable at once: what is asked of it before its page is up waits
 * for the page, in order. After navigating, the same holds for the next page.
 *
 * Threads:  any, unless the function says otherwise. Handlers, observers and
 *           result functions run only inside auv_app_process(), on its thread,
 *           with no lock held: they may call anything here, close included.
 *           Only auv_view_bind_worker() puts a handler on another thread.
 * Errors:   an int result is >= 0 on success, else a negative AUV_ERR_* code;
 *           auv_last_error_message() may say more.
 * Strings:  UTF-8, copied before the call returns. Where a length follows, it
 *           may be AUV_NUL_TERMINATED.
 * Time:     int64_t milliseconds, monotonic clock.
 * Lengths:  CSS pixels for sizes that you give, device pixels in bounds.
 */
#ifndef AUV_VIEW_H
#define AUV_VIEW_H

#include "auroraview/app.h"
#include "auroraview/message.h"

typedef struct auv_view auv_view;
typedef struct auv_event auv_event;

/* Hears what happens to a view: auv_view_observe(). */
typedef void (*auv_event_fn)(auv_view *view, const auv_event *event,
                             void *user);

/* Values are ABI: never renumber, only append. A newer library may send a
 * value that is not listed here; treat it as AUV_STATE_CLOSE_REQUESTED. */
typedef enum auv_state {
    AUV_STATE_CREATING = 0,        /* engine is starting; calls are queued */
    AUV_STATE_ACTIVE = 1,          /* can load pages, run script and be shown */
    AUV_STATE_CLOSE_REQUESTED = 2, /* takes no new work; queued work drains */
    AUV_STATE_DESTROYING = 3,      /* engine side is being torn down */
    AUV_STATE_DESTROYED = 4        /* final; the handle is yours to release */
} auv_state;

typedef enum auv_close_reason {
    AUV_CLOSE_NONE = 0,        /* not closing */
    AUV_CLOSE_USER = 1,        /* the window's own close control */
    AUV_CLOSE_APP = 2,         /* auv_view_request_close() */
    AUV_CLOSE_PARENT_GONE = 3, /* the host destroyed the parent window */
    AUV_CLOSE_ENGINE_LOST = 4, /* the engine process ended, or never started */
    AUV_CLOSE_SHUTDOWN = 5     /* auv_app_destroy() */
} auv_close_reason;

/* A native window as the platform names it: an X11 window id here. */
typedef uintptr_t auv_native;

/* How far the pages of a view are trusted. Values are ABI. */
typedef enum auv_profile {
    AUV_PROFILE_LOCAL = 0, /* the application's own user interface */
    /* Pages that nobody here has written: no bridge whatever is listed, storage
     * that ends with the view, no clipboard, download, permission, further
     * window, file: or auroraview: URL, and no way to other origins than those
     * that the application named. */
    AUV_PROFILE_REMOTE = 1
} auv_profile;

/* Start from AUV_VIEW_OPTIONS_INIT: `size` lets the struct grow. */
typedef struct auv_view_options {
    size_t size;
    const char *title;      /* of an own window; NULL: "AuroraView" */
    int32_t width, height;  /* CSS pixels; 0: 800 x 600 */
    const char *url;        /* first page; wins over html; NULL: none */
    const char *html;       /* first page as text; NULL: none */
    const char *asset_root; /* folder served as auroraview://localhost/ */
    auv_native parent;      /* window to live inside; 0: an own window */
    bool hidden;            /* do not show until auv_view_set_visible() */
    bool dev_tools;         /* inspector and context menu entry for it */
    bool transparent;       /* page background shows what is below */
    bool context_menu;      /* the engine's own context menu */
    bool resizable;         /* an own window can be resized */
    bool decorated;         /* an own window has a frame */
    /* An observer from the first event on; one that is added later may miss
     * what has happened by then. Whatever auv_view_create() returns
     * (but for AUV_ERR_ARG), free_observer_user (may be NULL) is called with
     * observer_user once: when the view is gone, or at once. */
    auv_event_fn observer;
    void *observer_user;
    void (*free_observer_user)(void *user);
    auv_profile profile;
    /* REMOTE: where its pages may lead, besides the origins that url and
     * auv_view_navigate() name: origins, with "*." in front of the host also
     * its subdomains, or "*" alone for all. */
    const char *const *allowed;
    size_t allowed_count;
    const char *csp; /* Content-Security-Policy of every page of the view; NULL:
                        a strict one for files of the asset folder and of own
                        schemes (docs/content.md), none for html; "": none */
    auv_recover recover; /* when its page or engine is lost */
} auv_view_options;

#define AUV_VIEW_OPTIONS_INIT                                             \
    {                                                                     \
        sizeof(auv_view_options), NULL, 0, 0, NULL, NULL, NULL, 0, false, \
            false, false, true, true, true, NULL, NULL, NULL,             \
            AUV_PROFILE_LOCAL, NULL, 0, NULL, AUV_RECOVER_DEFAULT         \
    }

/* Open a view. Returns at once; the engine may still be starting. If it turns
 * out that it cannot (no display, WebKit missing), the view closes with
 * AUV_CLOSE_ENGINE_LOST, its AUV_EVENT_CLOSED carries the error and a text
 * that says what to do, and every waiting request ends with that error.
 *
 * threads: any
 * returns: AUV_OK and the view in *out
 * errors:  AUV_ERR_ARG; AUV_ERR_NOMEM; AUV_ERR_ENGINE_MISSING - the message
 *          names what was looked for; AUV_ERR_SYSTEM; AUV_ERR_CLOSED
 * owns:    the caller holds one reference: auv_view_unref() gives it back. The
 *          view itself lives on until it is closed.
 * since:   0.1 */
AUV_API int auv_view_create(auv_app *app, const auv_view_options *options,
                            auv_view **out);

/* Keep a view.
 *
 * threads: any
 * returns: view
 * errors:  none
 * owns:    the caller, until auv_view_unref()
 * since:   0.1 */
AUV_API auv_view *auv_view_ref(auv_view *view);

/* Give a view back, in any state. Does not close it.
 *
 * threads: any
 * returns: nothing
 * errors:  none; NULL is fine
 * owns:    takes the caller's reference
 * since:   0.1 */
AUV_API void auv_view_unref(auv_view *view);

/* Number of the view, unique in its application and never used again.
 *
 * threads: any
 * returns: the number, > 0
 * errors:  none
 * owns:    borrows view
 * since:   0.1 */
AUV_API uint32_t auv_view_id(const auv_view *view);

/* ---- closing ----------------------------------------------------------- */

/* Ask the view to close. Never blocks and never runs host code: observers hear
 * of it inside the next auv_app_process(). Legal while CREATING: it is honoured,
 * not lost. What was emitted before is still sent; calls of the page that wait
 * are not run, since nobody could get their answer.
 *
 * threads: any, also inside a wakeup callback
 * returns: 1 if this call closed it, 0 if it was closing (first reason wins)
 * errors:  AUV_ERR_ARG - view is NULL, or reason is NONE or unknown
 * owns:    borrows view; release it with auv_view_unref(), in any state
 * since:   0.1 */
AUV_API int auv_view_request_close(auv_view *view, auv_close_reason reason);

/* Snapshot of the state. May be stale on return, but only ever too early.
 *
 * threads: any, also inside a wakeup callback
 * returns: the state; *reason_out (may be NULL) is of the same instant
 * errors:  none
 * owns:    borrows view
 * since:   0.1 */
AUV_API auv_state auv_view_state(const auv_view *view,
                                 auv_close_reason *reason_out);

/* Wait until the view has reached `state` or gone past it. Runs no handlers.
 *
 * threads: any
 * returns: AUV_OK
 * errors:  AUV_ERR_ARG; AUV_ERR_TIMEOUT; when waiting for ACTIVE and the view
 *          closed instead: the error that closed it, else AUV_ERR_CLOSED
 * owns:    borrows view
 * since:   0.1 */
AUV_API int auv_view_wait_state(auv_view *view, auv_state state,
                                int64_t timeout_ms);

/* ---- content ----------------------------------------------------------- */

/* Load a page. A file:, auroraview: or loopback http(s): URL that you name here
 * is thereby granted the bridge (of a file: its folder and below); any other
 * origin is not, unless you list it with auv_view_allow_origin(). What is
 * emitted from now on waits for the page that comes of it; if none comes, it
 * goes to the page that is there.
 *
 * threads: any
 * returns: AUV_OK once accepted; the outcome is an event
 * errors:  AUV_ERR_ARG - no URL, or a javascript: one (use auv_view_eval());
 *          AUV_ERR_DENIED - remote profile, and neither http: nor https:;
 *          AUV_ERR_CLOSED; AUV_ERR_NOMEM; AUV_ERR_QUEUE_FULL
 * owns:    copies url
 * since:   0.1 */
AUV_API int auv_view_navigate(auv_view *view, const char *url);

/* Show a page given as text. Its address is auroraview://localhost/, so that
 * relative links reach the asset folder.
 *
 * threads: any
 * returns: AUV_OK once accepted; the outcome is an event
 * errors:  AUV_ERR_ARG, AUV_ERR_CLOSED, AUV_ERR_NOMEM, AUV_ERR_TOO_LARGE,
 *          AUV_ERR_QUEUE_FULL; AUV_ERR_DENIED - remote profile
 * owns:    copies html
 * since:   0.1 */
AUV_API int auv_view_load_html(auv_view *view, const char *html, size_t length);

/* Load the present page again.
 *
 * threads: any
 * returns: AUV_OK once accepted
 * errors:  AUV_ERR_ARG, AUV_ERR_CLOSED, AUV_ERR_QUEUE_FULL, AUV_ERR_NOMEM
 * owns:    borrows view
 * since:   0.1 */
AUV_API int auv_view_reload(auv_view *view);

/* End the page's process, for instance when the page has been unresponsive for
 * too long. Counts as its loss: the page comes back, or does not
 * (AUV_RECOVER_MANUAL).
 *
 * threads: any
 * returns: AUV_OK once accepted; AUV_EVENT_PAGE_LOST tells of the end
 * errors:  as auv_view_reload()
 * owns:    borrows view
 * since:   0.1 */
AUV_API int auv_view_kill_page(auv_view *view);

/* Stop loading.
 *
 * threads: any
 * returns: AUV_OK once accepted
 * errors:  as auv_view_reload()
 * owns:    borrows view
 * since:   0.1 */
AUV_API int auv_view_stop(auv_view *view);

/* Grant the bridge to the top-level pages of one more origin, written
 * "scheme://host[:port]", with all methods and events. Matched exactly; frames
 * inside a page get nothing. "file://" grants every file.
 *
 * threads: any
 * returns: AUV_OK
 * errors:  as auv_view_grant()
 * owns:    copies origin
 * since:   0.1 */
AUV_API int auv_view_allow_origin(auv_view *view, const char *origin);

/* Start from AUV_GRANT_OPTIONS_INIT: the top document, everything. */
typedef struct auv_grant_options {
    size_t size;
    /* Names, or patterns that end in '*': "assets.*". NULL: every name; a count
     * of 0 with a list that is not NULL: none. Events both ways. */
    const char *const *methods;
    size_t method_count;
    const char *const *events;
    size_t event_count;
    /* Frames inside a top document that is granted itself, by their names when
     * they load; the one entry "*": any of this origin. NULL: none. */
    const char *const *frames;
    size_t frame_count;
    bool not_top; /* these frames only, not the top document */
} auv_grant_options;

#define AUV_GRANT_OPTIONS_INIT                                      \
    {                                                               \
        sizeof(auv_grant_options), NULL, 0, NULL, 0, NULL, 0, false \
    }

/* Grant the bridge to documents of an origin, for these methods and events. It
 * holds for documents that load from now on, ends with each, and takes the place
 * of what was granted or denied to the origin before; a call of another method
 * rejects with PermissionDenied, and another event is dropped.
 *
 * threads: any
 * returns: AUV_OK
 * errors:  AUV_ERR_ARG - not an origin, or a name or pattern that is none;
 *          AUV_ERR_DENIED - the view is of the remote profile; AUV_ERR_CLOSED,
 *          AUV_ERR_NOMEM, AUV_ERR_QUEUE_FULL
 * owns:    copies everything; options may be NULL
 * since:   0.1 */
AUV_API int auv_view_grant(auv_view *view, const char *origin,
                           const auv_grant_options *options);

/* Take back what an origin was granted, also by loading its page: at once, also
 * for documents that are there.
 *
 * threads: any
 * returns: AUV_OK, also if nothing was granted
 * errors:  AUV_ERR_ARG - not an origin; AUV_ERR_CLOSED, AUV_ERR_NOMEM,
 *          AUV_ERR_QUEUE_FULL
 * owns:    copies origin
 * since:   0.1 */
AUV_API int auv_view_deny_origin(auv_view *view, const char *origin);

/* ---- script and events ------------------------------------------------- */

/* `error` is AUV_OK or why there is no result; `result` is the script's value,
 * or {"name","message","stack"[,"code"][,"data"]} with AUV_ERR_SCRIPT, else
 * NULL. */
typedef void (*auv_result_fn)(auv_view *view, int error,
                              const auv_message *result, void *user);

/* Run a script in the page and have its value, awaited if it is a promise. `fn`
 * is called exactly once, whatever happens; it may be NULL.
 *
 * threads: any
 * returns: AUV_OK once accepted
 * errors:  AUV_ERR_ARG, AUV_ERR_CLOSED, AUV_ERR_NOMEM, AUV_ERR_TOO_LARGE,
 *          AUV_ERR_QUEUE_FULL: then fn is not called
 * owns:    copies script; borrows user until fn has run
 * since:   0.1 */
AUV_API int auv_view_eval(auv_view *view, const char *script, size_t length,
                          int64_t timeout_ms, auv_result_fn fn, void *user);

/* Run a script and wait for its value. Works on every thread and in every
 * mode: neither the engine nor the page ever waits for the host, so this
 * cannot deadlock. Runs no handlers meanwhile.
 *
 * threads: any, handlers included
 * returns: AUV_OK and the value in *out
 * errors:  as auv_view_eval(), and AUV_ERR_TIMEOUT, AUV_ERR_ENGINE_LOST,
 *          AUV_ERR_SCRIPT (then *out is the error object)
 * owns:    the caller gets *out (may be NULL): auv_message_unref()
 * since:   0.1 */
AUV_API int auv_view_eval_wait(auv_view *view, const char *script,
                               size_t length, int64_t timeout_ms,
                               auv_message **out);

/* Send an event to the page. Never blocks.
 *
 * threads: any
 * returns: AUV_OK once accepted: the page then gets it, unless it dies or is
 *          navigated away first
 * errors:  AUV_ERR_ARG; AUV_ERR_CLOSED - counted as dropped while the view is
 *          closing; AUV_ERR_NOMEM;
 *          AUV_ERR_TOO_LARGE; AUV_ERR_QUEUE_FULL
 * owns:    copies everything; json NULL means null
 * since:   0.1 */
AUV_API int auv_view_emit(auv_view *view, const char *name, size_t name_length,
                          const char *json, size_t json_length,
                          const auv_part *parts, size_t part_count);

/* Send an event of which only the newest counts, such as a progress or a state.
 * If an earlier one of this name, sent by this function, still waits for the
 * page, this one takes its place, in its place of the order; what it replaces is
 * gone and not counted as dropped. Otherwise like auv_view_emit(). Never
 * blocks, and holds one message per name however long the page does not read.
 *
 * threads: any
 * returns: AUV_OK once accepted: then the page gets it or a newer one, unless it
 *          dies or is navigated away first
 * errors:  as auv_view_emit(), but AUV_ERR_QUEUE_FULL only for a name that is
 *          new to the view when it has 256 such names already; a name that was
 *          accepted once is never refused for want of room
 * owns:    copies everything; json NULL means null
 * since:   0.1 */
AUV_API int auv_view_emit_latest(auv_view *view, const char *name,
                                 size_t name_length, const char *json,
                                 size_t json_length, const auv_part *parts,
                                 size_t part_count);

/* Send an event and wait for room, where auv_view_emit() would say
 * AUV_ERR_QUEUE_FULL: for a thread that makes data faster than the page takes
 * it. Runs no handlers meanwhile. timeout_ms 0 does not wait; below 0 means
 * without end.
 *
 * threads: any, handlers included
 * returns: AUV_OK once accepted, as auv_view_emit()
 * errors:  as auv_view_emit(), but instead of AUV_ERR_QUEUE_FULL:
 *          AUV_ERR_TIMEOUT; AUV_ERR_CLOSED also when the view closes meanwhile
 * owns:    copies everything; json NULL means null
 * since:   0.1 */
AUV_API int auv_view_emit_wait(auv_view *view, const char *name,
                               size_t name_length, const char *json,
                               size_t json_length, const auv_part *parts,
                               size_t part_count, int64_t timeout_ms);

/* Answers a call: now, or later after auv_call_ref(). */
typedef void (*auv_call_fn)(auv_view *view, auv_call *call, void *user);

/* Let granted pages call `name`. A second bind of the name replaces the first.
 *
 * threads: any; takes effect before anything that arrives later
 * returns: AUV_OK
 * errors:  AUV_ERR_ARG, AUV_ERR_CLOSED, AUV_ERR_NOMEM, AUV_ERR_TOO_LARGE
 * owns:    borrows user until free_user (may be NULL) is called with it,
 *          inside auv_app_process() or auv_app_destroy(), when the binding is
 *          gone; on an error it is not called
 * since:   0.1 */
AUV_API int auv_view_bind(auv_view *view, const char *name, size_t name_length,
                          auv_call_fn fn, void *user,
                          void (*free_user)(void *user));

/* Let granted pages call `name`, and run `fn` on a thread of the library's:
 * for work that would hold up the thread that processes. There are at most four
 * such threads in an application, started when first needed; calls that find
 * them busy wait, in order. A call that is cancelled before its turn is not
 * run. `fn` has the thread to itself and may wait, but should look at
 * auv_call_is_cancelled() now and then: auv_app_destroy() waits two seconds for
 * it, then leaves its thread behind. From then on, which is once the view is
 * AUV_STATE_DESTROYED, it may use only that view, this call, and nothing else
 * of the library.
 *
 * threads: any; takes effect before anything that arrives later
 * returns: AUV_OK
 * errors:  as auv_view_bind()
 * owns:    as auv_view_bind(); but free_user may run on such a thread
 * since:   0.1 */
AUV_API int auv_view_bind_worker(auv_view *view, const char *name,
                                 size_t name_length, auv_call_fn fn, void *user,
                                 void (*free_user)(void *user));

/* Take a binding back.
 *
 * threads: any
 * returns: AUV_OK, also if nothing was bound
 * errors:  AUV_ERR_ARG, AUV_ERR_NOMEM
 * owns:    see auv_view_bind()
 * since:   0.1 */
AUV_API int auv_view_unbind(auv_view *view, const char *name,
                            size_t name_length);

/* Tell pages which methods are bound, now and whenever a granted one comes up:
 * auroraview.<namespace>.<method>() exists in them from then on. `json` is an
 * object of arrays, {"tool":["load","save"],"":["ping"]}, with methods that
 * have no namespace under "". It replaces an earlier list; what a page has
 * already stays. Binding works without; a page then writes
 * auroraview.call("tool.load").
 *
 * threads: any
 * returns: AUV_OK
 * errors:  AUV_ERR_ARG, AUV_ERR_CLOSED, AUV_ERR_NOMEM, AUV_ERR_TOO_LARGE; text
 *          that is no such object is ignored by the page
 * owns:    copies json
 * since:   0.1 */
AUV_API int auv_view_set_methods(auv_view *view, const char *json,
                                 size_t length);

typedef void (*auv_message_fn)(auv_view *view, const auv_message *message,
                               void *user);

/* Listen to an event that granted pages emit. A name of length 0 hears all
 * events that nobody listens to by name.
 *
 * threads: any; takes effect before anything that arrives later
 * returns: the number of the listener, > 0, for auv_view_off()
 * errors:  AUV_ERR_ARG, AUV_ERR_CLOSED, AUV_ERR_NOMEM, AUV_ERR_TOO_LARGE
 * owns:    as auv_view_bind()
 * since:   0.1 */
AUV_API int auv_view_on(auv_view *view, const char *name, size_t name_length,
                        auv_message_fn fn, void *user,
                        void (*free_user)(void *user));

/* Stop listening.
 *
 * threads: any; inside a handler it takes effect at once
 * returns: AUV_OK, also if there is no such listener
 * errors:  AUV_ERR_ARG, AUV_ERR_NOMEM
 * owns:    see auv_view_bind()
 * since:   0.1 */
AUV_API int auv_view_off(auv_view *view, int listener);

/* ---- what happens to the view ------------------------------------------ */

/* Values are ABI: never renumber, only append; ignore what you do not know. */
typedef enum auv_event_kind {
    AUV_EVENT_ACTIVE = 1,          /* the engine side exists */
    AUV_EVENT_CLOSE_REQUESTED = 2, /* by whom: reason */
    AUV_EVENT_CLOSED = 3,          /* last event; reason, error, text */
    AUV_EVENT_LOAD_STARTED = 4,    /* text: URL */
    AUV_EVENT_LOAD_COMMITTED = 5,  /* text: URL; the old page is gone */
    AUV_EVENT_LOADED = 6,          /* text: URL */
    AUV_EVENT_LOAD_FAILED = 7,     /* text: what and why; error */
    AUV_EVENT_PAGE_READY = 8,      /* the bridge is up in a granted page */
    AUV_EVENT_PAGE_LOST = 9,       /* page process ended; text: why; x: an
                                      auv_recovery */
    AUV_EVENT_TITLE = 10,          /* text */
    AUV_EVENT_URL = 11,            /* text */
    AUV_EVENT_FOCUS_IN = 12,       /* the view has the keyboard */
    AUV_EVENT_FOCUS_OUT = 13,      /* and has it no more */
    AUV_EVENT_FOCUS_LEAVE = 14,    /* Tab went past an end; x: 1 on, -1 back */
    AUV_EVENT_RESIZED = 15,        /* width, height */
    AUV_EVENT_MOVED = 16,          /* x, y */
    AUV_EVENT_SHOWN = 17,
    AUV_EVENT_HIDDEN = 18,
    AUV_EVENT_PARENT_LOST = 19,  /* foreign parent destroyed; give another with
                                    auv_view_set_parent(), or close */
    AUV_EVENT_PROGRESS = 20,     /* x: percent */
    AUV_EVENT_SCRIPT_ERROR = 21, /* a granted page threw and nobody caught it;
                                    text: what, source and y: file and line */
    AUV_EVENT_NATIVE = 22,       /* native: the view's own window exists */
    AUV_EVENT_DESTROYING = 23,  /* its engine side is being torn down; reason */
    AUV_EVENT_RECOVERED = 24,   /* after PAGE_LOST or ENGINE_LOST a page is up
                                  again; x: AUV_LOST_PAGE or AUV_LOST_ENGINE */
    AUV_EVENT_ENGINE_LOST = 25, /* engine process ended; error, text: why; x: an
                                  auv_recovery. CLOSED follows unless x is
                                  AUV_RECOVERY_UNDER_WAY */
    AUV_EVENT_UNRESPONSIVE = 26, /* page or engine has not answered for
                                  unresponsive_ms; text: which. Wait, or end it:
                                  auv_view_kill_page(), auv_app_kill_engine() */
    AUV_EVENT_RESPONSIVE = 27 /* after UNRESPONSIVE: it answers again. PAGE_LOST
                                  or ENGINE_LOST come instead, if it has ended */
} auv_event_kind;

/* What a loss has led to: x of PAGE_LOST and ENGINE_LOST. */
typedef enum auv_recovery {
    AUV_RECOVERY_NONE = 0,      /* nothing: AUV_RECOVER_MANUAL, or closing */
    AUV_RECOVERY_UNDER_WAY = 1, /* RECOVERED follows */
    AUV_RECOVERY_STOPPED = 2    /* the third loss in a minute: the page is
                                   replaced by one with a button that loads it
                                   again; without its engine the view closes */
} auv_recovery;

/* What was lost: x of RECOVERED. */
enum {
    AUV_LOST_PAGE = 1,
    AUV_LOST_ENGINE = 2
};

struct auv_event {
    size_t size;
    auv_event_kind kind;
    auv_close_reason reason;
    int error;        /* an AUV_ERR_* code or AUV_OK */
    const char *text; /* never NULL; valid during the call */
    int32_t x, y, width, height;
    auv_native native;
    const char *source; /* SCRIPT_ERROR; else NULL. As text */
};

/* Hear what happens to the view: each thing once, in order. Observers may add
 * and remove observers. One that is added late hears ACTIVE and NATIVE again,
 * if they have been.
 *
 * threads: any; takes effect before anything that happens later
 * returns: the number of the observer, > 0, for auv_view_off()
 * errors:  AUV_ERR_ARG, AUV_ERR_CLOSED, AUV_ERR_NOMEM
 * owns:    as auv_view_bind()
 * since:   0.1 */
AUV_API int auv_view_observe(auv_view *view, auv_event_fn fn, void *user,
                             void (*free_user)(void *user));

/* ---- window ------------------------------------------------------------ */

/* Title of an own window.
 *
 * threads: any
 * returns: AUV_OK once accepted
 * errors:  AUV_ERR_ARG, AUV_ERR_CLOSED, AUV_ERR_NOMEM, AUV_ERR_QUEUE_FULL
 * owns:    copies title
 * since:   0.1 */
AUV_API int auv_view_set_title(auv_view *view, const char *title);

/* Place and size: of an own window on the screen, or inside the parent. A view
 * in a foreign parent follows the parent's size by itself; use this only where
 * the host wants it elsewhere. Width or height <= 0 keeps the present one.
 *
 * threads: any
 * returns: AUV_OK once accepted
 * errors:  as auv_view_set_title()
 * owns:    borrows view
 * since:   0.1 */
AUV_API int auv_view_set_bounds(auv_view *view, int32_t x, int32_t y,
                                int32_t width, int32_t height);

/* Show or hide. A hidden page draws nothing and runs no animation.
 *
 * threads: any
 * returns: AUV_OK once accepted
 * errors:  as auv_view_set_title()
 * owns:    borrows view
 * since:   0.1 */
AUV_API int auv_view_set_visible(auv_view *view, bool visible);

/* Move the view into another native window, or with 0 into an own one. The
 * page goes on as it is.
 *
 * threads: any
 * returns: AUV_OK once accepted
 * errors:  as auv_view_set_title()
 * owns:    borrows the native window until the next call or the close
 * since:   0.1 */
AUV_API int auv_view_set_parent(auv_view *view, auv_native parent);

typedef enum auv_focus {
    AUV_FOCUS_OUT = 0,   /* give the keyboard up */
    AUV_FOCUS_IN = 1,    /* take it; the page's focus stays where it was */
    AUV_FOCUS_FIRST = 2, /* Tab came in: first element of the page */
    AUV_FOCUS_LAST = 3   /* Shift+Tab came in: last element */
} auv_focus;

/* Give the keyboard to the view, or take it away.
 *
 * threads: any
 * returns: AUV_OK once accepted
 * errors:  as auv_view_set_title(); AUV_ERR_ARG - unknown value
 * owns:    borrows view
 * since:   0.1 */
AUV_API int auv_view_set_focus(auv_view *view, auv_focus focus);

/* Block or admit mouse and keyboard, e.g. while the host shows a modal dialog.
 *
 * threads: any
 * returns: AUV_OK once accepted
 * errors:  as auv_view_set_title()
 * owns:    borrows view
 * since:   0.1 */
AUV_API int auv_view_set_input(auv_view *view, bool admitted);

#endif /* AUV_VIEW_H */
