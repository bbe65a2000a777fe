"""From a sample of a source to scalars and curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latent_analyze.plugin import Array, Result, Scalar
from latent_analyze_plugins.clustering.agreement import agreement, classes_of
from latent_analyze_plugins.clustering.curves import SMALLEST_SHARE, measure
from latent_analyze_plugins.clustering.grid import LABEL, centered, label_names, possible
from latent_analyze_plugins.clustering.scores import LEAST_EFFECT, elbow

if TYPE_CHECKING:
    from latent_analyze.plugin import Context, Frame, Source
    from latent_analyze_plugins.clustering.curves import Curves


def cluster(frame: Frame, source: Source, context: Context, *, options: Any) -> Result:
    """Return curves over k and the agreement with labels, on a sample of a source."""
    batch = context.sample(frame["rows"], frozenset({"z", *_label_fields(source, options)}))
    points, finite = centered(batch)
    ks, most = possible(frame["ks"], points, source.label)
    classes, notes = classes_of(batch, finite, most)
    counts = {int(index.max()) + 1 for index in classes.values()}
    curves = measure(points, ks, keep=counts, context=context, options=options)
    nonfinite = int((~finite).sum())
    scalars = {
        "sample": Scalar(len(points), "z-points", "clustered"),
        **_curve_scalars(curves),
        **agreement(classes, curves.clusters),
        "nonfinite": Scalar(nonfinite, "z-points", "sampled, with NaN or infinity, left out"),
    }
    if ks[-1] < options.k_max:
        notes.append(
            f"at most {ks[-1]} clusters were tried: the sample has {len(points):,} z-points, and a"
            " cluster takes two of them and a distinct one"
        )
    if curves.share.min() < SMALLEST_SHARE:
        notes.append(
            f"inertia falls below {SMALLEST_SHARE:g} of the variance, which is rounding: z-points"
            " are duplicates but for a few, or a few lie very far out"
        )
    return Result(scalars, _arrays(curves), len(points), tuple(notes))


def _label_fields(source: Source, options: Any) -> list[str]:
    auto = options.labels == "auto"
    return [
        LABEL + name
        for name in label_names(source)
        if (name != "split" if auto else name in options.labels)
    ]


def _curve_scalars(curves: Curves) -> dict[str, Scalar]:
    best = int(curves.silhouette.argmax())
    scalars = {
        "variance": Scalar(
            curves.variance, "latent units squared", "mean squared distance from the mean"
        ),
        "log_inertia": Scalar(
            float(curves.log_share.mean()), "", "ln(inertia / variance), mean over k",
            calibrated=True, direction="low", minimum_effect=LEAST_EFFECT,
        ),
        "silhouette": Scalar(
            float(curves.silhouette[best]), "",
            f"largest mean silhouette over k, on {curves.silhouette_rows:,} z-points",
            calibrated=True, direction="high", minimum_effect=LEAST_EFFECT,
        ),
        "silhouette_k": Scalar(int(curves.ks[best]), "clusters", "where the silhouette is largest"),
    }  # fmt: skip
    if len(curves.ks) > 2:
        k, sharpness = elbow(curves.ks, curves.inertia)
        scalars |= {
            "elbow_k": Scalar(k, "clusters", "where the curve of inertia bends most"),
            "elbow_sharpness": Scalar(
                sharpness, "", "of the elbow, from 0 (no bend) to 1 (a right angle)",
                calibrated=True, direction="high", minimum_effect=2 * LEAST_EFFECT,
            ),
        }  # fmt: skip
    return scalars


def _arrays(curves: Curves) -> dict[str, Array]:
    dims, squared = ("k",), "latent units squared"
    return {
        "k": Array(curves.ks, dims, "clusters", "numbers of clusters"),
        "inertia": Array(curves.inertia, dims, squared, "mean squared distance from the center"),
        "share": Array(curves.share, dims, "share", "inertia / variance"),
        "log_share": Array(curves.log_share, dims, "", "ln(inertia / variance), at least -16.1"),
        "silhouettes": Array(curves.silhouette, dims, "", "mean silhouette"),
    }
