/*
 * test_bridge.c - the page extension in a real WebKit page process.
 */
#include "page_host.h"

#include <glib-unix.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_hello(void **state)
{
    struct host *host = *state;
    uint32_t generation = open_page(host, GRANTED "/plain", true);

    assert_int_equal(generation >> 16, host->link_generation);
    assert_true(generation & 0xffff);
    assert_eval(host, "self.origin", "\"" GRANTED "\"");
    assert_eval(host, "typeof auroraview.call", "\"function\"");
    /* No native is within reach: the names of the global are the usual ones. */
    assert_eval(host,
                "Object.getOwnPropertyNames(window).filter("
                "n => /native|auv|bridge/i.test(n)).join()",
                "\"\"");
}

static void test_call(void **state)
{
    struct host *host = *state;
    struct message *call;

    open_page(host, GRANTED "/plain", true);
    assert_eval(host,
                "window.p = auroraview.call('sum', {a: 1});"
                "p.then(v => { window.v = v; }); 0",
                "0");
    call = await(host, AUVI_FRAME_CALL, 0);
    assert_string_equal(call->name, "sum");
    assert_string_equal(call->payload, "{\"a\":1}");
    assert_int_equal(call->frame.generation, host->generation);
    send_text(host, AUVI_FRAME_REPLY, call->frame.id, "", "{\"s\":[3]}");
    assert_eval(host, "p.then(v => v.s[0])", "3");
    message_free(call);

    assert_eval(host, "window.p = auroraview.call('x'); p.catch(() => {}); 0",
                "0");
    call = await(host, AUVI_FRAME_CALL, 0);
    {
        struct auvi_frame frame;

        auvi_frame_init(&frame, AUVI_FRAME_REPLY);
        frame.flags = AUVI_FRAME_ERROR;
        frame.id = call->frame.id;
        frame.generation = host->generation;
        frame.payload = "{\"name\":\"KeyError\",\"message\":\"m\",\"code\":7}";
        frame.payload_length = strlen(frame.payload);
        send_frame(host, &frame);
        flush_link(host);
    }
    assert_eval(host,
                "p.catch(e => [e instanceof Error, e.name, e.message, e.code])",
                "[true,\"KeyError\",\"m\",7]");
    message_free(call);

    /* An answer that is no text a page can read ends the call, not the link. */
    assert_eval(host, "window.p = auroraview.call('x'); p.catch(() => {}); 0",
                "0");
    call = await(host, AUVI_FRAME_CALL, 0);
    send_text(host, AUVI_FRAME_REPLY, call->frame.id, "", "\"\x1e\xff\"");
    assert_eval(host, "p.catch(e => e.name)", "\"ProtocolError\"");
    message_free(call);
}

/* What awaits an answer runs before anything that the host sent after it. */
static void test_order(void **state)
{
    struct host *host = *state;
    struct message *message;
    struct auvi_frame frame;

    open_page(host, GRANTED "/plain", true);
    assert_eval(host,
                "window.log = []; auroraview.on('e', () => log.push('event'));"
                "(async () => { await auroraview.call('x'); "
                "log.push('answer'); })(); 0",
                "0");
    message = await(host, AUVI_FRAME_CALL, 0);
    auvi_frame_init(&frame, AUVI_FRAME_REPLY);
    frame.id = message->frame.id;
    frame.generation = host->generation;
    send_frame(host, &frame);
    auvi_frame_init(&frame, AUVI_FRAME_EVENT);
    frame.name = "e";
    frame.name_length = 1;
    send_frame(host, &frame);
    assert_eval(host, "log", "[\"answer\",\"event\"]");
    message_free(message);
}

static void test_cancel(void **state)
{
    struct host *host = *state;
    struct message *message;
    uint64_t id;

    open_page(host, GRANTED "/plain", true);
    assert_eval(host,
                "window.c = new AbortController(); window.p = auroraview.call("
                "'slow', null, {signal: c.signal}).catch(e => e.name); 0",
                "0");
    message = await(host, AUVI_FRAME_CALL, 0);
    id = message->frame.id;
    message_free(message);
    assert_eval(host, "c.abort(); p", "\"AbortError\"");
    message_free(await(host, AUVI_FRAME_CANCEL, id));

    assert_eval(host,
                "auroraview.call('slow', null, {timeout: 20})"
                ".catch(e => [e.name, e.code])",
                "[\"Timeout\",-4]");
    message_free(await(host, AUVI_FRAME_CANCEL, 0));
}

