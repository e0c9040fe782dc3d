/* What recovery makes of a machine that does not cooperate: each case ends in
 * one way that is written down in docs/faults.md. */
#include "harness.h"
#include "processes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct host host;

static int open_host(void **state)
{
    (void)state;
    host_open(&host);
    host.event_count = 0;
    return 0;
}

static int close_host(void **state)
{
    (void)state;
    host_close(&host);
    return 0;
}

static pid_t engine_pid(void)
{
    pid_t engine = find_below(getpid(), "auroraview-engi");

    assert_true(engine > 0);
    return engine;
}

static void kill_page(void)
{
    pid_t page = find_below(getpid(), "WebKitWebProces");

    assert_true(page > 0);
    assert_int_equal(kill(page, SIGKILL), 0);
}

static const struct host_event *closes(void)
{
    const struct host_event *closed;

    pump_until_event(&host, AUV_EVENT_CLOSED);
    closed = find_event(&host, AUV_EVENT_CLOSED);
    assert_int_equal(closed->reason, AUV_CLOSE_ENGINE_LOST);
    print_message("%s: %s\n", auv_error_name(closed->error), closed->text);
    return closed;
}

static void opens_again(void)
{
    auv_view_unref(host.view);
    assert_int_equal(auv_view_create(host.app, NULL, &host.view), AUV_OK);
    check_value(&host, "[5]", "[5]");
}

/* ---- processes that are killed ----------------------------------------------- */

static void killed_processes_come_back(void **state)
{
    pid_t engine = engine_pid();

    (void)state;
    kill_page();
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    assert_int_equal(find_event(&host, AUV_EVENT_RECOVERED)->x, AUV_LOST_PAGE);
    assert_int_equal(engine_pid(), engine);
    check_value(&host, "document.title", "\"page\"");
    host.event_count = 0;
    assert_int_equal(kill(engine, SIGKILL), 0);
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    assert_int_equal(find_event(&host, AUV_EVENT_RECOVERED)->x,
                     AUV_LOST_ENGINE);
    assert_int_not_equal(engine_pid(), engine);
    check_value(&host, "document.title", "\"page\"");
}

/* ---- in the middle of a load --------------------------------------------------- */

static bool has_client(void *server)
{
    struct pollfd waits = {.fd = *(int *)server, .events = POLLIN};

    return poll(&waits, 1, 0) == 1;
}

/* Accepts the next request, of whatever process, and reads its first line. */
static int next_request(int server)
{
    char text[3000];
    int client;

    pump_until(host.app, has_client, &server);
    client = accept(server, NULL, NULL);
    assert_true(client >= 0);
    assert_true(read(client, text, sizeof(text)) > 0);
    assert_memory_equal(text, "GET /slow ", 10);
    return client;
}

/* Its process ends before the document has come: the load is begun again, and
 * what was sent for that page goes to that page. */
static void an_open_load_is_begun_again(void **state)
{
    static const char page[] = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                               "Content-Length: 19\r\nConnection: close\r\n"
                               "\r\n<title>slow</title>";
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    struct process list[64];
    struct outcome out = {0};
    int server, first, second;
    char url[60];
    size_t count;

    (void)state;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server, 8), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&address, &size),
                     0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/slow",
             (unsigned)ntohs(address.sin_port));
    assert_int_equal(auv_view_navigate(host.view, url), AUV_OK);
    first = next_request(server);
    count = list_below(getpid(), list, 64);
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, "WebKitWebProces") == 0)
            kill(list[i].pid, SIGKILL);
    pump_until_event(&host, AUV_EVENT_PAGE_LOST);
    auv_view_eval(host.view, "document.title", NUL, DEADLINE_MS, on_result,
                  &out);
    second = next_request(server);
    assert_true(write(second, page, sizeof(page) - 1) > 0);
    close(second);
    close(first);
    pump_until_count(host.app, &out.calls, 1);
    assert_int_equal(out.error, AUV_OK);
    assert_string_equal(out.json, "\"slow\"");
    assert_int_equal(count_events(&host, AUV_EVENT_RECOVERED), 1);
    close(server);
}

/* ---- no descriptors ----------------------------------------------------------- */

