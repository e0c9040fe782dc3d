#include "page_rows.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Emits that share one reading of the clock, which costs as much as a cheap
 * emit. As in participant.py. */
#define EMIT_BATCH 10
/* Pause before an emit of emit.idle.c: whoever sends it has gone to sleep. As
 * in participant.py. */
#define EMIT_PAUSE_MS 2
/* For each of several views: by then their windows, and what the window manager
 * has to do with them, have settled. As in participant.py. */
#define SETTLE_MS 100

/* What the next report of the page ends. */
enum phase {
    OPENING,
    IDLE,
    TIMED,
    EMIT,
    EVENTS,
    BLOCK_START,
    BLOCK_END,
    SECOND,
    VIEWS_OPENING,
    VIEWS,
    FLOOR,
    CLICK
};

static struct {
    const struct bench_page_ops *ops;
    FILE *out;
    enum phase phase;
    char row[32];
    unsigned n;
    struct bench_samples samples;
    double opened; /* seconds since the epoch */
    double unit;   /* nanoseconds of one unit of the row */
    uint64_t last_entry, emit_start;
    unsigned entries, entries_per_sample;
    double block_from, block_to;
    struct {
        unsigned count, waiting; /* for the reports of so many */
        uint64_t from, to;       /* calls in between count, ns */
        uint64_t last_entry[BENCH_VIEWS];
        unsigned calls[BENCH_VIEWS];
    } views;
} page;

const char bench_event_json[] =
    "{\"text\":"
    "\"012345678901234567890123456789012345678901234567890123456789012345678901"
    "2345678901234567890123456789\"}";
unsigned char bench_blob[BENCH_BLOB_SIZE];

static char *read_file(const char *variable)
{
    const char *path = getenv(variable);
    FILE *f = path ? fopen(path, "re") : NULL;
    if (!f) {
        fprintf(stderr, "%s names no file\n", variable);
        exit(2);
    }
    long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    char *text = size < 0 ? NULL : malloc((size_t)size + 1);
    rewind(f);
    if (!text || fread(text, 1, (size_t)size, f) != (size_t)size)
        abort();
    text[size] = 0;
    fclose(f);
    return text;
}

char *bench_page_script(const char *adapter)
{
    char *common = read_file("BENCH_SCRIPT"), *script;
    if (asprintf(&script,
                 "%s%s\naddEventListener('DOMContentLoaded', () => "
                 "bench.painted());\n",
                 adapter, common) < 0)
        abort();
    free(common);
    return script;
}

char *bench_page_html(const char *adapter)
{
    char *html = read_file("BENCH_PAGE");
    if (!adapter)
        return html;
    char *script = bench_page_script(adapter), *body = strstr(html, "<body>"),
         *whole;
    if (!body || asprintf(&whole, "%.*s<script>%s</script>%s",
                          (int)(body - html), html, script, body) < 0)
        abort();
    free(script);
    free(html);
    return whole;
}

void bench_page_opening(const struct bench_page_ops *ops)
{
    page.ops = ops;
    page.out = bench_protocol_open();
    page.opened = bench_epoch();
}

static void entry_of(unsigned view)
{
    uint64_t now = bench_now(), last = page.views.last_entry[view];
    if (now < page.views.from || now >= page.views.to)
        return;
    if (last)
        bench_samples_add(&page.samples, (double)(now - last) / 1e3);
    page.views.last_entry[view] = now;
    page.views.calls[view]++;
}

void bench_page_entry(unsigned view)
{
    if (page.phase == VIEWS) {
        entry_of(view);
        return;
    }
    /* In a sequence of awaited calls the time between two entries is one round
     * trip. */
    if (page.phase != TIMED || page.entries++ % page.entries_per_sample != 0)
        return;
    uint64_t now = bench_now();
    if (page.last_entry)
        bench_samples_add(&page.samples,
                          (double)(now - page.last_entry) / page.unit);
    page.last_entry = now;
}

