"""Ways of looking for labels in rows."""

from __future__ import annotations

import numpy as np
import pytest

from latent_analyze.statistics.label_smoothers import Smoother, principal, smoothers, whitened

ROWS = np.random.default_rng(0).standard_normal((200, 4)) @ np.diag([1, 2, 3, 100.0]) + 5


def labels() -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.permuted(np.tile(np.repeat([0.5, -0.5], 100), (8, 1)), axis=1).T


def ways() -> list[Smoother]:
    return smoothers(ROWS, whitened(ROWS), rng=np.random.default_rng(0))


@pytest.mark.parametrize("way", ways(), ids=lambda way: way.name)
def test_scores_are_linear_in_held_out_labels(way: Smoother) -> None:
    columns = labels()
    assert way.evidence(columns).shape == (8,)
    scores = way.scores(columns)
    np.testing.assert_allclose(way.scores(-2 * columns), -2 * scores, atol=1e-9)
    assert scores.shape == columns.shape


@pytest.mark.parametrize("way", ways(), ids=lambda way: way.name)
def test_the_mean_score_of_labels_grows_with_the_evidence(way: Smoother) -> None:
    columns = labels()
    explained = np.einsum("ij,ij->j", columns, way.scores(columns))
    order = np.argsort(way.evidence(columns))
    assert (np.diff(explained[order]) >= -1e-9).all()


def test_whitened_rows_have_covariance_one_in_all_directions_that_vary() -> None:
    rows = np.column_stack([ROWS, ROWS[:, 0] + ROWS[:, 1], np.full(200, 3.0)])
    white = whitened(rows)
    assert white.shape == (200, 4)
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(4), atol=1e-9)


def test_few_rows_are_not_all_equally_far_from_each_other() -> None:
    rows = np.random.default_rng(0).standard_normal((40, 100)) * np.geomspace(1, 10, 100)
    lengths = np.linalg.norm(whitened(rows), axis=1)
    assert lengths.std() / lengths.mean() > 0.01


@pytest.mark.parametrize("shape", [(30, 5), (5, 30)])
def test_principal_frames_keep_distances(shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(0).standard_normal(shape)
    found = principal(rows)
    assert found.shape == (shape[0], min(shape))
    centered = rows - rows.mean(axis=0)
    np.testing.assert_allclose(found @ found.T, centered @ centered.T, atol=1e-9)
