/* The queue rows, the same for every candidate:
 *   queue.push.P      cost of one push, in CPU time of the pushing threads, P at
 *                     once, nobody popping; ns
 *   queue.pushpop.P   P producers and one consumer at work, wall time per
 *                     message; ns
 *   queue.burst       first push of 1,000 until a consumer that slept has the
 *                     last one; us
 *   queue.wake        push until a consumer that slept has the message; us
 * With `.pinned` each thread keeps to one processor. A sample of the first two
 * is a batch, of the others one event. */
#include "queue_bench.h"

#include "participant.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH 16384 /* messages of one producer in one sample */
#define BURST 1000
/* A consumer of any candidate has gone to sleep by then. */
#define SETTLE_US 200

enum row {
    PUSH,
    PUSHPOP,
    BURST_ROW,
    WAKE
};

struct producer {
    pthread_t thread;
    unsigned number;
    struct bench_message *messages;
    uint64_t start, end, cpu;
};

static struct {
    const struct bench_queue_impl *impl;
    void *queue;
    enum row row;
    bool pinned;
    unsigned producers;
    size_t per_sample; /* messages of one producer */
    unsigned samples_wanted;
    pthread_barrier_t start, stop;
    struct producer producer[BENCH_PRODUCERS];
    struct bench_samples samples;
    bool lost;
} bench;

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Producers from the first processor up, the consumer on the last. */
static void place(bool producer, unsigned number)
{
    cpu_set_t allowed, one;
    if (!bench.pinned ||
        sched_getaffinity(getpid(), sizeof allowed, &allowed) != 0)
        return;
    size_t cpus[CPU_SETSIZE], count = 0;
    for (size_t i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &allowed))
            cpus[count++] = i;
    CPU_ZERO(&one);
    CPU_SET(cpus[producer ? number % count : count - 1], &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}

static void *produce(void *argument)
{
    struct producer *self = argument;
    place(true, self->number);
    for (unsigned i = 0; i < bench.samples_wanted; i++) {
        pthread_barrier_wait(&bench.start);
        if (bench.row == BURST_ROW || bench.row == WAKE) {
            const struct timespec settle = {0, SETTLE_US * 1000};
            nanosleep(&settle, NULL);
            self->start = bench_now();
            bench.impl->send_many(bench.queue, self->number, self->messages,
                                  bench.per_sample);
        } else {
            uint64_t cpu = cpu_ns();
            self->start = bench_now();
            bench.impl->push_many(bench.queue, self->number, self->messages,
                                  bench.per_sample);
            self->end = bench_now();
            self->cpu = cpu_ns() - cpu;
        }
        pthread_barrier_wait(&bench.stop);
    }
    return NULL;
}

static double take_sample(size_t total, uintptr_t expected)
{
    size_t got = 0;
    uintptr_t sum = 0;
    uint64_t end = 0, start, cpu = 0;
    pthread_barrier_wait(&bench.start);
    switch (bench.row) {
    case PUSH:
        break;
    case PUSHPOP:
        while (got < total) {
            size_t now = bench.impl->pop_many(bench.queue, total - got, &sum);
            if (now == 0)
                sched_yield();
            got += now;
        }
        end = bench_now();
        break;
    case BURST_ROW:
    case WAKE:
        while (got < total)
            got += bench.impl->receive_many(bench.queue, total - got, &sum);
        end = bench_now();
        break;
    }
    pthread_barrier_wait(&bench.stop);
    while (got < total)
        got += bench.impl->pop_many(bench.queue, total - got, &sum);
    if (sum != expected)
        bench.lost = true;
    start = bench.producer[0].start;
    for (unsigned i = 0; i < bench.producers; i++) {
        if (bench.producer[i].start < start)
            start = bench.producer[i].start;
        cpu += bench.producer[i].cpu;
    }
    if (bench.row == PUSH)
        return (double)cpu / (double)total;
    if (bench.row == PUSHPOP)
        return (double)(end - start) / (double)total;
    return (double)(end - start) / 1e3;
}

