/*
 * bridge.c - AuroraView inside WebKit's page process.
 *
 * A web process extension. It asks the view for the page's link, gets it as a
 * descriptor in a user message, and from then on moves frames between the link
 * and the top document. Nothing of it passes through the engine's GTK thread.
 *
 *   from the engine   link-wanted is answered by
 *                     "auroraview:link"   (u) generation, its descriptor, and one
 *                     that hangs up when the engine ends
 *                     "auroraview:grants" (as) lines of base/grant.h, for
 *                     documents to come
 *                     "auroraview:settled" (u) number of a navigation: the
 *                     current document answers it
 *   to the engine     "auroraview:link-wanted"
 *
 * Generation of a document: low 16 bits count the documents of this page, the
 * upper ones are the link's. A page process that replaces another has another
 * link, so no two documents of a view share one.
 *
 * Threads: everything runs on the page process's main thread, but for
 * watch_engine().
 */
#include "page/document.h"

#include "base/base.h"
#include "page/frames.h"
#include "page/grants.h"
#include "page/js.h"
#include "page/media.h"
#include "page/remote_js.h"

#include <gio/gunixfdlist.h>
#include <poll.h>
#include <webkit2/webkit-web-extension.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Longest that one dispatch keeps the page from its own work. */
#define DISPATCH_US 4000

/* WebKit's own: 0 for messages of the UI process, 100 for the page's timers
 * and rendering (WTF's RunLoopSourcePriority.h). Equal ones take turns. */
#define PRIORITY_PROMPT 0
#define PRIORITY_FLOODED 100

struct page {
    WebKitWebPage *web; /* owns this struct */
    struct auvi_outbox outbox;
    struct auvi_page_counts counts;
    uint32_t link_generation;
    GSource *source; /* of the link */
    gpointer source_tag;
    bool wants_out;
    struct auvi_document *document; /* of the top; the current one, or NULL */
    struct auvi_page_grant *grant;  /* of that; NULL: none */
    struct auvi_page_frames *frames;
    uint32_t counter;
    uint32_t navigation; /* settled, and to be told to the host; 0: none */

    /* Calls without an answer, and when the last one left: spin only then. */
    uint64_t calls_due;
    int64_t last_call_us;
    int64_t spin_us; /* how long to look for an answer before going to sleep */
};

struct link_source {
    GSource base;
    struct page *page;
    struct auvi_frame frame; /* valid if `have` */
    bool have;
    int receive_error;
};

static GHashTable *pages; /* WebKitWebPage -> page */
static bool remote;       /* the view is of the remote profile */

static void link_lost(struct page *page, const char *why);

/* ---- sending ---- */

static void want_out(struct page *page, bool want)
{
    if (!page->source || page->wants_out == want)
        return;
    page->wants_out = want;
    g_source_modify_unix_fd(page->source, page->source_tag,
                            want ? G_IO_IN | G_IO_OUT : G_IO_IN);
}

static void flush(struct page *page)
{
    int rc;

    if (!page->outbox.link)
        return;
    rc = auvi_outbox_flush(&page->outbox);
    /* This may run inside a call from the page's script, or inside the
     * receiving loop: only make the end visible there. */
    if (rc < 0)
        auvi_link_shutdown(page->outbox.link);
    else
        want_out(page, rc == 1);
}

static void on_pushed(void *user, unsigned calls)
{
    struct page *page = user;

    flush(page);
    if (calls && page->outbox.link) {
        page->calls_due += calls;
        page->last_call_us = auvi_clock_us();
    }
}

static void send_hello(struct page *page)
{
    struct auvi_frame frame;
    char *url;

    if (!page->document || !page->outbox.link)
        return;
    url = g_strdup(webkit_web_page_get_uri(page->web));
    auvi_frame_init(&frame, AUVI_FRAME_HELLO);
    frame.generation = auvi_document_counter(page->document);
    frame.id = auvi_document_granted(page->document) ? AUVI_HELLO_GRANTED : 0;
    frame.name = url ? url : "";
    /* A data: URL may be of any length; its start tells enough. */
    frame.name_length = strnlen(frame.name, AUV_MAX_NAME);
    (void)auvi_outbox_push(&page->outbox, &frame);
    flush(page);
    g_free(url);
}

/* Behind the HELLO of the document that it is about. */
static void send_navigated(struct page *page)
{
    struct auvi_frame frame;

    if (!page->navigation || !page->document || !page->outbox.link)
        return;
    auvi_frame_init(&frame, AUVI_FRAME_NAVIGATED);
    frame.generation = auvi_document_counter(page->document);
    frame.id = page->navigation;
    page->navigation = 0;
    (void)auvi_outbox_push(&page->outbox, &frame);
    flush(page);
}

