/* The scripts of the null engine. */
#include "engine/null/script.h"

#include <string.h>

#include "cmocka_all.h"

static struct auvi_script script;

static enum auvi_script_kind parse(const char *text)
{
    auvi_script_parse(text, strlen(text), &script);
    return script.kind;
}

static void values_are_json(void **state)
{
    static const char *const good[] = {
        "0",    "-1.5e+3", "true",  "null",           " [1, {\"a\": []}] ",
        "\"\"", "{}",      "[[]];", "\"\\u00e9\\n\"", "0.5",
    };
    static const char *const bad[] = {
        "",       "01",       "+1",   "1 2", "[1,]", "{\"a\"}", "{a:1}",
        "'x'",    "\"x",      "nul",  "1;;", "[",    "\"\\x\"", "\"\\u12\"",
        "\"\n\"", "alert(1)", "\"\\", "-",   "1.",   "1e",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (parse(good[i]) != AUVI_SCRIPT_VALUE)
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (parse(bad[i]) != AUVI_SCRIPT_ERROR)
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(parse(" [1] ; "), AUVI_SCRIPT_VALUE);
    assert_int_equal(script.json_length, 3);
    assert_memory_equal(script.json, "[1]", 3);
}

static void depth_is_limited(void **state)
{
    char text[400];

    (void)state;
    memset(text, '[', 200);
    memset(text + 200, ']', 200);
    auvi_script_parse(text, 400, &script);
    assert_int_equal(script.kind, AUVI_SCRIPT_ERROR);
    auvi_script_parse(text + 150, 100, &script);
    assert_int_equal(script.kind, AUVI_SCRIPT_VALUE);
}

static void invocations_have_a_name_and_a_value(void **state)
{
    (void)state;
    assert_int_equal(parse("auroraview.call(\"a\\u0000\\ud83e\\udd84\")"),
                     AUVI_SCRIPT_CALL);
    assert_int_equal(script.name_length, 6);
    assert_memory_equal(script.name, "a\0\xf0\x9f\xa6\x84", 6);
    assert_memory_equal(script.json, "null", 4);
    assert_int_equal(parse("auroraview.emit( \"\\ud83e\" , {\"b\":1} )"),
                     AUVI_SCRIPT_EMIT);
    assert_memory_equal(script.name, "\xef\xbf\xbd", 3);
    assert_int_equal(script.json_length, 7);
    assert_int_equal(parse("new Promise(() => {})"), AUVI_SCRIPT_NEVER);
    assert_int_equal(parse("auroraview.events()"), AUVI_SCRIPT_EVENTS);
    assert_int_equal(parse("auroraview.fetch(\"a:b\", \"bytes=0-\")"),
                     AUVI_SCRIPT_FETCH);
    assert_int_equal(parse("auroraview.call()"), AUVI_SCRIPT_ERROR);
    assert_int_equal(parse("auroraview.call(\"a\", )"), AUVI_SCRIPT_ERROR);
    assert_int_equal(parse("auroraview.call(\"a\" 1)"), AUVI_SCRIPT_ERROR);
    assert_int_equal(parse("auroraview.call(\"a\", 1"), AUVI_SCRIPT_ERROR);
}

static void names_that_are_too_long_are_refused(void **state)
{
    char text[3000] = "auroraview.call(\"";

    (void)state;
    memset(text + 17, 'n', 2000);
    memcpy(text + 2017, "\")", 3);
    assert_int_equal(parse(text), AUVI_SCRIPT_ERROR);
}

static void nothing_behind_the_end_is_read(void **state)
{
    static const char text[] = "auroraview.call(\"abc\\u1234\", [1, \"x\\n\"])";

    (void)state;
    for (size_t length = 0; length < sizeof(text) - 1; length++) {
        /* A heap copy without anything behind it, for AddressSanitizer. */
        char *copy = test_malloc(length ? length : 1);

        memcpy(copy, text, length);
        auvi_script_parse(copy, length, &script);
        assert_int_equal(script.kind, AUVI_SCRIPT_ERROR);
        test_free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_json),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(invocations_have_a_name_and_a_value),
        cmocka_unit_test(names_that_are_too_long_are_refused),
        cmocka_unit_test(nothing_behind_the_end_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
