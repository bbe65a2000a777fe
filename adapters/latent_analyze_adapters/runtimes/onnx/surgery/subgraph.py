"""Extracts parts of an ONNX graph: the nodes between given tensors, as a model of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.runtimes.onnx.safety.operators import text

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, ValueInfoProto


class GraphIndex:
    """Looks up which node produces a tensor, and what it is computed from.

    Parameters
    ----------
    proto
        A parsed model.
    more
        Nodes to add to it.
    """

    def __init__(self, proto: ModelProto, more: Iterable[NodeProto] = ()) -> None:
        self.proto = proto
        self.inputs = {text(i.name) for i in proto.graph.input}
        self.outputs = [text(o.name) for o in proto.graph.output]
        self.constants = {text(t.name): t for t in proto.graph.initializer}
        self.inputs -= self.constants.keys()
        self.nodes = [*proto.graph.node, *more]
        self._producers = {
            text(name): i for i, node in enumerate(self.nodes) for name in node.output if name
        }

    def with_nodes(self, nodes: Iterable[NodeProto]) -> GraphIndex:
        """Return the graph with more nodes."""
        return GraphIndex(self.proto, nodes)

    def producer(self, name: str) -> NodeProto | None:
        """Return the node that produces a tensor, or None for inputs and constants."""
        return self.nodes[self._producers[name]] if name in self._producers else None

    def produces(self, name: str) -> bool:
        """Whether some node produces a tensor of this name."""
        return name in self._producers

    def ancestors(self, names: Iterable[str], stop: Iterable[str] = ()) -> list[NodeProto]:
        """Return the nodes that these tensors depend on, in order, not looking beyond `stop`."""
        return [self.nodes[i] for i in self._ancestors(names, stop)]

    def required_inputs(self, names: Iterable[str], stop: Iterable[str] = ()) -> set[str]:
        """Return the inputs that these tensors depend on, not looking beyond `stop`."""
        names = set(names)
        return self.inputs & names.union(*(self._used[i] for i in self._ancestors(names, stop)))

    def depend_on(self, names: Iterable[str], name: str) -> bool:
        """Whether these tensors depend on another one that some node produces."""
        return name in self._producers and self._producers[name] in self._ancestors(names)

    @cached_property
    def _used(self) -> list[list[str]]:
        # Cached, because a search walks the graph many times, and protobuf fields are slow to read.
        return [list(used_tensors(node)) for node in self.nodes]

    def _ancestors(self, names: Iterable[str], stop: Iterable[str] = ()) -> list[int]:
        found: set[int] = set()
        waiting, stops = list(names), set(stop)
        while waiting:
            name = waiting.pop()
            producer = self._producers.get(name)
            if producer is not None and name not in stops and producer not in found:
                found.add(producer)
                waiting += self._used[producer]
        return sorted(found)


def op(node: NodeProto) -> str:
    """Return the operator of a node; an empty string for functions and non-standard operators."""
    return text(node.op_type) if text(node.domain) in ("", "ai.onnx") else ""


def used_tensors(node: NodeProto) -> Iterator[str]:
    """Yield the tensors that a node and its subgraphs read."""
    yield from (text(name) for name in node.input if name)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from used_tensors(inner)
            # A branch may pass on a tensor from outside.
            yield from (text(output.name) for output in graph.output)


def extract_subgraph(
    index: GraphIndex, given: ValueInfoProto | None, outputs: list[str], path: Path
) -> ModelProto:
    """Return the model that computes tensors, from the graph's inputs or from one tensor inside.

    Parameters
    ----------
    index
        The graph.
    given
        The tensor inside that becomes the input, with type and shape; None for the inputs of the
        graph.
    outputs
        Names of the tensors that become the outputs.
    path
        The file, for messages.

    Raises
    ------
    ModelError
        If the outputs depend on more than `given`.
    """
    from onnx import ModelProto, ValueInfoProto

    stop = [] if given is None else [text(given.name)]
    nodes, needed = index.ancestors(outputs, stop), index.required_inputs(outputs, stop)
    if given is not None and needed:
        raise ModelError(
            f"a tensor in {path} that {', '.join(outputs)} depends on alone", found=stop[0],
            next_step=f"name another one as input: it also takes {', '.join(sorted(needed))}",
        )  # fmt: skip
    old, proto = index.proto.graph, ModelProto()
    proto.CopyFrom(_without_graph(index.proto))
    graph = proto.graph
    graph.name = old.name
    graph.node.extend(nodes)
    names = {name for node in nodes for name in used_tensors(node)} | set(outputs)
    graph.initializer.extend(t for t in old.initializer if t.name in names)
    graph.sparse_initializer.extend(t for t in old.sparse_initializer if t.values.name in names)
    graph.input.extend([given] if given is not None else [i for i in old.input if i.name in needed])
    declared = {o.name: o for o in old.output}
    graph.output.extend(declared.get(name, ValueInfoProto(name=name)) for name in outputs)
    return proto


def _without_graph(proto: ModelProto) -> ModelProto:
    from onnx import ModelProto

    rest = ModelProto(ir_version=proto.ir_version, producer_name=proto.producer_name)
    rest.opset_import.extend(proto.opset_import)
    rest.functions.extend(proto.functions)
    return rest
