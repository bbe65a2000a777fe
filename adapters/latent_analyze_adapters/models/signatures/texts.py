"""Labels of texts as the classes of a model: which text is class 0, 1, ..."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from latent_analyze.plugin import Choice, ModelError
from latent_analyze_adapters.models.extra_inputs import classes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latent_analyze.plugin import Sample
    from latent_analyze_adapters.models.graph import Role, Tensor
    from latent_analyze_adapters.models.signatures.filled import Filled

MOST = 1000
"""A label with more texts names rows, not classes."""

SHOWN = 12


def fitting_texts(tensor: Tensor, sample: Sample) -> list[str]:
    """Return the labels of texts that an input may take, those with its number of classes first."""
    wanted = classes_of(tensor)
    if not wanted and not takes_number(tensor):
        return []
    names = [n for n in sample.labels if n != "split" and is_text(sample, n)]
    counts = {name: len(texts_of(sample, name)) for name in names}
    equal = [name for name, count in counts.items() if count == wanted]
    return equal or [name for name, count in counts.items() if count <= MOST]


def takes_number(tensor: Tensor) -> bool:
    """Whether an input takes one number per row."""
    return all(length in (1, None) for length in tensor.shape[1:])


def is_text(sample: Sample, label: str) -> bool:
    """Whether a label holds texts."""
    return label in sample.labels and sample.labels[label].dtype.kind not in "iufb"


def texts_of(sample: Sample, label: str) -> list[str]:
    """Return the different texts of a label over all rows, sorted."""
    if sample.classes is not None:
        return list(sample.classes(label))
    return sorted(set(map(str, sample.labels[label].tolist())) - {""})


def add_classes(filled: Filled, role: Role, tensor: Tensor, sample: Sample) -> None:
    """Add the classes of an input that gets a label of texts, in sorted order.

    Raises
    ------
    ModelError
        If there are more or fewer texts than the input has classes.
    """
    label = filled.columns[tensor.name]
    if not is_text(sample, label):
        return
    texts, wanted = texts_of(sample, label), classes_of(tensor)
    key = f"classes.{tensor.name}"
    if wanted and len(texts) != wanted:
        order = json.dumps([*texts[:2], "..."])
        raise ModelError(
            f"{wanted} different texts in the label {label!r}, the classes of the input {tensor}",
            found=f"{len(texts)}: {_listed(texts)}",
            next_step=f"name all {wanted} in the order of the model: --signature '{key}={order}', "
            f"or another label: --signature columns.{tensor.name}=LABEL",
        )
    filled.classes[tensor.name] = texts
    value = ", ".join(f"{text} = {number}" for number, text in enumerate(texts[:SHOWN]))
    more = ", ..." if len(texts) > SHOWN else ""
    why = f"the texts of {label!r}, sorted; if the model has another order, add --signature "
    filled.choices.append(
        Choice(
            key=f"{role}.{key}", value=value + more, known="assumed",
            why=f"{why}'{key}={json.dumps(texts[:SHOWN][::-1])}'" if len(texts) <= SHOWN
            else f"{why}'{key}=[...]'",
        )
    )  # fmt: skip


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(texts[:SHOWN]) + (", ..." if len(texts) > SHOWN else "")
