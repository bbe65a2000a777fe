"""Further outputs of an encoder, and vectors of codes, as sources: ``STORE@z2``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.errors import OptionError, printable
from latent_analyze.runs.source_text import POSTERIOR
from latent_analyze.sources.codes import Codes
from latent_analyze.sources.views import (
    OutputSource,
    PosteriorSource,
    QuantizedSource,
    RelabeledSource,
    SubsetSource,
)
from latent_analyze.store import Store

if TYPE_CHECKING:
    from latent_analyze.models.spec import FurtherSpec
    from latent_analyze.sources.source import AnyArray, Source

LEAST_CODE = 2
"""Floats up to 1 that are whole numbers are no codes: binary coordinates look the same."""

VIEWS = (SubsetSource, RelabeledSource, PosteriorSource, OutputSource, QuantizedSource)
"""Sources that are other views of the rows of their base."""


def output_source(store: Source, name: str) -> OutputSource | QuantizedSource:
    """Return a further output of the encoder, in place of the mean, for ``STORE@NAME``.

    ``STORE@quantized`` of codes are their vectors, unless an output has that name.

    Raises
    ------
    OptionError
        If the source does not have it.
    """
    label = f"{store.label}@{name}"
    if not isinstance(store, Store):
        raise OptionError(
            f"a store for @{name}", found=f"{store.label}, which has no further outputs",
            next_step=f"leave @{name} out",
        )  # fmt: skip
    outputs = {output.name: output for output in store.spec.further}
    has_vectors = store.codes is not None and store.codes.vectors is not None
    if name in outputs:
        return OutputSource(store, name, label, _codes_in(store, outputs[name]))
    if name == QuantizedSource.name and has_vectors:
        return QuantizedSource(store, label)
    path = printable(str(store.path))
    more = [POSTERIOR] if "log_var" in store.fields else []
    more += [QuantizedSource.name] if has_vectors else []
    known = [path, *(f"{path}@{known}" for known in [*more, *outputs])]
    raise OptionError(
        f"an output that {store.label} has", found=repr(name), next_step=f"use {' or '.join(known)}"
    )


def output_source_of(source: Source) -> OutputSource | QuantizedSource | None:
    """Return the further output, or the vectors of codes, that a source is a view of, or None."""
    while isinstance(source, VIEWS):
        if isinstance(source, (OutputSource, QuantizedSource)):
            return source
        source = source.base
    return None


def output_name(source: Source) -> str:
    """Return the name of the further output that a source shows, or an empty text."""
    found = output_source_of(source)
    return "" if found is None else found.name


def _codes_in(store: Store, output: FurtherSpec) -> Codes | None:
    """Return what the whole numbers from 0 of an output name; None if it holds coordinates.

    Some files give them as floats.

    Raises
    ------
    OptionError
        If whole numbers are negative.
    """
    field, highest = f"output:{output.name}", 0
    least = 0 if output.dtype == "int64" else LEAST_CODE
    for number, block in enumerate(store.blocks()):
        values = store.read(block, frozenset({field})).outputs[output.name]
        is_whole = output.dtype == "int64" or _are_whole(values)
        if is_whole and output.dtype == "int64" and values.min() < 0:
            raise OptionError(
                f"codes, which are whole numbers from 0, in {store.label}@{output.name}",
                found=f"{values.min()}", next_step=f"analyze {printable(str(store.path))}",
            )  # fmt: skip
        if not is_whole or values.min() < 0 or (number == 0 and values.max() < least):
            return None
        highest = max(highest, int(values.max()))
    known = output.codes is not None and highest < output.codes
    return Codes(output.shape, max(output.codes or 0, highest + 1), known)


def _are_whole(values: AnyArray) -> bool:
    return bool(np.isfinite(values).all() and np.array_equal(values, np.rint(values)))
