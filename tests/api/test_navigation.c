/* Navigation: which page an event or a script goes to, whatever becomes of what
 * was asked for. */
#include "harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char page_a[] =
    "<script>auroraview.on('x', d => auroraview.emit('wrong', d))</script>A";
static const char page_b[] =
    "<script>auroraview.on('x', d => auroraview.emit('right', d))</script>B";

static struct host host;

static int open_host(void **state)
{
    (void)state;
    host_open(&host);
    return 0;
}

static int close_host(void **state)
{
    (void)state;
    host_close(&host);
    return 0;
}

/* A server that accepts and never answers; the URL is valid until the next. */
static const char *slow_url(int *fd)
{
    static char url[64];
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(*fd >= 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&address, sizeof(address)),
                     0);
    assert_int_equal(listen(*fd, 8), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&address, &length), 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/",
             (unsigned)ntohs(address.sin_port));
    return url;
}

/* ---- what makes no new document ------------------------------------------- */

static void a_script_is_no_page(void **state)
{
    static const char *const urls[] = {"javascript:1", "JavaScript:void 0",
                                       " \n\tjavascript:1", "java\tscr\nipt:1"};

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        assert_int_equal(auv_view_navigate(host.view, urls[i]), AUV_ERR_ARG);
        assert_non_null(strstr(auv_last_error_message(), "auv_view_eval"));
    }
    check_value(&host, "1", "1");
}

static void a_jump_behind_a_load_mutes_nothing(void **state)
{
    (void)state;
    assert_int_equal(auv_view_navigate(host.view, "data:text/html,<p>"),
                     AUV_OK);
    assert_int_equal(auv_view_navigate(host.view, "data:text/html,<p>#f"),
                     AUV_OK);
    check_value(&host, "1", "1");
    assert_int_equal(auv_view_navigate(host.view, "data:text/html,<p>#g"),
                     AUV_OK);
    check_value(&host, "2", "2");
}

/* Answers everything but /slow. */
static void *serve(void *user)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
        "Content-Length: 3\r\nConnection: close\r\n\r\n"
        "<p>";
    int fd = *(int *)user, slow = -1, client;

    while ((client = accept(fd, NULL, NULL)) >= 0) {
        char request[2000] = "";

        if (read(client, request, sizeof(request) - 1) > 0 &&
            strncmp(request, "GET /slow", 9) == 0 && slow < 0) {
            slow = client;
            continue;
        }
        if (write(client, answer, sizeof(answer) - 1) < 0)
            print_message("the page has gone\n");
        close(client);
    }
    if (slow >= 0)
        close(slow);
    return NULL;
}

/* From a page of the same site: another one's load is not its own to stop. */
static void a_load_that_the_page_stops_mutes_nothing(void **state)
{
    int fd;
    const char *url = slow_url(&fd);
    char slow[100];
    pthread_t server;

    (void)state;
    assert_int_equal(pthread_create(&server, NULL, serve, &fd), 0);
    assert_int_equal(auv_view_navigate(host.view, url), AUV_OK);
    if (!on_null())
        check_value(&host, "setInterval(() => window.stop(), 200), 1", "1");
    snprintf(slow, sizeof(slow), "%sslow", url);
    assert_int_equal(auv_view_navigate(host.view, slow), AUV_OK);
    check_value(&host, "1", "1");
    shutdown(fd, SHUT_RDWR);
    pthread_join(server, NULL);
    close(fd);
}

static void a_load_that_the_host_stops_mutes_nothing(void **state)
{
    int fd;
    const char *url = slow_url(&fd);

    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(auv_view_navigate(host.view, url), AUV_OK);
        assert_int_equal(auv_view_stop(host.view), AUV_OK);
        check_value(&host, "1", "1");
    }
    close(fd);
}

/* ---- which page ------------------------------------------------------------ */

static int right, wrong;

static void is_right(auv_view *view, const auv_message *message, void *user)
{
    (void)view;
    (void)message;
    (void)user;
    right++;
}

static void is_wrong(auv_view *view, const auv_message *message, void *user)
{
    (void)view;
    (void)message;
    (void)user;
    wrong++;
}

static void listen_to_pages(void)
{
    right = wrong = 0;
    assert_true(auv_view_on(host.view, "right", NUL, is_right, NULL, NULL) > 0);
    assert_true(auv_view_on(host.view, "wrong", NUL, is_wrong, NULL, NULL) > 0);
}

