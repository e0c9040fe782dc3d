/*
 * link_packet.c - the socket of a link.
 *
 * SEQPACKET: a packet arrives whole or not at all, with its descriptors, in
 * order, and the end of the peer is visible. So there is no framing to
 * resynchronise and no partial write to remember.
 *
 *     packet of frames   32 bytes and more, a multiple of 8
 *     bell               1 byte: look into the ring
 *     offer              16 bytes and a memfd, first of all: the rings
 *
 * The last two only where there are rings; else they are no frames.
 */
#include "wire/link_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/base.h"

/* Room for a control message with that many descriptors, and aligned for it. */
union tx_control {
    char bytes[CMSG_SPACE(AUVI_PACKET_FDS * sizeof(int))];
    struct cmsghdr align;
};
union rx_control {
    char bytes[CMSG_SPACE(AUVI_RECEIVED_FDS * sizeof(int))];
    struct cmsghdr align;
};

/* Both ends are of one build, or the engine's version check has failed. */
struct offer {
    char magic[8];
    uint32_t ring_size;
    uint32_t spin_us;
};
static const char magic[8] = "AUVRING1";

static_assert(sizeof(struct offer) < AUVI_FRAME_HEADER, "no frame");

/* ---- sending ---- */

void auvi_packet_drop_sent(struct auvi_link *link)
{
    for (size_t i = 0; i < link->tx.fd_count; i++)
        auvi_fd_close(link->tx.fds[i]);
    link->tx.fd_count = 0;
    link->tx.used = 0;
}

static void attach_descriptors(struct msghdr *message,
                               union tx_control *control, const int *fds,
                               size_t count)
{
    struct cmsghdr *header;

    memset(control, 0, CMSG_SPACE(count * sizeof(int)));
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(count * sizeof(int));
    header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
}

