/*
 * test_affinity.c - an engine belongs to the thread that made it. A debug build
 * ends a program that forgets, and says which thread owns and which called.
 */
#include "harness.h"

#include "base/base.h"
#include "engine/engine.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct auvi_engine *engine;
static const struct auvi_engine_impl *impl;

static void ignore(void *ctx, const struct auvi_engine_event *event)
{
    (void)ctx;
    (void)event;
}

static void *call_from_elsewhere(void *user)
{
    (void)user;
    printf("called %llu\n", (unsigned long long)auvi_thread_self());
    fflush(stdout);
    impl->reload(engine, 1, 0);
    return NULL;
}

static void run_child(int out)
{
    const struct auvi_engine_config config = {.sink = {ignore, NULL}};
    const struct rlimit no_core = {0, 0};
    pthread_t thread;

    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGABRT, SIG_DFL); /* cmocka has its own */
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    if (impl->create(&config, &engine) < 0)
        _exit(2);
    printf("owns %llu\n", (unsigned long long)auvi_thread_self());
    fflush(stdout);
    impl->reload(engine, 1, 0); /* fine from here */
    if (pthread_create(&thread, NULL, call_from_elsewhere, NULL) != 0)
        _exit(3);
    pthread_join(thread, NULL);
    _exit(0); /* nobody objected */
}

static void a_call_from_elsewhere_ends_the_program(void **state)
{
    char text[4000], owner[60], caller[60];
    unsigned long long owns = 0, called = 0;
    size_t length = 0;
    int ends[2], status;
    ssize_t got;
    pid_t child;

    (void)state;
    impl = auvi_engine_find("null");
    assert_non_null(impl);
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        run_child(ends[1]);
    close(ends[1]);
    while (length < sizeof(text) - 1 &&
           (got = read(ends[0], text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        fail_msg("status %d, no abort; it said: %s", status, text);
    assert_int_equal(sscanf(text, "owns %llu called %llu", &owns, &called), 2);
    assert_true(owns != called);
    snprintf(owner, sizeof(owner), "belongs to thread %llu,", owns);
    snprintf(caller, sizeof(caller), "called on %llu", called);
    if (!strstr(text, owner) || !strstr(text, caller) ||
        !strstr(text, "null_") || !strstr(text, "'null'"))
        fail_msg("it does not name the threads: %s", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_from_elsewhere_ends_the_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
