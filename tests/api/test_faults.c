/* What can go wrong outside: each ends with a clear error, and nothing hangs.
 *
 *     test_faults host    instead of the tests: an application with a view,
 *                         that says "ready" and lives until it is killed
 */
#include "harness.h"
#include "processes.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char never[] = "new Promise(() => {})";
static struct host host;

static int open_host(void **state)
{
    (void)state;
    host_open(&host);
    return 0;
}

/* Where a loss is the application's own business. */
static int open_manual(void **state)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;

    (void)state;
    options.recover = AUV_RECOVER_MANUAL;
    host_open_with(&host, &options);
    return 0;
}

static int close_host(void **state)
{
    (void)state;
    host_close(&host);
    return 0;
}

/* ---- an engine that does not start ---------------------------------------- */

/* A view whose engine does not come: the error of its end. */
static const struct host_event *fails_to_open(const char *engine_path)
{
    static struct host lost;
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    const struct host_event *closed;
    struct outcome out = {0};

    memset(&lost, 0, sizeof(lost));
    options.engine_path = engine_path;
    lost.app = open_app(&options);
    assert_int_equal(auv_view_create(lost.app, NULL, &lost.view), AUV_OK);
    auv_view_observe(lost.view, record_event, &lost, NULL);
    auv_view_emit(lost.view, "e", NUL, "1", NUL, NULL, 0);
    auv_view_eval(lost.view, "1", NUL, -1, on_result, &out);
    pump_until_event(&lost, AUV_EVENT_CLOSED);
    closed = find_event(&lost, AUV_EVENT_CLOSED);
    assert_int_equal(closed->reason, AUV_CLOSE_ENGINE_LOST);
    assert_int_equal(count_events(&lost, AUV_EVENT_CLOSED), 1);
    pump_until_count(lost.app, &out.calls, 1);
    assert_int_equal(out.error, closed->error);
    assert_int_equal(auv_view_wait_state(lost.view, AUV_STATE_ACTIVE, 0),
                     closed->error);
    assert_string_equal(auv_last_error_message(), closed->text);
    host_close(&lost);
    print_message("%s: %s\n", auv_error_name(closed->error), closed->text);
    return closed;
}

static void no_display_says_so(void **state)
{
    const char *display = getenv("DISPLAY");
    char kept[200];
    const struct host_event *closed;

    (void)state;
    snprintf(kept, sizeof(kept), "%s", display ? display : "");
    setenv("DISPLAY", ":9999", 1);
    closed = fails_to_open(NULL);
    assert_int_equal(closed->error, AUV_ERR_NO_DISPLAY);
    assert_non_null(strstr(closed->text, "DISPLAY"));
    setenv("DISPLAY", kept, 1);
}

static void a_missing_program_is_named(void **state)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_view *view = NULL;
    auv_app *app;

    (void)state;
    options.engine_path = "/nowhere/auroraview-engine";
    app = open_app(&options);
    assert_int_equal(auv_view_create(app, NULL, &view), AUV_ERR_ENGINE_MISSING);
    assert_null(view);
    assert_non_null(
        strstr(auv_last_error_message(), "/nowhere/auroraview-engine"));
    auv_app_destroy(app);
}

static const struct host_event *fake(const char *how)
{
    const char *path = getenv("AUV_TEST_FAKE_ENGINE");

    assert_non_null(path);
    setenv("AUV_FAKE_ENGINE", how, 1);
    return fails_to_open(path);
}

static void another_version_is_refused(void **state)
{
    const struct host_event *closed = fake("version");

    (void)state;
    assert_int_equal(closed->error, AUV_ERR_ENGINE_VERSION);
    assert_non_null(strstr(closed->text, "9.9.9"));
    assert_non_null(strstr(closed->text, AUV_VERSION_STRING));
}

static void a_missing_library_names_the_package(void **state)
{
    const struct host_event *closed = fake("loader");

    (void)state;
    assert_int_equal(closed->error, AUV_ERR_ENGINE_MISSING);
    assert_non_null(strstr(closed->text, "libwebkit2gtk-4.1-0"));
}

static void a_program_that_ends_at_once_is_lost(void **state)
{
    const struct host_event *closed = fake("exit");

    (void)state;
    assert_int_equal(closed->error, AUV_ERR_ENGINE_LOST);
    assert_non_null(strstr(closed->text, "status 3"));
}

