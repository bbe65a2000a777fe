"""What a runtime provides to `FileModel`: openers, which read files, and sessions to run them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from latent_analyze.plugin import (
    Bundle,
    Choice,
    DecoderSpec,
    EncoderSpec,
    Layout,
    ModelError,
)
from latent_analyze_adapters.models.further import as_rows
from latent_analyze_adapters.models.graph import Graph, NetworkSpec, Shape
from latent_analyze_adapters.models.roles import infer_role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze_adapters.models.plan import Plan


@dataclass(frozen=True)
class ModelFile:
    """What is known about the file of a model before it is opened.

    Attributes
    ----------
    path
        The file, or the folder of a SavedModel.
    sha256
        Hash of the file and everything that belongs to it.
    size
        Bytes of the file alone.
    producer
        Program that wrote it, with its version, if known.
    facts
        Anything else worth showing to people.
    """

    path: Path
    sha256: str
    size: int
    producer: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """What the files of a model show without being run.

    Attributes
    ----------
    choices
        Entries of model.toml that they show, whether stated there or not.
    input_range
        Value range of the encoder's input, if what is computed first shows it.
    input_why
        What shows the range, in a short phrase.
    positive
        Outputs of the encoder that cannot be negative, with the operator that makes them so.
    drawn
        Outputs of the encoder that depend on random noise.
    codes
        Outputs of the encoder that are chosen from a codebook -> number of its codes, 0 if unknown.
    looked_up
        Number of codes of the codebook that the decoder looks its input up in; 0 if it takes none.
    """

    choices: tuple[Choice, ...] = ()
    input_range: tuple[float, float] | None = None
    input_why: str = ""
    positive: Mapping[str, str] = field(default_factory=dict)
    drawn: frozenset[str] = frozenset()
    codes: Mapping[str, int] = field(default_factory=dict)
    looked_up: int = 0


Read = Callable[[NetworkSpec], ModelFile]
"""Checks and hashes the file of an encoder or decoder."""

Specs = tuple[EncoderSpec | None, DecoderSpec | None]
Feeds = dict[str, "NDArray[np.generic]"]
"""Arrays by the names of inputs."""


class Session(Protocol):
    """A file that is ready to run: named arrays in, named arrays out."""

    @property
    def graph(self) -> Graph:
        """Inputs and outputs."""
        ...

    @property
    def device(self) -> str:
        """What it runs on, for people."""
        ...

    def run(self, outputs: Iterable[str], feeds: Feeds) -> list[NDArray[np.generic]]:
        """Run it once; any error of the runtime becomes a ModelError."""
        ...


class Opener(Protocol):
    """Reads and opens the files of one runtime in one folder.

    Attributes
    ----------
    name
        Name of the adapter.
    suffixes
        Suffixes of its files, the preferred one first.
    default_layout
        Layout of images in files that do not declare the shapes of their tensors.
    needs_row_shape
        Whether there are such files at all, so that a session depends on the shape of a row.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    default_layout: ClassVar[Layout]
    needs_row_shape: ClassVar[bool]

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        ...

    def __init__(self, folder: Path, device: str | None, trusted: bool) -> None:
        """Store the folder, the device to run on, and whether its files may run code."""
        ...

    def infer_specs(self, name: str, read: Read) -> Specs:
        """Find out what a file without model.toml holds: an encoder, a decoder, or both."""
        ...

    def complete(self, bundle: Bundle, read: Read) -> tuple[Bundle, tuple[str, ...]]:
        """Add what the files say about their tensors to the bundle; also return notes for people.

        `read` does the same as the method `read`, but reads each file only once.
        """
        ...

    def facts(self, bundle: Bundle, read: Read) -> Facts:
        """Return what the files show about the choices of a bundle, without running them."""
        ...

    def codebook(self, bundle: Bundle, read: Read) -> NDArray[np.float32] | None:
        """Return the vectors of the encoder's codes, (codes, d), or None if no file shows them."""
        ...

    def read(self, spec: NetworkSpec) -> ModelFile:
        """Check and hash the file of an encoder or decoder, without running it."""
        ...

    def open(self, file: ModelFile, spec: NetworkSpec, row_shape: Shape | None) -> Session:
        """Open what `read` returned, if the file is still the same.

        `row_shape` is the shape of one row of the input, if model.toml states it: for files that
        do not declare it.
        """
        ...


