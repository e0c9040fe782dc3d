/*
 * order.c - what the host asked of a view, as calls of the engine; and what
 * goes along with an order: grants, patterns, schemes. Link thread.
 */
#include "core/core.h"

#include <stdlib.h>
#include <string.h>

int auvi_link_send_grants(struct auv_app *app, auv_view *view)
{
    size_t count = 0;
    char **lines = auvi_permits_lines(&view->permits, &count);
    int error;

    view->grants_owed = true; /* if this fails, the next try sends it again */
    if (!lines)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a grant");
    error = app->engine_impl->set_grants(app->engine, view->id,
                                         (const char *const *)lines, count);
    free(lines);
    if (error == AUV_OK)
        view->grants_owed = false;
    return error;
}

/* A page of the application's own gets everything, unless its origin has been
 * granted or denied by name. */
int auvi_link_grant_own(struct auv_app *app, auv_view *view, const char *origin)
{
    static const char *const none[] = {NULL};
    const struct auvi_grant_list all = {NULL, 0}, nothing = {none, 0};
    char *line = auvi_grant_line(origin, true, &nothing, &all, &all);
    int error = line ? auvi_permits_set(&view->permits, line, true)
                     : auvi_fail(AUV_ERR_NOMEM, "no memory for a grant");

    free(line);
    if (error == AUV_OK && view->grants_owed)
        error = 1;
    return error == 1 ? auvi_link_send_grants(app, view) : error;
}

/* What the application itself loads from this machine is granted the bridge. */
static int grant_own_page(struct auv_app *app, auv_view *view, const char *url)
{
    char origin[AUVI_ORIGIN_MAX], *folder = NULL;
    const char *granted = origin;
    int error = AUV_OK;

    if (view->profile == AUV_PROFILE_REMOTE || !auvi_origin_parse(url, origin))
        return AUV_OK;
    if (strncmp(origin, "auroraview://", 13) != 0 &&
        strcmp(origin, "file://") != 0 && !auvi_origin_is_loopback(origin))
        return AUV_OK;
    if (strcmp(origin, "file://") == 0)
        granted = folder = auvi_origin_file_folder(url);
    if (granted)
        error = auvi_link_grant_own(app, view, granted);
    free(folder);
    return error;
}

int auvi_link_send_allowed(struct auv_app *app, auv_view *view)
{
    const char **patterns;
    char *lines;
    size_t count = 0;
    int error;

    for (const char *at = view->allowed; (at = strchr(at, '\n')); at++)
        count++;
    lines = strdup(view->allowed);
    patterns = malloc((count + 1) * sizeof(*patterns));
    if (lines && patterns) {
        char *at = lines;

        for (size_t i = 0; i < count; i++) {
            patterns[i] = at;
            at += strcspn(at, "\n");
            *at++ = '\0';
        }
        error = app->engine_impl->set_allowed(app->engine, view->id, patterns,
                                              count);
    } else {
        error = auvi_fail(AUV_ERR_NOMEM, "no memory for an order");
    }
    free(patterns);
    free(lines);
    return error;
}

/* Where the application itself goes, the pages of its view may go too. */
static int allow_own(struct auv_app *app, auv_view *view, const char *url)
{
    char origin[AUVI_ORIGIN_MAX], *grown;
    size_t length = strlen(view->allowed), size;

    if (!auvi_origin_parse(url, origin))
        return AUV_OK;
    size = strlen(origin);
    grown = realloc(view->allowed, length + size + 2);
    if (!grown)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for an order");
    view->allowed = grown;
    memcpy(grown + length, origin, size);
    memcpy(grown + length + size, "\n", 2);
    return auvi_link_send_allowed(app, view);
}

static int add_scheme(struct auv_app *app, auv_view *view,
                      const struct auvi_order *order)
{
    struct auvi_scheme *grown, *scheme = NULL;

    for (size_t i = 0; i < view->scheme_count; i++)
        if (strcmp(view->schemes[i].name, order->text) == 0)
            scheme = &view->schemes[i];
    if (!scheme) {
        grown = realloc(view->schemes,
                        (view->scheme_count + 1) * sizeof(*view->schemes));
        if (!grown)
            return auvi_fail(AUV_ERR_NOMEM, "no memory for a scheme");
        view->schemes = grown;
        scheme = &grown[view->scheme_count++];
        memset(scheme, 0, sizeof(*scheme));
        memcpy(scheme->name, order->text, order->length);
    }
    scheme->timeout_ms = order->a;
    return app->engine_impl->add_scheme(app->engine, view->id, scheme->name,
                                        scheme->timeout_ms);
}

static int answer_fetch(struct auv_app *app, auv_view *view,
                        struct auvi_order *order)
{
    struct auvi_engine_answer answer = *order->answer;

    order->answer->fd = -1; /* the engine takes it */
    return app->engine_impl->answer(app->engine, view->id, order->navigation,
                                    &answer);
}

int auvi_order_run(struct auv_app *app, struct auvi_order *order)
{
    const struct auvi_engine_impl *impl = app->engine_impl;
    auv_view *view = order->view;
    struct auvi_engine *engine = app->engine;
    uint32_t id = view->id;
    int error = AUV_OK;

    switch (order->kind) {
    case AUVI_ORDER_NAVIGATE:
    case AUVI_ORDER_HTML:
    case AUVI_ORDER_RELOAD:
        if (order->kind == AUVI_ORDER_NAVIGATE) {
            error = view->profile == AUV_PROFILE_REMOTE
                        ? allow_own(app, view, order->text)
                        : grant_own_page(app, view, order->text);
            if (error == AUV_OK)
                error =
                    impl->navigate(engine, id, order->navigation, order->text);
        } else if (order->kind == AUVI_ORDER_HTML) {
            error = impl->load_html(engine, id, order->navigation, order->text,
                                    order->length);
        } else {
            error = impl->reload(engine, id, order->navigation);
        }
        break;
    case AUVI_ORDER_STOP:
        error = impl->stop(engine, id);
        break;
    case AUVI_ORDER_GRANT:
    case AUVI_ORDER_DENY:
        error = order->kind == AUVI_ORDER_GRANT
                    ? auvi_permits_set(&view->permits, order->text, false)
                    : auvi_permits_deny(&view->permits, order->text);
        if (error == 1)
            error = auvi_link_send_grants(app, view);
        break;
    case AUVI_ORDER_TITLE:
        error = impl->set_title(engine, id, order->text);
        break;
    case AUVI_ORDER_BOUNDS:
        error = impl->set_bounds(engine, id, order->a, order->b, order->c,
                                 order->d);
        break;
    case AUVI_ORDER_VISIBLE:
        error = impl->set_visible(engine, id, order->a != 0);
        break;
    case AUVI_ORDER_PARENT:
        error = impl->set_parent(engine, id, order->native);
        break;
    case AUVI_ORDER_FOCUS:
        error = impl->set_focus(engine, id, (auv_focus)order->a);
        break;
    case AUVI_ORDER_INPUT:
        error = impl->set_input(engine, id, order->a != 0);
        break;
    case AUVI_ORDER_SCHEME:
        error = add_scheme(app, view, order);
        break;
    case AUVI_ORDER_ANSWER:
        answer_fetch(app, view, order);
        return AUV_OK; /* one that is gone is no failure */
    case AUVI_ORDER_KILL_PAGE:
        error = impl->kill_page ? impl->kill_page(engine, id)
                                : auvi_fail(AUV_ERR_UNSUPPORTED,
                                            "the engine has no page processes");
        break;
    case AUVI_ORDER_CREATE:
    case AUVI_ORDER_CLOSE:
        break;
    }
    return error;
}
