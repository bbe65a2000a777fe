"""`reconstruct` on rows that are no images: tables, signals, sequences, volumes, tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from row_shapes import COUNT, SHAPES, World, assert_no_pictures

from latent_analyze.host.options import build_options
from latent_analyze.plugin import ArraySource, Result, ResultSet
from latent_analyze.testing import check_analysis, figures_of, findings_of, run_analysis
from latent_analyze_plugins.reconstruct import Reconstruct


def reconstruct(world: World, labels: Any = None, **options: Any) -> ResultSet:
    analysis = Reconstruct(build_options(Reconstruct.Options, options, "reconstruct"))
    source = ArraySource(world.z, labels=world.labels if labels is None else labels)
    return run_analysis(analysis, source, model=world, images=world.rows)


@pytest.mark.parametrize("name", SHAPES)
def test_rows_of_any_shape(name: str, tmp_path: Any) -> None:
    world = World(SHAPES[name])
    data = _checked(reconstruct(world), tmp_path)
    truth, decoded = world.rows(np.arange(COUNT)), world.decode(world.z)
    errors = ((truth.astype(float) - decoded) ** 2).reshape(COUNT, -1).mean(axis=1)
    assert data["mse"] == pytest.approx(errors.mean())
    assert data["explained"] == pytest.approx(
        1 - errors.mean() / truth.var(axis=0).mean(), rel=1e-4
    )
    assert not {"bce", "ssim", "outside", "accuracy"} & set(data.scalars)
    assert data["original"].shape[2:] == world.shape


def _checked(results: ResultSet, folder: Any) -> Result:
    analysis = Reconstruct(results.options)
    assert_no_pictures(analysis, results)
    for figure in figures_of(analysis, results):
        figure.figure.savefig(folder / f"{figure.name}.png")
        assert (folder / f"{figure.name}.png").stat().st_size > 5_000
    return results.data


@pytest.mark.parametrize("name", ["table", "volume"])
def test_contract(name: str) -> None:
    world = World(SHAPES[name])
    check_analysis(Reconstruct(), source=world.source, model=world, images=world.rows)


def test_axes_of_length_one_make_no_difference() -> None:
    class Flat(World):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return super().decode(z).reshape(len(z), -1)

    assert reconstruct(Flat((1, 64))).data["mse"] == reconstruct(World((1, 64))).data["mse"]


def test_data_far_from_zero_keep_their_digits() -> None:
    class Far(World):
        def rows(self, rows: np.ndarray) -> np.ndarray:
            return super().rows(rows) + 1e6

        def decode(self, z: np.ndarray) -> np.ndarray:
            return np.float32(super().rows(np.arange(COUNT)).mean(axis=0) + 1e6)[None].repeat(
                len(z), axis=0
            )

    assert reconstruct(Far((10,))).data["explained"] == pytest.approx(0, abs=1e-3)


def test_another_shape_is_an_error_in_words_for_the_rows() -> None:
    class Long(World):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return super().decode(z)[:, :-1]

    with pytest.raises(
        AssertionError, match=r"decoded rows of the shape of the originals, \(10,\)"
    ):
        reconstruct(Long((10,)))


class Tokens(World):
    """Sentences of 12 tokens out of 5, and scores that miss the last place."""

    def __init__(self, axis: int = -1, length: int = 12) -> None:
        shape = (length, 5) if axis == -1 else (5, length)
        super().__init__(shape)
        self.axis, self.length = axis, length

    def truth(self, z: np.ndarray) -> np.ndarray:
        return np.digitize(z[:, [n % 4 for n in range(self.length)]], [-1, -0.3, 0.3, 1])

    def rows(self, rows: np.ndarray) -> np.ndarray:
        return self.truth(self.z[rows]).astype(np.float32)

    def decode(self, z: np.ndarray) -> np.ndarray:
        found = self.truth(z)
        found[:, -1] = 2
        scores = np.eye(5, dtype=np.float32)[found]
        return scores if self.axis == -1 else scores.swapaxes(1, 2)


@pytest.mark.parametrize("axis", [-1, 1])
def test_categories_have_an_accuracy(axis: int, tmp_path: Any) -> None:
    world = Tokens(axis)
    results = reconstruct(world)
    data, truth = _checked(results, tmp_path), world.truth(world.z)
    assert data["accuracy"] == pytest.approx((11 + (truth[:, -1] == 2).mean()) / 12)
    assert 0.9 < data["explained"] < 1
    assert not {"mse", "bce", "outside"} & set(data.scalars)
    assert data["original"].shape == (3, 10, 12)
    (text, *_) = [f.text for f in findings_of(Reconstruct(results.options), results)]
    assert text.startswith("The most likely category is right for 9")


def test_the_most_frequent_category_explains_nothing() -> None:
    class Lazy(Tokens):
        def decode(self, z: np.ndarray) -> np.ndarray:
            most = [np.bincount(place).argmax() for place in self.truth(self.z).T]
            return np.repeat(np.eye(5, dtype=np.float32)[most][None], len(z), axis=0)

    assert reconstruct(Lazy()).data["explained"] == pytest.approx(0, abs=1e-9)


def test_scores_for_fewer_categories_are_an_error() -> None:
    class Small(Tokens):
        def rows(self, rows: np.ndarray) -> np.ndarray:
            return super().rows(rows) + 3

    with pytest.raises(AssertionError, match=r"shape of the originals, \(12,\)"):
        reconstruct(Small())


class Conditional(World):
    """The decoder adds ten times the label that it is given; without it, nothing."""

    def __init__(self) -> None:
        super().__init__((10,), columns=["digit"])

    def rows(self, rows: np.ndarray) -> np.ndarray:
        return super().rows(rows) + 10 * self.labels["digit"][rows, None].astype(np.float32)

    def decode(self, z: np.ndarray, columns: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        digit = (columns or {"digit": np.zeros(len(z))})["digit"]
        return smooth_of(self, z) + 10 * digit[:, None].astype(np.float32)


def smooth_of(world: World, z: np.ndarray) -> np.ndarray:
    return World.decode(world, z)


def test_a_decoder_gets_the_labels_that_it_takes() -> None:
    plain = reconstruct(World((10,))).data["mse"]
    assert reconstruct(Conditional()).data["mse"] == pytest.approx(plain, rel=1e-4)
    assert reconstruct(Conditional(), labels={}).data["mse"] > 50


def test_unclipped_values_count_in_the_error() -> None:
    class Loud(World):
        def rows(self, rows: np.ndarray) -> np.ndarray:
            return np.ones((len(rows), 8, 8, 1), np.float32)

        def decode(self, z: np.ndarray) -> np.ndarray:
            return np.full((len(z), 8, 8, 1), 3, np.float32)

    from latent_analyze.plugin import TensorSpec

    image = TensorSpec(shape=(8, 8, 1), layout="HWC", range=(0.0, 1.0))
    data = reconstruct(Loud((8, 8, 1), output=image)).data
    assert (data["mse"], data["outside"], data["ssim"]) == (4.0, 1.0, 1.0)
