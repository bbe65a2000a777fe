"""The models of this benchmark and of later ones: trained once per seed, and kept.

Bundles lie in ``FOLDER/seedN/NAME`` for MNIST, and in ``FOLDER/seedN/DATA-NAME`` for other data.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import latent_analyze as la
from sampling.data import location

Make = Callable[[str, Path, int], None]
"""Trains on a data set (as `latent-analyze` names it), writes a bundle, and takes a seed."""

SMALL = (16, 32, 64)
"""Channels of models whose images need not be the best."""


def trained(model: str, **options: Any) -> Make:
    """Return what trains with the product's own trainer."""

    def make(data: str, output: Path, seed: int) -> None:
        la.train(data, output, model=model, seed=seed, **options)

    return make


def denoiser(data: str, output: Path, seed: int, **options: Any) -> None:
    """Train an autoencoder from noisy to clean images."""
    from sampling.denoiser import train_denoiser

    train_denoiser(data, output, seed=seed, **options)


def linear(data: str, output: Path, seed: int, *, axes: int) -> None:
    """Fit the best linear autoencoder: principal components of the pixels."""
    from sampling.linear import fit_linear

    fit_linear(data, output, seed=seed, axes=axes)


MODELS: dict[str, dict[str, Make]] = {
    "mnist": {
        "ae": trained("ae", z_dim=16, epochs=4),
        "vae": trained("vae", z_dim=16, epochs=4),
        "tinykl": trained("vae", z_dim=16, epochs=4, kl_weight=0.001),
        "linear256": partial(linear, axes=256),
        "pca16": partial(linear, axes=16),
        "wide256": trained("ae", z_dim=256, epochs=3, filters=SMALL),
    },
    "noisy": {"denoiser": partial(denoiser, z_dim=16, epochs=3, filters=SMALL)},
    "digits": {
        "ae": trained("ae", z_dim=10, epochs=150),
        "vae": trained("vae", z_dim=10, epochs=150, kl_weight=0.2),
    },
    "shapes": {
        "ae": trained("ae", z_dim=16, epochs=8, filters=(32, 64, 64)),
        "vae": trained("vae", z_dim=16, epochs=8, filters=(32, 64, 64)),
    },
}
"""Data set -> models by name."""


def bundle_of(folder: Path, data: str, model: str, seed: int) -> Path:
    """Return the bundle of a model."""
    return folder / f"seed{seed}" / (model if data == "mnist" else f"{data}-{model}")


def make(
    data: str, folder: Path, *, mnist: Path, seed: int, chosen: list[str] | None = None
) -> None:
    """Train the models of a data set that are not there yet.

    Parameters
    ----------
    data
        A key of `MODELS`.
    folder
        Folder of everything that this benchmark makes.
    mnist
        Keras' ``mnist.npz``.
    seed
        Of the training.
    chosen
        Names of models; all of the data set if not given.
    """
    known = MODELS[data]
    unknown = sorted(set(chosen or ()) - set(known))
    if unknown:
        raise SystemExit(f"expected models {', '.join(known)} of {data}, found {unknown[0]}")
    for name in chosen or known:
        bundle = bundle_of(folder, data, name, seed)
        if not (bundle / "model.toml").exists():
            known[name](location(data, folder, mnist), bundle, seed)
        print(f"model: {bundle}", flush=True)
