"""Encoders and decoders before training: random weights of the usual sizes."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from exports.net import Net, Step

Rng = np.random.Generator
WIDTH = 48


def dense(rng: Rng, fan_in: int, out: int) -> Step:
    """Return a dense layer."""
    w = rng.standard_normal((out, fan_in)) / np.sqrt(fan_in)
    return "dense", {"w": w.astype(np.float32), "b": np.zeros(out, np.float32)}


def conv(rng: Rng, fan_in: int, out: int, kernel: tuple[int, ...]) -> Step:
    """Return a convolution with a stride as long as its kernel."""
    w = rng.standard_normal((out, fan_in, *kernel)) / np.sqrt(fan_in * prod(kernel))
    return "conv", {"w": w.astype(np.float32), "b": np.zeros(out, np.float32)}


def deconv(rng: Rng, fan_in: int, out: int, kernel: tuple[int, ...]) -> Step:
    """Return a transposed convolution."""
    w = rng.standard_normal((fan_in, out, *kernel)) / np.sqrt(fan_in)
    return "deconv", {"w": w.astype(np.float32), "b": np.zeros(out, np.float32)}


def norm(width: int) -> Step:
    """Return batch normalization."""
    one, zero = np.ones(width, np.float32), np.zeros(width, np.float32)
    return "norm", {"gain": one, "bias": zero.copy(), "mean": zero.copy(), "var": one.copy()}


def noisy(width: int, extras: str) -> tuple[Step, ...]:
    """Return the layers that differ in training: ``norm``, ``dropout``, both or neither."""
    steps: tuple[Step, ...] = (norm(width),) if "norm" in extras else ()
    return (*steps, ("dropout", {"share": 0.1})) if "dropout" in extras else steps


def label_step(rng: Rng, name: str, kind: str) -> tuple[Step, int]:
    """Return the step that appends a label, one-hot or an index, and how many values it adds."""
    if kind == "one_hot":
        return ("append", {"input": name}), 10
    table = (rng.standard_normal((10, 10)) + 2 * np.eye(10)).astype(np.float32)
    return ("append", {"input": name, "table": table}), 10


LABEL_SHAPES: Mapping[str, tuple[tuple[int, ...], str]] = {
    "one_hot": ((10,), "float32"),
    "index": ((), "int64"),
}


def encoder(
    rng: Rng, shape: tuple[int, ...], dim: int, *, label: tuple[str, str] | None = None,
    extras: str = "", main: str = "x", heads: tuple[str, ...] = ("mean", "spread"),
) -> Net:  # fmt: skip
    """Return a dense encoder; `label` is name and kind of a further input."""
    inputs: dict[str, Any] = {main: (shape, "float32")}
    steps: list[Step] = [("flatten", {})] if len(shape) > 1 else []
    size = prod(shape)
    if label is not None:
        inputs[label[0]] = LABEL_SHAPES[label[1]]
        step, more = label_step(rng, *label)
        steps, size = [*steps, step], size + more
    steps += [dense(rng, size, WIDTH), *noisy(WIDTH, extras), ("relu", {})]
    ends = {name: (dense(rng, WIDTH, dim),) for name in heads}
    return Net(inputs, tuple(steps), ends, {name: (name,) for name in heads}, main=main)


def decoder(
    rng: Rng, dim: int, shape: tuple[int, ...], *, label: tuple[str, str] | None = None,
    extras: str = "", main: str = "z", end: tuple[Step, ...] = (), flat: bool = False,
) -> Net:  # fmt: skip
    """Return a dense decoder; `flat` leaves the rows of its output flat."""
    inputs: dict[str, Any] = {main: ((dim,), "float32")}
    steps: list[Step] = []
    size = dim
    if label is not None:
        inputs[label[0]] = LABEL_SHAPES[label[1]]
        step, more = label_step(rng, *label)
        steps, size = [step], size + more
    steps += [dense(rng, size, WIDTH), *noisy(WIDTH, extras), ("relu", {})]
    out = [dense(rng, WIDTH, prod(shape))]
    out += [] if flat or len(shape) == 1 else [("reshape", {"shape": shape})]
    name = "recon" if "y" in inputs else "y"
    return Net(inputs, tuple(steps), {"out": (*out, *end)}, {name: ("out",)}, main=main)


def spatial_encoder(
    rng: Rng, shape: tuple[int, ...], channels: int, *, last: bool = False,
    heads: tuple[str, ...] = ("mean", "spread"), main: str = "x",
) -> Net:  # fmt: skip
    """Return an encoder whose latents are an image a quarter as large."""
    colors = shape[-1] if last else shape[0]
    trunk = (conv(rng, colors, 32, (4, 4)), ("relu", {}))
    ends = {name: (conv(rng, 32, channels, (1, 1)),) for name in heads}
    found = {name: (name,) for name in heads}
    return Net({main: (shape, "float32")}, trunk, ends, found, main, last=last, join=_axis(last))


def spatial_decoder(
    rng: Rng, shape: tuple[int, ...], channels: int, *, last: bool = False,
    end: tuple[Step, ...] = (), main: str = "z",
) -> Net:  # fmt: skip
    """Return a decoder from such latents."""
    colors, *sizes = (shape[-1], *shape[:-1]) if last else shape
    small = tuple(size // 4 for size in sizes)
    latent = (*small, channels) if last else (channels, *small)
    steps = (conv(rng, channels, 32, (1, 1)), ("relu", {}))
    out = {"out": (deconv(rng, 32, colors, (4, 4)), *end)}
    inputs = {main: (latent, "float32")}
    return Net(inputs, steps, out, {"y": ("out",)}, main, last=last, join=_axis(last))


def _axis(last: bool) -> int:
    return -1 if last else 1
