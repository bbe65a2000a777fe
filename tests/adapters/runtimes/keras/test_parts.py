"""Parts of Keras models: Sequential and subclassed ones, sub-models, layers inside."""

from __future__ import annotations

import numpy as np
import pytest
from adapter_testing import images

from latent_analyze import ModelError
from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, write_bundle
from latent_analyze_adapters.runtimes.keras.adapter import KerasRuntime

keras = pytest.importorskip("keras")
layers = keras.layers
SHAPE, DIM = (4, 6, 3), 5
SIZE = 72


def points(n=3):
    return np.random.default_rng(2).standard_normal((n, DIM), dtype=np.float32)


def open_folder(folder, *, trust=False, **bundle):
    write_bundle(folder, Bundle(runtime="keras", **bundle))
    return KerasRuntime().open(folder, trust=trust)


def open_spec(model, folder, spec, *, trust=False):
    model.save(folder / spec.file)
    name = "encoder" if isinstance(spec, EncoderSpec) else "decoder"
    return open_folder(folder, trust=trust, **{name: spec})


def encoder(**stated):
    return EncoderSpec(file="it.keras", **stated)


def decoder(**stated):
    return DecoderSpec(file="it.keras", **stated)


def same(found, expected):
    np.testing.assert_allclose(found, np.asarray(expected), atol=1e-5)


def sequential_encoder(**name):
    stack = [keras.Input(SHAPE), layers.Flatten(), layers.Dense(9, name="wide")]
    return keras.Sequential([*stack, layers.Dense(DIM, name="lat")], **name)


def sequential_decoder(**name):
    stack = [keras.Input((DIM,)), layers.Dense(9, name="first"), layers.Dense(SIZE, name="second")]
    return keras.Sequential([*stack, layers.Reshape(SHAPE)], **name)


def tailed_encoder(kind):
    """Return an encoder with a layer t after z_mean."""
    if kind == "sequential":
        stack = [keras.Input(SHAPE), layers.Flatten(), layers.Dense(DIM, name="z_mean")]
        return keras.Sequential([*stack, layers.Activation("tanh", name="t")], name="encoder")
    x = keras.Input(SHAPE)
    mu = layers.Dense(DIM, name="z_mean")(layers.Flatten()(x))
    return keras.Model(x, layers.Activation("tanh", name="t")(mu), name="encoder")


class TestSequential:
    def test_encoder_and_decoder(self, tmp_path):
        e, d = sequential_encoder(), sequential_decoder()
        e.save(tmp_path / "encoder.keras")
        d.save(tmp_path / "decoder.keras")
        model = KerasRuntime().open(tmp_path)
        assert (model.bundle.encoder.mu, model.spec.dim) == ("lat", DIM)
        same(model.encode(images()).mu, e(images()))
        same(model.decode(points()), d(points()))
        write_bundle(tmp_path, model.bundle)
        assert KerasRuntime().open(tmp_path).fingerprint == model.fingerprint

    @pytest.mark.parametrize("suffix", [".keras", ".h5"])
    def test_built_by_its_first_batch(self, tmp_path, suffix):
        e = keras.Sequential([layers.Flatten(), layers.Dense(DIM)])
        expected = e(images())
        e.save(tmp_path / f"encoder{suffix}")
        model = KerasRuntime().open(tmp_path, trust=True)
        same(model.encode(images()).mu, expected)
        write_bundle(tmp_path, model.bundle)
        assert KerasRuntime().open(tmp_path, trust=True).fingerprint == model.fingerprint

    def test_a_bare_file(self, tmp_path):
        sequential_decoder().save(tmp_path / "it.keras")
        assert KerasRuntime().open(tmp_path / "it.keras").spec.can_decode

    @pytest.mark.parametrize("whole", ["functional", "sequential"])
    def test_sub_models(self, tmp_path, whole):
        e, d = sequential_encoder(name="encoder"), sequential_decoder(name="decoder")
        x = keras.Input(SHAPE)
        model = keras.Sequential([x, e, d]) if whole == "sequential" else keras.Model(x, d(e(x)))
        model.save(tmp_path / "ae.keras")
        model = KerasRuntime().open(tmp_path / "ae.keras")
        same(model.encode(images()).mu, e(images()))
        same(model.decode(points()), d(points()))

    def test_layers(self, tmp_path):
        e, d = sequential_encoder(), sequential_decoder()
        whole = keras.Sequential([keras.Input(SHAPE), *e.layers, *d.layers])
        whole.save(tmp_path / "it.keras")
        model = open_folder(tmp_path, encoder=encoder(part="lat"), decoder=decoder(part="first"))
        same(model.encode(images()).mu, e(images()))
        same(model.decode(points()), d(points()))

    def test_a_last_layer_with_named_outputs(self, tmp_path):
        x = keras.Input((SIZE,))
        heads = {n: layers.Dense(DIM)(x) for n in ("z_log_var", "z_mean")}
        e = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), keras.Model(x, heads)])
        latents = open_spec(e, tmp_path, encoder()).encode(images())
        same(latents.mu, e(images())["z_mean"])
        same(latents.log_var, e(images())["z_log_var"])


