/* Every legal and illegal step of a view, and races between closers. */
#include "core/lifecycle.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum op {
    ACTIVATE,
    REQUEST_CLOSE,
    BEGIN_DESTROY,
    FINISH_DESTROY,
    FORCE,
    OPS
};

static enum auvi_step apply(struct auvi_lifecycle *lc, enum op op,
                            auv_close_reason reason)
{
    switch (op) {
    case ACTIVATE:
        return auvi_lifecycle_activate(lc);
    case REQUEST_CLOSE:
        return auvi_lifecycle_request_close(lc, reason);
    case BEGIN_DESTROY:
        return auvi_lifecycle_begin_destroy(lc, reason);
    case FINISH_DESTROY:
        return auvi_lifecycle_finish_destroy(lc);
    case FORCE:
    case OPS:
        break;
    }
    return auvi_lifecycle_force_destroy(lc, reason);
}

/* A machine in `state`, closed by the user if it is closing. */
static void put_in(struct auvi_lifecycle *lc, auv_state state)
{
    auvi_lifecycle_init(lc);
    if (state >= AUV_STATE_ACTIVE)
        assert_int_equal(auvi_lifecycle_activate(lc), AUVI_STEP_SUCCESS);
    if (state >= AUV_STATE_CLOSE_REQUESTED)
        assert_int_equal(auvi_lifecycle_request_close(lc, AUV_CLOSE_USER),
                         AUVI_STEP_SUCCESS);
    if (state >= AUV_STATE_DESTROYING)
        assert_int_equal(auvi_lifecycle_begin_destroy(lc, AUV_CLOSE_NONE),
                         AUVI_STEP_SUCCESS);
    if (state >= AUV_STATE_DESTROYED)
        assert_int_equal(auvi_lifecycle_finish_destroy(lc), AUVI_STEP_SUCCESS);
    assert_int_equal(auvi_lifecycle_state(lc, NULL), state);
}

static void every_step_from_every_state(void **unused)
{
    enum {
        WON = 1,
        LOST = 0,
        BUG = -1
    };
    static const auv_state target[OPS] = {
        AUV_STATE_ACTIVE, AUV_STATE_CLOSE_REQUESTED, AUV_STATE_DESTROYING,
        AUV_STATE_DESTROYED, AUV_STATE_DESTROYED};
    /* clang-format off */
    static const int expected[AUV_STATE_DESTROYED + 1][OPS] = {
        /*                   activate close  begin  finish force */
        /* CREATING        */ {WON,   WON,   WON,   BUG,   WON},
        /* ACTIVE          */ {LOST,  WON,   WON,   BUG,   WON},
        /* CLOSE_REQUESTED */ {LOST,  LOST,  WON,   BUG,   WON},
        /* DESTROYING      */ {LOST,  LOST,  LOST,  WON,   WON},
        /* DESTROYED       */ {LOST,  LOST,  LOST,  LOST,  LOST},
    };
    /* clang-format on */
    int state, op;

    (void)unused;
    for (state = 0; state <= AUV_STATE_DESTROYED; state++)
        for (op = 0; op < OPS; op++) {
            struct auvi_lifecycle lc;
            auv_close_reason before, after;
            auv_state now;

            put_in(&lc, (auv_state)state);
            auvi_lifecycle_state(&lc, &before);
            assert_int_equal(apply(&lc, (enum op)op, AUV_CLOSE_APP),
                             expected[state][op]);
            now = auvi_lifecycle_state(&lc, &after);
            if (expected[state][op] != WON) {
                assert_int_equal(now, state);
                assert_int_equal(after, before);
                continue;
            }
            assert_int_equal(now, target[op]);
            /* The first reason stays. */
            if (before != AUV_CLOSE_NONE)
                assert_int_equal(after, before);
            else if (now >= AUV_STATE_CLOSE_REQUESTED)
                assert_int_equal(after, AUV_CLOSE_APP);
            else
                assert_int_equal(after, AUV_CLOSE_NONE);
        }
}

static void close_during_creating_is_not_lost(void **unused)
{
    struct auvi_lifecycle lc;
    auv_close_reason reason;

    (void)unused;
    auvi_lifecycle_init(&lc);
    assert_int_equal(auvi_lifecycle_request_close(&lc, AUV_CLOSE_PARENT_GONE),
                     AUVI_STEP_SUCCESS);
    assert_int_equal(auvi_lifecycle_activate(&lc), AUVI_STEP_ALREADY);
    assert_int_equal(auvi_lifecycle_state(&lc, &reason),
                     AUV_STATE_CLOSE_REQUESTED);
    assert_int_equal(reason, AUV_CLOSE_PARENT_GONE);
}

