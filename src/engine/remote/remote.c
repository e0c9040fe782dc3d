/*
 * remote.c - an engine that is another process: starts the engine program,
 * sends it every call of the table, and reports what it reports.
 *
 * The link is the only tie. When it breaks, for whatever reason, the engine has
 * failed and says so once; the core does the rest.
 */
#include "base/base.h"
#include "engine/remote/channel.h"

#include <stdlib.h>
#include <string.h>

#define EXIT_WAIT_US 2000000
/* Also a killed process may stay: in the kernel, for a device that does not
 * answer. */
#define KILL_WAIT_US 1000000
/* Its link ends while it exits: just long enough to learn how. */
#define STATUS_WAIT_US 50000

struct remote {
    struct auvi_engine base;
    struct auvi_channel *channel;
    struct auvi_child child;
    int poller; /* what fd() gives: the link, in or in and out */
    bool waits_out;
    bool greeted; /* HELLO of our own version has come */
    bool failed;  /* told the core; nothing is sent any more */
};

static struct remote *remote_of(struct auvi_engine *engine)
{
    return (struct remote *)engine;
}

/* ---- finding the program -------------------------------------------------- */

#define PROGRAM "auroraview-engine"

static bool join_path(char *out, size_t size, const char *folder,
                      const char *rest)
{
    size_t a = strlen(folder), b = strlen(rest);

    if (a + b + 1 > size)
        return false;
    memcpy(out, folder, a);
    memcpy(out + a, rest, b + 1);
    return true;
}

/* In the order of who knows best: the caller, the user, the installation. */
static int find_program(const char *given, char *out, size_t size)
{
    static const char *const beside[] = {
        "/_engine/" PROGRAM,               /* Python package */
        "/auroraview/" PROGRAM,            /* lib/ and lib/auroraview/ */
        "/../libexec/auroraview/" PROGRAM, /* lib/ and libexec/ */
        "/programs/engine/" PROGRAM,       /* build tree */
    };
    char folder[3000];
    const char *named = given ? given : getenv("AURORAVIEW_ENGINE_PATH");

    if (named && *named) {
        if (!join_path(out, size, named, ""))
            return auvi_fail(AUV_ERR_ARG, "the engine's path is too long");
        if (auvi_file_is_executable(out))
            return AUV_OK;
        return auvi_fail(
            AUV_ERR_ENGINE_MISSING, "no engine program at '%s' (%s)", named,
            given ? "the engine_path option" : "AURORAVIEW_ENGINE_PATH");
    }
    if (auvi_library_folder(folder, sizeof(folder)) == AUV_OK) {
        for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++)
            if (join_path(out, size, folder, beside[i]) &&
                auvi_file_is_executable(out))
                return AUV_OK;
    }
    if (join_path(out, size, AUVI_ENGINE_DIR "/", PROGRAM) &&
        auvi_file_is_executable(out))
        return AUV_OK;
    return auvi_fail(AUV_ERR_ENGINE_MISSING,
                     "the program " PROGRAM " was not found in %s nor beside "
                     "the library: install it (it comes with the Python "
                     "package, or with 'meson install'), or name it in "
                     "AURORAVIEW_ENGINE_PATH",
                     AUVI_ENGINE_DIR);
}

static int remote_check(const struct auvi_engine_config *config)
{
    char path[4096];

    return find_program(config->engine_path, path, sizeof(path));
}

/* ---- failing -------------------------------------------------------------- */

static void fail(struct remote *remote, int error, const char *text)
{
    struct auvi_engine_event event = {
        .kind = AUVI_ENGINE_FAILED, .error = error, .text = text};

    if (remote->failed)
        return;
    remote->failed = true;
    auvi_engine_on_event(&remote->base, &event);
}

/* The link has ended: say why as well as can be known. */
static void fail_of_exit(struct remote *remote)
{
    int status = -1;

    if (auvi_child_wait(&remote->child, STATUS_WAIT_US, &status) != 1) {
        fail(remote, AUV_ERR_ENGINE_LOST, "the engine closed its link");
        return;
    }
    remote->child.pid = 0;
    auvi_fail(AUV_OK, "%s", "");
    if (!remote->greeted && status == 127) {
        fail(remote, AUV_ERR_ENGINE_MISSING,
             "the engine program could not start: a shared library is missing. "
             "Install WebKitGTK: 'apt install libwebkit2gtk-4.1-0' on Debian "
             "and Ubuntu, 'dnf install webkit2gtk4.1' on Fedora");
        return;
    }
    auvi_fail(AUV_ERR_ENGINE_LOST, "the engine process ended (%s %d)",
              status >= 128 ? "signal" : "status",
              status >= 128 ? status - 128 : status);
    fail(remote, AUV_ERR_ENGINE_LOST, auv_last_error_message());
}

