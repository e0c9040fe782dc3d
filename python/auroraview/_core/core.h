/*
 * core.h - what the files of the extension module auroraview._core share.
 *
 * The extension is thin: a Python method is one call of the C API, and a C
 * callback is one call of a Python function. What a function means stands in
 * include/auroraview/; how it is spelled for users is written in Python.
 *
 * Built against the limited API of CPython 3.8, so that one binary serves
 * every later interpreter. What that API lacks, and every interpreter since
 * 3.8 exports all the same, is declared at the end of this file.
 *
 * The GIL: held in every function here, except around calls of the library
 * that may wait or run handlers. Callbacks of the library arrive without it
 * and take it. The library never calls one with a lock of its own held, so the
 * order GIL -> library is the only one there is.
 */
#ifndef AUVI_PY_CORE_H
#define AUVI_PY_CORE_H

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x03080000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>

#include "auroraview/auroraview.h"

/* ---- objects ----------------------------------------------------------- */

struct auvi_py_call;
struct auvi_py_fetch;
struct auvi_py_view;

struct auvi_py_app {
    PyObject_HEAD auv_app *app; /* NULL once it is destroyed */
    struct auvi_py_view *views; /* those whose Python object lives; borrowed */
    PyObject *raised;           /* BaseException that a handler let out: the
                                   process call raises it when it returns */
    struct auvi_py_call *dropped; /* while destroying: to be released then */
    struct auvi_py_fetch *dropped_fetches; /* likewise */
    unsigned fork_epoch;                   /* of the process that made it */
    int users;            /* threads inside the library without the GIL;
                                   changed under the GIL */
    bool closing;         /* destroy() has begun: no newcomers */
    bool destroying;      /* inside auv_app_destroy() */
    bool ready;           /* `lock` and `left` exist */
    pthread_mutex_t lock; /* only what `left` needs */
    pthread_cond_t left;  /* users fell to 0 */
};

struct auvi_py_view {
    PyObject_HEAD auv_view *view;
    struct auvi_py_app *app;
    struct auvi_py_view *next;
    struct auvi_py_view **link; /* what points here in the app's list */
    bool debug;                 /* pages may see tracebacks */
};

/* app.c: raises Closed and returns NULL when there is nothing to call. */
auv_app *auvi_py_app_use(struct auvi_py_app *self);
/* Around calls that release the GIL: destroy() waits for them. */
void auvi_py_app_enter(struct auvi_py_app *self);
void auvi_py_app_leave(struct auvi_py_app *self);
/* The application that is processing on this thread, or NULL. */
struct auvi_py_app *auvi_py_app_current(void);
bool auvi_py_app_is_foreign(const struct auvi_py_app *self);
void auvi_py_after_fork(void);

extern PyTypeObject *auvi_py_app_type;
extern PyTypeObject *auvi_py_view_type;
extern PyTypeObject *auvi_py_call_type;
extern PyTypeObject *auvi_py_fetch_type;
extern PyType_Spec auvi_py_app_spec;
extern PyType_Spec auvi_py_view_spec;
extern PyType_Spec auvi_py_call_spec;
extern PyTypeObject *auvi_py_channel_type;
extern PyType_Spec auvi_py_channel_spec;
extern PyType_Spec auvi_py_fetch_spec;

/* Free an instance of one of the types above. */
void auvi_py_free(PyObject *self);

/* call.c: the call of a handler that runs on this thread, innermost first. */
struct auvi_py_frame {
    auv_call *call;
    struct auvi_py_app *app;
    PyObject *object; /* its Call, once somebody has asked */
    struct auvi_py_frame *outer;
};
void auvi_py_frame_push(struct auvi_py_frame *frame, auv_call *call,
                        struct auvi_py_app *app);
void auvi_py_frame_pop(struct auvi_py_frame *frame);
/* A new reference to the one Call of that call. */
PyObject *auvi_py_frame_object(struct auvi_py_frame *frame);
PyObject *auvi_py_current_call(PyObject *module, PyObject *unused);
/* Let go of the calls that were dropped during auv_app_destroy(). */
void auvi_py_calls_release(struct auvi_py_app *app);
/* fetch.c: the same. */
void auvi_py_fetches_release(struct auvi_py_app *app);
void auvi_py_on_fetch(auv_view *view, auv_fetch *fetch, void *user);

/* ---- errors (errors.c) ------------------------------------------------- */

/* Exception object for a code; detail may be NULL. NULL and an exception when
 * even that fails. */
PyObject *auvi_py_error(int code, const char *detail);
/* Exception object for the {"name","message","stack"} of a script. */
PyObject *auvi_py_script_error(const auv_message *result);
/* Raise the code with what auv_last_error_message() adds. Returns NULL. */
PyObject *auvi_py_raise(int code);
PyObject *auvi_py_raise_with(int code, const char *detail);
/* None for a code >= 0, else auvi_py_raise(). */
PyObject *auvi_py_none_or_raise(int code);
/* The exception that is set, taken and complete with its traceback. */
PyObject *auvi_py_take_exception(void);
/* Attribute of a module of this package, looked up once and kept. Borrowed. */
PyObject *auvi_py_hook(PyObject **slot, const char *module, const char *name);

