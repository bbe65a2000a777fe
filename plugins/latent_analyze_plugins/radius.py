"""Counts per radius interval: how far the z-points lie from the origin."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from latent_analyze.plotting import (
    ORIGIN_COLOR,
    density,
    finish,
    gray_caption,
    new_figure,
    overlay,
)
from latent_analyze.plugin import (
    Analysis,
    AnalysisError,
    AnalysisOptions,
    Batch,
    Distribution,
    Figure,
    Finding,
    Frame,
    Measure,
    Result,
    ResultSet,
    Source,
    quantile_positions,
    share_below,
)  # fmt: skip
from latent_analyze.statistics import automatic_width, rounded
from latent_analyze_plugins.shared.shells import expected_shell, matching_cube

SAMPLE, MAX_BINS = 10_000, 1_000_000
FAR = 5.0
"""A shell this many times farther out or in than the data's would squeeze it to a line."""
TALL = 3.0
"""Curves this many times higher than the data's are cut: a sphere has one interval of all."""
UNIT = "latent units"
GAUSSIAN = "of a Gaussian with the reference's mean and covariance"
TESTED: dict[str, Any] = {
    "unit": UNIT, "calibrated": True,
    "minimum_effect": lambda found: 0.1 * found.frame["expected_width"],
}  # fmt: skip


class RadiusOptions(AnalysisOptions):
    """Options of `radius`."""

    bin_width: PositiveFloat | Literal["auto"] = Field(
        "auto",
        description="width of a radius interval, latent units (the literature uses 0.5 and 0.05); "
        "auto: Freedman and Diaconis' rule on the reference, rounded to 1, 2 or 5 times a power "
        "of ten",
    )


class RadiusCounts(Distribution):
    """The distribution of the radii; sums are taken about the expected radius."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame["bin_width"], frame["expected"])
        self.frame = frame

    def add(self, batch: Batch) -> None:
        """Count the radii of a batch; rows with NaN or infinity are counted apart."""
        self.add_values(_radii(batch.z))

    def result(self) -> dict[str, Any]:
        """Return moments, quantiles and counts, and what is expected of them."""
        found, frame = super().result(), self.frame
        mean, std = found["mean"], found["std"]
        b, cube = matching_cube(mean, frame["dim"])
        given = {name: frame[name] for name in ("expected", "expected_width", "bin_width")}
        return found | given | {
            "relative_width": std / mean if mean else math.nan, "rms": math.hypot(mean, std),
            "q05": self.quantile(0.05), "median": self.quantile(0.5), "q95": self.quantile(0.95),
            "uniform_b": b, "uniform_width": cube,
        }  # fmt: skip


class Radius(Analysis):
    """Counts per radius interval: how far the z-points lie from the origin.

    In many dimensions z-points keep away from the origin and gather in a thin shell, whatever
    their distribution: of interest is how the shell differs from that of artificial z-points.
    Bins are anchored at multiples of their width from 0; quantiles and the median are
    interpolated linearly in a bin, everything else is exact.
    """

    name, title = "radius", "Distance from the origin"
    Options = RadiusOptions
    measures = (
        Measure("count", "finite z-points", "z-points"),
        Measure("mean", "mean radius", UNIT),
        Measure("std", "standard deviation of the radius: how thick the shell is", **TESTED,
                higher="the shell is thicker", lower="the shell is thinner"),
        Measure("relative_width", "std / mean"),
        Measure("rms", "root mean square radius", UNIT),
        Measure("min", "smallest radius", UNIT),
        Measure("max", "largest radius", UNIT),
        Measure("mode", "center of the fullest interval, the lowest if several", UNIT),
        Measure("q05", "5 % quantile of the radius (interpolated in an interval)", **TESTED,
                higher="the shell's inner edge lies farther out",
                lower="the shell's inner edge lies farther in"),
        Measure("median", "50 % quantile of the radius (interpolated in an interval)", UNIT),
        Measure("q95", "95 % quantile of the radius (interpolated in an interval)", **TESTED,
                higher="the shell's outer edge lies farther out",
                lower="the shell's outer edge lies farther in"),
        Measure("expected", f"root mean square radius {GAUSSIAN}: sqrt(|mean|^2 + trace)", UNIT),
        Measure("expected_width", f"standard deviation of the radius {GAUSSIAN}", UNIT),
        Measure("uniform_b", "uniform vectors in [-b, b]^dim have this mean radius (closed form)",
                UNIT),
        Measure("uniform_width", "standard deviation of their radius (closed form)", UNIT),
        Measure("bin_width", "width of a radius interval", UNIT),
        Measure("outside", f"beyond the {MAX_BINS:,} intervals", "z-points",
                said="{value:,} radii lie beyond the last interval; mode, median and quantiles "
                "leave them out. A bin_width larger than {bin_width:g} counts them"),
        Measure("nonfinite", "with NaN or infinity, left out", "z-points",
                said="{value:,} z-points hold NaN or infinity and were left out"),
        Measure("counts", "z-points per radius interval", "z-points", dims=("bin",)),
    )  # fmt: skip

    def prepare(self, reference: Source) -> Frame:
        """Return the bin width and the shell expected from the reference's mean and covariance."""
        summary, width = reference.summary(), self.options.bin_width
        if summary.count == 0:
            raise AnalysisError("finite z-points in the reference", found="none")
        if width == "auto":
            radii, largest = _radii(reference.sample(SAMPLE, seed=0).z), summary.radius_max
            width = automatic_width(radii, summary.count, largest=largest, most=MAX_BINS)
        expected, spread = expected_shell(summary)
        shell = {"expected": expected, "expected_width": spread}
        return Frame({"dim": reference.dim, "bin_width": width, **shell})

    def accumulator(self, frame: Frame) -> RadiusCounts:
        """Return empty counts."""
        return RadiusCounts(frame)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say where the shells lie."""
        data = results.data
        for label, result in results.results.items():
            if not result["count"]:
                yield Finding("note", f"{label} has no finite z-points: no radius is defined.")
        if not data["count"]:
            return
        numbers = ("mean", "std", "expected", "expected_width", "uniform_b", "uniform_width")
        yield Finding(
            "note",
            f"The z-points of {results.reference} lie in a shell of radius "
            f"{_shell(data['mean'], data['std'])} (mean ± standard deviation). A Gaussian with "
            "their mean and covariance would lie at "
            f"{_shell(data['expected'], data['expected_width'])}; uniform vectors in [-b, b]^N "
            f"have the same mean radius for b = {data['uniform_b']:.3g}, with a standard deviation "
            f"of {data['uniform_width']:.3g}.",
            {name: data[name] for name in numbers},
        )
        yield from (_beside(k, r, data) for k, r in results.shown.items() if r["count"])

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw the density over the radius of all sources, with the null band."""
        drawn = {k: r for k, r in results.results.items() if r["counts"].any()}
        if results.reference not in drawn:
            return
        near = [label for label, result in drawn.items() if not _is_far(result, results.data)]
        figure, axis = new_figure()
        overlay(axis, results, _density, over=results.data["bin_width"], steps=True, sources=near)
        axis.axvline(results.data["expected"], color=ORIGIN_COLOR, lw=0.8, ls=":",
                     label="expected radius")  # fmt: skip
        axis.set(xlabel="radius |z|, latent units", ylabel="share of z-points per latent unit",
                 xlim=_limits([drawn[label] for label in near]))  # fmt: skip
        members = [member for ensemble in results.ensembles.values() for member in ensemble]
        tops = [_density(result).max() for result in (*(drawn[k] for k in near), *members)]
        axis.set_ylim(0, min(1.05 * max(tops), TALL * _density(results.data).max()))
        away = [_range(label, drawn[label]) for label in drawn if label not in near]
        alt = "Density over the radius: " + ", ".join(_range(k, r) for k, r in drawn.items())
        yield Figure("radius", _caption(results, away), finish(figure), alt)


