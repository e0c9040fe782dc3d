/*
 * records.h - the text that crosses between bridge.c and bridge.js.
 *
 *     kind US id US name US parts US payload RS        US = 0x1f, RS = 0x1e
 *
 * What the fields mean is at the top of bridge.js.
 */
#ifndef AUVI_PAGE_RECORDS_H
#define AUVI_PAGE_RECORDS_H

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

/* Whether these bytes can stand in a record and become a JavaScript string:
 * UTF-8 without NUL, US and RS. */
bool auvi_text_is_clean(const char *bytes, size_t length);

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
/* Start a record: everything up to the parts field. `name` is raw and must be
 * clean but for control characters, which are percent-encoded here. */
void auvi_record_begin(struct auvi_text *text, char kind, uint64_t id,
                       const char *name, size_t name_length);
/* One number of the parts field. */
void auvi_record_type(struct auvi_text *text, unsigned type, bool first);
/* Payload and end. */
void auvi_record_end(struct auvi_text *text, const char *payload,
                     size_t payload_length);

#endif /* AUVI_PAGE_RECORDS_H */
