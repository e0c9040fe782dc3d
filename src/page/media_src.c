/*
 * media_src.c - a GStreamer source that reads what the engine opens for it.
 *
 * GStreamer asks for data on a thread of its own, and only that thread waits:
 * for the engine's answer, for a stream's next bytes. It can be called off at
 * any time (unlock), because the page's main thread stops players and must not
 * wait for the engine or for the host. The question itself goes out on the main
 * thread, the only one that may use WebKit.
 *
 * It pushes and does not let itself be pulled from, because then GStreamer would
 * open it on the main thread. It can be sought in all the same.
 */
#include "page/media_src.h"

#include "base/base.h"
#include "base/stream.h"

#include <gio/gunixfdlist.h>
#include <gst/base/gstpushsrc.h>
#include <gst/gst.h>
#include <poll.h>

#define CHUNK (64 * 1024)
/* Above the longest wait that the engine gives a host by default. */
#define ANSWER_WAIT_US ((gint64)40 * 1000 * 1000)

#define AUVI_TYPE_MEDIA_SRC (auvi_media_src_get_type())
G_DECLARE_FINAL_TYPE(AuviMediaSrc, auvi_media_src, AUVI, MEDIA_SRC, GstPushSrc)

enum answer {
    NONE,
    WAITING,
    OPEN,
    FAILED
};

struct _AuviMediaSrc {
    GstPushSrc parent;
    char *uri;
    int wake_fd; /* readable while flushing */

    GMutex lock;
    GCond changed;
    bool flushing;
    guint question; /* its number; an answer to an older one is closed */
    enum answer answer;
    int status;
    int fd;
    bool is_file, can_seek;
    gint64 at;     /* next byte, of all */
    gint64 offset; /* of the first of all in the file */
    gint64 size;   /* of all; -1: not known */
};

static void uri_handler_init(gpointer interface, gpointer data);

G_DEFINE_TYPE_WITH_CODE(AuviMediaSrc, auvi_media_src, GST_TYPE_PUSH_SRC,
                        G_IMPLEMENT_INTERFACE(GST_TYPE_URI_HANDLER,
                                              uri_handler_init))

/* ---- asking the engine ---------------------------------------------------- */

struct question {
    AuviMediaSrc *src; /* a reference */
    char *uri;
    gint64 at;
    guint number;
};

static void question_free(gpointer data)
{
    struct question *question = data;

    gst_object_unref(question->src);
    g_free(question->uri);
    g_free(question);
}

static void take_answer(struct question *question, int status, gint64 at,
                        gint64 size, gint64 offset, bool is_file, int fd)
{
    AuviMediaSrc *src = question->src;

    g_mutex_lock(&src->lock);
    if (src->question == question->number && src->answer == WAITING) {
        bool good = (status == 200 || status == 206) && fd >= 0 &&
                    at <= question->at && (is_file || at == question->at);

        src->answer = good ? OPEN : FAILED;
        src->status = status;
        src->fd = good ? fd : -1;
        src->is_file = is_file;
        src->can_seek = is_file || status == 206;
        src->offset = offset;
        src->size = size;
        fd = good ? -1 : fd;
        g_cond_broadcast(&src->changed);
    }
    g_mutex_unlock(&src->lock);
    auvi_fd_close(fd);
}

static void on_answer(GObject *extension, GAsyncResult *result, gpointer user)
{
    struct question *question = user;
    WebKitUserMessage *answer =
        webkit_web_extension_send_message_to_context_finish(
            WEBKIT_WEB_EXTENSION(extension), result, NULL);
    GVariant *value =
        answer ? webkit_user_message_get_parameters(answer) : NULL;
    GUnixFDList *fds = answer ? webkit_user_message_get_fd_list(answer) : NULL;
    int status = 0, fd = -1;
    gint64 at = 0, size = -1, offset = 0;
    gboolean is_file = FALSE;

    if (value && g_variant_is_of_type(value, G_VARIANT_TYPE("(ixxxb)")))
        g_variant_get(value, "(ixxxb)", &status, &at, &size, &offset, &is_file);
    if (fds && g_unix_fd_list_get_length(fds) == 1)
        fd = g_unix_fd_list_get(fds, 0, NULL);
    take_answer(question, status, at, size, offset, is_file, fd);
    g_clear_object(&answer);
    question_free(question);
}

