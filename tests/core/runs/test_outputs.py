"""Further outputs of an encoder as sources: STORE@z2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from store_fakes import FakeModel, encode_fakes

import latent_analyze as la
from latent_analyze.errors import AnalysisError, OptionError, StoreError
from latent_analyze.host.discovery import Host
from latent_analyze.plugin import FurtherSpec, Latents
from latent_analyze.runs.case_model import CaseModel, base_rows, store_of
from latent_analyze.runs.config import RunConfig
from latent_analyze.runs.opening import open_source
from latent_analyze.runs.outputs import output_name
from latent_analyze.runs.source_text import SourceText

FURTHER = (
    FurtherSpec(name="z2", shape=(3,)),
    FurtherSpec(name="h/z3:0", shape=()),
    FurtherSpec(name="indices", shape=(2,), dtype="int64"),
    FurtherSpec(name="floats", shape=(2,)),
    FurtherSpec(name="broken", shape=(2,)),
    FurtherSpec(name="signed", shape=(2,), dtype="int64"),
    FurtherSpec(name="known", shape=(2,), dtype="int64", codes=512),
    FurtherSpec(name="binary", shape=(2,)),
)


class Hierarchical(FakeModel):
    def encode(self, x: Any) -> Latents:
        mu, log_var = super().encode(x)
        codes = np.arange(len(x) * 2).reshape(-1, 2)
        broken = np.where(codes == 4, np.nan, 0.5)
        values = [mu[:, :3] / 3, mu[:, :1], codes, codes.astype(np.float32), broken]
        values += [codes - 1, codes, codes % 2]
        named = {o.name: v for o, v in zip(self.spec.further, values, strict=True)}
        return Latents(mu, log_var, named)


@pytest.fixture(scope="module")
def installed() -> Host:
    return Host()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores")
    encode_fakes(folder / "s.zarr", Hierarchical(further=FURTHER))
    return folder / "s.zarr"


@pytest.fixture
def opened(path: Path, installed: Host) -> Any:
    def opened(text: str, **options: Any) -> Any:
        options = {"label": "data", "seed": 0, **options}
        return open_source(f"{path}{text}", installed, **options)

    return opened


@pytest.mark.parametrize(
    ("text", "parts", "suffix"),
    [
        ("a.zarr@z2", ("a.zarr", {}, "z2"), "@z2"),
        ("a.zarr@h/z2:0", ("a.zarr", {}, "h/z2:0"), "@h/z2:0"),
        ("a.zarr[split=test]@z2", ("a.zarr", {"split": "test"}, "z2"), "[split=test]@z2"),
        ("a.zarr@z2[split=test]", ("a.zarr", {"split": "test"}, "z2"), "[split=test]@z2"),
        ("a.zarr[mail=a@b]", ("a.zarr", {"mail": "a@b"}, ""), "[mail=a@b]"),
        ("a.zarr[mail=a@b]@z2", ("a.zarr", {"mail": "a@b"}, "z2"), "[mail=a@b]@z2"),
        ("s3://bucket/a.zarr@z2", ("s3://bucket/a.zarr", {}, "z2"), "@z2"),
        ("/home/me@host/points.npy", ("/home/me@host/points.npy", {}, ""), ""),
        ("box:sides=a@b", ("box:sides=a@b", {}, ""), ""),
        ("a.zarr@", ("a.zarr@", {}, ""), ""),
        ("posterior", ("posterior", {}, ""), ""),
    ],
)
def test_source_texts(text: str, parts: tuple[str, dict[str, str], str], suffix: str) -> None:
    found = SourceText.parse(text)
    assert (found.base, found.conditions, found.output) == parts
    assert (found.suffix, found.posterior) == (suffix, False)


def test_posterior_is_no_output() -> None:
    found = SourceText.parse("a.zarr[split=test]@posterior")
    assert (found.posterior, found.output, found.base) == (True, "", "a.zarr")


def test_a_path_with_an_at_sign(tmp_path: Path) -> None:
    (tmp_path / "run@z2").mkdir()
    (tmp_path / "run").mkdir()
    for text in ("run@z2", "run@z2/latents", "run@home/a.npy"):
        assert SourceText.parse(str(tmp_path / text)).output == ""


def test_an_output_is_a_source(opened: Any) -> None:
    store, source = opened(""), opened("@z2")
    rows = np.arange(50)
    one, other = store.take(rows, store.fields), source.take(rows, store.fields)
    assert (source.count, source.dim, source.label) == (50, 3, "data@z2")
    assert source.fields == {"z", "id", *(f for f in store.fields if f.startswith("label:"))}
    np.testing.assert_array_equal(other.z, one.outputs["z2"])
    assert other.z.dtype == np.float32
    np.testing.assert_array_equal(other.ids, one.ids)
    np.testing.assert_array_equal(other.labels["digit"], one.labels["digit"])
    assert (other.mu, other.log_var, other.outputs) == (None, None, {})
    np.testing.assert_allclose(source.summary().mean, other.z.mean(0), rtol=1e-5)
    assert source.fingerprint not in (store.fingerprint, opened("@h/z3:0").fingerprint)
    assert source.fingerprint == opened("@z2").fingerprint
    assert opened("@h/z3:0").dim == 1


@pytest.mark.parametrize("text", ["[split=test]@z2", "@z2[split=test]"])
def test_with_conditions(opened: Any, text: str) -> None:
    source, store = opened(text), opened("[split=test]")
    assert (source.label, source.count) == ("data[split=test]@z2", 10)
    batch = source.take(np.arange(10), frozenset({"z", "id"}))
    np.testing.assert_allclose(batch.z, store.take(np.arange(10)).z[:, :3] / 3, rtol=1e-6)
    assert output_name(source) == "z2"
    assert store_of(source) is not None
    np.testing.assert_array_equal(base_rows(source, np.array([1, 2])), [5, 10])


def test_the_posterior_is_a_source_as_before(opened: Any) -> None:
    source = opened("@posterior")
    assert (source.dim, source.label, output_name(source)) == (4, "data@posterior", "")


@pytest.mark.parametrize("name", ["indices", "floats"])
def test_whole_numbers_are_codes(opened: Any, name: str) -> None:
    source = opened(f"@{name}")
    assert (source.dim, source.codes.shape, source.codes.count) == (2, (2,), 16)
    assert not source.codes.is_known
    batch = source.take(np.arange(9), frozenset({"z", "label:digit"}))
    assert batch.z.dtype == np.int64
    np.testing.assert_array_equal(batch.z[:8], np.arange(16).reshape(8, 2))
    assert len(batch.labels["digit"]) == 9
    with pytest.raises(AnalysisError, match=r"coordinates in data@.*, found codes"):
        source.summary()


def test_negative_whole_numbers_are_no_codes(opened: Any) -> None:
    with pytest.raises(OptionError, match=r"whole numbers from 0, in data@signed, found -1") as e:
        opened("@signed")
    assert "\n" not in str(e.value)


def test_the_codebook_says_how_many_there_are(opened: Any) -> None:
    codes = opened("@known").codes
    assert (codes.count, codes.is_known, str(codes)) == (512, True, "2 codes of a codebook of 512")
    assert opened("[split=test]@known").codes.count == 512


def test_halves_and_ones_are_coordinates(opened: Any) -> None:
    assert opened("@z2").codes is None
    assert opened("@binary").codes is None


def test_unknown_outputs(opened: Any, path: Path) -> None:
    with pytest.raises(OptionError, match="found 'z9'; use") as error:
        opened("@z9")
    known = ("posterior", *(output.name for output in FURTHER))
    assert all(f"{path}@{name}" in str(error.value) for name in known)


def test_files_of_vectors_have_none(tmp_path: Path, installed: Host) -> None:
    np.save(tmp_path / "points.npy", np.zeros((9, 2), np.float32))
    with pytest.raises(OptionError, match="expected a store for @z2"):
        open_source(f"{tmp_path}/points.npy@z2", installed, label="data", seed=0)


def test_nan_and_infinity(opened: Any) -> None:
    with pytest.raises(StoreError, match=r"data@broken.*in 6 of 50 rows; add --nonfinite drop"):
        opened("@broken")
    assert opened("@broken", nonfinite="drop").count == 44
    assert opened("").count == 50


def test_what_needs_the_model_is_left_out(opened: Any, installed: Host) -> None:
    source = opened("@z2")
    offers = CaseModel.of(source, RunConfig(), installed).offers(source)
    for half in ("encoder", "decoder"):
        assert offers[half] == "the decoder does not take @z2"
    assert offers["log_var"] == "@z2 has no log_var"
    assert offers["labels"] == ""


def test_a_run(path: Path) -> None:
    report = la.run(f"{path}@z2", path, plugins="radius", null="none", labels=("a", "a"))
    assert not report.failures
