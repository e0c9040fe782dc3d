/*
 * request.h - questions that wait for an answer, each ended exactly once.
 *
 * A request is a slot with a number. Whoever ends it - the answer, the
 * deadline, a cancel, the close of its view, the loss of the engine - must win
 * one compare-and-swap on the slot; all others find it gone. The number holds
 * the slot's generation, so that a late answer to an old request ends nothing.
 */
#ifndef AUVI_REQUEST_H
#define AUVI_REQUEST_H

#include "auroraview/view.h"

struct auvi_requests; /* table, heap */

/* What the winner gets: the owner's data, to be completed by it. */
struct auvi_request {
    uint64_t id; /* never 0 */
    uint32_t view;
    int64_t deadline_us; /* auvi_clock_us(); INT64_MAX: none */
    auv_result_fn fn;    /* asynchronous; NULL: nobody wants to know */
    void *user;
    void *waiter;    /* synchronous: the waiting thread's struct, else NULL */
    auv_view *owner; /* asynchronous: the view, a reference of the request's */
    void *carrier;   /* with fn: memory to bring it the end, however little
                        there is by then */
};

#define AUVI_REQUESTS_MAX_CAPACITY 65536

/* Memory is touched as it is needed: a large capacity costs nothing. */
int auvi_requests_create(size_t capacity, struct auvi_requests **out);
void auvi_requests_destroy(struct auvi_requests *requests); /* none pending */

/* Any thread, lock-free. AUV_OK and request->id, or AUV_ERR_QUEUE_FULL. */
int auvi_requests_add(struct auvi_requests *requests,
                      struct auvi_request *request);
/* Any thread, lock-free. True for exactly one caller per request: *out is it,
 * and the slot is free again. */
bool auvi_requests_take(struct auvi_requests *requests, uint64_t id,
                        struct auvi_request *out);
/* As take, for an id that came from a page: a request of another view is left
 * alone, and *foreign_out says so. */
bool auvi_requests_take_of(struct auvi_requests *requests, uint64_t id,
                           uint32_t view, struct auvi_request *out,
                           bool *foreign_out);
/* Any thread: whether nobody has taken it yet; may be stale on return. */
bool auvi_requests_is_pending(const struct auvi_requests *requests,
                              uint64_t id);
/* Any thread: take one request of that view (0: of any view), false if there is
 * none. For closing: call until false. */
bool auvi_requests_take_view(struct auvi_requests *requests, uint32_t view,
                             struct auvi_request *out);
/* Take one whose deadline is <= now_us, false if there is none; then
 * *next_us_out is the nearest deadline, INT64_MAX for none. It may be too early
 * (that of a request that has ended), never too late for a request that was
 * added before the call; <= now_us if one was added meanwhile that is due. One
 * load when nothing is due. One thread at a time. */
bool auvi_requests_take_expired(struct auvi_requests *requests, int64_t now_us,
                                struct auvi_request *out, int64_t *next_us_out);
/* Any thread; a hint. */
size_t auvi_requests_pending(const struct auvi_requests *requests);

#endif /* AUVI_REQUEST_H */
