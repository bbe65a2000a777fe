"""Findings and figures of `slices`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from latent_analyze.plugin import ArraySource, Calibration, ResultSet
from latent_analyze.testing import check_analysis, findings_of, run_analysis
from latent_analyze_plugins.slices import Slices


def normal(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


@pytest.fixture(scope="module")
def analysis() -> Slices:
    return Slices(Slices.Options(pairs=((0, 1), (2, 3)), b=1.0, points=100, density_sample=100))


@pytest.fixture(scope="module")
def results(analysis: Slices) -> ResultSet:
    reference = ArraySource(normal(400, 5))
    shown = ArraySource(50 * normal(300, 5, 1), "uniform:b=50")
    members = [ArraySource(normal(400, 5, seed)) for seed in range(2, 6)]
    found = run_analysis(analysis, reference, shown=[shown], nulls={"gaussian": members})
    return replace(found, calibrations=())


def test_contract() -> None:
    check_analysis(Slices(Slices.Options(points=50, density_sample=60, bins=8)))


def calibrated(results: ResultSet, scalar: str, stands_out: bool) -> ResultSet:
    value = results.data[scalar]
    entry = Calibration(
        "gaussian", scalar, value, value / 2, 0.01, 0, 0.1, 20, 0.01, 0.02, 5, stands_out
    )
    return replace(results, calibrations=[entry])


def texts(analysis: Slices, results: ResultSet, severity: str) -> Sequence[str]:
    return [f.text for f in findings_of(analysis, results) if f.severity == severity]


def test_findings_count_survivors_against_null_and_shown_sources(
    analysis: Slices, results: ResultSet
) -> None:
    first = texts(analysis, results, "note")[0]
    survivors = results.data["survivors_0_1"]
    assert first.startswith(
        f"{survivors} of 400 z-points survive in the slice of axes 0 and 1 (b = 1); "
        "null gaussian, 5-95 % of draws: "
    )
    members = [100 * m["survivor_share_0_1"] for m in results.ensembles["gaussian"]]
    low, high = np.quantile(members, [0.05, 0.95])
    assert f"draws: {low:.3g} to {high:.3g} %; uniform:b=50: 0 %." in first


def test_every_calibrated_scalar_can_stand_out(analysis: Slices, results: ResultSet) -> None:
    names = [name for name, scalar in results.data.scalars.items() if scalar.calibrated]
    assert len(names) == 5
    for name in names:
        assert not texts(analysis, calibrated(results, name, False), "finding")
        assert len(texts(analysis, calibrated(results, name, True), "finding")) == 1
    (text,) = texts(analysis, calibrated(results, "survivor_share_0_1", True), "finding")
    assert "differs from the null model gaussian: more z-points survive in a slice" in text


def test_an_empty_slice_says_at_which_b_the_first_survives() -> None:
    analysis = Slices(Slices.Options(pairs=((0, 1),), b=0.01))
    z = normal(200, 6)
    alone = run_analysis(analysis, ArraySource(z))
    smallest = np.abs(z[:, 2:]).max(axis=1).min()
    assert (
        "0 of 200 z-points survive in the slice of axes 0 and 1 (b = 0.01), the first does at b ="
        f" {smallest:.3g}." in texts(analysis, alone, "note")[0]
    )
    figure = next(iter(analysis.plot(alone))).figure
    assert any("none survives" in text.get_text() for text in figure.axes[2].texts)


def test_a_figure_per_pair_shows_data_and_null_the_same_way(
    analysis: Slices, results: ResultSet
) -> None:
    first, second, curves = analysis.plot(results)
    assert [f.name for f in (first, second, curves)] == [
        "slices-0-1", "slices-2-3", "slices-survivors",
    ]  # fmt: skip
    axes = np.reshape(second.figure.axes, (2, 3))
    for data, null in zip(*axes, strict=True):
        assert data.get_xlim() == null.get_xlim()
        assert data.get_ylim() == null.get_ylim()
        assert data.get_xlabel() == null.get_xlabel() == "axis 2 (latent units)"
    assert axes[0, 0].get_ylabel() == "data\naxis 3 (latent units)"
    assert f"{results.data['survivors_2_3']} of 400" in axes[0, 2].get_title()
    labels = {text.get_text() for text in second.figure.legends[0].get_texts()}
    assert labels == {
        "data", "uniform:b=50", "null gaussian, 1 of 4 draws", "origin", "zoom window",
    }  # fmt: skip
    assert "survive" in second.alt
    assert "|x_j| <= 1" in second.caption


def test_a_far_source_does_not_squeeze_the_data_but_is_stated(
    analysis: Slices, results: ResultSet
) -> None:
    axis = next(iter(analysis.plot(results))).figure.axes[0]
    assert axis.get_xlim()[1] < 10
    assert any("% outside" in text.get_text() for text in axis.texts)


def test_curves_hold_every_source_and_the_band(analysis: Slices, results: ResultSet) -> None:
    *_, curves = analysis.plot(results)
    axis = curves.figure.axes[0]
    lines = {line.get_label(): line for line in axis.get_lines()}
    assert {"data", "uniform:b=50", "b = 1"} <= set(lines)
    shares = np.asarray(lines["data"].get_ydata(), float)
    assert shares[-1] == 1
    assert len(axis.collections) == 1
    assert axis.get_xlabel() == "half-width b (latent units)"
    assert axis.get_ylabel() == "share of the z-points that survives"


def test_one_null_draw_is_a_line_and_figures_can_be_saved(
    analysis: Slices, results: ResultSet, tmp_path
) -> None:
    single = replace(results, ensembles={"shuffled": results.ensembles["gaussian"][:1]})
    for figure in analysis.plot(single):
        figure.figure.savefig(tmp_path / f"{figure.name}.png")
        assert (tmp_path / f"{figure.name}.png").stat().st_size > 10_000
    assert "null shuffled, one draw: " in texts(analysis, single, "note")[0]
