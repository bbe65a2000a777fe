"""A sample decoded and compared with its images: errors, what they depend on, and examples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import as_pixels
from latent_analyze.plugin import AnalysisError, Batch, Context, Values
from latent_analyze.statistics import binned_quantiles, nearest_others, rank_correlation

PART_VALUES = 2_000_000
"""Pixel values held at a time: 16 MB in float64, and a few arrays of that size."""

MOST_SPLITS = 6

SMALLEST = 1e-7
"""Probabilities are kept this far from 0 and 1 before their logarithm is taken, as Keras does."""

SIGMA, RADIUS = 1.5, 5
"""Window of structural similarity: a Gaussian over 11 x 11 pixels (Wang et al. 2004)."""

C1, C2 = 0.01**2, 0.03**2
"""Constants of structural similarity for pixel values in [0, 1] (Wang et al. 2004)."""

Errors = dict[str, NDArray[np.float64]]


def measure(context: Context, options: Any) -> Values:
    """Return errors, the images at the ends, and how errors depend on the position."""
    batch = context.sample(options.sample, frozenset({"z", "label:split"}))
    batch = batch.take(np.flatnonzero(np.isfinite(batch.z).all(axis=1)))
    kept, parts, total = np.zeros(len(batch), bool), [], np.zeros(())
    size = PART_VALUES // context.images(batch.rows[:1]).size if len(batch) else 1
    for start in range(0, len(batch), max(size, 1)):
        context.progress("reconstruct", start, len(batch))
        part = slice(start, start + max(size, 1))
        original, decoded = _pairs(batch.take(part), context)
        kept[part] = finite = np.isfinite(decoded.reshape(len(decoded), -1)).all(axis=1)
        if finite.any():
            parts.append(_errors(original[finite], decoded[finite]))
            total = total + original[finite].sum(axis=0, dtype=np.float64)
    if kept.sum() < 2:
        raise AnalysisError(
            "finite numbers from the decoder for at least two z-points",
            found=f"{kept.sum()} of {len(kept)}",
            next_step="check the decoder",
        )
    good, errors = batch.take(kept), {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    values = {
        **_overall(errors, total / len(good)), "nonfinite": int((~kept).sum()),
        **_by_split(good, errors), **_by_position(good, errors["mse"], options.k),
        **{f"image_{name}": error.astype(np.float32) for name, error in errors.items()},
        **_examples(good, errors["mse"], context, options.images),
    }  # fmt: skip
    return Values(values, sample_size=len(good), rows=good.rows)


def _pairs(batch: Batch, context: Context) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return images and reconstructions of one shape; gray ones get an axis of channels."""
    original = np.asarray(context.images(batch.rows), np.float32)
    decoded = np.asarray(context.model.decode(batch.z), np.float32)
    original, decoded = (x[..., None] if x.ndim == 3 else x for x in (original, decoded))
    if original.shape != decoded.shape:
        raise AnalysisError(
            f"decoded images of the shape of the originals, {original.shape[1:]}",
            found=f"{decoded.shape[1:]}",
            next_step="encode the data in the decoder's size",
        )
    return original, decoded


def _errors(original: NDArray[np.float32], decoded: NDArray[np.float32]) -> Errors:
    """Return errors per row (vectors have a mean square only), and what `_overall` needs."""
    found = {"mse": mean_squared(original, decoded), "square": mean_squared(original, np.zeros(()))}
    if original.ndim == 4:
        found["bce"] = cross_entropy(original, decoded)
        found["bce_floor"] = cross_entropy(original, original)
        outside = (decoded < 0) | (decoded > 1)
        found["outside"] = outside.mean(axis=(1, 2, 3))
        similarity = structural_similarity(original, decoded)
        found |= {} if similarity is None else {"ssim": similarity}
    return found


