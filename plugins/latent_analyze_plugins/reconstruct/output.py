"""The result: errors, images at the ends, and how errors depend on the place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting import as_pixels
from latent_analyze.plugin import Array, Result, Scalar
from latent_analyze_plugins.reconstruct.pairs import decoded_pairs
from latent_analyze_plugins.shared.ranks import binned_quantiles, rank_correlation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from latent_analyze.plugin import Context
    from latent_analyze_plugins.reconstruct import ReconstructOptions

GROUPS = ("all", "best", "worst")
"""Rows of the figure: evenly over the ranks of the error, its lower and its upper end."""

MOST_SPLITS = 6

TEXTS = {
    "mse": ("", "squared error, averaged over pixels"),
    "bce": ("nats", "binary cross-entropy, averaged over pixels"),
    "bce_floor": ("nats", "binary cross-entropy that a perfect reconstruction has"),
    "ssim": ("", "structural similarity, 1 for equal images"),
}
"""Error -> unit and description."""


@dataclass(frozen=True)
class Measured:
    """What was measured of each image of the sample whose reconstruction is finite."""

    z: NDArray[np.float32]
    rows: NDArray[np.int64]
    errors: Mapping[str, NDArray[np.float64]]
    pixels: int
    variance: float
    outside: float
    nonfinite: int
    radius: NDArray[np.float64]
    neighbor: NDArray[np.float64]
    split: NDArray[np.str_] | None

    @property
    def is_image(self) -> bool:
        """Whether these are images; vectors have a mean squared error only."""
        return "bce" in self.errors

    def splits(self) -> dict[str, NDArray[np.bool_]]:
        """Return the most frequent values of the split -> which images have it."""
        if self.split is None:
            return {}
        names, counts = np.unique(self.split, return_counts=True)
        kept = np.sort(names[np.argsort(-counts, kind="stable")[:MOST_SPLITS]])
        return {str(name): self.split == name for name in kept}


def make_result(measured: Measured, context: Context, options: ReconstructOptions) -> Result:
    """Return scalars and arrays; reads and decodes the images of the figure once more."""
    scalars = {**_errors(measured), **_by_split(measured), **_places(measured)}
    arrays = {**_arrays(measured), **_examples(measured, context, options)}
    return Result(scalars, arrays, len(measured.z))


def _errors(measured: Measured) -> dict[str, Scalar]:
    errors = measured.errors
    mse = errors["mse"]
    scalars = {
        "mse": Scalar(float(mse.mean()), "", "mean squared error per pixel"),
        "mse_median": Scalar(float(np.median(mse)), "", "median over images"),
        "mse_q95": Scalar(float(np.quantile(mse, 0.95)), "", "95 % quantile over images"),
        "nonfinite": Scalar(measured.nonfinite, "images", "decoded to NaN or infinity, left out"),
    }
    if measured.variance > 0:
        scalars["explained"] = Scalar(
            1 - scalars["mse"].value / measured.variance,  # type: ignore[operator]
            "share",
            "1 - mse / (mse of giving the mean image for every image)",
        )
    if measured.is_image:
        bce, floor = float(errors["bce"].mean()), float(errors["bce_floor"].mean())
        scalars |= {
            "bce": Scalar(bce, "nats", "binary cross-entropy per pixel"),
            "bce_sum": Scalar(bce * measured.pixels, "nats", "binary cross-entropy per image"),
            "bce_floor": Scalar(floor, *TEXTS["bce_floor"]),
            "outside": Scalar(
                measured.outside, "share", "decoded values outside [0, 1]; clipped for bce and ssim"
            ),
        }
    if "ssim" in errors:
        scalars["ssim"] = Scalar(float(errors["ssim"].mean()), *TEXTS["ssim"])
    return scalars


def _by_split(measured: Measured) -> dict[str, Scalar]:
    scalars = {}
    for name, chosen in measured.splits().items():
        mse = measured.errors["mse"][chosen]
        scalars[f"mse[{name}]"] = Scalar(float(mse.mean()), "", f"mse of the split {name}")
        scalars[f"images[{name}]"] = Scalar(len(mse), "images", f"sampled of the split {name}")
        if len(mse) > 1:
            error = float(mse.std(ddof=1) / np.sqrt(len(mse)))
            scalars[f"mse_error[{name}]"] = Scalar(error, "", "standard error of it")
        if "ssim" in measured.errors:
            value = float(measured.errors["ssim"][chosen].mean())
            scalars[f"ssim[{name}]"] = Scalar(value, "", f"ssim of the split {name}")
    return scalars


def _places(measured: Measured) -> dict[str, Scalar]:
    scalars = {}
    for name, what in ("radius", "radius"), ("neighbor", "distance of the k-th nearest neighbor"):
        value = rank_correlation(getattr(measured, name), measured.errors["mse"])
        if value is not None:
            scalars[f"rank_{name}"] = Scalar(value, "", f"rank correlation of mse and {what}")
    return scalars


def _arrays(measured: Measured) -> dict[str, Array]:
    arrays = {
        f"image_{name}": Array(values.astype(np.float32), ("image",), *TEXTS[name])
        for name, values in measured.errors.items()
    }
    arrays["row"] = Array(measured.rows, ("image",), "", "row numbers in the source")
    if measured.split is not None:
        arrays["split"] = Array(measured.split, ("image",), "", "the label split")
    texts = {
        "radius": "distance from the origin",
        "neighbor": "distance of the k-th nearest neighbor in the sample",
    }
    for name, text in texts.items():
        place = getattr(measured, name)
        centers, quartiles = binned_quantiles(place, measured.errors["mse"])
        dims = (f"{name}_bin",)
        arrays[name] = Array(place.astype(np.float32), ("image",), "latent units", text)
        arrays[f"{name}_bin"] = Array(centers, dims, "latent units", "median of each tenth")
        arrays[f"mse_by_{name}"] = Array(
            quartiles, (*dims, "quartile"), "", "quartiles of mse in each tenth"
        )
    return arrays


def _examples(
    measured: Measured, context: Context, options: ReconstructOptions
) -> dict[str, Array]:
    """Return originals and reconstructions, uint8 for images, in `GROUPS` of the error."""
    order = np.argsort(measured.errors["mse"], kind="stable")
    count = min(options.images, len(order))
    even = order[np.round(np.linspace(0.02, 0.98, count) * (len(order) - 1)).astype(int)]
    chosen = np.stack([even, order[:count], order[::-1][:count]])
    flat = chosen.ravel()
    original, decoded = decoded_pairs(measured.z[flat], measured.rows[flat], context)
    arrays = {}
    for name, values in ("original", original), ("decoded", decoded):
        dims: tuple[str, ...] = ("group", "place", "feature")
        shown: NDArray[Any] = values
        if measured.is_image:
            dims, shown = ("group", "place", "y", "x", "channel"), as_pixels(values)
        grouped = shown.reshape(*chosen.shape, *shown.shape[1:])
        arrays[name] = Array(grouped, dims, "", f"{name} images: over all errors, best, worst")
    return {
        **arrays,
        "example": Array(chosen, ("group", "place"), "", "place in the arrays per image"),
    }
