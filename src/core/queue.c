/*
 * queue.c - bounded lock-free queue of pointers: many producers, one consumer.
 *
 * THE RING. A lane is an array of cells (one pointer each, NULL = nothing) and
 * two counters that only grow: `tail`, places claimed by producers, and `head`,
 * places emptied by the consumer. Place p lives in cell p mod ring size. The
 * counters have 63 bits, so that they never come round: at one push per
 * nanosecond that takes 292 years.
 *
 *   push   claim   CAS tail p -> p+1, if p - head < places of the lane
 *          publish cell[p] = item                                   (release)
 *   pop    take    item = cell[head], NULL: nothing to be had       (acquire)
 *          empty   cell[head] = NULL, head = head + 1               (release)
 *
 * 1. A cell has one writer at a time. Place p is claimed by the one winner of
 *    the CAS p -> p+1. It shares its cell with p - ring size, which that winner
 *    knows to be emptied: it saw a head > p - places, by an acquire load of
 *    `head` or of `head_seen`, a copy that another producer made after such a
 *    load and stored with release. So the consumer's NULL happened before the
 *    item's store and cannot overwrite it, and the consumer, which is the only
 *    one to empty, takes each item once.
 * 2. FIFO per producer and lane: a producer's places grow (each CAS of its own
 *    comes later in the modification order of `tail`), and the consumer goes
 *    by place.
 * 3. What is in the item is visible to the consumer: publish is a release, take
 *    an acquire on the same cell.
 *
 * THE WAKE. The consumer sets `asleep` and then looks at every `tail`; a
 * producer moves its `tail` and then looks at `asleep`. All four accesses are
 * sequentially consistent, so in their single order one side comes second, and
 * sees the other: either the consumer finds the place claimed and does not
 * sleep, or the producer finds it asleep and wakes it, or both. The one who
 * turns `asleep` from 1 to 0 owes the wake, so there is one per sleep. The
 * producer's read-modify-write of `tail`, which it needs anyway, is the only
 * barrier of a push: there is no fence between publishing the cell and looking
 * at `asleep`, which is why the consumer must look at the tails, not the cells.
 *
 * The price: a place that is claimed and not yet published keeps the consumer
 * from sleeping, though there is nothing to pop. The window is one store long.
 * If the producer loses its core right there, auvi_queue_prepare_sleep() gives
 * it time (first by spinning, then by a real, short sleep, so that a consumer
 * of real-time priority lets it run) and says "not empty".
 *
 * CONTENTION. A producer that loses the CAS pauses, longer with each loss, and
 * tries again with the tail that it lost against, which is likely to be old by
 * then: so it pauses once more, while the winner keeps the line of `tail` and
 * fills a run of neighbouring cells, instead of both sending the line to and
 * fro at each push. The pause is bounded, and a loser never waits for anybody:
 * what it waits for is time. A claim by fetch-and-add, which cannot lose, is
 * slower for that very reason; it would also have to undo what it claimed in a
 * full or closed lane.
 *
 * WAITING FOR ROOM, auvi_queue_push_wait(). A pop would need a barrier between
 * moving `head` and looking for waiters; so it does not look. The consumer
 * looks once in a while, and always in prepare_sleep() (and shutdown), by an
 * exchange of `wanted`; a waiter sets `wanted` by an exchange, then tries again,
 * then sleeps on `room`. The two exchanges are of one word, so one comes first:
 *   - the waiter's: the consumer reads it, moves `room` and wakes. The waiter
 *     read `room` before it set `wanted`, hence before it moved: its futex
 *     sees the difference, or is asleep and is woken;
 *   - the consumer's: the waiter reads from it and through it sees every head
 *     (or the closed bit) of before: its push finds the room.
 * Who is woken sets `wanted` again before it tries, so that nobody needs to be
 * counted. In between lie at most 64 pops, or the rest of the drain.
 *
 * SHUTDOWN. The top bit of `tail` is the closed bit. It is set by one
 * read-modify-write, which fixes the last place of the lane for ever: every CAS
 * after it fails, and every claim before it is counted. "No push is under way"
 * is then "every cell from head to that place is filled".
 *
 * PROGRESS. push: lock-free (a lost CAS means that another push won); it waits
 * neither for the consumer nor for a slow producer. pop, length, metrics,
 * shutdown: wait-free. prepare_sleep: bounded. wait_quiet, push_wait: wait, by
 * contract.
 *
 * METRICS cost the fast path nothing: accepted and received are the counters;
 * lost races are added by their loser to the line that it has just won;
 * refusals count on a line of their own. The peak is sampled: by the consumer
 * when it wakes and once in PEAK_STRIDE pops, by producers when they look at
 * `head`, which includes every refusal. So a full lane is always seen as such,
 * and a lower peak is right to within PEAK_STRIDE. The latency is sampled: the
 * place that is a multiple of LATENCY_STRIDE carries the time of its push in
 * `stamps`. A stamp belongs to whom its cell belongs, and is published and
 * emptied with it. So a push reads the clock once in 256.
 */
