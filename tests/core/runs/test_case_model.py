"""The model and images behind a case, opened when asked for, and verified."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_bundle import write_images, write_tiny_bundle

import latent_analyze as la
from latent_analyze.errors import AnalysisError, DatasetError, ModelError, StoreError
from latent_analyze.host.discovery import Host
from latent_analyze.plugin import ArraySource
from latent_analyze.runs.case_model import CaseModel, base_rows, store_of
from latent_analyze.runs.config import RunConfig
from latent_analyze.runs.opening import open_source
from latent_analyze.sources.views import RelabeledSource
from latent_analyze.testing import tiny_source

NEEDS = {"encoder", "decoder", "log_var", "labels", "images"}


@pytest.fixture(scope="module")
def installed() -> Host:
    return Host()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a model, another one, images and a store; all may be changed."""
    write_tiny_bundle(tmp_path / "model")
    write_tiny_bundle(tmp_path / "other", seed=1)
    write_images(tmp_path / "images.npz", 60, black=(5,))
    la.encode(
        tmp_path / "model", tmp_path / "images.npz", tmp_path / "latents.zarr", nonfinite="drop"
    )
    return tmp_path


@pytest.fixture
def case_of(place: Path, installed: Host) -> Callable[..., CaseModel]:
    """Return the case of a source text (the store by default) and options of a run."""

    def make(text: str = "", model: str | None = None, data: str | None = None) -> CaseModel:
        text = f"{place / 'latents.zarr'}{text}"
        source = open_source(text, installed, label="data", seed=0)
        model, data = (None if name is None else str(place / name) for name in (model, data))
        config = RunConfig(model=model, data=data)
        return CaseModel.of(source, config, installed)

    return make


def lacking(case: CaseModel) -> set[str]:
    return {need for need, reason in case.offers(case.reference).items() if reason}


class TestOffers:
    def test_a_store_has_all(self, case_of: Callable[..., CaseModel]) -> None:
        case = case_of()
        assert case.offers(case.reference).keys() >= NEEDS
        assert lacking(case) == set()
        assert case.details["model"].name == "tiny"
        assert case.details["dropped"] == 1

    def test_vectors_have_nothing(self, installed: Host) -> None:
        source = ArraySource(tiny_source(20, 4).z)
        case = CaseModel.of(source, RunConfig(), installed)
        assert lacking(case) == NEEDS
        assert "encode a store, or give --model" in case.offers(source)["decoder"]
        with pytest.raises(AnalysisError, match="give --model"):
            case.open()
        with pytest.raises(AnalysisError, match="images"):
            case.images(np.arange(2))

    def test_a_model_for_vectors(self, installed: Host, place: Path) -> None:
        source = tiny_source(20, 4)
        case = CaseModel.of(source, RunConfig(model=str(place / "model")), installed)
        assert lacking(case) == {"log_var", "images"}
        assert case.open().spec.name == "tiny"

    def test_half_a_model(self, installed: Host, place: Path) -> None:
        config = RunConfig(model=str(place / "model" / "decoder.onnx"))
        case = CaseModel.of(tiny_source(20, 4), config, installed)
        assert case.offers(case.reference)["encoder"] == "the model has no encoder"
        assert case.offers(case.reference)["decoder"] == ""

    def test_a_model_that_is_gone(self, case_of: Callable[..., CaseModel], place: Path) -> None:
        shutil.rmtree(place / "model")
        case = case_of()
        assert lacking(case) == {"encoder", "decoder"}
        assert "no longer at" in case.offers(case.reference)["decoder"]

    def test_a_model_that_was_moved(self, case_of: Callable[..., CaseModel], place: Path) -> None:
        (place / "model").rename(place / "moved")
        case = case_of(model="moved")
        assert lacking(case) == set()
        assert case.open().spec.name == "tiny"

    def test_files_of_a_model_that_were_renamed(
        self, case_of: Callable[..., CaseModel], place: Path
    ) -> None:
        (place / "model" / "encoder.onnx").rename(place / "a.onnx")
        (place / "model" / "decoder.onnx").rename(place / "b.onnx")
        shutil.rmtree(place / "model")
        with pytest.raises(ModelError, match=r"name both files, .*encoder\.onnx\+decoder\.onnx"):
            case_of(model="a.onnx")
        (place / "pair").mkdir()
        (place / "a.onnx").rename(place / "pair" / "a.onnx")
        (place / "b.onnx").rename(place / "pair" / "b.onnx")
        for given in (f"pair/a.onnx+{place / 'pair' / 'b.onnx'}", "pair"):
            assert lacking(case_of(model=given)) == set()