static void send_gone(struct page *page, uint32_t counter)
{
    struct auvi_frame frame;

    if (!page->outbox.link) {
        /* Its calls never left, and end with it. */
        auvi_outbox_clear(&page->outbox);
        return;
    }
    auvi_frame_init(&frame, AUVI_FRAME_GONE);
    frame.generation = counter;
    (void)auvi_outbox_push(&page->outbox, &frame);
    flush(page);
}

/* ---- receiving ---- */

/* From the page's own loop, where scripts run: that is the answer. */
static void send_pong(struct page *page)
{
    struct auvi_frame frame;

    auvi_frame_init(&frame, AUVI_FRAME_PONG);
    auvi_outbox_push(&page->outbox, &frame);
}

static bool is_current(const struct page *page, uint32_t generation)
{
    return page->document &&
           generation ==
               page->outbox.base + auvi_document_counter(page->document);
}

/* The granted document of that generation, or NULL. */
static struct auvi_document *document_of(const struct page *page,
                                         uint32_t generation)
{
    if (is_current(page, generation))
        return page->document;
    return generation > page->outbox.base
               ? auvi_page_frames_find(page->frames,
                                       generation - page->outbox.base)
               : NULL;
}

static bool hears(const struct auvi_page_grant *grant,
                  const struct auvi_frame *frame)
{
    return grant &&
           auvi_grant_has(grant->grant.events, frame->name, frame->name_length);
}

/* To every document that may hear it. */
static void take_event(struct page *page, const struct auvi_frame *frame)
{
    bool heard = false;

    if (page->document && hears(page->grant, frame) &&
        (!frame->generation || is_current(page, frame->generation))) {
        auvi_document_take(page->document, frame);
        heard = true;
    }
    if (!frame->generation && auvi_page_frames_take_event(page->frames, frame))
        heard = true;
    if (!heard)
        page->counts.dropped_events++;
}

static void take_frame(struct page *page, const struct auvi_frame *frame)
{
    struct auvi_document *document;

    switch (frame->kind) {
    case AUVI_FRAME_REPLY:
        document = document_of(page, frame->generation);
        if (!document) {
            page->counts.stale_replies++;
            break;
        }
        if (page->calls_due)
            page->calls_due--;
        auvi_document_take(document, frame);
        break;
    case AUVI_FRAME_EVENT:
        take_event(page, frame);
        break;
    case AUVI_FRAME_STATE_SET:
    case AUVI_FRAME_STATE_DELETE:
    case AUVI_FRAME_STATE_SYNC:
    case AUVI_FRAME_CHANNEL_OPEN:
    case AUVI_FRAME_CHANNEL_DATA:
    case AUVI_FRAME_CHANNEL_CREDIT:
    case AUVI_FRAME_CHANNEL_CLOSE:
        if (!page->document || !auvi_document_shares(page->document) ||
            (frame->generation && !is_current(page, frame->generation))) {
            page->counts.dropped_events++;
            break;
        }
        auvi_document_take(page->document, frame);
        break;
    case AUVI_FRAME_CANCEL:
        if (page->document)
            auvi_document_take(page->document, frame);
        break;
    case AUVI_FRAME_EVAL:
        if (page->document &&
            (!frame->generation || is_current(page, frame->generation)))
            auvi_document_eval(page->document, frame);
        else
            auvi_send_eval_error(&page->outbox, page->counter, frame->id,
                                 AUV_ERR_CANCELLED,
                                 "the view has no such document");
        break;
    case AUVI_FRAME_PING:
        send_pong(page);
        break;
    default:
        /* Well-formed, but nothing that a page takes. */
        page->counts.refused_frames++;
        break;
    }
}

static void deliver(struct page *page)
{
    if (page->document)
        auvi_document_deliver(page->document);
    auvi_page_frames_deliver(page->frames);
}

static bool is_full(const struct page *page)
{
    return (page->document && auvi_document_full(page->document)) ||
           auvi_page_frames_full(page->frames);
}

static int receive(struct link_source *source)
{
    struct page *page = source->page;
    int rc;

    if (source->have)
        return 1;
    rc = auvi_link_receive(page->outbox.link, &source->frame);
    /* No free descriptor for what came with a frame: that one is lost, the link
     * is fine. A script's waiter is told; an answer's promise times out. */
    while (rc == AUV_ERR_SYSTEM && source->frame.kind != 0) {
        if (source->frame.kind == AUVI_FRAME_EVAL && page->document)
            auvi_send_eval_error(&page->outbox,
                                 auvi_document_counter(page->document),
                                 source->frame.id, AUV_ERR_SYSTEM,
                                 "the page's process has no free descriptors");
        rc = auvi_link_receive(page->outbox.link, &source->frame);
    }
    source->receive_error = rc;
    source->have = rc == 1;
    return rc;
}

