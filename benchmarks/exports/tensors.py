"""The operations of a network in TensorFlow and in Keras, and what exports them: channels last."""

# ruff: noqa: D102

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray

from exports.net import Net, forward, outputs

tf.config.threading.set_intra_op_parallelism_threads(1)


class TensorOps:
    """The operations in TensorFlow."""

    exp, sqrt, tanh = staticmethod(tf.exp), staticmethod(tf.sqrt), staticmethod(tf.tanh)
    add, multiply, divide = staticmethod(tf.add), staticmethod(tf.multiply), staticmethod(tf.divide)
    relu, sigmoid = staticmethod(tf.nn.relu), staticmethod(tf.sigmoid)
    softplus = staticmethod(tf.nn.softplus)

    def flatten(self, x: Any) -> Any:
        return tf.reshape(x, (-1, int(np.prod(x.shape[1:]))))

    def reshape(self, x: Any, shape: Sequence[int]) -> Any:
        return tf.reshape(x, (-1, *shape))

    def dense(self, x: Any, w: NDArray[Any], b: NDArray[Any]) -> Any:
        return tf.nn.bias_add(tf.matmul(x, w.T), b)

    def clip(self, x: Any) -> Any:
        return tf.clip_by_value(x, 0.0, 1.0)

    def times(self, x: Any, by: float) -> Any:
        return x * by

    def plus(self, x: Any, by: float) -> Any:
        return x + by

    def to_bytes(self, x: Any) -> Any:
        return tf.cast(tf.clip_by_value(tf.round(x), 0.0, 255.0), tf.uint8)

    def concat(self, values: list[Any], axis: int) -> Any:
        return tf.concat(values, axis)

    def normal(self, x: Any) -> Any:
        return tf.random.normal(tf.shape(x))

    def gather(self, table: Any, index: Any) -> Any:
        return tf.gather(tf.constant(table), index)

    def cast(self, x: Any, dtype: str) -> Any:
        return tf.cast(x, dtype)

    def expand(self, x: Any) -> Any:
        return tf.expand_dims(x, -1)

    def sum(self, x: Any) -> Any:
        return tf.reduce_sum(x, 1)

    def nearest(self, codes: Any, codebook: NDArray[Any]) -> Any:
        flat = tf.reshape(codes, (-1, codebook.shape[1]))
        distances = (codebook**2).sum(1) - 2 * tf.matmul(flat, codebook.T)
        return tf.reshape(tf.argmin(distances, 1), (-1, *codes.shape[1:-1]))

    def to_last(self, x: Any, last: bool) -> Any:
        return x

    def to_first(self, x: Any, last: bool) -> Any:
        return x

    def conv(self, x: Any, w: NDArray[Any], b: NDArray[Any]) -> Any:
        kernel = w.transpose(*range(2, w.ndim), 1, 0)
        return tf.nn.convolution(x, kernel, strides=w.shape[2:], padding="VALID") + b

    def deconv(self, x: Any, w: NDArray[Any], b: NDArray[Any]) -> Any:
        kernel = w.transpose(*range(2, w.ndim), 1, 0)
        sizes = [n * k for n, k in zip(x.shape[1:-1], w.shape[2:], strict=True)]
        shape = (tf.shape(x)[0], *sizes, w.shape[1])
        return tf.nn.conv_transpose(x, kernel, shape, w.shape[2:], padding="VALID") + b


class LayerOps:
    """The operations that are layers of Keras; weights are set once the model is there."""

    def __init__(self) -> None:
        self.weights: list[tuple[Any, list[Any]]] = []

    def _put(self, layer: Any, x: Any, weights: list[Any]) -> Any:
        self.weights.append((layer, weights))
        return layer(x)

    def flatten(self, x: Any) -> Any:
        return keras.layers.Flatten()(x)

    def reshape(self, x: Any, shape: Sequence[int]) -> Any:
        return keras.layers.Reshape(shape)(x)

    def dense(self, x: Any, w: NDArray[Any], b: NDArray[Any]) -> Any:
        return self._put(
            keras.layers.Dense(len(w), name=f"hidden_{len(self.weights)}"), x, [w.T, b]
        )

    def conv(self, x: Any, w: NDArray[Any], b: NDArray[Any]) -> Any:
        layer = keras.layers.Conv2D(len(w), w.shape[2:], strides=w.shape[2:])
        return self._put(layer, x, [w.transpose(2, 3, 1, 0), b])

    def deconv(self, x: Any, w: NDArray[Any], b: NDArray[Any]) -> Any:
        layer = keras.layers.Conv2DTranspose(w.shape[1], w.shape[2:], strides=w.shape[2:])
        return self._put(layer, x, [w.transpose(2, 3, 1, 0), b])

    def relu(self, x: Any) -> Any:
        return keras.layers.Activation("relu")(x)

    def sigmoid(self, x: Any) -> Any:
        return keras.layers.Activation("sigmoid")(x)

    def tanh(self, x: Any) -> Any:
        return keras.layers.Activation("tanh")(x)

    def softplus(self, x: Any) -> Any:
        return keras.layers.Activation("softplus")(x)

    def exp(self, x: Any) -> Any:
        return keras.layers.Activation("exponential")(x)

    def times(self, x: Any, by: float) -> Any:
        return keras.layers.Rescaling(by)(x)

    def concat(self, values: list[Any], axis: int) -> Any:
        return keras.layers.Concatenate(axis)(values)


def keras_model(net: Net, batch: int | None) -> Any:
    """Return a functional model; its outputs are the layers of these names."""
    ops = LayerOps()
    given = {
        name: keras.Input(shape, batch_size=batch, dtype=dtype, name=name)
        for name, (shape, dtype) in net.inputs.items()
    }
    found = outputs(net, forward(net, given, ops), ops)
    ends = [keras.layers.Activation("linear", name=name)(y) for name, y in found.items()]
    model = keras.Model(list(given.values()), ends if len(ends) > 1 else ends[0])
    for layer, weights in ops.weights:
        layer.set_weights(weights)
    return model


def write_keras(net: Net, path: Path, batch: int | None, training: bool) -> None:
    """Export a Keras model to ONNX as `Model.export` does: the outputs lose their names."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        model = keras_model(net, batch)
        zeros = [np.zeros((batch or 1, *shape), d) for shape, d in net.inputs.values()]
        model(zeros if len(zeros) > 1 else zeros[0])
        model.export(str(path), format="onnx", verbose=False)


def write_keras_file(net: Net, path: Path, batch: int | None, training: bool) -> None:
    """Save a .keras file."""
    keras_model(net, batch).save(path)


def write_tf2onnx(net: Net, path: Path, batch: int | None, training: bool) -> None:
    """Convert a TensorFlow function with tf2onnx, outputs by name."""
    ops = TensorOps()

    def call(*given: Any) -> Any:
        values = forward(net, dict(zip(net.inputs, given, strict=True)), ops)
        return outputs(net, values, ops)

    signature = [
        tf.TensorSpec((batch, *shape), dtype, name=name)
        for name, (shape, dtype) in net.inputs.items()
    ]
    proto, _ = tf2onnx.convert.from_function(tf.function(call), signature, opset=OPSET)
    onnx.save(proto, path)


OPSET = 15
WRITERS = {"keras": write_keras, "keras file": write_keras_file, "tf2onnx": write_tf2onnx}
