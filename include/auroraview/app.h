/*
 * app.h - the application's side of everything: one queue of work for your
 * thread, and the four ways to be told that there is some.
 *
 *     host loop with descriptors   watch auv_app_fd(), call auv_app_process()
 *     host loop without            auv_app_set_wakeup(), post yourself a call
 *     timer                        call auv_app_process() from it
 *     no loop of your own          auv_app_run()
 *
 * Threads:  any, unless the function says otherwise.
 * Errors:   an int result is >= 0 on success, else a negative AUV_ERR_* code;
 *           auv_last_error_message() may say more.
 * Time:     int64_t milliseconds, monotonic clock.
 */
#ifndef AUV_APP_H
#define AUV_APP_H

#include "auroraview/base.h"

typedef struct auv_app auv_app;

/* Preset of limits for one auv_app_process(). */
typedef enum auv_preset {
    AUV_PRESET_STANDALONE = 0,     /* no limit */
    AUV_PRESET_QT_EMBEDDED = 1,    /* at most 100 messages */
    AUV_PRESET_LEGACY_EMBEDDED = 2 /* at most 50 messages */
} auv_preset;

/* What one auv_app_process() takes on. */
typedef enum auv_mode {
    AUV_MODE_PRESET = 0,   /* as the preset says: IPC_ONLY for QT_EMBEDDED,
                              else FULL */
    AUV_MODE_FULL = 1,     /* messages, and native events of this library's own
                              windows in this process (none where the engine
                              has its own process, as webkitgtk has) */
    AUV_MODE_IPC_ONLY = 2, /* messages only */
    AUV_MODE_BATCH = 3     /* at most batch_size messages, nothing else */
} auv_mode;

#define AUV_NEVER UINT32_MAX

/* What becomes of a view whose page process, or whose engine process, ends by
 * itself: docs/faults.md. */
typedef enum auv_recover {
    AUV_RECOVER_DEFAULT = 0,   /* a view: as its application; an application:
                                  AUTOMATIC */
    AUV_RECOVER_AUTOMATIC = 1, /* it comes back by itself as it was */
    AUV_RECOVER_MANUAL = 2     /* without its page it waits for
                                  auv_view_reload() or another page; without the
                                  engine it closes */
} auv_recover;

/* Start from AUV_APP_OPTIONS_INIT: `size` lets the struct grow. */
typedef struct auv_app_options {
    size_t size;
    const char *engine;      /* "webkitgtk", "null"; NULL: AURORAVIEW_BACKEND
                                from the environment, else "webkitgtk" */
    const char *engine_path; /* the engine program; NULL: AURORAVIEW_ENGINE_PATH
                                from the environment, else beside the library */
    auv_preset preset;
    int64_t tick_budget_us; /* microseconds one process call may take before it
                               leaves the rest for the next; 0: no limit */
    size_t queue_capacity;  /* messages waiting each way; 0: 10,000 */
    auv_mode mode;
    uint32_t batch_size;            /* of AUV_MODE_BATCH; > 0 there */
    uint32_t max_messages_per_tick; /* 0: as the preset says */
    /* Wake the host at most once in this many milliseconds for what can wait
     * (events that pages emit); 0: at once, always. Pages are then read by the
     * library's thread. What is put off is told when the time has
     * passed, whether or not more comes. */
    uint32_t batch_interval_ms;
    bool immediate_wake; /* with an interval: all but those events (calls of
                            pages, results, posts, closing) is told at once
                            all the same. True by default */
    auv_recover recover; /* of views that do not say it themselves */
    /* Milliseconds for which a page, or the engine, may leave unanswered what it
     * was sent before AUV_EVENT_UNRESPONSIVE; 0: 3,000; AUV_NEVER: any. */
    uint32_t unresponsive_ms;
} auv_app_options;

#define AUV_APP_OPTIONS_INIT                                              \
    {                                                                     \
        sizeof(auv_app_options), NULL, NULL, AUV_PRESET_STANDALONE, 0, 0, \
            AUV_MODE_PRESET, 0, 0, 0, true, AUV_RECOVER_DEFAULT, 0        \
    }

/* Results of auv_app_process(). */
enum {
    AUV_PROCESS_CONTINUE = 0,
    AUV_PROCESS_CLOSE_REQUESTED = 1 /* the last view has closed, or quit */
};

