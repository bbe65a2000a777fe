"""Data sets: images or vectors with ids and labels, readable from any row on."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from latent_analyze.errors import DatasetError
from latent_analyze.files.hashing import content_hash
from latent_analyze.files.writing import file_sha256
from latent_analyze.host.options import Options
from latent_analyze.models.signature import Kind
from latent_analyze.models.spec import TensorSpec
from latent_analyze.sources.arrays import ArraySource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.sources.source import Source


READ_VALUES = 1 << 22
"""Values that are read at once where all rows are read for their labels."""


@dataclass(frozen=True)
class Items:
    """Some rows of a data set.

    Attributes
    ----------
    x
        Images (n, H, W, C), float32 in [0, 1]; vectors (n, dim) or arrays (n, ...), float32, with
        the values that the file holds.
    ids
        One text per row, unique in the data set. `InMemoryDataset.load` may leave them out: then
        they are the row numbers.
    labels
        Name -> values (integers or texts), shape (n,); a split stands here as ``"split"``.
    inputs
        Name -> values (n, ...) of further arrays that a model may take, such as a mask.
    """

    x: NDArray[np.float32]
    ids: Sequence[str] = ()
    labels: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    inputs: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def columns(self, names: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Return the labels and inputs of these names; no others are read."""
        return {
            name: values[name]
            for name in names
            for values in (self.labels if name in self.labels else self.inputs,)
            if name in values
        }


