/* Schemes of the host's own: what a page asks for, and every kind of answer. */
#include "harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct host host;

/* What the handler of "test:" does with the next fetches. */
static void (*answer)(auv_view *view, auv_fetch *fetch);
static int asked;
static int freed;

static void on_fetch(auv_view *view, auv_fetch *fetch, void *user)
{
    (void)user;
    asked++;
    answer(view, fetch);
}

static void count_free(void *user)
{
    ++*(int *)user;
}

static int open_host(void **state)
{
    (void)state;
    host_open(&host);
    assert_int_equal(auv_view_register_scheme(host.view, "test", 0, on_fetch,
                                              &freed, count_free),
                     AUV_OK);
    assert_int_equal(auv_view_load_html(host.view, "<title>t</title>", NUL),
                     AUV_OK);
    asked = freed = 0;
    return 0;
}

static int close_host(void **state)
{
    (void)state;
    host_close(&host);
    assert_int_equal(freed, 1);
    return 0;
}

/* The same on both engines: status, length, type, headers and body. */
static void fetch_to(const char *url, const char *range, const char *init,
                     struct outcome *out)
{
    char script[1024];

    if (on_null())
        snprintf(script, sizeof(script), "auroraview.fetch(\"%s\", \"%s\")",
                 url, range);
    else
        snprintf(
            script, sizeof(script),
            "(async () => { const r = await fetch('%s', {%s headers: '%s' ?"
            " {Range: '%s'} : {}}); const b = new Uint8Array("
            "await r.arrayBuffer()); return {status: r.status,"
            " length: b.length, type: r.headers.get('content-type'),"
            " headers: [...r.headers].map(h => h.join(': ')).join('\\n'),"
            " body: String.fromCharCode(...b.subarray(0, 100))}; })()",
            url, init, range, range);
    run_script(&host, script, out);
}

static void gives(const char *url, const char *range, const char *expected)
{
    struct outcome out;

    fetch_to(url, range, "", &out);
    assert_int_equal(out.error, AUV_OK);
    if (!strstr(out.json, expected))
        fail_msg("%s is not in %s", expected, out.json);
}

static void fails_in_the_page(const char *url)
{
    struct outcome out;

    fetch_to(url, "", "", &out);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
    assert_non_null(strstr(out.json, "TypeError"));
}

/* ---- bytes and files ------------------------------------------------------ */

static void says_hello(auv_view *view, auv_fetch *fetch)
{
    auv_response response = AUV_RESPONSE_INIT;
    const char *const headers[] = {"X-Answer: 42"};

    (void)view;
    assert_string_equal(auv_fetch_method(fetch), "GET");
    assert_null(auv_fetch_header(fetch, "X-Nothing"));
    response.mime_type = "text/x-greeting";
    response.headers = headers;
    response.header_count = 1;
    assert_int_equal(auv_fetch_reply(fetch, &response, "0123456789", 10),
                     AUV_OK);
    assert_int_equal(auv_fetch_reply(fetch, &response, "x", 1), AUV_ERR_STATE);
}

static void bytes_and_parts_of_them(void **state)
{
    (void)state;
    answer = says_hello;
    gives("test://a/b", "",
          "{\"status\":200,\"length\":10,\"type\":\"text/x-greeting\"");
    gives("test://a/b", "", on_null() ? "X-Answer: 42" : "x-answer: 42");
    gives("test://a/b", "bytes=2-4", "\"status\":206,\"length\":3");
    gives("test://a/b", "bytes=2-4", "\"body\":\"234\"");
    gives("test://a/b", "bytes=-2", "\"body\":\"89\"");
    gives("test://a/b", "bytes=10-", "\"status\":416,\"length\":0");
    assert_int_equal(asked, 6);
}

static void shows_its_url(auv_view *view, auv_fetch *fetch)
{
    const char *url = auv_fetch_url(fetch);

    (void)view;
    assert_int_equal(auv_fetch_reply(fetch, NULL, url, strlen(url)), AUV_OK);
}

static void the_url_is_the_pages(void **state)
{
    (void)state;
    answer = shows_its_url;
    gives("test://a/b%20c?d=e", "", "\"body\":\"test://a/b%20c?d=e\"");
    gives("test://a/b", "", "\"type\":\"application/octet-stream\"");
}

