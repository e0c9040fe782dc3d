/*
 * explore.h - runs a small concurrent program in every way the C11 memory model
 * allows, with the real source under test.
 *
 * The file under test is #included after this header, which takes the place of
 * <stdatomic.h>'s operations: each becomes a step of the explorer. What is
 * explored, and what is not: README.md.
 */
#ifndef AUV_TEST_EXPLORE_H
#define AUV_TEST_EXPLORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- what a model says ---- */

/* One program: `init` builds the objects, each thread runs, `finish` checks the
 * end state after all have ended. All state must be rebuilt by init. */
struct model {
    const char *name;
    int threads;
    void (*init)(void);
    void (*thread)(int index);
    void (*finish)(void);
};

/* Explore; prints the number of executions. True if no execution fails. When
 * one does, its steps are printed. */
bool model_explore(const struct model *model);
/* The main() of a model program: all of them, or those whose numbers are given;
 * stops at the first that fails. Exit code 1 means just that. */
int model_main(const struct model *models, size_t count, int argc, char **argv);

/* In a thread: this execution is wrong. */
void model_fail(const char *what) __attribute__((noreturn));
#define MODEL_CHECK(condition)      \
    do {                            \
        if (!(condition))           \
            model_fail(#condition); \
    } while (0)

/* A counter to sleep on, as an eventfd: signal adds, wait blocks until it is
 * not 0 and clears it. All threads blocked: the execution fails (lost wake). */
void model_signal(_Atomic uint32_t *event);
void model_wait(_Atomic uint32_t *event);
void model_poll(_Atomic uint32_t *event); /* as wait, but clears nothing */
void model_clear(_Atomic uint32_t *event);
/* A futex: sleeps if the word is `expected`, and then until a wake. */
void model_futex_wait(_Atomic uint32_t *word, uint32_t expected);
void model_futex_wake(_Atomic uint32_t *word);
/* "Somebody else must do something": see README.md. */
void model_yield(void);
/* Statistics: accesses are no steps. */
void model_ignore(const volatile void *address);

/* Memory that starts zeroed in every execution, at the same address. */
void *model_alloc(size_t size);

/* ---- the operations ---- */

uint64_t model_load(const volatile void *p, size_t size, memory_order order);
void model_store(volatile void *p, size_t size, uint64_t value,
                 memory_order order);
enum model_rmw {
    MODEL_XCHG,
    MODEL_ADD,
    MODEL_SUB,
    MODEL_OR
};
uint64_t model_rmw(volatile void *p, size_t size, enum model_rmw op,
                   uint64_t operand, memory_order order);
bool model_cas(volatile void *p, size_t size, uint64_t *expected,
               uint64_t desired, memory_order success, memory_order failure);
void model_init(volatile void *p, size_t size, uint64_t value);

#define MODEL_TYPE(p) __typeof__((void)0, *(p))
#define MODEL_BITS(p, v)                          \
    ({                                            \
        MODEL_TYPE(p) bits_v = (v);               \
        uint64_t bits_w = 0;                      \
        memcpy(&bits_w, &bits_v, sizeof(bits_v)); \
        bits_w;                                   \
    })
#define MODEL_VALUE(p, w)                            \
    ({                                               \
        uint64_t value_w = (w);                      \
        MODEL_TYPE(p) value_v;                       \
        memcpy(&value_v, &value_w, sizeof(value_v)); \
        value_v;                                     \
    })

#undef atomic_init
#define atomic_init(p, v) model_init((p), sizeof(*(p)), MODEL_BITS(p, v))
#undef atomic_load_explicit
#define atomic_load_explicit(p, o) \
    MODEL_VALUE(p, model_load((p), sizeof(*(p)), (o)))
#undef atomic_store_explicit
#define atomic_store_explicit(p, v, o) \
    model_store((p), sizeof(*(p)), MODEL_BITS(p, v), (o))
#define MODEL_RMW(p, op, v, o) \
    MODEL_VALUE(p, model_rmw((p), sizeof(*(p)), (op), MODEL_BITS(p, v), (o)))
#undef atomic_exchange_explicit
#define atomic_exchange_explicit(p, v, o) MODEL_RMW(p, MODEL_XCHG, v, o)
#undef atomic_fetch_add_explicit
#define atomic_fetch_add_explicit(p, v, o) MODEL_RMW(p, MODEL_ADD, v, o)
#undef atomic_fetch_sub_explicit
#define atomic_fetch_sub_explicit(p, v, o) MODEL_RMW(p, MODEL_SUB, v, o)
#undef atomic_fetch_or_explicit
#define atomic_fetch_or_explicit(p, v, o) MODEL_RMW(p, MODEL_OR, v, o)
#define MODEL_CAS(p, e, d, s, f)                                              \
    ({                                                                        \
        uint64_t cas_e = MODEL_BITS(p, *(e));                                 \
        bool cas_won =                                                        \
            model_cas((p), sizeof(*(p)), &cas_e, MODEL_BITS(p, d), (s), (f)); \
        *(e) = MODEL_VALUE(p, cas_e);                                         \
        cas_won;                                                              \
    })
#undef atomic_compare_exchange_strong_explicit
#define atomic_compare_exchange_strong_explicit MODEL_CAS
#undef atomic_compare_exchange_weak_explicit
#define atomic_compare_exchange_weak_explicit MODEL_CAS

#endif /* AUV_TEST_EXPLORE_H */
