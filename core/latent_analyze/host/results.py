"""What an analysis finds: scalars and named arrays, findings about them, figures of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from latent_analyze.errors import PluginError
from latent_analyze.files.hashing import content_hash

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure
    from numpy.typing import NDArray

    from latent_analyze.host.options import AnalysisOptions

Severity = Literal["problem", "warning", "finding", "note"]
"""Gravest first. ``problem``: a number or the model cannot be trusted. ``warning``: something to
act on. ``finding``: differs from its null model; only this one needs a calibration. ``note``:
context."""

Direction = Literal["both", "high", "low"]


@dataclass(frozen=True)
class Scalar:
    """One number (or text) of a result.

    Attributes
    ----------
    value
        The number or text.
    unit
        ``"latent units"``, ``"share"``, ``"z-points"``, ...; empty for a pure number.
    description
        What it is, in a few words.
    calibrated
        Whether the null ensemble says something about it. False for what the null reproduces by
        construction, such as the mean radius expected from mean and covariance.
    direction
        In which direction a difference from the null matters.
    minimum_effect
        Smallest difference from the null's mean that is worth a finding, in the unit of the value:
        with 170,000 points everything is significant.
    """

    value: float | int | str
    unit: str = ""
    description: str = ""
    calibrated: bool = False
    direction: Direction = "both"
    minimum_effect: float = 0.0


@dataclass(frozen=True)
class Array:
    """An array of a result with named dimensions: ``dims=("axis", "bin")``."""

    values: NDArray[Any]
    dims: tuple[str, ...]
    unit: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        if self.values.ndim != len(self.dims):
            raise PluginError(
                "one name per dimension", found=f"{self.dims} for shape {self.values.shape}"
            )
        if self.values.dtype.hasobject:
            raise PluginError("arrays of numbers or fixed-length text", found="Python objects")


@dataclass(frozen=True, repr=False)
class Result:
    """What one analysis found on one source; holds no rendered figure."""

    scalars: Mapping[str, Scalar] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    sample_size: int | None = None
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        """Return the value of a scalar or array by its name; KeyError names the known ones."""
        if name in self.scalars:
            return self.scalars[name].value
        if name in self.arrays:
            return self.arrays[name].values
        raise KeyError(f"{name!r}; known: {', '.join([*self.scalars, *self.arrays])}")

    def __repr__(self) -> str:
        numbers = [f"{name}={scalar.value!r:.12}" for name, scalar in self.scalars.items()]
        arrays = [f"{name}{array.values.shape}" for name, array in self.arrays.items()]
        return f"<Result: {', '.join([*numbers, *arrays])}>"


@dataclass(frozen=True)
class Frame:
    """What all sources of a case share for one analysis: edges, basis, pairs, thresholds.

    Values are arrays, numbers, texts or None. Small: it travels to every worker and is saved with
    the results.
    """

    values: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def fingerprint(self) -> str:
        """Hash of names and values."""
        parts: list[Any] = []
        for name in sorted(self.values):
            parts += [name, self.values[name]]
        return content_hash("frame", *parts)


@dataclass(frozen=True)
class Calibration:
    """A scalar of a source held against a null ensemble.

    Attributes
    ----------
    null, scalar
        Label of the ensemble and name of the scalar.
    value
        The scalar on the reference.
    null_mean, null_std, null_low, null_high
        Mean, standard deviation and 5 % and 95 % quantile over the members.
    repeats
        Number of members.
    p_value
        Monte Carlo p-value of this scalar alone, (1 + as extreme) / (1 + repeats).
    p_adjusted
        The same, corrected over everything that the run tests.
    effect
        (value - null_mean) / null_std; infinite where the members are all alike.
    stands_out
        Significant after correction, in the direction that matters, and by more than the scalar's
        minimum effect: only then may a finding rest on it.
    """

    null: str
    scalar: str
    value: float
    null_mean: float
    null_std: float
    null_low: float
    null_high: float
    repeats: int
    p_value: float
    p_adjusted: float
    effect: float
    stands_out: bool


@dataclass(frozen=True)
class Finding:
    """A short sentence, the numbers behind it, and how much it matters (see `Severity`).

    A ``finding`` names in `numbers` the calibrated scalars that it is about; the host says those
    that stand out and that no finding names.
    """

    severity: Severity
    text: str
    numbers: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """A drawn figure with its name (a file name), caption and an alternative text."""

    name: str
    caption: str
    figure: MplFigure
    alt: str = ""


@dataclass(frozen=True, repr=False)
class ResultSet:
    """All results of one analysis in one case.

    Attributes
    ----------
    analysis
        Key of the analysis in the run: its name, with options where it is run twice.
    options, frame
        The analysis' options and the frame all results share.
    reference
        Label of the reference.
    results
        Label -> result: the reference first, then the sources shown beside it.
    ensembles
        Label of a null -> results of its members.
    calibrations
        One per null and calibrated scalar of the reference.
    """

    analysis: str
    options: AnalysisOptions
    frame: Frame
    reference: str
    results: Mapping[str, Result]
    ensembles: Mapping[str, Sequence[Result]] = field(default_factory=dict)
    calibrations: Sequence[Calibration] = ()

    def __getitem__(self, name: str) -> Any:
        """Return a scalar or array of the reference."""
        return self.data[name]

    def __repr__(self) -> str:
        nulls = [f"{null} x {len(members)}" for null, members in self.ensembles.items()]
        beside = f", against {', '.join(nulls)}" if nulls else ""
        return f"<ResultSet {self.analysis}: {', '.join(self.results)}{beside}>"

    @property
    def data(self) -> Result:
        """The result of the reference."""
        return self.results[self.reference]

    @property
    def shown(self) -> dict[str, Result]:
        """The results of the sources shown beside the reference."""
        return {k: v for k, v in self.results.items() if k != self.reference}

    def calibration(self, scalar: str, null: str | None = None) -> Calibration | None:
        """Return the calibration of a scalar against a null (the first one if not named)."""
        for entry in self.calibrations:
            if entry.scalar == scalar and null in (None, entry.null):
                return entry
        return None

    def standouts(self) -> list[Calibration]:
        """Return the calibrations that a finding may rest on."""
        return [entry for entry in self.calibrations if entry.stands_out]

    def band(
        self, array: str, null: str, transform: Any = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the 5 %, 50 % and 95 % quantile of an array over the members of a null.

        Members of unequal length are filled up with zeros at the end of each dimension, which is
        right for counts that start at the same edge. `transform` is applied to each member's
        array first.
        """
        values = [np.asarray(member[array], float) for member in self.ensembles[null]]
        if transform is not None:
            values = [transform(v) for v in values]
        low, middle, high = np.quantile(stack_padded(values), [0.05, 0.5, 0.95], axis=0)
        return low, middle, high


def stack_padded(arrays: Sequence[NDArray[Any]], fill: float = 0) -> NDArray[Any]:
    """Stack arrays of one number of dimensions; shorter ones are filled with `fill` at the end."""
    shape = np.max([a.shape for a in arrays], axis=0)
    stacked = np.zeros((len(arrays), *shape), arrays[0].dtype)
    if fill:
        stacked[...] = fill
    for target, values in zip(stacked, arrays, strict=True):
        target[tuple(slice(0, n) for n in values.shape)] = values
    return stacked
