/*
 * test_spawn.c - a child gets what it should and nothing else, and its end is
 * seen without touching other children.
 *
 * The child is this program again, called with what it has to do.
 */
#include "base/base.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_all.h"

#define LIMIT_US ((int64_t)20 * 1000000)

static char self_path[4096];

/* ---- the child's side: report over descriptor 3 ---- */

static void report(const char *text)
{
    if (write(3, text, strlen(text)) < 0)
        _exit(99);
}

static void report_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;
    bool open_below[64] = {false};
    char text[256] = "fds";

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        int fd = atoi(entry->d_name);

        if (entry->d_name[0] != '.' && fd != dirfd(folder) && fd < 64)
            open_below[fd] = true;
        else if (fd >= 64)
            strcat(text, " many");
    }
    if (folder != NULL)
        closedir(folder);
    for (int i = 0; i < 64; i++) {
        if (open_below[i])
            snprintf(text + strlen(text), sizeof(text) - strlen(text), " %d",
                     i);
    }
    report(text);
}

static void report_environment(void)
{
    static const char *const names[] = {
        "LD_PRELOAD",           "LD_LIBRARY_PATH",
        "PYTHONPATH",           "PYTHONHOME",
        "QT_PLUGIN_PATH",       "GTK_PATH",
        "GTK_MODULES",          "GIO_MODULE_DIR",
        "GSETTINGS_SCHEMA_DIR", "GDK_PIXBUF_MODULE_FILE",
        "GST_PLUGIN_PATH",      "XDG_DATA_DIRS",
        "GTK_PATHOLOGY",        "AUV_TEST_KEEP",
    };
    char text[256] = "env";

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (getenv(names[i]) != NULL)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s",
                     names[i]);
    }
    report(text);
}

static void report_signals(void)
{
    struct sigaction action;
    sigset_t mask;
    bool plain;

    sigprocmask(SIG_SETMASK, NULL, &mask);
    sigaction(SIGPIPE, NULL, &action);
    plain = action.sa_handler == SIG_DFL && !sigismember(&mask, SIGUSR1) &&
            getpgrp() == getpid();
    report(plain ? "signals default" : "signals inherited");
}

static int child_main(const char *task)
{
    if (strcmp(task, "fds") == 0)
        report_descriptors();
    else if (strcmp(task, "env") == 0)
        report_environment();
    else if (strcmp(task, "signals") == 0)
        report_signals();
    else if (strcmp(task, "exit7") == 0)
        return 7;
    else if (strcmp(task, "wait") == 0) {
        char byte;

        return read(3, &byte, 1) == 0 ? 0 : 1; /* until the link ends */
    }
    return 0;
}

/* ---- the tests ---- */

