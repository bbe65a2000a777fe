"""Extracts the encoder or decoder of a Keras model: all of it, a submodel, or some layers."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from latent_analyze.plugin import EncoderSpec, ModelError
from latent_analyze_adapters.models.graph import FreeShape, NetworkSpec, Shape
from latent_analyze_adapters.models.messages import CORRECT, cause
from latent_analyze_adapters.runtimes.keras.loading import import_keras

if TYPE_CHECKING:
    from collections.abc import Iterable

    import keras
    from keras.src.ops.node import Node
    from keras.src.ops.operation import Operation

T = TypeVar("T")
_COUNT = re.compile(r"_\d+$")


def extract_network(
    model: keras.Model, spec: NetworkSpec, path: Path, row_shape: Shape | None
) -> tuple[keras.Model, list[str]]:
    """Return the functional model that is an encoder or decoder, and names for its inputs.

    `spec.part` names a submodel, or a layer at which the encoder ends or the decoder begins.

    Parameters
    ----------
    model
        The model in the file.
    spec
        Its table of model.toml.
    path
        The file, for messages.
    row_shape
        Shape of one row of the input, for models that do not declare it.

    Raises
    ------
    ModelError
        If there is no such part, or the model does not declare its shapes.
    """
    keras = import_keras()
    layers = {_name_of(layer): layer for layer in model.layers}
    if spec.part is not None and spec.part not in layers:
        raise ModelError(
            f"a submodel or layer {spec.part!r} in {path}", found=", ".join(map(repr, layers)),
            next_step=CORRECT,
        )  # fmt: skip
    layer = None if spec.part is None else layers[spec.part]
    whole = layer is None or isinstance(layer, keras.Model)
    model = functional(layer if isinstance(layer, keras.Model) else model, path, row_shape)
    # Names of tensors change from load to load, those of layers are in the file.
    inputs = _producer_names(model.inputs)
    if isinstance(spec, EncoderSpec):
        ends = _inner_ends(model, spec) if whole else _stated(spec) or [str(spec.part)]
        return _up_to(model, ends, path), inputs
    return (model, inputs) if whole else _from_layer(model, str(spec.part), path)


def functional(model: keras.Model, path: Path, row_shape: Shape | None = None) -> keras.Model:
    """Return a functional model, which knows its graph, for a sequential or subclassed one.

    Raises
    ------
    ModelError
        If it does not declare its shapes.
    """
    keras = import_keras()
    if getattr(model, "inputs", None) and getattr(model, "outputs", None):
        if not isinstance(model, keras.Sequential):
            return model
        # Its outputs are a flat list, but the last layer may return a mapping.
        given = model.inputs[0]
        struct = keras.tree.pack_sequence_as(model.compute_output_spec(given), model.outputs)
        return keras.Model(given, struct, name=model.name)
    if not model.built:
        raise ModelError(
            f"a Keras model with weights in {path}", found=f"{model.name}, which was not built",
            next_step="call it on a batch once, and save it again",
        )  # fmt: skip
    shape = _built_shape(model) or row_shape
    if shape is None:
        raise ModelError(
            f"a Keras model that declares its shapes in {path}", found=type(model).__name__,
            next_step="state them in model.toml or --signature, as 'image_shape=[28,28,1]'",
        )  # fmt: skip
    try:
        given = keras.Input(shape, name=f"{_name_of(model)}_input", dtype=model.input_dtype)
        return keras.Model(given, model(given), name=model.name)
    # The code of the class can raise anything.
    except Exception as error:
        raise ModelError(
            f"a Keras model in {path} that takes rows of shape {shape}", found=cause(error),
            next_step="save encoder and decoder each as a functional model",
        ) from error  # fmt: skip


def output_names(model: keras.Model) -> list[str]:
    """Return a name per output: its key in a mapping, or else that of its layer."""
    paths = [path for path, _ in import_keras().tree.flatten_with_path(model.output)]
    keys = [path[-1] if path else None for path in paths]
    names = _producer_names(model.outputs)
    keyed = [isinstance(key, str) and keys.count(key) == 1 for key in keys]
    return [str(key) if k else name for key, name, k in zip(keys, names, keyed, strict=True)]


def _producer_names(tensors: Iterable[keras.KerasTensor]) -> list[str]:
    """Return the names of the layers that produce tensors, numbered where they repeat."""
    names = [_name_of(tensor._keras_history.operation) for tensor in tensors]
    return [n if names.count(n) == 1 else f"{n}_{i}" for i, n in enumerate(names)]


def _name_of(layer: Operation) -> str:
    """Return the name of a layer, the same each time the file is opened.

    Classes that do not save their name, unlike all of Keras' own, get one with a running number.
    """
    name: str = layer.name
    saved = type(layer).__module__.startswith("keras.") or "name" in layer.get_config()
    return name if saved else _COUNT.sub("", name)


def _built_shape(model: keras.Model) -> FreeShape | None:
    """Return the shape of one row of a subclassed model with one input, as it was built."""
    built = (model.get_build_config() or {}).get("input_shape")
    plain = isinstance(built, list | tuple) and all(n is None or isinstance(n, int) for n in built)
    return tuple(built[1:]) if built and plain else None


def _stated(spec: EncoderSpec) -> list[str]:
    return [name for name in (spec.mu, spec.log_var, *spec.further) if name]


def _inner_ends(model: keras.Model, spec: EncoderSpec) -> list[str]:
    """Return where an encoder ends if model.toml names a layer inside it, else nothing."""
    names, nodes = output_names(model), _nodes(model.outputs)
    stated = _stated(spec)
    if all(name in names or name not in nodes for name in stated):
        return []
    return stated if spec.mu is not None else [*names, *stated]


def _up_to(model: keras.Model, ends: list[str], path: Path) -> keras.Model:
    """Return the part of a model up to some outputs or layers; without any, the whole model."""
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
                next_step=CORRECT,
            )  # fmt: skip
        if name not in outputs:
            outputs[name] = _only(name, _only(name, nodes[name], path).output_tensors, path)
    try:
        return keras.Model(model.input, {name: outputs[name] for name in ends})
    # Keras raises errors of many kinds if it cannot cut there.
    except Exception as error:
        raise _no_cut(path, f"{', '.join(ends)}: {cause(error)}") from error


def _from_layer(model: keras.Model, name: str, path: Path) -> tuple[keras.Model, list[str]]:
    """Return the part of a model that begins with a layer, and names for its inputs.

    Other inputs of the model that it needs, such as a condition, stay inputs.
    """
    keras = import_keras()
    inputs = list(_only(name, _nodes(model.outputs).get(name, []), path).input_tensors)
    names = [name] if len(inputs) == 1 else _producer_names(inputs)
    reached = _nodes(model.outputs, inputs)
    extra = [t for t in model.inputs if _name_of(t._keras_history.operation) in reached]
    try:
        return keras.Model([*inputs, *extra], model.outputs), [*names, *_producer_names(extra)]
    # As in `_up_to`.
    except Exception as error:
        raise _no_cut(path, f"{name}: {cause(error)}") from error


def _nodes(
    outputs: Iterable[keras.KerasTensor], stop: Iterable[keras.KerasTensor] = ()
) -> dict[str, list[Node]]:
    """Return the calls that produce tensors, by layer, not looking beyond those in `stop`.

    This is needed because a layer records its calls in all models. `layer.output` belongs to the
    first call, which may be in another model; for a submodel, it is even a tensor inside it.
    """
    nodes: dict[str, list[Node]] = defaultdict(list)
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


def _only(name: str, found: list[T], path: Path) -> T:
    if len(found) != 1:
        raise _no_cut(path, f"{name}, with {len(found)} calls or outputs")
    return found[0]


def _no_cut(path: Path, found: str) -> ModelError:
    return ModelError(
        f"a layer where {path} can be split in two", found=found,
        next_step="name another layer, or save encoder and decoder to separate files",
    )  # fmt: skip
