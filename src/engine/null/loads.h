/*
 * loads.h - what pages of the null engine load from the host's own schemes.
 */
#ifndef AUVI_NULL_LOADS_H
#define AUVI_NULL_LOADS_H

#include "engine/engine.h"

struct auvi_null_loads; /* heap */

/* Called when a load has come to its end: `json` is
 * {"status","type","headers","length","body"}, body as far as it was kept, each
 * byte a character; or with `error` what fetch() rejects with. */
typedef void (*auvi_null_loaded_fn)(void *ctx, uint32_t view, uint64_t tag,
                                    bool error, const char *json,
                                    size_t length);

/* Keys in the poller are above `first_key`. */
struct auvi_null_loads *auvi_null_loads_create(struct auvi_engine *engine,
                                               int poller, uint64_t first_key,
                                               auvi_null_loaded_fn fn,
                                               void *ctx);
void auvi_null_loads_destroy(struct auvi_null_loads *loads);

int auvi_null_loads_add_scheme(struct auvi_null_loads *loads, uint32_t view,
                               const char *scheme);
/* Ask the host; `range` is a Range header or "". */
void auvi_null_loads_begin(struct auvi_null_loads *loads, uint32_t view,
                           uint64_t tag, const char *url, const char *range);
/* Takes answer->fd. */
void auvi_null_loads_answer(struct auvi_null_loads *loads, uint32_t view,
                            uint32_t fetch,
                            const struct auvi_engine_answer *answer);
void auvi_null_loads_ready(struct auvi_null_loads *loads, uint64_t key);
/* The page is left: its loads are cancelled. With `closed` the view has gone. */
void auvi_null_loads_cancel(struct auvi_null_loads *loads, uint32_t view,
                            bool closed);

#endif /* AUVI_NULL_LOADS_H */
