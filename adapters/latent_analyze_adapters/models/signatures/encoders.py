"""Opens the encoder of a trial, and runs it on the rows in every way that fits them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import Choice, EncoderSpec, ModelError
from latent_analyze_adapters.models.image_tensor import CHANNELS
from latent_analyze_adapters.models.messages import CORRECT
from latent_analyze_adapters.models.opening import open_network, row_shape_of
from latent_analyze_adapters.models.resolving import infer_layout
from latent_analyze_adapters.models.settings import Settings
from latent_analyze_adapters.models.signatures.inputs import (
    IMAGE_LAYOUTS,
    fill_others,
    layouts_of,
    main_input,
)
from latent_analyze_adapters.models.signatures.runs import Half, run_outputs, some_rows
from latent_analyze_adapters.models.signatures.values import Scaling, scalings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from latent_analyze.plugin import Layout, Sample
    from latent_analyze_adapters.models.configs import FolderConfig
    from latent_analyze_adapters.models.graph import FreeShape, Graph, Shape, Tensor
    from latent_analyze_adapters.models.session import Facts
    from latent_analyze_adapters.models.session_cache import SessionCache
    from latent_analyze_adapters.models.signatures.outputs import Outputs

LISTED = 8
"""Columns that a message names."""

DRAWN = 1e-4
"""Two runs of an output that is not random differ by at most this many standard deviations."""


class MisfitError(ModelError):
    """The rows of the data do not fit the input in this layout."""


@dataclass(frozen=True, eq=False)
class OpenEncoder:
    """An encoder in one layout, with what its further inputs get and how that is known."""

    half: Half
    spec: EncoderSpec
    layout: Layout
    choices: tuple[Choice, ...]

    @property
    def output_names(self) -> tuple[str, ...]:
        """All outputs of the session."""
        return tuple(tensor.name for tensor in self.half.session.graph.outputs)

    def run(self, sample: Sample, part: slice, scaling: Scaling) -> Outputs:
        """Return all outputs for some rows of the data."""
        plan = self.half.network.plan
        rows = scaling.applied_to(plan.image).to_file(sample.x[part])
        columns = some_rows(sample.columns, part)
        return run_outputs(self.half.session, plan, self.output_names, rows=rows, columns=columns)


def open_encoders(
    cache: SessionCache, spec: EncoderSpec, sample: Sample, stated_shape: Shape | None = None
) -> list[OpenEncoder]:
    """Return the encoder in every layout that fits the data, the likeliest first.

    Raises
    ------
    ModelError
        What keeps the encoder from taking the data.
    """
    found: list[OpenEncoder] = []
    errors: list[ModelError] = []
    require_shape(stated_shape, sample)
    for layout in _layouts(cache, spec, sample):
        try:
            found.append(_open(cache, spec.model_copy(update={"layout": layout}), sample))
        except MisfitError as error:
            errors.append(error)
        except ModelError as error:
            # What is wrong in a layout that fits says more than that others do not fit.
            errors.insert(0, error)
    if not found:
        raise errors[0]
    return found


def rows_for(cache: SessionCache, spec: EncoderSpec, sample: Sample) -> Sample:
    """Return the rows without values that the encoder takes as inputs of their own.

    These are the columns of a table that are stated, or called like one of several inputs.
    """
    sample = sample.without([*spec.columns.values()])
    if not sample.value_names:
        return sample
    graph = cache.session(cache.file(spec), spec, tuple(sample.x.shape[1:])).graph
    named = [t.name for t in graph.inputs if t.name in sample.value_names]
    if len(graph.inputs) == 1 or not named:
        return sample
    # Where every column is an input, one of them holds the rows.
    main = spec.input if spec.input in named else named[0]
    others = [name for name in named if name != main]
    return sample.without(others if set(named) == set(sample.value_names) else named)


def scalings_for(
    encoder: OpenEncoder,
    stated: EncoderSpec,
    sample: Sample,
    *,
    facts: Facts,
    config: FolderConfig,
) -> list[Scaling]:
    """Return how the values of the data may go in: as stated, as the graph shows, or any way.

    What a file next to the model states comes first.
    """
    if stated.model_fields_set & {"range", "mean", "std"}:
        return [Scaling(stated.range, stated.mean, stated.std, text="values as stated")]
    every = scalings(sample, encoder.half.network.plan.input.dtype, config.values)
    if facts.input_range is None or sample.kind != "images":
        return every
    low, high = facts.input_range
    return [Scaling(facts.input_range, text=f"values in [{low:g}, {high:g}]")]


def drawn_outputs(first: Outputs, again: Outputs) -> set[str]:
    """Return the outputs that differ between two runs on the same rows."""
    return {
        name
        for name, values in again.items()
        if values.dtype.kind in "fiu" and name in first and _differ(values, first[name])
    }


def _differ(first: NDArray[np.generic], second: NDArray[np.generic]) -> bool:
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    with np.errstate(all="ignore"):
        return bool(np.abs(a - b).max(initial=0) > DRAWN * max(b.std(), 1e-12))


def _layouts(cache: SessionCache, spec: EncoderSpec, sample: Sample) -> list[Layout]:
    if "layout" in spec.model_fields_set and (spec.layout == "array") == (sample.kind != "images"):
        return [spec.layout]
    if sample.kind != "images":
        return ["array"]
    first = cache.opener.default_layout
    return sorted(IMAGE_LAYOUTS, key=lambda layout: layout != first)


def _open(cache: SessionCache, spec: EncoderSpec, sample: Sample) -> OpenEncoder:
    shape = tuple(sample.x.shape[1:])
    settings = Settings(spec, image=shape)
    file = cache.file(spec)
    row_shape = row_shape_of(settings, cache.opener.default_layout)
    graph = cache.session(file, spec, row_shape).graph
    main = main_input(graph, spec, sample)
    if spec.layout not in layouts_of(main, sample):
        raise _misfit(graph, main, spec, sample)
    filled = fill_others(graph, main, spec, sample=sample)
    changes = {"input": main.name, **filled.changes}
    changed = spec.model_copy(update=changes)
    if spec.mu is None:
        named = changed.model_copy(update={"mu": _any_output(graph), "log_var": ""})
    else:
        named = changed
    network = open_network(cache, "encoder", Settings(named, image=shape))
    session = cache.session(network.file, network.spec, network.row_shape)
    return OpenEncoder(Half(network, session), changed, spec.layout, tuple(filled.choices))


def _any_output(graph: Graph) -> str:
    floats = [t.name for t in graph.outputs if t.dtype.startswith("float")]
    return next(iter(floats), graph.outputs[0].name)


def require_shape(stated: Shape | None, sample: Sample) -> None:
    """Raise ModelError if rows cannot have the ``image_shape`` that is stated."""
    if stated is not None and math.prod(stated) != math.prod(sample.x.shape[1:]):
        shape = list(sample.x.shape[1:])
        raise MisfitError(
            f"rows of the stated image_shape {list(stated)}", found=f"rows of shape {shape}",
            next_step=_resized(stated, sample) if sample.kind == "images" and len(stated) == 3
            else "give rows of that shape",
        )  # fmt: skip


def _misfit(graph: Graph, main: Tensor, spec: EncoderSpec, sample: Sample) -> MisfitError:
    shape = " x ".join(map(str, sample.x.shape[1:]))
    inputs = ", ".join(map(str, graph.inputs))
    advice = "save the data with the axes in the order of the model (numpy.moveaxis)"
    if sample.value_names:
        advice = _about_columns(sample)
    elif "layout" in spec.model_fields_set and layouts_of(main, sample):
        advice = CORRECT
    elif sample.kind == "images":
        advice = _resized(_image_of(main.shape[1:]), sample)
    return MisfitError(
        f"rows that {graph.name} takes, {main if len(graph.inputs) == 1 else inputs}",
        found=f"rows of {shape}",
        next_step=advice,
    )  # fmt: skip


def _image_of(axes: FreeShape) -> FreeShape:
    """Return height, width and channels of the images that an input with these axes takes."""
    if not axes:
        return (None, None, None)
    if len(axes) == 1:
        size = axes[0] or 0
        sides = ((math.isqrt(size // channels), channels) for channels in CHANNELS)
        found = [(n, n, channels) for n, channels in sides if n * n * channels == size]
        return found[0] if found else (None, None, None)
    if len(axes) == 3 and infer_layout(axes) == "CHW":
        return (axes[1], axes[2], axes[0])
    return (*axes, 1)[:3]


def _resized(wanted: FreeShape, sample: Sample) -> str:
    """Return how to get images of the size or the channels that a model takes."""
    height, width, channels = wanted
    if None not in (height, width) and (height, width) != sample.x.shape[1:3]:
        size = height if height == width else f"[{height},{width}]"
        return (
            "change them with the options resize= and crop= of the data set, as in "
            f"'DATA:resize={size}'"
        )
    if channels not in (None, sample.x.shape[3]):
        color = "color=gray" if channels == 1 else "color=rgb"
        return f"read a folder of images as 'DATA:{color}', or convert an array"
    return "change them with the options resize= and crop= of the data set"


def _about_columns(sample: Sample) -> str:
    """Return which columns of a table are the rows, and how to choose others."""
    numbers = [name for name, values in sample.labels.items() if values.dtype.kind in "iub"]
    texts = [f"the rows hold {_listed(sample.value_names)}"]
    texts += [f"labels are {_listed(numbers)}"] if numbers else []
    return f"{', '.join(texts)}; name what the model takes, in its order: DATA:vectors=[a,b,c]"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" * (len(names) > LISTED))