/* Whether an answer arrives within the time that sleeping would cost. */
static bool spin(struct link_source *source)
{
    struct page *page = source->page;

    if (!page->calls_due || !page->spin_us)
        return false;
    do {
        if (auvi_link_look(page->outbox.link) && receive(source) != 0) {
            page->counts.spins++;
            return true;
        }
        /* Where the host shares our processor it could not answer before we
         * have stopped looking. */
        auvi_thread_yield();
    } while (auvi_clock_us() - page->last_call_us < page->spin_us);
    return false;
}

static gboolean source_prepare(GSource *base, gint *timeout)
{
    struct link_source *source = (struct link_source *)base;

    *timeout = -1;
    if (source->have || source->receive_error < 0 || spin(source))
        return TRUE;
    /* A dispatch that stopped early, and looking awake, leave what no
     * descriptor tells of. */
    return auvi_link_has_more(source->page->outbox.link) &&
           receive(source) != 0;
}

static gboolean source_check(GSource *base)
{
    struct link_source *source = (struct link_source *)base;

    return source->have || source->receive_error < 0 ||
           g_source_query_unix_fd(base, source->page->source_tag) != 0;
}

static gboolean source_dispatch(GSource *base, GSourceFunc fn, gpointer user)
{
    struct link_source *source = (struct link_source *)base;
    struct page *page = source->page;
    int64_t deadline = auvi_clock_us() + DISPATCH_US;
    bool flooded = false;
    int rc;

    (void)fn;
    (void)user;
    if (g_source_query_unix_fd(base, page->source_tag) & G_IO_OUT)
        flush(page);
    do {
        while ((rc = receive(source)) == 1) {
            source->have = false;
            take_frame(page, &source->frame);
            auvi_frame_release(&source->frame);
            if (is_full(page)) {
                deliver(page);
                flooded = auvi_clock_us() > deadline;
                if (flooded)
                    break;
            }
        }
        deliver(page);
        flush(page);
        /* Page script that got an answer mostly asks again: look for that
         * answer here before a whole turn of the loop. */
    } while (!flooded && rc == 0 && spin(source) && auvi_clock_us() < deadline);
    /* spin() may have met the end, which its next receive() tells. */
    if (!flooded && rc == 0 && source->receive_error < 0)
        rc = source->receive_error;
    if (rc < 0) {
        link_lost(page, rc == AUV_ERR_PROTOCOL ? "the host sent a bad frame"
                                               : "the host closed it");
        return G_SOURCE_REMOVE;
    }
    /* More urgent sources are always served first: after a full turn stand
     * back behind the page's own work, or a flood would freeze it. */
    if (flooded != (g_source_get_priority(base) == PRIORITY_FLOODED))
        g_source_set_priority(base,
                              flooded ? PRIORITY_FLOODED : PRIORITY_PROMPT);
    return G_SOURCE_CONTINUE;
}

static void source_finalize(GSource *base)
{
    struct link_source *source = (struct link_source *)base;

    if (source->have)
        auvi_frame_release(&source->frame);
}

static GSourceFuncs source_functions = {
    .prepare = source_prepare,
    .check = source_check,
    .dispatch = source_dispatch,
    .finalize = source_finalize,
};

/* ---- the link's life ---- */

static void drop_source(struct page *page)
{
    if (!page->source)
        return;
    g_source_destroy(page->source);
    g_source_unref(page->source);
    page->source = NULL;
    page->source_tag = NULL;
    page->wants_out = false;
}

static void link_lost(struct page *page, const char *why)
{
    auvi_log(AUV_LOG_INFO, "page: the link ends: %s", why);
    drop_source(page);
    auvi_outbox_close(&page->outbox, true);
    page->calls_due = 0;
    if (page->document)
        auvi_document_link_lost(page->document);
    auvi_page_frames_link_lost(page->frames);
}

