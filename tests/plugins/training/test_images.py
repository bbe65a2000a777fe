import numpy as np
import pytest

from latent_analyze import DatasetError, OptionError
from latent_analyze_plugins.training import images as module
from latent_analyze_plugins.training.images import check_images, open_images


def quiet(task, done, total):
    del task, done, total


def test_images_that_fit_are_read_once(rectangles, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_BYTES", 4 * 144 * 10)
    dataset = rectangles(count=35)
    opened = open_images(dataset, quiet)
    assert dataset.reads == 4
    rows = np.array([3, 30, 7])
    np.testing.assert_array_equal(opened.fetch(rows), dataset.x[rows])
    assert dataset.reads == 4


def test_images_that_do_not_fit_are_read_when_asked_for(rectangles, monkeypatch):
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 0)
    dataset = rectangles()
    opened = open_images(dataset, quiet)
    assert dataset.reads == 0
    rows = np.array([3, 30, 7])
    np.testing.assert_array_equal(opened.fetch(rows), dataset.x[rows])


@pytest.mark.parametrize("limit", [0, 2**31])
def test_only_rows_of_the_training_split_are_used(rectangles, monkeypatch, limit):
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", limit)
    opened = open_images(rectangles(count=6, split=["train", "test"] * 3), quiet)
    np.testing.assert_array_equal(opened.rows, [0, 2, 4])
    assert opened.source["split"] == "train"


def test_without_a_split_all_rows_are_used(rectangles):
    opened = open_images(rectangles(count=6), quiet)
    np.testing.assert_array_equal(opened.rows, np.arange(6))
    assert opened.source["split"] == "all"


def test_rows_held_out_are_a_seeded_partition(rectangles):
    opened = open_images(rectangles(count=50), quiet)
    rows, held_out = opened.divide(0.2, seed=3)
    assert len(held_out) == 10
    np.testing.assert_array_equal(np.sort(np.concatenate([rows, held_out])), opened.rows)
    np.testing.assert_array_equal(held_out, opened.divide(0.2, seed=3)[1])
    assert not np.array_equal(held_out, opened.divide(0.2, seed=4)[1])


def test_a_share_that_leaves_nothing_is_refused(rectangles):
    with pytest.raises(OptionError, match="validation_share"):
        open_images(rectangles(count=2), quiet).divide(0.9, seed=0)


@pytest.mark.parametrize("value", [np.nan, -0.5, 255.0])
def test_values_out_of_range_are_refused(rectangles, value):
    dataset = rectangles()
    dataset.x[5, 0, 0, 0] = value
    with pytest.raises(DatasetError, match=r"pixel values in \[0, 1\]"):
        open_images(dataset, quiet)


def test_a_split_without_training_rows_is_refused(rectangles):
    with pytest.raises(DatasetError, match='at least 2 images of split "train", found 0'):
        open_images(rectangles(count=4, split=["test"] * 4), quiet)


def test_too_few_images_are_refused(rectangles):
    with pytest.raises(DatasetError, match="at least 2 images to train on, found 1"):
        check_images(rectangles(count=1))


def test_small_images_are_refused(rectangles):
    with pytest.raises(DatasetError, match="at least 4 x 4 pixels, found 3 x 9"):
        check_images(rectangles((3, 9, 1)))


def test_vectors_are_refused(rectangles):
    dataset = rectangles()
    dataset.kind, dataset.item = "vectors", dataset.item.model_copy(update={"shape": (7,)})
    with pytest.raises(DatasetError, match=r"images of shape \(H, W, C\).*vectors of shape"):
        check_images(dataset)
