"""The checks of `inspect --data`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from latent_analyze import ModelError
from latent_analyze.models.inspection import (
    candidates,
    compare_candidates,
    inspect_model,
    round_trip,
)
from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, Latents, ModelSpec, TensorSpec

SHAPE = (4, 4, 1)
DIM = 16
IMAGES = np.random.default_rng(0).random((12, *SHAPE), dtype=np.float32)


@dataclass
class Model:
    """Flattens images, with the error that `wrong` names."""

    wrong: str = ""
    can_encode: bool = True
    bundle: Bundle = field(
        default_factory=lambda: Bundle(encoder=EncoderSpec(file="e"), decoder=DecoderSpec(file="d"))
    )
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

    def with_bundle(self, bundle: Bundle) -> Model:
        if bundle.encoder is None or bundle.encoder.layout != "HWC":
            raise ModelError("HWC", found="another")
        return Scaled(self.wrong, self.can_encode, bundle)


class Scaled(Model):
    """Trained on [-1, 1]; reconstructs nothing else."""

    def encode(self, x: Any) -> Latents:
        low, high = self.bundle.encoder.range
        return Latents((x.reshape(len(x), DIM) * (high - low) + low).astype(np.float32).clip(-1, 1))

    def decode(self, z: Any) -> Any:
        low, high = self.bundle.decoder.range
        images = np.abs(z + 1) - 1
        return np.clip((images - low) / (high - low), 0, 1).reshape(len(z), *SHAPE)


def found(model: Any) -> dict[str, str]:
    return {check.name: check.severity for check in inspect_model(model, IMAGES)}


def test_a_good_model_has_notes_only():
    assert set(found(Model()).values()) == {"note"}
    assert round_trip(Model(), IMAGES) == 0


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
    assert candidates(Model(can_encode=False), IMAGES) == []


def test_candidates_are_sorted_and_fit_the_files():
    ordered = candidates(Model(), IMAGES)
    errors = [candidate.error for candidate in ordered]
    # The first may be equal to the best, with fewer changes.
    assert errors[1:] == sorted(errors[1:])
    assert errors[0] == pytest.approx(min(errors), rel=0.02, abs=1e-5)
    assert {candidate.bundle.encoder.layout for candidate in ordered} == {"HWC"}
    assert errors[0] == pytest.approx(0, abs=1e-6)


def test_clearly_better_settings_are_named():
    (best, *_) = candidates(Model(), IMAGES)
    check = compare_candidates(0.31, [replace(best, error=0.02)])
    assert check.severity == "warning"
    assert check.text.startswith("round trip improves from 0.31 to 0.02 with range [")
    assert compare_candidates(0.31, [replace(best, error=0.30)]).severity == "note"
    assert compare_candidates(0.31, []).severity == "note"
    assert compare_candidates(0.0, [replace(best, error=0.0)]).severity == "note"
