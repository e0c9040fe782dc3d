/*
 * test_frame.c - frames survive the trip, and nothing malformed does.
 */
#include "wire/frame.h"

#include <fcntl.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"
#include "cmocka_all.h"

static alignas(8) uint8_t packet[AUVI_PACKET_MAX];
static int packet_fds[AUVI_PACKET_FDS];
static size_t packet_fd_count;

static int64_t encode(const struct auvi_frame *frame)
{
    packet_fd_count = 0;
    memset(packet, 0xee, sizeof(packet)); /* padding must be written */
    return auvi_frame_encode(frame, packet, sizeof(packet), packet_fds,
                             AUVI_PACKET_FDS, &packet_fd_count);
}

static int64_t decode(size_t size, struct auvi_frame *out)
{
    size_t used = 0;
    int64_t result = auvi_frame_decode(packet, size, packet_fds,
                                       packet_fd_count, &used, out);

    assert_true(result >= 0 ? used == packet_fd_count : used == 0);
    return result;
}

static void close_packet_fds(void)
{
    while (packet_fd_count > 0)
        auvi_fd_close(packet_fds[--packet_fd_count]);
}

static void set_part(struct auvi_frame *frame, const void *data, size_t length,
                     auv_part_type type)
{
    frame->parts[frame->part_count++] =
        (struct auvi_frame_part){data, length, type, -1};
}

/* A frame with one of everything that goes inline. */
static void fill_inline(struct auvi_frame *frame)
{
    static const double numbers[] = {1.5, -2.5};

    auvi_frame_init(frame, AUVI_FRAME_CALL);
    frame->flags = AUVI_FRAME_ERROR;
    frame->lane = 3;
    frame->generation = 0x89abcdefu;
    frame->id = 0x0123456789abcdefu;
    frame->name = "scene.import";
    frame->name_length = 12;
    frame->payload = "[1,{\"$auv\":0},{\"$auv\":1}]";
    frame->payload_length = 25;
    set_part(frame, numbers, sizeof(numbers), AUV_PART_F64);
    set_part(frame, "abc", 3, AUV_PART_U8);
    set_part(frame, NULL, 0, AUV_PART_BUFFER);
}

static const void *part_bytes(const struct auvi_frame_part *part)
{
    return part->fd >= 0 ? auvi_shm_map(part->fd, part->length) : part->data;
}

static void assert_same(const struct auvi_frame *got,
                        const struct auvi_frame *sent)
{
    assert_int_equal(got->kind, sent->kind);
    assert_int_equal(got->flags, sent->flags);
    assert_int_equal(got->lane, sent->lane);
    assert_int_equal(got->generation, sent->generation);
    assert_true(got->id == sent->id);
    assert_int_equal(got->name_length, sent->name_length);
    assert_memory_equal(got->name, sent->name, sent->name_length);
    assert_int_equal(got->name[got->name_length], '\0');
    assert_int_equal(got->payload_length, sent->payload_length);
    assert_int_equal(got->payload == NULL, got->payload_fd >= 0);
    if (got->payload != NULL) {
        assert_memory_equal(got->payload, sent->payload, sent->payload_length);
        assert_int_equal(got->payload[got->payload_length], '\0');
    } else {
        const char *text =
            auvi_shm_map_text(got->payload_fd, got->payload_length);

        assert_memory_equal(text, sent->payload, sent->payload_length);
        auvi_shm_unmap_text(text, got->payload_length);
    }
    assert_int_equal(got->part_count, sent->part_count);
    for (size_t i = 0; i < got->part_count; i++) {
        const struct auvi_frame_part *part = &got->parts[i];
        const void *bytes = part_bytes(part);

        assert_int_equal(part->type, sent->parts[i].type);
        assert_int_equal(part->length, sent->parts[i].length);
        assert_int_equal(part->data == NULL, part->fd >= 0);
        assert_non_null(bytes);
        assert_true((uintptr_t)bytes % 8 == 0);
        assert_memory_equal(bytes, sent->parts[i].data, part->length);
        if (part->fd >= 0)
            auvi_shm_unmap(bytes, part->length);
    }
}

