/* test_content.c - how files of the asset folder reach a page: whole, in parts,
 * with which headers, and which page may have them. */
#include "desk.h"

#include "base/base.h"

#include <libsoup/soup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_bytes(const char *name, const void *bytes, size_t size)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_file(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

static uint32_t open_content(const char *csp)
{
    auv_view_options options = AUV_VIEW_OPTIONS_INIT;

    options.asset_root = folder;
    options.csp = csp;
    return open_view(&options);
}

/* What a script in a page of ours comes to; `script` is the body of an async
 * function that has the helpers below. */
static void says(uint32_t view, const char *script, const char *expected)
{
    static const char head[] =
        "<script>"
        "const url = 'auroraview://localhost/';"
        "const get = (name, range, method) => fetch(url + name, {method,"
        " headers: range ? {Range: range} : {}});"
        "const show = async r => [r.status, r.headers.get('content-range'),"
        " r.headers.get('content-length'), await r.text()].join('|');"
        "const run = async () => {";
    static const char tail[] =
        "};"
        "run().then(x => document.title = x, e => document.title = 'E ' + e);"
        "</script>";
    char page[4096];

    assert_true(snprintf(page, sizeof(page), "%s%s%s", head, script, tail) <
                (int)sizeof(page));
    forget();
    show_html(view, page);
    expect(view, AUV_EVENT_TITLE, expected);
}

static void parts_of_a_file(void **state)
{
    uint32_t view = open_content(NULL);

    (void)state;
    says(view, "return show(await get('ten.txt'));", "200||10|0123456789");
    says(view, "return show(await get('ten.txt', 'bytes=2-4'));",
         "206|bytes 2-4/10|3|234");
    says(view, "return show(await get('ten.txt', 'bytes=-3'));",
         "206|bytes 7-9/10|3|789");
    says(view, "return show(await get('ten.txt', 'bytes=8-'));",
         "206|bytes 8-9/10|2|89");
    says(view, "return show(await get('ten.txt', 'bytes=10-'));",
         "416|bytes */10|0|");
    says(view, "return show(await get('ten.txt', 'bytes=0-1,4-5'));",
         "200||10|0123456789");
    says(view, "return show(await get('empty.txt'));", "200||0|");
    says(view,
         "const r = await get('ten.txt');"
         "return r.headers.get('accept-ranges');",
         "bytes");
    close_view(view);
}

static void head_has_no_body(void **state)
{
    uint32_t view = open_content(NULL);

    (void)state;
    says(view, "return show(await get('ten.txt', '', 'HEAD'));", "200||10|");
    says(view, "return show(await get('ten.txt', 'bytes=1-2', 'HEAD'));",
         "206|bytes 1-2/10|2|");
    says(view, "return show(await get('none.txt', '', 'HEAD'));", NULL);
    says(view,
         "const r = await get('none.txt', '', 'HEAD');"
         "return r.status + (await r.text());",
         "404");
    close_view(view);
}

static void other_methods_are_refused(void **state)
{
    uint32_t view = open_content(NULL);

    (void)state;
    says(view, "return (await get('ten.txt', '', 'POST')).status;", "405");
    says(view, "return (await get('ten.txt', '', 'DELETE')).status;", "405");
    close_view(view);
}

static void types_are_exact(void **state)
{
    uint32_t view = open_content(NULL);
    static const char *const types[][2] = {
        {"a.js", "text/javascript; charset=utf-8"},
        {"a.mjs", "text/javascript; charset=utf-8"},
        {"a.wasm", "application/wasm"},
        {"a.css", "text/css; charset=utf-8"},
        {"a.json", "application/json; charset=utf-8"},
        {"a.svg", "image/svg+xml"},
        {"a.png", "image/png"},
        {"a.webp", "image/webp"},
        {"a.woff2", "font/woff2"},
        {"a.mp4", "video/mp4"},
        {"a.webm", "video/webm"},
        {"a.ogg", "audio/ogg"},
        {"a.wav", "audio/wav"},
        {"a.mp3", "audio/mpeg"},
        {"a.csv", "text/csv; charset=utf-8"},
        {"a.pdf", "application/pdf"},
        {"a.glb", "model/gltf-binary"},
        {"a.nobody-knows", "application/octet-stream"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char script[128];

        write_file(types[i][0], "x");
        snprintf(script, sizeof(script),
                 "const r = await get('%s');"
                 "return r.headers.get('content-type');",
                 types[i][0]);
        says(view, script, types[i][1]);
    }
    says(view,
         "const r = await get('ten.txt');"
         "return r.headers.get('x-content-type-options');",
         "nosniff");
    close_view(view);
}

static void a_module_of_a_wrong_type_does_not_run(void **state)
{
    uint32_t view = open_content(NULL);

    (void)state;
    write_file("text.txt", "export default 1");
    write_file("good.mjs", "export default 'ran'");
    says(view, "return (await import(url + 'good.mjs')).default;", "ran");
    says(view,
         "return import(url + 'text.txt').then(() => 'ran',"
         " e => e.name);",
         "TypeError");
    close_view(view);
}

/* As much as would be seen in the engine's memory. */
#define BIG ((size_t)96 * 1024 * 1024)

static size_t peak_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[128];
    size_t peak = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "VmHWM: %zu", &peak) == 1)
            break;
    fclose(file);
    return peak;
}

