/*
 * app.c - auroraview._core.App: the application object and its loop.
 *
 * The destroy of the library demands that no other thread uses the
 * application. Threads that have released the GIL inside the library are
 * counted (`users`); all others cannot be inside it while destroy() holds the
 * GIL. So destroy() first refuses newcomers, ends what may wait, waits until
 * the count is 0, and only then lets the library go. Calls of pages that are
 * dropped during that are put aside until it is over.
 *
 * A forked child has the object but not the library's thread: every use is
 * refused there, and the library's memory is left alone.
 */
#include "core.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long destroy() waits for other threads to come out. */
#define LEAVE_TIMEOUT_S 5

PyTypeObject *auvi_py_app_type;

/* The application whose process call runs on this thread: handlers have no
 * other way to find it. */
static _Thread_local struct auvi_py_app *current;

/* Grows in every forked child. Written only there, before any other thread. */
static unsigned fork_epoch;

void auvi_py_after_fork(void)
{
    fork_epoch++;
}

bool auvi_py_app_is_foreign(const struct auvi_py_app *self)
{
    return self->fork_epoch != fork_epoch;
}

struct auvi_py_app *auvi_py_app_current(void)
{
    return current;
}

auv_app *auvi_py_app_use(struct auvi_py_app *self)
{
    if (auvi_py_app_is_foreign(self)) {
        auvi_py_raise_with(AUV_ERR_STATE,
                           "this application belongs to the process that "
                           "forked this one; make a new one here");
        return NULL;
    }
    if (!self->app || self->closing) {
        auvi_py_raise_with(AUV_ERR_CLOSED, "the application is destroyed");
        return NULL;
    }
    return self->app;
}

void auvi_py_app_enter(struct auvi_py_app *self)
{
    self->users++;
}

void auvi_py_app_leave(struct auvi_py_app *self)
{
    if (--self->users == 0) {
        pthread_mutex_lock(&self->lock);
        pthread_cond_broadcast(&self->left);
        pthread_mutex_unlock(&self->lock);
    }
}

/* ---- making and destroying --------------------------------------------- */

/* "I" would cut off what does not fit. */
static int to_uint32(PyObject *value, void *out)
{
    unsigned long number = PyLong_AsUnsignedLong(value);

    if (PyErr_Occurred())
        return 0;
    if (number > UINT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "the number is over 2**32 - 1");
        return 0;
    }
    *(uint32_t *)out = (uint32_t)number;
    return 1;
}

