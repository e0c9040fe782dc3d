/*
 * state.c - values shared with the page. Contract in auroraview/state.h.
 *
 * The store decides the order of all writes. Each entry remembers the number of
 * the page's newest write that is in (`acked`), and each frame to the page
 * carries it:
 *
 *   page   has at most one write of a key under way, number n. Until it hears
 *          acked >= n it ignores what it is told of the key: those values come
 *          before n in the store's order.
 *   host   owes the page the newest value of each key, or only the number when
 *          that value is the page's own.
 *
 * So a value that is replaced before it was sent costs nothing, and when both
 * sides rest, the page has heard of the last write of each key, or made it.
 *
 * A write that finds no place is answered by what the store has; if it has
 * nothing under that key, by the number in the next STATE_SYNC.
 */
#include "core/streams.h"

#include <stdlib.h>
#include <string.h>

#define TOLD_AT_ONCE 64 /* entries of one item: others have their turn, too */
#define MAX_FDS 64      /* that the store holds for pages */

struct auvi_state_entry {
    struct auvi_state_entry *chain;        /* bucket */
    struct auvi_state_entry *next, **link; /* order of making */
    struct auvi_state_entry *next_owed, *next_untold;
    struct auv_message *value; /* its name is the key; NULL: deleted */
    uint64_t acked;            /* of the present document */
    auv_side source;
    bool is_owed, is_untold;
    bool page_has_it; /* owes only the number */
    bool telling;     /* the consumer uses it without the lock */
    uint32_t hash;
    size_t key_length;
    char key[];
};

static uint32_t hash_key(const char *key, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a; at most AUV_STATE_MAX_KEYS keys, so
                                    a hostile page gains little */

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)key[i]) * 16777619u;
    return hash;
}

void auvi_state_init(struct auvi_streams *streams)
{
    streams->last = &streams->first;
    streams->owed_tail = &streams->owed;
    streams->untold_tail = &streams->untold;
    streams->item.kind = AUVI_ITEM_STATE;
}

void auvi_state_free(struct auvi_streams *streams)
{
    while (streams->first) {
        struct auvi_state_entry *next = streams->first->next;

        auv_message_unref(streams->first->value);
        free(streams->first);
        streams->first = next;
    }
}

/* ---- entries (streams_lock) ------------------------------------------------ */

static size_t size_of(const struct auv_message *value)
{
    size_t size = 0;

    if (!value)
        return 0;
    size = sizeof(*value) + value->name_length + value->json_length;
    for (size_t i = 0; i < value->part_count; i++)
        size += value->parts[i].length;
    return size;
}

static size_t fds_of(const struct auv_message *value)
{
    size_t count = value->json_fd >= 0;

    for (size_t i = 0; i < value->part_count; i++)
        count += value->parts[i].fd >= 0;
    return count;
}

static struct auvi_state_entry *find(struct auvi_streams *streams,
                                     const char *key, size_t length)
{
    uint32_t hash = hash_key(key, length);
    struct auvi_state_entry *entry =
        streams->buckets[hash % AUVI_STATE_BUCKETS];

    while (entry && (entry->hash != hash || entry->key_length != length ||
                     memcmp(entry->key, key, length) != 0))
        entry = entry->chain;
    return entry;
}

static struct auvi_state_entry *add(struct auvi_streams *streams,
                                    const char *key, size_t length)
{
    struct auvi_state_entry *entry, **bucket;

    if (streams->keys >= AUV_STATE_MAX_KEYS)
        return NULL;
    entry = calloc(1, sizeof(*entry) + length + 1);
    if (!entry)
        return NULL;
    memcpy(entry->key, key, length);
    entry->key_length = length;
    entry->hash = hash_key(key, length);
    bucket = &streams->buckets[entry->hash % AUVI_STATE_BUCKETS];
    entry->chain = *bucket;
    *bucket = entry;
    entry->link = streams->last;
    *streams->last = entry;
    streams->last = &entry->next;
    streams->keys++;
    return entry;
}

/* Forget a deleted key, once nobody has to hear of it any more. */
static void drop_if_done(struct auvi_streams *streams,
                         struct auvi_state_entry *entry)
{
    struct auvi_state_entry **at =
        &streams->buckets[entry->hash % AUVI_STATE_BUCKETS];

    if (entry->value || entry->is_owed || entry->is_untold || entry->telling)
        return;
    while (*at != entry)
        at = &(*at)->chain;
    *at = entry->chain;
    *entry->link = entry->next;
    if (entry->next)
        entry->next->link = entry->link;
    else
        streams->last = entry->link;
    streams->keys--;
    free(entry);
}

