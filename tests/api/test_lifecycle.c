/* Views from opening to closing, and who hears of it. */
#include "harness.h"
#include "processes.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static int count_entries(const char *path)
{
    DIR *folder = opendir(path);
    int count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* ---- applications and arguments ------------------------------------------- */

static void applications_are_checked(void **state)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_app *app = NULL;

    (void)state;
    assert_int_equal(auv_app_create(NULL, NULL), AUV_ERR_ARG);
    options.engine = "no such engine";
    assert_int_equal(auv_app_create(&options, &app), AUV_ERR_ARG);
    assert_non_null(strstr(auv_last_error_message(), "no such engine"));
    options.engine = "null";
    options.preset = (auv_preset)7;
    assert_int_equal(auv_app_create(&options, &app), AUV_ERR_ARG);
    options.preset = (auv_preset)-1;
    assert_int_equal(auv_app_create(&options, &app), AUV_ERR_ARG);
    options.preset = AUV_PRESET_STANDALONE;
    options.size = 0;
    assert_int_equal(auv_app_create(&options, &app), AUV_ERR_ARG);
    assert_null(app);
    /* A shorter struct is one of an older caller. */
    options.size = offsetof(auv_app_options, queue_capacity);
    options.queue_capacity = (size_t)-1;
    assert_int_equal(auv_app_create(&options, &app), AUV_OK);
    auv_app_destroy(app);
    auv_app_destroy(NULL);
    assert_int_equal(auv_app_fd(NULL), AUV_ERR_ARG);
    assert_int_equal(auv_app_process(NULL), AUV_ERR_ARG);
    assert_int_equal(auv_app_run(NULL), AUV_ERR_ARG);
    assert_int_equal(auv_app_set_wakeup(NULL, NULL, NULL), AUV_ERR_ARG);
    assert_int_equal(auv_app_post(NULL, NULL, NULL), AUV_ERR_ARG);
    assert_int_equal(auv_app_get_stats(NULL, NULL), AUV_ERR_ARG);
    auv_app_quit(NULL);
    assert_string_equal(auv_version(), AUV_VERSION_STRING);
    assert_string_equal(auv_strerror(12345), "unknown error");
    assert_string_equal(auv_error_name(12345), "Error");
}

/* Large capacities must fail, if they do, as an error and not later. */
static void any_capacity_is_answered(void **state)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_app *app = NULL;

    (void)state;
    options.engine = "null";
    options.queue_capacity = 1;
    assert_int_equal(auv_app_create(&options, &app), AUV_OK);
    auv_app_destroy(app);
    app = NULL;
    options.queue_capacity = (size_t)-1;
    assert_int_equal(auv_app_create(&options, &app), AUV_ERR_ARG);
    assert_null(app);
}

static void an_unused_application_leaves_nothing(void **state)
{
    int descriptors = count_entries("/proc/self/fd");
    int threads = count_entries("/proc/self/task");

    (void)state;
    for (int i = 0; i < 20; i++)
        auv_app_destroy(open_app(NULL));
    assert_int_equal(count_entries("/proc/self/fd"), descriptors);
    assert_int_equal(count_entries("/proc/self/task"), threads);
}

