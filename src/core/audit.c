/*
 * audit.c - the ring of grants and denials.
 *
 * Bounded, because a page decides how often it is refused: what repeats is
 * counted in one entry, what falls out of the ring is counted as lost.
 */
#include "core/audit.h"

#include "core/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void auvi_audit_init(struct auvi_audit *audit)
{
    auvi_mutex_init(&audit->lock, AUVI_RANK_LEAF, "app.audit");
}

void auvi_audit_fini(struct auvi_audit *audit)
{
    free(audit->slots);
}

static int64_t now_ms(void)
{
    struct timespec now;

    /* The calendar's time: it is read beside other logs. */
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* At most `space` bytes with the end, never in the middle of a character, and
 * no control characters: it may be printed. */
static void put(char *to, size_t space, const char *text, size_t length)
{
    size_t n = length < space ? length : space - 1;

    while (n && n < length && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    for (size_t i = 0; i < n; i++)
        to[i] =
            (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    to[n] = '\0';
}

static void put_text(char *to, size_t space, const char *text)
{
    put(to, space, text ? text : "", text ? strlen(text) : 0);
}

static bool is_same(const struct auvi_audit_slot *a,
                    const struct auvi_audit_slot *b)
{
    return a->view == b->view && a->granted == b->granted &&
           !strcmp(a->frame, b->frame) && !strcmp(a->origin, b->origin) &&
           !strcmp(a->what, b->what) && !strcmp(a->why, b->why);
}

/* True: it is a new entry. */
static bool store(struct auvi_audit *audit, struct auvi_audit_slot *entry)
{
    struct auvi_audit_slot *newest;

    if (entry->granted)
        audit->granted++;
    else
        audit->denied++;
    if (!audit->slots)
        audit->slots = calloc(AUVI_AUDIT_ENTRIES, sizeof(*audit->slots));
    if (!audit->slots) {
        audit->lost++;
        return true;
    }
    newest = &audit->slots[audit->last % AUVI_AUDIT_ENTRIES];
    if (audit->last && is_same(newest, entry)) {
        newest->count++;
        newest->time_ms = entry->time_ms;
        return false;
    }
    entry->number = ++audit->last;
    if (audit->last > AUVI_AUDIT_ENTRIES)
        audit->lost++;
    audit->slots[audit->last % AUVI_AUDIT_ENTRIES] = *entry;
    return true;
}

void auvi_audit_add(struct auvi_audit *audit, bool granted, uint32_t view,
                    const char *frame, const char *origin, const char *what,
                    size_t length, const char *why)
{
    struct auvi_audit_slot entry = {
        .count = 1, .time_ms = now_ms(), .view = view, .granted = granted};
    bool is_new;

    put_text(entry.frame, sizeof(entry.frame), frame);
    put_text(entry.origin, sizeof(entry.origin), origin);
    put(entry.what, sizeof(entry.what), what, length);
    put_text(entry.why, sizeof(entry.why), why);
    auvi_mutex_lock(&audit->lock);
    is_new = store(audit, &entry);
    auvi_mutex_unlock(&audit->lock);
    if (is_new)
        auvi_log(AUV_LOG_INFO, "audit: view %u: %s: %s%s%s%s%s%s%s", view,
                 granted ? "granted" : "denied", entry.what,
                 *entry.origin ? " of " : "", entry.origin,
                 *entry.frame ? " in frame " : "", entry.frame,
                 *entry.why ? ": " : "", entry.why);
}

int auv_app_audit(auv_app *app, uint64_t since, auv_audit_fn fn, void *user)
{
    struct auvi_audit *audit;
    struct auvi_audit_slot *copy;
    uint64_t last = 0, first;
    int told = 0;

    if (!app || !fn)
        return auvi_fail(AUV_ERR_ARG, "app or fn is NULL");
    audit = &app->audit;
    copy = malloc(AUVI_AUDIT_ENTRIES * sizeof(*copy));
    if (!copy)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for the audit");
    /* Host code runs under no lock. */
    auvi_mutex_lock(&audit->lock);
    if (audit->slots) {
        memcpy(copy, audit->slots, AUVI_AUDIT_ENTRIES * sizeof(*copy));
        last = audit->last;
    }
    auvi_mutex_unlock(&audit->lock);
    first = last > AUVI_AUDIT_ENTRIES ? last - AUVI_AUDIT_ENTRIES + 1 : 1;
    for (uint64_t n = since + 1 > first ? since + 1 : first; n <= last; n++) {
        const struct auvi_audit_slot *slot = &copy[n % AUVI_AUDIT_ENTRIES];
        auv_audit_entry entry = {
            .size = sizeof(entry),
            .number = slot->number,
            .count = slot->count,
            .time_ms = slot->time_ms,
            .view = slot->view,
            .granted = slot->granted,
            .frame = slot->frame,
            .origin = slot->origin,
            .what = slot->what,
            .why = slot->why,
        };

        fn(&entry, user);
        told++;
    }
    free(copy);
    return told;
}

int auv_app_audit_counts(auv_app *app, auv_audit_counts *counts)
{
    auv_audit_counts now = {0};
    size_t size;

    if (!app || !counts || counts->size == 0)
        return auvi_fail(AUV_ERR_ARG, "app or counts is NULL, or size is 0");
    size = counts->size < sizeof(now) ? counts->size : sizeof(now);
    now.size = size;
    auvi_mutex_lock(&app->audit.lock);
    now.granted = app->audit.granted;
    now.denied = app->audit.denied;
    now.lost = app->audit.lost;
    auvi_mutex_unlock(&app->audit.lock);
    memcpy(counts, &now, size);
    return AUV_OK;
}
