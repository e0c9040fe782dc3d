/*
 * lost.c - pages that are lost on request, and how they come again: so that the
 * core's part of recovery is tested without processes.
 */
#include "engine/null/null_priv.h"

static void want_link(struct null_engine *null, struct null_view *view)
{
    struct auvi_engine_event wanted = {.kind = AUVI_ENGINE_LINK_WANTED,
                                       .view = view->id};

    wanted.generation = ++view->link_generation;
    auvi_engine_on_event(&null->base, &wanted);
}

int auvi_null_kill_page(struct auvi_engine *engine, uint32_t id)
{
    struct null_engine *null = auvi_null_of(engine);
    struct null_view *view = auvi_null_find(null, id);

    if (!view || view->lost)
        return AUV_OK;
    auvi_null_drop_link(null, view);
    view->document = 0;
    view->lost = true;
    /* As in a real engine, numbers of documents are of their link's. */
    view->documents = (view->links_before + view->link_generation + 1) << 16;
    auvi_null_tell(null, id, AUV_EVENT_PAGE_LOST,
                   "the page was ended on request");
    /* It may be loaded again by now; its process asks for a link. */
    want_link(null, view);
    if (view->document) /* of the link's page, hence behind its report */
        auvi_null_tell_committed(null, view);
    return AUV_OK;
}

int auvi_null_recover(struct auvi_engine *engine, uint32_t id, bool stopped)
{
    struct null_view *view = auvi_null_find(auvi_null_of(engine), id);

    if (!view || !view->lost || stopped)
        return AUV_OK;
    return auvi_null_reload(engine, id, view->navigation);
}

int auvi_null_resume(struct auvi_engine *engine, uint32_t id, uint32_t links)
{
    struct null_view *view = auvi_null_find(auvi_null_of(engine), id);

    if (view) {
        view->links_before = links;
        view->documents = links << 16;
    }
    return AUV_OK;
}