static void evaluatef(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
static void evaluatef(const char *format, ...)
{
    char script[256];
    va_list args;
    va_start(args, format);
    vsnprintf(script, sizeof script, format, args);
    va_end(args);
    page.ops->evaluate(script);
}

/* Alone, so the two readings of the clock are in it: some 50 ns. */
static void emit_after_pauses(void)
{
    const struct timespec pause = {0, EMIT_PAUSE_MS * 1000000};
    evaluatef("bench.expect(%u)", page.n);
    for (unsigned i = 0; i < page.n; i++) {
        nanosleep(&pause, NULL);
        uint64_t start = bench_now();
        page.ops->emit();
        bench_samples_add(&page.samples, (double)(bench_now() - start));
    }
}

/* Here and not at the start: its pages would count as the view's memory. */
static void fill_blob(void)
{
    for (size_t i = 0; i < BENCH_BLOB_SIZE; i++)
        bench_blob[i] = (unsigned char)(i * 7);
}

static void emit_all(void)
{
    evaluatef("bench.expect(%u)", page.n);
    page.emit_start = bench_now();
    for (unsigned i = 0; i < page.n;) {
        uint64_t start = bench_now();
        unsigned count = page.n - i < EMIT_BATCH ? page.n - i : EMIT_BATCH;
        for (unsigned j = 0; j < count; j++)
            page.ops->emit();
        if (page.phase == EMIT)
            bench_samples_add(&page.samples,
                              (double)(bench_now() - start) / count);
        i += count;
    }
}

static void start_views(void)
{
    char script[64];
    unsigned settle = SETTLE_MS * page.views.count;
    page.phase = VIEWS;
    page.views.waiting = page.views.count;
    page.views.from = bench_now() + settle * UINT64_C(1000000);
    page.views.to = page.views.from + page.n * UINT64_C(1000000);
    snprintf(script, sizeof script, "void bench.stream(%u)", settle + page.n);
    for (unsigned i = 0; i < page.views.count; i++)
        page.ops->evaluate_in(i, script);
}

static void open_views(unsigned count)
{
    memset(&page.views, 0, sizeof page.views);
    page.views.count = count < BENCH_VIEWS ? count : BENCH_VIEWS;
    page.views.waiting = page.views.count - 1;
    page.phase = VIEWS_OPENING;
    for (unsigned i = 1; i < page.views.count; i++)
        page.ops->open(i);
    if (!page.views.waiting)
        start_views();
}

/* The samples, how many calls a second there were, and how many per cent of the
 * mean the slowest view has made. */
static void finish_views(void)
{
    unsigned total = 0, least = UINT_MAX;
    page.phase = IDLE;
    for (unsigned i = 0; i < page.views.count; i++) {
        total += page.views.calls[i];
        if (page.views.calls[i] < least)
            least = page.views.calls[i];
        if (i)
            page.ops->close(i);
    }
    fprintf(page.out, "{\"row\":\"%s\",\"rate\":%g,\"share\":%g,", page.row,
            total * 1e3 / page.n,
            total ? 100.0 * least * page.views.count / total : 0);
    fprintf(page.out, "\"samples\":[");
    for (size_t i = 0; i < page.samples.count; i++)
        fprintf(page.out, "%s%.4g", i ? "," : "", page.samples.value[i]);
    fprintf(page.out, "]}\n");
    fflush(page.out);
}

static bool emit_one(void)
{
    page.ops->emit();
    return --page.n > 0;
}

static void finish_row(void)
{
    page.phase = IDLE;
    bench_protocol_samples(page.out, page.row, &page.samples);
}

/* A number of a report, which is JSON that page.js wrote. */
static double number_of(const char *report, const char *name)
{
    char key[32];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *found = strstr(report, key);
    return found ? strtod(found + strlen(key), NULL) : NAN;
}

void bench_page_report(const char *text)
{
    uint64_t now = bench_now();
    if (strstr(text, "\"error\"")) {
        page.phase = IDLE;
        fprintf(stderr, "page: %s\n", text);
        bench_protocol_error(page.out, page.row, "the page reported an error");
        return;
    }
    switch (page.phase) {
    case OPENING:
        page.phase = IDLE;
        bench_protocol_ready(page.out, page.ops->name, page.ops->version(),
                             number_of(text, "at") - page.opened * 1e3);
        break;
    case SECOND:
        bench_samples_add(&page.samples,
                          number_of(text, "at") - page.opened * 1e3);
        page.ops->close(1);
        finish_row();
        break;
    case VIEWS_OPENING:
        if (!--page.views.waiting)
            start_views();
        break;
    case VIEWS:
        if (!--page.views.waiting)
            finish_views();
        break;
    case FLOOR:
        bench_samples_add(&page.samples, number_of(text, "each"));
        finish_row();
        break;
    case TIMED:
        /* One alone has no interval; it is long enough for the page's clock. */
        if (page.n == 0)
            bench_samples_add(&page.samples,
                              number_of(text, "page_ms") * 1e6 / page.unit);
        finish_row();
        break;
    case EMIT:
        finish_row();
        break;
    case EVENTS:
        bench_samples_add(&page.samples,
                          page.n / ((double)(now - page.emit_start) / 1e9));
        finish_row();
        break;
    case BLOCK_START:
        page.block_from = bench_epoch();
        /* The row itself: a host that does not come back to its loop. */
        sleep(page.n);
        page.block_to = bench_epoch();
        page.phase = BLOCK_END;
        evaluatef("bench.frames(%f,%f)", page.block_from, page.block_to);
        break;
    case BLOCK_END:
        page.phase = IDLE;
        fprintf(page.out,
                "{\"row\":\"%s\",\"from\":%.3f,\"to\":%.3f,\"samples\":[%g]}\n",
                page.row, page.block_from, page.block_to,
                number_of(text, "fps"));
        fflush(page.out);
        break;
    case CLICK:
        if (strstr(text, "\"armed\"")) {
            fprintf(page.out, "{\"armed\":true}\n");
        } else {
            const char *list = strchr(text, '[');
            page.phase = IDLE;
            fprintf(page.out, "{\"row\":\"%s\",\"samples\":%.*s}\n", page.row,
                    list ? (int)strcspn(list, "]") + 1 : 2, list ? list : "[]");
        }
        fflush(page.out);
        break;
    case IDLE:
        break;
    }
}

/* echo.json.1k.c and the like: who carries what, how much of it. */
static bool start_payload(void)
{
    static const struct {
        const char *label;
        size_t size;
        double unit;
    } sizes[] = {{"64", 64, 1e3},
                 {"1k", 1 << 10, 1e3},
                 {"64k", 64 << 10, 1e3},
                 {"1m", 1 << 20, 1e6},
                 {"64m", 64 << 20, 1e6}};
    char how[32], kind[8], label[8];

    if (sscanf(page.row, "%15[a-z].%7[a-z].%7[0-9a-z].c", how, kind, label) !=
        3)
        return false;
    strcat(strcat(how, "."), kind);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (strcmp(label, sizes[i].label) != 0)
            continue;
        if (!strcmp(how, "floor.json")) {
            page.phase = FLOOR;
            evaluatef("bench.jsonFloor(%zu,%u)", sizes[i].size, page.n);
            return true;
        }
        if (strncmp(how, "echo.", 5) != 0 && strncmp(how, "give.", 5) != 0)
            return false;
        page.phase = TIMED;
        page.unit = sizes[i].unit;
        page.entries_per_sample = 1;
        evaluatef("void bench.carry('%s',%zu,%u)", how, sizes[i].size, page.n);
        return true;
    }
    return false;
}

