/*
 * test_log.c - log lines, error names and the text of the last failure.
 */
#include "base/base.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_all.h"

struct seen {
    auv_log_level level;
    char text[2048];
    int count;
};

static void remember(auv_log_level level, const char *text, void *user)
{
    struct seen *seen = user;

    seen->level = level;
    snprintf(seen->text, sizeof(seen->text), "%s", text);
    seen->count++;
}

static void test_host_function_gets_every_level(void **state)
{
    struct seen seen = {0};

    (void)state;
    auv_set_log(remember, &seen);
    auvi_log(AUV_LOG_DEBUG, "%s %d", "answer", 42);
    assert_int_equal(seen.level, AUV_LOG_DEBUG);
    assert_string_equal(seen.text, "answer 42");
    auvi_log(AUV_LOG_ERROR, "bad");
    assert_int_equal(seen.level, AUV_LOG_ERROR);
    auv_set_log(NULL, NULL);
    auvi_log(AUV_LOG_DEBUG, "not seen");
    assert_int_equal(seen.count, 2);
}

static void test_long_line_is_cut(void **state)
{
    struct seen seen = {0};
    char text[4000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    auv_set_log(remember, &seen);
    auvi_log(AUV_LOG_INFO, "%s", text);
    auv_set_log(NULL, NULL);
    assert_int_equal(seen.count, 1);
    assert_true(strlen(seen.text) > 500);
    assert_memory_equal(seen.text, text, strlen(seen.text));
}

/* What a child process that logs each level once prints with that setting. */
static void read_stderr(const char *setting, char *out, size_t size)
{
    int ends[2];
    size_t used = 0;
    ssize_t got;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (setting != NULL)
            setenv("AURORAVIEW_LOG", setting, 1);
        else
            unsetenv("AURORAVIEW_LOG");
        dup2(ends[1], STDERR_FILENO);
        for (int level = AUV_LOG_ERROR; level <= AUV_LOG_DEBUG; level++)
            auvi_log((auv_log_level)level, "line %d", level);
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], out + used, size - 1 - used)) > 0)
        used += (size_t)got;
    out[used] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* First: the setting is read once in a process, and the children inherit it. */
static void test_stderr_level(void **state)
{
    char text[512];

    (void)state;
    read_stderr(NULL, text, sizeof(text));
    assert_string_equal(text, "auroraview: error: line 0\n"
                              "auroraview: warning: line 1\n");
    read_stderr("error", text, sizeof(text));
    assert_string_equal(text, "auroraview: error: line 0\n");
    read_stderr("debug", text, sizeof(text));
    assert_string_equal(text, "auroraview: error: line 0\n"
                              "auroraview: warning: line 1\n"
                              "auroraview: info: line 2\n"
                              "auroraview: debug: line 3\n");
    read_stderr("nonsense", text, sizeof(text));
    assert_string_equal(text, "auroraview: error: line 0\n"
                              "auroraview: warning: line 1\n");
}

/* ---- auv_set_log() against loggers ---- */

enum {
    LOGGERS = 4,
    CHANGES = 2000
};

static _Atomic bool stop;

static void check_alive(auv_log_level level, const char *text, void *user)
{
    (void)level;
    (void)text;
    /* Would be a use after free if auv_set_log() had not waited for us. */
    (*(int *)user)++;
}

static void log_until_stopped(void *user)
{
    (void)user;
    while (!atomic_load(&stop))
        auvi_log(AUV_LOG_DEBUG, "x");
}

static void count_atomically(auv_log_level level, const char *text, void *user)
{
    (void)level;
    (void)text;
    atomic_fetch_add((_Atomic int *)user, 1);
}

static void test_change_waits_for_loggers(void **state)
{
    struct auvi_thread *threads[LOGGERS];

    (void)state;
    atomic_store(&stop, false);
    for (int i = 0; i < LOGGERS; i++)
        assert_int_equal(
            auvi_thread_start(&threads[i], "logger", log_until_stopped, NULL),
            AUV_OK);
    for (int i = 0; i < CHANGES; i++) {
        _Atomic int *count = malloc(sizeof(*count));

        atomic_init(count, 0);
        auv_set_log(count_atomically, count);
        auv_set_log(NULL, NULL);
        free(count);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < LOGGERS; i++)
        auvi_thread_join(threads[i]);
    /* What one thread wrote under the old function is visible afterwards. */
    {
        int plain = 0;

        auv_set_log(check_alive, &plain);
        auvi_log(AUV_LOG_INFO, "x");
        auv_set_log(NULL, NULL);
        assert_int_equal(plain, 1);
    }
}

