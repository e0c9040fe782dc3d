#include "engine/webkitgtk/pace.h"

#include <stdint.h>

#define STEP ((uint64_t)1024 * 1024)
#define WINDOW (4 * STEP)

#define AUVI_TYPE_PACED (auvi_paced_get_type())
G_DECLARE_FINAL_TYPE(AuviPaced, auvi_paced, AUVI, PACED, GInputStream)

struct _AuviPaced {
    GInputStream parent;
    GInputStream *inner;
    GWeakRef web;
    uint64_t given, asked, taken; /* bytes */
    GTask *waiting;               /* a read that the page is not ready for */
    void *buffer;
    gsize size;
};

G_DEFINE_FINAL_TYPE(AuviPaced, auvi_paced, G_TYPE_INPUT_STREAM)

struct question {
    AuviPaced *paced; /* a reference */
    uint64_t given;
};

static void auvi_paced_init(AuviPaced *paced)
{
    g_weak_ref_init(&paced->web, NULL);
}

static void paced_finalize(GObject *object)
{
    AuviPaced *paced = AUVI_PACED(object);

    g_clear_object(&paced->inner);
    g_weak_ref_clear(&paced->web);
    G_OBJECT_CLASS(auvi_paced_parent_class)->finalize(object);
}

static void read_inner(AuviPaced *paced, GTask *task);

static void on_answer(GObject *web, GAsyncResult *result, gpointer user)
{
    struct question *question = user;
    AuviPaced *paced = question->paced;
    /* Nobody knows the question, which is an answer too; or the page is gone,
     * and then there is nothing to wait for. */
    WebKitUserMessage *answer = webkit_web_view_send_message_to_page_finish(
        WEBKIT_WEB_VIEW(web), result, NULL);
    GTask *task = g_steal_pointer(&paced->waiting);

    g_clear_object(&answer);
    paced->taken = question->given;
    if (task)
        read_inner(paced, task);
    g_object_unref(paced);
    g_free(question);
}

static void ask(AuviPaced *paced)
{
    WebKitWebView *web = g_weak_ref_get(&paced->web);
    struct question *question;

    paced->asked = paced->given;
    if (!web) {
        paced->taken = paced->given;
        return;
    }
    question = g_new(struct question, 1);
    question->paced = g_object_ref(paced);
    question->given = paced->given;
    webkit_web_view_send_message_to_page(
        web, webkit_user_message_new("auroraview:taken?", NULL), NULL,
        on_answer, question);
    g_object_unref(web);
}

static void on_read(GObject *inner, GAsyncResult *result, gpointer user)
{
    GTask *task = user;
    AuviPaced *paced = g_task_get_source_object(task);
    GError *error = NULL;
    gssize got =
        g_input_stream_read_finish(G_INPUT_STREAM(inner), result, &error);

    if (got < 0) {
        g_task_return_error(task, error);
    } else {
        paced->given += (uint64_t)got;
        if (paced->given - paced->asked >= STEP)
            ask(paced);
        g_task_return_int(task, got);
    }
    g_object_unref(task);
}

static void read_inner(AuviPaced *paced, GTask *task)
{
    g_input_stream_read_async(paced->inner, paced->buffer, paced->size,
                              g_task_get_priority(task),
                              g_task_get_cancellable(task), on_read, task);
}

static void paced_read_async(GInputStream *stream, void *buffer, gsize size,
                             int priority, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user)
{
    AuviPaced *paced = AUVI_PACED(stream);
    GTask *task = g_task_new(stream, cancellable, callback, user);

    g_task_set_priority(task, priority);
    paced->buffer = buffer;
    paced->size = size;
    if (paced->given - paced->taken >= WINDOW)
        paced->waiting = task;
    else
        read_inner(paced, task);
}

static gssize paced_read_finish(GInputStream *stream, GAsyncResult *result,
                                GError **error)
{
    (void)stream;
    return g_task_propagate_int(G_TASK(result), error);
}

static gssize paced_read(GInputStream *stream, void *buffer, gsize size,
                         GCancellable *cancellable, GError **error)
{
    return g_input_stream_read(AUVI_PACED(stream)->inner, buffer, size,
                               cancellable, error);
}

static void auvi_paced_class_init(AuviPacedClass *class)
{
    GInputStreamClass *stream = G_INPUT_STREAM_CLASS(class);

    G_OBJECT_CLASS(class)->finalize = paced_finalize;
    stream->read_fn = paced_read;
    stream->read_async = paced_read_async;
    stream->read_finish = paced_read_finish;
}

GInputStream *auvi_paced_new(GInputStream *inner, WebKitWebView *web)
{
    AuviPaced *paced = g_object_new(AUVI_TYPE_PACED, NULL);

    paced->inner = inner;
    g_weak_ref_set(&paced->web, web);
    return G_INPUT_STREAM(paced);
}
