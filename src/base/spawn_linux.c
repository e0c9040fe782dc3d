/*
 * spawn_linux.c - start the engine program, wait for it, end it.
 *
 * The host is somebody else's process: no signal handler, no waitpid(-1), no
 * fork() of its address space (posix_spawn shares it until exec), and the child
 * inherits nothing by accident.
 */
#include "base/base.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 34)
#define HAVE_ADDCLOSEFROM 1
#endif
#endif

/* The C library of the build machine may be older than the kernel. */
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* The child's end of the control link. */
enum {
    CHILD_FD = 3
};

/* Without a pidfd (kernels before 5.3) the end of a child is polled for. */
enum {
    POLL_STEP_US = 5000
};

extern char **environ;

/* Variables that launchers of DCC applications set for their own libraries. A
 * `prefix` also drops every variable that only begins so. */
static const struct {
    const char *name;
    bool prefix;
} dropped[] = {
    {"LD_PRELOAD", false},
    {"LD_AUDIT", false},
    {"LD_LIBRARY_PATH", false},
    {"PYTHON", true},
    {"QT_", true},
    {"GTK_PATH", false},
    {"GTK_MODULES", false},
    {"GTK_EXE_PREFIX", false},
    {"GTK_DATA_PREFIX", false},
    {"GTK_IM_MODULE_FILE", false},
    {"GIO_MODULE_DIR", false},
    {"GIO_EXTRA_MODULES", false},
    {"GSETTINGS_SCHEMA_DIR", false},
    {"GDK_PIXBUF_MODULE", true},
    {"GST_PLUGIN", true},
};

static bool is_dropped(const char *entry)
{
    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
        size_t length = strlen(dropped[i].name);

        if (strncmp(entry, dropped[i].name, length) == 0 &&
            (dropped[i].prefix || entry[length] == '='))
            return true;
    }
    return false;
}

/* Our environment without `dropped`. The strings are the host's: like every
 * reader of environ, this races with a setenv() of another thread. */
static char **clean_environment(void)
{
    size_t count = 0;
    size_t kept = 0;
    char **copy;

    while (environ != NULL && environ[count] != NULL)
        count++;
    copy = calloc(count + 1, sizeof(*copy));
    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (!is_dropped(environ[i]))
            copy[kept++] = environ[i];
    }
    return copy;
}

/* Results of posix_spawn_*() are errno values. */
static int add_descriptors(posix_spawn_file_actions_t *actions, int fd)
{
    int error = posix_spawn_file_actions_adddup2(actions, fd, CHILD_FD);

    /* A GUI host may have closed its standard descriptors. The child must not
     * have its first socket land on 1 and be printed to. */
    for (int i = 0; i < CHILD_FD && error == 0; i++) {
        int flags = fcntl(i, F_GETFD);

        if (flags < 0 || (flags & FD_CLOEXEC))
            error = posix_spawn_file_actions_addopen(actions, i, "/dev/null",
                                                     O_RDWR, 0);
    }
#ifdef HAVE_ADDCLOSEFROM
    /* The host's own descriptors need not be close-on-exec. Without this call
     * the engine program closes them when it starts. */
    if (error == 0)
        error = posix_spawn_file_actions_addclosefrom_np(actions, CHILD_FD + 1);
#endif
    return error;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t all;
    sigset_t none;
    int error;

    sigfillset(&all);
    sigemptyset(&none);
    error = posix_spawnattr_setsigdefault(attributes, &all);
    if (error == 0)
        error = posix_spawnattr_setsigmask(attributes, &none);
    /* A process group of its own: Ctrl-C in the host's terminal is for the
     * host to answer. The child ends when its link does. */
    if (error == 0)
        error = posix_spawnattr_setpgroup(attributes, 0);
    if (error == 0)
        error = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                            POSIX_SPAWN_SETPGROUP);
    return error;
}

