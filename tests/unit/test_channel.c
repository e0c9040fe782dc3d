/* The control link: orders and reports arrive whole, in order, and what cannot
 * go at once goes later. */
#include "engine/remote/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"

#include "base/base.h"

static struct auvi_channel *here, *there;

static int open_pair(void **state)
{
    struct auvi_link *link, *peer;
    int fd;

    (void)state;
    assert_int_equal(auvi_link_pair(&link, &fd), AUV_OK);
    assert_int_equal(auvi_link_open(fd, &peer), AUV_OK);
    here = auvi_channel_create(link);
    there = auvi_channel_create(peer);
    assert_non_null(here);
    assert_non_null(there);
    return 0;
}

static int close_pair(void **state)
{
    (void)state;
    auvi_channel_destroy(here);
    auvi_channel_destroy(there);
    return 0;
}

static void numbers_and_texts_arrive(void **state)
{
    struct auvi_control out, in;
    char *text;

    (void)state;
    auvi_control_init(&out, AUVI_CONTROL_VIEW_CREATE, 7);
    out.generation = 9;
    for (int i = 0; i < AUVI_CONTROL_VALUES; i++)
        out.value[i] = INT64_MIN + i;
    auvi_control_add_text(&out, "", 0);
    auvi_control_add_text(&out, "a\0b", 3);
    assert_int_equal(auvi_channel_send(here, &out), AUV_OK);
    assert_int_equal(auvi_channel_receive(there, &in), 1);
    assert_int_equal(in.op, AUVI_CONTROL_VIEW_CREATE);
    assert_int_equal(in.view, 7);
    assert_int_equal(in.generation, 9);
    assert_memory_equal(in.value, out.value, sizeof(in.value));
    assert_int_equal(in.text_count, 2);
    assert_int_equal(in.fd, -1);
    text = auvi_control_text(&in, 1);
    assert_memory_equal(text, "a\0b", 4);
    free(text);
    assert_null(auvi_control_text(&in, 2));
    assert_int_equal(auvi_channel_receive(there, &in), 0);
}

static void texts_beyond_the_last_place_are_left_out(void **state)
{
    struct auvi_control control;

    (void)state;
    auvi_control_init(&control, AUVI_CONTROL_SET_GRANTS, 1);
    for (size_t i = 0; i < AUV_MAX_PARTS + 3; i++)
        auvi_control_add_text(&control, "x", 1);
    assert_int_equal(control.text_count, AUV_MAX_PARTS);
}

static void a_descriptor_arrives(void **state)
{
    struct auvi_control out, in;
    int before = count_descriptors();
    int ends[2];
    char byte = 0;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    auvi_control_init(&out, AUVI_CONTROL_ATTACH_LINK, 1);
    out.fd = ends[1];
    assert_int_equal(auvi_channel_send(here, &out), AUV_OK);
    assert_int_equal(auvi_channel_receive(there, &in), 1);
    assert_true(in.fd >= 0);
    assert_int_equal(write(in.fd, "x", 1), 1);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(in.fd);
    close(ends[0]);
    assert_int_equal(count_descriptors(), before);
}

static void a_large_text_arrives(void **state)
{
    struct auvi_control out, in;
    size_t length = 20u << 20;
    char *text = malloc(length), *copy;

    (void)state;
    assert_non_null(text);
    memset(text, 'h', length);
    text[length - 1] = 'e';
    auvi_control_init(&out, AUVI_CONTROL_LOAD_HTML, 1);
    auvi_control_add_text(&out, text, length);
    assert_int_equal(auvi_channel_send(here, &out), AUV_OK);
    assert_int_equal(auvi_channel_receive(there, &in), 1);
    assert_int_equal(in.text[0].length, length);
    copy = auvi_control_text(&in, 0);
    assert_memory_equal(copy, text, length);
    free(copy);
    free(text);
}

/* A peer that does not read: everything is kept, with its descriptors, and
 * arrives in order once it does. */
static void what_is_not_read_is_kept(void **state)
{
    enum {
        COUNT = 2000
    };
    struct auvi_control out, in;
    char text[1000];
    int before = count_descriptors();

    (void)state;
    memset(text, 't', sizeof(text));
    for (int i = 0; i < COUNT; i++) {
        auvi_control_init(&out, AUVI_CONTROL_NAVIGATE, (uint32_t)i);
        auvi_control_add_text(&out, text, sizeof(text));
        if (i % 100 == 99)
            out.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_int_equal(auvi_channel_send(here, &out), AUV_OK);
    }
    assert_true(auvi_channel_is_blocked(here));
    for (int i = 0; i < COUNT;) {
        int got = auvi_channel_receive(there, &in);

        if (got == 0) {
            assert_true(auvi_channel_flush(here) >= 0);
            continue;
        }
        assert_int_equal(got, 1);
        assert_int_equal(in.view, i);
        assert_int_equal(in.text[0].length, sizeof(text));
        assert_int_equal(in.fd >= 0, i % 100 == 99);
        auvi_fd_close(in.fd);
        i++;
    }
    assert_int_equal(auvi_channel_flush(here), 0);
    assert_false(auvi_channel_is_blocked(here));
    assert_int_equal(count_descriptors(), before);
}

