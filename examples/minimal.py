"""The smallest application: a window, a function for its page, and its events."""

from auroraview import WebView

PAGE = """<!doctype html>
<title>Minimal</title>
<h1>Hello</h1>
<script>
  auroraview.call('greet', {name: 'page'}).then(text => {
      document.querySelector('h1').textContent = text;
      auroraview.send_event('greeted', {text});
  });
</script>
"""

view = WebView(title="Minimal", width=480, height=240, html=PAGE)


@view.bind_call("greet")
def greet(name: str) -> str:
    return f"Hello, {name}, from Python"


@view.on("greeted")
def greeted(data: dict) -> None:
    print("the page says:", data["text"], flush=True)


view.show()
