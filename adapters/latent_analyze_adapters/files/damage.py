"""Errors for files that are missing or damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from latent_analyze.plugin import DatasetError

CAUSE_LENGTH = 160


def require_file(path: Path) -> None:
    """Raise DatasetError if there is no file."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise DatasetError(f"a file {path}", found=found, next_step="check the path")


@contextmanager
def report_damage(
    path: Path, kinds: tuple[type[Exception], ...], *, next_step: str = "write it again"
) -> Iterator[None]:
    """Turn the exceptions that a library raises for a damaged file into a DatasetError."""
    try:
        yield
    except DatasetError:
        raise
    except kinds as error:
        reason = " ".join(str(error).split())[:CAUSE_LENGTH] or type(error).__name__
        raise DatasetError(
            f"a readable {path.suffix or path.name} file", found=f"{path}: {reason}",
            next_step=next_step,
        ) from None  # fmt: skip
