"""Parts of an ONNX graph: what lies between tensors inside it, cut out as a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.runtimes.onnx.safety.static_check import text


class Wiring:
    """Which node of a graph makes a tensor, and what it is made of.

    Parameters
    ----------
    proto
        A parsed model.
    more
        Nodes that it shall have as well.
    """

    def __init__(self, proto: Any, more: Iterable[Any] = ()) -> None:
        self.proto = proto
        self.inputs = {text(i.name) for i in proto.graph.input}
        self.outputs = [text(o.name) for o in proto.graph.output]
        self.constants = {text(t.name): t for t in proto.graph.initializer}
        self.inputs -= self.constants.keys()
        self.nodes = [*proto.graph.node, *more]
        self._makers = {text(n): i for i, node in enumerate(self.nodes) for n in node.output if n}

    def extended(self, nodes: Iterable[Any]) -> Wiring:
        """Return the graph with further nodes."""
        return Wiring(self.proto, nodes)

    def maker(self, name: str) -> Any:
        """Return the node that makes a tensor, or None for inputs and constants."""
        return self.nodes[self._makers[name]] if name in self._makers else None

    def holds(self, name: str) -> bool:
        """Whether there is such a tensor that some node makes."""
        return name in self._makers

    def above(self, names: Iterable[str], stop: Iterable[str] = ()) -> list[Any]:
        """Return the nodes that these tensors need, in order, without those before `stop`."""
        return [self.nodes[i] for i in self._above(names, stop)]

    def needed(self, names: Iterable[str], stop: Iterable[str] = ()) -> set[str]:
        """Return the inputs that these tensors need, without those before `stop`."""
        names = set(names)
        return self.inputs & names.union(*(self._used[i] for i in self._above(names, stop)))

    def makes(self, names: Iterable[str], name: str) -> bool:
        """Whether these tensors need another one that some node makes."""
        return name in self._makers and self._makers[name] in self._above(names)

    @cached_property
    def _used(self) -> list[list[str]]:
        # Kept, because a search for halves takes many walks and messages are slow to read.
        return [list(used(node)) for node in self.nodes]

    def _above(self, names: Iterable[str], stop: Iterable[str] = ()) -> list[int]:
        found: set[int] = set()
        waiting, stops = list(names), set(stop)
        while waiting:
            name = waiting.pop()
            if name in self._makers and name not in stops and self._makers[name] not in found:
                found.add(self._makers[name])
                waiting += self._used[self._makers[name]]
        return sorted(found)


def op(node: Any) -> str:
    """Return the name of a node's operator; nothing for functions and operators of a runtime."""
    return text(node.op_type) if text(node.domain) in ("", "ai.onnx") else ""


def used(node: Any) -> Iterator[str]:
    """Yield the tensors that a node and its sub-graphs take."""
    yield from (text(name) for name in node.input if name)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from used(inner)
            # A branch may hand on a tensor from outside.
            yield from (text(output.name) for output in graph.output)


def part(wiring: Wiring, given: Any | None, outputs: list[str], path: Path) -> Any:
    """Return the model that makes tensors, from its own inputs or from one tensor inside.

    Parameters
    ----------
    wiring
        The graph.
    given
        The tensor inside that is the input, with type and shape (ValueInfoProto); None for the
        inputs of the graph.
    outputs
        Names of the tensors that are the outputs.
    path
        The file, for messages.

    Raises
    ------
    ModelError
        If something besides `given` is needed.
    """
    from onnx import ModelProto, ValueInfoProto

    stop = [] if given is None else [text(given.name)]
    nodes, needed = wiring.above(outputs, stop), wiring.needed(outputs, stop)
    if given is not None and needed:
        raise ModelError(
            f"a tensor in {path} on which alone {', '.join(outputs)} depends", found=stop[0],
            next_step=f"name another one as input: it also takes {', '.join(sorted(needed))}",
        )  # fmt: skip
    old, proto = wiring.proto.graph, ModelProto()
    proto.CopyFrom(_without_graph(wiring.proto))
    graph = proto.graph
    graph.name = old.name
    graph.node.extend(nodes)
    names = {name for node in nodes for name in used(node)} | set(outputs)
    graph.initializer.extend(t for t in old.initializer if t.name in names)
    graph.sparse_initializer.extend(t for t in old.sparse_initializer if t.values.name in names)
    graph.input.extend([given] if given is not None else [i for i in old.input if i.name in needed])
    declared = {o.name: o for o in old.output}
    graph.output.extend(declared.get(name, ValueInfoProto(name=name)) for name in outputs)
    return proto


def _without_graph(proto: Any) -> Any:
    from onnx import ModelProto

    rest = ModelProto(ir_version=proto.ir_version, producer_name=proto.producer_name)
    rest.opset_import.extend(proto.opset_import)
    rest.functions.extend(proto.functions)
    return rest
