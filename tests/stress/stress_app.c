/*
 * stress_app.c - eight threads do everything at once to one application, while
 * a ninth processes. AUV_TEST_ENGINE names the engine, by default null.
 *
 *     stress_app [SEED [OPERATIONS [kill]]]
 *
 * AUV_STRESS is the number of operations too. What the threads choose to do
 * follows from the seed alone, so a failure is met again by giving its seed.
 * With "kill" they also end pages and engines, which then come back, or not.
 * At the end every script has ended exactly once, every view has closed exactly
 * once, every post has run, every handler's data was freed, and neither a
 * descriptor, a thread nor a process is left.
 */
#include "auroraview/auroraview.h"

#include "../api/processes.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    THREADS = 8,
    SLOTS = 12, /* views at a time */
    HANG_SECONDS = 60
};

#define NUL AUV_NUL_TERMINATED

static auv_app *app;
static bool kills;
static _Atomic int operations_left;
static _Atomic int threads_running;
static _Atomic uint64_t progress;

/* What must come to the same number in the end. */
static _Atomic int evals_accepted, evals_ended;
static _Atomic int posts_accepted, posts_run;
static _Atomic int users_given, users_freed;
static _Atomic int views_opened, views_closed, observers_given;
static _Atomic int calls_heard, events_heard, waits_done;
static _Atomic int losses, recoveries;
static _Atomic int close_winners;
static _Atomic int calls_kept, calls_answered_late;

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "stress_app: %s\n", what);
    abort();
}

/* ---- views that all threads share ------------------------------------------ */

static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static auv_view *slots[SLOTS];

struct view_user {
    _Atomic int closed;
};

static auv_view *borrow(unsigned slot)
{
    auv_view *view;

    pthread_mutex_lock(&slots_lock);
    view = slots[slot] ? auv_view_ref(slots[slot]) : NULL;
    pthread_mutex_unlock(&slots_lock);
    return view;
}

static void put(unsigned slot, auv_view *view)
{
    auv_view *old;

    pthread_mutex_lock(&slots_lock);
    old = slots[slot];
    slots[slot] = view;
    pthread_mutex_unlock(&slots_lock);
    if (old) {
        if (auv_view_request_close(old, AUV_CLOSE_USER) == 1)
            close_winners++;
        auv_view_unref(old);
    }
}

/* ---- calls that a handler keeps, for any thread to answer ------------------- */

static auv_call *_Atomic kept_call;

static void answer_late(auv_call *call)
{
    if (!call)
        return;
    auv_call_is_cancelled(call);
    auv_call_reply(call, "[5]", NUL, NULL, 0);
    auv_call_unref(call);
    calls_answered_late++;
}

static void keep_call(auv_call *call)
{
    calls_kept++;
    answer_late(atomic_exchange(&kept_call, auv_call_ref(call)));
}

/* ---- handlers --------------------------------------------------------------- */

static void free_user(void *user)
{
    users_freed++;
    free(user);
}

static void *new_user(void)
{
    void *user = calloc(1, sizeof(struct view_user));

    check(user != NULL, "no memory");
    return user;
}

static void on_result(auv_view *view, int error, const auv_message *result,
                      void *user)
{
    check(view != NULL, "a result without a view");
    check(error == AUV_OK || error == AUV_ERR_SCRIPT || result == NULL,
          "a result beside an error");
    check(*(int *)user == 0, "a script ended twice");
    *(int *)user = 1;
    free(user);
    evals_ended++;
}

static void on_call(auv_view *view, auv_call *call, void *user)
{
    (void)user;
    calls_heard++;
    switch (calls_heard % 7) {
    case 0:
        auv_call_fail(call, "Error", "no", 1, NULL);
        break;
    case 1: /* without an answer */
        break;
    case 2:
        auv_view_emit(view, "from handler", NUL, "1", NUL, NULL, 0);
        auv_call_reply(call, "2", NUL, NULL, 0);
        break;
    case 3:
        auv_view_unbind(view, "m", NUL);
        auv_call_reply(call, "3", NUL, NULL, 0);
        break;
    case 4:
        keep_call(call);
        break;
    default:
        auv_call_reply(call, "4", NUL, NULL, 0);
    }
}

static void on_event(auv_view *view, const auv_message *message, void *user)
{
    (void)user;
    events_heard++;
    check(auv_message_json(message, NULL) != NULL, "an event without data");
    if (events_heard % 50 == 0)
        auv_view_request_close(view, AUV_CLOSE_APP);
}

static void on_view_event(auv_view *view, const auv_event *event, void *user)
{
    struct view_user *of = user;

    (void)view;
    check(!of->closed, "an event after CLOSED");
    if (event->kind == AUV_EVENT_CLOSED) {
        of->closed = 1;
        views_closed++;
    }
    losses += event->kind == AUV_EVENT_PAGE_LOST ||
              event->kind == AUV_EVENT_ENGINE_LOST;
    recoveries += event->kind == AUV_EVENT_RECOVERED;
}

