/*
 * embed_x11.c - living inside a window of another program.
 *
 * Our borderless window is reparented into the host's. From then on we watch
 * that window and all its ancestors ourselves: their size and mapping reach us
 * from the X server, so the page follows a resize while the host is blocked,
 * and stops drawing when the host is minimised.
 *
 *     host: top-level ... parent  <- StructureNotify
 *                           our window (override-redirect)
 *                             web view
 *
 * The host may destroy its window at any moment, ours going with it. What we
 * ask of a window that is gone ends in an X error, which must not end us, and
 * comes later than the call that caused it.
 */
#include "engine/webkitgtk/webkitgtk_priv.h"

#include "base/base.h"

#include <X11/Xatom.h>
#include <X11/extensions/XInput2.h>
#include <gdk/gdkx.h>

static Display *xdisplay(void)
{
    return gdk_x11_display_get_xdisplay(gdk_display_get_default());
}

static void trap(void)
{
    gdk_x11_display_error_trap_push(gdk_display_get_default());
}

static void untrap(void)
{
    gdk_x11_display_error_trap_pop_ignored(gdk_display_get_default());
}

/* ---- the parent and its ancestors ---------------------------------------- */

bool auvi_wk_is_ancestor(const struct auvi_wk_view *view, unsigned long window)
{
    for (unsigned i = 0; i < view->ancestor_count; i++) {
        if (view->ancestors[i] == window)
            return true;
    }
    return false;
}

/* The X server keeps one event mask per window for all of this program. GDK has
 * its own on the windows that it made (a view inside another view's window),
 * with these events in it. */
static void select_events(unsigned long window, long mask)
{
    if (!gdk_x11_window_lookup_for_display(gdk_display_get_default(), window))
        XSelectInput(xdisplay(), window, mask);
}

/* Nor may a mask go that another view needs. */
static void unwatch(struct auvi_wk_view *view)
{
    GHashTableIter iter;
    gpointer other;

    for (unsigned i = 0; i < view->ancestor_count; i++) {
        unsigned long window = view->ancestors[i];
        bool needed = false;

        g_hash_table_iter_init(&iter, view->engine->views);
        while (!needed && g_hash_table_iter_next(&iter, NULL, &other))
            needed = other != view && auvi_wk_is_ancestor(other, window);
        if (!needed)
            select_events(window, NoEventMask);
    }
    view->ancestor_count = 0;
}

static void watch(struct auvi_wk_view *view)
{
    Window window = view->parent;

    while (window && view->ancestor_count < AUVI_WK_ANCESTORS) {
        Window root = 0, up = 0, *children = NULL;
        unsigned count;

        /* Selected before asking, so that no change falls in between. */
        select_events(window, StructureNotifyMask);
        if (!XQueryTree(xdisplay(), window, &root, &up, &children, &count))
            break;
        XFree(children);
        view->ancestors[view->ancestor_count++] = window;
        window = up != root ? up : 0;
    }
}

/* What the parent is like now; false if it is gone. */
static bool look_at_parent(struct auvi_wk_view *view)
{
    XWindowAttributes info;

    if (!XGetWindowAttributes(xdisplay(), view->parent, &info))
        return false;
    view->viewable = info.map_state == IsViewable;
    view->parent_w = info.width;
    view->parent_h = info.height;
    return true;
}

unsigned long auvi_wk_embed_toplevel(const struct auvi_wk_view *view)
{
    static Atom wm_state;
    unsigned long found =
        view->ancestor_count ? view->ancestors[view->ancestor_count - 1] : 0;

    if (!wm_state)
        wm_state = XInternAtom(xdisplay(), "WM_STATE", False);
    trap();
    for (unsigned i = 0; i < view->ancestor_count; i++) {
        Atom type = None;
        int format;
        unsigned long items, left;
        unsigned char *data = NULL;

        /* Window managers put it on the windows they manage. */
        if (XGetWindowProperty(xdisplay(), view->ancestors[i], wm_state, 0, 0,
                               False, AnyPropertyType, &type, &format, &items,
                               &left, &data) == Success &&
            type != None)
            found = view->ancestors[i];
        if (data)
            XFree(data);
        if (type != None)
            break;
    }
    untrap();
    return found;
}

/* ---- geometry ------------------------------------------------------------ */

