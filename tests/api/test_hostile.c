/*
 * test_hostile.c - pages that lie, flood and guess hurt only themselves.
 *
 * The engine program is hostile_engine.c, named by AUV_TEST_HOSTILE_ENGINE.
 */
#include "harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int broken_links;

static void on_log(auv_log_level level, const char *text, void *user)
{
    (void)level;
    (void)user;
    if (strstr(text, "broke the protocol"))
        __atomic_fetch_add(&broken_links, 1, __ATOMIC_SEQ_CST);
}

static auv_app *open_hostile(const char *how)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_app *app;

    broken_links = 0;
    auv_set_log(on_log, NULL);
    setenv("AUV_HOSTILE", how, 1);
    options.engine = "webkitgtk";
    options.engine_path = getenv("AUV_TEST_HOSTILE_ENGINE");
    assert_non_null(options.engine_path);
    assert_int_equal(auv_app_create(&options, &app), AUV_OK);
    return app;
}

static auv_view *open_view(auv_app *app)
{
    auv_view *view;

    assert_int_equal(auv_view_create(app, NULL, &view), AUV_OK);
    return view;
}

static void close_hostile(auv_app *app, auv_view *view)
{
    auv_app_destroy(app);
    auv_view_unref(view);
    auv_set_log(NULL, NULL);
}

static long resident_mib(void)
{
    long size, resident;
    FILE *file = fopen("/proc/self/statm", "r");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &size, &resident), 2);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024) / 1024;
}

static int open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static int handled;

static void answer_at_length(auv_view *view, auv_call *call, void *user)
{
    static char text[20000];

    (void)view;
    (void)user;
    memset(text, '1', sizeof(text));
    handled++;
    auv_call_reply(call, text, sizeof(text), NULL, 0);
}

/* Its answers pile up in the host, unless the host stops reading it. */
static void a_page_that_reads_nothing_is_not_read_either(void **state)
{
    auv_app *app = open_hostile("flood");
    auv_view *view = open_view(app);
    long before = resident_mib();

    (void)state;
    handled = 0;
    auv_view_bind(view, "x", NUL, answer_at_length, NULL, NULL);
    pump_until_count(app, &handled, 1000);
    pump_until_idle(app); /* it goes on for ever if every call is taken */
    print_message("%d calls taken, %ld MiB more\n", handled,
                  resident_mib() - before);
    /* 32 MiB of answers may wait, and what was on its way then. A sanitizer's
     * own memory is no measure. */
    assert_true(handled < 6000);
    close_hostile(app, view);
}

static int most_descriptors;

static void look_at_descriptors(auv_view *view, auv_call *call, void *user)
{
    int now = open_descriptors();

    (void)view;
    (void)user;
    assert_int_equal(auv_message_part_count(auv_call_message(call)), 8);
    if (now > most_descriptors)
        most_descriptors = now;
    handled++;
    auv_call_reply(call, NULL, 0, NULL, 0);
}

