"""A bundle of two ONNX files: a linear encoder and decoder of small gray images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, write_bundle

INTEGERS = ("axes", "shape")


def write_tiny_bundle(folder, *, side=8, dim=4, seed=0, variational=True, weights=None):
    """Write mu = x W, log_var = x V - 3, image = clip(z W'), and return the folder.

    A black image has latents 0 / 0. `weights` is W, shape (side * side, dim), random if not given.
    """
    folder.mkdir(parents=True)
    rng, size = np.random.default_rng(seed), side * side
    if weights is None:
        weights = rng.normal(0, 2 / side, (size, dim))
    arrays = {
        "W": weights,
        "V": rng.normal(0, 0.1 / side, (size, dim)),
        "b": np.full(dim, -3.0),
        "D": np.linalg.pinv(weights),
        "axes": np.array([1]),
    }
    heads = {"mu": ("MatMul", ["lit", "W"])}
    if variational:
        heads["log_var"] = ("Gemm", ["lit", "V", "b"])
    image, latent = (side, side, 1), (dim,)
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("ReduceSum", ["flat", "axes"], ["light"]),
        helper.make_node("Div", ["light", "light"], ["one"]),
        helper.make_node("Mul", ["flat", "one"], ["lit"]),
    ]
    nodes += [helper.make_node(kind, names, [head]) for head, (kind, names) in heads.items()]
    _save(folder / "encoder.onnx", nodes, {"image": image}, dict.fromkeys(heads, latent), arrays)
    nodes = [
        helper.make_node("MatMul", ["z", "D"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["raw"]),
        helper.make_node("Clip", ["raw", "low", "high"], ["image"]),
    ]
    arrays |= {"shape": np.array([-1, *image]), "low": np.array(0.0), "high": np.array(1.0)}
    _save(folder / "decoder.onnx", nodes, {"z": latent}, {"image": image}, arrays)
    encoder = EncoderSpec(
        file="encoder.onnx", input="image", mu="mu", log_var="log_var" if variational else None
    )
    decoder = DecoderSpec(file="decoder.onnx", input="z", output="image")
    bundle = Bundle(
        name="tiny", image_shape=image, latent_shape=latent, encoder=encoder, decoder=decoder
    )
    write_bundle(folder, bundle)
    return folder


def write_images(path, count=240, *, side=8, seed=0, black=()):
    """Write random images with digits and a split as an .npz; those in `black` are black."""
    rng = np.random.default_rng(seed)
    x = rng.random((count, side, side), dtype=np.float32)
    x[list(black)] = 0
    train = count * 4 // 5
    y = rng.integers(0, 10, count)
    np.savez(path, x_train=x[:train], y_train=y[:train], x_test=x[train:], y_test=y[train:])
    return Path(path)


def _save(path, nodes, inputs, outputs, arrays):
    used = {name for node in nodes for name in node.input} & set(arrays)
    weights = [
        numpy_helper.from_array(arrays[n].astype(np.int64 if n in INTEGERS else np.float32), n)
        for n in sorted(used)
    ]
    ends = [
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
            for name, shape in side.items()
        ]
        for side in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, path.stem, *ends, initializer=weights)
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
