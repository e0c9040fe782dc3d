/*
 * origin.h - the origin of a URL, exactly: who may be granted the bridge.
 */
#ifndef AUVI_ORIGIN_H
#define AUVI_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#define AUVI_ORIGIN_MAX 300 /* bytes: scheme, a host of 253, port */

/* Writes "scheme://host[:port]" in lower case, without a default port, into
 * out[AUVI_ORIGIN_MAX]; "file://" for files. False for whatever has no origin
 * of its own (data:, about:, blob:, javascript:) or is not well formed: user
 * names, control characters, percent escapes or non-ASCII bytes in the host are
 * refused, not interpreted. */
bool auvi_origin_parse(const char *url, char *out);

/* Whether an origin of auvi_origin_parse() is this machine's loopback: http(s)
 * with host localhost, 127.x.y.z or [::1]. */
bool auvi_origin_is_loopback(const char *origin);

/* Of a file: URL that parses: "file:///folder/", the folder that the file is
 * in, in ASCII and without line ends. free() it. NULL: no memory. */
char *auvi_origin_file_folder(const char *url);

#endif /* AUVI_ORIGIN_H */
