/*
 * mutex.c - a futex mutex of three states, and in debug builds the checker of
 * the lock order.
 *
 *     FREE --lock--> HELD --another waits--> CONTENDED --unlock--> FREE
 *
 * Word FREE -> HELD and back costs one atomic instruction each. Whoever has
 * had to wait takes the lock as CONTENDED, because it cannot know whether
 * others still wait: its unlock may wake nobody, but no waiter is forgotten.
 *
 * Ordering: taking the word is an acquire, freeing it a release, so what one
 * holder wrote is seen by the next. Nothing else is published through it.
 */
#include "base/base.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    FREE = 0,
    HELD = 1,
    CONTENDED = 2
};

static _Atomic uint64_t contended_total;

#ifndef NDEBUG

enum {
    MAX_HELD = 16
};

/* The locks that this thread holds, in the order taken. */
static _Thread_local struct {
    const struct auvi_mutex *mutex;
    const char *file;
    int line;
} held[MAX_HELD];
static _Thread_local int held_count;

/* Straight to stderr, not by auvi_log(): the program is about to abort, and a
 * host's log function could take locks or never show it. */
static void die(const char *what, const struct auvi_mutex *mutex,
                const char *file, int line)
{
    char text[256];
    int length;

    length = snprintf(text, sizeof(text),
                      "auroraview: lock order: %s \"%s\" (rank %u) at %s:%d\n",
                      what, mutex->name, mutex->rank, file, line);
    for (int i = held_count; length > 0; i--) {
        size_t size =
            (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1;

        if (write(STDERR_FILENO, text, size) < 0 || i == 0)
            break;
        length = snprintf(text, sizeof(text),
                          "  holds \"%s\" (rank %u) since %s:%d\n",
                          held[i - 1].mutex->name, held[i - 1].mutex->rank,
                          held[i - 1].file, held[i - 1].line);
    }
    abort();
}

static void check_order(const struct auvi_mutex *mutex, const char *file,
                        int line)
{
    /* All of them: try_lock may have taken a low rank last. */
    for (int i = 0; i < held_count; i++) {
        if (held[i].mutex->rank >= mutex->rank)
            die(held[i].mutex == mutex ? "takes again" : "takes out of order",
                mutex, file, line);
    }
}

static void note_taken(const struct auvi_mutex *mutex, const char *file,
                       int line)
{
    if (held_count == MAX_HELD)
        die("holds too many locks at", mutex, file, line);
    held[held_count].mutex = mutex;
    held[held_count].file = file;
    held[held_count].line = line;
    held_count++;
}

static void note_freed(const struct auvi_mutex *mutex)
{
    int at = held_count;

    while (at > 0 && held[at - 1].mutex != mutex)
        at--;
    if (at == 0)
        die("unlocks what it does not hold:", mutex, "?", 0);
    for (; at < held_count; at++)
        held[at - 1] = held[at];
    held_count--;
}

#else

static void check_order(const struct auvi_mutex *mutex, const char *file,
                        int line)
{
    (void)mutex, (void)file, (void)line;
}

static void note_taken(const struct auvi_mutex *mutex, const char *file,
                       int line)
{
    (void)mutex, (void)file, (void)line;
}

static void note_freed(const struct auvi_mutex *mutex)
{
    (void)mutex;
}

#endif

static bool take_free(struct auvi_mutex *mutex)
{
    uint32_t expected = FREE;

    return atomic_compare_exchange_strong_explicit(&mutex->word, &expected,
                                                   HELD, memory_order_acquire,
                                                   memory_order_relaxed);
}

void auvi_mutex_init(struct auvi_mutex *mutex, enum auvi_lock_rank rank,
                     const char *name)
{
    atomic_init(&mutex->word, FREE);
    mutex->rank = (uint32_t)rank;
    mutex->name = name;
}

void auvi_mutex_lock_at(struct auvi_mutex *mutex, const char *file, int line)
{
    check_order(mutex, file, line);
    if (!take_free(mutex)) {
        atomic_fetch_add_explicit(&contended_total, 1, memory_order_relaxed);
        /* The exchange announces us before we sleep. A holder that unlocks in
         * between leaves FREE, which the exchange or the futex sees. */
        while (atomic_exchange_explicit(&mutex->word, CONTENDED,
                                        memory_order_acquire) != FREE)
            auvi_futex_wait(&mutex->word, CONTENDED, -1);
    }
    note_taken(mutex, file, line);
}

bool auvi_mutex_try_lock_at(struct auvi_mutex *mutex, const char *file,
                            int line)
{
    /* No order check: who does not wait cannot be part of a deadlock. */
    if (!take_free(mutex))
        return false;
    note_taken(mutex, file, line);
    return true;
}

void auvi_mutex_unlock(struct auvi_mutex *mutex)
{
    note_freed(mutex);
    /* The mutex may be freed by its next owner as soon as the word is FREE:
     * the wake may hit an address that is gone, which the kernel tolerates. */
    if (atomic_exchange_explicit(&mutex->word, FREE, memory_order_release) ==
        CONTENDED)
        auvi_futex_wake_one(&mutex->word);
}

void auvi_mutex_assert_held(const struct auvi_mutex *mutex)
{
#ifndef NDEBUG
    for (int i = 0; i < held_count; i++) {
        if (held[i].mutex == mutex)
            return;
    }
    die("must hold", mutex, "?", 0);
#else
    (void)mutex;
#endif
}

uint64_t auvi_mutex_contended_total(void)
{
    return atomic_load_explicit(&contended_total, memory_order_relaxed);
}