static void sends_a_file(auv_view *view, auv_fetch *fetch)
{
    FILE *file = tmpfile();

    (void)view;
    assert_non_null(file);
    fputs("the words of a file", file);
    fflush(file);
    /* Takes it, so not the FILE's own; and what is answered is not there yet
     * when it is closed here. */
    assert_int_equal(auv_fetch_reply_fd(fetch, NULL, dup(fileno(file)), 4, 5),
                     AUV_OK);
    fclose(file);
}

static void parts_of_a_file(void **state)
{
    (void)state;
    answer = sends_a_file;
    gives("test://a/b", "", "\"body\":\"words\"");
    gives("test://a/b", "bytes=1-2", "\"body\":\"or\"");
}

static void sends_a_pipe(auv_view *view, auv_fetch *fetch)
{
    int fds[2];

    (void)view;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "through a pipe", 14), 14);
    close(fds[1]);
    assert_int_equal(auv_fetch_reply_fd(fetch, NULL, fds[0], 0, AUV_TO_END),
                     AUV_OK);
}

static void what_comes_out_of_a_pipe(void **state)
{
    (void)state;
    answer = sends_a_pipe;
    gives("test://a/b", "", "\"body\":\"through a pipe\"");
}

static void tries_nonsense(auv_view *view, auv_fetch *fetch)
{
    auv_response response = AUV_RESPONSE_INIT;
    const char *const headers[] = {"X-A: b\r\nX-Injected: yes"};
    uint64_t first, length;

    (void)view;
    response.status = 42;
    assert_int_equal(auv_fetch_reply(fetch, &response, "", 0), AUV_ERR_ARG);
    response.status = 200;
    response.mime_type = "text/plain\r\nX-Injected: yes";
    assert_int_equal(auv_fetch_reply(fetch, &response, "", 0), AUV_ERR_ARG);
    response.mime_type = NULL;
    response.headers = headers;
    response.header_count = 1;
    assert_int_equal(auv_fetch_reply(fetch, &response, "", 0), AUV_ERR_ARG);
    assert_int_equal(auv_fetch_reply(fetch, NULL, NULL, 1), AUV_ERR_ARG);
    assert_int_equal(auv_fetch_reply(NULL, NULL, "", 0), AUV_ERR_ARG);
    assert_int_equal(auv_fetch_reply_fd(fetch, NULL, -1, 0, 0), AUV_ERR_ARG);
    assert_int_equal(
        auv_fetch_reply_fd(fetch, NULL, open("/dev/null", O_RDONLY), 0, 0),
        AUV_ERR_ARG);
    assert_int_equal(auv_fetch_write(fetch, "x", 1), AUV_ERR_STATE);
    assert_int_equal(auv_fetch_end(fetch, AUV_OK), AUV_ERR_STATE);
    assert_int_equal(auv_fetch_range(fetch, 10, &first, &length), 0);
    assert_false(auv_fetch_is_cancelled(fetch));
    /* And leaves without an answer. */
}

static void an_answer_that_is_none(void **state)
{
    (void)state;
    answer = tries_nonsense;
    gives("test://a/b", "", "\"status\":500");
    gives("test://a/b", "", "The application gave no answer.");
}

/* ---- later, and never ----------------------------------------------------- */

static auv_fetch *kept;

static void keeps_it(auv_view *view, auv_fetch *fetch)
{
    (void)view;
    kept = auv_fetch_ref(fetch);
}

static void *answers_elsewhere(void *user)
{
    (void)user;
    assert_int_equal(auv_fetch_reply(kept, NULL, "late", 4), AUV_OK);
    auv_fetch_unref(kept);
    return NULL;
}

static void starts_a_thread(auv_view *view, auv_fetch *fetch)
{
    pthread_t thread;

    keeps_it(view, fetch);
    assert_int_equal(pthread_create(&thread, NULL, answers_elsewhere, NULL), 0);
    assert_int_equal(pthread_detach(thread), 0);
}

static void a_later_answer_of_another_thread(void **state)
{
    (void)state;
    answer = starts_a_thread;
    gives("test://a/b", "", "\"body\":\"late\"");
}

