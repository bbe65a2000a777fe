"""Keras models and SavedModels as sessions: arrays in, arrays out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.graph import Graph, Shape, Tensor
from latent_analyze_adapters.models.messages import cause, run_error
from latent_analyze_adapters.runtimes.keras.loading import import_keras, import_tensorflow
from latent_analyze_adapters.runtimes.keras.parts import output_names

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import keras
    import tensorflow as tf
    from numpy.typing import NDArray

    from latent_analyze_adapters.models.session import Feeds
    from latent_analyze_adapters.runtimes.keras.rebuilding import SavedFunction


def on_device(device: str | None) -> AbstractContextManager[object]:
    """Return a context in which Keras runs on a device: "cpu", "cuda", or None for its default.

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
    if device == "cuda" and not any(
        "gpu" in str(d).lower() for d in keras.distribution.list_devices()
    ):
        raise ModelError(
            "a Keras that runs on cuda", found=f"backend {keras.backend.backend()} without it",
            next_step="choose the device cpu",
        )  # fmt: skip
    context: AbstractContextManager[object] = keras.device(names[device])
    return context


class KerasSession:
    """A functional Keras model, with names for its inputs; see `Session`.

    With `keep`, layers that it calls in training mode run in that mode.
    """

    def __init__(
        self,
        model: keras.Model,
        inputs: list[str],
        name: str,
        device: str | None,
        *,
        keep: bool = False,
    ) -> None:
        self._keep = keep
        self._model, self._name, self._device = model, name, device
        self._input_names, self._output_names = inputs, output_names(model)
        self.device = (
            f"Keras on {import_keras().backend.backend()}, {device or 'its default device'}"
        )

    @cached_property
    def graph(self) -> Graph:
        """Inputs and outputs."""
        given = zip(self._model.inputs, self._input_names, strict=True)
        inputs = tuple(_tensor(t, name) for t, name in given)
        pairs = zip(self._model.outputs, self._output_names, strict=True)
        return Graph(self._name, inputs, tuple(_tensor(t, name) for t, name in pairs))

    def run(self, outputs: Iterable[str], feeds: Feeds) -> list[NDArray[np.generic]]:
        """Run it once; any error of Keras becomes a ModelError."""
        keras = import_keras()
        given = [feeds[tensor.name] for tensor in self.graph.inputs]
        struct = keras.tree.pack_sequence_as(self._model.input, given)
        with on_device(self._device):
            try:
                # Predicting runs everything as in evaluation.
                run = self._model if self._keep else self._model.predict_on_batch
                values = keras.tree.flatten(run(struct))
            # Keras and its backend raise errors of many kinds.
            except Exception as error:
                raise run_error(feeds, cause(error)) from error
        found = (values[self._output_names.index(name)] for name in outputs)
        return [keras.ops.convert_to_numpy(value) for value in found]


class SavedModelSession:
    """A signature of a TensorFlow SavedModel; see `Session`.

    `row_shape` is the shape of one row of its input, for one of unknown rank.
    """

    def __init__(
        self, function: SavedFunction, name: str, device: str | None, row_shape: Shape | None
    ) -> None:
        self._function, self._name, self._device = function, name, device
        self._row_shape = row_shape
        self.device = f"TensorFlow, {device or 'its default device'}"

    @cached_property
    def graph(self) -> Graph:
        """Inputs and outputs, sorted by name, because the file does not keep their order."""
        _, given = self._function.structured_input_signature
        outputs = self._function.structured_outputs
        if not isinstance(outputs, Mapping):
            raise ModelError(
                f"named outputs of {self._name}", found=type(outputs).__name__,
                next_step="export it with model.export(), or return the outputs as a dictionary",
            )  # fmt: skip
        return Graph(
            self._name,
            tuple(self._input(given[name], name) for name in sorted(given, key=_by_number)),
            tuple(_tensor(outputs[name], name) for name in sorted(outputs, key=_by_number)),
        )

    def run(self, outputs: Iterable[str], feeds: Feeds) -> list[NDArray[np.generic]]:
        """Run it once; any error of TensorFlow becomes a ModelError."""
        tf = import_tensorflow()
        with on_device(self._device):
            try:
                found = self._function(**{name: tf.constant(feed) for name, feed in feeds.items()})
            except Exception as error:
                raise run_error(feeds, cause(error)) from error
        return [np.asarray(found[name]) for name in outputs]

    def _input(self, spec: tf.TensorSpec, name: str) -> Tensor:
        tensor = _tensor(spec, name)
        if spec.shape.rank is not None:
            return tensor
        if self._row_shape is None:
            raise ModelError(
                f"inputs with a known number of axes in {self._name}",
                found=f"{name!r} without a shape",
                next_step="export it with one, or state image_shape and latent_shape in model.toml "
                "or --signature",
            )
        return replace(tensor, shape=(None, *self._row_shape))


def _by_number(name: str) -> tuple[str, int]:
    """Sort output_2 before output_10."""
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :] or 0)


def _tensor(spec: keras.KerasTensor | tf.TensorSpec, name: str) -> Tensor:
    dtype = getattr(spec.dtype, "name", spec.dtype)
    # A shape of unknown rank in TensorFlow cannot be iterated.
    known = getattr(spec.shape, "rank", 0) is not None
    return Tensor(name, str(dtype), tuple(spec.shape) if known else ())
