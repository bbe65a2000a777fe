from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latent_analyze import LatentAnalyzeError
from latent_analyze.errors import DatasetError, ModelError, OptionError, StoreError
from latent_analyze.host.discovery import Host
from latent_analyze.models.reference import ModelRef
from latent_analyze.plugin import Adapter, InMemoryDataset, Items, Model, ModelSpec, TensorSpec
from latent_analyze.runs.opening import (
    absolute,
    fit_sampler,
    is_path,
    is_store,
    label_of,
    open_dataset,
    open_model,
    open_source,
    reopen_model,
)
from latent_analyze.runs.source_text import SourceText
from latent_analyze.sources.views import PosteriorSource, SubsetSource
from latent_analyze.testing import tiny_source


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def points(here: Path) -> Path:
    labels = {"split": np.where(np.arange(200) % 4 == 0, "test", "train"), "y": np.arange(200) % 10}
    np.savez(here / "labelled.npz", z=tiny_source(200, 3).z, **labels)
    np.save(here / "points.npy", tiny_source(200, 3).z)
    return here / "points.npy"


def opened(text: str, host: Host, **kwargs: Any) -> Any:
    return open_source(text, host, **{"label": "data", "seed": 0, **kwargs})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.zarr", ("a.zarr", {}, False)),
        ("a.zarr@posterior", ("a.zarr", {}, True)),
        ("a.zarr[split=test]", ("a.zarr", {"split": "test"}, False)),
        ("a.zarr[split=test,digit=7]@posterior", ("a.zarr", {"split": "test", "digit": "7"}, True)),
        ("a.zarr[id=007]", ("a.zarr", {"id": "007"}, False)),
        ("a.zarr[smiling=true]", ("a.zarr", {"smiling": "true"}, False)),
        ("a.zarr[x=1e3,y=2020-01-01]", ("a.zarr", {"x": "1e3", "y": "2020-01-01"}, False)),
        ("a.zarr[name='a,b']", ("a.zarr", {"name": "a,b"}, False)),
        ("a.zarr[name=]", ("a.zarr", {"name": ""}, False)),
        ("s3://bucket/a.zarr[split=test]", ("s3://bucket/a.zarr", {"split": "test"}, False)),
        ("C:\\a.zarr[split=test]", ("C:\\a.zarr", {"split": "test"}, False)),
        ("box:sides=[1,2]", ("box:sides=[1,2]", {}, False)),
        ("box:sides=[a=1]", ("box:sides=[a=1]", {}, False)),
    ],
)
def test_source_texts(text: str, parts: tuple[str, dict[str, str], bool]) -> None:
    found = SourceText.parse(text)
    assert (found.base, found.conditions, found.posterior) == parts


def test_a_path_that_exists_is_a_path(here: Path) -> None:
    (here / "odd[split=test]@posterior").mkdir()
    assert SourceText.parse("odd[split=test]@posterior").base == "odd[split=test]@posterior"


def test_malformed_conditions() -> None:
    with pytest.raises(OptionError, match="key=value"):
        SourceText.parse("a.zarr[split=test,digit]")


@pytest.mark.parametrize("text", ["x" * 300, "a\0b", "x" * 5000 + "/y"])
def test_names_that_the_system_refuses(host: Host, text: str) -> None:
    assert not is_store(text)
    with pytest.raises(LatentAnalyzeError):
        opened(text, host)
    with pytest.raises(ModelError, match="nothing there"):
        open_model(text, host)
    with pytest.raises(LatentAnalyzeError):
        open_dataset(text, host)


def test_vectors_are_a_source(points: Path, host: Host) -> None:
    source = opened(str(points), host, label="mine")
    assert (source.count, source.dim, source.label) == (200, 3, "mine")


def test_vectors_with_options(points: Path, host: Host) -> None:
    assert opened("points.npy:limit=50", host).count == 50


def test_subset_of_vectors(points: Path, host: Host) -> None:
    source = opened("labelled.npz[split=test]", host)
    assert isinstance(source, SubsetSource)
    assert (source.count, source.label) == (50, "data[split=test]")
    assert opened("labelled.npz[label=7,split=train]", host).count == 20


def test_posterior_of_what_is_not_variational(points: Path, host: Host) -> None:
    with pytest.raises(OptionError, match="leave @posterior out"):
        opened("points.npy@posterior", host)


def test_a_sampler_stands_on_its_own_with_dim(host: Host) -> None:
    source = opened("normal:dim=256:count=1000", host, label="n")
    assert (source.count, source.dim, source.label) == (1000, 256, "n")
    again = opened("normal:dim=256:count=1000", host)
    assert source.fingerprint == again.fingerprint
    assert source.fingerprint != opened("normal:dim=256:count=1000", host, seed=1).fingerprint


