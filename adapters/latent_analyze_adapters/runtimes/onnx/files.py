"""ONNX files as files: read, hash and describe them, without any runtime."""

from __future__ import annotations

import hashlib
import re
import stat
from pathlib import Path
from typing import Any

from latent_analyze.plugin import ModelError, content_hash, file_sha256
from latent_analyze_adapters.models.session import ModelFile, shorten
from latent_analyze_adapters.runtimes.onnx.safety import static_check as safety

MODEL_SUFFIX = ".onnx"
# What ONNX Runtime puts before the cause: a code, and the path that our message has already.
_PREAMBLE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from .*? failed:)?")


def read_model_file(path: Path, *, trusted: bool = False) -> ModelFile:
    """Read, check and hash an .onnx file.

    Parameters
    ----------
    path
        The file.
    trusted
        Leave out the checks of operators, sizes and links.

    Raises
    ------
    ModelError
        If it is missing, empty, no ONNX, or weights that it refers to are missing or outside its
        folder; if it is not trusted, also for what `check_proto` finds.
    """
    content = _content(path)
    try:
        proto = _parse(content, path)
        if not trusted:
            safety.check_proto(proto, path)
        return _describe(proto, content, path)
    except UnicodeDecodeError as error:
        raise not_onnx(path, f"something else ({cause(error)})") from None


def load_proto(path: Path) -> Any:
    """Parse a file that was checked before, without the weights beside it."""
    return _parse(_content(path), path)


def _describe(proto: Any, content: bytes, path: Path) -> ModelFile:
    tensors = safety.tensors(proto)
    external = tuple(sorted({safety.external_location(t) for t in tensors if t.external_data}))
    hashes = [hashlib.sha256(content).hexdigest()]
    hashes += [_hash_external(path, name) for name in external]
    opset = max((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), default=0)
    return ModelFile(
        path=path,
        sha256=hashes[0] if len(hashes) == 1 else content_hash(*hashes),
        size=len(content),
        # tf2onnx adds the commit that it was built from, and None where it does not know it.
        producer=" ".join(map(safety.text, (proto.producer_name, proto.producer_version)))
        .removesuffix(" None")
        .strip(),
        facts={"weights beside it": list(external), "opset": opset},
    )


def cause(error: Exception) -> str:
    """Return what a library says went wrong, on one line and not too long."""
    return shorten(_PREAMBLE.sub("", " ".join(str(error).split())) or type(error).__name__)


def not_onnx(path: Path, found: str) -> ModelError:
    """Return the error for a file that is no model."""
    return ModelError(
        f"an ONNX model in {path}", found=found,
        next_step="name a bundle folder with model.toml, or an .onnx file",
    )  # fmt: skip


def _content(path: Path) -> bytes:
    try:
        found = path.stat()
        # Devices and pipes have no end.
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            raise not_onnx(path, "no plain file")
        if found.st_size > safety.FILE_BYTES:
            raise not_onnx(path, f"{found.st_size} bytes, more than an ONNX file can have")
        content = path.read_bytes()
    except OSError as error:
        raise not_onnx(path, (error.strerror or str(error)).lower()) from None
    if not content:
        raise not_onnx(path, "an empty file")
    return content


def _parse(content: bytes, path: Path) -> Any:
    import onnx

    try:
        proto = onnx.load_model_from_string(content)
    # protobuf has errors of its own, and damaged names raise UnicodeDecodeError.
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
        raise ModelError(
            f"the weights {name} beside {path}", found=(error.strerror or str(error)).lower(),
            next_step="copy all files of the model into one folder",
        ) from None  # fmt: skip
