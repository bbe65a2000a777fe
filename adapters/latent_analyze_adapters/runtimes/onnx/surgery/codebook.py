"""Finds codebooks in a graph, what is chosen from them and what is looked up in them.

A code is the number of the vector nearest to what the encoder computes (VQ-VAE, van den Oord et
al. 2017), or of the largest of its outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze_adapters.runtimes.onnx.safety.operators import text
from latent_analyze_adapters.runtimes.onnx.surgery.distances import (
    FLOATING,
    MOST_STEPS,
    RESHAPING,
    Codebook,
    compared,
    number_of,
    tensor_values,
)
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex, op
from latent_analyze_adapters.runtimes.onnx.surgery.values import names_of, skip_passing

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from onnx import ModelProto, ValueInfoProto

NEAREST = frozenset({"ArgMin", "ArgMax"})
"""Operators that choose the code nearest to a vector."""


def quantized_output(index: GraphIndex) -> str | None:
    """Return the only output of real numbers that depends on a choice of codes, or None."""
    floats = [o for o in index.proto.graph.output if _is_float(o)]
    chosen = [
        str(o.name) for o in floats
        if any(op(node) in NEAREST for node in index.ancestors([str(o.name)]))
    ]  # fmt: skip
    return chosen[0] if len(chosen) == 1 else None


def chosen_codes(index: GraphIndex) -> dict[str, Codebook]:
    """Return the outputs that hold the choice of codes, and their codebooks."""
    found = {}
    for name in index.outputs:
        node = index.producer(skip_passing(index, name, RESHAPING))
        if node is not None and op(node) in NEAREST:
            book = _read_behind(index, text(node.output[0]))
            found[name] = book if book is not None else compared(index, node)
    return found


def looked_up(index: GraphIndex, given: str | None) -> Codebook | None:
    """Return the codebook in which the input of a decoder is looked up, or None.

    Parameters
    ----------
    given
        Name of the input; the first one if not given.
    """
    names = [text(i.name) for i in index.proto.graph.input if text(i.name) in index.inputs]
    name = given if given in names else next(iter(names), None)
    return None if name is None else _read_behind(index, name)


def vectors_of(proto: ModelProto, book: Codebook, path: Path) -> NDArray[np.float32]:
    """Return the vectors of a codebook, (codes, d), also from a file of weights beside `path`."""
    tensor = next(t for t in proto.graph.initializer if text(t.name) == book.tensor)
    values = np.asarray(tensor_values(tensor, str(path.parent)), np.float32)
    values = values.reshape([n for n in values.shape if n > 1] if values.ndim > 2 else values.shape)
    return np.ascontiguousarray(values.T if book.transposed else values)


def _read_behind(index: GraphIndex, name: str) -> Codebook | None:
    """Return the constant that codes are looked up in behind a tensor, or None."""
    waiting, seen = [name], {name}
    while waiting and len(seen) < MOST_STEPS:
        current = waiting.pop(0)
        for node in index.nodes:
            inputs = names_of(node)
            if current not in inputs:
                continue
            looks = op(node) == "Gather" or (op(node) == "GatherND" and _is_single(index, current))
            if looks and inputs[1] == current and (book := _table(index, inputs[0])):
                return book
            if (
                op(node) == "OneHot"
                and inputs[0] == current
                and (depth := number_of(index, inputs[1]))
            ):
                return Codebook(depth)
            if op(node) in RESHAPING and inputs[0] == current:
                new = [text(o) for o in node.output if text(o) not in seen]
                waiting, seen = [*waiting, *new], seen.union(new)
    return None


def _is_single(index: GraphIndex, name: str) -> bool:
    """Whether the last axis of an index has length one, so that it names whole rows."""
    node = index.producer(name)
    if node is None or op(node) != "Unsqueeze":
        return False
    # Before opset 13 the axes are an attribute.
    axes = [list(a.ints) for a in node.attribute if text(a.name) == "axes"]
    return axes == [[-1]] if axes else number_of(index, names_of(node)[-1]) == -1


def _table(index: GraphIndex, name: str) -> Codebook | None:
    tensor = index.constants.get(name)
    if tensor is None or len(tensor.dims) != 2 or tensor.data_type not in FLOATING:
        return None
    return Codebook(int(tensor.dims[0]), name)


def _is_float(output: ValueInfoProto) -> bool:
    return output.type.tensor_type.elem_type in FLOATING
