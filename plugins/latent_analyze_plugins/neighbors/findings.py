"""What the neighborhoods say in sentences, beside what stands out from a null."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from latent_analyze.plotting import band
from latent_analyze.plugin import Finding, Result, ResultSet

MANY_TIES, MANY_ROUNDED = 0.01, 0.1


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield dimension, plateau and clumps, then what makes numbers incomparable or blurred."""
    data, label, k = results.data, results.reference, results.frame["k"]
    yield _note(
        f"The z-points of {label} fill about {data['twonn']:.1f} dimensions at the distance of"
        f" nearest neighbors ({data['twonn_distance']:.3g} latent units to the second of"
        f" {data.sample_size:,} sampled){_others(results, 'twonn', '.1f')}.",
        data, "twonn", "twonn_distance",
    )  # fmt: skip
    yield _plateau(label, data)
    spread = data["radius_spread"]
    yield _note(
        f"The distance from a z-point of {label} to its neighbor {k} varies by a factor of"
        f" {np.exp(spread):.2f} (the standard deviation of its logarithm is {spread:.2f})"
        f"{_others(results, 'radius_spread', '.2f')}.",
        data, "radius_spread",
    )  # fmt: skip
    points = results.frame["points"]
    for source, result in results.results.items():
        if result.sample_size != points:
            yield _note(
                f"{source} was measured on {result.sample_size:,} z-points, {label} on {points:,}:"
                " their numbers do not compare, as fewer points see a larger scale.",
                result,
            )
        yield from _blurred(source, result)


def _note(text: str, result: Result, *named: str) -> Finding:
    return Finding("note", text, {name: result[name] for name in named})


def _plateau(label: str, data: Result) -> Finding:
    if "plateau_dimension" in data.scalars:
        names = ("plateau_dimension", "plateau_low", "plateau_high")
        dimension, low, high = (data[name] for name in names)
        text = f"is the same, {dimension:.3g}, over distances from {low:.3g} to {high:.3g}"
        return _note(f"The dimension of {label} {text} latent units: a plateau.", data, *names)
    text = f"The dimension of {label} has no plateau"
    distance, dimension = data["scale_distance"], data["scale_dimension"]
    if len(distance) > 1:
        text += (
            f": it goes from {dimension[0]:.1f} at {distance[0]:.3g} latent units to"
            f" {dimension[-1]:.1f} at {distance[-1]:.3g}, and a number holds for its distance only"
        )
    return _note(f"{text}.", data, "plateau")


def _others(results: ResultSet, scalar: str, digits: str) -> str:
    """Return what shown sources and nulls have: ``; normal: 2.1; null gaussian: 2.0 to 3.0``."""
    texts = [f"{label}: {result[scalar]:{digits}}" for label, result in results.shown.items()]
    for null, members in results.ensembles.items():
        low, _, high = band([member[scalar] for member in members])
        draws = f" to {high:{digits}}" if len(members) > 1 else " (one draw)"
        texts.append(f"null {null}: {low:{digits}}{draws}")
    return "".join(f"; {text}" for text in texts)


def _blurred(label: str, result: Result) -> Iterator[Finding]:
    """Yield what makes ratios of distances say little."""
    ties, rounded = result["ties"], result["rounded"]
    if not np.isfinite(result["twonn"]):
        yield _note(
            f"{label}: neighbors are equally far nearly everywhere, as on a lattice: the ratios of"
            " their distances (twonn) give no dimension.",
            result,
        )
    elif ties > MANY_TIES:
        yield _note(
            f"{label}: {100 * ties:.2g} % of the z-points have two nearest neighbors at the same"
            " distance; values that were rounded or quantized make the dimension look larger than"
            " it is.",
            result, "ties",
        )  # fmt: skip
    if rounded > MANY_ROUNDED:
        yield _note(
            f"{label}: {100 * rounded:.2g} % of the z-points have a neighbor as near as the"
            " rounding of float32 at their distance from the origin; what is seen at that scale is"
            " rounding. Subtract the mean before values are stored.",
            result, "rounded",
        )  # fmt: skip
