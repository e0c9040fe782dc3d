/* Handlers on threads of the library's, and how a handler learns that nobody
 * waits for it any more. */
#include "harness.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

static void await(sem_t *semaphore)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEADLINE_MS / 1000;
    assert_int_equal(sem_timedwait(semaphore, &until), 0);
}

static void start_call(const char *script, struct outcome *out)
{
    *out = (struct outcome){0};
    assert_int_equal(auv_view_eval(host.view, script, NUL, -1, on_result, out),
                     AUV_OK);
}

/* ---- workers -------------------------------------------------------------- */

static pthread_t consumer;
static sem_t begun, go_on, freed;
static int ran;

static void on_worker(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)user;
    assert_false(pthread_equal(pthread_self(), consumer));
    sem_post(&begun);
    await(&go_on);
    __atomic_fetch_add(&ran, 1, __ATOMIC_SEQ_CST);
    auv_call_reply(call, "\"from a worker\"", NUL, NULL, 0);
}

static void on_free(void *user)
{
    (void)user;
    sem_post(&freed);
}

static void bind_worker(auv_call_fn fn)
{
    consumer = pthread_self();
    sem_init(&begun, 0, 0);
    sem_init(&go_on, 0, 0);
    sem_init(&freed, 0, 0);
    ran = 0;
    assert_int_equal(
        auv_view_bind_worker(host.view, "work", NUL, fn, NULL, on_free),
        AUV_OK);
}

static void a_worker_leaves_the_consumer_free(void **state)
{
    struct outcome first, second;

    (void)state;
    bind_worker(on_worker);
    start_call("auroraview.call(\"work\", 1)", &first);
    start_call("auroraview.call(\"work\", 2)", &second);
    while (sem_trywait(&begun) != 0)
        auv_app_process(host.app);
    /* Both at once: it does not wait for the first. */
    while (sem_trywait(&begun) != 0)
        auv_app_process(host.app);
    check_value(&host, "7", "7");
    assert_int_equal(first.calls + second.calls, 0);
    sem_post(&go_on);
    sem_post(&go_on);
    pump_until_count(host.app, &first.calls, 1);
    pump_until_count(host.app, &second.calls, 1);
    assert_int_equal(first.error, AUV_OK);
    assert_string_equal(first.json, "\"from a worker\"");
    assert_string_equal(second.json, "\"from a worker\"");
}

static void more_calls_than_workers_wait_their_turn(void **state)
{
    enum {
        CALLS = 50
    };
    static struct outcome out[CALLS];
    int value;

    (void)state;
    bind_worker(on_worker);
    for (int i = 0; i < CALLS; i++)
        start_call("auroraview.call(\"work\", 1)", &out[i]);
    for (int i = 0; i < 4; i++)
        while (sem_trywait(&begun) != 0)
            auv_app_process(host.app);
    pump_until_idle(host.app);
    sem_getvalue(&begun, &value);
    assert_int_equal(value, 0); /* bounded */
    for (int i = 0; i < CALLS; i++)
        sem_post(&go_on);
    for (int i = 0; i < CALLS; i++)
        pump_until_count(host.app, &out[i].calls, 1);
    assert_int_equal(ran, CALLS);
}

static void a_binding_lives_as_long_as_a_worker_runs_it(void **state)
{
    struct outcome out;
    int value;

    (void)state;
    bind_worker(on_worker);
    start_call("auroraview.call(\"work\", 1)", &out);
    while (sem_trywait(&begun) != 0)
        auv_app_process(host.app);
    assert_int_equal(auv_view_unbind(host.view, "work", NUL), AUV_OK);
    check_value(&host, "1", "1"); /* the unbinding has been processed */
    sem_getvalue(&freed, &value);
    assert_int_equal(value, 0);
    sem_post(&go_on);
    pump_until_count(host.app, &out.calls, 1);
    await(&freed);
    assert_string_equal(out.json, "\"from a worker\"");
}

