"""Views as Qt widgets."""

from auroraview.integration.qt.webview import QtWebView

__all__ = ["QtWebView"]