def _radii(z: NDArray[np.float32]) -> NDArray[np.float64]:
    from latent_analyze_plugins.shared.histogram_kernels import squared_radii

    return np.sqrt(squared_radii(z))


def _beside(label: str, result: Result, data: Result) -> Finding:
    width, counts = data["bin_width"], result["counts"]
    low, high = (rounded(data[name], data["std"]) for name in ("q05", "q95"))
    share = 0.0
    if counts.any():
        share = share_below(counts, data["q95"] / width) - share_below(counts, data["q05"] / width)
    return Finding(
        "note",
        f"{label}: {100 * share:.1f} % of its z-points have a radius within [{low}, {high}], where "
        "90 % of the data have theirs; its shell has radius "
        f"{_shell(result['mean'], result['std'])}.",
        {"share": share, "mean": result["mean"], "std": result["std"]},
    )


def _shell(mean: float, std: float) -> str:
    return f"{rounded(mean, std)} ± {rounded(std, std)}"


def _is_far(result: Result, data: Result) -> bool:
    low, high = sorted([result["median"], data["median"]])
    return bool(high > FAR * low > 0)


def _density(result: Result) -> NDArray[np.float64]:
    return density(result["counts"], result["bin_width"])


def _limits(drawn: list[Result]) -> tuple[float, float]:
    ends = [
        quantile_positions(r["counts"][None], share)[0] * r["bin_width"]
        for r in drawn
        for share in (0.0005, 0.9995)
    ]
    margin = max(0.04 * (max(ends) - min(ends)), drawn[0]["bin_width"])
    return max(min(ends) - margin, 0.0), max(ends) + margin


def _range(label: str, result: Result) -> str:
    low, middle, high = (rounded(result[n], result["std"]) for n in ("q05", "median", "q95"))
    return f"{label} around {middle} (5-95 %: {low} to {high})"


def _caption(results: ResultSet, away: list[str]) -> str:
    data = results.data
    text = (
        "How far the z-points lie from the origin: a shell of radius "
        f"{_shell(data['mean'], data['std'])}. Each curve is the share of z-points per unit of "
        f"radius, counted in intervals of {data['bin_width']:g}; the area under it is 1. The "
        "dotted line is the radius that mean and covariance of the data lead to."
    )
    text += gray_caption(results)
    return text + (f" Too far away to be drawn: {'; '.join(away)}." if away else "")
