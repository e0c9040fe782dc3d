/*
 * media.h - audio and video from the application's own schemes.
 *
 * WebKit gives the address of a media element to GStreamer, which finds an
 * element for its scheme. For those of the application there is one here. It
 * asks the engine for a URL and gets a descriptor: an open file, which it reads
 * by itself, or a stream that the host writes, which a seek asks for anew.
 *
 *     to the engine     "auroraview:media"  (sx)  URL, first byte
 *       its answer      (ixxxb) + descriptor      status, first byte, size of
 *                                                 all (-1: unknown), where it
 *                                                 begins in a file, is a file
 *     to the engine     "auroraview:schemes?"
 *       its answer      as
 *     from the engine   "auroraview:schemes" as
 *
 * GStreamer is not started for it: the element is made known when WebKit makes
 * its first player, so a page without media pays nothing.
 */
#ifndef AUVI_PAGE_MEDIA_H
#define AUVI_PAGE_MEDIA_H

#include <webkit2/webkit-web-extension.h>

/* Main thread, at the start of the process. */
void auvi_media_init(WebKitWebExtension *extension);
/* The application's schemes, whoever answers them. */
void auvi_media_set_schemes(const char *const *schemes);

#endif /* AUVI_PAGE_MEDIA_H */
