/*
 * frames.c - granted documents of frames. Contract in frames.h.
 *
 * Script of a page may remove frames at any time, its own included: whoever runs
 * script here looks the next document up again by its number.
 */
#include "page/frames.h"

#include "page/grants.h"
#include "page/js.h"

#include <stdlib.h>
#include <string.h>

struct child {
    struct auvi_page_frames *frames;
    WebKitFrame *web; /* weak: it says when it goes */
    struct auvi_document *document;
    struct auvi_page_grant *grant;
    char *url, *name;
    bool greeted; /* its HELLO is on its way to the present link */
};

struct auvi_page_frames {
    struct auvi_document_host host;
    GPtrArray *list; /* struct child */
};

static struct child *child_at(const struct auvi_page_frames *frames, guint i)
{
    return g_ptr_array_index(frames->list, i);
}

static void push(struct auvi_page_frames *frames, struct auvi_frame *frame)
{
    (void)auvi_outbox_push(frames->host.outbox, frame);
    frames->host.pushed(frames->host.user, 0);
}

/* Also before the link is up: it waits behind that of the top document. */
static void send_hello(struct auvi_page_frames *frames, uint32_t counter,
                       bool granted, const char *url, const char *name)
{
    struct auvi_frame frame;

    auvi_frame_init(&frame, AUVI_FRAME_HELLO);
    frame.generation = counter;
    frame.id = AUVI_HELLO_FRAME | (granted ? AUVI_HELLO_GRANTED : 0);
    frame.name = url ? url : "";
    frame.name_length = strnlen(frame.name, AUV_MAX_NAME);
    frame.payload = name ? name : "";
    frame.payload_length = strnlen(frame.payload, AUV_MAX_NAME);
    push(frames, &frame);
}

/* ---- life ---- */

static void on_gone(gpointer user, GObject *web)
{
    struct child *child = user;

    (void)web;
    child->web = NULL;
    g_ptr_array_remove_fast(child->frames->list, child);
}

/* Runs when a child leaves the list. */
static void child_free(gpointer data)
{
    struct child *child = data;
    struct auvi_page_frames *frames = child->frames;
    struct auvi_frame gone;

    auvi_frame_init(&gone, AUVI_FRAME_GONE);
    gone.generation = auvi_document_counter(child->document);
    if (child->web)
        g_object_weak_unref(G_OBJECT(child->web), on_gone, child);
    auvi_document_retire(child->document);
    push(frames, &gone);
    auvi_page_grant_unref(child->grant);
    g_free(child->url);
    free(child->name);
    g_free(child);
}

struct auvi_page_frames *
auvi_page_frames_create(const struct auvi_document_host *host)
{
    struct auvi_page_frames *frames = g_new0(struct auvi_page_frames, 1);

    frames->host = *host;
    frames->list = g_ptr_array_new_with_free_func(child_free);
    return frames;
}

void auvi_page_frames_destroy(struct auvi_page_frames *frames)
{
    g_ptr_array_unref(frames->list);
    g_free(frames);
}

void auvi_page_frames_clear(struct auvi_page_frames *frames)
{
    g_ptr_array_set_size(frames->list, 0);
}

static void forget_document_of(struct auvi_page_frames *frames,
                               WebKitFrame *frame)
{
    for (guint i = 0; i < frames->list->len; i++)
        if (child_at(frames, i)->web == frame) {
            g_ptr_array_remove_index_fast(frames->list, i);
            return;
        }
}

void auvi_page_frames_replace(struct auvi_page_frames *frames,
                              WebKitFrame *frame, JSGlobalContextRef context,
                              uint32_t counter, bool top_granted)
{
    struct auvi_page_grant *grant;
    struct child *child;
    char *name, *url = g_strdup(webkit_frame_get_uri(frame));

    forget_document_of(frames, frame);
    grant = auvi_page_grants_find(context, false, url, &name);
    if (!grant || !top_granted) {
        auvi_page_grant_unref(grant);
        send_hello(frames, counter, false, url, name);
        g_free(url);
        free(name);
        return;
    }
    child = g_new0(struct child, 1);
    child->frames = frames;
    child->grant = grant;
    child->url = url;
    child->name = name;
    child->document =
        auvi_document_create(context, counter, true, &frames->host);
    if (!child->document) {
        auvi_page_grant_unref(grant);
        g_free(url);
        free(name);
        g_free(child);
        return;
    }
    child->web = frame;
    g_object_weak_ref(G_OBJECT(frame), on_gone, child);
    g_ptr_array_add(frames->list, child);
    auvi_page_frames_greet(frames);
}

/* ---- messages ---- */

struct auvi_document *auvi_page_frames_find(struct auvi_page_frames *frames,
                                            uint32_t counter)
{
    for (guint i = 0; i < frames->list->len; i++)
        if (auvi_document_counter(child_at(frames, i)->document) == counter)
            return child_at(frames, i)->document;
    return NULL;
}

bool auvi_page_frames_take_event(struct auvi_page_frames *frames,
                                 const struct auvi_frame *frame)
{
    bool heard = false;

    for (guint i = 0; i < frames->list->len; i++) {
        struct child *child = child_at(frames, i);

        if (!auvi_grant_has(child->grant->grant.events, frame->name,
                            frame->name_length))
            continue;
        auvi_document_take(child->document, frame);
        heard = true;
    }
    return heard;
}

static void each(struct auvi_page_frames *frames,
                 void (*fn)(struct auvi_document *document))
{
    guint count = frames->list->len;
    uint32_t *counters = g_new(uint32_t, count);

    for (guint i = 0; i < count; i++)
        counters[i] = auvi_document_counter(child_at(frames, i)->document);
    for (guint i = 0; i < count; i++) {
        struct auvi_document *document =
            auvi_page_frames_find(frames, counters[i]);

        if (document)
            fn(document);
    }
    g_free(counters);
}

void auvi_page_frames_deliver(struct auvi_page_frames *frames)
{
    if (frames->list->len)
        each(frames, auvi_document_deliver);
}

bool auvi_page_frames_full(const struct auvi_page_frames *frames)
{
    for (guint i = 0; i < frames->list->len; i++)
        if (auvi_document_full(child_at(frames, i)->document))
            return true;
    return false;
}

void auvi_page_frames_greet(struct auvi_page_frames *frames)
{
    for (guint i = 0; i < frames->list->len; i++) {
        struct child *child = child_at(frames, i);

        if (!child->greeted)
            send_hello(frames, auvi_document_counter(child->document), true,
                       child->url, child->name);
        child->greeted = true;
    }
}

void auvi_page_frames_link_lost(struct auvi_page_frames *frames)
{
    for (guint i = 0; i < frames->list->len; i++)
        child_at(frames, i)->greeted = false;
    each(frames, auvi_document_link_lost);
}
