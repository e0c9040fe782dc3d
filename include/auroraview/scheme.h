/*
 * scheme.h - URLs of a scheme of your own: what a page loads from "thumbs:" or
 * "scene:", your handler answers.
 *
 * A fetch is one such request. It is answered once: with bytes, with a file, or
 * with a stream that is written piece by piece. Bodies go to the engine as
 * descriptors, past all messages, and no faster than the page takes them.
 * docs/content.md has the whole story: parts, headers, policy, limits.
 *
 * Threads:  any, unless the function says otherwise. Handlers run only inside
 *           auv_app_process(), with no lock held.
 * Errors:   an int result is >= 0 on success, else a negative AUV_ERR_* code.
 * Strings:  UTF-8, NUL-terminated, copied before the call returns.
 */
#ifndef AUV_SCHEME_H
#define AUV_SCHEME_H

#include "auroraview/view.h"

typedef struct auv_fetch auv_fetch;

/* Answers a fetch: now, or later after auv_fetch_ref(). */
typedef void (*auv_fetch_fn)(auv_view *view, auv_fetch *fetch, void *user);

/* Serve the URLs of a scheme to this view. Pages of it are secure contexts; the
 * view's own pages may fetch() from it; it is never granted the bridge unless
 * listed with auv_view_allow_origin(). A second call for a scheme replaces its
 * handler. A page that waits longer than timeout_ms for its answer gets the
 * status 504, and the fetch is cancelled; 0 means 30 seconds.
 *
 * threads: any; holds for everything that the view is asked for later
 * returns: AUV_OK
 * errors:  AUV_ERR_ARG - not a scheme (a letter, then letters, digits, '+', '-'
 *          or '.'; at most 32), or one that has a meaning already (auroraview,
 *          http, file, data, …); AUV_ERR_CLOSED; AUV_ERR_NOMEM
 * owns:    borrows user until free_user (may be NULL) is called with it, inside
 *          auv_app_process() or auv_app_destroy(), when the handler is gone; on
 *          an error it is not called
 * since:   0.1 */
AUV_API int auv_view_register_scheme(auv_view *view, const char *scheme,
                                     int64_t timeout_ms, auv_fetch_fn fn,
                                     void *user, void (*free_user)(void *user));

/* The URL that is asked for, as the engine writes it.
 *
 * threads: any
 * returns: the URL, never NULL
 * errors:  none
 * owns:    the fetch
 * since:   0.1 */
AUV_API const char *auv_fetch_url(const auv_fetch *fetch);

/* "GET" or "HEAD"; other methods are refused before they come here. The answer
 * to a HEAD may have a body: it is left out.
 *
 * threads: any
 * returns: the method, never NULL
 * errors:  none
 * owns:    the fetch
 * since:   0.1 */
AUV_API const char *auv_fetch_method(const auv_fetch *fetch);

/* One header of the request, such as "Range" or "Accept".
 *
 * threads: any
 * returns: its value, or NULL if the page sent none; case of name is ignored
 * errors:  none
 * owns:    the fetch
 * since:   0.1 */
AUV_API const char *auv_fetch_header(const auv_fetch *fetch, const char *name);

/* What of a body of `size` bytes the request asks for. Of bytes and of regular
 * files the library itself cuts that part out; this is for streams.
 *
 * threads: any
 * returns: 1 - a part: *first_out and *length_out; 0 - the whole, likewise
 * errors:  AUV_ERR_ARG - nothing of it (answer 416), or a pointer is NULL
 * owns:    borrows fetch
 * since:   0.1 */
AUV_API int auv_fetch_range(const auv_fetch *fetch, uint64_t size,
                            uint64_t *first_out, uint64_t *length_out);

/* Start from AUV_RESPONSE_INIT: `size` lets the struct grow. */
typedef struct auv_response {
    size_t size;
    int status;                 /* 200 to 599; redirects are not followed */
    const char *mime_type;      /* NULL: "application/octet-stream" */
    const char *const *headers; /* "Name: value"; may be NULL if there are 0 */
    size_t header_count;        /* at most 64 */
} auv_response;

#define AUV_RESPONSE_INIT                        \
    {                                            \
        sizeof(auv_response), 200, NULL, NULL, 0 \
    }

