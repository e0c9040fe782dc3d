/*
 * null.c - an engine without a web engine: no display, no process, no page but
 * the few scripts of script.h. It takes every call of the table and speaks the
 * page's side of the data link for real, so that all of the library above the
 * engine is tested on any machine.
 *
 * It lives on the thread that calls it. What a real engine does after a while
 * it does at once.
 */
#include "base/base.h"
#include "base/grant.h"
#include "engine/null/null_priv.h"
#include "engine/null/loads.h"
#include "engine/null/script.h"
#include "engine/null/streams.h"

#include <stdlib.h>
#include <string.h>

/* In the poller; smaller ones are views. */
#define KEY_LOADS ((uint64_t)1 << 32)
#define BURST 64 /* frames of one page before the next gets its turn */

struct null_engine *auvi_null_of(struct auvi_engine *engine)
{
    auvi_engine_assert_thread(engine);
    return (struct null_engine *)engine;
}

struct null_view *auvi_null_find(struct null_engine *null, uint32_t id)
{
    struct null_view *view = null->views;

    while (view && view->id != id)
        view = view->next;
    return view;
}

void auvi_null_tell(struct null_engine *null, uint32_t view,
                    auv_event_kind kind, const char *text)
{
    auv_event event = {.kind = kind, .text = text};

    auvi_engine_on_view_event(&null->base, view, event);
}

/* ---- the page's side of the data link ------------------------------------- */

/* As auvi_link_flush(); AUV_ERR_QUEUE_FULL: not taken. */
static int send_now(struct null_view *view, const struct auvi_frame *frame)
{
    int error = auvi_link_send(view->link, frame);

    if (error < 0)
        return error;
    error = auvi_link_flush(view->link);
    return error < 0 ? AUV_ERR_CLOSED : error;
}

/* Be told when the host reads again. The page goes on reading meanwhile, as a
 * real one does: if both sides waited for the other to read, neither would. */
static void wait_out(struct null_engine *null, struct null_view *view)
{
    if (view->waits_out || view->hangs)
        return;
    view->waits_out = true;
    auvi_poller_change(null->poller, auvi_link_fd(view->link),
                       AUVI_POLL_IN | AUVI_POLL_OUT, view->id);
}

/* Send, or keep until the host reads again. Parts are not kept: only frames
 * that stem from a script are sent here, and those have none, but for the
 * answer of a call, which is passed on before the next frame is read. */
static void page_send(struct null_engine *null, struct null_view *view,
                      const struct auvi_frame *frame)
{
    size_t size = frame->name_length + frame->payload_length + 1;
    struct kept *kept;
    int sent;

    if (!view->link)
        return;
    sent = view->kept ? AUV_ERR_QUEUE_FULL : send_now(view, frame);
    if (sent != AUV_ERR_QUEUE_FULL) {
        if (sent == 1) /* in the link, whose packet is still to be sent */
            wait_out(null, view);
        return;
    }
    kept = malloc(sizeof(*kept) + size);
    if (!kept)
        return;
    kept->next = NULL;
    kept->frame = *frame;
    kept->frame.part_count = 0;
    if (frame->name_length)
        memcpy(kept->bytes, frame->name, frame->name_length);
    if (frame->payload_length)
        memcpy(kept->bytes + frame->name_length, frame->payload,
               frame->payload_length);
    kept->frame.name = kept->bytes;
    kept->frame.payload = kept->bytes + frame->name_length;
    *view->kept_tail = kept;
    view->kept_tail = &kept->next;
    wait_out(null, view);
}

static void free_kept(struct null_view *view)
{
    while (view->kept) {
        struct kept *next = view->kept->next;

        free(view->kept);
        view->kept = next;
    }
    view->kept_tail = &view->kept;
}

static void send_kept(struct null_engine *null, struct null_view *view)
{
    while (view->kept) {
        struct kept *kept = view->kept;

        if (send_now(view, &kept->frame) == AUV_ERR_QUEUE_FULL)
            return;
        view->kept = kept->next;
        free(kept);
    }
    view->kept_tail = &view->kept;
    if (auvi_link_flush(view->link) == 1)
        return;
    view->waits_out = false;
    auvi_poller_change(null->poller, auvi_link_fd(view->link), AUVI_POLL_IN,
                       view->id);
}

