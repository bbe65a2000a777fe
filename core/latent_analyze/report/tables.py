"""The numbers of an analysis as a table: scalars against sources, nulls and what stands out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.host.numbers import show, show_range, show_signed

if TYPE_CHECKING:
    from latent_analyze.host.results import Calibration, Result, ResultSet, Scalar

MAX_SOURCES = 5
"""With more sources than that and fewer scalars, sources become the rows."""

LONG = 14
"""A table with more rows than that starts folded."""

NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    """One cell: a text, a second small line, and how to show it.

    Attributes
    ----------
    style
        ``"number"``, ``"text"`` or ``"aside"`` (small, gray).
    strong
        Whether it belongs to a scalar that stands out from a null.
    """

    text: str
    small: str = ""
    style: str = "number"
    strong: bool = False
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """A head of columns and rows; the first cell of each row is its head.

    Attributes
    ----------
    outstanding
        The rows that stand out.
    turned
        Whether sources are the rows.
    """

    head: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    outstanding: Sequence[Sequence[Cell]] = ()
    turned: bool = False

    @property
    def long(self) -> bool:
        """Whether it is better folded, below the rows that stand out."""
        return not self.turned and len(self.rows) > LONG


@dataclass(frozen=True)
class _Column:
    """A column: its head, and the cell it has for a scalar."""

    head: Cell
    cell: Callable[[str], Cell]


def scalar_table(results: ResultSet) -> Table:
    """Return all scalars of an analysis: one row each, a column per source, then the nulls.

    Where there are more sources than fit and fewer scalars, the table is turned over.
    """
    scalars = _scalars(results)
    columns = [_name_column(results, scalars)]
    columns += [_source_column(label, result) for label, result in results.results.items()]
    for null, members in results.ensembles.items():
        columns += _null_columns(results, null, members)
    head = [column.head for column in columns]
    rows = [[column.cell(name) for column in columns] for name in scalars]
    if len(results.results) > MAX_SOURCES and len(scalars) < len(results.results):
        turned = [list(line) for line in zip(head, *rows, strict=True)]
        return Table(turned[0], turned[1:], turned=True)
    return Table(head, rows, [row for row in rows if row[0].strong])


def _scalars(results: ResultSet) -> dict[str, Scalar]:
    """Scalars of all sources, those of the reference first."""
    found: dict[str, Scalar] = {}
    for result in results.results.values():
        for name, scalar in result.scalars.items():
            found.setdefault(name, scalar)
    return found


def _name_column(results: ResultSet, scalars: dict[str, Scalar]) -> _Column:
    outstanding = {entry.scalar for entry in results.standouts()}

    def cell(name: str) -> Cell:
        scalar = scalars[name]
        return Cell(name, scalar.description, "text", name in outstanding, scalar.unit)

    return _Column(Cell("", style="text"), cell)


def _source_column(label: str, result: Result) -> _Column:
    def cell(name: str) -> Cell:
        if name not in result.scalars:
            return Cell(NOTHING, style="aside")
        value = result.scalars[name].value
        return Cell(show(value), style="text" if isinstance(value, str) else "number")

    return _Column(Cell(label), cell)


def _null_columns(results: ResultSet, null: str, members: Sequence[Result]) -> list[_Column]:
    found = {c.scalar: c for c in results.calibrations if c.null == null}
    draws = "one draw" if len(members) == 1 else f"mean, 5 to 95 % of {len(members)} draws"

    def test(name: str) -> Cell:
        entry = found.get(name)
        if entry is None:
            return Cell(_why_not(results.data.scalars.get(name), members), style="aside")
        effect = f"effect {show_signed(entry.effect)}"
        return Cell(show(entry.p_adjusted, 2), effect, strong=entry.stands_out)

    columns = [_Column(Cell(f"null {null}", draws), lambda name: _null_cell(name, found, members))]
    if len(members) > 1:
        columns.append(_Column(Cell("p, effect", f"corrected, against {null}"), test))
    return columns


def _null_cell(name: str, found: dict[str, Calibration], members: Sequence[Result]) -> Cell:
    if name in found:
        entry = found[name]
        return Cell(show(entry.null_mean), show_range(entry.null_low, entry.null_high))
    values = [m.scalars[name].value for m in members if name in m.scalars]
    if not values:
        return Cell(NOTHING, style="aside")
    if any(isinstance(value, str) for value in values):
        same = len(set(values)) == 1
        return Cell(str(values[0]) if same else "differs", style="text")
    numbers = np.array([float(value) for value in values])
    if len(set(numbers.tolist())) == 1:
        return Cell(show(values[0]))
    low, high = np.quantile(numbers, [0.05, 0.95])
    return replace(Cell(show(float(numbers.mean()))), small=show_range(float(low), float(high)))


def _why_not(scalar: Scalar | None, members: Sequence[Result]) -> str:
    if scalar is None:
        return NOTHING
    if not scalar.calibrated or isinstance(scalar.value, str):
        return "not calibrated"
    return "not testable" if len(members) > 1 else "one draw"
