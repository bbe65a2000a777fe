"""Inputs besides the image or z, such as a class label: filled from constants or from labels."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.graph import Graph, NetworkSpec, Tensor
from latent_analyze_adapters.models.messages import CORRECT

if TYPE_CHECKING:
    from numpy.typing import NDArray


LABEL_WORDS = ("label", "class", "cond", "digit", "target")
"""Words in the names of inputs that take a class."""


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
    texts
        Of a label of texts, these in the order of the model's classes.
    """

    tensor: Tensor
    value: tuple[float, ...]
    column: str | None = None
    texts: tuple[str, ...] = ()

    @property
    def classes(self) -> int | None:
        """Number of classes if a label becomes one-hot; see `classes_of`."""
        return classes_of(self.tensor)

    def fill(self, rows: int, like: tuple[int, ...] = ()) -> NDArray[np.number]:
        """Return the value for a batch of this many rows; a free first axis is the batch.

        Other free axes are as long as those of the main input, whose shape is `like`.
        """
        axes = self.tensor.shape
        lengths = (rows, *like[1:], *[1] * len(axes))
        shape = tuple(
            n if length is None else length for length, n in zip(axes, lengths, strict=False)
        )
        if self.is_label and self.classes and len(self.value) == 1:
            return self._fed(np.full(rows, int(self.value[0])), rows)
        value = np.array(self.value, self.tensor.dtype)
        return np.broadcast_to(value if len(value) > 1 else value[0], shape).copy()

    @property
    def is_label(self) -> bool:
        """Whether its one number stands for a class."""
        named = any(word in self.tensor.name.lower() for word in LABEL_WORDS)
        return (self.column is not None or named) and all(v == int(v) for v in self.value)

    def take(self, values: NDArray[np.generic], rows: int) -> NDArray[np.number]:
        """Return labels or rows of an array, padded to this many rows with copies of the last one.

        Raises
        ------
        ModelError
            If the labels are not numbers or known texts, or the dtype of the input cannot hold
            them.
        """
        return self._fed(self._numbered(values) if self.texts else values, rows)

    def _fed(self, values: NDArray[np.generic], rows: int) -> NDArray[np.number]:
        dtype = np.dtype(self.tensor.dtype)
        if isinstance(self.tensor, LabelTensor) and values.dtype.kind == "f":
            dtype = np.dtype(self.tensor.floating)
        padded = np.concatenate([values, np.repeat(values[-1:], rows - len(values), axis=0)])
        if self.classes and values.ndim == 1:
            return self._one_hot(padded, self.classes)
        if values.dtype.kind not in "iufb" or not _fits(values, dtype):
            kind = "integers" if dtype.kind in "iu" else "numbers"
            raise ModelError(
                f"{kind} in {self.column!r} for the input {self.tensor.name!r}, {dtype}",
                found=f"{values[:3].tolist()}",
                next_step=f"choose another: --signature columns.{self.tensor.name}=LABEL",
            )  # fmt: skip
        axes = self.tensor.shape[1:]
        if values.ndim > 1 or not axes:
            return padded.astype(dtype)
        return padded.astype(dtype).reshape(rows, *[1] * len(axes))

    def _numbered(self, values: NDArray[np.generic]) -> NDArray[np.int64]:
        """Return the class of each text."""
        numbers = {text: number for number, text in enumerate(self.texts)}
        found = [numbers.get(str(value), -1) for value in values.tolist()]
        if -1 in found:
            raise ModelError(
                f"texts in {self.column!r} that are classes of the input {self.tensor.name!r}: "
                f"{', '.join(self.texts)}",
                found=repr(values.tolist()[found.index(-1)]),
                next_step="leave out these rows, or state all classes: --signature "
                f"'classes.{self.tensor.name}={json.dumps([*self.texts, '...'])}'",
            )  # fmt: skip
        return np.array(found, np.int64)

    def _one_hot(self, labels: NDArray[np.generic], classes: int) -> NDArray[np.number]:
        if not are_whole(labels) or labels.min() < 0 or labels.max() >= classes:
            raise ModelError(
                f"labels 0 to {classes - 1} in {self.column or 'the constant'!r} for the input "
                f"{self.tensor.name!r}, one value per class",
                found=f"{labels[:3].tolist()}",
                next_step=f"choose another label: --signature columns.{self.tensor.name}=LABEL",
            )
        return np.eye(classes, dtype=self.tensor.dtype)[labels.astype(np.int64)]


def classes_of(tensor: Tensor) -> int | None:
    """Return the number of classes if an input has one real value per class, so takes one-hot."""
    axes = tensor.shape[1:]
    one_hot = tensor.dtype.startswith("float") and len(axes) == 1 and (axes[0] or 0) > 1
    return axes[0] if one_hot else None


def are_whole(values: NDArray[np.generic]) -> bool:
    """Whether labels are integers, or whole numbers of another type."""
    if values.dtype.kind == "f":
        return bool(np.array_equal(values, np.rint(values)))
    return values.dtype.kind in "iub"


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
            found=repr(name), next_step=CORRECT,
        )  # fmt: skip
    for name in others.keys() - stated.keys():
        raise ModelError(
            f"a model with one input in {graph.name}", found=f"another input, {others[name]}",
            next_step=f"state its value, --signature constants.{name}=0, or a label of the data, "
            f"--signature columns.{name}=LABEL",
        )  # fmt: skip
    found = (_extra_input(graph, others[name], stated[name]) for name in others)
    return tuple(
        replace(
            extra,
            column=spec.columns.get(extra.tensor.name),
            texts=tuple(spec.classes.get(extra.tensor.name, ())),
        )
        for extra in found
    )


def as_floats(value: float | list[float]) -> tuple[float, ...]:
    """Return a constant of model.toml as floats, so that 1 and 1.0 have the same fingerprint."""
    return tuple(map(float, value)) if isinstance(value, list) else (float(value),)


def _extra_input(graph: Graph, tensor: Tensor, value: float | list[float]) -> ExtraInput:
    extra = ExtraInput(tensor, as_floats(value))
    if not _fits(np.array(extra.value), np.dtype(tensor.dtype)):
        raise ModelError(
            f"a value that {tensor.dtype} can hold for the input {tensor} of {graph.name}",
            found=str(value), next_step=CORRECT,
        )  # fmt: skip
    if extra.value:
        try:
            extra.fill(1)
        except ValueError:
            pass
        else:
            return extra
    raise ModelError(
        f"one number or one row for the input {tensor} of {graph.name}", found=str(value),
        next_step=CORRECT,
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
