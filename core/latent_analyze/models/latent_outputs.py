"""Which output of an encoder is mu, which log_var and which a drawn z: told by real data."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from latent_analyze.models.bundle import Bundle

SAME = 1e-4
"""Largest difference of two runs of one output, in its standard deviations, that is no draw."""
NEAR = 0.25
"""How far from 1 the mean square of the noise may be: 64 rows of 4 values have a spread of 0.09."""

Spread = Literal["log_var", "variance", "std"]


@dataclass(frozen=True)
class LatentOutputs:
    """What the outputs of an encoder hold.

    Attributes
    ----------
    mu, log_var, z
        Names of outputs; log_var and z None where there is none.
    spread
        What the output called log_var holds.
    noise
        Mean square of (z - mu) / standard deviation, which is 1 for the right outputs.
    """

    mu: str
    log_var: str | None
    z: str
    spread: Spread
    noise: float

    def __str__(self) -> str:
        if self.log_var is None:
            return f"{self.z!r} is drawn around {self.mu!r}, which is mu"
        return (
            f"{self.mu!r} is mu and {self.log_var!r} its {self.spread}: the square of (z - mu) / "
            f"standard deviation is {self.noise:.2f} on average, with z = {self.z!r}"
        )

    def applied_to(self, bundle: Bundle) -> Bundle:
        """Return a bundle that states it."""
        assert bundle.encoder is not None
        changes = {"mu": self.mu, "log_var": self.log_var, "spread": self.spread}
        return bundle.model_copy(update={"encoder": bundle.encoder.model_copy(update=changes)})


def tell_latent_outputs(model: Any, images: NDArray[np.float32]) -> LatentOutputs | None:
    """Return what the outputs of an encoder hold, as far as a drawn z among them tells.

    A z that is drawn as mu + standard deviation * noise (Kingma & Welling 2014) differs from run to
    run, and for the right mu and log_var its noise has a mean square of 1.

    Parameters
    ----------
    model
        A model with `latent_outputs` and `with_bundle`; another one has no choice of outputs.
    images
        (n, *spec.input.shape), some dozens of real images.
    """
    names = getattr(model, "latent_outputs", ())
    if len(names) < 2:
        return None
    first, second = ({n: _read(model, n, images) for n in names} for _ in range(2))
    drawn = [n for n in names if _spread_between(first[n], second[n]) > SAME]
    fixed = [n for n in names if n not in drawn]
    if len(drawn) != 1 or not fixed:
        return None
    found = sorted(_readings(first, drawn[0], fixed), key=lambda r: abs(np.log(r.noise)))
    if found and abs(found[0].noise - 1) < NEAR:
        return found[0]
    return LatentOutputs(fixed[0], None, drawn[0], "log_var", 1.0) if len(fixed) == 1 else None


def _read(model: Any, name: str, images: NDArray[np.float32]) -> NDArray[np.float64]:
    half = model.bundle.encoder.model_copy(update={"mu": name, "log_var": None})
    chosen = model.with_bundle(model.bundle.model_copy(update={"encoder": half}))
    return np.asarray(chosen.encode(images).mu, np.float64)


def _spread_between(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(np.abs(first - second).max() / max(first.std(), 1e-12))


def _readings(
    values: dict[str, NDArray[np.float64]], z: str, fixed: list[str]
) -> Iterator[LatentOutputs]:
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
