"""Reads rows out of Python objects: arrays, data loaders, and other iterables of batches."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.errors import DatasetError
from latent_analyze.files.hashing import content_hash

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[Any]

HASHED_ROWS, CHUNK = 64, 64
"""Rows of a data set whose content stands for all of it, and rows that are read at once."""

USUAL = (
    "x", "image", "images", "pixel_values", "input", "inputs", "data", "input_ids",
    "input_values", "input_features",
)  # fmt: skip
"""Usual names of the rows themselves in a dictionary."""


@dataclass(frozen=True)
class RawRows:
    """Some rows as an object gives them: the values themselves, labels (n,), further arrays."""

    x: Values
    labels: Mapping[str, Values] = field(default_factory=dict)
    inputs: Mapping[str, Values] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True)
class Reader:
    """Reads rows of an object by their numbers.

    Attributes
    ----------
    read
        Row numbers -> rows.
    numbers
        The number of each row, which is its id.
    fingerprint
        Hash of the content, or of some rows of it.
    """

    read: Callable[[NDArray[np.int64]], RawRows]
    numbers: NDArray[np.int64]
    fingerprint: str


def reader_of(data: Any) -> Reader:
    """Return a reader of an array or tensor (n, ...), a data loader, or an iterable of batches.

    A loader's data set is read in order, whatever order the loader draws.

    Raises
    ------
    DatasetError
        If it is none of them, or has no rows.
    """
    if is_array(data):
        rows = RawRows(to_numpy(data))
    elif _has_rows_by_number(data):
        return _loader_reader(data)
    elif isinstance(data, Iterable) and not isinstance(data, (str, bytes, Mapping)):
        warnings.warn(
            "the data can be iterated only in their own order: they are read once, before they are "
            "encoded, and an interrupted encode cannot be resumed unless they come the same again",
            stacklevel=5,
        )
        rows = _spooled(data)
    else:
        raise DatasetError(
            "an array (n, ...), a data loader or an iterable of batches",
            found=f"a {type(data).__name__}",
        )
    if rows.x.ndim < 2 or not len(rows.x):
        raise DatasetError("rows (n, ...)", found=f"an array {rows.x.shape}")
    fingerprint = content_hash(rows.x, dict(_hashable(rows)))
    return Reader(lambda numbers: _taken(rows, numbers), np.arange(len(rows.x)), fingerprint)


def is_array(data: object) -> bool:
    """Whether this is an array or a tensor."""
    return isinstance(data, np.ndarray) or (hasattr(data, "dtype") and hasattr(data, "shape"))


def to_numpy(value: Any) -> Values:
    """Return an array, a tensor of any library, or a list as a NumPy array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # NumPy lacks bfloat16.
        value = value.float() if "bfloat16" in str(value.dtype) else value
    return np.asarray(value.numpy() if callable(getattr(value, "numpy", None)) else value)


def split_batch(batch: Any) -> RawRows:
    """Return the rows, labels and further arrays of one batch.

    These are an array, a tuple that begins with it, or a dictionary. Whole numbers or texts (n,)
    are labels: in a tuple, ``label``, ``label_1`` and so on.
    """
    if isinstance(batch, Mapping):
        named = {str(key): to_numpy(value) for key, value in batch.items()}
        wide = [key for key, value in named.items() if value.ndim > 1]
        main = next((key for key in USUAL if key in wide), wide[0] if wide else "")
        if not main:
            raise DatasetError("an array (n, ...) in each batch", found=f"keys {sorted(named)}")
        rest = {key: value for key, value in named.items() if key != main}
        labels = {key: value for key, value in rest.items() if _is_label(value)}
        inputs = {key: value for key, value in rest.items() if value.ndim > 1}
        return RawRows(named[main], labels, inputs, main)
    if isinstance(batch, (tuple, list)) and batch and not np.isscalar(batch[0]):
        x, *others = map(to_numpy, batch)
        found = [value for value in others if _is_label(value) and len(value) == len(x)]
        names = ["label" if i == 0 else f"label_{i}" for i in range(len(found))]
        return RawRows(x, dict(zip(names, found, strict=True)))
    return RawRows(to_numpy(batch))


def _is_label(values: Values) -> bool:
    return values.ndim == 1 and values.dtype.kind in "biuUT"


