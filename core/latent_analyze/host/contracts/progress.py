"""How long work tells that it is under way."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as progress(task, done, total): ``progress("encode", 512, 70000)``."""


def no_progress(task: str, done: int, total: int) -> None:
    """Show nothing."""