static void start_fetch(const char *url, struct outcome *out)
{
    char script[256];

    snprintf(script, sizeof(script),
             on_null() ? "auroraview.fetch(\"%s\")" : "fetch('%s')", url);
    memset(out, 0, sizeof(*out));
    assert_int_equal(
        auv_view_eval(host.view, script, NUL, DEADLINE_MS, on_result, out),
        AUV_OK);
}

static bool is_given_up(void *user)
{
    (void)user;
    return auv_fetch_is_cancelled(kept);
}

static void a_page_that_leaves_gives_up(void **state)
{
    struct outcome out;

    (void)state;
    answer = keeps_it;
    start_fetch("test://a/b", &out);
    pump_until_count(host.app, &asked, 1);
    assert_false(auv_fetch_is_cancelled(kept));
    auv_view_load_html(host.view, "<p>another", NUL);
    pump_until(host.app, is_given_up, NULL);
    assert_int_equal(auv_fetch_reply(kept, NULL, "x", 1), AUV_ERR_CANCELLED);
    assert_int_equal(
        auv_fetch_reply_fd(kept, NULL, open("/dev/zero", O_RDONLY), 0, 0),
        AUV_ERR_ARG);
    auv_fetch_unref(kept);
    pump_until_count(host.app, &out.calls, 1);
    answer = says_hello;
    gives("test://a/b", "", "\"status\":200");
}

static void a_closed_view_gives_up(void **state)
{
    struct outcome out;

    (void)state;
    answer = keeps_it;
    start_fetch("test://a/b", &out);
    pump_until_count(host.app, &asked, 1);
    auv_view_request_close(host.view, AUV_CLOSE_APP);
    assert_true(auv_fetch_is_cancelled(kept));
    assert_int_equal(auv_fetch_reply(kept, NULL, "x", 1), AUV_ERR_CLOSED);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    assert_int_equal(auv_fetch_reply(kept, NULL, "x", 1), AUV_ERR_CLOSED);
    auv_fetch_unref(kept);
}

/* ---- streams -------------------------------------------------------------- */

static uint64_t written, to_write;
static int rooms, full, stream_freed, stream_error, end_with;
static char block[65536];

static void on_room(auv_fetch *fetch, int error, void *user)
{
    assert_ptr_equal(user, &stream_freed);
    rooms++;
    stream_error = error;
    if (error < 0)
        return;
    while (written < to_write) {
        size_t size = to_write - written < sizeof(block)
                          ? (size_t)(to_write - written)
                          : sizeof(block);
        int taken = auv_fetch_write(fetch, block, size);

        assert_true(taken >= 0);
        written += (uint64_t)taken;
        if ((size_t)taken < size) {
            full++;
            return;
        }
    }
    assert_int_equal(auv_fetch_end(fetch, end_with), AUV_OK);
    assert_int_equal(auv_fetch_end(fetch, end_with), AUV_ERR_STATE);
    assert_int_equal(auv_fetch_write(fetch, "x", 1), AUV_ERR_STATE);
}

static void streams(auv_view *view, auv_fetch *fetch)
{
    auv_response response = AUV_RESPONSE_INIT;

    (void)view;
    response.mime_type = "text/plain";
    assert_int_equal(auv_fetch_stream(fetch, &response, AUV_TO_END, on_room,
                                      &stream_freed, count_free),
                     AUV_OK);
}

static void stream_of(uint64_t bytes)
{
    answer = streams;
    memset(block, 'x', sizeof(block));
    to_write = bytes;
    written = 0;
    rooms = full = stream_freed = stream_error = end_with = 0;
}

static void a_stream_is_written_as_there_is_room(void **state)
{
    (void)state;
    stream_of(5);
    gives("test://a/b", "", "\"body\":\"xxxxx\"");
    pump_until_count(host.app, &stream_freed, 1);
    assert_int_equal(rooms, 1);

    stream_of(20u << 20);
    gives("test://a/b", "", "\"status\":200,\"length\":20971520");
    pump_until_count(host.app, &stream_freed, 1);
    /* More than a socket holds: so it was told of room again and again. */
    assert_true(full > 4);

    stream_of(0);
    gives("test://a/b", "", "\"length\":0");
}

