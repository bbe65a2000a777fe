"""Kinds about files as such, and models that explain nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from exports import nets
from exports.building import build, train_images, train_rows, with_outputs
from exports.case import Case
from exports.data import digits, table
from exports.image_kinds import layout_of
from exports.kinds import kind

Rng = np.random.Generator


@kind(
    "path, exporter",
    "model_final_v3.onnx, legacy|tf2onnx",
    "net.onnx, hand",
    "run 7/best.onnx, legacy",
    "features.keras, keras file",
)
def any_name(rng: Rng, path: str, exporter: str) -> Case:
    images, _ = digits(rng)
    model = train_images(rng, images, spread=None, layout=layout_of(exporter))
    return build(model, "an encoder alone, under a name of its own", exporter=exporter,
                 names=(path, ""), model=path, decoding=False)  # fmt: skip


@kind(
    "names, exporter",
    "part_a part_b, legacy|hand",
    "enc dec, legacy",
    "digits_encoder digits_decoder, dynamo",
    "encoder_model decoder_model, tf2onnx",
    "model.encoder model.decoder, legacy",
)
def file_names(rng: Rng, names: str, exporter: str) -> Case:
    images, _ = digits(rng)
    model = train_images(rng, images, layout=layout_of(exporter))
    model = replace(model, encoder=with_outputs(model.encoder, mean="mu", spread="logvar"))
    first, second = (f"model/{name}.onnx" for name in names.split())
    return build(model, f"files called {names}", exporter=exporter, names=(first, second))


@kind("values, sidecar, exporter", "images|table, shapes, script", "images|table, none, script")
def torchscript(rng: Rng, values: str, sidecar: str, exporter: str) -> Case:
    if values == "images":
        model = train_images(rng, digits(rng)[0], wants="signed", dim=4)
    else:
        model = train_rows(rng, table(rng))
    shape = [8, 8, 1] if values == "images" else [10]
    text = "\n".join([
        'format = 1', 'runtime = "torch"', f"image_shape = {shape}",
        f"latent_shape = [{4 if values == 'images' else 3}]",
        '[encoder]', 'file = "encoder.pt"', '[decoder]', 'file = "decoder.pt"',
    ])  # fmt: skip
    texts = {"model/model.toml": text} if sidecar == "shapes" else {}
    expect = "right" if sidecar == "shapes" else "right or refused"
    return build(model, f"TorchScript, {values}; model.toml: {sidecar}", exporter=exporter,
                 names=("model/encoder.pt", "model/decoder.pt"), texts=texts,
                 options=("--trust",), expect=expect)  # fmt: skip


def _newer_ir(proto: Any) -> None:
    proto.ir_version = 99


def _newer_opset(proto: Any) -> None:
    proto.opset_import[0].version = 99


@kind("what, exporter", "IR version|opset, legacy|hand")
def too_new(rng: Rng, what: str, exporter: str) -> Case:
    images, _ = digits(rng)
    model = train_images(rng, images, spread=None)
    change: Callable[[Any], None] = _newer_ir if what == "IR version" else _newer_opset
    case = build(model, f"{what} 99: ONNX Runtime is older than the file", exporter=exporter,
                 expect="refused", reason=what)  # fmt: skip
    files = {name: replace(file, edit=change) for name, file in case.files.items()}
    return replace(case, files=files, mu=None, log_var=None, signature={})


@kind(
    "what, exporter",
    "untrained, legacy|hand|tf2onnx",
    "another decoder, legacy|dynamo",
    "constant images, legacy|hand",
    "untrained table, hand",
    "unlike data, legacy",
)
def hopeless(rng: Rng, what: str, exporter: str) -> Case:
    images, _ = digits(rng)
    layout = layout_of(exporter)
    if what == "untrained table":
        model = train_rows(rng, table(rng))
        decoder = nets.decoder(rng, 3, (10,))
    else:
        model = train_images(rng, images, layout=layout, dim=4)
        decoder = model.decoder
    if what == "untrained":
        encoder = nets.encoder(rng, (8, 8, 1) if layout == "HWC" else (1, 8, 8), 4)
        decoder = nets.decoder(rng, 4, (8, 8, 1) if layout == "HWC" else (1, 8, 8))
        model = replace(model, encoder=encoder)
    elif what == "another decoder":
        decoder = train_images(rng, images, layout=layout, dim=4).decoder
    elif what == "constant images":
        model = replace(
            model, data=np.full_like(model.data, 0.5), fed={"x": 0 * model.fed["x"] + 0.5}
        )
    elif what == "unlike data":
        noise = rng.random(model.data.shape, np.float32)
        model = replace(model, data=noise, fed={"x": noise[:, None]})
    outputs = {"mean": "mu", "spread": "logvar"}
    model = replace(model, encoder=with_outputs(model.encoder, **outputs), decoder=decoder)
    case = build(model, f"nothing explains the data: {what}", exporter=exporter, expect="flagged")
    return replace(case, explained=None)
