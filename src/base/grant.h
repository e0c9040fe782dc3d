/*
 * grant.h - who may use the bridge, and for what: one grant as a line of text,
 * and what it matches.
 *
 * The host writes the line and judges by it; the same line goes to the page's
 * process, which judges by it first. So both use this file.
 *
 *     origin US top US frames US methods US events
 *
 * `top` is "t" or "". The last three are lists, an RS behind each entry; "*"
 * alone is everything, an empty list nothing.
 */
#ifndef AUVI_GRANT_H
#define AUVI_GRANT_H

#include <stdbool.h>
#include <stddef.h>

/* A line that was taken apart. Everything leads into the line. */
struct auvi_grant {
    const char *origin; /* of auvi_origin_parse(), or "file:///folder/" */
    bool top;           /* for the top document */
    const char *frames; /* for frames of these names */
    const char *methods, *events;
};

/* Entries of a list: `names[count]`; NULL: everything. */
struct auvi_grant_list {
    const char *const *names;
    size_t count;
};

/* False if a name is empty, over 1,024 bytes, has a control character, or,
 * where patterns are allowed, a '*' that is not its end. */
bool auvi_grant_list_check(const struct auvi_grant_list *list, bool patterns);

/* The line; free() it. NULL: no memory. The origin and the lists were checked. */
char *auvi_grant_line(const char *origin, bool top,
                      const struct auvi_grant_list *frames,
                      const struct auvi_grant_list *methods,
                      const struct auvi_grant_list *events);

/* Take a line apart, in place. False: it is no such line. */
bool auvi_grant_parse(struct auvi_grant *grant, char *line);

/* The list is "everything". */
bool auvi_grant_is_all(const char *list);
/* An entry is the name, or a pattern "head*" that it begins like. The name may
 * hold any bytes. */
bool auvi_grant_has(const char *list, const char *name, size_t length);

/* A document at `url` is of the grant's origin; of "file:///folder/", it lies in
 * that folder or below it. */
bool auvi_grant_fits(const struct auvi_grant *grant, const char *url);

/* Whether an origin of auvi_origin_parse() fits a pattern: "*", an origin, or one
 * whose host begins with "*.", which stands for one label or more. */
bool auvi_origin_fits(const char *pattern, const char *origin);

#endif /* AUVI_GRANT_H */
