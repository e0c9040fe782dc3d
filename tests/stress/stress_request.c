/*
 * Eight threads add, answer, time out and close requests of a small table: each
 * request is ended exactly once, with the fields it was added with.
 */
#include "core/request.h"

#include <pthread.h>
#include <stdatomic.h>

#include "stress.h"

#define THREADS 8
#define STEPS 2000 /* per thread and round */
#define MINE 32    /* requests a thread remembers */
#define VIEWS 3

struct ask {
    uint32_t view;
    int64_t deadline_us;
    _Atomic uint32_t ended;
};

struct round {
    struct auvi_requests *table;
    uint64_t number;
    _Atomic int64_t now_us;
    _Atomic uint32_t timer_taken; /* take_expired: one thread at a time */
    _Atomic uint64_t published[THREADS]; /* an id of each thread, for others */
    _Atomic uint64_t added, ended;
};

struct worker {
    struct round *round;
    uint32_t index;
    struct ask asks[STEPS];
};

static struct stress_args args;
static struct worker workers[THREADS];

static void end(struct round *round, const struct auvi_request *request)
{
    struct ask *ask = request->user;

    CHECK_EQ(request->view, ask->view);
    CHECK_EQ(request->deadline_us, ask->deadline_us);
    CHECK_EQ(atomic_fetch_add(&ask->ended, 1), 0);
    atomic_fetch_add(&round->ended, 1);
}

static void time_passes(struct round *round, struct dice *dice)
{
    struct auvi_request out;
    int64_t now, next;

    if (atomic_exchange(&round->timer_taken, 1))
        return;
    now = atomic_fetch_add(&round->now_us, dice_below(dice, 4));
    while (auvi_requests_take_expired(round->table, now, &out, &next)) {
        CHECK(out.deadline_us <= now);
        end(round, &out);
    }
    atomic_store(&round->timer_taken, 0);
}

static void *run(void *arg)
{
    struct worker *me = arg;
    struct round *round = me->round;
    struct dice dice = dice_for(args.seed, round->number, me->index);
    uint64_t ids[MINE] = {0};
    uint32_t i;

    for (i = 0; i < STEPS; i++) {
        struct auvi_request request = {0};
        struct ask *ask = &me->asks[i];

        switch (dice_below(&dice, 8)) {
        case 0:
        case 1:
        case 2:
            ask->view = 1 + dice_below(&dice, VIEWS);
            ask->deadline_us =
                dice_below(&dice, 4) == 0
                    ? INT64_MAX
                    : atomic_load(&round->now_us) + dice_below(&dice, 50);
            atomic_store(&ask->ended, 0);
            request.view = ask->view;
            request.deadline_us = ask->deadline_us;
            request.user = ask;
            if (auvi_requests_add(round->table, &request) == AUV_OK) {
                ids[i % MINE] = request.id;
                atomic_store(&round->published[me->index], request.id);
                atomic_fetch_add(&round->added, 1);
            }
            break;
        case 3:
        case 4:
            if (auvi_requests_take(round->table, ids[dice_below(&dice, MINE)],
                                   &request))
                end(round, &request);
            break;
        case 5:
            if (auvi_requests_take(
                    round->table,
                    atomic_load(&round->published[dice_below(&dice, THREADS)]),
                    &request))
                end(round, &request);
            break;
        case 6:
            if (dice_below(&dice, 4) == 0)
                while (auvi_requests_take_view(
                    round->table, 1 + dice_below(&dice, VIEWS), &request))
                    end(round, &request);
            break;
        default:
            time_passes(round, &dice);
            break;
        }
    }
    return NULL;
}

static void run_round(uint64_t number)
{
    struct dice dice = dice_for(args.seed, number, 4000);
    struct round round = {.number = number};
    pthread_t threads[THREADS];
    struct auvi_request out;
    int64_t next;
    uint32_t i;

    CHECK_EQ(auvi_requests_create(1 + dice_below(&dice, 40), &round.table),
             AUV_OK);
    for (i = 0; i < THREADS; i++) {
        workers[i].round = &round;
        workers[i].index = i;
        CHECK_EQ(pthread_create(&threads[i], NULL, run, &workers[i]), 0);
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(auvi_requests_pending(round.table),
             atomic_load(&round.added) - atomic_load(&round.ended));
    /* The bound has missed nobody: all that have a deadline expire. */
    while (auvi_requests_take_expired(round.table, INT64_MAX - 1, &out, &next))
        end(&round, &out);
    CHECK_EQ(next, INT64_MAX);
    while (auvi_requests_take_view(round.table, 0, &out)) {
        CHECK_EQ(out.deadline_us, INT64_MAX);
        end(&round, &out);
    }
    CHECK_EQ(atomic_load(&round.added), atomic_load(&round.ended));
    CHECK_EQ(auvi_requests_pending(round.table), 0);
    auvi_requests_destroy(round.table);
}

int main(int argc, char **argv)
{
    uint64_t round;

    args = stress_start(argc, argv, 100);
    for (round = 0; round < args.rounds; round++)
        run_round(round);
    return 0;
}