static void a_close_needs_a_known_reason(void **unused)
{
    static const auv_close_reason bad[] = {
        AUV_CLOSE_NONE, (auv_close_reason)(AUV_CLOSE_SHUTDOWN + 1),
        (auv_close_reason)255};
    static const enum op closers[] = {REQUEST_CLOSE, BEGIN_DESTROY, FORCE};
    size_t i, j;

    (void)unused;
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        for (j = 0; j < sizeof(closers) / sizeof(*closers); j++) {
            struct auvi_lifecycle lc;

            auvi_lifecycle_init_active(&lc);
            assert_int_equal(apply(&lc, closers[j], bad[i]), AUVI_STEP_INVALID);
            assert_true(auvi_lifecycle_is_active(&lc));
        }
}

static void queries_follow_the_state(void **unused)
{
    static const char *const names[] = {"creating", "active", "close_requested",
                                        "destroying", "destroyed"};
    int state;

    (void)unused;
    for (state = 0; state <= AUV_STATE_DESTROYED; state++) {
        struct auvi_lifecycle lc;

        put_in(&lc, (auv_state)state);
        assert_int_equal(auvi_lifecycle_is_active(&lc),
                         state == AUV_STATE_ACTIVE);
        assert_int_equal(auvi_lifecycle_is_closing(&lc),
                         state >= AUV_STATE_CLOSE_REQUESTED);
        assert_int_equal(auvi_lifecycle_is_destroyed(&lc),
                         state == AUV_STATE_DESTROYED);
        assert_string_equal(auvi_state_name((auv_state)state), names[state]);
    }
    assert_string_equal(auvi_state_name((auv_state)77), "close_requested");
}

/* ---- races ---- */

#define THREADS 8
#define ROUNDS 400

struct race {
    struct auvi_lifecycle lc[ROUNDS];
    uint32_t written_by_winner[ROUNDS]; /* plain: the step must publish it */
    pthread_barrier_t start;
};

struct racer {
    struct race *race;
    uint32_t number;
    unsigned won[OPS];
    unsigned torn;
};

static void *run_racer(void *arg)
{
    struct racer *me = arg;
    auv_close_reason mine =
        (auv_close_reason)(1 + me->number % AUV_CLOSE_SHUTDOWN);
    int i;

    for (i = 0; i < ROUNDS; i++) {
        struct auvi_lifecycle *lc = &me->race->lc[i];
        auv_close_reason seen;
        auv_state state;

        pthread_barrier_wait(&me->race->start);
        if (apply(lc, ACTIVATE, AUV_CLOSE_NONE) == AUVI_STEP_SUCCESS)
            me->won[ACTIVATE]++;
        if (apply(lc, REQUEST_CLOSE, mine) == AUVI_STEP_SUCCESS)
            me->won[REQUEST_CLOSE]++;
        state = auvi_lifecycle_state(lc, &seen);
        if (state < AUV_STATE_CLOSE_REQUESTED || seen == AUV_CLOSE_NONE)
            me->torn++;
        if (apply(lc, BEGIN_DESTROY, mine) == AUVI_STEP_SUCCESS) {
            me->won[BEGIN_DESTROY]++;
            me->race->written_by_winner[i] = me->number + 1;
            if (apply(lc, FINISH_DESTROY, mine) == AUVI_STEP_SUCCESS)
                me->won[FINISH_DESTROY]++;
        }
        if (auvi_lifecycle_is_destroyed(lc) &&
            me->race->written_by_winner[i] == 0)
            me->torn++;
    }
    return NULL;
}

static void one_winner_per_step(void **unused)
{
    static struct race race;
    struct racer racers[THREADS] = {0};
    pthread_t threads[THREADS];
    unsigned won[OPS] = {0};
    int i, op;

    (void)unused;
    for (i = 0; i < ROUNDS; i++)
        auvi_lifecycle_init(&race.lc[i]);
    pthread_barrier_init(&race.start, NULL, THREADS);
    for (i = 0; i < THREADS; i++) {
        racers[i].race = &race;
        racers[i].number = (uint32_t)i;
        pthread_create(&threads[i], NULL, run_racer, &racers[i]);
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(racers[i].torn, 0);
        for (op = 0; op < OPS; op++)
            won[op] += racers[i].won[op];
    }
    pthread_barrier_destroy(&race.start);
    /* A close may come before the activation, which then has no winner. */
    assert_in_range(won[ACTIVATE], 1, ROUNDS);
    assert_int_equal(won[REQUEST_CLOSE], ROUNDS);
    assert_int_equal(won[BEGIN_DESTROY], ROUNDS);
    assert_int_equal(won[FINISH_DESTROY], ROUNDS);
    for (i = 0; i < ROUNDS; i++)
        assert_true(auvi_lifecycle_is_destroyed(&race.lc[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_from_every_state),
        cmocka_unit_test(close_during_creating_is_not_lost),
        cmocka_unit_test(a_close_needs_a_known_reason),
        cmocka_unit_test(queries_follow_the_state),
        cmocka_unit_test(one_winner_per_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
