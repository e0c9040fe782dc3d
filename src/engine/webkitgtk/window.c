/*
 * window.c - the window around the web view: an own one with a frame, or a
 * borderless one that embed_x11.c puts into a foreign window.
 */
#include "engine/webkitgtk/webkitgtk_priv.h"

#include <gdk/gdkx.h>

/* ---- what is reported ---------------------------------------------------- */

int auvi_wk_window_scale(const struct auvi_wk_view *view)
{
    return gtk_widget_get_scale_factor(view->window);
}

static void report_shown(struct auvi_wk_view *view, bool shown)
{
    if (view->shown == shown)
        return;
    view->shown = shown;
    auvi_wk_report(
        view, (auv_event){.kind = shown ? AUV_EVENT_SHOWN : AUV_EVENT_HIDDEN});
}

void auvi_wk_report_focus(struct auvi_wk_view *view, bool focused)
{
    if (view->focused == focused)
        return;
    view->focused = focused;
    auvi_wk_report(view, (auv_event){.kind = focused ? AUV_EVENT_FOCUS_IN
                                                     : AUV_EVENT_FOCUS_OUT});
}

static gboolean on_delete(GtkWidget *window, GdkEvent *event, gpointer user)
{
    (void)window;
    (void)event;
    /* Stays open: the application may have unsaved work to ask about. */
    auvi_wk_report(user, (auv_event){.kind = AUV_EVENT_CLOSE_REQUESTED,
                                     .reason = AUV_CLOSE_USER});
    return TRUE;
}

static gboolean on_configure(GtkWidget *window, GdkEvent *event, gpointer user)
{
    struct auvi_wk_view *view = user;
    int scale = gtk_widget_get_scale_factor(window);
    int x = event->configure.x * scale, y = event->configure.y * scale;
    int w = event->configure.width * scale, h = event->configure.height * scale;
    bool moved = x != view->x || y != view->y;
    bool resized = w != view->w || h != view->h;

    view->x = x;
    view->y = y;
    view->w = w;
    view->h = h;
    if (moved)
        auvi_wk_report(view,
                       (auv_event){.kind = AUV_EVENT_MOVED, .x = x, .y = y});
    if (resized)
        auvi_wk_report(
            view,
            (auv_event){.kind = AUV_EVENT_RESIZED, .width = w, .height = h});
    return FALSE;
}

static gboolean on_focus_in(GtkWidget *window, GdkEvent *event, gpointer user)
{
    struct auvi_wk_view *view = user;

    (void)window;
    (void)event;
    auvi_wk_report_focus(view, true);
    return FALSE;
}

static gboolean on_focus_out(GtkWidget *window, GdkEvent *event, gpointer user)
{
    struct auvi_wk_view *view = user;

    (void)window;
    (void)event;
    if (view->embedded)
        auvi_wk_select_keys(view, false);
    auvi_wk_report_focus(view, false);
    return FALSE;
}

/* GTK's focus chain. While the web view has the focus, WebKit asks for a move
 * only when Tab has gone past the page's last or first element. */
static gboolean on_focus_move(GtkWidget *window, GtkDirectionType direction,
                              gpointer user)
{
    struct auvi_wk_view *view = user;

    if (!view->embedded ||
        gtk_window_get_focus(GTK_WINDOW(window)) != GTK_WIDGET(view->web))
        return FALSE;
    /* WebKit hands the same key on once more, as one that nobody handled. */
    if (view->leave_time == view->key_time)
        return TRUE;
    view->leave_time = view->key_time;
    auvi_wk_report(
        view, (auv_event){.kind = AUV_EVENT_FOCUS_LEAVE,
                          .x = direction == GTK_DIR_TAB_BACKWARD ? -1 : 1});
    return TRUE;
}

static void on_map(GtkWidget *window, gpointer user)
{
    struct auvi_wk_view *view = user;

    (void)window;
    if (view->embedded && !view->focused)
        auvi_wk_select_keys(view, false);
    report_shown(view, true);
    if (view->focus_wanted && view->window) {
        view->focus_wanted = false;
        auvi_wk_set_focus(view, view->focus_kind);
    }
}

static void on_unmap(GtkWidget *window, gpointer user)
{
    (void)window;
    report_shown(user, false);
}

/* ---- making and changing ------------------------------------------------- */

static void style_own(struct auvi_wk_view *view, GtkWindow *window)
{
    gtk_window_set_title(window, view->title);
    gtk_window_set_default_size(window, view->width, view->height);
    gtk_window_set_decorated(window, view->decorated);
    gtk_window_set_resizable(window, view->resizable);
    if (!view->resizable) {
        /* A window that cannot be resized takes the size its content asks for,
         * and a web view asks for nothing. */
        gtk_widget_set_size_request(GTK_WIDGET(view->web), view->width,
                                    view->height);
    }
    if (view->transparent) {
        GdkVisual *visual =
            gdk_screen_get_rgba_visual(gtk_window_get_screen(window));

        if (visual)
            gtk_widget_set_visual(GTK_WIDGET(window), visual);
        gtk_widget_set_app_paintable(GTK_WIDGET(window), TRUE);
    }
}

