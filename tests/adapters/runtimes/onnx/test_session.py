"""Devices, and what happens where they are missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from adapter_testing import one_line

from latent_analyze import MissingDependencyError, ModelError
from latent_analyze_adapters.runtimes.onnx import devices as _onnx_devices
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime

open_model = OnnxRuntime().open


class TestDevices:
    def test_cpu(self, make_linear, tmp_path):
        path = make_linear().encoder(tmp_path / "encoder.onnx")
        assert open_model(path, device="cpu").spec.notes[-1] == "runs on CPUExecutionProvider"

    def test_unknown_device(self, make_linear, tmp_path):
        with pytest.raises(ModelError, match="a device, cuda, coreml"):
            open_model(make_linear().encoder(tmp_path / "encoder.onnx"), device="tpu")

    def test_cuda_is_not_asked_for_where_it_cannot_load(self, make_linear, tmp_path, monkeypatch):
        path = make_linear().encoder(tmp_path / "encoder.onnx")
        runtime = _onnx_devices.import_runtime()
        monkeypatch.setattr(runtime, "get_available_providers", lambda: [_onnx_devices.CUDA])
        monkeypatch.setattr(_onnx_devices, "cuda_obstacle", lambda: "no NVIDIA driver")
        with pytest.raises(ModelError, match="CUDAExecutionProvider for the device cuda") as error:
            open_model(path, device="cuda")
        assert "no NVIDIA driver" in one_line(error)
        assert open_model(path).spec.notes[-1] == "runs on CPUExecutionProvider"

    @pytest.mark.filterwarnings("ignore:Specified provider")
    def test_cuda_that_fails_after_all_falls_back_quietly(
        self, make_linear, tmp_path, monkeypatch, capfd
    ):
        import onnxruntime

        if _onnx_devices.CUDA in onnxruntime.get_available_providers():
            pytest.skip("onnxruntime has CUDA here")
        path = make_linear().encoder(tmp_path / "encoder.onnx")
        monkeypatch.setattr(
            _onnx_devices, "obstacle", lambda device: "" if device == "cuda" else "x"
        )
        assert open_model(path).spec.notes[-1] == "runs on CPUExecutionProvider"
        with pytest.raises(ModelError, match="CUDAExecutionProvider for the device cuda"):
            open_model(path, device="cuda")
        captured = capfd.readouterr()
        assert captured.out == ""
        assert captured.err == ""

    def test_driver_without_a_device(self, monkeypatch):
        runtime = _onnx_devices.import_runtime()
        monkeypatch.setattr(runtime, "get_available_providers", lambda: [_onnx_devices.CUDA])

        def missing(name):
            raise OSError(name)

        monkeypatch.setattr(_onnx_devices.ctypes, "CDLL", missing)
        assert _onnx_devices.cuda_obstacle() == "no NVIDIA driver"

    @pytest.mark.parametrize("device", ["tensorrt", "coreml", "openvino", "directml"])
    def test_devices_that_are_not_here(self, make_linear, tmp_path, device):
        import onnxruntime

        name = _onnx_devices.PROVIDERS[device][0]
        if name in onnxruntime.get_available_providers():
            pytest.skip(f"onnxruntime has {name} here")
        path = make_linear().encoder(tmp_path / "encoder.onnx")
        with pytest.raises(ModelError, match=f"{name} for the device {device}") as error:
            open_model(path, device=device)
        assert "an onnxruntime without it" in one_line(error)

    def test_bound_inputs_and_outputs(self, make_linear, tmp_path):
        """The way of the GPU, which the CPU can go too."""
        model = open_model(make_linear().encoder(tmp_path / "encoder.onnx", log_var="log_var"))
        x = np.random.default_rng(0).random((7, 4, 6, 3), dtype=np.float32)
        expected = model.encode(x)
        session = model._session("encoder")
        session.device = "as on a GPU"
        for found, wanted in zip(model.encode(x), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)

    def test_onnxruntime_missing(self, make_linear, tmp_path, monkeypatch):
        path = make_linear().encoder(tmp_path / "encoder.onnx")
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(MissingDependencyError, match=r"latent-analyze\[onnx\]") as error:
            open_model(path)
        one_line(error)


def test_codes_are_listed_as_int64(save_graph):
    from onnx import TensorProto, helper

    from latent_analyze_adapters.runtimes.onnx.session import OnnxSession

    flat = helper.make_node("Flatten", ["x"], ["f"])
    path = save_graph(
        [flat, helper.make_node("ArgMax", ["f"], ["y"], axis=1)], ({"x": (2, 3, 1)}, {}), {},
        outputs=(helper.make_tensor_value_info("y", TensorProto.INT64, ["N", 1]),),
    )  # fmt: skip
    session = OnnxSession(path, "cpu")
    (output,) = session.graph.outputs
    assert (output.name, output.dtype, output.shape) == ("y", "int64", (None, 1))
    x = np.eye(6, dtype=np.float32).reshape(6, 2, 3, 1)
    (found,) = session.run(["y"], {"x": x})
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found[:, 0], np.arange(6))
