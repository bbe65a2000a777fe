"""Models whose layers are called with training=True run as in evaluation, and say so."""

from __future__ import annotations

import numpy as np
import pytest
from adapter_testing import images

from latent_analyze.plugin import Bundle, EncoderSpec, write_bundle
from latent_analyze_adapters.runtimes.keras.adapter import KerasRuntime
from latent_analyze_adapters.runtimes.keras.training_mode import training_layers

keras = pytest.importorskip("keras")


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory):
    """A folder with a model in training mode, and the outputs in evaluation."""
    folder = tmp_path_factory.mktemp("keras")
    keras.utils.set_random_seed(0)
    x = keras.Input((4, 6, 3))
    norm = keras.layers.BatchNormalization()
    hidden = keras.layers.Dropout(0.5)(keras.layers.Flatten()(x), training=True)
    model = keras.Model(x, norm(keras.layers.Dense(5)(hidden), training=True))
    norm.set_weights([*norm.get_weights()[:2], np.full(5, 0.3), np.full(5, 2.0)])
    model.save(folder / "m.keras")
    model.save(folder / "m.h5")
    return folder, np.asarray(model(images(), training=False))


def open_mode(folder, file, mode="eval"):
    spec = EncoderSpec(file=file, batch_mode=mode)
    write_bundle(folder, Bundle(runtime="keras", encoder=spec))
    return KerasRuntime().open(folder, trust=True)


@pytest.mark.parametrize("file", ["m.keras", "m.h5"])
def test_evaluation_with_running_statistics(made, file):
    folder, expected = made
    model = open_mode(folder, file)
    np.testing.assert_allclose(model.encode(images()).mu, expected, atol=1e-5)
    (note,) = (note for note in model.spec.notes if "training" in note)
    assert note.startswith("encoder: saved with training=True (")
    assert {*training_layers(folder / file)} == {"batch normalization", "dropout"}
    assert "running statistics in the file" in note
    assert not any("random" in note for note in model.spec.notes)


def test_keep(tmp_path):
    x = keras.Input((4, 6, 3))
    hidden = keras.layers.Dropout(0.5)(keras.layers.Flatten()(x), training=True)
    keras.Model(x, keras.layers.Dense(5)(hidden)).save(tmp_path / "m.keras")
    usual, kept = open_mode(tmp_path, "m.keras"), open_mode(tmp_path, "m.keras", "keep")
    same = [usual.encode(images()).mu for _ in range(2)]
    np.testing.assert_array_equal(*same)
    assert np.abs(kept.encode(images()).mu - same[0]).max() > 0.01
    assert any("run in training mode (dropout)" in note for note in kept.spec.notes)
    assert usual.fingerprint != kept.fingerprint


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"nothing"])
def test_damaged_files_say_nothing(tmp_path, content):
    (tmp_path / "m.keras").write_bytes(content)
    assert training_layers(tmp_path / "m.keras") == ()
    assert training_layers(tmp_path / "gone.h5") == ()
    assert training_layers(tmp_path) == ()
