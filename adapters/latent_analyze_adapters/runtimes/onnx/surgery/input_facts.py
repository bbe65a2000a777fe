"""Finds the value range of images by what a graph computes from them first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze_adapters.runtimes.onnx.safety.operators import text
from latent_analyze_adapters.runtimes.onnx.surgery.sampling import SHAPE_ONLY
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex, op, used_tensors
from latent_analyze_adapters.runtimes.onnx.surgery.values import PASSING, constant_of, names_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto

    Floats = NDArray[np.float64]

UINT8 = 2
"""UINT8 of TensorProto.DataType."""

LINEAR = frozenset({"Add", "Sub", "Mul", "Div"})
MAX_STEPS = 16
MAX_CHANNELS = 4
FEW = 0.02
"""Smallest standard deviation of a channel that is divided by, as a part of the range."""


@dataclass(frozen=True)
class InputFact:
    """The value range of an input, and what shows it, in a short phrase."""

    range: tuple[float, float]
    why: str


def input_fact(index: GraphIndex, name: str | None = None) -> InputFact | None:
    """Return the value range of an input, the first one by default, or None if nothing shows it.

    Graphs show it by the numbers that they subtract and divide by before anything else, such as
    255, or the mean and standard deviation of each channel.
    """
    given = [i for i in index.proto.graph.input if text(i.name) in index.inputs]
    info = next((i for i in given if name in (None, text(i.name))), None)
    if info is None:
        return None
    if info.type.tensor_type.elem_type == UINT8:
        return InputFact((0.0, 255.0), f"{text(info.name)} holds uint8")
    scaling = _scaling(index, text(info.name))
    if scaling is None:
        return None
    mean, std = scaling
    span = _range_of(mean, std)
    return None if span is None else InputFact(span, f"the graph starts with {_words(mean, std)}")


def _scaling(index: GraphIndex, name: str) -> tuple[Floats, Floats] | None:
    """Return m and s if the graph turns an input x into (x - m) / s before anything else."""
    factor, shift = np.ones(1), np.zeros(1)
    for _ in range(MAX_STEPS):
        node = _only_user(index, name)
        if node is None or not node.output:
            break
        if op(node) in PASSING | {"Transpose"} and names_of(node)[:1] == [name]:
            name = text(node.output[0])
            continue
        step = _step(index, node, name)
        if step is None:
            break
        with np.errstate(all="ignore"):
            factor, shift = factor * step[0], shift * step[0] + step[1]
        name = text(node.output[0])
    if not np.isfinite([*factor, *shift]).all() or (factor == 0).any():
        return None
    return None if (factor == 1).all() and (shift == 0).all() else (-shift / factor, 1 / factor)


def _step(index: GraphIndex, node: NodeProto, name: str) -> tuple[Floats, Floats] | None:
    """Return a and b if a node turns x into a * x + b, with few numbers."""
    names = names_of(node)
    if op(node) not in LINEAR or len(names) != 2 or names[0] == names[1]:
        return None
    first = names[0] == name
    values = constant_of(index, names[1] if first else names[0])
    if values is None or not values.size:
        return None
    number = values.ravel()
    number = number[:1] if (number == number[0]).all() else number
    if len(number) > MAX_CHANNELS:
        return None
    one, zero = np.ones(1), np.zeros(1)
    with np.errstate(all="ignore"):
        return {
            "Add": (one, number), "Mul": (number, zero),
            "Sub": (one, -number) if first else (-one, number),
            "Div": (1 / number, zero) if first else None,
        }[op(node)]  # fmt: skip


def _only_user(index: GraphIndex, name: str) -> NodeProto | None:
    """Return the node that uses the values of a tensor, if there is one only."""
    if name in index.outputs:
        return None
    users = [n for n in index.nodes if op(n) not in SHAPE_ONLY and name in used_tensors(n)]
    return users[0] if len(users) == 1 else None


def _range_of(mean: Floats, std: Floats) -> tuple[float, float] | None:
    """Return the range that becomes centered or of unit size by (x - mean) / std."""
    if np.allclose(mean, -1) and np.allclose(std, 2):
        return (-1.0, 1.0)
    if _is_inside(mean, std, 255.0) and (std.min() > 1.5 or mean.min() > 1.5):
        return (0.0, 255.0)
    if np.allclose(mean, 0) and np.allclose(std, 1 / 255, rtol=0.01):
        return (0.0, 1.0)
    centered = bool((mean > 0).all())
    return (0.0, 1.0) if centered and _is_inside(mean, std, 1.0) else None


def _is_inside(mean: Floats, std: Floats, top: float) -> bool:
    whole = np.allclose(mean, 0) and np.allclose(std, top, rtol=0.01)
    inside = (mean > 0).all() and (mean < top).all() and (std <= 1.01 * top).all()
    spread = (std >= FEW * top).all() or np.allclose(std, 1)
    return bool(whole or (inside and spread))


def _words(mean: Floats, std: Floats) -> str:
    """Return (x - m) / s in words, without what changes nothing."""
    centered = "x" if np.allclose(mean, 0) else f"(x - {_numbers(mean)})"
    if np.allclose(std, 1):
        return centered.strip("()")
    if std.max() < 0.5 and len(std) == 1 and np.allclose(mean, 0):
        return f"{centered} * {_numbers(1 / std)}"
    return f"{centered} / {_numbers(std)}"


def _numbers(values: Floats) -> str:
    texts = [f"{value:.4g}" for value in values]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
