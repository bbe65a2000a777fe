"""What the reference's axes, paths and differences of classes look like decoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import Kind, as_pixels, middle_slices, words_of
from latent_analyze.plugin import AnalysisError, Context, Labels, OptionError, Source
from latent_analyze.statistics import nearest, second_moments
from latent_analyze_plugins.shared.rows import label_names
from latent_analyze_plugins.traversals.cloud import Cloud
from latent_analyze_plugins.traversals.paths import KINDS, Paths

CANDIDATES = 64
"""Axes of largest spread among which those are sought that change the output most."""
SHOWN_PAIRS, SHOWN_STEP = 3, 2
"""Pairs whose paths are drawn decoded, and every which step of them."""
FEWEST, MOST_MOVED, SHOWN_MOVED = 5, 500, 4
"""Sampled z-points that a class needs in each half, most that are moved, and those drawn."""


@dataclass
class Decoder:
    """Decodes arrays of z-points of any leading shape; counts what is not finite.

    `kind` is what the decoder gives. One that takes labels gets those that are given, or else the
    `labels` (), for z-points that are no rows.
    """

    context: Context
    kind: Kind
    labels: Labels = field(default_factory=dict)
    nonfinite: int = 0
    decoded: int = 0

    def __call__(self, z: NDArray[Any], labels: Labels | None = None) -> NDArray[np.float32]:
        """Return images (..., height, width, channel) or rows of any other shape (..., *row).

        Labels are of the first axes of `z`. Gray images without a channel axis get one. Values
        that are not finite become 0; if none is, it is an error.
        """
        given = spread_over(self.labels if labels is None else labels, z.shape[:-1])
        flat = {name: values.ravel() for name, values in given.items()}
        out = self.context.decode(z.reshape(-1, z.shape[-1]), flat)
        out = out[..., None] if out.ndim == 3 and self.kind == "image" else out
        bad = ~np.isfinite(out.reshape(len(out), -1)).all(axis=1)
        self.nonfinite += int(bad.sum())
        self.decoded += len(out)
        if bad.all():
            raise AnalysisError(
                "finite numbers from the decoder", found=f"NaN or infinity in all {len(out)}",
                next_step="check the decoder, or choose a smaller extent",
            )  # fmt: skip
        out = np.nan_to_num(out, nan=0.0, posinf=0.0, neginf=0.0)
        return out.reshape(*z.shape[:-1], *out.shape[1:])

    def shown(self, z: NDArray[Any], labels: Labels | None = None) -> NDArray[Any]:
        """Return images as uint8, the middle slice of volumes, or rows as they are."""
        if self.kind != "volume":
            out = self(z, labels)
            return as_pixels(out) if self.kind == "image" else out
        given = spread_over(self.labels if labels is None else labels, z.shape[:-1])
        flat = {name: values.reshape(-1, 1) for name, values in given.items()}
        slices = [
            middle_slices(self(part, {name: values[place] for name, values in flat.items()}))
            for place, part in enumerate(z.reshape(-1, 1, z.shape[-1]))
        ]
        found = np.concatenate(slices)
        return found.reshape(*z.shape[:-1], *found.shape[1:])

    def lengths(self, paths: Paths, kind: str, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the lengths of paths of a kind, decoded: sums of Euclidean steps."""
        found = []
        for done, pair in enumerate(chosen):
            self.context.progress(f"decode {kind} paths", done, len(chosen))
            one = np.array([pair])
            rows = self(paths.along(kind, one), paths.labels(one))[0]
            steps = np.diff(rows.reshape(len(rows), -1).astype(np.float64), axis=0)
            found.append(np.linalg.norm(steps, axis=1).sum())
        return np.array(found)


def spread_over(labels: Labels, shape: tuple[int, ...]) -> Labels:
    """Return labels of the first axes of a shape for all of it."""
    return {
        name: np.broadcast_to(v.reshape(v.shape + (1,) * (len(shape) - v.ndim)), shape)
        for name, v in labels.items()
    }


