"""Halves inside one ONNX graph: mu before the draw, and a decoder that begins at a z inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from latent_analyze.plugin import DecoderSpec, EncoderSpec
from latent_analyze_adapters.models.graph import (
    IMAGE_RANKS,
    LOG_VAR_NAMES,
    MU_NAMES,
    VECTOR_RANKS,
    Graph,
    Tensor,
    canonical,
)
from latent_analyze_adapters.runtimes.onnx.devices import open_session
from latent_analyze_adapters.runtimes.onnx.surgery.moments import MEAN, STD, has_std, with_moments
from latent_analyze_adapters.runtimes.onnx.surgery.sampling import Drawn, Draws, Sampling
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import Wiring, part

if TYPE_CHECKING:
    from collections.abc import Iterable


def has_ends(graph: Graph, half: EncoderSpec | DecoderSpec) -> bool:
    """Whether the tensors that a half names are inputs and outputs of the graph."""
    given = half.input is None or half.input in {t.name for t in graph.inputs}
    return given and _outputs(half) <= {t.name for t in graph.outputs}


def look_upstream(wiring: Wiring, half: EncoderSpec) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what to state of an encoder that draws z, and notes that say so.

    Nothing, where an output has the name of mu or nothing is drawn.
    """
    if _usual(wiring.outputs, MU_NAMES):
        return {}, ()
    draws = Draws(wiring)
    pairs = ((name, draws.reach(name)) for name in wiring.outputs)
    output, drawn = next(((name, d) for name, d in pairs if d is not None), ("", None))
    if drawn is None:
        return {}, ()
    mu = drawn.sampling.mu if drawn.plain else MEAN + output
    place = "taken before that" if drawn.plain else f"{output!r} without the noise"
    note = f"encoder: {drawn.sampling.z!r} is drawn inside the graph; mu is {place}, {mu!r}"
    usual = _usual(wiring.outputs, LOG_VAR_NAMES) if drawn.as_wide else []
    if half.log_var is not None or usual:
        return {"mu": mu, "log_var": half.log_var or usual[0]}, (note,)
    spread = _spread_of(wiring, output, drawn)
    note += "; its log_var cannot be told"
    if spread:
        note = note.rpartition(";")[0] + f", and its {spread['spread']} too, {spread['log_var']!r}"
    return {"mu": mu, **spread}, (note,)


def find_halves(wiring: Wiring, graph: Graph) -> tuple[EncoderSpec, DecoderSpec] | None:
    """Return both halves of a graph that takes images and gives images and z-points, if it does."""
    taken = graph.inputs[0]
    images = [t for t in graph.outputs if _same_rank(t, taken) and t.name != taken.name]
    if len(taken.shape) not in IMAGE_RANKS or not images:
        return None
    image = images[0].name
    vectors = [t.name for t in graph.outputs if len(t.shape) in VECTOR_RANKS]
    draws = (s for s in Draws(wiring).above(image) if _separates(wiring, s.z, image))
    sampling = next((s for s in draws if s.std or not _decoded(wiring, s, vectors)), None)
    places = [*_points(sampling), *_usual(vectors, MU_NAMES), *vectors]
    start = next((p for p in places if _separates(wiring, p, image)), None)
    if start is None:
        return None
    mu = sampling.mu if sampling else start
    named = {"mu": mu, **_spread(sampling, vectors)}
    return (
        EncoderSpec(file=graph.name, **named),
        DecoderSpec(file=graph.name, input=start, output=image),
    )


def part_of(wiring: Wiring, half: EncoderSpec | DecoderSpec, path: Path) -> bytes | None:
    """Return the model between the tensors that a half names; None if one of them is not there.

    Raises
    ------
    ModelError
        If a decoder needs more than the tensor that is its input.
    """
    wiring = with_moments(wiring, _outputs(half))
    known = {*wiring.inputs, *wiring.outputs}
    ends = _outputs(half) | ({half.input} if half.input else set())
    if any(name not in known and not wiring.holds(name) for name in ends):
        return None
    if isinstance(half, EncoderSpec):
        outputs = [name for name in (half.mu, half.log_var) if name]
        return _serialized(part(wiring, None, outputs or wiring.outputs, path))
    if half.input is None or half.input in wiring.inputs:
        return _serialized(part(wiring, None, [half.output or wiring.outputs[0]], path))
    given = _info(wiring, half.input, path)
    behind = (o for o in wiring.outputs if _separates(wiring, half.input, o))
    output = half.output or next(behind, wiring.outputs[0])
    return _serialized(part(wiring, given, [output], path))


def _outputs(half: EncoderSpec | DecoderSpec) -> set[str]:
    names = (half.mu, half.log_var) if isinstance(half, EncoderSpec) else (half.output,)
    return {name for name in names if name}


def _info(wiring: Wiring, name: str, path: Path) -> Any:
    """Return type and shape of a tensor inside, as ONNX Runtime infers them."""
    from onnx import TensorProto, helper

    content = _serialized(part(wiring, None, [name], path))
    (node,) = open_session(content, path, "cpu").get_outputs()
    kinds = {"tensor(float16)": TensorProto.FLOAT16, "tensor(double)": TensorProto.DOUBLE}
    shape = [n if isinstance(n, int) and i else None for i, n in enumerate(node.shape)]
    return helper.make_tensor_value_info(name, kinds.get(node.type, TensorProto.FLOAT), shape)


def _serialized(proto: Any) -> bytes:
    content: bytes = proto.SerializeToString()
    return content


def _separates(wiring: Wiring, place: str, output: str) -> bool:
    """Whether an output depends on the inputs by way of this tensor only."""
    makes = place != output and wiring.makes([output], place)
    return makes and not wiring.needed([output], [place])


def _decoded(wiring: Wiring, sampling: Sampling, vectors: list[str]) -> bool:
    """Whether noise is added behind an output that could be the z-points: inside the decoder."""
    return any(_separates(wiring, name, sampling.mu) for name in vectors)


def _points(sampling: Sampling | None) -> Iterable[str]:
    return () if sampling is None else (sampling.z,)


def _spread(sampling: Sampling | None, vectors: list[str]) -> dict[str, Any]:
    usual = _usual(vectors, LOG_VAR_NAMES)
    if usual:
        return {"log_var": usual[0]}
    if sampling is None or sampling.spread is None:
        return {}
    return {"log_var": sampling.spread, "spread": sampling.kind}


def _spread_of(wiring: Wiring, output: str, drawn: Drawn) -> dict[str, Any]:
    """Return what to state of the spread of an output that is drawn, if it can be told."""
    if drawn.plain:
        return _spread(drawn.sampling, [])
    return {"log_var": STD + output, "spread": "std"} if has_std(wiring, drawn) else {}


def _usual(names: Iterable[str], usual: frozenset[str]) -> list[str]:
    return [name for name in names if canonical(name) in usual]


def _same_rank(tensor: Tensor, other: Tensor) -> bool:
    pairs = zip(tensor.shape, other.shape, strict=False)
    fits = all(None in pair or pair[0] == pair[1] for pair in pairs)
    return len(tensor.shape) == len(other.shape) and fits
