/*
 * link.h - a pair of ends over which frames travel in order.
 *
 * One packet carries any number of frames and their descriptors. Sending
 * collects frames until auvi_link_flush(), so that what belongs to one turn of
 * a loop leaves at once. Nothing here ever blocks.
 *
 * Threads: one sender and one receiver at a time, who may be two threads: the
 * sending functions share no state with the receiving ones.
 *
 * A link is a SOCK_SEQPACKET pair, and between a host and a page two rings in
 * shared memory beside it. Users see only: frames in, frames out, and one
 * descriptor to poll.
 */
#ifndef AUVI_LINK_H
#define AUVI_LINK_H

#include "wire/frame.h"

struct auvi_link;

/* Make a link: one end here, the other as a close-on-exec descriptor for a
 * child process, which gives it to auvi_link_open(). */
int auvi_link_pair(struct auvi_link **out, int *peer_fd);

/* How long a page looks for an answer before it sleeps, unless its host says
 * otherwise. Sleeping and waking an idle core costs more than this. */
#define AUVI_LINK_SPIN_US 30

/* The same with rings, as far as both ends can have them; without, the link is
 * slower and nothing else. spin_us: what auvi_link_spin_us() of the other end
 * is to say. */
int auvi_link_pair_with_rings(uint32_t spin_us, struct auvi_link **out,
                              int *peer_fd);

/* Take a descriptor that came from either. Takes fd also on error. */
int auvi_link_open(int fd, struct auvi_link **out);

/* NULL is fine. What was not flushed is dropped. */
void auvi_link_close(struct auvi_link *link);

/* Polls readable when auvi_link_receive() has something new to say (see also
 * auvi_link_has_more()), writable when a flush that returned 1 may go on. */
int auvi_link_fd(const struct auvi_link *link);

uint32_t auvi_link_spin_us(const struct auvi_link *link);
/* Whether this end has rings; the other one may have refused them. */
bool auvi_link_has_rings(const struct auvi_link *link);

/* Make both ends see the end of the link, from any thread. */
void auvi_link_shutdown(struct auvi_link *link);

/* ---- sending ---- */

/* Add a frame to the open packet; flushes by itself when it is full. Returns
 * AUV_OK, or AUV_ERR_QUEUE_FULL: the peer does not read, the frame was not
 * taken, try again once writable; AUV_ERR_CLOSED: the peer is gone;
 * AUV_ERR_ARG, AUV_ERR_TOO_LARGE, AUV_ERR_SYSTEM, AUV_ERR_NOMEM: this frame was
 * not taken, the link is fine. Only copies of what the frame points to and
 * duplicates of its descriptors are kept. */
int auvi_link_send(struct auvi_link *link, const struct auvi_frame *frame);

/* Send the open packet. 0: all is gone; 1: the peer does not read, call again
 * once writable; AUV_ERR_CLOSED: the peer is gone; AUV_ERR_SYSTEM,
 * AUV_ERR_NOMEM: the kernel lacks memory or has too many descriptors in flight;
 * the packet is kept, but nothing polls for it: call again after a while. */
int auvi_link_flush(struct auvi_link *link);

/* ---- receiving ---- */

/* Next frame. 1: *out is it, valid until the next call on this end (take its
 * descriptors, or auvi_frame_release()); 0: nothing now; AUV_ERR_CLOSED: the
 * peer is gone and everything it sent has been received; AUV_ERR_PROTOCOL: the
 * peer broke the rules, close the link (both come again on every call).
 *
 * AUV_ERR_SYSTEM with out->kind set: this process has no free descriptors, so
 * the large contents of this frame are lost. *out is the frame without payload
 * and parts, to end its request with an error; the link is fine. With kind 0,
 * and AUV_ERR_NOMEM: nothing was received, call again after a while. */
int auvi_link_receive(struct auvi_link *link, struct auvi_frame *out);

/* Frames may be left of which the descriptor does not tell: always so unless the
 * last auvi_link_receive() has returned 0. A receiver that stops early must ask,
 * and come back by itself. */
bool auvi_link_has_more(const struct auvi_link *link);

/* For a receiver that waits awake: whether auvi_link_receive() may have
 * something. Where there are rings this is no system call. Until
 * auvi_link_receive() has returned 0 again, the descriptor does not tell. */
bool auvi_link_look(struct auvi_link *link);

#endif /* AUVI_LINK_H */