static void owe(struct auvi_streams *streams, struct auvi_state_entry *entry)
{
    if (!streams->document || entry->is_owed)
        return;
    entry->is_owed = true;
    entry->next_owed = NULL;
    *streams->owed_tail = entry;
    streams->owed_tail = &entry->next_owed;
}

static void want_told(struct auvi_streams *streams,
                      struct auvi_state_entry *entry)
{
    if (entry->is_untold)
        return;
    entry->is_untold = true;
    entry->next_untold = NULL;
    *streams->untold_tail = entry;
    streams->untold_tail = &entry->next_untold;
}

/* Two texts are the same value; parts are not compared: they may be large. */
static bool same(const struct auv_message *a, const struct auv_message *b)
{
    if (!a || !b)
        return a == b;
    return a->json && b->json && !a->part_count && !b->part_count &&
           a->json_length == b->json_length &&
           memcmp(a->json, b->json, a->json_length) == 0;
}

/* Takes value. False: it was that already. *old is for the caller to release
 * without the lock. */
static bool put(struct auvi_streams *streams, struct auvi_state_entry *entry,
                struct auv_message *value, auv_side source, bool silent,
                struct auv_message **old)
{
    if (same(entry->value, value)) {
        *old = value;
        return false;
    }
    *old = entry->value;
    streams->bytes += size_of(value) - size_of(*old);
    entry->value = value;
    entry->source = source;
    if (!silent)
        want_told(streams, entry);
    return true;
}

/* The item that tells the observers: true, once it has to be pushed. */
static bool item_wanted(auv_view *view)
{
    struct auvi_streams *streams = view->streams;

    if (!streams->untold || streams->item_queued)
        return false;
    streams->item_queued = true;
    streams->item.view = auv_view_ref(view);
    return true;
}

/* ---- the host's side -------------------------------------------------------- */

static int check_key(auv_view *view, const char *key, size_t *length)
{
    if (!view || !key)
        return auvi_fail(AUV_ERR_ARG, "view or key is NULL");
    if (*length == AUV_NUL_TERMINATED)
        *length = strlen(key);
    if (!*length)
        return auvi_fail(AUV_ERR_ARG, "the key is empty");
    if (*length > AUV_MAX_NAME)
        return auvi_fail(AUV_ERR_TOO_LARGE, "a key has %zu bytes, limit %zu",
                         *length, AUV_MAX_NAME);
    return AUV_OK;
}

/* The view may outlive its application: then the store is all that is left. */
static bool is_gone(const auv_view *view)
{
    return auvi_lifecycle_is_destroyed(&view->lifecycle);
}

/* Takes value (NULL: delete). */
static int write_value(auv_view *view, const char *key, size_t length,
                       struct auv_message *value, unsigned flags)
{
    struct auvi_streams *streams = view->streams;
    struct auvi_state_entry *entry;
    struct auv_message *old = NULL;
    bool gone = is_gone(view), changed = false, tell = false, found, full;

    auvi_mutex_lock(&view->streams_lock);
    entry = find(streams, key, length);
    if (!entry && value)
        entry = add(streams, key, length);
    found = entry != NULL;
    full = streams->keys >= AUV_STATE_MAX_KEYS;
    if (entry) {
        changed = put(streams, entry, value, AUV_SIDE_HOST,
                      gone || flags & AUV_STATE_SILENT, &old);
        if (changed) {
            entry->page_has_it = false;
            owe(streams, entry);
            tell = !gone && item_wanted(view);
        }
        drop_if_done(streams, entry);
    }
    auvi_mutex_unlock(&view->streams_lock);
    if (!found && value) {
        auv_message_unref(value);
        return full ? auvi_fail(AUV_ERR_QUEUE_FULL, "this view has %d keys",
                                AUV_STATE_MAX_KEYS)
                    : auvi_fail(AUV_ERR_NOMEM, "no memory for a key");
    }
    auv_message_unref(old);
    if (changed && !gone)
        auvi_send_streams(view, false);
    if (tell)
        auvi_streams_push(view, &streams->item);
    return changed;
}

int auv_view_state_set(auv_view *view, const char *key, size_t key_length,
                       const char *json, size_t json_length,
                       const auv_part *parts, size_t part_count, unsigned flags)
{
    struct auv_message *value;
    int error = check_key(view, key, &key_length);

    if (error < 0)
        return error;
    error = auvi_message_create(key, key_length, json, json_length, parts,
                                part_count, &value);
    if (error < 0)
        return error;
    value->kind = AUVI_FRAME_STATE_SET;
    return write_value(view, key, key_length, value, flags);
}

