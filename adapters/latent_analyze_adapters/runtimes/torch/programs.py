"""What a program of `torch.export` says about itself, besides its shapes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from latent_analyze.plugin import EncoderSpec, ModelError
from latent_analyze_adapters.models.graph import NetworkSpec
from latent_analyze_adapters.models.messages import CORRECT
from latent_analyze_adapters.models.network import BATCH_VALUES, MAX_BATCH
from latent_analyze_adapters.models.probing import numbered_names

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram

RANDOM = ("rand", "normal", "bernoulli")


def output_names(program: ExportedProgram, spec: NetworkSpec) -> tuple[str, ...]:
    """Return the names of the outputs: keys, ``mu`` and ``log_var``, numbered names, or nodes.

    The outputs of an encoder without keys are mu and log_var if there are two of the same shape and
    nothing is drawn inside, and numbered otherwise. model.toml may use the names of their nodes,
    which are not used otherwise, because a node is named after its operator, such as ``mean``.
    """
    nodes, keys = program.graph_signature.user_outputs, _keys(program)
    if (
        any(keys)
        or not isinstance(spec, EncoderSpec)
        or {spec.mu, spec.log_var} & {*filter(None, nodes)}
    ):
        return tuple(key or node for key, node in zip(keys, nodes, strict=True))
    shapes = _shapes(program)
    alike = len(shapes) == 2 and shapes[0] == shapes[1]
    if alike and not _draws(program):
        return ("mu", "log_var")
    return tuple(numbered_names(len(nodes)))


def notes_on_program(program: ExportedProgram, spec: NetworkSpec) -> tuple[str, ...]:
    """Return notes about outputs without names."""
    names = output_names(program, spec)
    unstated = isinstance(spec, EncoderSpec) and spec.mu is None and not any(_keys(program))
    return tuple(_assumptions(program, names)) if unstated and len(names) > 1 else ()


def _assumptions(program: ExportedProgram, names: tuple[str, ...]) -> Iterator[str]:
    nodes = ", ".join(map(repr, filter(None, program.graph_signature.user_outputs)))
    if names == ("mu", "log_var"):
        yield (
            f"the two outputs, the nodes {nodes}, are assumed to be mu and log_var, in this order: "
            "state mu by its node, in model.toml or --signature, if that is wrong"
        )
    elif len({len(shape) for shape in _shapes(program)}) > 1:
        yield (
            f"the first of the outputs, the nodes {nodes}, which differ in shape, is assumed to be "
            "mu: state mu and log_var in model.toml or --signature if that is wrong"
        )


def limit_batch(program: ExportedProgram, spec: NetworkSpec) -> tuple[int | None, str]:
    """Return the rows per call, and a note if the program limits them to fewer than usual.

    Raises
    ------
    ModelError
        If model.toml states more.
    """
    value = _values(program, program.graph_signature.user_inputs)[0]
    most = _largest_batch(program, value)
    if value is None or most is None or most >= max(MAX_BATCH, spec.batch or 0):
        return spec.batch, ""
    if spec.batch is not None and spec.batch > most:
        raise ModelError(
            f"a batch of at most {most}, the limit of the program in {spec.file}",
            found=str(spec.batch), next_step=CORRECT,
        )  # fmt: skip
    size = math.prod(length for length in value.shape[1:] if isinstance(length, int))
    rows = spec.batch or min(most, max(BATCH_VALUES // max(size, 1), 1))
    return rows, f"run in batches of {rows}, because the program takes at most {most} rows"


def _largest_batch(program: ExportedProgram, value: torch.Tensor | None) -> int | None:
    """Return the largest length of the batch axis, if it is free and bounded."""
    shape = getattr(value, "shape", None)
    node = getattr(shape[0], "node", None) if shape else None
    if node is None:
        return None
    bounds = program.range_constraints.get(node.expr)
    try:
        return int(bounds.upper) if bounds is not None else None
    # Without a bound, this is a symbolic infinity.
    except (TypeError, ValueError, OverflowError, AttributeError):
        return None


def _keys(program: ExportedProgram) -> list[str]:
    """Return the keys of outputs in a mapping or named tuple, and empty strings for others."""
    from torch.utils import _pytree as trees

    count = len(program.graph_signature.user_outputs)
    whole = trees.tree_unflatten(list(range(count)), program.call_spec.out_spec)
    pairs, _ = trees.tree_flatten_with_path(whole)
    return ["/".join(filter(None, map(_key, path))) for path, _ in pairs]


def _key(step: object) -> str:
    # Positions in lists and tuples have neither.
    return str(getattr(step, "key", getattr(step, "name", "")))


def _values(program: ExportedProgram, names: Iterable[str]) -> list[torch.Tensor | None]:
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    return [values.get(name) for name in names]


def _shapes(program: ExportedProgram) -> list[tuple[str, ...]]:
    """Return the shapes of the outputs, with the symbols of free axes."""
    found = _values(program, program.graph_signature.user_outputs)
    return [tuple(map(str, getattr(value, "shape", ()))) for value in found]


def _calls(program: ExportedProgram) -> Iterator[str]:
    """Yield the names of the operators that are called, also in nested graphs."""
    graphs = (getattr(module, "graph", None) for module in program.graph_module.modules())
    for graph in graphs:
        for node in graph.nodes if graph is not None else ():
            if node.op == "call_function":
                yield str(node.target)


def _draws(program: ExportedProgram) -> bool:
    return any(word in name for name in _calls(program) for word in RANDOM)
