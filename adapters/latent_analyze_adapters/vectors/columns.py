"""Which columns of a table are the values of its rows, and which are labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from latent_analyze_adapters.vectors.chunked import ID_NAMES, listing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Form = Literal["float", "integer", "boolean", "text", "list", "other"]
Integers = Literal["auto", "values", "labels"]

LABEL_WORDS = frozenset({
    "label", "labels", "class", "classes", "target", "targets", "category", "cluster", "group",
    "split", "fold", "species", "digit", "id", "ids",
})  # fmt: skip
"""A column of whole numbers whose name ends in one of these words is a label."""

VALUES: dict[Integers, tuple[Form, ...]] = {
    "auto": ("integer",), "values": ("integer", "boolean"), "labels": (),
}  # fmt: skip
"""Option `integers` -> which columns may be values besides floats."""

SAID: dict[Form, str] = {"integer": "whole numbers", "boolean": "booleans"}
SHOWN = 8
"""Columns that a note names."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name
        Its name.
    form
        What its values are; ``"text"`` includes categories, ``"list"`` is lists of numbers.
    type
        What the file calls the type.
    whole
        Whether a list holds whole numbers.
    """

    name: str
    form: Form
    type: str
    whole: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it can be a value of a row: a number, or a boolean as 0 or 1."""
        return self.form in ("float", "integer", "boolean")

    @property
    def is_label(self) -> bool:
        """Whether it can be a label without being asked for."""
        return self.form in ("text", "boolean", "integer")


class TableFile(Protocol):
    """A table whose chunks of rows can be read one by one.

    Attributes
    ----------
    bounds
        The first row of every chunk, then the number of rows.
    """

    bounds: NDArray[np.int64]

    @property
    def names(self) -> Sequence[str]:
        """Names of all columns, in the order of the file; a damaged one may have one twice."""
        ...

    @property
    def columns(self) -> Mapping[str, Column]:
        """Name -> column, in that order."""
        ...

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a row of a column of lists; raises DatasetError if all are null."""
        ...

    def read(self, index: int, names: Sequence[str]) -> dict[str, NDArray[np.generic]]:
        """Return columns of numbers or lists of a chunk, (rows, ...); missing values are NaN."""
        ...

    def labels(self, name: str, chunks: int) -> NDArray[np.generic]:
        """Return a column of the first chunks as int64 or text; missing values are ""."""
        ...


@dataclass(frozen=True)
class Chosen:
    """The columns of the values, in the order of the file, and what to say about the others."""

    values: tuple[str, ...]
    notes: tuple[str, ...] = ()


def choose_values(
    columns: Mapping[str, Column],
    integers: Integers,
    labels: Sequence[str] | None,
    *,
    ids: str | None,
    path: Path,
) -> Chosen:
    """Return the columns of single numbers that are the values of the rows.

    Floats are. Whole numbers are unless their name says that they are a label, or all floats are
    numbered parts of one vector (z0, z1, ...), which they are not. Booleans are labels. The rule
    looks at types and names only: files of one schema have the same columns.

    Parameters
    ----------
    columns
        All columns.
    integers
        ``"values"``: whole numbers and booleans are values unless named like a label;
        ``"labels"``: they are labels.
    labels, ids
        Columns that are stated to be labels or ids, if they are stated.
    path
        Of the file, for the notes.
    """
    free = [c for c in columns.values() if c.name not in (*(labels or ()), ids)]
    floats = [c.name for c in free if c.form == "float"]
    stem = _common_stem(floats) if integers == "auto" else None
    values = [
        c for c in free
        if c.form == "float"
        or (c.form in VALUES[integers] and not is_named_label(c.name, columns)
            and (stem is None or _stem(c.name) == stem))
    ]  # fmt: skip
    others = [c for c in free if c not in values and c.name not in ID_NAMES]
    notes = [_left_out([c for c in others if c.form == "other"])]
    if integers == "auto":
        notes.insert(0, _decided(values, others, path, labeled=labels is None))
    return Chosen(tuple(c.name for c in values), tuple(filter(None, notes)))


def is_named_label(name: str, columns: Mapping[str, Column]) -> bool:
    """Whether the name of a column of whole numbers says that it is a label or an id."""
    words = _words(name)
    if not words or name in ID_NAMES:
        return name in ID_NAMES
    # Next to x, y is a coordinate.
    is_target = words == ["y"] and not {"x", "X"} & set(columns)
    return words[-1] in LABEL_WORDS or words[0] in ("label", "labels") or is_target


def _words(name: str) -> list[str]:
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word for word in re.split(r"[^a-z]+", split.lower()) if word]


def _stem(name: str) -> str | None:
    """Return a name without the number at its end, or None if it has none."""
    found = re.fullmatch(r"(.*?)[\s_.-]*\d+", name)
    return None if found is None else found[1]


def _common_stem(names: Sequence[str]) -> str | None:
    """Return what several names have before their numbers, or None."""
    stems = {_stem(name) for name in names}
    return stems.pop() if len(stems) == 1 and len(names) > 1 else None


def _decided(
    values: Sequence[Column], others: Sequence[Column], path: Path, *, labeled: bool
) -> str:
    """Return which columns might have been the other: whole numbers, and booleans."""
    whole = [c for c in values if c.form == "integer"]
    rest = [c for c in others if c.form in SAID]
    known = {c.name: c for c in (*values, *others)}
    open_ = [c for c in rest if c.form == "boolean" or not is_named_label(c.name, known)]
    said = [f"{_named(whole)} {_are(whole)} among the values"] if whole else []
    if rest:
        among = "" if whole else " among the values"
        said.append(f"{_named(rest)} {_are(rest)} not{among}{_but(rest) if labeled else ''}")
    options = [*(["integers=labels"] if whole else []), *(["integers=values"] if open_ else [])]
    change = ", ".join(f"{path.name}:{option}" for option in (*options, "vectors=[...]"))
    return f"Columns: {'; '.join(said)}. To change that: {change}" if said else ""


def _but(columns: Sequence[Column]) -> str:
    return ", but a label" if len(columns) == 1 else ", but labels"


def _left_out(others: Sequence[Column]) -> str:
    if not others:
        return ""
    names = [f"{c.name} ({c.type})" for c in others]
    return f"Columns that are left out, neither numbers nor texts: {listing(names)}"


def _named(columns: Sequence[Column]) -> str:
    """Return the names of columns with what they hold: "a and b (whole numbers), c (booleans)"."""
    parts = []
    for form, said in SAID.items():
        names = [c.name for c in columns if c.form == form]
        more = [f"{len(names) - SHOWN} more"] if len(names) > SHOWN else []
        *first, last = [*names[:SHOWN], *more] or [""]
        if last:
            parts.append(f"{', '.join(first)} and {last} ({said})" if first else f"{last} ({said})")
    return ", ".join(parts)


def _are(columns: Sequence[Column]) -> str:
    return "is" if len(columns) == 1 else "are"
