/* The wake: a signal against the consumer's clear, a wake that is put off, an
 * urgent push behind such a one.
 *
 * The queue in it is not the real one, which would multiply the executions and
 * has a model of its own, but what queue.h promises of it, in as few steps. */
#include "explore.h"

#include "model_base.h"

/* The descriptor: a counter to sleep on. */
#define auvi_wake_fd_create() 0
#define auvi_wake_fd_signal(fd) model_signal(descriptor)
#define auvi_wake_fd_clear(fd) model_clear(descriptor)
#define auvi_fd_close(fd) ((void)(fd))
static _Atomic uint32_t *descriptor;

#include "core/wake.c"

static _Atomic uint32_t *pushed, *asleep; /* the queue */
static struct auvi_wake *wake;
static _Atomic uint32_t *timer;    /* runs out at any later moment */
static _Atomic uint32_t *finished; /* no timer is started any more */
static _Atomic uint32_t *work;     /* relaxed: only the wake orders it */
static int got;
static bool with_timer;

static void defer(void *ctx, int64_t delay_us)
{
    (void)ctx, (void)delay_us;
    if (with_timer)
        model_signal(timer);
}

static void make(uint32_t batch_interval_us)
{
    const struct auvi_wake_config config = {true, batch_interval_us};

    got = 0;
    with_timer = true;
    descriptor = model_alloc(sizeof(*descriptor));
    timer = model_alloc(sizeof(*timer));
    finished = model_alloc(sizeof(*finished));
    work = model_alloc(sizeof(*work) * 4);
    pushed = model_alloc(sizeof(*pushed));
    asleep = model_alloc(sizeof(*asleep));
    atomic_init(asleep, 1);
    auvi_wake_create(&config, defer, NULL, &wake);
    model_ignore(&wake->steps);
    model_ignore(&wake->wakes);
    model_ignore(&wake->deferred);
}

/* ---- the sink alone ---- */

static void make_sink(void)
{
    make(0);
}

static void fire_and_clear(int index)
{
    if (index != 0) {
        atomic_store_explicit(&work[index], 1, memory_order_relaxed);
        auvi_wake_fire(wake);
        return;
    }
    while (got < 2) {
        int i;

        model_poll(descriptor);
        auvi_wake_clear(wake);
        for (i = 1, got = 0; i <= 2; i++)
            got += atomic_load_explicit(&work[i], memory_order_relaxed) != 0;
    }
}

/* ---- with the queue ---- */

static void push_word(int number, enum auvi_priority lane)
{
    int result;

    atomic_fetch_or_explicit(pushed, 1u << number, memory_order_seq_cst);
    result = atomic_load_explicit(asleep, memory_order_seq_cst) &&
             atomic_exchange_explicit(asleep, 0, memory_order_relaxed);
    auvi_wake_notify(wake, result, lane);
}

/* As a tick does: clear, drain, prepare to sleep, which looks again. Until the
 * words of `wanted` have come. */
static void consume(uint32_t wanted)
{
    for (;;) {
        uint32_t words;

        auvi_wake_clear(wake);
        words = atomic_load_explicit(pushed, memory_order_seq_cst);
        if ((words & wanted) == wanted)
            return;
        atomic_store_explicit(asleep, 1, memory_order_seq_cst);
        if (atomic_load_explicit(pushed, memory_order_seq_cst) == words)
            model_poll(descriptor);
        else
            atomic_store_explicit(asleep, 0, memory_order_relaxed);
    }
}

static void at_once(int index)
{
    if (index == 0)
        consume(1u << 1 | 1u << 2);
    else
        push_word(index, AUVI_NORMAL);
}

/* ---- batching: the clock stands, so every wake but the first is put off ---- */

static void make_batched(void)
{
    make(1000);
    auvi_wake_fire(wake); /* the first, long ago */
    auvi_wake_clear(wake);
}

static void put_off(int index)
{
    if (index == 0) {
        consume(1u << 1 | 1u << 2);
        atomic_store_explicit(finished, 1, memory_order_relaxed);
        model_signal(timer);
    } else if (index == 1) {
        push_word(1, AUVI_NORMAL);
        push_word(2, AUVI_NORMAL);
    } else {
        for (;;) {
            model_wait(timer);
            if (atomic_load_explicit(finished, memory_order_relaxed))
                break;
            auvi_wake_fire(wake);
        }
    }
}

/* No timer ever runs out: the urgent one must get through without. */
static void make_urgent(void)
{
    make_batched();
    with_timer = false;
}

static void overtake(int index)
{
    if (index == 0)
        consume(1u << 3);
    else if (index == 1)
        push_word(1, AUVI_NORMAL);
    else
        push_word(3, AUVI_HIGH);
}

int main(int argc, char **argv)
{
    static const struct model models[] = {
        {"wake: two signals against the clear", 3, make_sink, fire_and_clear,
         NULL},
        {"wake: two pushes, a consumer that sleeps", 3, make_sink, at_once,
         NULL},
        {"wake: put off, never lost", 3, make_batched, put_off, NULL},
        {"wake: an urgent push behind one put off", 3, make_urgent, overtake,
         NULL},
    };

    return model_main(models, sizeof(models) / sizeof(*models), argc, argv);
}
