/* What every participant written in C shares: the line protocol of
 * bench/run.py, clocks, samples, memory.
 *
 * Protocol: one line in (`run <row> <n>` or `quit`), one JSON line out.
 * Standard output is kept for it alone: bench_protocol_open() moves it to a
 * private stream, since toolkits and engines print where they like. */
#ifndef AURORAVIEW_BENCH_PARTICIPANT_H
#define AURORAVIEW_BENCH_PARTICIPANT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define BENCH_BLOB_SIZE (1024 * 1024)
#define BENCH_FLIGHT 1000 /* calls in flight at once, as in page.js */

struct bench_samples {
    double *value;
    size_t count, room;
};

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t bench_now(void);
/* Seconds since the epoch: comparable with Date.now() of a page. */
double bench_epoch(void);

void bench_samples_add(struct bench_samples *samples, double value);
void bench_samples_clear(struct bench_samples *samples);

/* Memory of this process in MiB, from smaps_rollup. Returns 0, or -1 where the
 * kernel has no such file. */
int bench_memory(double *pss, double *rss);

/* What an empty process of the same machine has, handed over by bench-launch; 0
 * when it was not used. */
double bench_base(const char *name);

/* The private stream to the runner. */
FILE *bench_protocol_open(void);
void bench_protocol_ready(FILE *out, const char *name, const char *version,
                          double open_ms);
void bench_protocol_samples(FILE *out, const char *row,
                            const struct bench_samples *samples);
void bench_protocol_error(FILE *out, const char *row, const char *why);

#endif
