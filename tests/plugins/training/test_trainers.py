import pytest
from pydantic import ValidationError

from latent_analyze import OptionError
from latent_analyze.plugin import read_bundle
from latent_analyze_plugins.training import AutoencoderTrainer, VariationalTrainer
from latent_analyze_plugins.training import images as images_module


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_same_seed_same_bytes(train, odd_bundles, rectangles):
    assert contents(train("vae", rectangles((9, 11, 3), 70))) == contents(odd_bundles["vae"])


def test_images_read_batch_by_batch_give_the_same_bytes(
    train, odd_bundles, rectangles, monkeypatch
):
    monkeypatch.setattr(images_module, "IN_MEMORY_BYTES", 0)
    assert contents(train("ae", rectangles((9, 11, 3), 70))) == contents(odd_bundles["ae"])


def test_split_validation_share_and_progress(train, rectangles):
    dataset, calls = rectangles(count=40, split=["train"] * 30 + ["test"] * 10), []
    folder = train(
        "ae", dataset, progress=lambda *call: calls.append(call), validation_share=0.2, batch=16
    )
    training = read_bundle(folder).training
    assert (training["rows"], training["validation_rows"]) == (24, 6)
    assert training["data"]["split"] == "train"
    assert len(training["history"]["val_loss"]) == 2
    assert calls == [("read images", 40, 40), *(("train ae", i, 4) for i in (1, 2, 3, 4))]


def test_a_folder_in_use_is_refused_before_anything_is_read(rectangles, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    dataset = rectangles()
    with pytest.raises(OptionError, match="choose another one with -o"):
        AutoencoderTrainer().train(dataset, tmp_path)
    assert dataset.reads == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "options",
    [
        {"z_dim": 0},
        {"filters": ()},
        {"filters": (8, 0)},
        {"learning_rate": float("inf")},
        {"validation_share": 1.0},
        {"kl_weight": -1.0},
        {"epsilon_bound": -1.0},
        {"seed": -1},
        {"z_dims": 4},
    ],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValidationError):
        VariationalTrainer.Options(**options)


def test_the_options_of_the_vae_are_unknown_to_the_ae():
    with pytest.raises(ValidationError, match="kl_weight"):
        AutoencoderTrainer.Options(kl_weight=1.0)
