/*
 * link.c - frames in order, over two shared-memory rings and a socket.
 *
 *     send() --> ring (small, and large contents as far as there is room)
 *            \-> tx.bytes, tx.fds --sendmsg--> socket (descriptors; all that the
 *                ring has no room for; everything where there is no ring)
 *
 *     ring record --copy--> rx.record \
 *                                      > one order --> receive()
 *     socket --recvmsg--> rx.bytes    /
 *
 * ORDER. A record says how many packets of frames were sent before it
 * (ring.h). The sender publishes its records before it sends a packet, and
 * sends its packet before it begins another record. The receiver therefore
 * takes records while their number is that of the packets it has begun, else
 * the next packet, which must be there. Where the ring is empty it may read a
 * packet; but records may have been published since it looked, and come first:
 * so it looks again before it begins that packet.
 *
 * FULL. A full ring blocks nobody: what does not fit goes through the socket,
 * and a full socket is what flush() and its descriptor tell of, as without
 * rings.
 *
 * SLEEP. receive() returns 0 only with the bell armed (ring.c) and the socket
 * seen empty since the last wake, or not looked at: then its descriptor polls
 * readable if there is something. So the caller may sleep on it. A bell is a
 * packet of one byte on the same descriptor. An eventfd would be 2 us faster of
 * the 25 us that a wake takes, but two descriptors to poll in the place of one.
 *
 * END. The socket tells of the peer's end. What it has published until then is
 * still received, and nothing that it may go on to write afterwards.
 *
 * The two halves share only `fd`, `shared` and `broken`; that is what lets a
 * sending and a receiving thread work side by side.
 */
#include "wire/link_priv.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"

/* Bytes on the way, as the kernel counts them (with its own overhead, and twice
 * what is asked for). Some packets, so that a burst need not wait for the peer
 * between two of them; not more, so that backpressure is felt. */
#define SEND_BUFFER ((int)(4 * AUVI_PACKET_MAX))

/* What af_unix takes off SO_SNDBUF for the largest packet. */
#define SEND_BUFFER_OVERHEAD 32

/* Bells that one receive() takes when it finds nothing else; the rest keeps the
 * descriptor readable. */
#define BELLS_MAX 8
/* Bells that may lie before a packet. More than a socket's buffer holds, so who
 * sends so many goes on while we read. */
#define BELLS_BEFORE_PACKET 4096

static int set_up_socket(int fd)
{
    int value;
    socklen_t size = sizeof(value);

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &size) < 0 ||
        value != AF_UNIX ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size) < 0 ||
        value != SOCK_SEQPACKET)
        return auvi_fail(AUV_ERR_ARG, "descriptor %d is not a link", fd);
    /* A descriptor that was passed at exec has lost the flag. */
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return auvi_fail_errno("cannot set up a link");
    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, &size) < 0)
        return auvi_fail_errno("cannot set up a link");
    /* Only upwards: the limit (net.core.wmem_max) may be below the default. */
    if (value < SEND_BUFFER) {
        int wanted = SEND_BUFFER;

        if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted)) <
                0 ||
            getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, &size) < 0)
            return auvi_fail_errno("cannot set up a link");
    }
    if (value - SEND_BUFFER_OVERHEAD < (int)AUVI_PACKET_MAX)
        return auvi_fail(AUV_ERR_SYSTEM,
                         "net.core.wmem_max is too small: a socket buffer of "
                         "%d bytes cannot hold a packet",
                         value);
    return AUV_OK;
}

static int open_socket(int fd, struct auvi_link **out)
{
    struct auvi_link *link;
    int error = set_up_socket(fd);

    if (error < 0) {
        auvi_fd_close(fd);
        return error;
    }
    /* Not cleared: the buffers are large, and pages that are never used should
     * never exist. */
    link = malloc(sizeof(*link));
    if (link == NULL) {
        auvi_fd_close(fd);
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a link");
    }
    memset(link, 0, offsetof(struct auvi_link, tx.fds));
    memset(&link->rx, 0,
           offsetof(struct auvi_link, rx.fds) - offsetof(struct auvi_link, rx));
    link->rx.fds_lost = false;
    link->fd = fd;
    link->spin_us = AUVI_LINK_SPIN_US;
    *out = link;
    return AUV_OK;
}

int auvi_link_open(int fd, struct auvi_link **out)
{
    int error = open_socket(fd, out);

    if (error == AUV_OK)
        auvi_packet_take_rings(*out);
    return error;
}

