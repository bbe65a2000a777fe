"""Static checks of untrusted .onnx files, before any runtime sees them."""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.messages import os_cause
from latent_analyze_adapters.runtimes.onnx.safety.operators import check_operator, opset_of, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnx import (
        FunctionProto,
        GraphProto,
        ModelProto,
        SparseTensorProto,
        TensorProto,
        ValueInfoProto,
    )

    Body: TypeAlias = GraphProto | FunctionProto

FILE_BYTES = (1 << 31) - 1
"""Largest file: the limit of a protobuf message."""

TENSOR_BYTES = 512 << 20
"""Largest tensor that a file may request without holding its values."""

# Bytes per value by TensorProto.DataType; 8-bit and packed types are not listed and count as one.
WIDTHS = {1: 4, 4: 2, 5: 2, 6: 4, 7: 8, 8: 8, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2}
INT64, FLOAT = 7, 1
VALUES_PER_BYTE = 4
SHAPE_INPUT = {"ConstantOfShape": 0, "Expand": 1}
SHAPE_ATTRIBUTE = frozenset({"RandomNormal", "RandomUniform"})
LONGEST_SHAPE = 64


def check_proto(proto: ModelProto, path: Path, *, budget: int = TENSOR_BYTES) -> None:
    """Check the operators, tensor sizes and external weights of a parsed model.

    Parameters
    ----------
    proto
        The model.
    path
        Its file; external weights must be in the same folder or below.
    budget
        Largest size in bytes of a tensor whose values are not in the file.

    Raises
    ------
    ModelError
        If something is non-standard, too large, or outside the folder.
    """
    opset = opset_of(proto)
    functions = {(text(f.domain), text(f.name)) for f in proto.functions}
    for body in bodies(proto):
        for node in body.node:
            called = (text(node.domain), text(node.op_type))
            if called not in functions:
                check_operator(*called, path, opset)
        _check_constant_shapes(body, path, budget)
        for name in ("input", "output", "value_info"):
            for info in getattr(body, name):
                # Inputs and outputs of functions are plain names.
                if not isinstance(info, (str, bytes)):
                    _check_declared(info, path, budget)
    for tensor in tensors(proto):
        _check_tensor(tensor, path)
    for sparse in (s for body in bodies(proto) for s in _sparse(body)):
        _check_size(tuple(sparse.dims), sparse.values.data_type, (sparse.values.name, path, budget))


def bodies(proto: ModelProto) -> Iterator[Body]:
    """Yield the graph, the functions, and all graphs inside them."""
    waiting: list[Body] = [proto.graph, *proto.functions]
    while waiting:
        body = waiting.pop()
        yield body
        for attribute in (a for node in body.node for a in node.attribute):
            waiting += attribute.graphs
            if attribute.HasField("g"):
                waiting.append(attribute.g)


def tensors(proto: ModelProto) -> Iterator[TensorProto]:
    """Yield all tensors that hold values: weights, constants, and the parts of sparse ones."""
    for body in bodies(proto):
        yield from getattr(body, "initializer", ())
        for sparse in _sparse(body):
            yield from (sparse.values, sparse.indices)
        for attribute in (a for node in body.node for a in node.attribute):
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t


def external_location(tensor: TensorProto) -> str:
    """Return the name of the file that holds a tensor's values, or an empty string."""
    return text(next((e.value for e in tensor.external_data if e.key == "location"), ""))


def _sparse(body: Body) -> Iterator[SparseTensorProto]:
    yield from getattr(body, "sparse_initializer", ())
    for attribute in (a for node in body.node for a in node.attribute):
        yield from attribute.sparse_tensors
        if attribute.HasField("sparse_tensor"):
            yield attribute.sparse_tensor


def _check_declared(info: ValueInfoProto, path: Path, budget: int) -> None:
    kind = info.type.tensor_type
    # Old exporters write -1 or 0 for a free axis.
    lengths = [d.dim_value for d in kind.shape.dim if d.dim_value not in (-1, 0)]
    _check_size(lengths, kind.elem_type, (info.name, path, budget))


def _check_size(lengths: Sequence[int], kind: int, where: tuple[str, Path, int]) -> None:
    name, path, budget = where
    if min(lengths, default=0) < 0:
        raise _damaged(name, path, f"a length of {min(lengths)}")
    size = math.prod(lengths) * WIDTHS.get(kind, 1)
    if size > budget:
        raise ModelError(
            f"tensors of at most {budget >> 20} MiB in {path.name}",
            found=f"{size / (1 << 30):.3g} GiB for {name!r}",
            next_step="open it with --trust if you know who made it",
        )  # fmt: skip


