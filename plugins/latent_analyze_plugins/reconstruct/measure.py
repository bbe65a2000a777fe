"""A sample decoded and held against its images, a part at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import AnalysisError, Batch, Result
from latent_analyze_plugins.reconstruct.output import Measured, make_result
from latent_analyze_plugins.reconstruct.pairs import decoded_pairs
from latent_analyze_plugins.reconstruct.scores import (
    cross_entropy,
    mean_squared,
    structural_similarity,
)
from latent_analyze_plugins.shared.nearest import nearest_others

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Context
    from latent_analyze_plugins.reconstruct import ReconstructOptions

PART_VALUES = 2_000_000
"""Pixel values held at a time: 16 MB in float64, and a few arrays of that size."""

SPLIT = "label:split"


@dataclass
class _Sums:
    """Errors of the parts, and what the error of the mean image follows from."""

    errors: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    outside: float = 0.0
    values: int = 0
    total: NDArray[np.float64] | None = None
    squares: float = 0.0

    def add(self, original: NDArray[np.float32], decoded: NDArray[np.float32]) -> None:
        scores = {"mse": mean_squared(original, decoded)}
        if original.ndim == 4:
            scores["bce"] = cross_entropy(original, decoded)
            scores["bce_floor"] = cross_entropy(original, original)
            similarity = structural_similarity(original, decoded)
            if similarity is not None:
                scores["ssim"] = similarity
        for name, values in scores.items():
            self.errors.setdefault(name, []).append(values)
        self.outside += float(((decoded < 0) | (decoded > 1)).sum())
        self.values += decoded.size
        total = original.sum(axis=0, dtype=np.float64)
        self.total = total if self.total is None else self.total + total
        self.squares += float((original.astype(np.float64) ** 2).sum())

    def variance(self, count: int) -> float:
        """Return the mean squared error of giving the mean image for every image."""
        mean = 0.0 if self.total is None else self.total / count
        return max(self.squares / self.values - float(np.mean(np.square(mean))), 0.0)


def measure(context: Context, options: ReconstructOptions) -> Result:
    """Return errors, the images at the ends, and how errors depend on the place."""
    batch = context.sample(options.sample, frozenset({"z", SPLIT}))
    batch = batch.take(np.flatnonzero(np.isfinite(batch.z).all(axis=1)))
    sums, kept = _Sums(), np.zeros(len(batch), bool)
    for part in _parts(batch, context):
        context.progress("reconstruct", part.start, len(batch))
        original, decoded = decoded_pairs(batch.z[part], batch.rows[part], context)
        finite = np.isfinite(decoded.reshape(len(decoded), -1)).all(axis=1)
        kept[part] = finite
        if finite.any():
            sums.add(original[finite], decoded[finite])
    if kept.sum() < 2:
        raise AnalysisError(
            "finite numbers from the decoder for at least two z-points",
            found=f"{kept.sum()} of {len(kept)}",
            next_step="check the decoder",
        )
    return make_result(_measured(batch, kept, sums, options), context, options)


def _parts(batch: Batch, context: Context) -> list[slice]:
    """Return runs of rows whose images fit into memory."""
    values = context.images(batch.rows[:1]).size if len(batch) else 1
    size = max(PART_VALUES // values, 1)
    return [slice(start, start + size) for start in range(0, len(batch), size)]


def _measured(
    batch: Batch, kept: NDArray[np.bool_], sums: _Sums, options: ReconstructOptions
) -> Measured:
    errors = {name: np.concatenate(parts) for name, parts in sums.errors.items()}
    good = batch.take(kept)
    split = good.labels.get("split")
    return Measured(
        z=good.z,
        rows=good.rows,
        errors=errors,
        pixels=sums.values // int(kept.sum()),
        variance=sums.variance(int(kept.sum())),
        outside=sums.outside / sums.values,
        nonfinite=int((~kept).sum()),
        radius=np.linalg.norm(good.z.astype(np.float64), axis=1),
        neighbor=nearest_others(good.z, options.k)[0][:, -1],
        split=None if split is None else split.astype(str),
    )
