"""Sources over arrays, in memory or memory-mapped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.errors import DatasetError
from latent_analyze.files.hashing import content_hash
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
    ) -> None:
        z = np.asanyarray(z)
        if z.ndim != 2 or z.shape[1] == 0 or z.dtype.kind not in "fiu":
            raise DatasetError(
                "vectors: an array of real numbers of shape (n, dim)",
                found=f"{z.dtype} of shape {z.shape}",
            )
        self.z, self.label, self.log_var = z, label, log_var
        self.labels = {name: _label(name, v, len(z)) for name, v in (labels or {}).items()}
        self.count, self.dim = int(z.shape[0]), int(z.shape[1])
        self.fields = frozenset({"z", "mu", "id", *(f"label:{name}" for name in self.labels)})
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
        return content_hash("array", sorted(self.labels), *arrays)

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Read the rows of a block as float32."""
        rows = slice(block.start, block.stop)
        z = np.ascontiguousarray(self.z[rows], dtype=np.float32)
        log_var = None
        if self.log_var is not None and "log_var" in fields:
            log_var = np.ascontiguousarray(self.log_var[rows], dtype=np.float32)
        numbers = np.arange(block.start, block.stop)
        return Batch(
            z=z,
            rows=numbers,
            mu=z if "mu" in fields else None,
            log_var=log_var,
            ids=numbers.astype(str) if "id" in fields else None,
            labels={k: v[rows] for k, v in self.labels.items() if f"label:{k}" in fields},
        )


def _label(name: str, given: ArrayLike, count: int) -> AnyArray:
    values: AnyArray = np.asarray(given)
    if values.shape != (count,):
        raise DatasetError(
            f"{count} values of the label {name!r}", found=f"an array of shape {values.shape}"
        )
    return values if values.dtype.kind in "biufU" else values.astype(str)
