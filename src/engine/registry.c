/*
 * registry.c - the engines that this program was built with. The only file
 * that asks which those are.
 *
 * It is compiled twice: into the library, which never loads a web engine into
 * the application, and into the engine program with AUVI_HAVE_WEBKITGTK.
 */
#include "engine/engine.h"

#include <string.h>

static const struct auvi_engine_impl *const engines[] = {
    &auvi_engine_null,
    &auvi_engine_remote,
#if defined(AUVI_HAVE_WEBKITGTK)
    &auvi_engine_webkitgtk,
#endif
};

const struct auvi_engine_impl *auvi_engine_find(const char *name)
{
    if (!name)
        return NULL;
    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
        if (strcmp(engines[i]->name, name) == 0)
            return engines[i];
    }
    return NULL;
}
