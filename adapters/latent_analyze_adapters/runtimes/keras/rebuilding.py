"""Functions of SavedModels, and the same built anew after their graph was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from latent_analyze_adapters.runtimes.keras.loading import import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Mapping

    import tensorflow as tf
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.types.experimental import ConcreteFunction

SUFFIX = "_in_evaluation"


class SavedFunction(Protocol):
    """What a session needs of a function: named tensors in, named tensors out."""

    @property
    def structured_input_signature(self) -> Any:
        """Positional inputs, of which there are none, and inputs by name."""
        ...

    @property
    def structured_outputs(self) -> Any:
        """Outputs by name."""
        ...

    def __call__(self, **given: tf.Tensor) -> Any:
        """Run it."""
        ...


class RebuiltFunction:
    """A changed graph of a function, with the variables and the names of the original."""

    def __init__(self, original: ConcreteFunction, graph: GraphDef) -> None:
        tf = import_tensorflow()
        _rename_functions(graph)
        self.structured_input_signature = original.structured_input_signature
        self.structured_outputs = original.structured_outputs
        # The variables live as long as the original does.
        self._original = original
        whole = tf.compat.v1.wrap_function(
            lambda: tf.graph_util.import_graph_def(graph, name=""), []
        )
        ends = ([t.name for t in tensors] for tensors in (original.inputs, original.outputs))
        self._function = whole.prune(
            *([whole.graph.as_graph_element(name) for name in names] for names in ends)
        )

    def __call__(self, **given: tf.Tensor) -> Any:
        """Return the outputs by name."""
        nest = import_tensorflow().nest
        found = self._function(*nest.flatten(given), *self._original.captured_inputs)
        return nest.pack_sequence_as(self.structured_outputs, found)


def _rename_functions(graph: GraphDef) -> None:
    """Give the functions other names, as those of the original are known to TensorFlow already."""
    names = {f.signature.name: f.signature.name + SUFFIX for f in graph.library.function}
    for function in graph.library.function:
        function.signature.name = names[function.signature.name]
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    for node in nodes:
        for value in node.attr.values():
            _rename(value, names)


def _rename(value: Any, names: Mapping[str, str]) -> None:  # Any: an AttrValue
    if value.HasField("func"):
        value.func.name = names.get(value.func.name, value.func.name)
    for inner in value.list.func if value.HasField("list") else ():
        inner.name = names.get(inner.name, inner.name)
