/* What a hostile page may say of state and channels: each frame is taken,
 * ignored, or a breach of the protocol, and costs the host nothing else. */
#include "harness.h"

#include "core/streams.h"

#include <stdio.h>

#include <stdlib.h>
#include <string.h>

static struct host host;

static int open_host(void **state)
{
    (void)state;
    host_open(&host);
    return 0;
}

static int close_host(void **state)
{
    (void)state;
    host_close(&host);
    return 0;
}

/* As if the page's process had sent it. */
static int take(enum auvi_frame_kind kind, uint64_t id, const char *name,
                const char *payload)
{
    struct auvi_frame frame;
    int result;

    auvi_frame_init(&frame, kind);
    frame.generation = host.view->streams->document;
    frame.id = id;
    frame.name = name;
    frame.name_length = strlen(name);
    frame.payload = payload;
    frame.payload_length = strlen(payload);
    auvi_mutex_lock(&host.app->receive_lock);
    result = auvi_streams_receive(host.view, &frame, AUV_OK);
    auvi_mutex_unlock(&host.app->receive_lock);
    return result;
}

#define OK(...) assert_int_equal(take(__VA_ARGS__), AUV_OK)
#define BREACH(...) assert_int_equal(take(__VA_ARGS__), AUV_ERR_PROTOCOL)

static void state_frames_are_checked(void **state)
{
    auv_message *value;

    (void)state;
    BREACH(AUVI_FRAME_STATE_SET, 0, "k", "1");
    BREACH(AUVI_FRAME_STATE_SET, 1, "", "1");
    BREACH(AUVI_FRAME_STATE_SYNC, 1, "k", "");
    OK(AUVI_FRAME_STATE_DELETE, 1, "k", "");
    OK(AUVI_FRAME_STATE_SET, 2, "k", "1");
    assert_int_equal(auv_view_state_get(host.view, "k", NUL, &value), 1);
    auv_message_unref(value);
    host.view->streams->document++; /* of a document that is gone */
    OK(AUVI_FRAME_STATE_SET, 3, "late", "1");
    host.view->streams->document--;
    OK(AUVI_FRAME_STATE_DELETE, 3, "k", "");
    assert_int_equal(auv_view_state_get(host.view, "k", NUL, &value), 0);
}

static void a_page_cannot_fill_the_store(void **state)
{
    size_t size = 4 << 20;
    char *large = malloc(size + 1), key[16];

    (void)state;
    memset(large, '1', size);
    large[size] = '\0';
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        OK(AUVI_FRAME_STATE_SET, (uint64_t)i + 1, key, large);
    }
    free(large);
    assert_in_range(host.view->streams->bytes, size, AUV_STATE_MAX_PAGE_BYTES);
    assert_true(host.view->streams->refused > 0);
    for (int i = 0; i < AUV_STATE_MAX_KEYS + 100; i++) {
        snprintf(key, sizeof(key), "n%d", i);
        OK(AUVI_FRAME_STATE_SET, (uint64_t)i + 41, key, "1");
    }
    assert_int_equal(host.view->streams->keys, AUV_STATE_MAX_KEYS);
}

static auv_channel *open_channel(const char *name)
{
    auv_channel_options options = AUV_CHANNEL_OPTIONS_INIT;
    auv_channel *channel;

    options.window = 1000;
    options.pull = true;
    assert_int_equal(auv_channel_open(host.view, name, NUL, &options, &channel),
                     AUV_OK);
    return channel;
}