static void place(struct auvi_wk_view *view, int x, int y, int w, int h)
{
    int scale = auvi_wk_window_scale(view);

    /* GDK counts in whole units of `scale`; rounded up, so that no stripe of
     * the host shows at the edge. */
    gtk_window_move(GTK_WINDOW(view->window), x / scale, y / scale);
    gtk_window_resize(GTK_WINDOW(view->window), MAX((w + scale - 1) / scale, 1),
                      MAX((h + scale - 1) / scale, 1));
}

static void fill_parent(struct auvi_wk_view *view)
{
    view->fixed_bounds = false;
    place(view, 0, 0, view->parent_w, view->parent_h);
}

void auvi_wk_embed_set_bounds(struct auvi_wk_view *view, int x, int y, int w,
                              int h)
{
    if (w <= 0)
        w = view->w;
    if (h <= 0)
        h = view->h;
    /* The whole parent is not a place of its own: go on following. */
    view->fixed_bounds =
        x != 0 || y != 0 || w != view->parent_w || h != view->parent_h;
    view->x = x;
    view->y = y;
    trap();
    place(view, x, y, w, h);
    untrap();
}

static void parent_resized(struct auvi_wk_view *view, int w, int h)
{
    view->parent_w = w;
    view->parent_h = h;
    /* A host may have announced this size with set_bounds() before its window
     * had it. */
    if (view->fixed_bounds && view->x == 0 && view->y == 0 && view->w == w &&
        view->h == h)
        view->fixed_bounds = false;
    if (!view->fixed_bounds)
        fill_parent(view);
}

/* ---- in and out ---------------------------------------------------------- */

static void orphan(struct auvi_wk_view *view)
{
    view->parent = 0;
    auvi_wk_window_renew(view, true);
    auvi_wk_report(view, (auv_event){.kind = AUV_EVENT_PARENT_LOST});
}

void auvi_wk_embed(struct auvi_wk_view *view, unsigned long parent)
{
    if (!view->embedded || !view->window)
        auvi_wk_window_renew(view, true);
    else
        auvi_wk_embed_forget_parent(view);
    /* Unmapped while it moves: the X server would map it for a moment with the
     * geometry of the old place. */
    gtk_widget_hide(view->window);

    trap();
    view->parent = parent;
    if (!look_at_parent(view)) {
        untrap();
        auvi_log(AUV_LOG_WARNING,
                 "view %u: there is no window 0x%lx to live in", view->id,
                 parent);
        orphan(view);
        return;
    }
    XReparentWindow(xdisplay(), view->xid, parent, 0, 0);
    watch(view);
    /* Once more: it may have changed before it was watched. */
    look_at_parent(view);
    fill_parent(view);
    auvi_wk_window_update_visible(view);
    /* GTK remembers geometry of a window as it was before it was reparented,
     * and skips what it takes for no change. */
    int scale = auvi_wk_window_scale(view);

    XMoveResizeWindow(
        xdisplay(), view->xid, 0, 0,
        (unsigned)(MAX((view->parent_w + scale - 1) / scale, 1) * scale),
        (unsigned)(MAX((view->parent_h + scale - 1) / scale, 1) * scale));
    untrap();
}

void auvi_wk_embed_forget_parent(struct auvi_wk_view *view)
{
    if (view->ancestor_count == 0 && !view->parent)
        return;
    trap();
    unwatch(view);
    untrap();
    view->parent = 0;
    view->viewable = false;
    view->fixed_bounds = false;
}

/* ---- what the X server tells ---------------------------------------------- */

static struct auvi_wk_view *view_of_window(struct auvi_wk_engine *engine,
                                           unsigned long window)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, engine->views);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct auvi_wk_view *view = value;

        if (view->xid == window)
            return view;
    }
    return NULL;
}

/* One view whose parent or ancestor had `event`. */
static void ancestor_event(struct auvi_wk_view *view, const XEvent *event)
{
    trap();
    switch (event->type) {
    case ConfigureNotify:
        if (event->xconfigure.window == view->parent)
            parent_resized(view, event->xconfigure.width,
                           event->xconfigure.height);
        break;
    case ReparentNotify:
        /* The host docked or floated its panel, or a window manager put a
         * frame around it. */
        unwatch(view);
        watch(view);
        look_at_parent(view);
        auvi_wk_window_update_visible(view);
        break;
    case MapNotify:
    case UnmapNotify:
        look_at_parent(view);
        auvi_wk_window_update_visible(view);
        break;
    default:
        break;
    }
    untrap();
}