int auvi_link_pair(struct auvi_link **out, int *peer_fd)
{
    int ends[2];
    int error;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return auvi_fail_errno("cannot create a link");
    error = open_socket(ends[0], out);
    if (error < 0) {
        auvi_fd_close(ends[1]);
        return error;
    }
    *peer_fd = ends[1];
    return AUV_OK;
}

int auvi_link_pair_with_rings(uint32_t spin_us, struct auvi_link **out,
                              int *peer_fd)
{
    int error = auvi_link_pair(out, peer_fd);

    if (error == AUV_OK)
        auvi_packet_offer_rings(*out, spin_us);
    return error;
}

void auvi_link_close(struct auvi_link *link)
{
    if (link == NULL)
        return;
    auvi_packet_drop_sent(link);
    auvi_packet_drop_received(link);
    auvi_ring_memory_unmap(link->shared, AUVI_RING_SIZE);
    auvi_fd_close(link->fd);
    free(link->rx.text);
    free(link);
}

int auvi_link_fd(const struct auvi_link *link)
{
    return link->fd;
}

uint32_t auvi_link_spin_us(const struct auvi_link *link)
{
    return link->spin_us;
}

bool auvi_link_has_rings(const struct auvi_link *link)
{
    return link->shared != NULL;
}

void auvi_link_shutdown(struct auvi_link *link)
{
    shutdown(link->fd, SHUT_RDWR);
}

/* ---- sending ---- */

/* The peer has broken the ring that we write to: both halves end. */
static int ring_is_broken(struct auvi_link *link)
{
    atomic_store_explicit(&link->broken, true, memory_order_release);
    auvi_link_shutdown(link);
    link->tx.closed = true;
    auvi_packet_drop_sent(link);
    return AUV_ERR_CLOSED;
}

static bool peer_has_rings(const struct auvi_link *link)
{
    /* Acquire: its first sleep, which came before. */
    return link->shared != NULL &&
           (!link->made || atomic_load_explicit(&link->shared->taken,
                                                memory_order_acquire) != 0);
}

/* For good: frames in a ring that is not read any more would be lost. */
static bool may_use_ring(struct auvi_link *link)
{
    if (!link->tx.use_ring)
        link->tx.use_ring = peer_has_rings(link);
    return link->tx.use_ring;
}

static int publish(struct auvi_link *link)
{
    if (auvi_ring_publish(&link->tx.ring) || link->tx.bell_due)
        return auvi_packet_ring_bell(link);
    return 0;
}

/* 1: it is in the ring; 0: it has to go through the socket. */
static int send_by_ring(struct auvi_link *link, const struct auvi_frame *frame)
{
    size_t bulk;
    int64_t size = auvi_frame_ring_size(frame, &bulk);
    uint8_t *at;
    int room;

    if (size < 0)
        return (int)size;
    /* A packet that is open comes first. Was it begun because the ring is full,
     * it goes on until there is room for more than a frame. */
    if (link->tx.used > 0) {
        int sent = size > 0 && auvi_ring_is_roomy(&link->tx.ring)
                       ? auvi_packet_send(link)
                       : 1;

        if (sent != 0)
            return sent == AUV_ERR_CLOSED ? sent : 0;
    }
    /* What the receiver copies at once is a packet's worth. */
    if (size == 0 ||
        auvi_ring_open_size(&link->tx.ring) + (size_t)size > AUVI_PACKET_MAX) {
        int sent = publish(link);

        if (sent == AUV_ERR_CLOSED || size == 0)
            return sent == AUV_ERR_CLOSED ? sent : 0;
    }
    room = auvi_ring_extend(&link->tx.ring, (size_t)size, bulk, &at);
    if (room < 0)
        return ring_is_broken(link);
    if (room == 0) {
        int sent = publish(link);

        return sent == AUV_ERR_CLOSED ? sent : 0;
    }
    auvi_frame_ring_write(frame, at, (size_t)size);
    return 1;
}

int auvi_link_send(struct auvi_link *link, const struct auvi_frame *frame)
{
    if (link->tx.closed)
        return auvi_fail_plain(AUV_ERR_CLOSED);
    if (may_use_ring(link)) {
        int sent = send_by_ring(link, frame);

        if (sent != 0)
            return sent < 0 ? sent : AUV_OK;
    }
    for (;;) {
        int64_t written =
            auvi_frame_encode(frame, link->tx.bytes + link->tx.used,
                              AUVI_PACKET_MAX - link->tx.used, link->tx.fds,
                              AUVI_PACKET_FDS, &link->tx.fd_count);
        int flushed;

        if (written >= 0) {
            link->tx.used += (size_t)written;
            return AUV_OK;
        }
        if (written != AUV_ERR_QUEUE_FULL)
            return (int)written;
        /* Every frame fits into an empty packet (asserted in frame.c). */
        assert(link->tx.used > 0);
        flushed = auvi_link_flush(link);
        if (flushed > 0)
            return auvi_fail_plain(AUV_ERR_QUEUE_FULL);
        if (flushed < 0)
            return flushed;
    }
}

