/* The queue: order, limits, lanes, wake protocol, shutdown, figures. */
#include "core/queue.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base.h"

#define LENGTH(a) (sizeof(a) / sizeof(*(a)))

static struct auvi_queue *make_queue(size_t capacity)
{
    struct auvi_queue *queue;

    assert_int_equal(auvi_queue_create(capacity, &queue), AUV_OK);
    return queue;
}

static size_t drain(struct auvi_queue *queue)
{
    size_t n = 0;

    while (auvi_queue_pop(queue))
        n++;
    return n;
}

/* Items are never followed, so numbers do. */
static void *item(uintptr_t n)
{
    return (void *)(n + 1);
}

static void refuses_silly_capacities(void **unused)
{
    struct auvi_queue *queue = (struct auvi_queue *)1;

    (void)unused;
    assert_int_equal(auvi_queue_create(0, &queue), AUV_ERR_ARG);
    assert_null(queue);
    assert_int_equal(auvi_queue_create(AUVI_QUEUE_MAX_CAPACITY + 1, &queue),
                     AUV_ERR_ARG);
    assert_null(queue);
    auvi_queue_destroy(NULL);
}

static void comes_out_as_it_went_in(void **unused)
{
    struct auvi_queue *queue = make_queue(100);
    uintptr_t i;

    (void)unused;
    assert_null(auvi_queue_pop(queue));
    for (i = 0; i < 100; i++)
        assert_true(auvi_queue_push(queue, AUVI_NORMAL, item(i)) >= 0);
    assert_int_equal(auvi_queue_length(queue), 100);
    for (i = 0; i < 100; i++)
        assert_ptr_equal(auvi_queue_pop(queue), item(i));
    assert_null(auvi_queue_pop(queue));
    assert_true(auvi_queue_is_empty(queue));
    auvi_queue_destroy(queue);
}

static void urgent_lanes_first(void **unused)
{
    struct auvi_queue *queue = make_queue(8);
    static const enum auvi_priority order[] = {AUVI_LOW, AUVI_CRITICAL,
                                               AUVI_NORMAL, AUVI_HIGH};
    uintptr_t i;

    (void)unused;
    for (i = 0; i < 8; i++)
        assert_true(auvi_queue_push(queue, order[i % 4],
                                    item(order[i % 4] * 10 + i / 4)) >= 0);
    for (i = 0; i < 8; i++)
        assert_ptr_equal(auvi_queue_pop(queue), item((3 - i / 2) * 10 + i % 2));
    auvi_queue_destroy(queue);
}

static void full_is_exact_per_lane(void **unused)
{
    /* Smaller than, as large as, and just above a ring; an odd one. */
    static const size_t capacities[] = {1, 2, 63, 64, 65, 1000};
    size_t c, i;
    int lane;

    (void)unused;
    for (c = 0; c < LENGTH(capacities); c++) {
        struct auvi_queue *queue = make_queue(capacities[c]);
        struct auvi_queue_metrics metrics;

        for (lane = 0; lane < AUVI_LANES; lane++) {
            for (i = 0; i < capacities[c]; i++)
                assert_true(auvi_queue_push(queue, (enum auvi_priority)lane,
                                            item(i)) >= 0);
            assert_int_equal(
                auvi_queue_push(queue, (enum auvi_priority)lane, item(0)),
                AUV_ERR_QUEUE_FULL);
        }
        /* One out, one in. */
        assert_non_null(auvi_queue_pop(queue));
        assert_true(auvi_queue_push(queue, AUVI_CRITICAL, item(0)) >= 0);
        assert_int_equal(auvi_queue_push(queue, AUVI_CRITICAL, item(0)),
                         AUV_ERR_QUEUE_FULL);

        auvi_queue_get_metrics(queue, &metrics);
        assert_int_equal(metrics.failed, AUVI_LANES + 1);
        assert_int_equal(metrics.sent, capacities[c] * AUVI_LANES + 1);
        assert_int_equal(metrics.received, 1);
        assert_int_equal(metrics.peak_length, capacities[c]);
        assert_int_equal(drain(queue), capacities[c] * AUVI_LANES);
        auvi_queue_destroy(queue);
    }
}

