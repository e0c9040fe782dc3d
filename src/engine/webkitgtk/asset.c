#include "engine/webkitgtk/asset.h"

#include "auroraview/base.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- URL to path -------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decode [from, to) and append it as one or more components. Components are
 * looked at after decoding, so that %2e%2e and %2f are what they stand for. */
static int append_decoded(const char *from, const char *to, char *out,
                          size_t *length)
{
    size_t start = *length; /* of the present component */

    for (; from <= to; from++) {
        /* The end of the text closes the last component. */
        int c = from == to ? '/' : (unsigned char)*from;

        if (from < to && c == '%') {
            int high = to - from > 2 ? hex_digit(from[1]) : -1;
            int low = to - from > 2 ? hex_digit(from[2]) : -1;

            if (high < 0 || low < 0)
                return AUV_ERR_ARG;
            c = high * 16 + low;
            from += 2;
        }
        /* A backslash means nothing here, but is a separator elsewhere: an
         * application must not work on one system only. */
        if (c == 0 || c == '\\')
            return AUV_ERR_ARG;
        if (c != '/') {
            /* Room for this byte, a separator and the NUL. */
            if (*length + 3 > AUVI_ASSET_PATH_MAX)
                return AUV_ERR_TOO_LARGE;
            out[(*length)++] = (char)c;
            continue;
        }
        size_t size = *length - start;

        if (size == 2 && memcmp(out + start, "..", 2) == 0)
            return AUV_ERR_ARG;
        if (size == 1 && out[start] == '.')
            *length = start;
        else if (size > 0)
            out[(*length)++] = '/';
        start = *length;
    }
    return AUV_OK;
}

/* "type:local/x" is x in the folder, "type:file/x" a file anywhere: never. */
static int strip_kind(char *path, size_t length)
{
    static const char local[] = "type:local";
    size_t kind = sizeof(local) - 1;

    if (strncmp(path, "type:", 5) != 0)
        return AUV_OK;
    if (strncmp(path, local, kind) != 0 || (path[kind] && path[kind] != '/'))
        return AUV_ERR_ARG;
    if (path[kind])
        kind++;
    memmove(path, path + kind, length + 1 - kind);
    return AUV_OK;
}

int auvi_asset_path(const char *url, char out[AUVI_ASSET_PATH_MAX])
{
    static const char prefix[] = "auroraview://";
    size_t length = 0;
    int result;

    if (strncasecmp(url, prefix, sizeof(prefix) - 1) != 0)
        return AUV_ERR_ARG;

    const char *host = url + sizeof(prefix) - 1;
    const char *end = host + strcspn(host, "?#");
    const char *path = memchr(host, '/', (size_t)(end - host));

    if (!path)
        path = end;
    size_t host_length = (size_t)(path - host);

    if (memchr(host, '@', host_length) || memchr(host, ':', host_length))
        return AUV_ERR_ARG;
    if (!(host_length == 9 && strncasecmp(host, "localhost", 9) == 0)) {
        result = append_decoded(host, path, out, &length);
        if (result < 0)
            return result;
    }
    result = append_decoded(path, end, out, &length);
    if (result < 0)
        return result;
    if (length > 0 && out[length - 1] == '/')
        length--;
    out[length] = 0;
    return strip_kind(out, length);
}

/* ---- path to file ------------------------------------------------------- */

/* Both ways give a descriptor that only names the file (O_PATH): a pipe or a
 * device that lies in the folder is looked at, and never opened. */
#define NAME_FLAGS (O_PATH | O_CLOEXEC)

/* Of lookups that somebody's renaming has disturbed. */
#define LOOKUPS_MAX 64

/* For kernels before 5.6, and sandboxes that do not know openat2(): look the
 * name up, then ask the kernel where that leads. Checking the path before would
 * leave a window in which a link can be swapped. */
