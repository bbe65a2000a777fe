"""The analysis `tsne`: what neighborhoods look like on a page, by t-SNE."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from itertools import count
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from latent_analyze.plugin import AnalysisError
from latent_analyze_plugins.embedding.base import Embedding, EmbeddingOptions, Report

START_STD = 1e-4
"""Spread of the page to begin with: much larger, and the layout freezes (Kobak & Berens 2019)."""

EXACT_POINTS = 100_000
"""With more, neighbors are searched approximately (Annoy, 50 trees)."""

THREADED_POINTS = 2000
"""With fewer, threads wait for each other longer than they work."""

EXAGGERATED = 4
"""The first of so many parts of the iterations run with early exaggeration."""

EVERY = 50
"""Iterations between two reports of progress."""

LEAST_PERPLEXITY = 2.0


class TsneOptions(EmbeddingOptions):
    """Options of `Tsne`."""

    model_config = ConfigDict(allow_inf_nan=False)

    perplexity: float = Field(
        30.0,
        ge=LEAST_PERPLEXITY,
        description="size of the neighborhoods, z-points; below a third of the sample",
    )
    early_exaggeration: float = Field(
        12.0, ge=1, description="factor on the attraction during the first quarter of iterations"
    )
    iterations: int = Field(1000, ge=4, description="iterations in all")
    gradient: Literal["auto", "bh", "fft"] = Field(
        "auto",
        description="repulsion by Barnes-Hut trees (bh) or on a grid (fft); auto: bh below 10,000"
        " z-points",
    )


class Tsne(Embedding):
    """What do neighborhoods look like on a page? t-SNE of a seeded sample, beside its null.

    t-distributed stochastic neighbor embedding (van der Maaten & Hinton 2008) by openTSNE (Policar
    et al. 2024), with Barnes-Hut (van der Maaten 2014) or interpolated repulsion (Linderman et al.
    2019). It begins at the first two principal components of the reference, so nothing but the
    sample is random. Neighbors are exact up to 100,000 z-points.

    Distances on the page, sizes of islands and gaps between them are not distances in latent space.
    What the page shows is worth something only where the null, drawn the same way, looks different.
    """

    name = "tsne"
    title = "Neighborhoods on a page: t-SNE"
    Options = TsneOptions
    library, package, method = "openTSNE", "openTSNE", "t-SNE"

    def check_size(self, count: int, label: str) -> None:
        """Raise AnalysisError unless the perplexity is below a third of the z-points."""
        perplexity = self.options.perplexity
        if 3 * perplexity < count:
            return
        raise AnalysisError(
            f"tsne.perplexity below {count / 3:.4g}, a third of the {count} different z-points of"
            f" {label}",
            found=f"{perplexity:g}",
            next_step=_lower(count),
        )

    def embed(
        self, space: NDArray[np.float32], start: NDArray[np.float64], *, seed: int, report: Report
    ) -> tuple[NDArray[Any], Mapping[str, float]]:
        """Run t-SNE; the page is the same for any number of threads."""
        options, total = self.options, self.options.iterations
        early = total // EXAGGERATED
        done = count(EVERY, EVERY)
        tsne = import_module("openTSNE").TSNE(
            perplexity=options.perplexity,
            early_exaggeration=options.early_exaggeration,
            early_exaggeration_iter=early,
            n_iter=total - early,
            neighbors="exact" if len(space) <= EXACT_POINTS else "annoy",
            negative_gradient_method=options.gradient,
            callbacks=lambda *_: report(min(next(done), total), total),
            callbacks_every_iters=EVERY,
            random_state=seed,
            n_jobs=-1 if len(space) >= THREADED_POINTS else 1,
        )
        page = tsne.fit(space, initialization=START_STD * start)
        # Threads add the divergence up in any order: one of them does it once more.
        page.optimize(0, n_jobs=1, inplace=True)
        report(total, total)
        return np.asarray(page), {"kl_divergence": float(page.kl_divergence)}


def _lower(count: int) -> str:
    fitting = (count - 1) // 3
    if fitting < LEAST_PERPLEXITY:
        return "give a source with more different z-points"
    return f"lower it: tsne:perplexity={min(fitting, 10)}"
