"""Draws the figures of the documentation from a store.

The pictures in ``docs/images`` show a VAE with 16 latent dimensions, trained for three epochs on
the MNIST digits (LeCun, Cortes & Burges) as they lie in Keras' ``mnist.npz``:

    latent-analyze train mnist.npz --model vae --z-dim 16 --epochs 3 -o model
    latent-analyze encode model mnist.npz -o latents.zarr
    python examples/make_docs_figures.py latents.zarr
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

import latent_analyze as la

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

DPI = 170
COLORS = 128
UNIFORM = "uniform:b=1.5"


def main() -> None:
    """Draw all figures and say how large they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path, help="store with a decoder behind it")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, figure in figures(arguments.store):
        path = arguments.output / f"{name}.png"
        save_small(figure, path)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def figures(store: Path) -> Iterator[tuple[str, Figure]]:
    """Yield file name and figure, drawn as in a report."""
    report = la.run(store, plugins="slices", shown=UNIFORM)
    views = {figure.name: figure.figure for figure in report.figures("slices")}
    first, second = telling_pair(report["slices"])
    yield "slices", views[f"slices-{first}-{second}"]
    yield "slices-survivors", views["slices-survivors"]
    plugins = ["radius", "axis_density", "random_decode"]
    report = la.run(store, plugins=plugins, shown=[UNIFORM, "normal"])
    for plugin in plugins:
        yield plugin, report.figures(plugin)[0].figure


def telling_pair(results: la.ResultSet) -> tuple[int, int]:
    """Return the pair of axes whose slice is emptiest compared with the null's."""

    def emptiness(pair: tuple[int, int]) -> float:
        entry = results.calibration("survivor_share_{}_{}".format(*pair))
        return entry.value / entry.null_mean if entry and entry.null_mean else 1.0

    return min(((int(a), int(b)) for a, b in results.frame["pairs"]), key=emptiness)


def save_small(figure: Figure, path: Path) -> None:
    """Save as PNG with a palette: a third of the size, and no difference to be seen."""
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white")
    image = Image.open(buffer).convert("RGB")
    image.quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
