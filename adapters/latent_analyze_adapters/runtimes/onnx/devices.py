"""Chooses the execution provider of ONNX Runtime that a model runs on."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from latent_analyze.plugin import ModelError, missing_dependency
from latent_analyze_adapters.runtimes.onnx.rejections import rejected

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
PROVIDERS: dict[str, tuple[str, dict[str, str]]] = {
    "cuda": (CUDA, {"use_tf32": "0"}),
    "coreml": (
        "CoreMLExecutionProvider",
        {"ModelFormat": "MLProgram", "MLComputeUnits": "CPUAndGPU"},
    ),
    "openvino": ("OpenVINOExecutionProvider", {}),
    "directml": ("DmlExecutionProvider", {}),
    "tensorrt": ("TensorrtExecutionProvider", {}),
    "cpu": (CPU, {}),
}
"""Devices in order of preference, with options that keep full float32 precision."""

ON_REQUEST = frozenset({"tensorrt"})
"""Takes minutes to open a model, once for each batch shape."""

NVIDIA = frozenset({"cuda", "tensorrt"})
FATAL, WARNING = 4, 2


def import_runtime() -> ModuleType:
    """Return the onnxruntime package, or raise MissingDependencyError."""
    try:
        import onnxruntime
    except ImportError:
        raise missing_dependency("onnxruntime", "onnx", "running ONNX models") from None
    return onnxruntime


def open_session(model: str | bytes, path: Path, device: str | None) -> InferenceSession:
    """Open a session of ONNX Runtime.

    Parameters
    ----------
    model
        The path, or the content of an extracted part of the model.
    path
        The file, for messages and for external weights.
    device
        One of `PROVIDERS`, or None for the first that can be loaded.

    Raises
    ------
    ModelError
        If ONNX Runtime rejects the model, or the requested device cannot be used.
    """
    if device is not None and device not in PROVIDERS:
        raise ModelError(f"a device, {', '.join(PROVIDERS)}", found=repr(device))
    if device is not None and device != "cpu":
        return _open_on(device, model, path)
    for name in PROVIDERS if device is None else ():
        if name not in ON_REQUEST and name != "cpu" and not obstacle(name):
            try:
                return _open_on(name, model, path)
            except ModelError:
                continue
    return _create(model, path, "cpu")


def obstacle(device: str) -> str:
    """Return why a device cannot be used, or an empty string.

    This is checked first, because ONNX Runtime prints a wall of errors if CUDA cannot be loaded.
    """
    if PROVIDERS[device][0] not in import_runtime().get_available_providers():
        return "an onnxruntime without it"
    return cuda_obstacle() if device in NVIDIA else ""


def cuda_obstacle() -> str:
    """Return why no NVIDIA device can be used, or an empty string."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return "no NVIDIA driver"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return "an NVIDIA driver that does not start"
    return "" if count.value else "no NVIDIA device"


def _open_on(device: str, model: str | bytes, path: Path) -> InferenceSession:
    runtime, found = import_runtime(), obstacle(device)
    if found:
        raise _unusable(device, found)
    runtime.set_default_logger_severity(FATAL)
    try:
        session = _create(model, path, device)
    finally:
        runtime.set_default_logger_severity(WARNING)
    if PROVIDERS[device][0] not in session.get_providers():
        raise _unusable(device, "that ONNX Runtime cannot load its libraries")
    return session


def _create(model: str | bytes, path: Path, device: str) -> InferenceSession:
    runtime = import_runtime()
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Its exceptions say the same as its log, but there names from the file cannot forge output.
    options.log_severity_level = FATAL
    if device == "directml":
        options.enable_mem_pattern = False
    if isinstance(model, bytes):
        folder = "session.model_external_initializers_file_folder_path"
        options.add_session_config_entry(folder, str(path.parent.absolute()))
    providers = [PROVIDERS[device], PROVIDERS["cpu"]] if device != "cpu" else [CPU]
    try:
        return runtime.InferenceSession(model, options, providers=providers, enable_fallback=0)
    # ONNX Runtime has its own exceptions, and damaged names raise UnicodeDecodeError.
    except Exception as error:
        raise rejected(path, error) from None


def _unusable(device: str, found: str) -> ModelError:
    advice = "install an onnxruntime that has it"
    if device in NVIDIA:
        advice = "install latent-analyze[gpu] instead of [onnx]"
    return ModelError(
        f"{PROVIDERS[device][0]} for the device {device}", found=found,
        next_step=f"{advice}, or choose the device cpu",
    )  # fmt: skip
