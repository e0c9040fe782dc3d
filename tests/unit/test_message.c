/* Messages: what goes inline, what goes into files, and that nothing leaks. */
#include "core/message.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"

#include "base/base.h"
#include "core/core.h"

static struct auv_message *make(const char *name, const char *json,
                                size_t length, const auv_part *parts,
                                size_t count)
{
    struct auv_message *message = NULL;

    assert_int_equal(auvi_message_create(name, AUV_NUL_TERMINATED, json, length,
                                         parts, count, &message),
                     AUV_OK);
    return message;
}

static void arguments_are_copied(void **state)
{
    char name[] = "name", json[] = "[1]", bytes[] = "part";
    auv_part part = {bytes, 4, AUV_PART_U8}, got;
    struct auv_message *message = make(name, json, 3, &part, 1);
    size_t length;

    (void)state;
    memset(name, 'x', 4);
    memset(json, 'x', 3);
    memset(bytes, 'x', 4);
    assert_string_equal(auv_message_name(message, &length), "name");
    assert_int_equal(length, 4);
    assert_string_equal(auv_message_json(message, &length), "[1]");
    assert_int_equal(length, 3);
    assert_int_equal(auv_message_part_count(message), 1);
    assert_int_equal(auv_message_part(message, 0, &got), AUV_OK);
    assert_memory_equal(got.data, "part", 4);
    assert_int_equal(auv_message_part_fd(message, 0), -1);
    assert_int_equal(auv_message_part(message, 1, &got), AUV_ERR_ARG);
    assert_ptr_equal(auv_message_ref(message), message);
    auv_message_unref(message);
    auv_message_unref(message);
}

static void no_text_is_null(void **state)
{
    struct auv_message *message = make("n", NULL, 0, NULL, 0);
    size_t length;

    (void)state;
    assert_string_equal(auv_message_json(message, &length), "null");
    assert_int_equal(length, 4);
    auv_message_unref(message);
    message = make("n", "", 0, NULL, 0);
    assert_string_equal(auv_message_json(message, &length), "null");
    assert_int_equal(length, 4);
    auv_message_unref(message);
}

static void large_texts_live_in_files(void **state)
{
    static const size_t lengths[] = {
        65535,         1 << 20,           AUVI_BULK_MAX - 1,
        AUVI_BULK_MAX, AUVI_BULK_MAX + 1, AUVI_BULK_MAX + 4096};
    size_t most = AUVI_BULK_MAX + 4096;
    int before = count_descriptors();
    char *text = malloc(most);

    (void)state;
    memset(text, 't', most);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct auv_message *message = make("n", text, lengths[i], NULL, 0);
        size_t length;
        const char *json = auv_message_json(message, &length);

        assert_int_equal(length, lengths[i]);
        assert_memory_equal(json, text, length);
        assert_int_equal(json[length], '\0');
        assert_int_equal(count_descriptors() - before,
                         lengths[i] >= AUVI_BULK_MAX);
        assert_ptr_equal(auv_message_json(message, NULL), json);
        auv_message_unref(message);
    }
    free(text);
    assert_int_equal(count_descriptors(), before);
}

/* Together they must fit into a ring, however small each is; and without a ring
 * into a packet. */
static void many_small_parts_share_one_budget(void **state)
{
    static char bytes[40000];
    auv_part parts[AUV_MAX_PARTS];
    struct auv_message *message;
    struct auvi_frame frame;
    int before = count_descriptors();
    size_t files = 0;

    (void)state;
    for (size_t i = 0; i < AUV_MAX_PARTS; i++)
        parts[i] = (auv_part){bytes, sizeof(bytes), AUV_PART_F64};
    message = make("n", "1", 1, parts, AUV_MAX_PARTS);
    for (size_t i = 0; i < AUV_MAX_PARTS; i++) {
        auv_part got;

        files += auv_message_part_fd(message, i) >= 0;
        assert_int_equal(auv_message_part(message, i, &got), AUV_OK);
        assert_int_equal(got.length, sizeof(bytes));
        assert_int_equal((uintptr_t)got.data % 8, 0);
    }
    assert_true(files > 0 && files < AUV_MAX_PARTS);
    message->kind = AUVI_FRAME_EVENT;
    auvi_message_to_frame(message, &frame);
    assert_true(auvi_frame_encoded_size(&frame) > 0);
    assert_true(auvi_frame_encoded_size(&frame) < (int64_t)AUVI_PACKET_MAX);
    auv_message_unref(message);
    assert_int_equal(count_descriptors(), before);
}