static void on_post(void *user)
{
    (void)user;
    posts_run++;
}

/* ---- operations ------------------------------------------------------------- */

static uint64_t next(uint64_t *seed)
{
    /* xorshift64* */
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545f4914f6cdd1dull >> 16;
}

static void open_view(unsigned slot)
{
    struct view_user *user = new_user();
    auv_view *view;

    if (auv_view_create(app, NULL, &view) < 0) {
        free(user);
        return;
    }
    views_opened++;
    if (auv_view_observe(view, on_view_event, user, free_user) > 0) {
        users_given++;
        observers_given++;
    } else {
        free(user); /* somebody has closed it already */
    }
    put(slot, view);
}

static void eval(auv_view *view, uint64_t dice)
{
    static const char *const scripts[] = {
        "[1]",     "new Promise(() => {})",     "auroraview.call(\"m\", 1)",
        "broken(", "auroraview.emit(\"e\", 1)",
    };
    int *user = calloc(1, sizeof(int));

    check(user != NULL, "no memory");
    if (auv_view_eval(view, scripts[dice % 5], NUL,
                      dice % 7 == 0 ? -1 : (int64_t)(dice % 100), on_result,
                      user) == AUV_OK)
        evals_accepted++;
    else
        free(user);
}

static void bind(auv_view *view, uint64_t dice)
{
    void *user = new_user();
    int error = dice % 2
                    ? auv_view_bind(view, "m", NUL, on_call, user, free_user)
                    : auv_view_on(view, dice % 3 ? "e" : "", NUL, on_event,
                                  user, free_user);

    if (error >= 0)
        users_given++;
    else
        free(user);
    if (dice % 11 == 0)
        auv_view_off(view, 2 + (int)(dice % 20)); /* 1 is our observer */
}

static void use(auv_view *view, uint64_t dice)
{
    static char large[70000];
    auv_part part = {large, dice % 3 ? 100 : sizeof(large), AUV_PART_U8};

    switch (dice % 16) {
    case 0:
    case 1:
    case 2:
        eval(view, dice / 16);
        break;
    case 3:
    case 4:
        if (dice / 16 % 4 == 0)
            auv_view_emit_wait(view, "event", NUL, "[1]", NUL, &part, 1, 2);
        else if (dice / 16 % 4 == 1)
            auv_view_emit_latest(view, dice % 3 ? "state" : "progress", NUL,
                                 "[1]", NUL, &part, 1);
        else
            auv_view_emit(view, "event", NUL, "[1]", NUL, &part, 1);
        break;
    case 5:
        auv_view_navigate(view, dice % 5 ? "auroraview://localhost/x"
                                         : "http://nowhere.example/");
        break;
    case 6:
        if (dice / 16 % 2)
            auv_view_reload(view);
        else
            auv_view_load_html(view, "<p>another", NUL);
        break;
    case 7:
    case 8:
        bind(view, dice / 16);
        break;
    case 9:
        auv_view_eval_wait(view,
                           dice % 32 < 24 ? "[2]" : "new Promise(() => {})",
                           NUL, (int64_t)(dice / 16 % 20), NULL);
        waits_done++;
        break;
    case 10:
        auv_view_wait_state(view, (auv_state)(dice / 16 % 5), 2);
        break;
    case 11:
        if (kills && dice / 16 % 5 == 0)
            auv_view_kill_page(view);
        auv_view_set_bounds(view, 1, 2, 3, 4);
        auv_view_allow_origin(view, "http://nowhere.example");
        break;
    case 12:
        if (dice / 16 % 8 == 0 &&
            auv_view_request_close(view, AUV_CLOSE_APP) == 1)
            close_winners++;
        break;
    case 13:
        answer_late(atomic_exchange(&kept_call, NULL));
        auv_view_stop(view);
        auv_view_set_visible(view, dice / 16 % 2);
        break;
    case 14:
        auv_view_unbind(view, "m", NUL);
        break;
    default:
        check(auv_view_id(view) > 0, "a view without a number");
        auv_view_state(view, NULL);
    }
}

static void *work(void *given)
{
    uint64_t seed = *(uint64_t *)given;

    while (operations_left-- > 0) {
        uint64_t dice = next(&seed);
        unsigned slot = (unsigned)(next(&seed) % SLOTS);
        auv_view *view = borrow(slot);
        auv_app_stats stats = {.size = sizeof(stats)};

        if (kills && dice % 997 == 0) {
            auv_app_kill_engine(app);
        } else if (dice % 64 == 0 || (!view && dice % 4 == 0)) {
            open_view(slot);
        } else if (dice % 16 == 1) {
            if (auv_app_post(app, on_post, NULL) == AUV_OK)
                posts_accepted++;
        } else if (dice % 64 == 2) {
            auv_app_get_stats(app, &stats);
            if (dice % 128 == 2)
                auv_app_reset_stats(app);
        } else if (view) {
            use(view, next(&seed));
        }
        auv_view_unref(view);
        progress++;
    }
    threads_running--;
    return NULL;
}

