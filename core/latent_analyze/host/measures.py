"""Measures: the numbers and arrays of an analysis, declared once on its class.

An analysis returns plain numbers and arrays by name. What they are (unit, description, whether a
null model calibrates them, how they are drawn) is read from the declaration by everything that
shows them: tables, findings, figures, ``plugins show``, the documentation and the test kit.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from latent_analyze.errors import AnalysisError, PluginError
from latent_analyze.host.results import Direction

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["auto", "curve", "histogram", "matrix", "scatter", "images", "none"]

ROW = "row"
"""The dimension of values per row of a source; they carry the numbers of their rows."""


@dataclass(frozen=True)
class Found:
    """What a minimum effect may depend on.

    Attributes
    ----------
    value
        The scalar itself.
    values
        All numbers and arrays of the result; ``found["name"]`` for short.
    frame, options
        The frame of the case, and the options of the analysis.
    """

    value: float
    values: Mapping[str, Any]
    frame: Mapping[str, Any]
    options: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


Effect = Callable[[Found], float]


@dataclass(frozen=True)
class Measure:
    """One number, text or array of an analysis.

    Attributes
    ----------
    name
        Key in the results. May hold placeholders: ``"share_{pair}"`` stands for every name of that
        form. A name that is declared twice is the one with as many `dims` as the value has: what
        is an image or a vector, as the model gives it.
    description
        What it is, in a few words. ``{...}`` is filled from placeholders, options and frame:
        ``"axes with a kurtosis above {threshold:g}"``.
    unit
        ``"latent units"``, ``"share"``, ``"z-points"``, ...; empty for a pure number.
    dims
        Names of the dimensions of an array; empty for a scalar. Known to the standard figures:
        ``("bin",)``, ``("axis",)``, ``("axis", "other_axis")``, ``("row",)``,
        ``("row", "component")``, ``("image", "height", "width", "channel")``.
    calibrated
        Whether the null ensemble says something about this scalar. False for what the null has by
        construction, such as the mean radius expected from mean and covariance.
    direction
        In which direction a difference from the null matters.
    minimum_effect
        Smallest difference from the null's mean that is worth a finding, in the unit of the value:
        with 170,000 z-points everything is significant. A number, `relative(share)`, or a function
        of `Found`.
    higher, lower
        What it means if the scalar is higher or lower than in the null: ``"the shell is thicker"``.
    said
        What to say, as a note, wherever the value is not zero; ``{value}`` is the value.
    draw, over, over_label
        The standard figure of an array (chosen by its dims if ``"auto"``), the array or frame value
        its last dimension is drawn over (a number is a bin width from 0), and the label of that
        axis.
    """

    name: str
    description: str
    unit: str = ""
    dims: tuple[str, ...] = ()
    calibrated: bool = False
    direction: Direction = "both"
    minimum_effect: float | Effect = 0.0
    higher: str = ""
    lower: str = ""
    said: str = ""
    draw: Kind = "auto"
    over: str = ""
    over_label: str = ""

    def __post_init__(self) -> None:
        given: Any = self.dims
        if not isinstance(given, (tuple, list)) or not all(isinstance(d, str) for d in given):
            raise PluginError(
                f"the names of the dimensions of {self.name!r} as a tuple",
                found=repr(self.dims), next_step='write dims=("axis",)',
            )  # fmt: skip
        for field_name, known in (("direction", Direction), ("draw", Kind)):
            if getattr(self, field_name) not in get_args(known):
                raise PluginError(
                    f"{field_name} of {self.name!r} among {', '.join(get_args(known))}",
                    found=repr(getattr(self, field_name)),
                )
        if self.calibrated and self.dims:
            raise PluginError(
                "a calibrated scalar", found=f"the calibrated array {self.name!r}",
                next_step="calibrate a number that sums the array up",
            )  # fmt: skip

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        escaped = re.escape(self.name).replace(r"\{", "{").replace(r"\}", "}")
        return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>.*)", escaped), re.DOTALL)

    def match(self, name: str) -> dict[str, str] | None:
        """Return the placeholders' texts if this measure is the one of that name, else None."""
        if "{" not in self.name:
            return {} if name == self.name else None
        found = self._pattern.fullmatch(name)
        return found.groupdict() if found else None

    @property
    def effect_text(self) -> str:
        """The minimum effect as text."""
        if callable(self.minimum_effect):
            return str(getattr(self.minimum_effect, "text", "depends on the data"))
        return f"{self.minimum_effect:g}"


@dataclass(frozen=True)
class Relative:
    """A minimum effect that is a share of the value itself; made by `relative`."""

    share: float

    def __call__(self, found: Found) -> float:
        """Return the effect for what was found."""
        return self.share * abs(found.value)

    @property
    def text(self) -> str:
        """The effect as ``plugins show`` prints it."""
        return f"{100 * self.share:g} % of the value"


def relative(share: float) -> Effect:
    """Return a minimum effect of that share of the value itself."""
    return Relative(share)


@dataclass(frozen=True)
class Values:
    """What an analysis returns where a plain mapping does not say enough.

    Attributes
    ----------
    values
        Name of a measure -> number, text or array.
    sample_size
        Number of z-points looked at, where these are not all.
    notes
        What a reader must know about this result, each a short sentence without its full stop.
    rows
        Numbers of the rows that values per row belong to, shape (n,); all rows in their order if
        not given.
    """

    values: Mapping[str, Any]
    sample_size: int | None = None
    notes: Sequence[str] = ()
    rows: NDArray[np.int64] | None = None


def find_measure(
    measures: Sequence[Measure], name: str, ndim: int
) -> tuple[Measure | None, dict[str, str]]:
    """Return the measure of a value and the texts of its placeholders; None if none is of its name.

    One with as many dimensions as the value comes first, then one whose name is written out.
    """
    found = [(m, words) for m in measures if (words := m.match(name)) is not None]
    best = sorted(found, key=lambda pair: (len(pair[0].dims) != ndim, "{" in pair[0].name))
    return best[0] if best else (None, {})


def fill(text: str, *words: Mapping[str, Any]) -> str:
    """Return a text of a measure with its placeholders filled, the first mappings first.

    Raises
    ------
    AnalysisError
        If a placeholder is in none of them, or cannot be formatted as it says.
    """
    if "{" not in text:
        return text
    try:
        return text.format_map(ChainMap(*(dict(w) for w in words)))
    except (LookupError, AttributeError, ValueError, TypeError) as error:
        raise AnalysisError(
            f"placeholders, options or frame values in {text!r}",
            found=f"{type(error).__name__}: {error}",
        ) from None


def describe_measures(measures: Sequence[Measure]) -> list[dict[str, Any]]:
    """Return what is declared as plain data; placeholders stand in pointed brackets."""
    return [
        {
            "name": _pointed(measure.name),
            "description": _pointed(measure.description),
            "unit": measure.unit,
            "dims": list(measure.dims),
            "calibrated": measure.calibrated,
            "direction": measure.direction,
            "minimum_effect": measure.effect_text if measure.calibrated else "",
        }
        for measure in measures
    ]


def _pointed(text: str) -> str:
    return re.sub(r"{(\w+)[^}]*}", r"<\1>", text)
