"""Who reaches native code in the real engine, case by case.

Each case is a page that tries, under a label. What happened is what the page
itself says: "none" (there is no window.auroraview), "called", or the error.
"""

import concurrent.futures

import pytest
from auroraview import errors

pytestmark = [pytest.mark.display, pytest.mark.usefixtures("webkit_engine")]

CALLED, NONE, DENIED = "called", "none", "PermissionDenied"


def quoted(text):
    return text.replace("&", "&amp;").replace('"', "&quot;")


# Children of a page that is granted itself: label -> html around the attempt.
def children(site, other):
    script = "<script>" + site.probe("%s") + "</script>"

    def inside(label):
        return script % label

    far = site.url("/probe?case=", host="localhost")
    return {
        "same-origin iframe": f'<iframe src="/probe?case=same-origin iframe"></iframe>',
        "cross-origin iframe, other host": f'<iframe src="{far}cross-origin iframe, other host"></iframe>',
        "cross-origin iframe, other port": f'<iframe src="{other.url("/framed")}"></iframe>',
        "srcdoc": f'<iframe srcdoc="{quoted(inside("srcdoc"))}"></iframe>',
        "sandboxed srcdoc": '<iframe sandbox="allow-scripts" '
        f'srcdoc="{quoted(inside("sandboxed srcdoc"))}"></iframe>',
        "sandboxed srcdoc with its origin": '<iframe sandbox="allow-scripts allow-same-origin" '
        f'srcdoc="{quoted(inside("sandboxed srcdoc with its origin"))}"></iframe>',
        "sandboxed same-origin iframe": '<iframe sandbox="allow-scripts" '
        'src="/probe?case=sandboxed same-origin iframe"></iframe>',
        "data: child": f'<iframe src="data:text/html,{quoted(inside("data: child")).replace("#", "%23")}"></iframe>',
        "blob: child": "<script>const f = document.createElement('iframe');"
        "f.src = URL.createObjectURL(new Blob([" + repr(inside("blob: child")).replace("</", "<\\/")
        + "], {type: 'text/html'})); document.documentElement.append(f)</script>",
        "about:blank child": "<iframe id=blank></iframe><script>"
        f"document.getElementById('blank').contentWindow.eval({site.probe('about:blank child')!r})</script>",
        "javascript: child": f'<iframe src="javascript:{quoted(site.probe("javascript: child"))};void 0"></iframe>',
        "document.write child": "<iframe id=written></iframe><script>"
        "const d = document.getElementById('written').contentDocument; d.open();"
        "d.write(" + repr(inside("document.write child")).replace("</", "<\\/") + "); d.close()</script>",
        "object element": '<object data="/probe?case=object element" type="text/html"></object>',
        "worker": "<script>new Worker(URL.createObjectURL(new Blob([`postMessage(typeof auroraview)`])))"
        ".onmessage = m => { " + site.probe("worker").replace("typeof auroraview", "m.data") + " }</script>",
    }


CHILDREN = [
    "same-origin iframe",
    "cross-origin iframe, other host",
    "cross-origin iframe, other port",
    "srcdoc",
    "sandboxed srcdoc",
    "sandboxed srcdoc with its origin",
    "sandboxed same-origin iframe",
    "data: child",
    "blob: child",
    "about:blank child",
    "javascript: child",
    "document.write child",
    "object element",
    "worker",
]


def test_every_child_of_a_granted_page_is_refused(web_pump, views, site, other):
    cases = children(site, other)
    assert list(cases) == CHILDREN
    other.pages["/framed"] = "<!doctype html><script>" + site.probe(
        "cross-origin iframe, other port") + "</script>"
    site.pages["/"] = site.page("top frame") + "".join(cases.values())
    view = views(url=site.url())
    try:
        web_pump.until(lambda: len(site.reports) == len(cases) + 1)
    except AssertionError:
        pass  # what is missing is told below
    assert site.reports == {"top frame": CALLED, **dict.fromkeys(CHILDREN, NONE)}
    assert view.calls == ["who"]
    # And every frame that has a window of its own is in the audit.
    denied = [entry for entry in view.audit() if not entry.granted and entry.what == "bridge"]
    assert all(entry.frame for entry in denied)
    assert len({entry.origin for entry in denied}) >= 4, denied


