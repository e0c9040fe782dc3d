/*
 * queue.h - bounded lock-free queue of pointers: many producers, one consumer.
 *
 * Four lanes by priority; within a lane FIFO per producer. The consumer always
 * takes from the most urgent lane that has something. Each lane has `capacity`
 * places; beside them the reserved places of the CRITICAL lane are open only to
 * pushes that must not fail (close, cancel, replies): see
 * auvi_queue_push_reserved().
 *
 * Producers never wait for each other or for the consumer: a push is a bounded
 * number of steps but for lost races. The consumer sees a place that is taken
 * and not yet filled as "nothing there now", and is kept from sleeping by it,
 * so nothing is missed. The argument for all of it: queue.c.
 */
#ifndef AUVI_QUEUE_H
#define AUVI_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* contract: Low 0, Normal 1, High 2, Critical 3 */
enum auvi_priority {
    AUVI_LOW = 0,
    AUVI_NORMAL = 1,
    AUVI_HIGH = 2,
    AUVI_CRITICAL = 3
};
#ifndef AUVI_LANES /* tests/model makes these two small */
#define AUVI_LANES 4
#endif

/* Places of the CRITICAL lane for auvi_queue_push_reserved(), beside those of
 * auvi_queue_push(). Whoever promises that such a push cannot fail keeps the
 * number of things that may need one at a time below this. */
#ifndef AUVI_QUEUE_RESERVED
#define AUVI_QUEUE_RESERVED ((size_t)4096)
#endif
#define AUVI_QUEUE_MAX_CAPACITY ((size_t)1 << 24)

struct auvi_queue; /* heap: its hot fields sit on cache lines of their own */

struct auvi_queue_metrics {
    uint64_t sent;        /* pushes that were accepted */
    uint64_t received;    /* pops */
    uint64_t failed;      /* pushes refused because full, and waits given up */
    uint64_t dropped;     /* pushes refused because shut down */
    uint64_t retries;     /* lost races of producers */
    uint64_t peak_length; /* of the longest lane; right to within 64 */
    /* From push to pop, of one message in 256 of each lane, its first
     * included: sum and number, so that two readings can be subtracted. */
    uint64_t latency_ns, latency_samples;
};

/* AUV_ERR_ARG: capacity is 0 or over the maximum. AUV_ERR_NOMEM. */
int auvi_queue_create(size_t capacity, struct auvi_queue **out);
void auvi_queue_destroy(struct auvi_queue *queue); /* must be empty; NULL ok */

/* Any thread. Returns 1: accepted, and the consumer sleeps: the caller must
 * wake it (see wake.h), nobody else will; 0: accepted; AUV_ERR_QUEUE_FULL;
 * AUV_ERR_CLOSED after shutdown. On an error the item stays the caller's, which
 * is why auv_last_error_message() is left alone: a refusal is no surprise.
 * A new queue's consumer counts as asleep. */
int auvi_queue_push(struct auvi_queue *queue, enum auvi_priority lane,
                    void *item);
/* As push, for what must not be lost: may use the reserved places as well. */
int auvi_queue_push_reserved(struct auvi_queue *queue, void *item);
/* As push, but sleeps while the lane is full: until the consumer has made room,
 * shutdown (AUV_ERR_CLOSED) or auvi_clock_us() reaches deadline_us
 * (AUV_ERR_TIMEOUT; INT64_MAX: never). Not for the consumer's thread. Room is
 * told once in 64 pops and at each auvi_queue_prepare_sleep(). */
int auvi_queue_push_wait(struct auvi_queue *queue, enum auvi_priority lane,
                         void *item, int64_t deadline_us);

/* Consumer only (one thread at a time; hand-over needs a release/acquire edge,
 * e.g. a mutex). NULL: nothing there now. */
void *auvi_queue_pop(struct auvi_queue *queue);
/* Any thread; a hint. */
size_t auvi_queue_length(const struct auvi_queue *queue);
bool auvi_queue_is_empty(const struct auvi_queue *queue);

/* Consumer: "I am about to sleep". Returns true if the queue is empty and the
 * next push will return 1; false if there is something: go on popping. The next
 * pop ends the sleep. False although pop finds nothing: a producer stands
 * between claiming a place and filling it; this call has then waited for it up
 * to some 100 microseconds and the caller comes again. */
bool auvi_queue_prepare_sleep(struct auvi_queue *queue);

/* Any thread: refuse pushes from now on. Pushes under way finish. */
void auvi_queue_shutdown(struct auvi_queue *queue);
/* After shutdown: wait until no push is under way. The consumer then pops the
 * rest. AUV_ERR_TIMEOUT. */
int auvi_queue_wait_quiet(struct auvi_queue *queue, int64_t timeout_us);

void auvi_queue_get_metrics(const struct auvi_queue *queue,
                            struct auvi_queue_metrics *out);
/* Any thread: the peak begins again, at what waits now. */
void auvi_queue_reset_peak(struct auvi_queue *queue);

#endif /* AUVI_QUEUE_H */