static void page_result(struct null_engine *null, struct null_view *view,
                        uint64_t id, bool error, const char *json,
                        size_t length)
{
    struct auvi_frame frame;

    auvi_frame_init(&frame, AUVI_FRAME_RESULT);
    frame.flags = error ? AUVI_FRAME_ERROR : 0;
    frame.id = id;
    frame.generation = view->document;
    frame.payload = json;
    frame.payload_length = length;
    page_send(null, view, &frame);
}

static void page_invoke(struct null_engine *null, struct null_view *view,
                        enum auvi_frame_kind kind, uint64_t id,
                        const struct auvi_script *script)
{
    struct auvi_frame frame;

    auvi_frame_init(&frame, kind);
    frame.id = id;
    frame.generation = view->document;
    frame.name = script->name;
    frame.name_length = script->name_length;
    frame.payload = script->json;
    frame.payload_length = script->json_length;
    page_send(null, view, &frame);
}

static void page_events(struct null_engine *null, struct null_view *view,
                        uint64_t id)
{
    size_t length = view->events_length;
    char *json = malloc(length + 2);

    if (!json)
        return;
    json[0] = '[';
    if (length)
        memcpy(json + 1, view->events, length);
    json[length ? length : 1] = ']'; /* over the last comma */
    page_result(null, view, id, false, json, length ? length + 1 : 2);
    free(json);
    view->events_length = 0;
}

/* One event as "[\"name\",data]," behind the others. Names with quotes or
 * control characters are escaped; the data is JSON already. */
static void page_keep_event(struct null_view *view,
                            const struct auvi_frame *frame)
{
    size_t room = view->events_length + frame->name_length * 6 +
                  frame->payload_length + 16;
    char *grown = realloc(view->events, room), *at;

    if (!grown)
        return;
    view->events = grown;
    at = grown + view->events_length;
    *at++ = '[';
    at = auvi_null_put_string(at, frame->name, frame->name_length);
    *at++ = ',';
    if (frame->payload && frame->payload_length) {
        memcpy(at, frame->payload, frame->payload_length);
        at += frame->payload_length;
    } else {
        memcpy(at, "null", 4);
        at += 4;
    }
    *at++ = ']';
    *at++ = ',';
    view->events_length = (size_t)(at - grown);
}

static void on_loaded(void *ctx, uint32_t id, uint64_t eval, bool error,
                      const char *json, size_t length)
{
    struct null_view *view = auvi_null_find(ctx, id);

    if (view)
        page_result(ctx, view, eval, error, json, length);
}

static void page_fetch(struct null_engine *null, struct null_view *view,
                       uint64_t eval, const struct auvi_script *script)
{
    char range[128] = "";

    /* A text without escapes; anything else is no range. */
    if (script->json_length > 2 && script->json_length < sizeof(range) &&
        *script->json == '"') {
        memcpy(range, script->json + 1, script->json_length - 2);
        range[script->json_length - 2] = '\0';
    }
    auvi_null_loads_begin(null->loads, view->id, eval, script->name, range);
}

