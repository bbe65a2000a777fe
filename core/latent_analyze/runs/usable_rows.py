"""Leaves out rows with NaN and infinity, or refuses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze.errors import StoreError
from latent_analyze.sources.codes import codes_of
from latent_analyze.sources.views import finite_rows

if TYPE_CHECKING:
    from latent_analyze.sources.source import Source


def usable(source: Source, nonfinite: str) -> Source:
    """Return the source, less its rows with NaN and infinity if `nonfinite` is ``"drop"``.

    Codes are whole numbers, so all of their rows are usable.

    Raises
    ------
    StoreError
        If such rows are there and not to be dropped, or no row is left.
    """
    if codes_of(source) is not None:
        return source
    summary = source.summary()
    if summary.nonfinite == 0 and summary.count:
        return source
    if summary.count == 0:
        raise StoreError(
            f"z-points in {source.label}",
            found="no finite row" if summary.nonfinite else "no rows",
        )
    if nonfinite == "drop":
        return finite_rows(source)
    raise StoreError(
        f"finite z-points in {source.label}",
        found=f"NaN or infinity in {summary.nonfinite} of {source.count} rows",
        next_step="add --nonfinite drop to leave them out",
    )
