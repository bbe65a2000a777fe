"""What the values of an array are: a sample of them, and their exact conversion to float32."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import DatasetError
from latent_analyze_adapters.files.npy import sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from latent_analyze_adapters.files.npy import ArrayInfo

Range = tuple[float, float]

SAMPLED_ROWS = 64
STEPS, REPEATS, UNEVEN = (64, 256), 10, 0.05
"""Fewest and most different values of 8-bit images, how often each is there on average at least,
and how far from a step rounding may take one, in steps."""

EXACT = 1 << 24
"""Up to here float32 holds all whole numbers."""


@dataclass(frozen=True)
class Values:
    """Extremes of some finite values, and whether all are whole numbers."""

    low: float
    high: float
    whole: bool


def sample_values(path: Path, infos: Sequence[ArrayInfo]) -> Values | None:
    """Return what up to 64 rows, spread over each array, hold; None if nothing finite.

    The values of bytes and booleans are not looked at.
    """
    if infos[0].dtype in (np.uint8, np.bool_):
        return None
    found = []
    for info in infos:
        for row in sample(path, info.name, SAMPLED_ROWS) if 0 not in info.shape else ():
            finite = row[np.isfinite(row)]
            if finite.size:
                whole = bool(np.all(finite == np.floor(finite)))
                found.append(Values(float(finite.min()), float(finite.max()), whole))
    if not found:
        return None
    low, high = min(part.low for part in found), max(part.high for part in found)
    return Values(low, high, all(part.whole for part in found))


def steps_like_bytes(path: Path, infos: Sequence[ArrayInfo]) -> bool:
    """Whether floats are equal steps, at least `STEPS[0]` of them and not whole numbers.

    Images of 8 bits are, less a mean and over a standard deviation; measured values are not.
    """
    if infos[0].dtype.kind != "f":
        return False
    found, count = np.zeros(0), 0
    for info in infos:
        for row in sample(path, info.name, SAMPLED_ROWS) if 0 not in info.shape else ():
            finite = row[np.isfinite(row)].astype(np.float64)
            found, count = np.union1d(found, finite), count + finite.size
            if len(found) > STEPS[1]:
                return False
    # Samples of compressed arrays may overlap.
    count = min(count, sum(math.prod(info.shape) for info in infos))
    repeat = count >= REPEATS * len(found)
    if len(found) < STEPS[0] or not repeat or np.array_equal(found, np.rint(found)):
        return False
    places = (found - found[0]) / np.diff(found).min()
    even = np.abs(places - np.rint(places)).max() < UNEVEN
    return bool(even and places[-1] < STEPS[1])


def usual_range(dtype: np.dtype[np.generic], values: Values | None) -> Range | None:
    """Return the values that mean black and white in images with such values; None if unusual."""
    if dtype == np.uint8:
        return 0.0, 255.0
    if values is None or (values.low >= 0 and values.high <= 1):
        return 0.0, 1.0
    if values.low >= -1 and values.high <= 1:
        return -1.0, 1.0
    if values.low >= 0 and values.high <= 255 and values.whole:
        return 0.0, 255.0
    return None


ADVICE = "scale them, or round them yourself: array.astype('float32')"


def as_float32(
    values: NDArray[np.generic], name: str, path: Path, *, next_step: str = ADVICE
) -> NDArray[np.float32]:
    """Return numbers as float32; those beyond its range become infinity.

    Raises
    ------
    DatasetError
        If there are whole numbers so large that float32 would round them.
    """
    if values.dtype.kind in "iu" and values.dtype.itemsize > 2 and values.size:
        low, high = int(values.min()), int(values.max())
        if max(high, -low) > EXACT:
            raise DatasetError(
                f"whole numbers of at most {EXACT} in {name!r} of {path}, which float32 can hold",
                found=f"{low if -low > high else high}",
                next_step=next_step,
            )
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32)
