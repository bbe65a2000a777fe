"""The trial as a whole: what is tried in which order, what drops out, and how long it takes."""

from __future__ import annotations

import numpy as np
import pytest
from signature_models import RAW, SIGNED, UNIT, Format, World, found, opened, write_pair

from latent_analyze import ModelError
from latent_analyze_adapters.models.signatures import encoders, trial
from latent_analyze_adapters.models.signatures.race import BUDGET, MOST_ROUTES, ROUNDS, Race
from latent_analyze_adapters.models.signatures.runs import Speed, speed_of

GRAY = World(count=400)
COLOR = World(shape=(8, 6, 3), middle=(0.25, 0.4, 0.55), count=400)
SLOW = 0.02
"""Seconds per row of a costly model."""


@pytest.fixture
def races(monkeypatch):
    """Return the outcomes of all trials, and the rows of each round trip as it was tried."""
    outcomes, tries = [], []
    run, try_ = Race.run, Race._try

    def kept(self):
        outcomes.append(run(self))
        return outcomes[-1]

    def counted(self, routes, rows):
        tries.append((rows, len(routes)))
        return try_(self, routes, rows)

    monkeypatch.setattr(Race, "run", kept)
    monkeypatch.setattr(Race, "_try", counted)
    return outcomes, tries


def spread(net, mu):
    return net.op("Sub", net.op("Mul", mu, net.const(0.1)), net.const(4.0))


def mean(net, mu):
    del net
    return mu


OPEN = {
    "gray": (GRAY, UNIT, {"a": spread, "b": mean}),
    "color": (COLOR, SIGNED, {"a": spread, "b": mean}),
    "flat color": (COLOR, Format(2.0, -1.0, "flat-CHW"), {"mu": mean}),
    "bytes": (GRAY, RAW, {"mu": mean, "logvar": spread}),
}
"""Models that leave all open."""


@pytest.mark.parametrize("name", OPEN)
def test_a_costly_model_keeps_to_the_budget(tmp_path, take, races, name):
    world, form, heads = OPEN[name]
    folder = write_pair(tmp_path, world, form, **heads)
    take(SLOW)
    signature = found(folder, world.sample())
    ((outcome,), _) = races
    assert outcome.seconds <= BUDGET
    assert outcome.rows >= 16
    assert signature.explained > 0.99


@pytest.mark.parametrize("name", OPEN)
def test_the_speed_of_a_machine_changes_nothing(tmp_path, take, name):
    world, form, heads = OPEN[name]
    folder = write_pair(tmp_path, world, form, **heads)
    bundles = []
    for seconds in (0.0, SLOW / 10, SLOW, 10 * SLOW):
        take(seconds)
        bundles.append(found(folder, world.sample()).bundle)
    assert all(bundle == bundles[0] for bundle in bundles)


@pytest.mark.parametrize("name", OPEN)
def test_what_is_stated_wrongly_shares_the_budget(tmp_path, take, races, name):
    """Beside it, all is tried."""
    world, form, heads = OPEN[name]
    folder = write_pair(tmp_path, world, form, **heads)
    wrong = "[0,255]" if form is UNIT else "[0,1]"
    take(SLOW)
    signature = found(folder, world.sample(), range=wrong)
    (first, second), _ = races
    assert first.seconds <= BUDGET / 4
    assert first.seconds + second.seconds <= BUDGET
    assert "What is stated about the model" in signature.problem


def test_rounds_have_more_rows_and_fewer_round_trips(tmp_path, races):
    found(write_pair(tmp_path, GRAY, SIGNED, a=spread, b=mean), GRAY.sample())
    _, tries = races
    rows = [n for n, _ in tries]
    assert rows == sorted(rows)
    assert sorted(set(rows)) == list(ROUNDS)
    later = [count for n, count in tries if n > ROUNDS[0]]
    assert later == sorted(later, reverse=True)
    assert later[0] <= MOST_ROUTES


def test_the_first_round_is_run_whatever_it_costs(tmp_path, take, races):
    take(1000.0)
    signature = found(write_pair(tmp_path, GRAY, SIGNED), GRAY.sample())
    assert (signature.rows, signature.bundle.encoder.range) == (8, (-1.0, 1.0))


