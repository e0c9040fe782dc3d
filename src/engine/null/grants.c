/*
 * grants.c - which pages of the null engine have a bridge.
 */
#include "base/base.h"
#include "base/grant.h"
#include "engine/null/null_priv.h"

#include <stdlib.h>
#include <string.h>

void auvi_null_free_grants(char **grants, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(grants[i]);
    free(grants);
}

bool auvi_null_is_granted(const struct null_view *view, const char *url)
{
    bool granted = false;

    for (size_t i = 0; !granted && i < view->grant_count; i++) {
        struct auvi_grant grant;
        char *line = strdup(view->grants[i]);

        granted = line && auvi_grant_parse(&grant, line) && grant.top &&
                  auvi_grant_fits(&grant, url);
        free(line);
    }
    return granted;
}

int auvi_null_set_grants(struct auvi_engine *engine, uint32_t id,
                         const char *const *origins, size_t count)
{
    struct null_view *view = auvi_null_find(auvi_null_of(engine), id);
    char **copies;

    if (!view)
        return AUV_OK;
    copies = calloc(count + 1, sizeof(char *));
    if (!copies)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for grants");
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(origins[i]) + 1;

        copies[i] = malloc(size);
        if (!copies[i]) {
            auvi_null_free_grants(copies, i);
            return auvi_fail(AUV_ERR_NOMEM, "no memory for grants");
        }
        memcpy(copies[i], origins[i], size);
    }
    auvi_null_free_grants(view->grants, view->grant_count);
    view->grants = copies;
    view->grant_count = count;
    return AUV_OK;
}

/* Its pages go nowhere by themselves. */
int auvi_null_set_allowed(struct auvi_engine *engine, uint32_t id,
                          const char *const *patterns, size_t count)
{
    (void)auvi_null_of(engine);
    (void)id;
    (void)patterns;
    (void)count;
    return AUV_OK;
}