static void test_parts(void **state)
{
    enum {
        MIB = 1 << 20
    };
    struct host *host = *state;
    struct auvi_frame frame;
    struct message *message;
    float numbers[] = {1.5f, -2.0f};
    uint8_t *big = g_malloc(MIB);
    gsize length;
    const uint8_t *bytes;

    open_page(host, GRANTED "/plain", true);
    assert_eval(host,
                "window.big = new Uint8Array(1 << 20);"
                "big.forEach((_, i) => { big[i] = i * 7; });"
                "window.p = auroraview.call('b', {big, small: "
                "new Int16Array([1, -1]), view: new DataView(big.buffer, 7, 2),"
                "none: new ArrayBuffer(0), $auv: 3}); 0",
                "0");
    message = await(host, AUVI_FRAME_CALL, 0);
    assert_string_equal(message->payload,
                        "{\"$auv\":[\"esc\",{\"big\":{\"$auv\":0},\"small\":"
                        "{\"$auv\":1},\"view\":{\"$auv\":2},\"none\":"
                        "{\"$auv\":3},\"$auv\":3}]}");
    assert_int_equal(message->frame.part_count, 4);
    assert_int_equal(message->frame.parts[0].type, AUV_PART_U8);
    assert_int_equal(message->frame.parts[1].type, AUV_PART_I16);
    assert_int_equal(message->frame.parts[2].type, AUV_PART_BUFFER);
    bytes = g_bytes_get_data(message->parts[0], &length);
    assert_int_equal(length, MIB);
    for (size_t i = 0; i < MIB; i++) {
        if (bytes[i] != (uint8_t)(i * 7))
            fail_msg("byte %zu", i);
        big[i] = (uint8_t)(i * 3);
    }
    bytes = g_bytes_get_data(message->parts[2], &length);
    assert_int_equal(length, 2);
    assert_int_equal(bytes[1], 56);

    auvi_frame_init(&frame, AUVI_FRAME_REPLY);
    frame.id = message->frame.id;
    frame.generation = host->generation;
    frame.payload =
        "[{\"$auv\":1},{\"$auv\":0},{\"$auv\":[\"esc\",{\"$auv\":5}]}]";
    frame.payload_length = strlen(frame.payload);
    frame.part_count = 2;
    frame.parts[0] =
        (struct auvi_frame_part){numbers, sizeof(numbers), AUV_PART_F32, -1};
    frame.parts[1] = (struct auvi_frame_part){big, MIB, AUV_PART_BUFFER, -1};
    send_frame(host, &frame);
    flush_link(host);
    assert_eval(host,
                "p.then(v => [v[0] instanceof ArrayBuffer, v[0].byteLength,"
                "new Uint8Array(v[0]).every((b, i) => b === (i * 3 & 255)),"
                "v[1] instanceof Float32Array, ...v[1], v[2].$auv])",
                "[true,1048576,true,true,1.5,-2,5]");
    message_free(message);

    /* Sending does not pin what is small: it can still be transferred. */
    assert_eval(host,
                "window.s = new Uint8Array(10); auroraview.emit('e', s);"
                "structuredClone(s.buffer, {transfer: [s.buffer]});"
                "s.buffer.byteLength",
                "0");
    g_free(big);
}

static void test_large_text(void **state)
{
    struct host *host = *state;
    struct message *message;
    GString *text = g_string_new("\"");

    open_page(host, GRANTED "/plain", true);
    assert_eval(host, "window.p = auroraview.call('t', 'é'.repeat(1 << 20)); 0",
                "0");
    message = await(host, AUVI_FRAME_CALL, 0);
    assert_int_equal(message->frame.payload_length, 2 * (1 << 20) + 2);
    for (int i = 0; i < 1 << 20; i++)
        g_string_append(text, "ß");
    g_string_append_c(text, '"');
    send_text(host, AUVI_FRAME_REPLY, message->frame.id, "", text->str);
    assert_eval(host, "p.then(v => v.length + v[0] + v.at(-1))",
                "\"1048576ßß\"");
    message_free(message);

    g_string_assign(text, "'");
    for (int i = 0; i < 1 << 17; i++)
        g_string_append(text, "x");
    g_string_append(text, "'.length");
    assert_eval(host, text->str, "131072");
    g_string_free(text, TRUE);
}

