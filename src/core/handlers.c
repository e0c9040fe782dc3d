/*
 * handlers.c - who hears what: bindings, listeners and observers of a view.
 *
 * The table belongs to the consumer: other threads change it by sending an
 * operation through the inbox, ahead of everything that arrives later. So no
 * lock guards it, and none is held while a handler runs. A handler that changes
 * the table under its own feet only marks entries as dead; they are freed once
 * no handler of the view is running.
 */
#include "core/core.h"
#include "core/fetch.h"

#include <stdlib.h>
#include <string.h>

enum op_kind {
    OP_BIND,
    OP_UNBIND,
    OP_ON,
    OP_OFF,
    OP_OBSERVE,
    OP_STATE,
    OP_OFFER,
    OP_SCHEME
};

/* An entry of the table, and while it travels an operation on it. */
struct auvi_handler_op {
    _Atomic uint32_t refs; /* the table, and each worker that runs it */
    enum op_kind kind;
    union {
        auv_call_fn call;
        auv_message_fn message;
        auv_event_fn event;
        auv_state_fn state;
        auv_offer_fn offer;
        auv_fetch_fn fetch;
    } fn;
    void *user;
    void (*free_user)(void *user);
    int listener;
    bool worker; /* runs on a thread of workers.c */
    bool dead;
    struct auvi_handler_op *next;
    uint32_t hash;
    size_t name_length;
    char name[];
};

#define BUCKETS 64u /* names per view are few; a chain of several is fine */

struct auvi_handlers {
    struct auvi_handler_op *calls[BUCKETS];
    struct auvi_handler_op *listeners[BUCKETS];
    struct auvi_handler_op *observers, *states, *offers;
    struct auvi_handler_op *schemes;
    unsigned depth; /* handlers of this view that are running */
    bool has_dead;
};

static uint32_t hash_name(const char *name, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a: short keys, no hostile ones: the
                                    host chose what is in the table */

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return hash;
}

static bool same_name(const struct auvi_handler_op *op, uint32_t hash,
                      const char *name, size_t length)
{
    return op->hash == hash && op->name_length == length &&
           memcmp(op->name, name, length) == 0;
}

