/*
 * sandbox.c - whether WebKit's bubblewrap sandbox works on this machine.
 *
 * WebKit ends the whole program when bubblewrap fails, and says nothing when it
 * leaves the sandbox away. So it is tried first, with the same kinds of
 * namespaces and mounts, once per engine; GTK starts meanwhile.
 */
#include "engine/webkitgtk/webkitgtk_priv.h"

#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where WebKit's own build looks for them (Debian, Fedora and others). */
#define BWRAP "/usr/bin/bwrap"
#define DBUS_PROXY "/usr/bin/xdg-dbus-proxy"

extern char **environ;

static pid_t probe_pid;
static int probe_output = -1; /* what bubblewrap complains about */
static char *probe_reason;    /* known without it */

static char *missing(const char *path)
{
    return g_strdup_printf("%s is not installed (packages bubblewrap and "
                           "xdg-dbus-proxy)",
                           path);
}

/* Folders without which WebKit's setting up of a sandbox takes the engine with
 * it: it compares what a page may see with the home folder, and keeps sockets of
 * D-Bus proxies in the runtime folder. */
static char *missing_folder(void)
{
    const char *home = g_get_home_dir(), *runtime = g_get_user_runtime_dir();
    char *folder;
    bool writable;

    if (access(home, F_OK) < 0)
        return g_strdup_printf("there is no home folder %s", home);
    folder = g_build_filename(runtime, "webkitgtk", NULL);
    writable =
        g_mkdir_with_parents(folder, 0700) == 0 && access(folder, W_OK) == 0;
    g_free(folder);
    return writable ? NULL
                    : g_strdup_printf("%s cannot be written "
                                      "(XDG_RUNTIME_DIR)",
                                      runtime);
}

/* Why WebKit would have none, as far as can be seen without trying. */
static char *obstacle(const char *bwrap)
{
    const char *wanted = g_getenv("AURORAVIEW_SANDBOX");

    if (!g_strcmp0(wanted, "0"))
        return g_strdup("switched off by AURORAVIEW_SANDBOX=0");
    if (g_getenv("WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS"))
        return g_strdup("switched off by "
                        "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS");
    if (!g_file_test(bwrap, G_FILE_TEST_IS_EXECUTABLE))
        return missing(bwrap);
    if (!g_file_test(DBUS_PROXY, G_FILE_TEST_IS_EXECUTABLE))
        return missing(DBUS_PROXY);
    return missing_folder();
}

void auvi_wk_sandbox_probe(void)
{
    /* For tests: a bubblewrap that is not there, or that fails. */
    const char *named = g_getenv("AURORAVIEW_BWRAP");
    const char *bwrap = named && *named ? named : BWRAP;
    const char *argv[] = {bwrap,
                          "--die-with-parent",
                          "--unshare-pid",
                          "--unshare-uts",
                          "--ro-bind",
                          "/",
                          "/",
                          "--dev",
                          "/dev",
                          "--proc",
                          "/proc",
                          "--tmpfs",
                          "/tmp",
                          "--",
                          "/bin/true",
                          NULL};
    posix_spawn_file_actions_t actions;
    int ends[2], error;

    probe_reason = obstacle(bwrap);
    if (probe_reason)
        return;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        probe_reason = g_strdup_printf("pipe: %s", g_strerror(errno));
        return;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    error = posix_spawn(&probe_pid, bwrap, &actions, NULL,
                        (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    probe_output = ends[0];
    if (error) {
        probe_pid = 0;
        probe_reason = g_strdup_printf("%s: %s", bwrap, g_strerror(error));
    }
}

/* Its first line, without what would end a line of ours. */
static char *read_complaint(void)
{
    char text[160];
    ssize_t length = read(probe_output, text, sizeof(text) - 1);

    if (length <= 0)
        return g_strdup("bubblewrap failed");
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return g_strdup(text);
}

void auvi_wk_sandbox_ready(struct auvi_wk_engine *engine)
{
    int status = 0;

    if (probe_pid) {
        while (waitpid(probe_pid, &status, 0) < 0 && errno == EINTR)
            ;
        probe_pid = 0;
        if (status != 0)
            probe_reason = read_complaint();
    }
    auvi_fd_close(probe_output);
    probe_output = -1;
    engine->sandbox_reason = probe_reason;
    engine->sandbox = !probe_reason;
    probe_reason = NULL;
}

void auvi_wk_sandbox_setup(struct auvi_wk_engine *engine,
                           WebKitWebContext *context)
{
    if (!engine->sandbox)
        return;
    /* The extension lies outside of what WebKit shows a page process anyway. */
    webkit_web_context_add_path_to_sandbox(context, engine->page_dir, TRUE);
    webkit_web_context_set_sandbox_enabled(context, TRUE);
}
