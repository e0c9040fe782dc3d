/*
 * engine.h - what a web engine must be able to do.
 *
 * One const table of functions per engine, in its own folder. To add an
 * engine, copy null/ and put its table into registry.c.
 *
 *     null       in this process, no display, no script engine: for tests
 *     remote     forwards the table over a link to the engine program
 *     webkitgtk  GTK 3 and WebKitGTK; lives only inside the engine program
 *
 * An engine has one thread: the one that called create(). Every function here
 * is called on it, except `request_exit`; debug builds assert that. An engine
 * reports only through auvi_engine_on_event(), on its own thread, and may do so
 * from inside a call of the table. It never calls host code and never waits
 * for the host.
 *
 * Functions return AUV_OK once the engine has taken the order. What comes of it
 * is an event.
 */
#ifndef AUVI_ENGINE_H
#define AUVI_ENGINE_H

#include "auroraview/view.h"

struct auvi_engine;

#define AUVI_SCHEME_SIZE 33 /* of a scheme's name, with its NUL */

/* A page asks for a URL of one of the host's schemes. */
struct auvi_engine_fetch {
    uint32_t id;         /* unique among the view's open ones */
    const char *method;  /* GET or HEAD */
    const char *url;     /* as is `method`: borrowed */
    const char *headers; /* "Name: value\n", any number of times */
};

/* The answer to that. */
struct auvi_engine_answer {
    int status;
    const char *mime_type;
    const char *headers; /* as above; NULL: none */
    int fd; /* the body: `length` bytes of a regular file from `offset` on, or
               what comes out of a stream; -1: empty */
    bool is_file;
    uint64_t offset;
    uint64_t length; /* UINT64_MAX: not known, streams only */
};

/* What an engine reports. One struct for all kinds; fields as noted. */
enum auvi_engine_event_kind {
    AUVI_ENGINE_READY = 1, /* may be given views; text: engine and version, and
                              "; sandbox on" or "; sandbox off: why" */
    AUVI_ENGINE_FAILED,    /* cannot work or has ended: error, text. Last event
                              of the engine; all its views are gone */
    AUVI_ENGINE_VIEW,      /* something happened to a view: view, event. After
                              AUV_EVENT_CLOSED the id is never used again */
    AUVI_ENGINE_LINK_WANTED, /* a page process of the view has started and wants
                               its data link: view, generation (grows per view;
                               the answer is attach_link()) */
    AUVI_ENGINE_NAVIGATION_VOID, /* view, generation: the number of a navigation
                               that no document will answer, nor the earlier
                               ones that are still open */
    AUVI_ENGINE_COMMITTED, /* view; text: address of the top document that has
                              taken the other's place, as the engine itself
                              knows it, "" if it cannot tell. Behind the
                              LINK_WANTED of that document's process */
    AUVI_ENGINE_DENIED,    /* view; text: "what US address US why": the engine
                              has refused the page something */
    AUVI_ENGINE_FETCH,     /* view, fetch. At most 256 of a view are open */
    AUVI_ENGINE_FETCH_CANCELLED, /* view, generation: the fetch's id; nobody
                               waits for it any more. It may have been answered
                               already */
    AUVI_ENGINE_PONG             /* answers a ping(); nothing */
};

struct auvi_engine_event {
    enum auvi_engine_event_kind kind;
    int error;
    const char *text; /* borrowed; may be NULL */
    uint32_t view;
    uint32_t generation;
    const auv_event *event;                /* VIEW: borrowed */
    const struct auvi_engine_fetch *fetch; /* FETCH: borrowed */
};

/* Where the reports go: the core, or in the engine program the serving half of
 * `remote`. Runs on the engine's thread. */
struct auvi_engine_sink {
    void (*on_event)(void *ctx, const struct auvi_engine_event *event);
    void *ctx;
};

struct auvi_engine_config {
    struct auvi_engine_sink sink;
    const char *engine_path; /* remote: program to start; NULL: search */
};

struct auvi_engine_impl {
    const char *name;

    /* ---- the engine ---- */

    /* Whether create() has a chance: AUV_OK, or an error whose text says what
     * is missing. Any thread, quick. NULL: always. */
    int (*check)(const struct auvi_engine_config *config);

    /* AUV_OK and *out, or an error with nothing left behind. */
    int (*create)(const struct auvi_engine_config *config,
                  struct auvi_engine **out);
    /* Closes every view without reports. Waits at most two seconds. */
    void (*destroy)(struct auvi_engine *engine);

    /* ---- view ---- */

