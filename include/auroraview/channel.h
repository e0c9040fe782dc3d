/*
 * channel.h - streams between host and page, both ways, that cannot outrun their
 * reader.
 *
 * A channel has a name. Host and page each open their end, in any order; the
 * library joins two ends of one name. A channel belongs to the document that has
 * joined it and ends with it; an end that nobody has joined waits for the next.
 *
 * CREDIT. At most `window` bytes of each direction are under way: sent and not
 * yet used up by the reader. A sender that has no credit gets
 * AUV_ERR_QUEUE_FULL, or waits. So what both processes hold is bounded, nothing
 * is lost, and other traffic goes on.
 *
 * THE END. Each side hears of it exactly once, with the reason, behind all that
 * was sent before it. After that nothing is called any more.
 *
 * Threads:  any, unless the function says otherwise. Events come inside
 *           auv_app_process(), with no lock held.
 * Errors:   as view.h.
 */
#ifndef AUV_CHANNEL_H
#define AUV_CHANNEL_H

#include "auroraview/state.h"

#define AUV_CHANNEL_WINDOW ((size_t)1 << 20)      /* bytes, unless asked for */
#define AUV_CHANNEL_WINDOW_MAX ((size_t)16 << 20) /* bytes */
#define AUV_CHANNEL_MAX 64 /* that one document may have open */
/* What a message costs of the window, beside its text and its parts. */
#define AUV_CHANNEL_OVERHEAD ((size_t)64)

typedef struct auv_channel auv_channel;

/* Values are ABI: never renumber, only append; ignore what you do not know. */
typedef enum auv_channel_event_kind {
    AUV_CHANNEL_OPENED = 1,   /* a page has joined */
    AUV_CHANNEL_MESSAGE = 2,  /* message; its bytes are used up on return */
    AUV_CHANNEL_READABLE = 3, /* with `pull`: auv_channel_receive() has some */
    AUV_CHANNEL_WRITABLE = 4, /* there is credit again, after a refusal */
    AUV_CHANNEL_CLOSED = 5    /* last event; by, error, message */
} auv_channel_event_kind;

typedef struct auv_channel_event {
    size_t size;
    auv_channel_event_kind kind;
    /* MESSAGE; CLOSED by a failure: {"name","message","code"}; else NULL */
    const auv_message *message;
    auv_side by; /* CLOSED: who has ended it */
    int error;   /* CLOSED: AUV_OK in order; AUV_ERR_SCRIPT the page failed it;
                    AUV_ERR_CANCELLED its document is gone, or the host failed
                    it; AUV_ERR_ENGINE_LOST, AUV_ERR_CLOSED of the view */
} auv_channel_event;

typedef void (*auv_channel_fn)(auv_channel *channel,
                               const auv_channel_event *event, void *user);

/* Start from AUV_CHANNEL_OPTIONS_INIT: `size` lets the struct grow. */
typedef struct auv_channel_options {
    size_t size;
    size_t window;     /* bytes under way in each direction, and of the largest
                      message; 0: AUV_CHANNEL_WINDOW */
    bool pull;         /* messages wait for auv_channel_receive() */
    auv_channel_fn fn; /* may be NULL */
    void *user;
    void (*free_user)(void *user); /* called once, behind the last event */
} auv_channel_options;

#define AUV_CHANNEL_OPTIONS_INIT                                \
    {                                                           \
        sizeof(auv_channel_options), 0, false, NULL, NULL, NULL \
    }

/* Open the host's end. What is sent before a page joins waits for it, up to the
 * window.
 *
 * threads: any
 * returns: AUV_OK and the channel in *out
 * errors:  AUV_ERR_ARG - no name, or a window over AUV_CHANNEL_WINDOW_MAX;
 *          AUV_ERR_STATE - the host has an end of that name that is open;
 *          AUV_ERR_CLOSED, AUV_ERR_NOMEM, AUV_ERR_TOO_LARGE: then free_user is
 *          not called
 * owns:    the caller, until auv_channel_unref(); that alone does not close it.
 *          Copies options, borrows user until free_user
 * since:   0.1 */
AUV_API int auv_channel_open(auv_view *view, const char *name,
                             size_t name_length,
                             const auv_channel_options *options,
                             auv_channel **out);

/* Called when a page opens a channel that the host has no end for: open one
 * with that name here, or later. */
typedef void (*auv_offer_fn)(auv_view *view, const char *name,
                             size_t name_length, void *user);

/* Hear of channels that pages open. A name of length 0 hears of those that
 * nobody hears of by name.
 *
 * threads: any; fn runs inside auv_app_process()
 * returns: the number of the listener, > 0, for auv_view_off()
 * errors:  AUV_ERR_ARG, AUV_ERR_CLOSED, AUV_ERR_NOMEM, AUV_ERR_TOO_LARGE
 * owns:    as auv_view_bind()
 * since:   0.1 */
