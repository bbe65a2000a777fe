"""Finds the encoder and decoder inside one ONNX graph, and extracts them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from latent_analyze.plugin import DecoderSpec, EncoderSpec
from latent_analyze_adapters.models.graph import (
    IMAGE_RANKS,
    VECTOR_RANKS,
    Graph,
    NetworkSpec,
    Tensor,
    canonical,
)
from latent_analyze_adapters.models.signatures.names import LOG_VAR_NAMES, MU_NAMES
from latent_analyze_adapters.runtimes.onnx.devices import open_session
from latent_analyze_adapters.runtimes.onnx.safety.operators import text
from latent_analyze_adapters.runtimes.onnx.surgery.moments import with_moments
from latent_analyze_adapters.runtimes.onnx.surgery.noise_inputs import noise_inputs
from latent_analyze_adapters.runtimes.onnx.surgery.posterior import OutputNames, pick_parameter
from latent_analyze_adapters.runtimes.onnx.surgery.sampling import Draw, Draws
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import (
    GraphIndex,
    extract_subgraph,
    op,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onnx import ValueInfoProto


def has_stated_tensors(graph: Graph, spec: NetworkSpec) -> bool:
    """Whether the tensors that model.toml names are inputs and outputs of the graph."""
    has_input = spec.input is None or spec.input in {t.name for t in graph.inputs}
    return has_input and _stated_outputs(spec) <= {t.name for t in graph.outputs}


def split_autoencoder(index: GraphIndex, graph: Graph) -> tuple[EncoderSpec, DecoderSpec] | None:
    """Return encoder and decoder if a graph turns images into images by way of z-points."""
    input_tensor = graph.inputs[0]
    images = [
        t for t in graph.outputs if _same_rank(t, input_tensor) and t.name != input_tensor.name
    ] or [t for t in graph.outputs if _flattens(t, input_tensor)]
    if not images or not (len(input_tensor.shape) in IMAGE_RANKS or _are_rows(images[0])):
        return None
    image = images[0].name
    vectors = [t.name for t in graph.outputs if len(t.shape) in VECTOR_RANKS and t.name != image]
    draws = (d for d in Draws(index).before(image) if _separates(index, d.z, image))
    draw = next((d for d in draws if d.std or not _in_decoder(index, d, vectors)), None)
    drawn_z = () if draw is None else (draw.z,)
    candidates = [*drawn_z, *_with_usual_name(vectors, MU_NAMES), *vectors]
    starts = ((name, s) for name in candidates for s in _sources(index, name))
    found = next(((name, s) for name, s in starts if _separates(index, s, image)), None)
    if found is None:
        return None
    named_z, start = found
    outputs = OutputNames(index)
    mu = next(iter(outputs.equal_to(draw.center)), draw.center) if draw else named_z
    named = {"mu": mu, **_spread(draw, outputs, vectors)}
    return (
        EncoderSpec(file=graph.name, **named),
        DecoderSpec(file=graph.name, input=start, output=image),
    )


def extract_network(index: GraphIndex, spec: NetworkSpec, path: Path) -> bytes | None:
    """Return the model between the tensors that model.toml names, or None if one does not exist.

    Raises
    ------
    ModelError
        If a decoder depends on more than its input.
    """
    index = with_moments(index, _stated_outputs(spec))
    known = {*index.inputs, *index.outputs}
    ends = _stated_outputs(spec) | ({spec.input} if spec.input else set())
    if any(name not in known and not index.produces(name) for name in ends):
        return None
    if isinstance(spec, EncoderSpec):
        outputs = [name for name in (spec.mu, spec.log_var) if name]
        outputs = list(index.outputs) if {*outputs} <= {*index.outputs} else outputs
        more = [name for name in spec.further if name not in outputs]
        return _extract(index, None, [*outputs, *more], path)
    if spec.input is None or spec.input in index.inputs:
        return _extract(index, None, [spec.output or index.outputs[0]], path)
    given = _declared(index, spec.input, path)
    after = (name for name in index.outputs if _separates(index, spec.input, name))
    return _extract(index, given, [spec.output or next(after, index.outputs[0])], path)


def extract_without_noise(index: GraphIndex, spec: NetworkSpec, path: Path) -> bytes | None:
    """Return the model without its inputs that take noise, or None if it needs them.

    It does if model.toml states their values, or names outputs that depend on them.
    """
    noise = noise_inputs(index) - {*spec.constants, *spec.columns, spec.input}
    kept = [name for name in index.outputs if not noise & index.required_inputs([name])]
    if not noise or not kept or not _stated_outputs(spec) <= set(kept):
        return None
    return _extract(index, None, kept, path)


def _stated_outputs(spec: NetworkSpec) -> set[str]:
    if isinstance(spec, EncoderSpec):
        return {name for name in (spec.mu, spec.log_var, *spec.further) if name}
    return {spec.output} if spec.output else set()


def _extract(
    index: GraphIndex, given: ValueInfoProto | None, outputs: list[str], path: Path
) -> bytes:
    content: bytes = extract_subgraph(index, given, outputs, path).SerializeToString()
    return content


def _declared(index: GraphIndex, name: str, path: Path) -> ValueInfoProto:
    """Return type and shape of a tensor inside, as ONNX Runtime infers them."""
    from onnx import TensorProto, helper

    (node,) = open_session(_extract(index, None, [name], path), path, "cpu").get_outputs()
    kinds = {"tensor(float16)": TensorProto.FLOAT16, "tensor(double)": TensorProto.DOUBLE}
    shape = [n if isinstance(n, int) and i else None for i, n in enumerate(node.shape)]
    return helper.make_tensor_value_info(name, kinds.get(node.type, TensorProto.FLOAT), shape)


def _sources(index: GraphIndex, name: str) -> Iterator[str]:
    """Yield a tensor, and those that it is another name of."""
    yield name
    while (node := index.producer(name)) is not None and op(node) == "Identity":
        name = text(node.input[0])
        yield name


def _are_rows(tensor: Tensor) -> bool:
    """Whether a tensor holds rows of more than one number."""
    return len(tensor.shape) == max(VECTOR_RANKS) and (tensor.shape[-1] or 0) > 1


def _separates(index: GraphIndex, name: str, output: str) -> bool:
    """Whether an output depends on the inputs only through this tensor."""
    upstream = name != output and index.depend_on([output], name)
    return upstream and not index.required_inputs([output], [name])


def _in_decoder(index: GraphIndex, draw: Draw, vectors: list[str]) -> bool:
    """Whether noise is added after an output that could be the z-points."""
    return any(_separates(index, name, draw.mu) for name in vectors)


def _flattens(tensor: Tensor, image: Tensor) -> bool:
    """Whether a tensor has all values of an image in one axis."""
    sizes = (tensor.shape[1:], image.shape[1:])
    known = len(sizes[0]) == 1 < len(sizes[1]) and None not in (*sizes[0], *sizes[1])
    return known and tensor.shape[1] == math.prod(n or 0 for n in sizes[1])


def _spread(draw: Draw | None, outputs: OutputNames, vectors: list[str]) -> dict[str, str]:
    if draw is not None and draw.parameters:
        name, kind = pick_parameter(draw, outputs)
        return {"log_var": str(name), "spread": kind}
    usual = _with_usual_name(vectors, LOG_VAR_NAMES)
    return {"log_var": usual[0]} if usual else {}


def _with_usual_name(names: Iterable[str], usual: frozenset[str]) -> list[str]:
    return [name for name in names if canonical(name) in usual]


def _same_rank(tensor: Tensor, other: Tensor) -> bool:
    pairs = zip(tensor.shape, other.shape, strict=False)
    fits = all(None in pair or pair[0] == pair[1] for pair in pairs)
    return len(tensor.shape) == len(other.shape) and fits
