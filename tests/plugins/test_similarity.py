"""Comparing the spaces of several cases: what is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from latent_analyze.host.options import build_options
from latent_analyze.plugin import ArraySource, ResultSet
from latent_analyze.statistics import participation_ratio
from latent_analyze.testing import check_analysis, figures_of, findings_of, run_analysis
from latent_analyze_plugins.similarity import Similarity
from latent_analyze_plugins.similarity.compute import (
    Space,
    common_neighbors,
    jaccard,
    linear_cka,
    procrustes,
    unbiased_cka,
)


def normal(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim))


def rotation(dim: int, seed: int = 7) -> np.ndarray:
    return np.linalg.qr(normal(dim, dim, seed))[0]


def source(z: np.ndarray, label: str) -> ArraySource:
    return ArraySource(z.astype(np.float32), label)


def compare(here: np.ndarray, *others: np.ndarray, **options: Any) -> ResultSet:
    analysis = Similarity(build_options(Similarity.Options, options, "similarity"))
    named = [source(z, f"other{i}") for i, z in enumerate(others)]
    return run_analysis(analysis, source(here, "here"), others=named)


CLOUD = normal(300, 6) * np.linspace(0.5, 2, 6)


def test_contract_with_two_others() -> None:
    others = [source(CLOUD @ rotation(6), "two"), source(normal(300, 3, 1), "three")]
    results = check_analysis(Similarity(), source=source(CLOUD, "one"), others=others)
    assert results.data["pair"].tolist() == [["one", "two"], ["one", "three"], ["two", "three"]]
    assert not any(scalar.calibrated for scalar in results.data.scalars.values())


def test_equal_spaces_are_equal() -> None:
    data = compare(CLOUD, CLOUD).data
    assert data["knn_overlap[other0]"] == data["jaccard[other0]"] == 1
    for name in ("cka", "cka_unbiased", "radius_correlation"):
        assert data[f"{name}[other0]"] == pytest.approx(1)
    assert data["procrustes[other0]"] == pytest.approx(0, abs=1e-10)
    assert data["participation_ratio"] == pytest.approx(data["participation_ratio[other0]"])


@pytest.mark.parametrize("scale", [1e-3, 40])
@pytest.mark.parametrize("extra", [0, 3])
def test_rotated_scaled_shifted_and_padded_spaces_are_equal(scale: float, extra: int) -> None:
    padded = np.concatenate([CLOUD, np.zeros((len(CLOUD), extra))], axis=1)
    moved = scale * padded @ rotation(6 + extra) + 3 * scale
    data = compare(CLOUD, moved).data
    assert data["knn_overlap[other0]"] > 0.999
    assert data["cka[other0]"] == pytest.approx(1, abs=1e-6)
    assert data["procrustes[other0]"] == pytest.approx(0, abs=1e-6)
    assert data["radius_correlation[other0]"] > 0.9999


def test_independent_spaces_are_at_chance() -> None:
    data = compare(normal(1000, 4), normal(1000, 4, 1)).data
    expected = 10 / 999
    # Common neighbors of independent lists: a mean of 1000 shares with variance about 0.1 / 100.
    assert data["knn_overlap[other0]"] == pytest.approx(expected, abs=0.003)
    assert data["knn_overlap_chance"][0] == pytest.approx(expected, abs=0.001)
    assert data["cka[other0]"] < 0.03
    assert data["cka_unbiased[other0]"] == pytest.approx(0, abs=0.02)
    assert data["procrustes[other0]"] > 0.98
    assert data["procrustes[other0]"] == pytest.approx(data["procrustes_chance"][0], abs=0.02)


def test_shuffled_rows_break_what_the_spaces_share() -> None:
    data = compare(CLOUD, CLOUD[np.random.default_rng(0).permutation(300)]).data
    assert data["knn_overlap[other0]"] < 0.1
    assert data["procrustes[other0]"] > 0.9


def test_noise_takes_away_neighbors_step_by_step() -> None:
    noise = normal(300, 6, 5)
    data = compare(CLOUD, CLOUD + 0.1 * noise, CLOUD + 1.0 * noise).data
    assert 1 > data["knn_overlap[other0]"] > data["knn_overlap[other1]"] > 0.05
    assert data["procrustes[other0]"] < data["procrustes[other1]"]


def test_axes_of_a_scaled_pair_have_a_known_procrustes_residual() -> None:
    # Two axes of standard deviations (a, b) against (b, a), rows in the same places: centered and
    # scaled, the cross-covariance is diagonal with ab / (a^2 + b^2) twice.
    corners = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    one, two = (Space.of("", corners * scale, 1) for scale in ([3, 1], [1, 3]))
    assert procrustes(one.cross(two)) == pytest.approx(1 - (2 * 3 / 10) ** 2)
    assert linear_cka(one, two, one.cross(two)) == pytest.approx(2 * 0.3**2 / (0.9**2 + 0.1**2))


def test_participation_ratio_and_spectrum_of_known_variances() -> None:
    z = np.concatenate([np.eye(4), -np.eye(4)]) * [2, 2, 1, 1]
    space = Space.of("", z, 1)
    assert np.allclose(space.spectrum, np.array([4, 4, 1, 1]) / 10)
    assert participation_ratio(space.spectrum) == pytest.approx(100 / 34)


@pytest.mark.parametrize(("first", "second"), [(3, 5), (40, 12), (90, 90)])
def test_unbiased_cka_is_the_estimator_of_song(first: int, second: int) -> None:
    x, y = normal(30, first), normal(30, second, 1)
    y[:, :3] += x[:, :3]

    def hsic(a: np.ndarray, b: np.ndarray) -> float:
        k, m, n = a @ a.T, b @ b.T, len(a)
        np.fill_diagonal(k, 0)
        np.fill_diagonal(m, 0)
        middle = k.sum() * m.sum() / ((n - 1) * (n - 2))
        return float(np.trace(k @ m) + middle - 2 / (n - 2) * (k @ m).sum()) / (n * (n - 3))

    expected = hsic(x, y) / np.sqrt(hsic(x, x) * hsic(y, y))
    one, two = Space.of("", x, 3), Space.of("", y, 3)
    assert unbiased_cka(one, two, one.cross(two)) == pytest.approx(expected)


def test_more_dimensions_than_rows_change_no_inner_product() -> None:
    z = normal(25, 200)
    space = Space.of("", z, 3)
    assert space.points.shape == (25, 25)
    centered = z - z.mean(axis=0)
    expected = centered @ centered.T / (centered**2).sum()
    assert np.allclose(space.points @ space.points.T, expected)


def test_jaccard_follows_from_the_shares() -> None:
    assert jaccard(np.array([0.0, 1.0])) == 0.5
    # 5 of 10 in common: a union of 15.
    assert jaccard(np.array([0.5])) == pytest.approx(5 / 15)


def test_common_neighbors_by_hand() -> None:
    line = Space.of("", np.array([[0.0], [1.0], [2.1], [3.3]]), 1)
    back = Space.of("", np.array([[0.0], [1.0], [5.0], [1.9]]), 1)
    # Nearest: 1 0 1 2 on the first line, 1 3 (at 0.9) 3 1 on the second.
    assert common_neighbors(line, back).tolist() == [1, 0, 0, 0]
    order = np.array([3, 1, 0, 2])
    expected = common_neighbors(line, Space.of("", back.points[order], 1))
    assert np.array_equal(common_neighbors(line, back, order), expected)


# --- rows, bad input ---------------------------------------------------------------------------


def test_others_of_the_same_rows_are_compared_with_each_other_and_others_are_not() -> None:
    analysis = Similarity()
    same = [source(CLOUD @ rotation(6, s), f"seed{s}") for s in (1, 2)]
    part = source(normal(200, 2), "part")
    data = run_analysis(analysis, source(CLOUD, "here"), others=[*same, part]).data
    pairs = {tuple(pair) for pair in data["pair"].tolist()}
    assert pairs == {("here", "seed1"), ("here", "seed2"), ("seed1", "seed2"), ("here", "part")}
    assert data["radius_space"].tolist() == ["here", "seed1", "seed2"]


def test_rows_that_are_not_finite_are_left_out_and_said_so() -> None:
    broken = CLOUD.copy()
    broken[5] = np.nan
    results = compare(CLOUD, broken)
    assert results.data["rows"] == 299
    assert results.data["knn_overlap[other0]"] == 1
    texts = [finding.text for finding in findings_of(Similarity(), results)]
    assert any(text.startswith("1 rows hold NaN") for text in texts)


def test_another_space_without_spread_is_left_out() -> None:
    results = compare(CLOUD, np.ones((300, 4)), CLOUD)
    assert results.data["space"].tolist() == ["here", "other1"]
    assert "other0 are all alike" in results.data.notes[0]


def test_spaces_without_spread_are_errors() -> None:
    with pytest.raises(AssertionError, match="not all alike"):
        compare(np.ones((300, 4)), CLOUD)
    with pytest.raises(AssertionError, match="another case whose rows are not all alike"):
        compare(CLOUD, np.ones((300, 4)))


def test_few_common_rows_are_an_error() -> None:
    with pytest.raises(AssertionError, match="at least 20 rows in common"):
        compare(normal(19, 3), normal(19, 3, 1))


def test_an_unknown_yardstick_is_an_error() -> None:
    with pytest.raises(AssertionError, match="cases with rows in common as yardstick"):
        compare(CLOUD, CLOUD, yardstick=["ae"])


@pytest.mark.parametrize(
    "z",
    [
        normal(50, 2),
        np.repeat(normal(60, 3), 4, axis=0),
        normal(60, 16_384),
        normal(40, 100),
        np.concatenate([normal(100, 2), np.zeros((100, 2))], axis=1),
        normal(200, 8) / np.linalg.norm(normal(200, 8), axis=1, keepdims=True),
        normal(200, 4) + 1000,
    ],
    ids=["2-D", "duplicates", "16384-D", "few rows", "constant axes", "unit norm", "off center"],
)
def test_robust(z: np.ndarray) -> None:
    results = compare(z, normal(len(z), 5, 3), permutations=2)
    for name, scalar in results.data.scalars.items():
        assert np.isfinite(scalar.value), name
    assert findings_of(Similarity(), results)
    assert len(figures_of(Similarity(), results)) == 2
