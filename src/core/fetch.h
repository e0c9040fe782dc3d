/*
 * fetch.h - a page's request for a URL of one of the host's own schemes.
 */
#ifndef AUVI_FETCH_H
#define AUVI_FETCH_H

#include "core/core.h"

#define AUVI_STREAMS_MAX 256 /* of a view: each holds a descriptor */

enum auvi_fetch_state {
    AUVI_FETCH_PENDING = 0,
    AUVI_FETCH_ANSWERED = 1,
    AUVI_FETCH_CANCELLED = 2
};

struct auv_fetch {
    _Atomic uint32_t refs;
    _Atomic uint32_t state;       /* enum auvi_fetch_state */
    auv_view *view;               /* a reference */
    uint32_t id;                  /* the engine's */
    char *url, *method, *headers; /* headers: lines, each ended by NUL */
    size_t headers_length;
    struct auvi_item item;         /* its place in the inbox */
    struct auv_fetch *prev, *next; /* calls_lock of the view */
    bool swept;                    /* likewise: cancelled with all others */

    /* The body, if it is a stream (body.c). */
    struct auvi_mutex lock;      /* fd, wants_room, told, ended, error */
    int fd;                      /* -1: there is none (any more) */
    uint32_t number;             /* in app->bodies; 0: not there */
    struct auv_fetch *next_body; /* bodies_lock; the list holds a reference */
    bool is_stream;  /* counted in view->streams until it is told the end */
    bool wants_room; /* the last write found none */
    bool told;       /* room_item is in the inbox */
    bool ended;      /* by its writer */
    int error;       /* it was left: why */
    struct auvi_item room_item;
    auv_room_fn room; /* consumer, after fetch_stream() */
    void *user;
    void (*free_user)(void *user);
};

/* In link_poller; from here on a body's number + this. */
#define AUVI_KEY_BODIES ((uint64_t)4 << 32)

/* ---- fetch.c ---- */

/* Link thread: the page asks. */
void auvi_fetch_begin(auv_view *view, const struct auvi_engine_fetch *asked);
/* Link thread, and a view's end: the page has given up, on one or (0) on all. */
void auvi_fetches_cancel(auv_view *view, uint32_t id, int error);
/* Consumer: a handler had no answer, or there is none. */
void auvi_fetch_fail(auv_fetch *fetch, int status, const char *text);
/* Won: send the answer. Takes fd. */
int auvi_fetch_answer(auv_fetch *fetch, const auv_response *response, int fd,
                      bool is_file, uint64_t offset, uint64_t length);
/* Valid response, or an error and a text. */
int auvi_response_check(const auv_response *response);
/* True for the one who may answer; else what to say. */
int auvi_fetch_claim(auv_fetch *fetch);
int auvi_fetch_lost(const auv_fetch *fetch);
void auvi_answer_free(struct auvi_engine_answer *answer);

/* ---- body.c ---- */

/* Link thread: its descriptor has something to tell. */
void auvi_body_ready(struct auv_app *app, uint64_t key, unsigned events);
/* Nobody reads it any more. Any thread. */
void auvi_body_break(auv_fetch *fetch, int error);
/* Consumer. */
void auvi_body_tell(auv_fetch *fetch);
/* A room_item that nobody will handle. */
void auvi_body_discard(auv_fetch *fetch);

#endif /* AUVI_FETCH_H */