static rlim_t limit_descriptors(rlim_t most)
{
    struct rlimit limit;
    rlim_t before;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    before = limit.rlim_cur;
    limit.rlim_cur = most;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

static void a_page_comes_back_when_descriptors_do(void **state)
{
    rlim_t before = limit_descriptors(3);

    (void)state;
    assert_int_equal(auv_view_kill_page(host.view), AUV_OK);
    pump_until_event(&host, AUV_EVENT_PAGE_LOST);
    /* It is loaded, but has no link. */
    pump_until_event(&host, AUV_EVENT_LOADED);
    assert_int_equal(count_events(&host, AUV_EVENT_PAGE_READY), 0);
    limit_descriptors(before);
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    check_value(&host, "[5]", "[5]");
}

static void an_engine_needs_descriptors(void **state)
{
    rlim_t before = limit_descriptors(3);

    (void)state;
    assert_int_equal(auv_app_kill_engine(host.app), AUV_OK);
    assert_int_equal(closes()->error, AUV_ERR_SYSTEM);
    limit_descriptors(before);
    opens_again();
}

/* It cannot start a page's process. Whether it ends for that or not, the view
 * comes back: with the page, or with another engine. */
static void an_engine_without_descriptors_is_replaced(void **state)
{
    struct rlimit limit = {3, 3};
    pid_t engine = engine_pid();

    (void)state;
    assert_int_equal(prlimit(engine, RLIMIT_NOFILE, &limit, NULL), 0);
    kill_page();
    pump_until_event(&host, AUV_EVENT_PAGE_LOST);
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    check_value(&host, "[5]", "[5]");
}

/* ---- an engine program that is not what it was --------------------------------- */

static char link_path[200];

static void link_to(const char *program)
{
    unlink(link_path);
    assert_int_equal(symlink(program, link_path), 0);
}

static void open_through_link(void)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;

    host_close(&host);
    snprintf(link_path, sizeof(link_path), "%s/auv-engine-%d",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
    link_to(getenv("AURORAVIEW_ENGINE_PATH"));
    options.engine_path = link_path;
    host_open_with(&host, &options);
    host.event_count = 0;
}

static void a_program_that_is_gone_is_named(void **state)
{
    const struct host_event *closed;

    (void)state;
    open_through_link();
    unlink(link_path);
    assert_int_equal(auv_app_kill_engine(host.app), AUV_OK);
    closed = closes();
    assert_int_equal(closed->error, AUV_ERR_ENGINE_MISSING);
    assert_non_null(strstr(closed->text, link_path));
    link_to(getenv("AURORAVIEW_ENGINE_PATH"));
    opens_again();
    unlink(link_path);
}

static void a_program_of_another_version_is_refused(void **state)
{
    const struct host_event *closed;

    (void)state;
    open_through_link();
    link_to(getenv("AUV_TEST_FAKE_ENGINE"));
    setenv("AUV_FAKE_ENGINE", "version", 1);
    assert_int_equal(auv_app_kill_engine(host.app), AUV_OK);
    closed = closes();
    assert_int_equal(closed->error, AUV_ERR_ENGINE_VERSION);
    assert_non_null(strstr(closed->text, "9.9.9"));
    unlink(link_path);
}

/* ---- the display, the disk ------------------------------------------------------ */

static pid_t start_server(char *display, size_t size)
{
    int ends[2];
    char number[16] = "", fd[16];
    pid_t server;

    assert_int_equal(pipe(ends), 0);
    snprintf(fd, sizeof(fd), "%d", ends[1]);
    server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        int none = open("/dev/null", O_WRONLY);

        dup2(none, STDERR_FILENO);
        execlp("Xvfb", "Xvfb", "-displayfd", fd, "-screen", "0", "640x480x24",
               "-nolisten", "tcp", "-noreset", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    assert_true(read(ends[0], number, sizeof(number) - 1) > 0);
    number[strcspn(number, "\n")] = '\0';
    snprintf(display, size, ":%s", number);
    close(ends[0]);
    return server;
}

static void a_display_that_goes_ends_the_view(void **state)
{
    char before[100], authority[300], display[20];
    const char *given = getenv("XAUTHORITY");
    const struct host_event *closed;
    pid_t server;

    (void)state;
    host_close(&host);
    snprintf(before, sizeof(before), "%s", getenv("DISPLAY"));
    snprintf(authority, sizeof(authority), "%s", given ? given : "");
    server = start_server(display, sizeof(display));
    setenv("DISPLAY", display, 1);
    unsetenv("XAUTHORITY");
    host_open(&host);
    host.event_count = 0;
    assert_int_equal(kill(server, SIGKILL), 0);
    assert_int_equal(waitpid(server, NULL, 0), server);
    /* The engine goes with it, and the next one finds none. */
    closed = closes();
    assert_int_equal(closed->error, AUV_ERR_NO_DISPLAY);
    assert_int_equal(find_event(&host, AUV_EVENT_ENGINE_LOST)->x,
                     AUV_RECOVERY_UNDER_WAY);
    setenv("DISPLAY", before, 1);
    if (given)
        setenv("XAUTHORITY", authority, 1);
    opens_again();
}

/* Nothing of a page is on the disk, so nothing fails for want of it. */
static void no_disk_is_needed(void **state)
{
    static const char *const names[] = {"XDG_CACHE_HOME", "XDG_DATA_HOME",
                                        "XDG_CONFIG_HOME", "HOME"};
    char before[4][300];

    (void)state;
    host_close(&host);
    for (int i = 0; i < 4; i++) {
        const char *value = getenv(names[i]);

        snprintf(before[i], sizeof(before[i]), "%s", value ? value : "");
        setenv(names[i], "/dev/full/none", 1); /* nobody writes below it */
    }
    host_open(&host);
    check_value(&host, "localStorage.setItem('a', 'b'), [5]", "[5]");
    kill_page();
    pump_until_event(&host, AUV_EVENT_RECOVERED);
    check_value(&host, "[localStorage.getItem('a')]", "[\"b\"]");
    for (int i = 0; i < 4; i++) {
        if (*before[i])
            setenv(names[i], before[i], 1);
        else
            unsetenv(names[i]);
    }
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_host, close_host)
    const struct CMUnitTest tests[] = {
        TEST(killed_processes_come_back),
        TEST(an_open_load_is_begun_again),
        TEST(a_page_comes_back_when_descriptors_do),
        TEST(an_engine_needs_descriptors),
        TEST(an_engine_without_descriptors_is_replaced),
        TEST(a_program_that_is_gone_is_named),
        TEST(a_program_of_another_version_is_refused),
        TEST(a_display_that_goes_ends_the_view),
        TEST(no_disk_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
