/* A page that is slower than the host: refuse, replace, or wait. */
#include "harness.h"

#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct host host;
static int silent_server = -1;

enum {
    CAPACITY = 1024 /* the smallest */
};

static auv_app_options small(void)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;

    options.queue_capacity = CAPACITY;
    return options;
}

static int open_host(void **state)
{
    auv_app_options options = small();

    (void)state;
    host_open_with(&host, &options);
    return 0;
}

/* The library's own thread, kept where it starts the null engine. */
static sem_t stuck, go_on;
static _Atomic bool sticks;
static bool is_stuck;

static void take(sem_t *sem)
{
    while (sem_wait(sem) != 0)
        ;
}

static void sticks_in_log(auv_log_level level, const char *text, void *user)
{
    (void)level;
    (void)user;
    if (strstr(text, "engine is ready") && atomic_exchange(&sticks, false)) {
        sem_post(&stuck);
        take(&go_on);
    }
}

static void let_go(void)
{
    if (!is_stuck)
        return;
    is_stuck = false;
    sem_post(&go_on);
    auv_set_log(NULL, NULL);
}

static int close_host(void **state)
{
    (void)state;
    let_go();
    host_close(&host);
    if (silent_server >= 0)
        close(silent_server);
    silent_server = -1;
    return 0;
}

static void open_stuck(void)
{
    auv_app_options options = small();
    auv_view_options page = AUV_VIEW_OPTIONS_INIT;

    host_close(&host);
    host.app = open_app(&options);
    assert_true(auv_app_fd(host.app) >= 0); /* this thread reads the page */
    assert_int_equal(sem_init(&stuck, 0, 0) | sem_init(&go_on, 0, 0), 0);
    atomic_store(&sticks, true);
    auv_set_log(sticks_in_log, NULL);
    is_stuck = true;
    page.html = "one that may use the bridge";
    assert_int_equal(auv_view_create(host.app, &page, &host.view), AUV_OK);
    take(&stuck);
}

/* From here on what is emitted waits for a page that does not come. */
static void hold_page(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    char url[60];

    if (on_null()) {
        open_stuck();
        return;
    }
    silent_server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(silent_server >= 0);
    assert_int_equal(bind(silent_server, (const struct sockaddr *)&at, size),
                     0);
    assert_int_equal(listen(silent_server, 8), 0);
    assert_int_equal(getsockname(silent_server, (struct sockaddr *)&at, &size),
                     0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(at.sin_port));
    assert_int_equal(auv_view_navigate(host.view, url), AUV_OK);
}

static const char listening_page[] =
    "<script>const seen = [];"
    "for (let i = 0; i < 300; i++)"
    "  auroraview.on('n' + i, d => seen.push(['n' + i, d]));"
    "for (const n of ['a', 'b', 'c'])"
    "  auroraview.on(n, d => seen.push([n, d]));"
    "window.takeEvents = () => seen.splice(0);</script>";

static void load_page(void)
{
    assert_int_equal(auv_view_load_html(host.view, listening_page, NUL),
                     AUV_OK);
}

static void release_page(void)
{
    if (on_null())
        let_go();
    else
        load_page();
}

static int emit(const char *name, const char *json)
{
    return auv_view_emit(host.view, name, NUL, json, NUL, NULL, 0);
}

static int latest(const char *name, const char *json)
{
    return auv_view_emit_latest(host.view, name, NUL, json, NUL, NULL, 0);
}

static int emit_wait(const char *name, const char *json, int64_t timeout_ms)
{
    return auv_view_emit_wait(host.view, name, NUL, json, NUL, NULL, 0,
                              timeout_ms);
}

static int fill(void)
{
    int count = 0;

    while (emit("b", "0") == AUV_OK)
        count++;
    assert_int_equal(emit("b", "0"), AUV_ERR_QUEUE_FULL);
    return count;
}

