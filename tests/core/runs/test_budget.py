from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import latent_analyze as la
from latent_analyze import OptionError
from latent_analyze.host.numbers import seconds_of
from latent_analyze.plugin import Analysis, AnalysisOptions, ArraySource, Frame
from latent_analyze.runs.budget import STEPS, Cost, choose, fit_to_budget
from latent_analyze.runs.config import PluginChoice, RunConfig, dump_config
from latent_analyze.runs.plan import make_plan
from latent_analyze.testing import tiny_source

NOW = [0.0]


class Slow(Analysis):
    """Takes a millisecond per z-point, by a clock of its own."""

    name = "slow"
    counts = {"sample": (100, 4000)}

    class Options(AnalysisOptions):
        sample: int = 4000

    def run(self, frame: Frame, source: Any, context: Any) -> dict[str, Any]:
        batch = context.sample(self.options.sample)
        NOW[0] += 0.001 * self.options.sample
        return {"mean": float(batch.z.mean())}


@pytest.mark.parametrize(
    ("text", "seconds"), [("60", 60), ("60s", 60), ("2m", 120), ("1.5h", 5400), (30, 30)]
)
def test_times_are_read(text: Any, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-3", "0s", "3d"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(OptionError, match="write --budget 60s"):
        seconds_of(text)


def cost(per_point: float = 0.001, power: float = 1.0, **more: Any) -> Cost:
    return Cost(
        "a", 0.0, per_point, power, **{"points": 4000, "least": 100, "null_draws": True} | more
    )


CASE = {"members": 20, "nulls": 1, "shown": 2, "draw": 0.1}


def test_enough_time_cuts_nothing() -> None:
    counts = choose([cost()], 1000.0, **CASE)
    assert (counts.share, counts.members, counts.shown) == (1.0, 20, 2)
    # 4 s on data, two sources and twenty members, and twenty draws.
    assert counts.seconds == pytest.approx(4 * 23 + 2)


def test_points_go_first_then_members_then_sources() -> None:
    assert choose([cost()], 60.0, **CASE).share == 0.5
    few = choose([cost()], 4.5, **CASE)
    assert (few.share, few.members) == (0.02, 20)
    fewer = choose([cost()], 1.0, **CASE)
    assert (fewer.share, fewer.members, fewer.shown) == (0.01, 1, 2)
    least = choose([cost()], 0.0, **CASE)
    assert (least.members, least.shown) == (0, 0)


def test_heavy_analyses_run_over_one_draw_only() -> None:
    assert choose([cost(null_draws=False)], 1000.0, **CASE).seconds == pytest.approx(4 * 4 + 2)


@given(st.floats(0, 1e4), st.floats(0, 1e4))
def test_more_time_never_cuts_more(one: float, two: float) -> None:
    less, more = (choose([cost(power=1.5)], b, **CASE) for b in sorted((one, two)))
    assert (less.share, less.members, less.shown) <= (more.share, more.members, more.shown)
    assert more.share in STEPS


def test_a_clock_becomes_counts_that_a_rerun_uses(make_host: Callable[..., Any]) -> None:
    host, source = make_host(Slow), tiny_source(8000)
    config = RunConfig(
        sources=("s",), plugins=(PluginChoice(name="slow"),), shown=("uniform",), null_repeats=20
    )
    plan = make_plan(config, host, given={"s": source})
    fitted, cut = fit_to_budget(plan, 20.0, clock=lambda: NOW[0])
    # 4 s on each of 22 sources, less what measuring took.
    (choice,) = fitted.plugins
    assert choice.options == {"sample": 800}
    assert cut == ["slow: sample 4000 -> 800"]
    assert fitted.cut == ("to 20 s", "slow: sample 4000 -> 800")
    text = dump_config(fitted)
    assert "sample = 800" in text
    assert "budget" not in text
    again, nothing = fit_to_budget(make_plan(fitted, host, given={"s": source}), 1e6)
    assert nothing == []
    assert again.plugins == fitted.plugins


def test_same_counts_give_the_same_numbers(make_host: Callable[..., Any]) -> None:
    z = np.random.default_rng(0).normal(size=(3000, 4)).astype(np.float32)
    host = make_host()
    cut = la.run(z, plugins="moments", budget="10m", null_repeats=3, host=host)
    plain = la.run(z, plugins="moments", null_repeats=3, host=host)
    assert cut.outcome.config.cut == ()
    assert cut["moments"].data["moment"] == plain["moments"].data["moment"]


class Labeled(Slow):
    """Runs only where labels are."""

    name = "labeled"
    requires = frozenset({"labels"})


def test_all_cases_count_the_largest_with_all_their_points(
    make_host: Callable[..., Any],
) -> None:
    host = make_host(Slow, Labeled)
    small, large = ArraySource(np.ones((50, 2), np.float32)), tiny_source(8000)
    config = RunConfig(
        sources=("s", "t"), plugins=(PluginChoice(name="slow"), PluginChoice(name="labeled"))
    )
    plan = make_plan(config, host, given={"s": small, "t": large})
    fitted, _ = fit_to_budget(plan, 100.0, clock=lambda: NOW[0])
    slow, labeled = fitted.plugins
    assert slow.options == labeled.options
    assert 100 < slow.options["sample"] < 4000


def test_what_is_the_same_once_cut_runs_once(make_host: Callable[..., Any]) -> None:
    host, source = make_host(Slow), tiny_source(8000)
    plugins = tuple(PluginChoice(name="slow", options={"sample": n}) for n in (110, 120))
    plan = make_plan(RunConfig(sources=("s",), plugins=plugins), host, given={"s": source})
    fitted, _ = fit_to_budget(plan, 0.001, clock=lambda: NOW[0])
    assert [p.options for p in fitted.plugins] == [{"sample": 100}]
    assert make_plan(fitted, host, given={"s": source})


def test_nothing_chosen_stays_nothing_chosen(make_host: Callable[..., Any]) -> None:
    host, source = make_host(Slow), tiny_source(500)
    plan = make_plan(RunConfig(sources=("s",)), host, given={"s": source})
    assert fit_to_budget(plan, 1e6, clock=lambda: NOW[0])[0].plugins == ()
    assert fit_to_budget(plan, 1e-3, clock=lambda: NOW[0])[0].plugins != ()
