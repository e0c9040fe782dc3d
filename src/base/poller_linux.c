/*
 * poller_linux.c - wait for many descriptors, as epoll (level-triggered).
 */
#include "base/base.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

/* Events that one wait can report; more stay for the next one. */
enum {
    MAX_EVENTS = 64
};

/* epoll_pwait2(): Linux 5.11, glibc 2.35. */
#if defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 35)
#define HAVE_EPOLL_PWAIT2 1
#endif
#endif

static uint32_t to_epoll(unsigned events)
{
    return ((events & AUVI_POLL_IN) ? (uint32_t)EPOLLIN : 0u) |
           ((events & AUVI_POLL_OUT) ? (uint32_t)EPOLLOUT : 0u);
}

static unsigned from_epoll(uint32_t events)
{
    return ((events & EPOLLIN) ? (unsigned)AUVI_POLL_IN : 0u) |
           ((events & EPOLLOUT) ? (unsigned)AUVI_POLL_OUT : 0u) |
           ((events & (EPOLLHUP | EPOLLERR)) ? (unsigned)AUVI_POLL_HANGUP : 0u);
}

static int control(int poller, int operation, int fd, unsigned events,
                   uint64_t key)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = to_epoll(events);
    event.data.u64 = key;
    if (epoll_ctl(poller, operation, fd, &event) < 0)
        return auvi_fail_errno("cannot watch a descriptor");
    return AUV_OK;
}

int auvi_poller_create(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    return fd >= 0 ? fd : auvi_fail_errno("cannot create a poller");
}

int auvi_poller_add(int poller, int fd, unsigned events, uint64_t key)
{
    return control(poller, EPOLL_CTL_ADD, fd, events, key);
}

int auvi_poller_change(int poller, int fd, unsigned events, uint64_t key)
{
    return control(poller, EPOLL_CTL_MOD, fd, events, key);
}

void auvi_poller_remove(int poller, int fd)
{
    struct epoll_event event; /* Linux before 2.6.9 wants one */

    memset(&event, 0, sizeof(event));
    epoll_ctl(poller, EPOLL_CTL_DEL, fd, &event);
}

/* One wait of at most `us` (< 0: no limit), rounded up. */
static int wait_once(int poller, struct epoll_event *events, int space,
                     int64_t us)
{
    int64_t ms;

#ifdef HAVE_EPOLL_PWAIT2
    struct timespec limit = {.tv_sec = us / 1000000,
                             .tv_nsec = us % 1000000 * 1000};
    int count =
        epoll_pwait2(poller, events, space, us < 0 ? NULL : &limit, NULL);

    /* EPERM: sandboxes that do not know the call. */
    if (count >= 0 || (errno != ENOSYS && errno != EPERM))
        return count;
#endif
    if (us < 0)
        return epoll_wait(poller, events, space, -1);
    ms = us / 1000 + (us % 1000 != 0);
    return epoll_wait(poller, events, space,
                      ms < INT32_MAX ? (int)ms : INT32_MAX);
}

int auvi_poller_wait(int poller, struct auvi_poll_event *events, int space,
                     int64_t timeout_us)
{
    struct epoll_event raw[MAX_EVENTS];
    int64_t deadline = 0; /* us; meaningful when there is a limit */
    int64_t left = timeout_us;

    if (space > MAX_EVENTS)
        space = MAX_EVENTS;
    if (timeout_us > 0) {
        int64_t now = auvi_clock_us();

        deadline = timeout_us < INT64_MAX - now ? now + timeout_us : INT64_MAX;
    }
    for (;;) {
        int count = wait_once(poller, raw, space, left);

        if (count > 0) {
            for (int i = 0; i < count; i++) {
                events[i].key = raw[i].data.u64;
                events[i].events = from_epoll(raw[i].events);
            }
            return count;
        }
        if (count < 0 && errno != EINTR)
            return auvi_fail_errno("cannot wait for descriptors");
        if (timeout_us == 0 && count == 0)
            return 0;
        if (timeout_us > 0) {
            left = deadline - auvi_clock_us();
            if (left <= 0) {
                /* Also after EINTR: look once more, then give up. */
                if (count == 0)
                    return 0;
                left = 0;
            }
        }
    }
}
