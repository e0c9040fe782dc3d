/*
 * permit.h - the grants of one view, as the host judges by them.
 */
#ifndef AUVI_PERMIT_H
#define AUVI_PERMIT_H

#include "base/base.h"
#include "base/grant.h"

#include <stdatomic.h>

/* One origin of the list. Documents that were granted by it hold a reference, so
 * it outlives its place in the list. */
struct auvi_permit {
    _Atomic uint32_t refs;
    _Atomic bool revoked; /* from now on nothing is granted by it */
    bool own;             /* came of loading a page of the application's own */
    bool denied;          /* stands for "nothing": keeps `own` ones away */
    bool all_methods, all_events;
    struct auvi_grant grant; /* leads into line */
    char line[];             /* as taken apart */
};

struct auvi_permits {
    struct auvi_mutex lock; /* leaf */
    struct auvi_permit **list;
    size_t count;
};

void auvi_permits_init(struct auvi_permits *permits);
void auvi_permits_fini(struct auvi_permits *permits);

/* Put a line in the place of what its origin has. `own`: only if it has nothing
 * yet. 1: changed; 0: not; AUV_ERR_NOMEM, AUV_ERR_ARG. */
int auvi_permits_set(struct auvi_permits *permits, const char *line, bool own);
/* The origin gets nothing, now and by loading its page. As above. */
int auvi_permits_deny(struct auvi_permits *permits, const char *origin);
/* At once, ahead of the order that changes the list. */
void auvi_permits_revoke(struct auvi_permits *permits, const char *origin);
/* What grants the document at `url`: the top one, or with a name a frame. A
 * reference, or NULL. */
struct auvi_permit *auvi_permits_find(struct auvi_permits *permits,
                                      const char *url, const char *frame);
void auvi_permit_unref(struct auvi_permit *permit);

/* The lines for the engine, `*count` of them in one block: free() it. NULL: no
 * memory. */
char **auvi_permits_lines(struct auvi_permits *permits, size_t *count);

#endif /* AUVI_PERMIT_H */
