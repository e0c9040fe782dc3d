/* Requests: each ended exactly once, by id, view or deadline. */
#include "core/request.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct auvi_requests *make_table(size_t capacity)
{
    struct auvi_requests *table;

    assert_int_equal(auvi_requests_create(capacity, &table), AUV_OK);
    return table;
}

static uint64_t add(struct auvi_requests *table, uint32_t view,
                    int64_t deadline_us)
{
    struct auvi_request request = {.view = view, .deadline_us = deadline_us};

    assert_int_equal(auvi_requests_add(table, &request), AUV_OK);
    assert_true(request.id != 0);
    return request.id;
}

static void refuses_silly_capacities(void **unused)
{
    struct auvi_requests *table = (struct auvi_requests *)1;

    (void)unused;
    assert_int_equal(auvi_requests_create(0, &table), AUV_ERR_ARG);
    assert_null(table);
    assert_int_equal(
        auvi_requests_create(AUVI_REQUESTS_MAX_CAPACITY + 1, &table),
        AUV_ERR_ARG);
    assert_null(table);
    auvi_requests_destroy(NULL);
}

static void on_result(auv_view *view, int error, const auv_message *message,
                      void *user)
{
    (void)view;
    (void)error;
    (void)message;
    (void)user;
}

static void gives_back_what_it_got(void **unused)
{
    struct auvi_requests *table = make_table(4);
    int user, waiter;
    struct auvi_request in = {.id = 99,
                              .view = 7,
                              .deadline_us = 1234567890123,
                              .fn = on_result,
                              .user = &user,
                              .waiter = &waiter};
    struct auvi_request out;

    (void)unused;
    assert_int_equal(auvi_requests_add(table, &in), AUV_OK);
    assert_int_equal(auvi_requests_pending(table), 1);
    assert_true(auvi_requests_take(table, in.id, &out));
    assert_true(out.id == in.id);
    assert_int_equal(out.view, 7);
    assert_true(out.deadline_us == 1234567890123);
    assert_true(out.fn == on_result);
    assert_ptr_equal(out.user, &user);
    assert_ptr_equal(out.waiter, &waiter);
    assert_int_equal(auvi_requests_pending(table), 0);
    assert_false(auvi_requests_take(table, in.id, &out));
    auvi_requests_destroy(table);
}

static void full_at_capacity_and_free_again(void **unused)
{
    struct auvi_requests *table = make_table(3);
    struct auvi_request request = {.view = 1}, out;
    uint64_t ids[3];
    int i;

    (void)unused;
    for (i = 0; i < 3; i++)
        ids[i] = add(table, 1, INT64_MAX);
    assert_int_equal(auvi_requests_add(table, &request), AUV_ERR_QUEUE_FULL);
    assert_true(request.id == 0);
    assert_true(auvi_requests_take(table, ids[1], &out));
    ids[1] = add(table, 1, INT64_MAX);
    assert_int_equal(auvi_requests_add(table, &request), AUV_ERR_QUEUE_FULL);
    for (i = 0; i < 3; i++)
        assert_true(auvi_requests_take(table, ids[i], &out));
    auvi_requests_destroy(table);
}

static void an_old_or_invented_id_ends_nothing(void **unused)
{
    struct auvi_requests *table = make_table(8);
    struct auvi_request out;
    uint64_t old = add(table, 1, INT64_MAX), now, bit;

    (void)unused;
    assert_true(auvi_requests_take(table, old, &out));
    now = add(table, 1, INT64_MAX); /* the same slot, a later generation */
    assert_true(now != old);
    assert_false(auvi_requests_take(table, old, &out));
    assert_false(auvi_requests_take(table, 0, &out));
    assert_false(auvi_requests_take(table, UINT64_MAX, &out));
    for (bit = 1; bit != 0; bit <<= 1)
        assert_false(auvi_requests_take(table, now ^ bit, &out));
    assert_true(auvi_requests_take(table, now, &out));
    auvi_requests_destroy(table);
}

static void a_view_ends_its_own(void **unused)
{
    struct auvi_requests *table = make_table(64);
    struct auvi_request out;
    int i, n = 0;

    (void)unused;
    for (i = 0; i < 30; i++)
        add(table, (uint32_t)(1 + i % 3), INT64_MAX);
    while (auvi_requests_take_view(table, 2, &out)) {
        assert_int_equal(out.view, 2);
        n++;
    }
    assert_int_equal(n, 10);
    while (auvi_requests_take_view(table, 0, &out))
        n++;
    assert_int_equal(n, 30);
    auvi_requests_destroy(table);
}

static void deadlines(void **unused)
{
    struct auvi_requests *table = make_table(64);
    struct auvi_request out;
    int64_t next;
    uint64_t third;

    (void)unused;
    assert_false(auvi_requests_take_expired(table, INT64_MAX - 1, &out, &next));
    assert_true(next == INT64_MAX);
    add(table, 1, 300);
    add(table, 1, 100);
    third = add(table, 1, 200);
    add(table, 1, INT64_MAX);

    assert_false(auvi_requests_take_expired(table, 99, &out, &next));
    assert_true(next == 100);
    assert_true(auvi_requests_take_expired(table, 100, &out, &next));
    assert_true(out.deadline_us == 100);
    assert_false(auvi_requests_take_expired(table, 100, &out, &next));
    assert_true(next == 200);
    /* One that was answered leaves the bound too early, once. */
    assert_true(auvi_requests_take(table, third, &out));
    assert_false(auvi_requests_take_expired(table, 250, &out, &next));
    assert_true(next == 300);
    /* A nearer one lowers the bound. */
    add(table, 1, 260);
    assert_false(auvi_requests_take_expired(table, 250, &out, &next));
    assert_true(next == 260);
    /* Two are due: one per call. */
    assert_true(auvi_requests_take_expired(table, 1000, &out, &next));
    assert_true(auvi_requests_take_expired(table, 1000, &out, &next));
    assert_false(auvi_requests_take_expired(table, 1000, &out, &next));
    assert_true(next == INT64_MAX);
    assert_true(auvi_requests_take_view(table, 0, &out));
    auvi_requests_destroy(table);
}

