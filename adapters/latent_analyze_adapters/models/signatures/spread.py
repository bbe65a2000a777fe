"""Which output holds the spread of the posterior, and in which form."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import Choice
from latent_analyze_adapters.models.network import to_log_var
from latent_analyze_adapters.models.signatures.names import (
    SPREADS,
    is_latent,
    is_spread,
    names_spread,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from latent_analyze.plugin import EncoderSpec, Known, Spread
    from latent_analyze_adapters.models.session import Facts
    from latent_analyze_adapters.models.signatures.outputs import Mean, Outputs

NOISE_TOLERANCE = 0.25
"""How far the mean square of the noise may be from 1; for 64 rows of 4 values its std is 0.09."""

PLAUSIBLE = 1.2
"""Largest distance of the posterior's total variance from 1, as a logarithm: a factor of 3.3."""

CLEARLY = 0.25
"""A form is the right one if it is nearer to 1 than any other by that, as a logarithm."""


@dataclass(frozen=True)
class Found:
    """The output with the spread, what it holds, and how that is known."""

    output: str
    kind: Spread
    known: Known
    why: str

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of model.toml."""
        return {"log_var": self.output, "spread": self.kind}

    @property
    def choices(self) -> tuple[Choice, Choice]:
        """The two choices of a signature."""
        return (
            Choice(key="encoder.log_var", value=repr(self.output), known=self.known, why=self.why),
            Choice(key="encoder.spread", value=self.kind, known=self.known, why=self.why),
        )


def find_spread(mean: Mean, outputs: Outputs, drawn: set[str], positive: set[str]) -> Found | None:
    """Return the output with the spread of a mean; None if there is none.

    Parameters
    ----------
    mean
        The mean, a whole output.
    outputs
        All outputs by name, (n, ...).
    drawn
        Names of those that are random.
    positive
        Outputs of which the graph shows that they are positive.
    """
    mu = mean.take(outputs).reshape(len(outputs[mean.output]), -1).astype(np.float64)
    others = {
        name: np.asarray(values, np.float64).reshape(len(values), -1)
        for name, values in outputs.items()
        if name not in {mean.output, *drawn} and values.dtype.kind == "f"
    }
    others = {name: values for name, values in others.items() if values.shape == mu.shape}
    by_noise = [
        _by_noise(mu, others, np.asarray(outputs[name], np.float64))
        for name in sorted(drawn & outputs.keys())
    ]
    named = [name for name in others if names_spread(name)]
    names = named or ([*others] if len(others) == 1 and not is_latent(next(iter(others))) else [])
    found = next((f for f in by_noise if f is not None), None)
    if found is not None or not names:
        return found
    return _by_name_or_values(mu, names[0], others[names[0]], positive)


def spread_of(
    mean: Mean, outputs: Outputs, drawn: set[str], *, stated: EncoderSpec, facts: Facts
) -> Found | None:
    """Return the spread: as stated or as the graph shows, or else as names and values say.

    Parameters
    ----------
    mean, outputs, drawn
        As in `find_spread`; the mean may be a half of an output, and the spread the other one.
    stated
        What is known about the encoder before.
    facts
        What the graph shows.
    """
    if mean.codes or (stated.log_var == "" and mean.axis is None):
        return None
    if mean.axis is not None:
        mu = mean.take(outputs).reshape(len(next(iter(outputs.values()))), -1)
        other = mean.other_half(outputs).reshape(mu.shape)
        if "spread" in stated.model_fields_set:
            return Found(mean.output, stated.spread, "stated", "")
        return kind_of(mu.astype(np.float64), mean.output, other.astype(np.float64))
    if stated.log_var and "spread" in stated.model_fields_set:
        return _known(stated.log_var, stated, facts)
    found = find_spread(mean, outputs, drawn, set(facts.positive))
    if found is not None and "spread" in stated.model_fields_set:
        found = replace(found, kind=stated.spread)
    if stated.log_var and (found is None or found.output != stated.log_var):
        return _known(stated.log_var, stated, facts)
    return found


def _known(output: str, stated: EncoderSpec, facts: Facts) -> Found:
    """Return the spread that is stated, or that the graph shows."""
    shown = next((c for c in facts.choices if c.key == "encoder.log_var"), None)
    if shown is None:
        return Found(output, stated.spread, "stated", "")
    return Found(output, stated.spread, "graph", shown.why)


def kind_of(mu: NDArray[np.float64], name: str, values: NDArray[np.float64]) -> Found:
    """Return what the other half of an output holds: by its values, or else the log variance."""
    found = _by_total_variance(mu, name, values, _forms(values, positive=False))
    return found or Found(name, "log_var", "assumed", "the usual form")


def _by_name_or_values(
    mu: NDArray[np.float64], name: str, values: NDArray[np.float64], positive: set[str]
) -> Found | None:
    said = is_spread(name)
    forms = _forms(values, positive=name in positive)
    if said in forms:
        return Found(name, said, "name", "")
    found = _by_total_variance(mu, name, values, forms)
    if found is None and said is None and names_spread(name):
        return Found(name, "log_var", "assumed", "the usual form")
    if found is not None or said is None:
        return found
    # The name says variance or std, but values are negative.
    return Found(name, "log_var" if said == "variance" else "log_std", "name", "its name and sign")


def _forms(values: NDArray[np.float64], *, positive: bool) -> tuple[Spread, ...]:
    if (values > 0).all():
        return ("variance", "std") if positive else SPREADS
    return ("log_var", "log_std")


def _by_total_variance(
    mu: NDArray[np.float64], name: str, values: NDArray[np.float64], forms: tuple[Spread, ...]
) -> Found | None:
    """Return the form with which posterior and mean together have the variance of the prior, 1.

    At the optimum of a VAE the posteriors of all rows together are the prior (Makhzani et al. 2015,
    Hoffman & Johnson 2016): var(mu) + mean(sigma^2) is 1 on every axis.
    """
    if len(mu) < 8:
        return None
    far: dict[Spread, float] = {}
    for form in forms:
        with np.errstate(all="ignore"):
            total = mu.var(axis=0) + np.exp(to_log_var(values, form)).mean(axis=0)
            far[form] = float(np.median(np.abs(np.log(total))))
    best, *rest = sorted(forms, key=lambda form: far[form] if math.isfinite(far[form]) else np.inf)
    if not far[best] < PLAUSIBLE:
        return None
    clear = all(far[form] - far[best] > CLEARLY for form in rest)
    why = "with it, mean and spread together have a variance near that of the prior, 1"
    if clear:
        return Found(name, best, "trial", why)
    near = [form for form in forms if far[form] - far[best] <= CLEARLY]
    usual: Spread = "log_var" if "log_var" in near else best
    return Found(name, usual, "assumed", "its values fit several forms")


def _by_noise(
    mu: NDArray[np.float64], others: Mapping[str, NDArray[np.float64]], z: NDArray[np.float64]
) -> Found | None:
    """Return the output with which (z - mu) / std is standard noise (Kingma & Welling 2014)."""
    if z.size != mu.size:
        return None
    squares = (z.reshape(mu.shape) - mu) ** 2
    fits = []
    for name, values in others.items():
        for form, variance in _variances(values):
            with np.errstate(all="ignore"):
                noise = float(np.mean(squares / variance))
            if np.isfinite(noise) and abs(noise - 1) < NOISE_TOLERANCE:
                fits.append((abs(noise - 1), name, form, noise))
    if not fits:
        return None
    _, name, form, noise = min(fits)
    why = f"(z - mu) / standard deviation has a mean square of {noise:.2f}"
    return Found(name, form, "trial", why)


def _variances(values: NDArray[np.float64]) -> Iterator[tuple[Spread, NDArray[np.float64]]]:
    forms: tuple[Spread, ...] = ("log_var", "log_std", "softplus")
    if (values > 0).all():
        forms = (*forms, "variance", "std")
    with np.errstate(all="ignore"):
        for form in forms:
            yield form, np.exp(to_log_var(values, form))
