"""`random_decode` over a model of known truth: blobs that it draws well, and what it does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest

from latent_analyze.host.options import build_options
from latent_analyze.plugin import ArraySource, Latents, ModelSpec, ResultSet, Source, TensorSpec
from latent_analyze.testing import check_analysis, figures_of, findings_of, run_analysis
from latent_analyze_plugins.random_decode import RandomDecode

SIDE = 16
GRID = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij"), axis=-1)
CENTERS = np.array([[5.0, 5.0], [5.0, 10.0], [10.0, 5.0], [10.0, 10.0]])
"""Where the blobs of each of four classes are."""


class Blobs:
    """A blob at z; the encoder finds its center. Left of the image there are only stripes."""

    def __init__(self, scale: float = 1.0, offset: float = 0.0) -> None:
        self.scale, self.offset = scale, offset
        self.fingerprint = f"blobs-{scale}-{offset}"
        image = TensorSpec(shape=(SIDE, SIDE, 1), layout="HWC", range=(0.0, 1.0))
        self.spec = ModelSpec(
            name="blobs", adapter="test", input=image, latent=TensorSpec(shape=(2,)), output=image,
            can_encode=True, can_decode=True, batch=64,
        )  # fmt: skip

    def decode(self, z: np.ndarray) -> np.ndarray:
        at = z[:, None, None, :].astype(np.float64)
        images = np.exp(-np.square(GRID - at).sum(axis=-1) / 4)
        stripes = 0.5 + 0.5 * np.sin(GRID[..., 1] * (1 + np.abs(z[:, :1, None])))
        images = np.where(z[:, 1, None, None] < 0, stripes, images)
        return (self.offset + self.scale * images[..., None]).astype(np.float32)

    def encode(self, x: np.ndarray) -> Latents:
        weights = np.maximum((x[..., 0].astype(np.float64) - self.offset) / self.scale, 0) + 1e-9
        centers = np.einsum("nij,ijk->nk", weights, GRID) / weights.sum(axis=(1, 2))[:, None]
        return Latents(centers.astype(np.float32))


def cloud(count: int = 4000, *, seed: int = 0, kind: int | None = None) -> Source:
    """Return blobs of all four classes, or of one."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 4, count) if kind is None else np.full(count, kind)
    z = CENTERS[kinds] + 0.6 * rng.standard_normal((count, 2))
    label = f"class {kind}" if kind is not None else "new" if seed else "data"
    return ArraySource(z.astype(np.float32), label, labels={"kind": kinds})


def points(z: Any, label: str) -> Source:
    return ArraySource(np.asarray(z, np.float32), label)


def make(**options: Any) -> RandomDecode:
    values = {"samplers": [], "boundaries": [], "points": 400, **options}
    return RandomDecode(build_options(RandomDecode.Options, values, "random_decode"))


def run(*shown: Source, model: Any = None, reference: Source | None = None) -> ResultSet:
    return run_analysis(make(), reference or cloud(), shown=shown, model=model or Blobs())


def texts(results: ResultSet) -> list[str]:
    return [finding.text for finding in findings_of(make(), results)]


STRIPES = points(np.random.default_rng(3).uniform([4, -9], [11, -1], (400, 2)), "stripes")
BETWEEN = points(np.random.default_rng(4).uniform([7, 7], [8, 8], (400, 2)), "between")


@pytest.fixture(scope="module")
def found() -> ResultSet:
    noise = 1e-4 * np.random.default_rng(5).standard_normal((400, 2))
    copies = points(cloud().take(np.arange(400)).z + noise, "copies")
    return run(cloud(400, seed=1), cloud(400, seed=2, kind=1), STRIPES, BETWEEN, copies)


def test_held_out_rows_are_good_in_nine_of_ten_cases(found: ResultSet) -> None:
    quality = found.data["quality"]
    assert kstest(quality, "uniform").pvalue > 0.01
    low, high = found.data["interval"][0]
    assert low < 0.9 < high
    assert found.data["good_relative"] == 1.0


def test_new_draws_of_the_data_are_as_good_and_reach_all_of_it(found: ResultSet) -> None:
    new = found.results["new"]
    assert abs(new["good_rate"] - 0.9) < 0.06
    assert new["coverage"] > 0.95
    assert new["copied"] < 0.05


