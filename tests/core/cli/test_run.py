"""``latent-analyze run``: output, labels, sources and plugins."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from command_line import CommandLine

from latent_analyze.testing import tiny_source

Bring = Callable[..., None]

QUICK = ("--plugins", "radius", "--null", "none")


class TestJson:
    def test_its_shape(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr")
        shown = ("--with", "uniform:b=1.5", "--null-repeats", "3")
        (case,) = cli.cases("model.zarr", "--plugins", "radius,axis_density", *shown)
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
        (case,) = cli.cases("alike.npy", "--plugins", "radius,axis_density", "--null", "none")
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
        assert first == "data: 200 z-points of 4 dimensions"
        assert findings
        assert all(line.startswith("  note: ") for line in findings)
        assert last == "report: latent-report/report.html"


class TestLabels:
    def test_one_store_is_data_and_several_have_names(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr", "wide.zarr")
        assert [c["reference"] for c in cli.cases("wide.zarr", *QUICK)] == ["data"]
        found = cli.cases("model.zarr", "wide.zarr", *QUICK, "-o", "two")
        assert [c["reference"] for c in found] == ["model", "wide"]
        assert [c["sources"][c["reference"]]["dim"] for c in found] == [4, 6]
        labels = ("--label", "narrow", "--label", "broad")
        found = cli.cases("model.zarr", "wide.zarr", *labels, *QUICK, "-o", "three")
        assert [c["reference"] for c in found] == ["narrow", "broad"]

    def test_samplers_are_their_text(self, cli: CommandLine, bring: Bring) -> None:
        bring("points.npy")
        shown = ("--with", "uniform:b=1.5,normal", "--with", "sphere:radius=2")
        (case,) = cli.cases("points.npy", *QUICK, *shown)
        expected = ["data", "uniform:b=1.5", "normal", "sphere:radius=2"]
        assert list(case["analyses"]["radius"]) == expected

    def test_subsets_and_posterior_draws_say_so(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr")
        (case,) = cli.cases("model.zarr[split=test]@posterior", *QUICK)
        assert case["reference"] == "data[split=test]@posterior"
        assert case["sources"][case["reference"]]["count"] == 48
        (case,) = cli.cases("model.zarr[split=train]", *QUICK, "--with", "posterior")
        assert list(case["sources"]) == ["data[split=train]", "posterior"]
        assert case["sources"]["posterior"]["count"] == 192


class TestSources:
    def test_without_one_it_takes_the_store_in_this_folder(
        self, cli: CommandLine, bring: Bring, here: Path
    ) -> None:
        bring("model.zarr")
        (here / "model.zarr").rename(here / "latents.zarr")
        (case,) = cli.cases(*QUICK)
        assert case["sources"]["data"]["count"] == 240

    def test_a_store_of_another_model_beside(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr", "other.zarr")
        (case,) = cli.cases("model.zarr", "--with", "other.zarr", *QUICK)
        assert list(case["analyses"]["radius"]) == ["data", "other"]
        means = [r["scalars"]["mean"] for r in case["analyses"]["radius"].values()]
        assert means[0] != means[1]

    def test_a_case_shows_what_has_its_dimensions(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr", "wide.zarr", "points.npy")
        both = cli.cases("model.zarr", "wide.zarr", "--with", "points.npy", *QUICK)
        assert [list(c["sources"]) for c in both] == [["model", "points"], ["wide"]]

    def test_a_model_and_data_are_encoded_first(
        self, cli: CommandLine, bring: Bring, here: Path
    ) -> None:
        bring("model", "images.npz")
        given = ("--model", "model", "--data", "images.npz", *QUICK, "-o", "report")
        (first,) = cli.cases(*given)
        assert first["sources"]["data"]["count"] == 240
        store = here / "report" / "latents.zarr"
        written = (store / "zarr.json").stat().st_mtime_ns
        (again,) = cli.cases(*given)
        assert again == first
        assert (store / "zarr.json").stat().st_mtime_ns == written

    def test_samplers_without_data(self, cli: CommandLine) -> None:
        (case,) = cli.cases("normal:dim=3:count=500", *QUICK)
        assert case["sources"]["data"] | {"fingerprint": ""} == {
            "count": 500, "dim": 3, "fingerprint": "",
        }  # fmt: skip


class TestPlugins:
    def test_one_plugin_twice(self, cli: CommandLine, bring: Bring) -> None:
        bring("points.npy")
        plugins = "radius:bin_width=0.05,radius:bin_width=0.5,axis_density"
        (case,) = cli.cases("points.npy", "--plugins", plugins, "--null", "none")
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
        (case,) = cli.cases("points.npy", *inline, "--set", "radius.bin_width=0.5")
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
        (case,) = cli.cases("--plugins", "random_decode", "--null", "none")
        assert case["left_out"] == []
        assert "data" in case["analyses"]["random_decode"]

    def test_vectors_decode_with_a_model_that_is_given(
        self, cli: CommandLine, bring: Bring
    ) -> None:
        bring("model", "points.npy")
        given = ("--model", "model", "--plugins", "random_decode", "--null", "none")
        (case,) = cli.cases("points.npy", *given)
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


def test_points_in_memory_order_do_not_matter(cli: CommandLine, here: Path) -> None:
    z = tiny_source(200, 4).z
    np.save(here / "c.npy", z)
    np.save(here / "f.npy", np.asfortranarray(z))
    (c,), (f,) = (cli.cases(name, *QUICK, "-o", f"r-{name}") for name in ("c.npy", "f.npy"))
    assert c["analyses"] == f["analyses"]
