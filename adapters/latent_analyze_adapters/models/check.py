"""Compares the outputs of a model with those that the training runtime stored."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Model

SAMPLES = ("x", "mu", "log_var", "decoded")

SMALLEST_SPREAD = 0.01
"""Lower bound for the standard deviation, relative to the largest value: a barely trained decoder
returns 0.5 everywhere, and then rounding alone is more than 1e-4 of the standard deviation."""


def compare_with_samples(model: Model, path: Path) -> dict[str, float]:
    """Return, per output, max |difference| / standard deviation of the stored output.

    Parameters
    ----------
    model
        The model to check.
    path
        An .npz file with ``x`` and what the training runtime computed: ``mu`` and ``log_var`` of
        x, and ``decoded`` from mu. Outputs that the model does not have are not compared.

    Raises
    ------
    ModelError
        If the file cannot be read or does not fit the model.
    """
    stored = _load(path)
    found: dict[str, NDArray[np.float32]] = {}
    if model.spec.can_encode and {"x", "mu"} <= stored.keys():
        latents = model.encode(stored["x"])
        found["mu"] = latents.mu
        if latents.log_var is not None and "log_var" in stored:
            found["log_var"] = latents.log_var
    if model.spec.can_decode and {"mu", "decoded"} <= stored.keys():
        found["decoded"] = model.decode(stored["mu"].reshape(len(stored["mu"]), -1))
    if not found:
        raise _unusable(path, f"arrays {sorted(stored)}")
    return {name: _deviation(values, stored[name], path) for name, values in found.items()}


def _deviation(found: NDArray[np.float32], stored: NDArray[np.float32], path: Path) -> float:
    if found.size != stored.size or len(found) != len(stored):
        raise _unusable(path, f"shape {stored.shape} where the model returns {found.shape}")
    difference = np.abs(found.reshape(stored.shape).astype(np.float64) - stored).max()
    # NaN would pass as small, because no comparison with it is true.
    if not np.isfinite(difference):
        return float("inf")
    spread = max(stored.std(dtype=np.float64), SMALLEST_SPREAD * np.abs(stored).max(initial=0.0))
    return float(difference / (spread or 1.0))


def _load(path: Path) -> dict[str, NDArray[np.float32]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            stored = {name: arrays[name] for name in SAMPLES if name in arrays}
        return {name: np.asarray(values, np.float32) for name, values in stored.items()}
    except (OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise _unusable(path, " ".join(str(error).split())) from None


def _unusable(path: Path, found: str) -> ModelError:
    return ModelError(
        f"samples x, mu and decoded of the training runtime in {path}", found=found,
        next_step="train again, or remove the line 'check' from model.toml",
    )  # fmt: skip
