/*
 * test_records.c - messages that reach the page together.
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
