/* Audio and video from the asset folder and from a scheme of the host's: it
 * plays, can be sought in, ends; and costs nobody but its own element. */
#include "harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/auroraview-media-XXXXXX";
static struct host host;

static const char page[] =
    "<!doctype html><script>"
    /* Muted, as a page may play only that without a click. */
    "const play = (src, tag, to) => new Promise(done => {"
    "  const e = document.createElement(tag);"
    "  e.muted = true; let began, sought;"
    "  e.onplaying = () => { if (began) return; began = e.currentTime;"
    "    const look = () => e.currentTime > began + 0.05"
    "      ? (to && (e.currentTime = to)) : setTimeout(look, 5); look(); };"
    "  e.onseeked = () => sought = sought || e.currentTime;"
    "  e.onended = () => done([Math.round(e.duration * 10) / 10,"
    "    Math.abs(e.currentTime - e.duration) < 0.1,"
    "    to ? Math.abs(sought - to) < 0.05 : sought,"
    "    tag === 'video' ? e.videoWidth : 0]);"
    "  e.onerror = () => done('error ' + e.error.code);"
    "  document.documentElement.append(e);"
    "  e.src = src; e.play().catch(() => 0); });"
    "</script>";

static void put32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

/* One second of a tone: 8 kHz, mono, 8 bits. */
static size_t make_wav(unsigned char out[8044])
{
    memcpy(out, "RIFF\0\0\0\0WAVEfmt \20\0\0\0\1\0\1\0", 24);
    put32(out + 4, 8036);
    put32(out + 24, 8000);
    put32(out + 28, 8000);
    memcpy(out + 32, "\1\0\10\0data", 8);
    put32(out + 40, 8000);
    for (int i = 0; i < 8000; i++)
        out[44 + i] = i / 10 % 2 ? 160 : 96;
    return 8044;
}

static unsigned char wav[8044];

static void copy_file(const char *name)
{
    char command[512];

    snprintf(command, sizeof(command), "cp '%s/%s' '%s'", AUV_TEST_DATA, name,
             folder);
    assert_int_equal(system(command), 0);
}

static int make_folder(void **state)
{
    char path[128];
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/tone.wav", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(wav, 1, make_wav(wav), file), sizeof(wav));
    fclose(file);
    copy_file("ball.webm");
    copy_file("ticks.ogg");
    return 0;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command);
}

static void plays(const char *src, const char *tag, const char *to,
                  const char *expected)
{
    struct outcome out;
    char script[256];

    snprintf(script, sizeof(script), "play('%s', '%s', %s)", src, tag, to);
    run_script(&host, script, &out);
    assert_int_equal(out.error, AUV_OK);
    assert_string_equal(out.json, expected);
}

/* ---- a scheme ------------------------------------------------------------- */

static enum {
    BYTES,
    PARTS,
    WHOLE,
    NEVER,
    BIG
} how;
static uint64_t furthest; /* first byte that was asked for */
static int asked;
static auv_fetch *kept;

struct body {
    uint64_t at, left;
    uint64_t pause; /* where the host has no more for now */
};

static void on_room(auv_fetch *fetch, int error, void *user)
{
    struct body *body = user;

    while (error == AUV_OK && body->left) {
        /* Slowly: a few at a time. */
        size_t size = body->left < 500 ? (size_t)body->left : 500;
        int taken = auv_fetch_write(fetch, wav + body->at, size);

        if (taken < 0)
            return;
        body->at += (uint64_t)taken;
        body->left -= (uint64_t)taken;
        if ((size_t)taken < size)
            return;
    }
    if (error == AUV_OK)
        auv_fetch_end(fetch, AUV_OK);
}