/* Make an application. The engine process starts with the first view, so that
 * a panel nobody opens costs nothing.
 *
 * threads: any
 * returns: AUV_OK and the application in *out
 * errors:  AUV_ERR_ARG - unknown engine, preset or mode, or a batch of 0;
 *          AUV_ERR_NOMEM; AUV_ERR_SYSTEM - no descriptor or thread to be had
 * owns:    the caller, until auv_app_destroy(); `options` (may be NULL) is
 *          copied
 * since:   0.1 */
AUV_API int auv_app_create(const auv_app_options *options, auv_app **out);

/* Close every view, end every waiting request with AUV_ERR_CLOSED, end the
 * engine process and the library's thread. Handlers that are due still run, on
 * this thread; none runs afterwards. Views that you still hold stay valid to
 * be released. Waits at most two seconds for the engine, then kills it, and at
 * most two for handlers on workers (see auv_view_bind_worker()).
 *
 * threads: any, but not inside a handler, and no other thread may be using
 *          `app`
 * returns: nothing
 * errors:  none; NULL is fine
 * owns:    takes app
 * since:   0.1 */
AUV_API void auv_app_destroy(auv_app *app);

/* A descriptor that polls readable while auv_app_process() has work. Watch it
 * level-triggered; never read it. From this call on the library expects you to
 * come when it is readable: page data is then received on your own thread.
 *
 * threads: any
 * returns: the descriptor
 * errors:  AUV_ERR_ARG
 * owns:    the library, until auv_app_destroy()
 * since:   0.1 */
AUV_API int auv_app_fd(auv_app *app);

/* Be told of work by a call instead: `fn` runs once per step from nothing to
 * do to something, on the library's thread (or, for work that a limit left
 * over, inside auv_app_process()), and must only post a call of
 * auv_app_process() to your own loop.
 *
 * threads: any, before the first view
 * returns: AUV_OK
 * errors:  AUV_ERR_ARG; AUV_ERR_STATE - there are views already
 * owns:    borrows fn and user until auv_app_destroy()
 * since:   0.1 */
AUV_API int auv_app_set_wakeup(auv_app *app, void (*fn)(void *user),
                               void *user);

/* Run the handlers of everything that has arrived, within the preset's limits.
 * What remains makes the descriptor readable, or the wakeup call, again.
 * Never blocks and never touches your event loop.
 *
 * threads: any, one at a time: normally your UI thread. Handlers run here.
 * returns: AUV_PROCESS_CONTINUE, or AUV_PROCESS_CLOSE_REQUESTED
 * errors:  AUV_ERR_ARG; AUV_ERR_BUSY - another thread is in it, or this call
 *          comes from inside a handler: nothing was done
 * owns:    borrows app
 * since:   0.1 */
AUV_API int auv_app_process(auv_app *app);

/* Wait for work and process it until the last view has closed or
 * auv_app_quit() was called. With no view yet it waits for one.
 *
 * threads: any, one at a time. Handlers run here.
 * returns: AUV_OK
 * errors:  as auv_app_process()
 * owns:    borrows app
 * since:   0.1 */
AUV_API int auv_app_run(auv_app *app);

/* Make auv_app_run() return, now or when it is next called.
 *
 * threads: any, handlers included
 * returns: nothing
 * errors:  none; NULL is fine
 * owns:    borrows app
 * since:   0.1 */
AUV_API void auv_app_quit(auv_app *app);

/* Run `fn` inside the next auv_app_process().
 *
 * threads: any
 * returns: AUV_OK; then fn runs exactly once, at the latest in
 *          auv_app_destroy()
 * errors:  AUV_ERR_ARG, AUV_ERR_NOMEM, AUV_ERR_QUEUE_FULL, AUV_ERR_CLOSED
 * owns:    borrows user until fn has run
 * since:   0.1 */
AUV_API int auv_app_post(auv_app *app, void (*fn)(void *user), void *user);

/* End the engine process, for instance when it has been unresponsive for too
 * long. Counts as its loss: its views come back, or close (AUV_RECOVER_MANUAL).
 *
 * threads: any
 * returns: AUV_OK once accepted, also if there is no engine
 * errors:  AUV_ERR_ARG - app is NULL; AUV_ERR_CLOSED
 * owns:    borrows app
 * since:   0.1 */
AUV_API int auv_app_kill_engine(auv_app *app);

/* What has happened so far, or since auv_app_reset_stats(). Counters only grow
 * in between; times are microseconds. */
