"""Conditional models in ONNX files whose images show the label that the decoder got."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

SIDE, DIM, CLASSES, COUNT = 6, 3, 3, 300
SHIFTS = np.float32([0.0, 4.0, -4.0])
"""What is added to the latents of a class: with another label the encoder does not find them."""

_RNG = np.random.default_rng(0)
BASIS = np.linalg.qr(_RNG.standard_normal((SIDE * (SIDE - 1), DIM)))[0].T.astype(np.float32)
LABELS = _RNG.choice(CLASSES, COUNT, p=[0.2, 0.5, 0.3])
SCALE = 0.3


def images(latents: Any, labels: Any) -> np.ndarray:
    """Return images (n, SIDE, SIDE, 1): the label in the first line, the latents in the others."""
    found = np.zeros((len(latents), SIDE, SIDE, 1), np.float32)
    found[np.arange(len(latents)), 0, labels] = 1
    inner = 0.5 + SCALE * (latents - SHIFTS[labels][:, None]) @ BASIS
    found[:, 1:] = inner.reshape(len(latents), SIDE - 1, SIDE, 1)
    return found


IMAGES = images(_RNG.standard_normal((COUNT, DIM)).clip(-2, 2) + SHIFTS[LABELS][:, None], LABELS)


def shown_labels(found: np.ndarray) -> np.ndarray:
    """Return the labels that images (..., SIDE, SIDE, 1) show."""
    return found[..., 0, :CLASSES, 0].argmax(axis=-1)


def write_data(path: Path, **labels: Any) -> Path:
    """Write images and labels (by default the true ones) as an .npz file."""
    np.savez(path, x=IMAGES, **(labels or {"label": LABELS}))
    return path


def write_model(folder: Path, form: str) -> Path:
    """Write an encoder and a decoder that take the label as ``"one_hot"`` or ``"index"``."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        "shifts": np.repeat(SHIFTS[:, None], DIM, axis=1), "lines": np.eye(CLASSES, SIDE),
        "basis": SCALE * BASIS, "inverse": BASIS.T / SCALE, "half": [0.5], "from": [1],
        "to": [SIDE], "axis": [1], "flat": [-1, SIDE * (SIDE - 1)], "first": [-1, 1, SIDE, 1],
        "rest": [-1, SIDE - 1, SIDE, 1],
    }  # fmt: skip
    encoder = [
        ("Slice", "x", "from", "to", "axis", "a"), ("Reshape", "a", "flat", "b"),
        ("Sub", "b", "half", "c"), ("MatMul", "c", "inverse", "d"), ("Add", "d", "shift", "mu"),
    ]  # fmt: skip
    decoder = [
        ("Sub", "z", "shift", "a"), ("MatMul", "a", "basis", "b"), ("Add", "b", "half", "c"),
        ("Reshape", "c", "rest", "e"), ("Reshape", "line", "first", "f"),
        ("Concat", "f", "e", "image"),
    ]  # fmt: skip
    image, latent = [SIDE, SIDE, 1], [DIM]
    _write(folder / "encoder.onnx", encoder, weights, form, x=image, mu=latent)
    _write(folder / "decoder.onnx", decoder, weights, form, z=latent, image=image)
    return folder


def _write(path: Path, nodes: Any, weights: Any, form: str, **ends: list[int]) -> None:
    taken = ("MatMul", "label", "{}") if form == "one_hot" else ("Gather", "{}", "label")
    looked_up = [
        (taken[0], *(name.format(table) for name in taken[1:]), out)
        for table, out in (("shifts", "shift"), ("lines", "line"))
        if any(out in node for node in nodes)
    ]
    made = [
        helper.make_node(kind, list(inputs), [out], **({"axis": 1} if kind == "Concat" else {}))
        for kind, *inputs, out in (*looked_up, *nodes)
    ]
    floats = ("shifts", "lines", "basis", "inverse", "half")
    used = {name for node in made for name in node.input}
    held = [
        numpy_helper.from_array(np.asarray(value, np.float32 if name in floats else np.int64), name)
        for name, value in weights.items()
        if name in used
    ]
    first, last = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
        for name, shape in ends.items()
    )
    kind = TensorProto.FLOAT if form == "one_hot" else TensorProto.INT64
    shape = ["N", CLASSES] if form == "one_hot" else ["N"]
    label = helper.make_tensor_value_info("label", kind, shape)
    graph = helper.make_graph(made, "g", [first, label], [last], initializer=held)
    opset = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
