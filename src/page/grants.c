/*
 * grants.c - the list of grants in the page's process. Contract in grants.h.
 */
#include "page/grants.h"

#include "base/base.h"
#include "base/origin.h"
#include "page/js.h"

#include <stdlib.h>
#include <string.h>

static GPtrArray *list;

void auvi_page_grant_unref(struct auvi_page_grant *grant)
{
    if (grant && g_atomic_ref_count_dec(&grant->refs))
        g_free(grant);
}

static void unref(gpointer grant)
{
    auvi_page_grant_unref(grant);
}

void auvi_page_grants_take(const char *const *lines)
{
    if (list)
        g_ptr_array_unref(list);
    list = g_ptr_array_new_with_free_func(unref);
    for (; *lines; lines++) {
        size_t size = strlen(*lines) + 1;
        struct auvi_page_grant *grant = g_malloc(sizeof(*grant) + size);

        g_atomic_ref_count_init(&grant->refs);
        memcpy(grant->line, *lines, size);
        if (auvi_grant_parse(&grant->grant, grant->line)) {
            g_ptr_array_add(list, grant);
        } else {
            auvi_log(AUV_LOG_ERROR, "page: a malformed grant");
            g_free(grant);
        }
    }
}

/* The document's origin is that of its address, and not one that it inherits
 * (blob:, about:blank) or has given up (a sandbox). WebKit calls the origin of
 * every file "null", as that of a sandboxed document: there the address counts
 * alone. */
static bool is_of_its_address(const char *url, const char *origin)
{
    char parsed[AUVI_ORIGIN_MAX];

    return url && origin && auvi_origin_parse(url, parsed) &&
           (!strcmp(parsed, "file://") || !strcmp(parsed, origin));
}

struct auvi_page_grant *auvi_page_grants_find(JSContextRef context, bool top,
                                              const char *url, char **name)
{
    char *origin = auvi_script_text(context, "self.origin");
    struct auvi_page_grant *found = NULL;

    *name = top ? NULL : auvi_script_text(context, "self.name");
    for (guint i = 0; !found && list && i < list->len; i++) {
        struct auvi_page_grant *grant = g_ptr_array_index(list, i);

        if ((top ? grant->grant.top
                 : *name && auvi_grant_has(grant->grant.frames, *name,
                                           strlen(*name))) &&
            is_of_its_address(url, origin) &&
            auvi_grant_fits(&grant->grant, url))
            found = grant;
    }
    if (found)
        g_atomic_ref_count_inc(&found->refs);
    free(origin);
    return found;
}
