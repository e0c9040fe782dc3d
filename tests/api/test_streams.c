/* State and channels, on the null engine: its page plays the other half. */
#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>
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

/* ---- state ---------------------------------------------------------------- */

static int set(const char *key, const char *json)
{
    return auv_view_state_set(host.view, key, NUL, json, NUL, NULL, 0, 0);
}

static void check_stored(const char *key, const char *json)
{
    auv_message *value = NULL;

    assert_int_equal(auv_view_state_get(host.view, key, NUL, &value),
                     json != NULL);
    if (json)
        assert_string_equal(auv_message_json(value, NULL), json);
    auv_message_unref(value);
}

struct told {
    int count;
    char text[2000];
};

static void on_state(auv_view *view, const char *key, size_t key_length,
                     const auv_message *value, auv_side source, void *user)
{
    struct told *told = user;
    size_t used = strlen(told->text);

    (void)view;
    assert_int_equal(strlen(key), key_length);
    told->count++;
    snprintf(told->text + used, sizeof(told->text) - used, "%s%s=%s;",
             source == AUV_SIDE_PAGE ? "page " : "", key,
             value ? auv_message_json(value, NULL) : "gone");
}

static void state_reaches_the_page_and_every_later_one(void **unused)
{
    (void)unused;
    assert_int_equal(set("a", "1"), 1);
    assert_int_equal(set("a", "1"), 0);
    assert_int_equal(set("b", "{\"x\":[2]}"), 1);
    check_value(&host, "auroraview.state.toJSON()",
                "{\"a\":1,\"b\":{\"x\":[2]}}");
    assert_int_equal(auv_view_reload(host.view), AUV_OK);
    check_value(&host, "auroraview.state.toJSON()",
                "{\"a\":1,\"b\":{\"x\":[2]}}");
    assert_int_equal(auv_view_state_delete(host.view, "a", NUL, 0), 1);
    assert_int_equal(auv_view_state_delete(host.view, "a", NUL, 0), 0);
    assert_int_equal(auv_view_load_html(host.view, "<p>", NUL), AUV_OK);
    check_value(&host, "auroraview.state.toJSON()", "{\"b\":{\"x\":[2]}}");
    assert_int_equal(auv_view_state_clear(host.view, 0), 1);
    check_value(&host, "auroraview.state.toJSON()", "{}");
}

static void a_page_without_a_grant_gets_no_state(void **unused)
{
    struct outcome out;

    (void)unused;
    assert_int_equal(set("a", "1"), 1);
    assert_int_equal(auv_view_navigate(host.view, "about:blank"), AUV_OK);
    run_script(&host, "auroraview.state.toJSON()", &out);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
    assert_non_null(strstr(out.json, "ReferenceError"));
    assert_int_equal(auv_view_load_html(host.view, "<p>", NUL), AUV_OK);
    check_value(&host, "auroraview.state.toJSON()", "{\"a\":1}");
}

static void what_the_page_writes_is_stored_before_its_script_ends(void **unused)
{
    (void)unused;
    assert_int_equal(auv_view_eval_wait(host.view,
                                        "auroraview.state[\"p\"] = [1]", NUL,
                                        DEADLINE_MS, NULL),
                     AUV_OK);
    check_stored("p", "[1]"); /* although nothing was processed */
    assert_int_equal(auv_view_eval_wait(host.view,
                                        "delete auroraview.state[\"p\"]", NUL,
                                        DEADLINE_MS, NULL),
                     AUV_OK);
    check_stored("p", NULL);
}

