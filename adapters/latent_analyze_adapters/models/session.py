"""What a runtime offers to `FileModel`: files that are read, and sessions that run them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, Layout, ModelError
from latent_analyze_adapters.models.roles import find_role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze_adapters.models.graph import Graph
    from latent_analyze_adapters.models.plan import Plan

CAUSE_LENGTH = 200
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class ModelFile:
    """What a model's file says about itself.

    Attributes
    ----------
    path
        Where it is.
    sha256
        Hash of the file and of all that belongs to it.
    size
        Bytes of the file alone.
    producer
        Program that wrote it, with its version, where that is known.
    facts
        What else there is to say, for people.
    """

    path: Path
    sha256: str
    size: int
    producer: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


Read = Callable[["EncoderSpec | DecoderSpec"], ModelFile]
"""Checks and hashes the file of a half."""


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

    def run(self, outputs: Iterable[str], feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run it once; whatever the runtime raises becomes a ModelError."""
        ...


class Opener(Protocol):
    """Reads and opens the files of one runtime in one folder.

    Attributes
    ----------
    name
        Name of the adapter.
    suffixes
        How its files end, the preferred first.
    layout
        Layout of images in files that do not say the shapes of their tensors.
    takes_rows
        Whether there are such files at all, so that a session depends on the shape of a row.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    layout: ClassVar[Layout]
    takes_rows: ClassVar[bool]

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        ...

    def __init__(self, folder: Path, device: str | None, trusted: bool) -> None:
        """Hold the folder, the device to run on and whether its files may run code."""
        ...

    def halves(self, name: str, read: Read) -> tuple[EncoderSpec | None, DecoderSpec | None]:
        """Tell what a file is that comes without model.toml."""
        ...

    def complete(self, bundle: Bundle, read: Read) -> tuple[Bundle, tuple[str, ...]]:
        """Return the bundle with what the files tell of their tensors, and notes for people.

        `read` is the method of this name, but reads each file once.
        """
        ...

    def read(self, half: EncoderSpec | DecoderSpec) -> ModelFile:
        """Check and hash the file of an encoder or decoder, without running it."""
        ...

    def open(
        self, file: ModelFile, half: EncoderSpec | DecoderSpec, row: tuple[int, ...] | None
    ) -> Session:
        """Open what `read` gave, if the file is still the same.

        `row` is the shape of one row of the input as model.toml states it, if it does: for files
        that do not say it.
        """
        ...


@dataclass(frozen=True)
class FolderOpener:
    """Base of openers: the folder, the device to run on, and whether its files may run code."""

    takes_rows: ClassVar[bool] = True

    folder: Path
    device: str | None
    trusted: bool

    def halves(
        self: Opener, name: str, read: Read
    ) -> tuple[EncoderSpec | None, DecoderSpec | None]:
        """Tell an encoder from a decoder by its tensors, or else by its name."""
        half = EncoderSpec(file=name)
        role = find_role(self.open(read(half), half, None).graph)
        return (half, None) if role == "encoder" else (None, DecoderSpec(file=name))

    def complete(self, bundle: Bundle, read: Read) -> tuple[Bundle, tuple[str, ...]]:
        """Return the bundle as it is."""
        del read
        return bundle, ()


def inside(folder: Path, name: str | None, sidecar: str = "model.toml") -> Path:
    """Return the path of a file or folder of a bundle, which need not exist.

    Raises
    ------
    ModelError
        If it leaves the folder, or is a pipe, a socket or a device: reading these may never end.
    """
    if name is None:
        raise ModelError(
            f"file = '...' for each half in {folder / sidecar}", found="none",
            next_step=f"correct {sidecar}",
        )  # fmt: skip
    if Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
        raise ModelError(f"files inside {folder}", found=repr(name), next_step=f"correct {sidecar}")
    path = folder / name
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ModelError(
            f"a plain file at {path}", found="a pipe, a socket or a device",
            next_step="copy the model into a file",
        )  # fmt: skip
    return path


def cause(error: BaseException) -> str:
    """Return what a library says went wrong, on one line and not too long."""
    return shorten(" ".join(_COLOR.sub("", str(error)).split()) or type(error).__name__)


def shorten(text: str) -> str:
    """Return a text as long as it may stand in a message."""
    return text if len(text) <= CAUSE_LENGTH else text[: CAUSE_LENGTH - 3] + "..."


def does_not_run(feeds: Mapping[str, NDArray[Any]], found: str) -> ModelError:
    """Return the error for a model that fails on arrays of these shapes."""
    given = ", ".join(f"{name!r} of shape {feed.shape}" for name, feed in feeds.items())
    return ModelError(
        f"a model that runs on {given}", found=found, next_step="run: latent-analyze inspect"
    )


def run_batch(
    session: Session,
    plan: Plan,
    rows: NDArray[Any],
    columns: Mapping[str, NDArray[Any]] = MappingProxyType({}),
) -> list[NDArray[np.float32]]:
    """Run rows (n, *axes) through a session; n is at most a fixed batch.

    Parameters
    ----------
    session, plan
        What is run, and how.
    rows
        The rows, as the file wants them.
    columns
        Label -> (n,) values, for inputs that take them.

    Returns
    -------
    list
        The outputs of the plan, each (n, values per row), float32.

    Raises
    ------
    ModelError
        If the runtime fails, or an output has another size than the plan says.
    """
    count = len(rows)
    if plan.batch and count < plan.batch:
        # Copies of a real row, because zeros might mean NaN to some models.
        rows = np.concatenate([rows, np.repeat(rows[-1:], plan.batch - count, axis=0)])
    feeds = {plan.input.name: rows if plan.batched else rows[0]}
    for constant in plan.constants:
        values = columns.get(constant.column or "")
        fed = constant.fill(len(rows)) if values is None else constant.take(values, len(rows))
        feeds[constant.tensor.name] = fed
    outputs = session.run(plan.outputs, feeds)
    wanted = len(rows) * plan.output_size
    for name, output in zip(plan.outputs, outputs, strict=True):
        if output.size != wanted:
            raise ModelError(
                f"{len(rows)} rows of {plan.output_size} values from {name!r} of the {plan.role}",
                found=f"shape {output.shape}", next_step="export it with a free batch axis",
            )  # fmt: skip
    return [np.asarray(o, np.float32).reshape(len(rows), -1)[:count] for o in outputs]


def unchanged(file: ModelFile, found: ModelFile) -> None:
    """Raise ModelError if a file is another one than when it was read."""
    if found.sha256 != file.sha256:
        raise ModelError(
            f"{file.path} as it was when it was opened", found="another content",
            next_step="open the model again",
        )  # fmt: skip
