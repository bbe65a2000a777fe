"""Training a judge of digits: its networks, and their answers for real images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sampling.data import Images, write_arrays
from sampling.judge import log_probabilities

SEED = 11
STEPS = {"strided": 800, "pooled": 800, "residual": 1000, "mixer": 800}
"""At most three minutes each on one core for images of 28 x 28."""


def train_judge(images: Images, folder: Path) -> None:
    """Train the networks that `folder` does not have yet, and write their answers for real images.

    Parameters
    ----------
    images
        Digits; the networks see the training split.
    folder
        Gets one ``.keras`` file per network, and ``real.npz``.
    """
    import keras

    from sampling.networks import train_network

    folder.mkdir(parents=True, exist_ok=True)
    for name, steps in STEPS.items():
        path = folder / f"{name}.keras"
        if not path.exists():
            train_network(name, images, steps=steps, seed=SEED, path=path)
    networks = [keras.models.load_model(folder / f"{name}.keras") for name in STEPS]
    answers = np.stack([log_probabilities(network, images.x_test) for network in networks])
    write_arrays(folder / "real.npz", answers=answers, members=np.array(list(STEPS)))