def test_data_is_not_the_draw_of_the_sampler_of_its_name(host: Host) -> None:
    data = opened("normal:dim=4:count=100", host)
    beside = fit_sampler("normal", host, reference=data, seed=0)
    rows = np.arange(100)
    assert not np.isin(data.take(rows).z, beside.take(rows).z).any()


def test_normal_in_256_dimensions_lies_in_a_shell(host: Host) -> None:
    z = opened("normal:dim=256:count=100000", host).sample(100_000, 0).z
    assert abs(np.linalg.norm(z, axis=1).mean() - 15.98) < 0.02


def test_uniform_has_the_mean_squared_radius_of_a_cube(host: Host) -> None:
    z = opened("uniform:dim=30:count=100000", host).sample(100_000, 0).z.astype(np.float64)
    assert (z**2).sum(axis=1).mean() == pytest.approx(10.0, rel=0.005)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("latents.zarr", StoreError, r"nothing there; make one: latent-analyze encode"),
        ("folder/other.npy", StoreError, "nothing there"),
        ("gaussian", OptionError, "a store for gaussian"),
        ("gaussain", OptionError, "did you mean gaussian"),
        ("uniform", OptionError, r"dim= for uniform.*uniform:dim=16"),
        ("uniform:dim=4:b=0", OptionError, r"uniform\.b .*greater than 0, found 0"),
        ("uniform:dim=4:b=-1", OptionError, r"uniform\.b .*greater than 0, found -1"),
        ("uniform:dim=4:b=wide", OptionError, r"uniform\.b .*found 'wide'"),
        ("uniform:dim=4:bb=1", OptionError, r"option of uniform, found 'bb'"),
        ("uniform:dim", OptionError, "write it as name:key=value"),
        ("uniform:dim=[4", OptionError, "brackets that match"),
        ("empty", DatasetError, "no data set plugin recognizes"),
        ("images.npy", DatasetError, "no data set plugin recognizes|images"),
        ("text.npy", DatasetError, "no data set plugin recognizes"),
        ("nan.npy", StoreError, r"NaN or infinity in 2 of 10 rows; add --nonfinite drop"),
        ("onlynan.npy", StoreError, "no finite row"),
        ("labelled.npz[splt=test]", OptionError, "did you mean split"),
        ("labelled.npz[split=val]", OptionError, "choose from: split = test, train"),
        ("two\nlines", OptionError, r"two\\nlines"),
        ("two\nlines.npy", StoreError, r"two\\nlines"),
    ],
)
def test_bad_sources_get_one_line(
    here: Path, points: Path, host: Host, text: str, kind: type[Exception], expected: str
) -> None:
    (here / "empty").mkdir()
    np.save(here / "images.npy", np.zeros((5, 8, 8)))
    (here / "text.npy").write_text("no array")
    z = np.zeros((10, 2), np.float32)
    z[3, 0], z[7, 1] = np.nan, np.inf
    np.save(here / "nan.npy", z)
    np.save(here / "onlynan.npy", np.full((3, 2), np.nan))
    with pytest.raises(kind, match=expected) as caught:
        opened(text, host)
    assert str(caught.value).startswith("expected ")
    assert len(str(caught.value).splitlines()) == 1


def test_rows_that_are_not_finite_can_be_dropped(here: Path, host: Host) -> None:
    z = np.arange(20.0).reshape(10, 2)
    z[3, 0] = np.nan
    np.save(here / "nan.npy", z)
    source = opened("nan.npy", host, nonfinite="drop")
    assert (source.count, source.summary().nonfinite) == (9, 0)
    np.save(here / "all.npy", np.full((3, 2), np.nan))
    with pytest.raises(StoreError, match="no finite row"):
        opened("all.npy", host, nonfinite="drop")


def test_fitted_samplers_are_called_by_their_text(host: Host) -> None:
    reference = tiny_source()
    source = fit_sampler("uniform:b=1.5", host, reference=reference, seed=0)
    assert (source.label, source.count, source.dim) == ("uniform:b=1.5", 600, 5)
    with pytest.raises(OptionError, match="dim=5, that of data"):
        fit_sampler("uniform:dim=3", host, reference=reference, seed=0)


def test_posterior_needs_a_variational_reference(host: Host) -> None:
    with pytest.raises(OptionError, match="a source with log_var for posterior"):
        fit_sampler("posterior", host, reference=tiny_source(), seed=0)
    fitted = fit_sampler("posterior", host, reference=tiny_source(variational=True), seed=0)
    assert isinstance(fitted.base, PosteriorSource)  # type: ignore[attr-defined]


