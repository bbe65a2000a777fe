"""From a model and data to a store: what the model's files mean is found first, and kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from latent_analyze.errors import DatasetError, ModelError, OptionError
from latent_analyze.host.contracts import NOTHING, Dataset, Progress, no_progress
from latent_analyze.models.in_python import keep_data
from latent_analyze.models.runtime_check import check_runtime
from latent_analyze.models.signature import Sample
from latent_analyze.runs.advice import encoded_first
from latent_analyze.runs.opening import DEFAULT_STORE, open_dataset, open_model
from latent_analyze.runs.plan import check_names
from latent_analyze.runs.python_data import Format, PythonDataset
from latent_analyze.runs.python_models import open_objects
from latent_analyze.store import read_attributes
from latent_analyze.store.encode import encode, require_place, require_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from latent_analyze.host.discovery import Host
    from latent_analyze.models.reference import ModelRef
    from latent_analyze.models.signature import Signature
    from latent_analyze.models.spec import Model
    from latent_analyze.runs.config import RunConfig
    from latent_analyze.store import Store

MOMENT_VALUES = 1 << 22
"""Values that are read at once for the mean and standard deviation of all rows."""

TRIAL_ROWS, TRIAL_VALUES, SEED = 300, 1 << 24, 0
"""Rows on which signatures are tried, values of all of them, and the seed that draws them."""


@dataclass(frozen=True)
class Encoding:
    """A model that is open for data, and where its z-points go.

    Attributes
    ----------
    model, ref, dataset
        The open model, how to open it again, and the data.
    output
        Folder of the store.
    runtime
        Output -> largest difference from what the trainer stored, in standard deviations.
    """

    model: Model
    ref: ModelRef
    dataset: Dataset
    output: Path
    runtime: Mapping[str, float] | None = None

    @property
    def signature(self) -> Signature | None:
        """What the model's files mean, if its adapter tells."""
        return self.ref.signature

    def write(
        self,
        *,
        nonfinite: Literal["refuse", "drop"] = "refuse",
        progress: Progress = no_progress,
    ) -> Store:
        """Encode all rows, or those that are still missing."""
        if isinstance(self.dataset, PythonDataset):
            keep_data(self.dataset.fingerprint, self.dataset)
        return encode(
            self.model, self.ref, self.dataset, self.output, nonfinite=nonfinite, progress=progress
        )


def open_encoding(
    model: object,
    data: object,
    output: Path,
    host: Host,
    *,
    device: str | None = None,
    trust: bool = False,
    stated: Mapping[str, str] = NOTHING,
) -> Encoding:
    """Open model and data; the signature is that of the store at `output`, or is found by trying.

    Both are texts as on the command line, or objects: see `python_models` and `python_data`.

    Raises
    ------
    LatentAnalyzeError
        If model or data cannot be opened, or do not fit each other.
    """
    dataset = open_dataset(data, host) if isinstance(data, str) else PythonDataset(data)
    require_rows(dataset)
    if not isinstance(model, str):
        opened, ref = _open_objects(model, dataset, host, device=device, stated=stated)
        return Encoding(opened, ref, rows_for(opened, dataset), output)
    require_place(output)
    found = None if stated else _opened_as_before(model, output, host, device=device, trust=trust)
    opened, ref = found or open_model(
        model, host, device=device, trust=trust, sample=draw_sample(dataset), stated=stated
    )
    return Encoding(opened, ref, rows_for(opened, dataset), output, check_runtime(opened))


def rows_for(model: Model, dataset: Dataset) -> Dataset:
    """Return the data set without values that the model takes as inputs of their own."""
    return dataset.without((*model.spec.columns, *model.spec.decode_columns))


def _opened_as_before(
    path: str, output: Path, host: Host, *, device: str | None, trust: bool
) -> tuple[Model, ModelRef] | None:
    """Open a model with the signature of the store that it began; None if it began none there."""
    if not output.exists():
        return None
    stored = read_attributes(output)
    try:
        opened, ref = open_model(path, host, device=device, trust=trust, signature=stored.signature)
    except ModelError:
        # Another model, which the signature does not fit; the store says so when it is opened.
        return None
    return (opened, ref) if ref.fingerprint == stored.model.fingerprint else None


