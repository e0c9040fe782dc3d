/*
 * grant.c - grants as text. Contract in grant.h.
 */
#include "base/grant.h"

#include "base/origin.h"

#include <stdlib.h>
#include <string.h>

#define US '\x1f'
#define RS '\x1e'
#define NAME_MAX_BYTES 1024

bool auvi_grant_list_check(const struct auvi_grant_list *list, bool patterns)
{
    for (size_t i = 0; list->names && i < list->count; i++) {
        const char *name = list->names[i];
        size_t length = name ? strlen(name) : 0;
        const char *star = name ? strchr(name, '*') : NULL;

        if (!length || length > NAME_MAX_BYTES)
            return false;
        for (size_t k = 0; k < length; k++)
            if ((unsigned char)name[k] < 0x20)
                return false;
        if (star && (patterns ? star[1] != '\0' : length != 1))
            return false;
    }
    return true;
}

static size_t list_size(const struct auvi_grant_list *list)
{
    size_t size = 2;

    for (size_t i = 0; list->names && i < list->count; i++)
        size += strlen(list->names[i]) + 1;
    return size;
}

static char *add(char *to, const char *text, char end)
{
    size_t length = strlen(text);

    memcpy(to, text, length);
    to[length] = end;
    return to + length + 1;
}

static char *add_list(char *to, const struct auvi_grant_list *list, char end)
{
    if (!list->names)
        to = add(to, "*", RS);
    for (size_t i = 0; list->names && i < list->count; i++)
        to = add(to, list->names[i], RS);
    *to = end;
    return to + 1;
}

char *auvi_grant_line(const char *origin, bool top,
                      const struct auvi_grant_list *frames,
                      const struct auvi_grant_list *methods,
                      const struct auvi_grant_list *events)
{
    size_t size = strlen(origin) + 8 + list_size(frames) + list_size(methods) +
                  list_size(events);
    char *line = malloc(size), *to = line;

    if (!line)
        return NULL;
    to = add(to, origin, US);
    to = add(to, top ? "t" : "", US);
    to = add_list(to, frames, US);
    to = add_list(to, methods, US);
    add_list(to, events, '\0');
    return line;
}

bool auvi_grant_parse(struct auvi_grant *grant, char *line)
{
    const char *fields[5];

    for (size_t i = 0; i < 5; i++) {
        fields[i] = line;
        line = i < 4 ? strchr(line, US) : line;
        if (!line)
            return false;
        if (i < 4)
            *line++ = '\0';
    }
    if (strchr(fields[4], US))
        return false;
    grant->origin = fields[0];
    grant->top = *fields[1] == 't';
    grant->frames = fields[2];
    grant->methods = fields[3];
    grant->events = fields[4];
    return true;
}

bool auvi_grant_is_all(const char *list)
{
    return list[0] == '*' && list[1] == RS;
}

bool auvi_grant_has(const char *list, const char *name, size_t length)
{
    for (const char *end; (end = strchr(list, RS)); list = end + 1) {
        size_t size = (size_t)(end - list);

        if (size && end[-1] == '*'
                ? length >= size - 1 && !memcmp(list, name, size - 1)
                : length == size && !memcmp(list, name, size))
            return true;
    }
    return false;
}

/* ---- files ---------------------------------------------------------------- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The path of a file: URL as the file is opened: %2F is a slash there. NULL: no
 * memory, a zero in it, or no path. free() it. */
static char *file_path(const char *url)
{
    const char *at = url + strlen("file://");
    char *out, *to;

    if (!strncmp(at, "localhost/", 10))
        at += 9;
    out = to = *at == '/' ? malloc(strlen(at) + 1) : NULL;
    for (; out && *at && *at != '?' && *at != '#'; at++) {
        if (*at == '%' && hex(at[1]) >= 0 && hex(at[2]) >= 0) {
            *to++ = (char)(hex(at[1]) * 16 + hex(at[2]));
            at += 2;
            if (!to[-1]) {
                free(out);
                return NULL;
            }
        } else {
            *to++ = *at;
        }
    }
    if (out)
        *to = '\0';
    return out;
}

/* "/a//b/./c/../d" -> "/a/b/d", in place. */
static void plain_path(char *path)
{
    char *to = path;

    for (char *at = path; *at;) {
        size_t length;

        while (*at == '/')
            at++;
        length = strcspn(at, "/");
        if (length == 2 && !memcmp(at, "..", 2)) {
            while (to > path && *--to != '/')
                ;
        } else if (length && !(length == 1 && *at == '.')) {
            *to++ = '/';
            memmove(to, at, length);
            to += length;
        }
        at += length;
    }
    if (to == path)
        *to++ = '/';
    *to = '\0';
}

/* Where dots of a file lead only the file system knows: those that are left were
 * written %2E, or lie between %2F. */
static bool has_dots(const char *path)
{
    size_t length = strlen(path);

    return strstr(path, "/../") || strstr(path, "/./") ||
           (length >= 3 && !strcmp(path + length - 3, "/.."));
}

static bool is_file_below(const char *folder_url, const char *url)
{
    char *folder = file_path(folder_url), *file = file_path(url);
    bool below = false;

    if (folder && file && !has_dots(file)) {
        size_t length;

        plain_path(folder);
        length = strlen(folder);
        below = !strncmp(file, folder, length) &&
                (folder[length - 1] == '/' || file[length] == '/');
    }
    free(folder);
    free(file);
    return below;
}

bool auvi_grant_fits(const struct auvi_grant *grant, const char *url)
{
    char origin[AUVI_ORIGIN_MAX];

    if (!auvi_origin_parse(url, origin))
        return false;
    if (strncmp(grant->origin, "file://", 7) || !grant->origin[7])
        return !strcmp(grant->origin, origin);
    return !strcmp(origin, "file://") && is_file_below(grant->origin, url);
}

/* ---- patterns of origins ---------------------------------------------------- */

bool auvi_origin_fits(const char *pattern, const char *origin)
{
    const char *star = strstr(pattern, "://*.");
    size_t head, tail, length = strlen(origin);

    if (!strcmp(pattern, "*"))
        return true;
    if (!star)
        return !strcmp(pattern, origin);
    head = (size_t)(star - pattern) + 3; /* "https://" */
    tail = strlen(pattern) - head - 1;   /* ".example.com:8443" */
    return length > head + tail && !strncmp(pattern, origin, head) &&
           !strcmp(origin + length - tail, star + 4);
}