static void says_nothing(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)call;
    (void)user;
}

static void a_silent_worker_rejects(void **state)
{
    struct outcome out;

    (void)state;
    bind_worker(says_nothing);
    start_call("auroraview.call(\"work\", 1)", &out);
    pump_until_count(host.app, &out.calls, 1);
    assert_int_equal(out.error, AUV_ERR_SCRIPT);
    assert_non_null(strstr(out.json, "NoReply"));
}

static int result_of_wait;

static void waits_for_its_end(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)user;
    assert_int_equal(auv_call_wait_cancelled(call, 0), AUV_ERR_TIMEOUT);
    sem_post(&begun);
    result_of_wait = auv_call_wait_cancelled(call, DEADLINE_MS);
    sem_post(&go_on);
}

static void a_worker_is_woken_by_the_close(void **state)
{
    struct outcome out;

    (void)state;
    bind_worker(waits_for_its_end);
    start_call("auroraview.call(\"work\", 1)", &out);
    while (sem_trywait(&begun) != 0)
        auv_app_process(host.app);
    auv_view_request_close(host.view, AUV_CLOSE_APP);
    await(&go_on); /* with nobody processing */
    assert_int_equal(result_of_wait, AUV_OK);
    pump_until_event(&host, AUV_EVENT_CLOSED);
}

static void never_looks(auv_view *view, auv_call *call, void *user)
{
    (void)user;
    sem_post(&begun);
    await(&go_on);
    /* The application is gone; these must still be safe. */
    assert_true(auv_call_is_cancelled(call));
    assert_true(auv_call_reply(call, "1", NUL, NULL, 0) < 0);
    assert_true(auv_view_emit(view, "late", NUL, "1", NUL, NULL, 0) < 0);
    assert_int_equal(auv_view_state(view, NULL), AUV_STATE_DESTROYED);
}

static void a_stuck_worker_does_not_stop_the_end(void **state)
{
    struct outcome stuck, queued[6];
    int64_t before;

    (void)state;
    bind_worker(never_looks);
    start_call("auroraview.call(\"work\", 1)", &stuck);
    while (sem_trywait(&begun) != 0)
        auv_app_process(host.app);
    for (int i = 0; i < 6; i++)
        start_call("auroraview.call(\"work\", 1)", &queued[i]);
    for (int i = 0; i < 3; i++)
        while (sem_trywait(&begun) != 0)
            auv_app_process(host.app);
    before = now_ms();
    host_close(&host);
    print_message("closed in %d ms\n", (int)(now_ms() - before));
    assert_int_equal(stuck.error, AUV_ERR_CLOSED);
    for (int i = 0; i < 4; i++)
        sem_post(&go_on);
    /* The binding goes with the last of them: no thread is left then. */
    await(&freed);
    host_open(&host);
}

/* ---- being told of a cancellation ------------------------------------------ */

static auv_call *kept;
static int told, user_freed;

static void on_cancel(auv_call *call, void *user)
{
    assert_true(pthread_equal(pthread_self(), consumer));
    assert_ptr_equal(call, kept);
    assert_true(auv_call_is_cancelled(call));
    assert_int_equal(user_freed, 0);
    ++*(int *)user;
}

static void on_user_free(void *user)
{
    (void)user;
    user_freed++;
}

static void keeps(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    kept = auv_call_ref(call);
    assert_int_equal(auv_call_on_cancel(call, NULL, NULL, NULL), AUV_ERR_ARG);
    assert_int_equal(auv_call_on_cancel(call, on_cancel, &told, on_user_free),
                     AUV_OK);
    assert_int_equal(auv_call_on_cancel(call, on_cancel, &told, on_user_free),
                     AUV_ERR_STATE);
    ++*(int *)user;
}

