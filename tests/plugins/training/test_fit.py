import numpy as np
import pytest

from latent_analyze import DatasetError, ModelError
from latent_analyze_plugins.training import images as images_module

pytestmark = pytest.mark.usefixtures("keras_loaded")


def batches(dataset, seed=0, batch=10):
    from latent_analyze_plugins.training.fit import Batches

    opened = images_module.open_images(dataset, lambda *_: None)
    return Batches(opened, opened.rows, batch=batch, seed=seed)


def test_an_epoch_has_every_row_once_and_the_next_another_order(rectangles):
    feed = batches(rectangles(count=37))
    first = feed.order
    assert len(feed) == 4
    assert np.concatenate([feed[i][0] for i in range(4)]).shape == (37, 12, 12, 1)
    feed.on_epoch_end()
    assert sorted(first) == sorted(feed.order) == list(range(37))
    assert not np.array_equal(first, feed.order)
    np.testing.assert_array_equal(first, batches(rectangles(count=37)).order)


def test_without_a_seed_the_order_is_that_of_the_rows(rectangles):
    feed = batches(rectangles(count=5), seed=None)
    np.testing.assert_array_equal(feed[0][0], rectangles(count=5).x)


def test_a_reader_that_fails_in_training_keeps_its_own_error(
    train, rectangles, monkeypatch, tmp_path
):
    monkeypatch.setattr(images_module, "IN_MEMORY_BYTES", 0)

    class Failing(rectangles):
        def read(self, rows):
            if self.reads == 4:
                raise DatasetError("a readable image", found="a torn file")
            return super().read(rows)

    with pytest.raises(DatasetError, match="a torn file"):
        train("ae", Failing(), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_lost_loss_is_one_line_and_leaves_nothing(train, rectangles, tmp_path):
    with pytest.raises(ModelError, match=r"finite loss.*step .* of .*lower learning_rate"):
        train("vae", rectangles(), tmp_path / "model", learning_rate=1e20, epochs=30)
    assert not list(tmp_path.iterdir())
