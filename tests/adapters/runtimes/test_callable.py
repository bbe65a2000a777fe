"""Python functions as models."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest
from adapter_testing import images

from latent_analyze import ModelError
from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, Host, Model, write_bundle
from latent_analyze.runs.opening import open_model
from latent_analyze_adapters.models import entry_code as _sources
from latent_analyze_adapters.runtimes import callable as callable_runtime
from latent_analyze_adapters.runtimes.callable import CallableRuntime

SHAPE, DIM = (4, 6, 3), 5
CODE = """
from typing import NamedTuple
import numpy as np

W = np.random.default_rng(0).normal(size=(72, 5)).astype(np.float32)

class Both(NamedTuple):
    log_var: np.ndarray
    mu: np.ndarray

def mu(x): return x.reshape(len(x), -1) @ W
def two(x): return mu(x), -mu(x)
def mapping(x): return {"other": mu(x), "z_mean": 2 * mu(x)}
def pooled(x): return mu(x), x.mean((1, 2))
def named(x): return Both(mu=mu(x), log_var=0 * mu(x))
def listed(x): return mu(x).tolist()
def conditioned(x, label): return mu(x) + label[:, None]
def decode(z): return (z @ W.T).reshape(-1, 4, 6, 3)
def spatial(z): return decode(z.reshape(len(z), -1))
def broken(x): raise RuntimeError("no such\\nweights")
def nothing(x): return None
def texts(x): return mu(x), "log_var"
def ragged(x): return [[[1.0], [1.0, 2.0]]]
def empty(x): return {"mu": None}
def nested(x): return {"dist": {"mean": "mu"}}
number = 3

class Whole:
    def __init__(self):
        from latent_analyze.plugin import ModelSpec, TensorSpec
        image = TensorSpec(shape=(4, 6, 3), layout="HWC")
        self.spec = ModelSpec(name="whole", adapter="callable", input=image,
                              latent=TensorSpec(shape=(5,)), can_encode=True)
        self.fingerprint = "f" * 64
    def encode(self, x):
        from latent_analyze.plugin import Latents
        return Latents(mu(x))
    def decode(self, z): raise NotImplementedError
