/*
 * fuzz_records.c - the text that bridge.js hands to its native function, the way
 * document.c reads it; and JSON of the host on its way back into one array.
 *
 * In the page's process script is hostile: it may have found a way to the native
 * function. Every record must lie inside the text, and what it becomes must be a
 * frame that the host's decoder takes.
 */
#include "base/base.h"
#include "page/records.h"
#include "wire/frame.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(const char *at, size_t length, const char *text,
                         const char *end)
{
    if (length && (at < text || at > end || length > (size_t)(end - at)))
        abort();
}

static void check_frame(const struct auvi_record *record, size_t name_length)
{
    _Alignas(8) static char bytes[AUVI_PACKET_MAX];
    struct auvi_frame frame, back;
    int fds[AUVI_PACKET_FDS];
    size_t fd_count = 0, used = 0;
    int64_t length;

    if (record->payload_length >= AUVI_INLINE_MAX || name_length > AUV_MAX_NAME)
        return; /* memfds are the frame fuzzer's */
    auvi_frame_init(&frame, AUVI_FRAME_CALL);
    frame.id = record->id;
    frame.name = record->name;
    frame.name_length = name_length;
    frame.payload = record->payload;
    frame.payload_length = record->payload_length;
    length = auvi_frame_encode(&frame, bytes, sizeof(bytes), fds,
                               AUVI_PACKET_FDS, &fd_count);
    if (length < 0)
        abort();
    if (auvi_frame_decode(bytes, (size_t)length, fds, 0, &used, &back) !=
            length ||
        back.id != record->id || back.name_length != name_length ||
        back.payload_length != record->payload_length)
        abort();
}

static void check_record(struct auvi_record *record, const char *text,
                         const char *end)
{
    const char *at = record->parts;
    const char *parts_end = at + record->parts_length;
    struct auvi_record_part part;
    size_t length;

    check_inside(record->name, record->name_length, text, end);
    check_inside(record->parts, record->parts_length, text, end);
    check_inside(record->payload, record->payload_length, text, end);
    while (auvi_record_part_next(&at, parts_end, &part) == 1)
        if (at > parts_end)
            abort();
    length = auvi_name_decode(record->name, record->name_length);
    if (length > record->name_length)
        abort();
    check_frame(record, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *at = text, *end = text + size;
    struct auvi_record record;

    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    *end = '\0';
    if (auvi_json_stands_alone(text, size) && memchr(text, 0, size))
        abort();
    while (auvi_record_next(&at, end, &record) == 1) {
        if (at <= text || at > end)
            abort();
        check_record(&record, text, end);
    }
    free(text);
    return 0;
}
