/*
 * core.h - the structs that the files of this folder share, and who may touch
 * which field.
 *
 * Threads in here:
 *   host threads   any; they push into the queues and, inside
 *                  auv_app_process(), are "the consumer" of the inbox
 *   link thread    one per application; the only one that calls the engine
 *
 *            push                        pop
 *   inbox    receiver, link thread,      the consumer     handlers run
 *            host threads (posts, ops)
 *   control  host threads                link thread      engine calls
 *   outbox   host threads, consumer      holder of        frames to pages
 *                                        send_lock
 *
 * Two roles move between threads, each behind a lock that is only ever tried on
 * the hot path: the receiver reads the data links (receive_lock), the sender
 * writes them (send_lock). Whoever fails to get one leaves the work to the
 * holder, who looks again before and after letting go. No host code runs under
 * either. Lock order: APP < RECEIVE < SEND < REGISTRY < LEAF.
 */
#ifndef AUVI_CORE_H
#define AUVI_CORE_H

#include "base/base.h"
#include "base/origin.h"
#include "core/audit.h"
#include "core/call_table.h"
#include "core/document.h"
#include "core/heartbeat.h"
#include "core/lifecycle.h"
#include "core/message.h"
#include "core/permit.h"
#include "core/processor.h"
#include "core/queue.h"
#include "core/recover.h"
#include "core/request.h"
#include "core/wake.h"
#include "core/workers.h"
#include "engine/engine.h"
#include "wire/link.h"

#include "auroraview/auroraview.h"

/* ---- inbox items (dispatch.c is the one switch over them) --------------- */

enum auvi_item_kind {
    AUVI_ITEM_CALL,       /* call */
    AUVI_ITEM_CANCELLED,  /* call, with what was to run then */
    AUVI_ITEM_EVENT,      /* message: the page emitted */
    AUVI_ITEM_RESULT,     /* request, error, message */
    AUVI_ITEM_HANDLER_OP, /* op: bind, unbind, on, off, observe */
    AUVI_ITEM_VIEW_EVENT, /* event: tell observers */
    AUVI_ITEM_LATEST,     /* latest[slot] of the view holds an event */
    AUVI_ITEM_STATE,      /* the view's state has changed (state.c) */
    AUVI_ITEM_CHANNEL,    /* channel has an event */
    AUVI_ITEM_OFFER,      /* offer: the page has opened a channel */
    AUVI_ITEM_POST,       /* post */
    AUVI_ITEM_FETCH,      /* fetch: a page asks for a URL of the host's */
    AUVI_ITEM_ROOM,       /* fetch: its body has room, or has ended */
    AUVI_ITEM_CLOSED      /* event: tell observers, then forget the view */
};

struct auvi_item {
    enum auvi_item_kind kind;
    struct auvi_item *next; /* spill_lock */
    auv_view *view;         /* a reference; NULL for POST, FETCH, ROOM */
    union {
        struct auv_call *call;
        struct auv_fetch *fetch;
        struct auv_message *message;
        struct {
            struct auvi_request request;
            struct auv_message *message;
            int error;
        } result;
        struct auvi_handler_op *op;
        struct auvi_view_event *event;
        unsigned slot;
        struct auv_channel *channel; /* a reference */
        struct auvi_offer *offer;
        struct {
            void (*fn)(void *user);
            void *user;
        } post;
    } u;
};

/* An auv_event with its text behind it. */
struct auvi_view_event {
    auv_event event;
    char text[];
};

/* ---- control items (link_thread.c runs them) ---------------------------- */

enum auvi_order_kind {
    AUVI_ORDER_CREATE,
    AUVI_ORDER_CLOSE,
    AUVI_ORDER_NAVIGATE,
    AUVI_ORDER_HTML,
    AUVI_ORDER_RELOAD,
    AUVI_ORDER_STOP,
    AUVI_ORDER_GRANT, /* text: a line of base/grant.h */
    AUVI_ORDER_DENY,  /* text: origin */
    AUVI_ORDER_TITLE,
    AUVI_ORDER_BOUNDS,
    AUVI_ORDER_VISIBLE,
    AUVI_ORDER_PARENT,
    AUVI_ORDER_FOCUS,
    AUVI_ORDER_INPUT,
    AUVI_ORDER_SCHEME, /* text, a: milliseconds */
    AUVI_ORDER_ANSWER, /* navigation: the fetch; answer */
    AUVI_ORDER_KILL_PAGE
};

