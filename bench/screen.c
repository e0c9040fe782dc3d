/* bench-screen TITLE SECONDS: raises the window, then watches the pixel at its
 * middle and prints, one a line, the times (seconds since the epoch) at which
 * its colour changed: the frames that a person would have seen. The first line
 * is "ready". */
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static Window find(Display *display, Window window, const char *title)
{
    char *name = NULL;
    if (XFetchName(display, window, &name) && name) {
        int same = !strcmp(name, title);
        XFree(name);
        if (same)
            return window;
    }
    Window root, parent, *children = NULL, found = 0;
    unsigned count = 0;
    if (!XQueryTree(display, window, &root, &parent, &children, &count))
        return 0;
    for (unsigned i = 0; i < count && !found; i++)
        found = find(display, children[i], title);
    if (children)
        XFree(children);
    return found;
}

/* A window of the tree may end while it is looked at. */
static int ignore(Display *display, XErrorEvent *event)
{
    (void)display;
    (void)event;
    return 0;
}

int main(int argc, char **argv)
{
    Display *display = argc == 3 ? XOpenDisplay(NULL) : NULL;
    if (!display) {
        fprintf(stderr,
                "usage: bench-screen TITLE SECONDS, on an X11 display\n");
        return 2;
    }
    XSetErrorHandler(ignore);
    Window root = DefaultRootWindow(display), child,
           window = find(display, root, argv[1]);
    XWindowAttributes attributes;
    if (!window || !XGetWindowAttributes(display, window, &attributes)) {
        fprintf(stderr, "no window with the title %s\n", argv[1]);
        return 1;
    }
    XRaiseWindow(display, window);
    XSync(display, False);
    printf("ready\n");
    fflush(stdout);
    const struct timespec pause = {0, 2000000};
    unsigned long last = 0;
    double end = now() + atof(argv[2]);
    while (now() < end) {
        /* The window manager may move it while it comes to the top. */
        int x, y;
        XTranslateCoordinates(display, window, root, attributes.width / 2,
                              attributes.height / 2, &x, &y, &child);
        XImage *image =
            XGetImage(display, root, x, y, 1, 1, AllPlanes, ZPixmap);
        if (image) {
            unsigned long colour = XGetPixel(image, 0, 0);
            if (colour != last)
                printf("%.4f\n", now());
            last = colour;
            XDestroyImage(image);
        }
        nanosleep(&pause, NULL);
    }
    XCloseDisplay(display);
    return 0;
}