/* ---- sending -------------------------------------------------------------- */

static void watch_writable(struct remote *remote)
{
    bool out = auvi_channel_is_blocked(remote->channel);

    if (out == remote->waits_out)
        return;
    remote->waits_out = out;
    auvi_poller_change(remote->poller, auvi_channel_fd(remote->channel),
                       out ? AUVI_POLL_IN | AUVI_POLL_OUT : AUVI_POLL_IN, 0);
}

static int order(struct auvi_engine *engine, const struct auvi_control *control)
{
    struct remote *remote = remote_of(engine);
    int error;

    auvi_engine_assert_thread(engine);
    if (remote->failed) {
        auvi_fd_close(control->fd);
        return auvi_fail(AUV_ERR_ENGINE_LOST, "the engine has ended");
    }
    error = auvi_channel_send(remote->channel, control);
    watch_writable(remote);
    /* A broken link is reported by poll_once(), which reads first what the
     * engine had to say before it went. */
    return error == AUV_ERR_CLOSED ? AUV_OK : error;
}

/* ---- the table ------------------------------------------------------------ */

static int remote_create(const struct auvi_engine_config *config,
                         struct auvi_engine **out)
{
    char path[4096];
    const char *argv[] = {PROGRAM, NULL};
    struct auvi_link *link = NULL;
    struct remote *remote;
    int error, peer = -1;

    error = find_program(config->engine_path, path, sizeof(path));
    if (error < 0)
        return error;
    remote = calloc(1, sizeof(*remote));
    if (!remote)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for an engine");
    remote->base.impl = &auvi_engine_remote;
    remote->base.sink = config->sink;
    remote->base.thread = auvi_thread_self();
    remote->child.pidfd = -1;
    remote->poller = auvi_poller_create();
    if (remote->poller < 0) {
        error = remote->poller;
        goto fail;
    }
    error = auvi_link_pair(&link, &peer);
    if (error < 0)
        goto fail;
    remote->channel = auvi_channel_create(link);
    if (!remote->channel) {
        error = auvi_fail(AUV_ERR_NOMEM, "no memory for an engine");
        goto fail;
    }
    error = auvi_poller_add(remote->poller, auvi_channel_fd(remote->channel),
                            AUVI_POLL_IN, 0);
    if (error < 0)
        goto fail;
    error = auvi_spawn(path, argv, peer, &remote->child);
    if (error < 0)
        goto fail;
    auvi_fd_close(peer);
    *out = &remote->base;
    return AUV_OK;

fail:
    auvi_fd_close(peer);
    auvi_channel_destroy(remote->channel);
    auvi_fd_close(remote->poller);
    free(remote);
    return error;
}

static void remote_destroy(struct auvi_engine *engine)
{
    struct remote *remote = remote_of(engine);
    struct auvi_control control;
    int status;

    if (remote->child.pid) {
        /* One that has failed need not understand an order, and nobody may have
         * to wait for it. */
        auvi_control_init(&control, AUVI_CONTROL_EXIT, 0);
        if (remote->failed)
            auvi_child_kill(&remote->child);
        else
            auvi_channel_send(remote->channel, &control);
        if (auvi_child_wait(&remote->child, EXIT_WAIT_US, &status) != 1) {
            auvi_log(AUV_LOG_WARNING, "the engine did not end: killed");
            auvi_child_kill(&remote->child);
            if (auvi_child_wait(&remote->child, KILL_WAIT_US, &status) != 1)
                auvi_log(AUV_LOG_WARNING,
                         "the killed engine has not ended: left behind");
        }
    }
    auvi_channel_destroy(remote->channel);
    auvi_fd_close(remote->child.pidfd);
    auvi_fd_close(remote->poller);
    free(remote);
}

/* Texts have their places: an absent one is empty there. */
static void add_text(struct auvi_control *control, const char *text)
{
    auvi_control_add_text(control, text ? text : "", text ? strlen(text) : 0);
}

