/* Eight threads throw every operation at one view after another: each state is
 * entered once, by one winner, in order, and the first close reason stays. */
#include "core/lifecycle.h"

#include <pthread.h>
#include <string.h>

#include "stress.h"

#define THREADS 8
#define BATCH 256 /* views between two barriers */

struct view {
    struct auvi_lifecycle lc;
    _Atomic uint32_t entered[AUV_STATE_DESTROYED + 1];
};

static struct view views[BATCH];
static pthread_barrier_t barrier;
static struct stress_args args;

static void win(struct view *view, auv_state state)
{
    atomic_fetch_add_explicit(&view->entered[state], 1, memory_order_relaxed);
}

static void step(struct view *view, struct dice *dice)
{
    auv_close_reason mine =
        (auv_close_reason)(1 + dice_below(dice, AUV_CLOSE_SHUTDOWN));
    auv_close_reason before_reason, reason;
    auv_state before = auvi_lifecycle_state(&view->lc, &before_reason);
    auv_state after;

    switch (dice_below(dice, 8)) {
    case 0:
    case 1:
        if (auvi_lifecycle_activate(&view->lc) == AUVI_STEP_SUCCESS)
            win(view, AUV_STATE_ACTIVE);
        break;
    case 2:
    case 3:
        if (auvi_lifecycle_request_close(&view->lc, mine) == AUVI_STEP_SUCCESS)
            win(view, AUV_STATE_CLOSE_REQUESTED);
        break;
    case 4:
        if (auvi_lifecycle_begin_destroy(&view->lc, mine) == AUVI_STEP_SUCCESS)
            win(view, AUV_STATE_DESTROYING);
        break;
    case 5:
        if (auvi_lifecycle_finish_destroy(&view->lc) == AUVI_STEP_SUCCESS)
            win(view, AUV_STATE_DESTROYED);
        break;
    case 6:
        if (dice_below(dice, 16) == 0 &&
            auvi_lifecycle_force_destroy(&view->lc, mine) == AUVI_STEP_SUCCESS)
            win(view, AUV_STATE_DESTROYED);
        break;
    default:
        break;
    }

    after = auvi_lifecycle_state(&view->lc, &reason);
    CHECK(after >= before);
    CHECK((after >= AUV_STATE_CLOSE_REQUESTED) == (reason != AUV_CLOSE_NONE));
    if (before_reason != AUV_CLOSE_NONE)
        CHECK_EQ(reason, before_reason);
}

static void *run(void *arg)
{
    uint64_t round;

    for (round = 0; round < args.rounds; round++) {
        struct dice dice = dice_for(args.seed, round, (uintptr_t)arg);
        int i;

        pthread_barrier_wait(&barrier);
        for (i = 0; i < BATCH; i++) {
            int n = (int)dice_below(&dice, 12);

            while (n-- > 0)
                step(&views[i], &dice);
        }
        /* Now all drive each one to its end: somebody must get there. */
        for (i = 0; i < BATCH; i++)
            while (!auvi_lifecycle_is_destroyed(&views[i].lc))
                step(&views[i], &dice);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    uint64_t round;
    uintptr_t i;

    args = stress_start(argc, argv, 100);
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, run, (void *)i), 0);
    for (round = 0; round < args.rounds; round++) {
        memset(views, 0, sizeof(views));
        for (i = 0; i < BATCH; i++)
            auvi_lifecycle_init(&views[i].lc);
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        for (i = 0; i < BATCH; i++) {
            CHECK(views[i].entered[AUV_STATE_ACTIVE] <= 1);
            CHECK(views[i].entered[AUV_STATE_CLOSE_REQUESTED] <= 1);
            CHECK(views[i].entered[AUV_STATE_DESTROYING] <= 1);
            CHECK_EQ(views[i].entered[AUV_STATE_DESTROYED], 1);
        }
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    return 0;
}
