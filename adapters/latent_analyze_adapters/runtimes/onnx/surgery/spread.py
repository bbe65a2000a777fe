"""Finds what the noise of a draw is multiplied by, and what the tensors it comes from hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze_adapters.runtimes.onnx.safety.operators import text
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex, op
from latent_analyze_adapters.runtimes.onnx.surgery.values import (
    PASSING,
    is_constant,
    names_of,
    skip_passing,
)

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from onnx import NodeProto

    from latent_analyze.plugin import Spread

    Parameters = tuple[tuple[str, Spread], ...]
MAX_FACTORS = 64
"""Operators between noise and what it is added to."""


def find_std(
    index: GraphIndex, noise: str, random: AbstractSet[str], given: AbstractSet[str] = frozenset()
) -> str | None:
    """Return what standard normal noise is multiplied by.

    `given` are the inputs that take noise. None for other noise, for more than one factor, because
    the standard deviation is then their product, and for a constant, which cannot be an output of
    the encoder.
    """
    std, name = None, skip_passing(index, noise)
    # A damaged graph may lead back to where it began.
    for _ in range(MAX_FACTORS):
        if name in given:
            return std
        node = index.producer(name)
        if node is None:
            return None
        if op(node) in ("RandomNormal", "RandomNormalLike"):
            return std if _is_standard(node) else None
        names = names_of(node)
        fixed = [name for name in names if name not in random]
        if len(names) != 2 or len(fixed) != 1:
            return None
        if not _is_neutral(index, op(node), fixed[0]):
            if op(node) != "Mul" or std is not None or not index.required_inputs(fixed):
                return None
            std = fixed[0]
        (drawn,) = set(names) - set(fixed)
        name = skip_passing(index, drawn)
    return None


def parameters_of(index: GraphIndex, std: str, *, expanded: bool = False) -> Parameters:
    """Return the tensors that a standard deviation is computed from, and what each holds.

    The first is the standard deviation itself, the last the one it is computed from. `expanded`
    states that an Expand changes no shape.
    """
    found: list[tuple[str, Spread]] = [(std, "std")]
    inner = skip_passing(index, std, PASSING | {"Expand"} if expanded else PASSING)
    variance, exponent = root_of(index, inner), exponent_of(index, inner)
    before = softplus_of(index, inner)
    if inner != skip_passing(index, std):
        found.append((inner, "std"))
    if variance is not None:
        found.append((variance, "variance"))
        logarithm = exponent_of(index, skip_passing(index, variance))
        found += [(logarithm, "log_var")] if logarithm else []
    elif exponent is not None:
        found.append((exponent, "log_std"))
        doubled = _half_of(index, skip_passing(index, exponent))
        found += [(doubled, "log_var")] if doubled else []
    elif before is not None:
        found.append((before, "softplus"))
    return tuple(found)


def root_of(index: GraphIndex, name: str) -> str | None:
    """Return x if the tensor is the square root of x."""
    node = index.producer(name)
    if node is None or op(node) not in ("Sqrt", "Pow"):
        return None
    if op(node) == "Pow" and not is_constant(index, text(node.input[1]), 0.5):
        return None
    return text(node.input[0])


def exponent_of(index: GraphIndex, name: str) -> str | None:
    """Return x if the tensor is e to the power of x."""
    node = index.producer(name)
    if node is None or op(node) not in ("Exp", "Pow"):
        return None
    if op(node) == "Pow":
        names = names_of(node)
        return names[1] if is_constant(index, names[0], float(np.e)) else None
    return text(node.input[0])


def softplus_of(index: GraphIndex, name: str) -> str | None:
    """Return x if the tensor is log(1 + exp(x)), however it is written."""
    node = index.producer(name)
    if node is None:
        return None
    if op(node) == "Softplus":
        return text(node.input[0])
    if op(node) == "Where":
        # PyTorch: where(x > 20, x, softplus(x)).
        _, large, small = names_of(node)
        found = softplus_of(index, skip_passing(index, small))
        same = found and skip_passing(index, found) == skip_passing(index, large)
        return found if same else None
    total = index.producer(skip_passing(index, text(node.input[0]))) if op(node) == "Log" else None
    if total is None or op(total) != "Add":
        return None
    first, second = names_of(total)
    pairs = ((first, second), (second, first))
    power = next((x for x, one in pairs if is_constant(index, one, 1.0)), None)
    return None if power is None else exponent_of(index, skip_passing(index, power))


def _is_neutral(index: GraphIndex, operator: str, name: str) -> bool:
    """Whether an operator with this constant leaves its other input unchanged."""
    neutral = {"Mul": 1.0, "Add": 0.0}.get(operator)
    return neutral is not None and is_constant(index, name, neutral)


def _is_standard(node: NodeProto) -> bool:
    given = {text(a.name): a.f for a in node.attribute}
    return given.get("mean", 0.0) == 0.0 and given.get("scale", 1.0) == 1.0


def _half_of(index: GraphIndex, name: str) -> str | None:
    """Return x if the tensor is x / 2."""
    node = index.producer(name)
    if node is None or op(node) not in ("Mul", "Div"):
        return None
    first, second = names_of(node)
    if op(node) == "Div":
        return first if is_constant(index, second, 2.0) else None
    pairs = ((first, second), (second, first))
    return next((x for x, factor in pairs if is_constant(index, factor, 0.5)), None)
