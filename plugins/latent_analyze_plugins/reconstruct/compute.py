"""A sample decoded and compared with its rows: errors, what they depend on, and examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import as_pixels
from latent_analyze.plugin import AnalysisError, Batch, Context, Frame, Source, Values, codes_of
from latent_analyze.statistics import binned_quantiles, nearest_others, rank_correlation
from latent_analyze_plugins.reconstruct.columns import Columns
from latent_analyze_plugins.reconstruct.pairs import Pairs

PART_VALUES = 2_000_000
"""Values of rows held at a time: 16 MB in float64, and a few arrays of that size."""

EXAMPLE_VALUES, FEWEST_EXAMPLES = 500_000, 2
"""Most values of rows that are no images kept for the figure, per group; fewest rows."""

MOST_SPLITS = 6

SMALLEST = 1e-7
"""Probabilities are kept this far from 0 and 1 before their logarithm is taken, as Keras does."""

SIGMA, RADIUS = 1.5, 5
"""Window of structural similarity: a Gaussian over 11 x 11 pixels (Wang et al. 2004)."""

C1, C2 = 0.01**2, 0.03**2
"""Constants of structural similarity for pixel values in [0, 1] (Wang et al. 2004)."""

Errors = dict[str, NDArray[np.float64]]


def measure(frame: Frame, source: Source, context: Context, options: Any) -> Values:
    """Return errors, the rows at the ends, and how errors depend on the position."""
    pairs, name = Pairs.of(source, frame, context), frame["error"]
    batch = context.sample(options.sample, pairs.fields | {"label:split"})
    batch = batch.take(np.flatnonzero(np.isfinite(batch.z).all(axis=1)))
    kept, parts, total = np.zeros(len(batch), bool), Parts(frame["kind"], name), 0
    columns = Columns(frame["names"])
    for part in _parts_of(batch, context):
        context.progress("reconstruct", total, len(batch))
        original, decoded = pairs.read(batch.take(part))
        kept[part] = finite = np.isfinite(decoded.reshape(len(decoded), -1)).all(axis=1)
        parts.add(original[finite], decoded[finite])
        if name == "mse":
            columns.add(original[finite], decoded[finite])
        total += len(original)
    if kept.sum() < 2:
        raise AnalysisError(
            "finite numbers from the decoder for at least two z-points",
            found=f"{kept.sum()} of {len(kept)}",
            next_step="check the decoder",
        )
    good, errors = batch.take(kept), parts.per_row()
    values = {
        **parts.overall(), "nonfinite": int((~kept).sum()), **_by_split(good, errors, name),
        **({} if codes_of(source) else _by_position(good, errors[name], options.k, name)),
        **{f"image_{key}": error.astype(np.float32) for key, error in errors.items()},
        **_examples(good, errors[name], pairs, options.images),
        **columns.values(),
    }  # fmt: skip
    return Values(values, sample_size=len(good), rows=good.rows)


def _parts_of(batch: Batch, context: Context) -> Iterator[slice]:
    """Yield slices of so many rows that their values fit into memory a few times."""
    size = PART_VALUES // max(context.images(batch.rows[:1]).size, 1) if len(batch) else 1
    for start in range(0, len(batch), max(size, 1)):
        yield slice(start, start + max(size, 1))


class Parts:
    """The errors of parts of a sample, and what they are held against."""

    def __init__(self, kind: str, error: str) -> None:
        self.kind, self.error = kind, error
        self.found: list[Errors] = []
        self.total: Any = 0.0
        self.origin: Any = None
        self.categories: list[NDArray[Any]] = []

    def add(self, original: NDArray[np.float32], decoded: NDArray[np.float32]) -> None:
        """Take in rows and their reconstructions of one shape."""
        if not len(original):
            return
        if self.error == "wrong":
            self.found.append({"wrong": share_wrong(original, decoded)})
            self.categories.append(original.reshape(len(original), -1).astype(np.int32))
            return
        # Squares about some row: those about 0 lose the digits of data far from it.
        self.origin = original[0].astype(np.float64) if self.origin is None else self.origin
        found = {"mse": mean_squared(original, decoded)}
        found["square"] = mean_squared(original, self.origin)
        self.total = self.total + (original - self.origin).sum(axis=0)
        self.found.append(found | (_of_images(original, decoded) if self.kind == "image" else {}))

    def per_row(self) -> Errors:
        """Return the errors of all rows so far, by name."""
        joined = self._joined
        return {name: v for name, v in joined.items() if name not in ("square", "outside")}

    def overall(self) -> dict[str, Any]:
        """Return means, quantiles, and the share of the error that is less than a constant's."""
        errors, name = self._joined, self.error
        square = errors.pop("square", None)
        values: dict[str, Any] = {key: error.mean() for key, error in errors.items()}
        values[f"{name}_median"], values[f"{name}_q95"] = np.quantile(errors[name], [0.5, 0.95])
        if square is None:
            constant = constant_wrong(np.concatenate(self.categories))
            values["accuracy"] = 1 - values["wrong"]
        else:
            constant = square.mean() - np.square(self.total / len(square)).mean()
        if constant > 0:
            values["explained"] = 1 - values[name] / constant
        if "bce" in errors:
            values["bce_sum"] = values["bce"] * self.total.size
        return values

    @property
    def _joined(self) -> Errors:
        return {key: np.concatenate([p[key] for p in self.found]) for key in self.found[0]}


