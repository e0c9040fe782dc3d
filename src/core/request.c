/*
 * request.c - questions that wait for an answer, each ended exactly once.
 *
 * THE SLOT. One word holds generation and state:
 *
 *     FREE(g) --add--> FILLING(g+1) --> PENDING(g+1) --take--> FREE(g+1)
 *                                            \--TAKING(g+1)--/
 *
 * 1. Exactly one taker. PENDING(g) -> TAKING(g) is a compare-and-swap from a
 *    word with the generation in it, and no word comes back, as the generation
 *    only grows (48 bits: one slot used a million times per second lasts nine
 *    years). So one taker wins per request, and an id of the past ends nothing.
 * 2. The fields belong to one thread at a time: in FILLING to the adder, which
 *    got the slot from the free list or as a new one, in TAKING to the winner.
 *    The adder's release of PENDING and the winner's acquire hand them over.
 * 3. Scans read `view` and `deadline` of a slot they do not own, so these two
 *    are atomic. The value may be of another generation than the word read
 *    before it; then that generation is newer, the word has left PENDING(g),
 *    and the scan's compare-and-swap fails.
 *
 * THE FREE LIST is a Treiber stack of slot numbers. Its head has a tag that
 * every push increments (47 bits): a pop that was overtaken by a pop, others
 * and a push of the same slot fails although the slot number is the same. When
 * it is empty a slot that never was used is opened (`opened`), so that a table
 * touches only the memory it has needed, and scans see only that.
 *
 * THE NEAREST DEADLINE (`nearest`) is a lower bound, so that take_expired() is
 * one load most of the time. The scanner first sets it to "none", then looks at
 * all words; an adder first sets its word, then lowers the bound. All four are
 * sequentially consistent: either the scanner sees the slot, or the adder comes
 * after the reset and lowers the bound. A take leaves the bound too low; then
 * the next scan finds nothing and corrects it.
 *
 * PROGRESS. add, take: lock-free. The scans: lock-free, each is one pass over
 * the slots opened so far.
 */
#include "core/request.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define LINE 128

/* -- a slot's word: generation << 2 | state -- */
enum slot_state {
    SLOT_FREE = 0, /* 0, so that calloc gives free slots of generation 0 */
    SLOT_FILLING = 1,
    SLOT_PENDING = 2,
    SLOT_TAKING = 3
};

/* -- a request's id: generation << 16 | slot. Never 0: generations in use
 *    start at 1 -- */
#define ID_SLOT_BITS 16
static_assert(AUVI_REQUESTS_MAX_CAPACITY == 1 << ID_SLOT_BITS, "ids fit");

/* -- head of the free list: tag << 17 | slot + 1, 0: empty -- */
#define FREE_BITS 17
#define FREE_MASK (((uint64_t)1 << FREE_BITS) - 1)

struct slot {
    _Atomic uint64_t word;
    _Atomic int64_t deadline_us;
    _Atomic uint32_t view;
    _Atomic uint32_t next_free; /* slot + 1, 0: last */
    /* -- owned in FILLING and TAKING -- */
    auv_result_fn fn;
    void *user;
    void *waiter;
    auv_view *owner;
    void *carrier;
};

struct auvi_requests {
    uint32_t capacity;
    struct slot *slots;
    /* Written by each add and take; on one line as they go together. */
    alignas(LINE) _Atomic uint64_t free_head;
    _Atomic uint32_t opened; /* slots ever used: [0, opened) */
    _Atomic uint32_t pending;
    alignas(LINE) _Atomic int64_t nearest;
};

static uint64_t make_word(uint64_t generation, enum slot_state state)
{
    return generation << 2 | (uint64_t)state;
}

static enum slot_state state_of(uint64_t word)
{
    return (enum slot_state)(word & 3);
}

static uint64_t generation_of(uint64_t word)
{
    return word >> 2;
}

int auvi_requests_create(size_t capacity, struct auvi_requests **out)
{
    struct auvi_requests *requests;

    *out = NULL;
    if (capacity == 0 || capacity > AUVI_REQUESTS_MAX_CAPACITY)
        return auvi_fail(AUV_ERR_ARG, "request table of %zu", capacity);
    requests = aligned_alloc(LINE, sizeof(*requests));
    if (!requests)
        goto no_memory;
    memset(requests, 0, sizeof(*requests));
    /* calloc, never touched here: pages appear as slots are opened. */
    requests->slots = calloc(capacity, sizeof(*requests->slots));
    if (!requests->slots)
        goto no_memory;
    requests->capacity = (uint32_t)capacity;
    atomic_init(&requests->nearest, INT64_MAX);
    *out = requests;
    return AUV_OK;

no_memory:
    free(requests);
    return auvi_fail(AUV_ERR_NOMEM, "request table of %zu", capacity);
}

void auvi_requests_destroy(struct auvi_requests *requests)
{
    if (!requests)
        return;
    assert(auvi_requests_pending(requests) == 0);
    free(requests->slots);
    free(requests);
}

