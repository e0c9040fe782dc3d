/*
 * An engine program whose pages are hostile: they speak the data link by
 * themselves and never read it. AUV_HOSTILE says what they do:
 *
 *     flood     calls without end
 *     files     calls that carry shared memory without end
 *     guess     page 2 answers scripts that nobody asked it to run
 *     garbage   bytes that are no frame
 *     twins     two calls of one number
 *     crowd     more calls than it may have, each then cancelled; when the
 *               host emits, one more
 *     liar      "flood", of a page that the engine knows under another address
 *     silent    "flood", of one that the engine says nothing of
 *     random    well-formed frames of any kind, number and document
 *     modest    "flood", of one that says itself that it was granted nothing
 *     ring      page 1 writes at random into the memory that it shares with the
 *               host; page 2 calls
 *     bells     page 1 rings without end, and sets and clears the flags of both
 *               sides; page 2 calls
 */
#include "base/base.h"
#include "engine/remote/channel.h"
#include "wire/link_priv.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PAGES 4
#define GENERATION 65537
#define PAGE "auroraview://localhost/"

static struct auvi_channel *channel;
static struct auvi_link *pages[PAGES];
static uint64_t number;
static char large[AUVI_INLINE_MAX];

static void say(enum auvi_control_op op, uint32_t view, int64_t value,
                const char *text)
{
    struct auvi_control control;

    auvi_control_init(&control, op, view);
    control.value[0] = value;
    control.generation = 1;
    auvi_control_add_text(&control, text, strlen(text));
    auvi_channel_send(channel, &control);
}

static int frame(struct auvi_link *link, enum auvi_frame_kind kind, uint64_t id,
                 size_t parts)
{
    struct auvi_frame out;
    int sent;

    auvi_frame_init(&out, kind);
    out.id = id;
    out.generation = GENERATION;
    out.name = kind == AUVI_FRAME_HELLO ? PAGE : "x";
    out.name_length = strlen(out.name);
    out.payload = "1";
    out.payload_length = 1;
    out.part_count = parts;
    for (size_t i = 0; i < parts; i++)
        out.parts[i] =
            (struct auvi_frame_part){large, sizeof(large), AUV_PART_U8, -1};
    sent = auvi_link_send(link, &out);
    auvi_link_flush(link);
    return sent;
}

/* What the host has to say: the kind of the next frame, 0 for nothing. */
static int heard(const char *payload)
{
    struct auvi_frame in;
    int kind = 0;

    if (auvi_link_receive(pages[1], &in) == 1) {
        kind = in.kind;
        if (payload && (!in.payload || !strstr(in.payload, payload)))
            kind = 0;
        auvi_frame_release(&in);
    }
    return kind;
}

static void crowd(void)
{
    static enum {
        CALL,
        REFUSED,
        CANCEL,
        TELL,
        MORE
    } stage;
    static uint64_t cancelled;

    auvi_link_flush(pages[1]); /* what the host had no room for last time */
    while (stage == CALL &&
           frame(pages[1], AUVI_FRAME_CALL, number + 1, 0) == AUV_OK)
        if (++number == (uint64_t)AUV_MAX_CALLS + 1)
            stage = REFUSED;
    if (stage == REFUSED && heard("QueueFull") == AUVI_FRAME_REPLY)
        stage = CANCEL;
    while (stage == CANCEL &&
           frame(pages[1], AUVI_FRAME_CANCEL, cancelled + 1, 0) == AUV_OK)
        if (++cancelled == AUV_MAX_CALLS)
            stage = TELL;
    /* What the host emits waits for the page of its first navigation. */
    if (stage == TELL &&
        frame(pages[1], AUVI_FRAME_NAVIGATED, 1, 0) == AUV_OK &&
        frame(pages[1], AUVI_FRAME_EVENT, 0, 0) == AUV_OK)
        stage = MORE;
    if (stage == MORE && heard(NULL) == AUVI_FRAME_EVENT)
        frame(pages[1], AUVI_FRAME_CALL, ++number, 0);
}

/* The same ones in every run. */
static uint32_t dice(void)
{
    static uint32_t state = 2463534242u;

    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}

