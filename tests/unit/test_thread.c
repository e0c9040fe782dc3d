/*
 * test_thread.c - threads, their numbers, and futexes.
 */
#include "base/base.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "cmocka_all.h"

struct facts {
    char name[32];
    sigset_t mask;
    uint64_t self;
};

static void collect_facts(void *user)
{
    struct facts *facts = user;

    pthread_getname_np(pthread_self(), facts->name, sizeof(facts->name));
    pthread_sigmask(SIG_SETMASK, NULL, &facts->mask);
    facts->self = auvi_thread_self();
    assert_true(facts->self == auvi_thread_self());
}

static void test_name_and_signal_mask(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGALRM};
    struct auvi_thread *thread;
    struct facts facts;
    sigset_t mine;

    (void)state;
    assert_int_equal(auvi_thread_start(&thread, "a-name-far-too-long",
                                       collect_facts, &facts),
                     AUV_OK);
    auvi_thread_join(thread);
    assert_string_equal(facts.name, "a-name-far-too-");
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        assert_int_equal(sigismember(&facts.mask, signals[i]), 1);
        assert_int_equal(sigismember(&mine, signals[i]), 0);
    }
    auvi_thread_join(NULL);
}

static void test_numbers_never_come_back(void **state)
{
    uint64_t last = auvi_thread_self();

    (void)state;
    assert_true(last != 0);
    for (int i = 0; i < 20; i++) {
        struct auvi_thread *thread;
        struct facts facts;

        auvi_thread_start(&thread, "numbered", collect_facts, &facts);
        auvi_thread_join(thread);
        assert_true(facts.self > last);
        last = facts.self;
    }
}

static void test_futex_sees_another_value(void **state)
{
    _Atomic uint32_t word = 5;

    (void)state;
    assert_int_equal(auvi_futex_wait(&word, 4, -1), AUV_OK);
}

static void test_futex_times_out(void **state)
{
    _Atomic uint32_t word = 5;
    int64_t start = auvi_clock_us();

    (void)state;
    assert_int_equal(auvi_futex_wait(&word, 5, 2000), AUV_ERR_TIMEOUT);
    assert_true(auvi_clock_us() - start >= 2000);
    assert_int_equal(auvi_futex_wait(&word, 5, 0), AUV_ERR_TIMEOUT);
}

/* ---- two threads hand a number back and forth ---- */

enum {
    ROUNDS = 2000,
    WAITERS = 4
};

static _Atomic uint32_t turn;
static _Atomic uint32_t released;
static _Atomic int through;

static void take_odd_turns(void *user)
{
    (void)user;
    for (uint32_t i = 1; i < ROUNDS; i += 2) {
        uint32_t now;

        while ((now = atomic_load(&turn)) != i)
            auvi_futex_wait(&turn, now, -1);
        atomic_store(&turn, i + 1);
        auvi_futex_wake_one(&turn);
    }
}

static void test_no_wake_is_lost(void **state)
{
    struct auvi_thread *thread;

    (void)state;
    auvi_thread_start(&thread, "odd", take_odd_turns, NULL);
    for (uint32_t i = 0; i < ROUNDS; i += 2) {
        uint32_t now;

        while ((now = atomic_load(&turn)) != i)
            auvi_futex_wait(&turn, now, -1);
        atomic_store(&turn, i + 1);
        auvi_futex_wake_one(&turn);
    }
    auvi_thread_join(thread);
    assert_int_equal(atomic_load(&turn), ROUNDS);
}

static void wait_for_release(void *user)
{
    (void)user;
    while (atomic_load(&released) == 0)
        auvi_futex_wait(&released, 0, -1);
    atomic_fetch_add(&through, 1);
}

static void test_wake_all(void **state)
{
    struct auvi_thread *threads[WAITERS];

    (void)state;
    for (int i = 0; i < WAITERS; i++)
        auvi_thread_start(&threads[i], "waiter", wait_for_release, NULL);
    atomic_store(&released, 1);
    auvi_futex_wake_all(&released);
    for (int i = 0; i < WAITERS; i++)
        auvi_thread_join(threads[i]);
    assert_int_equal(atomic_load(&through), WAITERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name_and_signal_mask),
        cmocka_unit_test(test_numbers_never_come_back),
        cmocka_unit_test(test_futex_sees_another_value),
        cmocka_unit_test(test_futex_times_out),
        cmocka_unit_test(test_no_wake_is_lost),
        cmocka_unit_test(test_wake_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