static int send_bytes(struct auvi_link *link, const void *data, size_t size,
                      const int *fds, size_t fd_count)
{
    struct iovec bytes = {(void *)(uintptr_t)data, size};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    union tx_control control;
    ssize_t sent;

    if (fd_count > 0)
        attach_descriptors(&message, &control, fds, fd_count);
    do {
        sent = sendmsg(link->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return 0;
    switch (errno) {
    case EAGAIN:
        return 1;
    case ENOMEM:
    case ENOBUFS:
        errno = ENOMEM;
        return auvi_fail_errno("cannot send");
    case ETOOMANYREFS:
        /* Descriptors on the way count against RLIMIT_NOFILE of the user, so a
         * peer that does not read can bring us here. */
        return auvi_fail_errno("cannot send descriptors");
    default:
        /* EPIPE, ECONNRESET; anything else would fail for ever as well. */
        auvi_fail_errno("the peer is gone");
        link->tx.closed = true;
        auvi_packet_drop_sent(link);
        return AUV_ERR_CLOSED;
    }
}

int auvi_packet_send(struct auvi_link *link)
{
    int sent = send_bytes(link, link->tx.bytes, link->tx.used, link->tx.fds,
                          link->tx.fd_count);

    if (sent != 0)
        return sent;
    auvi_packet_drop_sent(link);
    if (link->shared != NULL)
        auvi_ring_packet_sent(&link->tx.ring);
    return 0;
}

int auvi_packet_ring_bell(struct auvi_link *link)
{
    static const char bell = 0;
    int sent = send_bytes(link, &bell, sizeof(bell), NULL, 0);

    /* 1: so much lies there unread that the peer's descriptor is readable. */
    link->tx.bell_due = sent < 0 && sent != AUV_ERR_CLOSED;
    return sent < 0 ? sent : 0;
}

/* ---- receiving ---- */

void auvi_packet_drop_received(struct auvi_link *link)
{
    for (size_t i = link->rx.fd_used; i < link->rx.fd_count; i++)
        auvi_fd_close(link->rx.fds[i]);
    link->rx.fd_used = 0;
    link->rx.fd_count = 0;
    link->rx.fds_lost = false;
    link->rx.offset = 0;
    link->rx.size = 0;
}

/* Own the descriptors that came along, whatever else is wrong. */
static void collect_descriptors(struct auvi_link *link, struct msghdr *message)
{
    link->rx.fd_used = 0;
    link->rx.fd_count = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        size_t count;

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        /* The kernel sends one SCM_RIGHTS of at most SCM_MAX_FD. */
        assert(count <= AUVI_RECEIVED_FDS - link->rx.fd_count);
        memcpy(link->rx.fds + link->rx.fd_count, CMSG_DATA(header),
               count * sizeof(int));
        link->rx.fd_count += count;
    }
}

static ssize_t receive_message(struct auvi_link *link, struct msghdr *message)
{
    struct msghdr fresh = *message; /* recvmsg() changes the lengths */
    ssize_t size;

    do {
        *message = fresh;
        size = recvmsg(link->fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        /* ECONNRESET: the peer closed without having read all. It is reported
         * once, before what the peer has sent, which still can be read. */
    } while (size < 0 && (errno == EINTR || errno == ECONNRESET));
    return size;
}

int auvi_packet_receive(struct auvi_link *link)
{
    struct iovec bytes = {link->rx.bytes, AUVI_PACKET_MAX};
    union rx_control control;
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t size = receive_message(link, &message);

    if (size < 0) {
        if (errno == EAGAIN)
            return AUVI_PACKET_NONE;
        if (errno == ENOBUFS)
            errno = ENOMEM;
        return auvi_fail_errno("cannot receive");
    }
    collect_descriptors(link, &message);
    /* The end of the peer; or an empty packet, after which a peer has as little
     * to say. */
    if (size == 0) {
        auvi_packet_drop_received(link);
        return AUVI_PACKET_END;
    }
    if (size == 1 && link->shared != NULL && link->rx.fd_count == 0)
        return AUVI_PACKET_BELL;
    if (message.msg_flags & MSG_TRUNC)
        return auvi_fail(AUV_ERR_PROTOCOL, "packet of more than %zu bytes",
                         AUVI_PACKET_MAX);
    if (link->rx.fd_count > AUVI_PACKET_FDS)
        return auvi_fail(AUV_ERR_PROTOCOL, "packet with %zu descriptors",
                         link->rx.fd_count);
    link->rx.fds_lost = (message.msg_flags & MSG_CTRUNC) != 0;
    /* No free descriptors here (see AUVI_RECEIVED_FDS): nobody knows how many
     * there were, so stand-ins fill the place of all. */
    while (link->rx.fds_lost && link->rx.fd_count < AUVI_PACKET_FDS)
        link->rx.fds[link->rx.fd_count++] = -1;
    link->rx.offset = 0;
    link->rx.size = (size_t)size;
    return AUVI_PACKET_FRAMES;
}

/* ---- the rings ---- */

static void use_memory(struct auvi_link *link, void *base, bool made)
{
    struct auvi_link_shared *shared = base;
    uint8_t *data = (uint8_t *)base + AUVI_RING_CONTROL;
    int out = made ? 0 : 1;

    static_assert(sizeof(*shared) <= AUVI_RING_CONTROL, "fits");
    link->shared = shared;
    link->made = made;
    auvi_ring_writer_init(&link->tx.ring, &shared->ring[out],
                          data + (out ? 2 * AUVI_RING_SIZE : 0));
    auvi_ring_reader_init(&link->rx.ring, &shared->ring[!out],
                          data + (out ? 0 : 2 * AUVI_RING_SIZE));
    /* Whoever begins has not looked yet, and its descriptor must tell. */
    (void)auvi_ring_arm(&link->rx.ring);
}

void auvi_packet_offer_rings(struct auvi_link *link, uint32_t spin_us)
{
    struct offer offer = {.ring_size = (uint32_t)AUVI_RING_SIZE,
                          .spin_us = spin_us};
    int fd = auvi_ring_memory_create(AUVI_RING_SIZE);
    void *base = NULL;

    if (fd >= 0)
        base = auvi_ring_memory_map(fd, AUVI_RING_SIZE);
    memcpy(offer.magic, magic, sizeof(magic));
    if (base == NULL || send_bytes(link, &offer, sizeof(offer), &fd, 1) != 0) {
        auvi_log(AUV_LOG_WARNING, "a link goes without shared memory: %s",
                 auv_last_error_message());
        auvi_ring_memory_unmap(base, AUVI_RING_SIZE);
    } else {
        link->spin_us = spin_us;
        use_memory(link, base, true);
    }
    auvi_fd_close(fd);
}

static int take_memory(struct auvi_link *link, const struct offer *offer,
                       int fd)
{
    void *base;
    int error;

    if (offer->ring_size != AUVI_RING_SIZE)
        return auvi_fail(AUV_ERR_PROTOCOL, "rings of another size");
    error = auvi_ring_memory_check(fd, AUVI_RING_SIZE);
    if (error < 0)
        return error;
    base = auvi_ring_memory_map(fd, AUVI_RING_SIZE);
    if (base == NULL)
        return AUV_ERR_SYSTEM;
    use_memory(link, base, false);
    /* Release: with our first sleep in it. */
    atomic_store_explicit(&link->shared->taken, 1, memory_order_release);
    return AUV_OK;
}

void auvi_packet_take_rings(struct auvi_link *link)
{
    struct offer offer;
    int fd, error;

    if (recv(link->fd, &offer, sizeof(offer), MSG_DONTWAIT | MSG_PEEK) !=
            sizeof(offer) ||
        memcmp(offer.magic, magic, sizeof(magic)) != 0)
        return;
    if (auvi_packet_receive(link) != AUVI_PACKET_FRAMES)
        return;
    link->spin_us = offer.spin_us;
    /* -1: no free descriptor here. */
    fd = link->rx.fd_count > 0 ? link->rx.fds[0] : -1;
    error = fd >= 0 ? take_memory(link, &offer, fd)
                    : auvi_fail(AUV_ERR_SYSTEM, "the memory did not come");
    auvi_packet_drop_received(link);
    if (error < 0)
        auvi_log(AUV_LOG_WARNING, "a link goes without shared memory: %s",
                 auv_last_error_message());
}
