"""scikit-learn's digits as a data set."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from latent_analyze import DatasetError
from latent_analyze_adapters.images.digits import Digits, register_datasets


def test_pixels_labels_and_ids():
    dataset, raw = Digits("digits"), load_digits()
    items = dataset.read(np.arange(1797))
    np.testing.assert_allclose(items.x[..., 0], raw.images / 16)
    np.testing.assert_array_equal(items.labels["digit"], raw.target)
    assert items.ids[0] == "digits-0000"
    assert len(set(items.ids)) == dataset.count == 1797
    assert items.x.dtype == np.float32
    assert dataset.item.shape == items.x.shape[1:] == (8, 8, 1)
    assert set(dataset.label_names) == set(items.labels) == {"digit", "split"}
    assert dataset.stored_range == (0, 1)
    assert register_datasets() == [Digits]


def test_a_fifth_is_for_testing_and_always_the_same():
    split = Digits("digits").read(np.arange(1797)).labels["split"]
    assert (split == "test").sum() == 1797 // 5
    assert set(split) == {"train", "test"}
    assert np.flatnonzero(split == "test")[:5].tolist() == [7, 18, 19, 23, 26]


def test_rows_in_the_order_asked_for():
    dataset = Digits("digits")
    rows = np.array([5, 1700, 3])
    np.testing.assert_array_equal(dataset.read(rows).x, dataset.read(np.arange(1797)).x[rows])


def test_options():
    dataset = Digits("digits", Digits.Options(limit=10, crop=[4, 6], resize=12))
    assert (dataset.count, dataset.item.shape) == (10, (12, 12, 1))
    assert dataset.read(np.arange(10)).x.shape == (10, 12, 12, 1)
    assert dataset.fingerprint != Digits("digits").fingerprint == Digits("digits").fingerprint


def test_a_path_that_exists_is_a_path(tmp_path, monkeypatch):
    assert Digits.recognizes("digits")
    assert not Digits.recognizes("mnist")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert not Digits.recognizes("digits")


def test_another_location():
    with pytest.raises(DatasetError, match='the location "digits", found'):
        Digits("mnist")