static void test_in_flight(void **state)
{
    struct host *host = *state;

    open_page(host, GRANTED "/plain", true);
    assert_eval(host,
                "window.p = Promise.all(Array.from({length: 1000}, (_, i) =>"
                "auroraview.call('n', i))); 0",
                "0");
    for (int i = 0; i < 1000; i++) {
        struct message *message = await(host, AUVI_FRAME_CALL, 0);
        struct auvi_frame frame;

        assert_int_equal(atoi(message->payload), i);
        auvi_frame_init(&frame, AUVI_FRAME_REPLY);
        frame.id = message->frame.id;
        frame.generation = host->generation;
        frame.payload = message->payload;
        frame.payload_length = strlen(message->payload);
        send_frame(host, &frame);
        message_free(message);
    }
    flush_link(host);
    assert_eval(host, "p.then(a => a.every((v, i) => v === i) && a.length)",
                "1000");
}

static void test_events(void **state)
{
    struct host *host = *state;
    struct message *message;

    open_page(host, GRANTED "/plain", true);
    send_text(host, AUVI_FRAME_EVENT, 0, "early", "1");
    send_text(host, AUVI_FRAME_EVENT, 0, "early", "{\"a\":[2]}");
    assert_eval(host,
                "window.got = []; auroraview.on('early', d => got.push(d));"
                "new Promise(r => setTimeout(r, 0)).then(() => got)",
                "[1,{\"a\":[2]}]");
    send_text(host, AUVI_FRAME_EVENT, 0, "early", "\"late\"");
    assert_eval(host, "got[2]", "\"late\"");
    assert_eval(
        host, "auroraview.emit('up', {x: 'y'}); auroraview.send_event('up'); 0",
        "0");
    message = await(host, AUVI_FRAME_EVENT, 0);
    assert_string_equal(message->name, "up");
    assert_string_equal(message->payload, "{\"x\":\"y\"}");
    message_free(message);
    message = await(host, AUVI_FRAME_EVENT, 0);
    assert_int_equal(message->frame.payload_length, 0);
    message_free(message);
}