static void views_are_checked(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    auv_view *view = NULL;

    (void)state;
    assert_int_equal(auv_view_create(NULL, NULL, &view), AUV_ERR_ARG);
    assert_int_equal(auv_view_create(host.app, NULL, NULL), AUV_ERR_ARG);
    options.size = 0;
    assert_int_equal(auv_view_create(host.app, &options, &view), AUV_ERR_ARG);
    assert_null(view);
#define REFUSED(call) assert_int_equal(call, AUV_ERR_ARG)
    view = host.view;
    REFUSED(auv_view_request_close(NULL, AUV_CLOSE_APP));
    REFUSED(auv_view_request_close(view, AUV_CLOSE_NONE));
    REFUSED(auv_view_request_close(view, (auv_close_reason)6));
    REFUSED(auv_view_request_close(view, (auv_close_reason)-1));
    REFUSED(auv_view_wait_state(NULL, AUV_STATE_ACTIVE, 0));
    REFUSED(auv_view_wait_state(view, (auv_state)5, 0));
    REFUSED(auv_view_wait_state(view, (auv_state)-1, 0));
    REFUSED(auv_view_navigate(NULL, "about:blank"));
    REFUSED(auv_view_navigate(view, NULL));
    REFUSED(auv_view_navigate(view, ""));
    REFUSED(auv_view_load_html(NULL, "x", NUL));
    REFUSED(auv_view_load_html(view, NULL, 0));
    REFUSED(auv_view_reload(NULL));
    REFUSED(auv_view_stop(NULL));
    REFUSED(auv_view_allow_origin(NULL, "http://localhost"));
    REFUSED(auv_view_allow_origin(view, NULL));
    REFUSED(auv_view_allow_origin(view, "localhost"));
    REFUSED(auv_view_allow_origin(view, "http://localhost/"));
    REFUSED(auv_view_allow_origin(view, "HTTP://localhost"));
    REFUSED(auv_view_allow_origin(view, "*"));
    REFUSED(auv_view_set_title(NULL, "x"));
    REFUSED(auv_view_set_bounds(NULL, 0, 0, 1, 1));
    REFUSED(auv_view_set_visible(NULL, true));
    REFUSED(auv_view_set_parent(NULL, 0));
    REFUSED(auv_view_set_focus(NULL, AUV_FOCUS_IN));
    REFUSED(auv_view_set_focus(view, (auv_focus)9));
    REFUSED(auv_view_set_input(NULL, true));
    REFUSED(auv_view_observe(NULL, record_event, &host, NULL));
    REFUSED(auv_view_observe(view, NULL, &host, NULL));
    assert_int_equal(auv_view_load_html(view, "x", AUV_MAX_PAYLOAD + 1),
                     AUV_ERR_TOO_LARGE);
    assert_int_equal(auv_view_allow_origin(view, "http://a.example:81"),
                     AUV_OK);
}

static void a_closed_view_refuses(void **state)
{
    auv_view *view = host.view;
    auv_close_reason reason;

    (void)state;
    assert_int_equal(auv_view_request_close(view, AUV_CLOSE_USER), 1);
    for (int round = 0; round < 2; round++) {
#define CLOSED(call) assert_int_equal(call, AUV_ERR_CLOSED)
        CLOSED(auv_view_navigate(view, "about:blank"));
        CLOSED(auv_view_load_html(view, "x", NUL));
        CLOSED(auv_view_reload(view));
        CLOSED(auv_view_stop(view));
        CLOSED(auv_view_allow_origin(view, "http://localhost"));
        CLOSED(auv_view_set_title(view, "x"));
        CLOSED(auv_view_set_bounds(view, 0, 0, 1, 1));
        CLOSED(auv_view_set_visible(view, true));
        CLOSED(auv_view_set_parent(view, 0));
        CLOSED(auv_view_set_focus(view, AUV_FOCUS_IN));
        CLOSED(auv_view_set_input(view, true));
        CLOSED(auv_view_emit(view, "e", NUL, "1", NUL, NULL, 0));
        CLOSED(auv_view_eval(view, "1", NUL, -1, NULL, NULL));
        CLOSED(auv_view_eval_wait(view, "1", NUL, -1, NULL));
        CLOSED(auv_view_observe(view, record_event, &host, NULL));
        CLOSED(auv_view_wait_state(view, AUV_STATE_ACTIVE, 0));
        assert_int_equal(auv_view_request_close(view, AUV_CLOSE_APP), 0);
        if (round == 0)
            pump_until_event(&host, AUV_EVENT_CLOSED);
    }
    assert_int_equal(auv_view_state(view, &reason), AUV_STATE_DESTROYED);
    assert_int_equal(reason, AUV_CLOSE_USER); /* the first one wins */
    assert_int_equal(auv_app_process(host.app), AUV_PROCESS_CLOSE_REQUESTED);
}

/* ---- closing -------------------------------------------------------------- */

static void closing_is_told_once_and_last(void **state)
{
    const struct host_event *event;

    (void)state;
    auv_view_request_close(host.view, AUV_CLOSE_APP);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    pump_until_idle(host.app);
    event = find_event(&host, AUV_EVENT_CLOSE_REQUESTED);
    assert_non_null(event);
    assert_int_equal(event->reason, AUV_CLOSE_APP);
    assert_int_equal(count_events(&host, AUV_EVENT_CLOSE_REQUESTED), 1);
    assert_int_equal(count_events(&host, AUV_EVENT_CLOSED), 1);
    event = &host.events[host.event_count - 1];
    assert_int_equal(event->kind, AUV_EVENT_CLOSED);
    assert_int_equal(event->reason, AUV_CLOSE_APP);
    assert_int_equal(event->error, AUV_OK);
}

