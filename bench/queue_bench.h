/* What a queue shows to the queue rows. Every candidate, ours and the peers, is
 * one table of these functions in a program of its own with queue_bench.c; the
 * loops over messages are inside the candidate so that what it inlines for its
 * users is inlined here too.
 *
 * A message is one pointer to a struct bench_message. Its link is there for
 * intrusive queues, which need no room of their own; the others leave it alone.
 */
#ifndef AURORAVIEW_BENCH_QUEUE_BENCH_H
#define AURORAVIEW_BENCH_QUEUE_BENCH_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_PRODUCERS 4 /* at most */

struct bench_message {
    void *link;
    uintptr_t payload;
};

struct bench_queue_impl {
    const char *name;
    void *(*create)(size_t capacity);
    void (*destroy)(void *queue);

    /* Producer number `producer`. A full queue is tried again after
     * sched_yield(). No wake. */
    void (*push_many)(void *queue, unsigned producer,
                      struct bench_message *messages, size_t count);
    /* Consumer. Takes what is there, up to `most`, adds up the payloads, never
     * waits. */
    size_t (*pop_many)(void *queue, size_t most, uintptr_t *sum);

    /* The same for a consumer that sleeps: each push wakes it where the
     * candidate's way of waiting asks for it. */
    void (*send_many)(void *queue, unsigned producer,
                      struct bench_message *messages, size_t count);
    /* Waits until there is at least one. */
    size_t (*receive_many)(void *queue, size_t most, uintptr_t *sum);
};

#ifdef __cplusplus
extern "C" {
#endif

/* The candidates of this program, ended by NULL; the first argument picks one
 * by name. */
extern const struct bench_queue_impl *const bench_queue_impls[];

#ifdef __cplusplus
}
#endif

#endif
