"""``latent-analyze run``: what it prints, what it writes, what it computes again."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import CommandLine

from latent_analyze.testing import tiny_source

Bring = Callable[..., None]

QUICK = ("--plugins", "radius", "--null", "none")


def cases(cli: CommandLine, *arguments: object) -> list[dict[str, Any]]:
    """Return the cases that a run prints as JSON."""
    found = cli.works("run", *arguments, "--json").json
    assert found["schema"] == 1
    return found["cases"]


class TestJson:
    def test_its_shape(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr")
        shown = ("--with", "uniform:b=1.5", "--null-repeats", "3")
        (case,) = cases(cli, "model.zarr", "--plugins", "radius,axis_density", *shown)
        assert {"reference", "analyses", "findings", "nulls", "failures"} <= case.keys()
        assert case["reference"] == "data"
        assert case["analyses"].keys() == {"radius", "axis_density"}
        for by_source in case["analyses"].values():
            assert by_source.keys() == {"data", "uniform:b=1.5"}
            assert all(result["scalars"] for result in by_source.values())
        scalars = case["analyses"]["radius"]["data"]["scalars"]
        assert isinstance(scalars["mean"], float)
        assert isinstance(scalars["mode"], float)
        assert case["failures"] == []
        assert {"analysis", "severity", "text", "numbers"} == case["findings"][0].keys()
        calibrated = case["nulls"]["gaussian"]["analyses"]["radius"]
        assert calibrated
        assert all(entry["repeats"] == 3 for entry in calibrated.values())

    def test_it_is_the_file(self, cli: CommandLine, bring: Bring, here: Path) -> None:
        bring("points.npy")
        ran = cli.works("run", "points.npy", *QUICK, "--json")
        assert ran.out.encode() == (here / "latent-report" / "results.json").read_bytes()
        assert ran.err == ""

    def test_numbers_that_json_does_not_know(self, cli: CommandLine, here: Path) -> None:
        np.save(here / "alike.npy", np.ones((50, 4), np.float32))
        (case,) = cases(cli, "alike.npy", "--plugins", "radius,axis_density", "--null", "none")
        flat = [
            value
            for by_source in case["analyses"].values()
            for value in by_source["data"]["scalars"].values()
        ]
        assert all(not isinstance(v, float) or math.isfinite(v) for v in flat)

    def test_findings_are_printed_without_it(self, cli: CommandLine, bring: Bring) -> None:
        bring("points.npy")
        ran = cli.works("run", "points.npy", *QUICK)
        first, *findings, last = ran.out.splitlines()
        assert first == "data: 200 z-points, 4 dimensions"
        assert findings
        assert all(line.startswith("  note: ") for line in findings)
        assert last == "report: latent-report/report.html"


class TestLabels:
    def test_one_store_is_data_and_several_have_names(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr", "wide.zarr")
        assert [c["reference"] for c in cases(cli, "wide.zarr", *QUICK)] == ["data"]
        found = cases(cli, "model.zarr", "wide.zarr", *QUICK, "-o", "two")
        assert [c["reference"] for c in found] == ["model", "wide"]
        assert [c["sources"][c["reference"]]["dim"] for c in found] == [4, 6]
        labels = ("--label", "narrow", "--label", "broad")
        found = cases(cli, "model.zarr", "wide.zarr", *labels, *QUICK, "-o", "three")
        assert [c["reference"] for c in found] == ["narrow", "broad"]

    def test_samplers_are_their_text(self, cli: CommandLine, bring: Bring) -> None:
        bring("points.npy")
        shown = ("--with", "uniform:b=1.5,normal", "--with", "sphere:radius=2")
        (case,) = cases(cli, "points.npy", *QUICK, *shown)
        expected = ["data", "uniform:b=1.5", "normal", "sphere:radius=2"]
        assert list(case["analyses"]["radius"]) == expected

    def test_subsets_and_posterior_draws_say_so(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr")
        (case,) = cases(cli, "model.zarr[split=test]@posterior", *QUICK)
        assert case["reference"] == "data[split=test]@posterior"
        assert case["sources"][case["reference"]]["count"] == 48
        (case,) = cases(cli, "model.zarr[split=train]", *QUICK, "--with", "posterior")
        assert list(case["sources"]) == ["data[split=train]", "posterior"]
        assert case["sources"]["posterior"]["count"] == 192


class TestSources:
    def test_without_one_it_takes_the_store_in_this_folder(
        self, cli: CommandLine, bring: Bring, here: Path
    ) -> None:
        bring("model.zarr")
        (here / "model.zarr").rename(here / "latents.zarr")
        (case,) = cases(cli, *QUICK)
        assert case["sources"]["data"]["count"] == 240

    def test_a_store_of_another_model_beside(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr", "other.zarr")
        (case,) = cases(cli, "model.zarr", "--with", "other.zarr", *QUICK)
        assert list(case["analyses"]["radius"]) == ["data", "other"]
        means = [r["scalars"]["mean"] for r in case["analyses"]["radius"].values()]
        assert means[0] != means[1]

    def test_a_case_shows_what_has_its_dimensions(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr", "wide.zarr", "points.npy")
        both = cases(cli, "model.zarr", "wide.zarr", "--with", "points.npy", *QUICK)
        assert [list(c["sources"]) for c in both] == [["model", "points"], ["wide"]]

    def test_a_model_and_data_are_encoded_first(
        self, cli: CommandLine, bring: Bring, here: Path
    ) -> None:
        bring("model", "images.npz")
        given = ("--model", "model", "--data", "images.npz", *QUICK, "-o", "report")
        (first,) = cases(cli, *given)
        assert first["sources"]["data"]["count"] == 240
        store = here / "report" / "latents.zarr"
        written = (store / "zarr.json").stat().st_mtime_ns
        (again,) = cases(cli, *given)
        assert again == first
        assert (store / "zarr.json").stat().st_mtime_ns == written

    def test_samplers_stand_on_their_own(self, cli: CommandLine) -> None:
        (case,) = cases(cli, "normal:dim=3:count=500", *QUICK)
        assert case["sources"]["data"] | {"fingerprint": ""} == {
            "count": 500, "dim": 3, "fingerprint": "",
        }  # fmt: skip


class TestPlugins:
    def test_one_plugin_twice(self, cli: CommandLine, bring: Bring) -> None:
        bring("points.npy")
        plugins = "radius:bin_width=0.05,radius:bin_width=0.5,axis_density"
        (case,) = cases(cli, "points.npy", "--plugins", plugins, "--null", "none")
        assert list(case["analyses"]) == [
            "radius:bin_width=0.05", "radius:bin_width=0.5", "axis_density",
        ]  # fmt: skip
        widths = [
            case["analyses"][f"radius:bin_width={w}"]["data"]["scalars"]["bin_width"]
            for w in (0.05, 0.5)
        ]
        assert widths == [0.05, 0.5]

    def test_settings_win_over_inline_options(self, cli: CommandLine, bring: Bring) -> None:
        bring("points.npy")
        inline = ("--plugins", "radius:bin_width=0.05", "--null", "none")
        (case,) = cases(cli, "points.npy", *inline, "--set", "radius.bin_width=0.5")
        assert case["analyses"]["radius"]["data"]["scalars"]["bin_width"] == 0.5

    def test_what_is_left_out(self, cli: CommandLine, bring: Bring, here: Path) -> None:
        bring("points.npy")
        ran = cli.works("run", "points.npy", "-p", "radius,random_decode", "--null", "none")
        assert "left out: random_decode needs decoder: the source has no model" in ran.out
        found = json.loads((here / "latent-report" / "results.json").read_text())
        (left_out,) = [e for e in found["cases"][0]["left_out"] if e["analysis"] == "random_decode"]
        assert "encode a store, or give --model" in left_out["reason"]
        page = (here / "latent-report" / "report.html").read_text(encoding="utf-8")
        assert left_out["reason"] in page

    def test_the_model_of_a_store_decodes(self, cli: CommandLine, bring: Bring) -> None:
        bring("model", "images.npz")
        cli.works("encode", "model", "images.npz")
        (case,) = cases(cli, "--plugins", "random_decode", "--null", "none")
        assert case["left_out"] == []
        assert "data" in case["analyses"]["random_decode"]

    def test_vectors_decode_with_a_model_that_is_given(
        self, cli: CommandLine, bring: Bring
    ) -> None:
        bring("model", "points.npy")
        given = ("--model", "model", "--plugins", "random_decode", "--null", "none")
        (case,) = cases(cli, "points.npy", *given)
        assert case["left_out"] == []

    def test_a_changed_model_is_told(self, cli: CommandLine, bring: Bring, here: Path) -> None:
        bring("model", "other", "images.npz")
        cli.works("encode", "model", "images.npz")
        (here / "model").rename(here / "old")
        (here / "other").rename(here / "model")
        ran = cli("run", "--plugins", "radius,random_decode", "--null", "none", "--json")
        (case,) = ran.json["cases"]
        assert ran.code == 1
        assert case["failures"][0]["analysis"] == "random_decode"
        assert "the model that the store was made with" in case["failures"][0]["error"]
        assert case["analyses"]["radius"]["data"]["scalars"]["count"] == 240


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
        (case,) = cases(cli, *given, "--null", "none")
        assert list(case["analyses"]) == ["radius"]
        assert list(case["sources"]) == ["data", "uniform:b=2"]
        assert case["nulls"] == {}
        written = tomllib.loads((here / "latent-report" / "run.toml").read_text())
        assert (written["seed"], written["null_repeats"]) == (3, 2)

    def test_seeds_matter_and_repeat(self, cli: CommandLine, bring: Bring) -> None:
        bring("points.npy")
        shown = ("points.npy", *QUICK, "--with", "normal")
        first, same, other = (
            cases(cli, *shown, "--seed", seed, "-o", f"report-{i}")[0]["analyses"]["radius"]
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
        assert cases(cli, *run) == cases(cli, *run)

    def test_a_report_takes_the_place_of_an_older_one(
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
from latent_analyze import Analysis, hookimpl


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


def test_points_in_memory_order_do_not_matter(cli: CommandLine, here: Path) -> None:
    z = tiny_source(200, 4).z
    np.save(here / "c.npy", z)
    np.save(here / "f.npy", np.asfortranarray(z))
    (c,), (f,) = (cases(cli, name, *QUICK, "-o", f"r-{name}") for name in ("c.npy", "f.npy"))
    assert c["analyses"] == f["analyses"]
