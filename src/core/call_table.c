/*
 * call_table.c - a hash with chains, which grows while a page makes more calls
 * than it gets answers for.
 *
 * Multiplying by a secret odd number and keeping the high bits maps two numbers
 * to the same of n chains with a chance of 2/n, whatever the numbers are.
 */
#include "core/call_table.h"
#include "core/core.h"

#include <stdlib.h>

#define FIRST_CHAINS ((size_t)64)
/* An empty table of up to this many chains is kept for the next burst. */
#define KEPT_CHAINS ((size_t)4096)

static struct auv_call **chain_of(const struct auvi_call_table *table,
                                  uint64_t id, uint32_t generation)
{
    /* Two odd multipliers: else a page could choose ids of one document to
     * fall on those of another. */
    uint64_t mixed =
        id * table->secret + generation * (table->secret * 0x9e3779b97f4a7c15u);
    unsigned bits = (unsigned)__builtin_ctzll(table->chain_count);

    return &table->chains[mixed >> (64 - bits)];
}

/* Not to be guessed by a page, which sees neither the address nor the clock of
 * this process to the nanosecond. */
static uint64_t make_secret(const struct auvi_call_table *table)
{
    uint64_t mixed = (uint64_t)auvi_clock_ns() ^ (uint64_t)(uintptr_t)table
                                                     << 20;

    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return (mixed ^ mixed >> 31) | 1;
}

static bool grow(struct auvi_call_table *table)
{
    struct auvi_call_table larger = *table;

    larger.chain_count =
        table->chain_count ? table->chain_count * 2 : FIRST_CHAINS;
    larger.chains = calloc(larger.chain_count, sizeof(struct auv_call *));
    if (!larger.chains)
        return false;
    if (!larger.secret)
        larger.secret = make_secret(table);
    for (size_t i = 0; i < table->chain_count; i++) {
        struct auv_call *call = table->chains[i];

        while (call) {
            struct auv_call *next = call->table_next;
            struct auv_call **chain =
                chain_of(&larger, call->id, call->generation);

            call->table_next = *chain;
            *chain = call;
            call = next;
        }
    }
    free(table->chains);
    *table = larger;
    return true;
}

bool auvi_call_table_add(struct auvi_call_table *table, struct auv_call *call)
{
    struct auv_call **chain;

    /* Longer chains are slow, no chains are no table. */
    if (table->count >= table->chain_count && !grow(table) &&
        !table->chain_count)
        return false;
    chain = chain_of(table, call->id, call->generation);
    for (struct auv_call *other = *chain; other; other = other->table_next)
        if (other->id == call->id && other->generation == call->generation)
            return false;
    call->table_next = *chain;
    *chain = call;
    table->count++;
    return true;
}

void auvi_call_table_remove(struct auvi_call_table *table,
                            struct auv_call *call)
{
    struct auv_call **at = chain_of(table, call->id, call->generation);

    while (*at != call)
        at = &(*at)->table_next;
    *at = call->table_next;
    if (--table->count == 0 && table->chain_count > KEPT_CHAINS)
        auvi_call_table_free(table);
}

struct auv_call *auvi_call_table_find(const struct auvi_call_table *table,
                                      uint64_t id, uint32_t generation)
{
    struct auv_call *call;

    if (!table->count)
        return NULL;
    for (call = *chain_of(table, id, generation); call; call = call->table_next)
        if (call->id == id && call->generation == generation)
            break;
    return call;
}

void auvi_call_table_free(struct auvi_call_table *table)
{
    free(table->chains);
    table->chains = NULL;
    table->chain_count = 0;
}