@dataclass(frozen=True)
class FolderOpener:
    """Base class of openers.

    Attributes
    ----------
    folder
        The folder of the files.
    device
        The device to run on.
    trusted
        Whether its files may run code.
    """

    needs_row_shape: ClassVar[bool] = True

    folder: Path
    device: str | None
    trusted: bool

    def infer_specs(self: Opener, name: str, read: Read) -> Specs:
        """Tell an encoder from a decoder by its tensors, or else by its name."""
        spec = EncoderSpec(file=name)
        role = infer_role(self.open(read(spec), spec, None).graph)
        return (spec, None) if role == "encoder" else (None, DecoderSpec(file=name))

    def complete(self, bundle: Bundle, read: Read) -> tuple[Bundle, tuple[str, ...]]:
        """Return the bundle unchanged."""
        del read
        return bundle, ()

    def facts(self, bundle: Bundle, read: Read) -> Facts:
        """Return nothing, because most files show nothing without being run."""
        del bundle, read
        return Facts()

    def codebook(self, bundle: Bundle, read: Read) -> NDArray[np.float32] | None:
        """Return nothing, as `facts` does."""
        del bundle, read
        return None


def bundle_path(folder: Path, name: str | None, sidecar: str = "model.toml") -> Path:
    """Return the path of a file or folder of a bundle, which need not exist.

    Raises
    ------
    ModelError
        If it is outside the folder, or a pipe, socket or device: reading these may never end.
    """
    if name is None:
        raise ModelError(
            f"file = '...' under [encoder] and [decoder] in {folder / sidecar}", found="none",
            next_step=f"correct {sidecar}",
        )  # fmt: skip
    if Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
        raise ModelError(f"files inside {folder}", found=repr(name), next_step=f"correct {sidecar}")
    path = folder / name
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ModelError(
            f"a regular file at {path}", found="a pipe, a socket or a device",
            next_step="copy the model into a file",
        )  # fmt: skip
    return path


def require_unchanged(file: ModelFile, found: ModelFile) -> None:
    """Raise ModelError if a file has changed since it was read."""
    if found.sha256 != file.sha256:
        raise ModelError(
            f"{file.path} as it was when it was opened", found="different content",
            next_step="open the model again",
        )  # fmt: skip


def run_batch(
    session: Session,
    plan: Plan,
    rows: NDArray[np.generic],
    columns: Mapping[str, NDArray[np.generic]] = MappingProxyType({}),
) -> list[NDArray[Any]]:
    """Run rows (n, *axes) through a session; n is at most a fixed batch.

    Parameters
    ----------
    session, plan
        What to run, and how.
    rows
        The rows in the file's format.
    columns
        Label -> (n,) values, for inputs that take them.

    Returns
    -------
    list
        The outputs of the plan, as `Plan.forms` lists them, each (n, values per row).

    Raises
    ------
    ModelError
        If the runtime fails, or the size of an output differs from the plan.
    """
    count = len(rows)
    feeds = feeds_of(plan, rows, columns)
    padded = len(feeds[plan.input.name]) if plan.batched else 1
    outputs = zip(plan.forms.items(), session.run(plan.forms, feeds), strict=True)
    return [
        as_rows(output, padded, form, name=f"{name!r} of the {plan.role}")[:count]
        for (name, form), output in outputs
    ]


def feeds_of(
    plan: Plan, rows: NDArray[np.generic], columns: Mapping[str, NDArray[np.generic]]
) -> Feeds:
    """Return all inputs for rows (n, *axes), padded to a fixed batch; n is at most that."""
    count = len(rows)
    if plan.batch and count < plan.batch:
        # Pad with a real row, because some models turn zeros into NaN.
        rows = np.concatenate([rows, np.repeat(rows[-1:], plan.batch - count, axis=0)])
    feeds: Feeds = {plan.input.name: rows if plan.batched else rows[0]}
    for extra in plan.extra_inputs:
        values = columns.get(extra.column or "")
        fed = extra.fill(len(rows), rows.shape) if values is None else extra.take(values, len(rows))
        feeds[extra.tensor.name] = fed
    return feeds
