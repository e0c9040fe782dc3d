/*
 * media.c - what the page process opens for audio and video (page/media.h says
 * how): an open file or a stream goes there as a descriptor, and the page's
 * player reads it without us.
 */
#include "engine/webkitgtk/scheme.h"

#include "base/base.h"
#include "engine/webkitgtk/asset.h"

#include <gio/gunixfdlist.h>
#include <string.h>

void auvi_wk_media_reply(WebKitUserMessage *message,
                         const struct auvi_wk_media *media)
{
    GVariant *values =
        g_variant_new("(ixxxb)", media->status, media->at, media->size,
                      media->offset, media->is_file);
    GUnixFDList *list = NULL;
    WebKitUserMessage *reply;
    int fd = media->fd;

    if (fd >= 0)
        list = g_unix_fd_list_new_from_array(&fd, 1); /* takes it */
    reply = list ? webkit_user_message_new_with_fd_list("auroraview:media",
                                                        values, list)
                 : webkit_user_message_new("auroraview:media", values);
    webkit_user_message_send_reply(message, reply);
    g_clear_object(&list);
}

static void refuse(WebKitUserMessage *message, int status)
{
    auvi_wk_media_reply(message, &(struct auvi_wk_media){
                                     .status = status, .size = -1, .fd = -1});
}

/* ---- files of the asset folder -------------------------------------------- */

struct lookup {
    char *root;
    char path[AUVI_ASSET_PATH_MAX];
    struct auvi_asset asset;
    int result;
};

static void lookup_free(gpointer data)
{
    struct lookup *lookup = data;

    g_free(lookup->root);
    g_free(lookup);
}

static void look_up(GTask *task, gpointer source, gpointer data,
                    GCancellable *cancellable)
{
    struct lookup *lookup = data;

    (void)source;
    (void)cancellable;
    lookup->result =
        auvi_asset_open(lookup->root, lookup->path, &lookup->asset);
    g_task_return_boolean(task, TRUE);
}

static void on_looked_up(GObject *source, GAsyncResult *result, gpointer user)
{
    WebKitUserMessage *message = WEBKIT_USER_MESSAGE(source);
    struct lookup *lookup = g_task_get_task_data(G_TASK(result));

    (void)user;
    if (lookup->result != AUV_OK) {
        refuse(message, lookup->result == AUV_ERR_LOAD ? 404 : 403);
        return;
    }
    auvi_wk_media_reply(
        message, &(struct auvi_wk_media){.status = 200,
                                         .size = (int64_t)lookup->asset.size,
                                         .is_file = true,
                                         .fd = lookup->asset.fd});
}

static void open_asset(struct auvi_wk_view *view, WebKitUserMessage *message,
                       const char *url)
{
    struct lookup *lookup = g_new0(struct lookup, 1);
    int result =
        view->asset_root ? auvi_asset_path(url, lookup->path) : AUV_ERR_LOAD;
    GTask *task;

    if (result != AUV_OK) {
        lookup_free(lookup);
        refuse(message, result == AUV_ERR_LOAD ? 404 : 403);
        return;
    }
    lookup->root = g_strdup(view->asset_root);
    task = g_task_new(message, NULL, on_looked_up, NULL);
    g_task_set_task_data(task, lookup, lookup_free);
    g_task_run_in_thread(task, look_up);
    g_object_unref(task);
}

/* ---- messages of the page process ----------------------------------------- */

static void open_media(struct auvi_wk_view *view, WebKitUserMessage *message)
{
    GVariant *value = webkit_user_message_get_parameters(message);
    const char *url;
    gint64 at;

    if (!value || !g_variant_is_of_type(value, G_VARIANT_TYPE("(sx)"))) {
        refuse(message, 400);
        return;
    }
    g_variant_get(value, "(&sx)", &url, &at);
    if (view->foreign_page || at < 0)
        refuse(message, 403);
    else if (g_ascii_strncasecmp(url, "auroraview:", 11) == 0)
        open_asset(view, message, url);
    else if (!auvi_wk_fetch_media(view, message, url, at))
        refuse(message, 404);
}

static GVariant *schemes_of(const struct auvi_wk_view *view)
{
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE_STRING_ARRAY);
    g_variant_builder_add(&list, "s", "auroraview");
    for (guint i = 0; view->schemes && i < view->schemes->len; i++) {
        const struct auvi_wk_scheme *scheme = view->schemes->pdata[i];

        g_variant_builder_add(&list, "s", scheme->name);
    }
    return g_variant_builder_end(&list);
}

static gboolean on_message(WebKitWebContext *context,
                           WebKitUserMessage *message, gpointer user)
{
    const char *name = webkit_user_message_get_name(message);
    struct auvi_wk_view *view = user;

    (void)context;
    if (strcmp(name, "auroraview:media") == 0) {
        open_media(view, message);
        return TRUE;
    }
    if (strcmp(name, "auroraview:schemes?") == 0) {
        webkit_user_message_send_reply(
            message,
            webkit_user_message_new("auroraview:schemes", schemes_of(view)));
        return TRUE;
    }
    return FALSE;
}

void auvi_wk_media_schemes(struct auvi_wk_view *view)
{
    webkit_web_context_send_message_to_all_extensions(
        view->context,
        webkit_user_message_new("auroraview:schemes", schemes_of(view)));
}

void auvi_wk_media_setup(struct auvi_wk_view *view)
{
    g_signal_connect(view->context, "user-message-received",
                     G_CALLBACK(on_message), view);
}