#include "core/queue.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* Two x86 cache lines: the adjacent-line prefetcher pulls them in pairs. */
#define LINE 128
#define CLOSED ((uint64_t)1 << 63)
#define INDEX(tail) ((tail) & ~CLOSED)

/* -- tests/model makes these small, to be able to look at every case -- */
#ifndef PEAK_STRIDE
#define PEAK_STRIDE 64 /* pops; 0: no samples */
#endif
#ifndef SPINS
#define SPINS 64
#endif

/* A power of two. At 64 the clock costs a push half a nanosecond. */
#define LATENCY_STRIDE 256

/* Pauses after a lost CAS: 2, 4, … up to 2^6, some 2 microseconds. Measured:
 * 2^3 is half as good, and nothing is gained beyond. */
#define BACK_OFF_LIMIT 6

struct lane {
    /* -- producers write; the consumer reads tail now and then -- */
    alignas(LINE) _Atomic uint64_t tail; /* CLOSED | places claimed */
    _Atomic uint64_t head_seen; /* a head of the past: see argument 1 */
    _Atomic uint64_t retries;
    _Atomic uint64_t peak;

    /* -- set by create -- */
    alignas(LINE) _Atomic(void *) *cells;
    _Atomic int64_t *stamps; /* ns; one for LATENCY_STRIDE places */
    uint64_t mask;           /* ring size - 1 */
    uint64_t places;         /* for auvi_queue_push() */
};

struct auvi_queue {
    struct lane lanes[AUVI_LANES];

    /* -- the consumer writes; producers read head when head_seen is old -- */
    alignas(LINE) _Atomic uint64_t head[AUVI_LANES];
    bool armed;            /* consumer only: prepare_sleep() said true */
    uint32_t until_sample; /* consumer only: pops to the next look at tail */
    _Atomic uint64_t latency_ns, latency_samples;

    /* -- written once per sleep, by the consumer and by the one who wakes it;
     *    read by every push -- */
    alignas(LINE) _Atomic uint32_t asleep;

    /* -- who waits for room, and the word they sleep on -- */
    alignas(LINE) _Atomic uint32_t wanted;
    _Atomic uint32_t room;

    /* -- refusals -- */
    alignas(LINE) _Atomic uint64_t failed;
    _Atomic uint64_t dropped;
    _Atomic(void *) *cells;  /* of all lanes, one allocation */
    _Atomic int64_t *stamps; /* the same */
};

/* In the order of the places, although neighbours then share a cache line:
 * producers come in runs (see CONTENTION), and a line that is filled and
 * emptied as one moves once for eight messages. */
static _Atomic(void *) *cell_of(const struct lane *lane, uint64_t place)
{
    return &lane->cells[place & lane->mask];
}

static bool is_stamped(uint64_t place)
{
    return place % LATENCY_STRIDE == 0;
}

/* A ring below the stride has one: place p is emptied before p + stride. */
static _Atomic int64_t *stamp_of(const struct lane *lane, uint64_t place)
{
    return &lane->stamps[(place & lane->mask) / LATENCY_STRIDE];
}

static size_t stamps_for(uint64_t ring)
{
    return (size_t)(ring / LATENCY_STRIDE) + 1;
}

static uint64_t round_up_pow2(uint64_t n)
{
    uint64_t size = 1;

    while (size < n)
        size *= 2;
    return size;
}

