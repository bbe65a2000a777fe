"""Samples that can be compared: what they must be like, and how many rows are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.errors import AnalysisError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_ROWS = 20
"""With fewer rows in a sample nothing can be said."""

MAX_ROWS = 2000
"""Rows of each sample that are compared, of more a seeded part: about a second at 64 axes."""


def comparable(**samples: NDArray[Any]) -> list[NDArray[np.float64]]:
    """Return samples, by name, as float64.

    Raises
    ------
    AnalysisError
        For fewer than `MIN_ROWS` rows, values that are not finite, other numbers of axes, or rows
        that differ by no more than the rounding of float32.
    """
    found = {name: np.asarray(rows, np.float64) for name, rows in samples.items()}
    for name, rows in found.items():
        _check(name, rows)
    widths = {name: rows.shape[1] for name, rows in found.items()}
    if len(set(widths.values())) > 1:
        raise AnalysisError(
            "samples with the same number of axes",
            found=", ".join(f"{width} in {name}" for name, width in widths.items()),
            next_step="compare sources of one latent space",
        )
    pooled = np.concatenate(list(found.values()))
    if not varying(pooled).any():
        raise AnalysisError(
            f"rows that differ in {' and '.join(found)}",
            found=f"{len(pooled)} that are all alike",
            next_step="check that the encoder's output depends on its input",
        )
    return list(found.values())


def varying(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return along which axes rows differ by more than the rounding of float32, shape (dim,)."""
    return np.asarray(np.ptp(rows, axis=0) > 1e-6 * np.abs(rows).max(axis=0))


def some_rows(
    rows: NDArray[np.float64], rng: np.random.Generator, most: int
) -> NDArray[np.float64]:
    """Return rows in random order, at most so many."""
    return np.asarray(rng.permutation(rows)[:most])


def _check(name: str, rows: NDArray[np.float64]) -> None:
    if rows.ndim != 2 or len(rows) < MIN_ROWS or not rows.shape[1]:
        raise AnalysisError(
            f"at least {MIN_ROWS} rows in {name}, shape (rows, axes)",
            found=f"shape {rows.shape}",
            next_step="encode or draw more rows",
        )
    broken = int((~np.isfinite(rows)).any(axis=1).sum())
    if broken:
        raise AnalysisError(
            f"finite values in {name}",
            found=f"other values in {broken} of {len(rows)} rows",
            next_step="leave these rows out",
        )
