/*
 * test_core_faults.c - every allocation and descriptor of the core's parts fails
 * in turn: the error is clear, nothing is left behind, and the next try works.
 *
 * The calls are taken over by the linker. Names for --wrap, on one line:
 * wrap: malloc calloc aligned_alloc free eventfd
 */
#include "core/processor.h"
#include "core/queue.h"
#include "core/request.h"
#include "core/wake.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/base.h"
#include "cmocka_all.h"

/* ---- the fault: the call number `fail_at` (from 1) of those below ---- */

static int calls, fail_at; /* fail_at 0: none */
static int blocks;         /* allocated here and not freed */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *p);
int __real_eventfd(unsigned count, int flags);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *p);
int __wrap_eventfd(unsigned count, int flags);

static void *count_block(void *p)
{
    blocks += p != NULL;
    return p;
}

void *__wrap_malloc(size_t size)
{
    return ++calls == fail_at ? NULL : count_block(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return ++calls == fail_at ? NULL : count_block(__real_calloc(count, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return ++calls == fail_at
               ? NULL
               : count_block(__real_aligned_alloc(alignment, size));
}

void __wrap_free(void *p)
{
    blocks -= p != NULL;
    __real_free(p);
}

int __wrap_eventfd(unsigned count, int flags)
{
    if (++calls == fail_at) {
        errno = EMFILE;
        return -1;
    }
    return __real_eventfd(count, flags);
}

/* The lowest free descriptor: the same again when none is left open. */
static int next_descriptor(void)
{
    int fd = dup(STDERR_FILENO);

    assert_true(fd >= 0);
    close(fd);
    return fd;
}

/* Fails each call of create() in turn until one try meets no fault. `create`
 * returns an error, or AUV_OK and then has destroyed what it made. */
static void fail_each(int (*create)(void), int expected_calls)
{
    int descriptor = next_descriptor();
    int n;

    for (n = 1;; n++) {
        int result;

        calls = blocks = 0;
        fail_at = n;
        result = create();
        fail_at = 0;
        assert_int_equal(blocks, 0);
        assert_int_equal(next_descriptor(), descriptor);
        if (result == AUV_OK)
            break;
        assert_true(result == AUV_ERR_NOMEM || result == AUV_ERR_SYSTEM);
        assert_true(auv_last_error_message()[0] != '\0');
    }
    assert_int_equal(n, expected_calls + 1);
}

static int create_queue(void)
{
    struct auvi_queue *queue = (struct auvi_queue *)&calls;
    int result = auvi_queue_create(100, &queue);

    if (result < 0) {
        assert_null(queue);
        return result;
    }
    /* No push and no pop allocates. */
    calls = 0;
    assert_int_equal(auvi_queue_push(queue, AUVI_LOW, &calls), 1);
    assert_int_equal(auvi_queue_push_reserved(queue, &blocks), 0);
    assert_ptr_equal(auvi_queue_pop(queue), &blocks);
    assert_ptr_equal(auvi_queue_pop(queue), &calls);
    assert_int_equal(calls, 0);
    auvi_queue_destroy(queue);
    return AUV_OK;
}

static int create_wake(void)
{
    static const struct auvi_wake_config config = {.immediate_wake = true};
    struct auvi_wake *wake = (struct auvi_wake *)&calls;
    int result = auvi_wake_create(&config, NULL, NULL, &wake);

    if (result < 0) {
        assert_null(wake);
        return result;
    }
    calls = 0;
    auvi_wake_notify(wake, 1, AUVI_LOW);
    auvi_wake_clear(wake);
    assert_int_equal(calls, 0);
    auvi_wake_destroy(wake);
    return AUV_OK;
}

static int create_requests(void)
{
    struct auvi_requests *requests = (struct auvi_requests *)&calls;
    struct auvi_request request = {.view = 1, .deadline_us = INT64_MAX};
    int result = auvi_requests_create(4, &requests);

    if (result < 0) {
        assert_null(requests);
        return result;
    }
    calls = 0;
    assert_int_equal(auvi_requests_add(requests, &request), AUV_OK);
    assert_true(auvi_requests_take(requests, request.id, &request));
    assert_int_equal(calls, 0);
    auvi_requests_destroy(requests);
    return AUV_OK;
}

static enum auvi_process_result dispatch(void *ctx, void *message)
{
    (void)ctx, (void)message;
    return AUVI_PROCESS_CONTINUE;
}

/* All that a processor stands on; the processor itself allocates nothing. */
static int create_all(void)
{
    static const struct auvi_wake_config config = {.immediate_wake = true};
    struct auvi_processor processor = {
        .config = auvi_processor_preset(AUV_PRESET_STANDALONE)};
    int result = auvi_queue_create(10, &processor.queue);

    if (result < 0)
        return result;
    result = auvi_wake_create(&config, NULL, NULL, &processor.wake);
    if (result == AUV_OK) {
        processor.dispatch = dispatch;
        calls = 0;
        auvi_wake_notify(processor.wake,
                         auvi_queue_push(processor.queue, AUVI_LOW, &calls),
                         AUVI_LOW);
        assert_int_equal(auvi_processor_tick(&processor, NULL),
                         AUVI_PROCESS_CONTINUE);
        assert_int_equal(calls, 0);
        auvi_wake_destroy(processor.wake);
    }
    auvi_queue_destroy(processor.queue);
    return result;
}

static void queue_faults(void **unused)
{
    (void)unused;
    fail_each(create_queue, 3);
}

static void wake_faults(void **unused)
{
    (void)unused;
    fail_each(create_wake, 2);
}

static void request_faults(void **unused)
{
    (void)unused;
    fail_each(create_requests, 2);
}

static void processor_faults(void **unused)
{
    (void)unused;
    fail_each(create_all, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_faults),
        cmocka_unit_test(wake_faults),
        cmocka_unit_test(request_faults),
        cmocka_unit_test(processor_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