static int random_frame(struct auvi_link *link)
{
    static const uint32_t documents[] = {GENERATION, 0, GENERATION + 1};
    struct auvi_frame out;
    int sent;

    auvi_frame_init(&out, AUVI_FRAME_CALL);
    out.kind = (uint8_t)(1 + dice() % 12);
    out.flags = dice() % 4 ? 0 : AUVI_FRAME_ERROR;
    out.id = dice() % 3 ? dice() % 8 : (uint64_t)dice() << 32;
    out.generation = dice() % 4 ? documents[dice() % 3] : dice();
    out.name = large;
    out.name_length = dice() % 64;
    out.payload = large;
    out.payload_length = dice() % 200;
    sent = auvi_link_send(link, &out);
    auvi_link_flush(link);
    return sent;
}

/* Into what says where records begin and end, and into the records. */
static void scribble(struct auvi_link *link)
{
    uint32_t *control = (uint32_t *)link->shared;
    uint32_t *ring = (uint32_t *)(void *)link->tx.ring.data;

    ring[dice() % 64] = dice() & dice() & 0xfffff8;
    control[dice() % (sizeof(*link->shared) / 4)] =
        dice() & 1 ? dice() % 4096 & ~7u : dice();
}

static void ring_and_lie(struct auvi_link *link)
{
    send(auvi_link_fd(link), "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    atomic_store(&link->tx.ring.shared->asleep, dice() & 1);
    atomic_store(&link->rx.ring.shared->asleep, dice() & 1);
}

static void misbehave(const char *how)
{
    if (!pages[1])
        return;
    if (!strcmp(how, "crowd")) {
        crowd();
        return;
    }
    for (int i = 0; i < 200; i++) {
        int sent = AUV_OK;

        if (!strcmp(how, "flood") || !strcmp(how, "liar") ||
            !strcmp(how, "silent") || !strcmp(how, "modest"))
            sent = frame(pages[1], AUVI_FRAME_CALL, ++number, 0);
        else if (!strcmp(how, "files"))
            sent = frame(pages[1], AUVI_FRAME_CALL, ++number, 8);
        else if (!strcmp(how, "guess") && pages[2])
            sent = frame(pages[2], AUVI_FRAME_RESULT, ++number, 0);
        else if (!strcmp(how, "twins"))
            sent = frame(pages[1], AUVI_FRAME_CALL, 7, 0);
        else if (!strcmp(how, "random"))
            sent = random_frame(pages[1]);
        else if (!strcmp(how, "garbage"))
            send(auvi_link_fd(pages[1]), large, 64, MSG_NOSIGNAL);
        else if (!strcmp(how, "ring"))
            scribble(pages[1]);
        else if (!strcmp(how, "bells"))
            ring_and_lie(pages[1]);
        if (pages[2] && i % 10 == 0 &&
            (!strcmp(how, "ring") || !strcmp(how, "bells")))
            sent = frame(pages[2], AUVI_FRAME_CALL, ++number, 0);
        if (sent < 0)
            return;
    }
}

static void obey(struct auvi_control *control, const char *how)
{
    uint32_t view = control->view;

    if (control->op == AUVI_CONTROL_VIEW_CREATE) {
        say(AUVI_CONTROL_EVENT, view, AUV_EVENT_ACTIVE, "");
        say(AUVI_CONTROL_LINK_WANTED, view, 0, "");
    } else if (control->op == AUVI_CONTROL_ATTACH_LINK && view < PAGES) {
        auvi_link_open(control->fd, &pages[view]);
        if (strcmp(how, "silent") != 0)
            say(AUVI_CONTROL_COMMITTED, view, 0,
                strcmp(how, "liar") ? PAGE : "http://evil.example/");
        frame(pages[view], AUVI_FRAME_HELLO, strcmp(how, "modest") != 0, 0);
    } else if (control->op == AUVI_CONTROL_VIEW_CLOSE) {
        say(AUVI_CONTROL_EVENT, view, AUV_EVENT_CLOSED, "");
    }
}

int main(void)
{
    const char *how = getenv("AUV_HOSTILE");
    struct auvi_control control;
    struct auvi_link *link;
    struct pollfd wait = {.events = POLLIN};
    int got;

    if (!how || auvi_link_open(3, &link) < 0)
        return 2;
    channel = auvi_channel_create(link);
    wait.fd = auvi_channel_fd(channel);
    say(AUVI_CONTROL_HELLO, 0, 0, AUV_VERSION_STRING);
    say(AUVI_CONTROL_READY, 0, 0, "hostile");
    for (;;) {
        poll(&wait, 1, pages[1] ? 1 : -1);
        while ((got = auvi_channel_receive(channel, &control)) == 1) {
            if (control.op == AUVI_CONTROL_EXIT)
                return 0;
            obey(&control, how);
        }
        if (got < 0)
            return 0;
        misbehave(how);
    }
}
