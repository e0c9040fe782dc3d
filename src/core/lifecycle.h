/*
 * lifecycle.h - the one state machine behind every view.
 *
 * Any thread may advance a view. Each state is entered at most once, by one
 * winner. State and close reason are one atomic word. The table of legal steps
 * is in lifecycle.c; the states are those of auroraview/view.h.
 *
 * A close while CREATING wins at once (CREATING -> CLOSE_REQUESTED), so that it
 * cannot get lost: a later activate() then reports ALREADY.
 */
#ifndef AUVI_LIFECYCLE_H
#define AUVI_LIFECYCLE_H

#include "auroraview/view.h"

#include <stdatomic.h>

struct auvi_lifecycle {
    _Atomic uint32_t word;
};

enum auvi_step {
    AUVI_STEP_SUCCESS = 1, /* this call won the step: run its side effects */
    AUVI_STEP_ALREADY = 0, /* in that state or past it: a lost race, normal */
    AUVI_STEP_INVALID = -1 /* that step is not legal from here: nothing done */
};

/* All lock-free, no allocation, any thread. */
void auvi_lifecycle_init(struct auvi_lifecycle *lc);        /* CREATING */
void auvi_lifecycle_init_active(struct auvi_lifecycle *lc); /* ACTIVE */
enum auvi_step auvi_lifecycle_activate(struct auvi_lifecycle *lc);
enum auvi_step auvi_lifecycle_request_close(struct auvi_lifecycle *lc,
                                            auv_close_reason reason);
enum auvi_step auvi_lifecycle_begin_destroy(struct auvi_lifecycle *lc,
                                            auv_close_reason reason);
enum auvi_step auvi_lifecycle_finish_destroy(struct auvi_lifecycle *lc);
/* From any state straight to DESTROYED; one SUCCESS among all callers. */
enum auvi_step auvi_lifecycle_force_destroy(struct auvi_lifecycle *lc,
                                            auv_close_reason reason);
auv_state auvi_lifecycle_state(const struct auvi_lifecycle *lc,
                               auv_close_reason *reason_out);
bool auvi_lifecycle_is_active(const struct auvi_lifecycle *lc);
bool auvi_lifecycle_is_closing(const struct auvi_lifecycle *lc); /* or closed */
bool auvi_lifecycle_is_destroyed(const struct auvi_lifecycle *lc);
const char *auvi_state_name(auv_state state); /* "creating", "active", … */

#endif /* AUVI_LIFECYCLE_H */
