/* What a view costs the application: no web engine's library, and little
 * memory. */
#include "harness.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* KiB of memory that is this process's own share. */
static long own_memory(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    char line[200];
    long kib = -1;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "Pss: %ld kB", &kib) == 1)
            break;
    fclose(file);
    assert_true(kib > 0);
    return kib;
}

static void the_application_stays_lean(void **state)
{
    FILE *maps;
    char line[4200];
    struct host host;
    regex_t unwanted;
    long before, after;

    (void)state;
    before = own_memory();
    host_open(&host);
    check_value(&host, "document.title", "\"page\"");
    after = own_memory();
    print_message("a view costs its application %ld KiB\n", after - before);
    assert_true(after - before <= 3 * 1024);

    assert_int_equal(
        regcomp(&unwanted,
                "lib(gtk|gdk|glib|gobject|gio|webkit|javascriptcore|X11|xcb)",
                REG_EXTENDED | REG_ICASE | REG_NOSUB),
        0);
    maps = fopen("/proc/self/maps", "re");
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps))
        if (regexec(&unwanted, line, 0, NULL, 0) == 0)
            fail_msg("mapped: %s", line);
    fclose(maps);
    regfree(&unwanted);
    host_close(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_application_stays_lean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