static void observers_hear_each_change_once_with_its_source(void **unused)
{
    struct told told = {0}, late = {0};
    int first, second;

    (void)unused;
    first = auv_view_state_observe(host.view, on_state, &told, NULL);
    assert_true(first > 0);
    assert_int_equal(set("a", "0"), 1);
    pump_until_count(host.app, &told.count, 1);
    for (int i = 0; i < 10; i++) /* not processed in between: one is told */
        assert_int_equal(set("a", i % 2 ? "1" : "2"), 1);
    pump_until_count(host.app, &told.count, 2);
    check_value(&host, "auroraview.state[\"p\"] = {\"n\":1}", "{\"n\":1}");
    pump_until_count(host.app, &told.count, 3);
    check_value(&host, "auroraview.state[\"p\"] = {\"n\":1}", "{\"n\":1}");
    assert_int_equal(auv_view_state_set(host.view, "s", NUL, "1", NUL, NULL, 0,
                                        AUV_STATE_SILENT),
                     1);
    assert_int_equal(auv_view_state_delete(host.view, "p", NUL, 0), 1);
    pump_until_count(host.app, &told.count, 4);
    pump_until_idle(host.app);
    assert_string_equal(told.text, "a=0;a=1;page p={\"n\":1};p=gone;");

    second = auv_view_state_observe(host.view, on_state, &late, NULL);
    assert_int_equal(auv_view_off(host.view, first), AUV_OK);
    assert_int_equal(set("z", "1"), 1);
    pump_until_count(host.app, &late.count, 1);
    assert_int_equal(told.count, 4);
    assert_int_equal(auv_view_off(host.view, second), AUV_OK);
}

static void a_fast_writer_never_fills_a_queue(void **unused)
{
    auv_app_stats before = {.size = sizeof(before)};
    auv_app_stats after = {.size = sizeof(after)};
    char json[32];

    (void)unused;
    pump_until_idle(host.app);
    assert_int_equal(auv_app_get_stats(host.app, &before), AUV_OK);
    for (int i = 0; i < 100000; i++) {
        snprintf(json, sizeof(json), "%d", i);
        assert_int_equal(set("n", json), 1);
    }
    check_value(&host, "auroraview.state.toJSON()", "{\"n\":99999}");
    assert_int_equal(auv_app_get_stats(host.app, &after), AUV_OK);
    assert_int_equal(after.messages_dropped, before.messages_dropped);
}

static void state_refuses_what_it_cannot_hold(void **unused)
{
    static char long_key[AUV_MAX_NAME + 2];
    char key[20];
    struct told told = {0};
    auv_view *view;

    (void)unused;
    memset(long_key, 'k', sizeof(long_key) - 1);
    assert_int_equal(set(NULL, "1"), AUV_ERR_ARG);
    assert_int_equal(set("", "1"), AUV_ERR_ARG);
    assert_int_equal(set(long_key, "1"), AUV_ERR_TOO_LARGE);
    for (int i = 0; i < AUV_STATE_MAX_KEYS; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(set(key, "1"), 1);
    }
    assert_int_equal(set("more", "1"), AUV_ERR_QUEUE_FULL);
    assert_int_equal(auv_view_state_each(host.view, on_state, &told),
                     AUV_STATE_MAX_KEYS);
    assert_memory_equal(told.text, "k0=1;k1=1;", 10);
    /* The page's write finds no place either, and is taken back. */
    run_script(&host, "auroraview.state[\"more\"] = 1", &(struct outcome){0});
    assert_int_equal(auv_view_state_clear(host.view, 0), AUV_STATE_MAX_KEYS);
    check_value(&host, "auroraview.state.toJSON()", "{}");
    assert_int_equal(set("more", "2"), 1);
    check_value(&host, "auroraview.state.toJSON()", "{\"more\":2}");
    /* It is the host's, and stays when the view and its application end. */
    auv_view_ref(host.view);
    view = host.view;
    host_close(&host);
    assert_int_equal(
        auv_view_state_set(view, "more", NUL, "3", NUL, NULL, 0, 0), 1);
    assert_int_equal(auv_view_state_delete(view, "z", NUL, 0), 0);
    assert_int_equal(auv_view_state_clear(view, 0), 1);
    auv_view_unref(view);
    host_open(&host);
}

/* ---- both sides write -------------------------------------------------------- */

struct writer {
    pthread_t thread;
    unsigned seed;
    bool page;
};

