/*
 * streams.h - what state.c and channel.c share with the rest of the core.
 *
 * Neither uses the outbox: what they have for the page is in a bounded store of
 * their own, and whoever has the sender's role takes it from there, in front of
 * what it sends for that view anyway (send.c). So a writer is never refused for
 * a full queue, and what it replaced is never sent.
 *
 *   writer   changes the store under streams_lock, then auvi_send_streams():
 *            sets streams_due, and if it was not set wakes a sender, or is about
 *            to be one
 *   sender   clears streams_due by an exchange, then looks at the stores
 *
 * One of the two comes second and sees the other.
 *
 * Lock: streams_lock of the view, a leaf; held while one frame is written, and
 * never while host code runs.
 */
#ifndef AUVI_STREAMS_H
#define AUVI_STREAMS_H

#include "core/core.h"

#define AUVI_STATE_BUCKETS 64u

struct auvi_state_entry;
struct auvi_offer;

/* What a view shares with its page. All under streams_lock but where noted. */
struct auvi_streams {
    uint32_t document; /* generation of the granted document; 0: none */

    /* state.c */
    struct auvi_state_entry *buckets[AUVI_STATE_BUCKETS];
    struct auvi_state_entry *first, **last; /* in the order of their making */
    struct auvi_state_entry *owed, **owed_tail;     /* to the page */
    struct auvi_state_entry *untold, **untold_tail; /* to the observers */
    size_t keys, bytes;
    uint64_t refused; /* newest write of the document that is not in */
    bool sync_due;    /* the page has to be told that it has all */
    struct auvi_item item;
    bool item_queued;

    /* channel.c */
    struct auv_channel *channels; /* each holds one reference while listed */
    struct auvi_offer *offers;
    uint64_t last_number; /* of the document's channels */
    size_t joined;        /* numbers in use: channels, offers, refused */
    uint64_t refused_channels[AUV_CHANNEL_MAX]; /* to be told */
    size_t refused_count;
    bool closed; /* no new ones */
};

int auvi_streams_init(auv_view *view);
void auvi_streams_free(auv_view *view); /* end of the view's memory */

/* Receiver, who flushes soon, as with each frame: a document is up; generation
 * 0: one without a grant. */
void auvi_streams_document(auv_view *view, uint32_t generation);
/* The document is gone. Any thread. */
void auvi_streams_gone(auv_view *view, int error);
/* The view is gone, too. */
void auvi_streams_end(auv_view *view, int error);
/* Receiver: a frame of kind STATE_* or CHANNEL_*; `error`: it has come without
 * its contents. AUV_OK, or AUV_ERR_PROTOCOL. */
int auvi_streams_receive(auv_view *view, struct auvi_frame *frame, int error);
/* send_lock: write what is due. AUV_OK, or AUV_ERR_QUEUE_FULL: the link is
 * blocked. */
int auvi_streams_send(auv_view *view);

/* An item that is part of something larger: into the lane of the page's
 * messages, whatever it takes. */
void auvi_streams_push(auv_view *view, struct auvi_item *item);

/* ---- state.c -------------------------------------------------------------- */

void auvi_state_init(struct auvi_streams *streams);
void auvi_state_free(struct auvi_streams *streams);
/* streams_lock */
void auvi_state_document(struct auvi_streams *streams);
void auvi_state_gone(struct auvi_streams *streams);
int auvi_state_receive(auv_view *view, struct auvi_frame *frame, int error);
/* streams_lock and send_lock; AUV_OK or why the link took it not */
int auvi_state_send(auv_view *view);
void auvi_state_dispatch(auv_view *view); /* consumer */

/* ---- channel.c ------------------------------------------------------------ */

void auvi_channels_gone(auv_view *view, int error, bool all);
int auvi_channels_receive(auv_view *view, struct auvi_frame *frame, int error);
int auvi_channels_send(auv_view *view); /* streams_lock and send_lock */
void auvi_channel_dispatch(struct auv_channel *channel); /* consumer */
void auvi_channel_discard(struct auv_channel *channel);
void auvi_offer_dispatch(struct auvi_offer *offer); /* consumer */
void auvi_offer_discard(struct auvi_offer *offer);
void auvi_channels_free(struct auvi_streams *streams);

#endif /* AUVI_STREAMS_H */