int auv_view_state_delete(auv_view *view, const char *key, size_t key_length,
                          unsigned flags)
{
    int error = check_key(view, key, &key_length);

    if (error < 0)
        return error;
    return write_value(view, key, key_length, NULL, flags);
}

int auv_view_state_clear(auv_view *view, unsigned flags)
{
    struct auvi_streams *streams;
    struct auvi_state_entry *entry, *next;
    bool gone, tell;
    int count = 0;

    if (!view)
        return auvi_fail(AUV_ERR_ARG, "view is NULL");
    gone = is_gone(view);
    streams = view->streams;
    auvi_mutex_lock(&view->streams_lock);
    for (entry = streams->first; entry; entry = next) {
        struct auv_message *old;

        next = entry->next;
        if (!entry->value)
            continue;
        put(streams, entry, NULL, AUV_SIDE_HOST,
            gone || flags & AUV_STATE_SILENT, &old);
        auv_message_unref(old);
        entry->page_has_it = false;
        owe(streams, entry);
        drop_if_done(streams, entry);
        count++;
    }
    tell = !gone && item_wanted(view);
    auvi_mutex_unlock(&view->streams_lock);
    if (count && !gone)
        auvi_send_streams(view, false);
    if (tell)
        auvi_streams_push(view, &streams->item);
    return count;
}

int auv_view_state_get(auv_view *view, const char *key, size_t key_length,
                       auv_message **out)
{
    struct auvi_state_entry *entry;
    int error = check_key(view, key, &key_length);

    if (error < 0)
        return error;
    if (!out)
        return auvi_fail(AUV_ERR_ARG, "out is NULL");
    auvi_mutex_lock(&view->streams_lock);
    entry = find(view->streams, key, key_length);
    *out = entry && entry->value ? auv_message_ref(entry->value) : NULL;
    auvi_mutex_unlock(&view->streams_lock);
    return *out != NULL;
}

int auv_view_state_each(auv_view *view, auv_state_fn fn, void *user)
{
    struct {
        struct auv_message *value;
        auv_side source;
    } * all;
    size_t count = 0;

    if (!view || !fn)
        return auvi_fail(AUV_ERR_ARG, "view or fn is NULL");
    auvi_mutex_lock(&view->streams_lock);
    all = calloc(view->streams->keys + 1, sizeof(*all));
    for (struct auvi_state_entry *entry = view->streams->first; all && entry;
         entry = entry->next) {
        if (!entry->value)
            continue;
        all[count].value = auv_message_ref(entry->value);
        all[count++].source = entry->source;
    }
    auvi_mutex_unlock(&view->streams_lock);
    if (!all)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for the list of keys");
    for (size_t i = 0; i < count; i++) {
        fn(view, all[i].value->name, all[i].value->name_length, all[i].value,
           all[i].source, user);
        auv_message_unref(all[i].value);
    }
    free(all);
    return (int)count;
}

/* ---- telling the observers --------------------------------------------------- */

void auvi_state_dispatch(auv_view *view)
{
    struct auvi_streams *streams = view->streams;
    bool more;

    for (int i = 0; i < TOLD_AT_ONCE; i++) {
        struct auvi_state_entry *entry;
        struct auv_message *value;
        auv_side source;

        auvi_mutex_lock(&view->streams_lock);
        entry = streams->untold;
        if (!entry) {
            auvi_mutex_unlock(&view->streams_lock);
            break;
        }
        streams->untold = entry->next_untold;
        if (!streams->untold)
            streams->untold_tail = &streams->untold;
        entry->is_untold = false;
        entry->telling = true; /* keeps the key */
        value = entry->value ? auv_message_ref(entry->value) : NULL;
        source = entry->source;
        auvi_mutex_unlock(&view->streams_lock);
        auvi_handlers_state(view, entry->key, entry->key_length, value, source);
        auv_message_unref(value);
        auvi_mutex_lock(&view->streams_lock);
        entry->telling = false;
        drop_if_done(streams, entry);
        auvi_mutex_unlock(&view->streams_lock);
    }
    auvi_mutex_lock(&view->streams_lock);
    streams->item_queued = false;
    more = item_wanted(view);
    auvi_mutex_unlock(&view->streams_lock);
    if (more)
        auvi_streams_push(view, &streams->item);
}

/* ---- the page's side ---------------------------------------------------------- */

void auvi_state_gone(struct auvi_streams *streams)
{
    while (streams->owed) {
        struct auvi_state_entry *entry = streams->owed;

        streams->owed = entry->next_owed;
        entry->is_owed = false;
        drop_if_done(streams, entry);
    }
    streams->owed_tail = &streams->owed;
    streams->sync_due = false;
}