"""


@pytest.fixture(name="folder")
def _folder(tmp_path):
    (tmp_path / "my_functions.py").write_text(CODE)
    return tmp_path


def weights():
    return np.random.default_rng(0).normal(size=(72, 5)).astype(np.float32)


def expected_mu(x):
    return x.reshape(len(x), -1) @ weights()


def open_with(folder, *, trust=True, encoder=None, decoder=None, **more):
    bundle = Bundle(
        runtime="callable", image_shape=SHAPE, latent_shape=more.pop("latent_shape", (DIM,)),
        encoder=encoder and EncoderSpec(entry=f"my_functions:{encoder}", **more),
        decoder=decoder and DecoderSpec(entry=f"my_functions:{decoder}"),
    )  # fmt: skip
    write_bundle(folder, bundle)
    return CallableRuntime().open(folder, trust=trust)


class TestFunctions:
    @pytest.mark.parametrize("function", ["mu", "listed"])
    def test_encoder(self, folder, function):
        x = images()
        latents = open_with(folder, encoder=function).encode(x)
        np.testing.assert_allclose(latents.mu, expected_mu(x), rtol=1e-5)
        assert latents.log_var is None

    def test_two_outputs_are_mu_and_log_var(self, folder):
        latents = open_with(folder, encoder="two").encode(images())
        np.testing.assert_array_equal(latents.log_var, -latents.mu)

    def test_two_outputs_that_are_not(self, folder):
        assert open_with(folder, encoder="two", log_var="").encode(images()).log_var is None
        model = open_with(folder, encoder="pooled")
        np.testing.assert_allclose(model.encode(images()).mu, expected_mu(images()), rtol=1e-5)
        assert not model.spec.variational

    def test_a_mapping_has_names(self, folder):
        x = images()
        model = open_with(folder, encoder="mapping")
        np.testing.assert_allclose(model.encode(x).mu, 2 * expected_mu(x), rtol=1e-5)
        model = open_with(folder, encoder="mapping", mu="other")
        np.testing.assert_allclose(model.encode(x).mu, expected_mu(x), rtol=1e-5)

    def test_a_named_tuple_has_names(self, folder):
        x = images()
        latents = open_with(folder, encoder="named").encode(x)
        np.testing.assert_allclose(latents.mu, expected_mu(x), rtol=1e-5)
        assert not latents.log_var.any()

    def test_constants_are_keyword_arguments(self, folder):
        x = images()
        latents = open_with(folder, encoder="conditioned", constants={"label": 7}).encode(x)
        np.testing.assert_allclose(latents.mu, expected_mu(x) + 7, rtol=1e-5)

    def test_decoder(self, folder):
        z = np.random.default_rng(2).normal(0, 0.01, (3, DIM)).astype(np.float32)
        decoded = open_with(folder, decoder="decode").decode(z)
        np.testing.assert_allclose(decoded, (z @ weights().T).reshape(3, *SHAPE), rtol=1e-5)

    def test_spatial_latents(self, folder):
        model = open_with(folder, decoder="spatial", latent_shape=(5, 1, 1))
        assert model.spec.dim == DIM
        assert model.decode(np.zeros((2, 5), np.float32)).shape == (2, *SHAPE)

    def test_the_hash_is_of_the_code_and_the_weights(self, folder):
        (folder / "w.bin").write_bytes(b"1")
        first = open_with(folder, encoder="mu", file="w.bin").fingerprint
        assert open_with(folder, encoder="mu", file="w.bin").fingerprint == first
        (folder / "w.bin").write_bytes(b"2")
        second = open_with(folder, encoder="mu", file="w.bin").fingerprint
        (folder / "my_functions.py").write_text(CODE + "\n")
        third = open_with(folder, encoder="mu", file="w.bin").fingerprint
        assert len({first, second, third}) == 3

    def test_a_module_beside_it_counts_and_is_imported_anew(self, folder):
        x = images()
        (folder / "my_functions.py").write_text(CODE + "\nfrom my_helper import K\nW = K * W\n")
        found = []
        for factor in (1, 3):
            (folder / "my_helper.py").write_text(f"K = {factor}\n")
            model = open_with(folder, encoder="mu")
            np.testing.assert_allclose(model.encode(x).mu, factor * expected_mu(x), rtol=1e-5)
            assert open_with(folder, encoder="mu").fingerprint == model.fingerprint
            found.append(model.fingerprint)
        assert found[0] != found[1]
        assert not (folder / "__pycache__").exists()

    def test_helpers_of_one_name_in_two_bundles(self, folder, tmp_path_factory):
        other, x = tmp_path_factory.mktemp("other"), images()
        for factor, place in enumerate((folder, other), 1):
            (place / "common_helper.py").write_text(f"K = {factor}\n")
            text = CODE + "\nfrom common_helper import K\nW = K * W\n"
            (place / "my_functions.py").write_text(text)
        models = [open_with(place, encoder="mu") for place in (folder, other, folder)]
        for factor, model in zip((1, 2, 1), models, strict=True):
            np.testing.assert_allclose(model.encode(x).mu, factor * expected_mu(x), rtol=1e-5)

    def test_the_hash_is_the_same_in_another_process(self, folder):
        (folder / "my_helper.py").write_text("K = 1\n")
        found = open_with(folder, encoder="mu").fingerprint
        cache = folder / "__pycache__"
        cache.mkdir()
        (cache / "stale.py").write_text("")
        code = (
            "import sys, pathlib; from latent_analyze_adapters.runtimes import callable as c; "
            "path = pathlib.Path(sys.argv[1]); "
            "print(c.CallableRuntime().open(path, trust=True).fingerprint)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == found

    def test_modules_of_one_name_in_two_bundles(self, folder, tmp_path_factory):
        other = tmp_path_factory.mktemp("other")
        (other / "my_functions.py").write_text(CODE + "\nW = 2 * W\n")
        x = images()
        first, second = open_with(folder, encoder="mu"), open_with(other, encoder="mu")
        np.testing.assert_allclose(2 * first.encode(x).mu, second.encode(x).mu, rtol=1e-5)


class TestPackages:
    @pytest.fixture
    def package(self, folder, monkeypatch):
        """A package that is installed, with its code behind its `__init__`."""
        place = folder / "installed"
        (place / "my_package").mkdir(parents=True)
        (place / "my_package" / "__init__.py").write_text("from my_package.code import mu\n")
        (place / "my_package" / "code.py").write_text(CODE)
        monkeypatch.syspath_prepend(place)
        yield place / "my_package"
        for name in [name for name in sys.modules if name.split(".")[0] == "my_package"]:
            del sys.modules[name]

    def open(self, folder):
        (folder / "bundle").mkdir(exist_ok=True)
        bundle = Bundle(
            runtime="callable", image_shape=SHAPE, latent_shape=(DIM,),
            encoder=EncoderSpec(entry="my_package:mu"),
        )  # fmt: skip
        write_bundle(folder / "bundle", bundle)
        return CallableRuntime().open(folder / "bundle", trust=True)

    def test_all_of_its_code_counts(self, folder, package):
        first = self.open(folder).fingerprint
        assert self.open(folder).fingerprint == first
        (package / "code.py").write_text(CODE + "\n")
        assert self.open(folder).fingerprint != first

    def test_of_a_large_one_the_version_counts(self, folder, package, monkeypatch):
        first = self.open(folder).fingerprint
        monkeypatch.setattr(_sources, "MAX_FILES", 1)
        monkeypatch.setattr(metadata, "packages_distributions", lambda: {"my_package": ["mine"]})
        found = set()
        for version in ("1.0", "2.0"):
            monkeypatch.setattr(metadata, "version", lambda _, version=version: version)
            found.add(self.open(folder).fingerprint)
        assert len(found - {first}) == 2

    def test_a_bundle_with_too_much_code(self, folder, monkeypatch):
        (folder / "more.py").write_text("")
        monkeypatch.setattr(_sources, "MAX_FILES", 1)
        with pytest.raises(ModelError, match="at most 1 Python files") as error:
            open_with(folder, encoder="mu")
        assert "\n" not in str(error.value)

    def test_what_is_installed_below_a_bundle_is_not_its_own(self, folder):
        first = open_with(folder, encoder="mu").fingerprint
        for place in (".venv", "env", "node_modules"):
            (folder / place).mkdir()
            (folder / place / "more.py").write_text("")
        (folder / "env" / "pyvenv.cfg").write_text("")
        assert open_with(folder, encoder="mu").fingerprint == first


class TestObjects:
    @pytest.mark.parametrize("name", ["Whole", "make", "ready"])
    def test_a_model(self, folder, monkeypatch, name):
        more = "\ndef make(): return Whole()\nready = Whole()\n"
        (folder / f"objects_{name}.py").write_text(CODE + more)
        monkeypatch.chdir(folder)
        model, ref = open_model(f"objects_{name}:{name}", Host([callable_runtime]), trust=True)
        assert isinstance(model, Model)
        assert (ref.path, ref.adapter) == (f"objects_{name}:{name}", "callable")
        x = images()
        np.testing.assert_allclose(model.encode(x).mu, expected_mu(x), rtol=1e-5)

    def test_no_model(self, folder, monkeypatch):
        monkeypatch.chdir(folder)
        (folder / "no_models.py").write_text(CODE)
        with pytest.raises(ModelError, match="an object with spec") as error:
            open_model("no_models:number", Host([callable_runtime]), trust=True)
        assert "found a int" in str(error.value)


class TestErrors:
    def test_nothing_is_imported_without_trust(self, folder):
        (folder / "my_functions.py").write_text("raise SystemExit('imported')")
        with pytest.raises(ModelError, match="--trust") as error:
            open_with(folder, encoder="mu", trust=False)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("function", "found"),
        [
            ("missing", "AttributeError"),
            ("number", "a function called"),
            ("broken", "RuntimeError: no such weights"),
            ("nothing", "from my_functions:nothing, found None"),
            ("texts", "found a tuple with a str as 'log_var'"),
            ("ragged", "found a list with a list as 'output'"),
            ("empty", "found a dict"),
            ("nested", "found a dict with a str as 'dist/mean'"),
        ],
    )
    def test_functions(self, folder, function, found):
        with pytest.raises(ModelError) as error:
            open_with(folder, encoder=function).encode(images())
        assert found in str(error.value)
        assert "\n" not in str(error.value)

    def test_a_module_that_fails(self, folder):
        (folder / "my_functions.py").write_text("import nonexistent_package")
        for _ in range(2):
            with pytest.raises(ModelError, match="No module named 'nonexistent_package'"):
                open_with(folder, encoder="mu")

    @pytest.mark.parametrize("entry", ["os.system", "a:b:c", "os:", ":x", "os:system()", "../a:b"])
    def test_no_entry(self, folder, entry):
        spec = EncoderSpec(entry=entry)
        write_bundle(folder, Bundle(runtime="callable", image_shape=SHAPE, encoder=spec))
        with pytest.raises(ModelError, match=r"package\.module:name"):
            CallableRuntime().open(folder, trust=True)

    def test_no_entry_at_all(self, folder):
        spec = EncoderSpec(file="my_functions.py")
        write_bundle(folder, Bundle(runtime="callable", image_shape=SHAPE, encoder=spec))
        with pytest.raises(ModelError, match="entry = "):
            CallableRuntime().open(folder, trust=True)

    def test_missing_weights(self, folder):
        with pytest.raises(ModelError, match="no such file"):
            open_with(folder, encoder="mu", file="gone.bin")

    def test_unknown_shapes(self, folder):
        spec = EncoderSpec(entry="my_functions:mu")
        write_bundle(folder, Bundle(runtime="callable", encoder=spec))
        with pytest.raises(ModelError, match="as 'image_shape="):
            CallableRuntime().open(folder, trust=True)

    def test_shapes_that_are_too_large(self, folder):
        spec = EncoderSpec(entry="my_functions:mu")
        bundle = Bundle(runtime="callable", image_shape=(1_000_000, 1_000_000, 3), encoder=spec)
        write_bundle(folder, bundle)
        with pytest.raises(ModelError, match="rows of at most"):
            CallableRuntime().open(folder, trust=True)

    def test_shapes_that_do_not_fit(self, folder):
        with pytest.raises(ModelError, match="latent_shape"):
            open_with(folder, encoder="mu", latent_shape=(4,))
