/*
 * test_ring.c - records come whole and in order over the ring's end, a full ring
 * refuses, sleepers are rung, and a peer that writes garbage is found out.
 */
#include "wire/ring.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cmocka_all.h"

#define N ((uint32_t)AUVI_RING_SIZE)
#define HEAD ((uint32_t)AUVI_RING_RECORD)

struct ring {
    void *memory, *other; /* the same file, as two processes map it */
    struct auvi_ring_shared *shared;
    uint8_t *data;
    struct auvi_ring_writer writer;
    struct auvi_ring_reader reader;
};

static struct ring ring;

static int set_up(void **state)
{
    int fd = auvi_ring_memory_create(AUVI_RING_SIZE);

    (void)state;
    ring.memory = auvi_ring_memory_map(fd, AUVI_RING_SIZE);
    ring.other = auvi_ring_memory_map(fd, AUVI_RING_SIZE);
    auvi_fd_close(fd);
    ring.shared = ring.memory;
    ring.data = (uint8_t *)ring.memory + AUVI_RING_CONTROL;
    auvi_ring_writer_init(&ring.writer, ring.shared, ring.data);
    auvi_ring_reader_init(&ring.reader, ring.other,
                          (uint8_t *)ring.other + AUVI_RING_CONTROL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    auvi_ring_memory_unmap(ring.memory, AUVI_RING_SIZE);
    auvi_ring_memory_unmap(ring.other, AUVI_RING_SIZE);
    return 0;
}

static uint32_t random_below(uint32_t *seed, uint32_t limit)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % limit;
}

static void fill(uint8_t *at, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(seed + i * 7);
}

static int put(uint32_t size, uint32_t bulk, uint32_t seed)
{
    uint8_t *at;
    int room = auvi_ring_extend(&ring.writer, size, bulk, &at);

    if (room == 1)
        fill(at, size + bulk, seed);
    return room;
}

static void expect(uint32_t size, uint32_t bulk, uint32_t seed)
{
    struct auvi_ring_record record;
    uint8_t *wanted = malloc(size + bulk);

    assert_int_equal(auvi_ring_next(&ring.reader, &record), 1);
    assert_int_equal(record.size, size);
    assert_int_equal(record.bulk, bulk);
    fill(wanted, size + bulk, seed);
    assert_memory_equal(record.frames, wanted, size + bulk);
    free(wanted);
    auvi_ring_release(&ring.reader);
}

static void expect_nothing(void)
{
    struct auvi_ring_record record;

    assert_int_equal(auvi_ring_next(&ring.reader, &record), 0);
}

/* ---- records ---- */

static void test_records_are_seen_when_published(void **state)
{
    struct auvi_ring_record record;

    (void)state;
    expect_nothing();
    assert_int_equal(put(64, 0, 1), 1);
    expect_nothing();
    assert_false(auvi_ring_look(&ring.reader));
    auvi_ring_publish(&ring.writer);
    assert_true(auvi_ring_look(&ring.reader));
    /* The same until it is released. */
    assert_int_equal(auvi_ring_next(&ring.reader, &record), 1);
    assert_int_equal(auvi_ring_next(&ring.reader, &record), 1);
    expect(64, 0, 1);
    expect_nothing();
    assert_false(auvi_ring_publish(&ring.writer)); /* nothing there */
    expect_nothing();
}

static void test_frames_share_a_record_and_bulk_ends_it(void **state)
{
    struct auvi_ring_record record;

    (void)state;
    assert_int_equal(put(64, 0, 1), 1);
    assert_int_equal(put(32, 0, 2), 1);
    assert_int_equal(auvi_ring_open_size(&ring.writer), 96);
    assert_int_equal(put(40, 80, 3), 1);
    assert_int_equal(auvi_ring_open_size(&ring.writer), 0);
    assert_int_equal(put(48, 0, 4), 1);
    auvi_ring_publish(&ring.writer);
    assert_int_equal(auvi_ring_next(&ring.reader, &record), 1);
    assert_int_equal(record.size, 136);
    assert_int_equal(record.bulk, 80);
    auvi_ring_release(&ring.reader);
    expect(48, 0, 4);
    expect_nothing();
}