static int name_checked(int root_fd, const char *path)
{
    char link[64], root[AUVI_ASSET_PATH_MAX], target[AUVI_ASSET_PATH_MAX];
    int fd = openat(root_fd, path, NAME_FLAGS);

    if (fd < 0)
        return -1;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", root_fd);
    ssize_t root_length = readlink(link, root, sizeof(root) - 1);

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t target_length = readlink(link, target, sizeof(target) - 1);

    if (root_length > 0 && target_length >= root_length &&
        memcmp(root, target, (size_t)root_length) == 0 &&
        (target_length == root_length || root_length == 1 ||
         target[root_length] == '/'))
        return fd;
    close(fd);
    errno = EXDEV;
    return -1;
}

static int name_beneath(int root_fd, const char *path)
{
    struct open_how how = {
        .flags = NAME_FLAGS,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    int tries = 0;
    long fd;

    do {
        fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        /* EAGAIN: something was renamed meanwhile, and the kernel cannot say
         * whether the path stayed inside. */
    } while (fd < 0 && (errno == EAGAIN || errno == EINTR) &&
             ++tries < LOOKUPS_MAX);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        return name_checked(root_fd, path);
    return (int)fd;
}

/* Open for reading what a descriptor names: the same file, whatever has become
 * of its name. */
static int open_named(int named)
{
    char link[64];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", named);
    return open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static int error_of(int code)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        return AUV_ERR_LOAD;
    case EXDEV:
    case ELOOP:
        return AUV_ERR_ARG;
    default:
        return AUV_ERR_SYSTEM;
    }
}

int auvi_asset_open(const char *root, const char *path, struct auvi_asset *out)
{
    struct stat info;
    const char *name = path;
    /* Opened anew for each file: a build tool may replace the folder. */
    int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int result, named;

    if (root_fd < 0)
        return error_of(errno);
    named = name_beneath(root_fd, *path ? path : ".");
    if (named >= 0 && fstat(named, &info) == 0 && S_ISDIR(info.st_mode)) {
        char index[AUVI_ASSET_PATH_MAX + sizeof("/index.html")];

        close(named);
        name = "index.html";
        snprintf(index, sizeof(index), "%s%s%s", path, *path ? "/" : "", name);
        named = name_beneath(root_fd, index);
    }
    if (named < 0) {
        result = error_of(errno);
    } else if (fstat(named, &info) < 0) {
        result = AUV_ERR_SYSTEM;
    } else if (!S_ISREG(info.st_mode)) {
        result = AUV_ERR_LOAD;
    } else {
        out->fd = open_named(named);
        out->size = (uint64_t)info.st_size;
        out->name = name == path ? NULL : name;
        result = out->fd < 0 ? error_of(errno) : AUV_OK;
    }
    if (named >= 0)
        close(named);
    close(root_fd);
    return result;
}

/* ---- types -------------------------------------------------------------- */

/* What a page does not work without, exactly: modules and WebAssembly are
 * refused under another type, and desktops disagree about some of these. All
 * else is the desktop's own database to say. Text is UTF-8 unless a byte order
 * mark says otherwise: pages of today are written so, often without saying it. */
static const struct {
    const char *extension;
    const char *type;
} types[] = {
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"xhtml", "application/xhtml+xml"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"cjs", "text/javascript; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"json", "application/json; charset=utf-8"},
    {"map", "application/json; charset=utf-8"},
    {"webmanifest", "application/manifest+json; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"svg", "image/svg+xml"},
    {"txt", "text/plain; charset=utf-8"},
    {"ico", "image/x-icon"},
    {"wav", "audio/wav"},
    {"gltf", "model/gltf+json"},
    {"glb", "model/gltf-binary"},
    {"obj", "model/obj"},
    {"bin", "application/octet-stream"},
};

const char *auvi_asset_type(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *dot = strrchr(slash ? slash : name, '.');

    if (!dot)
        return NULL;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcasecmp(dot + 1, types[i].extension) == 0)
            return types[i].type;
    }
    return NULL;
}