static void keep_a_call(struct outcome *out)
{
    int count = 0;

    consumer = pthread_self();
    told = user_freed = 0;
    assert_int_equal(
        auv_view_bind(host.view, "keeps", NUL, keeps, &count, NULL), AUV_OK);
    start_call("auroraview.call(\"keeps\", 1)", out);
    pump_until_count(host.app, &count, 1);
    assert_int_equal(told, 0);
    assert_int_equal(auv_view_unbind(host.view, "keeps", NUL), AUV_OK);
}

static void the_end_of_the_document_is_told(void **state)
{
    struct outcome out;

    (void)state;
    keep_a_call(&out);
    assert_int_equal(auv_view_load_html(host.view, "<p>next", NUL), AUV_OK);
    pump_until_count(host.app, &told, 1);
    pump_until_idle(host.app);
    assert_int_equal(told, 1);
    assert_int_equal(user_freed, 1);
    assert_int_equal(auv_call_reply(kept, "1", NUL, NULL, 0),
                     AUV_ERR_CANCELLED);
    assert_int_equal(auv_call_on_cancel(kept, on_cancel, &told, NULL),
                     AUV_ERR_CANCELLED);
    assert_int_equal(auv_call_wait_cancelled(kept, 0), AUV_OK);
    auv_call_unref(kept);
}

static void the_close_of_the_view_is_told(void **state)
{
    struct outcome out;

    (void)state;
    keep_a_call(&out);
    auv_view_request_close(host.view, AUV_CLOSE_APP);
    assert_int_equal(told, 0); /* not on this thread, not now */
    pump_until_count(host.app, &told, 1);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    assert_int_equal(told, 1);
    assert_int_equal(user_freed, 1);
    auv_call_unref(kept);
}

static void the_end_of_the_application_is_told(void **state)
{
    struct outcome out;

    (void)state;
    keep_a_call(&out);
    host_close(&host);
    assert_int_equal(told, 1);
    assert_int_equal(user_freed, 1);
    assert_int_equal(auv_call_on_cancel(kept, on_cancel, &told, NULL),
                     AUV_ERR_CANCELLED);
    auv_call_unref(kept);
    host_open(&host);
}

static void an_answered_call_is_not_told(void **state)
{
    struct outcome out;

    (void)state;
    keep_a_call(&out);
    assert_int_equal(auv_call_reply(kept, "1", NUL, NULL, 0), AUV_OK);
    assert_int_equal(user_freed, 1);
    pump_until_count(host.app, &out.calls, 1);
    assert_int_equal(auv_call_on_cancel(kept, on_cancel, &told, NULL),
                     AUV_ERR_STATE);
    assert_int_equal(auv_call_wait_cancelled(kept, 0), AUV_ERR_STATE);
    auv_view_request_close(host.view, AUV_CLOSE_APP);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    assert_int_equal(told, 0);
    auv_call_unref(kept);
}

static void a_dropped_call_frees_what_it_was_given(void **state)
{
    struct outcome out;

    (void)state;
    keep_a_call(&out);
    auv_call_unref(kept);
    assert_int_equal(user_freed, 1);
    pump_until_count(host.app, &out.calls, 1);
    assert_non_null(strstr(out.json, "NoReply"));
    assert_int_equal(told, 0);
}

/* ---- answers that race with cancels ----------------------------------------- */

static int race_calls, race_begun, race_answered, race_told, race_freed;

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

static void count_up(int *count)
{
    __atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
}

static void race_on_cancel(auv_call *call, void *user)
{
    (void)user;
    assert_true(auv_call_is_cancelled(call));
    count_up(&race_told);
}

static void race_free(void *user)
{
    (void)user;
    count_up(&race_freed);
}

