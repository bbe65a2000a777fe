"""The analyses `tsne` and `umap`: a seeded sample, embedded, measured and drawn beside its null."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from latent_analyze.plugin import (
    Analysis,
    AnalysisError,
    AnalysisOptions,
    Context,
    Figure,
    Finding,
    Frame,
    Measure,
    Result,
    ResultSet,
    Source,
    Values,
    missing_dependency,
)  # fmt: skip
from latent_analyze.statistics import second_moments
from latent_analyze_plugins.embedding.compute import (
    color_name,
    color_values,
    draw,
    label_field,
    measure,
)
from latent_analyze_plugins.embedding.figures import REMINDER, beside, draw_pages

Report = Callable[[int, int], None]

LEAST_POINTS = 5
"""With fewer there are no two neighbors per z-point to compare."""

JITTER = 0.01
"""Noise of the start, in standard deviations: z-points whose scores agree must not coincide."""

LEAST_DIFFERENCE = 0.05
"""Difference of the share of kept neighbors from the null's that is worth a finding."""


class EmbeddingOptions(AnalysisOptions):
    """Options that both embeddings have."""

    sample: PositiveInt | Literal["all"] = Field(
        5000, description="z-points on the page, a seeded sample; all: every z-point"
    )
    components: PositiveInt | Literal["all"] = Field(
        "all",
        description="embed the first so many principal components of the reference; all: the latent"
        " space itself",
    )
    color: str = Field(
        "auto",
        description="radius, the name of a label, or a latent axis such as axis_0; auto: a label if"
        " there is one, else the radius",
    )


