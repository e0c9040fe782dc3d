/*
 * test_link_rings.c - what only links with rings have: no bell for who looks
 * awake, an end that has none, and peers that lie in the shared memory.
 */
#include "wire/link.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "cmocka_all.h"
#include "wire/link_priv.h"

struct pair {
    struct auvi_link *a;
    struct auvi_link *b;
};

static struct pair open_pair(void)
{
    struct pair pair;
    int fd;

    assert_int_equal(auvi_link_pair_with_rings(0, &pair.a, &fd), AUV_OK);
    assert_int_equal(auvi_link_open(fd, &pair.b), AUV_OK);
    assert_true(auvi_link_has_rings(pair.a));
    assert_true(auvi_link_has_rings(pair.b));
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

/* Awake, without a bell and a system call: nothing but the ring tells. */
static void test_receiver_that_looks_gets_no_bell(void **state)
{
    struct pair pair = open_pair();
    struct auvi_frame got;

    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        assert_false(auvi_link_look(pair.b));
        send_event(pair.a, i, "x", 1);
        assert_int_equal(auvi_link_flush(pair.a), 0);
        assert_false(is_readable(pair.b));
        assert_true(auvi_link_look(pair.b));
        assert_int_equal(auvi_link_receive(pair.b, &got), 1);
        assert_true(got.id == i);
    }
    close_pair(&pair);
}

/* An end that has no rings to give, or takes none, speaks by the socket. */
static void test_one_end_without_rings(void **state)
{
    static const char text[60000];
    struct auvi_link *a, *b;
    struct auvi_frame got;
    char offer[64];
    int fd, before = count_descriptors();

    (void)state;
    assert_int_equal(auvi_link_pair_with_rings(0, &a, &fd), AUV_OK);
    /* The offer is lost on the way. */
    assert_int_equal(recv(fd, offer, sizeof(offer), 0), 16);
    assert_int_equal(auvi_link_open(fd, &b), AUV_OK);
    assert_false(auvi_link_has_rings(b));
    for (uint64_t i = 0; i < 20; i++) {
        send_event(a, i, text, sizeof(text));
        send_event(b, i, text, sizeof(text));
        assert_int_equal(auvi_link_flush(a), 0);
        assert_int_equal(auvi_link_flush(b), 0);
        assert_int_equal(auvi_link_receive(b, &got), 1);
        assert_true(got.id == i);
        assert_true(auvi_link_look(a));
        assert_int_equal(auvi_link_receive(a, &got), 1);
        assert_true(got.id == i);
        assert_int_equal(auvi_link_receive(a, &got), 0);
    }
    auvi_link_close(b);
    assert_int_equal(auvi_link_receive(a, &got), AUV_ERR_CLOSED);
    auvi_link_close(a);
    assert_int_equal(count_descriptors(), before);
}

/* ---- a peer that lies ---- */

/* The peer's own view of the shared memory, to write lies into. */
static struct auvi_ring_shared *ring_to(struct auvi_link *link)
{
    return link->rx.ring.shared;
}

