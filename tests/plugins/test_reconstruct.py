"""Reconstruction errors of a sample, by split and by place."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest

from latent_analyze.host.options import build_options
from latent_analyze.plugin import ArraySource, ModelSpec, ResultSet, TensorSpec
from latent_analyze.testing import check_analysis, figures_of, findings_of, run_analysis
from latent_analyze_plugins.reconstruct import Reconstruct


class World:
    """Images that are functions of z, and a decoder that is wrong in a known way."""

    def __init__(self, z: np.ndarray, shape: tuple[int, ...] = (8, 8, 1)) -> None:
        self.z, self.shape = z.astype(np.float32), shape
        size = int(np.prod(shape))
        self.mixing = np.random.default_rng(5).standard_normal((z.shape[1], size))
        latent = TensorSpec(shape=(z.shape[1],))
        self.spec = ModelSpec(name="world", adapter="test", latent=latent, can_decode=True)

    def truth(self, z: np.ndarray) -> np.ndarray:
        values = 1 / (1 + np.exp(-z @ self.mixing / np.sqrt(z.shape[1])))
        return values.reshape(len(z), *self.shape).astype(np.float32)

    def images(self, rows: np.ndarray) -> np.ndarray:
        return self.truth(self.z[rows])

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Return images that are the worse the farther out z is: contrast is lost."""
        radius = np.linalg.norm(z, axis=1).reshape(-1, *[1] * len(self.shape))
        truth = self.truth(z)
        return (truth + 0.05 * radius * (0.5 - truth)).astype(np.float32)


def normal(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim))


def reconstruct(world: Any, *, labels: Any = None, **options: Any) -> ResultSet:
    analysis = Reconstruct(build_options(Reconstruct.Options, options, "reconstruct"))
    source = ArraySource(world.z, labels=labels)
    return run_analysis(analysis, source, model=world, images=world.images)


SPLIT = {"split": np.where(np.arange(400) % 4 == 0, "test", "train")}


@pytest.fixture(scope="module")
def world() -> World:
    return World(normal(400, 5))


@pytest.fixture(scope="module")
def results(world: World) -> ResultSet:
    return reconstruct(world, labels=SPLIT)


def texts(results: ResultSet) -> list[str]:
    analysis = Reconstruct(results.options)
    findings = findings_of(analysis, results)
    assert all(finding.severity == "note" for finding in findings)
    return [finding.text for finding in findings]


def test_contract(world: World) -> None:
    source = ArraySource(world.z, labels=SPLIT)
    check_analysis(Reconstruct(), source=source, model=world, images=world.images)


def test_a_perfect_decoder_has_no_error(world: World) -> None:
    class Perfect(World):
        decode = World.truth

    data = reconstruct(Perfect(world.z)).data
    assert data["mse"] == data["mse_q95"] == 0
    assert data["explained"] == data["ssim"] == 1
    assert data["bce"] == pytest.approx(data["bce_floor"], rel=1e-6)
    assert "rank_radius" not in data.scalars
    assert any("does not vary" in text for text in texts(reconstruct(Perfect(world.z))))


def test_the_mean_image_explains_nothing(world: World) -> None:
    mean = world.truth(world.z).mean(axis=0)

    class Lazy(World):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return np.repeat(mean[None], len(z), axis=0)

    assert reconstruct(Lazy(world.z)).data["explained"] == pytest.approx(0, abs=1e-5)


def test_errors_are_those_of_the_images(world: World, results: ResultSet) -> None:
    data = results.data
    truth, decoded = world.truth(world.z), world.decode(world.z)
    expected = ((truth.astype(float) - decoded) ** 2).mean(axis=(1, 2, 3))
    assert np.allclose(data["image_mse"], expected[data["row"]], rtol=1e-5)
    assert data["mse"] == pytest.approx(expected.mean())
    assert data["bce_sum"] == pytest.approx(64 * data["bce"])
    assert data["nonfinite"] == 0


def test_parts_of_the_sample_make_no_difference(
    world: World, results: ResultSet, monkeypatch
) -> None:
    compute = import_module("latent_analyze_plugins.reconstruct.compute")
    monkeypatch.setattr(compute, "PART_VALUES", 64 * 7)
    again = reconstruct(world, labels=SPLIT).data
    for name, scalar in results.data.scalars.items():
        assert again[name] == pytest.approx(scalar.value), name


def test_examples_are_the_best_and_the_worst(world: World, results: ResultSet) -> None:
    data = results.data
    mse = data["image_mse"][data["example"]]
    assert (np.diff(mse[0]) >= 0).all()
    assert mse[1, 0] == data["image_mse"].min()
    assert mse[2, 0] == data["image_mse"].max()
    row = data["row"][data["example"][2, 0]]
    pixels = np.rint(255 * np.clip(world.images(np.array([row]))[0], 0, 1))
    assert np.array_equal(data["original"][2, 0], pixels)


