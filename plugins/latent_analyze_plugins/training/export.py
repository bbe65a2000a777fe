"""Writing the bundle: encoder and decoder as ONNX, samples to check them; needs Keras loaded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx.convert

from latent_analyze.plugin import (
    Bundle,
    DecoderSpec,
    EncoderSpec,
    ModelError,
    keyed_rng,
    write_bundle,
)  # fmt: skip
from latent_analyze_plugins.training.images import TrainingImages

OPSET = 18
CHECK_SAMPLES = 64


class Signature(NamedTuple):
    """Name and shape (without batch) of a graph's input, and the names of its outputs."""

    input: str
    shape: tuple[int, ...]
    outputs: tuple[str, ...]


def export_bundle(
    model: Any, images: TrainingImages, folder: Path, training: dict[str, Any]
) -> None:
    """Write encoder.onnx, decoder.onnx, check.npz and, last, model.toml.

    Parameters
    ----------
    model
        A trained `Autoencoder`.
    images
        What it was trained on; a seeded sample goes into check.npz.
    folder
        An existing folder.
    training
        How it was trained, as plain data.
    """
    z_dim = model.options.z_dim
    encoder = Signature("image", images.shape, model.heads)
    decoder = Signature("z", (z_dim,), ("image",))
    _write_onnx(folder / "encoder.onnx", partial(model.encoder, training=False), encoder)
    _write_onnx(folder / "decoder.onnx", lambda z: {"image": model.generate(z)}, decoder)
    np.savez(folder / "check.npz", allow_pickle=False, **check_arrays(model, images))
    log_var = "log_var" if "log_var" in model.heads else None
    side: dict[str, Any] = {"layout": "HWC", "range": (0.0, 1.0)}
    bundle = Bundle(
        name=training["trainer"],
        image_shape=images.shape,
        latent_shape=(z_dim,),
        encoder=EncoderSpec(file="encoder.onnx", input="image", mu="mu", log_var=log_var, **side),
        decoder=DecoderSpec(file="decoder.onnx", input="z", output="image", **side),
        check="check.npz",
        training=training,
    )
    write_bundle(folder, bundle)


def check_arrays(model: Any, images: TrainingImages) -> dict[str, Any]:
    """Return a sample x, and mu, log_var and decoded (of mu) as Keras computes them."""
    rng = keyed_rng(model.options.seed, "check")
    rows = rng.choice(images.rows, min(CHECK_SAMPLES, len(images.rows)), replace=False)
    x = images.fetch(np.sort(rows))
    latents = model.encoder(x, training=False)
    arrays = {"x": x, **latents, "decoded": model.generate(latents["mu"])}
    return {name: np.asarray(values, np.float32) for name, values in arrays.items()}


def _write_onnx(path: Path, function: Callable[..., Any], signature: Signature) -> None:
    tensor = tf.TensorSpec((None, *signature.shape), tf.float32, name=signature.input)
    proto, _ = tf2onnx.convert.from_function(
        tf.function(function), input_signature=[tensor], opset=OPSET
    )
    tidy(proto.graph, path.stem, signature)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)


def tidy(graph: Any, name: str, signature: Signature) -> None:
    """Name graph, nodes and tensors by their order and put the outputs in that of `signature`.

    tf2onnx names them after counters of the process and in the order of sets: equal weights would
    make files of different bytes, and so models of different fingerprints.

    Parameters
    ----------
    graph
        An onnx.GraphProto without subgraphs; changed in place.
    name
        What it shall be called.
    signature
        Names of its input and outputs.

    Raises
    ------
    ModelError
        If the graph has other inputs or outputs.
    """
    _check(graph, signature)
    graph.name, graph.doc_string = name, ""
    graph.output.sort(key=lambda output: signature.outputs.index(output.name))
    for tensor in (*graph.input, *graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    names = {"": "", **{key: key for key in (signature.input, *signature.outputs)}}
    for i, node in enumerate(graph.node):
        node.name, node.doc_string = f"{node.op_type}_{i}", ""
        _rename(node.input, names)
        _rename(node.output, names)
    for initializer in graph.initializer:
        initializer.name = names[initializer.name]
    graph.initializer.sort(key=lambda initializer: initializer.name)
    del graph.value_info[:]


def _rename(tensors: Any, names: dict[str, str]) -> None:
    for i, tensor in enumerate(tensors):
        tensors[i] = names.setdefault(tensor, f"tensor_{len(names)}")


def _check(graph: Any, signature: Signature) -> None:
    inputs, outputs = [t.name for t in graph.input], sorted(t.name for t in graph.output)
    if inputs != [signature.input] or outputs != sorted(signature.outputs):
        raise ModelError(
            f"an ONNX graph from {signature.input} to {', '.join(signature.outputs)}",
            found=f"one from {', '.join(inputs)} to {', '.join(outputs)} after tf2onnx",
            next_step="install another version of tf2onnx",
        )