static PyObject *app_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"engine",
                            "engine_path",
                            "preset",
                            "tick_budget_us",
                            "queue_capacity",
                            "mode",
                            "batch_size",
                            "max_messages_per_tick",
                            "batch_interval_ms",
                            "immediate_wake",
                            NULL};
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    int preset = AUV_PRESET_STANDALONE, mode = AUV_MODE_PRESET, rc;
    int immediate = options.immediate_wake;
    long long budget = 0;
    Py_ssize_t capacity = 0;
    struct auvi_py_app *self;

    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "|$zziLniO&O&O&p:App", names, &options.engine,
            &options.engine_path, &preset, &budget, &capacity, &mode, to_uint32,
            &options.batch_size, to_uint32, &options.max_messages_per_tick,
            to_uint32, &options.batch_interval_ms, &immediate))
        return NULL;
    if (capacity < 0) {
        PyErr_SetString(PyExc_ValueError, "queue_capacity must not be < 0");
        return NULL;
    }
    options.preset = (auv_preset)preset;
    options.tick_budget_us = budget;
    options.queue_capacity = (size_t)capacity;
    options.mode = (auv_mode)mode;
    options.immediate_wake = immediate != 0;
    self = (struct auvi_py_app *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(
        type, 0);
    if (!self)
        return NULL;
    self->fork_epoch = fork_epoch;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->left, NULL);
    self->ready = true;
    rc = auv_app_create(&options, &self->app);
    if (rc < 0) {
        self->app = NULL;
        auvi_py_raise(rc);
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

/* false when other threads stayed inside for too long. */
static bool wait_for_users(struct auvi_py_app *self)
{
    PyThreadState *saved;
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LEAVE_TIMEOUT_S;
    while (self->users > 0 && rc == 0) {
        /* Taken before the GIL goes: a thread that leaves in between finds it
         * locked, and its signal is not lost. */
        pthread_mutex_lock(&self->lock);
        saved = PyEval_SaveThread();
        rc = pthread_cond_timedwait(&self->left, &self->lock, &until);
        pthread_mutex_unlock(&self->lock);
        PyEval_RestoreThread(saved);
    }
    return self->users == 0;
}

static void let_go(struct auvi_py_app *self)
{
    auv_app *app = self->app;
    struct auvi_py_app *outer = current;
    PyThreadState *saved;

    self->app = NULL;
    self->destroying = true;
    current = self;
    saved = PyEval_SaveThread();
    auv_app_destroy(app);
    PyEval_RestoreThread(saved);
    current = outer;
    self->destroying = false;
    auvi_py_calls_release(self);
    auvi_py_fetches_release(self);
    Py_CLEAR(self->raised);
}

static PyObject *app_destroy(PyObject *object, PyObject *unused)
{
    struct auvi_py_app *self = (struct auvi_py_app *)object;

    (void)unused;
    if (!self->app || auvi_py_app_is_foreign(self))
        Py_RETURN_NONE;
    if (current == self)
        return auvi_py_raise_with(
            AUV_ERR_STATE, "an application cannot be destroyed by a handler");
    self->closing = true;
    /* Ends what waits for a view, and run(). */
    for (struct auvi_py_view *v = self->views; v; v = v->next)
        auv_view_request_close(v->view, AUV_CLOSE_SHUTDOWN);
    auv_app_quit(self->app);
    if (!wait_for_users(self))
        return auvi_py_raise_with(
            AUV_ERR_BUSY, "another thread is still in a handler or a wait");
    if (self->app)
        let_go(self);
    Py_RETURN_NONE;
}

static void app_dealloc(PyObject *object)
{
    struct auvi_py_app *self = (struct auvi_py_app *)object;
    PyObject *type, *value, *traceback;

    /* No view and no thread refers to the object any more; but a worker may
     * come to, or stay behind: the object lives while the library destroys. */
    if (self->app && !auvi_py_app_is_foreign(self)) {
        PyErr_Fetch(&type, &value, &traceback);
        Py_INCREF(object);
        let_go(self);
        PyErr_Restore(type, value, traceback);
        Py_DECREF(object); /* comes here again */
        return;
    }
    Py_CLEAR(self->raised);
    if (self->ready) {
        pthread_cond_destroy(&self->left);
        pthread_mutex_destroy(&self->lock);
    }
    auvi_py_free(object);
}

/* ---- the loop ---------------------------------------------------------- */

/* One process call. A negative code, or what it returned. */
static int process_once(struct auvi_py_app *self)
{
    struct auvi_py_app *outer = current;
    auv_app *app = self->app;
    PyThreadState *saved;
    int rc;

    auvi_py_app_enter(self);
    current = self;
    saved = PyEval_SaveThread();
    rc = auv_app_process(app);
    PyEval_RestoreThread(saved);
    current = outer;
    auvi_py_app_leave(self);
    return rc;
}

/* Raise what a handler let out. Returns whether there was something. */
static bool raise_again(struct auvi_py_app *self)
{
    PyObject *error = self->raised;

    if (!error)
        return false;
    self->raised = NULL;
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_DECREF(error);
    return true;
}

static PyObject *app_process(PyObject *object, PyObject *unused)
{
    struct auvi_py_app *self = (struct auvi_py_app *)object;
    int rc;

    (void)unused;
    if (!auvi_py_app_use(self))
        return NULL;
    rc = process_once(self);
    if (rc < 0)
        return auvi_py_raise(rc);
    if (raise_again(self))
        return NULL;
    return PyLong_FromLong(rc);
}

/* A pipe that Python writes to when a signal comes, on whichever thread: the
 * system may choose one that does not wait here, and an interrupt that comes
 * between the last look for it and the wait must end the wait as well. */
struct interrupts {
    int ends[2]; /* -1: the host has such a descriptor of its own, or this is
                    not the main thread, which alone hears of signals */
};

/* What was set before; -2 with an exception. "signal" itself loads enum. */
static long set_wakeup_fd(long fd)
{
    PyObject *module = PyImport_ImportModule("_signal");
    PyObject *before =
        module ? PyObject_CallMethod(module, "set_wakeup_fd", "l", fd) : NULL;
    long number = before ? PyLong_AsLong(before) : -2;

    Py_XDECREF(before);
    Py_XDECREF(module);
    return number;
}

static void interrupts_close(struct interrupts *interrupts)
{
    for (int i = 0; i < 2; i++) {
        if (interrupts->ends[i] >= 0)
            close(interrupts->ends[i]);
        interrupts->ends[i] = -1;
    }
}

static void interrupts_begin(struct interrupts *interrupts)
{
    long before;

    if (pipe2(interrupts->ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        interrupts->ends[0] = interrupts->ends[1] = -1;
        return;
    }
    before = set_wakeup_fd(interrupts->ends[1]);
    if (before == -1)
        return;
    if (before >= 0)
        set_wakeup_fd(before);
    PyErr_Clear();
    interrupts_close(interrupts);
}

/* Keeps an exception that is set. */
static void interrupts_end(struct interrupts *interrupts)
{
    PyObject *type, *error, *traceback;

    if (interrupts->ends[0] < 0)
        return;
    PyErr_Fetch(&type, &error, &traceback);
    set_wakeup_fd(-1);
    PyErr_Clear();
    PyErr_Restore(type, error, traceback);
    interrupts_close(interrupts);
}

/* Wait until the descriptor is readable or a signal came. */
static int wait_for_work(struct auvi_py_app *self,
                         const struct interrupts *interrupts)
{
    struct pollfd wait[2] = {
        {.fd = auv_app_fd(self->app), .events = POLLIN},
        {.fd = interrupts->ends[0], .events = POLLIN}, /* -1 is passed over */
    };
    PyThreadState *saved;
    char bytes[64];
    int rc, error;

    if (PyErr_CheckSignals() < 0)
        return -1;
    auvi_py_app_enter(self);
    saved = PyEval_SaveThread();
    rc = poll(wait, 2, -1);
    error = errno;
    PyEval_RestoreThread(saved);
    auvi_py_app_leave(self);
    if (wait[1].revents)
        while (read(interrupts->ends[0], bytes, sizeof(bytes)) > 0)
            ;
    if (PyErr_CheckSignals() < 0)
        return -1;
    if (rc < 0 && error != EINTR) {
        errno = error;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return 0;
}

/* Whether stop() says so; -1 with an exception. */
static int wants_to_stop(PyObject *stop)
{
    PyObject *answer;
    int rc;

    if (stop == Py_None)
        return 0;
    answer = PyObject_CallObject(stop, NULL);
    if (!answer)
        return -1;
    rc = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    return rc;
}

static int run_until(struct auvi_py_app *self, PyObject *stop,
                     const struct interrupts *interrupts)
{
    int rc;

    for (;;) {
        if (!auvi_py_app_use(self))
            return -1;
        rc = process_once(self);
        if (rc < 0) {
            auvi_py_raise(rc);
            return -1;
        }
        if (raise_again(self))
            return -1;
        if (rc == AUV_PROCESS_CLOSE_REQUESTED)
            break;
        rc = wants_to_stop(stop);
        if (rc < 0)
            return -1;
        if (rc > 0)
            break;
        if (!auvi_py_app_use(self) || wait_for_work(self, interrupts) < 0)
            return -1;
    }
    return 0;
}

/* auv_app_run() would not come back for a signal, and Python's handlers of
 * signals run only when it does; hence a loop of our own over the descriptor. */
static PyObject *app_run(PyObject *object, PyObject *args)
{
    struct auvi_py_app *self = (struct auvi_py_app *)object;
    struct interrupts interrupts;
    PyObject *stop = Py_None;
    int rc;

    if (!PyArg_ParseTuple(args, "|O:run", &stop))
        return NULL;
    interrupts_begin(&interrupts);
    rc = run_until(self, stop, &interrupts);
    interrupts_end(&interrupts);
    if (rc < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ---- the rest ---------------------------------------------------------- */

static PyObject *app_fd(PyObject *object, PyObject *unused)
{
    auv_app *app = auvi_py_app_use((struct auvi_py_app *)object);
    int fd;

    (void)unused;
    if (!app)
        return NULL;
    fd = auv_app_fd(app);
    return fd < 0 ? auvi_py_raise(fd) : PyLong_FromLong(fd);
}

static PyObject *app_quit(PyObject *object, PyObject *unused)
{
    struct auvi_py_app *self = (struct auvi_py_app *)object;

    (void)unused;
    if (self->app && !auvi_py_app_is_foreign(self))
        auv_app_quit(self->app);
    Py_RETURN_NONE;
}

static PyObject *app_kill_engine(PyObject *object, PyObject *unused)
{
    auv_app *app = auvi_py_app_use((struct auvi_py_app *)object);

    (void)unused;
    return app ? auvi_py_none_or_raise(auv_app_kill_engine(app)) : NULL;
}

static PyObject *app_post(PyObject *object, PyObject *fn)
{
    auv_app *app = auvi_py_app_use((struct auvi_py_app *)object);
    struct auvi_py_handler *handler;
    int rc;

    if (!app)
        return NULL;
    handler = auvi_py_handler_new(fn, false);
    if (!handler)
        return NULL;
    rc = auv_app_post(app, auvi_py_on_post, handler);
    if (rc < 0)
        auvi_py_handler_free(handler);
    return auvi_py_none_or_raise(rc);
}

#define FIGURE(name)                         \
    {                                        \
#name, offsetof(auv_app_stats, name) \
    }

static const struct {
    const char *name;
    size_t offset;
} figures[] = {
    FIGURE(messages_processed),
    FIGURE(ticks_processed),
    FIGURE(total_processing_time_us),
    FIGURE(peak_tick_time_us),
    FIGURE(batch_skips),
    FIGURE(messages_sent),
    FIGURE(messages_dropped),
    FIGURE(handler_wakes),
    FIGURE(deferred_wakes),
    FIGURE(messages_received),
    FIGURE(messages_failed),
    FIGURE(retry_attempts),
    FIGURE(peak_queue_length),
    FIGURE(average_latency_us),
    FIGURE(average_send_latency_us),
};

static PyObject *figures_dict(const auv_app_stats *stats)
{
    PyObject *dict = PyDict_New();

    for (size_t i = 0; dict && i < sizeof(figures) / sizeof(*figures); i++) {
        uint64_t value;
        PyObject *number;

        memcpy(&value, (const char *)stats + figures[i].offset, sizeof(value));
        number = PyLong_FromUnsignedLongLong(value);
        if (!number || PyDict_SetItemString(dict, figures[i].name, number) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(number);
    }
    return dict;
}

static PyObject *app_stats(PyObject *object, PyObject *unused)
{
    auv_app *app = auvi_py_app_use((struct auvi_py_app *)object);
    auv_app_stats stats = {.size = sizeof(stats)};
    int rc;

    (void)unused;
    if (!app)
        return NULL;
    rc = auv_app_get_stats(app, &stats);
    if (rc < 0)
        return auvi_py_raise(rc);
    return figures_dict(&stats);
}

static PyObject *app_reset_stats(PyObject *object, PyObject *unused)
{
    auv_app *app = auvi_py_app_use((struct auvi_py_app *)object);

    (void)unused;
    return app ? auvi_py_none_or_raise(auv_app_reset_stats(app)) : NULL;
}

static PyObject *app_destroyed(PyObject *object, void *unused)
{
    struct auvi_py_app *self = (struct auvi_py_app *)object;

    (void)unused;
    return PyBool_FromLong(!self->app || auvi_py_app_is_foreign(self));
}

static PyMethodDef app_methods[] = {
    {"fd", app_fd, METH_NOARGS,
     "fd()\n\nDescriptor that is readable while process() has work."},
    {"process", app_process, METH_NOARGS,
     "process()\n\nRun the handlers that are due; 1 if the last view has "
     "closed."},
    {"run", app_run, METH_VARARGS,
     "run(stop=None)\n\nProcess until the last view has closed, quit() was "
     "called, or stop() is true."},
    {"quit", app_quit, METH_NOARGS, "quit()\n\nMake run() return."},
    {"kill_engine", app_kill_engine, METH_NOARGS,
     "kill_engine()\n\nEnd the engine's process."},
    {"post", app_post, METH_O, "post(fn)\n\nRun fn() in the next process()."},
    {"stats", app_stats, METH_NOARGS,
     "stats()\n\nThe figures of auv_app_stats, as a dict; times in "
     "microseconds."},
    {"reset_stats", app_reset_stats, METH_NOARGS,
     "reset_stats()\n\nSet the figures back to 0."},
    {"audit", auvi_py_app_audit, METH_VARARGS,
     "audit(since=0) -> [(number, time_ms, view, granted, frame, origin, what, "
     "why, count)]"},
    {"audit_counts", auvi_py_app_audit_counts, METH_NOARGS, "audit_counts()"},
    {"engine_info", auvi_py_app_engine_info, METH_NOARGS, "engine_info()"},
    {"destroy", app_destroy, METH_NOARGS,
     "destroy()\n\nClose every view and end the engine."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef app_getset[] = {
    {"destroyed", app_destroyed, NULL, "Whether it can no longer be used.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot app_slots[] = {
    {Py_tp_new, (void *)app_new},
    {Py_tp_dealloc, (void *)app_dealloc},
    {Py_tp_methods, app_methods},
    {Py_tp_getset, app_getset},
    {Py_tp_doc, "An application: one engine and one queue of work."},
    {0, NULL},
};

PyType_Spec auvi_py_app_spec = {
    .name = "auroraview._core.App",
    .basicsize = sizeof(struct auvi_py_app),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = app_slots,
};
