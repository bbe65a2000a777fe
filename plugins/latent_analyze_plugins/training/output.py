"""The bundle folder: refused before the training if in use, and written whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from latent_analyze.plugin import OptionError, StoreError


def require_free(output: Path) -> None:
    """Raise OptionError if `output` is a file or a folder with anything in it."""
    if not output.exists() and not output.is_symlink():
        return
    if not output.is_dir() or any(output.iterdir()):
        kind = "a folder with files in it" if output.is_dir() else "a file"
        raise OptionError(
            "a new or empty folder for the model",
            found=f"{kind} at {output}",
            next_step="choose another one with -o",
        )


@contextmanager
def staged(output: Path) -> Iterator[Path]:
    """Give a folder beside `output` that takes its place on success and is removed otherwise."""
    output = output.absolute()
    folder = output.parent / f".{output.name}-{uuid4().hex[:8]}"
    with writing(output):
        folder.mkdir(parents=True)
    try:
        yield folder
        with writing(output):
            if output.is_dir():
                output.rmdir()
            folder.rename(output)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def writing(output: Path) -> Iterator[None]:
    """Turn what the system says against writing to `output` into a StoreError."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"to write the model to {output}",
            found=error.strerror or str(error),
            next_step="make room or choose another place with -o",
        ) from error
