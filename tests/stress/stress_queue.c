/*
 * Producers, a consumer that really sleeps, and a shutdown at a random moment.
 *
 * Every accepted item is delivered exactly once (items are poisoned when they
 * are taken), in the order of its producer and lane; a refused one never; the
 * consumer never sleeps on an item and no producer on room (it would sleep for
 * ever: a hang).
 */
#include "core/queue.h"
#include "core/wake.h"

#include <pthread.h>
#include <sched.h>

#include "stress.h"

#define MAX_PRODUCERS 6
#define ITEMS 2000 /* per producer and round */
#define POISON 0xdeadu

struct item {
    uint32_t producer;
    uint32_t lane;
    uint32_t number;
    uint32_t taken;
};

struct round {
    struct auvi_queue *queue;
    struct auvi_wake *wake;
    uint64_t number;
};

struct producer {
    struct round *round;
    uint32_t index;
    struct item items[ITEMS];
    uint64_t accepted, full, closed;
};

static struct stress_args args;
static struct producer producers[MAX_PRODUCERS];

static void *produce(void *arg)
{
    struct producer *me = arg;
    struct dice dice = dice_for(args.seed, me->round->number, me->index);
    uint32_t numbers[AUVI_LANES] = {0};
    uint32_t i;

    for (i = 0; i < ITEMS; i++) {
        struct item *item = &me->items[i];
        bool reserved = dice_below(&dice, 32) == 0;
        uint32_t lane =
            reserved ? AUVI_CRITICAL : dice_below(&dice, AUVI_LANES);
        int pushed;

        *item = (struct item){me->index, lane, numbers[lane]++, 0};
        for (;;) {
            pushed = reserved ? auvi_queue_push_reserved(me->round->queue, item)
                              : auvi_queue_push(me->round->queue,
                                                (enum auvi_priority)lane, item);
            if (pushed != AUV_ERR_QUEUE_FULL)
                break;
            CHECK(!reserved);
            me->full++;
            if (dice_below(&dice, 2) == 0) {
                sched_yield();
                continue;
            }
            pushed = auvi_queue_push_wait(
                me->round->queue, (enum auvi_priority)lane, item, INT64_MAX);
            break;
        }
        if (pushed == AUV_ERR_CLOSED) {
            item->taken = POISON; /* must never come out */
            me->closed++;
            continue;
        }
        me->accepted++;
        auvi_wake_notify(me->round->wake, pushed, (enum auvi_priority)lane);
        if (dice_below(&dice, 64) == 0)
            sched_yield();
    }
    return NULL;
}

static uint64_t drain(struct auvi_queue *queue,
                      uint32_t next[MAX_PRODUCERS][AUVI_LANES])
{
    uint64_t got = 0;
    struct item *item;

    while ((item = auvi_queue_pop(queue))) {
        CHECK_EQ(item->taken, 0);
        item->taken = POISON;
        CHECK_EQ(item->number, next[item->producer][item->lane]++);
        got++;
    }
    return got;
}

static void run_round(uint64_t number)
{
    struct dice dice = dice_for(args.seed, number, 4000);
    uint32_t count = 1 + dice_below(&dice, MAX_PRODUCERS);
    size_t capacity = 1 + dice_below(&dice, 100);
    /* Half of the rounds are cut short. */
    uint64_t close_after = dice_below(&dice, 2) == 0
                               ? dice_below(&dice, count * ITEMS)
                               : UINT64_MAX;
    struct auvi_wake_config wake_config = {.immediate_wake = true};
    struct round round = {.number = number};
    pthread_t threads[MAX_PRODUCERS];
    uint32_t next[MAX_PRODUCERS][AUVI_LANES] = {{0}};
    struct auvi_queue_metrics metrics;
    struct auvi_poll_event event;
    uint64_t got = 0, accepted = 0, full = 0, closed = 0;
    int poller = auvi_poller_create();
    uint32_t i;

    CHECK(poller >= 0);
    CHECK_EQ(auvi_queue_create(capacity, &round.queue), AUV_OK);
    CHECK_EQ(auvi_wake_create(&wake_config, NULL, NULL, &round.wake), AUV_OK);
    CHECK_EQ(auvi_poller_add(poller, auvi_wake_fd(round.wake), AUVI_POLL_IN, 0),
             AUV_OK);
    for (i = 0; i < count; i++) {
        producers[i].round = &round;
        producers[i].index = i;
        producers[i].accepted = producers[i].full = producers[i].closed = 0;
        CHECK_EQ(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }

    while (got < count * ITEMS && got < close_after) {
        auvi_wake_clear(round.wake);
        got += drain(round.queue, next);
        if (got < count * ITEMS && got < close_after &&
            auvi_queue_prepare_sleep(round.queue))
            CHECK_EQ(auvi_poller_wait(poller, &event, 1, -1), 1);
    }
    auvi_queue_shutdown(round.queue);
    CHECK_EQ(auvi_queue_wait_quiet(round.queue, -1), AUV_OK);
    got += drain(round.queue, next);
    CHECK(auvi_queue_is_empty(round.queue));

    for (i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        accepted += producers[i].accepted;
        full += producers[i].full;
        closed += producers[i].closed;
    }
    CHECK(auvi_queue_is_empty(round.queue));
    auvi_queue_get_metrics(round.queue, &metrics);
    CHECK_EQ(got, accepted);
    CHECK_EQ(metrics.sent, accepted);
    CHECK_EQ(metrics.received, accepted);
    CHECK_EQ(metrics.failed, full);
    CHECK_EQ(metrics.dropped, closed);
    auvi_fd_close(poller);
    auvi_wake_destroy(round.wake);
    auvi_queue_destroy(round.queue);
}

int main(int argc, char **argv)
{
    uint64_t round;

    args = stress_start(argc, argv, 100);
    for (round = 0; round < args.rounds; round++)
        run_round(round);
    return 0;
}