/* ---- free slots --------------------------------------------------------- */

/* A slot that is ours alone now; NULL: none left. */
static struct slot *slot_acquire(struct auvi_requests *requests)
{
    /* Acquire: sees next_free and the last word of every slot in the list. The
     * head is only ever written by read-modify-writes, so a later one carries
     * all releases before it. */
    uint64_t head =
        atomic_load_explicit(&requests->free_head, memory_order_acquire);
    uint32_t opened;

    while (head & FREE_MASK) {
        struct slot *slot = &requests->slots[(head & FREE_MASK) - 1];
        /* Relaxed, and perhaps of a later time: then the tag has changed, and
         * the exchange fails. */
        uint64_t next =
            atomic_load_explicit(&slot->next_free, memory_order_relaxed);
        uint64_t tag = head >> FREE_BITS;

        /* No release: a pop publishes nothing. Acquire on failure: it is the
         * next round's load. (On success it is not needed.) */
        if (atomic_compare_exchange_weak_explicit(
                &requests->free_head, &head, tag << FREE_BITS | next,
                memory_order_acquire, memory_order_acquire))
            return slot;
    }

    opened = atomic_load_explicit(&requests->opened, memory_order_relaxed);
    while (opened < requests->capacity)
        /* Sequentially consistent: an adder's first step in the protocol of
         * the nearest deadline, or the scan would not look at its word. */
        if (atomic_compare_exchange_weak_explicit(
                &requests->opened, &opened, opened + 1, memory_order_seq_cst,
                memory_order_relaxed))
            return &requests->slots[opened];
    return NULL;
}

static void slot_release(struct auvi_requests *requests, struct slot *slot)
{
    uint64_t mine = (uint64_t)(slot - requests->slots) + 1;
    uint64_t head =
        atomic_load_explicit(&requests->free_head, memory_order_relaxed);

    do {
        atomic_store_explicit(&slot->next_free, (uint32_t)(head & FREE_MASK),
                              memory_order_relaxed);
        /* Release: the slot's word and next_free go to the next owner. */
    } while (!atomic_compare_exchange_weak_explicit(
        &requests->free_head, &head,
        ((head >> FREE_BITS) + 1) << FREE_BITS | mine, memory_order_release,
        memory_order_relaxed));
}

/* ---- adding ------------------------------------------------------------- */

static void lower_nearest(struct auvi_requests *requests, int64_t deadline_us)
{
    /* Sequentially consistent: after the slot's word, see the top. */
    int64_t nearest =
        atomic_load_explicit(&requests->nearest, memory_order_seq_cst);

    while (deadline_us < nearest &&
           !atomic_compare_exchange_weak_explicit(
               &requests->nearest, &nearest, deadline_us, memory_order_seq_cst,
               memory_order_seq_cst))
        ;
}

int auvi_requests_add(struct auvi_requests *requests,
                      struct auvi_request *request)
{
    struct slot *slot = slot_acquire(requests);
    uint64_t generation;

    request->id = 0;
    if (!slot)
        return AUV_ERR_QUEUE_FULL;
    /* Relaxed: the slot is ours, and the free list brought its last word. */
    generation =
        generation_of(atomic_load_explicit(&slot->word, memory_order_relaxed)) +
        1;
    request->id =
        generation << ID_SLOT_BITS | (uint64_t)(slot - requests->slots);

    atomic_store_explicit(&slot->word, make_word(generation, SLOT_FILLING),
                          memory_order_relaxed);
    atomic_store_explicit(&slot->view, request->view, memory_order_relaxed);
    atomic_store_explicit(&slot->deadline_us, request->deadline_us,
                          memory_order_relaxed);
    slot->fn = request->fn;
    slot->user = request->user;
    slot->waiter = request->waiter;
    slot->owner = request->owner;
    slot->carrier = request->carrier;
    /* Counted before it can be taken, or the number could fall below zero. */
    atomic_fetch_add_explicit(&requests->pending, 1, memory_order_relaxed);
    /* Release: hands the fields to the taker. Sequentially consistent: before
     * the look at `nearest`. */
    atomic_store_explicit(&slot->word, make_word(generation, SLOT_PENDING),
                          memory_order_seq_cst);
    lower_nearest(requests, request->deadline_us);
    return AUV_OK;
}

/* ---- taking ------------------------------------------------------------- */

/* One contest for one slot in one generation. */
static bool take_slot(struct auvi_requests *requests, struct slot *slot,
                      uint64_t generation, struct auvi_request *out)
{
    uint64_t expected = make_word(generation, SLOT_PENDING);

    /* Acquire: the adder's fields. On failure relaxed: a loser reads none. */
    if (!atomic_compare_exchange_strong_explicit(
            &slot->word, &expected, make_word(generation, SLOT_TAKING),
            memory_order_acquire, memory_order_relaxed))
        return false;

    out->id = generation << ID_SLOT_BITS | (uint64_t)(slot - requests->slots);
    out->view = atomic_load_explicit(&slot->view, memory_order_relaxed);
    out->deadline_us =
        atomic_load_explicit(&slot->deadline_us, memory_order_relaxed);
    out->fn = slot->fn;
    out->user = slot->user;
    out->waiter = slot->waiter;
    out->owner = slot->owner;
    out->carrier = slot->carrier;

    /* Relaxed: slot_release() publishes it to the next owner. */
    atomic_store_explicit(&slot->word, make_word(generation, SLOT_FREE),
                          memory_order_relaxed);
    slot_release(requests, slot);
    atomic_fetch_sub_explicit(&requests->pending, 1, memory_order_relaxed);
    return true;
}