struct auvi_order {
    enum auvi_order_kind kind;
    auv_view *view; /* a reference */
    uint32_t navigation;
    int32_t a, b, c, d;
    auv_native native;
    auv_view_options *options;         /* CREATE: a deep copy */
    struct auvi_engine_answer *answer; /* ANSWER: the order's own */
    size_t length;
    char text[];
};

/* ---- the application ---------------------------------------------------- */

/* Where the figures of a queue stood at the last reset. */
struct auvi_queue_base {
    _Atomic uint64_t sent, failed, dropped, retries;
    _Atomic uint64_t latency_ns, latency_samples;
};

enum {
    AUVI_OWED_STEP = 1,  /* the consumer sleeps and has something to do */
    AUVI_OWED_URGENT = 2 /* which cannot wait for a batch */
};

struct auv_app {
    /* fixed after create */
    const struct auvi_engine_impl *engine_impl;
    char *engine_path;
    size_t capacity;
    struct auvi_queue *inbox, *control, *outbox;
    struct auvi_wake *inbox_wake; /* consumer */
    int link_wake_fd;             /* link thread: control, outbox, deadlines */
    int poller;                   /* host: inbox wake, links_poller */
    int links_poller;             /* data links, key = the view's address */
    int link_poller;              /* link thread */
    struct auvi_requests *requests;
    struct auvi_processor processor;
    struct auvi_thread *thread;
    bool has_callback;
    bool batches_wakes; /* a batch interval is set */
    auv_recover recover;
    int64_t unresponsive_us; /* silent for so long is late; 0: never */

    _Atomic bool host_receives;  /* the host polls the links by itself */
    _Atomic unsigned wake_owed;  /* AUVI_OWED_*: to the wakeup callback, by the
                                   link thread */
    _Atomic int64_t wake_due_us; /* a wake was put off until then; 0: none */
    _Atomic bool quit;
    _Atomic bool stopping;    /* auv_app_destroy() has begun */
    _Atomic bool kill_wanted; /* auv_app_kill_engine() */
    _Atomic bool beats_owed;  /* the link thread must look (heartbeat.c) */
    _Atomic uint64_t sent, dropped;
    /* Host's threads asleep in here: then the link thread reads the links. */
    _Atomic uint32_t sync_waiters;
    _Atomic uint64_t wakes_base, deferred_base; /* at the last reset */
    struct auvi_queue_base inbox_base, control_base, outbox_base;
    _Atomic int64_t link_deadline_us; /* when the link thread wakes next */
    _Atomic bool receive_stalled;     /* the inbox was full */
    _Atomic bool receive_again;       /* read packets hold more frames */
    _Atomic bool parking;             /* there are parked items */
    _Atomic bool resume_wanted;       /* a paused link may be read again */
    _Atomic uint32_t paused_views;
    _Atomic uint64_t calls_handled; /* written by the consumer */
    int64_t spin_us;       /* how long to look for a next call; 0: never */
    uint32_t page_spin_us; /* likewise of its pages, for an answer */
    bool rings;            /* its links have rings */
    struct auvi_workers *workers; /* consumer; NULL: none yet */
    bool sender_woken;     /* consumer: the link thread, since the last flush */
    bool replies_deferred; /* consumer: answers wait for auvi_send_flush() */

    struct auvi_audit audit;

    /* info_lock: what the engine has told of itself */
    struct auvi_mutex info_lock;
    auv_engine_info info;

    /* registry_lock: views, counts, ids */
    struct auvi_mutex registry_lock;
    struct auv_view *views; /* each holds one reference while listed */
    uint32_t next_view_id;
    _Atomic uint32_t open_views; /* listed ones; read without the lock */
    _Atomic bool had_views;

    /* spill_lock: what must not be lost and found the inbox full */
    struct auvi_mutex spill_lock;
    struct auvi_item *spill, **spill_tail;
    _Atomic bool spilled; /* there is some */

