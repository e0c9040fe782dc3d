/*
 * test_mutex.c - the mutex excludes, and debug builds refuse what could become
 * a deadlock.
 */
#include "base/base.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_all.h"

static void test_word_shows_the_state(void **state)
{
    struct auvi_mutex mutex;

    (void)state;
    auvi_mutex_init(&mutex, AUVI_RANK_APP, "app");
    assert_int_equal(atomic_load(&mutex.word), 0);
    auvi_mutex_lock(&mutex);
    assert_int_equal(atomic_load(&mutex.word), 1);
    auvi_mutex_assert_held(&mutex);
    assert_false(auvi_mutex_try_lock(&mutex));
    auvi_mutex_unlock(&mutex);
    assert_int_equal(atomic_load(&mutex.word), 0);
    assert_true(auvi_mutex_try_lock(&mutex));
    auvi_mutex_unlock(&mutex);
}

/* ---- exclusion ---- */

enum {
    THREADS = 4,
    ROUNDS = 20000
};

static struct auvi_mutex shared_mutex;
static long shared_count; /* plain: TSan proves that the mutex orders it */

static void count_up(void *user)
{
    (void)user;
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 3 == 0) {
            while (!auvi_mutex_try_lock(&shared_mutex)) {
                auvi_mutex_lock(&shared_mutex);
                auvi_mutex_unlock(&shared_mutex);
            }
        } else {
            auvi_mutex_lock(&shared_mutex);
        }
        shared_count++;
        auvi_mutex_unlock(&shared_mutex);
    }
}

static void test_excludes(void **state)
{
    struct auvi_thread *threads[THREADS];

    (void)state;
    auvi_mutex_init(&shared_mutex, AUVI_RANK_LEAF, "shared");
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(
            auvi_thread_start(&threads[i], "counter", count_up, NULL), AUV_OK);
    for (int i = 0; i < THREADS; i++)
        auvi_thread_join(threads[i]);
    assert_int_equal(shared_count, THREADS * ROUNDS);
    assert_int_equal(atomic_load(&shared_mutex.word), 0);
}

static void lock_once(void *user)
{
    struct auvi_mutex *mutex = user;

    auvi_mutex_lock(mutex);
    auvi_mutex_unlock(mutex);
}

static void test_contention_is_counted(void **state)
{
    uint64_t before = auvi_mutex_contended_total();
    struct auvi_mutex mutex;
    struct auvi_thread *thread;

    (void)state;
    auvi_mutex_init(&mutex, AUVI_RANK_LEAF, "counted");
    auvi_mutex_lock(&mutex);
    auvi_mutex_unlock(&mutex);
    assert_true(auvi_mutex_contended_total() == before);
    auvi_mutex_lock(&mutex);
    auvi_thread_start(&thread, "second", lock_once, &mutex);
    /* The word tells when it waits. */
    while (atomic_load(&mutex.word) != 2)
        auvi_futex_wait(&mutex.word, 1, 1000);
    auvi_mutex_unlock(&mutex);
    auvi_thread_join(thread);
    assert_true(auvi_mutex_contended_total() == before + 1);
}

#ifndef NDEBUG
/* ---- the checker of debug builds ---- */

static struct auvi_mutex low;
static struct auvi_mutex low_too;
static struct auvi_mutex high;

/* What `fn` prints before it aborts; fails if it does not. */
static void expect_abort(void (*fn)(void), char *out, size_t size)
{
    int ends[2];
    int status;
    size_t used = 0;
    ssize_t got;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit no_core = {0, 0};

        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL); /* cmocka has its own */
        dup2(ends[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], out + used, size - 1 - used)) > 0)
        used += (size_t)got;
    out[used] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void lock_downwards(void)
{
    auvi_mutex_lock(&high);
    auvi_mutex_lock(&low);
}

static void lock_same_rank(void)
{
    auvi_mutex_lock(&low);
    auvi_mutex_lock(&low_too);
}

static void lock_twice(void)
{
    auvi_mutex_lock(&low);
    auvi_mutex_lock(&low);
}

static void unlock_free(void)
{
    auvi_mutex_unlock(&low);
}

static void assert_free(void)
{
    auvi_mutex_assert_held(&low);
}

static void lock_after_low_try(void)
{
    auvi_mutex_lock(&high);
    if (!auvi_mutex_try_lock(&low))
        return;
    /* `low` was taken last, but `high` is held as well. */
    auvi_mutex_lock(&low_too);
}

static void test_violations_abort(void **state)
{
    char text[1024];

    (void)state;
    auvi_mutex_init(&low, AUVI_RANK_APP, "low");
    auvi_mutex_init(&low_too, AUVI_RANK_APP, "low too");
    auvi_mutex_init(&high, AUVI_RANK_LEAF, "high");

    expect_abort(lock_downwards, text, sizeof(text));
    assert_non_null(strstr(text, "takes out of order \"low\" (rank "));
    assert_non_null(strstr(text, "holds \"high\" (rank "));
    assert_non_null(strstr(text, "test_mutex.c:"));
    expect_abort(lock_same_rank, text, sizeof(text));
    expect_abort(lock_twice, text, sizeof(text));
    assert_non_null(strstr(text, "takes again \"low\""));
    expect_abort(unlock_free, text, sizeof(text));
    expect_abort(assert_free, text, sizeof(text));
    expect_abort(lock_after_low_try, text, sizeof(text));
    assert_non_null(strstr(text, "holds \"high\""));
    assert_non_null(strstr(text, "holds \"low\""));
}

static void test_legal_orders_pass(void **state)
{
    (void)state;
    auvi_mutex_lock(&low);
    auvi_mutex_lock(&high);
    /* Freed in another order than taken. */
    auvi_mutex_unlock(&low);
    auvi_mutex_assert_held(&high);
    auvi_mutex_unlock(&high);
    /* try_lock cannot wait, so it needs no order. */
    auvi_mutex_lock(&high);
    assert_true(auvi_mutex_try_lock(&low));
    auvi_mutex_unlock(&high);
    auvi_mutex_unlock(&low);
    auvi_mutex_lock(&low_too);
    auvi_mutex_unlock(&low_too);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_word_shows_the_state),
        cmocka_unit_test(test_excludes),
        cmocka_unit_test(test_contention_is_counted),
#ifndef NDEBUG
        cmocka_unit_test(test_violations_abort),
        cmocka_unit_test(test_legal_orders_pass),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