static void a_program_that_does_not_greet_is_refused(void **state)
{
    (void)state;
    assert_int_equal(fake("mute")->error, AUV_ERR_PROTOCOL);
}

/* ---- processes that die --------------------------------------------------- */

static auv_call *kept;

static void keeps(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    kept = auv_call_ref(call);
    ++*(int *)user;
}

static void a_killed_engine_ends_everything_once(void **state)
{
    struct outcome out[4] = {{0}};
    const struct host_event *closed;
    pid_t engine;
    int calls = 0;

    (void)state;
    auv_view_bind(host.view, "keeps", NUL, keeps, &calls, NULL);
    auv_view_eval(host.view, "auroraview.call(\"keeps\", 1)", NUL, -1,
                  on_result, &out[0]);
    for (int i = 1; i < 4; i++)
        auv_view_eval(host.view, never, NUL, i == 1 ? -1 : 600000, on_result,
                      &out[i]);
    pump_until_count(host.app, &calls, 1);
    engine = find_below(getpid(), "auroraview-engi");
    assert_true(engine > 0);
    assert_int_equal(kill(engine, SIGKILL), 0);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    pump_until_idle(host.app);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(out[i].calls, 1);
        assert_int_equal(out[i].error, AUV_ERR_ENGINE_LOST);
    }
    assert_true(auv_call_is_cancelled(kept));
    assert_true(auv_call_reply(kept, "1", NUL, NULL, 0) < 0);
    auv_call_unref(kept);
    closed = find_event(&host, AUV_EVENT_CLOSED);
    assert_int_equal(closed->reason, AUV_CLOSE_ENGINE_LOST);
    assert_int_equal(closed->error, AUV_ERR_ENGINE_LOST);
    assert_non_null(strstr(closed->text, "signal 9"));
    assert_int_equal(count_events(&host, AUV_EVENT_CLOSED), 1);
    assert_false(is_running(engine));

    /* The next view brings a new engine. */
    auv_view_unref(host.view);
    assert_int_equal(auv_view_create(host.app, NULL, &host.view), AUV_OK);
    check_value(&host, "[5]", "[5]");
    assert_true(find_below(getpid(), "auroraview-engi") > 0);
}

static void a_killed_engine_ends_a_wait(void **state)
{
    pid_t engine = find_below(getpid(), "auroraview-engi");
    int error;

    (void)state;
    check_value(&host, "[5]", "[5]");
    kill(engine, SIGKILL);
    error = auv_view_eval_wait(host.view, never, NUL, DEADLINE_MS, NULL);
    assert_true(error == AUV_ERR_ENGINE_LOST || error == AUV_ERR_CLOSED);
}

static void a_killed_page_is_lost_and_comes_again(void **state)
{
    struct outcome out[2] = {{0}};
    pid_t page;

    (void)state;
    for (int i = 0; i < 2; i++)
        auv_view_eval(host.view, never, NUL, -1, on_result, &out[i]);
    check_value(&host, "[5]", "[5]");
    page = find_below(getpid(), "WebKitWebProces");
    assert_true(page > 0);
    kill(page, SIGKILL);
    pump_until_event(&host, AUV_EVENT_PAGE_LOST);
    pump_until_idle(host.app);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(out[i].calls, 1);
        assert_int_equal(out[i].error, AUV_ERR_ENGINE_LOST);
    }
    assert_int_equal(auv_view_state(host.view, NULL), AUV_STATE_ACTIVE);
    assert_int_equal(count_events(&host, AUV_EVENT_PAGE_LOST), 1);
    assert_true(strlen(find_event(&host, AUV_EVENT_PAGE_LOST)->text) > 0);
    assert_int_equal(auv_view_load_html(host.view, "<p>again", NUL), AUV_OK);
    check_value(&host, "document.querySelector('p').textContent", "\"again\"");
}

static void be_host(void)
{
    host_open(&host);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct pollfd ready = {.fd = auv_app_fd(host.app), .events = POLLIN};

        poll(&ready, 1, -1);
        auv_app_process(host.app);
    }
}

