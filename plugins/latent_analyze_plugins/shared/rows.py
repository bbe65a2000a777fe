"""Rows of a source: how many to sample, and the names of their labels."""

from __future__ import annotations

from typing import Literal

from latent_analyze.plugin import Source

FULL_SAMPLE, FULL_DIM = 4000, 256
"""Rows of an automatic sample, and the dimensions above which it has fewer."""


def sample_size(asked: int | Literal["auto"], dim: int) -> int:
    """Return the size of a sample for searching neighbors; auto: 4000, fewer above 256 dimensions.

    Above, the product of rows and rows times dimensions stays the same, and so does the time.
    """
    return int(FULL_SAMPLE * min(FULL_DIM / dim, 1.0) ** 0.5) if asked == "auto" else asked


def label_names(source: Source) -> list[str]:
    """Return the names of the labels of a source, in order."""
    return sorted(f.removeprefix("label:") for f in source.fields if f.startswith("label:"))
