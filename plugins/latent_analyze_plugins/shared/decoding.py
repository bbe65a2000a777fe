"""Decoding with the labels that a model takes, and what its output is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import Kind, kind_of, kind_of_shape
from latent_analyze.plugin import Context, Source, take_rows

IMAGE_AXES = (2, 3)
"""Axes of an output that says nothing about itself and is taken for an image."""


def conditions(model: Any, source: Source) -> tuple[str, ...]:
    """Return the labels that the decoder takes and the source has, in the decoder's order."""
    names = getattr(getattr(model, "spec", None), "decode_columns", ())
    return tuple(name for name in names if f"label:{name}" in source.fields)


def decode(
    model: Any, z: NDArray[Any], labels: Mapping[str, NDArray[Any]], names: tuple[str, ...] = ()
) -> NDArray[np.float32]:
    """Decode z-points (n, dim) with the values of the labels `names`, (n,) each."""
    z = np.ascontiguousarray(z, np.float32)
    given = {name: labels[name] for name in names if name in labels}
    return np.asarray(model.decode(z, given) if given else model.decode(z), np.float32)


def output_kind(context: Context, reference: Source) -> Kind:
    """Return what the decoder gives: as its spec says, or by its shape where that is another."""
    z = take_rows(reference, np.zeros(1, np.int64)).z
    shape = decode(context.model, z, {}).shape[1:]
    output = getattr(getattr(context.model, "spec", None), "output", None)
    if output is not None and output.shape == shape:
        return kind_of(output)
    return "image" if len(shape) in IMAGE_AXES else kind_of_shape(shape)


def constants_note(model: Any, names: tuple[str, ...] = ()) -> list[str]:
    """Return a note about labels that the decoder takes and that are not among `names`."""
    taken = getattr(getattr(model, "spec", None), "decode_columns", ())
    left = [name for name in taken if name not in names]
    return [f"decoded with the model's constants for {', '.join(left)}"] if left else []