static void round_trip(const struct auvi_frame *sent, size_t wanted_fds)
{
    int before = count_descriptors();
    struct auvi_frame got;
    int64_t size = encode(sent);

    assert_true(size > 0);
    assert_true(size % 8 == 0);
    assert_true(size == auvi_frame_encoded_size(sent));
    assert_int_equal(auvi_frame_wire_size(packet), size);
    assert_int_equal(packet_fd_count, wanted_fds);
    /* Other frames may follow. */
    assert_true(decode(sizeof(packet), &got) == size);
    assert_same(&got, sent);
    auvi_frame_release(&got);
    auvi_frame_release(&got); /* nothing twice */
    packet_fd_count = 0;
    assert_int_equal(count_descriptors(), before);
}

static void test_round_trip_inline(void **state)
{
    struct auvi_frame frame;

    (void)state;
    fill_inline(&frame);
    round_trip(&frame, 0);
}

static void test_round_trip_empty(void **state)
{
    struct auvi_frame frame;

    (void)state;
    auvi_frame_init(&frame, AUVI_FRAME_GONE);
    frame.name = "";
    frame.payload = "";
    round_trip(&frame, 0);
    assert_int_equal(auvi_frame_encoded_size(&frame), 40);
}

static void test_bytes_are_as_drawn(void **state)
{
    static const uint8_t wanted[] = {
        1,   3,   1, 2,   4, 3, 2, 1, 0xf8, 7,   6,   5, 4, 3, 2, 1,
        64,  0,   0, 0,   2, 0, 0, 0, 1,    0,   1,   0, 0, 0, 0, 0,
        3,   0,   0, 0,   0, 0, 0, 0, 1,    0,   0,   0, 0, 0, 0, 0,
        '[', ']', 0, 'f', 0, 0, 0, 0, 'x',  'y', 'z', 0, 0, 0, 0, 0,
    };
    struct auvi_frame frame;

    (void)state;
    auvi_frame_init(&frame, AUVI_FRAME_CALL);
    frame.flags = AUVI_FRAME_ERROR;
    frame.lane = 2;
    frame.generation = 0x01020304;
    frame.id = 0x01020304050607f8;
    frame.name = "f";
    frame.name_length = 1;
    frame.payload = "[]";
    frame.payload_length = 2;
    set_part(&frame, "xyz", 3, AUV_PART_U8);
    assert_int_equal(encode(&frame), sizeof(wanted));
    assert_memory_equal(packet, wanted, sizeof(wanted));
}

static char *filler(size_t length)
{
    char *text = malloc(length);

    for (size_t i = 0; i < length; i++)
        text[i] = (char)('0' + i % 61);
    return text;
}

static void test_large_contents_go_by_descriptor(void **state)
{
    char *text = filler(200000);
    struct auvi_frame frame;

    (void)state;
    auvi_frame_init(&frame, AUVI_FRAME_EVENT);
    frame.name = "mesh";
    frame.name_length = 4;
    frame.payload = text;
    frame.payload_length = AUVI_INLINE_MAX - 1;
    round_trip(&frame, 0);
    frame.payload_length = AUVI_INLINE_MAX;
    round_trip(&frame, 1);
    frame.payload_length = 200000;
    set_part(&frame, text, AUVI_INLINE_MAX, AUV_PART_F32);
    set_part(&frame, text, 16, AUV_PART_U64);
    set_part(&frame, text, 200000, AUV_PART_BUFFER);
    round_trip(&frame, 3);
    free(text);
}

static void test_parts_that_crowd_a_packet(void **state)
{
    char *text = filler(AUVI_INLINE_MAX);
    struct auvi_frame frame;

    (void)state;
    auvi_frame_init(&frame, AUVI_FRAME_EVENT);
    frame.name = text;
    frame.name_length = AUV_MAX_NAME;
    frame.payload = text;
    frame.payload_length = AUVI_INLINE_MAX - 1;
    for (size_t i = 0; i < AUV_MAX_PARTS; i++)
        set_part(&frame, text, AUVI_INLINE_MAX - 1, AUV_PART_U8);
    assert_true(auvi_frame_encoded_size(&frame) <= (int64_t)AUVI_PACKET_MAX);
    round_trip(&frame, AUV_MAX_PARTS);
    /* And the most descriptors that one frame can have. */
    frame.payload_length = AUVI_INLINE_MAX;
    for (size_t i = 0; i < AUV_MAX_PARTS; i++)
        frame.parts[i].length = AUVI_INLINE_MAX;
    round_trip(&frame, AUV_MAX_PARTS + 1);
    free(text);
}

