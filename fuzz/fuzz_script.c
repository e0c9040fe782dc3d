/*
 * fuzz_script.c - texts to the null engine's script reader. What it finds must
 * lie inside the text.
 *
 *   clang -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined
 *     -Iinclude -Isrc fuzz/fuzz_script.c src/engine/null/script.c
 */
#include "engine/null/script.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct auvi_script script;
    char *text = malloc(size ? size : 1); /* nothing behind the end */

    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    auvi_script_parse(text, size, &script);
    if (script.name_length >= sizeof(script.name))
        abort();
    if (script.kind == AUVI_SCRIPT_VALUE &&
        (script.json < text ||
         (size_t)(script.json - text) + script.json_length > size))
        abort();
    free(text);
    return 0;
}
