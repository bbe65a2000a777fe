"""A decoder without an encoder and without data: what can be said about it all the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from latent_analyze.plugin import Context, DrawnSource, Figure, Frame, ResultSet, Source
from latent_analyze_plugins.random_decode.without_data.compute import measure
from latent_analyze_plugins.random_decode.without_data.findings import find
from latent_analyze_plugins.shared.decoding import output_kind

__all__ = ["applies", "draw", "find", "is_drawn", "make_frame", "measure"]


def is_drawn(source: Source) -> bool:
    """Whether z-points are drawn by a sampler, not from data; views count as what they show."""
    while hasattr(source, "base"):
        source = source.base
    return isinstance(source, DrawnSource)


def applies(reference: Source) -> bool:
    """Whether there is nothing that outputs could be held against.

    What an encoder makes of rows that were decoded from draws is no control: no row is of data.
    """
    return is_drawn(reference)


def make_frame(reference: Source, context: Context) -> Frame:
    """Return what the decoder gives, and the center and spread of the drawn z-points."""
    summary = reference.summary()
    return Frame({
        "no_data": True, "kind": output_kind(context, reference), "condition": "",
        "classes": np.zeros(0), "center": summary.mean, "spread": summary.std,
    })  # fmt: skip


def draw(results: ResultSet) -> Iterator[Figure]:
    """Yield the figures; loaded here, because they import the others of `random_decode`."""
    from latent_analyze_plugins.random_decode.without_data.figures import draw_all

    return draw_all(results)
