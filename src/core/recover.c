/*
 * recover.c - views that come back.
 *
 * A page's process ends: the engine, which knows what it was loading, loads it
 * again when it is told to. The engine ends: all it knew is gone, so the core
 * keeps with each view the last order of every kind that describes how the view
 * is, and gives these to the next engine. What the host orders meanwhile waits
 * in the control queue, since the link thread is busy here, and then follows in
 * order; what it emits waits for the document, as before a first page.
 *
 * No state is kept twice: an order moves here from the queue, instead of being
 * freed.
 */
#include "core/core.h"
#include "core/fetch.h"

#include <stdlib.h>
#include <string.h>

#define GUARD_TIME_US ((int64_t)60000000)
#define OWN_PAGE "auroraview://localhost/"

bool auvi_guard_allows(struct auvi_guard *guard, int64_t now_us)
{
    size_t last = AUVI_LOSSES_MAX - 2;
    bool allows = !guard->at_us[0] || now_us - guard->at_us[0] >= GUARD_TIME_US;

    memmove(guard->at_us, guard->at_us + 1, last * sizeof(guard->at_us[0]));
    guard->at_us[last] = now_us;
    return allows;
}

/* ---- what is kept ---------------------------------------------------------- */

static int kept_place(const struct auvi_order *order)
{
    switch (order->kind) {
    case AUVI_ORDER_CREATE:
        return AUVI_KEPT_CREATE;
    case AUVI_ORDER_NAVIGATE:
        return order->navigation ? AUVI_KEPT_PAGE : AUVI_KEPT_JUMP;
    case AUVI_ORDER_HTML:
        return AUVI_KEPT_PAGE;
    case AUVI_ORDER_TITLE:
        return AUVI_KEPT_TITLE;
    case AUVI_ORDER_PARENT:
        return AUVI_KEPT_PARENT;
    case AUVI_ORDER_BOUNDS:
        return AUVI_KEPT_BOUNDS;
    case AUVI_ORDER_VISIBLE:
        return AUVI_KEPT_VISIBLE;
    case AUVI_ORDER_INPUT:
        return AUVI_KEPT_INPUT;
    default:
        return -1;
    }
}

static void drop_kept(auv_view *view, enum auvi_kept place)
{
    auvi_order_free(view->recovery.kept[place]);
    view->recovery.kept[place] = NULL;
}

/* Width or height <= 0 means "as it is": so they are, also in the next engine. */
static void merge_bounds(struct auvi_order *order, const struct auvi_order *old)
{
    if (!old)
        return;
    if (order->c <= 0)
        order->c = old->c;
    if (order->d <= 0)
        order->d = old->d;
}

void auvi_recover_keep(auv_view *view, struct auvi_order *order)
{
    struct auvi_recovery *recovery = &view->recovery;
    int place = kept_place(order);

    if (!view->engine_has_it) {
        auvi_order_free(order);
        return;
    }
    if (order->navigation)
        recovery->navigation = order->navigation;
    if (place < 0) {
        auvi_order_free(order);
        return;
    }
    if (place == AUVI_KEPT_PAGE) {
        recovery->page_started = false;
        drop_kept(view, AUVI_KEPT_JUMP);
    }
    if (place == AUVI_KEPT_BOUNDS)
        merge_bounds(order, recovery->kept[place]);
    if (place == AUVI_KEPT_PARENT) /* in a new parent it fills that */
        drop_kept(view, AUVI_KEPT_BOUNDS);
    drop_kept(view, (enum auvi_kept)place);
    recovery->kept[place] = order;
    /* Last: it may be the only reference. With it the view would hold itself. */
    view = order->view;
    order->view = NULL;
    auv_view_unref(view);
}

void auvi_recover_forget(auv_view *view)
{
    for (int i = 0; i < AUVI_KEPT_COUNT; i++)
        drop_kept(view, (enum auvi_kept)i);
}

void auvi_recover_heard(auv_view *view, const auv_event *event)
{
    if (event->kind == AUV_EVENT_LOAD_STARTED)
        view->recovery.page_started = true;
    else if (event->kind == AUV_EVENT_URL)
        drop_kept(view, AUVI_KEPT_JUMP);
}

/* ---- the policy ------------------------------------------------------------ */

static bool comes_back(const auv_view *view)
{
    const struct auvi_order *create = view->recovery.kept[AUVI_KEPT_CREATE];
    auv_recover recover =
        create ? create->options->recover : AUV_RECOVER_DEFAULT;

    if (recover == AUV_RECOVER_DEFAULT)
        recover = view->app->recover;
    return recover != AUV_RECOVER_MANUAL;
}

/* ---- a page ---------------------------------------------------------------- */