def mean_squared(original: NDArray[Any], decoded: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean squared error per row, shape (n, ...) -> (n,)."""
    difference = original.astype(np.float64) - decoded
    return (difference**2).reshape(len(difference), -1).mean(axis=1)


def cross_entropy(original: NDArray[Any], decoded: NDArray[Any]) -> NDArray[np.float64]:
    """Return the binary cross-entropy per row in nats, averaged over pixels; values in [0, 1].

    With itself an image has the entropy of its pixels, which is 0 for black and white only.
    """
    x = np.clip(original.astype(np.float64), 0, 1)
    y = np.clip(decoded.astype(np.float64), SMALLEST, 1 - SMALLEST)
    nats = -(x * np.log(y) + (1 - x) * np.log1p(-y))
    return nats.reshape(len(nats), -1).mean(axis=1)


def structural_similarity(
    original: NDArray[Any], decoded: NDArray[Any]
) -> NDArray[np.float64] | None:
    """Return the mean structural similarity per image (Wang et al. 2004, equation 13).

    Images have the shape (n, height, width, channel), and values in [0, 1]. The similarity, shape
    (n,), from -1 to 1 for equal images, is averaged over channels and over the positions where the
    window is within the image. The window shrinks with images of fewer than 11 pixels on a side;
    None below 3 pixels.
    """
    radius = min(RADIUS, (min(original.shape[1:3]) - 1) // 2)
    if radius < 1:
        return None
    x, y = (np.clip(images.astype(np.float64), 0, 1) for images in (original, decoded))
    mean_x, mean_y = _blur(x, radius), _blur(y, radius)
    variance_x = _blur(x * x, radius) - mean_x**2
    variance_y = _blur(y * y, radius) - mean_y**2
    covariance = _blur(x * y, radius) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    structure = (2 * covariance + C2) / (variance_x + variance_y + C2)
    return (luminance * structure).mean(axis=(1, 2, 3))


def _blur(images: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    """Return the weighted mean over the window wherever it is within the image."""
    from scipy.ndimage import correlate1d

    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / SIGMA) ** 2)
    weights /= weights.sum()
    inside = slice(radius, -radius)
    rows = correlate1d(images, weights, axis=1)[:, inside]
    return correlate1d(rows, weights, axis=2)[:, :, inside]


def _overall(errors: Errors, mean_image: NDArray[np.float64]) -> dict[str, Any]:
    """Return means, quantiles, and the share that beats giving the mean image for every image."""
    variance = errors.pop("square").mean() - np.square(mean_image).mean()
    values = {name: error.mean() for name, error in errors.items()}
    errors.pop("outside", None)
    values["mse_median"], values["mse_q95"] = np.quantile(errors["mse"], [0.5, 0.95])
    if variance > 0:
        values["explained"] = 1 - values["mse"] / variance
    if "bce" in errors:
        values["bce_sum"] = values["bce"] * mean_image.size
    return values


def _by_split(batch: Batch, errors: Errors) -> dict[str, Any]:
    """Return errors of the most frequent splits."""
    if "split" not in batch.labels:
        return {}
    split = batch.labels["split"].astype(str)
    names, counts = np.unique(split, return_counts=True)
    values: dict[str, Any] = {"split": split}
    for name in np.sort(names[np.argsort(-counts, kind="stable")[:MOST_SPLITS]]):
        mse = errors["mse"][split == name]
        values |= {f"mse[{name}]": mse.mean(), f"images[{name}]": len(mse)}
        if len(mse) > 1:
            values[f"mse_error[{name}]"] = mse.std(ddof=1) / np.sqrt(len(mse))
        if "ssim" in errors:
            values[f"ssim[{name}]"] = errors["ssim"][split == name].mean()
    return values


def _by_position(batch: Batch, mse: NDArray[np.float64], k: int) -> dict[str, Any]:
    """Return where z-points are, and how the error depends on it."""
    radius = np.linalg.norm(batch.z.astype(np.float64), axis=1)
    values: dict[str, Any] = {}
    for name, where in ("radius", radius), ("neighbor", nearest_others(batch.z, k)[0][:, -1]):
        values[name] = where.astype(np.float32)
        values[f"{name}_bin"], values[f"mse_by_{name}"] = binned_quantiles(where, mse)
        rank = rank_correlation(where, mse)
        values |= {} if rank is None else {f"rank_{name}": rank}
    return values


def _examples(
    batch: Batch, mse: NDArray[np.float64], context: Context, most: int
) -> dict[str, NDArray[Any]]:
    """Return originals and reconstructions: evenly over the ranks of the error, best, worst."""
    order = np.argsort(mse, kind="stable")
    count = min(most, len(order))
    even = order[np.round(np.linspace(0.02, 0.98, count) * (len(order) - 1)).astype(int)]
    chosen = np.stack([even, order[:count], order[::-1][:count]])
    values: dict[str, NDArray[Any]] = {"example": chosen}
    pairs = _pairs(batch.take(chosen.ravel()), context)
    for name, images in zip(("original", "decoded"), pairs, strict=True):
        shown = as_pixels(images) if images.ndim == 4 else images
        values[name] = shown.reshape(*chosen.shape, *shown.shape[1:])
    return values
