"""Makes SavedModels run as in evaluation: what their graph does only in training is taken out.

Batch normalization in training mode normalizes by the moments of the batch, and moves its running
statistics toward them: a variable becomes a mean of itself and of the moment. So it shows which
variable holds the running statistic of which moment, and that is used instead (Ioffe & Szegedy
2015). Dropout keeps values where a uniform number is large enough; all are kept (Srivastava et al.
2014). A graph that changes its variables in any other way is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.runtimes.keras.rebuilding import RebuiltFunction
from latent_analyze_adapters.runtimes.keras.training_mode import BATCH_NORM, DROPOUT

if TYPE_CHECKING:
    from tensorflow.core.framework.function_pb2 import FunctionDef
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef
    from tensorflow.types.experimental import ConcreteFunction

    from latent_analyze_adapters.runtimes.keras.rebuilding import SavedFunction

ASSIGNS = ("AssignVariableOp", "AssignSubVariableOp", "AssignAddVariableOp")
FUSED = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
LINEAR = frozenset({"Mul", "AddV2", "Add", "Sub", "RealDiv", "Cast", "Identity"})
COMPARISONS = frozenset({"GreaterEqual", "Greater", "LessEqual", "Less"})
UNIFORM = "RandomUniform"
SELECTS = ("Select", "SelectV2")
UNKNOWN = "changes of its own"
FLOATS = frozenset({1, 2, 14, 19})
"""DT_FLOAT, DT_DOUBLE, DT_BFLOAT16 and DT_HALF of TensorFlow."""


class UnknownTrainingError(Exception):
    """A graph does something in training that is not known; the text says what."""


@dataclass(frozen=True)
class Body:
    """The nodes of a function, and what uses them."""

    function: FunctionDef

    def node(self, tensor: str) -> NodeDef | None:
        """Return the node that makes a tensor; None for an argument."""
        name = tensor.partition(":")[0]
        return next((n for n in self.function.node_def if n.name == name), None)

    def users(self, name: str) -> list[NodeDef]:
        """Return the nodes that take an output of a node."""
        return [n for n in self.function.node_def if any(_source(i) == name for i in _data(n))]

    def replace(self, tensor: str, other: str) -> None:
        """Let everything use another tensor instead of one."""
        for node in self.function.node_def:
            for i, name in enumerate(node.input):
                if name == tensor:
                    node.input[i] = other
        for name, made in self.function.ret.items():
            if made == tensor:
                self.function.ret[name] = other

    def ancestors(self, tensor: str) -> Iterator[NodeDef]:
        """Yield what a tensor is made from by adding and multiplying only."""
        node = self.node(tensor)
        if node is None:
            return
        yield node
        if node.op in LINEAR:
            for name in _data(node):
                yield from self.ancestors(name)


def evaluated(
    function: ConcreteFunction, name: str, *, keep: bool
) -> tuple[SavedFunction, tuple[str, ...]]:
    """Return a function of a SavedModel as in evaluation, and what of it is in training mode.

    Parameters
    ----------
    function, name
        The function, and the name of the file for messages.
    keep
        Whether to return it as it is.

    Raises
    ------
    ModelError
        As `to_evaluation`, unless it is kept.
    """
    graph = function.graph.as_graph_def()
    try:
        layers = to_evaluation(graph, name)
    except ModelError:
        if keep:
            return function, (UNKNOWN,)
        raise
    return (RebuiltFunction(function, graph) if layers and not keep else function), layers


def to_evaluation(graph: GraphDef, name: str) -> tuple[str, ...]:
    """Change the functions of a graph in place; return the kinds of layers that were in training.

    `name` is that of the file, for messages.

    Raises
    ------
    ModelError
        If running statistics are not there, or variables are changed in another way.
    """
    layers: list[str] = []
    try:
        for function in graph.library.function:
            body = Body(function)
            layers += [BATCH_NORM] * _use_running_statistics(body)
            layers += [DROPOUT] * _keep_all_values(body)
    except UnknownTrainingError as error:
        raise ModelError(
            f"a SavedModel that can run as in evaluation in {name}", found=str(error),
            next_step="export it with training=False, or run it as it is: --batch-mode keep",
        ) from None  # fmt: skip
    return tuple(dict.fromkeys(layers))


def _use_running_statistics(body: Body) -> bool:
    """Use the variable instead of the moment that it is moved toward; say whether there are any."""
    found = [node for node in body.function.node_def if _changes_floats(node)]
    for assign in found:
        moment = _moment_of(body, assign)
        read = body.function.node_def.add()
        read.name, read.op = f"{assign.name}/as_it_is", "ReadVariableOp"
        read.input.append(assign.input[0])
        read.attr["dtype"].type = assign.attr["dtype"].type
        _normalize_by(body, moment, f"{read.name}:value:0")
        _do_nothing(assign)
    left = [n.name for n in body.function.node_def if n.op in FUSED and n.attr["is_training"].b]
    if left:
        raise UnknownTrainingError(f"batch normalization without running statistics ({left[0]})")
    return bool(found)


def _moment_of(body: Body, assign: NodeDef) -> str:
    """Return the only tensor that a variable is moved toward."""
    leaves, reads = set[str](), False
    todo = list(_data(assign))[1:]
    while todo:
        tensor = todo.pop()
        node = body.node(tensor)
        if node is None or node.op not in LINEAR | {"Const", "ReadVariableOp"}:
            leaves.add(tensor)
        elif node.op == "ReadVariableOp":
            reads |= node.input[0] == assign.input[0]
        else:
            todo += _data(node)
    if len(leaves) != 1 or not reads:
        raise UnknownTrainingError(f"a variable that every call changes ({assign.name})")
    return leaves.pop()


def _normalize_by(body: Body, moment: str, running: str) -> None:
    """Replace a moment, also where a fused node makes it for itself."""
    node = body.node(moment)
    if node is not None and node.op in FUSED:
        place = {"batch_mean": 3, "batch_variance": 4}[moment.split(":")[1]]
        node.input[place] = running
        node.attr["is_training"].b = False
    body.replace(moment, running)


def _keep_all_values(body: Body) -> bool:
    """Pass on all values that dropout would choose from; say whether there are any."""
    nodes = [node for node in body.function.node_def if node.op in COMPARISONS]
    masks = [node for node in nodes if _is_uniform(body, node)]
    for mask in masks:
        for user in body.users(mask.name):
            product = body.users(user.name) if user.op == "Cast" else []
            ends = [user] if user.op in SELECTS else product
            if not ends or any(not _pass_on(body, end, mask, user) for end in ends):
                raise UnknownTrainingError(f"noise of an unknown kind ({user.name})")
    return bool(masks)


def _pass_on(body: Body, end: NodeDef, mask: NodeDef, cast: NodeDef) -> bool:
    """Use what a dropout is applied to instead of its end; say whether it is one."""
    given = list(_data(end))
    if end.op in SELECTS and _source(given[0]) == mask.name:
        kept = given[1]
    elif end.op == "Mul":
        (kept,) = [name for name in given if _source(name) != cast.name] or [""]
    else:
        return False
    scaled = body.node(kept)
    if scaled is not None and scaled.op in ("Mul", "RealDiv"):
        rest = [name for name in _data(scaled) if _op(body, name) != "Const"]
        kept = rest[0] if len(rest) == 1 else kept
    made = {name for user in body.users(end.name) for name in _data(user)}
    for name in {*made, *body.function.ret.values()}:
        if _source(name) == end.name:
            body.replace(name, kept)
    return True


def _is_uniform(body: Body, comparison: NodeDef) -> bool:
    """Whether a uniform random number is compared with a rate.

    One that is compared with values, as for binary latents, is no dropout.
    """
    sides = [[node.op for node in body.ancestors(name)] for name in _data(comparison)]
    is_random = any(UNIFORM in op for ops in sides for op in ops)
    return is_random and ["Const"] in sides


def _changes_floats(node: NodeDef) -> bool:
    return node.op in ASSIGNS and node.attr["dtype"].type in FLOATS


def _do_nothing(node: NodeDef) -> None:
    controls = [name for name in node.input if name.startswith("^")]
    node.op = "NoOp"
    del node.input[:]
    node.input.extend(controls)
    node.attr.clear()


def _op(body: Body, tensor: str) -> str:
    node = body.node(tensor)
    return "" if node is None else node.op


def _data(node: NodeDef) -> Iterator[str]:
    return (name for name in node.input if not name.startswith("^"))


def _source(tensor: str) -> str:
    return tensor.partition(":")[0]
