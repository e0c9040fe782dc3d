/* Origins: exact, and refused when in doubt. */
#include "base/origin.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

static void origins_are_normalised(void **state)
{
    static const char *const pairs[][2] = {
        {"http://localhost", "http://localhost"},
        {"HTTP://LocalHost:80/x?y#z", "http://localhost"},
        {"http://localhost:8080/", "http://localhost:8080"},
        {"https://example.org:443?q", "https://example.org"},
        {"https://example.org:444#f", "https://example.org:444"},
        {"https://example.org:80", "https://example.org:80"},
        {"http://a.b:080/", "http://a.b"},
        {"http://[::1]:3000/", "http://[::1]:3000"},
        {"http://[FE80::1]/", "http://[fe80::1]"},
        {"auroraview://localhost/page.html", "auroraview://localhost"},
        {"file:///home/x.html", "file://"},
        {"file://localhost/home/x.html", "file://"},
        {"http://a_b-c.d/", "http://a_b-c.d"},
        {"http://localhost:0/", "http://localhost:0"},
    };
    char out[AUVI_ORIGIN_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (!auvi_origin_parse(pairs[i][0], out))
            fail_msg("%s was refused", pairs[i][0]);
        assert_string_equal(out, pairs[i][1]);
    }
}

static void what_has_no_origin_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "localhost",
        "//localhost",
        ":",
        "1http://x",
        "about:blank",
        "data:text/html,x",
        "javascript:alert(1)",
        "blob:http://localhost/x",
        "http:/localhost",
        "http:///x",
        "http://",
        "http://:80",
        "http://user@localhost/",
        "http://user:password@localhost/",
        "http://localhost@evil.example/",
        "http://localhost\\@evil.example/",
        "http://local host/",
        "http://localhost%2eevil.example/",
        "http://localhost\tx",
        "http://localhost\n.evil.example",
        "http://\xc3\xa4.example/",
        "http://localhost./",
        "http://localhost:/",
        "http://localhost:65536/",
        "http://localhost:123456/",
        "http://localhost:80a/",
        "http://localhost:-1/",
        "http://[::1/",
        "http://[]/",
        "http://[::1]x/",
        "http://[zz]/",
        "file://server/share",
        "file://localhost.evil.example/",
        " http://localhost",
        "abcdefghijklmnopqrstuvwxyzabcdefghi://x",
    };
    char out[AUVI_ORIGIN_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (auvi_origin_parse(bad[i], out))
            fail_msg("'%s' gave %s", bad[i], out);
}

static void long_hosts_stay_inside(void **state)
{
    char url[2 * AUVI_ORIGIN_MAX], out[AUVI_ORIGIN_MAX];

    (void)state;
    for (size_t length = 200; length < 2 * AUVI_ORIGIN_MAX - 20; length++) {
        strcpy(url, "http://");
        memset(url + 7, 'h', length);
        strcpy(url + 7 + length, ":65535");
        if (auvi_origin_parse(url, out))
            assert_true(strlen(out) < AUVI_ORIGIN_MAX);
        else
            assert_true(length > 253);
    }
}

static void loopback_is_this_machine(void **state)
{
    static const char *const yes[] = {
        "http://localhost",   "https://localhost:8443", "http://127.0.0.1",
        "http://127.0.0.1:1", "http://127.255.0.3",     "http://[::1]",
        "http://[::1]:80",
    };
    static const char *const no[] = {
        "http://localhost.example",
        "http://127.example.com",
        "http://127.0.0.1.example",
        "http://example.org",
        "file://",
        "auroraview://localhost",
        "ftp://localhost",
        "http://[::1].x",
        "http://localhostx",
        "http://128.0.0.1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        if (!auvi_origin_is_loopback(yes[i]))
            fail_msg("%s is loopback", yes[i]);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        if (auvi_origin_is_loopback(no[i]))
            fail_msg("%s is not loopback", no[i]);
}

static void a_file_is_in_its_folder(void **state)
{
    static const char *const pairs[][2] = {
        {"file:///a/b.html", "file:///a/"},
        {"file://localhost/a/b.html#/c", "file:///a/"},
        {"file:///a/b/?/c/", "file:///a/b/"},
        {"file:///x", "file:///"},
        {"file:///a\\b\\c.html", "file:///a/b/"},
        {"file:///a/b%2fc.html", "file:///a/b/"},
        {"file:///a\nb/\xc3\xa4/c", "file:///ab/%C3%A4/"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char *folder = auvi_origin_file_folder(pairs[i][0]);

        assert_string_equal(folder, pairs[i][1]);
        free(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origins_are_normalised),
        cmocka_unit_test(what_has_no_origin_is_refused),
        cmocka_unit_test(long_hosts_stay_inside),
        cmocka_unit_test(loopback_is_this_machine),
        cmocka_unit_test(a_file_is_in_its_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
