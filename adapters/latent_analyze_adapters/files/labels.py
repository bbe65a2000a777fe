"""Labels in the form that stores keep, int64 or text, and which arrays of a file hold them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import DatasetError
from latent_analyze_adapters.files.npy import load, refuse_objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from latent_analyze_adapters.files.npy import ArrayInfo

LABEL_NAMES = ("y", "labels", "label")
LABEL = "label"
"""Name of the labels in an array with one of the `LABEL_NAMES`."""

_TEXT_BYTES = 1 << 32

# No leading zeros: "007" is a name, not seven. 18 digits always fit into int64.
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")


def find_labels(infos: Mapping[str, ArrayInfo], owner: ArrayInfo, path: Path) -> dict[str, str]:
    """Return label name -> array name for the arrays (n,) that go with the array `owner` of n rows.

    Labels keep the name of their array, except that a single one of the `LABEL_NAMES` becomes
    "label".

    Raises
    ------
    DatasetError
        If labels have a different length, or are Python objects.
    """
    others = {name: info for name, info in infos.items() if name != owner.name}
    named = [name for name in LABEL_NAMES if name in others]
    main = [name for name in named if not _is_wide(others[name], owner.shape[0])]
    for name in main:
        check_length(others[name], owner.shape[0], path)
    columns = [name for name, info in others.items() if _is_column(info, owner.shape[0])]
    refuse_objects((others[name] for name in columns), path)
    return {LABEL if main == [name] else name: name for name in columns}


def find_inputs(infos: Mapping[str, ArrayInfo], owner: ArrayInfo) -> list[str]:
    """Return the arrays of n rows of numbers that go with the array `owner` and are no labels."""
    others = [info for name, info in infos.items() if name != owner.name]
    return [
        info.name
        for info in others
        if info.dtype.kind in "fiub"
        and info.shape[:1] == owner.shape[:1]
        and not (_is_column(info, owner.shape[0]) and is_label(info))
    ]


def is_label(info: ArrayInfo) -> bool:
    """Whether a column is a label by its name, or because it holds no floats."""
    return info.name in LABEL_NAMES or info.dtype.kind in "SUbiu"


def check_length(info: ArrayInfo, count: int, path: Path) -> None:
    """Raise DatasetError unless `info` has one label for each of `count` rows."""
    if not _is_column(info, count):
        raise DatasetError(
            f"{count} labels in {info.name!r} of {path}, one per row", found=f"shape {info.shape}"
        )


def load_labels(path: Path, names: Sequence[str], limit: int) -> NDArray[np.generic]:
    """Return the first labels of the concatenated arrays `names` as int64 or text."""
    return as_labels(np.concatenate([load(path, name).reshape(-1) for name in names])[:limit])


def as_labels(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return label values, shape (n,), as int64 if all are integers, else as text."""
    if values.dtype.kind == "S":
        return np.array([v.decode("utf-8", "backslashreplace") for v in values.tolist()], str)
    if values.dtype.kind in "bi" or (values.dtype.kind in "uf" and _are_integers(values)):
        return values.astype(np.int64)
    return values.astype(str)


def fixed_width(values: NDArray[np.generic]) -> NDArray[np.str_]:
    """Return an array of Python strings, shape (n,), as strings of fixed width.

    Raises
    ------
    ValueError
        If a few long strings would make the array too large for memory.
    """
    width = max(map(len, values.tolist()), default=0)
    if 4 * width * len(values) > _TEXT_BYTES:
        raise ValueError(f"strings of up to {width} characters, too long for {len(values)} labels")
    return values.astype(str)


def parse_labels(values: Sequence[str]) -> NDArray[np.generic]:
    """Return strings as int64 if all are integers in their usual notation, else as text."""
    if values and all(_INTEGER.fullmatch(v) for v in values):
        return np.array([int(v) for v in values], np.int64)
    return np.array(values, str)


def _is_column(info: ArrayInfo, count: int) -> bool:
    # Keras' CIFAR has labels of shape (n, 1).
    return info.shape in ((count,), (count, 1)) and info.dtype.kind not in "cV"


def _is_wide(info: ArrayInfo, count: int) -> bool:
    # Such as labels that are one-hot already: an input of a model.
    return info.is_rows and info.shape[0] == count and not _is_column(info, count)


def _are_integers(values: NDArray[np.generic]) -> bool:
    # Not <=: float64 rounds the largest int64 up to 2**63, which does not fit.
    inside = np.isfinite(values) & (np.abs(values) < 2**63)
    return bool(np.all(inside)) and bool(np.all(values == np.floor(values)))
