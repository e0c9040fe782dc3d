/* Queue peer: liburcu's wfcqueue, which is intrusive and unbounded. Its
 * consumer sleeps as liburcu's own call_rcu thread does: it announces the sleep
 * in a word, looks once more, and waits on that word. */
/* The inlined queue operations, as liburcu's own users have them. */
#define _LGPL_SOURCE
#include <urcu/wfcqueue.h>

#include "queue_bench.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct queue {
    struct cds_wfcq_tail tail __attribute__((aligned(64)));
    struct __cds_wfcq_head head __attribute__((aligned(64)));
    _Atomic int32_t sleeping __attribute__((
        aligned(64))); /* -1: the consumer sleeps or is about to */
};

_Static_assert(sizeof(struct cds_wfcq_node) <= sizeof(void *),
               "the link of a message holds a node");

static void *create(size_t capacity)
{
    struct queue *q;
    (void)capacity;
    if (posix_memalign((void **)&q, 64, sizeof *q) != 0)
        abort();
    __cds_wfcq_init(&q->head, &q->tail);
    atomic_init(&q->sleeping, 0);
    return q;
}

static void push_many(void *queue, unsigned producer,
                      struct bench_message *messages, size_t count)
{
    struct queue *q = queue;
    (void)producer;
    for (size_t i = 0; i < count; i++) {
        struct cds_wfcq_node *node = (struct cds_wfcq_node *)&messages[i].link;
        cds_wfcq_node_init(node);
        cds_wfcq_enqueue(&q->head, &q->tail, node);
    }
}

static size_t pop_many(void *queue, size_t most, uintptr_t *sum)
{
    struct queue *q = queue;
    size_t count = 0;
    while (count < most) {
        struct cds_wfcq_node *node =
            __cds_wfcq_dequeue_nonblocking(&q->head, &q->tail);
        if (!node || node == CDS_WFCQ_WOULDBLOCK)
            break;
        *sum += ((struct bench_message *)node)->payload;
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
        atomic_thread_fence(
            memory_order_seq_cst); /* the push before the look at the sleeper */
        if (atomic_load_explicit(&q->sleeping, memory_order_relaxed) == -1) {
            atomic_store_explicit(&q->sleeping, 0, memory_order_relaxed);
            syscall(SYS_futex, &q->sleeping, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1,
                    NULL, NULL, 0);
        }
    }
}

static size_t receive_many(void *queue, size_t most, uintptr_t *sum)
{
    struct queue *q = queue;
    for (;;) {
        size_t count = pop_many(q, most, sum);
        if (count)
            return count;
        atomic_store_explicit(&q->sleeping, -1, memory_order_relaxed);
        atomic_thread_fence(
            memory_order_seq_cst); /* the announcement before the last look */
        count = pop_many(q, most, sum);
        if (count) {
            atomic_store_explicit(&q->sleeping, 0, memory_order_relaxed);
            return count;
        }
        syscall(SYS_futex, &q->sleeping, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, -1,
                NULL, NULL, 0);
    }
}

static const struct bench_queue_impl impl = {
    .name = "liburcu",
    .create = create,
    .destroy = free,
    .push_many = push_many,
    .pop_many = pop_many,
    .send_many = send_many,
    .receive_many = receive_many,
};
const struct bench_queue_impl *const bench_queue_impls[] = {&impl, NULL};
