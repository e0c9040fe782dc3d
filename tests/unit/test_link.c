/*
 * test_link.c - frames travel in order with their descriptors, the end of the
 * peer is seen after all that it sent, and a hostile peer leaves nothing behind.
 */
#include "wire/link.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "cmocka_all.h"

/* Every test runs over a socket alone, and with rings beside it. */
static bool with_rings;

struct pair {
    struct auvi_link *a;
    struct auvi_link *b;
};

static struct pair open_pair(void)
{
    struct pair pair;
    int fd;

    if (with_rings)
        assert_int_equal(auvi_link_pair_with_rings(7, &pair.a, &fd), AUV_OK);
    else
        assert_int_equal(auvi_link_pair(&pair.a, &fd), AUV_OK);
    assert_int_equal(auvi_link_open(fd, &pair.b), AUV_OK);
    assert_int_equal(auvi_link_has_rings(pair.a), with_rings);
    assert_int_equal(auvi_link_has_rings(pair.b), with_rings);
    assert_int_equal(auvi_link_spin_us(pair.b),
                     with_rings ? 7 : AUVI_LINK_SPIN_US);
    return pair;
}

static void close_pair(struct pair *pair)
{
    auvi_link_close(pair->a);
    auvi_link_close(pair->b);
}

static void make_event(struct auvi_frame *frame, uint64_t id, const char *text,
                       size_t length)
{
    auvi_frame_init(frame, AUVI_FRAME_EVENT);
    frame->id = id;
    frame->name = "tick";
    frame->name_length = 4;
    frame->payload = text;
    frame->payload_length = length;
}

static int send_event(struct auvi_link *link, uint64_t id, const char *text,
                      size_t length)
{
    struct auvi_frame frame;

    make_event(&frame, id, text, length);
    return auvi_link_send(link, &frame);
}

static bool is_readable(const struct auvi_link *link)
{
    struct pollfd wanted = {.fd = auvi_link_fd(link), .events = POLLIN};

    return poll(&wanted, 1, 0) == 1;
}

static void test_frames_arrive_in_order(void **state)
{
    struct pair pair = open_pair();
    struct auvi_frame got;

    (void)state;
    assert_int_equal(auvi_link_receive(pair.b, &got), 0);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(send_event(pair.a, i, "[1]", 3), AUV_OK);
    assert_false(is_readable(pair.b)); /* collected until the flush */
    assert_int_equal(auvi_link_flush(pair.a), 0);
    assert_true(is_readable(pair.b));
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(auvi_link_receive(pair.b, &got), 1);
        assert_true(got.id == i);
        assert_string_equal(got.payload, "[1]");
    }
    assert_int_equal(auvi_link_receive(pair.b, &got), 0);
    assert_int_equal(auvi_link_flush(pair.a), 0); /* nothing there */
    assert_false(is_readable(pair.b));
    close_pair(&pair);
}

static void test_full_packet_leaves_by_itself(void **state)
{
    static const char text[60000];
    struct pair pair = open_pair();
    struct auvi_frame got;

    (void)state;
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(send_event(pair.a, i, text, sizeof(text)), AUV_OK);
    assert_true(is_readable(pair.b));
    for (uint64_t i = 0; i < 2; i++) {
        assert_int_equal(auvi_link_receive(pair.b, &got), 1);
        assert_true(got.id == i);
    }
    assert_int_equal(auvi_link_receive(pair.b, &got), 0);
    assert_int_equal(auvi_link_flush(pair.a), 0);
    assert_int_equal(auvi_link_receive(pair.b, &got), 1);
    assert_int_equal(got.payload_length, sizeof(text));
    close_pair(&pair);
}

