/* Our queue and our wake in the queue rows: one lane, as a view's messages of
 * normal priority use it. The consumer sleeps on the descriptor, as a host's
 * loop does; its peers sleep on a futex or a condition variable, which is less
 * work for the kernel. */
#include "queue_bench.h"

#include "core/queue.h"
#include "core/wake.h"

#include <poll.h>
#include <sched.h>
#include <stdlib.h>

struct queue {
    struct auvi_queue *queue;
    struct auvi_wake *wake;
};

static void *create(size_t capacity)
{
    static const struct auvi_wake_config config = {.immediate_wake = true};
    struct queue *q = calloc(1, sizeof *q);
    if (!q || auvi_queue_create(capacity, &q->queue) < 0 ||
        auvi_wake_create(&config, NULL, NULL, &q->wake) < 0)
        abort();
    return q;
}

static void destroy(void *queue)
{
    struct queue *q = queue;
    auvi_wake_destroy(q->wake);
    auvi_queue_destroy(q->queue);
    free(q);
}

static int push(struct queue *q, struct bench_message *message)
{
    int result;
    while ((result = auvi_queue_push(q->queue, AUVI_NORMAL, message)) < 0)
        sched_yield();
    return result;
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
    struct bench_message *message;
    while (count < most && (message = auvi_queue_pop(q->queue))) {
        *sum += message->payload;
        count++;
    }
    return count;
}

static void send_many(void *queue, unsigned producer,
                      struct bench_message *messages, size_t count)
{
    struct queue *q = queue;
    (void)producer;
    for (size_t i = 0; i < count; i++)
        auvi_wake_notify(q->wake, push(q, &messages[i]), AUVI_NORMAL);
}

static size_t receive_many(void *queue, size_t most, uintptr_t *sum)
{
    struct queue *q = queue;
    struct pollfd wait = {.fd = auvi_wake_fd(q->wake), .events = POLLIN};
    for (;;) {
        auvi_wake_clear(q->wake);
        size_t count = pop_many(q, most, sum);
        if (count)
            return count;
        if (auvi_queue_prepare_sleep(q->queue))
            poll(&wait, 1, -1);
    }
}

static const struct bench_queue_impl impl = {
    .name = "auroraview",
    .create = create,
    .destroy = destroy,
    .push_many = push_many,
    .pop_many = pop_many,
    .send_many = send_many,
    .receive_many = receive_many,
};
const struct bench_queue_impl *const bench_queue_impls[] = {&impl, NULL};
