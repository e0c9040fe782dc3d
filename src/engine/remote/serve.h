/*
 * serve.h - the other half of `remote`: serves an engine over a channel, in the
 * engine program, on the engine's thread.
 */
#ifndef AUVI_SERVE_H
#define AUVI_SERVE_H

#include "engine/remote/channel.h"

struct auvi_serve; /* heap */

/* Takes the link and greets over it. */
struct auvi_serve *auvi_serve_create(struct auvi_link *link);

/* Make the engine; it reports to the peer. On an error the peer has been told
 * why. */
int auvi_serve_start(struct auvi_serve *serve,
                     const struct auvi_engine_impl *impl);
void auvi_serve_destroy(struct auvi_serve *serve); /* and the engine */

struct auvi_engine *auvi_serve_engine(struct auvi_serve *serve);

/* The link's descriptor: polls readable when auvi_serve_dispatch() has work;
 * watch it for writing too while auvi_serve_is_blocked(). */
int auvi_serve_fd(const struct auvi_serve *serve);
bool auvi_serve_is_blocked(const struct auvi_serve *serve);
/* 0: go on; 1: the peer asked to exit; < 0: the peer is gone. */
int auvi_serve_dispatch(struct auvi_serve *serve);

#endif /* AUVI_SERVE_H */