static void test_packets_are_numbered(void **state)
{
    struct auvi_ring_record record;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        put(32, 0, i);
        auvi_ring_publish(&ring.writer);
        auvi_ring_packet_sent(&ring.writer);
    }
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(auvi_ring_next(&ring.reader, &record), 1);
        assert_int_equal(record.packets, i);
        auvi_ring_release(&ring.reader);
    }
    expect_nothing();
    assert_int_equal(ring.reader.packets, 3);
}

/* Round and round, with records of all sizes, some as large as there is room
 * for; the counts pass 2^32 on the way. */
static void test_over_the_end_and_on(void **state)
{
    struct sent {
        uint32_t size, bulk, seed;
    } sent[4096];
    uint32_t first = 0, last = 0, seed = 42;
    uint64_t bytes = 0;

    (void)state;
    for (int i = 0; i < 8000; i++) {
        struct sent *next = &sent[last % 4096];
        bool large = random_below(&seed, 50) == 0;

        next->size = 8 + 8 * random_below(&seed, large ? 16000 : 100);
        next->bulk = large ? 8 * random_below(&seed, N / 8) : 0;
        next->seed = seed;
        if (last - first < 4096 && put(next->size, next->bulk, seed) == 1) {
            auvi_ring_publish(&ring.writer);
            bytes += next->size + next->bulk + HEAD;
            last++;
        }
        while (last != first && random_below(&seed, 3) != 0) {
            struct sent *old = &sent[first++ % 4096];

            expect(old->size, old->bulk, old->seed);
        }
    }
    while (last != first) {
        struct sent *old = &sent[first++ % 4096];

        expect(old->size, old->bulk, old->seed);
    }
    expect_nothing();
    assert_true(bytes > 20 * (uint64_t)N);
}

static void test_counts_wrap(void **state)
{
    uint32_t near = 0u - 4096u;

    (void)state;
    ring.writer.published = ring.writer.record = ring.writer.head = near;
    ring.reader.head = ring.reader.tail = near;
    atomic_store(&ring.shared->published, near);
    atomic_store(&ring.shared->head, near);
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(put(80, 0, i), 1);
        auvi_ring_publish(&ring.writer);
        expect(80, 0, i);
    }
    assert_true(ring.writer.record < near);
}

static void test_full_and_exact_fit(void **state)
{
    (void)state;
    assert_int_equal(put(N, 0, 1), 0); /* no room for its header */
    assert_int_equal(put(N - HEAD, 0, 1), 1);
    assert_int_equal(put(8, 0, 2), 0);
    auvi_ring_publish(&ring.writer);
    assert_int_equal(put(8, 0, 2), 0);
    expect(N - HEAD, 0, 1);
    assert_int_equal(put(8, N - HEAD - 8, 3), 1);
    auvi_ring_publish(&ring.writer);
    expect(8, N - HEAD - 8, 3);

    /* Filled with small ones: the last byte can be used. */
    for (uint32_t i = 0; i < N / 64; i++) {
        assert_int_equal(put(64 - HEAD, 0, i), 1);
        auvi_ring_publish(&ring.writer);
    }
    assert_int_equal(put(8, 0, 0), 0);
    expect(64 - HEAD, 0, 0);
    assert_int_equal(put(64 - HEAD + 8, 0, 0), 0);
    assert_int_equal(put(64 - HEAD, 0, 9), 1);
    assert_int_equal(put(8, 0, 9), 0);
}

