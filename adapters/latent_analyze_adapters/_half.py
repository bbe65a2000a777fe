"""One half of a model: an encoder or decoder as it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latent_analyze_adapters.graph import Graph, Plan
    from latent_analyze_adapters.session import ModelFile


@dataclass(frozen=True)
class Half:
    """An encoder or decoder: its file, its graph and how it is called."""

    file: ModelFile
    graph: Graph
    plan: Plan

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
