"""From data to a trained model, and from there to a case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exports import nets
from exports.arrays import evaluate
from exports.case import Case, File
from exports.data import ROWS
from exports.net import Net, deviation
from exports.spaces import END_OF, ENDS, activated, space, stored

Array = NDArray[Any]
LAST = ("tf2onnx", "keras", "keras file")
"""Exporters whose images have their channels last."""


@dataclass(frozen=True)
class Trained:
    """A trained model: halves, what the encoder is fed, and how the decoder's output is read.

    `order` is the shape of a z-point of the encoder, and the order in which the decoder takes its
    axes, if that is another.
    """

    encoder: Net
    decoder: Net | None
    fed: Mapping[str, Array]
    rows: Array
    data: Array | Mapping[str, Array]
    back: Callable[[Array], Array] = lambda y: y
    spread: str | None = "log_var"
    stated: Mapping[str, Any] = field(default_factory=dict)
    order: tuple[tuple[int, ...], tuple[int, ...]] | None = None


def arranged(images: Array, layout: str) -> Array:
    """Return images (n, H, W, C) in a layout."""
    first = np.moveaxis(images, -1, 1)
    found = {"HWC": images, "CHW": first, "HW": images[..., 0]}
    flat = {"flat": images, "flat-CHW": first}
    x = found[layout] if layout in found else flat[layout].reshape(len(images), -1)
    return np.ascontiguousarray(x)


def images_back(y: Array, layout: str, shape: tuple[int, ...]) -> Array:
    """Return images (n, H, W, C) from a layout."""
    height, width, channels = shape
    if layout in ("CHW", "flat-CHW"):
        return np.moveaxis(y.reshape(len(y), channels, height, width), 1, -1)
    return y.reshape(len(y), height, width, channels)


def train_images(
    rng: np.random.Generator, images: NDArray[np.uint8], *, wants: str = "unit", end: str = "",
    layout: str = "CHW", storing: str = "unit", dim: int = 6, spread: str | None = "log_var",
    body: str = "dense", label: tuple[str, str, str] | None = None, labels: Array | None = None,
    extras: tuple[str, str] = ("", ""), inputs: tuple[str, str] = ("x", "z"),
) -> Trained:  # fmt: skip
    """Train on 8-bit images (n, H, W, C); `label`: name, kind, and ``both`` or ``decoder``."""
    unit, finish = images / 255, ENDS[end or END_OF[wants]]
    taken, given = space(wants, unit[:ROWS]), space(finish.space, unit[:ROWS])
    x, target = (arranged(s.put(unit), layout) for s in (taken, given))
    unit_of_x = np.float32(255 if taken.high > 1 else 1)
    x = x / unit_of_x  # large values train badly; they go into the weights afterwards
    halves = _halves(rng, x, target, int(dim), spread, body, layout, label, extras, inputs)
    fed = {inputs[0]: x} | ({} if label is None else {label[0]: _label(labels, label[1])})
    encoder, decoder = _fit(
        halves, fed, target, finish, "softplus" if spread == "softplus" else spread and "log_var"
    )
    encoder, fed = for_larger(encoder, unit_of_x), {**fed, inputs[0]: x * unit_of_x}
    columns = {} if label is None else {label[0]: label[0]}
    data = stored(storing, images)[:ROWS]
    return Trained(
        as_spread(encoder, spread), decoder,
        {name: fed[name][:ROWS] for name in encoder.inputs}, unit[:ROWS],
        data if labels is None or label is None else {"x": data, label[0]: labels[:ROWS]},
        lambda y: given.back(images_back(activated(y, finish), layout, images.shape[1:])), spread,
        {**taken.stated("encoder"), **given.stated("decoder"), "encoder.layout": layout,
         "decoder.layout": layout, "decoder.activation": finish.activation,
         "encoder.columns": columns if label and label[0] in encoder.inputs else {},
         "decoder.columns": columns},
    )  # fmt: skip


def for_larger(encoder: Net, by: np.float32) -> Net:
    """Return an encoder for values that are `by` times as large."""
    at = next(i for i, (_, given) in enumerate(encoder.trunk) if "w" in given)
    name, given = encoder.trunk[at]
    step = (name, {**given, "w": given["w"] / by})
    return replace(encoder, trunk=(*encoder.trunk[:at], step, *encoder.trunk[at + 1 :]))


def _label(labels: Array | None, kind: str) -> Array:
    assert labels is not None
    return np.eye(10, dtype=np.float32)[labels] if kind == "one_hot" else labels


def _halves(rng: Any, x: Array, target: Array, dim: int, spread: str | None, body: str,
            layout: str, label: Any, extras: tuple[str, str], inputs: tuple[str, str],
) -> tuple[Net, Net]:  # fmt: skip
    heads = ("mean",) if spread is None else ("mean", "spread")
    if body == "spatial":
        last = layout == "HWC"
        return (
            nets.spatial_encoder(rng, x.shape[1:], dim, last=last, heads=heads, main=inputs[0]),
            nets.spatial_decoder(rng, target.shape[1:], dim, last=last, main=inputs[1]),
        )
    pair = None if label is None else label[:2]
    both = pair if label is not None and label[2] == "both" else None
    return (
        nets.encoder(
            rng, x.shape[1:], dim, label=both, extras=extras[0], main=inputs[0], heads=heads
        ),
        nets.decoder(rng, dim, target.shape[1:], label=pair, extras=extras[1], main=inputs[1]),
    )


def _fit(halves: tuple[Net, Net], fed: Any, target: Array, finish: Any, spread: str | None) -> Any:
    from exports.pytorch import fit

    encoder, decoder = halves
    given = {**fed}
    trained = ended(decoder, finish.trained)
    encoder, trained = fit(encoder, trained, given, target, finish.loss, spread=spread)
    steps = trained.heads["out"]
    core = steps[: len(steps) - len(finish.trained)] if finish.trained else steps
    return encoder, replace(trained, heads={"out": (*core, *finish.file)})


def ended(decoder: Net, steps: Any) -> Net:
    """Return a decoder with further steps at its end."""
    return replace(decoder, heads={"out": (*decoder.heads["out"], *steps)})


def train_rows(
    rng: np.random.Generator, rows: Array, *, dim: int = 3, spread: str | None = "log_var",
    arrange: Callable[[Array], Array] = lambda x: x, data: Array | None = None,
    inputs: tuple[str, str] = ("x", "z"), end: Any = (),
) -> Trained:  # fmt: skip
    """Train on rows of any shape, whose values the model takes as they are."""
    from exports.pytorch import fit

    x = np.ascontiguousarray(arrange(rows)).astype(np.float32)
    heads = ("mean",) if spread is None else ("mean", "spread")
    encoder = nets.encoder(rng, x.shape[1:], dim, main=inputs[0], heads=heads)
    decoder = nets.decoder(rng, dim, x.shape[1:], main=inputs[1], end=end)
    encoder, decoder = fit(encoder, decoder, {inputs[0]: x}, x, spread=spread and "log_var")
    held = rows if data is None else data
    return Trained(
        as_spread(encoder, spread), decoder, {inputs[0]: x[:ROWS]}, x[:ROWS], held[:ROWS],
        spread=spread, stated={"encoder.range": [0.0, 1.0], "decoder.range": [0.0, 1.0],
                               "decoder.activation": "none"},
    )  # fmt: skip


def as_spread(encoder: Net, kind: str | None) -> Net:
    """Return an encoder of which a trained log variance leaves as another spread."""
    if kind in (None, "log_var", "softplus"):
        return encoder
    half, exp = ("times", {"by": 0.5}), ("exp", {})
    more = {"log_std": (half,), "variance": (exp,), "std": (half, exp)}[kind]
    steps = encoder.heads["spread"]
    if kind == "log_std":  # into the weights, where no one sees it
        name, given = steps[-1]
        steps, more = (*steps[:-1], (name, {k: v * np.float32(0.5) for k, v in given.items()})), ()
    return replace(encoder, heads={**encoder.heads, "spread": (*steps, *more)})


def with_outputs(encoder: Net, **names: str) -> Net:
    """Return an encoder with outputs, in this order: head = name; ``halves`` joins the two."""
    joined = {"halves": ("mean", "spread"), "reversed": ("spread", "mean")}
    found = {name: joined.get(head, (head,)) for head, name in names.items()}
    return replace(encoder, outputs=found)


def truth(model: Trained) -> tuple[Array, Array | None]:
    """Return mu and log_var (n, dim) of the rows that the model was fed."""
    values = evaluate(model.encoder, dict(model.fed))
    mean, draw = (
        values["mean" if model.encoder.codebook is None else "quantized"],
        model.encoder.draw,
    )
    log_var = None
    if model.spread is not None:
        from exports.arrays import NumpyOps

        std = deviation(model.spread, values["spread"], NumpyOps())
        log_var = 2 * np.log(std).reshape(len(std), -1)
    if (
        draw is not None
        and ("z",) in model.encoder.outputs.values()
        and len(model.encoder.outputs) == 1
    ):
        mean = (mean + draw.shift) * draw.scale
        log_var = None if log_var is None else log_var + 2 * np.log(draw.scale)
    return mean.reshape(len(mean), -1), log_var


def decode(model: Trained, mu: Array, scale: float = 1.0, shift: float = 0.0) -> Array:
    """Return the rows that the decoder makes of mu, shifted, scaled and reordered before."""
    assert model.decoder is not None
    shape, _ = model.decoder.inputs[model.decoder.main]
    z = (mu + shift) * scale
    if model.order:
        before, axes = model.order
        z = z.reshape(len(mu), *before).transpose(0, *(axis + 1 for axis in axes))
    z = z.reshape(len(mu), *shape)
    held = model.data if isinstance(model.data, Mapping) else {}
    fed = {model.decoder.main: z}
    for name in model.decoder.inputs.keys() - fed.keys():
        kind = "one_hot" if model.decoder.inputs[name][0] else "index"
        fed[name] = _label(held[name], kind)
    return model.back(evaluate(model.decoder, fed)["out"])


def explained(rows: Array, found: Array) -> float:
    """Return the share of the variance of the rows that what was found explains."""
    error = float(((rows - found.reshape(rows.shape)) ** 2).mean())
    return 1 - error / float(((rows - rows.mean(0)) ** 2).mean())


def build(
    model: Trained, what: str, /, *, exporter: str, scale: float = 1.0, shift: float = 0.0,
    names: tuple[str, str] = ("model/encoder.onnx", "model/decoder.onnx"), decoding: bool = True,
    batch: int | None = None, training: bool = False, second: str = "", **more: Any,
) -> Case:  # fmt: skip
    """Return a case with an encoder and, unless it has none, a decoder, of a second exporter."""
    mu, log_var = truth(model)
    files = {names[0]: File(model.encoder, exporter, batch, training)}
    stated = {**model.stated, **roles(model, exporter)}
    share = None
    if decoding and model.decoder is not None:
        files[names[1]] = File(model.decoder, second or exporter, batch, training)
        share = explained(model.rows, decode(model, mu, scale, shift))
        stated |= {"decoder.scale": scale, "decoder.shift": shift}
        stated["decoder.latent_axes"] = list(model.order[1]) if model.order else None
    else:
        stated = {k: v for k, v in stated.items() if not k.startswith("decoder")}
    if training:
        stated["encoder.batch_mode"] = "eval"
    least = None if share is None else float(np.floor(share * 95) / 100)
    return Case(**{
        "what": what, "files": files, "data": model.data, "fed": model.fed, "mu": mu,
        "signature": stated, "log_var": log_var, "explained": least, **more,
    })  # fmt: skip


ROLES = {
    ("mean",): "mean", ("spread",): "spread", ("mean", "spread"): "halves",
    ("spread", "mean"): "halves", ("z",): "sample", ("tail",): "reconstruction",
    ("quantized",): "mean", ("indices",): "indices",
}  # fmt: skip


def roles(model: Trained, exporter: str) -> dict[str, Any]:
    """Return what is true of the outputs of an encoder."""
    net = model.encoder
    names = list(net.outputs)
    if exporter == "keras":
        names = [f"Identity{f'_{i}' if i else ''}:0" for i in range(len(names))]
    found = {
        name: ROLES.get(heads, "other")
        for name, heads in zip(names, net.outputs.values(), strict=True)
    }
    if net.codebook is not None and ("mean",) in net.outputs.values():
        found[names[list(net.outputs.values()).index(("mean",))]] = "before quantization"
    by_role = {role: name for name, role in found.items()}
    if exporter == "script":  # its outputs have no names
        found, by_role = {}, {}
    halves = next((h for h in net.outputs.values() if len(h) > 1), None)
    whole = by_role.get("halves", "inside")
    stated: dict[str, Any] = {
        "outputs": found,
        "encoder.mu": by_role.get("mean", by_role.get("indices", whole)),
    }
    stated["encoder.log_var"] = "none" if model.spread is None else by_role.get("spread", whole)
    stated["encoder.spread"] = model.spread or "none"
    if halves is not None:
        stated["encoder.mean_half"] = halves.index("mean")
    return stated