def _check_constant_shapes(body: Body, path: Path, budget: int) -> None:
    """Check the tensors that nodes create from a shape in the file."""
    constants = {t.name: _small_integers(t) for t in getattr(body, "initializer", ())}
    for node in body.node:
        attributes = {a.name: a for a in node.attribute}
        if node.op_type == "Constant" and node.output and "value" in attributes:
            constants[node.output[0]] = _small_integers(attributes["value"].t)
    for node in body.node:
        attributes = {a.name: a for a in node.attribute}
        number = SHAPE_INPUT.get(node.op_type)
        if number is not None and number < len(node.input):
            shape = constants.get(node.input[number], ())
        elif node.op_type in SHAPE_ATTRIBUTE and "shape" in attributes:
            shape = tuple(attributes["shape"].ints)
        else:
            continue
        kind = attributes["value"].t.data_type if "value" in attributes else FLOAT
        _check_size(shape, kind, (node.name or node.op_type, path, budget))


def _small_integers(tensor: TensorProto) -> tuple[int, ...]:
    """Return the values of a small integer tensor, such as a shape; nothing for all others."""
    if tensor.data_type != INT64 or tensor.external_data or tensor.ByteSize() > 16 * LONGEST_SHAPE:
        return ()
    whole = len(tensor.raw_data) // 8 * 8
    stored = np.frombuffer(tensor.raw_data[:whole], "<i8").tolist()
    return tuple(stored or tensor.int64_data)


def _check_tensor(tensor: TensorProto, path: Path) -> None:
    lengths = tuple(tensor.dims)
    if min(lengths, default=0) < 0:
        raise _damaged(tensor.name, path, f"a length of {min(lengths)}")
    if tensor.external_data:
        _check_external(tensor, path)
    elif math.prod(lengths) > VALUES_PER_BYTE * tensor.ByteSize():
        raise _damaged(tensor.name, path, f"shape {list(lengths)} without its values")


def _check_external(tensor: TensorProto, path: Path) -> None:
    location = external_location(tensor)
    size = _regular_size(path, location)
    parts = {e.key: e.value for e in tensor.external_data}
    texts = [text(parts.get(key, "0")) for key in ("offset", "length")]
    if not all(t.isascii() and t.isdigit() and len(t) < 20 for t in texts):
        raise _damaged(tensor.name, path, f"offset and length {texts}")
    offset, length = map(int, texts)
    needed = math.prod(tensor.dims) * WIDTHS.get(tensor.data_type, 1)
    if tensor.data_type not in WIDTHS:
        needed //= VALUES_PER_BYTE
    if offset + max(length, needed) > size:
        raise _damaged(tensor.name, path, f"{location!r} with {size} bytes, too short")


def check_location(path: Path, name: str) -> None:
    """Check that a name refers to a file inside the model's folder, without following links.

    Raises
    ------
    ModelError
        If it is empty, absolute, leads upwards, or is a name that ONNX Runtime interprets as a
        memory address.
    """
    inside = PurePosixPath(name.replace("\\", "/"))
    absolute = inside.is_absolute() or Path(name).is_absolute() or Path(name).drive
    odd = absolute or ".." in inside.parts or "*" in name or not name.isprintable()
    if odd or not inside.parts:
        raise ModelError(
            f"weights of {path.name} in files next to it", found=repr(name),
            next_step="export the model again, into one folder",
        )  # fmt: skip


def no_weights(path: Path, name: str, error: OSError) -> ModelError:
    """Return the error for external weights that cannot be read."""
    return ModelError(
        f"the weights {name} next to {path}", found=os_cause(error),
        next_step="copy all files of the model into one folder",
    )  # fmt: skip


def _regular_size(path: Path, name: str) -> int:
    """Return the size of a file with weights, which must be a regular file and not a link."""
    check_location(path, name)
    location = path.parent
    try:
        for part in PurePosixPath(name.replace("\\", os.sep)).parts:
            location = location / part
            found = location.lstat()
            if stat.S_ISLNK(found.st_mode):
                raise _not_regular(path, f"a symbolic link, {location.name!r}")
    except OSError as error:
        raise no_weights(path, name, error) from None
    if not stat.S_ISREG(found.st_mode):
        raise _not_regular(path, f"a folder or a special file, {name!r}")
    if found.st_nlink > 1:
        raise _not_regular(path, f"a hard link, {name!r}")
    return found.st_size


def _not_regular(path: Path, found: str) -> ModelError:
    return ModelError(
        f"weights of {path.name} in regular files next to it", found=found,
        next_step="copy the files, not links, into one folder",
    )  # fmt: skip


def _damaged(name: str, path: Path, found: str) -> ModelError:
    return ModelError(
        f"a complete tensor {name!r} in {path.name}", found=found,
        next_step="export or download the model again",
    )  # fmt: skip