/* ---- errors ---- */

static void test_every_error_has_its_name(void **state)
{
    static const struct {
        int error;
        const char *name;
    } names[] = {
        {AUV_ERR_ARG, "Argument"},
        {AUV_ERR_NOMEM, "NoMemory"},
        {AUV_ERR_STATE, "State"},
        {AUV_ERR_TIMEOUT, "Timeout"},
        {AUV_ERR_CANCELLED, "Cancelled"},
        {AUV_ERR_CLOSED, "Closed"},
        {AUV_ERR_ENGINE_LOST, "EngineLost"},
        {AUV_ERR_QUEUE_FULL, "QueueFull"},
        {AUV_ERR_TOO_LARGE, "TooLarge"},
        {AUV_ERR_NO_DISPLAY, "NoDisplay"},
        {AUV_ERR_ENGINE_MISSING, "EngineMissing"},
        {AUV_ERR_ENGINE_VERSION, "EngineVersion"},
        {AUV_ERR_SCRIPT, "ScriptError"},
        {AUV_ERR_LOAD, "LoadFailed"},
        {AUV_ERR_UNSUPPORTED, "Unsupported"},
        {AUV_ERR_SYSTEM, "SystemError"},
        {AUV_ERR_PROTOCOL, "ProtocolError"},
        {AUV_ERR_METHOD_NOT_FOUND, "MethodNotFound"},
        {AUV_ERR_BUSY, "Busy"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_string_equal(auv_error_name(names[i].error), names[i].name);
        assert_string_not_equal(auv_strerror(names[i].error), "unknown error");
        assert_int_equal(names[i].error, -(int)(i + 1)); /* ABI */
    }
}

static void test_unknown_errors(void **state)
{
    static const int unknown[] = {1, 1000, -1000, INT32_MAX, INT32_MIN};

    (void)state;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_string_equal(auv_error_name(unknown[i]), "Error");
        assert_string_equal(auv_strerror(unknown[i]), "unknown error");
    }
    assert_string_equal(auv_version(), AUV_VERSION_STRING);
}

static void fail_elsewhere(void *user)
{
    (void)user;
    assert_string_equal(auv_last_error_message(), "");
    auvi_fail(AUV_ERR_STATE, "other thread");
}

static void test_last_message_is_of_this_thread(void **state)
{
    struct auvi_thread *thread;

    (void)state;
    assert_int_equal(auvi_fail(AUV_ERR_LOAD, "page %d", 7), AUV_ERR_LOAD);
    assert_string_equal(auv_last_error_message(), "page 7");
    assert_int_equal(
        auvi_thread_start(&thread, "failing", fail_elsewhere, NULL), AUV_OK);
    auvi_thread_join(thread);
    assert_string_equal(auv_last_error_message(), "page 7");
    /* The old text may be part of the new one. */
    auvi_fail(AUV_ERR_LOAD, "again: %s", auv_last_error_message());
    assert_string_equal(auv_last_error_message(), "again: page 7");
    assert_int_equal(auvi_fail_plain(AUV_ERR_BUSY), AUV_ERR_BUSY);
    assert_string_equal(auv_last_error_message(), "");
}

static void test_errno_becomes_text(void **state)
{
    (void)state;
    errno = ENOENT;
    assert_int_equal(auvi_fail_errno("open"), AUV_ERR_SYSTEM);
    assert_string_equal(auv_last_error_message(),
                        "open: No such file or directory");
    errno = ENOMEM;
    assert_int_equal(auvi_fail_errno("map"), AUV_ERR_NOMEM);
    assert_int_equal(errno, ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stderr_level),
        cmocka_unit_test(test_host_function_gets_every_level),
        cmocka_unit_test(test_long_line_is_cut),
        cmocka_unit_test(test_change_waits_for_loggers),
        cmocka_unit_test(test_every_error_has_its_name),
        cmocka_unit_test(test_unknown_errors),
        cmocka_unit_test(test_last_message_is_of_this_thread),
        cmocka_unit_test(test_errno_becomes_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
