/* Queue peer, the baseline: a bounded ring under one mutex, a condition
 * variable for the consumer that sleeps. */
#include "queue_bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    bool sleeping;
    size_t mask, head, tail;
    struct bench_message **slot;
};

static void *create(size_t capacity)
{
    struct queue *q = calloc(1, sizeof *q);
    size_t size = 1;
    while (size < capacity)
        size *= 2;
    if (!q || !(q->slot = calloc(size, sizeof *q->slot)))
        abort();
    q->mask = size - 1;
    pthread_mutex_init(&q->mutex, NULL);
    pthread_cond_init(&q->filled, NULL);
    return q;
}

static void destroy(void *queue)
{
    struct queue *q = queue;
    pthread_cond_destroy(&q->filled);
    pthread_mutex_destroy(&q->mutex);
    free(q->slot);
    free(q);
}

static void push(struct queue *q, struct bench_message *message)
{
    for (;;) {
        pthread_mutex_lock(&q->mutex);
        bool fits = q->tail - q->head <= q->mask;
        if (fits)
            q->slot[q->tail++ & q->mask] = message;
        bool wake = q->sleeping;
        q->sleeping = false;
        pthread_mutex_unlock(&q->mutex);
        if (wake)
            pthread_cond_signal(&q->filled);
        if (fits)
            return;
        sched_yield();
    }
}

static void push_many(void *queue, unsigned producer,
                      struct bench_message *messages, size_t count)
{
    (void)producer;
    for (size_t i = 0; i < count; i++)
        push(queue, &messages[i]);
}

static size_t pop_many(void *queue, size_t most, uintptr_t *sum)
{
    struct queue *q = queue;
    size_t count = 0;
    while (count < most) {
        pthread_mutex_lock(&q->mutex);
        struct bench_message *message =
            q->head == q->tail ? NULL : q->slot[q->head++ & q->mask];
        pthread_mutex_unlock(&q->mutex);
        if (!message)
            break;
        *sum += message->payload;
        count++;
    }
    return count;
}

static size_t receive_many(void *queue, size_t most, uintptr_t *sum)
{
    struct queue *q = queue;
    pthread_mutex_lock(&q->mutex);
    while (q->head == q->tail) {
        q->sleeping = true;
        pthread_cond_wait(&q->filled, &q->mutex);
    }
    pthread_mutex_unlock(&q->mutex);
    return pop_many(queue, most, sum);
}

static const struct bench_queue_impl impl = {
    .name = "mutex",
    .create = create,
    .destroy = destroy,
    .push_many = push_many,
    .pop_many = pop_many,
    .send_many = push_many,
    .receive_many = receive_many,
};
const struct bench_queue_impl *const bench_queue_impls[] = {&impl, NULL};