AUV_API int auv_view_on_channel(auv_view *view, const char *name,
                                size_t name_length, auv_offer_fn fn, void *user,
                                void (*free_user)(void *user));

/* Send a message. Never blocks.
 *
 * threads: any
 * returns: AUV_OK once accepted: the page gets it, unless the channel ends first
 *          for another reason than auv_channel_close()
 * errors:  AUV_ERR_ARG, AUV_ERR_NOMEM, AUV_ERR_SYSTEM; AUV_ERR_CLOSED;
 *          AUV_ERR_TOO_LARGE - costs more than the window; AUV_ERR_QUEUE_FULL -
 *          no credit: WRITABLE tells when there is
 * owns:    copies everything; json NULL means null
 * since:   0.1 */
AUV_API int auv_channel_send(auv_channel *channel, const char *json,
                             size_t json_length, const auv_part *parts,
                             size_t part_count);

/* Send a message, and wait for credit. Runs no handlers meanwhile. timeout_ms
 * below 0 means without end.
 *
 * threads: any, handlers included
 * returns: AUV_OK once accepted
 * errors:  as auv_channel_send(), but instead of AUV_ERR_QUEUE_FULL:
 *          AUV_ERR_TIMEOUT
 * owns:    copies everything; json NULL means null
 * since:   0.1 */
AUV_API int auv_channel_send_wait(auv_channel *channel, const char *json,
                                  size_t json_length, const auv_part *parts,
                                  size_t part_count, int64_t timeout_ms);

/* Take the next message of a channel that was opened with `pull`; its bytes are
 * used up by that. Waits for one, as auv_channel_send_wait() does.
 *
 * threads: any
 * returns: AUV_OK and the message in *out
 * errors:  AUV_ERR_ARG; AUV_ERR_STATE - not opened with pull; AUV_ERR_TIMEOUT;
 *          AUV_ERR_CLOSED - there is none, and no more will come
 * owns:    the caller gets *out: auv_message_unref()
 * since:   0.1 */
AUV_API int auv_channel_receive(auv_channel *channel, int64_t timeout_ms,
                                auv_message **out);

/* End the channel in order: the page hears of it behind all that was sent. What
 * has come and was not taken yet is dropped.
 *
 * threads: any
 * returns: 1, or 0 if it had ended
 * errors:  AUV_ERR_ARG
 * owns:    borrows channel
 * since:   0.1 */
AUV_API int auv_channel_close(auv_channel *channel);

/* End the channel with an error, which the page's end has from then on.
 *
 * threads: any
 * returns: 1, or 0 if it had ended
 * errors:  AUV_ERR_ARG, AUV_ERR_NOMEM, AUV_ERR_TOO_LARGE: nothing was done
 * owns:    copies name and text
 * since:   0.1 */
AUV_API int auv_channel_fail(auv_channel *channel, const char *name,
                             const char *text, int code);

/* Name of the channel.
 *
 * threads: any
 * returns: a string
 * errors:  none
 * owns:    the channel
 * since:   0.1 */
AUV_API const char *auv_channel_name(const auv_channel *channel,
                                     size_t *length_out);

/* Whether it has ended; its CLOSED event may still be on its way.
 *
 * threads: any
 * returns: true or false
 * errors:  none
 * owns:    borrows channel
 * since:   0.1 */
AUV_API bool auv_channel_is_closed(const auv_channel *channel);

/* How it has ended, as its CLOSED event tells. Any pointer may be NULL.
 *
 * threads: any
 * returns: 1, or 0 while it is open: then nothing is written
 * errors:  AUV_ERR_ARG
 * owns:    the caller gets *why (may be NULL): auv_message_unref()
 * since:   0.1 */
AUV_API int auv_channel_result(const auv_channel *channel, auv_side *by_out,
                               int *error_out, auv_message **why_out);

/* Bytes that are under way: sent to the page and not used up by it, and come
 * from it and not used up here.
 *
 * threads: any
 * returns: nothing
 * errors:  none; either pointer may be NULL
 * owns:    borrows channel
 * since:   0.1 */
AUV_API void auv_channel_pending(const auv_channel *channel, size_t *sent_out,
                                 size_t *received_out);

/* One more reference.
 *
 * threads: any
 * returns: channel
 * errors:  none
 * owns:    the caller gets a reference
 * since:   0.1 */
AUV_API auv_channel *auv_channel_ref(auv_channel *channel);

/* Let go of a reference. The library keeps a channel until it has ended.
 *
 * threads: any
 * returns: nothing
 * errors:  none; NULL is fine
 * owns:    takes the reference
 * since:   0.1 */
AUV_API void auv_channel_unref(auv_channel *channel);

#endif /* AUV_CHANNEL_H */