static void page_eval(struct null_engine *null, struct null_view *view,
                      const struct auvi_frame *frame)
{
    static const char no_script[] =
        "{\"name\":\"SyntaxError\",\"message\":\"the null engine runs JSON, "
        "auroraview.call() and auroraview.emit() only\",\"stack\":\"\"}";
    static const char no_bridge[] =
        "{\"name\":\"ReferenceError\",\"message\":\"Can't find variable: "
        "auroraview\",\"stack\":\"\"}";
    struct auvi_script script;
    const char *text = frame->payload;
    const void *mapped = NULL;

    if (frame->payload_fd >= 0)
        text = mapped = auvi_shm_map(frame->payload_fd, frame->payload_length);
    auvi_script_parse(text ? text : "", text ? frame->payload_length : 0,
                      &script);
    if (script.kind != AUVI_SCRIPT_VALUE && script.kind != AUVI_SCRIPT_NEVER &&
        script.kind != AUVI_SCRIPT_ERROR && !view->granted) {
        page_result(null, view, frame->id, true, no_bridge,
                    sizeof(no_bridge) - 1);
    } else if (script.kind == AUVI_SCRIPT_VALUE) {
        page_result(null, view, frame->id, false, script.json,
                    script.json_length);
    } else if (script.kind == AUVI_SCRIPT_CALL) {
        /* The call has the script's number, so its answer finds the script. */
        page_invoke(null, view, AUVI_FRAME_CALL, frame->id, &script);
    } else if (script.kind == AUVI_SCRIPT_EMIT) {
        page_invoke(null, view, AUVI_FRAME_EVENT, 0, &script);
        page_result(null, view, frame->id, false, "null", 4);
    } else if (script.kind == AUVI_SCRIPT_EVENTS) {
        page_events(null, view, frame->id);
    } else if (script.kind == AUVI_SCRIPT_FETCH) {
        page_fetch(null, view, frame->id, &script);
    } else if (script.kind == AUVI_SCRIPT_HANG) {
        view->hangs = true;
        auvi_poller_remove(null->poller, auvi_link_fd(view->link));
    } else if (!auvi_null_streams_run(view->streams, frame->id, &script) &&
               script.kind == AUVI_SCRIPT_ERROR) {
        page_result(null, view, frame->id, true, no_script,
                    sizeof(no_script) - 1);
    }
    if (mapped)
        auvi_shm_unmap(mapped, frame->payload_length);
}

void auvi_null_drop_link(struct null_engine *null, struct null_view *view)
{
    if (!view->link)
        return;
    if (!view->hangs)
        auvi_poller_remove(null->poller, auvi_link_fd(view->link));
    auvi_link_close(view->link);
    view->hangs = false;
    view->link = NULL;
    view->waits_out = false;
    free_kept(view);
}

static void page_receive(struct null_engine *null, struct null_view *view)
{
    struct auvi_frame frame;
    int got = 0;

    /* A packet that has been read must be used up: its rest polls nothing. */
    for (int i = 0;
         !view->hangs && (i < BURST || auvi_link_has_more(view->link)); i++) {
        got = auvi_link_receive(view->link, &frame);
        if (got != 1)
            break;
        if (auvi_null_streams_take(view->streams, &frame)) {
            ;
        } else if (frame.kind == AUVI_FRAME_EVAL) {
            page_eval(null, view, &frame);
        } else if (frame.kind == AUVI_FRAME_EVENT) {
            if (view->granted)
                page_keep_event(view, &frame);
        } else if (frame.kind == AUVI_FRAME_REPLY && frame.id &&
                   frame.generation == view->document) {
            frame.kind = AUVI_FRAME_RESULT;
            page_send(null, view, &frame);
        } else if (frame.kind == AUVI_FRAME_PING) {
            frame.kind = AUVI_FRAME_PONG;
            page_send(null, view, &frame);
        }
        auvi_frame_release(&frame);
    }
    if (got < 0) /* the host let go of the link */
        auvi_null_drop_link(null, view);
}

static void page_navigated(struct null_engine *null, struct null_view *view)
{
    struct auvi_frame frame;

    auvi_frame_init(&frame, AUVI_FRAME_NAVIGATED);
    frame.generation = view->document;
    frame.id = view->navigation;
    page_send(null, view, &frame);
}

static void page_hello(struct null_engine *null, struct null_view *view)
{
    struct auvi_frame frame;

    if (!view->document)
        return;
    auvi_frame_init(&frame, AUVI_FRAME_HELLO);
    frame.generation = view->document;
    frame.id = view->granted;
    frame.name = view->url;
    frame.name_length = strlen(view->url);
    if (frame.name_length > AUV_MAX_NAME)
        frame.name_length = AUV_MAX_NAME;
    page_send(null, view, &frame);
    page_navigated(null, view);
}

static void streams_send(void *user, const struct auvi_frame *frame)
{
    struct null_view *view = user;

    page_send(view->engine, view, frame);
}

static void streams_result(void *user, uint64_t id, const char *json,
                           size_t length)
{
    struct null_view *view = user;

    page_result(view->engine, view, id, false, json, length);
}