static void test_ring_of_garbage_ends_the_link(void **state)
{
    struct auvi_frame got;
    int before = count_descriptors();

    (void)state;
    for (int lie = 0; lie < 9; lie++) {
        struct pair pair = open_pair();
        uint64_t *words = (uint64_t *)(uintptr_t)pair.b->rx.ring.data;
        int wanted = AUV_ERR_PROTOCOL;

        switch (lie) {
        case 0: /* more than the ring holds */
            atomic_store(&ring_to(pair.b)->published, AUVI_RING_SIZE + 8);
            break;
        case 1: /* nothing was written there */
            atomic_store(&ring_to(pair.b)->published, 64);
            break;
        case 2: /* a frame of garbage */
            words[0] = 48;
            atomic_store(&ring_to(pair.b)->published, 64);
            break;
        case 3: /* more than a packet */
            words[0] = AUVI_PACKET_MAX + 8;
            atomic_store(&ring_to(pair.b)->published, 1 << 20);
            break;
        case 4: /* a packet that was never sent */
            atomic_store(&ring_to(pair.b)->published, (uint64_t)1 << 32);
            break;
        case 5: /* a record behind such a packet */
            send_event(pair.a, 1, "x", 1);
            auvi_link_flush(pair.a);
            words[0] |= (uint64_t)1 << 32;
            break;
        case 6: /* bulk that no frame wants */
            send_event(pair.a, 1, "x", 1);
            words[2 + pair.a->tx.ring.size / 8] = 0;
            auvi_link_flush(pair.a);
            words[1] = 32;
            atomic_store(&ring_to(pair.b)->published,
                         pair.a->tx.ring.published + 32);
            break;
        case 7: /* contents that are named and not there */
            send_event(pair.a, 1, (char *)words + 200000, 70000);
            auvi_link_flush(pair.a);
            words[1] = 0;
            break;
        default: /* the reader of what we write ran ahead */
            atomic_store(&pair.b->tx.ring.shared->head, 1 << 30);
            while (send_event(pair.b, 1, (char *)words, 60000) == AUV_OK)
                ;
            assert_int_equal(auvi_link_flush(pair.b), AUV_ERR_CLOSED);
            break;
        }
        assert_int_equal(auvi_link_receive(pair.b, &got), wanted);
        assert_int_equal(got.kind, 0);
        assert_int_equal(auvi_link_receive(pair.b, &got), wanted);
        assert_false(auvi_link_has_more(pair.b));
        close_pair(&pair);
    }
    assert_int_equal(count_descriptors(), before);
}

/* One that rings without end: each call to us ends, and what it sends comes. */
static void test_bells_without_end(void **state)
{
    struct pair pair;
    struct auvi_frame frame, got;
    int fd = auvi_shm_create("y", 1);
    int bells = 0;

    (void)state;
    pair = open_pair();
    while (send(auvi_link_fd(pair.a), "", 1, MSG_DONTWAIT) == 1)
        bells++;
    assert_true(bells > 64);
    assert_int_equal(auvi_link_receive(pair.b, &got), 0);
    assert_true(is_readable(pair.b));
    send_event(pair.a, 1, "x", 1);
    assert_int_equal(auvi_link_flush(pair.a), 0);
    make_event(&frame, 2, "x", 1);
    frame.parts[frame.part_count++] =
        (struct auvi_frame_part){NULL, 1, AUV_PART_U8, fd};
    assert_int_equal(auvi_link_send(pair.a, &frame), AUV_OK);
    assert_int_equal(auvi_link_flush(pair.a), 0);
    assert_int_equal(auvi_link_receive(pair.b, &got), 1);
    assert_true(got.id == 1);
    assert_int_equal(auvi_link_receive(pair.b, &got), 1);
    assert_true(got.id == 2);
    auvi_frame_release(&got);
    assert_int_equal(auvi_link_receive(pair.b, &got), 0);
    assert_false(is_readable(pair.b));
    close_pair(&pair);
    auvi_fd_close(fd);
}

/* A sender that claims to sleep all the time, or never to have slept. */
static void test_flags_that_lie(void **state)
{
    struct auvi_frame got;

    (void)state;
    for (uint32_t flag = 0; flag < 2; flag++) {
        struct pair pair = open_pair();
        uint64_t received = 0;

        for (uint64_t i = 0; i < 5000; i++) {
            atomic_store(&ring_to(pair.b)->asleep, flag);
            send_event(pair.a, i, "x", 1);
            assert_int_equal(auvi_link_flush(pair.a), 0); /* never waits */
        }
        while (auvi_link_receive(pair.b, &got) == 1)
            assert_true(got.id == received++);
        assert_int_equal(received, 5000);
        close_pair(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_receiver_that_looks_gets_no_bell),
        cmocka_unit_test(test_one_end_without_rings),
        cmocka_unit_test(test_ring_of_garbage_ends_the_link),
        cmocka_unit_test(test_bells_without_end),
        cmocka_unit_test(test_flags_that_lie),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
