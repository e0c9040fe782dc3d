/* test_asset.c - which file an auroraview: URL names, and that none outside. */
#include "engine/webkitgtk/asset.h"

#include "auroraview/base.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static void names(const char *url, const char *expected)
{
    char path[AUVI_ASSET_PATH_MAX];

    assert_int_equal(auvi_asset_path(url, path), AUV_OK);
    assert_string_equal(path, expected);
}

static void refuses(const char *url)
{
    char path[AUVI_ASSET_PATH_MAX];

    if (auvi_asset_path(url, path) != AUV_ERR_ARG)
        fail_msg("%s was not refused, it names '%s'", url, path);
}

static void path_is_host_and_path(void **state)
{
    (void)state;
    names("auroraview://localhost/", "");
    names("auroraview://localhost", "");
    names("auroraview://", "");
    names("auroraview:///a.js", "a.js");
    names("auroraview://localhost/a/b.js", "a/b.js");
    names("AURORAVIEW://LocalHost/a.js", "a.js");
    names("auroraview://images/logo.png", "images/logo.png");
    names("auroraview://images", "images");
    names("auroraview://localhostile/x", "localhostile/x");
}

static void query_and_fragment_do_not_count(void **state)
{
    (void)state;
    names("auroraview://localhost/a.js?v=../..", "a.js");
    names("auroraview://localhost/a.js#/../b", "a.js");
    names("auroraview://localhost?x/y", "");
}

static void escapes_are_decoded_once(void **state)
{
    (void)state;
    names("auroraview://localhost/a%20b.txt", "a b.txt");
    names("auroraview://localhost/%C3%A9.txt", "\xc3\xa9.txt");
    names("auroraview://localhost/%2541", "%41");
    names("auroraview://localhost/%252e%252e/x", "%2e%2e/x");
    names("auroraview://localhost/a%3Fb", "a?b");
}

static void empty_and_dot_parts_vanish(void **state)
{
    (void)state;
    names("auroraview://localhost//a///b/", "a/b");
    names("auroraview://localhost/./a/./b/.", "a/b");
    names("auroraview://localhost/...", "...");
    names("auroraview://localhost/.hidden", ".hidden");
    names("auroraview://localhost/..a/b..", "..a/b..");
}

static void ways_out_are_refused(void **state)
{
    (void)state;
    refuses("auroraview://localhost/..");
    refuses("auroraview://localhost/../etc/passwd");
    refuses("auroraview://localhost/a/../../etc/passwd");
    refuses("auroraview://localhost/a/../b");
    refuses("auroraview://localhost/%2e%2e/etc/passwd");
    refuses("auroraview://localhost/%2E./etc/passwd");
    refuses("auroraview://localhost/..%2fetc/passwd");
    refuses("auroraview://localhost/a%2f..%2f..%2fetc");
    refuses("auroraview://../etc/passwd");
    refuses("auroraview://%2e%2e/etc/passwd");
    refuses("auroraview://localhost/..\\etc");
    refuses("auroraview://localhost/..%5cetc");
    refuses("auroraview://localhost/a%00.html");
    refuses("auroraview://localhost/a%zz");
    refuses("auroraview://localhost/a%4");
    refuses("auroraview://localhost/a%");
    refuses("auroraview://user@localhost/a");
    refuses("auroraview://localhost:80/a");
    refuses("file:///etc/passwd");
    refuses("auroraview:/localhost/a");
}

static void kinds_name_the_folder_or_nothing(void **state)
{
    (void)state;
    names("auroraview://localhost/type:local/a/b.js", "a/b.js");
    names("auroraview://localhost/type:local", "");
    names("auroraview://localhost/%74ype:local/a", "a");
    names("auroraview://localhost/a/type:file/b", "a/type:file/b");
    refuses("auroraview://localhost/type:file/etc/passwd");
    refuses("auroraview://localhost/type:locality/a");
    refuses("auroraview://localhost/type:local/../a");
}

static void long_paths_are_too_large(void **state)
{
    char url[3 * AUVI_ASSET_PATH_MAX], path[AUVI_ASSET_PATH_MAX];

    (void)state;
    memset(url, 'a', sizeof(url));
    memcpy(url, "auroraview://localhost/", 23);
    url[sizeof(url) - 1] = 0;
    assert_int_equal(auvi_asset_path(url, path), AUV_ERR_TOO_LARGE);
    for (size_t i = 23; i < sizeof(url) - 1; i++)
        url[i] = i % 2 ? '/' : 'a';
    assert_int_equal(auvi_asset_path(url, path), AUV_ERR_TOO_LARGE);
    url[23 + AUVI_ASSET_PATH_MAX - 8] = 0;
    assert_int_equal(auvi_asset_path(url, path), AUV_OK);
}

/* ---- files --------------------------------------------------------------- */

static char folder[] = "/tmp/auroraview-test-XXXXXX";
static char root[64];

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void make_folder(const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void make_link(const char *name, const char *target)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(symlink(target, path), 0);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(root, sizeof(root), "%s/root", folder);
    make_folder("root");
    make_folder("root/sub");
    make_folder("root/empty");
    make_folder("rootless");
    write_file("secret.txt", "secret");
    write_file("rootless/secret.txt", "secret");
    write_file("root/index.html", "<p>index");
    write_file("root/a.js", "0");
    write_file("root/sub/index.html", "<p>sub index");
    make_link("root/inside.js", "sub/../a.js");
    make_link("root/outside.txt", "../secret.txt");
    make_link("root/absolute.txt", "/etc/passwd");
    make_link("root/up", "..");
    make_link("root/sibling", "../rootless");
    make_link("root/loop", "loop");

    char path[256];

    snprintf(path, sizeof(path), "%s/pipe", root);
    assert_int_equal(mkfifo(path, 0644), 0);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command);
}