static void the_whole_range(void **unused)
{
    struct auvi_requests *table = make_table(AUVI_REQUESTS_MAX_CAPACITY);
    uint64_t *ids = malloc(AUVI_REQUESTS_MAX_CAPACITY * sizeof(*ids));
    struct auvi_request request = {.view = 1}, out;
    size_t i;

    (void)unused;
    assert_non_null(ids);
    for (i = 0; i < AUVI_REQUESTS_MAX_CAPACITY; i++)
        ids[i] = add(table, 1, INT64_MAX);
    assert_int_equal(auvi_requests_add(table, &request), AUV_ERR_QUEUE_FULL);
    for (i = AUVI_REQUESTS_MAX_CAPACITY; i-- > 0;)
        assert_true(auvi_requests_take(table, ids[i], &out));
    for (i = 0; i < AUVI_REQUESTS_MAX_CAPACITY; i++)
        ids[i] = add(table, 1, INT64_MAX);
    for (i = 0; i < AUVI_REQUESTS_MAX_CAPACITY; i++)
        assert_true(auvi_requests_take(table, ids[i], &out));
    free(ids);
    auvi_requests_destroy(table);
}

/* ---- races: each request has four enders ---- */

#define ADDERS 2
#define PER_ADDER 4000

struct shared {
    struct auvi_requests *table;
    _Atomic uint64_t last_id; /* of any adder: what the answerers try */
    _Atomic uint32_t running;
};

struct ask {
    uint32_t asked; /* plain: handed over by the table */
    uint32_t ended; /* plain: only one may end it */
};

static void end(struct auvi_request *out)
{
    struct ask *ask = out->user;

    assert_int_equal(ask->asked, out->view);
    ask->ended++;
}

struct adder {
    struct shared *shared;
    struct ask *asks;
    uint32_t view;
};

static void *run_adder(void *arg)
{
    struct adder *me = arg;
    int i;

    for (i = 0; i < PER_ADDER; i++) {
        struct auvi_request request = {
            .view = me->view, .deadline_us = i, .user = &me->asks[i]};

        me->asks[i].asked = me->view;
        while (auvi_requests_add(me->shared->table, &request) != AUV_OK)
            sched_yield();
        atomic_store(&me->shared->last_id, request.id);
    }
    atomic_fetch_sub(&me->shared->running, 1);
    return NULL;
}

static void *run_answerer(void *arg)
{
    struct shared *shared = arg;
    struct auvi_request out;

    while (atomic_load(&shared->running))
        if (auvi_requests_take(shared->table, atomic_load(&shared->last_id),
                               &out))
            end(&out);
    return NULL;
}

static void *run_closer(void *arg)
{
    struct shared *shared = arg;
    struct auvi_request out;
    uint32_t view = 0;

    while (atomic_load(&shared->running))
        if (auvi_requests_take_view(shared->table, 1 + view++ % ADDERS, &out))
            end(&out);
    return NULL;
}

static void *run_timer(void *arg)
{
    struct shared *shared = arg;
    struct auvi_request out;
    int64_t now = 0, next;

    while (atomic_load(&shared->running))
        if (auvi_requests_take_expired(shared->table, now++ % PER_ADDER, &out,
                                       &next))
            end(&out);
    return NULL;
}

static void exactly_one_ender(void **unused)
{
    static void *(*const enders[])(void *) = {run_answerer, run_answerer,
                                              run_closer, run_timer};
    struct shared shared = {.table = make_table(16)};
    struct adder adders[ADDERS];
    pthread_t threads[ADDERS + 4];
    struct auvi_request out;
    int i, j;

    (void)unused;
    atomic_init(&shared.running, ADDERS);
    for (i = 0; i < 4; i++)
        pthread_create(&threads[ADDERS + i], NULL, enders[i], &shared);
    for (i = 0; i < ADDERS; i++) {
        adders[i] = (struct adder){
            &shared, calloc(PER_ADDER, sizeof(struct ask)), (uint32_t)(1 + i)};
        assert_non_null(adders[i].asks);
        pthread_create(&threads[i], NULL, run_adder, &adders[i]);
    }
    for (i = 0; i < ADDERS + 4; i++)
        pthread_join(threads[i], NULL);
    while (auvi_requests_take_view(shared.table, 0, &out))
        end(&out);
    assert_int_equal(auvi_requests_pending(shared.table), 0);
    for (i = 0; i < ADDERS; i++) {
        for (j = 0; j < PER_ADDER; j++)
            assert_int_equal(adders[i].asks[j].ended, 1);
        free(adders[i].asks);
    }
    auvi_requests_destroy(shared.table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_silly_capacities),
        cmocka_unit_test(gives_back_what_it_got),
        cmocka_unit_test(full_at_capacity_and_free_again),
        cmocka_unit_test(an_old_or_invented_id_ends_nothing),
        cmocka_unit_test(a_view_ends_its_own),
        cmocka_unit_test(deadlines),
        cmocka_unit_test(the_whole_range),
        cmocka_unit_test(exactly_one_ender),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