# label -> (the page's address, what is granted, outcome); {A} is the port.
ADDRESSES = {
    "top frame": ("http://127.0.0.1:{A}/", "http://127.0.0.1:{A}", CALLED),
    "another name of the same host": ("http://localhost:{A}/", "http://127.0.0.1:{A}", NONE),
    "another port": ("http://127.0.0.1:{A}/", "http://127.0.0.1:1", NONE),
    "no port": ("http://127.0.0.1:{A}/", "http://127.0.0.1", NONE),
    "another scheme": ("http://127.0.0.1:{A}/", "https://127.0.0.1:{A}", NONE),
    "upper case": ("HTTP://LOCALHOST:{A}/", "http://localhost:{A}", CALLED),
    "trailing dot": ("http://localhost.:{A}/", "http://localhost:{A}", NONE),
    "IDN": ("http://bücher.localhost:{A}/", "http://xn--bcher-kva.localhost:{A}", CALLED),
    "IDN that looks alike": ("http://lоcalhost.localhost:{A}/", "http://localhost.localhost:{A}", NONE),
    "subdomain": ("http://a.localhost:{A}/", "http://localhost:{A}", NONE),
    "escaped host": ("http://%6cocalhost:{A}/", "http://localhost:{A}", CALLED),
    "escaped dot in front of a host": ("http://127.0.0.1%2elocalhost:{A}/", "http://127.0.0.1:{A}", NONE),
    "user name that looks like a host": ("http://localhost@127.0.0.1:{A}/", "http://localhost:{A}", NONE),
    "decimal address": ("http://2130706433:{A}/", "http://127.0.0.1:{A}", CALLED),
    "short address": ("http://127.1:{A}/", "http://127.0.0.1:{A}", CALLED),
    "mapped address": ("http://[::ffff:127.0.0.1]:{A}/", "http://127.0.0.1:{A}", NONE),
}


@pytest.mark.parametrize("label", ADDRESSES)
def test_an_address_is_granted_exactly(web_pump, views, site, label):
    address, origin, outcome = (
        part.replace("{A}", str(site.port)) for part in ADDRESSES[label]
    )
    # Without a page first: what the application itself loads from this machine
    # would be granted by that.
    site.pages["/"] = site.page(label)
    site.pages["/go"] = f"<script>location = {address!r}</script>"
    view = views()
    view.deny_origin(site.origin())
    view.allow_origin(origin)
    view.load_url(site.url("/go"))
    web_pump.until(lambda: label in site.reports, f"the page of {address}")
    assert site.reports[label] == outcome
    assert bool(view.calls) == (outcome == CALLED)


def test_user_names_in_an_address(web_pump, views, site):
    """Refused as odd, though the origin of such a page has no user name."""
    site.pages["/"] = site.page("user name")
    view = views()
    view.allow_origin(site.origin())
    view.load_url(f"http://user:secret@127.0.0.1:{site.port}/")
    web_pump.until(lambda: "user name" in site.reports)
    assert site.reports["user name"] == NONE
    assert view.calls == []
    with pytest.raises(errors.InvalidArgument):
        view.allow_origin("http://user@127.0.0.1")


def test_ipv6(web_pump, views, ipv6_site):
    site = ipv6_site
    site.pages["/"] = lambda query: site.page(query["case"])
    views(url=site.url("/?case=short"))
    views(url=f"http://[0:0:0:0:0:0:0:1]:{site.port}/?case=long, not a loopback by name")
    long = views()
    long.allow_origin(site.origin())
    long.load_url(f"http://[0:0:0:0:0:0:0:1]:{site.port}/?case=long, granted")
    web_pump.until(lambda: len(site.reports) == 3, "three pages")
    assert site.reports == {
        "short": CALLED,
        "long, not a loopback by name": NONE,
        "long, granted": CALLED,
    }


@pytest.mark.parametrize(
    "origin",
    [
        "http://bücher.localhost",
        "http://LOCALHOST",
        "http://localhost.",
        "http://localhost:80",
        "http://localhost/",
        "http://user@localhost",
        "http://local%68ost",
        "localhost",
        "about:blank",
        "data:text/html,x",
        "blob:http://localhost/1",
        "*",
        "http://*",
        "",
    ],
)
def test_what_is_no_origin_cannot_be_granted(views, origin):
    view = views()
    with pytest.raises(errors.InvalidArgument):
        view.allow_origin(origin)


def test_a_redirect_is_where_it_leads(web_pump, views, site):
    other = site.origin("localhost")

    def to(url):
        return (302, {"Location": url}, "")

    site.pages["/out"] = to(site.url("/hop", host="localhost"))
    site.pages["/hop"] = to(site.url("/probe?case=redirected out", host="localhost"))
    site.pages["/there-and-back"] = to(f"{other}/back")
    site.pages["/back"] = to(site.url("/probe?case=redirected back"))
    views(url=site.url("/out"))
    views(url=site.url("/there-and-back"))
    web_pump.until(lambda: len(site.reports) == 2)
    assert site.reports == {"redirected out": NONE, "redirected back": CALLED}


