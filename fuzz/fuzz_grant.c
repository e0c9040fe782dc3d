/*
 * fuzz_grant.c - a line of base/grant.h, a '\n', and an address or a name that
 * it is asked about.
 *
 * A document fits only if its address has an origin that the parser accepts, and
 * that is the grant's; what lies below a folder begins like it.
 */
#include "base/grant.h"
#include "base/origin.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fit(const struct auvi_grant *grant, const char *asked)
{
    char origin[AUVI_ORIGIN_MAX];

    if (!auvi_grant_fits(grant, asked))
        return;
    if (!auvi_origin_parse(asked, origin))
        abort();
    if (strncmp(grant->origin, "file://", 7) != 0 &&
        strcmp(grant->origin, origin) != 0)
        abort();
    if (strncmp(grant->origin, "file://", 7) == 0 &&
        strcmp(origin, "file://") != 0)
        abort();
    if (strchr(asked, '@') && strncmp(asked, "file:", 5) != 0 &&
        strchr(asked, '@') < asked + strlen(origin))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size + 2), *asked;
    struct auvi_grant grant;

    if (!line)
        return 0;
    if (size)
        memcpy(line, data, size);
    line[size] = line[size + 1] = '\0';
    asked = strchr(line, '\n');
    if (asked)
        *asked++ = '\0';
    else
        asked = line + size + 1;
    if (auvi_grant_parse(&grant, line)) {
        size_t length = size + 1 - (size_t)(asked - line);

        if ((size_t)(asked - line) > size)
            length = 0;
        auvi_grant_has(grant.methods, asked, length);
        auvi_grant_has(grant.events, asked, length);
        auvi_grant_has(grant.frames, asked, strlen(asked));
        if (auvi_grant_is_all(grant.methods) &&
            !auvi_grant_has(grant.methods, asked, length))
            abort();
        check_fit(&grant, asked);
        auvi_origin_fits(grant.origin, asked);
        auvi_origin_fits(asked, grant.origin);
    }
    free(line);
    return 0;
}
