"""Layers that were exported in training mode, and running them as in evaluation.

Batch normalization then uses the statistics of a batch instead of those of the training data,
and dropout removes values at random, so that outputs are not those of the trained model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from latent_analyze.plugin import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch.export import ExportedProgram

BATCH_NORM, DROPOUT = "batch normalization", "dropout"
RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
SCRIPT_KINDS = (
    "batch_norm", "dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout",
    "dropout_", "scaled_dot_product_attention", *RECURRENT,
)  # fmt: skip
OTHER = object()
"""Stands for an argument that is not a constant."""


class Switch(NamedTuple):
    """The argument of an operator that chooses training mode, and its value in evaluation."""

    layer: str
    position: int
    off: bool | float = False


def evaluate_program(program: ExportedProgram, path: Path) -> tuple[str, ...]:
    """Switch the operators of a program to evaluation; return the layers that were not.

    Raises
    ------
    ModelError
        If an operator does not have the other mode.
    """
    layers = []
    for graph in _graphs(program):
        for node in graph.nodes:
            name = _name(node)
            if "_batch_norm_with_update" in name:
                raise _no_switch(path, name)
            switch = _switch(name, node.args)
            if switch is not None:
                node.update_arg(switch.position, switch.off)
                layers.append(switch.layer)
    if layers:
        for module in program.graph_module.modules():
            if hasattr(module, "recompile"):
                module.recompile()
    return tuple(dict.fromkeys(layers))


def evaluate_script(module: torch.jit.ScriptModule) -> tuple[str, ...]:
    """Switch the operators of traced code to evaluation; return the layers that were not.

    Scripted modules check the mode when they run; only traced ones hold it as a constant.
    """
    layers = []
    for graph, node, switch in _script_switches(module):
        with graph.insert_point_guard(node):
            off = graph.insertConstant(switch.off)
        # Other operators may share the constant.
        node.replaceInput(switch.position, off)
        layers.append(switch.layer)
    return tuple(dict.fromkeys(layers))


def program_layers(program: ExportedProgram) -> tuple[str, ...]:
    """Return the layers of a program that are in training mode."""
    found = (_switch(_name(n), n.args) for graph in _graphs(program) for n in graph.nodes)
    return tuple(dict.fromkeys(switch.layer for switch in found if switch))


def script_layers(module: torch.jit.ScriptModule) -> tuple[str, ...]:
    """Return the layers of traced code that are in training mode."""
    return tuple(dict.fromkeys(switch.layer for _, _, switch in _script_switches(module)))


def switched_note(layers: Sequence[str]) -> tuple[str, ...]:
    """Return the note for layers that run as in evaluation, if there are any."""
    if not layers:
        return ()
    how = ", with the running statistics in the file" if BATCH_NORM in layers else ""
    return (
        f"exported in training mode ({', '.join(layers)}), but run as in evaluation{how}: "
        "--batch-mode keep runs it as it was exported",
    )


def kept_note(layers: Sequence[str]) -> tuple[str, ...]:
    """Return the note for layers that stay in training mode, if there are any."""
    if not layers:
        return ()
    return (
        f"run in training mode ({', '.join(layers)}), where the outputs are not those of the "
        "trained model: call model.eval() before the export",
    )


def _switch(name: str, args: Sequence[object]) -> Switch | None:
    """Return the switch of an operator in training mode, by its name and arguments."""
    given = dict(enumerate(args))
    # Without running statistics, evaluation uses those of the batch, too.
    if "batch_norm" in name and given.get(5) is True and given.get(3) is not None:
        return Switch(BATCH_NORM, 5)
    if "dropout" in name and given.get(2) is True and given.get(1):
        return Switch(DROPOUT, 2)
    if name.startswith(RECURRENT) and given.get(6) is True and _positive(given.get(5)):
        return Switch(DROPOUT, 6)
    if name.startswith("scaled_dot_product") and _positive(given.get(4)):
        return Switch(DROPOUT, 4, 0.0)
    return None


def _positive(value: object) -> bool:
    return isinstance(value, float) and value > 0


def _graphs(program: ExportedProgram) -> Iterator[torch.fx.Graph]:
    """Yield the graph of a program, and those nested in it."""
    graphs = (getattr(module, "graph", None) for module in program.graph_module.modules())
    return (graph for graph in graphs if graph is not None)


def _name(node: torch.fx.Node) -> str:
    return str(node.target).removeprefix("aten.") if node.op == "call_function" else ""


def _script_switches(
    module: torch.jit.ScriptModule,
) -> Iterator[tuple[torch.Graph, torch.Node, Switch]]:
    for _, inner in module.named_modules():
        code: Any = getattr(inner, "_c", None)
        for method in code._method_names() if code is not None else ():
            graph = code._get_method(method).graph
            for kind in SCRIPT_KINDS:
                for node in graph.findAllNodes(f"aten::{kind}"):
                    switch = _switch(kind, [_constant(value) for value in node.inputs()])
                    if switch is not None:
                        yield graph, node, switch


def _constant(value: torch.Value) -> object:
    return value.toIValue() if value.node().kind() == "prim::Constant" else OTHER


def _no_switch(path: Path, name: str) -> ModelError:
    return ModelError(
        f"operators that can run as in evaluation in {path}", found=f"{name}, in training mode",
        next_step="call model.eval() and export it again, or run it as it is: --batch-mode keep",
    )  # fmt: skip
