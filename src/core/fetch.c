/*
 * fetch.c - a request for one of the host's own URLs, from its arrival to its
 * one answer.
 *
 *     PENDING --> ANSWERED     auv_fetch_reply(), _reply_fd(), _stream(), or
 *        |                     the last reference going without
 *        +------> CANCELLED    the page gave up, its view is gone, or the
 *                              engine's deadline has passed
 *
 * One compare-and-swap decides. How many can wait is the engine's to limit: it
 * hands over the next when one has been answered.
 */
#include "core/fetch.h"

#include "base/stream.h"
#include "base/range.h"

#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX ((size_t)64)
#define HEADER_BYTES_MAX ((size_t)64 * 1024)
#define TIMEOUT_MS 30000
#define TIMEOUT_MAX_MS ((int64_t)24 * 3600 * 1000)

/* ---- arrival -------------------------------------------------------------- */

static char *copy_bytes(const char *text, size_t length)
{
    char *copy = malloc(length + 1);

    if (!copy)
        return NULL;
    if (length)
        memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

static char *copy_text(const char *text)
{
    return copy_bytes(text ? text : "", text ? strlen(text) : 0);
}

static void fetch_free(auv_fetch *fetch)
{
    auv_view *view = fetch->view;

    auvi_mutex_lock(&view->calls_lock);
    if (fetch->prev)
        fetch->prev->next = fetch->next;
    else if (view->fetches == fetch)
        view->fetches = fetch->next;
    if (fetch->next)
        fetch->next->prev = fetch->prev;
    auvi_mutex_unlock(&view->calls_lock);
    free(fetch->url);
    free(fetch->method);
    free(fetch->headers);
    free(fetch);
    auv_view_unref(view);
}

static auv_fetch *fetch_new(auv_view *view,
                            const struct auvi_engine_fetch *asked)
{
    auv_fetch *fetch = calloc(1, sizeof(*fetch));

    if (!fetch)
        return NULL;
    atomic_init(&fetch->refs, 1);
    auvi_mutex_init(&fetch->lock, AUVI_RANK_LEAF, "fetch");
    fetch->view = auv_view_ref(view);
    fetch->id = asked->id;
    fetch->fd = -1;
    fetch->item.kind = AUVI_ITEM_FETCH;
    fetch->item.u.fetch = fetch;
    fetch->room_item.kind = AUVI_ITEM_ROOM;
    fetch->room_item.u.fetch = fetch;
    fetch->url = copy_text(asked->url);
    fetch->method = copy_text(asked->method);
    fetch->headers = copy_text(asked->headers);
    if (!fetch->url || !fetch->method || !fetch->headers) {
        fetch_free(fetch);
        return NULL;
    }
    fetch->headers_length = strlen(fetch->headers);
    for (char *at = fetch->headers; *at; at++)
        if (*at == '\n')
            *at = '\0';
    auvi_mutex_lock(&view->calls_lock);
    fetch->next = view->fetches;
    if (fetch->next)
        fetch->next->prev = fetch;
    view->fetches = fetch;
    auvi_mutex_unlock(&view->calls_lock);
    return fetch;
}

void auvi_fetch_begin(auv_view *view, const struct auvi_engine_fetch *asked)
{
    struct auv_app *app = view->app;
    auv_fetch *fetch = fetch_new(view, asked);
    int pushed;

    if (!fetch) {
        struct auvi_engine_answer none = {.status = 503, .fd = -1};

        app->engine_impl->answer(app->engine, view->id, asked->id, &none);
        return;
    }
    pushed = auvi_queue_push(app->inbox, AUVI_NORMAL, &fetch->item);
    if (pushed >= 0) {
        auvi_app_wake_consumer(app, pushed, AUVI_HIGH);
        return;
    }
    atomic_fetch_add_explicit(&app->dropped, 1, memory_order_relaxed);
    auvi_fetch_fail(fetch, 503, "Too much waits for the application.");
    auv_fetch_unref(fetch);
}

/* One that has not ended, with a reference. */
static auv_fetch *next_open(auv_view *view, uint32_t id)
{
    auv_fetch *found = NULL;

    auvi_mutex_lock(&view->calls_lock);
    for (auv_fetch *f = view->fetches; f && !found; f = f->next) {
        uint32_t refs = atomic_load_explicit(&f->refs, memory_order_relaxed);

        if (id ? f->id != id : f->swept)
            continue;
        f->swept |= id == 0;
        /* One whose last reference goes just now waits for this lock to leave
         * the list: it must not be taken up again. */
        while (refs && !atomic_compare_exchange_weak_explicit(
                           &f->refs, &refs, refs + 1, memory_order_relaxed,
                           memory_order_relaxed))
            ;
        if (refs)
            found = f;
    }
    auvi_mutex_unlock(&view->calls_lock);
    return found;
}

void auvi_fetches_cancel(auv_view *view, uint32_t id, int error)
{
    auv_fetch *fetch;

    while ((fetch = next_open(view, id))) {
        uint32_t pending = AUVI_FETCH_PENDING;

        if (!atomic_compare_exchange_strong_explicit(
                &fetch->state, &pending, AUVI_FETCH_CANCELLED,
                memory_order_acq_rel, memory_order_acquire))
            auvi_body_break(fetch, error);
        auv_fetch_unref(fetch);
        if (id)
            return;
    }
}

/* ---- reading it ----------------------------------------------------------- */

const char *auv_fetch_url(const auv_fetch *fetch)
{
    return fetch->url;
}

const char *auv_fetch_method(const auv_fetch *fetch)
{
    return fetch->method;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_letters(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

const char *auv_fetch_header(const auv_fetch *fetch, const char *name)
{
    const char *end, *at;
    size_t length;

    if (!fetch || !name)
        return NULL;
    length = strlen(name);
    end = fetch->headers + fetch->headers_length;
    for (at = fetch->headers; at < end; at += strlen(at) + 1) {
        const char *colon = strchr(at, ':');

        if (colon && (size_t)(colon - at) == length &&
            same_letters(at, name, length))
            return colon[1] == ' ' ? colon + 2 : colon + 1;
    }
    return NULL;
}

int auv_fetch_range(const auv_fetch *fetch, uint64_t size, uint64_t *first_out,
                    uint64_t *length_out)
{
    if (!fetch || !first_out || !length_out)
        return auvi_fail(AUV_ERR_ARG, "a pointer is NULL");
    switch (auvi_range_parse(auv_fetch_header(fetch, "Range"), size, first_out,
                             length_out)) {
    case AUVI_RANGE_PART:
        return 1;
    case AUVI_RANGE_UNSATISFIABLE:
        return auvi_fail(AUV_ERR_ARG, "the range lies behind the end");
    case AUVI_RANGE_WHOLE:
        break;
    }
    return 0;
}

bool auv_fetch_is_cancelled(const auv_fetch *fetch)
{
    auv_fetch *f = (auv_fetch *)fetch; /* for its lock */
    bool left;

    if (atomic_load_explicit(&f->state, memory_order_acquire) ==
            AUVI_FETCH_CANCELLED ||
        auvi_lifecycle_is_closing(&f->view->lifecycle))
        return true;
    auvi_mutex_lock(&f->lock);
    left = f->error < 0 || (f->fd >= 0 && auvi_stream_is_left(f->fd));
    auvi_mutex_unlock(&f->lock);
    return left;
}

/* ---- answering ------------------------------------------------------------ */

static bool is_token(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_value(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' && *text != '\t')
            return false;
    return true;
}

int auvi_response_check(const auv_response *response)
{
    size_t bytes = 0;

    if (!response)
        return AUV_OK;
    if (response->status < 200 || response->status > 599)
        return auvi_fail(AUV_ERR_ARG, "%d is no status of an answer",
                         response->status);
    if (response->mime_type &&
        (!is_value(response->mime_type) || !strchr(response->mime_type, '/')))
        return auvi_fail(AUV_ERR_ARG, "'%s' is no MIME type",
                         response->mime_type);
    if (response->header_count > HEADERS_MAX ||
        (response->header_count && !response->headers))
        return auvi_fail(AUV_ERR_ARG, "%zu headers, limit %zu",
                         response->header_count, HEADERS_MAX);
    for (size_t i = 0; i < response->header_count; i++) {
        const char *at = response->headers[i];

        while (at && is_token(*at))
            at++;
        if (!at || at == response->headers[i] || *at != ':' || !is_value(at))
            return auvi_fail(AUV_ERR_ARG, "header %zu is not 'Name: value'", i);
        bytes += strlen(response->headers[i]) + 1;
    }
    if (bytes > HEADER_BYTES_MAX)
        return auvi_fail(AUV_ERR_TOO_LARGE, "headers have %zu bytes, limit %zu",
                         bytes, HEADER_BYTES_MAX);
    return AUV_OK;
}

void auvi_answer_free(struct auvi_engine_answer *answer)
{
    if (!answer)
        return;
    auvi_fd_close(answer->fd);
    free((char *)answer->mime_type);
    free((char *)answer->headers);
    free(answer);
}

static struct auvi_engine_answer *answer_new(const auv_response *response,
                                             int fd)
{
    struct auvi_engine_answer *answer = calloc(1, sizeof(*answer));
    size_t bytes = 0;
    char *lines, *at;

    if (!answer) {
        auvi_fd_close(fd);
        return NULL;
    }
    for (size_t i = 0; i < response->header_count; i++)
        bytes += strlen(response->headers[i]) + 1;
    at = lines = malloc(bytes + 1);
    for (size_t i = 0; lines && i < response->header_count; i++) {
        size_t length = strlen(response->headers[i]);

        memcpy(at, response->headers[i], length);
        at[length] = '\n';
        at += length + 1;
    }
    if (lines)
        *at = '\0';
    answer->status = response->status;
    answer->fd = fd;
    answer->headers = lines;
    answer->mime_type = copy_text(
        response->mime_type ? response->mime_type : "application/octet-stream");
    if (!answer->headers || !answer->mime_type) {
        auvi_answer_free(answer);
        return NULL;
    }
    return answer;
}

int auvi_fetch_lost(const auv_fetch *fetch)
{
    if (atomic_load_explicit(&fetch->state, memory_order_acquire) ==
        AUVI_FETCH_CANCELLED)
        return auvi_fail(AUV_ERR_CANCELLED, "nobody waits for this fetch");
    return auvi_fail(AUV_ERR_STATE, "this fetch has been answered");
}

int auvi_fetch_claim(auv_fetch *fetch)
{
    uint32_t pending = AUVI_FETCH_PENDING;

    if (!atomic_compare_exchange_strong_explicit(
            &fetch->state, &pending, AUVI_FETCH_ANSWERED, memory_order_acq_rel,
            memory_order_acquire))
        return auvi_fetch_lost(fetch);
    return AUV_OK;
}

int auvi_fetch_answer(auv_fetch *fetch, const auv_response *given, int fd,
                      bool is_file, uint64_t offset, uint64_t length)
{
    auv_response none = AUV_RESPONSE_INIT;
    struct auvi_engine_answer *answer = answer_new(given ? given : &none, fd);
    struct auvi_order *order =
        answer ? auvi_order_new(fetch->view, AUVI_ORDER_ANSWER, NULL, 0) : NULL;

    if (!order) {
        auvi_answer_free(answer);
        /* The page is not left waiting: its deadline comes. */
        return auvi_fail(AUV_ERR_NOMEM, "no memory for an answer");
    }
    answer->is_file = is_file;
    answer->offset = offset;
    answer->length = length;
    order->navigation = fetch->id;
    order->answer = answer;
    return auvi_view_order(fetch->view, order);
}

static int begin_answer(auv_fetch *fetch, const auv_response *response)
{
    int error = auvi_response_check(response);

    if (error < 0)
        return error;
    if (auvi_lifecycle_is_closing(&fetch->view->lifecycle))
        return auvi_fail(AUV_ERR_CLOSED, "the view is closing or closed");
    return AUV_OK;
}

int auv_fetch_reply(auv_fetch *fetch, const auv_response *response,
                    const void *data, size_t length)
{
    int error, fd = -1;

    if (!fetch || (length && !data))
        return auvi_fail(AUV_ERR_ARG, "fetch or data is NULL");
    if (length > AUV_MAX_PAYLOAD)
        return auvi_fail(AUV_ERR_TOO_LARGE, "a body has %zu bytes, limit %zu",
                         length, AUV_MAX_PAYLOAD);
    error = begin_answer(fetch, response);
    if (error < 0)
        return error;
    if (atomic_load_explicit(&fetch->state, memory_order_acquire) !=
        AUVI_FETCH_PENDING)
        return auvi_fetch_lost(fetch);
    if (length && (fd = auvi_shm_create(data, length)) < 0)
        return fd;
    error = auvi_fetch_claim(fetch);
    if (error < 0) {
        auvi_fd_close(fd);
        return error;
    }
    return auvi_fetch_answer(fetch, response, fd, true, 0, length);
}

int auv_fetch_reply_fd(auv_fetch *fetch, const auv_response *response, int fd,
                       uint64_t offset, uint64_t length)
{
    enum auvi_file_kind kind;
    uint64_t size;
    int error;

    kind = auvi_file_kind(fd, &size);
    if (!fetch)
        error = auvi_fail(AUV_ERR_ARG, "fetch is NULL");
    else if (kind == AUVI_FILE_NONE)
        error = auvi_fail(AUV_ERR_ARG, "%d is no file, pipe or socket", fd);
    else if (kind == AUVI_FILE_STREAM && (offset || length != AUV_TO_END))
        error = auvi_fail(AUV_ERR_ARG, "a pipe is answered as a whole");
    else if (kind == AUVI_FILE_REGULAR &&
             (offset > size ||
              (length != AUV_TO_END && length > size - offset)))
        error = auvi_fail(AUV_ERR_ARG, "the file is not as long as that");
    else
        error = begin_answer(fetch, response);
    if (error == AUV_OK)
        error = auvi_fetch_claim(fetch);
    if (error < 0) {
        auvi_fd_close(fd);
        return error;
    }
    if (kind == AUVI_FILE_REGULAR && length == AUV_TO_END)
        length = size - offset;
    return auvi_fetch_answer(fetch, response, fd, kind == AUVI_FILE_REGULAR,
                             offset, length);
}

void auvi_fetch_fail(auv_fetch *fetch, int status, const char *text)
{
    auv_response response = AUV_RESPONSE_INIT;

    response.status = status;
    response.mime_type = "text/plain; charset=utf-8";
    auv_fetch_reply(fetch, &response, text, strlen(text));
}

auv_fetch *auv_fetch_ref(auv_fetch *fetch)
{
    atomic_fetch_add_explicit(&fetch->refs, 1, memory_order_relaxed);
    return fetch;
}

void auv_fetch_unref(auv_fetch *fetch)
{
    uint32_t refs;

    if (!fetch)
        return;
    refs = atomic_load_explicit(&fetch->refs, memory_order_acquire);
    /* Nobody but us is left to answer it. */
    if (refs == 1 &&
        atomic_load_explicit(&fetch->state, memory_order_relaxed) ==
            AUVI_FETCH_PENDING)
        auvi_fetch_fail(fetch, 500, "The application gave no answer.");
    /* As auv_message_unref(). */
    if (atomic_fetch_sub_explicit(&fetch->refs, 1, memory_order_acq_rel) == 1)
        fetch_free(fetch);
}

/* ---- registering ---------------------------------------------------------- */

static bool has_a_meaning(const char *scheme)
{
    static const char *const taken[] = {
        "auroraview", "http",        "https",       "ws",
        "wss",        "ftp",         "file",        "data",
        "blob",       "about",       "javascript",  "mailto",
        "filesystem", "resource",    "webkit",      "inspector",
        "tel",        "view-source", "mediastream", "mediasourceblob"};

    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        if (strcmp(scheme, taken[i]) == 0)
            return true;
    return strncmp(scheme, "webkit-", 7) == 0;
}

/* In small letters, as URLs have it. False: none, or one of another's. */
static bool scheme_name(const char *given, char out[AUVI_SCHEME_SIZE])
{
    size_t length = given ? strlen(given) : 0;

    if (length < 1 || length >= AUVI_SCHEME_SIZE)
        return false;
    for (size_t i = 0; i <= length; i++) {
        char c = out[i] = lower(given[i]);
        bool letter = c >= 'a' && c <= 'z';

        if (c && !letter &&
            (i == 0 || !((c >= '0' && c <= '9') || strchr("+-.", c))))
            return false;
    }
    return !has_a_meaning(out);
}

int auv_view_register_scheme(auv_view *view, const char *scheme,
                             int64_t timeout_ms, auv_fetch_fn fn, void *user,
                             void (*free_user)(void *user))
{
    char name[AUVI_SCHEME_SIZE];
    struct auvi_order *order;
    int error;

    if (!view || !fn)
        return auvi_fail(AUV_ERR_ARG, "view or function is NULL");
    if (!scheme_name(scheme, name))
        return auvi_fail(AUV_ERR_ARG, "'%s' is no scheme, or not a free one",
                         scheme ? scheme : "");
    if (timeout_ms < 0 || timeout_ms > TIMEOUT_MAX_MS)
        return auvi_fail(AUV_ERR_ARG, "the timeout must be 0 to a day");
    order = auvi_order_new(view, AUVI_ORDER_SCHEME, name, strlen(name));
    if (!order)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a scheme");
    order->a = (int32_t)(timeout_ms ? timeout_ms : TIMEOUT_MS);
    error = auvi_handlers_add_scheme(view, name, fn, user, free_user);
    if (error < 0) {
        auvi_order_free(order);
        return error;
    }
    /* Refused only while all is closing; the handler is on its way, and is let
     * go like any other. */
    auvi_view_order(view, order);
    return AUV_OK;
}
