/*
 * test_hot_path.c - who waits for whose lock while an application works hard.
 *
 * Four threads emit and start scripts, the page calls the host, and one thread
 * processes. None of these may ever wait for a lock: what waits is counted by
 * the mutexes themselves (auvi_mutex_contended_total()), in every build.
 */
#include "harness.h"

#include "base/base.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
    THREADS = 4,
    ROUNDS = 20000 /* of each thread */
};

static struct host host;
static _Atomic int evals_accepted, evals_ended, emits_accepted, refused;
static _Atomic int calls_heard, running;

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

static void on_end(auv_view *view, int error, const auv_message *result,
                   void *user)
{
    (void)view;
    (void)error;
    (void)result;
    (void)user;
    evals_ended++;
}

static void on_call(auv_view *view, auv_call *call, void *user)
{
    (void)user;
    calls_heard++;
    auv_view_emit(view, "heard", NUL, "1", NUL, NULL, 0);
    auv_call_reply(call, "[1]", NUL, NULL, 0);
}

static void on_event(auv_view *view, const auv_message *message, void *user)
{
    (void)view;
    (void)message;
    (void)user;
}

static void *work(void *user)
{
    static const char *const scripts[] = {"[1]", "auroraview.call(\"m\", 1)",
                                          "auroraview.emit(\"e\", 1)",
                                          "auroraview.events()"};
    auv_view *view = user;

    for (int i = 0; i < ROUNDS; i++) {
        int error = i % 4 ? auv_view_emit(view, "n", 1, "[1]", 3, NULL, 0)
                          : auv_view_eval(view, scripts[i / 4 % 4], NUL, -1,
                                          on_end, NULL);

        if (error == AUV_OK && i % 4)
            emits_accepted++;
        else if (error == AUV_OK)
            evals_accepted++;
        else if (error == AUV_ERR_QUEUE_FULL)
            refused++; /* the page is slower */
        else
            return NULL;
        auv_view_emit_latest(view, "progress", 8, "1", 1, NULL, 0);
    }
    running--;
    return user;
}

static bool all_is_done(void *user)
{
    (void)user;
    return running == 0 && evals_ended == evals_accepted;
}

static void nobody_waits_for_a_lock(void **state)
{
    pthread_t threads[THREADS];
    uint64_t before;

    (void)state;
    auv_view_bind(host.view, "m", NUL, on_call, NULL, NULL);
    auv_view_on(host.view, "e", NUL, on_event, NULL, NULL);
    pump_until_idle(host.app);
    before = auvi_mutex_contended_total();
    running = THREADS;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, host.view), 0);
    pump_until(host.app, all_is_done, NULL);
    printf("%d emits, %d scripts, %d calls, %d refused: %llu contended\n",
           emits_accepted, evals_ended, calls_heard, refused,
           (unsigned long long)(auvi_mutex_contended_total() - before));
    fflush(stdout);
    for (int i = 0; i < THREADS; i++) {
        void *good;

        pthread_join(threads[i], &good);
        assert_non_null(good);
    }
    assert_true(evals_ended > 0 && calls_heard > 0);
    assert_int_equal(auvi_mutex_contended_total(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_waits_for_a_lock, open_host,
                                        close_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
