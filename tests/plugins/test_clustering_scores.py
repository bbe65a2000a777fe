"""Scores of partitions: silhouette and elbow by hand and beside scikit-learn, the gap's rule."""

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances, silhouette_score

from latent_analyze_plugins.clustering.compute import Partitions
from latent_analyze_plugins.clustering.scores import Gap, elbow, silhouette

KS = np.arange(2, 41)


@pytest.mark.parametrize("clusters", [2, 5, 50])
def test_silhouette_is_that_of_scikit_learn(clusters):
    rng = np.random.default_rng(clusters)
    z, labels = rng.standard_normal((300, 4)), rng.integers(0, clusters, 300)
    labels[0] = 99
    distances = pairwise_distances(z)
    assert silhouette(distances, labels) == pytest.approx(silhouette_score(z, labels), abs=1e-9)


def test_silhouette_by_hand():
    z = np.array([[0.0], [1.0], [10.0], [11.0]])
    expected = np.mean([1 - 1 / 10.5, 1 - 1 / 9.5, 1 - 1 / 9.5, 1 - 1 / 10.5])
    assert silhouette(np.abs(z - z.T), np.array([0, 0, 1, 1])) == pytest.approx(expected)


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]])
def test_silhouette_of_one_cluster_and_of_singletons_is_zero(labels):
    assert silhouette(1.0 - np.eye(3), np.array(labels)) == 0.0


def test_silhouette_of_points_in_one_place_is_zero():
    assert silhouette(np.zeros((4, 4)), np.array([0, 0, 1, 1])) == 0.0


def test_elbow_of_a_right_angle_is_sharp():
    k, sharpness = elbow(KS, np.where(KS < 9, 1.0, 0.0))
    assert k == 9
    assert sharpness == pytest.approx(1 - 7 / 38)


def test_elbow_of_a_straight_line_has_no_sharpness():
    assert elbow(KS, 100.0 - KS)[1] == pytest.approx(0.0, abs=1e-12)
    assert elbow(KS, np.ones(len(KS)))[1] == pytest.approx(0.0, abs=1e-12)


def test_elbow_of_a_hyperbola():
    # 1 / k falls with slope -1 in scaled coordinates at the geometric mean of both ends.
    assert elbow(KS, 1.0 / KS)[0] == round(np.sqrt(80))


def test_gap_that_peaks_names_the_peak():
    gap = np.where(KS <= 6, 0.2 * KS, 1.2 - 0.01 * (KS - 6))
    assert Gap(KS, gap, np.full(len(KS), 0.001), 0.0).choice[0] == 6


def test_gap_that_dips_first_still_names_the_peak():
    gap = np.where(KS < 6, -0.1, 1.0 - 0.05 * (KS - 6))
    assert Gap(KS, gap, np.zeros(len(KS)), 0.0).choice == (6, 1.0)


def test_gap_within_an_error_of_the_largest_counts_as_large():
    gap = np.array([0.1, 0.9, 0.95, 1.0])
    assert Gap(np.arange(2, 6), gap, np.full(4, 0.06), 0.0).choice[0] == 4
    assert Gap(np.arange(2, 6), gap, np.full(4, 0.11), 0.0).choice[0] == 3


def test_gap_below_zero_everywhere():
    gap = np.array([-0.3, -0.1, -0.2])
    assert Gap(np.arange(2, 5), gap, np.zeros(3), 0.0).choice == (3, -0.1)


def test_a_partition_that_is_worse_than_the_last_starts_again_from_it():
    z = np.repeat(np.array([[0.0], [10.0], [20.0]], np.float32), 20, axis=0)
    z += np.linspace(0, 0.1, 60, dtype=np.float32)[:, None]
    partitions = Partitions(z, 3, 10, seed=0)
    best, _ = partitions.fit(2)
    partitions.seeds[:3] = 0.0
    again, labels = partitions.fit(3)
    assert again <= best
    assert len(labels) == 60
