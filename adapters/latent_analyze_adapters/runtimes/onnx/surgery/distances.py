"""Which constant of a graph the vectors are compared with before the nearest code is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze_adapters.runtimes.onnx.safety.operators import text
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex, op
from latent_analyze_adapters.runtimes.onnx.surgery.values import (
    constant_of,
    integer_of,
    names_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from onnx import NodeProto, TensorProto

FLOATING = (1, 10, 11)
"""FLOAT, FLOAT16 and DOUBLE of TensorProto.DataType."""

RESHAPING = frozenset(
    {"Reshape", "Squeeze", "Unsqueeze", "Transpose", "Cast", "Flatten", "Identity"}
)
"""Operators that change the shape or the type of codes, and no code."""

DISTANCE = RESHAPING | frozenset({
    "Add", "Sub", "Mul", "Div", "Neg", "Pow", "Sqrt", "Abs", "ReduceSum", "ReduceSumSquare",
    "ReduceL2", "ReduceL1", "ReduceMean", "Max", "Clip", "Relu", "Softmax", "LogSoftmax", "Exp",
})  # fmt: skip
"""Operators between the product of vectors with a codebook and the choice of the nearest."""

SQUARES = frozenset({"Pow", "Mul", "ReduceSumSquare", "ReduceL2"})
"""Operators that begin the length of a vector."""

SAME = 1e-3
"""Lengths of vectors, computed by the exporter and by us, differ by at most this share."""

MOST_STEPS = 200


@dataclass(frozen=True)
class Codebook:
    """A codebook in a graph.

    Attributes
    ----------
    count
        Number of its codes, 0 if unknown.
    tensor
        The constant that holds its vectors; empty if it is not certain which one does.
    transposed
        Whether the constant has the shape (d, codes).
    """

    count: int = 0
    tensor: str = ""
    transposed: bool = False


def compared(index: GraphIndex, choice: NodeProto) -> Codebook:
    """Return the codebook that vectors are compared with before a choice.

    Its vectors only if their lengths go into the choice: else it may be any matrix of weights.
    """
    before = index.producer(text(choice.input[0]))
    if before is not None and op(before) == "Conv" and integer_of(choice, "axis") == 1:
        weights = index.constants.get(text(before.input[1]))
        return Codebook(int(weights.dims[0])) if weights is not None else Codebook()
    for node in _distance_nodes(index, text(choice.input[0])):
        found = [(place, c) for place, i in enumerate(node.input) if (c := _matrix(index, text(i)))]
        if not found:
            continue
        place, (name, shape, turned) = found[0]
        if op(node) == "Sub":
            return Codebook(shape[0], name, turned) if _sums_last(index, node) else Codebook()
        if op(node) == "Gemm" and place == 1 and integer_of(node, "transB"):
            shape, turned = shape[::-1], not turned
        # x @ W has the codes last in W, W @ x has them first.
        codes_last = place == 1
        count = shape[-1] if codes_last else shape[0]
        is_known = _has_lengths(index, choice, name, codes_last != turned)
        return Codebook(count, name, codes_last != turned) if is_known else Codebook(count)
    return Codebook()


def _distance_nodes(index: GraphIndex, name: str) -> Iterator[NodeProto]:
    """Yield products and differences before a choice, the nearest ones first."""
    waiting, seen = [name], {name}
    while waiting and len(seen) < MOST_STEPS:
        node = index.producer(waiting.pop(0))
        if node is None:
            continue
        if op(node) in ("MatMul", "Gemm", "Sub"):
            yield node
        if op(node) in DISTANCE:
            new = [text(i) for i in node.input if text(i) and text(i) not in seen]
            waiting, seen = [*waiting, *new], seen.union(new)


def _matrix(index: GraphIndex, name: str) -> tuple[str, tuple[int, ...], bool] | None:
    """Return name, shape and order of the constant matrix that a tensor is, or None."""
    turned = False
    for _ in range(4):
        tensor = index.constants.get(name)
        if tensor is not None:
            shape = tuple(int(n) for n in tensor.dims)
            shape = tuple(n for n in shape if n > 1) if len(shape) > 2 else shape
            if len(shape) != 2 or tensor.data_type not in FLOATING:
                return None
            return name, shape[::-1] if turned else shape, turned
        node = index.producer(name)
        if node is None or op(node) not in ("Transpose", "Unsqueeze", "Identity", "Cast"):
            return None
        turned ^= op(node) == "Transpose"
        name = text(node.input[0])
    return None


def _sums_last(index: GraphIndex, difference: NodeProto) -> bool:
    """Whether squares of differences are summed over the last axis, that of the vectors."""
    name = text(difference.output[0])
    for _ in range(3):
        node = next((n for n in index.nodes if name in names_of(n)), None)
        if node is None:
            return False
        if op(node).startswith("Reduce"):
            axes = [a for a in node.attribute if a.name == "axes"]
            if axes:
                return list(axes[0].ints) == [-1]
            return len(node.input) > 1 and number_of(index, text(node.input[1])) == -1
        name = text(node.output[0])
    return False


def _has_lengths(index: GraphIndex, choice: NodeProto, name: str, transposed: bool) -> bool:
    """Whether the lengths of the vectors of a matrix go into the choice, as into a distance."""
    nodes = index.ancestors([text(choice.input[0])])
    squared = {
        source
        for node in nodes if op(node) in SQUARES
        for i in node.input if (source := _source(index, text(i))) in index.constants
    }  # fmt: skip
    if name in squared:
        return True
    tensor = index.constants[name]
    if tensor.external_data:
        return False
    matrix = np.asarray(tensor_values(tensor), np.float64)
    matrix = matrix.reshape([n for n in matrix.shape if n > 1]) if matrix.ndim > 2 else matrix
    # An exporter may keep a transposed copy for the product.
    if any(_is_copy(matrix, index.constants[other]) for other in squared):
        return True
    wanted = np.square(matrix).sum(axis=0 if transposed else 1)
    used = {text(i) for node in nodes for i in node.input}
    others = [index.constants[i] for i in used & index.constants.keys()]
    return any(
        not other.external_data and np.prod(other.dims) == len(wanted)
        and other.data_type in FLOATING
        and np.allclose(np.ravel(tensor_values(other)), wanted, rtol=SAME, atol=SAME * wanted.max())
        for other in others
    )  # fmt: skip


def _is_copy(matrix: NDArray[np.float64], other: TensorProto) -> bool:
    """Whether a constant is a matrix or its transpose."""
    if other.external_data or sorted(n for n in other.dims if n > 1) != sorted(matrix.shape):
        return False
    values = np.asarray(tensor_values(other), np.float64).squeeze()
    return any(
        turned.shape == matrix.shape and np.array_equal(turned, matrix)
        for turned in (values, values.T)
    )


def _source(index: GraphIndex, name: str) -> str:
    """Return the constant that a tensor is but for changes of shape, or its own name."""
    found = _matrix(index, name)
    return found[0] if found else name


def tensor_values(tensor: TensorProto, folder: str = "") -> NDArray[np.generic]:
    """Return a constant, from a file of weights in the folder if it lies there."""
    from onnx import numpy_helper

    return np.asarray(numpy_helper.to_array(tensor, folder))


def number_of(index: GraphIndex, name: str) -> int:
    """Return the only number in a constant; 0 if it is none."""
    values = constant_of(index, name)
    is_number = values is not None and values.size == 1 and np.isfinite(values).all()
    return int(values.ravel()[0]) if values is not None and is_number else 0