def test_labels_and_absolute_paths(here: Path, points: Path) -> None:
    assert label_of("points.npy") == "points"
    assert label_of("folder/latents.zarr[split=test]@posterior") == "latents"
    assert label_of("points.npy:limit=5") == "points"
    assert label_of("uniform:dim=3") == "uniform:dim=3"
    assert label_of("odd\nname.npy") == "odd\\nname"
    assert is_path("a/b")
    assert not is_path("uniform:b=1.5")
    whole = str(here / "points.npy")
    assert absolute("points.npy") == whole
    assert absolute("points.npy:limit=5") == f"{whole}:limit=5"
    assert absolute("points.npy[a=b]@posterior") == f"{whole}[a=b]@posterior"
    assert absolute("s3://bucket/points.npy") == "s3://bucket/points.npy"
    assert absolute("missing.npy") == "missing.npy"


def test_a_folder_called_like_a_sampler_changes_no_option(here: Path) -> None:
    (here / "uniform").mkdir()
    assert absolute("uniform:dim=3") == "uniform:dim=3"


class TinyModel:
    def __init__(self, fingerprint: str) -> None:
        latent = TensorSpec(shape=(3,))
        self.spec = ModelSpec(name="tiny", adapter="tiny", latent=latent, can_decode=True)
        self.fingerprint = fingerprint


class Tiny(Adapter):
    """Opens .tiny files."""

    name = "tiny"

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        return path.suffix == ".tiny"

    def open(self, path: Path, **how: object) -> Model:
        return TinyModel(path.read_text())  # type: ignore[return-value]


@pytest.fixture
def tiny_host(make_host: Callable[..., Host]) -> Host:
    return make_host(adapters=[Tiny])


def test_models_are_opened_by_who_recognizes_them(here: Path, tiny_host: Host) -> None:
    (here / "a.tiny").write_text("first")
    model, ref = open_model("a.tiny", tiny_host, device="cpu")
    assert model.fingerprint == "first"
    assert ref == ModelRef(str(here / "a.tiny"), "first", "tiny", "cpu")
    assert reopen_model(ref, tiny_host).fingerprint == "first"


def test_trust_reaches_the_adapter_and_a_model_opened_again(
    here: Path, make_host: Callable[..., Host]
) -> None:
    class Careful(Tiny):
        def open(self, path: Path, **how: object) -> Model:
            if not how["trust"]:
                raise ModelError("a trusted model", found="none", next_step="--trust")
            return super().open(path)

    host = make_host(adapters=[Careful])
    (here / "a.tiny").write_text("first")
    with pytest.raises(ModelError, match="a trusted model"):
        open_model("a.tiny", host)
    _, ref = open_model("a.tiny", host, trust=True)
    assert reopen_model(ref, host).fingerprint == "first"


def test_a_model_that_changed_is_not_opened_again(here: Path, tiny_host: Host) -> None:
    (here / "a.tiny").write_text("first")
    _, ref = open_model("a.tiny", tiny_host)
    (here / "a.tiny").write_text("second")
    with pytest.raises(ModelError, match=r"the store was made with \(first\).*\(second\)"):
        reopen_model(ref, tiny_host)


def test_models_that_nobody_opens(here: Path, host: Host, tiny_host: Host) -> None:
    (here / "a.txt").write_text("")
    with pytest.raises(ModelError, match=r"the adapters opens \(tiny\).*none of them recognizes"):
        open_model("a.txt", tiny_host)
    with pytest.raises(ModelError, match="none installed"):
        open_model("a.txt", host)
    with pytest.raises(ModelError, match="nothing there; train one"):
        open_model("gone.onnx", tiny_host)


def test_data_sets_that_are_not_there(here: Path, host: Host) -> None:
    with pytest.raises(DatasetError, match="nothing there; check the path"):
        open_dataset("gone.npz", host)
    with pytest.raises(OptionError, match="known data set"):
        open_dataset("digitz", host)


def test_data_sets_that_users_added_are_asked_before_the_built_in_ones(tmp_path: Path) -> None:
    class Zebra(InMemoryDataset):
        """Claims every array, as the built-in one does."""

        name = "zebra"
        kind = "vectors"
        suffixes = (".npy",)

        def load(self) -> Items:
            return Items(x=np.zeros((4, 2), np.float32))

    np.save(tmp_path / "points.npy", np.ones((3, 3), np.float32))
    assert open_dataset(str(tmp_path / "points.npy"), Host()).name == "vector_arrays"
    assert open_dataset(str(tmp_path / "points.npy"), Host([Zebra])).name == "zebra"
