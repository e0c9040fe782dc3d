/*
 * test_webkitgtk.c - the engine's table, driven directly and in one process.
 */
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

/* ---- tests: pages -------------------------------------------------------- */

static void engine_says_what_it_is(void **state)
{
    (void)state;
    assert_int_equal(strncmp(ready_text, "webkitgtk 2.", 12), 0);
}

static void html_loads_and_reports(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    uint32_t view = open_view(&options);

    (void)state;
    show_html(view, "<title>one</title>");
    const struct record *started =
        expect(view, AUV_EVENT_LOAD_STARTED, "auroraview://localhost/");
    const struct record *committed =
        expect(view, AUV_EVENT_LOAD_COMMITTED, "auroraview://localhost/");
    const struct record *loaded =
        expect(view, AUV_EVENT_LOADED, "auroraview://localhost/");

    assert_true(started < committed && committed < loaded);
    expect(view, AUV_EVENT_URL, "auroraview://localhost/");
    expect(view, AUV_EVENT_TITLE, "one");
    expect(view, AUV_EVENT_PROGRESS, NULL);
    expect(view, AUV_EVENT_SHOWN, NULL);
    assert_false(came(view, AUV_EVENT_LOAD_FAILED));

    /* The text is the page, also when it is loaded again. */
    forget();
    assert_int_equal(impl->reload(engine, view, 0), AUV_OK);
    expect(view, AUV_EVENT_LOADED, "auroraview://localhost/");
    assert_false(came(view, AUV_EVENT_LOAD_FAILED));
    close_view(view);
}

static void closing_is_reported_once(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    uint32_t view = open_view(&options);
    int closed = 0;

    (void)state;
    impl->navigate(engine, view, 0, "auroraview://localhost/slow");
    close_view(view);
    assert_int_equal(impl->navigate(engine, view, 0, "about:blank"),
                     AUV_ERR_CLOSED);
    impl->poll_once(engine);
    for (size_t i = read_from; i < record_count; i++) {
        assert_int_equal(records[i].event.kind, AUV_EVENT_CLOSED);
        closed++;
    }
    assert_int_equal(closed, 1);

    forget();
    impl->view_close(engine, 4711);
    expect(4711, AUV_EVENT_CLOSED, NULL);
}

static void assets_are_served(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;

    (void)state;
    options.asset_root = folder;
    uint32_t view = open_view(&options);

    assert_int_equal(impl->navigate(engine, view, 0, "auroraview://localhost/"),
                     AUV_OK);
    /* The page has put together what its module, its data, its worker and a
     * sub-resource of another "host" said. */
    expect(view, AUV_EVENT_TITLE, "module data worker other secure");
    expect(view, AUV_EVENT_LOADED, "auroraview://localhost/");
    close_view(view);
}

static void no_asset_outside_the_folder(void **state)
{
    static const char *const ways_out[] = {
        "auroraview://localhost/%2e%2e%2fetc/passwd",
        "auroraview://localhost/..%2f..%2fetc/passwd",
        "auroraview://localhost/%5c..%5cetc",
        "auroraview://localhost/link/passwd",
    };
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;

    (void)state;
    options.asset_root = folder;
    uint32_t view = open_view(&options);

    for (size_t i = 0; i < sizeof(ways_out) / sizeof(ways_out[0]); i++) {
        forget();
        assert_int_equal(impl->navigate(engine, view, 0, ways_out[i]), AUV_OK);
        const struct record *failed = expect(view, AUV_EVENT_LOAD_FAILED, NULL);

        assert_int_equal(failed->event.error, AUV_ERR_LOAD);
        assert_non_null(strstr(failed->text, "403 Forbidden"));
        assert_false(came(view, AUV_EVENT_LOADED));
    }
    close_view(view);
}