class TestInside:
    @pytest.mark.parametrize("kind", ["functional", "sequential"])
    def test_a_layer_of_a_sub_model(self, tmp_path, kind):
        e, d = tailed_encoder(kind), sequential_decoder(name="decoder")
        x = keras.Input(SHAPE)
        spec = encoder(part="encoder", mu="z_mean")
        model = open_spec(keras.Model(x, d(e(x))), tmp_path, spec)
        flat = layers.Flatten()(images())
        same(model.encode(images()).mu, e.get_layer("z_mean")(flat))

    @pytest.mark.parametrize("stated", [{"log_var": "inner"}, {"mu": "z", "log_var": "inner"}])
    def test_log_var_inside_and_mu_an_output(self, tmp_path, stated):
        x = keras.Input(SHAPE)
        inner = layers.Dense(DIM, name="inner")
        z = layers.Dense(DIM, name="z")
        e = keras.Model(x, z(inner(layers.Flatten()(x))))
        latents = open_spec(e, tmp_path, encoder(**stated)).encode(images())
        same(latents.mu, e(images()))
        same(latents.log_var, inner(layers.Flatten()(images())))

    def test_names_inside_nested_outputs(self, tmp_path):
        x = keras.Input(SHAPE)
        mu, log_var, other = (layers.Dense(DIM)(layers.Flatten()(x)) for _ in range(3))
        e = keras.Model(x, {"latent": {"mu": mu, "log_var": log_var}, "other": [other]})
        latents = open_spec(e, tmp_path, encoder()).encode(images())
        same(latents.mu, e(images())["latent"]["mu"])
        same(latents.log_var, e(images())["latent"]["log_var"])

    def test_a_head_that_is_a_sub_model(self, tmp_path):
        x = keras.Input(SHAPE)
        head = keras.Sequential([layers.Dense(7), layers.Dense(DIM)], name="z_mean")
        z = head(layers.Flatten()(x))
        whole = keras.Model(x, layers.Reshape(SHAPE)(layers.Dense(SIZE)(z)))
        model = open_spec(whole, tmp_path, encoder(mu="z_mean"))
        same(model.encode(images()).mu, head(layers.Flatten()(images())))

    def test_a_sub_model_that_is_used_twice(self, tmp_path):
        e, x = sequential_encoder(name="encoder"), keras.Input(SHAPE)
        twice = keras.Model(x, layers.Add()([e(x), e(layers.Rescaling(2.0)(x))]))
        same(open_spec(twice, tmp_path, encoder(part="encoder")).encode(images()).mu, e(images()))

    def test_a_layer_that_is_called_twice(self, tmp_path):
        x, dense = keras.Input(SHAPE), layers.Dense(SIZE, name="dense")
        twice = keras.Model(x, layers.ReLU()(dense(dense(layers.Flatten()(x)))))
        with pytest.raises(ModelError, match=r"a layer where.*dense, with 2 calls"):
            open_spec(twice, tmp_path, encoder(part="dense"))

    def test_a_log_var_that_is_not_there(self, tmp_path):
        spec = encoder(mu="z_mean", log_var="gone")
        with pytest.raises(ModelError, match=r"an output or layer 'gone' in .*'z_mean'"):
            open_spec(tailed_encoder("functional"), tmp_path, spec)

    def test_a_decoder_with_a_condition(self, tmp_path):
        x, c = keras.Input(SHAPE, name="image"), keras.Input((2,), name="label")
        z = layers.Dense(DIM, name="z")(layers.Concatenate()([layers.Flatten()(x), c]))
        first, second = layers.Dense(9, name="first"), layers.Dense(SIZE)
        both = layers.Concatenate()([first(z), c])
        whole = keras.Model([x, c], layers.Reshape(SHAPE)(second(both)))
        whole.save(tmp_path / "it.keras")
        constants = {"label": [0.25, 0.5]}
        model = open_folder(
            tmp_path,
            encoder=encoder(part="z", input="image", constants=constants),
            decoder=decoder(part="first", input="first", constants=constants),
        )
        given = np.tile(np.float32([0.25, 0.5]), (7, 1))
        same(model.decode(model.encode(images()).mu), whole([images(), given]))

    def test_a_decoder_from_a_layer_with_two_inputs(self, tmp_path):
        z, c = keras.Input((DIM,), name="z"), keras.Input((2,), name="label")
        d = layers.Reshape(SHAPE)(layers.Dense(SIZE)(layers.Concatenate(name="both")([z, c])))
        whole = keras.Model({"z": z, "label": c}, d)
        spec = decoder(part="both", input="z", constants={"label": 0.5})
        found = open_spec(whole, tmp_path, spec).decode(points())
        given = {"z": points(), "label": np.full((3, 2), 0.5, np.float32)}
        same(found, whole(given))