static void test_large_contents_and_descriptors(void **state)
{
    int before = count_descriptors();
    size_t length = 1024 * 1024;
    char *text = malloc(length);
    struct pair pair = open_pair();
    struct auvi_frame got;
    size_t files = 0;

    (void)state;
    memset(text, 'm', length);
    for (uint64_t i = 0; i < 300; i++) { /* several packets' worth */
        const char *seen;

        assert_int_equal(send_event(pair.a, i, text, i % 2 ? length : 10),
                         AUV_OK);
        if (i % 7 != 6)
            continue;
        assert_int_equal(auvi_link_flush(pair.a), 0);
        for (uint64_t k = i - 6; k <= i; k++) {
            assert_int_equal(auvi_link_receive(pair.b, &got), 1);
            assert_true(got.id == k);
            if (got.payload_fd >= 0) {
                seen = auvi_shm_map(got.payload_fd, got.payload_length);
                assert_memory_equal(seen, text, length);
                auvi_shm_unmap(seen, length);
                files++;
            } else {
                assert_int_equal(got.payload_length, k % 2 ? length : 10);
                assert_memory_equal(got.payload, text, got.payload_length);
                assert_int_equal(got.payload[got.payload_length], 0);
            }
            auvi_frame_release(&got);
        }
    }
    /* A ring has room for some of them. */
    assert_true(with_rings ? files > 0 && files < 140 : files >= 140);
    close_pair(&pair); /* with some not flushed */
    free(text);
    assert_int_equal(count_descriptors(), before);
}

static void test_more_descriptors_than_a_packet_holds(void **state)
{
    int before = count_descriptors();
    struct pair pair = open_pair();
    struct auvi_frame frame;
    struct auvi_frame got;
    int fd = auvi_shm_create("x", 1);

    (void)state;
    make_event(&frame, 0, "", 0);
    for (size_t i = 0; i < 50; i++)
        frame.parts[frame.part_count++] =
            (struct auvi_frame_part){NULL, 1, AUV_PART_U8, fd};
    for (frame.id = 0; frame.id < 5; frame.id++)
        assert_int_equal(auvi_link_send(pair.a, &frame), AUV_OK);
    assert_int_equal(auvi_link_flush(pair.a), 0);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(auvi_link_receive(pair.b, &got), 1);
        assert_true(got.id == i);
        assert_int_equal(got.part_count, 50);
        for (size_t k = 0; k < 50; k++)
            assert_true(fcntl(got.parts[k].fd, F_GETFD) & FD_CLOEXEC);
        auvi_frame_release(&got);
    }
    auvi_fd_close(fd);
    close_pair(&pair);
    assert_int_equal(count_descriptors(), before);
}

static void test_peer_that_does_not_read(void **state)
{
    static const char text[50000];
    struct pair pair = open_pair();
    struct pollfd writable = {.fd = auvi_link_fd(pair.a), .events = POLLOUT};
    struct auvi_frame got;
    uint64_t sent = 0;
    uint64_t received = 0;
    int result;

    (void)state;
    while ((result = send_event(pair.a, sent, text, sizeof(text))) == AUV_OK) {
        sent++;
        assert_true(sent < 10000);
    }
    assert_int_equal(result, AUV_ERR_QUEUE_FULL);
    assert_int_equal(auvi_link_flush(pair.a), 1);
    assert_int_equal(poll(&writable, 1, 0), 0);
    while (auvi_link_receive(pair.b, &got) == 1)
        assert_true(got.id == received++);
    assert_int_equal(poll(&writable, 1, 0), 1);
    assert_int_equal(auvi_link_flush(pair.a), 0);
    while (auvi_link_receive(pair.b, &got) == 1)
        assert_true(got.id == received++);
    assert_true(received == sent); /* what was refused was not taken */
    close_pair(&pair);
}

static void test_end_comes_after_everything(void **state)
{
    struct pair pair = open_pair();
    struct auvi_frame got;

    (void)state;
    /* With something unread at the peer, the kernel resets the connection. */
    send_event(pair.b, 99, "unread", 6);
    assert_int_equal(auvi_link_flush(pair.b), 0);
    for (uint64_t i = 0; i < 3; i++) {
        send_event(pair.a, i, "x", 1);
        assert_int_equal(auvi_link_flush(pair.a), 0);
    }
    auvi_link_close(pair.a);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(auvi_link_receive(pair.b, &got), 1);
        assert_true(got.id == i);
    }
    assert_int_equal(auvi_link_receive(pair.b, &got), AUV_ERR_CLOSED);
    assert_int_equal(auvi_link_receive(pair.b, &got), AUV_ERR_CLOSED);
    auvi_link_close(pair.b);
}