static void open_link(struct page *page, uint32_t generation, int fd)
{
    struct auvi_link *link;
    struct link_source *source;
    int rc;

    if (page->outbox.link)
        link_lost(page, "the engine gives a new one");
    rc = auvi_link_open(fd, &link);
    if (rc < 0) {
        auvi_log(AUV_LOG_ERROR, "page: the link cannot be opened: %s",
                 auv_strerror(rc));
        return;
    }
    page->link_generation = generation;
    page->spin_us = auvi_link_spin_us(link);
    page->source = g_source_new(&source_functions, sizeof(struct link_source));
    source = (struct link_source *)page->source;
    source->page = page;
    g_source_set_name(page->source, "auroraview link");
    g_source_set_priority(page->source, PRIORITY_PROMPT);
    page->source_tag =
        g_source_add_unix_fd(page->source, auvi_link_fd(link), G_IO_IN);
    g_source_attach(page->source, g_main_context_default());

    /* HELLO first, then what waited. */
    {
        struct auvi_outbox waiting = page->outbox;

        page->outbox = (struct auvi_outbox){0};
        auvi_outbox_open(&page->outbox, link, generation << 16);
        send_hello(page);
        send_navigated(page);
        auvi_page_frames_greet(page->frames);
        auvi_outbox_adopt(&page->outbox, &waiting);
    }
    flush(page);
}

/* ---- documents ---- */

static uint32_t next_counter(struct page *page)
{
    do
        page->counter = page->counter % 0xffff + 1;
    while (auvi_page_frames_find(page->frames, page->counter));
    return page->counter;
}

static struct auvi_document_host host_of(struct page *page)
{
    return (struct auvi_document_host){
        .outbox = &page->outbox,
        .counts = &page->counts,
        .pushed = on_pushed,
        .user = page,
    };
}

static void replace_top(struct page *page, JSGlobalContextRef context)
{
    struct auvi_document_host host = host_of(page);
    char *name;

    if (page->document) {
        struct auvi_document *old = page->document;
        uint32_t counter = auvi_document_counter(old);

        page->document = NULL;
        page->calls_due = 0;
        auvi_page_frames_clear(page->frames);
        auvi_document_retire(old);
        send_gone(page, counter);
    }
    auvi_page_grant_unref(page->grant);
    page->grant = auvi_page_grants_find(
        context, true, webkit_web_page_get_uri(page->web), &name);
    host.shares = page->grant &&
                  auvi_grant_is_all(page->grant->grant.methods) &&
                  auvi_grant_is_all(page->grant->grant.events);
    page->document = auvi_document_create(context, next_counter(page),
                                          page->grant != NULL, &host);
    send_hello(page);
    send_navigated(page);
}

static void run_remote_script(JSContextRef context)
{
    JSStringRef source = JSStringCreateWithUTF8CString(auvi_remote_js);
    JSValueRef exception = NULL;
    JSValueRef maker =
        JSEvaluateScript(context, source, NULL, NULL, 1, &exception);

    JSStringRelease(source);
    if (!exception)
        JSObjectCallAsFunction(context, (JSObjectRef)maker, NULL, 0, NULL,
                               &exception);
    if (exception)
        auvi_js_log_exception(context, exception, "remote.js");
}

static void on_window_object_cleared(WebKitScriptWorld *world,
                                     WebKitWebPage *web, WebKitFrame *frame,
                                     gpointer user)
{
    struct page *page = g_hash_table_lookup(pages, web);
    JSGlobalContextRef context;

    (void)world;
    (void)user;
    if (!page)
        return;
    /* The only way to JavaScriptCore's own C API; deprecated for jsc_* but
     * part of the frozen 4.0 and 4.1 ABIs. */
    G_GNUC_BEGIN_IGNORE_DEPRECATIONS
    context = webkit_frame_get_javascript_global_context(frame);
    G_GNUC_END_IGNORE_DEPRECATIONS
    if (remote)
        run_remote_script(context);
    if (webkit_frame_is_main_frame(frame))
        replace_top(page, context);
    else
        auvi_page_frames_replace(page->frames, frame, context,
                                 next_counter(page), page->grant != NULL);
}

/* ---- the engine's messages ---- */

static void take_grants(GVariant *list)
{
    const char **lines = g_variant_get_strv(list, NULL);

    auvi_page_grants_take(lines);
    g_free(lines);
}

/* In a thread of its own: a script in an endless loop has the others. */
static gpointer watch_engine(gpointer user)
{
    struct pollfd watched = {.fd = GPOINTER_TO_INT(user)};

    while (poll(&watched, 1, -1) < 1)
        ;
    _exit(0);
}

/* Takes fd. Inside a sandbox the parent is bubblewrap, which WebKit does not tie
 * to the engine, so auvi_die_with_parent() is not enough. */
static void end_with_engine(int fd)
{
    static bool watches; /* one page after the other may be in this process */

    if (watches || fd < 0) {
        auvi_fd_close(fd);
        return;
    }
    watches = true;
    g_thread_unref(
        g_thread_new("auroraview-end", watch_engine, GINT_TO_POINTER(fd)));
}

