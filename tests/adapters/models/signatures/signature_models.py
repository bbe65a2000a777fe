"""Images and arrays of few dimensions, and small ONNX models that take them in a given format.

The rows are an affine map of standard normal latents: a linear encoder and decoder that get them in
the right format explain all of them, and in a wrong one clearly less, because the mean row is not
in the span of the basis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from latent_analyze.plugin import Sample, Signature
from latent_analyze_adapters.models.image_tensor import file_shape
from latent_analyze_adapters.models.model import FileModel
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime

DIM = 4
FLOAT, BYTES, INTS = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT64
Head = Callable[["Net", str], str]
Adjust = Callable[["Net", str], str]


class Net:
    """A graph in the making: `op` and `const` return names of tensors."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: dict[str, Any] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def const(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.weights)}"
        self.weights[name] = numpy_helper.from_array(np.asarray(value, dtype), name)
        return name

    def linear(self, x: str, matrix: Any, bias: Any = 0.0) -> str:
        return self.op("Add", self.op("MatMul", x, self.const(matrix)), self.const(bias))

    def ints(self, x: str, *lengths: int, kind: str = "Reshape") -> str:
        """Apply an operator whose second input is a list of whole numbers."""
        return self.op(kind, x, self.const(lengths, np.int64))

    def save(self, path: Path, inputs: Sequence[Any], outputs: Mapping[str, Any]) -> Path:
        """Write it; `outputs` maps name -> (tensor, ONNX type, shape of a row)."""
        for name, (tensor, _, _) in outputs.items():
            self.nodes.append(helper.make_node("Identity", [tensor], [name]))
        ends = [tensor_info(name, shape, kind) for name, (_, kind, shape) in outputs.items()]
        graph = helper.make_graph(
            self.nodes, "g", list(inputs), ends, initializer=list(self.weights.values())
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
        return path


def tensor_info(name: str, shape: Sequence[Any], kind: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, ["N", *shape])


@dataclass(frozen=True)
class World:
    """Rows x = middle + latents @ basis * spread, in [0, 1]; `middle` may differ per channel.

    `noise` is the standard deviation of what the latents do not explain.
    """

    shape: tuple[int, ...] = (8, 6, 1)
    count: int = 120
    seed: int = 0
    spread: float = 0.22
    middle: float | tuple[float, ...] = 0.35
    dim: int = DIM
    noise: float = 0.0

    @cached_property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @cached_property
    def center(self) -> np.ndarray:
        """The mean row, (size,)."""
        return np.broadcast_to(np.asarray(self.middle, float), self.shape).ravel()

    @cached_property
    def latents(self) -> np.ndarray:
        return np.random.default_rng(self.seed).standard_normal((self.count, self.dim)).clip(-2, 2)

    @cached_property
    def basis(self) -> np.ndarray:
        """(dim, size), orthonormal, orthogonal to a constant row, of values of one size."""
        signs = np.sign(np.random.default_rng(self.seed + 1).standard_normal((self.dim, self.size)))
        rows = np.vstack([np.ones(self.size), signs]).T
        return np.linalg.qr(rows)[0].T[1:]

    @cached_property
    def x(self) -> np.ndarray:
        """The rows, float32; of images in [0, 1]."""
        rng = np.random.default_rng(self.seed + 2)
        flat = self.center + self.spread * self.latents @ self.basis
        flat = flat + self.noise * rng.standard_normal(flat.shape)
        return flat.reshape(self.count, *self.shape).astype(np.float32)

    def sample(self, **more: Any) -> Sample:
        return Sample(**{"x": self.x, "kind": "images", "count": self.count, **more})

    def placed(self, rows: np.ndarray, layout: str) -> np.ndarray:
        """Return flat rows (n, size) with their values in the order of a layout."""
        if layout not in ("CHW", "flat-CHW"):
            return rows
        return rows.reshape(-1, *self.shape).transpose(0, 3, 1, 2).reshape(len(rows), -1)


def mean_head(net: Net, mu: str) -> str:
    del net
    return mu


@dataclass(frozen=True)
class Format:
    """How a network holds rows: file value = factor * (value in [0, 1]) + offset."""

    factor: float | Sequence[float] = 1.0
    offset: float | Sequence[float] = 0.0
    layout: str = "HWC"
    kind: int = FLOAT

    def flat(self, world: World, which: str) -> np.ndarray:
        """Return factor or offset for each value of a row in the order of the layout."""
        values = np.broadcast_to(np.asarray(getattr(self, which), float), world.shape)
        return world.placed(values.reshape(1, -1), self.layout)[0]

    def center(self, world: World) -> np.ndarray:
        """Return the mean row in this format."""
        center = world.placed(world.center[None], self.layout)[0]
        return center * self.flat(world, "factor") + self.flat(world, "offset")

    def axes(self, world: World) -> tuple[int, ...]:
        if self.layout == "array":
            return world.shape
        return tuple(file_shape(world.shape, self.layout))  # type: ignore[arg-type]


UNIT, SIGNED, RAW = Format(), Format(2.0, -1.0), Format(255.0)


def write_encoder(
    path: Path,
    world: World,
    form: Format = UNIT,
    heads: Mapping[str, Head] | None = None,
    *,
    name: str = "x",
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> Path:
    """Write an encoder that finds the latents of rows in this format; heads are made from them."""
    net = Net()
    flat = net.ints(name, -1, world.size)
    flat = flat if form.kind == FLOAT else net.op("Cast", flat, to=FLOAT)
    basis = world.placed(world.basis, form.layout)
    factor = form.flat(world, "factor")
    weights = (basis / factor / world.spread).T
    mu = net.linear(flat, weights, -form.center(world) @ weights)
    heads = heads or {"mu": mean_head}
    shapes = shapes or {}
    outputs = {n: (head(net, mu), FLOAT, shapes.get(n, (world.dim,))) for n, head in heads.items()}
    return net.save(path, [tensor_info(name, form.axes(world), form.kind)], outputs)


def write_decoder(
    path: Path,
    world: World,
    form: Format = UNIT,
    *,
    before: Adjust = mean_head,
    after: Adjust = mean_head,
    latent: tuple[int, ...] = (),
) -> Path:
    """Write a decoder of latents to rows in this format; `before` and `after` change its ends."""
    net = Net()
    z = before(net, net.ints("z", -1, world.dim))
    weights = world.placed(world.basis * world.spread, form.layout) * form.flat(world, "factor")
    y = after(net, net.linear(z, weights, form.center(world)))
    y = net.ints(y, -1, *form.axes(world))
    y = y if form.kind == FLOAT else net.op("Cast", y, to=form.kind)
    return net.save(
        path, [tensor_info("z", latent or (world.dim,))], {"y": (y, form.kind, form.axes(world))}
    )


def write_pair(
    folder: Path, world: World, form: Format = UNIT, out: Format | None = None, **heads: Head
) -> Path:
    """Write encoder.onnx and decoder.onnx; both in one format unless `out` is given."""
    write_encoder(folder / "encoder.onnx", world, form, heads)
    write_decoder(folder / "decoder.onnx", world, out or form)
    return folder


def opened(path: Path, sample: Sample, **stated: str) -> FileModel:
    """Open a model for data; `stated` has keys with __ for the dot, as keywords cannot hold it."""
    keys = {key.replace("__", "."): value for key, value in stated.items()}
    model = OnnxRuntime().open_for(path, sample, trust=True, stated=keys)
    assert isinstance(model, FileModel)
    return model


def found(path: Path, sample: Sample, **stated: str) -> Signature:
    signature = opened(path, sample, **stated).signature
    assert signature is not None
    return signature


def known(signature: Signature) -> dict[str, str]:
    """Return how each choice is known, by its key."""
    return {choice.key: choice.known for choice in signature.choices}


def flags_of(error: Exception) -> list[dict[str, str]]:
    """Return what each piece of advice in a message states, as keywords of `opened`."""
    advice = str(error).partition("say which: ")[2] or str(error).partition("; add ")[2]
    return [
        {
            pair.partition("=")[0].replace(".", "__"): pair.partition("=")[2]
            for pair in part.replace("--signature", " ").split()
            if "=" in pair
        }
        for part in advice.split(" or ")
    ]
