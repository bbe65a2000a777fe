"""A latent space to sample: the model, the rows it was trained on, and rows it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sampling.data import Images, Labels, Pixels

Z = NDArray[np.float64]
"""z-points (n, dim)."""

REFERENCE = 20000
"""Training rows that samplers are fitted to, at most."""
HELD_OUT_SHARE = 0.6
"""Of the test rows: calibration of a statistic and judged held-out data; attacks get the rest."""
BATCH = 500


@dataclass(frozen=True, repr=False)
class Space:
    """What a statistic may see; there is no judge in it.

    Attributes
    ----------
    encode, decode
        Images (n, H, W, C) to z-points (n, dim), and back; any n.
    images
        Both splits; the model was trained on the training split.
    seed
        Of which rows are used for what.
    """

    encode: Callable[[Pixels], Z]
    decode: Callable[[Z], Pixels]
    images: Images
    seed: int

    @cached_property
    def _train(self) -> Labels:
        rng = np.random.default_rng([self.seed, 1])
        return rng.permutation(len(self.images.x_train))[:REFERENCE]

    @cached_property
    def _test(self) -> list[Labels]:
        count = len(self.images.x_test)
        order = np.random.default_rng([self.seed, 2]).permutation(count)
        return np.split(order, [int(count * 0.4), int(count * HELD_OUT_SHARE)])

    @cached_property
    def reference(self) -> Z:
        """z-points of training rows: samplers are fitted to them, and statistics may be."""
        return self.encode(self.images.x_train[self._train])

    @property
    def reference_images(self) -> Pixels:
        """The training rows behind `reference`."""
        return self.images.x_train[self._train]

    @cached_property
    def calibration(self) -> Z:
        """z-points of test rows that a statistic is compared with."""
        return self.encode(self.calibration_images)

    @property
    def calibration_images(self) -> Pixels:
        """The test rows behind `calibration`."""
        return self.images.x_test[self._test[0]]

    @cached_property
    def held_out(self) -> Z:
        """z-points of further test rows: the source "held-out" of the tables."""
        return self.encode(self.images.x_test[self._test[1]])

    @property
    def attacked(self) -> tuple[Pixels, Labels]:
        """Images and classes of the remaining test rows, which attacks are made of."""
        rows = self._test[2]
        return self.images.x_test[rows], self.images.y_test[rows]


def open_space(bundle: Path, images: Images, seed: int) -> Space:
    """Open the latent space of a bundle with the product's own adapters.

    Parameters
    ----------
    bundle
        Folder that `latent-analyze train` or this benchmark wrote.
    images
        The data it was trained on.
    seed
        Of which rows are used for what.
    """
    from latent_analyze.plugin import Host
    from latent_analyze.runs.opening import open_model

    model, _ = open_model(str(bundle), Host())

    def encode(x: Pixels) -> Z:
        return in_batches(lambda part: model.encode(part.astype(np.float32)).mu, x).astype(float)

    def decode(z: Z) -> Pixels:
        return in_batches(lambda part: model.decode(part.astype(np.float32)), z)

    return Space(encode, decode, images, seed)


def in_batches(
    function: Callable[[NDArray[Any]], NDArray[Any]], rows: NDArray[Any]
) -> NDArray[Any]:
    """Apply a function to some rows at a time."""
    parts = [function(rows[i : i + BATCH]) for i in range(0, len(rows), BATCH)]
    return np.concatenate(parts)
