"""The analysis `random_decode`: may I sample here, and what does the decoder make of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import ConfigDict, Field, PositiveFloat

from latent_analyze.plugin import (
    Analysis,
    AnalysisOptions,
    Context,
    Figure,
    Finding,
    Frame,
    Measure,
    ResultSet,
    Source,
    Values,
)  # fmt: skip
from latent_analyze.statistics import MAX_FULL_DIM
from latent_analyze_plugins.random_decode.compute import evaluate
from latent_analyze_plugins.random_decode.findings import DRAWS, find
from latent_analyze_plugins.random_decode.frame import make_frame


class RandomDecodeOptions(AnalysisOptions):
    """Options of `RandomDecode`."""

    model_config = ConfigDict(allow_inf_nan=False)

    images: int = Field(16, ge=1, le=256, description="images shown per source")
    points: int = Field(
        1000, ge=20, description="z-points scored per source, and rows in each held-out half"
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
    """Decode z-points of every source, encode them again, and count how many pass two tests.

    Cycle: the encoder finds the z-point again, E(D(z)) = z, as closely as it does for 95 % of
    held-out data. Support: z lies within the k-NN radius of a z-point of the data. The joint rate
    is the share that passes both; held-out data are the positive control. The reference's row of
    images shows decoded held-out data, so it is what the decoder can do; the rows below show
    samplers and uniform cubes [-b, b]^dim, each image framed by the tests it passed.

    A rate is no evidence about the data: that a null passes less often shows what the null is. So
    none is calibrated.
    """

    name = "random_decode"
    title = "May I sample here: decoded z-points"
    counts = {"points": (100, 1000)}
    requires = frozenset({"decoder"})
    Options = RandomDecodeOptions
    measures = (
        Measure("joint_rate", "share of the z-points that pass both tests", "share"),
        Measure("cycle_rate", "share that the encoder finds again: |E(D(z)) - z| within the "
                "held-out 95 % quantile", "share"),
        Measure("support_rate", "share within the k-NN radius of a z-point of the data", "share"),
        Measure("distance_relative", "median distance to the nearest z-point of the support set, "
                "over that of held-out data"),
        Measure("{test}_relative", "{test} rate over that of held-out data"),
        Measure("nonfinite", "outputs with NaN or infinity: no test passed", "z-points",
                said="the decoder gives NaN or infinity for {value:,} z-points"),
        Measure("mean_value", "mean of all pixels shown"),
        Measure("contrast",
                "standard deviation over the pixels of an image, averaged over images shown"),
        Measure("diversity",
                "standard deviation over images shown at a pixel, averaged over pixels"),
        Measure("saturated", "share of pixels that are black or white in 8 bits", "share"),
        Measure("interval", "95 % intervals of the rates (joint, cycle and support, those there "
                "are), low and high", "share", dims=("criterion", "bound")),
        Measure("{test}_score", "score in the {test} test, at most 1 passes", dims=("row",)),
        Measure("verdict", "tests passed per image: 1 cycle, 2 support, 3 both", dims=("image",)),
        Measure("images", "decoded images, 0 to 255", dims=("image", "y", "x", "channel")),
        Measure("vectors", "decoded vectors", dims=("image", "feature")),
    )  # fmt: skip

    def prepare_with(self, reference: Source, context: Context) -> Frame:
        """Hold rows out, and set the thresholds of both tests on the calibration half."""
        return make_frame(reference, self.options, context)

    def companions(self, reference: Source) -> Sequence[str]:
        """Return the samplers, and a uniform one per boundary, ascending."""
        unit = "" if self.options.unit == "latent" else f":unit={self.options.unit}"
        cubes = [f"uniform:b={b:g}{unit}" for b in sorted(self.options.boundaries)]
        chosen = self.options.samplers
        return list(dict.fromkeys([*(_fitted(reference) if chosen == "auto" else chosen), *cubes]))

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
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
        from latent_analyze_plugins.random_decode.figures import draw_images, draw_rates

        return [draw_rates(results), draw_images(results)]


def _fitted(reference: Source) -> list[str]:
    """Return all samplers that can be fitted to a reference, and normal."""
    form = ":covariance=diag" if reference.dim > MAX_FULL_DIM else ""
    texts = [] if reference.summary().covariance is None else ["gaussian"]
    texts += ["gaussian:covariance=diag", f"gmm{form}", f"kde{form}", f"kde{form}:bandwidth=0.2"]
    texts += [f"ellipsoid{form}", "box", "shuffled", "interpolate", "normal"]
    drawn = "log_var" not in reference.fields or reference.label.endswith(DRAWS)
    return texts if drawn else [*texts, "posterior"]
