"""What is stated, and how rows in Python are, is checked against what explains the data better."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from signature_models import Format, World, write_pair

import latent_analyze as la

WORLD = World(shape=(8, 6, 1))
MIDDLE, BASIS = WORLD.center, WORLD.basis


def pair_for(factor: float, offset: float) -> Any:
    """Return functions of rows in another format: factor * x + offset."""

    def encode(x):
        rows = (x.reshape(len(x), -1) - offset) / factor
        # Nothing is linear, so that wrong values are not made up for by the decoder.
        return np.tanh((rows - MIDDLE) @ BASIS.T).astype(np.float32)

    def decode(z):
        rows = np.arctanh(z.clip(-0.999, 0.999)) @ BASIS + MIDDLE
        return (factor * rows + offset).reshape(len(z), *WORLD.shape).astype(np.float32)

    return encode, decode


def signature(model: Any, stated: Any = None) -> Any:
    return la.encode(model, WORLD.x, "s.zarr", signature=stated).schema.signature


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("factor", "offset"), [(2.0, -1.0), (255.0, 0.0)])
def test_rows_in_python_that_go_in_wrong(factor, offset, tmp_path):
    """The problem says what to state, and that solves it."""
    found = signature(pair_for(factor, offset))
    assert found.problem.startswith("The rows as they are (encoder.range = [0.0, 1.0]) explain")
    (tmp_path / "s.zarr").rename(tmp_path / "before.zarr")
    advised = json.loads(found.problem.partition("signature=")[2].rstrip("."))
    again = signature(pair_for(factor, offset), advised)
    assert again.problem == ""
    assert again.explained > 0.95


def test_what_is_stated_about_a_model_in_python():
    found = signature(pair_for(1.0, 0.0), {"range": [0, 40]})
    assert found.problem.startswith("What is stated about the model (encoder.range = [0.0, 40.0]")
    assert "leave it out" in found.problem


def test_a_model_in_python_and_the_same_in_files_are_told_the_same(tmp_path):
    """One sentence for both: what is stated, how much it explains, and how much else."""
    write_pair(tmp_path / "model", WORLD, Format())
    stated = {"encoder.mean": [3.0], "encoder.std": [2.0]}
    texts = []
    for model in (pair_for(1.0, 0.0), "model"):
        texts.append(signature(model, stated).problem)
        (tmp_path / "s.zarr").rename(tmp_path / f"{len(texts)}.zarr")
    starts = [text.partition(" explains ")[0] for text in texts]
    assert starts[0] == starts[1]
    assert "encoder.mean = [3.0], encoder.std = [2.0]" in starts[0]


def test_right_rows_and_an_encoder_alone_are_not_told_anything():
    encode, decode = pair_for(1.0, 0.0)
    assert signature((encode, decode)).problem == ""
    assert la.encode(encode, WORLD.x, "alone.zarr").schema.signature.problem == ""