def _has_rows_by_number(loader: Any) -> bool:
    """Whether this is a loader of a data set whose rows have numbers."""
    data = getattr(loader, "dataset", None)
    if data is None or not hasattr(loader, "batch_size"):
        return False
    batched = loader.batch_size is not None or getattr(loader, "batch_sampler", None) is not None
    # PyTorch's class has this method all the same.
    streams = any(cls.__name__ == "IterableDataset" for cls in type(data).__mro__)
    return batched and not streams and hasattr(data, "__getitem__") and hasattr(data, "__len__")


def _loader_reader(loader: Any) -> Reader:
    data, collate = loader.dataset, getattr(loader, "collate_fn", None) or _stacked
    size = int(loader.batch_size or CHUNK)
    # A sampler of a subset says which rows there are, in the order in which it was made.
    chosen = getattr(getattr(loader, "sampler", None), "indices", None)
    numbers = np.arange(len(data)) if chosen is None else np.sort(np.asarray(chosen, np.int64))
    if not len(numbers):
        raise DatasetError("a data set with at least one row", found=f"none in {type(data)}")

    def read(rows: NDArray[np.int64]) -> RawRows:
        parts = [
            split_batch(collate([data[int(numbers[row])] for row in rows[start : start + size]]))
            for start in range(0, len(rows), size)
        ]
        return _joined(parts)

    some = np.unique(np.linspace(0, len(numbers) - 1, HASHED_ROWS).astype(np.int64))
    first, again = read(some), read(some[:1])
    if not np.array_equal(first.x[:1], again.x, equal_nan=first.x.dtype.kind == "f"):
        warnings.warn(
            "the data set gives other values each time that a row is read (random transforms): the "
            "z-points are of one draw, and an interrupted encode cannot be resumed",
            stacklevel=6,
        )
    name = type(data).__qualname__
    return Reader(read, numbers, content_hash(name, numbers, first.x, dict(_hashable(first))))


def _spooled(batches: Iterable[Any]) -> RawRows:
    """Write all batches to a temporary file, which is mapped into memory."""
    # It is deleted when the map is gone.
    file = tempfile.TemporaryFile()  # noqa: SIM115
    parts: list[RawRows] = []
    shape, count = None, 0
    for batch in batches:
        rows = split_batch(batch)
        shape = shape or rows.x.shape[1:]
        if rows.x.shape[1:] != shape:
            raise DatasetError(f"rows of shape {shape} in all batches", found=str(rows.x.shape[1:]))
        kind = parts[0].x.dtype if parts else rows.x.dtype
        file.write(np.ascontiguousarray(rows.x, kind).tobytes())
        count += len(rows.x)
        parts.append(RawRows(rows.x[:0], rows.labels, rows.inputs, rows.name))
    if not count:
        raise DatasetError("batches with rows", found="none")
    file.flush()
    x = np.memmap(file, parts[0].x.dtype, mode="r", shape=(count, *(shape or ())))
    rest = _joined(parts)
    return RawRows(x, rest.labels, rest.inputs, rest.name)


def _joined(parts: Sequence[RawRows]) -> RawRows:
    labels, inputs = (
        {name: np.concatenate([getattr(part, kind)[name] for part in parts]) for name in names}
        for kind, names in (("labels", parts[0].labels), ("inputs", parts[0].inputs))
    )
    return RawRows(np.concatenate([part.x for part in parts]), labels, inputs, parts[0].name)


def _taken(rows: RawRows, numbers: NDArray[np.int64]) -> RawRows:
    labels = {name: values[numbers] for name, values in rows.labels.items()}
    inputs = {name: values[numbers] for name, values in rows.inputs.items()}
    return RawRows(rows.x[numbers], labels, inputs, rows.name)


def _hashable(rows: RawRows) -> Iterable[tuple[str, object]]:
    for name, values in {**rows.labels, **rows.inputs}.items():
        yield name, values if values.dtype.kind not in "OT" else [str(v) for v in values]


def _stacked(items: Sequence[Any]) -> Any:
    if isinstance(items[0], (tuple, list)):
        return tuple(
            np.stack([to_numpy(part) for part in column]) for column in zip(*items, strict=True)
        )
    return np.stack([to_numpy(item) for item in items])
