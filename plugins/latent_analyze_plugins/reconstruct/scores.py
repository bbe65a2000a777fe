"""Errors of reconstructed images, one number per image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALLEST = 1e-7
"""Probabilities are kept this far from 0 and 1 before their logarithm is taken, as Keras does."""

SIGMA, RADIUS = 1.5, 5
"""Window of structural similarity: a Gaussian over 11 x 11 pixels (Wang et al. 2004)."""

C1, C2 = 0.01**2, 0.03**2
"""Constants of structural similarity for pixel values in [0, 1] (Wang et al. 2004)."""


def mean_squared(original: NDArray[Any], decoded: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean squared error per row, shape (n, ...) -> (n,)."""
    difference = original.astype(np.float64) - decoded
    return (difference**2).reshape(len(difference), -1).mean(axis=1)


def cross_entropy(original: NDArray[Any], decoded: NDArray[Any]) -> NDArray[np.float64]:
    """Return the binary cross-entropy per row in nats, averaged over pixels; values in [0, 1].

    With itself an image has the entropy of its pixels, which is 0 for black and white only.
    """
    x = np.clip(original.astype(np.float64), 0, 1)
    y = np.clip(decoded.astype(np.float64), SMALLEST, 1 - SMALLEST)
    nats = -(x * np.log(y) + (1 - x) * np.log1p(-y))
    return nats.reshape(len(nats), -1).mean(axis=1)


def structural_similarity(
    original: NDArray[Any], decoded: NDArray[Any]
) -> NDArray[np.float64] | None:
    """Return the mean structural similarity per image (Wang et al. 2004, equation 13).

    Averaged over channels and over the places where the window lies within the image. The window
    shrinks with images of fewer than 11 pixels on a side.

    Parameters
    ----------
    original, decoded
        Shape (n, height, width, channel), values in [0, 1].

    Returns
    -------
    similarity
        Shape (n,), from -1 to 1 for equal images; None below 3 pixels on a side.
    """
    radius = min(RADIUS, (min(original.shape[1:3]) - 1) // 2)
    if radius < 1:
        return None
    x, y = (np.clip(images.astype(np.float64), 0, 1) for images in (original, decoded))
    mean_x, mean_y = _blur(x, radius), _blur(y, radius)
    variance_x = _blur(x * x, radius) - mean_x**2
    variance_y = _blur(y * y, radius) - mean_y**2
    covariance = _blur(x * y, radius) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    structure = (2 * covariance + C2) / (variance_x + variance_y + C2)
    return (luminance * structure).mean(axis=(1, 2, 3))


def _blur(images: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    """Return the weighted mean over the window at each place where it lies within the image."""
    from scipy.ndimage import correlate1d

    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / SIGMA) ** 2)
    weights /= weights.sum()
    inside = slice(radius, -radius)
    rows = correlate1d(images, weights, axis=1)[:, inside]
    return correlate1d(rows, weights, axis=2)[:, :, inside]