static void *write_at_random(void *user)
{
    struct writer *writer = user;

    for (int i = 0; i < 400; i++) {
        char key[8], text[100];

        snprintf(key, sizeof(key), "k%d", rand_r(&writer->seed) % 4);
        if (writer->page) {
            snprintf(text, sizeof(text),
                     rand_r(&writer->seed) % 5
                         ? "auroraview.state[\"%s\"] = [\"page\",%d]"
                         : "delete auroraview.state[\"%s\"]",
                     key, i);
            /* Thrice at once: only one is under way. */
            for (int n = 0; n < 3; n++)
                auv_view_eval(host.view, text, NUL, DEADLINE_MS, NULL, NULL);
            auv_view_eval_wait(host.view, text, NUL, DEADLINE_MS, NULL);
        } else if (rand_r(&writer->seed) % 5) {
            snprintf(text, sizeof(text), "[%u,%d]", writer->seed % 97, i);
            auv_view_state_set(host.view, key, NUL, text, NUL, NULL, 0, 0);
        } else {
            auv_view_state_delete(host.view, key, NUL, 0);
        }
    }
    return NULL;
}

static void append_json(auv_view *view, const char *key, size_t key_length,
                        const auv_message *value, auv_side source, void *user)
{
    char *text = user;

    (void)view;
    (void)key_length;
    (void)source;
    sprintf(text + strlen(text), "%s\"%s\":%s", strlen(text) > 1 ? "," : "",
            key, auv_message_json(value, NULL));
}

/* The page's keys may stand in another order: look for each. */
static bool same_as_page(void *user)
{
    struct outcome out;
    auv_message *value = NULL;
    bool same = true;
    size_t length = 2;

    (void)user;
    run_script(&host, "auroraview.state.toJSON()", &out);
    for (int i = 0; i < 4; i++) {
        char key[8], member[200];

        snprintf(key, sizeof(key), "k%d", i);
        if (auv_view_state_get(host.view, key, NUL, &value) == 1) {
            snprintf(member, sizeof(member), "\"%s\":%s", key,
                     auv_message_json(value, NULL));
            same = same && strstr(out.json, member);
            length += strlen(member) + (length > 2);
        }
        auv_message_unref(value);
    }
    return same && strlen(out.json) == length;
}

static void random_writers_end_with_the_same_values(void **unused)
{
    struct writer writers[] = {{.seed = 1},
                               {.seed = 2},
                               {.seed = 3, .page = true},
                               {.seed = 4, .page = true}};
    char text[4000] = "{";

    (void)unused;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&writers[i].thread, NULL,
                                        write_at_random, &writers[i]),
                         0);
    for (int i = 0; i < 4; i++)
        pthread_join(writers[i].thread, NULL);
    pump_until(host.app, same_as_page, NULL);
    /* And so it stays for the next page. */
    assert_int_equal(auv_view_reload(host.view), AUV_OK);
    pump_until(host.app, same_as_page, NULL);
    assert_true(auv_view_state_each(host.view, append_json, text) <= 4);
}

/* ---- channels ------------------------------------------------------------------ */

struct end {
    auv_channel *channel;
    int opened, messages, writable, readable, closed, freed;
    auv_side by;
    int error;
    char text[4000];
};

static void on_channel(auv_channel *channel, const auv_channel_event *event,
                       void *user)
{
    struct end *end = user;
    size_t used = strlen(end->text);

    assert_true(event->size >= sizeof(*event));
    assert_int_equal(end->closed, 0); /* the last event is the last */
    assert_true(!end->channel || channel == end->channel);
    end->opened += event->kind == AUV_CHANNEL_OPENED;
    end->writable += event->kind == AUV_CHANNEL_WRITABLE;
    end->readable += event->kind == AUV_CHANNEL_READABLE;
    end->closed += event->kind == AUV_CHANNEL_CLOSED;
    if (event->kind == AUV_CHANNEL_MESSAGE) {
        end->messages++;
        snprintf(end->text + used, sizeof(end->text) - used, "%s;",
                 auv_message_json(event->message, NULL));
    }
    if (event->kind == AUV_CHANNEL_CLOSED) {
        end->by = event->by;
        end->error = event->error;
    }
}

static void free_end(void *user)
{
    struct end *end = user;

    end->freed++;
}

