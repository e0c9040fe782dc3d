/*
 * media_src.h - the GStreamer element behind media.h.
 */
#ifndef AUVI_PAGE_MEDIA_SRC_H
#define AUVI_PAGE_MEDIA_SRC_H

#include <stdbool.h>
#include <webkit2/webkit-web-extension.h>

/* GStreamer has started. Any thread. */
bool auvi_media_src_register(const char *name);

/* ---- media.c, for the element ---- */

const char *const *auvi_media_schemes(void);
WebKitWebExtension *auvi_media_extension(void);
bool auvi_media_is_refused(void); /* main thread */

#endif /* AUVI_PAGE_MEDIA_SRC_H */