    /* bodies_lock: bodies that are being written (body.c) */
    struct auvi_mutex bodies_lock;
    struct auv_fetch *bodies;
    uint32_t next_body;

    /* receive_lock: who reads the links */
    struct auvi_mutex receive_lock;
    struct auv_view *rest, **rest_tail; /* left in the middle of a packet */
    struct auv_view *linked;            /* views with a registered link */
    _Atomic bool
        links_awake; /* some of their bells may be silent: see receive.c */
    struct auvi_item *parked, **parked_tail; /* read, and no room for them */
    size_t parked_count;

    /* send_lock: who writes the links */
    struct auvi_mutex send_lock;
    _Atomic(struct auv_view *) flush; /* whose backlog may move now (send.c) */

    /* link thread only */
    struct auvi_engine *engine;
    bool engine_failed;
    bool engine_ready;   /* READY has come of the present one */
    bool engine_returns; /* the present one was started for lost views */
    struct auvi_guard engine_guard;
    bool engine_owed; /* it was given something since it was asked */
    struct auvi_beat engine_beat;
    int64_t beat_due_us; /* the earliest of all */
    int engine_error;
    char *engine_text;
    int engine_fd;              /* registered in link_poller; -1 none */
    bool link_thread_polls;     /* links_poller is in link_poller */
    int64_t close_deadline_us;  /* the earliest of its views; 0: none */
    int64_t engine_deadline_us; /* lost, if it says nothing until then; or 0 */
    int64_t link_retry_us;      /* some view's link could not be made; or 0 */
};

struct auvi_scheme {
    char name[AUVI_SCHEME_SIZE];
    int64_t timeout_ms;
};

/* Latest-wins events of a view: only the newest of each is told. */
enum auvi_latest {
    AUVI_LATEST_TITLE,
    AUVI_LATEST_URL,
    AUVI_LATEST_PROGRESS,
    AUVI_LATEST_RESIZED,
    AUVI_LATEST_MOVED,
    AUVI_LATEST_COUNT
};

struct auvi_handlers; /* handlers.c; consumer only */

#define AUVI_SLOTS_MAX 256 /* names of latest-wins messages in a view's life */

/* What is emitted under one name with "latest wins" (send.c). */
struct auvi_slot {
    _Atomic(struct auvi_slot *) next;
    _Atomic(struct auv_message *) newest;
    _Atomic uint32_t navigation; /* of the newest, or of one just before */
    _Atomic bool owed; /* the token found the outbox full: see the view */
    /* Stands for the newest message in the outbox and among what is held; it
     * carries the name. On its way while `newest` is not NULL. */
    struct auv_message *token;
};

struct auv_view {
    _Atomic uint32_t refs;
    struct auvi_lifecycle lifecycle;
    _Atomic uint32_t lifecycle_futex; /* counts steps, for waiting threads */
    struct auv_app *app;
    uint32_t id;
    struct auvi_order *close_order; /* whoever closes the view sends it */
    struct auv_view *next;          /* registry_lock */

    _Atomic uint32_t navigation; /* asked for so far */
    _Atomic uint32_t document;   /* generation of the top document, 0: none */
    _Atomic uint32_t document_granted; /* of the last one that may call us */
    /* Settled so far: what waits for these goes to the document that is there,
     * or to the next one. Only grows. */
    _Atomic uint32_t document_navigation;
    _Atomic int64_t waiting_bytes; /* of what its page has the host hold */
    _Atomic int32_t waiting_fds;   /* likewise (pressure.c) */
    _Atomic bool paused;           /* its link is not read meanwhile */
    _Atomic uint32_t backlog;      /* messages accepted and not yet sent */
    _Atomic uint32_t room; /* futex: moved when somebody waits for room */
    _Atomic uint32_t room_wanted;      /* 1: somebody waits for it */
    _Atomic(struct auvi_slot *) slots; /* only ever appended to */
    _Atomic bool flush_queued;         /* it is in app->flush */
    _Atomic bool writable;             /* its blocked link takes bytes again */
    struct auv_view *flush_next;       /* whoever has set flush_queued */
    _Atomic int next_listener;
    _Atomic(struct auvi_view_event *) latest[AUVI_LATEST_COUNT];
    _Atomic uintptr_t native;
    _Atomic uint32_t frames[AUVI_FRAMES_MAX]; /* generations; 0: none */
    _Atomic int hearing;                      /* document.c */
    struct auvi_permits permits;              /* its own lock */
    auv_profile profile;                      /* fixed */
    _Atomic bool owed;      /* it was sent something since it was asked */
    _Atomic uint32_t heard; /* times that something has come from its page */
    _Atomic unsigned late;  /* AUVI_LATE_*; receive_lock to change */