static int open_with(struct end *end, const char *name, size_t window,
                     bool pull)
{
    auv_channel_options options = AUV_CHANNEL_OPTIONS_INIT;

    memset(end, 0, sizeof(*end));
    options.window = window;
    options.pull = pull;
    options.fn = on_channel;
    options.user = end;
    options.free_user = free_end;
    return auv_channel_open(host.view, name, NUL, &options, &end->channel);
}

static void check_end(struct end *end, auv_side by, int error)
{
    pump_until_count(host.app, &end->freed, 1);
    assert_int_equal(end->closed, 1);
    assert_int_equal(end->by, by);
    assert_int_equal(end->error, error);
    assert_true(auv_channel_is_closed(end->channel));
    assert_int_equal(auv_channel_send(end->channel, "1", NUL, NULL, 0),
                     AUV_ERR_CLOSED);
    assert_int_equal(auv_channel_close(end->channel), 0);
    auv_channel_unref(end->channel);
}

static int send(struct end *end, const char *json)
{
    return auv_channel_send(end->channel, json, NUL, NULL, 0);
}

static void messages_cross_both_ways_in_order(void **unused)
{
    struct end end;

    (void)unused;
    assert_int_equal(open_with(&end, "x", 0, false), AUV_OK);
    assert_int_equal(send(&end, "1"), AUV_OK); /* nobody is there yet */
    assert_int_equal(send(&end, "[2]"), AUV_OK);
    check_value(&host, "auroraview.channel(\"x\").send({\"a\":1})", "null");
    check_value(&host, "auroraview.channel(\"x\").send(2)", "null");
    pump_until_count(host.app, &end.messages, 2);
    assert_string_equal(end.text, "{\"a\":1};2;");
    assert_int_equal(end.opened, 1);
    check_value(&host, "auroraview.received(\"x\")", "[1,[2]]");
    assert_int_equal(send(&end, "3"), AUV_OK);
    assert_int_equal(auv_channel_close(end.channel), 1);
    check_end(&end, AUV_SIDE_HOST, AUV_OK);
    /* The name is free again, on both sides. */
    assert_int_equal(open_with(&end, "x", 0, false), AUV_OK);
    check_value(&host, "auroraview.channel(\"x\").close()", "null");
    check_end(&end, AUV_SIDE_PAGE, AUV_OK);
}

static void on_offer(auv_view *view, const char *name, size_t name_length,
                     void *user)
{
    struct end *end = user;

    assert_ptr_equal(view, host.view);
    assert_int_equal(name_length, strlen(name));
    assert_int_equal(open_with(end, name, 0, false), AUV_OK);
}

static void the_page_may_open_first(void **unused)
{
    struct end named = {0}, other = {0};

    (void)unused;
    assert_true(
        auv_view_on_channel(host.view, "job", NUL, on_offer, &named, NULL) > 0);
    assert_true(
        auv_view_on_channel(host.view, "", NUL, on_offer, &other, NULL) > 0);
    check_value(&host, "auroraview.channel(\"job\").send(1)", "null");
    check_value(&host, "auroraview.channel(\"else\").send(2)", "null");
    pump_until_count(host.app, &named.messages, 1);
    pump_until_count(host.app, &other.messages, 1);
    assert_string_equal(auv_channel_name(other.channel, NULL), "else");
    assert_int_equal(open_with(&(struct end){0}, "job", 0, false),
                     AUV_ERR_STATE);
    check_value(&host, "auroraview.channel(\"job\").close()", "null");
    check_end(&named, AUV_SIDE_PAGE, AUV_OK);
    assert_int_equal(auv_channel_fail(other.channel, "Broken", "why", -3), 1);
    check_end(&other, AUV_SIDE_HOST, AUV_ERR_CANCELLED);
}

