"""One half of a model: an encoder or decoder as it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from latent_analyze.plugin import DecoderSpec, EncoderSpec
    from latent_analyze_adapters.models.graph import Graph
    from latent_analyze_adapters.models.plan import Plan
    from latent_analyze_adapters.models.session import ModelFile


MAX_BATCH = 256
BATCH_VALUES = 1 << 24
"""Values of the images of one call: 64 MiB of float32; speed is flat from 8 rows on."""


@dataclass(frozen=True)
class Half:
    """An encoder or decoder: its file, its graph and how it is called.

    `given` is what was stated when it was opened, and `row` the shape of one row of the input,
    where model.toml states it.
    """

    file: ModelFile
    graph: Graph
    plan: Plan
    given: EncoderSpec | DecoderSpec
    row: tuple[int, ...] | None

    def describe(self) -> dict[str, Any]:
        """Return what is known of it, as plain data for people to read."""
        file, plan = self.file, self.plan
        return {
            "file": file.path.name,
            "bytes": file.size,
            "sha256": file.sha256,
            **file.facts,
            "producer": file.producer,
            "inputs": [str(t) for t in self.graph.inputs],
            "outputs": [str(t) for t in self.graph.outputs],
            "used outputs": list(plan.outputs),
            "layout": plan.side.layout,
            "range": list(plan.side.range),
            "batch": plan.batch or "free",
        }


def columns_of(encoder: Half | None) -> tuple[str, ...]:
    """Return the labels of the data set that an encoder takes."""
    constants = encoder.plan.constants if encoder else ()
    return tuple(dict.fromkeys(c.column for c in constants if c.column is not None))


def suitable_batch(plans: Sequence[Plan]) -> int:
    """Return how many rows per call suit all halves."""
    size = max(int(np.prod(plan.side.shape)) for plan in plans)
    rows = min(max(BATCH_VALUES // max(size, 1), 1), MAX_BATCH)
    fixed = plans[0].batch or 1
    return max(rows // fixed, 1) * fixed


def to_log_var(spread: NDArray[np.float32], kind: str) -> NDArray[np.float32]:
    """Return log_var from what a file gives instead: log_var, variance or std."""
    if kind == "log_var":
        return spread
    power = 2 if kind == "std" else 1
    return power * np.log(np.maximum(spread, np.finfo(np.float32).tiny))
