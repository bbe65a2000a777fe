"""A stated time, turned once into counts: z-points, null members, sources beside the data.

Costs are measured on small counts; what fits is chosen from a few fixed steps. The counts go into
the config of the run, and with it into run.toml and the keys of kept results: a rerun reads them
there, and the clock decides nothing twice. The same seed and counts give the same bytes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.runs.config import ALL, PluginChoice
from latent_analyze.runs.engine import LocalEngine, RunContext, Task
from latent_analyze.runs.nulls import null_member
from latent_analyze.sources.views import SubsetSource

if TYPE_CHECKING:
    from latent_analyze.host.contracts import Analysis
    from latent_analyze.runs.config import RunConfig
    from latent_analyze.runs.plan import Case, Plan
    from latent_analyze.runs.selection import Choice
    from latent_analyze.sources.source import Source

STEPS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
"""Shares of the counts of z-points that are tried, in this order."""

MEMBERS = (19, 1, 0)
"""Members of a null ensemble that are tried once the z-points are as few as they may be: 19 are the
fewest that can be tested at 5 %, one is shown and not tested."""

PILOT_ROWS = (1024, 8192)
"""Rows of the two passes that are timed."""


@dataclass(frozen=True)
class Cost:
    """What one analysis costs on one source, in seconds.

    Attributes
    ----------
    key
        Of the analysis in the run.
    fixed, per_point, power
        fixed + per_point * points ** power.
    points
        Z-points that it looks at, as its options say.
    least
        Fewest that it may look at; the same as `points` where nothing can be cut.
    null_draws
        Whether it runs over every member of an ensemble, or over one draw only.
    """

    key: str
    fixed: float
    per_point: float
    power: float
    points: int
    least: int
    null_draws: bool

    def seconds(self, share: float) -> float:
        """Return what it costs with that share of its points."""
        points = max(self.least, math.ceil(share * self.points))
        return float(self.fixed + self.per_point * min(points, self.points) ** self.power)


@dataclass(frozen=True)
class Counts:
    """What fits into a budget.

    Attributes
    ----------
    share
        Of the z-points of every analysis that takes a sample.
    members
        Of each null ensemble.
    shown
        How many of the sources beside the data, the first ones.
    seconds
        What the run is expected to take.
    """

    share: float
    members: int
    shown: int
    seconds: float


def choose(
    costs: Sequence[Cost], budget: float, *, members: int, nulls: int, shown: int, draw: float
) -> Counts:
    """Return the first step that fits into `budget` seconds, or the last one.

    Fewer points come first, then fewer members of the nulls, then fewer sources beside the data.

    Parameters
    ----------
    members, nulls, shown
        Members of an ensemble, number of ensembles and sources beside the data, as asked for.
    draw
        Seconds that it takes to draw a member.
    """
    counts = Counts(1.0, members, shown, 0.0)
    for counts in _steps(members, shown, nulls):
        seconds = nulls * counts.members * draw
        for cost in costs:
            drawn = counts.members if cost.null_draws else min(counts.members, 1)
            seconds += cost.seconds(counts.share) * (1 + counts.shown + nulls * drawn)
        counts = replace(counts, seconds=seconds)
        if seconds <= budget:
            return counts
    return counts


def _steps(members: int, shown: int, nulls: int) -> Iterator[Counts]:
    for share in STEPS:
        yield Counts(share, members, shown, 0.0)
    fewer = [m for m in MEMBERS if m < members and nulls]
    for member in fewer:
        yield Counts(STEPS[-1], member, shown, 0.0)
    last = fewer[-1] if fewer else members
    for count in reversed(range(shown)):
        yield Counts(STEPS[-1], last, count, 0.0)


def fit_to_budget(
    plan: Plan, seconds: float, *, clock: Callable[[], float] = time.perf_counter
) -> tuple[RunConfig, list[str]]:
    """Return the config with counts that fit into a time, and what was cut.

    Parameters
    ----------
    plan
        What was asked for; its sources are open.
    clock
        Gives seconds; measured by it is what small counts cost.
    """
    began = clock()
    config = plan.config
    costs = [cost for case in plan.cases for cost in _costs(case, config, clock)]
    counts = choose(
        costs, max(seconds - (clock() - began), 0.0), members=config.null_repeats,
        nulls=len(config.nulls), shown=len(config.shown),
        draw=sum(_draw_cost(case, config.seed, clock) for case in plan.cases),
    )  # fmt: skip
    chosen = _chosen(plan)
    fitted = {key: _with_counts(*chosen[key], counts) for key in chosen}
    plugins = [fitted.get(p.name, fitted.get(p.text, p)) for p in config.plugins]
    if not plugins and counts.share < 1:
        plugins = [*fitted.values()]
    cut = list(_cuts(config, fitted, counts, [choice for choice, _ in chosen.values()]))
    kept = config.model_copy(
        update={
            # The same plugin with other counts may be the same one once they are cut.
            "plugins": tuple({plugin.text: plugin for plugin in plugins}.values()),
            "null_repeats": counts.members,
            "shown": config.shown[: counts.shown],
            "nulls": config.nulls if counts.members else (),
            "cut": (f"to {seconds:g} s", *cut) if cut else (),
        }
    )  # fmt: skip
    return kept, cut


def _chosen(plan: Plan) -> dict[str, tuple[Choice, Case]]:
    """Return the analyses of all cases by key, each with its case of most z-points."""
    cases = sorted(plan.cases, key=lambda case: case.reference.count)
    return {choice.key: (choice, case) for case in cases for choice in case.choices}


def _costs(case: Case, config: RunConfig, clock: Callable[[], float]) -> Iterator[Cost]:
    for choice in case.choices:
        cost_of = _streaming_cost if choice.make().is_streaming() else _sampled_cost
        cost = cost_of(choice, case, clock)
        asked = {ALL, choice.plugin.name} & set(config.calibrate)
        yield replace(cost, null_draws=cost.null_draws or bool(asked))


def _streaming_cost(choice: Choice, case: Case, clock: Callable[[], float]) -> Cost:
    few, many = (_first_rows(case.reference, n) for n in PILOT_ROWS)
    # Once without looking at the clock: kernels are compiled on first use.
    _seconds(choice, few, case, clock)
    low, high = (_best(choice, rows, case, clock) for rows in (few, many))
    per_row = max(high - low, 0.0) / max(many.count - few.count, 1)
    seconds = low + per_row * (case.reference.count - few.count)
    return Cost(choice.key, seconds, 0.0, 1.0, 0, 0, choice.make().cost == "light")


def _sampled_cost(choice: Choice, case: Case, clock: Callable[[], float]) -> Cost:
    points = max(counts_of(choice.make(), case.reference).values(), default=0)
    light = choice.make().cost == "light"
    least = max((few for few, _ in choice.plugin.cls.counts.values()), default=0)
    if not points or least >= points:
        seconds = _seconds(choice, case.reference, case, clock)
        return Cost(choice.key, seconds, 0.0, 1.0, points, points, light)
    small, large = least, min(4 * least, points)
    _seconds(_scaled_choice(choice, case, small / points), case.reference, case, clock)
    low, high = (
        _best(_scaled_choice(choice, case, n / points), case.reference, case, clock)
        for n in (small, large)
    )
    growth = math.log(max(high, 1e-6) / max(low, 1e-6)) / math.log(large / small)
    power = min(max(growth, 1.0), 2.0)
    return Cost(choice.key, 0.0, high / large**power, power, points, least, light)


def _best(choice: Choice, source: Source, case: Case, clock: Callable[[], float]) -> float:
    """Return the shorter of two times: what else the machine does makes times longer only."""
    return min(_seconds(choice, source, case, clock) for _ in range(2))


def _seconds(choice: Choice, source: Source, case: Case, clock: Callable[[], float]) -> float:
    """Return how long preparing and running takes; what fails here fails in the run as well."""
    began, analysis = clock(), choice.make()
    context = RunContext(case.reference, choice.key, case.shared)
    try:
        frame = analysis.prepare_with(case.reference, context)
    except Exception:
        # The run meets the same error, and reports it.
        return clock() - began
    LocalEngine().run([Task(choice.key, analysis, frame)], source, case.shared)
    return clock() - began


def _draw_cost(case: Case, seed: int, clock: Callable[[], float]) -> float:
    longest = 0.0
    for label, sampler in case.nulls.items():
        began = clock()
        # What fails here fails in the run as well, and is reported there.
        with suppress(Exception):
            member = null_member(sampler, case.reference, label=label, seed=seed, r=0)
            for block in member.blocks():
                member.read(block)
        longest = max(longest, clock() - began)
    return longest


def _first_rows(source: Source, count: int) -> Source:
    if source.count <= count:
        return source
    return SubsetSource(source, np.arange(count), source.label)


def counts_of(analysis: Analysis, reference: Source) -> dict[str, int]:
    """Return the options of an analysis that are counts of z-points, and what they stand for."""
    found = {}
    for name in type(analysis).counts:
        value, (_, usual) = getattr(analysis.options, name), type(analysis).counts[name]
        found[name] = min(value if isinstance(value, int) else usual, reference.count)
    return found


def _scaled_choice(choice: Choice, case: Case, share: float) -> Choice:
    return replace(choice, options=_scaled(choice, case, share))


def _scaled(choice: Choice, case: Case, share: float) -> Any:
    analysis = choice.make()
    values = analysis.options.model_dump(exclude_unset=True)
    for name, count in counts_of(analysis, case.reference).items():
        least = min(type(analysis).counts[name][0], count)
        values[name] = max(least, math.ceil(share * count))
    return choice.plugin.options(values)


def _with_counts(choice: Choice, case: Case, counts: Counts) -> PluginChoice:
    options = choice.options if counts.share == 1.0 else _scaled(choice, case, counts.share)
    return PluginChoice(
        name=choice.plugin.name, options=options.model_dump(mode="json", exclude_unset=True)
    )


def _cuts(
    config: RunConfig,
    fitted: Mapping[str, PluginChoice],
    counts: Counts,
    choices: Sequence[Choice],
) -> Iterator[str]:
    for choice in choices:
        before: Mapping[str, Any] = choice.options.model_dump(mode="json")
        plugin = fitted[choice.key]
        for name in choice.plugin.cls.counts:
            if name in plugin.options and plugin.options[name] != before[name]:
                yield f"{choice.key}: {name} {before[name]} -> {plugin.options[name]}"
    if counts.members < config.null_repeats:
        yield f"members of each null: {config.null_repeats} -> {counts.members}"
    for text in config.shown[counts.shown :]:
        yield f"not shown beside the data: {text}"
