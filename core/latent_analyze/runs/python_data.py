"""A data set of rows that exist in Python, and what their shape and values say about them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.errors import DatasetError
from latent_analyze.host.contracts import Dataset, Items
from latent_analyze.models.in_python import python_path
from latent_analyze.models.spec import Layout, TensorSpec
from latent_analyze.runs.python_rows import RawRows, reader_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.models.signature import Kind

PROBED = 256
"""Rows whose values show what all of them are."""

CHANNELS, LEAST_SIDE = (1, 3, 4), 4
"""Lengths of an axis of colors, and fewest pixels of a side."""


@dataclass(frozen=True)
class Format:
    """How rows are given.

    Attributes
    ----------
    kind
        What they are.
    layout
        Order of their axes; ``array`` if they are no images.
    range
        For images, the values that stand for black and white.
    dtype
        Type of their values.
    """

    kind: Kind
    layout: Layout
    range: tuple[float, float] = (0.0, 1.0)
    dtype: str = "float32"

    @property
    def given(self) -> dict[str, str]:
        """What this says about the encoder that takes the rows, as keys of a signature."""
        if self.kind != "images":
            return {}
        return {"encoder.layout": self.layout, "encoder.range": json.dumps(self.range)}

    def rows(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Return rows as a data set does: images (n, H, W, C) in [0, 1], others unchanged."""
        x = np.asarray(x, np.float32)
        if self.kind != "images":
            return x
        low, high = self.range
        x = (x - np.float32(low)) / np.float32(high - low)
        if self.layout == "HW":
            return x[..., None]
        return np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if self.layout == "CHW" else x


class PythonDataset(Dataset):
    """Rows of an array, a data loader, or an iterable of batches.

    Attributes
    ----------
    format
        How the rows are given.
    """

    name = "python"

    def __init__(self, location: Any, options: Any = None) -> None:
        del options
        self._reader = reader_of(location)
        self.location, self.options = python_path(getattr(location, "dataset", location)), None
        self.count = len(self._reader.numbers)
        some = np.unique(np.linspace(0, self.count - 1, PROBED).astype(np.int64))
        first = self._reader.read(some)
        self.format = format_of(first.x)
        self.kind = self.format.kind
        self._labels, self._inputs = tuple(first.labels), tuple(first.inputs)
        self.array_name = first.name
        shape = self.format.rows(first.x[:1]).shape[1:]
        self.item = TensorSpec(shape=shape, layout="flat" if len(shape) == 1 else "array")
        if self.kind == "images":
            self.item = TensorSpec(shape=shape, layout="HWC", range=(0.0, 1.0))
            self.stored_range = self.format.range

    @property
    def fingerprint(self) -> str:
        """Hash of the content, or of some rows of a loader's data set."""
        return self._reader.fingerprint

    @property
    def label_names(self) -> Sequence[str]:
        """Names of whole numbers and texts, one per row."""
        return self._labels

    @property
    def input_names(self) -> Sequence[str]:
        """Names of further arrays."""
        return self._inputs

    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order."""
        raw: RawRows = self._reader.read(rows)
        labels = {
            name: values.astype(np.int64) if values.dtype.kind == "b" else values
            for name, values in raw.labels.items()
        }
        ids = [str(number) for number in self._reader.numbers[rows]]
        return Items(self.format.rows(raw.x), ids, labels, raw.inputs)


def format_of(x: NDArray[Any]) -> Format:
    """Return how rows (n, ...) are given, by their shape and values.

    Images have the shape (H, W), (H, W, C) or (C, H, W), and values of one of the usual ranges.

    Raises
    ------
    DatasetError
        If they are not numbers.
    """
    if x.dtype.kind not in "biuf":
        raise DatasetError("rows of numbers", found=f"an array of {x.dtype}")
    dtype = "float32" if x.dtype.kind in "bf" else str(x.dtype)
    shape = x.shape[1:]
    if len(shape) == 1:
        return Format("vectors", "array", dtype=dtype)
    layout, limits = _image_layout(shape), _usual_range(x)
    if layout is None or limits is None:
        return Format("arrays", "array", dtype=dtype)
    return Format("images", layout, limits, dtype)


def _image_layout(shape: tuple[int, ...]) -> Layout | None:
    if len(shape) == 2 and min(shape) >= LEAST_SIDE:
        return "HW"
    if len(shape) != 3:
        return None
    if shape[0] in CHANNELS and shape[2] not in CHANNELS and min(shape[1:]) >= LEAST_SIDE:
        return "CHW"
    return "HWC" if shape[2] in CHANNELS and min(shape[:2]) >= LEAST_SIDE else None


def _usual_range(x: NDArray[Any]) -> tuple[float, float] | None:
    if x.dtype == np.uint8:
        return 0.0, 255.0
    if x.dtype.kind != "f":
        return None
    values = x[np.isfinite(x)].astype(np.float64)
    low, high = values.min(initial=np.inf), values.max(initial=-np.inf)
    if high <= low:
        return None
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if low >= -1 and high <= 1:
        return -1.0, 1.0
    return (0.0, 255.0) if low >= 0 and 128 <= high <= 255 else None
