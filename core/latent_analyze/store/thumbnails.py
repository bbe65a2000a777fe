"""Thumbnails: small images of the rows, saved with the latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEFAULT_SIDE = 32
"""Default length of the longer side of a thumbnail, in pixels."""


def thumbnail_shape(item: tuple[int, ...], side: int) -> tuple[int, int, int] | None:
    """Return (height, width, channel) for images (H, W) or (H, W, C); None for other shapes.

    The longer side becomes `side`; smaller images keep their size.
    """
    if side < 1 or len(item) not in (2, 3) or min(item) < 1:
        return None
    height, width = item[:2]
    scale = min(1.0, side / max(height, width))
    channel = item[2] if len(item) == 3 else 1
    return max(1, round(height * scale)), max(1, round(width * scale)), channel


def make_thumbnails(x: NDArray[np.float32], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return images (n, H, W[, C]) in [0, 1] as uint8 (n, *shape), resized by area averages."""
    height, width, channel = shape
    images = x.reshape(*x.shape[:3], channel)
    if images.shape[1:3] != (height, width):
        rows, columns = _area_weights(x.shape[1], height), _area_weights(x.shape[2], width)
        # (n, H, W, C) -> (n, h, W * C) -> (n, h, w, C), by two matrix products.
        narrow = rows @ images.reshape(len(x), x.shape[1], -1)
        images = columns @ narrow.reshape(len(x), height, x.shape[2], channel)
    return np.rint(np.clip(np.nan_to_num(images), 0, 1) * 255).astype(np.uint8)


def _area_weights(size: int, target: int) -> NDArray[np.float32]:
    """Return the weight of each of `size` pixels in each of `target` pixels; rows sum to one."""
    edges = np.linspace(0, size, target + 1)
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights: NDArray[np.float64] = np.maximum(overlap, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype(np.float32)