static void test_sending_to_nobody(void **state)
{
    int before = count_descriptors();
    size_t length = AUVI_INLINE_MAX;
    char *text = calloc(1, length);
    struct pair pair = open_pair();

    (void)state;
    assert_int_equal(send_event(pair.a, 0, text, length), AUV_OK);
    auvi_link_close(pair.b);
    assert_int_equal(auvi_link_flush(pair.a), AUV_ERR_CLOSED);
    assert_int_equal(send_event(pair.a, 0, text, length), AUV_ERR_CLOSED);
    assert_int_equal(auvi_link_flush(pair.a), AUV_ERR_CLOSED);
    auvi_link_close(pair.a);
    auvi_link_close(NULL);
    free(text);
    assert_int_equal(count_descriptors(), before);
}

static void test_shutdown_is_seen_by_both(void **state)
{
    struct pair pair = open_pair();
    struct auvi_frame got;

    (void)state;
    send_event(pair.a, 5, "x", 1);
    assert_int_equal(auvi_link_flush(pair.a), 0);
    auvi_link_shutdown(pair.a);
    assert_true(is_readable(pair.a));
    assert_int_equal(auvi_link_receive(pair.a, &got), AUV_ERR_CLOSED);
    assert_int_equal(auvi_link_receive(pair.b, &got), 1);
    assert_int_equal(auvi_link_receive(pair.b, &got), AUV_ERR_CLOSED);
    send_event(pair.b, 5, "x", 1);
    assert_int_equal(auvi_link_flush(pair.b), AUV_ERR_CLOSED);
    close_pair(&pair);
}