static void limits_are_kept(void **state)
{
    auv_part parts[AUV_MAX_PARTS + 1] = {{NULL, 0, AUV_PART_U8}};
    char name[AUV_MAX_NAME + 2];
    struct auv_message *message = NULL;
    auv_part large = {"x", AUV_MAX_PAYLOAD + 1, AUV_PART_U8};
    auv_part odd = {"abc", 3, AUV_PART_U16};
    auv_part unknown = {"abc", 3, (auv_part_type)12};
    auv_part missing = {NULL, 3, AUV_PART_U8};

    (void)state;
    memset(name, 'n', sizeof(name));
#define REFUSED(error, ...) \
    assert_int_equal(auvi_message_create(__VA_ARGS__, &message), error)
    REFUSED(AUV_ERR_TOO_LARGE, name, AUV_MAX_NAME + 1, "1", 1, NULL, 0);
    REFUSED(AUV_ERR_TOO_LARGE, "n", 1, "1", AUV_MAX_PAYLOAD + 1, NULL, 0);
    REFUSED(AUV_ERR_TOO_LARGE, "n", 1, "1", 1, parts, AUV_MAX_PARTS + 1);
    REFUSED(AUV_ERR_TOO_LARGE, "n", 1, "1", 1, &large, 1);
    REFUSED(AUV_ERR_ARG, "n", 1, "1", 1, &odd, 1);
    REFUSED(AUV_ERR_ARG, "n", 1, "1", 1, &unknown, 1);
    REFUSED(AUV_ERR_ARG, "n", 1, "1", 1, &missing, 1);
    REFUSED(AUV_ERR_ARG, "n", 1, "1", 1, NULL, 1);
    assert_null(message);
    message = NULL;
    assert_int_equal(auvi_message_create(name, AUV_MAX_NAME, "1", 1, parts,
                                         AUV_MAX_PARTS, &message),
                     AUV_OK);
    auv_message_unref(message);
}

static void errors_are_json(void **state)
{
    struct auv_message *message;

    (void)state;
    assert_int_equal(auvi_message_create_error("A\"\\", "x\n\x01\xc3\xa4",
                                               INT32_MIN, "[1]", &message),
                     AUV_OK);
    assert_string_equal(
        auv_message_json(message, NULL),
        "{\"name\":\"A\\\"\\\\\",\"message\":\"x\\u000a\\u0001\xc3\xa4\","
        "\"code\":-2147483648,\"data\":[1]}");
    auv_message_unref(message);
    assert_int_equal(auvi_message_create_error("", "", 0, NULL, &message),
                     AUV_OK);
    assert_string_equal(auv_message_json(message, NULL),
                        "{\"name\":\"\",\"message\":\"\",\"code\":0}");
    auv_message_unref(message);
}

/* A page could not parse it otherwise, and its promise would hear nonsense. */
static void errors_are_utf8_whatever_they_are_made_of(void **state)
{
    static const char *const bad[] = {
        "\xff",     "\xc3",         "\xe2\x82",
        "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
    };
    struct auv_message *message;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *text;

        assert_int_equal(
            auvi_message_create_error("E", bad[i], 0, NULL, &message), AUV_OK);
        for (text = auv_message_json(message, NULL); *text; text++)
            assert_true((unsigned char)*text < 0x80);
        auv_message_unref(message);
    }
    assert_int_equal(auvi_message_create_error("E",
                                               "\xf0\x9f\x98\x80 \xe2"
                                               "\x82\xac",
                                               0, NULL, &message),
                     AUV_OK);
    assert_non_null(strstr(auv_message_json(message, NULL),
                           "\xf0\x9f\x98\x80 \xe2\x82\xac"));
    auv_message_unref(message);
}

/* As a frame and back, with everything that can be in one. */
static void frames_carry_everything(void **state)
{
    int before = count_descriptors();
    char *text = malloc(100000);
    auv_part parts[2] = {{"12345678", 8, AUV_PART_F64},
                         {text, 80000, AUV_PART_I8}};
    struct auv_message *out, *in;
    struct auvi_frame frame, copy;
    static uint64_t packet[AUVI_PACKET_MAX / 8];
    int fds[AUVI_PACKET_FDS];
    size_t fd_count = 0, used = 0, length;
    int64_t size;
    auv_part got;

    (void)state;
    memset(text, 'j', 100000);
    out = make("n\xc3\xa4me", text, 100000, parts, 2);
    out->kind = AUVI_FRAME_REPLY;
    out->flags = AUVI_FRAME_ERROR;
    out->id = UINT64_MAX;
    out->generation = 3;
    auvi_message_to_frame(out, &frame);
    size = auvi_frame_encode(&frame, packet, sizeof(packet), fds,
                             AUVI_PACKET_FDS, &fd_count);
    assert_true(size > 0);
    assert_int_equal(
        auvi_frame_decode(packet, (size_t)size, fds, fd_count, &used, &copy),
        size);
    assert_int_equal(auvi_message_from_frame(&copy, &in), AUV_OK);
    auvi_frame_release(&copy);
    assert_int_equal(in->id, UINT64_MAX);
    assert_int_equal(in->generation, 3);
    assert_string_equal(auv_message_name(in, NULL), "n\xc3\xa4me");
    assert_memory_equal(auv_message_json(in, &length), text, 100000);
    assert_int_equal(length, 100000);
    assert_int_equal(auv_message_part(in, 0, &got), AUV_OK);
    assert_memory_equal(got.data, "12345678", 8);
    assert_int_equal(got.type, AUV_PART_F64);
    assert_int_equal(auv_message_part(in, 1, &got), AUV_OK);
    assert_memory_equal(got.data, text, 80000);
    auv_message_unref(in);
    auv_message_unref(out);
    free(text);
    assert_int_equal(count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_are_copied),
        cmocka_unit_test(no_text_is_null),
        cmocka_unit_test(large_texts_live_in_files),
        cmocka_unit_test(many_small_parts_share_one_budget),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(errors_are_json),
        cmocka_unit_test(errors_are_utf8_whatever_they_are_made_of),
        cmocka_unit_test(frames_carry_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
