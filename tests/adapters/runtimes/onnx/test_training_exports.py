"""What PyTorch writes in training mode runs as the network does after `eval()`."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from adapter_testing import one_line

from latent_analyze import ModelError
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime
from latent_analyze_adapters.runtimes.onnx.surgery.evaluation import in_training_mode


def open_bare(path):
    return OnnxRuntime().open(path, device="cpu")


def dropout_notes(model):
    return [note for note in model.spec.notes if "dropout was exported" in note]


class TestTorch:
    """What PyTorch writes: the older exporter in training mode, the newer one as it was trained."""

    @pytest.fixture(name="network")
    def _network(self):
        torch = pytest.importorskip("torch")
        torch.manual_seed(0)
        nn = torch.nn
        layers = [nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3)]
        network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8))
        network.train()
        for _ in range(4):
            network(torch.rand(16, 3, 8, 8) * 2 + 1)
        return network

    def check(self, torch, network, path):
        x = np.random.default_rng(0).random((6, 8, 8, 3), dtype=np.float32)
        network.eval()
        with torch.no_grad():
            wanted = network(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy()
        model = open_bare(path)
        np.testing.assert_allclose(model.encode(x).mu, wanted, rtol=1e-3, atol=1e-5)
        assert dropout_notes(model)

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize("opset", [13, 17])
    def test_the_older_exporter(self, network, tmp_path, opset):
        torch = pytest.importorskip("torch")
        path = tmp_path / "encoder.onnx"
        torch.onnx.export(
            network, (torch.rand(4, 3, 8, 8),), path, dynamo=False, do_constant_folding=False,
            training=torch.onnx.TrainingMode.TRAINING, input_names=["x"], opset_version=opset,
            dynamic_axes={"x": {0: "n"}},
        )  # fmt: skip
        assert in_training_mode(onnx.load(path))
        self.check(torch, network, path)

    @pytest.mark.filterwarnings("ignore")
    def test_the_newer_exporter(self, network, tmp_path):
        torch = pytest.importorskip("torch")
        pytest.importorskip("onnxscript")
        path = tmp_path / "encoder.onnx"
        shapes = ({0: torch.export.Dim("n")},)
        torch.onnx.export(
            network.train(), (torch.rand(4, 3, 8, 8),), path, dynamo=True, dynamic_shapes=shapes
        )
        self.check(torch, network, path)

    @pytest.mark.filterwarnings("ignore")
    def test_a_layer_without_running_statistics(self, tmp_path):
        torch = pytest.importorskip("torch")
        linear = torch.nn.Linear(6, 4)
        network = torch.nn.Sequential(linear, torch.nn.BatchNorm1d(4, track_running_stats=False))
        path = tmp_path / "encoder.onnx"
        torch.onnx.export(
            network.train(), (torch.rand(4, 6),), path, dynamo=False,
            training=torch.onnx.TrainingMode.TRAINING,
        )  # fmt: skip
        with pytest.raises(ModelError, match="running statistics") as error:
            open_bare(path)
        one_line(error)
