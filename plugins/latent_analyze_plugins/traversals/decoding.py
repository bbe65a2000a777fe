"""Decoding many z-points a part at a time, and lengths of decoded paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting import as_pixels
from latent_analyze.plugin import AnalysisError, Array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Context
    from latent_analyze_plugins.traversals.paths import Paths


@dataclass
class Decoder:
    """Decodes arrays of z-points of any leading shape; counts what is not finite."""

    context: Context
    nonfinite: int = 0
    decoded: int = 0

    def __call__(self, z: NDArray[Any]) -> NDArray[np.float32]:
        """Return images (..., height, width, channel) or vectors (..., feature).

        Gray images without a channel axis get one. Values that are not finite become 0.

        Raises
        ------
        AnalysisError
            If nothing that was decoded is finite.
        """
        flat = np.ascontiguousarray(z.reshape(-1, z.shape[-1]), np.float32)
        out = np.asarray(self.context.model.decode(flat), np.float32)
        out = out[..., None] if out.ndim == 3 else out
        bad = ~np.isfinite(out.reshape(len(out), -1)).all(axis=1)
        self.nonfinite += int(bad.sum())
        self.decoded += len(out)
        if bad.all():
            raise AnalysisError(
                "finite numbers from the decoder", found=f"NaN or infinity in all {len(out)}",
                next_step="check the decoder, or choose a smaller extent",
            )  # fmt: skip
        out = np.nan_to_num(out, nan=0.0, posinf=0.0, neginf=0.0)
        return out.reshape(*z.shape[:-1], *out.shape[1:])

    def lengths(self, paths: Paths, kind: str, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the lengths of paths of a kind in images: sums of Euclidean steps."""
        found = []
        for done, pair in enumerate(chosen):
            self.context.progress(f"decode {kind} paths", done, len(chosen))
            images = self(paths.along(kind, np.array([pair]))[0])
            steps = np.diff(images.reshape(len(images), -1).astype(np.float64), axis=0)
            found.append(np.linalg.norm(steps, axis=1).sum())
        return np.array(found)


def image_array(images: NDArray[np.float32], dims: tuple[str, ...], text: str) -> Array:
    """Return decoded images as pixels, or vectors as they are, as an array of a result."""
    if images.ndim == len(dims) + 1:
        return Array(images, (*dims, "feature"), "", text)
    return Array(as_pixels(images), (*dims, "y", "x", "channel"), "", f"{text}, 0 to 255")
