/*
 * document.h - one top document of a page and its half of the bridge.
 *
 * Made when the document's window object is cleared, before any script of the
 * page runs; dies when the next one comes. Frames for it are collected with
 * auvi_document_take() and handed to bridge.js in one call.
 *
 * Threads: the page's own.
 */
#ifndef AUVI_PAGE_DOCUMENT_H
#define AUVI_PAGE_DOCUMENT_H

#include "page/outbox.h"

#include <JavaScriptCore/JavaScript.h>

struct auvi_document;

/* Counted for tests and support; read by auroraview.stats() in the page. */
struct auvi_page_counts {
    uint64_t stale_replies;  /* for a document that is gone */
    uint64_t refused_frames; /* malformed, or not for a page */
    uint64_t dropped_events; /* host to page: no document, or unreadable */
    uint64_t queue_full;     /* page to host: refused */
    uint64_t spins;          /* short waits for an answer that came in time */
};

/* What a document needs of the page that owns it. */
struct auvi_document_host {
    struct auvi_outbox *outbox;
    struct auvi_page_counts *counts;
    /* Frames were pushed: flush them. `calls` of them want an answer soon. */
    void (*pushed)(void *user, unsigned calls);
    void *user;
    bool shares; /* a granted document also has the state and channels */
};

/* NULL if the bridge cannot be started in it. `counter` is the low half of its
 * generation. */
struct auvi_document *
auvi_document_create(JSGlobalContextRef context, uint32_t counter, bool granted,
                     const struct auvi_document_host *host);
/* It takes no more part: scripts of the host that still run in it end with the
 * error Cancelled. Frees it once nothing runs in it. */
void auvi_document_retire(struct auvi_document *document);

uint32_t auvi_document_counter(const struct auvi_document *document);
bool auvi_document_granted(const struct auvi_document *document);
bool auvi_document_shares(const struct auvi_document *document);

/* Add a REPLY, EVENT or CANCEL to what is handed over next. */
void auvi_document_take(struct auvi_document *document,
                        const struct auvi_frame *frame);
/* Whether enough is collected for one call. */
bool auvi_document_full(const struct auvi_document *document);
/* Hand over what was collected. Runs script of the page: afterwards the caller
 * must look again whether the document is still the current one. */
void auvi_document_deliver(struct auvi_document *document);
/* Hand over, then run a script of the host (EVAL). As auvi_document_deliver(). */
void auvi_document_eval(struct auvi_document *document,
                        const struct auvi_frame *frame);
/* Every call that waits ends with the error Closed. Scripts that run are
 * forgotten: the host that wanted their result is gone. */
void auvi_document_link_lost(struct auvi_document *document);

/* A RESULT that says why a script was not run. */
void auvi_send_eval_error(struct auvi_outbox *outbox, uint32_t counter,
                          uint64_t id, int error, const char *message);

#endif /* AUVI_PAGE_DOCUMENT_H */
