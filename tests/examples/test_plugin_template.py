"""The third-party plugin: built, installed, found, run by name, calibrated and reported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TEMPLATE = Path(__file__).parents[2] / "examples" / "plugin-template"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the template's wheel into a folder of its own."""
    folder = tmp_path_factory.mktemp("template")
    ignore = shutil.ignore_patterns("__pycache__", "dist", "*.egg-info")
    copy = shutil.copytree(TEMPLATE, folder / "source", ignore=ignore)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    options = ["--no-build-isolation", "--disable-pip-version-check"]
    target = folder / "target"
    subprocess.run([*command, *options, "--target", str(target), str(copy)], check=True)
    return target


def python(installed: Path, cwd: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    process = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, env=environment
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def program(installed: Path, cwd: Path, *arguments: str) -> str:
    return python(installed, cwd, "-m", "latent_analyze", *arguments)


@pytest.fixture(scope="module")
def report(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    np.save(folder / "points.npy", np.random.default_rng(0).laplace(size=(3000, 4)))
    program(
        installed, folder, "run", "points.npy", "--plugins", "kurtosis:threshold=0.5",
        "--with", "uniform:b=1.5,laplace", "--null", "gaussian", "--null-repeats", "5", "-o", "out",
    )  # fmt: skip
    return folder / "out"


@pytest.fixture(scope="module")
def case(report: Path) -> dict[str, Any]:
    (found,) = json.loads((report / "results.json").read_text(encoding="utf-8"))["cases"]
    return found


def test_it_is_listed(installed: Path, tmp_path: Path) -> None:
    listed = program(installed, tmp_path, "plugins", "list")
    for line in ("kurtosis", "laplace"):
        assert any(
            line in row and "latent-analyze-kurtosis 0.1.0" in row for row in listed.splitlines()
        )
    assert "radius" in listed


def test_its_options_are_shown(installed: Path, tmp_path: Path) -> None:
    shown = program(installed, tmp_path, "plugins", "show", "kurtosis")
    assert "threshold = 1.0  [float > 0]" in shown
    assert "kurtosis above which an axis is heavy" in shown


def test_it_is_not_there_without_being_installed(tmp_path: Path) -> None:
    assert "kurtosis" not in program(tmp_path, tmp_path, "plugins", "list")


def test_its_numbers_are_in_the_results(case: dict[str, Any]) -> None:
    kurtosis = case["analyses"]["kurtosis"]
    assert set(kurtosis) == {"data", "uniform:b=1.5", "laplace"}
    assert kurtosis["data"]["scalars"]["mean"] == pytest.approx(3.0, abs=0.8)
    assert kurtosis["laplace"]["scalars"]["mean"] == pytest.approx(3.0, abs=0.8)
    assert kurtosis["uniform:b=1.5"]["scalars"]["mean"] == pytest.approx(-1.2, abs=0.1)
    assert kurtosis["data"]["scalars"]["heavy_axes"] == 4
    assert case["failures"] == []


def test_it_gets_its_null_band(case: dict[str, Any]) -> None:
    null = case["nulls"]["gaussian"]
    assert null["repeats"] == 5
    mean = null["analyses"]["kurtosis"]["mean"]
    assert mean["repeats"] == 5
    assert mean["mean"] == pytest.approx(0.0, abs=0.3)
    assert mean["p_value"] == pytest.approx(1 / 6)


def test_it_has_its_place_in_the_report(report: Path) -> None:
    page = (report / "report.html").read_text(encoding="utf-8")
    assert "Tails along the axes" in page
    assert "excess kurtosis" in page
    assert list((report / "figures").rglob("*kurtosis*"))
    assert "kurtosis" in (report / "run.toml").read_text(encoding="utf-8")


def test_its_sampler_is_a_null_model(installed: Path, report: Path) -> None:
    program(
        installed, report.parent, "run", "points.npy", "--plugins", "kurtosis",
        "--null", "laplace", "--null-repeats", "3", "-o", "other",
    )  # fmt: skip
    found = json.loads((report.parent / "other" / "results.json").read_text(encoding="utf-8"))
    null = found["cases"][0]["nulls"]["laplace"]["analyses"]["kurtosis"]["mean"]
    assert null["mean"] == pytest.approx(3.0, abs=1.0)


def test_a_wrong_option_is_one_line(installed: Path, report: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "latent_analyze", "run", "points.npy",
         "--plugins", "kurtosis:threshold=-1", "-o", "wrong"],
        capture_output=True, text=True, cwd=report.parent,
        env={**os.environ, "PYTHONPATH": str(installed)},
    )  # fmt: skip
    assert process.returncode == 2
    assert len(process.stderr.strip().splitlines()) == 1
    assert "kurtosis.threshold" in process.stderr
    assert not (report.parent / "wrong").exists()


def test_its_own_tests_pass(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(TEMPLATE / "tests", tmp_path / "tests")
    out = python(installed, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert "passed" in out
    assert "failed" not in out
