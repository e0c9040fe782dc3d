#include "core/streams.h"

#include <stdlib.h>

int auvi_streams_init(auv_view *view)
{
    view->streams = calloc(1, sizeof(*view->streams));
    if (!view->streams)
        return AUV_ERR_NOMEM;
    auvi_mutex_init(&view->streams_lock, AUVI_RANK_LEAF, "view.streams");
    auvi_state_init(view->streams);
    return AUV_OK;
}

void auvi_streams_free(auv_view *view)
{
    if (!view->streams)
        return;
    auvi_state_free(view->streams);
    auvi_channels_free(view->streams);
    free(view->streams);
}

void auvi_streams_document(auv_view *view, uint32_t generation)
{
    struct auvi_streams *streams = view->streams;

    auvi_streams_gone(view, AUV_ERR_CANCELLED);
    auvi_mutex_lock(&view->streams_lock);
    streams->document = generation;
    streams->last_number = 0;
    if (generation)
        auvi_state_document(streams);
    auvi_mutex_unlock(&view->streams_lock);
    if (generation)
        auvi_send_streams(view, true);
}

void auvi_streams_gone(auv_view *view, int error)
{
    auvi_mutex_lock(&view->streams_lock);
    view->streams->document = 0;
    auvi_state_gone(view->streams);
    auvi_mutex_unlock(&view->streams_lock);
    auvi_channels_gone(view, error, false);
}

void auvi_streams_end(auv_view *view, int error)
{
    auvi_streams_gone(view, error);
    auvi_mutex_lock(&view->streams_lock);
    view->streams->closed = true;
    auvi_mutex_unlock(&view->streams_lock);
    auvi_channels_gone(view, error, true);
}

int auvi_streams_receive(auv_view *view, struct auvi_frame *frame, int error)
{
    return frame->kind < AUVI_FRAME_CHANNEL_OPEN
               ? auvi_state_receive(view, frame, error)
               : auvi_channels_receive(view, frame, error);
}

int auvi_streams_send(auv_view *view)
{
    int error;

    auvi_mutex_assert_held(&view->app->send_lock);
    if (!atomic_exchange_explicit(&view->streams_due, false,
                                  memory_order_acq_rel))
        return AUV_OK;
    auvi_mutex_lock(&view->streams_lock);
    error = auvi_state_send(view);
    if (error == AUV_OK)
        error = auvi_channels_send(view);
    auvi_mutex_unlock(&view->streams_lock);
    if (error == AUV_ERR_QUEUE_FULL)
        atomic_store_explicit(&view->streams_due, true, memory_order_release);
    else if (error < 0 && error != AUV_ERR_CLOSED)
        /* Kept; the next change tries again. */
        auvi_log(AUV_LOG_ERROR, "view %u: shared values could not be sent: %s",
                 view->id, auv_last_error_message());
    return error == AUV_ERR_QUEUE_FULL ? error : AUV_OK;
}

void auvi_streams_push(auv_view *view, struct auvi_item *item)
{
    struct auv_app *app = view->app;
    int pushed = auvi_queue_push(app->inbox, AUVI_NORMAL, item);

    if (pushed == AUV_ERR_QUEUE_FULL)
        pushed = auvi_app_push_reserved(app, item);
    else if (pushed >= 0)
        auvi_app_wake_consumer(app, pushed, AUVI_NORMAL);
    if (pushed < 0)
        auvi_item_discard(item);
}
