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

/* Texts are cut to these. */
#define FRAME_MAX 64
#define TEXT_MAX 256
#define TEXTS 4 /* frame, origin, what, why, each with its end */

struct auvi_audit_slot {
    auv_audit_entry entry; /* its texts lead into `text` */
    size_t length;         /* of `text` */
    char text[];
};

void auvi_audit_init(struct auvi_audit *audit)
{
    auvi_mutex_init(&audit->lock, AUVI_RANK_LEAF, "app.audit");
}

void auvi_audit_fini(struct auvi_audit *audit)
{
    for (size_t i = 0; i < AUVI_AUDIT_ENTRIES; i++)
        free(audit->slots[i]);
}

static int64_t now_ms(void)
{
    struct timespec now;

    /* The calendar's time: it is read beside other logs. */
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* At most `space` bytes with the end, never in the middle of a character, and
 * no control characters: it may be printed. Returns where the next one goes. */
static char *put(char *to, size_t space, const char *text, size_t length)
{
    size_t n = length < space ? length : space - 1;

    while (n && n < length && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    for (size_t i = 0; i < n; i++)
        to[i] =
            (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    to[n] = '\0';
    return to + n + 1;
}

static char *put_text(char *to, size_t space, const char *text)
{
    return put(to, space, text ? text : "", text ? strlen(text) : 0);
}

static void lead_texts(struct auvi_audit_slot *slot)
{
    const char *at = slot->text;

    slot->entry.frame = at;
    slot->entry.origin = at += strlen(at) + 1;
    slot->entry.what = at += strlen(at) + 1;
    slot->entry.why = at + strlen(at) + 1;
}

static struct auvi_audit_slot *slot_new(const auv_audit_entry *entry,
                                        const char *text, size_t length)
{
    struct auvi_audit_slot *slot = malloc(sizeof(*slot) + length);

    if (!slot)
        return NULL;
    slot->entry = *entry;
    slot->length = length;
    memcpy(slot->text, text, length);
    lead_texts(slot);
    return slot;
}

static bool is_same(const struct auvi_audit_slot *slot,
                    const auv_audit_entry *entry, const char *text,
                    size_t length)
{
    return slot && slot->entry.view == entry->view &&
           slot->entry.granted == entry->granted && slot->length == length &&
           !memcmp(slot->text, text, length);
}

/* True: it is a new entry. */
static bool store(struct auvi_audit *audit, auv_audit_entry *entry,
                  const char *text, size_t length)
{
    struct auvi_audit_slot *newest =
        audit->slots[audit->last % AUVI_AUDIT_ENTRIES];
    struct auvi_audit_slot **place;

    if (entry->granted)
        audit->granted++;
    else
        audit->denied++;
    if (is_same(newest, entry, text, length)) {
        newest->entry.count++;
        newest->entry.time_ms = entry->time_ms;
        return false;
    }
    entry->number = ++audit->last;
    place = &audit->slots[audit->last % AUVI_AUDIT_ENTRIES];
    if (*place)
        audit->lost++;
    free(*place);
    *place = slot_new(entry, text, length);
    if (!*place)
        audit->lost++;
    return true;
}

void auvi_audit_add(struct auvi_audit *audit, bool granted, uint32_t view,
                    const char *frame, const char *origin, const char *what,
                    size_t length, const char *why)
{
    auv_audit_entry entry = {.size = sizeof(entry),
                             .count = 1,
                             .time_ms = now_ms(),
                             .view = view,
                             .granted = granted};
    char text[FRAME_MAX + (TEXTS - 1) * TEXT_MAX];
    const char *origin_at, *what_at, *why_at, *end;
    bool is_new;

    origin_at = put_text(text, FRAME_MAX, frame);
    what_at = put_text(text + (origin_at - text), TEXT_MAX, origin);
    why_at = put(text + (what_at - text), TEXT_MAX / 2, what, length);
    end = put_text(text + (why_at - text), TEXT_MAX, why);
    auvi_mutex_lock(&audit->lock);
    is_new = store(audit, &entry, text, (size_t)(end - text));
    auvi_mutex_unlock(&audit->lock);
    if (is_new)
        auvi_log(AUV_LOG_INFO, "audit: view %u: %s: %s%s%s%s%s%s%s", view,
                 granted ? "granted" : "denied", what_at,
                 *origin_at ? " of " : "", origin_at, *text ? " in frame " : "",
                 text, *why_at ? ": " : "", why_at);
}

/* Copies of the entries after `since`, oldest first; their number. */
static size_t copy_slots(struct auvi_audit *audit, uint64_t since,
                         struct auvi_audit_slot **out)
{
    size_t count = 0;
    uint64_t first;

    auvi_mutex_lock(&audit->lock);
    first = audit->last > AUVI_AUDIT_ENTRIES
                ? audit->last - AUVI_AUDIT_ENTRIES + 1
                : 1;
    for (uint64_t n = since >= first ? since + 1 : first; n <= audit->last;
         n++) {
        const struct auvi_audit_slot *slot =
            audit->slots[n % AUVI_AUDIT_ENTRIES];

        if (slot)
            out[count] = slot_new(&slot->entry, slot->text, slot->length);
        if (slot && out[count])
            count++;
    }
    auvi_mutex_unlock(&audit->lock);
    return count;
}

int auv_app_audit(auv_app *app, uint64_t since, auv_audit_fn fn, void *user)
{
    struct auvi_audit_slot *copies[AUVI_AUDIT_ENTRIES];
    size_t count;

    if (!app || !fn)
        return auvi_fail(AUV_ERR_ARG, "app or fn is NULL");
    /* Host code runs under no lock. */
    count = copy_slots(&app->audit, since, copies);
    for (size_t i = 0; i < count; i++) {
        fn(&copies[i]->entry, user);
        free(copies[i]);
    }
    return (int)count;
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
