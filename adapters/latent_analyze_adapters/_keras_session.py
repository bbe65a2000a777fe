"""Keras models and SavedModels as sessions: arrays in, arrays out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze import ModelError, missing_dependency
from latent_analyze_adapters.graph import Graph, Tensor
from latent_analyze_adapters.session import cause, does_not_run

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray


def import_keras() -> Any:
    """Return the keras package, or raise MissingDependencyError."""
    try:
        import keras
    # Keras raises ImportError for a missing backend too.
    except ImportError:
        raise missing_dependency("keras", "keras", "running Keras models") from None
    return keras


def on_device(device: str | None) -> AbstractContextManager[Any]:
    """Return a context in which Keras runs on a device: "cpu", "cuda", or None for its own choice.

    Raises
    ------
    ModelError
        If there is no such device.
    """
    if device is None:
        return contextlib.nullcontext()
    names = {"cpu": "cpu:0", "cuda": "gpu:0"}
    if device not in names:
        raise ModelError(f"a device, {' or '.join(names)}", found=repr(device))
    keras = import_keras()
    if device == "cuda" and not any("gpu" in str(d).lower() for d in _devices(keras)):
        raise ModelError(
            "a Keras that runs on cuda", found=f"backend {keras.backend.backend()} without it",
            next_step="choose the device cpu",
        )  # fmt: skip
    context: AbstractContextManager[Any] = keras.device(names[device])
    return context


def _devices(keras: Any) -> list[Any]:
    found: list[Any] = keras.distribution.list_devices()
    return found


class KerasSession:
    """A Keras model; see `Session`."""

    def __init__(
        self, model: Any, name: str, device: str | None, inputs: list[str] | None = None
    ) -> None:
        self._model, self._name, self._device = model, name, device
        # Names of tensors are counted up from load to load, those of layers are in the file.
        self._input_names = inputs or [t._keras_history.operation.name for t in model.inputs]
        self.device = f"Keras on {import_keras().backend.backend()}, {device or 'its own device'}"

    @cached_property
    def graph(self) -> Graph:
        """Inputs and outputs."""
        given = zip(self._model.inputs, self._input_names, strict=True)
        inputs = tuple(_tensor(t, name) for t, name in given)
        pairs = zip(self._model.outputs, self._output_names, strict=True)
        return Graph(self._name, inputs, tuple(_tensor(t, name) for t, name in pairs))

    def run(self, outputs: Iterable[str], feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run it once; ModelError for whatever Keras raises."""
        keras = import_keras()
        given = [feeds[tensor.name] for tensor in self.graph.inputs]
        struct = keras.tree.pack_sequence_as(self._model._inputs_struct, given)
        with on_device(self._device):
            try:
                values = keras.tree.flatten(self._model.predict_on_batch(struct))
            # Keras and its backend raise errors of many kinds.
            except Exception as error:
                raise does_not_run(feeds, cause(error)) from error
        return [np.asarray(values[self._output_names.index(name)]) for name in outputs]

    @cached_property
    def _output_names(self) -> list[str]:
        """Return a name per output: its key in a mapping, or else that of its layer."""
        struct, outputs = self._model._outputs_struct, self._model.outputs
        if isinstance(struct, dict) and len(struct) == len(outputs):
            # keras.tree flattens mappings in the order of their keys.
            return sorted(struct)
        names = list(self._model.output_names)
        return [n if names.count(n) == 1 else f"{n}_{i}" for i, n in enumerate(names)]


class SavedModelSession:
    """The serving signature of a TensorFlow SavedModel; see `Session`."""

    def __init__(self, function: Any, name: str, device: str | None) -> None:
        self._function, self._name, self._device = function, name, device
        self.device = f"TensorFlow, {device or 'its own device'}"

    @cached_property
    def graph(self) -> Graph:
        """Inputs and outputs."""
        _, given = self._function.structured_input_signature
        outputs = self._function.structured_outputs
        return Graph(
            self._name,
            tuple(_tensor(spec, name) for name, spec in given.items()),
            tuple(_tensor(spec, name) for name, spec in outputs.items()),
        )

    def run(self, outputs: Iterable[str], feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run it once; ModelError for whatever TensorFlow raises."""
        import tensorflow as tf

        with on_device(self._device):
            try:
                found = self._function(**{name: tf.constant(feed) for name, feed in feeds.items()})
            except Exception as error:
                raise does_not_run(feeds, cause(error)) from error
        return [np.asarray(found[name]) for name in outputs]


def _tensor(spec: Any, name: str) -> Tensor:
    dtype = getattr(spec.dtype, "name", spec.dtype)
    return Tensor(name, str(dtype), tuple(spec.shape))
