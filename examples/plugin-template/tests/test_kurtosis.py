from __future__ import annotations

import numpy as np
import pytest
from latent_analyze_kurtosis import Kurtosis
from latent_analyze_kurtosis.moments import CentralMoments

from latent_analyze.plugin import ArraySource, keyed_rng
from latent_analyze.testing import check_analysis, gaussian_members, run_analysis

RNG = keyed_rng(0, "kurtosis")
CLOSED_FORMS = {
    "normal": (RNG.standard_normal((200_000, 2)), 0.0),
    "laplace": (RNG.laplace(size=(200_000, 2)), 3.0),
    "uniform": (RNG.random((200_000, 2)), -1.2),
    "coin": (RNG.integers(0, 2, (200_000, 2)), -2.0),
}


def excess(z: np.ndarray) -> np.ndarray:
    return run_analysis(Kurtosis(), ArraySource(z)).data["excess"]


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_closed_forms(name: str, shift: float) -> None:
    z, expected = CLOSED_FORMS[name]
    np.testing.assert_allclose(excess(z + shift), expected, atol=0.15)


def test_merging_agrees_with_the_definition() -> None:
    z = RNG.gamma(2.0, size=(5000, 3)).astype(np.float32)
    total = CentralMoments(3)
    for piece in np.split(z, [1, 2, 900, 900, 4000]):
        part = CentralMoments(3)
        part.add(piece)
        total.merge(part)
        total.merge(CentralMoments(3))
    centered = z - z.mean(axis=0, dtype=np.float64)
    expected = (centered**4).mean(axis=0) / (centered**2).mean(axis=0) ** 2 - 3
    np.testing.assert_allclose(total.excess_kurtosis(), expected, rtol=1e-9)


def test_scaling_and_shifting_change_nothing() -> None:
    z = RNG.laplace(size=(2000, 3))
    np.testing.assert_allclose(excess(-7 * z + 3), excess(z), rtol=1e-3)


def test_the_contract_holds() -> None:
    results = check_analysis(Kurtosis(Kurtosis.Options(threshold=0.5)))
    assert results.calibration("mean") is not None


def test_heavy_tails_stand_out_and_gaussian_ones_do_not() -> None:
    for z, expected in ((RNG.laplace(size=(3000, 4)), True), (RNG.normal(size=(3000, 4)), False)):
        data = ArraySource(z)
        results = run_analysis(Kurtosis(), data, nulls={"gaussian": gaussian_members(data, 20)})
        severities = {finding.severity for finding in Kurtosis().interpret(results)}
        assert ("warning" in severities) is expected


def test_flat_axes_are_left_out() -> None:
    z = RNG.normal(size=(500, 3))
    z[:, 1] = 0.1
    data = run_analysis(Kurtosis(), ArraySource(z)).data
    assert (data["flat_axes"], data["count"]) == (1, 500)
    assert np.isnan(data["excess"][1])
    assert np.isfinite(data["mean"])


@pytest.mark.parametrize(
    ("z", "message"),
    [(np.zeros((3, 2)), "at least 4 z-points"), (np.ones((50, 2)), "an axis with spread")],
)
def test_what_has_no_kurtosis(z: np.ndarray, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        run_analysis(Kurtosis(), ArraySource(z))
