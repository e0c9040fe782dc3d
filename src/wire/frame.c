/*
 * frame.c - frames to bytes and back. The layout is drawn in frame.h.
 *
 * Decoding runs in two passes: the first checks every number against the bytes
 * that are there and touches no descriptor, the second takes the descriptors.
 * So a frame that is refused has taken nothing, and the order of the checks is
 * the order of the fields.
 *
 * There is one encoding for each frame: reserved fields, terminators and
 * padding must be zero, and nothing may be left over at the end.
 */
#include "wire/frame.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>

#include "base/base.h"

enum {
    WHERE_INLINE = 0,
    WHERE_FD = 1,
    WHERE_BULK = 2
};

#define PART_ENTRY ((size_t)16) /* bytes of one entry of the part table */
#define ALL_FLAGS                                                \
    (AUVI_FRAME_ERROR | AUVI_FRAME_JSON_FD | AUVI_FRAME_RAW_FD | \
     AUVI_FRAME_JSON_BULK)

/* A frame without its large contents always fits into a packet, and all its
 * descriptors into one message. */
static_assert(AUVI_FRAME_HEADER + AUV_MAX_PARTS * PART_ENTRY + AUVI_INLINE_MAX +
                      AUV_MAX_NAME + 2 + 7 <=
                  AUVI_PACKET_MAX,
              "largest frame fits");
static_assert(AUV_MAX_PARTS + 1 <= AUVI_PACKET_FDS, "descriptors fit");
static_assert(AUV_MAX_PARTS <= 64, "one bit per part");
static_assert(AUV_MAX_PAYLOAD <= UINT32_MAX, "payload_length is 32 bits");

/* How a frame will be laid out. */
struct layout {
    size_t size;
    size_t fd_count;
    bool payload_by_fd;
    uint64_t parts_by_fd; /* bit i: part i */
    bool bulk;            /* "by fd" means behind the frame, in a ring */
};

static size_t pad8(size_t length)
{
    return (length + 7) & ~(size_t)7;
}