/* Few bytes at a time do not touch all of the ring's pages. */
static void test_an_empty_ring_begins_at_its_start_again(void **state)
{
    uint32_t most = 0;

    (void)state;
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t place;

        assert_int_equal(put(120, 0, i), 1);
        place = ring.writer.record & (N - 1);
        most = place > most ? place : most;
        auvi_ring_publish(&ring.writer);
        expect(120, 0, i);
    }
    assert_true(most < 64 * 1024);
    /* But not over what is not read yet, nor for what does not fit there. */
    put(40000, 0, 1);
    auvi_ring_publish(&ring.writer);
    put(32, 0, 2);
    auvi_ring_publish(&ring.writer);
    expect(40000, 0, 1);
    put(32, 0, 3);
    auvi_ring_publish(&ring.writer);
    expect(32, 0, 2);
    expect(32, 0, 3);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(put(64, N - 64 - HEAD, i), 1);
        auvi_ring_publish(&ring.writer);
        expect(64, N - 64 - HEAD, i);
    }
}

/* ---- sleeping ---- */

static void test_sleepers_are_rung_once(void **state)
{
    (void)state;
    put(32, 0, 1);
    assert_false(auvi_ring_publish(&ring.writer)); /* it does not sleep */
    assert_false(auvi_ring_arm(&ring.reader));     /* there is news */
    expect(32, 0, 1);
    assert_true(auvi_ring_arm(&ring.reader));
    put(32, 0, 2);
    assert_true(auvi_ring_publish(&ring.writer));
    put(32, 0, 3);
    assert_false(auvi_ring_publish(&ring.writer));
    assert_true(auvi_ring_disarm(&ring.reader)); /* a bell was rung */
    expect(32, 0, 2);
    expect(32, 0, 3);
    assert_true(auvi_ring_arm(&ring.reader));
    assert_false(auvi_ring_disarm(&ring.reader)); /* none was */
    put(32, 0, 4);
    assert_false(auvi_ring_publish(&ring.writer));
    expect(32, 0, 4);
    /* A packet through the socket is news as well. */
    auvi_ring_packet_sent(&ring.writer);
    assert_true(auvi_ring_look(&ring.reader));
    assert_false(auvi_ring_arm(&ring.reader));
    assert_true(auvi_ring_arm(&ring.reader));
}

static void test_nothing_counts_after_the_end(void **state)
{
    (void)state;
    put(32, 0, 1);
    auvi_ring_publish(&ring.writer);
    put(32, 0, 2);
    auvi_ring_publish(&ring.writer);
    auvi_ring_end(&ring.reader);
    put(32, 0, 3);
    auvi_ring_publish(&ring.writer);
    expect(32, 0, 1);
    expect(32, 0, 2);
    expect_nothing();
}

/* ---- a peer that breaks the rules ---- */

static void test_a_reader_that_lies(void **state)
{
    static const uint32_t heads[] = {N, 48 + 8, 0u - 8u, 4, 1u << 31};
    uint8_t *at;

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        tear_down(state);
        set_up(state);
        put(32, 0, 1); /* 48 bytes */
        auvi_ring_publish(&ring.writer);
        atomic_store(&ring.shared->head, heads[i]);
        assert_int_equal(auvi_ring_extend(&ring.writer, N - HEAD, 0, &at),
                         AUV_ERR_PROTOCOL);
    }
    /* Nor back. */
    tear_down(state);
    set_up(state);
    for (uint32_t i = 0; i < 2; i++) {
        put(N / 2 - HEAD, 0, i);
        auvi_ring_publish(&ring.writer);
    }
    expect(N / 2 - HEAD, 0, 0);
    assert_int_equal(put(N / 2 - HEAD, 0, 2), 1);
    atomic_store(&ring.shared->head, 0);
    assert_int_equal(put(32, 0, 1), AUV_ERR_PROTOCOL);
}