static void tell_descendants(struct auvi_wk_engine *engine, const XEvent *event)
{
    /* By number: a report may close any view. */
    GList *ids = g_hash_table_get_keys(engine->views);

    for (GList *id = ids; id; id = id->next) {
        struct auvi_wk_view *view =
            auvi_wk_find(engine, GPOINTER_TO_UINT(id->data));

        if (view && auvi_wk_is_ancestor(view, event->xany.window))
            ancestor_event(view, event);
    }
    g_list_free(ids);
}

/* Runs before GDK looks at an event. */
static GdkFilterReturn filter(GdkXEvent *xevent, GdkEvent *gdk, gpointer user)
{
    struct auvi_wk_engine *engine = user;
    const XEvent *event = xevent;

    (void)gdk;
    switch (event->type) {
    case ConfigureNotify:
    case ReparentNotify:
    case MapNotify:
    case UnmapNotify:
        tell_descendants(engine, event);
        return GDK_FILTER_CONTINUE;
    case DestroyNotify: {
        /* Children are destroyed before their parent: this is the first we hear
         * of it. Taking the web view out now spares GTK the discovery that a
         * window "unexpectedly" went, which it answers by destroying all that
         * was in it. */
        struct auvi_wk_view *view =
            view_of_window(engine, event->xdestroywindow.window);

        if (view && view->embedded)
            orphan(view);
        return GDK_FILTER_CONTINUE;
    }
    case FocusIn:
    case FocusOut:
    case EnterNotify:
    case LeaveNotify:
    case GenericEvent:
        return auvi_wk_focus_filter(engine, xevent);
    default:
        return GDK_FILTER_CONTINUE;
    }
}

/* A dialog that is transient for our window would be transient for a window
 * that no window manager knows, and could hide behind the host. */
static gboolean on_any_realize(GSignalInvocationHint *hint, guint count,
                               const GValue *values, gpointer user)
{
    struct auvi_wk_engine *engine = user;
    GObject *object = g_value_get_object(&values[0]);
    GtkWindow *owner;
    GdkWindow *owner_gdk;
    struct auvi_wk_view *view;

    (void)hint;
    (void)count;
    if (!GTK_IS_WINDOW(object))
        return TRUE;
    owner = gtk_window_get_transient_for(GTK_WINDOW(object));
    owner_gdk = owner ? gtk_widget_get_window(GTK_WIDGET(owner)) : NULL;
    if (!owner_gdk)
        return TRUE;
    view = view_of_window(engine, GDK_WINDOW_XID(owner_gdk));
    if (view && view->embedded && view->parent) {
        unsigned long toplevel = auvi_wk_embed_toplevel(view);

        trap();
        if (toplevel)
            XSetTransientForHint(
                xdisplay(),
                GDK_WINDOW_XID(gtk_widget_get_window(GTK_WIDGET(object))),
                toplevel);
        untrap();
    }
    return TRUE;
}

static gulong realize_hook;

void auvi_wk_embed_init(struct auvi_wk_engine *engine)
{
    int event, error;

    engine->xi_opcode = -1;
    if (!engine->x11)
        return;
    if (!XQueryExtension(xdisplay(), "XInputExtension", &engine->xi_opcode,
                         &event, &error))
        engine->xi_opcode = -1;
    /* Between the moment the host destroys a window and the moment we hear of
     * it, everything GTK draws fails, and GDK's handler ends the process for an
     * error outside a trap. So there is always a trap: this one is never
     * popped. A handler of our own would not do: each trap of GDK puts GDK's
     * back in force while it lasts, also for errors of earlier requests. */
    trap();
    gdk_window_add_filter(NULL, filter, engine);
    /* The class must exist for its signal to be known. */
    g_type_class_unref(g_type_class_ref(GTK_TYPE_WINDOW));
    realize_hook =
        g_signal_add_emission_hook(g_signal_lookup("realize", GTK_TYPE_WIDGET),
                                   0, on_any_realize, engine, NULL);
}

void auvi_wk_embed_fini(struct auvi_wk_engine *engine)
{
    if (!engine->x11)
        return;
    g_signal_remove_emission_hook(g_signal_lookup("realize", GTK_TYPE_WIDGET),
                                  realize_hook);
    gdk_window_remove_filter(NULL, filter, engine);
}
