"""What an engine works on: analyses with their frames, and what a sampled analysis may ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from latent_analyze.errors import AnalysisError
from latent_analyze.host.contracts import Progress, no_progress
from latent_analyze.models.labels import (
    NO_LABELS,
    Labels,
    decode,
    encode,
    stated_constants,
    taken_labels,
)
from latent_analyze.sources.seeding import derived_seed, keyed_rng, row_priority
from latent_analyze.sources.source import Z_ONLY, Batch, Source, common_rows, take_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.host.contracts import Analysis
    from latent_analyze.host.results import Frame
    from latent_analyze.models.spec import Latents, Model

POOL = 10_000
"""Rows of the reference whose labels are drawn for z-points that have none of their own."""


@dataclass(frozen=True)
class Task:
    """One analysis of a case: its key in the run, its instance with options, and its frame."""

    key: str
    analysis: Analysis
    frame: Frame


@dataclass(frozen=True)
class Failure:
    """An analysis that failed on a source; the others go on."""

    analysis: str
    source: str
    error: str
    traceback: str = ""


def _no_model() -> Model:
    raise AnalysisError(
        "a model", found="a source without one", next_step="encode a store, or give --model"
    )


def _no_images(rows: NDArray[np.int64]) -> NDArray[np.float32]:
    del rows
    raise AnalysisError("images behind the rows", found="a source without a data set")


@dataclass(frozen=True)
class CaseContext:
    """What a case offers to its analyses besides rows; `lacks` says why not, or is empty."""

    reference: Source
    open_model: Callable[[], Model] = _no_model
    read_images: Callable[[NDArray[np.int64]], NDArray[np.float32]] = _no_images
    seed: int = 0
    progress: Progress = no_progress
    others: tuple[Source, ...] = ()
    value_names: tuple[str, ...] = ()
    lacks: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def label_pool(self) -> Labels:
        """Labels that the model takes, of a sample of rows of the reference."""
        names = [
            n for n in taken_labels(self.open_model()) if f"label:{n}" in self.reference.fields
        ]
        fields = frozenset({"z", *(f"label:{name}" for name in names)})
        return self.reference.sample(POOL, self.seed, fields).labels if names else NO_LABELS


class RunContext:
    """The `Context` of one analysis on one source (see `latent_analyze.host.contracts.Context`)."""

    def __init__(self, source: Source, analysis: str, shared: CaseContext) -> None:
        self._source, self._shared = source, shared
        self.notes: list[str] = []
        # Without the source: the same choices for the same points in the stores of two runtimes,
        # and for a reference and the members of its ensemble.
        self.seed = derived_seed("context", shared.seed, analysis)

    @property
    def reference(self) -> Source:
        """The reference of the case."""
        return self._shared.reference

    @property
    def value_names(self) -> tuple[str, ...]:
        """Names of the values in a row of the reference's data set; empty without any."""
        return self._shared.value_names

    @property
    def model(self) -> Model:
        """The model of the reference, opened on first use."""
        return self._shared.open_model()

    def has(self, need: str) -> bool:
        """Whether the case has what an analysis may require."""
        return not self._shared.lacks.get(need, "unknown")

    @property
    def progress(self) -> Progress:
        """Called as progress(task, done, total)."""
        return self._shared.progress

    @cached_property
    def rng(self) -> np.random.Generator:
        """A generator of its own for this analysis, the same on every source."""
        return keyed_rng(self.seed, "context")

    def sample(self, n: int, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Return a seeded sample of the source, without replacement."""
        return self._source.sample(n, self._shared.seed, fields)

    def images(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Return the images behind rows of the source, which must be the reference."""
        if self._source.fingerprint != self._shared.reference.fingerprint:
            return _no_images(rows)
        return self._shared.read_images(rows)

    def model_labels(self, rows: NDArray[np.int64]) -> Labels:
        """Return the labels that the model takes for rows of the source: their own, or drawn."""
        names = taken_labels(self.model)
        own = [name for name in names if f"label:{name}" in self._source.fields]
        drawn = [name for name in self._shared.label_pool if name not in own] if names else []
        found: dict[str, NDArray[Any]] = {}
        if own and len(rows):
            fields = frozenset({"z", *(f"label:{name}" for name in own)})
            found |= take_rows(self._source, rows, fields).labels
            self._note(f"the model gets {_named(own)} of each row")
        if drawn:
            # One row for all labels of a z-point, and the same in any sample of the source.
            pool = {name: self._shared.label_pool[name] for name in drawn}
            picks = row_priority(rows, derived_seed("labels", self._shared.seed))
            found |= {name: v[picks % np.uint64(len(v))] for name, v in pool.items()}
            where = f"of random rows of {self.reference.label}, so in its shares"
            self._note(f"the model gets {_named(drawn)} {where}")
        return found

    def decode(self, z: NDArray[Any], labels: Labels = NO_LABELS) -> NDArray[np.float32]:
        """Decode z-points with those of the labels that the decoder takes."""
        self._note_constants("decoder", labels)
        return decode(self.model, z, labels)

    def encode(self, x: NDArray[np.float32], labels: Labels = NO_LABELS) -> Latents:
        """Encode rows with those of the labels that the encoder takes."""
        self._note_constants("encoder", labels)
        return encode(self.model, x, labels)

    def _note_constants(self, half: Literal["encoder", "decoder"], labels: Labels) -> None:
        """Note what the model gets for every row: as stated, or for want of a label."""
        for name, value in stated_constants(self.model, half).items():
            self._note(f"the model gets {name} = {value} for every row, as stated")
        spec = self.model.spec
        verb, names = ("encoded", spec.columns)
        if half == "decoder":
            verb, names = ("decoded", spec.decode_columns)
        left = [name for name in names if name not in labels]
        if left:
            self._note(f"{verb} with the model's constants for {', '.join(left)}")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def paired(self, n: int) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Return label of another case -> (z here, z there), rows of the same ids."""
        found = {}
        for other in self._shared.others:
            here, there = common_rows(self._source, other)
            if len(here):
                kept = np.sort(keyed_rng(self._shared.seed, "paired").permutation(len(here))[:n])
                found[other.label] = (
                    take_rows(self._source, here[kept]).z,
                    take_rows(other, there[kept]).z,
                )
        if not found:
            raise AnalysisError(
                "another case with rows of the same ids", found="none",
                next_step="give two stores of one data set",
            )  # fmt: skip
        return found


def _named(labels: list[str]) -> str:
    return f"the label{'s' if len(labels) > 1 else ''} {', '.join(labels)}"
