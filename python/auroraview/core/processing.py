"""How the messages of all views are processed: values for ``configure()``.

A module of its own, for what ``dataclasses`` brings along costs a host that
configures nothing as much memory as all the rest of this package.
"""

from __future__ import annotations

import dataclasses
import enum

from auroraview import _core

__all__ = ["ProcessingMode", "ProcessorConfig"]


class ProcessingMode(enum.IntEnum):
    """What one tick takes on."""

    FULL = _core.MODE_FULL
    IPC_ONLY = _core.MODE_IPC_ONLY
    BATCH = _core.MODE_BATCH


@dataclasses.dataclass(frozen=True)
class ProcessorConfig:
    """How the messages of all views are processed; see :func:`configure`.

    Attributes:
        mode: ``FULL``, ``IPC_ONLY`` or ``BATCH``.
        immediate_wake: with a batch interval, calls, results and closing do not
            wait for it.
        batch_interval_ms: wake the host at most once in this many milliseconds
            for events that pages emit; 0: at once.
        max_messages_per_tick: 0 for no limit.
        batch_size: messages per tick in mode ``BATCH``.
        tick_budget_us: microseconds one tick may take before it leaves the rest
            for the next; 0 for no limit.
        queue_capacity: messages that wait each way; 0 for 10,000.
    """

    mode: ProcessingMode = ProcessingMode.FULL
    immediate_wake: bool = True
    batch_interval_ms: int = 0
    max_messages_per_tick: int = 0
    batch_size: int = 0
    tick_budget_us: int = 0
    queue_capacity: int = 0

    @classmethod
    def standalone(cls) -> ProcessorConfig:
        """The application has no loop but ours."""
        return cls()

    @classmethod
    def qt_embedded(cls) -> ProcessorConfig:
        """The loop is Qt's: at most 100 messages a tick, and nothing else."""
        return cls(mode=ProcessingMode.IPC_ONLY, max_messages_per_tick=100)

    @classmethod
    def legacy_embedded(cls) -> ProcessorConfig:
        """Driven by a host's timer: at most 50 messages a tick."""
        return cls(max_messages_per_tick=50)
