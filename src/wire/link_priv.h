/* link_priv.h - what link.c (frames in order) and link_packet.c (the socket)
 * share. For this folder only. */
#ifndef AUVI_LINK_PRIV_H
#define AUVI_LINK_PRIV_H

#include <stdalign.h>

#include "wire/link.h"
#include "wire/ring.h"

/* The kernel's SCM_MAX_FD. With room for so many, a control message is cut off
 * only if this process has no descriptors left. */
enum {
    AUVI_RECEIVED_FDS = 253
};

/* At the start of the rings' memory. */
struct auvi_link_shared {
    /* Set by the end that took the memory; the other one uses it from then on.
     * A peer that sets it and does not look there hurts itself. */
    _Atomic uint32_t taken;
    char line[124];
    struct auvi_ring_shared ring[2]; /* made -> taken, taken -> made */
};

struct auvi_link {
    int fd;
    struct auvi_link_shared *shared; /* NULL: no rings */
    bool made;                       /* by this end */
    uint32_t spin_us;
    atomic_bool broken; /* the peer broke a ring, noticed by the sender */

    /* -- the sender's -- */
    struct {
        struct auvi_ring_writer ring;
        bool use_ring; /* the peer has taken the memory */
        bool bell_due; /* and could not be rung */
        bool closed;   /* the peer is gone */
        size_t used;   /* bytes of the open packet */
        size_t fd_count;
        int fds[AUVI_PACKET_FDS]; /* ours, until they are sent */
        alignas(8) uint8_t bytes[AUVI_PACKET_MAX];
    } tx;

    /* -- the receiver's -- */
    struct {
        struct auvi_ring_reader ring;
        const uint8_t *bulk; /* of the record, in the ring */
        size_t bulk_size;
        bool record_held; /* the record's place is still needed */
        char *text;       /* copy of a payload that lay there */
        uint32_t packets; /* of frames: begun so far */
        bool waiting;     /* a packet was read, and frames come before it */
        bool try_socket;  /* there was something; there may be more */
        bool ended;       /* and nothing comes after this */
        int error;        /* 0, or what every further call returns */

        size_t record_offset; /* of the next frame */
        size_t record_size;   /* offset == size: none */
        size_t offset;        /* the same of the packet */
        size_t size;
        size_t fd_used;
        size_t fd_count;
        int fds[AUVI_RECEIVED_FDS]; /* ours, from fd_used on */
        bool fds_lost; /* those at the end are -1: see receive_packet() */
        /* Two, because a packet may have been read when a record turns out to
         * come before it. */
        alignas(8) uint8_t record[AUVI_PACKET_MAX];
        alignas(8) uint8_t bytes[AUVI_PACKET_MAX];
    } rx;
};

/* Send the open packet: as auvi_link_flush(). */
int auvi_packet_send(struct auvi_link *link);
/* Make the peer's descriptor readable. 0, or as auvi_packet_send(). */
int auvi_packet_ring_bell(struct auvi_link *link);
/* The sender's end. */
void auvi_packet_drop_sent(struct auvi_link *link);

enum auvi_packet {
    AUVI_PACKET_NONE = 0, /* now */
    AUVI_PACKET_FRAMES = 1,
    AUVI_PACKET_BELL = 2,
    AUVI_PACKET_END = 3
};

/* enum auvi_packet, or an error; AUV_ERR_PROTOCOL of them is for good. */
int auvi_packet_receive(struct auvi_link *link);
/* Forget the rest of the packet. */
void auvi_packet_drop_received(struct auvi_link *link);

/* Make memory for rings and send it; on failure the link does without. */
void auvi_packet_offer_rings(struct auvi_link *link, uint32_t spin_us);
/* Take it, if it is the first thing that came. */
void auvi_packet_take_rings(struct auvi_link *link);

#endif /* AUVI_LINK_PRIV_H */
