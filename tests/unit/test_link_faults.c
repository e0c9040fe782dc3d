/*
 * test_link_faults.c - every system call of wire and base fails in turn: the
 * error is clear, nothing leaks, and nothing that was accepted is lost.
 *
 * The calls are taken over by the linker. Names for --wrap, on one line:
 * wrap: sendmsg recvmsg memfd_create ftruncate ftruncate64 write fcntl fcntl64 epoll_create1 epoll_ctl epoll_pwait2 eventfd socketpair setsockopt getsockopt mmap mmap64 pthread_create posix_spawn waitid malloc calloc
 */
#include "wire/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "cmocka_all.h"

/* ---- the fault: the calls first..first+times-1 of `call` give `error` ---- */

enum call {
    NO_CALL,
    SENDMSG,
    RECVMSG,
    MEMFD_CREATE,
    FTRUNCATE,
    WRITE,
    FCNTL,
    EPOLL_CREATE,
    EPOLL_CTL,
    EPOLL_WAIT,
    EVENTFD,
    SOCKETPAIR,
    SETSOCKOPT,
    GETSOCKOPT,
    MMAP,
    PTHREAD_CREATE,
    POSIX_SPAWN,
    WAITID,
    MALLOC,
    CALLOC
};

static struct {
    enum call call;
    int first; /* 1: the next one */
    int times;
    int error;
    int seen;
} fault;

/* Short writes instead of errors, if > 0. */
static size_t write_at_most;

static void fail_calls(enum call call, int first, int times, int error)
{
    fault.call = call;
    fault.first = first;
    fault.times = times;
    fault.error = error;
    fault.seen = 0;
}

static void fail_next(enum call call, int error)
{
    fail_calls(call, 1, 1, error);
}

static void heal(void)
{
    fault.call = NO_CALL;
}

/* The errno to fail with, or 0. */
static int fault_of(enum call call)
{
    if (fault.call != call)
        return 0;
    fault.seen++;
    if (fault.seen < fault.first || fault.seen >= fault.first + fault.times)
        return 0;
    errno = fault.error;
    return fault.error;
}

/* Declares the real call and defines its replacement. */
#define WRAP(call, type, bad, name, parameters, arguments)       \
    type __real_##name parameters;                               \
    type __wrap_##name parameters;                               \
    type __wrap_##name parameters                                \
    {                                                            \
        return fault_of(call) ? (bad) : __real_##name arguments; \
    }

WRAP(SENDMSG, ssize_t, -1, sendmsg,
     (int fd, const struct msghdr *message, int flags), (fd, message, flags))
WRAP(RECVMSG, ssize_t, -1, recvmsg, (int fd, struct msghdr *message, int flags),
     (fd, message, flags))
WRAP(MEMFD_CREATE, int, -1, memfd_create, (const char *name, unsigned flags),
     (name, flags))
WRAP(FTRUNCATE, int, -1, ftruncate, (int fd, off_t size), (fd, size))
WRAP(FTRUNCATE, int, -1, ftruncate64, (int fd, off64_t size), (fd, size))
WRAP(EPOLL_CREATE, int, -1, epoll_create1, (int flags), (flags))
WRAP(EPOLL_CTL, int, -1, epoll_ctl,
     (int poller, int operation, int fd, struct epoll_event *event),
     (poller, operation, fd, event))
WRAP(EPOLL_WAIT, int, -1, epoll_pwait2,
     (int poller, struct epoll_event *events, int space,
      const struct timespec *limit, const sigset_t *mask),
     (poller, events, space, limit, mask))
WRAP(EVENTFD, int, -1, eventfd, (unsigned value, int flags), (value, flags))
WRAP(SOCKETPAIR, int, -1, socketpair,
     (int domain, int type, int protocol, int ends[2]),
     (domain, type, protocol, ends))
WRAP(SETSOCKOPT, int, -1, setsockopt,
     (int fd, int level, int name, const void *value, socklen_t size),
     (fd, level, name, value, size))
WRAP(GETSOCKOPT, int, -1, getsockopt,
     (int fd, int level, int name, void *value, socklen_t *size),
     (fd, level, name, value, size))
