/*
 * focus_x11.c - the keyboard inside a foreign window.
 *
 * No window manager knows our window, so nobody gives it the X focus: we take
 * it when the user clicks into the page, or when the host says so, and never
 * because the pointer is over us.
 *
 * While the host has the focus, X delivers its key events to the innermost
 * window under the pointer that selects them. So ours selects them only while
 * it has the focus; otherwise the host's shortcuts would end in the page
 * whenever the mouse rests on the panel.
 */
#include "engine/webkitgtk/webkitgtk_priv.h"

#include "base/base.h"

#include <X11/extensions/XInput2.h>
#include <gdk/gdkx.h>

/* ms. A window manager's click-to-focus comes after the click that we see, and
 * gives the focus to the host's window. */
#define REFOCUS_DELAY 40

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

/* ---- key events ---------------------------------------------------------- */

static void set_bit(XIEventMask *mask, int bit, bool on)
{
    unsigned char value = (unsigned char)(1u << (bit % 8));

    if (mask->mask_len <= bit / 8)
        return;
    if (on)
        mask->mask[bit / 8] |= value;
    else
        mask->mask[bit / 8] &= (unsigned char)~value;
}

void auvi_wk_select_keys(struct auvi_wk_view *view, bool on)
{
    XWindowAttributes info;
    int count = 0;

    if (!view->xid || view->keys_off == !on)
        return;
    view->keys_off = !on;
    trap();
    if (view->engine->xi_opcode >= 0) {
        XIEventMask *masks = XIGetSelectedEvents(xdisplay(), view->xid, &count);

        for (int i = 0; i < count; i++) {
            /* GDK listens to the master devices. */
            if (masks[i].deviceid != XIAllMasterDevices)
                continue;
            set_bit(&masks[i], XI_KeyPress, on);
            set_bit(&masks[i], XI_KeyRelease, on);
        }
        if (count > 0)
            XISelectEvents(xdisplay(), view->xid, masks, count);
        if (masks)
            XFree(masks);
    }
    if (XGetWindowAttributes(xdisplay(), view->xid, &info)) {
        long keys = KeyPressMask | KeyReleaseMask;

        /* The server prefers XInput 2 where both are selected. */
        XSelectInput(xdisplay(), view->xid,
                     on ? info.your_event_mask | keys
                        : info.your_event_mask & ~keys);
    }
    /* Now, not at the end of this turn: until then the host's keys come here. */
    XFlush(xdisplay());
    untrap();
}

/* ---- focus --------------------------------------------------------------- */

bool auvi_wk_has_x_focus(const struct auvi_wk_view *view)
{
    Window focus = None, root, parent, *children = NULL;
    unsigned count;
    int revert;
    bool ours = false;

    trap();
    XGetInputFocus(xdisplay(), &focus, &revert);
    if (focus == view->xid)
        ours = true;
    else if (focus != None && focus != PointerRoot &&
             !auvi_wk_is_ancestor(view, focus) &&
             XQueryTree(xdisplay(), focus, &root, &parent, &children, &count)) {
        /* GDK keeps a window for the focus inside each of its own. */
        ours = parent == view->xid;
        XFree(children);
    }
    untrap();
    return ours;
}

static void set_x_focus(struct auvi_wk_view *view, uint32_t time)
{
    /* First, and in the same stream of requests: what is typed right after the
     * click must find it done. */
    auvi_wk_select_keys(view, true);
    trap();
    XSetInputFocus(xdisplay(), view->xid, RevertToParent, time);
    untrap();
}

static gboolean refocus(gpointer user)
{
    struct auvi_wk_view *view = user;
    Window focus = None;
    int revert;

    view->refocus_timer = 0;
    trap();
    XGetInputFocus(xdisplay(), &focus, &revert);
    untrap();
    /* Only from the host's window around us: if it went anywhere else, the user
     * has gone on. */
    if (auvi_wk_is_ancestor(view, focus))
        set_x_focus(view, GDK_CURRENT_TIME);
    return G_SOURCE_REMOVE;
}

void auvi_wk_take_focus(struct auvi_wk_view *view, uint32_t time)
{
    if (auvi_wk_has_x_focus(view)) {
        auvi_wk_select_keys(view, true);
    } else {
        set_x_focus(view, time);
    }
    if (!view->refocus_timer)
        view->refocus_timer = g_timeout_add(REFOCUS_DELAY, refocus, view);
}

void auvi_wk_focus_forget(struct auvi_wk_view *view)
{
    if (view->refocus_timer)
        g_source_remove(view->refocus_timer);
    view->refocus_timer = 0;
    view->keys_off = false;
}

void auvi_wk_give_focus_back(struct auvi_wk_view *view)
{
    unsigned long toplevel;

    if (view->refocus_timer)
        g_source_remove(view->refocus_timer);
    view->refocus_timer = 0;
    if (!auvi_wk_has_x_focus(view))
        return;
    auvi_wk_select_keys(view, false);
    toplevel = auvi_wk_embed_toplevel(view);
    trap();
    if (toplevel)
        XSetInputFocus(xdisplay(), toplevel, RevertToParent, CurrentTime);
    untrap();
}

/* ---- events that look like focus ----------------------------------------- */

static bool is_embedded(struct auvi_wk_engine *engine, unsigned long window)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, engine->views);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct auvi_wk_view *view = value;

        if (view->embedded && view->xid == window)
            return true;
    }
    return false;
}

/* Without a window manager GDK believes that a window has the keyboard when the
 * pointer is in it while an ancestor has the focus: it looks at what crossing
 * events say about focus, at NotifyPointer, and at focus that comes from or
 * goes to an ancestor. Key events are not selected then, so it is not true
 * here. `detail` is of a focus event; false: GDK must not see it. */
static bool correct_focus_detail(int *detail)
{
    switch (*detail) {
    case NotifyPointer:
        return false;
    case NotifyAncestor:
    case NotifyVirtual:
        *detail = NotifyNonlinear;
        return true;
    default:
        return true;
    }
}

GdkFilterReturn auvi_wk_focus_filter(struct auvi_wk_engine *engine,
                                     GdkXEvent *xevent)
{
    XEvent *event = xevent;

    switch (event->type) {
    case FocusIn:
    case FocusOut:
        if (is_embedded(engine, event->xfocus.window) &&
            !correct_focus_detail(&event->xfocus.detail))
            return GDK_FILTER_REMOVE;
        return GDK_FILTER_CONTINUE;
    case EnterNotify:
    case LeaveNotify:
        if (is_embedded(engine, event->xcrossing.window))
            event->xcrossing.focus = False;
        return GDK_FILTER_CONTINUE;
    default:
        break;
    }
    if (event->xcookie.extension != engine->xi_opcode || !event->xcookie.data)
        return GDK_FILTER_CONTINUE;

    /* XInput 2 uses the numbers of the core protocol for `detail`. */
    XIEnterEvent *crossing = event->xcookie.data;

    switch (event->xcookie.evtype) {
    case XI_FocusIn:
    case XI_FocusOut:
        if (is_embedded(engine, crossing->event) &&
            !correct_focus_detail(&crossing->detail))
            return GDK_FILTER_REMOVE;
        return GDK_FILTER_CONTINUE;
    case XI_Enter:
    case XI_Leave:
        if (is_embedded(engine, crossing->event))
            crossing->focus = False;
        return GDK_FILTER_CONTINUE;
    default:
        return GDK_FILTER_CONTINUE;
    }
}
