"""Sessions of ONNX Runtime: their inputs, outputs and calls."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.graph import Graph, Tensor
from latent_analyze_adapters.models.messages import run_error
from latent_analyze_adapters.runtimes.onnx.devices import CPU, open_session
from latent_analyze_adapters.runtimes.onnx.files import not_onnx
from latent_analyze_adapters.runtimes.onnx.reasons import cause
from latent_analyze_adapters.runtimes.onnx.safety.static_check import TENSOR_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from onnxruntime import NodeArg

    from latent_analyze_adapters.models.session import Feeds

DTYPES = {
    "float": "float32", "double": "float64", "float16": "float16", "uint8": "uint8",
    "int8": "int8", "uint16": "uint16", "int16": "int16", "int32": "int32", "int64": "int64",
    "uint32": "uint32", "uint64": "uint64",
}  # fmt: skip


class OnnxSession:
    """A session on a model or, if `content` is given, on that part of it; see `open_session`."""

    def __init__(self, path: Path, device: str | None, content: bytes | None = None) -> None:
        self._name = path.name
        self._session = open_session(str(path) if content is None else content, path, device)
        self.device = str(self._session.get_providers()[0])

    @cached_property
    def graph(self) -> Graph:
        """Inputs and outputs.

        Raises
        ------
        ModelError
            If one of them is not a tensor of real numbers, there is no input, or the rows of a
            fixed batch do not fit into `TENSOR_BYTES`.
        """
        try:
            inputs = tuple(_tensor(node, self._name) for node in self._session.get_inputs())
            outputs = tuple(_tensor(node, self._name) for node in self._session.get_outputs())
        except UnicodeDecodeError as error:
            raise not_onnx(Path(self._name), f"damaged names ({cause(error)})") from None
        if not inputs:
            raise not_onnx(Path(self._name), "a graph without inputs")
        _check_batches((*inputs, *outputs), self._name)
        return Graph(self._name, inputs, outputs)

    def run(self, outputs: Iterable[str], feeds: Feeds) -> list[NDArray[np.generic]]:
        """Run the session; any error of ONNX Runtime becomes a ModelError."""
        run = self._session.run if self.device == CPU else self._run_bound
        try:
            return [np.asarray(output) for output in run(list(outputs), feeds)]
        except Exception as error:
            raise run_error(feeds, cause(error)) from None

    def _run_bound(self, outputs: list[str], feeds: Feeds) -> list[NDArray[np.generic]]:
        """Run with bound inputs and outputs, so that each is copied to or from the device once."""
        binding = self._session.io_binding()
        for name, feed in feeds.items():
            binding.bind_cpu_input(name, np.ascontiguousarray(feed))
        for name in outputs:
            binding.bind_output(name)
        self._session.run_with_iobinding(binding)
        return list(binding.copy_outputs_to_cpu())


def _check_batches(tensors: tuple[Tensor, ...], name: str) -> None:
    """Check the size of all tensors at the longest first axis, because one fixes it for all."""
    batch = max((t.shape[0] or 1 for t in tensors if t.shape), default=1)
    for tensor in tensors:
        row = math.prod(length or 1 for length in tensor.shape[1:])
        if batch * row * np.dtype(tensor.dtype).itemsize > TENSOR_BYTES:
            raise ModelError(
                f"batches of at most {TENSOR_BYTES >> 20} MiB in {name}",
                found=f"{tensor} where a batch has {batch} rows",
                next_step="export it with a free batch axis",
            )


def _tensor(node: NodeArg, name: str) -> Tensor:
    kind = str(node.type).removeprefix("tensor(").removesuffix(")")
    if kind not in DTYPES:
        raise ModelError(
            f"tensors of real numbers in and out of {name}", found=f"{node.name} {node.type}",
            next_step="export it with float32 inputs and outputs",
        )  # fmt: skip
    shape = tuple(n if isinstance(n, int) and n > 0 else None for n in node.shape)
    return Tensor(node.name, DTYPES[kind], shape)
