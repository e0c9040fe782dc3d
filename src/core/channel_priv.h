/*
 * channel_priv.h - what channel.c (the host's side) and channel_page.c (frames
 * of the page and to it) share.
 */
#ifndef AUVI_CHANNEL_PRIV_H
#define AUVI_CHANNEL_PRIV_H

#include "core/streams.h"

struct message_list {
    struct auv_message *first, **last;
};

struct auv_channel {
    _Atomic uint32_t refs;
    auv_view *view; /* a reference */

    /* fixed after open */
    size_t window;
    bool pull;

    auv_channel_fn fn; /* consumer only */
    void *user;
    void (*free_user)(void *user);

    /* streams_lock */
    struct auv_channel *next; /* in the view's list, while listed */
    bool listed;
    uint64_t number; /* the page's; 0: nobody has joined */
    struct message_list in, out;
    size_t used;   /* of what may be sent */
    size_t unsent; /* part of used: still in `out` */
    size_t held;   /* of what may come: waits, is handled, or not returned */
    size_t spent;  /* part of held: to be returned to the page */
    bool open_due, close_due;    /* frames for the page */
    bool told_open, told_closed; /* events for the host */
    bool readable_due, room_wanted, room_due;
    bool ended;
    int error;
    auv_side by;
    struct auv_message *why; /* of a failure; also sent to the page */
    bool item_queued;
    struct auvi_item item; /* a reference while queued */
    uint32_t waiters;
    _Atomic uint32_t futex; /* moved on every change while somebody waits */

    size_t name_length;
    char name[];
};

/* A channel of the page that waits for the host. Freed when it is neither in the
 * list nor in the inbox. */
struct auvi_offer {
    struct auvi_offer *next;
    struct auvi_item item;
    uint64_t number;
    bool queued, listed;
    size_t name_length;
    char name[];
};

/* ---- channel.c (streams_lock, but for the lists) ---------------------------- */

void auvi_messages_add(struct message_list *list, struct auv_message *message);
struct auv_message *auvi_messages_take(struct message_list *list);
size_t auvi_message_bytes(const struct auv_message *message);
void auvi_channel_wake(struct auv_channel *channel); /* who waits for it */
/* True: the caller pushes the item, without the lock. */
bool auvi_channel_item_wanted(struct auv_channel *channel);
/* Its reference becomes the caller's. */
void auvi_channel_unlist(struct auv_channel *channel);
void auvi_channel_leave(struct auv_channel *channel);
void auvi_channel_join(struct auv_channel *channel, uint64_t number);
/* First reason wins. With `tell` the page is told, behind what was sent. True:
 * this call has ended it. */
bool auvi_channel_end(struct auv_channel *channel, auv_side by, int error,
                      bool tell);
/* The host's open end of that name; `waiting`: that no page has joined. */
struct auv_channel *auvi_channel_find(struct auvi_streams *streams,
                                      const char *name, size_t length,
                                      bool waiting);
/* Where the offer of that name, or with NULL of that number, is listed. */
struct auvi_offer **auvi_offer_find(struct auvi_streams *streams,
                                    const char *name, size_t length,
                                    uint64_t number);
void auvi_offer_drop(struct auvi_streams *streams, struct auvi_offer **at);

#endif /* AUVI_CHANNEL_PRIV_H */
