"""The part of a Keras model that is an encoder or a decoder: all of it, a sub-model, or layers."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latent_analyze.plugin import EncoderSpec, ModelError
from latent_analyze_adapters.models.session import cause
from latent_analyze_adapters.runtimes.keras.loading import import_keras

if TYPE_CHECKING:
    from collections.abc import Iterable

    from latent_analyze.plugin import DecoderSpec

Row = tuple[int, ...] | None
_COUNT = re.compile(r"_\d+$")


def part_of(
    model: Any, half: EncoderSpec | DecoderSpec, path: Path, row: Row
) -> tuple[Any, list[str]]:
    """Return the functional model that is an encoder or decoder, and names for its inputs.

    `half.part` is a sub-model; of a plain layer, what leads to it or what follows from it.

    Parameters
    ----------
    model
        The model in the file.
    half
        What model.toml says.
    path
        The file, for messages.
    row
        Shape of one row of the input, for models that do not say it.

    Raises
    ------
    ModelError
        If there is no such part, or the model does not say its shapes.
    """
    keras = import_keras()
    layers = {_name_of(layer): layer for layer in model.layers}
    if half.part is not None and half.part not in layers:
        raise ModelError(
            f"a sub-model or layer {half.part!r} in {path}", found=", ".join(map(repr, layers)),
            next_step="correct part in model.toml",
        )  # fmt: skip
    layer = None if half.part is None else layers[half.part]
    whole = layer is None or isinstance(layer, keras.Model)
    model = functional(layer if isinstance(layer, keras.Model) else model, path, row)
    # Names of tensors are counted up from load to load, those of layers are in the file.
    inputs = _makers(model.inputs)
    if isinstance(half, EncoderSpec):
        ends = _inner_ends(model, half) if whole else _stated(half) or [str(half.part)]
        return _ending(model, ends, path), inputs
    return (model, inputs) if whole else _beginning(model, str(half.part), path)


def functional(model: Any, path: Path, row: Row = None) -> Any:
    """Return a model as one that knows its graph: `keras.Sequential` and subclasses do not.

    Raises
    ------
    ModelError
        If it does not say its shapes.
    """
    keras = import_keras()
    if getattr(model, "inputs", None) and getattr(model, "outputs", None):
        if not isinstance(model, keras.Sequential):
            return model
        # Its outputs are a flat list, but the last layer may give a mapping.
        given = model.inputs[0]
        struct = keras.tree.pack_sequence_as(model.compute_output_spec(given), model.outputs)
        return keras.Model(given, struct, name=model.name)
    if not model.built:
        raise ModelError(
            f"a Keras model with weights in {path}", found=f"{model.name}, which was not built",
            next_step="call it on a batch once, and save it again",
        )  # fmt: skip
    shape = _built_shape(model) or row
    if shape is None:
        raise ModelError(
            f"a Keras model that says its shapes in {path}", found=type(model).__name__,
            next_step="state image_shape and latent_shape in model.toml",
        )  # fmt: skip
    try:
        given = keras.Input(shape, name=f"{_name_of(model)}_input", dtype=model.input_dtype)
        return keras.Model(given, model(given), name=model.name)
    # Whatever the code of the class raises.
    except Exception as error:
        raise ModelError(
            f"a Keras model in {path} that takes rows of shape {shape}", found=cause(error),
            next_step="save encoder and decoder each as a functional model",
        ) from error  # fmt: skip


def output_names(model: Any) -> list[str]:
    """Return a name per output: its key in a mapping, or else that of its layer."""
    paths = [path for path, _ in import_keras().tree.flatten_with_path(model.output)]
    keys = [path[-1] if path else None for path in paths]
    names = _makers(model.outputs)
    keyed = [isinstance(key, str) and keys.count(key) == 1 for key in keys]
    return [str(key) if k else name for key, name, k in zip(keys, names, keyed, strict=True)]


def _makers(tensors: Iterable[Any]) -> list[str]:
    names = [_name_of(tensor._keras_history.operation) for tensor in tensors]
    return [n if names.count(n) == 1 else f"{n}_{i}" for i, n in enumerate(names)]


def _name_of(layer: Any) -> str:
    """Return the name of a layer, the same each time the file is opened.

    Classes that do not save it, which Keras' own all do, get one that is counted up.
    """
    name: str = layer.name
    saved = type(layer).__module__.startswith("keras.") or "name" in layer.get_config()
    return name if saved else _COUNT.sub("", name)


def _built_shape(model: Any) -> tuple[int | None, ...] | None:
    """Return the shape of one row of a subclassed model with one input, as it was built."""
    built = (model.get_build_config() or {}).get("input_shape")
    plain = isinstance(built, list | tuple) and all(n is None or isinstance(n, int) for n in built)
    return tuple(built[1:]) if built and plain else None


def _stated(half: EncoderSpec) -> list[str]:
    return [name for name in (half.mu, half.log_var) if name]


def _inner_ends(model: Any, half: EncoderSpec) -> list[str]:
    """Return where an encoder ends, if model.toml names a layer inside; else nothing."""
    names, nodes = output_names(model), _nodes(model.outputs)
    stated = _stated(half)
    if all(name in names or name not in nodes for name in stated):
        return []
    return stated if half.mu is not None else [*names, *stated]


def _ending(model: Any, ends: list[str], path: Path) -> Any:
    """Return what leads to some outputs or layers inside a model; without any, the model."""
    if not ends:
        return model
    keras = import_keras()
    outputs = dict(zip(output_names(model), model.outputs, strict=True))
    nodes = _nodes(model.outputs)
    for name in ends:
        if name not in outputs and name not in nodes:
            found = ", ".join(map(repr, nodes))
            raise ModelError(
                f"an output or layer {name!r} in {path}", found=found,
                next_step="correct model.toml",
            )  # fmt: skip
        if name not in outputs:
            outputs[name] = _only(name, _only(name, nodes[name], path).output_tensors, path)
    try:
        return keras.Model(model.input, {name: outputs[name] for name in ends})
    # Keras raises errors of many kinds for layers that cannot be cut off.
    except Exception as error:
        raise _no_cut(path, f"{', '.join(ends)}: {cause(error)}") from error


def _beginning(model: Any, name: str, path: Path) -> tuple[Any, list[str]]:
    """Return what follows from a layer inside a model, with names of its inputs.

    Further inputs of the model that it needs, such as a condition, stay inputs.
    """
    keras = import_keras()
    taken = list(_only(name, _nodes(model.outputs).get(name, []), path).input_tensors)
    first = [name] if len(taken) == 1 else _makers(taken)
    reached = _nodes(model.outputs, taken)
    further = [t for t in model.inputs if _name_of(t._keras_history.operation) in reached]
    try:
        return keras.Model([*taken, *further], model.outputs), [*first, *_makers(further)]
    # As above.
    except Exception as error:
        raise _no_cut(path, f"{name}: {cause(error)}") from error


def _nodes(outputs: Iterable[Any], stop: Iterable[Any] = ()) -> dict[str, list[Any]]:
    """Return the calls that lead to tensors, by layer, without what leads to those in `stop`.

    A layer knows its calls in all models. `layer.output` is the first of them, which may be in
    another model; of a sub-model, it is even inside that.
    """
    nodes: dict[str, list[Any]] = defaultdict(list)
    seen, todo = {id(tensor) for tensor in stop}, list(outputs)
    while todo:
        tensor = todo.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, index, _ = tensor._keras_history
        node, name = operation._inbound_nodes[index], _name_of(operation)
        if all(node is not other for other in nodes[name]):
            nodes[name].append(node)
        todo += node.input_tensors
    return dict(nodes)


def _only(name: str, found: list[Any], path: Path) -> Any:
    if len(found) != 1:
        raise _no_cut(path, f"{name}, with {len(found)} calls or outputs")
    return found[0]


def _no_cut(path: Path, found: str) -> ModelError:
    return ModelError(
        f"a layer at which {path} can be cut in two", found=found,
        next_step="name another layer, or save encoder and decoder each to a file",
    )  # fmt: skip
