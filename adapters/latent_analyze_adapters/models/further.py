"""Further outputs of an encoder, besides mean and spread, that a store keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import FurtherSpec, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from latent_analyze_adapters.models.graph import Graph, Shape, Tensor


def further_specs(
    graph: Graph, names: Sequence[str], shape_of: Callable[[Tensor], Shape]
) -> tuple[FurtherSpec, ...]:
    """Return the further outputs that model.toml names.

    Parameters
    ----------
    shape_of
        Returns the shape of one row of an output.

    Raises
    ------
    ModelError
        If the encoder does not have one of them.
    """
    outputs = {tensor.name: tensor for tensor in graph.outputs}
    for name in names:
        if name not in outputs:
            raise ModelError(
                f"a further output {name!r} of {graph.name}", found=", ".join(map(repr, outputs)),
                next_step="correct further in model.toml, or --signature encoder.further",
            )  # fmt: skip
    return tuple(
        FurtherSpec(
            name=name,
            shape=shape_of(outputs[name]),
            dtype="float32" if np.dtype(outputs[name].dtype).kind == "f" else "int64",
        )
        for name in dict.fromkeys(names)
    )


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
    return np.asarray(output, dtype).reshape(rows, -1)
