/* The ways in which host.c can be measured: as the library is delivered
 * (host_plain.c), or without some of its parts (host_tuned.c). */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include <stdbool.h>

struct bench_host_way {
    const char *name; /* of the participant */
    bool wakeup;      /* learn of work by a call, not by a descriptor */
};

struct bench_host_way bench_host_way(int argc, char **argv);

#endif
