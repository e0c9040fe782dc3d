/* The rows of a participant written in C that shows a page: what a command
 * starts, what a report of the page ends. One page, one row at a time, all on
 * one thread. */
#ifndef AURORAVIEW_BENCH_PAGE_ROWS_H
#define AURORAVIEW_BENCH_PAGE_ROWS_H

#include "participant.h"

#include <stdbool.h>

#define BENCH_VIEWS 16 /* at most */

struct bench_page_ops {
    const char *name;
    const char *(*version)(void);
    /* Run a script in the page; its result is not wanted. */
    void (*evaluate)(const char *script);
    /* Send one event whose detail is bench_event_json to bench.event(); waits
     * or retries if it must. */
    void (*emit)(void);
    /* Call that function of the host's loop every so many milliseconds until it
     * returns false. */
    void (*every)(unsigned milliseconds, bool (*function)(void));
    /* Open a further view, the i-th, whose page reports `painted`; close it.
     * The first view is number 0. */
    void (*open)(unsigned i);
    void (*close)(unsigned i);
    /* As evaluate(), in that view. */
    void (*evaluate_in)(unsigned i, const char *script);
};

/* {"text": 100 characters} */
extern const char bench_event_json[];
/* BENCH_BLOB_SIZE bytes, the same as page.js makes; filled when a row needs
 * them. */
extern unsigned char bench_blob[];

/* About that many bytes of JSON, NUL-terminated, and as many bytes, as page.js
 * makes them. Kept until another size is asked for. */
const char *bench_payload_json(size_t size, size_t *length);
const unsigned char *bench_payload_bytes(size_t size);

/* The script that every page gets, after `adapter`, which defines window.peer.
 * The caller frees it. */
char *bench_page_script(const char *adapter);
/* The page; with that script inside if adapter is not NULL. The caller frees
 * it. */
char *bench_page_html(const char *adapter);

/* Just before the first view is made. */
void bench_page_opening(const struct bench_page_ops *ops);
/* A bound function was entered; by which view. */
void bench_page_entry(unsigned view);
/* peer.report(text); `text` is NUL-terminated. */
void bench_page_report(const char *text);
/* One line of the runner. Returns false when it is time to end. */
bool bench_page_command(const char *line);

#endif