static void op_free(struct auvi_handler_op *op)
{
    /* Acquire and release: the workers are done with `user`. */
    if (atomic_fetch_sub_explicit(&op->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (op->free_user)
        op->free_user(op->user);
    free(op);
}

void auvi_handler_op_discard(struct auvi_handler_op *op)
{
    op_free(op);
}

static void list_append(struct auvi_handler_op **list,
                        struct auvi_handler_op *op)
{
    while (*list)
        list = &(*list)->next;
    op->next = NULL;
    *list = op;
}

static void list_sweep(struct auvi_handler_op **list)
{
    while (*list) {
        struct auvi_handler_op *op = *list;

        if (!op->dead) {
            list = &op->next;
            continue;
        }
        *list = op->next;
        op_free(op); /* may re-enter: the list is consistent here */
    }
}

static void sweep(struct auvi_handlers *handlers)
{
    if (handlers->depth || !handlers->has_dead)
        return;
    handlers->has_dead = false;
    handlers->depth++; /* a finalizer that changes the table only marks */
    for (unsigned i = 0; i < BUCKETS; i++) {
        list_sweep(&handlers->calls[i]);
        list_sweep(&handlers->listeners[i]);
    }
    list_sweep(&handlers->observers);
    list_sweep(&handlers->states);
    list_sweep(&handlers->offers);
    list_sweep(&handlers->schemes);
    handlers->depth--;
}

static struct auvi_handler_op *find_call(struct auvi_handlers *handlers,
                                         uint32_t hash, const char *name,
                                         size_t length)
{
    struct auvi_handler_op *op = NULL;

    for (op = handlers->calls[hash % BUCKETS]; op; op = op->next)
        if (!op->dead && same_name(op, hash, name, length))
            return op;
    return NULL;
}

static void kill_op(struct auvi_handlers *handlers, struct auvi_handler_op *op)
{
    op->dead = true;
    handlers->has_dead = true;
}

static void kill_listener(struct auvi_handlers *handlers,
                          struct auvi_handler_op *list, int listener)
{
    for (; list; list = list->next)
        if (!list->dead && list->listener == listener)
            kill_op(handlers, list);
}

static void observer_catch_up(auv_view *view, struct auvi_handler_op *op)
{
    auv_event event = {.size = sizeof(event), .text = ""};
    uintptr_t native =
        atomic_load_explicit(&view->native, memory_order_relaxed);

    if (view->told_active) {
        event.kind = AUV_EVENT_ACTIVE;
        op->fn.event(view, &event, op->user);
        if (native && !op->dead) {
            event.kind = AUV_EVENT_NATIVE;
            event.native = native;
            op->fn.event(view, &event, op->user);
        }
    }
}

static struct auvi_handler_op *find_scheme(struct auvi_handlers *handlers,
                                           const char *name, size_t length)
{
    struct auvi_handler_op *op = handlers->schemes;

    while (op && (op->dead || op->name_length != length ||
                  memcmp(op->name, name, length) != 0))
        op = op->next;
    return op;
}

void auvi_handlers_apply(auv_view *view, struct auvi_handler_op *op)
{
    struct auvi_handlers *handlers = view->handlers;
    struct auvi_handler_op *old;

    if (view->forgotten) {
        op_free(op);
        return;
    }
    switch (op->kind) {
    case OP_BIND:
    case OP_UNBIND:
        old = find_call(handlers, op->hash, op->name, op->name_length);
        if (old)
            kill_op(handlers, old);
        if (op->kind == OP_BIND)
            list_append(&handlers->calls[op->hash % BUCKETS], op);
        else
            op_free(op);
        break;
    case OP_ON:
        list_append(&handlers->listeners[op->hash % BUCKETS], op);
        break;
    case OP_SCHEME:
        old = find_scheme(handlers, op->name, op->name_length);
        if (old)
            kill_op(handlers, old);
        list_append(&handlers->schemes, op);
        break;
    case OP_OBSERVE:
        list_append(&handlers->observers, op);
        handlers->depth++;
        observer_catch_up(view, op);
        handlers->depth--;
        break;
    case OP_STATE:
        list_append(&handlers->states, op);
        break;
    case OP_OFFER:
        list_append(&handlers->offers, op);
        break;
    case OP_OFF:
        for (unsigned i = 0; i < BUCKETS; i++)
            kill_listener(handlers, handlers->listeners[i], op->listener);
        kill_listener(handlers, handlers->observers, op->listener);
        kill_listener(handlers, handlers->states, op->listener);
        kill_listener(handlers, handlers->offers, op->listener);
        op_free(op);
        break;
    }
    sweep(handlers);
}

static void work(struct auv_call *call, bool run)
{
    struct auvi_handler_op *op = call->work_op;

    if (run && !auvi_call_is_cancelled(call))
        op->fn.call(call->view, call, op->user);
    op_free(op); /* it may be unbound meanwhile */
}

static void hand_to_worker(struct auvi_handler_op *op, struct auv_call *call)
{
    int error;

    atomic_fetch_add_explicit(&op->refs, 1, memory_order_relaxed);
    call->work_op = op;
    error = auvi_workers_run(call->view->app, call, work);
    if (error < 0) {
        auv_call_fail(call, auv_error_name(error), auv_last_error_message(),
                      error, NULL);
        op_free(op);
    }
}

bool auvi_handlers_call(auv_view *view, struct auv_call *call)
{
    struct auvi_handlers *handlers = view->handlers;
    size_t length;
    const char *name = auv_message_name(call->message, &length);
    struct auvi_handler_op *op = NULL;

    if (!view->forgotten)
        op = find_call(handlers, hash_name(name, length), name, length);
    if (!op) {
        char text[160];
        static const char head[] = "no handler is bound to '";
        size_t shown = length < 100 ? length : 100;

        while (shown < length && shown &&
               ((unsigned char)name[shown] & 0xc0) == 0x80)
            shown--; /* not in the middle of a character */

        memcpy(text, head, sizeof(head) - 1);
        memcpy(text + sizeof(head) - 1, name, shown);
        for (size_t i = 0; i < shown; i++) /* a name may hold NULs */
            if (!text[sizeof(head) - 1 + i])
                text[sizeof(head) - 1 + i] = '?';
        memcpy(text + sizeof(head) - 1 + shown, "'", 2);
        auv_call_fail(call, auv_error_name(AUV_ERR_METHOD_NOT_FOUND), text,
                      AUV_ERR_METHOD_NOT_FOUND, NULL);
        return true;
    }
    if (op->worker) {
        hand_to_worker(op, call);
        return false;
    }
    handlers->depth++;
    op->fn.call(view, call, op->user);
    handlers->depth--;
    sweep(handlers);
    return true;
}

/* Run those listeners of the bucket that were there when the event came. */
static bool run_listeners(auv_view *view, struct auvi_handler_op *list,
                          uint32_t hash, const char *name, size_t length,
                          const auv_message *message)
{
    struct auvi_handler_op *last = list;
    bool heard = false;

    while (last && last->next)
        last = last->next;
    for (struct auvi_handler_op *op = list; op; op = op->next) {
        if (!op->dead && same_name(op, hash, name, length)) {
            heard = true;
            op->fn.message(view, message, op->user);
        }
        if (op == last)
            break;
    }
    return heard;
}

void auvi_handlers_event(auv_view *view, const auv_message *message)
{
    struct auvi_handlers *handlers = view->handlers;
    size_t length;
    const char *name = auv_message_name(message, &length);
    uint32_t hash = hash_name(name, length);

    if (view->forgotten)
        return;
    handlers->depth++;
    if (!run_listeners(view, handlers->listeners[hash % BUCKETS], hash, name,
                       length, message)) {
        hash = hash_name("", 0);
        run_listeners(view, handlers->listeners[hash % BUCKETS], hash, "", 0,
                      message);
    }
    handlers->depth--;
    sweep(handlers);
}

void auvi_handlers_observe(auv_view *view, const auv_event *event)
{
    struct auvi_handlers *handlers = view->handlers;
    struct auvi_handler_op *last = handlers->observers;

    while (last && last->next)
        last = last->next;
    handlers->depth++;
    for (struct auvi_handler_op *op = handlers->observers; op; op = op->next) {
        if (!op->dead)
            op->fn.event(view, event, op->user);
        if (op == last)
            break;
    }
    handlers->depth--;
    sweep(handlers);
}

void auvi_handlers_state(auv_view *view, const char *key, size_t key_length,
                         const auv_message *value, auv_side source)
{
    struct auvi_handlers *handlers = view->handlers;
    struct auvi_handler_op *last = handlers->states;

    if (view->forgotten)
        return;
    while (last && last->next)
        last = last->next;
    handlers->depth++;
    for (struct auvi_handler_op *op = handlers->states; op; op = op->next) {
        if (!op->dead)
            op->fn.state(view, key, key_length, value, source, op->user);
        if (op == last)
            break;
    }
    handlers->depth--;
    sweep(handlers);
}

void auvi_handlers_offer(auv_view *view, const char *name, size_t name_length)
{
    struct auvi_handlers *handlers = view->handlers;
    uint32_t hash = hash_name(name, name_length), none = hash_name("", 0);
    bool heard = false;

    if (view->forgotten)
        return;
    handlers->depth++;
    for (int named = 1; named >= 0 && !heard; named--)
        for (struct auvi_handler_op *op = handlers->offers; op; op = op->next)
            if (!op->dead && (named ? same_name(op, hash, name, name_length)
                                    : same_name(op, none, "", 0))) {
                heard = true;
                op->fn.offer(view, name, name_length, op->user);
            }
    handlers->depth--;
    sweep(handlers);
}

void auvi_handlers_fetch(auv_view *view, struct auv_fetch *fetch)
{
    struct auvi_handlers *handlers = view->handlers;
    const char *url = auv_fetch_url(fetch);
    struct auvi_handler_op *op = NULL;

    if (!view->forgotten)
        op = find_scheme(handlers, url, strcspn(url, ":"));
    if (!op) {
        auvi_fetch_fail(fetch, 404, "Nobody serves this scheme.");
        return;
    }
    handlers->depth++;
    op->fn.fetch(view, fetch, op->user);
    handlers->depth--;
    sweep(handlers);
}

void auvi_handlers_free(auv_view *view)
{
    struct auvi_handlers *handlers = view->handlers;

    view->forgotten = true;
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct auvi_handler_op *op = handlers->calls[i]; op; op = op->next)
            kill_op(handlers, op);
        for (struct auvi_handler_op *op = handlers->listeners[i]; op;
             op = op->next)
            kill_op(handlers, op);
    }
    for (struct auvi_handler_op *op = handlers->observers; op; op = op->next)
        kill_op(handlers, op);
    for (struct auvi_handler_op *op = handlers->states; op; op = op->next)
        kill_op(handlers, op);
    for (struct auvi_handler_op *op = handlers->offers; op; op = op->next)
        kill_op(handlers, op);
    for (struct auvi_handler_op *op = handlers->schemes; op; op = op->next)
        kill_op(handlers, op);
    sweep(handlers);
}

