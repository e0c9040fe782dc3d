#include "engine/engine.h"

#include "base/base.h"

#include <stdlib.h>

void auvi_engine_assert_thread_at(const struct auvi_engine *engine,
                                  const char *caller)
{
#ifndef NDEBUG
    uint64_t self = auvi_thread_self();

    /* 0: an engine that did not say which thread it belongs to. */
    if (engine->thread && engine->thread != self) {
        auvi_log(AUV_LOG_ERROR,
                 "%s: engine '%s' belongs to thread %llu, called on %llu",
                 caller, engine->impl ? engine->impl->name : "?",
                 (unsigned long long)engine->thread, (unsigned long long)self);
        abort();
    }
#else
    (void)engine;
    (void)caller;
#endif
}

void auvi_engine_on_event(struct auvi_engine *engine,
                          const struct auvi_engine_event *event)
{
    auvi_engine_assert_thread(engine);
    engine->sink.on_event(engine->sink.ctx, event);
}

void auvi_engine_on_view_event(struct auvi_engine *engine, uint32_t view,
                               auv_event event)
{
    struct auvi_engine_event report = {.kind = AUVI_ENGINE_VIEW, .view = view};

    event.size = sizeof(event);
    if (!event.text)
        event.text = "";
    report.event = &event;
    auvi_engine_on_event(engine, &report);
}
