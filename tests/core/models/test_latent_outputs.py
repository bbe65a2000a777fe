"""Which output is mu, identified by what the outputs do on real data."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from latent_analyze.models.inspection import check_outputs
from latent_analyze.models.latent_outputs import identify_latent_outputs
from latent_analyze.plugin import Bundle, EncoderSpec, Latents

N, DIM = 64, 4


class Outputs:
    """An encoder whose outputs are functions of the images; `noise` differs from call to call."""

    def __init__(
        self, functions: dict[str, Any], mu: str, rng: Any = None, **settings: Any
    ) -> None:
        self.functions, self.rng = functions, rng or np.random.default_rng(0)
        self.bundle = Bundle(encoder=EncoderSpec(file="e", mu=mu, **settings))
        self.latent_outputs = tuple(functions)

    def with_bundle(self, bundle: Bundle) -> Outputs:
        encoder = bundle.encoder
        assert encoder is not None
        settings = {"log_var": encoder.log_var, "spread": encoder.spread}
        return Outputs(self.functions, str(encoder.mu), self.rng, **settings)

    def encode(self, x: Any) -> Latents:
        noise = self.rng.standard_normal((N, DIM))
        assert self.bundle.encoder is not None
        return Latents(self.functions[str(self.bundle.encoder.mu)](x, noise).astype(np.float32))

    def decode(self, z: Any) -> Any:
        raise NotImplementedError


X = np.random.default_rng(1).normal(size=(N, DIM)).astype(np.float32)
SPREADS = {"log_var": 0.7 * X - 2, "variance": np.exp(0.7 * X - 2), "std": np.exp(0.35 * X - 1)}


def mu_of(x: Any, noise: Any) -> Any:
    return 2 * x[:, ::-1] + 1


def encoder(kind: str, order: Any, mu: str = "a", *, scale: float = 1.0) -> Outputs:
    def spread(x: Any, noise: Any) -> Any:
        return SPREADS[kind]

    def z(x: Any, noise: Any) -> Any:
        return mu_of(x, noise) + scale * SPREADS["std"] * noise

    return Outputs(dict(zip(order, (mu_of, spread, z), strict=True)), mu)


@pytest.mark.parametrize("kind", SPREADS)
@pytest.mark.parametrize("order", list(permutations("abc")))
def test_three_outputs(kind: str, order: tuple[str, ...]) -> None:
    found = identify_latent_outputs(encoder(kind, order), X)
    assert found is not None
    assert (found.mu, found.log_var, found.z) == order
    assert found.spread == kind
    assert found.noise == pytest.approx(1, abs=0.2)


def test_two_outputs() -> None:
    both = {"a": lambda x, noise: mu_of(x, noise) + noise, "b": mu_of}
    found = identify_latent_outputs(Outputs(both, "a"), X)
    assert found is not None
    assert (found.mu, found.log_var, found.z) == ("b", None, "a")


@pytest.mark.parametrize(
    "functions",
    [
        {"a": mu_of},
        {"a": mu_of, "b": lambda x, noise: x},
        {"a": lambda x, noise: noise, "b": lambda x, noise: 2 * noise, "c": mu_of},
    ],
)
def test_outputs_that_show_nothing(functions: dict[str, Any]) -> None:
    assert identify_latent_outputs(Outputs(functions, "a"), X) is None


def test_noise_of_another_scale_is_not_accepted() -> None:
    assert identify_latent_outputs(encoder("log_var", "abc", scale=2.0), X) is None


def test_models_without_a_choice() -> None:
    assert identify_latent_outputs(object(), X) is None
    assert check_outputs(object(), None) == []


def test_wrong_outputs_are_reported_until_they_are_set() -> None:
    model = encoder("std", "bca")
    found = identify_latent_outputs(model, X)
    (check,) = check_outputs(model, found)
    assert check.severity == "warning"
    assert "'b' is mu and 'c' its std" in check.text
    assert "now in use: 'a' as mu" in check.text
    assert found is not None
    (again,) = check_outputs(model.with_bundle(found.applied_to(model.bundle)), found)
    assert again.severity == "note"
