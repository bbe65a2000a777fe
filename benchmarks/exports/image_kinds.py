"""Kinds about images: values in, values out, layouts."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from exports.building import LAST, build, train_images, with_outputs
from exports.case import Case
from exports.data import colored_digits, digits, photos
from exports.kinds import kind
from exports.spaces import space

Rng = np.random.Generator


def layout_of(exporter: str) -> str:
    """Return the layout of the images of an exporter."""
    return "HWC" if exporter in LAST else "CHW"


@kind(
    "stored, wants, exporter",
    "unit|signed|uint8, unit, legacy",
    "unit|signed|uint8, signed, dynamo",
    "unit|signed|uint8, bytes, hand",
    "unit|signed|uint8, mnist, legacy",
    "unit|uint8, own, tf2onnx",
    "signed, signed, keras",
    "uint8, unit|bytes, tf2onnx",
    "bytes, unit|bytes, legacy",
    "unit, signed|bytes, keras file",
)
def values_in(rng: Rng, stored: str, wants: str, exporter: str) -> Case:
    images, _ = digits(rng)
    model = train_images(
        rng,
        images,
        wants=wants,
        storing=stored,
        layout=layout_of(exporter),
        dim=4 + rng.integers(4),
    )
    if exporter != "keras":
        model = replace(model, encoder=with_outputs(model.encoder, mean="mu", spread="logvar"))
    names = tuple(f"model/{half}.{'keras' if exporter == 'keras file' else 'onnx'}"
                  for half in ("encoder", "decoder"))  # fmt: skip
    expect = "right or refused or flagged" if wants == "own" else "right"
    what = f"images stored as {stored}, for a model that takes {wants}"
    return build(model, what, exporter=exporter, names=names, expect=expect)


@kind(
    "wants, stored, exporter",
    "imagenet, unit, legacy|tf2onnx",
    "imagenet, uint8, dynamo",
    "own, unit, hand",
    "signed, uint8, tf2onnx",
)
def colors(rng: Rng, wants: str, stored: str, exporter: str) -> Case:
    images, _ = colored_digits(rng)
    model = train_images(
        rng, images, wants=wants, storing=stored, layout=layout_of(exporter), dim=8
    )
    expect = "right or refused or flagged" if wants == "own" else "right"
    return build(model, f"three channels, {wants}", exporter=exporter, expect=expect)


@kind(
    "wants, halves, exporter",
    "own|elsewhere, both, legacy|hand",
    "elsewhere, encoder, dynamo",
    "half, both, legacy",
)
def preprocessor_file(rng: Rng, wants: str, halves: str, exporter: str) -> Case:
    images, _ = digits(rng)
    model = train_images(rng, images, wants=wants, storing=("unit", "uint8")[rng.integers(2)])
    used = space(wants, images[:300] / 255)
    text = {"do_normalize": True, "image_mean": used.mean, "image_std": used.std,
            "do_rescale": True, "rescale_factor": 1 / 255}  # fmt: skip
    texts = {"model/preprocessor_config.json": json.dumps(text)}
    if halves == "encoder":
        model = replace(model, encoder=with_outputs(model.encoder, mean="mu", spread="logvar"))
    what = f"mean and std in preprocessor_config.json, {wants}"
    return build(model, what, exporter=exporter, texts=texts, decoding=halves == "both")


@kind(
    "wants, data, exporter",
    "imagenet|cifar|clip model|half, photos, legacy|hand",
    "imagenet|cifar|clip model, digits, dynamo|tf2onnx",
    "own, photos, legacy|hand",
)
def published_moments(rng: Rng, wants: str, data: str, exporter: str) -> Case:
    images = photos(rng) if data == "photos" else colored_digits(rng)[0]
    model = train_images(
        rng, images, wants=wants, layout=layout_of(exporter), dim=12,
        storing=("unit", "uint8")[rng.integers(2)],
    )  # fmt: skip
    model = replace(model, encoder=with_outputs(model.encoder, mean="mu", spread="logvar"))
    # Published ones are so near each other that it may take more rows than there are.
    expect = "right" if wants == "half" else "right or refused"
    what = f"{data} less the mean of {wants}, over its std"
    return build(model, what, exporter=exporter, expect=expect)


@kind(
    "wants, end, exporter",
    "unit, sigmoid, dynamo",
    "unit, logits, legacy|dynamo|hand|keras",
    "signed, tanh, legacy|tf2onnx",
    "signed, before tanh, legacy|hand",
    "unit, tanh of unit, legacy|dynamo|hand",
    "unit, linear, legacy|tf2onnx|dynamo",
    "signed, linear signed, hand|legacy",
    "unit, clip, legacy|hand",
    "unit, bytes, legacy|hand|tf2onnx",
    "unit, uint8, legacy|hand|tf2onnx",
    "unit, tanh, legacy|hand",
    "signed, sigmoid, legacy",
)
def values_out(rng: Rng, wants: str, end: str, exporter: str) -> Case:
    images, _ = digits(rng)
    model = train_images(
        rng, images, wants=wants, end=end, layout=layout_of(exporter), dim=4 + rng.integers(4),
        storing=("unit", "uint8")[rng.integers(2)],
    )  # fmt: skip
    return build(model, f"takes {wants}, decoder ends with {end}", exporter=exporter)


@kind(
    "layout, exporter",
    "CHW, legacy|hand",
    "HWC, tf2onnx|keras|hand",
    "flat-CHW, legacy|hand|dynamo",
    "flat, tf2onnx|keras|legacy",
)
def layouts(rng: Rng, layout: str, exporter: str) -> Case:
    images, _ = colored_digits(rng)
    model = train_images(rng, images, layout=layout, dim=8)
    first = rng.integers(2)
    data = np.moveaxis(images, -1, 1) if first else images
    model = replace(model, data=(data[:300] / np.float32(255)).astype(np.float32))
    held = "channels first" if first else "channels last"
    return build(model, f"layout {layout}, data with {held}", exporter=exporter)


@kind("exporter, size", "legacy|hand|dynamo, 1", "legacy|tf2onnx, 4", "hand|keras, 16")
def fixed_batch(rng: Rng, exporter: str, size: str) -> Case:
    images, _ = digits(rng)
    wants = ("unit", "signed")[rng.integers(2)]
    model = train_images(rng, images, wants=wants, layout=layout_of(exporter))
    return build(model, f"the batch axis is {size}", exporter=exporter, batch=int(size))


@kind("noise, where, exporter", "norm|dropout|norm dropout, encoder|both, legacy|hand")
def training_mode(rng: Rng, noise: str, where: str, exporter: str) -> Case:
    images, _ = digits(rng)
    model = train_images(rng, images, extras=(noise, noise if where == "both" else ""), spread=None)
    what = f"{noise} in training mode in {where}; the running statistics are in the file"
    expect = "right or refused"
    return build(model, what, exporter=exporter, training=True, expect=expect)


@kind(
    "form, where, exporter",
    "one_hot|index, both, legacy|hand",
    "one_hot|index, decoder, legacy|dynamo",
    "one_hot|index, both, tf2onnx",
)
def conditional(rng: Rng, form: str, where: str, exporter: str) -> Case:
    images, labels = digits(rng)
    name = ("label", "y", "digit", "labels")[rng.integers(4)]
    model = train_images(
        rng, images, label=(name, form, where), labels=labels, layout=layout_of(exporter), dim=4
    )
    return build(model, f"label {name!r} as {form} in {where}", exporter=exporter)