int auvi_queue_create(size_t capacity, struct auvi_queue **out)
{
    uint64_t ring, critical_ring, places;
    struct auvi_queue *queue;
    int i;

    *out = NULL;
    if (capacity == 0 || capacity > AUVI_QUEUE_MAX_CAPACITY)
        return auvi_fail(AUV_ERR_ARG, "queue capacity %zu", capacity);
    places = capacity;
    ring = round_up_pow2(places);
    critical_ring = round_up_pow2(places + AUVI_QUEUE_RESERVED);

    queue = aligned_alloc(LINE, sizeof(*queue));
    if (!queue)
        goto no_memory;
    memset(queue, 0, sizeof(*queue));
    /* calloc, never touched here: of a ring that is not used no page exists. */
    queue->cells = calloc((size_t)(ring * (AUVI_LANES - 1) + critical_ring),
                          sizeof(*queue->cells));
    queue->stamps =
        calloc(stamps_for(ring) * (AUVI_LANES - 1) + stamps_for(critical_ring),
               sizeof(*queue->stamps));
    if (!queue->cells || !queue->stamps)
        goto no_memory;
    for (i = 0; i < AUVI_LANES; i++) {
        struct lane *lane = &queue->lanes[i];

        lane->cells = queue->cells + ring * (uint64_t)i;
        lane->stamps = queue->stamps + stamps_for(ring) * (size_t)i;
        lane->mask = (i == AUVI_CRITICAL ? critical_ring : ring) - 1;
        lane->places = places;
    }
    /* A consumer that has not come yet is one that sleeps. */
    queue->armed = true;
    atomic_init(&queue->asleep, 1);
    *out = queue;
    return AUV_OK;

no_memory:
    if (queue) {
        free(queue->cells);
        free(queue->stamps);
    }
    free(queue);
    return auvi_fail(AUV_ERR_NOMEM, "queue of %zu", capacity);
}

void auvi_queue_destroy(struct auvi_queue *queue)
{
    if (!queue)
        return;
    assert(auvi_queue_is_empty(queue));
    free(queue->cells);
    free(queue->stamps);
    free(queue);
}

static void pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void back_off(uint64_t lost)
{
    int pauses = 1 << (lost < BACK_OFF_LIMIT ? lost : BACK_OFF_LIMIT);

    while (pauses-- > 0)
        pause_cpu();
}

static void raise_peak(struct lane *lane, uint64_t length)
{
    uint64_t peak = atomic_load_explicit(&lane->peak, memory_order_relaxed);

    while (length > peak && !atomic_compare_exchange_weak_explicit(
                                &lane->peak, &peak, length,
                                memory_order_relaxed, memory_order_relaxed))
        ;
}

/* Slow path of a push: head_seen leaves no room for place `tail`. True if the
 * consumer has made some since. */
static bool refresh_head(struct auvi_queue *queue, enum auvi_priority which,
                         uint64_t tail, uint64_t places)
{
    struct lane *lane = &queue->lanes[which];
    /* Acquire: the cells before this head are empty (argument 1). */
    uint64_t head =
        atomic_load_explicit(&queue->head[which], memory_order_acquire);

    /* Release: hands that knowledge on. Another producer may overwrite it with
     * an older value: then room is found one refresh later. */
    atomic_store_explicit(&lane->head_seen, head, memory_order_release);
    /* Our tail may be old by now, and even behind head: then the CAS fails and
     * we are asked again. */
    if (tail < head)
        return true;
    raise_peak(lane, tail - head);
    return tail - head < places;
}