/* ---- driving ---------------------------------------------------------------- */

/* Prints every thread's stack and aborts when nothing moves. */
static void *watch(void *user)
{
    _Atomic bool *done = user;
    uint64_t seen = 0;

    for (int quiet = 0; !*done && quiet < HANG_SECONDS * 10;) {
        poll(NULL, 0, 100);
        quiet = progress == seen ? quiet + 1 : 0;
        seen = progress;
    }
    if (*done)
        return NULL;
    fprintf(stderr, "stress_app: nothing has moved for %d s\n", HANG_SECONDS);
    pid_t child = fork();
    if (child == 0) {
        char pid[20];

        snprintf(pid, sizeof(pid), "%d", (int)getppid());
        execlp("gdb", "gdb", "-batch", "-p", pid, "-ex",
               "thread apply all backtrace", (char *)NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
    abort();
}

static int count_entries(const char *path)
{
    DIR *folder = opendir(path);
    int count = 0;

    check(folder != NULL, "no /proc");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void run(uint64_t seed, int operations)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    struct pollfd ready = {.events = POLLIN};

    options.engine = getenv("AUV_TEST_ENGINE");
    if (!options.engine || !*options.engine)
        options.engine = "null";
    options.queue_capacity = 1024;
    options.preset = seed % 2 ? AUV_PRESET_QT_EMBEDDED : AUV_PRESET_STANDALONE;
    if (seed % 3 == 0) {
        options.mode = AUV_MODE_BATCH;
        options.batch_size = 37;
        options.batch_interval_ms = 3;
    }
    check(auv_app_create(&options, &app) == AUV_OK, "no application");
    ready.fd = auv_app_fd(app);
    operations_left = operations;
    threads_running = THREADS;
    for (int i = 0; i < THREADS; i++) {
        seeds[i] = (seed + 1) * 0x9e3779b97f4a7c15ull + (uint64_t)i * 77777 + 1;
        check(pthread_create(&threads[i], NULL, work, &seeds[i]) == 0,
              "no thread");
    }
    while (threads_running > 0) {
        poll(&ready, 1, 10);
        check(auv_app_process(app) >= 0, "process refused");
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    answer_late(atomic_exchange(&kept_call, NULL));
    /* Half of the seeds end with everything open and pending. */
    if (seed % 4 < 2) {
        for (unsigned i = 0; i < SLOTS; i++)
            put(i, NULL);
        while (poll(&ready, 1, 50) == 1)
            auv_app_process(app);
    }
    auv_app_destroy(app);
    for (unsigned i = 0; i < SLOTS; i++)
        put(i, NULL);
    printf("%d views, %d calls, %d events, %d waits, %d losses, %d returns\n",
           views_opened, calls_heard, events_heard, waits_done, losses,
           recoveries);
    printf("of %d scripts %d ended, of %d posts %d ran, of %d users %d were "
           "freed, of %d views %d closed\n",
           evals_accepted, evals_ended, posts_accepted, posts_run, users_given,
           users_freed, observers_given, views_closed);
    fflush(stdout);
    check(evals_ended == evals_accepted, "not every script ended once");
    check(posts_run == posts_accepted, "not every post ran once");
    check(users_freed == users_given, "not every user was freed once");
    check(views_closed == observers_given, "not every view closed once");
    answer_late(atomic_exchange(&kept_call, NULL));
    check(calls_kept == calls_answered_late, "a kept call was lost");
    check(recoveries <= losses, "more has come back than was lost");
    check(!kills || losses > 0, "nothing was lost");
}

int main(int argc, char **argv)
{
    const char *wanted = getenv("AUV_STRESS");
    uint64_t seed =
        argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
    int operations = argc > 2 ? atoi(argv[2]) : wanted ? atoi(wanted) : 5000;
    int descriptors = count_entries("/proc/self/fd");
    int tasks;
    struct process left[8];
    _Atomic bool done = false;
    pthread_t watcher;

    kills = argc > 3 && strcmp(argv[3], "kill") == 0;
    printf("seed %llu, %d operations%s\n", (unsigned long long)seed, operations,
           kills ? ", with kills" : "");
    fflush(stdout);
    check(pthread_create(&watcher, NULL, watch, (void *)&done) == 0,
          "no thread");
    tasks = count_entries("/proc/self/task");
    run(seed, operations);
    done = true;
    pthread_join(watcher, NULL);
    check(count_entries("/proc/self/fd") == descriptors,
          "a descriptor was left open");
    /* The kernel may still show a thread that has been joined. */
    for (int i = 0; count_entries("/proc/self/task") >= tasks; i++) {
        check(i < HANG_SECONDS * 10, "a thread was left");
        poll(NULL, 0, 100);
    }
    check(list_below(getpid(), left, 8) == 0, "a process was left");
    return 0;
}
