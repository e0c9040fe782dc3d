/*
 * webkitgtk.c - the table of this engine, and its views by number.
 */
#include "engine/webkitgtk/webkitgtk_priv.h"

#include "base/base.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

extern const struct auvi_engine_impl auvi_engine_webkitgtk;

static struct auvi_wk_engine *engine_of(struct auvi_engine *engine)
{
    auvi_engine_assert_thread(engine);
    return (struct auvi_wk_engine *)engine; /* base comes first */
}

struct auvi_wk_view *auvi_wk_find(struct auvi_wk_engine *engine, uint32_t id)
{
    return g_hash_table_lookup(engine->views, GUINT_TO_POINTER(id));
}

void auvi_wk_report(struct auvi_wk_view *view, auv_event event)
{
    auvi_engine_on_view_event(&view->engine->base, view->id, event);
}

/* ---- the engine ---------------------------------------------------------- */

static gboolean free_later(gpointer memory)
{
    g_free(memory);
    return G_SOURCE_REMOVE;
}

/* Runs when a view leaves the table. */
static void view_free(gpointer data)
{
    struct auvi_wk_view *view = data;

    auvi_wk_focus_forget(view);
    auvi_wk_embed_forget_parent(view);
    auvi_wk_window_destroy(view);
    auvi_wk_page_destroy(view);
    g_free(view->title);
    g_free(view->asset_root);
    g_free(view->csp);
    g_free(view->policy);
    view->title = view->asset_root = view->csp = view->policy = NULL;
    /* The view may have been closed from inside one of its own signals, whose
     * handler goes on after its report. */
    g_idle_add(free_later, view);
}

static int engine_create(const struct auvi_engine_config *config,
                         struct auvi_engine **out)
{
    struct auvi_wk_engine *engine = g_new0(struct auvi_wk_engine, 1);
    int result;

    engine->base.impl = &auvi_engine_webkitgtk;
    engine->base.sink = config->sink;
    engine->base.thread = auvi_thread_self();
    auvi_wk_sandbox_probe();
    result = auvi_wk_display_open(engine);
    auvi_wk_sandbox_ready(engine);
    if (result < 0) {
        g_free(engine->sandbox_reason);
        g_free(engine);
        return result;
    }
    engine->page_dir = auvi_wk_page_dir();
    if (!engine->page_dir) {
        g_free(engine->sandbox_reason);
        g_free(engine);
        return auvi_fail(AUV_ERR_ENGINE_MISSING,
                         "auroraview-page.so is not beside the engine program: "
                         "install both from the same release");
    }
    if (pipe2(engine->life, O_CLOEXEC) < 0)
        engine->life[0] = engine->life[1] = -1; /* pages end a little later */
    engine->loop = g_main_loop_new(NULL, FALSE);
    engine->views =
        g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, view_free);
    /* Nothing of one application's pages is left for another's: both have the
     * origin auroraview://localhost. */
    engine->data = webkit_website_data_manager_new_ephemeral();
    auvi_wk_embed_init(engine);
    *out = &engine->base;

    char text[320];
    struct auvi_engine_event ready = {.kind = AUVI_ENGINE_READY, .text = text};

    snprintf(text, sizeof(text), "webkitgtk %u.%u.%u; sandbox %s%s",
             webkit_get_major_version(), webkit_get_minor_version(),
             webkit_get_micro_version(), engine->sandbox ? "on" : "off: ",
             engine->sandbox ? "" : engine->sandbox_reason);
    auvi_engine_on_event(&engine->base, &ready);
    return AUV_OK;
}

static void ignore_event(void *ctx, const struct auvi_engine_event *event)
{
    (void)ctx;
    (void)event;
}

static void engine_destroy(struct auvi_engine *base)
{
    struct auvi_wk_engine *engine = engine_of(base);

    base->sink.on_event = ignore_event;
    g_hash_table_destroy(engine->views);
    auvi_wk_embed_fini(engine);
    g_object_unref(engine->data);
    g_main_loop_unref(engine->loop);
    auvi_fd_close(engine->life[0]);
    auvi_fd_close(engine->life[1]);
    g_free(engine->page_dir);
    g_free(engine->sandbox_reason);
    g_free(engine);
}

static int engine_fd(struct auvi_engine *engine)
{
    (void)engine;
    return -1;
}

