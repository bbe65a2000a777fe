"""PyTorch models, each kind of file made here."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from adapter_testing import images

from latent_analyze import ModelError
from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, write_bundle
from latent_analyze_adapters.runtimes.torch.adapter import TorchRuntime

torch = pytest.importorskip("torch")
SHAPE, DIM = (4, 6, 3), 5
CLASS = """
import torch

class Vae(torch.nn.Module):
    def __init__(self, dim=5, size=72):
        super().__init__()
        self.encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(size, dim))
        self.decoder = torch.nn.Sequential(
            torch.nn.Linear(dim, size), torch.nn.Sigmoid(), torch.nn.Unflatten(1, (3, 4, 6)))
    def encode(self, x):
        return {"log_var": -self.encoder(x), "mu": self.encoder(x)}
    def forward(self, x):
        return self.decoder(self.encoder(x))

def broken(): raise RuntimeError("nothing")
def other(): return 3
"""


@pytest.fixture(name="vae", scope="module")
def _vae():
    space = {}
    exec(CLASS, space)
    torch.manual_seed(0)
    return space["Vae"]().eval()


def run(module, rows):
    with torch.no_grad():
        return module(torch.from_numpy(np.ascontiguousarray(rows))).numpy()


def expected_mu(vae, x):
    return run(vae.encoder, x.transpose(0, 3, 1, 2))


def expected_images(vae, z):
    return run(vae.decoder, z).transpose(0, 2, 3, 1)


class TwoOutputs(torch.nn.Module):
    def __init__(self, encoder, *, drawn=False, image=False):
        super().__init__()
        self.encoder, self.drawn, self.image = encoder, drawn, image

    def forward(self, x):
        mu = self.encoder(x)
        if self.drawn:
            return mu + torch.randn_like(mu), mu
        return (mu, x + 1) if self.image else (mu, -mu)


class Nested(torch.nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, x):
        mu = self.encoder(x)
        return {"latent_dist": {"logvar": -mu, "mean": mu}}


def export(module, path, example, *, free=True, rows=None):
    rows = rows or torch.export.Dim("n", min=1, max=100_000)
    program = torch.export.export(
        module, (example,), dynamic_shapes=({0: rows},) if free else None, strict=False
    )
    torch.export.save(program, path)


@pytest.fixture(name="programs", scope="module")
def _programs(vae, tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    export(vae.encoder, folder / "encoder.pt2", torch.rand(3, 3, 4, 6))
    export(vae.decoder, folder / "decoder.pt2", torch.rand(3, DIM))
    return folder


def open_folder(folder, *, trust=True, **bundle):
    write_bundle(folder, Bundle(runtime="torch", **bundle))
    return TorchRuntime().open(folder, trust=trust)


class TestExportedPrograms:
    def test_without_model_toml(self, vae, programs):
        model = TorchRuntime().open(programs, device="cpu", trust=True)
        x = images()
        assert model.spec.input.shape == SHAPE
        mu = model.encode(x).mu
        np.testing.assert_allclose(mu, expected_mu(vae, x), atol=1e-5)
        np.testing.assert_allclose(model.decode(mu), expected_images(vae, mu), atol=1e-5)

    @pytest.mark.parametrize("role", ["encoder", "decoder"])
    def test_bare_file(self, programs, role):
        model = TorchRuntime().open(programs / f"{role}.pt2", trust=True)
        assert (model.spec.can_encode, model.spec.can_decode) == (
            role == "encoder", role == "decoder",
        )  # fmt: skip

    def test_fixed_batch(self, vae, tmp_path):
        export(vae.encoder, tmp_path / "encoder.pt2", torch.rand(3, 3, 4, 6), free=False)
        x = images()
        model = TorchRuntime().open(tmp_path, trust=True)
        np.testing.assert_allclose(model.encode(x).mu, expected_mu(vae, x), atol=1e-5)

    def test_outputs_in_a_mapping(self, vae, tmp_path):
        class Encode(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.vae = vae

            def forward(self, x):
                return self.vae.encode(x)

        export(Encode(), tmp_path / "encoder.pt2", torch.rand(3, 3, 4, 6))
        latents = TorchRuntime().open(tmp_path, trust=True).encode(images())
        np.testing.assert_allclose(latents.mu, expected_mu(vae, images()), atol=1e-5)
        np.testing.assert_array_equal(latents.log_var, -latents.mu)

    def test_two_outputs_are_mu_and_log_var(self, vae, tmp_path):
        export(TwoOutputs(vae.encoder), tmp_path / "encoder.pt2", torch.rand(3, 3, 4, 6))
        model = TorchRuntime().open(tmp_path, trust=True)
        latents = model.encode(images())
        np.testing.assert_allclose(latents.mu, expected_mu(vae, images()), atol=1e-5)
        np.testing.assert_array_equal(latents.log_var, -latents.mu)
        assert any("assumed to be mu and log_var" in note for note in model.spec.notes)
        # What was inferred, once it is stated, is read in the same way.
        again = open_folder(tmp_path, encoder=model.bundle.encoder)
        assert again.spec.variational
        assert again.fingerprint == model.fingerprint

    def test_two_outputs_by_their_nodes(self, vae, tmp_path):
        export(TwoOutputs(vae.encoder), tmp_path / "encoder.pt2", torch.rand(3, 3, 4, 6))
        latents = open_folder(tmp_path, encoder=EncoderSpec(file="encoder.pt2", mu="neg")).encode(
            images()
        )
        np.testing.assert_allclose(latents.mu, -expected_mu(vae, images()), atol=1e-5)
        assert latents.log_var is None

    def test_two_outputs_with_something_drawn_are_not_told_apart(self, vae, tmp_path):
        module = TwoOutputs(vae.encoder, drawn=True)
        export(module, tmp_path / "encoder.pt2", torch.rand(3, 3, 4, 6))
        assert not TorchRuntime().open(tmp_path, trust=True).spec.variational

    def test_a_node_called_mean_is_not_mu(self, vae, tmp_path):
        class Pooled(torch.nn.Module):
            def forward(self, x):
                return vae.encoder(x), x.mean((2, 3)), None

        export(Pooled(), tmp_path / "encoder.pt2", torch.rand(3, 3, 4, 6))
        model = TorchRuntime().open(tmp_path, trust=True)
        expected = expected_mu(vae, images())
        np.testing.assert_allclose(model.encode(images()).mu, expected, atol=1e-5)
        pooled = open_folder(tmp_path, encoder=EncoderSpec(file="encoder.pt2", mu="mean"))
        assert pooled.spec.dim == 3

    def test_bfloat16(self, tmp_path):
        module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(72, 5)).bfloat16()
        example = torch.rand(3, 3, 4, 6).bfloat16()
        export(module, tmp_path / "encoder.pt2", example)
        found = TorchRuntime().open(tmp_path, trust=True).encode(images()).mu
        x = torch.from_numpy(images().transpose(0, 3, 1, 2).copy())
        np.testing.assert_allclose(found, module.float()(x).detach(), atol=0.03)

    def test_a_whole_vae_is_no_encoder(self, vae, tmp_path):
        class Whole(torch.nn.Module):
            def forward(self, x):
                return 1 - x, vae.encoder(x)

        export(Whole(), tmp_path / "encoder.pt2", torch.rand(3, 3, 4, 6))
        with pytest.raises(ModelError, match=r"an image like x "):
            TorchRuntime().open(tmp_path, trust=True)
        named = open_folder(tmp_path, encoder=EncoderSpec(file="encoder.pt2", mu="output_1"))
        np.testing.assert_allclose(named.encode(images()).mu, expected_mu(vae, images()), atol=1e-5)

    def test_outputs_of_several_shapes(self, vae, tmp_path):
        export(
            TwoOutputs(vae.encoder, image=True), tmp_path / "encoder.pt2", torch.rand(3, 3, 4, 6)
        )
        model = TorchRuntime().open(tmp_path, trust=True)
        assert any("which differ in shape" in note for note in model.spec.notes)

    def test_outputs_in_a_mapping_inside(self, vae, tmp_path):
        export(Nested(vae.encoder), tmp_path / "encoder.pt2", torch.rand(3, 3, 4, 6))
        latents = TorchRuntime().open(tmp_path, trust=True).encode(images())
        np.testing.assert_allclose(latents.mu, expected_mu(vae, images()), atol=1e-5)
        np.testing.assert_array_equal(latents.log_var, -latents.mu)

    def test_bounded_batch(self, vae, tmp_path):
        rows = torch.export.Dim("n", max=6)
        export(vae.encoder, tmp_path / "encoder.pt2", torch.rand(3, 3, 4, 6), rows=rows)
        x = images(20)
        model = TorchRuntime().open(tmp_path, trust=True)
        np.testing.assert_allclose(model.encode(x).mu, expected_mu(vae, x), atol=1e-5)
        assert any("at most 6 rows" in note for note in model.spec.notes)
        assert open_folder(tmp_path, encoder=model.bundle.encoder).spec.batch == model.spec.batch
        with pytest.raises(ModelError, match="a batch of at most 6"):
            open_folder(tmp_path, encoder=EncoderSpec(file="encoder.pt2", batch=7))

    def test_it_pickles_as_what_is_known_of_it(self, programs):
        model = TorchRuntime().open(programs, device="cpu", trust=True)
        dumped = pickle.dumps(model)
        assert len(dumped) < 20_000
        np.testing.assert_array_equal(
            pickle.loads(dumped).encode(images()).mu, model.encode(images()).mu
        )

    def test_parts_are_refused(self, programs, tmp_path):
        (tmp_path / "e.pt2").write_bytes((programs / "encoder.pt2").read_bytes())
        with pytest.raises(ModelError, match="no parts"):
            open_folder(tmp_path, encoder=EncoderSpec(file="e.pt2", part="x"))


class TestTorchScript:
    @pytest.fixture
    def folder(self, vae, tmp_path):
        torch.jit.trace(vae, torch.rand(2, 3, 4, 6)).save(tmp_path / "vae.pt")
        return tmp_path

    def test_parts(self, vae, folder):
        model = open_folder(
            folder, image_shape=SHAPE, latent_shape=(DIM,),
            encoder=EncoderSpec(file="vae.pt", part="encoder"),
            decoder=DecoderSpec(file="vae.pt", part="decoder"),
        )  # fmt: skip
        x = images()
        mu = model.encode(x).mu
        np.testing.assert_allclose(mu, expected_mu(vae, x), atol=1e-5)
        np.testing.assert_allclose(model.decode(mu), expected_images(vae, mu), atol=1e-5)

    def test_shapes_must_be_stated(self, folder):
        with pytest.raises(ModelError, match="as 'image_shape="):
            open_folder(folder, encoder=EncoderSpec(file="vae.pt", part="encoder"))

    def test_unknown_part(self, folder):
        with pytest.raises(ModelError, match="'encoder', 'decoder'"):
            open_folder(folder, image_shape=SHAPE, encoder=EncoderSpec(file="vae.pt", part="enc"))


class TestStateDict:
    @pytest.fixture
    def folder(self, vae, tmp_path):
        torch.save(vae.state_dict(), tmp_path / "vae.pt")
        (tmp_path / "my_vae.py").write_text(CLASS)
        return tmp_path

    def open(self, folder, name="Vae", **more):
        spec = EncoderSpec(file="vae.pt", entry=f"my_vae:{name}", **{"part": "encode", **more})
        return open_folder(folder, image_shape=SHAPE, encoder=spec)

    def test_class_and_method(self, vae, folder):
        x = images()
        latents = self.open(folder, arguments={"dim": DIM}).encode(x)
        np.testing.assert_allclose(latents.mu, expected_mu(vae, x), atol=1e-5)
        np.testing.assert_array_equal(latents.log_var, -latents.mu)

    @pytest.mark.parametrize(
        ("wrap", "notes"),
        [
            (lambda w: {"state_dict": w, "epoch": 3}, ["taken from 'state_dict'"]),
            (lambda w: {"model": w, "ema": w}, ["taken from 'model'"]),
            (lambda w: {f"module.{k}": v for k, v in w.items()}, ["'module.' removed"]),
            (
                lambda w: {"state_dict": {f"model._orig_mod.{k}": v for k, v in w.items()}},
                ["taken from 'state_dict'", "'model._orig_mod.' removed"],
            ),
        ],
    )
    def test_checkpoints(self, vae, folder, wrap, notes):
        torch.save(wrap(vae.state_dict()), folder / "vae.pt")
        model = self.open(folder)
        np.testing.assert_allclose(model.encode(images()).mu, expected_mu(vae, images()), atol=1e-5)
        assert all(any(note in found for found in model.spec.notes) for note in notes)

    @pytest.mark.parametrize(
        ("content", "found"),
        [
            ({"state_dict": {"a": torch.ones(1)}, "model": {"a": torch.ones(1)}}, "'model'"),
            ({"state_dict": {"a": torch.ones(1)}}, "missing 'decoder.0.bias', .* and 1 more"),
            ({"net.a": torch.ones(1)}, "unexpected 'net.a'"),
            (torch.ones(3), "found a Tensor"),
            ({}, "an empty one"),
        ],
    )
    def test_other_content(self, folder, content, found):
        torch.save(content, folder / "vae.pt")
        with pytest.raises(ModelError, match=found) as error:
            self.open(folder)
        assert "model.state_dict()" in str(error.value)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("new", [False, True])
    def test_pickled_modules_and_old_files(self, vae, folder, new):
        content = torch.nn.Linear(2, 2) if new else vae.state_dict()
        torch.save(content, folder / "vae.pt", _use_new_zipfile_serialization=new)
        with pytest.raises(ModelError, match=r"model\.state_dict\(\) with torch\.save") as error:
            # The class in model.toml is for weights.
            self.open(folder)
        assert ("pickled module" in str(error.value)) == new
        assert "weights_only" not in str(error.value)

    def test_encoder_and_decoder_share_what_was_loaded(self, folder):
        spec = {"file": "vae.pt", "entry": "my_vae:Vae"}
        model = open_folder(
            folder, image_shape=SHAPE, latent_shape=(DIM,),
            encoder=EncoderSpec(**spec, part="encode"), decoder=DecoderSpec(**spec, part="decoder"),
        )  # fmt: skip
        assert model.decode(model.encode(images()).mu).shape == (7, *SHAPE)
        assert len(model._opener._loaded) == 1

    def test_half_precision(self, vae, folder):
        torch.save(vae.half().state_dict(), folder / "vae.pt")
        vae.float()
        model = self.open(folder)
        np.testing.assert_allclose(model.encode(images()).mu, expected_mu(vae, images()), atol=0.01)

    @pytest.mark.parametrize(
        ("name", "arguments", "found"),
        [
            ("Vae", {"dim": 4}, "size mismatch"),
            ("Vae", {"width": 4}, "unexpected keyword argument"),
            ("broken", {}, "RuntimeError: nothing"),
            ("other", {}, "found int"),
        ],
    )
    def test_classes_that_do_not_fit(self, folder, name, arguments, found):
        with pytest.raises(ModelError, match=found) as error:
            self.open(folder, name, arguments=arguments)
        assert "\n" not in str(error.value)

    def test_the_class_must_be_stated(self, folder):
        with pytest.raises(ModelError, match="entry = "):
            open_folder(folder, image_shape=SHAPE, encoder=EncoderSpec(file="vae.pt"))

    def test_the_class_counts_for_the_hash(self, folder):
        first = self.open(folder).fingerprint
        assert self.open(folder).fingerprint == first
        assert self.open(folder, part="encoder").fingerprint != first
        (folder / "my_vae.py").write_text(CLASS + "\n")
        assert self.open(folder).fingerprint != first

    def test_modules_beside_the_class_count_too(self, folder):
        first = self.open(folder).fingerprint
        (folder / "layers.py").write_text("WIDTH = 3\n")
        assert self.open(folder).fingerprint != first


class TestErrors:
    @pytest.mark.parametrize("kind", ["program", "script", "state"])
    def test_nothing_is_opened_without_trust(self, kind, vae, programs, tmp_path):
        path = tmp_path / ("encoder.pt2" if kind == "program" else "encoder.pt")
        if kind == "program":
            path.write_bytes((programs / "encoder.pt2").read_bytes())
        elif kind == "script":
            torch.jit.trace(vae.encoder, torch.rand(2, 3, 4, 6)).save(path)
        else:
            torch.save(vae.state_dict(), path)
        with pytest.raises(ModelError, match="--trust") as error:
            open_folder(tmp_path, trust=False, encoder=EncoderSpec(file=path.name))
        assert "\n" not in str(error.value)

    def test_pickles_are_never_loaded_for_a_class(self, vae, tmp_path):
        class Bomb(dict):
            def __reduce__(self):
                return print, ("loaded",)

        torch.save(Bomb(), tmp_path / "vae.pt")
        (tmp_path / "my_vae.py").write_text(CLASS)
        spec = EncoderSpec(file="vae.pt", entry="my_vae:Vae")
        with pytest.raises(ModelError, match="a PyTorch model in") as error:
            open_folder(tmp_path, image_shape=SHAPE, encoder=spec)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("size", [0, 10, 300, -200])
    def test_damaged_files(self, programs, tmp_path, size):
        content = (programs / "encoder.pt2").read_bytes()
        (tmp_path / "encoder.pt2").write_bytes(content[:size])
        with pytest.raises(ModelError, match="a PyTorch model in") as error:
            TorchRuntime().open(tmp_path, trust=True)
        assert "\n" not in str(error.value)

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(ModelError, match="No such file"):
            open_folder(tmp_path, encoder=EncoderSpec(file="gone.pt2"))

    def test_devices(self, programs):
        with pytest.raises(ModelError, match="a device, cpu, cuda, mps"):
            TorchRuntime().open(programs, device="tpu", trust=True)
        if not torch.cuda.is_available():
            with pytest.raises(ModelError, match="runs on cuda"):
                TorchRuntime().open(programs, device="cuda", trust=True)