static void test_only_links_are_opened(void **state)
{
    int before = count_descriptors();
    struct auvi_link *link;
    int ends[2];

    (void)state;
    assert_int_equal(auvi_link_open(-1, &link), AUV_ERR_ARG);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(auvi_link_open(ends[0], &link), AUV_ERR_ARG);
    assert_int_equal(auvi_link_open(ends[1], &link), AUV_ERR_ARG);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(auvi_link_open(ends[0], &link), AUV_ERR_ARG);
    assert_int_equal(auvi_link_open(ends[1], &link), AUV_ERR_ARG);
    assert_int_equal(count_descriptors(), before);

    /* A descriptor that came by exec is close-on-exec again. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    assert_int_equal(auvi_link_open(ends[0], &link), AUV_OK);
    assert_true(fcntl(auvi_link_fd(link), F_GETFD) & FD_CLOEXEC);
    auvi_link_close(link);
    close(ends[1]);
}

static void test_largest_packet_passes(void **state)
{
    struct pair pair = open_pair();
    struct auvi_frame frame;
    struct auvi_frame got;
    char *bytes = calloc(1, AUVI_PACKET_MAX);
    size_t filled;

    (void)state;
    make_event(&frame, 1, bytes, AUVI_INLINE_MAX - 8);
    filled = (size_t)auvi_frame_encoded_size(&frame) + 16;
    frame.parts[frame.part_count++] = (struct auvi_frame_part){
        bytes, AUVI_PACKET_MAX - filled, AUV_PART_U8, -1};
    assert_int_equal(auvi_frame_encoded_size(&frame), AUVI_PACKET_MAX);
    assert_int_equal(auvi_link_send(pair.a, &frame), AUV_OK);
    assert_int_equal(auvi_link_flush(pair.a), 0);
    assert_int_equal(auvi_link_receive(pair.b, &got), 1);
    assert_non_null(got.parts[0].data);
    free(bytes);
    close_pair(&pair);
}

/* ---- a peer that breaks the rules ---- */

static void send_raw(const struct auvi_link *link, const void *bytes,
                     size_t size, const int *fds, size_t count)
{
    union {
        char bytes[CMSG_SPACE(253 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec vector = {(void *)(uintptr_t)bytes, size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

    if (count > 0) {
        struct cmsghdr *header;

        memset(&control, 0, sizeof(control));
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    }
    assert_int_equal(sendmsg(auvi_link_fd(link), &message, 0), size);
}

static void expect_refused(const void *bytes, size_t size, const int *fds,
                           size_t count)
{
    int before = count_descriptors();
    struct pair pair = open_pair();
    struct auvi_frame got;

    send_raw(pair.a, bytes, size, fds, count);
    assert_int_equal(auvi_link_receive(pair.b, &got), AUV_ERR_PROTOCOL);
    assert_int_equal(got.part_count, 0);
    /* And what follows is not looked at. */
    assert_int_equal(send_event(pair.a, 1, "x", 1), AUV_OK);
    assert_int_equal(auvi_link_flush(pair.a), 0);
    assert_int_equal(auvi_link_receive(pair.b, &got), AUV_ERR_PROTOCOL);
    close_pair(&pair);
    assert_int_equal(count_descriptors(), before);
}

static void test_hostile_packets(void **state)
{
    static uint8_t large[AUVI_PACKET_MAX + 8];
    uint8_t bytes[256];
    int fds[253];
    size_t fd_count = 0;
    struct auvi_frame frame;
    int fd = auvi_shm_create("x", 1);
    size_t size;

    (void)state;
    for (size_t i = 0; i < 253; i++)
        fds[i] = fd;
    make_event(&frame, 1, "x", 1);
    size = (size_t)auvi_frame_encode(&frame, bytes, sizeof(bytes), fds, 0,
                                     &fd_count);
    expect_refused("garbage!", 8, NULL, 0);
    if (!with_rings) /* there it is the bell */
        expect_refused("x", 1, NULL, 0);
    expect_refused("x", 1, fds, 1);
    expect_refused(bytes, size - 8, NULL, 0);
    expect_refused(bytes, size, fds, 1); /* a descriptor that nobody wants */
    expect_refused(bytes, size, fds, AUVI_PACKET_FDS);
    expect_refused(bytes, size, fds, AUVI_PACKET_FDS + 1);
    expect_refused(bytes, size, fds, 253);
    memcpy(large, bytes, size);
    large[16] = 8;
    large[18] = 2;
    expect_refused(large, sizeof(large), NULL, 0);
    expect_refused(large, sizeof(large), fds, 253);
    auvi_fd_close(fd);
}

static void test_good_frames_before_a_bad_one(void **state)
{
    int before = count_descriptors();
    struct pair pair = open_pair();
    struct auvi_frame frame;
    struct auvi_frame got;
    uint8_t bytes[256];
    int fd = auvi_shm_create("x", 1);
    size_t fd_count = 0;
    int64_t size;

    (void)state;
    make_event(&frame, 7, "x", 1);
    size = auvi_frame_encode(&frame, bytes, sizeof(bytes), &fd, 0, &fd_count);
    memset(bytes + size, 0xff, 64);
    send_raw(pair.a, bytes, (size_t)size + 64, &fd, 1);
    assert_int_equal(auvi_link_receive(pair.b, &got), 1);
    assert_true(got.id == 7);
    assert_int_equal(auvi_link_receive(pair.b, &got), AUV_ERR_PROTOCOL);
    auvi_fd_close(fd);
    close_pair(&pair);
    assert_int_equal(count_descriptors(), before);
}

static void test_empty_packet_is_the_end(void **state)
{
    int before = count_descriptors();
    struct pair pair = open_pair();
    int fd = auvi_shm_create("x", 1);
    struct auvi_frame got;

    (void)state;
    send_raw(pair.a, "", 0, &fd, 1);
    assert_int_equal(auvi_link_receive(pair.b, &got), AUV_ERR_CLOSED);
    auvi_fd_close(fd);
    close_pair(&pair);
    assert_int_equal(count_descriptors(), before);
}

/* ---- one sending, one receiving thread at each end ---- */

enum {
    ROUNDS = 5000
};

static void echo_until_closed(void *user)
{
    struct auvi_link *link = user;
    struct pollfd wanted = {.fd = auvi_link_fd(link), .events = POLLIN};
    struct auvi_frame got;
    int result;

    for (;;) {
        struct pollfd writable = {.fd = wanted.fd, .events = POLLOUT};

        while ((result = auvi_link_receive(link, &got)) == 1) {
            while (auvi_link_send(link, &got) == AUV_ERR_QUEUE_FULL)
                poll(&writable, 1, -1);
            auvi_frame_release(&got);
        }
        if (result < 0)
            return;
        while (auvi_link_flush(link) == 1)
            poll(&writable, 1, -1);
        poll(&wanted, 1, -1);
    }
}

static void send_all(void *user)
{
    struct auvi_link *link = user;
    struct pollfd wanted = {.fd = auvi_link_fd(link), .events = POLLOUT};

    for (uint64_t i = 0; i < ROUNDS; i++) {
        send_event(link, i, "echo", 4);
        while (auvi_link_flush(link) == 1)
            poll(&wanted, 1, -1);
    }
}

static void test_both_directions_at_once(void **state)
{
    struct pair pair = open_pair();
    struct pollfd wanted = {.fd = auvi_link_fd(pair.a), .events = POLLIN};
    struct auvi_thread *echo;
    struct auvi_thread *sender;
    struct auvi_frame got;
    uint64_t received = 0;

    (void)state;
    auvi_thread_start(&echo, "echo", echo_until_closed, pair.b);
    auvi_thread_start(&sender, "sender", send_all, pair.a);
    while (received < ROUNDS) {
        int result = auvi_link_receive(pair.a, &got);

        assert_in_range(result, 0, 1);
        if (result == 1)
            assert_true(got.id == received++);
        else
            poll(&wanted, 1, -1);
    }
    auvi_thread_join(sender);
    auvi_link_shutdown(pair.a);
    auvi_thread_join(echo);
    close_pair(&pair);
}

/* ---- rings ---- */

/* Whatever goes where, in one order: small frames by the ring, what brings a
 * descriptor or finds no room by the socket. */
static void test_one_order_over_ring_and_socket(void **state)
{
    int before = count_descriptors();
    struct pair pair = open_pair();
    struct auvi_frame frame, got;
    char *bytes = calloc(1, 1 << 20);
    int fd = auvi_shm_create("y", 1);
    uint64_t sent = 0, received = 0;
    uint32_t seed = 1;

    (void)state;
    while (received < 20000) {
        int result;

        for (int i = 0; i < 5; i++) {
            make_event(&frame, sent, "x", 1);
            seed = seed * 1664525u + 1013904223u;
            if (seed >> 28 == 0)
                frame.parts[frame.part_count++] =
                    (struct auvi_frame_part){NULL, 1, AUV_PART_U8, fd};
            else if (seed >> 27 == 3)
                frame.parts[frame.part_count++] =
                    (struct auvi_frame_part){bytes, 300000, AUV_PART_U8, -1};
            result = auvi_link_send(pair.a, &frame);
            if (result == AUV_OK)
                sent++;
            else
                assert_int_equal(result, AUV_ERR_QUEUE_FULL);
            if (seed >> 20 & 1)
                assert_in_range(auvi_link_flush(pair.a), 0, 1);
        }
        for (uint32_t i = 0; i < (seed >> 8 & 15); i++) {
            if (auvi_link_receive(pair.b, &got) != 1)
                break;
            assert_true(got.id == received++);
            auvi_frame_release(&got);
        }
    }
    auvi_fd_close(fd);
    free(bytes);
    close_pair(&pair);
    assert_int_equal(count_descriptors(), before);
}

/* What receive() promises of the descriptor when it says 0. */
static void test_sleeping_receiver_is_woken(void **state)
{
    struct pair pair = open_pair();
    struct auvi_frame got;

    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        while (auvi_link_receive(pair.b, &got) != 0)
            ;
        assert_false(auvi_link_has_more(pair.b));
        assert_false(is_readable(pair.b));
        if (i % 3 == 1) { /* looks awake for a while, and sleeps then */
            assert_int_equal(auvi_link_look(pair.b), !with_rings);
            assert_int_equal(auvi_link_has_more(pair.b), with_rings);
            assert_int_equal(auvi_link_receive(pair.b, &got), 0);
        }
        send_event(pair.a, i, "x", 1);
        assert_int_equal(auvi_link_flush(pair.a), 0);
        assert_true(is_readable(pair.b));
        if (i % 2)
            assert_true(auvi_link_look(pair.b));
        assert_int_equal(auvi_link_receive(pair.b, &got), 1);
        assert_true(got.id == i);
    }
    close_pair(&pair);
}

/* A child that sends is killed at any moment: what arrives is whole, in order,
 * and then the end. */
static void test_peer_is_killed(void **state)
{
    static char part[100000];

    (void)state;
    for (int round = 0; round < 30; round++) {
        struct auvi_link *link, *child_link;
        struct auvi_frame frame, got;
        uint64_t received = 0;
        int fd, result;
        pid_t child;

        if (with_rings)
            assert_int_equal(auvi_link_pair_with_rings(0, &link, &fd), AUV_OK);
        else
            assert_int_equal(auvi_link_pair(&link, &fd), AUV_OK);
        child = fork();
        if (child == 0) {
            auvi_fd_close(auvi_link_fd(link));
            if (auvi_link_open(fd, &child_link) < 0)
                _exit(1);
            for (uint64_t i = 0;; i++) {
                make_event(&frame, i, "x", 1);
                frame.parts[frame.part_count++] = (struct auvi_frame_part){
                    part, i % 7 ? 8 : sizeof(part), AUV_PART_U8, -1};
                while (auvi_link_send(child_link, &frame) != AUV_OK)
                    ;
                if (i % 3)
                    auvi_link_flush(child_link);
            }
        }
        assert_true(child > 0);
        auvi_fd_close(fd);
        while (received < (uint64_t)round * 50) {
            result = auvi_link_receive(link, &got);
            assert_in_range(result, 0, 1);
            if (result == 1)
                assert_true(got.id == received++);
            auvi_frame_release(&got);
        }
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while ((result = auvi_link_receive(link, &got)) >= 0) {
            if (result == 1)
                assert_true(got.id == received++);
            auvi_frame_release(&got);
        }
        assert_int_equal(result, AUV_ERR_CLOSED);
        auvi_link_close(link);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_arrive_in_order),
        cmocka_unit_test(test_full_packet_leaves_by_itself),
        cmocka_unit_test(test_large_contents_and_descriptors),
        cmocka_unit_test(test_more_descriptors_than_a_packet_holds),
        cmocka_unit_test(test_peer_that_does_not_read),
        cmocka_unit_test(test_end_comes_after_everything),
        cmocka_unit_test(test_sending_to_nobody),
        cmocka_unit_test(test_shutdown_is_seen_by_both),
        cmocka_unit_test(test_only_links_are_opened),
        cmocka_unit_test(test_largest_packet_passes),
        cmocka_unit_test(test_hostile_packets),
        cmocka_unit_test(test_good_frames_before_a_bad_one),
        cmocka_unit_test(test_empty_packet_is_the_end),
        cmocka_unit_test(test_both_directions_at_once),
        cmocka_unit_test(test_one_order_over_ring_and_socket),
        cmocka_unit_test(test_sleeping_receiver_is_woken),
        cmocka_unit_test(test_peer_is_killed),
    };
    int failed = cmocka_run_group_tests_name("socket", tests, NULL, NULL);

    with_rings = true;
    return failed + cmocka_run_group_tests_name("rings", tests, NULL, NULL);
}