void auvi_state_document(struct auvi_streams *streams)
{
    for (struct auvi_state_entry *entry = streams->first; entry;
         entry = entry->next) {
        entry->acked = 0;
        entry->page_has_it = false;
        if (entry->value)
            owe(streams, entry);
    }
    streams->refused = 0;
    streams->sync_due = true;
}

/* Room for what the page writes, instead of `old`. */
static bool page_may_write(const struct auvi_streams *streams,
                           const struct auv_message *old,
                           const struct auv_message *value)
{
    size_t fds = fds_of(value);

    if (streams->bytes - size_of(old) + size_of(value) >
        AUV_STATE_MAX_PAGE_BYTES)
        return false;
    for (const struct auvi_state_entry *entry = fds ? streams->first : NULL;
         entry; entry = entry->next)
        if (entry->value && entry->value != old)
            fds += fds_of(entry->value);
    return fds <= MAX_FDS;
}

int auvi_state_receive(auv_view *view, struct auvi_frame *frame, int error)
{
    struct auvi_streams *streams = view->streams;
    struct auvi_state_entry *entry;
    struct auv_message *value = NULL, *old = NULL;
    bool set = frame->kind == AUVI_FRAME_STATE_SET, in = false, tell;
    uint64_t number = frame->id;

    if ((!set && frame->kind != AUVI_FRAME_STATE_DELETE) ||
        !frame->name_length || !number)
        return AUV_ERR_PROTOCOL;
    if (set && error == AUV_OK &&
        (error = auvi_message_from_frame(frame, &value)) < 0)
        auvi_log(AUV_LOG_ERROR, "view %u: a write of its page was refused: %s",
                 view->id, auv_last_error_message());
    auvi_mutex_lock(&view->streams_lock);
    if (frame->generation != streams->document || !streams->document) {
        auvi_mutex_unlock(&view->streams_lock);
        auv_message_unref(value);
        return AUV_OK; /* of a document that is gone */
    }
    entry = find(streams, frame->name, frame->name_length);
    if (!entry && value && page_may_write(streams, NULL, value))
        entry = add(streams, frame->name, frame->name_length);
    if (!entry) {
        streams->refused = number;
        streams->sync_due = true;
    } else {
        in = error == AUV_OK &&
             (!value || page_may_write(streams, entry->value, value));
        if (in) {
            put(streams, entry, value, AUV_SIDE_PAGE, false, &old);
            value = NULL;
        }
        /* An older value that was still to be sent is replaced, too. */
        entry->page_has_it = in;
        entry->acked = number;
        owe(streams, entry);
    }
    tell = item_wanted(view);
    auvi_mutex_unlock(&view->streams_lock);
    auv_message_unref(value);
    auv_message_unref(old);
    if (!in && set)
        atomic_fetch_add_explicit(&view->app->dropped, 1, memory_order_relaxed);
    auvi_send_streams(view, true);
    if (tell)
        auvi_streams_push(view, &streams->item);
    return AUV_OK;
}

static int send_frame(auv_view *view, struct auvi_frame *frame)
{
    int error;

    frame->generation = view->streams->document;
    error = auvi_link_send(view->link, frame);
    if (error == AUV_OK)
        atomic_fetch_add_explicit(&view->app->sent, 1, memory_order_relaxed);
    return error;
}

int auvi_state_send(auv_view *view)
{
    struct auvi_streams *streams = view->streams;
    struct auvi_frame frame;
    int error;

    if (!streams->document)
        return AUV_OK;
    while (streams->owed) {
        struct auvi_state_entry *entry = streams->owed;

        if (entry->page_has_it)
            auvi_frame_init(&frame, AUVI_FRAME_STATE_SYNC);
        else if (entry->value)
            auvi_message_to_frame(entry->value, &frame);
        else
            auvi_frame_init(&frame, AUVI_FRAME_STATE_DELETE);
        if (entry->value && !entry->page_has_it)
            frame.kind = AUVI_FRAME_STATE_SET; /* whoever has made it */
        frame.flags = 0;
        frame.name = entry->key;
        frame.name_length = entry->key_length;
        frame.id = entry->acked;
        error = send_frame(view, &frame);
        if (error < 0)
            return error;
        streams->owed = entry->next_owed;
        if (!streams->owed)
            streams->owed_tail = &streams->owed;
        entry->is_owed = false;
        drop_if_done(streams, entry);
    }
    if (streams->sync_due) {
        auvi_frame_init(&frame, AUVI_FRAME_STATE_SYNC);
        frame.id = streams->refused;
        error = send_frame(view, &frame);
        if (error < 0)
            return error;
        streams->sync_due = false;
    }
    return AUV_OK;
}
