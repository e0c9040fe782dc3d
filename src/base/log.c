/*
 * log.c - log lines, to stderr or to the host's function.
 *
 * Lines are written from any thread, with any lock held, so writing one takes
 * no lock and waits for nobody: a host's function may itself wait for a lock
 * (Python's) that another logging thread holds. Only auv_set_log() waits, until
 * no thread is inside the old function, because the host may free its `user`
 * afterwards.
 *
 *     sinks[2]     the one that is `active`, and the one before it
 *     users[2]     threads that are inside sinks[i], or about to find out
 *                  that it is not active any more
 *
 * Both sides first write, then read what the other writes: a logger counts
 * itself in and then looks whether its sink is still active; auv_set_log()
 * changes `active` and then looks at the count. With sequential consistency
 * one of them sees the other, so a sink without users stays without.
 */
#include "base/base.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sink {
    auv_log_fn fn; /* NULL: stderr */
    void *user;
};

static struct sink sinks[2];
static _Atomic uint32_t users[2];
static _Atomic uint32_t active;

/* Serialises auv_set_log(). */
static struct auvi_mutex set_mutex = {.rank = AUVI_RANK_PROCESS_WIDE,
                                      .name = "log sink"};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

/* Highest level that goes to stderr. */
static int stderr_level(void)
{
    /* 0: not known yet; else level + 1. Threads that race read the same. */
    static _Atomic int cached;
    int level = atomic_load_explicit(&cached, memory_order_relaxed) - 1;

    if (level < 0) {
        const char *wanted = getenv("AURORAVIEW_LOG");

        level = AUV_LOG_WARNING;
        for (int i = AUV_LOG_ERROR; wanted && i <= AUV_LOG_DEBUG; i++) {
            if (strcmp(wanted, level_names[i]) == 0)
                level = i;
        }
        atomic_store_explicit(&cached, level + 1, memory_order_relaxed);
    }
    return level;
}

static void write_stderr(auv_log_level level, const char *text)
{
    char line[1152];
    int length;

    if ((int)level > stderr_level())
        return;
    length = snprintf(line, sizeof(line), "auroraview: %s: %s\n",
                      level_names[level], text);
    if (length < 0)
        return;
    if ((size_t)length >= sizeof(line))
        length = (int)sizeof(line) - 1;
    /* One write, so that lines of several threads do not mix. A closed stderr
     * is the host's wish. */
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        return;
}

static uint32_t enter_sink(void)
{
    for (;;) {
        uint32_t index = atomic_load(&active);

        atomic_fetch_add(&users[index], 1);
        if (atomic_load(&active) == index)
            return index;
        /* Changed in between: the count above protects nothing. */
        if (atomic_fetch_sub(&users[index], 1) == 1)
            auvi_futex_wake_all(&users[index]);
    }
}

static void leave_sink(uint32_t index)
{
    /* Wake only if somebody can wait, that is, if the sink is the old one. A
     * change after this look finds the count at 0 and does not wait. */
    if (atomic_fetch_sub(&users[index], 1) == 1 &&
        atomic_load(&active) != index)
        auvi_futex_wake_all(&users[index]);
}

void auvi_log(auv_log_level level, const char *format, ...)
{
    char text[1024];
    uint32_t index = enter_sink();
    struct sink sink = sinks[index];

    if (sink.fn != NULL || (int)level <= stderr_level()) {
        va_list args;

        va_start(args, format);
        if (vsnprintf(text, sizeof(text), format, args) < 0)
            text[0] = '\0';
        va_end(args);
        if (sink.fn != NULL)
            sink.fn(level, text, sink.user);
        else
            write_stderr(level, text);
    }
    leave_sink(index);
}

/* Wait until no thread is inside, or about to leave, this sink. */
static void await_unused(uint32_t index)
{
    uint32_t count;

    while ((count = atomic_load(&users[index])) != 0)
        auvi_futex_wait(&users[index], count, -1);
}

void auv_set_log(auv_log_fn fn, void *user)
{
    uint32_t old;
    uint32_t next;

    auvi_mutex_lock(&set_mutex);
    old = atomic_load(&active);
    next = 1 - old;
    /* A logger that read `active` long ago may be counted there for a moment;
     * it does not read the sink, but then `users` must not be trusted yet. */
    await_unused(next);
    sinks[next] = (struct sink){fn, user};
    atomic_store(&active, next);
    await_unused(old);
    auvi_mutex_unlock(&set_mutex);
}
