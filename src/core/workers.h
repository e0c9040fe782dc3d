/*
 * workers.h - the threads of an application that run handlers bound with
 * auv_view_bind_worker().
 *
 * At most AUVI_WORKERS_MAX, each started when a call finds none free; an
 * application that binds no such handler has none. They sleep until there is
 * work.
 */
#ifndef AUVI_WORKERS_H
#define AUVI_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#define AUVI_WORKERS_MAX 4

struct auv_app;
struct auv_call;
struct auvi_workers;

/* What a worker does with a call; runs without a lock. Once for each call, with
 * `run` false when the application ends first. */
typedef void (*auvi_work_fn)(struct auv_call *call, bool run);

/* Consumer. Take a reference of the call and run `fn` with it on a worker, or,
 * if there is no thread to be had, return an error with nothing taken. */
int auvi_workers_run(struct auv_app *app, struct auv_call *call,
                     auvi_work_fn fn);
/* End of the application: drop what has not begun, and wait until the deadline
 * for what has. */
void auvi_workers_stop(struct auv_app *app, int64_t deadline_us);
/* The caller is done with the application. The last one who is frees it: the
 * caller now, or the thread of a handler that has not come back yet. */
void auvi_workers_leave(struct auv_app *app,
                        void (*free_app)(struct auv_app *app));

#endif /* AUVI_WORKERS_H */
