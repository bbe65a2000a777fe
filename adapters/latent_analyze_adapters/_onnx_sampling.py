"""Where a graph draws z: what mu and log_var are there, found by the structure around the noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from latent_analyze_adapters._onnx_parts import Wiring, used
from latent_analyze_adapters._onnx_safety import text

if TYPE_CHECKING:
    from collections.abc import Iterator

RANDOM = frozenset({
    "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial",
    "Bernoulli",
})  # fmt: skip
SAME = frozenset({"Identity", "Reshape", "Cast", "Flatten", "Squeeze", "Unsqueeze", "Dropout"})
"""Operators that hand on their first input."""

Spread = Literal["log_var", "variance", "std"]


@dataclass(frozen=True)
class Sampling:
    """z = mu + spread * noise: the names of the tensors, and what the spread's tensor holds."""

    z: str
    mu: str
    spread: str | None
    kind: Spread = "log_var"


def find_sampling(wiring: Wiring, output: str) -> Sampling | None:
    """Return how an output is drawn, or None if nothing random is in it or it is made otherwise.

    The reparametrization of Kingma & Welling (2014) is looked for: an addition of something that is
    drawn to something that is not, the last one before the output.
    """
    random = _random_tensors(wiring)
    if output not in random:
        return None
    for node in reversed(wiring.above([output])):
        names = [text(name) for name in node.input]
        if text(node.op_type) in ("Add", "Sum") and len(names) == 2:
            drawn = [name in random for name in names]
            if sum(drawn) == 1:
                mu, noise = names[drawn.index(False)], names[drawn.index(True)]
                if mu not in wiring.constants:
                    spread, kind = _spread(wiring, noise, random)
                    return Sampling(text(node.output[0]), mu, spread, kind)
    return None


def _random_tensors(wiring: Wiring) -> set[str]:
    """Return the tensors that something random has an influence on."""
    found: set[str] = set()
    for node in wiring.nodes:
        if text(node.op_type) in RANDOM or any(name in found for name in used(node)):
            found |= {text(name) for name in node.output}
    return found


def _spread(wiring: Wiring, noise: str, random: set[str]) -> tuple[str | None, Spread]:
    """Return what the noise is multiplied with, and what that is of the posterior."""
    node = wiring.maker(_through(wiring, noise))
    if node is None or text(node.op_type) != "Mul":
        return None, "log_var"
    names = [text(name) for name in node.input]
    fixed = [name for name in names if name not in random]
    if not fixed:
        inner = (_spread(wiring, name, random) for name in names)
        return next((found for found in inner if found[0]), (None, "log_var"))
    return _untangle(wiring, fixed[0])


def _untangle(wiring: Wiring, std: str) -> tuple[str | None, Spread]:
    """Return the tensor from which a standard deviation is computed, and what it holds."""
    node = wiring.maker(_through(wiring, std))
    operator = "" if node is None else text(node.op_type)
    if node is None or operator not in ("Exp", "Sqrt", "Pow"):
        # A constant spread is no output of the encoder.
        return (None if std in wiring.constants else std), "std"
    inner = _through(wiring, text(node.input[0]))
    if operator == "Exp":
        halved = _half_of(wiring, inner)
        return (halved, "log_var") if halved else (std, "std")
    if operator == "Pow" and not _is(wiring, text(node.input[1]), 0.5):
        return std, "std"
    maker = wiring.maker(inner)
    if maker is not None and text(maker.op_type) == "Exp":
        return text(maker.input[0]), "log_var"
    return inner, "variance"


def _half_of(wiring: Wiring, name: str) -> str | None:
    """Return x if the tensor is x / 2."""
    node = wiring.maker(name)
    if node is None or text(node.op_type) not in ("Mul", "Div"):
        return None
    first, second = (text(n) for n in node.input)
    if text(node.op_type) == "Div":
        return first if _is(wiring, second, 2.0) else None
    pairs = ((first, second), (second, first))
    return next((x for x, factor in pairs if _is(wiring, factor, 0.5)), None)


def _is(wiring: Wiring, name: str, value: float) -> bool:
    """Whether a tensor is one constant number, and this one."""
    return any(v.size == 1 and np.isclose(float(v.ravel()[0]), value) for v in _value(wiring, name))


def _value(wiring: Wiring, name: str) -> Iterator[Any]:
    from onnx import numpy_helper

    node = wiring.maker(_through(wiring, name))
    tensor = wiring.constants.get(name)
    if node is not None and text(node.op_type) == "Constant":
        tensor = next((a.t for a in node.attribute if text(a.name) == "value"), None)
    # A stranger's constant may lie beside the file: its values are not needed here.
    if tensor is not None and not tensor.external_data and tensor.data_type in (1, 10, 11):
        yield numpy_helper.to_array(tensor)


def _through(wiring: Wiring, name: str) -> str:
    """Return the tensor that is handed on as this one."""
    node = wiring.maker(name)
    while node is not None and text(node.op_type) in SAME and node.input:
        name = text(node.input[0])
        node = wiring.maker(name)
    return name