static gboolean ask(gpointer user)
{
    struct question *question = user;

    if (auvi_media_is_refused()) {
        take_answer(question, 403, 0, -1, 0, false, -1);
        question_free(question);
        return G_SOURCE_REMOVE;
    }
    webkit_web_extension_send_message_to_context(
        auvi_media_extension(),
        webkit_user_message_new(
            "auroraview:media",
            g_variant_new("(sx)", question->uri, question->at)),
        NULL, on_answer, question);
    return G_SOURCE_REMOVE;
}

/* Lock held, streaming thread. */
static void begin_question(AuviMediaSrc *src)
{
    struct question *question = g_new0(struct question, 1);
    GSource *source = g_idle_source_new();

    src->answer = WAITING;
    question->src = gst_object_ref(src);
    question->uri = g_strdup(src->uri);
    question->at = src->at;
    question->number = ++src->question;
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, ask, question, NULL);
    g_source_attach(source, NULL);
    g_source_unref(source);
}

/* Lock held. */
static void close_body(AuviMediaSrc *src)
{
    auvi_fd_close(src->fd);
    src->fd = -1;
    src->answer = NONE;
    src->question++;
}

/* Lock held. GST_FLOW_OK: src->fd gives the byte at src->at. */
static GstFlowReturn open_body(AuviMediaSrc *src)
{
    gint64 deadline = g_get_monotonic_time() + ANSWER_WAIT_US;

    if (src->answer == NONE)
        begin_question(src);
    while (src->answer == WAITING && !src->flushing)
        if (!g_cond_wait_until(&src->changed, &src->lock, deadline)) {
            src->answer = FAILED;
            src->status = 504;
        }
    if (src->flushing)
        return GST_FLOW_FLUSHING;
    return src->answer == OPEN ? GST_FLOW_OK : GST_FLOW_ERROR;
}

/* ---- reading -------------------------------------------------------------- */

/* Bytes, 0: the end, < 0: an error or called off. */
static int read_file(AuviMediaSrc *src, void *to)
{
    guint64 at = (guint64)(src->offset + src->at);

    if (src->size >= 0 && src->at >= src->size)
        return 0;
    return auvi_file_read_at(src->fd, to, CHUNK, at);
}

static int read_stream(AuviMediaSrc *src, void *to)
{
    struct pollfd fds[2] = {{.fd = src->fd, .events = POLLIN},
                            {.fd = src->wake_fd, .events = POLLIN}};
    int got;

    for (;;) {
        got = auvi_stream_read(src->fd, to, CHUNK);
        if (got == AUV_ERR_CLOSED)
            return 0;
        if (got != 0)
            return got;
        if (poll(fds, 2, -1) > 0 && fds[1].revents)
            return AUV_ERR_CANCELLED;
    }
}

/* GStreamer asks for the size when a source starts, and never again if it is not
 * known then; as here, where the answer comes later. */
static void tell_size(AuviMediaSrc *src, gint64 size)
{
    GstSegment *segment = &GST_BASE_SRC(src)->segment;
    bool is_new;

    GST_OBJECT_LOCK(src);
    is_new = segment->duration != (guint64)size;
    segment->duration = (guint64)size;
    GST_OBJECT_UNLOCK(src);
    if (is_new)
        gst_element_post_message(
            GST_ELEMENT(src),
            gst_message_new_duration_changed(GST_OBJECT(src)));
}

