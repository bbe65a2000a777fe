"""The Keras trainers: a convolutional autoencoder and a variational one, exported to ONNX."""

from __future__ import annotations

from latent_analyze.plugin import Trainer, hookimpl
from latent_analyze_plugins.training.trainers import AutoencoderTrainer, VariationalTrainer

__all__ = ["AutoencoderTrainer", "VariationalTrainer", "register_trainers"]


@hookimpl
def register_trainers() -> list[type[Trainer]]:
    """Return the trainers ``ae`` and ``vae``."""
    return [AutoencoderTrainer, VariationalTrainer]
