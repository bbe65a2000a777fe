"""Names of the values in a row, such as the columns of a table, below an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_NAMES, LONGEST = 30, 18
"""Names below an axis, evenly spaced if there are more values, and characters of each."""

FEW, LARGE, SMALL = 16, 7, 6
"""Names that fit below a third of a figure, and sizes of few and of more."""


def write_names(axis: Any, names: Sequence[str], count: int) -> bool:
    """Write names below an axis whose values are at 0, 1, ...; return whether they fit.

    They do if there is one for each of the `count` values.
    """
    if not names or len(names) != count:
        return False
    step = -(-count // MOST_NAMES)
    shown = [short_name(name) for name in names[::step]]
    size = LARGE if len(shown) <= FEW else SMALL
    axis.set_xticks(range(0, count, step), shown, rotation=90, fontsize=size)
    return True


def short_name(name: str, longest: int = LONGEST) -> str:
    """Return a name with its middle left out if it is long: beginning and end tell it apart."""
    # A dollar sign would begin a formula.
    name = " ".join(name.split()).replace("$", r"\$")
    if len(name) <= longest:
        return name
    end = (longest - 1) // 2
    return f"{name[: longest - 1 - end]}…{name[-end:]}"
