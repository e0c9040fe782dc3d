/*
 * processor.h - the one place where a queue is drained and messages are
 * dispatched. Every mode, preset and binding goes through
 * auvi_processor_tick().
 */
#ifndef AUVI_PROCESSOR_H
#define AUVI_PROCESSOR_H

#include "auroraview/app.h"
#include "core/queue.h"
#include "core/wake.h"

enum auvi_mode {
    AUVI_MODE_FULL,
    AUVI_MODE_IPC_ONLY,
    AUVI_MODE_BATCH
};

struct auvi_processor_config {
    enum auvi_mode mode;
    uint32_t batch; /* BATCH: messages per tick */
    bool immediate_wake;
    uint32_t batch_interval_ms;     /* of wakes; 0: none */
    uint32_t max_messages_per_tick; /* 0: no limit */
    int64_t tick_budget_us;         /* 0: no limit */
};

/* Values of the presets: standalone {FULL, true, 0, 0}, qt_embedded
 * {IPC_ONLY, true, 0, 100}, legacy_embedded {FULL, true, 0, 50}. */
struct auvi_processor_config auvi_processor_preset(auv_preset preset);

struct auvi_processor_stats {
    uint64_t messages_processed;
    uint64_t total_processing_time_us;
    uint64_t peak_tick_time_us;
    uint64_t ticks_processed;
    uint64_t batch_skips; /* messages that came without a wake of their own */
};

enum auvi_process_result {
    AUVI_PROCESS_CONTINUE = 0,
    AUVI_PROCESS_CLOSE = 1,
    AUVI_PROCESS_ERROR = -1
};

struct auvi_processor {
    struct auvi_processor_config config;
    struct auvi_queue *queue; /* borrowed */
    struct auvi_wake *wake;   /* borrowed */
    /* Runs one message and takes it. No lock of the library is held. */
    enum auvi_process_result (*dispatch)(void *ctx, void *message);
    /* FULL mode, at the start of a tick: take what the platform has for us.
     * NULL: nothing. IPC_ONLY never calls it. */
    void (*pump)(void *ctx);
    void *ctx;
    /* -- zero at the start -- */
    _Atomic uint64_t owner; /* thread inside tick(), 0: none */
    _Atomic uint64_t messages, total_us, peak_us, ticks;
    _Atomic uint64_t skips_base; /* batch_skips at the last reset */
};

/* Drain within limit and budget; what remains fires the wake again. Without a
 * limit one tick runs as many messages as were waiting when it began, so that
 * handlers which post again cannot hold the host's loop for ever.
 *
 * ERROR with nothing done and *busy_out (may be NULL) set if another tick is
 * running, re-entrance included. The first CLOSE or ERROR of a dispatch is the
 * result, but the messages behind it still run. */
enum auvi_process_result auvi_processor_tick(struct auvi_processor *processor,
                                             bool *busy_out);
/* The calling thread is inside tick(): it runs a handler. */
bool auvi_processor_is_current(const struct auvi_processor *processor);

void auvi_processor_get_stats(const struct auvi_processor *processor,
                              struct auvi_processor_stats *out);
void auvi_processor_reset_stats(struct auvi_processor *processor);

#endif /* AUVI_PROCESSOR_H */
