"""The autoencoders as Keras models: losses, networks, training steps; needs Keras loaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import keras
import tensorflow as tf
from keras import layers, ops

from latent_analyze.plugin import keyed_rng

_KERNEL = 3


def reconstruction_loss(images: Any, logits: Any) -> Any:
    """Return the binary cross-entropy, in nats per image.

    Averaged over channels, summed over pixels, averaged over the batch.

    Parameters
    ----------
    images
        Shape (n, H, W, C), values in [0, 1].
    logits
        Same shape; the sigmoid of them is the image. From logits the loss stays finite where the
        sigmoid rounds to 0 or 1.
    """
    entropy = ops.binary_crossentropy(images, logits, from_logits=True)
    return ops.mean(ops.sum(ops.mean(entropy, axis=-1), axis=(1, 2)))


def kl_divergence(mu: Any, log_var: Any) -> Any:
    """Return the KL divergence of N(mu, exp(log_var)) from N(0, 1), in nats per image.

    Summed over latent dimensions, averaged over the batch; Kingma & Welling (2014), appendix B.
    `mu` and `log_var` have shape (n, dim).
    """
    terms = 1 + log_var - ops.square(mu) - ops.exp(log_var)
    return ops.mean(-0.5 * ops.sum(terms, axis=-1))


def bounded_normal(shape: Any, bound: float, seeds: keras.random.SeedGenerator) -> Any:
    """Return draws from a standard normal distribution truncated to [-bound, bound].

    By inversion of the distribution function; 0 means not truncated. Truncation takes away
    variance: at a bound of 3 there remains 0.973, at 2 there remains 0.774.
    """
    if not bound:
        return keras.random.normal(shape, seed=seeds)
    inside = math.erf(bound / math.sqrt(2))
    uniform = keras.random.uniform(shape, -inside, inside, seed=seeds)
    # In float32 the ends round to the bound, or, for a bound above 5, to infinity.
    return ops.clip(math.sqrt(2) * ops.erfinv(uniform), -bound, bound)


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
        x = layers.ReLU(name=f"conv_{i}_activation")(x)
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
    x = layers.Reshape(bottom, name="reshape")(layers.ReLU(name="dense_activation")(x))
    for i in reversed(range(len(filters))):
        # A transposed stride-2 convolution makes n into 2n - 1 pixels, plus the padding.
        padding = tuple(1 - length % 2 for length in sizes[i])
        channels = filters[i - 1] if i else shape[-1]
        layer = _conv(layers.Conv2DTranspose, channels, seeds)
        x = layer(output_padding=padding, name=f"transposed_{i}")(x)
        if i:
            x = layers.ReLU(name=f"transposed_{i}_activation")(x)
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


class Autoencoder(keras.Model):
    """A convolutional autoencoder.

    Parameters
    ----------
    shape
        (H, W, C) of an image.
    options
        `AutoencoderOptions`.
    """

    kind: ClassVar[str] = "ae"
    heads: ClassVar[tuple[str, ...]] = ("mu",)
    parts: ClassVar[tuple[str, ...]] = ("loss",)

    def __init__(self, shape: tuple[int, int, int], options: Any) -> None:
        super().__init__(name=self.kind)
        self.options = options
        self.filters = fitting_filters(shape, options.filters)
        self.seeds = keras.random.SeedGenerator(
            int(keyed_rng(options.seed, "weights").integers(2**31))
        )
        heads = dict.fromkeys(self.heads, options.z_dim)
        self.encoder = build_encoder(shape, self.filters, heads, seeds=self.seeds)
        self.decoder = build_decoder(options.z_dim, shape, self.filters, seeds=self.seeds)
        self.trackers = {name: keras.metrics.Mean(name=name) for name in self.parts}

    @property
    def metrics(self) -> list[Any]:
        """The means over the images of an epoch, which Keras resets before the next."""
        return list(self.trackers.values())

    def generate(self, z: Any) -> Any:
        """Return images (n, H, W, C) in [0, 1] for z-points (n, dim)."""
        return ops.sigmoid(self.decoder(z, training=False))

    def objective(self, images: Any) -> dict[str, Any]:
        """Return the loss of a batch, and its parts, by name."""
        mu = self.encoder(images, training=True)["mu"]
        return {"loss": reconstruction_loss(images, self.decoder(mu, training=True))}

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take one step of the optimizer; return the means so far."""
        images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            terms = self.objective(images)
        gradients = tape.gradient(terms["loss"], self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return self._track(terms, images)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Evaluate one batch; return the means so far."""
        images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self._track(self.objective(images), images)

    def _track(self, terms: dict[str, Any], images: Any) -> dict[str, Any]:
        # The last batch may be shorter: weighted, the means are over images, not over batches.
        for name, tracker in self.trackers.items():
            tracker.update_state(terms[name], sample_weight=tf.shape(images)[0])
        return {name: tracker.result() for name, tracker in self.trackers.items()}


class VariationalAutoencoder(Autoencoder):
    """A convolutional variational autoencoder (Kingma & Welling 2014).

    Parameters
    ----------
    shape
        (H, W, C) of an image.
    options
        `VariationalOptions`.
    """

    kind: ClassVar[str] = "vae"
    heads: ClassVar[tuple[str, ...]] = ("mu", "log_var")
    parts: ClassVar[tuple[str, ...]] = ("loss", "reconstruction", "kl")

    def objective(self, images: Any) -> dict[str, Any]:
        """Return the loss of a batch, and its parts, by name; z is drawn once per image."""
        latents = self.encoder(images, training=True)
        mu, log_var = latents["mu"], latents["log_var"]
        logits = self.decoder(self.draw(mu, log_var), training=True)
        reconstruction, kl = reconstruction_loss(images, logits), kl_divergence(mu, log_var)
        loss = reconstruction + self.options.kl_weight * kl
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl}

    def draw(self, mu: Any, log_var: Any) -> Any:
        """Return mu + exp(log_var / 2) epsilon, with epsilon within the options' bound."""
        epsilon = bounded_normal(ops.shape(mu), self.options.epsilon_bound, self.seeds)
        return mu + ops.exp(0.5 * log_var) * epsilon
