"""Draws the figures of the documentation from a store.

The pictures in ``docs/images`` show a VAE with 16 latent dimensions, trained for three epochs on
the MNIST digits (LeCun, Cortes & Burges) as they lie in Keras' ``mnist.npz``:

    latent-analyze train mnist.npz --model vae --z-dim 16 --epochs 3 -o model
    latent-analyze encode model mnist.npz -o latents.zarr
    python examples/make_docs_figures.py latents.zarr

`similarity` shows further stores of the same digits, given by ``--others``; `codes` one of a
VQ-VAE (``examples/vq_vae.py``), given by ``--codes``. ``--only`` draws some.
"""

from __future__ import annotations

import argparse
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import latent_analyze as la
from latent_analyze.plugin import ResultSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

DPI = 170
COLORS = 128
UNIFORM = "uniform:b=1.5"


@dataclass(frozen=True)
class Picture:
    """One figure of one analysis, and what stands beside the data in it."""

    plugin: str
    figure: str
    shown: tuple[str, ...] = ()
    calibrate: bool = False


PICTURES = {
    "radius": Picture("radius", "radius", (UNIFORM, "normal")),
    "axis_density": Picture("axis_density", "axis_density", (UNIFORM, "normal")),
    "slices": Picture("slices", "slices-{0}-{1}", (UNIFORM,)),
    "slices-survivors": Picture("slices", "slices-survivors", (UNIFORM,)),
    "random_decode": Picture("random_decode", "random-decode-rates", (UNIFORM, "normal")),
    "random_decode-grid": Picture("random_decode", "random-decode", (UNIFORM, "normal")),
    "pca": Picture("pca", "pca", ("normal",)),
    "pca-components": Picture("pca", "pca-components", ("normal",)),
    "projections": Picture("projections", "projections"),
    "projections-windows": Picture("projections", "projections-pc1_pc2"),
    "neighbors": Picture("neighbors", "neighbors", (UNIFORM,)),
    "neighbors-crowding": Picture("neighbors", "neighbors-crowding", (UNIFORM,)),
    "correlations": Picture("correlations", "correlations"),
    "correlations-pairs": Picture("correlations", "correlations-pairs"),
    "clustering": Picture("clustering", "clustering", ("normal",), calibrate=True),
    "tsne": Picture("tsne", "tsne"),
    "umap": Picture("umap", "umap"),
    "posterior": Picture("posterior", "posterior-log_var"),
    "posterior-aggregate": Picture("posterior", "posterior-aggregate"),
    "reconstruct": Picture("reconstruct", "reconstruct"),
    "reconstruct-places": Picture("reconstruct", "reconstruct-places"),
    "traversals-lines": Picture("traversals", "traversals-lines"),
    "traversals-distance": Picture("traversals", "traversals-distance"),
    "similarity": Picture("similarity", "similarity"),
    "codes": Picture("codes", "codes"),
    "codes-positions": Picture("codes", "codes-positions"),
    "codes-together": Picture("codes", "codes-together"),
    "codes-decoded": Picture("codes", "codes-decoded"),
}


def main() -> None:
    """Draw the figures and say how large they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path, help="store with images and a decoder behind it")
    parser.add_argument("--others", type=Path, nargs="*", default=[], help="other models' stores")
    parser.add_argument("--codes", type=Path, help="store of codes")
    parser.add_argument("--only", nargs="+", choices=PICTURES)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    every = [n for n, p in PICTURES.items() if p.plugin != "codes" or arguments.codes]
    for name in arguments.only or every:
        path = arguments.output / f"{name}.png"
        stores = [arguments.store, *arguments.others]
        if PICTURES[name].plugin == "codes":
            stores = [arguments.codes or parser.error(f"--codes STORE for {name}")]
        save_small(draw(PICTURES[name], stores), path)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def draw(picture: Picture, stores: Sequence[Path]) -> Figure:
    """Return the figure as a report draws it."""
    chosen = tuple(stores if picture.plugin == "similarity" else stores[:1])
    report = analyze(picture.plugin, chosen, picture.shown, picture.calibrate)
    views = {figure.name: figure.figure for figure in report.figures(picture.plugin)}
    name = picture.figure
    if "{0}" in name:
        name = name.format(*telling_pair(report[picture.plugin]))
    return views[name]


@cache
def analyze(
    plugin: str, stores: tuple[Path, ...], shown: tuple[str, ...], calibrated: bool
) -> la.Report:
    """Run an analysis; pictures of one run share it."""
    calibrate = [plugin] if calibrated else []
    return la.run(*stores, plugins=plugin, shown=list(shown), calibrate=calibrate)


def telling_pair(results: ResultSet) -> tuple[int, int]:
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
