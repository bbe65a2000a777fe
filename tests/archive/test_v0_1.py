"""What version 0.1 wrote is opened by this version: store, bundle, report folder and run.toml."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import latent_analyze as la
from latent_analyze.cli import main

ARCHIVE = Path(__file__).parent / "v0_1"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to write to; the paths of its run.toml are relative to it."""
    copy = Path(shutil.copytree(ARCHIVE, tmp_path / "archive"))
    monkeypatch.chdir(copy)
    return copy


def results(folder: Path) -> dict[str, Any]:
    (case,) = json.loads((folder / "results.json").read_text(encoding="utf-8"))["cases"]
    return case


def assert_same_numbers(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert one["analyses"].keys() == two["analyses"].keys()
    for name, sources in one["analyses"].items():
        assert sources.keys() == two["analyses"][name].keys()
        for label, result in sources.items():
            other = two["analyses"][name][label]
            assert result["scalars"].keys() == other["scalars"].keys()
            for scalar, value in result["scalars"].items():
                assert other["scalars"][scalar] == pytest.approx(value, rel=1e-6), scalar


def test_the_store_opens_whole() -> None:
    store = la.open_store(ARCHIVE / "store.zarr")
    assert (store.count, store.dim) == (60, 3)
    assert {"mu", "log_var", "id", "label:digit", "label:split"} <= store.fields
    batch = store.sample(60, 0, frozenset({"z", "log_var", "id", "label:digit"}))
    assert np.isfinite(batch.z).all()
    assert len(set(batch.ids.tolist())) == 60


def test_the_bundle_opens_and_decodes() -> None:
    found = la.inspect(ARCHIVE / "bundle", "digits:limit=20")
    assert (found.spec.dim, found.spec.can_encode, found.spec.can_decode) == (3, True, True)
    assert max(found.runtime.values()) < 1e-4
    assert not found.problems


def test_the_run_is_repeated_with_the_same_numbers(archive: Path) -> None:
    assert run("--config", "run.toml", "-o", "again") == 0
    assert_same_numbers(results(archive / "report"), results(archive / "again"))


def test_a_report_folder_takes_the_next_run(archive: Path) -> None:
    before = results(archive / "report")
    # The store and the model have moved since.
    moved = ("store.zarr", "--model", "bundle")
    assert run(*moved, "--config", "report/run.toml", "-o", "report") == 0
    assert_same_numbers(before, results(archive / "report"))
    assert (archive / "report" / "report.html").is_file()


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["run", *arguments, "--quiet"])
    return int(ended.value.code or 0)
