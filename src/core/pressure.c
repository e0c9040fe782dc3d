/*
 * pressure.c - how much a page can make its host hold.
 *
 * Two things grow when a page sends faster than the host handles, or does not
 * read its answers: messages that wait in the inbox, and answers that wait for
 * the page. Both are weighed in bytes and in descriptors. Above a mark the
 * page's link is no longer read (paused): then the page's own process holds what
 * it sends, and its promises and memory suffer, nobody else's. Below half of the
 * mark the link thread takes the link up again. A page reads whether its own
 * sending is blocked or not, so this closes no circle of waiting.
 *
 * Lost resume: the receiver stores `paused`, then looks at the figures; whoever
 * lowers a figure looks at `paused` afterwards. All of it is sequentially
 * consistent, so at least one of the two sees the other.
 */
#include "core/core.h"

#include <stdlib.h>

#define MAX_BYTES ((int64_t)32 << 20)
/* A process has often only 1,024, and its own files need them. */
#define MAX_FDS 128

static void load_of(const struct auv_message *message, int64_t *bytes,
                    int32_t *fds)
{
    *bytes = (int64_t)(sizeof(*message) + message->name_length +
                       message->json_length);
    *fds = message->json_fd >= 0;
    for (size_t i = 0; i < message->part_count; i++) {
        *bytes += (int64_t)message->parts[i].length;
        *fds += message->parts[i].fd >= 0;
    }
}

static bool exceeds(const auv_view *view, int divisor)
{
    return atomic_load(&view->waiting_bytes) > MAX_BYTES / divisor ||
           atomic_load(&view->waiting_fds) > MAX_FDS / divisor;
}

/* A figure has gone down. */
static void check(auv_view *view)
{
    if (!atomic_load(&view->paused) || exceeds(view, 2))
        return;
    atomic_store(&view->app->resume_wanted, true);
    auvi_app_wake_link_thread(view->app);
}

void auvi_pressure_add(auv_view *view, const struct auv_message *message)
{
    int64_t bytes;
    int32_t fds;

    load_of(message, &bytes, &fds);
    atomic_fetch_add(&view->waiting_bytes, bytes);
    atomic_fetch_add(&view->waiting_fds, fds);
}

void auvi_pressure_remove(auv_view *view, const struct auv_message *message)
{
    int64_t bytes;
    int32_t fds;

    load_of(message, &bytes, &fds);
    atomic_fetch_sub(&view->waiting_bytes, bytes);
    atomic_fetch_sub(&view->waiting_fds, fds);
    check(view);
}

bool auvi_pressure_pause(auv_view *view)
{
    auvi_mutex_assert_held(&view->app->receive_lock);
    if (!exceeds(view, 1))
        return false;
    atomic_store(&view->paused, true);
    if (!exceeds(view, 2)) {
        atomic_store(&view->paused, false);
        return false;
    }
    atomic_fetch_add(&view->app->paused_views, 1);
    /* Taken out, not just silenced: a hang-up would be reported all the same. */
    auvi_poller_remove(view->app->links_poller, auvi_link_fd(view->link));
    return true;
}

void auvi_pressure_forget(auv_view *view)
{
    auvi_mutex_assert_held(&view->app->receive_lock);
    if (atomic_exchange(&view->paused, false))
        atomic_fetch_sub(&view->app->paused_views, 1);
}

void auvi_pressure_resume(struct auv_app *app)
{
    size_t space, count;
    auv_view **views;

    if (!atomic_exchange(&app->resume_wanted, false))
        return;
    space = auvi_registry_all(app, NULL, 0) + 8;
    views = malloc(space * sizeof(auv_view *));
    if (!views) {
        atomic_store(&app->resume_wanted, true); /* the next round */
        return;
    }
    count = auvi_registry_all(app, views, space);
    auvi_mutex_lock(&app->receive_lock);
    for (size_t i = 0; i < count && i < space; i++) {
        auv_view *view = views[i];

        if (atomic_load(&view->paused) && view->link_registered &&
            !exceeds(view, 2)) {
            auvi_pressure_forget(view);
            auvi_receive_again(view);
        }
    }
    auvi_mutex_unlock(&app->receive_lock);
    for (size_t i = 0; i < count && i < space; i++)
        auv_view_unref(views[i]);
    free(views);
    /* Frames of packets that have been read make no descriptor readable. */
    auvi_app_wake_consumer(app, 1, AUVI_HIGH);
}
