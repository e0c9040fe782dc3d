/*
 * frame.h - the unit that crosses a process border, and its bytes.
 *
 *  0 version   1 kind   2 flags   3 lane     4 generation (u32)
 *  8 id (u64)
 * 16 size (u32: whole frame, a multiple of 8)   20 payload_length (u32)
 * 24 name_length (u16)   26 part_count (u16)    28 zero (u32)
 * 32 part table: part_count x { length u64, type u32, where u32 }
 *    payload, one NUL, name, one NUL, zero padding to 8
 *    inline parts, each padded to 8 with zeros
 *
 * All numbers little-endian. `where` is 0 for inline, 1 for the next of the
 * descriptors that travel with the packet: a memfd sealed against shrinking,
 * growing and writing, exactly `length` bytes long, which is a multiple of the
 * size of the part's type. With AUVI_FRAME_JSON_FD the payload travels so too
 * (before the parts), and takes no inline bytes, not even its NUL.
 *
 * Where frames go through a ring (ring.h), what would need a new memfd lies
 * behind the frame instead, in the same order and each padded to 8: `where` 2,
 * AUVI_FRAME_JSON_BULK.
 *
 * The sender may be hostile: decoding checks every number against the bytes
 * that are there, reads each once, and fails as a whole.
 */
#ifndef AUVI_FRAME_H
#define AUVI_FRAME_H

#include "auroraview/message.h"

#define AUVI_WIRE_VERSION 1
#define AUVI_FRAME_HEADER 32u
#define AUVI_PACKET_MAX ((size_t)128 * 1024) /* bytes of one packet */
#define AUVI_INLINE_MAX ((size_t)64 * 1024)  /* from here on: a memfd, or */
#define AUVI_BULK_MAX ((size_t)1536 * 1024)  /* bulk up to this, all together */
#define AUVI_PACKET_FDS 128u /* descriptors in one packet (kernel: 253) */
#define AUVI_FRAME_LANES 4u  /* lane: 0 to 3 */

/* Values are wire format. */
enum auvi_frame_kind {
    /* data link, page -> host */
    AUVI_FRAME_HELLO = 1,        /* a document is up: generation; name: its URL;
                              id: bit 0 granted, bit 1 of a frame, whose name
                              is the payload (not JSON) */
    AUVI_FRAME_GONE = 2,         /* and is no more: generation */
    AUVI_FRAME_CALL = 3,         /* id, name: method, payload: arguments */
    AUVI_FRAME_RESULT = 4,       /* id of an EVAL; flag ERROR */
    AUVI_FRAME_SCRIPT_ERROR = 9, /* generation; id: line, name: source,
                                    payload: text (not JSON) */
    AUVI_FRAME_NAVIGATED = 10, /* generation answers the navigation of this id,
                                    and all before it */
    AUVI_FRAME_PONG = 13,      /* answers a PING; nothing */
    /* data link, both ways */
    AUVI_FRAME_EVENT = 5, /* name, payload */
    AUVI_FRAME_CANCEL =
        6, /* id of a CALL (page -> host), EVAL (host -> page) */
    /* data link, host -> page */
    AUVI_FRAME_REPLY = 7, /* id and generation of a CALL; flag ERROR */
    AUVI_FRAME_EVAL = 8,  /* id; payload: script text (not JSON) */
    AUVI_FRAME_PING = 12, /* nothing: answered when its turn comes */
    /* data link, both ways: shared state (core/state.c). generation: the
     * document. name: the key. To the host id is the number of the page's
     * write; to the page that of its last write of the key that is in */
    AUVI_FRAME_STATE_SET = 20,    /* payload: the value */
    AUVI_FRAME_STATE_DELETE = 21, /* the key is gone */
    AUVI_FRAME_STATE_SYNC = 22,   /* host -> page: the value is the page's own;
                                     without a name: all keys have been sent, and
                                     writes up to id that were not are refused */
    /* data link, both ways: channels (core/channel.c). generation: the document,
     * id: the number that the page has given the channel */
    AUVI_FRAME_CHANNEL_OPEN = 23,   /* page -> host name; host -> page payload:
                                       bytes that each side lets the other send */
    AUVI_FRAME_CHANNEL_DATA = 24,   /* payload; page -> host name: its cost */
    AUVI_FRAME_CHANNEL_CREDIT = 25, /* payload: digits, bytes used up */
    AUVI_FRAME_CHANNEL_CLOSE = 26,  /* flag ERROR: payload is why */
    /* control link: 64 and up, see engine/remote/channel.h */
    AUVI_FRAME_CONTROL = 64
};