static GstFlowReturn media_create(GstPushSrc *base, GstBuffer **out)
{
    AuviMediaSrc *src = AUVI_MEDIA_SRC(base);
    GstFlowReturn flow;
    GstBuffer *buffer;
    GstMapInfo map;
    gint64 size;
    bool flushing;
    int got;

    g_mutex_lock(&src->lock);
    flow = open_body(src);
    size = src->size;
    g_mutex_unlock(&src->lock);
    if (flow == GST_FLOW_OK && size >= 0)
        tell_size(src, size);
    if (flow == GST_FLOW_ERROR)
        GST_ELEMENT_ERROR(src, RESOURCE, NOT_FOUND, (NULL),
                          ("%s: status %d", src->uri, src->status));
    if (flow != GST_FLOW_OK)
        return flow;
    buffer = gst_buffer_new_allocate(NULL, CHUNK, NULL);
    gst_buffer_map(buffer, &map, GST_MAP_WRITE);
    /* Only this thread closes it while it creates: a seek and a stop wait for
     * it to be called off. */
    got = src->is_file ? read_file(src, map.data) : read_stream(src, map.data);
    gst_buffer_unmap(buffer, &map);
    if (got <= 0) {
        gst_buffer_unref(buffer);
        g_mutex_lock(&src->lock);
        flushing = src->flushing;
        g_mutex_unlock(&src->lock);
        if (flushing)
            return GST_FLOW_FLUSHING;
        if (got == 0)
            return GST_FLOW_EOS;
        GST_ELEMENT_ERROR(src, RESOURCE, READ, (NULL),
                          ("%s was cut off", src->uri));
        return GST_FLOW_ERROR;
    }
    gst_buffer_set_size(buffer, got);
    GST_BUFFER_OFFSET(buffer) = (guint64)src->at;
    g_mutex_lock(&src->lock);
    src->at += got;
    g_mutex_unlock(&src->lock);
    GST_BUFFER_OFFSET_END(buffer) = (guint64)src->at;
    *out = buffer;
    return GST_FLOW_OK;
}

/* ---- the rest of the element ---------------------------------------------- */

static gboolean media_unlock(GstBaseSrc *base)
{
    AuviMediaSrc *src = AUVI_MEDIA_SRC(base);

    g_mutex_lock(&src->lock);
    src->flushing = true;
    auvi_wake_fd_signal(src->wake_fd);
    g_cond_broadcast(&src->changed);
    g_mutex_unlock(&src->lock);
    return TRUE;
}

static gboolean media_unlock_stop(GstBaseSrc *base)
{
    AuviMediaSrc *src = AUVI_MEDIA_SRC(base);

    g_mutex_lock(&src->lock);
    src->flushing = false;
    auvi_wake_fd_clear(src->wake_fd);
    g_mutex_unlock(&src->lock);
    return TRUE;
}

static gboolean media_start(GstBaseSrc *base)
{
    AuviMediaSrc *src = AUVI_MEDIA_SRC(base);

    return src->uri != NULL;
}

static gboolean media_stop(GstBaseSrc *base)
{
    AuviMediaSrc *src = AUVI_MEDIA_SRC(base);

    g_mutex_lock(&src->lock);
    close_body(src);
    src->at = 0;
    src->size = -1;
    g_mutex_unlock(&src->lock);
    return TRUE;
}

/* Until the answer says otherwise. */
static gboolean media_is_seekable(GstBaseSrc *base)
{
    AuviMediaSrc *src = AUVI_MEDIA_SRC(base);
    gboolean can;

    g_mutex_lock(&src->lock);
    can = src->answer != OPEN || src->can_seek;
    g_mutex_unlock(&src->lock);
    return can;
}

static gboolean media_get_size(GstBaseSrc *base, guint64 *size)
{
    AuviMediaSrc *src = AUVI_MEDIA_SRC(base);
    bool is_known;

    g_mutex_lock(&src->lock);
    is_known = src->answer == OPEN && src->size >= 0;
    *size = (guint64)src->size;
    g_mutex_unlock(&src->lock);
    return is_known;
}