/* Bytewise, so that it holds on every machine; compilers make one move of it. */
static void put_le(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_le(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

size_t auvi_part_type_size(uint32_t type)
{
    static const uint8_t sizes[] = {
        [AUV_PART_BUFFER] = 1,     [AUV_PART_U8] = 1,  [AUV_PART_I8] = 1,
        [AUV_PART_U8_CLAMPED] = 1, [AUV_PART_U16] = 2, [AUV_PART_I16] = 2,
        [AUV_PART_U32] = 4,        [AUV_PART_I32] = 4, [AUV_PART_F32] = 4,
        [AUV_PART_F64] = 8,        [AUV_PART_U64] = 8, [AUV_PART_I64] = 8,
    };

    return type < sizeof(sizes) ? sizes[type] : 0;
}

void auvi_frame_init(struct auvi_frame *frame, enum auvi_frame_kind kind)
{
    memset(frame, 0, offsetof(struct auvi_frame, parts));
    frame->kind = (uint8_t)kind;
    frame->payload_fd = -1;
    frame->raw_fd = -1;
}

void auvi_frame_release(struct auvi_frame *frame)
{
    auvi_fd_close(frame->payload_fd);
    frame->payload_fd = -1;
    auvi_fd_close(frame->raw_fd);
    frame->raw_fd = -1;
    for (size_t i = 0; i < frame->part_count; i++) {
        auvi_fd_close(frame->parts[i].fd);
        frame->parts[i].fd = -1;
    }
}

/* ---- encoding ---- */

static int check_sendable(const struct auvi_frame *frame)
{
    if (frame->part_count > AUV_MAX_PARTS)
        return auvi_fail(AUV_ERR_TOO_LARGE, "more than %zu binary parts",
                         AUV_MAX_PARTS);
    if (frame->name_length > AUV_MAX_NAME)
        return auvi_fail(AUV_ERR_TOO_LARGE, "name of more than %zu bytes",
                         AUV_MAX_NAME);
    if (frame->payload_length > AUV_MAX_PAYLOAD)
        return auvi_fail(AUV_ERR_TOO_LARGE, "text of more than %zu bytes",
                         AUV_MAX_PAYLOAD);
    if (frame->kind == 0 || frame->lane >= AUVI_FRAME_LANES ||
        (frame->flags & ~AUVI_FRAME_ERROR) != 0)
        return auvi_fail(AUV_ERR_ARG, "frame of unknown kind, lane or flag");
    if (frame->raw_fd >= 0 && frame->kind < AUVI_FRAME_CONTROL)
        return auvi_fail(AUV_ERR_ARG, "no descriptors on a data link");
    if (frame->name == NULL && frame->name_length > 0)
        return auvi_fail(AUV_ERR_ARG, "name without its text");
    if (frame->payload == NULL && frame->payload_fd < 0 &&
        frame->payload_length > 0)
        return auvi_fail(AUV_ERR_ARG, "length without a text");
    for (size_t i = 0; i < frame->part_count; i++) {
        const struct auvi_frame_part *part = &frame->parts[i];
        size_t unit = auvi_part_type_size((uint32_t)part->type);

        if (unit == 0 || part->length % unit != 0)
            return auvi_fail(AUV_ERR_ARG,
                             "part %zu: %zu bytes do not make that type", i,
                             part->length);
        if (part->length > AUV_MAX_PAYLOAD)
            return auvi_fail(AUV_ERR_TOO_LARGE, "part of more than %zu bytes",
                             AUV_MAX_PAYLOAD);
        if (part->data == NULL && part->fd < 0 && part->length > 0)
            return auvi_fail(AUV_ERR_ARG, "part %zu has no data", i);
    }
    return AUV_OK;
}

static int lay_out(const struct auvi_frame *frame, struct layout *out)
{
    int error = check_sendable(frame);

    if (error < 0)
        return error;
    out->fd_count = 0;
    out->parts_by_fd = 0;
    out->bulk = false;
    out->size = AUVI_FRAME_HEADER + frame->part_count * PART_ENTRY;
    out->payload_by_fd =
        frame->payload_fd >= 0 || frame->payload_length >= AUVI_INLINE_MAX;
    if (out->payload_by_fd)
        out->fd_count++;
    else
        out->size += frame->payload_length + 1;
    out->size = pad8(out->size + frame->name_length + 1);
    for (size_t i = 0; i < frame->part_count; i++) {
        const struct auvi_frame_part *part = &frame->parts[i];

        if (part->fd >= 0 || part->length >= AUVI_INLINE_MAX ||
            out->size + pad8(part->length) > AUVI_PACKET_MAX) {
            out->parts_by_fd |= (uint64_t)1 << i;
            out->fd_count++;
        } else {
            out->size += pad8(part->length);
        }
    }
    if (frame->raw_fd >= 0)
        out->fd_count++;
    return AUV_OK;
}

int64_t auvi_frame_encoded_size(const struct auvi_frame *frame)
{
    struct layout layout;
    int error = lay_out(frame, &layout);

    return error < 0 ? error : (int64_t)layout.size;
}

/* A descriptor of ours for contents that do not go inline. */
static int descriptor_for(int fd, const void *data, size_t length)
{
    int copy;

    if (fd < 0)
        return auvi_shm_create(data, length);
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy >= 0 ? copy : auvi_fail_errno("cannot pass shared memory on");
}

/* Fill fds[0..layout->fd_count), or none of them. */
static int make_descriptors(const struct auvi_frame *frame,
                            const struct layout *layout, int *fds)
{
    size_t made = 0;
    int fd = 0;

    if (layout->payload_by_fd) {
        fd = descriptor_for(frame->payload_fd, frame->payload,
                            frame->payload_length);
        if (fd >= 0)
            fds[made++] = fd;
    }
    for (size_t i = 0; fd >= 0 && i < frame->part_count; i++) {
        if (!(layout->parts_by_fd >> i & 1))
            continue;
        fd = descriptor_for(frame->parts[i].fd, frame->parts[i].data,
                            frame->parts[i].length);
        if (fd >= 0)
            fds[made++] = fd;
    }
    if (fd >= 0 && frame->raw_fd >= 0) {
        fd = descriptor_for(frame->raw_fd, NULL, 0);
        if (fd >= 0)
            fds[made++] = fd;
    }
    if (fd >= 0)
        return AUV_OK;
    while (made > 0)
        auvi_fd_close(fds[--made]);
    return fd; /* the error code */
}

static void write_header(const struct auvi_frame *frame,
                         const struct layout *layout, uint8_t *at)
{
    at[0] = AUVI_WIRE_VERSION;
    at[1] = frame->kind;
    at[2] = (uint8_t)(frame->flags |
                      (!layout->payload_by_fd ? 0
                       : layout->bulk         ? AUVI_FRAME_JSON_BULK
                                              : AUVI_FRAME_JSON_FD) |
                      (frame->raw_fd >= 0 ? AUVI_FRAME_RAW_FD : 0));
    at[3] = frame->lane;
    put_le(at + 4, frame->generation, 4);
    put_le(at + 8, frame->id, 8);
    put_le(at + 16, layout->size, 4);
    put_le(at + 20, frame->payload_length, 4);
    put_le(at + 24, frame->name_length, 2);
    put_le(at + 26, frame->part_count, 2);
    put_le(at + 28, 0, 4);
}

/* Copy `length` bytes to `at`; the position behind them. */
static uint8_t *append(uint8_t *at, const void *data, size_t length)
{
    if (length > 0)
        memcpy(at, data, length);
    return at + length;
}

static uint8_t *append_padding(uint8_t *at, const uint8_t *start)
{
    size_t used = (size_t)(at - start);

    for (size_t i = used; i < pad8(used); i++)
        *at++ = 0;
    return at;
}

static void write_frame(const struct auvi_frame *frame,
                        const struct layout *layout, uint8_t *start)
{
    uint8_t *at = start + AUVI_FRAME_HEADER;

    write_header(frame, layout, start);
    for (size_t i = 0; i < frame->part_count; i++) {
        put_le(at, frame->parts[i].length, 8);
        put_le(at + 8, (uint64_t)frame->parts[i].type, 4);
        put_le(at + 12,
               !(layout->parts_by_fd >> i & 1) ? WHERE_INLINE
               : layout->bulk                  ? WHERE_BULK
                                               : WHERE_FD,
               4);
        at += PART_ENTRY;
    }
    if (!layout->payload_by_fd) {
        at = append(at, frame->payload, frame->payload_length);
        *at++ = 0;
    }
    at = append(at, frame->name, frame->name_length);
    *at++ = 0;
    at = append_padding(at, start);
    for (size_t i = 0; i < frame->part_count; i++) {
        if (layout->parts_by_fd >> i & 1)
            continue;
        at = append(at, frame->parts[i].data, frame->parts[i].length);
        at = append_padding(at, start);
    }
    assert((size_t)(at - start) == layout->size);
}

int64_t auvi_frame_encode(const struct auvi_frame *frame, void *bytes,
                          size_t size, int *fds, size_t fd_space,
                          size_t *fd_count)
{
    struct layout layout;
    int error = lay_out(frame, &layout);

    if (error < 0)
        return error;
    if (layout.size > size || *fd_count > fd_space ||
        layout.fd_count > fd_space - *fd_count)
        return auvi_fail_plain(AUV_ERR_QUEUE_FULL);
    /* The descriptors first: they can fail, writing cannot. */
    error = make_descriptors(frame, &layout, fds + *fd_count);
    if (error < 0)
        return error;
    *fd_count += layout.fd_count;
    write_frame(frame, &layout, bytes);
    return (int64_t)layout.size;
}

int64_t auvi_frame_ring_size(const struct auvi_frame *frame, size_t *bulk)
{
    struct layout layout;
    int error = lay_out(frame, &layout);

    *bulk = 0;
    if (error < 0)
        return error;
    if (layout.fd_count == 0)
        return (int64_t)layout.size;
    if (frame->payload_fd >= 0 || frame->raw_fd >= 0)
        return 0;
    if (layout.payload_by_fd)
        *bulk += pad8(frame->payload_length);
    for (size_t i = 0; i < frame->part_count; i++) {
        if (!(layout.parts_by_fd >> i & 1))
            continue;
        if (frame->parts[i].fd >= 0)
            return 0;
        *bulk += pad8(frame->parts[i].length);
    }
    return *bulk <= AUVI_BULK_MAX ? (int64_t)layout.size : 0;
}

void auvi_frame_ring_write(const struct auvi_frame *frame, void *bytes,
                           size_t size)
{
    struct layout layout = {0};
    uint8_t *at = (uint8_t *)bytes + size;
    int error = lay_out(frame, &layout);

    assert(error == AUV_OK && layout.size == size);
    (void)error;
    layout.bulk = true;
    write_frame(frame, &layout, bytes);
    if (layout.payload_by_fd) {
        memcpy(at, frame->payload, frame->payload_length);
        at += pad8(frame->payload_length);
    }
    for (size_t i = 0; i < frame->part_count; i++) {
        if (!(layout.parts_by_fd >> i & 1))
            continue;
        memcpy(at, frame->parts[i].data, frame->parts[i].length);
        at += pad8(frame->parts[i].length);
    }
}

/* ---- decoding ---- */

/* The bytes of one frame that are not read yet. */
struct reader {
    const uint8_t *at;
    size_t left;
    const uint8_t *start; /* of the frame */
    bool ring;            /* contents are bulk, not descriptors */
};

static int malformed(const char *what)
{
    return auvi_fail(AUV_ERR_PROTOCOL, "malformed frame: %s", what);
}

/* The next `length` bytes, or NULL if there are not so many. */
static const uint8_t *take(struct reader *reader, size_t length)
{
    const uint8_t *at = reader->at;

    if (length > reader->left)
        return NULL;
    reader->at += length;
    reader->left -= length;
    return at;
}

/* A text of `length` bytes and its NUL. */
static const char *take_text(struct reader *reader, size_t length)
{
    const uint8_t *text = take(reader, length);
    const uint8_t *end = text != NULL ? take(reader, 1) : NULL;

    return end != NULL && *end == 0 ? (const char *)text : NULL;
}

static bool take_padding(struct reader *reader)
{
    size_t used = (size_t)(reader->at - reader->start);
    size_t length = pad8(used) - used;
    const uint8_t *padding = take(reader, length);

    for (size_t i = 0; padding != NULL && i < length; i++) {
        if (padding[i] != 0)
            return false;
    }
    return padding != NULL;
}

/* Header fields into *out, and the frame's own bytes into *reader. */
static int read_header(const uint8_t *bytes, size_t size, struct reader *reader,
                       struct auvi_frame *out)
{
    size_t frame_size;

    if (size < AUVI_FRAME_HEADER)
        return malformed("shorter than a header");
    if (bytes[0] != AUVI_WIRE_VERSION)
        return malformed("wrong version");
    if (bytes[1] == 0)
        return malformed("no kind");
    if ((bytes[2] & ~ALL_FLAGS) != 0)
        return malformed("unknown flag");
    if (bytes[3] >= AUVI_FRAME_LANES)
        return malformed("unknown lane");
    if ((bytes[2] & AUVI_FRAME_RAW_FD) && bytes[1] < AUVI_FRAME_CONTROL)
        return malformed("descriptor on a data link");
    if (bytes[2] & (reader->ring ? AUVI_FRAME_JSON_FD | AUVI_FRAME_RAW_FD
                                 : AUVI_FRAME_JSON_BULK))
        return malformed("contents where there are none");
    frame_size = (size_t)get_le(bytes + 16, 4);
    if (frame_size < AUVI_FRAME_HEADER || frame_size > size ||
        frame_size % 8 != 0)
        return malformed("size");

    auvi_frame_init(out, bytes[1]);
    out->flags = bytes[2] & AUVI_FRAME_ERROR;
    out->lane = bytes[3];
    out->generation = (uint32_t)get_le(bytes + 4, 4);
    out->id = get_le(bytes + 8, 8);
    out->payload_length = (size_t)get_le(bytes + 20, 4);
    out->name_length = (size_t)get_le(bytes + 24, 2);
    out->part_count = (size_t)get_le(bytes + 26, 2);
    if (get_le(bytes + 28, 4) != 0)
        return malformed("reserved field");
    if (out->payload_length > AUV_MAX_PAYLOAD)
        return malformed("text too long");
    if (out->name_length > AUV_MAX_NAME)
        return malformed("name too long");
    if (out->part_count > AUV_MAX_PARTS)
        return malformed("too many parts");

    reader->at = bytes + AUVI_FRAME_HEADER;
    reader->left = frame_size - AUVI_FRAME_HEADER;
    return AUV_OK;
}

/* Part table into *out; bit i of *by_fd: part i has a descriptor. */
static int read_parts(struct reader *reader, struct auvi_frame *out,
                      uint64_t *by_fd)
{
    *by_fd = 0;
    for (size_t i = 0; i < out->part_count; i++) {
        const uint8_t *entry = take(reader, PART_ENTRY);
        uint64_t length;
        uint32_t type;
        uint32_t where;
        size_t unit;

        if (entry == NULL)
            return malformed("part table is cut");
        length = get_le(entry, 8);
        type = (uint32_t)get_le(entry + 8, 4);
        where = (uint32_t)get_le(entry + 12, 4);
        unit = auvi_part_type_size(type);
        if (length > AUV_MAX_PAYLOAD)
            return malformed("part too long");
        if (unit == 0 || length % unit != 0)
            return malformed("part type");
        if (where != WHERE_INLINE &&
            where != (uint32_t)(reader->ring ? WHERE_BULK : WHERE_FD))
            return malformed("place of a part");
        out->parts[i].data = NULL;
        out->parts[i].length = (size_t)length;
        out->parts[i].type = (auv_part_type)type;
        out->parts[i].fd = -1;
        if (where != WHERE_INLINE)
            *by_fd |= (uint64_t)1 << i;
    }
    return AUV_OK;
}

static int read_contents(struct reader *reader, struct auvi_frame *out,
                         bool payload_by_fd, uint64_t by_fd)
{
    if (!payload_by_fd) {
        out->payload = take_text(reader, out->payload_length);
        if (out->payload == NULL)
            return malformed("text is cut");
    }
    out->name = take_text(reader, out->name_length);
    if (out->name == NULL)
        return malformed("name is cut");
    if (!take_padding(reader))
        return malformed("padding");
    for (size_t i = 0; i < out->part_count; i++) {
        if (by_fd >> i & 1)
            continue;
        out->parts[i].data = take(reader, out->parts[i].length);
        if (out->parts[i].data == NULL)
            return malformed("part is cut");
        if (!take_padding(reader))
            return malformed("padding");
    }
    if (reader->left != 0)
        return malformed("bytes left over");
    return AUV_OK;
}

/* Put fds[0..count) where they belong, in the order of the wire. */
static int place_descriptors(struct auvi_frame *out, const int *fds,
                             bool payload_by_fd, uint64_t by_fd, bool raw)
{
    size_t next = 0;
    int error;

    if (payload_by_fd) {
        error = auvi_shm_check(fds[next], out->payload_length);
        if (error < 0)
            return error;
        out->payload_fd = fds[next++];
    }
    for (size_t i = 0; i < out->part_count; i++) {
        if (!(by_fd >> i & 1))
            continue;
        error = auvi_shm_check(fds[next], out->parts[i].length);
        if (error < 0)
            return error;
        out->parts[i].fd = fds[next++];
    }
    if (raw)
        out->raw_fd = fds[next];
    return AUV_OK;
}

static size_t count_bits(uint64_t bits)
{
    size_t count = 0;

    for (; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

/* Leave only what tells which frame it was. */
static void strip_contents(struct auvi_frame *frame)
{
    frame->payload = NULL;
    frame->payload_length = 0;
    frame->payload_fd = -1;
    frame->raw_fd = -1;
    frame->part_count = 0;
}

size_t auvi_frame_wire_size(const void *bytes)
{
    return (size_t)get_le((const uint8_t *)bytes + 16, 4);
}

int64_t auvi_frame_decode(const void *bytes, size_t size, int *fds,
                          size_t fd_count, size_t *fd_used,
                          struct auvi_frame *out)
{
    const uint8_t *start = bytes;
    struct reader reader = {start, 0, start, false};
    bool payload_by_fd, raw;
    uint64_t by_fd;
    size_t needed;
    int error = read_header(start, size, &reader, out);

    if (error < 0)
        goto refuse;
    payload_by_fd = (start[2] & AUVI_FRAME_JSON_FD) != 0;
    raw = (start[2] & AUVI_FRAME_RAW_FD) != 0;
    error = read_parts(&reader, out, &by_fd);
    if (error < 0)
        goto refuse;
    error = read_contents(&reader, out, payload_by_fd, by_fd);
    if (error < 0)
        goto refuse;
    needed = count_bits(by_fd) + (payload_by_fd ? 1 : 0) + (raw ? 1 : 0);
    if (*fd_used > fd_count || needed > fd_count - *fd_used) {
        error = malformed("descriptors are missing");
        goto refuse;
    }
    if (needed > 0) {
        int *own = fds + *fd_used;

        /* The kernel drops from the end, so the last one tells. */
        if (own[needed - 1] < 0) {
            for (size_t i = 0; i < needed; i++) {
                auvi_fd_close(own[i]);
                own[i] = -1;
            }
            *fd_used += needed;
            strip_contents(out);
            return auvi_fail(AUV_ERR_SYSTEM,
                             "no free descriptors to receive shared memory");
        }
        error = place_descriptors(out, own, payload_by_fd, by_fd, raw);
        if (error < 0)
            goto refuse;
        *fd_used += needed;
    }
    return reader.at - start;

refuse:
    auvi_frame_init(out, 0);
    return error;
}

/* The next contents of `length` bytes; NULL if there are not so many. */
static const uint8_t *take_bulk(const uint8_t **bulk, size_t *left,
                                size_t length)
{
    const uint8_t *at = *bulk;

    if (pad8(length) > *left)
        return NULL;
    *bulk += pad8(length);
    *left -= pad8(length);
    return at;
}

int64_t auvi_frame_ring_decode(const void *bytes, size_t size,
                               const uint8_t **bulk, size_t *bulk_size,
                               struct auvi_frame *out, const void **text)
{
    const uint8_t *start = bytes;
    struct reader reader = {start, 0, start, true};
    bool payload_is_bulk;
    uint64_t in_bulk;
    int error = read_header(start, size, &reader, out);

    *text = NULL;
    if (error < 0)
        goto refuse;
    payload_is_bulk = (start[2] & AUVI_FRAME_JSON_BULK) != 0;
    error = read_parts(&reader, out, &in_bulk);
    if (error < 0)
        goto refuse;
    error = read_contents(&reader, out, payload_is_bulk, in_bulk);
    if (error < 0)
        goto refuse;
    if (payload_is_bulk) {
        *text = take_bulk(bulk, bulk_size, out->payload_length);
        if (*text == NULL) {
            error = malformed("contents are cut");
            goto refuse;
        }
    }
    for (size_t i = 0; i < out->part_count; i++) {
        if (!(in_bulk >> i & 1))
            continue;
        out->parts[i].data = take_bulk(bulk, bulk_size, out->parts[i].length);
        if (out->parts[i].data == NULL) {
            error = malformed("contents are cut");
            goto refuse;
        }
    }
    return reader.at - start;

refuse:
    auvi_frame_init(out, 0);
    *text = NULL;
    return error;
}