static void opens(const char *path, const char *text, const char *index)
{
    struct auvi_asset asset;
    char content[64] = "";

    assert_int_equal(auvi_asset_open(root, path, &asset), AUV_OK);
    assert_true(read(asset.fd, content, sizeof(content) - 1) >= 0);
    assert_string_equal(content, text);
    assert_int_equal(asset.size, strlen(text));
    if (index)
        assert_string_equal(asset.name, index);
    else
        assert_null(asset.name);
    close(asset.fd);
}

static void fails(const char *path, int error)
{
    struct auvi_asset asset;

    assert_int_equal(auvi_asset_open(root, path, &asset), error);
}

static void files_and_indexes_open(void **state)
{
    (void)state;
    opens("a.js", "0", NULL);
    opens("", "<p>index", "index.html");
    opens("sub", "<p>sub index", "index.html");
    opens("inside.js", "0", NULL);
}

static void nothing_outside_opens(void **state)
{
    (void)state;
    fails("outside.txt", AUV_ERR_ARG);
    fails("absolute.txt", AUV_ERR_ARG);
    fails("up/secret.txt", AUV_ERR_ARG);
    fails("sibling/secret.txt", AUV_ERR_ARG);
    fails("../secret.txt", AUV_ERR_ARG);
    fails("loop", AUV_ERR_ARG);
}

static void what_is_no_file_is_missing(void **state)
{
    (void)state;
    fails("nothing.js", AUV_ERR_LOAD);
    fails("empty", AUV_ERR_LOAD);
    fails("a.js/x", AUV_ERR_LOAD);
    fails("pipe", AUV_ERR_LOAD);
}

static void devices_are_never_opened(void **state)
{
    struct auvi_asset asset;

    (void)state;
    assert_int_equal(auvi_asset_open("/dev", "null", &asset), AUV_ERR_LOAD);
    assert_int_equal(auvi_asset_open("/dev", "full", &asset), AUV_ERR_LOAD);
    assert_int_equal(auvi_asset_open("/proc/self", "fd/0", &asset),
                     AUV_ERR_ARG);
}

static void remove_swapped(void)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/link", root);
    unlink(path);
    snprintf(path, sizeof(path), "%s/swapped/secret.txt", root);
    unlink(path);
    snprintf(path, sizeof(path), "%s/swapped", root);
    assert_int_equal(rmdir(path), 0);
}

/* Somebody swaps a folder for a link to another one, as fast as it goes. */
static void *swap(void *user)
{
    char dir[256], spare[256], link[256];

    snprintf(dir, sizeof(dir), "%s/swapped", root);
    snprintf(spare, sizeof(spare), "%s/spare", root);
    snprintf(link, sizeof(link), "%s/link", root);
    while (!atomic_load((atomic_bool *)user)) {
        rename(dir, spare);
        rename(link, dir);
        rename(dir, link);
        rename(spare, dir);
    }
    return NULL;
}

static void a_swapped_folder_gives_nothing_away(void **state)
{
    atomic_bool stop = false;
    unsigned opened = 0, refused = 0;
    pthread_t thread;

    (void)state;
    make_folder("root/swapped");
    write_file("root/swapped/secret.txt", "inside");
    make_link("root/link", "../rootless");
    assert_int_equal(pthread_create(&thread, NULL, swap, &stop), 0);
    /* Until both have been met often; a lookup takes microseconds. */
    while (opened < 200 || refused < 200) {
        struct auvi_asset asset;
        char content[16] = "";
        int result = auvi_asset_open(root, "swapped/secret.txt", &asset);

        if (result != AUV_OK) {
            refused += result == AUV_ERR_ARG;
            continue;
        }
        opened++;
        assert_true(read(asset.fd, content, sizeof(content) - 1) >= 0);
        close(asset.fd);
        if (strcmp(content, "inside") != 0) {
            atomic_store(&stop, true);
            pthread_join(thread, NULL);
            fail_msg("read '%s' from outside", content);
        }
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    remove_swapped();
}

/* Last of the tests with files: there is no way back from it. */
static void the_same_without_openat2(void **state)
{
    struct sock_filter instructions[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, instructions};

    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
    files_and_indexes_open(state);
    nothing_outside_opens(state);
    what_is_no_file_is_missing(state);
    devices_are_never_opened(state);
    a_swapped_folder_gives_nothing_away(state);
}

static void types_go_by_extension(void **state)
{
    (void)state;
    assert_string_equal(auvi_asset_type("x.MJS"),
                        "text/javascript; charset=utf-8");
    assert_string_equal(auvi_asset_type("a.b/x.wasm"), "application/wasm");
    assert_string_equal(auvi_asset_type("m.glb"), "model/gltf-binary");
    assert_null(auvi_asset_type("a.js/noext"));
    assert_null(auvi_asset_type("x.unknown"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_is_host_and_path),
        cmocka_unit_test(query_and_fragment_do_not_count),
        cmocka_unit_test(escapes_are_decoded_once),
        cmocka_unit_test(empty_and_dot_parts_vanish),
        cmocka_unit_test(ways_out_are_refused),
        cmocka_unit_test(kinds_name_the_folder_or_nothing),
        cmocka_unit_test(long_paths_are_too_large),
        cmocka_unit_test(files_and_indexes_open),
        cmocka_unit_test(nothing_outside_opens),
        cmocka_unit_test(what_is_no_file_is_missing),
        cmocka_unit_test(devices_are_never_opened),
        cmocka_unit_test(a_swapped_folder_gives_nothing_away),
        cmocka_unit_test(types_go_by_extension),
        cmocka_unit_test(the_same_without_openat2),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
