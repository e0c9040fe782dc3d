/*
 * explore.c - depth-first search over schedules and over what each load may see.
 *
 * Threads are fibers; each stops before an atomic operation. An execution is a
 * list of choices (which thread, which message a load reads, where a store goes
 * in the modification order); the search replays a prefix and takes the next
 * choice at the last place that has one left.
 *
 * MEMORY. A location is the list of its messages in modification order. A
 * thread's view says, per location, the oldest message it may still read. A
 * message written with release carries the writer's view; a load with acquire
 * joins it; a read-modify-write carries on the view of what it read (release
 * sequence). A sequentially consistent access may not go before the last
 * sequentially consistent store of its location. This is RC11 without its
 * fences (the sources use none) and without load buffering, which RC11 forbids.
 *
 * PRUNING. Sleep sets (Godefroid): two steps of different threads commute if
 * their locations differ or both only load. A load that stood ready before
 * another thread wrote to its location need not read an older message after
 * that: to have read it before the write is the same, and is explored too. So it
 * reads only what has come since. Nothing is lost by either.
 */
#define MODEL_IMPLEMENTATION
#include "explore.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

enum {
    MAX_THREADS = 4,
    MAX_LOCATIONS = 96,
    MAX_MESSAGES = 64,
    MAX_STEPS = 4000,
    MAX_YIELDS = 2, /* then a thread waits until nobody else can move */
    STACK = 256 * 1024,
    ARENA = 1 << 20
};

typedef uint8_t view_t[MAX_LOCATIONS]; /* message number per location */

struct message {
    uint64_t value;
    view_t view;
    bool read_by_rmw; /* the next in order is a read-modify-write of this one */
};

struct location {
    const volatile void *address;
    bool ignored;
    int count;
    int wakes;                   /* futex */
    uint8_t order[MAX_MESSAGES]; /* rank -> message number */
    uint8_t rank[MAX_MESSAGES];  /* message number -> rank */
    struct message messages[MAX_MESSAGES];
    uint8_t last_sc;
};

enum step_kind {
    STEP_LOAD,
    STEP_WRITE,
    STEP_WAIT,
    STEP_FUTEX,
    STEP_YIELD,
    STEP_DONE
};

struct step {
    enum step_kind kind;
    int location;
    uint64_t since; /* STEP_YIELD: writes seen; STEP_FUTEX: wakes */
    int fresh;      /* STEP_LOAD: messages from this number on */
};

struct thread {
    ucontext_t start; /* once; then jumps, which need no system call */
    jmp_buf context;
    bool started;
    int yields;
    char *stack;
    struct step next;
    view_t view;
};

/* -- the search -- */
struct choice {
    bool is_schedule;
    int taken, count;
    unsigned enabled; /* schedule: threads */
    unsigned asleep;  /* schedule: at entry, and those already explored */
};
static struct choice choices[MAX_STEPS];
static int depth, replay;

/* -- one execution -- */
static const struct model *model;
static struct thread threads[MAX_THREADS];
static struct location locations[MAX_LOCATIONS];
static int location_count;
static uint64_t writes;
static int current; /* -1: init and finish, which see the latest of all */
static jmp_buf scheduler;
static char arena[ARENA] __attribute__((aligned(256)));
static size_t arena_used;
static const char *failure;
static bool redundant; /* this execution is explored elsewhere */
static bool tracing;

/* -- known from all executions so far: addresses are always the same -- */
struct access {
    const volatile void *address;
    unsigned loaders, writers; /* threads */
};
static struct access accesses[MAX_LOCATIONS];
static int access_count;
static bool learned; /* something new: the search must start again */

static const void *ignored_addresses[16];
static int ignored_count;

void *model_alloc(size_t size)
{
    void *p = arena + arena_used;

    arena_used += (size + 255) & ~(size_t)255;
    if (arena_used > ARENA)
        abort();
    memset(p, 0, size);
    return p;
}

void model_fail(const char *what)
{
    failure = what;
    _longjmp(scheduler, 1);
}

void model_ignore(const volatile void *address)
{
    ignored_addresses[ignored_count++] = (const void *)(uintptr_t)address;
}

static int choose(int count)
{
    if (depth == MAX_STEPS) {
        fprintf(stderr, "%s: an execution without end\n", model->name);
        abort();
    }
    if (depth == replay) {
        choices[depth] = (struct choice){.count = count};
        replay++;
    }
    return choices[depth++].taken;
}