static gboolean on_user_message(WebKitWebPage *web, WebKitUserMessage *message,
                                gpointer user)
{
    struct page *page = user;
    const char *name = webkit_user_message_get_name(message);
    GVariant *value = webkit_user_message_get_parameters(message);

    (void)web;
    if (!strcmp(name, "auroraview:link")) {
        GUnixFDList *fds = webkit_user_message_get_fd_list(message);
        int count = fds ? g_unix_fd_list_get_length(fds) : 0;
        int fd = -1;

        if (count == 1 || count == 2)
            fd = g_unix_fd_list_get(fds, 0, NULL);
        if (count == 2)
            end_with_engine(g_unix_fd_list_get(fds, 1, NULL));
        if (fd >= 0 && value &&
            g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32)) {
            open_link(page, g_variant_get_uint32(value), fd);
        } else {
            auvi_fd_close(fd);
            auvi_log(AUV_LOG_ERROR, "page: a malformed link message");
        }
        return TRUE;
    }
    if (!strcmp(name, "auroraview:settled")) {
        if (value && g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32)) {
            page->navigation = g_variant_get_uint32(value);
            send_navigated(page);
        } else {
            auvi_log(AUV_LOG_ERROR, "page: a malformed settled message");
        }
        return TRUE;
    }
    if (!strcmp(name, "auroraview:grants")) {
        if (value && g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY))
            take_grants(value);
        else
            auvi_log(AUV_LOG_ERROR, "page: a malformed grants message");
        return TRUE;
    }
    return FALSE;
}

/* What concerns the whole process, whether it has a page yet or not: a process
 * that WebKit keeps ready must not grant what was true when it was started. */
static void on_process_message(WebKitWebExtension *extension,
                               WebKitUserMessage *message, gpointer user)
{
    GVariant *value = webkit_user_message_get_parameters(message);

    (void)extension;
    (void)user;
    if (!strcmp(webkit_user_message_get_name(message), "auroraview:grants") &&
        value && g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY))
        take_grants(value);
}

static void page_free(gpointer data)
{
    struct page *page = data;

    drop_source(page);
    auvi_page_frames_destroy(page->frames);
    auvi_document_retire(page->document);
    auvi_page_grant_unref(page->grant);
    auvi_outbox_close(&page->outbox, true);
    g_free(page);
}

static void on_page_gone(gpointer user, GObject *web)
{
    (void)user;
    g_hash_table_remove(pages, web);
}

static void on_page_created(WebKitWebExtension *extension, WebKitWebPage *web,
                            gpointer user)
{
    struct page *page = g_new0(struct page, 1);
    struct auvi_document_host host = host_of(page);

    (void)extension;
    (void)user;
    page->web = web;
    page->frames = auvi_page_frames_create(&host);
    g_hash_table_insert(pages, web, page);
    g_object_weak_ref(G_OBJECT(web), on_page_gone, NULL);
    g_signal_connect(web, "user-message-received", G_CALLBACK(on_user_message),
                     page);
    webkit_web_page_send_message_to_view(
        web, webkit_user_message_new("auroraview:link-wanted", NULL), NULL,
        NULL, NULL);
}

G_MODULE_EXPORT void
webkit_web_extension_initialize_with_user_data(WebKitWebExtension *extension,
                                               const GVariant *data);

G_MODULE_EXPORT void
webkit_web_extension_initialize_with_user_data(WebKitWebExtension *extension,
                                               const GVariant *data)
{
    GVariant *value = (GVariant *)data;

    /* A script in an endless loop keeps WebKit from ending the process. Engines
     * start it from their main thread. */
    auvi_die_with_parent();
    pages =
        g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, page_free);
    /* The view's number, for the engine's own use, the grants, and whether it is
     * of the remote profile. */
    if (value && g_variant_is_of_type(value, G_VARIANT_TYPE("(uasb)"))) {
        GVariant *list = g_variant_get_child_value(value, 1);
        gboolean is_remote;

        take_grants(list);
        g_variant_unref(list);
        g_variant_get_child(value, 2, "b", &is_remote);
        remote = is_remote;
    } else {
        auvi_log(AUV_LOG_ERROR, "page: no grants were given; none is granted");
    }
    g_signal_connect(webkit_script_world_get_default(), "window-object-cleared",
                     G_CALLBACK(on_window_object_cleared), NULL);
    g_signal_connect(extension, "page-created", G_CALLBACK(on_page_created),
                     NULL);
    g_signal_connect(extension, "user-message-received",
                     G_CALLBACK(on_process_message), NULL);
    auvi_media_init(extension);
}