static void a_stream_that_is_cut_off_is_an_error(void **state)
{
    (void)state;
    stream_of(1u << 20);
    end_with = AUV_ERR_SYSTEM;
    fails_in_the_page("test://a/b");
    pump_until_count(host.app, &stream_freed, 1);
}

static void keeps_a_stream(auv_view *view, auv_fetch *fetch)
{
    keeps_it(view, fetch);
    streams(view, fetch);
}

static bool is_left(void *user)
{
    (void)user;
    return stream_error < 0;
}

static void a_reader_that_leaves_is_told(void **state)
{
    struct outcome out;

    (void)state;
    stream_of(UINT64_MAX); /* without an end */
    answer = keeps_a_stream;
    start_fetch("test://a/b", &out);
    pump_until_count(host.app, &full, 1);
    auv_view_load_html(host.view, "<p>another", NUL);
    pump_until(host.app, is_left, NULL);
    assert_int_equal(stream_error, AUV_ERR_CANCELLED);
    pump_until_count(host.app, &stream_freed, 1);
    assert_true(auv_fetch_is_cancelled(kept));
    auv_fetch_unref(kept);

    /* The same when the view closes. */
    stream_of(UINT64_MAX);
    answer = keeps_a_stream;
    start_fetch("test://a/b", &out);
    pump_until_count(host.app, &full, 1);
    auv_view_request_close(host.view, AUV_CLOSE_APP);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    pump_until_count(host.app, &stream_freed, 1);
    assert_true(stream_error < 0);
    auv_fetch_unref(kept);
}

static void leaves_a_stream_to_destroy(void **state)
{
    struct outcome out;

    (void)state;
    stream_of(UINT64_MAX);
    start_fetch("test://a/b", &out);
    pump_until_count(host.app, &full, 1);
    host_close(&host); /* and everything is freed there */
    assert_int_equal(stream_freed, 1);
    host_open(&host);
    assert_int_equal(auv_view_register_scheme(host.view, "test", 0, on_fetch,
                                              &freed, count_free),
                     AUV_OK);
    freed = 0;
}

/* ---- many ----------------------------------------------------------------- */

static void many_at_once(void **state)
{
    enum {
        COUNT = 1000
    };
    struct outcome *out = calloc(COUNT, sizeof(*out));
    int done = 0;

    (void)state;
    assert_non_null(out);
    answer = says_hello;
    for (int i = 0; i < COUNT; i++)
        start_fetch("test://a/b", &out[i]);
    while (done < COUNT) {
        pump_until_count(host.app, &out[done].calls, 1);
        assert_int_equal(out[done].error, AUV_OK);
        done++;
    }
    assert_int_equal(asked, COUNT);
    free(out);
}

/* ---- registering ---------------------------------------------------------- */

static void only_free_schemes_are_taken(void **state)
{
    static const char *const refused[] = {
        "",           "1a",
        "a b",        "a:b",
        "a/b",        "\xc3\xa9",
        "http",       "HTTPS",
        "file",       "auroraview",
        "data",       "about",
        "blob",       "ws",
        "javascript", "a-name-of-a-scheme-that-goes-on-for-ever"};
    int unused = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_int_equal(auv_view_register_scheme(host.view, refused[i], 0,
                                                  on_fetch, &unused,
                                                  count_free),
                         AUV_ERR_ARG);
    assert_int_equal(auv_view_register_scheme(host.view, NULL, 0, on_fetch,
                                              &unused, count_free),
                     AUV_ERR_ARG);
    assert_int_equal(
        auv_view_register_scheme(host.view, "ok", -1, on_fetch, NULL, NULL),
        AUV_ERR_ARG);
    assert_int_equal(
        auv_view_register_scheme(NULL, "ok", 0, on_fetch, NULL, NULL),
        AUV_ERR_ARG);
    assert_int_equal(
        auv_view_register_scheme(host.view, "ok", 0, NULL, NULL, NULL),
        AUV_ERR_ARG);
    assert_int_equal(unused, 0);
}

static int second;

static void on_second(auv_view *view, auv_fetch *fetch, void *user)
{
    (void)view;
    ++*(int *)user;
    auv_fetch_reply(fetch, NULL, "second", 6);
}

