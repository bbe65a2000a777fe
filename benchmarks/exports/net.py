"""Small networks as plain lists of steps, which every exporter writes in its own way.

One network goes through all exporters, and NumPy computes what it says: the truth depends on none
of the libraries that write the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Step = tuple[str, dict[str, Any]]
"""Name of an operation and what it needs: arrays (weights) and other settings."""

BUFFERS = ("mean", "var")
"""Arrays that are not trained."""


@dataclass(frozen=True)
class Draw:
    """A z that the graph draws: ((mean + std * noise) + shift) * scale; `kind` of its spread."""

    kind: str = "log_var"
    shift: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class Net:
    """An encoder or a decoder.

    Attributes
    ----------
    inputs
        Name of each input, with the shape of a row and the dtype.
    trunk
        Steps from the first `main` input on.
    heads
        What follows the trunk, by name; ``mean`` and ``spread`` are the names of an encoder.
    outputs
        Names of the outputs, in order, with the heads that each joins.
    tail
        Steps of a decoder in the same graph, after ``mean``; its result is called ``tail``.
    """

    inputs: Mapping[str, tuple[tuple[int, ...], str]]
    trunk: tuple[Step, ...]
    heads: Mapping[str, tuple[Step, ...]]
    outputs: Mapping[str, tuple[str, ...]]
    main: str = "x"
    draw: Draw | None = None
    codebook: NDArray[np.float32] | None = None
    tail: tuple[Step, ...] = ()
    last: bool = False
    join: int = field(default=1)


def forward(net: Net, inputs: Mapping[str, Any], ops: Any) -> dict[str, Any]:
    """Return all heads by name, computed by an engine of `ops`."""
    trunk = run(net.trunk, inputs[net.main], inputs, ops)
    values = {name: run(steps, trunk, inputs, ops) for name, steps in net.heads.items()}
    if net.codebook is not None:
        values |= quantize(net, values["mean"], ops)
    if net.draw is not None:
        std = deviation(net.draw.kind, values["spread"], ops)
        z = ops.add(values["mean"], ops.multiply(std, ops.normal(values["mean"])))
        values["z"] = moved(z, net.draw, ops)
    if net.tail:
        values["tail"] = run(net.tail, values.get("z", values["mean"]), inputs, ops)
    return values


def outputs(net: Net, values: Mapping[str, Any], ops: Any) -> dict[str, Any]:
    """Return the outputs by name and in order."""
    return {
        name: values[heads[0]]
        if len(heads) == 1
        else ops.concat([values[head] for head in heads], net.join)
        for name, heads in net.outputs.items()
    }


def run(steps: Sequence[Step], x: Any, inputs: Mapping[str, Any], ops: Any) -> Any:
    """Return what the steps make of x."""
    for name, given in steps:
        if name == "append":  # another input, as it is or looked up in a table
            other = inputs[given["input"]]
            other = ops.gather(given["table"], other) if "table" in given else other
            x = ops.concat([x, other], 1)
        elif name == "look_up":  # vectors of codes, as an image with channels first
            x = ops.to_first(ops.gather(given["table"], x), False)
        elif name == "pool":  # mean of embeddings over the tokens that a mask lets through
            mask = ops.cast(inputs[given["mask"]], "float32")
            x = pooled(ops.gather(given["table"], x), mask, ops)
        else:
            x = getattr(ops, name)(x, **given)
    return x


def pooled(tokens: Any, mask: Any, ops: Any) -> Any:
    """Return the mean over the tokens of mask 1."""
    mask = ops.expand(mask)
    return ops.divide(ops.sum(ops.multiply(tokens, mask)), ops.sum(mask))


def deviation(kind: str, spread: Any, ops: Any) -> Any:
    """Return the standard deviation that a spread of a kind stands for."""
    if kind in ("log_var", "log_std"):
        return ops.exp(ops.times(spread, 0.5) if kind == "log_var" else spread)
    if kind == "variance":
        return ops.sqrt(spread)
    return ops.softplus(spread) if kind == "softplus" else spread


def moved(z: Any, draw: Draw, ops: Any) -> Any:
    """Return z, shifted and scaled as a draw says."""
    z = ops.plus(z, draw.shift) if draw.shift else z
    return ops.times(z, draw.scale) if draw.scale != 1 else z


def quantize(net: Net, mean: Any, ops: Any) -> dict[str, Any]:
    """Return the nearest codes of a latent image, and their indices."""
    codes = ops.to_last(mean, net.last)
    indices = ops.nearest(codes, net.codebook)
    return {
        "indices": indices,
        "quantized": ops.to_first(ops.gather(net.codebook, indices), net.last),
    }


def arrays(net: Net) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield the weights and their keys, in an order that `with_arrays` knows."""
    for steps in (net.trunk, *net.heads.values(), net.tail):
        for _, given in steps:
            yield from ((k, v) for k, v in given.items() if hasattr(v, "shape"))
    if net.codebook is not None:
        yield "codebook", net.codebook


def with_arrays(net: Net, values: Sequence[Any]) -> Net:
    """Return the same network of other weights."""
    found = iter(values)

    def renewed(steps: tuple[Step, ...]) -> tuple[Step, ...]:
        return tuple(
            (name, {k: next(found) if hasattr(v, "shape") else v for k, v in given.items()})
            for name, given in steps
        )

    trunk = renewed(net.trunk)
    heads = {name: renewed(steps) for name, steps in net.heads.items()}
    tail = renewed(net.tail)
    codebook = next(found) if net.codebook is not None else None
    return replace(net, trunk=trunk, heads=heads, tail=tail, codebook=codebook)
