/*
 * document.c - who a page's messages come from. The argument is in document.h.
 *
 * The two sources are not in step: the engine may speak before or after the
 * page. So what it said is kept, in order, until a HELLO fits it.
 */
#include "core/document.h"

#include "core/core.h"

#include <stdlib.h>
#include <string.h>

#define COMMITS_MAX 8u

struct frame_document {
    uint32_t generation; /* 0: free */
    struct auvi_permit *permit;
    char *label; /* name and, behind its end, origin; for the audit */
};

/* receive_lock. `permit` and `generation` change under the lock of the view's
 * permits as well: the sender reads them under that one. */
struct auvi_documents {
    struct auvi_permit *top; /* of the view's document; NULL: nothing */
    struct frame_document frames[AUVI_FRAMES_MAX];
    char *current;              /* of the top document, as the engine says */
    char *commits[COMMITS_MAX]; /* that no HELLO has fitted yet, oldest first */
    size_t commit_count;

    bool held; /* the HELLO of `url` waits for the engine */
    uint32_t hello_generation;
    uint64_t hello_id;
    size_t hello_length; /* of url */
    char url[AUV_MAX_NAME + 1];
};

struct auvi_documents *auvi_documents_create(void)
{
    return calloc(1, sizeof(struct auvi_documents));
}

static void forget_commits(struct auvi_documents *documents, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(documents->commits[i]);
    documents->commit_count -= count;
    memmove(documents->commits, documents->commits + count,
            documents->commit_count * sizeof(char *));
}

void auvi_documents_destroy(struct auvi_documents *documents)
{
    if (!documents)
        return;
    auvi_permit_unref(documents->top);
    for (size_t i = 0; i < AUVI_FRAMES_MAX; i++) {
        auvi_permit_unref(documents->frames[i].permit);
        free(documents->frames[i].label);
    }
    forget_commits(documents, documents->commit_count);
    free(documents->current);
    free(documents);
}

/* ---- what the sender looks at ---------------------------------------------- */

enum hearing {
    HEARS_NOTHING = 0,
    HEARS_SOME = 1,
    HEARS_ALL = 2
};

/* The lock of the permits. */
static void update_hearing(auv_view *view)
{
    const struct auvi_documents *documents = view->documents;
    int hearing = !documents->top              ? HEARS_NOTHING
                  : documents->top->all_events ? HEARS_ALL
                                               : HEARS_SOME;

    for (size_t i = 0; i < AUVI_FRAMES_MAX; i++)
        if (documents->frames[i].permit && hearing != HEARS_ALL)
            hearing = documents->frames[i].permit->all_events ? HEARS_ALL
                                                              : HEARS_SOME;
    atomic_store_explicit(&view->hearing, hearing, memory_order_release);
}

static bool hears(const struct auvi_permit *permit, const char *name,
                  size_t length)
{
    return permit &&
           !atomic_load_explicit(&permit->revoked, memory_order_acquire) &&
           (permit->all_events ||
            auvi_grant_has(permit->grant.events, name, length));
}

bool auvi_documents_hear(auv_view *view, const char *name, size_t length)
{
    const struct auvi_documents *documents = view->documents;
    bool heard;

    if (atomic_load_explicit(&view->hearing, memory_order_acquire) ==
        HEARS_NOTHING)
        return false;
    auvi_mutex_lock(&view->permits.lock);
    heard = hears(documents->top, name, length);
    for (size_t i = 0; !heard && i < AUVI_FRAMES_MAX; i++)
        heard = hears(documents->frames[i].permit, name, length);
    auvi_mutex_unlock(&view->permits.lock);
    return heard;
}

bool auvi_documents_is_frame(const auv_view *view, uint32_t generation)
{
    for (size_t i = 0; i < AUVI_FRAMES_MAX; i++)
        if (generation &&
            atomic_load_explicit(&view->frames[i], memory_order_acquire) ==
                generation)
            return true;
    return false;
}

