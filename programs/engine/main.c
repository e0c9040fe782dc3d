/*
 * auroraview-engine: the process that the web engine lives in.
 *
 * Started by the library with the control link as descriptor 3; of no use by
 * hand. It ends when the link does: a second thread watches for that, so that
 * not even a hung engine outlives its application.
 */
#include "base/base.h"
#include "engine/remote/serve.h"

#include <glib-unix.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINK_FD 3

struct engine_program {
    struct auvi_serve *serve;
    guint writable_source;
};

/* The application is gone when the link hangs up. A forked child of it may
 * hold the other end open, so its process is watched as well. */
static void watch_application(void *user)
{
    struct pollfd fds[2] = {{.fd = *(int *)user}, {.fd = -1}};

    fds[1].fd = (int)syscall(SYS_pidfd_open, getppid(), 0);
    fds[1].events = POLLIN;
    for (;;) {
        if (poll(fds, 2, -1) > 0)
            _exit(0); /* no cleanup: the page processes end with us */
    }
}

static gboolean on_writable(gint fd, GIOCondition condition, gpointer user);

static void watch_writable(struct engine_program *program)
{
    if (!program->writable_source && auvi_serve_is_blocked(program->serve))
        program->writable_source = g_unix_fd_add(
            auvi_serve_fd(program->serve), G_IO_OUT, on_writable, program);
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer user)
{
    struct engine_program *program = user;
    struct auvi_engine *engine = auvi_serve_engine(program->serve);

    (void)fd;
    (void)condition;
    if (auvi_serve_dispatch(program->serve) != 0) {
        engine->impl->request_exit(engine);
        return G_SOURCE_REMOVE;
    }
    watch_writable(program);
    return G_SOURCE_CONTINUE;
}

static gboolean on_writable(gint fd, GIOCondition condition, gpointer user)
{
    struct engine_program *program = user;

    program->writable_source = 0;
    on_readable(fd, condition, user);
    return G_SOURCE_REMOVE;
}

/* Reports are sent from anywhere in the loop; what the library did not take at
 * once is retried here, before the loop sleeps. */
static gboolean before_sleep(gpointer user)
{
    watch_writable(user);
    return G_SOURCE_CONTINUE;
}

static gboolean prepare(GSource *source, gint *timeout)
{
    (void)timeout;
    before_sleep(*(struct engine_program **)(source + 1));
    return FALSE;
}

static gboolean never(GSource *source)
{
    (void)source;
    return FALSE;
}

static gboolean dispatch_nothing(GSource *source, GSourceFunc fn, gpointer user)
{
    (void)source;
    (void)fn;
    (void)user;
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs before_sleep_funcs = {prepare, never, dispatch_nothing,
                                          NULL,    NULL,  NULL};

int main(int argc, char **argv)
{
    struct engine_program program = {0};
    struct auvi_thread *watcher;
    struct auvi_link *link;
    struct auvi_engine *engine;
    GSource *source;
    static int link_fd = LINK_FD;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts(AUV_VERSION_STRING);
        return 0;
    }
    if (auvi_link_open(LINK_FD, &link) < 0) {
        fprintf(stderr,
                "%s is started by the AuroraView library, not by hand\n",
                argv[0]);
        return 2;
    }
    auvi_die_with_parent(); /* the watcher does not run in a stopped process */
    program.serve = auvi_serve_create(link);
    link_fd = auvi_serve_fd(program.serve);
    if (auvi_thread_start(&watcher, "auv-watch", watch_application, &link_fd) <
        0)
        return 1;
    if (auvi_serve_start(program.serve, auvi_engine_find("webkitgtk")) < 0) {
        auvi_serve_destroy(program.serve);
        return 1;
    }
    g_unix_fd_add(link_fd, G_IO_IN | G_IO_HUP, on_readable, &program);
    source = g_source_new(&before_sleep_funcs,
                          sizeof(GSource) + sizeof(struct engine_program *));
    *(struct engine_program **)(source + 1) = &program;
    g_source_attach(source, NULL);

    engine = auvi_serve_engine(program.serve);
    engine->impl->run(engine);
    auvi_serve_destroy(program.serve);
    /* Not return: threads of GTK and WebKit may still run, and their exit
     * handlers have nothing left to do. */
    fflush(NULL);
    _exit(0);
}
