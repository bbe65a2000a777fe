"""Layouts and value ranges: there and back again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze import ModelError
from latent_analyze_adapters.models.image_tensor import ImageTensor
from latent_analyze_adapters.models.resolving import infer_layout, resolve_image

LENGTHS = st.integers(1, 6)


@st.composite
def image_tensors(draw):
    layout = draw(st.sampled_from(["HWC", "CHW", "HW", "flat"]))
    channels = 1 if layout == "HW" else draw(LENGTHS)
    low = draw(st.floats(-2, 1))
    values = draw(st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (low, low + 0.5)]))
    return ImageTensor((draw(LENGTHS), draw(LENGTHS), channels), layout, values, "float32")


@given(image=image_tensors(), count=st.integers(1, 4))
def test_there_and_back(image, count):
    x = np.random.default_rng(0).random((count, *image.shape), dtype=np.float32)
    inside = image.to_file(x)
    assert inside.shape == (count, *image.file_shape)
    assert inside.flags["C_CONTIGUOUS"]
    low, high = image.range
    assert inside.min() >= low - 1e-4
    assert inside.max() <= high + 1e-4
    flat = inside.reshape(count, -1)
    np.testing.assert_allclose(image.from_file(flat), x, atol=1e-5)


def test_bytes_are_rounded_not_cut():
    image = ImageTensor((1, 3, 1), "HWC", (0.0, 255.0), "uint8")
    x = np.array([0.499, 0.5, 1.0], np.float32).reshape(1, 1, 3, 1) * 255 / 255
    assert image.to_file(x).ravel().tolist() == [127, 128, 255]


def test_nothing_is_clipped():
    values = np.array([[-1.0, 0.5, 2.0]], np.float32)
    image = ImageTensor((1, 3, 1), "HWC", (0.0, 1.0), "float32")
    assert image.from_file(values).ravel().tolist() == [-1.0, 0.5, 2.0]
    vector = ImageTensor((3,), "flat", (0.0, 1.0), "float32")
    assert vector.from_file(values).ravel().tolist() == [-1.0, 0.5, 2.0]
    assert (image.spec.range, vector.spec.range) == ((0.0, 1.0), None)


@pytest.mark.parametrize(
    ("axes", "layout"),
    [
        ((28, 28, 1), "HWC"), ((1, 28, 28), "CHW"), ((3, 64, 48), "CHW"), ((64, 48, 3), "HWC"),
        ((3, 64, 3), "HWC"), ((16, 16, 8), "HWC"), ((3, None, None), "CHW"),
        ((None, None, 3), "HWC"), ((28, 28), "HW"), ((784,), "flat"),
    ],
)  # fmt: skip
def test_inferred_layouts(axes, layout):
    assert infer_layout(axes) == layout


def test_free_axes_come_from_the_stated_shape():
    image = resolve_image(
        (3, None, None), ("CHW", None, "float32", None), (8, 9, 3), where="x in encoder.onnx"
    )
    assert image == ImageTensor((8, 9, 3), "CHW", (0.0, 1.0), "float32")


@pytest.mark.parametrize("stated", [None, (8, 9, 4), (8, 9), (216,)])
def test_what_does_not_fit_is_refused(stated):
    with pytest.raises(ModelError, match=r"found x in encoder\.onnx; state image_shape"):
        resolve_image(
            (3, None, 9), ("CHW", None, "float32", None), stated, where="x in encoder.onnx"
        )
