/* Racing steps of one view: one winner each, none lost, data handed on. */
#include "explore.h"

#include "core/lifecycle.c"

#include <stdio.h>

static struct auvi_lifecycle *lc;
static _Atomic uint32_t *note; /* what the closer did before its step */
static enum auvi_step closed[3], activated[3];

static void init(void)
{
    lc = model_alloc(sizeof(*lc));
    note = model_alloc(sizeof(*note));
    auvi_lifecycle_init(lc);
    memset(closed, 0, sizeof(closed));
    memset(activated, 0, sizeof(activated));
}

static void race(int index)
{
    auv_close_reason reason;

    if (index == 0) {
        activated[0] = auvi_lifecycle_activate(lc);
        return;
    }
    atomic_store_explicit(note, 1, memory_order_relaxed);
    closed[index] = auvi_lifecycle_request_close(
        lc, index == 1 ? AUV_CLOSE_USER : AUV_CLOSE_APP);
    MODEL_CHECK(auvi_lifecycle_state(lc, &reason) >= AUV_STATE_CLOSE_REQUESTED);
    MODEL_CHECK(reason == AUV_CLOSE_USER || reason == AUV_CLOSE_APP);
    if (closed[index] == AUVI_STEP_SUCCESS)
        MODEL_CHECK(reason == (index == 1 ? AUV_CLOSE_USER : AUV_CLOSE_APP));
}

static void one_close(void)
{
    MODEL_CHECK((closed[1] == AUVI_STEP_SUCCESS) +
                    (closed[2] == AUVI_STEP_SUCCESS) ==
                1);
    MODEL_CHECK(auvi_lifecycle_state(lc, NULL) == AUV_STATE_CLOSE_REQUESTED);
}

static void hand_over(int index)
{
    auv_close_reason reason;

    if (index == 0) {
        atomic_store_explicit(note, 7, memory_order_relaxed);
        auvi_lifecycle_begin_destroy(lc, AUV_CLOSE_USER);
    } else if (index == 1) {
        if (auvi_lifecycle_state(lc, &reason) == AUV_STATE_DESTROYING &&
            reason == AUV_CLOSE_USER)
            MODEL_CHECK(atomic_load_explicit(note, memory_order_relaxed) == 7);
    } else if (auvi_lifecycle_begin_destroy(lc, AUV_CLOSE_APP) ==
               AUVI_STEP_ALREADY) {
        /* The loser too sees what the winner did before. */
        MODEL_CHECK(atomic_load_explicit(note, memory_order_relaxed) == 7);
    }
}

int main(int argc, char **argv)
{
    static const struct model models[] = {
        {"lifecycle: activate, close, close", 3, init, race, one_close},
        {"lifecycle: a step publishes", 3, init, hand_over, NULL},
    };

    return model_main(models, sizeof(models) / sizeof(*models), argc, argv);
}
