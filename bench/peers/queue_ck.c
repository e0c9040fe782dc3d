/* Queue peer: Concurrency Kit's ck_ring (many producers, one consumer), with
 * its event count to sleep on. */
#include "queue_bench.h"

#include <ck_ec.h>
#include <ck_ring.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct queue {
    ck_ring_t ring;
    ck_ring_buffer_t *buffer;
    struct ck_ec32 count;
};

static int now(const struct ck_ec_ops *ops, struct timespec *out)
{
    (void)ops;
    return clock_gettime(CLOCK_MONOTONIC, out);
}

static void wait32(const struct ck_ec_wait_state *state,
                   const uint32_t *address, uint32_t expected,
                   const struct timespec *deadline)
{
    (void)state;
    syscall(SYS_futex, address, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG,
            expected, deadline, NULL, FUTEX_BITSET_MATCH_ANY);
}

static void wake32(const struct ck_ec_ops *ops, const uint32_t *address)
{
    (void)ops;
    syscall(SYS_futex, address, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL,
            NULL, 0);
}

static const struct ck_ec_ops ops = {
    .gettime = now, .wait32 = wait32, .wake32 = wake32};
static const struct ck_ec_mode mode = {.ops = &ops, .single_producer = false};

static void *create(size_t capacity)
{
    /* One slot of a ring stays empty. */
    unsigned size = 4;
    while (size < capacity + 1)
        size *= 2;
    struct queue *q;
    if (posix_memalign((void **)&q, CK_MD_CACHELINE, sizeof *q) != 0)
        abort();
    q->buffer = calloc(size, sizeof *q->buffer);
    if (!q->buffer)
        abort();
    ck_ring_init(&q->ring, size);
    ck_ec32_init(&q->count, 0);
    return q;
}

static void destroy(void *queue)
{
    struct queue *q = queue;
    free(q->buffer);
    free(q);
}

static void push_many(void *queue, unsigned producer,
                      struct bench_message *messages, size_t count)
{
    struct queue *q = queue;
    (void)producer;
    for (size_t i = 0; i < count; i++)
        while (!ck_ring_enqueue_mpsc(&q->ring, q->buffer, &messages[i]))
            sched_yield();
}

static size_t pop_many(void *queue, size_t most, uintptr_t *sum)
{
    struct queue *q = queue;
    size_t count = 0;
    struct bench_message *message;
    while (count < most &&
           ck_ring_dequeue_mpsc(&q->ring, q->buffer, &message)) {
        *sum += message->payload;
        count++;
    }
    return count;
}

static void send_many(void *queue, unsigned producer,
                      struct bench_message *messages, size_t count)
{
    struct queue *q = queue;
    for (size_t i = 0; i < count; i++) {
        push_many(q, producer, &messages[i], 1);
        ck_ec32_inc(&q->count, &mode);
    }
}

static size_t receive_many(void *queue, size_t most, uintptr_t *sum)
{
    struct queue *q = queue;
    for (;;) {
        uint32_t seen = ck_ec32_value(&q->count);
        size_t count = pop_many(q, most, sum);
        if (count)
            return count;
        ck_ec32_wait(&q->count, &mode, seen, NULL);
    }
}

static const struct bench_queue_impl impl = {
    .name = "ck",
    .create = create,
    .destroy = destroy,
    .push_many = push_many,
    .pop_many = pop_many,
    .send_many = send_many,
    .receive_many = receive_many,
};
const struct bench_queue_impl *const bench_queue_impls[] = {&impl, NULL};
