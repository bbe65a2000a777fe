"""Files that do not declare shapes: modules pickled as a whole, and TorchScript, with data."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from adapter_testing import images, one_line

import latent_analyze as la
from latent_analyze import ModelError
from latent_analyze.plugin import DecoderSpec, EncoderSpec
from latent_analyze_adapters.runtimes.torch.adapter import TorchOpener, TorchRuntime
from latent_analyze_adapters.runtimes.torch.kinds import kind_of

torch = pytest.importorskip("torch")
SHAPE, DIM = (4, 6, 3), 5
CODE = """
import torch

class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(72, 5), torch.nn.BatchNorm1d(5), torch.nn.Dropout())
    def forward(self, x):
        return self.net(x)

class Decoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(5, 72), torch.nn.Sigmoid(), torch.nn.Unflatten(1, (3, 4, 6)))
    def forward(self, z):
        return self.net(z)

class Vae(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()
    def forward(self, x):
        return self.decoder(self.encoder(x))

class Gaussian(Vae):
    def encode(self, x):
        h = self.encoder(x)
        return torch.distributions.Normal(h, torch.full_like(h, 0.5))
    def decode(self, z):
        return self.decoder(z)
"""


@pytest.fixture(name="code")
def _code(tmp_path, monkeypatch):
    """The module of the classes, importable only while they are pickled."""
    (tmp_path / "my_classes.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    import my_classes

    yield my_classes
    sys.modules.pop("my_classes", None)


@pytest.fixture(name="save")
def _save(code, tmp_path, monkeypatch):
    """A function that pickles a module in training mode, and forgets its class."""

    def save(name: str, file: str, *, keep_code: bool = True) -> torch.nn.Module:
        torch.manual_seed(0)
        module = getattr(code, name)()
        getattr(module, "encoder", module)(
            torch.rand(64, *((3, 4, 6) if name != "Decoder" else (5,)))
        )
        torch.save(module.train(), tmp_path / file)
        sys.modules.pop("my_classes", None)
        monkeypatch.undo()
        if not keep_code:
            (tmp_path / "my_classes.py").unlink()
        return module.eval()

    return save


def mu(module, x):
    with torch.no_grad():
        return module(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy()


def open_with_data(path: Path):
    return TorchRuntime().open(path, trust=True, image_shape=SHAPE)


class TestPickledModules:
    def test_a_bare_encoder_with_the_shape_of_the_data(self, save, tmp_path):
        module = save("Encoder", "net.pt")
        model = open_with_data(tmp_path / "net.pt")
        np.testing.assert_allclose(model.encode(images()).mu, mu(module, images()), atol=1e-5)
        assert not any("random" in note for note in model.spec.notes)
        assert (model.spec.can_encode, model.spec.can_decode) == (True, False)

    def test_a_folder_with_both(self, save, code, tmp_path):
        torch.save(code.Decoder(), tmp_path / "decoder.pt")
        module = save("Encoder", "encoder.pt")
        model = open_with_data(tmp_path)
        latents = model.encode(images()).mu
        np.testing.assert_allclose(latents, mu(module, images()), atol=1e-5)
        assert model.decode(latents).shape == (7, *SHAPE)

    def test_both_networks_as_submodules(self, save, tmp_path):
        module = save("Vae", "vae.pth")
        model = open_with_data(tmp_path / "vae.pth")
        assert (model.bundle.encoder.part, model.bundle.decoder.part) == ("encoder", "decoder")
        np.testing.assert_allclose(
            model.encode(images()).mu, mu(module.encoder, images()), atol=1e-5
        )

    def test_methods_come_first_and_may_return_a_distribution(self, save, tmp_path):
        module = save("Gaussian", "vae.pt")
        model = open_with_data(tmp_path / "vae.pt")
        assert (model.bundle.encoder.part, model.bundle.decoder.part) == ("encode", "decode")
        latents = model.encode(images())
        np.testing.assert_allclose(latents.mu, mu(module.encoder, images()), atol=1e-5)
        np.testing.assert_allclose(latents.log_var, 2 * np.log(0.5), rtol=1e-5)

    def test_in_a_checkpoint_and_in_data_parallel(self, save, code, tmp_path):
        module = torch.nn.DataParallel(code.Encoder())
        torch.save({"model": module, "epoch": 3}, tmp_path / "net.pt")
        expected = mu(module.module.eval(), images())
        np.testing.assert_allclose(
            open_with_data(tmp_path / "net.pt").encode(images()).mu, expected, atol=1e-5
        )

    def test_needs_trust(self, save, tmp_path):
        save("Encoder", "net.pt")
        with pytest.raises(ModelError, match=r"--trust .* net\.pt \(pickled module\)|--trust"):
            TorchRuntime().open(tmp_path / "net.pt", image_shape=SHAPE)
        assert "my_classes" not in sys.modules

    def test_a_class_that_cannot_be_imported(self, save, tmp_path):
        save("Encoder", "net.pt", keep_code=False)
        with pytest.raises(
            ModelError, match="next to it or installed, found ModuleNotFoundError"
        ) as error:
            open_with_data(tmp_path / "net.pt")
        assert "entry in model.toml" in one_line(error)

    def test_the_folder_does_not_stay_on_the_path(self, save, tmp_path):
        save("Encoder", "net.pt")
        before = list(sys.path)
        open_with_data(tmp_path / "net.pt")
        assert sys.path == before

    def test_shapes_of_other_data(self, save, tmp_path):
        save("Encoder", "net.pt")
        with pytest.raises(ModelError, match="mat1 and mat2"):
            TorchRuntime().open(tmp_path / "net.pt", trust=True, image_shape=(5, 5, 3))

    def test_keep_leaves_training_mode(self, save, tmp_path):
        save("Encoder", "net.pt")
        opener = TorchOpener(tmp_path, "cpu", True)
        keep = EncoderSpec(file="net.pt", batch_mode="keep")
        usual = EncoderSpec(file="net.pt")
        files = opener.read(keep), opener.read(usual)
        assert files[0].sha256 != files[1].sha256
        sessions = [opener.open(f, s, (3, 4, 6)) for f, s in zip(files, (keep, usual), strict=True)]
        x = images().transpose(0, 3, 1, 2).copy()
        outputs = [[session.run(["output"], {"x": x})[0] for _ in range(2)] for session in sessions]
        assert np.abs(outputs[0][0] - outputs[0][1]).max() > 0
        np.testing.assert_array_equal(*outputs[1])


class TestTorchScript:
    @pytest.mark.parametrize("name", ["net.pt", "net.ts"])
    def test_a_bare_encoder_with_the_shape_of_the_data(self, code, tmp_path, name):
        module = code.Encoder().eval()
        torch.jit.trace(module, torch.rand(2, 3, 4, 6)).save(tmp_path / name)
        model = open_with_data(tmp_path / name)
        np.testing.assert_allclose(model.encode(images()).mu, mu(module, images()), atol=1e-5)

    def test_both_networks_in_one_file(self, code, tmp_path):
        module = code.Vae().eval()
        torch.jit.trace(module, torch.rand(2, 3, 4, 6)).save(tmp_path / "vae.pt")
        model = open_with_data(tmp_path / "vae.pt")
        np.testing.assert_allclose(
            model.encode(images()).mu, mu(module.encoder, images()), atol=1e-5
        )
        assert model.decode(np.zeros((2, DIM), np.float32)).shape == (2, *SHAPE)

    def test_without_data_the_error_says_what_is_missing(self, code, tmp_path):
        torch.jit.trace(code.Encoder().eval(), torch.rand(2, 3, 4, 6)).save(tmp_path / "net.pt")
        with pytest.raises(ModelError, match="as 'image_shape="):
            TorchRuntime().open(tmp_path / "net.pt", trust=True)

    def test_a_decoder_by_its_name(self, code, tmp_path):
        torch.jit.trace(code.Decoder().eval(), torch.rand(2, 5)).save(tmp_path / "my_decoder.pt")
        opener = TorchOpener(tmp_path, "cpu", True)
        assert opener.infer_specs("my_decoder.pt", opener.read) == (
            None, DecoderSpec(file="my_decoder.pt"),
        )  # fmt: skip


def fitted(module):
    """Return a module whose decoder nearly undoes its encoder, and images that it explains."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(72, DIM)))[0].astype(np.float32)
    encoder, decoder = module.encoder.net[1], module.decoder.net[0]
    with torch.no_grad():
        decoder.weight.copy_(torch.from_numpy(basis))
        decoder.bias.zero_()
        encoder.weight.copy_(4 * torch.from_numpy(basis.T))
        encoder.bias.copy_(-2 * torch.from_numpy(basis.sum(0)))
        flat = torch.sigmoid(torch.from_numpy((2 * rng.normal(size=(60, DIM))) @ basis.T))
    return module, flat.numpy().reshape(-1, 3, 4, 6).transpose(0, 2, 3, 1).astype(np.float32)


def test_encode_and_run(code, tmp_path):
    """A pair of files that declare no shapes goes from `encode` to a report."""
    module, x = fitted(code.Vae().eval())
    torch.jit.trace(module.encoder, torch.rand(2, 3, 4, 6)).save(tmp_path / "a_encoder.ts")
    torch.jit.trace(module.decoder, torch.rand(2, 5)).save(tmp_path / "a_decoder.ts")
    np.savez(tmp_path / "images.npz", x=x)
    paths = f"{tmp_path}/a_encoder.ts+{tmp_path}/a_decoder.ts"
    store = la.encode(paths, tmp_path / "images.npz", tmp_path / "s.zarr", trust=True)
    found = np.concatenate([store.read(block).z for block in store.blocks()])
    np.testing.assert_allclose(found, mu(module.encoder, x), atol=1e-5)
    report = la.run(tmp_path / "s.zarr", plugins="reconstruct", trust=True, null_repeats=2)
    assert not report.failures
    torch.save(module.encoder, tmp_path / "whole.pt")
    store = la.encode(
        tmp_path / "whole.pt", tmp_path / "images.npz", tmp_path / "t.zarr", trust=True
    )
    assert store.dim == DIM


def test_kinds(save, code, tmp_path):
    torch.save(code.Encoder().state_dict(), tmp_path / "weights.pt")
    torch.save({"state_dict": code.Encoder().state_dict()}, tmp_path / "checkpoint.pt")
    torch.save(torch.ones(3), tmp_path / "tensor.pt")
    torch.jit.trace(code.Decoder().eval(), torch.rand(2, 5)).save(tmp_path / "script.pt")
    save("Encoder", "module.pt")
    kinds = {path.stem: kind_of(path) for path in tmp_path.glob("*.pt")}
    assert kinds == {
        "weights": "state dict", "checkpoint": "state dict", "tensor": "state dict",
        "script": "TorchScript", "module": "pickled module",
    }  # fmt: skip
