/* The table of handlers while it is changed from inside of them. */
#include "core/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

/* On the consumer's thread every operation takes effect at once, so a view and
 * a processor that is "running" are all that the table needs. */
static auv_app *app;
static auv_view *view;
static char heard[200];
static int freed;

static int set_up(void **state)
{
    (void)state;
    app = calloc(1, sizeof(*app));
    view = calloc(1, sizeof(*view));
    assert_non_null(app);
    assert_non_null(view);
    atomic_init(&app->processor.owner, auvi_thread_self());
    atomic_init(&view->refs, 1);
    auvi_lifecycle_init_active(&view->lifecycle);
    view->app = app;
    view->handlers = auvi_handlers_create();
    assert_non_null(view->handlers);
    heard[0] = '\0';
    freed = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    auvi_handlers_free(view);
    auv_view_unref(view);
    free(app);
    return 0;
}

static void on_free(void *user)
{
    (void)user;
    freed++;
}

static void hears(auv_view *of, const auv_message *message, void *user)
{
    (void)of;
    (void)message;
    strcat(heard, user);
}

static void emit(const char *name)
{
    struct auv_message *message;

    assert_int_equal(auvi_message_create(name, AUV_NUL_TERMINATED, NULL, 0,
                                         NULL, 0, &message),
                     AUV_OK);
    auvi_handlers_event(view, message);
    auv_message_unref(message);
}

static int on(const char *name, auv_message_fn fn, void *user)
{
    int listener =
        auv_view_on(view, name, AUV_NUL_TERMINATED, fn, user, on_free);

    assert_true(listener > 0);
    return listener;
}

static void listeners_hear_in_order(void **state)
{
    (void)state;
    on("a", hears, "1");
    on("b", hears, "b");
    on("a", hears, "2");
    on("", hears, "*");
    emit("a");
    assert_string_equal(heard, "12");
    emit("c");
    assert_string_equal(heard, "12*");
    emit("b");
    assert_string_equal(heard, "12*b");
}

/* Names of one bucket are told apart: there are more of them than buckets. */
static void many_names_are_told_apart(void **state)
{
    static char letters[300][8];

    (void)state;
    for (int i = 0; i < 300; i++) {
        snprintf(letters[i], sizeof(letters[i]), "n%d", i);
        on(letters[i], hears, letters[i]);
    }
    for (int i = 0; i < 300; i++) {
        heard[0] = '\0';
        emit(letters[i]);
        assert_string_equal(heard, letters[i]);
    }
}

static int second;

static void removes_second(auv_view *of, const auv_message *message, void *user)
{
    hears(of, message, user);
    assert_int_equal(auv_view_off(of, second), AUV_OK);
    assert_int_equal(auv_view_off(of, second), AUV_OK);
    assert_int_equal(freed, 0);
}

static void off_in_a_handler_takes_effect_at_once(void **state)
{
    (void)state;
    on("a", removes_second, "1");
    second = on("a", hears, "2");
    on("a", hears, "3");
    emit("a");
    assert_string_equal(heard, "13");
    assert_int_equal(freed, 1);
}

static void adds(auv_view *of, const auv_message *message, void *user)
{
    hears(of, message, user);
    on("a", hears, "n");
}

static void one_that_is_added_hears_the_next_event(void **state)
{
    (void)state;
    on("a", adds, "1");
    emit("a");
    assert_string_equal(heard, "1");
    emit("a");
    assert_string_equal(heard, "11n");
}

static void removes_itself_and_emits(auv_view *of, const auv_message *message,
                                     void *user)
{
    hears(of, message, user);
    auv_view_off(of, second);
    emit("b"); /* nested: nothing that still runs may be freed by its end */
    assert_int_equal(freed, 0);
}

static void nothing_is_freed_under_its_feet(void **state)
{
    (void)state;
    second = on("a", removes_itself_and_emits, "1");
    on("b", hears, "b");
    emit("a");
    assert_string_equal(heard, "1b");
    assert_int_equal(freed, 1);
}

static int third;

static void changes_the_table(void *user)
{
    (void)user;
    freed++;
    auv_view_off(view, third);
    auv_view_on(view, "z", 1, hears, "z", NULL);
}

static void a_finalizer_may_change_the_table(void **state)
{
    int listener;

    (void)state;
    listener = auv_view_on(view, "a", 1, hears, "1", changes_the_table);
    third = on("a", hears, "3");
    auv_view_off(view, listener);
    emit("a");
    assert_string_equal(heard, "");
    emit("z");
    assert_string_equal(heard, "z");
    auv_view_on(view, "q", 1, hears, "q", NULL);
    assert_int_equal(freed, 2);
}

static void observe(auv_view *of, const auv_event *event, void *user)
{
    (void)of;
    snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard), "%s%d ",
             (const char *)user, (int)event->kind);
}

static void a_late_observer_catches_up(void **state)
{
    auv_event event = {
        .size = sizeof(event), .kind = AUV_EVENT_LOADED, .text = ""};

    (void)state;
    auv_view_observe(view, observe, "a", NULL);
    assert_string_equal(heard, "");
    view->told_active = true;
    auv_view_observe(view, observe, "b", NULL);
    assert_string_equal(heard, "b1 ");
    atomic_store(&view->native, 77);
    auv_view_observe(view, observe, "c", NULL);
    assert_string_equal(heard, "b1 c1 c22 ");
    auvi_handlers_observe(view, &event);
    assert_string_equal(heard, "b1 c1 c22 a6 b6 c6 ");
}

static void everything_is_freed_at_the_end(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        on(i % 2 ? "a" : "b", hears, "x");
    auvi_handlers_free(view);
    assert_int_equal(freed, 10);
    emit("a");
    assert_string_equal(heard, "");
    on("a", hears, "x"); /* a table that has ended frees what still comes */
    assert_int_equal(freed, 11);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(listeners_hear_in_order),
        TEST(many_names_are_told_apart),
        TEST(off_in_a_handler_takes_effect_at_once),
        TEST(one_that_is_added_hears_the_next_event),
        TEST(nothing_is_freed_under_its_feet),
        TEST(a_finalizer_may_change_the_table),
        TEST(a_late_observer_catches_up),
        TEST(everything_is_freed_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
