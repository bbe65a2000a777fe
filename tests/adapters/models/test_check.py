"""Comparing a model with the samples of its training runtime."""

from __future__ import annotations

import numpy as np
import pytest
from adapter_testing import images, one_line

from latent_analyze import ModelError
from latent_analyze.plugin import Latents, write_bundle
from latent_analyze_adapters.models.check import compare_with_samples
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime

open_model = OnnxRuntime().open


class TestCheck:
    @pytest.fixture
    def stored(self, make_linear, tmp_path):
        linear = make_linear()
        linear.encoder(tmp_path / "encoder.onnx", log_var="log_var")
        linear.decoder(tmp_path / "decoder.onnx")
        bundle = open_model(tmp_path).bundle
        write_bundle(tmp_path, bundle.model_copy(update={"check": "check.npz"}))
        x = images(12)
        mu = linear.mu(x).astype(np.float32)
        return tmp_path, {
            "x": x, "mu": mu, "log_var": linear.log_var(x), "decoded": linear.decoded(mu),
        }  # fmt: skip

    def test_agrees(self, stored):
        folder, arrays = stored
        np.savez(folder / "check.npz", **arrays)
        found = open_model(folder).check()
        assert found.keys() == {"mu", "log_var", "decoded"}
        assert max(found.values()) < 1e-5

    def test_is_in_units_of_the_standard_deviation(self, stored):
        folder, arrays = stored
        deviation = arrays["mu"].std()
        arrays["mu"] = arrays["mu"].copy()
        arrays["mu"][3, 2] += 0.5 * deviation
        np.savez(folder / "check.npz", **arrays)
        found = open_model(folder).check()
        assert found["mu"] == pytest.approx(0.5, rel=0.05)

    def test_nan_does_not_pass(self, stored):
        folder, arrays = stored
        arrays["mu"][0, 0] = np.nan
        np.savez(folder / "check.npz", **arrays)
        assert open_model(folder).check()["mu"] == float("inf")

    def test_constant_output(self, stored):
        folder, arrays = stored
        arrays["log_var"] = np.zeros_like(arrays["mu"])
        np.savez(folder / "check.npz", **arrays)
        assert np.isfinite(open_model(folder).check()["log_var"])

    def test_rounding_of_a_flat_output_is_a_small_difference(self, stored):
        folder, arrays = stored
        exact = open_model(folder)
        flat = (0.5 + 1e-9 * arrays["mu"]).astype(np.float32)
        assert flat.std() < 1e-6
        np.savez(folder / "check.npz", x=arrays["x"], mu=flat)
        exact.encode = lambda x: Latents(flat + 4 * np.finfo(np.float32).eps * flat)
        assert compare_with_samples(exact, folder / "check.npz")["mu"] < 1e-4

    def test_no_samples(self, make_linear, tmp_path):
        assert open_model(make_linear().encoder(tmp_path / "encoder.onnx")).check() is None

    def test_unusable_samples(self, stored):
        folder, arrays = stored
        model = open_model(folder)
        for content in (None, {"y": np.zeros(3)}, {**arrays, "mu": arrays["mu"][:5]}):
            (folder / "check.npz").unlink(missing_ok=True)
            if content is not None:
                np.savez(folder / "check.npz", **content)
            with pytest.raises(ModelError, match="samples x, mu and decoded") as error:
                model.check()
            one_line(error)
        (folder / "check.npz").write_bytes(b"PK\x03\x04 damaged")
        with pytest.raises(ModelError, match="samples x, mu and decoded"):
            model.check()
