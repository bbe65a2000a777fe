"""Inputs besides the image or z, such as a class label: filled from constants or from labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.graph import Graph, NetworkSpec, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class LabelTensor(Tensor):
    """An input that takes labels of any number type: integers as int64, others as `floating`."""

    floating: str = "float32"


@dataclass(frozen=True)
class ExtraInput:
    """An input that gets the same value for every row, or a label of the data set if it has one.

    Attributes
    ----------
    tensor
        The input.
    value
        One number, or one row.
    column
        Name of the label that replaces the value while a data set is encoded.
    """

    tensor: Tensor
    value: tuple[float, ...]
    column: str | None = None

    def fill(self, rows: int) -> NDArray[np.number]:
        """Return the value for a batch of this many rows; a free first axis is the batch."""
        axes = self.tensor.shape
        shape = tuple(rows if length is None else length for length in axes)
        value = np.array(self.value, self.tensor.dtype)
        return np.broadcast_to(value if len(value) > 1 else value[0], shape).copy()

    def take(self, values: NDArray[np.generic], rows: int) -> NDArray[np.number]:
        """Return labels, one per row, padded to this many rows with copies of the last one.

        Raises
        ------
        ModelError
            If the labels are not numbers, or the dtype of the input cannot hold them.
        """
        dtype = np.dtype(self.tensor.dtype)
        if isinstance(self.tensor, LabelTensor) and values.dtype.kind == "f":
            dtype = np.dtype(self.tensor.floating)
        if values.dtype.kind not in "iufb" or not _fits(values, dtype):
            kind = "integers" if dtype.kind in "iu" else "numbers"
            raise ModelError(
                f"{kind} in the label {self.column!r} for the input {self.tensor.name!r}, {dtype}",
                found=f"{values[:3].tolist()}", next_step="correct columns in model.toml",
            )  # fmt: skip
        padded = np.concatenate([values, np.repeat(values[-1:], rows - len(values), axis=0)])
        return padded.astype(dtype).reshape(rows, *[1] * (len(self.tensor.shape) - 1))


def find_extra_inputs(
    graph: Graph, input_tensor: Tensor, spec: NetworkSpec
) -> tuple[ExtraInput, ...]:
    """Return the inputs besides `input_tensor`, with the values that model.toml states.

    Raises
    ------
    ModelError
        If an input has no value, a value does not fit, or there is no such input.
    """
    others = {tensor.name: tensor for tensor in graph.inputs if tensor != input_tensor}
    stated: dict[str, float | list[float]] = {**dict.fromkeys(spec.columns, 0.0), **spec.constants}
    for name in stated.keys() - others.keys():
        raise ModelError(
            f"extra inputs of {graph.name} under constants and columns, {_names(others)}",
            found=repr(name), next_step="correct model.toml",
        )  # fmt: skip
    for name in others.keys() - stated.keys():
        raise ModelError(
            f"a model with one input in {graph.name}", found=f"another input, {others[name]}",
            next_step=f"state its value in model.toml, under [encoder] or [decoder]: constants = "
            f"{{ {name!r} = 0 }}, or columns = {{ {name!r} = 'a label of the data' }}",
        )  # fmt: skip
    found = (_extra_input(graph, others[name], stated[name]) for name in others)
    return tuple(replace(extra, column=spec.columns.get(extra.tensor.name)) for extra in found)


def as_floats(value: float | list[float]) -> tuple[float, ...]:
    """Return a constant of model.toml as floats, so that 1 and 1.0 have the same fingerprint."""
    return tuple(map(float, value)) if isinstance(value, list) else (float(value),)


def _extra_input(graph: Graph, tensor: Tensor, value: float | list[float]) -> ExtraInput:
    extra = ExtraInput(tensor, as_floats(value))
    if not _fits(np.array(extra.value), np.dtype(tensor.dtype)):
        raise ModelError(
            f"a value that {tensor.dtype} can hold for the input {tensor} of {graph.name}",
            found=str(value), next_step="correct constants in model.toml",
        )  # fmt: skip
    if None not in tensor.shape[1:] and extra.value:
        try:
            extra.fill(1)
        except ValueError:
            pass
        else:
            return extra
    raise ModelError(
        f"one number or one row for the input {tensor} of {graph.name}", found=str(value),
        next_step="correct constants in model.toml",
    )  # fmt: skip


def _fits(values: NDArray[np.generic], dtype: np.dtype[np.generic]) -> bool:
    """Whether a dtype can hold values, perhaps rounded but not out of range."""
    with np.errstate(all="ignore"):
        cast = values.astype(dtype)
    if dtype.kind in "iub":
        return np.array_equal(cast, values)
    return bool((np.isfinite(cast) == np.isfinite(values)).all())


def _names(tensors: dict[str, Tensor]) -> str:
    return ", ".join(map(repr, tensors)) or "which has none"
