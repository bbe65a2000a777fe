"""Codes in place of coordinates: what the whole numbers of a source name, and how often each is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LatentKind = Literal["coordinates", "codes"]
"""What the values of a source are: coordinates of a space, or names of codes of a codebook."""

NO_DISTANCES = "codes have no distances"
"""Why an analysis of coordinates does not take codes."""


@dataclass(frozen=True, eq=False)
class Codes:
    """What the whole numbers of a source name: each is a code, from 0 to `count` - 1.

    Attributes
    ----------
    shape
        Shape of the positions of one row: ``(8, 8)``; ``z`` has them flattened.
    count
        Number of codes in the codebook.
    is_known
        Whether the codebook says so; if not, `count` is the largest code that occurs, plus 1.
    vectors
        The vector of each code, float32, shape (count, d); None if it is not known.
    """

    shape: tuple[int, ...]
    count: int
    is_known: bool = True
    vectors: NDArray[np.float32] | None = None

    @property
    def positions(self) -> int:
        """Number of codes per row."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        """Return in words what one row holds."""
        size = " x ".join(map(str, self.shape)) or "1"
        size = "1 code" if self.positions == 1 else f"{size} codes"
        book = f"a codebook of {self.count:,}"
        return f"{size} of {book if self.is_known else f'{book} or more'}"


def codes_of(source: object) -> Codes | None:
    """Return what the codes of a source name, or None if its values are coordinates."""
    found = getattr(source, "codes", None)
    return found if isinstance(found, Codes) else None


def latent_kind(source: object) -> LatentKind:
    """Return what the values of a source are."""
    return "coordinates" if codes_of(source) is None else "codes"


def size_in_words(count: int, dim: int, codes: Codes | None) -> str:
    """Return how large a source is: ``"300 z-points of 16 dimensions"``."""
    if codes is None:
        return f"{count:,} z-points of {dim:,} dimensions"
    return f"{count:,} rows of {codes}"


@dataclass(frozen=True, eq=False)
class Usage:
    """How often each code occurs: what a store of codes keeps in place of a `Summary`.

    Attributes
    ----------
    count
        Number of rows.
    usage
        Occurrences of each code over all rows and positions, int64, shape (codes,).
    """

    count: int
    usage: NDArray[np.int64]


class UsageAccumulator:
    """Counts codes block by block.

    Parameters
    ----------
    codes
        Number of codes in the codebook; larger codes extend it.
    """

    def __init__(self, codes: int = 0) -> None:
        self.count, self.usage = 0, np.zeros(codes, np.int64)

    def add(self, z: NDArray[Any]) -> None:
        """Add rows of codes, shape (n, positions)."""
        found = np.bincount(np.ravel(z), minlength=len(self.usage))
        found[: len(self.usage)] += self.usage
        self.count, self.usage = self.count + len(z), found

    def result(self) -> Usage:
        """Return what was counted so far."""
        return Usage(self.count, self.usage)
