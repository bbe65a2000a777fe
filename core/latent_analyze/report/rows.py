"""Values per row of several analyses, joined into one table by the numbers of their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.host.measures import ROW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.host.results import Result


def join_rows(results: Mapping[str, Result]) -> dict[str, NDArray[Any]]:
    """Return columns over all rows that any result of one source has values for.

    Parameters
    ----------
    results
        Key of an analysis -> its result, with the array ``row``.
    """
    if not results:
        return {}
    rows = np.unique(np.concatenate([result[ROW] for result in results.values()]))
    columns: dict[str, NDArray[Any]] = {ROW: rows}
    for key, result in results.items():
        places = np.searchsorted(rows, result[ROW])
        for name, values in _columns(key, result):
            if name in columns:
                wide = np.promote_types(columns[name].dtype, values.dtype)
                columns[name] = columns[name].astype(wide)
                columns[name][places] = values
            else:
                columns[name] = _spread(values, places, len(rows))
    return columns


def _columns(key: str, result: Result) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, array in result.arrays.items():
        if array.dims[:1] != (ROW,) or name == ROW:
            continue
        if name == "id":
            yield name, array.values
        elif array.values.ndim == 1:
            yield f"{key}.{name}", array.values
        elif array.values.ndim == 2:
            for component, values in enumerate(array.values.T):
                yield f"{key}.{name}.{component}", values


def _spread(values: NDArray[Any], places: NDArray[np.intp], count: int) -> NDArray[Any]:
    if values.dtype.kind in "biu" and len(values) < count:
        values = values.astype(float)
    blank: Any = "" if values.dtype.kind in "US" else np.nan if values.dtype.kind == "f" else 0
    column = np.full(count, blank, values.dtype)
    column[places] = values
    return column