static int find(const volatile void *p, size_t size)
{
    struct location *l;
    int i;

    for (i = 0; i < location_count; i++)
        if (locations[i].address == p)
            return i;
    if (location_count == MAX_LOCATIONS)
        abort();
    l = &locations[location_count++];
    memset(l, 0, offsetof(struct location, messages));
    memset(&l->messages[0], 0, sizeof(l->messages[0]));
    l->address = p;
    l->count = 1;
    memcpy(&l->messages[0].value, (const void *)(uintptr_t)p, size);
    for (i = 0; i < ignored_count; i++)
        l->ignored |= ignored_addresses[i] == p;
    return location_count - 1;
}

static void join(view_t into, const view_t from)
{
    int i;

    for (i = 0; i < location_count; i++)
        if (locations[i].rank[from[i]] > locations[i].rank[into[i]])
            into[i] = from[i];
}

static bool is_acquire(memory_order order)
{
    return order == memory_order_acquire || order == memory_order_acq_rel ||
           order == memory_order_seq_cst || order == memory_order_consume;
}

static bool is_release(memory_order order)
{
    return order == memory_order_release || order == memory_order_acq_rel ||
           order == memory_order_seq_cst;
}

/* True if the access concerns nobody else, in any execution: such a one is no
 * step, as it commutes with all that others do. */
static bool is_private(enum step_kind kind, int location)
{
    const volatile void *address = locations[location].address;
    unsigned me = 1u << current;
    struct access *a;
    int i;

    for (i = 0; i < access_count && accesses[i].address != address; i++)
        ;
    a = &accesses[i];
    if (i == access_count) {
        *a = (struct access){.address = address};
        access_count++;
    }
    if (kind == STEP_LOAD) {
        learned |= !(a->loaders & me) && (a->writers & ~me);
        a->loaders |= me;
        return !(a->writers & ~me);
    }
    learned |= !(a->writers & me) && ((a->writers | a->loaders) & ~me);
    a->writers |= me;
    return !((a->writers | a->loaders) & ~me);
}

/* Stop before the step; the scheduler comes back when it is chosen. */
static void announce(enum step_kind kind, int location)
{
    struct thread *self = &threads[current];

    if (kind <= STEP_WRITE && is_private(kind, location))
        return;
    self->next = (struct step){kind, location, writes, 0};
    if (_setjmp(self->context) == 0)
        _longjmp(scheduler, 1);
}

static void trace(const char *what, int location, uint64_t value, int rank)
{
    if (tracing)
        printf("    thread %d  %-8s [%2d] %s %#lx (message %d of %d)\n",
               current, what, location, what[0] == 'l' ? "->" : "=",
               (unsigned long)value, rank, locations[location].count - 1);
}

/* Oldest rank this access may refer to. */
static int floor_rank(const struct location *l, int location,
                      memory_order order)
{
    int floor = l->rank[threads[current].view[location]];

    if (order == memory_order_seq_cst && l->rank[l->last_sc] > floor)
        floor = l->rank[l->last_sc];
    return floor;
}

static uint64_t latest(const struct location *l)
{
    return l->messages[l->order[l->count - 1]].value;
}

static void see(int location, int message, memory_order order)
{
    struct location *l = &locations[location];
    struct thread *self = &threads[current];

    if (l->rank[message] > l->rank[self->view[location]])
        self->view[location] = (uint8_t)message;
    if (is_acquire(order))
        join(self->view, l->messages[message].view);
}

/* New message after rank `after`; its number. */
static int insert(int location, int after, uint64_t value, memory_order order,
                  const struct message *read)
{
    struct location *l = &locations[location];
    int number = l->count;
    struct message *m = &l->messages[number];
    int i;

    if (number == MAX_MESSAGES)
        abort();
    for (i = l->count; i > after + 1; i--) {
        l->order[i] = l->order[i - 1];
        l->rank[l->order[i]] = (uint8_t)i;
    }
    l->order[after + 1] = (uint8_t)number;
    l->rank[number] = (uint8_t)(after + 1);
    l->count++;
    writes++;

    memset(m, 0, sizeof(*m));
    m->value = value;
    if (read)
        memcpy(m->view, read->view, sizeof(m->view));
    if (current >= 0) {
        threads[current].view[location] = (uint8_t)number;
        if (is_release(order))
            join(m->view, threads[current].view);
    }
    m->view[location] = (uint8_t)number;
    if (order == memory_order_seq_cst)
        l->last_sc = (uint8_t)number;
    return number;
}

