/*
 * message.h - what travels between host and page: a name, JSON text and binary
 * parts beside it; and a call, which is a message that wants an answer.
 *
 * The library never parses the JSON: it is the page's JSON.stringify() output,
 * or yours. Binary values are carried beside the text, never inside it. Where
 * one belongs in the text stands {"$auv":N}, N being its index among the
 * parts; docs/bridge.md has the whole rule.
 *
 * Threads:  any, unless the function says otherwise. A message is immutable.
 * Errors:   an int result is >= 0 on success, else a negative AUV_ERR_* code.
 * Text:     UTF-8; may hold NUL bytes, so it comes with its length (and is
 *           NUL-terminated as a courtesy).
 */
#ifndef AUV_MESSAGE_H
#define AUV_MESSAGE_H

#include "auroraview/base.h"

/* Values are wire format and ABI: never renumber, only append. They name the
 * JavaScript type that the page gets, or had. */
typedef enum auv_part_type {
    AUV_PART_BUFFER = 0, /* ArrayBuffer */
    AUV_PART_U8 = 1,
    AUV_PART_I8 = 2,
    AUV_PART_U8_CLAMPED = 3,
    AUV_PART_U16 = 4,
    AUV_PART_I16 = 5,
    AUV_PART_U32 = 6,
    AUV_PART_I32 = 7,
    AUV_PART_F32 = 8,
    AUV_PART_F64 = 9,
    AUV_PART_U64 = 10,
    AUV_PART_I64 = 11
} auv_part_type;

/* One binary part. In a message that you send: borrowed during the call, and
 * copied once. In a message that you got: valid as long as the message. */
typedef struct auv_part {
    const void *data;
    size_t length; /* bytes */
    auv_part_type type;
} auv_part;

typedef struct auv_message auv_message;
typedef struct auv_call auv_call;

/* Name of the method or event; "" for the result of a script.
 *
 * threads: any
 * returns: the name, never NULL; *length_out (may be NULL) is its length
 * errors:  none
 * owns:    the message
 * since:   0.1 */
AUV_API const char *auv_message_name(const auv_message *message,
                                     size_t *length_out);

/* JSON text of the arguments, the event's data or the script's result.
 *
 * threads: any
 * returns: the text, "null" where the page gave none; *length_out (may be
 *          NULL) is its length in bytes
 * errors:  NULL if the text arrived as a shared-memory file and could not be
 *          mapped
 * owns:    the message
 * since:   0.1 */
AUV_API const char *auv_message_json(const auv_message *message,
                                     size_t *length_out);

/* Number of binary parts.
 *
 * threads: any
 * returns: the number, 0 to AUV_MAX_PARTS
 * errors:  none
 * owns:    borrows message
 * since:   0.1 */
AUV_API size_t auv_message_part_count(const auv_message *message);

/* One binary part.
 *
 * threads: any
 * returns: AUV_OK and the part in *out
 * errors:  AUV_ERR_ARG - no such part; AUV_ERR_SYSTEM - it arrived as a
 *          shared-memory file and could not be mapped
 * owns:    the message owns the bytes: read-only, valid as long as it
 * since:   0.1 */
AUV_API int auv_message_part(const auv_message *message, size_t index,
                             auv_part *out);

/* Descriptor of a part that arrived as a sealed shared-memory file (some parts
 * from 64 KiB on do), for bindings that map it themselves.
 *
 * threads: any
 * returns: the descriptor, or -1 for a part that arrived inline
 * errors:  none
 * owns:    the message; duplicate it to keep it
 * since:   0.1 */
AUV_API int auv_message_part_fd(const auv_message *message, size_t index);

/* Keep a message after the handler has returned.
 *
 * threads: any
 * returns: message
 * errors:  none
 * owns:    the caller, until auv_message_unref()
 * since:   0.1 */
AUV_API auv_message *auv_message_ref(const auv_message *message);

/* Give a kept message back.
 *
 * threads: any
 * returns: nothing
 * errors:  none; NULL is fine
 * owns:    takes the caller's reference
 * since:   0.1 */