/* What has come, as JSON text; the caller frees it. */
static auv_message *take_events(void)
{
    auv_message *result = NULL;
    int error;

    do { /* a full queue refuses the script as well, until the page is read */
        assert_true(auv_app_process(host.app) >= 0);
        error = auv_view_eval_wait(
            host.view, on_null() ? "auroraview.events()" : "takeEvents()", NUL,
            DEADLINE_MS, &result);
    } while (error == AUV_ERR_QUEUE_FULL);
    if (error != AUV_OK)
        fail_msg("no events: %s", auv_last_error_message());
    return result;
}

static int count_in(const char *json, const char *what)
{
    int count = 0;

    for (; (json = strstr(json, what)); json++)
        count++;
    return count;
}

/* ---- latest wins ---------------------------------------------------------- */

static void bad_arguments_are_refused(void **state)
{
    auv_view *view = host.view;

    (void)state;
    assert_int_equal(auv_view_emit_latest(NULL, "a", 1, "1", 1, NULL, 0),
                     AUV_ERR_ARG);
    assert_int_equal(auv_view_emit_latest(view, NULL, 1, "1", 1, NULL, 0),
                     AUV_ERR_ARG);
    assert_int_equal(
        auv_view_emit_latest(view, "a", AUV_MAX_NAME + 1, "1", 1, NULL, 0),
        AUV_ERR_TOO_LARGE);
    assert_int_equal(auv_view_emit_wait(NULL, "a", 1, "1", 1, NULL, 0, 0),
                     AUV_ERR_ARG);
    assert_int_equal(auv_view_emit_wait(view, NULL, 1, "1", 1, NULL, 0, 0),
                     AUV_ERR_ARG);
    assert_int_equal(auv_view_emit_wait(view, "a", 1, "1", 1, NULL, 2, 0),
                     AUV_ERR_ARG);
    auv_view_request_close(view, AUV_CLOSE_APP);
    assert_int_equal(latest("a", "1"), AUV_ERR_CLOSED);
    assert_int_equal(emit_wait("a", "1", -1), AUV_ERR_CLOSED);
}

static void the_latest_takes_the_place_of_the_first(void **state)
{
    auv_app_stats stats = {.size = sizeof(stats)};
    auv_message *came;

    (void)state;
    hold_page();
    assert_int_equal(latest("a", "1"), AUV_OK);
    assert_int_equal(emit("b", "1"), AUV_OK);
    assert_int_equal(latest("a", "2"), AUV_OK);
    assert_int_equal(emit("a", "7"), AUV_OK); /* replaces nothing */
    assert_int_equal(latest("c", "9"), AUV_OK);
    assert_int_equal(latest("a", "3"), AUV_OK);
    release_page();
    came = take_events();
    assert_string_equal(auv_message_json(came, NULL),
                        "[[\"a\",3],[\"b\",1],[\"a\",7],[\"c\",9]]");
    auv_message_unref(came);
    /* One that has gone is not replaced. */
    assert_int_equal(latest("a", "4"), AUV_OK);
    came = take_events();
    assert_string_equal(auv_message_json(came, NULL), "[[\"a\",4]]");
    auv_message_unref(came);
    auv_app_get_stats(host.app, &stats);
    assert_int_equal(stats.messages_dropped, 0);
}

static void a_replacement_waits_for_the_page_of_its_time(void **state)
{
    auv_message *came;

    (void)state;
    hold_page();
    assert_int_equal(latest("a", "1"), AUV_OK);
    load_page(); /* another page is asked for, and then comes a newer one */
    assert_int_equal(latest("a", "2"), AUV_OK);
    release_page();
    came = take_events();
    assert_string_equal(auv_message_json(came, NULL), "[[\"a\",2]]");
    auv_message_unref(came);
}