    /* receive_lock and send_lock together to change, either to use */
    struct auvi_link *link;
    /* send_lock */
    struct auv_message *held, **held_tail;
    bool link_blocked;    /* waits for POLL_OUT */
    uint64_t *sent_evals; /* ids; some of them may have ended */
    size_t sent_eval_count, sent_eval_space;
    /* receive_lock */
    struct auvi_documents *documents;
    bool link_registered; /* holds a reference of the view */
    bool in_rest;         /* it is in app->rest, which holds a reference */
    struct auv_view *rest_next;
    struct auv_view *linked_next; /* while link_registered */

    /* calls_lock: the unanswered ones */
    struct auvi_mutex calls_lock;
    struct auvi_call_table calls;
    /* Calls that exist, and what their messages hold (call.c). */
    _Atomic uint32_t live_calls;
    _Atomic int64_t live_bytes;
    _Atomic int32_t live_fds;

    struct auvi_mutex streams_lock; /* what it guards: streams.h */
    struct auvi_streams *streams;
    _Atomic bool streams_due;  /* the page has to be told something */
    struct auv_fetch *fetches; /* open ones, and those that somebody keeps */
    _Atomic int32_t bodies;    /* bodies that are being written */

    /* consumer only */
    struct auvi_handlers *handlers;
    bool told_active;
    bool forgotten;

    /* link thread only */
    bool engine_has_it; /* view_create() succeeded, CLOSED not yet reported */
    int64_t
        close_deadline_us; /* closing: wait no longer for the engine; or 0 */
    char *allowed; /* REMOTE: patterns where pages may lead, each a line */
    struct auvi_scheme *schemes; /* as the engine was told */
    size_t scheme_count;
    int close_error;
    char *close_text;
    struct auvi_item
        *closed_item; /* its last event, without a text; until told */

    bool grants_owed;     /* the engine has not been told the newest */
    uint32_t link_wanted; /* generation of a link that could not be made; 0 */
    struct auvi_recovery recovery; /* `lost`: the receiver too */
    struct auvi_beat beat;

    /* text_lock: the last known address, to recognise a jump within a page;
     * what pages are told of the bound methods */
    struct auvi_mutex text_lock;
    char *url;
    char *methods;
    size_t methods_length;
};

struct auv_call {
    _Atomic uint32_t refs;
    _Atomic uint32_t state;   /* enum auvi_call_state; a futex */
    _Atomic uint32_t waiters; /* for the state to change */
    auv_view *view;           /* a reference */
    struct auv_message *message;
    uint64_t id;
    uint32_t generation;
    struct auvi_item item; /* its place in the inbox */

    /* calls_lock of the view */
    struct auv_call *table_next;
    struct auvi_cancel_hook *hook;

    /* Its place among what the workers have to do. */
    struct auv_call *work_next;
    auvi_work_fn work;
    struct auvi_handler_op *work_op;
};

enum auvi_call_state {
    AUVI_CALL_PENDING = 0,
    AUVI_CALL_ANSWERED = 1,
    AUVI_CALL_CANCELLED = 2
};

/* ---- app.c -------------------------------------------------------------- */

/* Off, as the library is delivered. For benchmarks that show what each part
 * brings, and for tests of links without rings: set before auv_app_create(). */
struct auvi_app_tuning {
    bool no_rings;
    bool no_spin; /* nor do its pages */
};
extern struct auvi_app_tuning auvi_app_tuning;

/* Put an item into the inbox and wake the consumer. However full that is, the
 * item is kept, in order; AUV_ERR_CLOSED is the only error, and frees nothing. */
