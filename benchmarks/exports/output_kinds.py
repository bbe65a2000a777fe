"""Kinds about further outputs: codes, several latents, and whole autoencoders in one file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from exports import nets
from exports.arrays import evaluate
from exports.building import Trained, build, train_images, with_outputs
from exports.case import Case
from exports.data import ROWS, digits
from exports.image_kinds import layout_of
from exports.kinds import kind
from exports.net import Draw

Rng = np.random.Generator


def quantizing(rng: Rng, exporter: str) -> Trained:
    """Return a model whose latents are the nearest of 64 codes."""
    from sklearn.cluster import KMeans

    images, _ = digits(rng)
    model = train_images(rng, images, body="spatial", dim=4, spread=None,
                         layout=layout_of(exporter))  # fmt: skip
    mean = evaluate(model.encoder, dict(model.fed))["mean"]
    vectors = mean if model.encoder.last else np.moveaxis(mean, 1, -1)
    found = KMeans(64, n_init=1, random_state=0, max_iter=50).fit(vectors.reshape(-1, 4))
    codes = found.cluster_centers_.astype(np.float32)
    return replace(model, encoder=replace(model.encoder, codebook=codes))


@kind(
    "order, exporter",
    "indices quantized, legacy|dynamo|hand|tf2onnx",
    "quantized indices, legacy|hand",
    "quantized, legacy|hand",
    "z_e quantized indices, hand",
)
def quantized(rng: Rng, order: str, exporter: str) -> Case:
    model = quantizing(rng, exporter)
    heads = {"mean" if word == "z_e" else word: word for word in order.split()}
    encoder = with_outputs(model.encoder, **heads)
    decoder = replace(model.decoder, outputs={"recon": ("out",)})
    what = f"outputs {order} of a VQ-VAE; the decoder takes quantized"
    return build(replace(model, encoder=encoder, decoder=decoder), what, exporter=exporter)


@kind("decoder, exporter", "with, hand", "without, legacy|dynamo|hand|tf2onnx")
def codes(rng: Rng, decoder: str, exporter: str) -> Case:
    model = quantizing(rng, exporter)
    model = replace(model, encoder=with_outputs(model.encoder, indices="indices"))
    indices = evaluate(model.encoder, dict(model.fed))["indices"]
    case = build(model, "latents are numbers of codes, no coordinates", exporter=exporter,
                 decoding=decoder == "with", mu=None,
                 codes=indices.reshape(len(indices), -1))  # fmt: skip
    if decoder == "without":
        return case
    assert model.decoder is not None
    looked = ("look_up", {"table": model.encoder.codebook})
    taking = replace(
        model.decoder, inputs={"z": ((2, 2), "int64")}, trunk=(looked, *model.decoder.trunk)
    )
    path = "model/decoder.onnx"
    return replace(case, files={**case.files, path: replace(case.files[path], net=taking)})


@kind(
    "order, names, shapes, exporter",
    "first|second, z1 z2, unlike, legacy|hand",
    "first|second, z1 z2, alike, legacy|dynamo",
    "first|second, a b, alike, hand",
    "first, z_bottom z_top, unlike, tf2onnx",
)
def several_latents(rng: Rng, order: str, names: str, shapes: str, exporter: str) -> Case:
    images, _ = digits(rng)
    named = names.split()
    inputs = ("x", named[0] if named[0] != "a" else "latent")
    model = train_images(rng, images, spread=None, dim=5, layout=layout_of(exporter), inputs=inputs)
    size = 5 if shapes == "alike" else 2
    heads = {**model.encoder.heads, "other": (nets.dense(rng, nets.WIDTH, size),)}
    given = {"mean": named[0], "other": named[1]}
    given = given if order == "first" else dict(reversed(given.items()))
    encoder = with_outputs(replace(model.encoder, heads=heads), **given)
    what = f"two latents of {shapes} shapes; the decoder takes {named[0]}"
    return build(replace(model, encoder=encoder), what, exporter=exporter)


@kind(
    "outputs, exporter",
    "tail mean spread, legacy|dynamo|hand|tf2onnx",
    "tail mean, legacy|hand|tf2onnx",
    "mean spread tail, legacy|hand",
    "tail mean spread z, legacy|hand",
    "tail, legacy",
)
def one_file(rng: Rng, outputs: str, exporter: str) -> Case:
    images, _ = digits(rng)
    wants = ("unit", "signed")[rng.integers(2)]
    end = ("", "logits")[rng.integers(2)] if wants == "unit" else ""
    model = train_images(rng, images, wants=wants, end=end, dim=4, layout=layout_of(exporter),
                         spread="log_var" if "spread" in outputs else None)  # fmt: skip
    words = {"tail": "recon", "mean": "mu", "spread": "logvar", "z": "z"}
    encoder = with_outputs(model.encoder, **{head: words[head] for head in outputs.split()})
    draw = Draw("log_var") if "z" in outputs.split() else None
    decoder = model.decoder
    assert decoder is not None
    whole = replace(encoder, draw=draw, tail=(*decoder.trunk, *decoder.heads["out"]))
    path = "model.onnx" if rng.integers(2) else "model/model.onnx"
    expect = "refused" if outputs == "tail" else "right"
    case = build(replace(model, encoder=whole), f"one file, outputs {outputs}", exporter=exporter,
                 names=(path, "decoder"), model=path, expect=expect)  # fmt: skip
    files = {name: file for name, file in case.files.items() if name != "decoder"}
    return replace(case, files=files, data=case.data[:ROWS])