static void reserved_places_are_kept(void **unused)
{
    struct auvi_queue *queue = make_queue(3);
    size_t i;

    (void)unused;
    for (i = 0; i < 3; i++)
        assert_true(auvi_queue_push(queue, AUVI_CRITICAL, item(i)) >= 0);
    assert_int_equal(auvi_queue_push(queue, AUVI_CRITICAL, item(0)),
                     AUV_ERR_QUEUE_FULL);
    for (i = 0; i < AUVI_QUEUE_RESERVED; i++)
        assert_true(auvi_queue_push_reserved(queue, item(3 + i)) >= 0);
    assert_int_equal(auvi_queue_push_reserved(queue, item(0)),
                     AUV_ERR_QUEUE_FULL);
    for (i = 0; i < 3 + AUVI_QUEUE_RESERVED; i++)
        assert_ptr_equal(auvi_queue_pop(queue), item(i));
    auvi_queue_destroy(queue);
}

static void goes_round_the_ring(void **unused)
{
    struct auvi_queue *queue = make_queue(5);
    uintptr_t in = 0, out = 0;
    size_t round, i;

    (void)unused;
    for (round = 0; round < 1000; round++) {
        for (i = 0; i <= round % 5; i++)
            assert_true(auvi_queue_push(queue, AUVI_LOW, item(in++)) >= 0);
        for (i = 0; i <= round % 5; i++)
            assert_ptr_equal(auvi_queue_pop(queue), item(out++));
    }
    auvi_queue_destroy(queue);
}

static void one_wake_per_sleep(void **unused)
{
    struct auvi_queue *queue = make_queue(8);
    int round;

    (void)unused;
    /* New: its consumer sleeps. */
    assert_int_equal(auvi_queue_push(queue, AUVI_LOW, item(0)), 1);
    assert_int_equal(auvi_queue_push(queue, AUVI_HIGH, item(0)), 0);
    for (round = 0; round < 3; round++) {
        assert_false(auvi_queue_prepare_sleep(queue));
        assert_int_equal(auvi_queue_push(queue, AUVI_LOW, item(0)), 0);
        drain(queue);
        assert_int_equal(auvi_queue_push(queue, AUVI_LOW, item(0)), 0);
        drain(queue);
        assert_true(auvi_queue_prepare_sleep(queue));
        assert_int_equal(auvi_queue_push(queue, AUVI_NORMAL, item(0)), 1);
        assert_int_equal(auvi_queue_push_reserved(queue, item(0)), 0);
    }
    drain(queue);
    /* Woken by something else: a pop ends the sleep. */
    assert_true(auvi_queue_prepare_sleep(queue));
    assert_null(auvi_queue_pop(queue));
    assert_int_equal(auvi_queue_push(queue, AUVI_NORMAL, item(0)), 0);
    drain(queue);
    auvi_queue_destroy(queue);
}

static void shutdown_refuses_and_keeps(void **unused)
{
    struct auvi_queue *queue = make_queue(8);
    struct auvi_queue_metrics metrics;
    int lane;

    (void)unused;
    for (lane = 0; lane < AUVI_LANES; lane++)
        assert_true(auvi_queue_push(queue, (enum auvi_priority)lane, item(0)) >=
                    0);
    auvi_queue_shutdown(queue);
    auvi_queue_shutdown(queue);
    for (lane = 0; lane < AUVI_LANES; lane++)
        assert_int_equal(
            auvi_queue_push(queue, (enum auvi_priority)lane, item(0)),
            AUV_ERR_CLOSED);
    assert_int_equal(auvi_queue_push_reserved(queue, item(0)), AUV_ERR_CLOSED);
    assert_int_equal(auvi_queue_wait_quiet(queue, 0), AUV_OK);
    assert_int_equal(auvi_queue_length(queue), AUVI_LANES);
    assert_int_equal(drain(queue), AUVI_LANES);
    assert_int_equal(auvi_queue_wait_quiet(queue, 0), AUV_OK);
    assert_true(auvi_queue_prepare_sleep(queue));
    auvi_queue_get_metrics(queue, &metrics);
    assert_int_equal(metrics.dropped, AUVI_LANES + 1);
    assert_int_equal(metrics.sent, AUVI_LANES);
    assert_int_equal(metrics.received, AUVI_LANES);
    auvi_queue_destroy(queue);
}

