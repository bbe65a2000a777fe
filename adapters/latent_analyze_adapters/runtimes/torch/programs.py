"""What a program of `torch.export` says about itself, beside its shapes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from latent_analyze.plugin import EncoderSpec, ModelError
from latent_analyze_adapters.models.half import BATCH_VALUES, MAX_BATCH
from latent_analyze_adapters.models.probing import numbered

if TYPE_CHECKING:
    from latent_analyze.plugin import DecoderSpec

RANDOM = ("rand", "normal", "bernoulli")


def names_of_outputs(program: Any, half: EncoderSpec | DecoderSpec) -> tuple[str, ...]:
    """Return the names of the outputs: keys, ``mu`` and ``log_var``, numbered ones, or nodes'.

    An encoder's outputs without keys are mu and log_var if there are two of the same shape and
    nothing is drawn inside, and numbered otherwise. model.toml may call them by their nodes: these
    tell nothing by themselves, as a node is called after its operator, ``mean`` for instance.
    """
    nodes, keys = program.graph_signature.user_outputs, _keys(program)
    if (
        any(keys)
        or not isinstance(half, EncoderSpec)
        or {half.mu, half.log_var} & {*filter(None, nodes)}
    ):
        return tuple(key or node for key, node in zip(keys, nodes, strict=True))
    shapes = _shapes(program)
    alike = len(shapes) == 2 and shapes[0] == shapes[1]
    if alike and not _draws(program):
        return ("mu", "log_var")
    return tuple(numbered(len(nodes)))


def notes_on_program(program: Any, half: EncoderSpec | DecoderSpec) -> tuple[str, ...]:
    """Return what is to say about outputs without names, and about training mode."""
    names = names_of_outputs(program, half)
    unstated = isinstance(half, EncoderSpec) and half.mu is None and not any(_keys(program))
    notes = list(_how_read(program, names)) if unstated and len(names) > 1 else []
    return (*notes, *training_note(_training_layers(program)))


def notes_on_script(call: Any) -> tuple[str, ...]:
    """Return what is to say about a module or method of TorchScript: training mode, traced."""
    graph = getattr(call, "inlined_graph", None)
    return () if graph is None else training_note(_traced_layers(graph))


def training_note(layers: Iterable[str]) -> tuple[str, ...]:
    """Return the note for layers that are not as in evaluation, if there are any."""
    if found := ", ".join(dict.fromkeys(layers)):
        return (
            f"exported in training mode ({found}), where outputs are not those of the trained "
            "model: call model.eval() before the export",
        )
    return ()


def _how_read(program: Any, names: tuple[str, ...]) -> Iterator[str]:
    nodes = ", ".join(map(repr, filter(None, program.graph_signature.user_outputs)))
    if names == ("mu", "log_var"):
        yield (
            f"the two outputs, the nodes {nodes}, are read as mu and log_var, in this order: state "
            "mu in model.toml by its node if that is wrong"
        )
    elif len({len(shape) for shape in _shapes(program)}) > 1:
        yield (
            f"outputs of several shapes, the nodes {nodes}, the first is taken "
            "for mu: state mu and log_var in model.toml if that is wrong"
        )


def settle_rows(program: Any, half: EncoderSpec | DecoderSpec) -> tuple[int | None, str]:
    """Return the rows per call, if the program limits them to fewer than usual, and a note.

    Raises
    ------
    ModelError
        If model.toml states more.
    """
    taken = _values(program, program.graph_signature.user_inputs)[0]
    most = _upper(program, taken)
    if most is None or most >= max(MAX_BATCH, half.batch or 0):
        return half.batch, ""
    if half.batch is not None and half.batch > most:
        raise ModelError(
            f"a batch of at most {most}, as the program in {half.file} has it",
            found=str(half.batch), next_step="correct batch in model.toml",
        )  # fmt: skip
    size = math.prod(length for length in taken.shape[1:] if isinstance(length, int))
    rows = half.batch or min(most, max(BATCH_VALUES // max(size, 1), 1))
    return rows, f"run in batches of {rows}, as the program takes at most {most} rows"


def _upper(program: Any, taken: Any) -> int | None:
    """Return the largest length of the batch axis, if it is free and bounded."""
    shape = getattr(taken, "shape", None)
    node = getattr(shape[0], "node", None) if shape else None
    if node is None:
        return None
    bounds = program.range_constraints.get(node.expr)
    try:
        return int(bounds.upper) if bounds is not None else None
    # No bound is an infinity of its own kind, not a number.
    except (TypeError, ValueError, OverflowError, AttributeError):
        return None


def _keys(program: Any) -> list[str]:
    """Return the keys of outputs that are a mapping or named tuple, and nothing for others."""
    from torch.utils import _pytree as trees

    count = len(program.graph_signature.user_outputs)
    whole = trees.tree_unflatten(list(range(count)), program.call_spec.out_spec)
    pairs, _ = trees.tree_flatten_with_path(whole)
    return ["/".join(filter(None, map(_key, path))) for path, _ in pairs]


def _key(step: Any) -> str:
    # Places in lists and tuples have neither.
    return str(getattr(step, "key", getattr(step, "name", "")))


def _values(program: Any, names: Any) -> list[Any]:
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    return [values.get(name) for name in names]


def _shapes(program: Any) -> list[tuple[str, ...]]:
    """Return the shapes of the outputs, free axes as the names of their symbols."""
    found = _values(program, program.graph_signature.user_outputs)
    return [tuple(map(str, getattr(value, "shape", ()))) for value in found]


def _calls(program: Any) -> Iterator[tuple[str, Any]]:
    """Yield operator and arguments of all that is called, also in graphs inside."""
    graphs = (getattr(module, "graph", None) for module in program.graph_module.modules())
    for graph in graphs:
        for node in graph.nodes if graph is not None else ():
            if node.op == "call_function":
                yield str(node.target).removeprefix("aten."), node.args


def _draws(program: Any) -> bool:
    return any(word in name for name, _ in _calls(program) for word in RANDOM)


def _training_layers(program: Any) -> Iterator[str]:
    for name, args in _calls(program):
        # Without running statistics, those of the batch are what evaluation uses as well.
        if "batch_norm" in name and len(args) > 5 and args[5] is True and args[3] is not None:
            yield "batch normalization"
        if "dropout" in name and len(args) > 2 and args[2] is True and args[1]:
            yield "dropout"


def _traced_layers(graph: Any) -> Iterator[str]:
    # Scripted modules ask for the mode when they run; only in traced ones it is a constant.
    kinds = {"aten::batch_norm": ("batch normalization", 5), "aten::dropout": ("dropout", 2)}
    for kind, (layer, place) in kinds.items():
        for node in graph.findAllNodes(kind):
            given = list(node.inputs())
            mode, mean = given[place], given[3] if layer != "dropout" else None
            # Without running statistics, those of the batch are what evaluation uses as well.
            if mean is not None and mean.type().kind() == "NoneType":
                continue
            if mode.node().kind() == "prim::Constant" and mode.toIValue() is True:
                yield layer