/* ---- the table ------------------------------------------------------------ */

static int null_create(const struct auvi_engine_config *config,
                       struct auvi_engine **out)
{
    struct auvi_engine_event ready = {.kind = AUVI_ENGINE_READY,
                                      .text = "null " AUV_VERSION_STRING};
    struct null_engine *null = calloc(1, sizeof(*null));

    if (!null)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for an engine");
    null->base.impl = &auvi_engine_null;
    null->base.sink = config->sink;
    null->base.thread = auvi_thread_self();
    null->poller = auvi_poller_create();
    if (null->poller < 0) {
        int error = null->poller;

        free(null);
        return error;
    }
    null->loads = auvi_null_loads_create(&null->base, null->poller, KEY_LOADS,
                                         on_loaded, null);
    if (!null->loads) {
        auvi_fd_close(null->poller);
        free(null);
        return auvi_fail(AUV_ERR_NOMEM, "no memory for an engine");
    }
    *out = &null->base;
    auvi_engine_on_event(&null->base, &ready);
    return AUV_OK;
}

static void view_free(struct null_view *view)
{
    free_kept(view);
    auvi_link_close(view->link);
    auvi_null_free_grants(view->grants, view->grant_count);
    auvi_null_streams_free(view->streams);
    free(view->url);
    free(view->events);
    free(view);
}

static void null_destroy(struct auvi_engine *engine)
{
    struct null_engine *null = auvi_null_of(engine);

    while (null->views) {
        struct null_view *next = null->views->next;

        view_free(null->views);
        null->views = next;
    }
    auvi_null_loads_destroy(null->loads);
    auvi_fd_close(null->poller);
    free(null);
}

static int null_view_create(struct auvi_engine *engine, uint32_t id,
                            const auv_view_options *options)
{
    struct null_engine *null = auvi_null_of(engine);
    struct null_view *view = calloc(1, sizeof(*view));
    struct auvi_null_page page = {streams_send, streams_result, view};
    struct auvi_engine_event wanted = {.kind = AUVI_ENGINE_LINK_WANTED};

    if (view)
        view->streams = auvi_null_streams_create(&page);
    if (!view || !view->streams) {
        free(view);
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a view");
    }
    view->engine = null;
    view->id = id;
    view->kept_tail = &view->kept;
    view->next = null->views;
    null->views = view;
    auvi_null_tell(null, id, AUV_EVENT_ACTIVE, "");
    if (!options->hidden)
        auvi_null_tell(null, id, AUV_EVENT_SHOWN, "");
    wanted.view = id;
    wanted.generation = view->link_generation = 1;
    auvi_engine_on_event(engine, &wanted);
    return AUV_OK;
}

static void null_view_close(struct auvi_engine *engine, uint32_t id)
{
    struct null_engine *null = auvi_null_of(engine);

    for (struct null_view **at = &null->views; *at; at = &(*at)->next) {
        struct null_view *view = *at;

        if (view->id != id)
            continue;
        *at = view->next;
        auvi_null_loads_cancel(null->loads, id, true);
        view_free(view);
        break;
    }
    auvi_null_tell(null, id, AUV_EVENT_CLOSED, "");
}

/* The page that is there stays. */
static void settle(struct null_engine *null, struct null_view *view,
                   uint32_t navigation)
{
    struct auvi_engine_event nothing = {.kind = AUVI_ENGINE_NAVIGATION_VOID,
                                        .view = view->id,
                                        .generation = navigation};

    if (!navigation)
        return;
    view->navigation = navigation;
    /* By its link if it can: that is in step with its HELLO and GONE. */
    if (view->document && view->link)
        page_navigated(null, view);
    else
        auvi_engine_on_event(&null->base, &nothing);
}

static bool is_jump(const struct null_view *view, const char *url)
{
    const char *mark = strchr(url, '#');
    size_t length = mark ? (size_t)(mark - url) : 0;

    return mark && view->document && strncmp(view->url, url, length) == 0 &&
           (view->url[length] == '\0' || view->url[length] == '#');
}

