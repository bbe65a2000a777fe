"""Graphs of what does not say what it takes and gives: found by running it on one row of zeros."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze import ModelError
from latent_analyze_adapters.graph import Graph, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze import DecoderSpec, EncoderSpec

INPUT = "x"
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
        What model.toml says of it: constants are inputs too.
    row
        Shape of one row of the input.
    name, dtype
        Name for messages, dtype of the input.

    Raises
    ------
    ModelError
        If the shape of a row is not known, or the call fails.
    """
    if row is None:
        raise ModelError(
            f"image_shape and latent_shape for {name}, which does not say what it takes",
            found="no such shape", next_step="state image_shape and latent_shape in model.toml",
        )  # fmt: skip
    taken = Tensor(half.input or INPUT, dtype, (None, *row))
    constants = tuple(
        Tensor(key, "float32", (None, len(value)) if isinstance(value, list) else (None,))
        for key, value in half.constants.items()
    )
    feeds = {taken.name: np.zeros((1, *row), dtype)}
    for tensor in constants:
        value = np.array(half.constants[tensor.name], np.float32)
        feeds[tensor.name] = np.broadcast_to(value, (1, *tensor.shape[1:])).copy()  # type: ignore[arg-type]
    outputs = tuple(
        Tensor(key, str(value.dtype), _free_batch(value.shape))
        for key, value in call(feeds).items()
    )
    return Graph(name, (taken, *constants), outputs)


def named(outputs: Any, to_array: Callable[[Any], NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return what a function gave as named arrays.

    A mapping or named tuple has names. Two arrays are mu and log_var, one is ``output``, more are
    ``output_0``, ``output_1`` and so on.
    """
    if isinstance(outputs, Mapping):
        pairs = list(outputs.items())
    elif isinstance(outputs, tuple) and hasattr(outputs, "_fields"):
        pairs = list(zip(outputs._fields, outputs, strict=True))
    elif isinstance(outputs, (tuple, list)):
        names = ["mu", "log_var"] if len(outputs) == 2 else _numbered(len(outputs))
        pairs = list(zip(names, outputs, strict=True))
    else:
        pairs = [("output", outputs)]
    return {str(name): to_array(value) for name, value in pairs if value is not None}


def _numbered(count: int) -> list[str]:
    return ["output"] if count == 1 else [f"output_{i}" for i in range(count)]


def _free_batch(shape: tuple[int, ...]) -> tuple[int | None, ...]:
    return (None, *shape[1:]) if shape[:1] == (1,) else shape
