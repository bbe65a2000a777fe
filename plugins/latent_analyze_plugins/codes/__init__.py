"""The analysis `codes`: how a codebook is used, and which positions know of each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import Field, PositiveInt

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
from latent_analyze_plugins.codes.compute import measure
from latent_analyze_plugins.codes.findings import find
from latent_analyze_plugins.codes.frame import make_frame
from latent_analyze_plugins.codes.measures import MEASURES


class CodesOptions(AnalysisOptions):
    """Options of `codes`."""

    sample: int = Field(10_000, ge=2, description="rows in which positions are compared")
    pairs: PositiveInt = Field(
        2000, description="most pairs of neighboring positions, and of others, that are compared"
    )
    told_apart: Literal["auto"] | int = Field(
        "auto",
        ge=2,
        le=512,
        description="codes told apart where positions are compared, the most frequent ones; all "
        "others count as one. auto: so many that a pair of them has ten rows, at most 32",
    )
    decoded: int = Field(12, ge=0, le=64, description="most frequent codes that are decoded")


class CodesAnalysis(Analysis):
    """How a codebook is used: perplexity, dead codes, which positions know of each other.

    The usage of codes is counted over all rows and positions. Perplexity is the exponential of its
    entropy: as many codes would say as much if they were used evenly. Miller and Madow's (1955)
    correction is for entropies of few draws, which are too low. How much positions know of each
    other is their mutual information (Shannon 1948), in bits, over a sample of rows and of pairs of
    positions; the null `shuffled` has the same codes at each position, and none of it. Where the
    model decodes codes, the most frequent ones are decoded: one code at all positions.
    """

    name, title = "codes", "Codes"
    latents = frozenset({"codes"})
    counts = {"sample": (500, 10_000)}
    Options = CodesOptions
    measures = MEASURES

    def companions(self, reference: Source) -> Sequence[str]:
        """Return codes drawn evenly, which show what chance does to the usage."""
        del reference
        return ("uniform_codes",)

    def prepare(self, reference: Source) -> Frame:
        """Choose the pairs of positions, and the codes that are told apart in them."""
        return make_frame(reference, self.options)

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        """Count the codes of a source, compare positions, and decode codes of the reference."""
        return measure(frame, source, context, self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say how much of the codebook is used, what is dead, and what positions know."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw usage, positions, what stands together, and decoded codes."""
        from latent_analyze_plugins.codes.figures import draw

        return draw(results)