static int remote_view_create(struct auvi_engine *engine, uint32_t view,
                              const auv_view_options *options)
{
    struct auvi_control control;

    auvi_control_init(&control, AUVI_CONTROL_VIEW_CREATE, view);
    control.value[0] = options->width;
    control.value[1] = options->height;
    control.value[2] = (int64_t)options->parent;
    control.value[3] = options->hidden | options->dev_tools << 1 |
                       options->transparent << 2 | options->context_menu << 3 |
                       options->resizable << 4 | options->decorated << 5 |
                       (options->profile == AUV_PROFILE_REMOTE) << 6 |
                       (options->asset_root != NULL) << 7 |
                       (options->csp != NULL) << 8;
    add_text(&control, options->title);
    add_text(&control, options->asset_root);
    add_text(&control, options->csp);
    return order(engine, &control);
}

static void remote_view_close(struct auvi_engine *engine, uint32_t view)
{
    struct auvi_control control;

    auvi_control_init(&control, AUVI_CONTROL_VIEW_CLOSE, view);
    order(engine, &control);
}

static int order_text(struct auvi_engine *engine, enum auvi_control_op op,
                      uint32_t view, uint32_t generation, const char *text,
                      size_t length)
{
    struct auvi_control control;

    auvi_control_init(&control, op, view);
    control.generation = generation;
    auvi_control_add_text(&control, text, length);
    return order(engine, &control);
}

static int order_values(struct auvi_engine *engine, enum auvi_control_op op,
                        uint32_t view, int64_t a, int64_t b, int64_t c,
                        int64_t d)
{
    struct auvi_control control;

    auvi_control_init(&control, op, view);
    control.value[0] = a;
    control.value[1] = b;
    control.value[2] = c;
    control.value[3] = d;
    return order(engine, &control);
}

static int remote_navigate(struct auvi_engine *engine, uint32_t view,
                           uint32_t navigation, const char *url)
{
    return order_text(engine, AUVI_CONTROL_NAVIGATE, view, navigation, url,
                      strlen(url));
}

static int remote_load_html(struct auvi_engine *engine, uint32_t view,
                            uint32_t navigation, const char *html,
                            size_t length)
{
    return order_text(engine, AUVI_CONTROL_LOAD_HTML, view, navigation, html,
                      length);
}

static int remote_reload(struct auvi_engine *engine, uint32_t view,
                         uint32_t navigation)
{
    struct auvi_control control;

    auvi_control_init(&control, AUVI_CONTROL_RELOAD, view);
    control.generation = navigation;
    return order(engine, &control);
}

static int remote_stop(struct auvi_engine *engine, uint32_t view)
{
    return order_values(engine, AUVI_CONTROL_STOP, view, 0, 0, 0, 0);
}

/* As lines of one text: texts are limited in number, and no entry has a line's
 * end in it. */
static int order_list(struct auvi_engine *engine, enum auvi_control_op op,
                      uint32_t view, const char *const *entries, size_t count)
{
    size_t length = 0;
    char *list, *at;
    int error;

    for (size_t i = 0; i < count; i++)
        length += strlen(entries[i]) + 1;
    at = list = malloc(length + 1);
    if (!list)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for an order");
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(entries[i]);

        memcpy(at, entries[i], size);
        at += size;
        *at++ = '\n';
    }
    error = order_text(engine, op, view, 0, list, length);
    free(list);
    return error;
}

static int remote_set_grants(struct auvi_engine *engine, uint32_t view,
                             const char *const *lines, size_t count)
{
    return order_list(engine, AUVI_CONTROL_SET_GRANTS, view, lines, count);
}

static int remote_set_allowed(struct auvi_engine *engine, uint32_t view,
                              const char *const *patterns, size_t count)
{
    return order_list(engine, AUVI_CONTROL_SET_ALLOWED, view, patterns, count);
}

static int remote_attach_link(struct auvi_engine *engine, uint32_t view,
                              uint32_t generation, int fd)
{
    struct auvi_control control;

    auvi_control_init(&control, AUVI_CONTROL_ATTACH_LINK, view);
    control.generation = generation;
    control.fd = fd;
    return order(engine, &control);
}

static int remote_set_title(struct auvi_engine *engine, uint32_t view,
                            const char *title)
{
    return order_text(engine, AUVI_CONTROL_SET_TITLE, view, 0, title,
                      strlen(title));
}

static int remote_set_bounds(struct auvi_engine *engine, uint32_t view,
                             int32_t x, int32_t y, int32_t width,
                             int32_t height)
{
    return order_values(engine, AUVI_CONTROL_SET_BOUNDS, view, x, y, width,
                        height);
}

