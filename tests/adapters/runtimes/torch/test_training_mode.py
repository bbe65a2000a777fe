"""Files that were exported in training mode run as in evaluation, and say so."""

from __future__ import annotations

import numpy as np
import pytest
from adapter_testing import images

from latent_analyze import ModelError
from latent_analyze.plugin import Bundle, EncoderSpec, write_bundle
from latent_analyze_adapters.runtimes.torch.adapter import TorchRuntime

torch = pytest.importorskip("torch")
SHAPE = (4, 6, 3)
ROWS = torch.export.Dim("n", min=2, max=100_000) if hasattr(torch, "export") else None


@pytest.fixture(name="module")
def _module():
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Dropout(0.5),
        torch.nn.Flatten(), torch.nn.Linear(32, 5), torch.nn.BatchNorm1d(5),
    )  # fmt: skip
    for _ in range(20):
        module(3 * torch.randn(16, 3, 4, 6) + 1)
    return module


def expected(module):
    with torch.no_grad():
        return module.eval()(torch.from_numpy(images().transpose(0, 3, 1, 2).copy())).numpy()


def export(module, path, *, decomposed=False):
    program = torch.export.export(
        module.train(), (torch.rand(4, 3, 4, 6),), dynamic_shapes=({0: ROWS},), strict=False
    )
    torch.export.save(program.run_decompositions() if decomposed else program, path)


def trace(module, path):
    # Tracing runs it, which would change its running statistics.
    state = {name: value.clone() for name, value in module.state_dict().items()}
    traced = torch.jit.trace(module.train(), torch.rand(4, 3, 4, 6), check_trace=False)
    traced.load_state_dict(state)
    traced.save(path)
    module.load_state_dict(state)


def open_mode(folder, file, mode="eval", **more):
    spec = EncoderSpec(file=file, batch_mode=mode, **more)
    write_bundle(folder, Bundle(runtime="torch", image_shape=SHAPE, encoder=spec))
    return TorchRuntime().open(folder, device="cpu", trust=True)


@pytest.mark.parametrize("kind", ["program", "decomposed", "script"])
def test_evaluation_with_running_statistics(module, tmp_path, kind):
    if kind == "script":
        trace(module, tmp_path / "m.pt")
    else:
        export(module, tmp_path / "m.pt2", decomposed=kind == "decomposed")
    (path,) = tmp_path.glob("m.*")
    model = TorchRuntime().open(path, device="cpu", trust=True, image_shape=SHAPE)
    for _ in range(2):
        np.testing.assert_allclose(model.encode(images()).mu, expected(module), atol=1e-5)
    (note,) = (note for note in model.spec.notes if "training mode" in note)
    assert note.startswith("encoder: exported in training mode (batch normalization, dropout)")
    assert "running statistics in the file" in note
    assert not any("random" in note or "row by row" in note for note in model.spec.notes)


@pytest.mark.parametrize("kind", ["program", "script"])
def test_keep(module, tmp_path, kind):
    plain = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Flatten(), torch.nn.Linear(72, 5))
    export(plain, tmp_path / "m.pt2") if kind == "program" else trace(plain, tmp_path / "m.pt")
    (path,) = tmp_path.glob("m.*")
    usual, kept = open_mode(tmp_path, path.name), open_mode(tmp_path, path.name, "keep")
    np.testing.assert_allclose(usual.encode(images()).mu, expected(plain), atol=1e-5)
    assert np.abs(kept.encode(images()).mu - expected(plain)).max() > 0.01
    assert any("run in training mode (dropout)" in note for note in kept.spec.notes)
    assert any("random" in note for note in kept.spec.notes)
    assert usual.fingerprint != kept.fingerprint
    # The same files with other settings are not mixed up.
    changed = usual.with_bundle(kept.bundle)
    assert changed.fingerprint == kept.fingerprint
    assert any("run in training mode" in note for note in changed.spec.notes)


def test_files_in_evaluation_mode_get_no_note(module, tmp_path):
    torch.jit.script(module.eval()).save(tmp_path / "scripted.pt")
    torch.jit.script(module.train()).save(tmp_path / "scripted_training.pt")
    for name in ("scripted.pt", "scripted_training.pt"):
        model = open_mode(tmp_path, name)
        np.testing.assert_allclose(model.encode(images()).mu, expected(module), atol=1e-5)
        assert not any("training mode" in note for note in model.spec.notes)


def test_attention_and_recurrent_layers(tmp_path):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(18, 6, num_layers=2, dropout=0.5, batch_first=True)

        def forward(self, x):
            rows, _ = self.lstm(x.flatten(2).reshape(-1, 4, 18))
            found = torch.nn.functional.scaled_dot_product_attention(
                rows, rows, rows, dropout_p=0.5 if self.training else 0.0
            )
            return found[:, -1]

    torch.manual_seed(0)
    module = Net().train()
    trace(module, tmp_path / "m.pt")
    model = TorchRuntime().open(tmp_path / "m.pt", device="cpu", trust=True, image_shape=SHAPE)
    np.testing.assert_allclose(model.encode(images()).mu, expected(module), atol=1e-5)
    assert any("(dropout)" in note for note in model.spec.notes)


def test_an_operator_without_evaluation_is_refused(tmp_path):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(72)

        def forward(self, x):
            n = self.norm
            return torch.ops.aten._batch_norm_with_update_functional(
                x.flatten(1), n.weight, n.bias, n.running_mean, n.running_var, 0.1, 1e-5
            )[0][:, :5]

    export(Net(), tmp_path / "m.pt2")
    with pytest.raises(ModelError, match="--batch-mode keep"):
        open_mode(tmp_path, "m.pt2")