static void stream_wav(auv_fetch *fetch, bool parts)
{
    auv_response response = AUV_RESPONSE_INIT;
    struct body *body = calloc(1, sizeof(*body));
    char range[64];
    const char *const headers[] = {range};

    assert_non_null(body);
    response.mime_type = "audio/wav";
    body->left = sizeof(wav);
    if (parts &&
        auv_fetch_range(fetch, sizeof(wav), &body->at, &body->left) == 1) {
        snprintf(range, sizeof(range), "Content-Range: bytes %llu-%llu/%zu",
                 (unsigned long long)body->at,
                 (unsigned long long)(body->at + body->left - 1), sizeof(wav));
        response.status = 206;
        response.headers = headers;
        response.header_count = 1;
    }
    assert_int_equal(
        auv_fetch_stream(fetch, &response, body->left, on_room, body, free),
        AUV_OK);
}

/* Silence of 680 seconds: 44.1 kHz, stereo, 16 bits. */
#define BIG_SIZE ((uint64_t)680 * 176400 + 44)

static void on_big_room(auv_fetch *fetch, int error, void *user)
{
    static const unsigned char zeros[65536];
    unsigned char header[44] = {0};
    struct body *body = user;

    memcpy(header, "RIFF\0\0\0\0WAVEfmt \20\0\0\0\1\0\2\0", 24);
    put32(header + 4, (uint32_t)BIG_SIZE - 8);
    put32(header + 24, 44100);
    put32(header + 28, 176400);
    memcpy(header + 32, "\4\0\20\0data", 8);
    put32(header + 40, (uint32_t)BIG_SIZE - 44);
    while (error == AUV_OK && body->left && body->at < body->pause) {
        bool in_header = body->at < sizeof(header);
        size_t size =
            in_header ? sizeof(header) - (size_t)body->at : sizeof(zeros);
        int taken;

        if (size > body->left)
            size = (size_t)body->left;
        taken =
            auv_fetch_write(fetch, in_header ? header + body->at : zeros, size);
        if (taken < 0)
            return;
        body->at += (uint64_t)taken;
        body->left -= (uint64_t)taken;
        if ((size_t)taken < size)
            return;
    }
    if (error == AUV_OK && !body->left)
        auv_fetch_end(fetch, AUV_OK);
}

static void stream_big(auv_fetch *fetch)
{
    auv_response response = AUV_RESPONSE_INIT;
    struct body *body = calloc(1, sizeof(*body));
    char range[96];
    const char *const headers[] = {range};

    assert_non_null(body);
    assert_int_equal(auv_fetch_range(fetch, BIG_SIZE, &body->at, &body->left),
                     1);
    if (body->at > furthest)
        furthest = body->at;
    body->pause = body->at + (8u << 20);
    snprintf(range, sizeof(range), "Content-Range: bytes %llu-%llu/%llu",
             (unsigned long long)body->at,
             (unsigned long long)(body->at + body->left - 1),
             (unsigned long long)BIG_SIZE);
    response.status = 206;
    response.mime_type = "audio/wav";
    response.headers = headers;
    response.header_count = 1;
    assert_int_equal(
        auv_fetch_stream(fetch, &response, body->left, on_big_room, body, free),
        AUV_OK);
}

static void on_fetch(auv_view *view, auv_fetch *fetch, void *user)
{
    auv_response response = AUV_RESPONSE_INIT;

    (void)view;
    (void)user;
    asked++;
    response.mime_type = "audio/wav";
    if (how == BYTES)
        auv_fetch_reply(fetch, &response, wav, sizeof(wav));
    else if (how == BIG)
        stream_big(fetch);
    else if (how == NEVER)
        kept = auv_fetch_ref(fetch);
    else
        stream_wav(fetch, how == PARTS);
}

static int open_host(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;

    (void)state;
    memset(&host, 0, sizeof(host));
    host.app = open_app(NULL);
    options.asset_root = folder;
    options.html = page;
    assert_int_equal(auv_view_create(host.app, &options, &host.view), AUV_OK);
    assert_true(auv_view_observe(host.view, record_event, &host, NULL) > 0);
    assert_int_equal(
        auv_view_register_scheme(host.view, "scene", 0, on_fetch, NULL, NULL),
        AUV_OK);
    asked = 0;
    pump_until_event(&host, AUV_EVENT_LOADED);
    return 0;
}

static int close_host(void **state)
{
    (void)state;
    host_close(&host);
    return 0;
}

/* ---- the tests ------------------------------------------------------------ */

