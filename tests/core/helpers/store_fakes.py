"""A tiny model and data set: latents are a fixed linear map of the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latent_analyze.models.reference import ModelRef
from latent_analyze.plugin import Dataset, Items, Latents, ModelSpec, Options, TensorSpec
from latent_analyze.store.encode import encode

SHAPE = (8, 6, 1)
DIM = 4


class FakeModel:
    """Gives mu = x W + offset, log_var = mu / 10; NaN for rows whose first pixel is negative."""

    def __init__(self, *, offset=0.0, variational=True, batch=8, fingerprint="model-a", **spec):
        self.offset, self.fingerprint, self.batches = offset, fingerprint, []
        shape = spec.pop("latent", (DIM,))
        self.spec = ModelSpec(
            **{
                "name": "fake", "adapter": "fake", "input": TensorSpec(shape=SHAPE, layout="HWC"),
                "latent": TensorSpec(shape=shape), "variational": variational,
                "can_encode": True, "batch": batch, **spec,
            }
        )  # fmt: skip

    def encode(self, x):
        self.batches.append(len(x))
        weights = np.random.default_rng(0).normal(size=(x[0].size, self.spec.dim))
        flat = x.reshape(len(x), -1)
        mu = (flat @ weights.astype(np.float32) + np.float32(self.offset)).astype(np.float32)
        mu[flat[:, 0] < 0, 1] = np.nan
        return Latents(mu, mu / 10 if self.spec.variational else None)

    @property
    def ref(self):
        return ModelRef("bundle", self.fingerprint, "fake")


class FakeDataset(Dataset):
    """Random images; rows in `bad` become NaN in the fake model."""

    name = "fakes"

    def __init__(self, count=50, *, bad=(), shape=SHAPE, fingerprint="data-a"):
        self.count, self.location, self.options = count, "fakes", Options()
        self.item = TensorSpec(shape=shape, layout="HWC", range=(0, 1))
        self._fingerprint, self.bad = fingerprint, bad
        self.x = np.random.default_rng(1).random((count, *shape), dtype=np.float32)
        self.x[list(bad), 0, 0] = -1

    @classmethod
    def recognizes(cls, location):
        return location == "fakes"

    @property
    def fingerprint(self):
        return self._fingerprint

    @property
    def label_names(self):
        return ("digit", "Writer's name", "split")

    def read(self, rows):
        labels = {
            "digit": rows % 10,
            "Writer's name": np.array([f"Åsa {r % 3}" for r in rows]),
            "split": np.where(rows % 5 == 0, "test", "train"),
        }
        return Items(self.x[rows], [f"imäge-{r}" for r in rows], labels)


def encode_fakes(output, model=None, dataset=None, **options):
    """Encode the fake data set into `output`."""
    model, dataset = model or FakeModel(), dataset or FakeDataset()
    return encode(model, model.ref, dataset, Path(output), **{"block_rows": 16, **options})


def interrupt_encode(output, batches, **options):
    """Encode the fake data set into `output`, but interrupt it after `batches` batches."""

    class Interrupted(FakeModel):
        def encode(self, x):
            if len(self.batches) == batches:
                raise KeyboardInterrupt
            return super().encode(x)

    with pytest.raises(KeyboardInterrupt):
        encode_fakes(output, Interrupted(), **options)


def tree(folder):
    """Return path -> content of everything under a folder."""
    folder = Path(folder)
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