def test_what_does_not_come_back_is_bad_and_so_is_what_lands_elsewhere(found: ResultSet) -> None:
    assert found.results["stripes"]["good_rate"] == 0.0
    assert found.results["between"]["good_rate"] < 0.05
    assert found.results["stripes"]["shown_quality"].max() < 0.1


def test_a_sampler_of_one_class_is_good_and_reaches_a_quarter(found: ResultSet) -> None:
    one = found.results["class 1"]
    assert one["good_rate"] > 0.8
    assert one["coverage"] == pytest.approx(0.25, abs=0.08)
    np.testing.assert_allclose(one["class_share"], [0, 1, 0, 0], atol=0.03)
    assert one["class_missed"].tolist() == [1, 0, 1, 1]
    (text,) = [text for text in texts(found) if "reaches only" in text]
    assert text.startswith("class 1 reaches only ")
    assert text.endswith(": it misses kind 0, 2, 3.")


def test_copies_are_named_and_not_recommended(found: ResultSet) -> None:
    assert found.results["copies"]["copied"] > 0.8
    (text,) = [text for text in texts(found) if "copies of rows" in text]
    assert "copies (" in text
    assert "class 1" not in text


def test_the_answer_comes_first_and_the_test_of_the_test_last() -> None:
    results = run(cloud(400, seed=1, kind=2), STRIPES)
    first, *_, last = texts(results)
    assert first.startswith("Do not sample with class 2 alone: ")
    assert "Good is what is better than the worst 10 % of held-out data" in first
    assert last.startswith("The test was tested on junk made of the data. Passed for good: blends")
    assert texts(run(STRIPES))[0].startswith("Do not sample here: even of stripes")


def test_a_part_of_the_data_is_not_praised_as_all_of_it() -> None:
    first = texts(run(cloud(400, seed=1, kind=2)))[0]
    assert ", but they reach only 2" in first


def test_five_draws_are_scored_and_where_they_leave_the_data_is_left_out() -> None:
    five = run(points(STRIPES.take(np.arange(5)).z, "five")).results["five"]
    assert five["good_rate"] == 0.0
    assert "departure" not in five.arrays


def test_samplers_that_all_repeat_the_data_are_not_taken_for_none() -> None:
    rows = points(cloud().take(np.arange(400)).z, "rows")
    assert texts(run(rows))[0].startswith("All samplers repeat rows of the data; ")
    assert texts(run(cloud(400, seed=1), rows))[0].startswith("Sample with new: ")
    posterior = points(cloud(400, seed=1).take(np.arange(400)).z, "posterior")
    assert texts(run(posterior))[0].startswith("All samplers repeat rows of the data; ")


def test_a_cube_may_be_the_answer() -> None:
    rng = np.random.default_rng(6)
    wide, narrow = rng.uniform(0, 11, (4000, 2)), rng.uniform(0, 1, (400, 2))
    cubes = [points(rng.uniform(0, 11, (400, 2)), "uniform:b=11"), points(narrow, "uniform:b=1")]
    first, second, *_ = texts(run(*cubes, reference=points(wide, "data")))
    assert first.startswith("Sample with uniform:b=11: ")
    assert second.startswith("Uniform vectors in [-b, b]^N are best at b = 11: ")
    none = texts(run(points(narrow - 9, "uniform:b=1")))
    assert none[1] == "Of uniform vectors in [-b, b]^N none are good, at any b that was tried."


@pytest.mark.filterwarnings("error")
def test_few_different_rows_and_large_values_give_numbers() -> None:
    rows = cloud().take(np.random.default_rng(7).integers(0, 10, 4000)).z
    few = run(cloud(400, seed=1), reference=points(rows, "data"))
    large = run(cloud(400, seed=1), model=Blobs(1e37))
    for results in (few, large):
        new = results.results["new"]
        assert all(np.isfinite(new[name]) for name in ("coverage", "contrast", "diversity"))


@pytest.mark.parametrize(("scale", "offset"), [(255.0, 0.0), (2.0, -1.0)])
def test_qualities_do_not_depend_on_the_units_of_the_output(
    found: ResultSet, scale: float, offset: float
) -> None:
    other = run(STRIPES, BETWEEN, model=Blobs(scale, offset))
    for label in ("stripes", "between"):
        expected = found.results[label]["quality"]
        np.testing.assert_allclose(other.results[label]["quality"], expected, atol=0.02)


