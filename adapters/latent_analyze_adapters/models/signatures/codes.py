"""Outputs that hold codes instead of coordinates, and how that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from latent_analyze.plugin import EncoderSpec

MOST_CODES = 1 << 16
"""Larger whole numbers of type float name no codes."""

LEAST_CODE = 2
"""Floats up to 1 that are whole numbers may be binary coordinates as well."""


def is_codes(values: NDArray[np.generic]) -> bool:
    """Whether values are whole numbers from 0, as names of codes are."""
    if values.dtype.kind in "iub":
        return True
    finite = values[np.isfinite(values)]
    whole = bool(len(finite)) and bool(np.array_equal(finite, np.rint(finite)))
    return whole and LEAST_CODE <= float(finite.max()) < MOST_CODES and float(finite.min()) >= 0


def codes_in(outputs: Mapping[str, NDArray[np.generic]], stated: EncoderSpec) -> set[str]:
    """Return the outputs that hold codes: those that are stated, or all of whole numbers."""
    if stated.codes is not None:
        return stated.codes.keys() & outputs.keys()
    return {name for name, values in outputs.items() if is_codes(values)}


def takes_whole(dtype: str) -> bool:
    """Whether an input of this type takes whole numbers."""
    return np.dtype(dtype).kind in "iu"