    /* `options` strings are borrowed. The first page is loaded with navigate()
     * or load_html(): url and html of the options are not looked at. Reports
     * AUV_EVENT_ACTIVE, AUV_EVENT_NATIVE. */
    int (*view_create)(struct auvi_engine *engine, uint32_t view,
                       const auv_view_options *options);
    /* Reports AUV_EVENT_CLOSED exactly once, also for an unknown id. */
    void (*view_close)(struct auvi_engine *engine, uint32_t view);
    /* `navigation` grows per view; 0: a jump within the page that is there. The
     * engine settles every number, a later one together with those before it.
     * The page that answers says AUVI_FRAME_NAVIGATED over its data link, behind
     * its HELLO; so does the one that is there when nothing came of it. Without
     * a page to say so the engine reports NAVIGATION_VOID. An error settles it
     * too. stop() settles all. */
    int (*navigate)(struct auvi_engine *engine, uint32_t view,
                    uint32_t navigation, const char *url);
    int (*load_html)(struct auvi_engine *engine, uint32_t view,
                     uint32_t navigation, const char *html, size_t length);
    int (*reload)(struct auvi_engine *engine, uint32_t view,
                  uint32_t navigation);
    int (*stop)(struct auvi_engine *engine, uint32_t view);
    /* Replace the list of grants (lines of base/grant.h); holds for documents
     * that are created from now on. */
    int (*set_grants)(struct auvi_engine *engine, uint32_t view,
                      const char *const *lines, size_t count);
    /* Of a view of the remote profile: replace the list of patterns of origins
     * (base/grant.h) that its pages may go to. */
    int (*set_allowed)(struct auvi_engine *engine, uint32_t view,
                       const char *const *patterns, size_t count);
    /* Give the page process that asked with LINK_WANTED its end of the data
     * link. Takes fd in any case. A stale generation just closes it. */
    int (*attach_link)(struct auvi_engine *engine, uint32_t view,
                       uint32_t generation, int fd);

    /* Report fetches of this scheme's URLs from now on; such a one that is not
     * answered within timeout_ms, the engine answers itself. */
    int (*add_scheme)(struct auvi_engine *engine, uint32_t view,
                      const char *scheme, int64_t timeout_ms);
    /* Takes answer->fd in any case; a fetch that is gone just closes it. */
    int (*answer)(struct auvi_engine *engine, uint32_t view, uint32_t fetch,
                  const struct auvi_engine_answer *answer);

    /* ---- window and embedding ---- */

    int (*set_title)(struct auvi_engine *engine, uint32_t view,
                     const char *title);
    int (*set_bounds)(struct auvi_engine *engine, uint32_t view, int32_t x,
                      int32_t y, int32_t width, int32_t height);
    int (*set_visible)(struct auvi_engine *engine, uint32_t view, bool visible);
    int (*set_parent)(struct auvi_engine *engine, uint32_t view,
                      auv_native parent);
    int (*set_focus)(struct auvi_engine *engine, uint32_t view,
                     auv_focus focus);
    int (*set_input)(struct auvi_engine *engine, uint32_t view, bool admitted);

    /* ---- recovery; NULL: the engine has no processes that it could lose ---- */

    /* After PAGE_LOST: load again what the lost page was, or was becoming,
     * unless another page has been asked for since. Or, with `stopped`, show in
     * its place that it does not come back, and a way to load it again. */
    int (*recover)(struct auvi_engine *engine, uint32_t view, bool stopped);
    /* Right behind view_create(): the view has been in an engine that was lost,
     * and so many links were given to it there. */
    int (*resume)(struct auvi_engine *engine, uint32_t view, uint32_t links);
    /* It has failed, in the core's eyes: end its process now. No reports follow;
     * destroy() does, and then need not wait for it to end by itself. */
    void (*give_up)(struct auvi_engine *engine);
    /* Report PONG from the engine's own loop. */
    int (*ping)(struct auvi_engine *engine);
    /* End the page's process, however busy it is. PAGE_LOST follows. */
    int (*kill_page)(struct auvi_engine *engine, uint32_t view);

    /* ---- event loop ---- */

    /* Descriptor that polls readable while poll_once() has work, or -1 for an
     * engine that runs its own loop. */
    int (*fd)(struct auvi_engine *engine);
    /* Handle what is there without waiting. */
    void (*poll_once)(struct auvi_engine *engine);
    /* So many orders wait in the engine that further ones should not be given
     * before a poll_once() has made room. NULL: never. */
    bool (*is_full)(const struct auvi_engine *engine);
    /* Run until request_exit(); NULL for engines that have no loop. */
    int (*run)(struct auvi_engine *engine);
    void (*request_exit)(struct auvi_engine *engine); /* any thread */
};

/* First member of every engine's own struct. */
struct auvi_engine {
    const struct auvi_engine_impl *impl;
    struct auvi_engine_sink sink;
    uint64_t thread; /* auvi_thread_self() of create(); 0: not checked */
};

/* Debug builds abort, and print the caller and both threads, unless this is
 * the engine's thread; release: nothing. */
void auvi_engine_assert_thread_at(const struct auvi_engine *engine,
                                  const char *caller);
#define auvi_engine_assert_thread(e) auvi_engine_assert_thread_at((e), __func__)

/* The one way for an engine to report. */
void auvi_engine_on_event(struct auvi_engine *engine,
                          const struct auvi_engine_event *event);

/* Shorthand for AUVI_ENGINE_VIEW: fills in size and empty text. */
void auvi_engine_on_view_event(struct auvi_engine *engine, uint32_t view,
                               auv_event event);

/* The tables; which of them a program has: registry.c. */
extern const struct auvi_engine_impl auvi_engine_null;
extern const struct auvi_engine_impl auvi_engine_remote;
extern const struct auvi_engine_impl auvi_engine_webkitgtk;

/* Table of the engine of that name among those built in, or NULL. */
const struct auvi_engine_impl *auvi_engine_find(const char *name);

#endif /* AUVI_ENGINE_H */
