/*
 * grants.c - the public functions about who may use the bridge of a view.
 */
#include "core/core.h"

#include <stdlib.h>
#include <string.h>

static int check_origin(const char *origin)
{
    char parsed[AUVI_ORIGIN_MAX];

    if (origin && auvi_origin_parse(origin, parsed) &&
        strcmp(origin, parsed) == 0)
        return AUV_OK;
    return auvi_fail(AUV_ERR_ARG,
                     "'%s' is not an origin: write scheme://host[:port] in "
                     "lower case, nothing behind it",
                     origin ? origin : "");
}

static int check_view(const auv_view *view)
{
    if (!view)
        return auvi_fail(AUV_ERR_ARG, "view is NULL");
    if (auvi_lifecycle_is_closing(&view->lifecycle))
        return auvi_fail(AUV_ERR_CLOSED, "the view is closing or closed");
    return AUV_OK;
}

static int send_order(auv_view *view, enum auvi_order_kind kind,
                      const char *text)
{
    struct auvi_order *order = auvi_order_new(view, kind, text, strlen(text));

    return order ? auvi_view_order(view, order)
                 : auvi_fail(AUV_ERR_NOMEM, "no memory for an order");
}

int auv_view_grant(auv_view *view, const char *origin,
                   const auv_grant_options *given)
{
    static const char *const none[] = {NULL};
    auv_grant_options options = AUV_GRANT_OPTIONS_INIT;
    struct auvi_grant_list methods, events, frames;
    char *line;
    int error = check_origin(origin);

    if (error < 0 || (error = check_view(view)) < 0)
        return error;
    if (view->profile == AUV_PROFILE_REMOTE)
        return auvi_fail(AUV_ERR_DENIED,
                         "a view of the remote profile grants nothing");
    if (given && given->size == 0)
        return auvi_fail(AUV_ERR_ARG, "size is 0");
    if (given)
        memcpy(&options, given,
               given->size < sizeof(options) ? given->size : sizeof(options));
    methods = (struct auvi_grant_list){options.methods, options.method_count};
    events = (struct auvi_grant_list){options.events, options.event_count};
    frames = (struct auvi_grant_list){options.frames, options.frame_count};
    if (!frames.names)
        frames = (struct auvi_grant_list){none, 0};
    if (!auvi_grant_list_check(&methods, true) ||
        !auvi_grant_list_check(&events, true) ||
        !auvi_grant_list_check(&frames, false))
        return auvi_fail(AUV_ERR_ARG,
                         "a name is empty, too long, has a control character, "
                         "or a '*' that is not its end");
    line =
        auvi_grant_line(origin, !options.not_top, &frames, &methods, &events);
    if (!line)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a grant");
    error = send_order(view, AUVI_ORDER_GRANT, line);
    free(line);
    return error;
}

int auv_view_allow_origin(auv_view *view, const char *origin)
{
    return auv_view_grant(view, origin, NULL);
}

int auv_view_deny_origin(auv_view *view, const char *origin)
{
    int error = check_origin(origin);

    if (error < 0 || (error = check_view(view)) < 0)
        return error;
    /* What is there loses it now, however long the engine takes. */
    auvi_permits_revoke(&view->permits, origin);
    return send_order(view, AUVI_ORDER_DENY, origin);
}
