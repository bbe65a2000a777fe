import threading

import numpy as np
import pytest
from store_fakes import DIM, FakeDataset, FakeModel, encode_fakes

from latent_analyze import DatasetError, ModelError
from latent_analyze.plugin import Items, Latents
from latent_analyze.store.encode_rows import label_dtype


@pytest.mark.parametrize("batch", [1, 7, 16, 64])
@pytest.mark.parametrize("block_rows", [1, 16, 50, 64])
def test_every_row_is_encoded_once(tmp_path, batch, block_rows):
    data = FakeDataset(20)
    store = encode_fakes(tmp_path / "s", FakeModel(batch=batch), data, block_rows=block_rows)
    np.testing.assert_allclose(
        store.take(np.arange(20)).z, FakeModel().encode(data.x).mu, rtol=1e-4, atol=1e-5
    )
    assert store.rows_of(np.arange(20)).tolist() == list(range(20))


def test_the_next_batch_is_read_while_one_is_encoded(tmp_path):
    read_second = threading.Event()

    class Watched(FakeDataset):
        def read(self, rows):
            if rows[0] == 8:
                read_second.set()
            return super().read(rows)

    class Waiting(FakeModel):
        def encode(self, x):
            assert read_second.wait(5)
            return super().encode(x)

    encode_fakes(tmp_path / "s", Waiting(), Watched())


def test_an_error_in_the_reading_thread_is_raised_unchanged(tmp_path):
    class Broken(FakeDataset):
        def read(self, rows):
            if rows[-1] >= 30:
                raise DatasetError("a readable image", found="img.png that is cut")
            return super().read(rows)

    with pytest.raises(DatasetError, match=r"img\.png"):
        encode_fakes(tmp_path / "s", dataset=Broken())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "latents",
    [
        lambda n: Latents(np.zeros((n, DIM + 1), np.float32), None),
        lambda n: Latents(np.zeros((n - 1, DIM), np.float32), np.zeros((n - 1, DIM), np.float32)),
        lambda n: Latents(np.zeros((n, DIM), np.float32), None),
    ],
)
def test_latents_that_do_not_match_the_spec(tmp_path, latents):
    class Wrong(FakeModel):
        def encode(self, x):
            return latents(len(x))

    with pytest.raises(ModelError, match=r"mu and log_var of shape \(8, 4\) from fake"):
        encode_fakes(tmp_path / "s", Wrong())


def test_latents_in_float64_are_stored_as_float32(tmp_path):
    class Wide(FakeModel):
        def encode(self, x):
            return Latents(*(part.astype(np.float64) for part in super().encode(x)[:2]))

    store = encode_fakes(tmp_path / "s", Wide())
    assert store.read(store.blocks()[0]).z.dtype == np.float32


@pytest.mark.parametrize(
    "change",
    [
        {"x": np.zeros((8, 2, 2, 1), np.float32)},
        {"ids": ["one"]},
        {"labels": {"digit": np.arange(3)}},
    ],
)
def test_batches_that_do_not_match_the_data_set(tmp_path, change):
    class Wrong(FakeDataset):
        def read(self, rows):
            items = super().read(rows)
            return items if len(rows) == 1 else Items(**{**vars(items), **change})

    with pytest.raises(DatasetError, match="rows 0 to 8 of fakes"):
        encode_fakes(tmp_path / "s", dataset=Wrong())


def test_labels_are_integers_or_text_in_every_row(tmp_path):
    assert label_dtype("a", {"a": np.array([True])}) == "int64"
    assert label_dtype("a", {"a": np.array(["x"], np.object_)}) == "string"
    with pytest.raises(DatasetError, match="integers or text in label 'a', found float64"):
        label_dtype("a", {"a": np.array([0.5])})
    with pytest.raises(DatasetError, match="the label 'a' in every row"):
        label_dtype("a", {"b": np.array([1])})

    class Changing(FakeDataset):
        def read(self, rows):
            items = super().read(rows)
            digits = rows if rows[0] == 0 else rows.astype(str)
            return Items(items.x, items.ids, {**items.labels, "digit": digits})

    with pytest.raises(DatasetError, match="one type of values in label 'digit'"):
        encode_fakes(tmp_path / "s", dataset=Changing())
