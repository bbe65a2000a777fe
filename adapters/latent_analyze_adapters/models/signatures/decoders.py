"""Opens the decoder of a trial in every way that fits z-points and the rows of the data."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from latent_analyze.plugin import Choice, DecoderSpec, ModelError
from latent_analyze_adapters.models.latents import reordered
from latent_analyze_adapters.models.opening import open_network
from latent_analyze_adapters.models.settings import Settings
from latent_analyze_adapters.models.signatures.inputs import (
    IMAGE_LAYOUTS,
    fill_others,
    is_extra,
    stated_input,
)
from latent_analyze_adapters.models.signatures.orders import MOVED, Order, orders
from latent_analyze_adapters.models.signatures.runs import Half

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from latent_analyze.plugin import Layout, Sample
    from latent_analyze_adapters.models.graph import FreeShape, Graph, Shape, Tensor
    from latent_analyze_adapters.models.session_cache import SessionCache

MOST_OUTPUTS = 4
"""Outputs of a decoder that are tried."""

PUBLISHED, PUBLISHED_COST = (0.18215, 0.13025), 2.0
"""Factors of published diffusion models between encoder and decoder (Rombach et al. 2022)."""


LIKE_FACTOR, LIKE_SHIFT = 1.5, 0.1
"""Scales that differ by less are alike."""


@dataclass(frozen=True)
class Scale:
    """What is done to z-points before the decoder: z + shift, times scale."""

    scale: float = 1.0
    shift: float = 0.0
    cost: float = 0.0
    text: str = ""

    def is_like(self, other: Scale) -> bool:
        """Whether two do nearly the same."""
        near = abs(math.log(self.scale / other.scale)) <= math.log(LIKE_FACTOR)
        return near and abs(self.shift - other.shift) <= LIKE_SHIFT

    @property
    def fields(self) -> dict[str, float]:
        """The fields of model.toml."""
        return {"scale": self.scale, "shift": self.shift}


@dataclass(frozen=True)
class Found:
    """A decoder that is ready to be opened for z-points of any shape.

    Attributes
    ----------
    spec
        What is stated, and what its further inputs get.
    choices
        How the latter is known.
    taken, dtype
        Shape of a z-point as it takes it, None where free, and its type.
    """

    spec: DecoderSpec
    choices: list[Choice]
    taken: FreeShape
    dtype: str


def find_decoder(
    cache: SessionCache, spec: DecoderSpec, sample: Sample, latent: Shape | None
) -> Found:
    """Return what a decoder takes; one that does not declare it is run on z-points of `latent`.

    If it does not run on them, their axes are moved: channels first, or channels last.

    Raises
    ------
    ModelError
        If it does not run, or nothing says what a further input takes.
    """
    graph = _graph(cache, spec, sample, latent)
    main = latent_input(graph, spec, sample)
    filled = fill_others(graph, main, spec, sample=sample)
    changes = {"input": main.name, **filled.changes}
    taken = main.shape[1:] if len(main.shape) > 1 else main.shape
    return Found(spec.model_copy(update=changes), filled.choices, taken, main.dtype)


def latent_input(graph: Graph, spec: DecoderSpec, sample: Sample) -> Tensor:
    """Return the input of a decoder that takes z-points: the stated one, or the first other."""
    if spec.input is not None:
        return stated_input(graph, spec.input)
    plain = [t for t in graph.inputs if t.name not in sample.inputs and not is_extra(t)]
    floats = [t for t in plain if t.dtype.startswith("float")]
    return next(iter([*floats, *plain]), graph.inputs[0])


def open_decoders(
    cache: SessionCache, found: Found, sample: Sample, *, latent: Shape, prefer: Layout
) -> list[Half]:
    """Return the decoder in every way that fits z-points and data, the likeliest first.

    Parameters
    ----------
    found
        What it takes.
    latent
        Shape of a z-point as the encoder gives it.
    prefer
        Layout of the encoder.

    Raises
    ------
    ModelError
        What keeps the decoder from running, or from giving rows like those of the data.
    """
    spec, halves, first = found.spec, list[Half](), Order(latent)
    stated = list[Order]()
    if spec.latent_axes:
        reordered(latent, spec.latent_axes, str(spec.file or spec.entry))
        stated = [Order(latent, spec.latent_axes)]
    errors = list[ModelError]()
    for order in stated or orders(latent, found.taken, sample) or [first]:
        try:
            opened = _in_layouts(cache, spec, sample, order=order, prefer=prefer)
        except ModelError as error:
            errors.append(error)
            continue
        # Another order is unusual only where that of the encoder fits as well.
        if halves and order.text:
            opened = [replace(h, likely=False, cost=h.cost + MOVED) for h in opened]
        halves += [h for h in opened if not order.axes or _same(h, found.taken)]
    if not halves:
        raise errors[0]
    return halves


def _graph(cache: SessionCache, spec: DecoderSpec, sample: Sample, latent: Shape | None) -> Graph:
    shapes: list[Shape | None] = [latent]
    if latent is not None and cache.opener.needs_row_shape and len(latent) > 1:
        every = orders(latent, (None,) * len(latent), sample)
        shapes += [order.taken for order in every if order.axes]
    errors = []
    for shape in shapes:
        try:
            return cache.session(cache.file(spec), spec, shape).graph
        except ModelError as error:
            errors.append(error)
    raise errors[0]


def _in_layouts(
    cache: SessionCache, spec: DecoderSpec, sample: Sample, *, order: Order, prefer: Layout
) -> list[Half]:
    """Return the decoder in every layout that fits the data, for each output; none is an error."""
    found, errors = list[Half](), list[ModelError]()
    graph = cache.session(cache.file(spec), spec, order.taken).graph
    places = {tensor.name: place for place, tensor in enumerate(graph.outputs)}
    chosen = [v for one in _with_outputs(spec, graph) for v in _variants(one, sample, prefer)]
    for changed in sorted(chosen, key=lambda v: v.color is not None):
        if found and changed.color is not None and spec.color is None:
            break
        changed = changed.model_copy(update={"latent_axes": order.axes} if order.axes else {})
        settings = Settings(changed, image=tuple(sample.x.shape[1:]), latent=order.shape)
        try:
            network = open_network(cache, "decoder", settings)
        except ModelError as error:
            errors.append(error)
            continue
        session = cache.session(network.file, network.spec, network.row_shape)
        cost = 0.1 * places[network.plan.outputs[0]]
        found.append(Half(network, session, cost, text=order.text, latent=order.shape))
    if not found:
        raise errors[0]
    return found


def scales_for(spec: DecoderSpec, numbers: Mapping[str, float], latent: Shape) -> list[Scale]:
    """Return what may be done to z-points before the decoder takes them."""
    if "scale" in spec.model_fields_set or "shift" in spec.model_fields_set:
        return [Scale(spec.scale, spec.shift)]
    factor, shift = numbers.get("scaling_factor"), numbers.get("shift_factor", 0.0)
    plain = [Scale()]
    if factor is not None and factor > 0:
        known = f"z-points times {factor:g} (config.json)"
        back = f"z-points over {factor:g} (config.json)"
        return [
            *plain, Scale(factor, -shift, 0.2, known), Scale(1 / factor, shift * factor, 0.2, back)
        ]  # fmt: skip
    if len(latent) != 3:
        return plain
    pairs = [(f, f"times {f:g}") for f in PUBLISHED] + [(1 / f, f"over {f:g}") for f in PUBLISHED]
    return [*plain, *(Scale(f, 0.0, PUBLISHED_COST, f"z-points {text}") for f, text in pairs)]


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


def _same(half: Half, taken: FreeShape) -> bool:
    """Whether a decoder takes z-points in the shape that it declares, or was found with."""
    wide, wanted = [n for n in half.network.plan.latent if n > 1], [n for n in taken if n != 1]
    return None in wanted or wide == wanted
