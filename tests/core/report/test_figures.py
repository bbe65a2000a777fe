import gc
import sys
import weakref
from io import BytesIO

import matplotlib
import pytest
from PIL import Image

from latent_analyze.plugin import Figure
from latent_analyze.report import draw_figures


def only(figures):
    (entry,) = figures.values()
    return entry


def test_figures_are_drawn_in_order_with_caption_and_size(make_outcome):
    outcome, figures = draw_figures(make_outcome())
    (drawn,) = figures[0, "spread"]
    assert drawn.file == "data-spread-curve.png"
    assert (drawn.caption, drawn.alt) == ("Spread of data.", "a line that rises")
    image = Image.open(BytesIO(drawn.png))
    assert image.format == "PNG"
    assert drawn.inches == (image.size[0] / 200, image.size[1] / 200)
    assert 6 < drawn.inches[0] <= 7.2
    assert not outcome.failed


def test_a_plot_that_fails_is_a_failure_and_keeps_what_was_drawn(make_outcome, toy_analyses):
    before = make_outcome(toy_analyses.FailsToDraw, toy_analyses.Spread)
    after, figures = draw_figures(before)
    assert [drawn.file for drawn in figures[0, "fails_to_draw"]] == ["data-fails_to_draw-whole.png"]
    assert len(figures[0, "spread"]) == 1
    (failed,) = after.cases[0].failures
    assert (failed.analysis, failed.source) == ("fails_to_draw", "figures")
    assert failed.error == "RuntimeError: no <i>ink</i>"
    assert "in plot" in failed.traceback
    assert after.failed
    assert not before.failed


def test_drawing_again_counts_no_failure_twice(make_outcome, toy_analyses):
    once, _ = draw_figures(make_outcome(toy_analyses.FailsToDraw))
    again, _ = draw_figures(once)
    assert len(again.cases[0].failures) == 1


def test_what_is_no_figure_is_refused_with_the_next_step(make_outcome, toy_analyses):
    class Raw(toy_analyses.Spread):
        """Does it yield figures of matplotlib?"""

        name = "raw"

        def plot(self, results):
            yield toy_analyses.drawn().figure

    outcome, figures = draw_figures(make_outcome(Raw))
    assert only(figures) == []
    (failed,) = outcome.cases[0].failures
    assert failed.error == (
        "expected a latent_analyze.Figure from plot, found Figure;"
        " yield Figure(name, caption, figure)"
    )


def test_an_analysis_without_results_has_no_figures(make_outcome, toy_analyses):
    outcome, figures = draw_figures(make_outcome(toy_analyses.FailsToRun))
    assert only(figures) == []
    assert {f.source for f in outcome.cases[0].failures} >= {"data"}


def test_the_same_outcome_gives_the_same_bytes(make_outcome):
    outcome = make_outcome()
    first, second = (only(draw_figures(outcome)[1])[0].png for _ in range(2))
    assert first == second
    assert b"Software\0latent-analyze" in first
    assert matplotlib.__version__.encode() not in first


def test_names_are_safe_and_unique(make_outcome, toy_analyses):
    class Twice(toy_analyses.Spread):
        """Are two figures of one name two files?"""

        name = "twice"

        def plot(self, results):
            for name in ("same", "same", "SAME", "../up", "x" * 300):
                yield toy_analyses.drawn(name)

    _, figures = draw_figures(make_outcome(Twice, labels=["a/b", "a-b"]))
    names = [drawn.file for entry in figures.values() for drawn in entry]
    assert len({name.lower() for name in names}) == 10
    assert all("/" not in name and len(name) < 120 for name in names)


def test_figures_are_freed(make_outcome, toy_analyses):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    alive = []

    class Open(toy_analyses.Spread):
        """Does it leave figures open?"""

        name = "open"

        def plot(self, results):
            figure, _ = pyplot.subplots()
            alive.append(weakref.ref(figure))
            yield Figure("open", "", figure)

    matplotlib.use("agg")
    _, figures = draw_figures(make_outcome(Open))
    assert len(only(figures)) == 1
    assert pyplot.get_fignums() == []
    gc.collect()
    assert alive[0]() is None


def test_a_plot_changes_no_settings_of_others(make_outcome, toy_analyses):
    class Loud(toy_analyses.Spread):
        """Does it change the style of all?"""

        name = "loud"

        def plot(self, results):
            matplotlib.rcParams["font.size"] = 40
            yield toy_analyses.drawn()

    size = matplotlib.rcParams["font.size"]
    draw_figures(make_outcome(Loud))
    assert matplotlib.rcParams["font.size"] == size


def test_progress_counts_analyses(make_outcome, toy_analyses):
    seen = []
    outcome = make_outcome(toy_analyses.Spread, toy_analyses.FailsToDraw)
    draw_figures(outcome, lambda *call: seen.append(call))
    assert seen == [("figures", 0, 2), ("figures", 1, 2), ("figures", 2, 2)]


def test_the_package_loads_neither_matplotlib_nor_jinja():
    import subprocess

    code = (
        "import sys, latent_analyze.report;"
        "sys.exit(bool({'matplotlib', 'jinja2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
