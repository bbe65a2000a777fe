from __future__ import annotations

import numpy as np
import pytest
from latent_analyze_kurtosis import Kurtosis, laplace

from latent_analyze.plugin import ArraySource, keyed_rng
from latent_analyze.testing import (
    check_analysis,
    check_sampler,
    findings_of,
    gaussian_members,
    run_analysis,
    tiny_source,
)

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


def test_it_is_the_fourth_moment_over_the_squared_second() -> None:
    z = RNG.gamma(2.0, size=(5000, 3)).astype(np.float32)
    centered = z - z.mean(axis=0, dtype=np.float64)
    expected = (centered**4).mean(axis=0) / (centered**2).mean(axis=0) ** 2 - 3
    np.testing.assert_allclose(excess(z), expected, rtol=1e-9)
    np.testing.assert_allclose(excess(-7 * z + 3), excess(z), rtol=1e-3)


def test_the_contracts_hold() -> None:
    results = check_analysis(Kurtosis(threshold=0.5))
    assert results.calibration("mean") is not None
    check_sampler(laplace())


def test_heavy_tails_stand_out_and_gaussian_ones_do_not() -> None:
    for z, expected in ((RNG.laplace(size=(3000, 4)), True), (RNG.normal(size=(3000, 4)), False)):
        data = ArraySource(z)
        results = run_analysis(Kurtosis(), data, nulls={"gaussian": gaussian_members(data, 20)})
        said = findings_of(Kurtosis(), results)
        assert bool(said) is expected
        assert all("the tails are heavier" in finding.text for finding in said)


def test_flat_axes_are_left_out() -> None:
    z = RNG.normal(size=(500, 3))
    z[:, 1] = 0.1
    data = run_analysis(Kurtosis(), ArraySource(z)).data
    assert np.isnan(data["excess"][1])
    assert np.isfinite(data["mean"])


@pytest.mark.parametrize("z", [np.zeros((3, 2)), np.ones((50, 2))])
def test_what_has_no_kurtosis(z: np.ndarray) -> None:
    with pytest.raises(AssertionError, match="an axis with spread"):
        run_analysis(Kurtosis(), ArraySource(z))


def test_laplace_is_as_wide_as_the_reference() -> None:
    reference = tiny_source(2000)
    z = laplace(count=100_000).fit(reference, 0).sample(100_000, 0).z
    np.testing.assert_allclose(z.mean(axis=0), reference.z.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(z.std(axis=0), reference.z.std(axis=0), rtol=0.02)
    np.testing.assert_allclose(np.corrcoef(z.T), np.eye(5), atol=0.02)
