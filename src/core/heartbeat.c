/*
 * heartbeat.c - notices a page or an engine that does not answer.
 *
 * Only whoever has been given something to do is asked, once it has had some
 * time: a PING, which it answers from the very loop that is suspected. So a view
 * at rest costs nothing, and one in use one question per period.
 *
 *     sent something          a third of the time        no sign of life
 *   QUIET ─────────────► DUE ─────────────────► ASKED ──────────────────► LATE
 *     ▲                   ▲                       │ anything heard          │
 *     └── nothing since ──┴── something since ────┴─────────────────────────┘
 *
 * Any frame counts as a sign of life, not the PONG alone. The sender sets `owed`
 * and wakes the link thread if that would sleep too long; the receiver counts
 * what is heard; the rest is the link thread's. A view becomes late under
 * receive_lock, where it also ceases to be: so the two are told in order.
 */
#include "core/core.h"

#include <stdlib.h>

/* Once more, when the time is over: another thread may just be reading. */
#define GRACE_US 50000

static int64_t quiet_us(const struct auv_app *app)
{
    return app->unresponsive_us / 3;
}

static int64_t patience_us(const struct auv_app *app)
{
    return app->unresponsive_us - quiet_us(app);
}

/* ---- what is told ---------------------------------------------------------- */

static void become_late(auv_view *view, unsigned why, const char *text)
{
    auv_event event = {.kind = AUV_EVENT_UNRESPONSIVE, .text = text};

    auvi_mutex_assert_held(&view->app->receive_lock);
    if (!atomic_fetch_or_explicit(&view->late, why, memory_order_acq_rel) &&
        !auvi_lifecycle_is_closing(&view->lifecycle))
        auvi_view_tell(view, &event);
}

static void cease_late(auv_view *view, unsigned why)
{
    auv_event event = {.kind = AUV_EVENT_RESPONSIVE};

    auvi_mutex_assert_held(&view->app->receive_lock);
    if (atomic_fetch_and_explicit(&view->late, ~why, memory_order_acq_rel) ==
            why &&
        !auvi_lifecycle_is_closing(&view->lifecycle))
        auvi_view_tell(view, &event);
}

void auvi_heartbeat_heard(auv_view *view)
{
    /* Counted under receive_lock only, so this is no lost update. */
    atomic_store_explicit(
        &view->heard,
        atomic_load_explicit(&view->heard, memory_order_relaxed) + 1,
        memory_order_release);
    if (atomic_load_explicit(&view->late, memory_order_relaxed) &
        AUVI_LATE_PAGE)
        cease_late(view, AUVI_LATE_PAGE);
}

void auvi_heartbeat_input(auv_view *view, bool late, const char *text)
{
    auvi_mutex_lock(&view->app->receive_lock);
    if (late)
        become_late(view, AUVI_LATE_INPUT, text);
    else
        cease_late(view, AUVI_LATE_INPUT);
    auvi_mutex_unlock(&view->app->receive_lock);
}

void auvi_heartbeat_reset(auv_view *view)
{
    auvi_mutex_lock(&view->app->receive_lock);
    atomic_store_explicit(&view->late, 0, memory_order_release);
    auvi_mutex_unlock(&view->app->receive_lock);
    view->beat.phase = AUVI_BEAT_QUIET;
}

/* ---- pages ----------------------------------------------------------------- */

void auvi_heartbeat_owe(auv_view *view)
{
    struct auv_app *app = view->app;

    if (atomic_load_explicit(&view->owed, memory_order_relaxed) ||
        !app->unresponsive_us)
        return;
    atomic_store_explicit(&view->owed, true, memory_order_release);
    /* Before the look at the link thread's deadline: either it sees this, or we
     * see that it looks. */
    atomic_store_explicit(&app->beats_owed, true, memory_order_seq_cst);
    auvi_app_deadline_added(app, auvi_clock_us() + quiet_us(app));
}

static void ask(auv_view *view, int64_t now)
{
    struct auv_message *message;

    atomic_store_explicit(&view->owed, false, memory_order_release);
    view->beat.heard = atomic_load_explicit(&view->heard, memory_order_acquire);
    view->beat.document =
        atomic_load_explicit(&view->document, memory_order_acquire);
    view->beat.phase = AUVI_BEAT_QUIET;
    /* What waits for a page is not owed by one. */
    if (!view->beat.document ||
        auvi_message_create("", 0, NULL, 0, NULL, 0, &message) < 0)
        return;
    message->kind = AUVI_FRAME_PING;
    if (auvi_send(view, message, false) < 0) {
        auv_message_unref(message); /* so much waits that it is late anyway */
    }
    view->beat.phase = AUVI_BEAT_ASKED;
    view->beat.due_us = now + patience_us(view->app);
}

static bool is_alive(const auv_view *view)
{
    return view->beat.heard !=
               atomic_load_explicit(&view->heard, memory_order_acquire) ||
           view->beat.document !=
               atomic_load_explicit(&view->document, memory_order_acquire);
}

/* Its answers are not read: that says nothing about it. */
static bool is_unread(const auv_view *view)
{
    return atomic_load(&view->paused) || auvi_receive_is_stalled(view->app) ||
           atomic_load_explicit(&view->app->parking, memory_order_acquire);
}

