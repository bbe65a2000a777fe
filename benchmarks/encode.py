"""Encoding MNIST-sized images into a store, against Keras' predict and a bare ONNX Runtime loop."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ratios import arguments, relative_times, show

import latent_analyze as la

SIDE = 28
FILTERS = (32, 64, 128)
BATCH = 256


def build_encoder(z_dim: int) -> Any:
    """Return an untrained encoder like the trainer's: the weights do not matter to the time."""
    import keras
    from keras import layers

    image = x = keras.Input((SIDE, SIDE, 1), name="image")
    for filters in FILTERS:
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Flatten()(x)
    heads = {name: layers.Dense(z_dim, name=name)(x) for name in ("mu", "log_var")}
    return keras.Model(image, heads)


def export(encoder: Any, path: Path) -> Path:
    import tensorflow as tf
    import tf2onnx.convert

    @tf.function
    def function(image: Any) -> Any:
        return encoder(image, training=False)

    signature = [tf.TensorSpec((None, SIDE, SIDE, 1), tf.float32, name="image")]
    tf2onnx.convert.from_function(
        function, input_signature=signature, opset=18, output_path=str(path)
    )
    return path


def bare_loop(model: Path, pixels: NDArray[np.float32]) -> list[Any]:
    import onnxruntime as ort

    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    starts = range(0, len(pixels), BATCH)
    return [session.run(None, {name: pixels[start : start + BATCH]}) for start in starts]


def into_store(model: Path, data: Path, store: Path) -> None:
    shutil.rmtree(store, ignore_errors=True)
    la.encode(model, data, store)


def main() -> None:
    rows, z_dim, repeats = arguments(__doc__, (20_000, 16, 3))
    images = np.random.default_rng(0).integers(0, 256, (rows, SIDE, SIDE), dtype=np.uint8)
    pixels = images[..., None].astype(np.float32) / 255
    encoder = build_encoder(z_dim)
    with TemporaryDirectory() as name:
        folder = Path(name)
        model, data = export(encoder, folder / "encoder.onnx"), folder / "images.npz"
        np.savez(data, x_train=images)
        ways = {
            "keras predict, batch 32": lambda: encoder.predict(pixels, verbose=0),
            f"keras predict, batch {BATCH}": lambda: encoder.predict(pixels, BATCH, verbose=0),
            "this encode, from .npz into a store": lambda: into_store(
                model, data, folder / "latents.zarr"
            ),
            "bare ONNX Runtime loop over an array": lambda: bare_loop(model, pixels),
        }
        ratios = relative_times(ways, repeats)
    show(f"encode {rows:,} images of {SIDE} x {SIDE} (unit: the first line)", ratios)


if __name__ == "__main__":
    main()
