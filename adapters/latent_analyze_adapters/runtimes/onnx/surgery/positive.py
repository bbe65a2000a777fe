"""Finds the outputs that cannot be negative, such as standard deviations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze_adapters.runtimes.onnx.surgery.spread import root_of, softplus_of
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex, op
from latent_analyze_adapters.runtimes.onnx.surgery.values import (
    constant_of,
    names_of,
    skip_passing,
)

if TYPE_CHECKING:
    from onnx import NodeProto

POSITIVE = frozenset({"Exp", "Softplus", "Sqrt", "Abs"})
MAX_STEPS = 16
"""Operators between an output and the one that makes it positive."""


def positive_outputs(index: GraphIndex) -> dict[str, str]:
    """Return the outputs that cannot be negative, with the operator that makes them so."""
    found = ((name, positive_operator(index, name)) for name in index.outputs)
    return {name: operator for name, operator in found if operator}


def positive_operator(index: GraphIndex, name: str) -> str:
    """Return the operator that makes a tensor positive, or an empty string."""
    for _ in range(MAX_STEPS):
        name = skip_passing(index, name, same_type=True)
        node = index.producer(name)
        if node is None:
            return ""
        found = _makes_positive(index, node, name)
        if found:
            return found
        kept = _keeps_positive(index, node)
        if kept is None:
            return ""
        name = kept
    return ""


def _makes_positive(index: GraphIndex, node: NodeProto, name: str) -> str:
    if op(node) in POSITIVE:
        return op(node)
    if softplus_of(index, name) is not None:
        return "Softplus"
    names = names_of(node)
    if op(node) == "Mul" and len(set(names)) == 1:
        return "Square"
    if op(node) != "Pow":
        return ""
    if root_of(index, name) is not None:
        return "Sqrt"
    power, base = constant_of(index, names[1]), constant_of(index, names[0])
    if power is not None and power.size and bool((power % 2 == 0).all()):
        return "Square"
    return "Exp" if base is not None and bool((base > 0).all()) else ""


def _keeps_positive(index: GraphIndex, node: NodeProto) -> str | None:
    """Return x if a node rearranges or limits x, or adds or multiplies a positive constant."""
    names = names_of(node)
    if op(node) in ("Clip", "Transpose", "Expand", "Sqrt"):
        return names[0]
    if op(node) not in ("Add", "Mul", "Div"):
        return None
    for kept, other in (names, names[::-1])[: 1 if op(node) == "Div" else 2]:
        number = constant_of(index, other)
        if number is not None and bool((number > 0).all()):
            return kept
    return None