int auvi_link_flush(struct auvi_link *link)
{
    if (link->tx.closed)
        return auvi_fail_plain(AUV_ERR_CLOSED);
    if (link->tx.used > 0)
        return auvi_packet_send(link);
    return link->tx.use_ring ? publish(link) : 0;
}

/* ---- receiving ---- */

/* This and every further call: the end. */
static int end_receiving(struct auvi_link *link, int error)
{
    auvi_packet_drop_received(link);
    link->rx.record_offset = link->rx.record_size = 0;
    link->rx.error = error;
    /* The peer's next bell tells it. */
    if (link->shared != NULL)
        (void)auvi_ring_arm(&link->rx.ring);
    return error;
}

static bool in_record(const struct auvi_link *link)
{
    return link->rx.record_offset < link->rx.record_size;
}

static bool in_packet(const struct auvi_link *link)
{
    return !link->rx.waiting && link->rx.offset < link->rx.size;
}

/* What the last frame pointed to is not needed any more. */
static void release_record(struct auvi_link *link)
{
    free(link->rx.text);
    link->rx.text = NULL;
    if (link->rx.record_held && !in_record(link)) {
        link->rx.record_held = false;
        auvi_ring_release(&link->rx.ring);
    }
}

static int begin_record(struct auvi_link *link,
                        const struct auvi_ring_record *record)
{
    if (record->size > AUVI_PACKET_MAX)
        return auvi_fail(AUV_ERR_PROTOCOL, "record of more than %zu bytes",
                         AUVI_PACKET_MAX);
    /* The only look at it: from here on it is ours. */
    memcpy(link->rx.record, record->frames, record->size);
    link->rx.record_offset = 0;
    link->rx.record_size = record->size;
    link->rx.bulk = record->frames + record->size;
    link->rx.bulk_size = record->bulk;
    link->rx.record_held = record->bulk > 0;
    if (record->bulk == 0)
        auvi_ring_release(&link->rx.ring);
    return 1;
}

static void begin_packet(struct auvi_link *link)
{
    link->rx.waiting = false;
    link->rx.packets++;
}

/* Packets of which the peer says that they are in the socket. */
static bool is_packet_due(const struct auvi_link *link, uint32_t sent)
{
    return (int32_t)(sent - link->rx.packets) > 0 && !link->rx.waiting;
}

/* Read the socket. 1: look again; 0: nothing is there. */
static int read_socket(struct auvi_link *link, int *bells)
{
    int got = auvi_packet_receive(link);

    if (got < 0)
        return got;
    link->rx.try_socket = got != AUVI_PACKET_NONE;
    if (got == AUVI_PACKET_FRAMES) {
        link->rx.waiting = true;
        return 1;
    }
    if (got == AUVI_PACKET_END) {
        link->rx.ended = true;
        if (link->shared != NULL)
            auvi_ring_end(&link->rx.ring);
        return 1;
    }
    if (got == AUVI_PACKET_BELL)
        return --*bells > 0;
    return 0;
}

/* The same where there are no rings. */
static int next_packet(struct auvi_link *link)
{
    int bells = 1;
    int got = read_socket(link, &bells);

    if (got <= 0)
        return got;
    if (link->rx.ended)
        return auvi_fail_plain(AUV_ERR_CLOSED);
    begin_packet(link);
    return 1;
}

/* Read until the packet that is due is there; it was sent before we were told
 * of it. */
static int read_due_packet(struct auvi_link *link)
{
    int bells = BELLS_BEFORE_PACKET;

    while (!link->rx.waiting) {
        int got = link->rx.ended ? 0 : read_socket(link, &bells);

        if (got < 0)
            return got;
        if (got == 0)
            return auvi_fail(AUV_ERR_PROTOCOL, "a packet is missing");
    }
    return 1;
}

static void disarm(struct auvi_link *link)
{
    /* The bell of a sleep that we have broken off lies in the socket. */
    if (link->rx.ring.armed && auvi_ring_disarm(&link->rx.ring))
        link->rx.try_socket = true;
}

/* Begin what comes next. 1: done, 0: nothing now, the bell is armed; else an
 * error. */
