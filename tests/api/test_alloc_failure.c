/*
 * test_alloc_failure.c - one life of an application on the null engine, again
 * and again, each time with another allocation of the library failing.
 *
 * Whatever fails: no crash, no hang, a clear error, and every promise of the
 * public headers is kept. What was accepted ends once, what was lent is given
 * back once, a view closes when it is told to, and no descriptor stays open
 * (nor memory, as the leak check of the sanitized build sees).
 *
 * The calls are taken over by the linker, in all threads of the library.
 */
#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVAL_MS 500       /* what was lost on the way ends by this */
#define EVAL_WAIT_MS 2000 /* likewise */
#define LARGE (70 * 1024) /* travels as a descriptor */
#define MAX_FDS 1024

/* ---- the fault ------------------------------------------------------------ */

static _Atomic long calls;        /* since armed */
static _Atomic long first, last;  /* calls to fail; first 0: none */
static _Atomic long failed_calls; /* since armed */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static bool fails(void)
{
    long n = atomic_fetch_add(&calls, 1) + 1;
    long from = atomic_load(&first);

    if (!from || n < from || n > atomic_load(&last))
        return false;
    atomic_fetch_add(&failed_calls, 1);
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

static void arm(long from, long count)
{
    atomic_store(&failed_calls, 0);
    atomic_store(&calls, 0);
    atomic_store(&last, from + count - 1);
    atomic_store(&first, from);
}

/* ---- what was promised ---------------------------------------------------- */

/* Something that was accepted, and how often what must follow has come. */
struct promise {
    const char *what;
    bool accepted;
    int kept;
};

enum {
    OBSERVER,
    BINDING,
    LISTENER,
    VALUE,
    CALL,
    POST,
    CHANGES,
    OFFERS,
    CHANNEL,
    PROMISES
};

struct life {
    struct promise promises[PROMISES];
    bool strict; /* no fault: nothing may fail */
};

static void keep(void *user)
{
    struct promise *promise = user;

    promise->kept++;
}

static void check_error(const struct life *life, int error, const char *what)
{
    if (error >= 0)
        return;
    if (!life->strict &&
        (error == AUV_ERR_NOMEM || error == AUV_ERR_SYSTEM ||
         error == AUV_ERR_CLOSED || error == AUV_ERR_ENGINE_LOST ||
         error == AUV_ERR_TIMEOUT || error == AUV_ERR_QUEUE_FULL))
        return;
    fail_msg("%s: %s (%s)", what, auv_error_name(error),
             auv_last_error_message());
}

static int took(struct life *life, int which, int result)
{
    check_error(life, result, life->promises[which].what);
    life->promises[which].accepted = result >= 0;
    return result;
}

static void on_event(auv_view *view, const auv_event *event, void *user)
{
    (void)view;
    (void)user;
    assert_non_null(event->text);
}

static void on_call(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)user;
    auv_call_reply(call, "[2]", NUL, NULL, 0); /* or the page hears why not */
}

static void on_page_event(auv_view *view, const auv_message *message,
                          void *user)
{
    (void)view;
    (void)message;
    (void)user;
}

struct script {
    struct life *life;
    int promise;
};

/* The promise of a call is rejected with what the host could not do. */
static bool is_told_why(const struct life *life, const char *json)
{
    return strstr(json, auv_error_name(AUV_ERR_NOMEM)) ||
           strstr(json, auv_error_name(AUV_ERR_SYSTEM)) ||
           strstr(json, "NoReply") ||
           (!life->promises[BINDING].accepted &&
            strstr(json, auv_error_name(AUV_ERR_METHOD_NOT_FOUND)));
}

static void on_script_end(auv_view *view, int error, const auv_message *result,
                          void *user)
{
    const struct script *script = user;
    struct life *life = script->life;
    const char *json = result ? auv_message_json(result, NULL) : "";

    (void)view;
    life->promises[script->promise].kept++;
    if (error == AUV_OK)
        assert_string_equal(json, script->promise == CALL ? "[2]" : "[1,2]");
    else if (life->strict || script->promise != CALL ||
             error != AUV_ERR_SCRIPT || !is_told_why(life, json))
        check_error(life, error, life->promises[script->promise].what);
}

static bool is_due(const struct promise *promise)
{
    return promise->accepted && promise->kept == 0;
}