static void run(FILE *out, const char *row, unsigned samples)
{
    static const char *const names[] = {"queue.push.", "queue.pushpop.",
                                        "queue.burst", "queue.wake"};
    bool known = false;
    for (int i = 0; i < 4; i++) {
        if (strncmp(row, names[i], strlen(names[i])) != 0)
            continue;
        bench.row = (enum row)i;
        bench.producers = i < 2 ? (unsigned)atoi(row + strlen(names[i])) : 1;
        known = bench.producers >= 1 && bench.producers <= BENCH_PRODUCERS;
        break;
    }
    if (!known) {
        bench_protocol_error(out, row, "unknown row");
        return;
    }
    bench.pinned = strstr(row, ".pinned") != NULL;
    bench.per_sample = bench.row == WAKE        ? 1
                       : bench.row == BURST_ROW ? BURST
                                                : BATCH;
    /* One sample more, not counted: the first touches memory that the others
     * find warm. */
    bench.samples_wanted = samples + 1;
    bench_samples_clear(&bench.samples);
    bench.lost = false;
    size_t total = bench.per_sample * bench.producers;
    /* Pushes of the push row must all fit; with a consumer at work a queue of
     * ordinary size does. */
    bench.queue = bench.impl->create(bench.row == PUSH ? total : 4096);
    uintptr_t expected = 0;
    for (unsigned i = 0; i < bench.producers; i++)
        for (size_t j = 0; j < bench.per_sample; j++)
            expected += bench.producer[i].messages[j].payload;
    pthread_barrier_init(&bench.start, NULL, bench.producers + 1);
    pthread_barrier_init(&bench.stop, NULL, bench.producers + 1);
    for (unsigned i = 0; i < bench.producers; i++)
        if (pthread_create(&bench.producer[i].thread, NULL, produce,
                           &bench.producer[i]) != 0)
            abort();
    place(false, 0);
    for (unsigned i = 0; i <= samples; i++) {
        double value = take_sample(total, expected);
        if (i > 0)
            bench_samples_add(&bench.samples, value);
    }
    for (unsigned i = 0; i < bench.producers; i++)
        pthread_join(bench.producer[i].thread, NULL);
    pthread_barrier_destroy(&bench.start);
    pthread_barrier_destroy(&bench.stop);
    bench.impl->destroy(bench.queue);
    if (bench.lost)
        bench_protocol_error(out, row, "messages were lost or came twice");
    else
        bench_protocol_samples(out, row, &bench.samples);
}

/* The consumer is a thread too, since pinning it must not stay with the
 * process. */
struct request {
    FILE *out;
    char row[48];
    unsigned samples;
};

static void *run_request(void *argument)
{
    struct request *request = argument;
    run(request->out, request->row, request->samples);
    return NULL;
}

int main(int argc, char **argv)
{
    struct request request = {.out = bench_protocol_open()};
    bench.impl = bench_queue_impls[0];
    for (int i = 0; argc > 1 && bench_queue_impls[i]; i++)
        if (!strcmp(argv[1], bench_queue_impls[i]->name))
            bench.impl = bench_queue_impls[i];
    for (unsigned i = 0; i < BENCH_PRODUCERS; i++) {
        struct producer *producer = &bench.producer[i];
        producer->number = i;
        producer->messages = calloc(BATCH, sizeof *producer->messages);
        if (!producer->messages)
            abort();
        for (size_t j = 0; j < BATCH; j++)
            producer->messages[j].payload = (uintptr_t)(i * BATCH + j + 1);
    }
    bench_protocol_ready(request.out, bench.impl->name, "", -1);
    char line[128];
    while (fgets(line, sizeof line, stdin) && strncmp(line, "quit", 4) != 0) {
        pthread_t thread;
        if (sscanf(line, "run %47s %u", request.row, &request.samples) != 2)
            continue;
        if (pthread_create(&thread, NULL, run_request, &request) != 0)
            abort();
        pthread_join(thread, NULL);
    }
    return 0;
}
