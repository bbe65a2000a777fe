"""The latent side of a model file: the shape of a z-point, and which outputs hold it."""

from __future__ import annotations

import math

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.graph import Graph, Tensor


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


def prod_of(tensor: Tensor, first: int) -> int | None:
    """Return the number of values from an axis on, None where that is not known."""
    axes = tensor.shape[first:]
    return math.prod(n for n in axes if n) if axes and None not in axes else None


def outputs_left(graph: Graph, taken: Tensor, mu: Tensor) -> tuple[str, ...]:
    """Return a note on outputs that nothing tells to be log_var or mu, but may be.

    Raises
    ------
    ModelError
        If what was taken for mu, the first output, looks like an image that is given back.
    """
    others = [t for t in graph.outputs if t.name != mu.name]
    if others and len(mu.shape) == len(taken.shape) > 2 and mu.shape[1:] == taken.shape[1:]:
        raise ModelError(
            f"mu among the outputs of {graph.name}",
            found=f"{mu} first, an image as {taken} is, then {', '.join(map(str, others))}",
            next_step="name mu, and log_var if there is one, in model.toml",
        )
    size = prod_of(mu, 1)
    names = ", ".join(repr(t.name) for t in others if prod_of(t, 1) == size)
    if not names or size is None:
        return ()
    return (
        f"encoder: {mu.name!r} is taken for mu, and of the same shape are {names}: state mu and "
        "log_var in model.toml, or let 'latent-analyze inspect MODEL --data IMAGES' tell",
    )


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
