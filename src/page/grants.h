/*
 * grants.h - in the page's process: whether a document may have the bridge.
 *
 * Threads: the page's own.
 */
#ifndef AUVI_PAGE_GRANTS_H
#define AUVI_PAGE_GRANTS_H

#include "base/grant.h"

#include <JavaScriptCore/JavaScript.h>
#include <glib.h>

/* A document keeps the grant that it was given: the list may change. */
struct auvi_page_grant {
    struct auvi_grant grant;
    gatomicrefcount refs;
    char line[];
};

/* Replace the list; `lines` of base/grant.h. What is malformed grants nothing. */
void auvi_page_grants_take(const char *const *lines);

/* What grants the document of that address whose window this is, before any
 * script of it has run; a reference, or NULL. *name (free()) is that of its
 * frame; NULL for the top. */
struct auvi_page_grant *auvi_page_grants_find(JSContextRef context, bool top,
                                              const char *url, char **name);
void auvi_page_grant_unref(struct auvi_page_grant *grant);

#endif /* AUVI_PAGE_GRANTS_H */
