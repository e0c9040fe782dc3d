/* Grants as lines of text: what they match, exactly. */
#include "base/grant.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

#define LIST(...)                                                       \
    {                                                                   \
        (const char *const[]){__VA_ARGS__},                             \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *) \
    }

static bool has(const char *list, const char *name)
{
    return auvi_grant_has(list, name, strlen(name));
}

static void a_line_comes_apart_as_it_was_made(void **state)
{
    struct auvi_grant_list frames = LIST("viewer", "other");
    struct auvi_grant_list methods = LIST("assets.*", "scene.get");
    struct auvi_grant_list events = {NULL, 0};
    struct auvi_grant grant;
    char *line =
        auvi_grant_line("http://a.example", true, &frames, &methods, &events);

    (void)state;
    assert_non_null(line);
    assert_true(auvi_grant_parse(&grant, line));
    assert_string_equal(grant.origin, "http://a.example");
    assert_true(grant.top);
    assert_true(has(grant.frames, "viewer") && has(grant.frames, "other"));
    assert_false(has(grant.frames, "view") || has(grant.frames, ""));
    assert_true(has(grant.methods, "assets.load"));
    assert_true(has(grant.methods, "assets."));
    assert_true(has(grant.methods, "scene.get"));
    assert_false(has(grant.methods, "assets"));
    assert_false(has(grant.methods, "xassets.load"));
    assert_false(has(grant.methods, "scene.get2"));
    assert_false(auvi_grant_is_all(grant.methods));
    assert_true(auvi_grant_is_all(grant.events));
    assert_true(has(grant.events, "anything") && has(grant.events, ""));
    free(line);
}

static void an_empty_list_is_nothing(void **state)
{
    const char *const none[] = {NULL};
    struct auvi_grant_list nothing = {none, 0};
    struct auvi_grant grant;
    char *line =
        auvi_grant_line("http://a", false, &nothing, &nothing, &nothing);

    (void)state;
    assert_true(auvi_grant_parse(&grant, line));
    assert_false(grant.top);
    assert_false(has(grant.methods, "x") || has(grant.methods, ""));
    assert_false(auvi_grant_is_all(grant.events));
    free(line);
}

static void names_may_hold_any_byte(void **state)
{
    (void)state;
    assert_true(auvi_grant_has("a\0b", "a", 1) == false); /* no RS: no entry */
    assert_true(auvi_grant_has("ab*\x1e", "ab\0\x1e\x1f", 5));
    assert_false(auvi_grant_has("ab\x1e", "ab\0", 3));
}

static void lists_are_checked(void **state)
{
    static char long_name[1026];
    struct auvi_grant_list good = LIST("a", "b.*", "*");
    struct auvi_grant_list star = LIST("a*b");
    struct auvi_grant_list empty = LIST("");
    struct auvi_grant_list control = LIST("a\x1e*");
    struct auvi_grant_list line = LIST("a\nb");
    struct auvi_grant_list over = LIST(long_name);
    struct auvi_grant_list name = LIST("view*");
    struct auvi_grant_list any = LIST("*");

    (void)state;
    memset(long_name, 'x', 1025);
    assert_true(auvi_grant_list_check(&good, true));
    assert_false(auvi_grant_list_check(&star, true));
    assert_false(auvi_grant_list_check(&empty, true));
    assert_false(auvi_grant_list_check(&control, true));
    assert_false(auvi_grant_list_check(&line, true));
    assert_false(auvi_grant_list_check(&over, true));
    assert_false(auvi_grant_list_check(&name, false));
    assert_true(auvi_grant_list_check(&any, false));
}

static void malformed_lines_are_refused(void **state)
{
    static const char *const bad[] = {"", "http://a", "a\x1ft\x1f\x1f",
                                      "a\x1ft\x1f\x1f\x1f\x1f"};
    struct auvi_grant grant;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *line = strdup(bad[i]);

        assert_false(auvi_grant_parse(&grant, line));
        free(line);
    }
}

static bool fits(const char *origin, const char *url)
{
    struct auvi_grant grant = {.origin = origin};

    return auvi_grant_fits(&grant, url);
}

static void origins_fit_exactly(void **state)
{
    (void)state;
    assert_true(fits("http://localhost:81", "http://LOCALHOST:81/x?y"));
    assert_true(fits("http://localhost", "http://localhost:80/"));
    assert_false(fits("http://localhost", "http://localhost:81/"));
    assert_false(fits("http://localhost", "https://localhost/"));
    assert_false(fits("http://localhost", "http://localhost.evil.example/"));
    assert_false(fits("http://localhost", "http://localhost./"));
    assert_false(fits("http://localhost", "http://user@localhost/"));
    assert_false(fits("http://localhost", "blob:http://localhost/1"));
    assert_false(fits("http://localhost", "about:blank"));
}

static void files_fit_below_their_folder(void **state)
{
    (void)state;
    assert_true(fits("file://", "file:///anywhere/x.html"));
    assert_true(fits("file:///a/b/", "file:///a/b/x.html"));
    assert_true(fits("file:///a/b/", "file:///a/b/c/x.html?q#f"));
    assert_true(fits("file:///a/./c/../b//", "file:///a/b/x.html"));
    assert_true(fits("file:///a%20b/", "file:///a%20b/x.html"));
    assert_true(fits("file:///", "file:///x.html"));
    assert_false(fits("file:///a/b/", "file:///a/bc/x.html"));
    assert_false(fits("file:///a/b/", "file:///a/x.html"));
    assert_false(fits("file:///a/b/", "file:///a/b/%2e%2e/x.html"));
    assert_false(fits("file:///a/b/", "file:///a/b/..%2Fx.html"));
    assert_false(fits("file:///a/b/", "file:///a/b/x%00.html"));
    assert_false(fits("file:///a/b/", "file://other/a/b/x.html"));
    assert_false(fits("file:///a/b/", "http://localhost/a/b/x.html"));
    assert_false(fits("http://localhost", "file:///x"));
}

static void patterns_of_origins(void **state)
{
    (void)state;
    assert_true(auvi_origin_fits("*", "https://any.example"));
    assert_true(auvi_origin_fits("https://a.example", "https://a.example"));
    assert_true(auvi_origin_fits("https://*.example", "https://a.b.example"));
    assert_true(auvi_origin_fits("http://*.b:81", "http://a.b:81"));
    assert_false(auvi_origin_fits("https://*.example", "https://example"));
    assert_false(auvi_origin_fits("https://*.example", "https://.example"));
    assert_false(auvi_origin_fits("https://*.example", "http://a.example"));
    assert_false(auvi_origin_fits("https://*.example", "https://a.example:1"));
    assert_false(auvi_origin_fits("https://*.example", "https://aexample"));
    assert_false(
        auvi_origin_fits("https://*.example", "https://a.example.evil"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_comes_apart_as_it_was_made),
        cmocka_unit_test(an_empty_list_is_nothing),
        cmocka_unit_test(names_may_hold_any_byte),
        cmocka_unit_test(lists_are_checked),
        cmocka_unit_test(malformed_lines_are_refused),
        cmocka_unit_test(origins_fit_exactly),
        cmocka_unit_test(files_fit_below_their_folder),
        cmocka_unit_test(patterns_of_origins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
