"""The data sets: MNIST, clean and noisy, 8 x 8 digits, and colored shapes of known factors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
"""Images (n, H, W, C) in [0, 1]."""
Labels = NDArray[np.int64]

NAMES = ("mnist", "noisy", "digits", "shapes")
"""``noisy`` is MNIST under noise, for models that take it away."""
NOISE = 0.3
"""Standard deviation of the noise of ``noisy``, before values are clipped to [0, 1]."""


def write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Write an ``.npz`` file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **arrays)
    partial.replace(path)


@dataclass(frozen=True)
class Images:
    """Images (n, H, W, C) in [0, 1] and classes (n,), of both splits."""

    x_train: Pixels
    y_train: Labels
    x_test: Pixels
    y_test: Labels

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W, C)."""
        return self.x_train.shape[1:]


def load(name: str, folder: Path, mnist: Path) -> Images:
    """Return one of `NAMES`; that of shapes is written into `folder` if it is not there.

    Parameters
    ----------
    name
        One of `NAMES`.
    folder
        Folder of everything that this benchmark makes.
    mnist
        Keras' ``mnist.npz``.
    """
    if name == "digits":
        return small_digits()
    images = from_arrays(shapes_file(folder) if name == "shapes" else mnist)
    return with_noise(images) if name == "noisy" else images


def location(name: str, folder: Path, mnist: Path) -> str:
    """Return where `latent-analyze` finds the data set; for noisy images, the clean ones."""
    if name == "digits":
        return "digits"
    return str(shapes_file(folder) if name == "shapes" else mnist)


def with_noise(images: Images, seed: int = 0) -> Images:
    """Return the images under Gaussian noise of standard deviation `NOISE`, clipped to [0, 1]."""
    rng = np.random.default_rng([seed, 8])
    noisy = [
        np.clip(x + NOISE * rng.standard_normal(x.shape, np.float32), 0, 1).astype(np.float32)
        for x in (images.x_train, images.x_test)
    ]
    return Images(noisy[0], images.y_train, noisy[1], images.y_test)


def from_arrays(path: Path) -> Images:
    """Read a file with the layout of Keras' ``mnist.npz``, uint8."""
    with np.load(path) as arrays:
        parts = [arrays[f"{kind}_{part}"] for part in ("train", "test") for kind in "xy"]
    x_train, y_train, x_test, y_test = parts
    pixels = [_with_channels(x).astype(np.float32) / 255 for x in (x_train, x_test)]
    return Images(pixels[0], y_train.astype(np.int64), pixels[1], y_test.astype(np.int64))


def _with_channels(x: NDArray[Any]) -> NDArray[Any]:
    return x[..., None] if x.ndim == 3 else x


def small_digits() -> Images:
    """Return the product's own split of scikit-learn's 1,797 digits."""
    from latent_analyze_adapters.images.digits import Digits

    dataset = Digits()
    items = dataset.read(np.arange(dataset.count))
    digit = np.asarray(items.labels["digit"]).astype(np.int64)
    test = np.asarray(items.labels["split"]).astype(str) == "test"
    x = np.asarray(items.x, np.float32)
    return Images(x[~test], digit[~test], x[test], digit[test])


def shapes_file(folder: Path) -> Path:
    """Return the file of the colored shapes; write it if it is not there."""
    path = folder / "shapes.npz"
    if not path.exists():
        from sampling.shapes import write_shapes

        folder.mkdir(parents=True, exist_ok=True)
        write_shapes(path)
    return path