void model_init(volatile void *p, size_t size, uint64_t value)
{
    int location = find(p, size);

    locations[location].messages[locations[location].order[0]].value = value;
}

uint64_t model_load(const volatile void *p, size_t size, memory_order order)
{
    int location = find(p, size);
    struct location *l = &locations[location];
    int candidates[MAX_MESSAGES];
    int count = 0, floor, rank;

    if (current < 0 || l->ignored)
        return latest(l);
    threads[current].next.fresh = 0;
    announce(STEP_LOAD, location);
    floor = floor_rank(l, location, order);
    /* Newest first: the sequentially consistent run comes first. */
    for (rank = l->count - 1; rank >= floor; rank--)
        if (l->order[rank] >= threads[current].next.fresh)
            candidates[count++] = rank;
    if (count == 0) { /* only old ones, explored elsewhere */
        redundant = true;
        _longjmp(scheduler, 1);
    }
    rank = candidates[count > 1 ? choose(count) : 0];
    see(location, l->order[rank], order);
    trace("load", location, l->messages[l->order[rank]].value, rank);
    return l->messages[l->order[rank]].value;
}

void model_store(volatile void *p, size_t size, uint64_t value,
                 memory_order order)
{
    int location = find(p, size);
    struct location *l = &locations[location];
    int candidates[MAX_MESSAGES];
    int count = 0, rank, floor;

    if (current < 0 || l->ignored) {
        insert(location, l->count - 1, value, memory_order_seq_cst, NULL);
        return;
    }
    announce(STEP_WRITE, location);
    floor = floor_rank(l, location, order);
    for (rank = l->count - 1; rank >= floor; rank--)
        if (!l->messages[l->order[rank]].read_by_rmw)
            candidates[count++] = rank;
    rank = candidates[count > 1 ? choose(count) : 0];
    insert(location, rank, value, order, NULL);
    trace("store", location, value, rank + 1);
}

uint64_t model_rmw(volatile void *p, size_t size, enum model_rmw op,
                   uint64_t operand, memory_order order)
{
    int location = find(p, size);
    struct location *l = &locations[location];
    uint64_t old, new_value;
    int candidates[MAX_MESSAGES];
    int count = 0, rank, floor, message;

    if (current >= 0 && !l->ignored) {
        announce(STEP_WRITE, location);
        floor = floor_rank(l, location, order);
        for (rank = l->count - 1; rank >= floor; rank--)
            if (!l->messages[l->order[rank]].read_by_rmw)
                candidates[count++] = rank;
        rank = candidates[count > 1 ? choose(count) : 0];
    } else {
        rank = l->count - 1;
    }
    message = l->order[rank];
    old = l->messages[message].value;
    if (current >= 0 && !l->ignored)
        see(location, message, order);
    switch (op) {
    case MODEL_ADD:
        new_value = old + operand;
        break;
    case MODEL_SUB:
        new_value = old - operand;
        break;
    case MODEL_OR:
        new_value = old | operand;
        break;
    default:
        new_value = operand;
        break;
    }
    if (size < 8)
        new_value &= ((uint64_t)1 << (8 * size)) - 1;
    if (l->ignored) { /* one message for ever: it would only fill up */
        l->messages[message].value = new_value;
        return old;
    }
    l->messages[message].read_by_rmw = true;
    insert(location, rank, new_value, order, &l->messages[message]);
    if (current >= 0)
        trace("rmw", location, new_value, rank + 1);
    return old;
}

