"""Sessions of ONNX Runtime: which device, how quiet, and what comes out of a batch."""

from __future__ import annotations

import ctypes
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze import ModelError, missing_dependency
from latent_analyze_adapters._onnx_files import cause, not_onnx
from latent_analyze_adapters._onnx_safety import TENSOR_BYTES
from latent_analyze_adapters.onnx_graph import Graph, Plan, Tensor

if TYPE_CHECKING:
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


def open_session(path: Path, device: str | None) -> Any:
    """Open a session on a device: "cpu", "cuda", or None for CUDA where it can load.

    Raises
    ------
    ModelError
        If ONNX Runtime refuses the file, or CUDA was asked for and cannot be used.
    """
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


def graph_of(session: Any, name: str) -> Graph:
    """Return inputs and outputs of a session on the file `name`.

    Raises
    ------
    ModelError
        If one of them is no tensor of real numbers, there is no input, or the rows of a fixed
        batch do not fit into `TENSOR_BYTES`.
    """
    try:
        inputs = tuple(_tensor(node, name) for node in session.get_inputs())
        outputs = tuple(_tensor(node, name) for node in session.get_outputs())
    except UnicodeDecodeError as error:
        raise not_onnx(Path(name), f"damaged names ({cause(error)})") from None
    if not inputs:
        raise not_onnx(Path(name), "a graph without inputs")
    _check_batches((*inputs, *outputs), name)
    return Graph(name, inputs, outputs)


def run_batch(session: Any, plan: Plan, rows: NDArray[Any]) -> list[NDArray[np.float32]]:
    """Run rows (n, *axes) through a session; n is at most a fixed batch.

    Returns
    -------
    list
        The outputs of the plan, each (n, values per row), float32.

    Raises
    ------
    ModelError
        If ONNX Runtime fails, or an output has another size than the plan says.
    """
    count = len(rows)
    if plan.batch and count < plan.batch:
        # Copies of a real row, because zeros might mean NaN to some models.
        rows = np.concatenate([rows, np.repeat(rows[-1:], plan.batch - count, axis=0)])
    feeds = {plan.input.name: rows if plan.batched else rows[0]}
    feeds |= {constant.tensor.name: constant.fill(len(rows)) for constant in plan.constants}
    outputs = run(session, plan.outputs, feeds)
    wanted = len(rows) * plan.output_size
    for name, output in zip(plan.outputs, outputs, strict=True):
        if output.size != wanted:
            raise ModelError(
                f"{len(rows)} rows of {plan.output_size} values from {name!r} of the {plan.role}",
                found=f"shape {output.shape}", next_step="export it with a free batch axis",
            )  # fmt: skip
    return [np.asarray(o, np.float32).reshape(len(rows), -1)[:count] for o in outputs]


def run(session: Any, outputs: Any, feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """Run a session on its inputs; ModelError for whatever ONNX Runtime raises."""
    try:
        return [np.asarray(output) for output in session.run(list(outputs), feeds)]
    except Exception as error:
        given = ", ".join(f"{name!r} of shape {feed.shape}" for name, feed in feeds.items())
        raise ModelError(
            f"a model that runs on {given}", found=cause(error),
            next_step="run: latent-analyze inspect",
        ) from None  # fmt: skip


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
