"""The operations of a network in PyTorch, training, and PyTorch's three exporters."""

# ruff: noqa: D102

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as nnf
from numpy.typing import NDArray

from exports.net import BUFFERS, Net, arrays, deviation, forward, outputs, with_arrays

torch.set_num_threads(1)
logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # else a line for each op of torchvision
Tensor = torch.Tensor


class TorchOps:
    """The operations in PyTorch; channels come first, or last for training alone."""

    exp, sqrt, tanh = staticmethod(torch.exp), staticmethod(torch.sqrt), staticmethod(torch.tanh)
    add, multiply, divide = staticmethod(torch.add), staticmethod(torch.mul), torch.div
    relu, sigmoid, softplus = torch.relu, torch.sigmoid, staticmethod(nnf.softplus)
    normal = staticmethod(torch.randn_like)

    def __init__(self, *, training: bool = False, last: bool = False) -> None:
        self.training, self.last = training, last
        self.moments: list[Tensor] = []

    def flatten(self, x: Tensor) -> Tensor:
        return x.flatten(1)

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        return x.reshape(-1, *shape)

    def dense(self, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return nnf.linear(x, w, b)

    def clip(self, x: Tensor) -> Tensor:
        return torch.clamp(x, 0, 1)

    def times(self, x: Tensor, by: float) -> Tensor:
        return x * by

    def plus(self, x: Tensor, by: float) -> Tensor:
        return x + by

    def to_bytes(self, x: Tensor) -> Tensor:
        return torch.clamp(torch.round(x), 0, 255).to(torch.uint8)

    def concat(self, values: list[Tensor], axis: int) -> Tensor:
        return torch.cat(values, axis)

    def norm(self, x: Tensor, gain: Tensor, bias: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        if self.training:
            self.moments += [x.mean(0).detach(), x.var(0, unbiased=False).detach()]
        return nnf.batch_norm(x, mean, var, gain, bias, self.training, 0.0)

    def dropout(self, x: Tensor, share: float) -> Tensor:
        return nnf.dropout(x, share, self.training)

    def gather(self, table: Tensor, index: Tensor) -> Tensor:
        return nnf.embedding(index, table)

    def cast(self, x: Tensor, dtype: str) -> Tensor:
        return x.to(getattr(torch, dtype))

    def expand(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1)

    def sum(self, x: Tensor) -> Tensor:
        return x.sum(1)

    def nearest(self, codes: Tensor, codebook: Tensor) -> Tensor:
        return ((codebook**2).sum(1) - 2 * codes @ codebook.T).argmin(-1)

    def to_last(self, x: Tensor, last: bool) -> Tensor:
        return x if last else x.permute(0, *range(2, x.ndim), 1)

    def to_first(self, x: Tensor, last: bool) -> Tensor:
        return x if last else x.permute(0, x.ndim - 1, *range(1, x.ndim - 1))

    def conv(self, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        call = (nnf.conv1d, nnf.conv2d, nnf.conv3d)[w.ndim - 3]
        y = call(self.to_first(x, not self.last), w, b, stride=tuple(w.shape[2:]))
        return self.to_last(y, not self.last)

    def deconv(self, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        call = (nnf.conv_transpose1d, nnf.conv_transpose2d, nnf.conv_transpose3d)[w.ndim - 3]
        y = call(self.to_first(x, not self.last), w, b, stride=tuple(w.shape[2:]))
        return self.to_last(y, not self.last)


class Module(torch.nn.Module):
    """A network as a module."""

    def __init__(self, net: Net, *, training: bool = False) -> None:
        super().__init__()
        self.net = net
        self.keys = [key for key, _ in arrays(net)]
        self.weights = torch.nn.ParameterList(
            torch.nn.Parameter(torch.tensor(value), requires_grad=key not in BUFFERS)
            for key, value in arrays(net)
        )
        self.train(training)

    def values(self, given: Mapping[str, Tensor], ops: TorchOps) -> dict[str, Any]:
        """Return all heads."""
        return forward(with_arrays(self.net, list(self.weights)), given, ops)

    def forward(self, *given: Tensor) -> Any:
        """Return the outputs in order; one alone is no tuple."""
        ops = TorchOps(training=self.training, last=self.net.last)
        values = self.values(dict(zip(self.net.inputs, given, strict=True)), ops)
        found = tuple(outputs(self.net, values, ops).values())
        return found if len(found) > 1 else found[0]

    def trained(self) -> Net:
        """Return the network with the weights as they are now."""
        return with_arrays(self.net, [w.detach().numpy().copy() for w in self.weights])


def fit(
    encoder: Net, decoder: Net, given: Mapping[str, NDArray[Any]], target: NDArray[Any],
    loss: str = "square", steps: int = 200, spread: str | None = "log_var", frozen: bool = False,
) -> tuple[Net, Net]:  # fmt: skip
    """Train both on all rows at once; `given` is for the encoder, and its labels for both.

    A spread that is not None is trained as in a VAE, whose KL term has a small weight.
    """
    first, second = Module(encoder, training=True), Module(decoder, training=True)
    inputs = {name: torch.tensor(value) for name, value in given.items()}
    truth = torch.tensor(target, dtype=torch.float32)
    weights = [*second.parameters()] + ([] if frozen else [*first.parameters()])
    adam = torch.optim.Adam([w for w in weights if w.requires_grad], lr=1.5e-2, fused=True)
    unit = 1.0 if loss == "logits" else float(truth.var())
    for _ in range(steps):
        ops = [TorchOps(training=True, last=net.last) for net in (encoder, decoder)]
        values = first.values(inputs, ops[0])
        z, divergence = _latents(values, spread, ops[0])
        out = second.values({**inputs, decoder.main: z}, ops[1])["out"]
        adam.zero_grad()
        (_loss(loss, out, truth) / unit + divergence).backward()
        adam.step()
    for module, used in zip((first, second), ops, strict=True):
        _keep_moments(module, used.moments)
    return (encoder if frozen else first.trained()), second.trained()


def _latents(values: Mapping[str, Any], spread: str | None, ops: TorchOps) -> tuple[Any, Any]:
    mean = values.get("quantized", values["mean"])
    if spread is None:
        return mean, 1e-3 * (mean**2).mean()
    std = deviation(spread, values["spread"], ops)
    divergence = (mean**2 + std**2 - 2 * torch.log(std + 1e-6)).mean()
    return mean + std * torch.randn_like(mean), 0.02 * divergence


def _loss(loss: str, out: Tensor, truth: Tensor) -> Tensor:
    if loss == "logits":
        return nnf.binary_cross_entropy_with_logits(out, truth)
    return ((out - truth) ** 2).mean()


def _keep_moments(module: Module, moments: list[Tensor]) -> None:
    slots = [i for i, key in enumerate(module.keys) if key in BUFFERS]
    for slot, value in zip(slots, moments, strict=True):
        module.weights[slot].data = value


def _examples(net: Net, batch: int) -> tuple[Tensor, ...]:
    return tuple(
        torch.zeros((batch, *shape), dtype=getattr(torch, dtype))
        for shape, dtype in net.inputs.values()
    )


def write_legacy(net: Net, path: Path, batch: int | None, training: bool) -> None:
    """Export with the exporter that traces."""
    names = [*net.inputs, *net.outputs]
    mode = torch.onnx.TrainingMode
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Module(net, training=training), _examples(net, batch or 2), str(path), dynamo=False,
            input_names=list(net.inputs), output_names=list(net.outputs),
            training=mode.TRAINING if training else mode.EVAL, opset_version=17,
            dynamic_axes=None if batch else {name: {0: "batch"} for name in names},
        )  # fmt: skip


def write_dynamo(net: Net, path: Path, batch: int | None, training: bool) -> None:
    """Export with the exporter that goes through torch.export."""
    free = tuple({0: torch.export.Dim("batch")} for _ in net.inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program: Any = torch.onnx.export(
            Module(net, training=training), _examples(net, batch or 2), dynamo=True, verbose=False,
            input_names=list(net.inputs), output_names=list(net.outputs),
            dynamic_shapes=None if batch else (free,),
        )  # fmt: skip
    program.save(str(path), external_data=False)


def write_script(net: Net, path: Path, batch: int | None, training: bool) -> None:
    """Trace to TorchScript."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = Module(net, training=training).eval()
        torch.jit.trace(module, _examples(net, batch or 2), check_trace=False).save(str(path))


WRITERS: dict[str, Callable[[Net, Path, int | None, bool], None]] = {
    "legacy": write_legacy,
    "dynamo": write_dynamo,
    "script": write_script,
}