void auvi_null_tell_committed(struct null_engine *null,
                              const struct null_view *view)
{
    struct auvi_engine_event committed = {
        .kind = AUVI_ENGINE_COMMITTED, .view = view->id, .text = view->url};

    auvi_engine_on_event(&null->base, &committed);
}

/* A new document takes the place of the old one. */
static int load(struct null_engine *null, uint32_t id, uint32_t navigation,
                const char *url)
{
    struct null_view *view = auvi_null_find(null, id);
    struct auvi_frame frame;
    char *copy = NULL;
    size_t size = strlen(url) + 1;

    if (view)
        copy = malloc(size);
    if (!copy)
        return auvi_fail(view ? AUV_ERR_NOMEM : AUV_ERR_ARG,
                         view ? "no memory for a page" : "no such view");
    memcpy(copy, url, size);
    if (view->url && is_jump(view, url)) {
        free(view->url);
        view->url = copy;
        auvi_null_tell(null, id, AUV_EVENT_URL, url);
        settle(null, view, navigation);
        return AUV_OK;
    }
    auvi_null_tell(null, id, AUV_EVENT_LOAD_STARTED, url);
    if (strncmp(url, "http:", 5) == 0 || strncmp(url, "https:", 6) == 0) {
        auv_event failed = {.kind = AUV_EVENT_LOAD_FAILED,
                            .error = AUV_ERR_LOAD,
                            .text = "the null engine has no network"};

        free(copy);
        auvi_engine_on_view_event(&null->base, id, failed);
        /* As in a real engine the page that is there stays, and there is
         * always one. */
        if (!view->document)
            return load(null, id, navigation, "about:blank");
        settle(null, view, navigation);
        return AUV_OK;
    }
    free(view->url);
    view->url = copy;
    view->lost = false;
    if (view->document) {
        auvi_frame_init(&frame, AUVI_FRAME_GONE);
        frame.generation = view->document;
        page_send(null, view, &frame);
    }
    auvi_null_loads_cancel(null->loads, id, false);
    view->events_length = 0;
    view->document = ++view->documents;
    auvi_null_streams_reset(view->streams, view->document);
    if (navigation)
        view->navigation = navigation;
    view->granted = auvi_null_is_granted(view, url);
    auvi_null_tell(null, id, AUV_EVENT_LOAD_COMMITTED, url);
    auvi_null_tell_committed(null, view);
    page_hello(null, view);
    auvi_null_tell(null, id, AUV_EVENT_URL, url);
    auvi_null_tell(null, id, AUV_EVENT_LOADED, url);
    return AUV_OK;
}

static int null_navigate(struct auvi_engine *engine, uint32_t id,
                         uint32_t navigation, const char *url)
{
    return load(auvi_null_of(engine), id, navigation, url);
}

static int null_load_html(struct auvi_engine *engine, uint32_t id,
                          uint32_t navigation, const char *html, size_t length)
{
    (void)html;
    (void)length;
    return load(auvi_null_of(engine), id, navigation,
                "auroraview://localhost/");
}

int auvi_null_reload(struct auvi_engine *engine, uint32_t id,
                     uint32_t navigation)
{
    struct null_engine *null = auvi_null_of(engine);
    struct null_view *view = auvi_null_find(null, id);
    char *url;
    int error;

    if (!view)
        return AUV_OK;
    if (!view->url) {
        settle(null, view, navigation);
        return AUV_OK;
    }
    url = view->url; /* load() replaces it */
    view->url = NULL;
    error = load(null, id, navigation, url);
    free(url);
    return error;
}

static int null_stop(struct auvi_engine *engine, uint32_t id)
{
    (void)auvi_null_of(engine);
    (void)id;
    return AUV_OK;
}

static int null_attach_link(struct auvi_engine *engine, uint32_t id,
                            uint32_t generation, int fd)
{
    struct null_engine *null = auvi_null_of(engine);
    struct null_view *view = auvi_null_find(null, id);
    struct auvi_link *link;
    int error;

    if (!view || view->link || generation != view->link_generation) {
        auvi_fd_close(fd);
        return AUV_OK;
    }
    error = auvi_link_open(fd, &link);
    if (error < 0)
        return error;
    view->link = link;
    error = auvi_poller_add(null->poller, auvi_link_fd(link), AUVI_POLL_IN, id);
    page_hello(null, view);
    return error;
}

