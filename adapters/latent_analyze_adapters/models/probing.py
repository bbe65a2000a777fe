"""Graphs of what does not say what it takes and gives: found by running it on one row of zeros."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.further_inputs import LabelInput
from latent_analyze_adapters.models.graph import Graph, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import DecoderSpec, EncoderSpec

INPUT = "x"
MAX_VALUES = 1 << 28
"""Values of one row: those of the largest image that is read, 2^26 pixels."""

Call = Callable[[dict[str, "NDArray[Any]"]], dict[str, "NDArray[Any]"]]


def probe_graph(
    call: Call,
    half: EncoderSpec | DecoderSpec,
    row: tuple[int, ...] | None,
    *,
    name: str,
    dtype: str = "float32",
) -> Graph:
    """Return inputs and outputs of a call.

    Parameters
    ----------
    call
        Takes and returns named arrays.
    half
        What model.toml says of it: constants and columns are inputs too.
    row
        Shape of one row of the input.
    name, dtype
        Name for messages, dtype of the input and of constants that are no whole numbers.

    Raises
    ------
    ModelError
        If the shape of a row is not known or too large, or the call fails.
    """
    if row is None:
        raise ModelError(
            f"image_shape and latent_shape for {name}, which does not say what it takes",
            found="no such shape", next_step="state image_shape and latent_shape in model.toml",
        )  # fmt: skip
    if math.prod(row) > MAX_VALUES:
        raise ModelError(
            f"rows of at most {MAX_VALUES} values for {name}", found=f"shape {row}",
            next_step="correct image_shape and latent_shape in model.toml",
        )  # fmt: skip
    taken = Tensor(half.input or INPUT, dtype, (None, *row))
    further = tuple(_further_inputs(half, dtype))
    feeds = {taken.name: np.zeros((1, *row), dtype)}
    for tensor in further:
        value = np.array(half.constants.get(tensor.name, 0), tensor.dtype)
        feeds[tensor.name] = np.broadcast_to(value, (1, *tensor.shape[1:])).copy()  # type: ignore[arg-type]
    outputs = tuple(
        Tensor(key, str(value.dtype), _free_batch(value.shape))
        for key, value in call(feeds).items()
    )
    return Graph(name, (taken, *further), outputs)


def named(
    outputs: Any, to_array: Callable[[Any], NDArray[Any] | None], *, name: str
) -> dict[str, NDArray[Any]]:
    """Return what a function gave as named arrays.

    A mapping or named tuple has names, those of mappings inside with a slash. Two arrays of one
    shape are mu and log_var, one is ``output``, others are ``output_0``, ``output_1`` and so on.
    None is left out.

    Raises
    ------
    ModelError
        If there is no array, or something else, for which `to_array` gives None.
    """
    pairs = [(str(key), value) for key, value in _pairs(outputs) if value is not None]
    arrays = {key: to_array(value) for key, value in pairs}
    found = {key: array for key, array in arrays.items() if array is not None}
    if found and len(found) == len(pairs):
        return found
    strange = {key: type(value).__name__ for key, value in pairs if key not in found}
    whole = "None" if outputs is None else f"a {type(outputs).__name__}"
    within = "".join(f" with a {kind} as {key!r}" for key, kind in [*strange.items()][:1])
    raise ModelError(
        f"an array, (mu, log_var) or a dictionary of arrays, all of numbers, from {name}",
        found=whole + (within if isinstance(outputs, (Mapping, tuple, list)) else ""),
        next_step="return these, or name another function or part in model.toml",
    )


def _pairs(outputs: Any) -> list[tuple[str, Any]]:
    if isinstance(outputs, Mapping):
        return [pair for key, value in outputs.items() for pair in _inside(str(key), value)]
    if isinstance(outputs, tuple) and hasattr(outputs, "_fields"):
        return list(zip(outputs._fields, outputs, strict=True))
    if isinstance(outputs, (tuple, list)):
        shapes = [getattr(value, "shape", None) for value in outputs]
        alike = len(outputs) == 2 and (shapes[0] == shapes[1] or None in shapes)
        names = ["mu", "log_var"] if alike else numbered(len(outputs))
        return list(zip(names, outputs, strict=True))
    return [("output", outputs)]


def _inside(key: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        return [(key, value)]
    return [(f"{key}/{name}", inner) for name, inner in _pairs(value)]


def _further_inputs(half: EncoderSpec | DecoderSpec, floating: str) -> Iterator[Tensor]:
    """Yield an input per constant or column; a constant tells the dtype by its decimal point."""
    for name in {**half.constants, **half.columns}:
        if name not in half.constants:
            yield LabelInput(name, "int64", (None,), floating)
            continue
        value = half.constants[name]
        values = value if isinstance(value, list) else [value]
        dtype = "int64" if all(isinstance(v, int) for v in values) else floating
        yield Tensor(name, dtype, (None, len(value)) if isinstance(value, list) else (None,))


def numbered(count: int) -> list[str]:
    """Return names for outputs that have none."""
    return ["output"] if count == 1 else [f"output_{i}" for i in range(count)]


def _free_batch(shape: tuple[int, ...]) -> tuple[int | None, ...]:
    return (None, *shape[1:]) if shape[:1] == (1,) else shape
