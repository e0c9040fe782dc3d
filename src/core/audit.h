/*
 * audit.h - what was granted and what was refused, and why: a ring of the last
 * ones. Written by whoever decides, on any thread.
 */
#ifndef AUVI_AUDIT_H
#define AUVI_AUDIT_H

#include "base/base.h"

#include "auroraview/app.h"

#define AUVI_AUDIT_ENTRIES 256u

struct auvi_audit_slot; /* heap: an entry with its texts behind it */

struct auvi_audit {
    struct auvi_mutex lock; /* leaf */
    struct auvi_audit_slot *slots[AUVI_AUDIT_ENTRIES];
    uint64_t last; /* number of the newest entry */
    uint64_t granted, denied, lost;
};

void auvi_audit_init(struct auvi_audit *audit);
void auvi_audit_fini(struct auvi_audit *audit);

/* Texts may be NULL; `what` is `length` bytes. The same as the newest entry:
 * counted there. */
void auvi_audit_add(struct auvi_audit *audit, bool granted, uint32_t view,
                    const char *frame, const char *origin, const char *what,
                    size_t length, const char *why);

#endif /* AUVI_AUDIT_H */
