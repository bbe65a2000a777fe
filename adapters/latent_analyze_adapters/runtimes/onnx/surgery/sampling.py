"""Finds where a graph draws z, and what mu and log_var are there, by the nodes around the noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from latent_analyze_adapters.runtimes.onnx.safety.operators import text
from latent_analyze_adapters.runtimes.onnx.surgery.noise_inputs import noise_inputs
from latent_analyze_adapters.runtimes.onnx.surgery.spread import find_std, parameters_of
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex, op, used_tensors
from latent_analyze_adapters.runtimes.onnx.surgery.values import skip_passing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from onnx import NodeProto

    from latent_analyze_adapters.runtimes.onnx.surgery.spread import Parameters

NORMAL = frozenset({"RandomNormal", "RandomNormalLike"})
RANDOM = NORMAL | {"RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
SHAPE_ONLY = frozenset({"Shape", "Size", "EyeLike", "RandomNormalLike", "RandomUniformLike"})
"""Operators that use the shape of their input, not its values."""

LINEAR = frozenset({"Add", "Sub", "Mul", "Div", "Neg"})
REARRANGING = frozenset({
    "Identity", "Cast", "Dropout", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose",
})  # fmt: skip

MAX_AFTER = 1000
"""Operators between z and an output; a damaged graph may have a circle of them."""

MAX_DRAWS = 64
"""Draws that are examined: each takes a walk through the graph, which may be hostile."""


@dataclass(frozen=True)
class Draw:
    """Names of the tensors in z = mu + std * noise.

    `parameters` are std and the tensors that it is computed from, with what they hold; the last is
    the one that the others are computed from. `center` is what mu repeats, if anything, or mu.
    """

    z: str
    mu: str
    std: str | None = None
    parameters: Parameters = ()
    center: str = ""


@dataclass(frozen=True)
class DrawnOutput:
    """An output that is a drawn z, or z scaled, shifted or rearranged by the nodes in `after`."""

    draw: Draw
    after: tuple[NodeProto, ...]

    @property
    def is_z(self) -> bool:
        """Whether the output is z itself."""
        return self._only({"Identity", "Cast"})

    @property
    def only_rearranged(self) -> bool:
        """Whether the output holds the values of z in the same order, perhaps in other axes."""
        return self._only(REARRANGING - {"Transpose"})

    @property
    def keeps_spread(self) -> bool:
        """Whether each value of the output varies as much as the one of z in its position."""
        return self._only({"Add", "Sub", *REARRANGING} - {"Transpose"})

    def _only(self, operators: AbstractSet[str]) -> bool:
        return {op(node) for node in self.after} <= operators


class Draws:
    """The draws in a graph.

    Parameters
    ----------
    index
        The graph.
    """

    def __init__(self, index: GraphIndex) -> None:
        self._index = index

    def before(self, output: str) -> list[Draw]:
        """Return the draws that an output depends on, most likely z first.

        Looks for the reparameterization of Kingma & Welling (2014), starting with the last one
        before the output. Draws whose spread depends on the image come before draws of fixed
        spread, because decoders may add noise of fixed spread.
        """
        nodes = reversed(self._index.ancestors([output]))
        found = islice((s for s in map(self._draw_at, nodes) if s is not None), MAX_DRAWS)
        return sorted(found, key=lambda draw: draw.std is None)

    def behind(self, output: str) -> DrawnOutput | None:
        """Return the draw that an output consists of, or None if it is computed otherwise.

        Between the two there may be scaling and shifting by constants, and rearranging.
        """
        after: list[NodeProto] = []
        name = output
        while (source := self.linear_source(name)) is not None and len(after) < MAX_AFTER:
            node = self._index.producer(name)
            assert node is not None
            after.append(node)
            name = source
        draw = self._draw_at(self._index.producer(name))
        return None if draw is None else DrawnOutput(draw, tuple(reversed(after)))

    def linear_source(self, name: str) -> str | None:
        """Return the only tensor that this one is a linear function or a rearrangement of.

        None if it depends on two tensors that vary, or is computed by other operators.
        """
        node = self._index.producer(name)
        if node is None or op(node) not in LINEAR | REARRANGING:
            return None
        names = [text(n) for n in node.input]
        varying = [n for n in names if n in self._random or n in self._varying]
        # A third input of Dropout is its training mode.
        trained = op(node) == "Dropout" and len(names) > 2
        reverse = op(node) == "Div" and varying != names[:1]
        return varying[0] if len(varying) == 1 and not trained and not reverse else None

    @property
    def random_outputs(self) -> frozenset[str]:
        """The outputs that depend on something random."""
        return frozenset(self._random.intersection(self._index.outputs))

    @cached_property
    def _given(self) -> frozenset[str]:
        """The inputs that take noise."""
        return noise_inputs(self._index)

    @cached_property
    def _random(self) -> set[str]:
        """The tensors whose values depend on something random."""
        return self._influenced(self._given, RANDOM)

    @cached_property
    def _varying(self) -> set[str]:
        """The tensors whose values depend on the inputs."""
        return self._influenced(self._index.inputs - self._given, frozenset())

    @cached_property
    def _mu_candidates(self) -> set[str]:
        """The tensors that could be mu."""
        return self._varying - self._random - self._images

    @cached_property
    def _images(self) -> set[str]:
        """The inputs, and tensors that only scale, shift or rearrange them: still images."""
        found = self._index.inputs - self._given
        for node in self._index.nodes:
            found |= {name for name in _first(node.output) if self.linear_source(name) in found}
        return found

    @cached_property
    def _noise(self) -> set[str]:
        """The tensors that are normal noise times something, and so zero wherever that is zero."""
        found = self._influenced(self._given, NORMAL) - self._varying
        for node in self._index.nodes:
            names = [text(name) for name in node.input]
            kept = names if op(node) == "Mul" else names[:1]
            if op(node) in REARRANGING | {"Mul", "Div"} and not found.isdisjoint(kept):
                found |= _first(node.output)
        return found

    def _influenced(self, names: Iterable[str], operators: frozenset[str]) -> set[str]:
        """Return the tensors that depend on the values of others, or come from operators."""
        found = set(names)
        for node in self._index.nodes:
            uses = (name in found for name in used_tensors(node))
            if op(node) in operators or (op(node) not in SHAPE_ONLY and any(uses)):
                found |= {text(name) for name in node.output}
        return found

    def _draw_at(self, node: NodeProto | None) -> Draw | None:
        """Return the draw if a node adds noise to something that is not random."""
        if node is None or op(node) not in ("Add", "Sum", "Sub") or len(node.input) != 2:
            return None
        names = [text(name) for name in node.input]
        noises = [name for name in names if name in self._noise]
        fixed = [name for name in names if name in self._mu_candidates]
        if len(noises) != 1 or len(fixed) != 1 or (op(node) == "Sub" and noises == names[:1]):
            return None
        z, mu = text(node.output[0]), fixed[0]
        std = find_std(self._index, noises[0], self._random, self._given)
        if std is None:
            return Draw(z, mu, center=mu)
        center = skip_passing(self._index, mu, {"Expand"})
        # Exports of torch.distributions expand both to the shape that they have already.
        expanded = center != mu and skip_passing(self._index, std, {"Expand"}) != std
        parameters = parameters_of(self._index, std, expanded=expanded)
        return Draw(z, mu, std, parameters, center if expanded else mu)


def _first(names: Iterable[str | bytes]) -> set[str]:
    return {text(name) for name in list(names)[:1]}
