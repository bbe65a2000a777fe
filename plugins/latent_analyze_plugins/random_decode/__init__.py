"""The analysis `random_decode`: may I sample here, and what does the decoder make of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import ConfigDict, Field, PositiveFloat

from latent_analyze.plotting import words_of
from latent_analyze.plugin import (
    Analysis,
    AnalysisOptions,
    Context,
    Figure,
    Finding,
    Frame,
    ResultSet,
    Source,
    Values,
)  # fmt: skip
from latent_analyze.statistics import MAX_FULL_DIM
from latent_analyze_plugins.random_decode import without_data
from latent_analyze_plugins.random_decode.compute import evaluate
from latent_analyze_plugins.random_decode.findings import find
from latent_analyze_plugins.random_decode.frame import make_frame
from latent_analyze_plugins.random_decode.measures import all_measures, measures_of
from latent_analyze_plugins.random_decode.rates import DRAWS


class RandomDecodeOptions(AnalysisOptions):
    """Options of `RandomDecode`."""

    model_config = ConfigDict(allow_inf_nan=False)

    images: int = Field(16, ge=1, le=256, description="decoded z-points shown per source")
    points: int = Field(
        500, ge=20, description="z-points scored per source; twice as many rows set the standard"
    )
    samplers: Literal["auto"] | tuple[str, ...] = Field(
        "auto",
        description="samplers scored next to the data, as [gaussian,kde:bandwidth=0.1]; auto: all"
        " that are fitted to a reference, and normal",
    )
    boundaries: tuple[PositiveFloat, ...] = Field(
        (0.5, 2.5, 5, 8, 10, 15, 20, 30, 50),
        description="boundaries b of the uniform cubes [-b, b]^dim scored next to the data",
    )
    unit: Literal["latent", "spread"] = Field(
        "latent",
        description="unit of the boundaries: latent units, or multiples of the reference's spread",
    )
    neighbors: int = Field(
        5, ge=1, description="k of the k-NN radius within which a z-point is supported"
    )
    support: int = Field(
        10_000, ge=10, description="most rows of the reference that support others"
    )


class RandomDecode(Analysis):
    """Decode z-points of every source, and tell how many of the outputs are as good as the data's.

    Where that cannot be told, two tests of the z-points remain. Cycle: the encoder finds the
    z-point again, E(D(z)) = z, as closely as it does for 95 % of held-out data. Support: z lies
    within the k-NN radius of a z-point of the data. The joint rate is the share that passes both;
    held-out data are the positive control. The reference's row shows decoded held-out data, so it
    is what the decoder can do; the rows below show samplers and uniform cubes [-b, b]^dim, each
    output framed by its quality, or by the tests it passed. A decoder that takes labels is shown
    once per class.

    A decoder without an encoder and without data cannot be tested. Then it says so, and which axes
    change the output, how diverse it is, and where it saturates.

    A rate is no evidence about the data: that a null passes less often shows what the null is. So
    none is calibrated.
    """

    name = "random_decode"
    title = "May I sample here: decoded z-points"
    counts = {"points": (100, 500)}
    requires = frozenset({"decoder"})
    Options = RandomDecodeOptions
    measures = all_measures()

    def prepare_with(self, reference: Source, context: Context) -> Frame:
        """Hold rows out, and set the thresholds of both tests on the calibration half."""
        if without_data.applies(reference):
            return without_data.make_frame(reference, context)
        return make_frame(reference, self.options, context)

    def declare(self, frame: Frame, source: Source) -> Any:
        """Return the measures in the words for what the decoder gives."""
        measures = measures_of(words_of(frame["kind"]))
        return replace(super().declare(frame, source), measures=measures)

    def companions(self, reference: Source) -> Sequence[str]:
        """Return the samplers, and a uniform one per boundary, ascending.

        Next to z-points that are drawn themselves, only what is asked for: it says nothing.
        """
        if without_data.is_drawn(reference):
            return self._asked()
        unit = "" if self.options.unit == "latent" else f":unit={self.options.unit}"
        cubes = [f"uniform:b={b:g}{unit}" for b in sorted(self.options.boundaries)]
        chosen = self.options.samplers
        return list(dict.fromkeys([*(_fitted(reference) if chosen == "auto" else chosen), *cubes]))

    def _asked(self) -> list[str]:
        """Return the samplers and cubes that are named in the options."""
        options, given = self.options, self.options.model_fields_set
        unit = "" if options.unit == "latent" else f":unit={options.unit}"
        cubes = sorted(options.boundaries) if "boundaries" in given else []
        named = () if options.samplers == "auto" else options.samplers
        return list(dict.fromkeys([*named, *(f"uniform:b={b:g}{unit}" for b in cubes)]))

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        """Score a sample of `source`; of the reference itself the evaluation half.

        Raises
        ------
        AnalysisError
            If no output of the decoder is finite.
        """
        if frame["no_data"]:
            return without_data.measure(frame, source, context, options=self.options)
        return evaluate(frame, source, context, options=self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say what passes: held-out data, the best sampler, the range of b that works."""
        return without_data.find(results) if results.frame["no_data"] else find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw the rates of all sources, and a row of framed decoded z-points per source."""
        from latent_analyze_plugins.random_decode.figures import draw

        return without_data.draw(results) if results.frame["no_data"] else draw(results)


def _fitted(reference: Source) -> list[str]:
    """Return all samplers that can be fitted to a reference, and normal."""
    form = ":covariance=diag" if reference.dim > MAX_FULL_DIM else ""
    texts = [] if reference.summary().covariance is None else ["gaussian"]
    texts += ["gaussian:covariance=diag", f"gmm{form}", f"kde{form}", f"kde{form}:bandwidth=0.2"]
    texts += [f"ellipsoid{form}", "box", "shuffled", "interpolate", "normal"]
    drawn = "log_var" not in reference.fields or reference.label.endswith(DRAWS)
    return texts if drawn else [*texts, "posterior"]
