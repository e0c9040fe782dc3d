#include "engine/null/loads.h"

#include "base/base.h"
#include "base/stream.h"
#include "base/range.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX ((size_t)1 << 20)
#define CHUNK ((size_t)16 * 1024)
#define OPEN_MAX 256 /* unanswered or unread, of a view */

struct load {
    struct load *next;
    uint32_t view, id;
    uint64_t tag;
    char *url, *range;
    bool told, answered;
    int status;
    char *type, *headers;
    int fd;         /* of a stream that is being read; -1 */
    uint64_t total; /* of the body, so far */
    char *kept;
    size_t kept_length;
};

struct scheme {
    struct scheme *next;
    uint32_t view;
    char name[AUVI_SCHEME_SIZE];
};

struct auvi_null_loads {
    struct auvi_engine *engine;
    int poller;
    uint64_t first_key;
    auvi_null_loaded_fn fn;
    void *ctx;
    struct load *first;
    struct scheme *schemes;
    uint32_t last_id;
};

struct auvi_null_loads *auvi_null_loads_create(struct auvi_engine *engine,
                                               int poller, uint64_t first_key,
                                               auvi_null_loaded_fn fn,
                                               void *ctx)
{
    struct auvi_null_loads *loads = calloc(1, sizeof(*loads));

    if (!loads)
        return NULL;
    *loads = (struct auvi_null_loads){.engine = engine,
                                      .poller = poller,
                                      .first_key = first_key,
                                      .fn = fn,
                                      .ctx = ctx};
    return loads;
}

static void load_free(struct auvi_null_loads *loads, struct load *load)
{
    if (load->fd >= 0) {
        auvi_poller_remove(loads->poller, load->fd);
        auvi_fd_close(load->fd);
    }
    free(load->url);
    free(load->range);
    free(load->type);
    free(load->headers);
    free(load->kept);
    free(load);
}

static void take_out(struct auvi_null_loads *loads, struct load *load)
{
    struct load **at = &loads->first;

    while (*at != load)
        at = &(*at)->next;
    *at = load->next;
}

void auvi_null_loads_destroy(struct auvi_null_loads *loads)
{
    if (!loads)
        return;
    while (loads->first) {
        struct load *load = loads->first;

        loads->first = load->next;
        load_free(loads, load);
    }
    while (loads->schemes) {
        struct scheme *next = loads->schemes->next;

        free(loads->schemes);
        loads->schemes = next;
    }
    free(loads);
}

static bool is_known(const struct auvi_null_loads *loads, uint32_t view,
                     const char *url)
{
    size_t length = strcspn(url, ":");

    for (struct scheme *s = loads->schemes; s; s = s->next)
        if (s->view == view && strlen(s->name) == length &&
            strncmp(s->name, url, length) == 0)
            return true;
    return false;
}

int auvi_null_loads_add_scheme(struct auvi_null_loads *loads, uint32_t view,
                               const char *name)
{
    struct scheme *scheme;

    if (is_known(loads, view, name))
        return AUV_OK;
    scheme = calloc(1, sizeof(*scheme));
    if (!scheme)
        return auvi_fail(AUV_ERR_NOMEM, "no memory for a scheme");
    scheme->view = view;
    snprintf(scheme->name, sizeof(scheme->name), "%s", name);
    scheme->next = loads->schemes;
    loads->schemes = scheme;
    return AUV_OK;
}

/* ---- results -------------------------------------------------------------- */

static char *put_text(char *to, const char *text, size_t length)
{
    static const char hex[] = "0123456789abcdef";

    *to++ = '"';
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            *to++ = (char)c;
            continue;
        }
        memcpy(to, "\\u00", 4);
        to[4] = hex[c >> 4];
        to[5] = hex[c & 15];
        to += 6;
    }
    *to++ = '"';
    return to;
}

static void tell_error(struct auvi_null_loads *loads, const struct load *load,
                       const char *text)
{
    char json[160];
    int length = snprintf(json, sizeof(json),
                          "{\"name\":\"TypeError\",\"message\":\"%s\","
                          "\"stack\":\"\"}",
                          text);

    loads->fn(loads->ctx, load->view, load->tag, true, json, (size_t)length);
}

static void tell_loaded(struct auvi_null_loads *loads, const struct load *load)
{
    size_t type = strlen(load->type), headers = strlen(load->headers);
    char *json = malloc(128 + 6 * (type + headers + load->kept_length)), *at;

    if (!json)
        return;
    at = json + snprintf(json, 64, "{\"status\":%d,\"length\":%llu,\"type\":",
                         load->status, (unsigned long long)load->total);
    at = put_text(at, load->type, type);
    memcpy(at, ",\"headers\":", 11);
    at = put_text(at + 11, load->headers, headers);
    memcpy(at, ",\"body\":", 8);
    at = put_text(at + 8, load->kept, load->kept_length);
    *at++ = '}';
    loads->fn(loads->ctx, load->view, load->tag, false, json,
              (size_t)(at - json));
    free(json);
}

static void ask_more(struct auvi_null_loads *loads, uint32_t view);

/* `why` NULL: it is whole. */
static void finish(struct auvi_null_loads *loads, struct load *load,
                   const char *why)
{
    uint32_t view = load->view;

    take_out(loads, load);
    if (why)
        tell_error(loads, load, why);
    else
        tell_loaded(loads, load);
    load_free(loads, load);
    ask_more(loads, view);
}

/* ---- asking and being answered -------------------------------------------- */