static int remote_set_visible(struct auvi_engine *engine, uint32_t view,
                              bool visible)
{
    return order_values(engine, AUVI_CONTROL_SET_VISIBLE, view, visible, 0, 0,
                        0);
}

static int remote_set_parent(struct auvi_engine *engine, uint32_t view,
                             auv_native parent)
{
    return order_values(engine, AUVI_CONTROL_SET_PARENT, view, (int64_t)parent,
                        0, 0, 0);
}

static int remote_set_focus(struct auvi_engine *engine, uint32_t view,
                            auv_focus focus)
{
    return order_values(engine, AUVI_CONTROL_SET_FOCUS, view, (int64_t)focus, 0,
                        0, 0);
}

static int remote_set_input(struct auvi_engine *engine, uint32_t view,
                            bool admitted)
{
    return order_values(engine, AUVI_CONTROL_SET_INPUT, view, admitted, 0, 0,
                        0);
}

static int remote_add_scheme(struct auvi_engine *engine, uint32_t view,
                             const char *scheme, int64_t timeout_ms)
{
    struct auvi_control control;

    auvi_control_init(&control, AUVI_CONTROL_ADD_SCHEME, view);
    control.value[0] = timeout_ms;
    add_text(&control, scheme);
    return order(engine, &control);
}

static int remote_answer(struct auvi_engine *engine, uint32_t view,
                         uint32_t fetch,
                         const struct auvi_engine_answer *answer)
{
    struct auvi_control control;

    auvi_control_init(&control, AUVI_CONTROL_ANSWER, view);
    control.generation = fetch;
    control.value[0] = answer->status;
    control.value[1] = answer->is_file;
    control.value[2] = (int64_t)answer->offset;
    control.value[3] = (int64_t)answer->length;
    control.fd = answer->fd;
    add_text(&control, answer->mime_type);
    add_text(&control, answer->headers);
    return order(engine, &control);
}

static int remote_recover(struct auvi_engine *engine, uint32_t view,
                          bool stopped)
{
    return order_values(engine, AUVI_CONTROL_RECOVER, view, stopped, 0, 0, 0);
}

static int remote_resume(struct auvi_engine *engine, uint32_t view,
                         uint32_t links)
{
    struct auvi_control control;

    auvi_control_init(&control, AUVI_CONTROL_RESUME, view);
    control.generation = links;
    return order(engine, &control);
}

static void remote_give_up(struct auvi_engine *engine)
{
    struct remote *remote = remote_of(engine);

    remote->failed = true;
}

static int remote_ping(struct auvi_engine *engine)
{
    return order_values(engine, AUVI_CONTROL_PING, 0, 0, 0, 0, 0);
}

static int remote_kill_page(struct auvi_engine *engine, uint32_t view)
{
    return order_values(engine, AUVI_CONTROL_KILL_PAGE, view, 0, 0, 0, 0);
}

/* ---- reports -------------------------------------------------------------- */

static void report_event(struct remote *remote,
                         const struct auvi_control *control, const char *text)
{
    auv_event event = {.text = text};

    event.kind = (auv_event_kind)control->value[0];
    event.reason = (auv_close_reason)control->value[1];
    event.error = (int)control->value[2];
    event.x = (int32_t)control->value[3];
    event.y = (int32_t)control->value[4];
    event.width = (int32_t)control->value[5];
    event.height = (int32_t)control->value[6];
    event.native = (auv_native)control->value[7];
    auvi_engine_on_view_event(&remote->base, control->view, event);
}

static void report_fetch(struct remote *remote,
                         const struct auvi_control *control, const char *method)
{
    char *url = auvi_control_text(control, 1);
    char *headers = auvi_control_text(control, 2);
    struct auvi_engine_fetch fetch = {
        .id = control->generation,
        .method = method,
        .url = url ? url : "",
        .headers = headers ? headers : "",
    };
    struct auvi_engine_event event = {
        .kind = AUVI_ENGINE_FETCH, .view = control->view, .fetch = &fetch};

    auvi_engine_on_event(&remote->base, &event);
    free(url);
    free(headers);
}

