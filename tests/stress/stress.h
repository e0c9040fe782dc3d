/*
 * stress.h - what the stress programs share: seed, dice, asserts.
 *
 *     stress_x [rounds [seed]]
 *
 * The seed is printed first. The same seed gives every thread the same
 * decisions again; the schedule is the machine's.
 */
#ifndef AUV_TEST_STRESS_H
#define AUV_TEST_STRESS_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

struct dice {
    uint64_t state;
};

/* SplitMix64 (Steele, Lea, Flood 2014): any seed is good, 0 too. */
static inline uint64_t dice_throw(struct dice *dice)
{
    uint64_t z = dice->state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline uint32_t dice_below(struct dice *dice, uint32_t n)
{
    return (uint32_t)(dice_throw(dice) % n);
}

/* Dice of its own for thread `thread` in round `round`. */
static inline struct dice dice_for(uint64_t seed, uint64_t round,
                                   uint64_t thread)
{
    struct dice dice = {seed ^ round << 20 ^ thread << 52};

    dice_throw(&dice);
    return dice;
}

/* Stays on in every build. */
#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

#define CHECK_EQ(a, b)                                                       \
    do {                                                                     \
        uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);                     \
                                                                             \
        if (a_ != b_) {                                                      \
            fprintf(stderr, "%s:%d: %s is %" PRIu64 ", %s is %" PRIu64 "\n", \
                    __FILE__, __LINE__, #a, a_, #b, b_);                     \
            abort();                                                         \
        }                                                                    \
    } while (0)

struct stress_args {
    uint64_t rounds;
    uint64_t seed;
};

static inline struct stress_args stress_start(int argc, char **argv,
                                              uint64_t rounds)
{
    struct stress_args args = {rounds, (uint64_t)auvi_clock_ns()};

    if (argc > 1)
        args.rounds = strtoull(argv[1], NULL, 0);
    if (argc > 2)
        args.seed = strtoull(argv[2], NULL, 0);
    printf("%s %" PRIu64 " 0x%" PRIx64 "\n", argv[0], args.rounds, args.seed);
    fflush(stdout);
    return args;
}

#endif /* AUV_TEST_STRESS_H */
