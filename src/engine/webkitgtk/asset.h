/*
 * asset.h - from an auroraview: URL to an open file below the asset folder.
 *
 * Knows no GTK. The URL comes from a page, so it is hostile: nothing outside
 * the folder can be named, whatever it is made of (dots, percent escapes,
 * symbolic links, a link that is swapped meanwhile).
 */
#ifndef AUVI_WEBKITGTK_ASSET_H
#define AUVI_WEBKITGTK_ASSET_H

#include <stddef.h>
#include <stdint.h>

#define AUVI_ASSET_PATH_MAX ((size_t)4096)

struct auvi_asset {
    int fd;           /* a regular file, open for reading; the caller's */
    uint64_t size;    /* bytes, at the time */
    const char *name; /* static; NULL: the path's own last part */
};

/* Path below the asset folder that a URL names, without leading or trailing
 * slash; "" is the folder itself. auroraview://localhost/a/b and
 * auroraview://a/b both name a/b. Percent escapes are decoded once; query and
 * fragment do not count. "type:local/" in front may be left out, "type:file/"
 * names nothing. AUV_ERR_ARG: it names nothing that may be served;
 * AUV_ERR_TOO_LARGE. */
int auvi_asset_path(const char *url, char out[AUVI_ASSET_PATH_MAX]);

/* Open a path that auvi_asset_path() made. For a folder that is its index.html.
 * AUV_ERR_ARG: it leads out of the folder; AUV_ERR_LOAD: there is no such file;
 * AUV_ERR_SYSTEM: it cannot be opened (errno says why). */
int auvi_asset_open(const char *root, const char *path, struct auvi_asset *out);

/* MIME type by the name's extension, or NULL: ask the desktop's database. */
const char *auvi_asset_type(const char *name);

#endif /* AUVI_WEBKITGTK_ASSET_H */
