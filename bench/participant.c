#include "participant.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t bench_now(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

double bench_epoch(void)
{
    return (double)clock_ns(CLOCK_REALTIME) / 1e9;
}

void bench_samples_add(struct bench_samples *samples, double value)
{
    if (samples->count == samples->room) {
        size_t room = samples->room ? samples->room * 2 : 1024;
        double *grown = realloc(samples->value, room * sizeof *grown);
        if (!grown)
            abort();
        samples->value = grown;
        samples->room = room;
    }
    samples->value[samples->count++] = value;
}

void bench_samples_clear(struct bench_samples *samples)
{
    samples->count = 0;
}

int bench_memory(double *pss, double *rss)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    if (!f)
        return -1;
    char line[256];
    *pss = *rss = 0;
    while (fgets(line, sizeof line, f)) {
        unsigned long kib;
        if (sscanf(line, "Pss: %lu kB", &kib) == 1)
            *pss = (double)kib / 1024;
        if (sscanf(line, "Rss: %lu kB", &kib) == 1)
            *rss = (double)kib / 1024;
    }
    fclose(f);
    return 0;
}

double bench_base(const char *name)
{
    const char *text = getenv(name);
    return text ? atof(text) : 0;
}

FILE *bench_protocol_open(void)
{
    int fd = dup(STDOUT_FILENO);
    if (fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        abort();
    FILE *out = fdopen(fd, "w");
    if (!out)
        abort();
    return out;
}

void bench_protocol_ready(FILE *out, const char *name, const char *version,
                          double open_ms)
{
    double pss, rss;
    fprintf(out,
            "{\"ready\":true,\"name\":\"%s\",\"version\":\"%s\",\"first\":{",
            name, version);
    if (open_ms >= 0)
        fprintf(out, "\"open.cold\":%.3f,", open_ms);
    if (bench_memory(&pss, &rss) == 0)
        fprintf(out, "\"memory.pss\":%.3f,\"memory.rss\":%.3f,",
                pss - bench_base("BENCH_BASE_PSS"),
                rss - bench_base("BENCH_BASE_RSS"));
    fprintf(out, "\"pid\":%ld}}\n", (long)getpid());
    fflush(out);
}

void bench_protocol_samples(FILE *out, const char *row,
                            const struct bench_samples *samples)
{
    fprintf(out, "{\"row\":\"%s\",\"samples\":[", row);
    for (size_t i = 0; i < samples->count; i++)
        fprintf(out, "%s%.4g", i ? "," : "", samples->value[i]);
    fprintf(out, "]}\n");
    fflush(out);
}

void bench_protocol_error(FILE *out, const char *row, const char *why)
{
    fprintf(out, "{\"row\":\"%s\",\"error\":\"%s\"}\n", row, why);
    fflush(out);
}
