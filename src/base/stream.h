/*
 * stream.h - one-way byte streams between processes, and what a descriptor is.
 */
#ifndef AUVI_STREAM_H
#define AUVI_STREAM_H

#include "auroraview/base.h"

/* Both ends do not block. */
int auvi_stream_pair(int *writer_out, int *reader_out);
/* Bytes taken, 0: no room now; AUV_ERR_CANCELLED: nobody reads any more. */
int auvi_stream_write(int fd, const void *data, size_t length);
/* Bytes, 0: none now; AUV_ERR_CLOSED: a whole end (also of a pipe);
 * AUV_ERR_CANCELLED: it was cut off. */
int auvi_stream_read(int fd, void *to, size_t size);
/* Close the writer's end so that the stream counts as whole. Closing it in any
 * other way cuts it off. */
void auvi_stream_finish(int fd);
/* The reader is gone. */
bool auvi_stream_is_left(int fd);

enum auvi_file_kind {
    AUVI_FILE_NONE,    /* neither of these: a folder, a device, no descriptor */
    AUVI_FILE_REGULAR, /* has a size */
    AUVI_FILE_STREAM   /* a pipe or socket */
};

enum auvi_file_kind auvi_file_kind(int fd, uint64_t *size_out);
/* Bytes at `offset` of a regular file, 0 behind its end, or an error. */
int auvi_file_read_at(int fd, void *to, size_t size, uint64_t offset);

#endif /* AUVI_STREAM_H */
