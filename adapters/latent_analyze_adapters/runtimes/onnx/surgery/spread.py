"""What the noise of a draw is multiplied with, and what the posterior's log_var is by that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from latent_analyze_adapters.runtimes.onnx.safety.static_check import text
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import Wiring, op

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

Spread = Literal["log_var", "variance", "std"]

SAME = frozenset({"Identity", "Reshape", "Cast", "Flatten", "Squeeze", "Unsqueeze", "Dropout"})
"""Operators that hand on their first input."""


def find_std(wiring: Wiring, noise: str, random: AbstractSet[str]) -> str | None:
    """Return what standard normal noise is multiplied with.

    None for other noise, for more than one factor, and for a constant: that is no output of the
    encoder, and a factor beside the standard deviation would make a wrong one of it.
    """
    std, node = None, wiring.maker(_through(wiring, noise))
    while node is not None and op(node) not in ("RandomNormal", "RandomNormalLike"):
        names = [text(name) for name in node.input]
        fixed = [name for name in names if name not in random]
        if len(names) != 2 or len(fixed) != 1:
            return None
        operator = op(node)
        if not _is_neutral(wiring, operator, fixed[0]):
            if operator != "Mul" or std is not None or not wiring.needed(fixed):
                return None
            std = fixed[0]
        (drawn,) = set(names) - set(fixed)
        node = wiring.maker(_through(wiring, drawn))
    return std if node is not None and _is_standard(node) else None


def untangle(wiring: Wiring, std: str) -> tuple[str, Spread]:
    """Return the tensor from which a standard deviation is computed, and what it holds."""
    node = wiring.maker(_through(wiring, std))
    operator = "" if node is None else op(node)
    if node is None or operator not in ("Exp", "Sqrt", "Pow"):
        return std, "std"
    inner = _through(wiring, text(node.input[0]))
    if operator == "Exp":
        halved = _half_of(wiring, inner)
        return (halved, "log_var") if halved else (std, "std")
    if operator == "Pow" and not _is(wiring, text(node.input[1]), 0.5):
        return std, "std"
    maker = wiring.maker(inner)
    if maker is not None and op(maker) == "Exp":
        return text(maker.input[0]), "log_var"
    return inner, "variance"


def _is_neutral(wiring: Wiring, operator: str, name: str) -> bool:
    """Whether noise stays as it is by an operator with this constant."""
    neutral = {"Mul": 1.0, "Add": 0.0}.get(operator)
    return neutral is not None and _is(wiring, name, neutral)


def _is_standard(node: Any) -> bool:
    given = {text(a.name): a.f for a in node.attribute}
    return given.get("mean", 0.0) == 0.0 and given.get("scale", 1.0) == 1.0


def _half_of(wiring: Wiring, name: str) -> str | None:
    """Return x if the tensor is x / 2."""
    node = wiring.maker(name)
    if node is None or op(node) not in ("Mul", "Div"):
        return None
    first, second = (text(n) for n in node.input)
    if op(node) == "Div":
        return first if _is(wiring, second, 2.0) else None
    pairs = ((first, second), (second, first))
    return next((x for x, factor in pairs if _is(wiring, factor, 0.5)), None)


def _is(wiring: Wiring, name: str, value: float) -> bool:
    """Whether a tensor is a constant that holds one number only, and this one."""
    from onnx import numpy_helper

    node = wiring.maker(_through(wiring, name))
    tensor = wiring.constants.get(_through(wiring, name))
    if node is not None and op(node) in ("Constant", "ConstantOfShape"):
        tensor = next((a.t for a in node.attribute if text(a.name) == "value"), None)
        if tensor is None and op(node) == "ConstantOfShape":
            return value == 0.0
    # A stranger's constant may lie beside the file: its values are not needed here.
    if tensor is None or tensor.external_data or tensor.data_type not in (1, 10, 11):
        return False
    values = numpy_helper.to_array(tensor)
    return values.size > 0 and bool(np.isclose(values, value).all())


def _through(wiring: Wiring, name: str) -> str:
    """Return the tensor that is handed on as this one."""
    node = wiring.maker(name)
    while node is not None and op(node) in SAME and node.input:
        name = text(node.input[0])
        node = wiring.maker(name)
    return name
