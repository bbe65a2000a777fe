"""Makes batch normalization and dropout that were exported in training mode run as in evaluation.

Batch normalization then uses the running statistics in the file, and dropout passes everything on
(Ioffe & Szegedy, 2015; Srivastava et al., 2014).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.graph import canonical
from latent_analyze_adapters.runtimes.onnx.safety.operators import opset_of, text
from latent_analyze_adapters.runtimes.onnx.safety.static_check import bodies
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex, op, used_tensors
from latent_analyze_adapters.runtimes.onnx.surgery.values import (
    integer_of,
    names_of,
    skip_passing,
    values_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from onnx import ModelProto, NodeProto

    from latent_analyze_adapters.runtimes.onnx.safety.static_check import Body

NORMALIZATION, DROPOUT = "BatchNormalization", "Dropout"
MODE_NAMES = frozenset({
    "training", "is_training", "training_mode", "train", "learning_phase", "keras_learning_phase",
})  # fmt: skip
BOOL = 9
"""BOOL of TensorProto.DataType."""

MODE_ATTRIBUTE, MODE_INPUT, NO_TEST = 14, 12, 7
"""Opsets: batch normalization has training_mode, dropout a mode input, and is_test is gone."""


@dataclass(frozen=True)
class Changes:
    """What was exported in training mode and is now run as in evaluation."""

    normalization: bool = False
    dropout: bool = False
    inputs: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.normalization or self.dropout or bool(self.inputs)

    def notes(self, role: str) -> tuple[str, ...]:
        """Return what was changed, for people."""
        found = []
        if self.normalization:
            found.append("batch normalization was exported in training mode; its running "
                         "statistics are used, as the trained model would")  # fmt: skip
        if self.dropout:
            found.append("dropout was exported in training mode; it is switched off, as the "
                         "trained model would")  # fmt: skip
        found += [f"its input {name!r} is set to false, for evaluation" for name in self.inputs]
        return tuple(f"{role}: {note}" for note in found)

    @property
    def why(self) -> str:
        """What shows the training mode, in a short phrase."""
        names = ["batch normalization"] * self.normalization + ["dropout"] * self.dropout
        if not names:
            return f"{', '.join(map(repr, self.inputs))} asks for the mode"
        verb = "was" if len(names) == 1 else "were"
        return f"{' and '.join(names)} {verb} exported in training mode"


def in_training_mode(proto: ModelProto) -> bool:
    """Whether a model has anything that `to_evaluation` may change."""
    modes = _Modes(proto)
    nodes = (node for body in bodies(proto) for node in body.node)
    return bool(modes.inputs) or any(modes.is_training(node) for node in nodes)


def to_evaluation(
    proto: ModelProto, path: Path, fed: AbstractSet[str] = frozenset()
) -> tuple[ModelProto, Changes]:
    """Change a model to run as in evaluation; the one given may be changed in place.

    Parameters
    ----------
    proto
        The model.
    path
        Its file, for messages.
    fed
        Names of inputs whose values are stated, and so left alone.

    Raises
    ------
    ModelError
        If the file does not have the running statistics.
    """
    proto = _with_functions_inlined(proto)
    modes = _Modes(proto)
    nodes = [node for body in bodies(proto) for node in body.node if modes.is_training(node)]
    nodes = [node for node in nodes if modes.input_of(node) not in fed]
    normalizations = [node for node in nodes if op(node) == NORMALIZATION]
    for node in normalizations:
        _require_statistics(modes.index, node, path)
    unfed = {name for name in map(modes.input_of, nodes) if name}
    named = modes.inputs - unfed - fed
    statistics = {text(n): s for node in normalizations for n, s in _statistics_out(node)}
    for node in nodes:
        _set_evaluation(node, modes.opset)
    _replace_statistics(proto, statistics)
    _set_to_false(proto, unfed | named)
    changes = Changes(bool(normalizations), len(nodes) > len(normalizations), tuple(sorted(named)))
    return proto, changes


class _Modes:
    """Tells which nodes of a model are in training mode, and which inputs decide it."""

    def __init__(self, proto: ModelProto) -> None:
        self.index = GraphIndex(proto)
        self.opset = opset_of(proto)
        self.inputs = {
            text(i.name)
            for i in proto.graph.input
            if i.type.tensor_type.elem_type == BOOL and canonical(text(i.name)) in MODE_NAMES
        } & self.index.inputs
        self._false = {name for body in bodies(proto) for name in _false_constants(body)}

    def is_training(self, node: NodeProto) -> bool:
        """Whether a node is a batch normalization or dropout that may be in training mode."""
        operator = op(node)
        if operator not in (NORMALIZATION, DROPOUT):
            return False
        if self.opset < NO_TEST:
            return not integer_of(node, "is_test")
        if operator == NORMALIZATION:
            more = any(list(node.output)[1:])
            return more or (
                self.opset >= MODE_ATTRIBUTE and bool(integer_of(node, "training_mode"))
            )
        name = self._mode(node)
        return bool(name) and name not in self._false

    def input_of(self, node: NodeProto) -> str:
        """Return the input of the model that decides the mode of a dropout, or an empty string."""
        name = self._mode(node) if op(node) == DROPOUT else ""
        return name if name in self.index.inputs else ""

    def _mode(self, node: NodeProto) -> str:
        if self.opset < MODE_INPUT or len(node.input) < 3:
            return ""
        return skip_passing(self.index, text(node.input[2]))


def _false_constants(body: Body) -> Iterator[str]:
    tensors = [(t.name, t) for t in getattr(body, "initializer", ())]
    for node in body.node:
        if op(node) == "Constant":
            tensors += [(node.output[0], a.t) for a in node.attribute if text(a.name) == "value"]
    for name, tensor in tensors:
        values = values_of(tensor) if tensor.data_type == BOOL else None
        if values is not None and not values.any():
            yield text(name)


def _with_functions_inlined(proto: ModelProto) -> ModelProto:
    """Inline the functions of a model if some of them normalize or drop."""
    operators = {op(node) for function in proto.functions for node in function.node}
    if operators.isdisjoint((NORMALIZATION, DROPOUT)):
        return proto
    from onnx import inliner

    return inliner.inline_local_functions(proto)


def _require_statistics(index: GraphIndex, node: NodeProto, path: Path) -> None:
    """Raise ModelError if the statistics that a node is given depend on the batch."""
    names = [name for name in names_of(node)[3:5] if name]
    if len(names) < 2 or index.required_inputs(names):
        raise ModelError(
            f"the running statistics of batch normalization in {path.name}",
            found="training mode, with the statistics of each batch",
            next_step="export it after model.eval(), or run it as it is: --batch-mode keep",
        )


def _statistics_out(node: NodeProto) -> Iterator[tuple[str, str]]:
    """Yield the further outputs of a batch normalization, and what they are in evaluation."""
    mean, variance = names_of(node)[3:5]
    for number, name in enumerate(list(node.output)[1:]):
        if name:
            yield text(name), variance if number % 2 else mean


def _set_evaluation(node: NodeProto, opset: int) -> None:
    from onnx import helper

    if op(node) == NORMALIZATION:
        del node.output[1:]
    elif opset >= MODE_INPUT:
        del node.input[2:]
    kept = [a for a in node.attribute if text(a.name) not in ("training_mode", "is_test")]
    if opset < NO_TEST:
        kept.append(helper.make_attribute("is_test", 1))
    del node.attribute[:]
    node.attribute.extend(kept)


def _replace_statistics(proto: ModelProto, statistics: dict[str, str]) -> None:
    """Pass on running statistics where new ones are used, and drop outputs that hold only them."""
    from onnx import helper

    outputs = {text(o.name) for o in proto.graph.output}
    used = {name for body in bodies(proto) for node in body.node for name in used_tensors(node)}
    wanted = [name for name in statistics if name in used | outputs]
    if not wanted:
        return
    passed = [helper.make_node("Identity", [statistics[name]], [name]) for name in wanted]
    nodes = [*passed, *proto.graph.node]
    index = GraphIndex(proto).with_nodes(passed)
    idle = [o for o in proto.graph.output if _is_statistic(index, text(o.name), set(wanted))]
    kept = [o for o in proto.graph.output if o not in idle]
    del proto.graph.node[:], proto.graph.output[:]
    proto.graph.node.extend(nodes)
    proto.graph.output.extend(kept)


def _is_statistic(index: GraphIndex, name: str, statistics: AbstractSet[str]) -> bool:
    made = {text(n) for node in index.ancestors([name]) for n in node.output}
    return not made.isdisjoint(statistics) and not index.required_inputs([name])


def _set_to_false(proto: ModelProto, names: AbstractSet[str]) -> None:
    """Turn inputs into constants that are false, or 0."""
    from onnx import helper

    kept = [i for i in proto.graph.input if text(i.name) not in names]
    for info in (i for i in proto.graph.input if text(i.name) in names):
        kind = info.type.tensor_type
        shape = [max(d.dim_value, 1) for d in kind.shape.dim]
        proto.graph.initializer.append(
            helper.make_tensor(text(info.name), kind.elem_type, shape, [0] * math.prod(shape))
        )
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