static void names_are_bounded_and_never_refused_again(void **state)
{
    char name[20];
    auv_message *came;

    (void)state;
    hold_page();
    for (int i = 0; i < 256; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(latest(name, "1"), AUV_OK);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(latest("n256", "1"), AUV_ERR_QUEUE_FULL);
    assert_true(strlen(auv_last_error_message()) > 0);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(latest("n255", "2"), AUV_OK);
    release_page();
    came = take_events();
    assert_int_equal(count_in(auv_message_json(came, NULL), ",1]"), 255);
    assert_int_equal(count_in(auv_message_json(came, NULL), "[\"n255\",2]"), 1);
    auv_message_unref(came);
}

static void a_full_queue_takes_the_latest(void **state)
{
    auv_message *came;
    const char *json;
    size_t length;

    (void)state;
    hold_page();
    assert_int_equal(fill(), CAPACITY);
    assert_int_equal(latest("a", "1"), AUV_OK);
    assert_int_equal(latest("a", "2"), AUV_OK);
    release_page();
    came = take_events();
    json = auv_message_json(came, &length);
    assert_int_equal(count_in(json, "[\"b\",0]"), CAPACITY);
    /* Behind them, and where the outbox was full, behind the script too. */
    while (count_in(json, "[\"a\",") == 0) {
        auv_message_unref(came);
        came = take_events();
        json = auv_message_json(came, &length);
    }
    assert_int_equal(count_in(json, "[\"a\","), 1);
    assert_string_equal(json + length - strlen("[\"a\",2]]"), "[\"a\",2]]");
    auv_message_unref(came);
}

/* The outbox itself is full, as nobody empties it: two views share it. */
static void an_outbox_that_is_full_takes_the_latest(void **state)
{
    auv_view *other;
    auv_message *came;

    (void)state;
    for (int closes = 0; closes < 2 && on_null(); closes++) {
        open_stuck();
        assert_int_equal(auv_view_create(host.app, NULL, &other), AUV_OK);
        while (auv_view_emit(other, "b", 1, "0", 1, NULL, 0) == AUV_OK)
            ;
        assert_int_equal(emit("b", "0"), AUV_ERR_QUEUE_FULL);
        assert_int_equal(emit_wait("b", "0", 10), AUV_ERR_TIMEOUT);
        assert_int_equal(latest("a", "1"), AUV_OK);
        assert_int_equal(latest("a", "2"), AUV_OK);
        if (closes) {
            assert_int_equal(auv_view_request_close(host.view, AUV_CLOSE_APP),
                             1);
            let_go();
            assert_int_equal(auv_view_wait_state(host.view, AUV_STATE_DESTROYED,
                                                 DEADLINE_MS),
                             AUV_OK);
        } else {
            let_go();
            /* Behind what was accepted until the outbox was emptied, scripts
             * included. */
            came = take_events();
            while (strcmp(auv_message_json(came, NULL), "[]") == 0) {
                auv_message_unref(came);
                came = take_events();
            }
            assert_string_equal(auv_message_json(came, NULL), "[[\"a\",2]]");
            auv_message_unref(came);
        }
        auv_view_unref(other);
    }
}

enum {
    PRODUCERS = 4,
    ROUNDS = 5000
};

static void *emits_latest(void *user)
{
    char name[8], json[16];

    snprintf(name, sizeof(name), "n%d", *(int *)user);
    for (int i = 1; i <= ROUNDS; i++) {
        snprintf(json, sizeof(json), "%d", i);
        if (latest(name, json) != AUV_OK)
            return NULL;
        /* All of them also fight for one name. */
        if (latest("a", "0") != AUV_OK)
            return NULL;
    }
    return user;
}

static void the_last_of_each_thread_arrives(void **state)
{
    pthread_t threads[PRODUCERS];
    int numbers[PRODUCERS], last[PRODUCERS] = {0}, done = 0;

    (void)state;
    hold_page();
    release_page();
    for (int i = 0; i < PRODUCERS; i++) {
        numbers[i] = i;
        assert_int_equal(
            pthread_create(&threads[i], NULL, emits_latest, &numbers[i]), 0);
    }
    while (done < PRODUCERS) {
        auv_message *came = take_events();
        const char *at = auv_message_json(came, NULL);

        while ((at = strstr(at, "[\"n"))) {
            int of = atoi(at + 3);
            int value = atoi(strchr(at, ',') + 1);

            assert_in_range(of, 0, PRODUCERS - 1);
            assert_true(value > last[of]); /* in order, none twice */
            last[of] = value;
            done += value == ROUNDS;
            at++;
        }
        auv_message_unref(came);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        void *good;

        pthread_join(threads[i], &good);
        assert_non_null(good);
    }
}

/* ---- waiting for room ----------------------------------------------------- */

enum {
    STREAM = 20000
};

static void *emits_a_stream(void *user)
{
    char json[16];

    for (int i = 0; i < STREAM; i++) {
        snprintf(json, sizeof(json), "%d", i);
        if (emit_wait("c", json, DEADLINE_MS) != AUV_OK)
            return NULL;
    }
    return user;
}

static void a_stream_that_waits_loses_nothing(void **state)
{
    pthread_t thread;
    void *good;
    int count = 0;

    (void)state;
    hold_page();
    release_page();
    assert_int_equal(pthread_create(&thread, NULL, emits_a_stream, &count), 0);
    while (count < STREAM) {
        auv_message *came = take_events();
        const char *at = auv_message_json(came, NULL);

        while ((at = strstr(at, "[\"c\","))) {
            assert_int_equal(atoi(at + 5), count);
            count++;
            at++;
        }
        auv_message_unref(came);
    }
    pthread_join(thread, &good);
    assert_non_null(good);
}

static void *emits_and_waits(void *user)
{
    (void)user;
    return (void *)(intptr_t)emit_wait("c", "1", DEADLINE_MS);
}

static void waiting_ends_with_the_deadline(void **state)
{
    (void)state;
    hold_page();
    fill();
    assert_int_equal(emit_wait("c", "1", 0), AUV_ERR_TIMEOUT);
    assert_int_equal(emit_wait("c", "1", 20), AUV_ERR_TIMEOUT);
    assert_true(strlen(auv_last_error_message()) > 0);
    /* Nothing was taken by those that gave up. */
    assert_int_equal(emit("c", "1"), AUV_ERR_QUEUE_FULL);
}

static void waiting_ends_with_the_view(void **state)
{
    pthread_t threads[4];
    void *result;

    (void)state;
    hold_page();
    fill();
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, emits_and_waits, NULL), 0);
    auv_view_request_close(host.view, AUV_CLOSE_APP);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &result);
        assert_int_equal((intptr_t)result, AUV_ERR_CLOSED);
    }
}

