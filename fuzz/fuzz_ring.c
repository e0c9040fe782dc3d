/*
 * fuzz_ring.c - what a hostile page can do to the memory and the socket that it
 * shares with its host. The input is a list of deeds; after each one the host's
 * end receives. Whatever it reads must lie in its own copy or in the ring.
 *
 *   tools/fuzz 60 ring
 */
#include "wire/link_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/base.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum deed {
    WRITE,        /* n, bytes: into the ring, at the place */
    WRITE_HEADER, /* size, packets, bulk: of a record */
    PUBLISH,      /* how much more than the place, packets */
    SEND_FRAME,   /* as an honest page does; length */
    SEND_PACKET,  /* n, bytes: through the socket */
    LIE,          /* head, asleep: of the other ring */
    JUMP,         /* the place */
    DEEDS
};

struct input {
    const uint8_t *at;
    size_t left;
};

static void on_log(auv_log_level level, const char *text, void *user)
{
    (void)level;
    (void)text;
    (void)user;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    auv_set_log(on_log, NULL);
    return 0;
}

static void expect(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_ring: %s\n", what);
        abort();
    }
}

static uint8_t next(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

static size_t next_bytes(struct input *input, size_t wanted, const void **bytes)
{
    size_t count = wanted < input->left ? wanted : input->left;

    *bytes = input->at;
    input->at += count;
    input->left -= count;
    return count;
}

/* Every byte that the frame claims; ASan sees one that is not there, but for
 * those of the ring, which is mapped twice. */
static void touch(const struct auvi_link *link, const struct auvi_frame *frame)
{
    const uint8_t *ring = link->rx.ring.data;
    volatile uint8_t sum = 0;

    for (size_t i = 0; frame->payload && i <= frame->payload_length; i++)
        sum = (uint8_t)(sum + (uint8_t)frame->payload[i]);
    for (size_t i = 0; i <= frame->name_length; i++)
        sum = (uint8_t)(sum + (uint8_t)frame->name[i]);
    for (size_t i = 0; i < frame->part_count; i++) {
        const uint8_t *bytes = frame->parts[i].data;

        if (bytes == NULL)
            continue;
        if (bytes >= ring && bytes < ring + 2 * AUVI_RING_SIZE)
            expect(bytes + frame->parts[i].length <= ring + 2 * AUVI_RING_SIZE,
                   "a part goes on behind the ring");
        for (size_t k = 0; k < frame->parts[i].length; k++)
            sum = (uint8_t)(sum + bytes[k]);
    }
}

/* False: the link has ended. */
static bool receive(struct auvi_link *link, bool awake)
{
    for (int i = 0; i < 4; i++) {
        struct auvi_frame frame;
        int got;

        if (awake) /* who does so hears of the end only when it sleeps */
            (void)auvi_link_look(link);
        got = auvi_link_receive(link, &frame);
        if (got == AUV_ERR_PROTOCOL || got == AUV_ERR_CLOSED) {
            expect(frame.kind == 0, "a frame of a link that has ended");
            expect(!auvi_link_has_more(link), "more of a link that has ended");
            return false;
        }
        if (got == 0) {
            expect(!auvi_link_has_more(link), "it says both nothing and more");
            return true;
        }
        expect(got == 1, "what it returns");
        touch(link, &frame);
        auvi_frame_release(&frame);
    }
    return true;
}

static void write_at(struct auvi_link *host, uint32_t place, const void *bytes,
                     size_t size)
{
    uint8_t *ring = (uint8_t *)(uintptr_t)host->rx.ring.data;

    if (size > 0)
        memcpy(ring + place % AUVI_RING_SIZE, bytes, size);
}

static void act(struct auvi_link *host, struct auvi_link *page, uint32_t *place,
                struct input *input)
{
    static const char text[70000];
    struct auvi_ring_shared *in = host->rx.ring.shared;
    struct auvi_ring_shared *out = host->tx.ring.shared;
    struct auvi_frame frame;
    const void *bytes;
    uint64_t word;
    size_t count;

    switch (next(input) % DEEDS) {
    case WRITE:
        count = next_bytes(input, (size_t)next(input) * 8, &bytes);
        write_at(host, *place, bytes, count);
        *place += (uint32_t)(count + 7) & ~7u;
        break;
    case WRITE_HEADER:
        word = next(input) * 8u;
        if (word == 255 * 8)
            word = UINT32_MAX;
        word |= (uint64_t)next(input) << 32;
        write_at(host, *place, &word, 8);
        word = next(input) * 512u;
        write_at(host, *place + 8, &word, 8);
        *place += 16;
        break;
    case PUBLISH:
        word = *place + (uint32_t)(int8_t)next(input);
        atomic_store(&in->published, (uint32_t)word | (uint64_t)next(input)
                                                          << 32);
        break;
    case SEND_FRAME:
        auvi_frame_init(&frame, AUVI_FRAME_EVENT);
        frame.payload = text;
        frame.payload_length = next(input) * 256u;
        (void)auvi_link_send(page, &frame);
        (void)auvi_link_flush(page);
        *place = page->tx.ring.published;
        break;
    case SEND_PACKET:
        count = next_bytes(input, next(input), &bytes);
        (void)send(page->fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
    case LIE:
        atomic_store(&out->head, (uint32_t)next(input) << (next(input) % 32));
        atomic_store(&out->asleep, next(input));
        auvi_frame_init(&frame, AUVI_FRAME_EVENT);
        frame.payload = text;
        frame.payload_length = sizeof(text);
        for (int i = 0; i < 40; i++)
            (void)auvi_link_send(host, &frame);
        (void)auvi_link_flush(host);
        break;
    default:
        *place += (uint32_t)next(input) * 65536u;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct auvi_link *host, *page;
    uint32_t place = 0;
    int fd;

    expect(auvi_link_pair_with_rings(0, &host, &fd) == AUV_OK, "no link");
    expect(auvi_link_open(fd, &page) == AUV_OK, "no other end");
    expect(auvi_link_has_rings(page), "no rings");
    while (input.left > 0) {
        act(host, page, &place, &input);
        if (!receive(host, input.left % 2))
            break;
    }
    auvi_link_close(page);
    while (receive(host, false))
        ;
    auvi_link_close(host);
    return 0;
}
