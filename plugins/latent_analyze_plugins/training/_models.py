"""The autoencoders as Keras models with training steps of their own; needs Keras loaded."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import tensorflow as tf
from keras import ops

from latent_analyze.plugin import keyed_rng
from latent_analyze_plugins.training._losses import (
    bounded_normal,
    kl_divergence,
    reconstruction_loss,
)
from latent_analyze_plugins.training._networks import build_decoder, build_encoder, fitting_filters


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
