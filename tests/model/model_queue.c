/* The queue and its wake protocol: lost wake, lost item, double delivery, order
 * within a producer, room in a full ring, shutdown. */
#include "explore.h"

#define AUVI_LANES 2
#define AUVI_QUEUE_RESERVED ((size_t)1)
#define PEAK_STRIDE 0
#define SPINS 1
#include "model_base.h"

#include "core/queue.c"

#include <stdio.h>

struct item {
    _Atomic uint32_t data; /* relaxed: only the queue orders it */
    int producer, number;
    int taken;
};

static struct auvi_queue *queue;
static struct item *items;
static _Atomic uint32_t *event;
static int next_number[3];
static int got, accepted;

static void make(size_t capacity)
{
    int i;

    got = accepted = 0;
    memset(next_number, 0, sizeof(next_number));
    auvi_queue_create(capacity, &queue);
    items = model_alloc(sizeof(*items) * 12);
    event = model_alloc(sizeof(*event));
    model_ignore(&queue->failed);
    model_ignore(&queue->dropped);
    model_ignore(&queue->latency_ns);
    model_ignore(&queue->latency_samples);
    for (i = 0; i < AUVI_LANES; i++) {
        model_ignore(&queue->lanes[i].peak);
        model_ignore(&queue->lanes[i].retries);
        model_ignore(&queue->lanes[i].stamps[0]);
    }
}

static void make_1(void)
{
    make(1);
}

static void make_2(void)
{
    make(2);
}

static bool push(int producer, int number, enum auvi_priority lane);

/* Full from the start: producers learn of room from each other. */
static void make_full(void)
{
    make(1);
    push(2, 0, AUVI_LOW);
}

/* True if it was accepted; waits for room. */
static bool push(int producer, int number, enum auvi_priority lane)
{
    struct item *item = &items[producer * 4 + number];
    int pushed;

    item->producer = producer;
    item->number = number;
    item->taken = 0;
    atomic_store_explicit(&item->data, 7, memory_order_relaxed);
    while ((pushed = auvi_queue_push(queue, lane, item)) == AUV_ERR_QUEUE_FULL)
        model_yield();
    if (pushed == 1)
        model_signal(event);
    return pushed >= 0;
}

static bool take(void)
{
    struct item *item = auvi_queue_pop(queue);

    if (!item)
        return false;
    MODEL_CHECK(atomic_load_explicit(&item->data, memory_order_relaxed) == 7);
    MODEL_CHECK(!item->taken);
    item->taken = 1;
    MODEL_CHECK(item->number == next_number[item->producer]++);
    got++;
    return true;
}

/* A new queue's consumer sleeps. */
static void consume(int count)
{
    if (got == 0)
        model_wait(event);
    while (got < count)
        if (!take() && auvi_queue_prepare_sleep(queue))
            model_wait(event);
}

static void all_empty(void)
{
    MODEL_CHECK(auvi_queue_is_empty(queue));
}

/* ---- one producer, two items ---- */

static void in_a_row(int index)
{
    if (index == 0) {
        consume(2);
    } else {
        push(0, 0, AUVI_LOW);
        push(0, 1, AUVI_LOW);
    }
}

/* ---- two producers ---- */

static void side_by_side(int index)
{
    if (index == 0)
        consume(2);
    else
        push(index - 1, 0, AUVI_LOW);
}

static void into_a_full_ring(int index)
{
    if (index == 0) {
        take();
    } else {
        struct item *item = &items[(index - 1) * 4];

        item->producer = index - 1;
        atomic_store_explicit(&item->data, 7, memory_order_relaxed);
        accepted += auvi_queue_push(queue, AUVI_LOW, item) >= 0;
    }
}

static void one_got_in(void)
{
    while (take())
        ;
    MODEL_CHECK(got == 1 + accepted);
    MODEL_CHECK(auvi_queue_is_empty(queue));
}

static void across_lanes(int index)
{
    if (index == 0)
        consume(2);
    else
        push(index - 1, 0, index == 1 ? AUVI_LOW : AUVI_NORMAL);
}

/* ---- a consumer that keeps sleeping ---- */

static void asleep_and_awake(int index)
{
    if (index == 0) {
        consume(1);
        while (!auvi_queue_prepare_sleep(queue) && got < 2)
            take();
        consume(2);
    } else {
        push(index - 1, 0, AUVI_LOW);
    }
}

/* ---- waiting for room ---- */

/* True if it was accepted. */
static bool push_waiting(int producer)
{
    struct item *item = &items[producer * 4];
    int pushed;

    item->producer = producer;
    item->number = item->taken = 0;
    atomic_store_explicit(&item->data, 7, memory_order_relaxed);
    pushed = auvi_queue_push_wait(queue, AUVI_LOW, item, INT64_MAX);
    if (pushed == 1)
        model_signal(event);
    return pushed >= 0;
}

/* The consumer sleeps once the lane is empty. */
static void wait_alone(int index)
{
    if (index == 0)
        consume(2);
    else
        MODEL_CHECK(push_waiting(0));
}

static void wait_until_shutdown(int index)
{
    if (index == 0)
        auvi_queue_shutdown(queue);
    else
        MODEL_CHECK(!push_waiting(index - 1));
}

/* ---- shutdown ---- */

static void shut_down(int index)
{
    if (index == 0) {
        auvi_queue_shutdown(queue);
        MODEL_CHECK(auvi_queue_wait_quiet(queue, -1) == AUV_OK);
        while (take())
            ;
        /* Quiet means complete. */
        MODEL_CHECK(auvi_queue_is_empty(queue));
    } else if (push(index - 1, 0, AUVI_LOW)) {
        accepted++;
    }
}

static void none_lost(void)
{
    MODEL_CHECK(got == accepted);
}

int main(int argc, char **argv)
{
    static const struct model models[] = {
        {"queue: one producer, in order", 2, make_2, in_a_row, all_empty},
        {"queue: one producer, a ring of one", 2, make_1, in_a_row, all_empty},
        {"queue: two producers", 3, make_2, side_by_side, all_empty},
        {"queue: two producers, a ring of one", 3, make_1, side_by_side,
         all_empty},
        {"queue: two producers, a full ring of one", 3, make_full,
         into_a_full_ring, one_got_in},
        {"queue: two producers, two lanes", 3, make_2, across_lanes, all_empty},
        {"queue: the consumer sleeps twice", 3, make_2, asleep_and_awake,
         all_empty},
        {"queue: one waits for room", 2, make_full, wait_alone, all_empty},
        {"queue: two wait until shutdown", 3, make_full, wait_until_shutdown,
         NULL},
        {"queue: shutdown against two pushes", 3, make_2, shut_down, none_lost},
    };

    return model_main(models, sizeof(models) / sizeof(*models), argc, argv);
}
