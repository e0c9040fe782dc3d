/*
 * script.h - the scripts that the null engine understands. They mean the same
 * in a real engine, so a test can use one text for both:
 *
 *     a JSON text                          its value
 *     auroraview.call("name", JSON)        calls the host; value: the answer
 *     auroraview.emit("name", JSON)        emits to the host; value: null
 *     new Promise(() => {})                never settles
 *     auroraview.state["key"] = JSON       sets it; value: the JSON
 *     delete auroraview.state["key"]       value: true
 *     auroraview.state.toJSON()            value: all of it
 *     auroraview.channel("name").send(JSON)   opens it if need be; value: null,
 *                                             once there was credit
 *     auroraview.channel("name").close()      value: null
 *     for (;;)                             the page does nothing any more
 *
 * and two that only it has:
 *
 *     auroraview.events()                  [[name, data], …] that have come,
 *                                          which are then forgotten
 *     auroraview.received("name")          messages of the channel that have
 *                                          come, which are then used up
 *     auroraview.fetch("URL", RANGE)       what the host answers to that, see
 *                                          loads.h; RANGE is a Range header
 */
#ifndef AUVI_NULL_SCRIPT_H
#define AUVI_NULL_SCRIPT_H

#include <stddef.h>

enum auvi_script_kind {
    AUVI_SCRIPT_VALUE,
    AUVI_SCRIPT_CALL,
    AUVI_SCRIPT_EMIT,
    AUVI_SCRIPT_NEVER,
    AUVI_SCRIPT_EVENTS,
    AUVI_SCRIPT_STATE_SET,
    AUVI_SCRIPT_STATE_DELETE,
    AUVI_SCRIPT_STATE_ALL,
    AUVI_SCRIPT_CHANNEL_SEND,
    AUVI_SCRIPT_CHANNEL_CLOSE,
    AUVI_SCRIPT_CHANNEL_TAKE,
    AUVI_SCRIPT_FETCH,
    AUVI_SCRIPT_HANG,
    AUVI_SCRIPT_ERROR /* anything else */
};

struct auvi_script {
    enum auvi_script_kind kind;
    char name[1028]; /* decoded */
    size_t name_length;
    const char *json; /* into the script */
    size_t json_length;
};

void auvi_script_parse(const char *text, size_t length,
                       struct auvi_script *out);

#endif /* AUVI_NULL_SCRIPT_H */
