"""Images and what the decoder makes of their z-points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import AnalysisError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Context


def decoded_pairs(
    z: NDArray[np.float32], rows: NDArray[np.int64], context: Context
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the images of some rows and their reconstructions, of equal shapes.

    Gray images without a channel axis get one.

    Raises
    ------
    AnalysisError
        If the decoder gives another shape.
    """
    original = np.asarray(context.images(rows), np.float32)
    decoded = np.asarray(context.model.decode(z), np.float32)
    original, decoded = (x[..., None] if x.ndim == 3 else x for x in (original, decoded))
    if original.shape != decoded.shape:
        raise AnalysisError(
            f"decoded images of the shape of the originals, {original.shape[1:]}",
            found=f"{decoded.shape[1:]}",
            next_step="encode the data in the decoder's size",
        )
    return original, decoded
