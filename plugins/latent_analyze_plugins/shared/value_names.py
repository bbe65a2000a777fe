"""Names of the values that a decoder gives: the columns of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import Kind
from latent_analyze.plugin import Context, Measure

FEATURE = Measure("feature", "column of the table", dims=("feature",))


def value_names(context: Context, kind: Kind) -> NDArray[np.str_]:
    """Return the names of the values in a decoded row of this kind, shape (value,); else (0,)."""
    return np.array(context.value_names if kind == "row" else (), np.str_)


def named(names: NDArray[np.str_], rows: NDArray[Any]) -> dict[str, Any]:
    """Return the measure `FEATURE` if there is a name for each value of rows (..., value)."""
    return {"feature": names} if len(names) and rows.shape[-1] == len(names) else {}
