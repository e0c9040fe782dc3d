/*
 * auroraview.h - web panels inside other applications, without the risk.
 *
 * Include this. It is all of the library:
 *
 *     base.h     errors, version, log
 *     message.h  messages, binary parts, calls and their answers
 *     app.h      the application: its queue, its wake, its loop
 *     view.h     a view: content, script, events, window, closing
 *     state.h    values that host and page share
 *     channel.h  streams between host and page
 *
 * HOW IT WORKS
 * The web engine runs in a process of its own, and each page in another. Your
 * process holds one thread of ours and a few descriptors. What a page calls
 * comes in over a link that leads directly from the page's process to yours;
 * the engine's UI thread is not on the way. So a page that hangs or crashes
 * cannot take your process with it, and a busy UI thread of yours does not
 * freeze the page.
 *
 * THE EVENT LOOP IS YOURS
 * The library never runs, nests or pumps a loop of yours. It tells you that
 * there is work (a descriptor, or a callback), you call auv_app_process(), and
 * in there, on that thread, your handlers run. Nowhere else. auv_app_run() is
 * for programs that have no loop.
 *
 * WHO WAITS FOR WHOM
 * Host thread -> library thread -> engine -> page, never back. Every call that
 * waits has a deadline and ends exactly once, with a value or an error.
 *
 * WHAT IT DOES TO YOUR PROCESS
 * It starts one thread per application object (all signals blocked in it) and
 * one child process, which ends with you. It opens descriptors, all of them
 * close-on-exec, and maps shared memory that pages send. It reads the
 * environment variables AURORAVIEW_BACKEND, AURORAVIEW_ENGINE_PATH and
 * AURORAVIEW_LOG. It writes warnings to stderr unless auv_set_log() was called.
 * It installs no signal handler, never changes the environment, the locale,
 * the working folder or the X error handler, registers no exit hook, reaps no
 * child but its own, and loads no GTK, GLib or WebKit into your process.
 */
#ifndef AURORAVIEW_H
#define AURORAVIEW_H

#include "auroraview/app.h"
#include "auroraview/base.h"
#include "auroraview/channel.h"
#include "auroraview/message.h"
#include "auroraview/scheme.h"
#include "auroraview/state.h"
#include "auroraview/view.h"

#endif /* AURORAVIEW_H */