enum auvi_frame_flag {
    AUVI_FRAME_ERROR = 1,    /* payload: {"name","message","code"?,"data"?} */
    AUVI_FRAME_JSON_FD = 2,  /* set by the encoder only */
    AUVI_FRAME_RAW_FD = 4,   /* set by the encoder only: see raw_fd */
    AUVI_FRAME_JSON_BULK = 8 /* likewise; never together with JSON_FD */
};

/* A part of a frame. Sending: data, or fd >= 0 (a sealed memfd that is sent as
 * it is). Receiving: exactly one of them; `data` may lie in a ring, where a
 * hostile sender goes on writing: copy it once, and look only at the copy. */
struct auvi_frame_part {
    const void *data;
    size_t length;
    auv_part_type type;
    int fd;
};

struct auvi_frame {
    uint8_t kind;
    uint8_t flags;
    uint8_t lane;
    uint32_t generation;
    uint64_t id;
    const char *name;
    size_t name_length;
    const char *payload; /* NULL when it is in payload_fd */
    size_t payload_length;
    int payload_fd; /* -1: inline. Sending: a sealed memfd, sent as it is */
    int raw_fd; /* -1: none. A descriptor of any kind, sent as it is, last of
                       the frame's. Only frames of kind AUVI_FRAME_CONTROL and
                       up may carry one: from a page it is a protocol error */
    size_t part_count;
    struct auvi_frame_part parts[AUV_MAX_PARTS];
};

/* Bytes of one element of a part; 0 for a type that does not exist. */
size_t auvi_part_type_size(uint32_t type);

/* An empty frame of that kind, with no descriptors. Leaves parts[] as it is:
 * only the first part_count of them mean anything. */
void auvi_frame_init(struct auvi_frame *frame, enum auvi_frame_kind kind);

/* Bytes that the frame takes once its large contents are in memfds.
 * AUV_ERR_TOO_LARGE, AUV_ERR_ARG when no packet could carry it. */
int64_t auvi_frame_encoded_size(const struct auvi_frame *frame);

/* Write the frame. Contents from AUVI_INLINE_MAX on (and inline parts that would
 * make the frame larger than a packet) go into new memfds, which are appended
 * to fds[*fd_count...] and belong to the caller, as do the duplicates of those
 * that the frame brings. Returns the bytes written, a
 * multiple of 8; AUV_ERR_QUEUE_FULL when `size` bytes or `fd_space`
 * descriptors are not enough; AUV_ERR_SYSTEM, AUV_ERR_NOMEM when no memfd can
 * be had: then nothing was taken and nothing is left open. */
int64_t auvi_frame_encode(const struct auvi_frame *frame, void *bytes,
                          size_t size, int *fds, size_t fd_space,
                          size_t *fd_count);

/* Read one frame from bytes[0..size), using descriptors from fds[*fd_used...].
 * Pointers in *out lead into `bytes`; descriptors move into *out. `bytes` must
 * be 8-aligned and must not be writable by the peer. Returns the bytes used, or
 * AUV_ERR_PROTOCOL: then *out holds nothing and fds is as before. Seals and
 * length of each descriptor are checked.
 *
 * A descriptor of -1 is one that the system could not receive. A well-formed
 * frame that needs it gives AUV_ERR_SYSTEM: *out then has all but its contents
 * (no payload, no parts), so that its sender can be told, and
 * auvi_frame_wire_size() tells where the next one begins. */
int64_t auvi_frame_decode(const void *bytes, size_t size, int *fds,
                          size_t fd_count, size_t *fd_used,
                          struct auvi_frame *out);

/* The same for a ring. Bytes of the frame itself, *bulk those behind it, both
 * multiples of 8; 0 if it needs descriptors; AUV_ERR_ARG, AUV_ERR_TOO_LARGE. */
int64_t auvi_frame_ring_size(const struct auvi_frame *frame, size_t *bulk);
/* Write a frame of those sizes; its bulk goes to bytes + size. */
void auvi_frame_ring_write(const struct auvi_frame *frame, void *bytes,
                           size_t size);
/* As auvi_frame_decode(), without descriptors. The bulk of bytes[0..size)'s
 * frames is at *bulk, *bulk_size bytes of it; both move on. A payload that lies
 * there is at *text, not in *out, and has no NUL: the caller must copy it. */
int64_t auvi_frame_ring_decode(const void *bytes, size_t size,
                               const uint8_t **bulk, size_t *bulk_size,
                               struct auvi_frame *out, const void **text);

/* Size field of a frame at `bytes` that decoding did not call malformed. */
size_t auvi_frame_wire_size(const void *bytes);

/* Close the descriptors that the frame still holds. */
void auvi_frame_release(struct auvi_frame *frame);

#endif /* AUVI_FRAME_H */