bool auvi_requests_take(struct auvi_requests *requests, uint64_t id,
                        struct auvi_request *out)
{
    uint64_t index = id & (((uint64_t)1 << ID_SLOT_BITS) - 1);

    /* The id may come from another process: any number must be harmless. */
    if (index >= atomic_load_explicit(&requests->opened, memory_order_relaxed))
        return false;
    return take_slot(requests, &requests->slots[index], id >> ID_SLOT_BITS,
                     out);
}

bool auvi_requests_is_pending(const struct auvi_requests *requests, uint64_t id)
{
    uint64_t index = id & (((uint64_t)1 << ID_SLOT_BITS) - 1);

    if (index >= atomic_load_explicit(&requests->opened, memory_order_relaxed))
        return false;
    /* Relaxed: an answer to act upon comes from take() alone. */
    return atomic_load_explicit(&requests->slots[index].word,
                                memory_order_relaxed) ==
           make_word(id >> ID_SLOT_BITS, SLOT_PENDING);
}

bool auvi_requests_take_of(struct auvi_requests *requests, uint64_t id,
                           uint32_t view, struct auvi_request *out,
                           bool *foreign_out)
{
    uint64_t index = id & (((uint64_t)1 << ID_SLOT_BITS) - 1);
    struct slot *slot;

    *foreign_out = false;
    if (index >= atomic_load_explicit(&requests->opened, memory_order_relaxed))
        return false;
    slot = &requests->slots[index];
    /* Acquire: the view that is read next is of this generation or a later one,
     * and of a later one the contest below says so. */
    if (atomic_load_explicit(&slot->word, memory_order_acquire) !=
        make_word(id >> ID_SLOT_BITS, SLOT_PENDING))
        return false;
    if (atomic_load_explicit(&slot->view, memory_order_relaxed) != view) {
        *foreign_out = true;
        return false;
    }
    return take_slot(requests, slot, id >> ID_SLOT_BITS, out);
}

bool auvi_requests_take_view(struct auvi_requests *requests, uint32_t view,
                             struct auvi_request *out)
{
    /* Relaxed: a slot opened by an add that happened before this call is in
     * it by coherence; one that is opened meanwhile may be missed. */
    uint32_t opened =
        atomic_load_explicit(&requests->opened, memory_order_relaxed);
    uint32_t i;

    for (i = 0; i < opened; i++) {
        struct slot *slot = &requests->slots[i];
        /* Acquire: view is of this generation or a newer one. */
        uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);

        if (state_of(word) != SLOT_PENDING)
            continue;
        if (view != 0 &&
            atomic_load_explicit(&slot->view, memory_order_relaxed) != view)
            continue;
        if (take_slot(requests, slot, generation_of(word), out))
            return true;
    }
    return false;
}

bool auvi_requests_take_expired(struct auvi_requests *requests, int64_t now_us,
                                struct auvi_request *out, int64_t *next_us_out)
{
    int64_t next =
        atomic_load_explicit(&requests->nearest, memory_order_relaxed);
    bool taken = false;
    uint32_t opened, i;

    if (next > now_us) {
        *next_us_out = next;
        return false;
    }

    /* Sequentially consistent: before the words, see the top. */
    atomic_store_explicit(&requests->nearest, INT64_MAX, memory_order_seq_cst);
    next = INT64_MAX;
    opened = atomic_load_explicit(&requests->opened, memory_order_seq_cst);
    for (i = 0; i < opened && !taken; i++) {
        struct slot *slot = &requests->slots[i];
        uint64_t word = atomic_load_explicit(&slot->word, memory_order_seq_cst);
        int64_t deadline;

        if (state_of(word) != SLOT_PENDING)
            continue;
        deadline =
            atomic_load_explicit(&slot->deadline_us, memory_order_relaxed);
        if (deadline <= now_us)
            taken = take_slot(requests, slot, generation_of(word), out);
        else if (deadline < next)
            next = deadline;
    }
    /* A pass that stopped at the first find knows no bound for the rest: the
     * next call must look again. */
    lower_nearest(requests, taken ? now_us : next);
    /* What adders have lowered meanwhile counts too. */
    *next_us_out =
        atomic_load_explicit(&requests->nearest, memory_order_relaxed);
    return taken;
}

size_t auvi_requests_pending(const struct auvi_requests *requests)
{
    return atomic_load_explicit(&requests->pending, memory_order_relaxed);
}