WRAP(MMAP, void *, MAP_FAILED, mmap,
     (void *at, size_t length, int protection, int flags, int fd, off_t offset),
     (at, length, protection, flags, fd, offset))
WRAP(MMAP, void *, MAP_FAILED, mmap64,
     (void *at, size_t length, int protection, int flags, int fd, off_t offset),
     (at, length, protection, flags, fd, offset))
WRAP(PTHREAD_CREATE, int, fault.error, pthread_create,
     (pthread_t * out, const pthread_attr_t *attributes, void *(*fn)(void *),
      void *user),
     (out, attributes, fn, user))
WRAP(POSIX_SPAWN, int, fault.error, posix_spawn,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const *argv,
      char *const *environment),
     (pid, path, actions, attributes, argv, environment))
WRAP(WAITID, int, -1, waitid,
     (idtype_t type, id_t id, siginfo_t *info, int options),
     (type, id, info, options))
WRAP(MALLOC, void *, NULL, malloc, (size_t size), (size))
WRAP(CALLOC, void *, NULL, calloc, (size_t count, size_t size), (count, size))

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    if (fault_of(WRITE))
        return -1;
    if (write_at_most > 0 && size > write_at_most)
        size = write_at_most;
    return __real_write(fd, data, size);
}

/* What wire and base pass is an int or nothing. */
#define WRAP_FCNTL(name)                                                 \
    int __real_##name(int fd, int command, ...);                         \
    int __wrap_##name(int fd, int command, ...);                         \
    int __wrap_##name(int fd, int command, ...)                          \
    {                                                                    \
        va_list arguments;                                               \
        long value;                                                      \
                                                                         \
        va_start(arguments, command);                                    \
        value = va_arg(arguments, long);                                 \
        va_end(arguments);                                               \
        return fault_of(FCNTL) ? -1 : __real_##name(fd, command, value); \
    }
WRAP_FCNTL(fcntl)
WRAP_FCNTL(fcntl64)

/* ---- helpers ---- */

#define LARGE ((size_t)100000)

static char large[LARGE];
static struct auvi_link *a;
static struct auvi_link *b;
static int descriptors_before;
static struct rlimit usual_limit;

static int set_up(void **state)
{
    int fd;

    (void)state;
    heal();
    write_at_most = 0;
    getrlimit(RLIMIT_NOFILE, &usual_limit);
    descriptors_before = count_descriptors();
    assert_int_equal(auvi_link_pair(&a, &fd), AUV_OK);
    assert_int_equal(auvi_link_open(fd, &b), AUV_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    heal();
    setrlimit(RLIMIT_NOFILE, &usual_limit);
    auvi_link_close(a);
    auvi_link_close(b);
    assert_int_equal(count_descriptors(), descriptors_before);
    return 0;
}

/* id, and `parts` large parts. */
static int send_frame(uint64_t id, size_t parts)
{
    struct auvi_frame frame;

    auvi_frame_init(&frame, AUVI_FRAME_CALL);
    frame.id = id;
    frame.name = "method";
    frame.name_length = 6;
    frame.payload = "[]";
    frame.payload_length = 2;
    for (size_t i = 0; i < parts; i++)
        frame.parts[frame.part_count++] =
            (struct auvi_frame_part){large, LARGE, AUV_PART_U8, -1};
    return auvi_link_send(a, &frame);
}

static void expect_frame(uint64_t id, size_t parts)
{
    struct auvi_frame got;

    assert_int_equal(auvi_link_receive(b, &got), 1);
    assert_true(got.id == id);
    assert_int_equal(got.part_count, parts);
    for (size_t i = 0; i < parts; i++)
        assert_int_equal(auvi_shm_check(got.parts[i].fd, LARGE), AUV_OK);
    auvi_frame_release(&got);
}

/* ---- sending ---- */

static void test_interrupted_calls_go_on(void **state)
{
    static const enum call calls[] = {SENDMSG, RECVMSG, WRITE};

    (void)state;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        fail_calls(calls[i], 1, 5, EINTR);
        assert_int_equal(send_frame(i, 2), AUV_OK);
        assert_int_equal(auvi_link_flush(a), 0);
        expect_frame(i, 2);
        assert_true(fault.seen >= 6);
        heal();
    }
}

