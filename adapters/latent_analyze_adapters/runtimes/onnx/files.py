"""Reads, hashes and describes ONNX files, without any runtime."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latent_analyze.plugin import ModelError, content_hash, file_sha256
from latent_analyze_adapters.models.messages import os_cause
from latent_analyze_adapters.models.session import ModelFile
from latent_analyze_adapters.runtimes.onnx.reasons import cause
from latent_analyze_adapters.runtimes.onnx.safety import static_check as safety
from latent_analyze_adapters.runtimes.onnx.safety.operators import opset_of, text
from latent_analyze_adapters.runtimes.onnx.surgery.evaluation import in_training_mode

if TYPE_CHECKING:
    from onnx import ModelProto

MODEL_SUFFIX = ".onnx"

WHOLE = (6, 7)
"""INT32 and INT64 of TensorProto.DataType."""


@dataclass(frozen=True)
class OnnxFile(ModelFile):
    """An .onnx file.

    Attributes
    ----------
    external_weights
        Names of the files next to it that hold its weights.
    training_mode
        Whether something in it may run in training mode, such as dropout.
    whole_inputs
        Whether an input takes whole numbers, such as codes.
    """

    external_weights: tuple[str, ...] = ()
    training_mode: bool = False
    whole_inputs: bool = False


def read_model_file(path: Path, *, trusted: bool = False) -> OnnxFile:
    """Read, check and hash an .onnx file.

    Parameters
    ----------
    path
        The file.
    trusted
        Skip the checks of operators, sizes and links.

    Raises
    ------
    ModelError
        If it is missing, empty or not ONNX, or weights that it refers to are missing or outside its
        folder; if it is not trusted, also for whatever `check_proto` finds.
    """
    content = _content(path)
    try:
        proto = _parse(content, path)
        if not trusted:
            safety.check_proto(proto, path)
        return _describe(proto, content, path)
    except UnicodeDecodeError as error:
        raise not_onnx(path, f"something else ({cause(error)})") from None


def load_proto(path: Path) -> ModelProto:
    """Parse a file that has already been checked, without its external weights."""
    return _parse(_content(path), path)


def _describe(proto: ModelProto, content: bytes, path: Path) -> OnnxFile:
    tensors = safety.tensors(proto)
    external = tuple(sorted({safety.external_location(t) for t in tensors if t.external_data}))
    hashes = [hashlib.sha256(content).hexdigest()]
    hashes += [_hash_external(path, name) for name in external]
    return OnnxFile(
        path=path,
        sha256=hashes[0] if len(hashes) == 1 else content_hash(*hashes),
        size=len(content),
        # tf2onnx adds the commit that it was built from, or None if it does not know it.
        producer=" ".join(map(text, (proto.producer_name, proto.producer_version)))
        .removesuffix(" None")
        .strip(),
        facts={"external weights": list(external), "opset": opset_of(proto)},
        external_weights=external,
        training_mode=in_training_mode(proto),
        whole_inputs=any(i.type.tensor_type.elem_type in WHOLE for i in proto.graph.input),
    )


def not_onnx(path: Path, found: str) -> ModelError:
    """Return the error for a file that is not a model."""
    return ModelError(
        f"an ONNX model in {path}", found=found,
        next_step="name a bundle folder with model.toml, or an .onnx file",
    )  # fmt: skip


def _content(path: Path) -> bytes:
    try:
        found = path.stat()
        # Devices and pipes have no end.
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            raise not_onnx(path, "a pipe, a socket or a device")
        if found.st_size > safety.FILE_BYTES:
            raise not_onnx(path, f"{found.st_size} bytes, more than an ONNX file can have")
        content = path.read_bytes()
    except OSError as error:
        raise not_onnx(path, os_cause(error)) from None
    if not content:
        raise not_onnx(path, "an empty file")
    return content


def _parse(content: bytes, path: Path) -> ModelProto:
    import onnx

    try:
        proto = onnx.load_model_from_string(content)
    # protobuf has its own exceptions, and damaged names raise UnicodeDecodeError.
    except Exception as error:
        raise not_onnx(path, f"something else ({cause(error)})") from None
    if not proto.graph.output:
        raise not_onnx(path, "something else (no graph with outputs)")
    return proto


def _hash_external(path: Path, name: str) -> str:
    safety.check_location(path, name)
    try:
        return file_sha256(path.parent / name)
    except OSError as error:
        raise safety.no_weights(path, name, error) from None
