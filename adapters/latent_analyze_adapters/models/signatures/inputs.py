"""Which input of a file takes the data, and what the other inputs get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import EncoderSpec, ModelError
from latent_analyze_adapters.models.extra_inputs import LABEL_WORDS, are_whole, classes_of
from latent_analyze_adapters.models.image_tensor import file_shape
from latent_analyze_adapters.models.resolving import fit_axes
from latent_analyze_adapters.models.signatures.filled import Filled
from latent_analyze_adapters.models.signatures.names import LABELS, MASK, NOISE, ZERO, words
from latent_analyze_adapters.models.signatures.texts import (
    add_classes,
    fitting_texts,
    takes_number,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from latent_analyze.plugin import Layout, Sample
    from latent_analyze_adapters.models.graph import FreeShape, Graph, NetworkSpec, Role, Tensor

IMAGE_LAYOUTS: tuple[Layout, ...] = ("HWC", "CHW", "HW", "flat", "flat-CHW")
USUAL_LABELS = ("label", "labels", "y", "class", "digit", "target")


def main_input(graph: Graph, spec: NetworkSpec, sample: Sample) -> Tensor:
    """Return the input that takes the data: the stated one, of its name, or the first that fits."""
    names = {tensor.name: tensor for tensor in graph.inputs}
    if spec.input is not None:
        return stated_input(graph, spec.input)
    if sample.name in names:
        return names[sample.name]
    taken = sample.inputs.keys()
    fitting = [t for t in graph.inputs if t.name not in taken and layouts_of(t, sample)]
    plain = [t for t in fitting if not is_extra(t)]
    return next(iter([*plain, *fitting]), graph.inputs[0])


def stated_input(graph: Graph, name: str) -> Tensor:
    """Return the input of this name; raises ModelError if there is none."""
    for tensor in graph.inputs:
        if tensor.name == name:
            return tensor
    raise ModelError(
        f"the input {name!r} of {graph.name}",
        found=", ".join(repr(tensor.name) for tensor in graph.inputs),
        next_step="name one of these, or leave input out",
    )


def layouts_of(tensor: Tensor, sample: Sample) -> list[Layout]:
    """Return the layouts in which a tensor can hold rows of the data, likeliest first."""
    shape = tuple(sample.x.shape[1:])
    if sample.kind != "images":
        fits = fit_axes(tensor.shape[1:], shape) or fit_axes(tensor.shape, shape)
        return ["array"] if fits else []
    layouts = [n for n in IMAGE_LAYOUTS if not (shape[-1] == 1 and n == "flat-CHW")]
    found = [layout for layout in layouts if _holds(tensor.shape[1:], shape, layout)]
    # Without a batch axis all lengths are those of a row.
    alone = [] if None in tensor.shape else layouts
    return found or [layout for layout in alone if _holds(tensor.shape, shape, layout)]


def fill_others(graph: Graph, main: Tensor, spec: NetworkSpec, *, sample: Sample) -> Filled:
    """Return what the inputs besides the main one get.

    Raises
    ------
    ModelError
        If nothing says what one of them takes.
    """
    role: Role = "encoder" if isinstance(spec, EncoderSpec) else "decoder"
    filled = Filled(dict(spec.constants), dict(spec.columns), dict(spec.classes))
    for tensor in graph.inputs:
        name = tensor.name
        if name in (main.name, *spec.constants, *spec.columns):
            continue
        parts = set(words(name))
        if name in sample.inputs:
            filled.column(f"{role}.columns.{name}", name, "an array of this name")
            if parts & MASK:
                filled.constants[name] = 1
        elif parts & MASK and (array := _mask_of(tensor, sample)):
            filled.column(f"{role}.columns.{name}", array, "the only mask of the data")
            filled.constants[name] = 1
        elif parts & MASK:
            filled.constant(f"{role}.constants.{name}", 1, "a mask: nothing is masked")
        elif parts & NOISE:
            filled.constant(f"{role}.constants.{name}", 0, "noise: left out")
        elif label := _label_for(tensor, sample):
            filled.column(f"{role}.columns.{name}", label, "the label that fits")
        elif parts & ZERO and not _is_label_name(name):
            filled.constant(f"{role}.constants.{name}", 0, "its name")
        else:
            raise _unknown(role, graph, tensor, sample)
    for tensor in graph.inputs:
        if tensor.name in filled.columns and tensor.name not in filled.classes:
            add_classes(filled, role, tensor, sample)
    return filled


def _unknown(role: Role, graph: Graph, tensor: Tensor, sample: Sample) -> ModelError:
    has = ", ".join(map(repr, sample.columns)) or "none"
    article = "an" if role == "encoder" else "a"
    return ModelError(
        f"what the input {tensor} of {graph.name}, {article} {role}, takes",
        found=f"no label or array of the data that fits it (the data have: {has})",
        next_step=f"add --signature {role}.columns.{tensor.name}=LABEL for a label of the data, or "
        f"--signature {role}.constants.{tensor.name}=0 for one value",
    )


def _holds(axes: FreeShape, shape: tuple[int, ...], layout: Layout) -> bool:
    wanted = file_shape(shape, layout)
    if layout == "HW" and shape[2] != 1:
        return False
    return len(axes) == len(wanted) and all(
        a in (None, b) for a, b in zip(axes, wanted, strict=True)
    )


def _mask_of(tensor: Tensor, sample: Sample) -> str | None:
    """Return the only array of the data that its name says to be a mask, if it fits."""
    named = [name for name in sample.inputs if set(words(name)) & MASK]
    if len(named) != 1 or sample.inputs[named[0]].ndim != len(tensor.shape):
        return None
    return named[0]


def _label_for(tensor: Tensor, sample: Sample) -> str | None:
    """Return the label that an input may take: of its name, of a usual name, or the only one.

    Numbers come before texts.
    """
    numbers = [name for name, values in sample.labels.items() if _fits(tensor, values)]
    texts = fitting_texts(tensor, sample)
    if tensor.name in (*numbers, *texts):
        return tensor.name
    if not (_is_label_name(tensor.name) or classes_of(tensor)):
        return None
    for fitting in (numbers, texts):
        usual = [name for name in USUAL_LABELS if name in fitting]
        if usual or len(fitting) == 1:
            return [*usual, *fitting][0]
    return None


def _fits(tensor: Tensor, values: NDArray[np.generic]) -> bool:
    """Whether labels are numbers that an input can take, as an index or one-hot."""
    if values.ndim != 1 or not len(values) or not are_whole(values):
        return False
    classes = classes_of(tensor)
    if classes:
        return bool(values.min() >= 0 and values.max() < classes)
    return takes_number(tensor)


def _is_label_name(name: str) -> bool:
    return any(word in name.lower() for word in LABEL_WORDS) or name.lower() in LABELS


def is_extra(tensor: Tensor) -> bool:
    """Whether the name of an input says that it does not take the data."""
    parts: Iterable[str] = set(words(tensor.name))
    return bool(set(parts) & (MASK | NOISE | ZERO)) or _is_label_name(tensor.name)