struct auvi_handlers *auvi_handlers_create(void)
{
    return calloc(1, sizeof(struct auvi_handlers));
}

/* ---- the public functions: any thread ----------------------------------- */

/* Send an operation to the consumer; on the consumer itself, do it now. */
static int send_op(auv_view *view, struct auvi_handler_op *op)
{
    struct auvi_item *item;
    int error;

    if (auvi_processor_is_current(&view->app->processor)) {
        auvi_handlers_apply(view, op);
        return AUV_OK;
    }
    item = calloc(1, sizeof(*item));
    if (!item) {
        free(op);
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a handler");
    }
    item->kind = AUVI_ITEM_HANDLER_OP;
    item->view = auv_view_ref(view);
    item->u.op = op;
    error = auvi_app_push_reserved(view->app, item);
    if (error < 0) {
        auv_view_unref(view);
        free(item);
        free(op);
    }
    return error;
}

static int new_op(auv_view *view, enum op_kind kind, const char *name,
                  size_t length, bool has_fn, void *user,
                  void (*free_user)(void *user), struct auvi_handler_op **out)
{
    struct auvi_handler_op *op = NULL;

    if (!view || !has_fn || (length && !name))
        return auvi_fail(AUV_ERR_ARG, "view, name or function is NULL");
    /* Taking back is possible until the end: a closing view still has events
     * to tell. */
    if (kind == OP_OFF || kind == OP_UNBIND
            ? auvi_lifecycle_is_destroyed(&view->lifecycle)
            : auvi_lifecycle_is_closing(&view->lifecycle))
        return auvi_fail(AUV_ERR_CLOSED, "the view is closing or closed");
    if (length == AUV_NUL_TERMINATED)
        length = strlen(name);
    if (length > AUV_MAX_NAME)
        return auvi_fail(AUV_ERR_TOO_LARGE, "a name has %zu bytes, limit %zu",
                         length, AUV_MAX_NAME);
    op = calloc(1, sizeof(*op) + length + 1);
    if (!op)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a handler");
    atomic_init(&op->refs, 1);
    op->kind = kind;
    op->user = user;
    op->free_user = free_user;
    op->name_length = length;
    if (length)
        memcpy(op->name, name, length);
    op->hash = hash_name(op->name, length);
    op->listener = atomic_fetch_add_explicit(&view->next_listener, 1,
                                             memory_order_relaxed) +
                   1;
    *out = op;
    return AUV_OK;
}

