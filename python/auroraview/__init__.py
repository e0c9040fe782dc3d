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
    from auroraview.core.audit import AuditEntry, audit, audit_counts, engine_info
    from auroraview.core.processing import ProcessingMode, ProcessorConfig
    from auroraview.core.calls import current_call, worker
    from auroraview.core.event_emitter import EventEmitter, deprecated
    from auroraview.core.ready_events import (
        ReadyEvents,
        require_bridge_ready,
        require_created,
        require_loaded,
        require_ready,
        require_shown,
    )
    from auroraview.core.signals import (
        ConnectionGuard,
        Signal,
        SignalRegistry,
        WebViewSignals,
    )
    from auroraview.core.window_manager import (
        WindowManager,
        broadcast_event,
        get_active_window,
        get_window_manager,
        get_windows,
    )
    from auroraview.integration.qt import QtWebView
    from auroraview.utils.event_timer import EventTimer
    from auroraview.utils.file_protocol import (
        normalize_url,
        path_to_file_url,
        prepare_html_with_local_assets,
        rewrite_html_for_custom_protocol,
    )
    from auroraview.utils.timer_backends import (
        QtTimerBackend,
        ThreadTimerBackend,
        TimerBackend,
        get_available_backend,
        list_registered_backends,
        register_timer_backend,
    )

    _HAS_QT: bool
    _QT_IMPORT_ERROR: str | None

# Where each name lives. Loaded when it is first asked for: a tool that only
# opens a view should not wait for the rest.
_LAZY = {
    name: module
    for module, names in {
        "auroraview.core.audit": "AuditEntry audit audit_counts engine_info",
        "auroraview.core.processing": "ProcessingMode ProcessorConfig",
        "auroraview.core.calls": "current_call worker",
        "auroraview.core.event_emitter": "EventEmitter deprecated",
        "auroraview.core.ready_events": "ReadyEvents require_bridge_ready require_created "
        "require_loaded require_ready require_shown",
        "auroraview.core.signals": "ConnectionGuard Signal SignalRegistry WebViewSignals",
        "auroraview.core.window_manager": "WindowManager broadcast_event get_active_window "
        "get_window_manager get_windows",
        "auroraview.integration.qt": "QtWebView",
        "auroraview.utils.event_timer": "EventTimer",
        "auroraview.utils.file_protocol": "normalize_url path_to_file_url "
        "prepare_html_with_local_assets rewrite_html_for_custom_protocol",
        "auroraview.utils.timer_backends": "QtTimerBackend ThreadTimerBackend TimerBackend "
        "get_available_backend list_registered_backends register_timer_backend",
    }.items()
    for name in names.split()
}

# Modules under the names that tools know.
_MODULES = {
    "event_timer": "auroraview.utils.event_timer",
    "file_protocol": "auroraview.utils.file_protocol",
    "timer_backends": "auroraview.utils.timer_backends",
    "qt_integration": "auroraview.integration.qt",
    "webview": "auroraview.core.webview",
    "utils": "auroraview.utils",
    "integration": "auroraview.integration",
}

__all__ = [
    "AuditEntry",
    "AuroraViewError",
    "ConnectionId",
    "WebView",
    "__version__",
    "audit",
    "audit_counts",
    "engine_info",
    "errors",
    *_LAZY,
]

__version__ = _core.version()


def __getattr__(name: str) -> object:
    import importlib

    if name in ("_HAS_QT", "_QT_IMPORT_ERROR"):
        try:
            importlib.import_module("auroraview.integration.qt")
        except ImportError as error:
            return False if name == "_HAS_QT" else str(error)
        return True if name == "_HAS_QT" else None
    if name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    raise AttributeError(f"module 'auroraview' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
