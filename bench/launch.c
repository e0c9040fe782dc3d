/* bench-launch PROGRAM ARGS…: notes what an empty process of this machine
 * weighs, then becomes PROGRAM. A C peer is linked with its engine, so it
 * cannot read its own weight from before the engine was there. */
#include "participant.h"

#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    double pss, rss;
    char text[32];
    if (argc < 2) {
        fprintf(stderr, "usage: bench-launch PROGRAM ARGS...\n");
        return 2;
    }
    if (bench_memory(&pss, &rss) == 0) {
        snprintf(text, sizeof text, "%.3f", pss);
        setenv("BENCH_BASE_PSS", text, 1);
        snprintf(text, sizeof text, "%.3f", rss);
        setenv("BENCH_BASE_RSS", text, 1);
    }
    execv(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
