"""The latent side of a model file: the shape of a z-point."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from latent_analyze import ModelError

if TYPE_CHECKING:
    from latent_analyze_adapters.graph import Tensor


def latent_shape(
    name: str, tensor: Tensor, axes: tuple[int | None, ...], stated: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Return the shape of a z-point in a file.

    Parameters
    ----------
    name
        The file, for messages.
    tensor, axes
        Where the file has z-points, and the axes of one, None where free.
    stated
        ``latent_shape`` of model.toml, or what the encoder gives.

    Raises
    ------
    ModelError
        If they disagree, or an axis is free and nothing tells it.
    """
    shape = tuple(length for length in axes if length is not None)
    if len(shape) < len(axes):
        if stated is None or len(stated) != len(axes):
            raise ModelError(
                f"z-points of a fixed shape in {name}", found=str(tensor),
                next_step="state latent_shape in model.toml",
            )  # fmt: skip
        shape = stated
    if stated is not None and not _agree(shape, stated):
        raise ModelError(
            f"z-points of latent_shape {list(stated)} in {name}", found=str(tensor),
            next_step=_way_out(shape, stated),
        )  # fmt: skip
    return shape


def _agree(shape: tuple[int, ...], stated: tuple[int, ...]) -> bool:
    """Whether values in the order of one shape are in the order of the other."""
    first, second = ([n for n in axes if n > 1] for axes in (shape, stated))
    return math.prod(shape) == math.prod(stated) and (
        min(len(first), len(second)) < 2 or first == second
    )


def _way_out(shape: tuple[int, ...], stated: tuple[int, ...]) -> str:
    if math.prod(shape) != math.prod(stated):
        return "correct model.toml"
    return (
        f"export encoder and decoder with one layout; or state latent_shape = [{math.prod(shape)}] "
        "in model.toml if the order of the values is the same"
    )
