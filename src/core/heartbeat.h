/*
 * heartbeat.h - whether pages and the engine still answer. How, and what it does
 * not notice: docs/internals/recovery.md.
 */
#ifndef AUVI_HEARTBEAT_H
#define AUVI_HEARTBEAT_H

#include "auroraview/view.h"

#include <stdatomic.h>

enum auvi_beat_phase {
    AUVI_BEAT_QUIET, /* nothing is owed: no timer */
    AUVI_BEAT_DUE,   /* something was sent: ask, when it is time */
    AUVI_BEAT_ASKED, /* waiting for a sign of life */
    AUVI_BEAT_GRACE, /* it may be on its way */
    AUVI_BEAT_LATE   /* told: no timer, until something is heard */
};

/* Link thread only. */
struct auvi_beat {
    enum auvi_beat_phase phase;
    int64_t due_us; /* of DUE, ASKED and GRACE */
    uint32_t heard; /* as it was when it was asked */
    uint32_t document;
};

/* Reasons for which a view counts as unresponsive. */
enum {
    AUVI_LATE_PAGE = 1,
    AUVI_LATE_ENGINE = 2,
    AUVI_LATE_INPUT = 4 /* so says the engine, of mouse and keyboard */
};

/* Sender: the page was given something to do. */
void auvi_heartbeat_owe(auv_view *view);
/* receive_lock: something has come from the page. */
void auvi_heartbeat_heard(auv_view *view);
/* Link thread: the engine was given something, or has said something. */
void auvi_heartbeat_owe_engine(struct auv_app *app);
void auvi_heartbeat_heard_engine(struct auv_app *app);
/* Link thread: the engine says that input is handled, or is not. */
void auvi_heartbeat_input(auv_view *view, bool late, const char *text);
/* Link thread: what was late is gone. */
void auvi_heartbeat_reset(auv_view *view);
/* Link thread: do what is due; returns when the next is, INT64_MAX: never. */
int64_t auvi_heartbeat(struct auv_app *app);

#endif /* AUVI_HEARTBEAT_H */
