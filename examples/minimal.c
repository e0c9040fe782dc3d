/* minimal.c - a window with a page that calls C, and C that hears the page.
 *
 *     cc minimal.c $(pkg-config --cflags --libs auroraview) -o minimal
 */
#include <auroraview/auroraview.h>

#include <stdio.h>

static const char page[] =
    "<!doctype html><meta charset=utf-8><title>Minimal</title>"
    "<h1>Hello from a page</h1><p id=answer>waiting</p><script>"
    "auroraview.call('greet', {name: 'page'}).then(answer => {"
    "  document.getElementById('answer').textContent = answer;"
    "  auroraview.emit('said', answer);"
    "});</script>";

/* Runs inside auv_app_run(), on this thread: the page called greet(). */
static void greet(auv_view *view, auv_call *call, void *user)
{
    (void)view;
    (void)user;
    printf("greet was called with %s\n",
           auv_message_json(auv_call_message(call), NULL));
    auv_call_reply(call, "\"Hello from C\"", AUV_NUL_TERMINATED, NULL, 0);
}

static void said(auv_view *view, const auv_message *message, void *user)
{
    printf("the page said %s\n", auv_message_json(message, NULL));
    fflush(stdout);
    if (user) /* "once": close after the first event */
        auv_view_request_close(view, AUV_CLOSE_APP);
}

int main(int argc, char **argv)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;
    auv_app *app;
    auv_view *view;

    options.title = "Minimal";
    options.html = page;
    if (auv_app_create(NULL, &app) < 0 ||
        auv_view_create(app, &options, &view) < 0) {
        fprintf(stderr, "%s\n", auv_last_error_message());
        return 1;
    }
    auv_view_bind(view, "greet", AUV_NUL_TERMINATED, greet, NULL, NULL);
    auv_view_on(view, "said", AUV_NUL_TERMINATED, said,
                argc > 1 ? argv[1] : NULL, NULL);
    auv_app_run(app); /* until the window is closed */
    auv_view_unref(view);
    auv_app_destroy(app);
    return 0;
}