static void all_who_wait_get_their_room(void **state)
{
    pthread_t threads[8];
    void *result;

    (void)state;
    hold_page();
    fill();
    for (int i = 0; i < 8; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, emits_and_waits, NULL), 0);
    release_page();
    for (int came = 0; came < 8;) {
        auv_message *events = take_events();

        came += count_in(auv_message_json(events, NULL), "[\"c\",1]");
        auv_message_unref(events);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], &result);
        assert_int_equal((intptr_t)result, AUV_OK);
    }
}

/* Nobody processes meanwhile, and this thread would be the one to read from the
 * page that it has come up. */
static void waits_in_a_handler(void *user)
{
    int *error = user;

    fill();
    release_page();
    *error = emit_wait("c", "1", DEADLINE_MS);
}

static void the_host_thread_may_wait(void **state)
{
    int error = 1;

    (void)state;
    hold_page();
    assert_int_equal(auv_app_post(host.app, waits_in_a_handler, &error),
                     AUV_OK);
    pump_until_idle(host.app);
    assert_int_equal(error, AUV_OK);
}

/* ---- figures -------------------------------------------------------------- */

static void figures_can_be_set_back(void **state)
{
    auv_app_stats stats = {.size = sizeof(stats)};

    (void)state;
    check_value(&host, "1", "1");
    assert_int_equal(auv_app_get_stats(host.app, &stats), AUV_OK);
    assert_true(stats.messages_processed > 0 && stats.messages_sent > 0);
    assert_int_equal(auv_app_reset_stats(NULL), AUV_ERR_ARG);
    pump_until_idle(host.app);
    assert_int_equal(auv_app_reset_stats(host.app), AUV_OK);
    assert_int_equal(auv_app_get_stats(host.app, &stats), AUV_OK);
    assert_int_equal(stats.messages_processed, 0);
    assert_int_equal(stats.ticks_processed, 0);
    assert_int_equal(stats.total_processing_time_us, 0);
    assert_int_equal(stats.peak_tick_time_us, 0);
    assert_int_equal(stats.batch_skips, 0);
    assert_int_equal(stats.messages_sent, 0);
    assert_int_equal(stats.messages_dropped, 0);
    assert_int_equal(stats.handler_wakes, 0);
    check_value(&host, "1", "1");
    assert_int_equal(auv_app_get_stats(host.app, &stats), AUV_OK);
    assert_int_equal(stats.messages_sent, 1);
    assert_true(stats.messages_processed >= 1 && stats.handler_wakes < 10);
}

