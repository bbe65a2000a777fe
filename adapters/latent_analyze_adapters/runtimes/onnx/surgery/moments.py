"""Adds tensors to a graph: mean and standard deviation of an output that is computed from a draw.

They are called "mean of NAME" and "std of NAME", so that model.toml can name them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze_adapters.runtimes.onnx.safety.operators import text
from latent_analyze_adapters.runtimes.onnx.surgery.sampling import DrawnOutput, Draws
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex, op

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnx import NodeProto

MEAN, STD = "mean of ", "std of "


def has_std(index: GraphIndex, drawn: DrawnOutput) -> bool:
    """Whether the standard deviation of an output can be computed."""
    draw = drawn.draw
    adder = index.producer(draw.z)
    assert adder is not None
    noises = (text(name) for name in adder.input if name != draw.mu)
    node = index.producer(next(noises))
    # The standard deviation would miss a rearrangement between the product and the sum.
    return node is not None and draw.std in [text(name) for name in node.input]


def with_moments(index: GraphIndex, names: Iterable[str]) -> GraphIndex:
    """Return a graph that also computes those of the tensors that are moments of others."""
    nodes = []
    for name in names:
        prefix = next((p for p in (MEAN, STD) if name.startswith(p)), None)
        if prefix is None or index.produces(name) or name in index.inputs:
            continue
        drawn = Draws(index).behind(name.removeprefix(prefix))
        if drawn is not None and (prefix == MEAN or has_std(index, drawn)):
            nodes += (_mean if prefix == MEAN else _std)(index, drawn, name)
    return index.with_nodes(nodes)


def _mean(index: GraphIndex, drawn: DrawnOutput, name: str) -> list[NodeProto]:
    from onnx import helper

    nodes, last = _repeat(index, drawn.after, drawn.draw.mu, name)
    return [*nodes, helper.make_node("Identity", [last], [name])]


def _std(index: GraphIndex, drawn: DrawnOutput, name: str) -> list[NodeProto]:
    """Transform the standard deviation as z is transformed, except by shifts."""
    from onnx import helper

    shape, full = f"{name}/shape", f"{name}/full"
    nodes = [
        helper.make_node("Shape", [drawn.draw.mu], [shape]),
        helper.make_node("Expand", [drawn.draw.std, shape], [full]),
    ]
    kept = tuple(node for node in drawn.after if op(node) not in ("Add", "Sub"))
    more, last = _repeat(index, kept, full, name)
    return [*nodes, *more, helper.make_node("Abs", [last], [name])]


def _repeat(
    index: GraphIndex, after: Iterable[NodeProto], start: str, name: str
) -> tuple[list[NodeProto], str]:
    """Return copies of consecutive nodes that begin at another tensor, and the last tensor."""
    from onnx import helper

    nodes, draws = [], Draws(index)
    for number, node in enumerate(after):
        source, result = draws.linear_source(text(node.output[0])), f"{name}/{number}"
        inputs = [start if text(n) == source else text(n) for n in node.input]
        copy = helper.make_node(op(node), inputs, [result])
        copy.attribute.extend(node.attribute)
        nodes.append(copy)
        start = result
    return nodes, start
