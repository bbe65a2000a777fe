"""Clustering: planted clusters, clouds without any, labels, and what bad input gets."""

from io import BytesIO

import numpy as np
import pytest

from latent_analyze import AnalysisError, OptionError
from latent_analyze.host.options import build_options
from latent_analyze.plugin import ArraySource
from latent_analyze.testing import (
    check_analysis,
    figures_of,
    findings_of,
    gaussian_members,
    run_analysis,
    tiny_source,
)
from latent_analyze_plugins.clustering import Clustering
from latent_analyze_plugins.clustering.scores import Gap

SMALL = {"k_max": 16, "k_all": 10, "silhouette_sample": 400}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def make(**options):
    return Clustering(build_options(Clustering.Options, {**SMALL, **options}, "clustering"))


def analyze(z, columns=None, repeats=0, **options):
    source = ArraySource(np.asarray(z, np.float32), labels=columns)
    nulls = {"gaussian": gaussian_members(source, repeats)} if repeats else None
    return run_analysis(make(**options), source, nulls=nulls)


def planted(count, dim, rng, *, rows=1500, distance=12.0):
    """Return Gaussian clusters around the corners of a simplex, and which row is in which."""
    corners = distance / np.sqrt(2) * np.eye(count, dim)
    which = np.arange(rows) % count
    return corners[which] + rng.standard_normal((rows, dim)), which


def texts(results, severity=None):
    found = findings_of(Clustering(), results)
    return [f.text for f in found if severity in (None, f.severity)]


def test_contract():
    assert Clustering.cost == "heavy"
    results = check_analysis(make(k_max=8), source=tiny_source(200))
    (figure,) = figures_of(Clustering(), results)
    assert figure.name == "clustering"


def test_k_of_the_issue_by_default():
    results = run_analysis(Clustering(), tiny_source(400))
    assert set(range(2, 81, 2)) <= set(results.data["k"].tolist())


@pytest.mark.parametrize(("count", "dim"), [(3, 3), (5, 8), (7, 32)])
def test_planted_clusters_are_found(count, dim, rng):
    z, which = planted(count, dim, rng)
    results = analyze(z, {"planted": which}, repeats=19)
    data = results.data
    assert data["silhouette_k"] == data["elbow_k"] == count
    assert data["ari_planted"] == pytest.approx(1.0, abs=0.02)
    assert data["nmi_planted"] == pytest.approx(1.0, abs=0.02)
    assert Gap.to("gaussian", results).choice[0] == count
    notes = texts(results, "note")
    assert f"has {count} clusters" in notes[0]
    assert f"largest from {count} clusters on" in notes[1]
    (finding,) = texts(results, "finding")
    assert "the clusters are clearer" in finding
    assert "the elbow of the inertia is sharper" in finding


def test_inertia_of_planted_clusters_is_that_of_their_noise(rng):
    z, _ = planted(4, 8, rng, rows=4000)
    data = analyze(z).data
    assert data["inertia"][data["k"] == 4] == pytest.approx(8.0, rel=0.03)


@pytest.mark.parametrize("dim", [2, 16])
def test_a_gaussian_has_no_more_clusters_than_the_null(dim, rng):
    scale = np.linspace(0.5, 2.0, dim)
    results = analyze(5 + scale * rng.standard_normal((1500, dim)), repeats=19)
    assert texts(results, "finding") == []
    assert any("no number of clusters explains more" in text for text in texts(results))
    elbow = results.data["elbow_k"]
    assert any(member["elbow_k"] == elbow for member in results.ensembles["gaussian"])
    assert "at the same k: it is no sign of clusters" in texts(results)[2]


def test_one_draw_of_the_null_raises_no_warning_and_says_why(rng):
    z, _ = planted(4, 5, rng)
    results = analyze(z, repeats=1)
    assert texts(results, "finding") == []
    assert any("--calibrate clustering" in text for text in texts(results))
    assert figures_of(Clustering(), results)


def test_inertia_never_rises_and_starts_from_the_variance(rng):
    data = analyze(rng.standard_normal((3000, 4)) + 100, k_max=60).data
    assert (np.diff(data["inertia"]) <= 1e-6).all()
    assert data["variance"] == pytest.approx(4.0, rel=0.1)
    assert data["share"].max() < 1
    np.testing.assert_allclose(data["log_share"], np.log(data["share"]))


def test_two_clusters_split_a_line_in_halves():
    z = np.linspace(-1, 1, 2001)[:, None]
    data = analyze(z, k_max=4, iterations=100).data
    # Uniform on a segment: inertia falls as 1 / k^2.
    np.testing.assert_allclose(data["share"], 1 / data["k"] ** 2.0, rtol=0.01)


def test_rotation_and_offset_do_not_matter(rng):
    z, _ = planted(4, 6, rng)
    rotation, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    plain, moved = analyze(z).data, analyze(z @ rotation + 50).data
    assert moved["silhouette_k"] == plain["silhouette_k"] == 4
    assert moved["inertia"][2] == pytest.approx(plain["inertia"][2], rel=1e-4)


