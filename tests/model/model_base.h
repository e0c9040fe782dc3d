/* model_base.h - base/ and the C library's heap, as far as the models need
 * them. Include after explore.h and before the source under test. */
#ifndef AUV_TEST_MODEL_BASE_H
#define AUV_TEST_MODEL_BASE_H

#include <assert.h>
#include <stdlib.h>

#include "base/base.h"

#define aligned_alloc(alignment, size) model_alloc(size)
#define calloc(count, size) model_alloc((count) * (size))
#define free(p) ((void)(p))
#undef assert
#define assert(condition) MODEL_CHECK(condition)

/* Time stands still: no deadline passes. */
#define auvi_clock_us() ((int64_t)0)
#define auvi_clock_ns() ((int64_t)0)
#define auvi_fail(error, ...) (error)
/* A sleep that ends by itself is worth nothing unless somebody else acts. */
#define auvi_futex_wait(word, expected, timeout) \
    ((timeout) < 0 ? model_futex_wait((word), (expected)) : model_yield())
#define auvi_futex_wake_all(word) model_futex_wake(word)

#endif /* AUV_TEST_MODEL_BASE_H */
