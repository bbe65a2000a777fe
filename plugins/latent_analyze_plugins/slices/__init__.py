"""The analysis `slices`: where z-points lie around the origin, without the trick of projection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt, field_validator

from latent_analyze.plugin import Analysis, AnalysisOptions, Measure
from latent_analyze_plugins.slices.compute import SliceCounts
from latent_analyze_plugins.slices.findings import find
from latent_analyze_plugins.slices.frame import make_frame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from latent_analyze.plugin import Figure, Finding, Found, Frame, ResultSet, Source

UNIT, POINTS = "latent units", ("pair", "point", "coordinate")


def _least_share(found: Found) -> float:
    return max(0.2 * found.value, 5 / found["n"])


SHARE: dict[str, Any] = {
    "unit": "share", "calibrated": True, "minimum_effect": _least_share,
    "higher": "more z-points survive in a slice", "lower": "fewer z-points survive in a slice",
}  # fmt: skip
PERCENTILE: dict[str, Any] = {"unit": "%", "calibrated": True, "minimum_effect": 5.0}


class SlicesOptions(AnalysisOptions):
    """Options of `Slices`."""

    model_config = ConfigDict(allow_inf_nan=False)

    pairs: Literal["auto"] | tuple[tuple[int, int], ...] = Field(
        "auto",
        description="pairs of axes, counted from 0, as [[0,1],[3,4]]; auto: the most elongated",
    )
    n_pairs: PositiveInt = Field(3, description="number of pairs that auto picks")
    b: PositiveFloat | Literal["auto"] = Field(
        "auto",
        description="half-width of a slice, latent units; auto: the reference's spread (root mean"
        " square of the axes' standard deviations)",
    )
    zoom: PositiveFloat = Field(
        1.0, description="half-width of the zoom at the origin, in spreads of the reference"
    )
    points: PositiveInt = Field(4000, description="z-points kept per view for drawing")
    density_sample: int = Field(2000, ge=2, description="z-points sampled for the local density")
    bins: int = Field(64, ge=2, le=1024, description="cells per side of the counted projection")
    seed: int = Field(0, description="seed of all samples")

    @field_validator("pairs", mode="before")
    @classmethod
    def _one_pair(cls, value: Any) -> Any:
        """Read ``pairs=[0,1]`` as one pair."""
        single = isinstance(value, list | tuple) and all(isinstance(v, int) for v in value)
        return (tuple(value),) if single else value

    @field_validator("pairs")
    @classmethod
    def _some_pair(cls, value: Any) -> Any:
        if not value:
            raise ValueError("names at least one pair of axes, such as [[0,1]]")
        return value


class Slices(Analysis):
    """Three views per pair of axes: projection of all, zoom at the origin, and a slice.

    A projection onto two axes shows every z-point, wherever it lies on the other axes: it looks
    full at the origin even where the origin's surroundings are empty. The slice of a pair shows
    only the points with |x_j| <= b on all *other* axes j. How many survive is counted exactly, for
    a grid of half-widths b. The origin's place among the z-points is stated twice: by the share of
    points nearer to the mean (Mahalanobis distance with a regularized covariance), and by the share
    of points around which it is emptier (distance to the tenth neighbor, same metric).

    With ``pairs="auto"`` the most elongated pairs are shown: those with the largest ratio of the
    eigenvalues of the pair's 2 x 2 covariance. Axes whose standard deviation is less than a tenth
    of the widest axis' are passed over, each axis is taken once while there are enough, and above
    512 dimensions only the 512 widest axes are ranked.
    """

    name, title = "slices", "Slices through latent space"
    Options = SlicesOptions
    measures = (
        Measure("n", "finite z-points looked at", "z-points"),
        Measure("b", "half-width of the slices", UNIT),
        Measure("survivors_{i}_{j}", "survivors in the slice of axes {i} and {j} at b", "z-points"),
        Measure("survivor_share_{i}_{j}", "share of the z-points that survives in the slice of "
                "axes {i} and {j} at b", **SHARE),
        Measure("survivor_share_all_pairs", "share that survives at b, averaged over all "
                "{all_pairs:,} pairs of axes", **SHARE),
        Measure("origin_distance", "Mahalanobis distance of the origin from the reference's mean",
                "standard deviations"),
        Measure("origin_mahalanobis_percentile", "z-points nearer to the reference's mean than the "
                "origin (Mahalanobis)", **PERCENTILE, higher="the origin lies farther out",
                lower="the origin lies farther in"),
        Measure("origin_density_percentile", "sampled z-points around which it is emptier than "
                "around the origin", **PERCENTILE, higher="it is denser around the origin",
                lower="it is emptier around the origin"),
        Measure("pairs", "axes, counted from 0", dims=("pair", "coordinate")),
        Measure("half_width", "grid of b", UNIT, dims=("half_width",)),
        Measure("survivors", "survivors at each b", "z-points", dims=("pair", "half_width")),
        Measure("smallest_b", "smallest b at which any survives", UNIT, dims=("pair",)),
        Measure("cells", "projection, counted", "z-points", dims=("pair", "first", "second")),
        Measure("outside", "z-points outside the projection's window", "z-points", dims=("pair",)),
        Measure("zoom_count", "z-points in the zoom", "z-points", dims=("pair",)),
        Measure("projection", "a uniform sample of all", UNIT, dims=POINTS),
        Measure("zoom", "a sample of those in the zoom", UNIT, dims=POINTS),
        Measure("slice", "a sample of the survivors", UNIT, dims=POINTS),
    )  # fmt: skip

    def prepare(self, reference: Source) -> Frame:
        """Pick the pairs, half-widths and windows, and fit the metric to the reference."""
        return make_frame(reference, self.options)

    def accumulator(self, frame: Frame) -> SliceCounts:
        """Return an empty accumulator."""
        return SliceCounts(frame, self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say how many survive where, and where the origin lies, beside nulls and sources."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw three views per pair, and the survivors over b."""
        from latent_analyze_plugins.slices.figures import draw

        return draw(results)
