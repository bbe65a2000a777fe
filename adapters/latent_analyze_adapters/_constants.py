"""Further inputs of a graph, a class label or a noise level, held constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze import DecoderSpec, EncoderSpec
    from latent_analyze_adapters.graph import Graph, Tensor


@dataclass(frozen=True)
class Constant:
    """An input that gets one value for every row."""

    tensor: Tensor
    value: tuple[float, ...]

    def fill(self, rows: int) -> NDArray[Any]:
        """Return the array for a batch of so many rows; a free first axis is the batch."""
        axes = self.tensor.shape
        shape = tuple(rows if length is None else length for length in axes)
        value = np.array(self.value, self.tensor.dtype)
        return np.broadcast_to(value if len(value) > 1 else value[0], shape).copy()


def further_inputs(
    graph: Graph, taken: Tensor, half: EncoderSpec | DecoderSpec
) -> tuple[Constant, ...]:
    """Return the inputs besides `taken`, with the values that model.toml states.

    Raises
    ------
    ModelError
        If a value is missing, does not fit, or is of no input; the message names the input.
    """
    others = {tensor.name: tensor for tensor in graph.inputs if tensor != taken}
    for name in half.constants.keys() - others.keys():
        raise ModelError(
            f"further inputs of {graph.name} under constants, {_names(others)}", found=repr(name),
            next_step="correct model.toml",
        )  # fmt: skip
    for name in others.keys() - half.constants.keys():
        raise ModelError(
            f"a model with one input in {graph.name}", found=f"another input, {others[name]}",
            next_step=f"state its value in model.toml, in the half's table: constants = "
            f"{{ {name!r} = 0 }}",
        )  # fmt: skip
    return tuple(_constant(graph, others[name], half.constants[name]) for name in others)


def _constant(graph: Graph, tensor: Tensor, value: float | list[float]) -> Constant:
    constant = Constant(tensor, tuple(value) if isinstance(value, list) else (value,))
    if None not in tensor.shape[1:] and constant.value:
        try:
            constant.fill(1)
        except ValueError:
            pass
        else:
            return constant
    raise ModelError(
        f"one number or one row for the input {tensor} of {graph.name}", found=str(value),
        next_step="correct constants in model.toml",
    )  # fmt: skip


def _names(tensors: dict[str, Tensor]) -> str:
    return ", ".join(map(repr, tensors)) or "which has none"