static void without_credit_nothing_is_sent_and_nothing_lost(void **unused)
{
    struct end end;
    size_t sent = 0, accepted = 0;

    (void)unused;
    assert_int_equal(open_with(&end, "x", 1000, false), AUV_OK);
    check_value(&host, "auroraview.received(\"x\")", "[]");
    while (send(&end, "\"0123456789\"") == AUV_OK)
        accepted++;
    assert_int_equal(accepted, 1000 / (12 + AUV_CHANNEL_OVERHEAD));
    assert_int_equal(send(&end, "1"), AUV_ERR_QUEUE_FULL);
    assert_int_equal(auv_channel_send_wait(end.channel, "1", NUL, NULL, 0, 0),
                     AUV_ERR_TIMEOUT);
    auv_channel_pending(end.channel, &sent, NULL);
    assert_in_range(sent, 1, 1000);
    assert_int_equal(
        auv_channel_send(end.channel, NULL, 0,
                         &(auv_part){host.events, 1000, AUV_PART_U8}, 1),
        AUV_ERR_TOO_LARGE);
    check_value(&host, "auroraview.emit(\"other\", 1)", "null"); /* goes on */
    assert_int_equal(end.writable, 0);
    run_script(&host, "auroraview.received(\"x\")", &(struct outcome){0});
    pump_until_count(host.app, &end.writable, 1);
    assert_int_equal(send(&end, "2"), AUV_OK);
    check_value(&host, "auroraview.received(\"x\")", "[2]");
    assert_int_equal(auv_view_reload(host.view), AUV_OK);
    check_end(&end, AUV_SIDE_NONE, AUV_ERR_CANCELLED);
}

static bool nothing_is_pending(void *user)
{
    struct end *end = user;
    size_t sent, received;

    auv_channel_pending(end->channel, &sent, &received);
    return !sent && !received;
}

static void the_page_waits_for_the_host_to_read(void **unused)
{
    struct end end;
    struct outcome out = {0};
    auv_message *message;
    size_t held;

    (void)unused;
    assert_int_equal(open_with(&end, "x", 200, true), AUV_OK);
    check_value(&host, "auroraview.channel(\"x\").send(1)", "null");
    check_value(&host, "auroraview.channel(\"x\").send(2)", "null");
    check_value(&host, "auroraview.channel(\"x\").send(3)", "null");
    assert_int_equal(auv_view_eval(host.view,
                                   "auroraview.channel(\"x\").send(4)", NUL,
                                   DEADLINE_MS, on_result, &out),
                     AUV_OK);
    check_value(&host, "1", "1");
    assert_int_equal(out.calls, 0);
    auv_channel_pending(end.channel, NULL, &held);
    assert_int_equal(held, 3 * (1 + AUV_CHANNEL_OVERHEAD));
    pump_until_count(host.app, &end.readable, 1);
    for (int i = 1; i <= 4; i++) {
        assert_int_equal(
            auv_channel_receive(end.channel, DEADLINE_MS, &message), AUV_OK);
        assert_int_equal(atoi(auv_message_json(message, NULL)), i);
        auv_message_unref(message);
    }
    pump_until_count(host.app, &out.calls, 1);
    assert_int_equal(auv_channel_receive(end.channel, 0, &message),
                     AUV_ERR_TIMEOUT);
    pump_until(host.app, nothing_is_pending, &end); /* all is given back */
    check_value(&host, "auroraview.channel(\"x\").send(5)", "null");
    check_value(&host, "auroraview.channel(\"x\").close()", "null");
    /* What has come can still be taken. */
    assert_int_equal(auv_channel_receive(end.channel, DEADLINE_MS, &message),
                     AUV_OK);
    auv_message_unref(message);
    assert_int_equal(auv_channel_receive(end.channel, DEADLINE_MS, &message),
                     AUV_ERR_CLOSED);
    check_end(&end, AUV_SIDE_PAGE, AUV_OK);
}

static void each_end_is_heard_once_when_all_close(void **unused)
{
    enum {
        COUNT = 40
    };
    static struct end ends[COUNT];
    char name[16], script[100];

    (void)unused;
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        snprintf(script, sizeof(script), "auroraview.channel(\"%s\").close()",
                 name);
        assert_int_equal(open_with(&ends[i], name, 0, false), AUV_OK);
        assert_int_equal(
            auv_view_eval(host.view, script, NUL, DEADLINE_MS, NULL, NULL),
            AUV_OK);
        if (i % 2)
            auv_channel_close(ends[i].channel);
    }
    for (int i = 0; i < COUNT; i++) {
        pump_until_count(host.app, &ends[i].freed, 1);
        assert_int_equal(ends[i].closed, 1);
        assert_int_equal(ends[i].error, AUV_OK);
        auv_channel_unref(ends[i].channel);
    }
}