static void report(struct remote *remote, const struct auvi_control *control)
{
    struct auvi_engine_event event = {0};
    char *text = auvi_control_text(control, 0);

    event.text = text ? text : "";
    if (!remote->greeted && control->op != AUVI_CONTROL_HELLO) {
        fail(remote, AUV_ERR_PROTOCOL, "the engine program did not greet");
    } else if (control->op == AUVI_CONTROL_HELLO) {
        if (strcmp(event.text, AUV_VERSION_STRING) != 0) {
            auvi_fail(AUV_ERR_ENGINE_VERSION,
                      "the engine program is version %s, this library %s: "
                      "install both from the same release",
                      event.text, AUV_VERSION_STRING);
            fail(remote, AUV_ERR_ENGINE_VERSION, auv_last_error_message());
        }
        remote->greeted = true;
    } else if (control->op == AUVI_CONTROL_READY) {
        event.kind = AUVI_ENGINE_READY;
        auvi_engine_on_event(&remote->base, &event);
    } else if (control->op == AUVI_CONTROL_FAILED) {
        fail(remote, (int)control->value[0], event.text);
    } else if (control->op == AUVI_CONTROL_COMMITTED ||
               control->op == AUVI_CONTROL_DENIED) {
        event.kind = control->op == AUVI_CONTROL_COMMITTED
                         ? AUVI_ENGINE_COMMITTED
                         : AUVI_ENGINE_DENIED;
        event.view = control->view;
        auvi_engine_on_event(&remote->base, &event);
    } else if (control->op == AUVI_CONTROL_PONG) {
        event.kind = AUVI_ENGINE_PONG;
        auvi_engine_on_event(&remote->base, &event);
    } else if (control->op == AUVI_CONTROL_EVENT) {
        report_event(remote, control, event.text);
    } else if (control->op == AUVI_CONTROL_FETCH) {
        report_fetch(remote, control, event.text);
    } else if (control->op == AUVI_CONTROL_LINK_WANTED ||
               control->op == AUVI_CONTROL_NAVIGATION_VOID ||
               control->op == AUVI_CONTROL_FETCH_CANCELLED) {
        event.kind = control->op == AUVI_CONTROL_LINK_WANTED
                         ? AUVI_ENGINE_LINK_WANTED
                     : control->op == AUVI_CONTROL_NAVIGATION_VOID
                         ? AUVI_ENGINE_NAVIGATION_VOID
                         : AUVI_ENGINE_FETCH_CANCELLED;
        event.view = control->view;
        event.generation = control->generation;
        auvi_engine_on_event(&remote->base, &event);
    }
    auvi_fd_close(control->fd);
    free(text);
}

static int remote_fd(struct auvi_engine *engine)
{
    return remote_of(engine)->poller;
}

static bool remote_is_full(const struct auvi_engine *engine)
{
    return auvi_channel_is_full(((const struct remote *)engine)->channel);
}

static void remote_poll_once(struct auvi_engine *engine)
{
    struct remote *remote = remote_of(engine);
    struct auvi_control control;
    int got;

    auvi_engine_assert_thread(engine);
    if (remote->waits_out) {
        auvi_channel_flush(remote->channel);
        watch_writable(remote);
    }
    while (!remote->failed &&
           (got = auvi_channel_receive(remote->channel, &control)) != 0) {
        if (got == 1)
            report(remote, &control);
        else if (got == AUV_ERR_CLOSED)
            fail_of_exit(remote);
        else
            fail(remote, AUV_ERR_PROTOCOL, "the engine broke the protocol");
    }
}

const struct auvi_engine_impl auvi_engine_remote = {
    .name = "remote",
    .check = remote_check,
    .create = remote_create,
    .destroy = remote_destroy,
    .view_create = remote_view_create,
    .view_close = remote_view_close,
    .navigate = remote_navigate,
    .load_html = remote_load_html,
    .reload = remote_reload,
    .stop = remote_stop,
    .set_grants = remote_set_grants,
    .set_allowed = remote_set_allowed,
    .attach_link = remote_attach_link,
    .add_scheme = remote_add_scheme,
    .answer = remote_answer,
    .set_title = remote_set_title,
    .set_bounds = remote_set_bounds,
    .set_visible = remote_set_visible,
    .set_parent = remote_set_parent,
    .set_focus = remote_set_focus,
    .set_input = remote_set_input,
    .recover = remote_recover,
    .resume = remote_resume,
    .give_up = remote_give_up,
    .ping = remote_ping,
    .kill_page = remote_kill_page,
    .fd = remote_fd,
    .poll_once = remote_poll_once,
    .is_full = remote_is_full,
};