class Embedding(Analysis):
    """An analysis that lays z-points out on a page. Subclasses write `embed` and `check_size`.

    Attributes
    ----------
    library, package
        What is imported, and the name under which pip knows it.
    method
        Name of the method in sentences.
    """

    cost = "heavy"
    counts = {"sample": (500, 170_000)}
    measures = (
        Measure("n", "on the page", "z-points"),
        Measure(
            "knn_preservation", "share of the nearest neighbors in latent space that are still "
            "among the nearest on the page", "share",
            calibrated=True, minimum_effect=LEAST_DIFFERENCE,
            higher="the neighborhoods fit a page better",
            lower="the neighborhoods fit a page worse",
        ),
        Measure(
            "trustworthiness", "1: the k nearest on the page are the k nearest in latent space; "
            "less by how far behind they are there (Venna & Kaski 2001)",
        ),
        Measure("k", "compared", "neighbors"),
        Measure(
            "judged", "whose neighbors are compared: for the preservation among all on the page, "
            "for the trustworthiness among themselves", "z-points",
        ),
        Measure("kl_divergence", "Kullback-Leibler divergence of the page's from latent space's "
                "neighborhoods", "nats"),
        Measure("colored_by", "what the colors show"),
        Measure("embedding", "the page; its axes have no unit", dims=("row", "coordinate")),
        Measure("radius", "distance from the origin", "latent units", dims=("row",)),
        Measure("color", "what the colors show", dims=("row",)),
    )  # fmt: skip
    library: ClassVar[str]
    package: ClassVar[str]
    method: ClassVar[str]

    @abstractmethod
    def embed(
        self, space: NDArray[np.float32], start: NDArray[np.float64], *, seed: int, report: Report
    ) -> tuple[NDArray[Any], Mapping[str, float]]:
        """Return the page, shape (n, 2), and the measures of the method itself.

        Parameters
        ----------
        space
            Distinct points, shape (n, dim), about the reference's mean.
        start
            The page to begin with, shape (n, 2), root mean square 1, no two rows alike.
        seed
            0 to 2^32 - 1.
        report
            Called as report(done, total).
        """

    @abstractmethod
    def check_size(self, count: int, label: str) -> None:
        """Raise AnalysisError if the method needs more than `count` different z-points."""

    def prepare_with(self, reference: Source, context: Context) -> Frame:
        """Fit the principal components to the reference; settle colors and number of z-points.

        Raises
        ------
        MissingDependencyError
            If the library is not installed.
        OptionError
            If the source has nothing of the name that `color` gives.
        AnalysisError
            If there are too few different z-points.
        """
        library = installed_version(self.library, self.package, self.method)
        color = color_name(reference, self.options.color, self.name)
        batch, _ = draw(context, self._sample_size(reference))
        self._check(len(batch), reference.label)
        moments = second_moments(reference, context.seed)
        asked = 0 if self.options.components == "all" else int(self.options.components)
        _, directions = moments.components(max(asked, 2))
        values: dict[str, Any] = {
            "mean": moments.summary.mean, "directions": directions, "color": color,
            "components": min(asked, len(directions)), "points": len(batch),
            "library": library,
        }  # fmt: skip
        return Frame(values)

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        """Embed a seeded sample and measure what is left of its neighborhoods."""
        fields = frozenset({"z"}) | label_field(source, frame["color"])
        size = self._sample_size(source)
        batch, notes = draw(context, size, points=frame["points"], fields=fields)
        self._check(len(batch), source.label)
        centered = batch.z - frame["mean"].astype(np.float32)
        scores = centered @ frame["directions"].T
        space = scores[:, : frame["components"]] if frame["components"] else centered
        page, scalars = self.embed(
            np.ascontiguousarray(space, np.float32),
            start_of(scores, context.rng),
            seed=context.seed % 2**32,
            report=partial(context.progress, f"{self.name} of {source.label}"),
        )
        if not np.isfinite(page).all():
            raise AnalysisError(
                f"finite places on the {self.method} page of {source.label}",
                found="NaN or infinity",
                next_step="scale the z-points to standard deviations near 1",
            )
        color, shown = color_values(batch, frame["color"])
        radius = np.linalg.norm(batch.z.astype(np.float64), axis=1).astype(np.float32)
        values = {
            "n": len(batch), **measure(centered, page, context.rng), **scalars,
            "colored_by": color, "embedding": np.asarray(page, np.float32), "radius": radius,
            "color": shown,
        }  # fmt: skip
        notes += self._notes(frame)
        return Values(values, sample_size=len(batch), notes=notes, rows=batch.rows)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say how much of the neighborhoods is on the page, and what was left out."""
        data = results.data
        text = (
            f"{_kept(data)} of each z-point's {data['k']} nearest neighbors in latent space are "
            f"still among its {data['k']} nearest on the {self.method} page of {data['n']:,} "
            f"z-points of {results.reference}; trustworthiness {data['trustworthiness']:.3f}."
        )
        others = [f"{label} {_kept(result)}" for label, result in beside(results).items()]
        text += f" Drawn the same way: {'; '.join(others)}." if others else ""
        numbers = {name: data[name] for name in ("knn_preservation", "trustworthiness", "n")}
        yield Finding("note", f"{text} {REMINDER}", numbers)
        for label, result in results.results.items():
            for note in result.notes:
                if note.startswith(("left out", "components")):
                    yield Finding("note", f"{label}: {note}.")

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw the pages of data, shown sources and one draw of each null side by side."""
        yield draw_pages(results, self.name, self.method)

    def _sample_size(self, source: Source) -> int:
        return source.count if self.options.sample == "all" else int(self.options.sample)

    def _check(self, count: int, label: str) -> None:
        if count < LEAST_POINTS:
            raise AnalysisError(
                f"at least {LEAST_POINTS} different z-points of {label} for a page",
                found=f"{count}",
                next_step="check that the encoder's output depends on its input",
            )
        self.check_size(count, label)

    def _notes(self, frame: Frame) -> Iterable[str]:
        used = frame["components"]
        if used:
            yield f"embedded: the first {used} principal components of the reference"
        if used and used < self.options.components:
            yield f"components: {self.options.components} asked for, {used} have a variance"


def installed_version(library: str, package: str, purpose: str) -> str:
    """Return name and version of an installed library without importing it.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        if find_spec(library) is None:
            raise missing_dependency(package, "embed", purpose)
        return f"{package} {version(package)}"
    except PackageNotFoundError as error:
        raise missing_dependency(package, "embed", purpose) from error


def start_of(scores: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return scores on the first two components, root mean square 1, with a little noise.

    Starting there keeps the large-scale arrangement and makes pages of different sources
    comparable (Kobak & Berens 2019; Kobak & Linderman 2021).
    """
    start = np.zeros((len(scores), 2))
    start[:, : scores.shape[1]] = scores[:, :2]
    start -= start.mean(axis=0)
    scale = np.sqrt((start**2).mean())
    if scale > 0:
        start /= scale
    return start + JITTER * rng.standard_normal(start.shape)


def _kept(result: Result) -> str:
    return f"{100 * result['knn_preservation']:.1f} %"
