"""Models and data that exist in Python only."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import latent_analyze as la
from latent_analyze.errors import DatasetError, ModelError, StoreError
from latent_analyze.models import in_python
from latent_analyze.runs.python_data import PythonDataset, format_of
from latent_analyze_adapters.models.function_code import function_hash

RNG = np.random.default_rng(0)
W = np.linalg.qr(RNG.normal(size=(48, 5)))[0].astype(np.float32)
CODES = RNG.normal(size=(300, 5)).astype(np.float32) / 2
IMAGES = np.clip(0.5 + CODES @ W.T, 0, 1).reshape(-1, 6, 8, 1)


def encode(x):
    return (x.reshape(len(x), -1) - 0.5) @ W


def decode(z):
    return np.clip(0.5 + z @ W.T, 0, 1).reshape(-1, 6, 8, 1)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def mu(store) -> np.ndarray:
    return np.concatenate([store.read(block).z for block in store.blocks()])


class TestFunctions:
    def test_an_array_in_its_order(self):
        store = la.encode((encode, decode), IMAGES, "s.zarr")
        np.testing.assert_allclose(mu(store), encode(IMAGES), atol=1e-5)
        assert store.spec.can_decode
        assert store.model_ref.path == "python:encode"
        assert store.schema.dataset.location == "python:ndarray"
        assert store.schema.dataset.kind == "images"

    def test_again_and_with_another_function(self):
        first = la.encode(encode, IMAGES, "s.zarr")
        assert la.encode(encode, IMAGES, "s.zarr").fingerprint == first.fingerprint
        with pytest.raises(StoreError):
            la.encode(lambda x: 2 * encode(x), IMAGES, "s.zarr")
        with pytest.raises(StoreError):
            la.encode(encode, IMAGES[:200], "s.zarr")

    def test_values_go_in_as_they_are(self):
        seen = []

        def watch(x):
            seen.append((x.dtype, x.shape[1:], float(x.max())))
            return x.reshape(len(x), -1)[:, :4].astype(np.float32) / 7

        with_bytes = RNG.integers(0, 256, (50, 3, 8, 9), dtype=np.uint8)
        la.encode(watch, with_bytes, "a.zarr")
        assert seen[-1][:2] == (np.uint8, (3, 8, 9))
        assert seen[-1][2] > 200
        la.encode(watch, RNG.normal(size=(50, 20, 3)), "b.zarr")
        assert seen[-1][:2] == (np.float32, (20, 3))
        la.encode(watch, RNG.integers(0, 50, (50, 12)), "c.zarr")
        assert seen[-1][:2] == (np.int64, (12,))

    def test_halves_of_two_libraries(self):
        """One gives channels first, the other takes them last, and fails on anything else."""
        code = RNG.normal(size=(300, 3, 2, 2)).astype(np.float32) / 2
        weights = np.linalg.qr(RNG.normal(size=(64, 12)))[0].astype(np.float32)
        images = (0.5 + code.reshape(300, -1) @ weights.T).reshape(-1, 8, 8, 1).astype(np.float32)

        def first(x):
            return ((x.reshape(len(x), -1) - 0.5) @ weights).reshape(-1, 3, 2, 2)

        def last(z):
            assert z.shape[1:] == (2, 2, 3)
            return 0.5 + (z.transpose(0, 3, 1, 2).reshape(len(z), -1) @ weights.T)

        store = la.encode((first, last), np.clip(images, 0, 1), "s.zarr")
        signature = store.schema.signature
        assert signature.bundle.decoder.latent_axes == (1, 2, 0)
        assert signature.explained > 0.99

    def test_a_file_of_data_and_a_function(self):
        np.save("images.npy", IMAGES)
        np.testing.assert_allclose(
            mu(la.encode(encode, Path("images.npy"), "s.zarr")), encode(IMAGES), atol=1e-5
        )

    def test_a_file_of_a_model_and_an_array(self, make_linear):
        linear = make_linear(axes=(1, 6, 8))
        linear.encoder(Path("some.onnx"))
        np.testing.assert_allclose(
            mu(la.encode("some.onnx", IMAGES, "s.zarr")), linear.mu(IMAGES), atol=1e-5
        )

    def test_an_object_with_both(self):
        class Both:
            def encode(self, x):
                return {"mu": encode(x), "log_var": np.full((len(x), 5), -1, np.float32)}

            def decode(self, z):
                return decode(z)

        store = la.encode(Both(), IMAGES, "s.zarr")
        assert store.spec.can_decode
        assert store.spec.variational
        assert store.spec.name == "Both"

    @pytest.mark.parametrize("model", [3, (), (None, decode), (encode, decode, decode), [3]])
    def test_what_is_no_model(self, model):
        with pytest.raises(ModelError, match=r"\(encoder, decoder\)"):
            la.encode(model, IMAGES, "s.zarr")

    def test_runs_in_this_process_have_model_and_images(self):
        la.encode((encode, decode), IMAGES, "s.zarr")
        report = la.run("s.zarr", plugins="reconstruct", null_repeats=2)
        assert not report.failures
        assert "data" in report["reconstruct"].results

    def test_runs_in_another_process_say_what_is_missing(self):
        la.encode((encode, decode), IMAGES, "s.zarr")
        code = (
            "import latent_analyze as la\n"
            "r = la.run('s.zarr', plugins='radius,reconstruct', null_repeats=2)\n"
            "print(r.outcome)"
        )
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "encode, existed in Python only; give a file as --model" in done.stdout + done.stderr

    def test_a_file_of_the_model_may_be_given(self, monkeypatch):
        la.encode((encode, decode), IMAGES, "s.zarr")
        monkeypatch.setattr(in_python, "_MODELS", {})
        Path("code").mkdir()
        Path("code/mine.py").write_text(
            "import numpy as np\n"
            "def encode(x): return x.reshape(len(x), -1)[:, :5]\n"
            "def decode(z): return np.zeros((len(z), 6, 8, 1), np.float32)\n"
        )
        Path("code/model.toml").write_text(
            'runtime = "callable"\nimage_shape = [6, 8, 1]\nlatent_shape = [5]\n'
            '[encoder]\nentry = "mine:encode"\n[decoder]\nentry = "mine:decode"\n'
        )
        report = la.run("s.zarr", plugins="random_decode", model="code", trust=True, null_repeats=2)
        assert not report.failures


class TestHashesOfFunctions:
    def test_code_and_values_count(self):
        def scaled(by):
            return lambda x: x * by

        assert function_hash(scaled(2)) == function_hash(scaled(2))
        assert function_hash(scaled(2)) != function_hash(scaled(3))
        assert function_hash(scaled(W)) != function_hash(scaled(W + 1))
        assert function_hash(encode)[1]
        assert function_hash(encode) != function_hash(decode)

    def test_objects(self):
        class Scaled:
            def __init__(self, by):
                self.by = by

            def __call__(self, x):
                return x * self.by

        assert function_hash(Scaled(2)) == function_hash(Scaled(2))
        assert function_hash(Scaled(2)) != function_hash(Scaled(3))
        assert function_hash(Scaled(2).__call__) != function_hash(Scaled(3).__call__)

    def test_what_cannot_be_hashed_is_random_and_noted(self):
        opaque = iter([1])

        def function(x):
            return encode(x) if opaque is not None else x

        assert not function_hash(function)[1]
        store = la.encode(function, IMAGES, "s.zarr")
        assert any("cannot be hashed" in note for note in store.spec.notes)
        assert la.encode(function, IMAGES, "s.zarr").count == len(IMAGES)


class TestData:
    @pytest.mark.parametrize(
        ("shape", "dtype", "scale", "expected"),
        [
            ((9, 5), "f4", 3, ("vectors", "array")),
            ((9, 6, 8), "f4", 1, ("images", "HW")),
            ((9, 6, 8), "f4", 30, ("arrays", "array")),
            ((9, 3, 6, 8), "f4", 1, ("images", "CHW")),
            ((9, 6, 8, 3), "u1", 255, ("images", "HWC")),
            ((9, 6, 8, 5), "f4", 1, ("arrays", "array")),
            ((9, 20, 3), "f4", 1, ("arrays", "array")),
            ((9, 6, 8, 3), "i8", 255, ("arrays", "array")),
        ],
    )
    def test_formats(self, shape, dtype, scale, expected):
        found = format_of((RNG.random(shape) * scale).astype(dtype))
        assert (found.kind, found.layout) == expected

    def test_ranges_are_undone(self):
        x = RNG.random((9, 3, 6, 8)).astype("f4") * 2 - 1
        dataset = PythonDataset(x)
        assert dataset.stored_range == (-1.0, 1.0)
        rows = dataset.read(np.array([3, 1])).x
        np.testing.assert_allclose(rows, (x[[3, 1]].transpose(0, 2, 3, 1) + 1) / 2, atol=1e-6)

    def test_an_iterable_of_batches_is_read_once(self):
        batches = (
            (IMAGES[i : i + 64], np.arange(i, i + 64)[: len(IMAGES[i : i + 64])])
            for i in range(0, 300, 64)
        )
        with pytest.warns(UserWarning, match="cannot be resumed"):
            store = la.encode(encode, batches, "s.zarr")
        np.testing.assert_allclose(mu(store), encode(IMAGES), atol=1e-5)
        assert "label:label" in store.fields

    def test_dictionaries(self):
        batch = {
            "id": np.arange(300),
            "image": IMAGES,
            "mask": np.ones((300, 6, 8)),
            "w": np.ones(300),
        }
        with pytest.warns(UserWarning, match="read once"):
            dataset = PythonDataset([batch])
        assert (dataset.array_name, dataset.label_names, dataset.input_names) == (
            "image", ("id",), ("mask",),
        )  # fmt: skip

    @pytest.mark.parametrize("data", [3, np.zeros(3), np.zeros((0, 3)), np.array([["a"]])])
    def test_what_is_no_data(self, data):
        with pytest.raises(DatasetError):
            la.encode(encode, data, "s.zarr")

    @pytest.mark.parametrize(
        "batches", [[], [np.zeros((0, 3))], [np.zeros((2, 3)), np.zeros((2, 4))]]
    )
    def test_batches_that_do_not_fit(self, batches):
        with pytest.warns(UserWarning, match="once"), pytest.raises(DatasetError):
            PythonDataset(batches)


class TestTorch:
    @pytest.fixture
    def torch(self):
        return pytest.importorskip("torch")

    @pytest.fixture
    def pair(self, torch):
        torch.manual_seed(0)
        encoder = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(48, 8), torch.nn.BatchNorm1d(8),
            torch.nn.Dropout(0.5), torch.nn.Linear(8, 5),
        )  # fmt: skip
        decoder = torch.nn.Sequential(
            torch.nn.Linear(5, 48), torch.nn.Sigmoid(), torch.nn.Unflatten(1, (1, 6, 8))
        )
        encoder(torch.rand(50, 1, 6, 8))
        return encoder, decoder

    def expected(self, torch, encoder):
        with torch.no_grad():
            found = encoder.eval()(torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy())).numpy()
        encoder.train()
        return found

    def loader(self, torch, **options):
        x = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy())
        data = torch.utils.data.TensorDataset(x, torch.arange(300) % 10)
        return torch.utils.data.DataLoader(data, **{"batch_size": 32, "shuffle": True, **options})

    def test_a_pair_and_a_loader_that_shuffles(self, torch, pair):
        encoder, decoder = pair
        encoder[3].eval()
        store = la.encode((encoder.train(), decoder), self.loader(torch), "s.zarr")
        np.testing.assert_allclose(mu(store), self.expected(torch, encoder), atol=1e-5)
        assert store.spec.can_decode
        assert store.model_ref.path == "python:Sequential"
        assert encoder.training
        assert encoder[2].training
        labels = [store.read(b, frozenset({"label:label"})).labels["label"] for b in store.blocks()]
        np.testing.assert_array_equal(np.concatenate(labels), np.arange(300) % 10)

    def test_modes_are_put_back_one_by_one(self, torch, pair):
        encoder = pair[0].train()
        encoder[2].eval()
        la.encode(encoder, self.loader(torch), "s.zarr")
        assert encoder.training
        assert not encoder[2].training
        assert encoder[3].training

    def test_other_weights_are_another_model(self, torch, pair):
        encoder, _ = pair
        first = la.encode(encoder, self.loader(torch), "s.zarr")
        assert la.encode(encoder, self.loader(torch), "s.zarr").fingerprint == first.fingerprint
        la.run("s.zarr", plugins="radius", null_repeats=2)
        with torch.no_grad():
            encoder[4].bias += 1
        with pytest.raises(StoreError):
            la.encode(encoder, self.loader(torch), "s.zarr")

    def test_weights_that_changed_after_the_encode(self, torch, pair):
        la.encode(pair, self.loader(torch), "s.zarr")
        with torch.no_grad():
            pair[0][4].bias += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = la.run("s.zarr", plugins="reconstruct", null_repeats=2)
        assert "the model that the store was made with" in str(report.failures[0].error)

    def test_a_tensor_and_one_module(self, torch, pair):
        x = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy())
        store = la.encode(pair[0], x, "s.zarr")
        np.testing.assert_allclose(mu(store), self.expected(torch, pair[0]), atol=1e-5)

    def test_one_module_with_methods(self, torch):
        class Vae(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.w = torch.nn.Parameter(torch.from_numpy(W))

            def encode(self, x):
                mean = (x.flatten(1) - 0.5) @ self.w
                return torch.distributions.Normal(mean, torch.full_like(mean, 0.1))

            def decode(self, z):
                return (0.5 + z @ self.w.T).unflatten(1, (1, 6, 8))

        store = la.encode(Vae(), self.loader(torch), "s.zarr")
        np.testing.assert_allclose(mu(store), encode(IMAGES), atol=1e-5)
        assert store.spec.variational
        assert store.spec.can_decode
        assert store.schema.signature.explained > 0.9

    @pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
    def test_other_types_stay(self, torch, pair, dtype):
        encoder = pair[0].to(getattr(torch, dtype))
        store = la.encode(encoder, self.loader(torch), "s.zarr")
        assert next(encoder.parameters()).dtype == getattr(torch, dtype)
        assert np.isfinite(mu(store)).all()

    def test_a_subset(self, torch, pair):
        sampler = torch.utils.data.SubsetRandomSampler([7, 3, 11])
        loader = self.loader(torch, sampler=sampler, shuffle=None)
        store = la.encode(pair[0], loader, "s.zarr")
        expected = self.expected(torch, pair[0])[[3, 7, 11]]
        np.testing.assert_allclose(mu(store), expected, atol=1e-5)
        ids = [str(i) for b in store.blocks() for i in store.read(b, frozenset({"id"})).ids]
        assert ids == ["3", "7", "11"]

    def test_random_transforms_are_noticed(self, torch, pair):
        class Noisy(torch.utils.data.Dataset):
            def __len__(self):
                return 100

            def __getitem__(self, row):
                return torch.rand(1, 6, 8)

        loader = torch.utils.data.DataLoader(Noisy(), batch_size=8)
        with pytest.warns(UserWarning, match="random transforms"):
            la.encode(pair[0], loader, "s.zarr")

    def test_a_stream(self, torch, pair):
        class Stream(torch.utils.data.IterableDataset):
            def __iter__(self):
                return iter(torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy()))

        loader = torch.utils.data.DataLoader(Stream(), batch_size=32)
        with pytest.warns(UserWarning, match="read once"):
            store = la.encode(pair[0], loader, "s.zarr")
        np.testing.assert_allclose(mu(store), self.expected(torch, pair[0]), atol=1e-5)

    def test_another_device(self, torch, pair):
        with pytest.raises(ModelError, match="found a module on cpu"):
            la.encode(pair[0], self.loader(torch), "s.zarr", device="cuda")


def test_keras_models():
    keras = pytest.importorskip("keras")
    x, z = keras.Input((6, 8, 1)), keras.Input((5,))
    encoder = keras.Model(x, keras.layers.Dense(5)(keras.layers.Flatten()(x)))
    wide = keras.layers.Dense(48, activation="sigmoid")(z)
    decoder = keras.Model(z, keras.layers.Reshape((6, 8, 1))(wide))
    store = la.encode((encoder, decoder), IMAGES, "s.zarr")
    np.testing.assert_allclose(mu(store), np.asarray(encoder(IMAGES)), atol=1e-5)
    assert store.schema.model.adapter == "keras"
    assert la.encode((encoder, decoder), IMAGES, "s.zarr").fingerprint == store.fingerprint
    report = la.run("s.zarr", plugins="reconstruct", null_repeats=2)
    assert not report.failures


def test_codes_of_functions() -> None:
    book = RNG.normal(size=(6, 4)).astype(np.float32)
    names = RNG.integers(0, 6, (300, 3))
    rows = book[names].reshape(300, 12)

    def encode(x: np.ndarray) -> np.ndarray:
        apart = x.reshape(len(x), 3, 1, 4) - book
        return (apart**2).sum(axis=-1).argmin(axis=-1)

    def decode(codes: np.ndarray) -> np.ndarray:
        return book[codes].reshape(len(codes), 12)

    store = la.encode((encode, decode), rows, "s.zarr")
    assert store.codes is not None
    assert (store.codes.shape, store.codes.count, store.codes.is_known) == ((3,), 6, False)
    np.testing.assert_array_equal(store.take(np.arange(300)).z, names)
    assert store.schema.signature is not None
    assert store.schema.signature.explained == pytest.approx(1)
    report = la.run(str(store.path), plugins="codes,reconstruct", null="none")
    assert not report.failures
    assert report["codes"].data["decoded"].shape == (6, 12)