class TestModel:
    def test_it_is_opened_once(self, case_of: Callable[..., CaseModel]) -> None:
        case = case_of()
        assert case.open() is case.open()

    def test_another_one_in_its_place(self, case_of: Callable[..., CaseModel], place: Path) -> None:
        shutil.rmtree(place / "model")
        (place / "other").rename(place / "model")
        case = case_of()
        with pytest.raises(ModelError, match="the model that the store was made with"):
            case.open()

    def test_another_one_given(self, case_of: Callable[..., CaseModel]) -> None:
        with pytest.raises(StoreError, match="a store of another model"):
            case_of(model="other")

    def test_other_dimensions(self, installed: Host, place: Path) -> None:
        config = RunConfig(model=str(place / "model"))
        with pytest.raises(ModelError, match="of 5 latent dimensions, found 4"):
            CaseModel.of(tiny_source(20, 5), config, installed)


class TestImages:
    def test_rows_are_those_of_the_data_set(self, case_of: Callable[..., CaseModel]) -> None:
        case = case_of()
        rows = np.array([40, 4, 5])
        z = np.concatenate([case.reference.read(b).z for b in case.reference.blocks()])
        images = case.images(rows)
        assert images.shape == (3, 8, 8, 1)
        np.testing.assert_allclose(case.open().encode(images).mu, z[rows], rtol=1e-5, atol=1e-6)

    def test_rows_of_views_of_a_store(self, case_of: Callable[..., CaseModel]) -> None:
        whole, case = case_of(), case_of("[split=test]@posterior")
        batch = case.reference.read(case.reference.blocks()[0], frozenset({"z", "mu", "id"}))
        np.testing.assert_array_equal(
            case.images(np.array([3, 0])),
            whole.images(base_rows(case.reference, np.array([3, 0]))),
        )
        assert batch.mu is not None
        np.testing.assert_allclose(
            case.open().encode(case.images(np.array([2]))).mu[0], batch.mu[2], rtol=1e-5, atol=1e-6
        )

    def test_other_images_in_their_place(
        self, case_of: Callable[..., CaseModel], place: Path
    ) -> None:
        write_images(place / "images.npz", 60, seed=9)
        with pytest.raises(DatasetError, match="the data that the store was made from"):
            case_of().images(np.arange(2))

    def test_images_that_were_moved(self, case_of: Callable[..., CaseModel], place: Path) -> None:
        before = case_of().images(np.arange(3))
        (place / "images.npz").rename(place / "moved.npz")
        case = case_of()
        assert lacking(case) == {"images"}
        assert "no longer at" in case.offers(case.reference)["images"]
        with pytest.raises(DatasetError, match="no longer at"):
            case.images(np.arange(3))
        # The options are those of the store.
        for given in ("moved.npz", "moved.npz:limit=3"):
            case = case_of("[split=train]", data=given)
            assert lacking(case) == set()
            np.testing.assert_array_equal(case.images(np.arange(3)), before)
        write_images(place / "others.npz", 60, seed=9)
        with pytest.raises(DatasetError, match=r"others at .*others\.npz"):
            case_of(data="others.npz")


def test_the_store_below_views(case_of: Callable[..., CaseModel]) -> None:
    source = RelabeledSource(case_of("[split=test]@posterior").reference, "x")
    store = store_of(source)
    assert isinstance(store, la.Store)
    assert store_of(tiny_source(5, 2)) is None
    rows = base_rows(source, np.array([0, 1]))
    labels = store.read(replace(store.blocks()[0]), frozenset({"label:split"})).labels["split"]
    assert set(labels[rows]) == {"test"}
