"""Finds the files of a model in a folder without model.toml, as exporters name and place them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.roles import ROLES, role_in_name

if TYPE_CHECKING:
    from latent_analyze_adapters.models.graph import Role

SUFFIXES = {
    ".onnx": "onnx", ".keras": "keras", "": "keras", ".h5": "keras",
    ".pt2": "torch", ".pt": "torch", ".pth": "torch", ".ts": "torch",
}  # fmt: skip
"""The runtime for each suffix; if a folder holds files of several runtimes, the first one wins.

A folder counts as a model if it is a SavedModel, whatever its name.
"""
SAVED_MODEL, SAVED_MODEL_RUNTIME = "saved_model.pb", "keras"
MAX_ENTRIES, MAX_LISTED = 10_000, 4
"""Files of a folder that are looked at, and commands that a message lists."""


@dataclass(frozen=True)
class Part:
    """A file of a folder: its name there, and the role and the rest of its name."""

    name: str
    suffix: str
    role: Role | None
    rest: str


@dataclass(frozen=True)
class Found:
    """The files of a model in a folder.

    Attributes
    ----------
    runtime, suffix
        What opens them.
    name
        What their names share, besides the role; perhaps empty.
    files
        The encoder and the decoder, or one of them.
    single
        The only file there is, whose role is not known.
    pairs, others
        Instead, the pairs or files of which one must be named.
    """

    suffix: str
    name: str = ""
    files: dict[Role, str] = field(default_factory=dict)
    single: str | None = None
    pairs: Sequence[dict[Role, str]] = ()
    others: Sequence[str] = ()

    @property
    def runtime(self) -> str:
        """The runtime that opens them."""
        return SUFFIXES[self.suffix]


def runtime_of(path: Path) -> str | None:
    """Return the runtime of a file, by its suffix, or of a SavedModel; None for anything else."""
    if path.is_dir():
        return SAVED_MODEL_RUNTIME if (path / SAVED_MODEL).is_file() else None
    return SUFFIXES.get(path.suffix.lower()) if path.suffix and path.is_file() else None


def find_files(folder: Path) -> Found | None:
    """Return the files of the model in a folder, or None if there are no files of models.

    ``encoder`` and ``decoder`` come first, then the only pair of names such as ``vae_encoder`` and
    ``vae_decoder``, of files or of sub-folders with one file, then the only file.
    """
    parts = list(_parts(folder))
    for suffix in SUFFIXES:
        exact = {role: f"{role}{suffix}" for role in ROLES}
        files = {role: name for role, name in exact.items() if _is(folder / name, suffix)}
        if files:
            more = {part.role: part.name for part in parts if _completes(part, suffix)}
            return Found(suffix, files={r: n for r, n in (more | files).items() if r is not None})
    groups = [_pairs([part for part in parts if part.suffix == suffix]) for suffix in SUFFIXES]
    for suffix, pairs in zip(SUFFIXES, groups, strict=True):
        if len(pairs) == 1:
            ((name, files),) = pairs.items()
            return Found(suffix, name, files)
        if pairs:
            return Found(suffix, pairs=list(pairs.values()))
    return _single(parts)


def one_of_several(folder: Path, found: Found) -> ModelError:
    """Return the error for a folder with several models, with a command for each."""
    paths = [folder / name for name in found.others]
    texts = [str(path) for path in paths] or [
        f"{folder / pair['encoder']}+{folder / pair['decoder']}" for pair in found.pairs
    ]
    commands = [f"latent-analyze encode {shlex.quote(text)} DATA" for text in texts]
    more = f", and {len(commands) - MAX_LISTED} more" if len(commands) > MAX_LISTED else ""
    kind = "pairs of encoder and decoder" if found.pairs else f"files ({found.suffix})"
    return ModelError(
        f"one model in {folder}", found=f"{len(texts)} {kind}",
        next_step=f"name one: {', or '.join(commands[:MAX_LISTED])}{more}",
    )  # fmt: skip


def _parts(folder: Path) -> Iterator[Part]:
    """Yield the files of models in a folder, and in sub-folders whose names contain a role."""
    try:
        paths = sorted(islice(folder.iterdir(), MAX_ENTRIES))
    except OSError:
        return
    for path in paths:
        if path.name.startswith("."):
            continue
        is_model = runtime_of(path) is not None
        suffix = "" if path.is_dir() else path.suffix.lower()
        role, rest = role_in_name(path.stem if suffix else path.name)
        if is_model:
            yield Part(path.name, suffix, role, rest)
        elif role is not None and path.is_dir() and (inner := _inner(path)) is not None:
            yield Part(f"{path.name}/{inner.name}", inner.suffix.lower(), role, rest)


def _inner(folder: Path) -> Path | None:
    """Return the file called ``model``, or else the only one, in a sub-folder."""
    try:
        paths = sorted(path for path in islice(folder.iterdir(), MAX_ENTRIES) if path.suffix)
    except OSError:
        return None
    found = [p for p in paths if p.name[0] != "." and not p.is_dir() and runtime_of(p)]
    usual = [path for path in found if path.stem == "model"]
    first = sorted(usual or found, key=lambda path: list(SUFFIXES).index(path.suffix.lower()))
    return first[0] if usual or len(found) == 1 else None


def _is(path: Path, suffix: str) -> bool:
    # A SavedModel may have a name that ends like a file's.
    return runtime_of(path) == SUFFIXES[suffix] and path.is_dir() == (suffix == "")


def _completes(part: Part, suffix: str) -> bool:
    return part.suffix == suffix and part.role is not None and not part.rest


def _pairs(parts: Sequence[Part]) -> dict[str, dict[Role, str]]:
    """Return encoder and decoder by what their names share."""
    groups: dict[str, dict[Role, str]] = {}
    for part in parts:
        if part.role is not None:
            groups.setdefault(part.rest, {}).setdefault(part.role, part.name)
    return {name: files for name, files in groups.items() if len(files) == len(ROLES)}


def _single(parts: Sequence[Part]) -> Found | None:
    for suffix in SUFFIXES:
        names = [part for part in parts if part.suffix == suffix]
        if len(names) == 1:
            (part,) = names
            if part.role is not None and "/" in part.name:
                return Found(suffix, part.rest, files={part.role: part.name})
            return Found(suffix, single=part.name)
        if names:
            return Found(suffix, others=[part.name for part in names])
    return None
