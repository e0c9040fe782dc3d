/*
 * annotate.h - tells Helgrind what C11's atomic operations mean. Only in builds
 * with -Dvalgrind=true, which put it in front of every source (-include).
 *
 * Helgrind knows mutexes, condition variables and barriers; an atomic operation
 * is a plain load or store to it, and whatever is handed over by one a race. So
 * here each operation becomes itself and what the standard says of it:
 *   - atomic accesses do not race for their object: it is not checked;
 *   - a release is a send before its store, an acquire a receive after its
 *     load; relaxed ones give no edge, so that an order which is too weak still
 *     shows as a race on what it should have handed over.
 * A receive takes from all sends on that address so far, not just from the one
 * whose value was read: that may hide a race, and never invents one. Which
 * value is read under which order is what tests/model explores.
 */
#ifndef AUVI_ANNOTATE_H
#define AUVI_ANNOTATE_H

#include <stdatomic.h>
#include <stddef.h>
#include <valgrind/helgrind.h>

#define AUVI_IS_RELEASE(order)                                             \
    ((order) == memory_order_release || (order) == memory_order_acq_rel || \
     (order) == memory_order_seq_cst)
#define AUVI_IS_ACQUIRE(order)                                             \
    ((order) == memory_order_acquire || (order) == memory_order_acq_rel || \
     (order) == memory_order_seq_cst)

static inline void auvi_annotate_before(const volatile void *p, size_t size,
                                        int releases)
{
    VALGRIND_HG_DISABLE_CHECKING(p, size);
    if (releases)
        ANNOTATE_HAPPENS_BEFORE(p);
}

static inline void auvi_annotate_after(const volatile void *p, int acquires)
{
    if (acquires)
        ANNOTATE_HAPPENS_AFTER(p);
}

#define AUVI_BEFORE(p, order) \
    auvi_annotate_before((p), sizeof(*(p)), AUVI_IS_RELEASE(order))
#define AUVI_AFTER(p, order) auvi_annotate_after((p), AUVI_IS_ACQUIRE(order))

/* The compiler's own operations, as <stdatomic.h> of gcc spells them. */
#undef atomic_load_explicit
#define atomic_load_explicit(p, order)                   \
    __extension__({                                      \
        __auto_type annotate_p = (p);                    \
        __typeof__((void)0, *annotate_p) annotate_v;     \
        AUVI_BEFORE(annotate_p, memory_order_relaxed);   \
        __atomic_load(annotate_p, &annotate_v, (order)); \
        AUVI_AFTER(annotate_p, (order));                 \
        annotate_v;                                      \
    })
#undef atomic_store_explicit
#define atomic_store_explicit(p, v, order)                 \
    __extension__({                                        \
        __auto_type annotate_p = (p);                      \
        __typeof__((void)0, *annotate_p) annotate_v = (v); \
        AUVI_BEFORE(annotate_p, (order));                  \
        __atomic_store(annotate_p, &annotate_v, (order));  \
    })
#define AUVI_RMW(call, p, v, order)                                \
    __extension__({                                                \
        __auto_type annotate_p = (p);                              \
        AUVI_BEFORE(annotate_p, (order));                          \
        __auto_type annotate_old = call(annotate_p, (v), (order)); \
        AUVI_AFTER(annotate_p, (order));                           \
        annotate_old;                                              \
    })
#undef atomic_exchange_explicit
#define atomic_exchange_explicit(p, v, order)                               \
    __extension__({                                                         \
        __auto_type annotate_p = (p);                                       \
        __typeof__((void)0, *annotate_p) annotate_v = (v), annotate_old;    \
        AUVI_BEFORE(annotate_p, (order));                                   \
        __atomic_exchange(annotate_p, &annotate_v, &annotate_old, (order)); \
        AUVI_AFTER(annotate_p, (order));                                    \
        annotate_old;                                                       \
    })
#define AUVI_CAS(p, e, d, weak, success, failure)                        \
    __extension__({                                                      \
        __auto_type annotate_p = (p);                                    \
        __typeof__((void)0, *annotate_p) annotate_d = (d);               \
        AUVI_BEFORE(annotate_p, (success));                              \
        _Bool annotate_won = __atomic_compare_exchange(                  \
            annotate_p, (e), &annotate_d, (weak), (success), (failure)); \
        if (annotate_won)                                                \
            AUVI_AFTER(annotate_p, (success));                           \
        else                                                             \
            AUVI_AFTER(annotate_p, (failure));                           \
        annotate_won;                                                    \
    })
#undef atomic_compare_exchange_strong_explicit
#define atomic_compare_exchange_strong_explicit(p, e, d, s, f) \
    AUVI_CAS(p, e, d, 0, s, f)
#undef atomic_compare_exchange_weak_explicit
#define atomic_compare_exchange_weak_explicit(p, e, d, s, f) \
    AUVI_CAS(p, e, d, 1, s, f)
#undef atomic_fetch_add_explicit
#define atomic_fetch_add_explicit(p, v, order) \
    AUVI_RMW(__atomic_fetch_add, p, v, order)
#undef atomic_fetch_add
#define atomic_fetch_add(p, v) \
    atomic_fetch_add_explicit(p, v, memory_order_seq_cst)
#undef atomic_fetch_sub_explicit
#define atomic_fetch_sub_explicit(p, v, order) \
    AUVI_RMW(__atomic_fetch_sub, p, v, order)
#undef atomic_fetch_sub
#define atomic_fetch_sub(p, v) \
    atomic_fetch_sub_explicit(p, v, memory_order_seq_cst)
#undef atomic_fetch_or_explicit
#define atomic_fetch_or_explicit(p, v, order) \
    AUVI_RMW(__atomic_fetch_or, p, v, order)
#undef atomic_fetch_or
#define atomic_fetch_or(p, v) \
    atomic_fetch_or_explicit(p, v, memory_order_seq_cst)
#undef atomic_fetch_and_explicit
#define atomic_fetch_and_explicit(p, v, order) \
    AUVI_RMW(__atomic_fetch_and, p, v, order)
#undef atomic_fetch_and
#define atomic_fetch_and(p, v) \
    atomic_fetch_and_explicit(p, v, memory_order_seq_cst)
#undef atomic_load
#define atomic_load(p) atomic_load_explicit(p, memory_order_seq_cst)
#undef atomic_store
#define atomic_store(p, v) atomic_store_explicit(p, v, memory_order_seq_cst)
#undef atomic_exchange
#define atomic_exchange(p, v) \
    atomic_exchange_explicit(p, v, memory_order_seq_cst)
#undef atomic_compare_exchange_strong
#define atomic_compare_exchange_strong(p, e, d) \
    AUVI_CAS(p, e, d, 0, memory_order_seq_cst, memory_order_seq_cst)
#undef atomic_compare_exchange_weak
#define atomic_compare_exchange_weak(p, e, d) \
    AUVI_CAS(p, e, d, 1, memory_order_seq_cst, memory_order_seq_cst)

#endif /* AUVI_ANNOTATE_H */