static void test_eval(void **state)
{
    struct host *host = *state;
    struct message *message;
    char script[] = "'a\0b'.length";
    struct auvi_frame frame;

    open_page(host, GRANTED "/plain", true);
    assert_eval(host, "1 + 1", "2");
    assert_eval(host, "undefined", "null");
    assert_eval(host, "", "null");
    assert_eval(host, "Promise.resolve({a: 1})", "{\"a\":1}");
    assert_eval(host, "new Promise(r => setTimeout(() => r('t'), 5))", "\"t\"");
    message = eval(host, "new Uint16Array([258])");
    assert_string_equal(message->payload, "{\"$auv\":0}");
    assert_int_equal(message->frame.parts[0].type, AUV_PART_U16);
    assert_memory_equal(g_bytes_get_data(message->parts[0], NULL), "\2\1", 2);
    message_free(message);

    static const char *const bad[][2] = {
        {"throw new RangeError('r')", "RangeError"},
        {"Promise.reject(new TypeError('t'))", "TypeError"},
        {"syntax error here", "SyntaxError"},
        {"throw 'text'", "text"},
        {"window.o = {}; o.o = o; o", "TypeError"},
        {"({get then() { throw new EvalError('g') }})", "EvalError"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        message = eval(host, bad[i][0]);
        assert_true(message->frame.flags & AUVI_FRAME_ERROR);
        assert_non_null(strstr(message->payload, bad[i][1]));
        assert_non_null(strstr(message->payload, "\"stack\""));
        message_free(message);
    }

    auvi_frame_init(&frame, AUVI_FRAME_EVAL);
    frame.id = ++host->next_eval;
    frame.payload = script;
    frame.payload_length = sizeof(script) - 1;
    send_frame(host, &frame);
    flush_link(host);
    /* WebKit takes a NUL for the end of the source: an error, but not a script
     * that is cut short. */
    message = await(host, AUVI_FRAME_RESULT, frame.id);
    assert_true(message->frame.flags & AUVI_FRAME_ERROR);
    message_free(message);
    message = eval(host, "'\xff'");
    assert_true(message->frame.flags & AUVI_FRAME_ERROR);
    message_free(message);

    /* A cancelled script says nothing any more. */
    send_text(host, AUVI_FRAME_EVAL, 900, "",
              "new Promise(r => { window.r = r; })");
    send_text(host, AUVI_FRAME_CANCEL, 900, "", "");
    assert_eval(host, "r(1); 0", "0");
    assert_eval(host, "0", "0");
    assert_null(take(host, AUVI_FRAME_RESULT, 900));

    /* One that runs when its document goes ends with it. */
    send_text(host, AUVI_FRAME_EVAL, 901, "", "new Promise(() => {})");
    open_page(host, GRANTED "/next", true);
    message = await(host, AUVI_FRAME_RESULT, 901);
    assert_non_null(strstr(message->payload, "\"Cancelled\""));
    message_free(message);
}

static void test_frames(void **state)
{
    struct host *host = *state;

    open_page(host, GRANTED "/frames", true);
    assert_eval(
        host,
        "new Promise(r => { const t = setInterval(() => {"
        "if (Object.keys(said).length === 3) { clearInterval(t); r(said); }"
        "}, 5); }).then(s => [s.child, s.data, s.srcdoc])",
        "[\"undefined\",\"undefined\",\"undefined\"]");
    assert_eval(
        host,
        "typeof document.getElementById('blank').contentWindow.auroraview",
        "\"undefined\"");
    assert_eval(host,
                "[...document.querySelectorAll('iframe')].map(f => {"
                "try { return typeof f.contentWindow.auroraview; }"
                "catch (e) { return e.name; } }).join()",
                "\"undefined,undefined,SecurityError,undefined\"");
}

static void test_ungranted(void **state)
{
    struct host *host = *state;
    static const char *const uris[] = {"auroraview://other/plain",
                                       "data:text/html,<p>x", "about:blank"};

    for (size_t i = 0; i < sizeof(uris) / sizeof(*uris); i++) {
        open_page(host, uris[i], false);
        assert_eval(host, "typeof auroraview", "\"undefined\"");
        assert_eval(host, "Promise.resolve([1])", "[1]");
    }
    /* Event and reply find nobody, and hurt nobody. */
    send_text(host, AUVI_FRAME_EVENT, 0, "e", "1");
    send_text(host, AUVI_FRAME_REPLY, 1, "", "1");
    assert_eval(host, "2", "2");
}

static void test_file(void **state)
{
    struct host *host = *state;
    char path[] = "/tmp/auroraview-test-XXXXXX.html";
    int fd = g_mkstemp(path);
    char *uri = g_filename_to_uri(path, NULL, NULL);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "<p>x", 4), 4);
    close(fd);
    open_page(host, uri, true);
    assert_eval(host, "typeof auroraview", "\"object\"");
    unlink(path);
    g_free(uri);
}

static void test_navigation(void **state)
{
    struct host *host = *state;
    uint32_t first = open_page(host, GRANTED "/plain", true);
    uint32_t second;
    struct message *call;
    struct message *gone;
    struct auvi_frame frame;

    assert_eval(host, "auroraview.call('old'); 0", "0");
    call = await(host, AUVI_FRAME_CALL, 0);
    second = open_page(host, GRANTED "/two", true);
    assert_int_not_equal(first, second);
    do
        gone = await(host, AUVI_FRAME_GONE, 0);
    while (gone->frame.generation != first && (message_free(gone), true));
    message_free(gone);
    /* The same id is now another call: a late answer must not reach it. */
    assert_eval(
        host,
        "window.r = 'none'; auroraview.call('new').then(v => { r = v; }); 0",
        "0");
    message_free(await(host, AUVI_FRAME_CALL, call->frame.id));
    auvi_frame_init(&frame, AUVI_FRAME_REPLY);
    frame.id = call->frame.id;
    frame.generation = first;
    frame.payload = "1";
    frame.payload_length = 1;
    send_frame(host, &frame);
    flush_link(host);
    assert_eval(host, "[r, auroraview.stats().link.staleReplies]",
                "[\"none\",1]");
    message_free(call);
}