static void a_view_may_close_before_it_began(void **state)
{
    (void)state;
    auv_view_unref(host.view);
    assert_int_equal(auv_view_create(host.app, NULL, &host.view), AUV_OK);
    host.event_count = 0;
    auv_view_observe(host.view, record_event, &host, NULL);
    assert_int_equal(auv_view_request_close(host.view, AUV_CLOSE_APP), 1);
    assert_int_equal(
        auv_view_wait_state(host.view, AUV_STATE_DESTROYED, DEADLINE_MS),
        AUV_OK);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    assert_int_equal(count_events(&host, AUV_EVENT_CLOSED), 1);
}

struct racer {
    pthread_t thread;
    _Atomic bool *go;
    int won;
};

static void *race(void *user)
{
    struct racer *racer = user;

    while (!atomic_load(racer->go))
        ;
    racer->won = auv_view_request_close(host.view, AUV_CLOSE_APP);
    return NULL;
}

static void racing_closers_have_one_winner(void **state)
{
    struct racer racers[8];
    _Atomic bool go = false;
    int winners = 0;

    (void)state;
    for (int i = 0; i < 8; i++) {
        racers[i] = (struct racer){.go = &go};
        assert_int_equal(
            pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    atomic_store(&go, true);
    for (int i = 0; i < 8; i++) {
        pthread_join(racers[i].thread, NULL);
        winners += racers[i].won;
    }
    assert_int_equal(winners, 1);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    assert_int_equal(count_events(&host, AUV_EVENT_CLOSE_REQUESTED), 1);
}

static void closes_view(auv_view *view, auv_call *call, void *user)
{
    int error;

    ++*(int *)user;
    assert_int_equal(auv_view_request_close(view, AUV_CLOSE_APP), 1);
    assert_int_equal(auv_view_request_close(view, AUV_CLOSE_APP), 0);
    error = auv_call_reply(call, "1", NUL, NULL, 0);
    /* The close may have cancelled it already. */
    assert_true(error == AUV_ERR_CLOSED || error == AUV_ERR_CANCELLED);
}

static void a_handler_may_close_its_view(void **state)
{
    int count = 0;

    (void)state;
    auv_view_bind(host.view, "close", NUL, closes_view, &count, NULL);
    auv_view_eval(host.view, "auroraview.call(\"close\", 1)", NUL, -1, NULL,
                  NULL);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    assert_int_equal(count, 1);
}

static void destroying_closes_what_is_open(void **state)
{
    auv_view *second, *third;
    auv_close_reason reason;

    (void)state;
    assert_int_equal(auv_view_create(host.app, NULL, &second), AUV_OK);
    assert_int_equal(auv_view_create(host.app, NULL, &third), AUV_OK);
    assert_true(auv_view_id(second) != auv_view_id(third));
    auv_view_observe(second, record_event, &host, NULL);
    auv_view_unref(third); /* does not close it */
    assert_ptr_equal(auv_view_ref(second), second);
    auv_view_unref(second);
    host.event_count = 0;
    auv_app_destroy(host.app);
    host.app = NULL;
    assert_int_equal(count_events(&host, AUV_EVENT_CLOSED), 2);
    assert_int_equal(auv_view_state(second, &reason), AUV_STATE_DESTROYED);
    assert_int_equal(reason, AUV_CLOSE_SHUTDOWN);
    /* Views that are still held stay harmless. */
    assert_int_equal(auv_view_request_close(second, AUV_CLOSE_APP), 0);
    assert_int_equal(auv_view_emit(second, "e", NUL, "1", NUL, NULL, 0),
                     AUV_ERR_CLOSED);
    assert_int_equal(auv_view_eval_wait(second, "1", NUL, -1, NULL),
                     AUV_ERR_CLOSED);
    assert_int_equal(auv_view_off(second, 1), AUV_OK);
    assert_int_equal(auv_view_wait_state(second, AUV_STATE_DESTROYED, 0),
                     AUV_OK);
    auv_view_unref(second);
    auv_view_unref(host.view);
    host_open(&host);
}

static void nothing_is_left_of_a_closed_application(void **state)
{
    int descriptors, threads;

    (void)state;
    host_close(&host);
    descriptors = count_entries("/proc/self/fd");
    threads = count_entries("/proc/self/task");
    for (int i = 0; i < 3; i++) {
        host_open(&host);
        check_value(&host, "[1]", "[1]");
        host_close(&host);
    }
    assert_int_equal(count_entries("/proc/self/fd"), descriptors);
    assert_int_equal(count_entries("/proc/self/task"), threads);
    host_open(&host);
}

static void many_views_live_side_by_side(void **state)
{
    auv_view *views[40];
    int count = on_null() ? 40 : 4;

    (void)state;
    for (int i = 0; i < count; i++)
        assert_int_equal(auv_view_create(host.app, NULL, &views[i]), AUV_OK);
    for (int i = 0; i < count; i++) {
        char script[20];
        auv_message *message;

        snprintf(script, sizeof(script), "[%d]", i);
        assert_int_equal(
            auv_view_eval_wait(views[i], script, NUL, DEADLINE_MS, &message),
            AUV_OK);
        assert_string_equal(auv_message_json(message, NULL), script);
        auv_message_unref(message);
    }
    for (int i = 0; i < count; i++) {
        auv_view_request_close(views[i], AUV_CLOSE_APP);
        assert_int_equal(
            auv_view_wait_state(views[i], AUV_STATE_DESTROYED, DEADLINE_MS),
            AUV_OK);
        auv_view_unref(views[i]);
    }
    check_value(&host, "[1]", "[1]");
}

/* ---- waiting -------------------------------------------------------------- */

static void states_can_be_waited_for(void **state)
{
    (void)state;
    assert_int_equal(auv_view_wait_state(host.view, AUV_STATE_CREATING, 0),
                     AUV_OK);
    assert_int_equal(auv_view_wait_state(host.view, AUV_STATE_ACTIVE, 0),
                     AUV_OK);
    assert_int_equal(auv_view_wait_state(host.view, AUV_STATE_DESTROYED, 20),
                     AUV_ERR_TIMEOUT);
    assert_int_equal(
        auv_view_wait_state(host.view, AUV_STATE_CLOSE_REQUESTED, 0),
        AUV_ERR_TIMEOUT);
    auv_view_request_close(host.view, AUV_CLOSE_APP);
    /* Without anybody processing. */
    assert_int_equal(
        auv_view_wait_state(host.view, AUV_STATE_DESTROYED, DEADLINE_MS),
        AUV_OK);
    assert_int_equal(auv_view_wait_state(host.view, AUV_STATE_DESTROYED, -1),
                     AUV_OK);
}

static void *wait_destroyed(void *user)
{
    (void)user;
    return (void *)(intptr_t)auv_view_wait_state(host.view, AUV_STATE_DESTROYED,
                                                 -1);
}

static void a_thread_may_wait_for_the_end(void **state)
{
    pthread_t thread;
    void *result;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wait_destroyed, NULL), 0);
    auv_view_request_close(host.view, AUV_CLOSE_APP);
    pthread_join(thread, &result);
    assert_int_equal((intptr_t)result, AUV_OK);
}

