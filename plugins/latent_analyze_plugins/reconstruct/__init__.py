"""The analysis `reconstruct`: how well a model gives back what it was shown."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

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
from latent_analyze_plugins.reconstruct.compute import measure
from latent_analyze_plugins.reconstruct.findings import find

EXAMPLE = ("group", "place")


def _over(name: str, short: str, text: str) -> tuple[Measure, ...]:
    """Return what a z-point's position is, and how the error depends on it."""
    tenth = f"{name}_bin"
    return (
        Measure(f"rank_{name}", f"rank correlation of mse and {short}"),
        Measure(name, text, "latent units", dims=("row",)),
        Measure(tenth, "median of each tenth", "latent units", dims=(tenth,)),
        Measure(f"mse_by_{name}", "quartiles of mse in each tenth", dims=(tenth, "quartile")),
    )


class ReconstructOptions(AnalysisOptions):
    """Options of `Reconstruct`."""

    sample: int = Field(2000, ge=2, description="images that are reconstructed")
    images: int = Field(10, ge=1, le=16, description="images per row of the figure")
    k: int = Field(10, ge=1, le=200, description="neighbor whose distance tells how thin it is")


class Reconstruct(Analysis):
    """How well does the model reconstruct, which images best and worst, and where do they lie.

    Images of a seeded sample are held against what the decoder makes of their z-points: mean
    squared error, binary cross-entropy, structural similarity (Wang et al. 2004). Errors are split
    by `split`, if there is such a label, and related to the radius and to the distance of the k-th
    nearest neighbor. Decoders of vectors get the mean squared error only.
    """

    name = "reconstruct"
    title = "Reconstruction"
    counts = {"sample": (200, 2000)}
    requires = frozenset({"decoder", "images"})
    Options = ReconstructOptions
    measures = (
        Measure("mse", "mean squared error per pixel"),
        Measure("mse_median", "median over images"),
        Measure("mse_q95", "95 % quantile over images"),
        Measure("explained", "1 - mse / (mse of giving the mean image for every image)", "share"),
        Measure("bce", "binary cross-entropy per pixel", "nats"),
        Measure("bce_sum", "binary cross-entropy per image", "nats"),
        Measure("bce_floor", "binary cross-entropy that a perfect reconstruction has", "nats"),
        Measure("ssim", "structural similarity, 1 for equal images"),
        Measure("outside", "decoded values outside [0, 1]; clipped for bce and ssim", "share",
                said="a share of {value:.2g} of the decoded values lies outside [0, 1]; they were "
                "clipped for cross-entropy and structural similarity"),
        Measure("nonfinite", "decoded to NaN or infinity, left out", "images",
                said="the decoder gives NaN or infinity for {value:,} z-points; they were left "
                "out"),
        Measure("mse[{split}]", "mse of the split {split}"),
        Measure("mse_error[{split}]", "standard error of it"),
        Measure("ssim[{split}]", "ssim of the split {split}"),
        Measure("images[{split}]", "sampled of the split {split}", "images"),
        Measure("image_mse", "squared error, averaged over pixels", dims=("row",)),
        Measure("image_bce", "binary cross-entropy, averaged over pixels", "nats", dims=("row",)),
        Measure("image_bce_floor", "binary cross-entropy that a perfect reconstruction has",
                "nats", dims=("row",)),
        Measure("image_ssim", "structural similarity, 1 for equal images", dims=("row",)),
        Measure("split", "the label split", dims=("row",)),
        *_over("radius", "radius", "distance from the origin"),
        *_over("neighbor", "distance of the k-th nearest neighbor",
               "distance of the k-th nearest neighbor in the sample"),
        Measure("example", "place in the arrays per image", dims=EXAMPLE),
        *(Measure(name, f"{name} images: over all errors, best, worst", dims=(*EXAMPLE, *dims))
          for name in ("original", "decoded") for dims in (("y", "x", "channel"), ("feature",))),
    )  # fmt: skip

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        """Decode a sample and compare it with its images.

        Raises
        ------
        AnalysisError
            If the decoder's output has another shape than the images, or none of it is finite.
        """
        del frame, source
        return measure(context, self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say how large the errors are, whether splits differ, and where errors are large."""
        return find(results.data, self.options.k)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw originals over reconstructions, errors per split, and errors over the position."""
        from latent_analyze_plugins.reconstruct.figures import draw

        return draw(results.data, self.options.k)
