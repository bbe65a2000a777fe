"""Further inputs of a graph, a class label or a noise level: constants, or a label of the data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.graph import Graph, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import DecoderSpec, EncoderSpec


@dataclass(frozen=True)
class LabelInput(Tensor):
    """An input that takes a label as it is: whole numbers as int64, others as `floating`."""

    floating: str = "float32"


@dataclass(frozen=True)
class Constant:
    """An input that gets one value for every row, or a label of the data set where there is one."""

    tensor: Tensor
    value: tuple[float, ...]
    column: str | None = None

    def fill(self, rows: int) -> NDArray[Any]:
        """Return the array for a batch of so many rows; a free first axis is the batch."""
        axes = self.tensor.shape
        shape = tuple(rows if length is None else length for length in axes)
        value = np.array(self.value, self.tensor.dtype)
        return np.broadcast_to(value if len(value) > 1 else value[0], shape).copy()

    def take(self, values: NDArray[Any], rows: int) -> NDArray[Any]:
        """Return the array for a batch of so many rows from one value per row, the last repeated.

        Raises
        ------
        ModelError
            If the values are no numbers, or others in the dtype of the input.
        """
        dtype = np.dtype(self.tensor.dtype)
        if isinstance(self.tensor, LabelInput) and values.dtype.kind == "f":
            dtype = np.dtype(self.tensor.floating)
        if values.dtype.kind not in "iufb" or not _fits(values, dtype):
            kind = "whole numbers" if dtype.kind in "iu" else "numbers"
            raise ModelError(
                f"{kind} in the label {self.column!r} for the input {self.tensor.name!r}, {dtype}",
                found=f"{values[:3].tolist()}", next_step="correct columns in model.toml",
            )  # fmt: skip
        padded = np.concatenate([values, np.repeat(values[-1:], rows - len(values), axis=0)])
        return padded.astype(dtype).reshape(rows, *[1] * (len(self.tensor.shape) - 1))


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
    stated: dict[str, float | list[float]] = {**dict.fromkeys(half.columns, 0.0), **half.constants}
    for name in stated.keys() - others.keys():
        raise ModelError(
            f"further inputs of {graph.name} under constants and columns, {_names(others)}",
            found=repr(name), next_step="correct model.toml",
        )  # fmt: skip
    for name in others.keys() - stated.keys():
        raise ModelError(
            f"a model with one input in {graph.name}", found=f"another input, {others[name]}",
            next_step=f"state its value in model.toml, in the half's table: constants = "
            f"{{ {name!r} = 0 }}, or columns = {{ {name!r} = 'a label of the data' }}",
        )  # fmt: skip
    found = (_constant(graph, others[name], stated[name]) for name in others)
    return tuple(replace(c, column=half.columns.get(c.tensor.name)) for c in found)


def _constant(graph: Graph, tensor: Tensor, value: float | list[float]) -> Constant:
    # Always as float: what a store remembers of them must not depend on how they are written.
    values = tuple(map(float, value)) if isinstance(value, list) else (float(value),)
    constant = Constant(tensor, values)
    if not _fits(np.array(values), np.dtype(tensor.dtype)):
        raise ModelError(
            f"a value that {tensor.dtype} can hold for the input {tensor} of {graph.name}",
            found=str(value), next_step="correct constants in model.toml",
        )  # fmt: skip
    if None not in tensor.shape[1:] and values:
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


def _fits(values: NDArray[Any], dtype: np.dtype[Any]) -> bool:
    """Whether a dtype can hold values: rounded perhaps, but not cut."""
    with np.errstate(all="ignore"):
        cast = values.astype(dtype)
    if dtype.kind in "iub":
        return np.array_equal(cast, values)
    return bool((np.isfinite(cast) == np.isfinite(values)).all())


def _names(tensors: dict[str, Tensor]) -> str:
    return ", ".join(map(repr, tensors)) or "which has none"
