"""Colored shapes of known factors: the renderer, and the data set made with it.

One shape per image: a disc, a square, a triangle or a cross, in front of a gray background.
Lengths are in pixels of 32 x 32, angles in radians, positions those of pixel centers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sampling.data import Labels, Pixels, write_arrays

SIDE = 32
KINDS = ("disc", "square", "triangle", "cross")
FACTORS = ("x", "y", "size", "angle", "hue", "background")
Factors = NDArray[np.float64]
"""One row per image, columns as in `FACTORS`."""

LOW = np.array([11.0, 11.0, 4.0, 0.0, 0.0, 0.0])
HIGH = np.array([21.0, 21.0, 8.0, 2 * np.pi, 1.0, 0.6])
"""Range of each factor; the data are uniform in it. Angle and hue are cyclic."""
PERIODS = np.array([2 * np.pi, np.pi / 2, 2 * np.pi / 3, np.pi / 2])
"""Angle after which each kind looks the same; a disc always does."""

_AXIS = np.arange(SIDE, dtype=np.float32)
_X, _Y = (grid.ravel() for grid in np.meshgrid(_AXIS, _AXIS))
# So that all kinds of one size have about the same area: that of a disc of this radius.
_SQUARE, _TRIANGLE, _ARM, _ARM_WIDTH = 0.886, 0.778, 1.19, 0.40


def coverage(kind: int, factors: Factors) -> NDArray[np.float32]:
    """Return the share of each pixel that a shape of one kind covers, (n, pixels)."""
    x, y, size, angle = factors[:, :4].astype(np.float32).T[:, :, None]
    cos, sin = np.cos(angle), np.sin(angle)
    u = cos * (_X - x) + sin * (_Y - y)
    v = cos * (_Y - y) - sin * (_X - x)
    return np.clip(np.float32(0.5) - _outside(KINDS[kind], u, v, size), 0, 1)


def _outside(
    kind: str, u: NDArray[np.float32], v: NDArray[np.float32], size: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return how far points are outside the nearest side of a shape; negative inside."""
    if kind == "disc":
        return np.hypot(u, v) - size
    if kind == "triangle":
        slanted = np.abs(u) * np.float32(np.sqrt(3) / 2) - v / 2
        return np.maximum(slanted, v) - _TRIANGLE * size
    u, v = np.abs(u), np.abs(v)
    if kind == "square":
        return np.maximum(u, v) - _SQUARE * size
    long, short = _ARM * size, _ARM_WIDTH * size
    return np.minimum(np.maximum(u - long, v - short), np.maximum(u - short, v - long))


def color(hue: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the colors (n, 3) of hues (n,): smooth and cyclic."""
    return 0.5 + 0.45 * np.cos(2 * np.pi * (hue[:, None] - np.arange(3) / 3))


def contrast(factors: Factors) -> NDArray[np.float64]:
    """Return the shape's color minus that of the background, (n, 3)."""
    return color(factors[:, 4]) - factors[:, 5:6]


def render(kind: int, factors: Factors) -> NDArray[np.float32]:
    """Return images (n, pixels, 3) of one kind."""
    between = contrast(factors).astype(np.float32)
    ground = factors[:, None, 5:6].astype(np.float32)
    return ground + coverage(kind, factors)[:, :, None] * between[:, None, :]


def draw_factors(count: int, rng: np.random.Generator) -> Factors:
    """Return factors, uniform in their ranges."""
    return rng.uniform(LOW, HIGH, (count, len(LOW)))


def draw_shapes(count: int, rng: np.random.Generator) -> tuple[Pixels, Labels, Factors]:
    """Return images (n, SIDE, SIDE, 3), kinds and factors."""
    kinds, factors = rng.integers(0, len(KINDS), count), draw_factors(count, rng)
    images = np.empty((count, SIDE * SIDE, 3), np.float32)
    for kind in range(len(KINDS)):
        images[kinds == kind] = render(kind, factors[kinds == kind])
    return images.reshape(count, SIDE, SIDE, 3), kinds, factors


def write_shapes(path: Path, *, train: int = 24000, test: int = 10000, seed: int = 0) -> None:
    """Write the data set as uint8 in the layout of Keras' ``mnist.npz``; classes are the kinds."""
    rng = np.random.default_rng([seed, SIDE])
    arrays = {}
    for part, count in (("train", train), ("test", test)):
        images, kinds, _ = draw_shapes(count, rng)
        arrays[f"x_{part}"] = np.rint(images * 255).astype(np.uint8)
        arrays[f"y_{part}"] = kinds.astype(np.uint8)
    write_arrays(path, **arrays)
