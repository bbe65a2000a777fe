"""A folder with models, images, stores and vectors, copied for every test that asks for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine
from tiny_bundle import write_images, write_tiny_bundle

import latent_analyze as la
from latent_analyze.testing import tiny_source


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """model, other, wide, ae (bundles); images.npz; one store of each; points.npy."""
    folder = tmp_path_factory.mktemp("material")
    write_tiny_bundle(folder / "model")
    write_tiny_bundle(folder / "other", seed=1)
    write_tiny_bundle(folder / "wide", dim=6)
    write_tiny_bundle(folder / "ae", variational=False)
    images = write_images(folder / "images.npz")
    for name in ("model", "other", "wide", "ae"):
        la.encode(folder / name, images, folder / f"{name}.zarr")
    np.save(folder / "points.npy", tiny_source(200, 4).z)
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def bring(here: Path, material: Path) -> Callable[..., None]:
    """Copy entries of the material into the current folder."""

    def copy(*names: str) -> None:
        for name in names:
            source = material / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, here / name)

    return copy


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], here: Path) -> CommandLine:
    """The command line, called in an empty folder."""
    del here
    return CommandLine(capsys)
