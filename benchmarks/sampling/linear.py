"""The best linear autoencoder of some axes, as a bundle of two ONNX files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, Host, write_bundle
from latent_analyze.runs.opening import open_dataset
from latent_analyze_plugins.training.images import open_images
from latent_analyze_plugins.training.output import staged

End = tuple[str, tuple[int, ...]]
"""Name and shape, without the batch, of an input or output."""
SHARE = 0.8
"""Of the training rows; which ones depends on the seed."""
OPSET = 18


def fit_linear(data: str, output: Path, *, seed: int, axes: int) -> None:
    """Fit principal components to the training images, and write encoder and decoder.

    No linear autoencoder of as many axes has a smaller squared error (Baldi and Hornik 1989).

    Parameters
    ----------
    data
        As `latent-analyze` names it.
    output
        Folder of the bundle.
    seed
        Of the rows.
    axes
        Latent dimensions.
    """
    images = open_images(open_dataset(data, Host()), lambda *_: None)
    rows = np.random.default_rng(seed).permutation(images.rows)
    x = images.fetch(np.sort(rows[: int(SHARE * len(rows))])).reshape(
        -1, int(np.prod(images.shape))
    )
    mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
    x = x - mean
    axis = np.linalg.eigh((x.T @ x).astype(np.float64))[1][:, ::-1][:, :axes].astype(np.float32)
    with staged(output) as folder:
        write_linear(folder, images.shape, mean=mean, axis=axis)


def write_linear(
    folder: Path, shape: tuple[int, ...], *, mean: NDArray[np.float32], axis: NDArray[np.float32]
) -> None:
    """Write z = (x - mean) axis, and x = mean + z axis^T, as ONNX, and ``model.toml``.

    Parameters
    ----------
    folder
        An existing folder.
    shape
        (H, W, C) of an image.
    mean, axis
        Shapes (pixels,) and (pixels, axes).
    """
    import onnx
    from onnx import helper

    node, axes = helper.make_node, axis.shape[1]
    encoder = [
        node("Reshape", ["image", "flat_shape"], ["flat"]),
        node("Sub", ["flat", "mean"], ["centered"]),
        node("MatMul", ["centered", "axis"], ["mu"]),
    ]
    decoder = [
        node("MatMul", ["z", "axis"], ["centered"]),
        node("Add", ["centered", "mean"], ["flat"]),
        node("Reshape", ["flat", "image_shape"], ["image"]),
    ]
    flat, whole = np.array([-1, len(mean)]), np.array([-1, *shape])
    weights = {"mean": mean, "axis": axis, "flat_shape": flat}
    graph = _graph("encoder", encoder, weights, ends=(("image", shape), ("mu", (axes,))))
    onnx.save(graph, folder / "encoder.onnx")
    weights = {"mean": mean, "axis": np.ascontiguousarray(axis.T), "image_shape": whole}
    graph = _graph("decoder", decoder, weights, ends=(("z", (axes,)), ("image", shape)))
    onnx.save(graph, folder / "decoder.onnx")
    write_bundle(folder, _bundle(shape, axes))


def _bundle(shape: tuple[int, ...], axes: int) -> Bundle:
    side = {"layout": "HWC", "range": (0.0, 1.0)}
    return Bundle(
        name="linear",
        image_shape=shape,
        latent_shape=(axes,),
        encoder=EncoderSpec(file="encoder.onnx", input="image", mu="mu", **side),
        decoder=DecoderSpec(file="decoder.onnx", input="z", output="image", **side),
    )


def _graph(
    name: str, nodes: list[Any], weights: dict[str, NDArray[Any]], *, ends: Sequence[End]
) -> Any:
    from onnx import TensorProto, checker, helper, numpy_helper

    tensors = [
        helper.make_tensor_value_info(end, TensorProto.FLOAT, ["batch", *shape])
        for end, shape in ends
    ]
    held = [numpy_helper.from_array(value, key) for key, value in weights.items()]
    graph = helper.make_graph(nodes, name, tensors[:1], tensors[1:], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    checker.check_model(model, full_check=True)
    return model
