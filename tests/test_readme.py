"""The README's commands are what it says they are; its example runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


DEMO, TESTS, EXAMPLE = blocks("sh")
PLUGIN, NOTEBOOK = blocks("python")


def extras(command: str) -> set[str]:
    """Return the extras that a pip command installs this project with."""
    match = re.match(r"python -m pip install (?:-e )?'\.\[([a-z,]+)\]' && ", command)
    assert match, command
    return set(match[1].split(","))


def test_the_two_commands_are_one_line_each() -> None:
    for command in (DEMO, TESTS):
        assert len(command.splitlines()) == 1


@pytest.mark.parametrize("command", [DEMO, TESTS], ids=["demo", "tests"])
def test_they_install_extras_that_there_are(command: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extras(command) <= project["optional-dependencies"].keys()
    assert "train" in extras(command), "both train a model"
    assert extras(command) & {"onnx", "dev"}, "both need onnxruntime"


def test_what_they_run() -> None:
    assert DEMO.rstrip().endswith(" && latent-analyze demo")
    assert TESTS.rstrip().endswith(" && python -m pytest -n auto")


@pytest.mark.skipif(os.name == "nt", reason="CI is a shell script")
def test_ci_runs_the_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (line,) = re.findall(r"^test_command=.*$", script, re.MULTILINE)
    found = subprocess.run(
        ["bash", "-c", f'{line}; echo "$test_command"'], cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert found.stdout == TESTS


def test_every_link_into_the_repository_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.slow
def test_the_example_runs_as_it_stands(tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {
        **os.environ, "PATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "agg",
    }  # fmt: skip
    cells = f"{PLUGIN}\n{NOTEBOOK}"
    for command in (["bash", "-e", "-c", EXAMPLE], [sys.executable, "-c", cells]):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
            timeout=900,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "latent-report" / "report.html").is_file()
    first, second = done.stdout.splitlines()
    assert all(float(number) > 0 for number in first.split())
    assert "Calibration(" in second


def test_the_notebook_takes_under_ten_lines() -> None:
    assert len([line for line in NOTEBOOK.splitlines() if line.strip()]) < 10