def test_an_attractor_far_from_the_data_is_bad_although_it_comes_back_exactly() -> None:
    class Attracted(Blobs):
        """All beyond a radius becomes one blob in the corner, which is a fixed point."""

        def decode(self, z: np.ndarray) -> np.ndarray:
            far = np.linalg.norm(z - 7.5, axis=1, keepdims=True) > 6
            return super().decode(np.where(far, 13.0, z))

    results = run(points(np.full((50, 2), 30.0), "far"), model=Attracted())
    assert not results.frame["cannot_say"]
    assert results.results["far"]["good_rate"] == 0.0


def test_rows_that_the_model_has_not_seen_set_the_standard() -> None:
    base = cloud(3000)
    split = np.where(np.arange(3000) < 1500, "train", "Test")
    z = base.take(np.arange(3000)).z
    results = run(reference=ArraySource(z, "data", labels={"split": split}))
    for name in ("calibration_rows", "evaluation_rows"):
        assert (results.frame[name] >= 1500).all()
    few = ArraySource(z, "data", labels={"split": np.where(np.arange(3000) < 2900, "a", "test")})
    assert (run(reference=few).frame["evaluation_rows"] < 2900).any()


class Flat(Blobs):
    """Gives one image."""

    def decode(self, z: np.ndarray) -> np.ndarray:
        return super().decode(np.full_like(z, 5.0))


class Exact(Blobs):
    """Writes z into two pixels."""

    def decode(self, z: np.ndarray) -> np.ndarray:
        x = np.zeros((len(z), SIDE, SIDE, 1), np.float32)
        x[:, 0, :2, 0] = z / 16
        return x

    def encode(self, x: np.ndarray) -> Latents:
        return Latents(x[:, 0, :2, 0] * 16)


@pytest.mark.parametrize(
    ("model", "count", "why"),
    [
        (Flat(), 2000, "the decoder gives the same for all rows"),
        (Blobs(), 200, "40 rows could be held out, 50 are needed"),
        (Exact(), 2000, ""),
    ],
)
def test_what_cannot_be_said_is_said_first(model: Any, count: int, why: str) -> None:
    results = run(STRIPES, model=model, reference=cloud(count))
    assert why in results.frame["cannot_say"]
    assert texts(results)[0].startswith("Whether single outputs are good cannot be said: ")
    assert not any("good_rate" in result.scalars for result in results.results.values())
    assert len(figures_of(make(), results)) == 2


def test_figures_order_what_is_shown_by_quality(found: ResultSet) -> None:
    rates, grid = figures_of(make(), found)
    labels = [tick.get_text() for tick in rates.figure.axes[0].get_yticklabels()]
    assert labels[0] == "data, held out"
    assert "copies (copies)" in labels
    legend = {text.get_text() for text in grid.figure.legends[0].get_texts()}
    assert legend == {"good", "doubtful", "bad"}
    assert "the best ones first" in grid.caption


def test_contract() -> None:
    check_analysis(make(points=60), source=cloud(1500), model=Blobs())


def test_where_draws_leave_the_data_is_said_with_both_numbers() -> None:
    far = points(np.random.default_rng(6).normal(-30.0, 0.5, (400, 2)), "far")
    (text,) = [text for text in texts(run(far)) if "leave the data" in text]
    assert "far: its radius is 42.4 where that of the data is 1" in text
    assert "departure" not in run(cloud(400, seed=1)).results["new"].arrays


def test_a_source_without_any_output_to_show_keeps_its_rates() -> None:
    shown = np.unique(np.linspace(0, 399, 16).round()).astype(int)
    z = cloud(400, seed=1).take(np.arange(400)).z
    z[shown, 0] += 50

    class Fails(Blobs):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return np.where(z[:, :1, None, None] > 40, np.nan, super().decode(z))

    results = run(points(z, "fails"), model=Fails())
    fails = results.results["fails"]
    assert fails["nonfinite"] == len(shown)
    assert fails["good_rate"] > 0.7
    assert len(fails["images"]) == 0
    assert len(figures_of(make(), results)) == 2