static void a_big_file_streams(void **state)
{
    uint32_t view = open_content(NULL);
    char path[128];
    size_t before;

    (void)state;
    snprintf(path, sizeof(path), "%s/big.bin", folder);
    write_file("big.bin", "");
    assert_int_equal(truncate(path, (off_t)BIG), 0);
    says(view, "return show(await get('ten.txt', 'bytes=0-0'));", NULL);
    before = peak_kib();
    says(view,
         "const r = (await get('big.bin')).body.getReader();"
         "let n = 0;"
         "for (;;) { const {done, value} = await r.read();"
         " if (done) return 'got ' + n; n += value.length; }",
         "got 100663296");
    /* The engine runs in this process: a body read whole would be here. */
    assert_true(peak_kib() - before < BIG / 1024 / 2);
    /* A page that gives up ends the reading; the rest of the view goes on. */
    says(view,
         "const c = new AbortController();"
         "const r = (await fetch(url + 'big.bin', {signal: c.signal}))"
         ".body.getReader();"
         "await r.read(); c.abort();"
         "const end = await r.read().then(() => 'more', e => e.name);"
         "return end + ' ' + (await show(await get('ten.txt')));",
         "AbortError 200||10|0123456789");
    unlink(path);
    close_view(view);
}

static void the_default_policy_holds_for_files(void **state)
{
    uint32_t view = open_content(NULL);

    (void)state;
    write_file("strict.html",
               "<title>x</title><script src=listen.js></script>"
               "<script>document.title = 'inline ran'"
               "</script><body onload=\"document.title = 'handler ran'\">"
               "<script src=strict.js></script>");
    write_file("listen.js",
               "const blocked = [];"
               "document.addEventListener('securitypolicyviolation',"
               " e => blocked.push(e.effectiveDirective));");
    write_file("strict.js",
               "const no = f => { try { f(); return ''; } catch (e) {"
               " return e.name; } };"
               "(async () => {"
               " const evil = no(() => eval('1'));"
               " await fetch('http://127.0.0.1:9/').catch(() => 0);"
               " const i = new Image(); i.src = 'http://127.0.0.1:9/i.png';"
               " const o = document.createElement('object');"
               " o.data = 'x.swf'; document.body.append(o);"
               " const own = await (await fetch('ten.txt')).text();"
               " const style = document.createElement('style');"
               " style.textContent = 'body { color: rgb(1, 2, 3) }';"
               " document.head.append(style);"
               " const wait = async () => { while (new Set(blocked).size < 6)"
               "  await new Promise(r => setTimeout(r, 5)); };"
               " await wait();"
               " document.title = [evil, own,"
               "  getComputedStyle(document.body).color,"
               "  ...new Set(blocked.sort())].join(' ');"
               "})();");
    forget();
    assert_int_equal(
        impl->navigate(engine, view, 0, "auroraview://localhost/strict.html"),
        AUV_OK);
    expect(view, AUV_EVENT_TITLE,
           "EvalError 0123456789 rgb(1, 2, 3) connect-src img-src "
           "object-src script-src script-src-attr script-src-elem");
    close_view(view);
}

static void the_policy_can_be_replaced(void **state)
{
    static const char *const policies[] = {"", "script-src 'unsafe-inline'"};

    (void)state;
    write_file("inline.html",
               "<script>document.title = 'inline ran'</script>"
               "<script>let e = 'no eval'; try { e = eval('\"eval\"') }"
               " catch { } document.title += ', ' + e</script>");
    for (int i = 0; i < 2; i++) {
        uint32_t view = open_content(policies[i]);

        forget();
        impl->navigate(engine, view, 0, "auroraview://localhost/inline.html");
        expect(view, AUV_EVENT_TITLE,
               i ? "inline ran, no eval" : "inline ran, eval");
        /* One that is asked for holds for text too. */
        says(view,
             "let e = 'no eval'; try { e = eval('\"eval\"') } catch { }"
             "return e;",
             i ? "no eval" : "eval");
        close_view(view);
    }
}

