"""A data set of drawn rectangles, and bundles trained on it once per session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latent_analyze.plugin import Dataset, Items, TensorSpec, content_hash
from latent_analyze_plugins.training import AutoencoderTrainer, VariationalTrainer

TRAINERS = {"ae": AutoencoderTrainer, "vae": VariationalTrainer}


class Rectangles(Dataset):
    """Bright rectangles on a dark ground; `split` gives a label "split" to the rows."""

    name = "rectangles"

    def __init__(self, shape=(12, 12, 1), count=64, split=None):
        rng = np.random.default_rng(0)
        self.x = np.zeros((count, *shape), np.float32)
        for image in self.x:
            top, left = rng.integers(0, shape[0] // 2), rng.integers(0, shape[1] // 2)
            image[top : top + shape[0] // 2, left : left + shape[1] // 2] = rng.uniform(0.6, 1)
        self.split = split
        self.count, self.reads = count, 0
        self.item = TensorSpec(shape=shape, layout="HWC", range=(0, 1))

    @classmethod
    def recognizes(cls, location):
        return False

    @property
    def fingerprint(self):
        return content_hash(self.x)

    @property
    def label_names(self):
        return () if self.split is None else ("split",)

    def read(self, rows):
        self.reads += 1
        labels = {} if self.split is None else {"split": np.asarray(self.split)[rows]}
        return Items(self.x[rows], [str(row) for row in rows], labels)


@pytest.fixture(scope="session")
def rectangles():
    return Rectangles


@pytest.fixture(scope="session")
def train(tmp_path_factory):
    """Train ``ae`` or ``vae`` on a data set with small options; return the folder."""
    pytest.importorskip("tensorflow")
    pytest.importorskip("tf2onnx")

    def run(kind, dataset, output=None, progress=lambda *_: None, **options):
        trainer = TRAINERS[kind]
        defaults = {"z_dim": 3, "epochs": 2, "batch": 24, "filters": (4, 8)}
        folder = output or Path(tmp_path_factory.mktemp(kind)) / "model"
        trainer(trainer.Options(**{**defaults, **options})).train(dataset, folder, progress)
        return folder

    return run


@pytest.fixture(scope="session")
def odd_bundles(train):
    """A bundle of each kind, trained on images of odd size with three channels."""
    dataset = Rectangles((9, 11, 3), 70)
    return {kind: train(kind, dataset) for kind in TRAINERS}


@pytest.fixture(scope="session")
def keras_loaded():
    pytest.importorskip("tensorflow")
    pytest.importorskip("tf2onnx")
    from latent_analyze_plugins.training.runtime import load_keras

    load_keras()
