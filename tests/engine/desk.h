/*
 * desk.h - an engine, a host with plain windows, and a hand on mouse and keys.
 *
 * The "host" is a second connection to the X server, so for the engine it is as
 * foreign as a real one. Pages tell what they see through document.title, which
 * the engine reports: no bridge is needed.
 */
#ifndef TEST_DESK_H
#define TEST_DESK_H

#include "engine/engine.h"

#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/keysym.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ms; far above what anything here takes, so that reaching it is a failure. */
#define DEADLINE 20000
#define RECORDS 4096

struct record {
    uint32_t view;
    auv_event event;
    char text[256];
};

struct host_window {
    Window top, parent;
};

extern const struct auvi_engine_impl *const impl;
extern struct auvi_engine *engine;
extern Display *host; /* connection of the "host" */
extern char folder[]; /* of the test's own files */
extern struct record records[RECORDS];
extern size_t record_count;
extern size_t read_from; /* expect() looks only at what came later */
extern char ready_text[64];
extern bool unmanaged; /* windows from now on: no window manager touches them */

void on_event(void *ctx, const struct auvi_engine_event *event);
bool turn_until(bool (*done)(const void *what), const void *what);
const struct record *expect(uint32_t view, auv_event_kind kind,
                            const char *text);
bool came(uint32_t view, auv_event_kind kind);
void forget(void);
struct host_window open_host_at(int x, int y, int width, int height);
struct host_window open_host(int width, int height);
bool is_viewable(const void *what);
bool is_called_second(const void *what);
void expect_colour(Window window, int x, int y, unsigned long colour);
int ignore_error(Display *display, XErrorEvent *error);
void point_at(Window window, int x, int y);
void click(Window window, int x, int y);
void click_and_see(Window window, int x, int y);
void press(KeySym symbol);
bool host_got_key(const void *what);
bool host_has_focus(const void *what);
uint32_t open_view(const auv_view_options *options);
uint32_t open_embedded(Window parent);
void show_html(uint32_t view, const char *html);
void close_view(uint32_t view);
void close_host(struct host_window window);

#endif /* TEST_DESK_H */
