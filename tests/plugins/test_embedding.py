"""What `tsne` and `umap` share: sample, colors, start, measures, findings and the figure."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from latent_analyze import AnalysisError, MissingDependencyError, OptionError
from latent_analyze.plotting.palette import (
    CLASS_COLORS,
    REST,
    Classes,
    Scale,
    coloring,
)
from latent_analyze.plugin import ArraySource, Calibration, ResultSet, keyed_rng
from latent_analyze.statistics import distinct_rows
from latent_analyze.testing import findings_of, gaussian_members, run_analysis, tiny_source
from latent_analyze_plugins.embedding import base, umap
from latent_analyze_plugins.embedding.base import Embedding, EmbeddingOptions, start_of
from latent_analyze_plugins.embedding.compute import draw, measure, nearest, shared_neighbors


class Flat(Embedding):
    """The start as the page: everything but a method."""

    name = "flat"
    Options = EmbeddingOptions
    library, package, method = "numpy", "numpy", "Flat"
    spaces: list[np.ndarray] = []

    def check_size(self, count: int, label: str) -> None:
        del count, label

    def embed(
        self, space: np.ndarray, start: np.ndarray, *, seed: int, report: Any
    ) -> tuple[np.ndarray, Mapping[str, float]]:
        assert 0 <= seed < 2**32
        report(1, 1)
        self.spaces.append(space)
        return start, {}


def flat(**options: Any) -> Flat:
    return Flat(EmbeddingOptions(**options))


def normal(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def context(source: ArraySource) -> Any:
    return SimpleNamespace(sample=lambda n, fields: source.sample(n, 0, fields))


# --- sample ------------------------------------------------------------------------------------


def test_repeated_and_non_finite_rows_are_left_out_and_counted() -> None:
    z = normal(30, 3)
    z[5], z[9], z[11, 1] = z[2], z[2], np.nan
    batch, notes = draw(context(ArraySource(z)), 30)
    assert batch.rows.tolist() == [i for i in range(30) if i not in (5, 9, 11)]
    assert notes == [
        "left out: 1 z-points with NaN or infinity",
        "left out: 2 z-points that repeat another one",
    ]


def test_no_source_gets_more_points_than_asked_for_and_they_are_spread_over_its_rows() -> None:
    rows = draw(context(ArraySource(normal(4000, 2))), 4000, points=1000)[0].rows
    assert len(np.unique(rows)) == 1000
    assert (np.diff(rows) > 0).all()
    assert 350 < (rows < 2000).sum() < 650


# --- start -------------------------------------------------------------------------------------


def test_the_start_is_the_scores_at_unit_scale() -> None:
    scores = normal(500, 4) * np.array([7, 3, 1, 1]) + 5
    start = start_of(scores, keyed_rng(0, "start"))
    assert (start**2).mean() == pytest.approx(1, abs=0.01)
    for column in range(2):
        assert np.corrcoef(start[:, column], scores[:, column])[0, 1] > 0.999


@pytest.mark.parametrize("scores", [np.zeros((40, 0)), np.zeros((40, 1)), np.ones((40, 2))])
def test_no_two_places_coincide_even_where_the_scores_do(scores: np.ndarray) -> None:
    start = start_of(scores, keyed_rng(0, "start"))
    assert start.shape == (40, 2)
    assert len(np.unique(start, axis=0)) == 40


# --- measures ----------------------------------------------------------------------------------


def test_nearest_equals_brute_force_for_any_number_of_dimensions() -> None:
    for dim in (1, 2, 7, 40):
        points, chosen = normal(200, dim), np.array([0, 3, 77, 199])
        away = np.linalg.norm(points[:, None].astype(float) - points[chosen], axis=2)
        away[chosen, np.arange(4)] = np.inf
        expected = np.sort(np.argsort(away, axis=0)[:6].T, axis=1)
        np.testing.assert_array_equal(np.sort(nearest(points, chosen, 6), axis=1), expected)


def test_a_point_is_not_its_own_neighbor_even_where_many_coincide() -> None:
    points, chosen = np.zeros((30, 2)), np.arange(30)
    assert (nearest(points, chosen, 5) != chosen[:, None]).all()


def test_a_page_that_is_the_space_keeps_all_and_a_random_one_keeps_chance() -> None:
    z = normal(600, 2)
    same = measure(z, 3 * z @ np.array([[0, 1], [-1, 0]]) + 7, keyed_rng(0, "judged"))
    assert same["knn_preservation"] == 1
    assert same["trustworthiness"] == 1
    shares = shared_neighbors(z, normal(600, 2, 1), np.arange(600), k=15)
    assert shares.mean() == pytest.approx(15 / 599, abs=0.006)


def test_measures_state_the_neighbors_and_the_sample_they_rest_on() -> None:
    big = measure(normal(2500, 2), normal(2500, 2), keyed_rng(0, "judged"))
    assert (big["judged"], big["k"]) == (2000, 15)
    small = measure(normal(9, 2), normal(9, 2), keyed_rng(0, "judged"))
    assert (small["judged"], small["k"]) == (9, 4)
    calibrated = [measure.name for measure in Embedding.measures if measure.calibrated]
    assert calibrated == ["knn_preservation"]


def test_measures_do_not_depend_on_where_the_cloud_lies() -> None:
    z, page = normal(300, 5), normal(300, 2)
    there, here = (measure(z + s, page, keyed_rng(0, "m")) for s in (np.float32(1), np.float32(0)))
    for name in ("knn_preservation", "trustworthiness"):
        assert there[name] == pytest.approx(here[name], abs=1e-3)


# --- space and frame ---------------------------------------------------------------------------


def test_the_space_is_the_latent_space_about_the_mean_or_its_first_components() -> None:
    z = normal(300, 6) * np.array([1, 5, 1, 3, 1, 1], np.float32) + 10
    mean = ArraySource(z).summary().mean
    run_analysis(flat(), ArraySource(z))
    np.testing.assert_allclose(Flat.spaces[-1], z - mean, atol=1e-5)
    run_analysis(flat(components=2), ArraySource(z))
    scores = Flat.spaces[-1]
    assert scores.shape == (300, 2)
    assert abs(np.corrcoef(scores[:, 0], z[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(scores[:, 1], z[:, 3])[0, 1]) > 0.98


def test_the_basis_is_shared_by_all_sources() -> None:
    z = normal(300, 4) * np.array([9, 1, 4, 1], np.float32)
    other = ArraySource(normal(300, 4, 5) * np.array([1, 9, 1, 4], np.float32), "other")
    run_analysis(flat(components=2), ArraySource(z), shown=[other])
    assert abs(np.corrcoef(Flat.spaces[-1][:, 0], other.z[:, 0])[0, 1]) > 0.9


def test_more_components_than_dimensions_are_clipped_and_said_so() -> None:
    results = run_analysis(flat(components=10), ArraySource(normal(100, 3)))
    assert Flat.spaces[-1].shape == (100, 3)
    texts = [finding.text for finding in flat().interpret(results)]
    assert any("10 asked for, 3 have a variance" in text for text in texts)


@pytest.mark.parametrize(
    "z",
    [
        normal(50, 1),
        normal(50, 2),
        normal(20, 300),
        normal(60, 4) * np.array([1, 0, 1, 0], np.float32),
        normal(60, 8) / np.linalg.norm(normal(60, 8), axis=1, keepdims=True),
        np.repeat(normal(30, 4), 5, axis=0),
        normal(60, 3) + np.float32(1000),
    ],
    ids=["1 dim", "2 dims", "fewer rows", "constant axes", "unit norm", "duplicates", "far"],
)
@pytest.mark.parametrize("components", ["all", 2])
def test_awkward_clouds_give_finite_numbers(z: np.ndarray, components: Any) -> None:
    source = ArraySource(z)
    results = run_analysis(
        flat(components=components), source, nulls={"gaussian": gaussian_members(source, 1)}
    )
    for result in (results.data, results.ensembles["gaussian"][0]):
        numbers = [s.value for s in result.scalars.values() if not isinstance(s.value, str)]
        assert np.isfinite(numbers).all()
        assert np.isfinite(result["embedding"]).all()
        assert result["n"] == len(distinct_rows(z))


def test_arrays_belong_to_the_rows_they_name() -> None:
    source = tiny_source(300, 4)
    data = run_analysis(flat(sample=50), source).data
    rows = data["row"]
    assert len(np.unique(rows)) == data["n"] == data.sample_size == 50
    np.testing.assert_allclose(data["radius"], np.linalg.norm(source.z[rows], axis=1), rtol=1e-6)
    np.testing.assert_array_equal(data["color"], source.labels["digit"][rows])
    assert run_analysis(flat(sample="all"), source).data["n"] == 300


def test_too_few_different_points_are_an_error() -> None:
    few = ArraySource(np.repeat(normal(4, 3), 9, axis=0))
    with pytest.raises(AnalysisError, match=r"at least 5 different z-points of data.*found 4"):
        flat().prepare_with(few, context_of(few))


def context_of(source: ArraySource) -> Any:
    return SimpleNamespace(sample=lambda n, fields: source.sample(n, 0, fields), seed=0)


def test_a_page_that_is_not_finite_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flat, "embed", lambda *_, **__: (np.full((40, 2), np.nan), {}))
    with pytest.raises(AssertionError, match="finite places on the Flat page of data"):
        run_analysis(flat(), ArraySource(normal(40, 3)))


# --- libraries ---------------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["openTSNE", "umap-learn"])
def test_a_library_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, "absent", None)
    with pytest.raises(MissingDependencyError) as caught:
        base.installed_version("absent", package, "t-SNE")
    assert package in str(caught.value)
    assert "latent-analyze[embed]" in str(caught.value)


def test_a_package_of_another_distribution_is_not_the_library() -> None:
    with pytest.raises(MissingDependencyError, match="no-such-package"):
        base.installed_version("numpy", "no-such-package", "t-SNE")


def test_the_version_of_the_library_is_part_of_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = []
    for version in ("1.0", "2.0"):
        monkeypatch.setattr(base, "installed_version", lambda *_, v=version: v)
        frames.append(run_analysis(flat(), ArraySource(normal(40, 3))).frame)
    assert frames[0].fingerprint != frames[1].fingerprint


def test_a_module_is_hidden_only_while_another_one_is_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with umap._without("colorsys"), pytest.raises(ImportError):
        import colorsys
    import colorsys

    with umap._without("colorsys"):
        assert sys.modules["colorsys"] is colorsys


# --- colors ------------------------------------------------------------------------------------


def labelled(**labels: Any) -> ArraySource:
    return ArraySource(normal(60, 3), labels=labels)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("split", "kind", "label"), "label"),
        (("split", "kind"), "kind"),
        (("split",), "radius"),
        ((), "radius"),
    ],
)
def test_auto_takes_a_label_if_there_is_one(names: tuple[str, ...], expected: str) -> None:
    source = labelled(**{name: np.arange(60) % 4 for name in names})
    data = run_analysis(flat(), source).data
    assert data["colored_by"] == expected


def test_any_label_the_radius_and_any_axis_give_colors() -> None:
    source = labelled(split=np.array(["a", "b"] * 30), size=np.linspace(0, 1, 60))
    for color, expected in [
        ("split", source.labels["split"]),
        ("size", source.labels["size"]),
        ("axis_2", source.z[:, 2]),
        ("radius", np.linalg.norm(source.z, axis=1)),
    ]:
        data = run_analysis(flat(color=color), source).data
        assert data["colored_by"] == color
        assert data["color"].dtype == expected.dtype
        if color == "split":
            assert data["color"].tolist() == expected.tolist()
        else:
            np.testing.assert_allclose(data["color"], expected, rtol=1e-6)


@pytest.mark.parametrize("color", ["labl", "axis_3", "axis_-1"])
def test_an_unknown_color_is_an_error_that_names_the_known(color: str) -> None:
    source = labelled(label=np.arange(60) % 4)
    with pytest.raises(OptionError, match=r"flat\.color.*axis_0 to axis_2.*labels of data: label"):
        flat(color=color).prepare_with(source, context_of(source))


def test_artificial_points_have_no_label_and_are_colored_by_radius() -> None:
    source = labelled(label=np.arange(60) % 4)
    results = run_analysis(flat(), source, nulls={"gaussian": gaussian_members(source, 1)})
    assert results.data["colored_by"] == "label"
    assert results.ensembles["gaussian"][0]["colored_by"] == "radius"


def test_few_values_are_classes_and_many_numbers_a_scale() -> None:
    few = coloring([np.array([3, 1, 10]), np.array([1, 2, 3])])
    assert isinstance(few, Classes)
    assert list(few.colors) == ["1", "2", "3", "10"]
    assert len(set(few.colors.values())) == 4
    assert list(coloring([np.array([1.0, 0.5])]).colors) == ["0.5", "1"]
    many = coloring([np.arange(100.0), np.arange(100.0, 200.0)])
    assert isinstance(many, Scale)
    assert 0 < many.low < many.high < 199


def test_many_names_keep_the_most_frequent_and_the_rest_is_gray() -> None:
    names = np.array([f"n{i:02d}" for i in range(30) for _ in range(30 - i)])
    classes = coloring([names])
    assert list(classes.colors) == [*(f"n{i:02d}" for i in range(len(CLASS_COLORS))), REST]
    assert classes.place(np.array(["n00", "n29"])).tolist() == ["n00", REST]


# --- findings and figure -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def results() -> ResultSet:
    source = tiny_source(200, 5)
    shown = [ArraySource(3 * normal(200, 5), "normal:sigma=3")]
    return run_analysis(
        flat(), source, shown=shown, nulls={"gaussian": gaussian_members(source, 3)}
    )


def test_the_first_finding_says_what_is_kept_beside_the_others(results: ResultSet) -> None:
    (finding,) = flat().interpret(results)
    share = f"{100 * results.data['knn_preservation']:.1f} %"
    assert finding.severity == "note"
    assert finding.text.startswith(f"{share} of each z-point's 15 nearest neighbors")
    assert "normal:sigma=3" in finding.text
    assert "null gaussian, 1 of 3 draws" in finding.text
    assert "are not distances in latent space" in finding.text


@pytest.mark.parametrize(("null_mean", "word"), [(0.1, "better"), (0.9, "worse")])
def test_only_a_calibration_that_stands_out_is_a_finding(
    results: ResultSet, null_mean: float, word: str
) -> None:
    value = results.data["knn_preservation"]
    entry = Calibration(
        "gaussian", "knn_preservation", value, null_mean, 0.01, 0.1, 0.2, 20, 0.05, 0.048, 9, True
    )
    calm = replace(results, calibrations=[replace(entry, stands_out=False)])
    assert [f.severity for f in findings_of(flat(), calm)] == ["note"]
    _, finding = findings_of(flat(), replace(results, calibrations=[entry]))
    assert finding.severity == "finding"
    assert (
        f"differs from the null model gaussian: the neighborhoods fit a page {word}" in finding.text
    )


def test_the_figure_shows_data_shown_and_one_draw_alike(results: ResultSet) -> None:
    (figure,) = flat().plot(results)
    pages = [axis for axis in figure.figure.axes if axis.get_title()]
    assert [axis.get_title() for axis in pages] == [
        "data\ncolor: digit", "data\ncolor: radius", "normal:sigma=3\ncolor: radius",
        "null gaussian, 1 of 3 draws\ncolor: radius",
    ]  # fmt: skip
    for axis in pages:
        assert axis.get_aspect() == 1
        assert len(axis.get_xticks()) == len(axis.get_yticks()) == 0
    scales = {axis.collections[0].get_clim() for axis in pages[1:]}
    assert len(scales) == 1
    (bar,) = [axis for axis in figure.figure.axes if "radius" in axis.get_ylabel()]
    assert "latent units" in bar.get_ylabel()
    names = [text.get_text() for text in figure.figure.legends[0].get_texts()]
    assert names == [str(i) for i in range(10)]
    assert {text.get_text() for text in pages[0].texts} == set(names)
    assert "are not distances in latent space" in figure.caption
    assert "drawn the same way" in figure.caption


@pytest.mark.parametrize("color", ["radius", "axis_1", "split", "digit"])
@pytest.mark.parametrize("count", [0, 1, 4])
def test_figures_of_any_number_of_sources_can_be_drawn(color: str, count: int, tmp_path) -> None:
    shown = [ArraySource(normal(30, 5, i), f"source {i}") for i in range(count)]
    results = run_analysis(flat(color=color, sample=30), tiny_source(60, 5), shown=shown)
    (figure,) = flat(color=color).plot(results)
    figure.figure.savefig(tmp_path / "page.png", dpi=50)
    assert (tmp_path / "page.png").stat().st_size > 3000
