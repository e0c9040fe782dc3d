#include "engine/remote/serve.h"

#include "base/base.h"

#include <stdlib.h>
#include <string.h>

/* Orders handled before the engine's own loop gets its turn. */
#define BURST 64

struct auvi_serve {
    struct auvi_channel *channel;
    const struct auvi_engine_impl *impl;
    struct auvi_engine *engine;
};

static void send_text(struct auvi_serve *serve, enum auvi_control_op op,
                      int64_t value, const char *text)
{
    struct auvi_control control;

    auvi_control_init(&control, op, 0);
    control.value[0] = value;
    auvi_control_add_text(&control, text, strlen(text));
    auvi_channel_send(serve->channel, &control);
}

static void on_engine_event(void *ctx, const struct auvi_engine_event *event)
{
    struct auvi_serve *serve = ctx;
    const auv_event *e = event->event;
    const char *text = event->text ? event->text : "";
    struct auvi_control control;

    switch (event->kind) {
    case AUVI_ENGINE_READY:
        send_text(serve, AUVI_CONTROL_READY, 0, text);
        return;
    case AUVI_ENGINE_PONG:
        send_text(serve, AUVI_CONTROL_PONG, 0, "");
        return;
    case AUVI_ENGINE_FAILED:
        send_text(serve, AUVI_CONTROL_FAILED, event->error, text);
        return;
    case AUVI_ENGINE_LINK_WANTED:
    case AUVI_ENGINE_NAVIGATION_VOID:
    case AUVI_ENGINE_FETCH_CANCELLED:
        auvi_control_init(&control,
                          event->kind == AUVI_ENGINE_LINK_WANTED
                              ? AUVI_CONTROL_LINK_WANTED
                          : event->kind == AUVI_ENGINE_NAVIGATION_VOID
                              ? AUVI_CONTROL_NAVIGATION_VOID
                              : AUVI_CONTROL_FETCH_CANCELLED,
                          event->view);
        control.generation = event->generation;
        auvi_channel_send(serve->channel, &control);
        return;
    case AUVI_ENGINE_FETCH:
        auvi_control_init(&control, AUVI_CONTROL_FETCH, event->view);
        control.generation = event->fetch->id;
        auvi_control_add_text(&control, event->fetch->method,
                              strlen(event->fetch->method));
        auvi_control_add_text(&control, event->fetch->url,
                              strlen(event->fetch->url));
        auvi_control_add_text(&control, event->fetch->headers,
                              strlen(event->fetch->headers));
        auvi_channel_send(serve->channel, &control);
        return;
    case AUVI_ENGINE_DENIED:
        /* A page can make any number of these: not behind what waits. */
        if (auvi_channel_is_blocked(serve->channel))
            return;
        /* fall through */
    case AUVI_ENGINE_COMMITTED:
        auvi_control_init(&control,
                          event->kind == AUVI_ENGINE_DENIED
                              ? AUVI_CONTROL_DENIED
                              : AUVI_CONTROL_COMMITTED,
                          event->view);
        auvi_control_add_text(&control, text, strlen(text));
        auvi_channel_send(serve->channel, &control);
        return;
    case AUVI_ENGINE_VIEW:
        auvi_control_init(&control, AUVI_CONTROL_EVENT, event->view);
        control.value[0] = e->kind;
        control.value[1] = e->reason;
        control.value[2] = e->error;
        control.value[3] = e->x;
        control.value[4] = e->y;
        control.value[5] = e->width;
        control.value[6] = e->height;
        control.value[7] = (int64_t)e->native;
        text = e->text ? e->text : "";
        auvi_control_add_text(&control, text, strlen(text));
        auvi_channel_send(serve->channel, &control);
        return;
    }
}

struct auvi_serve *auvi_serve_create(struct auvi_link *link)
{
    struct auvi_serve *serve = calloc(1, sizeof(*serve));

    if (!serve) {
        auvi_link_close(link);
        return NULL;
    }
    serve->channel = auvi_channel_create(link);
    if (!serve->channel) {
        free(serve);
        return NULL;
    }
    send_text(serve, AUVI_CONTROL_HELLO, 0, AUV_VERSION_STRING);
    return serve;
}