typedef struct auv_app_stats {
    size_t size; /* set to sizeof(auv_app_stats) before the call */
    uint64_t messages_processed;
    uint64_t ticks_processed;
    uint64_t total_processing_time_us;
    uint64_t peak_tick_time_us;
    uint64_t batch_skips;       /* wakes saved because one was under way */
    uint64_t messages_sent;     /* handed to pages */
    uint64_t messages_dropped;  /* every drop that the contract allows:
                                  answers for documents that are gone, events
                                  for views that are closing */
    uint64_t handler_wakes;     /* times the host was woken */
    uint64_t deferred_wakes;    /* wakes put off by batch_interval_ms */
    uint64_t messages_received; /* accepted for auv_app_process() */
    uint64_t messages_failed;   /* refused with AUV_ERR_QUEUE_FULL, and waits
                                   for room given up */
    uint64_t retry_attempts;    /* races that threads lost while queueing */
    uint64_t peak_queue_length; /* of the longest queue, right to within 64 */
    /* From acceptance to the handler, and to the link of the page: of one
     * message in 256; 0: none yet. */
    uint64_t average_latency_us;
    uint64_t average_send_latency_us;
} auv_app_stats;

/* Read the counters, also while another thread processes.
 *
 * threads: any
 * returns: AUV_OK
 * errors:  AUV_ERR_ARG - app or stats is NULL, or size is 0
 * owns:    the caller's struct
 * since:   0.1 */
AUV_API int auv_app_get_stats(const auv_app *app, auv_app_stats *stats);

/* Set all counters to 0. What happens at the same time may be counted on either
 * side.
 *
 * threads: any, also while another thread processes
 * returns: AUV_OK
 * errors:  AUV_ERR_ARG - app is NULL
 * owns:    borrows app
 * since:   0.1 */
AUV_API int auv_app_reset_stats(auv_app *app);

/* ---- audit --------------------------------------------------------------- */

/* What was granted to a page, or refused. Texts are UTF-8 without control
 * characters, cut where they are long, and valid during the call. */
typedef struct auv_audit_entry {
    size_t size;
    uint64_t number;    /* grows by one with each entry */
    uint64_t count;     /* times that it happened in a row */
    int64_t time_ms;    /* of the last of them, since 1970 */
    uint32_t view;      /* auv_view_id() */
    bool granted;       /* else denied */
    const char *frame;  /* name of the frame; "" for the top document */
    const char *origin; /* "scheme://host[:port]", or as far as it is known */
    const char *what;   /* "bridge", "call NAME", "event NAME", "navigation",
                           "window", "download", "permission NAME", … */
    const char *why;    /* for people; "" if there is nothing to add */
} auv_audit_entry;

typedef void (*auv_audit_fn)(const auv_audit_entry *entry, void *user);

/* Read the entries after number `since` (0: all) that are still kept, oldest
 * first. The last 256 are. AURORAVIEW_LOG=info prints each as it comes.
 *
 * threads: any; fn runs on it, inside this call, and may call anything
 * returns: how many there were
 * errors:  AUV_ERR_ARG
 * owns:    borrows everything; entries are valid during their call
 * since:   0.1 */
AUV_API int auv_app_audit(auv_app *app, uint64_t since, auv_audit_fn fn,
                          void *user);

typedef struct auv_audit_counts {
    size_t size; /* set to sizeof(auv_audit_counts) before the call */
    uint64_t granted, denied;
    uint64_t lost; /* entries that are kept no more */
} auv_audit_counts;

/* How often something was granted and refused so far.
 *
 * threads: any
 * returns: AUV_OK
 * errors:  AUV_ERR_ARG - app or counts is NULL, or size is 0
 * owns:    the caller's struct
 * since:   0.1 */
AUV_API int auv_app_audit_counts(auv_app *app, auv_audit_counts *counts);

/* ---- the engine ---------------------------------------------------------- */

typedef enum auv_sandbox {
    AUV_SANDBOX_UNKNOWN = 0, /* no engine has started yet */
    AUV_SANDBOX_OFF = 1,
    AUV_SANDBOX_ON = 2 /* page processes see little of the machine */
} auv_sandbox;

typedef struct auv_engine_info {
    size_t size;   /* set to sizeof(auv_engine_info) before the call */
    char name[64]; /* engine and version: "webkitgtk 2.50.6"; "": not yet */
    auv_sandbox sandbox;
    char sandbox_reason[192]; /* why it is off */
} auv_engine_info;

/* What engine this application has. It starts with the first view.
 *
 * threads: any
 * returns: AUV_OK
 * errors:  AUV_ERR_ARG - app or info is NULL, or size is 0
 * owns:    the caller's struct
 * since:   0.1 */
AUV_API int auv_app_engine_info(auv_app *app, auv_engine_info *info);

#endif /* AUV_APP_H */
