"""Identifies which outputs of an encoder are mu, log_var and a random z, from real images."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.models.configurable import ConfigurableModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from latent_analyze.models.bundle import Bundle, Spread

MAX_REPEAT_DIFFERENCE = 1e-4
"""Two runs of a deterministic output differ by at most this many of its standard deviations."""

NOISE_TOLERANCE = 0.25
"""How far the mean square of the noise may be from 1; for 64 rows of 4 values its std is 0.09."""


@dataclass(frozen=True)
class LatentOutputs:
    """What the outputs of an encoder contain.

    Attributes
    ----------
    mu, log_var, z
        Names of outputs; log_var is None if no output contains it.
    spread
        What the output called log_var contains.
    noise
        Mean square of (z - mu) / standard deviation; 1 for the right outputs.
    """

    mu: str
    log_var: str | None
    z: str
    spread: Spread
    noise: float

    def __str__(self) -> str:
        if self.log_var is None:
            return f"{self.z!r} is a random draw around {self.mu!r}, which is mu"
        return (
            f"{self.mu!r} is mu and {self.log_var!r} its {self.spread}: with z = {self.z!r}, "
            f"(z - mu) / standard deviation has a mean square of {self.noise:.2f}"
        )

    def applied_to(self, bundle: Bundle) -> Bundle:
        """Return a bundle that names these outputs."""
        assert bundle.encoder is not None
        changes = {"mu": self.mu, "log_var": self.log_var, "spread": self.spread}
        return bundle.model_copy(update={"encoder": bundle.encoder.model_copy(update=changes)})


def identify_latent_outputs(model: object, images: NDArray[np.float32]) -> LatentOutputs | None:
    """Return which outputs are mu and log_var; None if no output is a random z that shows it.

    If z = mu + standard deviation * noise (Kingma & Welling 2014), z differs from run to run, and
    with the right mu and log_var the noise has a mean square of 1.

    Parameters
    ----------
    model
        Any model. Only a `ConfigurableModel` with two or more `latent_outputs` has a choice.
    images
        Real images, shape (n, *spec.input.shape); a few dozen are enough.
    """
    names = getattr(model, "latent_outputs", ())
    if len(names) < 2 or not isinstance(model, ConfigurableModel):
        return None
    first, second = ({n: _encode_to(model, n, images) for n in names} for _ in range(2))
    drawn = [n for n in names if _difference(first[n], second[n]) > MAX_REPEAT_DIFFERENCE]
    fixed = [n for n in names if n not in drawn]
    if len(drawn) != 1 or not fixed:
        return None
    fits = sorted(_assignments(first, drawn[0], fixed), key=lambda a: abs(np.log(a.noise)))
    if fits and abs(fits[0].noise - 1) < NOISE_TOLERANCE:
        return fits[0]
    return LatentOutputs(fixed[0], None, drawn[0], "log_var", 1.0) if len(fixed) == 1 else None


def _encode_to(
    model: ConfigurableModel, output: str, images: NDArray[np.float32]
) -> NDArray[np.float64]:
    assert model.bundle.encoder is not None
    encoder = model.bundle.encoder.model_copy(update={"mu": output, "log_var": None})
    chosen = model.with_bundle(model.bundle.model_copy(update={"encoder": encoder}))
    return np.asarray(chosen.encode(images).mu, np.float64)


def _difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(np.abs(first - second).max() / max(first.std(), 1e-12))


def _assignments(
    values: dict[str, NDArray[np.float64]], z: str, fixed: list[str]
) -> Iterator[LatentOutputs]:
    """Yield every way to assign mu and its spread to two of the `fixed` outputs."""
    for mu, spread in permutations(fixed, 2):
        squares = (values[z] - values[mu]) ** 2
        for kind, variance in _variances(values[spread]):
            noise = float(np.mean(squares / variance))
            if np.isfinite(noise) and noise > 0:
                yield LatentOutputs(mu, spread, z, kind, noise)


def _variances(values: NDArray[np.float64]) -> Iterator[tuple[Spread, NDArray[np.float64]]]:
    with np.errstate(over="ignore"):
        yield "log_var", np.exp(values)
    if (values > 0).all():
        yield "variance", values
        yield "std", values**2
