"""Web user interfaces inside other applications, in a process of their own.

    from auroraview import WebView

    view = WebView(title="Hello", html="<h1>Hello</h1>")
    view.show()

Nothing here imports a GUI toolkit until ``QtWebView`` is asked for.
"""

from __future__ import annotations

from auroraview import _core, errors
from auroraview.core.events import ConnectionId
from auroraview.core.webview import WebView
from auroraview.errors import AuroraViewError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from auroraview.integration.qt import QtWebView

    _HAS_QT: bool
    _QT_IMPORT_ERROR: str | None

__all__ = [
    "AuroraViewError",
    "ConnectionId",
    "QtWebView",
    "WebView",
    "__version__",
    "errors",
]

__version__ = _core.version()


def __getattr__(name: str) -> object:
    if name in ("_HAS_QT", "_QT_IMPORT_ERROR"):
        try:
            import auroraview.integration.qt
        except ImportError as error:
            return False if name == "_HAS_QT" else str(error)
        return True if name == "_HAS_QT" else None
    if name == "QtWebView":
        from auroraview.integration.qt import QtWebView

        return QtWebView
    raise AttributeError(f"module 'auroraview' has no attribute {name!r}")
