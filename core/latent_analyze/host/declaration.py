"""From the plain values of an analysis to a result, by what its class declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from latent_analyze.errors import AnalysisError
from latent_analyze.host.measures import ROW, Found, Measure, Values, fill, find_measure
from latent_analyze.host.results import Array, Result, Scalar


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
        measure, words = find_measure(self.measures, name, np.ndim(value))
        if measure is not None:
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
            text = isinstance(plain, str)
            effect = 0.0 if text else effect(Found(number, values, self.frame, self.options))
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
                next_step="declare one dimension per axis of the array",
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
        return fill(text, words, self.options, self.frame)


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
