"""Kinds whose data are no images: tables, sequences, signals, volumes, waveforms, tokens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from exports import data, nets
from exports.building import LAST, Trained, build, train_rows, with_outputs
from exports.case import Case
from exports.kinds import kind
from exports.net import Net

Rng = np.random.Generator


@kind(
    "values, halves, exporter",
    "raw, both, legacy|tf2onnx",
    "standard, both, legacy|hand|dynamo",
    "unit, both, hand|keras file",
    "positive, both, legacy",
    "raw|standard, encoder, hand",
)
def tables(rng: Rng, values: str, halves: str, exporter: str) -> Case:
    model = train_rows(rng, data.table(rng, values))
    if exporter != "keras file":
        model = replace(model, encoder=with_outputs(model.encoder, mean="mu", spread="logvar"))
    suffix = "keras" if exporter == "keras file" else "onnx"
    names = (f"model/encoder.{suffix}", f"model/decoder.{suffix}")
    return build(model, f"rows of 10 numbers, {values}", exporter=exporter, names=names,
                 decoding=halves == "both")  # fmt: skip


@kind(
    "length, spread, exporter", "30, log_var, legacy|dynamo|hand|tf2onnx", "12, none, keras|legacy"
)
def sequences(rng: Rng, length: str, spread: str, exporter: str) -> Case:
    rows = data.waves(rng, int(length), 3)
    model = train_rows(rng, rows, spread=None if spread == "none" else spread)
    if exporter != "keras" and spread != "none":
        model = replace(model, encoder=with_outputs(model.encoder, mean="mu", spread="log_var"))
    return build(model, f"sequences ({length}, 3) of values beyond [0, 1]", exporter=exporter)


@kind("halves, exporter", "encoder, legacy|hand", "both, legacy|dynamo|tf2onnx|hand")
def signals(rng: Rng, halves: str, exporter: str) -> Case:
    rows = data.waves(rng, 128, 1)[..., 0]
    axis = -1 if exporter in LAST else 1
    model = train_rows(rng, rows, spread=None, arrange=lambda x: np.expand_dims(x, axis))
    shape = "(128, 1)" if axis == -1 else "(1, 128)"
    return build(model, f"signals (n, 128) for an input {shape}", exporter=exporter,
                 decoding=halves == "both")  # fmt: skip


@kind("stored, exporter", "with channel, legacy|hand", "without channel, legacy|dynamo")
def volumes(rng: Rng, stored: str, exporter: str) -> Case:
    rows = data.volumes(rng)[:, None]
    held = rows if stored == "with channel" else rows[:, 0]
    model = train_rows(rng, rows, data=held, spread="log_var", dim=4)
    model = replace(model, encoder=with_outputs(model.encoder, mean="mu", spread="log_var"))
    return build(model, f"volumes {held.shape[1:]} for an input (1, 8, 8, 8)", exporter=exporter)


@kind("axis, exporter", "channel, legacy|hand", "none, dynamo|tf2onnx")
def waveforms(rng: Rng, axis: str, exporter: str) -> Case:
    rows = np.tanh(data.waves(rng, 256, 1, top=0.9)[..., 0])
    model = train_rows(
        rng, rows, spread=None, end=(("tanh", {}),), inputs=("audio", "z"),
        arrange=(lambda x: x[:, None]) if axis == "channel" else (lambda x: x),
    )  # fmt: skip
    return build(model, "waveforms in [-1, 1] for a decoder that ends with tanh", exporter=exporter)


@kind("order, exporter", "ids first, legacy|hand|tf2onnx", "mask first, legacy")
def tokens(rng: Rng, order: str, exporter: str) -> Case:
    ids, mask = data.tokens(rng)
    shape = (ids.shape[1:], "int64")
    table = rng.standard_normal((40, 16)).astype(np.float32)
    inputs = {"input_ids": shape, "attention_mask": shape}
    if order == "mask first":
        inputs = dict(reversed(inputs.items()))
    steps = (("pool", {"table": table, "mask": "attention_mask"}), nets.dense(rng, 16, 8))
    net = Net(inputs, steps, {"mean": ()}, {"sentence_embedding": ("mean",)}, "input_ids")
    fed = {"input_ids": ids, "attention_mask": mask}
    stated = {"encoder.columns": {"attention_mask": "attention_mask"}}
    model = Trained(
        net, None, {name: fed[name] for name in inputs}, ids, fed, spread=None, stated=stated
    )
    return build(model, "token ids and their mask", exporter=exporter)
