"""Finds what the noise of a draw is multiplied by, and so the log_var of the posterior."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze_adapters.runtimes.onnx.safety.static_check import text
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex, op

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from onnx import NodeProto

    from latent_analyze.plugin import Spread


PASSING = frozenset({"Identity", "Reshape", "Cast", "Flatten", "Squeeze", "Unsqueeze", "Dropout"})
"""Operators that pass on their first input."""

FLOAT_TYPES = (1, 10, 11)
"""FLOAT, FLOAT16 and DOUBLE of TensorProto.DataType."""


def find_std(index: GraphIndex, noise: str, random: AbstractSet[str]) -> str | None:
    """Return what standard normal noise is multiplied by.

    None for other noise, for more than one factor, because the standard deviation is then their
    product, and for a constant, which cannot be an output of the encoder.
    """
    std, node = None, index.producer(_skip_passing(index, noise))
    while node is not None and op(node) not in ("RandomNormal", "RandomNormalLike"):
        names = [text(name) for name in node.input]
        fixed = [name for name in names if name not in random]
        if len(names) != 2 or len(fixed) != 1:
            return None
        operator = op(node)
        if not _is_neutral(index, operator, fixed[0]):
            if operator != "Mul" or std is not None or not index.required_inputs(fixed):
                return None
            std = fixed[0]
        (drawn,) = set(names) - set(fixed)
        node = index.producer(_skip_passing(index, drawn))
    return std if node is not None and _is_standard(node) else None


def parameter_of(index: GraphIndex, std: str) -> tuple[str, Spread]:
    """Return the tensor that a standard deviation is computed from, and what it holds."""
    node = index.producer(_skip_passing(index, std))
    operator = "" if node is None else op(node)
    if node is None or operator not in ("Exp", "Sqrt", "Pow"):
        return std, "std"
    inner = _skip_passing(index, text(node.input[0]))
    if operator == "Exp":
        halved = _half_of(index, inner)
        return (halved, "log_var") if halved else (std, "std")
    if operator == "Pow" and not _is_constant(index, text(node.input[1]), 0.5):
        return std, "std"
    producer = index.producer(inner)
    if producer is not None and op(producer) == "Exp":
        return text(producer.input[0]), "log_var"
    return inner, "variance"


def _is_neutral(index: GraphIndex, operator: str, name: str) -> bool:
    """Whether an operator with this constant leaves its other input unchanged."""
    neutral = {"Mul": 1.0, "Add": 0.0}.get(operator)
    return neutral is not None and _is_constant(index, name, neutral)


def _is_standard(node: NodeProto) -> bool:
    given = {text(a.name): a.f for a in node.attribute}
    return given.get("mean", 0.0) == 0.0 and given.get("scale", 1.0) == 1.0


def _half_of(index: GraphIndex, name: str) -> str | None:
    """Return x if the tensor is x / 2."""
    node = index.producer(name)
    if node is None or op(node) not in ("Mul", "Div"):
        return None
    first, second = (text(n) for n in node.input)
    if op(node) == "Div":
        return first if _is_constant(index, second, 2.0) else None
    pairs = ((first, second), (second, first))
    return next((x for x, factor in pairs if _is_constant(index, factor, 0.5)), None)


def _is_constant(index: GraphIndex, name: str, value: float) -> bool:
    """Whether a tensor is a constant that holds this number only."""
    from onnx import numpy_helper

    name = _skip_passing(index, name)
    node, tensor = index.producer(name), index.constants.get(name)
    if node is not None and op(node) in ("Constant", "ConstantOfShape"):
        tensor = next((a.t for a in node.attribute if text(a.name) == "value"), None)
        if tensor is None and op(node) == "ConstantOfShape":
            return value == 0.0
    # An untrusted file must not make us read external values here.
    if tensor is None or tensor.external_data or tensor.data_type not in FLOAT_TYPES:
        return False
    values = numpy_helper.to_array(tensor)
    return values.size > 0 and bool(np.isclose(values, value).all())


def _skip_passing(index: GraphIndex, name: str) -> str:
    """Return the tensor that is passed on as this one."""
    node = index.producer(name)
    while node is not None and op(node) in PASSING and node.input:
        name = text(node.input[0])
        node = index.producer(name)
    return name
