"""Finds the inputs and outputs of functions that do not declare them, by running them on zeros."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import DecoderSpec, ModelError
from latent_analyze_adapters.models.extra_inputs import ExtraInput, LabelTensor, as_floats
from latent_analyze_adapters.models.graph import FreeShape, Graph, NetworkSpec, Shape, Tensor
from latent_analyze_adapters.models.messages import CORRECT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze_adapters.models.session import Feeds

INPUT = "x"
MAX_VALUES = 1 << 28
"""Values of one row: as many as in the largest image that is read, 2^26 pixels."""

Call = Callable[["Feeds"], "Feeds"]


def probe_graph(
    call: Call,
    spec: NetworkSpec,
    row_shape: Shape | None,
    *,
    name: str,
    dtype: str = "float32",
) -> Graph:
    """Return the inputs and outputs of a function, found by calling it with one row of zeros.

    A decoder that fails on real numbers is tried with whole ones: it may take codes.

    Parameters
    ----------
    call
        Takes and returns named arrays.
    spec
        Its table of model.toml: constants and columns are inputs too.
    row_shape
        Shape of one row of the input.
    name, dtype
        Name for messages; dtype of the input and of constants that are not integers.

    Raises
    ------
    ModelError
        If the shape of a row is unknown or too large, or the call fails.
    """
    if row_shape is None:
        raise ModelError(
            f"image_shape and latent_shape for {name}, which does not declare its input",
            found="no such shape",
            next_step="state them in model.toml or --signature, as 'image_shape=[28,28,1]'",
        )  # fmt: skip
    if math.prod(row_shape) > MAX_VALUES:
        raise ModelError(
            f"rows of at most {MAX_VALUES} values for {name}", found=f"shape {row_shape}",
            next_step=CORRECT,
        )  # fmt: skip
    extra = tuple(_extra_tensors(spec, dtype))
    main = Tensor(spec.input or INPUT, dtype, (None, *row_shape))
    try:
        return _probed(call, spec, (main, *extra), name)
    except ModelError as error:
        if not isinstance(spec, DecoderSpec):
            raise
        try:
            return _probed(call, spec, (replace(main, dtype="int64"), *extra), name)
        except ModelError:
            # What the decoder says about whole numbers is no help to somebody with coordinates.
            raise error from None


def _probed(call: Call, spec: NetworkSpec, inputs: tuple[Tensor, ...], name: str) -> Graph:
    """Return what a function with these inputs gives for one row of zeros."""
    main, *extra = inputs
    feeds: Feeds = {main.name: np.zeros((1, *(n or 1 for n in main.shape[1:])), main.dtype)}
    for tensor in extra:
        value = as_floats(spec.constants.get(tensor.name, 0))
        feeds[tensor.name] = ExtraInput(tensor, value).fill(1)
    outputs = tuple(
        Tensor(key, str(value.dtype), _free_batch(value.shape))
        for key, value in call(feeds).items()
    )
    return Graph(name, inputs, outputs, is_probed=True)


def name_outputs(
    outputs: object, to_array: Callable[[object], NDArray[np.generic] | None], *, name: str
) -> Feeds:
    """Return whatever a function returned as named arrays.

    A mapping or named tuple has names; those of nested mappings are joined by a slash. Two arrays
    of the same shape are mu and log_var, a single one is ``output``, several are ``output_0``,
    ``output_1`` and so on. None is left out.

    Raises
    ------
    ModelError
        If there is no array, or something for which `to_array` returns None.
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
        next_step="return one of these, or name another function or part in model.toml",
    )


def numbered_names(count: int) -> list[str]:
    """Return names for outputs that have none."""
    return ["output"] if count == 1 else [f"output_{i}" for i in range(count)]


def _pairs(outputs: object) -> list[tuple[str, object]]:
    if isinstance(outputs, Mapping):
        return [pair for key, value in outputs.items() for pair in _flattened(str(key), value)]
    if isinstance(outputs, tuple) and hasattr(outputs, "_fields"):
        return list(zip(outputs._fields, outputs, strict=True))
    if isinstance(outputs, (tuple, list)):
        shapes = [getattr(value, "shape", None) for value in outputs]
        alike = len(outputs) == 2 and (shapes[0] == shapes[1] or None in shapes)
        names = ["mu", "log_var"] if alike else numbered_names(len(outputs))
        return list(zip(names, outputs, strict=True))
    return [("output", outputs)]


def _flattened(key: str, value: object) -> list[tuple[str, object]]:
    if not isinstance(value, Mapping):
        return [(key, value)]
    return [(f"{key}/{name}", inner) for name, inner in _pairs(value)]


def _extra_tensors(spec: NetworkSpec, floating: str) -> Iterator[Tensor]:
    """Yield a tensor per constant or column; a constant without decimal point is an int64."""
    for name in {**spec.constants, **spec.columns}:
        if name not in spec.constants:
            yield LabelTensor(name, "int64", (None,), floating)
            continue
        value = spec.constants[name]
        values = value if isinstance(value, list) else [value]
        dtype = "int64" if all(isinstance(v, int) for v in values) else floating
        yield Tensor(name, dtype, (None, len(value)) if isinstance(value, list) else (None,))


def _free_batch(shape: Shape) -> FreeShape:
    return (None, *shape[1:]) if shape[:1] == (1,) else shape
