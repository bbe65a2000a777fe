"""Sources over arrays, in memory or memory-mapped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.errors import DatasetError
from latent_analyze.files.hashing import content_hash
from latent_analyze.sources.codes import Codes
from latent_analyze.sources.source import Z_ONLY, AnyArray, Batch, Block, BlockSource

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class ArraySource(BlockSource):
    """A source over an array of vectors.

    Parameters
    ----------
    z
        Shape (n, dim), any real dtype; converted to float32 block by block.
    label
        Name shown in reports.
    labels
        Label name -> values, shape (n,). Values that are not numbers are converted to text.
    log_var
        Shape (n, dim), for a variational model; `z` is then its `mu`.
    codes
        What the values name, if they are codes instead of coordinates.

    Raises
    ------
    DatasetError
        If a shape or dtype is wrong.
    """

    def __init__(
        self,
        z: AnyArray,
        label: str = "data",
        *,
        labels: Mapping[str, AnyArray] | None = None,
        log_var: AnyArray | None = None,
        codes: Codes | None = None,
    ) -> None:
        z = np.asanyarray(z)
        if z.ndim != 2 or z.shape[1] == 0 or z.dtype.kind not in "fiu":
            raise DatasetError(
                "vectors: an array of real numbers of shape (n, dim)",
                found=f"{z.dtype} of shape {z.shape}",
            )
        _check_codes(z, codes)
        self.z, self.label, self.log_var, self.codes = z, label, log_var, codes
        self.labels = {name: _label(name, v, len(z)) for name, v in (labels or {}).items()}
        self.count, self.dim = int(z.shape[0]), int(z.shape[1])
        mean = {"mu"} if codes is None else set()
        self.fields = frozenset({"z", "id", *mean, *(f"label:{name}" for name in self.labels)})
        if log_var is not None:
            if np.shape(log_var) != z.shape:
                raise DatasetError(
                    f"log_var of shape {z.shape}", found=f"shape {np.shape(log_var)}"
                )
            self.fields |= {"log_var"}

    @cached_property
    def fingerprint(self) -> str:
        """Hash of z, labels and log_var."""
        arrays = [self.z, *(self.labels[name] for name in sorted(self.labels))]
        if self.log_var is not None:
            arrays.append(self.log_var)
        kind = "array" if self.codes is None else f"codes {self.codes.count} {self.codes.shape}"
        return content_hash(kind, sorted(self.labels), *arrays)

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Read the rows of a block as float32, or codes as int64."""
        rows = slice(block.start, block.stop)
        dtype = np.float32 if self.codes is None else np.int64
        z: AnyArray = np.ascontiguousarray(self.z[rows], dtype=dtype)
        log_var = None
        if self.log_var is not None and "log_var" in fields:
            log_var = np.ascontiguousarray(self.log_var[rows], dtype=np.float32)
        numbers = np.arange(block.start, block.stop)
        return Batch(
            z=z,
            rows=numbers,
            mu=z if "mu" in fields & self.fields else None,
            log_var=log_var,
            ids=numbers.astype(str) if "id" in fields else None,
            labels={k: v[rows] for k, v in self.labels.items() if f"label:{k}" in fields},
        )


def _check_codes(z: AnyArray, codes: Codes | None) -> None:
    if codes is None:
        return
    low, high = (int(z.min()), int(z.max())) if z.size else (0, 0)
    if z.dtype.kind not in "iu" or z.shape[1] != codes.positions or low < 0 or high >= codes.count:
        raise DatasetError(
            f"whole numbers from 0 to {codes.count - 1} of shape (n, {codes.positions}), as codes",
            found=f"{z.dtype} of shape {z.shape}, {low} to {high}",
        )


def _label(name: str, given: ArrayLike, count: int) -> AnyArray:
    values: AnyArray = np.asarray(given)
    if values.shape != (count,):
        raise DatasetError(
            f"{count} values of the label {name!r}", found=f"an array of shape {values.shape}"
        )
    return values if values.dtype.kind in "biufU" else values.astype(str)
