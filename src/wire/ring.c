/*
 * ring.c - one direction of a link in shared memory. Layout and trust: ring.h.
 *
 * HANDING OVER. The writer fills records, then stores `published` (release);
 * the reader loads it (acquire) and sees them whole. The reader stores `head`
 * (release) behind its last look at a record; the writer loads it (acquire)
 * before it writes there again.
 *
 * SLEEPING. The reader sleeps on a descriptor, and the writer makes it readable
 * ("rings the bell") only if the reader said that it is about to sleep:
 *
 *     reader: asleep = 1;      then look at published; if new, do not sleep
 *     writer: published = new; then look at asleep; if 1, ring
 *
 * All four are sequentially consistent, so they have one order. If the reader's
 * look misses the publish, its store of asleep comes before the writer's look,
 * and the writer rings. If the writer's look misses asleep, its publish comes
 * before the reader's look, and the reader does not sleep. So no record waits
 * behind a sleeping reader.
 *
 * The writer sets asleep back to 0 before it rings, so that a burst rings once.
 * This store may hit a 1 that the reader has set anew since the writer's look:
 * no harm, for the bell is rung behind it, and a reader that hears it looks
 * again and says anew that it sleeps. The reader sets it back when it wakes, or
 * when it starts to look for news awake; a bell that is on its way then wakes
 * it once for nothing.
 *
 * A peer that lies about the flag: one that sets it all the time costs the
 * writer a system call per publish, one that clears it leaves itself asleep or
 * its own records unread until the next look. Nobody waits for anybody here.
 *
 * RESTART. With few bytes on the way, writing round and round would touch all
 * of the ring's pages and keep none of them in a cache. So a writer that finds
 * the ring empty some way behind its start leaves the rest out, by a record
 * that only says so, and begins at the start again.
 *
 * PROGRESS. Wait-free.
 */
#include "wire/ring.h"

#include <assert.h>

#include "base/base.h"

#ifndef RESTART_FROM
/* Bytes from the start after which a restart pays. */
#define RESTART_FROM 32768u
#endif

/* In place of a size: nothing more up to the end of the ring. */
#define SKIP UINT32_MAX

static_assert((AUVI_RING_SIZE & (AUVI_RING_SIZE - 1)) == 0, "power of two");
static_assert(sizeof(struct auvi_ring_shared) == 384, "lines of 128 bytes");

static uint32_t offset_of(uint32_t place)
{
    return place & (uint32_t)(AUVI_RING_SIZE - 1);
}

/* The two words at the start of a record. The reader loads each of them once;
 * atomic only for that. */
static _Atomic uint64_t *word_of(const uint8_t *data, uint32_t place, int which)
{
    return (_Atomic uint64_t *)(uintptr_t)(data + offset_of(place) + 8 * which);
}

/* ---- writing ---- */

void auvi_ring_writer_init(struct auvi_ring_writer *writer,
                           struct auvi_ring_shared *shared, uint8_t *data)
{
    *writer = (struct auvi_ring_writer){.shared = shared, .data = data};
}

static void write_words(struct auvi_ring_writer *writer, uint32_t place,
                        uint32_t size, uint32_t bulk)
{
    uint64_t first = (uint64_t)size | (uint64_t)writer->packets << 32;

    /* Relaxed: published with the rest. */
    atomic_store_explicit(word_of(writer->data, place, 0), first,
                          memory_order_relaxed);
    atomic_store_explicit(word_of(writer->data, place, 1), bulk,
                          memory_order_relaxed);
}

static void close_record(struct auvi_ring_writer *writer, uint32_t bulk)
{
    if (writer->size == 0)
        return;
    write_words(writer, writer->record, writer->size, bulk);
    writer->record += (uint32_t)AUVI_RING_RECORD + writer->size + bulk;
    writer->size = 0;
}