/* ---- observers ------------------------------------------------------------ */

static void events_come_in_order(void **state)
{
    static const auv_event_kind order[] = {
        AUV_EVENT_ACTIVE, AUV_EVENT_LOAD_STARTED, AUV_EVENT_LOAD_COMMITTED,
        AUV_EVENT_LOADED};
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < host.event_count && at < 4; i++)
        at += host.events[i].kind == order[at];
    assert_int_equal(at, 4);
    assert_int_equal(count_events(&host, AUV_EVENT_ACTIVE), 1);
    assert_int_equal(count_events(&host, AUV_EVENT_PAGE_READY), 1);
    assert_int_equal(count_events(&host, AUV_EVENT_LOADED), 1);
    assert_non_null(strstr(find_event(&host, AUV_EVENT_LOADED)->text,
                           "auroraview://localhost"));
}

static void a_late_observer_hears_what_was(void **state)
{
    struct host late = {.app = host.app, .view = host.view};

    (void)state;
    assert_true(auv_view_observe(host.view, record_event, &late, NULL) > 0);
    pump_until_event(&late, AUV_EVENT_ACTIVE);
    if (!on_null()) {
        pump_until_event(&late, AUV_EVENT_NATIVE);
        assert_true(find_event(&late, AUV_EVENT_NATIVE)->native != 0);
    }
    assert_int_equal(count_events(&late, AUV_EVENT_LOADED), 0);
    assert_int_equal(count_events(&host, AUV_EVENT_ACTIVE), 1);
    auv_view_request_close(host.view, AUV_CLOSE_APP);
    pump_until_event(&late, AUV_EVENT_CLOSED);
}

