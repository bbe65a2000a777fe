"""Junk made of outputs of the data: a test that lets it pass cannot tell good from bad."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latent_analyze_plugins.random_decode.image_cycle import smoothed

Rows = NDArray[np.float32]

GRID = 4
"""Patches along each side of an image that are shuffled."""

BLUR = 1 / 11
"""Width of a blur, relative to the shorter side: 2.5 pixels of 28."""


def make_junk(rows: Rows, rng: np.random.Generator, *, image: bool) -> dict[str, Rows]:
    """Return kinds of junk, each of the shape of `rows` (n, *row), n >= 2.

    Blends are means of two rows, halves have the left of one and the right of another. Images are
    also blurred, and cut into patches that are shuffled; other rows get each value from a row of
    its own.
    """
    others = np.roll(rows, 1 + int(rng.integers(len(rows) - 1)), axis=0)
    blends: Rows = (rows + others) / np.float32(2)
    found = {"blends of two": blends, "halves of two": _halves(rows, others, image)}
    if not image:
        return found | {"values of many": _shuffled_values(rows, rng)}
    return found | {
        "blurred": smoothed(rows, BLUR),
        "shuffled patches": _shuffled_patches(rows, rng),
    }


def _halves(rows: Rows, others: Rows, image: bool) -> Rows:
    """Return the first half of one row and the second of another: of images, left and right."""
    axis = 2 if image else 1
    middle = rows.shape[axis] // 2
    parts = (
        np.take(rows, range(middle), axis),
        np.take(others, range(middle, rows.shape[axis]), axis),
    )
    return np.concatenate(parts, axis=axis)


def _shuffled_patches(images: Rows, rng: np.random.Generator) -> Rows:
    """Return images cut into 4 x 4 patches in random order; a remainder at the edges stays."""
    high, wide = (length // GRID for length in images.shape[1:3])
    found = images.copy()
    places = [(slice(a * high, (a + 1) * high), slice(b * wide, (b + 1) * wide))
              for a in range(GRID) for b in range(GRID)]  # fmt: skip
    for row, image in zip(found, images, strict=True):
        for new, old in zip(places, rng.permutation(len(places)), strict=True):
            row[new] = image[places[old]]
    return found


def _shuffled_values(rows: Rows, rng: np.random.Generator) -> Rows:
    flat = rows.reshape(len(rows), -1)
    return rng.permuted(flat, axis=0).reshape(rows.shape)