static void test_refused_packet_is_kept(void **state)
{
    static const struct {
        int error;
        int wanted;
    } cases[] = {
        {EAGAIN, 1},
        {ENOMEM, AUV_ERR_NOMEM},
        {ENOBUFS, AUV_ERR_NOMEM},
        {ETOOMANYREFS, AUV_ERR_SYSTEM},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(send_frame(1, 2), AUV_OK);
        assert_int_equal(send_frame(2, 0), AUV_OK);
        fail_calls(SENDMSG, 1, 2, cases[i].error);
        assert_int_equal(auvi_link_flush(a), cases[i].wanted);
        assert_int_equal(auvi_link_flush(a), cases[i].wanted);
        /* Also when the full packet has to leave to make room. */
        assert_int_equal(send_frame(3, 1), AUV_OK);
        assert_int_equal(auvi_link_flush(a), 0);
        heal();
        expect_frame(1, 2);
        expect_frame(2, 0);
        expect_frame(3, 1);
    }
}

static void test_full_packet_that_cannot_leave(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 2; i++) /* 128 descriptors: no room left */
        assert_int_equal(send_frame(i, AUV_MAX_PARTS), AUV_OK);
    fail_calls(SENDMSG, 1, 3, EAGAIN);
    assert_int_equal(send_frame(2, 1), AUV_ERR_QUEUE_FULL);
    fault.error = ENOMEM;
    assert_int_equal(send_frame(2, 1), AUV_ERR_NOMEM);
    fault.error = ETOOMANYREFS;
    assert_int_equal(send_frame(2, 1), AUV_ERR_SYSTEM);
    heal();
    assert_int_equal(send_frame(2, 1), AUV_OK);
    assert_int_equal(auvi_link_flush(a), 0);
    for (uint64_t i = 0; i < 2; i++)
        expect_frame(i, AUV_MAX_PARTS);
    expect_frame(2, 1);
}