/* ---- the list ---------------------------------------------------------------- */

static struct frame_document *frame_of(auv_view *view, uint32_t generation)
{
    for (size_t i = 0; i < AUVI_FRAMES_MAX; i++)
        if (view->documents->frames[i].generation == generation)
            return &view->documents->frames[i];
    return NULL;
}

static void set_top(auv_view *view, struct auvi_permit *permit)
{
    struct auvi_permit *old = view->documents->top;

    auvi_mutex_lock(&view->permits.lock);
    view->documents->top = permit;
    update_hearing(view);
    auvi_mutex_unlock(&view->permits.lock);
    auvi_permit_unref(old);
}

static void set_frame(auv_view *view, struct frame_document *frame,
                      uint32_t generation, struct auvi_permit *permit)
{
    struct auvi_permit *old = frame->permit;
    size_t index = (size_t)(frame - view->documents->frames);

    auvi_mutex_lock(&view->permits.lock);
    frame->generation = generation;
    frame->permit = permit;
    update_hearing(view);
    auvi_mutex_unlock(&view->permits.lock);
    atomic_store_explicit(&view->frames[index], generation,
                          memory_order_release);
    auvi_permit_unref(old);
}

static void forget_all(auv_view *view)
{
    if (view->documents->top)
        set_top(view, NULL);
    for (size_t i = 0; i < AUVI_FRAMES_MAX; i++)
        if (view->documents->frames[i].generation)
            set_frame(view, &view->documents->frames[i], 0, NULL);
}

void auvi_documents_gone(auv_view *view, uint32_t generation)
{
    struct frame_document *frame = frame_of(view, generation);

    if (!generation)
        return;
    if (frame)
        set_frame(view, frame, 0, NULL);
    else if (generation ==
             atomic_load_explicit(&view->document, memory_order_relaxed))
        forget_all(view); /* its frames go with it */
}

void auvi_documents_clear(auv_view *view)
{
    struct auvi_documents *documents = view->documents;

    forget_all(view);
    forget_commits(documents, documents->commit_count);
    free(documents->current);
    documents->current = NULL;
    documents->held = false;
}

/* ---- HELLO and commit ---------------------------------------------------------- */

/* The text up to ? and #, cut like the name of a HELLO. */
static size_t file_length(const char *url)
{
    size_t length = strcspn(url, "?#");

    return length < AUV_MAX_NAME ? length : AUV_MAX_NAME;
}

/* The same as far as grants go: origin, and of a file its place. */
static bool is_same_place(const char *a, const char *b)
{
    char first[AUVI_ORIGIN_MAX], second[AUVI_ORIGIN_MAX];
    bool parsed = auvi_origin_parse(a, first);

    if (parsed != auvi_origin_parse(b, second))
        return false;
    if (!parsed)
        return true; /* neither can be granted */
    if (strcmp(first, second) != 0)
        return false;
    return strcmp(first, "file://") != 0 || (file_length(a) == file_length(b) &&
                                             memcmp(a, b, file_length(a)) == 0);
}

static void audit_bridge(auv_view *view, bool granted, const char *frame,
                         const char *url, const char *why)
{
    char origin[AUVI_ORIGIN_MAX];

    auvi_audit_add(&view->app->audit, granted, view->id, frame,
                   auvi_origin_parse(url, origin) ? origin : url, "bridge", 6,
                   why);
}

/* Find what the engine said about the document. 1: it is documents->current now;
 * 0: it has not said it yet; AUV_ERR_STATE: it cannot tell. */
static int find_commit(struct auvi_documents *documents, const char *url)
{
    for (size_t i = 0; i < documents->commit_count; i++) {
        if (!is_same_place(documents->commits[i], url))
            continue;
        free(documents->current);
        documents->current = documents->commits[i];
        documents->commits[i] = NULL;
        forget_commits(documents, i + 1);
        return 1;
    }
    if (documents->current && is_same_place(documents->current, url))
        return 1; /* a document that its own script has written */
    for (size_t i = 0; i < documents->commit_count; i++)
        if (!*documents->commits[i] || documents->held) {
            /* One that waits, waits for the next one only: if that is another,
             * the two disagree. */
            forget_commits(documents, i + 1);
            free(documents->current);
            documents->current = NULL;
            return AUV_ERR_STATE;
        }
    return 0;
}

