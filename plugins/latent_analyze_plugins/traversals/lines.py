"""Lines through the mean along axes and principal components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import OptionError
from latent_analyze_plugins.shared.basis import second_moments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Context, Source
    from latent_analyze_plugins.traversals import TraversalsOptions
    from latent_analyze_plugins.traversals.decoding import Decoder

CANDIDATES = 64
"""Axes of largest spread among which those are sought that change the image most."""


@dataclass(frozen=True)
class Lines:
    """Straight lines through the mean.

    Attributes
    ----------
    names
        ``"axis 3"`` (from 0) and ``"component 1"`` (from 1).
    spreads
        Standard deviation along each line, shape (line,), latent units.
    places
        Shape (line, column, dim).
    changes
        How far the decoded images at plus and minus one standard deviation are apart: root mean
        square over pixels, shape (line,).
    """

    names: list[str]
    spreads: NDArray[np.float64]
    places: NDArray[np.float64]
    changes: NDArray[np.float64]


def make_lines(
    source: Source, context: Context, options: TraversalsOptions, decode: Decoder
) -> Lines:
    """Return the lines that the options ask for; fewer where the cloud has fewer dimensions."""
    moments = second_moments(source, context.seed)
    mean, std = moments.summary.mean, moments.summary.std
    axes, changes = _axes(mean, std, options, decode)
    variances, components = moments.components(options.n_components)
    widths = np.sqrt(variances[: len(components)])
    along = components * widths[:, None]
    sigmas = np.concatenate([_steps(axes, std), along])
    columns = np.linspace(-options.extent, options.extent, options.columns)
    return Lines(
        names=[f"axis {a}" for a in axes] + [f"component {c + 1}" for c in range(len(components))],
        spreads=np.concatenate([std[axes], widths]),
        places=mean + columns[:, None] * sigmas[:, None, :],
        changes=np.concatenate([changes, _change(mean, along, decode)]),
    )


def _axes(
    mean: NDArray[np.float64],
    std: NDArray[np.float64],
    options: TraversalsOptions,
    decode: Decoder,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return axes and how much they change the image, those that change it most first."""
    if options.axes == "auto":
        axes = np.argsort(-std, kind="stable")[:CANDIDATES]
        axes = axes[std[axes] > 0]
        changes = _change(mean, _steps(axes, std), decode)
        best = np.argsort(-changes, kind="stable")[: options.n_axes]
        return axes[best], changes[best]
    wrong = [axis for axis in options.axes if not 0 <= axis < len(std)]
    if wrong:
        raise OptionError(
            f"axes from 0 to {len(std) - 1} for traversals.axes", found=str(wrong[0]),
            next_step="choose others, or auto",
        )  # fmt: skip
    chosen = np.array(options.axes, np.int64)
    return chosen, _change(mean, _steps(chosen, std), decode)


def _steps(axes: NDArray[np.int64], std: NDArray[np.float64]) -> NDArray[np.float64]:
    steps = np.zeros((len(axes), len(std)))
    steps[np.arange(len(axes)), axes] = std[axes]
    return steps


def _change(
    mean: NDArray[np.float64], steps: NDArray[np.float64], decode: Decoder
) -> NDArray[np.float64]:
    """Return how far images one step to either side are apart, shape (step, dim) -> (step,)."""
    if not len(steps):
        return np.zeros(0)
    ends = decode(np.stack([mean - steps, mean + steps], axis=1))
    difference = ends[:, 1].astype(np.float64) - ends[:, 0]
    return np.sqrt((difference**2).reshape(len(steps), -1).mean(axis=1))
