/*
 * base.h - what the rest asks of the operating system.
 *
 * One section per file: clock, log, wake_fd, shm, ring_memory, poller, thread,
 * spawn. The implementation of a section is base/<section>_<os>.c; nothing above
 * this folder includes a system header or tests for a platform.
 *
 * Results: >= 0 good, else a negative AUV_ERR_* code, with the system's words
 * in auv_last_error_message(). All descriptors are close-on-exec; EINTR is
 * handled here and never seen above.
 */
#ifndef AUVI_BASE_H
#define AUVI_BASE_H

#include "auroraview/base.h"

/* ---- clock (any thread) ---- */

int64_t auvi_clock_ns(void); /* monotonic */
int64_t auvi_clock_us(void);
int64_t auvi_clock_ms(void);

/* ---- log (any thread) ---- */

void auvi_log(auv_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Remember what this thread's failing call has to add, and return `error`, so
 * that `return auvi_fail(AUV_ERR_X, "…")` does both. */
int auvi_fail(int error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same with nothing to add: clears what an earlier failure left. */
int auvi_fail_plain(int error);

/* As auvi_fail(AUV_ERR_SYSTEM), with ": <text of errno>"; ENOMEM becomes
 * AUV_ERR_NOMEM. */
int auvi_fail_errno(const char *what);

/* ---- wake_fd: an event counter to poll on ---- */

int auvi_wake_fd_create(void);    /* descriptor, non-blocking */
void auvi_wake_fd_signal(int fd); /* any thread; async-signal-safe */
void auvi_wake_fd_clear(int fd);  /* make it unreadable again */
void auvi_fd_close(int fd);       /* -1 is fine */

/* ---- shm: sealed, immutable shared memory ---- */

/* An empty memfd that can be sealed; errno tells why not. */
int auvi_shm_file(void);
/* A memfd with these bytes, sealed against shrinking, growing, writing and
 * more seals. */
int auvi_shm_create(const void *data, size_t length);
/* AUV_OK if fd is such a file of exactly that length, AUV_ERR_PROTOCOL if not. */
int auvi_shm_check(int fd, size_t length);
/* Read-only mapping, or NULL. */
const void *auvi_shm_map(int fd, size_t length);
void auvi_shm_unmap(const void *data, size_t length);
/* Copy the contents: cheaper than a mapping that is read once. */
int auvi_shm_read(int fd, void *to, size_t length);
/* The same for text: a NUL follows the `length` bytes. NULL also when a hostile
 * sender has hidden other bytes there. */
const char *auvi_shm_map_text(int fd, size_t length);
void auvi_shm_unmap_text(const char *text, size_t length);

/* ---- ring_memory: memory that two processes write to ---- */

#define AUVI_RING_CONTROL ((size_t)64 * 1024) /* any page size divides it */

/* A memfd for two rings of so many bytes each (a multiple of
 * AUVI_RING_CONTROL), sealed against shrinking, growing and more seals. */
int auvi_ring_memory_create(size_t ring);
/* AUV_OK if fd is such a file, AUV_ERR_PROTOCOL if not. */
int auvi_ring_memory_check(int fd, size_t ring);
/* AUVI_RING_CONTROL bytes, then each ring twice in a row; or NULL. */
void *auvi_ring_memory_map(int fd, size_t ring);
void auvi_ring_memory_unmap(void *base, size_t ring);

/* ---- poller: wait for many descriptors (one waiter at a time; changes from
 *      any thread) ---- */

enum {
    AUVI_POLL_IN = 1,
    AUVI_POLL_OUT = 2,
    AUVI_POLL_HANGUP = 4
};

struct auvi_poll_event {
    uint64_t key;
    unsigned events;
};

int auvi_poller_create(void); /* descriptor; itself pollable */
int auvi_poller_add(int poller, int fd, unsigned events, uint64_t key);
int auvi_poller_change(int poller, int fd, unsigned events, uint64_t key);
void auvi_poller_remove(int poller, int fd);
/* Number of events, 0 on timeout. timeout_us < 0: no limit. Rounds up, so that
 * a deadline has passed when it returns 0. */
int auvi_poller_wait(int poller, struct auvi_poll_event *events, int space,
                     int64_t timeout_us);

/* ---- thread ---- */

struct auvi_thread; /* heap */

/* All signals blocked in it; `name` at most 15 bytes. */
int auvi_thread_start(struct auvi_thread **out, const char *name,
                      void (*fn)(void *user), void *user);
void auvi_thread_join(struct auvi_thread *thread); /* frees it */
/* Never join it. Only once `fn` has begun: frees what it was started with. */
void auvi_thread_leave(struct auvi_thread *thread);
int auvi_cpu_count(void); /* that this process may use */
/* For loops that wait for another process: it may be on this processor. */
void auvi_thread_yield(void);
/* A number for the calling thread, never 0. Cheap. */
uint64_t auvi_thread_self(void);

/* Sleep while *word == expected, at most timeout_us (< 0: no limit). May return
 * early for no reason. AUV_ERR_TIMEOUT when the time is up. */
int auvi_futex_wait(_Atomic uint32_t *word, uint32_t expected,
                    int64_t timeout_us);
void auvi_futex_wake_all(_Atomic uint32_t *word);
void auvi_futex_wake_one(_Atomic uint32_t *word);

/* Every lock has a rank; a thread takes locks only in growing rank. Debug
 * builds abort on a violation and print the chain that is held. The list, and
 * why each is a lock at all: docs/internals/lock-order.md. */
enum auvi_lock_rank {
    AUVI_RANK_PROCESS_WIDE = 1, /* log sink */
    AUVI_RANK_APP = 2,
    AUVI_RANK_RECEIVE = 3,
    AUVI_RANK_SEND = 4,
    AUVI_RANK_REGISTRY = 5,
    AUVI_RANK_LEAF = 6
};

struct auvi_mutex {
    _Atomic uint32_t word; /* 0 free, 1 held, 2 held and waited for */
    uint32_t rank;
    const char *name;
};

void auvi_mutex_init(struct auvi_mutex *mutex, enum auvi_lock_rank rank,
                     const char *name);
void auvi_mutex_lock_at(struct auvi_mutex *mutex, const char *file, int line);
bool auvi_mutex_try_lock_at(struct auvi_mutex *mutex, const char *file,
                            int line);
void auvi_mutex_unlock(struct auvi_mutex *mutex);
/* Debug builds abort unless the calling thread holds it; release: nothing. */
void auvi_mutex_assert_held(const struct auvi_mutex *mutex);
#define auvi_mutex_lock(m) auvi_mutex_lock_at((m), __FILE__, __LINE__)
#define auvi_mutex_try_lock(m) auvi_mutex_try_lock_at((m), __FILE__, __LINE__)

/* Contended acquisitions since start, all mutexes; counted in every build
 * because the contended path is slow anyway. */
uint64_t auvi_mutex_contended_total(void);

/* ---- spawn: the engine program ---- */

struct auvi_child {
    int64_t pid; /* -1 once it has been reaped */
    int pidfd;   /* polls readable when it has ended; -1 if the kernel has none;
                    auvi_child_wait() closes it when it returns 1 */
};

/* Start `path` with `argv`; `fd` becomes its descriptor 3, everything else but
 * 0-2 is closed. The environment is ours without what DCC launchers set for
 * themselves and what breaks other programs (LD_PRELOAD, LD_LIBRARY_PATH,
 * PYTHON*, QT_*, GTK_PATH, GTK_MODULES, GIO_MODULE_DIR, GSETTINGS_SCHEMA_DIR,
 * GDK_PIXBUF_MODULE*, GST_PLUGIN*; spawn_linux.c has the whole list).
 * XDG_DATA_DIRS stays as it is. Signal mask and dispositions are the defaults,
 * and it leads a process group of its own. AUV_ERR_SYSTEM when it cannot be
 * executed. */
int auvi_spawn(const char *path, const char *const *argv, int fd,
               struct auvi_child *out);
/* From now on this process is killed when the thread that started it ends, be
 * this one stopped or busy. For a process that nobody needs without its parent:
 * one that was started by a thread which lives as long as it must itself. */
void auvi_die_with_parent(void);
/* 1: has ended, *status_out is its exit code, 128 + signal, or -1 if the host
 * has reaped it; 0: runs. Waits at most timeout_us (< 0: no limit). Reaps only
 * this child. AUV_ERR_STATE after a 1. */
int auvi_child_wait(struct auvi_child *child, int64_t timeout_us,
                    int *status_out);
/* SIGKILL; the child still has to be waited for. */
void auvi_child_kill(struct auvi_child *child);
bool auvi_file_is_executable(const char *path);
/* Folder of the file that holds this library's code, into `out`. */
int auvi_library_folder(char *out, size_t size);

#endif /* AUVI_BASE_H */
