/*
 * streams.h - the state and the channels of the null engine's page: the other
 * half of core/state.c and core/channel.c, as state.js and channel.js are in a
 * real page. Values stay JSON text; there are no parts.
 *
 * Threads: the engine's.
 */
#ifndef AUVI_NULL_STREAMS_H
#define AUVI_NULL_STREAMS_H

#include "engine/null/script.h"
#include "wire/frame.h"

#include <stdbool.h>

struct auvi_null_streams;

/* How it talks to the host. `result` answers the script of that id. */
struct auvi_null_page {
    void (*send)(void *user, const struct auvi_frame *frame);
    void (*result)(void *user, uint64_t id, const char *json, size_t length);
    void *user;
};

struct auvi_null_streams *
auvi_null_streams_create(const struct auvi_null_page *page);
void auvi_null_streams_free(struct auvi_null_streams *streams); /* NULL: fine */
/* A new document. */
void auvi_null_streams_reset(struct auvi_null_streams *streams,
                             uint32_t generation);
/* A frame of the host; false: none of these. */
bool auvi_null_streams_take(struct auvi_null_streams *streams,
                            const struct auvi_frame *frame);
/* A script; false: none of these. */
bool auvi_null_streams_run(struct auvi_null_streams *streams, uint64_t id,
                           const struct auvi_script *script);

/* Write `text` as a JSON string; returns the end. Room: 6 bytes for each of
 * its own, and 2. */
char *auvi_null_put_string(char *to, const char *text, size_t length);

#endif /* AUVI_NULL_STREAMS_H */
