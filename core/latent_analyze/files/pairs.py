"""Two files written as one path, ``encoder.onnx+decoder.onnx``."""

from __future__ import annotations

import os
from pathlib import Path

from latent_analyze.errors import ModelError
from latent_analyze.files.writing import exists

PLUS = "+"


def split_pair(path: str | Path) -> tuple[Path, ...]:
    """Return the two paths of ``first+second`` if both exist, else the path itself.

    A path that exists and contains a plus is one path.
    """
    whole, text = Path(path), str(path)
    if PLUS not in text or exists(whole):
        return (whole,)
    for first, second in _cuts(text):
        if exists(first) and exists(second):
            return first, second
    return (whole,)


def all_exist(path: str | Path) -> bool:
    """Whether a path exists, or both paths of ``first+second``."""
    return all(exists(part) for part in split_pair(path))


def resolved(path: str | Path) -> str:
    """Return a path, or both paths of ``first+second``, as absolute ones."""
    return PLUS.join(str(_resolved(part)) for part in split_pair(path))


def common_folder(parts: tuple[Path, ...]) -> Path:
    """Return the innermost folder that holds all of these files.

    Raises
    ------
    ModelError
        If there is none, because they are on different drives.
    """
    parents = list(dict.fromkeys(part.parent for part in parts))
    if len(parents) == 1:
        return parents[0]
    try:
        return Path(os.path.commonpath([parent.resolve() for parent in parents]))
    except ValueError:
        raise ModelError(
            "an encoder and a decoder on one drive", found=PLUS.join(map(str, parts)),
            next_step="copy one of them",
        ) from None  # fmt: skip


def missing_part(path: str | Path) -> Path | None:
    """Return the path of ``first+second`` that does not exist, if the other one does."""
    if exists(path):
        return None
    for first, second in _cuts(str(path)):
        there = exists(first), exists(second)
        if any(there):
            return second if there[0] else first
    return None


def _resolved(path: Path) -> Path:
    # Downloaded files are often links to others, whose names are hashes without a suffix.
    return path.parent.resolve() / path.name if path.is_file() else path.resolve()


def _cuts(text: str) -> list[tuple[Path, Path]]:
    positions = (i for i, mark in enumerate(text) if mark == PLUS)
    cuts = ((text[:i], text[i + 1 :]) for i in positions)
    return [(Path(first), Path(second)) for first, second in cuts if first and second]