static void files_play_seek_and_end(void **state)
{
    (void)state;
    plays("tone.wav", "audio", "0.7", "[1,true,true,0]");
    plays("ticks.ogg", "audio", "0.7", "[1,true,true,0]");
    plays("ball.webm", "video", "0.7", "[1,true,true,64]");
    plays("ball.webm?again#t", "video", "0", "[1,true,null,64]");
}

static void what_is_no_medium_is_an_error(void **state)
{
    (void)state;
    plays("none.webm", "video", "0", "\"error 4\"");
    plays("auroraview://localhost/..%2f..%2fetc%2fpasswd", "audio", "0",
          "\"error 4\"");
    plays("nobody://localhost/x", "audio", "0", "\"error 4\"");
}

static void a_hosts_bytes_play(void **state)
{
    (void)state;
    how = BYTES;
    plays("scene://a/tone", "audio", "0.7", "[1,true,true,0]");
    assert_int_equal(asked, 1);
}

static void a_stream_with_parts_can_be_sought_in(void **state)
{
    (void)state;
    how = PARTS;
    plays("scene://a/tone", "audio", "0.7", "[1,true,true,0]");
}

/* Past what the host has sent: so the host is asked for that part. */
static void a_far_seek_asks_for_the_part(void **state)
{
    (void)state;
    how = BIG;
    furthest = 0;
    check_value(&host,
                "new Promise(done => { const e = window.big = new Audio();"
                " e.muted = true;"
                " e.onplaying = () => { e.onplaying = null;"
                "  e.currentTime = 600; };"
                " e.onseeked = () => { const t = e.currentTime; const look ="
                "  () => e.currentTime > t + 0.05 ?"
                "   done([Math.round(e.duration), Math.abs(t - 600) < 0.1])"
                "   : setTimeout(look, 5); look(); };"
                " e.onerror = () => done('error'); e.src = 'scene://a/big';"
                " e.play(); })",
                "[680,true]");
    assert_true(furthest > 590ull * 176400 && furthest < 601ull * 176400);
}

static void a_stream_as_a_whole_plays(void **state)
{
    (void)state;
    how = WHOLE;
    plays("scene://a/tone", "audio", "0", "[1,true,null,0]");
}

static bool is_asked(void *user)
{
    (void)user;
    return asked > 0;
}

static void a_host_that_does_not_come_stops_nobody(void **state)
{
    (void)state;
    how = NEVER;
    check_value(&host, "window.late = play('scene://a/tone', 'audio', 0), null",
                "null");
    pump_until(host.app, is_asked, NULL);
    /* The page goes on, other media too, and the player can be let go. */
    check_value(&host, "1 + 1", "2");
    plays("tone.wav", "audio", "0", "[1,true,null,0]");
    check_value(&host,
                "const e = document.querySelector('audio');"
                "e.removeAttribute('src'); e.load(); 'stopped'",
                "\"stopped\"");
    auv_fetch_unref(kept);
}

static void foreign_frames_shut_it_off(void **state)
{
    (void)state;
    check_value(&host,
                "new Promise(done => {"
                " onmessage = e => done(e.data);"
                " const f = document.createElement('iframe');"
                " f.src = 'data:text/html,<script>parent.postMessage('"
                "  + '\"in\", \"*\")</' + 'script>';"
                " document.documentElement.append(f); })",
                "\"in\"");
    plays("tone.wav", "audio", "0", "\"error 4\"");
    /* Until the next page. */
    host.event_count = 0;
    assert_int_equal(auv_view_load_html(host.view, page, NUL), AUV_OK);
    plays("tone.wav", "audio", "0", "[1,true,null,0]");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_host, close_host)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(files_play_seek_and_end),
        CASE(what_is_no_medium_is_an_error),
        CASE(a_hosts_bytes_play),
        CASE(a_stream_with_parts_can_be_sought_in),
        CASE(a_far_seek_asks_for_the_part),
        CASE(a_stream_as_a_whole_plays),
        CASE(a_host_that_does_not_come_stops_nobody),
        CASE(foreign_frames_shut_it_off),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