static int bind(auv_view *view, const char *name, size_t name_length,
                auv_call_fn fn, void *user, void (*free_user)(void *user),
                bool worker)
{
    struct auvi_handler_op *op = NULL;
    int error = new_op(view, OP_BIND, name, name_length, fn && name, user,
                       free_user, &op);

    if (error < 0)
        return error;
    op->fn.call = fn;
    op->worker = worker;
    return send_op(view, op);
}

int auv_view_bind(auv_view *view, const char *name, size_t name_length,
                  auv_call_fn fn, void *user, void (*free_user)(void *user))
{
    return bind(view, name, name_length, fn, user, free_user, false);
}

int auv_view_bind_worker(auv_view *view, const char *name, size_t name_length,
                         auv_call_fn fn, void *user,
                         void (*free_user)(void *user))
{
    return bind(view, name, name_length, fn, user, free_user, true);
}

int auv_view_unbind(auv_view *view, const char *name, size_t name_length)
{
    struct auvi_handler_op *op = NULL;
    int error =
        new_op(view, OP_UNBIND, name, name_length, name, NULL, NULL, &op);

    if (error == AUV_ERR_CLOSED)
        return AUV_OK; /* its bindings are gone, or on their way */
    return error < 0 ? error : send_op(view, op);
}

int auv_view_on(auv_view *view, const char *name, size_t name_length,
                auv_message_fn fn, void *user, void (*free_user)(void *user))
{
    struct auvi_handler_op *op = NULL;
    int error = new_op(view, OP_ON, name, name_length, fn && name, user,
                       free_user, &op);
    int listener;

    if (error < 0)
        return error;
    op->fn.message = fn;
    listener = op->listener;
    error = send_op(view, op);
    return error < 0 ? error : listener;
}

