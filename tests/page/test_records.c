/*
 * test_records.c - messages that reach the page together, and their text.
 */
#include "page_host.h"

#include <string.h>

static void queue_text(struct host *host, enum auvi_frame_kind kind,
                       uint64_t id, const char *name, const char *payload)
{
    struct auvi_frame frame;

    auvi_frame_init(&frame, kind);
    frame.id = id;
    frame.generation = host->generation;
    frame.name = name;
    frame.name_length = strlen(name);
    frame.payload = payload;
    frame.payload_length = strlen(payload);
    send_frame(host, &frame);
}

/* Messages of one packet reach the page as one text: what is no JSON, or would
 * run on into its neighbours, concerns itself only. */
void test_unreadable_neighbours(void **state)
{
    static const char *const bad[] = {
        "{oops", "1,\"E\"", "1],[2", "\"open", "\"\\\"",
        "]",     "nul",     "[1}",   "1 2",
    };
    struct host *host = *state;

    open_page(host, GRANTED "/plain", true);
    assert_eval(
        host, "window.got = []; auroraview.on('e', d => got.push(d)); 0", "0");
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct message *call;

        assert_eval(host,
                    "got.length = 0; window.p = auroraview.call('x');"
                    "p.catch(() => {}); window.q = auroraview.call('y'); 0",
                    "0");
        call = await(host, AUVI_FRAME_CALL, 0);
        queue_text(host, AUVI_FRAME_EVENT, 0, "e", "[1]");
        queue_text(host, AUVI_FRAME_REPLY, call->frame.id, "", bad[i]);
        queue_text(host, AUVI_FRAME_EVENT, 0, "e", bad[i]);
        message_free(call);
        call = await(host, AUVI_FRAME_CALL, 0);
        queue_text(host, AUVI_FRAME_REPLY, call->frame.id, "", "\"\\\\\"");
        queue_text(host, AUVI_FRAME_EVENT, 0, "e", "{\"a,\":[]}");
        flush_link(host);
        message_free(call);
        assert_eval(host, "p.catch(e => e.code)", "-17");
        assert_eval(host, "q", "\"\\\\\"");
        assert_eval(host, "got", "[[1],{\"a,\":[]}]");
    }
    assert_eval(host, "auroraview.stats().link.droppedEvents", "9");
}

/* Around the lengths from which text crosses in another way, both ways. */
void test_text_of_any_length(void **state)
{
    static const int lengths[] = {0,     1,     470,   512,   513,
                                  32000, 32768, 33000, 140000};
    static const char *const letters[] = {"x", "ß", "€"};
    struct host *host = *state;

    open_page(host, GRANTED "/plain", true);
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(letters); j++) {
            int length = lengths[i];
            char *script = g_strdup_printf(
                "window.sent = 'a'.repeat(%d) + '%s'.repeat(%d);"
                "window.p = auroraview.call('t', sent).then(v => v === sent);"
                "0",
                length / 2, letters[j], length - length / 2);
            struct message *message;
            struct auvi_frame frame;

            assert_eval(host, script, "0");
            g_free(script);
            message = await(host, AUVI_FRAME_CALL, 0);
            assert_int_equal(message->frame.payload_length,
                             2 + (size_t)(length / 2) +
                                 (size_t)(length - length / 2) *
                                     strlen(letters[j]));
            auvi_frame_init(&frame, AUVI_FRAME_REPLY);
            frame.id = message->frame.id;
            frame.generation = host->generation;
            frame.payload = message->payload;
            frame.payload_length = message->frame.payload_length;
            send_frame(host, &frame);
            flush_link(host);
            assert_eval(host, "p", "true");
            message_free(message);
        }
    }
}
