/* The ring: records handed over whole and in order, a reader that sleeps and is
 * rung, one that breaks its sleep off, places that are written again. */
#include "explore.h"

#include "model_base.h"

/* Two records of 32 bytes, so that none goes over the ring's end: the model's
 * memory is not mapped twice. */
#define AUVI_RING_SIZE ((size_t)64)
#define RESTART_FROM 32u

#include "wire/ring.c"

static struct auvi_ring_writer writer;
static struct auvi_ring_reader reader;
static _Atomic uint32_t *bell; /* what the reader sleeps on */
static int looks;              /* awake, before each sleep */

static void make(void)
{
    struct auvi_ring_shared *shared = model_alloc(sizeof(*shared));
    uint8_t *data = model_alloc(AUVI_RING_SIZE);

    bell = model_alloc(sizeof(*bell));
    auvi_ring_writer_init(&writer, shared, data);
    auvi_ring_reader_init(&reader, shared, data);
    looks = 0;
}

static void make_looking(void)
{
    make();
    looks = 1;
}

/* Relaxed: only the ring orders what a record holds. */
static _Atomic uint64_t *content(const uint8_t *frames)
{
    return (_Atomic uint64_t *)(uintptr_t)frames;
}

static void put(uint64_t number)
{
    uint8_t *at;
    int room;

    while ((room = auvi_ring_extend(&writer, 16, 0, &at)) == 0)
        model_yield();
    MODEL_CHECK(room == 1);
    atomic_store_explicit(content(at), number, memory_order_relaxed);
    if (auvi_ring_publish(&writer))
        model_signal(bell);
}

static uint64_t take_what_is_there(uint64_t got)
{
    struct auvi_ring_record record;
    int result;

    while ((result = auvi_ring_next(&reader, &record)) == 1) {
        MODEL_CHECK(record.size == 16 && record.bulk == 0);
        MODEL_CHECK(atomic_load_explicit(content(record.frames),
                                         memory_order_relaxed) == ++got);
        auvi_ring_release(&reader);
    }
    MODEL_CHECK(result == 0);
    return got;
}

static void take(uint64_t count)
{
    uint64_t got = 0;

    while (got < count) {
        got = take_what_is_there(got);
        if (got == count || !auvi_ring_arm(&reader))
            continue;
        for (int i = 0; i < looks; i++) {
            if (reader.armed)
                (void)auvi_ring_disarm(&reader);
            (void)auvi_ring_look(&reader);
        }
        if (!reader.armed && !auvi_ring_arm(&reader))
            continue;
        model_wait(bell);
        (void)auvi_ring_disarm(&reader);
    }
}

static void two_records(int index)
{
    if (index == 0) {
        take(2);
    } else {
        put(1);
        put(2);
    }
}

static void one_record(int index)
{
    if (index == 0)
        take(1);
    else
        put(1);
}

/* More than the ring holds: each place is used twice, by way of a restart or
 * without. */
static void three_records(int index)
{
    if (index == 0) {
        for (uint64_t got = 0; got < 3; got = take_what_is_there(got))
            model_yield();
    } else {
        for (uint64_t i = 1; i <= 3; i++)
            put(i);
    }
}

int main(int argc, char **argv)
{
    static const struct model models[] = {
        {"ring: two records, a reader that sleeps", 2, make, two_records, NULL},
        {"ring: a reader that breaks its sleep off", 2, make_looking,
         one_record, NULL},
        {"ring: places that are written again", 2, make, three_records, NULL},
    };

    return model_main(models, sizeof(models) / sizeof(*models), argc, argv);
}
