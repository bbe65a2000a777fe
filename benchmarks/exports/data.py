"""Data sets made on the spot: digits of scikit-learn, and synthetic rows of other kinds."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
ROWS, TRAINING = 300, 400
"""Rows of a case's data, which are the first of those that its model is trained on."""


@cache
def _digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from sklearn.datasets import load_digits

    found = load_digits()
    return np.round(found.images / 16 * 255).astype(np.uint8), found.target.astype(np.int64)


def digits(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return gray images (n, 8, 8, 1) and their labels."""
    images, labels = _digits()
    rows = rng.permutation(len(images))[:TRAINING]
    return images[rows][..., None], labels[rows]


def colored_digits(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images (n, 8, 8, 3), each in one of three tints, and their labels."""
    images, labels = digits(rng)
    tints = np.array([[1.0, 0.35, 0.1], [0.8, 0.6, 0.15], [1.0, 0.5, 0.4]])
    tint = tints[rng.integers(0, 3, len(images))][:, None, None]
    return np.round(images * tint).astype(np.uint8), labels


def photos(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return smooth color images (n, 8, 8, 3) whose moments are near those of natural photos."""
    waves = np.stack([np.cos(np.pi * k * (np.arange(8) + 0.5) / 8) for k in range(3)])
    parts = rng.standard_normal((TRAINING, 4, 3, 3)) / (1 + np.add.outer(range(3), range(3)))
    smooth = np.einsum("ncij,ih,jw->nhwc", parts, waves, waves)
    gray, tint = smooth[..., :1], smooth[..., 1:]
    mixed = gray + 0.35 * tint
    middle = np.array([0.47, 0.44, 0.40]) + 0.03 * rng.standard_normal(3)
    spread = 0.23 * (1 + 0.1 * rng.standard_normal())
    images = middle + spread * mixed / mixed.std(axis=(0, 1, 2))
    return np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)


def table(rng: np.random.Generator, kind: str = "raw") -> Array:
    """Return rows (n, 10) of three factors: raw, in [0, 1], or nearly standardized."""
    factors = rng.standard_normal((TRAINING, 3))
    noise = 0.2 * rng.standard_normal((TRAINING, 10))
    rows = factors @ rng.standard_normal((3, 10)) + noise
    if kind == "unit":
        rows = (rows - rows.min(0)) / (rows.max(0) - rows.min(0))
    elif kind == "standard":
        rows = (rows - rows.mean(0)) / rows.std(0) * 0.97 + 0.04
    elif kind == "positive":
        rows = np.exp(rows / 2)
    return rows.astype(np.float32)


def waves(rng: np.random.Generator, length: int, channels: int, top: float = 2.0) -> Array:
    """Return sine waves (n, length, channels), with values in about [-2 top, 2 top]."""
    time = np.linspace(0, 1, length)[None, :, None]
    phase = rng.uniform(0, 2 * np.pi, (TRAINING, 1, 1))
    height = rng.uniform(0.3, 1, (TRAINING, 1, 1)) * top
    steps = np.arange(channels)[None, None] * 0.7
    base = height * np.sin(2 * np.pi * time * 1.5 + phase + steps)
    return (base + 0.08 * top * rng.standard_normal(base.shape)).astype(np.float32)


def volumes(rng: np.random.Generator, size: int = 8) -> Array:
    """Return blobs (n, size, size, size) in [0, 1]."""
    grid = np.stack(np.meshgrid(*[np.arange(size)] * 3, indexing="ij"))[None]
    center = rng.uniform(2, size - 3, (TRAINING, 3, 1, 1, 1))
    width = rng.uniform(1.5, 3.0, (TRAINING, 1, 1, 1))
    return np.exp(-((grid - center) ** 2).sum(1) / (2 * width**2)).astype(np.float32)


def tokens(rng: np.random.Generator, length: int = 12) -> tuple[NDArray[np.int64], ...]:
    """Return token ids (n, length) with padding of 0, and their mask."""
    ids = rng.integers(1, 40, (ROWS, length))
    mask = np.arange(length)[None] < rng.integers(3, length + 1, (ROWS, 1))
    return ids * mask, mask.astype(np.int64)
