#include "engine/webkitgtk/webkitgtk_priv.h"

#include "base/base.h"

#include <fcntl.h>
#include <gdk/gdkx.h>
#include <glob.h>
#include <unistd.h>

/* A render node that this user may open. Without one everything is drawn on
 * the CPU. */
static bool have_gpu(void)
{
    glob_t nodes;
    bool found = false;

    if (glob("/dev/dri/renderD*", 0, NULL, &nodes) == 0) {
        for (size_t i = 0; i < nodes.gl_pathc && !found; i++)
            found = access(nodes.gl_pathv[i], R_OK | W_OK) == 0;
        globfree(&nodes);
    }
    return found;
}

/* GTK's accessibility bridge asks the session bus, and where there is none it
 * waits for one that does not come. */
static bool have_session_bus(void)
{
    if (g_getenv("DBUS_SESSION_BUS_ADDRESS"))
        return true;
    char *path = g_build_filename(g_get_user_runtime_dir(), "bus", NULL);
    bool found = access(path, F_OK) == 0;

    g_free(path);
    return found;
}

int auvi_wk_display_open(struct auvi_wk_engine *engine)
{
    const char *display = g_getenv("DISPLAY");
    const char *wayland = g_getenv("WAYLAND_DISPLAY");

    /* No effect on anybody else: this is the engine's own process, and no
     * other thread runs in it yet. */
    if (!have_session_bus())
        g_setenv("NO_AT_BRIDGE", "1", TRUE);
    g_setenv("GIO_USE_VFS", "local", FALSE);
    engine->software = !have_gpu();
    if (engine->software) {
        /* Buffers are handed over as shared memory instead of through a GPU
         * that is not there; this is also what helps where a driver shows
         * blank windows. */
        g_setenv("WEBKIT_DISABLE_DMABUF_RENDERER", "1", FALSE);
    }

    /* Only X11 lets a window live in another program's window. */
    if (display && *display)
        gdk_set_allowed_backends("x11");
    if (!gtk_init_check(NULL, NULL)) {
        if ((!display || !*display) && (!wayland || !*wayland))
            return auvi_fail(AUV_ERR_NO_DISPLAY,
                             "no display: neither DISPLAY nor WAYLAND_DISPLAY "
                             "is set; set DISPLAY, or start one with Xvfb");
        return auvi_fail(AUV_ERR_NO_DISPLAY,
                         "cannot open display '%s': set DISPLAY, or start one "
                         "with Xvfb",
                         display && *display ? display : wayland);
    }
    engine->x11 = GDK_IS_X11_DISPLAY(gdk_display_get_default());
    return AUV_OK;
}
