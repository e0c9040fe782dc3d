/*
 * page_host.h - engine and host of a page in one test process: it gives the
 * page its link, as the engine does, and speaks frames over the other end, as
 * the library does.
 */
#ifndef PAGE_HOST_H
#define PAGE_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "wire/link.h"
#include <gtk/gtk.h>
#include <webkit2/webkit2.h>

#define DEADLINE_S 20
#define GRANTED "auroraview://localhost"

/* A received frame that outlives the next receive. */
struct message {
    struct auvi_frame frame;
    char *name;
    char *payload;
    GBytes *parts[AUV_MAX_PARTS];
};

struct host {
    GtkWidget *window;
    WebKitWebView *view;
    struct auvi_link *link;
    guint watch;
    uint32_t link_generation;
    bool hold_link; /* answer link-wanted only when told */
    bool link_wanted;
    uint64_t linked_page;
    int end; /* what auvi_link_receive() ended with, or 0 */
    GQueue messages;
    uint64_t next_eval;
    uint32_t generation; /* of the last HELLO */
};

extern bool timed_out;
gboolean on_deadline(gpointer user);

#define wait_until(condition)                                     \
    do {                                                          \
        guint deadline_ =                                         \
            g_timeout_add_seconds(DEADLINE_S, on_deadline, NULL); \
        timed_out = false;                                        \
        while (!(condition) && !timed_out)                        \
            g_main_context_iteration(NULL, TRUE);                 \
        if (timed_out)                                            \
            fail_msg("not in %d s: %s", DEADLINE_S, #condition);  \
        g_source_remove(deadline_);                               \
    } while (0)

/* GTK and a context with the extension. -1 without a display. */
int start_hosts(int *argc, char ***argv);

void message_free(struct message *message);
void watch_link(struct host *host);
void unwatch_link(struct host *host);
/* Do as the engine does: a new link for the page. */
void give_link(struct host *host);
void send_frame(struct host *host, const struct auvi_frame *frame);
void flush_link(struct host *host);
void send_text(struct host *host, enum auvi_frame_kind kind, uint64_t id,
               const char *name, const char *payload);
/* The oldest message of that kind (and id, unless 0), taken out; NULL. */
struct message *take(struct host *host, int kind, uint64_t id);
/* The same, waited for. */
struct message *await(struct host *host, int kind, uint64_t id);
/* Run a script as the host does; its RESULT. */
struct message *eval(struct host *host, const char *script);
void load(struct host *host, const char *uri);
/* Set-up and teardown of a test: a window with a view, nothing loaded. */
int open_host(void **state);
int open_host_held(void **state);
int close_host(void **state);
/* Load a page, wait for its HELLO and until all of it is loaded. */
uint32_t open_page(struct host *host, const char *uri, bool granted);

#define assert_eval(host, script, json)                \
    do {                                               \
        struct message *message_ = eval(host, script); \
        assert_string_equal(message_->payload, json);  \
        message_free(message_);                        \
    } while (0)

/* Tests of other files than test_bridge.c. */
void test_unreadable_neighbours(void **state);
void test_text_of_any_length(void **state);

#endif /* PAGE_HOST_H */
