"""The analysis `random_decode`: may I sample here, and what does the decoder make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import ConfigDict, Field, PositiveFloat

from latent_analyze.plugin import Analysis, AnalysisOptions, hookimpl
from latent_analyze_plugins.random_decode.companions import sampler_texts, uniform_texts
from latent_analyze_plugins.random_decode.findings import find
from latent_analyze_plugins.random_decode.frame import make_frame
from latent_analyze_plugins.random_decode.output import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from latent_analyze.plugin import Context, Figure, Finding, Frame, Result, ResultSet, Source


class RandomDecodeOptions(AnalysisOptions):
    """Options of `RandomDecode`."""

    model_config = ConfigDict(allow_inf_nan=False)

    images: int = Field(16, ge=1, le=256, description="images shown per source")
    points: int = Field(
        1000, ge=20, description="z-points scored per source, and rows in each held-out half"
    )
    samplers: Literal["auto"] | tuple[str, ...] = Field(
        "auto",
        description="samplers scored beside the data, as [gaussian,kde:bandwidth=0.1]; auto: all"
        " that are fitted to a reference, and normal",
    )
    boundaries: tuple[PositiveFloat, ...] = Field(
        (0.5, 2.5, 5, 8, 10, 15, 20, 30, 50),
        description="boundaries b of the uniform cubes [-b, b]^dim scored beside the data",
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
    """Decode z-points of every source, encode them again, and count how many pass two tests.

    Cycle: the encoder finds the z-point again, E(D(z)) = z, as closely as it does for 95 % of
    held-out data. Support: z lies within the k-NN radius of a z-point of the data. The joint rate
    is the share that passes both; held-out data are the positive control. The reference's row of
    images shows decoded held-out data, so it is what the decoder can do; the rows below show
    samplers and uniform cubes [-b, b]^dim, each image framed by the tests it passed.
    """

    name = "random_decode"
    title = "May I sample here: decoded z-points"
    requires = frozenset({"decoder"})
    cost = "light"
    Options = RandomDecodeOptions

    def prepare_with(self, reference: Source, context: Context) -> Frame:
        """Hold rows out, and set the thresholds of both tests on the calibration half."""
        return make_frame(reference, self.options, context)

    def companions(self, reference: Source) -> Sequence[str]:
        """Return the samplers, and a uniform one per boundary."""
        samplers = sampler_texts(reference, self.options)
        return [*samplers, *(t for t in uniform_texts(self.options) if t not in samplers)]

    def run(self, frame: Frame, source: Source, context: Context) -> Result:
        """Score a sample of `source`; of the reference itself the evaluation half.

        Raises
        ------
        AnalysisError
            If no output of the decoder is finite.
        """
        return evaluate(frame, source, context, options=self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say what passes: held-out data, the best sampler, the range of b that works."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw the rates of all sources, and a row of framed images per source."""
        from latent_analyze_plugins.random_decode.grid import draw_grid
        from latent_analyze_plugins.random_decode.rates import draw_rates

        return [draw_rates(results), draw_grid(results)]


@hookimpl
def register_analyses() -> Sequence[type[Analysis]]:
    """Return the analysis of this module."""
    return [RandomDecode]
