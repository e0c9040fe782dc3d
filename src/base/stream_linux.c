/*
 * stream_linux.c - one-way byte streams whose end says whether they are whole.
 *
 * A socket pair. A reader cannot tell a writer that has finished from one that
 * has died: both are an end of file. So there is a token, a byte that waits on
 * the writer's side from the beginning. A writer that takes it before it closes
 * has finished; one that closes, or is closed, with the token unread resets the
 * connection, and the kernel tells the reader so behind the last byte.
 */
#include "base/stream.h"

#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int auvi_stream_pair(int *writer_out, int *reader_out)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   fds) < 0)
        return auvi_fail_errno("cannot make a stream");
    if (send(fds[1], "", 1, MSG_NOSIGNAL) != 1) {
        int error = auvi_fail_errno("cannot make a stream");

        close(fds[0]);
        close(fds[1]);
        return error;
    }
    *writer_out = fds[0];
    *reader_out = fds[1];
    return AUV_OK;
}

int auvi_stream_write(int fd, const void *data, size_t length)
{
    ssize_t sent;

    if (length > INT_MAX)
        length = INT_MAX;
    do {
        sent = send(fd, data, length, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return (int)sent;
    return errno == EAGAIN ? 0 : AUV_ERR_CANCELLED;
}

int auvi_stream_read(int fd, void *to, size_t size)
{
    ssize_t got;

    do {
        got = read(fd, to, size < INT_MAX ? size : INT_MAX);
    } while (got < 0 && errno == EINTR);
    if (got > 0)
        return (int)got;
    if (got == 0)
        return AUV_ERR_CLOSED;
    return errno == EAGAIN ? 0 : AUV_ERR_CANCELLED;
}

void auvi_stream_finish(int fd)
{
    char token;

    /* It has been there since the pair was made. */
    (void)!recv(fd, &token, 1, MSG_DONTWAIT);
    close(fd);
}

bool auvi_stream_is_left(int fd)
{
    struct pollfd one = {.fd = fd};

    return poll(&one, 1, 0) == 1 && (one.revents & (POLLHUP | POLLERR));
}

enum auvi_file_kind auvi_file_kind(int fd, uint64_t *size_out)
{
    struct stat info;

    *size_out = 0;
    if (fstat(fd, &info) < 0)
        return AUVI_FILE_NONE;
    if (S_ISREG(info.st_mode)) {
        *size_out = (uint64_t)info.st_size;
        return AUVI_FILE_REGULAR;
    }
    return S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) ? AUVI_FILE_STREAM
                                                            : AUVI_FILE_NONE;
}

int auvi_file_read_at(int fd, void *to, size_t size, uint64_t offset)
{
    ssize_t got;

    do {
        got = pread(fd, to, size < INT_MAX ? size : INT_MAX, (off_t)offset);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? auvi_fail_errno("cannot read a body") : (int)got;
}
