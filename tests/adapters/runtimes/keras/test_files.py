"""Files of Keras: classes of their own, what safe mode refuses, SavedModels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from adapter_testing import images
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze import ModelError
from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, Host, write_bundle
from latent_analyze.runs.opening import open_model
from latent_analyze_adapters.runtimes.keras.adapter import KerasRuntime
from latent_analyze_adapters.runtimes.keras.session import SavedModelSession

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
layers = keras.layers
SHAPE, DIM = (4, 6, 3), 5
SAMPLING = """
import keras

{decorator}
class Sampling(keras.layers.Layer):
    def call(self, given):
        return given[0] + {shift} + 0.0 * given[1]

def twice(x):
    return x + x
"""
DECORATOR = '@keras.saving.register_keras_serializable("tests_files")'


def space(decorator=DECORATOR, shift=0):
    code, names = SAMPLING.format(decorator=decorator, shift=shift), {"__name__": "my_layers"}
    exec(code, names)
    # What the process that saves a model knows, the one that opens it does not.
    keras.saving.get_custom_objects().clear()
    return code, names


def vae(sampling):
    x = keras.Input(SHAPE, name="image")
    flat = layers.Flatten()(x)
    heads = [layers.Dense(DIM, name=name)(flat) for name in ("z_mean", "z_log_var")]
    return keras.Model(x, [sampling(name="z")(heads), *heads], name="encoder")


def open_folder(folder, *, trust=True, **encoder):
    spec = EncoderSpec(**{"file": "it.keras", **encoder})
    write_bundle(folder, Bundle(runtime="keras", encoder=spec))
    return KerasRuntime().open(folder, trust=trust)


class TestOwnClasses:
    @pytest.mark.parametrize("name", ["it.keras", "it.h5"])
    @pytest.mark.parametrize("decorator", [DECORATOR, ""])
    def test_entry(self, tmp_path, name, decorator):
        code, names = space(decorator)
        model = vae(names["Sampling"])
        model.save(tmp_path / name)
        (tmp_path / "my_layers.py").write_text(code)
        found = open_folder(tmp_path, file=name, entry="my_layers:Sampling", mu="z")
        np.testing.assert_allclose(found.encode(images()).mu, model(images())[0], atol=1e-5)

    def test_what_else_the_module_defines(self, tmp_path):
        code, names = space()
        x = keras.Input(SHAPE)
        model = keras.Model(x, layers.Dense(DIM, activation=names["twice"])(layers.Flatten()(x)))
        model.save(tmp_path / "it.keras")
        (tmp_path / "my_layers.py").write_text(code)
        found = open_folder(tmp_path, entry="my_layers:Sampling")
        np.testing.assert_allclose(found.encode(images()).mu, model(images()), atol=1e-5)

    def test_a_dictionary(self, tmp_path):
        _, names = space("")
        vae(names["Sampling"]).save(tmp_path / "it.keras")
        code = SAMPLING.format(decorator="", shift=0).replace("Sampling", "Drawn")
        (tmp_path / "named.py").write_text(code + "\nKNOWN = {'Sampling': Drawn}")
        assert open_folder(tmp_path, entry="named:KNOWN").spec.dim == DIM

    def test_two_models_with_classes_of_the_same_name(self, tmp_path):
        for shift in (1, 2):
            code, names = space(shift=shift)
            (tmp_path / str(shift)).mkdir()
            model = vae(names["Sampling"])
            model.save(tmp_path / str(shift) / "it.keras")
            (tmp_path / str(shift) / "my_layers.py").write_text(code)
        for shift in (1, 2, 1):
            entry = {"entry": "my_layers:Sampling"}
            z = open_folder(tmp_path / str(shift), mu="z", **entry).encode(images()).mu
            mu = open_folder(tmp_path / str(shift), mu="z_mean", **entry).encode(images()).mu
            np.testing.assert_allclose(z - mu, shift, atol=1e-5)

    def test_a_class_of_a_module_beside_it(self, tmp_path):
        for shift in (1, 2):
            code, names = space("", shift)
            (tmp_path / str(shift)).mkdir()
            vae(names["Sampling"]).save(tmp_path / str(shift) / "it.keras")
            (tmp_path / str(shift) / "inner.py").write_text(code)
            (tmp_path / str(shift) / "mine.py").write_text("from inner import Sampling")
        for shift in (1, 2, 1):
            model = open_folder(tmp_path / str(shift), entry="mine:Sampling", mu="z")
            bare = open_folder(tmp_path / str(shift), entry="mine:Sampling", mu="z_mean")
            found = model.encode(images()).mu - bare.encode(images()).mu
            np.testing.assert_allclose(found, shift, atol=1e-5)

    def test_the_code_counts_for_the_hash(self, tmp_path):
        code, names = space()
        vae(names["Sampling"]).save(tmp_path / "it.keras")
        prints = []
        for text in (code, code, code + "\nTHREE = 3"):
            (tmp_path / "my_layers.py").write_text(text)
            prints.append(open_folder(tmp_path, entry="my_layers:Sampling").fingerprint)
        assert prints[0] == prints[1] != prints[2]

    def test_entry_wants_trust(self, tmp_path):
        layers_of = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(DIM)])
        layers_of.save(tmp_path / "it.keras")
        (tmp_path / "my_layers.py").write_text("raise SystemExit('it ran')")
        with pytest.raises(ModelError, match=r"--trust.*the code of my_layers:Sampling"):
            open_folder(tmp_path, trust=False, entry="my_layers:Sampling")

    def test_an_entry_of_another_kind(self, tmp_path):
        _, names = space()
        vae(names["Sampling"]).save(tmp_path / "it.keras")
        (tmp_path / "my_layers.py").write_text("LAYERS = 3")
        with pytest.raises(ModelError, match=r"a class, a function or a dictionary.*found a int"):
            open_folder(tmp_path, entry="my_layers:LAYERS")

    @pytest.mark.parametrize(
        ("name", "trust"), [("it.keras", False), ("it.keras", True), ("it.h5", True)]
    )
    def test_a_class_that_is_missing_is_named(self, tmp_path, name, trust):
        _, names = space()
        vae(names["Sampling"]).save(tmp_path / name)
        with pytest.raises(ModelError) as error:
            open_folder(tmp_path, trust=trust, file=name)
        assert "'tests_files>Sampling' that" in str(error.value)
        assert "entry = 'my_layers:Sampling'" in str(error.value)
        assert "\n" not in str(error.value)

    def test_a_loss_is_not_needed(self, tmp_path):
        x = keras.Input(SHAPE)
        e = keras.Model(x, layers.Dense(DIM)(layers.Flatten()(x)), name="encoder")
        e.compile("adam", loss=lambda y, z: keras.ops.mean(y - z), metrics=[space()[1]["twice"]])
        e.save(tmp_path / "encoder.keras")
        assert KerasRuntime().open(tmp_path).spec.can_encode

    def test_names_that_a_class_does_not_save(self, tmp_path):
        init = "    def __init__(self, **k):\n        super().__init__(**k)\n\n"
        code = SAMPLING.format(decorator="", shift=0).replace("    def call", init + "    def call")
        names = {"__name__": "my_layers"}
        exec(code, names)
        x = keras.Input(SHAPE)
        mu = layers.Dense(DIM)(layers.Flatten()(x))
        keras.Model(x, names["Sampling"]()([mu, mu])).save(tmp_path / "it.keras")
        (tmp_path / "my_layers.py").write_text(code)
        first = open_folder(tmp_path, entry="my_layers:Sampling")
        write_bundle(tmp_path, first.bundle)
        assert KerasRuntime().open(tmp_path, trust=True).fingerprint == first.fingerprint


class TestRefused:
    REFUSED = (
        ("TFSMLayer", {"filepath": "gone", "call_endpoint": "serve"}),
        ("StringLookup", {"vocabulary": "/etc/hostname"}),
        ("Activation", {"activation": {"class_name": "__lambda__", "config": {"value": "4w=="}}}),
        ("Lambda", {"function": {"class_name": "__lambda__", "config": {"code": "4w=="}}}),
    )

    @staticmethod
    def write(path, changes):
        """Save an encoder whose layer `odd` is another one."""
        x = keras.Input(SHAPE)
        odd = layers.Activation("relu", name="odd")(x)
        keras.Model(x, layers.Dense(DIM)(layers.Flatten()(odd))).save(path)
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(files["config.json"])
        next(e for e in config["config"]["layers"] if e["name"] == "odd").update(changes)
        files["config.json"] = json.dumps(config).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)

    @pytest.mark.parametrize(("layer", "config"), REFUSED, ids=[name for name, _ in REFUSED])
    def test_the_layer_is_named(self, tmp_path, layer, config):
        changes = {"class_name": layer, "config": {"name": "odd", **config}}
        self.write(tmp_path / "encoder.keras", changes)
        with pytest.raises(ModelError, match="--trust") as error:
            KerasRuntime().open(tmp_path)
        assert f"holds a layer {layer} that Keras' safe mode refuses" in str(error.value)
        assert "\n" not in str(error.value)

    def test_a_package_that_is_missing(self, tmp_path):
        changes = {"class_name": "Gone", "module": "keras_hub.gone", "registered_name": "Gone"}
        self.write(tmp_path / "encoder.keras", changes)
        with pytest.raises(ModelError, match="install the package"):
            KerasRuntime().open(tmp_path)


def save(folder, function, *shapes):
    """Export a function of tensors called a, b, ... as a SavedModel."""
    module = tf.Module()
    specs = [tf.TensorSpec(s, tf.float32, name=n) for n, s in zip("abc", shapes, strict=False)]
    module.f = tf.function(function, input_signature=specs)
    tf.saved_model.save(module, str(folder), signatures=module.f)


def flat(x):
    return tf.reshape(x, (-1, 72))[:, :DIM]


class TestSavedModels:
    def test_outputs_are_in_the_order_of_their_names(self, tmp_path):
        x = keras.Input(SHAPE)
        heads = [layers.Dense(DIM, name=f"head_{n}")(layers.Flatten()(x)) for n in range(12)]
        model = keras.Model(x, heads)
        model.export(tmp_path / "encoder", verbose=False)
        found = KerasRuntime().open(tmp_path, trust=True)
        assert found.latent_outputs == tuple(f"output_{n}" for n in range(12))
        np.testing.assert_allclose(found.encode(images()).mu, model(images())[0], atol=1e-5)

    @given(st.permutations(["a", "b", "output_0", "output_2", "output_10"]))
    def test_any_order_in_the_file_is_the_same_model(self, names):
        spec = tf.TensorSpec([None, 1], tf.float32)
        specs = dict.fromkeys(names, spec)
        function = SimpleNamespace(
            structured_input_signature=((), specs), structured_outputs=dict(reversed(specs.items()))
        )
        graph = SavedModelSession(function, "encoder", None, None).graph
        expected = ["a", "b", "output_0", "output_2", "output_10"]
        assert [t.name for t in graph.inputs] == [t.name for t in graph.outputs] == expected

    def test_processes_agree(self, tmp_path):
        save(tmp_path / "encoder", lambda a: {n: flat(a) for n in "zyxwvut"}, [None, *SHAPE])
        code = (
            "import sys; from pathlib import Path\n"
            "from latent_analyze_adapters.runtimes.keras.adapter import KerasRuntime\n"
            "m = KerasRuntime().open(Path(sys.argv[1]), trust=True)\n"
            "print(m.fingerprint, *m.latent_outputs)"
        )
        env = {n: v for n, v in os.environ.items() if n != "TF_CPP_MIN_LOG_LEVEL"}
        there = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            capture_output=True, text=True, check=True, env={**env, "PYTHONHASHSEED": "1"},
        )  # fmt: skip
        here = KerasRuntime().open(tmp_path, trust=True)
        assert here.latent_outputs == tuple("tuvwxyz")
        assert there.stdout.split() == [here.fingerprint, *here.latent_outputs]
        assert "oneDNN" not in there.stderr
        assert "All log messages" not in there.stderr

    def test_further_inputs(self, tmp_path):
        save(tmp_path / "encoder", lambda a, b: {"mu": flat(a) + b}, [None, *SHAPE], [None, 1])
        spec = EncoderSpec(file="encoder", input="a", constants={"b": 2.0})
        write_bundle(tmp_path, Bundle(runtime="keras", encoder=spec))
        found = KerasRuntime().open(tmp_path, trust=True).encode(images()).mu
        np.testing.assert_allclose(found, flat(images()) + 2, atol=1e-5)

    def test_an_unknown_rank(self, tmp_path):
        save(tmp_path / "encoder", lambda a: {"mu": flat(a)}, None)
        with pytest.raises(ModelError, match="a known number of axes in encoder, found 'a'"):
            KerasRuntime().open(tmp_path, trust=True)
        found = KerasRuntime().open(tmp_path, trust=True, image_shape=SHAPE)
        np.testing.assert_allclose(found.encode(images()).mu, flat(images()), atol=1e-5)

    def test_an_unknown_rank_of_a_decoder(self, tmp_path):
        def decode(a):
            return {"y": tf.reshape(tf.tile(a, (1, 24)), tf.concat([tf.shape(a)[:1], SHAPE], 0))}

        save(tmp_path / "decoder", decode, None)
        spec = DecoderSpec(file="decoder")
        bundle = Bundle(runtime="keras", decoder=spec, latent_shape=(3,), image_shape=SHAPE)
        write_bundle(tmp_path, bundle)
        z = np.random.default_rng(0).random((4, 3), np.float32)
        found = KerasRuntime().open(tmp_path, trust=True).decode(z)
        np.testing.assert_allclose(found, np.tile(z, (1, 24)).reshape(4, *SHAPE), atol=1e-5)

    @pytest.mark.parametrize("name", ["encoder-v1.0", "encoder.onnx", "encoder.keras", "encoder"])
    def test_any_name_of_the_folder(self, tmp_path, name):
        save(tmp_path / name, lambda a: {"mu": flat(a)}, [None, *SHAPE])
        model, _ = open_model(str(tmp_path / name), Host(), trust=True)
        assert model.spec.adapter == "keras"
        assert model.spec.can_encode

    def test_a_signature_that_is_not_there(self, tmp_path):
        save(tmp_path / "encoder", lambda a: {"mu": flat(a)}, [None, *SHAPE])
        with pytest.raises(ModelError, match=r"a signature 'other' in .* found 'serving_default'"):
            open_folder(tmp_path, file="encoder", part="other")
