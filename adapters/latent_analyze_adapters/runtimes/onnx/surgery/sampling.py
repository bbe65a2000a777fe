"""Where a graph draws z: what mu and log_var are there, found by the structure around the noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from latent_analyze_adapters.runtimes.onnx.safety.static_check import text
from latent_analyze_adapters.runtimes.onnx.surgery.spread import Spread, find_std, untangle
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import Wiring, op, used

if TYPE_CHECKING:
    from collections.abc import Iterable

NORMAL = frozenset({"RandomNormal", "RandomNormalLike"})
RANDOM = NORMAL | {"RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
OF_SHAPES = frozenset({"Shape", "Size", "EyeLike", "RandomNormalLike", "RandomUniformLike"})
"""Operators that take the shape of their input, not its values."""

LINEAR = frozenset({"Add", "Sub", "Mul", "Div", "Neg"})
ARRANGING = frozenset({
    "Identity", "Cast", "Dropout", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose",
})  # fmt: skip

MOST = 64
"""Draws that are looked at: each takes a walk through the graph, which may be a stranger's."""


@dataclass(frozen=True)
class Sampling:
    """z = mu + std * noise: the names of the tensors, and what the one called spread holds."""

    z: str
    mu: str
    std: str | None = None
    spread: str | None = None
    kind: Spread = "log_var"


@dataclass(frozen=True)
class Drawn:
    """An output that is a drawn z or, by way of `behind`, a scaled, shifted or rearranged one."""

    sampling: Sampling
    behind: tuple[Any, ...]

    @property
    def plain(self) -> bool:
        """Whether the output is z as it is drawn."""
        return self._only({"Identity", "Cast"})

    @property
    def as_wide(self) -> bool:
        """Whether each value of the output varies as the one of z in its place."""
        return self._only({"Add", "Sub", *ARRANGING} - {"Transpose"})

    def _only(self, operators: set[str]) -> bool:
        return {op(node) for node in self.behind} <= operators


class Draws:
    """The draws in a graph.

    Parameters
    ----------
    wiring
        The graph.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    def above(self, output: str) -> list[Sampling]:
        """Return the draws that an output depends on, the likeliest for its z first.

        The reparametrization of Kingma & Welling (2014) is looked for, the last one before the
        output. One whose spread depends on the image comes before noise of a fixed one, which
        decoders may add too.
        """
        nodes = reversed(self._wiring.above([output]))
        found = islice((s for s in map(self._at, nodes) if s is not None), MOST)
        return sorted(found, key=lambda sampling: sampling.std is None)

    def reach(self, output: str) -> Drawn | None:
        """Return the draw that makes an output, or None if it is made otherwise.

        Between both may lie a scale and a shift by constants, and what rearranges the values.
        """
        behind: list[Any] = []
        name = output
        while (inner := self.taken(name)) is not None:
            behind.append(self._wiring.maker(name))
            name = inner
        sampling = self._at(self._wiring.maker(name))
        return None if sampling is None else Drawn(sampling, tuple(reversed(behind)))

    def taken(self, name: str) -> str | None:
        """Return what alone a tensor is computed from, by a constant or a rearrangement; or None.

        None as well for everything that is made of two things that change, or by other operators.
        """
        node = self._wiring.maker(name)
        if node is None or op(node) not in LINEAR | ARRANGING:
            return None
        names = [text(n) for n in node.input]
        changing = [n for n in names if n in self._random or n in self._varying]
        # Only the training mode is a third input of Dropout.
        trained = op(node) == "Dropout" and len(names) > 2
        reverse = op(node) == "Div" and changing != names[:1]
        return changing[0] if len(changing) == 1 and not trained and not reverse else None

    @cached_property
    def _random(self) -> set[str]:
        """The tensors whose values something random has an influence on."""
        return self._influenced((), RANDOM)

    @cached_property
    def _varying(self) -> set[str]:
        """The tensors whose values the inputs have an influence on."""
        return self._influenced(self._wiring.inputs, frozenset())

    @cached_property
    def _fixed(self) -> set[str]:
        """The tensors that could be mu."""
        return self._varying - self._random - self._given

    @cached_property
    def _given(self) -> set[str]:
        """The inputs, and what is only scaled, shifted or rearranged of them: images still."""
        found = set(self._wiring.inputs)
        for node in self._wiring.nodes:
            found |= {made for made in _first(node.output) if self.taken(made) in found}
        return found

    @cached_property
    def _noise(self) -> set[str]:
        """The tensors that are normal noise times something: nothing, where that is zero."""
        found = self._influenced((), NORMAL) - self._varying
        for node in self._wiring.nodes:
            names = [text(name) for name in node.input]
            kept = names if op(node) == "Mul" else names[:1]
            if op(node) in ARRANGING | {"Mul", "Div"} and not found.isdisjoint(kept):
                found |= _first(node.output)
        return found

    def _influenced(self, names: Iterable[str], operators: frozenset[str]) -> set[str]:
        found = set(names)
        for node in self._wiring.nodes:
            reached = op(node) not in OF_SHAPES and any(name in found for name in used(node))
            if op(node) in operators or reached:
                found |= {text(name) for name in node.output}
        return found

    def _at(self, node: Any) -> Sampling | None:
        """Return the draw if a node is one: the sum of noise and something that is not random."""
        if node is None or op(node) not in ("Add", "Sum") or len(node.input) != 2:
            return None
        names = [text(name) for name in node.input]
        noises = [name for name in names if name in self._noise]
        fixed = [name for name in names if name in self._fixed]
        if len(noises) != 1 or len(fixed) != 1:
            return None
        z, mu = text(node.output[0]), fixed[0]
        std = find_std(self._wiring, noises[0], self._random)
        if std is None:
            return Sampling(z, mu)
        return Sampling(z, mu, std, *untangle(self._wiring, std))


def _first(names: Iterable[Any]) -> set[str]:
    return {text(name) for name in list(names)[:1]}