static int changing_observer;
static struct host added;

static void changes_observers(auv_view *view, const auv_event *event,
                              void *user)
{
    if (event->kind != AUV_EVENT_HIDDEN)
        return;
    ++*(int *)user;
    assert_int_equal(auv_view_off(view, changing_observer), AUV_OK);
    assert_true(auv_view_observe(view, record_event, &added, NULL) > 0);
    assert_int_equal(auv_view_request_close(view, AUV_CLOSE_APP), 1);
}

static void an_observer_may_change_everything(void **state)
{
    int count = 0;

    (void)state;
    memset(&added, 0, sizeof(added));
    added.app = host.app;
    changing_observer =
        auv_view_observe(host.view, changes_observers, &count, NULL);
    assert_true(changing_observer > 0);
    assert_int_equal(auv_view_set_visible(host.view, false), AUV_OK);
    pump_until_event(&added, AUV_EVENT_CLOSED);
    assert_int_equal(count, 1);
    assert_int_equal(count_events(&added, AUV_EVENT_ACTIVE), 1);
    assert_int_equal(count_events(&host, AUV_EVENT_CLOSED), 1);
}

/* ---- each step once, in order --------------------------------------------- */

struct steps {
    auv_event_kind kinds[16];
    auv_close_reason reasons[16];
    int count;
    auv_view *drop; /* the last reference, to give back in the last step */
};

static void records_steps(auv_view *view, const auv_event *event, void *user)
{
    struct steps *steps = user;
    auv_state state = auv_view_state(view, NULL);

    switch (event->kind) {
    case AUV_EVENT_ACTIVE:
        break;
    case AUV_EVENT_CLOSE_REQUESTED:
        assert_true(state >= AUV_STATE_CLOSE_REQUESTED);
        break;
    case AUV_EVENT_DESTROYING:
        assert_true(state >= AUV_STATE_DESTROYING);
        break;
    case AUV_EVENT_CLOSED:
        assert_int_equal(state, AUV_STATE_DESTROYED);
        break;
    default:
        return;
    }
    assert_in_range(steps->count, 0, 15);
    steps->kinds[steps->count] = event->kind;
    steps->reasons[steps->count++] = event->reason;
    if (event->kind == AUV_EVENT_CLOSED && steps->drop) {
        auv_view_unref(steps->drop);
        steps->drop = NULL;
    }
}

static bool has_closed(void *user)
{
    const struct steps *steps = user;

    return steps->count > 0 &&
           steps->kinds[steps->count - 1] == AUV_EVENT_CLOSED;
}

/* All four, but for those that may be left out. */
static void check_steps(const struct steps *steps, bool active, bool requested,
                        auv_close_reason reason)
{
    int at = 0;

    if (active || steps->kinds[0] == AUV_EVENT_ACTIVE)
        assert_int_equal(steps->kinds[at++], AUV_EVENT_ACTIVE);
    for (int i = at; i < steps->count; i++)
        assert_int_equal(steps->reasons[i], reason);
    if (requested)
        assert_int_equal(steps->kinds[at++], AUV_EVENT_CLOSE_REQUESTED);
    assert_int_equal(steps->kinds[at++], AUV_EVENT_DESTROYING);
    assert_int_equal(steps->kinds[at++], AUV_EVENT_CLOSED);
    assert_int_equal(steps->count, at);
}

static void close_has_four_steps(void **state)
{
    struct steps steps = {.count = 0}, early = {.count = 0};
    auv_view *view;

    (void)state;
    auv_view_observe(host.view, records_steps, &steps, NULL);
    pump_until_idle(host.app);
    auv_view_request_close(host.view, AUV_CLOSE_PARENT_GONE);
    pump_until(host.app, has_closed, &steps);
    pump_until_idle(host.app);
    check_steps(&steps, true, true, AUV_CLOSE_PARENT_GONE);
    /* One that is closed while it is made may never become active. */
    for (int i = 0; i < 20; i++) {
        early.count = 0;
        assert_int_equal(auv_view_create(host.app, NULL, &view), AUV_OK);
        assert_true(auv_view_observe(view, records_steps, &early, NULL) > 0);
        assert_int_equal(auv_view_request_close(view, AUV_CLOSE_USER), 1);
        auv_view_unref(view);
        pump_until(host.app, has_closed, &early);
        check_steps(&early, false, true, AUV_CLOSE_USER);
    }
}

