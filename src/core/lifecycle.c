/*
 * lifecycle.c - the lock-free state machine behind every view.
 *
 *     CREATING --> ACTIVE --> CLOSE_REQUESTED --> DESTROYING --> DESTROYED
 *        |  \______________________^    ^  ^          ^              ^
 *        |_________________________|____|  |__________|              |
 *                                                     any: force_destroy()
 *
 * Any thread may try to advance a view. Each state is entered at most once, by
 * one winner, and only the winner runs that state's side effects. No lock: the
 * close path runs inside host callbacks (window procedures, Python finalizers)
 * whose caller may hold locks we know nothing of.
 *
 * State and close reason share one word. As two atomics, a reader could pair
 * CLOSE_REQUESTED with a reason that is not written yet.
 *
 * Why at most one winner: the word only grows (the state is its low byte and
 * never falls, and the reason never changes once set), so a compare-and-swap
 * from a word seen in state S succeeds at most once per step out of S. A loser
 * sees the new word and finds itself in or past its target.
 *
 * Progress: wait-free. The word changes at most four times in a life, so a
 * loop here runs at most five times.
 */
#include "core/lifecycle.h"

#include <assert.h>

#define STATE_BIT(s) (1u << (s))
#define STATE_MASK 0xffu
#define REASON_SHIFT 8

/* Row: from; bits: where to. A step to a state already reached or passed is a
 * lost race and normal; any other step not listed here is a caller's bug. */
static const uint8_t legal_next[] = {
    /* CLOSE_REQUESTED too: a close must not get lost while the engine starts.
     * DESTROYING too: an engine that failed to start has nothing to drain. */
    [AUV_STATE_CREATING] = STATE_BIT(AUV_STATE_ACTIVE) |
                           STATE_BIT(AUV_STATE_CLOSE_REQUESTED) |
                           STATE_BIT(AUV_STATE_DESTROYING),
    /* DESTROYING too: if the engine died, there is nothing to drain. */
    [AUV_STATE_ACTIVE] =
        STATE_BIT(AUV_STATE_CLOSE_REQUESTED) | STATE_BIT(AUV_STATE_DESTROYING),
    [AUV_STATE_CLOSE_REQUESTED] = STATE_BIT(AUV_STATE_DESTROYING),
    [AUV_STATE_DESTROYING] = STATE_BIT(AUV_STATE_DESTROYED),
    [AUV_STATE_DESTROYED] = 0,
};
static_assert(sizeof(legal_next) == AUV_STATE_DESTROYED + 1, "row per state");

static const uint8_t every_step_to_the_end[] = {
    [AUV_STATE_CREATING] = STATE_BIT(AUV_STATE_DESTROYED),
    [AUV_STATE_ACTIVE] = STATE_BIT(AUV_STATE_DESTROYED),
    [AUV_STATE_CLOSE_REQUESTED] = STATE_BIT(AUV_STATE_DESTROYED),
    [AUV_STATE_DESTROYING] = STATE_BIT(AUV_STATE_DESTROYED),
    [AUV_STATE_DESTROYED] = 0,
};

static bool is_reason(auv_close_reason reason)
{
    return reason > AUV_CLOSE_NONE && reason <= AUV_CLOSE_SHUTDOWN;
}

static auv_state state_of(uint32_t word)
{
    return (auv_state)(word & STATE_MASK);
}

static auv_close_reason reason_of(uint32_t word)
{
    return (auv_close_reason)(word >> REASON_SHIFT);
}

static uint32_t pack(auv_state state, auv_close_reason reason)
{
    /* The word's invariant: from CLOSE_REQUESTED on, and only then, a reason is
     * set. */
    assert((state >= AUV_STATE_CLOSE_REQUESTED) == (reason != AUV_CLOSE_NONE));
    return (uint32_t)state | (uint32_t)reason << REASON_SHIFT;
}