static void a_second_handler_replaces_the_first(void **state)
{
    (void)state;
    answer = says_hello;
    gives("test://a/b", "", "\"length\":10");
    assert_int_equal(auv_view_register_scheme(host.view, "TEST", 0, on_second,
                                              &second, NULL),
                     AUV_OK);
    pump_until_count(host.app, &freed, 1);
    gives("test://a/b", "", "\"body\":\"second\"");
    assert_int_equal(second, 1);
}

/* ---- on a real engine only ------------------------------------------------ */

static void a_host_that_does_not_come(void **state)
{
    struct outcome out;

    (void)state;
    if (on_null())
        return;
    assert_int_equal(
        auv_view_register_scheme(host.view, "slow", 50, on_fetch, NULL, NULL),
        AUV_OK);
    answer = keeps_it;
    fetch_to("slow://a/b", "", "", &out);
    assert_int_equal(out.error, AUV_OK);
    assert_non_null(strstr(out.json, "\"status\":504"));
    pump_until(host.app, is_given_up, NULL);
    assert_int_equal(auv_fetch_reply(kept, NULL, "x", 1), AUV_ERR_CANCELLED);
    auv_fetch_unref(kept);
    /* Nothing hangs: the next is answered. */
    answer = says_hello;
    gives("slow://a/b", "", "\"status\":200");
}

static void heads_and_other_methods(void **state)
{
    struct outcome out;

    (void)state;
    if (on_null())
        return;
    answer = shows_its_url;
    fetch_to("test://a/b", "", "method: 'HEAD',", &out);
    assert_non_null(strstr(out.json, "\"status\":200,\"length\":0"));
    assert_non_null(strstr(out.json, "content-length: 10"));
    fetch_to("test://a/b", "", "method: 'POST',", &out);
    assert_non_null(strstr(out.json, "\"status\":405"));
    assert_int_equal(asked, 1);
}

static void is_a_page(auv_view *view, auv_fetch *fetch)
{
    static const char page[] =
        "<!doctype html><title>x</title><script>document.title = 'inline ran'"
        "</script><script src=script.js></script>";
    static const char script[] =
        "document.title = [typeof auroraview, isSecureContext,"
        " location.origin].join(' ')";
    auv_response response = AUV_RESPONSE_INIT;
    bool is_script = strstr(auv_fetch_url(fetch), ".js") != NULL;
    const char *text = is_script ? script : page;

    (void)view;
    response.mime_type = is_script ? "text/javascript" : "text/html";
    assert_int_equal(auv_fetch_reply(fetch, &response, text, strlen(text)),
                     AUV_OK);
}

static bool has_title(void *user)
{
    for (size_t i = 0; i < host.event_count; i++)
        if (host.events[i].kind == AUV_EVENT_TITLE &&
            strcmp(host.events[i].text, user) == 0)
            return true;
    return false;
}

static void a_page_of_the_scheme_has_no_bridge_unless_listed(void **state)
{
    (void)state;
    if (on_null())
        return;
    answer = is_a_page;
    assert_int_equal(auv_view_navigate(host.view, "test://a/page"), AUV_OK);
    pump_until(host.app, has_title, "undefined true test://a");
    assert_false(has_title("inline ran")); /* the default policy holds */
    assert_int_equal(auv_view_allow_origin(host.view, "test://a"), AUV_OK);
    host.event_count = 0;
    assert_int_equal(auv_view_navigate(host.view, "test://a/page"), AUV_OK);
    pump_until(host.app, has_title, "object true test://a");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_host, close_host)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(bytes_and_parts_of_them),
        CASE(the_url_is_the_pages),
        CASE(parts_of_a_file),
        CASE(what_comes_out_of_a_pipe),
        CASE(an_answer_that_is_none),
        CASE(a_later_answer_of_another_thread),
        CASE(a_page_that_leaves_gives_up),
        CASE(a_closed_view_gives_up),
        CASE(a_stream_is_written_as_there_is_room),
        CASE(a_stream_that_is_cut_off_is_an_error),
        CASE(a_reader_that_leaves_is_told),
        CASE(leaves_a_stream_to_destroy),
        CASE(many_at_once),
        CASE(only_free_schemes_are_taken),
        CASE(a_second_handler_replaces_the_first),
        CASE(a_host_that_does_not_come),
        CASE(heads_and_other_methods),
        CASE(a_page_of_the_scheme_has_no_bridge_unless_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
