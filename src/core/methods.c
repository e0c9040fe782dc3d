/*
 * methods.c - the list of bound methods that pages are told of, so that
 * auroraview.<namespace>.<method> exists in them.
 *
 * The binding makes the text; it is carried to each document as the answer to
 * call number 0, which no page can have made.
 */
#include "core/core.h"

#include <stdlib.h>
#include <string.h>

void auvi_methods_send(auv_view *view, uint32_t document)
{
    struct auv_message *message = NULL;

    if (!document)
        return;
    auvi_mutex_lock(&view->text_lock);
    if (view->methods)
        auvi_message_create("", 0, view->methods, view->methods_length, NULL, 0,
                            &message);
    auvi_mutex_unlock(&view->text_lock);
    if (!message)
        return;
    message->kind = AUVI_FRAME_REPLY;
    message->generation = document;
    if (auvi_send(view, message, false) < 0)
        auv_message_unref(message);
}

int auv_view_set_methods(auv_view *view, const char *json, size_t length)
{
    uint32_t document;
    char *copy, *old;

    if (!view || !json)
        return auvi_fail(AUV_ERR_ARG, "view or json is NULL");
    if (auvi_lifecycle_is_closing(&view->lifecycle))
        return auvi_fail(AUV_ERR_CLOSED, "the view is closing or closed");
    if (length == AUV_NUL_TERMINATED)
        length = strlen(json);
    if (length > AUV_MAX_PAYLOAD)
        return auvi_fail(AUV_ERR_TOO_LARGE, "the list has %zu bytes", length);
    copy = malloc(length + 1);
    if (!copy)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a list of methods");
    memcpy(copy, json, length);
    copy[length] = '\0';
    auvi_mutex_lock(&view->text_lock);
    old = view->methods;
    view->methods = copy;
    view->methods_length = length;
    auvi_mutex_unlock(&view->text_lock);
    free(old);
    /* A document that comes up at this moment: either its HELLO finds the list,
     * or we find the document. Both: it gets the list twice. */
    document =
        atomic_load_explicit(&view->document_granted, memory_order_acquire);
    if (document == atomic_load_explicit(&view->document, memory_order_acquire))
        auvi_methods_send(view, document);
    return AUV_OK;
}
