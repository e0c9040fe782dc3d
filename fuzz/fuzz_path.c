/*
 * fuzz_path.c - URLs to auvi_asset_path(), and what comes of them to
 * auvi_asset_open() in a folder with links that lead out. Nothing outside the
 * folder may open, and no path may have a part that could lead there. The first
 * line of the input is the URL, the second a Range header.
 *
 *   clang -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined
 *     -Iinclude -Isrc fuzz/fuzz_path.c src/engine/webkitgtk/asset.c
 *     src/base/range.c
 */
#include "base/range.h"
#include "engine/webkitgtk/asset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/auroraview-fuzz-XXXXXX";
static char root[64];

static void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        abort();
}

static void make_link(const char *name, const char *target)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", root, name);
    if (symlink(target, path) < 0)
        abort();
}

static void remove_folder(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    if (system(command) != 0)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (!mkdtemp(folder))
        abort();
    snprintf(root, sizeof(root), "%s/r", folder);
    if (mkdir(root, 0755) < 0)
        abort();
    write_file("s", "outside");
    write_file("r/a", "inside");
    write_file("r/index.html", "inside");
    make_link("u", "..");
    make_link("o", "../s");
    make_link("e", "/etc");
    make_link("i", "a");
    make_link("l", "l");
    atexit(remove_folder);
    return 0;
}

static void check_parts(const char *path)
{
    size_t length = strlen(path);

    if (length >= AUVI_ASSET_PATH_MAX || *path == '/' ||
        (length && path[length - 1] == '/') || strchr(path, '\\'))
        abort();
    while (*path) {
        size_t part = strcspn(path, "/");

        if (part == 0 || (part == 1 && path[0] == '.') ||
            (part == 2 && path[0] == '.' && path[1] == '.'))
            abort();
        path += part + (path[part] == '/');
    }
}

static void check_file(const char *path)
{
    struct auvi_asset asset;
    char content[16] = "";

    if (auvi_asset_open(root, path, &asset) < 0)
        return;
    if (read(asset.fd, content, sizeof(content) - 1) < 0 ||
        strcmp(content, "inside") != 0)
        abort();
    close(asset.fd);
}

static void check_range(const char *header, uint64_t size)
{
    uint64_t first, length;

    switch (auvi_range_parse(header, size, &first, &length)) {
    case AUVI_RANGE_WHOLE:
        if (first != 0 || length != size)
            abort();
        break;
    case AUVI_RANGE_PART:
        if (length == 0 || first >= size || length > size - first)
            abort();
        break;
    case AUVI_RANGE_UNSATISFIABLE:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[AUVI_ASSET_PATH_MAX];
    char *url = malloc(size + 1), *line;

    if (!url)
        return 0;
    if (size)
        memcpy(url, data, size);
    url[size] = '\0';
    line = strchr(url, '\n');
    if (line) {
        *line++ = '\0';
        check_range(line, 0);
        check_range(line, 10);
        check_range(line, UINT64_MAX);
    }
    if (auvi_asset_path(url, path) == 0) {
        check_parts(path);
        check_file(path);
    }
    free(url);
    return 0;
}
