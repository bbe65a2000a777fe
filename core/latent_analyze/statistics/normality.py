"""A test whether rows are normal that needs no null ensemble.

A normal distribution of moments that were measured is not that of the rows: the moments are a
little off, and where there are few rows per axis this is seen at once. So each row is held against
the moments of other rows, and the error of these is taken out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.errors import AnalysisError
from latent_analyze.sources.seeding import keyed_rng
from latent_analyze.statistics.samples import MAX_ROWS, comparable, some_rows
from latent_analyze.statistics.two_sample import TwoSample, two_sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEAST_ROWS = 60
"""With fewer rows there are too few for a frame, for first moments and for a comparison."""

ROWS_PER_COMPONENT = 4
"""Rows after the frame's for each component that is kept."""

BLOCK = 64


def against_gaussian(rows: NDArray[Any], *, seed: int, max_rows: int = MAX_ROWS) -> TwoSample:
    """Test whether rows are normally distributed, with whatever mean and covariance.

    Each row is whitened by mean and covariance of the rows before it, and what the error of these
    moments does to it is undone (`recursive_residuals`). If the rows are normal, the result is
    exactly standard normal, whatever the number of rows and axes, and is compared with as many
    draws that are (`two_sample`, where it is x). A quarter of the rows only gives the frame: the
    principal components, as many as there are four further rows for; the test is about these, in
    latent units. The effect is about the normal distribution that the rows before each predict.

    Parameters
    ----------
    rows
        Shape (n, dim), independent.
    max_rows
        Rows that are used, a seeded choice.

    Raises
    ------
    AnalysisError
        For fewer than 60 rows, values that are not finite, or rows that are all alike.
    """
    (z,) = comparable(rows=rows)
    if len(z) < LEAST_ROWS:
        raise AnalysisError(
            f"at least {LEAST_ROWS} rows to test whether they are normal",
            found=f"{len(z)}",
            next_step="encode more rows",
        )
    rng = keyed_rng(seed, "against_gaussian")
    z = some_rows(z, rng, max_rows)
    learn, rest = np.split(z, [len(z) // 4])
    frame, scale = _principal_frame(learn, len(rest))
    first = _first(len(rest), len(scale))
    residuals = recursive_residuals((rest - learn.mean(axis=0)) @ frame, first) * scale
    draws = rng.standard_normal(residuals.shape) * scale
    return two_sample(residuals, draws, seed=seed, max_rows=max_rows)


def _principal_frame(learn: Array, rest: int) -> tuple[Array, Array]:
    """Return principal components, (dim, k), and the standard deviation along each, (k,)."""
    centered = learn - learn.mean(axis=0)
    _, lengths, directions = np.linalg.svd(centered, full_matrices=False)
    size = np.finfo(np.float32).eps * np.abs(learn).max() * np.sqrt(learn.size)
    keep = min(int(np.sum(lengths > size)), rest // ROWS_PER_COMPONENT)
    if not keep:
        raise AnalysisError(
            "rows that differ",
            found=f"{len(learn)} that are all alike",
            next_step="check that the encoder's output depends on its input",
        )
    return directions[:keep].T, lengths[:keep] / np.sqrt(len(learn) - 1)


def _first(count: int, dim: int) -> int:
    """Return the first row to whiten: the moments of barely more rows than axes are mere noise."""
    return dim + 1 + min(max(dim // 2, 8), (count - dim) // 2)


def recursive_residuals(rows: Array, first: int) -> Array:
    """Return rows made standard normal by the rows before them.

    Row i, whitened by the Cholesky factor of the covariance of rows 0 to i - 1, has along each
    axis, given the axes before it, a t-distribution that does not depend on the moments. Mapped to
    the normal one, the values are independent and N(0, 1), exactly, if the rows are normal with any
    mean and covariance: conditional probability integral transforms (Rincon-Gallardo, Quesenberry &
    O'Reilly 1979) of recursive residuals (Brown, Durbin & Evans 1975). Other rows keep their shape,
    the better the more rows came before.

    Parameters
    ----------
    rows
        Shape (n, dim), finite, of full rank.
    first
        The first row to return, at least dim + 1.

    Returns
    -------
    Shape (n - first, dim).
    """
    from scipy.special import ndtri, stdtr

    white = _whitened_by_earlier(rows, first)
    before = np.cumsum(white**2, axis=1) - white**2
    freedom = np.arange(first - 1, len(rows) - 1)[:, None] - np.arange(rows.shape[1])
    student = white * np.sqrt(freedom / (1 + before))
    tail = np.maximum(stdtr(freedom, -np.abs(student)), 1e-300)
    return np.asarray(-np.sign(student) * ndtri(tail))


def _whitened_by_earlier(rows: Array, first: int) -> Array:
    """Return deviations from the mean of the rows before, whitened by the scatter of these.

    A factor per block, and within the block updates by one row after the other, applied to all
    rows that follow: the factor of I + a a' has a closed form.
    """
    from scipy.linalg import solve_triangular

    number = np.arange(1, len(rows))[:, None]
    means = np.cumsum(rows, axis=0)[:-1] / number
    deviations = (rows[1:] - means) * np.sqrt(number / (number + 1))
    scatter = deviations[: first - 1].T @ deviations[: first - 1]
    found = []
    for start in range(first - 1, len(deviations), BLOCK):
        block = deviations[start : start + BLOCK]
        factor = np.linalg.cholesky(scatter)
        white = solve_triangular(factor, block.T, lower=True).T
        for i in range(len(white) - 1):
            white[i + 1 :] = _updated(white[i + 1 :], white[i])
        found.append(white)
        scatter = scatter + block.T @ block
    return np.concatenate(found)


def _updated(white: Array, row: Array) -> Array:
    """Return whitened rows after the scatter has grown by the outer product of a whitened row."""
    grown = 1 + np.cumsum(row**2)
    before = grown - row**2
    shared = np.cumsum(white * row, axis=1) - white * row
    return np.asarray((white - row * shared / before) * np.sqrt(before / grown))
