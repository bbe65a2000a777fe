"""Sessions of ONNX Runtime: which device, how quiet, and what goes in and out."""

from __future__ import annotations

import ctypes
import math
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze import ModelError, missing_dependency
from latent_analyze_adapters._onnx_files import cause, not_onnx
from latent_analyze_adapters._onnx_safety import TENSOR_BYTES
from latent_analyze_adapters.graph import Graph, Tensor
from latent_analyze_adapters.session import does_not_run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
FATAL, WARNING = 4, 2
DTYPES = {
    "float": "float32", "double": "float64", "float16": "float16", "uint8": "uint8",
    "int8": "int8", "uint16": "uint16", "int16": "int16", "int32": "int32", "int64": "int64",
}  # fmt: skip


def import_runtime() -> Any:
    """Return the onnxruntime package, or raise MissingDependencyError."""
    try:
        import onnxruntime
    except ImportError:
        raise missing_dependency("onnxruntime", "onnx", "running ONNX models") from None
    return onnxruntime


class OnnxSession:
    """A session on a device: "cpu", "cuda", or None for CUDA where it can load.

    Raises
    ------
    ModelError
        If ONNX Runtime refuses the file, or CUDA was asked for and cannot be used.
    """

    def __init__(self, path: Path, device: str | None) -> None:
        self._name = path.name
        self._session = open_session(path, device)
        self.device = str(self._session.get_providers()[0])

    @cached_property
    def graph(self) -> Graph:
        """Inputs and outputs.

        Raises
        ------
        ModelError
            If one of them is no tensor of real numbers, there is no input, or the rows of a fixed
            batch do not fit into `TENSOR_BYTES`.
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

    def run(self, outputs: Iterable[str], feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run the session on its inputs; ModelError for whatever ONNX Runtime raises."""
        try:
            return [np.asarray(output) for output in self._session.run(list(outputs), feeds)]
        except Exception as error:
            raise does_not_run(feeds, cause(error)) from None


def open_session(path: Path, device: str | None) -> Any:
    """Open a session of ONNX Runtime; see `OnnxSession`."""
    runtime = import_runtime()
    if device not in (None, "cpu", "cuda"):
        raise ModelError("a device, cpu or cuda", found=repr(device))
    obstacle = cuda_obstacle() if device != "cpu" else "not asked for"
    if not obstacle:
        try:
            return _create_on_cuda(runtime, path)
        except ModelError:
            if device == "cuda":
                raise
    elif device == "cuda":
        raise _no_cuda(obstacle)
    return _create(runtime, path, CPU)


def cuda_obstacle() -> str:
    """Return why CUDA cannot be used, or an empty text.

    Asked before ONNX Runtime is, which prints a wall of errors where CUDA does not load.
    """
    if CUDA not in import_runtime().get_available_providers():
        return "an onnxruntime without it"
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return "no NVIDIA driver"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return "an NVIDIA driver that does not start"
    return "" if count.value else "no NVIDIA device"


def _check_batches(tensors: tuple[Tensor, ...], name: str) -> None:
    """Check all tensors against the longest first axis: what one fixes, the others are fed."""
    batch = max((t.shape[0] or 1 for t in tensors if t.shape), default=1)
    for tensor in tensors:
        row = math.prod(length or 1 for length in tensor.shape[1:])
        if batch * row * np.dtype(tensor.dtype).itemsize > TENSOR_BYTES:
            raise ModelError(
                f"batches of at most {TENSOR_BYTES >> 20} MiB in {name}",
                found=f"{tensor} where a batch has {batch} rows",
                next_step="export it with a free batch axis",
            )


def _create(runtime: Any, path: Path, provider: str) -> Any:
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # What it logs is in its exceptions too, and there names from the file cannot move the cursor.
    options.log_severity_level = FATAL
    # TF32 would lose the digits that the check against the training runtime asks for.
    providers = [(CUDA, {"use_tf32": "0"}), CPU] if provider == CUDA else [CPU]
    try:
        return runtime.InferenceSession(str(path), options, providers=providers, enable_fallback=0)
    # ONNX Runtime has errors of its own, and damaged names raise UnicodeDecodeError.
    except Exception as error:
        raise not_onnx(path, f"one that ONNX Runtime refuses ({cause(error)})") from None


def _create_on_cuda(runtime: Any, path: Path) -> Any:
    runtime.set_default_logger_severity(FATAL)
    try:
        session = _create(runtime, path, CUDA)
    finally:
        runtime.set_default_logger_severity(WARNING)
    if CUDA not in session.get_providers():
        raise _no_cuda("that ONNX Runtime cannot load its libraries")
    return session


def _no_cuda(found: str) -> ModelError:
    return ModelError(
        "CUDA for the device cuda", found=found,
        next_step="install latent-analyze[gpu] in place of [onnx], or choose the device cpu",
    )  # fmt: skip


def _tensor(node: Any, name: str) -> Tensor:
    kind = str(node.type).removeprefix("tensor(").removesuffix(")")
    if kind not in DTYPES:
        raise ModelError(
            f"tensors of real numbers in and out of {name}", found=f"{node.name} {node.type}",
            next_step="export it with float32 inputs and outputs",
        )  # fmt: skip
    shape = tuple(n if isinstance(n, int) and n > 0 else None for n in node.shape)
    return Tensor(node.name, DTYPES[kind], shape)