int auvi_spawn(const char *path, const char *const *argv, int fd,
               struct auvi_child *out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **environment;
    pid_t pid;
    int error;

    environment = clean_environment();
    if (environment == NULL)
        return auvi_fail(AUV_ERR_NOMEM, "no memory to start %s", path);
    error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        goto free_environment;
    error = posix_spawnattr_init(&attributes);
    if (error != 0)
        goto destroy_actions;
    error = add_descriptors(&actions, fd);
    if (error == 0)
        error = set_attributes(&attributes);
    /* argv is const for historical reasons only: nobody writes to it. */
    if (error == 0)
        error = posix_spawn(&pid, path, &actions, &attributes,
                            (char *const *)(uintptr_t)argv, environment);
    posix_spawnattr_destroy(&attributes);
destroy_actions:
    posix_spawn_file_actions_destroy(&actions);
free_environment:
    free(environment);
    if (error != 0) {
        const char *text;
        char buffer[128];

        text = strerror_r(error, buffer, sizeof(buffer));
        return auvi_fail(error == ENOMEM ? AUV_ERR_NOMEM : AUV_ERR_SYSTEM,
                         "cannot start %s: %s", path, text);
    }
    out->pid = pid;
    /* Works for a child that has ended already, too. Close-on-exec. */
    out->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return AUV_OK;
}

/* 1: has ended (*status_out set), 0: runs. */
static int reap(struct auvi_child *child, int *status_out)
{
    siginfo_t info;
    int result;

    memset(&info, 0, sizeof(info));
    do {
        /* A pid may be another child by now, if the host reaps with
         * waitpid(-1); a pidfd never is. */
        result =
            child->pidfd >= 0
                ? waitid((idtype_t)P_PIDFD, (id_t)child->pidfd, &info,
                         WEXITED | WNOHANG)
                : waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG);
    } while (result < 0 && errno == EINTR);
    if (result == 0 && info.si_pid == 0)
        return 0;
    /* ECHILD: the host ignores SIGCHLD, or has reaped it itself. */
    *status_out = result < 0                   ? -1
                  : info.si_code == CLD_EXITED ? info.si_status
                                               : 128 + info.si_status;
    auvi_fd_close(child->pidfd);
    child->pidfd = -1;
    child->pid = -1;
    return 1;
}

/* Sleep until the child may have ended, or for `us` (< 0: no limit). */
static void await_change(const struct auvi_child *child, int64_t us)
{
    struct pollfd wanted = {.fd = child->pidfd, .events = POLLIN};
    struct timespec limit;

    if (child->pidfd < 0 && (us < 0 || us > POLL_STEP_US))
        us = POLL_STEP_US;
    limit.tv_sec = us / 1000000;
    limit.tv_nsec = us % 1000000 * 1000;
    /* EINTR: the caller looks again and computes the rest. */
    ppoll(&wanted, child->pidfd >= 0 ? 1 : 0, us < 0 ? NULL : &limit, NULL);
}

int auvi_child_wait(struct auvi_child *child, int64_t timeout_us,
                    int *status_out)
{
    int64_t start = auvi_clock_us();

    if (child->pid <= 0)
        return auvi_fail(AUV_ERR_STATE, "the child has been waited for");
    for (;;) {
        int64_t left = timeout_us;

        if (reap(child, status_out))
            return 1;
        if (timeout_us >= 0) {
            left = timeout_us - (auvi_clock_us() - start);
            if (left <= 0)
                return 0;
        }
        await_change(child, left);
    }
}

void auvi_child_kill(struct auvi_child *child)
{
    if (child->pid <= 0)
        return;
    if (child->pidfd < 0)
        kill((pid_t)child->pid, SIGKILL);
    else
        syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
}

void auvi_die_with_parent(void)
{
    /* A parent that has gone before is noticed by the link to it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        auvi_log(AUV_LOG_WARNING, "cannot be tied to the parent process");
}

int auvi_library_folder(char *out, size_t size)
{
    /* Any object of this library tells where it was loaded from. */
    static const char anchor;
    Dl_info info;
    char *path;
    char *slash;
    size_t length;

    if (dladdr(&anchor, &info) == 0 || info.dli_fname == NULL)
        return auvi_fail(AUV_ERR_SYSTEM, "cannot tell where the library is");
    path = realpath(info.dli_fname, NULL);
    if (path == NULL)
        return auvi_fail_errno("cannot resolve the library's path");
    slash = strrchr(path, '/');
    length = slash == NULL || slash == path ? 1 : (size_t)(slash - path);
    if (length + 1 > size) {
        free(path);
        return auvi_fail(AUV_ERR_TOO_LARGE, "the library's path is too long");
    }
    memcpy(out, path, length);
    out[length] = '\0';
    free(path);
    return AUV_OK;
}

bool auvi_file_is_executable(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
           access(path, X_OK) == 0;
}