def decode_all(
    cloud: Cloud, paths: Paths, decode: Decoder, *, options: Any, notes: list[str]
) -> dict[str, Any]:
    """Return numbers and decoded rows of the reference; adds to the notes what was not possible."""
    context = decode.context
    found = _lines(context, cloud, options, decode) | _paths(paths, options, decode)
    if cloud.labels is not None:
        classes = _choose_classes(cloud.labels, options)
        if len(classes) == 2:
            found |= _move(cloud, classes, options.columns, decode)
        else:
            notes.append(
                f"fewer than two classes with {FEWEST} sampled z-points per half: no arithmetic"
            )
    if decode.nonfinite:
        notes.append(
            f"{decode.nonfinite:,} of {decode.decoded:,} decoded {words_of(decode.kind).many} hold"
            " NaN or infinity, which were set to 0"
        )
    return found


def _lines(context: Context, cloud: Cloud, options: Any, decode: Decoder) -> dict[str, Any]:
    """Return what lies on straight lines through the mean, along axes and components."""
    moments = second_moments(context.reference, context.seed)
    mean, std = moments.summary.mean, moments.summary.std
    axes = _axes(std, options.axes)
    variances, components = moments.components(options.n_components)
    widths = np.sqrt(variances[: len(components)])
    steps = np.zeros((len(axes), len(std)))
    steps[np.arange(len(axes)), axes] = std[axes]
    steps = np.concatenate([steps, components * widths[:, None]])
    changes = _changes(mean, steps, decode)
    chosen = np.arange(len(steps))
    if options.axes == "auto":
        best = np.argsort(-changes[: len(axes)], kind="stable")[: options.n_axes]
        chosen = np.concatenate([best, chosen[len(axes) :]])
    if not len(chosen):
        return {}
    names = [f"axis {a}" for a in axes] + [f"component {c + 1}" for c in range(len(components))]
    columns = np.linspace(-options.extent, options.extent, options.columns)
    points = mean + columns[:, None] * steps[chosen, None, :]
    return {
        "most_changing": names[chosen[changes[chosen].argmax()]],
        "line": np.array(names)[chosen],
        "line_spread": np.concatenate([std[axes], widths])[chosen],
        "line_change": changes[chosen],
        "line_distance": cloud.distance(points),
        "line_images": decode.shown(points),
    }


def _axes(std: NDArray[np.float64], asked: Any) -> NDArray[np.int64]:
    if asked == "auto":
        axes = np.argsort(-std, kind="stable")[:CANDIDATES]
        return axes[std[axes] > 0]
    wrong = [axis for axis in asked if not 0 <= axis < len(std)]
    if wrong:
        raise OptionError(
            f"axes from 0 to {len(std) - 1} for traversals.axes", found=str(wrong[0]),
            next_step="choose others, or auto",
        )  # fmt: skip
    return np.array(asked, np.int64)


def _changes(
    mean: NDArray[np.float64], steps: NDArray[np.float64], decode: Decoder
) -> NDArray[np.float64]:
    """Return how far decoded rows one step either way are apart, shape (step, dim) -> (step,)."""
    if not len(steps):
        return np.zeros(0)
    if decode.kind == "volume" and len(steps) > 1:
        return np.concatenate([_changes(mean, step[None], decode) for step in steps])
    ends = decode(np.stack([mean - steps, mean + steps], axis=1))
    difference = ends[:, 1].astype(np.float64) - ends[:, 0]
    return np.sqrt((difference**2).reshape(len(steps), -1).mean(axis=1))


