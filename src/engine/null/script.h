/*
 * script.h - the scripts that the null engine understands. They mean the same
 * in a real engine, so a test can use one text for both:
 *
 *     a JSON text                          its value
 *     auroraview.call("name", JSON)        calls the host; value: the answer
 *     auroraview.emit("name", JSON)        emits to the host; value: null
 *     new Promise(() => {})                never settles
 *     for (;;)                             the page does nothing any more
 *
 * and one that only it has:
 *
 *     auroraview.events()                  [[name, data], …] that have come,
 *                                          which are then forgotten
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