def test_popup_and_opener(web_pump, views, site):
    site.pages["/"] = "<script>" + site.probe("opener") + """
        const made = [window.open('/probe?case=popup'), window.open('about:blank')];
        new Image().src = '/report?case=windows&result=' + made.filter(w => w).length;
        </script><a id=link target=_blank href='/probe?case=link'>x</a>
        <script>document.getElementById('link').click()</script>"""
    view = views(url=site.url())
    web_pump.until(lambda: len(site.reports) == 2)
    web_pump.until(lambda: any(entry.what == "window" for entry in view.audit()), "the audit")
    assert site.reports == {"opener": CALLED, "windows": "0"}
    assert not any("popup" in path or "case=link" in path for path in site.requests[1:] if "/probe" in path)


def test_document_domain_grants_nothing(web_pump, views, site):
    site.pages["/"] = "<script>try { document.domain = 'a.localhost' } catch (e) {}" + site.probe(
        "document.domain") + "</script>"
    view = views()
    view.allow_origin(site.origin("a.localhost"))
    view.deny_origin(site.origin())
    site.pages["/go"] = f"<script>location = {site.url('/', host='x.a.localhost')!r}</script>"
    view.load_url(site.url("/go"))
    web_pump.until(lambda: site.reports)
    assert site.reports == {"document.domain": NONE}
    assert view.calls == []


def test_history_and_page_cache(web_pump, views, site):
    """Back is a new document: granted or refused anew, never one that slept."""
    site.pages["/"] = lambda query: site.page(
        f"first, visit {sum('/?visit' in path or path == '/' for path in site.requests)}",
        "<script>onpageshow = e => { new Image().src = '/report?case=shown ' + Math.random() + '&result=' + e.persisted }</script>",
    )
    far = site.url("/probe?case=other origin", host="localhost")
    view = views(url=site.url())
    web_pump.until(lambda: "first, visit 1" in site.reports)
    view.eval_js(f"location = {far!r}")
    web_pump.until(lambda: "other origin" in site.reports)
    view.eval_js("history.back()")
    web_pump.until(lambda: sum(key.startswith("shown") for key in site.reports) == 2)
    web_pump.until(lambda: len(view.calls) == 2)
    shown = [value for key, value in site.reports.items() if key.startswith("shown")]
    assert shown == ["false", "false"]
    assert site.reports["other origin"] == NONE
    site.reports.pop("other origin")
    view.eval_js("history.forward()")
    web_pump.until(lambda: "other origin" in site.reports)
    assert site.reports["other origin"] == NONE
    assert len(view.calls) == 2


def test_service_worker_has_no_bridge(web_pump, views, site):
    """None is there in a page whose storage ends with the application; a worker
    that a page could have would have no window."""
    site.pages["/worker.js"] = (200, {"Content-Type": "text/javascript"},
                                "onmessage = e => e.source.postMessage(typeof auroraview)")
    site.pages["/"] = """<script>
        const say = r => { new Image().src = '/report?case=service worker&result=' + r };
        if (!navigator.serviceWorker) say('undefined');
        else {
            navigator.serviceWorker.onmessage = e => say(e.data);
            navigator.serviceWorker.register('/worker.js')
                .then(() => navigator.serviceWorker.ready)
                .then(r => r.active.postMessage(1)).catch(() => say('undefined'));
        }</script>"""
    views(url=site.url())
    web_pump.until(lambda: site.reports, "the worker")
    assert site.reports == {"service worker": "undefined"}


def test_a_document_with_a_sandbox_of_its_own(web_pump, views, site):
    site.pages["/"] = (200, {"Content-Type": "text/html",
                             "Content-Security-Policy": "sandbox allow-scripts"},
                       site.page("sandboxed by a header"))
    view = views(url=site.url())
    web_pump.until(lambda: site.reports)
    assert site.reports == {"sandboxed by a header": NONE}
    assert view.calls == []


def test_top_documents_without_an_origin_of_their_own(web_pump, views, site):
    site.pages["/"] = "<script>location = URL.createObjectURL(new Blob([" + repr(
        site.page("blob: in the place of the page")).replace("</", "<\\/") + "], {type: 'text/html'}))</script>"
    view = views(url=site.url())
    web_pump.until(lambda: site.reports)
    assert site.reports == {"blob: in the place of the page": NONE}
    assert view.calls == []


# -- grants of frames, methods and events ------------------------------------------


def framed(site, label, url, name):
    return f'<iframe name="{name}" src="{url}"></iframe>'


