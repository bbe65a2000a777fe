"""The analysis `umap`: what neighborhoods look like on a page, by UMAP."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, PositiveInt

from latent_analyze.plugin import AnalysisError
from latent_analyze_plugins.embedding.base import Embedding, EmbeddingOptions, Report


class UmapOptions(EmbeddingOptions):
    """Options of `Umap`."""

    model_config = ConfigDict(allow_inf_nan=False)

    n_neighbors: int = Field(
        15, ge=2, description="size of the neighborhoods, z-points; below the size of the sample"
    )
    min_dist: float = Field(
        0.1, ge=0, le=1, description="how near z-points may come to each other, units of the page"
    )
    epochs: PositiveInt | Literal["auto"] = Field(
        "auto", description="passes over the neighbors; auto: 500 up to 10,000 z-points, else 200"
    )


class Umap(Embedding):
    """What do neighborhoods look like on a page? UMAP of a seeded sample, beside its null.

    Uniform manifold approximation and projection (McInnes, Healy & Melville 2018) by umap-learn, in
    one thread and with a seed, so that the same sample gives the same page. It begins at the first
    two principal components of the reference: spectral starts say no more (Kobak & Linderman 2021),
    and these lie alike for data and null.

    Distances on the page, sizes of islands and gaps between them are not distances in latent space.
    What the page shows is worth something only where the null, drawn the same way, looks different.
    """

    name = "umap"
    title = "Neighborhoods on a page: UMAP"
    Options = UmapOptions
    library, package, method = "umap", "umap-learn", "UMAP"

    def check_size(self, count: int, label: str) -> None:
        """Raise AnalysisError unless there are more z-points than neighbors."""
        if self.options.n_neighbors < count:
            return
        raise AnalysisError(
            f"umap.n_neighbors below the {count} different z-points of {label}",
            found=f"{self.options.n_neighbors}",
            next_step=f"lower it: umap:n_neighbors={max(count // 3, 2)}",
        )

    def embed(
        self, space: NDArray[np.float32], start: NDArray[np.float64], *, seed: int, report: Report
    ) -> tuple[NDArray[Any], Mapping[str, float]]:
        """Run UMAP."""
        options = self.options
        report(0, 1)
        umap = load_umap().UMAP(
            n_neighbors=options.n_neighbors,
            min_dist=options.min_dist,
            n_epochs=None if options.epochs == "auto" else options.epochs,
            init=start.astype(np.float32),
            random_state=seed,
            n_jobs=1,
        )
        page = umap.fit_transform(space)
        report(1, 1)
        return np.asarray(page), {}


def load_umap() -> Any:
    """Import umap-learn, but not TensorFlow along with it.

    umap-learn imports TensorFlow wherever it is installed, for a variant that is not used here:
    ten seconds, and lines on stderr in the middle of the progress bars.
    """
    with _without("tensorflow"):
        return import_module("umap")


@contextmanager
def _without(module: str) -> Iterator[None]:
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]