int auvi_app_push_reserved(struct auv_app *app, struct auvi_item *item);
/* More waits than the inbox takes: do not add to it without need. */
bool auvi_app_is_spilled(struct auv_app *app);
/* Consumer, after a tick: move what was kept into the inbox. */
void auvi_app_unspill(struct auv_app *app);
/* Wake the consumer, with what a push returned. A wakeup callback is host code
 * and the caller may hold a lock: so it is left to the link thread. */
void auvi_app_wake_consumer(struct auv_app *app, int push_result,
                            enum auvi_priority priority);
/* Link thread: the wakes that were left to it; and, when its time has come, the
 * one that was put off: returns when that is, INT64_MAX: none is. */
void auvi_app_pay_wake(struct auv_app *app);
int64_t auvi_app_fire_due_wake(struct auv_app *app);
void auvi_app_wake_link_thread(struct auv_app *app);
/* A deadline has been added to the requests: wake the link thread if it would
 * sleep past it. */
void auvi_app_deadline_added(struct auv_app *app, int64_t deadline_us);

/* ---- registry.c --------------------------------------------------------- */

void auvi_registry_add(struct auv_app *app, auv_view *view);
/* False if it was not listed; else its reference is the caller's. */
bool auvi_registry_remove(struct auv_app *app, auv_view *view);
auv_view *auvi_registry_find(struct auv_app *app,
                             uint32_t id); /* a reference */
/* References to all views, at most `space`; returns how many there are. */
size_t auvi_registry_all(struct auv_app *app, auv_view **out, size_t space);
/* A reference to the view with the next higher number, NULL at the end: a walk
 * from 0 that needs no memory, so that a close always gets through. */
auv_view *auvi_registry_after(struct auv_app *app, uint32_t id);
/* The last view has come and gone. */
bool auvi_registry_is_done(struct auv_app *app);

/* ---- view.c ------------------------------------------------------------- */

/* One step of the lifecycle, with the wake-up of waiting threads. */
enum auvi_step auvi_view_activate(auv_view *view);
enum auvi_step auvi_view_begin_destroy(auv_view *view, auv_close_reason reason);
enum auvi_step auvi_view_finish_destroy(auv_view *view);
/* How scripts end that a lost page or link has taken with it. */
int auvi_view_loss(const auv_view *view);
int auvi_view_order(auv_view *view, struct auvi_order *order);
struct auvi_order *auvi_order_new(auv_view *view, enum auvi_order_kind kind,
                                  const char *text, size_t length);
void auvi_order_free(struct auvi_order *order);

/* ---- event.c: what happens to a view, on its way to the observers -------- */

/* Link thread. */
void auvi_view_tell(auv_view *view, const auv_event *event);
void auvi_view_tell_closed(auv_view *view);
/* What auvi_view_tell_closed() sends, made while there is memory for it. */
struct auvi_item *auvi_closed_item_create(void);
/* An item that tells the observers, for the caller to push; NULL: no memory. */
struct auvi_item *auvi_view_event_item(auv_view *view, const auv_event *event);

/* ---- handlers.c (consumer only, but for the op constructors) ------------- */

struct auvi_handler_op;
void auvi_handlers_apply(auv_view *view, struct auvi_handler_op *op);
void auvi_handler_op_discard(struct auvi_handler_op *op);
/* False: a worker has it, the rest happens elsewhere. */
bool auvi_handlers_call(auv_view *view, struct auv_call *call);
void auvi_handlers_event(auv_view *view, const auv_message *message);
void auvi_handlers_observe(auv_view *view, const auv_event *event);
void auvi_handlers_state(auv_view *view, const char *key, size_t key_length,
                         const auv_message *value, auv_side source);
void auvi_handlers_offer(auv_view *view, const char *name, size_t name_length);
void auvi_handlers_fetch(auv_view *view, struct auv_fetch *fetch);
/* Any thread. */
int auvi_handlers_add_scheme(auv_view *view, const char *scheme,
                             auv_fetch_fn fn, void *user,
                             void (*free_user)(void *user));
void auvi_handlers_free(auv_view *view); /* end of the view */
struct auvi_handlers *auvi_handlers_create(void);

/* ---- call.c -------------------------------------------------------------- */

/* Takes message on success. AUV_ERR_NOMEM; AUV_ERR_QUEUE_FULL - the page has as
 * many as it may; AUV_ERR_PROTOCOL - that number is taken, or 0. */
