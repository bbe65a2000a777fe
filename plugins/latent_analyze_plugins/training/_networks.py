"""The convolutional encoder and decoder; needs Keras loaded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
from keras import layers

_KERNEL = 3


def fitting_filters(shape: Sequence[int], filters: Sequence[int]) -> tuple[int, ...]:
    """Return the first of `filters`: as many as leave at least 2 x 2 pixels of (H, W, C)."""
    return tuple(filters[: min(shape[:2]).bit_length() - 2])


def build_encoder(
    shape: Sequence[int], filters: Sequence[int], outputs: dict[str, int], *, seeds: Any
) -> keras.Model:
    """Return the encoder: stride-2 convolutions, then one dense layer per output.

    Parameters
    ----------
    shape
        (H, W, C) of an image.
    filters
        Channels of each convolution.
    outputs
        Name -> number of latent dimensions.
    seeds
        SeedGenerator of the weights.
    """
    image = x = keras.Input(shape, name="image")
    for i, channels in enumerate(filters):
        x = _conv(layers.Conv2D, channels, seeds)(name=f"conv_{i}")(x)
        x = _activation(f"conv_{i}_activation")(x)
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(
        image, {k: _dense(n, seeds)(name=k)(x) for k, n in outputs.items()}, name="encoder"
    )


def build_decoder(
    z_dim: int, shape: Sequence[int], filters: Sequence[int], *, seeds: Any
) -> keras.Model:
    """Return the decoder from z-points to logits: the encoder's convolutions, transposed.

    Each takes the size back to that of the encoder's layer, so odd sizes come out exactly.
    """
    sizes = _sizes(shape, len(filters))
    z = keras.Input((z_dim,), name="z")
    bottom = (*sizes[-1], filters[-1])
    x = _dense(bottom[0] * bottom[1] * bottom[2], seeds)(name="dense")(z)
    x = layers.Reshape(bottom, name="reshape")(_activation("dense_activation")(x))
    for i in reversed(range(len(filters))):
        # A transposed stride-2 convolution makes n into 2n - 1 pixels, plus the padding.
        padding = tuple(1 - length % 2 for length in sizes[i])
        channels = filters[i - 1] if i else shape[-1]
        layer = _conv(layers.Conv2DTranspose, channels, seeds)
        x = layer(output_padding=padding, name=f"transposed_{i}")(x)
        if i:
            x = _activation(f"transposed_{i}_activation")(x)
    return keras.Model(z, x, name="decoder")


def _sizes(shape: Sequence[int], count: int) -> list[tuple[int, int]]:
    """Return (H, W) before the first and after each of `count` stride-2 convolutions."""
    sizes = [(shape[0], shape[1])]
    for _ in range(count):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def _conv(kind: Any, channels: int, seeds: Any) -> Any:
    return partial(
        kind, channels, _KERNEL, strides=2, padding="same", data_format="channels_last",
        kernel_initializer=keras.initializers.GlorotUniform(seeds),
    )  # fmt: skip


def _dense(units: int, seeds: Any) -> Any:
    return partial(layers.Dense, units, kernel_initializer=keras.initializers.GlorotUniform(seeds))


def _activation(name: str) -> Any:
    return layers.ReLU(name=name)
