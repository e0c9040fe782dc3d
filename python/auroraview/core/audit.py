"""What pages were granted and refused, and why."""

from __future__ import annotations

from dataclasses import dataclass

from auroraview.core import app as _app

__all__ = ["AuditEntry", "audit", "audit_counts", "engine_info"]


@dataclass(frozen=True)
class AuditEntry:
    """One decision about a page."""

    number: int
    """Grows by one with each entry."""
    time: float
    """Seconds since 1970, of the last time that it happened."""
    view: int
    granted: bool
    frame: str
    """Name of the frame; empty for the top document."""
    origin: str
    what: str
    """``bridge``, ``call NAME``, ``event NAME``, ``navigation``, ``window``, …"""
    why: str
    count: int
    """Times that it happened in a row."""


def audit(since: int = 0, view: int | None = None) -> list[AuditEntry]:
    """The last 256 entries with a number above ``since``, oldest first.

    ``view`` keeps those of one view. Any thread. ``AURORAVIEW_LOG=info`` prints
    each as it comes.
    """
    entries = []
    for number, time_ms, of, granted, frame, origin, what, why, count in (
        _app.default_app().audit(since)
    ):
        if view is None or view == of:
            entries.append(
                AuditEntry(
                    number, time_ms / 1000, of, granted, frame, origin, what, why, count
                )
            )
    return entries


def audit_counts() -> dict[str, int]:
    """How often something was ``granted`` and ``denied``, and entries ``lost``."""
    return _app.default_app().audit_counts()


def engine_info() -> dict[str, object]:
    """What engine runs: ``name``, ``sandbox`` and ``sandbox_reason``.

    ``sandbox`` is None before the first view, else whether page processes have
    one; ``sandbox_reason`` tells why not. Any thread.
    """
    return _app.default_app().engine_info()
