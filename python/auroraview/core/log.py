"""The logger ``auroraview``, loaded with the first thing it has to say."""

from __future__ import annotations

__all__ = ["log_failure"]


def log_failure(text: str, *args: object) -> None:
    """Log an error with the exception that is being handled."""
    import logging

    logging.getLogger("auroraview").exception(text, *args)