static void peak_is_sampled_by_the_consumer(void **unused)
{
    struct auvi_queue *queue = make_queue(1000);
    struct auvi_queue_metrics metrics;
    uintptr_t i;

    (void)unused;
    for (i = 0; i < 300; i++)
        assert_true(auvi_queue_push(queue, AUVI_NORMAL, item(i)) >= 0);
    auvi_queue_get_metrics(queue, &metrics);
    assert_int_equal(metrics.peak_length, 300);
    assert_int_equal(drain(queue), 300);
    auvi_queue_get_metrics(queue, &metrics);
    assert_int_equal(metrics.peak_length, 300);
    auvi_queue_destroy(queue);
}

/* ---- many producers ---- */

#define PRODUCERS 4
#define PER_PRODUCER 5000

struct message {
    uint32_t producer;
    uint32_t lane;
    uint32_t number; /* within producer and lane */
    uint32_t poison; /* set once taken: a second delivery shows */
};

struct producer {
    struct auvi_queue *queue;
    int wake_fd;
    uint32_t number;
    struct message *messages;
    uint64_t full;
    uint64_t wakes;
};

static void *run_producer(void *arg)
{
    struct producer *me = arg;
    uint32_t numbers[AUVI_LANES] = {0};
    uint32_t i;

    for (i = 0; i < PER_PRODUCER; i++) {
        struct message *message = &me->messages[i];
        uint32_t lane = (i * 7 + me->number) % AUVI_LANES;
        int pushed;

        *message = (struct message){me->number, lane, numbers[lane]++, 0};
        while ((pushed = auvi_queue_push(me->queue, (enum auvi_priority)lane,
                                         message)) == AUV_ERR_QUEUE_FULL) {
            me->full++;
            sched_yield();
        }
        if (pushed == 1) {
            me->wakes++;
            auvi_wake_fd_signal(me->wake_fd);
        }
    }
    return NULL;
}

/* The consumer sleeps without a time limit whenever it may: a lost wake is a
 * hang, which the test's limit turns into a failure. */
static void many_producers_one_consumer(void **unused)
{
    struct auvi_queue *queue = make_queue(32);
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    uint32_t next[PRODUCERS][AUVI_LANES] = {{0}};
    struct auvi_queue_metrics metrics;
    uint64_t got = 0, sleeps = 0, wakes = 0, full = 0;
    int wake_fd = auvi_wake_fd_create();
    int poller = auvi_poller_create();
    uint32_t i;

    (void)unused;
    assert_true(wake_fd >= 0 && poller >= 0);
    assert_int_equal(auvi_poller_add(poller, wake_fd, AUVI_POLL_IN, 0), AUV_OK);
    for (i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){
            queue, wake_fd, i, calloc(PER_PRODUCER, sizeof(struct message)),
            0,     0};
        assert_non_null(producers[i].messages);
        pthread_create(&threads[i], NULL, run_producer, &producers[i]);
    }

    while (got < PRODUCERS * PER_PRODUCER) {
        struct message *message = auvi_queue_pop(queue);
        struct auvi_poll_event event;

        if (message) {
            assert_int_equal(message->poison, 0);
            message->poison = 1;
            assert_int_equal(message->number,
                             next[message->producer][message->lane]++);
            got++;
        } else if (auvi_queue_prepare_sleep(queue)) {
            sleeps++;
            assert_int_equal(auvi_poller_wait(poller, &event, 1, -1), 1);
            auvi_wake_fd_clear(wake_fd);
        }
    }
    for (i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
        wakes += producers[i].wakes;
        full += producers[i].full;
        free(producers[i].messages);
    }
    auvi_queue_get_metrics(queue, &metrics);
    assert_int_equal(metrics.sent, PRODUCERS * PER_PRODUCER);
    assert_int_equal(metrics.received, PRODUCERS * PER_PRODUCER);
    assert_int_equal(metrics.failed, full);
    assert_in_range(metrics.peak_length, 1, 32);
    /* Each sleep ended by one wake; a wake for nothing is possible when the
     * consumer was about to sleep and found something. */
    assert_true(wakes >= sleeps);
    auvi_fd_close(poller);
    auvi_fd_close(wake_fd);
    auvi_queue_destroy(queue);
}

