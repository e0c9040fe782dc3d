"""Threads that still use the application while it goes, and interpreters beside ours.

Each runs in a process of its own: what it looks for is a crash.
"""

import os
import subprocess
import sys
import textwrap

import pytest


def run_python(code, *arguments):
    env = dict(os.environ, AURORAVIEW_BACKEND="null")
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(code), *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=110,
    )


WAITING_CALLS = """
    import concurrent.futures, select, sys, threading
    import auroraview
    from auroraview.core import app, handlers

    def open_calls(count):
        '''A page that waits for `count` futures.'''
        futures, results = [], []

        def later():
            futures.append(concurrent.futures.Future())
            return futures[-1]

        application = app.default_app()
        # The library alone holds the view, so that its end comes late, while
        # the application goes.
        view = auroraview._core.View(application, html="<title>waits</title>")
        view.bind("later", later)
        for _ in range(count):
            view.eval('auroraview.call("later")', 60000, lambda *result: results.append(result))
        del view
        while len(futures) < count:
            select.select([application.fd()], [], [], 10)
            application.process()
        return futures, results
"""


@pytest.mark.parametrize("first", ["futures", "shutdown"])
def test_futures_that_finish_while_the_application_goes(first):
    done = run_python(
        WAITING_CALLS
        + """
    VALUES = ["text", {"n": [1, 2]}, bytes(700_000), object()]

    def finish(futures, begin):
        begin.wait()
        while futures:
            future = futures.pop()
            if len(futures) % 5 == 4:
                del future  # an answer that never comes
            elif len(futures) % 5 == 3:
                future.set_exception(KeyError("k"))
            else:
                future.set_result(VALUES[len(futures) % len(VALUES)])

    def shutdown(begin):
        begin.wait()
        app.shutdown()

    import logging
    logging.disable(logging.CRITICAL)  # object() cannot be sent, KeyError is meant
    sys.setswitchinterval(1e-5)
    for turn in range(40):
        futures, results = open_calls(40)
        begin = threading.Barrier(4)
        workers = [
            threading.Thread(target=finish, args=(futures[part::3], begin)) for part in range(3)
        ]
        futures.clear()
        end = threading.Thread(target=shutdown, args=(begin,))
        order = [*workers, end] if sys.argv[1] == "futures" else [end, *workers]
        for thread in order:
            thread.start()
        for thread in order:
            thread.join()
        assert app._app is None
        # Each page was told once, whichever came first.
        assert len(results) == 40, len(results)
    print("done")
    """,
        first,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_a_call_after_its_application():
    done = run_python(
        WAITING_CALLS
        + """
    calls = []
    handlers.reply_later = lambda call, *rest: calls.append(call)
    futures, results = open_calls(3)
    futures.clear()
    app.shutdown()
    for answer in (lambda call: call.reply(1), lambda call: call.fail("Error", "text")):
        try:
            answer(calls[0])
        except auroraview.errors.Closed:
            pass
        else:
            raise SystemExit("answered")
    assert calls[0].is_cancelled()
    calls.clear()
    print(len(results))
    """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")


def test_a_forked_child_leaves_the_calls_to_its_parent():
    done = run_python(
        WAITING_CALLS
        + """
    import os, warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # of fork() itself
    calls = []
    handlers.reply_later = lambda call, *rest: calls.append(call)
    futures, results = open_calls(3)
    child = os.fork()
    if child == 0:
        for value in ("child", bytes(700_000)):
            try:
                calls[0].reply(value)
            except auroraview.errors.WrongState:
                pass
            else:
                os._exit(3)
        if not calls[0].is_cancelled():
            os._exit(4)
        calls.clear()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    for call in calls:
        call.reply("parent")
    application = app.default_app()
    while len(results) < 3:
        select.select([application.fd()], [], [], 10)
        application.process()
    print(results == [("parent", None)] * 3)
    """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_emits_of_threads_while_the_application_goes():
    done = run_python(
        """
        import sys, threading
        import auroraview
        from auroraview.core import app

        class Values(dict):
            '''A dict whose items run Python code, so that threads take turns.'''
            def items(self):
                return [(str(i), i) for i in range(20)]

        def send(view, begin):
            begin.wait()
            for value in [Values(), {"data": bytes(700_000)}] * 30:
                try:
                    view.emit("event", value)
                except auroraview.errors.QueueFull:
                    pass
                except auroraview.errors.Closed:
                    return

        sys.setswitchinterval(1e-5)
        for turn in range(40):
            view = auroraview.WebView(html="<title>hears</title>")
            begin = threading.Barrier(3)
            threads = [threading.Thread(target=send, args=(view, begin)) for _ in range(2)]
            for thread in threads:
                thread.start()
            begin.wait()
            app.shutdown()
            for thread in threads:
                thread.join()
        print("done")
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_a_long_copy_lets_other_threads_run():
    done = run_python(
        """
        import sys, threading
        import auroraview

        view = auroraview.WebView(html="<title>hears</title>")
        large, seen, gate = bytes(8 << 20), [], threading.Lock()

        def run():
            with gate:
                seen.append(1)

        # Beyond this test: threads take turns only where one gives way.
        sys.setswitchinterval(1000)
        thread = threading.Thread(target=run)
        gate.acquire()
        thread.start()
        gate.release()
        for _ in range(100):
            view.emit("event", b"small")
        assert not seen  # the other thread is ready, and has no turn
        for _ in range(100):
            view.emit("event", large)
            if seen:
                break
        print(len(seen))
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_a_subinterpreter_is_refused():
    code = """
    try:
        import _interpreters as interpreters  # 3.13
    except ImportError:
        import _xxsubinterpreters as interpreters
    {before}
    other = interpreters.create({legacy})
    failure = interpreters.run_string(other, '''if True:
        try:
            import auroraview
        except ImportError as error:
            print(error)
        else:
            print("imported")
    ''')
    assert failure is None, failure
    """
    legacy = '"legacy"' if sys.version_info >= (3, 13) else "isolated=False"
    for before in ("", "import auroraview"):
        done = run_python(code.format(before=before, legacy=legacy))
        assert done.returncode == 0, done.stderr
        assert "main interpreter only" in done.stdout
