/*
 * view.c - the public functions of a view. Each checks its arguments and the
 * lifecycle, then sends an order to the link thread or a message to the page.
 */
#include "core/core.h"
#include "core/fetch.h"
#include "core/streams.h"

#include <stdlib.h>
#include <string.h>

/* ---- options -------------------------------------------------------------*/

static char *copy_text(const char *text)
{
    size_t size;
    char *copy;

    if (!text)
        return NULL;
    size = strlen(text) + 1;
    copy = malloc(size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

static void options_free(auv_view_options *options)
{
    if (!options)
        return;
    free((char *)options->title);
    free((char *)options->asset_root);
    free((char *)options->csp);
    free(options);
}

/* url and html are not copied: they become orders of their own. */
static auv_view_options *options_copy(const auv_view_options *from)
{
    auv_view_options *copy = malloc(sizeof(*copy));
    const char *asset_root, *csp;

    if (!copy)
        return NULL;
    *copy = *from;
    copy->url = copy->html = NULL;
    copy->allowed = NULL; /* likewise */
    copy->allowed_count = 0;
    copy->title = copy_text(copy->title ? copy->title : "AuroraView");
    asset_root = copy->asset_root;
    csp = copy->csp;
    copy->asset_root = copy_text(asset_root);
    copy->csp = copy_text(csp);
    if (!copy->title || (asset_root && !copy->asset_root) ||
        (csp && !copy->csp)) {
        options_free(copy);
        return NULL;
    }
    if (copy->width <= 0)
        copy->width = 800;
    if (copy->height <= 0)
        copy->height = 600;
    return copy;
}

/* ---- orders -------------------------------------------------------------- */

static struct auvi_order *order_new(enum auvi_order_kind kind, const char *text,
                                    size_t length)
{
    struct auvi_order *order = malloc(sizeof(*order) + length + 1);

    if (!order)
        return NULL;
    memset(order, 0, sizeof(*order));
    order->kind = kind;
    order->length = length;
    if (length)
        memcpy(order->text, text, length);
    order->text[length] = '\0';
    return order;
}

struct auvi_order *auvi_order_new(auv_view *view, enum auvi_order_kind kind,
                                  const char *text, size_t length)
{
    struct auvi_order *order = order_new(kind, text, length);

    if (order)
        order->view = auv_view_ref(view);
    return order;
}

void auvi_order_free(struct auvi_order *order)
{
    if (!order)
        return;
    options_free(order->options);
    auvi_answer_free(order->answer);
    auv_view_unref(order->view);
    free(order);
}

int auvi_view_order(auv_view *view, struct auvi_order *order)
{
    bool must =
        order->kind == AUVI_ORDER_CLOSE || order->kind == AUVI_ORDER_CREATE ||
        order->kind == AUVI_ORDER_ANSWER || order->kind == AUVI_ORDER_SCHEME;
    /* One lane, so that orders keep their order; only one of these that finds it
     * full takes a reserved place, and then overtakes what does not matter to
     * it. */
    int pushed = auvi_queue_push(view->app->control, AUVI_NORMAL, order);

    if (pushed == AUV_ERR_QUEUE_FULL && must)
        pushed = auvi_queue_push_reserved(view->app->control, order);
    if (pushed < 0) {
        auvi_order_free(order);
        return auvi_fail(pushed, "%s",
                         pushed == AUV_ERR_QUEUE_FULL
                             ? "too many orders wait for the engine"
                             : "the application is closing");
    }
    if (pushed == 1)
        auvi_app_wake_link_thread(view->app);
    return AUV_OK;
}

/* NULL view, or closing: the error that every order function gives. */
static int check_open(const auv_view *view)
{
    if (!view)
        return auvi_fail(AUV_ERR_ARG, "view is NULL");
    if (auvi_lifecycle_is_closing(&view->lifecycle))
        return auvi_fail(AUV_ERR_CLOSED, "the view is closing or closed");
    return AUV_OK;
}

static int order_simple(auv_view *view, enum auvi_order_kind kind, int32_t a,
                        const char *text)
{
    struct auvi_order *order;
    int error = check_open(view);

    if (error < 0)
        return error;
    order = auvi_order_new(view, kind, text, text ? strlen(text) : 0);
    if (!order)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for an order");
    order->a = a;
    return auvi_view_order(view, order);
}

/* ---- lifecycle ----------------------------------------------------------- */

static enum auvi_step stepped(auv_view *view, enum auvi_step step)
{
    if (step == AUVI_STEP_SUCCESS) {
        /* Release: who sees the count sees the state. */
        atomic_fetch_add_explicit(&view->lifecycle_futex, 1,
                                  memory_order_release);
        auvi_futex_wake_all(&view->lifecycle_futex);
        /* Now nobody makes room for who waits (send.c); harmless otherwise. */
        auvi_send_room(view);
    }
    return step;
}

enum auvi_step auvi_view_activate(auv_view *view)
{
    return stepped(view, auvi_lifecycle_activate(&view->lifecycle));
}

enum auvi_step auvi_view_begin_destroy(auv_view *view, auv_close_reason reason)
{
    auv_event event = {.kind = AUV_EVENT_DESTROYING};
    enum auvi_step step =
        stepped(view, auvi_lifecycle_begin_destroy(&view->lifecycle, reason));

    if (step == AUVI_STEP_SUCCESS) {
        auvi_calls_cancel(view, 0, 0);
        auvi_lifecycle_state(&view->lifecycle, &event.reason);
        auvi_view_tell(view, &event);
    }
    return step;
}

enum auvi_step auvi_view_finish_destroy(auv_view *view)
{
    return stepped(view, auvi_lifecycle_finish_destroy(&view->lifecycle));
}

int auvi_view_loss(const auv_view *view)
{
    auv_close_reason reason;
    auv_state state = auvi_lifecycle_state(&view->lifecycle, &reason);

    /* The page of a closing view ends because it was told to. */
    return state < AUV_STATE_CLOSE_REQUESTED || reason == AUV_CLOSE_ENGINE_LOST
               ? AUV_ERR_ENGINE_LOST
               : AUV_ERR_CLOSED;
}

int auv_view_request_close(auv_view *view, auv_close_reason reason)
{
    auv_event event = {.kind = AUV_EVENT_CLOSE_REQUESTED, .reason = reason};
    struct auvi_order *order;

    if (!view || reason <= AUV_CLOSE_NONE || reason > AUV_CLOSE_SHUTDOWN)
        return auvi_fail(AUV_ERR_ARG, "view is NULL or the reason is unknown");
    if (stepped(view, auvi_lifecycle_request_close(&view->lifecycle, reason)) !=
        AUVI_STEP_SUCCESS)
        return 0;
    /* This call won: it alone sends the order and tells the observers. No call
     * that comes later reaches a handler. */
    auvi_calls_cancel(view, 0, 0);
    auvi_view_tell(view, &event);
    order = view->close_order;
    view->close_order = NULL;
    order->view = auv_view_ref(view);
    if (auvi_view_order(view, order) < 0)
        auvi_log(AUV_LOG_ERROR, "view %u: its close order was lost: %s",
                 view->id, auv_last_error_message());
    return 1;
}

auv_state auv_view_state(const auv_view *view, auv_close_reason *reason_out)
{
    return auvi_lifecycle_state(&view->lifecycle, reason_out);
}

static int64_t deadline_of(int64_t timeout_ms)
{
    if (timeout_ms < 0 || timeout_ms > INT64_MAX / 4000)
        return INT64_MAX;
    return auvi_clock_us() + timeout_ms * 1000;
}

int auv_view_wait_state(auv_view *view, auv_state state, int64_t timeout_ms)
{
    int64_t deadline = deadline_of(timeout_ms);

    if (!view || state > AUV_STATE_DESTROYED)
        return auvi_fail(AUV_ERR_ARG, "view is NULL or the state is unknown");
    for (;;) {
        /* The count first: a step between the two reads changes it, and the
         * wait below then returns at once. */
        uint32_t seen =
            atomic_load_explicit(&view->lifecycle_futex, memory_order_acquire);
        auv_state now = auv_view_state(view, NULL);
        int64_t left = deadline == INT64_MAX ? -1 : deadline - auvi_clock_us();

        if (state == AUV_STATE_ACTIVE && now > AUV_STATE_ACTIVE)
            return now == AUV_STATE_DESTROYED && view->close_error < 0
                       ? auvi_fail(view->close_error, "%s",
                                   view->close_text ? view->close_text : "")
                       : auvi_fail(AUV_ERR_CLOSED, "the view has closed");
        if (now >= state)
            return AUV_OK;
        if (deadline != INT64_MAX && left <= 0)
            return auvi_fail(AUV_ERR_TIMEOUT, "the view is still %s",
                             auvi_state_name(now));
        auvi_futex_wait(&view->lifecycle_futex, seen, left);
    }
}

/* ---- making and releasing ------------------------------------------------ */

static void view_free(auv_view *view)
{
    for (size_t i = 0; i < AUVI_LATEST_COUNT; i++)
        free(atomic_load_explicit(&view->latest[i], memory_order_relaxed));
    auvi_permits_fini(&view->permits);
    auvi_documents_destroy(view->documents);
    free(view->allowed);
    free(view->schemes);
    free(view->sent_evals);
    free(view->close_text);
    free(view->url);
    free(view->methods);
    free(view->handlers);
    auvi_call_table_free(&view->calls);
    auvi_order_free(view->close_order);
    auvi_recover_forget(view);
    if (view->closed_item)
        auvi_item_discard(view->closed_item);
    auvi_slots_free(view);
    auvi_streams_free(view);
    free(view);
}

static auv_view *view_new(auv_app *app)
{
    auv_view *view = calloc(1, sizeof(*view));

    if (!view)
        return NULL;
    auvi_permits_init(&view->permits);
    view->documents = auvi_documents_create();
    view->handlers = auvi_handlers_create();
    view->closed_item = auvi_closed_item_create();
    /* Without the view: a reference to itself would keep it for ever. */
    view->close_order = order_new(AUVI_ORDER_CLOSE, NULL, 0);
    if (!view->documents || !view->handlers || !view->closed_item ||
        !view->close_order || auvi_streams_init(view) < 0) {
        view_free(view);
        return NULL;
    }
    atomic_init(&view->refs, 1);
    auvi_lifecycle_init(&view->lifecycle);
    view->app = app;
    view->held_tail = &view->held;
    auvi_mutex_init(&view->calls_lock, AUVI_RANK_LEAF, "view.calls");
    auvi_mutex_init(&view->text_lock, AUVI_RANK_LEAF, "view.text");
    return view;
}

static bool is_web_url(const char *url)
{
    char origin[AUVI_ORIGIN_MAX];

    return auvi_origin_parse(url, origin) &&
           (!strncmp(origin, "http://", 7) || !strncmp(origin, "https://", 8));
}

/* A pattern is "*", or an origin whose host may begin with "*.". */
static bool is_pattern(const char *pattern)
{
    char plain[AUVI_ORIGIN_MAX + 1], parsed[AUVI_ORIGIN_MAX];
    const char *star = pattern ? strstr(pattern, "://*.") : NULL;
    size_t length = pattern ? strlen(pattern) : 0;

    if (!length || length > AUVI_ORIGIN_MAX)
        return false;
    if (!strcmp(pattern, "*"))
        return true;
    memcpy(plain, pattern, length + 1);
    if (star)
        plain[star - pattern + 3] = 'x';
    return is_web_url(plain) && auvi_origin_parse(plain, parsed) &&
           !strcmp(plain, parsed);
}

/* What a profile has to say about the options. */
static int check_profile(const auv_view_options *options)
{
    if (options->profile == AUV_PROFILE_LOCAL)
        return AUV_OK;
    if (options->profile != AUV_PROFILE_REMOTE)
        return auvi_fail(AUV_ERR_ARG, "unknown profile %d",
                         (int)options->profile);
    for (size_t i = 0; i < options->allowed_count; i++)
        if (!is_pattern(options->allowed[i]))
            return auvi_fail(AUV_ERR_ARG, "'%s' is no pattern of an origin",
                             options->allowed[i] ? options->allowed[i] : "");
    if (options->html || options->asset_root)
        return auvi_fail(AUV_ERR_DENIED,
                         "a view of the remote profile has no pages or files "
                         "of the application's own");
    return AUV_OK;
}

/* Keep what the profile needs of the options. */
static int take_profile(auv_view *view, const auv_view_options *options)
{
    size_t size = 1;
    char *to;

    view->profile = options->profile;
    if (options->profile == AUV_PROFILE_LOCAL)
        return AUV_OK;
    for (size_t i = 0; i < options->allowed_count; i++)
        size += strlen(options->allowed[i]) + 1;
    view->allowed = to = malloc(size);
    if (!to)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a view");
    for (size_t i = 0; i < options->allowed_count; i++) {
        size_t length = strlen(options->allowed[i]);

        memcpy(to, options->allowed[i], length);
        to += length;
        *to++ = '\n';
    }
    *to = '\0';
    return AUV_OK;
}

/* Takes options->observer_user as soon as it has an observer for it: *taken. */
static int create(auv_app *app, const auv_view_options *options, bool *taken,
                  auv_view **out)
{
    struct auvi_engine_config config = {.engine_path = NULL};
    struct auvi_order *order;
    auv_view *view;
    int error;

    if (atomic_load_explicit(&app->stopping, memory_order_acquire))
        return auvi_fail(AUV_ERR_CLOSED, "the application is closing");
    config.engine_path = app->engine_path;
    error = app->engine_impl->check ? app->engine_impl->check(&config) : AUV_OK;
    if (error < 0)
        return error;
    view = view_new(app);
    if (!view)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a view");
    error = take_profile(view, options);
    if (error < 0) {
        auv_view_unref(view);
        return error;
    }
    order = auvi_order_new(view, AUVI_ORDER_CREATE, NULL, 0);
    if (order)
        order->options = options_copy(options);
    if (!order || !order->options) {
        auvi_order_free(order);
        auv_view_unref(view);
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a view");
    }
    if (order->options->observer) {
        /* Before the engine can have anything to tell. */
        error = auv_view_observe(view, order->options->observer,
                                 order->options->observer_user,
                                 order->options->free_observer_user);
        if (error < 0) {
            auvi_order_free(order);
            auv_view_unref(view);
            return error;
        }
        *taken = true;
    }
    auvi_registry_add(app, view);
    error = auvi_view_order(view, order);
    if (error == AUV_OK) {
        if (options->url)
            error = auv_view_navigate(view, options->url);
        else if (options->html)
            error = auv_view_load_html(view, options->html, AUV_NUL_TERMINATED);
        else /* a page to run scripts in, even when none was asked for */
            error = auv_view_navigate(view, "about:blank");
        if (error < 0)
            auv_view_request_close(view, AUV_CLOSE_APP);
    } else {
        if (auvi_registry_remove(app, view))
            auv_view_unref(view);
    }
    if (error < 0) {
        auv_view_unref(view);
        return error;
    }
    *out = view;
    return AUV_OK;
}

int auv_view_create(auv_app *app, const auv_view_options *given, auv_view **out)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    bool taken = false;
    int error;

    if (!app || !out || (given && given->size == 0))
        return auvi_fail(AUV_ERR_ARG, "app or out is NULL, or size is 0");
    if (given) /* an older caller's struct is shorter, a newer one's longer */
        memcpy(&options, given,
               given->size < sizeof(options) ? given->size : sizeof(options));
    options.size = sizeof(options);
    if (options.recover > AUV_RECOVER_MANUAL)
        return auvi_fail(AUV_ERR_ARG, "unknown value of recover");
    error = check_profile(&options);
    if (error == AUV_ERR_ARG)
        return error;
    if (error == AUV_OK)
        error = create(app, &options, &taken, out);
    if (!taken && options.free_observer_user)
        options.free_observer_user(options.observer_user);
    return error;
}

auv_view *auv_view_ref(auv_view *view)
{
    atomic_fetch_add_explicit(&view->refs, 1, memory_order_relaxed);
    return view;
}

void auv_view_unref(auv_view *view)
{
    /* As auv_message_unref(). */
    if (view &&
        atomic_fetch_sub_explicit(&view->refs, 1, memory_order_acq_rel) == 1)
        view_free(view);
}

uint32_t auv_view_id(const auv_view *view)
{
    return view->id;
}

/* ---- content ------------------------------------------------------------- */

/* Same address but for the part behind '#': the page stays, so nothing has to
 * wait for a new one. */
static bool is_jump_within(auv_view *view, const char *url)
{
    const char *mark = strchr(url, '#');
    size_t length = mark ? (size_t)(mark - url) : 0;
    bool same;

    /* Until a navigation is settled, nobody knows which page is there. */
    if (!mark ||
        atomic_load_explicit(&view->navigation, memory_order_relaxed) !=
            atomic_load_explicit(&view->document_navigation,
                                 memory_order_acquire))
        return false;
    auvi_mutex_lock(&view->text_lock);
    same = view->url && strncmp(view->url, url, length) == 0 &&
           (view->url[length] == '\0' || view->url[length] == '#');
    auvi_mutex_unlock(&view->text_lock);
    return same;
}

/* As a browser reads it: control characters and spaces in front are skipped,
 * line ends and tabs everywhere. */
static bool is_script_url(const char *url)
{
    static const char scheme[] = "javascript:";
    size_t n = 0;

    while (*url > 0 && *url <= ' ')
        url++;
    for (; scheme[n] && *url; url++) {
        char c = *url >= 'A' && *url <= 'Z' ? (char)(*url - 'A' + 'a') : *url;

        if (c == '\t' || c == '\n' || c == '\r')
            continue;
        if (c != scheme[n])
            return false;
        n++;
    }
    return !scheme[n];
}

static int order_navigation(auv_view *view, enum auvi_order_kind kind,
                            const char *text, size_t length, bool new_page)
{
    struct auvi_order *order = auvi_order_new(view, kind, text, length);
    uint32_t before = 0;
    int error;

    if (!order)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for an order");
    /* What is sent from here on waits for the new page (send.c). */
    if (new_page) {
        before = atomic_fetch_add_explicit(&view->navigation, 1,
                                           memory_order_relaxed);
        order->navigation = before + 1;
    }
    error = auvi_view_order(view, order);
    if (error < 0 && new_page) {
        uint32_t asked = before + 1;

        /* Or the next messages would wait for a page that nobody was asked
         * for. A later navigation settles this one too. */
        atomic_compare_exchange_strong_explicit(&view->navigation, &asked,
                                                before, memory_order_relaxed,
                                                memory_order_relaxed);
    }
    return error;
}

int auv_view_navigate(auv_view *view, const char *url)
{
    int error = check_open(view);

    if (error < 0)
        return error;
    if (!url || !*url)
        return auvi_fail(AUV_ERR_ARG, "url is NULL or empty");
    if (is_script_url(url))
        return auvi_fail(AUV_ERR_ARG,
                         "a javascript: URL is no page: use auv_view_eval()");
    if (view->profile == AUV_PROFILE_REMOTE && !is_web_url(url) &&
        strcmp(url, "about:blank") != 0)
        return auvi_fail(AUV_ERR_DENIED,
                         "a view of the remote profile shows http: and https: "
                         "pages only");
    return order_navigation(view, AUVI_ORDER_NAVIGATE, url, strlen(url),
                            !is_jump_within(view, url));
}

int auv_view_load_html(auv_view *view, const char *html, size_t length)
{
    int error = check_open(view);

    if (error < 0)
        return error;
    if (!html)
        return auvi_fail(AUV_ERR_ARG, "html is NULL");
    if (view->profile == AUV_PROFILE_REMOTE)
        return auvi_fail(AUV_ERR_DENIED,
                         "a view of the remote profile shows http: and https: "
                         "pages only");
    if (length == AUV_NUL_TERMINATED)
        length = strlen(html);
    if (length > AUV_MAX_PAYLOAD)
        return auvi_fail(AUV_ERR_TOO_LARGE, "html has %zu bytes, limit %zu",
                         length, AUV_MAX_PAYLOAD);
    return order_navigation(view, AUVI_ORDER_HTML, html, length, true);
}

int auv_view_reload(auv_view *view)
{
    int error = check_open(view);

    if (error < 0)
        return error;
    return order_navigation(view, AUVI_ORDER_RELOAD, NULL, 0, true);
}

int auv_view_stop(auv_view *view)
{
    return order_simple(view, AUVI_ORDER_STOP, 0, NULL);
}

/* ---- events to the page --------------------------------------------------- */

/* A message to emit; the same checks for each way to do it. */
static int event_message(auv_view *view, const char *name, size_t name_length,
                         const char *json, size_t json_length,
                         const auv_part *parts, size_t part_count,
                         struct auv_message **out)
{
    int error;

    if (!view || !name)
        return auvi_fail(AUV_ERR_ARG, "view or name is NULL");
    if (auvi_lifecycle_is_closing(&view->lifecycle)) {
        if (!auvi_lifecycle_is_destroyed(&view->lifecycle))
            atomic_fetch_add_explicit(&view->app->dropped, 1,
                                      memory_order_relaxed);
        return auvi_fail(AUV_ERR_CLOSED, "the view is closing or closed");
    }
    error = auvi_message_create(name, name_length, json, json_length, parts,
                                part_count, out);
    if (error == AUV_OK)
        (*out)->kind = AUVI_FRAME_EVENT;
    return error;
}

int auv_view_emit(auv_view *view, const char *name, size_t name_length,
                  const char *json, size_t json_length, const auv_part *parts,
                  size_t part_count)
{
    struct auv_message *message;
    int error = event_message(view, name, name_length, json, json_length, parts,
                              part_count, &message);

    if (error < 0)
        return error;
    error = auvi_send(view, message, false);
    if (error < 0)
        auv_message_unref(message);
    return error;
}

int auv_view_emit_latest(auv_view *view, const char *name, size_t name_length,
                         const char *json, size_t json_length,
                         const auv_part *parts, size_t part_count)
{
    struct auv_message *message;
    int error = event_message(view, name, name_length, json, json_length, parts,
                              part_count, &message);

    if (error < 0)
        return error;
    error = auvi_send_latest(view, message);
    if (error < 0)
        auv_message_unref(message);
    return error;
}

int auv_view_emit_wait(auv_view *view, const char *name, size_t name_length,
                       const char *json, size_t json_length,
                       const auv_part *parts, size_t part_count,
                       int64_t timeout_ms)
{
    struct auv_message *message;
    int error = event_message(view, name, name_length, json, json_length, parts,
                              part_count, &message);

    if (error < 0)
        return error;
    error = auvi_send_wait(view, message, deadline_of(timeout_ms));
    if (error < 0)
        auv_message_unref(message);
    return error;
}

/* ---- window --------------------------------------------------------------- */

int auv_view_set_title(auv_view *view, const char *title)
{
    return order_simple(view, AUVI_ORDER_TITLE, 0, title ? title : "");
}

int auv_view_set_bounds(auv_view *view, int32_t x, int32_t y, int32_t width,
                        int32_t height)
{
    struct auvi_order *order;
    int error = check_open(view);

    if (error < 0)
        return error;
    order = auvi_order_new(view, AUVI_ORDER_BOUNDS, NULL, 0);
    if (!order)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for an order");
    order->a = x;
    order->b = y;
    order->c = width;
    order->d = height;
    return auvi_view_order(view, order);
}

int auv_view_set_visible(auv_view *view, bool visible)
{
    return order_simple(view, AUVI_ORDER_VISIBLE, visible, NULL);
}

int auv_view_set_parent(auv_view *view, auv_native parent)
{
    struct auvi_order *order;
    int error = check_open(view);

    if (error < 0)
        return error;
    order = auvi_order_new(view, AUVI_ORDER_PARENT, NULL, 0);
    if (!order)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for an order");
    order->native = parent;
    return auvi_view_order(view, order);
}

int auv_view_set_focus(auv_view *view, auv_focus focus)
{
    if (focus > AUV_FOCUS_LAST)
        return auvi_fail(AUV_ERR_ARG, "unknown focus %d", (int)focus);
    return order_simple(view, AUVI_ORDER_FOCUS, (int32_t)focus, NULL);
}

int auv_view_set_input(auv_view *view, bool admitted)
{
    return order_simple(view, AUVI_ORDER_INPUT, admitted, NULL);
}
