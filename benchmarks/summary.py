"""Mean and covariance in float32 products about a shift, against numpy in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from ratios import arguments, cloud, relative_times, show

from latent_analyze.plugin import ArraySource

OFFSETS = (0.0, 10.0, 1000.0)


def ours(z: NDArray[np.float32]) -> NDArray[np.float64]:
    covariance = ArraySource(z).summary().covariance
    assert covariance is not None
    return covariance


def in_float64(z: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.cov(z, rowvar=False, dtype=np.float64)


def textbook(z: NDArray[np.float32]) -> NDArray[np.float64]:
    """E[x x'] - E[x] E[x]' in float32, unshifted: what must not be done."""
    mean = z.mean(axis=0)
    return (z.T @ z / len(z) - np.outer(mean, mean)).astype(np.float64)


def main() -> None:
    rows, dim, repeats = arguments(__doc__)
    z = cloud(rows, dim)
    ways = {
        "numpy.cov, float64": lambda: in_float64(z),
        "this summary (and min, max, radii)": lambda: ours(z),
        "unshifted float32": lambda: textbook(z),
    }
    show(
        f"covariance of {rows:,} x {dim}: time (unit: the first line)",
        relative_times(ways, repeats),
    )
    errors = {}
    for offset in OFFSETS:
        moved = cloud(rows, dim, offset=offset)
        exact = in_float64(moved)
        scale = np.abs(exact).max()
        for name, way in ("this summary", ours), ("unshifted float32", textbook):
            errors[f"{name}, mean {offset:g}"] = float(np.abs(way(moved) - exact).max() / scale)
    show("largest error of an entry / largest entry", errors)


if __name__ == "__main__":
    main()