/* 1: `size` more bytes fit behind what is written, 0: not now. */
static int find_room(struct auvi_ring_writer *writer, size_t size)
{
    uint32_t end =
        writer->record +
        (writer->size == 0 ? 0 : (uint32_t)AUVI_RING_RECORD + writer->size);
    uint32_t head;

    if (size <= AUVI_RING_SIZE - (end - writer->head))
        return 1;
    /* Acquire: the reader has looked for the last time at what is before. */
    head = atomic_load_explicit(&writer->shared->head, memory_order_acquire);
    if (head % 8 != 0 || head - writer->head > writer->published - writer->head)
        return auvi_fail(AUV_ERR_PROTOCOL, "the reader of a ring ran ahead");
    writer->head = head;
    return size <= AUVI_RING_SIZE - (end - head);
}

/* Nothing is in the ring: perhaps begin at its start. */
static void restart(struct auvi_ring_writer *writer, size_t size)
{
    uint32_t offset = offset_of(writer->record);

    if (offset < RESTART_FROM || size > offset || writer->size != 0 ||
        writer->record != writer->published)
        return;
    /* Acquire: as in find_room(), which also checks this value. */
    if (atomic_load_explicit(&writer->shared->head, memory_order_acquire) !=
        writer->published)
        return;
    writer->head = writer->published;
    write_words(writer, writer->record, SKIP, 0);
    writer->record += (uint32_t)AUVI_RING_SIZE - offset;
}

int auvi_ring_extend(struct auvi_ring_writer *writer, size_t size, size_t bulk,
                     uint8_t **at)
{
    size_t all = size + bulk + (writer->size == 0 ? AUVI_RING_RECORD : 0);
    uint8_t *start;
    int room;

    assert(size > 0 && size % 8 == 0 && bulk % 8 == 0);
    if (all > AUVI_RING_SIZE)
        return 0;
    restart(writer, all);
    room = find_room(writer, all);
    if (room <= 0)
        return room;
    start = writer->data + offset_of(writer->record);
    *at = start + AUVI_RING_RECORD + writer->size;
    writer->size += (uint32_t)size;
    /* Contents lie behind the last frame of a record. */
    if (bulk > 0)
        close_record(writer, (uint32_t)bulk);
    return 1;
}

bool auvi_ring_is_roomy(struct auvi_ring_writer *writer)
{
    return find_room(writer, AUVI_RING_SIZE / 2) == 1;
}

size_t auvi_ring_open_size(const struct auvi_ring_writer *writer)
{
    return writer->size;
}

static void publish(struct auvi_ring_writer *writer)
{
    writer->published = writer->record;
    /* Sequentially consistent: before the look at asleep. */
    atomic_store_explicit(&writer->shared->published,
                          writer->record | (uint64_t)writer->packets << 32,
                          memory_order_seq_cst);
}

bool auvi_ring_publish(struct auvi_ring_writer *writer)
{
    close_record(writer, 0);
    if (writer->record == writer->published)
        return false;
    publish(writer);
    if (!atomic_load_explicit(&writer->shared->asleep, memory_order_seq_cst))
        return false;
    /* Relaxed: see SLEEPING. The bell is a system call, and behind it. */
    atomic_store_explicit(&writer->shared->asleep, 0, memory_order_relaxed);
    return true;
}

void auvi_ring_packet_sent(struct auvi_ring_writer *writer)
{
    assert(writer->size == 0 && writer->record == writer->published);
    writer->packets++;
    /* For a reader that looks awake; one that sleeps is woken by the socket. */
    publish(writer);
}

/* ---- reading ---- */

void auvi_ring_reader_init(struct auvi_ring_reader *reader,
                           struct auvi_ring_shared *shared, const uint8_t *data)
{
    *reader = (struct auvi_ring_reader){.shared = shared, .data = data};
}

