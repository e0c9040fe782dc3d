/*
 * permit.c - the list of a view's grants. Changed by the link thread, which
 * tells the engine; read by whoever reads the view's link.
 */
#include "core/permit.h"

#include <stdlib.h>
#include <string.h>

void auvi_permits_init(struct auvi_permits *permits)
{
    auvi_mutex_init(&permits->lock, AUVI_RANK_LEAF, "view.permits");
}

void auvi_permits_fini(struct auvi_permits *permits)
{
    for (size_t i = 0; i < permits->count; i++)
        auvi_permit_unref(permits->list[i]);
    free(permits->list);
}

void auvi_permit_unref(struct auvi_permit *permit)
{
    /* As auv_message_unref(). */
    if (permit &&
        atomic_fetch_sub_explicit(&permit->refs, 1, memory_order_acq_rel) == 1)
        free(permit);
}

static int permit_new(const char *line, struct auvi_permit **out)
{
    size_t size = strlen(line) + 1;
    struct auvi_permit *permit = calloc(1, sizeof(*permit) + size);

    if (!permit)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a grant");
    memcpy(permit->line, line, size);
    if (!auvi_grant_parse(&permit->grant, permit->line)) {
        free(permit);
        return auvi_fail(AUV_ERR_ARG, "a malformed grant");
    }
    atomic_init(&permit->refs, 1);
    permit->all_methods = auvi_grant_is_all(permit->grant.methods);
    permit->all_events = auvi_grant_is_all(permit->grant.events);
    *out = permit;
    return AUV_OK;
}

static struct auvi_permit **place_of(struct auvi_permits *permits,
                                     const char *origin)
{
    for (size_t i = 0; i < permits->count; i++)
        if (!strcmp(permits->list[i]->grant.origin, origin))
            return &permits->list[i];
    return NULL;
}

/* Takes the permit. */
static int put(struct auvi_permits *permits, struct auvi_permit *permit)
{
    struct auvi_permit **place, **grown, *old = NULL;
    int changed = 1;

    auvi_mutex_lock(&permits->lock);
    place = place_of(permits, permit->grant.origin);
    if (place && permit->own) {
        old = permit;
        changed = 0;
    } else if (place) {
        old = *place;
        /* Replaced by less, documents keep what they were given; taken back,
         * they keep nothing. */
        if (permit->denied)
            atomic_store_explicit(&old->revoked, true, memory_order_release);
        *place = permit;
    } else {
        grown = realloc(permits->list,
                        (permits->count + 1) * sizeof(*permits->list));
        if (grown) {
            permits->list = grown;
            grown[permits->count++] = permit;
        } else {
            old = permit;
            changed = AUV_ERR_NOMEM;
        }
    }
    auvi_mutex_unlock(&permits->lock);
    auvi_permit_unref(old);
    return changed < 0 ? auvi_fail(changed, "no memory for a grant") : changed;
}

int auvi_permits_set(struct auvi_permits *permits, const char *line, bool own)
{
    struct auvi_permit *permit = NULL;
    int error = permit_new(line, &permit);

    if (error < 0)
        return error;
    permit->own = own;
    return put(permits, permit);
}

int auvi_permits_deny(struct auvi_permits *permits, const char *origin)
{
    static const char *const none[] = {NULL};
    const struct auvi_grant_list nothing = {none, 0};
    struct auvi_permit *permit = NULL;
    char *line = auvi_grant_line(origin, false, &nothing, &nothing, &nothing);
    int error = line ? permit_new(line, &permit)
                     : auvi_fail(AUV_ERR_NOMEM, "no memory for a grant");

    free(line);
    if (error < 0)
        return error;
    permit->denied = true;
    return put(permits, permit);
}

void auvi_permits_revoke(struct auvi_permits *permits, const char *origin)
{
    struct auvi_permit **place;

    auvi_mutex_lock(&permits->lock);
    place = place_of(permits, origin);
    if (place)
        atomic_store_explicit(&(*place)->revoked, true, memory_order_release);
    auvi_mutex_unlock(&permits->lock);
}

static bool grants(const struct auvi_permit *permit, const char *url,
                   const char *frame)
{
    const struct auvi_grant *grant = &permit->grant;

    if (permit->denied ||
        atomic_load_explicit(&permit->revoked, memory_order_acquire))
        return false;
    return (frame ? auvi_grant_has(grant->frames, frame, strlen(frame))
                  : grant->top) &&
           auvi_grant_fits(grant, url);
}

struct auvi_permit *auvi_permits_find(struct auvi_permits *permits,
                                      const char *url, const char *frame)
{
    struct auvi_permit *found = NULL;

    auvi_mutex_lock(&permits->lock);
    for (size_t i = 0; !found && i < permits->count; i++)
        if (grants(permits->list[i], url, frame))
            found = permits->list[i];
    if (found)
        atomic_fetch_add_explicit(&found->refs, 1, memory_order_relaxed);
    auvi_mutex_unlock(&permits->lock);
    return found;
}

static size_t line_size(const struct auvi_grant *grant)
{
    return strlen(grant->origin) + strlen(grant->frames) +
           strlen(grant->methods) + strlen(grant->events) + 8;
}

static char *add(char *to, const char *text, char end)
{
    size_t length = strlen(text);

    memcpy(to, text, length);
    to[length] = end;
    return to + length + 1;
}

char **auvi_permits_lines(struct auvi_permits *permits, size_t *count)
{
    size_t size = 0;
    char **lines, *to;

    auvi_mutex_lock(&permits->lock);
    for (size_t i = 0; i < permits->count; i++)
        size += sizeof(char *) + line_size(&permits->list[i]->grant);
    lines = malloc(size + 1);
    if (lines) {
        to = (char *)(lines + permits->count);
        *count = 0;
        for (size_t i = 0; i < permits->count; i++) {
            const struct auvi_grant *grant = &permits->list[i]->grant;

            if (permits->list[i]->denied)
                continue;
            lines[(*count)++] = to;
            to = add(to, grant->origin, '\x1f');
            to = add(to, grant->top ? "t" : "", '\x1f');
            to = add(to, grant->frames, '\x1f');
            to = add(to, grant->methods, '\x1f');
            to = add(to, grant->events, '\0');
        }
    }
    auvi_mutex_unlock(&permits->lock);
    return lines;
}
