"""The losses, and the bounded epsilon of the reparameterization; needs Keras loaded."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops


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
