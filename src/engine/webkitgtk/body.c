#include "engine/webkitgtk/body.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* WebKit asks for 8 KiB at a time, and each trip to a thread costs as much as
 * reading a hundred. */
#define CHUNK ((size_t)256 * 1024)

#define AUVI_TYPE_BODY (auvi_body_get_type())
G_DECLARE_FINAL_TYPE(AuviBody, auvi_body, AUVI, BODY, GInputStream)

struct _AuviBody {
    GInputStream parent;
    int fd;
    uint64_t at, left; /* of what is still to be read from the file */
    char *chunk;
    size_t used, filled;
    void *target; /* of the read that is under way */
    size_t target_size;
};

G_DEFINE_FINAL_TYPE(AuviBody, auvi_body, G_TYPE_INPUT_STREAM)

static void auvi_body_init(AuviBody *body)
{
    body->fd = -1;
}

static void body_finalize(GObject *object)
{
    AuviBody *body = AUVI_BODY(object);

    if (body->fd >= 0)
        close(body->fd);
    g_free(body->chunk);
    G_OBJECT_CLASS(auvi_body_parent_class)->finalize(object);
}

/* Out of the chunk, which has something or is at the end. */
static gssize take(AuviBody *body, void *to, size_t size)
{
    size_t have = body->filled - body->used;

    if (have < size)
        size = have;
    if (size)
        memcpy(to, body->chunk + body->used, size);
    body->used += size;
    return (gssize)size;
}

static gboolean fill(AuviBody *body, GError **error)
{
    size_t wanted = body->left < CHUNK ? (size_t)body->left : CHUNK;
    ssize_t got;

    body->used = body->filled = 0;
    if (wanted == 0)
        return TRUE;
    if (!body->chunk)
        body->chunk = g_malloc(wanted);
    do {
        got = pread(body->fd, body->chunk, wanted, (off_t)body->at);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        int why = got < 0 ? (int)g_io_error_from_errno(errno)
                          : (int)G_IO_ERROR_PARTIAL_INPUT;

        g_set_error_literal(error, G_IO_ERROR, why,
                            got < 0 ? g_strerror(errno)
                                    : "the file was cut short");
        return FALSE;
    }
    body->filled = (size_t)got;
    body->at += (uint64_t)got;
    body->left -= (uint64_t)got;
    return TRUE;
}

static gssize body_read(GInputStream *stream, void *buffer, gsize size,
                        GCancellable *cancellable, GError **error)
{
    AuviBody *body = AUVI_BODY(stream);

    (void)cancellable;
    if (body->used == body->filled && !fill(body, error))
        return -1;
    return take(body, buffer, size);
}

static void read_in_thread(GTask *task, gpointer source, gpointer data,
                           GCancellable *cancellable)
{
    AuviBody *body = source;
    GError *error = NULL;

    (void)data;
    (void)cancellable;
    if (fill(body, &error))
        g_task_return_int(task, take(body, body->target, body->target_size));
    else
        g_task_return_error(task, error);
}

static void body_read_async(GInputStream *stream, void *buffer, gsize size,
                            int priority, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user)
{
    AuviBody *body = AUVI_BODY(stream);
    GTask *task = g_task_new(stream, cancellable, callback, user);

    g_task_set_priority(task, priority);
    if (body->used < body->filled || body->left == 0) {
        g_task_return_int(task, take(body, buffer, size));
    } else {
        /* One read at a time: GInputStream sees to it. */
        body->target = buffer;
        body->target_size = size;
        g_task_run_in_thread(task, read_in_thread);
    }
    g_object_unref(task);
}

static gssize body_read_finish(GInputStream *stream, GAsyncResult *result,
                               GError **error)
{
    (void)stream;
    return g_task_propagate_int(G_TASK(result), error);
}

static void auvi_body_class_init(AuviBodyClass *class)
{
    GInputStreamClass *stream = G_INPUT_STREAM_CLASS(class);

    G_OBJECT_CLASS(class)->finalize = body_finalize;
    stream->read_fn = body_read;
    stream->read_async = body_read_async;
    stream->read_finish = body_read_finish;
}

GInputStream *auvi_body_new(int fd, uint64_t offset, uint64_t length)
{
    AuviBody *body = g_object_new(AUVI_TYPE_BODY, NULL);

    body->fd = fd;
    body->at = offset;
    body->left = length;
    return G_INPUT_STREAM(body);
}
