"""Traversals of a source: lines, paths, arithmetic, findings and figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from latent_analyze.host.options import build_options
from latent_analyze.plugin import Array, ArraySource, ModelSpec, ResultSet, TensorSpec
from latent_analyze.testing import (
    check_analysis,
    figures_of,
    findings_of,
    gaussian_members,
    run_analysis,
    tiny_source,
)
from latent_analyze_plugins.traversals import Traversals


class Decoder:
    """Decodes linearly, axis j with weight 1 / (j + 1): the change of the image is known."""

    def __init__(self, dim: int, shape: tuple[int, ...] = (6, 5, 1)) -> None:
        rows = np.linalg.qr(np.random.default_rng(3).standard_normal((30, min(dim, 30))))[0].T
        self.mixing = np.zeros((dim, 30))
        self.mixing[: len(rows)] = rows / np.arange(1, len(rows) + 1)[:, None]
        self.shape, self.calls = shape, 0
        latent = TensorSpec(shape=(dim,))
        self.spec = ModelSpec(name="d", adapter="test", latent=latent, can_decode=True)

    def decode(self, z: np.ndarray) -> np.ndarray:
        self.calls += 1
        return (0.5 + 0.1 * z @ self.mixing).reshape(len(z), *self.shape).astype(np.float32)


def normal(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim))


def traverse(z: np.ndarray, *, labels: Any = None, model: Any = None, **options: Any) -> ResultSet:
    analysis = Traversals(build_options(Traversals.Options, options, "traversals"))
    source = ArraySource(z.astype(np.float32), labels=labels)
    return run_analysis(analysis, source, model=model or Decoder(z.shape[1]))


def texts(results: ResultSet, severity: str = "note") -> list[str]:
    findings = findings_of(Traversals(results.options), results)
    return [finding.text for finding in findings if finding.severity == severity]


SMALL = {"pairs": 12, "decoded_pairs": 4}


@pytest.fixture(scope="module")
def results() -> ResultSet:
    rng = np.random.default_rng(0)
    digit = rng.integers(3, 6, 900)
    z = normal(900, 5) + 6 * np.eye(5)[digit - 3]
    return traverse(z, labels={"digit": digit, "split": np.full(900, "test")})


def test_contract() -> None:
    options = Traversals.Options(**SMALL)
    results = check_analysis(Traversals(options), model=Decoder(5), source=tiny_source(300, 5))
    calibrated = [name for name, scalar in results.data.scalars.items() if scalar.calibrated]
    assert calibrated == ["straight_distance"]
    (shown,) = results.shown.values()
    assert "straight_distance" in shown.scalars
    assert "decoded_straight" not in shown.scalars


def test_nulls_and_other_sources_are_not_decoded() -> None:
    source, model = tiny_source(200, 4), Decoder(4)
    analysis = Traversals(Traversals.Options(**SMALL))
    run_analysis(analysis, source, model=model)
    alone = model.calls
    run_analysis(
        analysis, source, model=model, nulls={"gaussian": gaussian_members(source, 3)},
        shown=[ArraySource(normal(200, 4), "other")],
    )  # fmt: skip
    assert model.calls == 2 * alone


# --- lines -------------------------------------------------------------------------------------


def test_axes_that_change_the_image_most_come_first() -> None:
    # Change per standard deviation: spread / (axis + 1).
    z = normal(500, 4) * [1, 4, 12, 0.1]
    data = traverse(z, n_axes=3, n_components=2, **SMALL).data
    assert data["line"].tolist() == ["axis 2", "axis 1", "axis 0", "component 1", "component 2"]
    assert np.allclose(data["line_spread"][:3], [12, 4, 1], rtol=0.1)
    expected = 0.1 * 2 * data["line_spread"][:3] / np.array([3, 2, 1]) / np.sqrt(30)
    assert np.allclose(data["line_change"][:3], expected, rtol=1e-4)
    assert data["most_changing"] in ("axis 2", "component 1")


def test_lines_run_through_the_mean_in_standard_deviations() -> None:
    z = normal(400, 3) * [1, 2, 3] + [5, 0, -5]
    model = Decoder(3, shape=(30,))
    data = traverse(z, model=model, axes=[1], n_components=0, columns=5, extent=2, **SMALL).data
    mean, sigma = z.mean(axis=0), z.std(axis=0, ddof=1)
    places = mean + np.outer([-2, -1, 0, 1, 2], [0, sigma[1], 0])
    assert np.allclose(data["line_images"][0], model.decode(places), atol=1e-4)


@pytest.mark.parametrize(("dim", "axes", "components"), [(2, 2, 2), (3, 3, 3), (20, 5, 5)])
def test_there_are_no_more_lines_than_dimensions(dim: int, axes: int, components: int) -> None:
    names = traverse(normal(200, dim), **SMALL).data["line"].tolist()
    assert sum(name.startswith("axis") for name in names) == axes
    assert sum(name.startswith("component") for name in names) == components


def test_constant_axes_are_passed_over() -> None:
    z = normal(200, 4) * [1, 0, 1, 0] + 2
    names = traverse(z, **SMALL).data["line"].tolist()
    assert set(names) == {"axis 0", "axis 2", "component 1", "component 2"}


def test_an_axis_that_is_not_there_is_an_error() -> None:
    with pytest.raises(AssertionError, match="axes from 0 to 3"):
        traverse(normal(100, 4), axes=[4])


@pytest.mark.parametrize(
    ("change", "said"),
    [([0.0, 0.0], "None of 2 lines through the mean changes the image"), ([2.0], "by 2 (root")],
)
def test_no_line_is_singled_out_where_all_change_alike(change: list[float], said: str) -> None:
    results = traverse(normal(100, 4), **SMALL)
    values = {
        "line_change": np.array(change),
        "line": np.array(["axis 0", "axis 1"][: len(change)]),
    }
    arrays = {name: Array(value, ("line",)) for name, value in values.items()}
    data = replace(results.data, arrays={**results.data.arrays, **arrays})
    found = texts(replace(results, results={results.reference: data}))
    assert any(said in text for text in found)
    assert not any("least of those shown" in text for text in found)


def test_no_lines_can_be_asked_for() -> None:
    results = traverse(normal(100, 4), n_axes=0, n_components=0, **SMALL)
    assert "line" not in results.data.arrays
    names = [figure.name for figure in figures_of(Traversals(), results)]
    assert names == ["traversals-paths", "traversals-distance"]


# --- paths -------------------------------------------------------------------------------------


def test_straight_paths_across_a_ring_leave_it_and_the_graph_does_not() -> None:
    angle = np.random.default_rng(1).uniform(0, 2 * np.pi, 1500)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.02 * normal(1500, 2)
    data = traverse(ring, n_axes=2, n_components=0).data
    assert data["straight_distance"] > 3
    assert data["straight_outside"] > 0.5
    assert data["spherical_distance"] == pytest.approx(1, abs=0.4)
    assert data["graph_distance"] == pytest.approx(1, abs=0.3)
    # Around the circle instead of across: between 1 and pi / 2 times as far.
    assert 1.05 < data["graph_detour"] < np.pi / 2
    assert data["joined"] == 1


def test_a_ring_stands_out_from_its_gaussian_and_a_gaussian_does_not() -> None:
    angle = np.random.default_rng(1).uniform(0, 2 * np.pi, 800)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.02 * normal(800, 2)
    for z, differs in (ring, True), (normal(800, 6), False):
        source = ArraySource(z.astype(np.float32))
        nulls = {"gaussian": gaussian_members(source, 19)}
        analysis = Traversals(Traversals.Options(sample=800, **SMALL))
        found = run_analysis(analysis, source, model=Decoder(z.shape[1]), nulls=nulls)
        said = [text for text in texts(found, "finding") if "keep farther from the data" in text]
        assert bool(said) == differs
        assert "Straight paths under the null gaussian: " in texts(found)[0]


def test_lengths_in_images_are_those_of_a_linear_decoder() -> None:
    # Orthonormal rows: the decoder only scales distances by 0.1.
    class Isometry(Decoder):
        def __init__(self) -> None:
            super().__init__(4)
            self.mixing *= np.arange(1, 5)[:, None]

    results = traverse(normal(400, 4), model=Isometry(), pairs=20, decoded_pairs=20)
    data = results.data
    assert data["spherical_to_straight"] >= 1
    assert data["graph_to_straight"] == pytest.approx(data["graph_detour"], rel=0.15)
    assert data["decoded_length"].shape == (3, 20)
    assert any("as long as straight ones" in text for text in texts(results))


def test_pairs_that_the_graph_does_not_join_are_counted_and_said() -> None:
    z = np.concatenate([normal(200, 3), normal(200, 3) + 1000])
    results = traverse(z, pairs=40)
    assert 0.2 < results.data["joined"] < 0.8
    joined = np.isfinite(results.data["distance"][2]).all(axis=1)
    assert joined.mean() == results.data["joined"]
    assert any("falls into parts" in text for text in texts(results))


def test_a_flat_decoder_has_no_lengths_to_compare() -> None:
    class Flat(Decoder):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return np.full((len(z), 4, 4, 1), 0.5, np.float32)

    results = traverse(normal(200, 4), model=Flat(4), **SMALL)
    assert "graph_to_straight" not in results.data.scalars
    assert any("no length to compare" in text for text in texts(results))
    assert len(figures_of(Traversals(), results)) == 3


def test_outputs_that_are_not_finite_are_counted_and_said() -> None:
    class Torn(Decoder):
        def decode(self, z: np.ndarray) -> np.ndarray:
            out = super().decode(z)
            out[z[:, 0] > 1.5] = np.inf
            return out

    assert any("NaN or infinity" in t for t in texts(traverse(normal(300, 4), model=Torn(4))))

    class Broken(Decoder):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return np.full((len(z), *self.shape), np.nan, np.float32)

    with pytest.raises(AssertionError, match="finite numbers from the decoder"):
        traverse(normal(300, 4), model=Broken(4))


# --- arithmetic --------------------------------------------------------------------------------


def test_differences_of_means_move_one_class_onto_another(results: ResultSet) -> None:
    data = results.data
    assert (data["label"], data["added"], data["subtracted"]) == ("digit", "3", "4")
    assert data["hits"] > 0.97
    assert data["hits_control"] > 0.97
    assert data["moved"] > 50
    assert data["moved_images"].shape == (4, 9, 6, 5, 1)
    (text,) = [text for text in texts(results) if text.startswith("Adding the mean")]
    assert f"Adding the mean of digit 3 minus that of 4 to {data['moved']} z-points of 4" in text


def test_classes_can_be_chosen() -> None:
    digit = np.tile([3, 4, 5], 100)
    z = normal(300, 3) + 8 * np.eye(3)[digit - 3]
    chosen = {"label": "digit", "add": 5, "subtract": "3"}
    data = traverse(z, labels={"digit": digit}, **chosen, **SMALL).data
    assert (data["added"], data["subtracted"]) == ("5", "3")
    assert data["hits"] > 0.97


def test_classes_that_differ_otherwise_are_not_hit() -> None:
    # A ring around a dot: both have the mean 0, so nothing moves.
    digit = np.tile([0, 1], 300)
    z = normal(600, 3) * np.where(digit == 0, 0.05, 1)[:, None]
    z[digit == 1] *= 5 / np.linalg.norm(z[digit == 1], axis=1, keepdims=True)
    data = traverse(z, labels={"kind": digit}, **SMALL).data
    assert data["hits"] < 0.2
    assert data["hits_control"] > 0.95


@pytest.mark.parametrize(
    "labels",
    [None, {"split": np.full(200, "test")}, {"digit": np.full(200, 7)}],
    ids=["none", "split only", "one class"],
)
def test_without_two_classes_there_is_no_arithmetic(labels: Any) -> None:
    results = traverse(normal(200, 4), labels=labels, **SMALL)
    assert "hits" not in results.data.scalars
    said = any("fewer than two classes" in text.lower() for text in texts(results))
    assert said == bool(labels and "digit" in labels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "color"}, "a label of data: digit"),
        ({"label": "digit", "add": 9}, "a class with at least 5 sampled z-points per half: 0, 1"),
    ],
)
def test_unknown_labels_and_classes_are_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        traverse(normal(200, 3), labels={"digit": np.tile([0, 1], 100)}, **options)


# --- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "z",
    [
        normal(50, 2),
        normal(50, 1),
        np.repeat(normal(60, 3), 4, axis=0),
        normal(100, 16_384),
        normal(40, 100),
        np.concatenate([normal(100, 2), np.zeros((100, 2))], axis=1),
        normal(200, 8) / np.linalg.norm(normal(200, 8), axis=1, keepdims=True),
        normal(200, 4) + 1000,
    ],
    ids=["2-D", "1-D", "duplicates", "16384-D", "few rows", "constant", "unit norm", "off center"],
)
def test_robust(z: np.ndarray) -> None:
    results = traverse(z, **SMALL)
    for name, scalar in results.data.scalars.items():
        assert isinstance(scalar.value, str) or np.isfinite(scalar.value), name
    for name, array in results.data.arrays.items():
        if array.values.dtype.kind == "f" and results.data["joined"] == 1:
            assert np.isfinite(array.values).all(), name
    assert texts(results)
    assert len(figures_of(Traversals(), results)) == 3


def test_points_that_are_all_alike_are_an_error() -> None:
    with pytest.raises(AssertionError, match="different finite z-points"):
        traverse(np.ones((100, 3)))


# --- figures -----------------------------------------------------------------------------------


def test_figures(results: ResultSet, tmp_path) -> None:
    figures = figures_of(Traversals(), results)
    assert [figure.name for figure in figures] == [
        "traversals-lines", "traversals-paths", "traversals-distance", "traversals-arithmetic",
    ]  # fmt: skip
    lines, paths, distance, moved = figures
    shown = {text.get_text() for text in lines.figure.axes[0].texts}
    assert {"mean", "+3 σ", "-3 σ"} <= shown
    assert {"pair 1: straight", "pair 3: graph"} <= {
        text.get_text() for text in paths.figure.axes[0].texts
    }
    assert distance.figure.axes[0].get_xlabel() == "position on the path (share)"
    assert "from 4 to 3" in moved.alt
    for figure in figures:
        figure.figure.savefig(tmp_path / f"{figure.name}.png")
        assert (tmp_path / f"{figure.name}.png").stat().st_size > 5_000


def test_figures_of_a_decoder_of_vectors() -> None:
    results = traverse(normal(200, 4), model=Decoder(4, shape=(30,)), **SMALL)
    lines, paths, _ = figures_of(Traversals(), results)
    assert "curves are decoded vectors" in lines.caption
    assert sum(axis.get_visible() for axis in paths.figure.axes) == 9


def test_the_null_is_drawn_beside_the_data() -> None:
    source = tiny_source(200, 4)
    analysis = Traversals(Traversals.Options(**SMALL))
    nulls = {"gaussian": gaussian_members(source, 2)}
    other = ArraySource(normal(150, 4), "other")
    found = run_analysis(analysis, source, model=Decoder(4), nulls=nulls, shown=[other])
    _, _, distance, *_ = figures_of(analysis, found)
    labels = {text.get_text() for text in distance.figure.legends[0].get_texts()}
    null = "null gaussian, 5-95 % of draws"
    assert labels == {"data", "other", null, "95 % of the z-points"}
    assert any(text.startswith("other: distance from the data") for text in texts(found))
