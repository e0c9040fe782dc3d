/* The table of requests: one taker each, a late answer against reuse of the
 * slot, the free list, the bound of the nearest deadline. */
#include "explore.h"

#include "model_base.h"

#include "core/request.c"

struct ask {
    _Atomic uint32_t data; /* relaxed: only the table orders it */
    uint64_t id;
    int ended;
};

static struct auvi_requests *table;
static struct ask *asks;
static int64_t next_us;

static void make(size_t capacity)
{
    auvi_requests_create(capacity, &table);
    asks = model_alloc(sizeof(*asks) * 6);
    model_ignore(&table->pending);
}

static int add(int number, uint32_t view, int64_t deadline_us)
{
    struct auvi_request request = {.view = view, .deadline_us = deadline_us};
    int added;

    request.user = &asks[number];
    atomic_store_explicit(&asks[number].data, 7 + (uint32_t)number,
                          memory_order_relaxed);
    added = auvi_requests_add(table, &request);
    asks[number].id = request.id;
    return added;
}

/* Whoever wins a request has all of it, and is the only one. */
static void end(const struct auvi_request *request)
{
    struct ask *ask = request->user;

    MODEL_CHECK(ask >= asks && ask < asks + 6);
    MODEL_CHECK(request->id == ask->id || ask->id == 0);
    MODEL_CHECK(request->view == (uint32_t)(ask - asks) + 1);
    MODEL_CHECK(atomic_load_explicit(&ask->data, memory_order_relaxed) ==
                7 + (uint32_t)(ask - asks));
    MODEL_CHECK(ask->ended++ == 0);
}

static bool take(uint64_t id)
{
    struct auvi_request request;

    if (!auvi_requests_take(table, id, &request))
        return false;
    MODEL_CHECK(request.id == id);
    end(&request);
    return true;
}

static bool take_expired(void)
{
    struct auvi_request request;

    if (!auvi_requests_take_expired(table, 10, &request, &next_us))
        return false;
    MODEL_CHECK(request.deadline_us <= 10);
    end(&request);
    return true;
}

/* ---- many ends of one request ---- */

static void make_one(void)
{
    make(1);
    add(0, 1, 5);
}

static void end_it(int index)
{
    struct auvi_request request;

    if (index == 0)
        take(asks[0].id);
    else if (index == 1)
        take_expired();
    else if (auvi_requests_take_view(table, 1, &request))
        end(&request);
}

static void ended_once(void)
{
    MODEL_CHECK(asks[0].ended == 1);
}

/* ---- an answer to an old request, its slot in use again ---- */

static void reuse(int index)
{
    uint64_t old = asks[0].id;

    if (index == 0) {
        take(old);
        add(1, 2, INT64_MAX);
    } else {
        take(old);
    }
}

static void new_one_stays(void)
{
    MODEL_CHECK(asks[0].ended == 1);
    MODEL_CHECK(asks[1].ended == 0);
    if (asks[1].id != 0)
        MODEL_CHECK(take(asks[1].id));
}

/* ---- an adder, and a closer that finds the request by its view ---- */

static void make_empty(void)
{
    make(2);
}

static void find_by_view(int index)
{
    struct auvi_request request;

    if (index == 0)
        add(0, 1, INT64_MAX);
    else if (auvi_requests_take_view(table, 1, &request))
        end(&request);
}

/* An answer to a number that nobody was given: a hostile page guesses. */
static void guess(int index)
{
    if (index == 0)
        add(0, 1, INT64_MAX);
    else
        take(1 << ID_SLOT_BITS);
}

/* A closer of the view that had the slot before. */
static void close_the_old(int index)
{
    struct auvi_request request;

    if (index == 0)
        take(asks[0].id);
    else if (index == 1)
        add(1, 2, INT64_MAX);
    else if (auvi_requests_take_view(table, 1, &request)) {
        MODEL_CHECK(request.view == 1);
        end(&request);
    }
}

