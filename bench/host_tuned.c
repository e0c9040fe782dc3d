/* What ring, spin and draining by the UI thread bring: host.c without one of
 * them. The switches are internal, hence the whole library is linked in.
 *
 *     socket   no rings: everything goes through the socket
 *     sleep    rings, but neither side looks awake before it sleeps
 *     thread   rings, but the library's thread reads them and wakes the host */
#include "host.h"

#include "core/core.h"

#include <stdlib.h>
#include <string.h>

struct bench_host_way bench_host_way(int argc, char **argv)
{
    static const struct {
        const char *word;
        struct bench_host_way way;
        struct auvi_app_tuning tuning;
    } ways[] = {
        {"socket", {.name = "ours-socket"}, {.no_rings = true}},
        {"sleep", {.name = "ours-sleep"}, {.no_spin = true}},
        {"thread",
         {.name = "ours-thread", .wakeup = true},
         {.no_rings = false}},
    };

    for (size_t i = 0; argc == 2 && i < sizeof ways / sizeof *ways; i++) {
        if (strcmp(argv[1], ways[i].word) != 0)
            continue;
        auvi_app_tuning = ways[i].tuning;
        return ways[i].way;
    }
    exit(2);
}
