/* bench-floor: what the system itself takes for the parts that no bridge
 * between two processes can do without. Rows:
 *   floor.wake    eventfd there and back between two threads that sleep in
 *                 poll(), microseconds
 *   floor.post    write() to an eventfd whose reader sleeps, nanoseconds of the
 *                 writer
 *   floor.memcpy  1 MiB copied, milliseconds
 *   floor.memfd   1 MiB into a new sealed memory file, passed to another
 *                 process, mapped and compared there, acknowledged; milliseconds
 */
#include "participant.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* As in page_rows.c: the reader has gone to sleep by then. */
#define PAUSE_NS 2000000

static unsigned char blob[BENCH_BLOB_SIZE], copy[BENCH_BLOB_SIZE];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- wakes ---- */
static int there, back;

static void ring(int fd)
{
    const uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0)
        die("write");
}

static void await(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    uint64_t count;
    while (poll(&wait, 1, -1) < 0)
        if (errno != EINTR)
            die("poll");
    if (read(fd, &count, sizeof count) < 0)
        die("read");
}

static void *answer(void *unused)
{
    for (;;) {
        await(there);
        ring(back);
    }
    return unused;
}

static double round_trip(void)
{
    uint64_t start = bench_now();
    ring(there);
    await(back);
    return (double)(bench_now() - start) / 1e3;
}

static double post(void)
{
    const struct timespec pause = {0, PAUSE_NS};
    nanosleep(&pause, NULL);
    uint64_t start = bench_now();
    ring(there);
    double spent = (double)(bench_now() - start);
    await(back);
    return spent;
}

/* ---- memory ---- */
static double copied(void)
{
    uint64_t start = bench_now();
    memcpy(copy, blob, sizeof blob);
    double spent = (double)(bench_now() - start) / 1e6;
    if (copy[sizeof copy - 1] != blob[sizeof blob - 1])
        die("memcpy");
    return spent;
}

static void send_fd(int socket, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    char byte = 0;
    struct iovec bytes = {&byte, 1};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
        die("sendmsg");
}

/* -1: the sender is gone. */
static int receive_fd(int socket)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    char byte;
    struct iovec bytes = {&byte, 1};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    int fd = -1;
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) <= 0)
        return -1;
    if (CMSG_FIRSTHDR(&message))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

static void take_files(int socket)
{
    int fd;
    while ((fd = receive_fd(socket)) >= 0) {
        void *data = mmap(NULL, sizeof blob, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            die("mmap");
        char same = memcmp(data, blob, sizeof blob) == 0;
        munmap(data, sizeof blob);
        close(fd);
        if (send(socket, &same, 1, MSG_NOSIGNAL) < 0)
            break;
    }
}

static int other_process(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        die("socketpair");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        close(ends[0]);
        take_files(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

static double passed(void)
{
    static int socket = -1;
    if (socket < 0)
        socket = other_process();
    uint64_t start = bench_now();
    int fd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    char same = 0;
    if (fd < 0 || write(fd, blob, sizeof blob) != (ssize_t)sizeof blob ||
        fcntl(fd, F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        die("memfd");
    send_fd(socket, fd);
    close(fd);
    if (recv(socket, &same, 1, 0) != 1 || !same)
        die("recv");
    return (double)(bench_now() - start) / 1e6;
}

static const struct {
    const char *name;
    double (*once)(void);
} rows[] = {{"floor.wake", round_trip},
            {"floor.post", post},
            {"floor.memcpy", copied},
            {"floor.memfd", passed}};

static void run(FILE *out, const char *row, unsigned n)
{
    struct bench_samples samples = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(row, rows[i].name) != 0)
            continue;
        for (unsigned j = 0; j < n; j++)
            bench_samples_add(&samples, rows[i].once());
        bench_protocol_samples(out, row, &samples);
        free(samples.value);
        return;
    }
    bench_protocol_error(out, row, "unknown row");
}

int main(void)
{
    FILE *out = bench_protocol_open();
    char line[128], row[32];
    unsigned n;
    pthread_t thread;
    for (size_t i = 0; i < sizeof blob; i++)
        blob[i] = (unsigned char)(i * 7);
    there = eventfd(0, EFD_CLOEXEC);
    back = eventfd(0, EFD_CLOEXEC);
    if (there < 0 || back < 0 || pthread_create(&thread, NULL, answer, NULL))
        die("bench-floor");
    bench_protocol_ready(out, "floor", "", -1);
    while (fgets(line, sizeof line, stdin) && strncmp(line, "quit", 4) != 0)
        if (sscanf(line, "run %31s %u", row, &n) == 2)
            run(out, row, n);
    return 0;
}
