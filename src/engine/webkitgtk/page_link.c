/*
 * page_link.c - what this process and the extension in the page process say to
 * each other. It is little: page data goes host <-> page directly, over the
 * link that is handed through here.
 *
 *     start-up data       (uasb) view, grants (lines of base/grant.h), remote
 *     page -> here        auroraview:link-wanted
 *     here -> page        auroraview:link    u   generation, the descriptor, and
 *                                             one that hangs up with us
 *     here -> page        auroraview:settled u   number of a navigation
 *     here -> processes   auroraview:grants  as  grants, from now on
 *
 * A view has one page process at a time, but not always the same: it may crash,
 * and going to another site starts a new one. Each asks for its own link when it
 * creates its page. WebKit loses what a process says while its page is only
 * provisional (its load is not committed), and sends our messages to the old
 * process until then; so a page that shows up with a new number at the commit
 * is taken to have asked.
 */
#include "engine/webkitgtk/webkitgtk_priv.h"

#include "base/base.h"

#include <gio/gunixfdlist.h>
#include <string.h>

#define PAGE_MODULE "auroraview-page.so"

/* Folder of the extension: beside the running program, or where the build puts
 * it. NULL if it is in neither. */
char *auvi_wk_page_dir(void)
{
    static const char *const places[] = {".", "../../src/page"};
    const char *chosen = g_getenv("AURORAVIEW_PAGE_DIR");
    char *program, *folder, *found = NULL;

    if (chosen && *chosen)
        return g_strdup(chosen);
    program = g_file_read_link("/proc/self/exe", NULL);
    if (!program)
        return NULL;
    folder = g_path_get_dirname(program);
    for (size_t i = 0; !found && i < G_N_ELEMENTS(places); i++) {
        char *module = g_build_filename(folder, places[i], PAGE_MODULE, NULL);

        if (g_file_test(module, G_FILE_TEST_IS_REGULAR))
            found = g_path_get_dirname(module);
        g_free(module);
    }
    g_free(folder);
    g_free(program);
    return found;
}

static const char *const no_grants[] = {NULL};

static const char *const *grants_of(const struct auvi_wk_view *view)
{
    return view->grants ? (const char *const *)view->grants : no_grants;
}

static void on_initialize(WebKitWebContext *context, gpointer user)
{
    struct auvi_wk_view *view = user;

    webkit_web_context_set_web_extensions_directory(context,
                                                    view->engine->page_dir);
    webkit_web_context_set_web_extensions_initialization_user_data(
        context,
        g_variant_new("(u^asb)", view->id, grants_of(view), view->remote));
}

static void want_link(struct auvi_wk_view *view)
{
    uint64_t page = webkit_web_view_get_page_id(view->web);

    if (page == view->linked_page)
        return;
    view->linked_page = page;
    view->link_due = true;

    struct auvi_engine_event wanted = {
        .kind = AUVI_ENGINE_LINK_WANTED,
        .view = view->id,
        .generation = ++view->generation,
    };

    auvi_engine_on_event(&view->engine->base, &wanted);
}

static gboolean on_message(WebKitWebView *web, WebKitUserMessage *message,
                           gpointer user)
{
    struct auvi_wk_view *view = user;

    (void)web;
    if (strcmp(webkit_user_message_get_name(message),
               "auroraview:link-wanted") != 0)
        return FALSE;
    if (view->behind)
        view->link_put_off = true;
    else
        want_link(view);
    return TRUE;
}

void auvi_wk_link_committed(struct auvi_wk_view *view)
{
    /* Without an extension nobody wants a link: the first page says whether
     * there is one. */
    if (view->linked_page || view->link_put_off)
        want_link(view);
    view->link_put_off = false;
}

void auvi_wk_link_setup(struct auvi_wk_view *view)
{
    g_signal_connect(view->context, "initialize-web-extensions",
                     G_CALLBACK(on_initialize), view);
    g_signal_connect(view->web, "user-message-received", G_CALLBACK(on_message),
                     view);
}

void auvi_wk_link_page_lost(struct auvi_wk_view *view)
{
    view->link_due = view->link_put_off = false;
    view->linked_page = 0;
}

void auvi_wk_tell_settled(struct auvi_wk_view *view, uint32_t navigation)
{
    webkit_web_view_send_message_to_page(
        view->web,
        webkit_user_message_new("auroraview:settled",
                                g_variant_new_uint32(navigation)),
        NULL, NULL, NULL);
}

int auvi_wk_set_grants(struct auvi_wk_view *view, const char *const *origins,
                       size_t count)
{
    char **copy = g_new0(char *, count + 1);

    for (size_t i = 0; i < count; i++) {
        /* They become strings of a GVariant, which must be UTF-8. */
        if (!g_utf8_validate(origins[i], -1, NULL)) {
            g_strfreev(copy);
            return AUV_ERR_ARG;
        }
        copy[i] = g_strdup(origins[i]);
    }
    g_strfreev(view->grants);
    view->grants = copy;
    /* To every process of this view: WebKit keeps some that have no page yet,
     * or no more, and uses them later. One that starts from now on gets the
     * list as start-up data. */
    webkit_web_context_send_message_to_all_extensions(
        view->context,
        webkit_user_message_new("auroraview:grants",
                                g_variant_new_strv(grants_of(view), -1)));
    return AUV_OK;
}

int auvi_wk_attach_link(struct auvi_wk_view *view, uint32_t generation, int fd)
{
    if (!view->link_due || generation != view->generation) {
        /* That process is gone, or has asked again. */
        auvi_fd_close(fd);
        return AUV_OK;
    }
    view->link_due = false;

    GUnixFDList *list = g_unix_fd_list_new_from_array(&fd, 1);

    if (view->engine->life[0] >= 0)
        g_unix_fd_list_append(list, view->engine->life[0], NULL);
    webkit_web_view_send_message_to_page(
        view->web,
        webkit_user_message_new_with_fd_list(
            "auroraview:link", g_variant_new_uint32(generation), list),
        NULL, NULL, NULL);
    g_object_unref(list);
    return AUV_OK;
}