static void *push_until_closed(void *arg)
{
    struct producer *me = arg;
    int pushed;

    do {
        pushed = auvi_queue_push(me->queue, AUVI_NORMAL, me);
        if (pushed >= 0)
            me->wakes++; /* here: accepted pushes */
    } while (pushed != AUV_ERR_CLOSED);
    return NULL;
}

static void shutdown_under_fire_loses_nothing(void **unused)
{
    int round;

    (void)unused;
    for (round = 0; round < 50; round++) {
        struct auvi_queue *queue = make_queue(64);
        struct producer producers[PRODUCERS] = {{0}};
        pthread_t threads[PRODUCERS];
        struct auvi_queue_metrics metrics;
        uint64_t got = 0, accepted = 0;
        int i;

        for (i = 0; i < PRODUCERS; i++) {
            producers[i].queue = queue;
            pthread_create(&threads[i], NULL, push_until_closed, &producers[i]);
        }
        while (got < 100 + (uint64_t)round)
            got += auvi_queue_pop(queue) != NULL;
        auvi_queue_shutdown(queue);
        assert_int_equal(auvi_queue_wait_quiet(queue, 10 * 1000000), AUV_OK);
        /* Quiet: what is in is complete, without waiting for the threads. */
        got += drain(queue);
        assert_true(auvi_queue_is_empty(queue));
        for (i = 0; i < PRODUCERS; i++) {
            pthread_join(threads[i], NULL);
            accepted += producers[i].wakes;
        }
        assert_int_equal(got, accepted);
        auvi_queue_get_metrics(queue, &metrics);
        assert_int_equal(metrics.sent, accepted);
        assert_int_equal(metrics.dropped, PRODUCERS);
        auvi_queue_destroy(queue);
    }
}

/* ---- waiting for room ---- */

struct waiter {
    struct auvi_queue *queue;
    int64_t deadline_us;
    int result;
    _Atomic int accepted;
};

static void *push_and_wait(void *arg)
{
    struct waiter *me = arg;

    me->result =
        auvi_queue_push_wait(me->queue, AUVI_NORMAL, me, me->deadline_us);
    return NULL;
}

static void waiting_ends_at_the_deadline(void **unused)
{
    struct auvi_queue *queue = make_queue(1);
    struct auvi_queue_metrics metrics;
    int64_t deadline_us = auvi_clock_us() + 2000;

    (void)unused;
    assert_int_equal(auvi_queue_push_wait(queue, AUVI_NORMAL, item(0), 0), 1);
    assert_int_equal(
        auvi_queue_push_wait(queue, AUVI_NORMAL, item(1), deadline_us),
        AUV_ERR_TIMEOUT);
    assert_true(auvi_clock_us() >= deadline_us);
    auvi_queue_get_metrics(queue, &metrics);
    assert_int_equal(metrics.sent, 1);
    assert_int_equal(metrics.failed, 1);
    drain(queue);
    auvi_queue_destroy(queue);
}

static void waiting_ends_with_room(void **unused)
{
    int round;

    (void)unused;
    for (round = 0; round < 200; round++) {
        struct auvi_queue *queue = make_queue(1);
        struct waiter waiters[3];
        pthread_t threads[3];
        size_t got = 0;
        int i;

        auvi_queue_push(queue, AUVI_NORMAL, item(0));
        for (i = 0; i < 3; i++) {
            waiters[i] = (struct waiter){queue, INT64_MAX, 0, 0};
            pthread_create(&threads[i], NULL, push_and_wait, &waiters[i]);
        }
        /* As a consumer does, but that it never sleeps. */
        while (got < 4) {
            got += drain(queue);
            auvi_queue_prepare_sleep(queue);
            sched_yield();
        }
        for (i = 0; i < 3; i++) {
            pthread_join(threads[i], NULL);
            assert_true(waiters[i].result >= 0);
        }
        auvi_queue_destroy(queue);
    }
}

