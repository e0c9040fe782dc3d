/*
 * errors.c - error codes as text, and what each thread's last failure has to
 * add to its code.
 */
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Long enough for two paths and a sentence; longer texts are cut. */
static _Thread_local char last_message[1024];

static const struct {
    const char *name; /* contract with pages and Python: never change */
    const char *text;
} table[] = {
    [0] = {"Error", "no error"},
    [-AUV_ERR_ARG] = {"Argument", "invalid argument"},
    [-AUV_ERR_NOMEM] = {"NoMemory", "out of memory"},
    [-AUV_ERR_STATE] = {"State", "not legal in the present state"},
    [-AUV_ERR_TIMEOUT] = {"Timeout", "the deadline has passed"},
    [-AUV_ERR_CANCELLED] = {"Cancelled", "cancelled"},
    [-AUV_ERR_CLOSED] = {"Closed", "the view or app is closed"},
    [-AUV_ERR_ENGINE_LOST] = {"EngineLost", "the engine or page has ended"},
    [-AUV_ERR_QUEUE_FULL] = {"QueueFull", "too many messages are waiting"},
    [-AUV_ERR_TOO_LARGE] = {"TooLarge", "message or name is too large"},
    [-AUV_ERR_NO_DISPLAY] = {"NoDisplay", "no display to open"},
    [-AUV_ERR_ENGINE_MISSING] = {"EngineMissing",
                                 "the engine is not installed"},
    [-AUV_ERR_ENGINE_VERSION] = {"EngineVersion",
                                 "the engine is of another version"},
    [-AUV_ERR_SCRIPT] = {"ScriptError", "the page's script failed"},
    [-AUV_ERR_LOAD] = {"LoadFailed", "the page could not be loaded"},
    [-AUV_ERR_UNSUPPORTED] = {"Unsupported", "this engine cannot do it"},
    [-AUV_ERR_SYSTEM] = {"SystemError", "a system call failed"},
    [-AUV_ERR_PROTOCOL] = {"ProtocolError", "the peer broke the protocol"},
    [-AUV_ERR_METHOD_NOT_FOUND] = {"MethodNotFound", "no such method is bound"},
    [-AUV_ERR_BUSY] = {"Busy", "messages are being processed already"},
    [-AUV_ERR_DENIED] = {"PermissionDenied", "not granted"},
};

static bool is_known(int error)
{
    return error <= 0 && error > -(int)(sizeof(table) / sizeof(table[0]));
}

const char *auv_strerror(int error)
{
    return is_known(error) ? table[-error].text : "unknown error";
}

const char *auv_error_name(int error)
{
    return is_known(error) ? table[-error].name : "Error";
}

const char *auv_last_error_message(void)
{
    return last_message;
}

const char *auv_version(void)
{
    return AUV_VERSION_STRING;
}

int auvi_fail(int error, const char *format, ...)
{
    /* A caller may add to the old text by passing it as an argument. */
    char text[sizeof(last_message)];
    int saved = errno;
    va_list args;

    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);
    memcpy(last_message, text, strlen(text) + 1);
    errno = saved;
    return error;
}

int auvi_fail_plain(int error)
{
    last_message[0] = '\0';
    return error;
}

int auvi_fail_errno(const char *what)
{
    int number = errno;
    char buffer[128];

    /* The GNU strerror_r: returns the text, which may be a static string. */
    const char *text = strerror_r(number, buffer, sizeof(buffer));

    return auvi_fail(number == ENOMEM ? AUV_ERR_NOMEM : AUV_ERR_SYSTEM,
                     "%s: %s", what, text);
}