int auvi_serve_start(struct auvi_serve *serve,
                     const struct auvi_engine_impl *impl)
{
    struct auvi_engine_config config = {.sink = {on_engine_event, serve}};
    int error;

    serve->impl = impl;
    error = impl->create(&config, &serve->engine);
    if (error < 0)
        send_text(serve, AUVI_CONTROL_FAILED, error, auv_last_error_message());
    return error;
}

void auvi_serve_destroy(struct auvi_serve *serve)
{
    if (!serve)
        return;
    if (serve->engine)
        serve->impl->destroy(serve->engine);
    auvi_channel_flush(serve->channel);
    auvi_channel_destroy(serve->channel);
    free(serve);
}

struct auvi_engine *auvi_serve_engine(struct auvi_serve *serve)
{
    return serve->engine;
}

int auvi_serve_fd(const struct auvi_serve *serve)
{
    return auvi_channel_fd(serve->channel);
}

bool auvi_serve_is_blocked(const struct auvi_serve *serve)
{
    return auvi_channel_is_blocked(serve->channel);
}

/* ---- orders --------------------------------------------------------------- */

static int view_create(struct auvi_serve *serve,
                       const struct auvi_control *control, const char *title)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    char *asset_root = auvi_control_text(control, 1);
    char *csp = auvi_control_text(control, 2);
    int error;

    options.title = title;
    options.width = (int32_t)control->value[0];
    options.height = (int32_t)control->value[1];
    options.parent = (auv_native)control->value[2];
    options.hidden = control->value[3] & 1;
    options.dev_tools = control->value[3] & 2;
    options.transparent = control->value[3] & 4;
    options.context_menu = control->value[3] & 8;
    options.resizable = control->value[3] & 16;
    options.decorated = control->value[3] & 32;
    options.profile =
        control->value[3] & 64 ? AUV_PROFILE_REMOTE : AUV_PROFILE_LOCAL;
    options.asset_root = control->value[3] & 128 ? asset_root : NULL;
    options.csp = control->value[3] & 256 ? csp : NULL;
    error = serve->impl->view_create(serve->engine, control->view, &options);
    free(asset_root);
    free(csp);
    return error;
}

