"""A store of given z-points, and analyses ready to run over it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latent_analyze import Store
from latent_analyze.plugin import Host, ModelSpec, Source, TensorSpec
from latent_analyze.runs.engine import Task
from latent_analyze.sources.source import rows_per_block
from latent_analyze.store import StoreWriter
from latent_analyze.store.schema import DatasetSpec, EncodeSpec, StoredModel, StoreSchema


def write_store(path: Path, z: NDArray[np.float32]) -> Store:
    """Write z-points block by block, as an encode commits them."""
    rows, dim = z.shape
    size = rows_per_block(dim)
    image = TensorSpec(shape=(1, 1, 1), layout="HWC")
    schema = StoreSchema(
        creator="benchmarks",
        model=StoredModel(path="none", fingerprint="none", adapter="none"),
        spec=ModelSpec(name="none", adapter="none", latent=TensorSpec(shape=(dim,))),
        dataset=DatasetSpec(name="none", fingerprint="none", count=rows, item=image),
        encode=EncodeSpec(block_rows=size, batch=size),
    )
    with StoreWriter(path, schema) as writer:
        for start in range(0, rows, size):
            numbers = np.arange(start, min(start + size, rows))
            ids = numbers.astype(str).astype(object)
            writer.append({"mu": z[numbers], "id": ids, "row": numbers})
        writer.finish()
    return Store(path)


def open_tasks(host: Host, names: Sequence[str], reference: Source) -> list[Task]:
    """Return tasks with their frames made from the reference."""
    made = [(name, host.get("analysis", name).make({})) for name in names]
    return [Task(name, analysis, analysis.prepare(reference)) for name, analysis in made]
