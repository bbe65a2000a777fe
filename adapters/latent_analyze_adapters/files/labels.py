"""Labels as stores keep them, int64 or text, and where they stand beside an array."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

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
"""What the labels under one of `LABEL_NAMES` are called."""

_TEXT_BYTES = 1 << 32

# No leading zeros: "007" is a name, not seven. 18 digits always fit int64.
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")


def find_labels(infos: Mapping[str, ArrayInfo], owner: ArrayInfo, path: Path) -> dict[str, str]:
    """Return label name -> array name for the arrays (n,) beside the array `owner` of n rows.

    Labels keep the name of their array, but for one of `LABEL_NAMES` alone, which is "label".

    Raises
    ------
    DatasetError
        If labels are of another length, or Python objects.
    """
    others = {name: info for name, info in infos.items() if name != owner.name}
    main = [name for name in LABEL_NAMES if name in others]
    for name in main:
        check_length(others[name], owner.shape[0], path)
    columns = [name for name, info in others.items() if _is_column(info, owner.shape[0])]
    refuse_objects((others[name] for name in columns), path)
    return {LABEL if main == [name] else name: name for name in columns}


def check_length(info: ArrayInfo, count: int, path: Path) -> None:
    """Raise DatasetError unless `info` has one label for each of `count` rows."""
    if not _is_column(info, count):
        raise DatasetError(
            f"{count} labels in {info.name!r} of {path}, one per row", found=f"shape {info.shape}"
        )


def load_labels(path: Path, names: Sequence[str], limit: int) -> NDArray[Any]:
    """Return the first labels of the arrays `names`, one after the other, as int64 or text."""
    return as_labels(np.concatenate([load(path, name).reshape(-1) for name in names])[:limit])


def as_labels(values: NDArray[Any]) -> NDArray[Any]:
    """Return label values, shape (n,), as int64 where they are whole numbers, else as text."""
    if values.dtype.kind == "S":
        return np.array([v.decode("utf-8", "backslashreplace") for v in values.tolist()], str)
    if values.dtype.kind in "bi" or (values.dtype.kind in "uf" and _is_whole(values)):
        return values.astype(np.int64)
    return values.astype(str)


def as_texts(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array of Python texts, shape (n,), as texts of one width.

    Raises
    ------
    ValueError
        If a few long ones would make all of them too wide for memory.
    """
    width = max(map(len, values.tolist()), default=0)
    if 4 * width * len(values) > _TEXT_BYTES:
        raise ValueError(f"texts of up to {width} characters, too long for {len(values)} labels")
    return values.astype(str)


def text_labels(values: Sequence[str]) -> NDArray[Any]:
    """Return texts as int64 where every one is the plain form of a whole number, else as text."""
    if values and all(_INTEGER.fullmatch(v) for v in values):
        return np.array([int(v) for v in values], np.int64)
    return np.array(values, str)


def _is_column(info: ArrayInfo, count: int) -> bool:
    # Keras' CIFAR has its labels as (n, 1).
    return info.shape in ((count,), (count, 1)) and info.dtype.kind not in "cV"


def _is_whole(values: NDArray[Any]) -> bool:
    # Not <=: float64 rounds the largest int64 up to 2**63, which does not fit.
    inside = np.isfinite(values) & (np.abs(values) < 2**63)
    return bool(np.all(inside)) and bool(np.all(values == np.floor(values)))