int auvi_call_create(auv_view *view, struct auv_message *message, uint64_t id,
                     uint32_t generation, struct auv_call **out);
/* Cancel the call of that id, or with id 0 all of that document (generation 0:
 * of every document). Any thread; may hold receive_lock. */
void auvi_calls_cancel(auv_view *view, uint64_t id, uint32_t generation);
/* Send the answer to a call, however much waits; `defer` as for auvi_send().
 * Takes message. May hold receive_lock. */
int auvi_call_answer(auv_view *view, struct auv_message *message, bool defer);
/* As auv_call_is_cancelled(), of what has been received. */
bool auvi_call_is_cancelled(const struct auv_call *call);
/* Consumer: run what the handler wanted run. Takes item. With `run` false only
 * free it. */
void auvi_call_cancelled(struct auvi_item *item, bool run);

/* ---- methods.c ----------------------------------------------------------- */

/* Tell the document of that generation which methods there are. Any thread; may
 * hold receive_lock. */
void auvi_methods_send(auv_view *view, uint32_t document);

/* ---- eval.c: requests and how they end ----------------------------------- */

/* End a taken request: its function runs in the next process call, or its
 * waiting thread goes on. Takes message (may be NULL). Any thread. */
void auvi_request_end(struct auv_app *app, const struct auvi_request *request,
                      int error, struct auv_message *message);
void auvi_requests_end_view(struct auv_app *app, uint32_t view, int error);
/* Link thread: time out what is due; returns the next deadline. */
int64_t auvi_requests_expire(struct auv_app *app);

/* ---- receive.c: pages -> inbox ------------------------------------------- */

/* Read every link that has something, unless another thread is at it. True: the
 * consumer must be woken, unless the caller is about to be it. */
bool auvi_receive(struct auv_app *app);
/* The same for a consumer that looks again and again before it sleeps: links
 * with rings are read without a system call, and their bells are not rung until
 * auvi_receive_settle(). With `all` as auvi_receive(). */
bool auvi_receive_awake(struct auv_app *app, bool all);
/* Consumer, behind auvi_receive_awake() and before it looks into the inbox for
 * the last time: the descriptors tell again. */
void auvi_receive_settle(struct auv_app *app);
/* Whether the link thread reads, too: then it has to hear the bells while a
 * handler runs. */
bool auvi_receive_by_link_thread(struct auv_app *app);
/* The inbox is full: frames stay in the links until the consumer has made room,
 * and the link thread is woken then. */
bool auvi_receive_is_stalled(struct auv_app *app);
void auvi_receive_resume(struct auv_app *app); /* consumer, after a tick */
/* Frames were left in packets that have been read: no descriptor tells of them,
 * so whoever is about to sleep must call auvi_receive() again. */
bool auvi_receive_has_more(struct auv_app *app);
/* After the last one: forget views that were left in a packet. */
void auvi_receive_forget(struct auv_app *app);
/* The navigation of that number, and all before it, are settled. Any thread. */
void auvi_view_navigated(auv_view *view, uint32_t navigation);
/* Link thread: give the view this link, or with NULL take its link away. */
void auvi_view_set_link(auv_view *view, struct auvi_link *link);
/* The same for one that could not be made when it was wanted, so that the view
 * has none: what the engine has said of the page since then still holds. */
void auvi_view_set_late_link(auv_view *view, struct auvi_link *link);

/* For a thread in a synchronous wait whose answer sits behind what the inbox
 * cannot take: read all links and park what is in front of it, in order.
 * AUV_ERR_QUEUE_FULL when too much is parked. */
int auvi_receive_behind(struct auv_app *app);
/* Behind what is parked; false: nothing is. Takes item. */
bool auvi_receive_park_behind(struct auv_app *app, struct auvi_item *item);
/* Consumer, at the end: move parked items into the inbox. True: some did. */
bool auvi_receive_unpark(struct auv_app *app);
/* receive_lock. Poll the view's link again, and read what it has read. */
void auvi_receive_again(auv_view *view);

/* ---- pressure.c: what a page can make its host hold ----------------------- */

/* A message of the page, or an answer to it, begins and ceases to wait. Any
 * thread. */