static void errors_are_pages_that_say_why(void **state)
{
    uint32_t view = open_content(NULL);

    (void)state;
    says(view,
         "const r = await get('none<b>.html');"
         "return [r.status, /no such file/.test(await r.clone().text()),"
         " /<b>/.test(await r.text())].join();",
         "404,true,false");
    says(view,
         "const r = await get('type:file/etc/passwd');"
         "return [r.status, /out of the asset/.test(await r.text())].join();",
         "403,true");
    says(view, "return show(await get('type:local/ten.txt'));",
         "200||10|0123456789");
    close_view(view);
}

/* Serves one page to whoever asks, from this process. */
static void on_remote_request(SoupServer *server, SoupServerMessage *message,
                              const char *path, GHashTable *query,
                              gpointer user)
{
    const char *page = user;

    (void)server;
    (void)path;
    (void)query;
    soup_server_message_set_status(message, 200, NULL);
    soup_server_message_set_response(message, "text/html", SOUP_MEMORY_STATIC,
                                     page, strlen(page));
}

static void foreign_pages_get_nothing(void **state)
{
    static const char page[] =
        "<script>(async () => {"
        " const tag = (name, attribute) => new Promise(done => {"
        "  const e = document.createElement(name);"
        "  e.onload = () => done(name + ' loaded');"
        "  e.onerror = () => done(name + ' refused');"
        "  e[attribute] = 'auroraview://localhost/'"
        "   + (name === 'img' ? 'dot.svg' : 'good.js');"
        "  document.documentElement.append(e); });"
        " const direct = await fetch('auroraview://localhost/ten.txt')"
        "  .then(r => 'read ' + r.status, () => 'fetch refused');"
        " document.title = [await tag('img', 'src'),"
        "  await tag('script', 'src'), direct, window.leak].join(', ');"
        "})()</script>";
    SoupServer *server = soup_server_new(NULL, NULL);
    uint32_t view = open_content(NULL);
    GSList *uris;
    char *url;

    (void)state;
    write_file("dot.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>");
    write_file("good.js", "window.leak = 'leaked'");
    soup_server_add_handler(server, NULL, on_remote_request, (gpointer)page,
                            NULL);
    assert_true(soup_server_listen_local(server, 0,
                                         SOUP_SERVER_LISTEN_IPV4_ONLY, NULL));
    uris = soup_server_get_uris(server);
    url = g_uri_to_string(uris->data);
    forget();
    impl->navigate(engine, view, 0, url);
    expect(view, AUV_EVENT_TITLE,
           "img refused, script refused, fetch refused,");

    /* A page from there that is granted is the application's own. */
    char *origin = g_strndup(url, strlen(url) - 1);
    const char *const grants[] = {origin};

    impl->set_grants(engine, view, grants, 1);
    forget();
    impl->navigate(engine, view, 0, url);
    expect(view, AUV_EVENT_TITLE,
           "img loaded, script loaded, fetch refused, leaked");
    g_free(origin);
    g_free(url);
    g_slist_free_full(uris, (GDestroyNotify)g_uri_unref);
    g_object_unref(server);
    close_view(view);
}

static int set_up(void **state)
{
    struct auvi_engine_config config = {.sink = {.on_event = on_event}};

    (void)state;
    assert_non_null(mkdtemp(folder));
    write_file("ten.txt", "0123456789");
    write_file("empty.txt", "");
    setenv("AURORAVIEW_PAGE_DIR", folder, 1);
    if (impl->create(&config, &engine) < 0) {
        fprintf(stderr, "%s\n", auv_last_error_message());
        return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    impl->destroy(engine);
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_a_file),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(other_methods_are_refused),
        cmocka_unit_test(types_are_exact),
        cmocka_unit_test(a_module_of_a_wrong_type_does_not_run),
        cmocka_unit_test(a_big_file_streams),
        cmocka_unit_test(the_default_policy_holds_for_files),
        cmocka_unit_test(the_policy_can_be_replaced),
        cmocka_unit_test(errors_are_pages_that_say_why),
        cmocka_unit_test(foreign_pages_get_nothing),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
