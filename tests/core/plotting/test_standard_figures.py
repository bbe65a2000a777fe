from __future__ import annotations

import numpy as np
import pytest

from latent_analyze.plotting import draw_matrices
from latent_analyze.plotting.standard_figures import plot_of
from latent_analyze.plugin import Analysis, ArraySource, Measure, ResultSet, Values
from latent_analyze.testing import figures_of, gaussian_members, run_analysis


class Zoo(Analysis):
    """An array of every kind."""

    name = "zoo"
    measures = (
        Measure("peak", "fourth moment", calibrated=True),
        Measure("counts", "per bin", dims=("bin",), over="width", over_label="radius"),
        Measure("spread", "spread of an axis", "latent units", dims=("axis",)),
        Measure("mean", "mean of an axis", dims=("axis",)),
        Measure("cov", "covariance", dims=("axis", "other_axis")),
        Measure("radius", "radius", "latent units", dims=("row",)),
        Measure("place", "first two axes", dims=("row", "component"), over="radius"),
        Measure("pictures", "decoded", dims=("image", "height", "width", "channel")),
        Measure("hidden", "not drawn", dims=("axis",), draw="none"),
        Measure("names", "texts", dims=("axis",)),
        Measure("cube", "of unknown dimensions", dims=("a", "b", "c")),
        Measure("width", "width of a bin"),
    )

    def run(self, frame, source, context):
        batch = context.sample(300)
        z, radius = batch.z, np.linalg.norm(batch.z, axis=1)
        values = {
            "peak": float((z**4).mean()), "counts": np.bincount((radius / 0.5).astype(int)),
            "spread": z.std(axis=0), "mean": z.mean(axis=0), "cov": np.cov(z.T), "radius": radius,
            "place": z[:, :2], "pictures": np.clip(np.tile(z[:4, :, None, None], (3, 1)), 0, 1),
            "hidden": z[0], "names": np.array(list("abc")), "cube": np.zeros((2, 2, 2)),
            "width": 0.5,
        }  # fmt: skip
        return Values(values, rows=batch.rows)


class Bare(Analysis):
    """A calibrated number and nothing to draw."""

    name = "bare"
    measures = (Measure("peak", "fourth moment", calibrated=True),)

    def run(self, frame, source, context):
        return {"peak": float((context.sample(300).z ** 4).mean())}


@pytest.fixture(scope="module")
def data() -> ArraySource:
    return ArraySource(np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32))


def results_of(analysis: Analysis, data: ArraySource, members: int = 5) -> ResultSet:
    nulls = {"gaussian": gaussian_members(data, members)} if members else {}
    shown = [ArraySource(data.z * 2, "twice")]
    return run_analysis(analysis, data, shown=shown, nulls=nulls)


def test_the_dimensions_choose_the_figure(data: ArraySource) -> None:
    results = results_of(Zoo(), data)
    drawn = {figure.name: figure for figure in figures_of(Zoo(), results)}
    assert set(drawn) == {
        "zoo-spread", "zoo-counts", "zoo-radius", "zoo-cov", "zoo-place", "zoo-pictures"
    }  # fmt: skip
    # Arrays that are drawn alike share a figure.
    assert [a.get_title() for a in drawn["zoo-spread"].figure.axes] == [
        "Spread of an axis", "Mean of an axis"
    ]  # fmt: skip
    (counts,) = drawn["zoo-counts"].figure.axes
    assert counts.get_xlabel() == "radius"
    assert counts.get_xlim()[1] == pytest.approx(
        0.5 * max(len(r["counts"]) for r in results.results.values()), rel=0.2
    )
    assert "latent units" in drawn["zoo-radius"].figure.axes[0].get_xlabel()
    for figure in drawn.values():
        assert figure.caption
        assert "null" in figure.caption


def test_without_a_null_no_figure_speaks_of_one(data: ArraySource) -> None:
    for figure in figures_of(Zoo(), results_of(Zoo(), data, members=0)):
        assert "null" not in figure.caption


def test_numbers_alone_are_drawn_against_their_null(data: ArraySource) -> None:
    (figure,) = figures_of(Bare(), results_of(Bare(), data))
    assert figure.name == "bare-against-null"
    (axis,) = figure.figure.axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["fourth moment"]
    assert figures_of(Bare(), results_of(Bare(), data, members=0)) == []


def test_a_plot_of_its_own_replaces_the_standard_ones() -> None:
    class Own(Bare):
        """Draws nothing."""

        def plot(self, results):
            return []

    own = Own()
    assert plot_of(own) == own.plot


def test_matrices_share_one_scale(data: ArraySource) -> None:
    results = results_of(Zoo(), data)
    figure = draw_matrices(results, {"cov": "covariance"}, label="correlation")
    limits = {axis.images[0].get_clim() for axis in figure.axes if axis.images}
    assert len(limits) == 1
    assert len([axis for axis in figure.axes if axis.images]) == 2


class Gaps(Analysis):
    """Arrays that only the data have, one column, and points that are not known."""

    name = "gaps"
    measures = (
        Measure("curve", "curve", dims=("axis",)),
        Measure("radius", "radius", dims=("row",)),
        Measure("flat", "one column", dims=("row", "component")),
        Measure("place", "two columns", dims=("row", "component")),
    )

    def run(self, frame, source, context):
        batch = context.sample(50)
        place = batch.z[:, :2].copy()
        place[0] = np.nan
        values = {"flat": batch.z[:, :1], "place": place}
        if source.label == "data":
            values |= {"curve": batch.z[0], "radius": np.linalg.norm(batch.z, axis=1)}
        return Values(values, rows=batch.rows)


def test_what_only_some_sources_have_is_drawn_for_those(data: ArraySource) -> None:
    drawn = {f.name: f.figure for f in figures_of(Gaps(), results_of(Gaps(), data))}
    assert set(drawn) == {"gaps-curve", "gaps-flat", "gaps-place"}
    assert len(drawn["gaps-flat"].axes) == 2
    assert len(drawn["gaps-curve"].axes[0].lines) == 1
    offsets = drawn["gaps-place"].axes[0].collections[0].get_offsets()
    assert np.isfinite(offsets).all()
    assert len(offsets) == 49