/* ---- answers ---------------------------------------------------------------- */

enum {
    ANSWERS = 8000 /* more than the queue to the pages has places */
};
static auv_call *kept[ANSWERS];
static int kept_count, results, wrong_results;

static void keeps(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)user;
    kept[kept_count++] = auv_call_ref(call);
}

static void on_answer(auv_view *view, int error, const auv_message *result,
                      void *user)
{
    (void)view;
    (void)user;
    results++;
    wrong_results += error != AUV_OK ||
                     strcmp(auv_message_json(result, NULL), "\"yes\"") != 0;
}

static void answer_all(void *user)
{
    (void)user;
    for (int i = 0; i < ANSWERS; i++) {
        assert_int_equal(auv_call_reply(kept[i], "\"yes\"", NUL, NULL, 0),
                         AUV_OK);
        auv_call_unref(kept[i]);
    }
}

/* In one go, while nobody else gets to send. */
static void an_answer_is_never_refused_for_want_of_room(void **state)
{
    (void)state;
    kept_count = results = wrong_results = 0;
    assert_int_equal(auv_view_bind(host.view, "keeps", NUL, keeps, NULL, NULL),
                     AUV_OK);
    for (int i = 1; i <= ANSWERS; i++) {
        assert_int_equal(auv_view_eval(host.view,
                                       "auroraview.call(\"keeps\", 1)", NUL, -1,
                                       on_answer, NULL),
                         AUV_OK);
        if (i % 500 == 0)
            pump_until_count(host.app, &kept_count, i);
    }
    assert_int_equal(auv_app_post(host.app, answer_all, NULL), AUV_OK);
    pump_until_count(host.app, &results, ANSWERS);
    assert_int_equal(wrong_results, 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_host, close_host)
    const struct CMUnitTest tests[] = {
        TEST(bad_arguments_are_refused),
        TEST(the_latest_takes_the_place_of_the_first),
        TEST(a_replacement_waits_for_the_page_of_its_time),
        TEST(names_are_bounded_and_never_refused_again),
        TEST(a_full_queue_takes_the_latest),
        TEST(an_outbox_that_is_full_takes_the_latest),
        TEST(the_last_of_each_thread_arrives),
        TEST(a_stream_that_waits_loses_nothing),
        TEST(waiting_ends_with_the_deadline),
        TEST(waiting_ends_with_the_view),
        TEST(all_who_wait_get_their_room),
        TEST(the_host_thread_may_wait),
        TEST(an_answer_is_never_refused_for_want_of_room),
        TEST(figures_can_be_set_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
