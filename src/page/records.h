/*
 * records.h - the texts that cross between bridge.c and bridge.js.
 *
 *     from it   kind US id US name US parts US payload RS   US 0x1f, RS 0x1e
 *     to it     one JSON array, four elements for each record
 *
 * What the fields mean is at the top of bridge.js.
 */
#ifndef AUVI_PAGE_RECORDS_H
#define AUVI_PAGE_RECORDS_H

#include "wire/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auvi_record {
    char kind;
    uint64_t id;
    char *name; /* percent-encoded */
    size_t name_length;
    const char *parts;
    size_t parts_length;
    char *payload;
    size_t payload_length;
};

struct auvi_record_part {
    unsigned type;
    uint64_t offset;
    uint64_t length;
};

/* Take the record at *at and move on. 1: *out is it; 0: the end; -1: the text
 * is malformed. */
int auvi_record_next(char **at, char *end, struct auvi_record *out);

/* Take one entry "type,offset,length" of a parts field. 1, 0 at its end, -1 if
 * malformed. */
int auvi_record_part_next(const char **at, const char *end,
                          struct auvi_record_part *out);

/* Undo percent-encoding in place; returns the new length. */
size_t auvi_name_decode(char *name, size_t length);

/* Whether these bytes can be an element of a JSON array without changing what
 * is around them, whatever they are: UTF-8 without NUL, no comma outside of
 * brackets, every bracket and quote closed. They may still be no JSON. */
bool auvi_json_stands_alone(const char *bytes, size_t length);

/* Text that grows, NUL-terminated. A failed allocation sets `failed`. */
struct auvi_text {
    char *bytes;
    size_t length;
    size_t space;
    bool failed;
};

void auvi_text_clear(struct auvi_text *text); /* gives large memory back */
void auvi_text_free(struct auvi_text *text);
void auvi_text_add(struct auvi_text *text, const char *bytes, size_t length);

/* What goes to bridge.js. */
struct auvi_message_record {
    char kind;
    uint64_t id;      /* without a name */
    const char *name; /* UTF-8, may hold NUL; NULL: none */
    size_t name_length;
    const struct auvi_frame_part *parts; /* only their types are told */
    size_t part_count;
    const char *payload; /* stands alone; length 0: null */
    size_t payload_length;
};

/* The records of a text are one array, which auvi_records_close() ends. */
void auvi_record_add(struct auvi_text *text,
                     const struct auvi_message_record *record);
/* Kind of the record that bridge.js sends for such a frame, and of that which it
 * gets for one; 0: none. */
enum auvi_frame_kind auvi_record_frame_kind(char kind);
char auvi_record_kind(const struct auvi_frame *frame);
void auvi_records_close(struct auvi_text *text);

#endif /* AUVI_PAGE_RECORDS_H */