def test_a_frame_is_granted_by_name_and_origin(web_pump, views, site, other):
    other.pages["/"] = lambda query: "<script>" + site.probe(query["case"]) + "</script>"
    site.pages["/"] = site.page("top") + "".join(
        f'<iframe name="{name}" src="{url}"></iframe>'
        for name, url in [
            ("viewer", other.url("/?case=its origin and name")),
            ("stranger", other.url("/?case=its origin, another name")),
            ("viewer", site.url("/probe?case=its name, another origin")),
        ]
    )
    view = views()
    view.allow_origin(other.origin(), methods=["who"], frames=["viewer"], top=False)
    view.load_url(site.url())
    web_pump.until(lambda: len(site.reports) == 4)
    assert site.reports == {
        "top": CALLED,
        "its origin and name": CALLED,
        "its origin, another name": NONE,
        "its name, another origin": NONE,
    }
    assert view.calls == ["who", "who"]
    granted = [entry for entry in view.audit() if entry.granted and entry.frame]
    assert [(entry.frame, entry.origin) for entry in granted] == [("viewer", other.origin())]


def test_a_frame_is_not_granted_inside_a_page_that_is_not(web_pump, views, site, other):
    other.pages["/"] = "<script>" + site.probe("frame") + "</script>"
    site.pages["/"] = site.page("top") + f'<iframe src="{other.url()}"></iframe>'
    view = views()
    view.allow_origin(other.origin(), frames=["*"])
    view.deny_origin(site.origin())
    view.load_url(site.url())
    web_pump.until(lambda: len(site.reports) == 2)
    assert site.reports == {"top": NONE, "frame": NONE}
    assert view.calls == []


def test_a_frame_that_goes_elsewhere_leaves_its_grant(web_pump, views, site, other):
    other.pages["/"] = "<script>" + site.probe("before") + f"""
        setTimeout(() => location = {site.url('/probe?case=after', host='localhost')!r}, 300)</script>"""
    site.pages["/"] = f'<iframe src="{other.url()}"></iframe>'
    view = views()
    view.allow_origin(other.origin(), frames=["*"], top=False)
    view.load_url(site.url())
    web_pump.until(lambda: len(site.reports) == 2)
    assert site.reports == {"before": CALLED, "after": NONE}
    # One that is removed is gone for the host as well: its calls are refused.
    assert view.eval_js_sync("document.querySelector('iframe').remove()") is None


def test_methods_and_events_by_pattern(web_pump, views, site):
    site.pages["/"] = """<script>
        const seen = [];
        for (const name of ['scene.moved', 'secret.moved'])
            auroraview.on(name, () => seen.push(name));
        async function attempt(name) {
            try { return await auroraview.call(name) } catch (e) { return [e.name, e.code] }
        }</script>"""
    view = views()
    heard = []
    for name in ("assets.list", "secret.read"):
        view.bind_call(name, lambda name=name: name)
    view.on("scene.picked", heard.append)
    view.on("secret.picked", heard.append)
    view.allow_origin(site.origin(), methods=["assets.*"], events=["scene.*"])
    view.load_url(site.url())
    assert web_pump.value(view, "attempt('assets.list')") == "assets.list"
    assert web_pump.value(view, "attempt('secret.read')") == [DENIED, errors.PermissionDenied.code]
    view.emit("secret.moved", {})
    view.emit("scene.moved", {})
    assert web_pump.value(
        view, "auroraview.emit('secret.picked', 1), auroraview.emit('scene.picked', 2), attempt('assets.x')"
    )[0] == "MethodNotFound"
    web_pump.until(lambda: heard)
    assert heard == [2]
    assert web_pump.value(view, "seen") == ["scene.moved"]
    why = {entry.what: entry.why for entry in view.audit() if not entry.granted}
    assert why["call secret.read"] == why["event secret.picked"] == "the name is not in the grant"


def test_a_grant_is_taken_back_at_once(web_pump, views, site):
    site.pages["/"] = site.page("page")
    view = views(url=site.url())
    web_pump.until(lambda: site.reports)
    assert site.reports == {"page": CALLED}
    view.deny_origin(site.origin())
    error = web_pump.value(view, "auroraview.call('who').catch(e => e.name)")
    assert error == DENIED
    view.reload()
    assert web_pump.value(view, "typeof auroraview") == "undefined"
    view.allow_origin(site.origin())
    view.reload()
    assert web_pump.value(view, "auroraview.call('who')") == "host"


# -- what belongs to one document stays with it -------------------------------------


