/*
 * channel.h - the control link between the library and the engine program:
 * orders one way, reports the other, both as a few numbers and texts.
 *
 * The two ends are remote.c (in the library) and serve.c (in the engine
 * program). Both are of one build: a version that differs ends the engine
 * before anything else is read.
 */
#ifndef AUVI_CHANNEL_H
#define AUVI_CHANNEL_H

#include "engine/engine.h"
#include "wire/link.h"

/* Values are wire format; each is an AUVI_FRAME_CONTROL + n. */
enum auvi_control_op {
    /* engine program -> library */
    AUVI_CONTROL_HELLO = 0,       /* text 0: AUV_VERSION_STRING. Always first */
    AUVI_CONTROL_READY,           /* text 0: name and version of the engine */
    AUVI_CONTROL_FAILED,          /* value 0: error; text 0 */
    AUVI_CONTROL_EVENT,           /* view; the fields of auv_event; text 0 */
    AUVI_CONTROL_LINK_WANTED,     /* view, generation */
    AUVI_CONTROL_NAVIGATION_VOID, /* view, generation: the navigation */
    AUVI_CONTROL_COMMITTED,       /* view; text 0: address */
    AUVI_CONTROL_DENIED,          /* view; text 0 */
    AUVI_CONTROL_FETCH, /* view, generation: the fetch; texts: method, URL,
                           headers */
    AUVI_CONTROL_FETCH_CANCELLED, /* view, generation: the fetch */
    AUVI_CONTROL_PONG,            /* answers a PING */
    /* library -> engine program; the functions of the table */
    AUVI_CONTROL_VIEW_CREATE = 32,
    AUVI_CONTROL_VIEW_CLOSE,
    AUVI_CONTROL_NAVIGATE, /* generation: the navigation; as for the next two */
    AUVI_CONTROL_LOAD_HTML,
    AUVI_CONTROL_RELOAD,
    AUVI_CONTROL_STOP,
    AUVI_CONTROL_SET_GRANTS, /* text 0: one in each line */
    AUVI_CONTROL_SET_ALLOWED,
    AUVI_CONTROL_ATTACH_LINK,
    AUVI_CONTROL_SET_TITLE,
    AUVI_CONTROL_SET_BOUNDS,
    AUVI_CONTROL_SET_VISIBLE,
    AUVI_CONTROL_SET_PARENT,
    AUVI_CONTROL_SET_FOCUS,
    AUVI_CONTROL_SET_INPUT,
    AUVI_CONTROL_ADD_SCHEME, /* value 0: milliseconds; text 0 */
    AUVI_CONTROL_ANSWER, /* view, generation: the fetch; values: status, whether
                            the descriptor is a file, offset, length; texts:
                            MIME type, headers; descriptor */
    AUVI_CONTROL_RECOVER,
    AUVI_CONTROL_RESUME, /* generation: links so far */
    AUVI_CONTROL_KILL_PAGE,
    AUVI_CONTROL_PING,
    AUVI_CONTROL_EXIT
};

#define AUVI_CONTROL_VALUES 8

struct auvi_control {
    enum auvi_control_op op;
    uint32_t view, generation;
    int64_t value[AUVI_CONTROL_VALUES];
    struct {
        const char *data; /* not NUL-terminated when received */
        size_t length;
    } text[AUV_MAX_PARTS];
    size_t text_count;
    int fd; /* -1: none */
};

void auvi_control_init(struct auvi_control *control, enum auvi_control_op op,
                       uint32_t view);
void auvi_control_add_text(struct auvi_control *control, const char *text,
                           size_t length);

struct auvi_channel; /* heap */

/* Takes the link. */
struct auvi_channel *auvi_channel_create(struct auvi_link *link);
void auvi_channel_destroy(struct auvi_channel *channel);
int auvi_channel_fd(const struct auvi_channel *channel);

/* Send now, or as soon as the peer reads again: what cannot go is kept, in
 * order, but for what a later one of its kind makes superfluous: a window has
 * one place, one title. Takes control->fd. AUV_OK, or AUV_ERR_CLOSED,
 * AUV_ERR_NOMEM. */
int auvi_channel_send(struct auvi_channel *channel,
                      const struct auvi_control *control);
/* Something is kept: call auvi_channel_flush() when the descriptor is writable. */
bool auvi_channel_is_blocked(const struct auvi_channel *channel);
/* So much is kept that the caller should wait before it sends more. */
bool auvi_channel_is_full(const struct auvi_channel *channel);
int auvi_channel_flush(struct auvi_channel *channel);

/* 1: *out is valid until the next call (its fd is the caller's); 0: nothing
 * now; AUV_ERR_CLOSED; AUV_ERR_PROTOCOL. */
int auvi_channel_receive(struct auvi_channel *channel,
                         struct auvi_control *out);

/* See auvi_link_has_more(). */
bool auvi_channel_has_more(const struct auvi_channel *channel);

/* A received text as a NUL-terminated copy: free() it. NULL: no such text, or
 * no memory. */
char *auvi_control_text(const struct auvi_control *control, size_t index);

#endif /* AUVI_CHANNEL_H */