static void racing_closers_tell_each_step_once(void **state)
{
    struct racer racers[8];
    struct steps steps = {.count = 0};
    _Atomic bool go = false;
    int winners = 0;

    (void)state;
    auv_view_observe(host.view, records_steps, &steps, NULL);
    for (int i = 0; i < 8; i++) {
        racers[i] = (struct racer){.go = &go};
        assert_int_equal(
            pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    atomic_store(&go, true);
    pump_until(host.app, has_closed, &steps);
    for (int i = 0; i < 8; i++) {
        pthread_join(racers[i].thread, NULL);
        winners += racers[i].won;
    }
    pump_until_idle(host.app);
    assert_int_equal(winners, 1);
    check_steps(&steps, true, true, AUV_CLOSE_APP);
}

static void destroy_has_four_steps(void **state)
{
    struct steps steps = {.count = 0};

    (void)state;
    auv_view_observe(host.view, records_steps, &steps, NULL);
    auv_app_destroy(host.app);
    check_steps(&steps, true, true, AUV_CLOSE_SHUTDOWN);
    auv_view_unref(host.view);
    host_open(&host);
}

/* Nobody asked for it, so nobody is told that somebody did. */
static void a_lost_engine_has_three_steps(void **state)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    struct steps steps = {.count = 0};
    pid_t engine;

    (void)state;
    if (on_null())
        return; /* lives in this process: cannot get lost alone */
    options.recover = AUV_RECOVER_MANUAL;
    host_close(&host);
    host_open_with(&host, &options);
    auv_view_observe(host.view, records_steps, &steps, NULL);
    pump_until_idle(host.app);
    engine = find_below(getpid(), "auroraview-engi");
    assert_true(engine > 0);
    kill(engine, SIGKILL);
    pump_until(host.app, has_closed, &steps);
    pump_until_idle(host.app);
    check_steps(&steps, true, false, AUV_CLOSE_ENGINE_LOST);
    assert_int_equal(auv_view_request_close(host.view, AUV_CLOSE_APP), 0);
}

struct meddler {
    int number;
    int heard;
    struct steps later;
};

/* Removes itself, adds another and closes, all in the first step it hears. */
static void meddles(auv_view *view, const auv_event *event, void *user)
{
    struct meddler *meddler = user;

    (void)event;
    assert_int_equal(meddler->heard++, 0);
    assert_int_equal(auv_view_off(view, meddler->number), AUV_OK);
    assert_true(auv_view_observe(view, records_steps, &meddler->later, NULL) >
                0);
    assert_int_equal(auv_view_request_close(view, AUV_CLOSE_APP), 1);
}

static void observers_may_meddle_in_each_step(void **state)
{
    struct meddler meddler = {.number = 0};
    struct steps steps = {.count = 0};
    auv_view *view;

    (void)state;
    assert_int_equal(auv_view_create(host.app, NULL, &view), AUV_OK);
    assert_true(auv_view_observe(view, records_steps, &steps, NULL) > 0);
    meddler.number = auv_view_observe(view, meddles, &meddler, NULL);
    assert_true(meddler.number > 0);
    steps.drop = view; /* the last reference goes inside the last step */
    pump_until(host.app, has_closed, &steps);
    pump_until_idle(host.app);
    assert_null(steps.drop);
    check_steps(&steps, true, true, AUV_CLOSE_APP);
    assert_int_equal(meddler.heard, 1);
    check_steps(&meddler.later, true, true, AUV_CLOSE_APP);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_host, close_host)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(applications_are_checked),
        cmocka_unit_test(any_capacity_is_answered),
        cmocka_unit_test(an_unused_application_leaves_nothing),
        TEST(views_are_checked),
        TEST(a_closed_view_refuses),
        TEST(closing_is_told_once_and_last),
        TEST(a_view_may_close_before_it_began),
        TEST(racing_closers_have_one_winner),
        TEST(a_handler_may_close_its_view),
        TEST(destroying_closes_what_is_open),
        TEST(nothing_is_left_of_a_closed_application),
        TEST(many_views_live_side_by_side),
        TEST(states_can_be_waited_for),
        TEST(a_thread_may_wait_for_the_end),
        TEST(events_come_in_order),
        TEST(a_late_observer_hears_what_was),
        TEST(an_observer_may_change_everything),
        TEST(close_has_four_steps),
        TEST(racing_closers_tell_each_step_once),
        TEST(destroy_has_four_steps),
        TEST(a_lost_engine_has_three_steps),
        TEST(observers_may_meddle_in_each_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