static int next_of_both(struct auvi_link *link)
{
    /* It was asleep: what has woken it lies in the socket. From a peer without
     * rings everything does. */
    bool look = link->rx.ring.armed || !peer_has_rings(link);
    int bells = BELLS_MAX;

    disarm(link);
    for (;;) {
        struct auvi_ring_record record;
        int got = auvi_ring_next(&link->rx.ring, &record);

        if (got < 0)
            return got;
        if (got == 1 && record.packets == link->rx.packets)
            return begin_record(link, &record);
        if (link->rx.waiting) {
            begin_packet(link);
            return 1;
        }
        if (got == 1 || is_packet_due(link, link->rx.ring.packets)) {
            got = read_due_packet(link);
            if (got < 0)
                return got;
            continue;
        }
        if (link->rx.ended)
            return auvi_fail_plain(AUV_ERR_CLOSED);
        if (look || link->rx.try_socket) {
            got = read_socket(link, &bells);
            if (got < 0)
                return got;
            if (got == 1)
                continue;
            look = false;
        }
        if (auvi_ring_arm(&link->rx.ring))
            return 0;
    }
}

static int receive_from_record(struct auvi_link *link, struct auvi_frame *out)
{
    const void *text;
    int64_t result =
        auvi_frame_ring_decode(link->rx.record + link->rx.record_offset,
                               link->rx.record_size - link->rx.record_offset,
                               &link->rx.bulk, &link->rx.bulk_size, out, &text);

    if (result < 0)
        return end_receiving(link, (int)result);
    link->rx.record_offset += (size_t)result;
    if (!in_record(link) && link->rx.bulk_size > 0) {
        auvi_frame_init(out, 0);
        return end_receiving(link,
                             auvi_fail(AUV_ERR_PROTOCOL, "contents left over"));
    }
    if (text == NULL)
        return 1;
    link->rx.text = malloc(out->payload_length + 1);
    if (link->rx.text == NULL) {
        out->payload_length = 0;
        out->part_count = 0;
        return auvi_fail(AUV_ERR_SYSTEM, "no memory for a text");
    }
    memcpy(link->rx.text, text, out->payload_length);
    link->rx.text[out->payload_length] = '\0';
    out->payload = link->rx.text;
    return 1;
}

static int receive_from_packet(struct auvi_link *link, struct auvi_frame *out)
{
    const uint8_t *start = link->rx.bytes + link->rx.offset;
    int64_t result =
        auvi_frame_decode(start, link->rx.size - link->rx.offset, link->rx.fds,
                          link->rx.fd_count, &link->rx.fd_used, out);

    if (result < 0 && result != AUV_ERR_SYSTEM)
        return end_receiving(link, (int)result);
    link->rx.offset += auvi_frame_wire_size(start);
    if (link->rx.offset < link->rx.size)
        return result < 0 ? (int)result : 1;

    /* The last frame: every descriptor must have found its part. */
    if (link->rx.fd_used < link->rx.fd_count && !link->rx.fds_lost) {
        auvi_frame_release(out);
        auvi_frame_init(out, 0);
        return end_receiving(
            link, auvi_fail(AUV_ERR_PROTOCOL, "descriptors left over"));
    }
    auvi_packet_drop_received(link);
    return result < 0 ? (int)result : 1;
}

int auvi_link_receive(struct auvi_link *link, struct auvi_frame *out)
{
    auvi_frame_init(out, 0);
    if (link->rx.error != 0)
        return auvi_fail_plain(link->rx.error);
    release_record(link);
    if (!in_record(link) && !in_packet(link)) {
        int got = link->shared != NULL ? next_of_both(link) : next_packet(link);

        if (atomic_load_explicit(&link->broken, memory_order_acquire))
            got = auvi_fail(AUV_ERR_PROTOCOL, "the peer broke its ring");
        if (got == AUV_ERR_PROTOCOL || got == AUV_ERR_CLOSED)
            return end_receiving(link, got);
        if (got <= 0)
            return got;
    }
    return in_record(link) ? receive_from_record(link, out)
                           : receive_from_packet(link, out);
}

bool auvi_link_has_more(const struct auvi_link *link)
{
    return link->rx.error == 0 &&
           (in_record(link) || in_packet(link) || link->rx.waiting ||
            (link->shared != NULL && !link->rx.ring.armed));
}

bool auvi_link_look(struct auvi_link *link)
{
    if (!peer_has_rings(link) || link->rx.error != 0)
        return true;
    disarm(link);
    return in_record(link) || in_packet(link) || link->rx.waiting ||
           auvi_ring_look(&link->rx.ring);
}