bool model_cas(volatile void *p, size_t size, uint64_t *expected,
               uint64_t desired, memory_order success, memory_order failure_)
{
    int location = find(p, size);
    struct location *l = &locations[location];
    int candidates[MAX_MESSAGES];
    int count = 0, rank, floor, message;
    bool equal;

    if (current < 0 || l->ignored) {
        message = l->order[l->count - 1];
        equal = l->messages[message].value == *expected;
        *expected = l->messages[message].value;
        if (equal)
            l->messages[message].value = desired;
        return equal;
    }
    announce(STEP_WRITE, location);
    floor = floor_rank(l, location, success);
    for (rank = l->count - 1; rank >= floor; rank--) {
        message = l->order[rank];
        equal = l->messages[message].value == *expected;
        if (!equal || !l->messages[message].read_by_rmw)
            candidates[count++] = rank;
    }
    rank = candidates[count > 1 ? choose(count) : 0];
    message = l->order[rank];
    equal = l->messages[message].value == *expected;
    *expected = l->messages[message].value;
    if (!equal) {
        see(location, message, failure_);
        trace("load/cas", location, *expected, rank);
        return false;
    }
    see(location, message, success);
    l->messages[message].read_by_rmw = true;
    insert(location, rank, desired, success, &l->messages[message]);
    trace("cas", location, desired, rank + 1);
    return true;
}

void model_signal(_Atomic uint32_t *event)
{
    model_rmw(event, sizeof(*event), MODEL_ADD, 1, memory_order_acq_rel);
}

void model_clear(_Atomic uint32_t *event)
{
    model_rmw(event, sizeof(*event), MODEL_XCHG, 0, memory_order_acq_rel);
}

void model_wait(_Atomic uint32_t *event)
{
    announce(STEP_WAIT, find(event, sizeof(*event)));
    model_clear(event);
}

void model_poll(_Atomic uint32_t *event)
{
    announce(STEP_WAIT, find(event, sizeof(*event)));
}

void model_futex_wait(_Atomic uint32_t *word, uint32_t expected)
{
    int location = find(word, sizeof(*word));
    struct thread *self = &threads[current];

    /* The kernel compares and falls asleep in one step. */
    announce(STEP_WRITE, location);
    if (latest(&locations[location]) != expected)
        return;
    self->next = (struct step){STEP_FUTEX, location,
                               (uint64_t)locations[location].wakes, 0};
    if (_setjmp(self->context) == 0)
        _longjmp(scheduler, 1);
}

void model_futex_wake(_Atomic uint32_t *word)
{
    int location = find(word, sizeof(*word));

    if (current >= 0)
        announce(STEP_WRITE, location);
    locations[location].wakes++;
    writes++;
}

void model_yield(void)
{
    struct thread *self = &threads[current];
    int i;

    self->yields++;
    announce(STEP_YIELD, -1);
    for (i = 0; i < location_count; i++)
        self->view[i] = locations[i].order[locations[i].count - 1];
}

/* ---- schedules ---- */

static bool is_enabled(const struct thread *thread)
{
    switch (thread->next.kind) {
    case STEP_WAIT:
        return latest(&locations[thread->next.location]) != 0;
    case STEP_FUTEX:
        return (uint64_t)locations[thread->next.location].wakes !=
               thread->next.since;
    case STEP_YIELD: {
        int i;

        if (writes != thread->next.since)
            return true;
        for (i = 0; i < location_count; i++)
            if (thread->view[i] != locations[i].order[locations[i].count - 1])
                return true;
        return false;
    }
    case STEP_DONE:
        return false;
    default:
        return true;
    }
}

static bool commute(const struct step *a, const struct step *b)
{
    /* A yield looks at everything. */
    if (a->kind == STEP_YIELD || b->kind == STEP_YIELD)
        return false;
    if (a->location != b->location)
        return true;
    return a->kind == STEP_LOAD && b->kind == STEP_LOAD;
}

static void fiber(int index)
{
    model->thread(index);
    threads[index].next.kind = STEP_DONE;
    _longjmp(scheduler, 1);
}

static void run_until_stop(int index)
{
    struct thread *t = &threads[index];

    current = index;
    if (_setjmp(scheduler) == 0) {
        if (t->started)
            _longjmp(t->context, 1);
        t->started = true;
        setcontext(&t->start);
    }
    current = -1;
}

