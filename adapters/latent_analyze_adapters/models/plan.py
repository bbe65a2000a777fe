"""How to call an encoder or decoder: its inputs, outputs and layout, stated or inferred."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import DecoderSpec, EncoderSpec, FurtherSpec, ModelError
from latent_analyze_adapters.models import resolving as images
from latent_analyze_adapters.models.axes import halved, is_batched, is_vector, lacks_batch
from latent_analyze_adapters.models.extra_inputs import ExtraInput, find_extra_inputs
from latent_analyze_adapters.models.further import further_specs, is_code
from latent_analyze_adapters.models.graph import (
    FreeShape,
    Graph,
    Role,
    Shape,
    Tensor,
    canonical,
)
from latent_analyze_adapters.models.image_tensor import ImageTensor
from latent_analyze_adapters.models.latents import latent_shape, note_ambiguous_outputs
from latent_analyze_adapters.models.settings import Settings
from latent_analyze_adapters.models.signatures.names import LOG_VAR_NAMES, MU_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Plan:
    """How to call an encoder or decoder.

    Attributes
    ----------
    role
        Which of the two it is.
    input
        The input.
    outputs
        Which outputs to fetch: mu and perhaps log_var, or the image.
    image
        The image tensor: the input of an encoder, the output of a decoder.
    latent
        Shape of a z-point in the file.
    batch
        Rows per call if the file fixes them, else None.
    batched
        Whether the file has a batch axis at all.
    notes
        What was inferred, for people.
    extra_inputs
        The other inputs, with the values that model.toml states.
    repeated
        Whether each row is run alone, in a fixed batch filled with copies of it.
    whole
        Shape of the output of an encoder that holds mean and spread, one after the other; else ().
    given, axes
        Shape of a z-point, and the order in which a decoder takes its axes; () if it is the same.
    further
        Further outputs of an encoder to fetch as well.
    has_codes
        Whether z-points are codes: whole numbers, no coordinates.
    """

    role: Role
    input: Tensor
    outputs: tuple[str, ...]
    image: ImageTensor
    latent: Shape
    batch: int | None
    batched: bool
    notes: tuple[str, ...]
    extra_inputs: tuple[ExtraInput, ...] = ()
    repeated: bool = False
    whole: Shape = ()
    given: Shape = ()
    axes: Shape = ()
    further: tuple[FurtherSpec, ...] = ()
    has_codes: bool = False

    @property
    def dim(self) -> int:
        """Latent dimensions, flattened."""
        return math.prod(self.latent)

    @property
    def is_variational(self) -> bool:
        """Whether an encoder gives the spread of the posterior as well."""
        return len(self.outputs) == 2 or bool(self.whole)

    @property
    def output_size(self) -> int:
        """Values per row of an output."""
        row = (self.whole or self.latent) if self.role == "encoder" else self.image.file_shape
        return math.prod(row)

    @property
    def forms(self) -> dict[str, tuple[int, str]]:
        """Name of each output to fetch -> its values per row, and the dtype."""
        dtype = "int64" if self.has_codes else "float32"
        found = dict.fromkeys(self.outputs, (self.output_size, dtype))
        return {**found, **{f.name: (f.size, f.dtype) for f in self.further if f.name not in found}}


Probe = Callable[[Tensor, "NDArray[np.number]", str], Shape]
"""Runs a graph on one batch for an input; returns the shape of the output with a given name."""


def make_plan(graph: Graph, settings: Settings, probe: Probe) -> Plan:
    """Decide how to call an encoder or decoder.

    Parameters
    ----------
    graph
        Its inputs and outputs.
    settings
        What model.toml states; the rest is inferred.
    probe
        Runs the graph once if it does not declare the shape of its output.

    Raises
    ------
    ModelError
        If the settings do not fit the graph, or something cannot be inferred.
    """
    input_tensor = _find_input(graph, settings.spec.input)
    extra_inputs = find_extra_inputs(graph, input_tensor, settings.spec)
    plan_role = _plan_encoder if isinstance(settings.spec, EncoderSpec) else _plan_decoder
    plan = plan_role(graph, input_tensor, settings, probe)
    notes = tuple(
        f"{plan.role}: {extra.tensor.name!r} takes {extra.column!r} of the data; where there is "
        f"none, {', '.join(f'{v:g}' for v in extra.value)}"
        for extra in extra_inputs
        if extra.column is not None
    )
    plan = replace(plan, extra_inputs=extra_inputs, notes=(*plan.notes, *notes))
    return replace(plan, batch=plan.batch or settings.spec.batch)


def _plan_encoder(graph: Graph, input_tensor: Tensor, settings: Settings, probe: Probe) -> Plan:
    assert isinstance(settings.spec, EncoderSpec)
    log_var = _find_output(graph, settings.spec.log_var, LOG_VAR_NAMES)
    rest = [t for t in graph.outputs if t != log_var]
    mu = _find_output(graph, settings.spec.mu, MU_NAMES) or (rest or list(graph.outputs))[0]
    batched = is_batched(input_tensor, mu, settings.layout, settings.image)
    if batched and is_vector(mu):
        mu = replace(mu, shape=(1, *mu.shape))
    image = _resolve_image(graph, input_tensor, settings, batched)
    batch = _fixed_batch(input_tensor, mu, batched)
    how = (batched, batch, probe)
    mu = _with_known_shape(mu, input_tensor, image.file_shape, how)
    outputs = (mu.name,) if log_var is None else (mu.name, log_var.name)
    axes = _row_axes(mu, batched)
    whole: Shape = ()
    if settings.spec.halves_axis is not None:
        axes, whole = halved(graph, mu, axes, settings.spec.halves_axis)
    latent = latent_shape(graph.name, mu, axes, settings.latent)
    notes = _notes("encoder", input_tensor, image, settings)
    if log_var is None and settings.spec.mu is None:
        notes += note_ambiguous_outputs(graph, input_tensor, mu)

    def row_of(output: Tensor) -> Shape:
        known = _with_known_shape(output, input_tensor, image.file_shape, how)
        return tuple(n or 1 for n in _row_axes(known, batched))

    return Plan(
        "encoder", input_tensor, outputs, image, latent, batch, batched, notes, whole=whole,
        further=further_specs(graph, settings.spec, row_of),
        has_codes=is_code(graph, settings.spec, mu),
    )  # fmt: skip


def _plan_decoder(graph: Graph, input_tensor: Tensor, settings: Settings, probe: Probe) -> Plan:
    assert isinstance(settings.spec, DecoderSpec)
    output = _find_output(graph, settings.spec.output, frozenset()) or graph.outputs[0]
    batched = not is_vector(input_tensor)
    if batched and lacks_batch(output, input_tensor, settings.layout, settings.image):
        output = replace(output, shape=(1, *output.shape))
    axes, order = _row_axes(input_tensor, batched), settings.spec.latent_axes or ()
    latent = latent_shape(graph.name, input_tensor, axes, settings.taken)
    batch = _fixed_batch(input_tensor, output, batched)
    output = _with_known_shape(output, input_tensor, latent, (batched, batch, probe))
    image = _resolve_image(graph, output, settings, batched)
    notes = _notes("decoder", output, image, settings)
    return Plan(
        "decoder", input_tensor, (output.name,), image, latent, batch, batched, notes,
        given=(settings.latent or ()) if order else (), axes=order,
    )  # fmt: skip


def _find_input(graph: Graph, name: str | None) -> Tensor:
    """Return the input with this name, or the first one."""
    for tensor in graph.inputs:
        if name in (None, tensor.name):
            return tensor
    raise _no_tensor(graph, "input", name or "", [tensor.name for tensor in graph.inputs])


def _find_output(graph: Graph, name: str | None, usual: frozenset[str]) -> Tensor | None:
    """Return the output with this name or, if no name is given, the first with a usual one."""
    for tensor in graph.outputs:
        if tensor.name == name or (name is None and canonical(tensor.name) in usual):
            return tensor
    if not name:
        return None
    raise _no_tensor(graph, "output", name, [tensor.name for tensor in graph.outputs])


def _row_axes(tensor: Tensor, batched: bool) -> FreeShape:
    return tensor.shape[1:] if batched else tensor.shape


def _fixed_batch(input_tensor: Tensor, output: Tensor, batched: bool) -> int | None:
    if not batched:
        return 1
    # Some exports free the batch of the input only, but reshape to one row inside.
    return next((t.shape[0] for t in (input_tensor, output) if t.shape and t.shape[0]), None)


def _with_known_shape(
    output: Tensor, input_tensor: Tensor, row: Shape, how: tuple[bool, int | None, Probe]
) -> Tensor:
    """Return the output with the lengths of all axes but the batch, probing the graph if needed."""
    batched, batch, probe = how
    if output.shape and None not in _row_axes(output, batched):
        return output
    rows = np.zeros((batch or 1, *row) if batched else row, input_tensor.dtype)
    return replace(output, shape=probe(input_tensor, rows, output.name))


def _resolve_image(graph: Graph, tensor: Tensor, settings: Settings, batched: bool) -> ImageTensor:
    axes = _row_axes(tensor, batched)
    layout = settings.layout or images.infer_layout(axes, settings.encoder_layout)
    shape = settings.image or images.shape_from_data(axes, layout, settings.data)
    where = f"{tensor} in {graph.name}"
    color = settings.spec.color if isinstance(settings.spec, DecoderSpec) else None
    form = (layout, settings.range, tensor.dtype, color)
    image = images.resolve_image(axes, form, shape, where=where)
    return images.add_preprocessing(image, settings.spec, where=where)


def _notes(role: Role, tensor: Tensor, image: ImageTensor, settings: Settings) -> tuple[str, ...]:
    notes = []
    if settings.layout is None:
        how = "inferred" if images.shows_layout(image) else "assumed"
        notes.append(f"{role}: layout {image.layout} {how} from {tensor}")
    if settings.image is None and image.shape == settings.data:
        size = " x ".join(map(str, image.shape))
        notes.append(f"{role}: image shape {size} taken from the data")
    if settings.range is None:
        low, high = image.range
        notes.append(f"{role}: values of {tensor.name} assumed to be in [{low:g}, {high:g}]")
    return tuple(notes)


def _no_tensor(graph: Graph, kind: str, name: str, names: list[str]) -> ModelError:
    return ModelError(
        f"an {kind} {name!r} of {graph.name}", found=", ".join(map(repr, names)) or "none",
        next_step="name one of these",
    )  # fmt: skip
