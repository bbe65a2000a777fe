"""The analysis `pca`, its moments and its findings."""

from __future__ import annotations

import numpy as np
import pytest

from latent_analyze import AnalysisError
from latent_analyze.plugin import ArraySource, Result, ResultSet, Source
from latent_analyze.statistics import (
    Moments,
    participation_ratio,
    second_moments,
    separated_components,
)
from latent_analyze.testing import (
    check_analysis,
    findings_of,
    gaussian_members,
    run_analysis,
    tiny_source,
)
from latent_analyze_plugins.pca import Pca


def cloud(variances: list[float], n: int = 2000, seed: int = 0) -> np.ndarray:
    """Return rows whose sample covariance has exactly these eigenvalues, about a mean of 0."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, len(variances)))
    rows -= rows.mean(axis=0)
    basis, _ = np.linalg.qr(rows)
    turn, _ = np.linalg.qr(rng.standard_normal((len(variances), len(variances))))
    return basis * np.sqrt((n - 1) * np.array(variances)) @ turn


def analyze(z: np.ndarray, **options: int) -> ResultSet:
    return run_analysis(Pca(Pca.Options(**options)), ArraySource(z.astype(np.float32)))


def by_sample(z: np.ndarray) -> Moments:
    """Return the moments as they are kept above 4,096 dimensions."""
    full = second_moments(ArraySource(z.astype(np.float32)), 0)
    rows = (z - z.mean(axis=0)) / np.sqrt(len(z) - 1)
    return Moments(full.summary, None, rows.astype(np.float32))


def test_it_keeps_the_contract() -> None:
    results = check_analysis(Pca())
    assert not results.calibrations


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_a_known_spectrum_comes_back_off_center_too(offset: float) -> None:
    variances = [4.0, 2.0, 1.0, 0.5, 0.25]
    data = analyze(cloud(variances) + offset).data
    np.testing.assert_allclose(data["variance"], variances, rtol=2e-4)
    np.testing.assert_allclose(data["variance_along"], variances, rtol=2e-4)
    assert data["participation_ratio"] == pytest.approx(7.75**2 / 21.3125, rel=1e-3)
    assert data["explained_1"] == pytest.approx(4 / 7.75, rel=1e-3)
    assert [data[f"components_{share}"] for share in (90, 95, 99)] == [3, 4, 5]


def test_small_variances_beside_large_ones_survive_an_offset() -> None:
    z = cloud([1.0, 1.0, 1e-4], n=5000) + 10.0
    assert analyze(z).data["variance"][-1] == pytest.approx(1e-4, rel=0.01)


def test_the_spectrum_does_not_change_with_rotation_or_order() -> None:
    rng = np.random.default_rng(5)
    z = rng.standard_normal((800, 6)) * [3, 2, 1, 1, 0.5, 0.1]
    turn, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    expected = analyze(z).data["variance"]
    for other in (z @ turn, rng.permutation(z), z + 50):
        np.testing.assert_allclose(analyze(other).data["variance"], expected, rtol=1e-3)


def test_scores_along_the_kept_components_are_uncorrelated() -> None:
    z = cloud([5.0, 3.0, 2.0, 1.0], seed=3) + 2
    data = analyze(z).data
    scores = (z - data["mean"]) @ data["components"].T
    np.testing.assert_allclose(np.cov(scores, rowvar=False), np.diag([5, 3, 2, 1]), atol=1e-3)


def test_components_are_unit_vectors_of_a_fixed_sign() -> None:
    z = cloud([5.0, 3.0, 2.0, 1.0])
    components = analyze(z).frame["components"]
    np.testing.assert_allclose(components @ components.T, np.eye(4), atol=1e-12)
    largest = np.abs(components).argmax(axis=1)
    assert (components[np.arange(4), largest] > 0).all()
    np.testing.assert_allclose(analyze(-z).frame["components"], components, atol=1e-6)


def test_only_the_reference_keeps_the_components() -> None:
    reference = tiny_source()
    shown = ArraySource(np.random.default_rng(0).standard_normal((300, 5)), "other")
    results = run_analysis(Pca(), reference, shown=[shown])
    assert "components" in results.data.arrays
    assert "components" not in results.results["other"].arrays


def test_another_source_is_measured_along_the_components_of_the_reference() -> None:
    reference = ArraySource(cloud([9.0, 1.0]).astype(np.float32))
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]], np.float32)
    turned = ArraySource(reference.z @ turn, "turned")
    other = run_analysis(Pca(), reference, shown=[turned]).results["turned"]
    np.testing.assert_allclose(other["variance"], [9, 1], rtol=1e-4)
    np.testing.assert_allclose(other["variance_along"], [1, 9], rtol=1e-4)


def test_a_matched_gaussian_has_the_spectrum_by_construction() -> None:
    reference = tiny_source()
    nulls = {"gaussian": gaussian_members(reference, 3)}
    results = run_analysis(Pca(), reference, nulls=nulls)
    for member in results.ensembles["gaussian"]:
        np.testing.assert_allclose(member["variance"], results.data["variance"], atol=1e-6)
    assert not any(scalar.calibrated for scalar in results.data.scalars.values())


@pytest.mark.parametrize(
    ("variances", "ratio"), [([1, 1, 1, 1], 4.0), ([1, 0, 0], 1.0), ([2, 1], 1.8)]
)
def test_participation_ratio_in_closed_form(variances: list[float], ratio: float) -> None:
    assert participation_ratio(np.array(variances, float)) == pytest.approx(ratio)


def test_separated_components_end_at_the_first_that_sampling_could_mix() -> None:
    assert separated_components(np.array([4.0, 2.0, 1.95, 1.0]), 1000) == 1
    assert separated_components(np.array([4.0, 2.0, 1.0]), 1000) == 3
    assert separated_components(np.array([1.0, 0.999]), 1000) == 0


@pytest.mark.parametrize(("n", "dim"), [(400, 7), (30, 100)])
def test_a_sample_gives_the_components_of_its_covariance(n: int, dim: int) -> None:
    z = np.random.default_rng(1).standard_normal((n, dim)) * np.linspace(1, 3, dim)
    full, sampled = second_moments(ArraySource(z.astype(np.float32)), 0), by_sample(z)
    variances, components = full.components(4)
    from_sample, directions = sampled.components(4)
    np.testing.assert_allclose(from_sample[:4], variances[:4], rtol=1e-4)
    np.testing.assert_allclose(np.abs(directions @ components.T), np.eye(4), atol=1e-3)
    np.testing.assert_allclose(sampled.along(components), full.along(components), rtol=1e-4)


def test_above_4096_dimensions_a_stated_sample_is_used() -> None:
    results = analyze(np.random.default_rng(0).standard_normal((60, 5000)), components=5)
    assert results.data.sample_size == 60
    assert results.frame["components"].shape == (5, 5000)
    texts = [finding.text for finding in findings_of(Pca(), results)]
    assert any("sample of 60 z-points" in text for text in texts)
    assert list(Pca().plot(results))


@pytest.mark.parametrize(
    ("z", "found"),
    [
        (np.ones((30, 3)), "30 z-points that are all alike"),
        (np.full((5, 3), np.nan), "found none"),
        (np.ones((1, 3)), "1 z-points"),
    ],
)
def test_a_cloud_without_spread_is_an_error(z: np.ndarray, found: str) -> None:
    with pytest.raises(AnalysisError, match=found):
        Pca().prepare(ArraySource(z))


def texts_of(z: np.ndarray) -> list[str]:
    return [finding.text for finding in findings_of(Pca(), analyze(z))]


def test_findings_name_what_is_odd() -> None:
    rng = np.random.default_rng(0)
    constant = rng.standard_normal((200, 4))
    constant[:, 2] = 7
    assert any("1 of 4 axes do not vary" in text for text in texts_of(constant))
    assert any("at most 19 components" in t for t in texts_of(rng.standard_normal((20, 50))))
    flat = rng.standard_normal((200, 2)) @ rng.standard_normal((2, 6))
    assert any("lie flat: 2 of 6" in text for text in texts_of(flat))


def test_findings_name_the_axes_of_the_first_component_or_that_it_is_chance() -> None:
    rng = np.random.default_rng(0)
    long = rng.standard_normal((2000, 5)) * [1, 1, 1, 6, 1]
    assert any("follows axis 3" in text for text in texts_of(long))
    assert any("is chance" in text for text in texts_of(rng.standard_normal((500, 8))))


@pytest.mark.parametrize(("n", "dim"), [(50, 16), (400, 2), (400, 1), (30, 200), (2, 4)])
def test_odd_shapes_give_finite_results(n: int, dim: int) -> None:
    results = analyze(np.random.default_rng(0).standard_normal((n, dim)), components=500)
    assert_finite(results.data)
    assert len(list(Pca().plot(results))) == 2


def test_rows_that_are_not_finite_are_left_out() -> None:
    z = cloud([3.0, 1.0], n=500)
    broken = np.concatenate([z, [[np.nan, 1.0], [np.inf, 0.0]]])
    np.testing.assert_allclose(analyze(broken).data["variance"], [3, 1], rtol=1e-4)


def test_embeddings_of_unit_norm() -> None:
    z = np.random.default_rng(0).standard_normal((3000, 32))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    data = analyze(z).data
    assert data["total_variance"] == pytest.approx(1.0, abs=0.01)
    assert data["participation_ratio"] > 30


def assert_finite(result: Result) -> None:
    for name, scalar in result.scalars.items():
        assert isinstance(scalar.value, str) or np.isfinite(scalar.value), name
    for name, array in result.arrays.items():
        assert np.isfinite(array.values).all(), name


def test_sources_are_seeded() -> None:
    source: Source = ArraySource(np.random.default_rng(0).standard_normal((60, 4200)))
    first, second = (run_analysis(Pca(), source).data for _ in range(2))
    np.testing.assert_array_equal(first["variance"], second["variance"])
