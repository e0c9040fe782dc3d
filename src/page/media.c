#include "page/media.h"

#include "base/base.h"
#include "page/media_src.h"

#include <string.h>

#define VARIABLE "WEBKIT_GST_ALLOWED_URI_PROTOCOLS"

static WebKitWebExtension *extension;
static gint known; /* 1: GStreamer knows the element */
static unsigned times_known;
/* Ends with NULL. An element's class keeps the list that it was made known
 * with, so an old one is never freed; there are as many as schemes. */
static char **schemes;
/* A frame of somebody else runs scripts in the present page. WebKit would let
 * it read what our element plays: it knows the origin of its own sources only. */
static bool foreign_frame;

const char *const *auvi_media_schemes(void)
{
    return (const char *const *)schemes;
}

bool auvi_media_is_refused(void)
{
    return foreign_frame;
}

WebKitWebExtension *auvi_media_extension(void)
{
    return extension;
}

/* ---- making it known ------------------------------------------------------ */

static void make_known(void)
{
    char name[32];

    /* Another name for another list of schemes: GStreamer copies it once. */
    g_snprintf(name, sizeof(name), "auroraviewsrc%u", times_known++);
    if (!auvi_media_src_register(name))
        auvi_log(AUV_LOG_WARNING, "page: no media from own schemes");
}

/* Called as GLib prepares any class's interface, on the thread that makes the
 * first object of it. A player's first one comes when GStreamer has started and
 * before the player gets its address. */
static void on_interface(gpointer user, gpointer interface)
{
    const char *type =
        g_type_name(((GTypeInterface *)interface)->g_instance_type);

    (void)user;
    if (g_str_has_prefix(type, "GstPlayBin") &&
        g_atomic_int_compare_and_exchange(&known, 0, 1))
        make_known();
}

void auvi_media_set_schemes(const char *const *list)
{
    char *joined;

    schemes = g_strdupv((char **)list);
    joined = g_strjoinv(",", schemes);
    /* WebKit looks at it anew for each player, on this thread. */
    g_setenv(VARIABLE, joined, TRUE);
    g_free(joined);
    if (g_atomic_int_get(&known))
        make_known();
}

/* ---- which page ----------------------------------------------------------- */

static bool is_own(const char *url)
{
    static const char *const always[] = {"about", "file"};
    char *scheme = url && *url ? g_uri_parse_scheme(url) : NULL;
    bool own = !url || !*url;

    for (size_t i = 0; scheme && i < G_N_ELEMENTS(always); i++)
        own |= strcmp(scheme, always[i]) == 0;
    own |= scheme && g_strv_contains((const char *const *)schemes, scheme);
    g_free(scheme);
    return own;
}

static void on_window_object_cleared(WebKitScriptWorld *world,
                                     WebKitWebPage *web, WebKitFrame *frame,
                                     gpointer user)
{
    (void)world;
    (void)web;
    (void)user;
    /* The engine knows about the page itself, and its grants. */
    if (webkit_frame_is_main_frame(frame))
        foreign_frame = false;
    else if (!is_own(webkit_frame_get_uri(frame)))
        foreign_frame = true;
}

/* ---- start ---------------------------------------------------------------- */

static void take_schemes(WebKitUserMessage *message)
{
    GVariant *list = webkit_user_message_get_parameters(message);

    if (!list || !g_variant_is_of_type(list, G_VARIANT_TYPE_STRING_ARRAY))
        return;

    const char **names = g_variant_get_strv(list, NULL);

    auvi_media_set_schemes(names);
    g_free(names);
}

static void on_schemes(GObject *object, GAsyncResult *result, gpointer user)
{
    WebKitUserMessage *answer =
        webkit_web_extension_send_message_to_context_finish(
            WEBKIT_WEB_EXTENSION(object), result, NULL);

    (void)user;
    if (!answer)
        return;
    take_schemes(answer);
    g_object_unref(answer);
}

static void on_message(WebKitWebExtension *from, WebKitUserMessage *message,
                       gpointer user)
{
    (void)from;
    (void)user;
    if (!strcmp(webkit_user_message_get_name(message), "auroraview:schemes"))
        take_schemes(message);
}

void auvi_media_init(WebKitWebExtension *of)
{
    static const char *const first[] = {"auroraview", NULL};

    extension = of;
    auvi_media_set_schemes(first);
    g_type_add_interface_check(NULL, on_interface);
    g_signal_connect(webkit_script_world_get_default(), "window-object-cleared",
                     G_CALLBACK(on_window_object_cleared), NULL);
    g_signal_connect(of, "user-message-received", G_CALLBACK(on_message), NULL);
    webkit_web_extension_send_message_to_context(
        of, webkit_user_message_new("auroraview:schemes?", NULL), NULL,
        on_schemes, NULL);
}