static void test_broken_socket_is_the_end(void **state)
{
    static const int errors[] = {EPIPE, ECONNRESET, EMSGSIZE};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        assert_int_equal(send_frame(1, 2), AUV_OK);
        fail_next(SENDMSG, errors[i]);
        assert_int_equal(auvi_link_flush(a), AUV_ERR_CLOSED);
        assert_int_equal(send_frame(2, 2), AUV_ERR_CLOSED);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* The n-th call fails, for each n until none fails any more. */
static void torture_send(enum call call, int error, int wanted)
{
    int open_before = count_descriptors();

    for (int n = 1; n < 100; n++) {
        int result;

        fail_calls(call, n, 1, error);
        result = send_frame(1, 5);
        heal();
        if (result == AUV_OK) {
            assert_int_equal(n, 6);
            break;
        }
        assert_int_equal(result, wanted);
        assert_string_not_equal(auv_last_error_message(), "");
        assert_int_equal(count_descriptors(), open_before);
        /* The link is fine. */
        assert_int_equal(send_frame(2, 0), AUV_OK);
        assert_int_equal(auvi_link_flush(a), 0);
        expect_frame(2, 0);
    }
    assert_int_equal(auvi_link_flush(a), 0);
    expect_frame(1, 5);
}

static void test_shared_memory_cannot_be_had(void **state)
{
    (void)state;
    torture_send(MEMFD_CREATE, EMFILE, AUV_ERR_SYSTEM);
    torture_send(MEMFD_CREATE, ENOMEM, AUV_ERR_NOMEM);
    torture_send(WRITE, ENOSPC, AUV_ERR_NOMEM);
    torture_send(WRITE, ENOMEM, AUV_ERR_NOMEM);
    torture_send(WRITE, EIO, AUV_ERR_SYSTEM);
    torture_send(FCNTL, EBUSY, AUV_ERR_SYSTEM);
}

static void test_short_writes_go_on(void **state)
{
    (void)state;
    write_at_most = 999;
    assert_int_equal(send_frame(1, 1), AUV_OK);
    assert_int_equal(auvi_link_flush(a), 0);
    expect_frame(1, 1);
}

static void test_kernel_without_noexec_seal(void **state)
{
    (void)state;
    fail_next(MEMFD_CREATE, EINVAL);
    assert_int_equal(send_frame(1, 2), AUV_OK);
    assert_int_equal(fault.seen, 3); /* refused, again, and the second part */
    assert_int_equal(auvi_link_flush(a), 0);
    expect_frame(1, 2);
}

static void test_descriptor_cannot_be_duplicated(void **state)
{
    struct auvi_frame frame;
    int open_before;
    int fd = auvi_shm_create("x", 1);

    (void)state;
    auvi_frame_init(&frame, AUVI_FRAME_EVENT);
    for (size_t i = 0; i < 2; i++)
        frame.parts[frame.part_count++] =
            (struct auvi_frame_part){NULL, 1, AUV_PART_U8, fd};
    open_before = count_descriptors();
    fail_calls(FCNTL, 2, 1, EMFILE);
    assert_int_equal(auvi_link_send(a, &frame), AUV_ERR_SYSTEM);
    assert_int_equal(count_descriptors(), open_before);
    auvi_fd_close(fd);
}

/* ---- receiving ---- */

static void test_receive_may_be_tried_again(void **state)
{
    struct auvi_frame got;

    (void)state;
    send_frame(1, 1);
    auvi_link_flush(a);
    fail_next(RECVMSG, ENOMEM);
    assert_int_equal(auvi_link_receive(b, &got), AUV_ERR_NOMEM);
    fail_next(RECVMSG, ENOBUFS);
    assert_int_equal(auvi_link_receive(b, &got), AUV_ERR_NOMEM);
    fail_next(RECVMSG, EAGAIN);
    assert_int_equal(auvi_link_receive(b, &got), 0);
    fail_next(RECVMSG, EIO);
    assert_int_equal(auvi_link_receive(b, &got), AUV_ERR_SYSTEM);
    assert_int_equal(got.kind, 0);
    expect_frame(1, 1);
}

/* No injection: the process really has no descriptors left. */
static void test_no_descriptors_to_receive_into(void **state)
{
    struct rlimit tight;
    struct auvi_frame got;
    int lowest_free;

    (void)state;
    send_frame(1, 0);
    send_frame(2, 1);
    send_frame(3, 2);
    send_frame(4, 0);
    auvi_link_flush(a);
    lowest_free = dup(0);
    close(lowest_free);
    /* Room for two of three: part of what frame 3 needs. */
    tight = (struct rlimit){(rlim_t)lowest_free + 2, usual_limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);

    expect_frame(1, 0);
    expect_frame(2, 1);
    assert_int_equal(auvi_link_receive(b, &got), AUV_ERR_SYSTEM);
    assert_int_equal(got.kind, AUVI_FRAME_CALL);
    assert_true(got.id == 3);
    assert_string_equal(got.name, "method");
    assert_int_equal(got.part_count, 0);
    assert_non_null(strstr(auv_last_error_message(), "descriptors"));
    expect_frame(4, 0);

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual_limit), 0);
    send_frame(5, 2);
    auvi_link_flush(a);
    expect_frame(5, 2);
}

/* ---- opening ---- */

static void expect_open_fails(enum call call, int first, int error, int wanted)
{
    struct auvi_link *link;
    int open_before = count_descriptors();
    int fd;

    fail_calls(call, first, 1, error);
    assert_int_equal(auvi_link_pair(&link, &fd), wanted);
    heal();
    assert_string_not_equal(auv_last_error_message(), "");
    assert_int_equal(count_descriptors(), open_before);
}

static void test_link_cannot_be_opened(void **state)
{
    (void)state;
    expect_open_fails(SOCKETPAIR, 1, EMFILE, AUV_ERR_SYSTEM);
    expect_open_fails(SOCKETPAIR, 1, ENOMEM, AUV_ERR_NOMEM);
    expect_open_fails(GETSOCKOPT, 3, ENOMEM, AUV_ERR_NOMEM);
    expect_open_fails(GETSOCKOPT, 4, EIO, AUV_ERR_SYSTEM);
    expect_open_fails(SETSOCKOPT, 1, ENOMEM, AUV_ERR_NOMEM);
    expect_open_fails(FCNTL, 1, EIO, AUV_ERR_SYSTEM);
    expect_open_fails(MALLOC, 1, ENOMEM, AUV_ERR_NOMEM);
}