static int push_lane(struct auvi_queue *queue, enum auvi_priority which,
                     void *item, uint64_t places)
{
    struct lane *lane = &queue->lanes[which];
    uint64_t lost = 0;
    /* Acquire, for the order of this load before those of head and head_seen:
     * "full" is said only if it was true at one moment. */
    uint64_t tail = atomic_load_explicit(&lane->tail, memory_order_acquire);

    assert(item);
    for (;;) {
        uint64_t seen;

        if (tail & CLOSED) {
            atomic_fetch_add_explicit(&queue->dropped, 1, memory_order_relaxed);
            return AUV_ERR_CLOSED;
        }
        /* Acquire: see refresh_head(). A head_seen newer than our tail gives a
         * huge difference, hence a refresh, which sorts it out. */
        seen = atomic_load_explicit(&lane->head_seen, memory_order_acquire);
        if (tail - seen >= places && !refresh_head(queue, which, tail, places))
            return AUV_ERR_QUEUE_FULL;
        /* Sequentially consistent: the producer's half of the wake protocol.
         * Weak: a spurious failure costs one more round. */
        if (atomic_compare_exchange_weak_explicit(&lane->tail, &tail, tail + 1,
                                                  memory_order_seq_cst,
                                                  memory_order_acquire))
            break;
        back_off(++lost);
    }

    if (is_stamped(tail))
        atomic_store_explicit(stamp_of(lane, tail), auvi_clock_ns(),
                              memory_order_relaxed); /* the cell's release */
    /* Release: the consumer sees what the item points to. */
    atomic_store_explicit(cell_of(lane, tail), item, memory_order_release);
    if (lost)
        atomic_fetch_add_explicit(&lane->retries, lost, memory_order_relaxed);

    /* Sequentially consistent, and after the CAS: the other half. The exchange
     * decides who of many owes the wake. Relaxed: it carries no data, that is
     * the cell's business; to wake the next sleep instead of this one is a wake
     * for nothing at worst. */
    if (atomic_load_explicit(&queue->asleep, memory_order_seq_cst) &&
        atomic_exchange_explicit(&queue->asleep, 0, memory_order_relaxed))
        return 1;
    return 0;
}

static int count_refusal(struct auvi_queue *queue, int result)
{
    if (result == AUV_ERR_QUEUE_FULL || result == AUV_ERR_TIMEOUT)
        atomic_fetch_add_explicit(&queue->failed, 1, memory_order_relaxed);
    return result;
}

int auvi_queue_push(struct auvi_queue *queue, enum auvi_priority lane,
                    void *item)
{
    return count_refusal(
        queue, push_lane(queue, lane, item, queue->lanes[lane].places));
}

int auvi_queue_push_reserved(struct auvi_queue *queue, void *item)
{
    const struct lane *lane = &queue->lanes[AUVI_CRITICAL];

    return count_refusal(queue, push_lane(queue, AUVI_CRITICAL, item,
                                          lane->places + AUVI_QUEUE_RESERVED));
}

int auvi_queue_push_wait(struct auvi_queue *queue, enum auvi_priority lane,
                         void *item, int64_t deadline_us)
{
    uint64_t places = queue->lanes[lane].places;
    int result = push_lane(queue, lane, item, places);

    while (result == AUV_ERR_QUEUE_FULL) {
        /* Relaxed: the exchange's release keeps it before, see the top. */
        uint32_t room =
            atomic_load_explicit(&queue->room, memory_order_relaxed);
        int64_t left_us = -1;

        atomic_exchange_explicit(&queue->wanted, 1, memory_order_acq_rel);
        result = push_lane(queue, lane, item, places);
        if (result != AUV_ERR_QUEUE_FULL)
            break;
        if (deadline_us != INT64_MAX) {
            left_us = deadline_us - auvi_clock_us();
            if (left_us <= 0)
                result = AUV_ERR_TIMEOUT;
        }
        if (result == AUV_ERR_QUEUE_FULL)
            auvi_futex_wait(&queue->room, room, left_us);
    }
    return count_refusal(queue, result);
}

/* Whoever waits for room may try again. */
static void offer_room(struct auvi_queue *queue)
{
    /* An exchange even if nobody waits: see the top. */
    if (!atomic_exchange_explicit(&queue->wanted, 0, memory_order_acq_rel))
        return;
    /* Relaxed: the waiter learns of room from `wanted`, not from here. */
    atomic_fetch_add_explicit(&queue->room, 1, memory_order_relaxed);
    auvi_futex_wake_all(&queue->room);
}

/* Consumer: awake again. A push between its waking and this line finds `asleep`
 * still set and wakes it once for nothing; harmless. Relaxed: only the next
 * prepare_sleep() gives the word a meaning. */
static void wake_up(struct auvi_queue *queue)
{
    queue->armed = false;
    if (atomic_load_explicit(&queue->asleep, memory_order_relaxed))
        atomic_store_explicit(&queue->asleep, 0, memory_order_relaxed);
    queue->until_sample = 0;
}

