"""Which axes of a tensor are the batch, and which hold mean and spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.graph import IMAGE_RANKS
from latent_analyze_adapters.models.image_tensor import AXES
from latent_analyze_adapters.models.messages import CORRECT
from latent_analyze_adapters.models.resolving import fit_axes

if TYPE_CHECKING:
    from latent_analyze.plugin import Layout
    from latent_analyze_adapters.models.graph import FreeShape, Graph, Shape, Tensor


def is_batched(
    input_tensor: Tensor, mu: Tensor, layout: Layout | None, image: Shape | None
) -> bool:
    """Whether the input of an encoder has a batch axis."""
    axes = len(input_tensor.shape)
    if layout is None:
        return axes == max(IMAGE_RANKS) or not is_vector(mu)
    if layout != "array":
        return axes != AXES[layout]
    fits = image is None or fit_axes(input_tensor.shape[1:], image)
    return axes > 1 and bool(fits)


def lacks_batch(output: Tensor, latent: Tensor, layout: Layout | None, image: Shape | None) -> bool:
    """Whether the output of a decoder has no batch axis, although its input has one."""
    if None in output.shape or output.shape[:1] == (latent.shape[0] or 1,):
        return False
    if layout == "array" and image is not None:
        return fit_axes(output.shape[1:], image) is None
    return len(output.shape) == min(IMAGE_RANKS)


def halved(graph: Graph, mu: Tensor, axes: FreeShape, axis: int) -> tuple[FreeShape, Shape]:
    """Return the axes of each half of an output, and those of the whole."""
    whole = tuple(length for length in axes if length is not None)
    if len(whole) < len(axes) or axis >= len(whole) or whole[axis] % 2:
        raise ModelError(
            f"an even length in axis {axis} of {mu} of {graph.name}, mean and spread",
            found=str(axes), next_step=CORRECT,
        )  # fmt: skip
    return (*whole[:axis], whole[axis] // 2, *whole[axis + 1 :]), whole


def is_vector(latent: Tensor) -> bool:
    """Whether z-points have no batch axis."""
    return len(latent.shape) == 1 and latent.shape[0] is not None