def test_splits_are_told_apart_where_they_differ(world: World, results: ResultSet) -> None:
    data = results.data
    assert data["images[test]"] == 100
    mse, test = data["image_mse"], data["split"] == "test"
    assert data["mse[test]"] == pytest.approx(mse[test].mean())
    assert any("do not differ beyond sampling error" in text for text in texts(results))

    class Overfit(World):
        def decode(self, z: np.ndarray) -> np.ndarray:
            known = {row.tobytes(): bool(i % 4) for i, row in enumerate(self.z)}
            truth = self.truth(z)
            right = np.array([known[row.tobytes()] for row in z.astype(np.float32)])
            return np.where(right[:, None, None, None], truth, truth * 0.9).astype(np.float32)

    found = texts(reconstruct(Overfit(world.z), labels=SPLIT))
    assert any("test is reconstructed worse than train" in text for text in found)


def test_errors_that_grow_outwards_are_found(results: ResultSet) -> None:
    assert results.data["rank_radius"] > 0.5
    (text,) = [text for text in texts(results) if "the radius" in text]
    assert text.startswith("The error grows with the radius: rank correlation +0.")
    low, high = results.data["mse_by_radius"][[0, -1], 1]
    assert low < high


def test_errors_that_do_not_depend_on_the_place_are_said_so(world: World) -> None:
    class Even(World):
        def decode(self, z: np.ndarray) -> np.ndarray:
            noise = np.random.default_rng(1).normal(0, 0.1, (len(z), *self.shape))
            return (self.truth(z) + noise).astype(np.float32)

    assert sum("hardly depends on" in text for text in texts(reconstruct(Even(world.z)))) == 2


def test_vectors_have_a_mean_squared_error_only() -> None:
    world = World(normal(100, 4), shape=(12,))
    results = reconstruct(world)
    assert not {"bce", "ssim", "outside"} & set(results.data.scalars)
    assert results.data["original"].shape == (3, 10, 12)
    assert [f.name for f in figures_of(Reconstruct(), results)] == [
        "reconstruct", "reconstruct-errors", "reconstruct-places",
    ]  # fmt: skip


def test_images_without_a_channel_axis_get_one() -> None:
    results = reconstruct(World(normal(60, 4), shape=(9, 7)))
    assert results.data["original"].shape == (3, 10, 9, 7, 1)
    assert results.data["ssim"] < 1


def test_values_outside_the_range_are_counted_and_said() -> None:
    class Loud(World):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return 3 * self.truth(z)

    results = reconstruct(Loud(normal(80, 3)))
    assert results.data["outside"] > 0.1
    assert any("lies outside [0, 1]" in text for text in texts(results))


def test_outputs_that_are_not_finite_are_left_out_and_said_so() -> None:
    class Torn(World):
        def decode(self, z: np.ndarray) -> np.ndarray:
            out = self.truth(z)
            out[z[:, 0] > 1] = np.nan
            return out

    world = Torn(normal(200, 3))
    results = reconstruct(world)
    assert results.data["nonfinite"] == (world.z[:, 0] > 1).sum()
    assert results.data["mse"] == 0
    assert any("NaN or infinity" in text for text in texts(results))


def test_a_decoder_of_nothing_finite_is_an_error() -> None:
    class Broken(World):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return np.full((len(z), *self.shape), np.nan, np.float32)

    with pytest.raises(AssertionError, match="finite numbers from the decoder"):
        reconstruct(Broken(normal(50, 3)))


def test_another_shape_of_output_is_an_error() -> None:
    class Large(World):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return np.zeros((len(z), 16, 16, 1), np.float32)

    with pytest.raises(AssertionError, match=r"shape of the originals, \(8, 8, 1\)"):
        reconstruct(Large(normal(50, 3)))


@pytest.mark.parametrize(
    "z",
    [
        normal(50, 2),
        normal(3, 2),
        np.repeat(normal(30, 3), 4, axis=0),
        np.ones((40, 3)),
        normal(60, 16_384),
        np.concatenate([normal(100, 2), np.zeros((100, 2))], axis=1),
        normal(100, 6) / np.linalg.norm(normal(100, 6), axis=1, keepdims=True),
    ],
    ids=["2-D", "3 rows", "duplicates", "all alike", "16384-D", "constant axes", "unit norm"],
)
@pytest.mark.parametrize("labels", [False, True])
def test_robust(z: np.ndarray, labels: bool) -> None:
    split = {"split": np.full(len(z), "test")} if labels else None
    results = reconstruct(World(z), labels=split)
    for name, scalar in results.data.scalars.items():
        assert np.isfinite(scalar.value), name
    assert texts(results)
    assert len(figures_of(Reconstruct(), results)) == 3


def test_figures(results: ResultSet, tmp_path) -> None:
    examples, errors, places = figures_of(Reconstruct(), results)
    assert "percentile" in examples.caption
    labels = {text.get_text() for text in errors.figure.legends[0].get_texts()}
    assert labels == {"test (100 images)", "train (300 images)"}
    assert [axis.get_xlabel() for axis in places.figure.axes] == [
        "radius (latent units)", "distance to the 10th neighbor\n(latent units)",
    ]  # fmt: skip
    for figure in (examples, errors, places):
        figure.figure.savefig(tmp_path / f"{figure.name}.png")
        assert (tmp_path / f"{figure.name}.png").stat().st_size > 5_000
