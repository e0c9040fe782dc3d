/*
 * outbox.h - frames of a page on their way to the host.
 *
 * Three states: there was no link yet (frames wait), there is one (frames go
 * through; what the peer does not take waits), it was lost (frames are
 * refused). What waits is bounded; only HELLO, GONE, RESULT and CANCEL always
 * find room, because they end something that the host or the page counts on.
 *
 * Threads: the page's own.
 */
#ifndef AUVI_PAGE_OUTBOX_H
#define AUVI_PAGE_OUTBOX_H

#include "wire/link.h"

#define AUVI_OUTBOX_FRAMES 16384u
#define AUVI_OUTBOX_BYTES ((size_t)64 << 20)

struct auvi_outbox_entry;

struct auvi_outbox {
    struct auvi_link *link; /* NULL: none yet, or lost */
    uint32_t base;          /* added to the generation of each frame */
    bool lost;
    bool unflushed; /* the link holds frames that the peer did not take yet */
    struct auvi_outbox_entry *head;
    struct auvi_outbox_entry *tail;
    size_t frames;
    size_t bytes;
};

/* Takes the link; the box is as at first, or lost. */
void auvi_outbox_open(struct auvi_outbox *box, struct auvi_link *link,
                      uint32_t base);
/* Moves what waits in `from` to the end of the box. */
void auvi_outbox_adopt(struct auvi_outbox *box, struct auvi_outbox *from);
/* Closes the link and forgets what waits. `lost` false: as at first. */
void auvi_outbox_close(struct auvi_outbox *box, bool lost);
/* Forgets what waits. */
void auvi_outbox_clear(struct auvi_outbox *box);

/* Send or keep a frame; its contents are copied. AUV_OK, AUV_ERR_QUEUE_FULL,
 * AUV_ERR_CLOSED, AUV_ERR_TOO_LARGE, AUV_ERR_NOMEM, AUV_ERR_SYSTEM. */
int auvi_outbox_push(struct auvi_outbox *box, struct auvi_frame *frame);

/* 0: all is gone (or waits for a link); 1: call again once the link's
 * descriptor is writable; AUV_ERR_CLOSED: the peer is gone, or this process is
 * out of memory or descriptors. */
int auvi_outbox_flush(struct auvi_outbox *box);

#endif /* AUVI_PAGE_OUTBOX_H */