/* Documents that come and go, in one page process and in several. */
static void test_documents(void **state)
{
    struct host *host = *state;
    uint32_t seen[12];
    size_t count = 0;

    for (int round = 0; round < 3; round++) {
        seen[count++] = open_page(host, GRANTED "/plain", true);
        assert_eval(host,
                    "window.kept = auroraview; document.open();"
                    "document.write('<p>other'); document.close();"
                    "kept === window.auroraview",
                    "true");
        seen[count++] = open_page(host, "data:text/html,<p>x", false);
        seen[count++] = open_page(host, GRANTED "/two", true);
        webkit_web_view_reload(host->view);
        for (;;) {
            struct message *hello = await(host, AUVI_FRAME_HELLO, 0);
            bool it = strcmp(hello->name, GRANTED "/two") == 0;

            seen[count] = hello->frame.generation;
            message_free(hello);
            if (it)
                break;
        }
        count++;
        assert_eval(host, "typeof auroraview", "\"object\"");
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(seen[i], seen[j]);
}

static void test_before_link(void **state)
{
    struct host *host = *state;
    struct message *message;

    load(host, GRANTED "/early");
    wait_until(host->link_wanted && !webkit_web_view_is_loading(host->view) &&
               webkit_web_view_get_estimated_load_progress(host->view) == 1.0);
    give_link(host);
    message = await(host, AUVI_FRAME_HELLO, 0);
    assert_int_equal(message->frame.id, 1);
    message_free(message);
    message = await(host, AUVI_FRAME_CALL, 0);
    assert_string_equal(message->name, "early");
    assert_int_equal(message->frame.generation, host->generation);
    send_text(host, AUVI_FRAME_REPLY, message->frame.id, "", "\"yes\"");
    message_free(message);
    message = await(host, AUVI_FRAME_EVENT, 0);
    assert_string_equal(message->payload, "\"there\"");
    message_free(message);
    assert_eval(host, "answer", "\"yes\"");
}

static void test_garbage(void **state)
{
    struct host *host = *state;
    uint32_t seed = 12345;

    open_page(host, GRANTED "/plain", true);
    for (int round = 0; round < 20; round++) {
        uint8_t noise[512];
        struct message *message;

        assert_eval(
            host, "window.p = auroraview.call('x'); p.catch(() => {}); 0", "0");
        for (size_t i = 0; i < sizeof(noise); i++) {
            seed = seed * 1664525u + 1013904223u;
            noise[i] = (uint8_t)(seed >> 24);
        }
        /* Half of them look right at first. */
        if (round % 2) {
            noise[0] = AUVI_WIRE_VERSION;
            noise[1] = AUVI_FRAME_EVENT;
        }
        assert_true(send(auvi_link_fd(host->link), noise, sizeof(noise),
                         MSG_NOSIGNAL) > 0);
        wait_until(host->end);
        assert_int_equal(host->end, AUV_ERR_CLOSED);
        g_queue_clear_full(&host->messages, (GDestroyNotify)message_free);
        g_queue_init(&host->messages);
        give_link(host);
        message = await(host, AUVI_FRAME_HELLO, 0);
        assert_int_equal(message->frame.generation >> 16,
                         host->link_generation);
        message_free(message);
        assert_eval(host, "p.catch(e => [e.name, e.code])", "[\"Closed\",-6]");
    }
}

static void test_lost_link(void **state)
{
    struct host *host = *state;

    open_page(host, GRANTED "/plain", true);
    assert_eval(
        host,
        "auroraview.call('x').catch(e => { document.title = e.name; }); 0",
        "0");
    auvi_link_shutdown(host->link);
    wait_until(!g_strcmp0(webkit_web_view_get_title(host->view), "Closed"));
    webkit_web_view_evaluate_javascript(
        host->view,
        "auroraview.call('y').catch(e => { document.title = e.name + '2'; })",
        -1, NULL, NULL, NULL, NULL, NULL);
    wait_until(!g_strcmp0(webkit_web_view_get_title(host->view), "Closed2"));
}

static void test_names(void **state)
{
    struct host *host = *state;
    static const struct {
        const char *js;
        const char *name;
        size_t length;
    } names[] = {
        {"\"quote'\"", "quote'", 6},
        {"'quote\"'", "quote\"", 6},
        {"'a\\nb'", "a\nb", 3},
        {"'a\\0b'", "a\0b", 3},
        {"'\\u2028'", "\xe2\x80\xa8", 3},
        {"'\\u{1f600}'", "\xf0\x9f\x98\x80", 4},
        {"'%41\\x1e\\x1f'", "%41\x1e\x1f", 5},
        {"'\\ud800x'", "\xef\xbf\xbdx", 4},
    };

    open_page(host, GRANTED "/plain", true);
    assert_eval(host, "window.got = []; 0", "0");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *script =
            g_strdup_printf("auroraview.emit(%s, %s); "
                            "auroraview.on(%s.replace('\\ud800', '\\ufffd'),"
                            "d => got.push(d)); 0",
                            names[i].js, names[i].js, names[i].js);
        struct message *message;
        struct auvi_frame frame;

        assert_eval(host, script, "0");
        message = await(host, AUVI_FRAME_EVENT, 0);
        assert_int_equal(message->frame.name_length, names[i].length);
        assert_memory_equal(message->name, names[i].name, names[i].length);
        auvi_frame_init(&frame, AUVI_FRAME_EVENT);
        frame.name = names[i].name;
        frame.name_length = names[i].length;
        frame.payload = message->payload;
        frame.payload_length = message->frame.payload_length;
        send_frame(host, &frame);
        flush_link(host);
        g_free(script);
        script = g_strdup_printf("got[%zu] === %s", i, names[i].js);
        assert_eval(host, script, "true");
        g_free(script);
        message_free(message);
    }
    {
        struct auvi_frame frame;

        auvi_frame_init(&frame, AUVI_FRAME_EVENT);
        frame.name = "\xff\xfe";
        frame.name_length = 2;
        send_frame(host, &frame);
        flush_link(host);
        assert_eval(host, "auroraview.stats().link.droppedEvents", "1");
    }
}