static int null_add_scheme(struct auvi_engine *engine, uint32_t id,
                           const char *scheme, int64_t timeout_ms)
{
    (void)timeout_ms; /* a real engine's pages may not wait for ever */
    return auvi_null_loads_add_scheme(auvi_null_of(engine)->loads, id, scheme);
}

static int null_answer(struct auvi_engine *engine, uint32_t id, uint32_t fetch,
                       const struct auvi_engine_answer *answer)
{
    auvi_null_loads_answer(auvi_null_of(engine)->loads, id, fetch, answer);
    return AUV_OK;
}

static int null_set_title(struct auvi_engine *engine, uint32_t id,
                          const char *title)
{
    (void)auvi_null_of(engine);
    (void)id;
    (void)title;
    return AUV_OK;
}

static int null_set_bounds(struct auvi_engine *engine, uint32_t id, int32_t x,
                           int32_t y, int32_t width, int32_t height)
{
    struct null_engine *null = auvi_null_of(engine);
    auv_event event = {.kind = AUV_EVENT_RESIZED,
                       .x = x,
                       .y = y,
                       .width = width,
                       .height = height};

    auvi_engine_on_view_event(&null->base, id, event);
    return AUV_OK;
}

static int null_set_visible(struct auvi_engine *engine, uint32_t id,
                            bool visible)
{
    auvi_null_tell(auvi_null_of(engine), id,
                   visible ? AUV_EVENT_SHOWN : AUV_EVENT_HIDDEN, "");
    return AUV_OK;
}

static int null_set_parent(struct auvi_engine *engine, uint32_t id,
                           auv_native parent)
{
    (void)auvi_null_of(engine);
    (void)id;
    (void)parent;
    return AUV_OK;
}

static int null_set_focus(struct auvi_engine *engine, uint32_t id,
                          auv_focus focus)
{
    auvi_null_tell(
        auvi_null_of(engine), id,
        focus == AUV_FOCUS_OUT ? AUV_EVENT_FOCUS_OUT : AUV_EVENT_FOCUS_IN, "");
    return AUV_OK;
}

static int null_set_input(struct auvi_engine *engine, uint32_t id,
                          bool admitted)
{
    (void)auvi_null_of(engine);
    (void)id;
    (void)admitted;
    return AUV_OK;
}

static int null_fd(struct auvi_engine *engine)
{
    return auvi_null_of(engine)->poller;
}

static void null_poll_once(struct auvi_engine *engine)
{
    struct null_engine *null = auvi_null_of(engine);
    struct auvi_poll_event events[16];
    int count = auvi_poller_wait(null->poller, events, 16, 0);

    for (int i = 0; i < count; i++) {
        struct null_view *view;

        if (events[i].key >= KEY_LOADS) {
            auvi_null_loads_ready(null->loads, events[i].key);
            continue;
        }
        view = auvi_null_find(null, (uint32_t)events[i].key);
        if (!view || !view->link)
            continue;
        if (view->waits_out)
            send_kept(null, view);
        if (view->hangs)
            continue;
        page_receive(null, view);
    }
}

const struct auvi_engine_impl auvi_engine_null = {
    .name = "null",
    .create = null_create,
    .destroy = null_destroy,
    .view_create = null_view_create,
    .view_close = null_view_close,
    .navigate = null_navigate,
    .load_html = null_load_html,
    .reload = auvi_null_reload,
    .stop = null_stop,
    .set_grants = auvi_null_set_grants,
    .set_allowed = auvi_null_set_allowed,
    .attach_link = null_attach_link,
    .add_scheme = null_add_scheme,
    .answer = null_answer,
    .set_title = null_set_title,
    .set_bounds = null_set_bounds,
    .set_visible = null_set_visible,
    .set_parent = null_set_parent,
    .set_focus = null_set_focus,
    .set_input = null_set_input,
    .recover = auvi_null_recover,
    .resume = auvi_null_resume,
    .kill_page = auvi_null_kill_page,
    .fd = null_fd,
    .poll_once = null_poll_once,
};
