/*
 * link.c - frames over a SOCK_SEQPACKET pair.
 *
 * SEQPACKET: a packet arrives whole or not at all, with its descriptors, in
 * order, and the end of the peer is visible. So there is no framing to
 * resynchronise and no partial write to remember.
 *
 *     send()  --> tx.bytes, tx.fds --sendmsg--> kernel --recvmsg--> rx.bytes,
 *                                                         rx.fds --> receive()
 *
 * The two halves share only `fd`, which does not change until the link is
 * closed; that is what lets a sending and a receiving thread work side by side.
 */
#include "wire/link.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/base.h"

/* The kernel's SCM_MAX_FD. With room for so many, a control message is cut off
 * only if this process has no descriptors left. */
enum {
    MAX_RECEIVED_FDS = 253
};

/* Bytes on the way, as the kernel counts them (with its own overhead, and twice
 * what is asked for). Some packets, so that a burst need not wait for the peer
 * between two of them; not more, so that backpressure is felt. */
#define SEND_BUFFER ((int)(4 * AUVI_PACKET_MAX))

/* What af_unix takes off SO_SNDBUF for the largest packet. */
#define SEND_BUFFER_OVERHEAD 32

/* Room for a control message with that many descriptors, and aligned for it. */
union tx_control {
    char bytes[CMSG_SPACE(AUVI_PACKET_FDS * sizeof(int))];
    struct cmsghdr align;
};
union rx_control {
    char bytes[CMSG_SPACE(MAX_RECEIVED_FDS * sizeof(int))];
    struct cmsghdr align;
};

struct auvi_link {
    int fd;

    /* -- the sender's -- */
    struct {
        size_t used; /* bytes of the open packet */
        size_t fd_count;
        int fds[AUVI_PACKET_FDS]; /* ours, until they are sent */
        bool closed;              /* the peer is gone */
        alignas(8) uint8_t bytes[AUVI_PACKET_MAX];
    } tx;

    /* -- the receiver's -- */
    struct {
        size_t offset; /* of the next frame */
        size_t size;   /* bytes of the packet; offset == size: none */
        size_t fd_used;
        size_t fd_count;
        int fds[MAX_RECEIVED_FDS]; /* ours, from fd_used on */
        bool fds_lost; /* those at the end are -1: see receive_packet() */
        int error;     /* 0, or what every further call returns */
        alignas(8) uint8_t bytes[AUVI_PACKET_MAX];
    } rx;
};

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

int auvi_link_open(int fd, struct auvi_link **out)
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
    link->fd = fd;
    link->tx.used = 0;
    link->tx.fd_count = 0;
    link->tx.closed = false;
    link->rx.offset = 0;
    link->rx.size = 0;
    link->rx.fd_used = 0;
    link->rx.fd_count = 0;
    link->rx.fds_lost = false;
    link->rx.error = 0;
    *out = link;
    return AUV_OK;
}

int auvi_link_pair(struct auvi_link **out, int *peer_fd)
{
    int ends[2];
    int error;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return auvi_fail_errno("cannot create a link");
    error = auvi_link_open(ends[0], out);
    if (error < 0) {
        auvi_fd_close(ends[1]);
        return error;
    }
    *peer_fd = ends[1];
    return AUV_OK;
}

static void drop_sent(struct auvi_link *link)
{
    for (size_t i = 0; i < link->tx.fd_count; i++)
        auvi_fd_close(link->tx.fds[i]);
    link->tx.fd_count = 0;
    link->tx.used = 0;
}

/* Forget the rest of the packet. */
static void drop_received(struct auvi_link *link)
{
    for (size_t i = link->rx.fd_used; i < link->rx.fd_count; i++)
        auvi_fd_close(link->rx.fds[i]);
    link->rx.fd_used = 0;
    link->rx.fd_count = 0;
    link->rx.fds_lost = false;
    link->rx.offset = 0;
    link->rx.size = 0;
}

void auvi_link_close(struct auvi_link *link)
{
    if (link == NULL)
        return;
    drop_sent(link);
    drop_received(link);
    auvi_fd_close(link->fd);
    free(link);
}

int auvi_link_fd(const struct auvi_link *link)
{
    return link->fd;
}

void auvi_link_shutdown(struct auvi_link *link)
{
    shutdown(link->fd, SHUT_RDWR);
}

/* ---- sending ---- */

int auvi_link_send(struct auvi_link *link, const struct auvi_frame *frame)
{
    if (link->tx.closed)
        return auvi_fail_plain(AUV_ERR_CLOSED);
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

int auvi_link_flush(struct auvi_link *link)
{
    struct iovec bytes = {link->tx.bytes, link->tx.used};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    union tx_control control;
    ssize_t sent;

    if (link->tx.closed)
        return auvi_fail_plain(AUV_ERR_CLOSED);
    if (link->tx.used == 0)
        return 0;
    if (link->tx.fd_count > 0)
        attach_descriptors(&message, &control, link->tx.fds, link->tx.fd_count);
    do {
        sent = sendmsg(link->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        drop_sent(link);
        return 0;
    }
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
        drop_sent(link);
        return AUV_ERR_CLOSED;
    }
}

/* ---- receiving ---- */

/* This and every further call: the end. */
static int end_receiving(struct auvi_link *link, int error)
{
    drop_received(link);
    link->rx.error = error;
    return error;
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
        assert(count <= MAX_RECEIVED_FDS - link->rx.fd_count);
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

/* 1: there is a packet, 0: nothing now, else an error. */
static int receive_packet(struct auvi_link *link)
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
            return 0;
        if (errno == ENOBUFS)
            errno = ENOMEM;
        return auvi_fail_errno("cannot receive");
    }
    collect_descriptors(link, &message);
    /* The end of the peer; or an empty packet, after which a peer has as little
     * to say. */
    if (size == 0)
        return end_receiving(link, auvi_fail_plain(AUV_ERR_CLOSED));
    if (message.msg_flags & MSG_TRUNC)
        return end_receiving(link, auvi_fail(AUV_ERR_PROTOCOL,
                                             "packet of more than %zu bytes",
                                             AUVI_PACKET_MAX));
    if (link->rx.fd_count > AUVI_PACKET_FDS)
        return end_receiving(link, auvi_fail(AUV_ERR_PROTOCOL,
                                             "packet with %zu descriptors",
                                             link->rx.fd_count));
    link->rx.fds_lost = (message.msg_flags & MSG_CTRUNC) != 0;
    /* No free descriptors here (see MAX_RECEIVED_FDS): nobody knows how many
     * there were, so stand-ins fill the place of all. */
    while (link->rx.fds_lost && link->rx.fd_count < AUVI_PACKET_FDS)
        link->rx.fds[link->rx.fd_count++] = -1;
    link->rx.offset = 0;
    link->rx.size = (size_t)size;
    return 1;
}

int auvi_link_receive(struct auvi_link *link, struct auvi_frame *out)
{
    const uint8_t *start;
    int64_t result;

    auvi_frame_init(out, 0);
    if (link->rx.error != 0)
        return auvi_fail_plain(link->rx.error);
    if (link->rx.offset == link->rx.size) {
        int got = receive_packet(link);

        if (got <= 0)
            return got;
    }
    start = link->rx.bytes + link->rx.offset;
    result =
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
    drop_received(link);
    return result < 0 ? (int)result : 1;
}

bool auvi_link_has_more(const struct auvi_link *link)
{
    return link->rx.error == 0 && link->rx.offset < link->rx.size;
}