static void test_backpressure(void **state)
{
    struct host *host = *state;
    struct message *message;
    const uint64_t id = UINT32_MAX;
    int taken = 0, last = -1;
    char json[16];

    open_page(host, GRANTED "/plain", true);
    /* Nothing is read until the page says, by its title, that it has emitted
     * all. */
    unwatch_link(host);
    send_text(
        host, AUVI_FRAME_EVAL, id, "",
        "for (let i = 0; i < 200000; i++) auroraview.emit('e', i);"
        "auroraview.call('c').catch(e => { document.title = e.name; }); 0");
    flush_link(host);
    wait_until(g_strcmp0(webkit_web_view_get_title(host->view), "QueueFull") ==
               0);
    watch_link(host);
    message_free(await(host, AUVI_FRAME_RESULT, id));
    assert_eval(host, "auroraview.stats().droppedSentEvents > 100000", "true");
    /* What was taken comes, in order; what is missing was counted. */
    while ((message = take(host, AUVI_FRAME_EVENT, 0))) {
        assert_true(atoi(message->payload) > last);
        last = atoi(message->payload);
        taken++;
        message_free(message);
    }
    assert_true(taken >= 10000);
    snprintf(json, sizeof(json), "%d", taken);
    assert_eval(host, "200000 - auroraview.stats().droppedSentEvents", json);
    /* And it goes on. */
    assert_eval(host, "auroraview.emit('after', 1); 0", "0");
    message_free(await(host, AUVI_FRAME_EVENT, 0));
}

static void test_flood(void **state)
{
    struct host *host = *state;

    open_page(host, GRANTED "/plain", true);
    assert_eval(
        host,
        "window.n = 0; window.frames_ = 0; auroraview.on('f', () => { n++; });"
        "(function f() { frames_++; requestAnimationFrame(f); })(); 0",
        "0");
    for (int i = 0; i < 100000; i++) {
        struct auvi_frame frame;

        auvi_frame_init(&frame, AUVI_FRAME_EVENT);
        frame.name = "f";
        frame.name_length = 1;
        frame.payload = "{\"x\":1}";
        frame.payload_length = 7;
        send_frame(host, &frame);
    }
    flush_link(host);
    assert_eval(host, "n", "100000");
}