def _paths(paths: Paths, options: Any, decode: Decoder) -> dict[str, Any]:
    """Return the lengths of decoded paths, and the decoded rows along some of them."""
    kinds = KINDS if paths.joined.any() else KINDS[:2]
    known = paths.joined if paths.joined.any() else ~paths.joined
    chosen = np.flatnonzero(known)[: options.decoded_pairs]
    lengths = np.array([decode.lengths(paths, kind, chosen) for kind in kinds])
    shown = np.stack([paths.along(kind, chosen[:SHOWN_PAIRS]) for kind in kinds], axis=1)
    found: dict[str, Any] = {
        "decoded_path": np.array(kinds), "decoded_pair": chosen, "decoded_length": lengths,
        "path_images": decode.shown(
            shown[:, :, ::SHOWN_STEP], paths.labels(chosen[:SHOWN_PAIRS])
        ),
    }  # fmt: skip
    for kind, values in zip(kinds, lengths, strict=True):
        found[f"decoded_{kind}"] = values.mean()
        both = (values > 0) & (lengths[0] > 0)
        if kind != "straight" and both.sum() > 1:
            logs = np.log(values[both] / lengths[0, both])
            ratio = np.exp(logs.mean())
            found[f"{kind}_to_straight"] = ratio
            found[f"{kind}_to_straight_error"] = ratio * logs.std(ddof=1) / np.sqrt(len(logs))
    return found


def choose_label(source: Source, wanted: str | None) -> str | None:
    """Return the label that is asked for, or the first except the split; None without any."""
    names = label_names(source)
    if wanted is not None and wanted not in names:
        raise OptionError(
            f"a label of {source.label}: {', '.join(names) or 'it has none'}", found=repr(wanted),
            next_step="leave traversals.label out, or name one of them",
        )  # fmt: skip
    return wanted or next((name for name in names if name != "split"), None)


def _choose_classes(labels: tuple[NDArray[Any], ...], options: Any) -> list[str]:
    """Return the class that is added and the one subtracted; fewer if there are no two."""
    counted = [np.unique(values, return_counts=True) for values in labels]
    often = [set(names[counts >= FEWEST].tolist()) for names, counts in counted]
    classes = [str(name) for name in sorted(set.intersection(*often))]
    named = [None if c is None else str(c) for c in (options.add, options.subtract)]
    missing = [c for c in named if c is not None and c not in classes]
    if missing:
        raise OptionError(
            f"a class with at least {FEWEST} sampled z-points per half: {', '.join(classes[:12])}",
            found=repr(missing[0]), next_step="name one of these, or sample more",
        )  # fmt: skip
    free = (c for c in classes if c not in named)
    chosen = [next(free, None) if c is None else c for c in named]
    return [c for c in dict.fromkeys(chosen) if c is not None]


def _move(cloud: Cloud, classes: list[str], columns: int, decode: Decoder) -> dict[str, Any]:
    """Return what adding the difference of two classes' means to z-points of the second does.

    Means are those of the carriers; z-points of the other half are moved, and asked for their
    nearest carriers.
    """
    assert cloud.labels is not None, "a cloud with a label"
    to, of = classes
    carried, other = (values.astype(str) for values in cloud.labels)
    added, taken = (
        cloud.carriers[carried == name].mean(axis=0, dtype=np.float64) for name in (to, of)
    )
    start, goal = (cloud.yardstick[other == name][:MOST_MOVED] for name in (of, to))
    step = added - taken
    moved = np.flatnonzero(other == of)[:SHOWN_MOVED]
    own = {name: values[moved] for name, values in cloud.given[1].items()}
    shown = start[:SHOWN_MOVED, None, :] + np.linspace(0, 1, columns)[:, None] * step
    names, codes = np.unique(carried, return_inverse=True)

    def share(points: NDArray[Any]) -> float:
        """Return the share of points with this class most often among the nearest carriers."""
        votes = codes[nearest(points, cloud.carriers, cloud.k)[1]]
        counts = (votes[:, :, None] == np.arange(len(names))).sum(axis=1)
        return float((names[counts.argmax(axis=1)] == to).mean())

    return {
        "added": to, "subtracted": of, "moved": len(start), "hits": share(start + step),
        "hits_control": share(goal), "moved_distance": cloud.distance(shown),
        "moved_images": decode.shown(shown, own),
    }  # fmt: skip