def _of_images(original: NDArray[np.float32], decoded: NDArray[np.float32]) -> Errors:
    """Return what only images with values in [0, 1] have, per row."""
    found = {
        "bce": cross_entropy(original, decoded), "bce_floor": cross_entropy(original, original),
        "outside": ((decoded < 0) | (decoded > 1)).mean(axis=(1, 2, 3)),
    }  # fmt: skip
    similarity = structural_similarity(original, decoded)
    return found if similarity is None else {**found, "ssim": similarity}


def share_wrong(original: NDArray[Any], decoded: NDArray[Any]) -> NDArray[np.float64]:
    """Return the share of categories that differ, per row; shape (n, ...) -> (n,)."""
    return (original != decoded).reshape(len(original), -1).mean(axis=1)


def constant_wrong(categories: NDArray[np.int32]) -> float:
    """Return the share that is wrong if each place always gets its most frequent category.

    Shape (n, place).
    """
    most = [np.unique(place, return_counts=True)[1].max() for place in categories.T]
    return float(1 - np.mean(most) / len(categories))


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


def _by_split(batch: Batch, errors: Errors, error: str) -> dict[str, Any]:
    """Return errors of the most frequent splits."""
    if "split" not in batch.labels:
        return {}
    split = batch.labels["split"].astype(str)
    names, counts = np.unique(split, return_counts=True)
    values: dict[str, Any] = {"split": split}
    for name in np.sort(names[np.argsort(-counts, kind="stable")[:MOST_SPLITS]]):
        own = errors[error][split == name]
        values |= {f"{error}[{name}]": own.mean(), f"images[{name}]": len(own)}
        if len(own) > 1:
            values[f"{error}_error[{name}]"] = own.std(ddof=1) / np.sqrt(len(own))
        if "ssim" in errors:
            values[f"ssim[{name}]"] = errors["ssim"][split == name].mean()
    return values


def _by_position(batch: Batch, errors: NDArray[np.float64], k: int, error: str) -> dict[str, Any]:
    """Return where z-points are, and how the error depends on it."""
    radius = np.linalg.norm(batch.z.astype(np.float64), axis=1)
    values: dict[str, Any] = {}
    for name, where in ("radius", radius), ("neighbor", nearest_others(batch.z, k)[0][:, -1]):
        values[name] = where.astype(np.float32)
        values[f"{name}_bin"], values[f"{error}_by_{name}"] = binned_quantiles(where, errors)
        rank = rank_correlation(where, errors)
        values |= {} if rank is None else {f"rank_{name}": rank}
    return values


def _examples(
    batch: Batch, errors: NDArray[np.float64], pairs: Pairs, most: int
) -> dict[str, NDArray[Any]]:
    """Return originals and reconstructions: evenly over the ranks of the error, best, worst."""
    order = np.argsort(errors, kind="stable")
    count = min(most, len(order))
    if pairs.kind != "image":
        size = pairs.read(batch.take(order[:1]))[0].size
        count = min(count, max(EXAMPLE_VALUES // size, FEWEST_EXAMPLES))
    even = order[np.round(np.linspace(0.02, 0.98, count) * (len(order) - 1)).astype(int)]
    chosen = np.stack([even, order[:count], order[::-1][:count]])
    values: dict[str, NDArray[Any]] = {"example": chosen}
    found = pairs.read(batch.take(chosen.ravel()))
    for name, rows in zip(("original", "decoded"), found, strict=True):
        shown = as_pixels(rows) if pairs.kind == "image" else rows
        values[name] = shown.reshape(*chosen.shape, *shown.shape[1:])
    return values
