"""The judge: a small digit classifier, and k-NN precision in the space of its features.

It knows images and labels alone, no z-point, and shares no code with the analysis it is held
against.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEATURES = 64
BATCH = 256
WORKING_MEMORY = 64
"""MiB of distances held at once."""


@dataclass(frozen=True)
class Digits:
    """Images (n, 28, 28, 1) in [0, 1] and digits (n,), of both splits."""

    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]

    @classmethod
    def load(cls, path: Path) -> Digits:
        """Read Keras' ``mnist.npz``."""
        with np.load(path) as arrays:
            pixels = [arrays[f"x_{part}"].astype(np.float32) for part in ("train", "test")]
            labels = [arrays[f"y_{part}"].astype(np.int64) for part in ("train", "test")]
        x_train, x_test = (values[..., None] / 255 for values in pixels)
        return cls(x_train, labels[0], x_test, labels[1])


@dataclass(frozen=True)
class Verdicts:
    """What the judge says of n images.

    Attributes
    ----------
    good
        Whether each lies within the k-NN radius of some test image, shape (n,).
    strict
        The same for the half of the test images with the smallest radii: those of outliers reach
        far into nowhere. The rule is that of the realism score of Kynkäänniemi et al. (2019).
    certainty
        The classifier's largest class probability, shape (n,).
    """

    good: NDArray[np.bool_]
    strict: NDArray[np.bool_]
    certainty: NDArray[np.float32]

    @property
    def shares(self) -> dict[str, float]:
        """Precision by both rules, and mean certainty."""
        return {
            "precision": float(self.good.mean()),
            "strict precision": float(self.strict.mean()),
            "certainty": float(self.certainty.mean()),
        }


class Judge:
    """Compares images with test images in the space of a classifier's last hidden layer.

    The radius of a test image is the distance from its features to those of its k-th nearest test
    image (Kynkäänniemi et al. 2019). The classifier was trained on the training images.
    """

    def __init__(self, digits: Digits, neighbors: int, *, epochs: int, seed: int) -> None:
        self._classifier = train(digits, epochs, seed)
        self._real, probabilities = self._see(digits.x_test)
        self.accuracy = float((probabilities.argmax(axis=1) == digits.y_test).mean())
        # The nearest of all is the image itself, at place 0.
        (self._radii,) = _over_chunks(
            self._real, self._real, lambda d: (np.partition(d, neighbors)[:, neighbors],)
        )
        self._small = self._radii <= np.median(self._radii)

    def verdicts(self, x: NDArray[np.float32]) -> Verdicts:
        """Judge images (n, 28, 28, 1)."""
        features, probabilities = self._see(x)
        good, strict = _over_chunks(features, self._real, self._within)
        return Verdicts(good, strict, probabilities.max(axis=1))

    def _within(self, distances: NDArray[np.float32]) -> tuple[NDArray[np.bool_], ...]:
        inside = np.asarray(distances <= self._radii)
        return np.any(inside, axis=1), np.any(inside[:, self._small], axis=1)

    def _see(self, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        features, probabilities = self._classifier.predict(x, BATCH, verbose=0)
        return features, probabilities


def train(digits: Digits, epochs: int, seed: int) -> Any:
    """Return a Keras model from images to (features, class probabilities), seeded."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    image = x = keras.Input((28, 28, 1))
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    features = layers.Dense(FEATURES, activation="relu")(layers.Flatten()(x))
    probabilities = layers.Dense(10, activation="softmax")(features)
    classifier = keras.Model(image, probabilities)
    classifier.compile("adam", "sparse_categorical_crossentropy")
    classifier.fit(digits.x_train, digits.y_train, 128, epochs, verbose=0)
    return keras.Model(image, [features, probabilities])


def _over_chunks(one: NDArray[Any], two: NDArray[Any], reduce: Any) -> list[NDArray[Any]]:
    """Return the arrays that `reduce` makes of the distances, some rows of `one` at a time."""
    from sklearn.metrics import pairwise_distances_chunked

    chunks = pairwise_distances_chunked(
        one, two, reduce_func=lambda d, _: reduce(d), working_memory=WORKING_MEMORY
    )
    return [np.concatenate(parts) for parts in zip(*chunks, strict=True)]
