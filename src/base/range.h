/*
 * range.h - which part of a body a Range header asks for.
 */
#ifndef AUVI_RANGE_H
#define AUVI_RANGE_H

#include <stdint.h>

enum auvi_range {
    AUVI_RANGE_WHOLE = 0,        /* no header, or one that does not count */
    AUVI_RANGE_PART = 1,         /* *first and *length */
    AUVI_RANGE_UNSATISFIABLE = 2 /* nothing of the body lies in it */
};

/* `header` (may be NULL) is a page's, so it may be anything. One range of bytes
 * counts, in each of its three forms; several at once, other units and what is
 * malformed do not, and then the whole body is the answer (RFC 9110, 14.2). */
enum auvi_range auvi_range_parse(const char *header, uint64_t size,
                                 uint64_t *first, uint64_t *length);

#endif /* AUVI_RANGE_H */