/* An application whose page does nothing but loop. */
static void be_looping_host(void)
{
    int calls = 0;

    host_open(&host);
    auv_view_bind(host.view, "keeps", NUL, keeps, &calls, NULL);
    auv_view_eval(host.view,
                  "auroraview.call(\"keeps\"), setTimeout(() => { "
                  "for (;;); }), null",
                  NUL, -1, NULL, NULL);
    pump_until_count(host.app, &calls, 1);
    printf("ready\n");
    fflush(stdout);
    for (;;)
        pause();
}

static void nothing_outlives(const char *kind, bool stopped)
{
    struct process list[64];
    int ends[2], left;
    char text[8] = {0};
    size_t count;
    int64_t start;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl("/proc/self/exe", "test_faults", kind, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    assert_string_equal(text, "ready\n");
    count = list_below(child, list, 64);
    assert_true(count >= 3); /* engine, page, network */
    if (stopped)
        kill(find_below(child, "auroraview-engi"), SIGSTOP);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    start = now_ms();
    do {
        left = 0;
        for (size_t i = 0; i < count; i++)
            left += is_running(list[i].pid);
        if (left)
            poll(NULL, 0, 5);
    } while (left && now_ms() - start < 5000);
    print_message("%zu processes ended %lld ms after their host\n", count,
                  (long long)(now_ms() - start));
    assert_int_equal(left, 0);
    close(ends[0]);
}

static void nothing_outlives_a_killed_host(void **state)
{
    (void)state;
    nothing_outlives("host", false);
}

static void nor_does_a_stopped_engine(void **state)
{
    (void)state;
    nothing_outlives("host", true);
}

static void nor_does_a_looping_page(void **state)
{
    (void)state;
    nothing_outlives("looping host", false);
}

/* ---- pages that do not load ----------------------------------------------- */

struct server {
    pthread_t thread;
    int fd;
    int port;
};

static void *serve(void *user)
{
    struct server *server = user;
    static const char missing[] = "HTTP/1.1 404 Not Found\r\n"
                                  "Content-Type: text/html\r\n"
                                  "Content-Length: 7\r\n"
                                  "Connection: close\r\n\r\nmissing";
    static const char good[] = "HTTP/1.1 200 OK\r\n"
                               "Content-Type: text/html\r\n"
                               "Content-Length: 21\r\n"
                               "Connection: close\r\n\r\n"
                               "<title>good</title>ok";
    char request[2000];
    int fd;

    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        ssize_t got = read(fd, request, sizeof(request) - 1);
        bool found;

        request[got > 0 ? got : 0] = '\0';
        found = strncmp(request, "GET /good", 9) == 0;
        if (write(fd, found ? good : missing,
                  found ? sizeof(good) - 1 : sizeof(missing) - 1) < 0)
            perror("write");
        close(fd);
    }
    return NULL;
}