static void test_descriptors_pass_through(void **state)
{
    int before = count_descriptors();
    struct auvi_frame frame;
    struct auvi_frame got;

    (void)state;
    fill_inline(&frame);
    frame.payload = NULL;
    frame.payload_fd = auvi_shm_create("{}", 2);
    frame.payload_length = 2;
    frame.parts[1].data = NULL;
    frame.parts[1].fd = auvi_shm_create("abc", 3);
    assert_true(encode(&frame) > 0);
    assert_int_equal(packet_fd_count, 2);
    /* Duplicates: the frame keeps its own. */
    auvi_frame_release(&frame);
    assert_true(decode(sizeof(packet), &got) > 0);
    assert_int_equal(auvi_shm_check(got.payload_fd, 2), AUV_OK);
    assert_int_equal(auvi_shm_check(got.parts[1].fd, 3), AUV_OK);
    auvi_frame_release(&got);
    packet_fd_count = 0;
    assert_int_equal(count_descriptors(), before);
}

static void test_limits_when_encoding(void **state)
{
    struct auvi_frame frame;
    struct auvi_frame good;

    (void)state;
    fill_inline(&good);
#define EXPECT(change, error)                                     \
    do {                                                          \
        frame = good;                                             \
        change;                                                   \
        assert_int_equal(encode(&frame), error);                  \
        assert_int_equal(auvi_frame_encoded_size(&frame), error); \
        assert_int_equal(packet_fd_count, 0);                     \
    } while (0)
    EXPECT(frame.name_length = AUV_MAX_NAME + 1, AUV_ERR_TOO_LARGE);
    EXPECT(frame.payload_length = AUV_MAX_PAYLOAD + 1, AUV_ERR_TOO_LARGE);
    EXPECT(frame.part_count = AUV_MAX_PARTS + 1, AUV_ERR_TOO_LARGE);
    EXPECT(frame.parts[1].length = AUV_MAX_PAYLOAD + 1, AUV_ERR_TOO_LARGE);
    EXPECT(frame.parts[0].length = 15, AUV_ERR_ARG);
    EXPECT(frame.parts[0].type = (auv_part_type)12, AUV_ERR_ARG);
    EXPECT(frame.parts[0].data = NULL, AUV_ERR_ARG);
    EXPECT(frame.payload = NULL, AUV_ERR_ARG);
    EXPECT(frame.name = NULL, AUV_ERR_ARG);
    EXPECT(frame.lane = AUVI_FRAME_LANES, AUV_ERR_ARG);
    EXPECT(frame.flags = AUVI_FRAME_JSON_FD, AUV_ERR_ARG);
    EXPECT(frame.kind = 0, AUV_ERR_ARG);
#undef EXPECT
}

static void test_too_little_space(void **state)
{
    char *text = filler(AUVI_INLINE_MAX);
    int before = count_descriptors();
    struct auvi_frame frame;
    int64_t size;

    (void)state;
    fill_inline(&frame);
    size = auvi_frame_encoded_size(&frame);
    for (size_t space = 0; space < (size_t)size; space++) {
        uint8_t *small = malloc(space + 1); /* ASan watches its end */

        packet_fd_count = 0;
        assert_int_equal(auvi_frame_encode(&frame, small, space, packet_fds, 8,
                                           &packet_fd_count),
                         AUV_ERR_QUEUE_FULL);
        free(small);
    }
    frame.payload = text;
    frame.payload_length = AUVI_INLINE_MAX;
    packet_fd_count = 8;
    assert_int_equal(auvi_frame_encode(&frame, packet, sizeof(packet),
                                       packet_fds, 8, &packet_fd_count),
                     AUV_ERR_QUEUE_FULL);
    assert_int_equal(packet_fd_count, 8);
    packet_fd_count = 0;
    assert_int_equal(count_descriptors(), before);
    free(text);
}

