"""Opens the decoder of a trial in every way that fits the rows of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze.plugin import Choice, DecoderSpec, ModelError
from latent_analyze_adapters.models.opening import open_network
from latent_analyze_adapters.models.plan import Settings
from latent_analyze_adapters.models.signatures.inputs import (
    IMAGE_LAYOUTS,
    fill_others,
    is_extra,
    stated_input,
)
from latent_analyze_adapters.models.signatures.trial import Half, Scale

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from latent_analyze.plugin import Layout, Sample
    from latent_analyze_adapters.models.graph import Graph, Shape, Tensor
    from latent_analyze_adapters.models.session_cache import SessionCache

MOST_OUTPUTS = 4
"""Outputs of a decoder that are tried."""

PUBLISHED = (0.18215, 0.13025)
"""Factors of published diffusion models between encoder and decoder (Rombach et al. 2022)."""


def latent_input(graph: Graph, spec: DecoderSpec, sample: Sample) -> Tensor:
    """Return the input of a decoder that takes z-points: the stated one, or the first other."""
    if spec.input is not None:
        return stated_input(graph, spec.input)
    plain = [t for t in graph.inputs if t.name not in sample.inputs and not is_extra(t)]
    floats = [t for t in plain if t.dtype.startswith("float")]
    return next(iter([*floats, *plain]), graph.inputs[0])


def filled_spec(
    graph: Graph, main: Tensor, spec: DecoderSpec, sample: Sample
) -> tuple[DecoderSpec, list[Choice]]:
    """Return the spec with what the other inputs get, and how that is known."""
    filled = fill_others(graph, main, spec, sample=sample)
    changes = {"input": main.name, **filled.changes}
    return spec.model_copy(update=changes), filled.choices


def open_decoders(
    cache: SessionCache, spec: DecoderSpec, sample: Sample, *, latent: Shape, prefer: Layout
) -> list[Half]:
    """Return the decoder in every layout that fits the data; the encoder's layout first.

    Raises
    ------
    ModelError
        What keeps the decoder from running, or from giving rows like those of the data.
    """
    found: list[Half] = []
    errors = []
    graph = cache.session(cache.file(spec), spec, latent).graph
    chosen = [v for one in _with_outputs(spec, graph) for v in _variants(one, sample, prefer)]
    for changed in sorted(chosen, key=lambda v: v.color is not None):
        if found and changed.color is not None and spec.color is None:
            break
        settings = Settings(changed, image=tuple(sample.x.shape[1:]), latent=latent)
        try:
            network = open_network(cache, "decoder", settings)
        except ModelError as error:
            errors.append(error)
            continue
        session = cache.session(network.file, network.spec, network.row_shape)
        place = [t.name for t in graph.outputs].index(network.plan.outputs[0])
        found.append(Half(network, session, cost=0.1 * place))
    if not found:
        raise errors[0]
    return found


def scales_for(spec: DecoderSpec, config: Mapping[str, float], latent: Shape) -> list[Scale]:
    """Return what may be done to z-points before the decoder takes them."""
    if "scale" in spec.model_fields_set or "shift" in spec.model_fields_set:
        return [Scale(spec.scale, spec.shift)]
    factor, shift = config.get("scaling_factor"), config.get("shift_factor", 0.0)
    plain = [Scale()]
    if factor:
        known = f"z-points times {factor:g} (config.json)"
        back = f"z-points over {factor:g} (config.json)"
        return [
            *plain, Scale(factor, -shift, 0.2, known), Scale(1 / factor, shift * factor, 0.2, back)
        ]  # fmt: skip
    if len(latent) != 3:
        return plain
    pairs = [(f, f"times {f:g}") for f in PUBLISHED] + [(1 / f, f"over {f:g}") for f in PUBLISHED]
    return [*plain, *(Scale(f, 0.0, 2.0, f"z-points {text}") for f, text in pairs)]


def _with_outputs(spec: DecoderSpec, graph: Graph) -> Iterator[DecoderSpec]:
    """Yield the spec for each output that may hold the data: the stated one, or every one."""
    names = [spec.output] if spec.output is not None else [t.name for t in graph.outputs]
    for name in names[:MOST_OUTPUTS]:
        yield spec.model_copy(update={"output": name})


def _variants(spec: DecoderSpec, sample: Sample, prefer: Layout) -> Iterator[DecoderSpec]:
    if "layout" in spec.model_fields_set:
        yield spec
        return
    if sample.kind != "images":
        yield spec.model_copy(update={"layout": "array"})
        return
    gray = sample.x.shape[-1] == 1
    layouts = sorted(IMAGE_LAYOUTS, key=lambda layout: layout != prefer)
    for layout in layouts:
        if not (gray and layout == "flat-CHW"):
            yield spec.model_copy(update={"layout": layout})
    if gray and spec.color is None:
        for layout in ("HWC", "CHW"):
            yield spec.model_copy(update={"layout": layout, "color": "gray"})
