"""SavedModels in training mode run as in evaluation, or are refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from adapter_testing import images, one_line

from latent_analyze import ModelError
from latent_analyze.plugin import Bundle, EncoderSpec, write_bundle
from latent_analyze_adapters.runtimes.keras.adapter import KerasRuntime

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
SHAPE = (4, 6, 3)


def norm(width):
    """Return batch normalization, and what sets its weights; a layer sets none before its call."""
    layer = keras.layers.BatchNormalization()
    rng = np.random.default_rng(width)
    weights = [1 + rng.random(width), rng.random(width), rng.random(width), 1 + rng.random(width)]
    return layer, lambda: layer.set_weights(weights)


def exported(folder, layers):
    """Export a model of layers in training mode, and return its outputs in evaluation."""
    keras.utils.set_random_seed(0)
    made = [layer if isinstance(layer, tuple) else (layer, lambda: None) for layer in layers]
    x = keras.Input(SHAPE)
    y = x
    for layer, _ in made:
        y = layer(y, training=True)
    for _, fill in made:
        fill()
    keras.Model(x, keras.layers.Dense(5)(keras.layers.Flatten()(y))).export(folder, verbose=False)
    return made


def evaluation(folder, layers):
    """Return the outputs of the exported model, layer by layer in evaluation."""
    keras.utils.set_random_seed(0)
    made = exported(folder, layers)
    y = images()
    for layer, _ in made:
        y = layer(y, training=False)
    variables = [v.numpy() for v in tf.saved_model.load(str(folder)).variables]
    kernel = next(v for v in variables if v.ndim == 2 and v.shape[-1] == 5)
    return np.asarray(y).reshape(len(images()), -1) @ kernel


def open_mode(folder, mode="eval"):
    spec = EncoderSpec(file="m", batch_mode=mode)
    write_bundle(folder, Bundle(runtime="keras", encoder=spec))
    return KerasRuntime().open(folder, trust=True)


KINDS = {
    "normalization": lambda: [norm(3)],
    "convolution": lambda: [keras.layers.Conv2D(4, 3), norm(4), keras.layers.Dropout(0.5)],
    "dense": lambda: [keras.layers.Flatten(), norm(72), keras.layers.Dropout(0.3)],
    "dropout": lambda: [keras.layers.Dropout(0.4)],
    "whole channels": lambda: [keras.layers.SpatialDropout2D(0.4), norm(3)],
    "two": lambda: [norm(3), keras.layers.Conv2D(3, 1, activation="relu"), norm(3)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_as_in_evaluation(tmp_path, kind):
    expected = evaluation(tmp_path / "m", KINDS[kind]())
    model = open_mode(tmp_path)
    for rows in (images(), images()[:1], images()):
        found = model.encode(rows).mu
        np.testing.assert_allclose(found, expected[: len(rows)], atol=1e-4)
    (note,) = (note for note in model.spec.notes if "training" in note)
    assert note.startswith("encoder: saved with training=True (")
    assert ("batch normalization" in note) == ("running statistics" in note)
    assert not any("random" in note or "row by row" in note for note in model.spec.notes)


def test_keep(tmp_path):
    expected = evaluation(tmp_path / "m", KINDS["dropout"]())
    usual, kept = open_mode(tmp_path), open_mode(tmp_path, "keep")
    assert np.abs(kept.encode(images()).mu - expected).max() > 0.01
    assert any("run in training mode (dropout)" in note for note in kept.spec.notes)
    assert any("random" in note for note in kept.spec.notes)
    assert usual.fingerprint != kept.fingerprint


def test_a_model_in_evaluation_is_left_alone(tmp_path):
    keras.utils.set_random_seed(0)
    layer, fill = norm(3)
    x = keras.Input(SHAPE)
    model = keras.Model(x, keras.layers.Flatten()(layer(keras.layers.Dropout(0.5)(x))))
    fill()
    model.export(tmp_path / "m", verbose=False)
    opened = open_mode(tmp_path)
    np.testing.assert_allclose(opened.encode(images()).mu, model.predict(images()), atol=1e-5)
    assert not any("training" in note for note in opened.spec.notes)


def test_another_process_opens_it_again(tmp_path):
    expected = evaluation(tmp_path / "m", KINDS["convolution"]())
    model = pickle.loads(pickle.dumps(open_mode(tmp_path)))
    np.testing.assert_allclose(model.encode(images()).mu, expected, atol=1e-4)


class Module(tf.Module):
    """A model of TensorFlow; `call` gets rows and the module."""

    def __init__(self, call):
        self.call = call
        self.mean = tf.Variable([0.4, 0.5, 0.6])
        self.variance = tf.Variable([0.5, 2.0, 1.5])
        self.gain, self.bias = tf.constant([1.5, 1.0, 0.5]), tf.constant([0.1, 0.2, 0.3])

    def save(self, folder):
        @tf.function(input_signature=[tf.TensorSpec((None, *SHAPE), tf.float32, name="x")])
        def run(x):
            return {"mu": tf.reshape(self.call(x, self), (-1, 72))}

        tf.saved_model.save(self, str(folder), signatures={"serving_default": run})


def fused(x, module, update=True):
    """Normalize as Keras 2 does: one operation, and its moments subtracted from the variables."""
    y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        x, module.gain, module.bias, epsilon=1e-3, is_training=True
    )
    for moment, variable in ((mean, module.mean), (variance, module.variance)):
        if update:
            variable.assign_sub((variable.read_value() - moment) * 0.01)
    return y


def masked(x, module):
    """Drop values as Keras 2 does: the mask as numbers."""
    keep = tf.cast(tf.random.uniform(tf.shape(x)) >= 0.3, tf.float32)
    return (x / 0.7) * keep


def test_fused_normalization(tmp_path):
    module = Module(fused)
    module.save(tmp_path / "m")
    model = open_mode(tmp_path)
    center = (images() - module.mean.numpy()) / np.sqrt(module.variance.numpy() + 1e-3)
    expected = (center * module.gain.numpy() + module.bias.numpy()).reshape(-1, 72)
    for _ in range(2):
        np.testing.assert_allclose(model.encode(images()).mu, expected, atol=1e-4)


def test_dropout_by_numbers(tmp_path):
    Module(masked).save(tmp_path / "m")
    found = open_mode(tmp_path).encode(images()).mu
    np.testing.assert_allclose(found, images().reshape(-1, 72), atol=1e-5)


def counted(x, module):
    module.mean.assign(module.mean + 1.0)
    return x + module.mean


def moved(x, module):
    module.mean.assign(tf.reduce_mean(x, [0, 1, 2]) + tf.reduce_max(x))
    return x - module.mean


def alpha(x, module):
    keep = tf.cast(tf.random.uniform(tf.shape(x)) >= 0.3, tf.float32)
    return x * keep - 1.7 * (1 - keep)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda x, m: fused(x, m, update=False), "without running statistics"),
        (counted, "a variable that every call changes"),
        (moved, "a variable that every call changes"),
        (alpha, "noise of an unknown kind"),
    ],
    ids=["no statistics", "counter", "moments", "alpha dropout"],
)
def test_what_is_not_known_is_refused(tmp_path, call, what):
    Module(call).save(tmp_path / "m")
    with pytest.raises(ModelError, match=what) as error:
        open_mode(tmp_path)
    assert "--batch-mode keep" in one_line(error)
    model = open_mode(tmp_path, "keep")
    assert any("run in training mode" in note for note in model.spec.notes)


def test_a_draw_is_no_dropout(tmp_path):
    """Binary latents are drawn by comparing with their probabilities; that is not training."""

    def draw(x, module):
        return tf.cast(tf.random.uniform(tf.shape(x)) < x, tf.float32)

    Module(draw).save(tmp_path / "m")
    notes = open_mode(tmp_path).spec.notes
    assert any("random" in note for note in notes)
    assert not any("training" in note for note in notes)