/* One execution. False: it was cut, as an equivalent one is explored. */
static bool execute(void)
{
    volatile unsigned asleep = 0;
    int i;

    depth = 0;
    location_count = 0;
    ignored_count = 0;
    arena_used = 0;
    writes = 0;
    failure = NULL;
    redundant = false;
    current = -1;
    model->init();
    for (i = 0; i < model->threads; i++) {
        struct thread *t = &threads[i];

        memset(t->view, 0, sizeof(t->view));
        t->started = false;
        t->yields = 0;
        getcontext(&t->start);
        t->start.uc_stack.ss_sp = t->stack;
        t->start.uc_stack.ss_size = STACK;
        t->start.uc_link = NULL;
        makecontext(&t->start, (void (*)(void))fiber, 1, i);
    }
    /* What init has stored is what everybody sees at least. */
    for (i = 0; i < model->threads; i++) {
        int j;

        for (j = 0; j < location_count; j++)
            threads[i].view[j] = locations[j].order[locations[j].count - 1];
    }
    for (i = 0; i < model->threads && !failure; i++)
        run_until_stop(i);

    while (!failure) {
        unsigned enabled = 0, unfinished = 0, patient = 0, candidates;
        struct choice *c;

        for (i = 0; i < model->threads; i++) {
            const struct thread *t = &threads[i];

            unfinished |= t->next.kind != STEP_DONE ? 1u << i : 0;
            enabled |= is_enabled(t) ? 1u << i : 0;
            if (t->next.kind == STEP_YIELD && t->yields > MAX_YIELDS)
                patient |= 1u << i;
        }
        if (enabled & ~patient)
            enabled &= ~patient;
        if (!unfinished)
            break;
        if (!enabled) {
            failure = "all threads sleep: a wake was lost";
            break;
        }
        if (depth == MAX_STEPS) {
            fprintf(stderr, "%s: an execution without end\n", model->name);
            abort();
        }
        if (depth == replay) {
            candidates = enabled & ~asleep;
            for (i = 0; i < model->threads; i++)
                if (threads[i].next.kind == STEP_LOAD &&
                    threads[i].next.fresh >=
                        locations[threads[i].next.location].count)
                    candidates &= ~(1u << i);
            if (!candidates)
                return false;
            choices[depth] = (struct choice){
                .is_schedule = true,
                .taken = __builtin_ctz(candidates),
                .enabled = candidates,
                .asleep = asleep,
            };
            replay++;
        }
        c = &choices[depth++];
        asleep = 0;
        for (i = 0; i < model->threads; i++)
            if ((c->asleep & 1u << i) &&
                commute(&threads[i].next, &threads[c->taken].next))
                asleep |= 1u << i;
        if (threads[c->taken].next.kind != STEP_LOAD)
            for (i = 0; i < model->threads; i++)
                if (i != c->taken && threads[i].next.kind == STEP_LOAD &&
                    threads[i].next.location == threads[c->taken].next.location)
                    threads[i].next.fresh =
                        locations[threads[i].next.location].count;
        run_until_stop(c->taken);
        if (redundant)
            return false;
    }
    current = -1;
    if (!failure && model->finish && _setjmp(scheduler) == 0)
        model->finish();
    return true;
}

/* Next list of choices; false: all done. */
static bool advance(void)
{
    while (replay > 0) {
        struct choice *c = &choices[replay - 1];

        if (c->is_schedule) {
            unsigned rest;

            c->asleep |= 1u << c->taken;
            rest = c->enabled & ~c->asleep;
            if (rest) {
                c->taken = __builtin_ctz(rest);
                return true;
            }
        } else if (++c->taken < c->count) {
            return true;
        }
        replay--;
    }
    return false;
}

bool model_explore(const struct model *what)
{
    unsigned long executions = 0, cut = 0;
    int i;

    model = what;
    replay = 0;
    access_count = 0;
    for (i = 0; i < model->threads; i++)
        if (!threads[i].stack)
            threads[i].stack = malloc(STACK);
    do {
        learned = false;
        if (execute())
            executions++;
        else
            cut++;
        if (learned && !failure) {
            replay = 0;
            executions = cut = 0;
            continue;
        }
        if (failure) {
            printf("%-44s FAILS in execution %lu: %s\n", model->name,
                   executions, failure);
            if (!tracing && getenv("MODEL_TRACE")) {
                tracing = true;
                execute();
                tracing = false;
            }
            return false;
        }
    } while (learned || advance());
    printf("%-44s %lu executions (%lu cut): correct\n", model->name, executions,
           cut);
    return true;
}

int model_main(const struct model *models, size_t count, int argc, char **argv)
{
    size_t i;
    int j;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (i = 0; i < count; i++) {
        bool wanted = argc < 2;

        for (j = 1; j < argc; j++)
            wanted |= (size_t)atoi(argv[j]) == i;
        if (wanted && !model_explore(&models[i]))
            return 1;
    }
    return 0;
}