static void test_a_writer_that_lies_about_its_tail(void **state)
{
    static const uint32_t tails[] = {N + 8, 1u << 31, 0u - 8u, 4, 8, 1};

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        struct auvi_ring_record record;

        tear_down(state);
        set_up(state);
        atomic_store(&ring.shared->published, tails[i]);
        assert_int_equal(auvi_ring_next(&ring.reader, &record),
                         AUV_ERR_PROTOCOL);
    }
    /* Nor back. */
    tear_down(state);
    set_up(state);
    put(32, 0, 1);
    put(32, 32, 1);
    auvi_ring_publish(&ring.writer);
    {
        struct auvi_ring_record record;

        assert_int_equal(auvi_ring_next(&ring.reader, &record), 1);
        atomic_store(&ring.shared->published, 48);
        assert_false(auvi_ring_arm(&ring.reader));
        auvi_ring_release(&ring.reader);
        assert_int_equal(auvi_ring_next(&ring.reader, &record),
                         AUV_ERR_PROTOCOL);
    }
}

static void write_words(uint32_t at, uint64_t first, uint64_t second)
{
    memcpy(ring.data + at, &first, 8);
    memcpy(ring.data + at + 8, &second, 8);
}

static void test_records_of_garbage(void **state)
{
    static const uint32_t skip = UINT32_MAX;
    const struct {
        uint64_t size, bulk;
        uint32_t tail;
    } cases[] = {
        {0, 0, 1024},
        {4, 0, 1024},
        {1016, 0, 1024}, /* over the tail */
        {1u << 31, 0, 1024},
        {skip - 7, 0, 1024},
        {64, 952, 1024},
        {64, 4, 1024},
        {64, 1u << 31, 1024},
        {64, UINT64_MAX, 1024},
        {64, (uint64_t)1 << 32, 1024},
        {64, UINT32_MAX - 7, 1024},
        {skip, 0, 1024}, /* the end of the ring is not published */
        {skip, 8, N},
        {64, 0, 8}, /* not even a header */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct auvi_ring_record record;

        tear_down(state);
        set_up(state);
        write_words(0, cases[i].size, cases[i].bulk);
        atomic_store(&ring.shared->published, cases[i].tail);
        assert_int_equal(auvi_ring_next(&ring.reader, &record),
                         AUV_ERR_PROTOCOL);
        assert_int_equal(auvi_ring_next(&ring.reader, &record),
                         AUV_ERR_PROTOCOL);
    }
}

/* A ring that says nothing but "go on" must not keep its reader for ever. */
static void test_skips_in_a_row(void **state)
{
    struct auvi_ring_record record;

    (void)state;
    write_words(0, UINT32_MAX, 0);
    atomic_store(&ring.shared->published, N);
    assert_int_equal(auvi_ring_next(&ring.reader, &record), 0);
    write_words(0, UINT32_MAX, 0);
    atomic_store(&ring.shared->published, N + N);
    assert_int_equal(auvi_ring_next(&ring.reader, &record), 0);
    /* Two at once: a skip, and behind it the same words again. */
    tear_down(state);
    set_up(state);
    write_words(N - 16, UINT32_MAX, 0);
    write_words(0, UINT32_MAX, 0);
    ring.reader.head = ring.reader.tail = N - 16;
    atomic_store(&ring.shared->published, N - 16 + N);
    assert_int_equal(auvi_ring_next(&ring.reader, &record), AUV_ERR_PROTOCOL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_records_are_seen_when_published),
        TEST(test_frames_share_a_record_and_bulk_ends_it),
        TEST(test_packets_are_numbered),
        TEST(test_over_the_end_and_on),
        TEST(test_counts_wrap),
        TEST(test_full_and_exact_fit),
        TEST(test_an_empty_ring_begins_at_its_start_again),
        TEST(test_sleepers_are_rung_once),
        TEST(test_nothing_counts_after_the_end),
        TEST(test_a_reader_that_lies),
        TEST(test_a_writer_that_lies_about_its_tail),
        TEST(test_records_of_garbage),
        TEST(test_skips_in_a_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