static void kept_descriptors_are_closed_with_the_channel(void **state)
{
    int before = count_descriptors();
    struct auvi_control out;
    struct auvi_link *link, *peer;
    struct auvi_channel *channel;
    char text[1000] = {0};
    int fd;

    (void)state;
    assert_int_equal(auvi_link_pair(&link, &fd), AUV_OK);
    assert_int_equal(auvi_link_open(fd, &peer), AUV_OK);
    channel = auvi_channel_create(link);
    for (int i = 0; i < 2000; i++) {
        auvi_control_init(&out, AUVI_CONTROL_ATTACH_LINK, 1);
        auvi_control_add_text(&out, text, sizeof(text));
        if (i > 1990)
            out.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_int_equal(auvi_channel_send(channel, &out), AUV_OK);
    }
    auvi_channel_destroy(channel);
    auvi_link_close(peer);
    assert_int_equal(count_descriptors(), before);
}

/* A thousand places of one window take the room of one; other orders stay, and
 * in front of what came behind them. */
static void what_is_superseded_is_not_kept(void **state)
{
    struct auvi_control out, in;
    int64_t last = -1;
    int parents = 0, bounds = 0, got;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        auvi_control_init(&out, AUVI_CONTROL_SET_BOUNDS, 1);
        out.value[0] = i;
        assert_int_equal(auvi_channel_send(here, &out), AUV_OK);
        assert_false(auvi_channel_is_full(here));
    }
    auvi_control_init(&out, AUVI_CONTROL_SET_PARENT, 1);
    assert_int_equal(auvi_channel_send(here, &out), AUV_OK);
    auvi_control_init(&out, AUVI_CONTROL_SET_BOUNDS, 1);
    out.value[0] = 200000;
    assert_int_equal(auvi_channel_send(here, &out), AUV_OK);
    do {
        assert_true(auvi_channel_flush(here) >= 0);
        while ((got = auvi_channel_receive(there, &in)) == 1) {
            if (in.op == AUVI_CONTROL_SET_PARENT) {
                parents++;
                continue;
            }
            bounds++;
            assert_true(in.value[0] > last);
            last = in.value[0];
            if (parents)
                assert_int_equal(last, 200000);
        }
        assert_int_equal(got, 0);
    } while (auvi_channel_is_blocked(here));
    assert_int_equal(last, 200000);
    assert_int_equal(parents, 1);
    assert_true(bounds < 100000);
}

static void a_peer_that_does_not_read_makes_it_full(void **state)
{
    struct auvi_control out, in;
    int sent = 0;

    (void)state;
    auvi_control_init(&out, AUVI_CONTROL_RELOAD, 1);
    while (!auvi_channel_is_full(here) && sent < 1000000) {
        assert_int_equal(auvi_channel_send(here, &out), AUV_OK);
        sent++;
    }
    assert_true(auvi_channel_is_full(here));
    do {
        assert_true(auvi_channel_flush(here) >= 0);
        while (auvi_channel_receive(there, &in) == 1)
            sent--;
    } while (auvi_channel_is_blocked(here));
    assert_false(auvi_channel_is_full(here));
    assert_int_equal(sent, 0);
}

static void the_end_of_the_peer_is_seen(void **state)
{
    struct auvi_control out, in;

    (void)state;
    auvi_control_init(&out, AUVI_CONTROL_READY, 0);
    assert_int_equal(auvi_channel_send(there, &out), AUV_OK);
    auvi_channel_destroy(there);
    there = NULL;
    assert_int_equal(auvi_channel_receive(here, &in), 1);
    assert_int_equal(auvi_channel_receive(here, &in), AUV_ERR_CLOSED);
    assert_int_equal(auvi_channel_send(here, &out), AUV_ERR_CLOSED);
}

static void frames_of_the_data_link_are_refused(void **state)
{
    struct auvi_link *link, *peer;
    struct auvi_channel *channel;
    struct auvi_control in;
    struct auvi_frame frame;
    int fd;

    (void)state;
    assert_int_equal(auvi_link_pair(&link, &fd), AUV_OK);
    assert_int_equal(auvi_link_open(fd, &peer), AUV_OK);
    channel = auvi_channel_create(peer);
    auvi_frame_init(&frame, AUVI_FRAME_EVENT);
    assert_int_equal(auvi_link_send(link, &frame), AUV_OK);
    assert_int_equal(auvi_link_flush(link), 0);
    assert_int_equal(auvi_channel_receive(channel, &in), AUV_ERR_PROTOCOL);
    auvi_channel_destroy(channel);
    auvi_link_close(link);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        TEST(numbers_and_texts_arrive),
        TEST(texts_beyond_the_last_place_are_left_out),
        TEST(a_descriptor_arrives),
        TEST(a_large_text_arrives),
        TEST(what_is_not_read_is_kept),
        TEST(what_is_superseded_is_not_kept),
        TEST(a_peer_that_does_not_read_makes_it_full),
        cmocka_unit_test(kept_descriptors_are_closed_with_the_channel),
        TEST(the_end_of_the_peer_is_seen),
        cmocka_unit_test(frames_of_the_data_link_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
