"""Looks through operators that change no value, and reads constants in a graph."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze_adapters.runtimes.onnx.safety.operators import text
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex, op

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray
    from onnx import NodeProto, TensorProto

PASSING = frozenset({"Identity", "Reshape", "Cast", "Flatten", "Squeeze", "Unsqueeze", "Dropout"})
"""Operators that pass on their first input."""

NUMBER_TYPES = (1, 2, 3, 6, 7, 9, 10, 11)
"""FLOAT, UINT8, INT8, INT32, INT64, BOOL, FLOAT16 and DOUBLE of TensorProto.DataType."""

PLAIN_VALUES = {
    "value_float": "f", "value_floats": "floats", "value_int": "i", "value_ints": "ints",
}  # fmt: skip
"""Attributes of Constant that hold plain numbers, and their fields."""

LARGEST = 1 << 20
"""Values of the largest constant that is looked at."""


def skip_passing(
    index: GraphIndex, name: str, operators: AbstractSet[str] = PASSING, *, same_type: bool = False
) -> str:
    """Return the tensor that is passed on as this one.

    With `same_type`, not through casts to integers, which round.
    """
    # A damaged graph may lead back to where it began.
    for _ in index.nodes:
        node = index.producer(name)
        if node is None or op(node) not in operators or not node.input or _drops(index, node):
            break
        if same_type and op(node) == "Cast" and not _is_float_cast(node):
            break
        name = text(node.input[0])
    return name


def constant_of(index: GraphIndex, name: str) -> NDArray[np.float64] | None:
    """Return the values of a constant, or None if it is not one, or they are in another file."""
    name = skip_passing(index, name, {"Identity", "Cast"})
    node, tensor = index.producer(name), index.constants.get(name)
    if node is not None:
        plain = _plain_value(node)
        if plain is not None:
            return plain
        tensor = _attribute_tensor(node)
    return None if tensor is None else values_of(tensor)


def values_of(tensor: TensorProto) -> NDArray[np.float64] | None:
    """Return the values of a tensor, or None if it is large, damaged, or kept in another file."""
    from onnx import numpy_helper

    # An untrusted file must not make us read external values here.
    if tensor.external_data or tensor.data_type not in NUMBER_TYPES:
        return None
    if math.prod(tensor.dims) > LARGEST:
        return None
    try:
        values: NDArray[np.float64] = numpy_helper.to_array(tensor).astype(np.float64)
    except ValueError:
        return None
    return values


def is_constant(index: GraphIndex, name: str, value: float) -> bool:
    """Whether a tensor is a constant that holds this number only."""
    name = skip_passing(index, name)
    node = index.producer(name)
    if node is not None and op(node) == "ConstantOfShape":
        tensor = next((a.t for a in node.attribute if text(a.name) == "value"), None)
        if tensor is None:
            return value == 0.0
        return _holds(values_of(tensor), value)
    return _holds(constant_of(index, name), value)


def names_of(node: NodeProto) -> list[str]:
    """Return the names of the inputs of a node."""
    return [text(name) for name in node.input]


def integer_of(node: NodeProto, name: str) -> int:
    """Return an attribute that is a whole number; 0 if the node has none of that name."""
    return next((int(a.i) for a in node.attribute if text(a.name) == name), 0)


def _holds(values: NDArray[np.float64] | None, value: float) -> bool:
    return values is not None and values.size > 0 and bool(np.isclose(values, value).all())


def _drops(index: GraphIndex, node: NodeProto) -> bool:
    """Whether this is a dropout that may be in training mode."""
    if op(node) != "Dropout" or len(node.input) < 3 or not node.input[2]:
        return False
    mode = constant_of(index, text(node.input[2]))
    return mode is None or bool(mode.any())


def _is_float_cast(node: NodeProto) -> bool:
    return any(text(a.name) == "to" and a.i in (1, 10, 11, 16) for a in node.attribute)


def _plain_value(node: NodeProto) -> NDArray[np.float64] | None:
    """Return the value of a Constant that holds it as a plain number or list."""
    if op(node) != "Constant":
        return None
    for attribute in node.attribute:
        field = PLAIN_VALUES.get(text(attribute.name))
        if field is not None:
            return np.array(getattr(attribute, field), np.float64)
    return None


def _attribute_tensor(node: NodeProto) -> TensorProto | None:
    if op(node) != "Constant":
        return None
    return next((a.t for a in node.attribute if text(a.name) == "value"), None)
