"""Finds the inputs of a graph that take noise: exports without random operators have them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from latent_analyze_adapters.models.graph import canonical
from latent_analyze_adapters.runtimes.onnx.safety.operators import text
from latent_analyze_adapters.runtimes.onnx.surgery.positive import positive_operator
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex, op, used_tensors
from latent_analyze_adapters.runtimes.onnx.surgery.values import PASSING, names_of

if TYPE_CHECKING:
    from onnx import NodeProto

NOISE_NAME = re.compile(r"(^|[^a-z])(eps|epsilon|noise|randn|random_normal)([^a-z]|$)")
FLOATS = (1, 10, 11, 16)
"""FLOAT, FLOAT16, DOUBLE and BFLOAT16 of TensorProto.DataType."""


def noise_inputs(index: GraphIndex) -> frozenset[str]:
    """Return the inputs that take noise.

    These are floating-point inputs, not the first one, that are only multiplied: by something of
    the graph that cannot be negative, or by anything if they are called eps, epsilon or noise.
    """
    given = [i for i in index.proto.graph.input if text(i.name) in index.inputs]
    floats = [text(i.name) for i in given[1:] if i.type.tensor_type.elem_type in FLOATS]
    return frozenset(name for name in floats if _takes_noise(index, name))


def _takes_noise(index: GraphIndex, name: str) -> bool:
    factors = _factors(index, name)
    if not factors:
        return False
    if NOISE_NAME.search(canonical(name)):
        return True
    return all(positive_operator(index, factor) and index.required_inputs([factor])
               for factor in factors)  # fmt: skip


def _factors(index: GraphIndex, name: str) -> list[str] | None:
    """Return what a tensor is multiplied by, or None if it is used in another way."""
    factors, waiting = [], [name]
    while waiting:
        name = waiting.pop()
        if name in index.outputs:
            return None
        for node in _users(index, name):
            if op(node) in PASSING and names_of(node)[:1] == [name]:
                waiting.append(text(node.output[0]))
            elif op(node) == "Mul" and len(set(names_of(node))) == 2:
                factors += [other for other in names_of(node) if other != name]
            elif op(node) != "Shape":
                return None
    return factors


def _users(index: GraphIndex, name: str) -> list[NodeProto]:
    return [node for node in index.nodes if name in used_tensors(node)]
