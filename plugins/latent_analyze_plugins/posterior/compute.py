"""Sums per axis and over radii, and all that follows from them in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import AnalysisError, Batch, Frame, Tally, Values, row_priority

AXIS_SUMS = ("mu", "mu_squares", "variance", "sigma", "log_var")
RADIUS_SUMS = ("mu", "z", "difference", "relative")
PART = 1 << 15
"""Values worked on at a time: a dozen arrays of float64 of this size stay in a core's cache."""

AE_SHARE = 0.9
"""Sigma must be tiny on so many of the carrying axes for a model to behave as an AE."""

BETWEEN, COLLAPSED = "in between", "collapsed"
ALL_AT_ORIGIN = "every mu is the origin: relative differences of the radius are not defined"
NO_VARIANCE = "an aggregate variance below float64: its divergence from the prior is infinite"
Vector = NDArray[np.float64]


class PosteriorSums(Tally):
    """Sums, ranges and counts over the rows; float64, mu about the frame's shift.

    Merging agrees with one pass to a relative 1e-9; counts, minima and maxima agree exactly.
    """

    lowest, highest = frozenset({"low"}), frozenset({"high", "largest"})

    def __init__(self, frame: Frame, options: Any) -> None:
        dim = frame["dim"]
        self.frame, self.options = frame, options
        self.count = self.nonfinite = self.off_origin = 0
        self.sums = {name: np.zeros(dim) for name in AXIS_SUMS}
        self.low, self.high = np.full(dim, np.inf), np.full(dim, -np.inf)
        self.above = np.zeros(dim, np.int64)
        # The outer two columns count what lies below and above the intervals.
        self.counts = np.zeros((dim, frame["bins"] + 2), np.int64)
        self.radii = dict.fromkeys(RADIUS_SUMS, 0.0)
        self.largest = dict.fromkeys(("difference", "relative"), 0.0)

    def add(self, batch: Batch) -> None:
        """Take in rows; those that are not finite, or whose variance is not, are counted apart."""
        dim, columns = self.counts.shape
        step = max(PART // dim, columns)
        for start in range(0, len(batch), step):
            self._add_part(batch.take(slice(start, start + step)))

    def _add_part(self, batch: Batch) -> None:
        assert batch.mu is not None
        assert batch.log_var is not None
        mu, log_var = batch.mu.astype(np.float64), batch.log_var.astype(np.float64)
        with np.errstate(over="ignore"):
            sigma = np.exp(0.5 * log_var)
            finite = np.isfinite(mu + log_var + sigma**2).all(axis=1)
        rows = batch.rows
        if not finite.all():
            self.nonfinite += int((~finite).sum())
            mu, log_var, sigma, rows = mu[finite], log_var[finite], sigma[finite], rows[finite]
        if len(mu):
            self.count += len(mu)
            shifted = mu - self.frame["shift"]
            per_axis = (shifted, shifted**2, sigma**2, sigma, log_var)
            for name, values in zip(AXIS_SUMS, per_axis, strict=True):
                self.sums[name] += values.sum(axis=0)
            self._add_log_var(log_var)
            self._add_radii(mu, sigma, rows)

    def _add_log_var(self, log_var: Vector) -> None:
        self.low = np.minimum(self.low, log_var.min(axis=0))
        self.high = np.maximum(self.high, log_var.max(axis=0))
        self.above += np.count_nonzero(log_var > self.options.threshold, axis=0)
        dim, columns = self.counts.shape
        place = log_var / self.frame["bin_width"]
        place -= self.frame["first_bin"] - 1
        index = np.clip(place, 0, columns - 1, out=place).astype(np.intp)
        index += columns * np.arange(dim)
        self.counts += np.bincount(index.ravel(), minlength=dim * columns).reshape(dim, columns)

    def _add_radii(self, mu: Vector, sigma: Vector, rows: NDArray[np.int64]) -> None:
        z = sigma * row_normals(rows, mu.shape[1], self.options.seed)
        z += mu
        # A sum along rows does not depend on how many rows there are, unlike a matrix product.
        of_mu, of_z = np.sqrt((mu**2).sum(axis=1)), np.sqrt((z**2).sum(axis=1))
        difference, off = np.abs(of_z - of_mu), of_mu > 0
        relative = difference[off] / of_mu[off]
        self.off_origin += int(off.sum())
        for name, values in zip(RADIUS_SUMS, (of_mu, of_z, difference, relative), strict=True):
            self.radii[name] += float(values.sum())
            if name in self.largest:
                self.largest[name] = max(self.largest[name], float(values.max(initial=0.0)))

    def result(self) -> Values:
        """Return the measures by name; AnalysisError where no row was finite."""
        if not self.count:
            raise AnalysisError(
                "rows with finite mu and log_var", found=f"none among {self.nonfinite:,}",
                next_step="check the outputs of the encoder",
            )  # fmt: skip
        axes = self._axes()
        notes = [] if self.off_origin else [ALL_AT_ORIGIN]
        notes += [] if np.isfinite(axes["gap"]).all() else [NO_VARIANCE]
        found = {"count": self.count, "nonfinite": self.nonfinite, "axes": self.frame["dim"]}
        found |= axes | self._log_var() | self._radius(axes) | over_axes(axes, self.options)
        return Values(found, notes=notes)

    def _axes(self) -> dict[str, NDArray[Any]]:
        """Return what holds along each axis, each of shape (dim,)."""
        mu, mu_squares, noise2, sigma, log_var = (self.sums[n] / self.count for n in AXIS_SUMS)
        mean, spread2 = self.frame["shift"] + mu, np.maximum(mu_squares - mu**2, 0.0)
        aggregate = spread2 + noise2
        kl = 0.5 * (mean**2 + aggregate - 1.0 - log_var)  # Kingma & Welling 2014, appendix B
        with np.errstate(divide="ignore"):
            gap = 0.5 * (mean**2 + aggregate - 1.0 - np.log(aggregate))
        active = spread2 > self.options.active_variance  # Burda, Grosse & Salakhutdinov 2016
        return {
            "mean": mean, "spread": np.sqrt(spread2), "sigma": np.sqrt(noise2),
            "deviation": np.sqrt(2 / np.pi) * sigma, "aggregate": aggregate, "gap": gap,
            "axis_kl": kl, "active": active,
            "collapsed": ~active & (kl <= self.options.collapsed_kl),
            "axis_log_var_mean": log_var, "axis_log_var_min": self.low,
            "axis_log_var_max": self.high, "axis_log_var_above": self.above / self.count,
        }  # fmt: skip

    def _log_var(self) -> dict[str, Any]:
        frame, values = self.frame, self.count * self.frame["dim"]
        return {
            "log_var_min": self.low.min(),
            "log_var_mean": self.sums["log_var"].sum() / values,
            "log_var_max": self.high.max(),
            "log_var_above": self.above.sum() / values,
            "outside": self.counts[:, [0, -1]].sum(),
            "counts": self.counts[:, 1:-1],
            "edges": (frame["first_bin"] + np.arange(frame["bins"] + 1)) * frame["bin_width"],
        }

    def _radius(self, axes: dict[str, NDArray[Any]]) -> dict[str, float]:
        of_mu2 = (axes["mean"] ** 2 + axes["spread"] ** 2).sum()
        found = {
            "radius_mu": self.radii["mu"] / self.count,
            "radius_z": self.radii["z"] / self.count,
            "rms_radius_mu": np.sqrt(of_mu2),
            "rms_radius_z": np.sqrt(of_mu2 + (axes["sigma"] ** 2).sum()),
            "radius_difference": self.radii["difference"] / self.count,
            "radius_difference_max": self.largest["difference"],
        }
        if self.off_origin:
            found["radius_relative"] = self.radii["relative"] / self.off_origin
            found["radius_relative_max"] = self.largest["relative"]
        return found


def over_axes(axes: dict[str, NDArray[Any]], options: Any) -> dict[str, Any]:
    """Return units, moments of the aggregate posterior and the verdict, given values per axis."""
    spread, sigma, total = axes["spread"], axes["sigma"], axes["aggregate"].sum()
    # These tell inputs apart: active, or with more spread than noise.
    carrying = axes["active"] | (spread > sigma)
    found = {
        "active_units": axes["active"].sum(), "collapsed_units": axes["collapsed"].sum(),
        "carrying_axes": carrying.sum(), "kl": axes["axis_kl"].sum(),
        "aggregate_center": np.abs(axes["mean"]).mean(),
        "aggregate_variance": axes["aggregate"].mean(),
        "noise_share": (sigma**2).sum() / max(total, np.finfo(float).tiny),
        "prior_gap": axes["gap"].mean(), "verdict": COLLAPSED,
    }  # fmt: skip
    if carrying.any():
        ratio = sigma[carrying] / spread[carrying]
        quiet = (ratio <= options.tiny_ratio).mean()
        verdict = "uses its prior" if found["prior_gap"] <= options.prior_gap else BETWEEN
        if quiet >= AE_SHARE:
            verdict = "behaves as an AE"
        found |= {"noise_ratio": np.median(ratio), "quiet_share": quiet, "verdict": verdict}
    return found


def row_normals(rows: NDArray[np.int64], dim: int, seed: int) -> NDArray[np.float32]:
    """Return a standard normal vector per row, shape (n, dim), of its number and the seed alone.

    Each 64-bit word of a counter-based generator gives two uniform numbers of 32 bits, and these
    two normal ones (Box & Muller 1958); none is beyond 6.8.
    """
    pairs = (dim + 1) // 2
    counters = rows.astype(np.int64)[:, None] * pairs + np.arange(pairs)
    words = row_priority(counters, seed)
    high, low = words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)
    # Sine and cosine are fifteen times faster in float32, and draws need no more places.
    uniform = (high.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-32)
    angle = low.astype(np.float32) * np.float32(2.0**-31 * np.pi)
    radius = np.sqrt(-2.0 * np.log(uniform))
    normals = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return normals[:, :dim]
