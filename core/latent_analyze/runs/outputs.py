"""Further outputs of an encoder as sources of their own: ``STORE@z2``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.errors import OptionError, printable
from latent_analyze.runs.source_text import POSTERIOR
from latent_analyze.sources.views import (
    OutputSource,
    PosteriorSource,
    RelabeledSource,
    SubsetSource,
)
from latent_analyze.store import Store

if TYPE_CHECKING:
    from latent_analyze.sources.source import Source

VIEWS = (SubsetSource, RelabeledSource, PosteriorSource, OutputSource)
"""Sources that are other views of the rows of their base."""


def output_source(store: Source, name: str) -> OutputSource:
    """Return a further output of the encoder, in place of the mean, for ``STORE@NAME``.

    Raises
    ------
    OptionError
        If the source does not have it, or it holds codes.
    """
    label = f"{store.label}@{name}"
    if not isinstance(store, Store):
        raise OptionError(
            f"a store for @{name}", found=f"{store.label}, which has no further outputs",
            next_step=f"leave @{name} out",
        )  # fmt: skip
    outputs, path = store.spec.further, printable(str(store.path))
    if name not in [output.name for output in outputs]:
        more = [POSTERIOR] if "log_var" in store.fields else []
        known = [path, *(f"{path}@{known}" for known in [*more, *(o.name for o in outputs)])]
        raise OptionError(
            f"an output that {store.label} has", found=repr(name),
            next_step=f"use {' or '.join(known)}",
        )  # fmt: skip
    if _is_codes(store, name):
        known = [f"{path}@{o.name}" for o in outputs if not _is_codes(store, o.name)]
        raise OptionError(
            "z-points that are coordinates",
            found=f"whole numbers in {label}: they name codes, which have no distances, so no "
            "radius or axes",
            next_step=f"analyze {' or '.join([path, *known])}",
        )
    return OutputSource(store, name, label)


def output_name(source: Source) -> str:
    """Return the name of the further output that a source shows, or an empty text."""
    while isinstance(source, VIEWS):
        if isinstance(source, OutputSource):
            return source.name
        source = source.base
    return ""


def _is_codes(store: Store, name: str) -> bool:
    """Whether an output holds whole numbers from 0: some files give them as floats."""
    batch = store.read(store.blocks()[0], frozenset({f"output:{name}"}))
    values = batch.outputs[name]
    if values.dtype.kind == "i":
        return True
    finite = values[np.isfinite(values)]
    whole = np.array_equal(finite, np.rint(finite))
    return bool(whole and finite.min(initial=0) >= 0 and finite.max(initial=0) >= 2)
