"""Tensors that a graph has not: the mean and the standard deviation of what becomes of a drawn z.

They are named after the tensor, "mean of NAME" and "std of NAME", so that model.toml can name them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latent_analyze_adapters.runtimes.onnx.safety.static_check import text
from latent_analyze_adapters.runtimes.onnx.surgery.sampling import Drawn, Draws
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import Wiring, op

if TYPE_CHECKING:
    from collections.abc import Iterable

MEAN, STD = "mean of ", "std of "


def has_std(wiring: Wiring, drawn: Drawn) -> bool:
    """Whether the standard deviation of what is behind a draw can be computed."""
    sampling = drawn.sampling
    noises = (text(name) for name in wiring.maker(sampling.z).input if name != sampling.mu)
    node = wiring.maker(next(noises))
    # A rearrangement in between would be one that the standard deviation has not gone through.
    return node is not None and sampling.std in [text(name) for name in node.input]


def with_moments(wiring: Wiring, names: Iterable[str]) -> Wiring:
    """Return a graph that also makes those of the tensors that are moments of others."""
    nodes = []
    for name in names:
        prefix = next((p for p in (MEAN, STD) if name.startswith(p)), None)
        if prefix is None or wiring.holds(name) or name in wiring.inputs:
            continue
        drawn = Draws(wiring).reach(name.removeprefix(prefix))
        if drawn is not None and (prefix == MEAN or has_std(wiring, drawn)):
            nodes += (_mean if prefix == MEAN else _std)(wiring, drawn, name)
    return wiring.extended(nodes)


def _mean(wiring: Wiring, drawn: Drawn, name: str) -> list[Any]:
    from onnx import helper

    nodes, end = _repeated(wiring, drawn.behind, drawn.sampling.mu, name)
    return [*nodes, helper.make_node("Identity", [end], [name])]


def _std(wiring: Wiring, drawn: Drawn, name: str) -> list[Any]:
    """Send the standard deviation the way of z: scales change it, shifts do not."""
    from onnx import helper

    shape, full = f"{name}/shape", f"{name}/full"
    nodes = [
        helper.make_node("Shape", [drawn.sampling.mu], [shape]),
        helper.make_node("Expand", [drawn.sampling.std, shape], [full]),
    ]
    kept = tuple(node for node in drawn.behind if op(node) not in ("Add", "Sub"))
    more, end = _repeated(wiring, kept, full, name)
    return [*nodes, *more, helper.make_node("Abs", [end], [name])]


def _repeated(
    wiring: Wiring, behind: Iterable[Any], start: str, name: str
) -> tuple[list[Any], str]:
    """Return copies of nodes that follow each other, beginning at another tensor, and the last."""
    from onnx import helper

    nodes, draws = [], Draws(wiring)
    for number, node in enumerate(behind):
        taken, made = draws.taken(text(node.output[0])), f"{name}/{number}"
        inputs = [start if text(n) == taken else text(n) for n in node.input]
        copy = helper.make_node(op(node), inputs, [made])
        copy.attribute.extend(node.attribute)
        nodes.append(copy)
        start = made
    return nodes, start