int auv_view_off(auv_view *view, int listener)
{
    struct auvi_handler_op *op = NULL;
    int error = new_op(view, OP_OFF, "", 0, true, NULL, NULL, &op);

    if (error == AUV_ERR_CLOSED)
        return AUV_OK;
    if (error < 0)
        return error;
    op->listener = listener;
    return send_op(view, op);
}

int auv_view_observe(auv_view *view, auv_event_fn fn, void *user,
                     void (*free_user)(void *user))
{
    struct auvi_handler_op *op = NULL;
    int error =
        new_op(view, OP_OBSERVE, "", 0, fn != NULL, user, free_user, &op);
    int listener;

    if (error < 0)
        return error;
    op->fn.event = fn;
    listener = op->listener;
    error = send_op(view, op);
    return error < 0 ? error : listener;
}

int auv_view_state_observe(auv_view *view, auv_state_fn fn, void *user,
                           void (*free_user)(void *user))
{
    struct auvi_handler_op *op = NULL;
    int error = new_op(view, OP_STATE, "", 0, fn != NULL, user, free_user, &op);
    int listener;

    if (error < 0)
        return error;
    op->fn.state = fn;
    listener = op->listener;
    error = send_op(view, op);
    return error < 0 ? error : listener;
}

int auv_view_on_channel(auv_view *view, const char *name, size_t name_length,
                        auv_offer_fn fn, void *user,
                        void (*free_user)(void *user))
{
    struct auvi_handler_op *op = NULL;
    int error = new_op(view, OP_OFFER, name, name_length, fn && name, user,
                       free_user, &op);
    int listener;

    if (error < 0)
        return error;
    op->fn.offer = fn;
    listener = op->listener;
    error = send_op(view, op);
    return error < 0 ? error : listener;
}

int auvi_handlers_add_scheme(auv_view *view, const char *scheme,
                             auv_fetch_fn fn, void *user,
                             void (*free_user)(void *user))
{
    struct auvi_handler_op *op = NULL;
    int error = new_op(view, OP_SCHEME, scheme, AUV_NUL_TERMINATED, true, user,
                       free_user, &op);

    if (error < 0)
        return error;
    op->fn.fetch = fn;
    return send_op(view, op);
}