/* ---- what must be refused ---- */

static void test_every_truncation_is_refused(void **state)
{
    struct auvi_frame frame;
    struct auvi_frame got;
    int64_t size;

    (void)state;
    fill_inline(&frame);
    size = encode(&frame);
    for (size_t cut = 0; cut < (size_t)size; cut++) {
        /* On the heap, so that ASan sees a read behind the end. */
        uint8_t *bytes = malloc(cut + 1);
        size_t used = 0;

        memcpy(bytes, packet, cut);
        assert_int_equal(auvi_frame_decode(bytes, cut, NULL, 0, &used, &got),
                         AUV_ERR_PROTOCOL);
        /* And when the size field agrees with the cut. */
        if (cut >= AUVI_FRAME_HEADER) {
            bytes[16] = (uint8_t)cut;
            bytes[17] = 0;
            assert_int_equal(
                auvi_frame_decode(bytes, cut, NULL, 0, &used, &got),
                AUV_ERR_PROTOCOL);
        }
        free(bytes);
    }
}

static void assert_inside(const void *at, size_t length, const uint8_t *bytes,
                          size_t size)
{
    const uint8_t *start = at;

    assert_true(start >= bytes && start <= bytes + size);
    assert_true(length <= (size_t)(bytes + size - start));
}

static void test_every_corruption_stays_in_bounds(void **state)
{
    struct auvi_frame frame;
    struct auvi_frame got;
    size_t size;
    uint8_t *bytes;

    (void)state;
    fill_inline(&frame);
    size = (size_t)encode(&frame);
    bytes = malloc(size);
    for (size_t at = 0; at < size; at++) {
        for (unsigned value = 0; value < 256; value++) {
            size_t used = 0;
            int64_t result;

            memcpy(bytes, packet, size);
            bytes[at] = (uint8_t)value;
            result = auvi_frame_decode(bytes, size, NULL, 0, &used, &got);
            if (result < 0) {
                assert_int_equal(result, AUV_ERR_PROTOCOL);
                assert_int_equal(got.part_count, 0);
                assert_int_equal(got.payload_fd, -1);
                continue;
            }
            assert_int_equal(result, size);
            assert_inside(got.payload, got.payload_length + 1, bytes, size);
            assert_inside(got.name, got.name_length + 1, bytes, size);
            for (size_t i = 0; i < got.part_count; i++)
                assert_inside(got.parts[i].data, got.parts[i].length, bytes,
                              size);
        }
    }
    free(bytes);
}

static void put(size_t at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        packet[at + i] = (uint8_t)(value >> (8 * i));
}

static void test_lying_fields_are_refused(void **state)
{
    /* Offsets of fill_inline(): table at 32, three entries. */
    static const struct {
        size_t at;
        uint64_t value;
        size_t bytes;
    } lies[] = {
        {0, 0, 1},
        {0, 2, 1},
        {1, 0, 1},
        {2, 0x80, 1},
        {2, 2, 1},
        {3, AUVI_FRAME_LANES, 1},
        {16, 0, 4},
        {16, 24, 4},
        {16, 33, 4},
        {16, UINT32_MAX, 4},
        {16, 0xfffffff8, 4},
        {20, UINT32_MAX, 4},
        {20, AUV_MAX_PAYLOAD, 4},
        {20, 24, 4},
        {24, 1025, 2},
        {24, 0xffff, 2},
        {24, 11, 2},
        {26, 65, 2},
        {26, 0xffff, 2},
        {26, 64, 2},
        {26, 2, 2},
        {26, 4, 2},
        {28, 1, 4},
        {32, UINT64_MAX, 8},
        {32, UINT64_MAX - 7, 8},
        {32, (uint64_t)1 << 32, 8},
        {32, AUV_MAX_PAYLOAD + 8, 8},
        {32, 12, 8},
        {32, 24, 8},
        {40, 12, 4},
        {40, UINT32_MAX, 4},
        {44, 1, 4},
        {44, 2, 4},
        {48, 11, 8},
    };
    struct auvi_frame frame;
    struct auvi_frame got;

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        size_t size;

        fill_inline(&frame);
        size = (size_t)encode(&frame);
        put(lies[i].at, lies[i].value, lies[i].bytes);
        if (decode(size, &got) != AUV_ERR_PROTOCOL)
            fail_msg("lie %zu at offset %zu was believed", i, lies[i].at);
    }
}