/* Answer with bytes. With status 200 a part that the page asked for is cut out
 * by the library (206, or 416).
 *
 * threads: any, also after the handler has returned (see auv_fetch_ref())
 * returns: AUV_OK
 * errors:  AUV_ERR_ARG - also for a status, type or header that is none;
 *          AUV_ERR_STATE - answered already; AUV_ERR_CANCELLED - nobody waits;
 *          AUV_ERR_CLOSED; AUV_ERR_NOMEM; AUV_ERR_SYSTEM; AUV_ERR_TOO_LARGE
 * owns:    borrows everything; data is copied once
 * since:   0.1 */
AUV_API int auv_fetch_reply(auv_fetch *fetch, const auv_response *response,
                            const void *data, size_t length);

/* Answer with what an open descriptor holds: `length` bytes of a regular file
 * from `offset` on (AUV_TO_END: all the rest), as with auv_fetch_reply(); or what
 * comes out of a pipe or socket until its end, and then offset must be 0 and
 * length AUV_TO_END.
 *
 * threads: any
 * returns: AUV_OK
 * errors:  as auv_fetch_reply()
 * owns:    takes fd, in any case
 * since:   0.1 */
AUV_API int auv_fetch_reply_fd(auv_fetch *fetch, const auv_response *response,
                               int fd, uint64_t offset, uint64_t length);
#define AUV_TO_END UINT64_MAX

/* There is room for more of the body (error is AUV_OK): write until
 * auv_fetch_write() takes nothing more, or end it. Or nobody wants it any more
 * (AUV_ERR_CANCELLED, AUV_ERR_CLOSED): the last call. */
typedef void (*auv_room_fn)(auv_fetch *fetch, int error, void *user);

/* Begin an answer whose body is written piece by piece. `length` is the whole
 * body's, or AUV_TO_END if it is not known. `fn` (may be NULL) is called inside
 * auv_app_process() whenever there is room again, soon for the first time.
 *
 * threads: any
 * returns: AUV_OK
 * errors:  as auv_fetch_reply(); AUV_ERR_QUEUE_FULL - the view has 256 bodies
 *          open: the page got the status 503
 * owns:    borrows user until free_user (may be NULL) is called with it inside
 *          auv_app_process() or auv_app_destroy(), after the end; on an error it
 *          is not called
 * since:   0.1 */
AUV_API int auv_fetch_stream(auv_fetch *fetch, const auv_response *response,
                             uint64_t length, auv_room_fn fn, void *user,
                             void (*free_user)(void *user));

/* Write more of a body. Never blocks.
 *
 * threads: any, one at a time per fetch
 * returns: bytes taken, 0 to length (at most INT_MAX); fewer than length: there
 *          is no more room now, and fn will be called
 * errors:  AUV_ERR_ARG; AUV_ERR_STATE - no stream, or ended; AUV_ERR_CANCELLED -
 *          the page has given up, or is gone; AUV_ERR_CLOSED
 * owns:    borrows data
 * since:   0.1 */
AUV_API int auv_fetch_write(auv_fetch *fetch, const void *data, size_t length);

/* End a body: whole (AUV_OK), or cut off by a mistake (a negative code), which
 * the page's fetch() then rejects with; a body that its writer leaves, or dies
 * over, is cut off too.
 *
 * threads: any, one at a time per fetch
 * returns: AUV_OK
 * errors:  AUV_ERR_ARG; AUV_ERR_STATE - no stream, or ended
 * owns:    borrows fetch
 * since:   0.1 */
AUV_API int auv_fetch_end(auv_fetch *fetch, int error);

/* Whether nobody waits for the answer, or the rest of the body, any more.
 *
 * threads: any
 * returns: true once it can reach nobody
 * errors:  none
 * owns:    borrows fetch
 * since:   0.1 */
AUV_API bool auv_fetch_is_cancelled(const auv_fetch *fetch);

/* Keep a fetch to answer it later. When the last reference goes and nobody has
 * answered, the page gets the status 500.
 *
 * threads: any
 * returns: fetch
 * errors:  none
 * owns:    the caller, until auv_fetch_unref()
 * since:   0.1 */
AUV_API auv_fetch *auv_fetch_ref(auv_fetch *fetch);

/* Give a kept fetch back.
 *
 * threads: any
 * returns: nothing
 * errors:  none; NULL is fine
 * owns:    takes the caller's reference
 * since:   0.1 */
AUV_API void auv_fetch_unref(auv_fetch *fetch);

#endif /* AUV_SCHEME_H */