static int hello_top(auv_view *view, const char *url, bool claims)
{
    struct auvi_documents *documents = view->documents;
    struct auvi_permit *permit = NULL;
    int found = find_commit(documents, url);
    const char *why = "its origin is not on the list";

    if (claims && found == 0)
        return 0;
    forget_all(view);
    if (claims && found == 1)
        permit = auvi_permits_find(&view->permits, documents->current, NULL);
    else if (claims)
        why = "the engine could not tell its address";
    set_top(view, permit);
    /* An empty page asks for nothing. */
    if (strcmp(url, "about:blank") != 0)
        audit_bridge(view, permit != NULL, NULL, url, permit ? "" : why);
    return 1;
}

/* NULL without memory: then the audit says less. */
static char *make_label(const char *name, const char *url)
{
    char origin[AUVI_ORIGIN_MAX] = "";
    size_t length = strlen(name) + 1, size;
    char *label;

    if (!auvi_origin_parse(url, origin))
        origin[0] = '\0';
    size = strlen(origin) + 1;
    label = malloc(length + size);
    if (label) {
        memcpy(label, name, length);
        memcpy(label + length, origin, size);
    }
    return label;
}

static void hello_frame(auv_view *view, const char *url, bool claims,
                        const char *name, uint32_t generation)
{
    struct auvi_documents *documents = view->documents;
    struct frame_document *place = frame_of(view, 0);
    struct auvi_permit *permit = NULL;
    const char *why = "frames of its origin and name are not on the list";

    if (claims && !documents->top) {
        why = "the page around it is not granted";
    } else if (claims && !place) {
        why = "too many granted frames";
    } else if (claims) {
        permit = auvi_permits_find(&view->permits, url, name);
    }
    if (permit) {
        free(place->label);
        place->label = make_label(name, url);
        set_frame(view, place, generation, permit);
    }
    audit_bridge(view, permit != NULL, *name ? name : "(unnamed)", url,
                 permit ? "" : why);
}

static int greet(auv_view *view, const struct auvi_frame *frame,
                 const char *url)
{
    bool claims = frame->id & AUVI_HELLO_GRANTED;
    char name[65] = "";
    size_t length = frame->payload_length;

    if (!(frame->id & AUVI_HELLO_FRAME))
        return hello_top(view, url, claims);
    if (length > sizeof(name) - 1)
        length = sizeof(name) - 1;
    if (length)
        memcpy(name, frame->payload, length);
    hello_frame(view, url, claims, name, frame->generation);
    return 1;
}

int auvi_documents_hello(auv_view *view, const struct auvi_frame *frame)
{
    struct auvi_documents *documents = view->documents;
    int known;

    if (!frame->generation || frame->id > 3 ||
        (frame->payload_length && !frame->payload))
        return AUV_ERR_PROTOCOL;
    memcpy(documents->url, frame->name, frame->name_length);
    documents->url[frame->name_length] = '\0';
    known = greet(view, frame, documents->url);
    if (known == 0) {
        documents->held = true;
        documents->hello_generation = frame->generation;
        documents->hello_id = frame->id;
        documents->hello_length = frame->name_length;
    }
    return known;
}

bool auvi_documents_held(const auv_view *view)
{
    return view->documents->held;
}

int auvi_documents_resume(auv_view *view, struct auvi_frame *hello)
{
    struct auvi_documents *documents = view->documents;
    int known;

    auvi_frame_init(hello, AUVI_FRAME_HELLO);
    hello->generation = documents->hello_generation;
    hello->id = documents->hello_id;
    hello->name = documents->url;
    hello->name_length = documents->hello_length;
    known = greet(view, hello, documents->url);
    if (known == 1)
        documents->held = false;
    return known;
}

