"""Keras models, each kind of file made here."""

from __future__ import annotations

import numpy as np
import pytest
from adapter_testing import images

from latent_analyze import ModelError
from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, write_bundle
from latent_analyze_adapters.runtimes.keras.adapter import KerasRuntime

keras = pytest.importorskip("keras")
SHAPE, DIM = (4, 6, 3), 5


class Parts:
    """An autoencoder of sub-models, and one of plain layers with the same weights."""

    def __init__(self):
        keras.utils.set_random_seed(0)
        x, z = keras.Input(SHAPE, name="image"), keras.Input((DIM,), name="z")
        flat = keras.layers.Flatten()(x)
        mu = keras.layers.Dense(DIM, name="z_mean")(flat)
        log_var = keras.layers.Dense(DIM, name="z_log_var")(flat)
        self.encoder = keras.Model(x, {"z_mean": mu, "z_log_var": log_var}, name="encoder")
        wide = keras.layers.Dense(72, activation="sigmoid", name="wide")
        tall = keras.layers.Reshape(SHAPE)
        self.decoder = keras.Model(z, tall(wide(z)), name="decoder")
        self.nested = keras.Model(x, self.decoder(self.encoder(x)["z_mean"]), name="nested")
        self.plain = keras.Model(x, tall(wide(mu)), name="plain")

    def latents(self, x):
        return {name: np.asarray(value) for name, value in self.encoder(x).items()}


@pytest.fixture(name="parts", scope="module")
def _parts():
    return Parts()


def open_folder(folder, *, trust=False, **bundle):
    write_bundle(folder, Bundle(runtime="keras", **bundle))
    return KerasRuntime().open(folder, trust=trust)


def check(model, parts):
    x = images()
    latents, expected = model.encode(x), parts.latents(x)
    np.testing.assert_allclose(latents.mu, expected["z_mean"], atol=1e-5)
    if latents.log_var is not None:
        np.testing.assert_allclose(latents.log_var, expected["z_log_var"], atol=1e-5)
    if model.spec.can_decode:
        decoded = np.asarray(parts.decoder(latents.mu))
        np.testing.assert_allclose(model.decode(latents.mu), decoded, atol=1e-5)
    return latents


class TestFiles:
    def test_a_folder_with_both(self, parts, tmp_path):
        parts.encoder.save(tmp_path / "encoder.keras")
        parts.decoder.save(tmp_path / "decoder.keras")
        model = KerasRuntime().open(tmp_path, device="cpu")
        assert model.spec.variational
        assert check(model, parts).log_var is not None

    @pytest.mark.parametrize("role", ["encoder", "decoder"])
    def test_bare_file(self, parts, tmp_path, role):
        getattr(parts, role).save(tmp_path / "it.keras")
        model = KerasRuntime().open(tmp_path / "it.keras")
        assert (model.spec.can_encode, model.spec.can_decode) == (
            role == "encoder", role == "decoder",
        )  # fmt: skip

    def test_sub_models_are_found(self, parts, tmp_path):
        parts.nested.save(tmp_path / "ae.keras")
        model = KerasRuntime().open(tmp_path / "ae.keras")
        assert model.spec.can_encode
        assert model.spec.can_decode
        check(model, parts)

    @pytest.mark.parametrize("stated", [{"part": "z_mean"}, {"mu": "z_mean"}])
    def test_layers(self, parts, tmp_path, stated):
        parts.plain.save(tmp_path / "ae.keras")
        model = open_folder(
            tmp_path,
            encoder=EncoderSpec(file="ae.keras", **stated),
            decoder=DecoderSpec(file="ae.keras", part="wide"),
        )
        assert check(model, parts).log_var is None

    def test_parts_count_for_the_hash(self, parts, tmp_path):
        parts.nested.save(tmp_path / "ae.keras")
        (tmp_path / "a").mkdir()
        parts.nested.save(tmp_path / "a" / "ae.keras")
        first = KerasRuntime().open(tmp_path / "ae.keras").fingerprint
        spec = EncoderSpec(file="ae.keras", part="encoder")
        assert open_folder(tmp_path / "a", encoder=spec).fingerprint != first

    @pytest.mark.parametrize("part", [None, "wide"])
    def test_the_hash_is_the_same_each_time(self, parts, tmp_path, part):
        (parts.plain if part else parts.decoder).save(tmp_path / "it.keras")
        spec = DecoderSpec(file="it.keras", part=part)
        first, second = (open_folder(tmp_path, decoder=spec) for _ in range(2))
        assert first.fingerprint == second.fingerprint
        write_bundle(tmp_path, first.bundle)
        assert KerasRuntime().open(tmp_path).fingerprint == first.fingerprint

    def test_saved_model_wants_trust(self, parts, tmp_path):
        parts.encoder.export(tmp_path / "encoder", verbose=False)
        parts.decoder.export(tmp_path / "decoder", verbose=False)
        with pytest.raises(ModelError, match="--trust"):
            KerasRuntime().open(tmp_path)
        model = KerasRuntime().open(tmp_path, trust=True)
        check(model, parts)
        assert KerasRuntime().open(tmp_path / "encoder", trust=True).spec.can_encode

    def test_h5_wants_trust(self, parts, tmp_path):
        parts.encoder.save(tmp_path / "encoder.h5")
        with pytest.raises(ModelError, match="--trust"):
            KerasRuntime().open(tmp_path)
        check(KerasRuntime().open(tmp_path, trust=True), parts)

    def test_lambda_layers_want_trust(self, tmp_path):
        x = keras.Input(SHAPE)
        mu = keras.layers.Lambda(lambda t: t[:, 0, 0], output_shape=(3,))(x)
        keras.Model(x, mu).save(tmp_path / "encoder.keras")
        with pytest.raises(ModelError, match="--trust") as error:
            KerasRuntime().open(tmp_path)
        assert "Lambda" in str(error.value)
        assert "\n" not in str(error.value)
        mu = KerasRuntime().open(tmp_path, trust=True).encode(images()).mu
        np.testing.assert_allclose(mu, images()[:, 0, 0], atol=1e-5)


class TestErrors:
    @pytest.mark.parametrize("size", [0, 10, 300, -200])
    def test_damaged_files(self, parts, tmp_path, size):
        parts.encoder.save(tmp_path / "encoder.keras")
        content = (tmp_path / "encoder.keras").read_bytes()
        (tmp_path / "encoder.keras").write_bytes(content[:size])
        with pytest.raises(ModelError, match="a Keras model in") as error:
            KerasRuntime().open(tmp_path)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("spec", "found"),
        [
            ({"part": "latent"}, "a submodel or layer 'latent'.*'z_mean'"),
            ({"mu": "latent"}, "an output 'latent'"),
        ],
    )
    def test_parts_that_are_not_there(self, parts, tmp_path, spec, found):
        parts.plain.save(tmp_path / "ae.keras")
        with pytest.raises(ModelError, match=found):
            open_folder(tmp_path, encoder=EncoderSpec(file="ae.keras", **spec))

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(ModelError, match="no such file"):
            open_folder(tmp_path, encoder=EncoderSpec(file="gone.keras"))

    def test_a_model_that_was_not_built(self, tmp_path):
        keras.Sequential([keras.layers.Dense(3)]).save(tmp_path / "encoder.keras")
        with pytest.raises(ModelError, match="was not built"):
            KerasRuntime().open(tmp_path)

    def test_devices(self, parts, tmp_path):
        parts.encoder.save(tmp_path / "encoder.keras")
        with pytest.raises(ModelError, match="a device, cpu or cuda"):
            KerasRuntime().open(tmp_path, device="tpu")
