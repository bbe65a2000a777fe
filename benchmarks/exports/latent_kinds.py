"""Kinds about the latent outputs: which is the mean, what the spread is, halves, scales."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from exports.building import build, train_images, with_outputs
from exports.case import Case
from exports.data import colored_digits, digits
from exports.image_kinds import layout_of
from exports.kinds import kind
from exports.net import Draw

Rng = np.random.Generator


@kind(
    "spread, names, exporter",
    "log_var|log_std|variance|std|softplus, names of a log variance, legacy",
    "log_var|log_std|variance|std|softplus, no names, dynamo",
    "log_var|log_std|variance|std|softplus, no names, hand",
    "log_var|log_std|variance, only z, legacy",
    "log_std|std, no names, tf2onnx",
)
def drawn(rng: Rng, spread: str, names: str, exporter: str) -> Case:
    images, _ = digits(rng)
    model = train_images(rng, images, spread=spread, layout=layout_of(exporter), dim=4)
    outputs = {
        "names of a log variance": {"mean": "z_mean", "spread": "z_log_var", "z": "z"},
        "no names": [{"spread": "out_a", "mean": "out_b", "z": "out_c"},
                     {"z": "out_a", "mean": "out_b", "spread": "out_c"}][rng.integers(2)],
        "only z": {"z": "latent"},
    }[names]  # fmt: skip
    encoder = replace(with_outputs(model.encoder, **outputs), draw=Draw(spread))
    what = f"z = mean + noise times what {spread} says, in the graph; {names}"
    decoding = bool(rng.integers(2)) or names == "only z"
    return build(replace(model, encoder=encoder), what, exporter=exporter, decoding=decoding)


LIBRARIES = {
    "mu logvar": "log_var", "z_mean z_log_var": "log_var", "loc scale": "std",
    "qz_m qz_v": "variance", "embedding log_covariance": "log_var", "mean std": "std",
    "mu log_sigma": "log_std", "z_loc z_scale": "std", "mu log_std": "log_std",
    "mean variance": "variance", "mean log_var": "log_var", "mu sigma": "std",
    "posterior_mean posterior_logvar": "log_var", "fc_mu fc_var": "log_var",
}  # fmt: skip
"""Names of the two outputs in several libraries, and what the second holds there."""


@kind(
    "names, halves, exporter",
    *(
        f"{names}, {('encoder', 'both')[i % 2]}, {('legacy', 'dynamo', 'hand', 'tf2onnx')[i % 4]}"
        for i, names in enumerate(LIBRARIES)
    ),
    "mu logvar, encoder, keras file",
    "loc scale, both, hand",
)
def library_names(rng: Rng, names: str, halves: str, exporter: str) -> Case:
    images, _ = digits(rng)
    spread = LIBRARIES[names]
    model = train_images(rng, images, spread=spread, layout=layout_of(exporter), dim=4)
    mean, other = names.split()
    encoder = with_outputs(model.encoder, mean=mean, spread=other)
    suffix = "keras" if exporter == "keras file" else "onnx"
    files = (f"model/encoder.{suffix}", f"model/decoder.{suffix}")
    return build(replace(model, encoder=encoder), f"outputs {mean} and {other}: {spread}",
                 exporter=exporter, names=files, decoding=halves == "both")  # fmt: skip


@kind(
    "names, first, halves, exporter",
    "a b|getitem_1 getitem_2, mean|spread, both, dynamo",
    "output_0 output_1|val_3 val_7, mean|spread, both, legacy",
    "dense_1 dense_2|124 123, mean|spread, both, hand",
    "Identity Identity_1, mean|spread, both, keras",
    "a b|output_0 output_1, mean|spread, encoder, legacy",
)
def no_names(rng: Rng, names: str, first: str, halves: str, exporter: str) -> Case:
    images, _ = digits(rng)
    model = train_images(rng, images, layout=layout_of(exporter), dim=4)
    order = ("mean", "spread") if first == "mean" else ("spread", "mean")
    outputs = dict(zip(order, names.split(), strict=True))
    both = halves == "both"
    return build(replace(model, encoder=with_outputs(model.encoder, **outputs)),
                 f"outputs without meaning, {first} first", exporter=exporter, decoding=both,
                 expect="right" if both else "right or refused")  # fmt: skip


@kind(
    "order, name, exporter",
    "halves|reversed, dense, legacy|dynamo|hand|keras",
    "halves|reversed, moments, legacy",
)
def two_halves(rng: Rng, order: str, name: str, exporter: str) -> Case:
    images, _ = digits(rng)
    model = train_images(rng, images, layout=layout_of(exporter), dim=4, end="logits")
    model = replace(model, encoder=with_outputs(model.encoder, **{order: name}))
    return build(model, f"one output of 2 x 4, {order}", exporter=exporter)


@kind(
    "outputs, exporter",
    "z|two|halves|reversed, legacy",
    "z|two|halves, hand",
    "two|halves|reversed, tf2onnx",
    "z, keras",
    "halves, dynamo",
)
def spatial(rng: Rng, outputs: str, exporter: str) -> Case:
    images, _ = digits(rng)
    spread = None if outputs == "z" else "log_var"
    model = train_images(rng, images, body="spatial", dim=3, spread=spread,
                         layout=layout_of(exporter))  # fmt: skip
    given = {
        "z": {"mean": "latent"}, "two": {"mean": "mean", "spread": "log_variance"},
        "halves": {"halves": "conv_out"}, "reversed": {"reversed": "conv_out"},
    }[outputs]  # fmt: skip
    model = replace(model, encoder=with_outputs(model.encoder, **given))
    return build(model, f"latents are images, {outputs}", exporter=exporter)


@kind(
    "latents, exporters",
    "images, legacy tf2onnx|tf2onnx hand|keras legacy|dynamo keras",
    "from flat, legacy tf2onnx|tf2onnx legacy",
    "to flat, hand keras|keras hand",
    "flat, legacy tf2onnx|tf2onnx hand|dynamo tf2onnx",
)
def transposed(rng: Rng, latents: str, exporters: str) -> Case:
    images, _ = digits(rng)
    first, second = exporters.split()
    layout = layout_of(first)
    outputs = {"mean": "mean", "spread": "log_variance"} if rng.integers(2) else {"mean": "z"}
    spread = "log_var" if len(outputs) == 2 else None
    model = train_images(rng, images, body="spatial", dim=3, spread=spread, layout=layout)
    model = replace(model, encoder=with_outputs(model.encoder, **outputs))
    given, _ = model.decoder.inputs[model.decoder.main]
    axes = (1, 2, 0) if layout == "CHW" else (2, 0, 1)
    taken = tuple(given[axis] for axis in axes)
    encoder, decoder = model.encoder, replace(model.decoder, last=layout == "CHW")
    if latents in ("from flat", "flat"):
        heads = {name: (*steps, ("flatten", {})) for name, steps in encoder.heads.items()}
        encoder = replace(encoder, heads=heads, join=1)
    if latents in ("to flat", "flat"):
        decoder = replace(decoder, trunk=(("reshape", {"shape": taken}), *decoder.trunk))
        taken = (int(np.prod(taken)),)
    decoder = replace(decoder, inputs={decoder.main: (taken, "float32")})
    back, other = model.back, layout_of(second)
    stated = {**model.stated, "decoder.layout": other}
    model = replace(
        model,
        encoder=encoder,
        decoder=decoder,
        order=(given, axes),
        stated=stated,
        back=lambda y: back(y.reshape(len(y), *model_shape(images, layout))),
    )
    return build(model, f"z-points {given}, taken in the order {axes}, {latents}",
                 exporter=first, second=second)  # fmt: skip


def model_shape(images: NDArray[np.uint8], layout: str) -> tuple[int, ...]:
    """Return the shape of a gray image in a layout."""
    _, height, width, _ = images.shape
    return (1, height, width) if layout == "CHW" else (height, width, 1)


FOLDERS = ("model/vae_encoder/model.onnx", "model/vae_decoder/model.onnx")


@kind(
    "outputs, color, config, exporter",
    "moments, gray, config|none, legacy",
    "moments, rgb, config, dynamo|hand",
    "sample, gray, config|none, legacy",
    "sample, rgb, config, hand",
    "scaled sample, gray, config, legacy|hand",
    "scaled inside, gray, config|none, legacy",
)
def diffusion(rng: Rng, outputs: str, color: str, config: str, exporter: str) -> Case:
    images, _ = digits(rng) if color == "gray" else colored_digits(rng)
    names = ("sample", "latent_sample")
    model = train_images(rng, images, wants="signed", end="linear signed", body="spatial", dim=4,
                         inputs=names, storing="uint8")  # fmt: skip
    factor = float(np.round(rng.uniform(0.1, 0.4), 5))
    encoder, decoder = model.encoder, model.decoder
    scale = 1.0
    if outputs == "moments":
        encoder = with_outputs(encoder, halves="latent_parameters")
    else:
        draw = Draw("log_var", scale=1.0 if outputs == "sample" else factor)
        encoder = replace(with_outputs(encoder, z="latent_sample"), draw=draw)
    if outputs == "scaled sample":
        scale = 1 / factor
    elif outputs == "scaled inside":
        decoder = replace(decoder, trunk=(("times", {"by": 1 / factor}), *decoder.trunk))
    text = {"_class_name": "AutoencoderKL", "scaling_factor": factor, "latent_channels": 4}
    texts = {
        f"model/{half}/config.json": json.dumps(text) for half in ("vae_encoder", "vae_decoder")
    }
    return build(replace(model, encoder=encoder, decoder=decoder),
                 f"folders of a diffusion model, {outputs}, factor {factor}", exporter=exporter,
                 names=FOLDERS, scale=scale, texts=texts if config == "config" else {})  # fmt: skip


@kind("shift, exporter", "none, legacy|hand", "shift, legacy|hand")
def decoder_scale(rng: Rng, shift: str, exporter: str) -> Case:
    images, _ = digits(rng)
    names = ("sample", "latent_sample")
    model = train_images(rng, images, wants="signed", body="spatial", dim=4, inputs=names)
    factor = float(np.round(rng.uniform(0.1, 0.4), 5))
    moved = float(np.round(rng.uniform(0.3, 0.8), 4)) if shift == "shift" else 0.0
    steps = (("times", {"by": 1 / factor}), *((("plus", {"by": moved}),) if moved else ()))
    decoder = replace(model.decoder, trunk=(*steps, *model.decoder.trunk))
    encoder = with_outputs(model.encoder, halves="latent_parameters")
    config = {"scaling_factor": factor, "latent_channels": 4}
    texts = {"model/config.json": json.dumps(config | ({"shift_factor": moved} if moved else {}))}
    what = f"the decoder takes (z - {moved}) * {factor}, as config.json says"
    return build(replace(model, encoder=encoder, decoder=decoder), what, exporter=exporter,
                 names=FOLDERS, scale=factor, shift=-moved, texts=texts)  # fmt: skip