static void waiting_ends_with_shutdown(void **unused)
{
    int round;

    (void)unused;
    for (round = 0; round < 200; round++) {
        struct auvi_queue *queue = make_queue(1);
        struct waiter waiters[2];
        pthread_t threads[2];
        int i;

        auvi_queue_push(queue, AUVI_NORMAL, item(0));
        for (i = 0; i < 2; i++) {
            waiters[i] = (struct waiter){queue, INT64_MAX, 0, 0};
            pthread_create(&threads[i], NULL, push_and_wait, &waiters[i]);
        }
        auvi_queue_shutdown(queue);
        for (i = 0; i < 2; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(waiters[i].result, AUV_ERR_CLOSED);
        }
        assert_int_equal(drain(queue), 1);
        auvi_queue_destroy(queue);
    }
}

static void *push_many_waiting(void *arg)
{
    struct waiter *me = arg;

    while (auvi_queue_push_wait(me->queue, AUVI_NORMAL, me, INT64_MAX) !=
           AUV_ERR_CLOSED)
        atomic_fetch_add(&me->accepted, 1);
    return NULL;
}

/* Shutdown and drain with a deadline, while producers wait for room: quiet
 * comes, and with it everything that was accepted. */
static void drain_under_load(void **unused)
{
    int round;

    (void)unused;
    for (round = 0; round < 20; round++) {
        struct auvi_queue *queue = make_queue(4);
        struct waiter waiters[PRODUCERS];
        pthread_t threads[PRODUCERS];
        size_t got = 0, accepted = 0;
        int i;

        for (i = 0; i < PRODUCERS; i++) {
            waiters[i] = (struct waiter){queue, INT64_MAX, 0, 0};
            pthread_create(&threads[i], NULL, push_many_waiting, &waiters[i]);
        }
        while (got < 500) {
            got += drain(queue);
            auvi_queue_prepare_sleep(queue);
        }
        auvi_queue_shutdown(queue);
        assert_int_equal(auvi_queue_wait_quiet(queue, 10 * 1000000), AUV_OK);
        got += drain(queue);
        for (i = 0; i < PRODUCERS; i++) {
            pthread_join(threads[i], NULL);
            accepted += (size_t)atomic_load(&waiters[i].accepted);
        }
        assert_int_equal(got, accepted);
        assert_true(auvi_queue_is_empty(queue));
        auvi_queue_destroy(queue);
    }
}

static void latency_is_sampled(void **unused)
{
    struct auvi_queue *queue = make_queue(1000);
    struct auvi_queue_metrics metrics;
    int64_t pushed_us;
    uint64_t first_ns;
    uintptr_t i;

    (void)unused;
    auvi_queue_get_metrics(queue, &metrics);
    assert_int_equal(metrics.latency_samples, 0);
    auvi_queue_push(queue, AUVI_LOW, item(0)); /* the first is a sample */
    pushed_us = auvi_clock_us();
    while (auvi_clock_us() < pushed_us + 3001)
        sched_yield();
    assert_non_null(auvi_queue_pop(queue));
    auvi_queue_get_metrics(queue, &metrics);
    assert_int_equal(metrics.latency_samples, 1);
    assert_true(metrics.latency_ns >= 3000000);
    /* Those that wait for nothing bring the average down. */
    for (i = 1; i < 256 * 10; i++) {
        auvi_queue_push(queue, AUVI_LOW, item(i));
        auvi_queue_pop(queue);
    }
    first_ns = metrics.latency_ns;
    auvi_queue_get_metrics(queue, &metrics);
    assert_int_equal(metrics.latency_samples, 10);
    assert_true(metrics.latency_ns / metrics.latency_samples < first_ns);
    auvi_queue_destroy(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_silly_capacities),
        cmocka_unit_test(comes_out_as_it_went_in),
        cmocka_unit_test(urgent_lanes_first),
        cmocka_unit_test(full_is_exact_per_lane),
        cmocka_unit_test(reserved_places_are_kept),
        cmocka_unit_test(goes_round_the_ring),
        cmocka_unit_test(one_wake_per_sleep),
        cmocka_unit_test(shutdown_refuses_and_keeps),
        cmocka_unit_test(peak_is_sampled_by_the_consumer),
        cmocka_unit_test(many_producers_one_consumer),
        cmocka_unit_test(shutdown_under_fire_loses_nothing),
        cmocka_unit_test(waiting_ends_at_the_deadline),
        cmocka_unit_test(waiting_ends_with_room),
        cmocka_unit_test(waiting_ends_with_shutdown),
        cmocka_unit_test(drain_under_load),
        cmocka_unit_test(latency_is_sampled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