static int start(const char *task, struct auvi_child *child)
{
    const char *const argv[] = {self_path, task, NULL};
    int ends[2];

    assert_int_equal(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(auvi_spawn(self_path, argv, ends[1], child), AUV_OK);
    close(ends[1]);
    return ends[0];
}

/* What the child reports; then its end. */
static void expect_report(const char *task, const char *wanted)
{
    struct auvi_child child;
    int fd = start(task, &child);
    char text[256] = "";
    ssize_t got;
    int status;

    got = read(fd, text, sizeof(text) - 1);
    assert_true(got >= 0);
    assert_int_equal(auvi_child_wait(&child, LIMIT_US, &status), 1);
    assert_int_equal(status, 0);
    assert_string_equal(text, wanted);
    close(fd);
}

static void test_descriptors_are_not_inherited(void **state)
{
    int low = open("/dev/null", O_RDONLY); /* not close-on-exec */
    int high = fcntl(low, F_DUPFD, 40);

    (void)state;
    assert_true(high >= 40);
    expect_report("fds", "fds 0 1 2 3");
    close(low);
    close(high);
}

/* The link itself may have the number that it gets in the child. */
static void test_link_is_descriptor_three_already(void **state)
{
    const char *const argv[] = {self_path, "fds", NULL};
    int saved = fcntl(3, F_DUPFD_CLOEXEC, 10); /* -1: nothing there */
    struct auvi_child child;
    char text[64] = "";
    int ends[2];
    int status;

    (void)state;
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    if (ends[0] == 3) {
        ends[0] = fcntl(3, F_DUPFD_CLOEXEC, 10);
        close(3);
    }
    if (ends[1] != 3) {
        assert_int_equal(dup3(ends[1], 3, O_CLOEXEC), 3);
        close(ends[1]);
    }
    assert_int_equal(auvi_spawn(self_path, argv, 3, &child), AUV_OK);
    close(3);
    if (saved >= 0) {
        dup2(saved, 3);
        close(saved);
    }
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    assert_string_equal(text, "fds 0 1 2 3");
    assert_int_equal(auvi_child_wait(&child, LIMIT_US, &status), 1);
    close(ends[0]);
}

static void test_closed_standard_descriptors(void **state)
{
    int saved = fcntl(0, F_DUPFD_CLOEXEC, 10);

    (void)state;
    assert_true(saved >= 0);
    close(0);
    expect_report("fds", "fds 0 1 2 3");
    dup2(saved, 0);
    close(saved);
}

static void test_environment_is_clean(void **state)
{
    static const char *const set[] = {
        "LD_LIBRARY_PATH",        "PYTHONPATH",      "PYTHONHOME",
        "QT_PLUGIN_PATH",         "GTK_PATH",        "GTK_MODULES",
        "GIO_MODULE_DIR",         "GST_PLUGIN_PATH", "GSETTINGS_SCHEMA_DIR",
        "GDK_PIXBUF_MODULE_FILE", "XDG_DATA_DIRS",   "GTK_PATHOLOGY",
        "AUV_TEST_KEEP",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
        setenv(set[i], "/nowhere", 1);
    expect_report("env", "env XDG_DATA_DIRS GTK_PATHOLOGY AUV_TEST_KEEP");
    for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
        unsetenv(set[i]);
}

static void test_signals_are_default(void **state)
{
    sigset_t mask;
    sigset_t before;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigprocmask(SIG_BLOCK, &mask, &before);
    expect_report("signals", "signals default");
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGPIPE, SIG_DFL);
}

static void test_exit_code(void **state)
{
    struct auvi_child child;
    int fd = start("exit7", &child);
    int status;

    (void)state;
    assert_int_equal(auvi_child_wait(&child, LIMIT_US, &status), 1);
    assert_int_equal(status, 7);
    assert_int_equal(child.pidfd, -1);
    assert_int_equal(auvi_child_wait(&child, 0, &status), AUV_ERR_STATE);
    auvi_child_kill(&child); /* gone: nothing */
    close(fd);
}

static void run_until_killed(bool with_pidfd)
{
    struct auvi_child child;
    int fd = start("wait", &child);
    int status = 0;

    if (!with_pidfd) {
        auvi_fd_close(child.pidfd);
        child.pidfd = -1;
    }
    assert_int_equal(auvi_child_wait(&child, 0, &status), 0);
    assert_int_equal(auvi_child_wait(&child, 3000, &status), 0);
    auvi_child_kill(&child);
    assert_int_equal(auvi_child_wait(&child, -1, &status), 1);
    assert_int_equal(status, 128 + SIGKILL);
    close(fd);
}

static void test_kill(void **state)
{
    (void)state;
    run_until_killed(true);
    run_until_killed(false); /* as on kernels before 5.3 */
}

static void test_ends_with_the_link(void **state)
{
    struct auvi_child child;
    int fd = start("wait", &child);
    int status;

    (void)state;
    close(fd);
    assert_int_equal(auvi_child_wait(&child, LIMIT_US, &status), 1);
    assert_int_equal(status, 0);
}

static void test_other_children_are_left_alone(void **state)
{
    struct auvi_child child;
    pid_t other = fork();
    int fd;
    int status;

    (void)state;
    if (other == 0)
        _exit(5);
    fd = start("exit7", &child);
    assert_int_equal(auvi_child_wait(&child, LIMIT_US, &status), 1);
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(WEXITSTATUS(status), 5);
    close(fd);
}

static void test_reaped_by_the_host(void **state)
{
    struct auvi_child child;
    int fd = start("exit7", &child);
    int status;

    (void)state;
    assert_int_equal(waitpid((pid_t)child.pid, &status, 0), child.pid);
    assert_int_equal(auvi_child_wait(&child, LIMIT_US, &status), 1);
    assert_int_equal(status, -1);
    close(fd);
}

static void test_missing_program(void **state)
{
    const char *const argv[] = {"nothing", NULL};
    struct auvi_child child;
    int before = count_descriptors();

    (void)state;
    assert_int_equal(auvi_spawn("/nowhere/nothing", argv, 0, &child),
                     AUV_ERR_SYSTEM);
    assert_non_null(strstr(auv_last_error_message(), "/nowhere/nothing"));
    assert_non_null(strstr(auv_last_error_message(), "No such file"));
    assert_int_equal(count_descriptors(), before);
}

static void test_no_descriptor_is_left(void **state)
{
    int before = count_descriptors();
    struct auvi_child child;
    int fd = start("exit7", &child);
    int status;

    (void)state;
    assert_int_equal(auvi_child_wait(&child, LIMIT_US, &status), 1);
    close(fd);
    assert_int_equal(count_descriptors(), before);
}

static void test_library_folder(void **state)
{
    char folder[4096];

    (void)state;
    assert_int_equal(auvi_library_folder(folder, sizeof(folder)), AUV_OK);
    /* Linked into this program, so the folder is the program's. */
    assert_memory_equal(folder, self_path, strlen(folder));
    assert_int_equal(self_path[strlen(folder)], '/');
    assert_null(strchr(self_path + strlen(folder) + 1, '/'));
    assert_int_equal(auvi_library_folder(folder, 2), AUV_ERR_TOO_LARGE);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors_are_not_inherited),
        cmocka_unit_test(test_link_is_descriptor_three_already),
        cmocka_unit_test(test_closed_standard_descriptors),
        cmocka_unit_test(test_environment_is_clean),
        cmocka_unit_test(test_signals_are_default),
        cmocka_unit_test(test_exit_code),
        cmocka_unit_test(test_kill),
        cmocka_unit_test(test_ends_with_the_link),
        cmocka_unit_test(test_other_children_are_left_alone),
        cmocka_unit_test(test_reaped_by_the_host),
        cmocka_unit_test(test_missing_program),
        cmocka_unit_test(test_no_descriptor_is_left),
        cmocka_unit_test(test_library_folder),
    };
    ssize_t length;

    if (argc > 1)
        return child_main(argv[1]);
    length = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);
    if (length < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
