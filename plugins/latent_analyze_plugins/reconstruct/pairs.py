"""Rows of the data set and what the decoder makes of their z-points, in one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import kind_of_shape
from latent_analyze.plugin import AnalysisError, Batch, Context, Frame, Source
from latent_analyze_plugins.shared.decoding import conditions, output_kind
from latent_analyze_plugins.shared.value_names import value_names

LOOKED_AT = 16
"""Rows that show whether the data are categories."""

Two = tuple[NDArray[np.float32], NDArray[np.float32]]


def make_frame(reference: Source, context: Context) -> Frame:
    """Return what the rows are, how their error is measured, and what their values are called.

    The error is ``"mse"`` or ``"wrong"``.
    """
    kind, error = output_kind(context, reference), "mse"
    batch = context.sample(LOOKED_AT, frozenset({"z"}))
    batch = batch.take(np.flatnonzero(np.isfinite(batch.z).all(axis=1)))
    if kind != "image" and len(batch):
        original = np.asarray(context.images(batch.rows))
        scores = context.decode(batch.z)
        if class_axis(original, scores) is not None:
            # The output's shape is that of the scores: what is drawn has the shape of the rows.
            kind, error = kind_of_shape(original.shape[1:]), "wrong"
    return Frame({"kind": kind, "error": error, "names": value_names(context, kind)})


def class_axis(original: NDArray[Any], scores: NDArray[Any]) -> int | None:
    """Return the axis of class scores where the rows are categories, else None.

    Categories are integers below the number of scores; `scores` have one more axis, the last or the
    first after that of the rows: (n, t) and (n, t, k) or (n, k, t).
    """
    if scores.ndim != original.ndim + 1 or not np.array_equal(original, np.rint(original)):
        return None
    for axis in (-1, 1):
        shape = np.delete(scores.shape, axis)
        if (
            tuple(shape) == original.shape
            and 0 <= original.min() <= original.max() < (scores.shape[axis])
        ):
            return axis
    return None


@dataclass(frozen=True)
class Pairs:
    """Reads rows of the reference, decodes their z-points, and brings both to one shape."""

    context: Context
    kind: str
    error: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, source: Source, frame: Frame, context: Context) -> Pairs:
        """Return the pairs of a source; the decoder gets the labels that it takes."""
        names = conditions(context, source)
        return cls(context, frame["kind"], frame["error"], names)

    @property
    def fields(self) -> frozenset[str]:
        """What `of` needs of a batch."""
        return frozenset({"z", *(f"label:{name}" for name in self.names)})

    def read(self, batch: Batch) -> Two:
        """Return rows and reconstructions; gray images get an axis of channels.

        Of categories, the reconstructions are the most likely ones; NaN where a score is.

        Raises
        ------
        AnalysisError
            If the shapes differ, or data that were categories at first are none later.
        """
        original = np.asarray(self.context.images(batch.rows), np.float32)
        decoded = self.context.decode(batch.z, batch.labels)
        if self.error == "wrong":
            return original, _most_likely(original, decoded)
        if self.kind == "image":
            original, decoded = (x[..., None] if x.ndim == 3 else x for x in (original, decoded))
        elif _inner(original) == _inner(decoded):
            decoded = decoded.reshape(original.shape)
        if original.shape != decoded.shape:
            what = "images" if self.kind == "image" else "rows"
            raise AnalysisError(
                f"decoded {what} of the shape of the originals, {original.shape[1:]}",
                found=f"{decoded.shape[1:]}",
                next_step="encode the data in the decoder's size",
            )
        return original, decoded


def _inner(rows: NDArray[Any]) -> tuple[int, ...]:
    """Return the shape of a row without axes of length one."""
    return tuple(length for length in rows.shape[1:] if length > 1)


def _most_likely(original: NDArray[Any], scores: NDArray[Any]) -> NDArray[np.float32]:
    axis = class_axis(original, scores)
    if axis is None:
        raise AnalysisError(
            f"categories from 0, as whole numbers, for scores of the shape {scores.shape[1:]}",
            found=f"rows of the shape {original.shape[1:]} from {original.min():g} to"
            f" {original.max():g}",
            next_step="encode the data that the decoder gives scores for",
        )
    known = np.isfinite(scores).all(axis=axis)
    return np.where(known, scores.argmax(axis=axis), np.nan).astype(np.float32)
