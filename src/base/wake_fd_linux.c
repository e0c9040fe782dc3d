/*
 * wake_fd_linux.c - an event counter to poll on, as an eventfd.
 */
#include "base/base.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int auvi_wake_fd_create(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    return fd >= 0 ? fd : auvi_fail_errno("cannot create a wake descriptor");
}

void auvi_wake_fd_signal(int fd)
{
    const uint64_t one = 1;
    int saved = errno; /* async-signal-safe: the interrupted code may use it */

    /* EAGAIN means that the counter is at its top, hence readable: done. */
    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    errno = saved;
}

void auvi_wake_fd_clear(int fd)
{
    uint64_t count;

    /* One read takes the whole counter; EAGAIN means that it was 0. */
    while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR) {
    }
}

void auvi_fd_close(int fd)
{
    int saved = errno;

    /* Linux frees the number even when close() says EINTR: never repeat. */
    if (fd >= 0)
        close(fd);
    errno = saved;
}