static void races(auv_view *view, auv_call *call, void *user)
{
    int number = __atomic_add_fetch(&race_calls, 1, __ATOMIC_SEQ_CST);
    int error = auv_call_on_cancel(call, race_on_cancel, NULL, race_free);

    (void)view;
    (void)user;
    if (error == AUV_ERR_CANCELLED)
        return;
    assert_int_equal(error, AUV_OK);
    count_up(&race_begun);
    /* Not together, and about as long as a navigation takes to get here. */
    for (int64_t i = number % 7; i >= 0; i--)
        for (int64_t end = now_ns() + 60000; now_ns() < end;)
            ;
    error = auv_call_reply(call, "1", NUL, NULL, 0);
    if (error == AUV_ERR_CANCELLED)
        return; /* then it is told */
    assert_true(error == AUV_OK || error == AUV_ERR_CLOSED);
    count_up(&race_answered);
}

/* Each call is answered or told of its cancel, never both, and what it was
 * given is freed once. */
static void an_answer_and_a_cancel_never_both_win(void **state)
{
    struct outcome out[4];

    (void)state;
    race_calls = race_begun = race_answered = race_told = race_freed = 0;
    assert_int_equal(
        auv_view_bind_worker(host.view, "race", NUL, races, NULL, NULL),
        AUV_OK);
    for (int round = 1; round <= 100; round++) {
        for (int i = 0; i < 4; i++)
            start_call("auroraview.call(\"race\", 1)", &out[i]);
        while (__atomic_load_n(&race_begun, __ATOMIC_SEQ_CST) < round * 4)
            auv_app_process(host.app);
        assert_int_equal(auv_view_load_html(host.view, "<p>next", NUL), AUV_OK);
        for (int i = 0; i < 4; i++)
            pump_until_count(host.app, &out[i].calls, 1);
    }
    /* The end waits for the workers, and runs what they have left. */
    host_close(&host);
    print_message("%d calls: %d answered, %d told\n", race_calls, race_answered,
                  race_told);
    assert_int_equal(race_answered + race_told, race_begun);
    assert_int_equal(race_freed, race_begun);
    host_open(&host);
}

/* The page's own doing; needs a page that runs script. */
static void the_page_s_abort_is_told(void **state)
{
    struct outcome out;
    int count = 0;

    (void)state;
    if (on_null())
        return;
    consumer = pthread_self();
    told = user_freed = 0;
    assert_int_equal(
        auv_view_bind(host.view, "keeps", NUL, keeps, &count, NULL), AUV_OK);
    start_call("globalThis.c = new AbortController();"
               "auroraview.call(\"keeps\", 1, {signal: c.signal})"
               ".catch(e => e.name)",
               &out);
    pump_until_count(host.app, &count, 1);
    check_value(&host, "c.abort(), 1", "1");
    pump_until_count(host.app, &told, 1);
    pump_until_count(host.app, &out.calls, 1);
    assert_string_equal(out.json, "\"AbortError\"");
    auv_call_unref(kept);

    told = user_freed = 0;
    run_script(&host,
               "auroraview.call(\"keeps\", 1, {timeout: 1})"
               ".catch(e => [e.name, e.code])",
               &out);
    pump_until_count(host.app, &told, 1);
    assert_string_equal(out.json, "[\"Timeout\",-4]");
    auv_call_unref(kept);
}

int main(void)
{
#define on_host(test) \
    cmocka_unit_test_setup_teardown(test, open_host, close_host)
    const struct CMUnitTest tests[] = {
        on_host(a_worker_leaves_the_consumer_free),
        on_host(more_calls_than_workers_wait_their_turn),
        on_host(a_binding_lives_as_long_as_a_worker_runs_it),
        on_host(a_silent_worker_rejects),
        on_host(a_worker_is_woken_by_the_close),
        on_host(a_stuck_worker_does_not_stop_the_end),
        on_host(the_end_of_the_document_is_told),
        on_host(the_close_of_the_view_is_told),
        on_host(the_end_of_the_application_is_told),
        on_host(an_answered_call_is_not_told),
        on_host(a_dropped_call_frees_what_it_was_given),
        on_host(an_answer_and_a_cancel_never_both_win),
        on_host(the_page_s_abort_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
