/*
 * body.h - a part of a file as the stream that WebKit reads a body from.
 */
#ifndef AUVI_WEBKITGTK_BODY_H
#define AUVI_WEBKITGTK_BODY_H

#include <gio/gio.h>
#include <stdint.h>

/* `length` bytes of a regular file from `offset` on. Takes fd. Reads by
 * position, so others may use the same open file, and never on the thread that
 * asks. A file that has become shorter ends the stream with an error: what is
 * cut off must not look whole. */
GInputStream *auvi_body_new(int fd, uint64_t offset, uint64_t length);

#endif /* AUVI_WEBKITGTK_BODY_H */
