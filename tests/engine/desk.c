#include "desk.h"

#include "base/base.h"

#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/XInput2.h>
#include <X11/extensions/XTest.h>
#include <X11/keysym.h>
#include <glib.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

const struct auvi_engine_impl *const impl = &auvi_engine_webkitgtk;

struct auvi_engine *engine;
Display *host; /* connection of the "host" */
char folder[] = "/tmp/auroraview-test-XXXXXX";

/* ---- what the engine reported -------------------------------------------- */

struct record records[RECORDS];
size_t record_count;
size_t read_from; /* expect() looks only at what came later */
char ready_text[64];

void on_event(void *ctx, const struct auvi_engine_event *event)
{
    (void)ctx;
    if (event->kind == AUVI_ENGINE_READY)
        snprintf(ready_text, sizeof(ready_text), "%s", event->text);
    if (event->kind != AUVI_ENGINE_VIEW)
        return;
    assert_true(record_count < sizeof(records) / sizeof(records[0]));

    struct record *record = &records[record_count++];

    record->view = event->view;
    record->event = *event->event;
    snprintf(record->text, sizeof(record->text), "%s", event->event->text);
}

static gboolean wake(gpointer user)
{
    (void)user;
    return G_SOURCE_CONTINUE;
}

/* Turn the engine's loop until `done` says so. */
bool turn_until(bool (*done)(const void *what), const void *what)
{
    /* Conditions on the X server's side have no event here: looked at again
     * every 10 ms. */
    guint timer = g_timeout_add(10, wake, NULL);
    int64_t end = auvi_clock_ms() + DEADLINE;
    bool result;

    while (!(result = done(what)) && auvi_clock_ms() < end)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(timer);
    return result;
}

struct expected {
    uint32_t view;
    auv_event_kind kind;
    const char *text; /* NULL: any */
    const struct record **found;
};

static bool has_come(const void *what)
{
    const struct expected *expected = what;

    for (size_t i = read_from; i < record_count; i++) {
        const struct record *record = &records[i];

        if (record->view == expected->view &&
            record->event.kind == expected->kind &&
            (!expected->text || strcmp(record->text, expected->text) == 0)) {
            *expected->found = record;
            return true;
        }
    }
    return false;
}

/* Wait for an event among those since the last forget(). */
const struct record *expect(uint32_t view, auv_event_kind kind,
                            const char *text)
{
    const struct record *found = NULL;
    struct expected expected = {view, kind, text, &found};

    if (!turn_until(has_come, &expected)) {
        for (size_t i = read_from; i < record_count; i++)
            fprintf(stderr, "  view %u event %d '%s'\n", records[i].view,
                    (int)records[i].event.kind, records[i].text);
        fail_msg("view %u: event %d '%s' did not come", view, (int)kind,
                 text ? text : "*");
    }
    return found;
}

bool came(uint32_t view, auv_event_kind kind)
{
    const struct record *found;
    struct expected expected = {view, kind, NULL, &found};

    return has_come(&expected);
}

void forget(void)
{
    read_from = record_count;
}

/* ---- the host ------------------------------------------------------------ */

bool unmanaged; /* windows from now on: no window manager touches them */

struct host_window open_host_at(int x, int y, int width, int height)
{
    XSetWindowAttributes attributes = {.override_redirect = True};

    struct host_window window;
    Window root = DefaultRootWindow(host);
    XSizeHints hints = {.flags = USPosition | USSize, .x = x, .y = y};

    window.top = XCreateSimpleWindow(host, root, x, y, (unsigned)width,
                                     (unsigned)height, 0, 0, 0x808080);
    XSetWMNormalHints(host, window.top, &hints);
    if (unmanaged)
        XChangeWindowAttributes(host, window.top, CWOverrideRedirect,
                                &attributes);
    XSelectInput(host, window.top,
                 KeyPressMask | StructureNotifyMask | FocusChangeMask);
    window.parent = XCreateSimpleWindow(host, window.top, 0, 0, (unsigned)width,
                                        (unsigned)height, 0, 0, 0x606060);
    XMapWindow(host, window.parent);
    XMapWindow(host, window.top);
    XSync(host, False);
    return window;
}

struct host_window open_host(int width, int height)
{
    return open_host_at(40, 60, width, height);
}

bool is_viewable(const void *what)
{
    XWindowAttributes info;

    return XGetWindowAttributes(host, *(const Window *)what, &info) &&
           info.map_state == IsViewable;
}

bool is_called_second(const void *what)
{
    char *name = NULL;
    bool is = XFetchName(host, *(const Window *)what, &name) && name &&
              strcmp(name, "second") == 0;

    if (name)
        XFree(name);
    return is;
}

