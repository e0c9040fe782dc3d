/*
 * fuzz_frame.c - what a hostile page can send: bytes to auvi_frame_decode().
 *
 * Each input is one packet of frames. Beside it lie good and bad descriptors,
 * so that the paths behind the descriptor checks are reached too. A frame that
 * decodes must lie inside its packet and must encode to the same bytes: there
 * is one encoding for each frame.
 *
 *   clang -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined
 *     -Iinclude -Isrc fuzz/fuzz_frame.c src/wire/frame.c src/base/[a-z]*.c
 *   ./a.out -dict=fuzz/fuzz_frame.dict fuzz/corpus_frame
 *
 * With FUZZ_WRITE_CORPUS=<folder> in the environment it writes the seeds.
 */
#include "wire/frame.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Good files of 0 to 15 bytes, then one that is not sealed. */
enum {
    FILES = 17,
    OFFERED = 6
};
static int files[FILES];

static void expect(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_frame: %s\n", what);
        abort();
    }
}

static void write_seed(const char *folder, const char *name,
                       const struct auvi_frame *frame, int count)
{
    static uint64_t packet[AUVI_PACKET_MAX / 8];
    int fds[AUVI_PACKET_FDS];
    size_t fd_count = 0;
    size_t used = 0;
    char path[512];
    FILE *file;

    for (int i = 0; i < count; i++) {
        int64_t size = auvi_frame_encode(frame, (uint8_t *)packet + used,
                                         sizeof(packet) - used, fds,
                                         AUVI_PACKET_FDS, &fd_count);

        expect(size > 0, "a seed cannot be encoded");
        used += (size_t)size;
    }
    while (fd_count > 0)
        auvi_fd_close(fds[--fd_count]);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "wb");
    expect(file != NULL, "a seed cannot be written");
    fwrite(packet, 1, used, file);
    fclose(file);
}

static void write_corpus(const char *folder)
{
    struct auvi_frame frame;

    auvi_frame_init(&frame, AUVI_FRAME_GONE);
    frame.generation = 1;
    write_seed(folder, "gone", &frame, 1);

    auvi_frame_init(&frame, AUVI_FRAME_CALL);
    frame.id = 7;
    frame.generation = 2;
    frame.name = "scene.open";
    frame.name_length = 10;
    frame.payload = "[\"a\",1]";
    frame.payload_length = 7;
    write_seed(folder, "call", &frame, 1);
    write_seed(folder, "three_calls", &frame, 3);

    frame.parts[0] = (struct auvi_frame_part){"12345678", 8, AUV_PART_F32, -1};
    frame.parts[1] = (struct auvi_frame_part){"abc", 3, AUV_PART_U8, -1};
    frame.part_count = 2;
    write_seed(folder, "parts", &frame, 1);

    /* The first descriptors offered hold 0, 1, 2, … bytes. */
    frame.payload_fd = files[0];
    frame.payload_length = 0;
    frame.parts[0] = (struct auvi_frame_part){NULL, 1, AUV_PART_U8, files[1]};
    frame.parts[1] = (struct auvi_frame_part){NULL, 2, AUV_PART_U16, files[2]};
    write_seed(folder, "descriptors", &frame, 1);

    auvi_frame_init(&frame, AUVI_FRAME_REPLY);
    frame.flags = AUVI_FRAME_ERROR;
    frame.lane = 3;
    frame.id = UINT64_MAX;
    frame.payload = "{\"name\":\"Timeout\",\"message\":\"\"}";
    frame.payload_length = 31;
    write_seed(folder, "error_reply", &frame, 2);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *folder = getenv("FUZZ_WRITE_CORPUS");

    (void)argc;
    (void)argv;
    for (int i = 0; i < FILES - 1; i++)
        files[i] = auvi_shm_create("0123456789abcdef", (size_t)i);
    files[FILES - 1] = memfd_create("unsealed", MFD_CLOEXEC);
    for (int i = 0; i < FILES; i++)
        expect(files[i] >= 0, "no descriptors");
    if (folder != NULL) {
        write_corpus(folder);
        exit(0);
    }
    return 0;
}

/* Reads every byte that the frame claims: ASan sees one that is not there. */
static void touch(const struct auvi_frame *frame)
{
    volatile uint8_t sum = 0;

    for (size_t i = 0; frame->payload != NULL && i <= frame->payload_length;
         i++)
        sum = (uint8_t)(sum + (uint8_t)frame->payload[i]);
    for (size_t i = 0; i <= frame->name_length; i++)
        sum = (uint8_t)(sum + (uint8_t)frame->name[i]);
    for (size_t i = 0; i < frame->part_count; i++) {
        const uint8_t *bytes = frame->parts[i].data;

        expect((bytes == NULL) == (frame->parts[i].fd >= 0), "one place");
        for (size_t k = 0; bytes != NULL && k < frame->parts[i].length; k++)
            sum = (uint8_t)(sum + bytes[k]);
    }
}

static void check_round_trip(const struct auvi_frame *frame,
                             const uint8_t *bytes, size_t size)
{
    static uint64_t again[AUVI_PACKET_MAX / 8];
    int fds[AUVI_PACKET_FDS];
    size_t fd_count = 0;
    int64_t written = auvi_frame_encode(frame, again, sizeof(again), fds,
                                        AUVI_PACKET_FDS, &fd_count);

    while (fd_count > 0)
        auvi_fd_close(fds[--fd_count]);
    /* Contents that the sender should have put into a file are legal, but come
     * out differently. */
    if (written == (int64_t)size)
        expect(memcmp(again, bytes, size) == 0, "encodes differently");
    else
        expect(size >= AUVI_INLINE_MAX, "encodes to another size");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[OFFERED];
    size_t used = 0;
    size_t offset = 0;
    uint64_t *copy; /* of exactly that size, aligned, for ASan */

    if (size > AUVI_PACKET_MAX)
        return 0;
    copy = malloc(size > 0 ? size : 1);
    expect(copy != NULL, "no memory");
    memcpy(copy, data, size);
    for (int i = 0; i < OFFERED; i++) {
        /* The last but one is not sealed, the last was not received. */
        int from = i == OFFERED - 2 ? FILES - 1 : i;

        fds[i] = i == OFFERED - 1 ? -1 : fcntl(files[from], F_DUPFD_CLOEXEC, 0);
    }
    while (offset < size) {
        const uint8_t *start = (const uint8_t *)copy + offset;
        struct auvi_frame frame;
        int64_t result = auvi_frame_decode(start, size - offset, fds, OFFERED,
                                           &used, &frame);

        expect(used <= OFFERED, "more descriptors than there are");
        if (result == AUV_ERR_PROTOCOL)
            break;
        if (result == AUV_ERR_SYSTEM) {
            offset += auvi_frame_wire_size(start);
            continue;
        }
        expect(result > 0 && result % 8 == 0 && (size_t)result <= size - offset,
               "size");
        touch(&frame);
        check_round_trip(&frame, start, (size_t)result);
        auvi_frame_release(&frame);
        offset += (size_t)result;
    }
    for (size_t i = used; i < OFFERED; i++)
        auvi_fd_close(fds[i]);
    free(copy);
    return 0;
}
