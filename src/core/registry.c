/*
 * registry.c - which views an application has.
 *
 * One leaf lock around a short list. It is a lock because a lookup must take a
 * reference before anybody can drop the last one; it is held for a few
 * instructions, never over a call out of this file.
 */
#include "core/core.h"

void auvi_registry_add(struct auv_app *app, auv_view *view)
{
    auvi_mutex_lock(&app->registry_lock);
    view->id = ++app->next_view_id;
    view->next = app->views;
    app->views = auv_view_ref(view);
    atomic_fetch_add_explicit(&app->open_views, 1, memory_order_relaxed);
    /* Release: who sees it sees that a view was open. */
    atomic_store_explicit(&app->had_views, true, memory_order_release);
    auvi_mutex_unlock(&app->registry_lock);
}

bool auvi_registry_remove(struct auv_app *app, auv_view *view)
{
    bool found = false;

    auvi_mutex_lock(&app->registry_lock);
    for (auv_view **at = &app->views; *at; at = &(*at)->next) {
        if (*at != view)
            continue;
        *at = view->next;
        atomic_fetch_sub_explicit(&app->open_views, 1, memory_order_release);
        found = true;
        break;
    }
    auvi_mutex_unlock(&app->registry_lock);
    return found;
}

auv_view *auvi_registry_find(struct auv_app *app, uint32_t id)
{
    auv_view *view;

    auvi_mutex_lock(&app->registry_lock);
    for (view = app->views; view && view->id != id; view = view->next)
        ;
    if (view)
        auv_view_ref(view);
    auvi_mutex_unlock(&app->registry_lock);
    return view;
}

size_t auvi_registry_all(struct auv_app *app, auv_view **out, size_t space)
{
    size_t count = 0;

    auvi_mutex_lock(&app->registry_lock);
    for (auv_view *view = app->views; view; view = view->next) {
        if (count < space)
            out[count] = auv_view_ref(view);
        count++;
    }
    auvi_mutex_unlock(&app->registry_lock);
    return count;
}

auv_view *auvi_registry_after(struct auv_app *app, uint32_t id)
{
    auv_view *found = NULL;

    auvi_mutex_lock(&app->registry_lock);
    /* The list has the newest first. */
    for (auv_view *view = app->views; view && view->id > id; view = view->next)
        found = view;
    if (found)
        auv_view_ref(found);
    auvi_mutex_unlock(&app->registry_lock);
    return found;
}

bool auvi_registry_is_done(struct auv_app *app)
{
    /* Without the lock: each auv_app_process() asks. Views only come behind
     * had_views, so the zero is one of after the first view. */
    return atomic_load_explicit(&app->had_views, memory_order_acquire) &&
           atomic_load_explicit(&app->open_views, memory_order_acquire) == 0;
}
