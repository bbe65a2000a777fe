"""What a decoder takes besides z-points, and what it gives."""

from __future__ import annotations

import numpy as np

from latent_analyze.plotting import Kind, kind_of, kind_of_shape
from latent_analyze.plugin import Context, Source, take_rows

IMAGE_AXES = (2, 3)
"""Axes of an output that says nothing about itself and is taken for an image."""


def conditions(context: Context, source: Source) -> tuple[str, ...]:
    """Return the labels that the decoder takes and the source has, in the decoder's order."""
    names = context.model.spec.decode_columns
    return tuple(name for name in names if f"label:{name}" in source.fields)


def output_kind(context: Context, reference: Source) -> Kind:
    """Return what the decoder gives: as its spec says, or by its shape where that is another."""
    z = take_rows(reference, np.zeros(1, np.int64)).z
    shape = context.decode(z).shape[1:]
    output = context.model.spec.output
    if output is not None and output.shape == shape:
        return kind_of(output)
    return "image" if len(shape) in IMAGE_AXES else kind_of_shape(shape)
