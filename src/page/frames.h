/*
 * frames.h - the documents of a page's frames that are granted.
 *
 * Most pages have none. The others cost nothing here: they are only told to the
 * host, for its audit.
 *
 * Threads: the page's own.
 */
#ifndef AUVI_PAGE_FRAMES_H
#define AUVI_PAGE_FRAMES_H

#include "page/document.h"

#include <webkit2/webkit-web-extension.h>

/* id of a HELLO: bits. */
#define AUVI_HELLO_GRANTED 1u
#define AUVI_HELLO_FRAME 2u /* payload: its name */

struct auvi_page_frames; /* heap */

/* `host` is copied. */
struct auvi_page_frames *
auvi_page_frames_create(const struct auvi_document_host *host);
void auvi_page_frames_destroy(struct auvi_page_frames *frames);

/* A frame has a new document. With `top_granted` it may get the bridge; the
 * number of the document is then, or for the audit, `counter`. */
void auvi_page_frames_replace(struct auvi_page_frames *frames,
                              WebKitFrame *frame, JSGlobalContextRef context,
                              uint32_t counter, bool top_granted);
/* The page around them has gone. */
void auvi_page_frames_clear(struct auvi_page_frames *frames);

/* The document with that counter, or NULL. */
struct auvi_document *auvi_page_frames_find(struct auvi_page_frames *frames,
                                            uint32_t counter);
/* To every document that may hear the event; false: to none. */
bool auvi_page_frames_take_event(struct auvi_page_frames *frames,
                                 const struct auvi_frame *frame);
void auvi_page_frames_deliver(struct auvi_page_frames *frames);
bool auvi_page_frames_full(const struct auvi_page_frames *frames);
/* To a new link: what it does not know yet. */
void auvi_page_frames_greet(struct auvi_page_frames *frames);
void auvi_page_frames_link_lost(struct auvi_page_frames *frames);

#endif /* AUVI_PAGE_FRAMES_H */
