/* The table of unanswered calls: what is in it is found, nothing twice, and no
 * choice of numbers makes it slow. */
#include "core/core.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

static struct auvi_call_table table;

static int tear_down(void **state)
{
    (void)state;
    auvi_call_table_free(&table);
    table = (struct auvi_call_table){0};
    return 0;
}

static struct auv_call *make(size_t count)
{
    struct auv_call *calls = calloc(count, sizeof(*calls));

    assert_non_null(calls);
    return calls;
}

static void what_is_in_it_is_found(void **state)
{
    struct auv_call *calls = make(3);

    (void)state;
    assert_null(auvi_call_table_find(&table, 7, 1));
    calls[0].id = calls[1].id = 7;
    calls[0].generation = 1;
    calls[1].generation = calls[2].generation = 2;
    calls[2].id = 8;
    for (int i = 0; i < 3; i++)
        assert_true(auvi_call_table_add(&table, &calls[i]));
    assert_ptr_equal(auvi_call_table_find(&table, 7, 1), &calls[0]);
    assert_ptr_equal(auvi_call_table_find(&table, 7, 2), &calls[1]);
    assert_null(auvi_call_table_find(&table, 8, 1));
    assert_false(auvi_call_table_add(&table, &calls[0]));
    assert_int_equal(table.count, 3);
    auvi_call_table_remove(&table, &calls[0]);
    assert_null(auvi_call_table_find(&table, 7, 1));
    assert_ptr_equal(auvi_call_table_find(&table, 7, 2), &calls[1]);
    auvi_call_table_remove(&table, &calls[1]);
    auvi_call_table_remove(&table, &calls[2]);
    assert_int_equal(table.count, 0);
    free(calls);
}

static size_t longest_chain(void)
{
    size_t longest = 0;

    for (size_t i = 0; i < table.chain_count; i++) {
        size_t length = 0;

        for (struct auv_call *c = table.chains[i]; c; c = c->table_next)
            length++;
        if (length > longest)
            longest = length;
    }
    return longest;
}

/* Numbers in a row, with equal low bits, with equal high bits: as honest pages
 * make them and as one would that knows the multiplication. */
static void no_numbers_make_long_chains(void **state)
{
    static const int shift[] = {0, 17, 40};
    const size_t count = AUV_MAX_CALLS;
    struct auv_call *calls = make(count);

    (void)state;
    for (size_t pattern = 0; pattern < 4; pattern++) {
        for (size_t i = 0; i < count; i++) {
            calls[i].id = pattern < 3 ? (uint64_t)(i + 1) << shift[pattern] : 1;
            calls[i].generation = pattern < 3 ? 9 : (uint32_t)i;
            assert_true(auvi_call_table_add(&table, &calls[i]));
        }
        assert_int_equal(table.count, count);
        print_message("longest chain: %zu\n", longest_chain());
        /* Random numbers would give 8 or so. */
        assert_true(longest_chain() < 200);
        for (size_t i = 0; i < count; i++)
            assert_ptr_equal(
                auvi_call_table_find(&table, calls[i].id, calls[i].generation),
                &calls[i]);
        for (size_t i = 0; i < count; i++)
            auvi_call_table_remove(&table, &calls[i]);
        /* The burst is over: its memory is given back. */
        assert_int_equal(table.chain_count, 0);
    }
    free(calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_in_it_is_found, tear_down),
        cmocka_unit_test_teardown(no_numbers_make_long_chains, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
