/*
 * pace.h - a stream that is read no faster than the page takes it.
 */
#ifndef AUVI_WEBKITGTK_PACE_H
#define AUVI_WEBKITGTK_PACE_H

#include <webkit2/webkit2.h>

/* WebKit reads a body as fast as it comes, and what its page does not take yet
 * lies in this process, as much as it is. So after each megabyte the page is
 * sent a question; messages keep their order, so its answer says that all before
 * has been taken; and no more than four are on their way. Takes `inner`. */
GInputStream *auvi_paced_new(GInputStream *inner, WebKitWebView *web);

#endif /* AUVI_WEBKITGTK_PACE_H */
