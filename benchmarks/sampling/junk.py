"""Images that are no digit, made from digits: what the judges learn to refuse, and what they must.

Each kind is a function of images (n, H, H, C) in [0, 1], their classes (n,) and a generator; it
returns about n images. Lengths are in pixels of a side of 28, and scale with the side. All but
`distorted` and `strokes` take images of several channels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from sampling.data import Labels, Pixels

Rng = np.random.Generator
Kind = Callable[[Pixels, Labels, Rng], Pixels]
Grays = NDArray[np.float32]
"""Images (n, H, H)."""


def permuted(x: Pixels, y: Labels, rng: Rng) -> Pixels:
    """Pixels in random order."""
    return rng.permuted(x.reshape(len(x), -1), axis=1).reshape(x.shape)


def blended(x: Pixels, y: Labels, rng: Rng) -> Pixels:
    """Weighted means of two digits of different classes."""
    one, two = _pairs(y, rng)
    weight = rng.uniform(0.35, 0.65, (len(one), 1, 1, 1)).astype(np.float32)
    return weight * x[one] + (1 - weight) * x[two]


def averaged(x: Pixels, y: Labels, rng: Rng) -> Pixels:
    """Means of three to eight digits, stretched to full contrast."""
    out = np.empty_like(x)
    for i in range(len(x)):
        mean = x[rng.integers(0, len(x), rng.integers(3, 9))].mean(axis=0)
        out[i] = np.clip(mean * rng.uniform(1, 1 / mean.max()), 0, 1)
    return out


def quadrants(x: Pixels, y: Labels, rng: Rng) -> Pixels:
    """A quarter each of four digits."""
    half, out = x.shape[1] // 2, x.copy()
    for rows, columns in ((0, half), (half, 0), (half, half)):
        other = x[rng.integers(0, len(x), len(x))]
        window = np.s_[:, rows : rows + half, columns : columns + half]
        out[window] = other[window]
    return out


def halved(x: Pixels, y: Labels, rng: Rng) -> Pixels:
    """The upper or left half of one digit, the other half of one of another class."""
    one, two = _pairs(y, rng)
    half, out = x.shape[1] // 2, x[one].copy()
    beside = rng.random(len(one)) < 0.5
    out[beside, :, half:] = x[two][beside, :, half:]
    out[~beside, half:] = x[two][~beside, half:]
    return out


def patches(x: Pixels, y: Labels, rng: Rng) -> Pixels:
    """Sixteen squares of a digit in random order."""
    side, channels = x.shape[1] // 4, x.shape[3]
    cut = x.reshape(-1, 4, side, 4, side, channels).swapaxes(2, 3)
    order = rng.permuted(np.tile(np.arange(16), (len(x), 1)), axis=1)
    flat = cut.reshape(len(x), 16, -1)
    cut = np.take_along_axis(flat, order[:, :, None], axis=1).reshape(cut.shape)
    return cut.swapaxes(2, 3).reshape(x.shape)


def blurred(x: Pixels, y: Labels, rng: Rng) -> Pixels:
    """Digits under a heavy blur, brightened."""
    out = smooth(x, rng.uniform(2.5, 4, len(x)))
    gain = rng.uniform(1, 2.5, (len(x), 1, 1, 1)).astype(np.float32)
    return np.clip(out * gain, 0, 1)


def noise(x: Pixels, y: Labels, rng: Rng) -> Pixels:
    """Gaussian noise, smoothed by different widths, of one contrast."""
    white = rng.standard_normal(x.shape).astype(np.float32)
    soft = smooth(white, rng.uniform(0.5, 4, len(x)))
    soft /= soft.std(axis=(1, 2, 3), keepdims=True)
    return np.clip(soft * 0.4 - 0.1, 0, 1)


def distorted(x: Pixels, y: Labels, rng: Rng) -> Pixels:
    """Digits whose pixels a smooth random field moves far."""
    side = x.shape[1]
    scale = side / 28
    grid = np.mgrid[:side, :side].astype(np.float32)
    field = rng.uniform(-1, 1, (len(x), 2, side, side))
    # A smaller side smooths over fewer pixels, so the field is larger: hence the square.
    field = grid + ndimage.gaussian_filter(field, (0, 0, 3 * scale, 3 * scale)) * 60 * scale**2
    moved = [
        ndimage.map_coordinates(one, way, order=1)
        for one, way in zip(x[..., 0], field, strict=True)
    ]
    return np.stack(moved)[..., None].astype(np.float32)


def strokes(x: Pixels, y: Labels, rng: Rng) -> Pixels:
    """Three to five curved strokes of a pen."""
    side = x.shape[1]
    return np.stack([_scribble(side, rng) for _ in range(len(x))])[..., None]


def maxima(x: Pixels, y: Labels, rng: Rng) -> Pixels:
    """The larger pixel of two digits of different classes."""
    one, two = _pairs(y, rng)
    return np.maximum(x[one], x[two])


def bands(x: Pixels, y: Labels, rng: Rng) -> Pixels:
    """Digits with every other band of rows or of columns erased."""
    side = x.shape[1]
    lines = np.arange(side)
    period = 7 * side / 28
    start = rng.uniform(0, period, (len(x), 1))
    keep = ((lines + start) % period < period / 2).astype(np.float32)
    upright = rng.random(len(x)) < 0.5
    mask = np.where(upright[:, None, None], keep[:, None, :], keep[:, :, None])
    return x * mask[..., None]


def pixel_gaussian(x: Pixels, y: Labels, rng: Rng) -> Pixels:
    """A Gaussian with the mean and the covariance of the pixels, clipped to [0, 1]."""
    flat = x.reshape(len(x), -1).astype(np.float64)
    mean = flat.mean(axis=0)
    # Linear combinations of centered rows have their covariance, without a square root of it.
    weights = rng.standard_normal((len(x), len(x))) / np.sqrt(len(x))
    drawn = mean + weights @ (flat - mean)
    return np.clip(drawn, 0, 1).reshape(x.shape).astype(np.float32)


TRAINED: dict[str, Kind] = {
    kind.__name__: kind
    for kind in (
        permuted, blended, averaged, quadrants, halved, patches, blurred, noise, distorted,
    )
}  # fmt: skip
"""What the judges are trained on."""

UNSEEN: dict[str, Kind] = {
    "strokes": strokes,
    "maxima": maxima,
    "bands": bands,
    "pixel Gaussian": pixel_gaussian,
}
"""What no judge has seen in training; at most 0.05 of each may pass."""


def mixture(x: Pixels, y: Labels, rng: Rng) -> Pixels:
    """Return about len(x) images, a like share of each kind of `TRAINED`."""
    rows = np.array_split(rng.permutation(len(x)), len(TRAINED))
    return np.concatenate(
        [kind(x[r], y[r], rng) for kind, r in zip(TRAINED.values(), rows, strict=True)]
    )


def _pairs(y: Labels, rng: Rng) -> tuple[Labels, Labels]:
    """Return rows of pairs of different classes, at most len(y) of them."""
    one, two = rng.permutation(len(y)), rng.permutation(len(y))
    differ = y[one] != y[two]
    return one[differ], two[differ]


def smooth(x: Pixels, widths: NDArray[np.float64]) -> Pixels:
    """Blur each image by a width of its own, in pixels of a side of 28."""
    scale = x.shape[1] / 28
    soft = [
        ndimage.gaussian_filter(image, (width * scale, width * scale, 0))
        for image, width in zip(x, widths, strict=True)
    ]
    return np.stack(soft).astype(np.float32)


def _scribble(side: int, rng: Rng) -> Grays:
    """Draw a few quadratic Bezier curves with a round, soft pen."""
    scale = side / 28
    t = np.linspace(0, 1, 40)[:, None]
    basis = np.concatenate([(1 - t) ** 2, 2 * t * (1 - t), t**2], axis=1)
    ends = rng.uniform(0.15 * side, 0.85 * side, (rng.integers(3, 6), 3, 2))
    points = np.concatenate([basis @ curve for curve in ends])
    grid = np.stack(np.mgrid[:side, :side], axis=-1).reshape(-1, 2) + 0.5
    distance, _ = KDTree(points).query(grid)
    pen = max(rng.uniform(1.0, 1.8) * scale, 0.6)
    return np.clip(pen + 0.5 - distance, 0, 1).reshape(side, side).astype(np.float32)