/* What the host waits for while the view is open. */
static bool all_ended(void *user)
{
    const struct life *life = user;

    return !is_due(&life->promises[VALUE]) && !is_due(&life->promises[CALL]) &&
           !is_due(&life->promises[POST]);
}

static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < MAX_FDS; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* ---- the life ------------------------------------------------------------- */

static void emit(struct life *life, auv_view *view)
{
    static const unsigned char large[LARGE];
    const auv_part parts[] = {
        {.data = "abcd", .length = 4, .type = AUV_PART_U8},
        {.data = large, .length = sizeof(large), .type = AUV_PART_BUFFER},
    };

    check_error(life,
                auv_view_emit(view, "data", NUL, "[{\"$auv\":0},{\"$auv\":1}]",
                              NUL, parts, 2),
                "emit");
    check_error(life,
                auv_view_emit_latest(view, "progress", NUL, "50", NUL, NULL, 0),
                "emit_latest");
}

static void close_view(auv_app *app, auv_view *view)
{
    struct pollfd ready = {.fd = auv_app_fd(app), .events = POLLIN};
    int64_t end = now_ms() + DEADLINE_MS;

    assert_true(auv_view_request_close(view, AUV_CLOSE_APP) >= 0);
    /* A close is never lost: not its order, nor the word that it is done. */
    assert_int_equal(
        auv_view_wait_state(view, AUV_STATE_DESTROYED, DEADLINE_MS), AUV_OK);
    while (auv_app_process(app) != AUV_PROCESS_CLOSE_REQUESTED) {
        if (now_ms() > end)
            fail_msg("the application has not heard that its view has closed");
        poll(&ready, 1, 200);
    }
}

static void on_change(auv_view *view, const char *key, size_t key_length,
                      const auv_message *value, auv_side source, void *user)
{
    (void)view;
    (void)key_length;
    (void)value;
    (void)source;
    (void)user;
    assert_non_null(key);
}

static void on_offer(auv_view *view, const char *name, size_t name_length,
                     void *user)
{
    auv_channel *channel;

    (void)name_length;
    (void)user;
    if (auv_channel_open(view, name, NUL, NULL, &channel) < 0)
        return;
    auv_channel_send(channel, "1", NUL, NULL, 0);
    auv_channel_close(channel);
    auv_channel_unref(channel);
}

/* Both ends of what they share; what the page does may fail for want of memory
 * in its process, which is ours here. */
static void use_streams(struct life *life, auv_view *view)
{
    static const unsigned char large[LARGE];
    const auv_part part = {large, sizeof(large), AUV_PART_U8};
    auv_channel_options options = AUV_CHANNEL_OPTIONS_INIT;
    struct promise *promises = life->promises;
    auv_channel *channel = NULL;
    auv_message *value = NULL;
    int error;

    took(life, CHANGES,
         auv_view_state_observe(view, on_change, &promises[CHANGES], keep));
    took(life, OFFERS,
         auv_view_on_channel(view, "", 0, on_offer, &promises[OFFERS], keep));
    error =
        auv_view_state_set(view, "a", NUL, "{\"$auv\":0}", NUL, &part, 1, 0);
    check_error(life, error, "state_set");
    assert_int_equal(auv_view_state_get(view, "a", NUL, &value), error == 1);
    auv_message_unref(value);
    auv_view_state_delete(view, "a", NUL, 0);
    check_error(life, auv_view_state_set(view, "b", NUL, "1", NUL, NULL, 0, 0),
                "state_set");
    options.user = &promises[CHANNEL];
    options.free_user = keep;
    if (took(life, CHANNEL,
             auv_channel_open(view, "mine", NUL, &options, &channel)) == AUV_OK)
        check_error(life, auv_channel_send(channel, "[1]", NUL, &part, 1),
                    "channel_send");
    for (int i = 0; i < 4; i++) {
        static const char *const scripts[] = {
            "auroraview.state[\"c\"] = 2", "delete auroraview.state[\"c\"]",
            "auroraview.channel(\"mine\").send(1)",
            "auroraview.channel(\"its\").send(1)"};

        error = auv_view_eval(view, scripts[i], NUL,
                              life->strict ? DEADLINE_MS : EVAL_MS, NULL, NULL);
        check_error(life, error, scripts[i]);
    }
    auv_channel_unref(channel); /* the library keeps it until it ends */
}

