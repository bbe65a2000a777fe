"""Further outputs of an encoder, besides mean and spread, that a store keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import FurtherSpec, ModelError
from latent_analyze_adapters.models.extra_inputs import are_whole
from latent_analyze_adapters.models.messages import CORRECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from latent_analyze.plugin import EncoderSpec
    from latent_analyze_adapters.models.graph import Graph, Shape, Tensor


def is_code(graph: Graph, spec: EncoderSpec, output: Tensor) -> bool:
    """Whether an output holds codes: as the spec says, or else by the type that its file states."""
    if spec.codes is not None:
        return output.name in spec.codes
    return not graph.is_probed and output.dtype in ("int32", "int64")


def further_specs(
    graph: Graph, spec: EncoderSpec, shape_of: Callable[[Tensor], Shape]
) -> tuple[FurtherSpec, ...]:
    """Return the further outputs that model.toml names.

    Parameters
    ----------
    spec
        Names them, and those that hold codes.
    shape_of
        Returns the shape of one row of an output.

    Raises
    ------
    ModelError
        If the encoder does not have one of them.
    """
    outputs = {tensor.name: tensor for tensor in graph.outputs}
    for name in spec.further:
        if name not in outputs:
            raise ModelError(
                f"a further output {name!r} of {graph.name}", found=", ".join(map(repr, outputs)),
                next_step=CORRECT,
            )  # fmt: skip
    codes = spec.codes or {}
    return tuple(
        FurtherSpec(
            name=name,
            shape=shape_of(outputs[name]),
            dtype="int64" if name in codes or _is_whole(outputs[name]) else "float32",
            codes=codes.get(name) or None,
        )
        for name in dict.fromkeys(spec.further)
    )


def _is_whole(output: Tensor) -> bool:
    return np.dtype(output.dtype).kind != "f"


def as_rows(
    output: NDArray[np.generic], rows: int, form: tuple[int, str], *, name: str
) -> NDArray[Any]:
    """Return an output as (rows, values) of a dtype.

    Parameters
    ----------
    form
        Values per row, and the dtype.

    Raises
    ------
    ModelError
        If it has another size.
    """
    values, dtype = form
    if output.size != rows * values:
        raise ModelError(
            f"{rows} rows of {values} values from {name}", found=f"shape {output.shape}",
            next_step="export it with a free batch axis",
        )  # fmt: skip
    if dtype == "int64" and not are_whole(output):
        raise ModelError(
            f"codes from {name}: whole numbers", found="numbers with a fraction, or NaN",
            next_step="leave it out of codes in model.toml, or --signature encoder.codes",
        )  # fmt: skip
    return np.asarray(output, dtype).reshape(rows, -1)
