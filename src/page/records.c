/*
 * records.c - reading and writing the text that bridge.js exchanges with us.
 *
 * bridge.js is ours, so a malformed text means a bug of ours and not an attack;
 * it is still checked, because what follows is pointer arithmetic.
 */
#include "page/records.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define US '\x1f'
#define RS '\x1e'

/* Above this the memory of a text is given back after use. */
#define KEEP_SPACE ((size_t)1 << 20)

static bool read_number(const char *at, const char *end, uint64_t *out)
{
    uint64_t value = 0;

    /* 2^53, the largest id of a page, has 16 digits. */
    if (at == end || end - at > 17)
        return false;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9')
            return false;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    *out = value;
    return true;
}

static char *field_end(char *at, char *end, char mark)
{
    return at < end ? memchr(at, mark, (size_t)(end - at)) : NULL;
}

int auvi_record_next(char **at, char *end, struct auvi_record *out)
{
    char *p = *at;
    char *id_end;
    char *name_end;
    char *parts_end;
    char *payload_end;

    if (p == end)
        return 0;
    if (end - p < 6 || p[1] != US)
        return -1;
    out->kind = *p;
    p += 2;
    id_end = field_end(p, end, US);
    if (!id_end || !read_number(p, id_end, &out->id))
        return -1;
    out->name = id_end + 1;
    name_end = field_end(out->name, end, US);
    if (!name_end)
        return -1;
    out->name_length = (size_t)(name_end - out->name);
    out->parts = name_end + 1;
    parts_end = field_end(name_end + 1, end, US);
    if (!parts_end)
        return -1;
    out->parts_length = (size_t)(parts_end - out->parts);
    out->payload = parts_end + 1;
    payload_end = field_end(parts_end + 1, end, RS);
    if (!payload_end)
        return -1;
    out->payload_length = (size_t)(payload_end - out->payload);
    *at = payload_end + 1;
    return 1;
}

int auvi_record_part_next(const char **at, const char *end,
                          struct auvi_record_part *out)
{
    const char *p = *at;
    const char *stop;
    const char *comma1;
    const char *comma2;
    uint64_t type;

    if (p == end)
        return 0;
    stop = memchr(p, ';', (size_t)(end - p));
    if (!stop)
        stop = end;
    comma1 = memchr(p, ',', (size_t)(stop - p));
    comma2 =
        comma1 ? memchr(comma1 + 1, ',', (size_t)(stop - comma1 - 1)) : NULL;
    if (!comma2 || !read_number(p, comma1, &type) || type > UINT16_MAX ||
        !read_number(comma1 + 1, comma2, &out->offset) ||
        !read_number(comma2 + 1, stop, &out->length))
        return -1;
    out->type = (unsigned)type;
    *at = stop < end ? stop + 1 : end;
    return 1;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

size_t auvi_name_decode(char *name, size_t length)
{
    char *mark = length ? memchr(name, '%', length) : NULL;
    const char *end = name + length;
    char *to;

    if (!mark)
        return length;
    to = mark;
    for (const char *p = mark; p < end; p++) {
        if (*p == '%' && end - p > 2 && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
            *to++ = (char)(hex(p[1]) << 4 | hex(p[2]));
            p += 2;
        } else {
            *to++ = *p;
        }
    }
    return (size_t)(to - name);
}

/* The quote that ends the string whose contents begin at p; NULL: none does. */
static const char *string_end(const char *p, const char *end)
{
    const char *from = p;

    while (p < end) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        const char *back = quote;

        if (!quote)
            break;
        /* Escaped if an odd number of backslashes is before it. */
        while (back > from && back[-1] == '\\')
            back--;
        if ((quote - back) % 2 == 0)
            return quote;
        p = from = quote + 1;
    }
    return NULL;
}

bool auvi_json_stands_alone(const char *bytes, size_t length)
{
    const char *end = bytes + length;
    unsigned char high = 0;
    size_t depth = 0;

    for (const char *p = bytes; p < end; p++) {
        switch (*p) {
        case '"':
            p = string_end(p + 1, end);
            if (!p)
                return false;
            break;
        case '[':
        case '{':
            depth++;
            break;
        case ']':
        case '}':
            if (!depth--)
                return false;
            break;
        case ',':
            if (!depth)
                return false;
            break;
        default:
            break;
        }
    }
    if (depth || memchr(bytes, 0, length))
        return false;
    /* Most payloads are ASCII, and this loop is vectorised. */
    for (size_t i = 0; i < length; i++)
        high |= (unsigned char)bytes[i];
    return high < 0x80 || g_utf8_validate_len(bytes, length, NULL);
}

void auvi_text_clear(struct auvi_text *text)
{
    if (text->space > KEEP_SPACE)
        auvi_text_free(text);
    text->length = 0;
    text->failed = false;
}