def test_an_answer_after_navigation_never_reaches_the_new_page(web_pump, views, site):
    site.pages["/"] = "<script>window.settled = []; auroraview.call('later').then(v => settled.push(v), e => settled.push(e.name))</script>"
    site.pages["/next"] = """<script>
        window.seen = [];
        const parse = JSON.parse;
        JSON.parse = function (text) { seen.push(String(text)); return parse.apply(this, arguments) };
        window.settled = [];
        auroraview.call('later2').then(v => settled.push(v), e => settled.push(e.name));
        </script>"""
    view = views()
    waiting = []

    def later():
        waiting.append(concurrent.futures.Future())
        return waiting[-1]

    view.bind_call("later", later)
    view.bind_call("later2", later)
    view.load_url(site.url())
    web_pump.until(lambda: len(waiting) == 1)
    view.load_url(site.url("/next"))
    web_pump.until(lambda: len(waiting) == 2)
    waiting[0].set_result("the secret of the first page")
    assert web_pump.value(view, "settled") == []
    waiting[1].set_result("for the second")
    web_pump.until(lambda: web_pump.value(view, "settled.length") == 1)
    assert web_pump.value(view, "settled") == ["for the second"]
    assert web_pump.value(view, "auroraview.stats().lateReplies") == 0
    assert not any("secret" in text for text in web_pump.value(view, "seen"))


POLLUTION = """<script>
    window.spied = [];
    const define = Object.defineProperty;
    const put = text => define(spied, spied.length,
        {__proto__: null, value: text, writable: true, enumerable: true, configurable: true});
    const spy = (object, name) => {
        const was = object[name];
        if (typeof was !== 'function') return;
        try { object[name] = function (...args) { for (let i = 0; i < args.length; i++) { try { put(name + ' ' + args[i]) } catch (e) {} } return Reflect.apply(was, this, args) } } catch (e) {}
    };
    for (const [object, names] of [
        [JSON, ['parse', 'stringify']],
        [Map.prototype, ['get', 'set', 'has', 'delete', 'forEach']],
        [Array.prototype, ['push', 'map', 'forEach', 'slice', 'splice', 'shift']],
        [Promise.prototype, ['then', 'catch', 'finally']],
        [Function.prototype, ['call', 'apply', 'bind']],
        [Object, ['defineProperty', 'freeze', 'keys', 'create', 'assign']],
        [String.prototype, ['split', 'slice', 'charCodeAt']],
        [window, ['queueMicrotask', 'setTimeout', 'encodeURIComponent', 'decodeURIComponent']],
    ]) for (const name of names) spy(object, name);
    for (const key of ['0', '1', '2', '3', 'id', 'kind', 'resolve', 'reject', 'then', 'method', 'deadline', 'payload'])
        Object.defineProperty(Object.prototype, key, {configurable: true,
            set(value) { put('set ' + key + ' ' + String(value)) }, get() { return undefined }});
</script>"""


def test_polluted_prototypes_see_and_forge_nothing(web_pump, views, site):
    """Of a call that the page itself did not make: its host's other traffic."""
    site.pages["/"] = POLLUTION + """<script>
        auroraview.call('who').then(v => window.answer = v);
        </script>""" + site.page("polluted")
    view = views()
    view.bind_call("who", lambda: view.calls.append("who") or "answer-7f3a")
    view.load_url(site.url())
    web_pump.until(lambda: "polluted" in site.reports)
    assert site.reports["polluted"] == CALLED
    view.emit("private", {"token": "s3cret-nobody-listens"})
    assert web_pump.value(view, "auroraview.stats().keptEvents") == 1
    spied = web_pump.value(view, "spied.filter(s => s.includes('s3cret') || s.includes('7f3a'))")
    assert spied == []
    # Numbers of calls are counted in a closure: two calls, two answers, no mix.
    script = "Promise.all([auroraview.call('echo', 1), auroraview.call('echo', 2)])"
    view.bind_call("echo", lambda value: value)
    assert web_pump.value(view, script) == [1, 2]


def test_an_iframe_cannot_use_the_closure_of_its_parent(web_pump, views, site):
    """A same-origin child may call its parent's functions, as any script of the
    parent may; it gets nothing of its own, and nothing once the parent is gone."""
    site.pages["/child"] = "<script>window.stolen = parent.auroraview; window.own = typeof auroraview</script>"
    site.pages["/"] = "<script>" + site.probe("parent") + '</script><iframe src="/child"></iframe>'
    view = views(url=site.url())
    web_pump.until(lambda: "parent" in site.reports)
    web_pump.until(lambda: web_pump.value(view, "frames[0].own !== undefined"))
    assert web_pump.value(view, "frames[0].own") == "undefined"
    assert web_pump.value(view, "frames[0].stolen === auroraview") is True
