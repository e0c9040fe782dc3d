/* What the rows echo.* and give.* carry. */
#include "page_rows.h"

#include <stdlib.h>
#include <string.h>

#define RECORD 1024u /* bytes of one, with the comma behind it */

const char *bench_payload_json(size_t size, size_t *length)
{
    static const char head[] = "{\"id\":7,\"text\":\"", tail[] = "\"}";
    static char *text;
    static size_t made, made_length;
    size_t each = size < RECORD ? size : RECORD;
    size_t count = size < RECORD ? 1 : size / RECORD;

    if (made != size) {
        char *to;
        free(text);
        text = to = malloc(count * RECORD + 64);
        if (!text)
            abort();
        *to++ = '[';
        for (size_t i = 0; i < count; i++) {
            if (i)
                *to++ = ',';
            memcpy(to, head, sizeof head - 1);
            to += sizeof head - 1;
            memset(to, 'x', each - 22);
            to += each - 22;
            memcpy(to, tail, sizeof tail - 1);
            to += sizeof tail - 1;
        }
        *to++ = ']';
        *to = 0;
        made = size;
        made_length = (size_t)(to - text);
    }
    *length = made_length;
    return text;
}

const unsigned char *bench_payload_bytes(size_t size)
{
    static unsigned char *bytes;
    static size_t made;

    if (made != size) {
        free(bytes);
        bytes = malloc(size);
        if (!bytes)
            abort();
        for (size_t i = 0; i < size; i++)
            bytes[i] = (unsigned char)(i * 7);
        made = size;
    }
    return bytes;
}