/* ---- rings that cannot be had: the link is there, and goes without ---- */

static void on_log(auv_log_level level, const char *text, void *user)
{
    (void)level;
    *(bool *)user |= strstr(text, "without shared memory") != NULL;
}

/* The n-th call fails where the rings are made (`taking` 0) or taken (1), for
 * each n until none fails any more. How often one failed. */
static int torture_rings(enum call call, int error, bool taking)
{
    for (int n = 1;; n++) {
        int open_before = count_descriptors();
        struct auvi_link *kept_a = a, *kept_b = b;
        bool told = false, failed;
        int fd;

        auv_set_log(on_log, &told);
        if (!taking)
            fail_calls(call, n, 1, error);
        assert_int_equal(auvi_link_pair_with_rings(0, &a, &fd), AUV_OK);
        failed = !taking && fault.seen >= n;
        heal();
        if (taking)
            fail_calls(call, n, 1, error);
        assert_int_equal(auvi_link_open(fd, &b), AUV_OK);
        failed = failed || (taking && fault.seen >= n);
        heal();
        auv_set_log(NULL, NULL);
        assert_int_equal(auvi_link_has_rings(b), !failed);
        assert_int_equal(told, failed);
        for (uint64_t i = 0; i < 3; i++) {
            struct auvi_link *other = a;

            assert_int_equal(send_frame(i, i == 1), AUV_OK);
            assert_int_equal(auvi_link_flush(a), 0);
            if (failed) {
                expect_frame(i, i == 1);
            } else {
                struct auvi_frame got;

                assert_int_equal(auvi_link_receive(b, &got), 1);
                assert_true(got.id == i);
            }
            a = b; /* and the other way */
            b = other;
        }
        auvi_link_close(a);
        auvi_link_close(b);
        a = kept_a;
        b = kept_b;
        assert_int_equal(count_descriptors(), open_before);
        if (!failed)
            return n - 1;
    }
}

static void test_rings_cannot_be_had(void **state)
{
    (void)state;
    assert_int_equal(torture_rings(MEMFD_CREATE, ENOSYS, false), 1);
    assert_int_equal(torture_rings(MEMFD_CREATE, EMFILE, false), 1);
    assert_int_equal(torture_rings(FTRUNCATE, ENOSPC, false), 1);
    assert_int_equal(torture_rings(MMAP, ENOMEM, false), 5);
    assert_int_equal(torture_rings(SENDMSG, ETOOMANYREFS, false), 1);
    assert_int_equal(torture_rings(MMAP, ENOMEM, true), 5);
    assert_int_equal(torture_rings(MMAP, EPERM, true), 5);
}

/* Sealing, and the look at the seals, among the calls that set up sockets. */
static void test_rings_cannot_be_sealed(void **state)
{
    struct auvi_link *link;
    int fd, before = count_descriptors();

    (void)state;
    fail_calls(FCNTL, 2, 1, EINVAL);
    assert_int_equal(auvi_link_pair_with_rings(0, &link, &fd), AUV_OK);
    heal();
    assert_false(auvi_link_has_rings(link));
    auvi_link_close(link);
    close(fd);
    assert_int_equal(auvi_link_pair_with_rings(0, &link, &fd), AUV_OK);
    assert_true(auvi_link_has_rings(link));
    auvi_link_close(link);
    fail_calls(FCNTL, 2, 1, EINVAL);
    assert_int_equal(auvi_link_open(fd, &link), AUV_OK);
    heal();
    assert_false(auvi_link_has_rings(link));
    auvi_link_close(link);
    assert_int_equal(count_descriptors(), before);
}