static void an_event_goes_to_the_page_that_was_asked_for(void **state)
{
    (void)state;
    listen_to_pages();
    for (int i = 0; i < 60; i++) {
        char json[20], seen[40];

        snprintf(json, sizeof(json), "%d", i);
        assert_int_equal(auv_view_load_html(host.view, page_a, NUL), AUV_OK);
        /* A is at another point of its way each time. */
        for (int turn = 0; turn < (i % 20) * 1000; turn++)
            auv_app_process(host.app);
        assert_int_equal(auv_view_load_html(host.view, page_b, NUL), AUV_OK);
        assert_int_equal(auv_view_emit(host.view, "x", NUL, json, NUL, NULL, 0),
                         AUV_OK);
        if (on_null()) {
            snprintf(seen, sizeof(seen), "[[\"x\",%d]]", i);
            check_page_events(&host, seen);
        } else {
            pump_until_count(host.app, &right, i + 1);
        }
    }
    assert_int_equal(wrong, 0);
}

static void an_event_before_the_first_load_waits_for_it(void **state)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;

    (void)state;
    auv_view_unref(host.view);
    options.html = page_b;
    assert_int_equal(auv_view_create(host.app, &options, &host.view), AUV_OK);
    listen_to_pages();
    assert_int_equal(auv_view_emit(host.view, "x", NUL, "1", 1, NULL, 0),
                     AUV_OK);
    if (on_null())
        check_page_events(&host, "[[\"x\",1]]");
    else
        pump_until_count(host.app, &right, 1);
}

/* ---- files ------------------------------------------------------------------ */

static void write_page(const char *folder, const char *name)
{
    char path[400];
    FILE *file;

    snprintf(path, sizeof(path), "%s%s", folder, name);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs("<p>page", file);
    fclose(file);
}

/* The page goes there by itself. */
static void check_bridge_at(const char *root, const char *file,
                            const char *type)
{
    int64_t deadline = now_ms() + DEADLINE_MS;
    struct outcome out;
    char script[400], wanted[400];

    snprintf(script, sizeof(script),
             "setTimeout(() => location.href = "
             "'file://%s%s', 0), null",
             root, file);
    run_script(&host, script, &out);
    snprintf(wanted, sizeof(wanted), "\"%s%s %s\"", root, file, type);
    do {
        assert_true(now_ms() < deadline);
        run_script(&host, "location.pathname + ' ' + typeof auroraview", &out);
    } while (!strstr(out.json, file));
    assert_string_equal(out.json, wanted);
}

static void a_file_grants_its_folder_only(void **state)
{
    static const char *const folders[] = {"", "/a b", "/a b/below", "/a bc",
                                          "/c"};
    char root[] = "/tmp/auroraview-test-XXXXXX", path[200];

    (void)state;
    if (on_null())
        return; /* it has no files */
    assert_non_null(mkdtemp(root));
    for (size_t i = 1; i < 5; i++) {
        snprintf(path, sizeof(path), "%s%s", root, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
        write_page(path, "/page.html");
    }
    snprintf(path, sizeof(path), "file://%s/c/../a b/page.html", root);
    assert_int_equal(auv_view_navigate(host.view, path), AUV_OK);
    check_value(&host, "typeof auroraview", "\"object\"");
    check_bridge_at(root, "/c/page.html", "undefined");
    check_bridge_at(root, "/a%20bc/page.html", "undefined");
    check_bridge_at(root, "/a%20b/below/page.html", "object");
    for (size_t i = 5; i-- > 0;) {
        if (i) {
            snprintf(path, sizeof(path), "%s%s/page.html", root, folders[i]);
            unlink(path);
        }
        snprintf(path, sizeof(path), "%s%s", root, folders[i]);
        rmdir(path);
    }
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_host, close_host)
    const struct CMUnitTest tests[] = {
        TEST(a_script_is_no_page),
        TEST(a_jump_behind_a_load_mutes_nothing),
        TEST(a_load_that_the_page_stops_mutes_nothing),
        TEST(a_load_that_the_host_stops_mutes_nothing),
        TEST(an_event_goes_to_the_page_that_was_asked_for),
        TEST(an_event_before_the_first_load_waits_for_it),
        TEST(a_file_grants_its_folder_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