void auvi_pressure_add(auv_view *view, const struct auv_message *message);
void auvi_pressure_remove(auv_view *view, const struct auv_message *message);
/* receive_lock. True: too much waits, the view's link is not read now. */
bool auvi_pressure_pause(auv_view *view);
void auvi_pressure_forget(auv_view *view);      /* receive_lock: not paused */
void auvi_pressure_resume(struct auv_app *app); /* link thread */

/* ---- send.c: outbox -> pages --------------------------------------------- */

/* Accept a message for the view's page; takes it on success. With `defer` the
 * caller promises auvi_send_flush() soon, and nobody is woken. */
int auvi_send(auv_view *view, struct auv_message *message, bool defer);
/* As auvi_send(), but waits until deadline_us for room. AUV_ERR_TIMEOUT,
 * AUV_ERR_CLOSED. */
int auvi_send_wait(auv_view *view, struct auv_message *message,
                   int64_t deadline_us);
/* Whoever waits for room looks again: there is some, or there will be none. */
void auvi_send_room(auv_view *view);
/* The view's streams have something for the page: see that somebody sends it.
 * With `soon` the caller promises auvi_send_flush(). Any thread. */
void auvi_send_streams(auv_view *view, bool soon);
/* What is held for the view may go now: the next flush looks. Any thread. */
void auvi_send_want_flush(auv_view *view);
/* After the last flush: forget what was wanted. */
void auvi_send_forget(struct auv_app *app);
/* A message of the outbox that nobody will send any more. */
void auvi_send_discard(struct auv_message *message);
/* Write what can be written, unless another thread is at it: then the link
 * thread looks after it. */
void auvi_send_flush(struct auv_app *app);
/* The same, but waits for another sender: afterwards all that was accepted
 * before is written, held or dropped. */
void auvi_send_finish(struct auv_app *app);
/* send_lock: end the scripts that were sent over the view's link. */
void auvi_send_end_evals(auv_view *view, int error);
/* send_lock: drop all that is held for the view. */
void auvi_send_drop_held(auv_view *view);

/* ---- latest.c: messages that replace each other -------------------------- */

/* Accept a message that replaces the one of its name that still waits. */
int auvi_send_latest(auv_view *view, struct auv_message *message);
/* A message that comes out of the outbox is a token, and stands for another. */
static inline bool auvi_is_token(const struct auv_message *message)
{
    return message->slot && message->slot->token == message;
}
/* Sender: the message that the token stands for, with the token's place in the
 * backlog. The token is no longer the sender's. */
struct auv_message *auvi_slot_take(struct auv_message *token);
/* Sender: the other way round. NULL: a newer one has come, so this one, still
 * the sender's, is replaced. */
struct auv_message *auvi_slot_put_back(struct auv_message *message);
/* Sender: a token that found the outbox full; NULL: there is none. */
struct auv_message *auvi_slots_next_owed(auv_view *view);
void auvi_slots_free(auv_view *view); /* end of the view's memory */

/* ---- dispatch.c ---------------------------------------------------------- */

enum auvi_process_result auvi_dispatch(void *app, void *item);
void auvi_item_discard(struct auvi_item *item); /* without running it */

/* ---- link_thread.c ------------------------------------------------------- */

void auvi_link_thread_main(void *app);

/* For recover.c, on the link thread. */
int auvi_link_start_engine(struct auv_app *app); /* unless there is one */
int auvi_link_send_grants(struct auv_app *app, auv_view *view);
int auvi_link_send_allowed(struct auv_app *app, auv_view *view); /* REMOTE */
/* A page of the application's own is granted everything. */
int auvi_link_grant_own(struct auv_app *app, auv_view *view,
                        const char *origin);
/* One that the engine has a part in: all but CREATE and CLOSE. */
int auvi_order_run(struct auv_app *app, struct auvi_order *order);
/* Give one order to the engine, whose errors become events of the view, but for
 * those of orders without a page. */
int auvi_link_run_order(struct auv_app *app, struct auvi_order *order);
/* End a view that the engine has lost, with the error of its end. */
void auvi_link_end_view(auv_view *view, int error, const char *text);

#endif /* AUVI_CORE_H */
