"""From sums to scalars and arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import AnalysisError, Array, Result, Scalar
from latent_analyze_plugins.posterior.axes import Axes

if TYPE_CHECKING:
    from latent_analyze_plugins.posterior.accumulator import PosteriorSums

UNIT = "latent units"
ALL_AT_ORIGIN = "every mu is the origin: relative differences of the radius are not defined"
NO_VARIANCE = "an aggregate variance below float64: its divergence from the prior is infinite"


def make_result(seen: PosteriorSums) -> Result:
    """Return the result of all rows; AnalysisError where none was finite."""
    if not seen.count:
        raise AnalysisError(
            "rows with finite mu and log_var",
            found=f"none among {seen.nonfinite:,}",
            next_step="check the outputs of the encoder",
        )
    axes = Axes.of(seen)
    scalars = {
        "verdict": Scalar(axes.verdict, "", "what the variational part does"),
        **_unit_scalars(axes),
        **_log_var_scalars(seen),
        **_aggregate_scalars(axes),
        **_radius_scalars(seen, axes),
        "count": Scalar(seen.count, "rows", "with finite mu and log_var"),
        "nonfinite": Scalar(seen.nonfinite, "rows", "not finite in mu or variance, left out"),
    }
    notes = [ALL_AT_ORIGIN] if not seen.off_origin else []
    notes += [NO_VARIANCE] if not np.isfinite(axes.gap).all() else []
    return Result(scalars, _arrays(seen, axes), notes=tuple(notes))


def _unit_scalars(axes: Axes) -> dict[str, Scalar]:
    options = axes.options
    scalars = {
        "axes": Scalar(len(axes.mean), "axes", "latent dimensions"),
        "active_units": Scalar(
            int(axes.active.sum()), "axes", f"variance of mu above {options.active_variance:g}"
        ),
        "collapsed_units": Scalar(
            int(axes.collapsed.sum()), "axes", f"inactive, KL at most {options.collapsed_kl:g} nats"
        ),
        "carrying_axes": Scalar(
            int(axes.carrying.sum()), "axes", "active, or with more spread of mu than noise"
        ),
        "kl": Scalar(
            float(axes.kl.sum()), "nats", "KL of the posteriors from the prior, all axes, mean"
        ),
    }
    if axes.carrying.any():
        tiny = f"sigma at most {options.tiny_ratio:g} of the spread of mu"
        scalars |= {
            "noise_ratio": Scalar(
                float(np.median(axes.noise_ratio)), "",
                "sigma / spread of mu, median over the carrying axes",
            ),
            "quiet_share": Scalar(axes.quiet_share, "share", f"of the carrying axes with {tiny}"),
        }  # fmt: skip
    return scalars


def _log_var_scalars(seen: PosteriorSums) -> dict[str, Scalar]:
    values = seen.count * seen.frame["dim"]
    outside = int(seen.counts[:, [0, -1]].sum())
    threshold = seen.options.threshold
    return {
        "log_var_min": Scalar(float(seen.low.min()), "", "smallest log_var"),
        "log_var_mean": Scalar(float(seen.sums["log_var"].sum()) / values, "", "mean log_var"),
        "log_var_max": Scalar(float(seen.high.max()), "", "largest log_var"),
        "log_var_above": Scalar(
            int(seen.above.sum()) / values, "share", f"components with log_var above {threshold:g}"
        ),
        "outside": Scalar(outside, "components", "log_var outside the intervals of the histogram"),
    }


def _aggregate_scalars(axes: Axes) -> dict[str, Scalar]:
    return {
        "aggregate_center": Scalar(
            float(np.abs(axes.mean).mean()), UNIT,
            "distance of the aggregate's mean from 0 along an axis, mean over axes (prior: 0)",
        ),
        "aggregate_variance": Scalar(
            float(axes.aggregate.mean()), "",
            "variance of the aggregate posterior, mean over axes (prior: 1)",
        ),
        "noise_share": Scalar(
            float(axes.noise2.sum() / max(axes.aggregate.sum(), np.finfo(float).tiny)), "share",
            "of the aggregate's variance that is sigma^2",
        ),
        "prior_gap": Scalar(
            float(axes.gap.mean()), "nats per axis",
            "KL from the prior of the Gaussian with the aggregate's moments, per axis",
        ),
    }  # fmt: skip


def _radius_scalars(seen: PosteriorSums, axes: Axes) -> dict[str, Scalar]:
    of_mu2 = float((axes.mean**2 + axes.spread2).sum())
    of_z2 = of_mu2 + float(axes.noise2.sum())
    mean = {name: total / seen.count for name, total in seen.radii.items()}
    by_draw = "one seeded draw z per row"
    scalars = {
        "radius_mu": Scalar(mean["mu"], UNIT, "mean radius of mu"),
        "radius_z": Scalar(mean["z"], UNIT, f"mean radius of z, {by_draw}"),
        "rms_radius_mu": Scalar(of_mu2**0.5, UNIT, "root mean square radius of mu"),
        "rms_radius_z": Scalar(of_z2**0.5, UNIT, "root mean square radius of z, closed form"),
        "radius_difference": Scalar(mean["difference"], UNIT, f"mean ||z| - |mu||, {by_draw}"),
        "radius_difference_max": Scalar(seen.largest["difference"], UNIT, "largest ||z| - |mu||"),
    }
    if seen.off_origin:
        relative = seen.radii["relative"] / seen.off_origin
        scalars |= {
            "radius_relative": Scalar(relative, "", "mean ||z| - |mu|| / |mu|"),
            "radius_relative_max": Scalar(
                seen.largest["relative"], "", "largest ||z| - |mu|| / |mu|"
            ),
        }
    return scalars


def _arrays(seen: PosteriorSums, axes: Axes) -> dict[str, Array]:
    frame = seen.frame
    edges = (frame["first_bin"] + np.arange(frame["bins"] + 1)) * frame["bin_width"]
    deviation = np.sqrt(2 / np.pi) * seen.sums["sigma"] / seen.count
    per_axis = {
        "mean": (axes.mean, UNIT, "mean of mu"),
        "spread": (np.sqrt(axes.spread2), UNIT, "standard deviation of mu"),
        "sigma": (np.sqrt(axes.noise2), UNIT, "root mean square sigma"),
        "deviation": (deviation, UNIT, "expected |z - mu|, closed form"),
        "aggregate": (axes.aggregate, "", "variance of the aggregate posterior"),
        "gap": (axes.gap, "nats", "KL of the moment-matched aggregate from the prior"),
        "axis_kl": (axes.kl, "nats", "KL of the posteriors from the prior, mean"),
        "active": (axes.active, "", "whether mu varies along the axis"),
        "collapsed": (axes.collapsed, "", "whether the axis has collapsed to the prior"),
        "log_var_mean": (axes.log_var, "", "mean log_var"),
        "log_var_min": (seen.low, "", "smallest log_var"),
        "log_var_max": (seen.high, "", "largest log_var"),
        "log_var_above": (seen.above / seen.count, "share", "rows with log_var above threshold"),
    }
    return {
        **{name: Array(v, ("axis",), unit, text) for name, (v, unit, text) in per_axis.items()},
        "counts": Array(
            seen.counts[:, 1:-1], ("axis", "bin"), "rows", "rows per interval of log_var"
        ),
        "edges": Array(edges, ("edge",), "", "edges of the intervals of log_var"),
    }