static void sample_peaks(struct auvi_queue *queue)
{
    int i;

    queue->until_sample = PEAK_STRIDE;
    for (i = 0; i < AUVI_LANES; i++) {
        struct lane *lane = &queue->lanes[i];
        uint64_t tail = atomic_load_explicit(&lane->tail, memory_order_relaxed);
        uint64_t head =
            atomic_load_explicit(&queue->head[i], memory_order_relaxed);

        if (INDEX(tail) != head)
            raise_peak(lane, INDEX(tail) - head);
    }
}

static void record_latency(struct auvi_queue *queue, int64_t pushed_ns)
{
    int64_t latency = auvi_clock_ns() - pushed_ns;
    /* Only the consumer writes these: a load and a store will do. */
    uint64_t total =
        atomic_load_explicit(&queue->latency_ns, memory_order_relaxed);
    uint64_t samples =
        atomic_load_explicit(&queue->latency_samples, memory_order_relaxed);

    atomic_store_explicit(&queue->latency_ns, total + (uint64_t)latency,
                          memory_order_relaxed);
    atomic_store_explicit(&queue->latency_samples, samples + 1,
                          memory_order_relaxed);
}

void *auvi_queue_pop(struct auvi_queue *queue)
{
    int i;

    if (queue->armed)
        wake_up(queue);
    if (PEAK_STRIDE != 0 && queue->until_sample == 0)
        sample_peaks(queue);

    for (i = AUVI_LANES - 1; i >= 0; i--) {
        struct lane *lane = &queue->lanes[i];
        /* Relaxed: ours, or handed over with the consumer's role. */
        uint64_t head =
            atomic_load_explicit(&queue->head[i], memory_order_relaxed);
        _Atomic(void *) *cell = cell_of(lane, head);
        /* Acquire: pairs with the publishing store. */
        void *item = atomic_load_explicit(cell, memory_order_acquire);

        if (!item)
            continue;
        if (is_stamped(head))
            record_latency(queue, atomic_load_explicit(stamp_of(lane, head),
                                                       memory_order_relaxed));
        /* Relaxed: carried by the release of head. */
        atomic_store_explicit(cell, NULL, memory_order_relaxed);
        /* Release: a producer that sees this head sees the cell empty. */
        atomic_store_explicit(&queue->head[i], head + 1, memory_order_release);
        /* A first look by a load: missed here, seen in prepare_sleep(). */
        if (--queue->until_sample == 0 &&
            atomic_load_explicit(&queue->wanted, memory_order_relaxed))
            offer_room(queue);
        return item;
    }
    return NULL;
}

size_t auvi_queue_length(const struct auvi_queue *queue)
{
    uint64_t length = 0;
    int i;

    for (i = 0; i < AUVI_LANES; i++) {
        /* head first, and acquire: a head never passes the tail that is read
         * after it, so the difference is not negative. */
        uint64_t head =
            atomic_load_explicit(&queue->head[i], memory_order_acquire);
        uint64_t tail =
            atomic_load_explicit(&queue->lanes[i].tail, memory_order_relaxed);

        length += INDEX(tail) - head;
    }
    return (size_t)length;
}

bool auvi_queue_is_empty(const struct auvi_queue *queue)
{
    return auvi_queue_length(queue) == 0;
}

/* Wait a little until place `place` of the lane is published: at most some
 * microseconds of spinning and one short sleep. */
static void wait_published(struct lane *lane, uint64_t place)
{
    enum {
        SLEEP_US = 50
    };
    _Atomic uint32_t nobody = 0;
    int i;

    for (i = 0; i < SPINS; i++) {
        /* Relaxed: only a hint to go on; whoever takes it loads again. */
        if (atomic_load_explicit(cell_of(lane, place), memory_order_relaxed))
            return;
        pause_cpu();
    }
    auvi_futex_wait(&nobody, 0, SLEEP_US);
}

