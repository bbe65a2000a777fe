"""Which rows differ."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def distinct_rows(z: NDArray[Any]) -> NDArray[np.int64]:
    """Return where each different row of (n, dim) stands first, ascending; compared as float32.

    Rows are compared as bytes: as tuples of thousands of numbers it would take minutes.
    """
    # Adding 0 turns -0.0 into 0.0, which has other bytes and is the same number.
    rows = np.ascontiguousarray(z, np.float32) + np.float32(0.0)
    as_bytes = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).ravel()
    return np.sort(np.unique(as_bytes, return_index=True)[1])
