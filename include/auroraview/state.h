/*
 * state.h - values that host and page share, by name.
 *
 * The host's store is the truth. It outlives the page: every granted document of
 * the view gets all of it before the page's auroraview.whenReady() resolves,
 * after a reload, a navigation and the loss of the page process too.
 *
 * WHO WINS. Writes of both sides get one order, that in which they reach the
 * store; the last of a key wins. A page shows its own write at once, and ignores
 * what the host has written before that write came in. So both sides end with
 * the same value, and none sees its own newer write undone by an older one.
 *
 * A change goes to the page in front of anything that is sent to it later, so a
 * listener of an event finds the state that was set before the event. Of values
 * that wait only the newest is kept: writing never fills a queue.
 *
 * Threads:  any, unless the function says otherwise.
 * Errors:   as view.h.
 */
#ifndef AUV_STATE_H
#define AUV_STATE_H

#include "auroraview/view.h"

#define AUV_STATE_MAX_KEYS 4096 /* of one view */
/* What pages may make a view's store hold; a write beyond it is refused, and
 * the page gets the host's value back. */
#define AUV_STATE_MAX_PAGE_BYTES ((size_t)64 << 20)

typedef enum auv_side {
    AUV_SIDE_NONE =
        0, /* neither: the document, the page or the view has gone */
    AUV_SIDE_HOST = 1,
    AUV_SIDE_PAGE = 2
} auv_side;

enum {
    AUV_STATE_SILENT = 1 /* flag: the host's observers are not told */
};

/* `value` is NULL when the key is gone; its name is the key. Both are valid
 * during the call. */
typedef void (*auv_state_fn)(auv_view *view, const char *key, size_t key_length,
                             const auv_message *value, auv_side source,
                             void *user);

/* Set a value. The same text as before, without parts, is no change. The store
 * can be written and read for as long as the view is held; once it has closed,
 * nobody else hears of it.
 *
 * threads: any
 * returns: 1, or 0 if that was the value already
 * errors:  AUV_ERR_ARG - view or key is NULL, the key is empty, a part is
 *          malformed; AUV_ERR_NOMEM, AUV_ERR_SYSTEM, AUV_ERR_TOO_LARGE;
 *          AUV_ERR_QUEUE_FULL - AUV_STATE_MAX_KEYS
 * owns:    copies everything; json NULL means null
 * since:   0.1 */
AUV_API int auv_view_state_set(auv_view *view, const char *key,
                               size_t key_length, const char *json,
                               size_t json_length, const auv_part *parts,
                               size_t part_count, unsigned flags);

/* Read a value: what either side has written last, handled or not.
 *
 * threads: any
 * returns: 1 and the value in *out, or 0 if there is none
 * errors:  AUV_ERR_ARG
 * owns:    the caller gets *out: auv_message_unref()
 * since:   0.1 */
AUV_API int auv_view_state_get(auv_view *view, const char *key,
                               size_t key_length, auv_message **out);

/* Take a key away.
 *
 * threads: any
 * returns: 1, or 0 if there was none
 * errors:  AUV_ERR_ARG, AUV_ERR_TOO_LARGE
 * owns:    copies key
 * since:   0.1 */
AUV_API int auv_view_state_delete(auv_view *view, const char *key,
                                  size_t key_length, unsigned flags);

/* Take all keys away.
 *
 * threads: any
 * returns: how many there were
 * errors:  AUV_ERR_ARG
 * owns:    borrows view
 * since:   0.1 */
AUV_API int auv_view_state_clear(auv_view *view, unsigned flags);

/* Call `fn` for every key of this moment, in the order in which they were
 * first set, on this thread and before returning. No lock is held.
 *
 * threads: any
 * returns: how many there were
 * errors:  AUV_ERR_ARG, AUV_ERR_NOMEM
 * owns:    borrows fn and user until it returns
 * since:   0.1 */
AUV_API int auv_view_state_each(auv_view *view, auv_state_fn fn, void *user);

/* Hear of changes by either side, with the value that the key has then: of
 * changes that follow each other quickly only the last is told.
 *
 * threads: any; fn runs inside auv_app_process()
 * returns: the number of the observer, > 0, for auv_view_off()
 * errors:  AUV_ERR_ARG, AUV_ERR_CLOSED, AUV_ERR_NOMEM
 * owns:    as auv_view_bind()
 * since:   0.1 */
AUV_API int auv_view_state_observe(auv_view *view, auv_state_fn fn, void *user,
                                   void (*free_user)(void *user));

#endif /* AUV_STATE_H */
