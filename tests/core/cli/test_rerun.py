"""``latent-analyze run``: config files, cached results, and failures."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import CommandLine

Bring = Callable[..., None]

QUICK = ("--plugins", "radius", "--null", "none")


class TestConfig:
    def test_the_run_toml_reruns_the_report(
        self, cli: CommandLine, bring: Bring, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bring("model.zarr")
        plugins = ("-p", "radius:bin_width=0.1,axis_density", "--set", "axis_density.bin_width=0.5")
        shown = ("--with", "uniform:b=1.5", "--null-repeats", "2", "--seed", "5", "--label", "x y")
        cli.works("run", "model.zarr", *plugins, *shown, "-o", "one")
        elsewhere = here / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        cli.works("run", "--config", "../one/run.toml", "-o", "two")
        for name in ("results.json", "run.toml"):
            assert (elsewhere / "two" / name).read_bytes() == (here / "one" / name).read_bytes()

    def test_it_says_all_that_was_given(self, cli: CommandLine, bring: Bring, here: Path) -> None:
        bring("points.npy")
        run = ("run", "points.npy", "-p", "radius:bin_width=0.5", "--with", "normal")
        cli.works(*run, "--null", "shuffled", "--null-repeats", "2", "--seed", "7")
        found = tomllib.loads((here / "latent-report" / "run.toml").read_text())
        assert found["sources"] == [str(here / "points.npy")]
        assert (found["with"], found["null"], found["label"]) == (
            ["normal"],
            ["shuffled"],
            ["data"],
        )
        assert (found["null_repeats"], found["seed"]) == (2, 7)
        assert found["plugins"] == [{"name": "radius", "options": {"bin_width": 0.5}}]

    def test_options_of_the_command_line_win(
        self, cli: CommandLine, bring: Bring, here: Path
    ) -> None:
        bring("points.npy")
        (here / "run.toml").write_text(
            'sources = ["points.npy"]\nseed = 3\nwith = ["normal"]\nnull_repeats = 2\n'
            '[[plugins]]\nname = "axis_density"\n'
        )
        given = ("--config", "run.toml", "--plugins", "radius", "--with", "uniform:b=2")
        (case,) = cli.cases(*given, "--null", "none")
        assert list(case["analyses"]) == ["radius"]
        assert list(case["sources"]) == ["data", "uniform:b=2"]
        assert case["nulls"] == {}
        written = tomllib.loads((here / "latent-report" / "run.toml").read_text())
        assert (written["seed"], written["null_repeats"]) == (3, 2)

    def test_seeds_matter_and_repeat(self, cli: CommandLine, bring: Bring) -> None:
        bring("points.npy")
        shown = ("points.npy", *QUICK, "--with", "normal")
        first, same, other = (
            cli.cases(*shown, "--seed", seed, "-o", f"report-{i}")[0]["analyses"]["radius"]
            for i, seed in enumerate((1, 1, 2))
        )
        assert first == same
        assert first["data"] == other["data"]
        assert first["normal"] != other["normal"]


class TestResults:
    def test_twenty_repeats_after_five_compute_fifteen(
        self, cli: CommandLine, bring: Bring, here: Path
    ) -> None:
        bring("points.npy")
        run = ("run", "points.npy", "--plugins", "radius")
        cli.works(*run, "--null-repeats", "5")
        members = here / "latent-report" / "results" / "data" / "radius" / "null-gaussian"
        first = {p.name: p.stat().st_mtime_ns for p in members.glob("*.json")}
        assert len(first) == 5
        cli.works(*run, "--null-repeats", "20")
        second = {p.name: p.stat().st_mtime_ns for p in members.glob("*.json")}
        assert len(second) == 20
        assert {name: second[name] for name in first} == first

    def test_they_are_the_same_from_the_files(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr")
        run = ("model.zarr", "--plugins", "radius", "--null-repeats", "2")
        assert cli.cases(*run) == cli.cases(*run)

    def test_a_report_replaces_an_older_one(
        self, cli: CommandLine, bring: Bring, here: Path
    ) -> None:
        bring("points.npy")
        cli.works("run", "points.npy", "--plugins", "radius,axis_density", "--null", "none")
        cli.works("run", "points.npy", *QUICK)
        figures = {p.name for p in (here / "latent-report" / "figures").iterdir()}
        assert figures
        assert not any("axis_density" in name for name in figures)

    def test_names_that_no_file_may_have(self, cli: CommandLine, bring: Bring, here: Path) -> None:
        bring("points.npy")
        cli.works("run", "points.npy", *QUICK, "--label", '../<b>&"CON:*?')
        names = {part for p in (here / "latent-report").rglob("*") for part in p.parts}
        assert not any(set(name) & set('<>:"\\|?*') for name in names)
        page = (here / "latent-report" / "report.html").read_text(encoding="utf-8")
        assert "<b>&" not in page
        assert "&lt;b&gt;&amp;" in page


TOY = '''
from latent_analyze.plugin import Analysis, hookimpl


class Failing(Analysis):
    """Divides by zero."""

    name = "failing"

    def run(self, frame, source, context):
        return 1 / 0


@hookimpl
def register_analyses():
    return [Failing]
'''


@pytest.fixture
def toy_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a plugin whose analysis fails, as any other distribution."""
    site = tmp_path / "site"
    info = site / "toy-1.2.dist-info"
    info.mkdir(parents=True)
    (site / "toy_that_fails.py").write_text(TOY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[latent_analyze]\ntoy = toy_that_fails\n")
    monkeypatch.syspath_prepend(site)


@pytest.mark.usefixtures("toy_plugin")
class TestFailures:
    def test_one_failing_analysis_loses_nothing_of_the_others(
        self, cli: CommandLine, bring: Bring, here: Path
    ) -> None:
        bring("points.npy")
        ran = cli("run", "points.npy", "--plugins", "failing,radius", "--null", "none")
        assert ran.code == 1
        assert ran.err == "  failed: failing: ZeroDivisionError: division by zero\n"
        assert "note: The z-points of data lie in a shell" in ran.out
        found = json.loads((here / "latent-report" / "results.json").read_text())["cases"][0]
        (failure,) = found["failures"]
        assert (failure["analysis"], failure["source"]) == ("failing", "data")
        assert found["analyses"]["radius"]["data"]["scalars"]["count"] == 200
        page = (here / "latent-report" / "report.html").read_text(encoding="utf-8")
        assert "ZeroDivisionError: division by zero" in page

    def test_json_holds_them_too(self, cli: CommandLine, bring: Bring) -> None:
        bring("points.npy")
        ran = cli("run", "points.npy", "--plugins", "failing,radius", "--null", "none", "--json")
        assert ran.code == 1
        assert ran.json["cases"][0]["failures"][0]["error"].startswith("ZeroDivisionError")

    def test_it_is_listed_with_its_distribution(self, cli: CommandLine) -> None:
        rows = cli.works("plugins", "list", "--json").json["plugins"]
        (toy,) = [row for row in rows if row["name"] == "failing"]
        assert toy == {
            "kind": "analysis", "name": "failing", "description": "Divides by zero.",
            "distribution": "toy 1.2",
        }  # fmt: skip