static void note_loss(auv_view *view, enum auvi_loss loss)
{
    uint32_t none = AUVI_LOSS_NONE;

    /* What is still to come back after an engine's loss stays that. */
    atomic_compare_exchange_strong_explicit(&view->recovery.lost, &none, loss,
                                            memory_order_acq_rel,
                                            memory_order_relaxed);
}

void auvi_recover_page(auv_view *view, const auv_event *event)
{
    struct auv_app *app = view->app;
    auv_event lost = *event;

    lost.x = AUV_RECOVERY_NONE;
    if (!auvi_lifecycle_is_closing(&view->lifecycle)) {
        note_loss(view, AUVI_LOSS_PAGE);
        if (comes_back(view) && app->engine_impl->recover)
            lost.x = auvi_guard_allows(&view->recovery.guard, auvi_clock_us())
                         ? AUV_RECOVERY_UNDER_WAY
                         : AUV_RECOVERY_STOPPED;
    }
    /* Before anything that comes of it: the new page may be quick. */
    auvi_view_tell(view, &lost);
    if (lost.x == AUV_RECOVERY_NONE)
        return;
    if (lost.x == AUV_RECOVERY_STOPPED)
        auvi_log(AUV_LOG_WARNING,
                 "view %u: its page was lost %d times in a minute: it is not "
                 "loaded again by itself",
                 view->id, AUVI_LOSSES_MAX);
    if (app->engine_impl->recover(app->engine, view->id,
                                  lost.x == AUV_RECOVERY_STOPPED) < 0)
        auvi_log(AUV_LOG_WARNING, "view %u: its page does not come back: %s",
                 view->id, auv_last_error_message());
}

void auvi_recover_page_up(auv_view *view)
{
    auv_event event = {.kind = AUV_EVENT_RECOVERED};

    if (!atomic_load_explicit(&view->recovery.lost, memory_order_acquire))
        return;
    event.x = (int32_t)atomic_exchange_explicit(
        &view->recovery.lost, AUVI_LOSS_NONE, memory_order_acq_rel);
    if (event.x)
        auvi_view_tell(view, &event);
}

int auv_view_kill_page(auv_view *view)
{
    struct auvi_order *order;

    if (!view)
        return auvi_fail(AUV_ERR_ARG, "view is NULL");
    if (auvi_lifecycle_is_closing(&view->lifecycle))
        return auvi_fail(AUV_ERR_CLOSED, "the view is closing or closed");
    order = auvi_order_new(view, AUVI_ORDER_KILL_PAGE, NULL, 0);
    if (!order)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for an order");
    return auvi_view_order(view, order);
}

/* ---- the engine ------------------------------------------------------------ */

int auv_app_kill_engine(auv_app *app)
{
    if (!app)
        return auvi_fail(AUV_ERR_ARG, "app is NULL");
    if (atomic_load_explicit(&app->stopping, memory_order_acquire))
        return auvi_fail(AUV_ERR_CLOSED, "the application is closing");
    atomic_store_explicit(&app->kill_wanted, true, memory_order_release);
    auvi_app_wake_link_thread(app);
    return AUV_OK;
}

/* Whether the address is the one of a page that was given as text. */
static bool is_own_page(const char *url)
{
    size_t length = strlen(OWN_PAGE);

    return strncmp(url, OWN_PAGE, length) == 0 &&
           (url[length] == '\0' || url[length] == '#' || url[length] == '?');
}

/* The page that was there; while a navigation is open, the one asked for. */
static int restore_page(auv_view *view)
{
    struct auv_app *app = view->app;
    const struct auvi_engine_impl *impl = app->engine_impl;
    const struct auvi_order *page = view->recovery.kept[AUVI_KEPT_PAGE];
    const struct auvi_order *jump = view->recovery.kept[AUVI_KEPT_JUMP];
    uint32_t navigation = view->recovery.navigation;
    bool settled = (int32_t)(atomic_load_explicit(&view->document_navigation,
                                                  memory_order_acquire) -
                             navigation) >= 0;
    char *url = NULL;
    int error;

    if (!page)
        return AUV_OK; /* the order for it is still to come */
    if (settled && view->recovery.page_started) {
        auvi_mutex_lock(&view->text_lock);
        url = view->url && *view->url ? strdup(view->url) : NULL;
        auvi_mutex_unlock(&view->text_lock);
    }
    if (page->kind == AUVI_ORDER_HTML && (!url || is_own_page(url)))
        error = impl->load_html(app->engine, view->id, navigation, page->text,
                                page->length);
    else if (jump)
        error = impl->navigate(app->engine, view->id, navigation, jump->text);
    else
        error = impl->navigate(app->engine, view->id, navigation,
                               url ? url : page->text);
    free(url);
    return error;
}