static void a_closed_view_ends_its_channels(void **unused)
{
    struct end joined, waiting;

    (void)unused;
    assert_int_equal(open_with(&joined, "x", 0, false), AUV_OK);
    assert_int_equal(open_with(&waiting, "y", 0, false), AUV_OK);
    check_value(&host, "auroraview.channel(\"x\").send(1)", "null");
    assert_true(auv_view_request_close(host.view, AUV_CLOSE_APP) >= 0);
    check_end(&joined, AUV_SIDE_NONE, AUV_ERR_CLOSED);
    check_end(&waiting, AUV_SIDE_NONE, AUV_ERR_CLOSED);
    assert_int_equal(open_with(&joined, "z", 0, false), AUV_ERR_CLOSED);
    assert_int_equal(joined.freed, 0);
}

static void destroying_the_app_ends_them_too(void **unused)
{
    struct end end;

    (void)unused;
    assert_int_equal(open_with(&end, "x", 0, true), AUV_OK);
    check_value(&host, "auroraview.channel(\"x\").send(1)", "null");
    host_close(&host);
    assert_int_equal(end.closed, 1);
    assert_int_equal(end.freed, 1);
    assert_int_equal(send(&end, "1"), AUV_ERR_CLOSED);
    auv_channel_unref(end.channel);
    host_open(&host);
}

/* ---- several producers ----------------------------------------------------------- */

#define PRODUCERS 3
#define EACH 3000

static void *produce(void *user)
{
    struct end *end = user;

    for (int i = 0; i < EACH; i++)
        if (auv_channel_send_wait(end->channel, "12345678", NUL, NULL, 0,
                                  DEADLINE_MS) < 0)
            return "a message was refused";
    return NULL;
}

struct drain {
    struct end *ends;
    int got;
};

static bool all_received(void *user)
{
    struct drain *drain = user;
    size_t sent;

    for (int i = 0; i < PRODUCERS; i++) {
        struct outcome out;
        char script[64];

        auv_channel_pending(drain->ends[i].channel, &sent, NULL);
        assert_in_range(sent, 0, 4096);
        snprintf(script, sizeof(script), "auroraview.received(\"p%d\")", i);
        run_script(&host, script, &out);
        assert_int_equal(out.error, AUV_OK);
        for (const char *at = out.json; (at = strstr(at, "12345678")); at++)
            drain->got++;
    }
    return drain->got >= PRODUCERS * EACH;
}

static void producers_are_held_and_lose_nothing(void **unused)
{
    struct end ends[PRODUCERS];
    pthread_t threads[PRODUCERS];
    struct drain drain = {ends, 0};
    char name[8];
    void *failure;

    (void)unused;
    for (int i = 0; i < PRODUCERS; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        assert_int_equal(open_with(&ends[i], name, 4096, false), AUV_OK);
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &ends[i]),
                         0);
    }
    pump_until(host.app, all_received, &drain);
    assert_int_equal(drain.got, PRODUCERS * EACH);
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], &failure);
        assert_null(failure);
        auv_channel_close(ends[i].channel);
        check_end(&ends[i], AUV_SIDE_HOST, AUV_OK);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_host, close_host)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(state_reaches_the_page_and_every_later_one),
        CASE(a_page_without_a_grant_gets_no_state),
        CASE(what_the_page_writes_is_stored_before_its_script_ends),
        CASE(observers_hear_each_change_once_with_its_source),
        CASE(a_fast_writer_never_fills_a_queue),
        CASE(state_refuses_what_it_cannot_hold),
        CASE(random_writers_end_with_the_same_values),
        CASE(messages_cross_both_ways_in_order),
        CASE(the_page_may_open_first),
        CASE(without_credit_nothing_is_sent_and_nothing_lost),
        CASE(the_page_waits_for_the_host_to_read),
        CASE(each_end_is_heard_once_when_all_close),
        CASE(a_closed_view_ends_its_channels),
        CASE(destroying_the_app_ends_them_too),
        CASE(producers_are_held_and_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
