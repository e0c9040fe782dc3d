/*
 * ring.h - one direction of a link, as a ring of bytes in shared memory.
 *
 *      head                tail                   each a count of bytes that
 *       v                   v                     only grows (modulo 2^32)
 *  ....[ record ][ record ]......[ being written ]
 *
 *  record: size u32, packets u32, bulk u32, 0 u32; `size` bytes of frames, then
 *  `bulk` bytes of large contents. A record begins at a multiple of 8 and lies
 *  in one piece (the memory is mapped twice in a row).
 *
 * `packets` keeps the order between the ring and the socket beside it: so many
 * packets of frames have gone through the socket before this record.
 *
 * The peer may be hostile. It can write to all of this memory at any time, so
 * each half keeps its own count privately, reads what the other one publishes
 * once per call, and checks it against its own; AUV_ERR_PROTOCOL is the end of
 * the link. Bytes of a record can change while they are read: they must be
 * copied once, and only the copy looked at.
 *
 * Threads: one writer and one reader, who share nothing but the memory.
 */
#ifndef AUVI_RING_H
#define AUVI_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of each direction. A power of two; a multiple of AUVI_RING_CONTROL. */
#ifndef AUVI_RING_SIZE
#define AUVI_RING_SIZE ((size_t)2 << 20)
#endif
#define AUVI_RING_RECORD ((size_t)16) /* bytes before a record's frames */

/* What the two halves say to each other. A line of memory for each of them, so
 * that a half that only looks does not take the other's from its cache. */
struct auvi_ring_shared {
    _Atomic uint64_t published; /* by the writer: tail, packets << 32 */
    char line_of_writer[120];
    _Atomic uint32_t head; /* by the reader */
    char line_of_reader[124];
    _Atomic uint32_t asleep; /* set by the reader; see ring.c */
    char line_of_both[124];
};

struct auvi_ring_writer {
    struct auvi_ring_shared *shared;
    uint8_t *data;
    uint32_t published; /* tail that the reader may see */
    uint32_t record;    /* where the open record begins, behind closed ones */
    uint32_t size;      /* bytes of its frames so far; 0: none is open */
    uint32_t head;      /* as last seen */
    uint32_t packets;   /* sent through the socket so far */
};

struct auvi_ring_record {
    const uint8_t *frames; /* in shared memory */
    uint32_t size;
    uint32_t bulk; /* bytes behind them */
    uint32_t packets;
};

struct auvi_ring_reader {
    struct auvi_ring_shared *shared;
    const uint8_t *data;
    uint32_t head;    /* of what has been released */
    uint32_t tail;    /* as last seen */
    uint32_t packets; /* likewise: sent through the socket */
    uint32_t taken;   /* bytes of the record that auvi_ring_next() gave */
    bool armed;       /* the writer rings the bell */
    bool ended;       /* nothing behind `tail` counts any more */
};

/* ---- writing ---- */

/* Both begin at the start of an untouched ring. */
void auvi_ring_writer_init(struct auvi_ring_writer *writer,
                           struct auvi_ring_shared *shared, uint8_t *data);
/* Room for a frame of `size` bytes and, behind it, `bulk` bytes of contents;
 * both multiples of 8. 1: *at is where they go, and they count as written (the
 * reader sees them with the next publish); 0: no room now; AUV_ERR_PROTOCOL. */
int auvi_ring_extend(struct auvi_ring_writer *writer, size_t size, size_t bulk,
                     uint8_t **at);
/* Whether half of the ring is free. */
bool auvi_ring_is_roomy(struct auvi_ring_writer *writer);
/* Bytes of the open record: when it is a packet's worth, publish it. */
size_t auvi_ring_open_size(const struct auvi_ring_writer *writer);
/* Show the reader all that was written. True: it sleeps, ring its bell now. */
bool auvi_ring_publish(struct auvi_ring_writer *writer);
/* A packet has gone through the socket. */
void auvi_ring_packet_sent(struct auvi_ring_writer *writer);

/* ---- reading ---- */

void auvi_ring_reader_init(struct auvi_ring_reader *reader,
                           struct auvi_ring_shared *shared,
                           const uint8_t *data);
/* 1: *out is the next record, until auvi_ring_release(); the same again if it
 * was not released. 0: there is none. AUV_ERR_PROTOCOL. */
int auvi_ring_next(struct auvi_ring_reader *reader,
                   struct auvi_ring_record *out);
void auvi_ring_release(struct auvi_ring_reader *reader);
/* Before sleeping: have the bell rung. False: there is something new. */
bool auvi_ring_arm(struct auvi_ring_reader *reader);
/* No bell from now on. True: one is on its way. */
bool auvi_ring_disarm(struct auvi_ring_reader *reader);
/* Whether something is there, for loops that wait for it awake. */
bool auvi_ring_look(const struct auvi_ring_reader *reader);
/* The writer is gone: what is published now is all. */
void auvi_ring_end(struct auvi_ring_reader *reader);

#endif /* AUVI_RING_H */
