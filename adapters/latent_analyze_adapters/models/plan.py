"""How a model file is called: roles, layouts and names, stated or inferred."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import DecoderSpec, EncoderSpec, Layout, ModelError
from latent_analyze_adapters.models import image_side as sides
from latent_analyze_adapters.models.further_inputs import Constant, further_inputs
from latent_analyze_adapters.models.graph import (
    IMAGE_RANKS,
    LOG_VAR_NAMES,
    MU_NAMES,
    Graph,
    Role,
    Shape,
    Tensor,
    canonical,
)
from latent_analyze_adapters.models.image_side import ImageSide
from latent_analyze_adapters.models.latent_side import latent_shape, outputs_left

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Stated:
    """What model.toml says: of one half, and the shapes of an image and of a z-point.

    For what neither model.toml nor the file tells, `data` is the shape of the images at hand, and
    `beside` the layout of the encoder that a decoder belongs to.
    """

    half: EncoderSpec | DecoderSpec
    image: Shape | None = None
    latent: Shape | None = None
    data: Shape | None = None
    beside: Layout | None = None

    @property
    def layout(self) -> Layout | None:
        """The layout, if it is stated and no default."""
        if self.image is not None and len(self.image) == 1:
            return "flat"
        return self.half.layout if "layout" in self.half.model_fields_set else None

    @property
    def range(self) -> tuple[float, float] | None:
        """The value range, if it is stated and no default."""
        return self.half.range if "range" in self.half.model_fields_set else None


@dataclass(frozen=True)
class Plan:
    """How an encoder or decoder is called.

    Attributes
    ----------
    role
        Which half it is.
    input
        The input.
    outputs
        What to fetch: mu and perhaps log_var, or the image.
    side
        The tensor on the image side.
    latent
        Shape of a z-point in the file.
    batch
        Rows per call where the file fixes them, else None.
    batched
        Whether the file has a batch axis at all.
    notes
        What was inferred, for people.
    constants
        Further inputs, with the values that model.toml states.
    single
        Whether each row is run alone, in a fixed batch of copies of it.
    """

    role: Role
    input: Tensor
    outputs: tuple[str, ...]
    side: ImageSide
    latent: Shape
    batch: int | None
    batched: bool
    notes: tuple[str, ...]
    constants: tuple[Constant, ...] = ()
    single: bool = False

    @property
    def dim(self) -> int:
        """Latent dimensions, flattened."""
        return math.prod(self.latent)

    @property
    def output_size(self) -> int:
        """Values per row of an output."""
        return self.dim if self.role == "encoder" else math.prod(self.side.shape)


Probe = Callable[[Tensor, "NDArray[Any]", str], Shape]
"""Runs a graph on one batch for an input; returns the shape of the output of a name."""


def plan_half(graph: Graph, stated: Stated, probe: Probe) -> Plan:
    """Settle how an encoder or decoder is called.

    Parameters
    ----------
    graph
        Its inputs and outputs.
    stated
        What model.toml says; what it leaves out is inferred.
    probe
        Runs the graph once, where it does not say the shape of its output.

    Raises
    ------
    ModelError
        If what is stated does not fit the graph, or something cannot be inferred.
    """
    taken = _input(graph, stated.half.input)
    constants = further_inputs(graph, taken, stated.half)
    plan_role = _plan_encoder if isinstance(stated.half, EncoderSpec) else _plan_decoder
    plan = plan_role(graph, taken, stated, probe)
    notes = tuple(
        f"{plan.role}: {c.tensor.name!r} takes the label {c.column!r} of a data set that is "
        f"encoded, and {', '.join(f'{v:g}' for v in c.value)} elsewhere"
        for c in constants
        if c.column is not None
    )
    plan = replace(plan, constants=constants, notes=(*plan.notes, *notes))
    return replace(plan, batch=plan.batch or stated.half.batch)


def _plan_encoder(graph: Graph, taken: Tensor, stated: Stated, probe: Probe) -> Plan:
    assert isinstance(stated.half, EncoderSpec)
    log_var = _named(graph, stated.half.log_var, LOG_VAR_NAMES)
    rest = [t for t in graph.outputs if t != log_var]
    mu = _named(graph, stated.half.mu, MU_NAMES) or (rest or list(graph.outputs))[0]
    if stated.layout is None:
        batched = len(taken.shape) == max(IMAGE_RANKS) or not _is_vector(mu)
    else:
        batched = len(taken.shape) != sides.AXES[stated.layout]
    if batched and _is_vector(mu):
        mu = replace(mu, shape=(1, *mu.shape))
    side = _side(graph, taken, stated, batched)
    batch = _fixed_batch(taken, mu, batched)
    mu = _known(mu, taken, side.file_axes, (batched, batch, probe))
    outputs = (mu.name,) if log_var is None else (mu.name, log_var.name)
    latent = latent_shape(graph.name, mu, _row_axes(mu, batched), stated.latent)
    notes = _notes("encoder", taken, side, stated)
    if log_var is None and stated.half.mu is None:
        notes += outputs_left(graph, taken, mu)
    return Plan("encoder", taken, outputs, side, latent, batch, batched, notes)


def _plan_decoder(graph: Graph, taken: Tensor, stated: Stated, probe: Probe) -> Plan:
    assert isinstance(stated.half, DecoderSpec)
    image = _named(graph, stated.half.output, frozenset()) or graph.outputs[0]
    batched = not _is_vector(taken)
    if batched and _lacks_batch(image, taken):
        image = replace(image, shape=(1, *image.shape))
    latent = latent_shape(graph.name, taken, _row_axes(taken, batched), stated.latent)
    batch = _fixed_batch(taken, image, batched)
    image = _known(image, taken, latent, (batched, batch, probe))
    side = _side(graph, image, stated, batched)
    notes = _notes("decoder", image, side, stated)
    return Plan("decoder", taken, (image.name,), side, latent, batch, batched, notes)


def _input(graph: Graph, name: str | None) -> Tensor:
    """Return the input of this name, or else the first."""
    for tensor in graph.inputs:
        if name in (None, tensor.name):
            return tensor
    raise _no_tensor(graph, "input", name or "", [tensor.name for tensor in graph.inputs])


def _named(graph: Graph, name: str | None, usual: frozenset[str]) -> Tensor | None:
    """Return the output of this name, or else the first of a usual one; none for no name."""
    for tensor in graph.outputs:
        if tensor.name == name or (name is None and canonical(tensor.name) in usual):
            return tensor
    if not name:
        return None
    raise _no_tensor(graph, "output", name, [tensor.name for tensor in graph.outputs])


def _is_vector(latent: Tensor) -> bool:
    return len(latent.shape) == 1 and latent.shape[0] is not None


def _lacks_batch(image: Tensor, taken: Tensor) -> bool:
    known = len(image.shape) == min(IMAGE_RANKS) and None not in image.shape
    return known and image.shape[0] != (taken.shape[0] or 1)


def _row_axes(tensor: Tensor, batched: bool) -> tuple[int | None, ...]:
    return tensor.shape[1:] if batched else tensor.shape


def _fixed_batch(taken: Tensor, given: Tensor, batched: bool) -> int | None:
    if not batched:
        return 1
    # Some exports free the batch of the input alone and have a reshape to one row inside.
    return next((t.shape[0] for t in (taken, given) if t.shape and t.shape[0]), None)


def _known(
    output: Tensor, taken: Tensor, row: Shape, how: tuple[bool, int | None, Probe]
) -> Tensor:
    """Return the output with all of its axes known, but for the batch."""
    batched, batch, probe = how
    if output.shape and None not in _row_axes(output, batched):
        return output
    rows = np.zeros((batch or 1, *row) if batched else row, taken.dtype)
    return replace(output, shape=probe(taken, rows, output.name))


def _side(graph: Graph, tensor: Tensor, stated: Stated, batched: bool) -> ImageSide:
    axes = _row_axes(tensor, batched)
    layout = stated.layout or sides.infer_layout(axes, stated.beside)
    image = stated.image or sides.shape_of_data(axes, layout, stated.data)
    where = f"{tensor} in {graph.name}"
    side = sides.resolve_side(axes, (layout, stated.range, tensor.dtype), image, where=where)
    return sides.finish_side(side, stated.half, where=where)


def _notes(role: Role, tensor: Tensor, side: ImageSide, stated: Stated) -> tuple[str, ...]:
    notes = []
    if stated.layout is None:
        notes.append(f"{role}: layout {side.layout} inferred from {tensor}")
    if stated.image is None and side.shape == stated.data:
        notes.append(f"{role}: images of {' x '.join(map(str, side.shape))}, as those of the data")
    if stated.range is None:
        low, high = side.range
        notes.append(f"{role}: values of {tensor.name} taken to be in [{low:g}, {high:g}]")
    return tuple(notes)


def _no_tensor(graph: Graph, kind: str, name: str, names: list[str]) -> ModelError:
    return ModelError(
        f"an {kind} {name!r} of {graph.name}", found=", ".join(map(repr, names)) or "none",
        next_step="correct model.toml",
    )  # fmt: skip
