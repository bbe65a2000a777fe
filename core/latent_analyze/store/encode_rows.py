"""Encodes the rows of a data set: one thread reads ahead while another encodes."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from latent_analyze.errors import DatasetError, ModelError
from latent_analyze.models.labels import encode
from latent_analyze.models.spec import Latents
from latent_analyze.sources.source import AnyArray
from latent_analyze.store.schema import output_arrays
from latent_analyze.store.thumbnails import make_thumbnails

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from latent_analyze.host.contracts import Dataset, Items, Progress
    from latent_analyze.models.spec import Model, ModelSpec
    from latent_analyze.store import LabelSpec, StoreSchema

LISTED = 3
"""Rows that an error names."""

READ_AHEAD = 2
"""Batches read from the data set while one is being encoded."""

Rows = dict[str, AnyArray]
"""Name of an array in the store -> values, one per row."""


@dataclass(frozen=True)
class _LoadedBatch:
    """A batch of the data set, as the reading thread returns it."""

    start: int
    items: Items
    thumbnails: NDArray[np.uint8] | None


class Pipeline:
    """Encodes a data set batch by batch; a second thread reads the next batches."""

    def __init__(
        self, model: Model, dataset: Dataset, schema: StoreSchema, progress: Progress
    ) -> None:
        self.model, self.dataset, self.schema, self.progress = model, dataset, schema, progress

    def rows(self, first: int) -> Generator[Rows, None, None]:
        """Yield the rows to save, starting at row `first` of the data set.

        Batches always start at multiples of the batch size, even if `first` does not: the last bits
        of an encoder's output may depend on the other rows in the batch.
        """
        with closing(self._load_ahead(first)) as loaded:
            for batch in loaded:
                latents = self._encode(batch.items)
                keep = self._rows_to_keep(latents, batch)
                keep[: max(first - batch.start, 0)] = False
                done = batch.start + len(keep)
                yield {k: v[keep] for k, v in self._columns(batch, latents).items()}
                self.progress("encode", done, self.dataset.count)

    def _load_ahead(self, first: int) -> Generator[_LoadedBatch, None, None]:
        size, pending = self.schema.encode.batch, deque["Future[_LoadedBatch]"]()
        with ThreadPoolExecutor(1, thread_name_prefix="latent-analyze-read") as pool:
            try:
                for start in range(first - first % size, self.dataset.count, size):
                    pending.append(pool.submit(self._load, start))
                    if len(pending) > READ_AHEAD:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _load(self, start: int) -> _LoadedBatch:
        stop = min(start + self.schema.encode.batch, self.dataset.count)
        items = self.dataset.read(np.arange(start, stop))
        expected = (stop - start, *self.dataset.item.shape)
        lengths = {len(items.ids), *(len(values) for values in items.labels.values())}
        if items.x.shape != expected or lengths != {stop - start}:
            raise DatasetError(
                f"rows {start} to {stop} of {self.dataset.name} as an array {expected}",
                found=f"shape {items.x.shape}, {len(items.ids)} ids",
            )
        shape = self.schema.encode.thumbnail
        thumbnails = None if shape is None else make_thumbnails(items.x, shape)
        return _LoadedBatch(start, items, thumbnails)

    def _encode(self, items: Items) -> Latents:
        spec = self.model.spec
        latents = encode(self.model, items.x, items.columns(spec.columns))
        shapes = [None if part is None else part.shape for part in latents[:2]]
        expected = (len(items.x), spec.dim)
        if shapes != [expected, expected if spec.variational else None]:
            raise ModelError(
                f"mu{' and log_var' if spec.variational else ' alone'} of shape {expected} "
                f"from {spec.name}",
                found=f"shapes {shapes}",
                next_step="run: latent-analyze inspect MODEL --data DATA",
            )
        log_var = None if latents.log_var is None else np.asarray(latents.log_var, np.float32)
        further = _further(latents, spec)
        if spec.has_codes:
            return Latents(_codes(latents.mu, spec), log_var, further)
        return Latents(np.asarray(latents.mu, np.float32), log_var, further)

    def _rows_to_keep(self, latents: Latents, batch: _LoadedBatch) -> NDArray[np.bool_]:
        """Return a mask of the finite rows; raises ModelError if NaN and infinity are refused.

        Further outputs decide nothing: what is kept of the others does not depend on them.
        """
        keep = np.ones(len(latents.mu), np.bool_)
        for part in latents[:2]:
            if part is not None:
                keep &= np.isfinite(part).all(axis=1)
        bad = np.flatnonzero(~keep)
        if len(bad) and self.schema.encode.nonfinite == "refuse":
            raise self._not_finite(bad, batch)
        return keep

    def _not_finite(self, bad: NDArray[np.int64], batch: _LoadedBatch) -> ModelError:
        """Return the error for rows whose latents are not finite, which names the first of them."""
        x, last = batch.items.x, batch.start + len(batch.items.x) - 1
        ids = ", ".join(repr(str(batch.items.ids[i])) for i in bad[:LISTED])
        found = f"NaN or infinity in {len(bad)} of the rows {batch.start} to {last}: {ids}"
        found += ", ..." if len(bad) > LISTED else ""
        in_data = not any(np.isfinite(x[i]).all() for i in bad)
        return ModelError(
            f"finite latents from {self.model.spec.name}",
            found=f"{found}{', where the data have such values' if in_data else ''}",
            next_step=f"{'repair these rows' if in_data else 'check the model and these rows'}, or "
            "drop such rows: --nonfinite drop",
        )

    def _columns(self, batch: _LoadedBatch, latents: Latents) -> Rows:
        items = batch.items
        columns: Rows = {
            self.model.spec.latent_array: latents.mu,
            "id": np.asarray(items.ids, np.object_),
            "row": np.arange(batch.start, batch.start + len(items.x)),
        }
        if latents.log_var is not None:
            columns["log_var"] = latents.log_var
        for name, array in output_arrays(latents.further or {}).items():
            columns[array] = (latents.further or {})[name]
        if batch.thumbnails is not None:
            columns["thumbnail"] = batch.thumbnails
        for label in self.schema.dataset.labels:
            columns[label.array] = _label_values(label, items.labels)
        return columns


def _codes(values: AnyArray, spec: ModelSpec) -> AnyArray:
    """Return codes as int64; raises ModelError if they are no whole numbers of the codebook."""
    known = spec.codes or 0
    whole = values.dtype.kind in "iu"
    if not whole or values.min() < 0 or (known and values.max() >= known):
        raise ModelError(
            f"codes from {spec.name}: whole numbers from 0" + (f" to {known - 1}" if known else ""),
            found=f"{values.dtype}, {values.min():g} to {values.max():g}",
            next_step="check the model, or what is stated as --signature encoder.codes",
        )  # fmt: skip
    return np.asarray(values, np.int64)


def _further(latents: Latents, spec: ModelSpec) -> dict[str, AnyArray]:
    """Return the further outputs that a spec lists, (n, values) each; raises ModelError."""
    given, found = latents.further or {}, dict[str, AnyArray]()
    for output in spec.further:
        expected = (len(latents.mu), output.size)
        shape = np.shape(given[output.name]) if output.name in given else None
        if shape != expected:
            raise ModelError(
                f"the further output {output.name!r} of shape {expected} from {spec.name}",
                found="none" if shape is None else f"shape {shape}",
            )
        found[output.name] = np.asarray(given[output.name], output.dtype)
    return found


def _label_values(label: LabelSpec, labels: Mapping[str, AnyArray]) -> AnyArray:
    if label_dtype(label.name, labels) != label.dtype:
        raise DatasetError(f"one type of values in label {label.name!r}", found="numbers and text")
    return np.asarray(labels[label.name], np.int64 if label.dtype == "int64" else np.object_)


def label_dtype(name: str, labels: Mapping[str, AnyArray]) -> Literal["int64", "string"]:
    """Return the dtype of a label in the store; raises DatasetError for other types."""
    if name not in labels:
        raise DatasetError(f"the label {name!r} in every row", found=f"only {sorted(labels)}")
    kind = np.asarray(labels[name]).dtype.kind
    if kind not in "biuUTO":
        raise DatasetError(
            f"integers or text in label {name!r}", found=str(np.asarray(labels[name]).dtype)
        )
    return "int64" if kind in "biu" else "string"