/* The bell that cannot be rung is rung later. */
static void test_bell_cannot_be_rung(void **state)
{
    struct auvi_link *kept_a = a, *kept_b = b;
    struct pollfd wanted = {.events = POLLIN};
    struct auvi_frame got;
    int fd;

    (void)state;
    assert_int_equal(auvi_link_pair_with_rings(0, &a, &fd), AUV_OK);
    assert_int_equal(auvi_link_open(fd, &b), AUV_OK);
    wanted.fd = auvi_link_fd(b);
    assert_int_equal(auvi_link_receive(b, &got), 0);
    assert_int_equal(send_frame(1, 0), AUV_OK);
    fail_calls(SENDMSG, 1, 2, ENOBUFS);
    assert_int_equal(auvi_link_flush(a), AUV_ERR_NOMEM);
    assert_int_equal(auvi_link_flush(a), AUV_ERR_NOMEM);
    assert_int_equal(poll(&wanted, 1, 0), 0);
    assert_int_equal(auvi_link_flush(a), 0);
    heal();
    assert_int_equal(poll(&wanted, 1, 0), 1);
    assert_int_equal(auvi_link_receive(b, &got), 1);
    /* The end is told of a bell that finds nobody. */
    assert_int_equal(auvi_link_receive(b, &got), 0);
    assert_int_equal(send_frame(2, 0), AUV_OK);
    fail_next(SENDMSG, EPIPE);
    assert_int_equal(auvi_link_flush(a), AUV_ERR_CLOSED);
    heal();
    auvi_link_close(a);
    auvi_link_close(b);
    a = kept_a;
    b = kept_b;
}

/* A text of the ring that finds no memory here is lost, and nothing else. */
static void test_no_memory_for_a_text(void **state)
{
    struct auvi_link *kept_a = a, *kept_b = b;
    struct auvi_frame frame, got;
    int fd;

    (void)state;
    assert_int_equal(auvi_link_pair_with_rings(0, &a, &fd), AUV_OK);
    assert_int_equal(auvi_link_open(fd, &b), AUV_OK);
    auvi_frame_init(&frame, AUVI_FRAME_CALL);
    frame.id = 7;
    frame.payload = large;
    frame.payload_length = LARGE;
    assert_int_equal(auvi_link_send(a, &frame), AUV_OK);
    assert_int_equal(send_frame(8, 0), AUV_OK);
    assert_int_equal(auvi_link_flush(a), 0);
    fail_next(MALLOC, ENOMEM);
    assert_int_equal(auvi_link_receive(b, &got), AUV_ERR_SYSTEM);
    heal();
    assert_int_equal(got.kind, AUVI_FRAME_CALL);
    assert_true(got.id == 7);
    assert_null(got.payload);
    assert_int_equal(got.payload_length, 0);
    expect_frame(8, 0);
    auvi_link_close(a);
    auvi_link_close(b);
    a = kept_a;
    b = kept_b;
}

/* ---- base ---- */

static void test_descriptors_cannot_be_made(void **state)
{
    (void)state;
    fail_next(EVENTFD, EMFILE);
    assert_int_equal(auvi_wake_fd_create(), AUV_ERR_SYSTEM);
    fail_next(EPOLL_CREATE, EMFILE);
    assert_int_equal(auvi_poller_create(), AUV_ERR_SYSTEM);
    fail_next(MMAP, ENOMEM);
    assert_null(auvi_shm_map(0, 10));
    fail_next(MMAP, ENOMEM);
    assert_null(auvi_shm_map_text(0, 4096));
    fail_calls(MMAP, 2, 1, ENOMEM);
    assert_null(auvi_shm_map_text(0, 4096));
}

static void test_wake_is_not_interrupted(void **state)
{
    int fd = auvi_wake_fd_create();
    uint64_t count;

    (void)state;
    fail_calls(WRITE, 1, 3, EINTR);
    auvi_wake_fd_signal(fd);
    heal();
    assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
    auvi_fd_close(fd);
}