void auvi_documents_committed(auv_view *view, const char *url)
{
    struct auvi_documents *documents = view->documents;
    size_t size = strlen(url) + 1;
    char *copy = malloc(size);

    if (!copy) /* then the page waits, and nothing is granted */
        return;
    memcpy(copy, url, size);
    auvi_mutex_lock(&view->app->receive_lock);
    /* What is there has been replaced, whatever its process says from now on. */
    if (documents->current && !is_same_place(documents->current, url)) {
        forget_all(view);
        free(documents->current);
        documents->current = NULL;
    }
    if (documents->commit_count == COMMITS_MAX)
        forget_commits(documents, 1);
    documents->commits[documents->commit_count++] = copy;
    if (documents->held && view->link && view->link_registered)
        auvi_receive_again(view);
    auvi_mutex_unlock(&view->app->receive_lock);
}

/* ---- judging ------------------------------------------------------------------- */

static const char *origin_of(const auv_view *view, char *space)
{
    const char *url = view->documents->current;

    if (!url)
        return "";
    return auvi_origin_parse(url, space) ? space : url;
}

static bool permit_has(const struct auvi_permit *permit,
                       const struct auvi_frame *frame)
{
    bool call = frame->kind == AUVI_FRAME_CALL;

    if ((call ? permit->all_methods : permit->all_events))
        return true;
    return auvi_grant_has(call ? permit->grant.methods : permit->grant.events,
                          frame->name, frame->name_length);
}

static void audit_message(auv_view *view, const struct auvi_frame *frame,
                          const struct frame_document *document,
                          const char *why)
{
    const char *head = frame->kind == AUVI_FRAME_CALL ? "call " : "event ";
    size_t length = strlen(head), rest = frame->name_length;
    char what[160], origin[AUVI_ORIGIN_MAX];

    memcpy(what, head, length);
    if (rest > sizeof(what) - length)
        rest = sizeof(what) - length;
    memcpy(what + length, frame->name, rest);
    if (document && document->label)
        auvi_audit_add(&view->app->audit, false, view->id, document->label,
                       document->label + strlen(document->label) + 1, what,
                       length + rest, why);
    else
        auvi_audit_add(&view->app->audit, false, view->id, NULL,
                       origin_of(view, origin), what, length + rest, why);
}

bool auvi_documents_granted(auv_view *view, uint32_t generation)
{
    const struct frame_document *document =
        generation ? frame_of(view, generation) : NULL;
    const struct auvi_permit *permit =
        document ? document->permit
        : generation ==
                atomic_load_explicit(&view->document, memory_order_relaxed)
            ? view->documents->top
            : NULL;

    return permit &&
           !atomic_load_explicit(&permit->revoked, memory_order_acquire);
}

bool auvi_documents_shares(auv_view *view, uint32_t generation)
{
    const struct auvi_permit *permit = view->documents->top;

    return generation &&
           generation ==
               atomic_load_explicit(&view->document, memory_order_relaxed) &&
           permit && permit->all_methods && permit->all_events &&
           !atomic_load_explicit(&permit->revoked, memory_order_acquire);
}

bool auvi_documents_may(auv_view *view, const struct auvi_frame *frame)
{
    const struct frame_document *document = NULL;
    const struct auvi_permit *permit;
    const char *why = NULL;

    if (frame->generation ==
        atomic_load_explicit(&view->document, memory_order_relaxed))
        permit = view->documents->top;
    else
        permit = (document = frame_of(view, frame->generation))
                     ? document->permit
                     : NULL;
    if (!permit || !frame->generation)
        why = "the document has no grant";
    else if (atomic_load_explicit(&permit->revoked, memory_order_acquire))
        why = "the grant was taken back";
    else if (!permit_has(permit, frame))
        why = "the name is not in the grant";
    if (why)
        audit_message(view, frame, document, why);
    return !why;
}