def test_what_dropped_out_is_shown_with_what_it_would_explain(tmp_path):
    """Its score is that of fewer rows, moved as the choice's is: candidates can be compared."""
    world = World(count=400, noise=0.02)
    signature = found(write_pair(tmp_path, world, SIGNED), world.sample())
    shares = [c.explained for c in signature.candidates]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(signature.explained)
    assert len(shares) == 10


def test_counted_seconds_are_those_of_the_calls(tmp_path, take, races, monkeypatch):
    """Every row that an encoder or decoder runs on is counted, and nothing else."""
    ran = {"rows": 0}
    for module in (encoders, trial):
        original = module.run_outputs

        def run(session, plan, names, *, rows, columns, original=original):
            ran["rows"] += len(rows)
            return original(session, plan, names, rows=rows, columns=columns)

        monkeypatch.setattr(module, "run_outputs", run)
    take(SLOW)
    found(write_pair(tmp_path, GRAY, SIGNED, a=spread, b=mean), GRAY.sample())
    ((outcome,), _) = races
    assert outcome.seconds == pytest.approx(ran["rows"] * SLOW)


def test_few_rows(tmp_path):
    for count in (2, 5, 8, 20):
        signature = found(write_pair(tmp_path, GRAY), GRAY.sample(x=GRAY.x[:count]))
        assert signature.rows == count


class TestSpeed:
    def plan(self, tmp_path):
        return opened(write_pair(tmp_path, GRAY), GRAY.sample())._networks["encoder"].plan

    def timed(self, monkeypatch, seconds_of):
        """Return `speed_of` with a clock that `seconds_of` a number of rows moves."""
        clock = {"now": 0.0}
        monkeypatch.setattr(
            "latent_analyze_adapters.models.signatures.runs.perf_counter", lambda: clock["now"]
        )

        def run(rows):
            clock["now"] += seconds_of(rows)

        return run

    def test_calls_and_rows(self, tmp_path, monkeypatch):
        run = self.timed(monkeypatch, lambda rows: 0.5 + 0.01 * rows)
        speed = speed_of(run, self.plan(tmp_path))
        assert (speed.call, speed.row) == pytest.approx((0.5, 0.01))
        assert speed.seconds(64) == pytest.approx(0.5 + 0.64)
        assert speed.seconds(300) == pytest.approx(5 * 0.5 + 3)
        assert speed.seconds(0) == 0

    def test_the_shortest_of_several_short_calls(self, tmp_path, monkeypatch):
        calls = iter([0.009, 0.001, 0.003] * 10)
        run = self.timed(monkeypatch, lambda rows: next(calls))
        speed = speed_of(run, self.plan(tmp_path))
        assert speed.seconds(8) == pytest.approx(0.001)

    def test_row_by_row(self):
        assert Speed(0.1, 0.0, 1).seconds(30) == pytest.approx(3.0)


def test_the_way_in_is_found_from_another_one(tmp_path):
    """Published moments that are like each other are tried by one of them first."""
    rates, centers = np.array([0.26862954, 0.26130258, 0.27577711]), (0.4815, 0.4578, 0.4082)
    world = World(shape=(8, 6, 3), middle=(0.4, 0.5, 0.45), spread=1.0, count=300)
    form = Format(tuple(1 / rates), tuple(-np.array(centers) / rates))
    signature = found(write_pair(tmp_path, world, form), world.sample())
    assert signature.bundle.encoder.std == pytest.approx(tuple(rates))
    assert signature.bundle.encoder.mean == pytest.approx(centers, abs=1e-3)


def test_nothing_is_returned_for_each_row(tmp_path, monkeypatch):
    """A decoder that fails in the trial although it ran when it was opened."""
    folder = write_pair(tmp_path, GRAY)
    monkeypatch.setattr("latent_analyze_adapters.models.signatures.trial.Route.decode",
                        lambda self, mu, columns: None)  # fmt: skip
    with pytest.raises(ModelError, match="one row for each z-point"):
        found(folder, GRAY.sample())