/* A port that was free a moment ago. */
static void closed_port_url(char url[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    snprintf(url, 64, "http://127.0.0.1:%u/x",
             (unsigned)ntohs(address.sin_port));
}

static void failed_loads_say_why(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    char url[64];

    (void)state;
    options.asset_root = folder;
    uint32_t view = open_view(&options);

    forget();
    impl->navigate(engine, view, 0, "auroraview://localhost/nothing.html");
    assert_non_null(strstr(expect(view, AUV_EVENT_LOAD_FAILED, NULL)->text,
                           "nothing.html: 404 Not Found"));
    /* The page that came with the status stays. */
    expect(view, AUV_EVENT_TITLE, "404 Not Found");

    forget();
    closed_port_url(url);
    impl->navigate(engine, view, 0, url);
    const struct record *failed = expect(view, AUV_EVENT_LOAD_FAILED, NULL);

    assert_int_equal(failed->event.error, AUV_ERR_LOAD);
    assert_int_equal(strncmp(failed->text, url, strlen(url)), 0);
    assert_int_equal(strncmp(failed->text + strlen(url), ": ", 2), 0);
    assert_false(came(view, AUV_EVENT_LOADED));

    forget();
    show_html(view, "<title>well again</title>");
    expect(view, AUV_EVENT_TITLE, "well again");
    close_view(view);
}

/* Page processes are children of this process, or with a sandbox of one. */
static int kill_page_processes(void)
{
    return system(
        "for d in /proc/[0-9]*; do case $(cat $d/comm 2>/dev/null) in "
        "WebKitWebProces*) p=${d#/proc/}; while [ \"${p:-0}\" -gt 1 ]; do "
        "[ $p = $PPID ] && kill -9 ${d#/proc/}; "
        "p=$(sed -n 's/^PPid:.//p' /proc/$p/status); done;; esac; done");
}

static void lost_page_is_reported(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    uint32_t view = open_view(&options);

    (void)state;
    show_html(view, "<title>doomed</title>");
    forget();
    assert_int_equal(kill_page_processes(), 0);
    assert_string_equal(expect(view, AUV_EVENT_PAGE_LOST, NULL)->text,
                        "the page process crashed");
    forget();
    show_html(view, "<title>risen</title>");
    expect(view, AUV_EVENT_TITLE, "risen");
    close_view(view);
}

/* ---- tests: windows ------------------------------------------------------ */

static bool is_500_wide(const void *what)
{
    uint32_t view = *(const uint32_t *)what;

    for (size_t i = read_from; i < record_count; i++) {
        if (records[i].view == view &&
            records[i].event.kind == AUV_EVENT_RESIZED &&
            records[i].event.width == 500 && records[i].event.height == 400)
            return true;
    }
    return false;
}

static void own_window_follows_orders(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;

    (void)state;
    options.title = "first";
    options.width = 320;
    options.height = 240;
    uint32_t view = open_view(&options);
    Window native = expect(view, AUV_EVENT_NATIVE, NULL)->event.native;

    show_html(view, "<body style='background:#204080'>");
    expect(view, AUV_EVENT_SHOWN, NULL);
    expect_colour(native, 300, 200, 0x204080);

    forget();
    impl->set_bounds(engine, view, 100, 100, 500, 400);
    assert_true(turn_until(is_500_wide, &view));
    expect_colour(native, 480, 390, 0x204080);

    impl->set_title(engine, view, "second");
    assert_true(turn_until(is_called_second, &native));

    forget();
    impl->set_visible(engine, view, false);
    expect(view, AUV_EVENT_HIDDEN, NULL);
    impl->set_visible(engine, view, true);
    expect(view, AUV_EVENT_SHOWN, NULL);

    /* The close button asks, and closes nothing. */
    XEvent close = {
        .xclient = {.type = ClientMessage,
                    .window = native,
                    .message_type = XInternAtom(host, "WM_PROTOCOLS", False),
                    .format = 32}};

    close.xclient.data.l[0] =
        (long)XInternAtom(host, "WM_DELETE_WINDOW", False);
    forget();
    XSendEvent(host, native, False, NoEventMask, &close);
    XSync(host, False);
    assert_int_equal(
        expect(view, AUV_EVENT_CLOSE_REQUESTED, NULL)->event.reason,
        AUV_CLOSE_USER);
    assert_false(came(view, AUV_EVENT_CLOSED));
    assert_true(turn_until(is_viewable, &native));
    close_view(view);
}

static const char size_page[] =
    "<style>html{background:#20a040}</style><script>"
    "const say = () => document.title = `${innerWidth}x${innerHeight}"
    " ${document.visibilityState}`;"
    "addEventListener('resize', say);"
    "addEventListener('visibilitychange', say); say();</script>";

static void embedded_follows_its_parent(void **state)
{
    struct host_window window = open_host(400, 300);
    uint32_t view = open_embedded(window.parent);

    (void)state;
    show_html(view, size_page);
    expect(view, AUV_EVENT_TITLE, "400x300 visible");
    expect_colour(window.parent, 390, 290, 0x20a040);

    /* Nobody tells the engine: it sees it. */
    forget();
    /* Windows fit a screen of 800 x 600. */
    XResizeWindow(host, window.parent, 620, 450);
    XResizeWindow(host, window.top, 620, 450);
    XSync(host, False);
    expect(view, AUV_EVENT_TITLE, "620x450 visible");
    assert_int_equal(expect(view, AUV_EVENT_RESIZED, NULL)->event.width, 620);
    expect_colour(window.parent, 610, 440, 0x20a040);

    forget();
    XUnmapWindow(host, window.parent);
    XSync(host, False);
    expect(view, AUV_EVENT_HIDDEN, NULL);
    expect(view, AUV_EVENT_TITLE, "620x450 hidden");
    forget();
    XMapWindow(host, window.parent);
    XSync(host, False);
    expect(view, AUV_EVENT_SHOWN, NULL);
    expect(view, AUV_EVENT_TITLE, "620x450 visible");

    /* An ancestor that is not mapped hides too. */
    forget();
    XUnmapWindow(host, window.top);
    XSync(host, False);
    expect(view, AUV_EVENT_HIDDEN, NULL);
    forget();
    XMapWindow(host, window.top);
    XSync(host, False);
    expect(view, AUV_EVENT_SHOWN, NULL);
    expect_colour(window.parent, 610, 440, 0x20a040);

    /* A place of the host's choice. */
    forget();
    impl->set_bounds(engine, view, 100, 50, 300, 200);
    expect(view, AUV_EVENT_TITLE, "300x200 visible");
    expect_colour(window.parent, 110, 60, 0x20a040);
    expect_colour(window.parent, 410, 60, 0x606060);
    close_view(view);
    close_host(window);
}

static void hidden_view_stays_hidden(void **state)
{
    struct host_window window = open_host(300, 200);
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;

    (void)state;
    options.parent = window.parent;
    options.hidden = true;
    uint32_t view = open_view(&options);

    show_html(view, size_page);
    XUnmapWindow(host, window.parent);
    XMapWindow(host, window.parent);
    XSync(host, False);
    impl->poll_once(engine);
    assert_false(came(view, AUV_EVENT_SHOWN));
    impl->set_visible(engine, view, true);
    expect(view, AUV_EVENT_SHOWN, NULL);
    expect_colour(window.parent, 290, 190, 0x20a040);
    close_view(view);
    close_host(window);
}

static const char counter_page[] =
    "<style>html{background:#a02060}</style><script>let n = 0;"
    "document.title = 'count 0';"
    "addEventListener('visibilitychange', () => {"
    " if (document.visibilityState == 'visible')"
    "  document.title = 'count ' + ++n;"
    " else document.title = 'hidden ' + n; })</script>";

static void page_survives_its_parent(void **state)
{
    struct host_window first = open_host(300, 200);
    uint32_t view = open_embedded(first.parent);
    Window old_native = expect(view, AUV_EVENT_NATIVE, NULL)->event.native;

    (void)state;
    show_html(view, counter_page);
    expect_colour(first.parent, 290, 190, 0xa02060);

    for (int round = 1; round <= 3; round++) {
        char title[32];

        forget();
        close_host(first);
        expect(view, AUV_EVENT_PARENT_LOST, NULL);
        Window native = expect(view, AUV_EVENT_NATIVE, NULL)->event.native;

        assert_int_not_equal(native, old_native);
        old_native = native;
        expect(view, AUV_EVENT_HIDDEN, NULL);
        /* It lives on meanwhile. */
        snprintf(title, sizeof(title), "hidden %d", round - 1);
        expect(view, AUV_EVENT_TITLE, title);

        forget();
        first = open_host(340, 260);
        impl->set_parent(engine, view, first.parent);
        expect(view, AUV_EVENT_SHOWN, NULL);
        /* Not loaded again: its variable has counted on. */
        snprintf(title, sizeof(title), "count %d", round);
        expect(view, AUV_EVENT_TITLE, title);
        expect_colour(first.parent, 330, 250, 0xa02060);
        assert_false(came(view, AUV_EVENT_LOAD_STARTED));
    }
    close_view(view);
    close_host(first);
}

static void only_the_child_is_destroyed(void **state)
{
    struct host_window window = open_host(300, 200);
    uint32_t view = open_embedded(window.parent);
    uint32_t other = open_embedded(window.top);

    (void)state;
    show_html(view, counter_page);
    show_html(other, size_page);
    forget();
    XDestroyWindow(host, window.parent);
    XSync(host, False);
    expect(view, AUV_EVENT_PARENT_LOST, NULL);
    assert_false(came(other, AUV_EVENT_PARENT_LOST));

    /* A window that never was: the same report, and no harm. */
    forget();
    impl->set_parent(engine, view, 0x7ffffff);
    expect(view, AUV_EVENT_PARENT_LOST, NULL);
    close_view(view);
    close_view(other);
    close_host(window);
}

static void view_moves_between_windows(void **state)
{
    struct host_window one = open_host(300, 200);
    struct host_window two = open_host_at(380, 150, 380, 420);
    uint32_t view = open_embedded(one.parent);

    (void)state;
    show_html(view, size_page);
    expect(view, AUV_EVENT_TITLE, "300x200 visible");
    forget();
    impl->set_parent(engine, view, two.parent);
    expect(view, AUV_EVENT_TITLE, "380x420 visible");
    expect_colour(two.parent, 370, 410, 0x20a040);
    expect_colour(one.parent, 290, 190, 0x606060);

    forget();
    impl->set_parent(engine, view, 0);
    Window native = expect(view, AUV_EVENT_NATIVE, NULL)->event.native;

    expect(view, AUV_EVENT_SHOWN, NULL);
    expect_colour(native, 300, 300, 0x20a040);

    forget();
    impl->set_parent(engine, view, one.parent);
    expect(view, AUV_EVENT_TITLE, "300x200 visible");
    expect_colour(one.parent, 290, 190, 0x20a040);
    assert_false(came(view, AUV_EVENT_LOAD_STARTED));
    close_view(view);
    close_host(one);
    close_host(two);
}

/* ---- tests: input -------------------------------------------------------- */

static const char input_page[] =
    "<style>html{background:#a0c020}body{margin:0}"
    "input{position:absolute;left:20px;width:200px;height:30px}</style>"
    "<input id=a style='top:20px' oninput='document.title=\"a:\"+value'>"
    "<input id=b style='top:80px' oninput='document.title=\"b:\"+value'>"
    "<script>addEventListener('mousedown', e =>"
    " document.title = `down ${e.clientX},${e.clientY}`);"
    "addEventListener('focusin', e => document.title = 'in ' + e.target.id);"
    "document.title='ready'</script>";

static void clicks_and_keys_reach_the_page(void **state)
{
    struct host_window window = open_host(300, 200);
    uint32_t view = open_embedded(window.parent);

    (void)state;
    show_html(view, input_page);
    expect_colour(window.parent, 290, 190, 0xa0c020);
    forget();
    click(window.parent, 250, 150);
    expect(view, AUV_EVENT_TITLE, "down 250,150");
    click(window.parent, 60, 35);
    expect(view, AUV_EVENT_TITLE, "in a");
    expect(view, AUV_EVENT_FOCUS_IN, NULL);
    press(XK_x);
    press(XK_y);
    expect(view, AUV_EVENT_TITLE, "a:xy");

    /* Elsewhere the pointer may go. */
    point_at(DefaultRootWindow(host), 5, 5);
    press(XK_z);
    expect(view, AUV_EVENT_TITLE, "a:xyz");

    /* Tab goes through the page, and out of it at its end. */
    forget();
    press(XK_Tab);
    expect(view, AUV_EVENT_TITLE, "in b");
    assert_false(came(view, AUV_EVENT_FOCUS_LEAVE));
    press(XK_Tab);
    assert_int_equal(expect(view, AUV_EVENT_FOCUS_LEAVE, NULL)->event.x, 1);

    /* And in again from either side. */
    forget();
    impl->set_focus(engine, view, AUV_FOCUS_FIRST);
    expect(view, AUV_EVENT_TITLE, "in a");
    impl->set_focus(engine, view, AUV_FOCUS_LAST);
    expect(view, AUV_EVENT_TITLE, "in b");
    press(XK_q);
    expect(view, AUV_EVENT_TITLE, "b:q");
    assert_false(came(view, AUV_EVENT_FOCUS_LEAVE));

    forget();
    impl->set_focus(engine, view, AUV_FOCUS_OUT);
    expect(view, AUV_EVENT_FOCUS_OUT, NULL);
    assert_true(turn_until(host_has_focus, &window.top));
    close_view(view);
    close_host(window);
}

static void host_keeps_its_keys(void **state)
{
    struct host_window window = open_host(300, 200);
    uint32_t view = open_embedded(window.parent);

    (void)state;
    show_html(view, input_page);
    expect_colour(window.parent, 290, 190, 0xa0c020);
    assert_true(turn_until(is_viewable, &window.top));
    assert_true(turn_until(host_has_focus, &window.top));

    /* The pointer rests on the page, the host has the keyboard. */
    forget();
    point_at(window.parent, 100, 35);
    press(XK_k);
    assert_true(turn_until(host_got_key, &window.top));
    assert_false(came(view, AUV_EVENT_FOCUS_IN));

    /* After a click the page has it, and gives it up again. */
    click(window.parent, 60, 35);
    expect(view, AUV_EVENT_FOCUS_IN, NULL);
    /* WebKit lets a key overtake a click that the page has not yet had. */
    expect(view, AUV_EVENT_TITLE, "in a");
    press(XK_m);
    expect(view, AUV_EVENT_TITLE, "a:m");
    forget();
    XSetInputFocus(host, window.top, RevertToParent, CurrentTime);
    XSync(host, False);
    expect(view, AUV_EVENT_FOCUS_OUT, NULL);
    while (host_got_key(&window.top))
        ;
    press(XK_n);
    assert_true(turn_until(host_got_key, &window.top));
    assert_false(came(view, AUV_EVENT_TITLE));
    close_view(view);
    close_host(window);
}

static void blocked_input_stays_out(void **state)
{
    /* A window manager may hold a click back for a while. */
    unmanaged = true;
    struct host_window window = open_host(300, 200);

    unmanaged = false;
    (void)state;
    uint32_t view = open_embedded(window.parent);

    show_html(view, input_page);
    expect_colour(window.parent, 290, 190, 0xa0c020);
    forget();
    impl->set_input(engine, view, false);
    click_and_see(window.parent, 250, 150);
    impl->set_input(engine, view, true);
    click(window.parent, 240, 140);
    expect(view, AUV_EVENT_TITLE, "down 240,140");
    for (size_t i = read_from; i < record_count; i++)
        assert_string_not_equal(records[i].text, "down 250,150");
    close_view(view);
    close_host(window);
}

/* ---- main ---------------------------------------------------------------- */

static void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int set_up(void **state)
{
    struct auvi_engine_config config = {.sink = {.on_event = on_event}};
    char path[128];
    int result;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/other", folder);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/link", folder);
    assert_int_equal(symlink("/etc", path), 0);
    write_file("index.html", "<title>assets</title>"
                             "<script type=module src=index.js></script>");
    write_file("index.js",
               "import { name } from './module.js';"
               "const data = await (await fetch('data.json')).json();"
               "const worker = new Worker('worker.js');"
               "const said = await new Promise(done => {"
               " worker.onmessage = e => done(e.data);"
               " worker.onerror = e => done('worker failed'); });"
               "const other = await (await fetch("
               " 'auroraview://other/text.txt')).text();"
               "document.title = [name, data.name, said, other,"
               " isSecureContext ? 'secure' : 'insecure'].join(' ');");
    write_file("module.js", "export const name = 'module';");
    write_file("data.json", "{\"name\":\"data\"}");
    write_file("worker.js", "postMessage('worker');");
    write_file("other/text.txt", "other");

    /* No extension here: this is about the engine alone. */
    setenv("AURORAVIEW_PAGE_DIR", folder, 1);
    host = XOpenDisplay(NULL);
    if (!host) {
        fprintf(stderr, "needs a display\n");
        return -1;
    }
    result = impl->create(&config, &engine);
    if (result < 0)
        fprintf(stderr, "%s: %s\n", auv_strerror(result),
                auv_last_error_message());
    XSetErrorHandler(ignore_error);
    /* From 2.1 on raw events come also while another client has a grab. */
    int major = 2, minor = 2;

    XIQueryVersion(host, &major, &minor);
    return result;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    impl->destroy(engine);
    XCloseDisplay(host);
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command);
}

/* An argument is a pattern of test names. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_says_what_it_is),
        cmocka_unit_test(html_loads_and_reports),
        cmocka_unit_test(closing_is_reported_once),
        cmocka_unit_test(assets_are_served),
        cmocka_unit_test(no_asset_outside_the_folder),
        cmocka_unit_test(failed_loads_say_why),
        cmocka_unit_test(lost_page_is_reported),
        cmocka_unit_test(own_window_follows_orders),
        cmocka_unit_test(embedded_follows_its_parent),
        cmocka_unit_test(hidden_view_stays_hidden),
        cmocka_unit_test(page_survives_its_parent),
        cmocka_unit_test(only_the_child_is_destroyed),
        cmocka_unit_test(view_moves_between_windows),
        cmocka_unit_test(clicks_and_keys_reach_the_page),
        cmocka_unit_test(host_keeps_its_keys),
        cmocka_unit_test(blocked_input_stays_out),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
