"""The exact judge of colored shapes: a good image is one that the renderer can make, or nearly.

The bound on what may stay unexplained is that of real test images under a slight blur, which 98 %
of them pass. The blur is the widest of `WIDTHS` under which the factors of real images are still
found: nothing that an image shows is lost by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sampling.data import Labels, Pixels, write_arrays
from sampling.fitting import Fit, fit
from sampling.judge import REAL_PASS, Answers, Verdicts
from sampling.shapes import Factors, contrast, draw_shapes

WIDTHS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
"""Blurs that are tried, standard deviations in pixels."""
FOUND = 0.98
"""Share of the images whose kind and place must be found."""
NEAR = 0.5
"""Pixels that a found position may be off."""
WINDOW = 5
"""Side in pixels of the worst window."""
LEAST = 1e-6
"""Share of the energy below which nothing counts as unexplained: images are stored as bytes."""


class ShapeJudge:
    """Two measures of what the best rendering leaves unexplained: in all, and in one window.

    Parameters
    ----------
    real
        Answers for real test images under the blur that is allowed.
    """

    name = "own"
    members: tuple[str, ...] = ("total", "window")

    def __init__(self, real: Answers) -> None:
        self._real = real

    @classmethod
    def open(cls, folder: Path) -> ShapeJudge:
        """Open what `make_judge` wrote."""
        with np.load(folder / "real.npz") as arrays:
            return cls(arrays["answers"])

    def ask(self, x: Pixels) -> Answers:
        """Return, per measure, the logarithm of what is unexplained and the kind, (2, n, 2)."""
        return answers_of(fit(x))

    def verdicts(
        self, answers: Answers, held_out: Answers, members: Sequence[int] | None = None
    ) -> Verdicts:
        """Return the verdicts of one measure, or of both: by the mean of their logarithms."""
        chosen = list(range(len(self.members)) if members is None else members)
        bound = np.quantile(self._real[chosen, :, 0].mean(axis=0), REAL_PASS)
        score = bound - answers[chosen, :, 0].mean(axis=0).astype(np.float64)
        none = np.zeros(len(score), bool)
        return Verdicts(score, score >= 0, none, answers[0, :, 1].astype(np.int64))


def answers_of(found: Fit) -> Answers:
    """Return both measures of what a fit leaves unexplained, and its kinds, (2, n, 2)."""
    # What a window of nothing but the shape's contrast would have.
    full = WINDOW**2 * (contrast(found.factors) ** 2).sum(axis=1)
    means = ndimage.uniform_filter(found.error.sum(axis=3), (0, WINDOW, WINDOW), mode="constant")
    worst = means.max(axis=(1, 2)) * WINDOW**2 / full
    logs = [np.log(np.maximum(share, LEAST)) for share in (found.residual, worst)]
    return np.stack([np.stack([log, found.kind], axis=1) for log in logs]).astype(np.float32)


def make_judge(folder: Path, *, images: int = 1500, seed: int = 0) -> dict[str, dict[str, float]]:
    """Choose the blur, write the answers for real images under it, and return what was tried.

    Returns
    -------
    Width -> shares of images whose kind and whose place were found.
    """
    rng = np.random.default_rng([seed, 7])
    x, kinds, factors = draw_shapes(images, rng)
    tried, chosen = {}, None
    for width in WIDTHS:
        found = fit(blur(x, width))
        shares = recovered(found, kinds, factors)
        tried[f"{width:g}"] = shares
        if min(shares.values()) < FOUND:
            break
        chosen = answers_of(found)
    if chosen is None:
        raise SystemExit(f"expected factors found under a blur of {WIDTHS[0]}, found {tried}")
    write_arrays(folder / "real.npz", answers=chosen)
    return tried


def blur(x: Pixels, width: float) -> Pixels:
    """Return images under a Gaussian blur, as bytes store them."""
    soft = ndimage.gaussian_filter(x, (0, width, width, 0))
    return (np.rint(soft * 255) / 255).astype(np.float32)


def recovered(found: Fit, kinds: Labels, factors: Factors) -> dict[str, float]:
    """Return the shares of images whose kind and whose position were found."""
    apart: NDArray[np.float64] = np.abs(found.factors[:, :2] - factors[:, :2]).max(axis=1)
    return {"kind": float((found.kind == kinds).mean()), "place": float((apart <= NEAR).mean())}
