"""The latent tensors of a model file: the shape of a z-point, and which outputs hold it."""

from __future__ import annotations

import math

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.graph import FreeShape, Graph, Shape, Tensor
from latent_analyze_adapters.models.messages import CORRECT


def latent_shape(name: str, tensor: Tensor, axes: FreeShape, stated: Shape | None) -> Shape:
    """Return the shape of a z-point in a file.

    Parameters
    ----------
    name
        The file, for messages.
    tensor, axes
        The tensor that holds z-points, and the axes of one of them, None where free.
    stated
        ``latent_shape`` of model.toml, or that of the encoder.

    Raises
    ------
    ModelError
        If they disagree, or an axis is free and nothing says how long it is.
    """
    shape = tuple(length for length in axes if length is not None)
    if len(shape) < len(axes):
        if stated is None or len(stated) != len(axes):
            raise ModelError(
                f"z-points of a fixed shape in {name}", found=str(tensor),
                next_step="state it in model.toml or --signature, as 'latent_shape=[4,8,8]'",
            )  # fmt: skip
        shape = stated
    if stated is not None and not _same_order(shape, stated):
        raise ModelError(
            f"z-points of latent_shape {list(stated)} in {name}", found=str(tensor),
            next_step=_advice(shape, stated),
        )  # fmt: skip
    return shape


def reordered(stated: Shape | None, axes: Shape, where: str) -> Shape:
    """Return the shape of a z-point whose axes are in another order.

    Parameters
    ----------
    stated
        Its shape, as `latent_shape` states it.
    axes
        `latent_axes` of model.toml.
    where
        The file, for messages.

    Raises
    ------
    ModelError
        If the shape is not known, or `axes` is no order of its axes.
    """
    if stated is None or sorted(axes) != list(range(len(stated))):
        shape = "no latent_shape" if stated is None else f"latent_shape {list(stated)}"
        raise ModelError(
            f"latent_axes that name each axis of latent_shape once, for {where}",
            found=f"latent_axes {list(axes)}, {shape}",
            next_step="state both, as latent_shape=[4,8,8] and latent_axes=[1,2,0]",
        )
    return tuple(stated[axis] for axis in axes)


def size_from(tensor: Tensor, first_axis: int) -> int | None:
    """Return the number of values in the axes from `first_axis` on, or None if unknown."""
    axes = tensor.shape[first_axis:]
    return math.prod(n for n in axes if n) if axes and None not in axes else None


def note_ambiguous_outputs(graph: Graph, input_tensor: Tensor, mu: Tensor) -> tuple[str, ...]:
    """Return a note if other outputs might be mu or log_var as well.

    Raises
    ------
    ModelError
        If the first output, which would be mu, looks like a reconstructed image.
    """
    others = [t for t in graph.outputs if t.name != mu.name]
    same_rank = len(mu.shape) == len(input_tensor.shape) > 2
    if others and same_rank and mu.shape[1:] == input_tensor.shape[1:]:
        raise ModelError(
            f"mu among the outputs of {graph.name}",
            found=f"{mu} first, an image like {input_tensor}, then {', '.join(map(str, others))}",
            next_step="name mu, and log_var if there is one, in model.toml or --signature",
        )
    size = size_from(mu, 1)
    names = ", ".join(repr(t.name) for t in others if size_from(t, 1) == size)
    if not names or size is None:
        return ()
    return (
        f"encoder: {mu.name!r} is assumed to be mu, but there are other outputs of the same shape, "
        f"{names}: state mu and log_var in model.toml if that is wrong",
    )


def _same_order(shape: Shape, stated: Shape) -> bool:
    """Whether values in the order of one shape are in the order of the other."""
    first, second = ([n for n in axes if n > 1] for axes in (shape, stated))
    return math.prod(shape) == math.prod(stated) and (
        min(len(first), len(second)) < 2 or first == second
    )


def _advice(shape: Shape, stated: Shape) -> str:
    if math.prod(shape) != math.prod(stated):
        return CORRECT
    return (
        f"export encoder and decoder with the same layout, or state latent_shape = "
        f"[{math.prod(shape)}] in model.toml or --signature if the values are in the same order"
    )