static void engine_poll_once(struct auvi_engine *base)
{
    engine_of(base);
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

static int engine_run(struct auvi_engine *base)
{
    g_main_loop_run(engine_of(base)->loop);
    return AUV_OK;
}

static gboolean quit_loop(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

static void engine_request_exit(struct auvi_engine *base)
{
    struct auvi_wk_engine *engine = (struct auvi_wk_engine *)base;

    /* Not g_main_loop_quit() itself: called before run() it would be lost. */
    g_idle_add_full(G_PRIORITY_HIGH, quit_loop, g_main_loop_ref(engine->loop),
                    (GDestroyNotify)g_main_loop_unref);
}

/* ---- views --------------------------------------------------------------- */

static int view_create(struct auvi_engine *base, uint32_t id,
                       const auv_view_options *options)
{
    struct auvi_wk_engine *engine = engine_of(base);

    if (id == 0 || auvi_wk_find(engine, id))
        return auvi_fail(AUV_ERR_ARG, "view %u exists already", id);
    if (options->parent && !engine->x11)
        return auvi_fail(AUV_ERR_UNSUPPORTED,
                         "this Wayland session does not let a view live in "
                         "another program's window: use an own window, or "
                         "start the application under X11 or XWayland");

    struct auvi_wk_view *view = g_new0(struct auvi_wk_view, 1);

    view->engine = engine;
    view->id = id;
    view->title = g_strdup(options->title ? options->title : "AuroraView");
    view->asset_root = g_strdup(options->asset_root);
    view->csp = g_strdup(options->csp);
    view->width = options->width > 0 ? options->width : 800;
    view->height = options->height > 0 ? options->height : 600;
    view->dev_tools = options->dev_tools;
    view->transparent = options->transparent;
    view->context_menu = options->context_menu;
    view->resizable = options->resizable;
    view->decorated = options->decorated;
    view->remote = options->profile == AUV_PROFILE_REMOTE;
    view->wanted_visible = !options->hidden;
    g_hash_table_insert(engine->views, GUINT_TO_POINTER(id), view);

    auvi_wk_page_create(view);
    auvi_wk_report(view, (auv_event){.kind = AUV_EVENT_ACTIVE});
    if (options->parent) {
        auvi_wk_embed(view, options->parent);
    } else {
        auvi_wk_window_renew(view, false);
        auvi_wk_window_update_visible(view);
    }
    return AUV_OK;
}

static void view_close(struct auvi_engine *base, uint32_t id)
{
    struct auvi_wk_engine *engine = engine_of(base);

    g_hash_table_remove(engine->views, GUINT_TO_POINTER(id));
    auvi_engine_on_view_event(base, id, (auv_event){.kind = AUV_EVENT_CLOSED});
}

/* The functions of the table that act on one view: the engine's thread is
 * checked, and an unknown number is a view that was closed meanwhile. */
static struct auvi_wk_view *view_of(struct auvi_engine *base, uint32_t id)
{
    return auvi_wk_find(engine_of(base), id);
}

static int view_navigate(struct auvi_engine *base, uint32_t id,
                         uint32_t navigation, const char *url)
{
    struct auvi_wk_view *view = view_of(base, id);

    return view ? auvi_wk_navigate(view, navigation, url) : AUV_ERR_CLOSED;
}

static int view_load_html(struct auvi_engine *base, uint32_t id,
                          uint32_t navigation, const char *html, size_t length)
{
    struct auvi_wk_view *view = view_of(base, id);

    return view ? auvi_wk_load_html(view, navigation, html, length)
                : AUV_ERR_CLOSED;
}

static int view_reload(struct auvi_engine *base, uint32_t id,
                       uint32_t navigation)
{
    struct auvi_wk_view *view = view_of(base, id);

    if (!view)
        return AUV_ERR_CLOSED;
    auvi_wk_reload(view, navigation);
    return AUV_OK;
}

static int view_stop(struct auvi_engine *base, uint32_t id)
{
    struct auvi_wk_view *view = view_of(base, id);

    if (!view)
        return AUV_ERR_CLOSED;
    auvi_wk_stop(view);
    return AUV_OK;
}

static int view_set_grants(struct auvi_engine *base, uint32_t id,
                           const char *const *origins, size_t count)
{
    struct auvi_wk_view *view = view_of(base, id);

    return view ? auvi_wk_set_grants(view, origins, count) : AUV_ERR_CLOSED;
}

static int view_set_allowed(struct auvi_engine *base, uint32_t id,
                            const char *const *patterns, size_t count)
{
    struct auvi_wk_view *view = view_of(base, id);

    if (!view)
        return AUV_ERR_CLOSED;
    auvi_wk_set_allowed(view, patterns, count);
    return AUV_OK;
}

static int view_attach_link(struct auvi_engine *base, uint32_t id,
                            uint32_t generation, int fd)
{
    struct auvi_wk_view *view = view_of(base, id);

    if (!view) {
        auvi_fd_close(fd);
        return AUV_ERR_CLOSED;
    }
    return auvi_wk_attach_link(view, generation, fd);
}

static int view_add_scheme(struct auvi_engine *base, uint32_t id,
                           const char *scheme, int64_t timeout_ms)
{
    struct auvi_wk_view *view = view_of(base, id);

    return view ? auvi_wk_add_scheme(view, scheme, timeout_ms) : AUV_ERR_CLOSED;
}

static int view_answer(struct auvi_engine *base, uint32_t id, uint32_t fetch,
                       const struct auvi_engine_answer *answer)
{
    struct auvi_wk_view *view = view_of(base, id);

    if (!view) {
        auvi_fd_close(answer->fd);
        return AUV_ERR_CLOSED;
    }
    return auvi_wk_answer_fetch(view, fetch, answer);
}

static int view_set_title(struct auvi_engine *base, uint32_t id,
                          const char *title)
{
    struct auvi_wk_view *view = view_of(base, id);

    if (!view)
        return AUV_ERR_CLOSED;
    g_free(view->title);
    view->title = g_strdup(title);
    gtk_window_set_title(GTK_WINDOW(view->window), title);
    return AUV_OK;
}

static int view_set_bounds(struct auvi_engine *base, uint32_t id, int32_t x,
                           int32_t y, int32_t width, int32_t height)
{
    struct auvi_wk_view *view = view_of(base, id);

    if (!view)
        return AUV_ERR_CLOSED;
    if (view->embedded)
        auvi_wk_embed_set_bounds(view, x, y, width, height);
    else
        auvi_wk_window_set_bounds(view, x, y, width, height);
    return AUV_OK;
}

static int view_set_visible(struct auvi_engine *base, uint32_t id, bool visible)
{
    struct auvi_wk_view *view = view_of(base, id);

    if (!view)
        return AUV_ERR_CLOSED;
    view->wanted_visible = visible;
    auvi_wk_window_update_visible(view);
    return AUV_OK;
}

static int view_set_parent(struct auvi_engine *base, uint32_t id,
                           auv_native parent)
{
    struct auvi_wk_view *view = view_of(base, id);

    if (!view)
        return AUV_ERR_CLOSED;
    if (parent && !view->engine->x11)
        return auvi_fail(AUV_ERR_UNSUPPORTED,
                         "this Wayland session does not let a view live in "
                         "another program's window");
    if (parent) {
        auvi_wk_embed(view, parent);
    } else if (view->embedded) {
        auvi_wk_window_renew(view, false);
        auvi_wk_window_update_visible(view);
    }
    return AUV_OK;
}

static int view_set_focus(struct auvi_engine *base, uint32_t id,
                          auv_focus focus)
{
    struct auvi_wk_view *view = view_of(base, id);

    if (!view)
        return AUV_ERR_CLOSED;
    auvi_wk_set_focus(view, focus);
    return AUV_OK;
}

static int view_set_input(struct auvi_engine *base, uint32_t id, bool admitted)
{
    struct auvi_wk_view *view = view_of(base, id);

    if (!view)
        return AUV_ERR_CLOSED;
    view->input_blocked = !admitted;
    return AUV_OK;
}

static int view_recover(struct auvi_engine *base, uint32_t id, bool stopped)
{
    struct auvi_wk_view *view = view_of(base, id);

    return view ? auvi_wk_recover(view, stopped) : AUV_ERR_CLOSED;
}

static int view_resume(struct auvi_engine *base, uint32_t id, uint32_t links)
{
    struct auvi_wk_view *view = view_of(base, id);

    if (!view)
        return AUV_ERR_CLOSED;
    view->generation = links;
    return AUV_OK;
}

static int view_kill_page(struct auvi_engine *base, uint32_t id)
{
    struct auvi_wk_view *view = view_of(base, id);

    if (!view)
        return AUV_ERR_CLOSED;
    webkit_web_view_terminate_web_process(view->web);
    return AUV_OK;
}

const struct auvi_engine_impl auvi_engine_webkitgtk = {
    .name = "webkitgtk",
    .create = engine_create,
    .destroy = engine_destroy,
    .view_create = view_create,
    .view_close = view_close,
    .navigate = view_navigate,
    .load_html = view_load_html,
    .reload = view_reload,
    .stop = view_stop,
    .set_grants = view_set_grants,
    .set_allowed = view_set_allowed,
    .attach_link = view_attach_link,
    .add_scheme = view_add_scheme,
    .answer = view_answer,
    .set_title = view_set_title,
    .set_bounds = view_set_bounds,
    .set_visible = view_set_visible,
    .set_parent = view_set_parent,
    .set_focus = view_set_focus,
    .set_input = view_set_input,
    .recover = view_recover,
    .resume = view_resume,
    .kill_page = view_kill_page,
    .fd = engine_fd,
    .poll_once = engine_poll_once,
    .run = engine_run,
    .request_exit = engine_request_exit,
};