/* The host gets no more of them than it has promised to take. */
static void ask_more(struct auvi_null_loads *loads, uint32_t view)
{
    struct load *next = NULL;
    unsigned open = 0;

    for (struct load *load = loads->first; load; load = load->next) {
        if (load->view != view)
            continue;
        if (load->told)
            open++;
        else
            next = load; /* the list begins with the newest */
    }
    if (!next || open >= OPEN_MAX)
        return;
    next->told = true;

    char headers[256] = "";
    struct auvi_engine_fetch fetch = {
        .id = next->id, .method = "GET", .url = next->url, .headers = headers};
    struct auvi_engine_event event = {
        .kind = AUVI_ENGINE_FETCH, .view = view, .fetch = &fetch};

    if (*next->range)
        snprintf(headers, sizeof(headers), "Range: %s\n", next->range);
    auvi_engine_on_event(loads->engine, &event);
}

static char *copy_text(const char *text)
{
    size_t size = strlen(text ? text : "") + 1;
    char *copy = malloc(size);

    if (copy)
        memcpy(copy, text ? text : "", size);
    return copy;
}

void auvi_null_loads_begin(struct auvi_null_loads *loads, uint32_t view,
                           uint64_t tag, const char *url, const char *range)
{
    struct load *load = calloc(1, sizeof(*load));

    if (!load)
        return;
    load->fd = -1;
    load->view = view;
    load->tag = tag;
    load->id = ++loads->last_id;
    load->url = copy_text(url);
    load->range = copy_text(range);
    load->next = loads->first;
    loads->first = load;
    if (!load->url || !load->range || !is_known(loads, view, url)) {
        load->told = true;
        finish(loads, load, "nobody serves this scheme");
        return;
    }
    ask_more(loads, view);
}

static void keep(struct load *load, const char *bytes, size_t length)
{
    size_t room = KEPT_MAX - load->kept_length;

    load->total += length;
    if (length < room)
        room = length;
    if (!load->kept)
        load->kept = malloc(KEPT_MAX);
    if (!load->kept || !room)
        return;
    memcpy(load->kept + load->kept_length, bytes, room);
    load->kept_length += room;
}

static void read_file(struct auvi_null_loads *loads, struct load *load,
                      const struct auvi_engine_answer *answer)
{
    enum auvi_range range = AUVI_RANGE_WHOLE;
    uint64_t first = 0, left = answer->length;
    char chunk[4096];

    if (load->status == 200)
        range = auvi_range_parse(load->range, answer->length, &first, &left);
    if (range == AUVI_RANGE_PART)
        load->status = 206;
    if (range == AUVI_RANGE_UNSATISFIABLE) {
        load->status = 416;
        left = 0;
    }
    while (left > 0) {
        size_t size = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);
        int got =
            auvi_file_read_at(answer->fd, chunk, size, answer->offset + first);

        if (got <= 0) {
            finish(loads, load, "the file was cut short");
            return;
        }
        keep(load, chunk, (size_t)got);
        first += (uint64_t)got;
        left -= (uint64_t)got;
    }
    finish(loads, load, NULL);
}

void auvi_null_loads_answer(struct auvi_null_loads *loads, uint32_t view,
                            uint32_t fetch,
                            const struct auvi_engine_answer *answer)
{
    struct load *load = loads->first;

    while (load && (load->view != view || load->id != fetch || load->answered))
        load = load->next;
    if (!load) {
        auvi_fd_close(answer->fd);
        return;
    }
    load->answered = true;
    load->status = answer->status;
    load->type = copy_text(answer->mime_type);
    load->headers = copy_text(answer->headers);
    if (!load->type || !load->headers) {
        auvi_fd_close(answer->fd);
        finish(loads, load, "no memory");
    } else if (answer->fd < 0) {
        finish(loads, load, NULL);
    } else if (answer->is_file) {
        read_file(loads, load, answer);
        auvi_fd_close(answer->fd);
    } else {
        load->fd = answer->fd;
        auvi_poller_add(loads->poller, load->fd, AUVI_POLL_IN,
                        loads->first_key + load->id);
    }
}

void auvi_null_loads_ready(struct auvi_null_loads *loads, uint64_t key)
{
    struct load *load = loads->first;
    char chunk[CHUNK];
    int got;

    while (load && (load->fd < 0 || loads->first_key + load->id != key))
        load = load->next;
    if (!load)
        return;
    got = auvi_stream_read(load->fd, chunk, sizeof(chunk));
    if (got > 0)
        keep(load, chunk, (size_t)got);
    else if (got == AUV_ERR_CLOSED)
        finish(loads, load, NULL);
    else if (got < 0)
        finish(loads, load, "the body was cut off");
}

void auvi_null_loads_cancel(struct auvi_null_loads *loads, uint32_t view,
                            bool closed)
{
    struct load **at = &loads->first;

    while (*at) {
        struct load *load = *at;
        struct auvi_engine_event gone = {.kind = AUVI_ENGINE_FETCH_CANCELLED,
                                         .view = view,
                                         .generation = load->id};

        if (load->view != view) {
            at = &load->next;
            continue;
        }
        *at = load->next;
        if (load->told && !closed)
            auvi_engine_on_event(loads->engine, &gone);
        load_free(loads, load);
    }
    for (struct scheme **s = &loads->schemes; closed && *s;) {
        struct scheme *scheme = *s;

        if (scheme->view != view) {
            s = &scheme->next;
            continue;
        }
        *s = scheme->next;
        free(scheme);
    }
}
