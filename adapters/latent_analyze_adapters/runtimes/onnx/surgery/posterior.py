"""Decides what the outputs of an encoder mean that draws z: mu, and what its spread holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latent_analyze_adapters.models.graph import canonical
from latent_analyze_adapters.models.signatures.names import LOG_VAR_NAMES, MU_NAMES
from latent_analyze_adapters.runtimes.onnx.safety.operators import text
from latent_analyze_adapters.runtimes.onnx.surgery.moments import MEAN, STD, has_std
from latent_analyze_adapters.runtimes.onnx.surgery.sampling import Draw, DrawnOutput, Draws
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex
from latent_analyze_adapters.runtimes.onnx.surgery.values import skip_passing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnx import ValueInfoProto

    from latent_analyze.plugin import EncoderSpec, Spread

WHYS: dict[Spread, str] = {
    "log_var": "exp({} / 2) scales the noise", "log_std": "exp({}) scales the noise",
    "variance": "sqrt({}) scales the noise", "std": "{} scales the noise",
    "softplus": "softplus({}) scales the noise",
}  # fmt: skip


@dataclass(frozen=True)
class Posterior:
    """What a graph shows about the posterior that it draws z from.

    Attributes
    ----------
    z
        The tensor that is drawn.
    mu
        The tensor that z is drawn around, preferably an output.
    mu_why
        What shows it, for people.
    mu_names
        All tensors that hold the same values.
    log_var, spread
        The tensor that its spread comes from, preferably an output, and what it holds; or None.
    spreads
        What else shows the spread, and what it holds.
    usual
        The output with a usual name of log_var, if it can be that of mu.
    """

    z: str
    mu: str
    mu_why: str
    mu_names: frozenset[str]
    log_var: str | None
    spread: Spread
    spreads: Mapping[str, Spread]
    usual: str | None

    @property
    def center_why(self) -> str:
        """What shows mu, as a reason of its own."""
        return self.mu_why if self.mu.startswith(MEAN) else f"{self.z!r} is drawn around it"

    def changes(self, spec: EncoderSpec) -> dict[str, str]:
        """Return what to add to the spec of the encoder, which comes first where it states."""
        if spec.mu is not None and spec.mu not in self.mu_names:
            return {}
        found = {} if spec.mu is not None else {"mu": self.mu}
        named = spec.log_var
        if named is None:
            named = self._log_var_of(spec)
            found |= {} if named is None else {"log_var": named}
        free = "spread" not in spec.model_fields_set
        if free and named is not None and named in self.spreads:
            found["spread"] = self.spreads[named]
        return found

    def entries(self, spec: EncoderSpec) -> list[tuple[str, str, str]]:
        """Return key, value and reason of what the graph shows and the spec does not contradict."""
        changes = self.changes(spec)
        mu, log_var = changes.get("mu", spec.mu), changes.get("log_var", spec.log_var)
        if mu not in self.mu_names:
            return []
        found = [("mu", repr(mu), self.center_why)]
        kind = changes.get("spread", spec.spread)
        if log_var is not None and kind == self.spreads.get(log_var):
            why = WHYS[self.spreads[log_var]].format(log_var)
            found += [("log_var", repr(log_var), why), ("spread", kind, why)]
        return found

    def note(self, changes: Mapping[str, str]) -> str:
        """Return what was found, for people."""
        start = f"encoder: {self.z!r} is drawn inside the graph; mu is {self.mu!r}, {self.mu_why}"
        if "spread" in changes:
            kind = changes["spread"].replace("softplus", "std before the softplus")
            return f"{start}; its {kind} is {changes.get('log_var', self.log_var)!r}"
        return start if "log_var" in changes else f"{start}; its log_var cannot be determined"

    def _log_var_of(self, spec: EncoderSpec) -> str | None:
        """Return the tensor with the stated spread, if one is stated, or else the one found."""
        if "spread" in spec.model_fields_set:
            fitting = (name for name, kind in self.spreads.items() if kind == spec.spread)
            return next(fitting, self.log_var or self.usual)
        return self.log_var or self.usual


def find_posterior(index: GraphIndex, z: str | None = None) -> Posterior | None:
    """Return what a graph shows about mu and its spread, or None if no output is drawn.

    `z` is the tensor that the decoder starts from, if it is in the same graph.
    """
    output, drawn = _find_drawn(index, z)
    if drawn is None:
        return None
    outputs = OutputNames(index)
    draw = drawn.draw
    usual = _with_usual_name(index.outputs, LOG_VAR_NAMES) if drawn.keeps_spread else []
    last = usual[0] if usual else None
    named = outputs.equal_to(draw.center)
    if drawn.is_z or (drawn.only_rearranged and named) or _with_usual_name(named, MU_NAMES):
        mu = next(iter(named), draw.center)
        log_var, kind = pick_parameter(draw, outputs)
        why = "before the noise is added" if drawn.is_z else f"which {draw.z!r} is drawn around"
        spreads = {n: k for t, k in draw.parameters for n in (t, *outputs.equal_to(t))}
        return Posterior(draw.z, mu, why, frozenset({mu, draw.mu, draw.center, *named}), log_var,
                         kind, spreads, last)  # fmt: skip
    std = STD + output if has_std(index, drawn) else None
    mu = MEAN + output
    return Posterior(draw.z, mu, f"{output!r} without the noise", frozenset({mu}), std, "std",
                     {std: "std"} if std else {}, last)  # fmt: skip


class OutputNames:
    """Looks up the outputs that hold the same values as a tensor.

    Parameters
    ----------
    index
        The graph.
    """

    def __init__(self, index: GraphIndex) -> None:
        self._index = index
        self._roots = {name: skip_passing(index, name, same_type=True) for name in index.outputs}

    def equal_to(self, name: str) -> list[str]:
        """Return the outputs with the same values, the tensor itself first."""
        root = skip_passing(self._index, name, same_type=True)
        found = [output for output, other in self._roots.items() if other == root]
        return sorted(found, key=lambda output: output != name)


def pick_parameter(draw: Draw, outputs: OutputNames) -> tuple[str | None, Spread]:
    """Return the tensor that the spread of a draw comes from, preferably an output, and its kind.

    The tensor is None if the graph does not show the spread.
    """
    inwards = draw.parameters[::-1]
    named = ((output, kind) for name, kind in inwards for output in outputs.equal_to(name))
    return next(iter([*named, *inwards]), (None, "log_var"))


def _find_drawn(index: GraphIndex, z: str | None) -> tuple[str, DrawnOutput | None]:
    """Return the output that is drawn, most likely z; draws of fixed spread come last."""
    draws = Draws(index)
    names = [z, *index.outputs] if z else index.outputs
    pairs = [(name, draws.behind(name)) for name in names]
    found = [(name, d) for name, d in pairs if d is not None and _is_latent(index, name, d)]
    found.sort(key=lambda pair: pair[0] != z and pair[1].draw.std is None)
    return found[0] if found else ("", None)


def _is_latent(index: GraphIndex, output: str, drawn: DrawnOutput) -> bool:
    """Whether what is drawn can be z, not an image of the decoder with noise on it."""
    images = [i for i in index.proto.graph.input if text(i.name) in index.inputs][:1]
    shapes = {text(v.name): _row_shape(v) for v in (*images, *index.proto.graph.output)}
    given = _row_shape(images[0]) if images else ()
    if len(given) > 1 and 0 not in given and shapes.get(output) == given:
        return False
    named = _with_usual_name(index.outputs, MU_NAMES)
    roots = {skip_passing(index, n) for n in (drawn.draw.mu, drawn.draw.z, output)}
    others = [n for n in named if skip_passing(index, n) not in roots]
    return not any(index.depend_on([drawn.draw.mu], name) for name in others)


def _row_shape(info: ValueInfoProto) -> tuple[int, ...]:
    return tuple(d.dim_value for d in info.type.tensor_type.shape.dim)[1:]


def _with_usual_name(names: Iterable[str], usual: frozenset[str]) -> list[str]:
    return [name for name in names if canonical(name) in usual]