class TestSubclassed:
    CODE = """
import keras

@keras.saving.register_keras_serializable("tests")
class Encoder(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(5)

    def call(self, x):
        mu = self.dense(keras.ops.reshape(x, (-1, 72)))
        return {"z_mean": mu, "z_log_var": mu - 1}
"""

    @pytest.fixture(name="made")
    def _made(self, tmp_path):
        (tmp_path / "mine.py").write_text(self.CODE)
        space = {"__name__": "mine"}
        exec(self.CODE, space)
        return space["Encoder"]()

    @pytest.mark.parametrize("shape", [None, SHAPE])
    def test_shapes_of_its_first_batch_or_as_stated(self, made, tmp_path, shape):
        made(images(2))
        made.save(tmp_path / "it.keras")
        spec = encoder(entry="mine:Encoder")
        model = open_folder(tmp_path, trust=True, encoder=spec, image_shape=shape)
        latents = model.encode(images())
        same(latents.mu, made(images())["z_mean"])
        same(latents.log_var, made(images())["z_log_var"])
        write_bundle(tmp_path, model.bundle)
        assert KerasRuntime().open(tmp_path, trust=True).fingerprint == model.fingerprint

    def test_inside_another_model(self, made, tmp_path):
        x = keras.Input(SHAPE)
        whole = keras.Model(x, layers.Dense(7)(made(x)["z_mean"]))
        spec = encoder(entry="mine:Encoder", part=made.name)
        model = open_spec(whole, tmp_path, spec, trust=True)
        same(model.encode(images()).mu, made(images())["z_mean"])

    @pytest.mark.filterwarnings("ignore:You are saving a model")
    def test_not_built(self, made, tmp_path):
        with pytest.raises(ModelError, match="which was not built"):
            open_spec(made, tmp_path, encoder(entry="mine:Encoder"), trust=True)

    def test_a_shape_that_does_not_fit(self, made, tmp_path):
        made(images(2))
        made.save(tmp_path / "it.keras")
        spec = encoder(entry="mine:Encoder")
        with pytest.raises(ModelError, match=r"\[5, 5, 1\] per row") as error:
            open_folder(tmp_path, trust=True, encoder=spec, image_shape=(5, 5, 1))
        assert "\n" not in str(error.value)

    def test_code_that_raises(self, made, tmp_path):
        made(images(2))
        made.save(tmp_path / "it.keras")
        code = self.CODE.replace("        mu = ", "        raise ValueError('gone')\n        mu = ")
        (tmp_path / "mine.py").write_text(code)
        with pytest.raises(ModelError, match=r"it\.keras.*rows of shape.*Encoder\.call") as error:
            open_folder(tmp_path, trust=True, encoder=encoder(entry="mine:Encoder"))
        assert "\n" not in str(error.value)
