/*
 * thread_linux.c - threads, their numbers, and futexes.
 */
#include "base/base.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct auvi_thread {
    pthread_t handle;
    void (*fn)(void *user);
    void *user;
    char name[16]; /* the kernel's limit */
};

static void *run(void *argument)
{
    struct auvi_thread *thread = argument;

    pthread_setname_np(pthread_self(), thread->name);
    thread->fn(thread->user);
    return NULL;
}

int auvi_thread_start(struct auvi_thread **out, const char *name,
                      void (*fn)(void *user), void *user)
{
    struct auvi_thread *thread = calloc(1, sizeof(*thread));
    sigset_t all;
    sigset_t before;
    int error;

    if (thread == NULL)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a thread");
    thread->fn = fn;
    thread->user = user;
    strncpy(thread->name, name, sizeof(thread->name) - 1);

    /* A new thread inherits the mask: so the host's signals never run their
     * handlers on it, not even at its first instruction. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread->handle, NULL, run, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        free(thread);
        errno = error;
        return auvi_fail_errno("cannot start a thread");
    }
    *out = thread;
    return AUV_OK;
}

void auvi_thread_join(struct auvi_thread *thread)
{
    if (thread == NULL)
        return;
    pthread_join(thread->handle, NULL);
    free(thread);
}

void auvi_thread_leave(struct auvi_thread *thread)
{
    pthread_detach(thread->handle);
    free(thread);
}

uint64_t auvi_thread_self(void)
{
    /* A counter, not the address of a thread-local: a number must not come
     * back when its thread has ended. */
    static _Atomic uint64_t last;
    static _Thread_local uint64_t self;

    if (self == 0)
        self = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
    return self;
}

int auvi_futex_wait(_Atomic uint32_t *word, uint32_t expected,
                    int64_t timeout_us)
{
    struct timespec limit = {.tv_sec = timeout_us / 1000000,
                             .tv_nsec = timeout_us % 1000000 * 1000};

    /* FUTEX_WAIT takes a duration on the monotonic clock. */
    if (syscall(SYS_futex, (uint32_t *)word, FUTEX_WAIT_PRIVATE, expected,
                timeout_us < 0 ? NULL : &limit, NULL, 0) == 0)
        return AUV_OK;
    /* EAGAIN: *word differs. EINTR: an early return, which callers expect. */
    return errno == ETIMEDOUT ? AUV_ERR_TIMEOUT : AUV_OK;
}

void auvi_futex_wake_all(_Atomic uint32_t *word)
{
    syscall(SYS_futex, (uint32_t *)word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL,
            NULL, 0);
}

void auvi_futex_wake_one(_Atomic uint32_t *word)
{
    syscall(SYS_futex, (uint32_t *)word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

int auvi_cpu_count(void)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    return CPU_COUNT(&set);
}

void auvi_thread_yield(void)
{
    sched_yield();
}