void auvi_wk_window_renew(struct auvi_wk_view *view, bool embedded)
{
    GdkDisplay *display = gdk_display_get_default();
    GtkWidget *old = view->window;
    GtkWidget *window =
        gtk_window_new(embedded ? GTK_WINDOW_POPUP : GTK_WINDOW_TOPLEVEL);

    /* The old window may have been destroyed with its foreign parent. */
    if (view->engine->x11)
        gdk_x11_display_error_trap_push(display);
    auvi_wk_focus_forget(view);
    auvi_wk_embed_forget_parent(view);
    if (old) {
        g_signal_handlers_disconnect_by_data(old, view);
        gtk_container_remove(GTK_CONTAINER(old), GTK_WIDGET(view->web));
        gtk_widget_destroy(old);
    }
    view->window = window;
    view->embedded = embedded;
    gtk_widget_set_size_request(GTK_WIDGET(view->web), -1, -1);
    if (embedded)
        gtk_window_set_resizable(GTK_WINDOW(window), TRUE);
    else
        style_own(view, GTK_WINDOW(window));
    gtk_container_add(GTK_CONTAINER(window), GTK_WIDGET(view->web));
    gtk_widget_realize(window);
    view->xid = 0;
    if (view->engine->x11) {
        GdkWindow *gdk = gtk_widget_get_window(window);

        view->xid = GDK_WINDOW_XID(gdk);
        /* Nobody answers the frame protocol inside a foreign window: drawing
         * would wait for it. */
        if (embedded)
            gdk_x11_window_set_frame_sync_enabled(gdk, FALSE);
        gdk_x11_display_error_trap_pop_ignored(display);
    }

    g_signal_connect(window, "delete-event", G_CALLBACK(on_delete), view);
    g_signal_connect(window, "configure-event", G_CALLBACK(on_configure), view);
    g_signal_connect(window, "focus-in-event", G_CALLBACK(on_focus_in), view);
    g_signal_connect(window, "focus-out-event", G_CALLBACK(on_focus_out), view);
    g_signal_connect(window, "focus", G_CALLBACK(on_focus_move), view);
    g_signal_connect(window, "map", G_CALLBACK(on_map), view);
    g_signal_connect(window, "unmap", G_CALLBACK(on_unmap), view);

    auvi_wk_report_focus(view, false);
    report_shown(view, false);
    if (view->xid)
        auvi_wk_report(
            view, (auv_event){.kind = AUV_EVENT_NATIVE, .native = view->xid});
}

void auvi_wk_window_destroy(struct auvi_wk_view *view)
{
    GdkDisplay *display = gdk_display_get_default();

    if (!view->window)
        return;
    if (view->engine->x11)
        gdk_x11_display_error_trap_push(display);
    g_signal_handlers_disconnect_by_data(view->window, view);
    gtk_widget_destroy(view->window);
    view->window = NULL;
    if (view->engine->x11)
        gdk_x11_display_error_trap_pop_ignored(display);
}

void auvi_wk_window_update_visible(struct auvi_wk_view *view)
{
    bool visible = view->wanted_visible &&
                   (!view->embedded || (view->parent && view->viewable));

    /* WebKit stops drawing and animation with the mapping of its widget. It
     * cannot see that an ancestor of a foreign parent is not mapped. */
    if (visible != (bool)gtk_widget_get_visible(view->window))
        gtk_widget_set_visible(view->window, visible);
}

void auvi_wk_window_set_bounds(struct auvi_wk_view *view, int x, int y, int w,
                               int h)
{
    GtkWindow *window = GTK_WINDOW(view->window);
    int scale = auvi_wk_window_scale(view);

    if (w > 0 && h > 0) {
        if (!view->resizable)
            gtk_widget_set_size_request(GTK_WIDGET(view->web), w / scale,
                                        h / scale);
    }
    int present_w, present_h;

    gtk_window_get_size(window, &present_w, &present_h);
    gtk_window_resize(window, w > 0 ? MAX(w / scale, 1) : present_w,
                      h > 0 ? MAX(h / scale, 1) : present_h);
    gtk_window_move(window, x / scale, y / scale);
}

void auvi_wk_set_focus(struct auvi_wk_view *view, auv_focus focus)
{
    if (focus == AUV_FOCUS_OUT) {
        view->focus_wanted = false;
        if (view->embedded)
            auvi_wk_give_focus_back(view);
        return;
    }
    if (!gtk_widget_get_mapped(view->window)) {
        view->focus_wanted = true;
        view->focus_kind = focus;
        return;
    }
    if (view->embedded)
        auvi_wk_take_focus(view, GDK_CURRENT_TIME);
    else
        gtk_window_present(GTK_WINDOW(view->window));
    gtk_widget_grab_focus(GTK_WIDGET(view->web));
    if (focus != AUV_FOCUS_IN)
        auvi_wk_focus_end(view, focus == AUV_FOCUS_LAST);
}
