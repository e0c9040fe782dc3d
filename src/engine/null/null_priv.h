/* null_priv.h - what the files of this engine share: null.c is the table and the
 * pages, grants.c who has a bridge, lost.c what happens when a page is lost. */
#ifndef AUVI_NULL_PRIV_H
#define AUVI_NULL_PRIV_H

#include "engine/engine.h"
#include "engine/null/streams.h"
#include "wire/link.h"

/* A frame that the host did not take yet. */
struct kept {
    struct kept *next;
    struct auvi_frame frame;
    char bytes[];
};

struct null_view {
    struct null_view *next;
    uint32_t id;
    struct auvi_link *link;
    uint32_t link_generation; /* of the LINK_WANTED that is open or answered */
    uint32_t document;        /* generation of the page, 0: none */
    uint32_t documents;
    uint32_t links_before; /* in engines that were lost */
    bool lost;             /* its page was killed and not loaded again */
    uint32_t navigation;   /* the last one that is settled */
    bool granted;
    char *url;
    char **grants;
    size_t grant_count;
    struct kept *kept, **kept_tail;
    bool waits_out;
    bool hangs; /* its page does not read any more */
    struct null_engine *engine;
    struct auvi_null_streams *streams;
    char *events; /* "[name,data],…" that auroraview.events() gives */
    size_t events_length;
};

struct null_engine {
    struct auvi_engine base;
    int poller;
    struct null_view *views;
    struct auvi_null_loads *loads;
};

/* ---- null.c ---- */

struct null_engine *auvi_null_of(struct auvi_engine *engine);
struct null_view *auvi_null_find(struct null_engine *null, uint32_t id);
void auvi_null_tell(struct null_engine *null, uint32_t view,
                    auv_event_kind kind, const char *text);
void auvi_null_tell_committed(struct null_engine *null,
                              const struct null_view *view);
/* The page's end of it; fine if it has none. */
void auvi_null_drop_link(struct null_engine *null, struct null_view *view);
int auvi_null_reload(struct auvi_engine *engine, uint32_t id,
                     uint32_t navigation);

/* ---- grants.c ---- */

void auvi_null_free_grants(char **grants, size_t count);
bool auvi_null_is_granted(const struct null_view *view, const char *url);
int auvi_null_set_grants(struct auvi_engine *engine, uint32_t id,
                         const char *const *origins, size_t count);
int auvi_null_set_allowed(struct auvi_engine *engine, uint32_t id,
                          const char *const *patterns, size_t count);

/* ---- lost.c: functions of the table ---- */

int auvi_null_kill_page(struct auvi_engine *engine, uint32_t id);
int auvi_null_recover(struct auvi_engine *engine, uint32_t id, bool stopped);
int auvi_null_resume(struct auvi_engine *engine, uint32_t id, uint32_t links);

#endif /* AUVI_NULL_PRIV_H */