/* ---- numbers ---- */

/* The host of a benchmark: answers every call with its arguments. */
static void *echo(void *user)
{
    struct auvi_link *link = user;
    struct pollfd p = {.fd = auvi_link_fd(link), .events = POLLIN};
    struct auvi_frame frame;
    int rc;

    while ((rc = auvi_link_receive(link, &frame)) >= 0) {
        if (rc == 0) {
            auvi_link_flush(link);
            poll(&p, 1, -1);
            continue;
        }
        if (frame.kind == AUVI_FRAME_EVENT)
            break; /* told to stop */
        if (frame.kind == AUVI_FRAME_CALL) {
            frame.kind = AUVI_FRAME_REPLY;
            frame.name_length = 0;
            while (auvi_link_send(link, &frame) == AUV_ERR_QUEUE_FULL) {
                struct pollfd out = {.fd = p.fd, .events = POLLOUT};

                poll(&out, 1, -1);
            }
        }
        auvi_frame_release(&frame);
    }
    return NULL;
}

static void measure(struct host *host, const char *what, const char *script)
{
    pthread_t thread;
    char *run =
        g_strdup_printf("(async () => { const r = await (async () => {%s})();"
                        "auroraview.emit('stop'); return r; })()",
                        script);
    uint64_t id = ++host->next_eval;
    struct message *message;

    send_text(host, AUVI_FRAME_EVAL, id, "", run);
    unwatch_link(host);
    pthread_create(&thread, NULL, echo, host->link);
    pthread_join(thread, NULL);
    watch_link(host);
    message = await(host, AUVI_FRAME_RESULT, id);
    print_message("  %-44s %s\n", what, message->payload);
    message_free(message);
    g_free(run);
}

static void test_numbers(void **state)
{
    struct host *host = *state;

    open_page(host, GRANTED "/plain", true);
    measure(host, "warm up",
            "for (let i = 0; i < 2000; i++) await auroraview.call('e', i)");
    for (int round = 0; round < 3; round++) {
        measure(host, "sequential 100 B, mean us",
                "const s = 'x'.repeat(98); const n = 5000; const t = "
                "performance.now();"
                "for (let i = 0; i < n; i++) await auroraview.call('e', s);"
                "return (performance.now() - t) / n * 1000");
        measure(host, "1,000 in flight, us each",
                "const k = 50; const t = performance.now();"
                "for (let j = 0; j < k; j++) { const a = []; for (let i = 0; i "
                "< 1000; i++)"
                "a.push(auroraview.call('e', i)); await Promise.all(a); }"
                "return (performance.now() - t) / k");
        measure(host, "1,000 in flight, {a,b,c} objects, us each",
                "const k = 50; const t = performance.now();"
                "for (let j = 0; j < k; j++) { const a = []; for (let i = 0; i "
                "< 1000; i++)"
                "a.push(auroraview.call('e', {a: i, b: 'text', c: [1, 2]})); "
                "await Promise.all(a); }"
                "return (performance.now() - t) / k");
    }
    measure(host, "1 MiB there and back, ms",
            "const b = new Uint8Array(1 << 20); const t = performance.now();"
            "for (let i = 0; i < 50; i++) await auroraview.call('e', b);"
            "return (performance.now() - t) / 50");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hello, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_call, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_unreadable_neighbours, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(test_order, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_cancel, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_parts, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_large_text, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_text_of_any_length, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(test_in_flight, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_events, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_eval, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_frames, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_ungranted, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_file, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_navigation, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_documents, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_before_link, open_host_held,
                                        close_host),
        cmocka_unit_test_setup_teardown(test_garbage, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_lost_link, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_names, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_backpressure, open_host,
                                        close_host),
        cmocka_unit_test_setup_teardown(test_flood, open_host, close_host),
        cmocka_unit_test_setup_teardown(test_numbers, open_host, close_host),
    };

    if (start_hosts(&argc, &argv) < 0)
        return 1;
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
