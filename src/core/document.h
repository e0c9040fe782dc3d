/*
 * document.h - which documents of a view may use the bridge, as the host itself
 * knows it.
 *
 * Two sources tell of a document. The page's process says that it is there
 * (HELLO), over the data link; the engine says which address was committed, over
 * the control link. What the page says only narrows: a top document is granted
 * if it says so itself and the engine's address is on the view's list. Until the
 * engine has spoken the link is not read on ("held"). Frames the engine does not
 * report: there the page's word stands, within a top document that is granted,
 * and within what the list gives to frames.
 */
#ifndef AUVI_DOCUMENT_H
#define AUVI_DOCUMENT_H

#include "wire/frame.h"

#include <stdatomic.h>

#define AUVI_FRAMES_MAX 32u /* granted frames of one view at a time */

struct auv_view;
struct auvi_documents; /* heap */

/* id of a HELLO: bits */
#define AUVI_HELLO_GRANTED 1u
#define AUVI_HELLO_FRAME 2u /* payload: its name */

struct auvi_documents *auvi_documents_create(void);
void auvi_documents_destroy(struct auvi_documents *documents);

/* All of these: receive_lock, unless it says otherwise. */

/* A HELLO. 1: the document is known now; 0: the engine has not spoken yet, read
 * on when auvi_documents_resume() says so; AUV_ERR_PROTOCOL. */
int auvi_documents_hello(struct auv_view *view, const struct auvi_frame *frame);
/* A HELLO waits for the engine. */
bool auvi_documents_held(const struct auv_view *view);
/* Try the HELLO that waits again; 1: it is in *hello. */
int auvi_documents_resume(struct auv_view *view, struct auvi_frame *hello);
/* The document of that generation is no more. */
void auvi_documents_gone(struct auv_view *view, uint32_t generation);
/* All of them are, and what the engine said is old. */
void auvi_documents_clear(struct auv_view *view);
/* Whether the page's process is taken at its word for this CALL or EVENT; else
 * it has been written to the audit. */
bool auvi_documents_may(struct auv_view *view, const struct auvi_frame *frame);
/* The document is granted anything at all. */
bool auvi_documents_granted(struct auv_view *view, uint32_t generation);
/* It is the top one and granted everything: it has the state and channels, of
 * which no part can be granted. */
bool auvi_documents_shares(struct auv_view *view, uint32_t generation);

/* Link thread, no lock: the engine has committed a top document; "": it cannot
 * tell which. */
void auvi_documents_committed(struct auv_view *view, const char *url);

/* send_lock: some document may hear the event. */
bool auvi_documents_hear(struct auv_view *view, const char *name,
                         size_t length);
/* Any thread: that generation is one of a granted frame's. */
bool auvi_documents_is_frame(const struct auv_view *view, uint32_t generation);

#endif /* AUVI_DOCUMENT_H */
