"""Measures: the numbers and arrays of an analysis, declared once on its class.

An analysis returns plain numbers and arrays by name. What they are (unit, description, whether a
null model calibrates them, how they are drawn) is read from the declaration by everything that
shows them: tables, findings, figures, ``plugins show``, the documentation and the test kit.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from latent_analyze.errors import AnalysisError, PluginError
from latent_analyze.host.results import Array, Direction, Result, Scalar

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


@dataclass(frozen=True)
class Declaration:
    """The measures of an analysis, and the words that their descriptions may use."""

    owner: str
    measures: Sequence[Measure]
    options: Mapping[str, Any] = field(default_factory=dict)
    frame: Mapping[str, Any] = field(default_factory=dict)
    dim: int = 0
    count: int = 0

    def result(self, returned: object) -> Result:
        """Return the result that an analysis' plain values make.

        Raises
        ------
        AnalysisError
            If a value is undeclared, no number, or of another number of dimensions.
        """
        if isinstance(returned, Result):
            return returned  # until all built-in analyses are converted
        given = returned if isinstance(returned, Values) else Values(self._mapping(returned))
        scalars, arrays = {}, {}
        for name, value in given.values.items():
            measure, words = self._measure(name, value, given)
            if measure.dims:
                arrays[name] = self._array(name, value, measure, words)
            else:
                scalars[name] = self._scalar(name, value, measure, words, given.values)
        if any(ROW in array.dims for array in arrays.values()):
            arrays = {**arrays, **self._rows(given, arrays)}
        return Result(scalars, arrays, given.sample_size, tuple(given.notes))

    def _mapping(self, returned: object) -> Mapping[str, Any]:
        if isinstance(returned, Mapping):
            return returned
        if isinstance(returned, Result):
            raise AnalysisError(
                f"plain numbers and arrays by name from {self.owner}",
                found="a Result of Scalar and Array, as in version 0.1",
                next_step="declare `measures` on the class and return {name: value}",
            )
        raise AnalysisError(
            f"{{name: value}} from {self.owner}", found=type(returned).__name__,
            next_step="return a dict of numbers and arrays, or Values",
        )  # fmt: skip

    def _measure(self, name: str, value: Any, given: Values) -> tuple[Measure, dict[str, str]]:
        named = [m for m in self.measures if m.name == name]
        fitting = [m for m in named if len(m.dims) == np.ndim(value)]
        for measure in fitting or named or self.measures:
            words = measure.match(name)
            if words is not None:
                return measure, words
        if self.measures:
            raise AnalysisError(
                f"measures that {self.owner} declares", found=f"{name!r}",
                next_step=f'add Measure("{name}", "what it is") to its measures',
            )  # fmt: skip
        return self._inferred(name, value, given), {}

    def _inferred(self, name: str, value: Any, given: Values) -> Measure:
        rows = self.count if given.rows is None else len(given.rows)
        dims = guess_dims(np.shape(value), dim=self.dim, rows=rows)
        return Measure(name, name.replace("_", " "), dims=dims)

    def _scalar(
        self, name: str, value: Any, measure: Measure, words: dict[str, str],
        values: Mapping[str, Any],
    ) -> Scalar:  # fmt: skip
        plain = value
        if isinstance(value, (np.generic, np.ndarray)) and not np.ndim(value):
            plain = value.item()
        if not isinstance(plain, (str, Real)):
            raise AnalysisError(
                f"a number or text as {self.owner}.{name}", found=f"{type(value).__name__}",
                next_step="declare its dims if it is an array",
            )  # fmt: skip
        number: Any = plain
        effect = measure.minimum_effect
        if callable(effect):
            effect = effect(Found(float(plain), values, self.frame, self.options))
        return Scalar(
            number, measure.unit, self._text(measure.description, words),
            calibrated=measure.calibrated, direction=measure.direction,
            minimum_effect=float(effect),
        )  # fmt: skip

    def _array(self, name: str, value: Any, measure: Measure, words: dict[str, str]) -> Array:
        values = np.asarray(value)
        if values.ndim != len(measure.dims) or values.dtype.hasobject:
            raise AnalysisError(
                f"an array of {measure.dims} as {self.owner}.{name}",
                found=f"shape {values.shape}, {values.dtype}",
            )
        return Array(values, measure.dims, measure.unit, self._text(measure.description, words))

    def _rows(self, given: Values, arrays: Mapping[str, Array]) -> dict[str, Array]:
        rows = np.arange(self.count) if given.rows is None else np.asarray(given.rows, np.int64)
        for name, array in arrays.items():
            sizes = [n for n, d in zip(array.values.shape, array.dims, strict=True) if d == ROW]
            if any(size != len(rows) for size in sizes):
                raise AnalysisError(
                    f"one value of {self.owner}.{name} for each of {len(rows):,} rows",
                    found=f"{sizes[0]:,}", next_step="return Values(..., rows=batch.rows)",
                )  # fmt: skip
        return {ROW: Array(rows, (ROW,), "", "row number in the source")}

    def _text(self, text: str, words: Mapping[str, str]) -> str:
        if "{" not in text:
            return text
        try:
            return text.format_map(ChainMap(dict(words), dict(self.options), dict(self.frame)))
        except (KeyError, ValueError, TypeError) as error:
            raise AnalysisError(
                f"placeholders, options or frame values in {text!r} of {self.owner}",
                found=f"{type(error).__name__}: {error}",
            ) from None


def guess_dims(shape: tuple[int, ...], *, dim: int, rows: int) -> tuple[str, ...]:
    """Return the likely dimensions of an array without a declaration."""
    if shape == (dim, dim) and dim > 1:
        return ("axis", "other_axis")
    first = {dim: "axis", rows: ROW}
    if len(shape) in (3, 4):
        return ("image", "height", "width", "channel")[: len(shape)]
    if len(shape) == 2:
        return (first.get(shape[0], "index"), "component")
    return tuple(first.get(n, "index") for n in shape)


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