bool auvi_queue_prepare_sleep(struct auvi_queue *queue)
{
    int i;

    offer_room(queue);
    /* Looked at before `asleep` is set, lest pushes in a busy time wake a
     * consumer that is not going to sleep. */
    if (auvi_queue_is_empty(queue)) {
        /* Sequentially consistent, and before the loads of the tails: the
         * consumer's half of the wake protocol. */
        atomic_store_explicit(&queue->asleep, 1, memory_order_seq_cst);
        queue->armed = true;
        for (i = 0; i < AUVI_LANES; i++) {
            uint64_t tail = atomic_load_explicit(&queue->lanes[i].tail,
                                                 memory_order_seq_cst);

            if (INDEX(tail) !=
                atomic_load_explicit(&queue->head[i], memory_order_relaxed))
                break;
        }
        if (i == AUVI_LANES)
            return true;
        wake_up(queue);
    }

    for (i = 0; i < AUVI_LANES; i++) {
        uint64_t head =
            atomic_load_explicit(&queue->head[i], memory_order_relaxed);
        uint64_t tail =
            atomic_load_explicit(&queue->lanes[i].tail, memory_order_relaxed);

        if (INDEX(tail) != head) {
            wait_published(&queue->lanes[i], head);
            break;
        }
    }
    return false;
}

void auvi_queue_shutdown(struct auvi_queue *queue)
{
    int i;

    /* Release: who finds the lane closed sees what its closer did before.
     * Acquire: see wait_quiet(). */
    for (i = 0; i < AUVI_LANES; i++)
        atomic_fetch_or_explicit(&queue->lanes[i].tail, CLOSED,
                                 memory_order_acq_rel);
    offer_room(queue);
}

/* Has place `place` been published, or even emptied since? */
static bool is_settled(const struct auvi_queue *queue, int which,
                       uint64_t place)
{
    /* Acquire: whoever was told "quiet" sees what the push did. */
    if (atomic_load_explicit(cell_of(&queue->lanes[which], place),
                             memory_order_acquire))
        return true;
    return atomic_load_explicit(&queue->head[which], memory_order_acquire) >
           place;
}

int auvi_queue_wait_quiet(struct auvi_queue *queue, int64_t timeout_us)
{
    int64_t deadline =
        timeout_us < 0 ? INT64_MAX : auvi_clock_us() + timeout_us;
    int i;

    for (i = 0; i < AUVI_LANES; i++) {
        struct lane *lane = &queue->lanes[i];
        uint64_t tail = atomic_load_explicit(&lane->tail, memory_order_acquire);
        uint64_t place =
            atomic_load_explicit(&queue->head[i], memory_order_acquire);

        assert(tail & CLOSED);
        /* No place is claimed after the closed bit, so no cell in this range
         * is used a second time and each is settled once and for ever. */
        for (; place < INDEX(tail); place++) {
            while (!is_settled(queue, i, place)) {
                if (auvi_clock_us() >= deadline)
                    return auvi_fail(AUV_ERR_TIMEOUT,
                                     "a push is still under way");
                wait_published(lane, place);
            }
        }
    }
    return AUV_OK;
}

void auvi_queue_get_metrics(const struct auvi_queue *queue,
                            struct auvi_queue_metrics *out)
{
    int i;

    memset(out, 0, sizeof(*out));
    for (i = 0; i < AUVI_LANES; i++) {
        const struct lane *lane = &queue->lanes[i];
        /* head first: see auvi_queue_length(). */
        uint64_t head =
            atomic_load_explicit(&queue->head[i], memory_order_acquire);
        uint64_t tail =
            INDEX(atomic_load_explicit(&lane->tail, memory_order_relaxed));
        uint64_t peak = atomic_load_explicit(&lane->peak, memory_order_relaxed);

        out->sent += tail;
        out->received += head;
        out->retries +=
            atomic_load_explicit(&lane->retries, memory_order_relaxed);
        if (tail - head > peak)
            peak = tail - head;
        if (peak > out->peak_length)
            out->peak_length = peak;
    }
    out->failed = atomic_load_explicit(&queue->failed, memory_order_relaxed);
    out->dropped = atomic_load_explicit(&queue->dropped, memory_order_relaxed);
    out->latency_samples =
        atomic_load_explicit(&queue->latency_samples, memory_order_relaxed);
    out->latency_ns =
        atomic_load_explicit(&queue->latency_ns, memory_order_relaxed);
}

void auvi_queue_reset_peak(struct auvi_queue *queue)
{
    for (int i = 0; i < AUVI_LANES; i++)
        atomic_store_explicit(&queue->lanes[i].peak, 0, memory_order_relaxed);
}