static enum auvi_step advance(struct auvi_lifecycle *lc, auv_state to,
                              auv_close_reason reason, const uint8_t *legal)
{
    uint32_t cur = atomic_load_explicit(&lc->word, memory_order_acquire);
    uint32_t next;

    do {
        auv_state from = state_of(cur);
        auv_close_reason first = reason_of(cur);

        if (from >= to)
            return AUVI_STEP_ALREADY;
        if (!(legal[from] & STATE_BIT(to)))
            return AUVI_STEP_INVALID;
        if (to >= AUV_STATE_CLOSE_REQUESTED && first == AUV_CLOSE_NONE) {
            if (!is_reason(reason))
                return AUVI_STEP_INVALID;
            first = reason;
        }
        next = pack(to, first);
        /* Strong, so that a failure means the word changed. Release: what the
         * caller did before the step is seen by whoever sees the step. Acquire
         * on failure as well, because a loser may go on to read what the
         * winner wrote. */
    } while (!atomic_compare_exchange_strong_explicit(
        &lc->word, &cur, next, memory_order_acq_rel, memory_order_acquire));
    return AUVI_STEP_SUCCESS;
}

void auvi_lifecycle_init(struct auvi_lifecycle *lc)
{
    atomic_init(&lc->word, pack(AUV_STATE_CREATING, AUV_CLOSE_NONE));
}

void auvi_lifecycle_init_active(struct auvi_lifecycle *lc)
{
    atomic_init(&lc->word, pack(AUV_STATE_ACTIVE, AUV_CLOSE_NONE));
}

enum auvi_step auvi_lifecycle_activate(struct auvi_lifecycle *lc)
{
    return advance(lc, AUV_STATE_ACTIVE, AUV_CLOSE_NONE, legal_next);
}

enum auvi_step auvi_lifecycle_request_close(struct auvi_lifecycle *lc,
                                            auv_close_reason reason)
{
    if (!is_reason(reason))
        return AUVI_STEP_INVALID;
    return advance(lc, AUV_STATE_CLOSE_REQUESTED, reason, legal_next);
}

enum auvi_step auvi_lifecycle_begin_destroy(struct auvi_lifecycle *lc,
                                            auv_close_reason reason)
{
    return advance(lc, AUV_STATE_DESTROYING, reason, legal_next);
}

enum auvi_step auvi_lifecycle_finish_destroy(struct auvi_lifecycle *lc)
{
    return advance(lc, AUV_STATE_DESTROYED, AUV_CLOSE_NONE, legal_next);
}

enum auvi_step auvi_lifecycle_force_destroy(struct auvi_lifecycle *lc,
                                            auv_close_reason reason)
{
    return advance(lc, AUV_STATE_DESTROYED, reason, every_step_to_the_end);
}

auv_state auvi_lifecycle_state(const struct auvi_lifecycle *lc,
                               auv_close_reason *reason_out)
{
    /* Acquire: who sees a state also sees what was done before it. */
    uint32_t word = atomic_load_explicit(&lc->word, memory_order_acquire);

    if (reason_out)
        *reason_out = reason_of(word);
    return state_of(word);
}

bool auvi_lifecycle_is_active(const struct auvi_lifecycle *lc)
{
    return auvi_lifecycle_state(lc, NULL) == AUV_STATE_ACTIVE;
}

bool auvi_lifecycle_is_closing(const struct auvi_lifecycle *lc)
{
    return auvi_lifecycle_state(lc, NULL) >= AUV_STATE_CLOSE_REQUESTED;
}

bool auvi_lifecycle_is_destroyed(const struct auvi_lifecycle *lc)
{
    return auvi_lifecycle_state(lc, NULL) == AUV_STATE_DESTROYED;
}

const char *auvi_state_name(auv_state state)
{
    switch (state) {
    case AUV_STATE_CREATING:
        return "creating";
    case AUV_STATE_ACTIVE:
        return "active";
    case AUV_STATE_CLOSE_REQUESTED:
        return "close_requested";
    case AUV_STATE_DESTROYING:
        return "destroying";
    case AUV_STATE_DESTROYED:
        return "destroyed";
    }
    /* A newer library's state: the rule of view.h for unknown values. */
    return "close_requested";
}