/* ---- handlers (handlers.c) --------------------------------------------- */

/* `user` of every callback. Owns fn. */
struct auvi_py_handler {
    PyObject *fn;
    struct auvi_py_app *app; /* of a bound function; borrowed: its end waits for
                                all handlers, and frees them */
    bool with_name;          /* hears all events: fn(name, data) */
    bool debug;
};

struct auvi_py_handler *auvi_py_handler_new(PyObject *fn, bool with_name);
void auvi_py_handler_free(void *user); /* takes the GIL */
void auvi_py_on_call(auv_view *view, auv_call *call, void *user);
void auvi_py_on_message(auv_view *view, const auv_message *message, void *user);
void auvi_py_on_event(auv_view *view, const auv_event *event, void *user);
void auvi_py_on_result(auv_view *view, int error, const auv_message *result,
                       void *user);
void auvi_py_on_post(void *user);
/* Call fn, whose handler may be freed meanwhile, and log what it raises. Takes
 * args; NULL means that they could not be made. */
void auvi_py_notify(PyObject *fn, PyObject *args, const char *kind,
                    PyObject *name);
PyObject *auvi_py_message_name(const auv_message *message);

/* ---- methods of View for state and channels (streams.c) ------------------ */

PyObject *auvi_py_state_set(PyObject *object, PyObject *args);
PyObject *auvi_py_state_get(PyObject *object, PyObject *args);
PyObject *auvi_py_state_delete(PyObject *object, PyObject *args);
PyObject *auvi_py_state_clear(PyObject *object, PyObject *unused);
PyObject *auvi_py_state_keys(PyObject *object, PyObject *unused);
PyObject *auvi_py_state_observe(PyObject *object, PyObject *fn);
PyObject *auvi_py_on_channel(PyObject *object, PyObject *args);
PyObject *auvi_py_channel_open(PyObject *object, PyObject *args);

/* ---- values (encode.c, decode.c) --------------------------------------- */

/* The Py_buffer of the interpreter under a name of ours: the limited API has
 * it from 3.11 on only. Its layout has not changed since 3.0. */
struct auvi_py_buffer {
    void *buf;
    PyObject *obj;
    Py_ssize_t len;
    Py_ssize_t itemsize;
    int readonly;
    int ndim;
    char *format;
    Py_ssize_t *shape;
    Py_ssize_t *strides;
    Py_ssize_t *suboffsets;
    void *internal;
};

/* Bytes at the start of UTF-8 (with surrogates) that a JSON string takes as they
 * are. */
size_t auvi_py_plain_length(const char *text, size_t length);

/* A value as it travels. Fill with auvi_py_encode(), then clear in any case.
 * On the caller's stack: small values need no allocation. */
struct auvi_py_encoded {
    char *text;
    size_t length;
    size_t capacity;
    size_t part_count;
    bool saw_marker; /* a dict has a key "$auv" of its own */
    bool escaping;
    char small[1024];
    auv_part parts[AUV_MAX_PARTS];
    struct auvi_py_buffer buffers[AUV_MAX_PARTS];
};

int auvi_py_encode(struct auvi_py_encoded *e, PyObject *value);
void auvi_py_encoded_clear(struct auvi_py_encoded *e);
/* Around the library's copy of the value: a long one goes without the GIL. What
 * may be destroyed meanwhile needs auvi_py_app_enter(). */
PyThreadState *auvi_py_encoded_pause(const struct auvi_py_encoded *e);
void auvi_py_encoded_resume(PyThreadState *saved);

/* JSON and parts of a message as one Python value. */
PyObject *auvi_py_decode(const auv_message *message);

/* ---- exported by every CPython since 3.8, declared only later ------------ */

#if Py_LIMITED_API + 0 < 0x03090000
/* 3.8 has only the second, later ones need not have it. */
PyAPI_FUNC(PyInterpreterState *) PyInterpreterState_Get(void)
    __attribute__((weak));
PyAPI_FUNC(PyInterpreterState *) _PyInterpreterState_Get(void)
    __attribute__((weak));
#endif

#if Py_LIMITED_API + 0 < 0x030a0000
PyAPI_FUNC(const char *) PyUnicode_AsUTF8AndSize(PyObject *, Py_ssize_t *);
#endif

#if Py_LIMITED_API + 0 < 0x030b0000
PyAPI_FUNC(int) PyObject_GetBuffer(PyObject *, struct auvi_py_buffer *, int);
PyAPI_FUNC(void) PyBuffer_Release(struct auvi_py_buffer *);
#endif

/* ---- security.c ---------------------------------------------------------- */

PyObject *auvi_py_view_grant(PyObject *view, PyObject *args);
PyObject *auvi_py_view_deny_origin(PyObject *view, PyObject *args);
int auvi_py_view_create(auv_app *app, auv_view_options *options,
                        PyObject *allowed, auv_view **out);
PyObject *auvi_py_app_audit(PyObject *app, PyObject *args);
PyObject *auvi_py_app_audit_counts(PyObject *app, PyObject *unused);
PyObject *auvi_py_app_engine_info(PyObject *app, PyObject *unused);

#endif /* AUVI_PY_CORE_H */