static void start_row(void)
{
    static const struct {
        const char *row, *script;
        double unit;
        unsigned entries_per_sample;
    } timed[] = {{"call.c", "call", 1e3, 1},
                 {"inflight.c", "inflight", 1e3 * BENCH_FLIGHT, BENCH_FLIGHT},
                 {"inflight100.c", "inflight100", 1e3 * 100, 100},
                 {"binary.in.c", "binary.in", 1e6, 1},
                 {"binary.out.c", "binary.out", 1e6, 1}};
    bench_samples_clear(&page.samples);
    page.last_entry = 0;
    page.entries = 0;
    if (!strncmp(page.row, "binary", 6))
        fill_blob();
    for (size_t i = 0; i < sizeof timed / sizeof *timed; i++) {
        if (strcmp(page.row, timed[i].row) != 0)
            continue;
        page.phase = TIMED;
        page.unit = timed[i].unit;
        page.entries_per_sample = timed[i].entries_per_sample;
        evaluatef("void bench['%s'](%u)", timed[i].script, page.n);
        return;
    }
    if (start_payload())
        return;
    unsigned views;
    if (sscanf(page.row, "views.%u.c", &views) == 1) {
        open_views(views);
        return;
    }
    if (!strcmp(page.row, "emit.c")) {
        page.phase = EMIT;
        emit_all();
    } else if (!strcmp(page.row, "emit.idle.c")) {
        page.phase = EMIT;
        emit_after_pauses();
    } else if (!strcmp(page.row, "sixty.c")) {
        page.phase = EMIT;
        evaluatef("bench.expect(%u)", page.n);
        page.ops->every(16, emit_one);
    } else if (!strcmp(page.row, "events.c")) {
        page.phase = EVENTS;
        emit_all();
    } else if (!strcmp(page.row, "blocked")) {
        page.phase = BLOCK_START;
        evaluatef("bench.animate()");
    } else if (!strcmp(page.row, "click")) {
        page.phase = CLICK;
        evaluatef("bench.click(%u)", page.n);
    } else if (!strcmp(page.row, "open.second")) {
        page.phase = SECOND;
        page.opened = bench_epoch();
        page.ops->open(1);
    } else {
        bench_protocol_error(page.out, page.row, "unknown row");
    }
}

bool bench_page_command(const char *line)
{
    if (!strncmp(line, "quit", 4))
        return false;
    if (sscanf(line, "run %31s %u", page.row, &page.n) == 2)
        start_row();
    return true;
}
