"""Layout of the arrays of a store: chunk files and Zarr v3 metadata.

Chunks are uncompressed, little-endian blocks, so that a reader can memory-map them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from latent_analyze.sources.summary import MAX_COVARIANCE_DIM
from latent_analyze.store.schema import output_arrays
from latent_analyze.store.text_codec import encode_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latent_analyze.sources.source import AnyArray
    from latent_analyze.store.schema import StoreSchema

METADATA = "zarr.json"
"""Name of the metadata file of Zarr v3 groups and arrays."""

SUMMARY = "summary"
"""Name of the subgroup with the moments of all rows."""

TAKEN = frozenset({
    "mu", "log_var", "codes", "id", "row", "thumbnail", "summary", "sample", "latent",
    "latent_other", "position", "code", "entry", "height", "width", "channel",
})  # fmt: skip
"""Names of arrays and dimensions that no dimension of a further output may have."""

DType = Literal["float32", "float64", "int64", "uint8", "string"]

_FILL: dict[DType, int | str] = {
    "float32": "NaN", "float64": "NaN", "int64": -1, "uint8": 0, "string": "",
}  # fmt: skip


@dataclass(frozen=True)
class ArrayLayout:
    """One array of a store.

    Attributes
    ----------
    name
        Path in the store: ``"mu"``, ``"summary/mean"``.
    dims
        Names of the dimensions; the first one is split into chunks.
    inner
        Shape of one row.
    chunk_rows
        Rows per chunk; the last chunk is padded with the fill value.
    attributes
        Zarr attributes of the array.
    """

    name: str
    dims: tuple[str, ...]
    dtype: DType
    chunk_rows: int
    inner: tuple[int, ...] = ()
    attributes: Mapping[str, object] = field(default_factory=dict)

    @property
    def numpy_dtype(self) -> np.dtype[np.generic]:
        """The dtype of the values on disk; not for text."""
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def chunk_bytes(self) -> int | None:
        """Size of a chunk file; None for text, whose chunks vary in size."""
        if self.dtype == "string":
            return None
        return self.chunk_rows * math.prod(self.inner) * self.numpy_dtype.itemsize

    def chunk_file(self, index: int) -> str:
        """Return the path of a chunk file in the store."""
        return f"{self.name}/c." + ".".join([str(index), *("0" for _ in self.inner)])

    def chunk(self, values: AnyArray) -> bytes:
        """Return the bytes of a chunk with `values`, shape (n <= chunk_rows, *inner)."""
        missing = self.chunk_rows - len(values)
        if self.dtype == "string":
            return encode_texts([*values, *[""] * missing])
        rows = np.ascontiguousarray(values, self.numpy_dtype)
        fill = np.full((missing, *self.inner), _FILL[self.dtype], self.numpy_dtype)
        return rows.tobytes() + fill.tobytes()

    def metadata(self, rows: int) -> dict[str, object]:
        """Return the Zarr metadata of the array with this number of rows."""
        return {
            "shape": [rows, *self.inner],
            "data_type": self.dtype,
            "chunk_grid": {
                "name": "regular",
                "configuration": {"chunk_shape": [self.chunk_rows, *self.inner]},
            },
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
            "fill_value": _FILL[self.dtype],
            "codecs": [_codec(self.dtype)],
            "attributes": dict(self.attributes),
            "dimension_names": list(self.dims),
            "zarr_format": 3,
            "node_type": "array",
            "storage_transformers": [],
        }


def row_arrays(schema: StoreSchema) -> dict[str, ArrayLayout]:
    """Return the arrays that have one entry per z-point, by name."""
    rows, dim = schema.encode.block_rows, schema.spec.dim
    labels = [(label.array, label.dtype) for label in schema.dataset.labels]
    coordinates = " ".join(["id", "row", *(array for array, _ in labels)])
    # CF convention: xarray uses the arrays listed in "coordinates" as labels of the rows.
    latents = {"coordinates": coordinates}
    if schema.spec.has_codes:
        arrays = [ArrayLayout("codes", ("sample", "position"), "int64", rows, (dim,), latents)]
    else:
        arrays = [ArrayLayout("mu", ("sample", "latent"), "float32", rows, (dim,), latents)]
    if schema.spec.variational:
        arrays += [ArrayLayout("log_var", ("sample", "latent"), "float32", rows, (dim,), latents)]
    arrays += _outputs(schema, latents)
    arrays += [
        ArrayLayout("id", ("sample",), "string", rows),
        ArrayLayout("row", ("sample",), "int64", rows),
        *(ArrayLayout(name, ("sample",), dtype, rows) for name, dtype in labels),
    ]
    if schema.encode.thumbnail is not None:
        dims, shape = ("sample", "height", "width", "channel"), schema.encode.thumbnail
        arrays += [ArrayLayout("thumbnail", dims, "uint8", rows, shape, latents)]
    return {array.name: array for array in arrays}


def _outputs(schema: StoreSchema, attributes: Mapping[str, object]) -> list[ArrayLayout]:
    """Return the arrays of the further outputs of the encoder."""
    rows, further = schema.encode.block_rows, schema.spec.further
    arrays = output_arrays(output.name for output in further)
    taken = {*TAKEN, *(label.array for label in schema.dataset.labels), *arrays.values()}
    # xarray wants dimensions of one name to be of one length, and apart from arrays of that name.
    dims = {name: f"{name}_value" if name in taken else name for name in arrays}
    return [
        ArrayLayout(
            arrays[output.name], ("sample", dims[output.name]), output.dtype, rows,
            (output.size,), attributes,
        )
        for output in further
    ]  # fmt: skip


def summary_arrays(dim: int) -> dict[str, ArrayLayout]:
    """Return the arrays of the summary, by the names of the fields of `Summary`."""
    arrays = {
        name: ArrayLayout(f"{SUMMARY}/{name}", ("latent",), "float64", dim)
        for name in ("mean", "variance", "min", "max")
    }
    if dim <= MAX_COVARIANCE_DIM:
        dims = ("latent", "latent_other")
        arrays["covariance"] = ArrayLayout(f"{SUMMARY}/covariance", dims, "float64", dim, (dim,))
    return arrays


def usage_arrays(codes: int, entries: int | None) -> dict[str, ArrayLayout]:
    """Return the arrays of the summary of codes: how often each occurs, and its vector if known."""
    arrays = {"usage": ArrayLayout(f"{SUMMARY}/usage", ("code",), "int64", codes)}
    if entries is not None:
        dims, name = ("code", "entry"), f"{SUMMARY}/codebook"
        arrays["codebook"] = ArrayLayout(name, dims, "float32", codes, (entries,))
    return arrays


def group_metadata(attributes: Mapping[str, object]) -> dict[str, object]:
    """Return the Zarr metadata of a group."""
    return {"attributes": dict(attributes), "zarr_format": 3, "node_type": "group"}


def consolidated(
    root: Mapping[str, object], members: Mapping[str, Mapping[str, object]]
) -> dict[str, object]:
    """Return the metadata of a group with the metadata of all its members.

    xarray and zarr then open the store from one file, without listing folders and without warnings.
    """
    inline = {"kind": "inline", "must_understand": False, "metadata": members}
    return {**root, "consolidated_metadata": inline}


def to_json(metadata: Mapping[str, object]) -> bytes:
    """Return metadata as the bytes of a JSON file; equal metadata give equal bytes."""
    return (json.dumps(metadata, indent=2, allow_nan=False) + "\n").encode()


def _codec(dtype: DType) -> dict[str, object]:
    if dtype == "string":
        return {"name": "vlen-utf8", "configuration": {}}
    if dtype == "uint8":
        return {"name": "bytes"}
    return {"name": "bytes", "configuration": {"endian": "little"}}