/* What the writer has published; 0 or AUV_ERR_PROTOCOL. */
static int look(struct auvi_ring_reader *reader, memory_order order)
{
    uint64_t word;
    uint32_t tail;

    if (reader->ended)
        return 0;
    word = atomic_load_explicit(&reader->shared->published, order);
    tail = (uint32_t)word;
    if (tail % 8 != 0 || tail - reader->head > AUVI_RING_SIZE ||
        tail - reader->head < reader->tail - reader->head)
        return auvi_fail(AUV_ERR_PROTOCOL, "the writer of a ring ran ahead");
    reader->tail = tail;
    reader->packets = (uint32_t)(word >> 32);
    return 0;
}

int auvi_ring_next(struct auvi_ring_reader *reader,
                   struct auvi_ring_record *out)
{
    bool skipped = false;

    for (;;) {
        uint32_t left = reader->tail - reader->head;
        uint64_t first, bulk;
        uint32_t size;

        if (left == 0) {
            /* Acquire: what was written before is there. */
            int error = look(reader, memory_order_acquire);

            left = reader->tail - reader->head;
            if (error < 0 || left == 0)
                return error;
        }
        if (left < AUVI_RING_RECORD)
            return auvi_fail(AUV_ERR_PROTOCOL, "a record is cut");
        first = atomic_load_explicit(word_of(reader->data, reader->head, 0),
                                     memory_order_relaxed);
        bulk = atomic_load_explicit(word_of(reader->data, reader->head, 1),
                                    memory_order_relaxed);
        left -= (uint32_t)AUVI_RING_RECORD;
        size = (uint32_t)first;
        if (size == SKIP) {
            uint32_t rest = (uint32_t)AUVI_RING_SIZE - offset_of(reader->head);

            /* One after another would be an endless way to say nothing. */
            if (skipped || bulk != 0 || rest > reader->tail - reader->head)
                return auvi_fail(AUV_ERR_PROTOCOL, "a bad end of a ring");
            skipped = true;
            reader->taken = rest;
            auvi_ring_release(reader);
            continue;
        }
        if (size == 0 || size % 8 != 0 || size > left || bulk % 8 != 0 ||
            bulk > left - size)
            return auvi_fail(AUV_ERR_PROTOCOL, "a record of wrong length");
        out->frames = reader->data + offset_of(reader->head) + AUVI_RING_RECORD;
        out->size = size;
        out->bulk = (uint32_t)bulk;
        out->packets = (uint32_t)(first >> 32);
        reader->taken = (uint32_t)AUVI_RING_RECORD + size + (uint32_t)bulk;
        return 1;
    }
}

void auvi_ring_release(struct auvi_ring_reader *reader)
{
    reader->head += reader->taken;
    reader->taken = 0;
    /* Release: we have looked at what is before for the last time. */
    atomic_store_explicit(&reader->shared->head, reader->head,
                          memory_order_release);
}

bool auvi_ring_arm(struct auvi_ring_reader *reader)
{
    uint32_t tail = reader->tail, packets = reader->packets;

    atomic_store_explicit(&reader->shared->asleep, 1, memory_order_seq_cst);
    /* Sequentially consistent: behind the store. An error is told by next(). */
    reader->armed = look(reader, memory_order_seq_cst) == 0 &&
                    reader->tail == tail && reader->packets == packets;
    if (!reader->armed)
        (void)auvi_ring_disarm(reader);
    return reader->armed;
}

bool auvi_ring_disarm(struct auvi_ring_reader *reader)
{
    reader->armed = false;
    /* Relaxed: a bell too many does no harm. */
    return atomic_exchange_explicit(&reader->shared->asleep, 0,
                                    memory_order_relaxed) == 0;
}

bool auvi_ring_look(const struct auvi_ring_reader *reader)
{
    uint64_t seen = reader->tail | (uint64_t)reader->packets << 32;

    /* Acquire is left to auvi_ring_next(), which loads it again. */
    return reader->tail != reader->head ||
           atomic_load_explicit(&reader->shared->published,
                                memory_order_relaxed) != seen;
}

void auvi_ring_end(struct auvi_ring_reader *reader)
{
    /* What it published before it went is there: its end was seen after. */
    if (look(reader, memory_order_acquire) < 0)
        reader->tail = reader->head;
    reader->ended = true;
}