static void test_poller(void **state)
{
    int poller = auvi_poller_create();
    struct auvi_poll_event event;
    int64_t start;

    (void)state;
    fail_next(EPOLL_CTL, ENOMEM);
    assert_int_equal(auvi_poller_add(poller, auvi_link_fd(a), AUVI_POLL_OUT, 1),
                     AUV_ERR_NOMEM);
    fail_next(EPOLL_CTL, ENOSPC);
    assert_int_equal(auvi_poller_add(poller, auvi_link_fd(a), AUVI_POLL_OUT, 1),
                     AUV_ERR_SYSTEM);
    heal();
    fail_calls(EPOLL_WAIT, 1, 3, EINTR);
    start = auvi_clock_us();
    assert_int_equal(auvi_poller_wait(poller, &event, 1, 1000), 0);
    assert_true(auvi_clock_us() - start >= 1000);
    assert_int_equal(fault.seen, 4);
    fail_calls(EPOLL_WAIT, 1, 3, EINTR);
    assert_int_equal(auvi_poller_wait(poller, &event, 1, 0), 0);
    fail_next(EPOLL_WAIT, EBADF);
    assert_int_equal(auvi_poller_wait(poller, &event, 1, -1), AUV_ERR_SYSTEM);

    /* A kernel before 5.11, or a sandbox that does not know the call. */
    auvi_poller_add(poller, auvi_link_fd(a), AUVI_POLL_OUT, 1);
    fail_calls(EPOLL_WAIT, 1, 100, ENOSYS);
    assert_int_equal(auvi_poller_wait(poller, &event, 1, -1), 1);
    assert_int_equal(auvi_poller_wait(poller, &event, 1, 1), 1);
    auvi_poller_remove(poller, auvi_link_fd(a));
    start = auvi_clock_us();
    assert_int_equal(auvi_poller_wait(poller, &event, 1, 1500), 0);
    assert_true(auvi_clock_us() - start >= 1500);
    heal();
    auvi_fd_close(poller);
}

static void do_nothing(void *user)
{
    (void)user;
}

static void test_threads_and_children(void **state)
{
    static const char *const argv[] = {"/bin/true", NULL};
    struct auvi_thread *thread;
    struct auvi_child child;
    int status;

    (void)state;
    fail_next(CALLOC, ENOMEM);
    assert_int_equal(auvi_thread_start(&thread, "x", do_nothing, NULL),
                     AUV_ERR_NOMEM);
    fail_next(PTHREAD_CREATE, EAGAIN);
    assert_int_equal(auvi_thread_start(&thread, "x", do_nothing, NULL),
                     AUV_ERR_SYSTEM);
    fail_next(CALLOC, ENOMEM);
    assert_int_equal(auvi_spawn(argv[0], argv, auvi_link_fd(a), &child),
                     AUV_ERR_NOMEM);
    fail_next(POSIX_SPAWN, EAGAIN);
    assert_int_equal(auvi_spawn(argv[0], argv, auvi_link_fd(a), &child),
                     AUV_ERR_SYSTEM);
    fail_next(POSIX_SPAWN, ENOMEM);
    assert_int_equal(auvi_spawn(argv[0], argv, auvi_link_fd(a), &child),
                     AUV_ERR_NOMEM);
    heal();
    assert_int_equal(auvi_spawn(argv[0], argv, auvi_link_fd(a), &child),
                     AUV_OK);
    fail_calls(WAITID, 1, 3, EINTR);
    assert_int_equal(auvi_child_wait(&child, -1, &status), 1);
    assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_interrupted_calls_go_on),
        TEST(test_refused_packet_is_kept),
        TEST(test_full_packet_that_cannot_leave),
        TEST(test_broken_socket_is_the_end),
        TEST(test_shared_memory_cannot_be_had),
        TEST(test_short_writes_go_on),
        TEST(test_kernel_without_noexec_seal),
        TEST(test_descriptor_cannot_be_duplicated),
        TEST(test_receive_may_be_tried_again),
        TEST(test_no_descriptors_to_receive_into),
        TEST(test_link_cannot_be_opened),
        TEST(test_rings_cannot_be_had),
        TEST(test_rings_cannot_be_sealed),
        TEST(test_bell_cannot_be_rung),
        TEST(test_no_memory_for_a_text),
        TEST(test_descriptors_cannot_be_made),
        TEST(test_wake_is_not_interrupted),
        TEST(test_poller),
        TEST(test_threads_and_children),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