static gboolean media_do_seek(GstBaseSrc *base, GstSegment *segment)
{
    AuviMediaSrc *src = AUVI_MEDIA_SRC(base);
    gint64 to = (gint64)segment->start;

    g_mutex_lock(&src->lock);
    if (to != src->at) {
        if (!src->is_file || src->answer != OPEN)
            close_body(src);
        src->at = to;
    }
    g_mutex_unlock(&src->lock);
    return TRUE;
}

/* As from a network: GStreamer then puts a buffer behind it, which can be pulled
 * from. Some formats (Ogg) can be sought in only so. */
static gboolean media_query(GstBaseSrc *base, GstQuery *query)
{
    gboolean known =
        GST_BASE_SRC_CLASS(auvi_media_src_parent_class)->query(base, query);

    if (GST_QUERY_TYPE(query) == GST_QUERY_SCHEDULING) {
        gst_query_set_scheduling(query,
                                 GST_SCHEDULING_FLAG_SEQUENTIAL |
                                     GST_SCHEDULING_FLAG_BANDWIDTH_LIMITED,
                                 1, -1, 0);
        return TRUE;
    }
    return known;
}

static void media_finalize(GObject *object)
{
    AuviMediaSrc *src = AUVI_MEDIA_SRC(object);

    auvi_fd_close(src->fd);
    auvi_fd_close(src->wake_fd);
    g_free(src->uri);
    g_mutex_clear(&src->lock);
    g_cond_clear(&src->changed);
    G_OBJECT_CLASS(auvi_media_src_parent_class)->finalize(object);
}

static void auvi_media_src_init(AuviMediaSrc *src)
{
    g_mutex_init(&src->lock);
    g_cond_init(&src->changed);
    src->fd = -1;
    src->size = -1;
    src->wake_fd = auvi_wake_fd_create();
}

static void auvi_media_src_class_init(AuviMediaSrcClass *class)
{
    static GstStaticPadTemplate pad = GST_STATIC_PAD_TEMPLATE(
        "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
    GstBaseSrcClass *base = GST_BASE_SRC_CLASS(class);

    G_OBJECT_CLASS(class)->finalize = media_finalize;
    gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(class), &pad);
    gst_element_class_set_static_metadata(
        GST_ELEMENT_CLASS(class), "AuroraView source", "Source/Network",
        "Reads URLs of the application's own schemes", "AuroraView");
    base->start = media_start;
    base->stop = media_stop;
    base->unlock = media_unlock;
    base->unlock_stop = media_unlock_stop;
    base->is_seekable = media_is_seekable;
    base->get_size = media_get_size;
    base->do_seek = media_do_seek;
    base->query = media_query;
    GST_PUSH_SRC_CLASS(class)->create = media_create;
}

static GstURIType get_type(GType type)
{
    (void)type;
    return GST_URI_SRC;
}

static const char *const *get_protocols(GType type)
{
    (void)type;
    return auvi_media_schemes();
}

static char *get_uri(GstURIHandler *handler)
{
    return g_strdup(AUVI_MEDIA_SRC(handler)->uri);
}

static gboolean set_uri(GstURIHandler *handler, const char *uri, GError **error)
{
    AuviMediaSrc *src = AUVI_MEDIA_SRC(handler);

    if (GST_STATE(src) >= GST_STATE_PAUSED) {
        g_set_error_literal(error, GST_URI_ERROR, GST_URI_ERROR_BAD_STATE,
                            "it is playing");
        return FALSE;
    }
    g_free(src->uri);
    src->uri = g_strdup(uri);
    return TRUE;
}

static void uri_handler_init(gpointer interface, gpointer data)
{
    GstURIHandlerInterface *handler = interface;

    (void)data;
    handler->get_type = get_type;
    handler->get_protocols = get_protocols;
    handler->get_uri = get_uri;
    handler->set_uri = set_uri;
}

bool auvi_media_src_register(const char *name)
{
    return gst_element_register(NULL, name, GST_RANK_PRIMARY,
                                AUVI_TYPE_MEDIA_SRC);
}
