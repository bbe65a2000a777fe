"""The values in files that mean black and white, and what to say about others."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import DatasetError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from latent_analyze_adapters.files.array_rows import ArrayRows

Range = tuple[float, float]

USUAL = ((-1.0, 1.0), (0.0, 255.0), (0.0, 65535.0))
_DIGITS, _WHOLE = 6, 1e15

LISTED = 3
"""Images that an error names."""


def extremes(rows: ArrayRows, count: int) -> Range:
    """Return the smallest and largest value of the first rows; NaN if there are any."""
    found = [(float(block.min()), float(block.max())) for block in rows.blocks(count)]
    return float(np.min(found)), float(np.max(found))


def finite_extremes(rows: ArrayRows) -> Range:
    """Return the smallest and largest finite value of all rows."""
    finite = (block[np.isfinite(block)] for block in rows.blocks(rows.count))
    found = [(float(block.min()), float(block.max())) for block in finite if block.size]
    return min((low for low, _ in found), default=0.0), max((h for _, h in found), default=0.0)


def not_finite(
    rows: ArrayRows, ids: Sequence[object] | NDArray[np.str_], path: Path
) -> DatasetError:
    """Return the error for values that are not finite, which names the first of these images.

    `ids` are those of the images, as many as are read.
    """
    bad: list[int] = []
    start = 0
    for block in rows.blocks(len(ids)):
        fine = np.isfinite(block).reshape(len(block), -1).all(axis=1)
        bad += (start + np.flatnonzero(~fine)).tolist()
        start += len(block)
    named = ", ".join(repr(str(ids[row])) for row in bad[:LISTED])
    more = ", ..." if len(bad) > LISTED else ""
    return DatasetError(
        f"finite pixel values in {path}",
        found=f"NaN or infinity in {len(bad)} of {len(ids)} images: {named}{more}",
        next_step="repair or remove these images",
    )


def outside(wanted: Range, found: Range, path: Path) -> DatasetError:
    """Return the error for values outside the range, which names one that admits them all."""
    low, high = next((r for r in USUAL if _fills(r, found)), found)
    low_text, high_text = outward(low, high)
    return DatasetError(
        f"pixel values in [{wanted[0]:g}, {wanted[1]:g}] in {path}",
        found=" to ".join(_shown(value, wanted) for value in found),
        next_step=f"give the values of black and white as range=[{low_text},{high_text}], or "
        "read the values unchanged with kind=arrays",
    )


def widened(low: float, high: float) -> Range:
    """Return a range with low < high: images of one value are black."""
    return (low, high) if low < high else (low, low + max(1.0, abs(low)))


def outward(low: float, high: float) -> tuple[str, str]:
    """Return short texts of a range that includes both: the first rounded down, the other up."""
    low, high = widened(low, high)
    if low == int(low) and high == int(high) and max(abs(low), abs(high)) < _WHOLE:
        return str(int(low)), str(int(high))
    return _rounded(low, ROUND_FLOOR), _rounded(high, ROUND_CEILING)


def _rounded(value: float, rounding: str) -> str:
    return f"{float(Context(_DIGITS, rounding).create_decimal(repr(value))):.{_DIGITS}g}"


def _fills(usual: Range, found: Range) -> bool:
    # Values up to 20 are hardly those of 8 bits.
    return usual[0] <= found[0] and usual[1] / 2 <= found[1] <= usual[1]


def _shown(value: float, wanted: Range) -> str:
    # 1.0000001 outside [0, 1] must not be shown as 1.
    text = f"{value:g}"
    return repr(value) if float(text) in wanted and value not in wanted else text