static void start_server(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->fd, 8), 0);
    assert_int_equal(
        getsockname(server->fd, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop_server(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
}

static void navigate(const struct server *server, const char *path)
{
    char url[100];

    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", server->port, path);
    host.event_count = 0;
    assert_int_equal(auv_view_navigate(host.view, url), AUV_OK);
}

static void a_missing_page_is_told(void **state)
{
    struct server server;
    const struct host_event *failed;

    (void)state;
    start_server(&server);
    navigate(&server, "/missing");
    pump_until_event(&host, AUV_EVENT_LOAD_FAILED);
    stop_server(&server);
    failed = find_event(&host, AUV_EVENT_LOAD_FAILED);
    assert_int_equal(failed->error, AUV_ERR_LOAD);
    assert_non_null(strstr(failed->text, "404"));
    assert_non_null(strstr(failed->text, "/missing"));
    /* The server's error page is a page all the same. */
    check_value(&host, "document.body.textContent", "\"missing\"");
}

/* To another site the page's process changes: what waits for the new page may
 * not end with the old one. */
static void a_change_of_process_keeps_what_waits(void **state)
{
    struct outcome old = {0}, new = {0};
    struct server server;

    (void)state;
    start_server(&server);
    auv_view_eval(host.view, never, NUL, -1, on_result, &old);
    check_value(&host, "[1]", "[1]");
    navigate(&server, "/good");
    auv_view_eval(host.view, "document.title", NUL, DEADLINE_MS, on_result,
                  &new);
    pump_until_count(host.app, &new.calls, 1);
    stop_server(&server);
    assert_int_equal(new.error, AUV_OK);
    assert_string_equal(new.json, "\"good\"");
    pump_until_count(host.app, &old.calls, 1);
    assert_true(old.error < 0);
    /* A loopback page that the host has named is granted the bridge. */
    check_value(&host, "typeof auroraview.call", "\"function\"");
}

static void twenty_mebibytes_of_html_load(void **state)
{
    size_t length = 20u << 20;
    char *html = malloc(length + 100);
    static const char last[] = "<p id=last>the end</p>";

    (void)state;
    assert_non_null(html);
    memset(html, ' ', length);
    for (size_t i = 0; i + 4096 < length; i += 4096)
        memcpy(html + i, "<p>some text</p>", 16);
    memcpy(html, "<!doctype html>", 15);
    memcpy(html + length, last, sizeof(last));
    assert_int_equal(auv_view_load_html(host.view, html, NUL), AUV_OK);
    host.event_count = 0;
    pump_until_event(&host, AUV_EVENT_LOADED);
    check_value(&host, "document.getElementById('last').textContent",
                "\"the end\"");
    free(html);
}

/* ---- an engine that hangs -------------------------------------------------- */

static void a_view_of_a_stopped_engine_closes(void **state)
{
    pid_t engine = find_below(getpid(), "auroraview-engi");
    struct outcome out = {0};
    const struct host_event *closed;

    (void)state;
    assert_true(engine > 0);
    assert_int_equal(kill(engine, SIGSTOP), 0);
    assert_int_equal(auv_view_eval(host.view, never, NUL, -1, on_result, &out),
                     AUV_OK);
    assert_int_equal(auv_view_request_close(host.view, AUV_CLOSE_USER), 1);
    pump_until_count(host.app, &out.calls, 1);
    assert_int_equal(out.error, AUV_ERR_CLOSED);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    closed = find_event(&host, AUV_EVENT_CLOSED);
    assert_int_equal(closed->reason, AUV_CLOSE_USER);
    host_close(&host); /* kills it */
    assert_false(is_running(engine));
    host_open(&host);
}

/* It says nothing to one view's close: then the others have lost it too. */
static void a_stopped_engine_is_lost_for_all(void **state)
{
    pid_t engine = find_below(getpid(), "auroraview-engi");
    auv_view *other;

    (void)state;
    assert_true(engine > 0);
    assert_int_equal(auv_view_create(host.app, NULL, &other), AUV_OK);
    assert_int_equal(auv_view_wait_state(other, AUV_STATE_ACTIVE, DEADLINE_MS),
                     AUV_OK);
    assert_int_equal(kill(engine, SIGSTOP), 0);
    assert_int_equal(auv_view_request_close(other, AUV_CLOSE_USER), 1);
    pump_until_event(&host, AUV_EVENT_CLOSED);
    assert_int_equal(find_event(&host, AUV_EVENT_CLOSED)->reason,
                     AUV_CLOSE_ENGINE_LOST);
    assert_false(is_running(engine));
    auv_view_unref(other);
}

int main(int argc, char **argv)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_host, close_host)
#define MANUAL_TEST(fn) \
    cmocka_unit_test_setup_teardown(fn, open_manual, close_host)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_display_says_so),
        cmocka_unit_test(a_missing_program_is_named),
        cmocka_unit_test(another_version_is_refused),
        cmocka_unit_test(a_missing_library_names_the_package),
        cmocka_unit_test(a_program_that_ends_at_once_is_lost),
        cmocka_unit_test(a_program_that_does_not_greet_is_refused),
        MANUAL_TEST(a_killed_engine_ends_everything_once),
        TEST(a_killed_engine_ends_a_wait),
        MANUAL_TEST(a_killed_page_is_lost_and_comes_again),
        TEST(a_view_of_a_stopped_engine_closes),
        MANUAL_TEST(a_stopped_engine_is_lost_for_all),
        cmocka_unit_test(nothing_outlives_a_killed_host),
        cmocka_unit_test(nor_does_a_stopped_engine),
        cmocka_unit_test(nor_does_a_looping_page),
        TEST(a_missing_page_is_told),
        TEST(a_change_of_process_keeps_what_waits),
        TEST(twenty_mebibytes_of_html_load),
    };

    if (argc > 1 && strcmp(argv[1], "host") == 0)
        be_host(); /* for ever */
    if (argc > 1 && strcmp(argv[1], "looping host") == 0)
        be_looping_host();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
