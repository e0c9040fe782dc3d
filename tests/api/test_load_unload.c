/* The library is loaded, used and unloaded twice in one process, and leaves
 * nothing: no thread, no descriptor, no mapping. */
#include "auroraview/auroraview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int count_entries(const char *path)
{
    DIR *folder = opendir(path);
    int count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static bool is_mapped(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[4200];
    bool found = false;

    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps))
        found |= strstr(line, "libauroraview") != NULL;
    fclose(maps);
    return found;
}

static void *find(void *library, const char *name)
{
    void *symbol = dlsym(library, name);

    if (!symbol)
        fail_msg("%s: %s", name, dlerror());
    return symbol;
}

static void use(void *library)
{
    int (*app_create)(const auv_app_options *, auv_app **);
    int (*view_create)(auv_app *, const auv_view_options *, auv_view **);
    int (*eval_wait)(auv_view *, const char *, size_t, int64_t, auv_message **);
    const char *(*json)(const auv_message *, size_t *);
    int (*process)(auv_app *);
    void (*message_unref)(auv_message *);
    void (*view_unref)(auv_view *);
    void (*app_destroy)(auv_app *);
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_message *message;
    auv_view *view;
    auv_app *app;

    *(void **)&app_create = find(library, "auv_app_create");
    *(void **)&view_create = find(library, "auv_view_create");
    *(void **)&eval_wait = find(library, "auv_view_eval_wait");
    *(void **)&json = find(library, "auv_message_json");
    *(void **)&process = find(library, "auv_app_process");
    *(void **)&message_unref = find(library, "auv_message_unref");
    *(void **)&view_unref = find(library, "auv_view_unref");
    *(void **)&app_destroy = find(library, "auv_app_destroy");

    options.engine = "null";
    assert_int_equal(app_create(&options, &app), AUV_OK);
    assert_int_equal(view_create(app, NULL, &view), AUV_OK);
    assert_int_equal(
        eval_wait(view, "[1]", AUV_NUL_TERMINATED, 20000, &message), AUV_OK);
    assert_string_equal(json(message, NULL), "[1]");
    message_unref(message);
    assert_true(process(app) >= 0);
    view_unref(view);
    app_destroy(app);
}

static void *nothing(void *user)
{
    return user;
}

static void loads_and_unloads_twice(void **state)
{
    const char *path = getenv("AUV_TEST_LIBRARY");
    int descriptors, threads;
    pthread_t first;

    (void)state;
    /* With the first thread of a process ThreadSanitizer starts its own. */
    assert_int_equal(pthread_create(&first, NULL, nothing, NULL), 0);
    pthread_join(first, NULL);
    descriptors = count_entries("/proc/self/fd");
    threads = count_entries("/proc/self/task");
    assert_non_null(path);
    for (int i = 0; i < 2; i++) {
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

        if (!library)
            fail_msg("%s", dlerror());
        assert_true(is_mapped());
        use(library);
        assert_int_equal(dlclose(library), 0);
        assert_false(is_mapped());
        assert_int_equal(count_entries("/proc/self/fd"), descriptors);
        assert_int_equal(count_entries("/proc/self/task"), threads);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_and_unloads_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
