"""Small models and data in the current folder, each written by one call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from signature_models import (
    DIM,
    FLOAT,
    INTS,
    UNIT,
    Format,
    Net,
    World,
    mean_head,
    tensor_info,
    write_decoder,
    write_encoder,
    write_pair,
)

import latent_analyze as la

WORLD = World(count=60)
COLOR = World(shape=(8, 6, 3), count=60)
COUNT = WORLD.count
LABELS = np.arange(COUNT) % 3

BYTES_LIMIT = 1 << 40
"""More values than are opened without trust."""

RUN = "--plugins radius --null none --output r"
"""A short run."""


def all_of(*makers: Callable[[], object]) -> Callable[[], None]:
    """Return a function that calls others in order."""

    def make() -> None:
        for maker in makers:
            maker()

    return make


def text(path: str, content: str) -> Callable[[], object]:
    """Return a function that writes a text file."""

    def write() -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(content)

    return write


def replace(path: str, old: str, new: str) -> Callable[[], object]:
    """Return a function that changes a text file."""

    def change() -> None:
        before = Path(path).read_text()
        assert old in before, before
        Path(path).write_text(before.replace(old, new))

    return change


def rename(old: str, new: str) -> Callable[[], object]:
    """Return a function that moves a file."""

    def move() -> None:
        Path(new).parent.mkdir(parents=True, exist_ok=True)
        Path(old).rename(new)

    return move


def array(name: str, values: Any) -> Callable[[], object]:
    """Return a function that writes an .npy file."""
    return lambda: np.save(name, values)


def arrays(name: str, **values: Any) -> Callable[[], object]:
    """Return a function that writes an .npz file."""
    return lambda: np.savez(name, **values)


def pngs(folder: str, *sizes: tuple[int, ...]) -> Callable[[], object]:
    """Return a function that writes random images of these sizes."""

    def write() -> None:
        rng = np.random.default_rng(0)
        Path(folder).mkdir()
        for number, size in enumerate(sizes):
            pixels = rng.integers(0, 255, size, dtype=np.uint8)
            Image.fromarray(pixels).save(Path(folder) / f"{number}.png")

    return write


faces = array("faces.npy", WORLD.x)
points = array("points.npy", WORLD.latents.astype(np.float32))
labeled = arrays("faces.npz", x=WORLD.x, label=LABELS)
rows = array("rows.npy", WORLD.x.reshape(COUNT, -1))


def pair(folder: str = "m", world: World = WORLD, **more: Any) -> Callable[[], object]:
    """Return a function that writes encoder.onnx and decoder.onnx."""
    return lambda: write_pair(Path(folder), world, **more)


def encoder(path: str, form: Format = UNIT, **heads: Any) -> Callable[[], object]:
    """Return a function that writes an encoder alone."""
    return lambda: write_encoder(Path(path), WORLD, form, heads or None)


def decoder(path: str, form: Format = UNIT, world: World = WORLD) -> Callable[[], object]:
    """Return a function that writes a decoder alone."""
    return lambda: write_decoder(Path(path), world, form)


def store(name: str = "s.zarr", data: str = "faces.npy", **more: Any) -> Callable[[], object]:
    """Return a function that encodes data with the model in m."""
    return lambda: la.encode("m", data, name, **more)


basic = all_of(pair(), faces, points)
stored = all_of(basic, store())


def narrow(net: Net, mu: str) -> str:
    """Return a tenth of the mean, as an output without a telling name."""
    return net.op("Mul", mu, net.const(0.1))


def encode_rows(net: Net) -> str:
    """Return the latents of the input x."""
    weights = WORLD.basis.T / WORLD.spread
    return net.linear(net.ints("x", -1, WORLD.size), weights, -WORLD.center @ weights)


def custom(
    path: str, build: Callable[[Net], Any], *inputs: Any, **outputs: tuple[int, ...]
) -> Callable[[], object]:
    """Return a function that writes a graph; `build` returns its outputs in order."""

    def write() -> None:
        net = Net()
        built = build(net)
        names = built if isinstance(built, tuple) else (built,)
        ends = {
            n: (tensor, FLOAT, shape)
            for (n, shape), tensor in zip(outputs.items(), names, strict=True)
        }
        net.save(Path(path), [*inputs] or [tensor_info("x", WORLD.shape)], ends)

    return write


def with_input(path: str, name: str = "q", shape: tuple[int, ...] = (3,)) -> Callable[[], object]:
    """Return a function that writes an encoder with a further input, which is added."""

    def build(net: Net) -> str:
        more = net.op("ReduceMean", name, keepdims=1, axes=[1])
        return net.op("Add", encode_rows(net), more)

    ends = [tensor_info("x", WORLD.shape), tensor_info(name, shape)]
    return custom(path, build, *ends, mu=(DIM,))


__all__ = [
    "BYTES_LIMIT", "COLOR", "COUNT", "DIM", "FLOAT", "INTS", "LABELS", "RUN", "WORLD", "Format",
    "Net", "World",
    "all_of", "array", "arrays", "basic", "custom", "decoder", "encode_rows", "encoder", "faces",
    "labeled", "mean_head", "narrow", "pair", "pngs", "points", "rename", "replace",
    "rows", "store", "stored", "tensor_info", "text", "with_input", "write_encoder",
]  # fmt: skip
