"""Writes the archived store of the current format: run once per format, never again.

``python archive_store.py FOLDER`` makes ``FOLDER/store-format-<n>.zarr``.
"""

import sys
from pathlib import Path

import numpy as np

from latent_analyze.plugin import ModelSpec, TensorSpec
from latent_analyze.store import (
    FORMAT,
    DatasetSpec,
    EncodeSpec,
    LabelSpec,
    StoredModel,
    StoreSchema,
    StoreWriter,
)

COUNT, DIM, BLOCK = 5, 2, 3


def archived_rows():
    """Return what every archived store holds: array name -> values."""
    rows = np.arange(COUNT)
    mu = (rows[:, None] + np.array([0.25, -0.5])).astype(np.float32)
    return {
        "mu": mu,
        "log_var": -mu,
        "id": np.array([f"imäge {r}" for r in rows], np.object_),
        "row": rows,
        "label_digit": rows % 3,
        "split": np.where(rows < 4, "train", "test").astype(np.object_),
        "thumbnail": (rows[:, None, None, None] + np.zeros((1, 2, 2, 1))).astype(np.uint8),
    }


def archive_schema():
    return StoreSchema(
        creator="latent-analyze",
        model=StoredModel(path="model", fingerprint="m" * 8, adapter="onnx"),
        spec=ModelSpec(
            name="archived", adapter="onnx", variational=True, can_encode=True,
            input=TensorSpec(shape=(2, 2, 1), layout="HWC", range=(0, 1)),
            latent=TensorSpec(shape=(DIM,)),
        ),
        dataset=DatasetSpec(
            name="digits", location="digits", fingerprint="d" * 8, count=COUNT,
            item=TensorSpec(shape=(2, 2, 1), layout="HWC", range=(0, 1)),
            labels=(
                LabelSpec(name="digit", array="label_digit", dtype="int64"),
                LabelSpec(name="split", array="split", dtype="string"),
            ),
        ),
        encode=EncodeSpec(block_rows=BLOCK, batch=4, thumbnail=(2, 2, 1)),
    )  # fmt: skip


def write(path):
    with StoreWriter(Path(path), archive_schema()) as writer:
        for start in range(0, COUNT, BLOCK):
            writer.append({k: v[start : start + BLOCK] for k, v in archived_rows().items()})
        writer.finish()


if __name__ == "__main__":
    write(Path(sys.argv[1]) / f"store-format-{FORMAT}.zarr")