void auvi_text_free(struct auvi_text *text)
{
    free(text->bytes);
    *text = (struct auvi_text){0};
}

static bool reserve(struct auvi_text *text, size_t more)
{
    size_t need = text->length + more + 1;
    size_t space = text->space ? text->space : 4096;
    char *bytes;

    if (text->failed)
        return false;
    if (need <= text->space)
        return true;
    while (space < need)
        space *= 2;
    bytes = realloc(text->bytes, space);
    if (!bytes) {
        text->failed = true;
        return false;
    }
    text->bytes = bytes;
    text->space = space;
    return true;
}

void auvi_text_add(struct auvi_text *text, const char *bytes, size_t length)
{
    if (!reserve(text, length))
        return;
    if (length)
        memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

static char *put_name(char *to, const char *name, size_t length)
{
    static const char digits[] = "0123456789abcdef";

    *to++ = '"';
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)name[i];

        if (c < 0x20) {
            memcpy(to, "\\u00", 4);
            to[4] = digits[c >> 4];
            to[5] = digits[c & 15];
            to += 6;
        } else {
            if (c == '"' || c == '\\')
                *to++ = '\\';
            *to++ = (char)c;
        }
    }
    *to++ = '"';
    return to;
}

static char *put_number(char *to, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    memcpy(to, digits + at, sizeof(digits) - at);
    return to + sizeof(digits) - at;
}

static char *put_types(char *to, const struct auvi_message_record *record)
{
    if (!record->part_count) {
        *to++ = '0';
        return to;
    }
    for (size_t i = 0; i < record->part_count; i++) {
        *to++ = i ? ',' : '[';
        to = put_number(to, (uint64_t)record->parts[i].type);
    }
    *to++ = ']';
    return to;
}

void auvi_record_add(struct auvi_text *text,
                     const struct auvi_message_record *record)
{
    /* A byte of a name may take 6, a number up to 20 with its comma; the rest
     * is punctuation. */
    size_t room = record->name_length * 6 + record->part_count * 21 + 40 +
                  record->payload_length;
    char *to;

    if (!reserve(text, room))
        return;
    to = text->bytes + text->length;
    *to++ = text->length ? ',' : '[';
    *to++ = '"';
    *to++ = record->kind;
    *to++ = '"';
    *to++ = ',';
    to = record->name ? put_name(to, record->name, record->name_length)
                      : put_number(to, record->id);
    *to++ = ',';
    to = put_types(to, record);
    *to++ = ',';
    if (record->payload_length) {
        memcpy(to, record->payload, record->payload_length);
        to += record->payload_length;
    } else {
        memcpy(to, "null", 4);
        to += 4;
    }
    *to = '\0';
    text->length = (size_t)(to - text->bytes);
}

void auvi_records_close(struct auvi_text *text)
{
    auvi_text_add(text, "]", 1);
}

enum auvi_frame_kind auvi_record_frame_kind(char kind)
{
    static const struct {
        char kind;
        uint8_t frame;
    } table[] = {
        {'C', AUVI_FRAME_CALL},           {'X', AUVI_FRAME_CANCEL},
        {'E', AUVI_FRAME_EVENT},          {'J', AUVI_FRAME_SCRIPT_ERROR},
        {'R', AUVI_FRAME_RESULT},         {'F', AUVI_FRAME_RESULT},
        {'S', AUVI_FRAME_STATE_SET},      {'U', AUVI_FRAME_STATE_DELETE},
        {'O', AUVI_FRAME_CHANNEL_OPEN},   {'M', AUVI_FRAME_CHANNEL_DATA},
        {'Q', AUVI_FRAME_CHANNEL_CREDIT}, {'Z', AUVI_FRAME_CHANNEL_CLOSE},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].kind == kind)
            return (enum auvi_frame_kind)table[i].frame;
    return (enum auvi_frame_kind)0;
}

char auvi_record_kind(const struct auvi_frame *frame)
{
    switch (frame->kind) {
    case AUVI_FRAME_REPLY:
        return frame->flags & AUVI_FRAME_ERROR ? 'F' : 'R';
    case AUVI_FRAME_EVENT:
        return 'E';
    case AUVI_FRAME_CANCEL:
        return 'X';
    case AUVI_FRAME_STATE_SET:
        return 'S';
    case AUVI_FRAME_STATE_DELETE:
        return 'U';
    case AUVI_FRAME_STATE_SYNC:
        return frame->name_length ? 'A' : 'Y';
    case AUVI_FRAME_CHANNEL_OPEN:
        return 'O';
    case AUVI_FRAME_CHANNEL_DATA:
        return 'M';
    case AUVI_FRAME_CHANNEL_CREDIT:
        return 'Q';
    case AUVI_FRAME_CHANNEL_CLOSE:
        return 'Z';
    default:
        return 0;
    }
}
