"""Stores of codes: whole numbers in place of mu, their usage, and their codebook."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from store_fakes import FakeDataset, FakeModel, encode_fakes, tree

from latent_analyze import ModelError, StoreError
from latent_analyze.errors import AnalysisError
from latent_analyze.plugin import Latents, TensorSpec
from latent_analyze.sources.codes import codes_of
from latent_analyze.sources.views import QuantizedSource, RelabeledSource, SubsetSource, select
from latent_analyze.store import open_store, read_attributes

SHAPE, COUNT = (2, 3), 16
BOOK = np.random.default_rng(2).normal(size=(COUNT, 5)).astype(np.float32)


class CodesModel(FakeModel):
    """Gives codes made of the pixels; may be interrupted after some batches."""

    def __init__(
        self, codes: int | None = COUNT, *, book: Any = BOOK, stop: Any = None, top: int = COUNT
    ) -> None:
        latent = TensorSpec(shape=SHAPE, dtype="int64")
        super().__init__(variational=False, codes=codes)
        self.spec = self.spec.model_copy(update={"latent": latent})
        self.codebook, self.stop, self.top = book, stop, top

    def encode(self, x: Any) -> Latents:
        if self.stop is not None and len(self.batches) == self.stop:
            self.ended()
        self.batches.append(len(x))
        return Latents(self.codes_for(x))

    def codes_for(self, x: Any) -> Any:
        return (x.reshape(len(x), -1)[:, :6] * self.top).astype(np.int64)

    def ended(self) -> None:
        raise KeyboardInterrupt


class Killed(CodesModel):
    def ended(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


EXPECTED = CodesModel().codes_for(FakeDataset().x)


def test_round_trip(tmp_path: Path) -> None:
    store = open_store(encode_fakes(tmp_path / "s.zarr", CodesModel()).path)
    assert (store.count, store.dim) == (50, 6)
    assert store.fields >= {"z", "id"}
    assert "mu" not in store.fields
    batch = store.take(np.arange(50), frozenset({"z", "mu", "id"}))
    assert (batch.z.dtype, batch.mu) == (np.int64, None)
    np.testing.assert_array_equal(batch.z, EXPECTED)
    codes = store.codes
    assert codes is not None
    assert (codes.shape, codes.count, codes.is_known) == (SHAPE, COUNT, True)
    np.testing.assert_array_equal(codes.vectors, BOOK)
    assert repr(store).endswith("50 rows of 2 x 3 codes of a codebook of 16>")
    with pytest.raises(AnalysisError, match="coordinates in data, found codes"):
        store.summary()


def test_xarray_shows_them(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    path = encode_fakes(tmp_path / "s.zarr", CodesModel()).path
    opened = xarray.open_zarr(path)
    assert opened.codes.dims == ("sample", "position")
    np.testing.assert_array_equal(opened.codes.values, EXPECTED)
    summary = xarray.open_zarr(path, group="summary")
    np.testing.assert_array_equal(summary.usage.values, np.bincount(EXPECTED.ravel(), minlength=16))
    assert summary.codebook.dims == ("code", "entry")


def test_a_codebook_of_unknown_size(tmp_path: Path) -> None:
    store = encode_fakes(tmp_path / "s.zarr", CodesModel(None, top=7))
    assert store.codes is not None
    assert (store.codes.count, store.codes.is_known, store.codes.vectors) == (7, False, None)
    assert str(store.codes) == "2 x 3 codes of a codebook of 7 or more"


@pytest.mark.parametrize("batches", [1, 3, 6])
def test_an_interrupted_store_gets_the_same_bytes(tmp_path: Path, batches: int) -> None:
    whole = encode_fakes(tmp_path / "whole" / "s", CodesModel())
    with pytest.raises(KeyboardInterrupt):
        encode_fakes(tmp_path / "cut" / "s", CodesModel(stop=batches))
    encode_fakes(tmp_path / "cut" / "s", CodesModel())
    assert tree(tmp_path / "cut") == tree(tmp_path / "whole")
    assert whole.fingerprint == open_store(tmp_path / "cut" / "s").fingerprint


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_killed_store_gets_the_same_bytes(tmp_path: Path) -> None:
    encode_fakes(tmp_path / "whole" / "s", CodesModel())
    child = multiprocessing.get_context("fork").Process(
        target=encode_fakes, args=(tmp_path / "cut" / "s", Killed(stop=4))
    )
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert not read_attributes(tmp_path / "cut" / "s").complete
    encode_fakes(tmp_path / "cut" / "s", CodesModel())
    assert tree(tmp_path / "cut") == tree(tmp_path / "whole")


@pytest.mark.parametrize("array", ["usage", "codebook"])
def test_a_damaged_summary(tmp_path: Path, array: str) -> None:
    path = encode_fakes(tmp_path / "s", CodesModel()).path
    (chunk,) = (path / "summary" / array).glob("c.*")
    content = chunk.read_bytes()
    chunk.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(StoreError, match=f"summary/{array} with a wrong checksum"):
        open_store(path)


@pytest.mark.parametrize(
    ("codes", "found"),
    [
        (np.full((8, 6), 16), "16 to 16"),
        (np.full((8, 6), -1), "-1 to -1"),
        (np.full((8, 6), 0.5), "float64, 0.5 to 0.5"),
    ],
)
def test_what_is_no_code_of_the_codebook(tmp_path: Path, codes: Any, found: str) -> None:
    class Wrong(CodesModel):
        def codes_for(self, x: Any) -> Any:
            return codes[: len(x)]

    with pytest.raises(ModelError, match=f"whole numbers from 0 to 15, found .*{found}"):
        encode_fakes(tmp_path / "s", Wrong())
    assert not (tmp_path / "s").exists()


def test_a_codebook_of_another_size(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"a codebook of shape \(16, d\) .* found shape \(9, 5\)"):
        encode_fakes(tmp_path / "s", CodesModel(book=BOOK[:9]))


class TestViews:
    @pytest.fixture
    def store(self, tmp_path: Path) -> Any:
        return encode_fakes(tmp_path / "s.zarr", CodesModel())

    def test_codes_stay_codes(self, store: Any) -> None:
        views = [
            RelabeledSource(store, "other"),
            SubsetSource(store, np.arange(5), "five"),
            select(store, {"split": "test"}, "test"),
        ]
        for view in views:
            assert codes_of(view) is store.codes
            assert view.read(view.blocks()[0]).z.dtype == np.int64

    def test_vectors_are_looked_up(self, store: Any) -> None:
        source = QuantizedSource(store, "data@quantized")
        assert (source.dim, codes_of(source)) == (30, None)
        batch = source.take(np.array([3, 0]), frozenset({"z", "id", "label:digit"}))
        np.testing.assert_array_equal(batch.z, BOOK[EXPECTED[[3, 0]]].reshape(2, 30))
        assert batch.z.dtype == np.float32
        assert batch.labels["digit"].tolist() == [3, 0]
        assert source.fingerprint != store.fingerprint
        np.testing.assert_allclose(
            source.summary().mean, BOOK[EXPECTED].reshape(50, 30).mean(axis=0), rtol=1e-4, atol=1e-6
        )