struct pixel {
    Window window;
    int x, y;
    unsigned long colour;
    unsigned long seen;
};

static bool has_colour(const void *what)
{
    struct pixel *pixel = (struct pixel *)(uintptr_t)what;
    XImage *image = XGetImage(host, pixel->window, pixel->x, pixel->y, 1, 1,
                              AllPlanes, ZPixmap);

    if (!image)
        return false;
    pixel->seen = XGetPixel(image, 0, 0) & 0xffffff;
    XDestroyImage(image);
    return pixel->seen == pixel->colour;
}

void expect_colour(Window window, int x, int y, unsigned long colour)
{
    struct pixel pixel = {window, x, y, colour, 0};

    if (!turn_until(has_colour, &pixel))
        fail_msg("pixel %d,%d is %06lx, not %06lx", x, y, pixel.seen, colour);
}

/* XGetImage() of a window that is not viewable is an error. */
int ignore_error(Display *display, XErrorEvent *error)
{
    (void)display;
    (void)error;
    return 0;
}

void point_at(Window window, int x, int y)
{
    int root_x, root_y;
    Window child;

    XTranslateCoordinates(host, window, DefaultRootWindow(host), x, y, &root_x,
                          &root_y, &child);
    XTestFakeMotionEvent(host, -1, root_x, root_y, 0);
    XSync(host, False);
}

void click(Window window, int x, int y)
{
    point_at(window, x, y);
    XTestFakeButtonEvent(host, 1, True, 0);
    XTestFakeButtonEvent(host, 1, False, 0);
    XSync(host, False);
}

static Bool is_raw_event(Display *display, XEvent *event, XPointer user)
{
    (void)display;
    (void)user;
    return event->type == GenericEvent &&
           event->xcookie.evtype == XI_RawButtonRelease;
}

static bool saw_raw_event(const void *what)
{
    XEvent event;

    (void)what;
    return XCheckIfEvent(host, &event, is_raw_event, NULL);
}

/* Click, and wait until the server has delivered it: it answers XSync() before
 * it looks at faked input. */
void click_and_see(Window window, int x, int y)
{
    unsigned char bits[XIMaskLen(XI_LASTEVENT)] = {0};
    XIEventMask mask = {XIAllMasterDevices, sizeof(bits), bits};

    bits[XI_RawButtonRelease / 8] |= 1 << XI_RawButtonRelease % 8;
    XISelectEvents(host, DefaultRootWindow(host), &mask, 1);
    click(window, x, y);
    assert_true(turn_until(saw_raw_event, NULL));
    bits[XI_RawButtonRelease / 8] = 0;
    XISelectEvents(host, DefaultRootWindow(host), &mask, 1);
    impl->poll_once(engine);
}

void press(KeySym symbol)
{
    KeyCode code = XKeysymToKeycode(host, symbol);

    XTestFakeKeyEvent(host, code, True, 0);
    XTestFakeKeyEvent(host, code, False, 0);
    XSync(host, False);
}

bool host_got_key(const void *what)
{
    XEvent event;

    while (
        XCheckTypedWindowEvent(host, *(const Window *)what, KeyPress, &event))
        return true;
    return false;
}

bool host_has_focus(const void *what)
{
    Window focus;
    int revert;

    XGetInputFocus(host, &focus, &revert);
    if (focus == *(const Window *)what)
        return true;
    /* A window manager may have it busy with the mapping of the window. */
    XSetInputFocus(host, *(const Window *)what, RevertToParent, CurrentTime);
    XSync(host, False);
    return false;
}

/* ---- views --------------------------------------------------------------- */

static uint32_t last_view;

uint32_t open_view(const auv_view_options *options)
{
    uint32_t view = ++last_view;

    forget();
    assert_int_equal(impl->view_create(engine, view, options), AUV_OK);
    expect(view, AUV_EVENT_ACTIVE, NULL);
    expect(view, AUV_EVENT_NATIVE, NULL);
    return view;
}

uint32_t open_embedded(Window parent)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;

    options.parent = parent;
    return open_view(&options);
}

void show_html(uint32_t view, const char *html)
{
    assert_int_equal(impl->load_html(engine, view, 0, html, AUV_NUL_TERMINATED),
                     AUV_OK);
    expect(view, AUV_EVENT_LOADED, NULL);
}

void close_view(uint32_t view)
{
    forget();
    impl->view_close(engine, view);
    expect(view, AUV_EVENT_CLOSED, NULL);
}

void close_host(struct host_window window)
{
    XDestroyWindow(host, window.top);
    XSync(host, False);
}