static void use_view(struct life *life, auv_app *app, auv_view *view)
{
    static const char call[] = "auroraview.call(\"x\", [1])";
    struct promise *promises = life->promises;
    struct script value = {life, VALUE}, answered = {life, CALL};
    int64_t timeout_ms = life->strict ? DEADLINE_MS : EVAL_MS;
    auv_message *result = NULL;
    int error, listener;

    took(life, OBSERVER,
         auv_view_observe(view, on_event, &promises[OBSERVER], keep));
    took(life, BINDING,
         auv_view_bind(view, "x", NUL, on_call, &promises[BINDING], keep));
    listener = took(life, LISTENER,
                    auv_view_on(view, "said", NUL, on_page_event,
                                &promises[LISTENER], keep));
    emit(life, view);
    use_streams(life, view);
    took(life, VALUE,
         auv_view_eval(view, "[1,2]", NUL, timeout_ms, on_script_end, &value));
    took(life, CALL,
         auv_view_eval(view, call, NUL, timeout_ms, on_script_end, &answered));
    error = auv_view_eval_wait(
        view, "1", NUL, life->strict ? DEADLINE_MS : EVAL_WAIT_MS, &result);
    check_error(life, error, "eval_wait");
    if (error == AUV_OK)
        assert_string_equal(auv_message_json(result, NULL), "1");
    auv_message_unref(result);
    took(life, POST, auv_app_post(app, keep, &promises[POST]));
    pump_until(app, all_ended, life);

    check_error(life, auv_view_unbind(view, "x", NUL), "unbind");
    if (listener > 0)
        check_error(life, auv_view_off(view, listener), "off");
}

static void use_app(struct life *life, auv_app *app, bool close)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    auv_view *view = NULL;
    int error;

    options.html = "<!doctype html><title>page</title>";
    error = auv_view_create(app, &options, &view);
    check_error(life, error, "view_create");
    if (error == AUV_OK) {
        use_view(life, app, view);
        if (close)
            close_view(app, view);
        auv_view_unref(view);
    }
}

/* With the calls from number `from` on failing, `count` of them; from 0: none.
 * False: the life has not got as far as that. */
static bool live(long from, long count, bool close)
{
    struct life life = {
        .promises = {{"observe", false, 0},
                     {"bind", false, 0},
                     {"on", false, 0},
                     {"eval of a value", false, 0},
                     {"eval of a call", false, 0},
                     {"post", false, 0},
                     {"state_observe", false, 0},
                     {"on_channel", false, 0},
                     {"channel_open", false, 0}},
        .strict = from == 0,
    };
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_app *app = NULL;
    int descriptors = open_descriptors(), error;

    options.engine = "null";
    arm(from, count);
    error = auv_app_create(&options, &app);
    check_error(&life, error, "app_create");
    if (error == AUV_OK) {
        use_app(&life, app, close);
        auv_app_destroy(app);
    }
    atomic_store(&first, 0);

    for (int i = 0; i < PROMISES; i++)
        if (life.promises[i].kept != life.promises[i].accepted)
            fail_msg("call %ld fails, %ld in a row: %s: %s, and ended %d times",
                     from, count, life.promises[i].what,
                     life.promises[i].accepted ? "accepted" : "refused",
                     life.promises[i].kept);
    assert_int_equal(open_descriptors(), descriptors);
    return atomic_load(&failed_calls) > 0;
}

static void fail_each(long count, bool close)
{
    long from = 1;

    live(0, 0, close);
    while (live(from, count, close))
        from++;
    assert_true(from > 1);
    print_message("%ld calls\n", from - 1);
}

static void each_allocation_fails(void **state)
{
    (void)state;
    fail_each(1, true);
}

static void three_allocations_in_a_row_fail(void **state)
{
    (void)state;
    fail_each(3, true);
}

static void each_fails_and_the_app_closes_its_view(void **state)
{
    (void)state;
    fail_each(1, false);
}

static void say_nothing(auv_log_level level, const char *text, void *user)
{
    (void)level;
    (void)text;
    (void)user;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails),
        cmocka_unit_test(three_allocations_in_a_row_fail),
        cmocka_unit_test(each_fails_and_the_app_closes_its_view),
    };

    auv_set_log(say_nothing, NULL); /* hundreds of faults, all of them meant */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