AUV_API void auv_message_unref(auv_message *message);

/* The message inside a call: its name is the method, its JSON the arguments.
 *
 * threads: any
 * returns: the message, never NULL
 * errors:  none
 * owns:    the call
 * since:   0.1 */
AUV_API const auv_message *auv_call_message(const auv_call *call);

/* Answer a call. Only the first answer of a call counts.
 *
 * threads: any, also after the handler has returned (see auv_call_ref())
 * returns: AUV_OK
 * errors:  AUV_ERR_ARG; AUV_ERR_STATE - answered already; AUV_ERR_CANCELLED -
 *          its document is gone; AUV_ERR_CLOSED; AUV_ERR_TOO_LARGE (the page
 *          gets this error as the answer); AUV_ERR_NOMEM
 * owns:    borrows everything; `json` NULL means null
 * since:   0.1 */
AUV_API int auv_call_reply(auv_call *call, const char *json, size_t length,
                           const auv_part *parts, size_t part_count);

/* Answer a call with an error: the page's promise rejects with an Error that
 * has this name, message and code. `data_json` (may be NULL) becomes its data.
 *
 * threads: any
 * returns: AUV_OK
 * errors:  as auv_call_reply()
 * owns:    borrows everything
 * since:   0.1 */
AUV_API int auv_call_fail(auv_call *call, const char *name, const char *message,
                          int code, const char *data_json);

/* Whether nobody waits any more: the page cancelled, its document is gone, or
 * the view is closing. Poll it in long work; in a handler it takes a
 * microsecond, because it looks at what the page has sent meanwhile.
 *
 * threads: any
 * returns: true once the answer can reach nobody
 * errors:  none
 * owns:    borrows call
 * since:   0.1 */
AUV_API bool auv_call_is_cancelled(const auv_call *call);

typedef void (*auv_cancel_fn)(auv_call *call, void *user);

/* Have `fn` run when the call is cancelled: the page aborted it or did not wait
 * any longer, its document is gone, the view is closing, the engine is lost. It
 * runs once, inside auv_app_process() or auv_app_destroy() and soon after; or
 * never, if the call is answered first. One per call.
 *
 * threads: any
 * returns: AUV_OK
 * errors:  AUV_ERR_ARG; AUV_ERR_NOMEM; AUV_ERR_STATE - it has one already, or
 *          has been answered; AUV_ERR_CANCELLED - it has been cancelled: then
 *          fn does not run, do what it would have done
 * owns:    borrows user until free_user (may be NULL) is called with it, on any
 *          thread, when fn has run or never will; on an error it is not called
 * since:   0.1 */
AUV_API int auv_call_on_cancel(auv_call *call, auv_cancel_fn fn, void *user,
                               void (*free_user)(void *user));

/* Wait until the call is cancelled, for a worker that would otherwise sleep.
 * timeout_ms below 0: until it has ended, one way or the other.
 *
 * threads: any, handlers included
 * returns: AUV_OK once it is cancelled
 * errors:  AUV_ERR_ARG; AUV_ERR_TIMEOUT - the page still waits; AUV_ERR_STATE -
 *          it has been answered
 * owns:    borrows call
 * since:   0.1 */
AUV_API int auv_call_wait_cancelled(auv_call *call, int64_t timeout_ms);

/* Keep a call to answer it later. When the last reference goes and nobody has
 * answered, the page's promise rejects with the error "NoReply".
 *
 * threads: any
 * returns: call
 * errors:  none
 * owns:    the caller, until auv_call_unref()
 * since:   0.1 */
AUV_API auv_call *auv_call_ref(auv_call *call);

/* Give a kept call back.
 *
 * threads: any
 * returns: nothing
 * errors:  none; NULL is fine
 * owns:    takes the caller's reference
 * since:   0.1 */
AUV_API void auv_call_unref(auv_call *call);

#endif /* AUV_MESSAGE_H */