static void channel_frames_are_checked(void **state)
{
    auv_channel *channel = open_channel("x");

    (void)state;
    BREACH(AUVI_FRAME_CHANNEL_OPEN, 1, "", "");
    BREACH(AUVI_FRAME_CHANNEL_OPEN, 0, "x", "");
    OK(AUVI_FRAME_CHANNEL_DATA, 7, "70", "1"); /* nobody's */
    OK(AUVI_FRAME_CHANNEL_CREDIT, 7, "", "70");
    OK(AUVI_FRAME_CHANNEL_CLOSE, 7, "", "");
    OK(AUVI_FRAME_CHANNEL_OPEN, 7, "x", "");
    BREACH(AUVI_FRAME_CHANNEL_OPEN, 7, "y", ""); /* a number is used once */
    OK(AUVI_FRAME_CHANNEL_OPEN, 8, "y", "");
    BREACH(AUVI_FRAME_CHANNEL_OPEN, 9, "y", "");

    BREACH(AUVI_FRAME_CHANNEL_DATA, 7, "", "1");
    BREACH(AUVI_FRAME_CHANNEL_DATA, 7, "seven", "1");
    BREACH(AUVI_FRAME_CHANNEL_DATA, 7, "9999999999999", "1");
    BREACH(AUVI_FRAME_CHANNEL_DATA, 7, "63", "1"); /* too cheap */
    BREACH(AUVI_FRAME_CHANNEL_DATA, 7, "1001", "1");
    OK(AUVI_FRAME_CHANNEL_DATA, 7, "900", "1");
    BREACH(AUVI_FRAME_CHANNEL_DATA, 7, "101", "1"); /* over the window */
    OK(AUVI_FRAME_CHANNEL_DATA, 7, "100", "2");

    BREACH(AUVI_FRAME_CHANNEL_CREDIT, 7, "", "");
    BREACH(AUVI_FRAME_CHANNEL_CREDIT, 7, "", "-1");
    BREACH(AUVI_FRAME_CHANNEL_CREDIT, 7, "", "1"); /* for nothing */
    assert_int_equal(auv_channel_close(channel), 1);
    OK(AUVI_FRAME_CHANNEL_DATA, 7, "64", "3"); /* it could not know yet */
    OK(AUVI_FRAME_CHANNEL_CLOSE, 7, "", "");
    OK(AUVI_FRAME_CHANNEL_CLOSE, 7, "", "");
    auv_channel_unref(channel);
}

static void a_page_cannot_open_channels_without_end(void **state)
{
    char name[16];

    (void)state;
    for (int i = 1; i <= AUV_CHANNEL_MAX; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        OK(AUVI_FRAME_CHANNEL_OPEN, (uint64_t)i, name, "");
    }
    BREACH(AUVI_FRAME_CHANNEL_OPEN, 1000, "more", "");
    OK(AUVI_FRAME_CHANNEL_CLOSE, 3, "", "");
    OK(AUVI_FRAME_CHANNEL_OPEN, 1000, "more", "");
    pump_until_idle(host.app);
}

static void random_frames_break_nothing(void **state)
{
    static const char *const names[] = {"", "x", "y", "k", "64", "100", "999"};
    static const char *const payloads[] = {"", "1", "64", "100", "[1,2,3]"};
    unsigned seed = 1;
    auv_channel *channels[3] = {NULL};

    (void)state;
    for (int i = 0; i < 100000; i++) {
        unsigned at = (unsigned)rand_r(&seed) % 3;
        auv_message *message;

        take((enum auvi_frame_kind)(20 + rand_r(&seed) % 7),
             (uint64_t)rand_r(&seed) % 40 + (uint64_t)i / 200,
             names[rand_r(&seed) % 7], payloads[rand_r(&seed) % 5]);
        if (i % 7 == 0) {
            auv_channel_options options = {
                .size = sizeof(options), .window = 1000, .pull = at == 0};

            auv_channel_close(channels[at]);
            auv_channel_unref(channels[at]);
            channels[at] = NULL;
            auv_channel_open(host.view, at ? names[at] : "x", NUL, &options,
                             &channels[at]);
        }
        if (channels[at])
            auv_channel_send(channels[at], "1", NUL, NULL, 0);
        if (channels[0] &&
            auv_channel_receive(channels[0], 0, &message) == AUV_OK)
            auv_message_unref(message);
        if (i % 50 == 0)
            assert_true(auv_app_process(host.app) >= 0);
    }
    for (int i = 0; i < 3; i++) {
        auv_channel_close(channels[i]);
        auv_channel_unref(channels[i]);
    }
    pump_until_idle(host.app);
    assert_in_range(host.view->streams->joined, 0, AUV_CHANNEL_MAX);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_host, close_host)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(state_frames_are_checked),
        CASE(a_page_cannot_fill_the_store),
        CASE(channel_frames_are_checked),
        CASE(a_page_cannot_open_channels_without_end),
        CASE(random_frames_break_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
