/*
 * test_exit.c - a program that ends while its threads emit and run scripts, and
 * never destroys anything: it ends, and its engine with it.
 *
 *     test_exit HOW   is that program: exit, _exit or return
 */
#include "harness.h"
#include "processes.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    REPORT_FD = 9
};

static struct host host;
static _Atomic int done;

static void *work(void *user)
{
    (void)user;
    for (;;) {
        auv_view_emit_latest(host.view, "n", 1, "1", 1, NULL, 0);
        auv_view_emit(host.view, "n", 1, "1", 1, NULL, 0);
        if (auv_view_eval_wait(host.view, "[1]", NUL, DEADLINE_MS, NULL) ==
            AUV_OK)
            done++;
    }
    return NULL;
}

static bool all_have_begun(void *user)
{
    (void)user;
    return done >= 8;
}

static int be_the_program(const char *how)
{
    pthread_t thread;
    pid_t engine;

    host_open(&host);
    for (int i = 0; i < 4; i++)
        if (pthread_create(&thread, NULL, work, NULL) != 0)
            return 3;
    pump_until(host.app, all_have_begun, NULL);
    engine = find_below(getpid(), "auroraview-engi");
    if (write(REPORT_FD, &engine, sizeof(engine)) != sizeof(engine))
        return 4;
    if (strcmp(how, "exit") == 0)
        exit(0);
    if (strcmp(how, "_exit") == 0)
        _exit(0);
    return 0;
}

static void wait_for_end(pid_t engine)
{
    int64_t end = now_ms() + DEADLINE_MS;

    while (engine > 0 && is_running(engine)) {
        if (now_ms() > end)
            fail_msg("engine process %d stays", (int)engine);
        poll(NULL, 0, 20);
    }
}

static void ends(const char *how)
{
    struct pollfd report = {.events = POLLIN};
    pid_t child, engine = -1;
    int ends[2], status;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (dup2(ends[1], REPORT_FD) == REPORT_FD && close(ends[1]) == 0 &&
            close(ends[0]) == 0)
            execl("/proc/self/exe", "test_exit", how, (char *)NULL);
        _exit(5);
    }
    close(ends[1]);
    report.fd = ends[0];
    assert_int_equal(poll(&report, 1, 2 * DEADLINE_MS), 1);
    if (read(ends[0], &engine, sizeof(engine)) != sizeof(engine))
        fail_msg("%s: the program did not come up", how);
    close(ends[0]);
    assert_true(on_null() || engine > 0);
    for (int64_t end = now_ms() + DEADLINE_MS;;) {
        pid_t ended = waitpid(child, &status, WNOHANG);

        if (ended == child)
            break;
        if (now_ms() > end) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            fail_msg("%s: the program hangs at its end", how);
        }
        poll(NULL, 0, 10);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s: status %d", how, status);
    wait_for_end(engine);
}

static void exit_ends_the_program(void **state)
{
    (void)state;
    ends("exit");
}

static void exit_without_handlers_ends_the_program(void **state)
{
    (void)state;
    ends("_exit");
}

static void return_from_main_ends_the_program(void **state)
{
    (void)state;
    ends("return");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_ends_the_program),
        cmocka_unit_test(exit_without_handlers_ends_the_program),
        cmocka_unit_test(return_from_main_ends_the_program),
    };

    if (argc > 1)
        return be_the_program(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
