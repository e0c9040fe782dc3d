/* The ring of grants and denials: bounded, counted, complete. */
#include "core/core.h"

#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"

struct seen {
    unsigned count;
    uint64_t first, last, repeats;
    char what[200], frame[80], origin[300], why[200];
    bool granted;
    uint32_t view;
};

static void see(const auv_audit_entry *entry, void *user)
{
    struct seen *seen = user;

    if (!seen->count++)
        seen->first = entry->number;
    seen->last = entry->number;
    seen->repeats = entry->count;
    seen->granted = entry->granted;
    seen->view = entry->view;
    assert_true(entry->time_ms > 1600000000000);
    snprintf(seen->what, sizeof(seen->what), "%s", entry->what);
    snprintf(seen->frame, sizeof(seen->frame), "%s", entry->frame);
    snprintf(seen->origin, sizeof(seen->origin), "%s", entry->origin);
    snprintf(seen->why, sizeof(seen->why), "%s", entry->why);
}

static auv_app *open_app(void)
{
    auv_app_options options = AUV_APP_OPTIONS_INIT;
    auv_app *app;

    options.engine = "null";
    assert_int_equal(auv_app_create(&options, &app), AUV_OK);
    return app;
}

static void an_entry_says_everything(void **state)
{
    auv_app *app = open_app();
    struct seen seen = {0};

    (void)state;
    assert_int_equal(auv_app_audit(app, 0, see, &seen), 0);
    auvi_audit_add(&app->audit, false, 7, "viewer", "http://a", "call x", 6,
                   "why");
    assert_int_equal(auv_app_audit(app, 0, see, &seen), 1);
    assert_string_equal(seen.what, "call x");
    assert_string_equal(seen.frame, "viewer");
    assert_string_equal(seen.origin, "http://a");
    assert_string_equal(seen.why, "why");
    assert_int_equal(seen.view, 7);
    assert_false(seen.granted);
    assert_int_equal(auv_app_audit(app, seen.last, see, &seen), 0);
    auv_app_destroy(app);
}

static void repeats_take_no_place(void **state)
{
    auv_audit_counts counts = {.size = sizeof(counts)};
    auv_app *app = open_app();
    struct seen seen = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        auvi_audit_add(&app->audit, false, 1, NULL, "o", "w", 1, NULL);
    auvi_audit_add(&app->audit, true, 1, NULL, "o", "w", 1, NULL);
    assert_int_equal(auv_app_audit(app, 0, see, &seen), 2);
    assert_true(seen.granted);
    assert_int_equal(auv_app_audit_counts(app, &counts), AUV_OK);
    assert_int_equal(counts.denied, 1000);
    assert_int_equal(counts.granted, 1);
    assert_int_equal(counts.lost, 0);
    auv_app_destroy(app);
}

static void the_ring_is_bounded_and_counts_what_it_loses(void **state)
{
    auv_audit_counts counts = {.size = sizeof(counts)};
    auv_app *app = open_app();
    struct seen seen = {0};
    char what[32];

    (void)state;
    for (int i = 0; i < 300; i++) {
        int length = snprintf(what, sizeof(what), "call %d", i);

        auvi_audit_add(&app->audit, false, 1, NULL, "o", what, (size_t)length,
                       NULL);
    }
    assert_int_equal(auv_app_audit(app, 0, see, &seen), 256);
    assert_int_equal(seen.first, 45);
    assert_int_equal(seen.last, 300);
    assert_string_equal(seen.what, "call 299");
    auv_app_audit_counts(app, &counts);
    assert_int_equal(counts.lost, 44);
    auv_app_destroy(app);
}

static void texts_are_cut_and_harmless(void **state)
{
    char text[2000];
    auv_app *app = open_app();
    struct seen seen = {0};

    (void)state;
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[sizeof(text) - 2] = '\0';
    auvi_audit_add(&app->audit, false, 1, text, text, text, strlen(text), text);
    auv_app_audit(app, 0, see, &seen);
    assert_int_equal(strlen(seen.what) % 2, 0);
    assert_true(strlen(seen.what) > 100 && strlen(seen.frame) > 50);
    auvi_audit_add(&app->audit, false, 1, NULL, "a\nb", "x\0\x1b[2Jy", 7, NULL);
    auv_app_audit(app, 0, see, &seen);
    assert_string_equal(seen.what, "x??[2Jy");
    assert_string_equal(seen.origin, "a?b");
    auv_app_destroy(app);
}

static void broken_use_is_refused(void **state)
{
    auv_audit_counts counts = {0};
    auv_app *app = open_app();

    (void)state;
    assert_int_equal(auv_app_audit(NULL, 0, see, NULL), AUV_ERR_ARG);
    assert_int_equal(auv_app_audit(app, 0, NULL, NULL), AUV_ERR_ARG);
    assert_int_equal(auv_app_audit_counts(app, &counts), AUV_ERR_ARG);
    assert_int_equal(auv_app_audit_counts(NULL, NULL), AUV_ERR_ARG);
    auv_app_destroy(app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_says_everything),
        cmocka_unit_test(repeats_take_no_place),
        cmocka_unit_test(the_ring_is_bounded_and_counts_what_it_loses),
        cmocka_unit_test(texts_are_cut_and_harmless),
        cmocka_unit_test(broken_use_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