def _open_objects(
    model: object, dataset: Dataset, host: Host, *, device: str | None, stated: Mapping[str, str]
) -> tuple[Model, ModelRef]:
    """Open a model that exists in Python, which takes data in Python as they are given."""
    rows = dataset.format if isinstance(dataset, PythonDataset) else Format("arrays", "array")
    return open_objects(
        model, host, draw_sample(dataset), dtype=rows.dtype, device=device, given=rows.given,
        stated=stated,
    )  # fmt: skip


def draw_sample(dataset: Dataset, seed: int = SEED) -> Sample:
    """Return rows of a data set on which signatures are tried, drawn by a seed from all rows."""
    size = max(math.prod(dataset.item.shape), 1)
    count = min(dataset.count, max(min(TRIAL_ROWS, TRIAL_VALUES // size), 8))
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(dataset.count, count, replace=False)).astype(np.int64)
    items = dataset.read(rows)
    # In random order, because fewer rows are taken of costly models.
    order = rng.permutation(count)
    order = order[np.isfinite(items.x[order]).all(axis=tuple(range(1, items.x.ndim)))]
    if not len(order):
        raise DatasetError(
            f"rows of finite values in {dataset.name}",
            found=f"NaN or infinity in all {count} tried",
            next_step="repair or remove these rows",
        )  # fmt: skip
    return Sample(
        x=items.x[order],
        kind=dataset.kind,
        stored_range=dataset.stored_range,
        labels={name: np.asarray(values)[order] for name, values in items.labels.items()},
        inputs={name: np.asarray(values)[order] for name, values in items.inputs.items()},
        name=dataset.array_name,
        value_names=tuple(dataset.value_names),
        redraw=lambda columns: draw_sample(dataset.without(columns), seed),
        classes=cache(lambda name: distinct_texts(dataset.label_values(name))),
        count=dataset.count,
        moments=lambda: _moments(dataset),
    )


def distinct_texts(values: NDArray[Any]) -> list[str]:
    """Return different texts, sorted; that of missing ones is left out."""
    return sorted(set(map(str, values.tolist())) - {""})


def _moments(dataset: Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of all rows, for each place in the last axis."""
    width = dataset.item.shape[-1]
    step = max(MOMENT_VALUES // max(math.prod(dataset.item.shape), 1), 1)
    count, total, square = 0, np.zeros(width), np.zeros(width)
    for start in range(0, dataset.count, step):
        rows = np.arange(start, min(start + step, dataset.count))
        values = dataset.read(rows).x.reshape(-1, width).astype(np.float64)
        values = values[np.isfinite(values).all(axis=1)]
        count += len(values)
        total += values.sum(axis=0)
        square += (values**2).sum(axis=0)
    mean = total / count
    return mean, np.sqrt(np.maximum(square / count - mean**2, 0))


def encode_for_run(
    config: RunConfig, folder: Path | None, host: Host, progress: Progress
) -> RunConfig:
    """Encode the data of a run into a store in its folder; return the config that analyzes it.

    Raises
    ------
    LatentAnalyzeError
        If model or data cannot be encoded, or there is no folder for the z-points.
    """
    assert config.model is not None
    assert config.data is not None
    if folder is None:
        raise OptionError(
            "a folder for the report, where the z-points of the data go", found="none",
            next_step="give one, output=",
        )  # fmt: skip
    store, new = folder / DEFAULT_STORE, not folder.exists()
    changes = {"sources": (str(store),), "data": None, "labels": config.labels or ("data",)}
    encoded = config.model_copy(update=changes)
    check_names(encoded, host)
    try:
        encoding = open_encoding(
            config.model, config.data, store, host, device=config.device, trust=config.trust
        )
        encoding.write(nonfinite=config.nonfinite, progress=progress)
    except ModelError as error:
        raise encoded_first(error, config.model, config.data) from None
    finally:
        if new and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return encoded