def test_labels_without_anything_to_do_with_clusters(rng):
    z, _ = planted(4, 6, rng)
    data = analyze(z, {"noise": rng.integers(0, 4, len(z))}).data
    assert abs(data["ari_noise"]) < 0.02
    assert data["classes_noise"] == 4


def test_labels_of_more_classes_than_k_are_compared_too(rng):
    z, which = planted(20, 20, rng, distance=30.0)
    data = analyze(z, {"planted": which}, k_max=6).data
    assert data["k"].max() == 6
    assert data["ari_planted"] > 0.8


def test_labels_by_name_and_split_left_out(rng):
    z, which = planted(3, 3, rng, rows=300)
    labels = {"planted": which, "split": which % 2, "other": which}
    assert {s for s in analyze(z, labels).data.scalars if s.startswith("ari")} == {
        "ari_planted",
        "ari_other",
    }
    named = analyze(z, labels, labels=["split"]).data.scalars
    assert {s for s in named if s.startswith("ari")} == {"ari_split"}


@pytest.mark.parametrize("labels", [{"one": np.zeros(60, int)}, {"ids": np.arange(60)}])
def test_labels_of_one_class_or_too_many_are_named(labels, rng):
    results = analyze(rng.standard_normal((60, 3)), labels)
    assert not any(name.startswith("ari") for name in results.data.scalars)
    assert any("is not compared" in text for text in texts(results))


def test_an_unknown_label_is_an_error(rng):
    with pytest.raises(OptionError, match="its labels: digit"):
        analyze(rng.standard_normal((60, 3)), {"digit": np.zeros(60)}, labels=["digits"])


def test_shown_sources_without_labels(rng):
    reference = tiny_source(300)
    shown = ArraySource(rng.standard_normal((8, 5)).astype(np.float32), "few")
    results = run_analysis(make(), reference, shown=[shown])
    assert results.results["few"]["k"].tolist() == [2, 3, 4]
    assert figures_of(Clustering(), results)


def test_sample_size_is_stated(rng):
    results = analyze(rng.standard_normal((500, 3)), sample=100, silhouette_sample=50)
    assert results.data.sample_size == results.data["sample"] == 100
    assert "up to 50 z-points" in results.data.scalars["silhouette"].description


@pytest.mark.parametrize(
    ("z", "largest"),
    [
        (np.random.default_rng(0).standard_normal((50, 4)), 16),
        (np.random.default_rng(0).standard_normal((12, 2)), 6),
        (np.random.default_rng(0).standard_normal((40, 16_384)), 16),
        (np.repeat(np.random.default_rng(0).standard_normal((5, 3)), 40, axis=0), 5),
        (np.random.default_rng(0).standard_normal((60, 5)) * [1, 0, 1, 0, 0] + 1e3, 16),
        (np.repeat([[0.0, 0.0], [1.0, 1.0]], 2, axis=0), 2),
    ],
    ids=["50 points", "k > n", "16,384 dims", "duplicates", "constant axes", "two places"],
)
def test_odd_clouds_have_results(z, largest):
    results = analyze(z, repeats=1 if z.shape[1] < 1000 else 0)
    data = results.data
    assert data["k"].max() == largest
    for name, scalar in data.scalars.items():
        assert np.isfinite(scalar.value), name
    for array in data.arrays.values():
        assert np.isfinite(array.values).all()
    assert texts(results)
    for figure in figures_of(Clustering(), results):
        figure.figure.savefig(BytesIO())


def test_exact_duplicates_are_perfect_clusters(rng):
    results = analyze(np.repeat(rng.standard_normal((5, 3)), 40, axis=0))
    assert results.data["silhouette"] == pytest.approx(1.0)
    assert results.data["silhouette_k"] == 5
    assert any("rounding" in text for text in texts(results))


def test_unit_norm_embeddings(rng):
    z = rng.standard_normal((400, 32))
    data = analyze(z / np.linalg.norm(z, axis=1, keepdims=True)).data
    assert data["variance"] == pytest.approx(1.0, abs=0.02)


def test_values_that_are_not_finite_are_left_out_and_counted(rng):
    z = rng.standard_normal((100, 3))
    z[[3, 5], [0, 2]] = np.nan, np.inf
    results = analyze(z)
    assert (results.data["sample"], results.data["nonfinite"]) == (98, 2)
    assert any("NaN" in text for text in texts(results))


@pytest.mark.parametrize("z", [np.ones((100, 3)), np.full((9, 2), np.nan), np.eye(3)])
def test_too_few_distinct_points_are_an_error(z):
    with pytest.raises(
        AnalysisError, match="at least 4 finite z-points of data, 2 of them distinct"
    ):
        analyze(z)


@pytest.mark.parametrize("options", [{"k_min": 1}, {"k_min": 9, "k_max": 8}, {"k_step": 0}])
def test_bad_options(options):
    with pytest.raises(OptionError, match="clustering"):
        make(**options)
