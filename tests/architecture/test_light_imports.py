"""Importing the package, and asking for help, loads no heavy library."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "tensorflow", "torch", "onnxruntime", "onnx", "keras", "tf2onnx", "sklearn", "scipy", "umap",
    "numba", "matplotlib", "PIL", "zarr", "pandas", "xarray",
}  # fmt: skip


def loaded(*arguments: str) -> set[str]:
    """Return the top-level packages that a Python process imports."""
    process = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True
    )
    lines = [line for line in process.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().split(".")[0] for line in lines}


def test_importing_the_package_is_light() -> None:
    names = loaded("-c", "import latent_analyze")
    assert "latent_analyze" in names
    assert not names & HEAVY


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["plugins", "list"],
        ["plugins", "show", "radius"],
        ["plugins", "show", "vae"],
    ],
    ids=" ".join,
)
def test_asking_for_help_is_light(arguments: list[str]) -> None:
    names = loaded("-m", "latent_analyze", *arguments)
    assert "latent_analyze" in names
    assert not names & HEAVY


def test_the_command_is_light() -> None:
    names = loaded("-c", "from latent_analyze.cli import main; main(['--help'])")
    assert "typer" in names
    assert not names & HEAVY


def test_loading_all_plugins_is_light() -> None:
    names = loaded(
        "-c", "from latent_analyze.host.discovery import Host; assert not Host().problems"
    )
    assert "latent_analyze_plugins" in names
    assert not names & HEAVY
