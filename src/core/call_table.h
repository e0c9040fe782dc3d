/*
 * call_table.h - the unanswered calls of a view, found by their number.
 *
 * The page chooses the numbers, so they are hashed with a secret: it cannot put
 * its calls into one chain and have each cancel walk all of them.
 */
#ifndef AUVI_CALL_TABLE_H
#define AUVI_CALL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auv_call;

/* A zeroed table is empty and ready; a lock of the owner's guards it. */
struct auvi_call_table {
    struct auv_call **chains;
    size_t chain_count; /* a power of two, or 0 */
    size_t count;
    uint64_t secret; /* odd once there are chains */
};

/* Takes no reference. False: that number of that document is there already, or
 * (only while the table is empty) there is no memory. */
bool auvi_call_table_add(struct auvi_call_table *table, struct auv_call *call);
/* It must be in there. */
void auvi_call_table_remove(struct auvi_call_table *table,
                            struct auv_call *call);
struct auv_call *auvi_call_table_find(const struct auvi_call_table *table,
                                      uint64_t id, uint32_t generation);
void auvi_call_table_free(struct auvi_call_table *table);

#endif /* AUVI_CALL_TABLE_H */
