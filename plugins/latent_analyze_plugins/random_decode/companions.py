"""The samplers that are scored beside the data, and how their texts are told apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from latent_analyze_plugins.shared.shrinkage import MAX_FULL_DIM

if TYPE_CHECKING:
    from latent_analyze.plugin import ResultSet, Source

DRAWS = "@posterior"
"""End of the label of a source that is itself made of posterior draws."""

_UNIFORM = re.compile(r"uniform:b=(?P<b>[0-9.eE+-]+)(?P<rest>:unit=spread)?")


def sampler_texts(reference: Source, options: Any) -> list[str]:
    """Return the samplers to score, without the uniform cubes of the boundaries."""
    if options.samplers != "auto":
        return list(dict.fromkeys(options.samplers))
    form = ":covariance=diag" if reference.dim > MAX_FULL_DIM else ""
    texts = [] if reference.summary().covariance is None else ["gaussian"]
    texts += ["gaussian:covariance=diag", f"gmm{form}", f"kde{form}", f"kde{form}:bandwidth=0.2"]
    texts += [f"ellipsoid{form}", "box", "shuffled", "interpolate", "normal"]
    drawn = "log_var" not in reference.fields or reference.label.endswith(DRAWS)
    return texts if drawn else [*texts, "posterior"]


def uniform_texts(options: Any) -> list[str]:
    """Return a uniform sampler per boundary, in ascending order."""
    unit = "" if options.unit == "latent" else f":unit={options.unit}"
    return [f"uniform:b={b:g}{unit}" for b in sorted(set(options.boundaries))]


def boundary(label: str, unit: str) -> float | None:
    """Return b of a source labelled ``uniform:b=2`` with b in `unit`; None for other sources."""
    match = _UNIFORM.fullmatch(label)
    if match is None or bool(match["rest"]) != (unit == "spread"):
        return None
    return float(match["b"])


def shown_samplers(results: ResultSet) -> list[str]:
    """Return the labels of the sources beside the data that are no cubes of the curve over b."""
    unit = getattr(results.options, "unit", "latent")
    return [label for label in results.shown if boundary(label, unit) is None]


def shown_cubes(results: ResultSet) -> dict[str, float]:
    """Return label -> b of the uniform cubes beside the data, b ascending."""
    unit = getattr(results.options, "unit", "latent")
    found = {label: boundary(label, unit) for label in results.shown}
    cubes = {label: b for label, b in found.items() if b is not None}
    return dict(sorted(cubes.items(), key=lambda entry: entry[1]))
