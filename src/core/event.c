/*
 * event.c - what happens to a view, from the engine to the observers.
 *
 * Most kinds are told one by one, in order. Those of which only the newest
 * counts (title, address, progress, size, place) have a slot per view instead:
 * a page that changes its title a million times while the host is busy costs
 * one place in the inbox.
 */
#include "core/core.h"

#include <stdlib.h>
#include <string.h>

static struct auvi_view_event *event_copy(const auv_event *event)
{
    const char *text = event->text ? event->text : "";
    const char *source = event->source ? event->source : "";
    size_t length = strlen(text) + 1, source_length = strlen(source) + 1;
    struct auvi_view_event *copy =
        malloc(sizeof(*copy) + length + source_length);

    if (!copy)
        return NULL;
    copy->event = *event;
    copy->event.size = sizeof(copy->event);
    memcpy(copy->text, text, length);
    memcpy(copy->text + length, source, source_length);
    copy->event.text = copy->text;
    if (event->source)
        copy->event.source = copy->text + length;
    return copy;
}

static int latest_slot(auv_event_kind kind)
{
    switch (kind) {
    case AUV_EVENT_TITLE:
        return AUVI_LATEST_TITLE;
    case AUV_EVENT_URL:
        return AUVI_LATEST_URL;
    case AUV_EVENT_PROGRESS:
        return AUVI_LATEST_PROGRESS;
    case AUV_EVENT_RESIZED:
        return AUVI_LATEST_RESIZED;
    case AUV_EVENT_MOVED:
        return AUVI_LATEST_MOVED;
    default:
        return -1;
    }
}

static struct auvi_item *item_new(auv_view *view, enum auvi_item_kind kind)
{
    struct auvi_item *item = calloc(1, sizeof(*item));

    if (item) {
        item->kind = kind;
        item->view = auv_view_ref(view);
    }
    return item;
}

static void item_lost(auv_view *view, struct auvi_item *item)
{
    auvi_log(AUV_LOG_ERROR, "view %u: an event was lost: %s", view->id,
             "too much waits for auv_app_process()");
    atomic_fetch_add_explicit(&view->app->dropped, 1, memory_order_relaxed);
    if (item)
        auvi_item_discard(item);
}

struct auvi_item *auvi_view_event_item(auv_view *view, const auv_event *event)
{
    struct auvi_item *item = item_new(view, AUVI_ITEM_VIEW_EVENT);

    if (!item)
        return NULL;
    item->u.event = event_copy(event);
    if (item->u.event)
        return item;
    auv_view_unref(view);
    free(item);
    return NULL;
}

void auvi_view_tell(auv_view *view, const auv_event *event)
{
    struct auvi_view_event *copy = event_copy(event);
    struct auvi_view_event *old;
    struct auvi_item *item;
    int slot = latest_slot(event->kind);

    if (!copy) {
        item_lost(view, NULL);
        return;
    }
    if (slot >= 0) {
        /* Who finds the slot empty sends the item; the consumer empties the
         * slot. Acquire and release hand the event's bytes over. */
        old = atomic_exchange_explicit(&view->latest[slot], copy,
                                       memory_order_acq_rel);
        if (old) {
            free(old);
            return;
        }
        item = item_new(view, AUVI_ITEM_LATEST);
        if (item)
            item->u.slot = (unsigned)slot;
    } else {
        item = item_new(view, AUVI_ITEM_VIEW_EVENT);
        if (item)
            item->u.event = copy;
        else
            free(copy);
    }
    /* A page must not be able to fill our memory: of what it causes, nothing
     * is kept beyond the inbox. */
    if (item &&
        (event->kind == AUV_EVENT_CLOSE_REQUESTED ||
         !auvi_app_is_spilled(view->app)) &&
        auvi_app_push_reserved(view->app, item) >= 0)
        return;
    /* Or nobody would send an item for this slot ever again. */
    if (slot >= 0)
        free(atomic_exchange_explicit(&view->latest[slot], NULL,
                                      memory_order_acq_rel));
    item_lost(view, item);
}

struct auvi_item *auvi_closed_item_create(void)
{
    auv_event event = {.kind = AUV_EVENT_CLOSED};
    struct auvi_item *item = calloc(1, sizeof(*item));

    if (!item)
        return NULL;
    item->kind = AUVI_ITEM_CLOSED;
    item->u.event = event_copy(&event);
    if (item->u.event)
        return item;
    free(item);
    return NULL;
}

void auvi_view_tell_closed(auv_view *view)
{
    auv_event event = {.kind = AUV_EVENT_CLOSED,
                       .error = view->close_error,
                       .text = view->close_text};
    struct auvi_item *item = view->closed_item;
    struct auvi_view_event *copy;
    int pushed;

    view->closed_item = NULL;
    item->view = auv_view_ref(view);
    auvi_lifecycle_state(&view->lifecycle, &event.reason);
    copy = event_copy(&event);
    if (copy) {
        free(item->u.event);
        item->u.event = copy;
    } else { /* without its text, but it must come: with it the view ends */
        item->u.event->event.reason = event.reason;
        item->u.event->event.error = event.error;
    }
    /* In the lane of the page's own messages and behind them, so that it is the
     * last. The receiver leaves room in it. */
    if (auvi_receive_park_behind(view->app, item))
        return;
    pushed = auvi_queue_push(view->app->inbox, AUVI_NORMAL, item);
    if (pushed == AUV_ERR_QUEUE_FULL)
        pushed = auvi_app_push_reserved(view->app, item);
    else if (pushed >= 0)
        auvi_app_wake_consumer(view->app, pushed, AUVI_HIGH);
    if (pushed < 0)
        item_lost(view, item);
}
