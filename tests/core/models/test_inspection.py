"""The checks of `inspect --data`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from latent_analyze.models.inspection import inspect_model
from latent_analyze.plugin import Latents, ModelSpec, TensorSpec

SHAPE = (4, 4, 1)
DIM = 16
IMAGES = np.random.default_rng(0).random((12, *SHAPE), dtype=np.float32)


@dataclass
class Model:
    """Flattens images, with the error that `wrong` names."""

    wrong: str = ""
    can_encode: bool = True
    fingerprint: str = "0"

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(0)

    @property
    def spec(self) -> ModelSpec:
        return ModelSpec(
            name="m", adapter="test", input=TensorSpec(shape=SHAPE), output=TensorSpec(shape=SHAPE),
            latent=TensorSpec(shape=(DIM,)), can_encode=self.can_encode, can_decode=True,
        )  # fmt: skip

    def encode(self, x: Any) -> Latents:
        mu = x.reshape(len(x), DIM).astype(np.float32)
        if self.wrong == "random":
            mu = mu + self.rng.standard_normal(mu.shape, np.float32)
        if self.wrong == "batch":
            mu = mu - mu.mean(0)
        if self.wrong == "nan":
            mu[0] = np.nan
        return Latents(mu)

    def decode(self, z: Any) -> Any:
        return np.clip(z, 0, 1).reshape(len(z), *SHAPE)


def found(model: Any) -> dict[str, str]:
    return {check.name: check.severity for check in inspect_model(model, IMAGES)}


def test_a_good_model_has_notes_only():
    assert set(found(Model()).values()) == {"note"}


@pytest.mark.parametrize(
    ("wrong", "name", "severity"),
    [
        ("random", "encoder deterministic", "warning"),
        ("batch", "batch invariant", "problem"),
        ("nan", "mu finite", "problem"),
    ],
)
def test_what_is_wrong_is_found(wrong, name, severity):
    assert found(Model(wrong))[name] == severity


def test_the_batch_check_is_skipped_for_random_encoders():
    assert "batch invariant" not in found(Model("random"))


def test_decoder_alone():
    assert found(Model(can_encode=False)) == {
        "decoded finite": "note",
        "decoder deterministic": "note",
    }