class Dataset(ABC):
    """Images or vectors with ids and labels, readable from any row on. Subclass and set `name`.

    Where all rows fit in memory, subclass `InMemoryDataset` instead.

    Attributes
    ----------
    kind
        ``"images"``: (H, W, C) with values from black to white; ``"arrays"``: rows of any shape
        and values (sequences, signals, volumes, tokens), for a model; ``"vectors"``: rows of
        numbers, which are z-points as they are, or the input of a model. A class may set it when
        it is opened.
    suffixes
        Suffixes of its files, in lower case: ``(".csv",)``.
    reads_folders
        Whether it reads folders of such files, not single files.
    location, options
        What it was opened from, and how; both are written into the store.
    count
        Number of rows.
    item
        Shape, layout and range of one row.
    stored_range
        For images, the values in the files that stand for 0 and 1, such as (0, 255); None if
        unknown.
    array_name
        Name that the rows have in the file, if any; a model may have an input of that name.
    value_names
        Names of the values in a row, in order, if they have any: the columns of a table.
    notes
        What was decided about the data and people should know, each a sentence without its full
        stop: ``"Columns: age (whole numbers) is among the values"``.
    """

    name: ClassVar[str]
    kind: Kind = "images"
    suffixes: ClassVar[tuple[str, ...]] = ()
    reads_folders: ClassVar[bool] = False
    Options: ClassVar[type[Options]] = Options
    location: str
    options: Any
    count: int
    item: TensorSpec
    stored_range: tuple[float, float] | None = None
    array_name: str = ""
    value_names: Sequence[str] = ()
    notes: Sequence[str] = ()

    @classmethod
    def recognizes(cls, location: str) -> bool:
        """Whether this class is for `location` (a path or a built-in name); cheap, never raises.

        Unless overridden, it is for files with one of the `suffixes`, or for folders that hold such
        files if it `reads_folders`.
        """
        path = Path(location)
        try:
            if cls.reads_folders:
                return path.is_dir() and any(cls._is_one(inner) for inner in path.iterdir())
            return cls._is_one(path) and path.is_file()
        except (OSError, ValueError):
            return False

    @abstractmethod
    def __init__(self, location: str, options: Any = None) -> None:
        """Open it; raises DatasetError where nothing usable is there."""

    @property
    def files(self) -> Sequence[Path]:
        """The files that the rows are read from.

        Unless overridden, the one at `location`, or those with one of the `suffixes` directly in
        that folder, by name.
        """
        path = Path(self.location)
        if not path.is_dir():
            return [path]
        return sorted(inner for inner in path.iterdir() if self._is_one(inner))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of file contents and of what is done to them (crop, resize, ...).

        Unless overridden, it covers `name`, the contents and names of `files`, and all options.
        """
        return self._fingerprint_of_files

    @property
    def label_names(self) -> Sequence[str]:
        """Names of the labels, ``"split"`` among them."""
        return ()

    @property
    def input_names(self) -> Sequence[str]:
        """Names of further arrays that `read` returns as `Items.inputs`."""
        return ()

    @abstractmethod
    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order."""

    def label_values(self, name: str) -> NDArray[Any]:
        """Return a label of all rows, shape (count,); unless overridden, all rows are read."""
        step = max(READ_VALUES // max(math.prod(self.item.shape), 1), 1)
        rows = np.arange(self.count)
        parts = [self.read(rows[start : start + step]).labels for start in rows[::step]]
        return np.concatenate([np.asarray(labels[name]) for labels in parts])

    def without(self, columns: Sequence[str]) -> Dataset:
        """Return the data set with fewer values in a row, for a model that takes them otherwise.

        Columns among the `value_names` become labels or further inputs.

        Raises
        ------
        DatasetError
            If the data set cannot do that.
        """
        taken = [name for name in columns if name in self.value_names]
        if not taken:
            return self
        raise DatasetError(
            f"rows of {self.name} without {', '.join(taken)}, which the model takes as inputs",
            found="rows with them", next_step="leave them out of the rows",
        )  # fmt: skip

    def source(self, label: str) -> Source:
        """Return the rows of a data set of kind "vectors" as z-points.

        Override it where the rows need not be read all at once.
        """
        items = self.read(np.arange(self.count))
        return ArraySource(items.x, label, labels=items.labels)

    @classmethod
    def _is_one(cls, path: Path) -> bool:
        return path.suffix.lower() in cls.suffixes and not path.name.startswith(".")

    @cached_property
    def _fingerprint_of_files(self) -> str:
        path, files = Path(self.location), list(self.files)
        try:
            if files == [path]:
                content = file_sha256(path)
            else:
                names = {file: file.relative_to(path).as_posix() for file in files}
                content = content_hash({name: file_sha256(file) for file, name in names.items()})
        except OSError as error:
            raise DatasetError(
                f"readable files in {path}", found=error.strerror or str(error),
                next_step="check the path",
            ) from None  # fmt: skip
        return content_hash(self.name, content, self.options.model_dump_json())


class InMemoryDataset(Dataset):
    """A data set that fits in memory. Subclass it, set `name` and `suffixes`, and write `load`.

    Attributes
    ----------
    path
        The file or folder; ``self.files`` are the files of the folder.

    Raises
    ------
    DatasetError
        If `load` raises it, or OSError, ValueError or LookupError; or if what it returns is not
        what `Items` promises.
    """

    path: Path

    def __init__(self, location: str, options: Any = None) -> None:
        self.path = Path(location).resolve()
        self.location = str(self.path)
        self.options = self.Options() if options is None else options
        try:
            items = self.load()
        except (OSError, ValueError, LookupError) as error:
            reason = " ".join(str(error).split())[:160] or type(error).__name__
            raise DatasetError(
                f"a data set {self.name} at {self.path}", found=f"{type(error).__name__}: {reason}",
                next_step="check the path, or mend the file",
            ) from error  # fmt: skip
        self._items = self._checked(items)
        shape = self._items.x.shape[1:]
        self.count, self.item = len(self._items.x), TensorSpec(shape=shape)
        if self.kind == "images":
            self.item = TensorSpec(shape=shape, layout="HWC", range=(0.0, 1.0))

    @abstractmethod
    def load(self) -> Items:
        """Return all rows; ids may be left out."""

    @property
    def label_names(self) -> Sequence[str]:
        """Names of the labels that `load` returned."""
        return tuple(self._items.labels)

    @property
    def input_names(self) -> Sequence[str]:
        """Names of the further arrays that `load` returned."""
        return tuple(self._items.inputs)

    def label_values(self, name: str) -> NDArray[Any]:
        """Return a label of all rows."""
        return self._items.labels[name]

    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order."""
        labels = {name: values[rows] for name, values in self._items.labels.items()}
        inputs = {name: values[rows] for name, values in self._items.inputs.items()}
        return Items(self._items.x[rows], [self._items.ids[row] for row in rows], labels, inputs)

    def _checked(self, items: Items) -> Items:
        x = np.ascontiguousarray(items.x, np.float32)
        count, axes = len(x), {"images": 4, "vectors": 2, "arrays": x.ndim}[self.kind]
        ids = list(map(str, items.ids if len(items.ids) else range(count)))
        labels = {name: np.asarray(values) for name, values in items.labels.items()}
        wrong = [name for name, values in labels.items() if values.shape != (count,)]
        if x.ndim != axes or 0 in x.shape:
            shape = {"images": "(n, H, W, C)", "vectors": "(n, dim)"}.get(self.kind, "(n, ...)")
            raise self._broken(f"{self.kind} {shape}", f"shape {x.shape}")
        if self.kind == "images" and not (x.min() >= 0 and x.max() <= 1):
            raise self._broken("pixel values in [0, 1]", f"{x.min():g} to {x.max():g}")
        if len(ids) != count or len(set(ids)) != count:
            raise self._broken(f"{count} ids, each different", f"{len(set(ids))} different ones")
        if wrong:
            raise self._broken(f"{count} labels {wrong[0]!r}", f"shape {labels[wrong[0]].shape}")
        return Items(x, ids, labels, items.inputs)

    def _broken(self, expected: str, found: str) -> DatasetError:
        return DatasetError(f"{expected} from {self.name} at {self.path}", found=found)