/* The slot goes from hand to hand: what the last owner left must be seen. */
static void hand_over(int index)
{
    struct auvi_request request;

    if (index == 0)
        take(asks[0].id);
    else if (index == 1)
        add(1, 2, INT64_MAX);
    else if (auvi_requests_take_view(table, 2, &request))
        end(&request);
}

/* ---- the free list ---- */

static void make_two_free(void)
{
    make(2);
    add(0, 1, INT64_MAX);
    add(1, 2, INT64_MAX);
    take(asks[0].id);
    take(asks[1].id);
    asks[0].ended = asks[1].ended = 0;
    asks[0].id = asks[1].id = 0;
}

/* A pop that is overtaken by two and a push of the same slot. */
static void overtaken(int index)
{
    if (index == 0) {
        add(0, 1, INT64_MAX);
    } else {
        add(1, 2, INT64_MAX);
        add(2, 3, INT64_MAX);
        if (asks[1].id != 0)
            take(asks[1].id);
    }
}

static void no_slot_twice(void)
{
    struct auvi_request request;
    int added = 0, ended = 0, i;

    for (i = 0; i < 3; i++) {
        added += asks[i].id != 0;
        ended += asks[i].ended;
    }
    while (auvi_requests_take_view(table, 0, &request)) {
        end(&request);
        ended++;
    }
    MODEL_CHECK(ended == added);
    /* Both slots are in the list, each once. */
    MODEL_CHECK(add(3, 4, INT64_MAX) == AUV_OK);
    MODEL_CHECK(add(4, 5, INT64_MAX) == AUV_OK);
    MODEL_CHECK(add(5, 6, INT64_MAX) == AUV_ERR_QUEUE_FULL);
}

/* ---- the nearest deadline ---- */

/* The bound is due, its request has ended: the scan will reset it. */
static void make_due(void)
{
    make(2);
    add(5, 6, 1);
    take(asks[5].id);
}

static void add_in_scan(int index)
{
    if (index == 0)
        take_expired();
    else
        add(index - 1, (uint32_t)index, 5);
}

/* The same, where the adder must open a slot: the first is in use. */
static void make_due_new(void)
{
    make_due();
    add(4, 5, INT64_MAX);
}

static void add_later_ones(int index)
{
    add(index, (uint32_t)index + 1, 20 + 10 * index);
}

static void nearest_is_known(void)
{
    MODEL_CHECK(!take_expired());
    MODEL_CHECK(next_us <= 20);
}

static void bound_holds(void)
{
    int i;

    while (take_expired())
        ;
    for (i = 0; i < 2; i++)
        MODEL_CHECK(asks[i].id == 0 || asks[i].ended == 1);
    MODEL_CHECK(next_us == INT64_MAX);
}

int main(int argc, char **argv)
{
    static const struct model models[] = {
        {"request: answer, deadline and close", 3, make_one, end_it,
         ended_once},
        {"request: a late answer against reuse", 2, make_one, reuse,
         new_one_stays},
        {"request: two late answers against reuse", 3, make_one, reuse,
         new_one_stays},
        {"request: found by its view", 3, make_empty, find_by_view, NULL},
        {"request: a guessed number", 2, make_empty, guess, NULL},
        {"request: a close of the slot's old view", 3, make_one, close_the_old,
         NULL},
        {"request: two deadlines at once", 2, make_empty, add_later_ones,
         nearest_is_known},
        {"request: a slot from hand to hand", 3, make_one, hand_over, NULL},
        {"request: a pop that is overtaken", 2, make_two_free, overtaken,
         no_slot_twice},
        {"request: added in a scan, slot used before", 2, make_due, add_in_scan,
         bound_holds},
        {"request: added in a scan, slot opened", 2, make_due_new, add_in_scan,
         bound_holds},
        {"request: two added in a scan", 3, make_due, add_in_scan, bound_holds},
    };

    return model_main(models, sizeof(models) / sizeof(*models), argc, argv);
}
