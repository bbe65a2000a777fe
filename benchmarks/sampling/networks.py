"""The networks of the judge: four architectures, trained on digits and junk; needs Keras."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from scipy import ndimage

from sampling.data import Images, Labels, Pixels
from sampling.junk import mixture

CLASSES = 11
"""Ten digits, and "no digit"."""
NO_DIGIT = 10
BATCH = 256


def strided(side: int) -> keras.Model:
    """Convolutions of stride 2 in place of pooling."""
    image = x = keras.Input((side, side, 1))
    for filters, strides in ((24, 2), (32, 1), (64, 2)):
        x = layers.Conv2D(filters, 3, strides, padding="same", activation="relu")(x)
    x = layers.Dense(96, activation="relu")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(CLASSES)(x), name="strided")


def pooled(side: int) -> keras.Model:
    """Large kernels and pooling, as of LeCun et al. (1998)."""
    image = x = keras.Input((side, side, 1))
    for filters in (12, 24):
        x = layers.Conv2D(filters, 5, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(CLASSES)(layers.Dropout(0.3)(x)), name="pooled")


def residual(side: int) -> keras.Model:
    """Residual blocks with batch normalization and a global mean (He et al. 2016)."""
    image = keras.Input((side, side, 1))
    x = _normalized(layers.Conv2D(24, 3, 2, padding="same", use_bias=False)(image))
    for filters in (32, 64):
        short = layers.Conv2D(filters, 1, 2, padding="same", use_bias=False)(x)
        x = _normalized(layers.Conv2D(filters, 3, 2, padding="same", use_bias=False)(x))
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = _normalized(layers.Add()([short, x]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(CLASSES)(x), name="residual")


def mixer(side: int) -> keras.Model:
    """Patches, mixed over space and over channels in turn (Trockman and Kolter 2022)."""
    patch = max(side // 7, 1)
    image = keras.Input((side, side, 1))
    x = _normalized(layers.Conv2D(64, patch, patch, use_bias=False)(image))
    for _ in range(4):
        mixed = layers.DepthwiseConv2D(5, padding="same", use_bias=False)(x)
        x = layers.Add()([x, _normalized(mixed)])
        x = _normalized(layers.Conv2D(64, 1, use_bias=False)(x))
    x = layers.Flatten()(layers.Conv2D(16, 1, activation="relu")(x))
    return keras.Model(image, layers.Dense(CLASSES)(x), name="mixer")


def _normalized(x: Any) -> Any:
    return layers.ReLU()(layers.BatchNormalization()(x))


ARCHITECTURES: dict[str, Callable[[int], keras.Model]] = {
    build.__name__: build for build in (strided, pooled, residual, mixer)
}


def train_network(name: str, images: Images, *, steps: int, seed: int, path: Path) -> None:
    """Train one network on the training images and on junk made of them; write it to `path`.

    Parameters
    ----------
    name
        One of `ARCHITECTURES`.
    images
        Of one channel and equal sides.
    steps
        Of the optimizer, each with `BATCH` images, half of them junk.
    seed
        Of weights, junk and order.
    path
        A ``.keras`` file.
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng([seed, list(ARCHITECTURES).index(name)])
    network = ARCHITECTURES[name](images.shape[0])
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    start = time.monotonic()
    for batch in batches(images, steps, rng):
        network.train_on_batch(*batch)
    network.save(path)
    print(f"{path}: {steps} steps in {time.monotonic() - start:.0f} s", flush=True)


def batches(
    images: Images, steps: int, rng: np.random.Generator
) -> Iterator[tuple[Pixels, Labels]]:
    """Yield `steps` batches, half digits and half junk, all of it drawn anew."""
    real, rows = BATCH - BATCH // 2, 64 * BATCH
    junk: Iterator[Pixels] = iter(())
    for _ in range(steps):
        chunk = next(junk, None)
        if chunk is None:
            picked = rng.integers(0, len(images.x_train), rows)
            made = mixture(images.x_train[picked], images.y_train[picked], rng)
            made = rng.permutation(made)
            junk = iter(np.array_split(made, len(made) // (BATCH // 2)))
            chunk = next(junk)
        picked = rng.integers(0, len(images.x_train), real)
        x = np.concatenate([varied(images.x_train[picked], rng), chunk])
        yield x, np.concatenate([images.y_train[picked], np.full(len(chunk), NO_DIGIT)])


def varied(x: Pixels, rng: np.random.Generator) -> Pixels:
    """Return digits, half of them under a slight blur or a little darker.

    A decoder blurs a little. Without this, the texture alone would tell a judge what is real.
    """
    x = x.copy()
    width = 0.8 * x.shape[1] / 28
    for rows in np.array_split(np.flatnonzero(rng.random(len(x)) < 0.5), 4):
        sigma = rng.uniform(0, width)
        soft = ndimage.gaussian_filter(x[rows], (0, sigma, sigma, 0))
        x[rows] = soft * rng.uniform(0.85, 1 / max(1.0, float(soft.max(initial=0))))
    return x
