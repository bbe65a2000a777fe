"""What is known of an ONNX file, as plain data for people to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latent_analyze_adapters.onnx_model import Half


def describe_half(half: Half) -> dict[str, Any]:
    """Return file, graph and plan of an encoder or decoder."""
    file, plan, graph = half.file, half.plan, half.graph
    return {
        "file": file.path.name,
        "bytes": file.size,
        "sha256": file.sha256,
        "weights beside it": list(file.external),
        "opset": file.opset,
        "producer": file.producer,
        "inputs": [str(t) for t in graph.inputs],
        "outputs": [str(t) for t in graph.outputs],
        "used outputs": list(plan.outputs),
        "layout": plan.side.layout,
        "range": list(plan.side.range),
        "batch": plan.batch or "free",
    }