/* `list`: an entry in each line; changed in place. */
static int set_list(struct auvi_serve *serve,
                    const struct auvi_control *control, char *list,
                    int (*set)(struct auvi_engine *engine, uint32_t view,
                               const char *const *entries, size_t count))
{
    const char **origins;
    size_t count = 0;
    int error;

    for (const char *at = list; (at = strchr(at, '\n')); at++)
        count++;
    origins = malloc((count + 1) * sizeof(*origins));
    if (!origins)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for grants");
    count = 0;
    for (char *at = list, *end; (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        origins[count++] = at;
    }
    error = set(serve->engine, control->view, origins, count);
    free(origins);
    return error;
}

static int answer(struct auvi_serve *serve, struct auvi_control *control,
                  const char *type)
{
    char *headers = auvi_control_text(control, 1);
    struct auvi_engine_answer answer = {
        .status = (int)control->value[0],
        .is_file = control->value[1] != 0,
        .offset = (uint64_t)control->value[2],
        .length = (uint64_t)control->value[3],
        .mime_type = type,
        .headers = headers,
        .fd = control->fd,
    };
    int error;

    control->fd = -1;
    error = serve->impl->answer(serve->engine, control->view,
                                control->generation, &answer);
    free(headers);
    return error;
}

/* The table's function of the order. `text` is text 0, "" if there is none. */
static int run_order(struct auvi_serve *serve, struct auvi_control *control,
                     char *text)
{
    const struct auvi_engine_impl *impl = serve->impl;
    struct auvi_engine *engine = serve->engine;
    const int64_t *v = control->value;
    uint32_t view = control->view, navigation = control->generation;

    switch (control->op) {
    case AUVI_CONTROL_VIEW_CREATE:
        return view_create(serve, control, text);
    case AUVI_CONTROL_VIEW_CLOSE:
        impl->view_close(engine, view);
        return AUV_OK;
    case AUVI_CONTROL_NAVIGATE:
        return impl->navigate(engine, view, navigation, text);
    case AUVI_CONTROL_LOAD_HTML:
        return impl->load_html(engine, view, navigation, text,
                               control->text_count ? control->text[0].length
                                                   : 0);
    case AUVI_CONTROL_RELOAD:
        return impl->reload(engine, view, navigation);
    case AUVI_CONTROL_STOP:
        return impl->stop(engine, view);
    case AUVI_CONTROL_SET_GRANTS:
        return set_list(serve, control, text, impl->set_grants);
    case AUVI_CONTROL_SET_ALLOWED:
        return set_list(serve, control, text, impl->set_allowed);
    case AUVI_CONTROL_ATTACH_LINK:
        return impl->attach_link(engine, view, control->generation,
                                 control->fd);
    case AUVI_CONTROL_SET_TITLE:
        return impl->set_title(engine, view, text);
    case AUVI_CONTROL_SET_BOUNDS:
        return impl->set_bounds(engine, view, (int32_t)v[0], (int32_t)v[1],
                                (int32_t)v[2], (int32_t)v[3]);
    case AUVI_CONTROL_SET_VISIBLE:
        return impl->set_visible(engine, view, v[0] != 0);
    case AUVI_CONTROL_SET_PARENT:
        return impl->set_parent(engine, view, (auv_native)v[0]);
    case AUVI_CONTROL_SET_FOCUS:
        return impl->set_focus(engine, view, (auv_focus)v[0]);
    case AUVI_CONTROL_SET_INPUT:
        return impl->set_input(engine, view, v[0] != 0);
    case AUVI_CONTROL_ADD_SCHEME:
        return impl->add_scheme(engine, view, text, v[0]);
    case AUVI_CONTROL_ANSWER:
        return answer(serve, control, text);
    case AUVI_CONTROL_RECOVER:
        return impl->recover(engine, view, v[0] != 0);
    case AUVI_CONTROL_RESUME:
        return impl->resume(engine, view, control->generation);
    case AUVI_CONTROL_PING:
        /* Handled on the engine's loop: that is the answer. */
        send_text(serve, AUVI_CONTROL_PONG, 0, "");
        return AUV_OK;
    case AUVI_CONTROL_KILL_PAGE:
        return impl->kill_page(engine, view);
    default:
        return auvi_fail(AUV_ERR_PROTOCOL, "unknown order %d",
                         (int)control->op);
    }
}

/* An order that the engine refuses becomes an event of its view, since the
 * library has gone on long ago. */
static void report_refusal(struct auvi_serve *serve,
                           const struct auvi_control *control, int error)
{
    auv_event event = {.error = error, .text = auv_last_error_message()};

    if (control->op == AUVI_CONTROL_VIEW_CREATE) {
        event.kind = AUV_EVENT_CLOSED;
        event.reason = AUV_CLOSE_ENGINE_LOST;
    } else if (control->op == AUVI_CONTROL_NAVIGATE ||
               control->op == AUVI_CONTROL_LOAD_HTML ||
               control->op == AUVI_CONTROL_RELOAD) {
        struct auvi_engine_event nothing = {.kind = AUVI_ENGINE_NAVIGATION_VOID,
                                            .view = control->view,
                                            .generation = control->generation};

        event.kind = AUV_EVENT_LOAD_FAILED;
        if (control->generation)
            auvi_engine_on_event(serve->engine, &nothing);
    } else {
        auvi_log(AUV_LOG_WARNING, "order %d of view %u: %s", (int)control->op,
                 control->view, event.text);
        return;
    }
    auvi_engine_on_view_event(serve->engine, control->view, event);
}

int auvi_serve_dispatch(struct auvi_serve *serve)
{
    struct auvi_control control;
    int got = auvi_channel_flush(serve->channel);

    if (got < 0)
        return got;
    /* A packet that has been read must be used up: its rest polls nothing. */
    for (int i = 0; i < BURST || auvi_channel_has_more(serve->channel); i++) {
        char *text, none[] = "";

        got = auvi_channel_receive(serve->channel, &control);
        if (got != 1)
            return got;
        if (control.op == AUVI_CONTROL_EXIT)
            return 1;
        text = auvi_control_text(&control, 0);
        got = run_order(serve, &control, text ? text : none);
        if (got < 0)
            report_refusal(serve, &control, got);
        if (control.op != AUVI_CONTROL_ATTACH_LINK)
            auvi_fd_close(control.fd);
        free(text);
    }
    return 0;
}
