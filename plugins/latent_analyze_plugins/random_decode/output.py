"""The result on a source: rates of its z-points, and the images of some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import AnalysisError, Array, Result, Scalar
from latent_analyze_plugins.random_decode.intervals import wilson_interval
from latent_analyze_plugins.random_decode.scores import CRITERIA, Scores, score
from latent_analyze_plugins.shared.rows import rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Context, Frame, Source

SATURATED = 1 / 255
"""A pixel this close to an end of the range is black or white in 8 bits."""

CYCLE, SUPPORT = 1, 2
"""Bits of a verdict."""

MEANING = {
    "joint": "share of the z-points that pass both tests",
    "cycle": "share that the encoder finds again: |E(D(z)) - z| within the held-out 95 % quantile",
    "support": "share within the k-NN radius of a z-point of the data",
}


def evaluate(frame: Frame, source: Source, context: Context, *, options: Any) -> Result:
    """Score a sample of a source; of the reference itself the evaluation half.

    Raises
    ------
    AnalysisError
        If no output of the decoder is finite.
    """
    rows, z = _points(frame, source, context, options)
    # Evenly spaced: a sample stands in row order, and data sets are often sorted by class.
    shown = np.unique(np.linspace(0, len(z) - 1, min(options.images, len(z))).round()).astype(int)
    scores = score(frame, z, context, shown=shown, task=f"decode {source.label}")
    if not scores.finite.any():
        raise AnalysisError(
            "finite numbers from the decoder",
            found=f"NaN or infinity in all {len(z)} outputs for {source.label}",
            next_step="check the decoder, or leave z-points so far out away",
        )
    scalars, arrays = _rates(scores, frame)
    arrays["row"] = Array(rows, ("point",), "", "row number of each scored z-point in its source")
    lost = int((~scores.finite).sum())
    scalars["nonfinite"] = Scalar(lost, "z-points", "outputs with NaN or infinity: no test passed")
    more_scalars, more_arrays, notes = _pictures(scores, shown)
    if frame["no_cycle"]:
        notes += (f"{frame['no_cycle']}: no cycle rate and no joint rate",)
    return Result({**scalars, **more_scalars}, {**arrays, **more_arrays}, len(z), notes)


def _points(
    frame: Frame, source: Source, context: Context, options: Any
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if source.fingerprint == context.reference.fingerprint:
        rows = frame["evaluation_rows"]
        return rows, rows_of(source, rows)
    batch = context.sample(options.points)
    return batch.rows, batch.z.astype(np.float64)


def _rates(scores: Scores, frame: Frame) -> tuple[dict[str, Scalar], dict[str, Array]]:
    """Return rates, absolute and relative, and the scores behind them.

    A rate is no evidence about the data: that a null passes less often shows what the null is. So
    none is calibrated.
    """
    passed, total = scores.passed, len(scores.support)
    scalars = {
        f"{name}_rate": Scalar(float(mask.mean()), "share", MEANING[name])
        for name, mask in passed.items()
    }
    for name in passed:
        control = frame[f"control_{name}"]
        if control > 0:
            relative = scalars[f"{name}_rate"].value / control
            text = f"{name} rate over that of held-out data"
            scalars[f"{name}_relative"] = Scalar(relative, "", text)
    if frame["control_nearest"] > 0:
        scalars["distance_relative"] = Scalar(
            float(np.median(scores.nearest)) / frame["control_nearest"], "",
            "median distance to the nearest z-point of the support set, over that of held-out data",
        )  # fmt: skip
    intervals = np.array([wilson_interval(int(mask.sum()), total) for mask in passed.values()])
    text = f"95 % intervals of the rates ({', '.join(passed)}), low and high"
    arrays = {"interval": Array(intervals, ("criterion", "bound"), "share", text)}
    for name, values in ("cycle", scores.cycle), ("support", scores.support):
        if values is not None:
            text = f"score in the {name} test, at most 1 passes"
            arrays[f"{name}_score"] = Array(values.astype(np.float32), ("point",), "", text)
    return scalars, arrays


def _pictures(
    scores: Scores, shown: NDArray[np.int64]
) -> tuple[dict[str, Scalar], dict[str, Array], tuple[str, ...]]:
    """Return numbers about the images that are shown, the images with their verdicts, notes."""
    passed = scores.passed
    verdict = SUPPORT * passed["support"].astype(np.uint8)
    if "cycle" in passed:
        verdict |= CYCLE * passed["cycle"].astype(np.uint8)
    good = scores.finite[shown]
    decoded, verdict = scores.decoded[good], verdict[shown[good]]
    arrays = {
        "verdict": Array(verdict, ("image",), "", "tests passed per image: 1 cycle, 2 support, 3"),
    }
    scalars = _contents(decoded) if len(decoded) else {}
    if decoded.ndim < 3:
        values = Array(_flat(decoded), ("image", "feature"), "", "decoded vectors")
        return scalars, {**arrays, "vectors": values}, ()
    notes: tuple[str, ...] = ()
    if beyond := float(((decoded < -SATURATED) | (decoded > 1 + SATURATED)).sum()):
        share = 100 * beyond / decoded.size
        notes = (f"{share:.2g} % of the pixels shown lie outside [0, 1]: clipped",)
    pixels = np.rint(255 * np.clip(decoded, 0, 1)).astype(np.uint8)
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    images = Array(pixels, ("image", "y", "x", "channel"), "", "decoded images, 0 to 255")
    return scalars, {**arrays, "images": images}, notes


def _contents(decoded: NDArray[np.float32]) -> dict[str, Scalar]:
    """Return numbers about the content of decoded images (or vectors)."""
    flat = _flat(decoded)
    scalars = {
        "mean_value": Scalar(float(flat.mean(dtype=np.float64)), "", "mean of all pixels shown"),
        "contrast": Scalar(
            float(flat.std(axis=1).mean()),
            "",
            "standard deviation over the pixels of an image, averaged over images shown",
        ),
        "diversity": Scalar(
            float(flat.std(axis=0).mean()),
            "",
            "standard deviation over images shown at a pixel, averaged over pixels",
        ),
    }
    if decoded.ndim >= 3:
        ends = (flat <= SATURATED) | (flat >= 1 - SATURATED)
        text = "share of pixels that are black or white in 8 bits"
        scalars["saturated"] = Scalar(float(ends.mean()), "share", text)
    return scalars


def _flat(decoded: NDArray[np.float32]) -> NDArray[np.float32]:
    return decoded.reshape(len(decoded), -1)


def interval(result: Result, criterion: str) -> tuple[float, float]:
    """Return the 95 % interval of a rate of a result."""
    names = [name for name in CRITERIA if f"{name}_rate" in result.scalars]
    low, high = result["interval"][names.index(criterion)]
    return float(low), float(high)
