/* test_range.c - what of a body a Range header asks for. */
#include "base/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void part(const char *header, uint64_t size, uint64_t from,
                 uint64_t bytes)
{
    uint64_t first, length;

    assert_int_equal(auvi_range_parse(header, size, &first, &length),
                     AUVI_RANGE_PART);
    assert_int_equal(first, from);
    assert_int_equal(length, bytes);
}

static void whole(const char *header, uint64_t size)
{
    uint64_t first = 1, length = 1;

    assert_int_equal(auvi_range_parse(header, size, &first, &length),
                     AUVI_RANGE_WHOLE);
    assert_int_equal(first, 0);
    assert_int_equal(length, size);
}

static void nothing(const char *header, uint64_t size)
{
    uint64_t first, length;

    assert_int_equal(auvi_range_parse(header, size, &first, &length),
                     AUVI_RANGE_UNSATISFIABLE);
}

static void the_three_forms_count(void **state)
{
    (void)state;
    part("bytes=0-0", 10, 0, 1);
    part("bytes=2-5", 10, 2, 4);
    part("bytes=2-", 10, 2, 8);
    part("bytes=-3", 10, 7, 3);
    part("Bytes= 0-9 ", 10, 0, 10);
}

static void an_end_behind_the_end_is_the_end(void **state)
{
    (void)state;
    part("bytes=2-99", 10, 2, 8);
    part("bytes=9-9", 10, 9, 1);
    part("bytes=-99", 10, 0, 10);
    part("bytes=0-18446744073709551615", 10, 0, 10);
    part("bytes=1-99999999999999999999999999", 10, 1, 9);
}

static void what_is_not_there_is_unsatisfiable(void **state)
{
    (void)state;
    nothing("bytes=10-", 10);
    nothing("bytes=10-20", 10);
    nothing("bytes=99999999999999999999999999-", 10);
    nothing("bytes=-0", 10);
    nothing("bytes=0-", 0);
    nothing("bytes=-1", 0);
}

static void all_else_means_the_whole(void **state)
{
    static const char *const headers[] = {
        "",          "bytes",     "bytes=",        "bytes=-",    "bytes=a-b",
        "bytes=1",   "bytes=5-2", "bytes=0-1,3-4", "bytes=--1",  "bytes=1-2x",
        "items=0-1", "0-1",       "bytes=+1-2",    "bytes=1 -2", "bytes=0x1-2"};

    (void)state;
    whole(NULL, 10);
    whole(NULL, 0);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        whole(headers[i], 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_forms_count),
        cmocka_unit_test(an_end_behind_the_end_is_the_end),
        cmocka_unit_test(what_is_not_there_is_unsatisfiable),
        cmocka_unit_test(all_else_means_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
