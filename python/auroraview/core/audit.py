"""What pages were granted and refused, and why."""

from __future__ import annotations

from auroraview.core import app as _app

__all__ = ["AuditEntry", "audit", "audit_counts", "engine_info"]


class AuditEntry:
    """One decision about a page.

    ``number`` grows by one with each entry; ``time`` is in seconds since 1970, of
    the last of the ``count`` times that it happened in a row; ``frame`` is empty
    for the top document; ``what`` is ``bridge``, ``call NAME``, ``event NAME``,
    ``navigation``, ``window``, ``download``, ``permission NAME``; ``why`` is for
    people.
    """

    # No dataclass: its module costs every host more memory than a view does.
    __slots__ = ("count", "frame", "granted", "number", "origin", "time", "view", "what", "why")

    def __init__(
        self,
        number: int,
        time: float,
        view: int,
        granted: bool,
        frame: str,
        origin: str,
        what: str,
        why: str,
        count: int,
    ) -> None:
        self.number = number
        self.time = time
        self.view = view
        self.granted = granted
        self.frame = frame
        self.origin = origin
        self.what = what
        self.why = why
        self.count = count

    def __repr__(self) -> str:
        verdict = "granted" if self.granted else "denied"
        where = f" in frame {self.frame!r}" if self.frame else ""
        return f"<{verdict}: {self.what} of {self.origin}{where}, {self.count}x: {self.why}>"


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