static void judge(auv_view *view, int64_t now)
{
    struct auv_app *app = view->app;

    if (is_unread(view)) {
        view->beat.phase = AUVI_BEAT_ASKED;
        view->beat.due_us = now + patience_us(app);
    } else if (view->beat.phase == AUVI_BEAT_ASKED) {
        /* The host may be busy: look at the links in its place. */
        if (auvi_receive(app))
            auvi_app_wake_consumer(app, 1, AUVI_HIGH);
        view->beat.phase = AUVI_BEAT_GRACE;
        view->beat.due_us = now + GRACE_US;
    } else {
        auvi_mutex_lock(&app->receive_lock);
        if (auvi_documents_held(view)) { /* nor is it read now */
            view->beat.phase = AUVI_BEAT_ASKED;
            view->beat.due_us = now + patience_us(app);
        } else if (!is_alive(view)) {
            view->beat.phase = AUVI_BEAT_LATE;
            become_late(view, AUVI_LATE_PAGE, "the page does not answer");
        }
        auvi_mutex_unlock(&app->receive_lock);
    }
}

/* Returns when the view is to be looked at again. */
static int64_t beat_page(auv_view *view, int64_t now)
{
    struct auvi_beat *beat = &view->beat;

    if (beat->phase >= AUVI_BEAT_ASKED && is_alive(view))
        beat->phase = AUVI_BEAT_QUIET;
    if (beat->phase == AUVI_BEAT_QUIET &&
        atomic_load_explicit(&view->owed, memory_order_acquire)) {
        beat->phase = AUVI_BEAT_DUE;
        beat->due_us = now + quiet_us(view->app);
    }
    if (beat->phase == AUVI_BEAT_DUE && beat->due_us <= now)
        ask(view, now);
    else if ((beat->phase == AUVI_BEAT_ASKED ||
              beat->phase == AUVI_BEAT_GRACE) &&
             beat->due_us <= now)
        judge(view, now);
    return beat->phase == AUVI_BEAT_QUIET || beat->phase == AUVI_BEAT_LATE
               ? INT64_MAX
               : beat->due_us;
}

/* ---- the engine ------------------------------------------------------------ */

void auvi_heartbeat_owe_engine(struct auv_app *app)
{
    if (app->engine_owed || !app->engine_impl->ping || !app->unresponsive_us)
        return;
    app->engine_owed = true;
    atomic_store_explicit(&app->beats_owed, true, memory_order_relaxed);
}

static void for_each_view(struct auv_app *app, bool late)
{
    auv_view *view;

    for (uint32_t id = 0; (view = auvi_registry_after(app, id));
         auv_view_unref(view)) {
        id = view->id;
        if (!view->engine_has_it)
            continue;
        auvi_mutex_lock(&app->receive_lock);
        if (late)
            become_late(view, AUVI_LATE_ENGINE, "the engine does not answer");
        else
            cease_late(view, AUVI_LATE_ENGINE);
        auvi_mutex_unlock(&app->receive_lock);
    }
}

void auvi_heartbeat_heard_engine(struct auv_app *app)
{
    struct auvi_beat *beat = &app->engine_beat;

    if (beat->phase == AUVI_BEAT_LATE)
        for_each_view(app, false);
    if (beat->phase < AUVI_BEAT_ASKED)
        return;
    beat->phase = AUVI_BEAT_QUIET;
    if (app->engine_owed) /* since it was asked */
        atomic_store_explicit(&app->beats_owed, true, memory_order_relaxed);
}

static int64_t beat_engine(struct auv_app *app, int64_t now)
{
    struct auvi_beat *beat = &app->engine_beat;

    if (!app->engine) {
        app->engine_owed = false;
        beat->phase = AUVI_BEAT_QUIET;
    }
    if (beat->phase == AUVI_BEAT_QUIET && app->engine_owed) {
        beat->phase = AUVI_BEAT_DUE;
        beat->due_us = now + quiet_us(app);
    }
    if (beat->phase == AUVI_BEAT_DUE && beat->due_us <= now) {
        app->engine_owed = false;
        app->engine_impl->ping(app->engine);
        beat->phase = AUVI_BEAT_ASKED;
        beat->due_us = now + patience_us(app);
    } else if (beat->phase == AUVI_BEAT_ASKED && beat->due_us <= now) {
        /* This thread reads what it says, once it is back in its loop. */
        beat->phase = AUVI_BEAT_GRACE;
        beat->due_us = now + GRACE_US;
    } else if (beat->phase == AUVI_BEAT_GRACE && beat->due_us <= now) {
        beat->phase = AUVI_BEAT_LATE;
        for_each_view(app, true);
    }
    return beat->phase == AUVI_BEAT_QUIET || beat->phase == AUVI_BEAT_LATE
               ? INT64_MAX
               : beat->due_us;
}

int64_t auvi_heartbeat(struct auv_app *app)
{
    bool owed =
        atomic_exchange_explicit(&app->beats_owed, false, memory_order_seq_cst);
    int64_t now, next;
    auv_view *view;

    if (!owed && app->beat_due_us == INT64_MAX)
        return INT64_MAX;
    now = auvi_clock_us();
    if (!owed && app->beat_due_us > now)
        return app->beat_due_us;
    next = beat_engine(app, now);
    for (uint32_t id = 0; (view = auvi_registry_after(app, id));
         auv_view_unref(view)) {
        int64_t due = beat_page(view, now);

        id = view->id;
        if (due < next)
            next = due;
    }
    app->beat_due_us = next;
    return next;
}
