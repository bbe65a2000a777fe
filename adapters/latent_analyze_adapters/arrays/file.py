"""What all data sets of arrays in .npz and .npy files share: rows, ids, labels and inputs."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, PositiveInt

from latent_analyze.plugin import Dataset, DatasetError, Items, Options, TensorSpec
from latent_analyze_adapters.files.array_rows import ArrayRows
from latent_analyze_adapters.files.contents import find_rows, refuse_other_values
from latent_analyze_adapters.files.fingerprint import file_fingerprint
from latent_analyze_adapters.files.labels import (
    LABEL,
    check_length,
    find_inputs,
    find_labels,
    is_label,
    load_labels,
)
from latent_analyze_adapters.files.npy import BARE, listing, peek, refuse_objects
from latent_analyze_adapters.vectors.chunked import choose, require_unique

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from latent_analyze_adapters.files.contents import Kind
    from latent_analyze_adapters.files.npy import ArrayInfo

LATER_OPTIONS = ("kind", "x", "ids", "labels")
"""Options that stores of version 0.1 do not know."""


class ArrayFileOptions(Options):
    """Options of all data sets of arrays in files."""

    limit: PositiveInt | None = Field(None, description="read only the first N rows")
    kind: Literal["auto", "images", "arrays"] = Field(
        "auto",
        description="images: values from black to white; arrays: rows of any shape, with the "
        "values of the file; by default what shape and values show",
    )
    x: str | None = Field(
        None,
        description="array of the rows in an .npz; by default the first of the usual names, or "
        "the one with the most values per row",
    )
    ids: str | None = Field(None, description="array of the ids; by default the row numbers")
    labels: tuple[str, ...] | None = Field(
        None,
        description="arrays of the labels; by default all (n,) of strings, integers or booleans",
    )


class ArrayFile(Dataset):
    """Rows of an array, with the values of the file, and what goes with them.

    Subclasses call `_open`, then `_use` with the arrays of the rows.
    """

    kind: Kind = "arrays"
    path: Path
    options: Any
    _infos: Mapping[str, ArrayInfo]

    def _open(self, location: str, options: Options) -> None:
        self.path, self.options = Path(location), options
        self._infos = peek(self.path)
        self.location = str(self.path.resolve())

    def _use_rows(self) -> None:
        """Use the array that is called so, or else the main one, as it is."""
        given = [name for name in ("range", "crop", "resize") if getattr(self.options, name, None)]
        if given:
            raise DatasetError(
                f"rows of {self.path} to be read unchanged", found=f"the option {given[0]}",
                next_step="leave it out, or add kind=images",
            )  # fmt: skip
        self._use(self._chosen() or find_rows(self._infos, self.path))
        self.item = TensorSpec(shape=self._rows.shape, layout="array")

    def _chosen(self) -> dict[str, ArrayInfo]:
        if self.options.x is None:
            return {}
        info = self._infos[choose(self.options.x, list(self._infos), self.path)]
        refuse_other_values(info, self.path)
        return {"": info}

    def _use(self, parts: Mapping[str, ArrayInfo]) -> None:
        what = "images" if self.kind == "images" else "rows"
        require_alike(parts, what, self.path)
        self._parts, self._rows = parts, ArrayRows(self.path, list(parts.values()))
        self.count = min(self._rows.count, self.options.limit or self._rows.count)
        first = next(iter(parts.values()))
        self.array_name = "" if first.name == BARE else "x" if "" not in parts else first.name
        self._label_arrays = self._find_labels()
        self._inputs = {}
        if "" in parts:
            names = find_inputs(self._infos, parts[""])
            self._inputs = {name: ArrayRows(self.path, [self._infos[name]]) for name in names}
        if self.options.ids is not None:
            self._use_ids(self.options.ids)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the file and of what is done to its rows."""
        return file_fingerprint(self, Path(self.location), later=LATER_OPTIONS)

    @property
    def label_names(self) -> Sequence[str]:
        """Labels found in the file, and ``split`` for Keras' layout."""
        return (*self._label_arrays, *(["split"] if "" not in self._parts else []))

    @property
    def input_names(self) -> Sequence[str]:
        """The other arrays of numbers with one row per row."""
        return tuple(self._inputs)

    def label_values(self, name: str) -> NDArray[np.generic]:
        """Return a label of all rows."""
        return self._labels[name]

    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order."""
        return self._items(self._rows.take_exact(rows), rows)

    def _items(self, x: NDArray[np.float32], rows: NDArray[np.int64]) -> Items:
        return Items(
            x=x,
            ids=self._ids[rows].tolist() if self.options.ids else [str(row) for row in rows],
            labels={name: values[rows] for name, values in self._labels.items()},
            inputs={name: values.take(rows) for name, values in self._inputs.items()},
        )

    def _find_labels(self) -> dict[str, list[str]]:
        if "" not in self._parts:
            return _split_labels(self._infos, self._parts, self.path)
        found = find_labels(self._infos, self._parts[""], self.path)
        if self.options.labels is not None:
            columns = {**found, **{name: name for name in found.values()}}
            names = [choose(name, list(columns), self.path) for name in self.options.labels]
            return {name: [columns[name]] for name in names}
        if self.kind == "arrays":
            found = {label: name for label, name in found.items() if is_label(self._infos[name])}
        return {label: [name] for label, name in found.items()}

    def _use_ids(self, name: str) -> None:
        columns = [n for n, info in self._infos.items() if info.shape == (self._rows.count,)]
        refuse_objects((self._infos[n] for n in columns if n == name), self.path)
        choose(name, columns, self.path)
        require_unique(self._ids, name, self.path)
        arrays = self._label_arrays.items()
        self._label_arrays = {label: names for label, names in arrays if names != [name]}

    @cached_property
    def _ids(self) -> NDArray[np.str_]:
        return load_labels(self.path, [self.options.ids], self.count).astype(str)

    @cached_property
    def _labels(self) -> dict[str, NDArray[np.generic]]:
        labels = {
            label: load_labels(self.path, names, self.count)
            for label, names in self._label_arrays.items()
        }
        if "" not in self._parts:
            sizes = [info.shape[0] for info in self._parts.values()]
            labels["split"] = np.repeat(list(self._parts), sizes)[: self.count]
        return labels


def require_alike(parts: Mapping[str, ArrayInfo], what: str, path: Path) -> None:
    """Raise DatasetError if arrays differ in shape or dtype, or one is empty."""
    shapes = {(*info.shape[1:], info.dtype) for info in parts.values()}
    if len(shapes) > 1:
        raise DatasetError(
            f"{what} of one shape and dtype in {path}", found=listing(parts),
            next_step="convert them",
        )  # fmt: skip
    if any(0 in info.shape for info in parts.values()):
        one = "image" if what == "images" else "row"
        raise DatasetError(f"at least one {one} in {path}", found=listing(parts))


def _split_labels(
    infos: Mapping[str, ArrayInfo], parts: Mapping[str, ArrayInfo], path: Path
) -> dict[str, list[str]]:
    names = [f"y_{split}" for split in parts]
    missing = [name for name in names if name not in infos]
    if len(missing) == len(names):
        return {}
    if missing:
        raise DatasetError(
            f"labels for every split of {path}", found=f"no array {missing[0]!r}",
            next_step="add it, or remove the labels of the other splits",
        )  # fmt: skip
    for name, info in zip(names, parts.values(), strict=True):
        check_length(infos[name], info.shape[0], path)
    refuse_objects((infos[name] for name in names), path)
    return {LABEL: names}