static int unsealed_file(void)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_int_equal(write(fd, "abc", 3), 3);
    return fd;
}

static int wrong_length_file(void)
{
    return auvi_shm_create("abcd", 4);
}

static int pipe_end(void)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    close(ends[1]);
    return ends[0];
}

static void test_bad_descriptors_are_refused(void **state)
{
    int (*const makers[])(void) = {unsealed_file, wrong_length_file, pipe_end};
    int before = count_descriptors();
    struct auvi_frame frame;
    struct auvi_frame got;

    (void)state;
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        size_t size;

        /* The good one comes first: it must not stay in *out. */
        fill_inline(&frame);
        frame.payload_fd = auvi_shm_create("{}", 2);
        frame.payload_length = 2;
        frame.parts[1].fd = makers[i]();
        size = (size_t)encode(&frame);
        assert_int_equal(decode(size, &got), AUV_ERR_PROTOCOL);
        assert_int_equal(got.payload_fd, -1);
        close_packet_fds();
        auvi_frame_release(&frame);
    }
    assert_int_equal(count_descriptors(), before);
}

static void test_missing_descriptors_are_refused(void **state)
{
    struct auvi_frame frame;
    struct auvi_frame got;
    size_t used = 0;
    size_t size;

    (void)state;
    fill_inline(&frame);
    frame.parts[0].fd = auvi_shm_create("0123456789abcdef", 16);
    frame.parts[1].fd = auvi_shm_create("abc", 3);
    size = (size_t)encode(&frame);
    assert_int_equal(packet_fd_count, 2);
    assert_int_equal(
        auvi_frame_decode(packet, size, packet_fds, 1, &used, &got),
        AUV_ERR_PROTOCOL);
    assert_int_equal(used, 0);
    /* Not received, though sent: the request can still be told apart. */
    auvi_fd_close(packet_fds[1]);
    packet_fds[1] = -1;
    assert_int_equal(
        auvi_frame_decode(packet, size, packet_fds, 2, &used, &got),
        AUV_ERR_SYSTEM);
    assert_int_equal(used, 2);
    assert_int_equal(packet_fds[0], -1);
    assert_int_equal(got.kind, AUVI_FRAME_CALL);
    assert_true(got.id == frame.id);
    assert_string_equal(got.name, "scene.import");
    assert_null(got.payload);
    assert_int_equal(got.part_count, 0);
    packet_fd_count = 0;
    auvi_frame_release(&frame);
}

static void test_every_type_has_its_size(void **state)
{
    static const uint8_t sizes[] = {1, 1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};

    (void)state;
    for (uint32_t i = 0; i < sizeof(sizes); i++)
        assert_int_equal(auvi_part_type_size(i), sizes[i]);
    assert_int_equal(auvi_part_type_size(12), 0);
    assert_int_equal(auvi_part_type_size(UINT32_MAX), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_inline),
        cmocka_unit_test(test_round_trip_empty),
        cmocka_unit_test(test_bytes_are_as_drawn),
        cmocka_unit_test(test_large_contents_go_by_descriptor),
        cmocka_unit_test(test_parts_that_crowd_a_packet),
        cmocka_unit_test(test_descriptors_pass_through),
        cmocka_unit_test(test_limits_when_encoding),
        cmocka_unit_test(test_too_little_space),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_every_corruption_stays_in_bounds),
        cmocka_unit_test(test_lying_fields_are_refused),
        cmocka_unit_test(test_bad_descriptors_are_refused),
        cmocka_unit_test(test_missing_descriptors_are_refused),
        cmocka_unit_test(test_every_type_has_its_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
