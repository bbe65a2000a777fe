import errno
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from latent_analyze import StoreError
from latent_analyze.report import draw_figures, write_report
from latent_analyze.runs.config import load_config, make_config
from latent_analyze.runs.outcome import describe


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_folder_holds_page_numbers_settings_and_figures(make_outcome, tmp_path):
    outcome = make_outcome(labels=["first", "second"])
    folder = tmp_path / "deep" / "report"
    assert write_report(outcome, folder) == folder / "report.html"
    assert set(tree(folder)) == {
        "report.html",
        "results.json",
        "run.toml",
        "figures/first-spread-curve.png",
        "figures/second-spread-curve.png",
    }


def test_results_are_strict_json_of_the_schema(make_outcome, tmp_path):
    outcome = make_outcome(**{"with": ["uniform:b=1"]})
    write_report(outcome, tmp_path / "r")

    def refuse(constant):
        raise AssertionError(constant)

    text = (tmp_path / "r" / "results.json").read_text(encoding="utf-8")
    data = json.loads(text, parse_constant=refuse)
    assert data["schema"] == 1
    (case,) = data["cases"]
    assert case["reference"] == "data"
    assert set(case) >= {"analyses", "findings", "nulls", "failures"}
    assert set(case["analyses"]["spread"]) == {"data", "uniform:b=1"}
    scalars = case["analyses"]["spread"]["data"]["scalars"]
    assert scalars["undefined"] is None
    assert scalars["n"] == 200
    assert scalars["kurtosis"] == describe(outcome)["cases"][0]["analyses"]["spread"]["data"][
        "scalars"
    ]["kurtosis"]  # fmt: skip
    assert case["nulls"]["gaussian"]["repeats"] == 20


def test_run_toml_reruns_the_run(make_outcome, tmp_path):
    outcome = make_outcome(seed=3)
    write_report(outcome, tmp_path / "r")
    assert make_config(load_config(tmp_path / "r" / "run.toml")) == outcome.config
    assert tomllib.loads((tmp_path / "r" / "run.toml").read_text(encoding="utf-8"))["seed"] == 3


def test_a_failed_plot_reaches_the_numbers(make_outcome, toy_analyses, tmp_path):
    outcome, figures = draw_figures(make_outcome(toy_analyses.FailsToDraw))
    assert outcome.failed
    write_report(outcome, tmp_path / "given", figures)
    write_report(make_outcome(toy_analyses.FailsToDraw), tmp_path / "drawn")
    for name in ("given", "drawn"):
        data = json.loads((tmp_path / name / "results.json").read_text(encoding="utf-8"))
        assert data["cases"][0]["failures"] == [
            {
                "analysis": "fails_to_draw",
                "source": "figures",
                "error": "RuntimeError: no <i>ink</i>",
            }
        ]


def test_figures_of_an_earlier_run_go_and_all_else_stays(make_outcome, toy_analyses, tmp_path):
    folder = tmp_path / "r"
    write_report(make_outcome(toy_analyses.Spread, toy_analyses.FailsToDraw), folder)
    kept = {
        "figures/mine.png": b"\x89PNG of my own",
        "figures/mine.svg": b"<svg/>",
        "results/data/spread/data.json": b"{}",
        "latents.zarr/zarr.json": b"{}",
    }
    for name, content in kept.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    write_report(make_outcome(), folder)
    found = tree(folder)
    assert "figures/data-fails_to_draw-whole.png" not in found
    assert "figures/data-spread-curve.png" in found
    assert {name: found[name] for name in kept} == kept


def test_the_same_outcome_gives_the_same_bytes(make_outcome, tmp_path):
    outcome = make_outcome()
    for name in ("one", "two"):
        write_report(outcome, tmp_path / name)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


@pytest.mark.parametrize("part", ["curve.png", "run.toml", "results.json", "report.html"])
def test_a_full_disk_leaves_the_old_report_and_no_half_file(
    make_outcome, tmp_path, monkeypatch, part
):
    folder = tmp_path / "r"
    outcome = make_outcome()
    write_report(outcome, folder)
    before = tree(folder)
    stem, suffix = part.split(".")
    written = Path.open

    def full(self, mode="r", *args, **kwargs):
        if "w" in mode and stem in self.name and self.suffix == f".{suffix}":
            written(self, mode, *args, **kwargs).close()
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    changed = replace(outcome, versions={**outcome.versions, "other": "1"})
    with pytest.raises(StoreError, match="No space left on device; make room") as caught:
        write_report(changed, folder)
    monkeypatch.undo()
    assert caught.value.exit_code == 2
    after = tree(folder)
    assert set(after) == set(before)
    assert after["report.html"] == before["report.html"]


def test_a_file_in_the_way_is_a_one_line_error(make_outcome, tmp_path):
    (tmp_path / "r").write_text("in the way")
    with pytest.raises(StoreError, match="choose another place with -o"):
        write_report(make_outcome(), tmp_path / "r")
    assert (tmp_path / "r").read_text() == "in the way"
