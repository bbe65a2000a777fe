"""From a model and data to a store: the signature is found once, kept, and used from then on."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import CommandLine
from low_rank import basis, low_rank_images, write_images, write_model
from onnx import TensorProto, helper, numpy_helper, save

import latent_analyze as la
from latent_analyze.errors import DatasetError, LatentAnalyzeError, StoreError
from latent_analyze.host.discovery import Host
from latent_analyze.runs import encoding
from latent_analyze.runs.encoding import draw_sample, open_encoding
from latent_analyze.runs.opening import open_dataset
from latent_analyze.store import Store
from latent_analyze.store.encode import encode

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def host() -> Host:
    return Host()


def opened(host: Host, output: str = "latents.zarr", **more: Any) -> Any:
    return open_encoding("model", "images.npz", Path(output), host, **more)


def everything(store: Store) -> dict[str, bytes]:
    """Return the content of all files of a store."""
    return {
        path.relative_to(store.path).as_posix(): path.read_bytes()
        for path in sorted(Path(store.path).rglob("*"))
        if path.is_file()
    }


class TestSample:
    def test_it_repeats_itself_and_labels_go_with_the_rows(self, place: Path, host: Host) -> None:
        dataset = open_dataset("images.npz", host)
        one, two = draw_sample(dataset), draw_sample(dataset)
        np.testing.assert_array_equal(one.x, two.x)
        assert (len(one.x), one.count, one.kind) == (300, 600, "images")
        whole = low_rank_images(600)[..., None]
        (labels,) = one.labels.values()
        rows = [int(np.abs(whole - x).sum(axis=(1, 2, 3)).argmin()) for x in one.x[:40]]
        np.testing.assert_array_equal(labels[:40], np.array(rows) % 10)
        assert rows != sorted(rows)
        assert draw_sample(dataset, seed=1).x.tolist() != one.x.tolist()

    def test_all_of_a_small_data_set(self, place: Path, host: Host) -> None:
        write_images(place / "few.npz", 5)
        sample = draw_sample(open_dataset("few.npz", host))
        expected = np.sort(low_rank_images(5).ravel())
        np.testing.assert_allclose(np.sort(sample.x.ravel()), expected, atol=1e-6)

    @pytest.mark.parametrize("values", [1, 1000, 1 << 24])
    def test_moments_of_all_rows(
        self, place: Path, host: Host, monkeypatch: pytest.MonkeyPatch, values: int
    ) -> None:
        monkeypatch.setattr(encoding, "MOMENT_VALUES", values)
        table = 5 + np.random.default_rng(0).standard_normal((700, 3)) * [1, 10, 0.1]
        np.save(place / "table.npy", table.astype(np.float32))
        sample = draw_sample(open_dataset("table.npy", host))
        assert sample.moments is not None
        mean, std = sample.moments()
        np.testing.assert_allclose(mean, table.mean(axis=0), rtol=1e-4)
        np.testing.assert_allclose(std, table.std(axis=0), rtol=1e-4)

    def test_nothing_finite(self, place: Path, host: Host) -> None:
        np.save(place / "nan.npy", np.full((20, 3), np.nan, np.float32))
        with pytest.raises(DatasetError, match="NaN or infinity in all"):
            draw_sample(open_dataset("nan.npy", host))


def test_the_signature_is_stored(place: Path) -> None:
    store = la.encode("model", "images.npz")
    signature = la.open_source("latents.zarr").schema.signature  # type: ignore[attr-defined]
    assert signature == store.schema.signature
    assert signature.explained > 0.99
    assert signature.problem == ""
    assert {c.key for c in signature.choices} >= {"encoder.range", "decoder.range"}


def test_a_complete_store_is_opened_without_a_trial(place: Path, no_trial: Any) -> None:
    before = everything(la.encode("model", "images.npz"))
    no_trial()
    assert everything(la.encode("model", "images.npz")) == before
    with pytest.raises(AssertionError, match="a trial"):
        la.encode("model", "images.npz", "other.zarr")


class InterruptedTestError(Exception):
    """Stops an encode."""


def encode_part(found: Any, rows: int | None = None) -> Store:
    """Encode in blocks of 100 rows; stop when this many are encoded."""

    def stop(task: str, done: int, total: int) -> None:
        if rows is not None and done > rows:
            raise InterruptedTestError

    return encode(
        found.model, found.ref, found.dataset, found.output, block_rows=100, progress=stop
    )


@pytest.mark.parametrize("change", ["nothing", "model.toml"])
def test_an_interrupted_encode_resumes_without_a_trial(
    place: Path, host: Host, no_trial: Any, change: str
) -> None:
    whole = everything(encode_part(opened(host, "whole.zarr")))
    with pytest.raises(InterruptedTestError):
        encode_part(opened(host), 300)
    assert not la_complete("latents.zarr")
    if change == "model.toml":
        text = "format = 1\n[encoder]\nfile = 'encoder.onnx'\nrange = [-1.0, 1.0]\n"
        (place / "model" / "model.toml").write_text(text)
    no_trial()
    found = opened(host)
    assert found.signature is not None
    assert everything(encode_part(found)) == whole


def la_complete(path: str) -> bool:
    try:
        la.open_source(path)
    except StoreError:
        return False
    return True


REOPEN = """
import pickle, sys
import numpy as np
from latent_analyze.host.discovery import Host
from latent_analyze.runs.opening import reopen_model
from latent_analyze_adapters.models.signatures.find import Search
Search.signature = None
ref, x = pickle.load(open(sys.argv[1], "rb"))
model = reopen_model(ref, Host())
found = model.encode(x)
np.savez(sys.argv[2], mu=found.mu, log_var=found.log_var, back=model.decode(found.mu))
"""


def test_another_process_reopens_the_model(place: Path, host: Host) -> None:
    found = opened(host)
    x = low_rank_images(9)[..., None]
    (place / "ref.pickle").write_bytes(pickle.dumps((found.ref, x)))
    subprocess.run([sys.executable, "-c", REOPEN, "ref.pickle", "out.npz"], check=True)
    there, here = np.load("out.npz"), found.model.encode(x)
    np.testing.assert_array_equal(there["mu"], here.mu)
    np.testing.assert_array_equal(there["log_var"], here.log_var)
    np.testing.assert_array_equal(there["back"], found.model.decode(here.mu))


STATED = {"encoder.log_var": ""}


class TestAnotherSignature:
    def test_the_same_store_is_refused(self, place: Path) -> None:
        before = everything(la.encode("model", "images.npz"))
        with pytest.raises(StoreError, match="another signature") as error:
            la.encode("model", "images.npz", signature=STATED)
        assert str(error.value).isprintable()
        assert everything(Store(place / "latents.zarr")) == before

    def test_on_the_command_line(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        cli = CommandLine(capsys)
        cli.works("encode", "model", "images.npz")
        again = ("encode", "model", "images.npz", "--signature", "encoder.log_var=")
        cli.refuses(
            *again,
            saying=("expected a store of this signature", "another signature", "choose another"),
        )
        cli.works(*again, "-o", "other.zarr")

    def test_what_was_found_may_be_stated(self, place: Path) -> None:
        before = everything(la.encode("model", "images.npz"))
        stated = {"encoder.mu": "mu", "encoder.range": [0, 1], "decoder.range": [0, 1]}
        assert everything(la.encode("model", "images.npz", signature=stated)) == before

    def test_another_model_is_refused(self, place: Path) -> None:
        la.encode("model", "images.npz")
        write_model(place / "b", decoder_seed=2)
        with pytest.raises(StoreError, match="another model"):
            la.encode("b", "images.npz")

    def test_numbers_of_numpy(self, place: Path) -> None:
        mean, std = np.float32(0.25), np.float32(0.5)
        stated = {"encoder.mean": mean, "encoder.std": std, "encoder.mean_half": np.int64(0)}
        signature = la.encode("model", "images.npz", signature=stated).schema.signature
        assert signature is not None
        assert signature.bundle.encoder is not None
        assert (signature.bundle.encoder.mean, signature.bundle.encoder.std) == ((0.25,), (0.5,))

    @pytest.mark.parametrize(
        "value",
        [[-1, 1], "[-1,1]", (-1.0, 1.0), np.array([-1.0, 1.0])],
        ids=str,
    )
    def test_values_in_python(self, place: Path, value: Any) -> None:
        store = la.encode("model", "images.npz", signature={"range": value})
        signature = store.schema.signature
        assert signature is not None
        assert signature.bundle.encoder is not None
        assert signature.bundle.encoder.range == (-1.0, 1.0)
        assert "encoder.range" in signature.problem


def test_a_few_rows_that_are_not_finite(place: Path) -> None:
    """They are dropped, so they must not keep the signature from being found."""
    x = low_rank_images(200).reshape(200, 64)
    x[7] = np.nan
    np.save(place / "rows.npy", x)
    write_vector_model(place / "vectors")
    store = la.encode("vectors", "rows.npy", nonfinite="drop")
    assert store.schema.signature is not None
    assert store.schema.signature.problem == ""


def write_vector_model(folder: Path) -> None:
    for name, weights in (("encoder", basis()), ("decoder", basis().T)):
        ends = [
            helper.make_tensor_value_info(end, TensorProto.FLOAT, ["N", size])
            for end, size in zip(("x", "y"), weights.shape, strict=True)
        ]
        node = helper.make_node("MatMul", ["x", "w"], ["y"])
        initial = [numpy_helper.from_array(weights.astype(np.float32), "w")]
        graph = helper.make_graph([node], "g", ends[:1], ends[1:], initial)
        folder.mkdir(exist_ok=True)
        opset = [helper.make_opsetid("", 18)]
        save(helper.make_model(graph, opset_imports=opset, ir_version=9), folder / f"{name}.onnx")


class TestEarlierStores:
    def test_a_store_of_format_1(self, no_trial: Any) -> None:
        no_trial()
        store = la.open_source(ROOT / "core" / "data" / "store-format-1.zarr")
        assert isinstance(store, Store)
        assert store.schema.format == 1
        assert store.model_ref.signature is None
        assert np.isfinite(store.take(np.arange(store.count)).z).all()

    def test_a_store_of_version_0_1_is_complete(self, place: Path, no_trial: Any) -> None:
        archive = Path(shutil.copytree(ROOT / "archive" / "v0_1", place / "archive"))
        before = everything(Store(archive / "store.zarr"))
        no_trial()
        store = la.encode(archive / "bundle", "digits:limit=60", archive / "store.zarr")
        assert store.schema.signature is None
        assert everything(store) == before

    def test_its_run_says_nothing_about_the_model(self, place: Path) -> None:
        archive = ROOT / "archive" / "v0_1"
        report = la.run(archive / "store.zarr", plugins="radius", null="none")
        (case,) = report.outcome.cases
        assert not case.about_model


@pytest.mark.parametrize("output", ["images.npz", "model"])
def test_what_is_no_store_is_refused_before_the_model_is_opened(
    place: Path, no_trial: Any, output: str
) -> None:
    no_trial()
    with pytest.raises(LatentAnalyzeError) as error:
        la.encode("model", "images.npz", output)
    assert str(error.value).isprintable()
