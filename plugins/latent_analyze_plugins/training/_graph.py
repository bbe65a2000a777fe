"""Names in a converted ONNX graph: those promised, and no others that change from run to run."""

from __future__ import annotations

from typing import Any, NamedTuple

from latent_analyze.plugin import ModelError


class Signature(NamedTuple):
    """Name and shape (without batch) of a graph's input, and the names of its outputs."""

    input: str
    shape: tuple[int, ...]
    outputs: tuple[str, ...]


def tidy(graph: Any, name: str, signature: Signature) -> None:
    """Name graph, nodes and tensors by their order and put the outputs in that of `signature`.

    tf2onnx names them after counters of the process and in the order of sets: equal weights would
    make files of different bytes, and so models of different fingerprints.

    Parameters
    ----------
    graph
        An onnx.GraphProto without subgraphs; changed in place.
    name
        What it shall be called.
    signature
        Names of its input and outputs.

    Raises
    ------
    ModelError
        If the graph has other inputs or outputs.
    """
    _check(graph, signature)
    graph.name, graph.doc_string = name, ""
    graph.output.sort(key=lambda output: signature.outputs.index(output.name))
    for tensor in (*graph.input, *graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    names = {"": "", **{key: key for key in (signature.input, *signature.outputs)}}
    for i, node in enumerate(graph.node):
        node.name, node.doc_string = f"{node.op_type}_{i}", ""
        _rename(node.input, names)
        _rename(node.output, names)
    for initializer in graph.initializer:
        initializer.name = names[initializer.name]
    graph.initializer.sort(key=lambda initializer: initializer.name)
    del graph.value_info[:]


def _rename(tensors: Any, names: dict[str, str]) -> None:
    for i, tensor in enumerate(tensors):
        tensors[i] = names.setdefault(tensor, f"tensor_{len(names)}")


def _check(graph: Any, signature: Signature) -> None:
    inputs, outputs = [t.name for t in graph.input], sorted(t.name for t in graph.output)
    if inputs != [signature.input] or outputs != sorted(signature.outputs):
        raise ModelError(
            f"an ONNX graph from {signature.input} to {', '.join(signature.outputs)}",
            found=f"one from {', '.join(inputs)} to {', '.join(outputs)} after tf2onnx",
            next_step="install another version of tf2onnx",
        )