static void a_page_cannot_use_up_our_descriptors(void **state)
{
    struct rlimit limit, small = {400, 400};
    auv_app_stats stats = {.size = sizeof(stats)};
    auv_app *app = open_hostile("files");
    auv_view *view = open_view(app);

    (void)state;
    handled = most_descriptors = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    small.rlim_max = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
    auv_view_bind(view, "x", NUL, look_at_descriptors, NULL, NULL);
    pump_until_count(app, &handled, 500);
    print_message("at most %d descriptors\n", most_descriptors);
    assert_true(most_descriptors < 300);
    assert_int_equal(auv_app_get_stats(app, &stats), AUV_OK);
    assert_int_equal(stats.messages_dropped, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    close_hostile(app, view);
}

static void a_page_cannot_answer_for_another(void **state)
{
    auv_app *app = open_hostile("guess");
    auv_view *view = open_view(app), *guesser;
    struct outcome outcome = {0};

    (void)state;
    assert_int_equal(
        auv_view_eval(view, "innocent", NUL, -1, on_result, &outcome), AUV_OK);
    guesser = open_view(app);
    pump_until_count(app, &broken_links, 1);
    assert_int_equal(outcome.calls, 0);
    auv_view_request_close(view, AUV_CLOSE_APP);
    pump_until_count(app, &outcome.calls, 1);
    assert_int_equal(outcome.error, AUV_ERR_CLOSED);
    auv_view_unref(guesser);
    close_hostile(app, view);
}

static void garbage_costs_the_page_its_link(void **state)
{
    auv_app *app = open_hostile("garbage");
    auv_view *view = open_view(app);

    (void)state;
    pump_until_count(app, &broken_links, 1);
    auv_view_request_close(view, AUV_CLOSE_APP);
    assert_int_equal(auv_app_run(app), AUV_OK);
    close_hostile(app, view);
}

static auv_call *crowd[AUV_MAX_CALLS];
static int crowd_told, crowd_left;

static void keeps(auv_view *view, auv_call *call, void *user)
{
    int *count = user;

    (void)view;
    assert_true(*count < (int)AUV_MAX_CALLS);
    crowd[(*count)++] = auv_call_ref(call);
}

/* The page has cancelled them all. */
static void lets_go(auv_view *view, const auv_message *message, void *user)
{
    (void)message;
    (void)user;
    for (uint32_t i = 0; i < AUV_MAX_CALLS; i++) {
        crowd_told += auv_call_is_cancelled(crowd[i]);
        auv_call_unref(crowd[i]);
    }
    crowd_left = 1;
    assert_int_equal(auv_view_emit(view, "go on", NUL, NULL, 0, NULL, 0),
                     AUV_OK);
}

/* The page cancels its calls oldest first, where a list would be walked to its
 * end for each. */
static void a_crowd_of_calls_is_cheap_and_has_a_limit(void **state)
{
    auv_app *app = open_hostile("crowd");
    auv_view *view = open_view(app);
    int count = 0;

    (void)state;
    crowd_told = crowd_left = 0;
    auv_view_bind(view, "x", NUL, keeps, &count, NULL);
    auv_view_on(view, "x", NUL, lets_go, NULL, NULL);
    pump_until_count(app, &crowd_left, 1);
    assert_int_equal(count, AUV_MAX_CALLS);
    assert_int_equal(crowd_told, AUV_MAX_CALLS);
    /* There is room again. */
    count = 0;
    pump_until_count(app, &count, 1);
    auv_call_unref(crowd[0]);
    close_hostile(app, view);
}

static void two_calls_of_one_number_cost_the_page_its_link(void **state)
{
    auv_app *app = open_hostile("twins");
    auv_view *view = open_view(app);
    int count = 0;

    (void)state;
    auv_view_bind(view, "x", NUL, keeps, &count, NULL);
    pump_until_count(app, &broken_links, 1);
    pump_until_idle(app);
    /* The first may have been handled before the second came. */
    assert_true(count <= 1);
    for (int i = 0; i < count; i++) {
        assert_true(auv_call_is_cancelled(crowd[i]));
        auv_call_unref(crowd[i]);
    }
    close_hostile(app, view);
}

static void random_frames_hurt_their_own_page_only(void **state)
{
    auv_app *app = open_hostile("random");
    auv_view *view = open_view(app), *neighbour = open_view(app);

    (void)state;
    pump_until_count(app, &broken_links, 1);
    assert_int_equal(broken_links, 1);
    assert_int_equal(auv_view_wait_state(neighbour, AUV_STATE_ACTIVE, 20000),
                     AUV_OK);
    assert_int_equal(auv_view_state(neighbour, NULL), AUV_STATE_ACTIVE);
    auv_view_request_close(view, AUV_CLOSE_APP);
    auv_view_request_close(neighbour, AUV_CLOSE_APP);
    assert_int_equal(auv_app_run(app), AUV_OK);
    auv_view_unref(neighbour);
    close_hostile(app, view);
}

struct denial {
    auv_app *app;
    const char *why;
    int seen;
};

static void see_denial(const auv_audit_entry *entry, void *user)
{
    struct denial *denial = user;

    if (!entry->granted && strcmp(entry->what, "call x") == 0 &&
        strcmp(entry->why, denial->why) == 0)
        denial->seen = 1;
}

static bool was_denied(void *user)
{
    struct denial *denial = user;

    assert_true(auv_app_audit(denial->app, 0, see_denial, denial) >= 0);
    return denial->seen;
}

/* A page process that was taken over says what it likes; the engine knows what
 * it had to load. */
static void nobody_is_granted_by_his_own_word(void **state)
{
    static const char *const hows[] = {"liar", "modest"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        auv_app *app = open_hostile(hows[i]);
        auv_view *view = open_view(app);
        struct denial denial = {app, "the document has no grant", 0};

        handled = 0;
        auv_view_bind(view, "x", NUL, answer_at_length, NULL, NULL);
        pump_until(app, was_denied, &denial);
        assert_int_equal(handled, 0);
        close_hostile(app, view);
    }
}

/* Until the engine has spoken nothing of the page is read: scripts wait. */
static void a_page_that_the_engine_does_not_know_waits(void **state)
{
    auv_app *app = open_hostile("silent");
    auv_view *view = open_view(app);
    struct outcome outcome = {0};

    (void)state;
    handled = 0;
    auv_view_bind(view, "x", NUL, answer_at_length, NULL, NULL);
    assert_int_equal(auv_view_eval(view, "1", NUL, 300, on_result, &outcome),
                     AUV_OK);
    pump_until_count(app, &outcome.calls, 1);
    assert_int_equal(outcome.error, AUV_ERR_TIMEOUT);
    assert_int_equal(handled, 0);
    close_hostile(app, view);
}

static void answer_shortly(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)user;
    handled++;
    auv_call_reply(call, "1", 1, NULL, 0);
}

/* The other view of the same application does not notice. */
static void next_to(const char *how, int *wanted)
{
    auv_app *app = open_hostile(how);
    auv_view *hostile = open_view(app), *honest = open_view(app);

    handled = 0;
    auv_view_bind(honest, "x", NUL, answer_shortly, NULL, NULL);
    pump_until_count(app, wanted, 1);
    handled = 0;
    pump_until_count(app, &handled, 1000);
    auv_view_unref(honest);
    close_hostile(app, hostile);
}

static void scribbles_cost_the_page_its_link(void **state)
{
    (void)state;
    next_to("ring", &broken_links);
}

static void lies_about_sleep_cost_nobody_else_anything(void **state)
{
    (void)state;
    next_to("bells", &handled);
    assert_int_equal(broken_links, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_that_reads_nothing_is_not_read_either),
        cmocka_unit_test(a_page_cannot_use_up_our_descriptors),
        cmocka_unit_test(a_page_cannot_answer_for_another),
        cmocka_unit_test(garbage_costs_the_page_its_link),
        cmocka_unit_test(a_crowd_of_calls_is_cheap_and_has_a_limit),
        cmocka_unit_test(two_calls_of_one_number_cost_the_page_its_link),
        cmocka_unit_test(random_frames_hurt_their_own_page_only),
        cmocka_unit_test(nobody_is_granted_by_his_own_word),
        cmocka_unit_test(a_page_that_the_engine_does_not_know_waits),
        cmocka_unit_test(scribbles_cost_the_page_its_link),
        cmocka_unit_test(lies_about_sleep_cost_nobody_else_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
