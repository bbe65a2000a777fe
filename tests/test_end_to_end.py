"""From images to a report, through the command line, on real components and real data."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "core" / "helpers"))

from command_line import CommandLine  # noqa: E402
from tiny_bundle import write_images, write_tiny_bundle  # noqa: E402

MNIST = ROOT.parent / "shared" / "data" / "mnist.npz"
PROGRAM = [sys.executable, "-m", "latent_analyze"]
ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], here: Path) -> CommandLine:
    del here
    return CommandLine(capsys)


def start(*arguments: str, minutes: float = 5) -> str:
    """Run the program as a process of its own and return what it printed."""
    done = subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=60 * minutes, check=False,
        env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def results_of(folder: Path) -> list[dict[str, Any]]:
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert found["schema"] == 1
    cases: list[dict[str, Any]] = found["cases"]
    for case in cases:
        assert case["failures"] == []
    return cases


def assert_self_contained(page: Path, *phrases: str) -> None:
    """Require a page that loads nothing from elsewhere and holds its figures and `phrases`."""
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", text)
    assert "data:image/png;base64," in text
    for phrase in phrases:
        assert phrase in text, phrase


class TestClosedForms:
    def test_a_normal_shell(self, cli: CommandLine) -> None:
        source = "normal:sigma=1:dim=256:count=100000"
        ran = cli.works("run", source, "--plugins", "radius", "--null", "none", "--json")
        scalars = ran.json["cases"][0]["analyses"]["radius"]["data"]["scalars"]
        assert scalars["count"] == 100_000
        assert scalars["mean"] == pytest.approx(15.98, abs=0.02)

    def test_a_uniform_shell(self, cli: CommandLine) -> None:
        source = "uniform:b=1:dim=48:count=20000"
        ran = cli.works("run", source, "--plugins", "radius", "--null", "none", "--json")
        scalars = ran.json["cases"][0]["analyses"]["radius"]["data"]["scalars"]
        assert scalars["rms"] ** 2 == pytest.approx(48 / 3, rel=0.01)


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_digits_from_training_to_report(here: Path) -> None:
    assert "model: model" in start(
        "train", "digits", "--model", "vae", "--z-dim", "4", "--epochs", "3", "-o", "model"
    )
    found = json.loads(start("inspect", "model", "--json"))
    assert found["spec"]["latent"]["shape"] == [4]
    assert found["spec"]["variational"] is True
    assert max(found["check"].values()) <= 1e-4
    said = start("encode", "model", "digits")
    assert "same as in training: max |difference| / standard deviation" in said
    assert "1,797 z-points of 4 dimensions: latents.zarr" in said
    plugins = ["radius", "axis_density", "slices", "random_decode"]
    start(
        "run", "--plugins", ",".join(plugins), "--with", "uniform:b=1.5,posterior",
        "--null-repeats", "3",
    )  # fmt: skip
    (case,) = results_of(here / "latent-report")
    assert list(case["analyses"]) == plugins
    assert case["left_out"] == []
    for analysis in plugins:
        assert {"data", "uniform:b=1.5", "posterior"} <= case["analyses"][analysis].keys()
    radius = case["analyses"]["radius"]
    assert radius["data"]["scalars"]["count"] == radius["posterior"]["scalars"]["count"] == 1797
    assert radius["posterior"]["scalars"]["mean"] > radius["data"]["scalars"]["mean"]
    assert len(case["nulls"]["gaussian"]["analyses"]["radius"]) > 0
    assert {finding["analysis"] for finding in case["findings"]} >= {"radius", "slices"}
    page = here / "latent-report" / "report.html"
    titles = ("Distance from the origin", "Slices through latent space", "uniform:b=1.5", "1,797")
    assert_self_contained(page, *titles)
    figures = {path.name for path in (here / "latent-report" / "figures").iterdir()}
    for analysis in plugins:
        assert any(analysis in name for name in figures), analysis


@pytest.mark.slow
def test_the_demo_leaves_all_in_one_folder(here: Path) -> None:
    said = start("demo", "-o", "mine", "--epochs", "2")
    assert "report: mine/report/report.html" in said
    assert {path.name for path in here.iterdir()} == {"mine"}
    assert {path.name for path in (here / "mine").iterdir()} == {"model", "latents.zarr", "report"}
    assert_self_contained(here / "mine" / "report" / "report.html", "uniform:b=1.5")
    before = (here / "mine" / "report" / "results.json").read_bytes()
    trained = (here / "mine" / "model" / "model.toml").stat().st_mtime_ns
    start("demo", "-o", "mine", "--epochs", "2")
    assert (here / "mine" / "model" / "model.toml").stat().st_mtime_ns == trained
    assert (here / "mine" / "report" / "results.json").read_bytes() == before


@pytest.mark.slow
def test_an_encode_killed_again_and_again_gives_the_same_bytes(here: Path) -> None:
    write_tiny_bundle(here / "model", dim=64)
    write_images(here / "images.npz", 40_000)
    start("encode", "model", "images.npz", "-o", "whole.zarr")
    draw, killed = random.Random(0), 0
    while killed < 5:
        process = subprocess.Popen([*PROGRAM, "encode", "model", "images.npz", "-o", "cut.zarr"])
        while process.poll() is None and not (here / "cut.zarr").exists():
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
        killed += 1
    assert killed > 0
    start("encode", "model", "images.npz", "-o", "cut.zarr")
    assert _content(here / "cut.zarr") == _content(here / "whole.zarr")


def _require_mnist() -> None:
    if MNIST.is_file():
        return
    reason = f"the real digits are not beside the repository: {MNIST.relative_to(ROOT.parent)}"
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.mark.slow
def test_all_of_mnist_through_a_linear_model(here: Path, cli: CommandLine) -> None:
    _require_mnist()
    with np.load(MNIST) as data:
        images = np.concatenate([data["x_train"], data["x_test"]])
        labels = np.concatenate([data["y_train"], data["y_test"]])
    pixels = images.reshape(len(images), -1).astype(np.float32) / 255
    axes = np.linalg.svd(pixels[:5000], full_matrices=False)[2][:16].T
    write_tiny_bundle(here / "model", side=28, dim=16, variational=False, weights=axes)
    assert "70,000 z-points of 16 dimensions" in cli.works("encode", "model", MNIST).out
    ran = cli.works(
        "run", "--plugins", "radius,slices", "--with", "uniform:b=1.5", "--null-repeats", "3",
        "--json",
    )  # fmt: skip
    (case,) = ran.json["cases"]
    radii = np.linalg.norm(pixels @ axes, axis=1)
    scalars = case["analyses"]["radius"]["data"]["scalars"]
    assert scalars["count"] == 70_000
    assert scalars["mean"] == pytest.approx(float(radii.mean()), rel=1e-4)
    assert scalars["max"] == pytest.approx(float(radii.max()), rel=1e-4)
    assert case["analyses"].keys() == {"radius", "slices"}
    assert_self_contained(here / "latent-report" / "report.html", "70,000", "uniform:b=1.5")
    subset = cli.works(
        "run", "latents.zarr[split=test,label=7]", "-p", "radius", "--null", "none", "-o", "sevens",
        "--json",
    )  # fmt: skip
    (sevens,) = subset.json["cases"][0]["sources"].values()
    assert sevens["count"] == int((labels[60_000:] == 7).sum())


@pytest.mark.slow
def test_all_plugins_run_where_they_can(here: Path, cli: CommandLine) -> None:
    write_tiny_bundle(here / "model")
    write_images(here / "images.npz")
    cli.works("encode", "model", "images.npz")
    listed = cli.works("plugins", "list", "--json").json["plugins"]
    analyses = {row["name"] for row in listed if row["kind"] == "analysis"}
    ran = cli.works("run", "--plugins", "all", "--null-repeats", "1", "--json")
    (case,) = ran.json["cases"]
    left_out = {entry["analysis"] for entry in case["left_out"]}
    assert case["analyses"].keys() | left_out == analyses
    assert all(entry["reason"] for entry in case["left_out"])
    assert {"radius", "axis_density", "slices", "random_decode"} <= case["analyses"].keys()


def _content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