static int restore_view(auv_view *view)
{
    static const enum auvi_kept again[] = {AUVI_KEPT_BOUNDS, AUVI_KEPT_INPUT};
    struct auv_app *app = view->app;
    struct auvi_order *const *kept = view->recovery.kept;
    auv_view_options options = *kept[AUVI_KEPT_CREATE]->options;
    int error;

    if (kept[AUVI_KEPT_TITLE])
        options.title = kept[AUVI_KEPT_TITLE]->text;
    if (kept[AUVI_KEPT_PARENT])
        options.parent = kept[AUVI_KEPT_PARENT]->native;
    if (kept[AUVI_KEPT_VISIBLE])
        options.hidden = !kept[AUVI_KEPT_VISIBLE]->a;
    error = app->engine_impl->view_create(app->engine, view->id, &options);
    /* Or an answer for a lost document could be taken for one of a new one. */
    if (error == AUV_OK && app->engine_impl->resume)
        error = app->engine_impl->resume(app->engine, view->id,
                                         view->recovery.links);
    if (error == AUV_OK)
        error = auvi_link_send_grants(app, view);
    if (error == AUV_OK && view->profile == AUV_PROFILE_REMOTE)
        error = auvi_link_send_allowed(app, view);
    for (size_t i = 0; error == AUV_OK && i < view->scheme_count; i++)
        error = app->engine_impl->add_scheme(app->engine, view->id,
                                             view->schemes[i].name,
                                             view->schemes[i].timeout_ms);
    for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++) {
        struct auvi_order *order = kept[again[i]];

        if (error < 0 || !order)
            continue;
        order->view = view; /* borrowed */
        error = auvi_link_run_order(app, order);
        order->view = NULL;
    }
    return error < 0 ? error : restore_page(view);
}

struct fall {
    int error;
    const char *text;
    bool again;
};

/* What the view had in the engine is gone. True: it is to come back. */
static bool lose_view(auv_view *view, const struct fall *fall)
{
    struct auv_app *app = view->app;
    bool open = !auvi_lifecycle_is_closing(&view->lifecycle);
    bool back = comes_back(view);
    auv_event event = {.kind = AUV_EVENT_ENGINE_LOST,
                       .error = fall->error,
                       .text = fall->text};

    event.x = !back         ? AUV_RECOVERY_NONE
              : fall->again ? AUV_RECOVERY_UNDER_WAY
                            : AUV_RECOVERY_STOPPED;
    if (!open || event.x != AUV_RECOVERY_UNDER_WAY) {
        if (open)
            auvi_view_tell(view, &event);
        auvi_link_end_view(view, fall->error, fall->text);
        return false;
    }
    auvi_view_set_link(view, NULL);
    auvi_requests_end_view(app, view->id, AUV_ERR_ENGINE_LOST);
    auvi_fetches_cancel(view, 0, AUV_ERR_ENGINE_LOST);
    auvi_heartbeat_reset(view);
    view->link_wanted = 0;
    atomic_store_explicit(&view->recovery.lost, AUVI_LOSS_ENGINE,
                          memory_order_release);
    /* Last: what is asked for once it is told must not end with the loss. */
    auvi_view_tell(view, &event);
    return true;
}

/* Of the engine that is gone; those whose creation still waits get the next. */
static bool was_lost(const auv_view *view)
{
    return view->engine_has_it;
}

void auvi_recover_engine(struct auv_app *app, int error, const char *text)
{
    struct fall fall = {.error = error, .text = text};
    uint32_t id = 0;
    auv_view *view;
    bool any = false;

    app->engine_beat.phase = AUVI_BEAT_QUIET; /* it was the old one's */
    app->engine_owed = false;
    /* One that never came up would not come up now: no display, no library. */
    fall.again = (app->engine_ready || app->engine_returns) &&
                 (error == AUV_ERR_ENGINE_LOST || error == AUV_ERR_PROTOCOL) &&
                 !atomic_load_explicit(&app->stopping, memory_order_acquire);
    if (app->engine_ready || app->engine_returns)
        fall.again &= auvi_guard_allows(&app->engine_guard, auvi_clock_us());
    while ((view = auvi_registry_after(app, id))) {
        id = view->id;
        if (was_lost(view))
            any |= lose_view(view, &fall);
        auv_view_unref(view);
    }
    app->engine_returns = any;
    if (!any)
        return;
    error = auvi_link_start_engine(app);
    for (id = 0; (view = auvi_registry_after(app, id)); auv_view_unref(view)) {
        int result = error;

        id = view->id;
        if (!was_lost(view))
            continue;
        if (result == AUV_OK)
            result = restore_view(view);
        if (result < 0)
            auvi_link_end_view(view, result, auv_last_error_message());
    }
}
