/*
 * fuzz_origin.c - URLs to auvi_origin_parse(). What it accepts must be in its
 * own form: parsing the result gives the result.
 *
 *   clang -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined
 *     -Iinclude -Isrc fuzz/fuzz_origin.c src/base/origin.c
 */
#include "base/origin.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char first[AUVI_ORIGIN_MAX], second[AUVI_ORIGIN_MAX];
    char *url = malloc(size + 1);

    if (!url)
        return 0;
    if (size)
        memcpy(url, data, size);
    url[size] = '\0';
    if (auvi_origin_parse(url, first)) {
        auvi_origin_is_loopback(first);
        if (strlen(first) >= AUVI_ORIGIN_MAX ||
            !auvi_origin_parse(first, second) || strcmp(first, second) != 0)
            abort();
        for (const char *at = first; *at; at++)
            if (*at <= ' ' || *at >= 0x7f || strchr("@\\%?#", *at))
                abort();
    }
    free(url);
    return 0;
}
