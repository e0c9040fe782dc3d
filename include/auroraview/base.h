/*
 * base.h - what every other header needs: export macro, version, errors, log.
 */
#ifndef AUV_BASE_H
#define AUV_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define AUV_EXTERN_C extern "C"
#else
#define AUV_EXTERN_C
#endif

#if defined(__GNUC__)
#define AUV_API AUV_EXTERN_C __attribute__((visibility("default")))
#else
#define AUV_API AUV_EXTERN_C
#endif

#define AUV_VERSION_MAJOR 0
#define AUV_VERSION_MINOR 1
#define AUV_VERSION_PATCH 0
#define AUV_VERSION_STRING "0.1.0"

/* Length of a text argument that ends with NUL: let the library count. */
#define AUV_NUL_TERMINATED ((size_t)-1)

/* Values are ABI: never renumber, only append. */
typedef enum auv_error {
    AUV_OK = 0,
    AUV_ERR_ARG = -1,         /* an argument is NULL, unknown or malformed */
    AUV_ERR_NOMEM = -2,       /* out of memory */
    AUV_ERR_STATE = -3,       /* not legal in the object's present state */
    AUV_ERR_TIMEOUT = -4,     /* the deadline passed first */
    AUV_ERR_CANCELLED = -5,   /* cancelled, or its document is gone */
    AUV_ERR_CLOSED = -6,      /* the view or app is closing or closed */
    AUV_ERR_ENGINE_LOST = -7, /* the engine or page process ended */
    AUV_ERR_QUEUE_FULL = -8,  /* too much is waiting; try again later */
    AUV_ERR_TOO_LARGE = -9,   /* over AUV_MAX_PAYLOAD or AUV_MAX_NAME */
    AUV_ERR_NO_DISPLAY = -10, /* the engine found no display to open */
    AUV_ERR_ENGINE_MISSING = -11, /* engine program or WebKit not installed */
    AUV_ERR_ENGINE_VERSION = -12, /* engine program of another version */
    AUV_ERR_SCRIPT = -13,         /* the page's script threw or is malformed */
    AUV_ERR_LOAD = -14,           /* the page could not be loaded */
    AUV_ERR_UNSUPPORTED = -15,    /* this engine cannot do it */
    AUV_ERR_SYSTEM = -16,         /* a system call failed: see the message */
    AUV_ERR_PROTOCOL = -17,       /* the peer broke the wire protocol */
    AUV_ERR_METHOD_NOT_FOUND = -18, /* nobody bound that method */
    AUV_ERR_BUSY = -19,             /* auv_app_process() runs already */
    AUV_ERR_DENIED = -20            /* not granted, or not for this profile */
} auv_error;

/* Limits of one message; a larger one is refused with AUV_ERR_TOO_LARGE. */
#define AUV_MAX_PAYLOAD ((size_t)1 << 30) /* bytes, JSON and each part */
#define AUV_MAX_NAME ((size_t)1024)       /* bytes of a method or event name */
#define AUV_MAX_PARTS ((size_t)64)        /* binary parts beside the JSON */

/* Calls of one page that its host may hold: unanswered ones, and answered ones
 * that a handler has kept. One more is rejected with "QueueFull", as it is when
 * together they hold over 1 GiB or 256 shared-memory files. */
#define AUV_MAX_CALLS ((uint32_t)100000)

/* Text of an error code, for people.
 *
 * threads: any
 * returns: a static string, never NULL
 * errors:  none; an unknown code gives "unknown error"
 * owns:    the library
 * since:   0.1 */
AUV_API const char *auv_strerror(int error);

/* Name of an error code as pages and Python see it: "Timeout", "Closed", …
 *
 * threads: any
 * returns: a static string, never NULL
 * errors:  none; an unknown code gives "Error"
 * owns:    the library
 * since:   0.1 */
AUV_API const char *auv_error_name(int error);

/* What the last failed call of this thread has to add to its code: paths that
 * were tried, the package to install, the system's own words.
 *
 * threads: any; each thread has its own text
 * returns: a string, "" when the last failure had nothing to add
 * errors:  none
 * owns:    the library, until this thread's next failed call
 * since:   0.1 */
AUV_API const char *auv_last_error_message(void);

/* Version of the library that is loaded, e.g. "0.1.0".
 *
 * threads: any
 * returns: a static string
 * errors:  none
 * owns:    the library
 * since:   0.1 */
AUV_API const char *auv_version(void);

typedef enum auv_log_level {
    AUV_LOG_ERROR = 0,
    AUV_LOG_WARNING = 1,
    AUV_LOG_INFO = 2,
    AUV_LOG_DEBUG = 3
} auv_log_level;

typedef void (*auv_log_fn)(auv_log_level level, const char *text, void *user);

/* Send the library's log lines to `fn` instead of stderr. Without it errors
 * and warnings go to stderr; AURORAVIEW_LOG=debug|info|warning|error widens or
 * narrows that. `fn` runs on whichever thread logs: it must be quick and must
 * not call back into the library.
 *
 * threads: any
 * returns: nothing
 * errors:  none
 * owns:    borrows fn and user until the next call; NULL restores stderr
 * since:   0.1 */
AUV_API void auv_set_log(auv_log_fn fn, void *user);

#endif /* AUV_BASE_H */
