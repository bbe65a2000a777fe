"""An autoencoder from noisy to clean images: what goes in is not what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from latent_analyze.plugin import Host, no_progress
from latent_analyze.runs.opening import open_dataset
from latent_analyze_plugins.training import AutoencoderOptions
from latent_analyze_plugins.training.images import open_images
from latent_analyze_plugins.training.output import staged
from latent_analyze_plugins.training.runtime import load_keras

NOISE = 0.4
"""Standard deviation of the strongest noise, before values are clipped to [0, 1]."""


def train_denoiser(data: str, output: Path, **options: Any) -> None:
    """Train on a data set of clean images; noise of any strength up to `NOISE` is added.

    Parameters
    ----------
    data
        As `latent-analyze` names it.
    output
        Folder of the bundle.
    options
        Those of the trainer `ae`.
    """
    load_keras()
    from keras import ops, random

    from latent_analyze_plugins.training.export import export_bundle
    from latent_analyze_plugins.training.fit import fit
    from latent_analyze_plugins.training.models import Autoencoder, reconstruction_loss

    class Denoiser(Autoencoder):
        kind = "denoiser"

        def objective(self, images: Any) -> dict[str, Any]:
            level = random.uniform((ops.shape(images)[0], 1, 1, 1), 0, NOISE, seed=self.seeds)
            noise = level * random.normal(ops.shape(images), seed=self.seeds)
            mu = self.encoder(ops.clip(images + noise, 0, 1), training=True)["mu"]
            return {"loss": reconstruction_loss(images, self.decoder(mu, training=True))}

    with staged(output) as folder:
        images = open_images(open_dataset(data, Host()), no_progress)
        model = Denoiser(images.shape, AutoencoderOptions(**options))
        training = {"trainer": "denoiser", **fit(model, images, no_progress)}
        export_bundle(model, images, folder, training)
