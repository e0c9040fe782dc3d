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
    return AUV_OK;
}

/* ---- path to file ------------------------------------------------------- */

/* For kernels before 5.6, and sandboxes that do not know openat2(): open first,
 * then ask the kernel where the descriptor leads. Checking the path before
 * opening it would leave a window in which a link can be swapped. */
static int open_checked(int root_fd, const char *path, int flags)
{
    char link[64], root[AUVI_ASSET_PATH_MAX], target[AUVI_ASSET_PATH_MAX];
    int fd = openat(root_fd, path, flags);

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

static int open_beneath(int root_fd, const char *path)
{
    /* NONBLOCK: opening a pipe that lies in the folder must not hang. */
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    struct open_how how = {
        .flags = (unsigned)flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    long fd;

    do {
        fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        /* EAGAIN: something was renamed meanwhile, and the kernel cannot say
         * whether the path stayed inside. */
    } while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        return open_checked(root_fd, path, flags);
    return (int)fd;
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
    int result, fd;

    if (root_fd < 0)
        return error_of(errno);
    fd = open_beneath(root_fd, *path ? path : ".");
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        char index[AUVI_ASSET_PATH_MAX + sizeof("/index.html")];

        close(fd);
        name = "index.html";
        snprintf(index, sizeof(index), "%s%s%s", path, *path ? "/" : "", name);
        fd = open_beneath(root_fd, index);
    }
    if (fd < 0) {
        result = error_of(errno);
    } else if (fstat(fd, &info) < 0) {
        result = AUV_ERR_SYSTEM;
        close(fd);
    } else if (!S_ISREG(info.st_mode)) {
        result = AUV_ERR_LOAD;
        close(fd);
    } else {
        out->fd = fd;
        out->size = (uint64_t)info.st_size;
        out->type = auvi_asset_type(name);
        result = AUV_OK;
    }
    close(root_fd);
    return result;
}

/* ---- types -------------------------------------------------------------- */

/* Text is UTF-8 unless the file says otherwise in a byte order mark: pages of
 * today are written so, often without saying it. */
static const struct {
    const char *extension;
    const char *type;
} types[] = {
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"json", "application/json; charset=utf-8"},
    {"map", "application/json; charset=utf-8"},
    {"webmanifest", "application/manifest+json; charset=utf-8"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/plain; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"xml", "application/xml"},
    {"xhtml", "application/xhtml+xml"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/x-icon"},
    {"bmp", "image/bmp"},
    {"wasm", "application/wasm"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"mp4", "video/mp4"},
    {"m4v", "video/mp4"},
    {"webm", "video/webm"},
    {"mp3", "audio/mpeg"},
    {"m4a", "audio/mp4"},
    {"wav", "audio/wav"},
    {"ogg", "audio/ogg"},
    {"flac", "audio/flac"},
    {"pdf", "application/pdf"},
    {"zip", "application/zip"},
    {"gltf", "model/gltf+json"},
    {"glb", "model/gltf-binary"},
    {"obj", "model/obj"},
    {"usdz", "model/vnd.usdz+zip"},
    {"hdr", "image/vnd.radiance"},
    {"exr", "image/x-exr"},
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
